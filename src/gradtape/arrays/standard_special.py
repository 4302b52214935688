"""Kernels of gradtape.special and gradtape.nn in the terms of the array API standard; see standard_kernels.py.

What is not elementary is the library's own, under scipy.special's names: `xp.special`.
"""

from __future__ import annotations

import math
from typing import Any

from . import special_kernels as kernels
from .dtypes import kind_of
from .standard_operands import floating, pair


# -- the normal distribution and its like -------------------------------------------------------------------------
def gaussian(xp: Any, x: Any) -> Any:
    """exp(-x^2)."""
    return xp.exp(-(x * x))


def erfcinv(xp: Any, x: Any) -> Any:
    """The inverse of erfc, by the normal quantiles: erfinv(1 - x) would lose small x."""
    return xp.special.ndtri(0.5 * x) * -math.sqrt(0.5)


def log_ndtr(xp: Any, x: Any, order: int) -> Any:
    """The derivative of that order of log(ndtr(x)): see special_kernels.log_ndtr_derivative."""
    if order == 0:
        return xp.special.log_ndtr(x)
    far = x < kernels.FAR_LEFT
    near = xp.where(far, 0, x)
    h = xp.exp(-0.5 * near * near - xp.special.log_ndtr(near)) * math.sqrt(0.5 / math.pi)
    y = xp.zeros_like(x)
    for (i, j), c in kernels.hazard_polynomial(order).items():
        y = y + float(c) * near**i * h**j
    y = xp.where(h == 0, 0, y)
    t = xp.where(far, -x, -kernels.FAR_LEFT)
    series: Any = 0
    for p, c in kernels.hazard_series(order):
        series = series + c * t ** float(-(p + order))
    return xp.where(far, (-1.0) ** (order - 1) * series, y)


def beta_density(xp: Any, p: Any, q: Any, x: Any, c: Any) -> Any:
    """x^p (1 - x)^q exp(-c)."""
    return xp.exp(xp.special.xlogy(p, x) + xp.special.xlog1py(q, -x) - c)


# -- gamma functions -----------------------------------------------------------------------------------------------
def gamma(xp: Any, x: Any) -> Any:
    """The gamma function."""
    if xp.special.has("gamma"):
        return xp.special.gamma(x)
    y = gamma_sign(xp, x) * xp.exp(xp.special.gammaln(x))
    y = xp.where(x == 0, 1 / x, y)
    return xp.where((x < 0) & ((xp.floor(x) == x) | xp.isinf(x)), math.nan, y)


def gamma_sign(xp: Any, x: Any) -> Any:
    """The sign of the gamma function."""
    below = xp.floor(x)
    return xp.where((x < 0) & (below - 2 * xp.floor(0.5 * below) != 0), -xp.ones_like(x), 1)


def betaln(xp: Any, a: Any, b: Any) -> Any:
    """The logarithm of |beta(a, b)|."""
    a, b = pair(xp, a, b)
    gammaln = xp.special.gammaln
    return gammaln(a) + gammaln(b) - gammaln(a + b)


def polygamma(xp: Any, x: Any, order: int) -> Any:
    """The derivative of that order of digamma."""
    if order == 0:
        return xp.special.digamma(x)
    x = floating(xp, x)
    return (-1.0) ** (order + 1) * math.factorial(order) * xp.special.zeta(xp.full_like(x, order + 1), x)


def gamma_density(xp: Any, a: Any, x: Any) -> Any:
    """x^(a-1) exp(-x) / gamma(a), also for a <= 0."""
    a, x = pair(xp, a, x)
    y = gamma_sign(xp, a) * xp.exp(xlogy(xp, a - 1, x) - x - xp.special.gammaln(a))
    return xp.where((a <= 0) & (xp.floor(a) == a), 0, y)


# -- Bessel functions ----------------------------------------------------------------------------------------------
def ive(xp: Any, n: int, x: Any) -> Any:
    """exp(-|x|) I_n(x) for x >= 0: by the continued fraction of I_k / I_(k-1), far out by the asymptotic series."""
    if n == 0:
        return xp.special.i0e(x)
    far = x > kernels.FAR_OUT
    near = xp.where(far, 0, x)
    ratio = xp.zeros_like(x)
    y = xp.special.i0e(near)
    for k in range(n + 70, 0, -1):
        ratio = near / (2 * k + near * ratio)
        if k <= n:
            y = y * ratio
    return xp.where(far, series_of_bessel(xp, n, 0, xp.where(far, x, kernels.FAR_OUT)), y)


def series_of_bessel(xp: Any, order: int, derivative: int, t: Any) -> Any:
    """A derivative of exp(-t) I_order(t) for large t."""
    y: Any = 0
    for k, c in kernels.scaled_bessel_series(order, derivative):
        y = y + c * t ** (-0.5 - k)
    return y


def bessel_i(xp: Any, x: Any, order: int) -> Any:
    """The modified Bessel function I of that order."""
    if order < 2:
        return (xp.special.i1 if order else xp.special.i0)(x)
    t = xp.abs(x)
    y = ive(xp, order, t) * xp.exp(t)
    return xp.where(x < 0, -y, y) if order % 2 else y


def scaled_bessel_i(xp: Any, x: Any, order: int, derivative: int) -> Any:
    """The derivative (of that number) of exp(-|x|) I_order(x): see special_kernels.scaled_bessel_i."""
    t = xp.abs(x)
    far = t > kernels.FAR_OUT
    near = xp.where(far, 0, t)
    y = xp.zeros_like(t)
    for n, c in kernels.scaled_bessel_coefficients(order, derivative):
        y = y + c * ive(xp, n, near)
    y = xp.where(far, series_of_bessel(xp, order, derivative, xp.where(far, t, kernels.FAR_OUT)), y)
    return y if (order + derivative) % 2 == 0 else xp.sign(x) * y


# -- logarithms of probabilities -----------------------------------------------------------------------------------
def softplus(xp: Any, x: Any) -> Any:
    """log(1 + exp(x))."""
    x = floating(xp, x)
    if kind_of(x.dtype) == "c":
        return xp.log1p(xp.exp(x))
    return xp.maximum(x, xp.zeros_like(x)) + xp.log1p(xp.exp(-xp.abs(x)))


def log_expit(xp: Any, x: Any) -> Any:
    """log(1 / (1 + exp(-x)))."""
    return -softplus(xp, -x)


def logit(xp: Any, x: Any) -> Any:
    """log(x / (1 - x)), accurate near 0, 1/2 and 1."""
    x = floating(xp, x)
    middle = xp.abs(x - 0.5) < 0.25
    return xp.where(middle, 2 * xp.atanh(xp.where(middle, 2 * x - 1, 0)), xp.log(x) - xp.log1p(-x))


def xlogy(xp: Any, a: Any, b: Any) -> Any:
    """a log(b), 0 where a is 0 and b a number."""
    a, b = pair(xp, a, b)
    return a * xp.log(xp.where((a == 0) & (b == b), 1, b))


def xlog1py(xp: Any, a: Any, b: Any) -> Any:
    """a log(1 + b), 0 where a is 0 and b a number."""
    a, b = pair(xp, a, b)
    return a * xp.log1p(xp.where((a == 0) & (b == b), 0, b))


def entr(xp: Any, x: Any) -> Any:
    """-x log(x), 0 at 0 and -inf below."""
    x = floating(xp, x)
    return xp.where(x < 0, -math.inf, -xlogy(xp, x, xp.where(x < 0, 1, x)))


def rel_entr(xp: Any, a: Any, b: Any) -> Any:
    """a log(a / b), 0 where a is 0 and b >= 0, inf where either is negative or only b is 0."""
    a, b = pair(xp, a, b)
    q = a / b
    y = a * xp.where((q > 0) & (q < math.inf), xp.log(q), xp.log(a) - xp.log(b))
    y = xp.where((a == 0) & (b >= 0), 0, y)
    return xp.where((a < 0) | (b < 0) | ((b == 0) & (a > 0)), math.inf, y)


# -- activations ---------------------------------------------------------------------------------------------------
def relu(xp: Any, x: Any) -> Any:
    """max(x, 0)."""
    return xp.maximum(x, xp.zeros_like(x))


def relu6(xp: Any, x: Any) -> Any:
    """x limited to [0, 6]."""
    return xp.minimum(relu(xp, x), xp.full_like(x, 6))


def leaky_relu(xp: Any, x: Any, negative_slope: float) -> Any:
    """x where it is positive, else negative_slope x."""
    return xp.where(x > 0, x, x * negative_slope)


def elu(xp: Any, x: Any, alpha: float, order: int) -> Any:
    """The derivative of that order of: x where it is positive, else alpha (exp(x) - 1)."""
    low = xp.minimum(x, xp.zeros_like(x))
    y = alpha * (xp.exp(low) if order else xp.expm1(low))
    return xp.where(x > 0, x if order == 0 else float(order == 1), y)


def gelu(xp: Any, x: Any) -> Any:
    """x ndtr(x)."""
    return xp.helper("scale")(xp.special.ndtr(x), x)


def silu(xp: Any, x: Any) -> Any:
    """x times the logistic function of x."""
    return xp.helper("scale")(xp.helper("logistic")(x), x)


def softsign(xp: Any, x: Any) -> Any:
    """x / (1 + |x|)."""
    return x / (1 + xp.abs(x))


def sigmoid_cross_entropy(xp: Any, a: Any, b: Any) -> Any:
    """-a log(s) - (1 - a) log(1 - s) with s the logistic function of b."""
    a, b = pair(xp, a, b)
    scale = xp.helper("scale")
    return xp.log1p(xp.exp(-xp.abs(b))) + scale(1 - a, relu(xp, b)) + scale(a, relu(xp, -b))


# -- softmax over the last axis --------------------------------------------------------------------------------------
# The largest entry of a row is the reference, and is left out of sums: 1 - p of a p near 1 is the sum of the others.
def peaks(xp: Any, x: Any) -> Any:
    """A mask with the first largest entry of each row."""
    n = x.shape[-1]
    return xp.arange(n, **xp.placed(x)) == xp.argmax(x, axis=-1, keepdims=True)


def at(xp: Any, x: Any, mask: Any) -> Any:
    """The entry of each row where the mask is."""
    return xp.sum(xp.where(mask, x, 0), axis=-1, keepdims=True)


def shifted(xp: Any, x: Any) -> tuple[Any, Any, Any]:
    """x minus its peak, the peaks, and the sum of the exponentials of the others."""
    mask = peaks(xp, x)
    d = x - xp.max(x, axis=-1, keepdims=True)
    return d, mask, xp.sum(xp.where(mask, 0, xp.exp(d)), axis=-1, keepdims=True)


def softmax(xp: Any, x: Any) -> Any:
    """exp(x) / sum(exp(x))."""
    x = floating(xp, x)
    if 0 in x.shape:
        return x
    d, _, rest = shifted(xp, x)
    return xp.exp(d) / (1 + rest)


def log_softmax(xp: Any, x: Any) -> Any:
    """x - log(sum(exp(x)))."""
    x = floating(xp, x)
    if 0 in x.shape:
        return x
    d, _, rest = shifted(xp, x)
    return d - xp.log1p(rest)


def centered(xp: Any, p: Any, v: Any) -> Any:
    """v - sum(p v), for probabilities p."""
    p, v = xp.broadcast_arrays(p, v)
    if 0 in v.shape:
        return v
    w = v - at(xp, v, peaks(xp, p))
    return w - xp.sum(p * w, axis=-1, keepdims=True)


def uncentered(xp: Any, p: Any, t: Any) -> Any:
    """t - p sum(t), for probabilities p."""
    p, t = xp.broadcast_arrays(p, t)
    if 0 in t.shape:
        return t
    mask = peaks(xp, p)
    t_rest = xp.sum(xp.where(mask, 0, t), axis=-1, keepdims=True)
    p_rest = xp.sum(xp.where(mask, 0, p), axis=-1, keepdims=True)
    top, p_top = at(xp, t, mask), at(xp, p, mask)
    return xp.where(mask, p_rest * top - p_top * t_rest, t - p * (t_rest + top))


def softmax_cross_entropy(xp: Any, labels: Any, logits: Any) -> tuple[Any, Any]:
    """-sum(labels log_softmax(logits)), and how it changes with the logits: p sum(labels) - labels."""
    t, x = pair(xp, labels, logits)
    t, x = xp.broadcast_arrays(t, x)
    if 0 in x.shape:
        return xp.sum(x, axis=-1), x
    d, mask, rest = shifted(xp, x)
    sums = xp.sum(t, axis=-1, keepdims=True)
    loss = sums * xp.log1p(rest) - xp.sum(xp.helper("scale")(t, d), axis=-1, keepdims=True)
    total = 1 + rest
    others = sums - t
    # at the peak p (sum of the other labels) - (1 - p) label, so that what is left of a 1 keeps its digits
    change = xp.where(mask, (others - rest * t) / total, xp.exp(d) * (sums / total) - t)
    return xp.reshape(loss, tuple(x.shape)[:-1]), change


def sparse_softmax_cross_entropy(xp: Any, labels: Any, logits: Any) -> tuple[Any, Any]:
    """-log_softmax(logits) at the label of each row, and how it changes with the logits: p - one_hot(labels).

    Labels out of range are not looked for: their loss is NaN.
    """
    x = floating(xp, logits)
    n = x.shape[-1]
    if 0 in x.shape:
        return xp.sum(x, axis=-1), x
    hot = xp.arange(n, **xp.placed(x)) == labels[..., None]
    d, mask, rest = shifted(xp, x)
    loss = xp.log1p(rest) - at(xp, d, hot)
    loss = xp.where(xp.any(hot, axis=-1, keepdims=True), loss, math.nan)
    total = 1 + rest
    right = hot & mask
    change = xp.exp(d) / total - xp.astype(hot, x.dtype)
    change = xp.where(right, -rest / total, change)
    return xp.reshape(loss, tuple(loss.shape)[:-1]), change


def one_hot(xp: Any, indices: Any, depth: int, dtype: Any) -> Any:
    """Rows of zeros with a one at each index; indices out of range give zeros only."""
    return xp.astype(indices[..., None] == xp.arange(depth, **xp.placed(indices)), dtype)


KERNELS: dict[str, Any] = {
    function.__name__: function
    for function in (
        bessel_i, beta_density, betaln, elu, entr, erfcinv, gamma, gamma_density, gaussian, gelu, leaky_relu,
        log_expit, log_ndtr, log_softmax, logit, one_hot, polygamma, rel_entr, relu, relu6, scaled_bessel_i,
        sigmoid_cross_entropy, silu, softmax, softmax_cross_entropy, softplus, softsign, sparse_softmax_cross_entropy,
        xlog1py, xlogy,
    )
} | {"softmax_centered": centered, "softmax_uncentered": uncentered}  # fmt: skip
