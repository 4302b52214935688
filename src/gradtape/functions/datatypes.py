"""Data types, constants and what the array API standard says of itself: NumPy's own dtypes, unchanged."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy import bool_ as bool_
from numpy import (
    complex64,
    complex128,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)

from ..arrays.dtypes import kind_of, numpy_dtype
from .declare import result_type as meeting

e, pi, inf, nan, newaxis = math.e, math.pi, math.inf, math.nan, None

#: The kinds that the standard names, and the characters by which NumPy does.
KINDS = {
    "bool": "b", "signed integer": "i", "unsigned integer": "u", "integral": "iu", "real floating": "f",
    "complex floating": "c", "numeric": "iufc",
}  # fmt: skip


class FloatInfo(NamedTuple):
    """What a floating dtype can hold, in Python's floats."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: Any


class IntegerInfo(NamedTuple):
    """What an integer dtype can hold."""

    bits: int
    max: int
    min: int
    dtype: Any


def _dtype_of(x: Any) -> Any:
    """The dtype that is given, or that of the array that is given."""
    return np.dtype(x) if isinstance(x, type | str) else getattr(x, "dtype", x)


def finfo(type: Any, /) -> FloatInfo:
    """The limits of a floating dtype (for a complex one of its parts), or of an array's.

    >>> import gradtape as gt
    >>> gt.finfo(gt.float32).bits
    32
    """
    info = np.finfo(numpy_dtype(_dtype_of(type)))
    numbers = [float(x) for x in (info.eps, info.max, info.min, info.smallest_normal)]
    return FloatInfo(info.bits, *numbers, np.dtype(info.dtype))


def iinfo(type: Any, /) -> IntegerInfo:
    """The limits of an integer dtype, or of an array's.

    >>> import gradtape as gt
    >>> gt.iinfo(gt.int8).max
    127
    """
    info = np.iinfo(numpy_dtype(_dtype_of(type)))
    return IntegerInfo(info.bits, int(info.max), int(info.min), np.dtype(info.dtype))


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether a dtype is the one, or of the kind, named ("real floating", "integral", "numeric" ...; or a tuple).

    >>> import gradtape as gt
    >>> gt.isdtype(gt.float32, "real floating")
    True
    """
    if isinstance(kind, tuple):
        return any(isdtype(dtype, k) for k in kind)
    if isinstance(kind, str):
        if kind not in KINDS:
            raise ValueError(f"gradtape.isdtype: unknown kind {kind!r}; there are {', '.join(KINDS)}")
        return kind_of(_dtype_of(dtype)) in KINDS[kind]
    return bool(_dtype_of(dtype) == _dtype_of(kind))


def can_cast(from_: Any, to: Any, /) -> bool:
    """Whether values of one dtype (or of an array) fit into another by the rules of promotion.

    >>> import gradtape as gt
    >>> gt.can_cast(gt.int32, gt.float64), gt.can_cast(gt.float64, gt.int32)
    (True, False)
    """
    return bool(np.can_cast(numpy_dtype(_dtype_of(from_)), numpy_dtype(_dtype_of(to))))


def result_type(*arrays_and_dtypes: Any) -> Any:
    """The dtype in which arrays, numbers and dtypes meet; Python numbers are weak.

    >>> import gradtape as gt
    >>> gt.result_type(gt.float32, 1.5)
    dtype('float32')
    """
    return meeting(*[np.dtype(x) if isinstance(x, type | str) else x for x in arrays_and_dtypes])


class NamespaceInfo:
    """What the array API standard asks of a namespace: devices, dtypes and capabilities."""

    __module__ = "gradtape"

    def capabilities(self) -> dict[str, Any]:
        """Which optional behaviours there are: boolean indexing, shapes that depend on data, at most 64 axes."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> str:
        """Where arrays are made."""
        return "cpu"

    def devices(self) -> tuple[str, ...]:
        """All devices."""
        return ("cpu",)

    def default_dtypes(self, *, device: Any = None) -> dict[str, Any]:
        """The dtypes that are taken when none is said."""
        _check_device(device)
        integer = np.dtype(np.intp)
        return {"real floating": float64, "complex floating": complex128, "integral": integer, "indexing": integer}

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, Any]:
        """The standard's dtypes by name, all or those of a kind (see isdtype)."""
        _check_device(device)
        return {name: dtype for name, dtype in DTYPES.items() if kind is None or isdtype(dtype, kind)}


def _check_device(device: Any) -> None:
    if device not in (None, "cpu"):
        raise ValueError(f"gradtape: NumPy arrays live on the device 'cpu', not {device!r}")


DTYPES = {
    "bool": bool_, "int8": int8, "int16": int16, "int32": int32, "int64": int64, "uint8": uint8, "uint16": uint16,
    "uint32": uint32, "uint64": uint64, "float32": float32, "float64": float64, "complex64": complex64,
    "complex128": complex128,
}  # fmt: skip


def __array_namespace_info__() -> NamespaceInfo:
    """What there is: devices, dtypes, capabilities."""
    return NamespaceInfo()


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape to which these broadcast. Raises ValueError if there is none.

    >>> import gradtape as gt
    >>> gt.broadcast_shapes((3, 1), (4,))
    (3, 4)
    """
    return np.broadcast_shapes(*shapes)


__array_api_version__ = "2025.12"

__all__ = [
    "__array_api_version__", "__array_namespace_info__", "broadcast_shapes", "can_cast", "complex64", "complex128",
    "e", "finfo", "float16", "float32", "float64", "iinfo", "inf", "int8", "int16", "int32", "int64", "isdtype", "nan",
    "newaxis", "pi", "result_type", "uint8", "uint16", "uint32", "uint64",
]  # fmt: skip
