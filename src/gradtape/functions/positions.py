"""Where elements are that are not 0, and the elements there."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays.libraries import to_numpy
from ..tensor import Tensor, tensor, to_array
from .declare import default_float, one_axis, operand, shape_of
from .elementwise import equal
from .indexing import integers, take
from .manipulation import astype, reshape
from .static import static
from .untaped import untaped


def compress(condition: Any, x: Any, /, *, axis: int | None = None) -> Any:
    """The slices along `axis` (elements of the flattened x) where the one-axis condition holds."""
    x, condition = operand(x, "compress", "x"), operand(condition, "compress", "condition")
    (where_true,) = np.nonzero(to_numpy(to_array(condition)))
    return take(x, where_true, axis=axis)


def extract(condition: Any, x: Any, /) -> Any:
    """The elements of x where the condition holds, as one axis."""
    return compress(reshape(operand(condition, "extract", "condition"), (-1,)), x)


# -- positions ---------------------------------------------------------------------------------------------------
@untaped("np.nonzero(x)", when="x.ndim", named=tuple)
def nonzero(x: Any, /) -> tuple[Any, ...]:
    """Per axis, the indices of the elements that are not 0: constants for every derivative.

    How many there are depends on the values, so there is none inside vmap (TypeError).

    >>> import gradtape as gt
    >>> [i.tolist() for i in gt.nonzero(gt.asarray([0.0, 5.0, 0.0, 7.0]))]
    [[1, 3]]
    """
    x = operand(x, "nonzero", "x")
    if not shape_of(x):
        raise ValueError("gradtape.nonzero: x is a single number; it needs at least one axis")
    found = [static(i, x) for i in np.nonzero(to_numpy(to_array(x)))]
    return tuple([tensor(i) if isinstance(x, Tensor) and not isinstance(i, Tensor) else i for i in found])


def argwhere(x: Any, /) -> Any:
    """The indices of the elements that are not 0, one row for each: constants for every derivative."""
    x = operand(x, "argwhere", "x")
    rows = static(np.argwhere(to_numpy(to_array(x))), x)
    return tensor(rows) if isinstance(x, Tensor) and not isinstance(rows, Tensor) else rows


def flatnonzero(x: Any, /) -> Any:
    """The indices of the elements of the flattened x that are not 0: constants for every derivative."""
    return nonzero(reshape(operand(x, "flatnonzero", "x"), (-1,)))[0]


def one_hot(indices: Any, /, num_classes: int, *, dtype: Any = None, axis: int = -1) -> Any:
    """1 at each index and 0 elsewhere, along a new axis of that length; all 0 for an index out of range.

    >>> import gradtape as gt
    >>> gt.one_hot(gt.asarray([1, 0]), 3).tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    """
    indices = integers(indices, "one_hot")
    shape = shape_of(indices)
    axis = one_axis(axis, len(shape) + 1, "one_hot")
    classes = np.arange(num_classes).reshape([-1 if a == axis else 1 for a in range(len(shape) + 1)])
    expanded = reshape(indices, (*shape[:axis], 1, *shape[axis:]))
    return astype(equal(expanded, static(classes, indices)), dtype or default_float(indices))


__all__ = ["argwhere", "compress", "extract", "flatnonzero", "nonzero", "one_hot"]
