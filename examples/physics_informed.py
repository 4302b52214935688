"""Two equations on the unit square, solved by networks that learn them from their residuals alone.

    Poisson       -Δu = f,   u = 0 on the boundary
    biharmonic    Δ²u = f,   u = Δu = 0 on the boundary      (a plate that is supported at its edges)

The right-hand sides are such that u = sin(πx) sin(πy) solves both, so that the error can be seen. The networks are zero
on the boundary by construction, u = x (1-x) y (1-y) N(x, y). The loss, a mean of squared residuals, contains second and
fourth derivatives of the network in its input; its gradient in the weights is taken through them.
"""

import argparse
import os
import pathlib
import time
from itertools import pairwise

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")          # on small matrices more threads only wait for each other

import numpy as np
from scipy.optimize import minimize

import gradtape as gt

SIZES = (2, 16, 16, 1)
POINTS = 144                # inside the square, and as many on its boundary as on four sides of a grid of them
ITERATIONS = {"Poisson": 300, "biharmonic": 300}
WITHIN = 1e-3               # the largest error at the end, of a solution of size 1


def exact(points):
    return np.sin(np.pi * points[:, 0]) * np.sin(np.pi * points[:, 1])


def initial_weights(rng):
    """One long vector, as SciPy's optimisers want it."""
    parts = [rng.normal(size=(m, n)) / np.sqrt(m) for m, n in pairwise(SIZES)]
    return np.concatenate([np.concatenate([W.ravel(), np.zeros(W.shape[1])]) for W in parts])


def solution(point, weights):
    """u at a point, for these weights."""
    h, start = point, 0
    for m, n in pairwise(SIZES):
        W = gt.reshape(weights[start : start + m * n], (m, n))
        h = h @ W + weights[start + m * n : start + m * n + n]
        h = gt.tanh(h) if n > 1 else h
        start += m * n + n
    x, y = point[0], point[1]
    return 16 * x * (1 - x) * y * (1 - y) * h[0]


def interior(rng):
    """One random point in each cell of a grid, so that they are spread evenly."""
    side = int(np.sqrt(POINTS))
    cells = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)
    return (cells + rng.random(cells.shape)) / side


def boundary():
    t = (np.arange(12) + 0.5) / 12
    zero, one = np.zeros_like(t), np.ones_like(t)
    return np.concatenate([np.stack(side, axis=1) for side in ((t, zero), (t, one), (zero, t), (one, t))])


def poisson_loss(weights, inside, edge):
    residual = gt.laplacian(solution)(inside, weights) / (2 * np.pi**2) + exact(inside)
    return gt.mean(residual**2)


def biharmonic_loss(weights, inside, edge):
    residual = gt.bilaplacian(solution)(inside, weights) / (4 * np.pi**4) - exact(inside)
    bending = gt.laplacian(solution)(edge, weights) / (2 * np.pi**2)
    return gt.mean(residual**2) + gt.mean(bending**2)


LOSSES = {"Poisson": poisson_loss, "biharmonic": biharmonic_loss}


def learn(name, iterations, rng):
    """The weights, and the losses on the way there."""
    inside, edge = interior(rng), boundary()
    slope = gt.value_and_grad(lambda weights: LOSSES[name](weights, inside, edge))
    losses = []

    def value_and_slope(weights):
        loss, gradient = slope(weights)
        losses.append(loss.item())
        return loss.item(), gradient.numpy()

    options = {"maxiter": iterations, "maxcor": 50, "ftol": 0.0, "gtol": 0.0}
    result = minimize(value_and_slope, initial_weights(rng), jac=True, method="L-BFGS-B", options=options)
    return result.x, losses


def plot(results, place):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, rows = plt.subplots(2, 3, figsize=(11, 6.5), layout="constrained")
    for row, (name, (grid, u, losses)) in zip(rows, results.items(), strict=True):
        side = int(np.sqrt(len(grid)))
        for axes, values, title in (
            (row[0], u, f"{name}: the network"),
            (row[1], np.abs(u - exact(grid)), "distance from sin(πx) sin(πy)"),
        ):
            picture = axes.imshow(values.reshape(side, side), origin="lower", extent=(0, 1, 0, 1))
            axes.set_title(title)
            figure.colorbar(picture, ax=axes)
        row[2].semilogy(losses)
        row[2].set(title="loss", xlabel="evaluation")
    figure.savefig(place / "physics_informed.png", dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--iterations", type=int, help="of the optimiser; by default as many as are needed")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out"), help="where the picture goes")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)

    ticks = np.linspace(0, 1, 41)
    grid = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    results = {}
    for name, iterations in ITERATIONS.items():
        start = time.perf_counter()
        weights, losses = learn(name, arguments.iterations or iterations, np.random.default_rng(0))
        u = gt.vmap(lambda point, weights=weights: solution(point, weights))(grid).numpy()
        error = np.abs(u - exact(grid)).max()
        seconds = time.perf_counter() - start
        print(f"{name:10}  loss {losses[0]:.1e} -> {min(losses):.1e}   largest error {error:.1e}   {seconds:.1f} s")
        assert min(losses) < 0.5 * losses[0]
        assert arguments.iterations or error < WITHIN
        results[name] = grid, u, losses
    plot(results, arguments.out)
    print(f"drawn in {arguments.out / 'physics_informed.png'}")


if __name__ == "__main__":
    main()
