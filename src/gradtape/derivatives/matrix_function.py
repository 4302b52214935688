"""Functions of Hermitian matrices, with derivatives that are right where eigenvalues coincide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays.dtypes import numpy_dtype
from ..arrays.matrix_function_kernels import matrix_function as kernel
from ..errors import LostGradientError
from ..functions.creation import asarray
from ..functions.decompositions import eigh
from ..functions.elementwise import log, sqrt
from ..functions.matrices import adjoint, hermitian_part, matrices
from ..functions.products import column, row
from ..functions.static import ones_like, static
from ..primitive import Core, General, Rule, apply
from ..taylor_rules import AtOnce, Chosen, Equal
from ..tensor import Tensor, is_observed, underlying
from .forward import jvp
from .matrix_clusters import APART, clustered, clustered_derivative
from .taylor import taylor


def _primitive(m: int) -> General:
    """The m-th derivative as a primitive: multilinear in its directions, and symmetric in them and a cotangent."""
    xs = tuple([f"x{i + 1}" for i in range(m)])

    def push(d: Any, a: Any, *others: Any) -> Any:
        *directions, coefficients = others
        return derivative(a, *directions, d, coefficients=coefficients)

    def pull(g: Any, a: Any, *others: Any) -> Any:
        *directions, coefficients = others
        return derivative(a, *directions, g.mT, coefficients=coefficients).mT

    arguments = ("a", *xs)
    names = [(*n, "coefficients") for n in (arguments, *[("a", *xs[:i], *xs[i + 1 :]) for i in range(m)])]
    pulls, pushes = [[Rule(rule, names=n) for n in names] for rule in (pull, push)]
    return General(
        f"matrix_function_{m}", kernel, arguments, pulls, pushes,
        Core((2,) * (m + 1)), register=m < KNOWN,
        series=Chosen(series_rule, names=arguments),
    )  # fmt: skip


def series_rule(a: Any, *xs: Any) -> Any:
    """By eigenvalues where no two of them are close, so that each of them and its vector are smooth functions; by
    clusters of them for plain matrices; else (None) by derivatives of derivatives."""
    if len(xs) < 2 and is_apart(a):
        return SLOPE_BY_EIGEN if xs else BY_EIGEN
    plain = a.__class__ is np.ndarray and a.size and all([x.shape == a.shape for x in xs])
    return (SLOPES_BY_CLUSTERS if xs else BY_CLUSTERS) if plain else None


def is_apart(a: Any) -> bool:
    """Whether no two eigenvalues are close, as far as is known."""
    values = underlying(a)
    if values is None or not values.size:
        return False
    w = np.linalg.eigvalsh(values)
    return bool(np.all(np.diff(w, axis=-1) > APART * np.abs(w).max(axis=-1, keepdims=True)))


def _by_eigen(a: Any, coefficients: Any) -> Any:
    """V diag(f(w)) V^H."""
    w, v = eigh(a)
    return (v * row(coefficients.f(w))) @ adjoint(v)


def _slope_by_eigen(a: Any, x1: Any, coefficients: Any) -> Any:
    """V (F * V^H X V) V^H, F being f's divided differences (Daleckii and Krein 1965)."""
    w, v = eigh(a)
    f, slope = jvp(coefficients.f, (w,), (ones_like(w),))
    same = static(np.eye(w.shape[-1], dtype=numpy_dtype(w.dtype)), w)
    divided = (column(f) - row(f)) / (column(w) - row(w) + same) + same * row(slope)
    return v @ (divided * (adjoint(v) @ x1 @ v)) @ adjoint(v)


BY_EIGEN, BY_CLUSTERS = Equal(_by_eigen), AtOnce(clustered)
SLOPE_BY_EIGEN = Equal(_slope_by_eigen)
SLOPES_BY_CLUSTERS = AtOnce(lambda a, *xs, coefficients: clustered_derivative(a, xs, coefficients))


#: How many derivatives are made at once; further ones when they are asked for.
KNOWN = 4
_DERIVATIVES: list[General] = []


def derivative(a: Any, *xs: Any, coefficients: Any) -> Any:
    """The derivative of f(a) in the directions xs."""
    while len(_DERIVATIVES) <= len(xs):
        _DERIVATIVES.append(_primitive(len(_DERIVATIVES)))
    return apply(_DERIVATIVES[len(xs)], a, *xs, coefficients=coefficients)


for _ in range(KNOWN):
    _DERIVATIVES.append(_primitive(len(_DERIVATIVES)))


class TaylorCoefficients:
    """f's Taylor coefficients at real points, as arrays of the points' library: what the kernel knows of f."""

    def __init__(self, f: Callable[[Any], Any]):
        self.f = f

    def __call__(self, points: Any, highest: int) -> list[Any]:
        x = asarray(points)
        if highest == 0:
            return [asarray(self.f(x)).data]
        return [c.data for c in taylor(self.f, x, ones_like(x), highest).coefficients]


def matrix_function(f: Callable[[Any], Any], x: Any) -> Any:
    """f(X) = V diag(f(w)) V^H of Hermitian matrices X = V diag(w) V^H, f an elementwise function of real numbers.

    Unlike the same written with eigh, its derivatives are right where eigenvalues coincide, at every order: they are
    made of divided differences of f (Daleckii and Krein 1965), for which f's Taylor coefficients are computed. f has
    to be smooth at the eigenvalues, and is a constant itself: LostGradientError if it depends on a value that is being
    differentiated. Of X its Hermitian part counts. Real or complex X, NumPy arrays; ValueError unless X is square.

    >>> import gradtape as gt
    >>> gt.linalg.matrix_function(gt.exp, gt.zeros((2, 2))).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    >>> gt.grad(lambda x: gt.sum(gt.linalg.matrix_function(gt.sqrt, x)))(gt.eye(2)).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    x = hermitian_part(matrices(x, "matrix_function"))
    with np.errstate(all="ignore"):
        probe = f(np.ones(1))
    if isinstance(probe, Tensor) and is_observed(probe):
        raise LostGradientError(
            "gradtape.linalg.matrix_function takes f as fixed, but f depends on a value that is being differentiated: "
            "write it with gradtape.linalg.eigh, or give gradtape.stop_gradient(value) to f"
        )
    return derivative(x, coefficients=TaylorCoefficients(f))


def sqrtm(x: Any) -> Any:
    """The principal square root of positive definite Hermitian matrices; see matrix_function.

    >>> import gradtape as gt
    >>> gt.linalg.sqrtm(gt.asarray([[4.0, 0.0], [0.0, 9.0]])).tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    return matrix_function(sqrt, x)


def logm(x: Any) -> Any:
    """The logarithm of positive definite Hermitian matrices; see matrix_function.

    >>> import gradtape as gt
    >>> gt.linalg.logm(gt.eye(2)).tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """
    return matrix_function(log, x)


__all__ = ["logm", "matrix_function", "sqrtm"]
