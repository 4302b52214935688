"""vmap: run a function of one example on a whole batch at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..context import new_level
from ..nest import flatten, in_order
from ..tensor import ForeignTensor, Tensor, VirtualTensor, tensor
from ..virtual.batched import Batched, unbatched
from .arguments import again, as_output, asarray, check_callable, named

HANDLES = frozenset([Tensor, ForeignTensor])


def spread(axes: Any, node: Any, what: str) -> list[Any]:
    """One axis (or None) for each leaf of `node`, from an int, None, or a container that is a prefix of it."""
    leaves, _ = flatten(node)
    if axes is None or isinstance(axes, int):
        return [axes] * len(leaves)
    if isinstance(axes, dict) and isinstance(node, dict):
        return [a for key in in_order(node) for a in spread(axes[key], node[key], what)]
    if isinstance(axes, tuple | list) and isinstance(node, tuple | list) and len(axes) == len(node):
        return [a for part, below in zip(axes, node, strict=True) for a in spread(part, below, what)]
    raise ValueError(f"gradtape.vmap: {what}={axes!r} does not fit the structure of what it describes")


def vmap(f: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
    """The function that applies f to every example of a batch, by one pass of batched operations.

    `in_axes`: for each positional argument the axis of the examples (None: shared by all), as an int or nested
    like the arguments; keyword arguments are shared; `out_axes`: where the examples' axis stands in the results
    (None: there is none, for a result that is the same for all).
    Raises ValueError if the batches differ in length or there is none.

    >>> import gradtape as gt
    >>> gt.vmap(gt.grad(lambda x: x**3))(gt.asarray([1.0, 2.0])).tolist()
    [3.0, 12.0]
    """
    check_callable(f, "vmap")

    def batched(*arguments: Any, **kwargs: Any) -> Any:
        from ..functions.manipulation import moveaxis

        leaves, structure = flatten(arguments)
        axes = spread(in_axes, arguments, "in_axes")
        size = None
        values: list[Any] = []
        for leaf, axis in zip(leaves, axes, strict=True):
            if axis is None:
                values.append(leaf)
                continue
            x = asarray(leaf)
            if not -x.ndim <= axis < x.ndim:
                raise ValueError(f"gradtape.vmap: in_axes names axis {axis} of an argument of shape {x.shape}")
            if size is not None and x.shape[axis] != size:
                raise ValueError(f"gradtape.vmap: batches of {size} and of {x.shape[axis]} examples in one call")
            size = x.shape[axis]
            values.append(moveaxis(x, axis, 0) if axis % x.ndim else x)
        if size is None:
            raise ValueError("gradtape.vmap: in_axes is None for every argument; there is nothing to map over")
        with new_level() as level:
            inputs = [
                (again(value) if type(value) in HANDLES else value) if axis is None else tensor(Batched(value, level))
                for value, axis in zip(values, axes, strict=True)
            ]
            out = f(*structure.unflatten(inputs), **kwargs)
        outputs, out_structure = flatten(out)
        results: list[Tensor] = []
        for y, axis in zip(outputs, spread(out_axes, out, "out_axes"), strict=True):
            y = as_output(y, "vmap")
            if axis is None:
                if type(y) is VirtualTensor and y._data.level == level:
                    raise ValueError("gradtape.vmap: out_axes is None for a result that differs between the examples")
                results.append(y)
                continue
            whole = unbatched(y, level, size)
            results.append(moveaxis(whole, 0, axis) if axis else whole)
        return out_structure.unflatten(results)

    return named(batched, f, "vmap")
