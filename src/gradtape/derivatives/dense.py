"""Dense Jacobians and Hessians: a batch of cotangents or tangents through the rules at once, never a loop over rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays.dtypes import kind_of, numpy_dtype
from ..context import active, new_level, observed_by
from ..functions.elementwise import complex as complex_of
from ..functions.elementwise import conj, real
from ..functions.manipulation import astype, reshape
from ..functions.static import static, zeros
from ..nest import Structure, flatten
from ..sweep import Trace, run
from ..tensor import Tensor, tensor
from ..virtual.batched import Batched, unbatched
from .arguments import Selected, as_output, asarray, check_callable, differentiable, named, zeros_like
from .forward import pushed
from .reverse import finished, ones_like, warn_of_numbers


def chunks(total: int, batch_size: int | None, function: str) -> list[tuple[int, int]]:
    """Ranges that cover `total` rows, at most batch_size each."""
    if batch_size is None:
        return [(0, total)]
    if not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(f"gradtape.{function}: batch_size must be a positive int, not {batch_size!r}")
    return [(start, min(start + batch_size, total)) for start in range(0, total, batch_size)] or [(0, 0)]


def joined(parts: list[Any]) -> Any:
    """Chunks one after the other."""
    if len(parts) == 1:
        return parts[0]
    from ..functions.manipulation import concat

    return concat(parts, axis=0)


def unit_vectors(leaves: list[Tensor], start: int, stop: int, level: int, unit: complex = 1) -> list[Tensor]:
    """Rows start..stop of the identity on all leaves taken as one long vector, as a batch for each leaf.

    With the imaginary `unit`, that times the identity on complex leaves, and zeros on real ones.
    """
    seeds, offset = [], 0
    for leaf in leaves:
        rows = np.zeros((stop - start, leaf.size), numpy_dtype(leaf.dtype))
        first, last = max(start, offset), min(stop, offset + leaf.size)
        if first < last and (unit == 1 or kind_of(leaf.dtype) == "c"):
            rows[np.arange(first - start, last - start), np.arange(first - offset, last - offset)] = unit
        values = static(rows.reshape(stop - start, *leaf.shape), leaf, dtype=leaf.dtype)
        seeds.append(tensor(Batched(values if isinstance(values, Tensor) else tensor(values), level)))
        offset += leaf.size
    return seeds


def reverse_rows(
    trace: Trace, outputs: list[Tensor], inputs: list[Tensor], batch_size: int | None, function: str
) -> list[Any]:
    """For each input the rows (all outputs' elements, *input.shape) of the Jacobian, by batched pullbacks."""
    total = sum([y.size for y in outputs])
    parts: list[list[Any]] = [[] for _ in inputs]
    for start, stop in chunks(total, batch_size, function):
        with new_level() as level:
            seeds: dict[int, Any] = {}
            for y, g in zip(outputs, unit_vectors(outputs, start, stop, level), strict=True):
                if y._key in trace.slots:
                    seeds[y._key] = seeds[y._key] + g if y._key in seeds else g
            results = run(trace, seeds, [x._key for x in inputs], consume=False)
        warn_of_numbers(trace, results)
        for part, x, g in zip(parts, inputs, results, strict=True):
            if g is None:
                part.append(zeros((stop - start, *x.shape), x.dtype, x))
            else:
                g = unbatched(g, level, stop - start)
                part.append(conj(g) if kind_of(g.dtype) == "c" else g)
    return [joined(part) for part in parts]


def forward_columns(
    selected: Selected, f: Callable[..., Any], kwargs: dict[str, Any], batch_size: int | None
) -> tuple[list[Tensor], Structure, list[Any]]:
    """Outputs, their structure, and for each output the columns (all inputs' elements, *output.shape)."""
    inputs = selected.leaves
    _, flat = flatten(tuple(inputs))
    total = sum([x.size for x in inputs])
    units = (1, 1j) if any([kind_of(x.dtype) == "c" for x in inputs]) else (1,)
    columns: list[list[Any]] = []
    values: list[Any] = []
    structure = None
    for start, stop in chunks(total, batch_size, "jacobian"):
        along = []
        for unit in units:
            with new_level() as level:
                directions: list[Any] = list(unit_vectors(inputs, start, stop, level, unit))
                out, tangent = pushed(lambda *xs: selected.call(f, xs, kwargs), inputs, directions, flat)
                values, structure = flatten(out)
                tangents, _ = flatten(tangent)
            tangents = [unbatched(t, level, stop - start) for t in tangents]
            along.append([real(t) if kind_of(t.dtype) == "c" else t for t in tangents])
        columns.append(along[0] if len(units) == 1 else [complex_of(a, b) for a, b in zip(*along, strict=True)])
    assert structure is not None
    return [asarray(v) for v in values], structure, [joined(list(parts)) for parts in zip(*columns, strict=True)]


def fitted_block(part: Any, y: Tensor, x: Tensor) -> Any:
    """The block (*y.shape, *x.shape) of a Jacobian by columns, of x's dtype as by rows."""
    if part.dtype != x.dtype:
        part = astype(part if kind_of(x.dtype) == "c" else real(part), x.dtype)
    return reshape(part, (*y.shape, *x.shape))


def split_rows(rows: Any, outputs: list[Tensor], x: Tensor) -> list[Any]:
    """Rows of the Jacobian as one block output.shape + x.shape per output."""
    blocks, start = [], 0
    for y in outputs:
        part = rows if len(outputs) == 1 else rows[start : start + y.size]
        blocks.append(reshape(part, (*y.shape, *x.shape)))
        start += y.size
    return blocks


def jacobian(
    f: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    mode: str = "auto",
    sparse: bool | str = False,
    batch_size: int | None = None,
    local: bool = False,
) -> Any:
    """The function that gives f's Jacobian: for each output, for each differentiated argument, output.shape + x.shape.

    Row k is what `grad` gives for the k-th element, also for complex numbers: derivatives of its real part.
    `mode`: "forward", "reverse", or "auto" (forward where inputs have fewer elements than outputs);
    `batch_size`: at most so many rows or columns at once, to bound memory; `sparse`: True or "csr", "coo" for a
    scipy.sparse array, of a vector in a vector (`local`: by the pattern at this point, where slopes may be 0 and
    branches are taken; prepare_jacobian keeps the pattern for further calls). Raises TypeError for integer arguments.

    >>> import gradtape as gt
    >>> gt.jacobian(lambda x: x**2)(gt.asarray([1.0, 2.0])).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """
    check_callable(f, "jacobian")
    if sparse:
        from .sparse.prepare import sparse_jacobian

        return sparse_jacobian(f, argnums, mode, sparse, batch_size, local)
    if mode not in ("auto", "forward", "reverse"):
        raise ValueError(f"gradtape.jacobian: mode must be 'auto', 'forward' or 'reverse', not {mode!r}")

    def jacobian_function(*arguments: Any, **kwargs: Any) -> Any:
        selected = Selected(arguments, argnums, "jacobian")
        inputs = selected.leaves
        if mode != "forward":
            trace = Trace()
            for leaf in inputs:
                trace.follow(leaf)
            with observed_by((*active(), trace)):
                out = selected.call(f, inputs, kwargs)
            outputs, structure = flatten(out)
            outputs = [as_output(y, "jacobian") for y in outputs]
            n_in, n_out = sum([x.size for x in inputs]), sum([y.size for y in outputs])
            if mode == "reverse" or n_out <= n_in:
                rows = reverse_rows(trace, outputs, inputs, batch_size, "jacobian")
                per_input = [split_rows(r, outputs, x) for r, x in zip(rows, inputs, strict=True)]
                return structure.unflatten([selected.pack([b[i] for b in per_input]) for i in range(len(outputs))])
        outputs, structure, columns = forward_columns(selected, f, kwargs, batch_size)
        from ..functions.manipulation import moveaxis

        result = []
        for y, column in zip(outputs, columns, strict=True):
            last = moveaxis(column, 0, -1)
            blocks, start = [], 0
            for x in inputs:
                part = last if len(inputs) == 1 else last[..., start : start + x.size]
                blocks.append(fitted_block(part, y, x))
                start += x.size
            result.append(selected.pack(blocks))
        return structure.unflatten(result)

    return named(jacobian_function, f, "jacobian")


def recorded_gradient(
    f: Callable[..., Any], selected: Selected, kwargs: dict[str, Any], function: str, trace: Trace | None = None
) -> Any:
    """A trace that holds f and its gradient's computation, and the gradient's leaves (None: constant zero)."""
    trace = Trace() if trace is None else trace
    for leaf in selected.leaves:
        trace.follow(leaf)
    with observed_by((*active(), trace)):
        value = as_output(selected.call(f, selected.leaves, kwargs), function)
        if value.size != 1:
            raise ValueError(f"gradtape.{function}: f must give a scalar; it gave an array of shape {value.shape}")
        if value._key not in trace.slots:
            return trace, [None] * len(selected.leaves)
        gradient = run(trace, {value._key: ones_like(value)}, [x._key for x in selected.leaves], consume=False)
        gradient = [None if g is None else conj(g) if kind_of(g.dtype) == "c" else g for g in gradient]
    # A gradient that is constant may be a plain array, which no trace knows.
    gradient = [g if g is None or isinstance(g, Tensor) else tensor(g) for g in gradient]
    return trace, gradient


def hessian(
    f: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    sparse: bool | str = False,
    batch_size: int | None = None,
    local: bool = False,
) -> Any:
    """The function that gives the second derivatives of a scalar f: x.shape + x.shape, and for containers of arrays
    a container of containers of blocks.

    `batch_size`: at most so many rows at once; `sparse`: True or "csr", "coo" for a scipy.sparse array, x being a
    vector (`local`: by the pattern at this point; prepare_hessian keeps the pattern for further calls). Raises
    ValueError if f's value is no scalar.

    >>> import gradtape as gt
    >>> gt.hessian(lambda x: x[0] ** 2 * x[1])(gt.asarray([1.0, 3.0])).tolist()
    [[6.0, 2.0], [2.0, 0.0]]
    """
    check_callable(f, "hessian")
    if sparse:
        from .sparse.prepare import sparse_hessian

        return sparse_hessian(f, argnums, sparse, batch_size, local)

    def hessian_function(*arguments: Any, **kwargs: Any) -> Any:
        selected = Selected(arguments, argnums, "hessian")
        inputs = selected.leaves
        trace, gradient = recorded_gradient(f, selected, kwargs, "hessian")
        known = [g if g is not None else zeros_like(x) for g, x in zip(gradient, inputs, strict=True)]
        rows = reverse_rows(trace, known, inputs, batch_size, "hessian")
        per_input = [split_rows(r, inputs, x) for r, x in zip(rows, inputs, strict=True)]
        return selected.pack([selected.pack([b[i] for b in per_input]) for i in range(len(inputs))])

    return named(hessian_function, f, "hessian")


def hvp(f: Callable[..., Any], x: Any, v: Any) -> Any:
    """The product of f's Hessian at x with a direction v, without the Hessian; x and v of equal structure.

    Raises ValueError if v's shapes are not x's or f's value is no scalar.

    >>> import gradtape as gt
    >>> gt.hvp(lambda x: gt.sum(x**3), gt.asarray([1.0, 2.0]), gt.asarray([1.0, 1.0])).tolist()
    [6.0, 12.0]
    """
    check_callable(f, "hvp")
    selected = Selected((x,), 0, "hvp")
    inputs = selected.leaves
    directions, _ = flatten(v)
    if len(directions) != len(inputs):
        raise ValueError(
            f"gradtape.hvp: v has {len(directions)} arrays, x has {len(inputs)} (a list is a container of arrays; "
            "for a vector pass a NumPy array or a Tensor)"
        )
    trace, gradient = recorded_gradient(f, selected, {}, "hvp")
    seeds: dict[int, Any] = {}
    for g, a, d in zip(gradient, inputs, directions, strict=True):
        d = differentiable(d, "hvp", "v")
        if d.shape != a.shape:
            raise ValueError(f"gradtape.hvp: v has shape {d.shape}, x has {a.shape}")
        if g is not None and g._key in trace.slots:
            d = conj(d) if kind_of(d.dtype) == "c" else d
            d = d if active() or type(d) is not Tensor else d._data
            seeds[g._key] = seeds[g._key] + d if g._key in seeds else d
    results = run(trace, seeds, [a._key for a in inputs], consume=True)
    return selected.pack([finished(r, a) for r, a in zip(results, inputs, strict=True)])


def hessian_diagonal(f: Callable[..., Any], x: Any, batch_size: int | None = 256) -> Any:
    """The diagonal of a scalar f's Hessian at x, in x's structure and shapes, without ever holding the whole Hessian.

    `x`: an array, or a container of arrays. `batch_size`: how many Hessian-vector products go through at once; where
    one batch is too few for all of them, the Hessian's pattern is read from the program (with SciPy installed), and
    one product serves all variables that do not meet in a second derivative. Exact either way.

    >>> import gradtape as gt
    >>> gt.hessian_diagonal(lambda x: gt.sum(x**3), gt.asarray([1.0, 2.0])).tolist()
    [6.0, 12.0]
    """
    check_callable(f, "hessian_diagonal")
    selected = Selected((x,), 0, "hessian_diagonal")
    inputs = selected.leaves
    total = sum([leaf.size for leaf in inputs])
    groups = separate(f, selected, total) if batch_size is not None and total > batch_size else None
    if groups is None:
        groups = np.arange(total)
    trace, gradient = recorded_gradient(f, selected, {}, "hessian_diagonal")
    known = [g if g is not None else zeros_like(leaf) for g, leaf in zip(gradient, inputs, strict=True)]
    count = int(groups.max(initial=-1)) + 1
    parts: list[list[Any]] = [[] for _ in inputs]
    for start, stop in chunks(count, batch_size, "hessian_diagonal"):
        with new_level() as level:
            seeds: dict[int, Any] = {}
            for g, seed in zip(known, group_vectors(inputs, groups, start, stop, level), strict=True):
                if g._key in trace.slots:
                    seeds[g._key] = seeds[g._key] + seed if g._key in seeds else seed
            found = run(trace, seeds, [leaf._key for leaf in inputs], consume=False) if seeds else [None] * len(inputs)
            offset = 0
            for part, row, leaf in zip(parts, found, inputs, strict=True):
                own = groups[offset : offset + leaf.size]
                offset += leaf.size
                index = np.flatnonzero((own >= start) & (own < stop))
                if row is None:
                    picked = zeros((len(index),), leaf.dtype, leaf)
                else:
                    flat = reshape(unbatched(row, level, stop - start), (stop - start, leaf.size))
                    picked = flat[own[index] - start, index]
                part.append((index, conj(picked) if kind_of(picked.dtype) == "c" else picked))
    results = []
    for part, leaf in zip(parts, inputs, strict=True):
        if not part:
            results.append(zeros_like(leaf))
            continue
        order = np.argsort(np.concatenate([index for index, _ in part]), kind="stable")
        values = joined([values for _, values in part])
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
        rows = (own[None, :] == np.arange(start, stop)[:, None]).astype(numpy_dtype(leaf.dtype))
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


__all__ = ["hessian", "hessian_diagonal", "hvp", "jacobian"]
