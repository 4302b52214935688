"""SciPy's optimisers take functions, gradients, Hessians and products as gradtape gives them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import least_squares, minimize, root

import gradtape as gt

START = np.array([1.3, 0.7, 0.8, 1.9, 1.2])


def rosenbrock(x: Any) -> Any:
    return gt.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@pytest.mark.parametrize("method", ["CG", "BFGS", "L-BFGS-B", "TNC", "SLSQP", "trust-constr"])
def test_with_a_gradient(method: str) -> None:
    result = minimize(rosenbrock, START, jac=gt.grad(rosenbrock), method=method)
    np.testing.assert_allclose(result.x, np.ones(5), atol=5e-2)


@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B"])
def test_with_value_and_gradient_in_one(method: str) -> None:
    result = minimize(gt.value_and_grad(rosenbrock), START, jac=True, method=method)
    np.testing.assert_allclose(result.x, np.ones(5), atol=1e-3)


@pytest.mark.parametrize("method", ["Newton-CG", "trust-ncg", "trust-exact", "trust-krylov", "dogleg"])
def test_with_a_hessian(method: str) -> None:
    start = np.full(5, 1.02) if method == "dogleg" else START  # dogleg wants a positive definite Hessian
    result = minimize(rosenbrock, start, jac=gt.grad(rosenbrock), hess=gt.hessian(rosenbrock), method=method)
    np.testing.assert_allclose(result.x, np.ones(5), atol=1e-3)


@pytest.mark.parametrize("method", ["Newton-CG", "trust-krylov"])
def test_with_hessian_vector_products(method: str) -> None:
    product = lambda x, v: gt.hvp(rosenbrock, x, v)
    result = minimize(rosenbrock, START, jac=gt.grad(rosenbrock), hessp=product, method=method)
    np.testing.assert_allclose(result.x, np.ones(5), atol=1e-3)


def test_least_squares_with_a_jacobian() -> None:
    t = np.linspace(0, 2, 20)
    data = 2.5 * np.exp(-1.3 * t)
    residual = lambda p: p[0] * gt.exp(-p[1] * t) - data
    result = least_squares(residual, [1.0, 1.0], jac=gt.jacobian(residual))
    np.testing.assert_allclose(result.x, [2.5, 1.3], rtol=1e-6)


def test_root_with_a_jacobian() -> None:
    f = lambda x: gt.stack([x[0] ** 2 + x[1] - 3, x[0] - x[1] ** 3])
    result = root(f, [1.0, 1.0], jac=gt.jacobian(f))
    np.testing.assert_allclose(np.asarray(f(result.x)), 0, atol=1e-9)
