"""Section 15: ForwardAccumulator."""

import gc
import threading
import weakref

import numpy as np
import pytest

import gradtape as gt

ONE = gt.constant(1.0)


def test_a_jacobian_vector_product():
    x, v = gt.asarray([1.0, 2.0]), gt.asarray([1.0, -1.0])
    with gt.ForwardAccumulator(primals=x, tangents=v) as acc:
        y = x * x * gt.asarray([[1.0], [10.0]])
        total = gt.sum(y)
    assert acc.jvp(y).tolist() == [[2.0, -4.0], [20.0, -40.0]]
    assert float(acc.jvp(total)) == -22.0
    assert float(acc.jvp(total)) == -22.0  # a look-up, as often as one likes


def test_nests_of_primals():
    x, v = gt.constant(2.0), gt.Variable([1.0, 3.0])
    with gt.ForwardAccumulator({"x": x, "v": [v]}, {"x": 1.0, "v": [np.array([0.0, 10.0])]}) as acc:
        y = x * x * v
    assert acc.jvp(y).tolist() == [4.0, 12.0 + 40.0]
    found = acc.jvp({"a": (y, x)})
    assert type(found["a"]) is tuple and float(found["a"][1]) == 1.0


def test_structures_must_match():
    x = gt.constant(2.0)
    for tangents in ([ONE, ONE], {"a": ONE}, []):
        if tangents != {"a": ONE}:
            with pytest.raises(ValueError, match="structure"):
                gt.ForwardAccumulator([x], tangents)
    with pytest.raises(ValueError, match="None"):
        gt.ForwardAccumulator(x, None)


def test_the_same_primal_twice_raises():
    x = gt.constant(2.0)
    with pytest.raises(ValueError, match="twice"):
        gt.ForwardAccumulator([x, x], [ONE, ONE])


def test_tangents_take_the_primal_s_dtype_but_tensors_of_another_raise():
    x = gt.asarray(np.array([1.0, 2.0], np.float32))
    with gt.ForwardAccumulator(x, np.array([1.0, 2.0])) as acc:
        y = gt.sin(x)
    assert acc.jvp(x).dtype == acc.jvp(y).dtype == np.float32
    with pytest.raises(ValueError, match="dtype"):
        gt.ForwardAccumulator(x, gt.asarray([1.0, 2.0]))


def test_tangents_must_have_the_primal_s_shape():  # TensorFlow does not look
    with pytest.raises(ValueError, match="shape"):
        gt.ForwardAccumulator(gt.asarray([1.0, 2.0]), 1.0)


def test_primals_must_be_tensors():
    with pytest.raises(TypeError, match="primals"):
        gt.ForwardAccumulator(2.0, 1.0)


def test_unknown_is_none_or_zeros():
    x, other = gt.constant(2.0), gt.asarray([1.0, 2.0])
    with gt.ForwardAccumulator(x, ONE) as acc:
        pass
    assert acc.jvp(other) is None
    assert acc.jvp(other, unconnected_gradients="zero").tolist() == [0.0, 0.0]
    assert acc.jvp(other, gt.UnconnectedGradients.ZERO).tolist() == [0.0, 0.0]
    with pytest.raises(ValueError):
        acc.jvp(x, unconnected_gradients="?")
    with pytest.raises(TypeError):
        acc.jvp(None)


def test_the_primal_s_tangent_is_known_before_entry():
    x = gt.constant(2.0)
    assert float(gt.ForwardAccumulator(x, 7.0).jvp(x)) == 7.0


def test_only_what_runs_inside_is_propagated_and_entry_may_be_repeated():
    x = gt.constant(2.0)
    acc = gt.ForwardAccumulator(x, ONE)
    before = x * x
    with acc:
        a = x * x
    between = a * 3
    with acc:
        b = a * x
        with pytest.raises(ValueError, match="recording already"), acc:
            pass
        c = b * 1
    assert acc.jvp(before) is None and acc.jvp(between) is None
    assert float(acc.jvp(a)) == 4.0 and float(acc.jvp(b)) == float(acc.jvp(c)) == 12.0


def test_none_through_integers_constants_and_stop_gradient():
    x = gt.constant(2.0)
    with gt.ForwardAccumulator(x, ONE) as acc:
        results = [gt.astype(x, int), x > 1, gt.stop_gradient(x), gt.constant(3.0) * 2, gt.floor(x)]
    assert acc.jvp(results) == [None] * 5


def test_a_variable_keeps_its_tangent_across_assign():
    v = gt.Variable(2.0)
    with gt.ForwardAccumulator(v, ONE) as acc:
        a = v * v
        v.assign(10.0)
        b = v * v
    assert float(acc.jvp(a)) == 4.0 and float(acc.jvp(b)) == 20.0


def test_it_belongs_to_its_thread():
    x, made = gt.constant(2.0), []
    with gt.ForwardAccumulator(x, ONE) as acc:
        thread = threading.Thread(target=lambda: made.append(x * x))
        thread.start()
        thread.join()
    assert acc.jvp(made[0]) is None


def test_a_tape_s_stop_recording_does_not_concern_it():
    x = gt.constant(2.0)
    with gt.GradientTape() as tape, gt.ForwardAccumulator(x, ONE) as acc, tape.stop_recording():
        y = x * x
    assert float(acc.jvp(y)) == 4.0


def f(x):
    return gt.sin(x) * gt.exp(x)


SECOND = 2 * np.cos(1.3) * np.exp(1.3)
THIRD = 2 * np.exp(1.3) * (np.cos(1.3) - np.sin(1.3))


def test_nesting_is_strict_by_entry_order():
    x = gt.constant(1.3)
    later, earlier = gt.ForwardAccumulator(x, ONE), gt.ForwardAccumulator(x, ONE)
    with earlier as outer, later as inner:
        y = f(x)
        slope = inner.jvp(y)
    assert float(outer.jvp(slope)) == pytest.approx(SECOND)
    assert inner.jvp(outer.jvp(y)) is None
    assert float(outer.jvp(y)) == float(inner.jvp(y))


def test_nested_accumulators_are_right_where_intermediates_are_used_twice():  # TensorFlow: 10.9 for 3.08 (#127753)
    x = gt.constant(1.0)
    with gt.ForwardAccumulator(x, ONE) as outer, gt.ForwardAccumulator(x, ONE) as inner:
        y = gt.sin(x) * gt.exp(x)
        y = y + 0 * y
    assert float(outer.jvp(inner.jvp(y))) == pytest.approx(2 * np.cos(1.0) * np.e)


def test_three_deep_and_on_a_variable():  # TensorFlow: raises on a Variable (#57358)
    for x in (gt.constant(1.3), gt.Variable(1.3)):
        with gt.ForwardAccumulator(x, ONE) as a, gt.ForwardAccumulator(x, ONE) as b, gt.ForwardAccumulator(x, ONE) as c:
            y = f(x)
        assert float(a.jvp(b.jvp(c.jvp(y)))) == pytest.approx(THIRD)
        assert float(a.jvp(c.jvp(y))) == pytest.approx(SECOND)


@pytest.mark.parametrize("persistent", [False, True])
def test_a_tape_inside_gives_hessian_vector_products(persistent):
    x, v = gt.asarray([1.0, 2.0]), gt.asarray([3.0, 5.0])
    with gt.ForwardAccumulator(x, v) as acc:
        with gt.GradientTape(persistent) as tape:
            tape.watch(x)
            y = x[0] ** 2 * x[1] ** 3
        g = tape.gradient(y, x)
    hessian = np.array([[2 * 8.0, 2 * 3 * 4.0], [2 * 3 * 4.0, 6 * 2.0]])
    assert np.allclose(acc.jvp(g).numpy(), hessian @ v.numpy())
    if persistent:
        assert acc.jvp(tape.gradient(y, x)) is None  # asked for outside
    with gt.GradientTape() as tape:  # such a tape does not record tangents
        tape.watch(x)
    with gt.ForwardAccumulator(x, v) as acc, gt.GradientTape() as tape:
        tape.watch(x)
        y = gt.sum(x**3)
        slope = acc.jvp(y)
    assert tape.gradient(slope, x) is None


def test_inside_a_tape_the_tangents_are_recorded():
    x = gt.constant(1.3)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        with gt.ForwardAccumulator(x, ONE) as acc:
            y = f(x)
        slope = acc.jvp(y)
        second = tape.gradient(slope, x)
    assert float(second) == pytest.approx(SECOND)
    assert float(tape.gradient(second, x)) == pytest.approx(THIRD)


def test_a_tape_differentiates_by_the_tangent():
    x, v = gt.asarray([1.0, 2.0]), gt.asarray([3.0, 5.0])
    with gt.GradientTape() as tape:
        tape.watch(v)
        with gt.ForwardAccumulator(x, v) as acc:
            y = gt.sum(x**3)
        slope = acc.jvp(y)
    assert tape.gradient(slope, v).tolist() == [3.0, 12.0]


def test_accumulator_tape_accumulator():
    x = gt.constant(1.3)
    with gt.ForwardAccumulator(x, ONE) as outer:
        with gt.GradientTape() as tape:
            tape.watch(x)
            with gt.ForwardAccumulator(x, ONE) as inner:
                y = f(x)
            slope = inner.jvp(y)
        second = tape.gradient(slope, x)
    assert float(outer.jvp(second)) == pytest.approx(THIRD)


def test_inside_vmap_and_around_it():
    xs = gt.asarray([0.5, 1.0, 1.3])

    def slope(x):
        with gt.ForwardAccumulator(x, gt.ones_like(x)) as acc:
            y = f(x)
        return acc.jvp(y)

    def second(x):
        with gt.ForwardAccumulator(x, gt.ones_like(x)) as outer, gt.ForwardAccumulator(x, gt.ones_like(x)) as inner:
            y = f(x)
        return outer.jvp(inner.jvp(y))

    p = xs.numpy()
    assert np.allclose(gt.vmap(slope)(xs).numpy(), np.exp(p) * (np.sin(p) + np.cos(p)))
    assert np.allclose(gt.vmap(second)(xs).numpy(), 2 * np.cos(p) * np.exp(p))
    assert np.allclose(gt.vmap(gt.grad(slope))(xs).numpy(), 2 * np.cos(p) * np.exp(p))
    with gt.ForwardAccumulator(xs, gt.ones_like(xs)) as acc:
        y = gt.vmap(f)(xs)
        g = gt.vmap(gt.grad(f))(xs)
    assert np.allclose(acc.jvp(y).numpy(), np.exp(p) * (np.sin(p) + np.cos(p)))
    assert np.allclose(acc.jvp(g).numpy(), 2 * np.cos(p) * np.exp(p))
    assert np.allclose(gt.jacobian(slope)(xs).numpy(), np.diag(2 * np.cos(p) * np.exp(p)))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x @ x.T, lambda x: gt.sum(x, axis=0), lambda x: gt.where(x > 2, x * x, -x), lambda x: x[1:] / x[:1],
        lambda x: gt.concat([x, x**2]), lambda x: gt.cumulative_sum(x, axis=1), lambda x: gt.sort(x * -1.0, axis=0),
        lambda x: gt.prod(x, axis=1), lambda x: gt.logsumexp(x, axis=1), lambda x: gt.maximum(x, 2.5),
        lambda x: gt.exp2(x) - gt.asarray(np.ones((2, 2, 3))), lambda x: gt.astype(x, np.float32) * 2.0,
        lambda x: gt.unstack(x)[1] * gt.split(x, 3, axis=1)[2], lambda x: gt.real(x * 1j * x) + gt.imag(1j * x),
        lambda x: gt.std(x, axis=0), lambda x: gt.take_along_axis(x, gt.argsort(-x, axis=1), axis=1),
    ],
)  # fmt: skip
def test_every_kind_of_primitive_agrees_with_jvp(f):
    x, t = gt.asarray([[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]]), gt.asarray([[1.0, -1.0, 0.5], [0.0, 2.0, 3.0]])
    with gt.ForwardAccumulator(x, t) as acc:
        y = f(x)
    expected = gt.jvp(f, (x,), (t,))[1]
    found = acc.jvp(y)
    assert found.shape == expected.shape == y.shape and found.dtype == y.dtype
    assert np.allclose(found.numpy(), expected.numpy())


def test_tangents_go_with_the_accumulator():
    gc.disable()
    try:
        x = gt.asarray(np.ones(1000))
        acc = gt.ForwardAccumulator(x, gt.ones_like(x))
        with acc:
            y = x * x + 1
        tangent = weakref.ref(dict.__getitem__(acc._tangents, y._key))
        assert tangent() is not None
        del acc
        assert tangent() is None
    finally:
        gc.enable()
