"""The functions at the top of tf that make arrays, move their elements about, and pick from them."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

import gradtape as gt

from ..functions import elementwise as e
from ..functions.indexing import take
from ..functions.positions import nonzero
from ..functions.products import einsum as _einsum
from ..functions.sorting import searchsorted as _searchsorted
from ..nest import flatten
from ..tensor import Tensor, to_array, touch
from ..tensor import Variable as CoreVariable
from .convert import as_axis, as_shape, convert_to_tensor, float32, int32, pair, values
from .functions import constants_made

newaxis = None


# -- making ---------------------------------------------------------------------------------------------------------
def zeros(shape: Any, dtype: Any = float32, name: Any = None) -> Tensor:
    """Zeros, float32 by default."""
    return constants_made(gt.zeros(as_shape(shape), dtype=dtype))


def ones(shape: Any, dtype: Any = float32, name: Any = None) -> Tensor:
    """Ones, float32 by default."""
    return constants_made(gt.ones(as_shape(shape), dtype=dtype))


def fill(dims: Any, value: Any, name: Any = None) -> Any:
    """The value in every element."""
    return gt.broadcast_to(convert_to_tensor(value), as_shape(dims))


def zeros_like(input: Any, dtype: Any = None, name: Any = None) -> Any:
    """Zeros of the shape and dtype of input."""
    return gt.zeros_like(convert_to_tensor(input), dtype=dtype)


def ones_like(input: Any, dtype: Any = None, name: Any = None) -> Any:
    """Ones of the shape and dtype of input."""
    return gt.ones_like(convert_to_tensor(input), dtype=dtype)


def eye(num_rows: Any, num_columns: Any = None, batch_shape: Any = None, dtype: Any = float32, name: Any = None) -> Any:
    """The identity matrix, or a batch of them."""
    columns = None if num_columns is None else int(to_array(num_columns))
    x = gt.eye(int(to_array(num_rows)), columns, dtype=dtype)
    return x if batch_shape is None else gt.broadcast_to(x, (*as_shape(batch_shape), *x.shape))


def range(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: Any = "range") -> Tensor:
    """Numbers from start up to limit (exclusive) in steps of delta; one argument is the limit."""
    if limit is None:
        start, limit = 0, start
    parts = [to_array(convert_to_tensor(x)) for x in (start, limit, delta)]
    dtype = np.result_type(*parts) if dtype is None else dtype
    return gt.asarray(np.arange(*[part.item() for part in parts]).astype(dtype))


def linspace(start: Any, stop: Any, num: Any, name: Any = None, axis: int = 0) -> Any:
    """num equally spaced values from start to stop, both included; float64 for integers, as in TensorFlow."""
    start, stop = values([start, stop])
    if start.dtype.kind in "iu":
        start, stop = [gt.astype(x, np.float64) for x in (start, stop)]
    num = int(to_array(num))
    steps = np.arange(num, dtype=start.dtype).reshape((num,) + (1,) * start.ndim) / max(num - 1, 1)
    x = start + (stop - start) * gt.asarray(steps.astype(start.dtype))
    return gt.moveaxis(x, 0, axis) if axis else x


def one_hot(
    indices: Any, depth: Any, on_value: Any = None, off_value: Any = None, axis: Any = None, dtype: Any = None,
    name: Any = None,
) -> Any:  # fmt: skip
    """Vectors with on_value (1) at the index and off_value (0) elsewhere, along a new axis (the last)."""
    indices, depth = convert_to_tensor(indices), int(to_array(depth))
    axis = indices.ndim if axis is None or axis == -1 else axis
    if dtype is None:
        given = [convert_to_tensor(v).dtype for v in (on_value, off_value) if v is not None]
        dtype = np.result_type(*given) if given else float32
    shape = (1,) * axis + (depth,) + (1,) * (indices.ndim - axis)
    hot = gt.expand_dims(indices, axis=axis) == np.arange(depth).reshape(shape)
    on = convert_to_tensor(1 if on_value is None else on_value)
    off = convert_to_tensor(0 if off_value is None else off_value)
    return e.where(hot, gt.astype(on, dtype), gt.astype(off, dtype))


def meshgrid(*args: Any, indexing: str = "xy", name: Any = None) -> list[Any]:
    """Coordinate arrays from coordinate vectors."""
    return list(gt.meshgrid(*[convert_to_tensor(x) for x in args], indexing=indexing))


# -- asking -----------------------------------------------------------------------------------------------------------
def _read(x: Any) -> Any:
    x = x if isinstance(x, Tensor) else convert_to_tensor(x)
    if isinstance(x, CoreVariable):
        touch(x)
    return x


def shape(input: Any, out_type: Any = int32, name: Any = None) -> Any:
    """The lengths of the axes, as an integer Tensor."""
    return gt.asarray(np.array(_read(input).shape, out_type))


def size(input: Any, out_type: Any = int32, name: Any = None) -> Tensor:
    """The number of elements, as an integer Tensor."""
    return gt.asarray(np.dtype(out_type).type(_read(input).size))


def rank(input: Any, name: Any = None) -> Tensor:
    """The number of axes, as an integer Tensor."""
    return gt.asarray(np.int32(_read(input).ndim))


def is_tensor(x: Any) -> bool:
    """Whether x is a Tensor or a Variable."""
    return isinstance(x, Tensor)


# -- moving ---------------------------------------------------------------------------------------------------------
def reshape(tensor: Any, shape: Any, name: Any = None) -> Any:
    """The same elements in another shape; one length may be -1."""
    return gt.reshape(convert_to_tensor(tensor), as_shape(shape))


def transpose(a: Any, perm: Any = None, conjugate: bool = False, name: Any = None) -> Any:
    """The axes in another order (reversed by default)."""
    x = gt.transpose(convert_to_tensor(a), None if perm is None else as_shape(perm))
    return e.conj(x) if conjugate else x


def expand_dims(input: Any, axis: Any, name: Any = None) -> Any:
    """A new axis of length 1."""
    return gt.expand_dims(convert_to_tensor(input), axis=int(to_array(axis)))


def squeeze(input: Any, axis: Any = None, name: Any = None) -> Any:
    """Without axes of length 1 (all, or those named)."""
    axis = as_axis(axis)
    return gt.squeeze(convert_to_tensor(input), axis=axis if axis != () else None)


def broadcast_to(input: Any, shape: Any, name: Any = None) -> Any:
    """Repeated along new axes and axes of length 1."""
    return gt.broadcast_to(convert_to_tensor(input), as_shape(shape))


def concat(values: Any, axis: Any, name: str = "concat") -> Any:
    """Arrays joined along an axis."""
    parts = _values(values)
    return gt.concat(parts, axis=int(to_array(axis)))


def stack(values: Any, axis: int = 0, name: str = "stack") -> Any:
    """Arrays joined along a new axis."""
    return gt.stack(_values(values), axis=axis)


def _values(xs: Any) -> list[Tensor]:
    return values(list(xs)) if isinstance(xs, list | tuple) else list(convert_to_tensor(xs))


def unstack(value: Any, num: Any = None, axis: int = 0, name: str = "unstack") -> list[Any]:
    """The slices along an axis, as a list."""
    parts = list(gt.unstack(convert_to_tensor(value), axis=axis))
    if num is not None and num != len(parts):
        raise ValueError(f"tf.unstack: num is {num}, and the axis has {len(parts)} slices")
    return parts


def split(value: Any, num_or_size_splits: Any, axis: Any = 0, num: Any = None, name: str = "split") -> list[Any]:
    """Parts along an axis: a number of equal ones, or of these sizes (one may be -1)."""
    x, axis = convert_to_tensor(value), int(to_array(axis))
    sizes = to_array(num_or_size_splits)
    sizes = sizes.tolist() if isinstance(sizes, np.ndarray | np.generic) else sizes
    if isinstance(sizes, int):
        return list(gt.split(x, sizes, axis=axis))
    sizes = [int(to_array(n)) for n in sizes]
    if -1 in sizes:
        sizes[sizes.index(-1)] = x.shape[axis] - sum([n for n in sizes if n != -1])
    if sum(sizes) != x.shape[axis]:
        raise ValueError(f"tf.split: sizes {sizes} for an axis of length {x.shape[axis]}")
    return list(gt.split(x, [int(n) for n in np.cumsum(sizes)[:-1]], axis=axis))


def tile(input: Any, multiples: Any, name: Any = None) -> Any:
    """The array repeated as a whole along each axis."""
    return gt.tile(convert_to_tensor(input), as_shape(multiples))


def repeat(input: Any, repeats: Any, axis: Any = None, name: Any = None) -> Any:
    """Each element repeated."""
    repeats = to_array(repeats)
    return gt.repeat(convert_to_tensor(input), repeats, axis=axis)


def pad(tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0, name: Any = None) -> Any:
    """With elements added before and after along each axis; mode CONSTANT, REFLECT or SYMMETRIC."""
    x = convert_to_tensor(tensor)
    widths = [tuple([int(n) for n in pair]) for pair in np.asarray(to_array(paddings)).tolist()]
    mode = mode.lower()
    if mode not in ("constant", "reflect", "symmetric"):
        raise ValueError(f"tf.pad: mode must be CONSTANT, REFLECT or SYMMETRIC, not {mode.upper()!r}")
    if mode != "constant":
        return gt.pad(x, widths, mode)
    return gt.pad(x, widths, "constant", constant_values=constant_values)


def reverse(tensor: Any, axis: Any, name: Any = None) -> Any:
    """Backwards along the axes."""
    return gt.flip(convert_to_tensor(tensor), axis=as_axis(axis))


def roll(input: Any, shift: Any, axis: Any, name: Any = None) -> Any:
    """Shifted along the axes, around the ends."""
    return gt.roll(convert_to_tensor(input), as_axis(shift), axis=as_axis(axis))


# -- picking --------------------------------------------------------------------------------------------------------
def where(condition: Any, x: Any = None, y: Any = None, name: Any = None) -> Any:
    """x where the condition holds, else y; without them the indices where it holds, one in each row."""
    condition = convert_to_tensor(condition)
    if x is None and y is None:
        return gt.stack([gt.asarray(i) for i in nonzero(condition)], axis=-1)
    if x is None or y is None:
        raise ValueError("tf.where: give both x and y, or neither")
    return e.where(condition, *pair(x, y))


def gather(
    params: Any, indices: Any, validate_indices: Any = None, axis: Any = None, batch_dims: int = 0, name: Any = None
) -> Any:
    """Slices of params along an axis; `batch_dims` leading axes of both go together. The gradient is dense."""
    params, indices = convert_to_tensor(params), convert_to_tensor(indices)
    batch_dims = batch_dims % (indices.ndim + 1) if batch_dims < 0 else batch_dims
    axis = batch_dims if axis is None else int(to_array(axis)) % params.ndim
    if not batch_dims:
        return take(params, indices, axis=axis) if indices.ndim == 1 else _take_any(params, indices, axis)
    key: list[Any] = []
    grid = indices.ndim - batch_dims
    for b in builtins.range(batch_dims):  # the batch axes count along with the indices
        length = params.shape[b]
        key.append(np.arange(length).reshape((1,) * b + (length,) + (1,) * (batch_dims - b - 1 + grid)))
    x = gt.moveaxis(params, axis, batch_dims)
    picked = x[(*key, indices)]
    return gt.moveaxis(
        picked, tuple(builtins.range(batch_dims, batch_dims + grid)), tuple(builtins.range(axis, axis + grid))
    )


def _take_any(params: Tensor, indices: Tensor, axis: int) -> Any:
    """take with indices of any shape."""
    flat = take(params, gt.reshape(indices, (-1,)), axis=axis)
    return gt.reshape(flat, (*params.shape[:axis], *indices.shape, *params.shape[axis + 1 :]))


def gather_nd(params: Any, indices: Any, batch_dims: int = 0, name: Any = None) -> Any:
    """Elements or slices of params; the last axis of indices holds positions along its first axes."""
    params, indices = convert_to_tensor(params), convert_to_tensor(indices)
    key: list[Any] = []
    for b in builtins.range(batch_dims):
        length = params.shape[b]
        key.append(np.arange(length).reshape((1,) * b + (length,) + (1,) * (indices.ndim - b - 2)))
    key += [indices[..., i] for i in builtins.range(indices.shape[-1])]
    return params[tuple(key)]


def boolean_mask(tensor: Any, mask: Any, axis: Any = None, name: str = "boolean_mask") -> Any:
    """The elements (or slices) where the mask holds, which begins at an axis (0 by default)."""
    mask = to_array(convert_to_tensor(mask))
    return convert_to_tensor(tensor)[(slice(None),) * int(axis or 0) + (mask,)]


def searchsorted(sorted_sequence: Any, values: Any, side: str = "left", out_type: Any = int32, name: Any = None) -> Any:
    """Where values would go in a sorted sequence."""
    return gt.astype(
        _searchsorted(convert_to_tensor(sorted_sequence), convert_to_tensor(values), side=side), out_type
    )


def einsum(equation: str, *inputs: Any, **_: Any) -> Any:
    """The sum of products that the equation says."""
    return _einsum(equation, *values(list(inputs)))


def group(*_: Any, **__: Any) -> None:
    """Nothing: operations have run already."""


def print_values(*inputs: Any, **kwargs: Any) -> None:
    """Print values, as tf.print."""
    import sys

    stream = kwargs.get("output_stream", sys.stderr)
    parts = [str(to_array(x)) if isinstance(x, Tensor) else str(x) for x in inputs]
    builtins.print(*parts, sep=kwargs.get("sep", " "), end=kwargs.get("end", "\n"), file=stream)


def vectorized_map(fn: Any, elems: Any, *_: Any, **__: Any) -> Any:
    """fn on every element along axis 0 at once."""
    from ..derivatives.vectorize import vmap

    return vmap(fn)(elems)


def map_fn(fn: Any, elems: Any, *_: Any, **__: Any) -> Any:
    """fn on one element along axis 0 after another, the results stacked."""
    leaves, structure = flatten(elems)
    leaves = [convert_to_tensor(leaf) for leaf in leaves]
    results = [fn(structure.unflatten([leaf[i] for leaf in leaves])) for i in builtins.range(leaves[0].shape[0])]
    first = flatten(results[0])[1]
    columns = zip(*[flatten(result)[0] for result in results], strict=True)
    return first.unflatten([stack(list(column)) for column in columns])


__all__ = [
    "boolean_mask", "broadcast_to", "concat", "einsum", "expand_dims", "eye", "fill", "gather", "gather_nd", "group",
    "is_tensor", "linspace", "map_fn", "meshgrid", "newaxis", "one_hot", "ones", "ones_like", "pad", "range", "rank",
    "repeat", "reshape", "reverse", "roll", "searchsorted", "shape", "size", "split", "squeeze", "stack",
    "tile", "transpose", "unstack", "vectorized_map", "where", "zeros", "zeros_like",
]  # fmt: skip
