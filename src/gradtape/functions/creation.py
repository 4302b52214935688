"""Arrays made from nothing, from shapes, and from other containers: Tensors, tracked by nobody yet.

Rules need none of these: what is static they make with NumPy.
"""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np

from ..arrays.dtypes import kind_of, numpy_dtype
from ..arrays.libraries import library_of, to_numpy
from ..tensor import RAW, Tensor, concrete, tensor
from . import static
from .declare import NUMBERS, as_dtype, contains_tensor, dtype_of, operand, result_type, shape_of
from .devices import to_device


def _made(data: Any, device: Any = None) -> Tensor:
    """A Tensor with NumPy's fresh array. Raises ValueError for another device than the CPU."""
    if device is not None and device != "cpu":
        raise ValueError(f"gradtape: NumPy arrays live on the device 'cpu', not {device!r}")
    return tensor(data if data.ndim else data[()])


def asarray(x: Any, /, dtype: Any = None, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A Tensor of the value: numbers, arrays, and nested lists of them, Tensors among them (they stay tracked).

    Another library's array stays what it is. Memory is shared unless `copy` or a conversion is asked for; copy=False
    raises ValueError where one is needed. Raises TypeError for what is no array.

    >>> import gradtape as gt
    >>> gt.asarray([1.0, 2.0]).dtype
    dtype('float64')
    """
    if isinstance(x, list | tuple) and contains_tensor(x):
        if copy is False:
            raise ValueError("gradtape.asarray: a list of Tensors cannot become an array without a copy")
        from .manipulation import stack

        x = stack([asarray(part) if isinstance(part, list | tuple) else part for part in x])
        copy = None
    if type(x) not in RAW and not isinstance(x, Tensor) and library_of(x) is not None:
        x = tensor(x)
    if isinstance(x, Tensor):
        if device is not None and device != x.device:
            x = to_device(x, device)
        dtype = None if dtype is None else as_dtype(dtype, x)
        if dtype is None or x.dtype == dtype:
            if not copy:
                return x
            from .elementwise import positive

            return x | x if kind_of(x.dtype) == "b" else positive(x)  # type: ignore[no-any-return]
        if copy is False:
            raise ValueError(f"gradtape.asarray: to make {dtype} of {x.dtype} takes a copy")
        from .manipulation import astype

        return astype(x, dtype)  # type: ignore[no-any-return]
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError("gradtape.asarray: a masked array; use x.filled(value) and, where it matters, the mask")
    data = np.array(x, dtype=dtype, copy=copy) if copy is not None else np.asarray(x, dtype=dtype)
    if data.dtype.kind not in "biufc":
        raise TypeError(f"gradtape.asarray: a value of type {type(x).__name__} gives no array of numbers")
    return _made(np.asarray(data), device)


def constant(value: Any, dtype: Any = None) -> Tensor:
    """A Tensor with a copy of the value.

    >>> import gradtape as gt
    >>> gt.constant(2.5).item()
    2.5
    """
    return asarray(value, dtype=dtype, copy=True)


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A Tensor sharing the memory of another library's array on the CPU."""
    if isinstance(x, Tensor):
        return asarray(x, device=device, copy=copy)
    return asarray(np.from_dlpack(x), device=device, copy=copy)


# -- from a shape ------------------------------------------------------------------------------------------------
def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Zeros of that shape; float64 by default."""
    return _made(np.zeros(shape, dtype or np.float64), device)


def ones(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Ones of that shape; float64 by default."""
    return _made(np.ones(shape, dtype or np.float64), device)


def empty(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """An array of that shape whose elements are to be written first; float64 by default."""
    return _made(np.empty(shape, dtype or np.float64), device)


def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """That value everywhere, of its own dtype by default; a Tensor as the value stays tracked.

    >>> import gradtape as gt
    >>> gt.full(2, 3.0).tolist()
    [3.0, 3.0]
    """
    shape = tuple(shape) if isinstance(shape, tuple | list) else (int(shape),)
    if isinstance(fill_value, Tensor):
        from .manipulation import broadcast_to

        return broadcast_to(asarray(fill_value, dtype=dtype, device=device), shape)  # type: ignore[no-any-return]
    return _made(np.full(shape, fill_value, dtype), device)


def zeros_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Zeros of x's shape and dtype: a constant."""
    if x.__class__ is Tensor and dtype is None and device is None:
        return _made(np.zeros_like(x._data))
    return _full_like(x, 0, "zeros_like", dtype, device)


def ones_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Ones of x's shape and dtype: a constant."""
    if x.__class__ is Tensor and dtype is None and device is None:
        return _made(np.ones_like(x._data))
    return _full_like(x, 1, "ones_like", dtype, device)


def empty_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """An array of x's shape and dtype whose elements are to be written first."""
    return _full_like(x, 0, "empty_like", dtype, device)


def full_like(x: Any, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """That value everywhere, with x's shape and dtype."""
    if x.__class__ is Tensor and dtype is None and device is None and fill_value.__class__ in NUMBERS:
        return _made(np.full_like(x._data, fill_value))
    return _full_like(x, fill_value, "full_like", dtype, device)


# -- matrices ----------------------------------------------------------------------------------------------------
def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None) -> Tensor:
    """Ones on the k-th diagonal of zeros; square by default.

    >>> import gradtape as gt
    >>> gt.eye(2).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return _made(np.eye(n_rows, n_cols, k, dtype or np.float64), device)


def identity(n: int, dtype: Any = None) -> Tensor:
    """The square matrix with ones on its diagonal."""
    return eye(n, dtype=dtype)


def tri(n_rows: int, n_cols: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """Ones on and below the k-th diagonal of zeros."""
    return _made(np.tri(n_rows, n_cols, k, dtype or np.float64))


# -- ranges ------------------------------------------------------------------------------------------------------
def arange(
    start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """start, start + step, ... up to but without stop; from 0 if only one bound is given.

    Tensors as start and step keep their derivatives; how many elements there are is a constant.

    >>> import gradtape as gt
    >>> gt.arange(1.0, 2.0, 0.25).tolist()
    [1.0, 1.25, 1.5, 1.75]
    """
    if stop is None:
        start, stop = 0, start
    if not any(isinstance(v, Tensor) for v in (start, stop, step)):
        return _made(np.arange(start, stop, step, dtype=dtype), device)
    first, last, each = [float(to_numpy(concrete(v))) if isinstance(v, Tensor) else v for v in (start, stop, step)]
    count = max(0, ceil((last - first) / each))
    places = np.arange(count).astype(numpy_dtype(result_type(start, step, np.dtype(np.intp))))
    return asarray(start + step * static.static(places, start, step), dtype=dtype, device=device)


def linspace(
    start: Any, stop: Any, /, num: int = 50, *, dtype: Any = None, device: Any = None, endpoint: bool = True
) -> Tensor:
    """`num` evenly spaced elements from start to stop (or short of it); arrays are paired off along a first axis.

    Differentiable in start and stop.

    >>> import gradtape as gt
    >>> gt.linspace(0.0, 1.0, 5).tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    start, stop = operand(start, "linspace", "start"), operand(stop, "linspace", "stop")
    if not (isinstance(start, Tensor) or isinstance(stop, Tensor)):
        return _made(np.linspace(start, stop, num, endpoint=endpoint, dtype=dtype), device)
    rank = max(len(shape_of(start)), len(shape_of(stop)))
    t = np.arange(num) / max(num - 1 if endpoint else num, 1)
    wide = result_type(start, stop, np.dtype(np.float32))
    t = t.reshape(-1, *(1,) * rank).astype(numpy_dtype(wide) if kind_of(wide) == "f" else np.float64)
    t = static.static(t, start, stop)
    return asarray(start * (1 - t) + stop * t, dtype=dtype, device=device)


def _full_like(x: Any, value: Any, function: str, dtype: Any, device: Any) -> Tensor:
    """That value everywhere, with x's shape and dtype, in its library."""
    x = operand(x, function, "x")
    dtype = dtype_of(x) if dtype is None else as_dtype(dtype, x)
    if isinstance(value, Tensor):
        return full(shape_of(x), value, dtype=dtype, device=device)
    return asarray(static.full(shape_of(x), value, dtype, x), device=device)


__all__ = [
    "arange", "asarray", "constant", "empty", "empty_like", "eye", "from_dlpack", "full", "full_like", "identity",
    "linspace", "ones", "ones_like", "tri", "zeros", "zeros_like",
]  # fmt: skip
