"""What derivatives of a function cost, predicted from one direction of each mode."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from ..arrays.dtypes import kind_of
from ..arrays.memory import available, in_words
from ..budgets import kept_by, pulled_rows, unit_vectors
from ..context import new_level, observed_by
from ..errors import GradtapeError, plural
from ..functions import static
from ..nest import flatten
from ..sweep import Trace, run
from ..tensor import Tensor
from ..virtual.batched import unbatched
from ..virtual.metered import Meter
from .arguments import Selected, again, as_output, check_callable
from .dense import recorded_gradient
from .forward import pushed
from .operators import axes, needs_of_laplacian, second_order
from .reverse import ones_like

#: Bytes and elements up to which several directions are tried at once, to tell time for each from time for a pass.
TRIED_BYTES, TRIED_ELEMENTS = 48 << 20, 8_000_000
#: Seconds that an operation takes in Python in the slowest modes: to estimate whether they can be tried.
OVERHEAD = 5e-5
#: Bytes of a record, without the arrays that it keeps.
RECORD = 200
#: Bytes up to which the C library keeps freed memory: arrays beyond `FRESH[0]`, peaks beyond `FRESH[1]` get new pages.
FRESH = 31 << 20, 62 << 20
#: Elements of a vector up to which the pattern of a derivative is looked for without being asked.
FEW = 1000
#: How many evaluations of f a group of modes is tried with, about, and how many times the bytes kept it holds.
WORK = {"reverse": (12, 3), "forward": (15, 3), "second order": (40, 8), "laplacian": (25, 3), "sparse": (60, 8)}


class Mode(NamedTuple):
    """One way to differentiate: predicted `seconds` and `memory` (bytes at the peak, beside the arguments), in how many
    `directions`, and how many array `elements` it computes. None where it was not tried: see `note`."""

    name: str
    seconds: float | None
    memory: int | None
    directions: int
    elements: int | None
    note: str = ""


@dataclass(frozen=True)
class Cost:
    """What cost(f, x) found: numbers of `inputs` and `outputs`, `operations` recorded, bytes `kept` by the tape, bytes
    `available`, and `modes` by name; cost["hessian"] is one of them. As a string a table."""

    inputs: int
    outputs: int
    operations: int
    kept: int
    available: int | None
    modes: dict[str, Mode]

    def __getitem__(self, name: str) -> Mode:
        if name not in self.modes:
            raise KeyError(f"{name!r}: the modes are {', '.join(self.modes)}")
        return self.modes[name]

    def __iter__(self) -> Iterator[Mode]:
        return iter(self.modes.values())

    def __str__(self) -> str:
        head = (
            f"{plural(self.inputs, 'input')}, {plural(self.outputs, 'output')}; "
            f"{plural(self.operations, 'operation')} recorded, which keep {in_words(self.kept)}"
        )
        lines = [head, f"{'':20}{'directions':>12}{'time':>12}{'peak memory':>14}"]
        for mode in self:
            time = "" if mode.seconds is None else duration(mode.seconds)
            memory = "" if mode.memory is None else in_words(mode.memory)
            note = mode.note
            if mode.memory is not None and self.available is not None and mode.memory > self.available:
                note = f"more than the {in_words(self.available)} available"
            lines.append(f"{mode.name:20}{mode.directions:>12}{time:>12}{memory:>14}  {note}".rstrip())
        return "\n".join(lines)


def duration(seconds: float) -> str:
    """A time for people: 0.0012 is "1.2 ms"."""
    for unit, size in (("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3)):
        if seconds >= size and (unit != "min" or seconds >= 120):
            return f"{seconds / size:.3g} {unit}" if seconds < 1000 * size else f"{seconds / size:,.0f} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that work() takes, the least of two to five tries, and what it gives. It has run before, and is warm."""
    result, least, total = None, float("inf"), 0.0
    for repeat in range(5):
        result = None
        start = perf_counter()
        result = work()
        seconds = perf_counter() - start
        least, total = min(least, seconds), total + seconds
        if (total > 0.05 and repeat) or total > 0.3:
            break
    return least, result


def cost(f: Callable[..., Any], x: Any, *others: Any, seconds: float = 10.0, sparse: bool | None = None) -> Cost:
    """What f(x, *others) and its derivatives in x take: time and peak memory of each mode, predicted.

    f is recorded, and each mode is tried along one direction and, while that is little work, along more; the rest is
    arithmetic: every further direction takes as much again. Dense derivatives are predicted for all directions at once
    (batch_size= takes less memory and about as much time). `x`: a floating array, or a container of them. `seconds`:
    modes that might take more to try are listed without figures. `sparse`: whether the pattern of the Jacobian or
    Hessian is looked for (by default for vectors of up to 1000 elements, where SciPy is installed). f is called some
    dozens of times; tapes that look on record nothing. Raises TypeError for an x of integers, ValueError for `sparse`
    where x or f's value is no vector.

    >>> import gradtape as gt
    >>> c = gt.cost(lambda x: gt.sum(gt.sin(x) * x), gt.ones(1000))
    >>> c.inputs, c.outputs, c.operations, c["hessian"].directions
    (1000, 1, 3, 1000)
    >>> c["hessian"].memory > 8_000_000 > 40 * c["hvp"].memory
    True
    """
    check_callable(f, "cost")
    if not isinstance(seconds, int | float) or not seconds > 0:
        raise ValueError(f"gradtape.cost: seconds must be a positive number, not {seconds!r}")
    selected = Selected((x, *others), 0, "cost")
    started = perf_counter()
    with observed_by(()):
        study = Study(f, selected)
        modes = {mode.name: mode for mode in study.basic()}
        for group, names, tries in study.groups(sparse):
            work, memory = WORK[group]
            expected = work * (study.time_recorded + OVERHEAD * study.operations)
            room = available()
            if perf_counter() - started + expected > seconds:
                note = f"not tried: it would take about {duration(expected)}, and seconds={seconds:g}"
            elif room is not None and memory * study.kept > room:
                note = f"not tried: the tape keeps {in_words(study.kept)}, and {in_words(room)} are available"
            else:
                modes |= {mode.name: mode for mode in tries()}
                continue
            modes |= {name: Mode(name, None, None, count, None, note) for name, count in names.items()}
    return Cost(study.n, study.m, study.operations, study.kept, available(), modes)


class Passes(NamedTuple):
    """A pass over a program with several directions at once: time of one direction, time of each further one, and
    bytes and elements for each."""

    first: float
    each: float
    bytes: int
    elements: int
    largest: int

    def seconds(self, directions: int, batches: int = 1) -> float:
        """Time for so many directions in so many batches."""
        size = directions / max(1, batches)
        fresh = 8.0 * self.elements * size if self.largest * size > FRESH[0] else max(0.0, self.bytes * size - FRESH[1])
        return batches * (self.first + (size - 1) * self.each + fresh * seconds_for_fresh_byte())


@cache
def seconds_for_fresh_byte() -> float:
    """What it takes longer to write a byte to memory that the system has just given."""
    block = np.empty(FRESH[1], np.uint8)
    times = []
    for _ in range(2):
        start = perf_counter()
        block.fill(1)
        times.append(perf_counter() - start)
    return max(0.0, times[0] - times[1]) / block.nbytes


def measured(nbytes: int, elements: int, largest: int, total: int, work: Callable[[int], Any]) -> Passes:
    """Try a pass with one direction, which is known to take so much, and with more; `work` has been tried before."""
    some = min(total, TRIED_BYTES // max(1, nbytes), TRIED_ELEMENTS // max(1, elements))
    first, _ = timed(lambda: work(1))
    each = first
    if some > 1:
        more, _ = timed(lambda: work(some))
        each = max(0.0, more - first) / (some - 1)
    return Passes(first, each, nbytes, elements, largest)


class Study:
    """The runs of one function that cost(f, x) learns from."""

    def __init__(self, f: Callable[..., Any], selected: Selected):
        self.f, self.selected, self.inputs = f, selected, selected.leaves
        self.values = Meter()
        with new_level() as level:
            _ = self.call([self.values.metered(again(x), level) for x in self.inputs])
        del _
        self.time_value, _ = timed(lambda: self.call(self.inputs))
        self.time_recorded, (self.trace, self.outputs) = timed(self.recorded)
        self.keys = [x._key for x in self.inputs]
        self.operations = sum([record is not None and len(record) != 6 for record in self.trace.slots.values()])
        self.kept, self.slope = self.kept_by(self.trace)
        self.n, self.m = sum([x.size for x in self.inputs]), sum([y.size for y in self.outputs])
        self.m_or_n = self.n if self.m == 1 else self.m
        self.row: Passes | None = None
        #: Time and bytes before the products of a sparse derivative, and the sweeps with several of them.
        self.swept: tuple[float, int, Passes] | None = None

    def call(self, leaves: Sequence[Tensor]) -> list[Tensor]:
        """f's outputs at these leaves."""
        outputs, _ = flatten(self.selected.call(self.f, leaves, {}))
        return [as_output(y, "cost") for y in outputs]

    def recorded(self) -> tuple[Trace, list[Tensor]]:
        """A trace of f, and its outputs."""
        trace = Trace()
        for leaf in self.inputs:
            trace.follow(leaf)
        with observed_by((trace,)):
            return trace, self.call(self.inputs)

    def kept_by(self, trace: Trace) -> tuple[int, int]:
        """Bytes that a trace keeps beside the inputs, and of the largest array among them."""
        kept = kept_by(trace)
        for x in self.inputs:
            data = x._data
            while isinstance(data, np.ndarray) and isinstance(data.base, np.ndarray):
                data = data.base
            kept.pop(id(data), None)
        return sum(kept.values()), max(kept.values(), default=0)

    # -- what is always there
    def basic(self) -> list[Mode]:
        """The function itself."""
        return [Mode("value", self.time_value, self.values.peak, 0, self.values.elements)]

    def groups(self, sparse: bool | None) -> Iterator[tuple[str, dict[str, int], Callable[[], list[Mode]]]]:
        """The groups of modes that there are for this function: what they are called, in how many directions."""
        n, scalar = self.n, self.m == 1 and len(self.outputs) == 1
        yield "reverse", {"gradient" if scalar else "vjp": 1, "jacobian, reverse": self.m}, self.reverse
        yield "forward", {"jvp": 1, "jacobian, forward": n}, self.forward
        real = all([kind_of(x.dtype) == "f" for x in self.inputs])
        array = len(self.inputs) == 1 and self.selected.structures[0].parts is None
        vector = array and len(self.inputs[0].shape) == 1 and real and n > 0
        if scalar:
            names = {"hvp": 1, "hessian": n, "hessian diagonal": n}
            yield "second order", names, self.second_order
            if vector:
                yield "laplacian", {"laplacian": n}, self.laplacian
        possible = vector and (scalar or self.is_vector())
        if sparse and not possible:
            raise ValueError("gradtape.cost: sparse=True is for a real vector x, of which f gives a number or a vector")
        if possible and (find_spec("scipy") is not None and n <= FEW if sparse is None else sparse):
            name = "hessian, sparse" if scalar else "jacobian, sparse"
            yield "sparse", {name: 0}, lambda: self.sparse(name)

    def is_vector(self) -> bool:
        """Whether f gives one vector of real numbers."""
        return len(self.outputs) == 1 and len(self.outputs[0].shape) == 1 and kind_of(self.outputs[0].dtype) == "f"

    # -- groups of modes
    def rows(self, trace: Trace, outputs: Sequence[Tensor]) -> Passes:
        """Sweeps over a trace with several rows at once."""
        meter = Meter()

        def sweep(seeds: dict[int, Any]) -> list[Any]:
            return run(trace, seeds, self.keys, consume=False)

        with new_level() as level:
            pulled_rows(trace, outputs, 0, 1, sweep, lambda values: meter.metered(values, level))
        total = sum([y.size for y in outputs])
        several = lambda count: pulled_rows(trace, outputs, 0, count, sweep)
        return measured(meter.peak, meter.elements, meter.largest, total, several)

    def ones(self, trace: Trace, outputs: Sequence[Tensor]) -> dict[int, Any]:
        """Seeds of one sweep."""
        return {y._key: ones_like(y) for y in outputs if y._key in trace.slots}

    def reverse(self) -> list[Mode]:
        """One sweep, and one for each output."""
        self.row = row = self.rows(self.trace, self.outputs)
        self.swept = self.time_recorded, self.kept + self.slope + RECORD * len(self.trace.slots), row
        time, _ = timed(lambda: run(self.trace, self.ones(self.trace, self.outputs), self.keys, consume=False))
        fixed, peak, elements = self.swept[1], row.bytes, row.elements
        name = "gradient" if self.m == 1 else "vjp"
        forward = self.values.elements
        return [
            Mode(name, self.time_recorded + time, fixed + peak, 1, forward + elements),
            Mode(
                "jacobian, reverse",
                self.time_recorded + row.seconds(self.m),
                fixed + self.m * peak,
                self.m,
                forward + self.m * elements,
            ),
        ]

    def forward(self) -> list[Mode]:
        """One run with a tangent, and one with a tangent for each input."""
        inputs = self.inputs
        _, flat = flatten(tuple(inputs))

        def f(*xs: Any) -> Any:
            return self.selected.call(self.f, xs, {})

        def columns(count: int, points: list[Any] = inputs, within: Any = None) -> Any:
            with new_level() as level:
                directions: list[Any] = list(unit_vectors(inputs, 0, count, level, within=within))
                _, tangents = pushed(f, points, directions, flat)
                return [unbatched(t, level, count) for t in flatten(tangents)[0]]

        meter, values = Meter(rank=1), Meter()
        with new_level() as level:
            columns(1, [values.metered(again(x), level) for x in inputs], lambda v: meter.metered(v, level))
        passes = measured(meter.peak, meter.elements, meter.largest, self.n, columns)
        time, _ = timed(lambda: pushed(f, inputs, [static.ones_like(x) for x in inputs], flat))
        times = 2 if any([kind_of(x.dtype) == "c" for x in inputs]) else 1
        total = times * self.n
        return [
            Mode("jvp", time, values.peak + meter.peak, 1, values.elements + meter.elements),
            Mode(
                "jacobian, forward",
                passes.seconds(total, times),
                values.peak + total * meter.peak,
                self.n,
                times * values.elements + total * meter.elements,
            ),
        ]

    def second_order(self) -> list[Mode]:
        """Sweeps over the record of f and its gradient."""
        time, (trace, gradient) = timed(lambda: recorded_gradient(self.f, self.selected, {}, "cost"))
        known = [g for g in gradient if g is not None]
        row = self.rows(trace, known)
        once, _ = timed(lambda: run(trace, self.ones(trace, known), self.keys, consume=False))
        kept, slope = self.kept_by(trace)
        fixed, peak, elements = kept + slope + RECORD * len(trace.slots), row.bytes, row.elements
        if self.row is not None:
            fixed += self.row.bytes
        self.swept = time, fixed, row
        forward = 2 * self.values.elements
        size = min(256, self.n)
        chunks = -(-self.n // size) if size else 0
        every = forward + self.n * elements
        return [
            Mode("hvp", time + once, fixed + peak, 1, forward + elements),
            Mode("hessian", time + row.seconds(self.n), fixed + self.n * peak, self.n, every),
            Mode("hessian diagonal", time + row.seconds(self.n, chunks), fixed + size * peak, self.n, every),
        ]

    def laplacian(self) -> list[Mode]:
        """Forward passes with second derivatives."""
        (x,) = self.inputs
        along = lambda count: second_order(self.f_of, x, axes(x, 0, count), None, "cost")
        need = needs_of_laplacian(self.f_of, x)
        each = need.each + need.largest
        passes = measured(each, need.elements, need.largest, self.n, along)
        memory = need.values.peak + need.first + (self.n - 1) * each
        elements = need.values.elements + self.n * need.elements
        return [Mode("laplacian", passes.seconds(self.n), memory, self.n, elements)]

    def f_of(self, x: Any) -> Any:
        """f of the leaf alone."""
        return self.selected.call(self.f, [x], {})

    def sparse(self, name: str) -> list[Mode]:
        """The pattern, and as many products as it has colours."""
        from .sparse.prepare import prepare_hessian, prepare_jacobian

        prepare: Any = prepare_hessian if name.startswith("hessian") else prepare_jacobian
        (x,) = self.inputs
        start = perf_counter()
        try:
            prepared = prepare(self.f_of, x)
        except (GradtapeError, TypeError, ValueError) as error:
            return [Mode(name, None, None, 0, None, f"no pattern: {str(error).splitlines()[0][:80]}")]
        detection = perf_counter() - start
        colours, filled = prepared.n_colors, prepared.pattern.nnz
        note = f"{filled} entries, {plural(colours, 'colour')}; {duration(detection)} for the pattern, once"
        if filled > self.n * self.m_or_n // 4 or self.swept is None:
            return [Mode(name, None, None, colours, None, f"not sparse: {filled} entries")]
        before, fixed, row = self.swept
        elements = 2 * self.values.elements + colours * row.elements
        memory = fixed + colours * row.bytes + 16 * filled
        return [Mode(name, before + row.seconds(colours), memory, colours, elements, note)]


__all__ = ["Cost", "Mode", "cost"]
