"""The diagonal of a Hessian: one product for all variables that do not meet in a second derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays.dtypes import kind_of, numpy_dtype
from ..budgets import INSTEAD, Demand, batches, bytes_of_row, checked_batch_size, held_by, in_host_memory
from ..context import active, new_level
from ..functions.elementwise import conj
from ..functions.manipulation import concat, reshape
from ..functions.static import static, zeros
from ..sweep import Trace, run
from ..tensor import Tensor, tensor
from ..virtual.batched import Batched, unbatched
from .arguments import Selected, asarray, check_callable, zeros_like
from .dense import recorded_gradient

#: Number of batches above which reading the pattern is worth its time and memory.
WORTH = 8


def ranges_of(
    trace: Trace, gradient: list[Tensor], inputs: list[Tensor], total: int, batch_size: int | None, memory: Any
) -> list[tuple[int, int]]:
    """The ranges of products to be computed at once."""
    size = sum([x.nbytes for x in inputs])
    demand = Demand(
        "hessian_diagonal",
        "the diagonal of the Hessian",
        total,
        size,
        size,
        lambda: bytes_of_row(trace, gradient, inputs),
        lambda: held_by(trace, inputs),
        INSTEAD["diagonal"],
        all([in_host_memory(x) for x in inputs]),
    )
    return batches(demand, batch_size, memory)


def hessian_diagonal(f: Callable[..., Any], x: Any, batch_size: int | None = 256, memory: Any = None) -> Any:
    """The diagonal of a scalar f's Hessian at x, in x's structure and shapes, without ever holding the whole Hessian.

    `x`: an array, or a container of arrays. `batch_size`: how many Hessian-vector products go through at once; where
    that makes many batches, the Hessian's pattern is read from the program (with SciPy installed), and one product
    serves all variables that do not meet in a second derivative. Exact either way. `memory`: a budget of bytes (or
    "200 MB") for the whole computation, that lowers the batch size. Raises NotEnoughMemoryError where the
    budget, or the memory available, is too little.

    >>> import gradtape as gt
    >>> gt.hessian_diagonal(lambda x: gt.sum(x**3), gt.asarray([1.0, 2.0])).tolist()
    [6.0, 12.0]
    """
    check_callable(f, "hessian_diagonal")
    checked_batch_size(batch_size, "hessian_diagonal")
    selected = Selected((x,), 0, "hessian_diagonal")
    inputs = selected.leaves
    total = sum([leaf.size for leaf in inputs])
    groups = None
    if memory is None and batch_size is not None and total > WORTH * batch_size:
        groups = separate(f, selected, total)
    if groups is None:
        groups = np.arange(total)
    trace, gradient = recorded_gradient(f, selected, {}, "hessian_diagonal")
    known = [g if g is not None else zeros_like(leaf) for g, leaf in zip(gradient, inputs, strict=True)]
    count = int(groups.max(initial=-1)) + 1
    keys = [leaf._key for leaf in inputs]

    def read(start: int, stop: int) -> list[Any]:
        """For each leaf which of its elements belong to these groups, and the diagonal there."""
        with new_level() as level:
            seeds: dict[int, Any] = {}
            for g, seed in zip(known, group_vectors(inputs, groups, start, stop, level), strict=True):
                if g._key in trace.slots:
                    seeds[g._key] = seeds[g._key] + seed if g._key in seeds else seed
            found = run(trace, seeds, keys, consume=False) if seeds else [None] * len(inputs)
            rows = [None if row is None else unbatched(row, level, stop - start) for row in found]
        result, offset = [], 0
        for row, leaf in zip(rows, inputs, strict=True):
            own = groups[offset : offset + leaf.size]
            offset += leaf.size
            index = np.flatnonzero((own >= start) & (own < stop))
            if row is None:
                picked = zeros((len(index),), leaf.dtype, leaf)
            else:
                picked = reshape(row, (stop - start, leaf.size))[own[index] - start, index]
            result.append((index, conj(picked) if kind_of(picked.dtype) == "c" else picked))
        return result

    every = [read(start, stop) for start, stop in ranges_of(trace, known, inputs, count, batch_size, memory)]
    results = []
    for i, leaf in enumerate(inputs):
        part = [found[i] for found in every]
        if not part:
            results.append(zeros_like(leaf))
            continue
        order = np.argsort(np.concatenate([index for index, _ in part]), kind="stable")
        values = part[0][1] if len(part) == 1 else concat([values for _, values in part])
        in_order = bool((order == np.arange(len(order))).all())
        results.append(reshape(values if in_order else values[order], leaf.shape))
    return selected.pack(results)


def group_vectors(
    leaves: list[Tensor], groups: np.ndarray, start: int, stop: int, level: int
) -> list[Tensor]:
    """For each group of elements from start to stop a vector with ones at them, as a batch for each leaf."""
    seeds, offset = [], 0
    for leaf in leaves:
        own = groups[offset : offset + leaf.size]
        rows = np.zeros((stop - start, leaf.size), numpy_dtype(leaf.dtype))
        index = np.flatnonzero((own >= start) & (own < stop))
        rows[own[index] - start, index] = 1
        values = static(rows.reshape(stop - start, *leaf.shape), leaf, dtype=leaf.dtype)
        seeds.append(tensor(Batched(values if isinstance(values, Tensor) else tensor(values), level)))
        offset += leaf.size
    return seeds


def separate(f: Callable[..., Any], selected: Selected, total: int) -> np.ndarray | None:
    """Groups of elements that do not meet in a second derivative, as numbers; None if there are hardly fewer of them
    than elements, or if they cannot be known: without SciPy, where f looks at values, inside other transforms."""
    leaves = selected.leaves
    dtypes = {numpy_dtype(leaf.dtype) for leaf in leaves}
    plain = all([type(leaf) is Tensor and type(leaf._data) is np.ndarray for leaf in leaves])
    if active() or not plain or len(dtypes) != 1 or kind_of(leaves[0].dtype) != "f":
        return None
    ends = np.cumsum([leaf.size for leaf in leaves])[:-1].tolist()

    def of_vector(v: Any) -> Any:
        parts = [reshape(v[a:b], leaf.shape) for a, b, leaf in zip([0, *ends], [*ends, total], leaves, strict=True)]
        return selected.call(f, parts, {})

    try:
        from .sparse.colouring import colour_graph
        from .sparse.detection import hessian_pattern

        vector = np.concatenate([np.reshape(leaf._data, -1) for leaf in leaves])
        groups = colour_graph(hessian_pattern(of_vector, asarray(vector)))
    except (ImportError, TypeError, NotImplementedError):
        return None
    return groups if groups.max(initial=-1) + 1 <= total / 2 else None


__all__ = ["hessian_diagonal"]
