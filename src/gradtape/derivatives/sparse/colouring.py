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


def bicolour(pattern: Any) -> tuple[np.ndarray, np.ndarray]:
    """Colours for columns and for rows (-1: not needed), so that each entry is alone in a product with columns or in
    one with rows: for matrices with a few dense rows and columns.

    Rows with few non-zeros are taken away to be read by columns, columns with few to be read by rows, whichever costs
    less, until nothing is left. Then both are coloured, with the conflicts that count. Coleman and Verma, The
    efficient computation of sparse Jacobian matrices using automatic differentiation, SIAM J. Sci. Comput. 19 (1998).
    """
    columns_of, rows_of = adjacency(pattern), adjacency(pattern.tocsc())
    row_time, column_time = peeled(columns_of, rows_of)
    column_bits = partly_coloured(rows_of, column_time, row_time)
    row_bits = partly_coloured(columns_of, row_time, column_time)
    return from_bits(column_bits), from_bits(row_bits)


def peeled(columns_of: list[list[int]], rows_of: list[list[int]]) -> tuple[list[int], list[int]]:
    """When each row and each column is taken away. An entry goes with the one of its two that goes first."""
    lists = (columns_of, rows_of)
    counts = tuple([len(near) for near in side] for side in lists)
    never = len(columns_of) + len(rows_of)
    times = ([never] * len(columns_of), [never] * len(rows_of))
    buckets: list[list[list[int]]] = [[[] for _ in range(max(c, default=0) + 1)] for c in counts]
    for side in (0, 1):
        for v, c in enumerate(counts[side]):
            buckets[side][c].append(v)
    at, most = [1, 1], [0, 0]  # where to look for the fewest; the most non-zeros of a row (a column) taken away
    remaining, clock, side = sum(counts[0]), 0, 0

    def present(side: int, v: int, count: int) -> bool:
        return times[side][v] == never and counts[side][v] == count

    while remaining:
        for s in (0, 1):
            bucket = buckets[s]
            while not bucket[at[s]] or not present(s, bucket[at[s]][-1], at[s]):
                if bucket[at[s]]:
                    bucket[at[s]].pop()
                else:
                    at[s] += 1
        costs = [max(most[0], at[0]) + most[1], most[0] + max(most[1], at[1])]
        side = int(costs[1] < costs[0]) if costs[0] != costs[1] else side
        other = 1 - side
        v = buckets[side][at[side]].pop()
        most[side] = max(most[side], at[side])
        remaining -= at[side]
        times[side][v], clock = clock, clock + 1
        for w in lists[side][v]:
            if times[other][w] == never:
                counts[other][w] -= 1
                buckets[other][counts[other][w]].append(w)
                at[other] = min(at[other], max(counts[other][w], 1))
    return times


def partly_coloured(others_of: list[list[int]], own_time: list[int], other_time: list[int]) -> list[int]:
    """A colour's bit for each column (say) with entries that are read by columns, 0 for the rest: where a row has an
    entry that is read by columns, no other column that is coloured may have its colour and an entry there."""
    direct, every = [0] * len(other_time), [0] * len(other_time)
    bits = [0] * len(own_time)
    for j, near in enumerate(others_of):
        time = own_time[j]
        if not any([other_time[i] < time for i in near]):
            continue
        taken = 0
        for i in near:
            taken |= every[i] if other_time[i] < time else direct[i]
        bits[j] = bit = ~taken & (taken + 1)
        for i in near:
            every[i] |= bit
            if other_time[i] < time:
                direct[i] |= bit
    return bits


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


def acyclic_colouring(pattern: Any, order: Iterable[int] | None = None) -> np.ndarray:
    """A colour for each vertex of the symmetric CSR pattern's graph: neighbours differ, and no cycle has two colours
    only, so that any two colours make a forest, along which entries follow from each other (decompression.py).

    The trees of two colours are kept as disjoint sets of edges.
    """
    neighbours = graph(pattern)
    n = len(neighbours)
    number: dict[int, int] = {}  # of an edge, by v * n + w with v < w
    parent: list[int] = []
    colours = [-1] * n
    forbidden = [-1] * (n + 1)
    first_of_colour = [(-1, -1)] * (n + 1)
    first_in_tree: dict[int, tuple[int, int]] = {}

    def edge(v: int, w: int) -> int:
        return number[v * n + w if v < w else w * n + v]

    def find(e: int) -> int:
        while parent[e] != e:
            parent[e] = parent[parent[e]]
            e = parent[e]
        return e

    for v in range(n) if order is None else order:
        near = [w for w in neighbours[v] if colours[w] >= 0]
        for w in near:
            forbidden[colours[w]] = v
        for w in near:
            for x in neighbours[w]:
                c = colours[x]
                if c >= 0 and forbidden[c] != v:
                    tree = find(edge(w, x))
                    visited, through = first_in_tree.get(tree, (-1, -1))
                    if visited != v:
                        first_in_tree[tree] = (v, w)
                    elif through != w:
                        forbidden[c] = v
        c = 0
        while forbidden[c] == v:
            c += 1
        colours[v] = c
        for w in near:
            number[v * n + w if v < w else w * n + v] = e = len(parent)
            parent.append(e)
            visited, other = first_of_colour[colours[w]]
            if visited != v:
                first_of_colour[colours[w]] = (v, w)
            else:
                parent[find(e)] = find(edge(v, other))
        for w in near:
            for x in neighbours[w]:
                if x != v and colours[x] == c:
                    parent[find(edge(v, w))] = find(edge(w, x))
    return np.array(colours, np.int32)


def graph(pattern: Any) -> list[list[int]]:
    """The neighbours of each vertex of a symmetric pattern's graph: its off-diagonal non-zeros."""
    return [[w for w in near if w != v] for v, near in enumerate(adjacency(pattern))]


def colour_graph(pattern: Any) -> np.ndarray:
    """A colour for each vertex of a symmetric pattern's graph, none shared by neighbours: enough for a diagonal."""
    neighbours = graph(pattern.tocsr())
    bits = [0] * len(neighbours)
    for v in sorted(range(len(bits)), key=lambda v: -len(neighbours[v])):
        taken = 0
        for w in neighbours[v]:
            taken |= bits[w]
        bits[v] = ~taken & (taken + 1)
    return from_bits(bits)
