"""Samples of products of arrays."""

from __future__ import annotations

import numpy as np

import gradtape as gt
from gradtape.functions import products

from . import sample

random = np.random.default_rng(6)


def real(*shape: int) -> np.ndarray:
    """A random array."""
    return random.normal(size=shape)


def complex_(*shape: int) -> np.ndarray:
    """A random complex array."""
    return random.normal(size=shape) + 1j * random.normal(size=shape)


# Every pair of ranks, and batches on either side and on both.
for a, b in [
    ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((2, 2, 3), (3, 4)), ((2, 3), (2, 3, 2)),
    ((2, 2, 3), (2, 3, 2)), ((2, 2, 3), (3,)), ((3,), (2, 3, 2)), ((2, 1, 2, 3), (3, 3, 2)), ((2, 3), (3, 17)),
    ((2, 2, 2, 3), (3,)), ((0, 3), (3, 2)), ((2, 0), (0, 3)),
]:  # fmt: skip
    sample("matmul", gt.matmul, real(*a), real(*b), numpy=np.matmul)
for a, b in [((2, 3), (4, 3)), ((2, 2, 3), (4, 3)), ((2, 3), (2, 4, 3)), ((2, 1, 2, 3), (3, 4, 3)), ((0, 3), (2, 3))]:
    sample("matmul_nt", products.matmul_nt, real(*a), real(*b), numpy=lambda a, b: a @ b.mT)
    sample("matmul_tn", products.matmul_tn, real(*a).mT, real(*b).mT, numpy=lambda a, b: a.mT @ b)
sample("matmul_nt", products.matmul_nt, complex_(2, 3), complex_(4, 3), numpy=lambda a, b: a @ b.mT, label="complex")
sample("matmul_tn", products.matmul_tn, complex_(3, 2), complex_(3, 4), numpy=lambda a, b: a.mT @ b, label="complex")
sample("matmul", lambda a, b: a @ b, complex_(2, 3), complex_(3, 2), numpy=np.matmul, label="complex")
sample("matmul", lambda a, b: a @ b, real(2, 3), complex_(3), numpy=np.matmul, label="real by complex")
sample("matmul", lambda a: a @ a, real(3, 3), numpy=lambda a: a @ a, label="square")
sample("matmul", gt.vdot, complex_(2, 2), complex_(4), numpy=np.vdot, label="vdot")
sample("matmul", gt.matvec, real(2, 3, 3), real(3), numpy=lambda a, b: a @ b, label="matvec")
sample("matmul", gt.vecmat, complex_(3), complex_(2, 3, 2), numpy=lambda a, b: a.conj() @ b, label="vecmat")
sample("matmul", gt.dot, real(2, 3), real(3), numpy=np.dot, label="dot")
sample("matmul", gt.inner, real(2, 3), real(4, 3), numpy=np.inner, label="inner")
sample("matrix_transpose", gt.matrix_transpose, real(2, 3, 4), numpy=lambda x: x.mT)
sample("matrix_transpose", lambda x: x.mT @ x if hasattr(x, "mT") else x, complex_(3, 2), label="attribute")

for subscripts, *shapes in [
    ("ij,jk->ik", (2, 3), (3, 2)), ("ij,kj", (2, 3), (2, 3)), ("bij,bjk->bik", (2, 2, 3), (2, 3, 2)),
    ("i,j->ji", (3,), (2,)), ("ij,ij->i", (2, 3), (2, 3)), ("ij,ij->", (2, 3), (2, 3)), ("i,->i", (3,), ()),
    ("...i,...i->...", (4, 1, 3), (2, 3)), ("a...b,b...c->...ac", (2, 2, 3), (3, 2, 2)), ("ij,jk->ik", (2, 1), (3, 2)),
    ("i,ij,j", (2,), (2, 3), (3,)), ("ij,jk,kl->il", (2, 3), (3, 2), (2, 2)), ("iij,jkk->ik", (2, 2, 3), (3, 2, 2)),
    ("ij,k->k", (2, 3), (4,)), ("zab,bc->cza", (2, 2, 3), (3, 2)), ("ij,ji->", (2, 0), (0, 2)),
]:  # fmt: skip
    sample("einsum", lambda *x, s=subscripts: gt.einsum(s, *x), *[real(*shape) for shape in shapes],
           numpy=lambda *x, s=subscripts: np.einsum(s, *x), label=subscripts)  # fmt: skip
sample("einsum", lambda a, b: gt.einsum(a, [0, 1], b, [1, 2], [2, 0]), real(2, 3), real(3, 2),
       numpy=lambda a, b: (a @ b).T, label="lists")  # fmt: skip
sample("einsum", lambda a, b: gt.einsum("ij,jk", a, b), complex_(2, 3), complex_(3, 2), numpy=np.matmul,
       label="complex")  # fmt: skip
for axes in (0, 1, 2, ([1, 0], [0, 1]), (-1, 0)):
    sample("einsum", lambda a, b, n=axes: gt.tensordot(a, b, axes=n), real(3, 3), real(3, 3),
           numpy=lambda a, b, n=axes: np.tensordot(a, b, n), label=f"tensordot {axes}")  # fmt: skip
sample("einsum", gt.vecdot, complex_(2, 3), complex_(3), numpy=lambda a, b: np.sum(a.conj() * b, -1), label="vecdot")
sample("einsum", lambda a, b: gt.vecdot(a, b, axis=0), real(3, 2), real(3, 2), numpy=lambda a, b: np.sum(a * b, 0),
       label="vecdot axis 0")  # fmt: skip
sample("einsum", gt.dot, real(2, 3), real(2, 3, 2), numpy=np.dot, label="dot")
sample("multiply", gt.outer, real(3), real(2, 2), numpy=np.outer, label="outer")
sample("multiply", gt.kron, real(2, 3), real(3, 2), numpy=np.kron, label="kron")
sample("multiply", gt.kron, real(2), real(2, 1, 3), numpy=np.kron, label="kron of ranks 1 and 3")

for subscripts, shape in [
    ("ii", (3, 3)), ("ii->i", (3, 3)), ("ij->", (2, 3)), ("ij->j", (2, 3)), ("ij->ji", (2, 3)), ("iij->j", (2, 2, 3)),
    ("iji->ij", (2, 3, 2)), ("...ii", (2, 3, 3)), ("ii", (0, 0)), ("", ()),
]:  # fmt: skip
    sample("einsum_one", lambda x, s=subscripts: gt.einsum(s, x), real(*shape),
           numpy=lambda x, s=subscripts: np.einsum(s, x), label=subscripts)  # fmt: skip
    sample("einsum_spread", lambda x, s=subscripts: gt.grad(lambda z: gt.sum(gt.einsum(s, z) ** 2))(x), real(*shape),
           label=subscripts)  # fmt: skip

sample("cross", gt.cross, real(2, 3), real(3), numpy=np.cross)
sample("cross", gt.cross, complex_(3), complex_(3), numpy=np.cross, label="complex")
sample("cross", lambda a, b: gt.cross(a, b, axis=0), real(3, 2), real(3, 2),
       numpy=lambda a, b: np.cross(a, b, axis=0), label="axis 0")  # fmt: skip

# -- products with sparse matrices ---------------------------------------------------------------------------------
try:
    import scipy.sparse as sparse
except ImportError:  # the extra is not there
    sparse = None
if sparse is not None:
    RARE = np.where(np.random.default_rng(3).random((4, 5)) < 0.4, np.arange(20.0).reshape(4, 5), 0)
    RARE_CSR = sparse.csr_array(RARE)
    sample("sparse_matmul", lambda x: gt.matmul(RARE_CSR, x), real(5), numpy=lambda x: RARE @ x)
    sample("sparse_matmul", lambda x: gt.matmul(RARE_CSR, x), real(5, 3), numpy=lambda x: RARE @ x)
    sample("sparse_matmul", lambda x: gt.matmul(x, sparse.coo_matrix(RARE)), real(4), numpy=lambda x: x @ RARE)
    sample("sparse_matmul", lambda x: gt.matmul(x, RARE_CSR), real(2, 4),
           numpy=lambda x: x @ RARE)  # fmt: skip
