"""Kernels in the terms of the array API standard, for primitives whose NumPy kernels are our own.

Each is a function (xp, *data, **parameters), xp being the library (see libraries.py); numbers among the data are
Python's. None looks at a value (but for `show`, when asked), so that they serve lazy libraries too, and programs that
are being compiled.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import standard_indexing, standard_linalg, standard_reductions, standard_special
from .dtypes import is_floating, kind_of
from .numpy_kernels import REPORT
from .standard_operands import arrays, floating, is_number, truth


# -- selecting ---------------------------------------------------------------------------------------------------
def where(xp: Any, c: Any, a: Any, b: Any) -> Any:
    """a where c holds, else b."""
    if is_number(a) and is_number(b):
        a = xp.asarray(type(a + b)(a), **({} if is_number(c) else xp.placed(c)))
    return xp.where(truth(xp, c, a, b), a, b)


def select(xp: Any, g: Any, c: Any, when: bool) -> Any:
    """g where c is `when`, else 0."""
    return where(xp, c, g, 0) if when else where(xp, c, 0, g)


def share(xp: Any, g: Any, a: Any, b: Any, larger: bool, with_nan: bool) -> Any:
    """g where a is the larger (smaller) of a and b, half of it at ties; NaN is what is chosen, or what is not."""
    y = where(xp, a > b if larger else a < b, g, 0)
    y = where(xp, a == b, 0.5 * g, y)
    return where(xp, a != a if with_nan else b != b, g, y)


def clip(xp: Any, x: Any, low: Any, high: Any) -> Any:
    """x within both bounds."""
    return xp.minimum(xp.maximum(x, low), high)


def scale(xp: Any, g: Any, d: Any) -> Any:
    """g * d, where g == 0 absorbs an infinite or undefined d."""
    return absorb(xp, g, g * d)


def scale_either(xp: Any, a: Any, b: Any) -> Any:
    """a * b, where a zero of either absorbs an infinite or undefined other."""
    return absorb(xp, b, absorb(xp, a, a * b))


def absorb(xp: Any, g: Any, y: Any) -> Any:
    """y = g * d, with 0 where g == 0 absorbs an infinite or undefined d, or d == 0 an infinite g."""
    if is_number(g):
        show(xp, y, lambda: g == 0 or math.isinf(abs(g)))
        if g == 0:
            return xp.zeros_like(y)
        return xp.where(xp.isnan(y), 0, y) if math.isinf(abs(g)) else y
    if not is_floating(y.dtype):
        return y
    show(xp, y, lambda: (g == 0) | xp.isinf(g))
    return xp.where((g == 0) | (xp.isinf(g) & xp.isnan(y)), 0, y)


def divide_absorbing(xp: Any, a: Any, b: Any) -> Any:
    """a / b, 0 where a is 0 whatever b is."""
    y = a / b
    if is_number(a):
        show(xp, y, lambda: a == 0)
        return y if a != 0 else xp.zeros_like(y)
    show(xp, y, lambda: a == 0)
    return xp.where((a == 0) & xp.isnan(y), 0, y)


def show(xp: Any, y: Any, absorbs: Callable[[], Any]) -> None:
    """Tell who wants to know of undefined products y, where elements can be looked at at all."""
    report = REPORT.get()
    if report is None or not is_floating(y.dtype) or not xp.is_known(y):
        return
    undefined = xp.to_numpy(xp.isnan(y))
    if undefined.any():
        hidden = absorbs()
        report(np.broadcast_to(hidden if type(hidden) is bool else xp.to_numpy(hidden), undefined.shape), undefined)


def nan_to_num(xp: Any, x: Any, nan: Any, posinf: Any, neginf: Any) -> Any:
    """x with numbers in place of NaN and the infinities."""
    if not is_floating(x.dtype):
        return x
    limits = xp.finfo(x.dtype)
    x = xp.where(xp.isnan(x), float(nan), x)
    x = xp.where(xp.isinf(x) & (x > 0), float(limits.max if posinf is None else posinf), x)
    return xp.where(xp.isinf(x) & (x < 0), float(limits.min if neginf is None else neginf), x)


def logical(name: str) -> Any:
    """A logical function of any numbers, which are true unless they are 0."""
    return lambda xp, *data: getattr(xp, name)(*[truth(xp, x, *data) for x in data])


# -- smooth functions --------------------------------------------------------------------------------------------
def logistic(xp: Any, x: Any) -> Any:
    """1 / (1 + exp(-x)), from exp(-|x|) so that both tails keep their precision."""
    x = floating(xp, x)
    if kind_of(x.dtype) == "c":
        return 1 / (1 + xp.exp(-x))
    e = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, 1 / (1 + e), e / (1 + e))


def logistic_slope(xp: Any, x: Any) -> Any:
    """The derivative of the logistic function."""
    x = floating(xp, x)
    if kind_of(x.dtype) == "c":
        return logistic(xp, x) * logistic(xp, -x)
    e = xp.exp(-xp.abs(x))
    return e / ((1 + e) * (1 + e))


def one_minus_square(xp: Any, x: Any) -> Any:
    """1 - x^2 without a loss of digits near 1 and -1."""
    return (1 - x) * (1 + x)


def power(xp: Any, a: Any, b: Any) -> Any:
    """a ** b, by the library's operator: numbers stay weak."""
    return a**b


def sech_squared(xp: Any, x: Any) -> Any:
    """1 / cosh(x)^2."""
    y = 1 / xp.cosh(floating(xp, x))
    return y * y


def cosine(xp: Any, a: Any, b: Any) -> Any:
    """a / hypot(a, b), and 0 at the origin."""
    h = xp.hypot(a, b)
    return a / xp.where(h == 0, 1, h)


def exp2(xp: Any, x: Any, order: int) -> Any:
    """log(2)^order 2^x, in two halves where 2^x alone overflows."""
    x = floating(xp, x)
    y = xp.exp2(x) if xp.has("exp2") else 2.0**x
    if order == 0:
        return y
    factor = math.log(2.0) ** order
    if kind_of(x.dtype) == "c":
        return factor * y
    half = 2.0 ** (0.5 * x)
    return xp.where(xp.isinf(y), half * factor * half, factor * y)


def sinc(xp: Any, x: Any, order: int) -> Any:
    """The derivative of that order of sin(pi x) / (pi x): see numpy_kernels.sinc."""
    z = floating(xp, x) * math.pi
    sines = (xp.sin(z), xp.cos(z))
    sines += (-sines[0], -sines[1])
    up = xp.where(z == 0, 1, sines[0] / xp.where(z == 0, 1, z))
    if order == 0:
        return up
    small = xp.abs(z) < order + 2
    divisor = xp.where(small, 1, z)
    for n in range(1, order + 1):
        up = (sines[n % 4] - n * up) / divisor
    down = xp.zeros_like(z)
    near = xp.where(small, z, 0)
    for n in range(3 * order + 30, order, -1):
        down = (sines[n % 4] - near * down) / n
    return xp.where(small, down, up) * math.pi**order


def cbrt(xp: Any, x: Any) -> Any:
    """The real cube root: a power, and a step of Newton's method for its last digits."""
    if xp.has("cbrt"):
        return xp.cbrt(x)
    x = floating(xp, x)
    size = xp.abs(x)
    y = size ** (1 / 3)
    safe = xp.where((y == 0) | xp.isinf(y), 1, y)
    step = xp.where((y == 0) | xp.isinf(y), 0, (size / safe / safe - safe) / 3)
    return xp.where(x < 0, -(y + step), y + step)


# -- complex numbers ---------------------------------------------------------------------------------------------
def complex_of(xp: Any, a: Any, b: Any) -> Any:
    """a + ib."""
    kind = xp.complex64 if all(is_number(v) or v.dtype == xp.float32 for v in (a, b)) else xp.complex128
    a, b = [v if is_number(v) else xp.astype(v, kind) for v in (a, b)]
    return a + b * 1j


def imag_of_real(xp: Any, x: Any) -> Any:
    """Zeros."""
    return xp.zeros_like(x)


def angle_of_real(xp: Any, x: Any) -> Any:
    """0 or pi."""
    return xp.where(xp.signbit(x) & (x < 0), math.pi, xp.zeros_like(floating(xp, x)))


# -- elementwise functions that only some libraries have ------------------------------------------------------------
def fabs(xp: Any, x: Any) -> Any:
    """|x|, a floating number."""
    return xp.abs(floating(xp, x))


def fmax(xp: Any, a: Any, b: Any) -> Any:
    """The larger one, of a number and NaN the number."""
    a, b = arrays(xp, a, b)
    return xp.where(a != a, b, xp.where(b != b, a, xp.maximum(a, b)))


def fmin(xp: Any, a: Any, b: Any) -> Any:
    """The smaller one, of a number and NaN the number."""
    a, b = arrays(xp, a, b)
    return xp.where(a != a, b, xp.where(b != b, a, xp.minimum(a, b)))


def fmod(xp: Any, a: Any, b: Any) -> Any:
    """The remainder with the sign of a."""
    a, b = arrays(xp, a, b)
    if xp.has("fmod"):
        return xp.fmod(a, b)
    r = xp.remainder(xp.abs(a), xp.abs(b))
    return xp.where(a < 0, -r, r)


def heaviside(xp: Any, a: Any, b: Any) -> Any:
    """0 for a < 0, b for a == 0, 1 for a > 0."""
    a, b = arrays(xp, a, b)
    return xp.where(a != a, a, xp.where(a == 0, b, xp.astype(a > 0, a.dtype)))


def logaddexp2(xp: Any, a: Any, b: Any) -> Any:
    """log2(2^a + 2^b)."""
    ln2 = math.log(2.0)
    return xp.logaddexp(a * ln2, b * ln2) / ln2


def rint(xp: Any, x: Any) -> Any:
    """The nearest even integer."""
    return xp.round(x)


def rounded(xp: Any, x: Any, decimals: int) -> Any:
    """x rounded to that many decimals."""
    if decimals == 0:
        return xp.round(x)
    factor = 10.0**decimals
    return xp.round(x * factor) / factor


def deg2rad(xp: Any, x: Any) -> Any:
    """Degrees to radians."""
    return x * (math.pi / 180)


def rad2deg(xp: Any, x: Any) -> Any:
    """Radians to degrees."""
    return x * (180 / math.pi)


# -- the same elements otherwise -----------------------------------------------------------------------------------
def astype(xp: Any, x: Any, dtype: Any) -> Any:
    """x converted; of a complex x the real part."""
    if kind_of(x.dtype) == "c" and kind_of(dtype) != "c":
        x = xp.real(x)
    return xp.astype(x, dtype)


def concat(xp: Any, *arrays: Any, axis: int, ends: Any) -> Any:
    """The arrays joined along an axis."""
    return xp.concat(list(arrays), axis=axis)


def stack(xp: Any, *arrays: Any, axis: int) -> Any:
    """The arrays along a new axis."""
    return xp.stack(list(arrays), axis=axis)


def to_device(xp: Any, x: Any, device: Any, source: Any) -> Any:
    """x on that device. Raises ValueError if the library has no other."""
    if hasattr(x, "to_device"):
        return x.to_device(device)
    if device != source:
        raise ValueError(f"gradtape: {xp.title} arrays live on the device {source!r}, not {device!r}")
    return x


def matmul_nt(xp: Any, a: Any, b: Any) -> Any:
    """a times the transpose of b."""
    return xp.matmul(a, xp.matrix_transpose(b))


def matmul_tn(xp: Any, a: Any, b: Any) -> Any:
    """The transpose of a times b."""
    return xp.matmul(xp.matrix_transpose(a), b)


def matrix_transpose(xp: Any, x: Any) -> Any:
    """The last two axes exchanged."""
    return xp.matrix_transpose(x)


def sparse_matmul(xp: Any, x: Any, factor: Any) -> Any:
    """A sparse matrix times x: the first entries of all rows, the second, and so on."""
    total = None
    for columns, weights in factor.layers():
        picked = xp.take(x, xp.from_numpy(columns, x), axis=0)
        weights = weights.reshape(-1, *(1,) * (len(x.shape) - 1))
        part = xp.from_numpy(weights, x) * picked
        total = part if total is None else total + part
    return total


KERNELS: dict[str, Any] = {
    function.__name__: function
    for function in (
        angle_of_real, astype, cbrt, clip, concat, cosine, deg2rad, divide_absorbing, exp2, fabs, fmax, fmin, fmod,
        heaviside, imag_of_real, logaddexp2, logistic, logistic_slope, matmul_nt, matmul_tn, matrix_transpose,
        nan_to_num, one_minus_square, power, rad2deg, rint, scale, scale_either, sech_squared, select, share, sinc,
        sparse_matmul, stack, to_device, where,
    )
} | {
    **{name: logical(name) for name in ("logical_and", "logical_not", "logical_or", "logical_xor")},
    "astype_exact": astype, "complex": complex_of, "round": rounded,
    **standard_indexing.KERNELS, **standard_linalg.KERNELS, **standard_reductions.KERNELS, **standard_special.KERNELS,
}  # fmt: skip
