"""Values from outside a computation: whether somebody who looks on follows what it uses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..context import LEVEL, active, next_key, observed_by
from ..tensor import Tensor, VirtualTensor


class OuterValues:
    """An observer in the place of others, that only notes whether values are used which they follow."""

    __slots__ = ("observers", "level", "start", "used", "virtual", "fallible")
    wants_everything = False

    def __init__(self, observers: tuple[Any, ...]):
        self.observers = observers
        self.level, self.start = LEVEL.get(), next_key()
        self.used = self.virtual = self.fallible = False

    @property
    def slots(self) -> OuterValues:
        """Itself: what is followed is asked of the others."""
        return self

    def __contains__(self, key: int) -> bool:
        return any([key in observer.slots for observer in self.observers])

    def __setitem__(self, key: int, record: Any) -> None:
        self.used = True

    def accessed(self, variable: Any) -> None:
        """A variable is read: the others may want to follow it from now on, unless it was made just now."""
        for observer in self.observers if variable._key < self.start else ():
            observer.accessed(variable)

    def note_number(self, x: Tensor, kind: str, line: str) -> None:
        """A number was taken of x: a constant in any case."""


def nothing_flows(function: str, what: str, who: str) -> TypeError:
    """The error where a derivative that is no Tensor would cut what somebody follows."""
    return TypeError(
        f"gradtape.{function}: {what} is made of NumPy's arrays, through which nothing flows: it cannot be taken "
        f"inside a tape or a transform that follows {who}. Use {INSTEAD[what]} there, or .numpy() of that value"
    )


INSTEAD = {"a sparse derivative": "sparse=False", "a LinearOperator": "hvp, jvp or vjp"}


@contextmanager
def closed(function: str, what: str) -> Iterator[None]:
    """Run something whose result is no Tensor. Raises TypeError if it uses what a tape outside follows."""
    observers = active()
    if not observers:
        yield
        return
    watcher = OuterValues(observers)
    with observed_by((watcher,)):
        yield
    if watcher.used:
        raise nothing_flows(function, what, "a value that f uses")


def check_plain(values: Sequence[Any], function: str, what: str) -> None:
    """Raise TypeError if there is a value of a transform outside among these."""
    if any([type(value) is VirtualTensor for value in values]):
        raise nothing_flows(function, what, "a value that f uses")
