"""gradtape.tf's functions against what TensorFlow gives, and what is special about the names."""

import json
import subprocess
import sys

import numpy as np
import pytest

import gradtape as gt
import gradtape.tf as tf

from .tensorflow_cases import CASES, REFERENCE, evaluate, rounded

EXPECTED = json.loads(REFERENCE.read_text())


@pytest.mark.parametrize("expression", CASES)
def test_values_dtypes_and_gradients_are_tensorflow_s(expression):
    y, g = evaluate(tf, expression)
    expected = EXPECTED[expression]
    assert y.dtype.name == expected["dtype"]
    tolerance = {"rtol": 2e-3, "atol": 2e-5} if y.dtype.itemsize <= 4 else {"rtol": 1e-6}
    value = np.array(expected["value"])
    assert np.shape(rounded(y)) == value.shape and np.allclose(rounded(y), value, **tolerance)
    if g is not None:
        gradient = np.array(expected["gradient"])
        assert g.shape == gradient.shape and np.allclose(g, gradient, **tolerance)


def test_imported_on_demand_only():
    code = "import sys, gradtape; assert 'gradtape.tf' not in sys.modules; assert gradtape.tf.float32 == 'float32'"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_classes_are_gradtape_s():
    assert tf.GradientTape is tf.autodiff.GradientTape is gt.GradientTape
    assert tf.autodiff.ForwardAccumulator is gt.ForwardAccumulator
    assert tf.Tensor is gt.Tensor and tf.UnconnectedGradients is gt.UnconnectedGradients
    assert type(tf.Variable(1.0)) is gt.Variable and isinstance(gt.Variable(1.0), tf.Variable)
    assert not isinstance(tf.constant(1.0), tf.Variable) and not isinstance(tf.constant(1.0), tf.IndexedSlices)
    assert tf.is_tensor(tf.Variable(1.0)) and not tf.is_tensor(1.0) and tf.executing_eagerly()


def test_variables():
    v = tf.Variable(lambda: [1.0, 2.0], name="v", trainable=False)
    assert (v.name, v.trainable, v.dtype, v.shape) == ("v:0", False, tf.float32, (2,))
    assert tf.Variable(1, dtype=tf.float64).dtype == tf.float64
    with pytest.raises(ValueError, match="cast"):
        tf.Variable(tf.constant(1.0), dtype=tf.float64)
    with pytest.raises(ValueError, match="needed"):
        tf.Variable()


def test_what_is_planned_says_so():
    for call in (tf.nn.conv1d, tf.nn.conv2d, tf.nn.max_pool2d, tf.nn.avg_pool2d, tf.cond, tf.while_loop, tf.linalg.lu):
        with pytest.raises(NotImplementedError, match="planned"):
            call()


@pytest.mark.parametrize("name", ["keras", "data", "image", "train", "nonsense"])
def test_what_is_absent_says_so(name):
    with pytest.raises(AttributeError, match=f"gradtape.tf has no .?{name}"):
        getattr(tf, name)
    assert not hasattr(tf, name)


def test_random_numbers_come_from_seeds():
    def draw():
        normal, uniform = tf.random.normal([3]), tf.random.uniform((2, 2))
        return [normal, uniform, tf.random.normal([2], seed=5), tf.random.shuffle([1, 2, 3])]

    tf.random.set_seed(1)
    first, second = draw(), draw()
    tf.random.set_seed(1)
    assert all([np.array_equal(a.numpy(), b.numpy()) for a, b in zip(first, draw())])
    assert not np.array_equal(first[0].numpy(), second[0].numpy())
    assert not np.array_equal(first[2].numpy(), second[2].numpy())
    a = tf.random.stateless_normal([4], seed=[1, 2])
    assert np.array_equal(a.numpy(), tf.random.stateless_normal([4], seed=[1, 2]).numpy())
    assert not np.array_equal(a.numpy(), tf.random.stateless_normal([4], seed=[2, 1]).numpy())


def test_random_numbers_have_their_distribution():
    tf.random.set_seed(1)
    n = tf.random.normal([20000], mean=3.0, stddev=2.0)
    assert n.dtype == tf.float32 and abs(float(tf.reduce_mean(n)) - 3) < 0.1
    assert abs(float(tf.math.reduce_std(n)) - 2) < 0.1
    u = tf.random.uniform([20000], -1.0, 3.0)
    assert float(tf.reduce_min(u)) >= -1 and float(tf.reduce_max(u)) < 3 and abs(float(tf.reduce_mean(u)) - 1) < 0.1
    k = tf.random.uniform([1000], 0, 5, dtype=tf.int32)
    assert k.dtype == tf.int32 and sorted(set(k.tolist())) == [0, 1, 2, 3, 4]
    assert float(tf.reduce_max(abs(tf.random.truncated_normal([1000])))) <= 2
    picked = tf.random.categorical(tf.math.log([[0.0001, 0.9998, 0.0001]]), 200)
    assert picked.shape == (1, 200) and float(tf.reduce_mean(tf.cast(picked == 1, tf.float32))) > 0.9


def test_random_numbers_are_differentiable_by_their_parameters():
    mean, stddev = tf.Variable(1.0), tf.Variable(2.0)
    with tf.GradientTape() as tape:
        x = tf.random.stateless_normal([5], [1, 2], mean, stddev)
        y = tf.reduce_sum(x)
    g = tape.gradient(y, [mean, stddev])
    assert float(g[0]) == 5.0 and float(g[1]) == pytest.approx((float(y) - 5) / 2, rel=1e-5)


def test_dropout_keeps_the_mean_and_bounds_its_rate():
    tf.random.set_seed(1)
    y = tf.nn.dropout(tf.ones([10000]), rate=0.25)
    assert set(np.unique(y.numpy())) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs(float(tf.reduce_mean(y)) - 1) < 0.05
    with pytest.raises(ValueError, match="rate"):
        tf.nn.dropout(y, 1.0)


def test_clipping_at_zero_has_no_nan():
    x = tf.Variable([0.0, 0.0])
    with tf.GradientTape(persistent=True) as tape:
        y = tf.clip_by_norm(x, 1.0)
        (z,), norm = tf.clip_by_global_norm([x], 1.0)
    assert tape.gradient(y, x).tolist() == [1.0, 1.0] and tape.gradient(norm, x).tolist() == [0.0, 0.0]
    assert tape.gradient(z, x).tolist() == [1.0, 1.0]


def test_matmul_wants_matrices():
    with pytest.raises(ValueError, match="matrices"):
        tf.matmul([1.0, 2.0], [[1.0], [2.0]])


def test_ties_of_maximum_share_evenly():  # TensorFlow: all to the first
    x, y = tf.Variable(1.0), tf.Variable(1.0)
    with tf.GradientTape() as tape:
        z = tf.maximum(x, y)
    assert [float(g) for g in tape.gradient(z, [x, y])] == [0.5, 0.5]
