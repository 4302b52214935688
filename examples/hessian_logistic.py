"""Standard errors of a logistic regression, from the exact Hessian of its negative log-likelihood.

    L(w) = Σᵢ softplus(xᵢᵀw) - yᵢ xᵢᵀw,    ∇²L = Xᵀ diag(p (1 - p)) X,  p = sigmoid(Xw)
"""

import numpy as np

import gradtape as gt


def main() -> None:
    rng = np.random.default_rng(0)
    X = np.column_stack([np.ones(500), rng.normal(size=(500, 3))])
    truth = np.array([-0.5, 1.0, 0.0, -2.0])
    y = (rng.random(500) < 1 / (1 + np.exp(-X @ truth))).astype(float)

    def loss(w):
        scores = X @ w
        return gt.sum(gt.nn.softplus(scores) - y * scores)

    gradient, hessian = gt.grad(loss), gt.hessian(loss)
    w = np.zeros(4)
    for _ in range(10):
        w = w - np.linalg.solve(hessian(w), gradient(w))

    H = np.asarray(hessian(w))
    p = 1 / (1 + np.exp(-X @ w))
    np.testing.assert_allclose(H, X.T @ ((p * (1 - p))[:, None] * X), rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(gradient(w), 0, atol=1e-8)

    errors = np.sqrt(np.diag(np.linalg.inv(H)))
    print("truth   estimate   standard error")
    for true, estimate, error in zip(truth, w, errors):
        print(f"{true:5.2f}   {estimate:8.3f}   {error:14.3f}")
        assert abs(estimate - true) < 4 * error


if __name__ == "__main__":
    main()
