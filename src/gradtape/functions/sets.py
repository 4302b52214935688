"""The distinct elements of an array. Which they are is a constant; their values are picked, and stay differentiable."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..arrays.libraries import to_numpy
from ..tensor import Tensor, tensor, to_array
from .declare import fitting, operand
from .indexing import take
from .manipulation import ravel
from .static import library_like, static


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
    data = to_numpy(to_array(x))  # how many there are depends on the values, whatever the library
    _, first, inverse, counts = np.unique(
        data, return_index=True, return_inverse=True, return_counts=True, equal_nan=False
    )
    constants = [static(c if c.ndim else c[()], x) for c in (first, inverse.reshape(data.shape), counts)]
    if isinstance(x, Tensor):
        constants = [c if isinstance(c, Tensor) else tensor(c) for c in constants]
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
    data = [to_array(x) for x in fitting((x1, x2), arrays)]
    library, _ = library_like(*data)
    if library is None:
        found = np.isin(*data, assume_unique=assume_unique, invert=invert)
        found = found if found.ndim else found[()]
    else:
        found = library.isin(*data, invert=invert)
    return tensor(found) if any(isinstance(x, Tensor) for x in arrays) else found


__all__ = ["isin", "unique_all", "unique_counts", "unique_inverse", "unique_values"]
