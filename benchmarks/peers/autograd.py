"""The workloads in HIPS/autograd."""

import importlib.metadata

import autograd
import autograd.numpy as np

from workloads import CHAIN, PENALTY

version = importlib.metadata.version("autograd")
arrays = list


def article_gradient(x, y):
    gradient = autograd.grad(lambda x, y: 2 * x**3 + 11 * x + 5 * y**2 + 5, argnum=(0, 1))
    return lambda: gradient(x, y)


def article_second_order(x, y):
    def f(x, y):
        return 2 * x**3 + 5 * y**2 + 11 * x * y + 5

    fx, fy = autograd.grad(f, 0), autograd.grad(f, 1)
    parts = [fx, fy, autograd.grad(fx, 0), autograd.grad(fy, 1), autograd.grad(fx, 1), autograd.grad(fy, 0)]
    return lambda: [part(x, y) for part in parts]


def sin_chain(x):
    def f(x):
        for _ in range(CHAIN):
            x = np.sin(x)
        return x

    derivative = autograd.grad(f)
    return lambda: [derivative(x)]


def loss(weights, x, labels):
    W1, b1, W2, b2 = weights
    scores = np.dot(np.tanh(np.dot(x, W1) + b1), W2) + b2
    scores = scores - np.max(scores, axis=1, keepdims=True)
    return np.sum(np.log(np.sum(np.exp(scores), axis=1)) - np.sum(labels * scores, axis=1))


def mlp_gradient(x, labels, **weights):
    weights = tuple(weights.values())
    gradient = autograd.grad(lambda weights: loss(weights, x, labels) / len(labels))
    return lambda: gradient(weights)


def mlp_double_backprop(x, labels, **weights):
    weights = tuple(weights.values())
    loss_and_slope = autograd.value_and_grad(loss, argnum=1)

    def objective(weights):
        total, slope = loss_and_slope(weights, x, labels)
        return (total + PENALTY * np.sum(slope * slope)) / len(labels)

    gradient = autograd.grad(objective)
    return lambda: gradient(weights)


def logistic_hessian(w, X, y):
    def f(w):
        scores = np.dot(X, w)
        return np.sum(np.logaddexp(0.0, scores) - y * scores)

    hessian = autograd.hessian(f)
    return lambda: [hessian(w)]


def elementwise_million(x):
    gradient = autograd.grad(lambda x: np.sum(np.tanh(x) * np.exp(-(x**2))))
    return lambda: [gradient(x)]


def recurrent_500(W, U, b, xs):
    steps = list(xs)

    def f(weights):
        W, U, b = weights
        h = np.zeros(32)
        for x in steps:
            h = np.tanh(np.dot(W, h) + np.dot(U, x) + b)
        return np.sum(h * h)

    gradient = autograd.grad(f)
    return lambda: gradient((W, U, b))


def rosenbrock_hvp(x, v):
    def f(x):
        return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    product = autograd.hessian_vector_product(f)
    return lambda: [product(x, v)]


def dense_jacobian(A, x):
    jacobian = autograd.jacobian(lambda x: np.tanh(np.dot(A, np.sin(x))))
    return lambda: [jacobian(x)]
