"""From products with colours back to the entries of a sparse matrix.

A product gives, in each row, the sum of the entries whose columns have its colour. Direct decompression reads each
entry where it is alone. Substitution, for acyclic colourings, follows the trees that two colours make: the entry at a
leaf is alone, and what is left is a smaller tree; written as equations this is a triangular system.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ...arrays.index_sets import scipy_sparse

ndarray = np.ndarray


def rows_and_columns(pattern: Any) -> tuple[ndarray, ndarray]:
    """The row and the column of each non-zero, in CSR order."""
    return np.repeat(np.arange(pattern.shape[0], dtype=np.int32), np.diff(pattern.indptr)), pattern.indices


class Reading(NamedTuple):
    """Which entries (numbers in CSR order) are read off one product, and where in it."""

    entries: Any
    places: Any


def readings(colours: ndarray, places: ndarray, count: int) -> list[Reading]:
    """For each colour what is read off its product, from the colour and the place of each entry."""
    order = np.argsort(colours, kind="stable")
    ends = [0, *np.cumsum(np.bincount(colours, minlength=count)).tolist()]
    return [Reading(order[a:b], places[order[a:b]]) for a, b in pairwise(ends)]


def column_readings(pattern: Any, colours: ndarray) -> list[Reading]:
    """Of products with colours of columns: an entry is alone in its row."""
    rows, columns = rows_and_columns(pattern)
    return readings(colours[columns], rows, int(colours.max(initial=-1)) + 1)


def row_readings(pattern: Any, colours: ndarray) -> list[Reading]:
    """Of products with colours of rows: an entry is alone in its column."""
    rows, columns = rows_and_columns(pattern)
    return readings(colours[rows], columns, int(colours.max(initial=-1)) + 1)


def alone_in_row(rows: ndarray, columns: ndarray, colours: ndarray) -> ndarray:
    """Which entries of a matrix are the only ones of their row with their column's colour (-1: it has none)."""
    key = rows.astype(np.int64) * (int(colours.max(initial=-1)) + 2) + (colours[columns] + 1)
    alone = np.bincount(key)[key] == 1 if len(key) else np.zeros(0, bool)
    return np.asarray(alone & (colours[columns] >= 0))


def star_readings(pattern: Any, colours: ndarray) -> list[Reading]:
    """Of products of a symmetric matrix with star colours: an entry is alone in its row, or its mirror image is."""
    rows, columns = rows_and_columns(pattern)
    alone = alone_in_row(rows, columns, colours)
    taken = np.where(alone, columns, rows)
    return readings(colours[taken], np.where(alone, rows, columns), int(colours.max(initial=-1)) + 1)


class Substitution:
    """Entries of a symmetric matrix from its products with acyclic colours.

    The tree of colours a and b has the vertices as nodes; the product of colour b at a vertex of colour a is the sum
    of the entries on its edges there. Each node's edge towards the root is what its own equation gives, when those
    of the edges away from the root are known.
    """

    __slots__ = ("own", "diagonal", "edges", "nodes", "solve")

    def __init__(self, pattern: Any, colours: ndarray):
        sparse = scipy_sparse()
        rows, columns = rows_and_columns(pattern)
        n = pattern.shape[0]
        self.own = np.flatnonzero(rows == columns)
        self.diagonal = colours[columns[self.own]].astype(np.int64) * n + rows[self.own]
        off = np.flatnonzero(rows != columns)
        #: A node is a vertex in the tree of its colour and another; in the products, where its equation stands.
        here = colours[columns[off]].astype(np.int64) * n + rows[off]
        there = colours[rows[off]].astype(np.int64) * n + columns[off]
        self.nodes, here = np.unique(here, return_inverse=True)
        there = np.searchsorted(self.nodes, there)
        m = len(self.nodes)
        forest = sparse.csr_array((np.ones(len(here), np.int8), (here, there)), shape=(m, m))
        trees, tree_of = sparse.csgraph.connected_components(forest, directed=False)
        _, roots = np.unique(tree_of, return_index=True)
        above = np.full(trees, m)  # one more node, above all roots, so that one search does for all trees
        whole = sparse.csr_array(
            (
                np.ones(len(here) + trees, np.int8),
                (np.concatenate([here, above]), np.concatenate([there, roots])),
            ),
            shape=(m + 1, m + 1),
        )
        order, before = sparse.csgraph.breadth_first_order(whole, m, directed=True)
        order, towards = order[:0:-1], before[:m]  # from the leaves on
        rank = np.empty(m + 1, np.int64)
        rank[order] = np.arange(m)
        inner = np.flatnonzero(towards != m)  # a root has no edge of its own
        number = np.cumsum(np.isin(order, inner)) - 1
        place = number[rank[inner]]
        parents = towards[inner]
        has = towards[parents] != m
        size = len(inner)
        system = sparse.csc_array(
            (np.ones(size + int(has.sum())), (
                np.concatenate([place, number[rank[parents[has]]]]), np.concatenate([place, place[has]])
            )),
            shape=(size, size),
        )  # fmt: skip
        self.solve = triangular(system) if size else None
        #: For each off-diagonal entry the number of its edge.
        edge_of = np.full(m + 1, -1)
        edge_of[inner] = place
        self.edges = (off, np.where(towards[here] == there, edge_of[here], edge_of[there]))
        equations = np.empty(size, np.int64)
        equations[place] = self.nodes[inner]
        self.nodes = equations

    def entries(self, products: ndarray) -> ndarray:
        """The entries in CSR order, from the products, one a row."""
        flat = products.reshape(-1)
        data = np.empty(len(self.own) + len(self.edges[0]), products.dtype)
        data[self.own] = flat[self.diagonal]
        if self.solve is not None:
            data[self.edges[0]] = self.solve(flat[self.nodes].astype(np.float64))[self.edges[1]]
        return data


def triangular(system: Any) -> Any:
    """How to solve with a sparse lower triangular matrix in compiled code: a factorisation that has nothing to do."""
    options = {"SymmetricMode": False, "Equil": False}
    splu = scipy_sparse().linalg.splu
    return splu(system, permc_spec="NATURAL", diag_pivot_thresh=0, options=options).solve
