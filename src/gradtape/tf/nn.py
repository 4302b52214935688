"""tf.nn."""

from __future__ import annotations

from typing import Any

from .. import concat, reshape
from ..functions import elementwise as e
from ..functions import nn as n
from ..functions import reductions
from ..functions.products import matmul
from . import random
from .arrays import gather
from .convert import as_axis, as_shape, convert_to_tensor, pair, planned, unary
from .math import in_top_k, l2_normalize, top_k

relu, relu6, selu, silu = [unary(getattr(n, name), name) for name in ("relu", "relu6", "selu", "silu")]
elu = unary(lambda x: n.elu(x), "elu")
elu.__doc__ = n.elu.__doc__
sigmoid, tanh = unary(e.logistic, "sigmoid"), unary(e.tanh, "tanh")
softplus, softsign = unary(n.softplus, "softplus"), unary(n.softsign, "softsign")


def swish(features: Any, beta: Any = 1.0) -> Any:
    """x sigmoid(beta x)."""
    x, beta = pair(convert_to_tensor(features), beta)
    return n.silu(x) if isinstance(beta, float | int) and beta == 1 else x * e.logistic(beta * x)


def leaky_relu(features: Any, alpha: Any = 0.2, name: Any = None) -> Any:
    """x where it is positive, else alpha x, which is also the slope at 0."""
    x, alpha = pair(convert_to_tensor(features), alpha)
    return n.leaky_relu(x, alpha)


def gelu(features: Any, approximate: bool = False, name: Any = None) -> Any:
    """x times the normal distribution function of x."""
    return n.gelu(convert_to_tensor(features), approximate=approximate)


def crelu(features: Any, axis: int = -1, name: Any = None) -> Any:
    """relu(x) and relu(-x), joined along an axis."""
    x = convert_to_tensor(features)
    return concat([n.relu(x), n.relu(-x)], axis=axis)


def softmax(logits: Any, axis: Any = -1, name: Any = None) -> Any:
    """exp(x) / sum(exp(x)) along an axis, without overflow."""
    return n.softmax(convert_to_tensor(logits), axis=-1 if axis is None else axis)


def log_softmax(logits: Any, axis: Any = -1, name: Any = None) -> Any:
    """log(softmax(x)) along an axis."""
    return n.log_softmax(convert_to_tensor(logits), axis=-1 if axis is None else axis)


def sigmoid_cross_entropy_with_logits(labels: Any = None, logits: Any = None, name: Any = None) -> Any:
    """-labels log(s) - (1 - labels) log(1 - s) with s = sigmoid(logits), elementwise."""
    labels, logits = [convert_to_tensor(x) for x in pair(labels, logits)]
    if labels.shape != logits.shape:
        raise ValueError(f"labels have shape {labels.shape} and logits {logits.shape}; they must be the same")
    return n.sigmoid_cross_entropy_with_logits(labels, logits)


def weighted_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, pos_weight: Any = 1.0, name: Any = None
) -> Any:
    """As sigmoid_cross_entropy_with_logits, with positive labels weighed."""
    labels, logits = [convert_to_tensor(x) for x in pair(labels, logits)]
    weight = 1 + (pos_weight - 1) * labels
    return (1 - labels) * logits + weight * (n.softplus(-e.abs(logits)) + n.relu(-logits))


def softmax_cross_entropy_with_logits(labels: Any, logits: Any, axis: int = -1, name: Any = None) -> Any:
    """-sum(labels log_softmax(logits)) along an axis: one loss per example."""
    labels, logits = [convert_to_tensor(x) for x in pair(labels, logits)]
    return n.softmax_cross_entropy_with_logits(labels, logits, axis=axis)


def sparse_softmax_cross_entropy_with_logits(labels: Any = None, logits: Any = None, name: Any = None) -> Any:
    """-log_softmax(logits)[label] for each row: one loss per example."""
    return n.sparse_softmax_cross_entropy_with_logits(convert_to_tensor(labels), convert_to_tensor(logits))


def l2_loss(t: Any, name: Any = None) -> Any:
    """Half the sum of squares."""
    return n.l2_loss(convert_to_tensor(t))


def moments(x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: Any = None) -> Any:
    """Mean and variance along the axes."""
    x, axes = convert_to_tensor(x), as_axis(axes)
    return reductions.mean(x, axis=axes, keepdims=keepdims), reductions.var(x, axis=axes, keepdims=keepdims)


def batch_normalization(
    x: Any, mean: Any, variance: Any, offset: Any, scale: Any, variance_epsilon: float, name: Any = None
) -> Any:
    """(x - mean) / sqrt(variance + epsilon), times scale plus offset."""
    factor = e.reciprocal(e.sqrt(convert_to_tensor(variance) + variance_epsilon))
    if scale is not None:
        factor = factor * scale
    y = (convert_to_tensor(x) - mean) * factor
    return y if offset is None else y + offset


def dropout(x: Any, rate: float, noise_shape: Any = None, seed: Any = None, name: Any = None) -> Any:
    """x with elements set to 0 with probability `rate`, the others divided by 1 - rate."""
    x = convert_to_tensor(x)
    if not 0 <= rate < 1:
        raise ValueError(f"tf.nn.dropout: rate must lie in [0, 1), and is {rate}")
    shape = x.shape if noise_shape is None else as_shape(noise_shape)
    return e.where(random.generator(seed).random(shape) >= rate, x / (1 - rate), 0)


def bias_add(value: Any, bias: Any, data_format: str | None = None, name: Any = None) -> Any:
    """value plus a bias vector along the channels' axis: the last, or the second for "NC...". """
    value, bias = [convert_to_tensor(x) for x in pair(value, bias)]
    if bias.ndim != 1:
        raise ValueError(f"tf.nn.bias_add: bias must be a vector; its shape is {bias.shape}")
    if data_format and data_format.startswith("NC"):
        bias = reshape(bias, (-1,) + (1,) * (value.ndim - 2))
    return value + bias


def embedding_lookup(params: Any, ids: Any, max_norm: Any = None, name: Any = None) -> Any:
    """Rows of params."""
    if max_norm is not None:
        raise NotImplementedError("gradtape.tf.nn.embedding_lookup: max_norm is planned and not implemented yet")
    return gather(params, ids)


def xw_plus_b(x: Any, weights: Any, biases: Any, name: Any = None) -> Any:
    """matmul(x, weights) + biases."""
    x, weights = [convert_to_tensor(v) for v in pair(x, weights)]
    return matmul(x, weights) + biases


_PLANNED = (
    "avg_pool", "avg_pool1d", "avg_pool2d", "avg_pool3d", "conv1d", "conv2d", "conv2d_transpose", "conv3d",
    "convolution", "depthwise_conv2d", "max_pool", "max_pool1d", "max_pool2d", "max_pool3d", "pool",
)  # fmt: skip
globals().update({name: planned(f"nn.{name}") for name in _PLANNED})

__all__ = [
    *_PLANNED, "batch_normalization", "bias_add", "crelu", "dropout", "elu", "embedding_lookup", "gelu", "in_top_k",
    "l2_loss", "l2_normalize", "leaky_relu", "log_softmax", "moments", "relu", "relu6", "selu", "sigmoid",
    "sigmoid_cross_entropy_with_logits", "silu", "softmax", "softmax_cross_entropy_with_logits", "softplus",
    "softsign", "sparse_softmax_cross_entropy_with_logits", "swish", "tanh", "top_k",
    "weighted_cross_entropy_with_logits", "xw_plus_b",
]  # fmt: skip
