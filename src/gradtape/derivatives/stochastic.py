"""Estimates of differential operators in many dimensions, from a few random directions, with their standard errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..arrays.dtypes import numpy_dtype
from ..functions.norms import vector_norm
from ..functions.reductions import mean
from ..functions.static import static
from ..nest import flatten
from ..tensor import Tensor
from .arguments import as_output, check_callable, named
from .directional import checked_directions, combined
from .operators import points
from .taylor import highest
from .vectorize import vmap


class Estimate(NamedTuple):
    """An estimate, and the standard error of it, both in the shape of what is estimated."""

    value: Any
    standard_error: Any


def checked_samples(samples: Any, rng: Any, function: str) -> int:
    """The number of samples. Raises ValueError unless it is an int above 1, TypeError without a generator."""
    if not isinstance(samples, int) or isinstance(samples, bool) or samples < 2:
        raise ValueError(f"gradtape.{function}: samples must be an int above 1, not {samples!r}")
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"gradtape.{function}: rng must be a numpy.random.Generator, not a {type(rng).__name__}")
    return samples


def estimated(
    f: Callable[..., Any], x: Tensor, basis: Any, order: int, factors: Any, function: str, rest: float = 1.0
) -> Estimate:
    """Mean and standard error of factors times f's derivatives of this order along the rows of `basis`; `rest`: the
    part of the variance that is left where they are drawn from a finite number."""

    def at_point(point: Any) -> tuple[Any, Any]:
        rows = static(basis.astype(numpy_dtype(point.dtype)), point, dtype=point.dtype)
        value = lambda p: as_output(f(p), function)
        _, leaf = flatten(point)
        each = vmap(lambda v: highest(value, [point], [v], leaf, order, function)[0][0])(rows)
        scaled = each * static(factors.reshape(-1, *(1,) * (len(each.shape) - 1)), each, dtype=each.dtype)
        middle = mean(scaled, axis=0)
        n = len(basis)
        return middle, vector_norm(scaled - middle, axis=0) * (rest / (n * (n - 1))) ** 0.5

    return Estimate(*(at_point(x) if len(x.shape) == 1 else vmap(at_point)(x)))


def laplacian_estimate(
    f: Callable[..., Any], samples: int, rng: np.random.Generator, method: str = "rademacher"
) -> Callable[..., Any]:
    """The function that estimates f's Laplacian from second derivatives along `samples` random directions.

    `method`: "rademacher" or "gaussian" directions v, whose mean of v^T H v is the trace (Hutchinson, 1990), or
    "coordinates", axes drawn without replacement (the sparse estimator of Shi et al., Stochastic Taylor derivative
    estimator, 2024). `rng` draws anew at each call, the same directions for all points of a batch. Gives an Estimate
    (value, standard_error); arguments and shapes as for laplacian. Raises ValueError for an unknown method, fewer than
    two samples, or more coordinates than there are.

    >>> import gradtape as gt, numpy as np
    >>> f = lambda x: gt.sum(x**2)
    >>> value, error = gt.laplacian_estimate(f, 10, np.random.default_rng(0))(np.ones(100))
    >>> float(value), float(error)  # of a diagonal Hessian this estimate is exact
    (200.0, 0.0)
    """
    check_callable(f, "laplacian_estimate")
    samples = checked_samples(samples, rng, "laplacian_estimate")
    if method not in ("rademacher", "gaussian", "coordinates"):
        raise ValueError(
            f"gradtape.laplacian_estimate: method must be 'rademacher', 'gaussian' or 'coordinates', not {method!r}"
        )

    def estimate(x: Any, *arguments: Any, **kwargs: Any) -> Estimate:
        x = points(x, "laplacian_estimate")
        d, rest, factor = x.shape[-1], 1.0, 1.0
        if method == "rademacher":
            basis = rng.integers(0, 2, (samples, d)) * 2.0 - 1
        elif method == "gaussian":
            basis = rng.standard_normal((samples, d))
        else:
            if samples > d:
                raise ValueError(
                    f"gradtape.laplacian_estimate: samples={samples}, but x has {d} coordinates: use laplacian"
                )
            basis = np.zeros((samples, d))
            basis[np.arange(samples), rng.permutation(d)[:samples]] = 1
            rest, factor = 1 - samples / d, float(d)
        f_of = lambda point: f(point, *arguments, **kwargs)
        return estimated(f_of, x, basis, 2, np.full(samples, factor), "laplacian_estimate", rest)

    return named(estimate, f, "laplacian_estimate")


def bilaplacian_estimate(f: Callable[..., Any], samples: int, rng: np.random.Generator) -> Callable[..., Any]:
    """The function that estimates f's bilaplacian from fourth derivatives along random directions.

    For Gaussian v the mean of the fourth derivative along v is 3 times the bilaplacian (Shi et al., 2024). Otherwise as
    laplacian_estimate.

    >>> import gradtape as gt, numpy as np
    >>> e = gt.bilaplacian_estimate(lambda x: gt.sum(x * x) ** 2, 400, np.random.default_rng(0))(np.zeros(2))
    >>> abs(float(e.value) - 64) < 3 * float(e.standard_error)
    True
    """
    check_callable(f, "bilaplacian_estimate")
    samples = checked_samples(samples, rng, "bilaplacian_estimate")

    def estimate(x: Any, *arguments: Any, **kwargs: Any) -> Estimate:
        x = points(x, "bilaplacian_estimate")
        basis = rng.standard_normal((samples, x.shape[-1]))
        f_of = lambda point: f(point, *arguments, **kwargs)
        return estimated(f_of, x, basis, 4, np.full(samples, 1 / 3), "bilaplacian_estimate")

    return named(estimate, f, "bilaplacian_estimate")


def directional_estimate(
    f: Callable[..., Any], directions: Any, weights: Any, samples: int, rng: np.random.Generator
) -> Callable[..., Any]:
    """The function that estimates a weighted sum of mixed derivatives from a few of its terms.

    `directions`, `weights`: as for directional. The sum becomes one of derivatives along single directions, of which
    `samples` are drawn with probabilities in proportion to their weights' sizes. Otherwise as laplacian_estimate.

    >>> import gradtape as gt, numpy as np
    >>> f, e = lambda x: gt.sum(x**3), np.eye(50)
    >>> estimate = gt.directional_estimate(f, np.stack([e, e, e], axis=1), np.ones(50), 5, np.random.default_rng(0))
    >>> float(estimate(np.ones(50)).value)
    300.0
    """
    check_callable(f, "directional_estimate")
    samples = checked_samples(samples, rng, "directional_estimate")
    vectors, given = checked_directions(directions, weights, "directional_estimate")
    basis, factors = combined(vectors, given)
    total = float(np.sum(np.abs(factors)))

    def estimate(x: Any, *arguments: Any, **kwargs: Any) -> Estimate:
        x = points(x, "directional_estimate")
        if x.shape[-1] != basis.shape[1]:
            raise ValueError(
                f"gradtape.directional_estimate: directions are of {basis.shape[1]} dimensions, x is of {x.shape[-1]}"
            )
        chosen = rng.choice(len(basis), samples, p=np.abs(factors) / total if total else None)
        f_of = lambda point: f(point, *arguments, **kwargs)
        signs = np.sign(factors[chosen]) * total
        return estimated(f_of, x, basis[chosen], vectors.shape[1], signs, "directional_estimate")

    return named(estimate, f, "directional_estimate")


__all__ = ["Estimate", "bilaplacian_estimate", "directional_estimate", "laplacian_estimate"]
