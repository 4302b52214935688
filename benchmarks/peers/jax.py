"""The workloads in JAX under jit: what a compiler makes of them. The first call, which compiles, is not timed."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.jet import jet

from workloads import CHAIN, ORDERS, PENALTY, SLOTS

jax.config.update("jax_enable_x64", True)
version = jax.__version__


def arrays(result):
    return [np.asarray(t) for t in result]


def compiled(f, *arguments):
    """A timed call of the compiled f: until the result is there, since JAX returns before that."""
    arguments = jax.tree.map(jnp.asarray, arguments)
    f = jax.jit(f)
    return lambda: jax.block_until_ready(f(*arguments))


def article_gradient(x, y):
    return compiled(jax.grad(lambda x, y: 2 * x**3 + 11 * x + 5 * y**2 + 5, argnums=(0, 1)), x, y)


def article_second_order(x, y):
    def f(x, y):
        return 2 * x**3 + 5 * y**2 + 11 * x * y + 5

    fx, fy = jax.grad(f, 0), jax.grad(f, 1)
    parts = [fx, fy, jax.grad(fx, 0), jax.grad(fy, 1), jax.grad(fx, 1), jax.grad(fy, 0)]
    return compiled(lambda x, y: [part(x, y) for part in parts], x, y)


def sin_chain(x):
    def f(x):
        for _ in range(CHAIN):
            x = jnp.sin(x)
        return x

    return compiled(lambda x: [jax.grad(f)(x)], x)


def loss(weights, x, labels):
    W1, b1, W2, b2 = weights
    scores = jnp.tanh(x @ W1 + b1) @ W2 + b2
    return -jnp.sum(labels * jax.nn.log_softmax(scores))


def mlp_gradient(x, labels, **weights):
    return compiled(
        jax.grad(lambda weights, x, labels: loss(weights, x, labels) / len(labels)), tuple(weights.values()), x, labels
    )


def mlp_double_backprop(x, labels, **weights):
    def objective(weights, x, labels):
        total, slope = jax.value_and_grad(loss, argnums=1)(weights, x, labels)
        return (total + PENALTY * jnp.sum(slope * slope)) / len(labels)

    return compiled(jax.grad(objective), tuple(weights.values()), x, labels)


def logistic_hessian(w, X, y):
    def f(w, X, y):
        scores = X @ w
        return jnp.sum(jax.nn.softplus(scores) - y * scores)

    return compiled(lambda *arguments: [jax.hessian(f)(*arguments)], w, X, y)


def elementwise_million(x):
    gradient = jax.grad(lambda x: jnp.sum(jnp.tanh(x) * jnp.exp(-(x**2))))
    return compiled(lambda x: [gradient(x)], x)


def recurrent_500(W, U, b, xs):
    def f(weights, xs):
        W, U, b = weights
        h, _ = jax.lax.scan(lambda h, x: (jnp.tanh(W @ h + U @ x + b), None), jnp.zeros(32), xs)
        return jnp.sum(h * h)

    return compiled(jax.grad(f), (W, U, b), xs)


def recurrent_in_slots(W, U, b, xs):
    def f(weights, xs):
        W, U, b = weights

        @jax.checkpoint
        def stretch(h, xs):
            return jax.lax.scan(lambda h, x: (jnp.tanh(W @ h + U @ x + b), None), h, xs)

        h, _ = jax.lax.scan(stretch, jnp.zeros(32), xs.reshape(SLOTS, -1, 32))
        return jnp.sum(h * h)

    return compiled(jax.grad(f), (W, U, b), xs)


def checkpointed_layers(x, W, b):
    def f(weights, x):
        layer = jax.checkpoint(lambda x, w, c: x + jnp.tanh(x @ w + c))
        for w, c in zip(*weights):
            x = layer(x, w, c)
        return jnp.sum(x * x)

    return compiled(jax.grad(f), (W, b), x)


def rosenbrock_hvp(x, v):
    def f(x):
        return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    return compiled(lambda x, v: [jax.jvp(jax.grad(f), (x,), (v,))[1]], x, v)


def net(x, W1, b1, W2, b2, W3, b3):
    return jnp.tanh(jnp.tanh(x @ W1 + b1) @ W2 + b2) @ W3 + b3


def taylor_scalar(x, order):
    direction = [1.0] + [0.0] * (order - 1)

    def run():                                              # not compiled: what one gets from the first call on
        _, derivatives = jet(lambda x: jnp.exp(jnp.sin(x)) * jnp.tanh(x), (x,), (direction,))
        return jax.block_until_ready([jnp.stack(derivatives)])

    return run


def taylor_12(x):
    return taylor_scalar(x, ORDERS["taylor_12"])


def taylor_20(x):
    return taylor_scalar(x, ORDERS["taylor_20"])


def taylor_network(x, **weights):
    order = ORDERS["taylor_network"]
    direction = [np.ones_like(x)] + [np.zeros_like(x)] * (order - 1)

    def last(x, weights, direction):
        _, derivatives = jet(lambda x: net(x, **weights), (x,), (direction,))
        return [derivatives[-1]]

    return compiled(last, x, weights, direction)


def laplacian(x, **weights):
    def operator(x, weights):
        return [jax.vmap(lambda point: jnp.trace(jax.hessian(lambda x: net(x, **weights)[0])(point)))(x)[:, None]]

    return compiled(operator, x, weights)


def network(x, **weights):
    return compiled(lambda x, weights: [net(x, **weights)], x, weights)


def dense_jacobian(A, x):
    jacobian = jax.jacrev(lambda x, A: jnp.tanh(A @ jnp.sin(x)))
    return compiled(lambda x, A: [jacobian(x, A)], x, A)
