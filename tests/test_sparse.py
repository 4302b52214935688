"""Sparse Jacobians and Hessians: against dense ones, formats, prepared objects, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse

import gradtape as gt


def rosenbrock(x: Any) -> Any:
    return gt.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def bratu(u: Any) -> Any:
    """Minus the Laplacian less 6 exp(u), on a square grid with zeros around it."""
    m = round(u.shape[0] ** 0.5)
    padded = gt.zeros((m + 2, m + 2))
    padded[1:-1, 1:-1] = gt.reshape(u, (m, m))
    inner = padded[1:-1, 1:-1]
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    return gt.ravel(4 * inner - around - 6 / (m + 1) ** 2 * gt.exp(inner))


def separable(x: Any) -> Any:
    return gt.sum(gt.sin(x) * x)


def with_a_dense_row(x: Any) -> Any:
    return gt.concat([x**2, gt.reshape(gt.sum(x), (1,))])


POINT = np.linspace(-1, 1.3, 9)


@pytest.mark.parametrize("f", [bratu, with_a_dense_row, gt.sin, lambda x: x[::-1] * x, lambda x: gt.cumulative_sum(x)])
@pytest.mark.parametrize("batch_size", [None, 1, 2])
@pytest.mark.parametrize("local", [False, True])
def test_jacobians_are_the_dense_ones(f: Any, batch_size: Any, local: bool) -> None:
    got = gt.jacobian(f, sparse=True, batch_size=batch_size, local=local)(POINT)
    assert isinstance(got, scipy.sparse.csr_array)
    assert got.has_canonical_format
    np.testing.assert_allclose(got.toarray(), gt.jacobian(f)(POINT).numpy(), rtol=1e-13)


@pytest.mark.parametrize("f", [rosenbrock, separable, lambda x: gt.sum(x) ** 2, lambda x: gt.sum(x), lambda x: x[0]])
@pytest.mark.parametrize("batch_size", [None, 1, 2])
@pytest.mark.parametrize("local", [False, True])
def test_hessians_are_the_dense_ones(f: Any, batch_size: Any, local: bool) -> None:
    got = gt.hessian(f, sparse="csr", batch_size=batch_size, local=local)(POINT)
    np.testing.assert_allclose(got.toarray(), gt.hessian(f)(POINT).numpy(), rtol=1e-13, atol=1e-13)


def test_coo_on_request() -> None:
    got = gt.hessian(rosenbrock, sparse="coo")(POINT)
    assert isinstance(got, scipy.sparse.coo_array)
    np.testing.assert_allclose(got.toarray(), gt.hessian(rosenbrock)(POINT).numpy())


def test_other_arguments_stay_arguments() -> None:
    f = lambda a, x, scale=1.0: scale * a * x**2
    a = np.array([0.0, 2.0])
    got = gt.jacobian(f, argnums=1, sparse=True)(a, POINT[:2], scale=3.0)
    np.testing.assert_allclose(got.toarray(), np.diag(6 * a * POINT[:2]))


def test_prepared_objects_serve_other_points_and_other_arguments() -> None:
    """The pattern goes by no value of what may be another in the next call."""
    jacobian = gt.prepare_jacobian(lambda x, a: a * x[::-1], np.zeros(3), np.array([0.0, 0.0, 1.0]))
    assert jacobian.pattern.nnz == 3
    got = jacobian(np.ones(3), np.array([1.0, 2.0, 3.0])).toarray()
    np.testing.assert_array_equal(got[:, ::-1], np.diag([1, 2, 3]))
    hessian = gt.prepare_hessian(rosenbrock, np.zeros(5))
    x = np.linspace(0, 1, 5)
    np.testing.assert_allclose(hessian(x).toarray(), gt.hessian(rosenbrock)(x).numpy())
    assert hessian.n_colors == 3


def test_constant_zeros_are_left_out() -> None:
    mask = np.array([1.0, 0.0, 2.0])
    assert gt.prepare_jacobian(lambda x: mask * x, np.ones(3)).pattern.nnz == 2
    assert gt.prepare_jacobian(lambda x: gt.where(mask > 0, x, x**2), np.ones(3)).pattern.nnz == 3
    banded = np.diag(np.ones(3)) + np.diag(np.ones(2), 1)
    assert gt.prepare_jacobian(lambda x: banded @ x, np.ones(3)).pattern.nnz == 5


def test_a_local_pattern_leaves_out_what_is_zero_here() -> None:
    f = lambda x: gt.where(x > 0, x[0] * x, x)
    x = np.array([1.0, -1.0, 2.0])
    assert gt.prepare_jacobian(f, x).pattern.nnz == 5
    assert gt.prepare_jacobian(f, x, local=True).pattern.nnz == 4
    branching = lambda x: x**2 if x[0] > 0 else x[::-1]
    np.testing.assert_array_equal(gt.jacobian(branching, sparse=True, local=True)(x).toarray(), np.diag(2 * x))


def test_examples_of_a_batch_do_not_mix() -> None:
    """Matrices of a stack, rows of an array: each is a block."""
    x = np.linspace(0.1, 1.2, 16) + np.tile(np.eye(2).ravel() * 4, 4)
    stack = lambda x: gt.reshape(x, (4, 2, 2))
    for f, blocks in [
        (lambda x: gt.ravel(gt.linalg.inv(stack(x))), 64),
        (lambda x: gt.linalg.det(stack(x)), 16),
        (lambda x: gt.ravel(gt.linalg.solve(stack(x), stack(x)[:, :, :1])), 32),
        (lambda x: gt.ravel(gt.nn.softmax(gt.reshape(x, (8, 2)))), 32),
        (lambda x: gt.ravel(stack(x) @ stack(x)), 48),
        (lambda x: gt.ravel(gt.fft.fft(gt.reshape(x, (8, 2))).real), 32),
        (lambda x: gt.linalg.vector_norm(gt.reshape(x, (8, 2)), axis=1), 16),
        (lambda x: gt.linalg.vector_norm(gt.reshape(x, (8, 2)), axis=0, ord=3), 16),
        (lambda x: gt.ravel(gt.linalg.vector_norm(gt.reshape(x, (8, 2)), axis=1, keepdims=True)), 16),
        (lambda x: gt.linalg.matrix_norm(stack(x)), 16),
        (lambda x: gt.ravel(gt.sort(gt.reshape(x, (8, 2)), axis=1)), 32),
        (lambda x: gt.logsumexp(gt.reshape(x, (8, 2)), axis=1), 16),
    ]:
        P = gt.prepare_jacobian(f, x)
        np.testing.assert_allclose(P(x).toarray(), gt.jacobian(f)(x).numpy(), atol=1e-12)
        assert P.pattern.nnz == blocks


def test_a_global_pattern_of_a_branch_is_refused() -> None:
    with pytest.raises(TypeError, match=r"looks at values \(at .*test_sparse.py.*local=True"):
        gt.jacobian(lambda x: x if x[0] > 0 else x[::-1], sparse=True)(POINT)


@pytest.mark.parametrize(
    ("f", "x", "error", "text"),
    [
        (gt.sin, np.ones((2, 2)), ValueError, r"must be a vector; its shape is \(2, 2\): pass gradtape.ravel"),
        (gt.sin, [np.ones(2), np.ones(2)], TypeError, "not a container of arrays: ravel"),
        (gt.sin, np.ones(2) + 1j, TypeError, "must be real"),
        (gt.sin, np.ones(2, int), TypeError, "only floating numbers"),
        (gt.sum, np.ones(2), ValueError, "gradtape.grad for a scalar"),
        (lambda x: gt.outer(x, x), np.ones(2), ValueError, r"return gradtape.ravel\(y\)"),
        (lambda x: (x, x), np.ones(2), TypeError, "not a container: concat"),
    ],
)
def test_what_is_no_vector_is_refused(f: Any, x: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        gt.jacobian(f, sparse=True)(x)


def test_wrong_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="'csr' or 'coo'"):
        gt.jacobian(gt.sin, sparse="dense")
    with pytest.raises(TypeError, match="argnums must be one int"):
        gt.jacobian(gt.multiply, argnums=(0, 1), sparse=True)(POINT, POINT)
    with pytest.raises(ValueError, match="must give a scalar"):
        gt.hessian(gt.sin, sparse=True)(POINT)


def test_nothing_flows_through_a_sparse_array() -> None:
    x = gt.asarray(POINT)
    with gt.GradientTape() as tape:
        tape.watch(x)
        with pytest.raises(TypeError, match="cannot be taken inside a tape"):
            gt.hessian(rosenbrock, sparse=True)(x)
    with pytest.raises(TypeError, match="cannot be taken inside a tape"):
        gt.jvp(lambda x: gt.hessian(rosenbrock, sparse=True)(x), (x,), (x,))


@pytest.mark.parametrize("kind", [scipy.sparse.csr_array, scipy.sparse.csc_matrix, scipy.sparse.coo_array])
def test_products_with_sparse_matrices(kind: Any) -> None:
    """A @ x and x @ A are recorded, whoever of the two is asked first."""
    dense = np.array([[1.0, 0.0, 2.0], [0.0, 0.0, 3.0]])
    A = kind(dense)
    x, y = gt.asarray([1.0, 2.0, 3.0]), gt.asarray([1.0, -1.0])
    for product, point, matrix in [
        (lambda x: A @ x, x, dense), (lambda x: gt.matmul(A, x), x, dense), (lambda x: x @ A.T, x, dense),
        (lambda y: y @ A, y, dense.T), (lambda y: A.T @ y, y, dense.T),
    ]:  # fmt: skip
        assert isinstance(product(point), gt.Tensor)
        np.testing.assert_allclose(product(point).numpy(), matrix @ point.numpy())
        np.testing.assert_allclose(gt.jacobian(product)(point).numpy(), matrix)
        P = gt.prepare_jacobian(product, point)
        assert P.pattern.nnz == 3
        np.testing.assert_allclose(P(point).toarray(), matrix)
        assert P.memo is not None
    with pytest.raises(ValueError, match=r"shapes \(2, 3\) and \(2,\) do not fit"):
        gt.matmul(A, y)
    with pytest.raises(TypeError, match="both operands are sparse"):
        gt.matmul(A, A.T)


def test_the_entries_of_a_sparse_factor_are_read_each_time() -> None:
    A = scipy.sparse.csr_array(np.eye(3))
    P = gt.prepare_jacobian(lambda x: A @ x, np.ones(3))
    A.data[:] = [1.0, 2.0, 3.0]
    np.testing.assert_array_equal(P(np.ones(3)).toarray(), np.diag([1.0, 2.0, 3.0]))
