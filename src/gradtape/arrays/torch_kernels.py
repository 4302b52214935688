"""Kernels of PyTorch tensors where PyTorch has something of its own."""

from __future__ import annotations

from typing import Any

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
    a, b = together(xp, a, b)
    return xp.einsum(subscripts, a, b).to(a.dtype)  # small integers are summed in larger ones


def einsum_one(xp: Any, x: Any, subscripts: str) -> Any:
    """The same of one array."""
    return xp.einsum(subscripts, x).to(x.dtype)


def complex_of(xp: Any, a: Any, b: Any) -> Any:
    """a + ib, infinite parts staying what they are."""
    a, b = xp.broadcast_arrays(a, b)
    return xp.complex(a.contiguous(), b.contiguous())


KERNELS: dict[str, Any] = {
    function.__name__: function
    for function in (add_at, einsum, einsum_one, matmul, matmul_nt, matmul_tn, max_at, to_device)
} | {"complex": complex_of}
