"""Prepared sparse derivatives: modes, colours, other points, verification, files, pictures, other libraries."""

from __future__ import annotations

import threading
import tracemalloc
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradtape as gt

from .test_sparse import POINT, bratu, rosenbrock

X = np.linspace(-1, 1.3, 16)


def arrow(x: Any) -> Any:
    """A dense first row, a dense first column, and a diagonal."""
    return gt.concat([gt.reshape(gt.sum(x**2), (1,)), x[1:] ** 3 + x[0] * x[1:]])


def by_products(P: Any) -> Any:
    """A copy of the prepared object, where entries are not followed one by one."""
    P = copy(P)
    P.memo = None
    return P


# -- Jacobians -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("f", "mode", "count"),
    [
        (arrow, "forward", 16),
        (arrow, "reverse", 16),
        (arrow, "bidirectional", 3),
        (arrow, "auto", 3),
        (bratu, "auto", None),
        (lambda x: x[:2] * x[2:4], "auto", 1),
        (lambda x: gt.reshape(gt.sum(x**2), (1,)), "auto", 1),
        (lambda x: gt.concat([x[:1] * x, x]), "auto", None),
    ],
)
def test_modes(f: Any, mode: str, count: int | None) -> None:
    P = gt.prepare_jacobian(f, X, mode=mode)
    want = gt.jacobian(f)(X).numpy()
    for Q in (P, by_products(P)):
        np.testing.assert_allclose(Q(X).toarray(), want, rtol=1e-13, atol=1e-14)
    if count is not None:
        assert P.n_colors == count
    if mode == "auto":
        assert Q.kind != "auto"


@pytest.mark.parametrize("order", ["natural", "largest first", "smallest last", "incidence degree"])
def test_orders(order: str) -> None:
    x = np.linspace(0, 1, 49)
    P = by_products(gt.prepare_jacobian(bratu, x, order=order))
    np.testing.assert_allclose(P(x).toarray(), gt.jacobian(bratu)(x).numpy(), atol=1e-13)
    assert 5 <= P.n_colors <= 8


def test_colors_say_what_goes_together() -> None:
    P = gt.prepare_jacobian(lambda x: x[1:] * x[:-1], np.ones(5), mode="forward")
    assert P.colors.tolist() == [0, 1, 0, 1, 0]
    P = gt.prepare_jacobian(arrow, X, mode="bidirectional")
    columns, rows = P.colors
    assert len(columns) == len(rows) == 16
    assert (rows >= 0).sum() == 1


# -- Hessians ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("colouring", ["star", "acyclic"])
@pytest.mark.parametrize("f", [rosenbrock, lambda x: gt.sum(bratu(x) ** 2), lambda x: x[0] * gt.sum(x**2)])
def test_colourings(f: Any, colouring: str) -> None:
    P = gt.prepare_hessian(f, X, colouring=colouring)
    want = gt.hessian(f)(X).numpy()
    for Q in (P, by_products(P)):
        np.testing.assert_allclose(Q(X).toarray(), want, rtol=1e-12, atol=1e-11)
    assert P.n_colors >= (2 if colouring == "acyclic" else 3) or P.n_colors == 2


def test_acyclic_takes_fewer() -> None:
    counts = [gt.prepare_hessian(rosenbrock, X, colouring=c).n_colors for c in ("star", "acyclic")]
    assert counts == [3, 2]


def test_hessian_of_a_lagrangian() -> None:
    """f(x) + v c(x), with v an argument; its pattern holds for every v, also if it was zero when prepared."""
    c = lambda x: x[1:] ** 2 * x[:-1] - 1
    P = gt.prepare_hessian(rosenbrock, POINT, constraints=c)
    v = np.cos(np.arange(8.0))
    want = gt.hessian(lambda x: rosenbrock(x) + gt.sum(v * c(x)))(POINT).numpy()
    np.testing.assert_allclose(P(POINT, v).toarray(), want, rtol=1e-12, atol=1e-12)
    Q = gt.prepare_hessian(lambda x: gt.sum(x), POINT, np.zeros(8), constraints=lambda x: x[1:] * x[:-1])
    assert Q.pattern.nnz == 16
    P.verify(POINT, v)
    with pytest.raises(ValueError, match=r"argument 1 had the shape \(8,\), and has \(7,\)"):
        P(POINT, v[1:])


def test_a_saved_hessian_of_a_lagrangian(tmp_path: Path) -> None:
    c = lambda x: x[1:] ** 2 * x[:-1] - 1
    P = gt.prepare_hessian(rosenbrock, POINT, constraints=c)
    P.save(tmp_path / "p.npz")
    Q = gt.load_prepared(tmp_path / "p.npz", rosenbrock, constraints=c)
    v = np.sin(np.arange(8.0))
    np.testing.assert_array_equal(Q(POINT, v).toarray(), P(POINT, v).toarray())
    gt.prepare_jacobian(c, POINT).save(tmp_path / "j.npz")
    with pytest.raises(ValueError, match="constraints belong to a Hessian"):
        gt.load_prepared(tmp_path / "j.npz", c, constraints=c)


# -- the same object at other points -----------------------------------------------------------------------------
def test_other_points_shapes_and_values() -> None:
    P = gt.prepare_hessian(rosenbrock, np.zeros(6))
    for seed in range(3):
        x = np.random.default_rng(seed).normal(size=6)
        np.testing.assert_allclose(P(x).toarray(), gt.hessian(rosenbrock)(x).numpy(), rtol=1e-12, atol=1e-11)
    with pytest.raises(ValueError, match="prepared for vectors of length 6, and given one of length 7"):
        P(np.zeros(7))


def test_indices_that_changed_are_noticed() -> None:
    """What moves elements is looked at again each time: an index array may have been written into."""
    index = np.array([0, 1, 2])
    P = gt.prepare_jacobian(lambda x: x[index] ** 2, np.ones(3), pattern=np.ones((3, 3)))
    np.testing.assert_array_equal(P(np.array([1.0, 2.0, 3.0])).toarray(), np.diag([2.0, 4.0, 6.0]))
    index[:] = [2, 0, 1]
    np.testing.assert_array_equal(P(np.array([1.0, 2.0, 3.0])).toarray(), [[0, 0, 6], [2, 0, 0], [0, 4, 0]])


def test_branches_that_changed_are_noticed() -> None:
    f = lambda x: x**2 if x[0] > 0 else x**3
    P = gt.prepare_jacobian(f, np.ones(3), local=True)
    np.testing.assert_array_equal(P(np.full(3, -2.0)).toarray(), np.diag([12.0] * 3))


def test_results_share_nothing() -> None:
    P = gt.prepare_hessian(rosenbrock, POINT)
    first = P(POINT)
    want = first.toarray()
    first.data[:] = 0
    first.eliminate_zeros()
    np.testing.assert_array_equal(P(POINT).toarray(), want)


def test_several_threads_use_one_object() -> None:
    P = gt.prepare_hessian(rosenbrock, POINT)
    points = [POINT + k for k in range(8)]
    results: list[Any] = [None] * 8

    def work(k: int) -> None:
        for _ in range(20):
            results[k] = P(points[k]).toarray()

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for x, got in zip(points, results, strict=True):
        np.testing.assert_allclose(got, gt.hessian(rosenbrock)(x).numpy(), rtol=1e-12)


def test_a_function_that_raises_leaves_the_object_as_it_was() -> None:
    def f(x: Any) -> Any:
        if fail:
            raise RuntimeError("no")
        return rosenbrock(x)

    fail = False
    P = gt.prepare_hessian(f, POINT)
    fail = True
    with pytest.raises(RuntimeError, match="no"):
        P(POINT)
    fail = False
    np.testing.assert_allclose(P(POINT).toarray(), gt.hessian(rosenbrock)(POINT).numpy(), rtol=1e-12)


def test_single_precision() -> None:
    x = POINT.astype(np.float32)
    P = gt.prepare_hessian(rosenbrock, x, verify=True)
    for Q in (P, by_products(P)):
        assert Q(x).dtype == np.float32
        np.testing.assert_allclose(Q(x).toarray(), gt.hessian(rosenbrock)(x).numpy(), rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("batch_size", [None, 2])
def test_arrays_of_another_library(batch_size: int | None) -> None:
    xp = pytest.importorskip("array_api_strict")
    x = xp.asarray(POINT)
    padded = lambda u: gt.sin(u) * gt.concat([u[1:], u[:1]])
    P = gt.prepare_jacobian(padded, x, batch_size=batch_size)
    np.testing.assert_allclose(P(x).toarray(), gt.jacobian(padded)(POINT).numpy(), atol=1e-13)
    P = gt.prepare_jacobian(padded, x, mode="reverse", batch_size=batch_size)
    np.testing.assert_allclose(P(x).toarray(), gt.jacobian(padded)(POINT).numpy(), atol=1e-13)
    for colouring in ("star", "acyclic"):
        H = gt.prepare_hessian(rosenbrock, x, colouring=colouring, batch_size=batch_size)
        np.testing.assert_allclose(H(x).toarray(), gt.hessian(rosenbrock)(POINT).numpy(), rtol=1e-12, atol=1e-11)


# -- patterns given, verified, saved -----------------------------------------------------------------------------
def test_a_pattern_may_be_given() -> None:
    P = gt.prepare_hessian(rosenbrock, POINT, pattern=np.tri(9) * (np.tri(9, k=-2) == 0), verify=True)
    np.testing.assert_allclose(P(POINT).toarray(), gt.hessian(rosenbrock)(POINT).numpy(), rtol=1e-12)
    with pytest.raises(ValueError, match=r"pattern has shape \(3, 4\), and x has 9"):
        gt.prepare_jacobian(gt.sin, POINT, pattern=np.ones((3, 4)))


def test_a_pattern_without_entries() -> None:
    """Nothing is read, whatever there is: also if the function does no arithmetic."""
    for f in (lambda x: x, lambda x: x**2, lambda x: x[::-1] * x):
        P = gt.prepare_jacobian(f, POINT, pattern=np.zeros((9, 9)))
        for Q in (P, by_products(P)):
            assert Q(POINT).nnz == 0
            with pytest.raises(gt.PatternError, match="9 rows"):
                Q.verify(POINT)


@pytest.mark.parametrize("entries", [True, False])
def test_a_false_pattern_is_found_out(entries: bool) -> None:
    P = gt.prepare_hessian(rosenbrock, POINT, pattern=np.eye(9))
    P = P if entries else by_products(P)
    with pytest.raises(gt.PatternError, match="the pattern is wrong: 9 rows"):
        P.verify(POINT)
    with pytest.raises(gt.PatternError, match="row 0 the first"):
        gt.prepare_jacobian(lambda x: x[::-1], POINT, pattern=np.eye(9), verify=True)
    local = gt.prepare_jacobian(lambda x: gt.where(x > 0, x * x[0], x), np.full(3, -1.0), local=True, verify=True)
    with pytest.raises(gt.PatternError, match="A local pattern holds at its own point only"):
        local.verify(np.ones(3), rng=np.random.default_rng(1))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("library", ["numpy", "array_api_strict"])
def test_verification_in_every_precision_and_on_other_libraries(library: str, dtype: str) -> None:
    if library != "numpy" and dtype == "float16":
        pytest.skip("the standard has no half precision")
    xp = pytest.importorskip(library)
    x = xp.asarray(POINT, dtype=getattr(xp, dtype))
    padded = lambda u: gt.sin(u) * gt.concat([u[1:], u[:1]])
    for f, prepare in ((padded, gt.prepare_jacobian), (rosenbrock, gt.prepare_hessian)):
        prepare(f, x).verify(x)
        with pytest.raises(gt.PatternError):
            prepare(f, x, pattern=np.eye(9), verify=True)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x**2 / (x * 3) - x / 3,  # 0 but for rounding
        lambda x: gt.nn.softmax(gt.concat([x, 30 + x[:1]])),  # saturated
        lambda x: gt.exp(x) * gt.exp(-x) * 1e-3,
    ],
)
def test_rounding_is_no_missing_entry(f: Any) -> None:
    for seed in range(10):
        x = np.random.default_rng(seed).uniform(0.5, 1.5, 4)
        gt.prepare_jacobian(f, x).verify(x, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("mode", ["forward", "reverse", "bidirectional"])
def test_save_and_load(mode: str, tmp_path: Path) -> None:
    P = gt.prepare_jacobian(arrow, X, mode=mode, batch_size=2, format="coo")
    P.save(tmp_path / "p.npz")
    Q = gt.load_prepared(tmp_path / "p.npz", arrow)
    assert type(Q) is type(P)
    assert (Q.kind, Q.format, Q.batch_size, Q.n_colors) == (mode, "coo", 2, P.n_colors)
    for R in (Q, by_products(Q)):
        np.testing.assert_allclose(R(X).toarray(), gt.jacobian(arrow)(X).numpy(), atol=1e-14)


def test_save_and_load_a_hessian(tmp_path: Path) -> None:
    P = gt.prepare_hessian(rosenbrock, X, colouring="acyclic")
    P.save(tmp_path / "p.npz")
    Q = by_products(gt.load_prepared(tmp_path / "p.npz", rosenbrock))
    np.testing.assert_array_equal(Q.colors, P.colors)
    np.testing.assert_allclose(Q(X).toarray(), gt.hessian(rosenbrock)(X).numpy(), atol=1e-10)
    np.savez(tmp_path / "other.npz", a=1)
    with pytest.raises(ValueError, match="holds no prepared derivative"):
        gt.load_prepared(tmp_path / "other.npz", rosenbrock)


# -- pictures ------------------------------------------------------------------------------------------------------
def test_text() -> None:
    P = gt.prepare_hessian(rosenbrock, np.zeros(8))
    assert repr(P) == "<PreparedHessian 8 x 8, 22 non-zeros, 3 colours, star>"
    assert str(P).splitlines()[1:] == ["⠻⣦⡀⠀", "⠀⠈⠻⣦"]
    large = gt.prepare_jacobian(gt.sin, np.zeros(1000))
    lines = str(large).splitlines()
    assert len(lines) == 21
    assert all(len(line) <= 40 for line in lines[1:])


@pytest.mark.parametrize("mode", ["forward", "reverse", "bidirectional"])
def test_spy(mode: str) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    P = gt.prepare_jacobian(arrow, X, mode=mode)
    ax = P.spy()
    assert len(ax.collections[0].get_offsets()) == P.pattern.nnz
    assert str(P.pattern.nnz) in ax.get_title()
    assert gt.prepare_hessian(rosenbrock, X).spy(ax) is ax
    matplotlib.pyplot.close("all")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"mode": "backward"}, "mode must be one of auto, forward, reverse, bidirectional, not 'backward'"),
        ({"order": "random"}, "order must be one of auto, natural, largest first, smallest last, incidence degree"),
        ({"format": "csc"}, "format must be one of csr, coo"),
        ({"batch_size": 0}, "batch_size must be a positive int"),
    ],
)
def test_choices_that_are_none(options: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        gt.prepare_jacobian(gt.sin, POINT, **options)


def test_colouring_that_is_none() -> None:
    with pytest.raises(ValueError, match="colouring must be one of star, acyclic, not 'greedy'"):
        gt.prepare_hessian(rosenbrock, POINT, colouring="greedy")


def test_outputs_of_another_length_are_refused() -> None:
    P = gt.prepare_jacobian(lambda x: x if long else x[:2], POINT, pattern=np.eye(9))
    long = False
    with pytest.raises(ValueError, match="prepared for 9 outputs, and f gave 2"):
        P(POINT)


def test_memory_is_linear_in_the_entries() -> None:
    """Pattern, colours and evaluation of ten times as many variables: as many bytes for each entry, and not many."""

    def f(x: Any) -> Any:
        return gt.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    def peak(n: int) -> float:
        x = gt.asarray(np.random.default_rng(0).normal(size=n))
        tracemalloc.start()
        try:
            P = gt.prepare_hessian(f, x)
            assert P.n_colors == 3
            entries = P(x).nnz
            return tracemalloc.get_traced_memory()[1] / entries
        finally:
            tracemalloc.stop()

    peak(100)
    small, large = peak(10_000), peak(100_000)
    assert large < 1.2 * small
    assert large < 400


def test_entries_that_do_not_depend_on_the_point_may_change_all_the_same() -> None:
    f = lambda x, c: c * x[1:] + gt.sin(x[:-1]) - 2.0 * gt.flip(x)[1:]
    x = np.linspace(-1.0, 1.0, 9)
    P = gt.prepare_jacobian(f, x, 2.0)
    for c in (2.0, -3.0, 2.0, 0.0):
        np.testing.assert_allclose(P(x, c).toarray(), gt.jacobian(f)(x, c).numpy(), rtol=1e-14)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: gt.exp(x) * 1e200 * 1e200 * 1e-100,
        lambda x: gt.exp(-x) * 1e-200 * 1e-200 * 1e100 * x[::-1],
        lambda x: gt.exp(x / 2) ** 2 * 1e150 * 1e150 + x,
    ],
)
def test_numbers_are_not_multiplied_beyond_their_range(f: Any) -> None:
    x = np.linspace(-510.0, -490.0, 4)
    P = gt.prepare_jacobian(f, x)
    dense = gt.jacobian(f)(x).numpy()
    assert np.isfinite(dense).all() and dense.any()
    np.testing.assert_allclose(P(x).toarray(), dense, rtol=1e-13)
