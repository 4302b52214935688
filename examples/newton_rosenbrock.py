"""Newton's method with exact Hessians finds the minimum of Rosenbrock's function, and converges quadratically.

    f(x) = Σᵢ 100 (xᵢ₊₁ - xᵢ²)² + (1 - xᵢ)²,   least at x = (1, ..., 1)
"""

import numpy as np

import gradtape as gt


def rosenbrock(x):
    return gt.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def newton(f, x, tolerance=1e-10, steps=100):
    """Minimise f from x by Newton steps, halved until f decreases. Returns the point and each step's gradient norm."""
    value_and_gradient, hessian = gt.value_and_grad(f), gt.hessian(f)
    norms = []
    for _ in range(steps):
        value, gradient = value_and_gradient(x)
        norms.append(float(np.linalg.norm(gradient)))
        if norms[-1] < tolerance:
            return x, norms
        curvature, basis = np.linalg.eigh(hessian(x))
        step = basis @ ((basis.T @ gradient) / np.abs(curvature))           # downhill also where f is not convex
        size = 1.0
        while f(x - size * step) > value and size > 1e-10:
            size /= 2
        x = x - size * step
    raise RuntimeError(f"no minimum within {steps} steps: gradient norm {norms[-1]:.3g}")


def main() -> None:
    minimum, norms = newton(rosenbrock, np.zeros(10))       # from near (-1, 1, ..., 1) it would find a lesser minimum
    for step, norm in enumerate(norms):
        print(f"step {step:2d}: |∇f| = {norm:.3e}")
    print("minimum:", np.round(minimum, 12))
    assert np.allclose(minimum, 1.0, atol=1e-10)
    assert norms[-1] < 1e-3 * norms[-2], "the last step of Newton's method more than doubles the digits"


if __name__ == "__main__":
    main()
