"""NumPy kernels that NumPy itself has not, and the arithmetic of the sweep on large arrays.

Kernels know nothing of tapes. Most primitives use NumPy's own function and need no line here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from math import inf, isfinite
from typing import Any

import numpy as np

ndarray, float64, DOUBLE = np.ndarray, np.float64, np.dtype(np.float64)

#: Bytes from which on writing over a dead array beats allocating a new one (fresh pages cost more than the sum).
LARGE = 1 << 15
#: Bytes from which on a power by products is quicker than what tells whether it may be one.
SEVERAL = 1 << 10
#: Most elements of an array whose dot product BLAS computes in this thread.
SHORT = 1 << 13


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
        if is_one(g) and g.shape == d.shape:
            return d
        if g.shape == d.shape and g.dtype is d.dtype and dead(d, HELD_ONCE - 1):
            return np.multiply(g, d, out=d)
    return g * d


def times_over(g: Any, d: Any) -> Any:
    """g * d, called by the sweep for a g that it may not need any more: then a large g is written over."""
    if type(g) is ndarray and g.nbytes > LARGE and type(d) is ndarray and g.dtype is d.dtype:
        if is_one(g) and g.shape == d.shape:
            return d
        if g.shape == d.shape and dead(g, HELD_ONCE):
            return np.multiply(g, d, out=g)
    return g * d


def repeated(number: Any, shape: tuple[int, ...]) -> Any:
    """A number at every place of an array that cannot be written to: what a sum hands down."""
    return np.broadcast_to(number, shape)


def negate(g: Any, _: Any = None) -> Any:
    """-g, called by the sweep for a g that it may not need any more: then a large g is written over."""
    if type(g) is ndarray and g.nbytes > LARGE and dead(g, HELD_ONCE):
        return np.negative(g, out=g)
    return -g


def doubled(g: Any) -> Any:
    """2 g; of a number repeated along all axes (what a sum hands down) only the number is doubled."""
    if type(g) is ndarray and g.size and not any(g.strides):
        return repeated(g[(0,) * g.ndim] * 2, g.shape)
    return g + g


def is_one(g: Any) -> bool:
    """Whether g is the number 1 broadcast: the cotangent that a sum hands down."""
    return not any(g.strides) and g.size > 0 and g.item(0) == 1


#: Who is told of undefined products: (which a zero absorbs, which are undefined). Asked only where there are some.
REPORT: ContextVar[Callable[[Any, Any], None] | None] = ContextVar("gradtape_undefined_products", default=None)


def absorb(g: Any, y: Any) -> Any:
    """y = g * d, with 0 where g == 0 absorbs an infinite or undefined d, or d == 0 an infinite g."""
    if type(y) is not ndarray:
        if y == y:
            return y
        absorbs = g == 0 or abs(g) == inf
        if (report := REPORT.get()) is not None:
            report(np.asarray(absorbs), np.asarray(True))
        return type(y)(0) if absorbs else y
    if y.size == 0:
        return y
    probe = np.maximum.reduce(y, axis=None)  # NaN if there is one; no BLAS, whose threads may have to wait
    if probe == probe:
        return y
    if (report := REPORT.get()) is not None:
        report(np.broadcast_to((g == 0) | np.isinf(g), y.shape), np.isnan(y))
    return np.where((g == 0) | (np.isinf(g) & np.isnan(y)), np.zeros((), y.dtype), y)


#: Bytes of a large product that are looked at as soon as they are made, while the core's own cache still has them.
BLOCK = 1 << 19


def product(g: Any, d: Any, over: Any = None) -> Any:
    """g * d of arrays, where a zero absorbs; a large one is written over `over`, which is g or d."""
    report = REPORT.get() is not None
    if g.size and not any(g.strides) and g.shape == d.shape and (c := g.item(0)) and c - c == 0 and not report:
        return np.multiply(d, g[(0,) * g.ndim], out=over)  # of a number that is not 0, as means hand down, none does
    if (
        g.nbytes <= 2 * BLOCK or g.shape != d.shape or g.dtype is not d.dtype or report
        or (g.ndim > 1 and not (g.flags.c_contiguous and d.flags.c_contiguous and g.nbytes <= BLOCK * len(g)))
    ):  # fmt: skip
        y = np.multiply(g, d, out=d) if over is d else g * d
        return y if is_short_and_finite(y) else absorb(g, y)
    y = np.empty_like(d) if over is None else over
    step = BLOCK * len(g) // g.nbytes
    spare = np.empty((step, *g.shape[1:]), g.dtype) if over is g else None  # g tells where a NaN is 0
    for i in range(0, len(g), step):
        a, b, out = g[i : i + step], d[i : i + step], y[i : i + step]
        block = np.multiply(a, b, out=out if spare is None else spare[: len(a)])
        if (probe := np.maximum.reduce(block, axis=None)) != probe:
            block = absorb(a, block)
        if block is not out:
            out[...] = block
    return y


def is_short_and_finite(y: Any) -> bool:
    """Whether this is a vector without NaN, so short that its dot product tells in half the time of a reduction."""
    return y.__class__ is ndarray and y.ndim == 1 and y.size <= SHORT and (probe := y.dot(y)) == probe


def scale(g: Any, d: Any) -> Any:
    """g * d, where g == 0 absorbs an infinite or undefined d; a large d that nobody else holds is written over."""
    if type(d) is ndarray and d.nbytes > LARGE and type(g) is ndarray:
        if is_one(g) and g.shape == d.shape:
            return d
        if g.shape == d.shape and g.dtype is d.dtype and dead(d, HELD_ONCE - 1):
            return product(g, d, d)
        return product(g, d)
    y = g * d
    return y if is_short_and_finite(y) else absorb(g, y)


def scale_either(a: Any, b: Any) -> Any:
    """a * b, where a zero of either absorbs an infinite or undefined other."""
    y = a * b
    return absorb(b, absorb(a, y))


def scale_over(g: Any, d: Any) -> Any:
    """The same, called by the sweep for a g that it may not need any more: a large finite product is written over g."""
    if type(g) is not ndarray:
        y = g * d
        if type(y) is ndarray:
            return absorb(g, y)
        return y if y == y else absorb(g, y)
    if g.nbytes > LARGE and type(d) is ndarray:
        if is_one(g) and g.shape == d.shape:
            return d
        if g.shape == d.shape and g.dtype is d.dtype and dead(g, HELD_ONCE):
            return product(g, d, g)
        return product(g, d)
    if d.__class__ is float and g.size > 1 and not any(g.strides):
        y = g[(0,) * g.ndim] * d
        if y == y:
            return repeated(y, g.shape)
    y = g * d
    return y if is_short_and_finite(y) else absorb(g, y)


def all_finite(x: Any) -> bool:
    """Whether no element of an array is infinite or NaN (a large finite one may count as infinite)."""
    probe = np.add.reduce(x, axis=None)
    return bool(probe - probe == 0)


def divide_absorbing(a: Any, b: Any) -> Any:
    """a / b, 0 where a is 0 whatever b is."""
    y = np.divide(a, b)
    if type(y) is not ndarray:
        if y == y:
            return y
        if (report := REPORT.get()) is not None:
            report(np.asarray(a == 0), np.asarray(True))
        return type(y)(0) if a == 0 else y
    if y.size and (probe := np.maximum.reduce(y, axis=None)) != probe:
        if (report := REPORT.get()) is not None:
            report(np.broadcast_to(np.equal(a, 0), y.shape), np.isnan(y))
        return np.where(np.equal(a, 0) & np.isnan(y), y.dtype.type(0), y)
    return y


class OuterSum:
    """A sum of outer products of vectors, kept factored: a recurrent weight's cotangent, one matrix product in all.

    The sweep adds to it, and makes an array of it before anything else looks at it.
    """

    __slots__ = ("left", "right", "rest")
    MOST = 256  # products kept factored at a time

    def __init__(self, left: Any, right: Any):
        self.left, self.right, self.rest = [left], [right], None

    def __add__(self, other: Any) -> Any:
        if type(other) is not OuterSum:
            return self.dense() + other
        self.left += other.left
        self.right += other.right
        if other.rest is not None:
            self.rest = other.rest if self.rest is None else self.rest + other.rest
        if len(self.left) > OuterSum.MOST:
            self.rest = self.dense()
            self.left, self.right = [], []
        return self

    def __radd__(self, other: Any) -> Any:
        return other + self.dense()

    __array_ufunc__ = None

    def dense(self) -> Any:
        """The array."""
        if not self.left:
            return self.rest
        if len(self.left) == 1:
            y = self.left[0][:, None] * self.right[0]
        else:
            y = np.array(self.left).T @ np.array(self.right)
        return y if self.rest is None else np.add(y, self.rest, out=y)


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


def first(a: Any, b: Any) -> Any:
    """a itself."""
    return a


identity.any_library = first.any_library = True  # type: ignore[attr-defined]


def to_device(x: Any, device: Any, source: Any) -> Any:
    """x itself: NumPy knows of one device. Raises ValueError for another."""
    if device != "cpu":
        raise ValueError(f"gradtape: NumPy arrays live on the device 'cpu', not {device!r}")
    return x


def where(c: Any, a: Any, b: Any) -> Any:
    """numpy.where, with scalars for 0-d results."""
    y = np.where(c, a, b)
    return y if y.ndim else y[()]


#: Integers of the size of a floating number, by its dtype's character.
BITS = {"d": np.int64, "f": np.int32}


def can_be_kept(c: Any, x: Any) -> bool:
    """Whether `kept` applies, and pays."""
    return (
        type(x) is ndarray and x.size > 2000 and x.dtype.char in BITS
        and type(c) is ndarray and c.dtype == np.bool_ and c.shape == x.shape
    )  # fmt: skip


def kept(c: Any, x: Any) -> Any:
    """x where c holds, else 0: by bits, without a branch for each element."""
    integer = BITS[x.dtype.char]
    y = np.empty(x.shape, x.dtype)
    bits = y.view(integer)
    np.negative(c.view(np.int8), out=bits)  # all ones or all zeros
    np.bitwise_and(bits, x.view(integer), out=bits)
    return y


def select(g: Any, c: Any, when: bool) -> Any:
    """g where c is `when`, else 0; large arrays at a fifth of the cost of numpy.where."""
    if can_be_kept(c, g):
        return kept(c if when else ~c, g)
    if type(g) is ndarray and g.nbytes > LARGE and all_finite(g):
        chosen = np.not_equal(c, 0) if when else np.equal(c, 0)
        return np.multiply(g, chosen)
    zero = g.dtype.type(0)
    return (np.where(c, g, zero) if when else np.where(c, zero, g))[()]


def share(g: Any, a: Any, b: Any, larger: bool, with_nan: bool) -> Any:
    """g where a is the larger (smaller) of a and b, half of it at ties; NaN is what is chosen, or what is not."""
    y = select(g, np.greater(a, b) if larger else np.less(a, b), True)
    tie = np.equal(a, b)
    if np.count_nonzero(tie):
        y = np.where(tie, 0.5 * g, y)
    undefined = np.not_equal(a, a) if with_nan else np.not_equal(b, b)
    if np.count_nonzero(undefined):
        y = np.where(undefined, g, y)
    return y[()]


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
    numerator = np.maximum(e, np.greater_equal(x, 0))  # 1 or e, which is at most 1; NaN stays
    if type(e) is not ndarray:
        return numerator / (1 + e)
    e += 1
    return np.divide(numerator, e, out=e)


def logistic_slope(x: Any) -> Any:
    """The derivative of the logistic function, exp(-|x|) / (1 + exp(-|x|))^2."""
    if np.iscomplexobj(x):
        return logistic(x) * logistic(-x)
    e = np.exp(-np.abs(x))
    return e / ((1 + e) * (1 + e))


def one_minus_square(x: Any) -> Any:
    """1 - x^2 without a loss of digits near 1 and -1."""
    return (1 - x) * (1 + x)


def sech_squared(x: Any) -> Any:
    """1 / cosh(x)^2; cosh overflows to where the value is 0."""
    y = np.cosh(x)
    if type(y) is ndarray and y.nbytes > LARGE:
        np.divide(1, y, out=y)  # twice as fast as numpy.reciprocal
        return np.multiply(y, y, out=y)
    y = 1 / y
    return y * y


def reciprocal(x: Any) -> Any:
    """numpy.reciprocal, of large arrays in half its time."""
    if x.__class__ is ndarray and x.nbytes > LARGE and x.dtype.kind == "f":
        return np.divide(1, x)
    return np.reciprocal(x)


def power(a: Any, b: Any) -> Any:
    """a ** b; small powers of more than a few numbers by products, right to 1.5 ulp, in down to 1 % of the time."""
    if a.__class__ is ndarray and a.nbytes > SEVERAL and (b.__class__ is int or b.__class__ is float):
        if a.dtype.kind != "f":
            return a**b
        if b == 3:
            y = a * a
            return np.multiply(y, a, out=y)
        if b in (4, -2):
            y = a * a if b == 4 else 1 / a
            return np.multiply(y, y, out=y)
    return a**b


def over_cosh_squared(g: Any, x: Any) -> Any:
    """g / cosh(x)^2, the pullback of tanh."""
    c = np.cosh(x)
    if type(c) is ndarray and c.nbytes > LARGE and g.shape == c.shape and g.dtype is c.dtype:
        np.multiply(c, c, out=c)
        return np.divide(g, c, out=c)
    return g / (c * c)


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


def cosine(a: Any, b: Any) -> Any:
    """a / hypot(a, b), and 0 at the origin."""
    h = np.hypot(a, b)
    return np.divide(a, h + (h == 0))


def sinc(x: Any, order: int) -> Any:
    """The derivative of that order of sin(pi x) / (pi x).

    With f the derivatives of sin(z) / z: z f[n] + n f[n-1] = sin(z + n pi/2). Upwards this recurrence is stable where
    |z| exceeds n, downwards from any f far enough up where it does not.
    """
    if order == 0:
        return np.sinc(x)
    z = np.multiply(x, np.pi)
    sines = (np.sin(z), np.cos(z))
    sines += (-sines[0], -sines[1])
    small = np.abs(z) < order + 2
    up = np.sinc(x)
    divisor = np.where(small, 1, z)
    for n in range(1, order + 1):
        up = (sines[n % 4] - n * up) / divisor
    down = np.zeros_like(z)
    near = np.where(small, z, 0)
    for n in range(3 * order + 30, order, -1):
        down = (sines[n % 4] - near * down) / n
    return (np.where(small, down, up) * float(np.pi**order)).astype(up.dtype, copy=False)[()]


def nan_to_num(x: Any, nan: Any, posinf: Any, neginf: Any) -> Any:
    """numpy.nan_to_num, leaving its argument alone."""
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)[()]


# -- special values of the array API standard that NumPy has otherwise ---------------------------------------------
def is_number(b: Any) -> bool:
    """Whether b is a finite number."""
    return (b.__class__ is float or b.__class__ is int or b.__class__ is float64) and isfinite(b)


def floor_divide(a: Any, b: Any) -> Any:
    """floor(a / b), which is infinite for an infinite a, and -0 for -1 divided by infinity."""
    y = a // b
    if y.__class__ is ndarray:
        # An infinite a makes NaN of y, and what an infinite b makes of it, 0 or -1, shows in the product with b.
        try:
            if isfinite(VDOT(y, b if b.__class__ is ndarray else y if is_number(b) else inf)):
                return y
        except (TypeError, ValueError):  # b is broadcast
            pass
    elif y.__class__ is float64 and isfinite(y) and isfinite(b):
        return y
    if getattr(y, "dtype", BOOL).kind == "f" and (some_infinite(a) or some_infinite(b)):
        with np.errstate(all="ignore"):
            quotient = np.floor(np.divide(a, b))
        y = np.where(np.isinf(a) | np.isinf(b), quotient, y).astype(y.dtype)[()]
    return y


BOOL = np.dtype(bool)


def own_code(function: Callable[..., Any]) -> Callable[..., Any]:
    """What a function of NumPy's does once it has found nobody to hand the call to."""
    return getattr(function, "_implementation", function)  # type: ignore[no-any-return]


def split_evenly(x: Any, sections: Any) -> Any:
    """numpy.split along the first axis, quick where that is into a number of equal parts."""
    if sections.__class__ is int and sections > 0 and len(x) % sections == 0:
        each = len(x) // sections
        return [x[i : i + each] for i in range(0, len(x), each)]
    return np.split(x, sections)


#: It says nothing of overflow.
VDOT = own_code(np.vdot)
EINSUM = own_code(np.einsum)


def some_infinite(x: Any) -> bool:
    """Whether an element is infinite; of short arrays also where the sum of squares is."""
    if type(x) is ndarray and x.size <= SHORT:
        square = VDOT(x, x)
        if square < inf or x.dtype.kind != "f":
            return False
    return bool(np.isinf(x).any())


def tanh(x: Any) -> Any:
    """numpy.tanh; of x + iy with infinite x, the imaginary part is 0 with the sign of y."""
    y = np.tanh(x)
    if y.dtype is not DOUBLE and y.dtype.kind == "c" and np.isinf(np.real(x)).any():
        at = np.isinf(np.real(x)) & np.isfinite(np.imag(x))
        y = np.where(at, complex_of(np.real(y), np.copysign(0, np.imag(x))), y).astype(y.dtype)[()]
    return y


def expm1(x: Any) -> Any:
    """numpy.expm1; of x + iy its real part stays what it is at y = 0, and -1 at x = -inf whatever y is."""
    y = np.expm1(x)
    if y.dtype is not DOUBLE and y.dtype.kind == "c":
        a, b = np.real(x), np.imag(x)
        odd = (b == 0) | np.isinf(a) | ~np.isfinite(b)
        if odd.any():
            with np.errstate(all="ignore"):
                grown = np.exp(a)
                sine, cosine = np.sin(b), np.cos(b)
                re = np.where(a < 0, -1, np.where(np.isfinite(b), grown * cosine, a))
                im = np.where(a < 0, 0 * np.where(np.isfinite(b), sine, 1), grown * sine)
                re, im = np.where(b == 0, np.expm1(a) + 0.0, re), np.where(b == 0, b, im)
            finite = np.isfinite(a) & ~np.isfinite(b)  # of these NumPy has the values
            y = np.where(odd & ~finite, complex_of(re, im), y).astype(y.dtype)[()]
    return y
