"""Section 14: tf.function, tf.gradients, tf.hessians."""

import numpy as np
import pytest

import gradtape.tf as tf


def cube(x):
    return x * x * x


@pytest.mark.parametrize(
    "decorate",
    [tf.function, tf.function(), tf.function(input_signature=[tf.TensorSpec(None)]), tf.function(jit_compile=True)],
)
def test_a_function_gives_the_eager_result_inside_and_around_tapes(decorate):
    f = decorate(cube)

    @decorate
    def second(x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = f(x)
            g = inner.gradient(y, x)
        return outer.gradient(g, x)

    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = second(x)
    assert float(y) == 12.0 and float(tape.gradient(y, x)) == 6.0


def test_on_methods():
    class Model(tf.Module):
        def __init__(self):
            super().__init__()
            self.w = tf.Variable(3.0)

        @tf.function
        def __call__(self, x):
            return self.w * x

        @tf.function
        def slope(self, x):
            return tf.gradients(self(x), [x, self.w])

    model = Model()
    assert float(model(2.0)) == 6.0
    assert [float(g) for g in model.slope(tf.constant(2.0))] == [3.0, 2.0]


def test_gradients_and_hessians_raise_elsewhere():
    x = tf.constant(2.0)
    for call in (lambda: tf.gradients(x, x), lambda: tf.hessians(x, x)):
        with pytest.raises(RuntimeError, match="GradientTape"):
            call()


def test_gradients_need_no_watching_and_give_a_list():
    v = tf.Variable(5.0, trainable=False)

    @tf.function
    def f(x):
        c = tf.constant(4.0)
        y = x * x
        z = y * c * v
        return tf.gradients(z, x), tf.gradients(z, [x, y, c, v])

    one, many = f(tf.constant(3.0))
    assert type(one) is list and [float(g) for g in one] == [120.0]
    assert [float(g) for g in many] == [120.0, 20.0, 45.0, 36.0]


def test_grad_ys_stop_gradients_and_unconnected():
    @tf.function
    def f(x, w):
        y = x * x
        z = y * x
        return {
            "weighed": tf.gradients([y, z], x, grad_ys=[2.0, None]),
            "stopped": tf.gradients(z, x, stop_gradients=y),
            "both": tf.gradients(z, [x, y], stop_gradients=[x, y]),
            "none": tf.gradients(z, w),
            "zero": tf.gradients(z, w, unconnected_gradients="zero"),
        }

    found = f(tf.constant(3.0), tf.constant([1.0, 2.0]))
    assert [float(g) for g in found["weighed"]] == [12.0 + 27.0]
    assert [float(g) for g in found["stopped"]] == [9.0]
    assert [float(g) for g in found["both"]] == [9.0, 3.0]
    assert found["none"] == [None] and found["zero"][0].tolist() == [0.0, 0.0]


def test_gradients_of_gradients_and_hessians():
    @tf.function
    def f(x, y):
        z = tf.reduce_sum(x**3) * y
        g = tf.gradients(z, x)[0]
        return tf.gradients(g, x)[0], tf.hessians(z, [x, y])

    second, (hx, hy) = f(tf.constant([1.0, 2.0]), tf.constant(5.0))
    assert second.tolist() == [30.0, 60.0]
    assert hx.tolist() == [[30.0, 0.0], [0.0, 60.0]] and hy.tolist() == 0.0


def test_an_outer_tape_sees_through():
    @tf.function
    def slope(x):
        return tf.gradients(cube(x), x)[0]

    x = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        y = slope(x)
    assert float(y) == 12.0 and float(tape.gradient(y, x)) == 12.0


def test_nothing_stays_behind_after_an_exception():
    @tf.function
    def f(x):
        tf.gradients(x, x)
        raise KeyError

    with pytest.raises(KeyError):
        f(tf.constant(1.0))
    with pytest.raises(RuntimeError):
        tf.gradients(tf.constant(1.0), tf.constant(1.0))
    assert np.asarray(tf.constant(1.0)).item() == 1.0
