"""Determinants. Public in gradtape.linalg.

The m-th derivative of the determinant is a form symmetric in its m arguments. With C_m(A; X1..Xm) the matrix of the
form with one argument free, C_0 the cofactors, dC_m = C_(m+1)(A; X.., dA) + sum of C_m(A; X.. with dXi for Xi), and by
symmetry the pullback of a cotangent G is the same with G for dA, dXi. No inverse, so exact where det is 0.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from functools import reduce
from itertools import product
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
from .elementwise import clip, exp2, floor, imag, log2, maximum, real, stop_gradient, where
from .manipulation import broadcast_to, concat, stack
from .matrices import adjoint, conjugate, inverse, matrices, per_matrix, plus
from .products import row
from .reductions import added, max, sum
from .static import static, zeros
from .untaped import untaped


class SlogdetResult(NamedTuple):
    """A determinant as sign times exp(logabsdet)."""

    sign: Any
    logabsdet: Any


# -- derivatives ---------------------------------------------------------------------------------------------------
def _cofactor_series(*given: Any) -> Any:
    return _SERIES_OF_COFACTORS if all([is_known_finite(x) for x in given]) else None


def _det_derivative_primitive(m: int) -> General:
    xs = tuple([f"x{i + 1}" for i in range(m)])

    def in_a(d: Any, a: Any, *others: Any) -> Any:
        return det_derivative(a, *others, d)

    rules = [Rule(in_a, names=names) for names in (("a", *xs), *[("a", *xs[:i], *xs[i + 1 :]) for i in range(m)])]
    return General(
        f"det_derivative_{m + 1}", kernels.det_derivative, ("a", *xs), rules, rules, Core((2,) * (m + 1)),
        register=m < ORDERS_OF_DET,
        series=Chosen(_cofactor_series, names=("a", *xs)),
    )  # fmt: skip


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


def _on_circles(function: Any, arguments: Sequence[list[Any]], rest: int) -> list[Any]:
    """Terms of the determinant of A; with `rest` 1, of its cofactors, or of derivatives of them at A, linear in X1, ...

    Cofactors of U A V^H are det U det V^H conj(U) times those of A times conj(V)^H.
    """
    (x, *xs), powers = _of_size_one([stack(parts, axis=-3) for parts in arguments], rest)
    x0 = stop_gradient(x[..., 0, :, :])
    u, values, vh = svd(x0)
    uh, v, unit = adjoint(u), adjoint(vh), det(u) * det(vh)
    turned = lambda x: uh[..., None, :, :] @ x @ v[..., None, :, :]
    first = static(np.eye(x0.shape[-1], dtype=numpy_dtype(x0.dtype)), x0) * row(values)
    x = turned(concat([x[..., :1, :, :] - x0[..., None, :, :], x[..., 1:, :, :]], axis=-3))
    x = concat([x[..., :1, :, :] + first[..., None, :, :], x[..., 1:, :, :]], axis=-3)
    xs = [turned(x) for x in xs]
    size = added([abs(stop_gradient(x)) for x in (x, *xs)]) if xs else x
    radii = apply(_CIRCLES, size, rest=rest)  # powers of them, one radius in each row
    points = kernels.points_of_det(underlying(size), x.shape, rest)
    to, back = (fft.fft, fft.ifft) if any([is_complex(x) for x in (x, *xs)]) else (fft.rfft, fft.irfft)
    y = function(*[to(x[..., None, :, :, :] * per_matrix(radii), n=points, axis=-3) for x in (x, *xs)])
    y = back(y, n=points, axis=radii.ndim - 1)
    k = np.arange(len(arguments[0]))
    lead = (slice(None),) * (radii.ndim - 2)
    own = radii[(*lead, k, k)]
    terms = y[(*lead, k, k)] / (own if y.ndim == radii.ndim else per_matrix(own))
    if rest:
        left, right = per_matrix(unit) * conjugate(u), conjugate(vh)
        return [_times_powers(left @ terms[(*lead, i)] @ right, powers) for i in k]
    return [_times_powers(unit * terms[(*lead, i)], powers[..., 0, 0]) for i in k]


def _exponents(x: Any, axis: tuple[int, ...]) -> Any:
    """The powers of 2 next to the largest elements along these axes, which stay; 0 for zeros."""
    limits = np.finfo(numpy_dtype(x.dtype))
    size = max(abs(stop_gradient(x)), axis=axis, keepdims=True)
    return clip(floor(log2(where(size == 0, 1.0, size))), limits.minexp + 2, limits.maxexp)


def _of_size_one(stacks: list[Any], rest: int) -> tuple[list[Any], Any]:
    """Polynomials A, X1, ... of matrices whose rows and columns are of size 1, about, and the powers of 2 by which
    determinants of A, or forms of cofactors that are linear in each X, are less than those of what was given."""
    x, *xs = stacks
    powers: Any = 0.0
    if xs:
        own = _exponents(x, (-3, -2, -1))
        apart = [_exponents(other, (-3, -2, -1)) - own for other in xs]
        stacks = [x, *[_times_powers(other, -e) for other, e in zip(xs, apart, strict=True)]]
        powers = added(apart)[..., 0, :, :]
    for axis in ((-3, -1), (-3, -2)):
        e = reduce(maximum, [_exponents(x, axis) for x in stacks])
        stacks = [x * exp2(-e) for x in stacks]
        e = e[..., 0, :, :]
        powers = powers + sum(e, axis=(-2, -1), keepdims=True) - (e if rest else 0.0)
    return stacks, powers


def _times_powers(x: Any, e: Any) -> Any:
    """x times 2 to the power e, in two steps, for that power may be beyond the numbers, and the product none."""
    half, most = floor(0.5 * e), float(np.finfo(numpy_dtype(x.dtype)).maxexp - 1)
    return x * exp2(clip(half, -most, most)) * exp2(clip(e - half, -most, most))


def _constant(y: Any, parts: list[Any]) -> list[Any]:
    """The terms of what does not move: of empty matrices."""
    return [y, *[zeros(y.shape, y.dtype, y) for _ in parts[1:]]]


def _series_of_det(parts: list[Any]) -> list[Any]:
    if 0 in parts[0].shape:
        return _constant(det(parts[0]), parts)
    if len(parts) > 3:
        return _on_circles(det, [parts], 0)
    terms = [det(parts[0])]  # y' is the sum of cofactors times a'
    c = _series_of_cofactors(parts[:-1]) if len(parts) > 1 else []
    for k in range(1, len(parts)):
        terms.append(added([j / k * _trace_of_product(c[k - j], parts[j]) for j in range(1, k + 1)]))
    return terms


def _series_of_cofactors(a: list[Any], *xs: list[Any]) -> list[Any]:
    """Of the cofactors of a, or their derivative in the directions xs."""
    first = det_derivative(a[0], *[x[0] for x in xs])
    shape = first.shape
    if 0 in shape:
        return _constant(first, a)
    if len(a) > 3:
        return _on_circles(det_derivative, [[broadcast_to(part, shape) for part in y] for y in (a, *xs)], 1)
    terms = [first]
    for k in range(1, len(a)):
        parts = []
        for places in product(range(k + 1), repeat=len(xs)):  # which term of each direction
            known = [a[0], *[x[i] for x, i in zip(xs, places, strict=True)]]
            left = k - builtins.sum(places)
            if left >= 0:
                parts.append(det_derivative(*known, a[left]) if left else det_derivative(*known))
            if left == 2:
                parts.append(0.5 * det_derivative(*known, a[1], a[1]))
        terms.append(added(parts))
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


