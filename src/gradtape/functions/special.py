"""gradtape.special: special functions under scipy.special's names.

SciPy computes those that NumPy has not, and is imported when one of them is first called; without it they raise
ImportError and say how to get it. expit, logit, xlogy, entr, softmax, logsumexp and their kin need NumPy alone.
Slopes are written so that tails keep their relative precision, to every order.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays import special_kernels as kernels
from ..errors import NoDerivativeError
from ..primitive import Core, Elementwise, General, apply, scale
from ..taylor_rules import Chosen, Flow
from .declare import elementwise, finish, is_complex, normalized_axes, operand, shape_of
from .elementwise import anchored, divide_absorbing, exp, log, log1p, logistic, where
from .manipulation import reshape
from .reductions import sum

SQRT2, SQRT_PI = math.sqrt(2.0), math.sqrt(math.pi)


def special(name: str, *slopes: Any, kernel: Any = None, singular: bool = False, doc: str = "") -> Callable[..., Any]:
    """An elementwise function of this namespace; SciPy's kernel by default."""
    function = elementwise(name, *slopes, kernel=kernel or kernels.from_scipy(name), singular=singular, doc=doc)
    function.__module__ = "gradtape.special"
    return function


def no_derivative(function: str, argument: str) -> Callable[[], Any]:
    """The slope in an argument for which no formula is implemented: it raises if that derivative is asked for."""

    def slope() -> Any:
        raise NoDerivativeError(
            f"gradtape.special.{function}: the derivative with respect to {argument!r} is not implemented; "
            f"make it a constant (gradtape.stop_gradient({argument})), or give a rule of your own with gradtape.custom"
        )

    return slope


def weak(function: Callable[[Any], Any], x: Any) -> Any:
    """function(x), as a Python number for a Python number, so that it does not widen what it is multiplied with."""
    return float(function(x)) if type(x) is float or type(x) is int else function(x)


# -- error function and normal distribution -------------------------------------------------------------------------
gaussian = elementwise(
    "gaussian", lambda x, y: scale(y, -2 * x), kernel=kernels.gaussian, singular=True, doc="exp(-x^2)."
)
erf = special("erf", lambda x: 2 / SQRT_PI * gaussian(x), doc="2/sqrt(pi) times the integral of exp(-t^2) from 0 to x.")
erfc = special("erfc", lambda x: -2 / SQRT_PI * gaussian(x), doc="1 - erf(x), accurate for large x.")
erfinv = special("erfinv", lambda y: SQRT_PI / 2 * exp(y * y), singular=True, doc="Inverse of erf.")
erfcinv = special("erfcinv", lambda y: -SQRT_PI / 2 * exp(y * y), singular=True, doc="Inverse of erfc.")
ndtr = special("ndtr", lambda x: normal_density(x), doc="Standard normal distribution function.")
ndtri = special(
    "ndtri", lambda y: SQRT2 * SQRT_PI * exp(0.5 * y * y), singular=True, doc="Inverse of ndtr: normal quantiles."
)
_LOG_NDTR = Elementwise(
    "log_ndtr",
    kernels.log_ndtr_derivative,
    (lambda x, order: log_ndtr_derivative(x, order + 1),),
    singular=True,
    series=Chosen(lambda order: HAZARD_FLOW if order == 1 else None),
)


def hazard_flow(dx: Any, x: Any, y: Any) -> Any:
    """y' = -y (x + y) for the first derivative y of log_ndtr: the kernels of high orders lose digits, except far left,
    where x + y does."""
    second = log_ndtr_derivative(x, 2)
    return dx * where(x < kernels.FAR_LEFT, second, -y * anchored(divide_absorbing(-second, y), x + y))


HAZARD_FLOW = Flow(hazard_flow)


def normal_density(x: Any) -> Any:
    """exp(-x^2 / 2) / sqrt(2 pi)."""
    return gaussian(x / SQRT2) * (1 / (SQRT2 * SQRT_PI))


def log_ndtr_derivative(x: Any, order: int) -> Any:
    """The derivative of that order of log(ndtr(x))."""
    return apply(_LOG_NDTR, x, order=order)


def log_ndtr(x: Any, /) -> Any:
    """Logarithm of the standard normal distribution function, accurate in the left tail to every order.

    Elementwise, real x. Raises ImportError without SciPy, TypeError for what is no array.

    >>> import gradtape as gt
    >>> round(float(gt.grad(gt.special.log_ndtr)(-40.0)), 6)
    40.024969
    """
    return log_ndtr_derivative(operand(x, "special.log_ndtr", "x"), 0)


# -- gamma functions ------------------------------------------------------------------------------------------------
gammaln = special("gammaln", lambda x: digamma(x), singular=True, doc="Logarithm of |gamma(x)|.")
gamma = special("gamma", lambda x, y: y * digamma(x), singular=True, doc="Gamma function.")
digamma = special("digamma", lambda x: polygamma(1, x), singular=True, doc="Derivative of log(gamma(x)).")
lgamma = gammaln
psi = digamma
_POLYGAMMA = Elementwise("polygamma", kernels.polygamma, (lambda x, order: polygamma(order + 1, x),), singular=True)
betaln = special(
    "betaln",
    lambda a, b: weak(digamma, a) - digamma(a + b),
    lambda a, b: weak(digamma, b) - digamma(a + b),
    singular=True,
    doc="Logarithm of |beta(a, b)|.",
)


def polygamma(n: int, x: Any, /) -> Any:
    """The nth derivative of digamma at x; n is a number, not differentiated.

    Elementwise in x. Raises TypeError if n is no int, ValueError if it is negative, ImportError without SciPy.

    >>> import gradtape as gt
    >>> round(float(gt.special.polygamma(1, 1.0)), 6)  # pi**2 / 6
    1.644934
    """
    try:
        order = operator.index(int(n) if isinstance(n, float) and n == int(n) else n)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"gradtape.special.polygamma: n must be an int, not {n!r}") from None
    if order < 0:
        raise ValueError(f"gradtape.special.polygamma: n must not be negative, and is {order}")
    return apply(_POLYGAMMA, operand(x, "special.polygamma", "x"), order=order)


_GAMMA_DENSITY = Elementwise(
    "gamma_density",
    kernels.gamma_density,
    (
        lambda a, x, y: y * (weak(log, x) - weak(digamma, a)),
        lambda a, x: gamma_density(a - 1, x) - gamma_density(a, x),  # no division by x: right at 0
    ),
    arguments=("a", "x"),
    singular=True,
)
_GAMMAINC = Elementwise(
    "gammainc",
    kernels.from_scipy("gammainc"),
    (no_derivative("gammainc", "a"), lambda a, x: gamma_density(a, x)),
    arguments=("a", "x"),
    singular=True,
)
_GAMMAINCC = Elementwise(
    "gammaincc",
    kernels.from_scipy("gammaincc"),
    (no_derivative("gammaincc", "a"), lambda a, x: -gamma_density(a, x)),
    arguments=("a", "x"),
    singular=True,
)
_GAMMAINC.fallible = _GAMMAINCC.fallible = True


def gamma_density(a: Any, x: Any) -> Any:
    """x^(a-1) exp(-x) / gamma(a)."""
    return apply(_GAMMA_DENSITY, a, x)


def gammainc(a: Any, x: Any, /) -> Any:
    """Regularised lower incomplete gamma function: the distribution function of the gamma distribution of shape a.

    Elementwise; shapes broadcast. Differentiable in x; raises NoDerivativeError where the derivative in a is asked
    for, ImportError without SciPy.

    >>> import gradtape as gt
    >>> float(gt.grad(lambda x: gt.special.gammainc(1.0, x))(0.0))
    1.0
    """
    return apply(_GAMMAINC, operand(a, "special.gammainc", "a"), operand(x, "special.gammainc", "x"))


def gammaincc(a: Any, x: Any, /) -> Any:
    """Regularised upper incomplete gamma function, 1 - gammainc(a, x); see there."""
    return apply(_GAMMAINCC, operand(a, "special.gammaincc", "a"), operand(x, "special.gammaincc", "x"))


# -- modified Bessel functions --------------------------------------------------------------------------------------
def bessel_slope(x: Any, order: int) -> Any:
    """I_0' = I_1 and I_n' = (I_{n-1} + I_{n+1}) / 2: no division by x."""
    return bessel_i(1, x) if order == 0 else 0.5 * (bessel_i(order - 1, x) + bessel_i(order + 1, x))


_BESSEL_I = Elementwise("bessel_i", kernels.bessel_i, (bessel_slope,), singular=True)
_SCALED_BESSEL_I = Elementwise(
    "scaled_bessel_i",
    kernels.scaled_bessel_i,
    (lambda x, order, derivative: apply(_SCALED_BESSEL_I, x, order=order, derivative=derivative + 1),),
)


def bessel_i(order: int, x: Any) -> Any:
    """The modified Bessel function of the first kind of that order."""
    return apply(_BESSEL_I, x, order=order)


def i0(x: Any, /) -> Any:
    """Modified Bessel function of order 0. Elementwise; raises ImportError without SciPy."""
    return bessel_i(0, operand(x, "special.i0", "x"))


def i1(x: Any, /) -> Any:
    """Modified Bessel function of order 1. Elementwise; raises ImportError without SciPy."""
    return bessel_i(1, operand(x, "special.i1", "x"))


def i0e(x: Any, /) -> Any:
    """exp(-|x|) i0(x); the slope at the kink 0 is 0. Elementwise; raises ImportError without SciPy."""
    return apply(_SCALED_BESSEL_I, operand(x, "special.i0e", "x"), order=0, derivative=0)


def i1e(x: Any, /) -> Any:
    """exp(-|x|) i1(x). Elementwise; raises ImportError without SciPy."""
    return apply(_SCALED_BESSEL_I, operand(x, "special.i1e", "x"), order=1, derivative=0)


# -- probabilities and their logarithms -----------------------------------------------------------------------------
expit = logistic
logit = special("logit", lambda x: 1 / (x * (1 - x)), kernel=kernels.logit, singular=True, doc="log(x / (1 - x)).")
softplus = special(
    "softplus", lambda x: logistic(x), kernel=kernels.softplus, doc="log(1 + exp(x)), without overflow or cut-off."
)
log_expit = special(
    "log_expit", lambda x: logistic(-x), kernel=kernels.log_expit, doc="log(expit(x)), accurate in both tails."
)
xlogy = special(
    "xlogy",
    lambda b: weak(log, b),
    lambda a, b: divide_absorbing(a, b),
    kernel=kernels.xlogy,
    singular=True,
    doc="a log(b), and 0 where a is 0 (unless b is NaN).",
)
xlog1py = special(
    "xlog1py",
    lambda b: weak(log1p, b),
    lambda a, b: divide_absorbing(a, 1 + b),
    kernel=kernels.xlog1py,
    singular=True,
    doc="a log(1 + b), and 0 where a is 0 (unless b is NaN).",
)
entr = special(
    "entr", lambda x: -1 - log(x), kernel=kernels.entr, singular=True, doc="Entropy -x log(x); 0 at 0, -inf below."
)
rel_entr = special(
    "rel_entr",
    lambda a, b: weak(log, a) - weak(log, b) + 1,
    lambda a, b: -divide_absorbing(a, b),
    kernel=kernels.rel_entr,
    singular=True,
    doc="Relative entropy a log(a / b); 0 where a is 0 and b >= 0, inf outside the domain.",
)


# -- softmax --------------------------------------------------------------------------------------------------------
# All work on the last axis. `centered` and its transpose `uncentered` close the rules under differentiation. Their p
# are probabilities: as those sum to 1, a cotangent of p is free by a constant along the row, and the rules use the
# centred one, so that what is tiny is never left over from a difference of large numbers.
def last_sum(x: Any) -> Any:
    """The sum along the last axis, which stays as a one."""
    return sum(x, axis=-1, keepdims=True)


_SOFTMAX = General(
    "softmax",
    kernels.softmax,
    vjp=lambda g, y: y * centered(y, g),
    jvp=lambda dx, y: y * centered(y, dx),
    batch=Core((1,)),
)
_LOG_SOFTMAX = General(
    "log_softmax",
    kernels.log_softmax,
    vjp=lambda g, y: uncentered(exp(y), g),
    jvp=lambda dx, y: centered(exp(y), dx),
    batch=Core((1,)),
)
_CENTERED = General(
    "softmax_centered",
    kernels.centered,
    ("p", "v"),
    vjp=(lambda g, y: -last_sum(g) * y, lambda g, p: uncentered(p, g)),
    jvp=(lambda dp, y: -last_sum(dp * y), lambda dv, p: centered(p, dv)),
    batch=Core((1, 1)),
)
_UNCENTERED = General(
    "softmax_uncentered",
    kernels.uncentered,
    ("p", "t"),
    vjp=(lambda g, p, t: -last_sum(t) * centered(p, g), lambda g, p: centered(p, g)),
    jvp=(lambda dp, t: -dp * last_sum(t), lambda dt, p: uncentered(p, dt)),
    batch=Core((1, 1)),
)


def centered(p: Any, v: Any) -> Any:
    """v - sum(p v) along the last axis, p being probabilities: how log_softmax changes with its argument."""
    return apply(_CENTERED, p, v)


def uncentered(p: Any, t: Any) -> Any:
    """t - p sum(t) along the last axis: the transpose of `centered` in v."""
    return apply(_UNCENTERED, p, t)


def along(primitive: Any, x: Any, axis: Any, function: str) -> Any:
    """The primitive of the last axis, applied along others: they are moved to the end as one, and back."""
    x = operand(x, function, "x")
    if is_complex(x):
        raise TypeError(f"gradtape.{function}: x is complex, and only real numbers can be compared")
    shape = shape_of(x)
    rank = len(shape)
    axes = normalized_axes(axis, rank, function)
    if axes == (rank - 1,):
        return apply(primitive, x)
    if rank == len(axes):
        return reshape(apply(primitive, reshape(x, (-1,) if 0 not in shape else (0,))), shape)
    from .manipulation import permute_dims

    order = tuple([i for i in range(rank) if i not in axes]) + axes
    outer = tuple([shape[i] for i in order])
    kept = rank - len(axes)
    y = permute_dims(x, order)
    if len(axes) > 1:
        y = reshape(y, (*outer[:kept], math.prod(outer[kept:])))
    y = apply(primitive, y)
    if len(axes) > 1:
        y = reshape(y, outer)
    return permute_dims(y, tuple([int(i) for i in np.argsort(order)]))


def softmax(x: Any, axis: Any = None) -> Any:
    """exp(x) / sum(exp(x)) along the axis or axes (all of them by default, as in SciPy), without overflow.

    Real x; the result has its shape and floating dtype. Raises TypeError for complex x.

    >>> import gradtape as gt
    >>> gt.special.softmax(gt.asarray([1e50, 1e50])).tolist()
    [0.5, 0.5]
    """
    return along(_SOFTMAX, x, axis, "special.softmax")


def log_softmax(x: Any, axis: Any = None) -> Any:
    """log(softmax(x)) along the axis or axes (all by default, as in SciPy), accurate for probabilities near 0 and 1.

    Real x; the result has its shape and floating dtype. Raises TypeError for complex x.

    >>> import gradtape as gt
    >>> gt.special.log_softmax(gt.asarray([0.0, -40.0])).tolist()
    [-4.248354255291589e-18, -40.0]
    """
    return along(_LOG_SOFTMAX, x, axis, "special.log_softmax")


finish(polygamma, "polygamma", polygamma.__doc__ or "", "gradtape.special")

__all__ = [
    "betaln", "digamma", "entr", "erf", "erfc", "erfcinv", "erfinv", "expit", "gamma", "gammainc", "gammaincc",
    "gammaln", "i0", "i0e", "i1", "i1e", "lgamma", "log_expit", "log_ndtr", "log_softmax", "logit", "ndtr", "ndtri",
    "polygamma", "psi", "rel_entr", "softmax", "softplus", "xlog1py", "xlogy",
]  # fmt: skip
