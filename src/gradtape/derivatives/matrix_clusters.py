"""The Taylor series of a function of a Hermitian matrix A(t), cluster by cluster of the eigenvalues of A(0).

With A0 diagonal, there is a V(t) = 1 + (blocks between different clusters) with A V = V B and B block diagonal: its
terms follow from each other, divided by gaps between clusters only. Then f(A) = V f(B) V^-1, and f of a block is its
Taylor series about the cluster's mean, which the block stays near (Kato, Perturbation Theory for Linear Operators,
1966, chapter II; Davies and Higham, A Schur-Parlett algorithm for computing matrix functions, 2003). All of it is
polynomial in the order, however close eigenvalues are.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from ..functions.manipulation import concat, stack
from ..functions.matrices import toeplitz
from ..functions.products import kron
from ..functions.reductions import added

ndarray = np.ndarray
#: Gaps larger than this part of the largest absolute eigenvalue are between clusters.
APART = 1e-2
#: Taylor coefficients by which those of a constant block are summed up.
MOST = 30


def clusters(w: ndarray, coefficients: Any) -> list[slice]:
    """Ranges of ascending eigenvalues that are close to each other, and each so narrow that a series serves."""
    size = np.abs(w).max(initial=0.0)
    ends = [*(np.flatnonzero(np.diff(w) > APART * size) + 1).tolist(), len(w)]
    found = []
    waiting = [slice(a, b) for a, b in zip([0, *ends[:-1]], ends, strict=True)][::-1]
    while waiting:
        part = waiting.pop()
        if part.stop - part.start == 1 or is_narrow(w[part], coefficients):
            found.append(part)
        else:
            middle = part.start + 1 + int(np.argmax(np.diff(w[part])))
            waiting += [slice(middle, part.stop), slice(part.start, middle)]
    return found


def is_narrow(w: ndarray, coefficients: Any) -> bool:
    """Whether f's series about the mean of a cluster converges fast within it, to f itself."""
    w = w.astype(np.float64)
    if w[0] == w[-1]:
        return True
    middle = np.mean(w, keepdims=True)
    c = np.array([np.asarray(x)[0] for x in coefficients(middle, MOST)])
    distance = w - middle
    sizes = np.abs(c) * np.abs(distance).max() ** np.arange(MOST + 1)
    if not np.isfinite(sizes).all() or sizes[MOST - 4 :].max() > 1e-16 * sizes.max():
        return False
    value = np.polynomial.polynomial.polyval(distance, c)
    return np.allclose(value, np.asarray(coefficients(w, 0)[0]), rtol=1e-12, atol=1e-14 * sizes.max())


def clustered(parts: list[Any], coefficients: Any) -> list[Any]:
    """The terms of f(A) from those of A, of which the 0th is a plain matrix, or a stack of such."""
    if parts[0].ndim > 2:
        each = [clustered([x[i] for x in parts], coefficients) for i in range(len(parts[0]))]
        return [stack(list(terms)) for terms in zip(*each, strict=True)]
    w, v = np.linalg.eigh(parts[0].astype(np.result_type(parts[0].dtype, np.float64)))
    vh = np.conj(v.T)
    groups = clusters(w, coefficients)
    inside = np.zeros((len(w), len(w)))
    for part in groups:
        inside[part, part] = 1.0
    with np.errstate(all="ignore"):
        inverse = np.where(inside == 1, 0.0, 1 / (w[:, None] - w))
    a = [np.diag(w), *[vh @ x @ v for x in parts[1:]]]
    b, u, back = decoupled(a, inside, inverse)
    f = [function_of_blocks(b, groups, w, coefficients)]
    values = product(product(u, f[0]), back)
    return [v @ x @ vh for x in values]


def clustered_derivative(a: list[Any], xs: Sequence[list[Any]], coefficients: Any) -> list[Any]:
    """The terms of f's derivative of order m at A in the directions Xi: the part with e1 ... em of f(A + e1 X1 + ...),
    ei * ei = 0. Nilpotent matrices serve for the t ei: at t = 0 the argument is Hermitian, and m terms come before."""
    m, n = len(xs), a[0].shape[-1]
    one, e = np.eye(2), np.array([[0.0, 0.0], [1.0, 0.0]])
    units = [reduce(np.kron, [e if i == j else one for j in range(m)]) for i in range(m)]
    parts = [kron(np.eye(1 << m), x) for x in a]
    parts += [np.zeros(parts[0].shape)] * m
    for unit, x in zip(units, xs, strict=True):
        for k, part in enumerate(x, 1):
            parts[k] = parts[k] + kron(unit, part)
    return [x[..., -n:, :n] for x in clustered(parts, coefficients)[m:]]


def decoupled(a: list[Any], inside: ndarray, inverse: ndarray) -> tuple[list[Any], list[Any], list[Any]]:
    """The terms of B, V and V^-1. `inside`: 1 within clusters; `inverse`: of the gaps between them, else 0."""
    b, u, back = [a[0]], [np.eye(len(inside))], [np.eye(len(inside))]
    for k in range(1, len(a)):
        moved = added([a[j] @ u[k - j] for j in range(1, k + 1)])
        b.append(moved * inside)
        rest = added([-moved, *[u[j] @ b[k - j] for j in range(1, k)]])
        u.append(rest * inverse)
        back.append(-added([u[j] @ back[k - j] for j in range(1, k + 1)]))
    return b, u, back


def function_of_blocks(b: list[Any], groups: list[slice], w: ndarray, coefficients: Any) -> list[Any]:
    """The terms of f of a block diagonal matrix, from those of the matrix."""
    order = len(b) - 1
    rows: list[list[Any]] = []
    for part in groups:
        n, middle = part.stop - part.start, np.mean(w[part], keepdims=True)
        c = [np.asarray(x)[0] for x in coefficients(middle, MOST + order)]
        zero, one = np.zeros((n, n)), np.eye(n)
        terms = [np.diag(w[part] - middle), *[x[part, part] for x in b[1:]]]
        triangle = toeplitz(terms, zero)
        first = np.concatenate([one, *[zero] * order], axis=1)
        row = c[-1] * first
        for x in reversed(c[:-1]):
            row = row @ triangle + x * first
        rows.append([row[:, j * n : (j + 1) * n] for j in range(order + 1)])
    return [block_diagonal([row[j] for row in rows]) for j in range(order + 1)]


def block_diagonal(blocks: list[Any]) -> Any:
    """The matrix with these blocks along its diagonal."""
    n = sum([block.shape[0] for block in blocks])
    start, rows = 0, []
    for block in blocks:
        size = block.shape[0]
        rows.append(concat([np.zeros((size, start)), block, np.zeros((size, n - start - size))], axis=1))
        start += size
    return concat(rows, axis=0)


def product(a: list[Any], b: list[Any]) -> list[Any]:
    """The terms of a product of matrices."""
    return [added([a[j] @ b[k - j] for j in range(k + 1)]) for k in range(len(a))]


__all__ = ["APART", "clustered", "clustered_derivative"]
