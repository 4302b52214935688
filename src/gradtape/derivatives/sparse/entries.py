"""A derivative as lists of entries: in row r[e] and column c[e] the weight v[e].

Where entries stand does not depend on the point, so that it is found once (`Memo`); at each point only weights are
computed. Moving elements, broadcasting and adding up along axes change where entries stand and leave weights alone,
or take some of them; a slope multiplies them. So an evaluation costs what its non-zeros cost, without any product.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

from ...arrays import numpy_kernels as kernels

ndarray = np.ndarray
Shape = tuple[int, ...]


class Declined(Exception):
    """The program has a function whose derivative is no matter of few entries."""


class Entries:
    """Where some entries stand: rows and columns, of equal length. Equal ones are one object (Memo.entries)."""

    __slots__ = ("rows", "columns", "span", "size")

    def __init__(self, rows: ndarray, columns: ndarray):
        self.rows, self.columns, self.size = rows, columns, len(rows)
        #: The rows as a slice, if that is what they are.
        self.span = as_slice(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def of(self, values: ndarray) -> Any:
        """The elements of a flat array in whose rows the entries stand."""
        span = self.span
        if span is None:
            return values[self.rows]
        return values if span.stop == len(values) and not span.start and span.step == 1 else values[span]


def as_slice(index: ndarray) -> slice | None:
    """The slice that picks what an array of indices picks, if there is one."""
    n = len(index)
    if not n:
        return slice(0, 0, 1)
    first = int(index[0])
    step = int(index[1]) - first if n > 1 else 1
    if step <= 0 or int(index[-1]) != first + step * (n - 1) or not (np.diff(index) == step).all():
        return None
    return slice(first, first + step * (n - 1) + 1, step)


#: A weight: a number times an array of one for each entry (None: ones). Numbers are multiplied in the end.
Weight = tuple[float, Any]
#: Weights by where their entries stand.
Terms = dict[Entries, Weight]
UNIT: Weight = (1.0, None)
#: Numbers are kept apart from arrays while they are between the inverse of this and this, far from overflow.
MODERATE = 2.0**60


def scaled(w: Weight, d: float) -> Weight:
    """A weight times a number."""
    c, v = w
    if v is None or 1 / MODERATE <= abs(c * d) <= MODERATE:
        return c * d, v
    return 1.0, v * c * d


#: Changes of what was found out about a program after which a new memo is begun.
MOST_CHANGES = 16

#: Whether zeros absorb in products: asked for where there was a NaN without.
ABSORB: ContextVar[bool] = ContextVar("gradtape_sparse_absorb", default=False)


def times(a: Any, b: Any) -> Any:
    """a b, in which a zero of either absorbs an infinite or undefined other where that is asked for."""
    return kernels.scale_either(a, b) if ABSORB.get() else a * b


def multiplied(w: Weight, d: ndarray) -> Weight:
    """A weight times an array."""
    return w[0], d if w[1] is None else times(w[1], d)


def sum_of(a: Weight, b: Weight) -> Weight:
    """The sum of two weights of the same entries."""
    (c, v), (d, w) = a, b
    if v is None and w is None:
        return c + d, None
    if v is None:
        return 1.0, c + written_out(b)
    if w is None:
        return 1.0, written_out(a) + d
    if c == d:
        return c, v + w
    if c == -d:
        return c, v - w
    return 1.0, written_out(a) + written_out(b)


def spread(x: Any, shape: Shape) -> ndarray:
    """The elements of x broadcast to a shape, in a row."""
    return (x if x.shape == shape else np.broadcast_to(x, shape)).reshape(-1)


def the_number(x: Any) -> float | None:
    """The real number that an array repeats at every place without holding it there (what a sum hands down)."""
    if any(x.strides) or not x.size or x.dtype.kind != "f":
        return None
    return float(x.item(0))


def written_out(w: Weight) -> Any:
    """A weight as one array, or a number."""
    c, v = w
    return c if v is None else v if c == 1 else -v if c == -1 else v * c


class Move(NamedTuple):
    """What a linear function makes of some entries: those `taken` (None: all) stand at `entries`, times `factor`."""

    entries: Entries
    taken: Any
    factor: Any

    def weights(self, w: Weight) -> Weight:
        """The new weights."""
        if self.taken is not None and w[1] is not None:
            w = w[0], w[1][self.taken]
        if self.factor is None:
            return w
        return scaled(w, self.factor) if self.factor.__class__ is float else multiplied(w, self.factor)


class Memo:
    """What was found out about a program once: where entries stand, what steps make of them, and where those of the
    result go. `changes`: how often that turned out to be another, as where indices depend on the point."""

    __slots__ = ("known", "found", "placements", "changes")

    def __init__(self) -> None:
        self.known: dict[bytes, Entries] = {}
        self.found: dict[Any, Any] = {}
        self.placements: dict[tuple[Entries, ...], Any] = {}
        self.changes = 0

    @property
    def is_stale(self) -> bool:
        """Whether much of it is of former points, so that one does better to begin anew."""
        return self.changes > MOST_CHANGES

    def entries(self, rows: ndarray, columns: ndarray) -> Entries:
        """The one object for entries in these places."""
        rows, columns = rows.astype(np.int32), columns.astype(np.int32)
        key = rows.tobytes() + columns.tobytes()
        known = self.known.get(key)
        if known is None:
            known = self.known[key] = Entries(rows, columns)
        return known

    def moved(self, e: Entries, positions: ndarray, factors: ndarray | None) -> Move:
        """What y_k = factors_k x_positions(k) makes of entries of x; a position -1 is a zero."""
        key = (e, id(positions))
        found = self.found.get(key)
        if found is None:
            found = self.found[key] = (self.move(e, positions, factors), positions)  # kept: its id stays its own
        move: Move = found[0]
        return move

    def move(self, e: Entries, positions: ndarray, factors: ndarray | None) -> Move:
        """The same, worked out."""
        rows, taken = picked(e, positions)
        if repeats(taken) == 0:  # each entry at most once: in the order in which they were
            again = np.argsort(taken)
            rows, taken = rows[again], taken[again]
        new = self.entries(rows, e.columns[taken])
        span = as_slice(taken)
        whole = len(taken) == len(e) and span is not None and span.step == 1
        return Move(new, None if whole else taken if span is None else span, uniform(factors, rows))

    def product(self, e: Entries, matrix: Any) -> tuple[Entries, ndarray, ndarray]:
        """Entries of A x from those of x: where they stand, which of x they are, and which of A they are times."""
        before = self.found.setdefault((e, matrix.shape), [])
        for known, result in before:
            if np.array_equal(known[0], matrix.indptr) and np.array_equal(known[1], matrix.indices):
                return result  # type: ignore[no-any-return]
        move = self.move(e, matrix.indices, None)  # entry after entry of A, the row of x that it is times
        taken = np.arange(len(e)) if move.taken is None else np.arange(len(e))[move.taken]
        rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))[move.entries.rows]
        result = self.entries(rows, move.entries.columns), taken, move.entries.rows
        self.changes += bool(before)
        before.append(((matrix.indptr.copy(), matrix.indices.copy()), result))
        return result

    def summed(self, e: Entries, labels: ndarray, factors: ndarray | None) -> Move:
        """What y_k = sum over labels(i) = k of factors_i x_i makes of entries of x; a label -1 goes nowhere."""
        key = (e, id(labels))
        found = self.found.get(key)
        if found is None:
            rows = labels[e.rows]
            taken = np.flatnonzero(rows >= 0)
            new = self.entries(rows[taken], e.columns[taken])
            which = None if len(taken) == len(e) else taken
            found = self.found[key] = (Move(new, which, uniform(factors, e.rows[taken])), labels)
        move: Move = found[0]
        return move


def repeats(index: ndarray) -> int:
    """How many non-negative integers there are among these that were there before."""
    return len(index) - int(np.count_nonzero(np.bincount(index))) if len(index) else 0


def picked(e: Entries, positions: ndarray) -> tuple[ndarray, ndarray]:
    """Which entries stand in the rows at the positions (-1: none), as pairs (number of the position, of the entry)."""
    height = int(max(e.rows.max(initial=-1), positions.max(initial=-1))) + 2  # the last row has none
    positions = np.where(positions < 0, height - 1, positions)
    if not repeats(e.rows):
        number = np.full(height, -1)
        number[e.rows] = np.arange(len(e))
        found = number[positions]
        rows = np.flatnonzero(found >= 0)
        return rows, found[rows]
    order = np.argsort(e.rows, kind="stable")
    counts = np.bincount(e.rows, minlength=height)
    starts = np.cumsum(counts) - counts
    many = counts[positions]
    rows = np.repeat(np.arange(len(positions)), many)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(many) - many, many)
    return rows, order[np.repeat(starts[positions], many) + within]


def uniform(factors: ndarray | None, rows: ndarray) -> Any:
    """The factors of these rows; a number if they are all the same, None if they are all 1."""
    if factors is None or not len(rows):
        return None
    chosen = factors[rows]
    if not (chosen == chosen[0]).all():
        return chosen
    return None if chosen[0] == 1 else float(chosen[0])


def add(total: Terms, e: Entries, w: Weight) -> None:
    """Add one term to a sum."""
    total[e] = sum_of(total[e], w) if e in total else w


class Absorbing:
    """A slope that is not finite everywhere: a zero tangent absorbs it."""

    __slots__ = ("slope",)

    def __init__(self, slope: Any):
        self.slope = slope

    def __call__(self, t: Any) -> Any:
        return kernels.scale(np.asarray(t), self.slope)

    def weights(self, w: Weight, e: Entries, shape: Shape) -> Weight:
        """The weights of entries times the slope."""
        c, v = w
        if c == 0:
            return 0.0, None
        slope = e.of(spread(self.slope, shape))
        return c, slope if v is None else kernels.scale(v, slope)


ONE = np.float64(1)


class Routing:
    """A tangent is passed on by a function that selects, and does not multiply; `passed`: what becomes of ones."""

    __slots__ = ("route", "passed")

    def __init__(self, route: Callable[[Any], Any], passed: Any = None):
        self.route, self.passed = route, passed

    def __call__(self, t: Any) -> Any:
        return self.route(t)

    def weights(self, w: Weight, e: Entries, shape: Shape) -> Weight:
        """The weights of entries times what the route makes of one; where either is 0, 0."""
        c, v = w
        if self.passed is None:
            self.passed = self.route(ONE)
        number = the_number(self.passed)
        if number is not None and np.isfinite(number):
            return scaled(w, number) if number else (0.0, None)
        passed = e.of(spread(self.passed, shape))
        if c == 0:
            return 0.0, None
        if v is None:
            return c, passed
        product = v * passed
        return c, product if kernels.all_finite(product) else kernels.scale_either(v, passed)


def sloped(w: Weight, d: Any, e: Entries, shape: Shape) -> Weight:
    """The weights of entries of a value of this shape times a slope (a number, an array, or one of the above)."""
    if d.__class__ is float or d.__class__ is int:
        return scaled(w, d)
    if callable(d):
        result: Weight = d.weights(w, e, shape)
        return result
    if d.__class__ is complex or d.dtype.kind == "c":
        raise Declined
    if (number := the_number(d)) is not None:
        return scaled(w, number)
    return multiplied(w, e.of(spread(d, shape)))
