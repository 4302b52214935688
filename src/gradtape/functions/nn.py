"""gradtape.nn: activations and losses of neural networks."""

from __future__ import annotations

import math
from typing import Any

from ..arrays import special_kernels as kernels
from ..arrays.dtypes import kind_of
from ..hotpath import first_of_two
from ..primitive import Core, Elementwise, General, Zero, apply, scale
from . import special
from .declare import as_dtype, default_float, dtype_of, elementwise, operand, route, shape_of
from .elementwise import abs, logistic, logistic_slope, select, tanh, where
from .manipulation import astype
from .products import column
from .reductions import sum
from .special import centered, last_sum, log_expit, softplus, uncentered
from .static import static


def activation(name: str, *slopes: Any, kernel: Any, singular: bool = False, doc: str = "") -> Any:
    """An elementwise function of this namespace."""
    function = elementwise(name, *slopes, kernel=kernel, singular=singular, doc=doc)
    function.__module__ = "gradtape.nn"
    return function


# -- rectifiers: they route the gradient, they do not multiply it by a mask -------------------------------------------
relu = activation(
    "relu", route(lambda g, y: select(g, y > 0)), kernel=kernels.relu, doc="max(x, 0); the slope at 0 is 0."
)
relu6 = activation(
    "relu6",
    route(lambda g, y: select(g, (y > 0) & (y < 6))),
    kernel=kernels.relu6,
    doc="x limited to the interval [0, 6]; the slope at both ends is 0.",
)
_LEAKY_RELU = Elementwise(
    "leaky_relu",
    kernels.leaky_relu,
    (route(lambda g, x, negative_slope: where(x > 0, g, g * negative_slope)),),
)
_ELU = Elementwise("elu", kernels.elu, (lambda x, alpha, order: elu_derivative(x, alpha, order + 1),))


def elu_derivative(x: Any, alpha: float, order: int) -> Any:
    """The derivative of that order of elu; from the left at 0."""
    return apply(_ELU, x, alpha=alpha, order=order)


def leaky_relu(x: Any, negative_slope: Any = 0.01) -> Any:
    """x where it is positive, else negative_slope x, which is also the slope at 0.

    Elementwise. `negative_slope`: a number, or an array that broadcasts and is differentiated too.

    >>> import gradtape as gt
    >>> gt.nn.leaky_relu(gt.asarray([-2.0, 3.0]), 0.1).tolist()
    [-0.2, 3.0]
    """
    x = operand(x, "nn.leaky_relu", "x")
    if isinstance(negative_slope, int | float):
        return apply(_LEAKY_RELU, x, negative_slope=float(negative_slope))
    return where(x > 0, x, operand(negative_slope, "nn.leaky_relu", "negative_slope") * x)


def elu(x: Any, alpha: Any = 1.0) -> Any:
    """x where it is positive, else alpha (exp(x) - 1); at 0 derivatives are those from the left.

    Elementwise. `alpha`: a number, or an array that broadcasts and is differentiated too.

    >>> import gradtape as gt
    >>> gt.nn.elu(gt.asarray([-1000.0, 3.0])).tolist()
    [-1.0, 3.0]
    """
    x = operand(x, "nn.elu", "x")
    if isinstance(alpha, int | float):
        return apply(_ELU, x, alpha=float(alpha), order=0)
    return where(x > 0, x, operand(alpha, "nn.elu", "alpha") * elu_derivative(x, 1.0, 0))


def selu(x: Any) -> Any:
    """1.0507 elu(x, 1.6733): the scale at which activations keep mean 0 and variance 1. Elementwise."""
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


def celu(x: Any, alpha: Any = 1.0) -> Any:
    """x where it is positive, else alpha (exp(x / alpha) - 1); smooth to first order for every alpha > 0."""
    return alpha * elu(operand(x, "nn.celu", "x") / alpha)


# -- smooth activations -----------------------------------------------------------------------------------------------
sigmoid = logistic
log_sigmoid = log_expit
_GELU = activation(
    "gelu",
    lambda x: special.ndtr(x) + scale(special.normal_density(x), x),
    kernel=kernels.gelu,
    singular=True,
    doc="x ndtr(x).",
)
silu = activation(
    "silu",
    lambda x: logistic(x) + x * logistic_slope(x),
    kernel=kernels.silu,
    doc="x times the logistic function of x, also called swish.",
)
swish = silu


def gelu(x: Any, approximate: bool = False) -> Any:
    """x times the normal distribution function of x; `approximate`: with tanh in its place, which needs no SciPy.

    Elementwise. Raises ImportError without SciPy unless approximate.

    >>> import gradtape as gt
    >>> round(float(gt.nn.gelu(1.0, approximate=True)), 6)
    0.841192
    """
    if not approximate:
        return _GELU(x)
    x = operand(x, "nn.gelu", "x")
    return x * logistic(math.sqrt(8 / math.pi) * (x + 0.044715 * (x * x * x)))  # (1 + tanh u) / 2 loses its tail


def mish(x: Any) -> Any:
    """x tanh(softplus(x)). Elementwise."""
    x = operand(x, "nn.mish", "x")
    return x * tanh(softplus(x))


softsign = activation(
    "softsign",
    lambda x: (1 / (1 + abs(x))) / (1 + abs(x)),
    kernel=kernels.softsign,
    doc="x / (1 + |x|).",
)


def hard_sigmoid(x: Any) -> Any:
    """x / 6 + 1/2 limited to [0, 1]. Elementwise."""
    return relu6(operand(x, "nn.hard_sigmoid", "x") + 3) / 6


def hard_silu(x: Any) -> Any:
    """x hard_sigmoid(x). Elementwise."""
    x = operand(x, "nn.hard_silu", "x")
    return x * hard_sigmoid(x)


# -- softmax and cross entropies --------------------------------------------------------------------------------------
def softmax(x: Any, axis: Any = -1) -> Any:
    """exp(x) / sum(exp(x)) along the axis or axes (the last by default), without overflow.

    Real x; the result has its shape and floating dtype. Raises TypeError for complex x.

    >>> import gradtape as gt
    >>> gt.nn.softmax(gt.asarray([[1000.0, 1000.0], [0.0, -1000.0]])).tolist()
    [[0.5, 0.5], [1.0, 0.0]]
    """
    return special.along(special._SOFTMAX, x, axis, "nn.softmax")


def log_softmax(x: Any, axis: Any = -1) -> Any:
    """log(softmax(x)) along the axis or axes (the last by default), accurate for probabilities near 0 and 1.

    Real x; the result has its shape and floating dtype. Raises TypeError for complex x.

    >>> import gradtape as gt
    >>> gt.nn.log_softmax(gt.asarray([0.0, -40.0])).tolist()
    [-4.248354255291589e-18, -40.0]
    """
    return special.along(special._LOG_SOFTMAX, x, axis, "nn.log_softmax")


_ONE_HOT = Zero("one_hot", kernels.one_hot, ("indices",), batch=Core((0,)))


# The second output, p sum(labels) - labels, is the slope in the logits: computed with the loss it costs little.
def _dense_pull_labels(g: Any, logits: Any) -> Any:
    loss, slope = g
    total = None if loss is None else scale(-column(loss), log_softmax(logits))
    return plus(total, None if slope is None else -centered(softmax(logits), slope))


def _dense_pull_logits(g: Any, y: Any, labels: Any, logits: Any) -> Any:
    loss, slope = g
    total = None if loss is None else column(loss) * y[1]
    if slope is None:
        return total
    p = softmax(logits)
    return plus(total, last_sum(labels) * (p * centered(p, slope)))


def _dense_push_labels(d: Any, logits: Any) -> Any:
    return -sum(scale(d, log_softmax(logits)), axis=-1), -uncentered(softmax(logits), d)


def _dense_push_logits(d: Any, y: Any, labels: Any, logits: Any) -> Any:
    p = softmax(logits)
    return sum(y[1] * d, axis=-1), last_sum(labels) * (p * centered(p, d))


def _sparse_pull_logits(g: Any, y: Any, logits: Any) -> Any:
    loss, slope = g
    total = None if loss is None else column(loss) * y[1]
    if slope is None:
        return total
    p = softmax(logits)
    return plus(total, p * centered(p, slope))


def _sparse_push_logits(d: Any, y: Any, logits: Any) -> Any:
    p = softmax(logits)
    return sum(y[1] * d, axis=-1), p * centered(p, d)


def plus(a: Any, b: Any) -> Any:
    """The sum, where None is zero."""
    return b if a is None else a if b is None else a + b


_SOFTMAX_CROSS_ENTROPY = General(
    "softmax_cross_entropy",
    kernels.softmax_cross_entropy,
    ("labels", "logits"),
    vjp=(_dense_pull_labels, _dense_pull_logits),
    jvp=(_dense_push_labels, _dense_push_logits),
    batch=Core((1, 1)),
    outputs=2,
)
_SPARSE_SOFTMAX_CROSS_ENTROPY = General(
    "sparse_softmax_cross_entropy",
    kernels.sparse_softmax_cross_entropy,
    ("labels", "logits"),
    vjp=(None, _sparse_pull_logits),
    jvp=(None, _sparse_push_logits),
    batch=Core((0, 1)),
    outputs=2,
)
_SIGMOID_CROSS_ENTROPY = elementwise(
    "sigmoid_cross_entropy",
    lambda b: -b,
    lambda a, b: (1 - a) * logistic(b) - a * logistic(-b),  # not logistic(b) - a: that loses the tail
    kernel=kernels.sigmoid_cross_entropy,
    singular=True,
    doc="Cross entropy of a probability a and logits b.",
)


def one_hot(indices: Any, depth: int, *, dtype: Any = None) -> Any:
    """Rows of `depth` zeros with a one at each index, along a new last axis; an index out of range gives zeros.

    `indices`: integers of any shape; dtype float64 by default. Nothing flows back. Raises TypeError for others.

    >>> import gradtape as gt
    >>> gt.nn.one_hot(gt.asarray([2, 0]), 3).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    indices = operand(indices, "nn.one_hot", "indices")
    if kind_of(dtype_of(indices)) not in ("i", "u", "b"):
        raise TypeError(f"gradtape.nn.one_hot: indices must be integers, not {dtype_of(indices)}")
    dtype = default_float(indices) if dtype is None else as_dtype(dtype, indices)
    return apply(_ONE_HOT, indices, depth=int(depth), dtype=dtype)


def softmax_cross_entropy_with_logits(labels: Any, logits: Any, axis: int = -1) -> Any:
    """-sum(labels log_softmax(logits)) along an axis: one loss per example.

    `labels`: probabilities, of logits' shape (leading axes broadcast); both are differentiated. Where a label is 0,
    logits may be -inf. Raises ValueError if the numbers of classes differ.

    >>> import gradtape as gt
    >>> losses = gt.nn.softmax_cross_entropy_with_logits(gt.asarray([[0.0, 1.0]]), gt.asarray([[-40.0, 0.0]]))
    >>> losses.tolist()
    [4.248354255291589e-18]
    """
    return _cross_entropy(labels, logits) if axis == -1 else _checked_cross_entropy(labels, logits, axis)


def _checked_cross_entropy(labels: Any, logits: Any, axis: int = -1) -> Any:
    """The same of anything along any axis."""
    name = "nn.softmax_cross_entropy_with_logits"
    labels, logits = operand(labels, name, "labels"), operand(logits, name, "logits")
    shape, other = shape_of(logits), shape_of(labels)
    if not shape or not other:
        raise ValueError(f"gradtape.{name}: labels and logits need an axis of classes; their shapes: {other}, {shape}")
    if axis not in (-1, len(shape) - 1):
        from .manipulation import moveaxis

        labels, logits = moveaxis(labels, axis, -1), moveaxis(logits, axis, -1)
        shape, other = shape_of(logits), shape_of(labels)
    if shape[-1] != other[-1]:
        raise ValueError(f"gradtape.{name}: {other[-1]} classes in labels {other}, {shape[-1]} in logits {shape}")
    if kind_of(dtype_of(labels)) != "f":
        labels = astype(labels, dtype_of(logits) if kind_of(dtype_of(logits)) == "f" else default_float(labels))
    return apply(_SOFTMAX_CROSS_ENTROPY, labels, logits)[0]


#: Of floating arrays of one shape, where there is nothing to convert and nothing to say.
_cross_entropy = first_of_two(
    _SOFTMAX_CROSS_ENTROPY,
    _checked_cross_entropy,
    unless="not db.shape or db.shape != da.shape or da.dtype.kind != 'f' or db.dtype.kind != 'f'",
    raw_pulls=(None, lambda g, s: g[..., None] * s[2]),
)


def sparse_softmax_cross_entropy_with_logits(labels: Any, logits: Any) -> Any:
    """-log_softmax(logits)[label] for each row of logits: one loss per example.

    `labels`: integers in [0, number of classes), of logits' shape without its last axis. Raises TypeError for
    labels of another type, ValueError for ones of another shape or out of range.

    >>> import gradtape as gt
    >>> gt.nn.sparse_softmax_cross_entropy_with_logits([1], gt.asarray([[-40.0, 0.0]])).tolist()
    [4.248354255291589e-18]
    """
    name = "nn.sparse_softmax_cross_entropy_with_logits"
    labels, logits = operand(labels, name, "labels"), operand(logits, name, "logits")
    if kind_of(dtype_of(labels)) not in ("i", "u"):
        raise TypeError(f"gradtape.{name}: labels must be integers, not {dtype_of(labels)}")
    if shape_of(labels) != shape_of(logits)[:-1] or not shape_of(logits):
        raise ValueError(
            f"gradtape.{name}: labels have shape {shape_of(labels)}; with logits of {shape_of(logits)} they need "
            f"{shape_of(logits)[:-1]}"
        )
    return apply(_SPARSE_SOFTMAX_CROSS_ENTROPY, labels, logits)[0]


def sigmoid_cross_entropy_with_logits(labels: Any, logits: Any) -> Any:
    """-labels log(s) - (1 - labels) log(1 - s), s the logistic function of logits; accurate in both tails.

    Elementwise; shapes broadcast; both arguments are differentiated.

    >>> import gradtape as gt
    >>> float(gt.nn.sigmoid_cross_entropy_with_logits(1.0, 40.0))
    4.248354255291589e-18
    """
    return _SIGMOID_CROSS_ENTROPY(labels, logits)


def l2_loss(x: Any) -> Any:
    """Half the sum of squares of all elements."""
    x = operand(x, "nn.l2_loss", "x")
    return 0.5 * sum(x * x)


def dropout(x: Any, rate: float, rng: Any) -> Any:
    """x with each element set to 0 with probability `rate`, the others divided by 1 - rate.

    `rng`: a numpy.random.Generator, which decides when this is called (inside vmap: once for all examples). Raises
    ValueError unless 0 <= rate < 1.

    >>> import gradtape as gt, numpy as np
    >>> gt.nn.dropout(gt.asarray([1.0, 2.0]), 0.0, np.random.default_rng(0)).tolist()
    [1.0, 2.0]
    """
    if not 0 <= rate < 1:
        raise ValueError(f"gradtape.nn.dropout: rate must lie in [0, 1), and is {rate}")
    x = operand(x, "nn.dropout", "x")
    return where(static(rng.random(shape_of(x)) >= rate, x), x / (1 - rate), 0)


__all__ = [
    "celu", "dropout", "elu", "gelu", "hard_sigmoid", "hard_silu", "l2_loss", "leaky_relu", "log_sigmoid",
    "log_softmax", "mish", "one_hot", "relu", "relu6", "selu", "sigmoid", "sigmoid_cross_entropy_with_logits", "silu",
    "softmax", "softmax_cross_entropy_with_logits", "softplus", "softsign", "sparse_softmax_cross_entropy_with_logits",
    "swish", "tanh",
]  # fmt: skip
