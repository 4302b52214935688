"""Programs and transforms for the laws of nesting (test_laws.py).

A program is a scalar function of one point, looked at along one direction v; a transform turns such a function into
another one: its derivative along v by some mode (`order` says how many times), or the combination 2 f(x) - f(x + v/4),
computed by vmap (order 0). All of them commute, so a stack of transforms has one right answer, whatever the order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import mpmath
import numpy as np

import gradtape as gt

Function = Callable[[Any], Any]
SHIFT = 0.25


class MP:
    """The functions that scalar programs use, for mpmath's numbers."""

    sin, cos, tan, exp, log, tanh, sinh, cosh = (
        mpmath.sin, mpmath.cos, mpmath.tan, mpmath.exp, mpmath.log, mpmath.tanh, mpmath.sinh, mpmath.cosh,
    )  # fmt: skip
    sqrt, atan, atan2, hypot, asinh, expm1, log1p = (
        mpmath.sqrt, mpmath.atan, mpmath.atan2, mpmath.hypot, mpmath.asinh, mpmath.expm1, mpmath.log1p,
    )  # fmt: skip
    abs, floor = abs, mpmath.floor
    where = staticmethod(lambda condition, a, b: a if condition else b)
    maximum = staticmethod(max)
    minimum = staticmethod(min)
    power = staticmethod(lambda a, b: a**b)
    square = staticmethod(lambda a: a * a)
    reciprocal = staticmethod(lambda a: 1 / a)
    logaddexp = staticmethod(lambda a, b: mpmath.log(mpmath.exp(a) + mpmath.exp(b)))
    special = SimpleNamespace(expit=lambda a: 1 / (1 + mpmath.exp(-a)))
    real, imag = mpmath.re, mpmath.im


def recurrence(n: Any, x: Any) -> Any:
    """A loop that uses its intermediates more than once."""
    h = x * 0.5
    for k in range(6):
        h = n.tanh(h * x + 0.1 * k) + 0.3 * h
    return h


def branches(n: Any, x: Any) -> Any:
    """A guarded formula: the branch that is not taken is infinite or NaN."""
    guarded = n.where(x > 0, x * n.log(n.where(x > 0, x, 1.0)), x**2)
    return guarded + n.where(x < 100, n.sin(x), n.exp(x * 1e3)) + n.where(x < 9, n.cos(x), n.sqrt(x - 9) * n.log(x - 9))


SCALAR: dict[str, Callable[[Any, Any], Any]] = {
    "linear": lambda n, x: 3.0 * x + 2,
    "constant": lambda n, x: n.floor(x) * 2.0,
    "cubic": lambda n, x: 2 * x**3 + 5 * x**2 - 11 * x + 5,
    "real power": lambda n, x: x**2.5 - 3 / x**1.5,
    "x to the x": lambda n, x: n.power(x, x),
    "reused": lambda n, x: n.sin(x) * n.exp(x),
    "quotient": lambda n, x: n.exp(x) / (1 + n.square(x)),
    "tower": lambda n, x: n.exp(n.sin(n.cos(x))),
    "square roots": lambda n, x: n.sqrt(1 + n.sqrt(x)) * n.reciprocal(x),
    "logarithms": lambda n, x: n.log1p(x * x) * n.log(x) + n.expm1(-x),
    "inverse": lambda n, x: n.atan(2 * x) + n.asinh(x) * n.atan2(x, 2.0 + x),
    "saturating": lambda n, x: n.special.expit(3 * x) * n.tanh(x) + n.logaddexp(x, 1 - x),
    "distances": lambda n, x: n.hypot(x, 1 + x) / n.hypot(1.0, x),
    "selection": lambda n, x: n.maximum(x * x, 0.3) * n.minimum(n.cos(x), 5.0) + n.abs(x - 9),
    "branches": branches,
    "recurrence": recurrence,
    "hyperbolic": lambda n, x: n.sinh(x) / n.cosh(2 * x) - n.tan(x / 3),
    "complex detour": lambda n, x: n.real(n.exp(1j * x) / (x + 2j)) + n.abs(x + 1j * x**2) * n.imag(n.sqrt(x + 1j)),
    "sawtooth": lambda n, x: (x - n.floor(x)) ** 3 * n.exp(-x),
}
POINT = 0.625


def _loop_with_assignment(x: Any) -> Any:
    y = gt.zeros(5) * x[0]
    for i in range(5):
        y[i] = x[i % 3] * (y[i - 1] if i else x[2]) + 1.0
    y[1:3] *= gt.sin(x[:2])
    return gt.sum(y**2)


def _network(x: Any) -> Any:
    w1 = np.linspace(-1.0, 1.0, 12).reshape(4, 3)
    w2 = np.cos(np.arange(8.0)).reshape(2, 4)
    return gt.sum(gt.tanh(gt.matmul(w2, gt.tanh(gt.matmul(w1, x)))) ** 2)


def _watched_weights(x: Any) -> Any:
    """Uses the gradient with respect to a weight closed over and watched inside."""
    w = gt.Variable([0.5, -0.3, 0.8])
    with gt.GradientTape() as tape:
        loss = gt.sum(gt.tanh(w * x) ** 2) + gt.sum(w * x) ** 2
    g = tape.gradient(loss, w)
    return gt.sum(g * x + gt.sin(g))


def _matrix(x: Any) -> Any:
    return gt.reshape(gt.stack([x[0] + 3, x[1], x[2], x[0] * x[1], x[1] ** 2 + 4, x[2], x[0], x[1], 5 + x[2]]), (3, 3))


def _symmetric(x: Any) -> Any:
    m = _matrix(x)
    return m + gt.matrix_transpose(m) + np.diag([0.0, 5.0, 11.0])


def _eigen(x: Any) -> Any:
    values, vectors = gt.linalg.eigh(_symmetric(x))
    return gt.sum(values**3 * x) / 100 + gt.sum((vectors * gt.sin(values)) @ gt.matrix_transpose(vectors) * x)


def _orthogonal(x: Any) -> Any:
    q, r = gt.linalg.qr(_matrix(x))
    return gt.sum((q @ gt.reshape(x, (3, 1))) ** 2 * r[0, 0] * np.array([[1.0], [2.0], [3.0]])) + gt.sum(r[0] ** 2)


def _singular(x: Any) -> Any:
    s = gt.linalg.svd(_matrix(x) + np.diag([0.0, 5.0, 11.0]))[1]
    return gt.sum(s**2 * np.array([3.0, 2.0, 1.0])) / 10


def _parts(x: Any) -> Any:
    a, b, c = gt.unstack(gt.outer(x, gt.sin(x)))
    first, second = gt.split(gt.concat([a, b * c]), 2)
    return gt.sum(first * second) + gt.sum(gt.cumulative_sum(a) * c)


def _solve(x: Any) -> Any:
    return gt.sum(gt.linalg.solve(_matrix(x), x + 1) ** 2)


MASK = np.array([True, False, True])
EDGES = np.array([0.2, 0.8, 0.9])  # the line VECTOR + t DIRECTION meets none of them

ARRAY: dict[str, tuple[Function, tuple[str, ...]]] = {
    "indexing": (lambda x: x[0] * gt.sum(x[[0, 2, 2]] ** 3) + gt.prod(x[::-1][1:]) * x[-1], ("prod",)),
    "mask": (lambda x: gt.sum(gt.exp(x[MASK])) * gt.sum(x[~MASK] ** 3), ()),
    "matmul": (lambda x: gt.sum(gt.matmul(_matrix(x), _matrix(x * x))), ()),
    "network": (_network, ()),
    "where": (lambda x: gt.sum(gt.where(x > EDGES, gt.sqrt(gt.where(x > EDGES, x, 1.0)), x**3)), ()),
    "unguarded where": (lambda x: gt.sum(gt.where(x > -1, x**3, gt.log(x - 9)) * gt.sin(x)), ()),
    "assignment": (_loop_with_assignment, ()),
    "reductions": (lambda x: gt.mean(x**3) * gt.sum(gt.exp(x)) + gt.var(x * x), ("mean", "var")),
    "broadcasting": (lambda x: gt.sum(x[:, None] * gt.sin(x[None, :] + x[0])), ()),
    "joining": (lambda x: gt.sum(gt.concat([x, x * x, gt.stack([x[0] * x[1]])]) ** 2), ()),
    "solve": (_solve, ("linalg",)),
    "log det": (lambda x: gt.linalg.slogdet(_matrix(x))[1], ("linalg",)),
    "eigen": (_eigen, ("linalg",)),
    "orthogonal": (_orthogonal, ("linalg",)),
    "singular values": (_singular, ("linalg",)),
    "Cholesky": (
        lambda x: gt.sum(gt.linalg.cholesky(_symmetric(x) + 9 * np.eye(3)) * np.arange(9.0).reshape(3, 3)),
        ("linalg",),
    ),
    "parts": (_parts, ()),
    "running product": (lambda x: gt.sum(gt.cumulative_prod(gt.concat([x, x[:2]])) * np.arange(1.0, 6.0)), ()),
    "einsum": (lambda x: gt.sum(gt.einsum("i,j,jk->ik", x, gt.exp(x), _matrix(x)) ** 2) / 100, ("einsum",)),
    "sorting": (lambda x: gt.sum(gt.sort(np.array([0.5, -0.25, 1.0]) * x) ** 3 * np.array([1.0, 2.0, 4.0])), ("sort",)),
    "watched weights": (_watched_weights, ()),
    "dict of parts": (
        lambda x: (lambda p: p["a"] * p["b"][0] ** 2 * gt.tanh(p["b"][1]))({"a": x[0], "b": (x[1], x[2])}),
        (),
    ),
    "softmax": (lambda x: gt.sum(gt.nn.softmax(2 * x) * x), ("nn",)),
    "logsumexp": (lambda x: gt.logsumexp(3 * x) * x[1], ("logsumexp",)),
}
VECTOR = np.array([0.4, 0.7, 1.1])
DIRECTION = np.array([0.9, -0.5, 0.6])


def available(needs: tuple[str, ...]) -> bool:
    """Whether gradtape has these functions."""
    return all(hasattr(gt, name) for name in needs)


# -- transforms ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Transform:
    """`apply(f, v)`: the transformed function; `order`: how many derivatives it takes."""

    name: str
    order: int
    apply: Callable[[Function, Any], Function]

    def __repr__(self) -> str:
        return self.name


def along(g: Any, v: Any) -> Any:
    """<g, v>."""
    return gt.sum(g * v)


def by_tape(f: Function, v: Any) -> Function:
    def result(x: Any) -> Any:
        x = +gt.asarray(x)  # a value of its own, for a tape watches values by identity
        with gt.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        return along(tape.gradient(y, x, unconnected_gradients="zero"), v)

    return result


def by_accumulator(f: Function, v: Any) -> Function:
    def result(x: Any) -> Any:
        x = +gt.asarray(x)  # a value of its own, for a tape watches values by identity
        with gt.ForwardAccumulator(x, gt.asarray(v)) as accumulator:
            y = f(x)
        return accumulator.jvp(y, "zero")

    return result


def by_tape_jacobian(f: Function, v: Any) -> Function:
    def result(x: Any) -> Any:
        x = +gt.asarray(x)  # a value of its own, for a tape watches values by identity
        with gt.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = f(x)
            return along(tape.jacobian(y, x, unconnected_gradients="zero"), v)

    return result


def by_tape_hessian(f: Function, v: Any) -> Function:
    def result(x: Any) -> Any:
        x = +gt.asarray(x)  # a value of its own, for a tape watches values by identity
        with gt.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        return gt.sum(tape.hessian(gt.asarray(y), x) * np.multiply.outer(v, v))

    return result


def by_persistent_tape(f: Function, v: Any) -> Function:
    def result(x: Any) -> Any:
        x = +gt.asarray(x)  # a value of its own, for a tape watches values by identity
        with gt.GradientTape(persistent=True) as tape:
            tape.watch(x)
            g = along(tape.gradient(f(x), x, unconnected_gradients="zero"), v)
            return along(tape.gradient(g, x, unconnected_gradients="zero"), v)

    return result


def by_linearize(f: Function, v: Any) -> Function:
    return lambda x: gt.linearize(f, x)[1](gt.asarray(v))


def by_vmap(f: Function, v: Any) -> Function:
    steps = np.array([0.0, SHIFT])

    def result(x: Any) -> Any:
        points = x + steps.reshape(2, *(1,) * np.ndim(v)) * v
        return along(gt.vmap(f)(points), np.array([2.0, -1.0]))

    return result


def by_custom_jvp(f: Function, v: Any) -> Function:
    return gt.custom(f, jvp=lambda tangents, y, x: gt.jvp(f, (x,), tangents)[1])


def by_custom_vjp(f: Function, v: Any) -> Function:
    return gt.custom(f, vjp=lambda g, y, x: g * gt.grad(f)(x))


def by_taylor(order: int) -> Callable[[Function, Any], Function]:
    return lambda f, v: lambda x: gt.taylor(f, x, v, order).derivatives[order]


def by_laplacian(f: Function, v: Any) -> Function:
    """The second derivative of a line's one variable."""
    return lambda x: gt.laplacian(lambda t: f(x + t[0] * v))(np.zeros(1))


TRANSFORMS = {
    t.name: t
    for t in [
        Transform("grad", 1, lambda f, v: lambda x: along(gt.grad(f)(x), v)),
        Transform("jvp", 1, lambda f, v: lambda x: gt.jvp(f, (x,), (gt.asarray(v),))[1]),
        Transform("vmap", 0, by_vmap),
        Transform("tape", 1, by_tape),
        Transform("accumulator", 1, by_accumulator),
        Transform("tape.jacobian", 1, by_tape_jacobian),
        Transform("tape.hessian", 2, by_tape_hessian),
        Transform("persistent tape", 2, by_persistent_tape),
        Transform("jacobian forward", 1, lambda f, v: lambda x: along(gt.jacobian(f, mode="forward")(x), v)),
        Transform("hvp", 2, lambda f, v: lambda x: along(gt.hvp(f, x, gt.asarray(v)), v)),
        Transform("linearize", 1, by_linearize),
        Transform("taylor", 1, by_taylor(1)),
        Transform("taylor of order 2", 2, by_taylor(2)),
        Transform("laplacian", 2, by_laplacian),
        Transform("custom jvp", 0, by_custom_jvp),
        Transform("custom vjp", 0, by_custom_vjp),
    ]
}
CORE = ["grad", "jvp", "vmap", "tape", "accumulator", "taylor"]


def stacked(f: Function, names: tuple[str, ...], v: Any) -> Function:
    """The program under these transforms, the first one outermost."""
    for name in reversed(names):
        f = TRANSFORMS[name].apply(f, v)
    return f


# -- the right answers ---------------------------------------------------------------------------------------------
def combined(derivatives: Callable[[float], list[float]], names: tuple[str, ...]) -> float:
    """What the stack must give, from the plain derivatives along v at a distance t on the line."""
    order = sum(TRANSFORMS[name].order for name in names)
    maps = sum(name == "vmap" for name in names)
    return math.fsum(
        math.comb(maps, k) * 2.0 ** (maps - k) * (-1.0) ** k * derivatives(k * SHIFT)[order] for k in range(maps + 1)
    )


def by_mpmath(program: Callable[[Any, Any], Any], highest: int) -> Callable[[float], list[float]]:
    """Derivatives 0..highest of a scalar program, at 50 digits."""
    known: dict[float, list[float]] = {}

    def derivatives(t: float) -> list[float]:
        if t not in known:
            with mpmath.workdps(50):
                known[t] = [
                    float(mpmath.diff(lambda s: program(MP, s), mpmath.mpf(POINT + t), n)) for n in range(highest + 1)
                ]
        return known[t]

    return derivatives


def by_differences(f: Function, x: Any, v: Any, highest: int, radius: float = 0.12) -> Callable[[float], list[float]]:
    """Derivatives along v from the undifferentiated function on plain arrays: of the polynomial through 13 points."""
    known: dict[float, list[float]] = {}
    nodes = np.cos(np.pi * (np.arange(13) + 0.5) / 13)

    def value(t: float) -> float:
        y = f(x + t * v)
        return float(y.numpy() if isinstance(y, gt.Tensor) else y)

    def derivatives(t: float) -> list[float]:
        if t not in known:
            c = np.polynomial.chebyshev.chebfit(nodes, [value(t + radius * s) for s in nodes], 12)
            known[t] = [
                float(np.polynomial.chebyshev.chebval(0.0, np.polynomial.chebyshev.chebder(c, n))) / radius**n
                for n in range(highest + 1)
            ]
        return known[t]

    return derivatives
