"""Reductions: sums, products, means, extremes, counts, and the logarithm of a sum of exponentials."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from functools import lru_cache, reduce
from typing import Any

import numpy as np

from ..arrays import reduction_kernels as kernels
from ..primitive import Alike, Axes, Bilinear, General, Linear, Primitive, Zero, apply, apply_linear, scale
from ..taylor_rules import Chosen, Equal
from ..tensor import Tensor, underlying
from .declare import as_dtype, is_complex, normalized_axes, operand, shape_of
from .elementwise import imag, ratio, real, sqrt
from .manipulation import astype, concat, expand_dims, permute_dims, reshape
from .static import ones_like, zeros_like
from .untaped import untaped

Axis = int | tuple[int, ...] | None

#: All axes of an array, by how many it has.
ALL_AXES = tuple([tuple(range(n)) for n in range(12)])


def axes_of(axis: Axis, ndim: int, function: str) -> tuple[int, ...]:
    """normalized_axes, quick for the usual cases."""
    if axis is None and ndim < 12:
        return ALL_AXES[ndim]
    if type(axis) is int and -ndim <= axis < ndim:
        return (axis if axis >= 0 else axis + ndim,)
    return normalized_axes(axis, ndim, function)


# -- sums ----------------------------------------------------------------------------------------------------------
_SUM = Linear(
    "sum",
    lambda x, axis, keepdims: np.add.reduce(x, axis=axis, keepdims=keepdims),
    lambda g, x, axis, keepdims: spread(g, x.shape, axis, keepdims),
    batch=Axes(("axis",)),
)
_SPREAD = Linear(
    "spread",
    kernels.spread,
    lambda g, x, shape, axis, keepdims: apply(_SUM, g, axis=axis, keepdims=keepdims),
    batch=lambda size, values, flags, shape, axis, keepdims: spread(
        values[0], (size, *shape), tuple([a + 1 for a in axis]), keepdims
    ),
)
_MEAN = Linear(
    "mean",
    kernels.mean,
    lambda g, x, axis, keepdims: spread(g / (kernels.length(x.shape, axis) or 1), x.shape, axis, keepdims),
    batch=Axes(("axis",)),
)


def spread(g: Any, shape: tuple[int, ...], axis: tuple[int, ...], keepdims: bool = False) -> Any:
    """A reduction's result repeated over the axes it was reduced over: a view, the transpose of the sum."""
    return apply(_SPREAD, g, shape=shape, axis=axis, keepdims=keepdims)


def expand_reduced(g: Any, shape: tuple[int, ...], axis: tuple[int, ...]) -> Any:
    """A reduction's cotangent with the reduced axes back as ones."""
    kept = kernels.kept(shape, axis)
    return g if g.shape == kept else reshape(g, kept)


@lru_cache(maxsize=256)
def broadcast_axes(shape: tuple[int, ...], before: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of `shape` along which an array of shape `before` was repeated."""
    extra = len(shape) - len(before)
    return (*range(extra), *[i + extra for i, n in enumerate(before) if n == 1 and shape[i + extra] != 1])


def sum_to(x: Any, shape: tuple[int, ...]) -> Any:
    """Sum over the axes along which `shape` was broadcast to x's shape: the transpose of broadcasting."""
    before = x.shape
    if len(before) < len(shape):
        return x
    axes = (0,) if len(before) > len(shape) and before[1:] == shape else broadcast_axes(before, shape)
    if axes:
        x = kernels.total(x, axes) if type(x) is np.ndarray else apply_linear(_SUM, x, axis=axes, keepdims=False)
    return x if x.shape == shape else reshape(x, shape)


def reduced(primitive: Primitive, x: Any, axis: Axis, keepdims: Any, dtype: Any = None, **parameters: Any) -> Any:
    """A reduction of whatever the user gave."""
    name = primitive.name
    x = operand(x, name, "x")
    if dtype is not None:
        x = astype(x, dtype)
    y = apply(primitive, x, axis=axes_of(axis, len(shape_of(x)), name), keepdims=bool(keepdims), **parameters)
    return as_asked(y, dtype)


def as_asked(y: Any, dtype: Any) -> Any:
    """y in the dtype asked for: small integers are summed in larger ones, and would stay so."""
    return y if dtype is None or y.dtype == as_dtype(dtype, y) else astype(y, dtype)


@untaped("reduce(x, axis, dtype, None, keepdims)", reduce=np.add.reduce)
def sum(x: Any, /, axis: Axis = None, *, dtype: Any = None, keepdims: bool = False) -> Any:
    """Sum of the elements along the axes (all of them by default).

    The shape loses those axes, or has ones there if `keepdims`; small integers are summed as int64, else the dtype is
    x's (`dtype` converts first). Raises TypeError for what is no array, AxisError for an axis that x has not.

    >>> import gradtape as gt
    >>> gt.sum(gt.asarray([[1.0, 2.0], [3.0, 4.0]]), axis=0).tolist()
    [4.0, 6.0]
    """
    if type(x) is Tensor and dtype is None:
        return apply_linear(_SUM, x, axis=axes_of(axis, len(x._data.shape), "sum"), keepdims=keepdims)
    return reduced(_SUM, x, axis, keepdims, dtype)


@untaped("mean(x, axes_of(axis, x.ndim, 'mean'), keepdims)", when="dtype is None", mean=kernels.mean, axes_of=axes_of)
def mean(x: Any, /, axis: Axis = None, *, dtype: Any = None, keepdims: bool = False) -> Any:
    """Mean of the elements along the axes (all of them by default).

    The shape loses those axes, or has ones there if `keepdims`; integers give float64, else the dtype is x's (`dtype`
    converts first). Raises TypeError for what is no array, AxisError for an axis that x has not.

    >>> import gradtape as gt
    >>> float(gt.mean(gt.asarray([1.0, 2.0, 6.0])))
    3.0
    """
    if type(x) is Tensor and dtype is None:
        return apply_linear(_MEAN, x, axis=axes_of(axis, len(x._data.shape), "mean"), keepdims=keepdims)
    return reduced(_MEAN, x, axis, keepdims, dtype)


_SUM_OF_PRODUCTS = Bilinear(
    "sum_of_products",
    kernels.sum_of_products,
    lambda g, b, axis: expand_dims(g, axis) * b,
    lambda g, a, axis: expand_dims(g, axis) * a,
    batch=Alike(),
)


def sum_of_products(a: Any, b: Any, axis: int) -> Any:
    """The sum of a b along one axis, without the product of them; other axes broadcast."""
    return apply(_SUM_OF_PRODUCTS, a, b, axis=axis)


# -- spread of the values --------------------------------------------------------------------------------------
def centred(x: Any, axis: tuple[int, ...]) -> Any:
    """x less its mean: exact where x varies little around something large."""
    return x - apply(_MEAN, x, axis=axis, keepdims=True)


def freedom(x: Any, axis: tuple[int, ...], correction: float) -> float:
    """What the sum of squares is divided by; NaN where nothing is left of it."""
    n = kernels.length(x.shape, axis) - correction
    return n if n > 0 else math.nan


def direction(x: Any, y: Any, axis: tuple[int, ...], correction: float, keepdims: bool) -> Any:
    """The slope of the standard deviation y; 0 where all elements are equal."""
    return ratio(centred(x, axis), spread(y, x.shape, axis, keepdims)) / freedom(x, axis, correction)


_VAR = General(
    "var",
    kernels.var,
    vjp=lambda g, x, axis, correction, keepdims: scale(  # a cotangent may be infinite where all elements are equal
        centred(x, axis), spread(g * (2 / freedom(x, axis, correction)), x.shape, axis, keepdims)
    ),
    jvp=lambda dx, x, axis, correction, keepdims: apply(
        _SUM, scale(centred(x, axis), dx), axis=axis, keepdims=keepdims
    ) * (2 / freedom(x, axis, correction)),
    batch=Axes(("axis",)),
)
_STD = General(
    "std",
    kernels.std,
    vjp=lambda g, x, y, axis, correction, keepdims: scale(
        direction(x, y, axis, correction, keepdims), spread(g, x.shape, axis, keepdims)
    ),
    jvp=lambda dx, x, y, axis, correction, keepdims: apply(
        _SUM, scale(direction(x, y, axis, correction, keepdims), dx), axis=axis, keepdims=keepdims
    ),
    batch=Axes(("axis",)),
)


@untaped(
    "var(x, axes_of(axis, x.ndim, 'var'), correction, keepdims)",
    when="dtype is None and x.dtype.kind == 'f'", var=kernels.var, axes_of=axes_of,
)  # fmt: skip
def var(
    x: Any, /, axis: Axis = None, *, correction: float = 0.0, dtype: Any = None, keepdims: bool = False
) -> Any:
    """Mean of |x - mean(x)|^2 along the axes (all by default), n - `correction` being what is divided by.

    Shape and dtype as for mean; that of a complex x is real. Raises TypeError for what is no array, AxisError for an
    axis that x has not.

    >>> import gradtape as gt
    >>> float(gt.var(gt.asarray([1.0, 3.0])))
    1.0
    """
    x = operand(x, "var", "x")
    if is_complex(x):
        parts = [reduced(_VAR, part(x), axis, keepdims, dtype, correction=correction) for part in (real, imag)]
        return parts[0] + parts[1]
    return reduced(_VAR, x, axis, keepdims, dtype, correction=correction)


@untaped(
    "std(x, axes_of(axis, x.ndim, 'std'), correction, keepdims)",
    when="dtype is None and x.dtype.kind == 'f'", std=kernels.std, axes_of=axes_of,
)  # fmt: skip
def std(
    x: Any, /, axis: Axis = None, *, correction: float = 0.0, dtype: Any = None, keepdims: bool = False
) -> Any:
    """Standard deviation along the axes (all by default): the square root of var; its slope at equal elements is 0.

    Shape and dtype as for mean. Raises TypeError for what is no array, AxisError for an axis that x has not.

    >>> import gradtape as gt
    >>> float(gt.std(gt.asarray([1.0, 3.0])))
    1.0
    """
    x = operand(x, "std", "x")
    if is_complex(x):
        return sqrt(var(x, axis, correction=correction, dtype=dtype, keepdims=keepdims))
    return reduced(_STD, x, axis, keepdims, dtype, correction=correction)


# -- products ------------------------------------------------------------------------------------------------------
_PROD = General(
    "prod",
    lambda x, axis, keepdims: np.multiply.reduce(x, axis=axis, keepdims=keepdims),
    vjp=lambda g, x, axis, keepdims: scale(spread(g, x.shape, axis, keepdims), others(x, axis)),
    jvp=lambda dx, x, axis, keepdims: apply(_SUM, scale(dx, others(x, axis)), axis=axis, keepdims=keepdims),
    batch=Axes(("axis",)),
    series=Equal(lambda x, axis, keepdims: product_by_halves(x, axis, keepdims)),
)
# With rows [x, G1, ..., Gm] the derivative of order m of leaving one out, in the directions G1, ..., Gm. It is linear
# in each G and symmetric, so that its own derivative is of the same kind with one direction more; nothing is divided.
_LEAVE_ONE_OUT = General(
    "leave_one_out",
    kernels.leave_one_out,
    arguments=("rows",),
    vjp=lambda g, rows, axis: _stack([_left_out([*parts, g], axis) for parts in _without_each(rows)]),
    jvp=lambda d, rows, axis: added(
        [_left_out([*parts, d[..., i]], axis) for i, parts in enumerate(_without_each(rows))]
    ),
    batch=Axes(("axis",), also=(-1,)),
    series=Chosen(lambda rows: OTHERS_BY_HALVES if in_range(rows) else None),
)


def added(parts: Sequence[Any]) -> Any:
    """The sum of some arrays."""
    return reduce(operator.add, parts)


def product_by_halves(x: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    """The product along the axes, of one half times the other half."""
    for a in axis:
        n = x.shape[a]
        before = (slice(None),) * a
        while n > 1:
            half = n // 2
            y = x[(*before, slice(half))] * x[(*before, slice(half, 2 * half))]
            x = y if n % 2 == 0 else concat([y, x[(*before, slice(2 * half, None))]], axis=a)
            n = x.shape[a]
        if n == 0:
            x = ones_like(apply(_SUM, x, axis=(a,), keepdims=True))
    return x if keepdims else reshape(x, tuple([n for i, n in enumerate(x.shape) if i not in axis]))


def in_range(rows: Any) -> bool:
    """Whether no product of some of the elements leaves the range of numbers."""
    x = underlying(rows)
    if x is None:
        return False
    with np.errstate(all="ignore"):
        size = np.abs(np.log(np.abs(x)))
        limit = 0.9 * np.log(np.finfo(x.dtype).max)
    return bool(np.sum(np.where(np.isfinite(size), size, 0)) < limit)


def others_by_halves(rows: Any, axis: tuple[int, ...]) -> Any:
    """leave_one_out in terms of products of some elements with as many others."""
    shape = rows.shape[:-1]
    kept = [i for i in range(len(shape)) if i not in axis]
    order = (*kept, *axis)
    n = math.prod([shape[i] for i in axis])
    flat = reshape(permute_dims(rows, (len(shape), *order)), (rows.shape[-1], *[shape[i] for i in kept], n))
    factors = {0: flat[0]} | {1 << k: flat[k + 1] for k in range(rows.shape[-1] - 1)}
    y = products_of_others(factors).get((1 << rows.shape[-1] - 1) - 1, zeros_like(flat[0]))
    return permute_dims(reshape(y, [shape[i] for i in order]), tuple([order.index(i) for i in range(len(shape))]))


#: An array of numbers c0 + c1 e1 + c2 e2 + c3 e1 e2 + ... with ek * ek = 0: coefficients by the bits of their place.
Nilpotent = dict[int, Any]


def products_of_others(x: Nilpotent) -> Nilpotent:
    """For each element along the last axis the product of all others.

    With the products of pairs as elements, half as many, it is theirs times the other one of the pair.
    """
    n = x[0].shape[-1]
    if n <= 1:
        return {0: ones_like(x[0])}
    half = n // 2
    a, b, alone = [
        {s: c[..., part] for s, c in x.items()} for part in (slice(half), slice(half, 2 * half), slice(2 * half, None))
    ]
    y = products_of_others(joined([times(a, b), alone]))
    of_pairs, of_last = [{s: c[..., part] for s, c in y.items()} for part in (slice(half), slice(half, None))]
    return joined([times(of_pairs, b), times(of_pairs, a), of_last])


def times(a: Nilpotent, b: Nilpotent) -> Nilpotent:
    """The products of the elements."""
    y: Nilpotent = {}
    for s, c in a.items():
        for t, d in b.items():
            if not s & t:
                y[s | t] = y[s | t] + c * d if s | t in y else c * d
    return y


def joined(parts: list[Nilpotent]) -> Nilpotent:
    """The elements of all parts, one after the other."""
    places = sorted(set().union(*parts))
    return {s: concat([p[s] if s in p else zeros_like(p[0]) for p in parts], axis=-1) for s in places}


OTHERS_BY_HALVES = Equal(others_by_halves)


def others(x: Any, axis: tuple[int, ...]) -> Any:
    """For each element the product of all others along the axes."""
    return _left_out([x], axis)


def _left_out(rows: list[Any], axis: tuple[int, ...]) -> Any:
    return apply(_LEAVE_ONE_OUT, _stack(rows), axis=axis)


def _without_each(rows: Any) -> list[list[Any]]:
    """What stays beside the new direction: all rows for the derivative in x, all but G for that in G."""
    parts = [rows[..., i] for i in range(rows.shape[-1])]
    return [parts] + [parts[:i] + parts[i + 1 :] for i in range(1, len(parts))]


def _stack(parts: list[Any]) -> Any:
    if len(parts) == 1:
        return reshape(parts[0], (*parts[0].shape, 1))
    from .manipulation import stack

    return stack(parts, axis=-1)


@untaped("reduce(x, axis, dtype, None, keepdims)", reduce=np.multiply.reduce)
def prod(x: Any, /, axis: Axis = None, *, dtype: Any = None, keepdims: bool = False) -> Any:
    """Product of the elements along the axes (all of them by default); every derivative is right at zeros too.

    Shape and dtype as for sum. Raises TypeError for what is no array, AxisError for an axis that x has not.

    >>> import gradtape as gt
    >>> gt.grad(gt.prod)(gt.asarray([0.0, 2.0, 3.0])).tolist()
    [6.0, 0.0, 0.0]
    """
    return reduced(_PROD, x, axis, keepdims, dtype)


# -- extremes ------------------------------------------------------------------------------------------------------
_TIED = Zero("tied", kernels.tied, ("x", "y"), batch=Alike())
_DEAL = Linear(
    "deal",
    kernels.deal,
    lambda g, i, specs, saved, axis, keepdims: apply(_COLLECT, g, saved[1], axis=axis, keepdims=keepdims),
    batch=Alike(),
    arguments=("g", "won"),
    linear=(0,),
)
_COLLECT = Linear(
    "collect",
    kernels.collect,
    lambda g, i, specs, saved, axis, keepdims: apply(_DEAL, g, saved[1], axis=axis, keepdims=keepdims),
    batch=Alike(),
    arguments=("x", "won"),
    linear=(0,),
)


def _extreme(name: str, reduce: Any) -> General:
    """max or min: what flows is selected by who won, ties sharing evenly."""

    def flow(primitive: Linear) -> Any:
        return lambda d, x, y, axis, keepdims: apply(
            primitive, d, apply(_TIED, x, y, axis=axis, keepdims=keepdims), axis=axis, keepdims=keepdims
        )

    def kernel(x: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
        try:
            return reduce(x, axis=axis, keepdims=keepdims)
        except ValueError:
            raise ValueError(f"gradtape.{name}: no elements along axis {axis} of the shape {np.shape(x)}") from None

    return General(name, kernel, vjp=flow(_DEAL), jvp=flow(_COLLECT), batch=Axes(("axis",)))


_MAX = _extreme("max", np.maximum.reduce)
_MIN = _extreme("min", np.minimum.reduce)


@untaped("reduce(x, axis, None, None, keepdims)", reduce=np.maximum.reduce)
def max(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """The largest element along the axes (all by default); those that tie share the gradient evenly.

    The shape loses those axes, or has ones there if `keepdims`; the dtype is x's. Raises TypeError for what is no
    array, AxisError for an axis that x has not, ValueError where there are no elements.

    >>> import gradtape as gt
    >>> gt.grad(gt.max)(gt.asarray([1.0, 3.0, 3.0])).tolist()
    [0.0, 0.5, 0.5]
    """
    return reduced(_MAX, x, axis, keepdims)


@untaped("reduce(x, axis, None, None, keepdims)", reduce=np.minimum.reduce)
def min(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """The smallest element along the axes (all by default); those that tie share the gradient evenly.

    The shape loses those axes, or has ones there if `keepdims`; the dtype is x's. Raises TypeError for what is no
    array, AxisError for an axis that x has not, ValueError where there are no elements.

    >>> import gradtape as gt
    >>> float(gt.min(gt.asarray([2.0, 1.0])))
    1.0
    """
    return reduced(_MIN, x, axis, keepdims)


amax, amin = max, min


def ptp(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Largest less smallest element along the axes (all by default); shapes and errors as for max.

    >>> import gradtape as gt
    >>> float(gt.ptp(gt.asarray([2.0, 7.0, 3.0])))
    5.0
    """
    return max(x, axis, keepdims=keepdims) - min(x, axis, keepdims=keepdims)


# -- logarithms of sums of exponentials --------------------------------------------------------------------------
_FOREMOST = Zero("foremost", kernels.foremost, ("x",), batch=Axes(("axis",)))


def _relative_flow(d: Any, x: Any, y: Any, axis: tuple[int, ...]) -> Any:
    """y (d - sum(y d)), symmetric; d taken relative to its value at the largest share, whose tail would be lost."""
    first = apply(_FOREMOST, x, axis=axis)
    d = d - apply(_COLLECT, d, first, axis=axis, keepdims=True)
    return scale(y, d - apply(_SUM, scale(y, d), axis=axis, keepdims=True))


_SHARES = General(
    "exponential_shares", kernels.exponential_shares, vjp=_relative_flow, jvp=_relative_flow, batch=Axes(("axis",))
)
_LOGSUMEXP = General(
    "logsumexp",
    kernels.logsumexp,
    vjp=lambda g, x, axis, keepdims: scale(exponential_shares(x, axis), spread(g, x.shape, axis, keepdims)),
    jvp=lambda dx, x, axis, keepdims: apply(
        _SUM, scale(exponential_shares(x, axis), dx), axis=axis, keepdims=keepdims
    ),
    batch=Axes(("axis",)),
)


def exponential_shares(x: Any, axis: tuple[int, ...]) -> Any:
    """exp(x) / sum(exp(x)) along the (non-negative) axes: the slope of logsumexp, also called softmax."""
    return apply(_SHARES, x, axis=axis)


def logsumexp(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """log(sum(exp(x))) along the axes (all by default), without overflow.

    The shape loses those axes, or has ones there if `keepdims`; integers give float64. Elements -inf contribute
    nothing, and where all are -inf so is the result, with gradient 0. Raises TypeError for what is no array,
    AxisError for an axis that x has not.

    >>> import gradtape as gt
    >>> gt.grad(gt.logsumexp)(gt.asarray([1000.0, 1000.0])).tolist()
    [0.5, 0.5]
    """
    return reduced(_LOGSUMEXP, x, axis, keepdims)


# -- truth and counts --------------------------------------------------------------------------------------------
_ANY = Zero(
    "any", lambda x, axis, keepdims: np.any(x, axis=axis, keepdims=keepdims), ("x",), batch=Axes(("axis",))
)
_ALL = Zero(
    "all", lambda x, axis, keepdims: np.all(x, axis=axis, keepdims=keepdims), ("x",), batch=Axes(("axis",))
)
_COUNT = Zero(
    "count_nonzero",
    lambda x, axis, keepdims: np.add.reduce(np.not_equal(x, 0), axis=axis, dtype=np.intp, keepdims=keepdims),
    ("x",),
    batch=Axes(("axis",)),
)


@untaped("reduce(x, axis, bool, None, keepdims)", reduce=np.logical_or.reduce)
def any(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Whether any element along the axes (all by default) is not zero; shapes and errors as for sum.

    >>> import gradtape as gt
    >>> bool(gt.any(gt.asarray([0.0, 2.0])))
    True
    """
    return reduced(_ANY, x, axis, keepdims)


@untaped("reduce(x, axis, bool, None, keepdims)", reduce=np.logical_and.reduce)
def all(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Whether no element along the axes (all by default) is zero; shapes and errors as for sum.

    >>> import gradtape as gt
    >>> bool(gt.all(gt.asarray([0.0, 2.0])))
    False
    """
    return reduced(_ALL, x, axis, keepdims)


#: NumPy before 2.2 gives an int, which has no dtype.
COUNTED = "np.count_nonzero(x, axis, keepdims=keepdims)"
if type(np.count_nonzero(np.ones(1))) is int:
    COUNTED = f"np.int64({COUNTED})"


@untaped(COUNTED)
def count_nonzero(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """How many elements along the axes (all by default) are not zero; shapes and errors as for sum.

    >>> import gradtape as gt
    >>> int(gt.count_nonzero(gt.asarray([0.0, 2.0])))
    1
    """
    return reduced(_COUNT, x, axis, keepdims)


__all__ = [
    "all", "amax", "amin", "any", "count_nonzero", "logsumexp", "max", "mean", "min", "prod", "ptp", "std", "sum",
    "var",
]  # fmt: skip
