"""Kernels of PyTorch tensors where PyTorch has something of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .standard_linalg import contracted

SPECIAL = "torch.special"


def add_at(xp: Any, n: int, positions: Any, rows: Any) -> Any:
    """n rows of zeros, to which these rows are added at the positions."""
    return xp.zeros((n, rows.shape[1]), dtype=rows.dtype, device=rows.device).index_add_(0, positions, rows)


def max_at(xp: Any, n: int, positions: Any, values: Any) -> Any:
    """For each of n places the largest of the values at it; -1 where there is none."""
    return xp.full((n,), -1, dtype=values.dtype, device=values.device).scatter_reduce_(0, positions, values, "amax")


def together(xp: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """Both in the dtype of their product, which PyTorch's products of arrays insist on."""
    if a.dtype != b.dtype:
        dtype = xp.result_type(a, b)
        a, b = xp.astype(a, dtype), xp.astype(b, dtype)
    return a, b


def matmul(xp: Any, a: Any, b: Any) -> Any:
    """The matrix product."""
    return xp.matmul(*together(xp, a, b))


def matmul_nt(xp: Any, a: Any, b: Any) -> Any:
    """a times the transpose of b."""
    return xp.matmul(*together(xp, a, b.mT))


def matmul_tn(xp: Any, a: Any, b: Any) -> Any:
    """The transpose of a times b."""
    return xp.matmul(*together(xp, a.mT, b))


def to_device(xp: Any, x: Any, device: Any, source: Any) -> Any:
    """x on that device."""
    return x.to(device)


def einsum(xp: Any, a: Any, b: Any, subscripts: str) -> Any:
    """The contraction."""
    return contracted(xp, *together(xp, a, b), subscripts=subscripts)


def with_tolerance(name: str) -> Callable[..., Any]:
    """A function of matrices, with a tolerance for each or one for all."""

    def kernel(xp: Any, x: Any, rtol: Any) -> Any:
        return getattr(xp.linalg, name)(x, rtol=xp.from_numpy(rtol, x) if isinstance(rtol, np.ndarray) else rtol)

    return kernel


def positive(xp: Any, x: Any) -> Any:
    """+x, a copy as in the other libraries."""
    return x.clone()


def complex_of(xp: Any, a: Any, b: Any) -> Any:
    """a + ib, infinite parts staying what they are."""
    a, b = xp.broadcast_arrays(a, b)
    return xp.complex(a.contiguous(), b.contiguous())


KERNELS: dict[str, Any] = {
    function.__name__: function
    for function in (add_at, matmul, matmul_nt, matmul_tn, max_at, positive, to_device)
} | {
    "complex": complex_of, "einsum": einsum, "einsum_one": contracted, "pinv": with_tolerance("pinv"),
    "matrix_rank": with_tolerance("matrix_rank"),
}  # fmt: skip
