"""Kernels of CuPy arrays where CuPy has something of its own. (No test runs on a GPU: untested.)"""

from __future__ import annotations

from typing import Any

SPECIAL = "cupyx.scipy.special"


def add_at(xp: Any, n: int, positions: Any, rows: Any) -> Any:
    """n rows of zeros, to which these rows are added at the positions."""
    y = xp.zeros((n, rows.shape[1]), dtype=rows.dtype)
    xp.add.at(y, positions, rows)
    return y


def max_at(xp: Any, n: int, positions: Any, values: Any) -> Any:
    """For each of n places the largest of the values at it; -1 where there is none."""
    y = xp.zeros((n,), dtype=xp.uint64)  # CuPy scatters no signed integers of 64 bits
    xp.maximum.at(y, positions, xp.astype(values + 1, xp.uint64))
    return xp.astype(y, values.dtype) - 1


def to_device(xp: Any, x: Any, device: Any, source: Any) -> Any:
    """x on that device."""
    import array_api_compat

    return array_api_compat.to_device(x, device)


def einsum(xp: Any, a: Any, b: Any, subscripts: str) -> Any:
    """The contraction."""
    return xp.einsum(subscripts, a, b)


def einsum_one(xp: Any, x: Any, subscripts: str) -> Any:
    """The same of one array."""
    return xp.einsum(subscripts, x)


KERNELS: dict[str, Any] = {function.__name__: function for function in (add_at, einsum, einsum_one, max_at, to_device)}
