"""What is active in this thread or async task: who looks on (tapes, accumulators), and how deep transforms are nested.

Both live in context variables, so that threads and interleaved tasks never see each other's. A Moment keeps what it
takes to run something again as it ran then.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from threading import RLock
from typing import Any, Protocol
from weakref import ref


class Observer(Protocol):
    """Whoever watches operations: `slots` holds the keys it tracks, `level` how deep it was opened."""

    level: int

    @property
    def slots(self) -> dict[int, Any]:
        """Key -> what is kept of the value."""


ACTIVE: ContextVar[tuple[Any, ...]] = ContextVar("gradtape_active", default=())
LEVEL: ContextVar[int] = ContextVar("gradtape_level", default=0)
OPEN: ContextVar[frozenset[int]] = ContextVar("gradtape_open_levels", default=frozenset())

#: The observers of this context, in the order in which they were entered. The first thing every operation asks.
active = ACTIVE.get

#: A number for every value that somebody tracks; never used twice, so that no value is taken for another.
next_key = count(1).__next__
next_level = count(1).__next__


class Observed:
    """What observed_by() gives. Written out, as Deeper is: a generator's context takes three times as long."""

    __slots__ = ("observers", "before")

    def __init__(self, observers: tuple[Any, ...]):
        self.observers = observers

    def __enter__(self) -> None:
        self.before = ACTIVE.get()
        ACTIVE.set(self.observers)

    def __exit__(self, *_: object) -> None:
        ACTIVE.set(self.before)


def observed_by(observers: tuple[Any, ...]) -> Observed:
    """Let exactly these observers look on; afterwards those of before, whatever happened."""
    return Observed(observers)


class Deeper:
    """What new_level() gives."""

    __slots__ = ("before", "surrounding")

    def __enter__(self) -> int:
        self.before, self.surrounding = LEVEL.get(), OPEN.get()
        level = next_level()
        LEVEL.set(level)
        OPEN.set(self.surrounding | {level})
        return level

    def __exit__(self, *_: object) -> None:
        LEVEL.set(self.before)
        OPEN.set(self.surrounding)


def new_level() -> Deeper:
    """Open one level deeper; yields its number, greater than those it is in.

    No number is used twice, so that a value kept from a transform that has ended is not taken for one of another's.
    """
    return Deeper()


@contextmanager
def resumed(level: int, surrounding: frozenset[int]) -> Iterator[None]:
    """Be at this level again, with its surrounding levels open, to run once more what was run there."""
    before, now = LEVEL.get(), OPEN.get()
    LEVEL.set(level)
    OPEN.set(now | surrounding)
    try:
        yield
    finally:
        LEVEL.set(before)
        OPEN.set(now)


#: Moments to which something may be run again, by number, and what keeps threads from assigning Variables meanwhile.
MOMENTS: dict[int, ref[Moment]] = {}
ASSIGNING = RLock()


class Moment:
    """The level, those that are open, and the values of all Variables: noted when one is assigned for the first time
    afterwards, so that nothing is kept of those that are not."""

    __slots__ = ("level", "surrounding", "values", "__weakref__")

    def __init__(self) -> None:
        self.level, self.surrounding = LEVEL.get(), OPEN.get()
        self.values: dict[int, tuple[Any, Any]] = {}
        number = next_key()
        MOMENTS[number] = ref(self, lambda _: MOMENTS.pop(number, None))

    @contextmanager
    def again(self) -> Iterator[None]:
        """Be at this moment again; afterwards Variables have the values of before."""
        with resumed(self.level, self.surrounding):
            if not self.values:
                yield
                return
            with ASSIGNING:
                before = [(variable, variable._data) for variable, _ in self.values.values()]
                for variable, data in self.values.values():
                    assign(variable, data)
                try:
                    yield
                finally:
                    for variable, data in before:
                        assign(variable, data)


def assign(variable: Any, data: Any) -> None:
    """Give a Variable another value; moments note the one that it had."""
    with ASSIGNING:
        if MOMENTS:
            for known in list(MOMENTS.values()):
                if (moment := known()) is not None:
                    moment.values.setdefault(variable._key, (variable, variable._data))
        variable._data = data


def enter(observer: Observer) -> None:
    """Let the observer look on from now on."""
    ACTIVE.set((*ACTIVE.get(), observer))


def leave(observer: Observer) -> None:
    """Stop it looking on; in any order, and it may be gone already."""
    observers = ACTIVE.get()
    if observers and observers[-1] is observer:
        ACTIVE.set(observers[:-1])
    else:
        ACTIVE.set(tuple([other for other in observers if other is not observer]))


def move(observer: Observer, place: int) -> None:
    """Put an observer that looks on back to its place in the order of entry."""
    others = [other for other in ACTIVE.get() if other is not observer]
    others.insert(place, observer)
    ACTIVE.set(tuple(others))
