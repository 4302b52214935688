"""Order: sorting, positions of extremes and of sorted values, medians and quantiles."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays import reduction_kernels as kernels
from ..arrays.dtypes import kind_of, numpy_dtype
from ..arrays.numpy_kernels import DOUBLE
from ..arrays.quantile_methods import CHOOSING, places
from ..primitive import Alike, Axes, General, Linear, Zero, apply
from .declare import one_axis, operand, shape_of
from .elementwise import isnan, where
from .manipulation import expand_dims, permute_dims, reshape
from .reductions import Axis, axes_of
from .reductions import any as any_of
from .static import static
from .untaped import untaped

_ARGSORT = Zero("argsort", kernels.argsort, ("x",), batch=Axes(("axis",)))
_INVERSE_ORDER = Zero("inverse_order", kernels.inverse_order, ("order",), batch=Axes(("axis",)))
_REORDER = Linear(
    "reorder",
    lambda x, order, axis: np.take_along_axis(x, order, axis),
    lambda g, i, specs, saved, axis: apply(_REORDER, g, apply(_INVERSE_ORDER, saved[1], axis=axis), axis=axis),
    batch=Alike(),
    arguments=("x", "order"),
    linear=(0,),
)
_SORT = General(
    "sort",
    kernels.sort,
    vjp=lambda g, x, axis, descending: apply(
        _REORDER, g, apply(_INVERSE_ORDER, _order(x, axis, descending), axis=axis), axis=axis
    ),
    jvp=lambda dx, x, axis, descending: apply(_REORDER, dx, _order(x, axis, descending), axis=axis),
    batch=Axes(("axis",)),
)
_ARGMAX = Zero(
    "argmax", lambda x, axis, keepdims: np.argmax(x, axis=axis, keepdims=keepdims), ("x",), batch=Axes(("axis",))
)
_ARGMIN = Zero(
    "argmin", lambda x, axis, keepdims: np.argmin(x, axis=axis, keepdims=keepdims), ("x",), batch=Axes(("axis",))
)


def _searchsorted_batch(size: int, values: Any, flags: Any, side: str, lead: int) -> Any:
    values = [v if f else expand_dims(v, axis=0) for v, f in zip(values, flags, strict=True)]
    return apply(_SEARCHSORTED, *values, side=side, lead=lead + 1)


_SEARCHSORTED = Zero("searchsorted", kernels.searchsorted, ("x1", "x2"), batch=_searchsorted_batch)


def _order(x: Any, axis: int, descending: bool) -> Any:
    return apply(_ARGSORT, x, axis=axis, descending=descending)


def _along_one(x: Any, axis: int | None, name: str) -> tuple[Any, int]:
    """x, in a row where axis is None, and the axis, non-negative."""
    x = operand(x, name, "x")
    if axis is None:
        return reshape(x, (-1,)), 0
    axis = one_axis(axis, len(shape_of(x)), name)
    return x, axis


@untaped("np.sort(x, axis, stable=True)", when="not descending")
def sort(x: Any, /, axis: int | None = -1, *, descending: bool = False, stable: bool = True) -> Any:
    """The elements in ascending order along the axis (None: of all in a row); NaN come last.

    Shape and dtype are x's. Elements that tie keep their order, so that the gradient is always a permutation. Raises
    TypeError for what is no array, AxisError for an axis that x has not.

    >>> import gradtape as gt
    >>> gt.sort(gt.asarray([3.0, 1.0, 2.0])).tolist()
    [1.0, 2.0, 3.0]
    """
    x, axis = _along_one(x, axis, "sort")
    return apply(_SORT, x, axis=axis, descending=bool(descending))


@untaped("x.argsort(axis, stable=True)", when="not descending")
def argsort(x: Any, /, axis: int | None = -1, *, descending: bool = False, stable: bool = True) -> Any:
    """The positions of the elements in ascending order along the axis (None: of all in a row), as integers.

    Elements that tie keep their order. Raises TypeError for what is no array, AxisError for an axis that x has not.

    >>> import gradtape as gt
    >>> gt.argsort(gt.asarray([3.0, 1.0, 2.0])).tolist()
    [1, 2, 0]
    """
    x, axis = _along_one(x, axis, "argsort")
    return _order(x, axis, bool(descending))


def _position(primitive: Zero, x: Any, axis: int | None, keepdims: bool) -> Any:
    if axis is not None:
        x, axis = _along_one(x, axis, primitive.name)
        return apply(primitive, x, axis=axis, keepdims=bool(keepdims))
    ones = (1,) * len(shape_of(operand(x, primitive.name, "x")))
    x, _ = _along_one(x, None, primitive.name)
    y = apply(primitive, x, axis=0, keepdims=False)
    return reshape(y, ones) if keepdims else y


@untaped("x.argmax(axis, keepdims=keepdims)")
def argmax(x: Any, /, axis: int | None = None, *, keepdims: bool = False) -> Any:
    """The position of the first largest element along the axis (by default of all in a row), an integer.

    The shape loses that axis, or has a one there if `keepdims`. Raises TypeError for what is no array, AxisError for
    an axis that x has not, ValueError where there are no elements.

    >>> import gradtape as gt
    >>> int(gt.argmax(gt.asarray([1.0, 3.0, 2.0])))
    1
    """
    return _position(_ARGMAX, x, axis, keepdims)


@untaped("x.argmin(axis, keepdims=keepdims)")
def argmin(x: Any, /, axis: int | None = None, *, keepdims: bool = False) -> Any:
    """The position of the first smallest element along the axis (by default of all in a row); as argmax.

    >>> import gradtape as gt
    >>> int(gt.argmin(gt.asarray([1.0, 3.0, 2.0])))
    0
    """
    return _position(_ARGMIN, x, axis, keepdims)


@untaped("x1.searchsorted(x2, side, sorter)", arrays="x1 x2")
def searchsorted(x1: Any, x2: Any, /, side: str = "left", sorter: Any = None) -> Any:
    """Where to insert each element of x2 into the sorted one-dimensional x1 to keep it sorted, as integers.

    Among equals before (`side` "left") or after ("right"); `sorter`: the order that sorts x1. The shape is x2's.
    Raises ValueError for another side or an x1 of other than one axis, TypeError for what is no array.

    >>> import gradtape as gt
    >>> int(gt.searchsorted([1.0, 2.0, 3.0], 2.5))
    2
    """
    x1, x2 = operand(x1, "searchsorted", "x1"), operand(x2, "searchsorted", "x2")
    if side not in ("left", "right"):
        raise ValueError(f'gradtape.searchsorted: side is "left" or "right", not {side!r}')
    if len(shape_of(x1)) != 1:
        raise ValueError(f"gradtape.searchsorted: x1 must have one axis; its shape is {shape_of(x1)}")
    if sorter is not None:
        from .indexing import take

        x1 = take(x1, operand(sorter, "searchsorted", "sorter"), axis=0)
    return apply(_SEARCHSORTED, x1, x2, side=side, lead=0)


def _sorted_rows(x: Any, axis: Axis, name: str) -> tuple[Any, tuple[int, ...]]:
    """x sorted along the axes taken together as the last one, and its shape with ones in their place."""
    x = operand(x, name, "x")
    shape = shape_of(x)
    axes = axes_of(axis, len(shape), name)
    rest = [i for i in range(len(shape)) if i not in axes]
    if len(axes) != 1 or axes[0] != len(shape) - 1:
        x = reshape(permute_dims(x, (*rest, *axes)), (*[shape[i] for i in rest], kernels.length(shape, axes)))
    if x.shape[-1] == 0:
        raise ValueError(f"gradtape.{name}: there are no elements along axis {axis} of the shape {shape}")
    return sort(x), kernels.kept(shape, axes)


@untaped("np.median(x, axis, keepdims=keepdims)")
def median(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """The middle of the sorted elements along the axes (all by default): of an even number the mean of the middle two.

    The shape loses those axes, or has ones there if `keepdims`; integers give floats; NaN where there is one among
    the elements. Raises TypeError for what is no array, AxisError for an axis that x has not, ValueError where there
    are no elements.

    >>> import gradtape as gt
    >>> gt.grad(gt.median)(gt.asarray([4.0, 1.0, 3.0, 2.0])).tolist()
    [0.0, 0.0, 0.5, 0.5]
    """
    rows, kept = _sorted_rows(x, axis, "median")
    if kind_of(rows.dtype) not in "fc":
        rows = rows * 1.0  # the sum of two might overflow, or be True
    n = rows.shape[-1]
    y = (rows[..., (n - 1) // 2] + rows[..., n // 2]) / 2 if n % 2 == 0 else rows[..., n // 2] * 1.0
    y = where(isnan(rows[..., -1]), rows[..., -1], y)
    return reshape(y, kept) if keepdims else y


@untaped("np.quantile(x, q, axis, method=method, keepdims=keepdims)", when="x.dtype is DOUBLE", DOUBLE=DOUBLE)
def quantile(
    x: Any, q: Any, /, axis: Axis = None, *, method: str = "linear", keepdims: bool = False
) -> Any:
    """The values below which the fractions q (constants in [0, 1]) of the elements along the axes (all by default) lie.

    `method`: one of NumPy's thirteen, between two elements "linear", "lower", "higher", "nearest" or "midpoint", or
    "hazen", "weibull", "inverted_cdf" and so on. The shape is q's, then x's without those axes (or with ones there if
    `keepdims`); NaN where there is one among the elements. Raises ValueError for a q outside [0, 1], an unknown
    method, or no elements; TypeError for what is no array.

    >>> import gradtape as gt
    >>> gt.quantile(gt.asarray([1.0, 2.0, 4.0]), [0.0, 0.75]).tolist()
    [1.0, 3.0]
    """
    from .indexing import take

    fractions = np.asarray(q, dtype=np.float64)
    if not np.logical_and(fractions >= 0, fractions <= 1).all():
        raise ValueError("gradtape.quantile: q must lie in [0, 1]")
    rows, kept = _sorted_rows(x, axis, "quantile")
    below, above, weight = places(rows.shape[-1], fractions.reshape(-1), method, "quantile")
    dtype = numpy_dtype(rows.dtype) if kind_of(rows.dtype) == "f" else np.dtype(np.float64)
    y = low = take(rows, below, axis=-1)
    if method not in CHOOSING:
        high = take(rows, above, axis=-1)
        near, way = np.where(weight < 0.5, below, above), np.where(weight < 0.5, weight, weight - 1)
        between = take(rows, near, axis=-1) + (high - low) * static(way.astype(dtype), rows)  # rounded as by NumPy
        y = where(static(weight == 0, rows), low, where(static(weight == 1, rows), high, between))
    if kind_of(rows.dtype) in "fc":
        y = where(any_of(isnan(rows), axis=-1, keepdims=True), math.nan, y)
    rank = len(y.shape)
    y = permute_dims(y, (rank - 1, *range(rank - 1)))
    return reshape(y, (*fractions.shape, *(kept if keepdims else y.shape[1:])))


@untaped("np.percentile(x, q, axis, method=method, keepdims=keepdims)", when="x.dtype is DOUBLE", DOUBLE=DOUBLE)
def percentile(
    x: Any, q: Any, /, axis: Axis = None, *, method: str = "linear", keepdims: bool = False
) -> Any:
    """quantile with q in percent.

    >>> import gradtape as gt
    >>> float(gt.percentile(gt.asarray([1.0, 2.0, 4.0]), 75))
    3.0
    """
    return quantile(x, np.asarray(q, dtype=np.float64) / 100, axis, method=method, keepdims=keepdims)


__all__ = [
    "argmax", "argmin", "argsort", "median", "percentile", "quantile", "searchsorted", "sort",
]  # fmt: skip
