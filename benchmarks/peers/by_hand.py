"""The workloads in NumPy, the derivatives worked out on paper and written as formulas: what one does without a tool."""

import math

import numpy as np
import scipy.sparse as sparse

from workloads import BRUSSELATOR, CHAIN, ORDERS, PENALTY, SLOTS

version = np.__version__
arrays = list


def article_gradient(x, y):
    x, y = np.float64(x), np.float64(y)

    def run():
        _ = 2 * x**3 + 11 * x + 5 * y**2 + 5                # the value, which a tape computes as well
        return [6 * x**2 + 11, 10 * y]

    return run


def article_second_order(x, y):
    x, y = np.float64(x), np.float64(y)

    def run():
        _ = 2 * x**3 + 5 * y**2 + 11 * x * y + 5
        eleven = np.float64(11)
        return [6 * x**2 + 11 * y, 10 * y + 11 * x, 12 * x, np.float64(10), eleven, eleven]

    return run


def sin_chain(x):
    x = np.float64(x)

    def run():
        y, slopes = x, []
        for _ in range(CHAIN):
            slopes.append(np.cos(y))
            y = np.sin(y)
        derivative = np.float64(1)
        for slope in reversed(slopes):
            derivative = derivative * slope
        return [derivative]

    return run


def mlp_gradient(W1, b1, W2, b2, x, labels):
    def run():
        h = np.tanh(x @ W1 + b1)
        scores = h @ W2 + b2
        scores = scores - scores.max(axis=1, keepdims=True)
        e = np.exp(scores)
        z = e.sum(axis=1, keepdims=True)
        _ = (np.sum(np.log(z)) - np.sum(labels * scores)) / len(labels)     # the value, which a tape computes as well
        g = (e / z - labels) / np.float32(len(labels))
        ga = (g @ W2.T) * (1 - h * h)
        return [x.T @ ga, ga.sum(axis=0), h.T @ g, g.sum(axis=0)]

    return run


def mlp_double_backprop(W1, b1, W2, b2, x, labels):
    """Derivatives of mean(L + c |s|²), s = ∂L/∂x = ((p - labels) W2ᵀ ∘ (1 - h²)) W1ᵀ, by the product rule."""

    def run():
        n = np.float32(len(labels))
        h = np.tanh(x @ W1 + b1)
        scores = h @ W2 + b2
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        r = p - labels                                      # ∂L/∂scores
        q = r @ W2.T                                        # ∂L/∂h
        d = 1 - h * h
        m = q * d                                           # ∂L/∂(x W1 + b1)
        s = m @ W1.T
        gs = s * (2 * np.float32(PENALTY) / n)              # now backwards through those lines
        gm = gs @ W1
        gW1 = gs.T @ m
        gq = gm * d
        gr = gq @ W2
        gW2 = gq.T @ r
        gscores = p * (gr - (p * gr).sum(axis=1, keepdims=True)) + r / n
        gh = gscores @ W2.T - 2 * h * (gm * q)
        ga = gh * d
        return [gW1 + x.T @ ga, ga.sum(axis=0), gW2 + h.T @ gscores, gscores.sum(axis=0)]

    return run


def logistic_hessian(w, X, y):
    def run():
        p = 1 / (1 + np.exp(-(X @ w)))
        return [X.T @ ((p * (1 - p))[:, None] * X)]

    return run


def elementwise_million(x):
    def run():
        t = np.tanh(x)
        e = np.exp(-(x**2))
        _ = np.sum(t * e)
        return [e * (1 - t * t) - 2 * x * t * e]

    return run


def recurrent_500(W, U, b, xs):
    def run():
        h = np.zeros(32)
        hs = [h]
        for x in xs:
            h = np.tanh(W @ h + U @ x + b)
            hs.append(h)
        _ = h @ h
        g = 2 * h
        gas = np.empty((len(xs), 32))
        for t in range(len(xs) - 1, -1, -1):
            h = hs[t + 1]
            gas[t] = ga = g * (1 - h * h)
            g = ga @ W
        return [gas.T @ np.array(hs[:-1]), gas.T @ xs, gas.sum(axis=0)]

    return run


def recurrent_in_slots(W, U, b, xs):
    stretches = xs.reshape(SLOTS, -1, 32)

    def run():
        h = np.zeros(32)
        starts = []
        for part in stretches:
            starts.append(h)
            for x in part:
                h = np.tanh(W @ h + U @ x + b)
        _ = h @ h
        g = 2 * h
        gW, gU, gb = np.zeros_like(W), np.zeros_like(U), np.zeros_like(b)
        for h, part in zip(reversed(starts), reversed(stretches)):
            hs = [h]
            for x in part:
                hs.append(np.tanh(W @ hs[-1] + U @ x + b))
            gas = np.empty_like(part)
            for t in range(len(part) - 1, -1, -1):
                gas[t] = ga = g * (1 - hs[t + 1] * hs[t + 1])
                g = ga @ W
            gW += gas.T @ np.array(hs[:-1])
            gU += gas.T @ part
            gb += gas.sum(axis=0)
        return [gW, gU, gb]

    return run


def checkpointed_layers(x, W, b):
    def run():
        y = x
        starts = []
        for w, c in zip(W, b):
            starts.append(y)
            y = y + np.tanh(y @ w + c)
        _ = np.sum(y * y)
        g = 2 * y
        gW, gb = np.empty_like(W), np.empty_like(b)
        for i in range(len(W) - 1, -1, -1):
            t = np.tanh(starts[i] @ W[i] + b[i])
            ga = g * (1 - t * t)
            gW[i], gb[i] = starts[i].T @ ga, ga.sum(axis=0)
            g = g + ga @ W[i].T
        return [gW, gb]

    return run


def rosenbrock_hvp(x, v):
    def run():
        a, b, va, vb = x[:-1], x[1:], v[:-1], v[1:]
        mixed = -400 * a
        product = np.zeros_like(x)
        product[:-1] = (1200 * a * a - 400 * b + 2) * va + mixed * vb
        product[1:] += 200 * vb + mixed * va
        return [product]

    return run


def dense_jacobian(A, x):
    def run():
        y = np.tanh(A @ np.sin(x))
        return [(1 - y * y)[:, None] * A * np.cos(x)]

    return run


def cauchy(a, b, k):
    """The kth coefficient of a product of series."""
    return sum(a[j] * b[k - j] for j in range(k + 1))


def taylor_scalar(x, order):
    def run():                                              # coefficients of each function from those before
        s, c, e = [math.sin(x)], [math.cos(x)], [math.exp(math.sin(x))]
        t = [math.tanh(x)]
        d = [1 / math.cosh(x) ** 2]
        for k in range(1, order + 1):
            s.append(c[k - 1] / k)
            c.append(-s[k - 1] / k)
            e.append(sum(j * s[j] * e[k - j] for j in range(1, k + 1)) / k)
            t.append(d[k - 1] / k)
            d.append(-cauchy(t, t, k))
        return [np.array([math.factorial(k) * cauchy(e, t, k) for k in range(1, order + 1)])]

    return run


def taylor_12(x):
    return taylor_scalar(x, ORDERS["taylor_12"])


def taylor_20(x):
    return taylor_scalar(x, ORDERS["taylor_20"])


def tanh_series(z):
    """The coefficients of tanh of a series."""
    y, d = [np.tanh(z[0])], [1 / np.cosh(z[0]) ** 2]
    for k in range(1, len(z)):
        y.append(sum(j * z[j] * d[k - j] for j in range(1, k + 1)) / k)
        d.append(-cauchy(y, y, k))
    return y


def taylor_network(x, W1, b1, W2, b2, W3, b3):
    order = ORDERS["taylor_network"]

    def run():
        h = [x @ W1 + b1, np.ones_like(x) @ W1] + [np.zeros((len(x), W1.shape[1]))] * (order - 1)
        for W, b in ((W2, b2), (W3, b3)):
            h = [c @ W for c in tanh_series(h)]
            h[0] = h[0] + b
        return [math.factorial(order) * h[order]]

    return run


def laplacian(x, W1, b1, W2, b2, W3, b3):
    def run():                                              # value, first derivatives and Laplacian, forward
        h, first, second = x @ W1 + b1, W1[:, None, :], 0.0
        for W, b in ((W2, b2), (W3, b3)):
            y = np.tanh(h)
            slope = 1 / np.cosh(h) ** 2
            second = slope * second - 2 * y * slope * np.einsum("rnm,rnm->nm", first, first)
            first = slope * first
            h, first, second = y @ W + b, first @ W, second @ W
        return [second]

    return run


def network(x, W1, b1, W2, b2, W3, b3):
    return lambda: [np.tanh(np.tanh(x @ W1 + b1) @ W2 + b2) @ W3 + b3]


def rosenbrock_pattern(x):
    def run():
        ones = np.ones(len(x))
        matrix = sparse.diags_array([ones[1:], ones, ones[1:]], offsets=[-1, 0, 1], format="csr")
        return [matrix.indices, matrix.indptr]

    return run


def rosenbrock_hessian(x):
    def run():
        rows = np.zeros((len(x), 3))
        rows[1:, 0] = rows[:-1, 2] = -400 * x[:-1]
        rows[:-1, 1] = 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
        rows[1:, 1] += 200
        return [rows.ravel()[1:-1]]

    return run


def brusselator_matrix(w):
    side, a, _, c = BRUSSELATOR
    ring = sparse.diags_array([1.0, 1.0, -2.0, 1.0, 1.0], offsets=[1 - side, -1, 0, 1, side - 1], shape=(side, side))
    spread, diagonal = c * sparse.kronsum(ring, ring), lambda d: sparse.diags_array(d)
    u, v = w.reshape(2, -1)
    blocks = [
        [diagonal(2 * u * v - (a + 1)) + spread, diagonal(u * u)],
        [diagonal(a - 2 * u * v), diagonal(-u * u) + spread],
    ]
    return sparse.block_array(blocks, format="csr")


def brusselator_pattern(w):
    def run():
        matrix = brusselator_matrix(w)
        matrix.sort_indices()
        return [matrix.indices, matrix.indptr]

    return run


def brusselator_jacobian(w):
    def run():
        matrix = brusselator_matrix(w)
        matrix.sort_indices()
        return [matrix.data]

    return run
