"""What products with a symmetric matrix tell of it: its trace, its diagonal, the density of its eigenvalues."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..errors import missing_extra
from .stochastic import Estimate, checked_samples

ndarray = np.ndarray


def square(operator: Any, function: str) -> int:
    """The number of its rows. Raises TypeError or ValueError for what is no square matrix or operator."""
    shape = getattr(operator, "shape", None)
    if shape is None or not hasattr(operator, "__matmul__"):
        raise TypeError(f"gradtape.{function}: operator must be a matrix or a LinearOperator, not {operator!r}")
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(f"gradtape.{function}: operator must be square, and has shape {tuple(shape)}")
    return int(shape[0])


def number_type(operator: Any) -> np.dtype[Any]:
    """The dtype of a matrix, in which results are given; double for one of integers or of no dtype."""
    dtype = np.dtype(getattr(operator, "dtype", None) or float)
    return dtype if dtype.kind in "fc" else np.dtype(float)


def estimate(each: ndarray, operator: Any) -> Estimate:
    """The mean of the samples along the last axis, and its standard error, in the operator's precision."""
    error = each.std(axis=-1, ddof=1) / each.shape[-1] ** 0.5
    dtype = number_type(operator)
    return Estimate(each.mean(axis=-1).astype(dtype), error.astype(np.finfo(dtype).dtype))


def signs(rng: np.random.Generator, n: int, samples: int) -> ndarray:
    """Columns of random signs."""
    return rng.integers(0, 2, (n, samples)) * 2.0 - 1


def trace_estimate(operator: Any, samples: int, rng: np.random.Generator) -> Estimate:
    """The trace of a square matrix known by its products, from the mean of v^T A v over random signs v.

    `operator`: a LinearOperator or a matrix; `rng`: a numpy.random.Generator. All `samples` go through as one batch.
    Gives (value, standard_error). Hutchinson, 1990. Raises ValueError for fewer than two samples.

    >>> import gradtape as gt, numpy as np
    >>> H = gt.hessian_operator(lambda x: gt.sum(x**3), np.ones(50))
    >>> value, error = gt.trace_estimate(H, 10, np.random.default_rng(0))
    >>> float(value), float(error)  # exact for a diagonal matrix
    (300.0, 0.0)
    """
    n, samples = square(operator, "trace_estimate"), checked_samples(samples, rng, "trace_estimate")
    v = signs(rng, n, samples)
    return estimate(np.sum(v * (operator @ v), axis=0), operator)


def diagonal_estimate(operator: Any, samples: int, rng: np.random.Generator) -> Estimate:
    """The diagonal of a square matrix known by its products, from the mean of v * (A v) over random signs v.

    As trace_estimate; value and standard error are vectors. Bekas, Kokiopoulou and Saad, 2007.

    >>> import gradtape as gt, numpy as np
    >>> H = gt.hessian_operator(lambda x: gt.sum(x**3), np.array([1.0, 2.0]))
    >>> gt.diagonal_estimate(H, 4, np.random.default_rng(0)).value.tolist()
    [6.0, 12.0]
    """
    n, samples = square(operator, "diagonal_estimate"), checked_samples(samples, rng, "diagonal_estimate")
    v = signs(rng, n, samples)
    return estimate(v * (operator @ v), operator)


class Lanczos(NamedTuple):
    """A V = V T + remainder: T's diagonal and the diagonal beside it, and the orthonormal columns of V."""

    diagonal: ndarray
    beside: ndarray
    vectors: ndarray


def lanczos(operator: Any, steps: int, start: Any) -> Lanczos:
    """The Lanczos process of a symmetric (or Hermitian) matrix from a starting vector, every vector orthogonalised
    against all before.

    Stops before `steps` where the space is invariant. Computes in double precision; the results are of the operator's.
    Raises ValueError for a start of another length or of zeros.

    >>> import gradtape as gt, numpy as np
    >>> L = gt.lanczos(np.diag([1.0, 2.0, 5.0]), 3, np.ones(3))
    >>> T = np.diag(L.diagonal) + np.diag(L.beside, 1) + np.diag(L.beside, -1)
    >>> np.linalg.eigvalsh(T).round(10).tolist()
    [1.0, 2.0, 5.0]
    """
    square(operator, "lanczos")
    if not isinstance(steps, int | np.integer) or steps < 1:
        raise ValueError(f"gradtape.lanczos: steps must be a positive int, not {steps!r}")
    found, dtype = process(operator, steps, start), number_type(operator)
    real = np.finfo(dtype).dtype
    field = np.result_type(dtype, np.complex64) if np.iscomplexobj(found.vectors) else dtype
    return Lanczos(found.diagonal.astype(real), found.beside.astype(real), found.vectors.astype(field))


def length(v: ndarray) -> float:
    """The norm of a vector, whose squares may overflow or vanish."""
    most = float(np.abs(v).max(initial=0))
    return most * float(np.linalg.norm(v / most)) if 0 < most < np.inf else most


def process(operator: Any, steps: int, start: Any) -> Lanczos:
    """The same in double precision."""
    n, dtype = operator.shape[1], number_type(operator)
    least = np.finfo(dtype).eps ** (2 / 3)  # what is smaller beside a product may be the operator's rounding
    v = np.asarray(start, np.result_type(complex if np.iscomplexobj(start) else float, dtype))
    if v.shape != (n,) or not 0 < length(v) < np.inf:
        raise ValueError(f"gradtape.lanczos: start must be a vector of {n} finite elements, not all of them 0")
    v = v / np.abs(v).max()
    vectors, alphas, betas = [v / length(v)], [], []
    for _ in range(min(int(steps), n)):
        w = np.asarray(operator @ vectors[-1], v.dtype)
        alphas.append(float(np.vdot(vectors[-1], w).real))
        basis = np.array(vectors)
        scale = length(w)
        for _ in range(2):  # twice is enough (Kahan and Parlett)
            w = w - basis.T @ (basis.conj() @ w)
        beta = length(w)
        if beta <= least * max(scale, np.finfo(float).tiny) or len(alphas) == min(int(steps), n):
            break
        betas.append(beta)
        vectors.append(w / beta)
    return Lanczos(np.array(alphas), np.array(betas), np.array(vectors).T)


class SpectralDensity:
    """The density of a symmetric matrix' eigenvalues, of integral 1: Gaussians of width `sigma` at weighted `nodes`.

    `grid`, `density`: where it was evaluated, and its values there; `density_at(t)` gives others; `plot` draws it.
    """

    def __init__(self, nodes: ndarray, weights: ndarray, sigma: float, grid: ndarray):
        self.nodes, self.weights, self.sigma, self.grid = nodes, weights, sigma, grid
        self.density = self.density_at(grid)

    def density_at(self, t: Any) -> ndarray:
        """The density at these values."""
        distance = (np.asarray(t, float)[..., None] - self.nodes) / self.sigma
        return np.exp(-0.5 * distance**2) @ self.weights / (self.sigma * np.sqrt(2 * np.pi))  # type: ignore[no-any-return]

    def moment(self, power: int) -> float:
        """The mean of the eigenvalues' powers: an estimate of trace(A**power) / n."""
        return float(self.weights @ self.nodes**power)

    def __repr__(self) -> str:
        return f"<spectral density from {self.nodes.min():.3g} to {self.nodes.max():.3g}, sigma {self.sigma:.2g}>"

    def plot(self, target: Any = None) -> Any:
        """Draw it on a logarithmic scale: into a matplotlib axes, into a new one, or into a file of this name."""
        try:
            from matplotlib.figure import Figure
        except ImportError:
            raise missing_extra("matplotlib", "plot", "SpectralDensity.plot") from None
        figure = Figure(figsize=(6, 3.5), layout="constrained")
        axes = target if hasattr(target, "semilogy") else figure.add_subplot()
        axes.semilogy(self.grid, np.maximum(self.density, 1e-10))
        axes.set(xlabel="eigenvalue", ylabel="density", ylim=(max(self.density.max() * 1e-7, 1e-10), None))
        if target is not None and axes is not target:
            figure.savefig(target, dpi=150)
        return axes


def spectral_density(
    operator: Any,
    rng: np.random.Generator,
    steps: int = 80,
    samples: int = 8,
    sigma: float | None = None,
    points: int = 1000,
) -> SpectralDensity:
    """The density of a symmetric matrix' eigenvalues by stochastic Lanczos quadrature.

    `operator`: a LinearOperator or a matrix; `steps`: of the Lanczos process from each of `samples` random vectors,
    which `rng` draws; `sigma`: width of the Gaussians (by default a hundredth of the range); `points`: of the grid.
    Golub and Welsch, 1969; Ghorbani, Krishnan and Xiao, 2019. Raises ValueError for numbers that are not positive.

    >>> import gradtape as gt, numpy as np
    >>> density = gt.spectral_density(np.diag([0.0, 1.0, 1.0, 4.0]), np.random.default_rng(0))
    >>> round(density.moment(0), 10), round(abs(float(density.nodes.min())), 6), round(float(density.nodes.max()), 6)
    (1.0, 0.0, 4.0)
    """
    n = square(operator, "spectral_density")
    for name, value in (("steps", steps), ("samples", samples), ("points", points)):
        if not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"gradtape.spectral_density: {name} must be a positive int, not {value!r}")
    if sigma is not None and not sigma > 0:
        raise ValueError(f"gradtape.spectral_density: sigma must be positive, not {sigma!r}")
    checked_samples(2, rng, "spectral_density")
    nodes, weights = [], []
    for _ in range(samples):
        found = process(operator, steps, rng.standard_normal(n))
        tridiagonal = np.diag(found.diagonal)
        beside = np.arange(len(found.beside))
        tridiagonal[beside, beside + 1] = tridiagonal[beside + 1, beside] = found.beside
        values, vectors = np.linalg.eigh(tridiagonal)
        nodes.append(values)
        weights.append(vectors[0] ** 2 / samples)
    every, weight = np.concatenate(nodes), np.concatenate(weights)
    width = float(np.ptp(every)) or max(abs(float(every[0])), 1.0)
    sigma = 0.01 * width if sigma is None else float(sigma)
    grid = np.linspace(every.min() - 5 * sigma, every.max() + 5 * sigma, points)
    return SpectralDensity(every, weight, sigma, grid)


__all__ = ["Lanczos", "SpectralDensity", "diagonal_estimate", "lanczos", "spectral_density", "trace_estimate"]
