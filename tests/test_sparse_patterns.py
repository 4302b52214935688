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
    "getitem", "gather", "scatter", "scatter_add", "scatter_sum", "setitem",
    "flip", "roll", "tril", "triu", "sum", "spread", "mean",
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


#: Samples whose programs look at values: they have no pattern that holds for every input.
LOOK_AT_VALUES = {"arange", "lstsq"}


def is_real(s: Sample) -> bool:
    """Whether no complex numbers are involved, whose parts go together."""
    with np.errstate(all="ignore"):
        leaves = flatten(s.function(*s.arguments))[0]
    return all(np.asarray(y).dtype.kind != "c" for y in [*leaves, *s.arguments])


#: Samples with more elements would have dense references of gigabytes.
LARGEST = 500
flowing = pytest.mark.parametrize(
    "s", [s for s in FLOWING if sum([np.size(a) for a in s.arguments]) < LARGEST], ids=str
)


@flowing
def test_jacobians(s: Sample) -> None:
    """The pattern has no false zero; values by entries, by products with columns and with rows are the dense ones."""
    f, x = of_a_vector(s)
    looks = s.label in LOOK_AT_VALUES
    with np.errstate(all="ignore"):
        want = gt.jacobian(f)(x).numpy()
        found = ~(want == 0)  # NaN counts
        local = jacobian_pattern(f, gt.asarray(x), local=True)
        assert not (found & ~local.toarray()).any()
        if isinstance(REGISTRY[s.primitive], Elementwise) and is_real(s):
            np.testing.assert_array_equal(local.toarray(), found)
        if looks:
            with pytest.raises(TypeError, match="looks at values"):
                jacobian_pattern(f, gt.asarray(x))
            pattern = local
        else:
            pattern = jacobian_pattern(f, gt.asarray(x))
            assert not (found & ~pattern.toarray()).any()
            assert not (local.toarray() & ~pattern.toarray()).any()
            if s.primitive in MOVES and is_real(s):
                np.testing.assert_array_equal(pattern.toarray(), found)
        if not s.smooth or np.isnan(want).any():
            return
        size = 1 + np.abs(want).max(initial=0)
        for mode, by_entries in (("forward", True), ("forward", False), ("reverse", False)):
            P = gt.prepare_jacobian(f, x, mode=mode, order="natural", pattern=pattern)
            if not by_entries:
                P.memo = None
            np.testing.assert_allclose(P(x).toarray(), want, rtol=1e-9, atol=1e-11 * size, err_msg=mode)


@flowing
def test_hessians(s: Sample) -> None:
    """The same for the Hessian of a scalar made of the sample."""
    f, x = of_a_vector(s)
    with np.errstate(all="ignore"):
        loss = weighted(f, x)
        want = gt.hessian(loss)(x).numpy()
        found = ~(want == 0)
        pattern = hessian_pattern(loss, gt.asarray(x), local=True)
        assert not (found & ~pattern.toarray()).any()
        if s.label not in LOOK_AT_VALUES:
            pattern = hessian_pattern(loss, gt.asarray(x))
            assert not (found & ~pattern.toarray()).any()
        if not s.smooth or np.isnan(want).any():
            return
        size = 1 + np.abs(want).max(initial=0)
        P = gt.prepare_hessian(loss, x, order="natural", pattern=pattern)
        for _ in range(2):
            np.testing.assert_allclose(P(x).toarray(), want, rtol=1e-8, atol=1e-10 * size * s.tolerance)
            P.memo = None  # from now on by products
