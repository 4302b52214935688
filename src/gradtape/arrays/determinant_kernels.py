"""NumPy kernels of determinants: their derivatives without a division, and circles for their Taylor series."""

from __future__ import annotations

from itertools import combinations, permutations
from string import ascii_letters
from typing import Any

import numpy as np


def det_derivative(a: Any, *xs: Any) -> Any:
    """The matrix C with sum(C * Y) = d^(m+1)/dt1..dtm du det(A + t1 X1 + ... + tm Xm + u Y) at 0; m = 0: cofactors.

    In the basis of A = U S V^H the determinant of S + X is a sum over sets of rows of the minors of X times the
    product of the singular values outside the set: nothing is divided by, so singular matrices are like others.
    For the sum over permutations see docs/architecture.md.
    """
    n = a.shape[-1]
    m = len(xs)
    if n <= m:
        return np.zeros(np.broadcast_shapes(a.shape, *[x.shape for x in xs]), np.result_type(a, *xs))
    if m == 0 and (regular := cofactors_by_inverse(a)) is not None:
        return regular
    (a, *xs), powers = of_size_one([a, *xs])
    u, s, vh = np.linalg.svd(a)
    # cof(U S V^H) = det(U) det(V^H) conj(U) cof(S) conj(V)^H
    unit = np.linalg.det(u) * np.linalg.det(vh)
    inner = [u.conj().mT @ x @ vh.conj().mT for x in xs]
    if n ** (m + 1) <= 1 << 21:
        c = minors(leave_out(s, m + 1), inner)
    else:
        c = minors_of_regular(s, inner)
    return times_power((unit[..., None, None] * (u.conj() @ c @ vh.conj())).astype(np.result_type(a, *xs)), powers)


def of_size_one(xs: list[Any]) -> tuple[list[Any], Any]:
    """Matrices whose rows and columns are together of size 1, about, and the powers of 2 that their cofactors have to
    be multiplied with: singular values know nothing of rows that are smaller than others by more than all digits."""
    powers: Any = 0
    for axis in (-1, -2):
        sizes = [np.max(np.abs(x), axis=axis, keepdims=True) for x in xs]
        e = np.frexp(np.max(np.stack(np.broadcast_arrays(*sizes)), axis=0))[1]
        e = np.where(np.isfinite(sum(sizes)), e, 0)
        xs = [times_power(x, -e) for x in xs]
        powers = powers + np.sum(e, axis=(-2, -1), keepdims=True) - e
    return xs, powers


def times_power(x: Any, e: Any) -> Any:
    """x times 2 to the power e."""
    if x.dtype.kind == "c":
        return (np.ldexp(x.real, e) + 1j * np.ldexp(x.imag, e)).astype(x.dtype, copy=False)
    return np.ldexp(x, e)


def cofactors_by_inverse(a: Any) -> Any:
    """det(A) A^-T where all matrices are well conditioned, else None: ten times faster than singular values."""
    with np.errstate(all="ignore"):
        d = np.linalg.det(a)
        if not np.all(np.isfinite(d)) or not np.all(np.abs(d) > np.finfo(d.dtype).tiny * 1e4):
            return None
        try:
            inverse = np.linalg.inv(a)
        except np.linalg.LinAlgError:
            return None
        condition = np.linalg.norm(inverse, axis=(-2, -1)) * np.linalg.norm(a, axis=(-2, -1))
        if not np.all(condition < 1e3):
            return None
    return d[..., None, None] * inverse.mT


def radii_of_circles(order: int, maxexp: float) -> Any:
    """log2 of radii whose powers up to that order are numbers."""
    most = min(80.0, 0.4 * maxexp / max(order, 1))
    return np.linspace(-most, most, 161)


def gain(radii: Any, k: Any) -> Any:
    """How much smaller, in bits, term k is than what is on the circle; of circles as good as each other, the middle."""
    return radii[:, None] * k - 1e-3 * np.abs(radii[:, None])


def best_circles(x: Any, rest: int) -> tuple[Any, Any, Any, Any]:
    """log2 of radii, of a bound for |det| on each circle of polynomials of matrices (terms along axis -3), which circle
    is best for each term, and the bound there.

    The bound is Hadamard's: the product of the rows' lengths, of which each is at most the sum of its terms'. `rest`: 1
    for cofactors, which leave out one row.
    """
    k = np.arange(x.shape[-3])
    radii = radii_of_circles(len(k) - 1, np.finfo(x.dtype).maxexp)
    with np.errstate(all="ignore"):
        lengths = np.exp2(radii[:, None] * k) @ np.linalg.norm(x, axis=-1).astype(np.float64)
        size = np.log2(lengths)
        size = (np.sum(size, axis=-1) - (np.min(size, axis=-1) if rest else 0))[..., None]
        error = size - gain(radii, k)
    best = np.argmin(np.where(np.isnan(error), np.inf, error), axis=-2)[..., None, :]
    return radii, size, best, np.take_along_axis(size, best, -2)


def in_blocks(x: Any) -> list[Any]:
    """Stacks of polynomials, each so small that what is computed for all circles takes little memory."""
    flat = x.reshape(-1, *x.shape[-3:])
    return np.array_split(flat, 1 + len(flat) * 161 * x.shape[-3] // 2**20)


def circles_of_det(x: Any, rest: int) -> Any:
    """Powers 0..K of K + 1 radii, one in a row: the kth term of det of the polynomial x is best had from circle k."""
    found = [radii[best[..., 0, :]] for radii, _, best, _ in [best_circles(part, rest) for part in in_blocks(x)]]
    radii = np.concatenate(found).reshape(*x.shape[:-2], 1)
    return np.exp2(radii * np.arange(x.shape[-3])).astype(np.finfo(x.dtype).dtype)


def points_of_det(x: Any | None, shape: tuple[int, ...], rest: int) -> int:
    """How many points on each circle: as terms of order N and more fall on those from 0 on, until they are rounding.

    By Cauchy's estimate on a circle that is larger by 2^s they are at most the bound there over 2^(s (k + N)).
    """
    terms, n = shape[-3], shape[-1]
    all_terms = max((n - rest) * (terms - 1) + 1, terms)
    if x is None or not np.all(np.isfinite(x)):
        return all_terms
    digits = 4 - np.log2(np.finfo(x.dtype).eps)
    most = terms
    for radii, size, best, here in [best_circles(part, rest) for part in in_blocks(x)]:
        least = np.full(here.shape, np.inf)
        for wider in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64):
            there = np.minimum(best + wider, len(radii) - 1)
            with np.errstate(all="ignore"):
                bits = np.take_along_axis(size, there, -2) - here + digits
                least = np.fmin(least, bits / (radii[there] - radii[best]) - np.arange(terms))
        most = max(most, np.max(np.where(np.isfinite(least), least, all_terms), initial=0))
    return int(max(terms, min(all_terms, np.ceil(most))))


def leave_out(s: Any, k: int) -> Any:
    """The products of all s but those of k distinct indices, as an array with k axes; 0 where indices coincide."""
    n = s.shape[-1]
    p = np.ones(s.shape[:-1] + (n,) * k, s.dtype)
    for i in range(n):
        factor = np.ones(s.shape[:-1] + (n,) * k, s.dtype) * s[..., i].reshape(s.shape[:-1] + (1,) * k)
        for axis in range(k):
            factor[(..., i) + (slice(None),) * (k - 1 - axis)] = 1
        p = p * factor
    grid = np.indices((n,) * k)
    for i, j in combinations(range(k), 2):
        p = np.where(grid[i] == grid[j], 0, p)
    return p


def permutations_with_sign(k: int) -> list[tuple[tuple[int, ...], int]]:
    """All permutations of range(k), each with its sign."""
    return [(q, (-1) ** sum([q[i] > q[j] for i, j in combinations(range(k), 2)])) for q in permutations(range(k))]


def minors(p: Any, xs: list[Any]) -> Any:
    """det_derivative at a diagonal matrix: p says what the other diagonal entries contribute (see leave_out)."""
    k = len(xs) + 1
    letters = ascii_letters[:k]
    total: Any = 0
    for q, sign in permutations_with_sign(k):
        terms = ",".join(["..." + letters] + ["..." + letters[i] + letters[q[i]] for i in range(k - 1)])
        row, column = letters[k - 1], letters[q[k - 1]]
        if row == column:
            total = total + sign * diagonal_matrix(np.einsum(f"{terms}->...{row}", p, *xs))
        else:
            total = total + sign * np.einsum(f"{terms}->...{row}{column}", p, *xs)
    return total


def minors_of_regular(s: Any, xs: list[Any]) -> Any:
    """The same where no s is 0, in products of matrices: coinciding indices cancel between permutations."""
    k = len(xs) + 1
    r = 1 / s[..., None]
    scaled = [x * r for x in xs]
    total: Any = 0
    letters = ascii_letters[:k]
    for q, sign in permutations_with_sign(k):
        terms = ",".join(["..." + letters[i] + letters[q[i]] for i in range(k - 1)])
        row, column = letters[k - 1], letters[q[k - 1]]
        if row == column:
            trace = np.einsum(terms + "->...", *scaled, optimize=True) if scaled else np.ones(s.shape[:-1])
            total = total + sign * diagonal_matrix(trace[..., None] * np.ones_like(s))
        else:
            total = total + sign * np.einsum(f"{terms}->...{row}{column}", *scaled, optimize=True)
    return np.prod(s, axis=-1)[..., None, None] * r * total


def diagonal_matrix(d: Any) -> Any:
    """A matrix with d on its diagonal."""
    return d[..., None] * np.eye(d.shape[-1], dtype=d.dtype)
