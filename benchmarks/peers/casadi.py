"""The sparse workloads in CasADi: expressions of scalars (SX), evaluated faster than those of matrices (MX) were."""

import casadi
import numpy as np
from scipy.sparse import csc_array

from workloads import BRUSSELATOR

version = casadi.__version__


def rosenbrock(n):
    x = casadi.SX.sym("x", n)
    f = casadi.sum1(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)
    return casadi.Function("hessian", [x], [casadi.hessian(f, x)[0]])


def brusselator(n):
    side, a, b, c = BRUSSELATOR
    w = casadi.SX.sym("w", n)
    u, v = w[: side * side], w[side * side :]
    cells = np.arange(side * side).reshape(side, side)

    def spread(z):
        moved = [np.roll(cells, shift, axis).ravel().tolist() for shift in (1, -1) for axis in (0, 1)]
        return z[moved[0]] + z[moved[1]] + z[moved[2]] + z[moved[3]] - 4.0 * z

    reaction = u * u * v
    f = casadi.vertcat(b + reaction - (a + 1.0) * u + c * spread(u), a * u - reaction + c * spread(v))
    return casadi.Function("jacobian", [w], [casadi.jacobian(f, w)])


def rosenbrock_pattern(x):
    return lambda: [rosenbrock(len(x)).sparsity_out(0)]


def rosenbrock_hessian(x):
    evaluate = rosenbrock(len(x))
    return lambda: [evaluate(x)]


def brusselator_pattern(w):
    return lambda: [brusselator(len(w)).sparsity_out(0)]


def brusselator_jacobian(w):
    evaluate = brusselator(len(w))
    return lambda: [evaluate(w)]


def arrays(result):
    """A pattern as CSR indices and row starts; a matrix as its CSR data."""
    (found,) = result
    pattern = found if isinstance(found, casadi.Sparsity) else found.sparsity()
    starts, rows = pattern.get_ccs()
    data = np.ones(len(rows)) if pattern is found else np.asarray(found.nonzeros())
    matrix = csc_array((data, rows, starts), shape=pattern.shape).tocsr()
    matrix.sort_indices()
    return [matrix.indices, matrix.indptr] if pattern is found else [matrix.data]
