"""Section 13: stop_gradient, recompute_grad, grad_pass_through."""

import numpy as np
import pytest

import gradtape as gt
from gradtape.derivatives.custom_gradient import grad_pass_through


def test_stop_gradient_gives_an_untracked_value():
    x = gt.constant(3.0)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        s = gt.stop_gradient(x)
        y = x * s
        tape.watch(s)
        z = x * s
    assert s is not x and float(s) == 3.0
    assert float(tape.gradient(y, x)) == 3.0
    assert tape.gradient(y, s) is None
    assert float(tape.gradient(z, s)) == 3.0


def test_stop_gradient_stays_constant_in_second_order():
    x = gt.constant(3.0)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x**2 * gt.stop_gradient(x**2)
        g = tape.gradient(y, x)
    assert float(g) == 6.0 * 9.0
    assert float(tape.gradient(g, x)) == 2.0 * 9.0


# -- recompute_grad
def block(x, w, scale=1.0):
    return gt.tanh(x * w) * gt.exp(x) * scale


def test_reverse_mode_over_taylor_mode_sees_through_recompute_grad():
    """Series remember what has been worked out of them: nothing may be while the outer tape does not look on."""
    x, v = np.array([0.3, -0.4, 0.8]), np.array([0.6, 0.9, -0.5])
    block = lambda u: gt.sin(u) * gt.sum(u * u)
    plain, recomputed = [lambda x, f=f: gt.sum(f(x)) for f in (block, gt.recompute_grad(block))]
    for n in (1, 2, 3):
        slopes = [gt.grad(lambda x, f=f, n=n: gt.taylor(f, x, v, n).derivatives[n])(x) for f in (plain, recomputed)]
        np.testing.assert_allclose(slopes[1].numpy(), slopes[0].numpy(), rtol=1e-12)


def test_recompute_grad_gives_the_same_derivatives_to_any_order():
    w = gt.constant(0.7)
    plain, recomputed = [lambda x, f=f: f(x, w) for f in (block, gt.recompute_grad(block))]
    for n in (1, 2, 3):
        assert float(gt.derivative(recomputed, n)(0.3)) == pytest.approx(float(gt.derivative(plain, n)(0.3)))
    assert gt.recompute_grad(block).__wrapped__ is block and gt.recompute_grad(block).__name__ == "block"


def test_recompute_grad_runs_once_unrecorded_and_once_more_on_gradient():
    calls = []

    @gt.recompute_grad
    def f(x):
        calls.append(1)
        return gt.sin(gt.exp(gt.sin(x)))

    x = gt.constant(0.3)
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    assert len(calls) == 1 and len(tape._trace.slots) <= 2
    tape.gradient(y, x)
    assert len(calls) == 2


def test_recompute_grad_finds_variables():
    v = gt.Variable(2.0)
    f = gt.recompute_grad(lambda x: x * v * v)
    x = gt.constant(3.0)
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    assert [float(g) for g in tape.gradient(y, [x, v])] == [4.0, 12.0]
    assert tape.watched_variables()[0] is v


def test_recompute_grad_with_several_arguments_outputs_keywords_and_integers():
    @gt.recompute_grad
    def f(pair, n, *, scale):
        a, b = pair
        return {"sum": a * scale + b, "power": a**n}

    a, b, s = gt.constant(2.0), gt.constant(3.0), gt.constant(5.0)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch([a, b, s])
        out = f((a, b), 3, scale=s)
    assert [float(g) for g in tape.gradient(out["sum"], [a, b, s])] == [5.0, 1.0, 2.0]
    assert float(tape.gradient(out["power"], a)) == 12.0
    assert float(tape.gradient(out, a)) == 17.0


def test_recompute_grad_of_the_same_tensor_twice():
    x = gt.constant(3.0)
    f = gt.recompute_grad(lambda a, b: a * a * b)
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = f(x, x)
    assert float(tape.gradient(y, x)) == 27.0


def test_recompute_grad_inside_a_persistent_tape():
    x = gt.constant(0.3)
    f = gt.recompute_grad(lambda x: gt.exp(2 * x))
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        d = f(x)
        for n in range(1, 4):
            d = tape.gradient(d, x)
            assert float(d) == pytest.approx(2**n * np.exp(0.6))


def test_recompute_grad_in_forward_mode_and_vmap():  # TensorFlow: NotImplementedError
    f = gt.recompute_grad(lambda x: gt.sin(gt.exp(x)))
    plain = lambda x: gt.sin(gt.exp(x))
    x, t = gt.asarray([0.1, 0.3]), gt.asarray([1.0, 2.0])
    with gt.ForwardAccumulator(x, t) as acc:
        y = f(x)
    expected = gt.jvp(plain, (x,), (t,))[1].numpy()
    assert np.allclose(acc.jvp(y).numpy(), expected)
    assert np.allclose(gt.jvp(f, (x,), (t,))[1].numpy(), expected)
    assert np.allclose(gt.vmap(gt.grad(gt.grad(f)))(x).numpy(), gt.vmap(gt.grad(gt.grad(plain)))(x).numpy())
    assert np.allclose(gt.hessian(lambda x: gt.sum(f(x)))(x).numpy(), gt.hessian(lambda x: gt.sum(plain(x)))(x).numpy())


# -- grad_pass_through
def test_grad_pass_through_is_the_identity_for_gradients():
    x, v = gt.constant(2.4), gt.Variable(0.0)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = grad_pass_through(gt.round)(x) * x
        z = grad_pass_through(v.assign)(x) * 3
    assert float(y) == pytest.approx(4.8) and float(tape.gradient(y, x)) == pytest.approx(4.4)
    assert float(v) == 2.4 and float(tape.gradient(z, x)) == 3.0


def test_the_decorators_can_be_stacked():
    @gt.recompute_grad
    @gt.custom_gradient
    def f(x):
        return x * x, lambda g: g * 10 * x

    x = gt.constant(3.0)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = f(x)
        g = tape.gradient(y, x)
    assert (float(y), float(g), float(tape.gradient(g, x))) == (9.0, 30.0, 10.0)
