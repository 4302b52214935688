"""gradtape.nn: kinks, tails, cross entropies, against closed forms and mpmath."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
import scipy.special

import gradtape as gt
from gradtape import nn
from gradtape.testing import check_grads

from .test_special import exact, forward, log1pexp, logistic, normal, nth, reverse

SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772
REFERENCES = {
    "silu": (nn.silu, lambda t: t * logistic(t), [-709, -40, -1, 0, 2, 40]),
    "gelu": (nn.gelu, lambda t: t * normal(t), [-20, -1, 0, 2, 5]),
    "gelu approximate": (
        lambda x: nn.gelu(x, approximate=True),
        lambda t: t * logistic(2 * mp.sqrt(2 / mp.pi) * (t + mp.mpf("0.044715") * t**3)),
        [-5, -1, 0, 2, 5],
    ),
    "mish": (nn.mish, lambda t: t * mp.tanh(log1pexp(t)), [-30, -1, 0, 2, 5]),
    "softsign": (nn.softsign, lambda t: t / (1 + abs(t)), [-30, -1, 2, 1e10]),
    "elu": (nn.elu, lambda t: t if t > 0 else mp.expm1(t), [-40, -1, 2]),
    "selu": (nn.selu, lambda t: SCALE * (t if t > 0 else ALPHA * mp.expm1(t)), [-40, -1, 2]),
    "celu": (lambda x: nn.celu(x, 2.0), lambda t: t if t > 0 else 2 * mp.expm1(t / 2), [-40, -1, 2]),
    "sigmoid cross entropy": (
        lambda x: nn.sigmoid_cross_entropy_with_logits(0.3, x),
        lambda t: mp.mpf(0.3) * log1pexp(-t) + (1 - mp.mpf(0.3)) * log1pexp(t),
        [-30, 0, 2],
    ),
    "sigmoid cross entropy of a certain label": (
        lambda x: nn.sigmoid_cross_entropy_with_logits(1.0, x), lambda t: log1pexp(-t), [-30, 0, 2, 40]
    ),
}  # fmt: skip


@pytest.mark.parametrize("mode", [reverse, forward])
@pytest.mark.parametrize("name", REFERENCES)
def test_against_mpmath_to_fourth_order(name, mode):
    f, reference, points = REFERENCES[name]
    for x in points:
        for n in range(5):
            assert nth(f, n, mode)(x) == pytest.approx(exact(reference, x, n), rel=2e-11, abs=3e-16), (x, n)


@pytest.mark.parametrize("mode", [reverse, forward])
@pytest.mark.parametrize(
    "f, x, n, want",
    [
        (nn.relu, 0.0, 1, 0.0),
        (nn.relu, -0.0, 1, 0.0),
        (nn.relu, 2.0, 2, 0.0),
        (nn.relu6, 0.0, 1, 0.0),
        (nn.relu6, 6.0, 1, 0.0),
        (lambda x: nn.leaky_relu(x, 0.2), 0.0, 1, 0.2),
        (nn.elu, 0.0, 1, 1.0),
        (nn.elu, -1e-300, 2, 1.0),
        (nn.elu, 1000.0, 1, 1.0),
        (nn.elu, 1000.0, 2, 0.0),
        (nn.elu, -1000.0, 2, 0.0),
        (nn.selu, -1e-300, 2, SCALE * ALPHA),
        (nn.selu, -1e-300, 1, SCALE * ALPHA),
        (nn.selu, 1e-300, 1, SCALE),
        (nn.silu, 1000.0, 1, 1.0),
        (nn.silu, -1000.0, 2, 0.0),
        (nn.gelu, 1000.0, 1, 1.0),
        (nn.gelu, -1000.0, 2, 0.0),
        (nn.mish, 1000.0, 1, 1.0),
        (nn.softplus, 0.0, 1, 0.5),
        (nn.softsign, 1e200, 1, 0.0),
        (nn.hard_sigmoid, 0.0, 1, 1 / 6),
        (nn.log_sigmoid, 800.0, 2, 0.0),
    ],
)
def test_kinks_and_tails(f, x, n, want, mode):
    assert nth(f, n, mode)(x) == pytest.approx(want, rel=1e-12, abs=0.0 if want else 1e-300)


def test_rectifiers_route_infinite_gradients():
    assert float(gt.grad(lambda x: gt.sqrt(nn.relu(x)))(-1.0)) == 0.0
    assert float(gt.grad(lambda x: gt.sqrt(nn.relu6(x) - 6))(7.0)) == 0.0
    assert float(gt.grad(lambda x: gt.log(nn.leaky_relu(x, 0.0)))(2.0)) == 0.5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rectifiers_of_large_arrays_route_too(dtype):
    """Large arrays go through another kernel: infinities and NaN are dropped there as well, and zeros are positive."""
    x = np.linspace(-1, 1, 10_001).astype(dtype).reshape(73, 137)
    g = np.where(x > 0.5, np.inf, np.where(x < -0.5, np.nan, -1.0)).astype(dtype)
    _, pullback = gt.vjp(nn.relu, x)
    got = pullback(g)[0].numpy()
    np.testing.assert_array_equal(got, np.where(x > 0, g, 0))
    assert got.dtype == dtype and not np.signbit(got[x <= 0]).any()
    _, pullback = gt.vjp(lambda x: gt.where(x > 0, 1.0, x), x.T)
    np.testing.assert_array_equal(pullback(g.T)[0].numpy(), np.where(x > 0, 0, g).T)


def test_parameters_may_be_arrays_and_are_differentiated():
    x = np.array([[0.3, -1.2], [-2.5, 0.9]])
    check_grads(lambda x, a: (nn.leaky_relu(x, a), nn.elu(x, a), nn.celu(x, a)), (x, np.array([0.5, 2.0])), order=3)


# -- cross entropies --------------------------------------------------------------------------------------------------
LOGITS = np.array([[0.3, -1.2, 0.7], [-2.5, 0.9, 1.6]])
LABELS = np.array([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0]])


def test_softmax_cross_entropy_in_both_arguments():
    check_grads(nn.softmax_cross_entropy_with_logits, (LABELS, LOGITS), order=3)
    check_grads(lambda t, x: nn.softmax_cross_entropy_with_logits(t, x, axis=0), (LABELS, LOGITS), order=2)
    check_grads(nn.softmax_cross_entropy_with_logits, (LABELS[0], LOGITS), order=2)


def test_sparse_is_dense_with_one_hot_labels():
    index = np.array([2, 1])
    sparse = lambda x: nn.sparse_softmax_cross_entropy_with_logits(index, x)
    dense = lambda x: nn.softmax_cross_entropy_with_logits(nn.one_hot(index, 3), x)
    np.testing.assert_allclose(sparse(LOGITS), dense(LOGITS), rtol=1e-15)
    np.testing.assert_allclose(gt.jacobian(sparse)(LOGITS).numpy(), gt.jacobian(dense)(LOGITS).numpy(), rtol=1e-14)
    check_grads(sparse, (LOGITS,), order=3)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_losses_of_confident_examples_keep_their_precision(n):
    """Second class certain by a margin of 40: everything is about exp(-40), in every form of the loss."""
    along = gt.asarray([-1.0, 1.0]) / 2
    losses = [
        lambda t: nn.softmax_cross_entropy_with_logits(gt.asarray([0.0, 1.0]), t * along),
        lambda t: nn.sparse_softmax_cross_entropy_with_logits(1, t * along),
        lambda t: nn.sigmoid_cross_entropy_with_logits(1.0, t),
        lambda t: -nn.log_softmax(t * along)[1],
        lambda t: -nn.log_sigmoid(t),
    ]
    want = exact(lambda t: log1pexp(-t), 40, n)
    for loss in losses:
        for mode in (reverse, forward):
            assert nth(loss, n, mode)(40.0) == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("size", [1e3, 1e50, 1e300])
def test_losses_at_huge_logits(size):
    x = gt.asarray([size, size, -size])
    t = gt.asarray([1.0, 0.0, 0.0])
    loss = lambda x: nn.softmax_cross_entropy_with_logits(t, x)
    assert float(loss(x)) == pytest.approx(math.log(2))
    assert gt.grad(loss)(x).tolist() == [-0.5, 0.5, 0.0]
    np.testing.assert_array_equal(gt.hessian(loss)(x).numpy(), [[0.25, -0.25, 0], [-0.25, 0.25, 0], [0, 0, 0]])
    assert float(nn.sigmoid_cross_entropy_with_logits(0.0, size)) == size
    assert float(nn.sigmoid_cross_entropy_with_logits(1.0, size)) == 0.0


def test_impossible_classes_with_zero_labels():
    t, x = gt.asarray([0.0, 1.0, 0.0]), gt.asarray([-np.inf, 0.0, 0.0])
    loss = lambda x: nn.softmax_cross_entropy_with_logits(t, x)
    assert float(loss(x)) == pytest.approx(math.log(2))
    assert gt.grad(loss)(x).tolist() == [0.0, -0.5, 0.5]
    assert float(nn.sigmoid_cross_entropy_with_logits(0.0, -np.inf)) == 0.0
    assert float(nn.sigmoid_cross_entropy_with_logits(1.0, np.inf)) == 0.0


def test_labels_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="2 classes in labels"):
        nn.softmax_cross_entropy_with_logits(np.ones((2, 2)), LOGITS)
    with pytest.raises(TypeError, match="integers"):
        nn.sparse_softmax_cross_entropy_with_logits([0.0, 1.0], LOGITS)
    with pytest.raises(ValueError, match="shape"):
        nn.sparse_softmax_cross_entropy_with_logits([0], LOGITS)
    for bad in (3, -1):
        with pytest.raises(ValueError, match=r"must lie in \[0, 3\)"):
            nn.sparse_softmax_cross_entropy_with_logits([0, bad], LOGITS)
    with pytest.raises(TypeError, match="integers"):
        nn.one_hot([0.5], 3)


def test_single_precision_stays_single():
    x = LOGITS.astype(np.float32)
    for f in [
        nn.softmax, nn.log_softmax, nn.selu, nn.gelu, nn.silu, nn.mish, nn.hard_sigmoid, nn.l2_loss,
        lambda x: nn.gelu(x, approximate=True), lambda x: nn.leaky_relu(x, 0.2), lambda x: nn.celu(x, 2.0),
        lambda x: nn.softmax_cross_entropy_with_logits(LABELS.astype(np.float32), x),
        lambda x: nn.softmax_cross_entropy_with_logits(np.eye(2, 3, dtype=int), x),
        lambda x: nn.sparse_softmax_cross_entropy_with_logits([0, 1], x),
        lambda x: nn.sigmoid_cross_entropy_with_logits(1.0, x),
        lambda x: nn.dropout(x, 0.5, np.random.default_rng(0)),
    ]:  # fmt: skip
        value, gradient = gt.value_and_grad(lambda x, f=f: gt.sum(f(x)))(gt.asarray(x))
        assert value.dtype == gradient.dtype == np.float32


def test_network_with_double_backprop():
    """The whole of a small training step: gradient of (loss + squared norm of the input gradient)."""
    random = np.random.default_rng(0)
    W, b, V = random.normal(size=(4, 5)), random.normal(size=5), random.normal(size=(5, 3))
    x, labels = random.normal(size=(6, 4)), random.integers(0, 3, 6)

    def objective(W, b, V):
        loss = lambda x: gt.sum(nn.sparse_softmax_cross_entropy_with_logits(labels, nn.silu(x @ W + b) @ V))
        return loss(x) + gt.sum(gt.grad(loss)(x) ** 2)

    check_grads(objective, (W, b, V), order=2)


def test_dropout():
    x = np.ones(10_000)
    y = nn.dropout(x, 0.25, np.random.default_rng(0))
    assert set(np.unique(y)) == {0.0, 1 / 0.75}
    assert np.mean(y) == pytest.approx(1.0, abs=0.05)
    gradient = gt.grad(lambda x: gt.sum(nn.dropout(x, 0.25, np.random.default_rng(0))))(x)
    np.testing.assert_array_equal(gradient.numpy(), y)
    with pytest.raises(ValueError, match="rate"):
        nn.dropout(x, 1.0, np.random.default_rng(0))


def test_values_against_scipy():
    np.testing.assert_allclose(nn.softmax(LOGITS), scipy.special.softmax(LOGITS, axis=-1), rtol=1e-14)
    np.testing.assert_allclose(nn.gelu(LOGITS), LOGITS * scipy.special.ndtr(LOGITS), rtol=1e-14)
    np.testing.assert_allclose(nn.l2_loss(LOGITS), 0.5 * np.sum(LOGITS**2))
