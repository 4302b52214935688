"""Determinants. Public in gradtape.linalg.

The m-th derivative of the determinant is a form symmetric in its m arguments. With C_m(A; X1..Xm) the matrix of the
form with one argument free, C_0 the cofactors, dC_m = C_(m+1)(A; X.., dA) + sum of C_m(A; X.. with dXi for Xi), and by
symmetry the pullback of a cotangent G is the same with G for dA, dXi. No inverse, so exact where det is 0.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..arrays import determinant_kernels as kernels
from ..arrays.dtypes import numpy_dtype
from ..primitive import Core, General, Rule, Zero, apply
from ..taylor_rules import AtOnce, Chosen
from ..tensor import underlying
from . import fft
from .declare import is_complex
from .decompositions import svd
from .elementwise import clip, exp2, floor, imag, log2, real, stop_gradient, where
from .manipulation import stack
from .matrices import adjoint, conjugate, inverse, matrices, per_matrix, plus
from .products import column, row
from .reductions import max, sum
from .static import static, zeros
from .untaped import untaped


class SlogdetResult(NamedTuple):
    """A determinant as sign times exp(logabsdet)."""

    sign: Any
    logabsdet: Any


# -- derivatives ---------------------------------------------------------------------------------------------------
def _det_derivative_primitive(m: int) -> General:
    xs = tuple([f"x{i + 1}" for i in range(m)])

    def in_a(d: Any, a: Any, *others: Any) -> Any:
        return det_derivative(a, *others, d)

    rules = [_rule(in_a, "a", *xs)]
    for i in range(m):
        rules.append(_rule(in_a, "a", *xs[:i], *xs[i + 1 :]))
    return General(
        f"det_derivative_{m + 1}", kernels.det_derivative, ("a", *xs), rules, rules, Core((2,) * (m + 1)),
        register=m < ORDERS_OF_DET,
        series=None if m else Chosen(lambda a: _SERIES_OF_COFACTORS if is_known_finite(a) else None),
    )  # fmt: skip


def _rule(function: Any, *names: str) -> Rule:
    rule = Rule.__new__(Rule)
    rule.function, rule.names = function, names
    return rule


ORDERS_OF_DET = 4
_DET_DERIVATIVES = [_det_derivative_primitive(m) for m in range(ORDERS_OF_DET)]


def det_derivative(a: Any, *xs: Any) -> Any:
    """The gradient with respect to Y of the derivative of det at a in the directions xs and Y."""
    while len(_DET_DERIVATIVES) <= len(xs):
        _DET_DERIVATIVES.append(_det_derivative_primitive(len(_DET_DERIVATIVES)))
    return apply(_DET_DERIVATIVES[len(xs)], a, *xs)


_DET = General(
    "det",
    np.linalg.det,
    vjp=lambda g, x: per_matrix(g) * det_derivative(x),
    jvp=lambda dx, x: _trace_of_product(det_derivative(x), dx),
    batch=Core((2,)),
    series=Chosen(lambda x: _SERIES_OF_DET if is_known_finite(x) else None),
)


# -- Taylor series -------------------------------------------------------------------------------------------------
# A division by the series of the matrix (Jacobi's formula, elimination) brings in terms that grow as 1 / r^k, r being
# the distance to the nearest point where the matrix is singular, and cancel. The determinant of a polynomial is one,
# and its terms are Fourier sums over circles, each over one of its own radius: F. Bornemann, "Accuracy and stability of
# computing high-order derivatives of analytic functions by Cauchy integrals" (2011). In the basis of the singular
# values at t = 0 the rows keep their sizes apart, and on small circles small values keep their digits.
_CIRCLES = Zero("circles_of_det", kernels.circles_of_det, ("x",), Core((3,)))


def _on_circles(function: Any, parts: list[Any], rest: int) -> list[Any]:
    """Terms of the determinant; with `rest` 1, of the cofactors: of U X V^H det U det V^H conj(U) cof(X) conj(V)^H."""
    x, half, other = _of_size_one(stack(parts, axis=-3), rest)
    parts = [x[..., i, :, :] for i in range(len(parts))]
    x0 = stop_gradient(parts[0])
    u, values, vh = svd(x0)
    uh, v, unit = adjoint(u), adjoint(vh), det(u) * det(vh)
    first = static(np.eye(x0.shape[-1], dtype=numpy_dtype(x0.dtype)), x0) * row(values) + uh @ (parts[0] - x0) @ v
    x = stack([first, *[uh @ part @ v for part in parts[1:]]], axis=-3)
    powers = apply(_CIRCLES, x, rest=rest)  # of the radii, one in each row
    points = kernels.points_of_det(underlying(x), x.shape, rest)
    to, back = (fft.fft, fft.ifft) if is_complex(x) else (fft.rfft, fft.irfft)
    y = function(to(x[..., None, :, :, :] * per_matrix(powers), n=points, axis=-3))
    y = back(y, n=points, axis=powers.ndim - 1)
    k = np.arange(len(parts))
    lead = (slice(None),) * (powers.ndim - 2)
    own = powers[(*lead, k, k)]
    terms = y[(*lead, k, k)] / (own if y.ndim == powers.ndim else per_matrix(own))
    if rest:
        left, right = per_matrix(unit) * conjugate(u), conjugate(vh)
        return [(left @ terms[(*lead, i)] @ right) * half * other for i in k]
    return [unit * terms[(*lead, i)] * half * other for i in k]


def _of_size_one(x: Any, rest: int) -> tuple[Any, Any, Any]:
    """Polynomials of matrices whose rows and columns are of size 1, about, and two powers of 2 with which determinants
    (or cofactors) have to be multiplied, one after the other: either may be beyond the numbers."""
    limits = np.finfo(numpy_dtype(x.dtype))
    powers: Any = 0.0
    for place, axis in ((column, -1), (row, -2)):
        size = max(abs(stop_gradient(x)), axis=(-3, axis))
        e = place(clip(floor(log2(where(size == 0, 1.0, size))), limits.minexp + 2, limits.maxexp))
        x = x * exp2(-e)[..., None, :, :]
        powers = powers + sum(e, axis=(-2, -1), keepdims=True) - (e if rest else 0.0)
    if not rest:
        powers = powers[..., 0, 0]
    half, most = floor(0.5 * powers), float(limits.maxexp - 1)
    return x, exp2(clip(half, -most, most)), exp2(clip(powers - half, -most, most))


def _constant(y: Any, parts: list[Any]) -> list[Any]:
    """The terms of what does not move: of empty matrices."""
    return [y, *[zeros(y.shape, y.dtype, y) for _ in parts[1:]]]


def _series_of_det(parts: list[Any]) -> list[Any]:
    if 0 in parts[0].shape:
        return _constant(det(parts[0]), parts)
    if len(parts) > 3:
        return _on_circles(det, parts, 0)
    x, *others = parts
    terms = [det(x), *[_trace_of_product(det_derivative(x), y) for y in others]]
    if len(others) == 2:
        terms[2] = terms[2] + 0.5 * _trace_of_product(det_derivative(x, others[0]), others[0])
    return terms


def _series_of_cofactors(parts: list[Any]) -> list[Any]:
    if 0 in parts[0].shape:
        return _constant(det_derivative(parts[0]), parts)
    if len(parts) > 3:
        return _on_circles(det_derivative, parts, 1)
    x, *others = parts
    terms = [det_derivative(x), *[det_derivative(x, y) for y in others]]
    if len(others) == 2:
        terms[2] = terms[2] + 0.5 * det_derivative(x, others[0], others[0])
    return terms


_SERIES_OF_DET, _SERIES_OF_COFACTORS = AtOnce(_series_of_det), AtOnce(_series_of_cofactors)


def is_known_finite(x: Any) -> bool:
    """Whether all elements are finite, as far as that can be seen."""
    x = underlying(x)
    return x is None or bool(np.all(np.isfinite(x)))


# -- public --------------------------------------------------------------------------------------------------------
_SLOGDET = General(
    "slogdet",
    lambda x: tuple(np.linalg.slogdet(x)),
    vjp=lambda g, x, y: _slogdet_vjp(g[0], g[1], x, y[0]),
    jvp=lambda dx, x, y: _slogdet_jvp(_trace_of_product(inverse(x).mT, dx), y[0]),
    batch=Core((2,)),
    outputs=2,
)


def _trace_of_product(a: Any, b: Any) -> Any:
    return sum(a * b, axis=(-2, -1))


def _slogdet_jvp(t: Any, s: Any) -> Any:
    return (s * (1j * imag(t)), real(t)) if is_complex(s) else (None, t)


def _slogdet_vjp(gs: Any, gl: Any, x: Any, s: Any) -> Any:
    g = gl
    if gs is not None and is_complex(s):
        g = plus(g, real(gs * s * 1j) * -1j)
    return None if g is None else per_matrix(g) * inverse(x).mT


@untaped("np.linalg.det(x)")
def det(x: Any, /) -> Any:
    """The determinant; its derivatives are exact at singular matrices too.

    >>> import gradtape as gt
    >>> float(gt.linalg.det(gt.asarray([[2.0, 0.0], [0.0, 3.0]])))
    6.0
    """
    return apply(_DET, matrices(x, "det"))


@untaped("np.linalg.slogdet(x)", named=SlogdetResult)
def slogdet(x: Any, /) -> SlogdetResult:
    """Sign and logarithm of the absolute value of the determinant, as (sign, logabsdet)."""
    return SlogdetResult(*apply(_SLOGDET, matrices(x, "slogdet")))


