"""Operands of kernels in the terms of the array API standard: numbers, floating numbers, conditions, pairs."""

from __future__ import annotations

from typing import Any

from .dtypes import is_floating, kind_of

NUMBERS = frozenset([bool, int, float, complex])


def is_number(x: Any) -> bool:
    """Whether this is a Python number, which has no say in the dtype."""
    return type(x) in NUMBERS


def floating(xp: Any, x: Any) -> Any:
    """x as an array of floating numbers."""
    if is_number(x):
        return xp.asarray(x if type(x) is complex else float(x))
    return x if is_floating(x.dtype) else xp.astype(x, xp.float_dtype)


def truth(xp: Any, c: Any, *beside: Any) -> Any:
    """A condition as an array of booleans, on the device of the first array among those that it is used beside."""
    if is_number(c):
        like = [x for x in beside if not is_number(x)]
        return xp.asarray(bool(c), **(xp.placed(like[0]) if like else {}))
    return c if kind_of(c.dtype) == "b" else c != 0


def arrays(xp: Any, *data: Any) -> list[Any]:
    """All as arrays: Python numbers of the first array's dtype and on its device."""
    like = next(x for x in data if not is_number(x))
    return [xp.full((), x, dtype=like.dtype, **xp.placed(like)) if is_number(x) else x for x in data]


def pair(xp: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """Both as floating arrays of one dtype."""
    a, b = [x if is_number(x) else floating(xp, x) for x in (a, b)]
    a, b = arrays(xp, a, b)
    if a.dtype != b.dtype:
        dtype = xp.result_type(a, b)
        a, b = xp.astype(a, dtype), xp.astype(b, dtype)
    return a, b
