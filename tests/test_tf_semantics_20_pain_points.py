"""Section 20: what users of TensorFlow ask for, theme by theme."""

from __future__ import annotations

import numpy as np
import pytest

import gradtape as gt
import gradtape.tf as tf


def test_a_jacobian_inside_an_active_persistent_tape_and_its_gradient() -> None:
    x = tf.Variable([1.0, 2.0])
    with tf.GradientTape(persistent=True) as tape:
        first = tape.jacobian(x**3, x)
        second = tape.gradient(first, x)
    np.testing.assert_array_equal(first, np.diag([3.0, 12.0]))
    np.testing.assert_array_equal(second, [6.0, 12.0])


def test_helpers_for_hessians_products_and_per_example_gradients() -> None:
    x = np.array([1.0, 2.0])
    f = lambda x: gt.sum(x**3) + x[0] * x[1]
    np.testing.assert_array_equal(gt.hessian(f)(x), [[6, 1], [1, 12]])
    np.testing.assert_array_equal(gt.hvp(f, x, np.array([1.0, 0.0])), [6, 1])
    np.testing.assert_array_equal(gt.vmap(gt.grad(f))(np.stack([x, 2 * x])), [[5, 13], [16, 50]])
    np.testing.assert_array_equal(gt.vmap(gt.hessian(f))(x[None]), [[[6, 1], [1, 12]]])


@pytest.mark.parametrize("source", [gt.constant(2), gt.constant([True, False])], ids=["int", "bool"])
def test_an_integer_source_is_said_to_be_the_reason_of_none(source: gt.Tensor) -> None:
    x = gt.Variable(1.0)
    with gt.GradientTape() as tape:
        y = x * source
    with pytest.warns(gt.UnconnectedGradientWarning, match="dtype"):
        assert tape.gradient(y, source) is None


def test_numpy_inside_the_tape_is_recorded_or_an_error_never_a_silent_none() -> None:
    x = gt.Variable([1.0, 2.0])
    with gt.GradientTape() as tape:
        y = np.sum(np.square(x))
        with pytest.raises(gt.LostGradientError, match="stack"):
            np.asarray(x)
    np.testing.assert_array_equal(tape.gradient(y, x), [2, 4])


def test_learning_to_learn_goes_through_unrolled_updates_of_tensors() -> None:
    rate = tf.Variable(0.1)
    w = tf.constant(1.0)
    with tf.GradientTape() as outer:
        for _ in range(3):
            with tf.GradientTape() as inner:
                inner.watch(w)
                loss = w * w
            w = w - rate * inner.gradient(loss, w)
        final = w * w
    # w = (1 - 2 rate)^3, so final = (1 - 2 rate)^6
    assert float(outer.gradient(final, rate)) == pytest.approx(-12 * 0.8**5, rel=1e-6)


def test_every_rule_has_a_second_derivative() -> None:
    for f in (tf.math.lgamma, tf.math.digamma, tf.math.erf, tf.math.atan, tf.nn.softmax, tf.linalg.expm):
        x = tf.constant([[0.3, 0.7], [0.2, 0.9]])
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = tf.reduce_sum(f(x) ** 2)
            g = inner.gradient(y, x)
        assert np.all(np.isfinite(outer.gradient(g, x)))


def test_gathers_are_dense_and_can_be_differentiated_again() -> None:
    table = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = tf.reduce_sum(tf.gather(table, [0, 0, 1]) ** 3)
        g = inner.gradient(y, table)
    np.testing.assert_array_equal(g, 3 * np.array([[2.0, 8.0], [9.0, 16.0]]))
    np.testing.assert_array_equal(outer.gradient(g, table), 6 * np.array([[2.0, 4.0], [3.0, 4.0]]))


def test_unconnected_zeros_for_variables_of_any_kind() -> None:
    sources = {"a": tf.Variable(1.0), "b": [tf.Variable([1.0, 2.0], trainable=False)], "c": tf.constant([[1.0]])}
    with tf.GradientTape() as tape:
        y = tf.Variable(2.0) ** 2
    zeros = tape.gradient(y, sources, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    assert [zeros["a"].shape, zeros["b"][0].shape, zeros["c"].shape] == [(), (2,), (1, 1)]


def test_no_warning_for_gradients_inside_a_persistent_context(recwarn: pytest.WarningsRecorder) -> None:
    x = tf.Variable(1.0)
    with tf.GradientTape(persistent=True) as tape:
        y = x**3
        tape.gradient(tape.gradient(y, x), x)
    assert not recwarn.list
