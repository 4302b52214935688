"""Section 1: what a tape is. Watched values, identity, variables, several tapes, a gradient is a plain function."""

import copy

import numpy as np
import pytest

import gradtape as gt


def test_an_operation_is_recorded_iff_an_input_is_tracked():
    x, c = gt.constant(3.0), gt.constant(2.0)
    with gt.GradientTape(persistent=True) as tape:
        before = x * c
        tape.watch(x)
        after = x * c
        later = after + before
    assert tape.gradient(before, x) is None
    assert float(tape.gradient(after, x)) == 2.0
    assert float(tape.gradient(later, after)) == 1.0
    assert tape.gradient(after, c) is None


def test_equal_values_are_different_sources_and_a_name_is_the_same_source():
    a, b = gt.constant(3.0), gt.constant(3.0)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch([a, b])
        same = a
        y = a * a * b
    assert float(tape.gradient(y, a)) == 18.0
    assert float(tape.gradient(y, b)) == 9.0
    assert float(tape.gradient(y, same)) == 18.0


@pytest.mark.parametrize(
    "rename",
    [gt.positive, lambda x: x + 0, lambda x: x * 1, lambda x: gt.reshape(x, ()), gt.stop_gradient],
    ids=["positive", "add 0", "times 1", "reshape", "stop_gradient"],
)
def test_functions_that_change_nothing_give_new_values(rename):
    x = gt.constant(3.0)
    y = rename(x)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        z = x * x
    assert y is not x
    assert tape.gradient(z, y) is None


@pytest.mark.parametrize(
    "keep",
    [gt.asarray, copy.copy, copy.deepcopy, lambda x: gt.asarray(x, dtype=x.dtype)],
    ids=["asarray", "copy", "deepcopy", "same dtype"],
)
def test_conversions_to_what_it_is_keep_the_identity(keep):
    x = gt.constant(3.0)
    y = keep(x)
    with gt.GradientTape() as tape:
        tape.watch(x)
        z = x * x
    assert float(tape.gradient(z, y)) == 6.0


def test_a_variable_s_gradient_is_the_sum_over_its_reads():
    v = gt.Variable(3.0)
    with gt.GradientTape(persistent=True) as tape:
        first, second = v.read_value(), v.value()
        y = first * second + v
    assert float(tape.gradient(y, v)) == 7.0
    assert float(tape.gradient(y, first)) == 3.0
    assert type(first) is gt.Tensor and first is not second


def test_every_active_tape_sees_the_work_of_another_tape_s_gradient():
    x = gt.constant(3.0)
    with gt.GradientTape() as outer:
        outer.watch(x)
        with gt.GradientTape() as inner:
            inner.watch(x)
            y = x**3
        g = inner.gradient(y, x)
    assert float(outer.gradient(g, x)) == 18.0


def test_backward_operations_are_recorded_by_the_tapes_active_at_that_moment():
    x = gt.constant(3.0)
    with gt.GradientTape(persistent=True) as inner:
        inner.watch(x)
        y = x**3
    with gt.GradientTape() as late:
        late.watch(x)
        g = inner.gradient(y, x)  # 3 x²: recorded here, though the forward pass was not
    assert float(late.gradient(g, x)) == 18.0


def test_gradients_are_tensors_of_the_source_s_shape():
    x = gt.asarray(np.ones((2, 3)))
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = gt.sum(x * x)
    g = tape.gradient(y, x)
    assert isinstance(g, gt.Tensor) and g.shape == (2, 3) and g.dtype == np.float64
