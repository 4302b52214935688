"""Functions of a matrix by way of its eigenvalues and vectors, where those coincide or are incomplete: right or NaN."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

import gradtape as gt
from gradtape.functions import linalg as la

Matrix = np.ndarray
Function = Callable[[object], object]


def weights(a: object) -> Matrix:
    """Other numbers at each place, so that nothing cancels."""
    return np.arange(float(a.shape[0] ** 2)).reshape(a.shape)  # type: ignore[attr-defined]


def of_values(function: Callable[[object], object]) -> Function:
    """A function of the eigenvalues."""
    return lambda a: gt.real(function(la.eigvals(a)))


def rebuilt(power: int) -> Function:
    """The sum of the elements, weighted, of V diag(w)^power V^-1."""

    def f(a: object) -> object:
        w, v = la.eig(a)
        return gt.real(gt.sum(((v * w[None, :] ** power) @ la.inv(v)) * weights(a)))

    return f


# as a program by way of eig, and without it
FUNCTIONS: dict[str, tuple[Function, Callable[[Matrix], float]]] = {
    "trace": (of_values(gt.sum), np.trace),
    "sum w^3": (of_values(lambda w: gt.sum(w**3)), lambda a: np.trace(a @ a @ a)),
    "sum w^2 sum w": (of_values(lambda w: gt.sum(w**2) * gt.sum(w)), lambda a: np.trace(a @ a) * np.trace(a)),
    "V w V^-1": (rebuilt(1), lambda a: np.sum(a * weights(a))),
    "V w^2 V^-1": (rebuilt(2), lambda a: np.sum((a @ a) * weights(a))),
}


def cases() -> Iterator[tuple[str, Matrix, Matrix]]:
    """Kinds of matrices with coinciding eigenvalues, and directions."""
    random = np.random.default_rng(11)
    for trial in range(36):
        n = int(random.integers(2, 5))
        s = random.normal(size=(n, n)) + np.eye(n)
        w = np.diag(random.integers(1, 3, n).astype(float))
        kind, a = [
            ("small integers", random.integers(-1, 2, (n, n)).astype(float)),
            ("of the identity", np.eye(n) * random.integers(1, 3)),
            ("triangular", np.triu(random.integers(0, 2, (n, n))) + np.eye(n)),
            ("with all vectors", s @ w @ np.linalg.inv(s)),
            ("without all vectors", s @ (np.eye(n) + np.eye(n, k=1)) @ np.linalg.inv(s)),
            ("rotations", np.kron(np.eye(2), [[1.0, 2], [-2, 1]])),
        ][trial % 6]
        d = [random.normal(size=a.shape), np.eye(len(a)), a @ a, np.fliplr(np.eye(len(a)))][trial % 4]
        yield kind, a, d


def along(f: Callable[[Matrix], float], a: Matrix, d: Matrix) -> tuple[float, float]:
    """The first two derivatives of a polynomial in the elements along d, of degree 3 at most, by interpolation."""
    t = np.linspace(-1, 1, 9)
    c = np.polynomial.Polynomial.fit(t, [f(a + x * d) for x in t], 3, domain=[-1, 1]).coef
    return float(c[1]), float(2 * c[2])


def modes(f: Function, a: Matrix, d: Matrix) -> dict[str, tuple[int, Callable[[], object]]]:
    """Each mode's order, and how it gets the derivative along d."""
    forward = lambda f: lambda a: gt.jvp(f, (a,), (d,))[1]
    reverse = lambda f: lambda a: gt.sum(gt.grad(f)(a) * d)
    return {
        "reverse": (1, lambda: reverse(f)(a)),
        "forward": (1, lambda: forward(f)(a)),
        "reverse over forward": (2, lambda: reverse(forward(f))(a)),
        "forward over reverse": (2, lambda: forward(reverse(f))(a)),
        "reverse over reverse": (2, lambda: reverse(reverse(f))(a)),
        "forward over forward": (2, lambda: forward(forward(f))(a)),
        "Taylor": (2, lambda: gt.taylor(f, a, d, order=2).derivatives[2]),
        "vmap": (1, lambda: gt.vmap(reverse(f))(np.stack([a, a + np.diag(np.arange(len(a)))]))[0]),
    }


@pytest.mark.parametrize("name", FUNCTIONS)
def test_right_or_nan(name: str) -> None:
    f, plain = FUNCTIONS[name]
    right = 0
    for kind, a, d in cases():
        wants = along(plain, a, d)
        size = np.linalg.norm(a) ** 2 * np.linalg.norm(d) ** 2 + np.abs(wants).max() + 1
        for mode, (order, compute) in modes(f, a, d).items():
            try:
                got = float(compute())  # type: ignore[arg-type]
            except np.linalg.LinAlgError:  # vectors that are dependent to the last bit
                continue
            if np.isfinite(got):
                assert abs(got - wants[order - 1]) < 1e-4 * size, (kind, mode, a, d)
                right += 1
    assert right > 40  # it is not by being NaN that they are right


def test_first_derivatives_of_values_with_vectors_of_their_own() -> None:
    for f, want in ((FUNCTIONS["sum w^3"][0], 12 * np.eye(3)), (FUNCTIONS["trace"][0], np.eye(3))):
        np.testing.assert_allclose(gt.grad(f)(2 * np.eye(3)).numpy(), want, atol=1e-12)
        assert np.isclose(float(gt.jvp(f, (2 * np.eye(3),), (np.ones((3, 3)),))[1]), np.sum(want))


def test_a_projector_on_values_that_coincide() -> None:
    random = np.random.default_rng(3)
    s, d = random.normal(size=(3, 3)), random.normal(size=(3, 3))

    def projector(a: object) -> object:
        w, v = la.eig(a)
        keep = gt.astype(gt.abs(w - 2) < 0.5, gt.complex128)
        return gt.real(gt.sum(((v * keep[None, :]) @ la.inv(v)) * weights(a)))

    a = s @ np.diag([2.0, 2, 5]) @ np.linalg.inv(s)
    p, eye = s @ np.diag([1.0, 1, 0]) @ np.linalg.inv(s), np.eye(3)
    want = (p @ d @ (eye - p) + (eye - p) @ d @ p) / (2 - 5)  # Kato 1966, II.2.1
    np.testing.assert_allclose(float(gt.sum(gt.grad(projector)(a) * d)), np.sum(want * weights(a)), rtol=1e-9)
    jordan = s @ (np.diag([2.0, 2, 5]) + np.diag([1.0, 0], 1)) @ np.linalg.inv(s)
    assert np.isnan(gt.grad(projector)(jordan).numpy()).all()


def test_values_beside_a_jordan_block_keep_their_derivatives() -> None:
    a = np.array([[2.0, 1, 0], [0, 2, 0], [0, 0, 5]])
    largest = lambda x: gt.max(gt.real(la.eigvals(x)))
    np.testing.assert_allclose(gt.grad(largest)(a).numpy(), np.diag([0.0, 0, 1]), atol=1e-12)
    assert np.isnan(gt.grad(lambda x: gt.min(gt.real(la.eigvals(x))))(a).numpy()).any()


def test_single_precision() -> None:
    a = np.array([[2.0, 1, 0], [0, 2, 0], [0, 0, 5]], np.float32)
    got = gt.grad(lambda x: gt.real(gt.sum(la.eigvals(x) ** 2)))(a)
    assert got.dtype == np.float32 and np.isnan(got.numpy()).any()
    got = gt.grad(lambda x: gt.real(gt.sum(la.eigvals(x) ** 2)))(2 * np.eye(2, dtype=np.float32))
    assert got.dtype == np.float32 and np.array_equal(got.numpy(), 4 * np.eye(2))


def test_exactly_parallel_eigenvectors_are_nan_and_no_error() -> None:
    """The vectors of a nilpotent matrix are parallel to the last bit; a stack's other matrices are right."""
    trace = lambda a: gt.real(gt.sum(gt.linalg.eigvals(a)))
    block = np.eye(3, k=1)
    assert np.isnan(gt.grad(trace)(block).numpy()).all()
    assert np.isnan(gt.jvp(gt.linalg.eigvals, (block,), (np.ones((3, 3)),))[1].numpy()).all()
    stack = gt.grad(trace)(np.stack([block, np.diag([1.0, 2.0, 3.0])])).numpy()
    assert np.isnan(stack[0]).all()
    np.testing.assert_allclose(stack[1], np.eye(3), atol=1e-15)
