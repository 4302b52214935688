"""Section 5: gradient(target, sources, output_gradients, unconnected_gradients)."""

from collections import OrderedDict, namedtuple

import numpy as np
import pytest

import gradtape as gt

Pair = namedtuple("Pair", ["a", "b"])


def recorded(persistent=False):
    """x = 3, x², x³ on a tape."""
    x = gt.constant(3.0)
    with gt.GradientTape(persistent) as tape:
        tape.watch(x)
        square, cube = x * x, x * x * x
    return tape, x, square, cube


def test_the_result_has_the_structure_of_sources():
    a, b, c = (gt.constant(float(i)) for i in (1, 2, 3))
    with gt.GradientTape(persistent=True) as tape:
        tape.watch([a, b, c])
        y = a * a + b * b + c * c
    assert float(tape.gradient(y, a)) == 2.0
    assert tape.gradient(y, []) == [] and tape.gradient(y, {}) == {} and tape.gradient(y, ()) == ()
    assert [float(g) for g in tape.gradient(y, [a, b])] == [2.0, 4.0]
    assert type(tape.gradient(y, (a,))) is tuple
    found = tape.gradient(y, OrderedDict([("z", c), ("a", Pair(a, [b, None or c]))]))
    assert type(found) is OrderedDict and list(found) == ["z", "a"]
    assert type(found["a"]) is Pair and [float(g) for g in found["a"].b] == [4.0, 6.0]


@pytest.mark.parametrize("sources", [iter([]), {1.0}, (x for x in ())], ids=["iterator", "set", "generator"])
def test_generators_and_sets_are_no_structure(sources):
    tape, _, square, _ = recorded()
    with pytest.raises(TypeError, match="sources"):
        tape.gradient(square, sources)


def test_all_elements_of_all_targets_are_summed():
    x = gt.asarray([1.0, 2.0])
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y, z = x * x, gt.sum(x)
    assert tape.gradient(y, x).tolist() == [2.0, 4.0]
    assert tape.gradient([y, {"z": z}], x).tolist() == [3.0, 5.0]
    assert tape.gradient([y, y], x).tolist() == [4.0, 8.0]
    first, second = tape.gradient(y, [x, x])
    assert first.tolist() == second.tolist() == [2.0, 4.0]


def test_targets_of_different_dtypes():
    x = gt.asarray([1.0, 2.0])
    with gt.GradientTape() as tape:
        tape.watch(x)
        single, double = gt.astype(x, np.float32) * 2, x * x
    g = tape.gradient([single, double], x)
    assert g.dtype == np.float64 and g.tolist() == [4.0, 6.0]


def test_a_used_tape_raises():
    for method, arguments in (("gradient", 2), ("jacobian", 2), ("hessian", 2), ("batch_jacobian", 2)):
        tape, x, square, _ = recorded()
        tape.gradient(square, x)
        with pytest.raises(RuntimeError, match="persistent=True"):
            getattr(tape, method)(*[square, x][:arguments])


@pytest.mark.parametrize("persistent", [False, True])
def test_a_tape_never_entered_raises(persistent):
    x = gt.constant(1.0)
    tape = gt.GradientTape(persistent)
    tape.watch(x)
    for method in (tape.gradient, tape.jacobian, tape.batch_jacobian, tape.hessian):
        with pytest.raises(RuntimeError, match="with tape"):
            method(x, x)


def test_targets_and_sources_must_be_tensors():
    tape, x, square, cube = recorded(persistent=True)
    with pytest.raises(TypeError, match="target is None"):
        tape.gradient(None, x)
    for target in ([square, None], 3.0, np.ones(2), "y"):
        with pytest.raises(TypeError, match="target"):
            tape.gradient(target, x)
    for sources in ([x, None], 3.0, np.ones(2)):
        with pytest.raises(TypeError, match="sources"):
            tape.gradient(square, sources)


def test_no_targets_is_unconnected():
    tape, x, _, _ = recorded(persistent=True)
    assert tape.gradient([], x) is None
    assert float(tape.gradient([], x, unconnected_gradients="zero")) == 0.0


@pytest.mark.parametrize("choice", ["ZERO", None, "None", 0, True], ids=repr)
def test_an_unknown_choice_raises(choice):
    tape, x, square, _ = recorded()
    with pytest.raises(ValueError, match="unconnected_gradients"):
        tape.gradient(square, x, unconnected_gradients=choice)


def test_the_known_choices():
    tape, x, square, _ = recorded(persistent=True)
    other = gt.constant([1.0, 2.0])
    for choice in ("none", gt.UnconnectedGradients.NONE):
        assert tape.gradient(square, other, unconnected_gradients=choice) is None
    for choice in ("zero", gt.UnconnectedGradients.ZERO):
        assert tape.gradient(square, other, unconnected_gradients=choice).tolist() == [0.0, 0.0]


def test_a_call_with_wrong_arguments_does_not_use_the_tape_up():
    tape, x, square, _ = recorded()
    for wrong in (
        lambda: tape.gradient(None, x),
        lambda: tape.gradient(square, None),
        lambda: tape.gradient(square, x, unconnected_gradients="?"),
        lambda: tape.gradient(square, x, output_gradients=[1.0, 2.0]),
        lambda: tape.jacobian([square], x),
        lambda: tape.batch_jacobian(square, x),
        lambda: tape.hessian(None, x),
    ):
        with pytest.raises((TypeError, ValueError)):
            wrong()
    assert float(tape.gradient(square, x)) == 6.0


class Refusal(Exception):
    pass


@pytest.mark.parametrize("persistent", [False, True])
def test_an_exception_in_a_rule_reaches_the_caller_and_leaves_the_tape_usable(persistent):
    willing = []

    @gt.custom_gradient
    def f(x):
        def backward(g):
            if not willing:
                raise Refusal("not yet")
            return g * 5

        return x * 1, backward

    x = gt.constant(3.0)
    with gt.GradientTape(persistent) as tape:
        tape.watch(x)
        y = f(x * x)
    with pytest.raises(Refusal, match="not yet"):
        tape.gradient(y, x)
    willing.append(True)
    assert float(tape.gradient(y, x)) == 30.0  # TensorFlow: InternalError on a non-persistent tape


def test_inside_the_context_of_a_non_persistent_tape_recording_stops_there():
    x = gt.constant(3.0)
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        g = tape.gradient(y, x)
        for wrong in (lambda: tape.gradient(g, x), lambda: tape.watch(x)):
            with pytest.raises(RuntimeError):
                wrong()
        with pytest.raises(ValueError):
            tape.reset()
        with pytest.raises(ValueError), tape.stop_recording():
            pass
        x * x
    assert float(g) == 6.0


def test_inside_the_context_of_a_persistent_tape_the_work_is_recorded_outside_it_is_not():
    x = gt.constant(3.0)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x * x
        g = tape.gradient(y, x)
    assert float(tape.gradient(g, x)) == 18.0
    late = tape.gradient(y, x)
    assert float(late) == 27.0 and tape.gradient(late, x) is None


def test_intermediates_are_sources_but_not_against_the_arrow():
    tape, x, square, cube = recorded(persistent=True)
    with tape:
        z = square * square
    assert float(tape.gradient(z, square)) == 18.0
    assert tape.gradient(square, z) is None


def test_the_target_itself_as_source():
    x, n, v = gt.asarray([1.0, 2.0]), gt.asarray(3), gt.Variable(2.0)
    with gt.GradientTape(persistent=True) as tape:
        y = x + 1
    assert tape.gradient(x, x).tolist() == [1.0, 1.0]  # never watched
    assert tape.gradient(x, x, output_gradients=[3.0, 4.0]).tolist() == [3.0, 4.0]
    assert tape.gradient(n, n).item() == 1
    assert tape.gradient(v, v).item() == 1.0
    assert tape.gradient(y, y).tolist() == [1.0, 1.0]
    assert tape.gradient(y, x) is None


def test_contributions_add():
    x = gt.constant(3.0)
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    assert float(tape.gradient([x, y], x)) == 7.0


def test_a_target_made_outside_is_unconnected():
    tape, x, square, _ = recorded(persistent=True)
    assert tape.gradient(square * 2, x) is None
    with tape, tape.stop_recording():
        z = x * x
    assert tape.gradient(z, x) is None


# -- output_gradients
def test_output_gradients_weigh_the_targets():
    x = gt.asarray([1.0, 2.0])
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y, z = x * x, gt.sum(x)
    for weights in (gt.asarray([3.0, 4.0]), np.array([3.0, 4.0]), gt.Variable([3.0, 4.0]), (3, 4)):
        assert tape.gradient(y, x, output_gradients=weights).tolist() == [6.0, 16.0]
    assert tape.gradient([y, z], x, output_gradients=[np.array([1.0, 0.0]), 10.0]).tolist() == [12.0, 10.0]
    assert tape.gradient({"y": y}, x, output_gradients={"y": gt.asarray([1.0, 1.0])}).tolist() == [2.0, 4.0]
    assert tape.gradient([y], x, output_gradients=[np.array([1.0, 0.0])]).tolist() == [2.0, 0.0]
    assert tape.gradient(y, x, [np.array([1.0, 0.0])]).tolist() == [2.0, 0.0]


def test_output_gradients_may_be_differentiated_by_an_outer_tape():
    x, v = gt.asarray([1.0, 2.0]), gt.asarray([3.0, 4.0])
    w = gt.Variable([3.0, 4.0])
    for weights in (v, w):
        with gt.GradientTape() as outer:
            outer.watch(v)
            with gt.GradientTape() as inner:
                inner.watch(x)
                y = x * x
            g = inner.gradient(y, x, output_gradients=weights)
        assert outer.gradient(g, weights).tolist() == [2.0, 4.0]


def test_a_zero_cotangent_gives_zeros():
    tape, x, square, _ = recorded()
    g = tape.gradient(square, x, output_gradients=0.0)
    assert g is not None and float(g) == 0.0


def test_output_gradients_broadcast_and_other_shapes_raise():
    x = gt.asarray([[1.0, 2.0], [3.0, 4.0]])
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
    assert tape.gradient(y, x, output_gradients=[10.0, 0.0]).tolist() == [[20.0, 0.0], [60.0, 0.0]]
    with pytest.raises(ValueError, match="shape"):
        tape.gradient(y, x, output_gradients=np.ones(3))


def test_a_list_for_one_vector_is_its_cotangent():  # TensorFlow: only its first entry is used
    x = gt.asarray([1.0, 2.0, 3.0])
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    assert tape.gradient(y, x, output_gradients=[1.0, 2.0, 3.0]).tolist() == [2.0, 8.0, 18.0]


def test_too_few_and_too_many_output_gradients_raise():  # TensorFlow: ones are assumed, others ignored
    tape, x, square, cube = recorded()
    for weights in ([1.0], [1.0, 2.0, 3.0], []):
        with pytest.raises(ValueError, match="for 2 targets"):
            tape.gradient([square, cube], x, output_gradients=weights)


def test_none_among_output_gradients_raises():
    tape, x, square, cube = recorded()
    with pytest.raises(ValueError, match="None"):
        tape.gradient([square, cube], x, output_gradients=[1.0, None])


def test_output_gradients_take_the_target_s_dtype():  # TensorFlow: raises
    x = gt.asarray(np.array([1.0, 2.0], np.float32))
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    g = tape.gradient(y, x, output_gradients=np.array([1.0, 2.0]))
    assert g.dtype == np.float32 and g.tolist() == [2.0, 8.0]
