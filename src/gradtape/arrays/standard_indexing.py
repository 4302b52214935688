"""Kernels of indexing in the terms of the array API standard.

Whatever a key means to NumPy is brought to what every library has: slices with positive steps, or positions in the
flattened array, which are taken, or added at.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from .dtypes import kind_of
from .indexing_kernels import ARRAY, FULL

Key = tuple[Any, ...]


class Region(NamedTuple):
    """A key without arrays: one slice with a positive step per axis, axes to turn round, and the shapes."""

    slices: tuple[slice, ...]
    turned: tuple[int, ...]
    sliced: tuple[int, ...]
    shape: tuple[int, ...]


def region(key: Key, shape: tuple[int, ...]) -> Region:
    """The region of an array of that shape that a key without arrays picks. Raises IndexError out of range."""
    slices, turned, sliced, result = [], [], [], []
    axis = 0
    for k in spelled(key, len(shape)):
        if k is None:
            result.append(1)
            continue
        n = shape[axis]
        if type(k) is int:
            i = at(k, n, axis)
            slices.append(slice(i, i + 1))
            sliced.append(1)
        else:
            start, length, step = span(k, n)
            if step < 0 and length:
                turned.append(axis)
                start, step = start + (length - 1) * step, -step
            slices.append(slice(start, start + (length - 1) * step + 1, step) if length else slice(0, 0))
            sliced.append(length)
            result.append(length)
        axis += 1
    return Region(tuple(slices), tuple(turned), tuple(sliced), tuple(result))


def spelled(key: Key, rank: int) -> list[Any]:
    """The key with slices for an ellipsis, and for the axes that it does not name."""
    entries = list(key)
    free = rank - sum([k is not None and k is not Ellipsis for k in entries])
    if free < 0:
        raise IndexError(f"too many indices: the array has {rank} axes, the key names {rank - free}")
    place = next((i for i, k in enumerate(entries) if k is Ellipsis), len(entries))
    return entries[:place] + [FULL] * free + entries[place + 1 :]


def at(i: int, n: int, axis: int) -> int:
    """A position counted from the front. Raises IndexError out of range, where libraries differ in what they do."""
    if not -n <= i < n:
        raise IndexError(f"index {i} is out of bounds for axis {axis} with size {n}")
    return i % n


def span(s: slice, n: int) -> tuple[int, int, int]:
    """Where a slice of n elements starts, how many it picks, and its step."""
    start, stop, step = s.indices(n)
    return start, len(range(start, stop, step)), step


# -- keys without arrays -------------------------------------------------------------------------------------------
def getitem(xp: Any, x: Any, key: Key) -> Any:
    """x[key]."""
    r = region(key, tuple(x.shape))
    y = x[r.slices] if x.shape else x
    if r.turned:
        y = xp.flip(y, axis=r.turned)
    return y if r.shape == r.sliced else xp.reshape(y, r.shape)


def scatter(xp: Any, g: Any, key: Key, shape: tuple[int, ...]) -> Any:
    """Zeros of that shape with g at the key."""
    return put_region(xp, g, zeros(xp, shape, g), key)


def zeros(xp: Any, shape: tuple[int, ...], like: Any) -> Any:
    """Zeros of that shape, with the dtype and on the device of another array."""
    return xp.zeros(shape, dtype=like.dtype, **xp.placed(like))


def put_region(xp: Any, v: Any, x: Any, key: Key) -> Any:
    """A copy of x with v at a key without arrays."""
    r = region(key, tuple(x.shape))
    if 0 in r.sliced:
        return x
    if hasattr(v, "dtype"):
        v = xp.reshape(broadcast(xp, v, r.shape), r.sliced)
        if v.dtype != x.dtype:
            v = xp.astype(v, x.dtype)
        if r.turned:
            v = xp.flip(v, axis=r.turned)
    return xp.helper("put_slices")(x, r.slices, v)


def put_slices(xp: Any, x: Any, slices: tuple[slice, ...], v: Any) -> Any:
    """A copy of x with v at slices, one per axis."""
    y = xp.asarray(x, copy=True)
    y[slices if slices else ...] = v
    return y


def broadcast(xp: Any, v: Any, shape: tuple[int, ...]) -> Any:
    """v broadcast to a shape, without leading ones that it has beyond."""
    extra = len(v.shape) - len(shape)
    if extra > 0:
        v = xp.reshape(v, tuple(v.shape)[extra:])
    return v if tuple(v.shape) == shape else xp.broadcast_to(v, shape)


# -- keys with arrays ----------------------------------------------------------------------------------------------
class Places(NamedTuple):
    """Where a key with arrays points to: positions in the flattened array, in a row, and the shape of what is read.

    `along`: the one axis that is indexed, if all others are whole; then the positions are along it, and `shape` is
    that of the index array.
    """

    positions: Any
    shape: tuple[int, ...]
    along: int | None


def index_arrays(xp: Any, key: Key, indices: tuple[Any, ...]) -> tuple[list[Any], list[Any]]:
    """The key with integer arrays alone: a mask becomes one for each of its axes."""
    entries: list[Any] = []
    arrays: list[Any] = []
    given = iter(indices)
    for k in key:
        if k is not ARRAY:
            entries.append(k)
            continue
        index = next(given)
        parts = xp.nonzero(index) if kind_of(index.dtype) == "b" else (xp.astype(index, xp.index_dtype),)
        entries += [ARRAY] * len(parts)
        arrays += parts
    return entries, arrays


def places(xp: Any, key: Key, indices: tuple[Any, ...], shape: tuple[int, ...]) -> Places:
    """The positions that a key with arrays picks of an array of that shape, and the shape of what is picked."""
    entries, arrays = index_arrays(xp, key, indices)
    picks = [i for i, k in enumerate(entries) if k is ARRAY or type(k) is int]
    together = picks[-1] - picks[0] + 1 == len(picks)  # an ellipsis keeps them apart, even one of no axes
    entries = spelled(tuple(entries), len(shape))
    if len(arrays) == 1 and all(k is ARRAY or k == FULL for k in entries if k is not None) and None not in entries:
        axis = entries.index(ARRAY)
        index = arrays[0]
        n = shape[axis]
        flat = xp.reshape(index, (-1,))
        return Places(xp.where(flat < 0, flat + n, flat), tuple(index.shape), axis)
    first = next(i for i, k in enumerate(entries) if k is ARRAY or type(k) is int)
    outer = np.broadcast_shapes(*[tuple(a.shape) for a in arrays])
    result: list[int] = []
    parts: list[tuple[Any, int, int]] = []  # index array, its first axis in the result, its stride in the flattened x
    if not together:
        result += outer
    stride, axis = math.prod(shape), 0
    lead = 0
    given = iter(arrays)
    for i, k in enumerate(entries):
        if i == first and together:
            lead = len(result)
            result += outer
        if k is None:
            result.append(1)
            continue
        n = shape[axis]
        stride = stride // n if n else 0
        if k is ARRAY:
            index = next(given)
            parts.append((xp.where(index < 0, index + n, index), -1, stride))
        elif type(k) is int:
            parts.append((at(k, n, axis), -1, stride))
        else:
            start, length, step = span(k, n)
            parts.append((xp.arange(length, **xp.placed(arrays[0])) * step + start, len(result), stride))
            result.append(length)
        axis += 1
    rank = len(result)
    total: Any = 0
    for index, place, stride in parts:
        if place < 0 and hasattr(index, "shape"):
            index = xp.reshape(index, (*index.shape, *(1,) * (rank - lead - len(outer))))
        elif place >= 0:
            index = xp.reshape(index, (-1, *(1,) * (rank - place - 1)))
        total = total + index * stride
    total = xp.broadcast_to(total, tuple(result))
    return Places(xp.reshape(total, (-1,)), tuple(result), None)


def gather(xp: Any, x: Any, *indices: Any, key: Key) -> Any:
    """x[key] with index arrays."""
    shape = tuple(x.shape)
    where = places(xp, key, indices, shape)
    if where.along is None:
        return xp.reshape(xp.take(xp.reshape(x, (-1,)), where.positions, axis=0), where.shape)
    y = xp.take(x, where.positions, axis=where.along)
    return xp.reshape(y, (*shape[: where.along], *where.shape, *shape[where.along + 1 :]))


def scatter_sum(xp: Any, *gs: Any, keys: Sequence[Key], shape: tuple[int, ...]) -> Any:
    """indexing_kernels.scatter_sum."""
    return reduce(operator.add, [scatter(xp, g, key, shape) for g, key in zip(gs, keys, strict=True)])


def scatter_add(xp: Any, g: Any, *indices: Any, key: Key, shape: tuple[int, ...]) -> Any:
    """Zeros of that shape with g added at a key; what meets at one place is summed."""
    where = places(xp, key, indices, shape)
    add_at = xp.helper("add_at")
    if where.along is None:
        rows = xp.reshape(g, (-1, 1))
        return xp.reshape(add_at(math.prod(shape), where.positions, rows), shape)
    before, n, after = shape[: where.along], shape[where.along], shape[where.along + 1 :]
    rows = xp.reshape(g, (math.prod(before), math.prod(where.shape), math.prod(after)))
    rows = xp.reshape(xp.permute_dims(rows, (1, 0, 2)), (math.prod(where.shape), math.prod(before) * math.prod(after)))
    y = xp.reshape(add_at(n, where.positions, rows), (n, math.prod(before), math.prod(after)))
    return xp.reshape(xp.permute_dims(y, (1, 0, 2)), shape)


def setitem(xp: Any, v: Any, x: Any, *indices: Any, key: Key) -> Any:
    """A copy of x with v at the key; of several elements written at one place the last one stays."""
    if not indices:
        return put_region(xp, v, x, key)
    shape = tuple(x.shape)
    at_key, picked = all_places(xp, key, indices, shape)
    if not hasattr(v, "dtype"):
        v = xp.full(picked, v, dtype=x.dtype, **xp.placed(x))
    elif v.dtype != x.dtype:
        v = xp.astype(v, x.dtype)
    v = xp.reshape(broadcast(xp, v, picked), (-1,))
    if not math.prod(shape) or not math.prod(picked):
        return x
    last = last_writer(xp, at_key, math.prod(shape))
    written = last >= 0
    y = xp.where(written, xp.take(v, xp.where(written, last, 0), axis=0), xp.reshape(x, (-1,)))
    return xp.reshape(y, shape)


def all_places(xp: Any, key: Key, indices: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
    """Positions in the flattened array, in a row, and the shape of what is picked there."""
    where = places(xp, key, indices, shape)
    if where.along is None:
        return where.positions, where.shape
    a = where.along
    index = xp.reshape(where.positions, (*where.shape, *(1,) * len(shape[a + 1 :]))) * math.prod(shape[a + 1 :])
    rank = len(shape)
    picked = (*shape[:a], *where.shape, *shape[a + 1 :])
    for axis in (*range(a), *range(a + 1, rank)):
        behind = rank - axis - 1 if axis > a else len(picked) - axis - 1
        steps = xp.arange(shape[axis], **xp.placed(index)) * math.prod(shape[axis + 1 :])
        index = index + xp.reshape(steps, (-1, *(1,) * behind))
    return xp.reshape(xp.broadcast_to(index, picked), (-1,)), picked


def last_writer(xp: Any, positions: Any, n: int) -> Any:
    """For each of n places the number of the last element written there; -1 where there is none."""
    return xp.helper("max_at")(n, positions, xp.arange(positions.shape[0], **xp.placed(positions)))


def last_writers(xp: Any, *indices: Any, key: Key, shape: tuple[int, ...]) -> Any:
    """Of the elements written at a key with arrays: whether each is what stays there."""
    positions, picked = all_places(xp, key, indices, shape)
    if not math.prod(shape) or not math.prod(picked):
        return xp.zeros(picked, dtype=xp.bool, **xp.placed(positions))
    order = xp.arange(positions.shape[0], **xp.placed(positions))
    return xp.reshape(xp.take(last_writer(xp, positions, math.prod(shape)), positions, axis=0) == order, picked)


# The standard has no way to add at positions: each library's own is in its table, and this serves where there is none.
def add_at(xp: Any, n: int, positions: Any, rows: Any) -> Any:
    """n rows of zeros, to which these rows are added at the positions."""
    hits = positions[None, :] == xp.arange(n, **xp.placed(positions))[:, None]
    return xp.sum(xp.where(hits[:, :, None], rows[None, :, :], 0), axis=1)


def max_at(xp: Any, n: int, positions: Any, values: Any) -> Any:
    """For each of n places the largest of the values at it (none is negative); -1 where there is none."""
    hits = positions[None, :] == xp.arange(n, **xp.placed(positions))[:, None]
    return xp.max(xp.where(hits, values[None, :], -1), axis=1)


KERNELS: dict[str, Any] = {
    function.__name__: function
    for function in (
        add_at, gather, getitem, last_writers, max_at, put_slices, scatter, scatter_add, scatter_sum, setitem,
    )
}
