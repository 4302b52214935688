"""The loss that the distributed tests differentiate, its data, and its derivatives on one machine by NumPy's arrays."""

import numpy as np

import gradtape as gt

random = np.random.default_rng(1)
X = random.normal(size=(400, 20))
Y = np.sign(X @ random.normal(size=20) + 0.3 * random.normal(size=400))
W = 0.1 * random.normal(size=20)
V = random.normal(size=20)


def loss(w, x, y):
    """Mean logistic loss, with a network's nonlinearity."""
    return gt.mean(gt.nn.softplus(-y * gt.tanh(x @ w)))


def single():
    """Gradient, and Hessian times V."""
    f = lambda w: loss(w, X, Y)
    return gt.grad(f)(W).numpy(), gt.hvp(f, W, V).numpy()
