"""Orders in which a greedy colouring visits the vertices of a graph.

Natural, largest first (Welsh and Powell 1967), smallest last (Matula and Beck 1983), incidence degree (Coleman and
Moré 1983); see Gebremedhin, Manne, Pothen, What color is your Jacobian?, SIAM Review 47 (2005), section 6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .colouring import acyclic_colouring, colour_columns, graph, star_colouring

Lists = list[list[int]]


def natural(matrix: Any) -> list[int]:
    """As they are numbered."""
    return list(range(matrix.shape[0]))


def largest_first(matrix: Any) -> list[int]:
    """By degree, the largest first."""
    degrees = np.diff(matrix.indptr) - (matrix.diagonal() != 0)
    return np.argsort(-degrees, kind="stable").tolist()  # type: ignore[no-any-return]


def smallest_last(matrix: Any) -> list[int]:
    """Each vertex has the smallest degree among itself and those before it."""
    neighbours = graph(matrix)
    order = picked(neighbours, [len(near) for near in neighbours], -1)
    order.reverse()
    return order


def incidence_degree(matrix: Any) -> list[int]:
    """Each vertex has the most neighbours before it."""
    neighbours = graph(matrix)
    return picked(neighbours, [0] * len(neighbours), 1)


def picked(neighbours: Lists, score: list[int], change: int) -> list[int]:
    """Vertices picked one after the other, of smallest score (change -1) or largest (1), where picking one changes the
    score of its neighbours. Kept in buckets by score, from which outdated entries are dropped when they are met."""
    n = len(neighbours)
    buckets: Lists = [[] for _ in range(max(map(len, neighbours), default=0) + 2)]
    for v in range(n - 1, -1, -1):
        buckets[score[v]].append(v)
    done = bytearray(n)
    order: list[int] = []
    at = 0 if change < 0 else max(score, default=0)
    while len(order) < n:
        bucket = buckets[at]
        if not bucket:
            at += 1 if change < 0 else -1
            continue
        v = bucket.pop()
        if done[v] or score[v] != at:
            continue
        done[v] = 1
        order.append(v)
        for w in neighbours[v]:
            if not done[w]:
                score[w] += change
                buckets[score[w]].append(w)
        at += change
        at = max(at, 0) if change < 0 else at
    return order


#: The order of the vertices of a graph, given as its symmetric CSR matrix.
ORDERS: dict[str, Callable[[Any], list[int]]] = {
    "natural": natural,
    "largest first": largest_first,
    "smallest last": smallest_last,
    "incidence degree": incidence_degree,
}


def column_graph(pattern: Any) -> Any:
    """The symmetric CSR matrix of which columns of a pattern have a non-zero in the same row."""
    return (pattern.T.tocsr() @ pattern).tocsr()


COLOURINGS: dict[str, Any] = {"columns": colour_columns, "star": star_colouring, "acyclic": acyclic_colouring}
#: Sum of squared degrees above which "auto" tries no further orders.
EFFORT = 1_000_000


def best_colouring(pattern: Any, kind: str, order: str) -> np.ndarray:
    """Colours for the columns of a pattern in this order; "auto": in the order, of those tried, that needs fewest.

    `kind`: "columns" (no row has two of a colour), "star" or "acyclic" (of a symmetric pattern).
    """
    colour = COLOURINGS[kind]
    best: np.ndarray = colour(pattern) if order in ("natural", "auto") else np.zeros(0, np.int32)
    if order == "natural":
        return best
    names = [order]
    if order == "auto":
        effort = float(np.sum(np.diff(pattern.indptr).astype(float) ** 2))
        if best.max(initial=-1) + 1 <= fewest(pattern, kind) or effort > EFFORT:
            return best
        names = [name for name in ORDERS if name != "natural"]
    matrix = column_graph(pattern) if kind == "columns" else pattern
    for name in names:
        found = colour(pattern, ORDERS[name](matrix))
        if not len(best) or found.max(initial=-1) < best.max(initial=-1):
            best = found
    return best


def fewest(pattern: Any, kind: str) -> int:
    """A number of colours that no colouring of the kind does with less of."""
    degrees = np.diff(pattern.indptr)
    if kind == "columns":
        return int(degrees.max(initial=0))
    rows = np.repeat(np.arange(len(degrees)), degrees)
    off = rows != pattern.indices
    outer = np.bincount(rows[off], minlength=len(degrees))
    inner = (outer[rows[off]] > 1) & (outer[pattern.indices[off]] > 1)  # the middle of a path of four, or a triangle
    if kind == "star" and inner.any():
        return 3
    return 2 if off.any() else 1
