"""The gradient of each example's loss, all at once: vmap of a gradient, here to see which examples pull hardest.

For L(w) = ½ (xᵀw - y)² the gradient at one example is (xᵀw - y) x. The last example is an outlier on purpose.
"""

import numpy as np

import gradtape as gt


def loss(w, x, y):
    return 0.5 * (gt.matmul(x, w) - y) ** 2


def main() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(8, 3))
    w = np.array([1.0, -2.0, 0.5])
    y = X @ w + 0.1 * rng.normal(size=8)
    y[-1] += 5.0

    per_example = gt.vmap(gt.grad(loss), in_axes=(None, 0, 0))(w, X, y)
    np.testing.assert_allclose(per_example, (X @ w - y)[:, None] * X, rtol=1e-13)
    np.testing.assert_allclose(np.sum(per_example, axis=0), gt.grad(lambda w: gt.sum(0.5 * (X @ w - y) ** 2))(w))

    norms = np.linalg.norm(np.asarray(per_example), axis=1)
    for i, norm in enumerate(norms):
        print(f"example {i}: |∇L| = {norm:6.3f} {'#' * round(8 * norm)}")
    assert int(np.argmax(norms)) == 7


if __name__ == "__main__":
    main()
