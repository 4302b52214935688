"""Random programs on vectors: sparse derivatives are the dense ones, and their patterns miss nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings

import gradtape as gt
from gradtape.derivatives.sparse.orders import ORDERS

Step = Callable[[Any], Any]


def factor(rng: np.random.Generator, rows: int, columns: int) -> Any:
    """A matrix in which most entries are 0."""
    return sp.random_array((rows, columns), density=min(1.0, 2 / columns), rng=rng, format="csr")


#: Steps from a vector of n elements to another: what makes one of a generator of random numbers.
STEPS: dict[str, Callable[[np.random.Generator, int], Step]] = {
    "sin": lambda rng, n: gt.sin,
    "square": lambda rng, n: lambda v: v**2,
    "softplus": lambda rng, n: gt.nn.softplus,
    "reversed": lambda rng, n: lambda v: v[::-1],
    "every second": lambda rng, n: lambda v: v[::2],
    "rolled": lambda rng, n: (lambda shift: lambda v: v * gt.roll(v, shift))(int(rng.integers(n))),
    "differences": lambda rng, n: lambda v: v[1:] - v[:-1] if v.shape[0] > 1 else v,
    "neighbours": lambda rng, n: lambda v: gt.concat([v[:1], v[1:] * gt.exp(-v[:-1])]),
    "larger": lambda rng, n: lambda v: gt.maximum(v, gt.flip(v)),
    "picked": lambda rng, n: (lambda i: lambda v: v[i])(rng.integers(0, n, size=max(1, n - 1))),
    "constant mask": lambda rng, n: (lambda m: lambda v: gt.where(m, v, v**3))(rng.random(n) > 0.5),
    "sparse factor": lambda rng, n: (lambda a: lambda v: gt.matmul(a, v))(factor(rng, n, n)),
    "dense factor with zeros": lambda rng, n: (lambda a: lambda v: a @ v)(factor(rng, max(1, n - 2), n).toarray()),
    "running sum": lambda rng, n: gt.cumulative_sum,
    "mean added": lambda rng, n: lambda v: v + gt.mean(v),
    "pairs": lambda rng, n: pairs,
    "outer": lambda rng, n: lambda v: gt.ravel(gt.tanh(v)[:2, None] * v[None, :3]),
    "written": lambda rng, n: written,
    "padded": lambda rng, n: lambda v: gt.pad(v, 1)[:-1],
}


def pairs(v: Any) -> Any:
    """Sums of the squares of two neighbours."""
    return gt.sum(gt.reshape(v[: 2 * (v.shape[0] // 2)], (-1, 2)) ** 2, axis=1) if v.shape[0] > 1 else v


def written(v: Any) -> Any:
    """A vector in which elements are written."""
    w = gt.asarray(v * 1.0)
    w[0] = v[-1] * v[0]
    return w


class Program:
    """Steps in a row, from vectors of `size` elements."""

    def __init__(self, seed: int, names: list[str], size: int):
        rng = np.random.default_rng(seed)
        self.names, self.size = names, size
        self.steps: list[Step] = []
        x = np.linspace(0.2, 1.0, size)
        for name in names:
            step = STEPS[name](rng, len(x))
            self.steps.append(step)
            x = np.asarray(gt.asarray(step(gt.asarray(x))).numpy())
        self.weights = rng.uniform(0.5, 1.5, len(x))

    def __repr__(self) -> str:
        return " | ".join(self.names)

    def __call__(self, v: Any) -> Any:
        for step in self.steps:
            v = step(v)
        return v

    def total(self, v: Any) -> Any:
        """A number made of the result."""
        return gt.sum(self.weights * self(v) ** 2)


programs = st.builds(
    Program, st.integers(0, 2**20), st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=5), st.integers(2, 9)
)


def check(sparse: Any, pattern: Any, dense: np.ndarray) -> None:
    """Equal, and nothing that is not 0 outside of the pattern."""
    assert not dense[~pattern.toarray()].any()
    np.testing.assert_allclose(sparse.toarray(), dense, rtol=1e-9, atol=1e-9 * max(1.0, np.abs(dense).max(initial=0)))


@settings(max_examples=120, deadline=None)
@given(program=programs, seed=st.integers(0, 99))
def test_jacobians(program: Program, seed: int) -> None:
    """By terms and by products, in every mode and order, at a point and at another."""
    points = np.random.default_rng(seed).uniform(-1, 1, (2, program.size))
    prepared = gt.prepare_jacobian(program, points[0])
    modes = [
        gt.prepare_jacobian(program, points[0], mode=mode, order=order)
        for mode in ("forward", "reverse", "bidirectional")
        for order in ("natural", "smallest last")
    ]
    for P in modes:
        P.memo = None
    for x in points:
        dense = gt.jacobian(program)(x).numpy()
        for P in (prepared, *modes):
            check(P(x), P.pattern, dense)
    prepared.verify(points[1])


@settings(max_examples=80, deadline=None)
@given(program=programs, seed=st.integers(0, 99))
def test_hessians(program: Program, seed: int) -> None:
    """By terms, star colours and acyclic colours, in all orders."""
    points = np.random.default_rng(seed).uniform(-1, 1, (2, program.size))
    prepared = gt.prepare_hessian(program.total, points[0])
    others = [
        gt.prepare_hessian(program.total, points[0], colouring=kind, order=order)
        for kind in ("star", "acyclic")
        for order in ORDERS
    ]
    for P in others:
        P.memo = None
    for x in points:
        dense = gt.hessian(program.total)(x).numpy()
        for P in (prepared, *others):
            check(P(x), P.pattern, dense)


@pytest.mark.parametrize("name", sorted(STEPS))
def test_each_step(name: str) -> None:
    """Every step by itself, and a false pattern of it is found out."""
    program = Program(1, [name], 6)
    x = np.random.default_rng(5).uniform(0.1, 1, 6)
    P = gt.prepare_jacobian(program, x, verify=True)
    check(P(x), P.pattern, gt.jacobian(program)(x).numpy())
    entry = int(np.argmax(np.abs(P(x).data)))
    less = P.pattern.astype(float).tocsr()
    less.data[entry] = 0
    less.eliminate_zeros()
    with pytest.raises(gt.PatternError):
        gt.prepare_jacobian(program, x, pattern=less, verify=True)
