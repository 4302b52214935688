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
from gradtape.derivatives.sparse.decompression import alone_in_row, rows_and_columns
from gradtape.derivatives.sparse.detection import hessian_pattern, jacobian_pattern
from gradtape.derivatives.sparse.orders import ORDERS

from .random_sparse import random_sparse
from .test_sparse_colouring import check_columns, check_two_colours

Step = Callable[[Any], Any]


def factor(rng: np.random.Generator, rows: int, columns: int) -> Any:
    """A matrix in which most entries are 0."""
    return random_sparse(rng, rows, columns, min(1.0, 2 / columns))


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
    "sparse factor on the right": lambda rng, n: (lambda a: lambda v: v @ a)(factor(rng, n, n + 1)),
    "sparse factor of columns": lambda rng, n: (lambda a: lambda v: gt.ravel(a @ gt.stack([v, gt.cos(v)], axis=1)))(
        factor(rng, max(1, n // 2), n)
    ),
    "chosen by sign": lambda rng, n: lambda v: gt.where(v > 0, v * v[::-1], gt.sin(v)),
    "steps": lambda rng, n: lambda v: v * gt.floor(2 * v) + gt.sign(v) * gt.roll(v, 1),
    "sorted": lambda rng, n: gt.sort,
    "running product": lambda rng, n: gt.cumulative_prod,
    "matrix by itself": lambda rng, n: lambda v: gt.ravel(square(v) @ gt.sin(square(v))),
    "matrix of steps": lambda rng, n: lambda v: gt.ravel(gt.floor(2 * square(v)) @ square(v)),
    "contraction": lambda rng, n: lambda v: gt.einsum("ij,ij->i", columns(v), gt.sin(columns(v))),
    "softmax of rows": lambda rng, n: lambda v: gt.ravel(gt.nn.softmax(columns(v), axis=1)),
    "product of rows": lambda rng, n: lambda v: gt.prod(columns(v), axis=1),
    "solution": lambda rng, n: (lambda a: lambda v: gt.linalg.solve(a + gt.diag(v), v))(
        factor(rng, n, n).toarray() + 9 * np.eye(n)
    ),
    "gradient": lambda rng, n: gt.grad(lambda v: gt.sum(gt.sin(v) * gt.roll(v, 1) ** 2)),
    "slope in a direction": lambda rng, n: lambda v: gt.jvp(lambda u: gt.sin(u) * u[::-1], (v,), (v,))[1],
    "gradients of rows": lambda rng, n: lambda v: gt.ravel(gt.vmap(gt.grad(lambda u: gt.sum(u) ** 3))(columns(v))),
    "recomputed": lambda rng, n: gt.checkpoint(lambda v: gt.tanh(v) * gt.roll(v, 2)),
    "held back": lambda rng, n: lambda v: v * gt.stop_gradient(gt.sin(v[::-1])),
    "real part": lambda rng, n: lambda v: gt.real(gt.complex(v, v[::-1]) * (1 + 2j)) ** 2,
    "times zeros": lambda rng, n: lambda v: 0.0 * v + gt.roll(v, 1),
}


def pairs(v: Any) -> Any:
    """Sums of the squares of two neighbours."""
    return gt.sum(gt.reshape(v[: 2 * (v.shape[0] // 2)], (-1, 2)) ** 2, axis=1) if v.shape[0] > 1 else v


def written(v: Any) -> Any:
    """A vector in which elements are written."""
    w = gt.asarray(v * 1.0)
    w[0] = v[-1] * v[0]
    return w


def square(v: Any) -> Any:
    """The first elements as a square matrix."""
    n = int(v.shape[0] ** 0.5)
    return gt.reshape(v[: n * n], (n, n))


def columns(v: Any) -> Any:
    """The elements in two columns."""
    return gt.reshape(gt.concat([v, v[: v.shape[0] % 2]]), (-1, 2))


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


points = st.integers(0, 99).map(lambda seed: np.random.default_rng(seed).uniform(-1, 1, (2, 9)))


def check(sparse: Any, pattern: Any, dense: np.ndarray) -> None:
    """Equal, and nothing that is not 0 outside of the pattern."""
    assert not dense[~pattern.toarray()].any()
    np.testing.assert_allclose(sparse.toarray(), dense, rtol=1e-9, atol=1e-9 * max(1.0, np.abs(dense).max(initial=0)))


def by_products(P: Any) -> Any:
    """The same, evaluated by products with its colours, after these were checked by their definitions."""
    P.memo = None
    if P.kind in ("star", "acyclic"):
        check_two_colours(P.pattern, P.colors, P.kind == "star")
    elif P.kind == "bidirectional":
        of_columns, of_rows = P.colors
        i, j = rows_and_columns(P.pattern)
        assert (alone_in_row(i, j, of_columns) | alone_in_row(j, i, of_rows)).all()
    else:
        check_columns(P.pattern if P.kind == "forward" else P.pattern.T.tocsr(), P.colors)
    return P


@settings(max_examples=120, deadline=None)
@given(program=programs, points=points)
def test_jacobians(program: Program, points: np.ndarray) -> None:
    """By terms and by products, in every mode and order, at a point and at another."""
    points = points[:, : program.size]
    prepared = gt.prepare_jacobian(program, points[0])
    others = [
        by_products(gt.prepare_jacobian(program, points[0], mode=mode, order=order, pattern=prepared.pattern))
        for mode in ("forward", "reverse", "bidirectional")
        for order in (ORDERS if mode != "bidirectional" else ("natural",))
    ]
    for x in points:
        dense = gt.jacobian(program)(x).numpy()
        for P in (prepared, *others):
            check(P(x), P.pattern, dense)
        if np.abs(dense).max() > 1e-9:  # or all that is left is rounding
            prepared.verify(x)


@settings(max_examples=80, deadline=None)
@given(program=programs, points=points)
def test_hessians(program: Program, points: np.ndarray) -> None:
    """By terms, star colours and acyclic colours, in all orders."""
    points = points[:, : program.size]
    prepared = gt.prepare_hessian(program.total, points[0])
    others = [
        by_products(
            gt.prepare_hessian(program.total, points[0], colouring=kind, order=order, pattern=prepared.pattern)
        )
        for kind in ("star", "acyclic")
        for order in ORDERS
    ]
    for x in points:
        dense = gt.hessian(program.total)(x).numpy()
        for P in (prepared, *others):
            check(P(x), P.pattern, dense)
        if np.abs(dense).max() > 1e-9:
            prepared.verify(x)


@settings(max_examples=60, deadline=None)
@given(program=programs, points=points)
def test_local_patterns(program: Program, points: np.ndarray) -> None:
    """Right at their point, and no larger than those that hold at all."""
    x = points[0, : program.size]
    for f, dense, prepare in (
        (program, gt.jacobian, gt.prepare_jacobian),
        (program.total, gt.hessian, gt.prepare_hessian),
    ):
        here, everywhere = prepare(f, x, local=True), prepare(f, x)
        check(here(x), here.pattern, dense(f)(x).numpy())
        assert not (here.pattern.toarray() & ~everywhere.pattern.toarray()).any()


@settings(max_examples=100, deadline=None)
@given(program=programs, points=points)
def test_patterns_go_by_no_value(program: Program, points: np.ndarray) -> None:
    """They are the same at 0, where most factors are 0, and at 1."""
    x = points[0, : program.size]
    with np.errstate(all="ignore"):
        for f, pattern in ((program, jacobian_pattern), (program.total, hessian_pattern)):
            want = pattern(f, gt.asarray(x)).toarray()
            for y in (np.zeros_like(x), np.ones_like(x)):
                np.testing.assert_array_equal(pattern(f, gt.asarray(y)).toarray(), want)


@settings(max_examples=60, deadline=None)
@given(program=programs, points=points)
def test_arguments_may_be_zero_at_first(program: Program, points: np.ndarray) -> None:
    """No pattern goes by the value of an argument that may be another in the next call."""
    x = points[0, : program.size]
    f = lambda x, a, b, c: a * program(x) + b * gt.flip(program(x)) ** 2 + c @ program(x)
    m = len(program.weights)
    no, matrix = np.zeros(m), np.outer(program.weights, program.weights)
    P = gt.prepare_jacobian(f, x, no, 0.0, np.zeros((m, m)))
    for a, b, c in ((program.weights, 0.0, 0 * matrix), (no, 1.5, np.eye(m)), (program.weights, -1.0, matrix)):
        check(P(x, a, b, c), P.pattern, gt.jacobian(f)(x, a, b, c).numpy())


@settings(max_examples=80, deadline=None)
@given(program=programs, points=points, which=st.integers(0, 99), hessian=st.booleans(), terms=st.booleans())
def test_missing_entries_are_found_out(
    program: Program, points: np.ndarray, which: int, hessian: bool, terms: bool
) -> None:
    """A pattern without one of the entries that matter."""
    f, prepare = (program.total, gt.prepare_hessian) if hessian else (program, gt.prepare_jacobian)
    x = points[0, : program.size]
    P = prepare(f, x)
    entries = P(x).toarray()
    matter = np.argwhere(np.abs(entries) > 1e-6 * max(1e-9, np.abs(entries).max()))
    if not len(matter):
        return
    i, j = matter[which % len(matter)]
    less = P.pattern.toarray()
    less[i, j] = False
    if hessian:
        less[j, i] = False
    wrong = prepare(f, x, pattern=less)
    if not terms:
        wrong.memo = None
    with pytest.raises(gt.PatternError):
        wrong.verify(x)


@pytest.mark.parametrize("name", sorted(STEPS))
def test_each_step(name: str) -> None:
    """Every step by itself, and a false pattern of it is found out."""
    program = Program(1, [name], 6)
    x = np.random.default_rng(5).uniform(0.1, 1, 6)
    P = gt.prepare_jacobian(program, x, verify=True)
    check(P(x), P.pattern, gt.jacobian(program)(x).numpy())
    with pytest.raises(gt.PatternError):
        gt.prepare_jacobian(program, x, pattern=sp.csr_array(P.pattern.shape), verify=True)
