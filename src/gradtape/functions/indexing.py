"""Indexing: reading and writing at a key, and what is made of it (take, take_along_axis, one_hot ...).

Reading is linear, and its transpose adds into zeros at the same key; so each is the other's derivative, to any order.
Writing is linear in the new and the old elements together. A key is static, save its index arrays and masks, which
are arguments (inside vmap they may differ from example to example); see arrays/indexing_kernels.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..arrays import indexing_kernels as kernels
from ..arrays.dtypes import kind_of
from ..arrays.indexing_kernels import ARRAY, FULL
from ..arrays.libraries import library_of
from ..context import active
from ..primitive import Linear, Zero, apply, apply_linear, leave_records
from ..tensor import (
    RAW,
    Tensor,
    Variable,
    Virtual,
    VirtualTensor,
    is_observed,
    ndarray,
    new,
    touch,
)
from .declare import contains_tensor, dtype_of, one_axis, operand, shape_of
from .elementwise import where
from .manipulation import astype, broadcast_to, moveaxis, reshape
from .masked_parts import MaskedPart, RaggedError
from .static import library_like, static
from .untaped import untaped

Key = tuple[Any, ...]

# -- keys --------------------------------------------------------------------------------------------------------
BOUND = frozenset([int, type(None)])
#: Classes of entries that NumPy understands without help.
ENTRIES = frozenset([int, slice, type(None), type(Ellipsis), ndarray, Tensor])


def is_static(k: Any) -> bool:
    """Whether an entry of a key is one that needs no array and no conversion."""
    kind = type(k)
    if kind is slice:
        return type(k.start) in BOUND and type(k.stop) in BOUND and type(k.step) in BOUND
    return kind is int or k is None or k is Ellipsis


def parsed(x: Any, key: Any) -> tuple[Any, Key, Sequence[Any]]:
    """The array, the static key, and its index arrays in order."""
    if type(key) is not tuple:
        key = (key,)
    for k in key:
        if not is_static(k):
            return _parsed_slowly(x, key)
    return x, key, ()


def _parsed_slowly(x: Any, key: Key) -> tuple[Any, Key, Sequence[Any]]:
    """The same for a key with arrays, masks, lists, NumPy integers, or Tensors as numbers."""
    entries = [k if is_static(k) else _entry(k) for k in key]
    consumed = [_consumes(k) for k in entries]
    if all(is_static(k) for k in entries):
        return x, tuple(entries), ()
    free = len(shape_of(x)) - sum(consumed)
    if free < 0:
        raise IndexError(f"too many indices: the array has {len(shape_of(x))} axes, the key names {sum(consumed)}")
    result: list[Any] = []
    indices: list[Any] = []
    axis = 0
    for k, used in zip(entries, consumed, strict=True):
        if k is Ellipsis:  # one of length 0 stays: it keeps index arrays apart
            result += [FULL] * free or [k]
            axis += free
            continue
        if is_static(k):
            result.append(k)
        else:
            result.append(ARRAY)
            if type(k) is bool:  # a new axis, of length 1 or 0, that goes with the index arrays
                shape = shape_of(x)
                x = reshape(x, (*shape[:axis], 1, *shape[axis:]))
                k, used = np.zeros(int(k), np.intp), 1
            elif kind_of(k.dtype) == "b":
                _check_mask(k, shape_of(x), axis)
            indices.append(_beside(k, x))
        axis += used
    return x, tuple(result), indices


def _check_mask(mask: Any, shape: tuple[int, ...], axis: int) -> None:
    """Raise IndexError, as NumPy does, unless a mask has the lengths of the axes from this one on, or 0."""
    for i, m in enumerate(mask.shape):
        n = shape[axis + i]
        if m not in (n, 0) and m == m and n == n:  # NaN: Dask does not know yet
            raise IndexError(
                f"boolean index did not match indexed array along axis {axis + i}; size of axis is {n} but size of "
                f"corresponding boolean axis is {m}"
            )


def _beside(k: Any, x: Any) -> Any:
    """An index array in x's library. NumPy's say where, which goes with arrays of any library."""
    if library_like(x)[0] is None:
        return k
    return static(k._data if type(k) is Tensor else k, x)


def _entry(k: Any) -> Any:
    """One entry of a key as an int, a slice, a bool, or an array of integers or booleans."""
    if isinstance(k, bool | np.bool_):
        return bool(k)
    if isinstance(k, int | np.integer):
        return int(k)
    if isinstance(k, slice):
        return slice(*[None if n is None else n.__index__() for n in (k.start, k.stop, k.step)])
    if isinstance(k, list | tuple) and contains_tensor(k):
        from .creation import asarray

        k = asarray(k)
    if not isinstance(k, Tensor) and library_of(k) is None:
        k = np.asarray(k)
        if not k.size and kind_of(k.dtype) == "f":
            k = k.astype(np.intp)  # an empty list
    if kind_of(k.dtype) not in ("i", "u", "b"):
        raise IndexError(f"an index must be made of integers or booleans, slices, None or ...; one is of {k.dtype}")
    if not len(k.shape) and (kind_of(k.dtype) == "b" or not isinstance(k, Tensor)):
        return k.__bool__() if kind_of(k.dtype) == "b" else int(k)
    return k


def _consumes(k: Any) -> int:
    """How many axes an entry takes up."""
    if k is None or k is Ellipsis or type(k) is bool:
        return 0
    return len(k.shape) if hasattr(k, "dtype") and kind_of(k.dtype) == "b" else 1


def _index_rank(i: Any, batched: bool = False) -> int:
    """How many axes an index array gives the result."""
    return 1 if kind_of(i.dtype) == "b" else len(i.shape) - batched


# -- batching ----------------------------------------------------------------------------------------------------
class Layout(NamedTuple):
    """A key for a batch: with it, axes `source` of what is read have to move to `destination`."""

    key: Key
    indices: Sequence[Any]
    source: tuple[int, ...]
    destination: tuple[int, ...]

    def out(self, y: Any) -> Any:
        """What was read, with the batch axis in front and each example as the single key gives it."""
        return moveaxis(y, self.source, self.destination) if self.source != self.destination else y

    def back(self, g: Any) -> Any:
        """The inverse: what is to be written."""
        return moveaxis(g, self.destination, self.source) if self.source != self.destination else g


def batched_key(size: int, key: Key, indices: Sequence[Any], flags: Sequence[bool], whole: bool) -> Layout:
    """The key that does for all examples what `key` does for one; `whole`: the array indexed is batched itself.

    Index arrays apart from each other put their axes in front, together they keep their place (NumPy's rule; ints
    beside arrays count as arrays).
    """
    if not indices:
        return Layout((FULL, *key), (), (), ())
    for i, batched in zip(indices, flags, strict=True):
        if batched and kind_of(i.dtype) == "b":
            raise RaggedError
    rank = max([_index_rank(i, f) for i, f in zip(indices, flags, strict=True)])
    places = [p for p, k in enumerate(key) if k is ARRAY or type(k) is int]
    together = places[-1] - places[0] + 1 == len(places)
    before = sum([k is not Ellipsis for k in key[: places[0]]])
    if not any(flags):
        return Layout((FULL, *key), indices, () if together else (rank,), () if together else (0,))
    indices = [
        reshape(i, (size, *(1,) * (rank - len(i.shape) + 1), *i.shape[1:])) if f and len(i.shape) <= rank else i
        for i, f in zip(indices, flags, strict=True)
    ]
    if not whole:
        return Layout(key, indices, (before if together else 0,), (0,))
    example = static(np.arange(size).reshape(size, *(1,) * rank), *indices)
    moved = range(1, 1 + rank) if together and before else ()
    return Layout((ARRAY, *key), [example, *indices], tuple(moved), tuple([a + before for a in moved]))


def _gather_batch(size: int, values: Any, flags: Any, key: Key) -> Any:
    layout = batched_key(size, key, values[1:], flags[1:], flags[0])
    return layout.out(_read(values[0], layout.key, layout.indices))


def _scatter_batch(size: int, values: Any, flags: Any, key: Key, shape: tuple[int, ...]) -> Any:
    layout = batched_key(size, key, values[1:], flags[1:], True)
    g = values[0] if flags[0] else broadcast_to(values[0], (size, *values[0].shape))
    return _scattered(layout.back(g), layout.key, layout.indices, (size, *shape))


def _put_batch(size: int, values: Any, flags: Any, key: Key) -> Any:
    v, x, *indices = values
    if not flags[1]:
        x = broadcast_to(x, (size, *shape_of(x)))
    v_shape = shape_of(v)[1:] if flags[0] else shape_of(v)
    if len(indices) == 1 and flags[2] and kind_of(indices[0].dtype) == "b" and not v_shape:
        # A mask for each example, and one value for all it picks: a choice.
        rest = [k for k in key if not (type(k) is slice and k == FULL) and k is not Ellipsis]
        if rest == [ARRAY] and key[0] is ARRAY:
            ones = (1,) * (len(x.shape) - len(indices[0].shape))
            mask = reshape(indices[0], (*indices[0].shape, *ones))
            y = where(mask, reshape(v, (size, *(1,) * (len(x.shape) - 1))) if flags[0] else v, x)
            return y if y.dtype == x.dtype else astype(y, x.dtype)
    layout = batched_key(size, key, indices, flags[2:], True)
    if flags[0] or (layout.source and v_shape):
        rank = len(x.shape) - 1 + sum([k is None for k in key]) - sum([type(k) is int for k in key])
        if indices:
            rank -= sum([len(i.shape) - f if kind_of(i.dtype) == "b" else 1 for i, f in zip(indices, flags[2:])])
            rank += max([_index_rank(i, f) for i, f in zip(indices, flags[2:])])
        v_shape = v_shape[max(len(v_shape) - rank, 0) :]  # leading ones that NumPy would drop
        v = reshape(v, (size if flags[0] else 1, *(1,) * (rank - len(v_shape)), *v_shape))
        v = layout.back(v)
    return apply(_SETITEM, v, x, *layout.indices, key=layout.key)


def _last_writers_batch(size: int, values: Any, flags: Any, key: Key, shape: tuple[int, ...]) -> Any:
    layout = batched_key(size, key, values, flags, True)
    return layout.out(apply(_LAST_WRITERS, *layout.indices, key=layout.key, shape=(size, *shape)))


# -- the primitives ----------------------------------------------------------------------------------------------
def _put_transpose(g: Any, argument: int, specs: Any, saved: Any, key: Key) -> Any:
    """To the new elements goes what was written of them in the end, to the old ones the rest."""
    indices = saved[2:]
    if argument == 1:
        return apply(_SETITEM, 0, g, *indices, key=key)
    dv = _read(g, key, indices)
    if not all(kind_of(i.dtype) == "b" for i in indices):
        dv = where(apply(_LAST_WRITERS, *indices, key=key, shape=g.shape), dv, 0)
    more = specs[0].ndim - len(dv.shape)  # leading ones, which writing dropped
    return reshape(dv, (1,) * more + dv.shape) if more > 0 else dv


def _erase(g: Any, argument: int, *saved: Any, key: Key) -> Any:
    """What the old elements get, where the cotangent may be written over."""
    if argument == 0:
        return None
    g[kernels.filled(key, saved[2:])] = 0
    return g


_GETITEM = Linear(
    "getitem", kernels.get_basic, lambda g, x, key: _scattered(g, key, (), x.shape), batch=_gather_batch,
    accumulate=kernels.add_basic,
)  # fmt: skip
# The transposes of several slices of one array, added up. To be had for the sweep's own work: see sweep.ScatterSum.
_SCATTER_SUM: Linear = Linear(
    "scatter_sum",
    kernels.scatter_sum,
    lambda g, i, specs, saved, keys, shape: _read(g, keys[i], ()),
    batch=lambda size, values, flags, keys, shape: apply(
        _SCATTER_SUM,
        *[v if f else broadcast_to(v, (size, *v.shape)) for v, f in zip(values, flags, strict=True)],
        keys=tuple([(FULL, *key) for key in keys]),
        shape=(size, *shape),
    ),
    arguments=("*",),
)
_GETITEM.sum_of_transposes = _SCATTER_SUM
_GATHER = Linear(
    "gather",
    kernels.get_arrays,
    lambda g, i, specs, saved, key: _scattered(g, key, saved[1:], specs[0].shape),
    batch=_gather_batch,
    arguments=("x", "indices"),
    linear=(0,),
    accumulate=kernels.add_at,
)
_SCATTER = Linear(
    "scatter", kernels.scatter_basic, lambda g, x, key, shape: _read(g, key, ()), batch=_scatter_batch
)
_SCATTER_ADD = Linear(
    "scatter_add",
    kernels.scatter_arrays,
    lambda g, i, specs, saved, key, shape: _read(g, key, saved[1:]),
    batch=_scatter_batch,
    arguments=("x", "indices"),
    linear=(0,),
)
_SETITEM = Linear(
    "setitem", kernels.put, _put_transpose, batch=_put_batch, arguments=("v", "x", "indices"), linear=(0, 1),
    overwrite=_erase,
)  # fmt: skip
_LAST_WRITERS = Zero("last_writers", kernels.last_writers, ("indices",), batch=_last_writers_batch)


def _read(x: Any, key: Key, indices: Sequence[Any]) -> Any:
    return apply(_GATHER, x, *indices, key=key) if indices else apply_linear(_GETITEM, x, key=key)


def _scattered(g: Any, key: Key, indices: Sequence[Any], shape: tuple[int, ...]) -> Any:
    if indices:
        return apply(_SCATTER_ADD, g, *indices, key=key, shape=shape)
    return apply_linear(_SCATTER, g, key=key, shape=shape)


def getitem(x: Any, key: Any, /) -> Any:
    """x[key] as NumPy has it: ints, slices, None, ..., masks, integer arrays (Tensors and lists, too), mixtures.

    Elements picked several times collect their gradients. Raises IndexError as NumPy does.

    >>> import gradtape as gt
    >>> x = gt.asarray([1.0, 2.0, 3.0])
    >>> x[gt.asarray([2, 2, 0])].tolist(), x[x > 1.5].tolist()
    ([3.0, 3.0, 1.0], [2.0, 3.0])
    """
    if type(x) is Tensor:
        if active():
            if type(key) is int or (type(key) is slice and is_static(key)):
                return apply_linear(_GETITEM, x, key=(key,))
        else:
            known = key.__class__ in ENTRIES
            if not known and key.__class__ is tuple:
                for k in key:
                    if not (known := k.__class__ in ENTRIES):
                        break
            if known:
                data = x._data
                try:
                    y = data[key._data if key.__class__ is Tensor else key]
                except Exception:  # parsed() says what is wrong
                    y = None
                if y.__class__ in RAW:
                    if y.__class__ is ndarray and (kernels.is_small(y, data) or not y.ndim):
                        y = kernels.own(y)
                    handle = new(Tensor)
                    handle._data = y
                    handle._key = 0
                    return handle
    whole, mask = x, key
    x, key, indices = parsed(x, key)
    if not indices:
        return apply_linear(_GETITEM, x, key=key)
    try:
        return apply(_GATHER, x, *indices, key=key)
    except RaggedError:
        if isinstance(mask, Tensor):
            return MaskedPart(whole, mask)
        raise


def scatter(g: Any, key: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of that shape with g added at the key: the transpose of x[key].

    >>> import gradtape as gt
    >>> from gradtape.functions.indexing import scatter
    >>> scatter(gt.asarray([1.0, 2.0, 4.0]), [0, 2, 0], (3,)).tolist()
    [5.0, 0.0, 2.0]
    """
    shape = tuple(shape)
    g = operand(g, "scatter", "g")
    x, key, indices = parsed(np.broadcast_to(0.0, shape), key)
    z = _scattered(g, key, [_beside(i, g) for i in indices], x.shape)
    return z if x.shape == shape else reshape(z, shape)


def updated(x: Any, key: Any, value: Any) -> Any:
    """A copy of x with x[key] = value.

    >>> import gradtape as gt
    >>> from gradtape.functions.indexing import updated
    >>> updated(gt.asarray([1.0, 2.0, 3.0]), slice(1), 5.0).tolist()
    [5.0, 2.0, 3.0]
    """
    x = operand(x, "updated", "x")
    shape = shape_of(x)
    value = _writable(x, operand(value, "updated", "value"))
    x, key, indices = parsed(x, key)
    y = apply(_SETITEM, value, x, *indices, key=key)
    return y if y.shape == shape else reshape(y, shape)


def _writable(x: Any, value: Any) -> Any:
    """A value that may be written into x, whose dtype it will have. Raises TypeError if that would lose something."""
    kind, into = kind_of(dtype_of(value)), kind_of(dtype_of(x))
    if kind == "c" and into != "c":
        raise TypeError(f"x[i] = v: complex values cannot be written into an array of {x.dtype}; use x.astype(complex)")
    if kind in "fc" and into not in "fc" and isinstance(value, Tensor) and is_observed(value):
        raise TypeError(
            f"x[i] = v: writing a Tensor that is being differentiated into an array of {x.dtype} would cut its "
            "gradient; make x of floating numbers first, x.astype(float)"
        )
    return value


def setitem(x: Tensor, key: Any, value: Any) -> None:
    """x[key] = value: the handle x gets a new value; what was recorded, and other handles, keep the old one.

    The memory is written over if nobody else holds it, so that filling an array element by element takes linear
    time. Where an integer array names an element twice, the last value written stays, and has its gradient.
    A tape asked afterwards for the gradient with respect to x answers for the new value: write into a copy,
    `y = x.copy()`, to have it for the old one.
    Raises TypeError for a Variable, for complex into real, and for a gradient that would be cut by an integer x.

    >>> import gradtape as gt
    >>> x = gt.asarray([1.0, 2.0, 3.0])
    >>> x[1:] *= 10
    >>> x.tolist()
    [1.0, 20.0, 30.0]
    """
    if isinstance(x, Variable):
        rebind(x, x)  # says why not
    if type(value) is MaskedPart:
        rebind(x, value.written_into(x, key))
        return
    value = _writable(x, operand(value, "Tensor.__setitem__", "value"))
    whole, key, indices = parsed(x, key)
    arguments = (value, whole, *indices)
    if whole is not x:
        rebind(x, reshape(apply(_SETITEM, *arguments, key=key), x.shape))
    elif not is_owned(x) or any(observer.wants_everything for observer in active()):
        rebind(x, apply(_SETITEM, *arguments, key=key))
    elif any(type(a) is VirtualTensor for a in arguments):
        token = kernels.WRITING_OVER.set(True)
        try:
            rebind(x, apply(_SETITEM, *arguments, key=key))
        finally:
            kernels.WRITING_OVER.reset(token)
    else:
        _write(x, key, value, indices, arguments)


def is_owned(x: Tensor) -> bool:
    """Whether the handle alone refers to its array (or to the arrays in its virtual array), so that nobody sees them
    written over."""
    data = x._data
    if not isinstance(data, Virtual):
        del data
        return kernels.is_own(x._data) and kernels.held_once(x)
    parts: list[str] = [name for name in type(data).__slots__ if isinstance(getattr(data, name), Tensor)]
    if not parts or not all(kernels.held_once(data, name) and is_owned(getattr(data, name)) for name in parts):
        return False  # one without such parts (a series) may share its arrays with others
    del data
    return kernels.held_once(x)


def rebind(x: Tensor, y: Tensor) -> None:
    """Give the handle x the value of y: what `x[i] = v` does. Raises TypeError for a Variable."""
    if isinstance(x, Variable):
        raise TypeError(
            "a Variable is assigned as a whole: v.assign(value); "
            "or work on a Tensor with its value, x = gradtape.positive(v), and x[i] = ..."
        )
    x._data, x._key = y._data, y._key
    if type(x) is not type(y):
        x.__class__ = type(y)  # between Tensor, ForeignTensor and VirtualTensor, whose layouts are one


def _write(x: Tensor, key: Key, value: Any, indices: Sequence[Any], arguments: tuple[Any, ...]) -> None:
    """Write into x's memory, which nobody else holds, and leave the record that a copy would have left."""
    for a in arguments:
        if type(a) is Variable:
            touch(a)
    raw = tuple([i._data if isinstance(i, Tensor) else i for i in indices])
    x._data[kernels.filled(key, raw)] = value._data if isinstance(value, Tensor) else value
    observers = active()
    keys = [a._key if isinstance(a, Tensor) else 0 for a in arguments]
    x._key = 0
    if observers:
        data = [a._data if isinstance(a, Tensor) else a for a in arguments]
        leave_records(_SETITEM, observers, x, x._data, data, keys, {"key": key})


# -- picking along an axis ---------------------------------------------------------------------------------------
def whole(indices: Any) -> Any:
    """Indices of NumPy's or in a list, which ndarray.take would round down were they no integers."""
    if indices.__class__ is int:
        return indices
    indices = np.asarray(indices)
    if indices.dtype.kind not in "iu" and indices.size:
        raise IndexError("indices must be integers")
    return indices if indices.size else indices.astype(np.intp)


@untaped(
    "x.take(indices if indices.__class__ is ndarray and indices.dtype.kind in 'iu' else whole(indices), axis)",
    when="mode == 'raise'", whole=whole,
)  # fmt: skip
def take(x: Any, indices: Any, /, *, axis: int | None = None, mode: str = "raise") -> Any:
    """The elements (or slices along `axis`) with these indices; of the flattened x where axis is None.

    `mode`: what an index out of range does: "raise" IndexError, "clip", or "wrap".

    >>> import gradtape as gt
    >>> gt.take(gt.asarray([10.0, 20.0, 30.0]), [2, 0]).tolist()
    [30.0, 10.0]
    """
    x = operand(x, "take", "x")
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    axis = one_axis(axis, len(shape_of(x)), "take")
    indices = integers(indices, "take")
    n = shape_of(x)[axis]
    if mode == "clip":
        indices = where(indices < 0, 0, where(indices >= n, n - 1, indices))
    elif mode == "wrap":
        indices = indices % n
    elif mode != "raise":
        raise ValueError(f"gradtape.take: mode must be 'raise', 'clip' or 'wrap', not {mode!r}")
    return getitem(x, ((FULL,) * axis + (indices,)))


def integers(indices: Any, function: str) -> Any:
    """Index arrays of a function, lists too."""
    indices = operand(indices, function, "indices")
    if not isinstance(indices, Tensor) and library_of(indices) is None:
        indices = np.asarray(indices)
        if not indices.size:
            indices = indices.astype(np.intp)
    if kind_of(indices.dtype) not in ("i", "u"):
        raise IndexError(f"gradtape.{function}: indices must be integers, not {indices.dtype}")
    return indices


def _along(x: Any, indices: Any, axis: int) -> Key:
    """The key that pairs each index with its place on the other axes."""
    shape = shape_of(x)
    if len(shape_of(indices)) != len(shape):
        raise ValueError(
            f"take_along_axis: indices need as many axes as x, which has {len(shape)}; theirs are {indices.shape}"
        )
    return tuple(
        [
            indices if a == axis else np.arange(n).reshape([-1 if b == a else 1 for b in range(len(shape))])
            for a, n in enumerate(shape)
        ]
    )


@untaped("np.take_along_axis(x, indices, axis)")
def take_along_axis(x: Any, indices: Any, /, *, axis: int | None = -1) -> Any:
    """y[i, j, ...] = x[i, indices[i, j, ...], ...] along `axis`, as argsort and argmax give indices.

    Shapes broadcast off the axis; axis None means the flattened x. Raises ValueError unless the ranks agree.

    >>> import gradtape as gt
    >>> x = gt.asarray([[3.0, 1.0], [2.0, 4.0]])
    >>> gt.take_along_axis(x, gt.asarray([[1], [0]]), axis=1).tolist()
    [[1.0], [2.0]]
    """
    x, indices = operand(x, "take_along_axis", "x"), integers(indices, "take_along_axis")
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    axis = one_axis(axis, len(shape_of(x)), "take_along_axis")
    return getitem(x, _along(x, indices, axis))


def put_along_axis(x: Tensor, indices: Any, values: Any, axis: int) -> None:
    """x[i, indices[i, j, ...], ...] = values[i, j, ...]: writes into the handle x, as x[key] = values does."""
    axis = one_axis(axis, len(shape_of(x)), "put_along_axis")
    setitem(x, _along(x, integers(indices, "put_along_axis"), axis), values)


def install() -> None:
    """Give Tensor its indexing."""
    Tensor.__getitem__, Tensor.__setitem__ = getitem, setitem  # type: ignore[attr-defined]


__all__ = ["put_along_axis", "take", "take_along_axis"]
