"""Index sets: for each element of an array, which of n inputs it depends on. Rows of a sparse boolean matrix.

All work is SciPy's compiled code on whole arrays; SciPy is an extra, imported when the first sets are made.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..errors import missing_extra

ndarray = np.ndarray


def scipy_sparse(purpose: str = "a sparse derivative") -> Any:
    """The module scipy.sparse, its graphs and solvers with it. Raises ImportError, naming the extra."""
    try:
        import scipy.sparse.csgraph
        import scipy.sparse.linalg
    except ImportError:
        raise missing_extra("scipy", "sparse", purpose) from None
    return scipy.sparse


def available_memory() -> float:
    """Bytes that can be had without swapping, where the system tells; else no bound."""
    try:
        with open("/proc/meminfo") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024.0
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (OSError, ValueError, AttributeError):
        return float("inf")


#: Sets of fewer indices in all are made without a look at the memory.
SMALL = 10_000_000


def refuse_if_too_large(count: int) -> None:
    """Raise MemoryError before index sets of so many indices in all are made, if they cannot be held."""
    if count > SMALL and count * 10.0 > available_memory():
        raise MemoryError(
            f"the sparsity pattern has intermediate values with {count:.3g} dependences in all, more than there is "
            "memory for: the derivative is (nearly) dense. Use products (jvp, vjp, hvp) or a dense derivative with "
            "batch_size instead"
        )


class IndexSets:
    """A set of indices below `width` for each of `len(sets)` elements; immutable. Made by the functions below."""

    __slots__ = ("matrix",)

    def __init__(self, matrix: Any):
        self.matrix = matrix

    def __len__(self) -> int:
        return self.matrix.shape[0]  # type: ignore[no-any-return]

    @property
    def width(self) -> int:
        """How many inputs there are."""
        return self.matrix.shape[1]  # type: ignore[no-any-return]

    @property
    def count(self) -> int:
        """Indices in all sets together."""
        return int(self.matrix.indptr[-1])

    def take(self, positions: ndarray) -> IndexSets:
        """The sets of the elements at these positions (any shape, read flat); -1 stands for an empty set."""
        matrix, positions = self.matrix, positions.reshape(-1)
        total = int(np.sum(np.diff(matrix.indptr), initial=0)) if matrix.shape[0] else 0
        if total and len(positions) > len(self):
            refuse_if_too_large(int(np.diff(matrix.indptr).astype(np.int64)[positions].sum(where=positions >= 0)))
        if len(positions) and positions.min() < 0:
            ends = np.append(matrix.indptr, matrix.indptr[-1:])
            matrix = type(matrix)((matrix.data, matrix.indices, ends), shape=(len(self) + 1, self.width))
            positions = np.where(positions < 0, len(self), positions)
        return IndexSets(matrix[positions])

    def union(self, other: IndexSets) -> IndexSets:
        """Element by element, the union."""
        if other is self or not other.count:
            return self
        return other if not self.count else IndexSets(self.matrix + other.matrix)

    def grouped(self, labels: ndarray, count: int) -> IndexSets:
        """For each of `count` labels, the union of the sets of the elements that carry it (-1: none)."""
        return through(matrix_of(labels, np.arange(len(self)), (count, len(self))), self)

    def where(self, mask: ndarray) -> IndexSets:
        """The same sets where the mask (of as many elements) holds, else empty ones."""
        if mask.all():
            return self
        return self.take(np.where(mask.reshape(-1), np.arange(len(self)), -1))


def matrix_of(rows: ndarray, columns: ndarray, shape: tuple[int, int]) -> Any:
    """The boolean matrix with these entries, in canonical form; entries in rows -1 are left out."""
    sparse = scipy_sparse()
    rows, columns = rows.reshape(-1), columns.reshape(-1)
    if len(rows) and rows.min() < 0:
        kept = rows >= 0
        rows, columns = rows[kept], columns[kept]
    matrix = sparse.coo_array((np.ones(len(rows), bool), (rows, columns)), shape=shape).tocsr()
    matrix.sum_duplicates()
    return matrix


def through(matrix: Any, sets: IndexSets) -> IndexSets:
    """The sets of y = A x: for each row of the boolean sparse matrix A, the union over its non-zeros."""
    product = matrix @ sets.matrix
    product.sort_indices()
    return IndexSets(product)


def identity(n: int) -> IndexSets:
    """{0}, {1}, ... {n - 1}."""
    sparse = scipy_sparse()
    return IndexSets(
        sparse.csr_array((np.ones(n, bool), np.arange(n, dtype=np.int32), np.arange(n + 1, dtype=np.int32)))
        if n
        else sparse.csr_array((0, 0), dtype=bool)
    )


def empty(count: int, width: int) -> IndexSets:
    """As many empty sets."""
    return IndexSets(scipy_sparse().csr_array((count, width), dtype=bool))


def stacked(parts: list[IndexSets]) -> IndexSets:
    """The sets of all parts one after the other."""
    return parts[0] if len(parts) == 1 else IndexSets(scipy_sparse().vstack([p.matrix for p in parts], format="csr"))
