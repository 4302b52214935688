"""Kernels of reductions, scans and sorting that NumPy has not. They know nothing of tapes.

`axis` is always a tuple of non-negative axes, or one non-negative axis where the function works along one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from .numpy_kernels import EINSUM, scale

Axes = tuple[int, ...]
FIRST = (0,)
#: Largest number of rows for which a row of ones is kept.
TALL = 1 << 17


def length(shape: Axes, axis: Axes) -> int:
    """How many elements a reduction over these axes takes together."""
    return math.prod([shape[i] for i in axis])


def sum_of_products(a: Any, b: Any, axis: int) -> Any:
    """The sum of a b along an axis."""
    if axis == 0 and a.ndim == b.ndim:
        return EINSUM("r...,r...->...", a, b)[()]
    return np.add.reduce(a * b, axis=axis)


def kept(shape: Axes, axis: Axes) -> Axes:
    """The shape with the reduced axes as ones."""
    return tuple([1 if i in axis else n for i, n in enumerate(shape)])


def spread(g: Any, shape: Axes, axis: Axes, keepdims: bool) -> Any:
    """A reduction's result repeated over the reduced axes: a read-only view, never a copy."""
    if not shape:
        return g
    if len(axis) == len(shape) and g.size == 1:
        y = np.ndarray(shape, g.dtype, g, 0, (0,) * len(shape))  # as broadcast_to, at a tenth of its cost
        y.flags.writeable = False
        return y
    if not keepdims:
        g = g.reshape(kept(shape, axis))
    return np.broadcast_to(g, shape)


@lru_cache(maxsize=64)
def row_of_ones(n: int, dtype: Any) -> Any:
    """n ones; read only."""
    y = np.ones(n, dtype)
    y.flags.writeable = False
    return y


def total(x: Any, axis: Axes) -> Any:
    """The sum along these axes."""
    if axis == FIRST and x.ndim == 2 and x.dtype.char in "fd" and x.flags.c_contiguous and x.shape[0] <= TALL:
        return row_of_ones(x.shape[0], x.dtype) @ x  # columns by BLAS: a third of what a reduction takes, or less
    return np.add.reduce(x, axis=axis)


def mean(x: Any, axis: Axes, keepdims: bool) -> Any:
    """numpy.mean without its overhead; small floats are summed in float32, integers in float64."""
    dtype = x.dtype if hasattr(x, "dtype") else np.dtype(float)
    n = length(np.shape(x), axis)
    if dtype.kind in "biu":
        return np.add.reduce(x, axis=axis, dtype=np.float64, keepdims=keepdims) / n
    if dtype == np.float16:
        return (np.add.reduce(x, axis=axis, dtype=np.float32, keepdims=keepdims) / n).astype(dtype)
    return np.add.reduce(x, axis=axis, keepdims=keepdims) / n


def var(x: Any, axis: Axes, correction: float, keepdims: bool) -> Any:
    """numpy.var without its overhead: the mean square of what is left after subtracting the mean."""
    d = x - mean(x, axis, True)
    d *= d
    return np.add.reduce(d, axis=axis, keepdims=keepdims) / max(length(np.shape(x), axis) - correction, 0)


def std(x: Any, axis: Axes, correction: float, keepdims: bool) -> Any:
    """numpy.std without its overhead."""
    return np.sqrt(var(x, axis, correction, keepdims))


# -- extremes ----------------------------------------------------------------------------------------------------
def tied(x: Any, y: Any, axis: Axes, keepdims: bool) -> Any:
    """Which elements of x equal the extreme y; where that is NaN, the elements that are NaN."""
    y = np.reshape(y, kept(np.shape(x), axis))
    won = np.equal(x, y)
    return won if np.equal(y, y).all() else won | (np.not_equal(y, y) & np.not_equal(x, x))


def deal(g: Any, won: Any, axis: Axes, keepdims: bool) -> Any:
    """g shared evenly among those that won, selected rather than multiplied."""
    g = np.reshape(g, kept(np.shape(won), axis))
    if np.count_nonzero(won) > g.size:
        g = g / np.maximum(np.add.reduce(won, axis=axis, keepdims=True), 1).astype(g.dtype)
    return np.where(won, g, np.zeros((), g.dtype))[()]


def collect(x: Any, won: Any, axis: Axes, keepdims: bool) -> Any:
    """The mean of those that won: the transpose of dealing."""
    total = np.add.reduce(np.where(won, x, np.zeros((), x.dtype)), axis=axis, keepdims=keepdims)
    if np.count_nonzero(won) > total.size:
        total = total / np.maximum(np.add.reduce(won, axis=axis, keepdims=keepdims), 1).astype(x.dtype)
    return total


# -- exponentials ------------------------------------------------------------------------------------------------
def _exponentials(x: Any, axis: Axes) -> tuple[Any, Any, Any]:
    """The largest element (complex: real part), exp(x) relative to it, and the sum of those, axes kept.

    The sum is 1 or more, but NaN where the largest is infinite or there is nothing.
    """
    top = np.maximum.reduce(np.real(x), axis=axis, keepdims=True, initial=-math.inf)
    with np.errstate(invalid="ignore"):
        e = np.exp(x - top)
    return top, e, np.add.reduce(e, axis=axis, keepdims=True)


def logsumexp(x: Any, axis: Axes, keepdims: bool) -> Any:
    """log(sum(exp(x))) without overflow; -inf where all are -inf or there is nothing."""
    x = floating(x)
    top, e, total = _exponentials(x, axis)
    if total.size and np.less(1.1, np.min(np.abs(total) if total.dtype.kind == "c" else total)):
        y = np.log(total) + top
    else:
        # Beside a single 1 the sum of the others has digits that the whole sum would lose.
        alone = np.abs(total - 1) < 0.1
        rest = np.add.reduce(np.where(foremost(x, axis), 0, e), axis=axis, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            y = np.where(alone, np.log1p(np.where(alone, rest, 0)), np.log(np.where(alone, 1, total))) + top
        y = np.where(np.isinf(top), top, y)
    return np.reshape(y, kept(x.shape, axis) if keepdims else without(x.shape, axis))[()]


def exponential_shares(x: Any, axis: Axes) -> Any:
    """exp(x) / sum(exp(x)) by differences; 0 where all are -inf, even shares among the infinities otherwise."""
    x = floating(x)
    top, e, total = _exponentials(x, axis)
    if np.isinf(top).any():
        infinite = np.isinf(top) & (top > 0) & (np.real(x) == top)
        count = np.maximum(np.count_nonzero(infinite, axis=axis, keepdims=True), 1)
        e = np.where(np.isinf(top), infinite / count, e).astype(x.dtype)
        total = np.where(np.isinf(top), 1, total).astype(x.dtype)
    return e / total


def foremost(x: Any, axis: Axes) -> Any:
    """A mask with one True along the axes, at the first of the largest elements."""
    shape = np.shape(x)
    rest = [i for i in range(len(shape)) if i not in axis]
    flat = np.transpose(np.real(x), (*rest, *axis)).reshape(*[shape[i] for i in rest], length(shape, axis))
    mask = np.zeros(flat.shape, bool)
    if flat.size:
        np.put_along_axis(mask, np.argmax(flat, axis=-1)[..., None], True, axis=-1)
    mask = mask.reshape([shape[i] for i in (*rest, *axis)])
    return np.transpose(mask, np.argsort((*rest, *axis)))[()]


def floating(x: Any) -> Any:
    """x as floats, if it is integers or a Python number."""
    return x if getattr(getattr(x, "dtype", None), "kind", "") in "fc" and hasattr(x, "dtype") else np.asarray(x, float)


def without(shape: Axes, axis: Axes) -> Axes:
    """The shape less the reduced axes."""
    return tuple([n for i, n in enumerate(shape) if i not in axis])


# -- products that leave one factor out ----------------------------------------------------------------------------
def leave_one_out(rows: Any, axis: Axes) -> Any:
    """For each element the product of all others along the axes; nothing is divided.

    rows: (*shape, 1 + m). Each element is the factor x + e1 G1 + ... + em Gm with x, G1, ..., Gm along the last axis
    and ek * ek = 0, and the result, of that shape, is the coefficient of e1 ... em: a derivative of order m.
    """
    shape = rows.shape[:-1]
    m = rows.shape[-1] - 1
    rest = [i for i in range(len(shape)) if i not in axis]
    order = (*rest, *axis)
    lanes = tuple([shape[i] for i in rest])
    n = length(shape, axis)
    t = np.transpose(rows, (len(shape), *order)).reshape(m + 1, *lanes, n)
    if m == 0:
        c = t
    else:
        c = np.zeros((1 << m, *lanes, n), rows.dtype)
        c[0] = t[0]
        for k in range(m):
            c[1 << k] = t[k + 1]
    if n == 0:
        y = c[-1]
    elif within_range(c):
        y = _between(c[0]) if m == 0 else _exclusive(c)[-1]
    else:
        y, exponent = _exclusive_scaled(c)
        y = _ldexp(y[-1], exponent)
    return y.reshape([shape[i] for i in order]).transpose(np.argsort(order).astype(int))[()]


def within_range(c: Any) -> bool:
    """Whether no product of any factors (last axis; coefficients on the first) can over- or underflow."""
    if c.dtype.kind == "c":
        return within_range(np.concatenate([c.real, c.imag]))
    exponents = np.frexp(c)[1]
    high = np.add.reduce(np.maximum(exponents.max(axis=0), 0), axis=-1)
    low = np.add.reduce(np.maximum(1 - exponents.min(axis=0), 0), axis=-1)
    limit = np.finfo(c.dtype).maxexp - 24
    return bool(np.isfinite(c).all()) and max(high.max(initial=0), low.max(initial=0)) < limit


def _between(x: Any) -> Any:
    """What is before each element times what is after it, along the last axis."""
    y = np.ones(x.shape, x.dtype)
    np.multiply.accumulate(x[..., :-1], axis=-1, out=y[..., 1:])
    y[..., :-1] *= np.multiply.accumulate(x[..., :0:-1], axis=-1)[..., ::-1]
    return y


def _times(a: Any, b: Any) -> Any:
    """The product of polynomials in e1 ... em (ek * ek = 0), coefficients by the bits of the first index."""
    if len(a) == 1:
        return a * b
    y = np.empty(np.broadcast_shapes(a.shape, b.shape), np.result_type(a, b))
    for whole in range(len(a)):
        part = whole
        total = a[whole] * b[0]
        while part:
            part = (part - 1) & whole
            total = total + a[part] * b[whole ^ part]
        y[whole] = total
    return y


def _one(c: Any) -> Any:
    one = np.zeros(c.shape, c.dtype)
    one[0] = 1
    return one


def _exclusive(c: Any) -> Any:
    """All products but one along the last axis, from those of neighbours taken together: O(n)."""
    n = c.shape[-1]
    if n == 1:
        return _one(c)
    k = n // 2
    even, odd = c[..., : 2 * k : 2], c[..., 1::2]
    outer = _exclusive(np.concatenate([_times(even, odd), c[..., 2 * k :]], axis=-1))
    return _interleave(c, outer, even, odd, k)


def _interleave(c: Any, outer: Any, even: Any, odd: Any, k: int) -> Any:
    y = np.empty(c.shape, c.dtype)
    y[..., : 2 * k : 2] = _times(outer[..., :k], odd)
    y[..., 1::2] = _times(outer[..., :k], even)
    y[..., 2 * k :] = outer[..., k:]
    return y


def _exclusive_scaled(c: Any) -> tuple[Any, Any]:
    """The same as mantissas and exponents of two, so that nothing in between leaves the range of floats."""
    n = c.shape[-1]
    if n == 1:
        return _one(c), np.zeros(c.shape[1:], int)
    parts = np.concatenate([c.real, c.imag]) if c.dtype.kind == "c" else c
    exponent = np.where(parts == 0, -(1 << 20), np.frexp(parts)[1]).max(axis=0)
    exponent = np.where(exponent == -(1 << 20), 0, exponent).astype(int)
    c = _ldexp(c, -exponent)
    k = n // 2
    even, odd = c[..., : 2 * k : 2], c[..., 1::2]
    outer, above = _exclusive_scaled(np.concatenate([_times(even, odd), c[..., 2 * k :]], axis=-1))
    y = _interleave(c, outer, even, odd, k)
    total = np.add.reduce(exponent, axis=-1, keepdims=True) - exponent
    total[..., : 2 * k : 2] += above[..., :k]
    total[..., 1::2] += above[..., :k]
    total[..., 2 * k :] += above[..., k:]
    return y, total


def _ldexp(x: Any, exponent: Any) -> Any:
    exponent = np.clip(exponent, -(1 << 30), 1 << 30).astype(np.intc)
    if x.dtype.kind != "c":
        return np.ldexp(x, exponent)
    y = np.empty(x.shape, x.dtype)
    y.real, y.imag = np.ldexp(x.real, exponent), np.ldexp(x.imag, exponent)
    return y


# -- scans along one axis ------------------------------------------------------------------------------------------
def along(kernel: Callable[..., Any], axis: int, reverse: bool, *arrays: Any) -> Any:
    """A kernel of the last axis, forwards, applied along any axis in either direction."""
    turned = [np.moveaxis(np.asarray(a), axis, -1) for a in arrays]
    if reverse:
        turned = [a[..., ::-1] for a in turned]
    y = kernel(*turned)
    return np.moveaxis(y[..., ::-1] if reverse else y, -1, axis)


def cumulative_sum(x: Any, axis: int, reverse: bool) -> Any:
    """Running sums, from the end if `reverse`."""
    if not reverse:
        return np.add.accumulate(x, axis=axis)
    return np.flip(np.add.accumulate(np.flip(x, axis), axis=axis), axis)


def shift(x: Any, axis: int, reverse: bool) -> Any:
    """Each element moved one place on along the axis (one back if `reverse`), a zero where none comes."""
    y = np.zeros(x.shape, x.dtype)
    source: list[Any] = [slice(None)] * x.ndim
    target = list(source)
    source[axis], target[axis] = slice(None, -1), slice(1, None)
    if reverse:
        source, target = target, source
    y[tuple(target)] = x[tuple(source)]
    return y


def recurrence(a: Any, b: Any, axis: int, reverse: bool) -> Any:
    """s[i] = a[i] s[i-1] + b[i] along the axis, beginning with s[0] = b[0]."""
    a, b = np.broadcast_arrays(a, b)
    dtype = np.result_type(a, b)
    return along(_recurrence, axis, reverse, a.astype(dtype, copy=False), b.astype(dtype, copy=False))


def _recurrence(a: Any, b: Any) -> Any:
    n = b.shape[-1]
    if b.size == 0 or n == 1:
        return b.copy()
    if n > 8 and np.isfinite(b).all() and within_range(a[None]):
        return _doubling(a, b)
    y = np.empty(b.shape, b.dtype)
    if b.size <= 4 * n:  # few lanes: Python's numbers are faster than NumPy's calls
        lanes = y.reshape(-1, n)
        for lane, ra, rb in zip(lanes, a.reshape(-1, n).tolist(), b.reshape(-1, n).tolist(), strict=True):
            s = type(rb[0])(0)
            out = []
            for p, q in zip(ra, rb, strict=True):
                s = p * s + q if s else q
                out.append(s)
            lane[:] = out
        return y
    y[..., 0] = b[..., 0]
    for i in range(1, n):
        y[..., i] = scale(y[..., i - 1], a[..., i]) + b[..., i]
    return y


def _doubling(a: Any, b: Any) -> Any:
    """Two steps taken together are a step of the same form: O(n) work in log(n) calls."""
    n = b.shape[-1]
    if n == 1:
        return b
    k = n // 2
    even, odd = slice(0, 2 * k, 2), slice(1, 2 * k, 2)
    s = _doubling(a[..., odd] * a[..., even], a[..., odd] * b[..., even] + b[..., odd])
    y = np.empty(b.shape, b.dtype)
    y[..., odd] = s
    y[..., 0] = b[..., 0]
    y[..., 2::2] = a[..., 2::2] * s[..., : (n - 1) // 2] + b[..., 2::2]
    return y


# -- order ---------------------------------------------------------------------------------------------------------
def argsort(x: Any, axis: int, descending: bool) -> Any:
    """Stable order along the axis; equal elements stay in their order, also descending."""
    if not descending:
        return np.argsort(x, axis=axis, stable=True)
    backwards = np.argsort(np.flip(x, axis), axis=axis, stable=True)
    return np.shape(x)[axis] - 1 - np.flip(backwards, axis)


def sort(x: Any, axis: int, descending: bool) -> Any:
    """Sorted along the axis."""
    y = np.sort(x, axis=axis)
    return np.flip(y, axis) if descending else y


def inverse_order(order: Any, axis: int) -> Any:
    """The permutation that undoes one."""
    y = np.empty(order.shape, order.dtype)
    steps = [1] * order.ndim
    steps[axis] = -1
    places = np.arange(order.shape[axis], dtype=order.dtype).reshape(steps)
    np.put_along_axis(y, order, np.broadcast_to(places, order.shape), axis)
    return y


def searchsorted(x1: Any, x2: Any, side: str, lead: int) -> Any:
    """numpy.searchsorted for each position on `lead` leading axes, which broadcast."""
    if lead == 0:
        return np.searchsorted(x1, x2, side=side)
    outer = np.broadcast_shapes(x1.shape[:lead], np.shape(x2)[:lead])
    x1 = np.broadcast_to(x1, (*outer, *x1.shape[lead:]))
    x2 = np.broadcast_to(x2, (*outer, *np.shape(x2)[lead:]))
    y = np.empty(x2.shape, np.intp)
    for place in np.ndindex(outer):
        y[place] = np.searchsorted(x1[place], x2[place], side=side)
    return y
