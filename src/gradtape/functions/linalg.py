"""gradtape.linalg: linear algebra, with the names of the array API standard and of NumPy.

Stacks of matrices stand in leading axes everywhere. The derivations are named in decompositions.py.
"""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

from ..arrays import linalg_kernels as kernels
from ..arrays.dtypes import numpy_dtype
from ..primitive import Core, General, Linear, Zero, apply
from ..taylor_rules import AtOnce
from ..tensor import to_array
from .declare import dtype_of, operand, shape_of
from .decompositions import (
    EighResult,
    EigResult,
    QRResult,
    SVDResult,
    cholesky,
    eig,
    eigh,
    eigvals,
    eigvalsh,
    qr,
    svd,
    svdvals,
)
from .determinants import SlogdetResult, det, slogdet
from .elementwise import abs, real, round, where
from .manipulation import reshape
from .matrices import (
    adjoint,
    conjugate,
    floating,
    get_diagonal,
    inverse,
    matrices,
    per_matrix,
    solve_matrices,
    toeplitz,
)
from .norms import matrix_norm, norm, norm_of_matrices, vector_norm
from .products import column, cross, matmul, matrix_transpose, outer, tensordot, vecdot
from .reductions import sum
from .static import full, static
from .untaped import untaped


@untaped("x.diagonal(offset, -2, -1)")
def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """The diagonals of the last two axes; `offset` > 0 is above the main one.

    >>> import gradtape as gt
    >>> gt.linalg.diagonal(gt.asarray([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [1.0, 4.0]
    """
    x = operand(x, "linalg.diagonal", "x")
    if len(shape_of(x)) < 2:
        raise ValueError(f"gradtape.linalg.diagonal: x needs two axes or more; its shape is {tuple(shape_of(x))}")
    return get_diagonal(x, int(offset))


@untaped("x.trace(offset, -2, -1, dtype)")
def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """The sum of the diagonal of the last two axes."""
    return sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)


# -- solving -----------------------------------------------------------------------------------------------------
@untaped("np.linalg.solve(x1, x2)", arrays="x1 x2")
def solve(x1: Any, x2: Any, /) -> Any:
    """The x with x1 x = x2; x2 is a vector if it has one axis, else a stack of matrices.

    Raises LinAlgError for a singular x1, ValueError for shapes that do not fit.

    >>> import gradtape as gt
    >>> gt.linalg.solve(gt.asarray([[2.0, 0.0], [0.0, 4.0]]), gt.asarray([2.0, 2.0])).tolist()
    [1.0, 0.5]
    """
    return solution(solve_matrices, x1, x2)


def solution(solver: Any, x1: Any, x2: Any) -> Any:
    """What the solver gives for a stack of matrices, of a vector too."""
    a = matrices(x1, "solve", "x1")
    b = floating(operand(x2, "linalg.solve", "x2"))
    vector = len(shape_of(b)) == 1
    if not shape_of(b) or shape_of(b)[-1 if vector else -2] != shape_of(a)[-1]:
        raise ValueError(f"gradtape.linalg.solve: shapes {tuple(shape_of(a))} and {tuple(shape_of(b))} do not fit")
    if not vector:
        return solver(a, b)
    y = solver(a, column(b))
    return reshape(y, y.shape[:-1])


@untaped("np.linalg.inv(x)")
def inv(x: Any, /) -> Any:
    """The inverse. Raises LinAlgError for a singular x.

    >>> import gradtape as gt
    >>> gt.linalg.inv(gt.asarray([[2.0, 0.0], [0.0, 4.0]])).tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    return inverse(matrices(x, "inv"))


_PINV = General(
    "pinv",
    kernels.pinv,
    vjp=lambda g, x, y: _pinv_vjp(conjugate(g), x, y),
    jvp=lambda dx, x, y: _pinv_jvp(dx, x, y),
    batch=Core((2,)),
)


def _pinv_jvp(dx: Any, x: Any, y: Any) -> Any:
    """-Y dX Y + Y Y^H dX^H (1 - X Y) + (1 - Y X) dX^H Y^H Y (Golub and Pereyra 1973), at constant rank."""
    e, yh = adjoint(dx), adjoint(y)
    rows, columns = _dependent(x, y)
    of_rows = where(rows, y @ yh @ (e - (e @ x) @ y), 0.0)
    return of_rows + where(columns, (e - y @ (x @ e)) @ yh @ y, 0.0) - y @ dx @ y


def _pinv_vjp(bar: Any, x: Any, y: Any) -> Any:
    e, yh = adjoint(bar), adjoint(y)
    a, b = e @ y @ yh, yh @ y @ e
    rows, columns = _dependent(x, y)
    return conjugate(where(rows, a - x @ (y @ a), 0.0) + where(columns, b - (b @ y) @ x, 0.0) - yh @ bar @ yh)


def _dependent(x: Any, y: Any) -> tuple[Any, Any]:
    """Whether rows, and columns, of x are linearly dependent: else 1 - x y, or 1 - y x, is 0, and rounding in its place
    would be multiplied by the square of y."""
    rank = per_matrix(round(real(sum(x * y.mT, axis=(-2, -1)))))
    return rank < x.shape[-2], rank < x.shape[-1]


@untaped("invert(x, rtol)", invert=kernels.pinv)
def pinv(x: Any, /, *, rtol: float | None = None) -> Any:
    """The Moore-Penrose pseudo-inverse; singular values up to rtol times the largest count as 0.

    Derivatives hold while the rank stays what it is.
    """
    return apply(_PINV, matrices(x, "pinv", square=False), rtol=to_array(rtol))


def lstsq(a: Any, b: Any, rcond: float | None = None) -> tuple[Any, Any, Any, Any]:
    """The x of least norm that minimises |a x - b|, with the sums of squared residuals, the rank and the singular
    values of a, as numpy.linalg.lstsq."""
    a = matrices(a, "lstsq", "a", square=False)
    b = floating(operand(b, "linalg.lstsq", "b"))
    m, n = shape_of(a)[-2:]
    rtol = float(np.finfo(numpy_dtype(dtype_of(a))).eps) * max(m, n) if rcond is None else rcond
    x = matmul(pinv(a, rtol=rtol), b)
    rank = matrix_rank(a, rtol=rtol)
    left = abs(matmul(a, x) - b) ** 2
    residuals = sum(left, axis=0) if m > n and int(rank) == n else full((0,), 0, left.dtype, left)
    if len(shape_of(b)) == 1 and m > n and int(rank) == n:
        residuals = reshape(residuals, (1,))
    return x, residuals, rank, svdvals(a)


@untaped("np.linalg.matrix_rank(x, rtol=rtol)")
def matrix_rank(x: Any, /, *, rtol: float | None = None) -> Any:
    """How many singular values exceed rtol times the largest; no derivative flows through it."""
    return apply(_RANK, floating(operand(x, "linalg.matrix_rank", "x")), rtol=to_array(rtol))


_RANK = Zero(
    "matrix_rank", lambda x, rtol: np.asarray(np.linalg.matrix_rank(x, rtol=rtol))[()], ("x",), Core((2,))
)


def cond(x: Any, /, p: Any = None) -> Any:
    """The condition number: the largest singular value over the smallest, or norm(x, p) norm(inv(x), p).

    It is infinite for a singular matrix (the zero matrix for p = -2: of others it is 0).
    """
    x = matrices(x, "cond", square=p not in (None, 2, -2))
    if p in (None, 2, -2):
        s = svdvals(x)
        most, least = (s[..., 0], s[..., -1]) if p != -2 else (s[..., -1], s[..., 0])
        with np.errstate(divide="ignore"):
            return where((most == 0) & (least == 0), 1.0, most) / least
    try:
        return norm_of_matrices(x, p) * norm_of_matrices(inv(x), p)
    except np.linalg.LinAlgError:  # one is singular: of that, 1 over its determinant is infinite as well
        size = det(x)
        singular = size == 0
        x = where(per_matrix(singular), static(np.eye(shape_of(x)[-1], dtype=numpy_dtype(dtype_of(x))), x), x)
        with np.errstate(divide="ignore"):
            return norm_of_matrices(x, p) * norm_of_matrices(inv(x), p) / where(singular, size + 0.0, 1.0)


# -- powers and the exponential ----------------------------------------------------------------------------------
_BLOCK_TRIANGLE = Linear(
    "block_triangle",
    kernels.block_triangle,
    lambda g, i, specs, saved: _block_transpose(g, i),
    batch=Core((2, 2)),
    arguments=("x", "e"),
)


def _block_transpose(g: Any, i: int) -> Any:
    n = g.shape[-1] // 2
    return g[..., :n, n:] if i else g[..., :n, :n] + g[..., n:, n:]


def block_triangle(x: Any, e: Any) -> Any:
    """[[x, e], [0, x]]."""
    return apply(_BLOCK_TRIANGLE, x, e)


def _expm_derivative(dx: Any, x: Any, blocks: int) -> Any:
    """exp([[x, dx], [0, x]]) has the derivative of exp at x along dx as its upper right block."""
    n = x.shape[-1]
    y = apply(_EXPM, block_triangle(x, dx), blocks=2 * blocks)
    return y[..., :n, n:]


def expm_of_series(parts: list[Any], blocks: int) -> list[Any]:
    """Terms 0..k: the first row of the exponential of the block triangular Toeplitz matrix of those of x."""
    size, n = len(parts), parts[0].shape[-1]
    zero = full(shape_of(parts[0]), 0, parts[0].dtype, parts[0])
    y = apply(_EXPM, toeplitz(parts, zero), blocks=blocks * size)
    return [y[..., :n, j * n : (j + 1) * n] for j in range(size)]


_EXPM = General(
    "expm",
    kernels.expm,
    vjp=lambda g, x, blocks: _expm_derivative(g, x.mT, blocks),
    jvp=lambda dx, x, blocks: _expm_derivative(dx, x, blocks),
    batch=Core((2,)),
    series=AtOnce(lambda parts, blocks: expm_of_series(parts, blocks)),
)


def expm(x: Any, /) -> Any:
    """The matrix exponential.

    >>> import gradtape as gt
    >>> gt.linalg.expm(gt.asarray([[0.0, 1.0], [0.0, 0.0]])).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    return apply(_EXPM, matrices(x, "expm"), blocks=1)


@untaped("np.linalg.matrix_power(x, n)", when="x.dtype.kind in 'fc' and n.__class__ is int and n > 0")
def matrix_power(x: Any, n: int, /) -> Any:
    """x multiplied n times with itself; the inverse |n| times for negative n, the identity for 0.

    >>> import gradtape as gt
    >>> gt.linalg.matrix_power(gt.asarray([[1.0, 1.0], [0.0, 1.0]]), 3).tolist()
    [[1.0, 3.0], [0.0, 1.0]]
    """
    x = matrices(x, "matrix_power")
    n = index(n)
    if n < 0:
        return matrix_power(inv(x), -n)
    if n == 0:
        return x * 0 + static(np.eye(shape_of(x)[-1], dtype=numpy_dtype(dtype_of(x))), x)
    if n == 3:
        return matmul(matmul(x, x), x)  # in NumPy's order
    result = None
    while n:
        if n & 1:
            result = x if result is None else matmul(result, x)
        n >>= 1
        if n:
            x = matmul(x, x)
    return result


def multi_dot(arrays: Any, /) -> Any:
    """The matrix product of several arrays in the cheapest order; the first and the last may be vectors."""
    work = [operand(x, "linalg.multi_dot", f"array {i}") for i, x in enumerate(arrays)]
    if len(work) < 2:
        raise ValueError("gradtape.linalg.multi_dot: two arrays or more are needed")
    shapes = [shape_of(x) for x in work]
    first, last = len(shapes[0]) == 1, len(shapes[-1]) == 1
    sizes = [1 if first else shapes[0][0], *[s[-2] if len(s) > 1 else s[0] for s in shapes[1:]]]
    sizes.append(1 if last else shapes[-1][-1])
    order = kernels.cheapest_order(sizes)

    def product(i: int, j: int) -> Any:
        return work[i] if i == j else matmul(product(i, order[i][j]), product(order[i][j] + 1, j))

    return product(0, len(work) - 1)


__all__ = [
    "EigResult", "EighResult", "QRResult", "SVDResult", "SlogdetResult", "cholesky", "cond", "cross", "det",
    "diagonal", "eig", "eigh", "eigvals", "eigvalsh", "expm", "inv", "lstsq", "matmul", "matrix_norm", "matrix_power",
    "matrix_rank", "matrix_transpose", "multi_dot", "norm", "outer", "pinv", "qr", "slogdet", "solve", "svd", "svdvals",
    "tensordot", "trace", "vecdot", "vector_norm",
]  # fmt: skip
