"""Section 8: higher orders, by nested tapes and by one persistent tape."""

import math

import numpy as np
import pytest

import gradtape as gt


def test_the_inner_gradient_may_run_inside_or_just_after_the_inner_block():
    x = gt.constant(3.0)
    for inside in (True, False):
        with gt.GradientTape() as outer:
            outer.watch(x)
            with gt.GradientTape() as inner:
                inner.watch(x)
                y = x**3
                if inside:
                    g = inner.gradient(y, x)
            if not inside:
                g = inner.gradient(y, x)
        assert float(outer.gradient(g, x)) == 18.0


def test_watching_is_per_tape():
    x = gt.constant(3.0)
    with gt.GradientTape() as outer:
        with gt.GradientTape() as inner:
            inner.watch(x)
            y = x**3
        g = inner.gradient(y, x)
    assert outer.gradient(g, x) is None


@pytest.mark.parametrize("order", range(1, 10))
def test_one_persistent_tape_to_the_ninth_order(order):
    x = gt.Variable(0.3)
    with gt.GradientTape(persistent=True) as tape:
        d = gt.exp(2.0 * x)
        for _ in range(order - 1):
            d = tape.gradient(d, x)
    assert float(tape.gradient(d, x)) == pytest.approx(2.0**order * math.exp(0.6), rel=1e-13)


@pytest.mark.parametrize("order", range(1, 10))
def test_nested_tapes_to_the_ninth_order(order):
    x = gt.Variable(0.3)

    def derivative(n):
        if n == 0:
            return gt.sin(x)
        with gt.GradientTape() as tape:
            y = derivative(n - 1)
        return tape.gradient(y, x)

    assert float(derivative(order)) == pytest.approx(math.sin(0.3 + order * math.pi / 2), rel=1e-12)


def test_mixed_partial_derivatives_in_any_order():
    x, y = gt.Variable(5.0), gt.Variable(2.0)
    with gt.GradientTape(persistent=True) as tape:
        f = 2 * x**3 + 5 * y**2 + 11 * x * y + 5
        fx, fy = tape.gradient(f, [x, y])
        second = {
            "xx": tape.gradient(fx, x),
            "yy": tape.gradient(fy, y),
            "xy": tape.gradient(fx, y),
            "yx": tape.gradient(fy, x),
        }
    assert {name: float(value) for name, value in second.items()} == {"xx": 60.0, "yy": 10.0, "xy": 11.0, "yx": 11.0}
    assert (float(fx), float(fy)) == (172.0, 75.0)


def test_intermediates_and_cotangents_are_sources():
    x = gt.constant(2.0)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        z = y**3
        g = tape.gradient(z, y)  # 3 y²
        h = g * g
    assert float(tape.gradient(g, y)) == 6 * 4.0
    assert float(tape.gradient(h, g)) == 2 * 48.0


def test_the_gradient_of_a_gradient_is_a_row_sum_and_three_ways_give_hv():
    matrix = np.array([[2.0, 1.0, 0.0], [1.0, 3.0, -1.0], [0.0, -1.0, 4.0]])
    x, v = gt.asarray([1.0, 2.0, 3.0]), gt.asarray([0.5, -1.0, 2.0])

    def f(x):
        return 0.5 * gt.sum(x * gt.matmul(matrix, x)) + gt.sum(x**3) / 6

    hessian = matrix + np.diag([1.0, 2.0, 3.0])
    with gt.GradientTape(persistent=True) as outer:
        outer.watch(x)
        with gt.GradientTape() as inner:
            inner.watch(x)
            y = f(x)
        g = inner.gradient(y, x)
        gv = gt.sum(g * v)
    assert np.allclose(outer.gradient(g, x).numpy(), hessian.sum(0))
    with gt.ForwardAccumulator(x, v) as acc:
        with gt.GradientTape() as inner:
            inner.watch(x)
            y = f(x)
        g2 = inner.gradient(y, x)
    for found in (outer.gradient(g, x, output_gradients=v), outer.gradient(gv, x), acc.jvp(g2)):
        assert np.allclose(found.numpy(), hessian @ v.numpy())


def test_unrolled_optimisation_is_differentiable_through_tensors():
    rate = gt.Variable(0.1)
    with gt.GradientTape() as outer:
        w = gt.constant(1.0)
        for _ in range(3):
            with gt.GradientTape() as inner:
                inner.watch(w)
                loss = w * w
            w = w - rate * inner.gradient(loss, w)
    assert float(w) == pytest.approx(0.8**3)
    assert float(outer.gradient(w, rate)) == pytest.approx(-2 * 3 * 0.8**2)


def test_and_not_through_assign():
    rate, w = gt.Variable(0.1), gt.Variable(1.0)
    with gt.GradientTape() as outer:
        with gt.GradientTape() as inner:
            loss = w * w
        w.assign_sub(rate * inner.gradient(loss, w))
        y = w * w
    assert outer.gradient(y, rate) is None


def test_input_gradient_penalty():
    w, x = gt.Variable([[1.0, -2.0], [0.5, 3.0]]), gt.asarray([[1.0, 2.0]])
    with gt.GradientTape() as outer:
        with gt.GradientTape(watch_accessed_variables=False) as inner:
            inner.watch(x)
            out = gt.sum(gt.tanh(x @ w))
        g = inner.gradient(out, x)
        penalty = gt.sum(g * g)
    found = outer.gradient(penalty, w).numpy()

    def numbers(w):
        slope = 1 / np.cosh(x.numpy() @ w) ** 2
        return ((slope @ w.T) ** 2).sum()

    expected = np.zeros((2, 2))
    for i in np.ndindex(2, 2):
        step = np.zeros((2, 2))
        step[i] = 1e-6
        expected[i] = (numbers(w.numpy() + step) - numbers(w.numpy() - step)) / 2e-6
    assert np.allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("persistent", [False, True])
def test_a_pde_residual_differentiated_by_a_weight(persistent):
    w, x = gt.Variable(1.5), gt.asarray([0.2, 0.7])
    with gt.GradientTape() as weights:
        with gt.GradientTape(persistent) as t2:
            t2.watch(x)
            with gt.GradientTape() as t1:
                t1.watch(x)
                u = gt.sin(w * x)
            u_x = t1.gradient(u, x)
        u_xx = t2.gradient(u_x, x)
        residual = gt.sum(u_xx)
    p, q = 1.5, x.numpy()
    assert u_xx.numpy() == pytest.approx(-p * p * np.sin(p * q))
    expected = (-2 * p * np.sin(p * q) - p * p * q * np.cos(p * q)).sum()
    assert float(weights.gradient(residual, w)) == pytest.approx(expected)
