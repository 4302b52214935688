"""Functions that move elements about: linear, given by their kernel and their transpose, or made of such."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from operator import index
from typing import Any

import numpy as np

from ..arrays.dtypes import is_floating
from ..arrays.numpy_kernels import own_code, split_evenly
from ..context import active
from ..primitive import Linear, Zero, apply, apply_linear
from ..tensor import Tensor, tensor
from .declare import NUMBERS, as_dtype, fitting, normalized_axes, one_axis, operand, result_type, shape_of
from .static import full
from .untaped import untaped

FULL = slice(None)
Axis = int | tuple[int, ...] | None

def _reshaped(x: Any, shape: tuple[int, ...]) -> Any:
    y = x.reshape(shape) if type(x) is np.ndarray else np.reshape(x, shape)
    return y if shape else y[()]


_RESHAPE = Linear(
    "reshape",
    _reshaped,
    lambda g, x, shape: reshape(g, x.shape),
    batch=lambda size, values, flags, shape: reshape(values[0], (size, *shape)),
)


def _broadcast_batch(size: int, values: Any, flags: Any, shape: tuple[int, ...]) -> Any:
    x = values[0]
    aligned = reshape(x, (size, *(1,) * (len(shape) - len(x.shape) + 1), *x.shape[1:]))
    return broadcast_to(aligned, (size, *shape))


def _broadcast_transpose(g: Any, x: Any, shape: tuple[int, ...]) -> Any:
    from .reductions import sum_to

    return sum_to(g, x.shape)


_BROADCAST_TO = Linear(
    "broadcast_to", lambda x, shape: np.broadcast_to(x, shape), _broadcast_transpose, batch=_broadcast_batch
)
_ASTYPE = Linear(
    "astype",
    lambda x, dtype: np.asarray(x).astype(dtype)[()],
    lambda g, x, dtype: g,  # the sweep casts a cotangent to its primal's dtype
    batch=lambda size, values, flags, dtype: astype(values[0], dtype),
)
_TO_EXACT = Zero("astype_exact", lambda x, dtype: np.asarray(x).astype(dtype)[()], ("x",), batch="align")


def reshape(x: Any, /, shape: Any, *, copy: bool | None = None) -> Any:
    """The same elements in another shape; one length may be -1.

    >>> import gradtape as gt
    >>> gt.reshape(gt.asarray([1.0, 2.0, 3.0, 4.0]), (2, -1)).shape
    (2, 2)
    """
    if type(x) is not Tensor:
        x = operand(x, "reshape", "x")
    elif not active() and type(shape) is tuple:
        return tensor(_reshaped(x._data, shape))  # NumPy knows of -1, too
    shape = tuple([int(n) for n in shape]) if isinstance(shape, tuple | list) else (int(shape),)
    if -1 in shape:
        old = shape_of(x)
        known = 1
        for n in shape:
            known *= n if n != -1 else 1
        total = 1
        for n in old:
            total *= n
        if shape.count(-1) > 1 or known == 0 or total % known:
            raise ValueError(f"gradtape.reshape: cannot reshape {old} into {shape}")
        shape = tuple([total // known if n == -1 else n for n in shape])
    return apply_linear(_RESHAPE, x, shape=shape)


@untaped("np.broadcast_to(x, shape)[()]")
def broadcast_to(x: Any, /, shape: int | tuple[int, ...]) -> Any:
    """x repeated along new axes and axes of length 1, to that shape."""
    if isinstance(shape, int | np.integer):
        shape = (int(shape),)
    return apply_linear(_BROADCAST_TO, operand(x, "broadcast_to", "x"), shape=tuple([int(n) for n in shape]))


@untaped("x.astype(dtype)")
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    """x with its elements converted; to integers and booleans nothing flows back."""
    x = operand(x, "astype", "x")
    dtype = as_dtype(dtype, x)
    return apply_linear(_ASTYPE, x, dtype=dtype) if is_floating(dtype) else apply(_TO_EXACT, x, dtype=dtype)


# -- the order of axes -------------------------------------------------------------------------------------------
_PERMUTE: Linear = Linear(
    "permute_dims",
    lambda x, axes: x.transpose(axes) if type(x) is np.ndarray else np.transpose(x, axes),
    lambda g, x, axes: apply_linear(_PERMUTE, g, axes=inverse(axes)),
    batch=lambda size, values, flags, axes: apply_linear(_PERMUTE, values[0], axes=(0, *[a + 1 for a in axes])),
)


def inverse(permutation: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes this one."""
    result = [0] * len(permutation)
    for i, p in enumerate(permutation):
        result[p] = i
    return tuple(result)


def array_and_shape(x: Any, function: str) -> tuple[Any, tuple[int, ...]]:
    """The operand x of a function, and its shape."""
    if type(x) is not Tensor:
        x = operand(x, function, "x")
    return x, shape_of(x)


@untaped("x.transpose(axes)", when="len(axes) == x.ndim")
def permute_dims(x: Any, /, axes: Sequence[int]) -> Any:
    """x with its axes in this order. Raises ValueError unless each is named once.

    >>> import gradtape as gt
    >>> gt.permute_dims(gt.zeros((2, 3, 4)), (2, 0, 1)).shape
    (4, 2, 3)
    """
    x, shape = array_and_shape(x, "permute_dims")
    order = normalized_axes(tuple(axes), len(shape), "permute_dims")
    if len(order) != len(shape):
        raise ValueError(f"gradtape.permute_dims: axes must name each of the {len(shape)} axes once, not {axes}")
    return apply_linear(_PERMUTE, x, axes=order)


@untaped("x.transpose(axes)")
def transpose(x: Any, /, axes: Sequence[int] | None = None) -> Any:
    """x with its axes in this order, reversed by default (as NumPy's transpose and `x.T`)."""
    x, shape = array_and_shape(x, "transpose")
    if axes is None:
        return apply_linear(_PERMUTE, x, axes=tuple(range(len(shape) - 1, -1, -1)))
    return permute_dims(x, axes)


@untaped("np.moveaxis(x, source, destination)")
def moveaxis(x: Any, source: Axis, destination: Axis, /) -> Any:
    """x with axes moved from `source` to `destination`, the others staying in order.

    >>> import gradtape as gt
    >>> gt.moveaxis(gt.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    x, shape = array_and_shape(x, "moveaxis")
    n = len(shape)
    to_tuple = lambda axis: tuple(axis) if isinstance(axis, tuple | list) else (axis,)
    start, end = (normalized_axes(to_tuple(axis), n, "moveaxis") for axis in (source, destination))
    if len(start) != len(end):
        raise ValueError(f"gradtape.moveaxis: source {source} and destination {destination} differ in length")
    order = [a for a in range(n) if a not in start]
    for to, origin in sorted(zip(end, start, strict=True)):
        order.insert(to, origin)
    return apply_linear(_PERMUTE, x, axes=tuple(order))


def matrices_in(x: Any, axis1: int, axis2: int) -> Any:
    """x with two axes moved to the end."""
    n = len(shape_of(x))
    there = axis1 in (n - 2, -2) and axis2 in (n - 1, -1)
    return x if there else moveaxis(x, (axis1, axis2), (-2, -1))


@untaped("x.swapaxes(axis1, axis2)")
def swapaxes(x: Any, axis1: int, axis2: int, /) -> Any:
    """x with two axes exchanged."""
    x, shape = array_and_shape(x, "swapaxes")
    order = list(range(len(shape)))
    (a,), (b,) = (normalized_axes(axis, len(shape), "swapaxes") for axis in (axis1, axis2))
    order[a], order[b] = b, a
    return apply_linear(_PERMUTE, x, axes=tuple(order))


# -- axes of length 1 --------------------------------------------------------------------------------------------
@untaped("np.expand_dims(x, axis)")
def expand_dims(x: Any, /, axis: Any = 0) -> Any:
    """x with an axis of length 1 at each place in `axis` (counted in the result).

    >>> import gradtape as gt
    >>> gt.expand_dims(gt.zeros((2, 3)), axis=(0, -1)).shape
    (1, 2, 3, 1)
    """
    x, shape = array_and_shape(x, "expand_dims")
    axes = tuple(axis) if isinstance(axis, tuple | list) else (axis,)
    rank = len(shape) + len(axes)
    axes = normalized_axes(axes, rank, "expand_dims")
    lengths = iter(shape)
    return apply_linear(_RESHAPE, x, shape=tuple([1 if a in axes else next(lengths) for a in range(rank)]))


@untaped("x.squeeze(axis)[()]")
def squeeze(x: Any, /, axis: Axis = None) -> Any:
    """x without these axes, which must have length 1 (ValueError); by default without all that have.

    >>> import gradtape as gt
    >>> gt.squeeze(gt.zeros((1, 2, 1))).shape
    (2,)
    """
    x, shape = array_and_shape(x, "squeeze")
    axes = [a for a, n in enumerate(shape) if n == 1] if axis is None else normalized_axes(axis, len(shape), "squeeze")
    for a in axes:
        if shape[a] != 1:
            raise ValueError(f"gradtape.squeeze: axis {a} has length {shape[a]}, not 1; the shape is {shape}")
    return apply_linear(_RESHAPE, x, shape=tuple([n for a, n in enumerate(shape) if a not in axes]))


@untaped("x.reshape(-1)")
def ravel(x: Any, /) -> Any:
    """The elements as one axis."""
    x, shape = array_and_shape(x, "ravel")
    return apply_linear(_RESHAPE, x, shape=(prod(shape),))


def _at_least(count: int, place: Any, doc: str) -> Any:
    def at_least(*arrays: Any) -> Any:
        results = []
        for x in arrays:
            x, shape = array_and_shape(x, f"atleast_{count}d")
            results.append(x if len(shape) >= count else apply_linear(_RESHAPE, x, shape=place(shape)))
        return results[0] if len(results) == 1 else tuple(results)

    at_least.__name__ = at_least.__qualname__ = f"atleast_{count}d"
    at_least.__doc__ = doc
    return at_least


atleast_1d = _at_least(1, lambda s: (1,), "Each argument with one axis at least.")
atleast_2d = _at_least(2, lambda s: (1,) * (2 - len(s)) + s, "Each argument with two axes at least, new ones first.")
atleast_3d = _at_least(
    3, lambda s: (1, *s, 1) if len(s) == 1 else s + (1,) * (3 - len(s)),
    "Each argument with three axes at least, placed as NumPy does.",
)  # fmt: skip


def broadcast_arrays(*arrays: Any) -> tuple[Any, ...]:
    """The arrays broadcast to one shape. Raises ValueError if there is none."""
    operands = [operand(x, "broadcast_arrays", "an argument") for x in arrays]
    shape = np.broadcast_shapes(*[shape_of(x) for x in operands])
    return tuple([x if shape_of(x) == shape else broadcast_to(x, shape) for x in operands])


def meshgrid(*arrays: Any, indexing: str = "xy") -> tuple[Any, ...]:
    """Coordinate arrays of the grid that these one-axis arrays span; "ij": axes in order, "xy": first two swapped.

    >>> import gradtape as gt
    >>> [a.shape for a in gt.meshgrid(gt.zeros(2), gt.zeros(3))]
    [(3, 2), (3, 2)]
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"gradtape.meshgrid: indexing must be 'xy' or 'ij', not {indexing!r}")
    operands = [operand(x, "meshgrid", "an argument") for x in arrays]
    places = list(range(len(operands)))
    if indexing == "xy" and len(operands) > 1:
        places[:2] = 1, 0
    lengths = [prod(shape_of(x)) for x in operands]
    shape = tuple([lengths[p] for p in places])
    ones = (1,) * len(operands)
    return tuple(
        [
            broadcast_to(reshape(x, (*ones[: places[i]], lengths[i], *ones[places[i] + 1 :])), shape)
            for i, x in enumerate(operands)
        ]
    )


# -- joining -----------------------------------------------------------------------------------------------------
def _whole(size: int, values: Any, flags: Any) -> list[Any]:
    """The values with a batch axis each."""
    return [v if f else broadcast_to(v, (size, *shape_of(v))) for v, f in zip(values, flags, strict=True)]


# ends[i]: where part i ends along the axis; a part's cotangent is a slice, so all of them cost one pass.
_CONCAT: Linear = Linear(
    "concat",
    lambda *arrays, axis, ends: np.concatenate(arrays, axis=axis),
    lambda g, i, specs, saved, axis, ends: g[(FULL,) * axis + (slice(ends[i - 1] if i else 0, ends[i]),)],
    batch=lambda size, values, flags, axis, ends: apply(
        _CONCAT, *_whole(size, values, flags), axis=axis + 1, ends=ends
    ),
    arguments=("*",),
)
_STACK: Linear = Linear(
    "stack",
    lambda *arrays, axis: np.stack(arrays, axis=axis) if np.ndim(arrays[0]) else np.array(arrays),
    lambda g, i, specs, saved, axis: g[(FULL,) * axis + (i,)],
    batch=lambda size, values, flags, axis: apply(_STACK, *_whole(size, values, flags), axis=axis + 1),
    arguments=("*",),
)


def _parts(arrays: Any, function: str) -> list[Any]:
    """The operands of a joining function; Python numbers among them take the others' dtype."""
    if isinstance(arrays, Tensor) or not hasattr(arrays, "__iter__"):
        arrays = list(operand(arrays, function, "arrays"))
    parts = fitting(arrays, [operand(x, function, "an array") for x in arrays])
    if not parts:
        raise ValueError(f"gradtape.{function}: at least one array is needed")
    if any(type(x) in NUMBERS for x in parts):
        dtype = result_type(*parts)
        parts = [full((), x, dtype, *parts) if type(x) in NUMBERS else x for x in parts]
    return parts


@untaped("join(arrays, axis)", arrays="*arrays", join=own_code(np.concatenate))
def concat(arrays: Any, /, *, axis: int | None = 0) -> Any:
    """The arrays (a list mixing Tensors, arrays, numbers) joined along an axis; None: flattened first.

    Raises ValueError unless the shapes agree off the axis.

    >>> import gradtape as gt
    >>> gt.concat([gt.asarray([1.0, 2.0]), [3.0]]).tolist()
    [1.0, 2.0, 3.0]
    """
    parts = _parts(arrays, "concat")
    if axis is None:
        parts, axis = [ravel(x) for x in parts], 0
    shapes = [shape_of(x) for x in parts]
    axis = one_axis(axis, len(shapes[0]), "concat")
    end, ends = 0, []
    for shape in shapes:
        if len(shape) != len(shapes[0]) or shape[:axis] + shape[axis + 1 :] != shapes[0][:axis] + shapes[0][axis + 1 :]:
            raise ValueError(f"gradtape.concat: shapes {shapes[0]} and {shape} differ off axis {axis}")
        end += shape[axis]
        ends.append(end)
    return apply(_CONCAT, *parts, axis=axis, ends=tuple(ends))


def concatenate(arrays: Any, /, axis: int | None = 0) -> Any:
    """concat under NumPy's name."""
    return concat(arrays, axis=axis)


@untaped(
    "array(arrays) if axis == 0 else join(arrays, axis)", arrays="*arrays", array=np.array, join=own_code(np.stack)
)
def stack(arrays: Any, /, *, axis: int = 0) -> Any:
    """The arrays (a list mixing Tensors, arrays, numbers), all of one shape, along a new axis.

    >>> import gradtape as gt
    >>> gt.stack([gt.asarray(1.0), 2.0]).tolist()
    [1.0, 2.0]
    """
    parts = _parts(arrays, "stack")
    shape = shape_of(parts[0])
    for x in parts:
        if shape_of(x) != shape:
            raise ValueError(f"gradtape.stack: shapes {shape} and {shape_of(x)} differ")
    axis = one_axis(axis, len(shape) + 1, "stack")
    return apply(_STACK, *parts, axis=axis)


@untaped("np.hstack(arrays)", arrays="*arrays")
def hstack(arrays: Any, /) -> Any:
    """The arrays joined along the second axis, or the only one."""
    parts = [atleast_1d(x) for x in _parts(arrays, "hstack")]
    return concat(parts, axis=0 if len(shape_of(parts[0])) == 1 else 1)


@untaped("np.vstack(arrays)", arrays="*arrays")
def vstack(arrays: Any, /) -> Any:
    """The arrays as rows, joined along the first axis."""
    return concat([atleast_2d(x) for x in _parts(arrays, "vstack")], axis=0)


def dstack(arrays: Any, /) -> Any:
    """The arrays joined along the third axis."""
    return concat([atleast_3d(x) for x in _parts(arrays, "dstack")], axis=2)


def column_stack(arrays: Any, /) -> Any:
    """One-axis arrays as columns, beside others, of a matrix."""
    parts = _parts(arrays, "column_stack")
    return concat([reshape(x, (-1, 1)) if len(shape_of(x)) < 2 else x for x in parts], axis=1)


# -- taking apart ------------------------------------------------------------------------------------------------
@untaped("x.swapaxes(0, axis) if x.ndim < 3 else np.moveaxis(x, axis, 0)", named=tuple)
def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """The slices along an axis.

    >>> import gradtape as gt
    >>> a, b = gt.unstack(gt.asarray([1.0, 2.0]))
    >>> float(b)
    2.0
    """
    x, shape = array_and_shape(x, "unstack")
    axis = one_axis(axis, len(shape), "unstack")
    return tuple([_get(x, (FULL,) * axis + (i,)) for i in range(shape[axis])])


@untaped(
    "evenly(x, indices_or_sections) if axis == 0 else np.split(x, indices_or_sections, axis)",
    named=list, evenly=split_evenly,
)  # fmt: skip
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """x in so many equal parts along an axis (ValueError if it has none), or cut at these places.

    >>> import gradtape as gt
    >>> [part.tolist() for part in gt.split(gt.asarray([1.0, 2.0, 3.0]), [1])]
    [[1.0], [2.0, 3.0]]
    """
    x, shape = array_and_shape(x, "split")
    axis = one_axis(axis, len(shape), "split")
    if not np.ndim(indices_or_sections) and shape[axis] % _sections(indices_or_sections, "split"):
        raise ValueError(f"gradtape.split: {shape[axis]} elements have no {indices_or_sections} equal parts")
    return array_split(x, indices_or_sections, axis)


def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """split, where the parts of a number of sections may differ by one element."""
    x, shape = array_and_shape(x, "array_split")
    axis = one_axis(axis, len(shape), "array_split")
    n = shape[axis]
    if np.ndim(indices_or_sections):
        cuts = [index(i) for i in indices_or_sections]
    else:
        sections = _sections(indices_or_sections, "array_split")
        each, more = divmod(n, sections)
        cuts = [i * each + min(i, more) for i in range(1, sections)]
    before = (FULL,) * axis
    return [_get(x, (*before, slice(a, b))) for a, b in zip([0, *cuts], [*cuts, n], strict=True)]


def _sections(number: Any, function: str) -> int:
    """How many parts there shall be."""
    sections = int(number)
    if sections < 1:
        raise ValueError(f"gradtape.{function}: {sections} parts were asked for; there is at least one")
    return sections


def hsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """split along the second axis, or the only one."""
    return split(x, indices_or_sections, axis=min(len(shape_of(operand(x, "hsplit", "x"))) - 1, 1))


def vsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """split along the first axis of two or more."""
    return split(_with_axes(x, 2, "vsplit"), indices_or_sections, axis=0)


def dsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """split along the third axis."""
    return split(_with_axes(x, 3, "dsplit"), indices_or_sections, axis=2)


def _with_axes(x: Any, least: int, function: str) -> Any:
    """x, which has so many axes or more."""
    x, shape = array_and_shape(x, function)
    if len(shape) < least:
        raise ValueError(f"gradtape.{function}: x needs {least} axes or more; its shape is {shape}")
    return x


def _get(x: Any, key: tuple[Any, ...]) -> Any:
    from .indexing import getitem

    return getitem(x, key)


__all__ = [
    "array_split", "astype", "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_arrays", "broadcast_to",
    "column_stack", "concat", "concatenate", "dsplit", "dstack", "expand_dims", "hsplit", "hstack", "meshgrid",
    "moveaxis", "permute_dims", "ravel", "reshape", "split", "squeeze", "stack", "swapaxes", "transpose", "unstack",
    "vsplit", "vstack",
]  # fmt: skip
