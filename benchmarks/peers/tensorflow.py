"""The workloads in TensorFlow, eager, with its own GradientTape."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from workloads import CHAIN, PENALTY

version = tf.__version__
threads = int(os.environ.get("OMP_NUM_THREADS", "2"))
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(threads)
tf.get_logger().setLevel("ERROR")


def arrays(result):
    return [np.asarray(t) for t in result]


def variable(value):
    return tf.Variable(value, dtype=getattr(value, "dtype", tf.float64))


def article_gradient(x, y):
    x, y = variable(x), variable(y)

    def run():
        with tf.GradientTape() as tape:
            f = 2 * x**3 + 11 * x + 5 * y**2 + 5
        return tape.gradient(f, [x, y])

    return run


def article_second_order(x, y):
    x, y = variable(x), variable(y)

    def run():
        with tf.GradientTape(persistent=True) as tape:
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
    x = variable(x)

    def run():
        with tf.GradientTape() as tape:
            y = x
            for _ in range(CHAIN):
                y = tf.sin(y)
        return [tape.gradient(y, x)]

    return run


def loss(x, labels, W1, b1, W2, b2):
    scores = tf.tanh(x @ W1 + b1) @ W2 + b2
    return tf.reduce_sum(tf.nn.softmax_cross_entropy_with_logits(labels, scores))


def mlp_gradient(x, labels, **weights):
    weights = [variable(w) for w in weights.values()]
    x, labels = tf.constant(x), tf.constant(labels)

    def run():
        with tf.GradientTape() as tape:
            objective = loss(x, labels, *weights) / len(labels)
        return tape.gradient(objective, weights)

    return run


def mlp_double_backprop(x, labels, **weights):
    weights = [variable(w) for w in weights.values()]
    x, labels = tf.constant(x), tf.constant(labels)

    def run():
        with tf.GradientTape() as outer:
            with tf.GradientTape(watch_accessed_variables=False) as inner:
                inner.watch(x)
                total = loss(x, labels, *weights)
            slope = inner.gradient(total, x)
            objective = (total + PENALTY * tf.reduce_sum(slope * slope)) / len(labels)
        return outer.gradient(objective, weights)

    return run


def logistic_hessian(w, X, y):
    w, X, y = tf.constant(w), tf.constant(X), tf.constant(y)

    def run():
        with tf.GradientTape() as outer:
            outer.watch(w)
            with tf.GradientTape() as inner:
                inner.watch(w)
                scores = tf.linalg.matvec(X, w)
                f = tf.reduce_sum(tf.nn.softplus(scores) - y * scores)
            gradient = inner.gradient(f, w)
        return [outer.jacobian(gradient, w)]

    return run


def elementwise_million(x):
    x = tf.constant(x)

    def run():
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(tf.tanh(x) * tf.exp(-tf.square(x)))
        return [tape.gradient(y, x)]

    return run


def recurrent_500(W, U, b, xs):
    W, U, b = variable(W), variable(U), variable(b)
    steps = [tf.constant(x) for x in xs]

    def run():
        with tf.GradientTape() as tape:
            h = tf.zeros(32, tf.float64)
            for x in steps:
                h = tf.tanh(tf.linalg.matvec(W, h) + tf.linalg.matvec(U, x) + b)
            y = tf.reduce_sum(h * h)
        return tape.gradient(y, [W, U, b])

    return run


def checkpointed_layers(x, W, b):
    x, Ws, bs = tf.constant(x), [variable(w) for w in W], [variable(c) for c in b]
    layers = [
        tf.recompute_grad(lambda x, w=w, c=c: x + tf.tanh(x @ w + c)) for w, c in zip(Ws, bs)
    ]

    def run():
        with tf.GradientTape() as tape:
            y = x
            for layer in layers:
                y = layer(y)
            y = tf.reduce_sum(y * y)
        gradients = tape.gradient(y, Ws + bs)
        return [tf.stack(gradients[: len(Ws)]), tf.stack(gradients[len(Ws) :])]

    return run


def rosenbrock_hvp(x, v):
    x, v = tf.constant(x), tf.constant(v)

    def run():
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                f = tf.reduce_sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
            gradient = inner.gradient(f, x)
        return [outer.gradient(gradient, x, output_gradients=v)]

    return run


def dense_jacobian(A, x):
    A, x = tf.constant(A), tf.constant(x)

    def run():
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.tanh(tf.linalg.matvec(A, tf.sin(x)))
        return [tape.jacobian(y, x)]

    return run
