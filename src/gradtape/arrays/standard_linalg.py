"""Kernels of linear algebra in the terms of the array API standard; see standard_kernels.py and linalg_kernels.py."""

from __future__ import annotations

import math
from itertools import combinations, permutations
from typing import Any

import numpy as np

from .determinant_kernels import gain, permutations_with_sign, radii_of_circles
from .dtypes import kind_of
from .linalg_kernels import PADE, further_squarings, plan
from .linalg_kernels import size as size_of
from .matrix_function_kernels import TERMS


def number_of(xp: Any, x: Any) -> float:
    """How fine the floating numbers of x are: its dtype's eps."""
    return float(xp.finfo(x.dtype).eps)


def identity(xp: Any, n: int, x: Any, dtype: Any = None) -> Any:
    """The identity matrix beside x."""
    return xp.eye(n, dtype=dtype or x.dtype, **xp.placed(x))


def real_part(xp: Any, x: Any) -> Any:
    """The real part; a real x itself."""
    return xp.real(x) if kind_of(x.dtype) == "c" else x


def conjugate(xp: Any, x: Any) -> Any:
    """The conjugate; a real x itself."""
    return xp.conj(x) if kind_of(x.dtype) == "c" else x


# -- einsum --------------------------------------------------------------------------------------------------------
def along(xp: Any, x: Any, axes: tuple[int | None, ...]) -> Any:
    """x with its axes in the order given, and new axes of length 1 where None is."""
    order = tuple([i for i in axes if i is not None])
    shape = tuple(x.shape)
    y = xp.permute_dims(x, order) if order != tuple(range(len(order))) else x
    return xp.reshape(y, tuple([1 if i is None else shape[i] for i in axes]))


def einsum(xp: Any, a: Any, b: Any, subscripts: str) -> Any:
    """The contraction of two arrays by a product of matrices (see linalg_kernels.contract)."""
    p = plan(subscripts)
    if p.elementwise or p.direct:
        if p.elementwise:
            return along(xp, a, p.spread[0]) * along(xp, b, p.spread[1])
        terms, out = subscripts.split("->")
        labels = "".join(dict.fromkeys(terms.replace(",", "")))
        first, second = [tuple([t.index(c) if c in t else None for c in labels]) for t in terms.split(",")]
        products = along(xp, a, first) * along(xp, b, second)
        y = summed(xp, products, tuple([i for i, c in enumerate(labels) if c not in out]))
        kept = [c for c in labels if c in out]
        return xp.permute_dims(y, tuple([kept.index(c) for c in out])) if out else y
    x, y = (b, a) if p.swap else (a, b)
    x, y = along(xp, x, p.left), along(xp, y, p.right)
    nb, nf, ns = p.groups
    batch, free_x, free_y = tuple(x.shape[:nb]), tuple(x.shape[nb : nb + nf]), tuple(y.shape[nb + ns :])
    inner = size_of(tuple(x.shape[nb + nf :]))
    left = xp.reshape(x, (*batch, size_of(free_x), inner))
    right = xp.reshape(y, (*batch, inner, size_of(free_y)))
    product = xp.reshape(xp.matmul(left, right), (*batch, *free_x, *free_y))
    return xp.permute_dims(product, p.result) if p.result else product


def summed(xp: Any, x: Any, axis: tuple[int, ...]) -> Any:
    """The sum with x's dtype, as NumPy's einsum has it; the standard's sum of small integers has a larger one."""
    y = xp.sum(x, axis=axis)
    return y if y.dtype == x.dtype else xp.astype(y, x.dtype)


def contracted(xp: Any, *arrays: Any, subscripts: str) -> Any:
    """The contraction by a library's own einsum, with the dtype of products."""
    y = xp.einsum(subscripts, *arrays)
    dtype = xp.result_type(*arrays)
    return y if y.dtype == dtype else xp.astype(y, dtype)


def einsum_one(xp: Any, x: Any, subscripts: str) -> Any:
    """einsum of one array: diagonals, then sums, then the order of axes."""
    labels, out = subscripts.split("->")
    for c in dict.fromkeys(labels):
        while labels.count(c) > 1:
            i = labels.index(c)
            j = labels.index(c, i + 1)
            rest = [k for k in range(len(labels)) if k not in (i, j)]
            n = x.shape[i]
            y = xp.reshape(xp.permute_dims(x, (*rest, i, j)), (*[x.shape[k] for k in rest], n * n))
            x = y[..., 0 : n * n : n + 1]
            labels = "".join([labels[k] for k in rest]) + c
    gone = tuple([i for i, c in enumerate(labels) if c not in out])
    if gone:
        x = summed(xp, x, gone)
        labels = "".join([c for c in labels if c in out])
    return x if labels == out else xp.permute_dims(x, tuple([labels.index(c) for c in out]))


def einsum_spread(xp: Any, g: Any, subscripts: str, shape: tuple[int, ...]) -> Any:
    """The transpose of einsum_one: g back on diagonals and along summed axes of an array of that shape."""
    labels, out = subscripts.split("->")
    y = along(xp, g, tuple([out.index(c) if c in out and labels.index(c) == i else None
                            for i, c in enumerate(labels)]))  # fmt: skip
    y = xp.broadcast_to(y, shape)
    for i, c in enumerate(labels):
        first = labels.index(c)
        if first != i:
            on = np.eye(shape[i], dtype=bool).reshape([n if k in (first, i) else 1 for k, n in enumerate(shape)])
            y = xp.where(xp.from_numpy(on, g), y, 0)
    return y


def cross(xp: Any, a: Any, b: Any) -> Any:
    """The cross product of vectors of length 3 along the last axis."""
    x, y = [[v[..., i] for i in range(3)] for v in (a, b)]
    parts = [x[i] * y[j] - x[j] * y[i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return xp.stack(parts, axis=-1)


# -- symmetric matrices --------------------------------------------------------------------------------------------
def hermitian(xp: Any, x: Any) -> Any:
    """(x + x^H) / 2."""
    return 0.5 * (x + conjugate(xp, xp.matrix_transpose(x)))


def cholesky(xp: Any, x: Any) -> Any:
    """The lower factor of the Hermitian part of x."""
    return xp.linalg.cholesky(hermitian(xp, x))


def eig(xp: Any, x: Any) -> Any:
    """Eigenvalues and eigenvectors of complex matrices."""
    w, v = xp.linalg.eig(x)
    return w, v


def eigh(xp: Any, x: Any, values_of: str) -> Any:
    """Eigenvalues, ascending, and eigenvectors of the Hermitian part of x."""
    w, v = xp.linalg.eigh(hermitian(xp, x))
    return w, v


def eigvalsh(xp: Any, x: Any) -> Any:
    """Eigenvalues, ascending, of the Hermitian part of x."""
    return xp.linalg.eigvalsh(hermitian(xp, x))


def svd(xp: Any, x: Any, values_of: str) -> Any:
    """The reduced singular value decomposition."""
    u, s, vh = xp.linalg.svd(x, full_matrices=False)
    return u, s, vh


def svd_full(xp: Any, x: Any) -> Any:
    """The singular value decomposition with square factors."""
    u, s, vh = xp.linalg.svd(x, full_matrices=True)
    return u, s, vh


def qr(xp: Any, x: Any) -> Any:
    """The reduced QR decomposition."""
    q, r = xp.linalg.qr(x)
    return q, r


def qr_complete(xp: Any, x: Any) -> Any:
    """The QR decomposition with a square Q."""
    q, r = xp.linalg.qr(x, mode="complete")
    return q, r


def slogdet(xp: Any, x: Any) -> Any:
    """Sign and logarithm of the absolute value of the determinant."""
    sign, logabsdet = xp.linalg.slogdet(x)
    return sign, logabsdet


def rounding(xp: Any, w: Any) -> Any:
    """The size up to which differences of w (its last axis) are rounding, as the side of a matrix."""
    n = w.shape[-1]
    return 4 * n * number_of(xp, w) * xp.max(xp.abs(w), axis=-1)[..., None, None]


def closed_gaps(xp: Any, w: Any) -> Any:
    """Which pairs of different indices have equal values."""
    gap = w[..., None, :] - w[..., :, None]
    if 0 in gap.shape:
        return gap != 0
    n = w.shape[-1]
    return (xp.abs(gap) <= rounding(xp, w)) & xp.from_numpy(~np.eye(n, dtype=bool), w)


def eigenvalue_conditions(xp: Any, v: Any) -> Any:
    """|row i of V^-1| |column i of V|, inf where rounding hides it: see linalg_kernels.eigenvalue_conditions."""
    eps, left, right = number_of(xp, v), xp.abs(xp.linalg.inv(v)), xp.abs(v)
    error = xp.matmul(xp.matmul(left, right), left)
    row, column, change = [xp.sqrt(xp.sum(xp.square(x), axis=i)) for x, i in ((left, -1), (right, -2), (error, -1))]
    return xp.where(v.shape[-1] * eps * change <= eps**0.25 * row, row * column, xp.full_like(row, math.inf))


def closed_sums(xp: Any, s: Any) -> Any:
    """Which pairs of indices have values that are both 0."""
    total = s[..., None, :] + s[..., :, None]
    return total != 0 if 0 in total.shape else total <= rounding(xp, s)


def faint(xp: Any, x: Any, beside: Any) -> Any:
    """Which elements of the matrix x are rounding beside another matrix."""
    if 0 in x.shape or 0 in beside.shape:
        return xp.abs(x) <= 0
    most = xp.max(xp.abs(beside), axis=(-2, -1), keepdims=True)
    return xp.abs(x) <= 64 * x.shape[-1] * number_of(xp, x) * most


def negligible(xp: Any, n: Any, m: Any, lost: Any, doubt: bool) -> Any:
    """Which n are rounding beside m, where that makes the quotient 0 / 0 a 0 for certain."""
    small = faint(xp, n, m)
    if doubt:
        small = small & ((faint(xp, m, m) & ~lost) | xp.from_numpy(np.eye(n.shape[-1], dtype=bool), n))
    return small


def gap_quotient(xp: Any, n: Any, gap: Any, negligible: Any) -> Any:
    """n / gap; over a gap of zero: 0 where n is negligible, else NaN."""
    closed = gap == 0
    y = n / xp.where(closed, 1, gap)
    nothing = xp.where(negligible, xp.zeros_like(y), math.nan)
    return xp.where(closed, nothing, y)


# -- determinants --------------------------------------------------------------------------------------------------
def circles_of_det(xp: Any, x: Any, rest: int) -> Any:
    """Powers of the radii of circles, one in a row: see determinant_kernels.circles_of_det."""
    k = np.arange(x.shape[-3])
    radii = radii_of_circles(len(k) - 1, math.log2(float(xp.finfo(x.dtype).max)))
    rows = xp.sqrt(xp.sum(xp.square(xp.abs(x)), axis=-1))
    powers = xp.from_numpy(np.exp2(radii[:, None] * k), rows, dtype=rows.dtype)
    size = xp.log2(xp.matmul(powers, rows))
    size = xp.sum(size, axis=-1) - (xp.min(size, axis=-1) if rest else 0)
    error = size[..., None] - xp.from_numpy(gain(radii, k), rows, dtype=rows.dtype)
    best = xp.argmin(xp.where(error == error, error, math.inf), axis=-2)
    found = xp.take(powers, xp.reshape(best, (-1,)), axis=0)
    return xp.reshape(found, (*best.shape, len(k)))


def det_derivative(xp: Any, a: Any, *xs: Any) -> Any:
    """The derivatives of the determinant without a division: see determinant_kernels.det_derivative."""
    n, k = a.shape[-1], len(xs) + 1
    if n < k:
        shape = np.broadcast_shapes(*[tuple(x.shape) for x in (a, *xs)])
        return xp.zeros(shape, dtype=a.dtype, **xp.placed(a))
    u, s, vh = xp.linalg.svd(a)
    unit = xp.linalg.det(u) * xp.linalg.det(vh)
    uh, v = conjugate(xp, xp.matrix_transpose(u)), conjugate(xp, xp.matrix_transpose(vh))
    c = minors(xp, leave_out(xp, s, k), [xp.matmul(xp.matmul(uh, x), v) for x in xs], a.dtype)
    c = xp.matmul(xp.matmul(conjugate(xp, u), c), conjugate(xp, vh))
    return unit[..., None, None] * c


def leave_out(xp: Any, s: Any, k: int) -> Any:
    """The products of all s but those of k distinct indices, as an array with k axes; 0 where indices coincide."""
    n = s.shape[-1]
    grid = np.indices((n,) * k)
    distinct = np.ones((n,) * k, bool)
    for i, j in combinations(range(k), 2):
        distinct &= grid[i] != grid[j]
    p = xp.where(xp.from_numpy(distinct, s), xp.reshape(xp.ones_like(s[..., 0]), (*s.shape[:-1], *(1,) * k)), 0)
    for i in range(n):
        left_out = (grid == i).any(axis=0)
        p = p * xp.where(xp.from_numpy(left_out, s), 1, xp.reshape(s[..., i], (*s.shape[:-1], *(1,) * k)))
    return p


def minors(xp: Any, p: Any, xs: list[Any], dtype: Any) -> Any:
    """det_derivative at a diagonal matrix: p says what the other diagonal entries contribute (see leave_out)."""
    k = len(xs) + 1
    total: Any = None
    if p.dtype != dtype:
        p = xp.astype(p, dtype)
    for q, sign in permutations_with_sign(k):
        y = p
        for i, x in enumerate(xs):
            y = y * placed(xp, x, i, q[i], k)
        row, column = k - 1, q[k - 1]
        summed = tuple([axis - k for axis in range(k) if axis not in (row, column)])
        y = xp.sum(y, axis=summed) if summed else y
        if row == column:
            y = y[..., None] * identity(xp, y.shape[-1], y)
        elif row < column:
            pass
        else:
            y = xp.matrix_transpose(y)
        total = sign * y if total is None else total + sign * y
    return total


def placed(xp: Any, x: Any, row: int, column: int, k: int) -> Any:
    """The matrices x along axes `row` and `column` of the last k (their diagonals, where both are one)."""
    batch = tuple(x.shape[:-2])
    n = x.shape[-1]
    if row == column:
        y = xp.linalg.diagonal(x)
        return xp.reshape(y, (*batch, *[n if axis == row else 1 for axis in range(k)]))
    y = x if row < column else xp.matrix_transpose(x)
    return xp.reshape(y, (*batch, *[n if axis in (row, column) else 1 for axis in range(k)]))


# -- functions of Hermitian matrices ---------------------------------------------------------------------------------
def divided_difference(xp: Any, nodes: Any, coefficients: Any) -> Any:
    """f[x0, ..., xm] for ascending nodes (..., m + 1): see matrix_function_kernels.divided_difference."""
    m = nodes.shape[-1] - 1
    if m == 0:
        return coefficients(nodes[..., 0], 0)[0]
    spread = nodes[..., m] - nodes[..., 0]
    middle = 0.5 * (nodes[..., m] + nodes[..., 0])
    a = coefficients(middle, m + TERMS)
    h = [xp.ones_like(middle), *[xp.zeros_like(middle) for _ in range(TERMS)]]
    for i in range(m + 1):
        t = nodes[..., i] - middle
        for k in range(1, TERMS + 1):
            h[k] = h[k] + t * h[k - 1]
    series, size = a[m] * h[0], xp.abs(a[m] * h[0])
    for k in range(1, TERMS + 1):
        series, size = series + a[m + k] * h[k], xp.maximum(size, xp.abs(a[m + k] * h[k]))
    last = xp.abs(spread) ** (TERMS - 1) * xp.abs(a[m + TERMS - 1]) + xp.abs(spread) ** TERMS * xp.abs(a[m + TERMS])
    close = (last <= 1e-15 * size) | (spread == 0)
    upper, lower = [divided_difference(xp, part, coefficients) for part in (nodes[..., 1:], nodes[..., :m])]
    return xp.where(close, series, (upper - lower) / xp.where(close, 1, spread))


def matrix_function(xp: Any, a: Any, *xs: Any, coefficients: Any) -> Any:
    """The derivative of f(a) in the directions xs (none: f(a) itself) at Hermitian matrices a."""
    w, v = xp.linalg.eigh(a)
    vh = conjugate(xp, xp.matrix_transpose(v))
    m, n = len(xs), w.shape[-1]
    if m == 0:
        return xp.matmul(v * coefficients(w, 0)[0][..., None, :], vh)
    axes = [xp.reshape(w, (*w.shape[:-1], *[n if j == i else 1 for j in range(m + 1)])) for i in range(m + 1)]
    table = divided_difference(xp, xp.sort(xp.stack(xp.broadcast_arrays(*axes), axis=-1), axis=-1), coefficients)
    if table.dtype != a.dtype:
        table = xp.astype(table, a.dtype)
    ys = [xp.matmul(xp.matmul(vh, x), v) for x in xs]
    total: Any = None
    for order in permutations(range(m)):
        product = table
        for i, k in enumerate(order):
            product = product * placed(xp, ys[k], i, i + 1, m + 1)
        part = xp.sum(product, axis=tuple(range(-m, -1))) if m > 1 else product
        total = part if total is None else total + part
    return xp.matmul(xp.matmul(v, total), vh)


# -- triangular systems --------------------------------------------------------------------------------------------
def solve_triangular(xp: Any, a: Any, b: Any, lower: bool) -> Any:
    """a^-1 b by substitution: elimination exchanges no rows of an upper triangular matrix."""
    lead = np.broadcast_shapes(tuple(a.shape[:-2]), tuple(b.shape[:-2]))  # CuPy broadcasts no leading axes
    a, b = [xp.broadcast_to(x, (*lead, *x.shape[-2:])) for x in (a, b)]
    if lower:
        return xp.flip(xp.linalg.solve(xp.flip(a, axis=(-2, -1)), xp.flip(b, axis=-2)), axis=-2)
    return xp.linalg.solve(a, b)


# -- the exponential -----------------------------------------------------------------------------------------------
def expm(xp: Any, x: Any, blocks: int) -> Any:
    """The exponential of matrices by scaling, Pade's approximant and squaring; looks at the norm of x."""
    n = x.shape[-1]
    if 0 in x.shape:
        return x
    size = n // blocks
    norm = float(xp.max(xp.sum(xp.abs(x[..., 0:size, 0:size]), axis=-2)))
    eye = identity(xp, n, x)
    limit, b = PADE[13]
    squarings = max(0, math.ceil(math.log2(norm / limit))) if norm > limit else 0
    squarings += further_squarings(blocks)
    x = x / 2.0**squarings
    x2 = xp.matmul(x, x)
    x4 = xp.matmul(x2, x2)
    x6 = xp.matmul(x4, x2)
    odd = xp.matmul(x6, b[13] * x6 + b[11] * x4 + b[9] * x2) + b[7] * x6 + b[5] * x4 + b[3] * x2 + b[1] * eye
    even = xp.matmul(x6, b[12] * x6 + b[10] * x4 + b[8] * x2) + b[6] * x6 + b[4] * x4 + b[2] * x2 + b[0] * eye
    odd = xp.matmul(x, odd)
    y = xp.linalg.solve(even - odd, even + odd)
    for _ in range(squarings):
        y = xp.matmul(y, y)
    return y


def block_triangle(xp: Any, x: Any, e: Any) -> Any:
    """[[x, e], [0, x]]."""
    x, e = xp.broadcast_arrays(x, e)
    if x.dtype != e.dtype:
        dtype = xp.result_type(x, e)
        x, e = xp.astype(x, dtype), xp.astype(e, dtype)
    top, bottom = xp.concat([x, e], axis=-1), xp.concat([xp.zeros_like(x), x], axis=-1)
    return xp.concat([top, bottom], axis=-2)


# -- diagonals and norms -------------------------------------------------------------------------------------------
def diagonal(xp: Any, x: Any, offset: int) -> Any:
    """The diagonals of the last two axes."""
    return xp.linalg.diagonal(x, offset=offset)


def onto_diagonal(xp: Any, g: Any, offset: int, shape: tuple[int, int]) -> Any:
    """Matrices of that shape with g on a diagonal."""
    rows = shape[0]
    before = min(max(-offset, 0), rows)
    parts = [g]
    for length, place in ((before, 0), (rows - before - g.shape[-1], len(parts))):
        if length > 0:
            zeros = xp.zeros((*g.shape[:-1], length), dtype=g.dtype, **xp.placed(g))
            parts.insert(place if place == 0 else len(parts), zeros)
    column = xp.concat(parts, axis=-1) if len(parts) > 1 else g
    return xp.where(xp.from_numpy(np.eye(*shape, offset, dtype=bool), g), column[..., None], 0)


def norm2(xp: Any, x: Any, axis: tuple[int, ...]) -> Any:
    """The Euclidean norm along the axes, of elements scaled by the largest, so that no square over- or underflows."""
    size, scale = scaled(xp, x, axis, xp.max)
    return xp.sqrt(xp.sum(size * size, axis=axis)) * scale


def p_norm(xp: Any, x: Any, p: float, axis: tuple[int, ...]) -> Any:
    """(sum |x|^p)^(1/p) along the axes, scaled by the largest |x| (the smallest for p < 0)."""
    size, scale = scaled(xp, x, axis, xp.max if p > 0 else xp.min)
    return xp.sum(size**p, axis=axis) ** (1 / p) * scale


def scaled(xp: Any, x: Any, axis: tuple[int, ...], extreme: Any) -> tuple[Any, Any]:
    """|x| over its extreme along the axes, and that extreme (1 where it is no number to divide by)."""
    size = xp.abs(x)
    if 0 in x.shape:
        return size, 1.0
    pivot = extreme(size, axis=axis, keepdims=True)
    scale = xp.where((pivot == 0) | ~xp.isfinite(pivot), 1, pivot)
    return size / scale, xp.reshape(scale, tuple([n for i, n in enumerate(x.shape) if i not in axis]))


KERNELS: dict[str, Any] = {
    function.__name__: function
    for function in (
        block_triangle, cholesky, circles_of_det, closed_gaps, closed_sums, cross, diagonal, eig,
        eigenvalue_conditions, eigh, eigvalsh, einsum, einsum_one, einsum_spread, expm, faint, gap_quotient,
        negligible, norm2, onto_diagonal, p_norm, qr, qr_complete, slogdet, solve_triangular, svd, svd_full,
    )
}  # fmt: skip
for _order in range(9):
    KERNELS |= {f"det_derivative_{_order + 1}": det_derivative, f"matrix_function_{_order}": matrix_function}
