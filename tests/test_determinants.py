"""Determinants: derivatives at every rank, and terms of series to high order."""

from __future__ import annotations

import time
from itertools import permutations
from typing import Any

import mpmath
import numpy as np
import pytest

import gradtape as gt
from gradtape.functions import linalg as la

from .test_linalg import array, assert_exact_to_third_order, exactly, two

random = np.random.default_rng(8)


def levi_civita(n: int) -> np.ndarray:
    """The sign of each permutation of n indices."""
    e = np.zeros((n,) * n)
    for q in permutations(range(n)):
        e[q] = np.linalg.det(np.eye(n)[list(q)])
    return e


def minors(a: np.ndarray) -> np.ndarray:
    """Cofactors by minors."""
    n = len(a)
    drop = lambda i, j: np.delete(np.delete(a, i, 0), j, 1)
    return np.array([[(-1) ** (i + j) * np.linalg.det(drop(i, j)) for j in range(n)] for i in range(n)])


def of_rank(n: int, rank: int) -> np.ndarray:
    """A random integer matrix of that rank."""
    return (random.integers(-3, 4, (n, rank)) @ random.integers(-3, 4, (rank, n))).astype(float)


# -- derivatives ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_det_at_every_rank(n: int) -> None:
    for rank in range(n + 1):
        a = of_rank(n, rank)
        scale = max(1.0, np.abs(a).max()) ** (n - 1)
        np.testing.assert_allclose(array(gt.grad(la.det)(a)), minors(a), rtol=1e-10, atol=1e-11 * scale)


@pytest.mark.parametrize("a", [np.zeros((3, 3)), np.eye(3), np.diag([1.0, 2, 0]), np.ones((3, 3))], ids=str)
def test_det_to_third_order(a: np.ndarray) -> None:
    e = levi_civita(3)
    np.testing.assert_allclose(array(gt.hessian(la.det)(a)), np.einsum("ikm,jln,mn->ijkl", e, e, a), atol=1e-12)
    third = gt.jacobian(gt.hessian(la.det))(a)
    np.testing.assert_allclose(array(third), np.einsum("ikm,jln->ijklmn", e, e), atol=1e-12)
    assert not np.any(array(gt.jacobian(gt.jacobian(gt.hessian(la.det)))(a)))


def test_det_of_graded_and_batched_matrices() -> None:
    a = np.diag([1e100, 1e-100, 1e-200, 0.0])
    np.testing.assert_allclose(np.diag(array(gt.grad(la.det)(a)))[3], 1e-200, rtol=1e-12)
    batch = np.stack([np.zeros((3, 3)), np.eye(3), np.ones((3, 3)), of_rank(3, 2)])
    want = [minors(x) for x in batch]
    np.testing.assert_allclose(array(gt.grad(lambda x: gt.sum(la.det(x)))(batch)), want, atol=1e-9)
    np.testing.assert_allclose(array(gt.vmap(gt.grad(la.det))(batch)), want, atol=1e-9)


def test_det_derivatives_of_larger_matrices() -> None:
    n = 150  # the way without leave-k-out products
    a, x = np.eye(n) + 0.03 * random.normal(size=(n, n)), random.normal(size=(n, n)) / n
    inverse, d = np.linalg.inv(a), np.linalg.det(a)
    b = inverse @ x
    want = d * (np.trace(b) * inverse.T - (b @ inverse).T)
    np.testing.assert_allclose(array(gt.hvp(la.det, a, x)), want, rtol=1e-9, atol=1e-9 * np.abs(want).max())


def test_slogdet() -> None:
    a = np.array([[1.0, 2], [3, 4]])
    inverse = np.linalg.inv(a)
    value = la.slogdet(a)
    assert (value.sign, value.logabsdet) == tuple(np.linalg.slogdet(a))
    f = lambda x: la.slogdet(x).logabsdet
    np.testing.assert_allclose(array(gt.grad(f)(a)), inverse.T)
    np.testing.assert_allclose(array(gt.hessian(f)(a)), -np.einsum("li,jk->ijkl", inverse, inverse), rtol=1e-12)


@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize(
    "values", [[3.0, 2, 1e-4], [3.0, 1, 0.5, 0.05, 1e-3, 1e-5], [*range(1, 11), 1e-4, 1e-5]], ids=len
)
def test_det_loses_nothing_where_two_singular_values_are_nearly_zero(values: list[float], kind: type) -> None:
    n = len(values)
    a, b = two(n, n, kind)
    u, _, v = np.linalg.svd(a)
    a, b = (u * values) @ v, b / n

    def parts(t: Any) -> Any:
        x = gt.asarray(a) + t * b
        return gt.concat([la.det(x)[None], gt.sum(gt.conj(gt.vjp(la.det, x)[1](1.0)[0]), axis=0)])

    def exact(t: Any) -> Any:
        x = mpmath.matrix((exactly(a) + t * exactly(b)).tolist())
        d = mpmath.det(x)
        cofactors = np.array((d * x**-1).tolist(), dtype=object).T
        return np.array([d, *np.sum(cofactors, axis=0)])

    assert_exact_to_third_order(parts, exact)


SIZES = {
    "well conditioned": lambda n: np.linspace(1, 3, n),
    "graded": lambda n: np.logspace(0, -5, n),
    "two small": lambda n: np.array([*np.linspace(1, 3, n - 2), 1e-7, 1e-11]),
    "of low rank": lambda n: np.linspace(2, 1, n) * (np.arange(n) < n // 2),
}


@pytest.mark.parametrize("n", [3, 6, 10])
@pytest.mark.parametrize("kind", SIZES)
def test_twenty_terms_of_a_determinant(kind: str, n: int) -> None:
    a, b = two(n, n, float)
    u, _, v = np.linalg.svd(a)
    a = (u * SIZES[kind](n)) @ v
    points = 100 if n < 10 else 160
    with mpmath.workdps(60):

        def exact(t: Any) -> Any:
            return mpmath.det(mpmath.matrix((exactly(a) + np.vectorize(mpmath.sin)(t * exactly(b))).tolist()))

        on_circle = [exact(mpmath.expjpi(mpmath.mpf(2) * j / points)) for j in range(points)]
        roots = [mpmath.expjpi(-mpmath.mpf(2) * j / points) for j in range(points)]
        wants = [
            float(mpmath.fsum([y * roots[j * k % points] for j, y in enumerate(on_circle)]).real / points)
            for k in range(21)
        ]
    s = gt.taylor(lambda t: la.det(a + gt.sin(t * b)), 0.0, 1.0, order=20)
    first = {"of low rank": n // 2 + 1, "two small": 2}.get(kind, 1)  # before that the rounding of a shows
    errors = [abs(float(s.coefficients[k]) / wants[k] - 1) for k in range(first, 21)]
    assert max(errors) < 1e-10, errors


def test_terms_of_a_determinant_in_other_modes() -> None:
    a, b = two(3, 3, float)
    curve = lambda x: lambda t: la.det(x + gt.sin(t * b))
    fifth = lambda x: gt.derivative(curve(x), order=5)(0.0)
    by_nesting = lambda x: gt.jvp(gt.derivative(curve(x), order=4), (0.0,), (1.0,))[1]
    np.testing.assert_allclose(array(gt.grad(fifth)(a)), array(gt.grad(by_nesting)(a)), rtol=1e-10)
    stacked = np.stack([a, a * 1e-6, a * 1e6])
    np.testing.assert_allclose(array(gt.vmap(fifth)(stacked)), [float(fifth(x)) for x in stacked], rtol=1e-12)
    cofactors = lambda t: gt.grad(la.det)(a + gt.sin(t * b))
    got = gt.taylor(cofactors, 0.0, 1.0, order=6).derivatives[6]
    h = 0.05
    weights = np.array([1, -6, 15, -20, 15, -6, 1])  # the sixth difference, extrapolated
    difference = lambda h: sum(w * array(cofactors(h * (i - 3))) for i, w in enumerate(weights)) / h**6
    np.testing.assert_allclose(array(got), (4 * difference(h) - difference(2 * h)) / 3, rtol=1e-3, atol=1e-3)
    z = a + 1j * b
    s = gt.taylor(lambda t: la.det(z + gt.exp(t * z)), 0.0, 1.0, order=8)
    np.testing.assert_allclose(complex(s(0.3)), complex(la.det(z + np.exp(0.3 * z))), rtol=1e-3)
    single = gt.taylor(la.det, a.astype(np.float32), b.astype(np.float32), order=5)
    assert all(c.dtype == np.float32 for c in single.coefficients)
    np.testing.assert_allclose(float(single.coefficients[3]), np.linalg.det(b), rtol=1e-4)
    assert abs(float(single.coefficients[5])) < 1e-10  # a cubic
    huge = lambda t: la.det(1e-200 * np.diag([1, 1e250]) * t)
    np.testing.assert_allclose(float(gt.derivative(huge, order=2)(1.0)), 2e-150)


@pytest.mark.parametrize("scale", [0.0, 1e-60, 1e-150, 1e60, 1e150])
def test_terms_of_a_determinant_at_the_ends_of_the_numbers(scale: float) -> None:
    """det(s (A + t B)) = s^n det(A + t B), also where s^n is no number but a product with it is; at 0, det(t B)."""
    n = 5
    a, b = two(n, n, float)
    rows = np.array([1, 1, 1, 1, 1.0] if scale in (0, 1e-60, 1e60) else [1, 1 / scale, 1, 1 / scale, 1 / scale])
    left, right = rows[:, None] * scale * a, rows[:, None] * (scale or 1) * b
    f = lambda t: la.det(left + t * right)
    start = time.perf_counter()
    got = gt.taylor(f, 0.0, 1.0, order=16).coefficients
    assert time.perf_counter() - start < 2  # it was 14 s, by a way whose cost is exponential
    wants = gt.taylor(lambda t: la.det((scale != 0) * a + t * b), 0.0, 1.0, order=5).coefficients
    factor = (scale or 1) ** (2 if rows[1] != 1 else n)
    wants = [float(c) * factor for c in wants]
    np.testing.assert_allclose([float(c) for c in got[:6]], wants, rtol=1e-11, atol=0 if scale else 1e-20)
    np.testing.assert_array_less(np.abs([float(c) for c in got[6:]]), 1e-10 * abs(wants[5]))
    cofactors = gt.taylor(lambda t: gt.grad(la.det)(left + t * right), 0.0, 1.0, order=4).coefficients
    plain = gt.taylor(lambda t: gt.grad(la.det)((scale != 0) * a + t * b), 0.0, 1.0, order=4).coefficients
    for c, want in zip(cofactors, plain, strict=True):
        want = array(want) * (factor / (rows * (scale or 1)))[:, None]
        np.testing.assert_allclose(array(c), want, rtol=1e-8, atol=1e-11 * np.abs(want).max())


@pytest.mark.parametrize("kind", ["regular", "of low rank", "graded", "small direction", "complex"])
def test_terms_of_second_derivatives_of_determinants(kind: str) -> None:
    """D^2 det(a + sin(t) b)[v, w] to order 10, by mpmath: mixed differences at 150 digits, on a circle in t."""
    n, order = 4, 10
    (a, b), (v, w) = two(n, n, complex if kind == "complex" else float), two(n, n, float)[::-1]
    if kind == "of low rank":
        a = a[:, :1] * a[:1]
    elif kind == "graded":
        u, _, vh = np.linalg.svd(a)
        a = (u * [1, 1e-3, 1e-6, 1e-9]) @ vh
    elif kind == "small direction":
        w = 1e-30 * w
    slope = lambda x: gt.jvp(la.det, (x,), (v,))[1] if kind == "complex" else gt.sum(gt.grad(la.det)(x) * v)
    second = lambda t: gt.jvp(slope, (a + gt.sin(t) * b,), (w,))[1]
    got = [complex(c) for c in gt.taylor(second, 0.0, 1.0, order).coefficients]
    points, values, wants = 32, [], []
    with mpmath.workdps(150):
        exactly, h = lambda x: mpmath.matrix(x.tolist()), mpmath.mpf(10) ** -30
        for j in range(points):
            x = exactly(a) + mpmath.sin(mpmath.expjpi(mpmath.mpf(2) * j / points) / 4) * exactly(b)
            at = lambda i, k, x=x: mpmath.det(x + i * h * exactly(v) + k * h * exactly(w))
            values.append((at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / (4 * h * h))
        for k in range(order + 1):
            turn = [4**k * mpmath.expjpi(-mpmath.mpf(2) * j * k / points) for j in range(points)]
            wants.append(complex(sum([y * t for y, t in zip(values, turn, strict=True)]) / points))
    np.testing.assert_allclose(got, wants, rtol=1e-11, atol=1e-13 * np.abs(wants).max())


def test_terms_of_determinants_of_nothing() -> None:
    for shape, value in (((0, 0), 1.0), ((2, 0, 0), [1.0, 1.0]), ((0, 3, 3), [])):
        s = gt.taylor(la.det, np.zeros(shape), np.ones(shape), order=32)
        assert s.coefficients[0].tolist() == value
        assert not any(np.any(array(c)) for c in s.coefficients[1:])




def test_series_of_the_cofactor_of_a_number_in_another_library() -> None:
    xp = pytest.importorskip("array_api_strict")
    f = lambda t: gt.grad(la.det)(gt.asarray(xp.asarray([[2.0]])) + t)
    got = gt.taylor(f, xp.asarray(0.0), xp.asarray(1.0), order=5).coefficients
    np.testing.assert_allclose([float(c[0, 0]) for c in got], [1, 0, 0, 0, 0, 0], atol=1e-15)
