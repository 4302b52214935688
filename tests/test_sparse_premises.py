"""What a pattern that holds for every input was read with: other arguments, Variables, values of transforms outside."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

import gradtape as gt

X = np.array([1.0, 2.0, 3.0])
#: That of x + x[::-1] after x.
CROSS = [[1, 0, 1], [0, 2, 0], [1, 0, 1]]


def crossed(x: Any, c: Any) -> Any:
    return x + gt.real(x[::-1] * c)


@pytest.mark.parametrize(
    "zero", [0, 0.0, 0j, np.float32(0), np.int64(0), np.complex64(0), np.zeros(()), np.zeros(3), gt.zeros(3)], ids=repr
)
def test_numbers_and_arrays_may_change(zero: Any) -> None:
    """The pattern does not go by their values, of whatever type they are."""
    P = gt.prepare_jacobian(crossed, X, zero)
    one = zero + 1 if not isinstance(zero, gt.Tensor) else gt.ones(3)
    assert P(X, one).toarray().tolist() == CROSS
    assert P(X, zero).toarray().tolist() == np.eye(3).tolist()


def test_arrays_of_other_libraries_may_change() -> None:
    xp = pytest.importorskip("array_api_strict")
    P = gt.prepare_jacobian(crossed, xp.asarray(X), xp.zeros(3))
    assert P(xp.asarray(X), xp.ones(3)).toarray().tolist() == CROSS


def test_sparse_matrices_keep_their_places() -> None:
    """Stored zeros may become something else; entries in other places are refused."""
    A = sp.coo_array(([0.0, 5.0], ([0, 2], [1, 0])), shape=(3, 3))
    P = gt.prepare_jacobian(lambda x, A: A @ x, X, A)
    B = sp.coo_array(([3.0, 4.0], ([0, 2], [1, 0])), shape=(3, 3))
    assert P(X, B).toarray().tolist() == B.toarray().tolist()
    assert P(X, A).toarray().tolist() == A.toarray().tolist()
    assert P(X, sp.csr_array((3, 3))).nnz == 2
    with pytest.raises(ValueError, match="argument 1 has 3 entries in new places"):
        P(X, sp.eye_array(3) + B)
    with pytest.raises(ValueError, match=r"argument 1 had the shape \(3, 3\), and has \(4, 3\)"):
        P(X, sp.csr_array((4, 3)))


@pytest.mark.parametrize("form", ["bsr", "coo", "csc", "csr", "dia", "dok", "lil"])
def test_every_form_of_a_sparse_matrix(form: str) -> None:
    A = sp.eye_array(3).asformat(form)
    P = gt.prepare_jacobian(lambda x, A: A @ x, X, A)
    assert P(X, 2 * A).toarray().tolist() == (2 * np.eye(3)).tolist()


def test_what_is_cancelled_in_a_sparse_matrix_may_come_back() -> None:
    A = sp.csr_array([[1.0, 2.0], [2.0, 3.0]])
    P = gt.prepare_jacobian(lambda x, A: (A - A.T) @ x, X[:2], A)
    B = sp.csr_array([[1.0, 5.0], [2.0, 3.0]])
    assert P(X[:2], B).toarray().tolist() == [[0.0, 3.0], [-3.0, 0.0]]


@pytest.mark.parametrize("other", [True, None, "no", 3.0, [False]], ids=repr)
def test_constants_are_to_stay(other: Any) -> None:
    P = gt.prepare_jacobian(lambda x, both: x * x[::-1] if both else x, X, False)
    assert P(X, np.bool_(False)).nnz == 3
    with pytest.raises(ValueError, match=r"argument 1 was False|other containers"):
        P(X, other)


def test_the_number_and_the_shapes_of_arguments_are_to_stay() -> None:
    P = gt.prepare_jacobian(lambda x, a, b: x[: len(a)] * b["c"], X, np.ones(2), {"c": 2.0})
    assert P(X, np.zeros(2), {"c": 3.0}).toarray().tolist() == [[3, 0, 0], [0, 3, 0]]
    with pytest.raises(TypeError, match="prepared with 2 arguments after x, and called with 1"):
        P(X, np.ones(2))
    with pytest.raises(ValueError, match=r"argument 1 had the shape \(2,\), and has \(3,\)"):
        P(X, np.ones(3), {"c": 2.0})
    with pytest.raises(ValueError, match="other containers"):
        P(X, np.ones(2), {"d": 2.0})


def test_local_and_given_patterns_take_what_they_are_given() -> None:
    full = np.ones((3, 3))
    P = gt.prepare_jacobian(lambda x, both: x * x[::-1] if both else x, X, False, pattern=full)
    assert P(X, True).toarray().tolist() == [[3, 0, 1], [0, 4, 0], [3, 0, 1]]
    assert gt.prepare_jacobian(lambda x, a: x, X, False, local=True)(X, True).nnz == 3


def test_a_lagrangian_says_what_is_missing() -> None:
    P = gt.prepare_hessian(lambda x: gt.sum(x**2), X, constraints=lambda x: x[:1] * x[1:2])
    with pytest.raises(TypeError, match="prepared with 1 argument after x, and called with 0"):
        P(X)
    with pytest.raises(TypeError, match="with constraints f takes x alone"):
        gt.prepare_hessian(lambda x: gt.sum(x), X, np.ones(1), 2.0, constraints=lambda x: x[:1])


# -- Variables ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("trainable", [True, False])
def test_a_variable_that_is_assigned(trainable: bool) -> None:
    """The pattern grows with the Variables that f reads; with it colours, and what was found out."""
    v = gt.Variable(np.zeros(3), trainable=trainable)
    P = gt.prepare_jacobian(lambda x: crossed(x, v), X)
    assert P.pattern.nnz == 3 and P.n_colors == 1
    v.assign(np.ones(3))
    assert P(X).toarray().tolist() == CROSS
    assert P.pattern.nnz == 5 and P.n_colors == 2
    v.assign(np.zeros(3))
    assert P(X).toarray().tolist() == np.eye(3).tolist()
    assert P.pattern.nnz == 5  # it holds for all values so far


def test_a_variable_by_way_of_a_comparison() -> None:
    v = gt.Variable(np.zeros(3))
    H = gt.prepare_hessian(lambda x: gt.sum(gt.where(v > 0, x * x[::-1], x**2)), X)
    assert H(X).toarray().tolist() == (2 * np.eye(3)).tolist()
    v.assign([1.0, 0.0, 1.0])
    assert H(X).toarray().tolist() == [[0, 0, 2], [0, 2, 0], [2, 0, 0]]


def test_variables_that_are_passed_or_made_inside_are_none_to_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    v = gt.Variable(np.zeros(3))
    P = gt.prepare_jacobian(lambda x, v: crossed(x, v) * gt.Variable(1.0), X, v)
    monkeypatch.setattr(P, "read_again", lambda *_: pytest.fail("the pattern was read again"))
    v.assign(np.ones(3))
    assert P(X, v).toarray().tolist() == CROSS


# -- nothing flows through a matrix of NumPy's numbers -----------------------------------------------------------
USES: dict[str, Callable[[Any], Any]] = {
    "jacobian": lambda w: gt.jacobian(lambda x: w * x**2, sparse=True)(X).data,
    "hessian": lambda w: gt.hessian(lambda x: w * gt.sum(x**3), sparse=True)(X).data,
    "prepared": lambda w: gt.prepare_hessian(lambda x: gt.sum(w * x**3), X, pattern=np.eye(3))(X).data,
    "hessian_operator": lambda w: gt.hessian_operator(lambda x: w * gt.sum(x**3), X) @ X,
    "jacobian_operator": lambda w: gt.jacobian_operator(lambda x: w * x**2, X) @ X,
    "gauss_newton": lambda w: gt.gauss_newton(lambda x: x**2, lambda y: w * gt.sum(y**2), X) @ X,
    "fisher": lambda w: gt.fisher(lambda x: w * x**2, X) @ X,
    "operator at": lambda w: gt.hessian_operator(lambda x: gt.sum(x**3), w * X) @ X,
}
AROUND: dict[str, Callable[[Any], Any]] = {
    "grad": lambda f: gt.grad(f)(2.0),
    "jvp": lambda f: gt.jvp(f, (2.0,), (1.0,)),
    "taylor": lambda f: gt.taylor(f, 2.0, 1.0, 2),
    "vmap": lambda f: gt.vmap(f)(gt.asarray([1.0, 2.0])),
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("use", USES)
def test_what_a_transform_follows_is_not_dropped(use: str, around: str) -> None:
    with pytest.raises(TypeError, match=r"through which nothing flows|a LinearOperator needs plain arrays"):
        AROUND[around](lambda w: gt.sum(gt.asarray(USES[use](w))))


@pytest.mark.parametrize("use", USES)
def test_a_tape_may_look_on_that_follows_nothing_of_it(use: str) -> None:
    want = USES[use](2.0)
    with gt.GradientTape() as tape:
        u = gt.asarray(3.0)
        tape.watch(u)
        got = USES[use](2.0)
        y = u * float(got.sum())
    np.testing.assert_array_equal(got, want)
    assert float(tape.gradient(y, u)) == want.sum()


# -- at odd points, and again and again ----------------------------------------------------------------------------
def test_a_scalar_step_of_infinite_slope() -> None:
    f = lambda x: gt.where(x[0] > 0, gt.sqrt(x[0]), 0.0) + gt.sum(x**2)
    assert gt.prepare_hessian(f, X)(np.array([0.0, 2.0, 0.0])).toarray().tolist() == (2 * np.eye(3)).tolist()
    H = gt.prepare_hessian(lambda x: x[0] ** x[1], X)(np.array([0.0, 2.0, 0.0]))
    assert H.toarray().tolist() == [[2, 0, 0], [0, 0, 0], [0, 0, 0]]


def test_indices_that_change_with_the_point_take_bounded_memory() -> None:
    P = gt.prepare_jacobian(lambda x: x[np.argsort(x.numpy())] ** 2, np.zeros(9), pattern=np.ones((9, 9)))
    rng = np.random.default_rng(0)
    sizes = []
    for _ in range(100):
        x = rng.standard_normal(9)
        assert np.array_equal(P(x).toarray(), np.diag(2 * x)[np.argsort(x)])
        assert P.memo is not None
        sizes.append(len(P.memo.known))
    assert max(sizes[50:]) == max(sizes[:50]) < 50


def test_threads_that_call_while_another_assigns() -> None:
    """Every matrix is of one moment's pattern; while nobody assigns, it is right."""
    n = 12
    v, x = gt.Variable(np.arange(n)), np.arange(1.0, n + 1)
    P = gt.prepare_jacobian(lambda x, a: x[v] * x * a, x, 1.0)
    wrong: list[Any] = []
    done = threading.Event()

    def call() -> None:
        while not done.is_set():
            before = v.numpy()
            try:
                got = P(x, 2.0).toarray()
            except Exception as error:
                wrong.append(error)
                return
            if np.array_equal(before, v.numpy()):
                want = np.diag(2 * x[before])
                want[np.arange(n), before] += 2 * x
                if not np.allclose(got, want):
                    wrong.append((before, got))

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    rng = np.random.default_rng(0)
    for _ in range(60):
        v.assign(rng.permutation(n))
        time.sleep(0.01)
    done.set()
    for thread in threads:
        thread.join(60)
    assert not wrong, wrong[0]
    assert P.pattern.nnz > 2 * n
