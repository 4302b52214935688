"""Differential operators: against Hessians and closed forms, at points and batches, differentiated again; refusals."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradtape as gt

RANDOM = np.random.default_rng(0)
POINTS = RANDOM.uniform(0.2, 1.5, (5, 3))
EYE = np.eye(3)
W1, W2, W3 = RANDOM.normal(size=(3, 8)), RANDOM.normal(size=(8, 8)) / 3, RANDOM.normal(size=8)


def network(x: Any, weights: Any = (W1, W2, W3)) -> Any:
    """A small network of three inputs."""
    w1, w2, w3 = weights
    return gt.tanh(gt.tanh(x @ w1) @ w2) @ w3


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "polynomial": lambda x: x[0] ** 3 * x[1] + x[2] ** 2 * x[0] - 4 * x[1],
    "network": network,
    "quotient": lambda x: gt.sin(x[0]) / (x[1] + x[2] ** 2),
    "norms": lambda x: gt.linalg.norm(x) * gt.exp(-gt.sum(x * x)),
    "reductions": lambda x: gt.logsumexp(x) * gt.prod(x) + gt.var(x) * gt.max(x),
    "linear algebra": lambda x: gt.linalg.slogdet(gt.outer(x, x) + EYE)[1] + gt.linalg.solve(W2[:3, :3], x)[0] ** 2,
    "indexing": lambda x: gt.sum(x[[0, 2, 2]] ** 3) * x[1] + gt.concat([x, x * x])[4] ** 2,
    "assignment": lambda x: (lambda y: (y.__setitem__(1, x[0] * x[2]), gt.sum(y**3))[1])(x * 1.0),
    "branches": lambda x: (
        gt.where(x[0] > 0.8, gt.sqrt(x[0]) * x[1], x[1] ** 3) + gt.where(x[2] > 9, gt.log(x[2] - 9), 0.0)
    ),
    "two arguments": lambda x: gt.atan2(x[0], x[1]) + gt.hypot(x[1], x[2]) + x[0] ** x[1] + gt.maximum(x[0], x[1] ** 2),
    "complex detour": lambda x: gt.real(gt.exp(1j * x[0]) * (x[1] + 1j * x[2]) ** 2) + gt.abs(x[0] + 1j * x[1] ** 2),
    "matrix product of itself": lambda x: gt.sum((gt.outer(x, x) @ gt.outer(x, gt.sin(x))) ** 2),
    "gradient inside": lambda x: gt.sum(gt.grad(network)(x) ** 2),
    "linear": lambda x: gt.sum(x * np.array([1.0, 2.0, 3.0])),
    "constant": lambda x: gt.sum(gt.floor(x)) + 7.0,
    "nothing of x": lambda x: 7.0,
}  # fmt: skip


def trace_of_hessian(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The Laplacian by the Hessian."""
    return lambda x: gt.linalg.trace(gt.hessian(lambda x: gt.asarray(f(x)) + 0 * gt.sum(x))(x))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_laplacian_is_the_trace_of_the_hessian(name: str) -> None:
    f = FUNCTIONS[name]
    want = [float(trace_of_hessian(f)(x)) for x in POINTS]
    got = gt.laplacian(f)(POINTS)
    assert got.shape == (5,)
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-11, atol=1e-11)
    single = gt.laplacian(f)(POINTS[1])
    assert single.shape == ()
    np.testing.assert_allclose(float(single), want[1], rtol=1e-11, atol=1e-11)


def test_values_that_are_arrays_and_further_arguments() -> None:
    f = lambda x, a, *, b: a * x**3 + b
    got = gt.laplacian(f)(POINTS, np.array([1.0, 2.0, 3.0]), b=5.0)
    np.testing.assert_allclose(got.numpy(), 6 * POINTS * np.array([1.0, 2.0, 3.0]), rtol=1e-13)
    assert gt.laplacian(lambda x: gt.sum(x**2))(np.float32([1, 2])).dtype == np.float32
    assert gt.laplacian(lambda x: gt.sum(x**2))(np.zeros((0, 2))).shape == (0,)


def test_control_flow_at_a_point_and_not_at_a_batch() -> None:
    f = lambda x: x[0] ** 2 if x[1] > 0 else x[0] ** 3
    assert float(gt.laplacian(f)([2.0, 1.0])) == 2.0
    assert float(gt.laplacian(f)([2.0, -1.0])) == 12.0
    with pytest.raises(TypeError, match=r"batch of points .* Use gradtape\.where"):
        gt.laplacian(f)([[2.0, 1.0], [2.0, -1.0]])


def test_long_linear_programs_do_not_recurse() -> None:
    def f(x: Any) -> Any:
        y = x * x
        for _ in range(3000):
            y = y * 1.0001 - 0.5
        return gt.sum(y)

    np.testing.assert_allclose(float(gt.laplacian(f)(POINTS[0])), 6 * 1.0001**3000, rtol=1e-9)


def numeric(f: Callable[[np.ndarray], float], x: np.ndarray, h: float = 1e-4) -> np.ndarray:
    """The gradient by five-point differences."""
    g = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        e = np.zeros_like(x)
        e[i] = h
        g[i] = (8 * (f(x + e) - f(x - e)) - (f(x + 2 * e) - f(x - 2 * e))) / (12 * h)
    return g


@pytest.mark.parametrize("operator", [gt.laplacian, gt.bilaplacian], ids=lambda o: o.__name__)
def test_operators_are_differentiated_in_weights_and_points(operator: Any) -> None:
    """By tapes, by grad and forward, outside; this is how a physics-informed network learns."""
    points = POINTS[:2, :2]
    w1 = W1[:2]

    def loss(w: Any, x: Any) -> Any:
        return gt.sum(operator(lambda p: network(p, (w, W2, W3)))(x) ** 2)

    plain = lambda w, x: float(loss(w, x))
    want = numeric(lambda w: plain(w, points), w1)
    variable = gt.Variable(w1)
    with gt.GradientTape() as tape:
        value = loss(variable, points)
    np.testing.assert_allclose(tape.gradient(value, variable).numpy(), want, rtol=1e-6, atol=1e-6 * np.abs(want).max())
    np.testing.assert_allclose(gt.grad(loss)(w1, points).numpy(), want, rtol=1e-6, atol=1e-6 * np.abs(want).max())
    along = gt.jvp(lambda w: loss(w, points), (w1,), (np.ones_like(w1),))[1]
    np.testing.assert_allclose(float(along), want.sum(), rtol=1e-6)
    by_point = gt.grad(loss, argnums=1)(w1, points).numpy()
    np.testing.assert_allclose(by_point, numeric(lambda x: plain(w1, x), points), rtol=1e-5, atol=1e-5)


def test_operators_within_each_other() -> None:
    f = lambda x: gt.sin(x[0]) * gt.exp(x[1]) * x[2] ** 4
    lap = gt.laplacian(f)
    closed = lambda x: math.sin(x[0]) * math.exp(x[1]) * 12 * x[2] ** 2
    for x in POINTS:
        np.testing.assert_allclose(float(lap(x)), closed(x), rtol=1e-12)
        np.testing.assert_allclose(float(gt.bilaplacian(f)(x)), math.sin(x[0]) * math.exp(x[1]) * 24, rtol=1e-11)
    np.testing.assert_allclose(gt.laplacian(lap)(POINTS).numpy(), gt.bilaplacian(f)(POINTS).numpy(), rtol=1e-10)
    by_divergence = gt.divergence(gt.grad(f))
    np.testing.assert_allclose(by_divergence(POINTS).numpy(), lap(POINTS).numpy(), rtol=1e-12)
    np.testing.assert_allclose(gt.vmap(lap)(POINTS).numpy(), lap(POINTS).numpy(), rtol=1e-12)
    assert np.abs(gt.curl(gt.grad(f))(POINTS).numpy()).max() < 1e-12
    field = lambda x: gt.stack([x[1] * x[2] ** 2, gt.sin(x[0]) * x[2], x[0] ** 2 * x[1]])
    assert np.abs(gt.divergence(gt.curl(field))(POINTS).numpy()).max() < 1e-12


def test_divergence_and_curl_of_known_fields() -> None:
    field = lambda x: gt.stack([x[1] * x[2] ** 2, gt.sin(x[0]) * x[2], x[0] ** 2 * x[1]])
    a, b, c = POINTS.T
    want = np.stack([a**2 - np.sin(a), 2 * b * c - 2 * a * b, np.cos(a) * c - c**2], axis=1)
    np.testing.assert_allclose(gt.curl(field)(POINTS).numpy(), want, rtol=1e-12)
    np.testing.assert_allclose(gt.curl(field)(POINTS[0]).numpy(), want[0], rtol=1e-12)
    np.testing.assert_allclose(gt.divergence(lambda x: x**3)(POINTS).numpy(), (3 * POINTS**2).sum(1), rtol=1e-12)
    turn = gt.curl(lambda x: gt.stack([-x[1] ** 2, x[0] * x[1]]))
    np.testing.assert_allclose(turn(POINTS[:, :2]).numpy(), b + 2 * b, rtol=1e-12)


def test_custom_rules_hold() -> None:
    """A rule that is wrong on purpose, f' = 2 x for f = x, shows: f'' = 2."""
    for f in (
        gt.custom(lambda x: x * 1.0, vjp=lambda g, y, x: g * 2 * x),
        gt.custom(lambda x: x * 1.0, jvp=lambda tangents, y, x: tangents[0] * 2 * x),
        gt.custom_gradient(lambda x: (x * 1.0, lambda g: g * 2 * x)),
    ):
        np.testing.assert_allclose(gt.laplacian(lambda x, f=f: gt.sum(f(x)))(POINTS).numpy(), [6.0] * 5)


# -- refusals ------------------------------------------------------------------------------------------------------
OPERATORS = [gt.laplacian, gt.bilaplacian, gt.divergence, gt.curl]


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda o: o.__name__)
def test_bad_input_is_refused(operator: Any) -> None:
    name = operator.__name__
    with pytest.raises(TypeError, match=rf"gradtape\.{name}: x is complex; the operator is defined at real points"):
        operator(lambda x: x)(np.ones(3) * 1j)
    with pytest.raises(TypeError, match=rf"gradtape\.{name}: x has dtype int64"):
        operator(lambda x: x)([1, 2, 3])
    with pytest.raises(ValueError, match=rf"gradtape\.{name}: x has shape \(\); a point has shape \(d,\)"):
        operator(lambda x: x)(1.0)
    with pytest.raises(ValueError, match=r"a batch of points \(n, d\)"):
        operator(lambda x: x)(np.ones((2, 2, 2)))
    with pytest.raises(TypeError, match="f must be a function"):
        operator(3.0)


def test_fields_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"divergence: f must give a vector of 3 components .* shape \(\)"):
        gt.divergence(gt.sum)(POINTS)
    with pytest.raises(ValueError, match=r"curl: x has 4 coordinates"):
        gt.curl(lambda x: x)(np.ones(4))
