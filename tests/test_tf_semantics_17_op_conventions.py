"""Section 17 of TensorFlow's semantics: conventions of single operations, at kinks, ties, zeros and in the tails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradtape as gt
import gradtape.tf as tf


def slope(f: Callable[[Any], Any], x: Any, order: int = 1) -> Any:
    """The derivative of that order of sum(f) at x, by one persistent tape."""
    x = tf.constant(x, dtype=tf.float64)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = f(x)
        for _ in range(order):
            y = tape.gradient(y, x, unconnected_gradients="zero")
    return y.numpy()


def test_broadcasting_is_summed_back_to_each_operand() -> None:
    a, b = tf.Variable(np.ones((2, 1))), tf.Variable(np.ones(3))
    with tf.GradientTape(persistent=True) as tape:
        product = a * b
        chosen = tf.where([True, False, True], a, b)
        batch = tf.matmul(tf.ones((5, 3, 2), dtype=tf.float64), a)
        scalar = tf.Variable(2.0, dtype=tf.float64) * b
    assert [g.shape for g in tape.gradient(product, [a, b])] == [(2, 1), (3,)]
    np.testing.assert_array_equal(tape.gradient(chosen, a), [[2.0], [2.0]])
    np.testing.assert_array_equal(tape.gradient(chosen, b), [0.0, 2.0, 0.0])
    np.testing.assert_array_equal(tape.gradient(batch, a), [[15.0], [15.0]])
    np.testing.assert_array_equal(tape.gradient(scalar, b), [2.0, 2.0, 2.0])


KINKS: dict[str, tuple[Callable[[Any], Any], float, float]] = {
    "relu at 0": (tf.nn.relu, 0.0, 0.0),
    "abs at 0": (tf.abs, 0.0, 0.0),
    "leaky relu at 0": (lambda x: tf.nn.leaky_relu(x, alpha=0.3), 0.0, 0.3),
    "clip at its lower bound": (lambda x: tf.clip_by_value(x, 0.0, 1.0), 0.0, 1.0),
    "clip at its upper bound": (lambda x: tf.clip_by_value(x, 0.0, 1.0), 1.0, 1.0),
    "clip outside": (lambda x: tf.clip_by_value(x, 0.0, 1.0), 2.0, 0.0),
    "sqrt at 0": (tf.sqrt, 0.0, np.inf),
    "remainder": (lambda x: x % 3.0, 7.5, 1.0),
}


@pytest.mark.parametrize("name", KINKS)
def test_kinks(name: str) -> None:
    f, x, want = KINKS[name]
    assert slope(f, x) == want


def test_differ_ties_of_maximum_and_minimum_share_evenly() -> None:
    for f in (tf.maximum, tf.minimum):
        assert slope(lambda x, f=f: f(x, 2.0), 2.0) == 0.5
        assert slope(lambda x, f=f: f(2.0, x), 2.0) == 0.5


def test_ties_of_reduce_max_and_reduce_min_split_equally() -> None:
    np.testing.assert_array_equal(slope(tf.reduce_max, [1.0, 3.0, 3.0]), [0, 0.5, 0.5])
    np.testing.assert_array_equal(slope(tf.reduce_min, [1.0, 1.0, 3.0]), [0.5, 0.5, 0])


def test_differ_the_norm_at_zero_has_the_smallest_subgradient() -> None:
    np.testing.assert_array_equal(slope(tf.norm, [0.0, 0.0]), [0, 0])


def test_clip_by_norm_at_zero() -> None:
    np.testing.assert_array_equal(slope(lambda x: tf.clip_by_norm(x, 1.0), [0.0, 0.0]), [1, 1])


def test_a_power_with_respect_to_its_exponent_is_0_where_the_base_is_not_positive() -> None:
    assert slope(lambda p: tf.constant(-2.0, dtype=tf.float64) ** p, 3.0) == 0
    assert slope(lambda p: tf.constant(0.0, dtype=tf.float64) ** p, 3.0) == 0


def test_differ_x_to_the_0_at_0() -> None:
    assert slope(lambda x: tf.pow(x, tf.constant(0.0, dtype=tf.float64)), 0.0) == 0


@pytest.mark.parametrize("x", [-1000.0, 1000.0])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_saturating_functions_are_finite(x: float, order: int) -> None:
    for f in (tf.nn.softplus, tf.nn.sigmoid, tf.tanh, tf.math.log_sigmoid):
        assert np.isfinite(slope(f, x, order))
    pair = lambda t: tf.stack([t, -t])
    for g in (tf.reduce_logsumexp, lambda v: tf.nn.log_softmax(v)[0], lambda v: tf.nn.softmax(v)[0]):
        assert np.isfinite(slope(lambda t, g=g: g(pair(t)), x, order))
    loss = lambda t: tf.nn.softmax_cross_entropy_with_logits([0.0, 1.0], pair(t))
    assert np.isfinite(slope(loss, x, order))


DEAD: dict[str, Callable[[Any], Any]] = {
    "log": lambda x: tf.where(x > 0, tf.math.log(x), 0.0),
    "reciprocal": lambda x: tf.where(x > 0, 1.0 / x, 0.0),
    "square root": lambda x: tf.where(x > 0, tf.sqrt(x), 0.0),
}


@pytest.mark.parametrize("name", DEAD)
@pytest.mark.parametrize("order", [1, 2])
def test_differ_a_branch_not_taken_gives_nothing_however_infinite(name: str, order: int) -> None:
    assert slope(DEAD[name], 0.0, order) == 0


def test_differ_an_overflow_in_a_branch_not_taken() -> None:
    assert slope(lambda x: tf.where(x < 10.0, tf.exp(x), x), 1000.0) == 1


def test_reduce_prod_with_zeros_and_differ_its_hessian() -> None:
    np.testing.assert_array_equal(slope(tf.reduce_prod, [0.0, 2.0, 3.0]), [6, 0, 0])
    x = tf.Variable([0.0, 2.0, 3.0])
    with tf.GradientTape() as tape:
        y = tf.reduce_prod(x)
    np.testing.assert_array_equal(tape.hessian(y, x), [[0, 3, 2], [3, 0, 0], [2, 0, 0]])


def test_differ_cumprod_with_zeros() -> None:
    np.testing.assert_array_equal(slope(tf.math.cumprod, [2.0, 0.0, 3.0]), [1, 8, 0])


def test_differ_third_and_fourth_derivatives_of_powers_at_0() -> None:
    two, three = (tf.constant(p, dtype=tf.float64) for p in (2.0, 3.0))
    assert [slope(lambda x: x**2, 0.0, n) for n in (1, 2, 3)] == [0, 2, 0]
    assert [slope(lambda x: x**two, 0.0, n) for n in (1, 2, 3)] == [0, 2, 0]
    assert [slope(lambda x: x**three, 0.0, n) for n in (2, 3, 4)] == [0, 6, 0]


def test_differ_the_determinant_of_a_singular_matrix_has_a_gradient() -> None:
    np.testing.assert_allclose(slope(tf.linalg.det, [[1.0, 2.0], [2.0, 4.0]]), [[4, -2], [-2, 1]], atol=1e-12)


def test_an_operation_without_a_gradient_says_so_when_it_is_asked() -> None:
    a = gt.Variable(2.0)
    with gt.GradientTape() as tape:
        y = gt.special.gammainc(a, 1.0)
    with pytest.raises(gt.NoDerivativeError, match="gammainc"):
        tape.gradient(y, a)


def test_operations_registered_as_not_differentiable_give_none() -> None:
    x = tf.Variable(2.5)
    with tf.GradientTape(persistent=True) as tape:
        results = [tf.floor(x), tf.round(x), tf.math.ceil(x), x // 2.0, tf.cast(x > 1.0, tf.float32)]
    assert [tape.gradient(y, x) for y in results] == [None] * 5
