"""Section 10: dtypes and conversion. Between Tensors gradtape promotes as NumPy does, where TensorFlow raises."""

import numpy as np
import pytest

import gradtape as gt
import gradtape.tf as tf


def test_defaults_in_gradtape_tf():
    assert tf.constant(1.0).dtype == tf.constant([1, 2.0]).dtype == tf.Variable(1.0).dtype == np.float32
    assert tf.constant(1).dtype == tf.Variable([1, 2]).dtype == np.int32
    assert tf.constant(1j).dtype == np.complex128 and tf.constant(True).dtype == np.bool_
    assert tf.constant(np.array([1.0])).dtype == tf.constant([np.float64(1.0)]).dtype == np.float64
    assert tf.constant(1, dtype=tf.float64).dtype == tf.constant([1.0], tf.float64).dtype == np.float64
    assert tf.constant(2**40).item() == 2**40
    with pytest.raises(TypeError):
        tf.constant(1.5, dtype=tf.int32)


def test_python_s_numbers_and_lists_take_the_tensor_s_dtype():
    x = tf.constant([1.0, 2.0])
    for y in (x * 2, 2.0 * x, tf.multiply(x, [3.0, 4.0]), tf.add([1, 2], x), tf.maximum(x, 0.0), tf.stack([x, [1, 2]])):
        assert y.dtype == np.float32


def test_the_gradient_has_the_source_s_dtype_across_casts():
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(tf.cast(x, tf.float64) ** 2)
    assert y.dtype == np.float64
    g = tape.gradient(y, x)
    assert g.dtype == np.float32 and g.tolist() == [2.0, 4.0]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64, np.complex128])
def test_floating_and_complex_dtypes_are_differentiable(dtype):
    x = gt.asarray(np.array([1.0, 2.0], dtype))
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    assert tape.gradient(y, x).dtype == dtype


def test_arrays_from_the_left_and_numpy_s_functions_are_recorded():
    x = gt.asarray([1.0, 2.0])
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        left, mean = np.array([3.0, 4.0]) * x, np.mean(np.square(x))  # TensorFlow: the mean is cut off
    assert tape.gradient(left, x).tolist() == [3.0, 4.0]
    assert tape.gradient(mean, x).tolist() == [1.0, 2.0]


def test_a_tensor_as_a_python_object():
    x = gt.asarray([1.0, 2.0])
    with pytest.raises(TypeError, match="unhashable"):
        hash(x)
    assert x.ref() == x.ref() and x.ref().deref() is x and len({x.ref(), x.ref()}) == 1
    assert (x == x).tolist() == [True, True] and len(x) == 2 and abs(-x).tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="ambiguous"):
        bool(x)
    assert x.shape == (2,) and type(x.shape[0]) is int


def test_shapes_may_hold_tensors():
    x = tf.ones((2, 3, 4))
    s = x.shape
    assert tf.reshape(x, [s[0] * s[1], tf.constant(4)]).shape == (6, 4)
    assert tf.reshape(x, [tf.reduce_prod(s), 1]).shape == (24, 1)
    assert tf.reshape(x, tf.shape(x)).shape == (2, 3, 4)


def test_conversions():
    x = tf.constant(1.0)
    assert tf.convert_to_tensor(x) is x and tf.cast(x, tf.float32) is x and tf.constant(x) is x
    with pytest.raises(ValueError, match="cast"):
        tf.convert_to_tensor(x, dtype=tf.float64)
    with pytest.raises(ValueError, match="None"):
        tf.convert_to_tensor(None)
    assert tf.cast(tf.constant(1 + 2j), tf.float32).item() == 1.0
