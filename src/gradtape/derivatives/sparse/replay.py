"""A recorded program made linear at its point, so that directions go through it at the cost of their arithmetic.

What depends on the point (slopes) is computed once, however many directions follow. What goes through may be one
direction, an array, or the whole derivative as lists of its entries (entries.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ...functions.declare import shape_of
from ...hotpath import SKIP
from ...primitive import PRODUCT, Bilinear, Elementwise, Linear, Route, Rule, Spec, apply
from ...sweep import Trace, fit
from ...virtual.dual import push_forward
from ...virtual.linear_maps import positions_in, selection
from .entries import UNIT, Absorbing, Declined, Memo, Routing, Shape, Terms, add, multiplied, sloped, times

ndarray = np.ndarray
#: Sums of more terms are given up.
MOST_TERMS = 200


def plus(a: Any, b: Any) -> Any:
    """The sum of two tangents, None being zero."""
    return b if a is None else a if b is None else a + b


class Step:
    """One application: how the tangents of its arguments (keys `inputs`) give that of its result (key `out`)."""

    __slots__ = ("out", "inputs", "place")

    def __init__(self, out: int, inputs: Sequence[int]):
        self.out, self.inputs = out, inputs
        self.place = 0

    def arrays(self, tangents: list[Any]) -> Any:
        """The tangent of the result from those of the arguments (None: zero)."""
        raise NotImplementedError

    def terms(self, tangents: list[Terms | None], shapes: list[Shape], memo: Memo) -> tuple[Terms, Shape]:
        """The same for lists of entries, with the shape of the result. Raises Declined."""
        raise Declined


class Slopes(Step):
    """An elementwise function: each tangent times a slope."""

    __slots__ = ("shape", "slopes")

    def __init__(self, out: int, shape: Shape | None, parts: list[tuple[int, Any]]):
        """`parts`: the key of an argument and its slope (number, array, function); `shape`: None if it is theirs."""
        super().__init__(out, [k for k, _ in parts])
        self.shape = shape
        self.slopes = [d for _, d in parts]

    def arrays(self, tangents: list[Any]) -> Any:
        total = None
        for t, d in zip(tangents, self.slopes, strict=True):
            if t is not None:
                if d.__class__ is float or d.__class__ is int:
                    part = t if d == 1 else -t if d == -1 else t * d
                else:
                    part = d(t) if callable(d) else times(t, d)
                total = plus(total, part)
        if total is not None and self.shape is not None and total.shape != self.shape:
            total = np.broadcast_to(total, self.shape)
        return total

    def terms(self, tangents: list[Terms | None], shapes: list[Shape], memo: Memo) -> tuple[Terms, Shape]:
        total: Terms = {}
        shape = self.shape
        if shape is None:  # that of any argument with entries: of one without it is not known
            shape = next((own for t, own in zip(tangents, shapes, strict=True) if t), shapes[0])
        for t, d, own in zip(tangents, self.slopes, shapes, strict=True):
            for e, v in (t or {}).items():
                if own != shape:
                    move = memo.moved(e, positions_between(own, shape, memo), None)
                    e, v = move.entries, move.weights(v)
                add(total, e, sloped(v, d, e, shape))
        return total, shape


def positions_between(shape: Shape, larger: Shape, memo: Memo) -> ndarray:
    """The positions by which an array is broadcast; the same object for the same shapes."""
    found: ndarray | None = memo.found.get((shape, larger))
    if found is None:
        found = memo.found[shape, larger] = positions_in(shape, larger)
    return found


class Moved(NamedTuple):
    """What a linear function does to one of its arguments: result k is factor k times its element places[k] (-1: zero),
    or, if `sums`, its element i goes to result places[i]."""

    sums: bool
    places: ndarray
    factors: ndarray | None


class Moves(Step):
    """A linear function; it may do no more than move elements, or add them up."""

    __slots__ = ("primitive", "parameters", "arguments", "moving")

    def __init__(
        self, out: int, keys: list[int], primitive: Linear, parameters: Any, arguments: list[Any], moving: list[int]
    ):
        """`arguments`: the values, of which those at `moving` have tangents."""
        super().__init__(out, keys)
        self.primitive, self.parameters, self.arguments, self.moving = primitive, parameters, arguments, moving

    def call(self, tangents: Sequence[Any]) -> Any:
        """The function of these tangents; what has none counts as zeros."""
        arguments = list(self.arguments)
        for i, x in enumerate(self.arguments):
            if self.primitive.is_linear_in(i):
                t = tangents[self.moving.index(i)] if i in self.moving else None
                if t is None:
                    t = np.zeros(np.shape(x), x.dtype) if hasattr(x, "dtype") else 0.0
                arguments[i] = t
        return self.primitive.kernel(*arguments, **self.parameters)

    def arrays(self, tangents: list[Any]) -> Any:
        return None if all([t is None for t in tangents]) else self.call(tangents)

    def terms(self, tangents: list[Terms | None], shapes: list[Shape], memo: Memo) -> tuple[Terms, Shape]:
        total: Terms = {}
        if self.primitive.matrix is not None:
            return self.through(tangents, memo)
        moves, shape = self.moves(memo)
        for t, how in zip(tangents, moves, strict=True):
            for e, v in (t or {}).items():
                move = (memo.summed if how.sums else memo.moved)(e, how.places, how.factors)
                add(total, move.entries, move.weights(v))
        return total, shape

    def through(self, tangents: list[Terms | None], memo: Memo) -> tuple[Terms, Shape]:
        """The same for a function that is a product with a sparse matrix."""
        x = self.arguments[self.moving[0]]
        assert self.primitive.matrix is not None
        matrix = self.primitive.matrix(x.shape, **self.parameters)
        shape = np.shape(self.call([np.zeros(x.shape)]))
        total: Terms = {}
        for e, v in (tangents[0] or {}).items():
            new, taken, places = memo.product(e, matrix)
            add(total, new, multiplied((v[0], None if v[1] is None else v[1][taken]), matrix.data[places]))
        return total, shape

    def moves(self, memo: Memo) -> tuple[list[Moved], Shape]:
        """What the function does to each moving argument, and the shape of its result."""
        fixed = [a for i, a in enumerate(self.arguments) if not self.primitive.is_linear_in(i)]
        shapes = tuple([shape_of(a) for a in self.arguments])
        signature = (self.primitive.name, self.parameters, tuple(self.moving), shapes, *fixed)
        found = memo.found.get(self.place)
        if found is None or not same(found[0], signature):
            memo.changes += found is not None
            found = (tuple([copied(part) for part in signature]), self.found_moves())
            memo.found[self.place] = found
        moves: tuple[list[Moved], Shape] = found[1]
        return moves

    def found_moves(self) -> tuple[list[Moved], Shape]:
        """The same, read off by applying the function to numbers."""
        values = [self.arguments[i] for i in self.moving]
        if any([x.dtype.kind == "c" for x in values]):
            raise Declined
        shapes = [x.shape for x in values]
        y = np.asarray(self.call([np.ones(s) for s in shapes]))
        if y.dtype.kind == "c":
            raise Declined
        positions = selection(self.call, shapes, [np.dtype(float)] * len(values))
        moves, start = [], 0
        for place, s in enumerate(shapes):
            if positions is not None:
                end = start + prod(s)
                own = np.where((positions >= start) & (positions < end), positions - start, -1)
                start = end
                moves.append(Moved(False, own, factors_of(y.reshape(-1), own >= 0)))
            else:
                moves.append(self.sums(place, s, y))
        return moves, y.shape

    def sums(self, place: int, shape: Shape, y: ndarray) -> Moved:
        """The same for one argument, if each of its elements goes to one place. Raises Declined."""
        primitive, i = self.primitive, self.moving[place]
        spec = Spec(shape, np.dtype(float))
        specs = [Spec(np.shape(a), np.dtype(float)) for a in self.arguments]
        saved = [None if primitive.is_linear_in(j) else a for j, a in enumerate(self.arguments)]

        def back(gs: list[ndarray]) -> Any:
            if primitive.variadic:
                return fit(primitive.transpose(gs[0], i, specs, saved, **self.parameters), spec)
            return fit(primitive.transpose(gs[0], spec, **self.parameters), spec)

        labels = selection(back, [y.shape], [y.dtype])
        if labels is None:
            raise Declined
        ones = np.asarray(back([np.ones(y.shape)])).reshape(-1)
        return Moved(True, labels, factors_of(ones, labels >= 0))


def factors_of(ones: ndarray, moved: ndarray) -> ndarray | None:
    """What elements are multiplied with, from what becomes of ones; None for 1."""
    return None if (ones[moved] == 1).all() else ones


def copied(x: Any) -> Any:
    """An array that others cannot write to; anything else as it is."""
    return x.copy() if isinstance(x, ndarray) else x


def same(a: Sequence[Any], b: Sequence[Any]) -> bool:
    """Whether two signatures say the same."""
    if len(a) != len(b):
        return False
    for x, y in zip(a, b, strict=True):
        if isinstance(x, ndarray) or isinstance(y, ndarray):
            if not np.array_equal(x, y):
                return False
        elif x != y:
            return False
    return True


class Pushes(Step):
    """Any other function: its pushforward."""

    __slots__ = ("push",)

    def __init__(self, out: int, inputs: Sequence[int], push: Callable[[list[Any]], Any]):
        super().__init__(out, inputs)
        self.push = push

    def arrays(self, tangents: list[Any]) -> Any:
        return None if all([t is None for t in tangents]) else self.push(tangents)


class Part(Step):
    """One of several outputs."""

    __slots__ = ("index",)

    def __init__(self, out: int, whole: int, index: int):
        super().__init__(out, [whole])
        self.index = index

    def arrays(self, tangents: list[Any]) -> Any:
        return None if tangents[0] is None else tangents[0][self.index]


# -- from records to steps -----------------------------------------------------------------------------------------
def slope_of(primitive: Elementwise, i: int, saved: Any) -> Any:
    """The slope in argument i at the point: a number, an array, or a function of the tangent."""
    slope = primitive.slopes[i]
    if not isinstance(slope, Rule):
        return slope
    count = len(slope.names)
    values = () if not count else (saved,) if count == 1 else tuple(saved)
    if isinstance(slope, Route):
        product = primitive.series == PRODUCT  # then what is passed is the other factor
        return Routing(lambda t: slope.function(t, *values), saved if product else None)
    return finite(slope.function(*values), primitive.singular)


def finite(d: Any, singular: bool) -> Any:
    """The slope as something to multiply with, or a function where a zero tangent has to absorb it."""
    if not getattr(d, "shape", ()):
        d = float(d) if np.isrealobj(d) else d
        return d if not singular or np.isfinite(d) else Absorbing(np.asarray(d))
    return Absorbing(d) if singular and not np.logical_and.reduce(np.isfinite(d), axis=None) else d


def steps_of(trace: Trace, source: int, output: int) -> list[Step]:
    """The steps that carry a tangent from the source to the output, in order."""
    records = trace.slots
    needed = {output}
    chosen = []
    reach = {source}
    for key, record in records.items():
        if record is not None and not reach.isdisjoint(arguments_of(record)):
            reach.add(key)
            chosen.append(record)
    steps: list[Step] = []
    with np.errstate(all="ignore"):
        for record in reversed(chosen):
            if record[1] in needed:
                step = step_of(record, reach)
                if step is not None:
                    steps.append(step)
                    needed.update(step.inputs)
    steps.reverse()
    for place, step in enumerate(steps):
        step.place = place
    return steps


def arguments_of(record: Any) -> Sequence[int]:
    """The keys of a record's arguments."""
    size = len(record)
    if size == 5:
        return (record[2],)
    if size == 8:
        return (record[2], record[5])
    return record[2] if size == 7 else (record[2],)


def step_of(record: Any, reach: set[int]) -> Step | None:
    """What a record says, at its point."""
    size = len(record)
    if size == 6:
        return Part(record[1], record[2], record[3])
    primitive, key = record[:2]
    if size == 5:
        return Slopes(key, None, [(record[2], slope_of(primitive, 0, record[3]))])
    if size == 8:
        return binary_step(record, reach)
    _, _, keys, specs, saved, y, parameters = record
    moving = [i for i, k in enumerate(keys) if k in reach and specs[i] is not None]
    if isinstance(primitive, Linear):
        moving = [i for i in moving if primitive.is_linear_in(i)]
        return Moves(key, [keys[i] for i in moving], primitive, parameters, saved, moving) if moving else None

    def push(tangents: list[Any]) -> Any:
        everything: list[Any] = [None] * len(keys)
        for i, t in zip(moving, tangents, strict=True):
            everything[i] = t
        values = y if primitive.outputs == 1 else tuple([d for d, _ in y])
        return push_forward(primitive, values, saved, everything, parameters)

    if isinstance(primitive, Elementwise):
        env = primitive.environment(y, saved, parameters)
        parts: list[tuple[int, Any]] = []
        for i in moving:
            slope = primitive.slopes[i]
            if slope is None:
                continue
            d = slope
            if isinstance(slope, Route):
                d = Routing(partial(slope, env=env))
            elif isinstance(slope, Rule):
                d = finite(slope(env=env), primitive.singular)
            parts.append((keys[i], d))
        return Slopes(key, np.shape(y), parts) if parts else None
    return Pushes(key, [keys[i] for i in moving], push)


def binary_step(record: Any, reach: set[int]) -> Step:
    """The same for a record of two arguments."""
    primitive, key, ka, sa, spec_a, kb, sb, spec_b = record
    sides = [(i, k, s, spec) for i, k, s, spec in ((0, ka, sa, spec_a), (1, kb, sb, spec_b)) if spec is not SKIP]
    sides = [side for side in sides if side[1] in reach]
    if isinstance(primitive, Bilinear):

        def push(tangents: list[Any]) -> Any:
            total = None
            for (i, _, s, _), t in zip(sides, tangents, strict=True):
                if t is not None:
                    total = plus(total, apply(primitive, t, s) if i == 0 else apply(primitive, s, t))
            return total

        return Pushes(key, [k for _, k, _, _ in sides], push)
    shape = next((spec[2] for _, _, _, spec in sides if spec is not None), None)
    return Slopes(key, shape, [(k, slope_of(primitive, i, s)) for i, k, s, _ in sides])


class Linearised(NamedTuple):
    """The derivative of one value in another at a point, as steps."""

    steps: list[Step]
    source: int
    output: int
    shape: Shape

    def push(self, tangent: ndarray) -> Any:
        """The derivative in one direction (None: zero)."""
        values: dict[int, Any] = {self.source: tangent}
        with np.errstate(all="ignore"):
            for step in self.steps:
                t = step.arrays([values.get(k) for k in step.inputs])
                if t is not None:
                    values[step.out] = t
        return values.get(self.output)

    def terms(self, memo: Memo, most: float) -> tuple[Terms, float]:
        """The whole derivative as entries, and how many directions would cost as much. Raises Declined, also where a
        value would have more than `most` entries for each of its elements."""
        every = memo.found.get("source")
        if every is None:
            index = np.arange(prod(self.shape))
            every = memo.found["source"] = memo.entries(index, index)
        values: dict[int, Terms] = {self.source: {every: UNIT}}
        shapes: dict[int, Shape] = {self.source: self.shape}
        work, once, size = 0, 1, prod(self.shape)
        with np.errstate(all="ignore"):
            for step in self.steps:
                inputs = [values.get(k) for k in step.inputs]
                if inputs.count(None) == len(inputs):
                    continue
                t, shape = step.terms(inputs, [shapes.get(k, ()) for k in step.inputs], memo)
                count, elements = 0, prod(shape)
                for e in t:
                    count += e.size
                if len(t) > MOST_TERMS or count > most * max(elements, size):
                    raise Declined
                values[step.out], shapes[step.out] = t, shape
                work += count
                once += elements
        return values.get(self.output, {}), work / once
