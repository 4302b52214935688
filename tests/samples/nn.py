"""Samples of gradtape.nn."""

from __future__ import annotations

import numpy as np
import scipy.special as sc

from gradtape.functions import nn

from . import beside, sample

R = np.array([[0.3, -1.2, 0.7], [-2.5, 0.9, 1.6]])
EMPTY = np.zeros((0, 3))
RELU = lambda x: np.maximum(x, 0)
RELU6 = lambda x: np.clip(x, 0, 6)
ELU = lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0)))
SILU = lambda x: x * sc.expit(x)
GELU = lambda x: x * sc.ndtr(x)
SOFTSIGN = lambda x: x / (1 + np.abs(x))

for name, function, reference, special in [
    ("relu", nn.relu, RELU, [0.0, -0.0, np.inf]),
    ("relu6", nn.relu6, RELU6, [0.0, 6.0, 7.0]),
    ("elu", nn.elu, ELU, [0.0, -1000.0, 1000.0, -1e-300]),
    ("silu", nn.silu, SILU, [0.0, -709.0, -1000.0, 1000.0]),
    ("gelu", nn.gelu, GELU, [0.0, -30.0, -1000.0, 1000.0]),
    ("softsign", nn.softsign, SOFTSIGN, [0.0, 1e200, -1e200]),
]:
    sample(name, function, R, numpy=reference)
    sample(name, function, R[0, 1], numpy=reference)
    sample(name, function, EMPTY, numpy=reference)
    sample(name, function, np.array(special), numpy=reference, smooth=False, label="special")
sample("elu", lambda x: nn.elu(x, 0.5), R, numpy=lambda x: np.where(x > 0, x, 0.5 * np.expm1(x)), label="alpha")
sample("elu", lambda x, a: nn.elu(x, a), R, np.array([0.5, 1.0, 2.0]), label="alpha an array")
sample("leaky_relu", nn.leaky_relu, R, numpy=lambda x: np.where(x > 0, x, 0.01 * x))
sample("leaky_relu", nn.leaky_relu, R[0, 1], numpy=lambda x: np.where(x > 0, x, 0.01 * x))
sample("leaky_relu", lambda x, a: nn.leaky_relu(x, a), R, np.array([0.5, 1.0, 2.0]), label="slope an array")
sample("leaky_relu", nn.leaky_relu, np.array([0.0]), smooth=False)

sample("one_hot", lambda i: nn.one_hot(i, 3), np.array([[2, 0], [1, 5]]), order=0)
sample("one_hot", lambda i: nn.one_hot(i, 3), np.array(1), order=0)

LABELS = np.array([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0]])
CROSS = lambda t, x: -np.sum(t * sc.log_softmax(x, axis=-1), axis=-1)
cross = nn.softmax_cross_entropy_with_logits
sample("softmax_cross_entropy", cross, LABELS, R, numpy=CROSS)
sample("softmax_cross_entropy", cross, LABELS[0], R[0], numpy=CROSS)
sample("softmax_cross_entropy", cross, LABELS[0], R, numpy=CROSS, label="one row of labels")
sample("softmax_cross_entropy", lambda t, x: cross(t, x, axis=0), LABELS.T, R.T, numpy=None, label="axis=0")
sample("softmax_cross_entropy", cross, EMPTY, EMPTY, numpy=CROSS, label="empty")
sample("softmax_cross_entropy", cross, LABELS, 1000 * R, numpy=CROSS, smooth=False, label="saturated", wrt=(1,))
sample("softmax_cross_entropy", lambda x: cross(beside(np.eye(2, 3, dtype=int), x), x), R, label="integer labels")

sparse = nn.sparse_softmax_cross_entropy_with_logits
SPARSE = lambda i, x: -np.take_along_axis(sc.log_softmax(x, axis=-1), i[..., None], -1)[..., 0]
sample("sparse_softmax_cross_entropy", sparse, np.array([2, 0]), R, numpy=SPARSE)
sample("sparse_softmax_cross_entropy", sparse, np.array(1), R[0], numpy=SPARSE)
sample("sparse_softmax_cross_entropy", sparse, np.zeros(0, int), EMPTY, numpy=SPARSE, label="empty")
WAVE = np.sin(np.arange(12.0)).reshape(2, 2, 3)
sample("sparse_softmax_cross_entropy", sparse, np.array([[1, 0], [2, 2]]), WAVE, numpy=SPARSE)

sigmoid_cross = nn.sigmoid_cross_entropy_with_logits
SIGMOID_CROSS = lambda t, x: t * np.logaddexp(0, -x) + (1 - t) * np.logaddexp(0, x)
sample("sigmoid_cross_entropy", sigmoid_cross, LABELS, R, numpy=SIGMOID_CROSS)
sample("sigmoid_cross_entropy", sigmoid_cross, 0.3, R, numpy=SIGMOID_CROSS)
sample("sigmoid_cross_entropy", sigmoid_cross, LABELS[:, :1], R[0], numpy=SIGMOID_CROSS)
sample("sigmoid_cross_entropy", sigmoid_cross, EMPTY, EMPTY, numpy=SIGMOID_CROSS)
FAR = np.array([40.0, -40.0, -800.0])
sample("sigmoid_cross_entropy", lambda x: sigmoid_cross(beside([1.0, 0.0, 1.0], x), x), FAR, smooth=False)

# -- composed of the above
sample("elu", nn.selu, R, label="selu")
sample("elu", lambda x: nn.celu(x, 2.0), R, label="celu")
sample("gelu", lambda x: nn.gelu(x, approximate=True), R, label="approximate")
sample("softplus", nn.mish, R, label="mish")
sample("relu6", nn.hard_sigmoid, R, label="hard_sigmoid")
sample("relu6", nn.hard_silu, R, label="hard_silu")
sample("where", lambda x: nn.dropout(x, 0.5, np.random.default_rng(0)), R, label="dropout")
