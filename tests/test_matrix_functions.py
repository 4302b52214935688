"""Functions of matrices at repeated and nearly repeated eigenvalues, against closed forms and mpmath."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

import gradtape as gt
from gradtape.derivatives import matrix_function

random = np.random.default_rng(2)
E = random.normal(size=(3, 3))
E = E + E.T


def test_the_derivative_of_an_exponential_at_a_multiple_of_one():
    """exp(c + t E) = exp(c) exp(t E): its derivatives in t at 0 are exp(c) E^n, of every order."""
    f = lambda t: gt.linalg.matrix_function(gt.exp, 2.0 * np.eye(3) + t * E)
    want = np.exp(2.0) * np.eye(3)
    for got in gt.taylor(f, 0.0, 1.0, order=4).derivatives:
        np.testing.assert_allclose(gt.asarray(got).numpy(), want, rtol=1e-12, atol=1e-11)
        want = want @ E


@pytest.mark.parametrize("gap", [0.0, 1e-14, 1e-9, 1e-5, 1e-2, 0.3])
@pytest.mark.parametrize("name", ["sqrt", "log", "exp", "tanh"])
def test_the_frechet_derivative_at_every_gap(gap, name):
    """Off the diagonal it is the divided difference of f, here by mpmath with 60 digits."""
    a, b = 0.7, 0.7 + gap
    x = np.diag([a, b])
    across = np.array([[0.0, 1.0], [1.0, 0.0]])
    _, tangent = gt.jvp(lambda x: gt.linalg.matrix_function(getattr(gt, name), x), (x,), (across,))
    with mp.workdps(60):
        f = getattr(mp, name)
        want = mp.diff(f, mp.mpf(a)) if a == b else (f(mp.mpf(b)) - f(mp.mpf(a))) / (mp.mpf(b) - mp.mpf(a))
    assert float(tangent[0, 1]) == pytest.approx(float(want), rel=2e-14)


def test_a_trace_of_a_function_has_its_derivative_for_gradient():
    """d tr f(X) = f'(X), also where all eigenvalues are one and the same."""
    for x in (np.eye(3), E @ E + np.eye(3), np.diag([1.0, 1.0, 4.0])):
        g = gt.grad(lambda x: gt.linalg.trace(gt.linalg.matrix_function(lambda t: t**3, x)))(x)
        np.testing.assert_allclose(g.numpy(), 3 * x @ x, rtol=1e-11, atol=1e-12)
    hessian = gt.hessian(lambda x: gt.linalg.trace(gt.linalg.matrix_function(lambda t: t**3, x)))(np.eye(2)).numpy()
    symmetric = np.einsum("ijkl->jikl", hessian)
    np.testing.assert_allclose(hessian, symmetric, atol=1e-12)
    assert hessian[0, 0, 0, 0] == pytest.approx(6.0) and hessian[0, 1, 0, 1] == pytest.approx(3.0)


def test_square_roots_and_logarithms_invert():
    x = E @ E + np.eye(3)
    root, logarithm = gt.linalg.sqrtm(x), gt.linalg.logm(x)
    np.testing.assert_allclose((root @ root), x, rtol=1e-12)
    np.testing.assert_allclose(gt.linalg.expm(logarithm), x, rtol=1e-12)
    gt.check_grads(lambda x: gt.linalg.sqrtm(x) @ gt.linalg.logm(x), (x,), order=2)


def test_what_f_depends_on_is_no_argument():
    def f(p):
        return gt.sum(gt.linalg.matrix_function(lambda t: t**p, np.eye(2)))

    with pytest.raises(gt.LostGradientError, match="takes f as fixed"):
        gt.grad(f)(2.0)
    with pytest.raises(ValueError, match="square"):
        gt.linalg.matrix_function(gt.exp, np.ones((2, 3)))


PIECEWISE = {
    "abs": gt.abs, "relu": gt.nn.relu, "sign": gt.sign, "step": lambda w: gt.where(w < 0.3, 1.0, 0.0),
    "hinge": lambda w: gt.maximum(w - 0.5, 0.0) ** 2,
}  # fmt: skip


@pytest.mark.parametrize("name", PIECEWISE)
def test_a_kink_or_a_jump_between_eigenvalues_is_seen(name):
    """Where f's Taylor series about their middle is finite, and not f: relu of a matrix is its positive part."""
    f, rng = PIECEWISE[name], np.random.default_rng(3)
    a, b, m = rng.standard_normal((3, 5, 5))
    a, b = a + a.T, b + b.T

    def by_eigen(t):
        w, v = gt.linalg.eigh(a + t * b)
        return gt.sum(m * ((v * f(w)) @ v.mT))

    def whole(t):
        return gt.sum(m * gt.linalg.matrix_function(f, a + t * b))

    for d in (gt.grad, lambda g: gt.grad(gt.grad(g)), lambda g: lambda t: gt.jvp(g, (t,), (1.0,))[1]):
        want = float(d(by_eigen)(0.1))
        assert abs(want) > 1e-3
        np.testing.assert_allclose(float(d(whole)(0.1)), want, rtol=1e-11)
    np.testing.assert_allclose(gt.derivative(whole, order=3)(0.1), gt.derivative(by_eigen, order=3)(0.1), rtol=1e-10)


def test_the_projector_on_an_eigenspace_is_the_function_of_a_step():
    """Also where its eigenvalues coincide: V V' of eigh cannot tell that in forward mode."""
    a, b = np.diag([1.0, 1.0, 3.0]), np.array([[0.3, -1.0, 0.7], [-1.0, 0.2, 0.4], [0.7, 0.4, -0.5]])

    def projector(t):
        return gt.linalg.matrix_function(lambda w: gt.where(w < 2.0, 1.0, 0.0), a + t * b)

    want = np.zeros((3, 3))
    want[2, :2] = want[:2, 2] = -b[2, :2] / 2  # b_ij / (w_i - w_j)
    np.testing.assert_allclose(gt.jvp(projector, (0.0,), (1.0,))[1], want, atol=1e-14)
    np.testing.assert_allclose(gt.jacobian(projector)(0.0), want, atol=1e-14)
    np.testing.assert_allclose(
        gt.vmap(lambda s: gt.jvp(projector, (0.0,), (s,))[1])(np.array([1.0, 2.0])), [want, 2 * want], atol=1e-14
    )
    h, m = 1e-3, np.arange(9.0).reshape(3, 3)
    f = lambda t: gt.sum(m * projector(t))
    numbers = (float(f(h)) - 2 * float(f(0.0)) + float(f(-h))) / h**2
    np.testing.assert_allclose(gt.grad(gt.grad(f))(0.0), numbers, rtol=1e-4)
    np.testing.assert_allclose(gt.derivative(f, order=2)(0.0), gt.grad(gt.grad(f))(0.0), rtol=1e-12)


NEARLY = {
    "repeated": [1.0, 1.0, 1.0, 2.0, 2.0], "nearly": [1.0, 1.0 + 1e-9, 1.0 + 1e-4, 2.0, 2.0 + 1e-12],
    "all": [2.0] * 5, "wide": [1.0, 1.005, 1.01, 1.5, 4.0],
}  # fmt: skip


def check_terms(function, q, w, e, order, atol):
    """The series of f at Q diag(w + t e) Q', whose terms mpmath knows."""
    a, b = [(x + x.T) / 2 for x in ((q * w) @ q.T, (q * e) @ q.T)]
    got = gt.taylor(lambda t: gt.linalg.matrix_function(getattr(gt, function), a + t * b), 0.0, 1.0, order)
    with mp.workdps(40):
        exact = [mp.taylor(getattr(mp, function), mp.mpf(x), order) for x in w]
    for k in range(order + 1):
        want = (q * [float(c[k]) * y**k for c, y in zip(exact, e, strict=True)]) @ q.T
        np.testing.assert_allclose(got.coefficients[k], want, rtol=1e-9, atol=atol * np.abs(want).max())


@pytest.mark.parametrize("name", NEARLY)
@pytest.mark.parametrize("function", ["sqrt", "log", "exp", "tanh"])
def test_high_orders_where_eigenvalues_nearly_coincide(name, function):
    """Against mpmath for directions that commute with the matrix; with V f(w) V^H no order takes long."""
    rng, order = np.random.default_rng(7), 12
    q, _ = np.linalg.qr(rng.standard_normal((5, 5)))
    w, e = np.array(NEARLY[name]), rng.uniform(-1.0, 1.0, 5)
    check_terms(function, q, w, e, order, atol=1e-9)


@pytest.mark.parametrize("name", NEARLY)
@pytest.mark.parametrize("kind", [np.float64, np.complex128, np.float32])
def test_clusters_agree_with_derivatives_of_derivatives(name, kind, monkeypatch):
    rng = np.random.default_rng(8)
    n = 4
    q, _ = np.linalg.qr(rng.standard_normal((n, n)))
    a, b, c = (q * NEARLY[name][:n]) @ q.T, *rng.standard_normal((2, n, n))
    if kind is np.complex128:
        b, c = b + 1j * rng.standard_normal((n, n)), c + 1j * rng.standard_normal((n, n))
    a, b, c = [((x + np.conj(x.T)) / 2).astype(kind) for x in (a, b, c)]
    path = lambda t: gt.linalg.sqrtm(a + t * b + t * t * c)
    chosen = []
    first, *others = [primitive.series for primitive in matrix_function._DERIVATIVES]
    rule = first.function
    monkeypatch.setattr(first, "function", lambda *given: chosen.append(rule(*given)) or chosen[-1])
    got = gt.taylor(path, kind(0).real, kind(1).real, 4).coefficients
    assert chosen == [matrix_function.BY_CLUSTERS]
    for series in (first, *others):
        monkeypatch.setattr(series, "function", lambda *given: None)
    for x, y in zip(got, gt.taylor(path, kind(0).real, kind(1).real, 4).coefficients, strict=True):
        assert x.dtype == y.dtype == kind
        tolerance = 1e-3 if kind is np.float32 else 1e-11
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance * np.abs(y.numpy()).max())


def test_stacks_go_matrix_by_matrix():
    rng = np.random.default_rng(9)
    b = rng.standard_normal((3, 3))
    b = b + b.T
    stack = np.stack([2.0 * np.eye(3), np.diag([1.0, 1.0, 3.0]), np.diag([1.0, 2.0, 4.0])])
    got = gt.taylor(lambda t: gt.linalg.sqrtm(stack + t * b), 0.0, 1.0, 10).coefficients
    for i in range(3):
        alone = gt.taylor(lambda t, i=i: gt.linalg.sqrtm(stack[i] + t * b), 0.0, 1.0, 10).coefficients
        for x, y in zip(got, alone, strict=True):
            np.testing.assert_allclose(x[i], y, rtol=1e-9, atol=1e-10 * np.abs(y.numpy()).max())


def test_taylor_at_repeated_eigenvalues_is_differentiable_again():
    b = np.array([[0.3, -1.0], [-1.0, 0.4]])
    path = lambda s: lambda t: gt.linalg.sqrtm(2.0 * np.eye(2) + t * s * b)
    third = lambda s: gt.sum(gt.taylor(path(s), 0.0, 1.0, 3).coefficients[3])
    np.testing.assert_allclose(gt.grad(third)(0.7), 3 * third(0.7) / 0.7, rtol=1e-12)  # of degree 3 in s
    np.testing.assert_allclose(gt.jvp(third, (0.7,), (1.0,))[1], 3 * third(0.7) / 0.7, rtol=1e-12)
    np.testing.assert_allclose(gt.vmap(third)(np.array([0.7, 1.4])), [third(0.7), 8 * third(0.7)], rtol=1e-12)


@pytest.mark.parametrize("function", ["sqrt", "log"])
def test_many_eigenvalues_near_a_singularity(function):
    """Of a random covariance matrix: neither all apart nor all close, and some close to the branch point."""
    rng, n, order = np.random.default_rng(10), 20, 8
    b = rng.standard_normal((n, n))
    w, q = np.linalg.eigh(b @ b.T / n + 1e-3 * np.eye(n))
    e = rng.uniform(-1e-2, 1e-2, n)
    check_terms(function, q, w, e, order, atol=1e-10)


#: For mpmath and for gradtape; of an eigenvalue, all real.
EVERYWHERE = {
    "sqrt": (mp.sqrt, gt.sqrt), "log": (mp.log, gt.log), "tanh": (mp.tanh, gt.tanh),
    "relu(w - 1.7)": (lambda w: max(w - mp.mpf(1.7), 0), lambda w: gt.nn.relu(w - 1.7)),
    "w < 1.7": (lambda w: mp.mpf(w < 1.7), lambda w: gt.where(w < 1.7, 1.0, 0.0)),
}  # fmt: skip


def terms_by_mpmath(f, a, b, order, *also):
    """The series of f(a + t b) in t: from values at 200 digits, by the polynomial through them; of its derivative in
    the directions `also`, by differences."""
    with mp.workdps(200):
        h = mp.mpf(10) ** -12
        times = [k * h for k in range(-order, order + 1)]
        exactly = lambda x: mp.matrix(x.tolist())
        values = []
        step = mp.mpf(10) ** -30

        def difference(x, directions):
            if directions:
                one, *others = directions
                move = step * exactly(one)
                return (difference(x + move, others) - difference(x - move, others)) / (2 * step)
            w, v = mp.eigsy(x)
            return v * mp.diag([f(w) for w in w]) * v.T

        for t in times:
            values.append(difference(exactly(a) + t * exactly(b), also))
        powers = mp.matrix([[t**k for k in range(len(times))] for t in times])
        shares = mp.inverse(powers)[: order + 1, :]
        total = lambda k: sum([shares[k, i] * values[i] for i in range(len(times))], mp.zeros(len(a)))
        return [np.array(total(k).tolist(), dtype=float) for k in range(order + 1)]


@pytest.mark.parametrize("eigenvalues", [[1, 1, 1, 2], [1, 1 + 1e-9, 1 + 1e-4, 2.5], [0.5, 1, 2, 2]])
@pytest.mark.parametrize("name", EVERYWHERE)
def test_directions_that_do_not_commute_against_mpmath(name, eigenvalues):
    """Orders 0 to 5 of the series, and first and second derivatives by tapes, where eigenvalues (nearly) coincide."""
    of_mpmath, f = EVERYWHERE[name]
    rng, order = np.random.default_rng(11), 5
    q, _ = np.linalg.qr(rng.standard_normal((4, 4)))
    a, b = (q * eigenvalues) @ q.T, rng.standard_normal((4, 4))
    a, b = (a + a.T) / 2, (b + b.T) / 2
    want = terms_by_mpmath(of_mpmath, a, b, order)
    path = lambda t: gt.linalg.matrix_function(f, a + t * b)
    got = gt.taylor(path, 0.0, 1.0, order).coefficients
    for k in range(order + 1):
        np.testing.assert_allclose(got[k], want[k], rtol=1e-9, atol=1e-10 * np.abs(want[k]).max())
    first, second = gt.jacobian(path)(0.0), gt.jacobian(gt.jacobian(path))(0.0)
    np.testing.assert_allclose(first, want[1], rtol=1e-9, atol=1e-11 * np.abs(want[1]).max())
    np.testing.assert_allclose(second, 2 * want[2], rtol=1e-8, atol=1e-9 * np.abs(want[2]).max())


@pytest.mark.parametrize("eigenvalues", [[1, 1, 2], [1, 1 + 1e-9, 2.5], [0.5, 1, 2]])
@pytest.mark.parametrize("m", [1, 2])
def test_series_of_derivatives_against_mpmath(m, eigenvalues):
    """Taylor series of gradients and Hessian-vector products to order 6, each of which took minutes at order 6."""
    rng, order = np.random.default_rng(12), 4 if m == 2 else 6
    q, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    a, b, c, d = (q * eigenvalues) @ q.T, *rng.standard_normal((3, 3, 3))
    a, b, c, d = [(x + x.T) / 2 for x in (a, b, c, d)]
    function = lambda x: gt.sum(c * gt.linalg.matrix_function(gt.log, x))
    slope = gt.grad(function) if m == 1 else lambda x: gt.hvp(function, x, d)
    want = terms_by_mpmath(mp.log, a, b, order, *[c, d][:m])
    got = gt.taylor(slope, a, b, order).coefficients
    for k in range(order + 1):
        size = np.abs(want[k]).max()
        np.testing.assert_allclose(got[k], want[k], rtol=1e-8, atol=1e-9 * size, err_msg=str(k))


def test_series_of_second_derivatives_of_stacks() -> None:
    """Matrix by matrix, where eigenvalues coincide."""
    stack, b = np.stack([np.eye(3), np.diag([1.0, 1.0, 2.0])]), E / 10
    v = np.ones((3, 3))
    hvp = lambda a: gt.hvp(lambda a: gt.sum(E * gt.linalg.sqrtm(a)), a, v)
    got = gt.taylor(gt.vmap(hvp), stack, np.stack([b, b]), 3).coefficients
    for i, a in enumerate(stack):
        for c, want in zip(got, gt.taylor(hvp, a, b, 3).coefficients, strict=True):
            np.testing.assert_allclose(c[i], want, rtol=1e-11, atol=1e-12)
