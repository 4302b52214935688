"""Products with constant scipy.sparse matrices: linear functions whose matrix is known."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import Linear, apply_linear
from .declare import operand, shape_of
from .manipulation import permute_dims, reshape


def is_sparse(x: Any) -> bool:
    """Whether x is a matrix or an array of scipy.sparse, which need not be imported."""
    return hasattr(x, "tocsr") and hasattr(x, "nnz")


class Factor:
    """A sparse matrix as a parameter; two are equal if their entries stand in the same places."""

    __slots__ = ("matrix", "other")

    def __init__(self, matrix: Any, other: Factor | None = None):
        self.matrix, self.other = matrix.tocsr(), other
        if not self.matrix.has_canonical_format:
            self.matrix = self.matrix.copy()
            self.matrix.sum_duplicates()

    @property
    def transposed(self) -> Factor:
        """That of the transpose, made once."""
        if self.other is None:
            self.other = Factor(self.matrix.T, self)
        return self.other

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Factor) or self.matrix.shape != other.matrix.shape:
            return False
        return self is other or all(
            [np.array_equal(getattr(self.matrix, name), getattr(other.matrix, name)) for name in ("indptr", "indices")]
        )

    __hash__ = object.__hash__

    def layers(self) -> list[tuple[Any, Any]]:
        """The matrix as columns and values of the first entry of each row, of the second, and so on; 0 past the end."""
        matrix = self.matrix
        widths = np.diff(matrix.indptr)
        result = []
        for k in range(max(int(widths.max(initial=0)), 1)):
            there = widths > k
            columns, values = np.zeros(len(widths), np.int64), np.zeros(len(widths), matrix.dtype)
            places = matrix.indptr[:-1][there] + k
            columns[there], values[there] = matrix.indices[places], matrix.data[places]
            result.append((columns, values))
        return result

    def on_all(self, shape: tuple[int, ...]) -> Any:
        """The matrix of x -> A x on the elements of an x of this shape in a row."""
        if len(shape) == 1:
            return self.matrix
        import scipy.sparse

        return scipy.sparse.kron(self.matrix, scipy.sparse.eye_array(shape[1]), format="csr")


def _batch(size: int, values: Any, flags: Any, factor: Factor) -> Any:
    """All examples as columns of one product."""
    x = values[0]
    n, rest = x.shape[1], x.shape[2:]
    columns = permute_dims(reshape(x, (size, n, -1)), (1, 0, 2))
    y = apply_linear(_SPARSE_MATMUL, reshape(columns, (n, columns.shape[1] * columns.shape[2])), factor=factor)
    m = y.shape[0]
    return reshape(permute_dims(reshape(y, (m, size, -1)), (1, 0, 2)), (size, m, *rest))


_SPARSE_MATMUL = Linear(
    "sparse_matmul",
    lambda x, factor: factor.matrix @ x,
    lambda g, x, factor: apply_linear(_SPARSE_MATMUL, g, factor=factor.transposed),
    batch=_batch,
    matrix=lambda shape, factor: factor.on_all(shape),
)


def sparse_matmul(a: Any, b: Any) -> Any:
    """The matrix product where one of a and b is of scipy.sparse; the other has one or two axes."""
    left = is_sparse(a)
    if left and is_sparse(b):
        raise TypeError("gradtape.matmul: both operands are sparse and constant: multiply them by a @ b")
    matrix, x = (a, operand(b, "matmul", "b")) if left else (b, operand(a, "matmul", "a"))
    shape = shape_of(x)
    inner = 1 if left else 0
    if len(shape) not in (1, 2) or len(matrix.shape) != 2 or shape[0 if left else -1] != matrix.shape[inner]:
        shapes = (matrix.shape, shape) if left else (shape, matrix.shape)
        raise ValueError(
            f"gradtape.matmul: shapes {shapes[0]} and {shapes[1]} do not fit: a product with a sparse matrix takes a "
            "vector or a matrix of its inner length"
        )
    factor = Factor(matrix) if left else Factor(matrix.T)
    if left or len(shape) == 1:
        return apply_linear(_SPARSE_MATMUL, x, factor=factor)
    return permute_dims(apply_linear(_SPARSE_MATMUL, permute_dims(x, (1, 0)), factor=factor), (1, 0))
