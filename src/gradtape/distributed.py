"""Sums over the chunks of Dask arrays, with their derivatives: one task for each chunk.

gradtape works on Dask arrays as on any others, one task for each operation and chunk. Where a loss is a sum over rows,
it is quicker to differentiate it on each chunk as a whole, in NumPy, and to add up: that is what is here.

    total = distributed.value_and_grad(loss)(w, X, Y)     # X, Y: Dask arrays in chunks of rows; lazy
    value, gradient = total.compute()
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .derivatives.dense import hvp as dense_hvp
from .derivatives.reverse import value_and_grad as reverse_value_and_grad
from .errors import missing_extra
from .nest import flatten, map_leaves
from .tensor import Tensor, to_array


def chunk_sum(function: Callable[..., Any], *arrays: Any) -> Any:
    """The sum over chunks of rows of function(*chunks), lazily: a dask.delayed value to `.compute()`.

    `arrays`: Dask arrays chunked alike along their first axis, and along no other. `function` is given their chunks as
    NumPy arrays and returns arrays, or containers of them, which are added up pairwise. Raises TypeError for what is no
    Dask array, ValueError for arrays that are chunked differently.

    >>> import dask.array as da
    >>> from gradtape import distributed
    >>> float(distributed.chunk_sum(lambda x: (x**2).sum(), da.arange(6.0, chunks=2)).compute())
    55.0
    """
    dask = _dask()
    arrays = tuple([a.data if isinstance(a, Tensor) else a for a in arrays])
    if not arrays:
        raise TypeError("gradtape.distributed.chunk_sum: at least one Dask array is needed")
    for i, a in enumerate(arrays):
        if not hasattr(a, "to_delayed") or not hasattr(a, "chunks"):
            raise TypeError(f"gradtape.distributed: array {i} is a {type(a).__name__}; Dask arrays are expected")
        if not a.ndim or a.chunks[0] != arrays[0].chunks[0]:
            raise ValueError(
                f"gradtape.distributed: array {i} has chunks of {a.chunks[:1]} rows, the first {arrays[0].chunks[:1]}; "
                "use rechunk() to make them alike"
            )
        if any(len(lengths) > 1 for lengths in a.chunks[1:]):
            raise ValueError(
                f"gradtape.distributed: array {i} is cut along more than its first axis ({a.chunks}); "
                "use rechunk({1: -1}) and the like"
            )
    blocks = [a.to_delayed().ravel() for a in arrays]
    task, whole = dask.delayed(on_chunks, pure=False), dask.delayed(function, traverse=False)
    parts = [task(whole, *chunks) for chunks in zip(*blocks, strict=True)]
    add = dask.delayed(added)
    while len(parts) > 1:  # a tree, so that no task waits for all
        parts = [add(parts[i : i + 8]) if len(parts[i : i + 8]) > 1 else parts[i] for i in range(0, len(parts), 8)]
    return parts[0]


def value_and_grad(
    function: Callable[..., Any], argnums: int | tuple[int, ...] = 0, arrays: Sequence[int] | None = None
) -> Callable[..., Any]:
    """As gradtape.value_and_grad, for a function that is a sum over rows: lazy, one task for each chunk.

    The Dask arrays among the arguments (or those numbered in `arrays`) are split into chunks, the others go to each
    task whole. The result is a dask.delayed pair.

    >>> import dask.array as da, numpy as np
    >>> from gradtape import distributed
    >>> f = lambda w, x: (w * x).sum()
    >>> value, gradient = distributed.value_and_grad(f)(2.0, da.arange(4.0, chunks=2)).compute()
    >>> float(value), float(gradient)
    (12.0, 6.0)
    """

    def lazily(*arguments: Any) -> Any:
        split = [i for i, a in enumerate(arguments) if is_chunked(a)] if arrays is None else list(arrays)
        rest = [None if i in split else map_leaves(_whole, a) for i, a in enumerate(arguments)]
        return chunk_sum(
            PerChunk(_value_and_grad_at, (function, argnums), rest, split), *[arguments[i] for i in split]
        )

    return lazily


def hvp(function: Callable[..., Any], w: Any, v: Any, *arrays: Any) -> Any:
    """The Hessian, in w, of a function w, *rows -> sum over rows, times v: lazy, one task for each chunk.

    >>> import dask.array as da
    >>> from gradtape import distributed
    >>> float(distributed.hvp(lambda w, x: (w**2 * x).sum(), 3.0, 1.0, da.arange(4.0, chunks=2)).compute())
    12.0
    """
    w, v = map_leaves(_whole, w), map_leaves(_whole, v)
    split = list(range(len(arrays)))
    return chunk_sum(PerChunk(_hvp_at, (function, w, v), [None] * len(split), split), *arrays)


class PerChunk:
    """derivative(function, *options)(arguments), where some arguments are the chunks. Made of what can be pickled."""

    def __init__(self, derivative: Callable[..., Any], options: tuple[Any, ...], rest: list[Any], split: list[int]):
        self.derivative, self.options, self.rest, self.split = derivative, options, rest, split

    def __call__(self, *chunks: Any) -> Any:
        given = list(self.rest)
        for i, chunk in zip(self.split, chunks, strict=True):
            given[i] = chunk
        return self.derivative(*self.options, *given)


def _value_and_grad_at(function: Callable[..., Any], argnums: Any, *arguments: Any) -> Any:
    return reverse_value_and_grad(function, argnums)(*arguments)


def _hvp_at(function: Callable[..., Any], w: Any, v: Any, *chunks: Any) -> Any:
    return dense_hvp(lambda w: function(w, *chunks), w, v)


def is_chunked(x: Any) -> bool:
    """Whether x is a Dask array, or a Tensor of one."""
    return hasattr(x.data if isinstance(x, Tensor) else x, "dask")


def _whole(x: Any) -> Any:
    """An argument that goes to every task, as NumPy has it."""
    return np.asarray(to_array(x)) if isinstance(x, Tensor) else x


def on_chunks(function: Callable[..., Any], *chunks: Any) -> Any:
    """The function's result as NumPy arrays."""
    return map_leaves(lambda y: y.numpy() if isinstance(y, Tensor) else np.asarray(y), function(*chunks))


def added(results: list[Any]) -> Any:
    """The sum, leaf by leaf."""
    leaves, structure = zip(*[flatten(result) for result in results], strict=True)
    return structure[0].unflatten([sum(parts[1:], start=parts[0]) for parts in zip(*leaves, strict=True)])


def _dask() -> Any:
    try:
        import dask
    except ImportError:
        raise missing_extra("dask", "dask", "gradtape.distributed") from None
    return dask


__all__ = ["chunk_sum", "hvp", "value_and_grad"]
