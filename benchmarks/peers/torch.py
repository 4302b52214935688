"""The workloads in PyTorch, eager."""

import os

import torch
from torch.utils.checkpoint import checkpoint

from workloads import CHAIN, PENALTY, SLOTS

version = torch.__version__
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))


def arrays(result):
    return [t.detach().numpy() for t in result]


def leaf(value):
    return torch.tensor(value, dtype=None if hasattr(value, "dtype") else torch.float64, requires_grad=True)


def article_gradient(x, y):
    x, y = leaf(x), leaf(y)

    def run():
        f = 2 * x**3 + 11 * x + 5 * y**2 + 5
        return torch.autograd.grad(f, [x, y])

    return run


def article_second_order(x, y):
    x, y = leaf(x), leaf(y)

    def gradient(f, x):
        return torch.autograd.grad(f, x, create_graph=True)[0]

    def run():
        f = 2 * x**3 + 5 * y**2 + 11 * x * y + 5
        fx, fy = gradient(f, x), gradient(f, y)
        return [fx, fy, gradient(fx, x), gradient(fy, y), gradient(fx, y), gradient(fy, x)]

    return run


def sin_chain(x):
    x = leaf(x)

    def run():
        y = x
        for _ in range(CHAIN):
            y = torch.sin(y)
        return torch.autograd.grad(y, x)

    return run


def loss(x, labels, W1, b1, W2, b2):
    scores = torch.tanh(x @ W1 + b1) @ W2 + b2
    return torch.nn.functional.cross_entropy(scores, labels, reduction="sum")


def mlp_gradient(x, labels, **weights):
    weights = [leaf(w) for w in weights.values()]
    x, labels = torch.tensor(x), torch.tensor(labels)

    def run():
        objective = loss(x, labels, *weights) / len(labels)
        return torch.autograd.grad(objective, weights)

    return run


def mlp_double_backprop(x, labels, **weights):
    weights = [leaf(w) for w in weights.values()]
    x, labels = leaf(x), torch.tensor(labels)

    def run():
        total = loss(x, labels, *weights)
        (slope,) = torch.autograd.grad(total, x, create_graph=True)
        objective = (total + PENALTY * torch.sum(slope * slope)) / len(labels)
        return torch.autograd.grad(objective, weights)

    return run


def logistic_hessian(w, X, y):
    w, X, y = torch.tensor(w), torch.tensor(X), torch.tensor(y)

    def f(w):
        scores = X @ w
        return torch.sum(torch.nn.functional.softplus(scores) - y * scores)

    hessian = torch.func.hessian(f)                         # forward over reverse, as PyTorch defines it
    return lambda: [hessian(w)]


def elementwise_million(x):
    x = leaf(x)
    return lambda: torch.autograd.grad(torch.sum(torch.tanh(x) * torch.exp(-(x**2))), x)


def recurrent_500(W, U, b, xs):
    W, U, b = leaf(W), leaf(U), leaf(b)
    steps = list(torch.tensor(xs))

    def run():
        h = torch.zeros(32, dtype=torch.float64)
        for x in steps:
            h = torch.tanh(W @ h + U @ x + b)
        return torch.autograd.grad(torch.sum(h * h), [W, U, b])

    return run


def recurrent_in_slots(W, U, b, xs):
    W, U, b = leaf(W), leaf(U), leaf(b)
    stretches = list(torch.tensor(xs).reshape(SLOTS, -1, 32))

    def stretch(h, xs):
        for x in xs:
            h = torch.tanh(W @ h + U @ x + b)
        return h

    def run():
        h = torch.zeros(32, dtype=torch.float64)
        for xs in stretches:
            h = checkpoint(stretch, h, xs, use_reentrant=False)
        return torch.autograd.grad(torch.sum(h * h), [W, U, b])

    return run


def checkpointed_layers(x, W, b):
    x, Ws, bs = torch.tensor(x), [leaf(w) for w in W], [leaf(c) for c in b]

    def layer(x, w, c):
        return x + torch.tanh(x @ w + c)

    def run():
        y = x
        for w, c in zip(Ws, bs):
            y = checkpoint(layer, y, w, c, use_reentrant=False, preserve_rng_state=False)
        gradients = torch.autograd.grad(torch.sum(y * y), Ws + bs)
        return [torch.stack(gradients[: len(Ws)]), torch.stack(gradients[len(Ws) :])]

    return run


def rosenbrock_hvp(x, v):
    x, v = leaf(x), torch.tensor(v)

    def run():
        f = torch.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
        (gradient,) = torch.autograd.grad(f, x, create_graph=True)
        return torch.autograd.grad(gradient, x, v)

    return run


def net(x, W1, b1, W2, b2, W3, b3):
    return torch.tanh(torch.tanh(x @ W1 + b1) @ W2 + b2) @ W3 + b3


def network(x, **weights):
    x, weights = torch.tensor(x), {name: torch.tensor(w) for name, w in weights.items()}
    return lambda: [net(x, **weights)]


def laplacian(x, **weights):
    x, weights = leaf(x), {name: torch.tensor(w) for name, w in weights.items()}

    def run():                                              # nested tapes, one more for each coordinate
        u = net(x, **weights)
        (gradient,) = torch.autograd.grad(u.sum(), x, create_graph=True)
        total = 0
        for i in range(x.shape[1]):
            (row,) = torch.autograd.grad(gradient[:, i].sum(), x, retain_graph=True)
            total = total + row[:, i : i + 1]
        return [total]

    return run


def dense_jacobian(A, x):
    A, x = torch.tensor(A), torch.tensor(x)
    jacobian = torch.func.jacrev(lambda x: torch.tanh(A @ torch.sin(x)))
    return lambda: [jacobian(x)]
