"""Colourings: valid by their definitions, counts by theorems and published examples, decompression."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, permutations, product
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gradtape.derivatives.sparse.colouring import (
    acyclic_colouring,
    adjacency,
    bicolour,
    colour_columns,
    graph,
    star_colouring,
)
from gradtape.derivatives.sparse.decompression import Substitution, star_readings
from gradtape.derivatives.sparse.orders import ORDERS, best_colouring, column_graph, fewest

from .random_sparse import random_sparse


def pattern_of(a: Any) -> Any:
    p = sp.csr_array(sp.csr_array(a) != 0)
    p.sort_indices()
    return p


def banded(n: int, band: int) -> Any:
    """Entries up to `band` places off the diagonal."""
    offsets = range(-band, band + 1)
    return pattern_of(sp.diags_array([np.ones(n - abs(k)) for k in offsets], offsets=offsets))


def arrow(n: int) -> Any:
    a = np.eye(n)
    a[0] = a[:, 0] = 1
    return pattern_of(a)


def grid(m: int, n: int) -> Any:
    """The graph of a grid, with the diagonal: the five-point stencil."""
    line = lambda k: sp.diags_array([np.ones(k - 1), np.ones(k - 1)], offsets=[-1, 1], shape=(k, k))
    return pattern_of(sp.kron(line(m), sp.eye_array(n)) + sp.kron(sp.eye_array(m), line(n)) + sp.eye_array(m * n))


def blocks(sizes: list[int]) -> Any:
    return pattern_of(sp.block_diag([np.ones((s, s)) for s in sizes]))


def of_edges(n: int, edges: Any) -> Any:
    a = np.eye(n)
    for v, w in edges:
        a[v, w] = a[w, v] = 1
    return pattern_of(a)


def random_symmetric(seed: int, n: int = 40, density: float = 0.06) -> Any:
    rng = np.random.default_rng(seed)
    a = random_sparse(rng, n, n, density).toarray()
    return a + a.T + (np.diag(rng.normal(size=n)) if seed % 2 else 0)


def count(colours: np.ndarray) -> int:
    assert set(colours.tolist()) == set(range(colours.max() + 1))
    return int(colours.max()) + 1


# -- validity, by the definitions ----------------------------------------------------------------------------------
def check_columns(p: Any, c: np.ndarray) -> None:
    for row in adjacency(p):
        assert len({c[j] for j in row}) == len(row)


def check_two_colours(p: Any, c: np.ndarray, star: bool) -> None:
    """Neighbours differ; any two colours make a forest, and for a star colouring of stars."""
    near = graph(p)
    assert all(c[v] != c[w] for v in range(len(near)) for w in near[v])
    for a, b in combinations(range(c.max() + 1), 2):
        edges = [(v, w) for v in range(len(near)) if c[v] == a for w in near[v] if c[w] == b]
        part = of_edges(len(near), edges)
        trees = sp.csgraph.connected_components(part)[0]
        assert trees == len(near) - len(edges), f"a cycle of colours {a} and {b}"
        if star:
            degree = np.bincount(np.array(edges, int).ravel(), minlength=len(near))
            assert all(min(degree[v], degree[w]) == 1 for v, w in edges), f"a path of four, colours {a} and {b}"


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("seed", range(6))
def test_random_colourings_are_valid(seed: int, order: str) -> None:
    p = pattern_of(random_symmetric(seed))
    check_columns(p, best_colouring(p, "columns", order))
    check_two_colours(p, best_colouring(p, "star", order), star=True)
    check_two_colours(p, best_colouring(p, "acyclic", order), star=False)
    q = pattern_of(random_sparse(np.random.default_rng(seed), 30, 50, 0.1))
    check_columns(q, best_colouring(q, "columns", order))
    assert count(best_colouring(q, "columns", order)) >= fewest(q, "columns")


@pytest.mark.parametrize("density", [0.02, 0.05, 0.1, 0.2, 0.4])
@pytest.mark.parametrize("dense", [0, 1, 3])
def test_bicolourings_leave_each_entry_alone_once(density: float, dense: int) -> None:
    rng = np.random.default_rng(dense)
    for m, n in [(30, 40), (40, 30), (6, 7), (12, 3)] * 10:
        a = rng.random((m, n)) < density
        a[rng.integers(m, size=dense)] = True
        a[:, rng.integers(n, size=dense)] = True
        p = pattern_of(a)
        columns, rows = bicolour(p)
        for i, j in zip(*np.nonzero(a), strict=True):
            in_row, in_column = a[i] & (columns == columns[j]), a[:, j] & (rows == rows[i])
            assert (columns[j] >= 0 and in_row.sum() == 1) or (rows[i] >= 0 and in_column.sum() == 1)


# -- counts, by theorems -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("band", [0, 1, 2, 5])
def test_banded(band: int) -> None:
    """2b + 1 columns; symmetric: 2b + 1 star colours, b + 1 acyclic ones (Gebremedhin, Pothen, Tarafdar, Walther,
    Efficient computation of sparse Hessians using coloring and automatic differentiation, 2009)."""
    p = banded(60, band)
    assert count(colour_columns(p)) == count(star_colouring(p)) == 2 * band + 1
    assert count(acyclic_colouring(p)) == band + 1


def test_arrow() -> None:
    """n columns, but two and a row; two star colours: the hub's and that of all others."""
    p = arrow(30)
    assert count(colour_columns(p)) == count(colour_columns(p.T.tocsr())) == 30
    columns, rows = bicolour(p)
    assert (columns.max() + 1, rows.max() + 1) == (2, 1)
    assert count(star_colouring(p)) == count(acyclic_colouring(p)) == 2


def test_rectangle_with_dense_sides() -> None:
    """Two dense rows and two dense columns take four products, which is optimal."""
    a = np.zeros((10, 20))
    a[:, [0, -1]] = 1
    a[[0, -1]] = 1
    columns, rows = bicolour(pattern_of(a))
    assert columns.max() + rows.max() + 2 == 4


@pytest.mark.parametrize("sizes", [[1], [3, 1, 4], [5] * 7])
def test_blocks(sizes: list[int]) -> None:
    """Dense blocks take as many colours as the largest has columns."""
    p = blocks(sizes)
    for colour in (colour_columns, star_colouring, acyclic_colouring):
        assert count(colour(p)) == max(sizes)


def test_grids() -> None:
    """A grid has star chromatic number 5 and acyclic chromatic number 3 (Fertin, Raspaud, Reed, Star coloring of
    graphs, 2004; Fertin, Godard, Raspaud, Acyclic and k-distance coloring of the grid, 2003)."""
    p = grid(12, 15)
    assert count(best_colouring(p, "star", "auto")) == 5
    assert 3 <= count(acyclic_colouring(p)) <= 4
    assert 5 <= count(best_colouring(p, "columns", "auto")) <= 6


def test_trees_and_cycles() -> None:
    """Star chromatic numbers: at most 3 for trees, 4 for the cycle of five, n for complete graphs (same source)."""
    path = of_edges(9, [(v, v + 1) for v in range(8)])
    assert count(star_colouring(path)) == fewest(path, "star") == 3
    assert count(acyclic_colouring(path)) == 2
    cycle = of_edges(5, [(v, (v + 1) % 5) for v in range(5)])
    assert count(star_colouring(cycle)) == 4
    assert count(acyclic_colouring(cycle)) == 3
    assert count(star_colouring(of_edges(6, combinations(range(6), 2)))) == 6
    star = of_edges(7, [(0, v) for v in range(1, 7)])
    assert count(star_colouring(star)) == fewest(star, "star") == 2
    assert count(star_colouring(pattern_of(np.eye(4)))) == fewest(pattern_of(np.eye(4)), "star") == 1


def stencil(*sizes: int) -> Any:
    """Neighbours on a grid, those across corners as well: nine points in two dimensions, 27 in three."""
    p = banded(sizes[0], 1)
    for n in sizes[1:]:
        p = sp.kron(p, banded(n, 1))
    return pattern_of(p)


@pytest.mark.parametrize("sizes", [(12, 15), (6, 6, 7)])
def test_stencils_with_corners(sizes: tuple[int, ...]) -> None:
    """All columns of a full row differ, and the places modulo 3 are colours: 9 and 27."""
    assert count(best_colouring(stencil(*sizes), "columns", "auto")) == 3 ** len(sizes)


def between(rows: np.ndarray, columns: np.ndarray, below: int, above: int) -> Any:
    """Entries where the column's number is from `below` under to `above` over the row's."""
    distance = columns[None, :] - rows[:, None]
    return (-below <= distance) & (distance <= above)


@pytest.mark.parametrize("shape", [(10, 20), (20, 10)])
def test_rectangles_of_bands_and_of_blocks(shape: tuple[int, int]) -> None:
    """Columns of a band, also of one of blocks, meet where intervals do: natural order takes as many colours as the
    longest row has entries, as no colouring takes less. Bands in blocks: at most the product of both widths, in some
    order."""
    rng = np.random.default_rng(0)
    for below in range(4):
        for above in range(4):
            band = between(*[np.arange(n) for n in shape], below, above)
            sizes = [rng.integers(1, 6, n) for n in shape]
            blocks_of = [np.repeat(np.arange(n), s) for n, s in zip(shape, sizes, strict=True)]
            for a in (band, between(*blocks_of, below, above)):
                for p in (pattern_of(a), pattern_of(a.T)):
                    assert count(colour_columns(p)) == max(1, np.diff(p.indptr).max())
            inner = rng.integers(0, 6, 2)
            places = [np.concatenate([np.arange(k) for k in s]) for s in sizes]
            both = pattern_of(between(*blocks_of, below, above) & between(*places, *inner))
            found = count(best_colouring(both, "columns", "auto"))
            assert np.diff(both.indptr).max() <= found <= (below + above + 1) * (inner.sum() + 1) + 1


def test_complete_bipartite_graphs() -> None:
    """One side's vertices differ, or the other's do: one colour more than the smaller has (Fertin, Raspaud, Reed)."""
    for m, n in [(1, 4), (2, 2), (2, 5), (3, 4), (4, 4)]:
        p = of_edges(m + n, [(v, m + w) for v in range(m) for w in range(n)])
        for kind in ("star", "acyclic"):
            assert count(best_colouring(p, kind, "auto")) == min(m, n) + 1


FIVE = list(combinations(range(5), 2))
PATHS = [path for path in permutations(range(5), 4) if path[0] < path[3]]


def fits(edges: set[tuple[int, int]], c: Sequence[int], star: bool) -> bool:
    """Whether these are colours of a graph of five vertices, by the definitions: neighbours differ, and no path of
    four, or no cycle of four, has two colours."""
    joined = edges | {(w, v) for v, w in edges}
    return all(c[v] != c[w] for v, w in edges) and not any(
        len({c[v] for v in path}) == 2 and (star or (path[0], path[3]) in joined)
        for path in PATHS
        if {(path[0], path[1]), (path[1], path[2]), (path[2], path[3])} <= joined
    )


def test_all_graphs_of_five_vertices() -> None:
    """Valid in every order, and the best of the orders is the best there is."""
    every = [(0, *c) for c in sorted(product(range(5), repeat=4), key=max)]
    for chosen in range(2 ** len(FIVE)):
        edges = {e for i, e in enumerate(FIVE) if chosen >> i & 1}
        p = of_edges(5, edges)
        for kind in ("star", "acyclic"):
            found = [best_colouring(p, kind, order) for order in ORDERS]
            assert all(fits(edges, c.tolist(), kind == "star") for c in found)
            best = next(c for c in every if fits(edges, c, kind == "star"))
            assert fewest(p, kind) <= max(best) + 1 == min(map(count, found)), (edges, kind)


EDGES = [(1, 2), (1, 7), (2, 3), (2, 5), (3, 4), (3, 6), (4, 10), (5, 6), (5, 8), (6, 9), (7, 8), (8, 9), (9, 10)]


def test_published_examples() -> None:
    """Figures 4.1 and 6.1 of What color is your Jacobian? (3 star colours, 3 acyclic ones), and figures 1 and 4 of
    Efficient computation of sparse Hessians (5 and 3), which show the same matrix of ten columns."""
    six = [(1, 2), (2, 3), (2, 5), (2, 6), (3, 4), (4, 6)]
    p = of_edges(6, [(v - 1, w - 1) for v, w in six])
    assert count(best_colouring(p, "star", "auto")) == 3
    p = of_edges(10, [(v - 1, w - 1) for v, w in EDGES])
    assert count(best_colouring(p, "star", "auto")) <= 5
    assert count(best_colouring(p, "acyclic", "auto")) == 3


# -- orders --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(4))
def test_orders_keep_what_they_promise(seed: int) -> None:
    p = pattern_of(random_symmetric(seed))
    near = graph(p)
    n = len(near)
    for name, order in ORDERS.items():
        visited = order(p)
        assert sorted(visited) == list(range(n))
        place = np.argsort(visited)
        before = lambda v, last, place=place: sum(place[w] < last for w in near[v])
        for k, v in enumerate(visited):
            if name == "largest first" and k:
                assert len(near[visited[k - 1]]) >= len(near[v])
            if name == "smallest last":  # of those up to here none has fewer neighbours among them
                assert before(v, k) == min(before(w, k + 1) for w in visited[: k + 1])
            if name == "incidence degree":
                assert before(v, k) == max(before(w, k) for w in visited[k:])


def test_smallest_last_colours_trees_with_two_colours() -> None:
    """The greedy bound 1 + max back degree is 2 for forests (Matula and Beck 1983)."""
    tree = of_edges(40, [(v, (v * 7 + 3) % max(v, 1)) for v in range(1, 40)])
    order = ORDERS["smallest last"](tree)
    colours = np.full(40, -1)
    for v in order:
        colours[v] = min(set(range(40)) - {colours[w] for w in graph(tree)[v]})
    assert colours.max() == 1
    near = adjacency(tree)
    assert sorted(graph(column_graph(tree))[0]) == sorted({w for x in near[0] for w in near[x]} - {0})


# -- decompression -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(8))
def test_entries_come_back_from_products(seed: int) -> None:
    a = sp.csr_array(random_symmetric(seed, 50, 0.02 + 0.02 * (seed % 4)))
    a.sort_indices()
    p = pattern_of(a)
    for colour in (star_colouring, acyclic_colouring):
        c = colour(p)
        products = np.ascontiguousarray((a @ (c[:, None] == np.arange(c.max() + 1)).astype(float)).T)
        if colour is acyclic_colouring:
            data = Substitution(p, c).entries(products)
        else:
            data = np.full(p.nnz, np.nan)
            for reading, row in zip(star_readings(p, c), products, strict=True):
                data[reading.entries] = row[reading.places]
        np.testing.assert_allclose(data, a.data, rtol=1e-9, atol=1e-12)


def test_substitution_along_a_path_of_ten_thousand() -> None:
    """Two colours for a tridiagonal matrix: the tree is the whole path, and no loop follows it."""
    n = 10_000
    rng = np.random.default_rng(0)
    off = rng.normal(size=n - 1)
    a = sp.csr_array(sp.diags_array([off, rng.normal(size=n), off], offsets=[-1, 0, 1]))
    p = pattern_of(a)
    c = acyclic_colouring(p)
    assert count(c) == 2
    products = np.ascontiguousarray((a @ (c[:, None] == np.arange(2)).astype(float)).T)
    np.testing.assert_allclose(Substitution(p, c).entries(products), a.data, atol=1e-9)


def test_an_empty_matrix_has_no_colours_to_speak_of() -> None:
    p = sp.csr_array((3, 4), dtype=bool)
    assert colour_columns(p).tolist() == [0, 0, 0, 0]
    assert [c.tolist() for c in bicolour(p)] == [[-1] * 4, [-1] * 3]
