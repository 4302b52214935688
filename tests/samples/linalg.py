"""Samples of linear algebra."""

from __future__ import annotations

import numpy as np

import gradtape as gt
from gradtape.derivatives.matrix_function import TaylorCoefficients, derivative
from gradtape.functions import linalg as la
from gradtape.functions.decompositions import _faint, _gap_quotient, _negligible
from gradtape.functions.determinants import det_derivative
from gradtape.functions.matrices import solve_triangular
from gradtape.primitive import REGISTRY, apply

from . import beside, sample


def expm_of(x):
    """The exponential of a symmetric matrix."""
    w, v = np.linalg.eigh(x)
    return (v * np.exp(w)) @ v.T


random = np.random.default_rng(7)


def real(*shape: int) -> np.ndarray:
    """A random array."""
    return random.normal(size=shape)


def complex_(*shape: int) -> np.ndarray:
    """A random complex array."""
    return random.normal(size=shape) + 1j * random.normal(size=shape)


def positive(x: np.ndarray) -> np.ndarray:
    """A positive definite matrix."""
    return x @ x.conj().mT + np.eye(x.shape[-1])


def of_values(s: np.ndarray, m: int, n: int) -> np.ndarray:
    """A random m x n matrix with these singular values."""
    k = len(s)
    return np.linalg.qr(real(m, k))[0] * s @ np.linalg.qr(real(n, k))[0].T


square, stack, z = real(3, 3) + 2 * np.eye(3), real(2, 2, 2) + 2 * np.eye(2), complex_(3, 3) + 2 * np.eye(3)
spd, hermitian, stack_spd = positive(real(3, 3)), positive(complex_(2, 2)), positive(real(2, 2, 2))
spectrum = np.linalg.qr(real(3, 3))[0] * np.array([1.0, 2.0, 3.5]) @ np.eye(3)
symmetric = spectrum @ np.linalg.qr(spectrum)[0].T
symmetric = 0.5 * (symmetric + symmetric.T)
general = real(3, 3)
empty = np.zeros((0, 0))

# -- systems of equations
sample("solve", la.solve, square, real(3, 2), numpy=np.linalg.solve)
sample("solve", la.solve, square, real(3), numpy=np.linalg.solve)
sample("solve", la.solve, stack, real(2, 2), numpy=np.linalg.solve)
sample("solve", la.solve, real(2, 2) + 2 * np.eye(2), real(2, 2, 1), numpy=np.linalg.solve)
sample("solve", la.solve, z, complex_(3, 2), numpy=np.linalg.solve, label="complex")
sample("solve", la.solve, empty, np.zeros((0, 2)), numpy=np.linalg.solve)
for label, lower, make in (("lower", True, np.tril), ("upper", False, np.triu)):
    substituted = lambda a, b, lower=lower: solve_triangular(a, b, lower)
    for a in (square, stack, z, empty):
        sample("solve_triangular", substituted, make(a), a[..., :2], numpy=np.linalg.solve,
               label=f"{label} {a.dtype.kind}{a.shape}")  # fmt: skip
sample("inv", la.inv, square, numpy=np.linalg.inv)
sample("inv", la.inv, stack, numpy=np.linalg.inv)
sample("inv", la.inv, z, numpy=np.linalg.inv, label="complex")
sample("inv", lambda x: la.cond(x, 1), square, numpy=lambda x: np.linalg.cond(x, 1), label="cond 1", order=2)
for m, n in ((4, 2), (2, 4), (3, 3)):
    sample("pinv", la.pinv, of_values(np.array([1.0, 2.0]), m, n), numpy=np.linalg.pinv, tolerance=10,
           smooth=m != n)  # fmt: skip
sample("pinv", la.pinv, complex_(3, 2), numpy=np.linalg.pinv, label="complex", tolerance=10)
sample("pinv", lambda a, b: la.lstsq(a, b)[:2], real(4, 2), real(4), numpy=lambda a, b: np.linalg.lstsq(a, b)[:2],
       label="lstsq", batched=False, tolerance=10)  # fmt: skip
sample("matrix_rank", la.matrix_rank, np.ones((3, 3)), numpy=np.linalg.matrix_rank)
sample("matrix_rank", la.matrix_rank, stack, numpy=np.linalg.matrix_rank)

# -- determinants, at singular matrices too
singular = np.arange(1.0, 10).reshape(3, 3)
for label, x in [
    ("regular", square), ("rank 2", singular), ("rank 1", np.ones((3, 3))), ("zero", np.zeros((3, 3))),
    ("identity", np.eye(3)), ("1 x 1", np.ones((1, 1))), ("2 x 2 zero", np.zeros((2, 2))), ("0 x 0", empty),
    ("4 x 4", real(4, 4)), ("stack", stack), ("complex", z), ("complex rank 1", np.outer(complex_(3), complex_(3))),
]:  # fmt: skip
    sample("det", la.det, x, numpy=np.linalg.det, label=label)
    sample("det_derivative_1", det_derivative, x, label=label, order=2)
sample("det_derivative_2", det_derivative, np.diag([1.0, 2, 0]), real(3, 3), order=2)
sample("det_derivative_2", det_derivative, stack, real(2, 2), order=2)
sample("det_derivative_3", det_derivative, np.diag([1.0, 2, 0, 0]), real(4, 4), real(4, 4), order=1)
sample("det_derivative_4", det_derivative, real(4, 4), real(4, 4), real(4, 4), real(4, 4), order=1)
sample("slogdet", la.slogdet, square, numpy=lambda x: tuple(np.linalg.slogdet(x)))
sample("slogdet", la.slogdet, stack, numpy=lambda x: tuple(np.linalg.slogdet(x)))
sample("slogdet", la.slogdet, z, numpy=lambda x: tuple(np.linalg.slogdet(x)), label="complex")
sample("slogdet", la.slogdet, np.array([[1.0, 2], [3, 4]]), numpy=lambda x: tuple(np.linalg.slogdet(x)),
       label="negative")  # fmt: skip

# -- decompositions
sample("cholesky", la.cholesky, spd, numpy=np.linalg.cholesky)
sample("cholesky", la.cholesky, stack_spd, numpy=np.linalg.cholesky)
sample("cholesky", la.cholesky, hermitian, numpy=np.linalg.cholesky, label="complex")
sample("cholesky", lambda x: la.cholesky(x, upper=True), hermitian, numpy=lambda x: np.linalg.cholesky(x).conj().T,
       label="upper")  # fmt: skip
sample("cholesky", la.cholesky, empty, numpy=np.linalg.cholesky)
for m, n in ((3, 3), (4, 2), (2, 4)):
    sample("qr", la.qr, real(m, n), numpy=lambda x: tuple(np.linalg.qr(x)), tolerance=10)
sample("qr", la.qr, complex_(3, 2), numpy=lambda x: tuple(np.linalg.qr(x)), label="complex", tolerance=10)
for label, x in (("complex square", z), ("rank 1", np.array([[3.0, 6], [4, 8]])), ("1 x 1", np.array([[2.0]])),
                 ("0 x 0", empty), ("3 x 0", np.zeros((3, 0))), ("0 x 3", np.zeros((0, 3)))):  # fmt: skip
    sample("qr", la.qr, x, numpy=lambda x: tuple(np.linalg.qr(x)), label=label, tolerance=10)
sample("qr", lambda x: la.qr(x, mode="r"), real(2, 3, 2), numpy=lambda x: np.linalg.qr(x)[1], label="r", tolerance=10)
sample("qr_complete", lambda x: la.qr(gt.stop_gradient(x), mode="complete"), real(3, 2), smooth=False, batched=False,
       wrt=())  # fmt: skip
sample("eigh", la.eigh, symmetric, numpy=lambda x: tuple(np.linalg.eigh(x)), tolerance=10)
sample("eigh", la.eigh, stack_spd, numpy=lambda x: tuple(np.linalg.eigh(x)), tolerance=10)
sample("eigh", lambda x: la.eigh(x)[0], hermitian, label="complex values", numpy=np.linalg.eigvalsh, tolerance=10)
sample("eigh", lambda x: (lambda w, v: (v * gt.sin(w)) @ gt.conj(v.mT))(*la.eigh(x)), hermitian,
       label="complex function", tolerance=10)  # fmt: skip
sample("eigh", la.eigvalsh, symmetric, numpy=np.linalg.eigvalsh, label="eigvalsh", tolerance=10)
sample("eigh", lambda x: gt.sum(la.eigvalsh(x) ** 3), 2 * np.eye(3), label="repeated", order=1)
sample("eigh", la.eigh, empty, smooth=False)
sample("eig", lambda x: la.eig(x).eigenvalues, general, numpy=lambda x: np.linalg.eigvals(x).astype(complex), order=2,
       label="values", tolerance=10)  # fmt: skip
sample("eig", lambda x: gt.abs(la.eig(x).eigenvectors), general, order=2, label="moduli of vectors", tolerance=100)
sample("eig", lambda x: (lambda w, v: v @ (gt.exp(w)[:, None] * la.inv(v)))(*la.eig(x)), general, order=2,
       label="a function of a matrix", tolerance=100)  # fmt: skip
sample("eig", la.eigvals, general + 1j * general[::-1], order=2, label="complex", tolerance=100)
sample("eig", la.eigvals, np.stack([general, general.T]), order=1, label="stack", tolerance=10)
sample("eigvalsh", lambda x: apply(REGISTRY["eigvalsh"], x), symmetric, numpy=np.linalg.eigvalsh, tolerance=10)
for m, n in ((3, 3), (4, 2), (2, 4)):
    x = of_values(np.array([1.0, 2.0, 3.5])[: min(m, n)], m, n)
    sample("svd", lambda x: la.svd(x, full_matrices=False), x, tolerance=10,
           numpy=lambda x: tuple(np.linalg.svd(x, full_matrices=False)))  # fmt: skip
    sample("svd", la.svdvals, x, numpy=lambda x: np.linalg.svd(x)[1], label=f"svdvals {m}x{n}", tolerance=10)
    sample("svd", lambda x: (lambda u, s, vh: (u * gt.sin(s)) @ vh)(*la.svd(x, full_matrices=False)), complex_(m, n),
           label=f"complex {m}x{n}", tolerance=100)  # fmt: skip
sample("svd", lambda x: la.svd(x, full_matrices=False), real(2, 3, 2), tolerance=100, label="stack")
sample("svd", lambda x: gt.sum(la.svdvals(x) ** 2), np.ones((2, 2)), label="rank 1", order=1)
sample("svd", lambda x: la.norm(x, "nuc") ** 2, np.eye(2), label="nuclear", order=1)
sample("svd", la.cond, square, numpy=np.linalg.cond, label="cond", order=2, tolerance=100)
sample("svd_full", lambda x: la.svd(gt.stop_gradient(x)), real(3, 2), wrt=(), smooth=False)
sample("svdvals", lambda x: apply(REGISTRY["svdvals"], x), real(3, 2), numpy=lambda x: np.linalg.svd(x)[1])
gaps = np.array([[1.0, 2.0], [-2.0, 1.0]])
sample("gap_quotient", lambda n, g: _gap_quotient(n, g, beside(np.zeros((2, 2), bool), n)), real(2, 2), gaps)
flipped = np.array([[False, True], [True, False]])
sample("gap_quotient", lambda n: _gap_quotient(n, beside(np.eye(2), n), beside(flipped, n)), np.eye(2), smooth=False,
       label="0 / 0")  # fmt: skip
for name, x in (("closed_gaps", np.array([1.0, 1.0, 2.0])), ("closed_sums", np.array([2.0, 0.0, 0.0]))):
    sample(name, lambda x, name=name: apply(REGISTRY[name], x), x)
for x in (real(3, 2, 2), real(2, 4, 3, 3), complex_(3, 2, 2), np.zeros((2, 2, 2))):
    for rest in (0, 1):
        sample("circles_of_det", lambda x, rest=rest: apply(REGISTRY["circles_of_det"], x, rest=rest), x,
               label=f"{x.shape} {x.dtype} {rest}")  # fmt: skip
for v in (general, np.stack([general, general.T])):
    sample("eigenvalue_conditions", lambda v: apply(REGISTRY["eigenvalue_conditions"], v), v, label=f"{v.shape}")
sample("faint", _faint, np.array([[1.0, 1e-17]]), np.ones((1, 2)))
for doubt in (False, True):
    sample("negligible", lambda n, m, d=doubt: _negligible(n, m, d), np.zeros((2, 2)), np.ones((2, 2)),
           label=f"doubt {doubt}")  # fmt: skip

# -- powers and the exponential
for n in (-2, -1, 0, 1, 2, 5):
    sample("matmul" if n > 1 else "inv", lambda x, n=n: la.matrix_power(x, n), square, label=f"matrix_power {n}",
           numpy=lambda x, n=n: np.linalg.matrix_power(x, n), tolerance=10)  # fmt: skip
sample("matmul", lambda *x: la.multi_dot(x), real(2), real(2, 3), real(3, 2), real(2, 2), label="multi_dot",
       numpy=lambda *x: np.linalg.multi_dot(x))  # fmt: skip
for scale in (0, 1e-3, 0.05, 0.2, 0.5, 1, 4):
    sample("expm", lambda x: la.expm(x), scale * square, label=f"norm x {scale}", tolerance=10 if scale < 4 else 1e5)
sample("expm", la.expm, np.array([[0.0, 1], [0, 0]]), numpy=lambda x: np.eye(2) + x, label="nilpotent")
sample("expm", la.expm, 0.3 * stack)
sample("expm", la.expm, 0.3 * z, label="complex")
sample("expm", la.expm, empty)
sample("block_triangle", lambda x, e: la.block_triangle(x, e), real(2, 2), real(3, 2, 2))

# -- diagonals and norms
for k in (-1, 0, 2):
    sample("diagonal", lambda x, k=k: la.diagonal(x, offset=k), real(2, 3, 4), label=f"offset {k}",
           numpy=lambda x, k=k: np.diagonal(x, k, -2, -1))  # fmt: skip
    sample("onto_diagonal", lambda x, k=k: gt.grad(lambda z: gt.sum(la.diagonal(z, offset=k) ** 2))(x), real(3, 4),
           label=f"offset {k}")  # fmt: skip
sample("diagonal", la.trace, complex_(2, 2, 2), numpy=lambda x: np.trace(x, axis1=-2, axis2=-1), label="trace")
for axis in (None, 0, (0, 2), -1):
    sample("norm2", lambda x, n=axis: la.vector_norm(x, axis=n), real(2, 3, 2), label=f"axis {axis}",
           numpy=lambda x, n=axis: np.linalg.vector_norm(x, axis=n))  # fmt: skip
sample("norm2", lambda x: la.norm(x, axis=1, keepdims=True), complex_(2, 3), label="complex",
       numpy=lambda x: np.linalg.norm(x, axis=1, keepdims=True))  # fmt: skip
sample("norm2", la.norm, np.array([3 + 0j, 0, 4j]), numpy=np.linalg.norm, label="complex with a zero")
sample("norm2", la.norm, np.array([3e200, 4e200]), numpy=lambda x: np.float64(5e200), smooth=False, label="huge")
sample("norm2", la.norm, np.array([3e-200, 4e-200]), numpy=lambda x: np.float64(5e-200), smooth=False, label="tiny")
sample("norm2", la.norm, np.zeros(3), numpy=np.linalg.norm, smooth=False, label="zero")
sample("norm2", la.norm, np.float64(-2.0), numpy=np.abs, label="0-d")
sample("norm2", la.norm, np.zeros(0), numpy=np.linalg.norm)
sample("norm2", la.matrix_norm, real(2, 3, 2), numpy=np.linalg.matrix_norm, label="Frobenius")
for p in (3, 2.5, 0.5, -1, -2.5):
    sample("p_norm", lambda x, p=p: la.vector_norm(x, ord=p, axis=0), real(3, 2), label=f"p = {p}", tolerance=1000,
           numpy=lambda x, p=p: np.linalg.norm(x, p, axis=0))  # fmt: skip
sample("p_norm", lambda x: la.norm(x, 3), complex_(3), numpy=lambda x: np.linalg.norm(x, 3), label="complex")
sample("p_norm", lambda x: la.norm(x, 3), np.array([1.0, 0, 2]), numpy=lambda x: np.linalg.norm(x, 3), order=1)
sample("p_norm", lambda x: la.norm(x, 3), np.zeros(3), smooth=False, label="zero")
for p, name in ((1, "sum"), (np.inf, "max"), (-np.inf, "min")):
    sample(name, lambda x, p=p: la.norm(x, p), real(4), numpy=lambda x, p=p: np.linalg.norm(x, p), label=f"norm {p}")
for p, name in ((1, "max"), (-1, "min"), (np.inf, "max"), (-np.inf, "min"), (2, "svd"), (-2, "svd"), ("nuc", "svd")):
    sample(name, lambda x, p=p: la.norm(x, p), real(3, 2), numpy=lambda x, p=p: np.linalg.norm(x, p),
           label=f"matrix norm {p}", tolerance=100)  # fmt: skip
sample("svd", lambda x: la.norm(x, "nuc", axis=(2, 0), keepdims=True), real(2, 2, 3), label="nuc along axes",
       numpy=lambda x: np.linalg.norm(x, "nuc", axis=(2, 0), keepdims=True), tolerance=100)  # fmt: skip

# -- functions of matrices: also where eigenvalues coincide ----------------------------------------------------------
repeated = np.eye(3) + np.diag([0.0, 0.0, 2.0])
smooth = lambda x: gt.exp(0.3 * x) + gt.sin(x)
MATRICES = {"symmetric": symmetric, "repeated": repeated, "the same": 2.0 * np.eye(3), "hermitian": hermitian}
for name, x in MATRICES.items():
    sample("matrix_function_0", lambda x: gt.linalg.matrix_function(smooth, x), x, label=name, tolerance=10)
nearly = np.diag([1.0, 1.0 + 1e-9, 1.04]) + 1e-3 * symmetric
sample("matrix_function_0", lambda x: gt.linalg.matrix_function(gt.exp, x), nearly, numpy=expm_of,
       label="nearly repeated", tolerance=10)  # fmt: skip
sample("matrix_function_0", gt.linalg.sqrtm, stack_spd, label="sqrtm", tolerance=100)
sample("matrix_function_0", gt.linalg.logm, 2.0 * np.eye(2), label="logm at a multiple of 1", tolerance=10)
for m in range(1, 4):
    sample(f"matrix_function_{m}", lambda x, *v, m=m: derivative(x, *v, coefficients=TaylorCoefficients(gt.exp)),
           repeated, *[real(3, 3) for _ in range(m)],
           wrt=tuple(range(1, m + 1)), order=1, tolerance=10, tags={"rounding"})  # fmt: skip
