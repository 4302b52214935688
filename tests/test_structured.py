"""Operators, diagonals, blocks and spectra of second derivatives, against dense ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradtape as gt
from gradtape.derivatives import diagonal

linalg = pytest.importorskip("scipy.sparse.linalg")

RNG = np.random.default_rng(3)
A = RNG.normal(size=(12, 8))
P = {"w": RNG.normal(size=8), "b": np.float64(0.3), "m": RNG.normal(size=(2, 2))}


def network(p: Any) -> Any:
    return gt.tanh(A @ p["w"] + p["b"]) * gt.sum(gt.sin(p["m"]))


def loss(y: Any) -> Any:
    return gt.sum(gt.log1p(y**2)) + gt.sum(y[:-1] * y[1:])


def objective(p: Any) -> Any:
    return loss(network(p)) + gt.sum(p["m"] ** 4)


def vector_of(f: Any, operator: Any) -> Any:
    """f of the raveled container."""

    def of_vector(v: Any) -> Any:
        parts, start = [], 0
        for leaf in operator.inputs.leaves:
            parts.append(gt.reshape(v[start : start + leaf.size], leaf.shape))
            start += leaf.size
        return f(operator.inputs.structure.unflatten(parts))

    return of_vector


@pytest.fixture(scope="module")
def hessian() -> Any:
    return gt.hessian_operator(objective, P)


@pytest.fixture(scope="module")
def full(hessian: Any) -> np.ndarray:
    return gt.hessian(vector_of(objective, hessian))(hessian.ravel(P)).numpy()


def test_hessian_products(hessian: Any, full: np.ndarray) -> None:
    n = hessian.shape[0]
    np.testing.assert_allclose(hessian @ np.eye(n), full, atol=1e-12)
    np.testing.assert_allclose(hessian @ full[0], full @ full[0], atol=1e-11)
    np.testing.assert_allclose(hessian.T @ full, full @ full, atol=1e-11)
    assert hessian.T is hessian
    assert repr(hessian) == f"<{n} x {n} Hessian operator of float64>"


def test_f_runs_once() -> None:
    runs = []
    H = gt.hessian_operator(lambda x: runs.append(1) or gt.sum(x**3), np.ones(3))
    H @ np.ones(3), H @ np.eye(3)
    assert len(runs) == 1


def test_vectors_and_containers(hessian: Any) -> None:
    v = hessian.ravel(P)
    again = hessian.unravel(v)
    for name, leaf in P.items():
        np.testing.assert_array_equal(again[name], leaf)
    with pytest.raises(ValueError, match=r"a vector of 13 elements is expected, not an array of shape \(4,\)"):
        hessian.unravel(np.ones(4))


def test_scipys_solvers_work_on_it(hessian: Any, full: np.ndarray) -> None:
    largest = linalg.eigsh(hessian, k=2, which="LA", return_eigenvectors=False)
    np.testing.assert_allclose(np.sort(largest), np.linalg.eigvalsh(full)[-2:], rtol=1e-9)
    b = np.arange(len(full)) - 3.0
    x, info = linalg.minres(hessian, b, rtol=1e-12, maxiter=2000)
    assert info == 0
    np.testing.assert_allclose(full @ x, b, atol=1e-5)
    G = gt.gauss_newton(network, lambda y: gt.sum(y**2) / 2, P)
    damped = linalg.aslinearoperator(np.eye(len(full))) + G
    x, info = linalg.cg(damped, b, rtol=1e-12)
    assert info == 0
    np.testing.assert_allclose(x + G @ x, b, atol=1e-8)


def test_jacobian_products_and_singular_values() -> None:
    both = lambda p: {"y": network(p), "z": p["w"][:3] * p["b"]}
    J = gt.jacobian_operator(both, P)
    assert J.shape == (15, 13)
    f = vector_of(lambda p: gt.concat([both(p)["y"], both(p)["z"]]), J)
    want = gt.jacobian(f)(J.ravel(P)).numpy()
    np.testing.assert_allclose(J @ np.eye(13), want, atol=1e-12)
    np.testing.assert_allclose(J.T @ np.eye(15), want.T, atol=1e-12)
    np.testing.assert_allclose(J.H @ want[:, 0], want.T @ want[:, 0], atol=1e-11)
    np.testing.assert_allclose(
        np.sort(linalg.svds(J, k=2)[1]), np.sort(np.linalg.svd(want)[1])[-2:], rtol=1e-9
    )
    b = np.ones(15)
    np.testing.assert_allclose(linalg.lsmr(J, b, atol=1e-13, btol=1e-13)[0], np.linalg.lstsq(want, b)[0], atol=1e-6)


def test_gauss_newton_and_fisher() -> None:
    G = gt.gauss_newton(network, loss, P)
    J = gt.jacobian_operator(network, P) @ np.eye(13)
    curvature = gt.hessian(loss)(network(P)).numpy()
    np.testing.assert_allclose(G @ np.eye(13), J.T @ curvature @ J, atol=1e-11)
    F = gt.fisher(network, P)
    np.testing.assert_allclose(F @ np.eye(13), J.T @ J / 12, atol=1e-12)
    with pytest.raises(ValueError, match="f must give one vector, the log-likelihoods of the examples"):
        gt.fisher(lambda p: gt.sum(network(p)), P)


def test_constants_are_zero_matrices() -> None:
    assert not (gt.hessian_operator(lambda x: gt.sum(x), np.ones(3)) @ np.eye(3)).any()
    assert not (gt.hessian_operator(lambda x: 1.0, np.ones(3)) @ np.ones(3)).any()
    J = gt.jacobian_operator(lambda x: gt.ones(2), np.ones(3))
    assert not (J @ np.ones(3)).any()
    assert not (J.T @ np.ones(2)).any()


def test_single_precision_and_tapes_around() -> None:
    x = np.ones(3, np.float32)
    with gt.GradientTape() as tape:
        t = gt.constant(x)
        tape.watch(t)
        H = gt.hessian_operator(lambda x: gt.sum(x**3), x)
        y = gt.sum(t) + 0.0 * float((H @ np.ones(3, np.float32))[0])
    assert H.dtype == np.float32
    assert (H @ np.ones(3, np.float32)).dtype == np.float32
    np.testing.assert_array_equal(tape.gradient(y, t).numpy(), x)


OPERATORS = {
    "hessian": lambda x: gt.hessian_operator(lambda x: gt.sum(x**3), x),
    "jacobian": lambda x: gt.jacobian_operator(lambda x: x**2, x),
    "gauss_newton": lambda x: gt.gauss_newton(lambda x: x, lambda y: gt.sum(y**3), x),
    "fisher": lambda x: gt.fisher(lambda x: x**2, x),
}
#: Their matrices at x = (1, 2).
DIAGONALS = {"hessian": [6.0, 12.0], "jacobian": [2.0, 4.0], "gauss_newton": [6.0, 12.0], "fisher": [2.0, 8.0]}


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("given", [lambda x: x, lambda x: x[:], gt.asarray], ids=["NumPy", "view", "Tensor"])
def test_an_operator_stays_what_it_was_made_of(name: str, given: Any) -> None:
    x = np.array([1.0, 2.0])
    operator = OPERATORS[name](given(x))
    x[:] = 100.0
    np.testing.assert_allclose(operator @ np.eye(2), np.diag(DIAGONALS[name]), rtol=1e-14)
    np.testing.assert_allclose(operator.T @ np.eye(2), np.diag(DIAGONALS[name]), rtol=1e-14)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("name", OPERATORS)
def test_estimates_are_in_the_operators_precision(name: str, dtype: str) -> None:
    operator = OPERATORS[name](np.array([1.0, 2.0], dtype))
    assert operator.dtype == dtype
    trace, diagonal = (e(operator, 4, np.random.default_rng(0)) for e in (gt.trace_estimate, gt.diagonal_estimate))
    found = gt.lanczos(operator, 2, np.ones(2))
    for part in (*trace, *diagonal, *found, operator @ np.ones(2), operator @ np.eye(2)):
        assert part.dtype == dtype
    assert (float(trace.value), diagonal.value.tolist()) == (sum(DIAGONALS[name]), DIAGONALS[name])
    T = np.diag(found.diagonal) + np.diag(found.beside, 1) + np.diag(found.beside, -1)
    np.testing.assert_allclose(np.linalg.eigvalsh(T.astype(float)), DIAGONALS[name], rtol=8 * np.finfo(dtype).eps)


def test_spectra_of_hermitian_and_other_matrices() -> None:
    A = np.array([[2.0, 1j, 0.0], [-1j, 2.0, 0.0], [0.0, 0.0, 7.0]])  # eigenvalues 1, 3, 7
    for dtype, real in (("complex128", "float64"), ("complex64", "float32")):
        trace, diagonal = (
            e(A.astype(dtype), 40, np.random.default_rng(0)) for e in (gt.trace_estimate, gt.diagonal_estimate)
        )
        assert [p.dtype for p in (*trace, *diagonal)] == [dtype, real] * 2
        assert abs(trace.value - 11) <= 4 * trace.standard_error + 1e-5
        found = gt.lanczos(A.astype(dtype), 3, np.array([1.0, 2.0, 3.0]))
        assert [p.dtype for p in found] == [real, real, dtype]
        T = np.diag(found.diagonal) + np.diag(found.beside, 1) + np.diag(found.beside, -1)
        np.testing.assert_allclose(np.linalg.eigvalsh(T), [1.0, 3.0, 7.0], rtol=1e-5)
    whole = gt.lanczos(np.diag([1, 2]), 2, np.array([1.0, 1j]))
    assert whole.vectors.dtype == complex
    np.testing.assert_allclose(whole.diagonal, [1.5, 1.5])
    assert gt.trace_estimate(np.diag([1, 2]), 2, np.random.default_rng(0)).value.dtype == float


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: gt.hessian_operator(gt.sum, np.ones(2) + 1j), TypeError, "is of real numbers, not of complex128"),
        (lambda: gt.hessian_operator(lambda x: x, np.ones(2)), ValueError, "f must give a scalar"),
        (lambda: gt.hessian_operator(gt.sum, np.arange(3)), TypeError, "dtype int64"),
        (lambda: gt.jacobian_operator(3, np.ones(2)), TypeError, "jacobian_operator"),
        (lambda: gt.gauss_newton(gt.sin, 3, np.ones(2)), TypeError, "gauss_newton"),
        (lambda: gt.gauss_newton(gt.sin, gt.cos, np.ones(2)), ValueError, "gauss_newton: loss must give a scalar"),
        (lambda: gt.vmap(lambda x: gt.hessian_operator(gt.sum, x).shape)(np.ones((2, 2))), TypeError, "use hvp"),
        (lambda: gt.trace_estimate(np.ones((2, 3)), 4, RNG), ValueError, "must be square"),
        (lambda: gt.trace_estimate(np.eye(2), 1, RNG), ValueError, "samples must be an int above 1"),
        (lambda: gt.diagonal_estimate(np.eye(2), 4, 3), TypeError, "rng must be a numpy.random.Generator"),
        (lambda: gt.lanczos(np.eye(2), 0, np.ones(2)), ValueError, "steps must be a positive int"),
        (lambda: gt.lanczos(np.eye(2), 2, np.zeros(2)), ValueError, "not all of them 0"),
        (lambda: gt.spectral_density(np.eye(2), RNG, steps=0), ValueError, "steps must be a positive int, not 0"),
        (lambda: gt.spectral_density(np.eye(2), RNG, sigma=-1.0), ValueError, "sigma must be positive"),
        (lambda: gt.spectral_density("no", RNG), TypeError, "must be a matrix or a LinearOperator"),
    ],
)
def test_bad_input(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


# -- blocks and diagonals ----------------------------------------------------------------------------------------
def test_blocks(full: np.ndarray, hessian: Any) -> None:
    blocks = gt.hessian_blocks(objective, P)
    start = 0
    for name, leaf in zip(sorted(P), hessian.inputs.leaves, strict=True):
        own = full[start : start + leaf.size, start : start + leaf.size]
        np.testing.assert_allclose(blocks[name].numpy().reshape(leaf.size, leaf.size), own, atol=1e-12)
        start += leaf.size


def test_the_diagonal_of_a_container(full: np.ndarray, hessian: Any) -> None:
    for batch_size in (None, 256, 5, 1):
        found = gt.hessian_diagonal(objective, P, batch_size=batch_size)
        np.testing.assert_allclose(hessian.ravel(found), np.diag(full), atol=1e-12)


def rosenbrock(x: Any) -> Any:
    return gt.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def test_the_diagonal_of_a_structured_hessian_takes_few_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two for a chain of a thousand variables, whose neighbours alone meet."""
    rows = []
    of_groups = diagonal.group_vectors
    monkeypatch.setattr(diagonal, "group_vectors", lambda *a: rows.append(a[3] - a[2]) or of_groups(*a))
    x = RNG.normal(size=1000)
    got = gt.hessian_diagonal(rosenbrock, x, batch_size=64).numpy()
    want = np.zeros(1000)
    want[:-1] += 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
    want[1:] += 200
    np.testing.assert_allclose(got, want, rtol=1e-12)
    assert sum(rows) == 2
    rows.clear()
    pair = lambda p: rosenbrock(p[0]) + gt.sum(p[1] ** 4)
    got = gt.hessian_diagonal(pair, (x, np.arange(6.0).reshape(2, 3)), batch_size=64)
    np.testing.assert_allclose(got[0].numpy(), want, rtol=1e-12)
    np.testing.assert_allclose(got[1].numpy(), 12 * np.arange(6.0).reshape(2, 3) ** 2)
    assert sum(rows) == 2


def test_a_dense_hessian_and_a_branch_go_by_unit_vectors() -> None:
    """Where nothing can be spared, and where the program looks at values."""
    x = RNG.normal(size=80)
    f = lambda x: gt.sum(x) ** 3 if float(x[0]) > -1e9 else gt.sum(x)
    np.testing.assert_allclose(gt.hessian_diagonal(f, x, batch_size=7).numpy(), np.full(80, 6 * x.sum()))
    g = lambda x: gt.sum(x) ** 3
    np.testing.assert_allclose(gt.hessian_diagonal(g, x, batch_size=7).numpy(), np.full(80, 6 * x.sum()))


# -- estimates and spectra ---------------------------------------------------------------------------------------
def test_estimates_are_within_their_errors(hessian: Any, full: np.ndarray) -> None:
    value, error = gt.trace_estimate(hessian, 400, np.random.default_rng(0))
    assert abs(value - np.trace(full)) < 4 * error
    assert error > 0
    value, error = gt.diagonal_estimate(hessian, 400, np.random.default_rng(0))
    assert (np.abs(value - np.diag(full)) <= 5 * error + 1e-12).all()


def test_lanczos_keeps_its_vectors_orthonormal(hessian: Any, full: np.ndarray) -> None:
    found = gt.lanczos(hessian, 13, RNG.normal(size=13))
    V = found.vectors
    np.testing.assert_allclose(V.T @ V, np.eye(V.shape[1]), atol=1e-12)
    T = np.diag(found.diagonal) + np.diag(found.beside, 1) + np.diag(found.beside, -1)
    np.testing.assert_allclose(V.T @ full @ V, T, atol=1e-9)
    assert gt.lanczos(np.eye(5), 5, np.ones(5)).vectors.shape == (5, 1)  # an invariant space


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_lanczos_at_any_scale(scale: float) -> None:
    """The squares of a vector's elements may overflow or vanish."""
    for length in (1e-200, 1.0, 1e200):
        found = gt.lanczos(np.diag([1.0, 2.0]) * scale, 2, np.array([1.0, 3.0]) * length)
        T = np.diag(found.diagonal) + np.diag(found.beside, 1) + np.diag(found.beside, -1)
        np.testing.assert_allclose(np.linalg.eigvalsh(T / scale), [1.0, 2.0], rtol=1e-14)
    with pytest.raises(ValueError, match="start must be a vector of 2 finite elements, not all of them 0"):
        gt.lanczos(np.eye(2), 2, np.array([np.inf, 1.0]))


def test_the_density_of_a_known_spectrum(tmp_path: Path) -> None:
    """A thousand eigenvalues, uniform between -1 and 1, and one outlier."""
    eigenvalues = np.append(np.linspace(-1, 1, 1000), 7.0)
    density = gt.spectral_density(linalg.aslinearoperator(np.diag(eigenvalues)), np.random.default_rng(1), samples=20)
    assert density.moment(0) == pytest.approx(1)
    assert density.moment(2) == pytest.approx(np.mean(eigenvalues**2), rel=0.1)
    assert density.nodes.max() == pytest.approx(7.0)
    assert density.nodes.min() == pytest.approx(-1.0, abs=0.01)
    np.testing.assert_allclose(density.density_at([-0.5, 0.0, 0.5]), 0.5, rtol=0.15)
    assert density.density_at(4.0) < 1e-6
    assert np.trapezoid(density.density, density.grid) == pytest.approx(1, abs=1e-4)
    pytest.importorskip("matplotlib")
    density.plot(tmp_path / "density.png")
    assert (tmp_path / "density.png").stat().st_size > 5000
