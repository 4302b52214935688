"""How much of a dense derivative is computed at once: so many directions, what a budget of bytes allows, or all of it
where that fits into memory.

A direction is a row of a Jacobian by reverse mode, a column by forward mode. What one of them takes is measured by
trying one (see virtual/metered.py), and only where a budget was given or the whole is large.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .arrays.dtypes import kind_of, numpy_dtype
from .arrays.libraries import library_of
from .arrays.memory import available, bytes_of, in_words, limit_set
from .context import active, new_level, observed_by
from .errors import NotEnoughMemoryError
from .functions.elementwise import conj
from .functions.static import static, zeros
from .sweep import Trace, run
from .tensor import ForeignTensor, Tensor, VirtualTensor, tensor
from .virtual.batched import Batched, unbatched
from .virtual.metered import Meter

Range = tuple[int, int]
#: Bytes below which nobody looks how much memory there is.
SMALL = 8 << 20
#: Of a budget, what is left for the objects that hold and compute arrays (or an eighth of a small one).
UNSEEN = 1 << 17


# -- ranges of directions --------------------------------------------------------------------------------------------
def checked_batch_size(batch_size: Any, function: str) -> int | None:
    """The batch size. Raises TypeError or ValueError unless it is None or a positive int."""
    if batch_size is None:
        return None
    whole = isinstance(batch_size, int | np.integer) and not isinstance(batch_size, bool)
    if not whole or batch_size < 1:
        kind = ValueError if whole else TypeError
        raise kind(f"gradtape.{function}: batch_size must be a positive int, not {batch_size!r}")
    return int(batch_size)


def chunks(total: int, batch_size: int | None, function: str) -> list[Range]:
    """Ranges that cover `total` directions, at most batch_size each."""
    if checked_batch_size(batch_size, function) is None:
        return [(0, total)]
    assert batch_size is not None
    return [(start, min(start + batch_size, total)) for start in range(0, total, batch_size)] or [(0, 0)]


#: What there is without a dense derivative, for messages.
INSTEAD = {
    "jacobian": "Without it: jvp(f, primals, tangents) and vjp(f, *primals) for products with it, or sparse=True where "
    "most entries are 0",
    "hessian": "Without it: hvp(f, x, v) for products with it, hessian_diagonal(f, x), or sparse=True where most "
    "entries are 0",
    "diagonal": "Without it: hvp(f, x, v), or laplacian(f) for the sum of the diagonal",
    "laplacian": "Without it: laplacian_estimate, from a few random directions",
}


def bytes_in(outputs: Sequence[Tensor], inputs: Sequence[Tensor]) -> int:
    """Bytes of a Jacobian: as many numbers of an input's dtype as there are pairs of elements."""
    m = sum([y.size for y in outputs])
    return m * sum([x.nbytes * examples_in(x) for x in inputs])


def of_sizes(outputs: Sequence[Tensor], inputs: Sequence[Tensor], what: str) -> str:
    """A Jacobian in words, for messages."""
    n = sum([x.size for x in inputs])
    if what == "hessian":
        return f"the Hessian of a function of {n} elements"
    return f"the Jacobian of {sum([y.size for y in outputs])} elements in {n}"


class Demand(NamedTuple):
    """What a derivative is going to take: bytes of the `result`, and of `seed`s for each of `total` directions.

    `one()`: bytes that one direction takes at its peak, measured; `fixed()`: bytes that all of them share, beside the
    result; `subject`: what it is, for messages; `instead`: what there is without it.
    """

    function: str
    subject: str
    total: int
    result: int
    seed: int
    one: Callable[[], int]
    fixed: Callable[[], int]
    instead: str = ""
    host: bool = True


def batches(demand: Demand, batch_size: int | None, memory: Any) -> list[Range]:
    """The ranges of directions to be computed at once, of at most batch_size, that keep to the budget `memory`.

    Raises NotEnoughMemoryError where not even one direction does, or where without a budget memory is not enough.
    """
    total, function = demand.total, demand.function
    size = min(checked_batch_size(batch_size, function) or total, max(total, 1))
    if memory is None:
        refuse_large(demand, size)
        return chunks(total, size if size < total else None, function)
    budget = bytes_of(memory, f"gradtape.{function}: memory")
    refuse_result(function, demand.subject, demand.result, demand.instead, budget, memory)
    budget -= min(UNSEEN, budget // 8)
    fixed, one = demand.fixed(), max(1, demand.one())
    if size < total or fixed + total * one > budget:  # then parts are put into the result one by one
        fixed += demand.result
        size = min(size, (budget - fixed) // one)
    if size < 1 <= total:
        raise NotEnoughMemoryError(
            f"gradtape.{function}: memory={memory!r} is too little: {demand.subject} takes "
            f"{in_words(demand.result)}, and with one direction at a time "
            f"{in_words((fixed + one) * 8 // 7 if fixed + one < 7 * UNSEEN else fixed + one + UNSEEN)} in all. "
            f"{demand.instead}"
        )
    return chunks(total, size if size < total else None, function)


def is_small(nbytes: int) -> bool:
    """Whether so little memory is asked for that nobody looks how much there is."""
    return nbytes < SMALL and limit_set() is None


def refuse_large(demand: Demand, size: int) -> None:
    """Raise NotEnoughMemoryError if so many directions at once need more memory than is available."""
    if not demand.host or is_small(demand.result + size * demand.seed):
        return
    room = available()
    if room is None:
        return
    refuse_result(demand.function, demand.subject, demand.result, demand.instead, room)
    fixed, one = demand.fixed(), max(1, demand.one())
    if size < demand.total:
        fixed += demand.result
    if fixed + size * one <= room:
        return
    fits = (room - fixed - (demand.result if size == demand.total else 0)) // one
    remedy = (
        f"pass batch_size={fits} or less, or a budget: memory={in_words(room / 2)!r}"
        if fits >= 1
        else "not even one direction fits"
    )
    raise NotEnoughMemoryError(
        f"gradtape.{demand.function}: {demand.subject}, {size} directions at once, takes "
        f"{in_words(fixed + size * one)}, and {in_words(room)} of memory are available: {remedy}. {demand.instead}"
    )


def refuse_result(
    function: str, subject: str, result: int, instead: str, room: int | None = None, memory: Any = None
) -> None:
    """Raise NotEnoughMemoryError if the result alone is larger than what there is (by default: in this machine)."""
    if room is None:
        if is_small(result):
            return
        room = available()
    if room is None or result <= room:
        return
    given = f"{in_words(room)} of memory are available" if memory is None else f"the budget is memory={memory!r}"
    raise NotEnoughMemoryError(
        f"gradtape.{function}: {subject} takes {in_words(result)}, and {given}. {instead} "
        "(batch_size= and memory= bound what is computed at once, beside the result)"
    )


def examples_in(x: Tensor) -> int:
    """How many examples of surrounding vmaps a value stands for."""
    count = 1
    while type(x) is VirtualTensor:
        inside = x._data.inside()
        count *= max(1, inside.size // max(1, x.size))
        x = inside
    return count


def in_host_memory(x: Tensor) -> bool:
    """Whether the array behind a value lives in this machine's own memory; lazy arrays live nowhere yet."""
    while type(x) is VirtualTensor:
        x = x._data.inside()
    if not isinstance(x, ForeignTensor):
        return True
    library = library_of(x._data)
    return library is not None and library.title != "Dask" and "cpu" in str(x.device).lower()


# -- what a tape keeps -----------------------------------------------------------------------------------------------
def kept_by(trace: Trace) -> dict[int, int]:
    """Bytes of the arrays that records keep and that depend on what is followed, by the identity of their memory."""
    found: dict[int, int] = {}
    followed = trace.slots

    def keep(data: Any) -> None:
        if isinstance(data, np.ndarray):
            while isinstance(data.base, np.ndarray):
                data = data.base
            found[id(data)] = data.nbytes
        elif hasattr(data, "shape") and not isinstance(data, np.generic):
            found[id(data)] = int(np.prod(data.shape)) * numpy_dtype(data.dtype).itemsize

    for record in followed.values():
        if record is None or len(record) == 6:
            continue
        if len(record) == 7:
            primitive, _, keys, _, saved, y, _ = record
            for data, key in zip(saved, keys, strict=False):
                if key in followed:
                    keep(data)
            for data in y if primitive.outputs != 1 and y is not None else [y]:
                keep(data[0] if isinstance(data, tuple) else data)
            continue
        primitive, key, ka = record[:3]
        keys = {"x": ka, "a": ka, "b": record[5] if len(record) == 8 else 0, "y": key, "rest": key}
        for names, saved in zip(primitive.names, (record[3], record[6] if len(record) == 8 else None), strict=False):
            for name, data in zip(names, saved if len(names) > 1 and saved is not None else (saved,), strict=False):
                if keys[name] in followed:
                    keep(data)
    return found


def slopes_in(trace: Trace) -> int:
    """Bytes of two slopes as large as anything that records keep: what a sweep needs for all directions together."""
    return 2 * max(kept_by(trace).values(), default=0)


def held_by(trace: Trace, inputs: Sequence[Tensor], before: Trace | None = None) -> int:
    """The same and what records keep, beside the inputs and what another trace keeps anyway."""
    kept = kept_by(trace)
    ours = [x._data for x in inputs]
    known = {id(data if data.base is None else data.base) for data in ours if isinstance(data, np.ndarray)}
    known |= set() if before is None else set(kept_by(before))
    return sum([nbytes for number, nbytes in kept.items() if number not in known]) + slopes_in(trace)


# -- rows by reverse mode ----------------------------------------------------------------------------------------------
def unit_vectors(
    leaves: Sequence[Tensor], start: int, stop: int, level: int, unit: complex = 1, within: Any = None
) -> list[Tensor]:
    """Rows start..stop of the identity on all leaves taken as one long vector, as a batch for each leaf.

    With the imaginary `unit`, that times the identity on complex leaves, and zeros on real ones. `within`: makes other
    values of the batches.
    """
    seeds, offset = [], 0
    for leaf in leaves:
        rows = np.zeros((stop - start, leaf.size), numpy_dtype(leaf.dtype))
        first, last = max(start, offset), min(stop, offset + leaf.size)
        if first < last and (unit == 1 or kind_of(leaf.dtype) == "c"):
            rows[np.arange(first - start, last - start), np.arange(first - offset, last - offset)] = unit
        values = static(rows.reshape(stop - start, *leaf.shape), leaf, dtype=leaf.dtype)
        values = values if isinstance(values, Tensor) else tensor(values)
        seeds.append(tensor(Batched(values if within is None else within(values), level)))
        offset += leaf.size
    return seeds


Sweep = Callable[[dict[int, Any]], list[Any]]


def pulled_rows(
    trace: Trace, outputs: Sequence[Tensor], start: int, stop: int, sweep: Sweep, within: Any = None
) -> list[Any]:
    """Rows start..stop of the Jacobian, for each source of the sweep; None where no path leads there."""
    with new_level() as level:
        seeds: dict[int, Any] = {}
        vectors = unit_vectors(outputs, start, stop, level, within=within)
        for y in reversed(outputs):  # popped, so that only the sweep holds them
            g = vectors.pop()
            if y._key in trace.slots:
                seeds[y._key] = seeds[y._key] + g if y._key in seeds else g
            g = None
        results = sweep(seeds)
    for i, g in enumerate(results):
        if g is not None:
            g = unbatched(g, level, stop - start)
            results[i] = conj(g) if kind_of(g.dtype) == "c" else g
    return results


def bytes_of_row(trace: Trace, outputs: Sequence[Tensor], inputs: Sequence[Tensor]) -> int:
    """What a sweep takes for one row, from a sweep with one."""
    meter = Meter()
    sweep = lambda seeds: run(trace, seeds, [x._key for x in inputs], consume=False)
    with observed_by(()), new_level() as level:
        pulled_rows(trace, outputs, 0, 1, sweep, lambda values: meter.metered(values, level))
    return meter.need * examples_in(outputs[0])


def all_rows(
    function: str,
    what: str,
    trace: Trace,
    outputs: Sequence[Tensor],
    inputs: Sequence[Tensor],
    sweep: Callable[[dict[int, Any], bool], list[Any]],
    batch_size: int | None,
    memory: Any,
    fixed: Callable[[], int],
) -> list[Any]:
    """For each input the rows (all outputs' elements, *input.shape); None where no path leads there.

    `what`: "jacobian" or "hessian"; sweep(seeds, last): the sweep, and whether it is the last one; `fixed`: see Demand.
    """

    total = sum([y.size for y in outputs])
    demand = Demand(
        function,
        of_sizes(outputs, inputs, what),
        total,
        bytes_in(outputs, inputs),
        sum([y.nbytes * examples_in(y) for y in outputs]),
        lambda: bytes_of_row(trace, outputs, inputs),
        fixed,
        INSTEAD[what],
        all([in_host_memory(x) for x in (*outputs, *inputs)]),
    )

    def compute(start: int, stop: int) -> list[Any]:
        rows = pulled_rows(trace, outputs, start, stop, lambda seeds: sweep(seeds, stop == total))
        if len(outputs) > 1:  # of which others may depend on what these rows do not
            rows = [
                zeros((stop - start, *x.shape), x.dtype, x) if g is None else g
                for g, x in zip(rows, inputs, strict=True)
            ]
        return rows

    return gathered(batches(demand, batch_size, memory), compute)


def gathered(ranges: Sequence[Range], compute: Callable[[int, int], list[Any]]) -> list[Any]:
    """What compute gives for each range, one after the other along axis 0. Of plain arrays only the result and the
    part of one range are held at a time."""
    if len(ranges) == 1:
        return compute(*ranges[0])
    wholes: list[Any] = []
    parts: list[Any] = []
    for start, stop in ranges:
        found = compute(start, stop)
        if start == 0:
            plain = not active() and all([type(part) is Tensor for part in found if part is not None])
            if plain:
                length = ranges[-1][1]
                wholes = [
                    None if part is None else np.empty((length, *part.shape[1:]), part.dtype) for part in found
                ]
        if plain:
            for whole, part in zip(wholes, found, strict=True):
                if whole is not None:
                    whole[start:stop] = part._data
        else:
            parts.append(found)
        found = part = None  # before the next part is computed
    if plain:
        return [None if whole is None else tensor(whole) for whole in wholes]
    from .functions.manipulation import concat

    return [None if part[0] is None else concat(list(part), axis=0) for part in zip(*parts, strict=True)]
