"""The sparse workloads in asdex, on JAX: the pattern from the jaxpr, colours, and a compiled evaluation by products."""

from importlib import metadata

import asdex
import jax
import jax.numpy as jnp
import numpy as np
from scipy.sparse import csr_array

from workloads import BRUSSELATOR

jax.config.update("jax_enable_x64", True)
version = metadata.version("asdex")


def rosenbrock(x):
    return jnp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def brusselator(w):
    side, a, b, c = BRUSSELATOR
    u, v = jnp.reshape(w, (2, side, side))

    def spread(z):
        return sum(jnp.roll(z, shift, axis) for shift in (1, -1) for axis in (0, 1)) - 4.0 * z

    reaction = u * u * v
    return jnp.concatenate([
        jnp.ravel(b + reaction - (a + 1.0) * u + c * spread(u)), jnp.ravel(a * u - reaction + c * spread(v))
    ])  # fmt: skip


def prepared(colouring, f, x):
    x = jnp.asarray(x)

    def run():
        found = colouring(f, x)
        run.colours = found.num_colors
        return [found.sparsity]

    return run


def evaluated(derivative, colouring, f, x):
    x = jnp.asarray(x)
    evaluate = jax.jit(derivative(f, colouring(f, x)))
    return lambda: [jax.block_until_ready(evaluate(x))]


def rosenbrock_pattern(x):
    return prepared(asdex.hessian_coloring, rosenbrock, x)


def rosenbrock_hessian(x):
    return evaluated(asdex.hessian_from_coloring, asdex.hessian_coloring, rosenbrock, x)


def brusselator_pattern(w):
    return prepared(asdex.jacobian_coloring, brusselator, w)


def brusselator_jacobian(w):
    return evaluated(asdex.jacobian_from_coloring, asdex.jacobian_coloring, brusselator, w)


def arrays(result):
    """A pattern as CSR indices and row starts; a matrix as its CSR data."""
    (found,) = result
    if isinstance(found, asdex.SparsityPattern):
        matrix = csr_array((np.ones(len(found.rows)), (found.rows, found.cols)), shape=found.shape)
        return [matrix.indices, matrix.indptr]
    rows, columns = np.asarray(found.indices).T
    return [csr_array((np.asarray(found.data), (rows, columns)), shape=found.shape).data]
