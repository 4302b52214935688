"""Kernels of gradtape.special and gradtape.nn. SciPy's are imported when one of them is first called.

Kernels of families take the order of derivative as a number, and keep their relative precision at every order:
in the tails, where the usual formulas cancel, they sum asymptotic series.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache, wraps
from math import comb, factorial, pi, prod, sqrt
from typing import Any

import numpy as np

from ..errors import missing_extra
from .numpy_kernels import logistic, scale
from .reduction_kernels import row_of_ones


def scipy_special(function: str) -> Any:
    """The module scipy.special. Raises ImportError, naming the function that needs it."""
    try:
        import scipy.special
    except ImportError:
        raise missing_extra("scipy", "special", f"gradtape.{function}") from None
    return scipy.special


def no_wider(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """The kernel, whose results of half precision are computed in single precision: SciPy answers in more bits."""

    @wraps(kernel)
    def computed(*arguments: Any, **parameters: Any) -> Any:
        dtypes = [a.dtype for a in arguments if hasattr(a, "dtype") and a.dtype.kind in "fc"]
        if HALF not in dtypes or any([dtype != HALF for dtype in dtypes]):
            return kernel(*arguments, **parameters)
        wider = [a.astype(np.float32) if getattr(a, "dtype", None) == HALF else a for a in arguments]
        y = kernel(*wider, **parameters)
        return y.astype(HALF if y.dtype.kind == "f" else np.complex64)

    return computed


HALF = np.dtype(np.float16)


def from_scipy(name: str) -> Callable[..., Any]:
    """SciPy's function of that name, looked up when it is called."""

    def kernel(*arguments: Any) -> Any:
        function = getattr(scipy_special(f"special.{name}"), name)
        return function(*(floating_pair(*arguments) if len(arguments) == 2 else arguments))

    kernel.scipy_name = name  # type: ignore[attr-defined]
    return no_wider(kernel)


def in_double(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """The kernel computed in double precision; the result has x's floating dtype."""

    def computed(x: Any, **parameters: Any) -> Any:
        x = np.asarray(x)
        y = kernel(x.astype(np.float64), **parameters)
        return (y.astype(x.dtype) if x.dtype.kind == "f" else y)[()]

    return computed


def floating_pair(a: Any, b: Any) -> tuple[Any, Any]:
    """Both in the floating dtype of their result, in which Python numbers are weak."""
    dtype = np.result_type(a, b)
    if dtype.kind not in "fc":
        dtype = np.dtype(np.float64)
    return np.asarray(a, dtype), np.asarray(b, dtype)


def absorbing(a: Any, b: Any) -> Any:
    """a b, where a zero a absorbs an infinite b; without warnings."""
    with np.errstate(invalid="ignore"):
        return scale(a, b)


# -- the normal distribution ------------------------------------------------------------------------------------
def gaussian(x: Any) -> Any:
    """exp(-x^2)."""
    return np.exp(-np.multiply(x, x))


#: From here on to the left, derivatives of log_ndtr come from their asymptotic series.
FAR_LEFT = -10.0


@in_double
def log_ndtr_derivative(x: Any, order: int) -> Any:
    """The derivative of that order of log(ndtr(x)).

    The first is h(x) = sqrt(2/pi) / erfcx(-x/sqrt(2)), with h' = -h (x + h); so the others are polynomials in x and
    h, which cancel in the left tail. There h(-t) = t / (1 - 1/t^2 + 3/t^4 - 15/t^6 ...).
    """
    special = scipy_special("special.log_ndtr")
    if order == 0:
        return special.log_ndtr(x)
    far = x < FAR_LEFT
    with np.errstate(all="ignore"):
        near = np.where(far, 0.0, x)
        h = sqrt(2 / pi) / special.erfcx(near * -sqrt(0.5))
        y = np.zeros_like(x)
        for (i, j), c in hazard_polynomial(order).items():
            y += c * near**i * h**j
        y = np.where(h == 0, 0.0, y)
        if not far.any():
            return y
        t = np.where(far, -x, -FAR_LEFT)
        series = sum(c * t ** -(p + order) for p, c in hazard_series(order))
        return np.where(far, (-1.0) ** (order - 1) * series, y)


@cache
def hazard_polynomial(order: int) -> dict[tuple[int, int], int]:
    """Coefficients of x^i h^j in the derivative of that order of log_ndtr."""
    if order == 1:
        return {(0, 1): 1}
    y: dict[tuple[int, int], int] = {}
    for (i, j), c in hazard_polynomial(order - 1).items():
        for key, part in (((i - 1, j), i * c), ((i + 1, j), -j * c), ((i, j + 1), -j * c)):
            if part:
                y[key] = y.get(key, 0) + part
    return {key: c for key, c in y.items() if c}


@cache
def hazard_series(order: int, terms: int = 24) -> tuple[tuple[int, float], ...]:
    """(p, c) with sum of c t^-(p + order) the derivative of order - 1 of t / (1 - 1/t^2 + 3/t^4 ...) in t."""
    mills = [(-1) ** k * prod(range(1, 2 * k, 2)) for k in range(terms)]
    inverse: list[int] = [1]
    for k in range(1, terms):
        inverse.append(-sum(mills[i] * inverse[k - i] for i in range(1, k + 1)))
    pairs = []
    for k, c in enumerate(inverse):
        power = 1 - 2 * k
        factor = prod(power - i for i in range(order - 1))
        if factor:
            pairs.append((2 * k - 2, float(c * factor)))
    return tuple(pairs)


# -- gamma functions --------------------------------------------------------------------------------------------
@no_wider
def polygamma(x: Any, order: int) -> Any:
    """The derivative of that order of digamma."""
    special = scipy_special("special.polygamma")
    if order == 0:
        return special.psi(x)
    x = np.asarray(x)
    x = x if x.dtype.kind == "f" else x.astype(np.float64)
    factor = x.dtype.type((-1.0) ** (order + 1) * factorial(order))
    return (factor * special.zeta(x.dtype.type(order + 1), x))[()]


@no_wider
def gamma_density(a: Any, x: Any) -> Any:
    """x^(a-1) exp(-x) / gamma(a), also for a <= 0 (there gamma(a) may be infinite)."""
    special = scipy_special("special.gammainc")
    a, x = floating_pair(a, x)
    with np.errstate(all="ignore"):
        y = special.gammasgn(a) * np.exp(special.xlogy(np.subtract(a, 1), x) - x - special.gammaln(a))
    return np.where((np.less_equal(a, 0)) & (np.floor(a) == a), y.dtype.type(0), y)[()]


# -- Bessel functions -------------------------------------------------------------------------------------------
@no_wider
def bessel_i(x: Any, order: int) -> Any:
    """The modified Bessel function I of that order."""
    special = scipy_special("special.iv")
    if order < 2:
        return (special.i1 if order else special.i0)(x)
    return special.iv(getattr(x, "dtype", np.dtype(float)).type(order), x)


#: From here on, derivatives of exp(-|x|) I(x) come from their asymptotic series.
FAR_OUT = 30.0


@in_double
def scaled_bessel_i(x: Any, order: int, derivative: int) -> Any:
    """The derivative (of that number) of exp(-|x|) I_order(x); at 0, odd ones of even functions are 0.

    For x > 0 a derivative is (I_{n-1} + I_{n+1}) / 2 - I_n, all scaled, which cancels far out.
    """
    special = scipy_special("special.i0e")
    base = (special.i1e if order else special.i0e) if order < 2 else lambda t: special.ive(order, t)
    if derivative == 0:
        return base(x)
    t = np.abs(x)
    far = t > FAR_OUT
    near = np.where(far, 0.0, t)
    y = np.zeros_like(t)
    for n, c in scaled_bessel_coefficients(order, derivative):
        y += c * special.ive(n, near)
    if far.any():
        t = np.where(far, t, FAR_OUT)
        y = np.where(far, sum(c * t ** (-0.5 - k) for k, c in scaled_bessel_series(order, derivative)), y)
    return y if (order + derivative) % 2 == 0 else np.sign(x) * y


@cache
def scaled_bessel_coefficients(order: int, derivative: int) -> tuple[tuple[int, float], ...]:
    """The derivative as a combination of functions of other orders."""
    total: dict[int, float] = {}
    for j in range(derivative + 1):
        for i in range(j + 1):
            n = abs(order - j + 2 * i)
            c = comb(derivative, j) * (-1.0) ** (derivative - j) * comb(j, i) / 2**j
            total[n] = total.get(n, 0.0) + c
    return tuple(total.items())


@cache
def scaled_bessel_series(order: int, derivative: int, terms: int = 26) -> tuple[tuple[int, float], ...]:
    """(k, c) with sum of c t^(-1/2 - k) the derivative, for large t."""
    pairs = []
    for k in range(terms):
        c = prod((4 * order**2 - (2 * i - 1) ** 2) / (8.0 * i) for i in range(1, k + 1)) * (-1) ** k
        pairs.append((k + derivative, c / sqrt(2 * pi) * prod(-0.5 - k - i for i in range(derivative))))
    return tuple(pairs)


# -- logarithms of probabilities --------------------------------------------------------------------------------
def softplus(x: Any) -> Any:
    """log(1 + exp(x)); five times as fast as numpy.logaddexp."""
    if np.iscomplexobj(x):
        return np.log1p(np.exp(x))
    y = np.exp(-np.abs(x))
    if type(y) is not np.ndarray:
        return np.maximum(x, 0) + np.log1p(y)
    np.log1p(y, out=y)
    y += np.maximum(x, 0)
    return y


def log_expit(x: Any) -> Any:
    """log(1 / (1 + exp(-x)))."""
    return -softplus(np.negative(x))


def logit(x: Any) -> Any:
    """log(x / (1 - x)), accurate near 0, 1/2 and 1."""
    middle = np.abs(np.subtract(x, 0.5)) < 0.25
    with np.errstate(all="ignore"):
        tails = np.log(x) - np.log1p(-np.asarray(x))
        return np.where(middle, 2 * np.arctanh(np.where(middle, np.multiply(2, x) - 1, 0)), tails)[()]


def xlogy(a: Any, b: Any) -> Any:
    """a log(b), 0 where a is 0 and b a number."""
    a, b = floating_pair(a, b)
    return a * np.log(np.where((a == 0) & (b == b), 1, b))


def xlog1py(a: Any, b: Any) -> Any:
    """a log(1 + b), 0 where a is 0 and b a number."""
    a, b = floating_pair(a, b)
    return a * np.log1p(np.where((a == 0) & (b == b), 0, b))


def entr(x: Any) -> Any:
    """-x log(x), 0 at 0 and -inf below."""
    y = -xlogy(x, np.where(np.less(x, 0), 1, x))
    return np.where(np.less(x, 0), -np.inf, y).astype(y.dtype, copy=False)[()]


def rel_entr(a: Any, b: Any) -> Any:
    """a log(a / b), 0 where a is 0 and b >= 0, inf where either is negative or only b is 0."""
    a, b = floating_pair(a, b)
    with np.errstate(all="ignore"):
        q = a / b
        y = a * np.where((q > 0) & (q < np.inf), np.log(q), np.log(a) - np.log(b))
    y = np.where((a == 0) & (b >= 0), y.dtype.type(0), y)
    return np.where((a < 0) | (b < 0) | ((b == 0) & (a > 0)), y.dtype.type(np.inf), y)[()]


# -- activations ------------------------------------------------------------------------------------------------
def relu(x: Any) -> Any:
    """max(x, 0)."""
    return np.maximum(x, 0)


def relu6(x: Any) -> Any:
    """x limited to [0, 6]."""
    return np.minimum(np.maximum(x, 0), 6)


def leaky_relu(x: Any, negative_slope: float) -> Any:
    """x where it is positive, else negative_slope x."""
    return np.where(np.greater(x, 0), x, np.multiply(x, negative_slope))[()]


def elu(x: Any, alpha: float, order: int) -> Any:
    """The derivative of that order of: x where it is positive, else alpha (exp(x) - 1)."""
    low = np.minimum(x, 0)
    y = alpha * (np.exp(low) if order else np.expm1(low))
    return np.where(np.greater(x, 0), x if order == 0 else float(order == 1), y)[()]


@no_wider
def gelu(x: Any) -> Any:
    """x ndtr(x)."""
    return absorbing(scipy_special("nn.gelu (exact; with approximate=True it needs nothing)").ndtr(x), x)


def silu(x: Any) -> Any:
    """x times the logistic function of x."""
    return absorbing(logistic(x), x)


def softsign(x: Any) -> Any:
    """x / (1 + |x|)."""
    return x / (1 + np.abs(x))


def sigmoid_cross_entropy(a: Any, b: Any) -> Any:
    """-a log(s) - (1 - a) log(1 - s) with s the logistic function of b."""
    a, b = floating_pair(a, b)
    tail = np.log1p(np.exp(-np.abs(b)))
    return tail + absorbing(1 - a, np.maximum(b, 0)) + absorbing(a, np.maximum(-b, 0))


# -- softmax over the last axis -----------------------------------------------------------------------------------
# The largest entry of a row is the reference, and is left out of sums: 1 - p of a p near 1 is the sum of the others.
def in_rows(x: Any) -> Any:
    """x as floating numbers in C order, so that flat positions are those of its memory."""
    x = np.asarray(x)
    return np.ascontiguousarray(x if x.dtype.kind == "f" else x.astype(np.float64))


@lru_cache(maxsize=8)
def starts(size: int, n: int) -> Any:
    """The flat position at which each row of n begins; read only."""
    y = np.arange(0, size, n)
    y.flags.writeable = False
    return y


def peaks(x: Any) -> Any:
    """The flat position of the largest entry of each row."""
    n = x.shape[-1]
    at = x.reshape(-1, n).argmax(axis=-1)
    at += starts(x.size, n)
    return at


def shifted(x: Any) -> tuple[Any, Any, Any, Any]:
    """x minus its peak, the exponentials of that (0 at the peak itself), the peaks, the sum of the exponentials."""
    at = peaks(x)
    d = x - x.reshape(-1)[at].reshape(*x.shape[:-1], 1)
    e = np.exp(d)
    e.reshape(-1)[at] = 0
    return d, e, at, np.add.reduce(e, axis=-1, keepdims=True)


def softmax(x: Any) -> Any:
    """exp(x) / sum(exp(x))."""
    x = in_rows(x)
    if not x.size:
        return x
    d, e, at, rest = shifted(x)
    e.reshape(-1)[at] = np.exp(d.reshape(-1)[at])  # 1, or NaN
    rest += 1
    e /= rest
    return e


def log_softmax(x: Any) -> Any:
    """x - log(sum(exp(x)))."""
    x = in_rows(x)
    if not x.size:
        return x
    d, _, _, rest = shifted(x)
    d -= np.log1p(rest, out=rest)
    return d


def together(p: Any, v: Any) -> tuple[Any, Any]:
    """Both in rows, of one shape."""
    if p.shape != v.shape:
        shape = np.broadcast_shapes(p.shape, v.shape)
        p, v = np.broadcast_to(p, shape), np.broadcast_to(v, shape)
    return in_rows(p), in_rows(v)


def centered(p: Any, v: Any) -> Any:
    """v - sum(p v), for probabilities p."""
    p, v = together(p, v)
    if not v.size:
        return v
    w = v - v.reshape(-1)[peaks(p)].reshape(*v.shape[:-1], 1)
    w -= np.add.reduce(p * w, axis=-1, keepdims=True)
    return w


def uncentered(p: Any, t: Any) -> Any:
    """t - p sum(t), for probabilities p."""
    p, t = together(p, t)
    if not t.size:
        return t
    at = peaks(p)
    top = t.reshape(-1)[at]
    p_top = p.reshape(-1)[at]
    others = t.copy()
    others.reshape(-1)[at] = 0
    t_rest = np.add.reduce(others, axis=-1)
    y = p * (t_rest + top.reshape(t_rest.shape))[..., None]
    np.subtract(t, y, out=y)
    np.copyto(others, p)
    others.reshape(-1)[at] = 0
    p_rest = np.add.reduce(others, axis=-1)
    y.reshape(-1)[at] = p_rest.reshape(-1) * top - p_top * t_rest.reshape(-1)
    return y


#: A sum of exponentials, the largest of them 1, from which on a row's peak need not be kept apart from the rest.
DOUBTFUL = 1.2
#: The same of a loss, for probabilities as labels.
CERTAIN = 0.2
#: Largest logit, and smallest sum of exponentials in a row, with which nothing is lost if the peak is not subtracted.
MODERATE, FAINT = 4.0, 0.02


def moderate_cross_entropy(t: Any, x: Any) -> tuple[Any, Any] | None:
    """The same where no logit is large and no row near certainty, in fewer steps; None if a row is otherwise."""
    e = np.exp(x)
    ones = row_of_ones(x.shape[1], x.dtype)
    total = e @ ones  # short rows: a third of what a reduction takes
    if not np.minimum.reduce(total) > FAINT:
        return None
    sums = t @ ones
    loss = np.log(total)
    loss *= sums
    with np.errstate(invalid="ignore"):
        loss -= np.vecdot(x, t)
    if not np.minimum.reduce(loss) > CERTAIN * np.maximum.reduce(sums):
        return None  # also where it is NaN: a label 0 has met an infinite logarithm
    e *= (sums / total)[:, None]
    e -= t
    return loss, e


def softmax_cross_entropy(labels: Any, logits: Any) -> tuple[Any, Any]:
    """-sum(labels log_softmax(logits)), and how it changes with the logits: p sum(labels) - labels.

    A zero label absorbs an infinite logarithm.
    """
    t, x = labels, logits
    if not (t.ndim == x.ndim == 2 and t.shape == x.shape and t.dtype is x.dtype and x.dtype.kind == "f"):
        t, x = together(t, x)
        if t.dtype != x.dtype:
            dtype = np.result_type(t, x)
            t, x = t.astype(dtype), x.astype(dtype)
    shape = x.shape
    if not x.size:
        return np.zeros(shape[:-1], x.dtype)[()], np.zeros(shape, x.dtype)
    if not x.flags.c_contiguous or x.ndim != 2:
        x = np.ascontiguousarray(x).reshape(-1, shape[-1])
    if not t.flags.c_contiguous or t.ndim != 2:
        t = np.ascontiguousarray(t).reshape(-1, shape[-1])
    if np.maximum.reduce(x, axis=None) < MODERATE:
        found = moderate_cross_entropy(t, x)
        if found is not None:
            return found[0].reshape(shape[:-1])[()], found[1].reshape(shape)
    at = peaks(x)
    d = x - x.reshape(-1)[at][:, None]
    e = np.exp(d)
    ones = row_of_ones(shape[-1], x.dtype)
    total = e @ ones  # short rows: a third of what a reduction takes
    if np.minimum.reduce(total) > DOUBTFUL:  # no row is near certainty, so nothing small is lost beside a 1
        sums = t @ ones
        loss = np.log(total)
        loss *= sums
        with np.errstate(invalid="ignore"):
            loss -= np.vecdot(d, t)
        probe = np.add.reduce(loss)
        if probe == probe:  # else a zero label has met an infinite logarithm
            e *= (sums / total)[:, None]
            e -= t
            return loss.reshape(shape[:-1])[()], e.reshape(shape)
    e.reshape(-1)[at] = 0
    rest = np.add.reduce(e, axis=-1)
    sums = np.add.reduce(t, axis=-1)
    with np.errstate(invalid="ignore"):
        products = np.vecdot(d, t)
    probe = np.add.reduce(products)
    if probe != probe:
        d[t == 0] = 0
        products = np.vecdot(d, t)
    loss = sums * np.log1p(rest) - products
    total = rest + 1
    e *= (sums / total)[:, None]
    e -= t
    top = t.reshape(-1)[at]
    # at the peak p (sum of the other labels) - (1 - p) label, so that what is left of a 1 keeps its digits
    e.reshape(-1)[at] = ((sums - top) - rest * top) / total
    return loss.reshape(shape[:-1])[()], e.reshape(shape)


def sparse_softmax_cross_entropy(labels: Any, logits: Any) -> tuple[Any, Any]:
    """-log_softmax(logits) at the label of each row, and how it changes with the logits: p - one_hot(labels)."""
    labels, x = np.asarray(labels), in_rows(logits)
    n = x.shape[-1]
    if labels.shape != x.shape[:-1]:
        shape = np.broadcast_shapes(labels.shape, x.shape[:-1])
        labels, x = np.broadcast_to(labels, shape), in_rows(np.broadcast_to(x, (*shape, n)))
    if not x.size:
        return np.zeros(x.shape[:-1], x.dtype)[()], x
    label = labels.reshape(-1)
    if np.less(label, 0).any() or np.greater_equal(label, n).any():
        raise ValueError(
            f"gradtape.nn.sparse_softmax_cross_entropy_with_logits: labels must lie in [0, {n}), the number of "
            f"classes; they range from {label.min()} to {label.max()}"
        )
    rows = x.reshape(-1, n)
    d = rows.reshape(-1)
    at = peaks(rows)
    d = (rows - d[at][:, None]).reshape(-1)
    e = np.exp(d)
    e[at] = 0  # the peak's 1 is added last, so that what is left of it keeps its digits
    rest = np.add.reduce(e.reshape(-1, n), axis=-1)
    total = rest + 1
    there = label + starts(x.size, n)
    loss = np.log1p(rest) - d[there]
    change = e.reshape(-1, n)
    change /= total[:, None]
    e[at] = 1 / total
    e[there] -= 1
    right = np.flatnonzero(there == at)
    e[at[right]] = -rest[right] / total[right]
    return loss.reshape(labels.shape)[()], e.reshape(x.shape)


def one_hot(indices: Any, depth: int, dtype: Any) -> Any:
    """Rows of zeros with a one at each index; indices out of range give zeros only."""
    return np.equal(np.asarray(indices)[..., None], np.arange(depth)).astype(dtype)
