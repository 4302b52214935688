"""Rules of NumPy's functions that join arrays, with the dtype that is asked for; what may not be cast is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import gradtape as gt

from ..arrays.dtypes import numpy_dtype

Rule = Callable[..., Any]


def cast(arrays: Any, dtype: Any, casting: str, name: str) -> Any:
    """The arrays in that dtype, or in their common one where `casting` forbids that."""
    if dtype is None and casting == "same_kind":
        return arrays
    arrays = [gt.asarray(a) for a in arrays]
    given = [numpy_dtype(a.dtype) for a in arrays]
    common = np.result_type(*given) if dtype is None else np.dtype(dtype)
    for a, own in zip(arrays, given, strict=True):
        if not np.can_cast(own, common, casting):  # type: ignore[arg-type]
            raise TypeError(f"numpy.{name}: cannot cast from {a.dtype} to {common} by rule {casting!r}")
    return arrays if dtype is None else [gt.astype(a, common) for a in arrays]


def concatenate(
    arrays: Any, /, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    """numpy.concatenate."""
    return gt.concat(cast(arrays, dtype, casting, "concatenate"), axis=axis)


def stack(arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """numpy.stack."""
    return gt.stack(cast(arrays, dtype, casting, "stack"), axis=axis)


def joining(name: str) -> Rule:
    """The rule of hstack and vstack."""
    function = getattr(gt, name)

    def rule(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
        return function(cast(tup, dtype, casting, name))

    return rule


TABLE: dict[str, Rule] = {
    "append": lambda arr, values, axis=None: concatenate((gt.asarray(arr), gt.asarray(values)), axis=axis),
    "concatenate": concatenate, "hstack": joining("hstack"), "stack": stack, "vstack": joining("vstack"),
}  # fmt: skip
