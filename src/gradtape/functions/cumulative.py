"""Running sums and products along an axis, and the linear recurrence that the latter's derivatives are."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import reduction_kernels as kernels
from ..arrays.dtypes import kind_of, numpy_dtype
from ..primitive import Alike, Axes, General, Linear, apply, scale
from ..taylor_rules import Solves
from .declare import dtype_of, one_axis, operand, shape_of
from .elementwise import not_equal
from .manipulation import FULL, astype, broadcast_to, concat, reshape
from .reductions import as_asked
from .static import full, static
from .untaped import untaped

_CUMULATIVE_SUM = Linear(
    "cumulative_sum",
    kernels.cumulative_sum,
    lambda g, x, axis, reverse: apply(_CUMULATIVE_SUM, g, axis=axis, reverse=not reverse),
    batch=Axes(("axis",)),
)
_SHIFT = Linear(
    "shift",
    kernels.shift,
    lambda g, x, axis, reverse: shift(g, axis, not reverse),
    batch=Axes(("axis",)),
)
# s[i] = a[i] s[i-1] + b[i]: the derivatives are recurrences with the same a, forwards or backwards.
_RECURRENCE = General(
    "recurrence",
    kernels.recurrence,
    arguments=("a", "b"),
    vjp=(
        lambda g, a, y, axis, reverse: scale(_backwards(g, a, axis, reverse), shift(y, axis, reverse)),
        lambda g, a, axis, reverse: _backwards(g, a, axis, reverse),
    ),
    jvp=(
        lambda da, a, y, axis, reverse: recurrence(a, scale(da, shift(y, axis, reverse)), axis, reverse),
        lambda db, a, axis, reverse: recurrence(a, db, axis, reverse),
    ),
    batch=Alike(),
    # the y with y - a shift(y) = b
    series=Solves(a=0, b=1, product=lambda a, y, axis, reverse: -scale(a, shift(y, axis, reverse))),
)
# y[i] = x[i] y[i-1]: nothing is divided, so zeros are right to every order.
_CUMULATIVE_PROD = General(
    "cumulative_prod",
    lambda x, axis: np.multiply.accumulate(x, axis=axis),
    vjp=lambda g, x, y, axis: scale(_backwards(g, x, axis, False), _before(y, axis)),
    jvp=lambda dx, x, y, axis: recurrence(x, scale(dx, _before(y, axis)), axis, False),
    batch=Axes(("axis",)),
)


def shift(x: Any, axis: int, reverse: bool) -> Any:
    """Each element one place on along the axis (one back if `reverse`), a zero where none comes."""
    return apply(_SHIFT, x, axis=axis, reverse=reverse)


def recurrence(a: Any, b: Any, axis: int, reverse: bool) -> Any:
    """s[i] = a[i] s[i-1] + b[i] along the axis from s[0] = b[0], or from the end if `reverse`."""
    return apply(_RECURRENCE, a, b, axis=axis, reverse=reverse)


def _backwards(g: Any, a: Any, axis: int, reverse: bool) -> Any:
    """How a change of b[i] reaches the cotangents from i on."""
    return recurrence(shift(a, axis, not reverse), g, axis, not reverse)


def _before(y: Any, axis: int) -> Any:
    """The products of all elements before each: y one place on, beginning with 1."""
    shape = [1] * len(y.shape)
    shape[axis] = y.shape[axis]
    first = np.zeros(shape, numpy_dtype(y.dtype))
    first.reshape(-1)[:1] = 1
    return shift(y, axis, False) + static(first, y, dtype=y.dtype)


def _prepared(x: Any, axis: int | None, dtype: Any, name: str, flatten: bool) -> tuple[Any, int]:
    """x with its dtype, and the axis, non-negative."""
    x = operand(x, name, "x")
    shape = shape_of(x)
    if dtype is not None:
        x = astype(x, dtype)
    if not shape or (axis is None and flatten):
        x, axis, shape = reshape(x, (-1,)), 0 if axis is None else axis, (-1,)
    if axis is None:
        if len(shape) != 1:
            raise ValueError(f"gradtape.{name}: axis must be given for an array of {len(shape)} axes")
        axis = 0
    axis = one_axis(axis, len(shape), name)
    return x, axis


def _with_initial(y: Any, axis: int, value: int) -> Any:
    first = list(y.shape)
    first[axis] = 1
    return concat([full(tuple(first), value, y.dtype, y), y], axis=axis)


#: The axis may be left out for one-dimensional x.
ACCUMULATE = "accumulate(x, 0 if axis is None and x.ndim == 1 else axis, dtype)"


@untaped(ACCUMULATE, when="not include_initial", accumulate=np.add.accumulate)
def cumulative_sum(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Any:
    """Running sums along the axis, which may be left out for one-dimensional x.

    The shape is x's, with one element more in front, 0, if `include_initial`; small integers are summed as int64.
    Raises ValueError if the axis is missing, AxisError if x has none such, TypeError for what is no array.

    >>> import gradtape as gt
    >>> gt.cumulative_sum(gt.asarray([1.0, 2.0, 3.0])).tolist()
    [1.0, 3.0, 6.0]
    """
    x, axis = _prepared(x, axis, dtype, "cumulative_sum", flatten=False)
    y = as_asked(apply(_CUMULATIVE_SUM, x, axis=axis, reverse=False), dtype)
    return _with_initial(y, axis, 0) if include_initial else y


@untaped(ACCUMULATE, when="not include_initial", accumulate=np.multiply.accumulate)
def cumulative_prod(
    x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Any:
    """Running products along the axis, which may be left out for one-dimensional x; derivatives are right at zeros.

    The shape is x's, with one element more in front, 1, if `include_initial`; small integers are multiplied as int64.
    Raises ValueError if the axis is missing, AxisError if x has none such, TypeError for what is no array.

    >>> import gradtape as gt
    >>> gt.grad(lambda x: gt.sum(gt.cumulative_prod(x)))(gt.asarray([2.0, 0.0, 3.0])).tolist()
    [1.0, 8.0, 0.0]
    """
    x, axis = _prepared(x, axis, dtype, "cumulative_prod", flatten=False)
    y = as_asked(apply(_CUMULATIVE_PROD, x, axis=axis), dtype)
    return _with_initial(y, axis, 1) if include_initial else y


@untaped("x.cumsum(axis, dtype)")
def cumsum(x: Any, /, axis: int | None = None, dtype: Any = None) -> Any:
    """Running sums along the axis, or of all elements in a row by default; as numpy.cumsum.

    >>> import gradtape as gt
    >>> gt.cumsum(gt.asarray([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [1.0, 3.0, 6.0, 10.0]
    """
    x, axis = _prepared(x, axis, dtype, "cumsum", flatten=True)
    return as_asked(apply(_CUMULATIVE_SUM, x, axis=axis, reverse=False), dtype)


@untaped("x.cumprod(axis, dtype)")
def cumprod(x: Any, /, axis: int | None = None, dtype: Any = None) -> Any:
    """Running products along the axis, or of all elements in a row by default; as numpy.cumprod.

    >>> import gradtape as gt
    >>> gt.cumprod(gt.asarray([1.0, 2.0, 3.0])).tolist()
    [1.0, 2.0, 6.0]
    """
    x, axis = _prepared(x, axis, dtype, "cumprod", flatten=True)
    return as_asked(apply(_CUMULATIVE_PROD, x, axis=axis), dtype)


@untaped("np.diff(x, n, axis)", when="prepend is None and append is None")
def diff(x: Any, /, *, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None) -> Any:
    """The n-th differences of neighbours along the axis, of x with what `prepend` and `append` put at its ends.

    Raises ValueError for a negative n, TypeError for what is no array.

    >>> import gradtape as gt
    >>> gt.diff(gt.asarray([1.0, 4.0, 9.0])).tolist()
    [3.0, 5.0]
    """
    x = operand(x, "diff", "x")
    if n < 0:
        raise ValueError(f"gradtape.diff: n must not be negative, and is {n}")
    axis = one_axis(axis, len(shape_of(x)), "diff")
    ends = [None if e is None else _end(operand(e, "diff", "an end"), shape_of(x), axis) for e in (prepend, append)]
    parts = [part for part in (ends[0], x, ends[1]) if part is not None]
    y = concat(parts, axis=axis) if len(parts) > 1 else x
    before = (FULL,) * axis
    for _ in range(n):
        a, b = y[(*before, slice(1, None))], y[(*before, slice(None, -1))]
        y = not_equal(a, b) if kind_of(dtype_of(y)) == "b" else a - b
    return y


def _end(x: Any, shape: tuple[int, ...], axis: int) -> Any:
    """A number as one more element at each place of the axis."""
    return x if shape_of(x) else broadcast_to(x, (*shape[:axis], 1, *shape[axis + 1 :]))


__all__ = ["cumprod", "cumsum", "cumulative_prod", "cumulative_sum", "diff"]
