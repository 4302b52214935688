"""Types of elements of any array library, told apart by their names: torch.float64, dtype('float64'), bfloat16 ...

A dtype stays the library's own object everywhere; where its kind matters, or the equal one of NumPy, ask here.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

LETTERS = {"bool": "b", "int": "i", "uint": "u", "float": "f", "bfloat": "f", "complex": "c"}
NAME = re.compile(r"(?:.*\.)?((bool|u?int|b?float|complex)(\d*)\w*)")

#: Kind by dtype, for dtypes that NumPy did not make.
KINDS: dict[Any, str] = {}


def kind_of(dtype: Any) -> str:
    """'b' for booleans, 'i' and 'u' for integers, 'f' for real and 'c' for complex floating numbers; else NumPy's
    letter, or '' where the name tells nothing."""
    if isinstance(dtype, np.dtype) and dtype.kind != "V":  # NumPy calls others' numbers void: bfloat16, int4
        return dtype.kind
    found = KINDS.get(dtype)
    if found is None:
        match = NAME.fullmatch(str(dtype))
        found = KINDS[dtype] = LETTERS[match[2]] if match else ""
    return found


def is_floating(dtype: Any) -> bool:
    """Whether values of this dtype have derivatives: real and complex floating numbers do."""
    return kind_of(dtype) in ("f", "c")


def numpy_dtype(dtype: Any) -> np.dtype[Any]:
    """NumPy's dtype of the same name; float32 for a kind of floating numbers that it has not (bfloat16)."""
    if isinstance(dtype, np.dtype):
        return dtype
    match = NAME.fullmatch(str(dtype)) if not isinstance(dtype, type) else None
    if match is None:
        return np.dtype(dtype)
    try:
        return np.dtype(match[1])
    except TypeError:
        if LETTERS[match[2]] != "f":
            raise
        return np.dtype(np.float32)
