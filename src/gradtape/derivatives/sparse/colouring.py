"""Greedy colourings of a pattern's rows or columns, and of the graph of a symmetric one.

Columns of one colour have no row in common, so that one product gives all of them. For a symmetric matrix it is
enough that no path of four vertices has two colours only (star colouring): each entry is then alone in one of its
two places. The set of colours around a row or a vertex is the bits of a Python int, so that the smallest colour that
is free takes a few operations, and all is linear in the non-zeros touched.

Gebremedhin, Manne, Pothen, What color is your Jacobian?, SIAM Review 47 (2005); Gebremedhin, Tarafdar, Manne, Pothen,
New acyclic and star coloring algorithms with application to computing Hessians, SIAM J. Sci. Comput. 29 (2007).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np


def adjacency(matrix: Any) -> list[list[int]]:
    """The column indices of each row of a CSR matrix, as lists."""
    indices = matrix.indices.tolist()
    ends = matrix.indptr.tolist()
    return [indices[a:b] for a, b in pairwise(ends)]


def from_bits(bits: list[int]) -> np.ndarray:
    """Numbers of colours, from one bit each."""
    return np.array([b.bit_length() - 1 for b in bits], np.int32)


def colour_columns(pattern: Any, order: Iterable[int] | None = None) -> np.ndarray:
    """A colour for each column of the CSR pattern, so that no row has two non-zeros of one colour."""
    rows_of = adjacency(pattern.tocsc())
    seen = [0] * pattern.shape[0]
    bits = [0] * pattern.shape[1]
    for j in range(len(bits)) if order is None else order:
        rows = rows_of[j]
        taken = 0
        for i in rows:
            taken |= seen[i]
        bits[j] = bit = ~taken & (taken + 1)
        for i in rows:
            seen[i] |= bit
    return from_bits(bits)


def star_colouring(pattern: Any, order: Iterable[int] | None = None) -> np.ndarray:
    """A colour for each vertex of the symmetric CSR pattern's graph: neighbours differ, and so do any four in a path
    have three colours at least.

    `around[v]`: colours of v's neighbours; `twice[v]`: those that two of them have, so that v is the hub of a star;
    `hubs[w]`: colours of the hubs of whose stars w is a spoke.
    """
    neighbours = graph(pattern)
    n = len(neighbours)
    bits, around, twice, hubs = [0] * n, [0] * n, [0] * n, [0] * n
    for v in range(n) if order is None else order:
        near, repeated, taken = neighbours[v], twice[v], around[v]
        for w in near:
            bit_w = bits[w]
            if bit_w:
                taken |= around[w] if repeated & bit_w else hubs[w]
        bits[v] = bit = ~taken & (taken + 1)
        for w in near:
            bit_w = bits[w]
            if bit_w & repeated:
                hubs[w] |= bit
            if not around[w] & bit:
                around[w] |= bit
            elif twice[w] & bit:
                hubs[v] |= bit_w
            else:
                twice[w] |= bit
                if bit_w:
                    for x in neighbours[w]:
                        if bits[x] == bit:
                            hubs[x] |= bit_w
    return from_bits(bits)


def graph(pattern: Any) -> list[list[int]]:
    """The neighbours of each vertex of a symmetric pattern's graph: its off-diagonal non-zeros."""
    return [[w for w in near if w != v] for v, near in enumerate(adjacency(pattern))]
