"""Random programs against independent numbers: mpmath for scalar expressions, complex step for arrays.

`make test-full` sets GRADTAPE_FUZZ to a larger number of examples.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import gradtape as gt

EXAMPLES = int(os.environ.get("GRADTAPE_FUZZ", "60"))
slow = settings(max_examples=EXAMPLES, deadline=None)

# -- scalar expression trees, against mpmath at 40 digits ---------------------------------------------------------
#: name -> (gradtape, mpmath) of one argument, kept inside domains where the functions are smooth and tame
UNARY: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "sin": (gt.sin, mpmath.sin),
    "cos": (gt.cos, mpmath.cos),
    "tanh": (gt.tanh, mpmath.tanh),
    "exp(tanh)": (lambda x: gt.exp(gt.tanh(x)), lambda x: mpmath.exp(mpmath.tanh(x))),
    "log(1+x^2)": (lambda x: gt.log(1 + x * x), lambda x: mpmath.log(1 + x * x)),
    "sqrt(2+x^2)": (lambda x: gt.sqrt(2 + x**2), lambda x: mpmath.sqrt(2 + x**2)),
    "atan": (gt.atan, mpmath.atan),
    "asinh": (gt.asinh, mpmath.asinh),
    "softplus": (gt.nn.softplus, lambda x: mpmath.log1p(mpmath.exp(x))),
    "sigmoid": (gt.nn.sigmoid, lambda x: 1 / (1 + mpmath.exp(-x))),
    "erf": (gt.special.erf, mpmath.erf),
    "expm1(sin)": (lambda x: gt.expm1(gt.sin(x)), lambda x: mpmath.expm1(mpmath.sin(x))),
    "cube": (lambda x: x**3, lambda x: x**3),
    "neg": (lambda x: -x, lambda x: -x),
    "1/(2+cos)": (lambda x: 1 / (2 + gt.cos(x)), lambda x: 1 / (2 + mpmath.cos(x))),
}
BINARY: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "+": (lambda a, b: a + b, lambda a, b: a + b),
    "-": (lambda a, b: a - b, lambda a, b: a - b),
    "*": (lambda a, b: a * b, lambda a, b: a * b),
    "a/(1+b^2)": (lambda a, b: a / (1 + b**2), lambda a, b: a / (1 + b**2)),
    "hypot": (lambda a, b: gt.hypot(a, 1 + b * b), lambda a, b: mpmath.sqrt(a**2 + (1 + b * b) ** 2)),
    "atan2": (lambda a, b: gt.atan2(a, 1 + b * b), lambda a, b: mpmath.atan(a / (1 + b * b))),
    "logaddexp": (gt.logaddexp, lambda a, b: mpmath.log(mpmath.exp(a) + mpmath.exp(b))),
    "(1+a^2)^(b/3)": (lambda a, b: (1 + a * a) ** (b / 3), lambda a, b: (1 + a * a) ** (b / 3)),
}

trees = st.recursive(
    st.sampled_from(["x", "y"]) | st.floats(-2, 2).map(lambda v: round(v, 3)),
    lambda below: st.tuples(st.sampled_from(sorted(UNARY)), below)
    | st.tuples(st.sampled_from(sorted(BINARY)), below, below),
    max_leaves=7,
)


def evaluate(tree: Any, x: Any, y: Any, which: int) -> Any:
    """The tree's value with gradtape's (0) or mpmath's (1) functions."""
    if not isinstance(tree, tuple):
        return {"x": x, "y": y}.get(tree, tree)
    table: Any = UNARY if len(tree) == 2 else BINARY
    return table[tree[0]][which](*[evaluate(part, x, y, which) for part in tree[1:]])


def reverse(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return gt.grad(lambda x: f(x) + 0.0 * x)


def forward(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: gt.jvp(lambda x: f(x) + 0.0 * x, (x,), (1.0,))[1]


@slow
@given(trees, st.floats(-1.5, 1.5), st.floats(-1.5, 1.5), st.lists(st.sampled_from([reverse, forward]), max_size=3))
def test_scalar_expressions_to_third_order(tree: Any, x: float, y: float, modes: list[Any]) -> None:
    f: Any = lambda v: evaluate(tree, v, y, 0)
    for mode in modes:
        f = mode(f)
    with mpmath.workdps(40):
        want = mpmath.diff(lambda v: mpmath.mpf(evaluate(tree, v, mpmath.mpf(y), 1)), mpmath.mpf(x), len(modes))
        plus_v = lambda v: evaluate(tree, v, mpmath.mpf(y), 1) + v
        size = max(abs(mpmath.diff(plus_v, mpmath.mpf(x), k)) for k in range(4))
    assume(size < 1e6)
    assert float(f(x)) == pytest.approx(float(want), rel=1e-8, abs=1e-9 * float(1 + size))


@slow
@given(trees, st.floats(-1.2, 1.2), st.floats(-1.2, 1.2))
def test_mixed_derivatives_on_one_persistent_tape(tree: Any, x: float, y: float) -> None:
    with mpmath.workdps(40):
        f = lambda a, b: mpmath.mpf(evaluate(tree, a, b, 1))
        want = mpmath.diff(f, (mpmath.mpf(x), mpmath.mpf(y)), (1, 1))
    assume(abs(want) < 1e5)
    a, b = gt.constant(x), gt.constant(y)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch([a, b])
        z = evaluate(tree, a, b, 0) + 0.0 * a * b
        along_a, along_b = tape.gradient(z, [a, b], unconnected_gradients="zero")
        mixed = [tape.gradient(along_a, b), tape.gradient(along_b, a)]
    for got in mixed:
        assert float(got if got is not None else 0.0) == pytest.approx(float(want), rel=1e-7, abs=1e-7)


# -- arrays: shapes, broadcasting, dtypes, against the complex step -------------------------------------------------
ANALYTIC: dict[str, Callable[[Any, Any], Any]] = {
    "product": lambda a, b: a * b + a,
    "quotient": lambda a, b: a / (2.5 + np.cos(b)),
    "composition": lambda a, b: np.exp(np.sin(a)) * np.cos(b * a),
    "power": lambda a, b: (2.5 + np.sin(a)) ** b,
    "sums": lambda a, b: np.sum(a * b, axis=0) + np.sum(np.sin(a)),
    "mean": lambda a, b: np.mean(a * a * b) * a,
    "square root": lambda a, b: np.sqrt(3.0 + np.sin(a) * np.sin(b)),
    "reshaped": lambda a, b: np.reshape(np.broadcast_to(a * b, np.broadcast_shapes(a.shape, b.shape)), (-1,)) ** 2,
}
shapes = hnp.mutually_broadcastable_shapes(num_shapes=2, min_dims=1, max_dims=3, max_side=3)


@slow
@given(st.sampled_from(sorted(ANALYTIC)), shapes, st.integers(0, 2**31), st.sampled_from(["float64", "float32"]))
def test_broadcasting_against_the_complex_step(name: str, both: Any, seed: int, dtype: str) -> None:
    f = ANALYTIC[name]
    random = np.random.default_rng(seed)
    a, b = [random.uniform(-1, 1, shape).astype(dtype) for shape in both.input_shapes]
    u, v = [random.uniform(-1, 1, shape).astype(dtype) for shape in both.input_shapes]
    h = 1e-30
    wide = [t.astype(np.float64) for t in (a, b, u, v)]
    want = np.sum(f(wide[0] + 1j * h * wide[2], wide[1] + 1j * h * wide[3])).imag / h
    ga, gb = gt.grad(lambda a, b: gt.sum(f(a, b)), argnums=(0, 1))(a, b)
    assert ga.shape == a.shape and gb.shape == b.shape
    assert ga.dtype == gb.dtype == np.dtype(dtype)
    tolerance = 1e-10 if dtype == "float64" else 2e-4
    got = np.sum(ga.numpy() * u) + np.sum(gb.numpy() * v)
    assert got == pytest.approx(want, rel=tolerance, abs=tolerance)
    _, tangent = gt.jvp(lambda a, b: gt.sum(f(a, b)), (a, b), (u, v))
    assert float(tangent) == pytest.approx(want, rel=tolerance, abs=tolerance)


@slow
@given(st.sampled_from(sorted(ANALYTIC)), shapes, st.integers(0, 2**31))
def test_hessian_vector_products_against_the_complex_step_of_the_gradient(name: str, both: Any, seed: int) -> None:
    f = ANALYTIC[name]
    random = np.random.default_rng(seed)
    a, b = [random.uniform(-1, 1, shape) for shape in both.input_shapes]
    u = random.uniform(-1, 1, a.shape)
    scalar = lambda a: gt.sum(f(a, b))
    step = 1e-5
    gradient = gt.grad(scalar)
    want = (gradient(a + step * u).numpy() - gradient(a - step * u).numpy()) / (2 * step)
    np.testing.assert_allclose(gt.hvp(scalar, a, u).numpy(), want, rtol=1e-6, atol=1e-6)
    both_ways = gt.jvp(gradient, (a,), (u,))[1]
    np.testing.assert_allclose(both_ways.numpy(), want, rtol=1e-6, atol=1e-6)
    if a.size:
        full = gt.hessian(scalar)(a).numpy().reshape(a.size, a.size)
        np.testing.assert_allclose(full @ u.ravel(), want.ravel(), rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(full, full.T, rtol=1e-12, atol=1e-12)
