"""Arrays made from nothing, from shapes, and from other containers: Tensors, tracked by nobody yet."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Tensor, tensor
from .declare import contains_tensor


def asarray(x: Any, /, dtype: Any = None, *, copy: bool | None = None) -> Tensor:
    """A Tensor of the value: numbers, arrays, and nested lists of them, Tensors among them (they stay tracked).

    NumPy memory is shared unless `copy` or a conversion is asked for. Raises TypeError for what is no array.

    >>> import gradtape as gt
    >>> gt.asarray([1.0, 2.0]).dtype
    dtype('float64')
    """
    if isinstance(x, list | tuple) and contains_tensor(x):
        from .manipulation import stack

        x = stack([asarray(part) for part in x])
    if isinstance(x, Tensor):
        if dtype is None or x.dtype == np.dtype(dtype):
            return x
        from .manipulation import astype

        return astype(x, dtype)
    data = np.array(x, dtype=dtype) if copy else np.asarray(x, dtype=dtype)
    if data.dtype.kind not in "biufc":
        raise TypeError(f"gradtape.asarray: a value of type {type(x).__name__} gives no array of numbers")
    return tensor(data if data.ndim else data[()])


def constant(value: Any, dtype: Any = None) -> Tensor:
    """A Tensor with a copy of the value.

    >>> import gradtape as gt
    >>> gt.constant(2.5).item()
    2.5
    """
    return asarray(value, dtype=dtype, copy=True)


def zeros(shape: Any, *, dtype: Any = None) -> Tensor:
    """Zeros of that shape; float64 by default."""
    return tensor(np.zeros(shape, dtype or np.float64)[()])
