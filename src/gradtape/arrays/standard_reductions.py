"""Kernels of reductions, scans and sorting in the terms of the array API standard; see standard_kernels.py."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .dtypes import kind_of
from .reduction_kernels import kept, length, without
from .standard_operands import floating, truth

Axes = tuple[int, ...]


# -- sums and means ------------------------------------------------------------------------------------------------
def spread(xp: Any, g: Any, shape: Axes, axis: Axes, keepdims: bool) -> Any:
    """A reduction's result repeated over the reduced axes."""
    if not keepdims:
        g = xp.reshape(g, kept(shape, axis))
    return xp.broadcast_to(g, shape)


def sum_of_products(xp: Any, a: Any, b: Any, axis: int) -> Any:
    """The sum of a b along an axis."""
    return xp.sum(a * b, axis=axis)


def mean(xp: Any, x: Any, axis: Axes, keepdims: bool) -> Any:
    """The sum over the number of elements."""
    x = floating(xp, x)
    n = length(x.shape, axis)
    return xp.sum(x, axis=axis, keepdims=keepdims) / (n or math.nan)


def var(xp: Any, x: Any, axis: Axes, correction: float, keepdims: bool) -> Any:
    """The mean square of what is left after subtracting the mean."""
    d = x - mean(xp, x, axis, True)
    freedom = length(x.shape, axis) - correction
    total = xp.sum(d * d, axis=axis, keepdims=keepdims)
    return total / freedom if freedom > 0 else total * math.nan


def std(xp: Any, x: Any, axis: Axes, correction: float, keepdims: bool) -> Any:
    """The root of var."""
    return xp.sqrt(var(xp, x, axis, correction, keepdims))


def count_nonzero(xp: Any, x: Any, axis: Axes, keepdims: bool) -> Any:
    """How many elements are not 0."""
    return xp.sum(xp.astype(truth(xp, x), xp.index_dtype), axis=axis, keepdims=keepdims)


# -- extremes ------------------------------------------------------------------------------------------------------
def tied(xp: Any, x: Any, y: Any, axis: Axes, keepdims: bool) -> Any:
    """Which elements of x equal the extreme y; where that is NaN, the elements that are NaN."""
    y = xp.reshape(y, kept(x.shape, axis))
    return (x == y) | ((y != y) & (x != x))


def deal(xp: Any, g: Any, won: Any, axis: Axes, keepdims: bool) -> Any:
    """g shared evenly among those that won."""
    g = xp.reshape(g, kept(won.shape, axis))
    return xp.where(won, g / winners(xp, won, axis, True, g.dtype), 0)


def collect(xp: Any, x: Any, won: Any, axis: Axes, keepdims: bool) -> Any:
    """The mean of those that won."""
    total = xp.sum(xp.where(won, x, 0), axis=axis, keepdims=keepdims)
    return total / winners(xp, won, axis, keepdims, x.dtype)


def winners(xp: Any, won: Any, axis: Axes, keepdims: bool, dtype: Any) -> Any:
    """How many won, 1 where none did."""
    count = xp.sum(xp.astype(won, xp.index_dtype), axis=axis, keepdims=keepdims)
    return xp.astype(xp.maximum(count, xp.ones_like(count)), dtype)


# -- exponentials --------------------------------------------------------------------------------------------------
def exponentials(xp: Any, x: Any, axis: Axes) -> tuple[Any, Any]:
    """The largest element (complex: real part), and exp(x) relative to it."""
    re = xp.real(x) if kind_of(x.dtype) == "c" else x
    top = xp.max(re, axis=axis, keepdims=True)
    return top, xp.exp(x - top)


def logsumexp(xp: Any, x: Any, axis: Axes, keepdims: bool) -> Any:
    """log(sum(exp(x))) without overflow; -inf where all are -inf or there is nothing."""
    x = floating(xp, x)
    shape = tuple(x.shape)
    if 0 in shape:
        return xp.sum(x, axis=axis, keepdims=keepdims) - math.inf
    top, e = exponentials(xp, x, axis)
    if kind_of(x.dtype) == "c":
        y = xp.log(xp.sum(e, axis=axis, keepdims=True)) + top
    else:  # beside the largest, which is 1, the sum of the others has digits that the whole sum would lose
        rest = xp.where(foremost(xp, x, axis), 0, e)
        y = xp.log1p(xp.sum(rest, axis=axis, keepdims=True)) + top
    y = xp.where(xp.isinf(top), xp.astype(top, y.dtype), y)
    return xp.reshape(y, kept(shape, axis) if keepdims else without(shape, axis))


def exponential_shares(xp: Any, x: Any, axis: Axes) -> Any:
    """exp(x) / sum(exp(x)); 0 where all are -inf, even shares among the infinities otherwise."""
    x = floating(xp, x)
    if 0 in x.shape:
        return x
    top, e = exponentials(xp, x, axis)
    re = xp.real(x) if kind_of(x.dtype) == "c" else x
    infinite = xp.isinf(top) & (top > 0) & (re == top)
    even = xp.astype(infinite, x.dtype) / winners(xp, infinite, axis, True, x.dtype)
    unbounded = xp.isinf(top)
    return xp.where(unbounded, even, e / xp.where(unbounded, 1, xp.sum(e, axis=axis, keepdims=True)))


def foremost(xp: Any, x: Any, axis: Axes) -> Any:
    """A mask with one True along the axes, at the first of the largest elements."""
    shape = tuple(x.shape)
    re = xp.real(x) if kind_of(x.dtype) == "c" else x
    rest = [i for i in range(len(shape)) if i not in axis]
    order, n = (*rest, *axis), length(shape, axis)
    if 0 in shape:
        return xp.zeros(shape, dtype=xp.bool, **xp.placed(x))
    flat = xp.reshape(xp.permute_dims(re, order) if shape else re, (*[shape[i] for i in rest], n))
    first = xp.argmax(flat, axis=-1, keepdims=True)
    mask = xp.reshape(xp.arange(n, **xp.placed(x)) == first, tuple([shape[i] for i in order]))
    return xp.permute_dims(mask, tuple([int(i) for i in np.argsort(order)])) if shape else mask


# -- products that leave one factor out ------------------------------------------------------------------------------
def leave_one_out(xp: Any, rows: Any, axis: Axes) -> Any:
    """For each element the product of all others, and its derivatives: see reduction_kernels.leave_one_out."""
    *shape, m1 = tuple(rows.shape)
    m = m1 - 1
    rest = [i for i in range(len(shape)) if i not in axis]
    order = (*rest, *axis)
    lanes, n = tuple([shape[i] for i in rest]), length(tuple(shape), axis)
    t = xp.reshape(xp.permute_dims(rows, (len(shape), *order)), (m1, *lanes, n))
    factors = [t[0, ...]]
    for whole in range(1, 1 << m):
        single = whole & (whole - 1) == 0
        factors.append(t[whole.bit_length(), ...] if single else xp.zeros_like(t[0, ...]))
    if n:
        parts, exponent = exclusive(xp, factors)
        y = times_power_of_two(xp, parts[-1], exponent)
    else:
        y = factors[-1]
    y = xp.reshape(y, tuple([shape[i] for i in order]))
    return xp.permute_dims(y, tuple([int(i) for i in np.argsort(order)])) if shape else y


def times(a: list[Any], b: list[Any]) -> list[Any]:
    """The product of polynomials in e1 ... em (ek * ek = 0), coefficients by the bits of the index."""
    y = []
    for whole in range(len(a)):
        part = whole
        total = a[whole] * b[0]
        while part:
            part = (part - 1) & whole
            total = total + a[part] * b[whole ^ part]
        y.append(total)
    return y


def exclusive(xp: Any, c: list[Any]) -> tuple[list[Any], Any]:
    """All products but one along the last axis, from those of neighbours taken together: as mantissas and exponents
    of two, so that nothing in between leaves the range of floating numbers."""
    n = c[0].shape[-1]
    if n == 1:
        zero = xp.zeros_like(c[0])
        return [xp.ones_like(zero), *[zero] * (len(c) - 1)], xp.abs(zero)
    exponent = binary_exponent(xp, c)
    c = [times_power_of_two(xp, p, -exponent) for p in c]
    k = n // 2
    even = [p[..., 0 : 2 * k : 2] for p in c]
    odd = [p[..., 1 : 2 * k : 2] for p in c]
    rest = [p[..., 2 * k : n] for p in c]
    together = times(even, odd)
    outer, above = exclusive(xp, [xp.concat([p, r], axis=-1) for p, r in zip(together, rest, strict=True)])
    inner = [p[..., 0:k] for p in outer]
    pairs = zip(times(inner, odd), times(inner, even), outer, strict=True)
    y = [xp.concat([interleaved(xp, a, b), o[..., k : o.shape[-1]]], axis=-1) for a, b, o in pairs]
    above = xp.concat([interleaved(xp, above[..., 0:k], above[..., 0:k]), above[..., k : above.shape[-1]]], axis=-1)
    return y, xp.sum(exponent, axis=-1, keepdims=True) - exponent + above


def binary_exponent(xp: Any, c: list[Any]) -> Any:
    """The exponent of two of the largest of these numbers at each place, as whole floating numbers; 0 for 0."""
    size = xp.abs(c[0])
    for p in c[1:]:
        size = xp.maximum(size, xp.abs(p))
    regular = (size > 0) & xp.isfinite(size)
    return xp.where(regular, xp.floor(xp.log2(xp.where(regular, size, 1))), 0)


def times_power_of_two(xp: Any, x: Any, exponent: Any) -> Any:
    """x 2^exponent, in two steps, for the power alone may be beyond the range of floating numbers."""
    half = xp.floor(exponent * 0.5)
    return x * xp.exp2(half) * xp.exp2(exponent - half) if xp.has("exp2") else x * 2.0**half * 2.0 ** (exponent - half)


def interleaved(xp: Any, a: Any, b: Any) -> Any:
    """a0 b0 a1 b1 ... along the last axis."""
    return xp.reshape(xp.stack([a, b], axis=-1), (*a.shape[:-1], 2 * a.shape[-1]))


# -- scans along one axis ------------------------------------------------------------------------------------------
def cumulative_sum(xp: Any, x: Any, axis: int, reverse: bool) -> Any:
    """Running sums, from the end if `reverse`."""
    if not reverse:
        return xp.cumulative_sum(x, axis=axis)
    return xp.flip(xp.cumulative_sum(xp.flip(x, axis=axis), axis=axis), axis=axis)


def shift(xp: Any, x: Any, axis: int, reverse: bool) -> Any:
    """Each element moved one place on along the axis (one back if `reverse`), a zero where none comes."""
    n = x.shape[axis]
    if not n:
        return x
    before = (slice(None),) * axis
    kept_part = x[(*before, slice(1, n) if reverse else slice(0, n - 1), ...)]
    zero = xp.zeros_like(x[(*before, slice(0, 1), ...)])
    return xp.concat([kept_part, zero] if reverse else [zero, kept_part], axis=axis)


def recurrence(xp: Any, a: Any, b: Any, axis: int, reverse: bool) -> Any:
    """s[i] = a[i] s[i-1] + b[i] along the axis, beginning with s[0] = b[0]."""
    shape = np.broadcast_shapes(tuple(a.shape), tuple(b.shape))
    a, b = [x if tuple(x.shape) == shape else xp.broadcast_to(x, shape) for x in (a, b)]
    a, b = [xp.moveaxis(x, axis, -1) for x in (a, b)]
    if reverse:
        a, b = xp.flip(a, axis=-1), xp.flip(b, axis=-1)
    y = doubling(xp, a, b)
    return xp.moveaxis(xp.flip(y, axis=-1) if reverse else y, -1, axis)


def doubling(xp: Any, a: Any, b: Any) -> Any:
    """Two steps taken together are a step of the same form. A zero absorbs what is infinite, as in `scale`."""
    n = b.shape[-1]
    if n < 2:
        return b
    k = n // 2
    scale = xp.helper("scale")
    a_even, a_odd = a[..., 0 : 2 * k : 2], a[..., 1 : 2 * k : 2]
    b_even, b_odd = b[..., 0 : 2 * k : 2], b[..., 1 : 2 * k : 2]
    s = doubling(xp, a_odd * a_even, scale(b_even, a_odd) + b_odd)
    later = scale(s[..., 0 : (n - 1) // 2], a[..., 2:n:2]) + b[..., 2:n:2]
    even = xp.concat([b[..., 0:1], later], axis=-1)
    y = interleaved(xp, even[..., 0:k], s)
    return xp.concat([y, even[..., k : even.shape[-1]]], axis=-1)


# -- order ---------------------------------------------------------------------------------------------------------
def argsort(xp: Any, x: Any, axis: int, descending: bool) -> Any:
    """Stable order along the axis."""
    return xp.argsort(x, axis=axis, descending=descending, stable=True)


def sort(xp: Any, x: Any, axis: int, descending: bool) -> Any:
    """Sorted along the axis."""
    return xp.sort(x, axis=axis, descending=descending)


def inverse_order(xp: Any, order: Any, axis: int) -> Any:
    """The permutation that undoes one."""
    return xp.argsort(order, axis=axis)


def reorder(xp: Any, x: Any, order: Any, axis: int) -> Any:
    """The elements in that order along the axis."""
    return xp.take_along_axis(x, order, axis=axis)


def searchsorted(xp: Any, x1: Any, x2: Any, side: str, lead: int) -> Any:
    """Where to insert x2 into the sorted x1, for each position on `lead` leading axes, which broadcast."""
    if lead == 0:
        return xp.astype(xp.searchsorted(x1, x2, side=side), xp.index_dtype)
    inner = len(x2.shape) - lead
    x1 = xp.reshape(x1, (*x1.shape[:lead], *(1,) * inner, x1.shape[lead]))
    before = x1 < x2[..., None] if side == "left" else x1 <= x2[..., None]
    return xp.sum(xp.astype(before, xp.index_dtype), axis=-1)


KERNELS: dict[str, Any] = {
    function.__name__: function
    for function in (
        argsort, collect, count_nonzero, cumulative_sum, deal, exponential_shares, foremost, inverse_order,
        leave_one_out, logsumexp, mean, recurrence, reorder, searchsorted, shift, sort, spread, std, sum_of_products,
        tied, var,
    )
}  # fmt: skip
