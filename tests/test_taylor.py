"""Taylor mode: what taylor() gives, its accuracy, its cost, and that it refuses what it cannot do."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from itertools import permutations
from typing import Any, NamedTuple

import mpmath as mp
import numpy as np
import pytest
from numpy.polynomial import Polynomial

import gradtape as gt

X = np.array([0.3, -0.8, 1.2])
V = np.array([1.0, 0.5, -2.0])


# -- the result ----------------------------------------------------------------------------------------------------
def test_coefficients_derivatives_and_polynomial() -> None:
    s = gt.taylor(lambda x: x**3 - 2 * x, 2.0, 1.0, order=4)
    assert [float(c) for c in s.coefficients] == [4.0, 10.0, 6.0, 1.0, 0.0]
    assert [float(d) for d in s.derivatives] == [4.0, 10.0, 12.0, 6.0, 0.0]
    assert s.order == 4
    assert float(s(0.5)) == 2.5**3 - 5
    np.testing.assert_allclose(s(np.array([0.0, 1.0])).numpy(), [4.0, 21.0])


def test_a_direction_scales_the_line() -> None:
    s = gt.taylor(lambda x: gt.sum(gt.exp(x)), X, V, 5)
    for k, c in enumerate(s.coefficients):
        np.testing.assert_allclose(float(c), np.sum(V**k * np.exp(X)) / math.factorial(k), rtol=1e-14)
    np.testing.assert_allclose(float(s(1e-2)), np.sum(np.exp(X + 1e-2 * V)), rtol=1e-9)


def test_containers_in_and_out() -> None:
    def f(p: Any) -> Any:
        return {"product": p["a"] * p["b"][0], "sum": (gt.sum(p["b"][1]), 7.0)}

    x = {"a": 2.0, "b": (3.0, np.ones(2))}
    v = {"a": 1.0, "b": (-1.0, np.array([1.0, 2.0]))}
    s = gt.taylor(f, x, v, 2)
    assert [float(c["product"]) for c in s.coefficients] == [6.0, 1.0, -1.0]
    assert [float(c["sum"][0]) for c in s.coefficients] == [2.0, 3.0, 0.0]
    assert [float(c["sum"][1]) for c in s.coefficients] == [7.0, 0.0, 0.0]
    assert float(s(1.0)["product"]) == 6.0


def test_dtypes_and_complex_arguments() -> None:
    s = gt.taylor(lambda x: gt.tanh(x) / x, np.float32(0.5), np.float32(1.0), 6)
    assert {c.dtype for c in s.coefficients} == {np.dtype(np.float32)}
    z = 0.3 + 0.4j
    s = gt.taylor(lambda x: gt.exp(1j * x) * gt.log(x), z, 1.0, 4)
    with mp.workdps(40):
        want = mp.taylor(lambda x: mp.exp(1j * x) * mp.log(x), mp.mpmathify(z), 4)
    np.testing.assert_allclose([complex(c.item()) for c in s.coefficients], [complex(w) for w in want], rtol=1e-12)
    real = gt.taylor(lambda x: gt.real(gt.exp(1j * x)), 0.5, 1.0, 3)
    np.testing.assert_allclose([float(d) for d in real.derivatives], [np.cos(0.5 + k * np.pi / 2) for k in range(4)])


def test_several_directions_at_once() -> None:
    """vmap over the direction: what does not depend on it is computed once."""
    calls = []

    def f(x: Any) -> Any:
        calls.append(1)
        return gt.sum(gt.sin(x) * x[::-1])

    third = gt.vmap(lambda v: gt.taylor(f, X, v, 3).derivatives[3])(np.eye(3))
    assert len(calls) == 1
    want = [float(gt.taylor(f, X, e, 3).derivatives[3]) for e in np.eye(3)]
    np.testing.assert_allclose(third.numpy(), want, rtol=1e-13)
    rows = gt.vmap(lambda x: gt.taylor(f, x, V, 2).coefficients)(np.stack([X, 2 * X]))
    np.testing.assert_allclose(rows[2].numpy()[1], float(gt.taylor(f, 2 * X, V, 2).coefficients[2]), rtol=1e-13)


def test_a_result_goes_through_vmap() -> None:
    s = gt.vmap(lambda x: gt.taylor(gt.sin, x, 1.0, 3))(X)
    np.testing.assert_allclose(s.derivatives[3].numpy(), -np.cos(X), rtol=1e-14)


def test_gradient_of_a_fourth_derivative_in_weights() -> None:
    """A tape outside follows the coefficients: d/dw of the 4th derivative of sin(w x) is 4 w^3 sin(w x) + w^4 x cos."""
    w = gt.Variable(1.3)
    x = 0.4
    with gt.GradientTape() as tape:
        fourth = gt.taylor(lambda t: gt.sin(w * t), x, 1.0, 4).derivatives[4]
    want = 4 * 1.3**3 * np.sin(1.3 * x) + 1.3**4 * x * np.cos(1.3 * x)
    np.testing.assert_allclose(float(tape.gradient(fourth, w)), want, rtol=1e-13)
    g = gt.grad(lambda w: gt.derivative(lambda t: gt.sin(w * t), 4)(x))(1.3)
    np.testing.assert_allclose(float(g), want, rtol=1e-13)
    h = gt.derivative(lambda w: gt.derivative(lambda t: gt.sin(w * t), 4)(x), 1)(1.3)
    np.testing.assert_allclose(float(h), want, rtol=1e-13)


def test_taylor_of_a_gradient() -> None:
    s = gt.taylor(gt.grad(lambda x: gt.sum(x**4)), X, V, 3)
    np.testing.assert_allclose(s.derivatives[2].numpy(), 24 * X * V**2, rtol=1e-13)

    def with_tape(x: Any) -> Any:
        with gt.GradientTape() as tape:
            tape.watch(x)
            y = gt.sum(gt.exp(x))
        return tape.gradient(y, x)

    np.testing.assert_allclose(gt.taylor(with_tape, X, V, 4).derivatives[4].numpy(), V**4 * np.exp(X), rtol=1e-13)


def test_custom_rules_are_not_bypassed() -> None:
    """A rule that is wrong on purpose shows in every coefficient: it says f' = 2 x where f = x."""
    for f in (
        gt.custom(lambda x: x * 1.0, vjp=lambda g, y, x: g * 2 * x),
        gt.custom(lambda x: x * 1.0, jvp=lambda tangents, y, x: tangents[0] * 2 * x),
        gt.custom_gradient(lambda x: (x * 1.0, lambda g: g * 2 * x)),
    ):
        s = gt.taylor(lambda x, f=f: f(x) * 1.0, 3.0, 1.0, 3)
        assert [float(c) for c in s.coefficients] == [3.0, 6.0, 1.0, 0.0]
        inner = gt.taylor(lambda x, f=f: f(gt.sin(x)), 0.3, 1.0, 3)  # f' = 2 sin x cos x
        want = [np.sin(0.3), np.sin(0.6), 2 * np.cos(0.6), -4 * np.sin(0.6)]
        np.testing.assert_allclose([float(d) for d in inner.derivatives], want, rtol=1e-13)


def test_values_decide_control_flow() -> None:
    f = lambda x: gt.sin(x) if x > 0 else gt.cos(x)
    assert float(gt.taylor(f, -0.5, 1.0, 1).derivatives[1]) == np.sin(0.5)
    with pytest.warns(UserWarning, match="constant"):
        s = gt.taylor(lambda x: x * float(x), 3.0, 1.0, 2)
    assert [float(c) for c in s.coefficients] == [9.0, 3.0, 0.0]


def test_long_programs_do_not_recurse() -> None:
    def f(x: Any) -> Any:
        for _ in range(3000):
            x = x * 1.0001 + 1e-5
        return x

    s = gt.taylor(f, 0.5, 1.0, 2)
    np.testing.assert_allclose(float(s.coefficients[1]), 1.0001**3000, rtol=1e-9)


def test_an_error_inside_leaves_everything_as_before() -> None:
    with pytest.raises(ZeroDivisionError):
        gt.taylor(lambda x: gt.sin(x) / 0 if 1 // 0 else x, 1.0, 1.0, 2)
    from gradtape.context import LEVEL, OPEN, active

    assert (LEVEL.get(), OPEN.get(), active()) == (0, frozenset(), ())


def test_derivative_is_elementwise_and_keeps_to_gradients_elsewhere() -> None:
    np.testing.assert_allclose(gt.derivative(gt.sin, 3)(X).numpy(), -np.cos(X), rtol=1e-14)
    np.testing.assert_allclose(gt.derivative(lambda x: gt.sum(x**3), 2)(X).numpy(), 6 * X, rtol=1e-14)
    np.testing.assert_allclose(gt.derivative(lambda x: gt.exp(2j * x), 2)(0.5j).item(), -4 * np.exp(-1.0), rtol=1e-14)


# -- refusals ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("order", [0, -1, 1.5, True, "2", None])
def test_an_order_that_is_none_is_refused(order: Any) -> None:
    with pytest.raises(ValueError, match=r"gradtape\.taylor: order must be a positive int"):
        gt.taylor(gt.sin, 1.0, 1.0, order)
    with pytest.raises(ValueError, match=r"gradtape\.derivative: order must be a positive int"):
        gt.derivative(gt.sin, order)


def test_other_bad_input() -> None:
    with pytest.raises(ValueError, match=r"direction has shape \(2,\), x has \(3,\)"):
        gt.taylor(gt.sin, X, V[:2], 2)
    with pytest.raises(ValueError, match="direction has 1 arrays, x has 2"):
        gt.taylor(lambda p: p[0], (X, X), (V,), 2)
    with pytest.raises(TypeError, match=r"x has dtype int64, and only floating numbers have derivatives"):
        gt.taylor(gt.sin, 3, 1.0, 2)
    with pytest.raises(TypeError, match="direction is complex and x is real"):
        gt.taylor(gt.sin, 3.0, 1j, 2)
    with pytest.raises(TypeError, match="f must be a function"):
        gt.taylor(3.0, 3.0, 1.0, 2)
    with pytest.raises(TypeError, match="no array"):
        gt.taylor(lambda x: "text", 3.0, 1.0, 2)


# -- accuracy ------------------------------------------------------------------------------------------------------
S = gt.special


class Scalar(NamedTuple):
    """A function by gradtape and by mpmath, and a point at which its coefficients are well conditioned."""

    name: str
    f: Callable[[Any], Any]
    reference: Callable[[Any], Any]
    point: float
    derivative: Callable[[int, Any], Any] | None = None  # of order k > 0, where mpmath knows it


def bessel(f: Any, order: float, sign: int, divisor: int, k: int, x: Any) -> Any:
    """The kth derivative, from f' = (f of order - 1, plus or minus f of order + 1) / divisor."""
    return sum(sign**j * mp.binomial(k, j) * f(order - k + 2 * j, x) for j in range(k + 1)) / mp.mpf(divisor) ** k


SCALARS = [
    Scalar("composition", lambda x: gt.exp(gt.sin(x)) * gt.tanh(x), lambda x: mp.exp(mp.sin(x)) * mp.tanh(x), 0.7),
    Scalar("pole", lambda x: 1 / (1 - x), lambda x: 1 / (1 - x), 0.5),
    Scalar("two poles", lambda x: (x + 3) / (x * x - 2), lambda x: (x + 3) / (x * x - 2), 0.4),
    Scalar("branch point", lambda x: gt.log(1 + x * x) * gt.sqrt(x), lambda x: mp.log(1 + x * x) * mp.sqrt(x), 1.1),
    Scalar("near a branch point", lambda x: gt.sqrt(x), mp.sqrt, 1e-3),
    Scalar("logarithm", lambda x: gt.log(gt.log(x)), lambda x: mp.log(mp.log(x)), 3.0),
    Scalar("log1p", gt.log1p, mp.log1p, 0.2),
    Scalar("expm1", gt.expm1, mp.expm1, 1e-5),
    Scalar("arctangent", lambda x: gt.atan(x * x), lambda x: mp.atan(x * x), 0.4),
    Scalar("arcsine", gt.asin, mp.asin, 0.3),
    Scalar(
        "area functions",
        lambda x: gt.asinh(x) + gt.acosh(x + 2) * gt.atanh(x),
        lambda x: mp.asinh(x) + mp.acosh(x + 2) * mp.atanh(x),
        0.3,
    ),
    Scalar("tangent", gt.tan, mp.tan, 1.0),
    Scalar("hyperbolic quotient", lambda x: gt.sinh(x) / gt.cosh(2 * x), lambda x: mp.sinh(x) / mp.cosh(2 * x), 0.3),
    Scalar("tail of tanh", gt.tanh, mp.tanh, 5.0),
    Scalar("tail of a sigmoid", S.expit, lambda x: 1 / (1 + mp.exp(-x)), 20.0),
    Scalar("softplus", S.softplus, lambda x: mp.log1p(mp.exp(x)), -3.0),
    Scalar("real power", lambda x: x**2.5, lambda x: x ** mp.mpf(2.5), 1.3),
    Scalar("negative power", lambda x: x**-1.5, lambda x: x ** mp.mpf(-1.5), 0.3),
    Scalar("integer power", lambda x: (1 + x) ** 25, lambda x: (1 + x) ** 25, 0.25),
    Scalar("x to the x", lambda x: x**x, lambda x: x**x, 1.3),
    Scalar("power of two", gt.exp2, lambda x: mp.mpf(2) ** x, 0.3),
    Scalar("cube root", gt.cbrt, mp.cbrt, 2.0),
    Scalar("distance", lambda x: gt.hypot(x, 1.0), lambda x: mp.hypot(x, 1), 0.3),
    Scalar(
        "log of a sum",
        lambda x: gt.logaddexp(x, 1 - x * x),
        lambda x: mp.log(mp.exp(x) + mp.exp(1 - x * x)),
        0.3,
    ),
    Scalar("erf", lambda x: S.erf(x) * gt.cos(3 * x), lambda x: mp.erf(x) * mp.cos(3 * x), 0.3),
    Scalar("tail of erfc", S.erfc, mp.erfc, 5.0),
    Scalar("gammaln", S.gammaln, mp.loggamma, 2.5, lambda k, x: mp.psi(k - 1, x)),
    Scalar("gamma", S.gamma, mp.gamma, 2.5),
    Scalar("digamma", S.digamma, mp.digamma, 0.7, mp.psi),
    Scalar("Bessel, modified", S.i0, lambda x: mp.besseli(0, x), 1.2),
    Scalar("Bessel", S.j0, lambda x: mp.besselj(0, x), 1.7, lambda k, x: bessel(mp.besselj, 0, -1, 2, k, x)),
    Scalar("Bessel of order 1.5", lambda x: S.jv(1.5, x), lambda x: mp.besselj(1.5, x), 2.0,
           lambda k, x: bessel(mp.besselj, 1.5, -1, 2, k, x)),
    Scalar("Bessel, second kind", S.y1, lambda x: mp.bessely(1, x), 2.5,
           lambda k, x: bessel(mp.bessely, 1, -1, 2, k, x)),
    Scalar("Bessel, decaying", S.k0, lambda x: mp.besselk(0, x), 1.4, lambda k, x: bessel(mp.besselk, 0, 1, -2, k, x)),
    Scalar("cardinal sine", gt.sinc, lambda x: mp.sinc(mp.pi * x), 0.3),
]  # fmt: skip


@pytest.mark.parametrize("s", SCALARS, ids=lambda s: s.name)
def test_twenty_orders_against_mpmath(s: Scalar) -> None:
    with mp.workdps(45):
        x = mp.mpf(s.point)
        if s.derivative is None:
            want = mp.taylor(s.reference, x, 20)
        else:
            want = [s.reference(x), *[s.derivative(k, x) / mp.factorial(k) for k in range(1, 21)]]
        got = [mp.mpf(float(c)) for c in gt.taylor(s.f, s.point, 1.0, 20).coefficients]
        errors = [float(abs(c - w) / abs(w)) if w else float(abs(c)) for c, w in zip(got, want, strict=True)]
    assert max(errors) < 1e-10, errors


def test_the_twentieth_derivative_of_a_pole() -> None:
    """Which nobody finishes by nesting."""
    assert float(gt.derivative(lambda x: 1 / (1 - x), 20)(0.5)) == math.factorial(20) * 2.0**21


def test_integer_powers_at_zero() -> None:
    assert [float(d) for d in gt.taylor(lambda x: x**3, 0.0, 1.0, 4).derivatives] == [0, 0, 0, 6, 0]
    square = gt.taylor(lambda x: gt.power(x, gt.constant(2.0)), 0.0, 1.0, 3)
    assert [float(d) for d in square.derivatives] == [0, 0, 2, 0]
    half = [float(d) for d in gt.taylor(lambda x: x**2.5, 0.0, 1.0, 3).derivatives]
    assert half == [0.0, 0.0, 0.0, np.inf]


def test_determinants_of_singular_matrices_at_polynomial_cost() -> None:
    """det(x + t v) is a polynomial in t, with det(v) its highest coefficient."""
    x = np.outer([1.0, 2.0, -1.0, 0.5], [0.3, -1.0, 2.0, 1.0])
    v = np.random.default_rng(0).normal(size=(4, 4))
    start = time.perf_counter()
    series = gt.taylor(gt.linalg.det, x, v, 24)
    gradient = gt.taylor(gt.grad(gt.linalg.det), x, v, 24)
    assert time.perf_counter() - start < 5
    c = [float(c) for c in series.coefficients]
    np.testing.assert_allclose(c[4], np.linalg.det(v), rtol=1e-12)
    np.testing.assert_allclose(c[5:] + c[:3], 0, atol=1e-12)
    np.testing.assert_allclose(c[3], np.sum(gt.grad(gt.linalg.det)(v).numpy() * x), rtol=1e-12)
    cofactors = gradient.coefficients[3].numpy()
    np.testing.assert_allclose(cofactors, np.linalg.det(v) * np.linalg.inv(v).T, rtol=1e-10)


@pytest.mark.parametrize("x", [1e-9, -1e-4, 0.3, 40.0, -40.0])
def test_the_logistic_function_s_kin_keep_their_digits_beside_their_centre(x: float) -> None:
    logistic = lambda x: 1 / (1 + mp.exp(-x))
    kin = [
        (gt.special.expit, logistic),
        (gt.nn.softplus, lambda x: mp.log1p(mp.exp(x))),
        (gt.special.log_expit, lambda x: mp.log(logistic(x))),
        (lambda x: gt.logaddexp(0.0, x), lambda x: mp.log1p(mp.exp(x))),
        (gt.nn.silu, lambda x: x * logistic(x)),
        (gt.tanh, mp.tanh),
    ]
    for f, exact in kin:
        with mp.workdps(60):
            wants = [float(c) for c in mp.taylor(exact, mp.mpf(x), 7)]
        got = [float(c) for c in gt.taylor(f, x, 1.0, order=7).coefficients]
        np.testing.assert_allclose(got, wants, rtol=4e-15)


def test_what_is_not_selected_is_harmless() -> None:
    f = lambda x: gt.where(x > 0, gt.sqrt(x), x**2) + gt.minimum(1 / x, 5.0)
    with np.errstate(all="ignore"):
        s = gt.taylor(f, np.array([-2.0, 0.0]), np.ones(2), 4)
    np.testing.assert_array_equal(s.derivatives[2].numpy(), [2.0 - 0.25, 2.0])


# -- large arrays --------------------------------------------------------------------------------------------------
LARGE = {
    "exp": gt.exp,
    "sin": gt.sin,
    "cos": gt.cos,
    "tanh": gt.tanh,
    "log": lambda x: gt.log(3 + x),
    "square root": lambda x: gt.sqrt(3 + x),
    "quotient": lambda x: (1 + x) / (x * x + 2),
    "power": lambda x: (3 + x) ** 2.5,
    "constants": lambda x: 2 * x - 1 + x / 3 - x,
    "one that has no recurrence of its own": lambda x: gt.special.expit(x) * gt.atan(x),
    "a branch not taken": lambda x: gt.where(x > 0, gt.sqrt(x), x**2) + gt.sqrt(gt.where(x > 0, x, 0.0)),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_arrays_are_computed_as_their_elements_are(name: str) -> None:
    """They go through in blocks, with products that are looked at for 0 times infinity afterwards."""
    random = np.random.default_rng(0)
    x, v = random.uniform(-2, 2, (150, 200)), random.normal(size=(150, 200))
    v[0] = 0.0
    with np.errstate(all="ignore"):
        whole = gt.taylor(LARGE[name], x, v, 5)
        assert not any(np.isnan(c.numpy()).any() for c in whole.coefficients)
        for i, j in [(0, 3), (0, 4), (149, 199), *random.integers(0, 150, (12, 2))]:
            alone = gt.taylor(LARGE[name], x[i, j], v[i, j], 5)
            for c, w in zip(alone.coefficients, whole.coefficients, strict=True):
                np.testing.assert_allclose(float(c), w.numpy()[i, j], rtol=1e-12, atol=1e-12)


def test_large_arrays_that_broadcast() -> None:
    random = np.random.default_rng(1)
    x, v, b = random.normal(size=(300, 1)), random.normal(size=(300, 1)), random.normal(size=100)
    f = lambda x: gt.sum(gt.hypot(x, b) * gt.tanh(x * b + b) + gt.atan2(b, x), axis=1)
    whole = gt.taylor(f, x, v, 4)
    rows = [gt.taylor(f, x[i : i + 1], v[i : i + 1], 4) for i in (0, 200)]
    for k in range(5):
        np.testing.assert_allclose(whole.coefficients[k].numpy()[[0]], rows[0].coefficients[k].numpy(), rtol=1e-11)
        np.testing.assert_allclose(whole.coefficients[k].numpy()[[200]], rows[1].coefficients[k].numpy(), rtol=1e-11)


def test_terms_of_large_arrays_share_no_memory_that_is_written() -> None:
    """A sum with a constant hands its terms on as they are; writing into the sum leaves them alone."""

    def f(x: Any) -> Any:
        y = gt.exp(x)
        z = y + 1.0
        z[0] = 0.0
        return y, z

    (y, z) = gt.taylor(f, X, V, 2).coefficients[2]
    np.testing.assert_allclose(y.numpy(), V**2 * np.exp(X) / 2, rtol=1e-14)
    np.testing.assert_allclose(z.numpy(), [0.0, *(V**2 * np.exp(X) / 2)[1:]], rtol=1e-14)


# -- cost ----------------------------------------------------------------------------------------------------------
def seconds(f: Callable[[], Any], repeats: int = 5) -> float:
    """The least time of a few."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        f()
        times.append(time.perf_counter() - start)
    return min(times)


def test_cost_grows_at_most_quadratically_with_the_order() -> None:
    f = lambda x: gt.exp(gt.sin(x)) * gt.tanh(x) + gt.sqrt(x) * gt.log(x) / x**2.5
    low, high = [seconds(lambda k=k: gt.taylor(f, 0.7, 1.0, k)) for k in (16, 128)]
    assert high < 64 * low


def test_cost_of_matrix_functions_is_polynomial() -> None:
    a = np.diag([1.0, 2.0, 4.0]) + 0.1
    b = np.ones((3, 3)) + np.eye(3)
    f = lambda x: gt.sum(gt.linalg.inv(x) @ gt.linalg.cholesky(x)) + gt.sum(gt.linalg.eigh(x)[0] ** 2)
    low, high = [seconds(lambda k=k: gt.taylor(f, a, b, k), 2) for k in (4, 16)]
    assert high < 4**3 * low


@pytest.mark.parametrize("n", [1, 2, 5, 6])
def test_terms_of_derivatives_of_products(n: int) -> None:
    """Of first, second and third order, to term 12 (each took minutes); prod(x + t v) is a polynomial in t."""
    x, v, w = np.linspace(0.5, 1.5, n), np.linspace(-1.0, 2.0, n), np.cos(np.arange(n))
    x[0], start = 0.0, time.perf_counter()
    f = gt.prod
    for depth in range(4):
        got = gt.taylor(f, x, v, 12).coefficients
        want = Polynomial([0.0])
        for chosen in permutations(range(n), depth):  # (w . d/dx)^depth of a product: the chosen factors' places
            rest = Polynomial([np.prod([w[i] for i in chosen])])
            for i in set(range(n)) - set(chosen):
                rest = rest * Polynomial([x[i], v[i]])
            want = want + rest
        wants = np.concatenate([want.coef, np.zeros(13)])[:13]
        np.testing.assert_allclose([float(c) for c in got], wants, rtol=1e-12, atol=1e-13 * np.abs(wants).max())
        f = lambda x, f=f: gt.sum(gt.grad(f)(x) * w)
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)], ids=str)
@pytest.mark.parametrize("axis", [None, 0, -1])
def test_series_of_products_of_nothing(axis: int | None, shape: tuple[int, ...]) -> None:
    f = lambda x: gt.grad(lambda x: gt.sum(gt.prod(x, axis=axis)))(x)
    assert [c.shape for c in gt.taylor(f, np.zeros(shape), np.ones(shape), 2).coefficients] == [shape] * 3


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_derivative_of_a_curve_is_a_curve(order):
    """At a number the value may be an array or a container; a part that does not move has derivatives 0."""
    f = lambda t: {"sin": gt.stack([gt.sin(t), gt.sin(2 * t)]), "fixed": gt.asarray([[1.0, 2.0]]), "t": t**2}
    got = gt.derivative(f, order)(0.3)
    want = [np.cos(0.3), 2 * np.cos(0.6)] if order == 1 else [-np.sin(0.3), -4 * np.sin(0.6)]
    want = want if order < 3 else [-np.cos(0.3), -8 * np.cos(0.6)]
    np.testing.assert_allclose(got["sin"], want, rtol=1e-14)
    assert got["fixed"].tolist() == [[0.0, 0.0]]
    assert float(got["t"]) == [0.6, 2.0, 0.0][order - 1]
    inside = gt.grad(lambda t: gt.sum(gt.derivative(f, order)(t)["sin"]))(0.3)
    np.testing.assert_allclose(inside, gt.sum(gt.derivative(f, order + 1)(0.3)["sin"]), rtol=1e-13)


# -- high orders ---------------------------------------------------------------------------------------------------
def pole(k: int, x: Any, at: int) -> Any:
    """The kth derivative of 1 / (at - x)."""
    return mp.factorial(k) / (at - x) ** (k + 1)


#: Functions, points, and what the kth derivative is there.
FAR: dict[str, tuple[Callable[[Any], Any], float, Callable[[int, Any], Any]]] = {
    "exp": (gt.exp, 0.0, lambda k, x: mp.exp(x)),
    "sin": (gt.sin, 0.5, lambda k, x: mp.sin(x + k * mp.pi / 2)),
    "pole near": (lambda x: 1 / (1 - x), 0.0, lambda k, x: pole(k, x, 1)),
    "pole": (lambda x: 1 / (2 - x), 0.0, lambda k, x: pole(k, x, 2)),
    "log": (gt.log, 3.0, lambda k, x: -pole(k - 1, x, 0) if k else mp.log(x)),
    "line": (lambda x: 3 * x, 1.0, lambda k, x: mp.mpf(3 if k == 1 else 0)),
}
ORDERS = {
    "float64": [20, 100, 150, 170, 171, 177, 200, 250, 300, 400],
    "float32": [6, 20, 34, 35, 36, 50, 60],
    "float16": [*range(2, 23)],
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", ORDERS)
@pytest.mark.parametrize("name", FAR)
def test_high_orders_where_the_derivative_is_in_range(name: str, dtype: str) -> None:
    """n! leaves the range of numbers, and coefficients do at the other end; beyond it the derivative is infinite."""
    f, x, true = FAR[name]
    limits = np.finfo(dtype)
    with mp.workdps(400):
        for order in ORDERS[dtype]:
            want = true(order, mp.mpf(x))
            series = gt.taylor(f, np.array(x, dtype), np.array(1, dtype), order)
            many = gt.derivative(f, order)(np.full(3, x, dtype))
            for got in (gt.derivative(f, order)(np.array(x, dtype)), many[2], series.derivatives[order]):
                assert got.dtype == dtype
                if abs(want) > limits.max:
                    assert not np.isfinite(float(got)), order
                else:
                    assert abs(float(got) - want) <= (order + 10) * float(limits.eps) * abs(want), order


def test_coefficients_and_values_of_a_long_series() -> None:
    """Coefficients are rounded to what there is of numbers, derivatives and values are none the worse for it."""
    s = gt.taylor(gt.exp, 0.0, 2.0, 300)
    assert s.order == 300
    with mp.workdps(50):
        want = [float(mp.mpf(2) ** k / mp.factorial(k)) for k in range(301)]
    assert want[-1] == 0.0
    np.testing.assert_allclose([float(c) for c in s.coefficients], want, rtol=1e-13, atol=1e-323)
    np.testing.assert_allclose([float(d) for d in s.derivatives], 2.0 ** np.arange(301), rtol=1e-13)
    np.testing.assert_allclose(float(s(20.0)), np.exp(40.0), rtol=1e-13)
    rows = gt.vmap(lambda x: gt.taylor(gt.exp, x, 1.0, 200))(np.array([0.0, 1.0]))
    np.testing.assert_allclose(rows.derivatives[200].numpy(), [1.0, np.e], rtol=1e-13)
    slope = gt.grad(lambda w: gt.derivative(lambda t: gt.exp(w * t), 180)(0.0))(1.0)
    np.testing.assert_allclose(float(slope), 180.0, rtol=1e-12)


@pytest.mark.parametrize("library", ["numpy", "torch", "array_api_strict"])
def test_high_orders_of_the_exponential_of_a_matrix(library: str) -> None:
    """exp(t M) with M M = 1: its derivatives at 0 are 1 and M in turn."""
    xp = pytest.importorskip(library)
    M = np.array([[0.0, 1.0], [1.0, 0.0]])
    made = gt.asarray(xp.asarray(M, dtype=xp.float64))
    for order in (20, 30, 60, 100, 127) + (170, 200, 300) * (library == "numpy"):
        got = gt.derivative(lambda t: gt.linalg.expm(t * made), order)(gt.asarray(xp.asarray(0.0, dtype=xp.float64)))
        np.testing.assert_allclose(got.numpy(), M if order % 2 else np.eye(2), rtol=1e-12, atol=1e-12)


def test_a_series_of_ones_own() -> None:
    """Coefficients may be numbers, and containers."""
    assert gt.TaylorSeries((1.0, 2.0, 3.0)).derivatives == (1.0, 2.0, 6.0)
    own = gt.TaylorSeries(({"a": 1.0, "b": np.ones(2)}, {"a": 2.0, "b": np.ones(2)}, {"a": 3.0, "b": np.ones(2)}))
    assert own.derivatives[2]["a"] == 6.0
    assert own.derivatives[2]["b"].tolist() == [2.0, 2.0]


def test_an_order_beyond_the_range_of_the_dtype_is_refused() -> None:
    x = np.float16(0.5)
    with pytest.raises(ValueError, match=r"gradtape\.derivative: order=40 is beyond the range of float16: .* wider"):
        gt.derivative(gt.exp, 40)(x)
    assert float(gt.derivative(lambda x: gt.exp(gt.astype(x, np.float64)), 20)(x)) == pytest.approx(np.exp(0.5))
    with pytest.raises(ValueError, match=r"gradtape\.taylor: order=40 is beyond the range of float16"):
        gt.taylor(gt.exp, x, x, 40)
