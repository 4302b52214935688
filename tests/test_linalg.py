"""Linear algebra at the points where derivatives go wrong elsewhere, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import gradtape as gt
from gradtape.functions import linalg as la
from gradtape.tf.linalg import triangular_solve

random = np.random.default_rng(8)


def array(x: object) -> np.ndarray:
    """The value as a NumPy array."""
    return x.numpy() if isinstance(x, gt.Tensor) else np.asarray(x)


def of_rank(n: int, rank: int) -> np.ndarray:
    """A random integer matrix of that rank."""
    return (random.integers(-3, 4, (n, rank)) @ random.integers(-3, 4, (rank, n))).astype(float)


# -- eigenvalues and singular values -----------------------------------------------------------------------------
B = np.array([[1.0, 2, 0], [2, -1, 1], [0, 1, 3]])
M = np.array([[1.0, 2, 3], [2, 5, 6], [3, 6, 9]])
Q = np.linalg.qr(random.normal(size=(3, 3)))[0]


def along(f: object, a: np.ndarray, b: np.ndarray) -> float:
    """d/dt f(a + t b) at 0, in reverse mode."""
    return float(gt.grad(lambda t: f(a + t * gt.asarray(b)))(0.0))


@pytest.mark.parametrize("q", [np.eye(3), Q], ids=["diagonal", "rotated"])
def test_eigenvalues_that_coincide(q: np.ndarray) -> None:
    a = q @ np.diag([2.0, 2, 2]) @ q.T
    for values in (la.eigvalsh, lambda x: la.eigh(x).eigenvalues):
        f = lambda x, values=values: gt.sum(values(x) ** 3)
        np.testing.assert_allclose(array(gt.grad(f)(a)), 12 * np.eye(3), atol=1e-13)
        np.testing.assert_allclose(float(gt.jvp(f, (a,), (B,))[1]), 36, atol=1e-12)


@pytest.mark.parametrize("q", [np.eye(3), Q], ids=["diagonal", "rotated"])
def test_projector_on_a_degenerate_eigenspace(q: np.ndarray) -> None:
    a = q @ np.diag([1.0, 1, 3]) @ q.T

    def f(x: gt.Tensor) -> gt.Tensor:
        v = la.eigh(x).eigenvectors[:, :2]
        return gt.sum(M * (v @ v.T))

    m, b = q.T @ M @ q, q.T @ B @ q
    want = sum(2 * m[i, 2] * b[i, 2] / (1 - 3) for i in (0, 1))
    np.testing.assert_allclose(along(f, a, B), want, rtol=1e-12)


def test_degenerate_vectors_and_values_together_are_nan_and_no_number() -> None:
    def f(x: gt.Tensor) -> gt.Tensor:
        w, v = la.eigh(x)
        return gt.sum(M * ((v * w**2) @ v.T))

    assert np.isnan(along(f, 2 * np.eye(3), B))  # right: 172; the vectors do not tell
    assert np.isnan(float(gt.jvp(f, (2 * np.eye(3),), (B,))[1]))
    assert np.isnan(along(lambda x: la.eigh(x).eigenvectors[1, 0], np.diag([1.0, 1, 3]), B))
    assert np.isnan(array(gt.hessian(lambda x: gt.sum(la.eigvalsh(x) ** 3))(2 * np.eye(2)))).any()
    reconstructed = lambda x: (lambda u, s, vh: gt.sum(M * ((u * s) @ vh)))(*la.svd(x))
    assert np.isnan(array(gt.grad(reconstructed)(np.eye(3)))).any()
    assert np.isnan(array(gt.grad(reconstructed)(np.diag([1.0, 0, 0])))).any()
    np.testing.assert_allclose(array(gt.grad(reconstructed)(np.diag([3.0, 2, 1]) + 0.1 * M)), M, rtol=1e-11)


def test_eigenvectors_of_separate_values_beside_coinciding_ones() -> None:
    f = lambda x: (lambda w, v: w[2] + v[0, 2] ** 2 + gt.sum(w**2))(*la.eigh(x))
    a = np.diag([1.0, 1, 3]) + 0.0
    assert np.isfinite(array(gt.grad(f)(a))).all()


def test_second_derivative_of_an_eigenvalue() -> None:
    f = lambda t: la.eigvalsh(np.diag([1.0, 2, 4]) + t * gt.asarray(B))[2]
    want = 2 * (B[0, 2] ** 2 / 3 + B[1, 2] ** 2 / 2)
    np.testing.assert_allclose(float(gt.derivative(f, order=2)(0.0)), want, atol=1e-12)


@pytest.mark.parametrize(
    ("a", "want"),
    [
        (np.ones((2, 2)), 2 * np.ones((2, 2))),
        (np.eye(3)[:, :2], 2 * np.eye(3)[:, :2]),
        (np.zeros((2, 3)), np.zeros((2, 3))),
    ],
    ids=["rank 1", "equal", "zero"],
)
def test_singular_values_alone(a: np.ndarray, want: np.ndarray) -> None:
    f = lambda x: gt.sum(la.svd(x, full_matrices=False).S ** 2)
    np.testing.assert_allclose(array(gt.grad(f)(a)), want, atol=1e-14)
    g = lambda x: gt.sum(la.svdvals(x) ** 2)
    np.testing.assert_allclose(array(gt.grad(g)(a)), want, atol=1e-14)


def test_column_space_of_a_matrix_of_low_rank() -> None:
    a = np.outer([1.0, 2, 2], [3.0, 4])

    def f(x: gt.Tensor) -> gt.Tensor:
        u = la.svd(x, full_matrices=False).U[:, :1]
        return gt.sum(M * (u @ u.T))

    p = a @ np.linalg.pinv(a)
    d = np.outer([1.0, 0, 1], [1.0, 2])
    change = (np.eye(3) - p) @ d @ np.linalg.pinv(a)
    np.testing.assert_allclose(np.sum(array(gt.grad(f)(a)) * d), np.sum(M * (change + change.T)), rtol=1e-10)


def test_what_has_no_derivative_says_so() -> None:
    a = random.normal(size=(3, 2))
    for f in (lambda x: la.svd(x).U, lambda x: la.qr(x, mode="complete").Q):
        assert array(f(gt.asarray(a))).shape == (3, 3)
        with pytest.raises(gt.NoDerivativeError, match="reduced"):
            gt.grad(lambda x, f=f: gt.sum(f(x)))(a)
        with pytest.raises(gt.NoDerivativeError, match="reduced"):
            gt.jvp(f, (a,), (a,))
    square = random.normal(size=(2, 2))
    assert np.isfinite(array(gt.grad(lambda x: gt.sum(la.svd(x).U ** 3))(square))).all()


# -- Cholesky, solve, powers -------------------------------------------------------------------------------------
def test_cholesky_stands_for_the_hermitian_part() -> None:
    a = np.array([[4.0, 1, 0], [1, 3, 0], [0, 0, 2]])
    skew = np.array([[0.0, 1, 2], [-1, 0, 3], [-2, -3, 0]])
    np.testing.assert_allclose(la.cholesky(a + skew), np.linalg.cholesky(a), rtol=1e-15)
    g = array(gt.grad(lambda x: gt.sum(la.cholesky(x) ** 3))(a))
    np.testing.assert_allclose(g, g.T, rtol=1e-14)
    log_det = lambda x: 2 * gt.sum(gt.log(la.diagonal(la.cholesky(x))))
    np.testing.assert_allclose(array(gt.grad(log_det)(a)), np.linalg.inv(a), atol=1e-15)


def test_solve_takes_vectors_and_matrices_apart() -> None:
    a = random.normal(size=(4, 3, 3)) + 3 * np.eye(3)
    b = random.normal(size=3)
    np.testing.assert_allclose(la.solve(a, b), np.linalg.solve(a, np.broadcast_to(b, (4, 3))[..., None])[..., 0])
    assert la.solve(a, random.normal(size=(4, 3, 2))).shape == (4, 3, 2)
    assert la.solve(a[0], random.normal(size=(4, 3, 2))).shape == (4, 3, 2)
    with pytest.raises(ValueError, match="solve"):
        la.solve(a, random.normal(size=(4, 2)))
    for bad in (b, np.ones((2, 3))):
        with pytest.raises(ValueError, match="square"):
            la.solve(bad, b)


def test_solve_with_a_batch_of_right_hand_sides_factorises_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from gradtape.functions.matrices import _SOLVE

    shapes = []
    kernel = _SOLVE.kernel
    monkeypatch.setattr(_SOLVE, "kernel", lambda a, b: shapes.append((a.shape, b.shape)) or kernel(a, b))
    a, b = random.normal(size=(3, 3)), random.normal(size=(5, 3))
    got = gt.vmap(lambda v: la.solve(a, v))(b)
    np.testing.assert_allclose(array(got), np.linalg.solve(a, b.T).T)
    assert shapes == [((3, 3), (3, 5))]


def test_expm() -> None:
    turn = np.array([[0.0, -1], [1, 0]])
    for t in (0.0, 1e-3, 0.1, 0.5, 1.0, 3.0, 30.0):
        c, s = np.cos(t), np.sin(t)
        np.testing.assert_allclose(la.expm(t * turn), [[c, -s], [s, c]], atol=2e-14 * max(1, t))
        f = lambda t: la.expm(t * gt.asarray(turn))[1, 0]
        for order, want in ((1, c), (2, -s), (3, -c)):
            np.testing.assert_allclose(float(gt.derivative(f, order=order)(t)), want, atol=1e-12 * max(1, t))
    a = random.normal(size=(3, 3))
    second = gt.derivative(lambda t: gt.sum(la.expm(t * gt.asarray(a))), order=2)(0.0)
    np.testing.assert_allclose(float(second), (a @ a).sum(), rtol=1e-12)
    direction = 1e8 * random.normal(size=(3, 3))  # the size of the direction must not matter
    _, t = gt.jvp(la.expm, (a,), (direction,))
    np.testing.assert_allclose(array(t), 1e8 * array(gt.jvp(la.expm, (a,), (direction / 1e8,))[1]), rtol=1e-12)


def test_expm_against_scipy() -> None:
    linalg = pytest.importorskip("scipy.linalg")
    for size in (1e-4, 0.03, 0.3, 1, 5, 40):
        a, e = size * random.normal(size=(2, 5, 5)) / 5
        value, frechet = linalg.expm_frechet(a, e)
        got, tangent = gt.jvp(la.expm, (a,), (e,))
        np.testing.assert_allclose(array(got), value, rtol=1e-9, atol=1e-12 * np.abs(value).max())
        np.testing.assert_allclose(array(tangent), frechet, rtol=1e-9, atol=1e-12 * np.abs(frechet).max())


# -- parts of a result that are well conditioned where others are not -----------------------------------------------
def by_digits(f: Callable[[Any], Any], order: int) -> np.ndarray:
    """The derivative at 0 of a function of one of mpmath's numbers to an array, by differences with 250 digits."""
    with mpmath.workdps(250):
        h = mpmath.mpf(10) ** -40
        weights = [(-1) ** (order - k) * mpmath.binomial(order, k) / h**order for k in range(order + 1)]
        return np.vectorize(complex)(sum([w * f((k - mpmath.mpf(order) / 2) * h) for k, w in enumerate(weights)]))


def qr_by_digits(a: Any) -> tuple[Any, Any]:
    """Q and R with a positive diagonal by Gram and Schmidt's process."""
    q, r = a.copy(), np.full((a.shape[1], a.shape[1]), mpmath.mpf(0), object)
    for j in range(a.shape[1]):
        for i in range(j):
            r[i, j] = conjugated(q[:, i]) @ q[:, j]
            q[:, j] -= r[i, j] * q[:, i]
        r[j, j] = mpmath.sqrt(mpmath.re(conjugated(q[:, j]) @ q[:, j]))
        q[:, j] /= r[j, j]
    return q, r


conjugated = np.vectorize(mpmath.conj, otypes=[object])
exactly = np.vectorize(mpmath.mpmathify, otypes=[object])


def assert_exact_to_third_order(f: Callable[[Any], Any], exact: Callable[[Any], Any], error: float = 1e-13) -> None:
    """Derivatives at 0 of a function of one number to an array: nested reverse and forward mode and Taylor mode."""
    apart = lambda t: (lambda y: gt.stack([gt.real(y), gt.imag(y)]))(f(t))
    backward = forward = apart
    for order in (1, 2, 3):
        backward = gt.jacobian(backward)
        forward = lambda t, g=forward: gt.jvp(g, (t,), (1.0,))[1]
        want = by_digits(exact, order)
        for got in (backward(0.0), forward(0.0), gt.taylor(apart, 0.0, 1.0, order).derivatives[order]):
            np.testing.assert_allclose(array(got), [want.real, want.imag], rtol=0, atol=error * np.abs(want).max())


def two(m: int, n: int, kind: type) -> tuple[np.ndarray, np.ndarray]:
    """A matrix and a direction."""
    random = np.random.default_rng(5)
    a, b = random.normal(size=(2, 2, m, n))
    return (a[0], a[1]) if kind is float else (a[0] + 1j * b[0], a[1] + 1j * b[1])


@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize(("m", "n", "k"), [(3, 3, 2), (4, 3, 2), (4, 3, 1), (3, 3, 1)])
def test_qr_loses_nothing_before_a_column_that_is_nearly_dependent(m: int, n: int, k: int, kind: type) -> None:
    a, b = two(m, n, kind)
    a[:, k] = a[:, 0] + 1e-6 * a[:, k] + (k - 1) * a[:, 1]
    sign = np.sign(np.diagonal(np.linalg.qr(a)[1]).real)
    if m == n == k + 1 and kind is float:
        k = n  # the last column of Q, what is orthogonal to the others, depends on them alone

    def parts(t: Any) -> Any:
        q, r = la.qr(gt.asarray(a) + t * b)
        return gt.concat([(q * sign)[:, :k], (r * sign[:, None])[:k].mT])

    def exact(t: Any) -> Any:
        q, r = qr_by_digits(exactly(a) + t * exactly(b))
        return np.concatenate([q[:, :k], r[:k].T])

    assert_exact_to_third_order(parts, exact)


def test_qr_of_singular_matrices() -> None:
    b = np.array([[1.0, 2], [3, -1]])
    q, r = gt.jvp(la.qr, (np.array([[1.0, 2], [0, 0]]),), (b,))[1]  # the last pivot is 0 and stays finite
    signs = np.sign(np.linalg.qr(np.array([[1.0, 2], [0, 0]]))[0].diagonal())
    np.testing.assert_allclose(array(q) * signs, [[0, -3], [3, 0]], atol=1e-15)
    np.testing.assert_allclose(array(r) * signs[:, None], [[1, 2], [0, -7]], atol=1e-15)


def cholesky_by_digits(a: Any) -> Any:
    """The lower factor with a positive diagonal."""
    y = np.full(a.shape, mpmath.mpf(0), object)
    for j in range(len(a)):
        rest = a[j:, j] - y[j:, :j] @ conjugated(y[j, :j])
        y[j:, j] = rest / mpmath.sqrt(mpmath.re(rest[0]))
    return y


@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize("k", [1, 2])
def test_cholesky_loses_nothing_before_a_pivot_that_is_nearly_zero(k: int, kind: type) -> None:
    a, b = two(3, 3, kind)
    a = np.tril(a, -1) + np.diag([1e-6 if j == k else 1.0 for j in range(3)])
    a, b = a @ a.conj().T, b + b.conj().T
    parts = lambda t: la.cholesky(gt.asarray(a) + t * b)[:, :k]
    assert_exact_to_third_order(parts, lambda t: cholesky_by_digits(exactly(a) + t * exactly(b))[:, :k])


def test_triangular_solve_loses_nothing_before_a_pivot_that_is_nearly_zero() -> None:
    a, b = [np.tril(x) for x in two(3, 3, float)]
    a[0, 0], a[2, 2] = 0.4, 1e-6
    parts = lambda t: triangular_solve(gt.asarray(a) + t * b, np.ones((3, 1)))[:2, 0]

    def exact(t: Any) -> Any:
        m = exactly(a) + t * exactly(b)
        first = 1 / m[0, 0]
        return np.array([first, (1 - m[1, 0] * first) / m[1, 1]])

    assert_exact_to_third_order(parts, exact)


@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize(("m", "n"), [(3, 3), (4, 2), (2, 4)])
def test_pinv_loses_no_more_than_a_rounding_of_the_matrix_does(m: int, n: int, kind: type) -> None:
    a, b = two(m, n, kind)
    u, s, v = np.linalg.svd(a, full_matrices=False)
    a = (u * [*s[:-1], 1e-4]) @ v

    def exact(t: Any) -> Any:
        x = mpmath.matrix((exactly(a) + t * exactly(b)).tolist())
        y = (x.H * x) ** -1 * x.H if m >= n else x.H * (x * x.H) ** -1
        return np.array(y.tolist(), dtype=object)

    assert_exact_to_third_order(lambda t: la.pinv(gt.asarray(a) + t * b), exact, error=1e-10)


# -- norms -------------------------------------------------------------------------------------------------------
def test_norm_at_zero_and_at_extremes() -> None:
    zero = np.zeros(3)
    for f in (la.norm, la.vector_norm, lambda x: la.norm(x) ** 2, lambda x: la.norm(x, 3), lambda x: la.norm(x, 1)):
        np.testing.assert_array_equal(array(gt.grad(f)(zero)), zero)
        assert float(gt.jvp(f, (zero,), (np.ones(3),))[1]) == 0
    for scale in (1e200, 1e-200, 5e-324 * 2**52, 1e300):
        x = scale * np.array([3.0, 4.0])
        np.testing.assert_allclose(float(la.norm(x)), 5 * scale, rtol=1e-14)
        np.testing.assert_allclose(array(gt.grad(la.norm)(x)), [0.6, 0.8], rtol=1e-14)
    np.testing.assert_allclose(array(gt.hessian(la.norm)(np.array([3.0, 4]))), [[0.128, -0.096], [-0.096, 0.072]])
    np.testing.assert_array_equal(array(gt.hvp(la.norm, np.array([3.0, 4]), np.zeros(2))), [0, 0])
    rows = np.array([[0.0, 0], [3, 4]])
    np.testing.assert_allclose(array(gt.grad(lambda x: gt.sum(la.norm(x, axis=1)))(rows)), [[0, 0], [0.6, 0.8]])
    assert float(la.norm(np.array([np.inf, 1]))) == np.inf


def test_norms_of_numpy_s_kinds() -> None:
    x = random.normal(size=(3, 4, 2))
    for p in (None, 1, 2, 3, -1, 0, np.inf, -np.inf):
        for keepdims in (False, True):
            np.testing.assert_allclose(la.norm(x, p, axis=1, keepdims=keepdims), np.linalg.norm(x, p, 1, keepdims))
    for p in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
        np.testing.assert_allclose(la.norm(x, p, axis=(2, 0)), np.linalg.norm(x, p, (2, 0)))
        want = np.linalg.matrix_norm(x, ord=p, keepdims=True)
        np.testing.assert_allclose(la.matrix_norm(x, ord=p, keepdims=True), want)
    with pytest.raises(ValueError, match="no matrix norm"):
        la.matrix_norm(x, ord=7)
    with pytest.raises(ValueError, match="axis is needed"):
        la.norm(x, 1)
    with pytest.raises(ValueError, match="one or two axes"):
        la.norm(x, 1, axis=(0, 1, 2))


# -- products ----------------------------------------------------------------------------------------------------
def test_products_refuse_what_does_not_fit() -> None:
    a, b = gt.asarray(random.normal(size=(2, 3))), gt.asarray(random.normal(size=(2, 3)))
    with pytest.raises(ValueError, match="matmul"):
        a @ b
    with pytest.raises(ValueError, match="an axis or more"):
        gt.matmul(a, 2.0)
    for subscripts, operands, text in [
        ("ij,jk", (a,), "2 terms for 1"), ("ij,jk", (a, b), "disagree on 'j'"), ("i1", (a,), "letters"),
        ("i", (a,), "does not fit"), ("ij->k", (a,), "among the operands"), ("...j->j", (a,), "ellipsis"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=text):
            gt.einsum(subscripts, *operands)
    for f in (gt.cross, gt.vecdot):
        with pytest.raises(ValueError, match="axis"):
            f(gt.asarray([1.0, 2]), gt.asarray([1.0, 2, 3]))
    with pytest.raises(ValueError, match="differ"):
        gt.tensordot(a, b, axes=1)
    with pytest.raises(ValueError, match="two axes"):
        gt.matrix_transpose(gt.asarray([1.0]))


def test_matmul_leaves_unknown_types_to_themselves() -> None:
    class Other:
        __array_ufunc__ = None

        def __rmatmul__(self, other: object) -> str:
            return "mine"

    assert gt.asarray([1.0]) @ Other() == "mine"
    assert float([1.0, 2.0] @ gt.asarray([1.0, 1.0])) == 3
    assert float(np.array([1.0, 2.0]) @ gt.asarray([1.0, 1.0])) == 3


def test_batches_against_a_matrix_are_one_product(monkeypatch: pytest.MonkeyPatch) -> None:
    from gradtape.functions import products

    shapes = []
    matmul = products.matmul
    monkeypatch.setattr(products, "matmul", lambda a, b: shapes.append((a.shape, b.shape)) or matmul(a, b))
    x = gt.asarray(random.normal(size=(7, 4)))
    vectors, matrices = random.normal(size=(5, 4)), random.normal(size=(5, 4, 2))
    for f, batch, want in (
        (lambda v: x @ v, vectors, [((5, 4), (4, 7))]),
        (lambda v: v @ x.mT, vectors, [((5, 4), (4, 7))]),
        (lambda v: x @ v, matrices, [((5, 2, 4), (4, 7)), ((10, 4), (4, 7))]),
        (lambda v: v.mT @ x.mT, matrices, [((5, 2, 4), (4, 7)), ((10, 4), (4, 7))]),
    ):
        shapes.clear()
        got = array(gt.vmap(f)(batch))
        assert shapes == want
        np.testing.assert_allclose(got, np.stack([array(f(gt.asarray(b))) for b in batch]), rtol=1e-12)


def test_contraction_of_many_operands_goes_pairwise() -> None:
    n = 40
    xs = [random.normal(size=(n, n)) / n for _ in range(4)]
    f = lambda *x: gt.einsum("ab,bc,cd,da->", *x)
    gradients = gt.grad(f, argnums=(0, 1, 2, 3))(*xs)
    for i, g in enumerate(gradients):
        rest = [xs[(i + k) % 4] for k in (1, 2, 3)]
        np.testing.assert_allclose(array(g), (rest[0] @ rest[1] @ rest[2]).T, rtol=1e-10, atol=1e-14)


def test_results_have_the_standard_s_names() -> None:
    a = np.diag([2.0, 1.0])
    assert la.eigh(a)._fields == ("eigenvalues", "eigenvectors")
    assert la.qr(a)._fields == ("Q", "R")
    assert la.svd(a)._fields == ("U", "S", "Vh")
    assert la.slogdet(a)._fields == ("sign", "logabsdet")


def test_integers_become_floats() -> None:
    a = np.array([[2, 1], [1, 3]])
    for f in (la.inv, la.det, la.cholesky, la.eigvalsh, la.svdvals, la.expm, la.norm, la.pinv):
        np.testing.assert_allclose(f(a), f(a.astype(float)))
