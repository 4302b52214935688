"""Section 4: variables."""

import copy
import pickle

import numpy as np
import pytest

import gradtape as gt


def same(found, expected):
    return len(found) == len(expected) and all(a is b for a, b in zip(found, expected))


READS = {
    "arithmetic": lambda v: v + 1,
    "indexing": lambda v: v[0],
    "comparison": lambda v: v > 0,
    "iteration": lambda v: list(v),
    "numpy": lambda v: v.numpy(),
    "repr": repr,
    "str": str,
    "value": lambda v: v.value(),
    "read_value": lambda v: v.read_value(),
    "assign": lambda v: v.assign([1.0, 2.0]),
    "assign_add": lambda v: v.assign_add([1.0, 2.0]),
    "function": gt.sin,
    "sum": gt.sum,
    "tolist": lambda v: v.tolist(),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_any_use_is_a_read(read):
    v = gt.Variable([1.0, 2.0])
    with gt.GradientTape() as tape:
        assert tape.watched_variables() == ()
        read(v)
    assert same(tape.watched_variables(), [v])


@pytest.mark.parametrize("read", [float, bool, int, lambda v: v.item()], ids=["float", "bool", "int", "item"])
def test_taking_a_number_is_a_read(read):
    v = gt.Variable(1.0)
    with gt.GradientTape() as tape:
        read(v)
    assert same(tape.watched_variables(), [v])


@pytest.mark.parametrize("name", ["shape", "dtype", "name", "ndim", "size", "trainable"])
def test_attributes_are_no_reads(name):
    v = gt.Variable([1.0, 2.0])
    with gt.GradientTape() as tape:
        getattr(v, name)
    assert tape.watched_variables() == ()


def test_watched_only_if_trainable_and_asked_for():
    v, fixed = gt.Variable(1.0), gt.Variable(2.0, trainable=False)
    with gt.GradientTape() as tape:
        v * fixed
    assert same(tape.watched_variables(), [v])
    with gt.GradientTape(watch_accessed_variables=False) as tape:
        v * fixed
    assert tape.watched_variables() == ()


def test_watched_variables_come_once_in_order_of_creation():
    a, b, n = gt.Variable(1.0), gt.Variable(2.0), gt.Variable(3)
    tape = gt.GradientTape()
    assert tape.watched_variables() == ()
    with tape:
        y = n * b * b
        y = y * a * b
    assert same(tape.watched_variables(), [a, b, n])
    tape.gradient(y, a)
    assert same(tape.watched_variables(), [a, b, n])


def test_reset_empties_watched_variables():
    a, b = gt.Variable(1.0), gt.Variable(2.0)
    with gt.GradientTape() as tape:
        a * a
        tape.reset()
        assert tape.watched_variables() == ()
        b * b
    assert same(tape.watched_variables(), [b])


def test_read_outside_is_a_constant_and_inside_a_source():
    v = gt.Variable(3.0)
    outside = v.read_value()
    with gt.GradientTape(persistent=True) as tape:
        inside = v.read_value()
        y = outside * inside
    assert tape.gradient(y, outside) is None
    assert float(tape.gradient(y, inside)) == 3.0
    assert float(tape.gradient(y, v)) == 3.0


def test_assign_records_nothing():
    v, w = gt.Variable(3.0), gt.Variable(0.0)
    with gt.GradientTape(persistent=True) as tape:
        w.assign(v * 2)
        w.assign_add(v)
        y = w * w
    assert tape.gradient(y, v) is None
    assert float(tape.gradient(y, w)) == 18.0


def test_reads_before_and_after_an_assignment_keep_their_values():
    v = gt.Variable(3.0)
    with gt.GradientTape(persistent=True) as tape:
        a = v * v
        v.assign(10.0)
        b = v * v
    v.assign(1000.0)
    assert float(tape.gradient(a, v)) == 6.0
    assert float(tape.gradient(b, v)) == 20.0
    assert float(tape.gradient([a, b], v)) == 26.0


def test_second_order_over_an_assignment_uses_the_values_read():
    v = gt.Variable(3.0)
    with gt.GradientTape() as outer:
        with gt.GradientTape() as inner:
            y = v**3
        v.assign(10.0)
        g = inner.gradient(y, v)
    assert float(g) == 27.0
    assert float(outer.gradient(g, v)) == 18.0


def test_assign_gives_back_something_whose_use_counts_for_the_variable():
    v = gt.Variable(3.0)
    with gt.GradientTape() as tape:
        y = v.assign(4.0) * v.assign_add(1.0)
    assert float(y) == 25.0  # both are the variable, read after both assignments
    assert float(tape.gradient(y, v)) == 10.0


def test_a_variable_made_of_a_watched_tensor_is_cut_from_it():
    x = gt.constant(3.0)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        v = gt.Variable(x * x)
        y = v * v
    assert tape.gradient(y, x) is None
    assert float(tape.gradient(y, v)) == 18.0


@pytest.mark.parametrize("make", [gt.Variable, copy.deepcopy, copy.copy, lambda v: pickle.loads(pickle.dumps(v))])
def test_copies_are_variables_of_their_own(make):
    v = gt.Variable([1.0, 2.0])
    w = make(v)
    assert type(w) is gt.Variable and w is not v
    v.assign([5.0, 5.0])
    assert w.tolist() == [1.0, 2.0]
    with gt.GradientTape() as tape:
        y = gt.sum(w * w)
    assert tape.gradient(y, v) is None


def test_assigning_another_shape_raises():
    v = gt.Variable([1.0, 2.0])
    for value in (3.0, [1.0], [[1.0, 2.0]], [1.0, 2.0, 3.0]):
        with pytest.raises(ValueError, match="shape"):
            v.assign(value)
    with pytest.raises(ValueError, match="shape"):
        v.assign_add(1.0)


def test_assigning_casts_values_but_no_tensor_of_another_dtype():
    v = gt.Variable([1.0, 2.0], dtype=np.float32)
    assert v.assign(np.array([3.0, 4.0])).dtype == np.float32
    assert v.assign([5, 6]).dtype == np.float32
    with pytest.raises(ValueError, match="dtype"):
        v.assign(gt.asarray([3.0, 4.0]))
    with pytest.raises(ValueError, match="dtype"):
        v.assign_sub(gt.asarray([3.0, 4.0]))


def test_no_item_assignment_and_no_augmented_assignment():
    v = gt.Variable([1.0, 2.0])
    with pytest.raises(TypeError, match="assign"):
        v[0] = 5.0
    with pytest.raises(RuntimeError, match="assign_add"):
        v += 1
    with pytest.raises(RuntimeError, match="assign"):
        v *= 2
    assert v.tolist() == [1.0, 2.0]


def test_constant_copies_and_numpy_is_a_snapshot():
    array = np.array([1.0, 2.0])
    x, v = gt.constant(array), gt.Variable(array)
    array[:] = 0
    assert x.tolist() == v.tolist() == [1.0, 2.0]
    before = v.numpy()
    v.assign([7.0, 7.0])
    assert before.tolist() == [1.0, 2.0]
    before[:] = 0
    assert v.tolist() == [7.0, 7.0]
