"""gradtape.special: Bessel functions, exponential and elliptic integrals, the beta distribution, Lambert's function.

SciPy computes them, see special.py. A parameter in which there is no closed form for the derivative (the order of a
Bessel function, the shape parameters of betainc, the argument of zeta) raises NoDerivativeError if it is asked for.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..arrays import integral_kernels as kernels
from ..arrays.special_kernels import from_scipy
from ..primitive import Elementwise, apply, scale
from ..tensor import Tensor
from .declare import is_complex, operand, result_type
from .elementwise import abs as abs_of
from .elementwise import exp, log, log1p, where
from .manipulation import astype
from .reductions import logsumexp as logsumexp_of
from .reductions import max as largest
from .reductions import sum
from .special import betaln, digamma, gammainc, gammaincc, gammaln, no_derivative, special, weak

# -- Bessel functions ---------------------------------------------------------------------------------------------
# Derivatives in x from the two neighbours in order: nothing is divided by x. DLMF 10.6.1, 10.29.1.
j0 = special("j0", lambda x: -j1(x), doc="Bessel function of the first kind of order 0.")
j1 = special("j1", lambda x: 0.5 * (j0(x) - jv(2, x)), doc="Bessel function of the first kind of order 1.")
y0 = special("y0", lambda x: -y1(x), singular=True, doc="Bessel function of the second kind of order 0.")
y1 = special("y1", lambda x: 0.5 * (y0(x) - yv(2, x)), singular=True, doc="Bessel function of the second kind, 1.")
k0 = special("k0", lambda x: -k1(x), singular=True, doc="Modified Bessel function of the second kind of order 0.")
k1 = special("k1", lambda x: -0.5 * (k0(x) + kv(2, x)), singular=True, doc="Modified Bessel function K of order 1.")


def _of_order(name: str, before: float, after: float, doc: str) -> Any:
    """A Bessel function of a constant order v, whose slope is a combination of its neighbours."""

    def slope(a: Any, b: Any) -> Any:
        return before * function(a - 1, b) + after * function(a + 1, b)

    function = special(name, no_derivative(name, "v"), slope, singular=True, doc=doc + " v is a constant.")
    function_primitive(name).fallible = True
    return function


def function_primitive(name: str) -> Any:
    """The primitive behind a function declared here."""
    from .declare import PRIMITIVE_OF

    return PRIMITIVE_OF[name]


jv = _of_order("jv", 0.5, -0.5, "Bessel function of the first kind of order v at x.")
yv = _of_order("yv", 0.5, -0.5, "Bessel function of the second kind of order v at x.")
iv = _of_order("iv", 0.5, 0.5, "Modified Bessel function of the first kind of order v at x.")
kv = _of_order("kv", -0.5, -0.5, "Modified Bessel function of the second kind of order v at x.")
jn = jv

# -- exponential integrals ----------------------------------------------------------------------------------------
expi = special("expi", lambda x: exp(x) / x, singular=True, doc="Exponential integral Ei(x).")
exp1 = special("exp1", lambda x: -exp(-x) / x, singular=True, doc="Exponential integral E1(x).")


def _family(name: str, singular: bool = False) -> Any:
    """A primitive whose kernel knows its derivatives by their number, and the function of that name."""
    primitive: Elementwise = Elementwise(
        f"{name}_derivative",
        getattr(kernels, name),
        (lambda x, order: apply(primitive, x, order=order + 1),),
        singular=singular,
    )
    return lambda x: apply(primitive, operand(x, f"special.{name}", "x"), order=0)


_ERFCX, _DAWSN, _EXPREL = _family("erfcx"), _family("dawsn"), _family("exprel")
_ELLIPK, _ELLIPE = _family("ellipk", singular=True), _family("ellipe", singular=True)


def erfcx(x: Any, /) -> Any:
    """exp(x^2) erfc(x), without underflow for large x, at every order. Elementwise, real x.

    Raises ImportError without SciPy, TypeError for what is no array.

    >>> import gradtape as gt
    >>> round(float(gt.grad(gt.special.erfcx)(0.0)), 6)  # -2 / sqrt(pi)
    -1.128379
    """
    return _ERFCX(x)


def dawsn(x: Any, /) -> Any:
    """Dawson's integral, exp(-x^2) times the integral of exp(t^2) from 0 to x. Elementwise, real x; as erfcx.

    >>> import gradtape as gt
    >>> float(gt.grad(gt.special.dawsn)(0.0))
    1.0
    """
    return _DAWSN(x)


def exprel(x: Any, /) -> Any:
    """(exp(x) - 1) / x, and 1 at 0. Elementwise, real x; as erfcx.

    >>> import gradtape as gt
    >>> float(gt.grad(gt.special.exprel)(0.0))
    0.5
    """
    return _EXPREL(x)


def ellipk(m: Any, /) -> Any:
    """Complete elliptic integral of the first kind of the parameter m < 1. Elementwise, real m; as erfcx.

    >>> import gradtape as gt
    >>> round(float(gt.grad(gt.special.ellipk)(0.0)), 6)  # pi / 8
    0.392699
    """
    return _ELLIPK(m)


def ellipe(m: Any, /) -> Any:
    """Complete elliptic integral of the second kind of the parameter m <= 1. Elementwise, real m; as erfcx.

    >>> import gradtape as gt
    >>> round(float(gt.grad(gt.special.ellipe)(0.0)), 6)  # -pi / 8
    -0.392699
    """
    return _ELLIPE(m)


# -- beta function and distribution, binomials ----------------------------------------------------------------------
beta = special(
    "beta",
    lambda a, b, y: y * (weak(digamma, a) - digamma(a + b)),
    lambda a, b, y: y * (weak(digamma, b) - digamma(a + b)),
    singular=True,
    doc="Beta function gamma(a) gamma(b) / gamma(a + b).",
)
binom = special(
    "binom",
    lambda a, b, y: y * (digamma(a + 1) - digamma(a - b + 1)),
    lambda a, b, y: y * (digamma(a - b + 1) - weak(digamma, b + 1)),
    singular=True,
    doc="Binomial coefficient a over b, for real a and b.",
)
_BETA_DENSITY = Elementwise(
    "beta_density",
    kernels.beta_density,
    (
        lambda x, y: y * weak(log, x),
        lambda x, y: y * weak(log1p, -x),
        # no division by x or 1 - x: right at both ends
        lambda p, q, x, c: scale(p, beta_density(p - 1, q, x, c)) - scale(q, beta_density(p, q - 1, x, c)),
        lambda y: -y,
    ),
    arguments=("p", "q", "x", "c"),
    singular=True,
)


def _beta_distribution(name: str, sign: float) -> Any:
    primitive = Elementwise(
        name,
        from_scipy(name),
        (
            no_derivative(name, "a"),
            no_derivative(name, "b"),
            lambda a, b, x: sign * beta_density(a - 1, b - 1, x, betaln(a, b)),
        ),
        arguments=("a", "b", "x"),
        singular=True,
    )
    primitive.fallible = True
    names = ("a", "b", "x")

    def function(*arguments: Any) -> Any:
        return apply(primitive, *[operand(v, f"special.{name}", n) for v, n in zip(arguments, names, strict=True)])

    return function


_BETAINC, _BETAINCC = _beta_distribution("betainc", 1.0), _beta_distribution("betaincc", -1.0)


def beta_density(p: Any, q: Any, x: Any, c: Any) -> Any:
    """x^p (1 - x)^q exp(-c)."""
    return apply(_BETA_DENSITY, p, q, x, c)


def betainc(a: Any, b: Any, x: Any, /) -> Any:
    """Regularised incomplete beta function: the distribution function of the beta distribution.

    Elementwise; shapes broadcast. Differentiable in x; raises NoDerivativeError where the derivative in a or b is asked
    for, ImportError without SciPy.

    >>> import gradtape as gt
    >>> float(gt.grad(lambda x: gt.special.betainc(1.0, 1.0, x))(0.0))
    1.0
    """
    return _BETAINC(a, b, x)


def betaincc(a: Any, b: Any, x: Any, /) -> Any:
    """1 - betainc(a, b, x), accurate near x = 1; see there."""
    return _BETAINCC(a, b, x)


stdtr = special(
    "stdtr",
    no_derivative("stdtr", "df"),
    lambda a, b: student_density(a, b),
    doc="Distribution function of Student's t with df = a degrees of freedom at t = b.",
)
function_primitive("stdtr").fallible = True


def student_density(df: Any, t: Any) -> Any:
    """The density of Student's t distribution."""
    half = 0.5 * (df + 1)
    return exp(weak(gammaln, half) - weak(gammaln, 0.5 * df) - 0.5 * weak(log, math.pi * df) - half * log1p(t * t / df))


def chdtr(v: Any, x: Any, /) -> Any:
    """Distribution function of chi squared with v degrees of freedom; v is a constant (see gammainc)."""
    return gammainc(0.5 * operand(v, "special.chdtr", "v"), 0.5 * operand(x, "special.chdtr", "x"))


def chdtrc(v: Any, x: Any, /) -> Any:
    """1 - chdtr(v, x), accurate for large x."""
    return gammaincc(0.5 * operand(v, "special.chdtrc", "v"), 0.5 * operand(x, "special.chdtrc", "x"))


def fdtr(dfn: Any, dfd: Any, x: Any, /) -> Any:
    """Distribution function of F with dfn and dfd degrees of freedom, which are constants (see betainc)."""
    n, d, x = (operand(v, "special.fdtr", name) for v, name in ((dfn, "dfn"), (dfd, "dfd"), (x, "x")))
    return betainc(0.5 * n, 0.5 * d, n * x / (d + n * x))


def fdtrc(dfn: Any, dfd: Any, x: Any, /) -> Any:
    """1 - fdtr(dfn, dfd, x), accurate for large x."""
    n, d, x = (operand(v, "special.fdtrc", name) for v, name in ((dfn, "dfn"), (dfd, "dfd"), (x, "x")))
    return betainc(0.5 * d, 0.5 * n, d / (d + n * x))


def multigammaln(a: Any, d: int) -> Any:
    """Logarithm of the multivariate gamma function of dimension d, a constant: a sum of gammaln.

    Elementwise in a, which must exceed (d - 1) / 2 (not checked: NaN or a wrong branch below). Raises ValueError unless
    d is a positive int.

    >>> import gradtape as gt
    >>> round(float(gt.special.multigammaln(1.5, 2)), 6)
    0.451583
    """
    if int(d) != d or d < 1:
        raise ValueError(f"gradtape.special.multigammaln: d must be a positive int, not {d!r}")
    a = operand(a, "special.multigammaln", "a")
    total: Any = 0.25 * d * (d - 1) * math.log(math.pi)
    for j in range(int(d)):
        total = total + gammaln(a - 0.5 * j)
    return total


# -- zeta ---------------------------------------------------------------------------------------------------------
_ZETA = special(
    "zeta",
    no_derivative("zeta", "x"),
    lambda a, b: -a * zeta(a + 1, b),
    singular=True,
    doc="Hurwitz's zeta function of a and q = b.",
)
function_primitive("zeta").fallible = True


def zeta(x: Any, q: Any = 1.0) -> Any:
    """Riemann's zeta function of x, or Hurwitz's of x and q: the sum of 1 / (k + q)^x over k from 0.

    Elementwise; shapes broadcast. Differentiable in q; raises NoDerivativeError where the derivative in x is asked for,
    ImportError without SciPy.

    >>> import gradtape as gt
    >>> round(float(gt.special.zeta(2.0)), 6)  # pi**2 / 6
    1.644934
    """
    return _ZETA(operand(x, "special.zeta", "x"), 1.0 if q is None else operand(q, "special.zeta", "q"))


# -- Lambert's function -------------------------------------------------------------------------------------------
_LAMBERTW = Elementwise(
    "lambertw", kernels.lambertw, (lambda y: exp(-y) / (1 + y),), arguments=("x",), singular=True
)  # fmt: skip


def lambertw(z: Any, k: int = 0, tol: float = 1e-8) -> Any:
    """The k-th solution w of w exp(w) = z, complex as in SciPy (take gradtape.real for real z >= -1/e and k = 0).

    The slope is exp(-w) / (1 + w): right at 0, infinite at the branch point -1/e. k is a constant, `tol` SciPy's.

    >>> import gradtape as gt
    >>> float(gt.grad(lambda z: gt.real(gt.special.lambertw(z)))(0.0))
    1.0
    """
    z = operand(z, "special.lambertw", "z")
    if not is_complex(z):
        z = astype(z, result_type(z, np.dtype(np.complex64)))
    return apply(_LAMBERTW, z, k=operator.index(int(k) if not isinstance(k, Tensor) else k))


# -- entropies and transforms ---------------------------------------------------------------------------------------
def kl_div(x: Any, y: Any, /) -> Any:
    """x log(x / y) - x + y, elementwise: 0 at x = y, inf where either is negative.

    >>> import gradtape as gt
    >>> float(gt.special.kl_div(0.0, 2.0))
    2.0
    """
    from .special import rel_entr

    x, y = operand(x, "special.kl_div", "x"), operand(y, "special.kl_div", "y")
    return rel_entr(x, y) - x + y


def boxcox(x: Any, lmbda: Any, /) -> Any:
    """(x^lmbda - 1) / lmbda, and log(x) at lmbda = 0, with the right derivatives there."""
    t = log(operand(x, "special.boxcox", "x"))
    return t * exprel(operand(lmbda, "special.boxcox", "lmbda") * t)


def boxcox1p(x: Any, lmbda: Any, /) -> Any:
    """boxcox(1 + x, lmbda), accurate for small x."""
    t = log1p(operand(x, "special.boxcox1p", "x"))
    return t * exprel(operand(lmbda, "special.boxcox1p", "lmbda") * t)


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    """log(sum(b exp(a))) along the axes (all by default) without overflow, as scipy.special.logsumexp.

    `return_sign`: give log|sum| and its sign. Without it a negative sum is NaN.

    >>> import gradtape as gt
    >>> round(float(gt.special.logsumexp(gt.asarray([1000.0, 1000.0]), b=0.5)), 6)
    1000.0
    """
    a = operand(a, "special.logsumexp", "a")
    if b is None and not return_sign:
        return logsumexp_of(a, axis=axis, keepdims=keepdims)
    b = 1.0 if b is None else operand(b, "special.logsumexp", "b")
    a = where(b == 0, -math.inf, a) if not isinstance(b, float) else a
    from .elementwise import isfinite, stop_gradient
    from .elementwise import sign as sign_of

    top = stop_gradient(largest(a, axis=axis, keepdims=True))
    top = where(isfinite(top), top, 0.0)
    total = sum(b * exp(a - top), axis=axis, keepdims=keepdims)
    top = top if keepdims else sum(top, axis=axis)
    if return_sign:
        return log(abs_of(total)) + top, sign_of(total)
    return log(total) + top


__all__ = [
    "beta", "betainc", "betaincc", "binom", "boxcox", "boxcox1p", "chdtr", "chdtrc", "dawsn", "ellipe", "ellipk",
    "erfcx", "exp1", "expi", "exprel", "fdtr", "fdtrc", "iv", "j0", "j1", "jn", "jv", "k0", "k1", "kl_div", "kv",
    "lambertw", "logsumexp", "multigammaln", "stdtr", "y0", "y1", "yv", "zeta",
]  # fmt: skip
