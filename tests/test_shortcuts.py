"""Large arrays take shortcuts (memory written over, slopes handed on): the same numbers as small ones, and nobody's
arrays are touched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradtape as gt
from gradtape.arrays.numpy_kernels import LARGE

N = LARGE // 8 * 3  # doubles, well above the threshold
random = np.random.default_rng(5)
X = random.uniform(0.2, 1.5, N)
Y = random.uniform(0.2, 1.5, N)

PROGRAMS: dict[str, Callable[[Any, Any], Any]] = {
    "product": lambda x, y: x * y,
    "shared": lambda x, y: (lambda a: a * a + a * y + a)(gt.exp(-x * y)),
    "negations": lambda x, y: -(-x + y) - -(x * y),
    "quotients": lambda x, y: x / y - 1 / (x + y),
    "saturating": lambda x, y: gt.tanh(x) * gt.exp(-(y**2)),
    "powers": lambda x, y: x**y + x**3,
    "selecting": lambda x, y: gt.where(x > y, x * y, gt.sqrt(y)) + gt.maximum(x, y) * gt.clip(x, 0.3, 1.0),
    "reused": lambda x, y: (lambda a, b: a * b + b * a - a)(x * 2.0, gt.sin(y)),
    "identity twice": lambda x, y: x + x + y,
    "reciprocal and log": lambda x, y: gt.log(x) * gt.reciprocal(y) + gt.log1p(x * y),
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("persistent", [False, True])
def test_gradients_are_those_of_small_arrays(name: str, persistent: bool) -> None:
    f = PROGRAMS[name]
    before = X.copy(), Y.copy()
    x, y = gt.asarray(X), gt.asarray(Y)
    with gt.GradientTape(persistent=persistent) as tape:
        tape.watch([x, y])
        z = f(x, y)
        loss = gt.sum(z * z)
    got = tape.gradient(loss, [x, y])
    some = slice(0, N, 997)
    want = gt.grad(lambda x, y: gt.sum(f(x, y) ** 2), argnums=(0, 1))(X[some], Y[some])
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g.numpy()[some], w.numpy(), rtol=1e-12)
    if persistent:
        for g, again in zip(got, tape.gradient(loss, [x, y]), strict=True):
            np.testing.assert_array_equal(g.numpy(), again.numpy())
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(Y, before[1])
    np.testing.assert_array_equal(x.numpy(), before[0])


@pytest.mark.parametrize("name", PROGRAMS)
def test_intermediates_keep_their_values_and_gradients(name: str) -> None:
    f = PROGRAMS[name]
    x, y = gt.asarray(X), gt.asarray(Y)
    with gt.GradientTape() as tape:
        tape.watch([x, y])
        z = f(x, y)
        value = z.numpy()
        loss = gt.sum(z * gt.stop_gradient(z))
    gz, gx = tape.gradient(loss, [z, x])
    np.testing.assert_array_equal(z.numpy(), value)
    np.testing.assert_allclose(gz.numpy(), value, rtol=1e-14)
    assert np.all(np.isfinite(gx.numpy()))


def test_a_gradient_shares_no_memory_with_the_users_arrays() -> None:
    weights = Y.copy()
    x = gt.asarray(X)
    with gt.GradientTape() as tape:
        tape.watch(x)
        loss = gt.sum(x * weights)
    g = tape.gradient(loss, x)
    weights[:] = 0
    np.testing.assert_array_equal(g.numpy(), Y)


@pytest.mark.parametrize("shape", [(N,), (3, N), (1, N), (2, 1)])
def test_a_cotangent_of_ones_takes_the_products_shape(shape: tuple[int, ...]) -> None:
    a = random.uniform(1, 2, shape)
    ga, gb = gt.grad(lambda a, b: gt.sum(a * b), argnums=(0, 1))(a, X)
    assert ga.shape == shape and gb.shape == (N,)
    ones = np.ones(np.broadcast_shapes(shape, (N,)))
    want = (ones * X).sum(axis=1, keepdims=True) if shape == (2, 1) else np.broadcast_to(X, shape)
    np.testing.assert_allclose(ga.numpy(), want)
    both = gt.grad(lambda a: gt.sum(gt.grad(lambda a: gt.sum(a * X * a))(a) ** 2))(a)
    factor = X.sum() if shape == (2, 1) else X
    np.testing.assert_allclose(both.numpy(), 8 * factor**2 * a * np.ones(shape), rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["*", "+", "-", "neg", "exp", "sin", "tanh", "half", "swap"]), min_size=1, max_size=12))
def test_random_programs(steps: list[str]) -> None:
    def program(x: Any, y: Any) -> Any:
        for step in steps:
            if step == "*":
                x = x * y
            elif step == "+":
                x = x + y
            elif step == "-":
                y = x - y
            elif step == "neg":
                x = -x
            elif step == "half":
                y = y * 0.5
            elif step == "swap":
                x, y = y, x
            elif step == "exp":
                x = gt.exp(-(x * x))
            else:
                x = getattr(gt, step)(x)
        return gt.sum(x * y)

    got = gt.grad(program, argnums=(0, 1))(X, Y)
    some = slice(0, N, 1999)
    want = gt.grad(program, argnums=(0, 1))(X[some], Y[some])
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g.numpy()[some], w.numpy(), rtol=1e-10, atol=1e-12)


def test_a_gradient_that_is_the_sweeps_own_is_not_copied() -> None:
    import tracemalloc

    x = gt.asarray(random.random(50 * N))
    for _ in range(2):  # the first round warms caches
        with gt.GradientTape() as tape:
            tape.watch(x)
            y = gt.sum(gt.sin(x))
        tracemalloc.start()
        tape.gradient(y, x)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 1.3 * x.nbytes


@pytest.mark.parametrize("uses", [1, 2, 256, 257, 700])
@pytest.mark.parametrize("side", ["left", "right"])
def test_outer_products_of_a_weight_are_summed_however_many(uses: int, side: str) -> None:
    shape = (4, 3)
    weight = random.normal(size=shape)
    columns, rows = random.normal(size=(uses, 4)), random.normal(size=(uses, 3))
    w = gt.asarray(weight)
    with gt.GradientTape() as tape:
        tape.watch(w)
        total = gt.sum(w * w)  # a part of the cotangent that is no outer product
        for c, r in zip(columns, rows, strict=True):
            total = total + (c @ (w @ r) if side == "left" else (c @ w) @ r)
    np.testing.assert_allclose(tape.gradient(total, w).numpy(), 2 * weight + columns.T @ rows, rtol=1e-11, atol=1e-11)
