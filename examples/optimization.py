"""SciPy's optimisers and stiff solvers with exact derivatives, beside finite differences.

1. ARWHEAD of the CUTEst collection (Conn, Gould, Lescrenier, Toint, 1994), n = 1000, by trust-krylov:
       f = Σ (xᵢ² + xₙ²)² - 4 xᵢ + 3,  from (1, ..., 1);  f* = 0
2. LUKVLE1 (Lukšan, Vlček, 1999, problem 5.1), n = 100, by trust-constr with sparse Hessians and Jacobians:
       f = Σ 100 (xᵢ² - xᵢ₊₁)² + (xᵢ - 1)²,  subject to
       3 xₖ₊₁³ + 2 xₖ₊₂ - 5 + sin(xₖ₊₁ - xₖ₊₂) sin(xₖ₊₁ + xₖ₊₂) + 4 xₖ₊₁ - xₖ exp(xₖ - xₖ₊₁) - 3 = 0;  f* = 6.23246
3. The Brusselator in one dimension (Hairer, Wanner, Solving Ordinary Differential Equations II, IV.1), a
   reaction-diffusion system of 200 variables, by BDF and Radau with a sparse Jacobian.
"""

import time

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import NonlinearConstraint, approx_fprime, minimize

import gradtape as gt


def arwhead(x):
    return gt.sum((x[:-1] ** 2 + x[-1] ** 2) ** 2 - 4 * x[:-1] + 3)


def lukvle1(x):
    return gt.sum(100 * (x[:-1] ** 2 - x[1:]) ** 2 + (x[:-1] - 1) ** 2)


def lukvle1_constraints(x):
    a, b, c = x[:-2], x[1:-1], x[2:]
    return 3 * b**3 + 2 * c - 5 + gt.sin(b - c) * gt.sin(b + c) + 4 * b - a * gt.exp(a - b) - 3


def brusselator(t, y, alpha=0.02):
    n = y.shape[0] // 2
    u, v, h = y[:n], y[n:], 1.0 / (n + 1)
    second = lambda w, end: (gt.concat([w[1:], end]) - 2 * w + gt.concat([end, w[:-1]])) / h**2
    du = 1 + u * u * v - 4 * u + alpha * second(u, np.array([1.0]))
    dv = 3 * u - u * u * v + alpha * second(v, np.array([3.0]))
    return gt.concat([du, dv])


def timed(call):
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start


def line(name, seconds, of_differences, what):
    times = f"{seconds:6.2f} s, finite differences {of_differences:6.2f} s: {of_differences / seconds:5.1f} x"
    print(f"{name:24s}{times}   {what}")


def main():
    # 1. no constraints, products with the Hessian
    x0 = np.ones(1000)
    result, exact = timed(lambda: gt.minimize(arwhead, x0, method="trust-krylov"))
    slope = lambda x: approx_fprime(x, arwhead, 1e-8)
    product = lambda x, p: (slope(x + 1e-6 * p) - slope(x)) / 1e-6
    by_differences, rough = timed(lambda: minimize(arwhead, x0, jac=slope, hessp=product, method="trust-krylov"))
    assert abs(result.fun) < 1e-9, result.fun
    line("ARWHEAD, trust-krylov", exact, rough, f"f = {result.fun:.1e} (differences: {by_differences.fun:.1e})")

    # 2. constraints
    x0 = np.where(np.arange(100) % 2 == 0, -1.2, 1.0)
    equations = NonlinearConstraint(lukvle1_constraints, 0, 0)
    options = {"maxiter": 300}
    result, exact = timed(
        lambda: gt.minimize(lukvle1, x0, method="trust-constr", constraints=equations, options=options)
    )
    by_differences, rough = timed(
        lambda: minimize(lukvle1, x0, method="trust-constr", constraints=equations, options={"maxiter": 60})
    )
    assert abs(result.fun - 6.23246) < 1e-4, result.fun
    assert np.abs(lukvle1_constraints(result.x)).max() < 1e-7
    what = f"f = {result.fun:.5f} in {result.nit} steps (differences and BFGS, {by_differences.nit} steps: "
    what += f"{by_differences.fun:.4f})"
    line("LUKVLE1, trust-constr", exact, rough, what)

    # 3. a stiff system
    n = 100
    grid = np.arange(1, n + 1) / (n + 1)
    y0 = np.concatenate([1 + np.sin(2 * np.pi * grid), np.full(n, 3.0)])
    jacobian = gt.prepare_jacobian(lambda y: brusselator(0.0, y), y0)
    for method in ("BDF", "Radau"):
        solve = lambda method=method, **more: solve_ivp(
            brusselator, (0, 10), y0, method=method, rtol=1e-6, atol=1e-8, **more
        )
        solution, exact = timed(lambda: solve(jac=lambda t, y: jacobian(y)))  # noqa: B023
        dense, rough = timed(solve)
        assert np.abs(solution.y[:, -1] - dense.y[:, -1]).max() < 1e-3
        what = f"{solution.nfev} evaluations, {dense.nfev} with differences; {jacobian.n_colors} colours"
        line(f"Brusselator, {method}", exact, rough, what)


if __name__ == "__main__":
    main()
