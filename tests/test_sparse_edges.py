"""Sparse derivatives where a branch has no entries, and where zeros absorb infinite slopes: as the dense ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradtape as gt

SUMS: dict[str, Callable[[Any], Any]] = {
    "hinge": lambda x: gt.sum(gt.maximum(0.0, 1 - x * x)),
    "the larger of two powers": lambda x: gt.sum(gt.maximum(x**2, x**3)),
    "twice the smaller": lambda x: 2 * gt.sum(gt.minimum(gt.sin(x), 0.0)),
    "a mean": lambda x: gt.mean(gt.minimum(1 / x, 5.0)),
    "fmax": lambda x: gt.sum(np.fmax(x**2, x**3)),
    "running maximum": lambda x: gt.sum(np.maximum.accumulate(x * x)),
    "pairs": lambda x: gt.sum(gt.maximum(x[:, None] ** 2, x**3)),
}


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("name", SUMS)
def test_a_choice_under_a_plain_sum(name: str, local: bool) -> None:
    f, x = SUMS[name], np.array([0.2, 0.3, 1.4])
    got = gt.hessian(f, sparse=True, local=local)(x).toarray()
    np.testing.assert_allclose(got, gt.hessian(f)(x), rtol=1e-14, atol=1e-14)


SATURATED: dict[str, tuple[Callable[[Any], Any], float]] = {
    "sigmoid": (lambda x: 1 / (1 + gt.exp(-x)), -800.0),
    "reciprocal": (lambda x: 1 / gt.exp(x), 800.0),
    "Gompertz": (lambda x: gt.exp(-gt.exp(x)), 800.0),
    "root": (lambda x: x * gt.sqrt(x), 0.0),
}


@pytest.mark.parametrize("name", SATURATED)
def test_zeros_absorb(name: str) -> None:
    f, at = SATURATED[name]
    x = np.array([at, 1.0])
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(gt.jacobian(f, sparse=True)(x).toarray(), gt.jacobian(f)(x), rtol=1e-14)
        if name != "root":
            total = lambda x: gt.sum(f(x))
            np.testing.assert_allclose(gt.hessian(total, sparse=True)(x).toarray(), gt.hessian(total)(x), rtol=1e-13)


def test_a_derivative_that_is_undefined_stays_so() -> None:
    x = np.array([np.nan, 1.0])
    assert np.isnan(gt.jacobian(lambda x: x * x, sparse=True)(x).toarray()[0, 0])


def test_complex_values_are_refused_and_complex_numbers_inside_are_not() -> None:
    """A derivative by real numbers would keep the real part alone."""
    x, message = np.array([1.0, 2.0, 3.0]), "with sparse=True f must be real; it gave complex128"
    for f in (lambda x: gt.exp(1j * x), lambda x: gt.fft.fft(x), lambda x: gt.astype(x, np.complex128)):
        for call in (
            lambda f=f: gt.jacobian(f, sparse=True)(x),
            lambda f=f: gt.prepare_jacobian(f, x, pattern=np.ones((3, 3)))(x),
            lambda f=f: gt.prepare_jacobian(f, x, local=True),
            lambda f=f: gt.hessian(lambda x: gt.sum(f(x) ** 2), sparse=True)(x),
        ):
            with pytest.raises(TypeError, match=message):
                call()
    later = gt.prepare_jacobian(lambda x, c: x * c, x, x)
    np.testing.assert_array_equal(later(x, x).toarray(), np.diag(x))
    with pytest.raises(TypeError, match=message):
        later(x, 1j * x)
    with pytest.raises(TypeError, match=message):
        gt.prepare_hessian(lambda x, c: gt.sum(x**2 * c), x, x)(x, 1j * x)
    for mode in ("forward", "reverse"):
        J = gt.jacobian(lambda x: gt.real(gt.exp(1j * x)), sparse=True, mode=mode)(x)
        np.testing.assert_allclose(J.toarray(), np.diag(-np.sin(x)))
    H = gt.hessian(lambda x: gt.imag(gt.sum((x * (1 + 1j)) ** 3)), sparse=True)(x)
    np.testing.assert_allclose(H.toarray(), np.diag(12 * x))
