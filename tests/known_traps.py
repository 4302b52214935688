"""Points at which derivatives are known to go wrong in differentiation systems, with the right answers.

Each trap is a function, where to look, what to ask (`ask`: "d1".."d4" the nth derivative of a scalar function,
"gradient" with respect to every argument, "hessian" of a function of one array), and the answer: a closed form, or
mpmath's at 60 digits. Where a function has no derivative, `also` lists what is acceptable beside `want`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath as mp
import numpy as np

import gradtape as gt

INF, PI = math.inf, math.pi


@dataclass
class Trap:
    """One question and its answer; `needs` names what gradtape must have."""

    name: str
    ask: str
    function: Callable[..., Any]
    at: tuple[Any, ...]
    want: Any
    also: tuple[Any, ...] = ()
    rtol: float = 1e-10
    atol: float = 0.0
    needs: str = ""


TRAPS: list[Trap] = []


def trap(name: str, ask: str, function: Callable[..., Any], at: Any, want: Any, *also: Any, **options: Any) -> None:
    """Add a trap to the table."""
    at = at if isinstance(at, tuple) else (at,)
    TRAPS.append(Trap(f"{name} {ask}", ask, function, at, want, also, **options))


def exact(f: Callable[[Any], Any], x: float, order: int) -> float:
    """The nth derivative by mpmath."""
    with mp.workdps(60):
        value = mp.diff(f, mp.mpf(x), order)
        assert abs(mp.im(value)) <= abs(mp.re(value)) * mp.mpf("1e-15"), f"mpmath left its domain at {x}"
        return float(mp.re(value))


def orders(
    name: str, function: Callable[..., Any], x: float, reference: Any, n: tuple[int, ...] = (1, 2, 3), **options: Any
) -> None:
    """A trap for several orders; `reference`: a function for mpmath, or the answers in turn."""
    for i, order in enumerate(n):
        want = exact(reference, x, order) if callable(reference) else reference[i]
        trap(f"{name} at {x:g},", f"d{order}", function, x, want, **options)


def from_parts(f: Callable[..., Any]) -> Callable[..., Any]:
    """f of a matrix, as a function of the vector of its elements."""
    return lambda v: f(gt.reshape(v, (math.isqrt(v.shape[0]),) * 2))


special, nn = gt.special, gt.nn

# -- removable singularities: a guard that is a constant has no second derivative ----------------------------------
SINC = lambda t: mp.sincpi(t)
orders("sinc", gt.sinc, 0.0, (0.0, -(PI**2) / 3, 0.0, PI**4 / 5), (1, 2, 3, 4), atol=1e-12)
orders("sinc", gt.sinc, 3e-5, SINC, (1, 2, 3), rtol=1e-8)
orders("sinc", gt.sinc, -0.02, SINC, (1, 2), rtol=1e-9)
orders("sinc", gt.sinc, 1.25, SINC, (1, 2, 3), rtol=1e-9)
trap("xlogy, zero times a logarithm", "gradient", special.xlogy, (0.0, 3.0), [math.log(3), 0.0])
trap("xlogy in x then y", "d1", lambda y: gt.grad(special.xlogy)(gt.asarray(0.0), y), 4.0, 0.25)
trap("xlogy in y then x", "d1", lambda x: gt.grad(special.xlogy, argnums=1)(x, gt.asarray(4.0)), 0.0, 0.25)
trap("xlogy of zero and zero, in x", "d1", lambda x: special.xlogy(x, 0.0) * 0.0 + x, 0.0, 1.0)
trap("xlog1py, in x", "gradient", special.xlog1py, (0.0, 0.5), [math.log(1.5), 0.0])
trap("entropy term x log x from xlogy", "d2", lambda x: special.xlogy(x, x), 0.125, 8.0)
trap("x to the x near 0", "d1", lambda x: gt.power(x, x), 1e-100, math.log(1e-100) + 1)
trap("quotient with a tiny denominator", "d1", lambda x: 1e-240 / x, 1e-190, -1e140)
trap("quotient with a huge denominator", "d1", lambda x: 1e240 / x, 1e190, -1e-140)
trap("direction of a tiny number", "d1", lambda x: x / gt.abs(x), 1e-180, 0.0, atol=1e-6)

# -- saturation: the derivative from the complementary form keeps its digits ---------------------------------------
SIGMOID = lambda t: 1 / (1 + mp.exp(-t))
SOFTPLUS = lambda t: mp.log1p(mp.exp(t))
for x in (-36.0, 36.0):
    orders("sigmoid", special.expit, x, SIGMOID, (1, 2, 3), rtol=1e-9)
    orders("softplus", nn.softplus, x, SOFTPLUS, (2, 3), rtol=1e-9)
    orders("log sigmoid", nn.log_sigmoid, x, lambda t: -SOFTPLUS(-t), (1, 2), rtol=1e-9)
orders("sigmoid", special.expit, -750.0, (0.0, 0.0, 0.0), atol=1e-300)
orders("softplus", nn.softplus, 900.0, (1.0, 0.0, 0.0), atol=1e-300)
orders("softplus", nn.softplus, 0.0, (0.5, 0.25, 0.0, -0.125), (1, 2, 3, 4), atol=1e-15)
orders("log sigmoid", nn.log_sigmoid, -900.0, (1.0, 0.0), (1, 2), atol=1e-300)
for x in (-22.0, 9.0, 18.0):
    orders("tanh", gt.tanh, x, mp.tanh, (1, 2, 3), rtol=1e-9)
orders("tanh", gt.tanh, 800.0, (0.0, 0.0, 0.0), atol=1e-300)
orders("expm1", gt.expm1, -60.0, mp.expm1, (1, 2, 3))
orders("expm1", gt.expm1, 1e-18, (1.0, 1.0, 1.0))
orders("log1p", gt.log1p, -1 + 2.0**-30, mp.log1p, (1, 2, 3))
orders("silu", nn.silu, -700.0, lambda t: t * SIGMOID(t), (1, 2), rtol=1e-9)
orders("gelu", nn.gelu, -12.0, lambda t: t * mp.erfc(-t / mp.sqrt(2)) / 2, (1, 2), rtol=1e-9)
orders("erf", special.erf, 4.0, mp.erf, (1, 2, 3, 4), rtol=1e-9)
orders("erfc", special.erfc, 12.0, mp.erfc, (1, 2, 3), rtol=1e-9)
orders("log_ndtr", special.log_ndtr, -35.0, lambda t: mp.log(mp.erfc(-t / mp.sqrt(2)) / 2), (1, 2, 3), rtol=1e-6)
orders("gammaln", special.gammaln, 1e12, mp.loggamma, (1, 2), rtol=1e-9)
orders("gammaln", special.gammaln, 1e-5, mp.loggamma, (1, 2, 3), rtol=1e-9)
orders("digamma", special.digamma, 0.05, lambda t: mp.digamma(t), (1, 2), rtol=1e-8)
orders("Bessel I0", special.i0, 0.0, (0.0, 0.5, 0.0, 0.375), (1, 2, 3, 4), atol=1e-13)
orders("Bessel I1", special.i1, 0.0, (0.5, 0.0, 0.375), atol=1e-13)
orders("Bessel I0e", special.i0e, 600.0, lambda t: mp.besseli(0, t) * mp.exp(-t), (1, 2), rtol=1e-6)
trap("incomplete gamma at 0", "d1", lambda x: special.gammainc(1.0, x), 0.0, 1.0)
LOGCOSH = lambda x: gt.logaddexp(x, -x)
orders("log cosh", LOGCOSH, 0.0, (0.0, 1.0, 0.0, -2.0), (1, 2, 3, 4), atol=1e-14)
orders("log cosh", LOGCOSH, 17.0, lambda t: mp.log(mp.cosh(t)), (1, 2, 3), rtol=1e-9)
orders("log cosh", LOGCOSH, -900.0, (-1.0, 0.0), (1, 2), atol=1e-300)
trap("logaddexp at a tie", "gradient", gt.logaddexp, (-7.0, -7.0), [0.5, 0.5])
trap("logaddexp of one huge number", "d1", lambda x: gt.logaddexp(x, x), 3e60, 1.0)
trap("logaddexp with -inf", "gradient", gt.logaddexp, (2.0, -INF), [1.0, 0.0])
trap("logsumexp with -inf", "gradient", gt.logsumexp, [-INF, 3.0, 3.0], [0.0, 0.5, 0.5])
trap("logsumexp with -inf", "hessian", gt.logsumexp, [3.0, -INF, 3.0], [[0.25, 0, -0.25], [0, 0, 0], [-0.25, 0, 0.25]])
trap("logsumexp of huge numbers", "hessian", gt.logsumexp, [5e3, 5e3], [[0.25, -0.25], [-0.25, 0.25]])
trap("logsumexp of nothing but -inf", "gradient", gt.logsumexp, [-INF, -INF, -INF], [0.0] * 3, [1 / 3] * 3)
trap("log softmax with -inf", "gradient", lambda v: nn.log_softmax(v)[2], [-INF, 1.0, 1.0], [0, -0.5, 0.5])
trap("softmax of huge numbers", "gradient", lambda v: nn.softmax(v)[0], [2e3, 2e3, -2e3], [0.25, -0.25, 0.0])
trap(
    "cross entropy of a wrong and certain guess", "gradient", lambda v: -nn.log_softmax(v)[0], [-1e4, 1e4], [-1.0, 1.0]
)

# -- powers --------------------------------------------------------------------------------------------------------
for p in (2, 3, 4):
    falling = [float(math.perm(p, k)) * (k == p) for k in (1, 2, 3, 4)]
    orders(f"x**{p}", lambda x, p=p: x**p, 0.0, falling, (1, 2, 3, 4))
    orders(f"x**{p}.0 as an array", lambda x, p=p: gt.power(x, gt.constant(float(p))), 0.0, falling, (1, 2, 3, 4))
orders(
    "polynomial by an array of exponents",
    lambda x: gt.sum(gt.constant([3.0, 5.0, 7.0]) * x ** np.arange(3.0)),
    0.0,
    (5.0, 14.0, 0.0),
)
trap("x**0 by an array", "d1", lambda x: gt.power(x, gt.constant(0.0)), 0.0, 0.0)
orders("(-3)**4.0", lambda x: gt.power(x, gt.constant(4.0)), -3.0, (-108.0, 108.0, -72.0, 24.0), (1, 2, 3, 4))
orders("x**-3 of a negative number", lambda x: x**-3, -2.0, lambda t: t**-3)
orders("x**3.5", lambda x: x**3.5, 0.0, (0.0, 0.0, 0.0))
orders("square root", lambda x: gt.sqrt(x), 0.0, (INF,), (1,))
trap("exponent at a zero base", "gradient", lambda y: gt.power(0.0, y), 2.0, 0.0)
trap("base and exponent, negative base", "d2", lambda x: gt.grad(gt.power)(x, gt.constant(4.0)) / 4, -2.0, -12.0)
trap("tiny base", "d1", lambda x: gt.power(x, gt.constant(2.0)), 4e-170, 8e-170)
orders("cube root of a negative number", gt.cbrt, -27.0, (1 / 27, 2 / 2187), (1, 2))
orders("reciprocal", gt.reciprocal, -0.5, lambda t: 1 / t, (1, 2, 3, 4))
orders(
    "exp2 where it overflows and its derivative does not", gt.exp2, 1024.0, (math.log(2) ** 2 * 2.0**1023 * 2,), (2,)
)

# -- selection: a branch not taken contributes nothing, whatever it is ---------------------------------------------
DEAD = {
    "log": (gt.log, -1.0),
    "square root": (gt.sqrt, -2.0),
    "square root at its edge": (gt.sqrt, 0.0),
    "reciprocal": (lambda x: 1 / x, 0.0),
    "0/0": (lambda x: gt.sin(x) / x, 0.0),
    "x log x": (lambda x: x * gt.log(x), 0.0),
    "overflow": (lambda x: gt.exp(gt.exp(-x)), -20.0),
    "arcsine": (gt.asin, -1.5),
    "fractional power": (lambda x: x**0.3, -0.5),
    "log gamma of log": (lambda x: special.gammaln(gt.log(x)), -3.0),
    "nested": (lambda x: gt.sqrt(gt.log(gt.sqrt(x))), -0.1),
}
for name, (f, x) in DEAD.items():
    orders(f"unselected {name}", lambda x, f=f: gt.where(x > 0, f(x), x**2 + x), x, (2 * x + 1, 2.0, 0.0))
trap(
    "mask over a vector",
    "gradient",
    lambda v: gt.sum(gt.where(v == 0, 0.0, v * gt.log(v))),
    [0.0, 1.0, math.e],
    [0, 1, 2],
)
trap("double where", "d2", lambda x: gt.where(x > 0, gt.log(gt.where(x > 0, x, 1.0)), x**3), -2.0, -12.0)
trap("root of a rectified number", "d1", lambda x: gt.sqrt(nn.relu(x)), -3.0, 0.0)
trap("root of a rectified number", "d2", lambda x: gt.sqrt(gt.maximum(x, 0.0)), -3.0, 0.0)
trap("power of a clipped number", "d1", lambda x: gt.clip(x, 0.0, 2.0) ** 0.2, -5.0, 0.0)
trap("log of a clipped number", "d1", lambda x: gt.log(gt.clip(x, 1e-12, 1.0)), 0.5, 2.0)
trap("minimum with an infinite other", "d1", lambda x: gt.minimum(gt.log(x) ** 2, 4.0), 0.0, 0.0)
trap("maximum with -inf", "gradient", gt.maximum, (1.0, -INF), [1.0, 0.0])
trap(
    "distances with a masked diagonal",
    "gradient",
    lambda v: gt.sum(gt.sqrt((v[:, None] - v[None]) ** 2) * (1 - np.eye(3))),
    [0.0, 2.0, 5.0],
    [-4.0, 0.0, 4.0],
)
trap("logistic by hand", "d1", lambda x: 1 / (1 + gt.exp(-x)), -760.0, 0.0, atol=1e-300)
trap("logistic by hand", "d2", lambda x: 1 / (1 + gt.exp(-x)), -760.0, 0.0, atol=1e-300)

# -- norms ---------------------------------------------------------------------------------------------------------
NORM = lambda v: gt.linalg.vector_norm(v)
trap("norm at the origin", "gradient", NORM, [0.0, 0.0], [0.0, 0.0], needs="linalg")
trap("squared norm at the origin", "gradient", lambda v: NORM(v) ** 2, [0.0, 0.0], [0.0, 0.0], needs="linalg")
trap("norm", "hessian", NORM, [5.0, 12.0], np.array([[144.0, -60.0], [-60.0, 25.0]]) / 13**3, needs="linalg")
trap("norm of huge numbers", "gradient", NORM, [3e180, -4e180], [0.6, -0.8], needs="linalg")
trap(
    "Frobenius norm of zero", "gradient", from_parts(lambda m: gt.linalg.norm(m)), [0.0] * 4, [0.0] * 4, needs="linalg"
)
trap("unit vector", "gradient", lambda v: (v / NORM(v))[0], [3.0, 4.0], [16 / 125, -12 / 125], needs="linalg")
trap("hypot at the origin", "gradient", gt.hypot, (0.0, 0.0), [0.0, 0.0], [1.0, 0.0], [0.0, 1.0])
trap("hypot on an axis", "d2", lambda x: gt.hypot(x, 4.0), 0.0, 0.25)
trap("hypot on an axis", "d4", lambda x: gt.hypot(x, 2.0), 0.0, -3 / 8)
trap("hypot of huge numbers", "gradient", gt.hypot, (-3e180, 4e180), [-0.6, 0.8])
trap("hypot of tiny numbers", "gradient", gt.hypot, (3e-190, 4e-190), [0.6, 0.8])

# -- ties and kinks ------------------------------------------------------------------------------------------------
trap("maximum at a tie", "gradient", gt.maximum, (1.0, 1.0), [0.5, 0.5], [1, 0], [0, 1])
trap("minimum at a tie", "gradient", gt.minimum, (-1.0, -1.0), [0.5, 0.5], [1, 0], [0, 1])
trap("maximum of an array with ties", "gradient", gt.max, [2.0, 5.0, 5.0], [0.0, 0.5, 0.5], [0, 1, 0], [0, 0, 1])
trap("maximum of a joined array", "gradient", lambda v: gt.max(gt.concat([v, v])), [4.0, 1.0], [1.0, 0.0])
trap("maximum with itself", "gradient", lambda x: gt.maximum(x, x), 2.0, 1.0)
trap("relu at 0", "d1", nn.relu, 0.0, 0.0)
trap("absolute value at 0", "d1", gt.abs, 0.0, 0.0)
trap("absolute value at -0", "d1", gt.abs, -0.0, 0.0)
trap("x |x| at 0", "d1", lambda x: x * gt.abs(x), 0.0, 0.0)
trap("root of a square at 0", "d1", lambda x: gt.sqrt(x**2), 0.0, 0.0, 1.0, -1.0)
trap("floor as a factor", "d1", lambda x: gt.floor(x) * x**2, 3.5, 21.0)
trap("sawtooth at its jump", "d1", lambda x: x - gt.floor(x), -4.0, 1.0)
trap("remainder", "gradient", gt.remainder, (-8.5, 3.0), [1.0, 3.0])
trap("clip at its bounds", "gradient", lambda v: gt.sum(gt.clip(v, -1.0, 1.0)), [-1.0, 1.0, 3.0], [1, 1, 0], [0, 0, 0])
trap(
    "sorting with a tie",
    "gradient",
    lambda v: gt.sum(gt.sort(v) * np.array([1.0, 10.0, 100.0])),
    [4.0, 3.0, 4.0],
    [10, 1, 100],
    [100, 1, 10],
    [55, 1, 55],
)
trap("median of an even number", "gradient", gt.median, [9.0, 1.0, 5.0, 3.0], [0.0, 0.0, 0.5, 0.5])
trap(
    "median with a tie",
    "gradient",
    lambda v: gt.sum(gt.stack([gt.median(v)])),
    [2.0, 2.0, 7.0],
    [0, 1, 0],
    [1, 0, 0],
    [0.5, 0.5, 0],
)
trap(
    "maxima of rows cubed",
    "hessian",
    lambda v: gt.sum(gt.max(gt.reshape(v, (2, 2)), axis=0) ** 3),
    [5.0, 2.0, 3.0, 4.0],
    np.diag([30.0, 0.0, 0.0, 24.0]),
)

# -- products: never divide by the input ---------------------------------------------------------------------------
trap("product with one zero", "gradient", gt.prod, [4.0, 0.0, 5.0], [0.0, 20.0, 0.0])
trap("product with one zero", "hessian", gt.prod, [4.0, 0.0, 5.0], [[0, 5, 0], [5, 0, 4], [0, 4, 0]])
trap("product with two zeros", "hessian", gt.prod, [0.0, 7.0, 0.0], [[0, 0, 7], [0, 0, 0], [7, 0, 0]])
trap("product whose parts underflow", "gradient", gt.prod, [1e-170, 1e-170, 1e170], [1.0, 1.0, 0.0], atol=1e-300)
trap("product of nothing", "gradient", gt.prod, [], [])
RUNNING = lambda v: gt.sum(gt.cumulative_prod(v) * np.array([1.0, 10.0, 100.0]))
trap("running product with a zero", "gradient", RUNNING, [2.0, 0.0, 3.0], [1.0, 620.0, 0.0])
trap("running product with a zero", "hessian", RUNNING, [2.0, 0.0, 3.0], [[0, 310, 0], [310, 0, 200], [0, 200, 0]])
trap("running product with two zeros", "hessian", RUNNING, [0.0, 0.0, 3.0], [[0, 310, 0], [310, 0, 0], [0, 0, 0]])

# -- statistics ----------------------------------------------------------------------------------------------------
trap("standard deviation of equal numbers", "gradient", gt.std, [3.0, 3.0, 3.0, 3.0], [0.0] * 4)
trap("standard deviation of one number", "gradient", gt.std, [3.0], [0.0])
trap("variance far from 0", "gradient", gt.var, [1e9, 1e9 + 1, 1e9 + 5], np.array([-2.0, -1.0, 3.0]) * 2 / 3, rtol=1e-6)
trap(
    "normalisation of equal numbers",
    "gradient",
    lambda v: ((v - gt.mean(v)) / gt.sqrt(gt.var(v) + 0.01))[0],
    [7.0, 7.0],
    [5.0, -5.0],
)

# -- inverse functions near their ends -----------------------------------------------------------------------------
NEAR = 1 - 1e-12
ROOT = lambda t: mp.sqrt((1 - t) * (1 + t))
orders("arcsine", gt.asin, NEAR, mp.asin, (1, 2), rtol=1e-9)
orders("arccosine", gt.acos, -NEAR, mp.acos, (1, 2), rtol=1e-9)
orders("artanh", gt.atanh, NEAR, mp.atanh, (1, 2), rtol=1e-9)
orders("arcosh", gt.acosh, 1 + 1e-12, mp.acosh, (1, 2), rtol=1e-9)
trap("arcsine at its end", "d1", gt.asin, 1.0, INF)
trap("arccosine at its end", "d1", gt.acos, 1.0, -INF)
trap("arsinh of a huge number", "d1", gt.asinh, -1e180, 1e-180)
trap("arcosh of a huge number", "d1", gt.acosh, 1e180, 1e-180)
trap("arctangent of a huge number", "d1", gt.atan, 1e100, 1e-200, rtol=1e-9)
orders("arctangent", gt.atan, 0.0, (1.0, 0.0, -2.0, 0.0), (1, 2, 3, 4), atol=1e-14)
trap("atan2 on the axis", "gradient", gt.atan2, (0.0, 2.0), [0.5, 0.0], atol=1e-15)
trap("atan2 of huge numbers", "gradient", gt.atan2, (3e180, 4e180), [1.6e-181, -1.2e-181])
trap("atan2 of tiny numbers", "gradient", gt.atan2, (3e-170, 4e-170), [1.6e169, -1.2e169])
trap("atan2 at the origin", "gradient", gt.atan2, (0.0, 0.0), [0.0, 0.0])

# -- overflow and underflow ----------------------------------------------------------------------------------------
trap("Gaussian far out", "d1", lambda x: gt.exp(-(x**2)), 1e180, 0.0)
trap("scaling down and up", "d1", lambda x: x * 1e-190 * 1e190, 2.0, 1.0)
trap("logarithm of a denormal", "d1", gt.log, 1e-308, 1e308)
trap("denormal exponential", "d1", gt.exp, -742.0, math.exp(-742.0), rtol=1e-9)

# -- linear algebra ------------------------------------------------------------------------------------------------
L = {"needs": "linalg"}
DET = from_parts(lambda m: gt.linalg.det(m))
trap("determinant of rank 1", "gradient", DET, [1.0, 2.0, 2.0, 4.0], [4.0, -2.0, -2.0, 1.0], atol=1e-12, **L)
trap("determinant of zero", "gradient", DET, [0.0] * 9, [0.0] * 9, atol=1e-14, **L)
trap(
    "determinant of rank 2",
    "gradient",
    DET,
    np.diag([0.0, 3.0, 5.0]).ravel(),
    np.diag([15.0, 0, 0]).ravel(),
    atol=1e-9,
    **L,
)
ANTI = np.zeros((4, 4))
ANTI[0, 3] = ANTI[3, 0] = 1
ANTI[1, 2] = ANTI[2, 1] = -1
trap("determinant of zero", "hessian", DET, [0.0] * 4, ANTI, atol=1e-12, **L)
trap("determinant of rank 1", "hessian", DET, [1.0, 2.0, 2.0, 4.0], ANTI, atol=1e-9, **L)
trap(
    "log determinant of a negative one",
    "gradient",
    from_parts(lambda m: gt.linalg.slogdet(m)[1]),
    [0.0, 2.0, 4.0, 0.0],
    [0.0, 0.5, 0.25, 0.0],
    atol=1e-12,
    **L,
)
M0, M1 = np.array([[3.0, 1.0], [0.5, 2.0]]), np.array([[1.0, -1.0], [2.0, 0.5]])
MI = np.linalg.inv(M0)
B0 = np.array([1.0, -2.0])
trap("inverse", "d2", lambda t: gt.sum(gt.linalg.inv(M0 + t * M1)), 0.0, 2 * (MI @ M1 @ MI @ M1 @ MI).sum(), **L)
trap(
    "solution for one vector",
    "d2",
    lambda t: gt.sum(gt.linalg.solve(M0 + t * M1, gt.asarray(B0))),
    0.0,
    2 * (MI @ M1 @ MI @ M1 @ MI @ B0).sum(),
    **L,
)
trap(
    "negative matrix power",
    "d1",
    lambda t: gt.sum(gt.linalg.matrix_power(M0 + t * M1, -2)),
    0.0,
    -(MI @ MI @ M1 @ MI + MI @ M1 @ MI @ MI).sum(),
    **L,
)
trap("matrix exponential of zero", "d2", lambda t: gt.sum(gt.linalg.expm(t * M0)), 0.0, (M0 @ M0).sum(), rtol=1e-8, **L)
SPD = np.array([[4.0, 1.0, 0.0], [1.0, 3.0, 0.0], [0.0, 0.0, 2.0]])
SYM = np.array([[1.0, 0.5, 0.2], [0.5, -1.0, 0.3], [0.2, 0.3, 0.7]])


def cholesky_reference(t: Any) -> Any:
    """The sum of the elements of the Cholesky factor of SPD + t SYM."""
    factor = mp.cholesky(mp.matrix(SPD.tolist()) + t * mp.matrix(SYM.tolist()))
    return sum(factor[i, j] for i in range(3) for j in range(i + 1))


orders("Cholesky factor", lambda t: gt.sum(gt.linalg.cholesky(SPD + t * SYM)), 0.0, cholesky_reference, rtol=1e-8, **L)
trap(
    "sum of squared eigenvalues of a multiple of I",
    "gradient",
    from_parts(lambda m: gt.sum(gt.linalg.eigvalsh(m) ** 2)),
    3 * np.eye(3).ravel(),
    6 * np.eye(3).ravel(),
    atol=1e-9,
    **L,
)
trap(
    "an eigenvalue",
    "d2",
    lambda t: gt.linalg.eigh(np.diag([1.0, 3.0, 6.0]) + t * SYM)[0][0],
    0.0,
    2 * (0.25 / (1 - 3) + 0.04 / (1 - 6)),
    rtol=1e-9,
    **L,
)
trap(
    "squared singular values of rank 1",
    "gradient",
    from_parts(lambda m: gt.sum(gt.linalg.svd(m)[1] ** 2)),
    [2.0] * 4,
    [4.0] * 4,
    atol=1e-9,
    **L,
)
trap(
    "broadcast product of matrices",
    "gradient",
    lambda b: gt.sum(gt.matmul(np.ones((3, 1, 2, 2)), b)),
    np.ones((4, 2, 2)),
    np.full((4, 2, 2), 6.0),
)

# -- indexing, shapes ----------------------------------------------------------------------------------------------
trap("an index that repeats", "hessian", lambda v: gt.sum(v[[1, 1, 0]] ** 3), [2.0, 3.0], np.diag([12.0, 36.0]))
trap(
    "a negative step",
    "hessian",
    lambda v: gt.sum(v[::-2] ** 2 * np.array([1.0, 4.0])),
    [1.0, 2.0, 3.0],
    np.diag([8.0, 0, 2.0]),
)
trap("a mask", "gradient", lambda v: gt.sum(v[np.array([False, True, True])] ** 2), [1.0, 2.0, 3.0], [0, 4, 6])
trap(
    "assigning over what was read",
    "gradient",
    lambda v: (lambda a: (a.__setitem__(0, a[1] * a[0]), gt.sum(a * a))[1])(v * 1.0),
    [2.0, 3.0],
    [36.0, 30.0],
)
trap("a column against a row", "gradient", lambda a: gt.sum(a * np.arange(4.0)), np.ones((3, 1)), np.full((3, 1), 6.0))
trap("one element against three", "gradient", lambda a: gt.sum(a * np.array([1.0, 2.0, 4.0])), [3.0], [7.0])
trap("a number against a matrix", "d2", lambda a: gt.sum((a * np.ones((2, 5))) ** 2), 3.0, 20.0)
trap("sum of nothing", "gradient", lambda v: gt.sum(v**2), np.zeros((0, 3)), np.zeros((0, 3)))
trap("joined with itself", "gradient", lambda v: gt.sum(gt.concat([v, v]) ** 2), [1.0, 3.0], [4.0, 12.0])

# -- complex numbers on the way ------------------------------------------------------------------------------------
trap("modulus at 0", "gradient", lambda x, y: gt.abs(gt.complex(x, y)), (0.0, 0.0), [0.0, 0.0])
trap(
    "z times its conjugate",
    "d2",
    lambda x: (lambda z: gt.real(z * gt.conj(z)))(gt.complex(x, gt.constant(2.0))),
    1.0,
    2.0,
)
orders("real part of exp(ix)", lambda x: gt.real(gt.exp(x * 1j)), 0.3, mp.cos, (1, 2, 3, 4))
trap("argument", "gradient", lambda x, y: gt.angle(gt.complex(x, y)), (3.0, 4.0), [-0.16, 0.12])
trap("argument near 0", "gradient", lambda x, y: gt.angle(gt.complex(x, y)), (3e-14, 4e-14), [-1.6e13, 1.2e13])
trap("logarithm on the cut", "d1", lambda x: gt.real(gt.log(gt.complex(x, 0.0 * x))), -4.0, -0.25)

# -- nesting and size ----------------------------------------------------------------------------------------------
trap("a linear function twice", "d2", lambda x: 7.0 * x, 1.0, 0.0)
trap("a constant", "d1", lambda x: gt.constant(3.0), 1.0, 0.0)
trap("a plain number", "d1", lambda x: 3.0, 1.0, 0.0)
trap(
    "Hessian times zero",
    "gradient",
    lambda v: gt.hvp(lambda u: gt.hypot(u[0], u[1]), v, np.zeros(2))[0],
    [3.0, 4.0],
    [0.0, 0.0],
)
trap(
    "norm of a gradient",
    "gradient",
    lambda a: gt.sum(gt.grad(lambda x: x[0] * a[0] * x[1] * a[1])(np.array([1.0, 2.0])) ** 2),
    [3.0, 0.5],
    [2 * 5 * 3 * 0.25, 2 * 5 * 9 * 0.5],
)
