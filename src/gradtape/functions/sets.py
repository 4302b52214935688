"""The distinct elements of an array. Which they are is a constant; their values are picked, and stay differentiable."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..arrays.libraries import library_of
from ..tensor import Tensor, concrete, tensor
from .declare import operand
from .indexing import take
from .manipulation import ravel


class UniqueAllResult(NamedTuple):
    """Distinct values in order, where each is first, which of them each element is, and how often each occurs."""

    values: Any
    indices: Any
    inverse_indices: Any
    counts: Any


class UniqueCountsResult(NamedTuple):
    """Distinct values in order, and how often each occurs."""

    values: Any
    counts: Any


class UniqueInverseResult(NamedTuple):
    """Distinct values in order, and which of them each element is."""

    values: Any
    inverse_indices: Any


def unique_all(x: Any, /) -> UniqueAllResult:
    """The distinct elements in ascending order, with first positions (of the flattened x), inverse and counts.

    NaN are distinct from each other. Gradients flow to the first occurrence of each value.

    >>> import gradtape as gt
    >>> r = gt.unique_all(gt.asarray([3.0, 1.0, 3.0]))
    >>> r.values.tolist(), r.counts.tolist()
    ([1.0, 3.0], [1, 2])
    """
    x = operand(x, "unique_all", "x")
    data = concrete(x) if isinstance(x, Tensor) else x
    library = library_of(data)
    if library is not None:
        _, first, inverse, counts = library.unique_all(data)
        return UniqueAllResult(take(ravel(x), first, axis=0), *map(tensor, (first, inverse, counts)))
    data = np.asarray(data)
    _, first, inverse, counts = np.unique(
        data, return_index=True, return_inverse=True, return_counts=True, equal_nan=False
    )
    constants = [first, inverse.reshape(data.shape), counts]
    if isinstance(x, Tensor):
        constants = [tensor(c if c.ndim else c[()]) for c in constants]
    return UniqueAllResult(take(ravel(x), first, axis=0), *constants)


def unique_counts(x: Any, /) -> UniqueCountsResult:
    """The distinct elements in ascending order, and how often each occurs."""
    result = unique_all(x)
    return UniqueCountsResult(result.values, result.counts)


def unique_inverse(x: Any, /) -> UniqueInverseResult:
    """The distinct elements in ascending order, and for each element of x which of them it is."""
    result = unique_all(x)
    return UniqueInverseResult(result.values, result.inverse_indices)


def unique_values(x: Any, /) -> Any:
    """The distinct elements in ascending order.

    >>> import gradtape as gt
    >>> gt.unique_values(gt.asarray([3.0, 1.0, 3.0])).tolist()
    [1.0, 3.0]
    """
    return unique_all(x).values


def isin(x1: Any, x2: Any, /, *, assume_unique: bool = False, invert: bool = False, kind: Any = None) -> Any:
    """Whether each element of x1 is among those of x2 (with `invert`: is not): a constant of x1's shape.

    >>> import gradtape as gt
    >>> gt.isin(gt.asarray([1.0, 2.0]), gt.asarray([2.0, 5.0])).tolist()
    [False, True]
    """
    arrays = [operand(x, "isin", "an argument") for x in (x1, x2)]
    data = [concrete(x) if isinstance(x, Tensor) else x for x in arrays]
    library = library_of(data[0]) or library_of(data[1])
    if library is not None:
        return tensor(library.isin(*data, invert=invert))
    found = np.isin(*data, assume_unique=assume_unique, invert=invert)
    if any(isinstance(x, Tensor) for x in arrays):
        return tensor(found if found.ndim else found[()])
    return found


__all__ = ["isin", "unique_all", "unique_counts", "unique_inverse", "unique_values"]
