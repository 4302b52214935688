"""Colourings: valid by their definitions, counts by theorems and published examples, decompression."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
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
from gradtape.derivatives.sparse.decompression import Substitution, alone_in_row, rows_and_columns, star_readings
from gradtape.derivatives.sparse.orders import ORDERS, best_colouring, column_graph, fewest


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
    a = sp.random_array((n, n), density=density, rng=rng).toarray()
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
    q = pattern_of(sp.random_array((30, 50), density=0.1, rng=np.random.default_rng(seed)))
    check_columns(q, best_colouring(q, "columns", order))
    assert count(best_colouring(q, "columns", order)) >= fewest(q, "columns")


@pytest.mark.parametrize("seed", range(6))
def test_bicolourings_leave_each_entry_alone_once(seed: int) -> None:
    a = sp.random_array((30, 40), density=0.05, rng=np.random.default_rng(seed)).toarray()
    a[3] = a[:, 5] = 1
    p = pattern_of(a)
    columns, rows = bicolour(p)
    i, j = rows_and_columns(p)
    assert (alone_in_row(i, j, columns) | alone_in_row(j, i, rows)).all()


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


def of_a_linear_program(name: str) -> Any:
    """The constraints of a linear program of the Netlib collection, rows and columns in the order of its file."""
    with np.load(Path(__file__).parent / "data" / f"{name}.npz") as file:
        starts = np.concatenate([[0], np.cumsum(file["lengths"], dtype=np.int64)])
        indices = file["indices"].astype(np.int32)
        return sp.csr_array((np.ones(len(indices), bool), indices, starts), shape=(len(starts) - 1, file["columns"]))


#: What color is your Jacobian?, tables 3.1 and 3.2, and Gebremedhin, Nguyen, Patwary, Pothen, ColPack: software for
#: graph coloring (2013), tables VI and VII: rows, columns, non-zeros, most in a row and in a column; colours of columns
#: and rows in natural order, and largest first. (SparseMatrixColorings.jl has these tables as references.)
PUBLISHED = {
    "lp_maros_r7": ((3136, 9408, 144848, 48, 46), (74, 72), (70, 100)),
    "lp_dfl001": ((6071, 12230, 35632, 228, 14), (228, None), None),
}
#: Smallest last and incidence degree leave open which of several equal vertices comes first, so that counts differ
#: between programs; the published ones, for columns and rows.
PUBLISHED_TIES = {"smallest last": (83, 80), "incidence degree": (90, 88)}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_tables(name: str) -> None:
    size, natural, largest = PUBLISHED[name]
    p = of_a_linear_program(name)
    in_rows, in_columns = np.diff(p.indptr), np.bincount(p.indices)
    assert (*p.shape, p.nnz, in_rows.max(), in_columns.max()) == size
    both = p, p.T.tocsr()
    for order, published in (("natural", natural), ("largest first", largest)):
        for q, wanted in zip(both, published or ()):
            if wanted is not None:
                assert count(best_colouring(q, "columns", order)) == wanted
    best = [count(best_colouring(q, "columns", "auto")) for q in both]
    assert in_rows.max() <= best[0] <= natural[0]
    assert in_columns.max() <= best[1] <= (natural[1] or 16)
    if name == "lp_maros_r7":
        for order, published in PUBLISHED_TIES.items():
            for q, wanted in zip(both, published):
                assert abs(count(best_colouring(q, "columns", order)) - wanted) <= 0.1 * wanted


# -- orders --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", range(4))
def test_orders_keep_what_they_promise(seed: int) -> None:
    near = graph(pattern_of(random_symmetric(seed)))
    n = len(near)
    for name, order in ORDERS.items():
        visited = order(near)
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
    order = ORDERS["smallest last"](graph(tree))
    colours = np.full(40, -1)
    for v in order:
        colours[v] = min(set(range(40)) - {colours[w] for w in graph(tree)[v]})
    assert colours.max() == 1
    assert sorted(column_graph(tree)[0]) == sorted({w for x in adjacency(tree)[0] for w in adjacency(tree)[x]} - {0})


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
