"""NumPy kernels that NumPy itself has not, and the arithmetic of the sweep on large arrays.

Kernels know nothing of tapes. Most primitives use NumPy's own function and need no line here.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

ndarray = np.ndarray

#: Bytes from which on writing over a dead array beats allocating a new one (fresh pages cost more than the sum).
LARGE = 1 << 15


def dead(x: Any, references: int) -> bool:
    """Whether the caller holds the only reference to this array, whose memory is its own."""
    return x.base is None and sys.getrefcount(x) <= references and x.flags.writeable


def _calibrate() -> int:
    """How many references CPython counts inside `dead` for an array that only one caller up the stack holds."""

    def outer() -> int:
        fresh = np.empty(1)
        return middle(fresh)

    def middle(x: Any) -> int:
        return inner(x)

    def inner(x: Any) -> int:
        return sys.getrefcount(x)

    return outer()


#: References to an array held by one frame, passed down through one function to `dead`.
HELD_ONCE = _calibrate()


def times(g: Any, d: Any) -> Any:
    """g * d; a large d that nobody else holds is written over."""
    if type(d) is ndarray and d.nbytes > LARGE and type(g) is ndarray:
        if is_one(g):
            return d
        if g.shape == d.shape and g.dtype is d.dtype and dead(d, HELD_ONCE - 1):
            return np.multiply(g, d, out=d)
    return g * d


def times_over(g: Any, d: Any) -> Any:
    """g * d, called by the sweep for a g that it may not need any more: then a large g is written over."""
    if type(g) is ndarray and g.nbytes > LARGE and type(d) is ndarray and g.dtype is d.dtype:
        if is_one(g) and g.shape == d.shape:
            return d
        if g.shape == np.broadcast_shapes(g.shape, d.shape) and dead(g, HELD_ONCE - 1):
            return np.multiply(g, d, out=g)
    return g * d


def negate(g: Any) -> Any:
    """-g, called by the sweep for a g that it may not need any more: then a large g is written over."""
    if type(g) is ndarray and g.nbytes > LARGE and dead(g, HELD_ONCE):
        return np.negative(g, out=g)
    return -g


def is_one(g: Any) -> bool:
    """Whether g is the number 1 broadcast: the cotangent that a sum hands down."""
    return not any(g.strides) and g.size > 0 and g.item(0) == 1


def absorb(g: Any, y: Any) -> Any:
    """y = g * d with 0 where g == 0 absorbs an infinite or undefined d."""
    if type(y) is not ndarray:
        return y if y == y or g != 0 else type(y)(0)
    if y.size == 0:
        return y
    flat = y.ravel(order="K")
    probe = np.vdot(flat, flat)
    if probe == probe:
        return y
    return np.where(g == 0, np.zeros((), y.dtype), y)


def scale(g: Any, d: Any) -> Any:
    """g * d, where g == 0 absorbs an infinite or undefined d; a large d that nobody else holds is written over."""
    if type(d) is ndarray and d.nbytes > LARGE and type(g) is ndarray:
        if is_one(g):
            return d
        if g.shape == d.shape and g.dtype is d.dtype and dead(d, HELD_ONCE - 1):
            return absorb(g, np.multiply(g, d, out=d))
    return absorb(g, g * d)


def scale_over(g: Any, d: Any) -> Any:
    """The same, called by the sweep for a g that it may not need any more: a large finite product is written over g."""
    if type(g) is not ndarray:
        y = g * d
        if type(y) is ndarray:
            return absorb(g, y)
        return y if y == y or g != 0 else type(y)(0)
    if g.nbytes > LARGE and type(d) is ndarray:
        if is_one(g) and g.shape == d.shape:
            return d
        if g.shape == d.shape and g.dtype is d.dtype and dead(g, HELD_ONCE - 1) and all_finite(d):
            return np.multiply(g, d, out=g)
    return absorb(g, g * d)


def all_finite(x: Any) -> bool:
    """Whether no element of an array is infinite or NaN (a large finite one may count as infinite)."""
    flat = x.ravel(order="K")
    probe = np.vdot(flat, flat)
    return bool(probe - probe == 0)


def add_into(total: Any, g: Any) -> Any:
    """total + g; a large total that nobody else holds is written over."""
    if (
        type(total) is ndarray
        and total.nbytes > 2048
        and type(g) is ndarray
        and g.dtype is total.dtype
        and g.shape == total.shape
        and dead(total, HELD_ONCE)
    ):
        total += g
        return total
    return total + g


# -- functions that NumPy has not ------------------------------------------------------------------------------
def identity(x: Any) -> Any:
    """x itself."""
    return x


def where(c: Any, a: Any, b: Any) -> Any:
    """numpy.where, with scalars for 0-d results."""
    return np.where(c, a, b)[()]


def clip(x: Any, low: Any, high: Any) -> Any:
    """numpy.clip with both bounds."""
    return np.minimum(np.maximum(x, low), high)


def complex_of(a: Any, b: Any) -> Any:
    """a + ib without the arithmetic of it (infinite parts stay what they are)."""
    a, b = np.asarray(a), np.asarray(b)
    kind = np.result_type(a, b, np.float32)
    y = np.empty(np.broadcast_shapes(a.shape, b.shape), np.result_type(kind, np.complex64))
    y.real, y.imag = a, b
    return y[()]


def logistic(x: Any) -> Any:
    """1 / (1 + exp(-x)), from exp(-|x|) so that both tails keep their precision."""
    if np.iscomplexobj(x):
        return 1 / (1 + np.exp(-x))
    e = np.exp(-np.abs(x))
    return np.where(np.greater_equal(x, 0), 1, e)[()] / (1 + e)


def sech_squared(x: Any) -> Any:
    """1 / cosh(x)^2; cosh overflows to where the value is 0."""
    y = np.reciprocal(np.cosh(x))
    return np.multiply(y, y, out=y) if type(y) is ndarray else y * y


def exp2_times(x: Any, order: int) -> Any:
    """log(2)^order 2^x, in two halves where 2^x alone overflows."""
    y = np.exp2(x)
    if order == 0:
        return y
    factor = float(np.log(2.0) ** order)
    if np.iscomplexobj(y):
        return factor * y
    half = np.exp2(np.multiply(x, 0.5))
    return np.where(np.isinf(y), half * factor * half, factor * y)[()]
