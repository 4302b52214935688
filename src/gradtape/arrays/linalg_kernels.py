"""NumPy kernels of linear algebra and tensor products that NumPy itself has not. They know nothing of tapes."""

from __future__ import annotations

import math
from functools import lru_cache
from string import ascii_letters
from typing import Any, NamedTuple

import numpy as np

from .numpy_kernels import DOUBLE, EINSUM, VDOT, own_code


# -- einsum ------------------------------------------------------------------------------------------------------
class Plan(NamedTuple):
    """How a contraction becomes one (stack of) matrix product(s)."""

    direct: bool  # nothing is gained by a matrix product
    elementwise: bool  # nothing is summed
    swap: bool  # b goes to the left
    left: tuple[int, ...]  # permutations to (batch, free, summed) and (batch, summed, free)
    right: tuple[int, ...]
    groups: tuple[int, int, int]  # how many batch, free left and summed labels there are
    result: tuple[int, ...]  # permutation from (batch, free left, free right) to the result
    spread: tuple[tuple[int | None, ...], tuple[int | None, ...]]  # per result axis: the axis of a, of b


@lru_cache(maxsize=4096)
def plan(subscripts: str) -> Plan:
    """The plan for subscripts "ab,bc->ac"."""
    terms, out = subscripts.split("->")
    a, b = terms.split(",")
    batch = [c for c in out if c in a and c in b]
    summed = [c for c in a if c in b and c not in out]
    free_out = [c for c in out if c not in batch]
    swap = bool(free_out) and free_out[0] not in a
    x, y = (b, a) if swap else (a, b)
    free_x = [c for c in out if c in x and c not in batch]
    free_y = [c for c in out if c in y and c not in batch]
    made = batch + free_x + free_y
    return Plan(
        bool(batch) and not free_out,
        not summed,
        swap,
        tuple([x.index(c) for c in batch + free_x + summed]),
        tuple([y.index(c) for c in batch + summed + free_y]),
        (len(batch), len(free_x), len(summed)),
        tuple([made.index(c) for c in out]),
        (tuple([a.index(c) if c in a else None for c in out]), tuple([b.index(c) if c in b else None for c in out])),
    )


#: Up to so many pairs of elements NumPy's loop is quicker than the way to a matrix product and back.
SMALL = 1024


def are_small(a: Any, b: Any) -> bool:
    """Whether a contraction of these is numpy.einsum's, and no axis of length 1 may have to be broadcast."""
    return a.size * b.size <= SMALL and 1 not in a.shape and 1 not in b.shape


def contract(a: Any, b: Any, subscripts: str) -> Any:
    """numpy.einsum of two arrays whose labels are distinct and not of one array alone, by matrix products."""
    a, b = np.asarray(a), np.asarray(b)
    if a.size * b.size <= SMALL:
        return np.einsum(subscripts, a, b)
    p = plan(subscripts)
    if p.elementwise:
        return (along(a, p.spread[0]) * along(b, p.spread[1]))[()]
    if p.direct:
        return np.einsum(subscripts, a, b)[()]
    x, y = (b, a) if p.swap else (a, b)
    x, y = x.transpose(p.left), y.transpose(p.right)
    nb, nf, ns = p.groups
    batch, free_x, free_y = x.shape[:nb], x.shape[nb : nb + nf], y.shape[nb + ns :]
    inner = size(x.shape[nb + nf :])
    product = x.reshape((*batch, size(free_x), inner)) @ y.reshape((*batch, inner, size(free_y)))
    return product.reshape((*batch, *free_x, *free_y)).transpose(p.result)[()]


def size(shape: tuple[int, ...]) -> int:
    """Number of elements."""
    n = 1
    for length in shape:
        n *= length
    return n


def along(x: Any, axes: tuple[int | None, ...]) -> Any:
    """x with its axes in the order given, and new axes of length 1 where None is."""
    y = x.transpose([i for i in axes if i is not None])
    return y[tuple([None if i is None else slice(None) for i in axes])]


def einsum_one(x: Any, subscripts: str) -> Any:
    """numpy.einsum of one array."""
    return np.einsum(subscripts, x)[()]


def einsum_spread(g: Any, subscripts: str, shape: tuple[int, ...]) -> Any:
    """The transpose of einsum_one: g back on diagonals and along summed axes of an array of that shape."""
    labels, out = subscripts.split("->")
    distinct = "".join(dict.fromkeys(labels))
    g = along(np.asarray(g), tuple([out.index(c) if c in out else None for c in distinct]))
    if distinct == labels:
        return np.broadcast_to(g, shape)[()]
    result = np.zeros(shape, g.dtype)
    np.einsum(f"{labels}->{distinct}", result)[...] = g
    return result


NEXT, AFTER_NEXT = np.array([1, 2, 0]), np.array([2, 0, 1])


def cross(a: Any, b: Any) -> Any:
    """numpy.cross of vectors of length 3 in the last axis."""
    return a.take(NEXT, -1) * b.take(AFTER_NEXT, -1) - a.take(AFTER_NEXT, -1) * b.take(NEXT, -1)


# -- symmetric matrices ------------------------------------------------------------------------------------------
def hermitian(x: Any, kinds: str = "") -> Any:
    """(x + x^H) / 2. Raises TypeError for other kinds of numbers than these, if any are named."""
    if kinds and x.dtype.kind not in kinds:
        raise TypeError
    return 0.5 * (x + x.conj().mT)


def symmetric(x: Any) -> Any:
    """(x + x^H) / 2, which is x itself where that is symmetric to the bit."""
    return x if x.ndim == 2 and x.dtype.kind == "f" and x.tobytes() == x.tobytes("F") else hermitian(x)


CHOLESKY, EIGH, EIGVALSH = own_code(np.linalg.cholesky), own_code(np.linalg.eigh), own_code(np.linalg.eigvalsh)


def solve_triangular(a: Any, b: Any, lower: bool) -> Any:
    """a^-1 b by substitution: elimination exchanges no rows of an upper triangular matrix."""
    if lower:
        return np.linalg.solve(a[..., ::-1, ::-1], b[..., ::-1, :])[..., ::-1, :]
    return np.linalg.solve(a, b)


def cholesky(x: Any) -> Any:
    """The lower factor of the Hermitian part of x."""
    return CHOLESKY(symmetric(x))


def eig(x: Any) -> tuple[Any, Any]:
    """numpy.linalg.eig, complex whatever the values are."""
    w, v = np.linalg.eig(x)
    return w.astype(x.dtype, copy=False), v.astype(x.dtype, copy=False)


def eigh(x: Any, values_of: str) -> tuple[Any, Any]:
    """Eigenvalues, ascending, and eigenvectors of the Hermitian part of x.

    `values_of`: "eigvalsh" takes the values from there; the two differ in their last bits.
    """
    w, v = EIGH(symmetric(x))
    return (eigvalsh(x) if values_of == "eigvalsh" else w), v


def eigvalsh(x: Any) -> Any:
    """Eigenvalues, ascending, of the Hermitian part of x."""
    return EIGVALSH(symmetric(x))


def svd(x: Any, values_of: str) -> tuple[Any, Any, Any]:
    """The reduced singular value decomposition; `values_of`: "svdvals" takes the values from there."""
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    return u, (svdvals(x) if values_of == "svdvals" else s), vh


def svdvals(x: Any) -> Any:
    """The singular values."""
    return np.linalg.svd(x, compute_uv=False)


def rounding(w: Any) -> Any:
    """The size up to which differences of w (its last axis) are rounding, as the side of a matrix."""
    if w.shape[-1] == 0:
        return np.zeros((), w.dtype)
    eps = np.finfo(w.dtype).eps
    return 4 * w.shape[-1] * eps * np.max(np.abs(w), axis=-1)[..., None, None]


def closed_gaps(w: Any) -> Any:
    """Which pairs of different indices have equal values."""
    closed = np.abs(w[..., None, :] - w[..., :, None]) <= rounding(w)
    return closed & ~np.eye(w.shape[-1], dtype=bool)


def eigenvalue_conditions(v: Any) -> Any:
    """|row i of V^-1| |column i of V|: how far eigenvalue i moves with its matrix (Wilkinson 1965).

    It is inf where that row is not known: rounding changes it by n eps |V^-1| |V| |V^-1| (Higham 2002, section 14.1).
    """
    n, info = v.shape[-1], np.finfo(v.dtype)
    with np.errstate(all="ignore"):
        try:
            left = np.linalg.inv(v)
        except np.linalg.LinAlgError:
            if v.ndim > 2:  # of one of the stack
                return np.stack([eigenvalue_conditions(each) for each in v])
            return np.full(n, np.inf, info.dtype)
        size = np.abs(left)
        row = np.linalg.norm(size, axis=-1)
        known = n * info.eps * np.linalg.norm(size @ np.abs(v) @ size, axis=-1) <= info.eps**0.25 * row
        return np.where(known, row * np.linalg.norm(v, axis=-2), info.dtype.type(np.inf))


def closed_sums(s: Any) -> Any:
    """Which pairs of indices have values that are both 0."""
    return s[..., None, :] + s[..., :, None] <= rounding(s)


def faint(x: Any, beside: Any) -> Any:
    """Which elements of the matrix x are rounding beside another matrix."""
    if x.size == 0:
        return np.zeros(x.shape, bool)
    eps = np.finfo(x.dtype).eps
    return np.abs(x) <= 64 * x.shape[-1] * eps * np.max(np.abs(beside), axis=(-2, -1), keepdims=True, initial=0)


def negligible(n: Any, m: Any, lost: Any, doubt: bool) -> Any:
    """Which n are rounding beside m, where that makes the quotient 0 / 0 a 0 for certain.

    `doubt`: the result depends on the values, too. Then what a pair that coincides has in m, or may have `lost`,
    could belong to a function of both, whose derivative is no longer in n.
    """
    small = faint(n, m)
    if doubt:
        small &= (faint(m, m) & ~lost) | np.eye(n.shape[-1], dtype=bool)
    return small


def gap_quotient(n: Any, gap: Any, negligible: Any) -> Any:
    """n / gap; over a gap of zero: 0 where n is negligible, else NaN."""
    n, gap = np.asarray(n), np.asarray(gap)
    closed = gap == 0
    with np.errstate(all="ignore"):
        y = n / np.where(closed, np.ones((), gap.dtype), gap)
    if closed.any():
        y = np.where(closed, np.where(negligible, np.zeros((), y.dtype), np.full((), np.nan, y.dtype)), y)
    return y[()]


# -- the exponential ---------------------------------------------------------------------------------------------
#: Degrees of Pade's approximant and the norms up to which each is good to rounding, derivatives included:
#: Al-Mohy and Higham, "Computing the Frechet derivative of the matrix exponential", SIAM J. Matrix Anal. 30 (2009).
PADE = {
    3: (1.08e-2, (120.0, 60.0, 12.0, 1.0)),
    5: (2.00e-1, (30240.0, 15120.0, 3360.0, 420.0, 30.0, 1.0)),
    7: (7.83e-1, (17297280.0, 8648640.0, 1995840.0, 277200.0, 25200.0, 1512.0, 56.0, 1.0)),
    9: (
        1.78,
        (17643225600.0, 8821612800.0, 2075673600.0, 302702400.0, 30270240.0, 2162160.0, 110880.0, 3960.0, 90.0, 1.0),
    ),
    13: (
        4.74,
        (
            64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0, 129060195264000.0,
            10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0, 960960.0, 16380.0, 182.0, 1.0,
        ),
    ),
}  # fmt: skip


#: From so many blocks on, products of many of the blocks off the diagonal count, which takes a high degree.
MANY_BLOCKS = 4


def further_squarings(blocks: int) -> int:
    """Squarings for so many blocks, which leave to the approximant products of about six of them."""
    return max(4, (blocks // 6).bit_length()) if blocks > MANY_BLOCKS else 0


def expm(x: Any, blocks: int) -> Any:
    """The exponential of matrices by scaling, Pade's approximant and squaring (Higham 2005).

    `blocks`: x is block triangular with that many equal diagonal blocks (see functions/linalg.py); the norm of one
    says how to scale, for the exponential is linear in each of the others.
    """
    n = x.shape[-1]
    if x.size == 0:
        return x.copy()
    first = x[..., : n // blocks, : n // blocks]
    norm = np.max(np.sum(np.abs(first), axis=-2), initial=0.0)
    eye = np.eye(n, dtype=x.dtype)
    if not np.isfinite(norm):
        return np.full(x.shape, np.nan, x.dtype)
    degree = next((d for d, (limit, _) in PADE.items() if norm <= limit), 13)
    if blocks > MANY_BLOCKS:
        degree = 13
    limit, b = PADE[degree]
    squarings = max(0, int(np.ceil(np.log2(norm / limit)))) if norm > limit else 0
    squarings += further_squarings(blocks)
    x = x / x.dtype.type(2.0**squarings)
    x2 = x @ x
    if degree == 13:
        x4 = x2 @ x2
        x6 = x4 @ x2
        odd = x6 @ (b[13] * x6 + b[11] * x4 + b[9] * x2) + b[7] * x6 + b[5] * x4 + b[3] * x2 + b[1] * eye
        even = x6 @ (b[12] * x6 + b[10] * x4 + b[8] * x2) + b[6] * x6 + b[4] * x4 + b[2] * x2 + b[0] * eye
    else:
        odd, even, power = b[1] * eye, b[0] * eye, eye
        for i in range(2, degree, 2):
            power = power @ x2
            even, odd = even + b[i] * power, odd + b[i + 1] * power
    odd = x @ odd
    y = np.linalg.solve(even - odd, even + odd)
    for _ in range(squarings):
        y = y @ y
    return y


def block_triangle(x: Any, e: Any) -> Any:
    """[[x, e], [0, x]]."""
    n = x.shape[-1]
    leading = np.broadcast_shapes(x.shape[:-2], e.shape[:-2])
    y = np.zeros((*leading, 2 * n, 2 * n), np.result_type(x, e))
    y[..., :n, :n] = y[..., n:, n:] = x
    y[..., :n, n:] = e
    return y


# -- diagonals and norms -----------------------------------------------------------------------------------------
def diagonal(x: Any, offset: int) -> Any:
    """The diagonals of the last two axes."""
    return np.diagonal(x, offset, -2, -1)


def onto_diagonal(g: Any, offset: int, shape: tuple[int, int]) -> Any:
    """Matrices of that shape with g on a diagonal."""
    y = np.zeros((*g.shape[:-1], *shape), g.dtype)
    i = np.arange(g.shape[-1])
    y[..., i + max(-offset, 0), i + max(offset, 0)] = g
    return y


def _squares(dtype: type) -> tuple[float, float]:
    """Between which bounds a sum of squares has kept its precision."""
    limits = np.finfo(dtype)
    return float(limits.tiny / limits.eps), float(limits.max)


#: By the character of the dtype.
SQUARES = {np.dtype(kind).char: _squares(kind) for kind in (np.float32, np.float64, np.complex64, np.complex128)}
REAL_SQUARES = {kind: limits for kind, limits in SQUARES.items() if kind in "fd"}
NOTHING = (math.inf, 0.0)


@lru_cache
def squares(rank: int, axis: int) -> str:
    """The subscripts of a sum of squares along an axis."""
    labels = ascii_letters[:rank]
    return f"{labels},{labels}->{labels.replace(labels[axis], '')}"


PINV = own_code(np.linalg.pinv)
EPSILON = float(np.finfo(np.float64).eps)


def pinv(x: Any, rtol: Any) -> Any:
    """numpy.linalg.pinv by the standard's tolerance; NumPy looks it up anew at every call."""
    if rtol is None and x.dtype is DOUBLE:
        rtol = EPSILON * max(x.shape[-2:])
    return PINV(x, rtol=rtol)


def quick_norm(x: Any, axis: int | None) -> Any:
    """The Euclidean norm of a real array or along an axis; None where that needs scaling, or more than this."""
    low, high = REAL_SQUARES.get(x.dtype.char, NOTHING)
    if axis is None or (x.ndim == 1 and -2 < axis < 1):
        square = VDOT(x, x)
        if low < square < high:
            return square.dtype.type(math.sqrt(square))
    elif x.size and VDOT(x, x) < high:  # which says nothing of overflow
        quick = x.size <= SMALL or axis == -1 or axis == x.ndim - 1
        square = np.vecdot(x, x, axis=axis) if quick else EINSUM(squares(x.ndim, axis), x, x)
        if low < square.item(square.argmin()):
            return np.sqrt(square)
    return None


def norm_along(x: Any, axis: int | None) -> Any:
    """The Euclidean norm of floating-point numbers, all or along an axis; None of others."""
    y = quick_norm(x, axis)
    if y is None and x.dtype.kind in "fc":
        return scaled_norm(x, tuple(range(x.ndim)) if axis is None else (range(x.ndim)[axis],))
    return y


def norm2(x: Any, axis: tuple[int, ...]) -> Any:
    """The Euclidean norm along the axes, scaled where squares over- or underflow."""
    x = np.asarray(x)
    if x.ndim == len(axis) or len(axis) == 1:
        y = quick_norm(x, None if x.ndim == len(axis) else axis[0])
        if y is not None:
            return y
    return scaled_norm(x, axis)


def scaled_norm(x: Any, axis: tuple[int, ...]) -> Any:
    """The same, for all that quick_norm leaves."""
    low, high = SQUARES.get(x.dtype.char, NOTHING)
    with np.errstate(all="ignore"):
        square = np.add.reduce(x.real * x.real + x.imag * x.imag if x.dtype.kind == "c" else x * x, axis=axis)
        if x.size == 0 or (low < np.minimum.reduce(square, axis=None) and np.maximum.reduce(square, axis=None) < high):
            return np.sqrt(square)
        size = np.abs(x)
        largest = np.max(size, axis=axis, keepdims=True)
        scale = np.where((largest == 0) | ~np.isfinite(largest), np.ones((), size.dtype), largest)
        scaled = size / scale
        return (np.sqrt(np.add.reduce(scaled * scaled, axis=axis)) * scale.reshape(np.shape(square)))[()]


def p_norm(x: Any, p: float, axis: tuple[int, ...]) -> Any:
    """(sum |x|^p)^(1/p) along the axes, scaled by the largest |x| (the smallest for p < 0)."""
    size = np.abs(x)
    if size.size == 0:
        return np.add.reduce(size, axis=axis)
    pivot = (np.max if p > 0 else np.min)(size, axis=axis, keepdims=True)
    scale = np.where((pivot == 0) | ~np.isfinite(pivot), np.ones((), pivot.dtype), pivot)
    with np.errstate(all="ignore"):
        y = np.add.reduce((size / scale) ** p, axis=axis) ** (1 / p)
    return (y * scale.reshape(np.shape(y)))[()]


def cheapest_order(sizes: list[int]) -> list[list[int]]:
    """Where to split the product of matrices i..j of sizes[i] x sizes[i + 1] (Cormen et al., ch. 15)."""
    n = len(sizes) - 1
    cost = [[0] * n for _ in range(n)]
    split = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            cost[i][j], split[i][j] = min(
                [
                    (cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                    for k in range(i, j)
                ]
            )
    return split
