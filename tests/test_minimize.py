"""gradtape.minimize: every method finds the minimum, on containers, with bounds and constraints."""

from __future__ import annotations

import subprocess
import sys
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import gradtape as gt
from gradtape import optimize as ours

scipy_optimize = pytest.importorskip("scipy.optimize")
START = np.array([1.3, 0.7, 0.8, 1.9, 1.2])


def rosenbrock(x: Any) -> Any:
    return gt.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def bowl(p: Any) -> Any:
    return gt.sum((p["a"] - 1) ** 2) + (p["b"] - p["a"][0]) ** 2


BOWL = {"a": np.zeros(2), "b": 3.0}


@pytest.mark.parametrize("method", [None, *sorted(ours.METHODS - ours.WITHOUT_DERIVATIVES - {"dogleg"})])
def test_every_method_with_derivatives(method: str | None) -> None:
    result = gt.minimize(rosenbrock, START, method=method, tol=1e-9)
    np.testing.assert_allclose(result.x, np.ones(5), atol=1e-3)
    np.testing.assert_array_equal(result.x, result.x_vector)


@pytest.mark.parametrize("method", sorted(ours.WITHOUT_DERIVATIVES))
def test_methods_without_derivatives(method: str) -> None:
    result = gt.minimize(bowl, BOWL, method=method, tol=1e-6)
    np.testing.assert_allclose(result.x["a"], 1, atol=1e-2)
    np.testing.assert_allclose(result.x["b"], 1, atol=1e-2)


def test_dogleg_where_the_hessian_is_positive() -> None:
    np.testing.assert_allclose(gt.minimize(rosenbrock, np.full(5, 1.02), method="dogleg").x, np.ones(5), atol=1e-4)


def test_derivatives_are_exact_and_made_once_for_a_point() -> None:
    """The value and the gradient of a point are one run of f; products with its Hessian one more."""
    runs = []
    counted = lambda x: runs.append(1) or rosenbrock(x)
    result = gt.minimize(counted, START, method="BFGS")
    assert len(runs) <= result.nfev + 1
    problem = ours.Problem(counted, ours.Vectors([gt.asarray(START)], gt.nest.flatten(START)[1], "test"), ())
    runs.clear()
    for v in np.eye(5):
        np.testing.assert_allclose(problem.product(START, v), gt.hvp(rosenbrock, START, v).numpy(), rtol=1e-12)
    assert len(runs) == 1
    np.testing.assert_allclose(problem.hessian(START), gt.hessian(rosenbrock)(START).numpy(), rtol=1e-12)


@dataclass
class Line:
    slope: Any
    offset: Any


def test_containers_dataclasses_and_arguments() -> None:
    t = np.linspace(0, 1, 20)
    fit = lambda p, data: gt.sum((p.slope * t + p.offset - data) ** 2)
    result = gt.minimize(fit, Line(0.0, np.zeros(1)), args=(2 * t - 3,), method="trust-exact")
    assert isinstance(result.x, Line)
    np.testing.assert_allclose([result.x.slope, result.x.offset[0]], [2, -3], atol=1e-7)
    nested = gt.minimize(lambda p: gt.sum(p[0][0] ** 2) + (p[1] - 1) ** 2, ([np.ones((2, 2))], 4.0))
    assert nested.x[0][0].shape == (2, 2)
    np.testing.assert_allclose(nested.jac[0][0], 0, atol=1e-4)


@pytest.mark.parametrize(
    "bounds",
    [
        ({"a": -1.0, "b": 0.0}, {"a": 0.5, "b": None}),
        (None, {"a": np.array([0.5, 0.5]), "b": 9.0}),
        (-5, 0.5),
        scipy_optimize.Bounds(-5, 0.5),
    ],
    ids=["container", "upper only", "numbers", "SciPy's"],
)
def test_bounds(bounds: Any) -> None:
    result = gt.minimize(bowl, BOWL, bounds=bounds)
    np.testing.assert_allclose(result.x["a"], 0.5, atol=1e-6)
    np.testing.assert_allclose(result.x["b"], 0.5, atol=1e-6)
    pairs = gt.minimize(lambda x: gt.sum((x - 1) ** 2), np.zeros(2), bounds=[(None, 0.5), (-1, None)])
    np.testing.assert_allclose(pairs.x, [0.5, 1.0], atol=1e-6)


@pytest.mark.parametrize("method", [None, "trust-constr", "COBYLA"])
@pytest.mark.parametrize("kind", ["dict", "NonlinearConstraint"])
def test_constraints(method: str | None, kind: str) -> None:
    """The point of the unit ball that is nearest to (1, 1) in a and to a[0] in b."""
    inside = lambda p: 1 - gt.sum(p["a"] ** 2) - p["b"] ** 2
    given = {"type": "ineq", "fun": inside} if kind == "dict" else scipy_optimize.NonlinearConstraint(inside, 0, np.inf)
    result = gt.minimize(bowl, {"a": np.zeros(2), "b": 0.1}, method=method, constraints=given, tol=1e-8)
    assert float(inside(result.x)) > -1e-6
    assert float(bowl(result.x)) == pytest.approx(0.2929585, abs=1e-4)
    assert float(inside(result.x)) < 1e-4


@pytest.mark.parametrize("n", [10, 60])
def test_a_constrained_chain_dense_and_sparse(n: int) -> None:
    """Neighbours on a circle of radius 1: derivatives are dense below 30 variables, from there on sparse."""
    on_circle = scipy_optimize.NonlinearConstraint(lambda x: x[1:] ** 2 + x[:-1] ** 2, 1.0, 1.0)
    f = lambda x: gt.sum((x - 0.5) ** 2)
    result = gt.minimize(f, np.linspace(0.5, 0.9, n), method="trust-constr", constraints=on_circle, tol=1e-8)
    np.testing.assert_allclose(result.x, np.sqrt(0.5), atol=1e-4)
    problem = ours.Problem(f, ours.Vectors([gt.asarray(result.x)], gt.nest.flatten(result.x)[1], "test"), ())
    hessian = problem.sparse_or_products(result.x)(result.x)
    assert hasattr(hessian, "toarray") == (n >= ours.SPARSE_FROM)


def test_branches_on_values_are_followed_by_products() -> None:
    f = lambda x: gt.sum((x - 1) ** 4) if float(x[0]) > 0.5 else gt.sum((x - 1) ** 2)
    result = gt.minimize(f, np.zeros(40), method="trust-constr")
    np.testing.assert_allclose(result.x, 1, atol=2e-2)


def test_callbacks_get_containers_and_may_stop() -> None:
    seen = []

    def stop(p: Any) -> None:
        seen.append(p)
        if len(seen) == 3:
            raise StopIteration

    result = gt.minimize(rosenbrock, START, method="L-BFGS-B", callback=stop)
    assert len(seen) == 3
    assert not result.success
    gt.minimize(bowl, BOWL, method="trust-constr", callback=lambda p: seen.append(p["a"].shape))
    assert seen[-1] == (2,)


def test_a_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    gt.minimize(rosenbrock, START, progress=True)
    assert "f = " in capsys.readouterr().err


def test_scipy_is_imported_when_it_is_needed() -> None:
    code = "import sys, gradtape; assert 'scipy' not in sys.modules; gradtape.minimize"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: gt.minimize(rosenbrock, START, method="newton"), ValueError, "method must be one of .*, not 'newton'"),
        (lambda: gt.minimize(rosenbrock, START, method="BFGS", bounds=(0, 1)), ValueError, "'BFGS' takes no bounds"),
        (
            lambda: gt.minimize(rosenbrock, START, method="CG", constraints={"type": "eq", "fun": rosenbrock}),
            ValueError,
            "'CG' takes no constraints",
        ),
        (lambda: gt.minimize(lambda x: x, START), ValueError, "scalar"),
        (lambda: gt.minimize(rosenbrock, np.arange(3)), TypeError, "dtype int64"),
        (lambda: gt.minimize(rosenbrock, START + 1j), TypeError, "x0 must be real"),
        (lambda: gt.minimize(lambda x: gt.sum(gt.log(x)), -START), ValueError, "f is NaN at x0"),
        (lambda: gt.minimize(bowl, BOWL, bounds=({"a": 0.0}, None)), ValueError, r"bounds has the keys"),
        (lambda: gt.minimize(bowl, BOWL, bounds=(np.zeros(7), None)), ValueError, r"bounds must be a pair"),
        (lambda: gt.minimize(bowl, BOWL, bounds=3), ValueError, r"bounds must be a pair"),
        (lambda: gt.minimize(bowl, BOWL, constraints={"fun": bowl}), ValueError, "a dict needs 'type'"),
        (lambda: gt.minimize(bowl, BOWL, constraints=[bowl]), TypeError, "not function"),
        (lambda: gt.minimize(3, START), TypeError, "minimize"),
    ],
)
def test_bad_input(call: Any, error: type[Exception], message: str) -> None:
    with np.errstate(all="ignore"), pytest.raises(error, match=message):
        call()


# -- odd bounds and constraints
BOX = ["nelder-mead", "powell", "l-bfgs-b", "tnc", "slsqp", "trust-constr", "cobyla", "cobyqa"]
NESTED = {"a": 0.5, "b": np.array([0.5, 0.5])}
far = lambda p: (p["a"] - 3) ** 2 + gt.sum((p["b"] + 3) ** 2)
far_vector = lambda x: gt.sum((x - np.array([3.0, -3.0])) ** 2)


def solved(f: Any, x0: Any, **given: Any) -> np.ndarray:
    return gt.minimize(f, x0, **given).x_vector


def test_every_method_with_bounds_keeps_to_them() -> None:
    """Other methods refuse them."""
    assert set(BOX) == ours.BOUNDED
    for method in BOX:
        x = solved(far, NESTED, method=method, bounds=({"b": -1.0, "a": 0.0}, {"a": 1.0, "b": None}))
        np.testing.assert_allclose(x, [1, -1, -1], atol=2e-3)
        assert (x <= [1 + 1e-9, np.inf, np.inf]).all()
        assert (x >= [0, -1 - 1e-9, -1 - 1e-9]).all()
    for method in sorted(ours.METHODS - ours.BOUNDED):
        with pytest.raises(ValueError, match="takes no bounds"):
            gt.minimize(far, NESTED, method=method, bounds=(0, 1))


@pytest.mark.parametrize(
    ("bounds", "x"),
    [
        (({"b": None, "a": 0.0}, {"b": [1.0, 2.0], "a": None}), [3, -3, -3]),
        (({"b": [None, -1.0], "a": 0.0}, None), [3, -3, -1]),
        ((np.float32(-1), np.int64(1)), [1, -1, -1]),
        ((np.array(-1.0), gt.asarray(1)), [1, -1, -1]),
        (({"a": gt.asarray(-1.0), "b": gt.asarray([-1.0, -2.0])}, 1.0), [1, -1, -2]),
        (scipy_optimize.Bounds([-1, -1, -2], 1), [1, -1, -2]),
        (scipy_optimize.Bounds(lb=-1), [3, -1, -1]),
    ],
)
def test_bounds_of_a_container(bounds: Any, x: Any) -> None:
    np.testing.assert_allclose(solved(far, NESTED, bounds=bounds), x, atol=1e-5)


def test_bounds_of_vectors_numbers_and_lists() -> None:
    start = np.array([0.5, 0.5])
    for bounds in (
        [(0, 1), (-1, None)], ((0.0, 1.0), (-1.0, 2.0)), np.array([[0, 1], [-1, 2]]), [[None, np.float32(1)], [-1, 2]],
        (np.array([0.0, -1.0]), np.array([1.0, 2.0])), (np.array([0.0, -1.0]), 1),
    ):  # fmt: skip
        np.testing.assert_allclose(solved(far_vector, start, bounds=bounds), [1, -1], atol=1e-5)
    cube = lambda x: gt.sum((x - 3) ** 2)
    assert solved(cube, np.zeros(3), bounds=[(0, 1)] * 3).tolist() == [1, 1, 1]
    assert solved(cube, np.zeros((2, 2)), bounds=(-1, np.array([1.0, 2.0]))).tolist() == [1, 2, 1, 2]
    assert solved(cube, np.zeros((2, 2)), bounds=[(0, 1)] * 4).tolist() == [1, 1, 1, 1]
    assert solved(cube, 0.0, bounds=[(-1, 1)]).tolist() == [1]
    of_list = lambda p: (p[0] - 3) ** 2 + (p[1] + 3) ** 2
    assert solved(of_list, [1.0, 1.5], bounds=[(0, 2), (1, 5)]).tolist() == [2, 1]


@pytest.mark.parametrize(
    ("f", "x0", "bounds", "message"),
    [
        (far, NESTED, ({"a": 0.0, "c": -1.0}, None), "bounds has the keys"),
        (far, NESTED, ({"a": 0.0}, None), "bounds has the keys"),
        (far, NESTED, ([0.0, -1.0], None), "bounds must be a pair"),
        (far, NESTED, (np.zeros(3), None), "bounds must be a pair"),
        (far, NESTED, {"a": (0, 1), "b": (0, 1)}, "bounds must be a pair"),
        (far, NESTED, scipy_optimize.Bounds([0, 0], 1), "bounds must be a pair"),
        (far_vector, np.zeros(2), ([0.0, -1.0], [1.0, 2.0]), "bounds of two elements could be"),
        (far_vector, np.zeros(2), [(0, 1)] * 3, "bounds must be a pair"),
        (far_vector, np.zeros(2), (1.0, 0.0), "bounds: of element 0 the lower one is 1, the upper one 0"),
        (far_vector, np.zeros(2), (np.nan, 1.0), "bounds must not be NaN"),
        (far_vector, np.zeros(2), (1j, None), "bounds must be real numbers"),
        (far_vector, np.zeros(2), (True, None), "bounds must be real numbers"),
        (far_vector, np.zeros(2), 3.0, "bounds must be a pair"),
        (far_vector, np.zeros(2), "ab", "bounds must be a pair"),
        (gt.sum, np.zeros(0), None, "x0 has no elements"),
        (lambda p: 1.0, {}, None, "x0 has no elements"),
    ],
)
def test_bounds_that_fit_nothing(f: Any, x0: Any, bounds: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"gradtape.minimize: {message}"):
        gt.minimize(f, x0, bounds=bounds)


@pytest.mark.parametrize("method", ["slsqp", "trust-constr", "cobyla", "cobyqa"])
def test_constraints_in_every_form(method: str) -> None:
    """a <= 2 and b1 = b0 + 1."""
    below = {"type": "ineq", "fun": lambda p, most: most - p["a"], "args": 2.0}
    apart = {"type": "eq", "fun": lambda p: p["b"][0] - p["b"][1] + 1}
    both = scipy_optimize.NonlinearConstraint(
        lambda p: {"a": p["a"], "b": p["b"][0] - p["b"][1]}, [-np.inf, -1], [2, -1]
    )
    linear = scipy_optimize.LinearConstraint([[1, 0, 0], [0, 1, -1]], [-np.inf, -1], [2, -1])
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Constraint options")
        mixed = [] if method == "cobyla" else [[linear, below]]  # SciPy's COBYLA stops early on constraints given twice
        for given in [[below, apart], (below, apart), both, [both], linear, *mixed]:
            x = solved(far, NESTED, method=method, constraints=given, tol=1e-8)
            np.testing.assert_allclose(x, [2, -3.5, -2.5], atol=2e-2)
        x = solved(far, NESTED, method=method, constraints=below, bounds=(-1, None), tol=1e-8)
        np.testing.assert_allclose(x, [2, -1, -1], atol=1e-3)
    for none in (None, [], ()):
        np.testing.assert_allclose(solved(far, NESTED, method=method, constraints=none), [3, -3, -3], atol=1e-2)


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        (scipy_optimize.LinearConstraint([[1, 0]], 0, 2), "constraints: the matrix of a Linear.* has 2 columns"),
        ({"type": "eq", "fun": 3}, "constraints: fun must be a function"),
        ({"type": "le", "fun": far}, "constraints: a dict needs"),
        (far, "constraints must be one or a list of dicts"),
        ("a", "constraints must be one or a list of dicts"),
    ],
)
def test_constraints_that_are_none(constraints: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"gradtape.minimize: {message}"):
        gt.minimize(far, NESTED, constraints=constraints)
