"""The workloads in gradtape: tapes where a tape is what one would write, functions of functions elsewhere."""

import numpy as np

import gradtape as gt
from workloads import BRUSSELATOR, CHAIN, ORDERS, PENALTY, SLOTS

version = getattr(gt, "__version__", "this checkout")
arrays = lambda result: [t if isinstance(t, np.ndarray) else t.numpy() for t in result]


def article_gradient(x, y):
    x, y = gt.Variable(x), gt.Variable(y)

    def run():
        with gt.GradientTape() as tape:
            f = 2 * x**3 + 11 * x + 5 * y**2 + 5
        return tape.gradient(f, [x, y])

    return run


def article_second_order(x, y):
    x, y = gt.Variable(x), gt.Variable(y)

    def run():
        with gt.GradientTape(persistent=True) as tape:
            f = 2 * x**3 + 5 * y**2 + 11 * x * y + 5
            fx = tape.gradient(f, x)
            fy = tape.gradient(f, y)
            fxx = tape.gradient(fx, x)
            fyy = tape.gradient(fy, y)
            fxy = tape.gradient(fx, y)
            fyx = tape.gradient(fy, x)
        return [fx, fy, fxx, fyy, fxy, fyx]

    return run


def sin_chain(x):
    x = gt.Variable(x)

    def run():
        with gt.GradientTape() as tape:
            y = x
            for _ in range(CHAIN):
                y = gt.sin(y)
        return [tape.gradient(y, x)]

    return run


def loss(x, labels, W1, b1, W2, b2):
    scores = gt.tanh(x @ W1 + b1) @ W2 + b2
    return gt.sum(gt.nn.softmax_cross_entropy_with_logits(labels, scores))


def mlp_gradient(x, labels, **weights):
    weights = [gt.Variable(w) for w in weights.values()]
    x, labels = gt.constant(x), gt.constant(labels)

    def run():
        with gt.GradientTape() as tape:
            objective = loss(x, labels, *weights) / len(labels)
        return tape.gradient(objective, weights)

    return run


def mlp_double_backprop(x, labels, **weights):
    weights = [gt.Variable(w) for w in weights.values()]
    x, labels = gt.constant(x), gt.constant(labels)

    def run():
        with gt.GradientTape() as outer:
            with gt.GradientTape(watch_accessed_variables=False) as inner:
                inner.watch(x)
                total = loss(x, labels, *weights)
            slope = inner.gradient(total, x)
            objective = (total + PENALTY * gt.sum(slope * slope)) / len(labels)
        return outer.gradient(objective, weights)

    return run


def logistic_hessian(w, X, y):
    def f(w):
        scores = X @ w
        return gt.sum(gt.nn.softplus(scores) - y * scores)

    hessian, w = gt.hessian(f), gt.constant(w)
    return lambda: [hessian(w)]


def elementwise_million(x):
    x = gt.constant(x)

    def run():
        with gt.GradientTape() as tape:
            tape.watch(x)
            y = gt.sum(gt.tanh(x) * gt.exp(-(x**2)))
        return [tape.gradient(y, x)]

    return run


def recurrent_500(W, U, b, xs):
    W, U, b = gt.Variable(W), gt.Variable(U), gt.Variable(b)
    steps = [gt.constant(x) for x in xs]

    def run():
        with gt.GradientTape() as tape:
            h = gt.zeros(32)
            for x in steps:
                h = gt.tanh(W @ h + U @ x + b)
            y = gt.sum(h * h)
        return tape.gradient(y, [W, U, b])

    return run


def recurrent_in_slots(W, U, b, xs):
    W, U, b = gt.Variable(W), gt.Variable(U), gt.Variable(b)
    steps = [gt.constant(x) for x in xs]

    def run():
        with gt.GradientTape() as tape:
            h = gt.checkpoint_chain(
                lambda i, h: gt.tanh(W @ h + U @ steps[i] + b), gt.zeros(32), len(steps), slots=SLOTS
            )
            y = gt.sum(h * h)
        return tape.gradient(y, [W, U, b])

    return run


def checkpointed_layers(x, W, b):
    x, weights = gt.constant(x), [(gt.Variable(w), gt.Variable(c)) for w, c in zip(W, b)]
    layer = gt.checkpoint(lambda x, w, c: x + gt.tanh(x @ w + c))

    def run():
        with gt.GradientTape() as tape:
            y = x
            for w, c in weights:
                y = layer(y, w, c)
            y = gt.sum(y * y)
        gradients = tape.gradient(y, weights)
        return [gt.stack(part) for part in zip(*gradients)]

    return run


def rosenbrock_hvp(x, v):
    def f(x):
        return gt.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    x, v = gt.constant(x), gt.constant(v)
    return lambda: [gt.hvp(f, x, v)]


def net(x, W1, b1, W2, b2, W3, b3):
    return gt.tanh(gt.tanh(x @ W1 + b1) @ W2 + b2) @ W3 + b3


def taylor_scalar(x, order):
    def run():
        series = gt.taylor(lambda x: gt.exp(gt.sin(x)) * gt.tanh(x), x, 1.0, order)
        return [gt.stack(series.derivatives[1:])]

    return run


def taylor_12(x):
    return taylor_scalar(x, ORDERS["taylor_12"])


def taylor_20(x):
    return taylor_scalar(x, ORDERS["taylor_20"])


def taylor_network(x, **weights):
    order, ones = ORDERS["taylor_network"], gt.ones_like(x)
    return lambda: [gt.taylor(lambda x: net(x, **weights), x, ones, order).derivatives[order]]


def laplacian(x, **weights):
    operator, x = gt.laplacian(lambda point: net(point, **weights)), gt.constant(x)
    return lambda: [operator(x)]


def network(x, **weights):
    x, weights = gt.constant(x), {name: gt.constant(w) for name, w in weights.items()}
    return lambda: [net(x, **weights)]


def dense_jacobian(A, x):
    jacobian, x = gt.jacobian(lambda x: gt.tanh(A @ gt.sin(x))), gt.constant(x)
    return lambda: [jacobian(x)]


def rosenbrock(x):
    return gt.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def brusselator(w):
    side, a, b, c = BRUSSELATOR
    u, v = gt.reshape(w, (2, side, side))

    def spread(z):
        return sum(gt.roll(z, shift, axis=axis) for shift in (1, -1) for axis in (0, 1)) - 4.0 * z

    reaction = u * u * v
    return gt.concat([
        (b + reaction - (a + 1.0) * u + c * spread(u)).ravel(), (a * u - reaction + c * spread(v)).ravel()
    ])  # fmt: skip


def pattern(prepare, f, x):
    """Pattern and colours, which are only found when they are asked for."""
    x = gt.constant(x)

    def run():
        prepared = prepare(f, x)
        run.colours = prepared.n_colors
        return [prepared.pattern.indices, prepared.pattern.indptr]

    return run


def evaluated(prepare, f, x):
    """The entries in CSR order, of a matrix made anew each time."""
    x = gt.constant(x)
    prepared = prepare(f, x)
    return lambda: [prepared(x).data]


def rosenbrock_pattern(x):
    return pattern(gt.prepare_hessian, rosenbrock, x)


def rosenbrock_hessian(x):
    return evaluated(gt.prepare_hessian, rosenbrock, x)


def brusselator_pattern(w):
    return pattern(gt.prepare_jacobian, brusselator, w)


def brusselator_jacobian(w):
    return evaluated(gt.prepare_jacobian, brusselator, w)
