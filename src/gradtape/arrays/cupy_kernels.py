"""Kernels of CuPy arrays where CuPy has something of its own. (`make test-gpu` runs on them.)"""

from __future__ import annotations

from typing import Any

import numpy as np

from .dtypes import kind_of
from .standard_linalg import contracted

SPECIAL = "cupyx.scipy.special"


def add_at(xp: Any, n: int, positions: Any, rows: Any) -> Any:
    """n rows of zeros, to which these rows are added at the positions."""
    if kind_of(rows.dtype) == "c":  # CuPy scatters no complex numbers
        return add_at(xp, n, positions, rows.real) + 1j * add_at(xp, n, positions, rows.imag)
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


def solve(xp: Any, a: Any, b: Any) -> Any:
    """The solution of linear equations; CuPy broadcasts no leading axes."""
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = [xp.broadcast_to(x, (*lead, *x.shape[-2:])) for x in (a, b)]
    return xp.linalg.solve(a, b)


KERNELS: dict[str, Any] = {function.__name__: function for function in (add_at, max_at, solve, to_device)} | {
    "einsum": contracted, "einsum_one": contracted
}  # fmt: skip
