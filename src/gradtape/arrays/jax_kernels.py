"""Kernels of JAX arrays where JAX has something of its own, or does it otherwise than the standard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .indexing_kernels import filled
from .numpy_kernels import REPORT
from .standard_linalg import contracted

SPECIAL = "jax.scipy.special"

#: Kernels that are left as they are: their parameters are keys, or how much they give depends on the values.
EAGER = frozenset(
    ["gather", "getitem", "last_writers", "scatter", "scatter_add", "scatter_sum", "setitem", "to_device"]
)


def compiled(kernel: Callable[..., Any], name: str) -> Callable[..., Any]:
    """A kernel of several operations as one program of XLA's, made once for each shape."""
    if name in EAGER or name.startswith("matrix_function"):  # whose function is another one at each call
        return kernel
    import jax

    program = jax.jit(lambda data, parameters: kernel(*data, **dict(parameters)), static_argnums=1)

    def call(*data: Any, **parameters: Any) -> Any:
        if REPORT.get() is not None:  # somebody wants to see elements
            return kernel(*data, **parameters)
        return program(data, tuple(parameters.items()))

    return call


def gather(xp: Any, x: Any, *indices: Any, key: Any) -> Any:
    """x[key] with index arrays; JAX checks none, so what is out of range is made NaN, not some other element."""
    return x.at[filled(key, indices)].get(mode="fill")


def scatter_add(xp: Any, g: Any, *indices: Any, key: Any, shape: Any) -> Any:
    """Zeros of that shape with g added at a key."""
    return xp.zeros(shape, dtype=g.dtype).at[filled(key, indices)].add(g)


def put_slices(xp: Any, x: Any, slices: Any, v: Any) -> Any:
    """x with v at slices."""
    return x.at[slices].set(v)


def max_at(xp: Any, n: int, positions: Any, values: Any) -> Any:
    """For each of n places the largest of the values at it; -1 where there is none."""
    return xp.full(n, -1, dtype=values.dtype).at[positions].max(values)


def complex_of(xp: Any, a: Any, b: Any) -> Any:
    """a + ib, infinite parts staying what they are."""
    from jax import lax

    a, b = xp.broadcast_arrays(a, b)
    dtype = xp.result_type(a, b, xp.float32)
    return lax.complex(xp.astype(a, dtype), xp.astype(b, dtype))


def to_device(xp: Any, x: Any, device: Any, source: Any) -> Any:
    """x on that device (or in that sharding)."""
    import jax

    return jax.device_put(x, device)


def expm(xp: Any, x: Any, blocks: int) -> Any:
    """The exponential of matrices."""
    from jax.scipy.linalg import expm

    return expm(x, max_squarings=64)


KERNELS: dict[str, Any] = {
    function.__name__: function
    for function in (expm, gather, max_at, put_slices, scatter_add, to_device)
} | {"complex": complex_of, "einsum": contracted, "einsum_one": contracted}

