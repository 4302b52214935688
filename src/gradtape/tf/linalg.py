"""tf.linalg, and matmul and norm at the top of tf."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .. import expand_dims, tril, triu
from ..functions import decompositions, norms
from ..functions import elementwise as e
from ..functions import linalg as la
from ..functions.matrices import solve_triangular
from ..functions.products import cross as _cross
from ..functions.products import matmul as _matmul
from ..functions.products import matrix_transpose as _matrix_transpose
from ..functions.products import matvec as _matvec
from .arrays import einsum, eye
from .convert import as_axis, convert_to_tensor, pair, planned, unary
from .math import global_norm, l2_normalize, tensordot


def _turned(x: Any, transpose: bool, adjoint: bool) -> Any:
    if transpose and adjoint:
        raise ValueError("transpose and adjoint exclude each other")
    if not (transpose or adjoint):
        return x
    x = _matrix_transpose(x)
    return e.conj(x) if adjoint and x.dtype.kind == "c" else x


def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    *_: Any,
    **__: Any,
) -> Any:
    """The product of matrices, or of batches of them. Raises ValueError for vectors: there is tf.linalg.matvec.

    >>> import gradtape.tf as tf
    >>> tf.matmul([[1.0, 2.0]], [[3.0, 4.0]], transpose_b=True).tolist()
    [[11.0]]
    """
    a, b = [convert_to_tensor(x) for x in pair(a, b)]
    if a.ndim < 2 or b.ndim < 2:
        raise ValueError(f"tf.matmul: matrices are expected; the shapes are {a.shape} and {b.shape}")
    return _matmul(_turned(a, transpose_a, adjoint_a), _turned(b, transpose_b, adjoint_b))


def matvec(a: Any, b: Any, transpose_a: bool = False, adjoint_a: bool = False, *_: Any, **__: Any) -> Any:
    """Matrix times vector, or a batch of them."""
    a, b = [convert_to_tensor(x) for x in pair(a, b)]
    return _matvec(_turned(a, transpose_a, adjoint_a), b)


def norm(tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: bool = False, name: Any = None) -> Any:
    """The norm of all elements as a vector; along an axis; or of matrices along a pair of axes.

    `ord`: "euclidean" (of matrices "fro"), 1, 2, inf, or any positive number. The slope at 0 is 0.
    """
    x, axis = convert_to_tensor(tensor), as_axis(axis)
    if isinstance(axis, tuple) and len(axis) == 2 and ord not in ("euclidean", "fro"):
        return norms.norm(x, ord=ord, axis=axis, keepdims=keepdims)
    order = 2 if ord in ("euclidean", "fro") else ord
    return norms.vector_norm(x, ord=order, axis=axis, keepdims=keepdims)


def normalize(tensor: Any, ord: Any = "euclidean", axis: Any = None, name: Any = None) -> Any:
    """tensor divided by its norm, and the norm."""
    x = convert_to_tensor(tensor)
    size = norm(x, ord, axis, keepdims=True)
    return x / size, size


def solve(matrix: Any, rhs: Any, adjoint: bool = False, name: Any = None) -> Any:
    """X with matrix X = rhs; rhs holds columns."""
    a, b = [convert_to_tensor(x) for x in pair(matrix, rhs)]
    if b.ndim < 2:
        raise ValueError(f"tf.linalg.solve: rhs must be a matrix; its shape is {b.shape}")
    return la.solve(_turned(a, False, adjoint), b)


def triangular_solve(matrix: Any, rhs: Any, lower: bool = True, adjoint: bool = False, name: Any = None) -> Any:
    """X with T X = rhs, T the lower (or upper) triangle of the matrix."""
    a, b = [convert_to_tensor(x) for x in pair(matrix, rhs)]
    t = _turned(tril(a) if lower else triu(a), False, adjoint)
    return la.solution(partial(solve_triangular, lower=lower != adjoint), t, b)


def cholesky_solve(chol: Any, rhs: Any, name: Any = None) -> Any:
    """X with A X = rhs, from the Cholesky factor of A."""
    chol, rhs = [convert_to_tensor(x) for x in pair(chol, rhs)]
    return triangular_solve(chol, triangular_solve(chol, rhs), adjoint=True)


def inv(input: Any, adjoint: bool = False, name: Any = None) -> Any:
    """The inverse of matrices."""
    return la.inv(_turned(convert_to_tensor(input), False, adjoint))


def logdet(matrix: Any, name: Any = None) -> Any:
    """The logarithm of the determinant of positive definite matrices."""
    return la.slogdet(convert_to_tensor(matrix)).logabsdet


def slogdet(input: Any, name: Any = None) -> Any:
    """The sign of the determinant, and the logarithm of its absolute value."""
    return la.slogdet(convert_to_tensor(input))


def eigh(tensor: Any, name: Any = None) -> Any:
    """Eigenvalues, ascending, and eigenvectors of self-adjoint matrices."""
    values, vectors = decompositions.eigh(convert_to_tensor(tensor))
    return values, vectors


def svd(tensor: Any, full_matrices: bool = False, compute_uv: bool = True, name: Any = None) -> Any:
    """Singular values s, and u and v with tensor = u diag(s) v^H; s alone without compute_uv."""
    x = convert_to_tensor(tensor)
    if not compute_uv:
        return decompositions.svdvals(x)
    u, s, vh = decompositions.svd(x, full_matrices=full_matrices)
    return s, u, _turned(vh, False, True)


def qr(input: Any, full_matrices: bool = False, name: Any = None) -> Any:
    """Q with orthonormal columns, and upper triangular R."""
    q, r = decompositions.qr(convert_to_tensor(input), mode="complete" if full_matrices else "reduced")
    return q, r


def trace(x: Any, name: Any = None) -> Any:
    """The sum of the diagonal of matrices."""
    return la.trace(convert_to_tensor(x))


def diag(diagonal: Any, name: Any = "diag", k: int = 0, *_: Any, **__: Any) -> Any:
    """Matrices with these diagonals and zeros elsewhere."""
    if k != 0:
        raise NotImplementedError("gradtape.tf.linalg.diag: k other than 0 is planned and not implemented yet")
    x = convert_to_tensor(diagonal)
    return e.where(np.eye(x.shape[-1], dtype=bool), expand_dims(x, axis=-1), 0)


def diag_part(input: Any, name: Any = "diag_part", k: int = 0, *_: Any, **__: Any) -> Any:
    """The diagonals of matrices; k > 0 above, k < 0 below."""
    return la.diagonal(convert_to_tensor(input), offset=k)


def set_diag(input: Any, diagonal: Any, name: Any = None) -> Any:
    """Matrices with other diagonals."""
    x, d = [convert_to_tensor(v) for v in pair(input, diagonal)]
    return e.where(np.eye(*x.shape[-2:], dtype=bool), expand_dims(d, axis=-1), x)


def band_part(input: Any, num_lower: int, num_upper: int, name: Any = None) -> Any:
    """The central band of matrices: so many diagonals below and above the main one (negative: all)."""
    x = convert_to_tensor(input)
    if num_upper >= 0:
        x = tril(x, k=num_upper)
    return triu(x, k=-num_lower) if num_lower >= 0 else x


def adjoint(matrix: Any, name: Any = None) -> Any:
    """The conjugated transpose of matrices."""
    return _turned(convert_to_tensor(matrix), False, True)


def matrix_transpose(a: Any, name: str = "matrix_transpose", conjugate: bool = False) -> Any:
    """The last two axes exchanged."""
    return _turned(convert_to_tensor(a), not conjugate, conjugate)


def cross(a: Any, b: Any, name: Any = None) -> Any:
    """The cross product of vectors of length 3."""
    return _cross(*pair(a, b))


def pinv(a: Any, rcond: Any = None, *_: Any, **__: Any) -> Any:
    """The pseudo-inverse of matrices."""
    return la.pinv(convert_to_tensor(a), rtol=rcond)


def lstsq(matrix: Any, rhs: Any, l2_regularizer: float = 0.0, fast: bool = True, name: Any = None) -> Any:
    """X that minimises |matrix X - rhs|^2 + l2_regularizer |X|^2."""
    a, b = [convert_to_tensor(x) for x in pair(matrix, rhs)]
    h = adjoint(a)
    square = _matmul(h, a)
    if l2_regularizer:
        square = square + l2_regularizer * np.eye(a.shape[-1], dtype=a.dtype)
    return la.solve(square, _matmul(h, b))


cholesky = unary(decompositions.cholesky, "cholesky")
det = unary(la.det, "det")
eigvalsh = unary(decompositions.eigvalsh, "eigvalsh")
expm = unary(la.expm, "expm")
logm, sqrtm, lu, eig, eigvals, tridiagonal_solve = [
    planned(f"linalg.{name}") for name in ("logm", "sqrtm", "lu", "eig", "eigvals", "tridiagonal_solve")
]

__all__ = [
    "adjoint", "band_part", "cholesky", "cholesky_solve", "cross", "det", "diag", "diag_part", "eig", "eigh",
    "eigvals", "eigvalsh", "einsum", "expm", "eye", "global_norm", "inv", "l2_normalize", "logdet", "logm", "lstsq",
    "lu", "matmul", "matrix_transpose", "matvec", "norm", "normalize", "pinv", "qr", "set_diag", "slogdet", "solve",
    "sqrtm", "svd", "tensordot", "trace", "triangular_solve", "tridiagonal_solve",
]  # fmt: skip
