"""Section 3: watch."""

from collections import namedtuple

import numpy as np
import pytest

import gradtape as gt

Pair = namedtuple("Pair", ["a", "b"])


def test_accepts_tensors_variables_and_nests_of_them():
    a, b, c, d = (gt.constant(float(i)) for i in range(1, 5))
    v = gt.Variable(5.0, trainable=False)
    with gt.GradientTape() as tape:
        assert tape.watch([]) is None
        assert tape.watch(tensor=[a, {"b": b, "pair": Pair(c, (d, v))}]) is None
        y = a * a + b * b + c * c + d * d + v * v
    assert [float(g) for g in tape.gradient(y, [a, b, c, d, v])] == [2.0, 4.0, 6.0, 8.0, 10.0]


@pytest.mark.parametrize("value", [np.ones(3), 1.0, None, "x", [gt.constant(1.0), None], {"a": 2}], ids=repr)
def test_anything_else_raises(value):
    with gt.GradientTape() as tape, pytest.raises(ValueError, match="only Tensors and Variables"):
        tape.watch(value)


def test_an_integer_is_warned_of_and_has_no_gradient():
    x = gt.asarray(3)
    with gt.GradientTape() as tape:
        with pytest.warns(gt.UnconnectedGradientWarning, match="int64"):
            tape.watch(x)
        y = x * x
    with pytest.warns(gt.UnconnectedGradientWarning, match="int64"):
        assert tape.gradient(y, x) is None


def test_takes_effect_for_later_operations_only():
    x = gt.constant(3.0)
    with gt.GradientTape(persistent=True) as tape:
        early = x * x
        tape.watch(x)
        late = x * x
    assert tape.gradient(early, x) is None
    assert float(tape.gradient(late, x)) == 6.0


def test_watching_twice_counts_once():
    x = gt.constant(3.0)
    with gt.GradientTape() as tape:
        tape.watch(x)
        tape.watch([x, x])
        y = x * x
        tape.watch(x)
    assert float(tape.gradient(y, x)) == 6.0


def test_watching_an_intermediate_keeps_its_own_history():
    x = gt.constant(3.0)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        tape.watch(y)
        z = y * y
    assert float(tape.gradient(z, y)) == 18.0
    assert float(tape.gradient(z, x)) == 108.0


def test_works_on_untrainable_variables_and_without_automatic_watching():
    v, w = gt.Variable(3.0, trainable=False), gt.Variable(2.0)
    with gt.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([v, w])
        y = v * w
    assert [float(g) for g in tape.gradient(y, [v, w])] == [2.0, 3.0]
    assert [a is b for a, b in zip(tape.watched_variables(), (v, w), strict=True)] == [True, True]


def test_before_the_first_entry_it_is_honoured():  # TensorFlow: AttributeError
    x = gt.constant(3.0)
    tape = gt.GradientTape()
    tape.watch(x)
    with tape:
        y = x * x
    assert float(tape.gradient(y, x)) == 6.0


def test_on_a_used_tape_it_says_so():  # TensorFlow: AttributeError
    x = gt.constant(3.0)
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        tape.gradient(y, x)
        with pytest.raises(RuntimeError, match="used up"):
            tape.watch(x)
    with pytest.raises(RuntimeError, match="used up"):
        tape.watch(x)


def test_after_the_exit_it_counts_for_the_next_entry():  # TensorFlow: silently nothing
    x = gt.constant(3.0)
    with gt.GradientTape() as tape:
        pass
    tape.watch(x)
    with tape:
        y = x * x
    assert float(tape.gradient(y, x)) == 6.0


def test_inside_stop_recording_it_is_honoured():  # TensorFlow: silently nothing
    x = gt.constant(3.0)
    with gt.GradientTape() as tape:
        with tape.stop_recording():
            tape.watch(x)
        y = x * x
    assert float(tape.gradient(y, x)) == 6.0
