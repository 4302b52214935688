"""scipy.optimize.minimize on arrays in containers, with the derivatives that each method asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .arrays.dtypes import kind_of
from .arrays.libraries import to_numpy
from .derivatives.arguments import Selected, check_callable
from .derivatives.linear_operators import Vectors, hessian_operator, jacobian_operator
from .derivatives.reverse import value_and_grad
from .derivatives.sparse.prepare import prepare_hessian, prepare_jacobian
from .errors import missing_extra
from .functions.creation import asarray
from .functions.manipulation import concat, reshape
from .functions.reductions import sum as sum_of
from .nest import Structure, check_keys, children, flatten
from .tensor import Tensor

ndarray = np.ndarray

#: What each method of scipy.optimize.minimize can be given.
WITHOUT_DERIVATIVES = frozenset(["nelder-mead", "powell", "cobyla", "cobyqa"])
WITH_GRADIENT = frozenset(["cg", "bfgs", "l-bfgs-b", "tnc", "slsqp"])
WITH_PRODUCTS = frozenset(["newton-cg", "trust-ncg", "trust-krylov"])
WITH_HESSIAN = frozenset(["dogleg", "trust-exact"])
METHODS = WITHOUT_DERIVATIVES | WITH_GRADIENT | WITH_PRODUCTS | WITH_HESSIAN | {"trust-constr"}
CONSTRAINED = frozenset(["cobyla", "cobyqa", "slsqp", "trust-constr"])
BOUNDED = frozenset(["nelder-mead", "powell", "l-bfgs-b", "tnc", "slsqp", "trust-constr", "cobyla", "cobyqa"])
#: Fewest variables for which a sparse matrix is worth the search for its pattern.
SPARSE_FROM = 30


class Problem:
    """A function of arrays in a container, and its derivatives in the vector of all their elements.

    Value and gradient of a point come from one sweep and are kept until the next point; products with the Hessian
    come from a gradient recorded once for each point.
    """

    def __init__(self, f: Callable[..., Any], vectors: Vectors, args: tuple[Any, ...]):
        self.f, self.vectors, self.args = f, vectors, args
        self.both = value_and_grad(lambda x: f(x, *args))
        self.at: ndarray | None = None
        self.known: dict[str, Any] = {}

    def kept(self, v: ndarray, name: str, make: Callable[[Any], Any]) -> Any:
        """What `make` gives for this point, made once."""
        if self.at is None or not np.array_equal(self.at, v):
            self.at, self.known = np.array(v), {}
        if name not in self.known:
            self.known[name] = make(self.vectors.unravel(v))
        return self.known[name]

    def value(self, v: ndarray) -> float:
        """The function."""
        found = self.kept(v, "both", self.both)[0]
        if found.size != 1:
            raise ValueError(f"gradtape.minimize: f must give a scalar; it gave an array of shape {found.shape}")
        return float(found)

    def gradient(self, v: ndarray) -> ndarray:
        """Its gradient."""
        return self.vectors.ravel(self.kept(v, "both", self.both)[1])

    def operator(self, v: ndarray) -> Any:
        """Its Hessian, as an operator."""
        return self.kept(v, "operator", lambda x: hessian_operator(lambda x: self.f(x, *self.args), x))

    def product(self, v: ndarray, p: ndarray) -> ndarray:
        """Its Hessian times p."""
        found: ndarray = self.operator(v) @ p
        return found

    def hessian(self, v: ndarray) -> ndarray:
        """Its Hessian, dense."""
        found: ndarray = self.operator(v) @ np.eye(self.vectors.size)
        return found

    def of_vector(self, v: Any) -> Any:
        """The function of a vector, in gradtape's functions."""
        return self.f(unraveled(self.vectors, v), *self.args)

    def sparse_or_products(self, v: ndarray) -> Callable[..., Any]:
        """Its Hessian for trust-constr: sparse where the program shows it to be, dense where it is small."""
        if self.vectors.size >= SPARSE_FROM:
            try:
                prepared = prepare_hessian(self.of_vector, v)
            except (TypeError, NotImplementedError):  # the program looks at values
                return self.operator
            if prepared.pattern.nnz <= 0.3 * self.vectors.size**2:
                return lambda v: prepared(v)
            return self.operator
        return self.hessian


def unraveled(vectors: Vectors, v: Any) -> Any:
    """A vector in the container's structure, by gradtape's functions."""
    ends = [0, *vectors.ends]
    parts = [reshape(v[a:b], leaf.shape) for a, b, leaf in zip(ends, ends[1:], vectors.leaves, strict=False)]
    return vectors.structure.unflatten(parts)


# -- bounds and constraints --------------------------------------------------------------------------------------
def flat_bounds(bounds: Any, vectors: Vectors, scipy_bounds: Any) -> Any:
    """Bounds of the vector. Raises TypeError or ValueError for those of another structure, and for crossed ones."""
    if bounds is None:
        return None
    keep = False
    if isinstance(bounds, scipy_bounds):
        lower, upper, keep = bounds.lb, bounds.ub, bounds.keep_feasible
        try:
            sides = [np.broadcast_to(numbers(side, 0.0), (vectors.size,)) for side in (lower, upper)]
        except ValueError as error:
            raise wrong_bounds(vectors) from error
    elif isinstance(bounds, Sequence | ndarray) and not isinstance(bounds, str):
        pairs = are_pairs(bounds, vectors)
        lower, upper = zip(*bounds, strict=True) if pairs else bounds
        sides = []
        for side, without in ((lower, -np.inf), (upper, np.inf)):
            parts = [numbers(side, without)] if pairs else ends(side, vectors.structure, iter(vectors.leaves), without)
            if parts is None:
                check_keys(vectors.structure, flatten(side)[1], "minimize", "bounds")
                raise wrong_bounds(vectors)
            sides.append(np.concatenate([part.reshape(-1) for part in parts]))
    else:
        raise wrong_bounds(vectors)
    crossed = np.flatnonzero(sides[0] > sides[1])
    if len(crossed):
        i = crossed[0]
        raise ValueError(
            f"gradtape.minimize: bounds: of element {i} the lower one is {sides[0][i]:g}, the upper one {sides[1][i]:g}"
        )
    return scipy_bounds(*sides, keep_feasible=keep)


def wrong_bounds(vectors: Vectors) -> ValueError:
    """The error for bounds that do not fit x0."""
    return ValueError(
        "gradtape.minimize: bounds must be a pair (lower, upper), each None, a number, or a container like x0; or a "
        f"scipy.optimize.Bounds; or a list of pairs, one for each of the {vectors.size} elements of an x0 without keys"
    )


def are_pairs(bounds: Any, vectors: Vectors) -> bool:
    """Whether bounds are (lower, upper) of each element, and not of all. Raises ValueError for what may be either."""
    pairs = vectors.structure.keys is None and len(bounds) == vectors.size
    pairs = pairs and all([isinstance(pair, Sequence | ndarray) and len(pair) == 2 for pair in bounds])
    if not pairs and len(bounds) != 2:
        raise wrong_bounds(vectors)
    if not pairs or len(bounds) != 2 or not isinstance(bounds, tuple):
        return pairs
    if all([isinstance(side, ndarray) for side in bounds]):
        return False
    if vectors.structure.parts is None and all([isinstance(pair, tuple) for pair in bounds]):
        return True
    raise ValueError(
        "gradtape.minimize: bounds of two elements could be (lower, upper) or two pairs: pass (lower, upper) as "
        "arrays, or a list of pairs, or a scipy.optimize.Bounds"
    )


def ends(side: Any, structure: Structure, leaves: Iterator[Any], without: float) -> list[ndarray] | None:
    """One side of the bounds as an array for each leaf; None where it has another structure."""
    found = children(side)
    if structure.parts is None or (found is None and getattr(side, "shape", ()) == ()):
        chosen = [next(leaves) for _ in range(structure.size)]
        try:
            return [np.broadcast_to(numbers(side, without), leaf.shape) for leaf in chosen]
        except ValueError:
            return None
    if found is None or len(found[0]) != len(structure.parts) or found[2] != structure.keys:
        return None
    made: list[ndarray] = []
    for part, below in zip(found[0], structure.parts, strict=True):
        filled = ends(part, below, leaves, without)
        if filled is None:
            return None
        made += filled
    return made


def numbers(side: Any, without: float) -> ndarray:
    """Ends of intervals as real numbers, None being `without`. Raises TypeError or ValueError."""
    given = np.asarray(to_numpy(side._data) if isinstance(side, Tensor) else side)
    if given.dtype.kind == "O":
        given = np.array([without if end is None else end for end in given.reshape(-1)]).reshape(given.shape)
    if given.dtype.kind not in "iuf":
        raise TypeError(f"gradtape.minimize: bounds must be real numbers or None, not of dtype {given.dtype}")
    if np.isnan(given).any():
        raise TypeError("gradtape.minimize: bounds must not be NaN: None is no bound")
    return given.astype(float)


class Constraint:
    """A constraint function of the container, its Jacobian and the Hessian of its products with multipliers."""

    def __init__(self, c: Callable[..., Any], vectors: Vectors, args: tuple[Any, ...], start: ndarray):
        if not callable(c):
            raise TypeError(f"gradtape.minimize: constraints: fun must be a function, not a {type(c).__name__}")
        self.c, self.vectors, self.args = c, vectors, args
        self.jacobian, self.hessian = self.dense_jacobian, self.products
        if vectors.size >= SPARSE_FROM:
            try:
                jacobian = prepare_jacobian(self.of_vector, start)
                weighted = lambda v, m: sum_of(self.of_vector(v) * m)
                hessian = prepare_hessian(weighted, start, np.ones(jacobian.pattern.shape[0]))
            except (TypeError, NotImplementedError):
                return
            self.jacobian = lambda v: jacobian(v)
            self.hessian = lambda v, m: hessian(v, m)

    def value(self, v: ndarray) -> ndarray:
        """Its values as a vector."""
        outputs, _ = flatten(self.c(self.vectors.unravel(v), *self.args))
        return np.concatenate([np.reshape(to_numpy(asarray(y)._data), -1) for y in outputs])

    def of_vector(self, v: Any) -> Any:
        """The same by gradtape's functions."""
        outputs, _ = flatten(self.c(unraveled(self.vectors, v), *self.args))
        parts = [reshape(asarray(y), (-1,)) for y in outputs]
        return parts[0] if len(parts) == 1 else concat(parts)

    def dense_jacobian(self, v: ndarray) -> ndarray:
        """Its Jacobian."""
        J = jacobian_operator(lambda x: self.c(x, *self.args), self.vectors.unravel(v))
        found: ndarray = J @ np.eye(J.shape[1]) if J.shape[1] <= J.shape[0] else (J.T @ np.eye(J.shape[0])).T
        return found

    def products(self, v: ndarray, m: ndarray) -> Any:
        """The Hessian of m c as an operator."""
        return hessian_operator(lambda v: sum_of(self.of_vector(v) * m), np.asarray(v))


def flat_constraints(constraints: Any, vectors: Vectors, start: ndarray, method: str, scipy_optimize: Any) -> Any:
    """SciPy's constraints on the container as ones on the vector, with derivatives where none are given."""
    made = []
    for given in constraints:
        if isinstance(given, scipy_optimize.LinearConstraint):
            columns = np.shape(given.A)[-1]
            if columns != vectors.size:
                raise ValueError(
                    f"gradtape.minimize: constraints: the matrix of a LinearConstraint has {columns} columns, and x0 "
                    f"{vectors.size} elements"
                )
            made.append(given)
        elif isinstance(given, dict):
            if "fun" not in given or given.get("type") not in ("eq", "ineq"):
                raise ValueError("gradtape.minimize: constraints: a dict needs 'type' ('eq' or 'ineq') and 'fun'")
            more = given.get("args", ())
            own = Constraint(given["fun"], vectors, more if isinstance(more, tuple) else (more,), start)
            if method == "trust-constr":
                upper = 0.0 if given["type"] == "eq" else np.inf
                made.append(scipy_optimize.NonlinearConstraint(own.value, 0.0, upper, own.jacobian, own.hessian))
            else:
                entry = {"type": given["type"], "fun": own.value}
                made.append(entry if method in WITHOUT_DERIVATIVES else entry | {"jac": own.dense_jacobian})
        elif isinstance(given, scipy_optimize.NonlinearConstraint):
            own = Constraint(given.fun, vectors, (), start)
            derivatives: dict[str, Any] = {"jac": own.dense_jacobian}
            if method == "trust-constr":
                derivatives = {"jac": own.jacobian, "hess": own.hessian, "keep_feasible": given.keep_feasible}
            made.append(scipy_optimize.NonlinearConstraint(own.value, given.lb, given.ub, **derivatives))
        else:
            raise TypeError(
                "gradtape.minimize: constraints must be one or a list of dicts, NonlinearConstraints or "
                f"LinearConstraints of scipy.optimize, not {type(given).__name__}"
            )
    return made


# -- the function --------------------------------------------------------------------------------------------------
def minimize(
    f: Callable[..., Any],
    x0: Any,
    args: tuple[Any, ...] = (),
    method: str | None = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Callable[[Any], Any] | None = None,
    options: dict[str, Any] | None = None,
    progress: bool = False,
) -> Any:
    """A local minimum of a scalar f of arrays in any container, by scipy.optimize.minimize with exact derivatives.

    `x0`: real floating arrays; the result's `x` (and `jac`) has their structure, `x_vector` is it raveled. `method`:
    as SciPy's, which gets what it can use: the gradient (with the value, from one sweep), products with the Hessian
    (Newton-CG, trust-ncg, trust-krylov), the Hessian (dogleg, trust-exact), and for trust-constr sparse Hessians and
    constraint Jacobians where the program shows that they are. `bounds`: (lower, upper), each None, a number, or a
    container like x0; or SciPy's, a list of pairs too. `constraints`: SciPy's, one or a list of them, of functions of
    the container, without derivatives. `callback` gets the container; `progress` shows a bar (tqdm). Raises ValueError
    for an unknown method, one that takes no bounds or constraints, bounds of another structure, an empty x0, and where
    f is NaN at x0; ImportError without SciPy.

    >>> import gradtape as gt, numpy as np
    >>> f = lambda p: gt.sum((p["a"] - 1) ** 2) + (p["b"] - p["a"][0]) ** 4
    >>> result = gt.minimize(f, {"a": np.zeros(2), "b": 3.0}, method="trust-krylov")
    >>> result.x["a"].round(4).tolist(), bool(result.success)
    ([1.0, 1.0], True)
    """
    try:
        from scipy import optimize
    except ImportError:
        raise missing_extra("scipy", "optimize", "gradtape.minimize") from None
    check_callable(f, "minimize")
    args = args if isinstance(args, tuple) else (args,)
    selected = Selected((x0,), 0, "minimize")
    for leaf in selected.leaves:
        if kind_of(leaf.dtype) == "c":
            raise TypeError(f"gradtape.minimize: x0 must be real, and has dtype {leaf.dtype}")
    vectors = Vectors(selected.leaves, selected.structures[0], "minimize")
    if not vectors.size:
        raise ValueError("gradtape.minimize: x0 has no elements")
    several = isinstance(constraints, Sequence) and not isinstance(constraints, str)
    constraints = [] if constraints is None else list(constraints) if several else [constraints]
    constrained = len(constraints) > 0
    if method is None:
        method = "SLSQP" if constrained else "BFGS" if bounds is None else "L-BFGS-B"
    name = method.lower() if isinstance(method, str) else ""
    if name not in METHODS:
        raise ValueError(f"gradtape.minimize: method must be one of {', '.join(sorted(METHODS))}, not {method!r}")
    if bounds is not None and name not in BOUNDED:
        raise ValueError(f"gradtape.minimize: method {method!r} takes no bounds: {', '.join(sorted(BOUNDED))} do")
    if constrained and name not in CONSTRAINED:
        raise ValueError(
            f"gradtape.minimize: method {method!r} takes no constraints: {', '.join(sorted(CONSTRAINED))} do"
        )
    start = vectors.ravel(x0).astype(float)
    problem = Problem(f, vectors, args)
    if np.isnan(problem.value(start)):
        raise ValueError("gradtape.minimize: f is NaN at x0; gradtape.debug_nans() shows where derivatives are")
    given: dict[str, Any] = {}
    if name not in WITHOUT_DERIVATIVES:
        given["jac"] = problem.gradient
    if name in WITH_PRODUCTS:
        given["hessp"] = problem.product
    elif name in WITH_HESSIAN:
        given["hess"] = problem.hessian
    elif name == "trust-constr":
        given["hess"] = problem.sparse_or_products(start)
    if constrained:
        given["constraints"] = flat_constraints(constraints, vectors, start, name, optimize)
    bar = progress_bar(problem) if progress else None
    if callback is not None or bar is not None:

        def each(v: ndarray, *_: Any) -> Any:
            if bar is not None:
                bar.set_postfix_str(f"f = {problem.value(v):.6g}", refresh=False)
                bar.update()
            return None if callback is None else callback(vectors.unravel(v))

        given["callback"] = each
    try:
        result = optimize.minimize(
            problem.value, start, method=method, bounds=flat_bounds(bounds, vectors, optimize.Bounds), tol=tol,
            options=options, **given,
        )  # fmt: skip
    finally:
        if bar is not None:
            bar.close()
    result.x_vector = result.x
    result.x = vectors.unravel(result.x)
    if isinstance(result.get("jac"), ndarray) and result.jac.shape == start.shape:
        result.jac = vectors.unravel(result.jac)
    return result


def progress_bar(problem: Problem) -> Any:
    """A bar that counts iterations."""
    try:
        from tqdm import tqdm
    except ImportError:
        raise missing_extra("tqdm", "optimize", "minimize(progress=True)") from None
    return tqdm(desc="minimize", unit=" iterations")


__all__ = ["minimize"]
