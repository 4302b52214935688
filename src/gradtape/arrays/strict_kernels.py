"""Kernels of array-api-strict, which takes the standard at its word: no number beyond an array's kind."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from .dtypes import kind_of

KIND = {bool: "b", int: "i", float: "f", complex: "c"}


def promoting(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """An operator between an array and a Python number of a larger kind: the array is converted first."""

    def kernel(xp: Any, a: Any, b: Any) -> Any:
        if type(b) is complex and kind_of(a.dtype) == "f":
            a = xp.astype(a, xp.complex64 if a.dtype == xp.float32 else xp.complex128)
        elif type(a) is complex and kind_of(b.dtype) == "f":
            b = xp.astype(b, xp.complex64 if b.dtype == xp.float32 else xp.complex128)
        return function(a, b)

    return kernel


KERNELS: dict[str, Any] = {
    "add": promoting(operator.add), "subtract": promoting(operator.sub), "multiply": promoting(operator.mul),
    "divide": promoting(operator.truediv),
}  # fmt: skip
