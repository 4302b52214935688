"""Dtypes, and how values become Tensors: Python floats are float32 here, integers int32, as in TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import update_wrapper
from typing import Any

import numpy as np

from .. import astype, broadcast_to, stack
from ..functions import elementwise as e
from ..functions.creation import asarray
from ..tensor import Tensor, Variable, tensor, to_array

float16, float32, float64 = np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)
half, double = float16, float64
int8, int16, int32, int64 = np.dtype(np.int8), np.dtype(np.int16), np.dtype(np.int32), np.dtype(np.int64)
uint8, uint16, uint32, uint64 = np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.uint32), np.dtype(np.uint64)
complex64, complex128 = np.dtype(np.complex64), np.dtype(np.complex128)
bool = np.dtype(np.bool_)

NUMBERS = int | float | complex
#: What Python's own numbers become.
DEFAULTS = {float64: float32, int64: int32}


def as_dtype(dtype: Any) -> Any:
    """A dtype from a dtype, a NumPy type or a name."""
    return np.dtype(dtype)


def has_numpy(value: Any) -> Any:
    """Whether a (nested) list holds NumPy values, which keep their dtype."""
    if isinstance(value, list | tuple):
        return any([has_numpy(part) for part in value])
    return isinstance(value, np.ndarray | np.generic)


def first_tensor(value: Any) -> Tensor | None:
    """The first Tensor in a (nested) list."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, list | tuple):
        for part in value:
            found = first_tensor(part)
            if found is not None:
                return found
    return None


def convert_to_tensor(value: Any, dtype: Any = None, dtype_hint: Any = None, name: Any = None) -> Any:
    """A Tensor of the value; a Tensor is given back as it is. Raises ValueError for a Tensor of another dtype.

    >>> import gradtape.tf as tf
    >>> tf.convert_to_tensor([1.0, 2.0]).dtype
    dtype('float32')
    """
    if isinstance(value, Tensor):
        if dtype is not None and value.dtype != np.dtype(dtype):
            raise ValueError(f"a Tensor of dtype {value.dtype} is not converted to {np.dtype(dtype)}: use tf.cast")
        return value.read_value() if type(value) is Variable else value
    if value is None:
        raise ValueError("None cannot be converted to a Tensor")
    if isinstance(value, range):
        value = list(value)
    if isinstance(value, list | tuple) and (like := first_tensor(value)) is not None:
        return stack([convert_to_tensor(weak(part, like), dtype) for part in value])
    data = np.asarray(value)
    if dtype is not None:
        if data.dtype.kind in "fc" and np.dtype(dtype).kind in "iub" and data.size:
            raise TypeError(f"{value!r} cannot be converted to {np.dtype(dtype)} without loss: use tf.cast")
        data = data.astype(dtype)
    elif not has_numpy(value):
        data = data.astype(DEFAULTS.get(data.dtype, data.dtype), copy=False)
        if data.dtype == int32 and np.any(data != np.asarray(value)):
            data = np.asarray(value)  # too large for int32
    return asarray(data[()])


def constant(value: Any, dtype: Any = None, shape: Any = None, name: Any = None) -> Any:
    """A Tensor with a copy of the value, filled up to `shape`.

    >>> import gradtape.tf as tf
    >>> tf.constant(3.0).dtype, tf.constant(3).dtype
    (dtype('float32'), dtype('int32'))
    """
    from .functions import constants_made

    x = convert_to_tensor(value, dtype)
    if not isinstance(value, Tensor) and x.ndim and first_tensor(value) is None:
        x = tensor(np.array(to_array(x)))
    if shape is not None:
        shape = as_shape(shape)
        x = broadcast_to(x, shape) if x.size == 1 else e.positive(x).reshape(shape)
    return constants_made(x)


def weak(value: Any, like: Any) -> Any:
    """A value as it enters an operation with `like`: Python's numbers and lists take like's dtype."""
    if isinstance(value, Tensor | np.ndarray | np.generic | NUMBERS):
        return value
    x = convert_to_tensor(value)
    if first_tensor(value) is None and not has_numpy(value) and "biufc".index(x.dtype.kind) <= "biufc".index(
        like.dtype.kind
    ):
        return astype(x, like.dtype)
    return x


def pair(a: Any, b: Any) -> tuple[Any, Any]:
    """Two operands, at least one of them a Tensor."""
    if isinstance(a, Tensor):
        return a, (b if isinstance(b, Tensor) else weak(b, a))
    if isinstance(b, Tensor):
        return weak(a, b), b
    if isinstance(a, NUMBERS) and isinstance(b, np.ndarray | np.generic):
        return a, convert_to_tensor(b)
    a = convert_to_tensor(a)
    return a, weak(b, a)


def values(xs: Sequence[Any]) -> list[Any]:
    """A list of Tensors, in which Python's values take the dtype of the first Tensor."""
    like = first_tensor(list(xs))
    return [convert_to_tensor(x if like is None else weak(x, like)) for x in xs]


def as_shape(shape: Any) -> tuple[int, ...]:
    """A shape from a number, a list in which integer Tensors may be, or an integer Tensor."""
    if isinstance(shape, Tensor | np.ndarray):
        shape = to_array(shape).tolist()
    if isinstance(shape, list | tuple):
        return tuple([int(to_array(n)) for n in shape])
    return (int(shape),)


def as_axis(axis: Any) -> Any:
    """An axis, a tuple of them, or None."""
    if axis is None or isinstance(axis, int):
        return axis
    axis = to_array(axis)
    if isinstance(axis, np.ndarray):
        axis = axis.tolist()
    if isinstance(axis, list | tuple):
        return tuple([int(to_array(a)) for a in axis])
    return int(axis)


def cast(x: Any, dtype: Any, name: Any = None) -> Any:
    """x with its elements converted (of complex numbers to real ones: the real part); x itself if they are so.

    >>> import gradtape.tf as tf
    >>> tf.cast([1.7, -1.7], tf.int32).tolist()
    [1, -1]
    """
    x, dtype = convert_to_tensor(x), np.dtype(dtype)
    if x.dtype == dtype:
        return x
    if x.dtype.kind == "c" and dtype.kind != "c":
        x = e.real(x)
    return astype(x, dtype) if x.dtype != dtype else x


def unary(function: Callable[..., Any], name: str | None = None) -> Callable[..., Any]:
    """TensorFlow's function of one argument."""

    def one(x: Any, name: Any = None) -> Any:
        return function(x if isinstance(x, Tensor) else convert_to_tensor(x))

    return named(one, function, name)


def binary(function: Callable[..., Any], name: str | None = None) -> Callable[..., Any]:
    """TensorFlow's function of two arguments."""

    def two(x: Any, y: Any, name: Any = None) -> Any:
        return function(*pair(x, y))

    return named(two, function, name)


def named(wrapper: Callable[..., Any], function: Callable[..., Any], name: str | None) -> Callable[..., Any]:
    """The wrapper under its public name, with the function's documentation."""
    update_wrapper(wrapper, function)
    del wrapper.__wrapped__  # type: ignore[attr-defined]
    wrapper.__name__ = wrapper.__qualname__ = name or function.__name__
    wrapper.__module__ = "gradtape.tf"
    return wrapper


def planned(name: str) -> Callable[..., Any]:
    """A function of TensorFlow's that gradtape.tf does not have yet."""

    def not_yet(*_: Any, **__: Any) -> Any:
        raise NotImplementedError(f"gradtape.tf.{name} is planned and not implemented yet")

    not_yet.__name__ = not_yet.__qualname__ = name.rpartition(".")[2]
    not_yet.__doc__ = f"Planned; raises NotImplementedError. TensorFlow's tf.{name}."
    return not_yet


DTYPES = [
    "bool", "complex64", "complex128", "double", "float16", "float32", "float64", "half", "int8", "int16", "int32",
    "int64", "uint8", "uint16", "uint32", "uint64",
]  # fmt: skip
