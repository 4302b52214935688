"""The curvature of a network's loss: the density of its Hessian's eigenvalues, and the largest of them.

A network with tanh layers learns scikit-learn's digits. Its Hessian, of thousands of rows, is never formed: products
with it are sweeps over one recorded gradient. Their spectrum is known to be a bulk around zero and a few outliers,
about as many as there are classes (Sagun, Bottou, LeCun, 2016; Ghorbani, Krishnan, Xiao, 2019), which shows here before
and after training. The Gauss-Newton matrix has the same outliers, and no negative eigenvalue.
"""

import argparse
import os
import pathlib
from itertools import pairwise

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import minimize
from scipy.sparse.linalg import eigsh
from sklearn.datasets import load_digits

import gradtape as gt

SIZES = (64, 16, 10)
IMAGES = 600


def network(parameters, x):
    for layer in parameters[:-1]:
        x = gt.tanh(x @ layer["W"] + layer["b"])
    return x @ parameters[-1]["W"] + parameters[-1]["b"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out"), help="folder for the picture")
    parser.add_argument("--iterations", type=int, default=60, help="of the optimiser (default 60)")
    chosen = parser.parse_args()

    digits = load_digits()
    x, labels = digits.data[:IMAGES] / 16, digits.target[:IMAGES]
    rng = np.random.default_rng(0)
    parameters = [{"W": rng.normal(size=(m, n)) / np.sqrt(m), "b": np.zeros(n)} for m, n in pairwise(SIZES)]
    loss_of_scores = lambda scores: gt.mean(gt.nn.sparse_softmax_cross_entropy_with_logits(labels, scores))
    loss = lambda p: loss_of_scores(network(p, x))

    H = gt.hessian_operator(loss, parameters)
    print(f"{H.shape[0]} parameters")
    value_and_gradient = gt.value_and_grad(loss)

    def both(v):
        value, gradient = value_and_gradient(H.unravel(v))
        return float(value), H.ravel(gradient)

    trained = H.unravel(minimize(both, H.ravel(parameters), jac=True, options={"maxiter": chosen.iterations}).x)
    axes = Figure(figsize=(7, 6), layout="constrained").subplots(2, 1)
    for title, point, ax in (("before training", parameters, axes[0]), ("after training", trained, axes[1])):
        H = gt.hessian_operator(loss, point)
        G = gt.gauss_newton(lambda p: network(p, x), loss_of_scores, point)
        density = gt.spectral_density(H, rng, steps=50, samples=3)
        largest = eigsh(H, k=10, which="LA", tol=1e-4, return_eigenvectors=False)[::-1]
        of_newton = eigsh(G, k=10, which="LA", tol=1e-4, return_eigenvectors=False)[::-1]
        trace, error = gt.trace_estimate(H, 50, rng)
        print(f"{title}: loss {float(loss(point)):.4f}, trace {trace:.2f} ± {error:.2f}")
        print("  largest eigenvalues of the Hessian:     ", " ".join([f"{w:.3f}" for w in largest]))
        print("  largest eigenvalues of Gauss-Newton's:  ", " ".join([f"{w:.3f}" for w in of_newton]))
        print(f"  smallest eigenvalue of the Hessian:      {density.nodes.min():.4f}")
        assert abs(density.nodes.max() - largest[0]) < 1e-3 * largest[0]
        V = rng.normal(size=(G.shape[0], 20))
        assert (np.sum(V * (G @ V), axis=0) > 0).all()
        density.plot(ax)
        ax.set_title(title)
    chosen.out.mkdir(parents=True, exist_ok=True)
    path = chosen.out / "hessian_spectrum.png"
    axes[0].figure.savefig(path, dpi=120)
    print("Picture:", path)


if __name__ == "__main__":
    main()
