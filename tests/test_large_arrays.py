"""Large arrays are written over only where nobody else holds them: random programs, whose sweeps are compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradtape as gt

SIZE = 10_000  # 80 kB: large enough for temporaries to be reused
UNARY: list[Callable[[Any], Any]] = [
    gt.sin, gt.exp, gt.tanh, gt.square, gt.expm1, gt.abs, gt.flip, lambda x: -x, lambda x: +x, lambda x: x * x,
    lambda x: gt.sqrt(x * x + 1), lambda x: 1 / (x * x + 1), lambda x: x * 2.5, lambda x: x + 1.0, lambda x: x[::-1],
    lambda x: gt.reshape(gt.reshape(x, (100, -1)), x.shape), lambda x: gt.concat([x[5:], x[:5]]),
    lambda x: gt.where(x > 0, x, 0.5 * x), lambda x: gt.clip(x, -1, 1), lambda x: gt.cumulative_sum(x) / SIZE,
]  # fmt: skip
BINARY: list[Callable[[Any, Any], Any]] = [
    gt.maximum, gt.hypot, lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / (b * b + 1),
    lambda a, b: a * gt.sum(b) / SIZE, lambda a, b: a + b[0],
]  # fmt: skip


def program(seed: int) -> Callable[[list[Any]], Any]:
    """A random straight-line program that uses its intermediates again."""

    def run(xs: list[Any]) -> Any:
        random = np.random.default_rng(seed)
        values = list(xs)
        pick = lambda things: things[random.integers(len(things))]
        for _ in range(12):
            values.append(
                pick(UNARY)(pick(values)) if random.random() < 0.5 else pick(BINARY)(pick(values), pick(values))
            )
        return values[-1] * values[-2] + values[-3]

    return run


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("seed", range(40))
def test_sweeps_agree_and_harm_nothing(seed: int) -> None:
    random = np.random.default_rng(1000 + seed)
    arrays = [random.normal(size=SIZE) for _ in range(2)]
    weights, v = random.normal(size=SIZE), random.normal(size=SIZE)
    copies = [a.copy() for a in (*arrays, weights)]
    xs = [gt.asarray(a) for a in arrays]
    run = program(seed)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(xs)
        y = run(xs)
    value = y.numpy()
    first = [g.numpy() for g in tape.gradient(y, xs, output_gradients=weights, unconnected_gradients="zero")]
    second = tape.gradient(y, xs, output_gradients=weights, unconnected_gradients="zero")
    with gt.GradientTape() as outer:  # somebody looks on: the same sweep on Tensors
        outer.watch(xs)
        recorded = tape.gradient(y, xs, output_gradients=weights, unconnected_gradients="zero")
    for a, b, c in zip(first, second, recorded, strict=True):
        np.testing.assert_array_equal(b.numpy(), a)
        np.testing.assert_allclose(c.numpy(), a, rtol=1e-9, atol=1e-12)
    for i, g in enumerate(first):
        if np.isfinite(g).all():
            direction = [v if j == i else np.zeros(SIZE) for j in range(2)]
            slope = gt.jvp(lambda *a: gt.sum(run(list(a)) * weights), tuple(arrays), tuple(direction))[1]
            np.testing.assert_allclose(float(slope), (g * v).sum(), rtol=1e-7, atol=1e-9 * np.abs(g * v).sum())
    np.testing.assert_array_equal(y.numpy(), value)
    for a, b in zip((*arrays, weights), copies, strict=True):
        np.testing.assert_array_equal(a, b)


#: Functions whose slopes are infinite, NaN or 0 in places, with cotangents that are 0 or infinite there.
DELICATE: list[Callable[[Any, Any], Any]] = [
    lambda x, c: gt.where(c, gt.sqrt(x), 0.0), lambda x, c: gt.where(c, gt.log(x), 1.0) * gt.exp(x),
    lambda x, c: gt.where(c, 1 / x, x) + x * x, lambda x, c: gt.exp(gt.where(c, x, 800.0)) * gt.where(c, 1.0, 0.0),
    lambda x, c: gt.where(c, gt.exp(2 * gt.sqrt(x)), -x), lambda x, c: gt.sqrt(gt.where(c, x * x, 0.0)) * x,
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("shape", [(300_000,), (600, 500), (3, 100_000), (2, 3, 50_000)], ids=str)
@pytest.mark.parametrize("number", range(len(DELICATE)))
def test_large_products_absorb_as_small_ones_do(number: int, shape: tuple[int, ...]) -> None:
    """Blocks of a large product are looked at one by one: the same as piece by piece, wherever a zero absorbs."""
    random = np.random.default_rng(number)
    x = random.uniform(0.1, 2.0, shape)
    x.reshape(-1)[random.integers(0, x.size, 40)] = 0.0
    g = random.normal(size=shape)
    g.reshape(-1)[random.integers(0, x.size, 40)] = 0.0
    f = DELICATE[number]
    whole = gt.vjp(lambda x: f(x, x > 0) * g, x)[1](np.ones(shape))[0].numpy()
    parts = [
        gt.vjp(lambda x, h=h: f(x, x > 0) * h, y)[1](np.ones(y.shape))[0].numpy()
        for y, h in zip(np.split(x.reshape(-1), 300), np.split(g.reshape(-1), 300), strict=True)
    ]
    np.testing.assert_allclose(whole.reshape(-1), np.concatenate(parts), rtol=1e-14)
    moved = gt.grad(lambda x: gt.sum(gt.transpose(f(gt.transpose(x), gt.transpose(x) > 0)) * g))(x).numpy()
    np.testing.assert_allclose(moved, whole, rtol=1e-14)
    for factor in (0.0, 1.0, -2.5, np.inf):  # the same number everywhere, as sums and means hand down
        handed = gt.grad(lambda x, factor=factor: factor * gt.sum(f(x, x > 0)))(x).numpy()
        given = gt.vjp(lambda x: f(x, x > 0), x)[1](np.full(shape, factor))[0].numpy()
        np.testing.assert_allclose(handed, given, rtol=1e-14)


@pytest.mark.parametrize("exponent", [3, 4, -2, 3.0])
def test_small_powers_are_products(exponent):
    """To two units in the last place of NumPy's, at the edges of the range too."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(3000) * 10.0 ** rng.uniform(-120, 120, 3000)
    x[:6] = 0.0, -0.0, np.inf, -np.inf, np.nan, -1e155
    with np.errstate(all="ignore"):
        got, want = (gt.asarray(x) ** exponent).numpy(), x**exponent
    np.testing.assert_allclose(got, want, rtol=5e-16, atol=1e-323)
    assert (np.signbit(got) == np.signbit(want)).all() and got.dtype == want.dtype
    x = rng.uniform(-2, 2, 500)
    slopes = gt.grad(lambda x: gt.sum(x**exponent))(x).numpy()
    np.testing.assert_allclose(slopes, exponent * x ** (exponent - 1), rtol=1e-15)
    assert (gt.asarray(np.ones(500, np.float32)) ** exponent).dtype == np.float32
