"""NumPy kernels of indexing: read, write, and add at a key.

A key is a tuple of static entries (ints, slices, None, Ellipsis) in which ARRAY keeps the place of an index array
or a mask; the arrays come apart from it, in order, because they may be batched or recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from math import prod
from sys import getrefcount
from typing import Any

import numpy as np

from .numpy_kernels import LARGE

ndarray = np.ndarray

#: In a key: an index array (or a mask) goes here.
ARRAY = "array"

#: A slice this many times smaller than its array is copied, at the cost of any operation on it: so it does not keep
#: the whole array alive, and a loop that reads and writes one array goes on writing in place.
SMALL = 4

#: An array of so many elements may be kept alive: copying a part of it costs more than the whole is worth.
KEPT = 256

FULL = slice(None)


def filled(key: tuple[Any, ...], indices: tuple[Any, ...]) -> tuple[Any, ...]:
    """NumPy's key: the arrays put in their places."""
    if not indices:
        return key
    arrays = iter(indices)
    return tuple([next(arrays) if k is ARRAY else k for k in key])


def get_basic(x: Any, key: tuple[Any, ...]) -> Any:
    """x[key] for a key without arrays: a view, or a copy where it is much smaller than x."""
    y = x[key]
    if type(y) is ndarray and is_small(y, x):
        return own(y)
    return y if y.ndim else y[()]


def is_small(y: Any, x: Any) -> bool:
    """Whether a part of an array is so small beside it that it is copied."""
    return x.size > KEPT and y.size * SMALL <= x.size  # type: ignore[no-any-return]


def own(y: Any) -> Any:
    """y with memory of its own; a number if it has no axes."""
    return y[()] if not y.ndim else y if y.base is None else y.copy()


def get_arrays(x: Any, *indices: Any, key: tuple[Any, ...]) -> Any:
    """x[key] with index arrays."""
    return np.asarray(x)[filled(key, indices)]


def put(v: Any, x: Any, *indices: Any, key: tuple[Any, ...]) -> Any:
    """A copy of x with v at the key; x itself where the writer owns it."""
    y = x if WRITING_OVER.get() and is_own(x) else np.array(x)
    y[filled(key, indices)] = v
    return y if y.ndim else y[()]


def scatter_basic(g: Any, key: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """Zeros of that shape with g at a key without arrays, whose places are all different."""
    if g.nbytes > LARGE and (z := mostly(g, key, shape)) is not None:
        return z
    z = np.zeros(shape, g.dtype)
    z[key] = g
    return z if shape else z[()]


def scatter_sum(*gs: Any, keys: Sequence[tuple[Any, ...]], shape: tuple[int, ...]) -> Any:
    """Zeros of that shape with each g added at its key without arrays."""
    z = scatter_basic(gs[0], keys[0], shape)
    for g, key in zip(gs[1:], keys[1:], strict=True):
        z[key] += g
    return z


def mostly(g: Any, key: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """The same where g fills most of one axis and all of the others: zeros are written beside it only. Else None."""
    if 2 * g.size < prod(shape) or not all([type(k) is slice and k.step in (None, 1) for k in key]):
        return None
    narrow = [i for i, k in enumerate(key) if k != FULL]
    if len(narrow) != 1:
        return None
    axis = narrow[0]
    start, stop, _ = key[axis].indices(shape[axis])
    z = np.empty(shape, g.dtype)
    before = (FULL,) * axis
    z[(*before, slice(0, start))] = 0
    z[(*before, slice(stop, None))] = 0
    z[key] = g
    return z


def scatter_arrays(g: Any, *indices: Any, key: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """Zeros of that shape with g added at a key; what meets at one place is summed."""
    z = np.zeros(shape, g.dtype)
    add_at(z, g, *indices, key=key)
    return z if shape else z[()]


def add_basic(total: ndarray, g: Any, key: tuple[Any, ...]) -> None:
    """Add g into total at a key without arrays."""
    total[key] += g


def add_at(total: ndarray, g: Any, *indices: Any, key: tuple[Any, ...]) -> None:
    """Add g into total at a key with arrays; several at one place accumulate.

    numpy.add.at is quick on one flat axis only, so a key that picks elements or rows is flattened first.
    """
    full = filled(key, indices)
    if all(i.dtype.kind == "b" for i in indices):
        total[full] += g  # a mask names no place twice
        return
    if total.flags.c_contiguous:
        rest = full[1:]
        if key[0] is ARRAY and indices[0].dtype.kind != "b" and all(type(k) is slice and k == FULL for k in rest):
            _add_flat(total, g, indices[0], total.shape[0], total.size // total.shape[0] if total.shape[0] else 0)
            return
        if len(full) == total.ndim and all(type(k) is int or (k is not None and k is not Ellipsis and type(k) is not
                                            slice and k.dtype.kind != "b") for k in full):  # fmt: skip
            flat: Any = 0
            for k, n in zip(full, total.shape, strict=True):
                k = np.asarray(k, np.intp)
                flat = flat * n + np.where(k < 0, k + n, k)
            _add_flat(total, g, flat, total.size, 1)
            return
    np.add.at(total, full, g)


def _add_flat(total: ndarray, g: Any, index: Any, length: int, width: int) -> None:
    """Add rows of `width` elements at the index along the flattened total."""
    index = np.asarray(index, np.intp)
    index = np.where(index < 0, index + length, index)
    if width != 1:
        index = index[..., None] * width + np.arange(width)
    np.add.at(total.reshape(-1), index.reshape(-1), np.reshape(g, -1))


def last_writers(*indices: Any, key: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """Of the elements written at a key with arrays: whether each is what stays there (the last one does)."""
    full = filled(key, indices)
    last = np.empty(shape, np.intp)  # read only where it is written
    places = last[full]
    order = np.arange(places.size).reshape(places.shape)
    last[full] = order
    return last[full] == order


# -- writing in place --------------------------------------------------------------------------------------------
#: Whether the array that is written to may be written over: set by who knows that nobody else will read it.
WRITING_OVER: ContextVar[bool] = ContextVar("gradtape_writing_over", default=False)


def is_own(data: Any) -> bool:
    """Whether this is an array with memory of its own, which may be written."""
    return type(data) is ndarray and data.base is None and data.flags.writeable


def held_once(handle: Any, name: str = "_data") -> bool:
    """Whether the handle's attribute of this name is the only reference to what it refers to."""
    held = getattr(handle, name)
    return getrefcount(held) <= HELD_ONCE


def _calibrate() -> int:
    """How many references CPython counts inside `held_once` for an object that only one attribute refers to."""

    class Handle:
        __slots__ = ("_data",)

    def references(handle: Any, name: str = "_data") -> int:
        held = getattr(handle, name)
        return getrefcount(held)

    handle = Handle()
    handle._data = np.empty(1)
    return references(handle)


HELD_ONCE = _calibrate()
