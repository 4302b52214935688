"""Kernels of Dask arrays: NumPy's kernels on blocks, or on whole arrays as one task, where Dask has none of its own.

All is lazy, but for masks: how many elements they pick is not known before they are computed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from . import indexing_kernels as kernels


def derive(xp: Any, primitive: Any) -> Callable[..., Any] | None:
    """Functions of each element: NumPy's kernel on each block."""
    kernel = primitive.kernel
    module = getattr(kernel, "__module__", None) or type(kernel).__module__
    if primitive.batch != "align" or module == "_operator" or isinstance(kernel, np.ufunc):
        return None

    def by_blocks(xp: Any, *data: Any, **parameters: Any) -> Any:
        from dask.array.core import elemwise

        return elemwise(partial(kernel, **parameters), *data)

    return by_blocks


def as_one_task(kernel: Callable[..., Any], shape: Any, dtype: Any, *arrays: Any) -> Any:
    """A kernel of whole arrays, as one task whose result has this shape."""
    import dask
    import dask.array as da

    task = dask.delayed(kernel, pure=True)(*arrays)
    return da.from_delayed(task, shape, dtype)


def gather(xp: Any, x: Any, *indices: Any, key: Any) -> Any:
    """x[key] with index arrays."""
    if any(i.dtype.kind == "b" for i in indices):
        indices = tuple([np.asarray(i) for i in indices])  # how many elements there are depends on the values
    shape = np.broadcast_to(np.False_, x.shape)[kernels.filled(key, example_indices(indices))].shape
    return as_one_task(partial(kernels.get_arrays, key=key), shape, x.dtype, x, *indices)


def example_indices(indices: tuple[Any, ...]) -> tuple[Any, ...]:
    """Indices of the same shapes."""
    return tuple([i if i.dtype.kind == "b" else np.zeros(i.shape, np.intp) for i in indices])


def scatter_add(xp: Any, g: Any, *indices: Any, key: Any, shape: Any) -> Any:
    """Zeros of that shape with g added at a key."""
    return as_one_task(partial(kernels.scatter_arrays, key=key, shape=shape), shape, g.dtype, g, *indices)


def setitem(xp: Any, v: Any, x: Any, *indices: Any, key: Any) -> Any:
    """A copy of x with v at the key."""
    return as_one_task(partial(kernels.put, key=key), x.shape, x.dtype, v, x, *indices)


def last_writers(xp: Any, *indices: Any, key: Any, shape: Any) -> Any:
    """Of the elements written at a key: whether each is what stays there."""
    picked = np.broadcast_to(np.False_, shape)[kernels.filled(key, example_indices(indices))].shape
    return as_one_task(partial(kernels.last_writers, key=key, shape=shape), picked, np.bool_, *indices)


def put_slices(xp: Any, x: Any, slices: Any, v: Any) -> Any:
    """A copy of x with v at slices."""
    y = x.copy()
    y[slices if slices else ...] = v
    return y


def reorder(xp: Any, x: Any, order: Any, axis: int) -> Any:
    """The elements in that order along the axis."""
    return as_one_task(partial(np.take_along_axis, axis=axis), order.shape, x.dtype, x, order)


def einsum(xp: Any, a: Any, b: Any, subscripts: str) -> Any:
    """The contraction."""
    return xp.einsum(subscripts, a, b)


def einsum_one(xp: Any, x: Any, subscripts: str) -> Any:
    """The same of one array."""
    return xp.einsum(subscripts, x)


KERNELS: dict[str, Any] = {
    function.__name__: function
    for function in (einsum, einsum_one, gather, last_writers, put_slices, reorder, scatter_add, setitem)
}
