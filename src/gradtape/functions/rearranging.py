"""Functions that put the elements of an array into another order or another frame: flip, roll, repeat, pad, diag ...

Linear, given by their kernel and their transpose, or made of reshaping, broadcasting and indexing.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..primitive import Axes, Linear, apply_linear
from ..tensor import Tensor
from .declare import dtype_of, normalized_axes, one_axis, operand, shape_of
from .indexing import getitem, scatter, updated
from .manipulation import FULL, Axis, array_and_shape, astype, broadcast_to, concat, ravel, reshape, swapaxes
from .static import full
from .untaped import untaped

# -- the order of elements ---------------------------------------------------------------------------------------
_FLIP: Linear = Linear(
    "flip",
    lambda x, axis: np.flip(x, axis),
    lambda g, x, axis: apply_linear(_FLIP, g, axis=axis),
    batch=Axes(("axis",)),
)
_ROLL: Linear = Linear(
    "roll",
    lambda x, shift, axis: np.roll(x, shift, axis),
    lambda g, x, shift, axis: apply_linear(_ROLL, g, shift=tuple([-n for n in shift]), axis=axis),
    batch=Axes(("axis",)),
)


@untaped("np.flip(x, axis)")
def flip(x: Any, /, *, axis: Axis = None) -> Any:
    """x with its elements in reverse order along these axes (all by default).

    >>> import gradtape as gt
    >>> gt.flip(gt.asarray([1.0, 2.0])).tolist()
    [2.0, 1.0]
    """
    x, shape = array_and_shape(x, "flip")
    return apply_linear(_FLIP, x, axis=normalized_axes(axis, len(shape), "flip"))


def fliplr(x: Any, /) -> Any:
    """x reversed along the second axis."""
    return flip(x, axis=1)


def flipud(x: Any, /) -> Any:
    """x reversed along the first axis."""
    return flip(x, axis=0)


@untaped("np.roll(x, shift, axis)")
def roll(x: Any, /, shift: Any, *, axis: Axis = None) -> Any:
    """x with its elements moved round by `shift` places along the axes (flattened if None).

    >>> import gradtape as gt
    >>> gt.roll(gt.asarray([1.0, 2.0, 3.0]), 1).tolist()
    [3.0, 1.0, 2.0]
    """
    x, shape = array_and_shape(x, "roll")
    if axis is None:
        shift = int(np.sum(shift))
        return reshape(roll(ravel(x), shift, axis=0), shape)
    axes = tuple(axis) if isinstance(axis, tuple | list) else (axis,)
    shifts = [int(n) for n in shift] if isinstance(shift, tuple | list | np.ndarray) else [int(shift)]
    if len(shifts) == 1:
        shifts *= len(axes)
    if len(axes) == 1:
        axes *= len(shifts)
    if len(shifts) != len(axes):
        raise ValueError(f"gradtape.roll: shift {shift} and axis {axis} differ in length")
    places = tuple([normalized_axes(a, len(shape), "roll")[0] for a in axes])
    return apply_linear(_ROLL, x, shift=tuple(shifts), axis=places)


def rot90(x: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """x turned k times by 90 degrees, from the first of the axes towards the second."""
    x, shape = array_and_shape(x, "rot90")
    a, b = normalized_axes(axes, len(shape), "rot90")
    k %= 4
    if k == 2:
        return flip(x, axis=(a, b))
    if k == 1:
        return swapaxes(flip(x, axis=b), a, b)
    return flip(swapaxes(x, a, b), axis=b) if k else reshape(x, shape)


# -- repeating ---------------------------------------------------------------------------------------------------
@untaped("x.repeat(repeats, axis)")
def repeat(x: Any, repeats: Any, /, *, axis: int | None = None) -> Any:
    """Each element (of the flattened x if axis is None) so many times in a row; one number, or one for each.

    >>> import gradtape as gt
    >>> gt.repeat(gt.asarray([1.0, 2.0]), 2).tolist()
    [1.0, 1.0, 2.0, 2.0]
    """
    x, shape = array_and_shape(x, "repeat")
    if axis is None:
        x, shape, axis = ravel(x), (prod(shape),), 0
    axis = one_axis(axis, len(shape), "repeat")
    if isinstance(repeats, Tensor):
        repeats = repeats.numpy()
    counts = np.asarray(repeats)
    n = shape[axis]
    if counts.size == 1:
        count = int(counts.reshape(()))
        before, after = shape[:axis], shape[axis + 1 :]
        y = broadcast_to(reshape(x, (*before, n, 1, *after)), (*before, n, count, *after))
        return reshape(y, (*before, n * count, *after))
    return getitem(x, (FULL,) * axis + (np.repeat(np.arange(n), counts),))


@untaped("np.tile(x, repetitions)")
def tile(x: Any, repetitions: Any, /) -> Any:
    """x laid side by side so many times along each axis (the last ones; further ones are new).

    >>> import gradtape as gt
    >>> gt.tile(gt.asarray([1.0, 2.0]), (2, 2)).tolist()
    [[1.0, 2.0, 1.0, 2.0], [1.0, 2.0, 1.0, 2.0]]
    """
    x, shape = array_and_shape(x, "tile")
    counts = tuple([int(n) for n in repetitions]) if np.ndim(repetitions) else (int(repetitions),)
    rank = max(len(counts), len(shape))
    counts = (1,) * (rank - len(counts)) + counts
    shape = (1,) * (rank - len(shape)) + shape
    pairs = list(zip(counts, shape, strict=True))
    y = reshape(x, sum([(1, n) for n in shape], ()))
    return reshape(broadcast_to(y, sum(pairs, ())), tuple([c * n for c, n in pairs]))


#: What may fill a margin.
MODES = ("constant", "edge", "reflect", "symmetric", "wrap")


@untaped(
    "np.pad(x, pad_width, mode)",
    when="mode in MODES and type(pad_width) is not dict and type(constant_values) is int and not constant_values",
    MODES=MODES,
)
def pad(x: Any, pad_width: Any, mode: str = "constant", *, constant_values: Any = 0) -> Any:
    """x with elements put before and after it along each axis, as numpy.pad.

    `pad_width`: (before, after) per axis, or once for all; `mode`: "constant" (`constant_values`, a number or a 0-d
    Tensor), "edge", "reflect", "symmetric", or "wrap". Raises ValueError for another mode.

    >>> import gradtape as gt
    >>> gt.pad(gt.asarray([1.0, 2.0]), (1, 2)).tolist()
    [0.0, 1.0, 2.0, 0.0, 0.0]
    """
    x, shape = array_and_shape(x, "pad")
    if isinstance(pad_width, dict):
        widths = [(0, 0)] * len(shape)
        for axis, width in pad_width.items():
            widths[axis] = (width, width) if isinstance(width, int) else width
        pad_width = widths
    pairs = [(int(a), int(b)) for a, b in np.broadcast_to(np.asarray(pad_width), (len(shape), 2))]
    if min([n for pair in pairs for n in pair], default=0) < 0:
        raise ValueError(f"gradtape.pad: pad_width must not be negative: {pad_width}")
    if mode == "constant":
        key = tuple([slice(a, a + n) for (a, _), n in zip(pairs, shape, strict=True)])
        larger = tuple([a + n + b for (a, b), n in zip(pairs, shape, strict=True)])
        if type(constant_values) in (int, float) and constant_values == 0:
            return scatter(x, key, larger)
        return _pad_with(x, key, larger, pairs, constant_values)
    if mode not in MODES:
        raise ValueError(f"gradtape.pad: unknown mode {mode!r}")
    for axis, (pair, n) in enumerate(zip(pairs, shape, strict=True)):
        if any(pair):
            x = getitem(x, (FULL,) * axis + (np.pad(np.arange(n), pair, mode=mode),))  # type: ignore[call-overload]
    return x


def _pad_with(x: Any, key: Any, larger: tuple[int, ...], pairs: Any, values: Any) -> Any:
    """Padding with other constants than 0: one for all, or (before, after) per axis."""
    if not shape_of(operand(values, "pad", "constant_values")):
        return updated(broadcast_to(astype(values, dtype_of(x)), larger), key, x)
    for axis, (pair, constants) in enumerate(zip(pairs, np.broadcast_to(values, (len(pairs), 2)), strict=True)):
        shape = shape_of(x)
        ends = [
            full((*shape[:axis], n, *shape[axis + 1 :]), c, dtype_of(x), x)
            for n, c in zip(pair, constants, strict=True)
        ]
        x = concat([ends[0], x, ends[1]], axis=axis)
    return x


# -- triangles and diagonals -------------------------------------------------------------------------------------
_TRIL: Linear = Linear(
    "tril",
    lambda x, k: np.tril(x, k),
    lambda g, x, k: apply_linear(_TRIL, g, k=k),
    batch=lambda size, values, flags, k: apply_linear(_TRIL, values[0], k=k),
)
_TRIU: Linear = Linear(
    "triu",
    lambda x, k: np.triu(x, k),
    lambda g, x, k: apply_linear(_TRIU, g, k=k),
    batch=lambda size, values, flags, k: apply_linear(_TRIU, values[0], k=k),
)


@untaped("np.tril(x, k)", when="x.ndim > 1")
def tril(x: Any, /, *, k: int = 0) -> Any:
    """Matrices (the last two axes) with zeros above the k-th diagonal.

    >>> import gradtape as gt
    >>> gt.tril(gt.asarray([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[1.0, 0.0], [3.0, 4.0]]
    """
    return apply_linear(_TRIL, _matrices(x, "tril"), k=int(k))


@untaped("np.triu(x, k)", when="x.ndim > 1")
def triu(x: Any, /, *, k: int = 0) -> Any:
    """Matrices (the last two axes) with zeros below the k-th diagonal."""
    return apply_linear(_TRIU, _matrices(x, "triu"), k=int(k))


def _matrices(x: Any, function: str) -> Any:
    x, shape = array_and_shape(x, function)
    if len(shape) < 2:
        raise ValueError(f"gradtape.{function}: x needs two axes or more; its shape is {shape}")
    return x


def _diagonal_slice(rows: int, columns: int, k: int) -> slice:
    """Where the k-th diagonal of a matrix is among its elements in order."""
    start = k if k >= 0 else -k * columns
    count = max(0, min(rows, columns - k) if k >= 0 else min(rows + k, columns))
    return slice(start, start + count * (columns + 1) if count else start, columns + 1)


@untaped("np.diag(x, k)")
def diag(x: Any, /, k: int = 0) -> Any:
    """The k-th diagonal of a matrix; of a one-axis x, the matrix with x as its k-th diagonal. Else ValueError.

    >>> import gradtape as gt
    >>> gt.diag(gt.asarray([1.0, 2.0])).tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    """
    x, shape = array_and_shape(x, "diag")
    if len(shape) == 2:
        return getitem(ravel(x), (_diagonal_slice(*shape, k),))
    if len(shape) != 1:
        raise ValueError(f"gradtape.diag: x must have one axis or two; its shape is {shape}")
    n = shape[0] + (k if k > 0 else -k)
    if not n:
        return reshape(x, (0, 0))
    return reshape(scatter(x, (_diagonal_slice(n, n, k),), (n * n,)), (n, n))


@untaped("np.diagflat(x, k)")
def diagflat(x: Any, /, k: int = 0) -> Any:
    """The matrix with the elements of x as its k-th diagonal."""
    return diag(ravel(x), k)


__all__ = [
    "diag", "diagflat", "flip", "fliplr", "flipud", "pad", "repeat", "roll", "rot90", "tile", "tril", "triu",
]  # fmt: skip
