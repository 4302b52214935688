"""Section 6: None is no path; zeros are a path whose value is zero."""

import threading

import numpy as np
import pytest

import gradtape as gt


@pytest.mark.parametrize(
    "f",
    [
        lambda x: gt.nn.relu(x - 100), lambda x: x * 0, gt.sign, lambda x: gt.where(x > 100, x, 1.0),
        lambda x: gt.minimum(x, 0.0),
    ],
    ids=["dead relu", "times 0", "sign", "where", "minimum"],
)  # fmt: skip
def test_zeros_where_a_path_exists(f):
    x = gt.constant(3.0)
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    assert float(tape.gradient(y, x)) == 0.0


@pytest.mark.parametrize(
    "f",
    [
        gt.floor, gt.ceil, gt.round, gt.rint, gt.trunc, gt.stop_gradient, gt.isnan,
        lambda x: x // 2, lambda x: x > 2, lambda x: x == x, lambda x: gt.argmax(gt.stack([x, x])),
        lambda x: gt.astype(gt.astype(x, np.int64), np.float64) * 2.0, lambda x: gt.asarray(x.numpy()) * 2,
        lambda x: gt.constant(x.item()), lambda x: gt.constant(1.0) if x > 2 else x,
    ],
    ids=[
        "floor", "ceil", "round", "rint", "trunc", "stop_gradient", "isnan", "//", ">", "==", "argmax", "by int",
        "numpy()", "item()", "other branch",
    ],
)  # fmt: skip
def test_none_where_no_path_exists(f):
    x = gt.constant(3.0)
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    assert tape.gradient(y, x) is None


def test_none_for_what_is_not_followed():
    x, c = gt.constant(3.0), gt.constant(4.0)
    unread, fixed = gt.Variable(1.0), gt.Variable(1.0, trainable=False)
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = x * c * fixed
    assert tape.gradient(y, [c, unread, fixed]) == [None, None, None]


def test_none_for_a_variable_bound_anew():
    v = gt.Variable(3.0)
    old = v
    v = v + 1
    with gt.GradientTape() as tape:
        y = v * v
    assert tape.gradient(y, [v, old]) == [None, None]


def test_none_for_another_thread_s_operation():
    x = gt.constant(3.0)
    made = []
    with gt.GradientTape() as tape:
        tape.watch(x)
        thread = threading.Thread(target=lambda: made.append(x * x))
        thread.start()
        thread.join()
    assert float(made[0]) == 9.0 and tape.gradient(made[0], x) is None


def test_zeros_on_request_have_shape_and_dtype_of_the_source():
    x = gt.constant(3.0)
    others = {
        "single": gt.asarray(np.ones((2, 3), np.float32)),
        "whole": gt.asarray([1, 2]),
        "variable": gt.Variable([1.0]),
        "nested": [gt.asarray(1j)],
    }
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    zeros = tape.gradient(y, others, unconnected_gradients="zero")
    for found, source in (
        (zeros["single"], others["single"]), (zeros["whole"], others["whole"]),
        (zeros["variable"], others["variable"]), (zeros["nested"][0], others["nested"][0]),
    ):  # fmt: skip
        assert found.shape == source.shape and found.dtype == source.dtype and not found.numpy().any()


@pytest.mark.parametrize(
    "f",
    [
        lambda x: 5 * x, lambda x: x + 1, gt.sum, gt.mean, lambda x: gt.concat([x, x]), gt.positive,
        lambda x: x[0], lambda x: gt.where(gt.asarray([True, False]), x, 0.0), lambda x: gt.reshape(x, (2, 1)),
    ],
    ids=["5 x", "x + 1", "sum", "mean", "concat", "positive", "slice", "where", "reshape"],
)  # fmt: skip
def test_the_second_derivative_of_a_linear_function_is_none(f):
    x = gt.asarray([1.0, 2.0])
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        g = tape.gradient(f(x), x)
    assert g is not None and tape.gradient(g, x) is None


@pytest.mark.parametrize("f", [abs, gt.nn.elu, lambda x: x**2 - x * x], ids=["abs", "elu", "a difference"])
def test_of_others_it_is_zeros(f):
    x = gt.asarray([1.0, 2.0])
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        g = tape.gradient(f(x), x)
    assert tape.gradient(g, x).tolist() == [0.0, 0.0]


def test_a_none_gradient_as_target_raises():
    x = gt.constant(3.0)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        g = tape.gradient(gt.floor(x), x)
        with pytest.raises(TypeError, match="None"):
            tape.gradient(g, x)
        with pytest.raises(TypeError, match="None"):
            tape.gradient([x, g], x)


def test_implicit_conversion_does_not_cut_silently():  # TensorFlow: a silent None
    x = gt.constant([1.0, 2.0])
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        with pytest.raises(gt.LostGradientError):
            np.asarray(y)
    assert np.asarray(y).tolist() == [1.0, 4.0]
