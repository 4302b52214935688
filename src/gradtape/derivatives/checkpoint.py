"""checkpoint: a function that is run again when it is differentiated, instead of keeping what its derivative needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from ..nest import flatten
from ..tensor import Variable
from .arguments import check_callable
from .hidden import as_one, may_hide


class Checkpointed:
    """A function whose intermediate values are not kept; as a method it is bound like one."""

    def __init__(self, f: Callable[..., Any]):
        update_wrapper(self, f)
        self.f = f  # after the wrapper has taken over f's attributes, among which may be one of this name

    def __get__(self, instance: Any, owner: Any = None) -> Checkpointed:
        return Checkpointed(self.f.__get__(instance, owner))

    def __repr__(self) -> str:
        return f"<function {getattr(self.f, '__qualname__', self.f)}, checkpointed>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        f = self.f
        leaves, structure = flatten((args, kwargs), none_is_leaf=True)
        if not may_hide(leaves):
            return f(*args, **kwargs)
        shapes: list[Any] = []

        def compute(values: list[Any]) -> list[Any]:
            args, kwargs = structure.unflatten(values)
            outputs, shape = flatten(f(*args, **kwargs), none_is_leaf=True)
            shapes[:] = [shape]
            return [y.read_value() if isinstance(y, Variable) else y for y in outputs]

        outputs = as_one(compute, leaves, getattr(f, "__name__", "checkpoint"))
        return shapes[0].unflatten(outputs)


def checkpoint(f: Callable[..., Any]) -> Any:
    """f, run again when it is differentiated in reverse instead of keeping its intermediate values: memory for time.

    >>> import gradtape as gt
    >>> layer = gt.checkpoint(lambda x: gt.sin(gt.exp(x)))
    >>> float(gt.grad(layer)(0.0)) == float(gt.cos(1.0))
    True
    """
    check_callable(f, "checkpoint")
    return Checkpointed(f)


def recompute_grad(f: Callable[..., Any]) -> Any:
    """checkpoint(f), by TensorFlow's name.

    >>> import gradtape as gt
    >>> layer = gt.recompute_grad(lambda x: gt.sin(gt.exp(x)))
    >>> float(gt.grad(layer)(0.0)) == float(gt.cos(1.0))
    True
    """
    check_callable(f, "recompute_grad")
    return Checkpointed(f)


__all__ = ["checkpoint", "recompute_grad"]
