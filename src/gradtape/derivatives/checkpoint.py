"""checkpoint: a function that is run again when it is differentiated, instead of keeping what its derivative needs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import update_wrapper
from typing import Any

from ..context import LEVEL, resumed
from ..nest import flatten
from ..primitive import REGISTRY, Bilinear, Primitive
from ..tensor import Variable, VirtualTensor
from ..virtual.kept import Store, bare, wrapped
from .arguments import check_callable
from .hidden import as_one, may_hide

#: Which applications have their results kept.
Choice = Callable[[Primitive], bool]


class Checkpointed:
    """A function whose intermediate values are not kept, but for those chosen; as a method it is bound like one."""

    def __init__(self, f: Callable[..., Any], chosen: Choice | None = None):
        update_wrapper(self, f)
        self.f = f  # after the wrapper has taken over f's attributes, among which may be one of this name
        self.chosen = chosen

    def __get__(self, instance: Any, owner: Any = None) -> Checkpointed:
        return Checkpointed(self.f.__get__(instance, owner), self.chosen)

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

        name = getattr(f, "__name__", "checkpoint")
        if self.chosen is None or LEVEL.get() or any([type(x) is VirtualTensor for x in leaves]):
            outputs = as_one(compute, leaves, name)
        else:
            store = Store(self.chosen)
            again = lambda values: within(Store(store.chosen, store.entries), compute, values)
            outputs = as_one(lambda values: within(store, compute, values), leaves, name, again=again)
        return shapes[0].unflatten(outputs)


def within(store: Store, compute: Callable[[list[Any]], list[Any]], values: list[Any]) -> list[Any]:
    """compute(values), with what is chosen kept in the store or found there."""
    with resumed(store.level, frozenset([store.level])):
        try:
            return [bare(y) for y in compute([wrapped(x, store) for x in values])]
        finally:
            store.running = False


def choice(policy: str | Collection[str] | None) -> Choice | None:
    """What a policy says. Raises ValueError for a name that is none of a function of gradtape."""
    if policy is None:
        return None
    if policy == "products":
        return lambda primitive: isinstance(primitive, Bilinear)
    names = [policy] if isinstance(policy, str) else list(policy)
    for name in names:
        if name not in REGISTRY:
            raise ValueError(
                f"gradtape.checkpoint: policy names {name!r}; it may be None, 'products', or names of primitives such "
                "as 'matmul', 'inv', 'exp' (docs/coverage.md lists them)"
            )
    return lambda primitive: primitive.name in names


def checkpoint(f: Callable[..., Any] | None = None, *, policy: str | Collection[str] | None = None) -> Any:
    """f, run again when it is differentiated in reverse instead of keeping its intermediate values: memory for time.

    Gradients are those of f: of its arguments, nested containers of them, and of Variables and other values that it
    closes over; to any order, in every mode. `policy`: what is kept all the same and not computed again. None: nothing;
    "products": the results of matrix products, `einsum` and the like; or names of primitives, as {"matmul", "inv"}.
    Inside of jvp, vmap and other transforms all is computed again. f must do the same each time; Variables are then
    what they were at first, whatever has been assigned since. Usable as a decorator.
    Raises TypeError if f is no function, ValueError for an unknown policy; the sweep raises RuntimeError where kept
    results do not fit what f does when it runs again. After Griewank (Achieving logarithmic growth of temporal and
    spatial complexity in reverse automatic differentiation, 1992): the arguments are the state that is kept.

    >>> import gradtape as gt
    >>> layer = gt.checkpoint(lambda x: gt.sin(gt.exp(x)))
    >>> float(gt.grad(layer)(0.0)) == float(gt.cos(1.0))
    True
    """
    chosen = choice(policy)
    if f is None:
        return lambda function: checkpoint(function, policy=policy)
    check_callable(f, "checkpoint")
    return Checkpointed(f, chosen)


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
