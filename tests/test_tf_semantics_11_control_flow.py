"""Section 11: Python control flow on Tensors."""

import numpy as np

import gradtape as gt


def derivative(f, at):
    x = gt.constant(at)
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    return tape.gradient(y, x)


def test_if_records_the_branch_taken():
    f = lambda x: x * x if x > 1 else 5 * x
    assert float(derivative(f, 3.0)) == 6.0 and float(derivative(f, 0.0)) == 5.0


def test_while_and_for():
    def newton(x):
        y = x
        while abs(y * y - x) > 1e-12:
            y = (y + x / y) / 2
        return y

    assert abs(float(derivative(newton, 4.0)) - 0.25) < 1e-12

    def power(x, n=5):
        y = gt.constant(1.0)
        for _ in range(n):
            y = y * x
        return y

    assert float(derivative(power, 2.0)) == 80.0


def test_max_and_sorted_of_python():
    assert derivative(lambda x: max(x[0] * 2, x[1]), [1.0, 5.0]).tolist() == [0.0, 1.0]
    assert derivative(lambda x: sorted([x[0], x[1], x[2]])[0] * 3, [5.0, 1.0, 2.0]).tolist() == [0.0, 3.0, 0.0]


def test_range_of_an_integer_tensor():
    n, x = gt.asarray(3), gt.constant(2.0)
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = gt.constant(1.0)
        for _ in range(n):
            y = y * x
    assert float(tape.gradient(y, x)) == 12.0


def test_conditions_have_no_gradient():
    assert derivative(lambda x: gt.constant(1.0) if x > 0 else x, 1.0) is None


def test_iteration_slices_differentiably():
    x = gt.asarray(np.arange(6.0).reshape(3, 2))
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = gt.constant(0.0)
        for i, row in enumerate(x):
            y = y + (i + 1) * gt.sum(row * row)
    assert tape.gradient(y, x).tolist() == [[0.0, 2.0], [8.0, 12.0], [24.0, 30.0]]
