"""Dense Jacobians and Hessians: a batch of cotangents or tangents through the rules at once, never a loop over rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from ..arrays.dtypes import kind_of
from ..arrays.memory import limit_set
from ..budgets import (
    INSTEAD,
    Demand,
    all_rows,
    batches,
    bytes_in,
    checked_batch_size,
    examples_in,
    gathered,
    held_by,
    in_host_memory,
    of_sizes,
    refuse_result,
    unit_vectors,
)  # fmt: skip
from ..context import active, new_level, observed_by
from ..functions.elementwise import complex as complex_of
from ..functions.elementwise import conj, real
from ..functions.manipulation import astype, reshape
from ..functions.static import zeros
from ..nest import Structure, flatten
from ..sweep import Trace, run
from ..tensor import Tensor, tensor
from ..virtual.batched import unbatched
from ..virtual.metered import Meter
from .arguments import (
    Selected,
    again,
    as_output,
    asarray,
    check_callable,
    counterparts,
    differentiable,
    named,
    zeros_like,
)
from .forward import pushed
from .reverse import finished, ones_like, warn_of_numbers


def reverse_rows(
    trace: Trace,
    outputs: list[Tensor],
    inputs: list[Tensor],
    batch_size: int | None,
    function: str,
    memory: Any = None,
) -> list[Any]:
    """For each input the rows (all outputs' elements, *input.shape) of the Jacobian, by batched pullbacks."""
    keys = [x._key for x in inputs]

    def sweep(seeds: dict[int, Any], last: bool) -> list[Any]:
        results = run(trace, seeds, keys, consume=False)
        warn_of_numbers(trace, results)
        return results

    what = "hessian" if "hessian" in function else "jacobian"
    fixed = lambda: held_by(trace, inputs)
    rows = all_rows(function, what, trace, outputs, inputs, sweep, batch_size, memory, fixed)
    m = sum([y.size for y in outputs])
    return [zeros((m, *x.shape), x.dtype, x) if g is None else g for g, x in zip(rows, inputs, strict=True)]


#: Inputs from which on a plain run of the function, to see what it gives, is nothing beside all of its columns.
MANY = 64


def forward_columns(
    selected: Selected,
    f: Callable[..., Any],
    kwargs: dict[str, Any],
    batch_size: int | None,
    memory: Any = None,
    outputs: Sequence[Tensor] | None = None,
) -> tuple[list[Tensor], Structure, list[Any]]:
    """Outputs, their structure, and for each output the columns (all inputs' elements, *output.shape).

    `outputs`: values of f, if they are known already.
    """
    inputs = selected.leaves
    _, flat = flatten(tuple(inputs))
    total = sum([x.size for x in inputs])
    units = (1, 1j) if any([kind_of(x.dtype) == "c" for x in inputs]) else (1,)
    seen: list[Any] = []

    def compute(start: int, stop: int, points: list[Any] = inputs, within: Any = None) -> list[Any]:
        along = []
        for unit in units:
            with new_level() as level:
                directions: list[Any] = list(unit_vectors(inputs, start, stop, level, unit, within))
                out, tangent = pushed(lambda *xs: selected.call(f, xs, kwargs), points, directions, flat)
                seen[:] = flatten(out)
                tangents, _ = flatten(tangent)
            tangents = [unbatched(t, level, stop - start) for t in tangents]
            along.append([real(t) if kind_of(t.dtype) == "c" else t for t in tangents])
        return along[0] if len(units) == 1 else [complex_of(a, b) for a, b in zip(*along, strict=True)]

    @cache
    def tried() -> tuple[int, int]:
        """What one column takes, and what f takes itself."""
        column, values = Meter(rank=1), Meter()
        with observed_by(()), new_level() as level:
            points = [values.metered(again(x), level) for x in inputs]
            compute(0, 1, points, lambda direction: column.metered(direction, level))
            seen.clear()
        return column.need * examples_in(inputs[0]), values.need

    if outputs is None and (memory is not None or total >= MANY or limit_set() is not None):
        with observed_by(()):
            value, _ = flatten(selected.call(f, inputs, kwargs))
        outputs = [as_output(y, "jacobian") for y in value]
    demand = Demand(
        "jacobian",
        of_sizes(outputs or (), inputs, "jacobian"),
        total,
        bytes_in(outputs or (), inputs),
        sum([x.nbytes for x in inputs]),
        lambda: tried()[0],
        lambda: tried()[1],
        INSTEAD["jacobian"],
        all([in_host_memory(x) for x in inputs]),
    )
    del outputs
    columns = gathered(batches(demand, batch_size, memory), compute)
    values, structure = seen
    return [asarray(v) for v in values], structure, columns


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
    memory: Any = None,
) -> Any:
    """The function that gives f's Jacobian: for each output, for each differentiated argument, output.shape + x.shape.

    Row k is what `grad` gives for the k-th element, also for complex numbers: derivatives of its real part.
    `mode`: "forward", "reverse", or "auto" (forward where inputs have fewer elements than outputs);
    `batch_size`: at most so many rows or columns at once; `memory`: a budget of bytes (or "200 MB") for the peak of
    the whole computation, the result included, from which a batch size follows by trying one row or column;
    `sparse`: True or "csr", "coo" for a scipy.sparse array, of a vector in a vector (`local`: by the pattern at this
    point, where slopes may be 0 and branches are taken; prepare_jacobian keeps the pattern for further calls).
    Raises TypeError for integer arguments, NotEnoughMemoryError where the budget, or the memory available, is too
    little.

    >>> import gradtape as gt
    >>> gt.jacobian(lambda x: x**2)(gt.asarray([1.0, 2.0])).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """
    check_callable(f, "jacobian")
    checked_batch_size(batch_size, "jacobian")
    if sparse:
        from .sparse.prepare import sparse_jacobian

        refuse_budget(memory, "jacobian")
        return sparse_jacobian(f, argnums, mode, sparse, batch_size, local)
    if mode not in ("auto", "forward", "reverse"):
        raise ValueError(f"gradtape.jacobian: mode must be 'auto', 'forward' or 'reverse', not {mode!r}")

    def jacobian_function(*arguments: Any, **kwargs: Any) -> Any:
        selected = Selected(arguments, argnums, "jacobian")
        inputs = selected.leaves
        known = None
        if mode != "forward":
            trace = Trace()
            for leaf in inputs:
                trace.follow(leaf)
            with observed_by((*active(), trace)):
                out = selected.call(f, inputs, kwargs)
            outputs, structure = flatten(out)
            known = outputs = [as_output(y, "jacobian") for y in outputs]
            n_in, n_out = sum([x.size for x in inputs]), sum([y.size for y in outputs])
            if mode == "reverse" or n_out <= n_in:
                rows = reverse_rows(trace, outputs, inputs, batch_size, "jacobian", memory)
                per_input = [split_rows(r, outputs, x) for r, x in zip(rows, inputs, strict=True)]
                return structure.unflatten([selected.pack([b[i] for b in per_input]) for i in range(len(outputs))])
            del trace, out, outputs  # what it keeps need not stand beside the columns
        outputs, structure, columns = forward_columns(selected, f, kwargs, batch_size, memory, known)
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
    f: Callable[..., Any],
    selected: Selected,
    kwargs: dict[str, Any],
    function: str,
    trace: Trace | None = None,
    name: str = "f",
) -> Any:
    """A trace that holds f and its gradient's computation, and the gradient's leaves (None: constant zero)."""
    trace = Trace() if trace is None else trace
    for leaf in selected.leaves:
        trace.follow(leaf)
    with observed_by((*active(), trace)):
        value = as_output(selected.call(f, selected.leaves, kwargs), function)
        if value.size != 1:
            raise ValueError(f"gradtape.{function}: {name} must give a scalar; it gave an array of shape {value.shape}")
        if value._key not in trace.slots:
            return trace, [None] * len(selected.leaves)
        gradient = run(trace, {value._key: ones_like(value)}, [x._key for x in selected.leaves], consume=False)
        gradient = [None if g is None else conj(g) if kind_of(g.dtype) == "c" else g for g in gradient]
    # A gradient that is constant may be a plain array, which no trace knows.
    gradient = [g if g is None or isinstance(g, Tensor) else tensor(g) for g in gradient]
    return trace, gradient


def refuse_budget(memory: Any, function: str) -> None:
    """Raise ValueError for a budget of a sparse derivative."""
    if memory is not None:
        raise ValueError(f"gradtape.{function}: memory is a budget of dense derivatives; with sparse give batch_size")


def hessian(
    f: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    sparse: bool | str = False,
    batch_size: int | None = None,
    local: bool = False,
    memory: Any = None,
) -> Any:
    """The function that gives the second derivatives of a scalar f: x.shape + x.shape, and for containers of arrays
    a container of containers of blocks.

    `batch_size`: at most so many rows at once; `memory`: a budget of bytes (or "200 MB") for the peak of the whole
    computation, the result included; `sparse`: True or "csr", "coo" for a scipy.sparse array, x being a
    vector (`local`: by the pattern at this point; prepare_hessian keeps the pattern for further calls). Raises
    ValueError if f's value is no scalar, NotEnoughMemoryError where the budget, or the memory available, is too little.

    >>> import gradtape as gt
    >>> gt.hessian(lambda x: x[0] ** 2 * x[1])(gt.asarray([1.0, 3.0])).tolist()
    [[6.0, 2.0], [2.0, 0.0]]
    """
    check_callable(f, "hessian")
    checked_batch_size(batch_size, "hessian")
    if sparse:
        from .sparse.prepare import sparse_hessian

        refuse_budget(memory, "hessian")
        return sparse_hessian(f, argnums, sparse, batch_size, local)

    def hessian_function(*arguments: Any, **kwargs: Any) -> Any:
        selected = Selected(arguments, argnums, "hessian")
        inputs = selected.leaves
        if all([in_host_memory(x) for x in inputs]):
            refuse_result("hessian", of_sizes(inputs, inputs, "hessian"), bytes_in(inputs, inputs), INSTEAD["hessian"])
        trace, gradient = recorded_gradient(f, selected, kwargs, "hessian")
        known = [g if g is not None else zeros_like(x) for g, x in zip(gradient, inputs, strict=True)]
        rows = reverse_rows(trace, known, inputs, batch_size, "hessian", memory)
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
    directions = counterparts(v, inputs, flatten(x)[1], "hvp", "v", "x")
    trace, gradient = recorded_gradient(f, selected, {}, "hvp")
    seeds: dict[int, Any] = {}
    for g, d in zip(gradient, directions, strict=True):
        d = differentiable(d, "hvp", "v")
        if g is not None and g._key in trace.slots:
            d = conj(d) if kind_of(d.dtype) == "c" else d
            d = d if active() or type(d) is not Tensor else d._data
            seeds[g._key] = seeds[g._key] + d if g._key in seeds else d
    results = run(trace, seeds, [a._key for a in inputs], consume=True)
    return selected.pack([finished(r, a) for r, a in zip(results, inputs, strict=True)])


__all__ = ["hessian", "hvp", "jacobian"]
