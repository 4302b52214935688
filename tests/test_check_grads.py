"""check_grads passes right rules and catches wrong ones, however slightly or late they are wrong."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
import pytest

from gradtape.functions import elementwise as e
from gradtape.functions.reductions import sum
from gradtape.primitive import Bilinear, Core, Elementwise, General, Linear, Zero, apply
from gradtape.testing import check_grads

X = np.array([[0.3, -1.2, 2.0], [0.7, 0.1, -0.4]])


class Pair(NamedTuple):
    left: Any
    right: Any


# -- right rules pass ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_right_rules_pass(order, dtype):
    check_grads(lambda x: e.sin(x) * e.exp(x), (X.astype(dtype),), order=order)


def test_several_arguments_of_different_shapes():
    check_grads(lambda a, b: e.hypot(a, b) / b, (X, np.array([1.0, 2.0, 3.0])), order=2)


def test_nested_containers_with_constants_among_them():
    point = {"w": [X, (X[0],)], "count": 3, "pair": Pair(X[1], None)}
    check_grads(
        lambda p, n: {"y": e.tanh(p["w"][0] * p["w"][1][0]) * p["count"], "n": n, "z": (p["pair"].left ** n,)},
        (point, 3),
        order=2,
    )


def test_numbers_and_a_single_argument():
    check_grads(e.sin, 0.5, order=3)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize(
    "f",
    [lambda z: e.exp(z) * z, lambda z: e.real(z) * e.imag(z), lambda z: e.conj(z) * e.abs(z), lambda z: e.abs(z) ** 2],
    ids=["holomorphic", "to real", "not holomorphic", "square of modulus"],
)
def test_complex_numbers(f, dtype):
    check_grads(f, (np.array([1 + 2j, 0.3 - 0.1j], dtype),), order=2)


def test_real_to_complex():
    check_grads(lambda x: e.exp(1j * x), (X,), order=2)


def test_empty_arrays_and_outputs_that_do_not_depend():
    check_grads(lambda x: (e.sin(x), np.ones(2)), (np.zeros((0, 3)),), order=2)
    check_grads(lambda x, y: x * 2.0, (X, X), order=2)


def test_singular_neighbourhoods_are_met_with_smaller_steps():
    check_grads(e.log, (np.array([1e-3, 1.0, 1e3]),), order=3)


# -- wrong rules are caught ---------------------------------------------------------------------------------------
def caught(f, *arguments, order=1, **options):
    """The message with which check_grads refuses f; at the orders below it must pass."""
    if order > 1:
        check_grads(f, arguments, order=order - 1, **options)
    with pytest.raises(AssertionError) as error:
        check_grads(f, arguments, order=order, **options)
    return str(error.value)


def of(primitive, **parameters):
    return lambda *arguments: apply(primitive, *arguments, **parameters)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("modes", [("reverse",), ("forward",), ("reverse", "forward")])
def test_off_by_a_twentieth_of_a_percent(dtype, modes):
    wrong = Elementwise("wrong_sin", np.sin, (lambda x: 1.0005 * e.cos(x),), register=False)
    message = caught(of(wrong), X.astype(dtype), modes=modes)
    assert f"{modes[-1]} mode, order 1, argument 0" in message and "differences say" in message


def test_wrong_in_one_entry_names_the_entry_and_both_numbers():
    factor = np.ones((2, 3))
    factor[1, 2] = 1.0005
    wrong = Elementwise("wrong_square", np.square, (lambda x: 2 * x * factor,), register=False)
    for mode in ("reverse", "forward"):
        message = caught(of(wrong), X, modes=(mode,))
        assert "at entry (1, 2)" in message, message
    message = caught(lambda x: sum(apply(wrong, x)), X, modes=("reverse",))
    got, want = re.search(r"is (\S+), differences say (\S+) ", message).groups()
    assert "at entry (1, 2)" in message
    assert float(got) / float(want) == pytest.approx(1.0005, rel=1e-8)


def test_the_argument_is_named():
    wrong = Elementwise("wrong_product", np.multiply, (lambda b: b, lambda a: 1.0005 * a), register=False)
    assert "argument 1['w']" in caught(lambda x, p: apply(wrong, x, p["w"]), X, {"w": X + 1})


def test_wrong_sign_in_one_argument_of_two():
    wrong = Elementwise("wrong_difference", np.subtract, (1, 1), register=False)
    assert "argument 1" in caught(of(wrong), X, X + 1)


def test_transposed_shape():
    square = X[:, :2]
    product = Linear("wrong_transpose", np.transpose, lambda g, x: g, batch=Core((2,)), register=False)
    message = caught(of(product), square, modes=("reverse",))
    assert "reverse mode, order 1" in message
    assert "the gradient at entry" in message


def test_wrong_shape():
    wrong = General("wrong_shape", lambda x: np.sum(x, axis=0), ("x",), jvp=lambda dx: dx, register=False)
    with pytest.raises((AssertionError, ValueError)):
        check_grads(of(wrong), (X,), modes=("forward",))


def test_wrong_in_one_transpose_of_a_bilinear_function():
    wrong = Bilinear(
        "wrong_matmul", np.matmul, lambda g, b: g @ b.mT, lambda g, a: 1.0005 * (a.mT @ g), Core((2, 2)), register=False
    )
    assert "argument 1" in caught(of(wrong), X, X.T + 1, modes=("reverse",))
    check_grads(of(wrong), (X, X.T + 1), order=1, modes=("forward",))


def test_wrong_at_second_order_only():
    cosine = Elementwise("wrong_cos", np.cos, (lambda x: -1.0005 * e.sin(x),), register=False)
    sine = Elementwise("sin_of_wrong_cos", np.sin, (lambda x: apply(cosine, x),), register=False)
    assert "order 2" in caught(of(sine), X, order=2)


def test_constant_where_a_derivative_should_flow():
    """A rule that computes with NumPy, or with a detached value, is right at first order and nowhere else."""
    sine = Elementwise("detached_sin", np.sin, (lambda x: e.stop_gradient(e.cos(x)),), register=False)
    assert "order 2" in caught(of(sine), X, order=2)


def test_a_guard_that_is_a_constant():
    def slope(x):
        return e.where(x == 0, 0.0, 2 * x)  # the right value of the slope, and a wrong slope of it

    wrong = Elementwise("guarded_square", np.square, (slope,), register=False)
    assert "order 2" in caught(of(wrong), np.array([0.0, 1.0]), order=2)


def test_wrong_at_third_order_only():
    third = Elementwise("wrong_sin_3", lambda x: -np.sin(x), (lambda x: -1.0005 * e.cos(x),), register=False)
    second = Elementwise("cos_of_wrong_sin", np.cos, (lambda x: apply(third, x),), register=False)
    first = Elementwise("sin_of_it", np.sin, (lambda x: apply(second, x),), register=False)
    assert "order 3" in caught(of(first), X, order=3)


def test_wrong_only_in_forward_mode():
    wrong = General(
        "wrong_forward", np.sin, ("x",), vjp=lambda g, x: g * e.cos(x), jvp=lambda dx, x: 1.0005 * dx * e.cos(x),
        batch="align", register=False,
    )  # fmt: skip
    check_grads(of(wrong), (X,), order=3, modes=("reverse",))
    assert "forward mode, order 1" in caught(of(wrong), X)


def test_wrong_only_in_reverse_mode():
    wrong = General(
        "wrong_reverse", np.sin, ("x",), vjp=lambda g, x: 1.0005 * g * e.cos(x), jvp=lambda dx, x: dx * e.cos(x),
        batch="align", register=False,
    )  # fmt: skip
    check_grads(of(wrong), (X,), order=3, modes=("forward",))
    assert "reverse mode, order 1" in caught(of(wrong), X)


def test_zero_gradient_of_what_is_not_constant():
    wrong = Zero("wrong_zero", np.sin, ("x",), batch="align", register=False)
    assert "order 1" in caught(of(wrong), X)


def test_missing_conjugate():
    wrong = Linear("wrong_conj", np.conj, lambda g, x: g * 1j, batch="align", register=False)
    assert "reverse mode" in caught(of(wrong), np.array([1 + 2j, 0.3 - 0.1j]))


def test_nan_is_no_derivative():
    wrong = Elementwise("nan_slope", np.sin, (lambda x: e.cos(x) * np.nan,), register=False)
    assert "nan" in caught(of(wrong), X)


# -- misuse -------------------------------------------------------------------------------------------------------
def test_unknown_mode():
    with pytest.raises(ValueError, match="'backward'"):
        check_grads(e.sin, (X,), modes=("backward",))


def test_nothing_to_differentiate():
    with pytest.raises(ValueError, match="no argument"):
        check_grads(lambda n: n, (3,))
    with pytest.raises(ValueError, match="returns no floating"):
        check_grads(lambda x: x > 0, (X,))


def test_tolerances_and_step_can_be_given():
    wrong = Elementwise("slightly_wrong", np.sin, (lambda x: 1.0005 * e.cos(x),), register=False)
    check_grads(of(wrong), (X,), rtol=1e-2)
    check_grads(of(wrong), (X,), rtol=0.0, atol=1e-2)
    check_grads(e.sin, (X,), eps=1e-3)
