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
    "several outputs of a constant": lambda x: (
        x[0] ** 3 + gt.linalg.svdvals(gt.outer(gt.sign(x), gt.ceil(x)))[0] * x[1] ** 2
    ),
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


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_gradient_of_a_laplacian_takes_no_notice_of_branches_not_taken() -> None:
    """First derivatives that are infinite or NaN there: zeros absorb them in the derivative, too."""
    f = lambda x: gt.where(x[0] > 9, gt.sqrt(x[0] - 1.0) + gt.log(x[1]) ** 2, x[0] ** 3 * x[1] ** 2)
    x = np.array([1.0, 0.0])
    operator = gt.laplacian(f)
    assert float(operator(x)) == 2.0  # 6 x y^2 + 2 x^3
    np.testing.assert_allclose(gt.grad(operator)(x).numpy(), [6.0, 0.0])  # 6 y^2 + 6 x^2, 12 x y
    np.testing.assert_allclose(gt.hessian(operator)(x).numpy(), [[12.0, 0.0], [0.0, 12.0]])


@pytest.mark.parametrize("n", [2, 8, 9, 40])
def test_layers_of_a_network_at_few_and_many_points(n: int) -> None:
    """Where there are more points than columns, a layer's slopes are multiplied into the next layer's weights."""
    points = np.random.default_rng(n).normal(size=(n, 3))
    b, wide = np.linspace(-1, 1, 8), np.random.default_rng(0).normal(size=(8, 3, 8))
    for f in (
        network,
        lambda x: gt.sum(gt.tanh(gt.sin(x @ W1 + b) @ W2 + b) * b),
        lambda x: gt.sum(gt.exp((gt.tanh(x @ W1) + b) @ W2 @ W2 / 9) * gt.tanh(x @ W1)),
        lambda x: gt.sum((W2 @ gt.tanh(x @ W1)) ** 2) + gt.sum(gt.tanh(x @ W1) @ wide[0].T),
        lambda x: gt.sum(gt.sin(gt.einsum("k,kj->j", gt.tanh(x @ W1), W2)) + gt.einsum("k,jk->j", gt.tanh(x @ W1), W2)),
        lambda x: gt.sum(gt.einsum("k,kj->", gt.tanh(x @ W1), W2) ** 2 + gt.vecdot(gt.sin(x @ W1), W3)),
        lambda x: gt.sum(gt.sin(gt.tensordot(gt.tanh(x @ W1), wide, axes=1))),
        lambda x: gt.sum(gt.tanh(gt.maximum(x @ W1, 0.1 * (x @ W1)) @ W2)),
        lambda x: gt.sum(gt.sqrt(1 + (gt.log1p(gt.exp(x @ W1)) @ W2) ** 2)),
    ):
        want = [float(trace_of_hessian(f)(x)) for x in points]
        np.testing.assert_allclose(gt.laplacian(f)(points).numpy(), want, rtol=1e-11, atol=1e-11)


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


# -- mixed derivatives -----------------------------------------------------------------------------------------------
def nested(f: Callable[[Any], Any], directions: Any) -> Callable[[Any], Any]:
    """The mixed derivative by nested forward mode."""
    return f if not len(directions) else lambda x: gt.jvp(nested(f, directions[1:]), (x,), (directions[0],))[1]


MIXED = [[0], [0, 0], [0, 1], [0, 0, 1], [2, 1, 0], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 1, 2], [0, 0, 0, 1, 1]]


@pytest.mark.parametrize("axes", MIXED, ids=str)
@pytest.mark.parametrize("name", ["polynomial", "quotient", "linear algebra", "indexing", "norms"])
def test_mixed_partials(name: str, axes: list[int]) -> None:
    f, directions = FUNCTIONS[name], EYE[axes]
    want = [float(nested(f, directions)(gt.asarray(x))) for x in POINTS[:2]]
    got = gt.directional(f, directions)
    np.testing.assert_allclose(got(POINTS[:2]).numpy(), want, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(float(got(POINTS[0])), want[0], rtol=1e-9, atol=1e-9)


def test_mixed_derivatives_along_any_vectors_and_weighted_sums() -> None:
    f = FUNCTIONS["polynomial"]
    v = RANDOM.normal(size=(3, 3))
    want = [float(nested(f, v)(gt.asarray(x))) for x in POINTS]
    np.testing.assert_allclose(gt.directional(f, v)(POINTS).numpy(), want, rtol=1e-10)
    groups, weights = RANDOM.normal(size=(4, 3, 3)), np.array([1.0, -2.0, 0.5, 3.0])
    want = [sum(w * float(nested(f, g)(gt.asarray(x))) for w, g in zip(weights, groups, strict=True)) for x in POINTS]
    np.testing.assert_allclose(gt.directional(f, groups, weights)(POINTS).numpy(), want, rtol=1e-9)
    pairs = np.stack([EYE, EYE], axis=1)
    wave = gt.directional(network, pairs, [1.0, 1.0, -1.0])
    h = [gt.hessian(network)(x).numpy() for x in POINTS]
    np.testing.assert_allclose(wave(POINTS).numpy(), [a[0, 0] + a[1, 1] - a[2, 2] for a in h], rtol=1e-11)
    nothing = gt.directional(network, np.stack([pairs[0], pairs[0]]), [1.0, -1.0])
    assert nothing(POINTS).tolist() == [0.0] * 5


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_bilaplacian_in_several_dimensions(d: int) -> None:
    """By series of fourth order in few dimensions, by two Laplacians in more."""
    k = np.arange(1.0, d + 1)
    f = lambda x: gt.sin(x @ k) + gt.sum(x**2) ** 2
    x = RANDOM.normal(size=(4, d))
    want = np.sum(k**2) ** 2 * np.sin(x @ k) + 8 * d * (d + 2)
    np.testing.assert_allclose(gt.bilaplacian(f)(x).numpy(), want, rtol=1e-11)


def test_mixed_derivatives_learn() -> None:
    w = gt.Variable(W1[:2])
    x = POINTS[:2, :2]
    operator = gt.directional(lambda p: network(p, (w, W2, W3)), np.eye(2)[[0, 0, 1]])
    with gt.GradientTape() as tape:
        loss = gt.sum(operator(x) ** 2)
    plain = lambda a: float(gt.sum(gt.directional(lambda p: network(p, (a, W2, W3)), np.eye(2)[[0, 0, 1]])(x) ** 2))
    want = numeric(plain, W1[:2])
    np.testing.assert_allclose(tape.gradient(loss, w).numpy(), want, rtol=1e-6, atol=1e-6 * np.abs(want).max())


def powers(*scales: float) -> Any:
    """Directions e_0 scales[0], e_1 scales[1], ..., around the axes."""
    return [EYE[i % 3] * scale for i, scale in enumerate(scales)]


@pytest.mark.parametrize(
    ("directions", "want"),
    [
        (powers(1e-6, 1e6, 1), 1.0),
        (powers(1e-300, 1e300, 1), 1.0),
        (powers(1e-5, 1e5), 1.0),
        (powers(1e3, 1e-3, 2, 1), 2.0),
        (powers(1e-200, 1e-200, 1e300), 1e-100),
        (powers(1e-6, 1e-6, 1e-6), 1e-18),
        (powers(1e5, 1e5, 1e5, 1e5), 1e20),
        ([EYE[0], 0 * EYE[1], EYE[2]], 0.0),
        ([0 * EYE[0]], 0.0),
        ([EYE[0]] * 177, 1.0),
        ([EYE[1] * 1e-2] * 177, 0.0),
    ],
)
def test_directions_of_any_length(directions: Any, want: float) -> None:
    """Of f = exp(sum x) at 0 the derivative is the product of the directions' sums."""
    f = lambda x: gt.exp(gt.sum(x))
    np.testing.assert_allclose(float(gt.directional(f, directions)(np.zeros(3))), want, rtol=1e-13)
    np.testing.assert_allclose(gt.directional(f, directions)(np.zeros((2, 3))).numpy(), [want] * 2, rtol=1e-13)
    both = np.array([directions, directions])
    np.testing.assert_allclose(float(gt.directional(f, both, [2.0, -0.5])(np.zeros(3))), 1.5 * want, rtol=1e-13)


def test_directions_of_different_lengths_in_single_and_half_precision() -> None:
    f = lambda x: gt.exp(gt.sum(x))
    for dtype, rtol in ((np.float32, 1e-5), (np.float16, 1e-2)):
        for directions in (powers(1e-6, 1e6, 1), powers(1e-3, 1e3, 1, 1), powers(1e-6, 1e6)):
            got = gt.directional(f, directions)(np.zeros(3, dtype))
            assert got.dtype == dtype
            np.testing.assert_allclose(float(got), 1.0, rtol=rtol)
    e = gt.directional_estimate(lambda x: x[0] * x[1] * x[2], powers(1e-6, 1e6, 1), None, 500, np.random.default_rng(0))
    value, error = e(np.ones(3))
    assert abs(float(value) - 1) < 4 * float(error) < 2


def test_weights_beyond_the_range_of_the_points() -> None:
    third = np.array([EYE[[0, 0, 1]]])
    for dtype, weight, rtol in ((np.float16, 1e6, 5e-3), (np.float32, 1e40, 1e-5)):
        small = 100 / weight
        got = gt.directional(lambda x, c=small: x[0] * x[1] * c * x[0], third, [weight])(np.ones(3, dtype))
        np.testing.assert_allclose(float(got), 200.0, rtol=rtol)
        got = gt.directional(lambda x, c=small: x[0] * x[1] * c, third[:, 1:], [weight])(np.ones(3, dtype))
        np.testing.assert_allclose(float(got), 100.0, rtol=rtol)


def test_the_standard_error_of_an_estimate_in_half_precision() -> None:
    """The variance would overflow."""
    signs = np.random.default_rng(0).integers(0, 2, (6, 2)) * 2 - 1
    want = 400 * np.std(signs[:, 0] * signs[:, 1], ddof=1) / np.sqrt(6)
    e = gt.laplacian_estimate(lambda x: 200 * x[0] * x[1], 6, np.random.default_rng(0))(np.ones(2, np.float16))
    np.testing.assert_allclose(float(e.standard_error), want, rtol=2e-3)


# -- precisions and no points at all -----------------------------------------------------------------------------------
QUOTIENT = lambda x: gt.sum(x**3) / (x[0] * x[1] * x[2])
ALONG = np.array([EYE[[0, 0, 1]], EYE[[2, 1, 0]]])
CALLS: dict[str, Callable[[Any], Any]] = {
    "laplacian": gt.laplacian(QUOTIENT),
    "laplacian, in batches": gt.laplacian(QUOTIENT, batch_size=2),
    "laplacian, within memory": gt.laplacian(QUOTIENT, memory="100 MB"),
    "bilaplacian": gt.bilaplacian(QUOTIENT),
    "first": gt.directional(QUOTIENT, ALONG[0, :1]),
    "second": gt.directional(QUOTIENT, ALONG[0, :2]),
    "third": gt.directional(QUOTIENT, ALONG[0]),
    "weighted": gt.directional(QUOTIENT, ALONG, [1.0, 1 / 3]),
    "divergence": gt.divergence(lambda x: x * QUOTIENT(x)),
    "curl": gt.curl(lambda x: x[::-1] * QUOTIENT(x)),
    "diagonal": lambda x: gt.hessian_diagonal(lambda x: gt.sum(gt.vmap(QUOTIENT)(x)), x),
    "laplacian_estimate": lambda x: gt.laplacian_estimate(QUOTIENT, 3, np.random.default_rng(0))(x).value,
    "its error": lambda x: gt.laplacian_estimate(QUOTIENT, 3, np.random.default_rng(0))(x).standard_error,
    "coordinates": lambda x: gt.laplacian_estimate(QUOTIENT, 2, np.random.default_rng(0), "coordinates")(x).value,
    "bilaplacian_estimate": lambda x: gt.bilaplacian_estimate(QUOTIENT, 3, np.random.default_rng(0))(x).value,
    "directional_estimate": lambda x: (
        gt.directional_estimate(QUOTIENT, ALONG, [1.0, 1 / 3], 3, np.random.default_rng(0))(x).value
    ),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("name", CALLS)
def test_results_have_the_dtype_of_the_points_and_there_may_be_none(name: str, dtype: Any) -> None:
    x = np.array([[1.0, 1.5, 0.75], [0.5, 1.0, 1.25]], dtype)
    some, none = CALLS[name](x), CALLS[name](x[:0])
    assert some.dtype == none.dtype == dtype
    assert none.shape == (0, *some.shape[1:])
    if dtype != np.float16:
        tolerance = 2e-4 if dtype == np.float32 else 1e-12
        np.testing.assert_allclose(some.numpy(), CALLS[name](x.astype(float)).numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_points(name: str) -> None:
    none = np.zeros((0, 3))
    assert gt.laplacian(FUNCTIONS[name])(none).shape == (0,)
    assert gt.bilaplacian(lambda x: FUNCTIONS[name](x[:3]))(np.zeros((0, 5))).shape == (0,)
    assert gt.directional(FUNCTIONS[name], ALONG[0])(none).shape == (0,)
    assert gt.grad(lambda x: gt.sum(gt.laplacian(FUNCTIONS[name])(x)))(none).shape == (0, 3)


def test_masks_at_a_point() -> None:
    """Of one point alone it is known how many elements a mask picks."""
    x = np.array([1.0, -2.0, 3.0])
    assert float(gt.laplacian(lambda x: gt.sum(x[x > 0] ** 3) * gt.prod(x[x < 0] ** 2))(x)) == 152.0
    assert gt.laplacian(lambda x: gt.sign(x)[x > 0] * x[0] ** 2)(x).tolist() == [2.0, 2.0]
    assert gt.laplacian(lambda x: x[x > 0] ** 3)(x).tolist() == [6.0, 18.0]

    def assigned(x: Any) -> Any:
        y = x * 1.0
        y[x > 0] = y[x > 0] ** 2 * x[1]
        return gt.sum(y**2)

    assert float(gt.laplacian(assigned)(x)) == 646.0
    with pytest.raises(TypeError, match=r"gradtape\.where\(mask, x, 0\) instead of x\[mask\]"):
        gt.laplacian(lambda x: gt.sum(x[x > 0]))(np.stack([x, -x]))


# -- estimates -------------------------------------------------------------------------------------------------------
MANY = np.random.default_rng(3).normal(size=(2, 40))


def test_estimates_are_right_within_their_errors() -> None:
    weights = np.random.default_rng(4).normal(size=(40, 40)) / 6
    f = lambda x: gt.sum(gt.tanh(weights @ x) ** 2) + gt.sum(x**4)
    exact = gt.laplacian(f)(MANY).numpy()
    for method in ("rademacher", "gaussian", "coordinates"):
        e = gt.laplacian_estimate(f, 30, np.random.default_rng(5), method)(MANY)
        assert e.value.shape == e.standard_error.shape == (2,)
        z = (e.value.numpy() - exact) / e.standard_error.numpy()
        assert np.all(np.abs(z) < 4), (method, z)
        assert np.all(e.standard_error.numpy() < 0.5 * np.abs(exact)), method
    whole = gt.laplacian_estimate(f, 40, np.random.default_rng(6), "coordinates")(MANY[0])
    np.testing.assert_allclose(float(whole.value), exact[0], rtol=1e-12)
    assert float(whole.standard_error) < 1e-12 * abs(exact[0])
    g = lambda x: gt.sum(x**2) ** 2
    e = gt.bilaplacian_estimate(g, 200, np.random.default_rng(7))(MANY[0, :5])
    assert abs(float(e.value) - 8 * 5 * 7) < 4 * float(e.standard_error)
    cubes = np.stack([np.eye(40)] * 3, axis=1)
    e = gt.directional_estimate(f, cubes, np.ones(40), 200, np.random.default_rng(8))(MANY[0])
    want = float(gt.directional(f, cubes, np.ones(40))(MANY[0]))
    assert abs(float(e.value) - want) < 4 * float(e.standard_error)


def test_estimates_draw_from_the_generator_that_is_passed_and_learn() -> None:
    f = lambda x, a: gt.sum(gt.sin(a * x[1:]) * x[:-1])
    estimate = lambda a: gt.laplacian_estimate(f, 8, np.random.default_rng(1))(MANY[0], a).value
    assert float(estimate(1.0)) == float(estimate(1.0))
    slope = gt.grad(estimate)(1.0)
    np.testing.assert_allclose(float(slope), (float(estimate(1.001)) - float(estimate(0.999))) / 0.002, rtol=1e-4)
    rng = np.random.default_rng(1)
    again = gt.laplacian_estimate(f, 8, rng)
    assert float(again(MANY[0], 1.0).value) != float(again(MANY[0], 1.0).value)


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


def test_directions_and_samples_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"directional: directions has shape \(3,\); it must be \(k, d\)"):
        gt.directional(network, np.ones(3))
    with pytest.raises(ValueError, match="where weights has m elements"):
        gt.directional(network, np.ones((2, 2, 3)), [1.0])
    with pytest.raises(ValueError, match="directions are of 2 dimensions, x is of 3"):
        gt.directional(network, np.ones((1, 2)))(POINTS)
    with pytest.raises(TypeError, match="directions are complex"):
        gt.directional(network, np.ones((1, 3)) * 1j)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="samples must be an int above 1, not 1"):
        gt.laplacian_estimate(network, 1, rng)
    with pytest.raises(TypeError, match=r"rng must be a numpy\.random\.Generator, not a int"):
        gt.bilaplacian_estimate(network, 2, 0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="method must be 'rademacher', 'gaussian' or 'coordinates', not 'normal'"):
        gt.laplacian_estimate(network, 2, rng, "normal")
    with pytest.raises(ValueError, match="samples=4, but x has 3 coordinates: use laplacian"):
        gt.laplacian_estimate(network, 4, rng, "coordinates")(POINTS)
    with pytest.raises(ValueError, match="directional_estimate: directions are of 2 dimensions, x is of 3"):
        gt.directional_estimate(network, np.ones((1, 1, 2)), [1.0], 3, rng)(POINTS)


def test_fields_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"divergence: f must give a vector of 3 components .* shape \(\)"):
        gt.divergence(gt.sum)(POINTS)
    with pytest.raises(ValueError, match=r"curl: x has 4 coordinates"):
        gt.curl(lambda x: x)(np.ones(4))
