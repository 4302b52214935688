"""Sparsity patterns: of every sample, and never with a false zero."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import pytest

import gradtape as gt
from gradtape.derivatives.sparse.detection import hessian_pattern, jacobian_pattern
from gradtape.nest import flatten
from gradtape.primitive import REGISTRY, Elementwise

from .samples import Sample
from .test_primitives import FLOWING, differentiated

#: Functions that move elements: their patterns are exact.
MOVES = {
    "reshape", "broadcast_to", "permute_dims", "concat", "stack", "matrix_transpose", "diagonal", "onto_diagonal",
    "getitem", "gather", "scatter", "scatter_add", "setitem", "flip", "roll", "tril", "triu", "sum", "spread", "mean",
    "shift", "reorder", "select", "astype", "real", "imag", "conj", "complex", "identity",
}  # fmt: skip


def of_a_vector(s: Sample) -> tuple[Callable[..., Any], np.ndarray]:
    """The sample as a function of one real vector with real vectors for values, and the point."""
    which = differentiated(s)
    points = [np.asarray(s.arguments[i]) for i in which]
    pieces = [np.concatenate([p.real.ravel(), p.imag.ravel()]) if p.dtype.kind == "c" else p.ravel() for p in points]

    def f(v: Any) -> Any:
        arguments, start = list(s.arguments), 0
        for i, p in zip(which, points, strict=True):
            n = prod(p.shape)
            part = gt.reshape(v[start : start + n], p.shape)
            start += n
            if p.dtype.kind == "c":
                part = gt.complex(part, gt.reshape(v[start : start + n], p.shape))
                start += n
            arguments[i] = part
        leaves = [gt.asarray(y) for y in flatten(s.function(*arguments))[0]]
        leaves = [gt.ravel(y) for y in leaves if y.dtype.kind in "fc"]
        leaves = [part(y) for y in leaves for part in ((gt.real, gt.imag) if y.dtype.kind == "c" else (gt.positive,))]
        return gt.concat(leaves)

    return f, np.concatenate(pieces).astype(np.float64)


def weighted(f: Callable[..., Any], x: np.ndarray) -> Callable[..., Any]:
    """A scalar whose Hessian meets all that f's first and second derivatives have."""
    with np.errstate(all="ignore"):
        n = f(gt.asarray(x)).shape[0]
    w = np.random.default_rng(n).uniform(0.5, 1.5, n)
    return lambda v: gt.sum(w * f(v) * (1 + 0.1 * f(v)))


def entries(a: Any) -> np.ndarray:
    """Where a dense derivative is not 0; NaN counts."""
    return ~(a.numpy() == 0)


#: Samples whose programs look at values: they have no pattern that holds for every input.
LOOK_AT_VALUES = {"arange", "lstsq"}


def is_real(s: Sample) -> bool:
    """Whether no complex numbers are involved, whose parts go together."""
    with np.errstate(all="ignore"):
        leaves = flatten(s.function(*s.arguments))[0]
    return all(np.asarray(y).dtype.kind != "c" for y in [*leaves, *s.arguments])


flowing = pytest.mark.parametrize("s", FLOWING, ids=str)


@flowing
def test_jacobian_patterns_have_no_false_zero(s: Sample) -> None:
    f, x = of_a_vector(s)
    with np.errstate(all="ignore"):
        found = entries(gt.jacobian(f)(x))
        local = jacobian_pattern(f, gt.asarray(x), local=True).toarray()
        assert not (found & ~local).any()
        if isinstance(REGISTRY[s.primitive], Elementwise) and is_real(s):
            np.testing.assert_array_equal(local, found)
        if s.label in LOOK_AT_VALUES:
            with pytest.raises(TypeError, match="looks at values"):
                jacobian_pattern(f, gt.asarray(x))
            return
        whole = jacobian_pattern(f, gt.asarray(x)).toarray()
    assert not (found & ~whole).any()
    assert not (local & ~whole).any()
    if s.primitive in MOVES and is_real(s):
        np.testing.assert_array_equal(whole, found)


@flowing
def test_hessian_patterns_have_no_false_zero(s: Sample) -> None:
    f, x = of_a_vector(s)
    with np.errstate(all="ignore"):
        loss = weighted(f, x)
        found = entries(gt.hessian(loss)(x))
        local = hessian_pattern(loss, gt.asarray(x), local=True).toarray()
        assert not (found & ~local).any()
        if s.label not in LOOK_AT_VALUES:
            whole = hessian_pattern(loss, gt.asarray(x)).toarray()
            assert not (found & ~whole).any()
