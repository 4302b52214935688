"""Functions of matrices at repeated and nearly repeated eigenvalues, against closed forms and mpmath."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

import gradtape as gt

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
