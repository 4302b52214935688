"""A derivative as lists of entries: in row r[e] and column c[e] the weight v[e].

Where entries stand does not depend on the point, so that it is found once (`Memo`); at each point only weights are
computed. Moving elements, broadcasting and adding up along axes change where entries stand and leave weights alone,
or take some of them; a slope multiplies them. So an evaluation costs what its non-zeros cost, without any product.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...arrays import numpy_kernels as kernels

ndarray = np.ndarray
Shape = tuple[int, ...]


class Declined(Exception):
    """The program has a function whose derivative is no matter of few entries."""


class Entries:
    """Where some entries stand: rows and columns, of equal length. Equal ones are one object (Memo.entries)."""

    __slots__ = ("rows", "columns", "span")

    def __init__(self, rows: ndarray, columns: ndarray):
        self.rows, self.columns = rows, columns
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


#: Weights by where their entries stand; a weight is a number, or an array of one for each entry.
Terms = dict[Entries, Any]


class Move(NamedTuple):
    """What a linear function makes of some entries: those `taken` (None: all) stand at `entries`, times `factor`."""

    entries: Entries
    taken: Any
    factor: Any

    def weights(self, v: Any) -> Any:
        """The new weights."""
        if self.taken is not None and v.__class__ is ndarray:
            v = v[self.taken]
        return v if self.factor is None else v * self.factor


class Memo:
    """What was found out about a program once: where entries stand, and what steps make of them."""

    __slots__ = ("known", "found")

    def __init__(self) -> None:
        self.known: dict[bytes, Entries] = {}
        self.found: dict[Any, Any] = {}

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
        for known, result in self.found.get((e, matrix.shape), ()):
            if np.array_equal(known[0], matrix.indptr) and np.array_equal(known[1], matrix.indices):
                return result  # type: ignore[no-any-return]
        move = self.move(e, matrix.indices, None)  # entry after entry of A, the row of x that it is times
        taken = np.arange(len(e)) if move.taken is None else np.arange(len(e))[move.taken]
        rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))[move.entries.rows]
        result = self.entries(rows, move.entries.columns), taken, move.entries.rows
        self.found.setdefault((e, matrix.shape), []).append(((matrix.indptr.copy(), matrix.indices.copy()), result))
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


def add(total: Terms, e: Entries, v: Any) -> None:
    """Add one term to a sum."""
    total[e] = total[e] + v if e in total else v


class Absorbing:
    """A slope that is not finite everywhere: a zero tangent absorbs it."""

    __slots__ = ("slope",)

    def __init__(self, slope: Any):
        self.slope = slope

    def __call__(self, t: Any) -> Any:
        return kernels.scale(np.asarray(t), self.slope)

    def weights(self, v: Any, e: Entries, shape: Shape) -> Any:
        """The weights of entries times the slope."""
        slope = np.broadcast_to(self.slope, shape).reshape(-1)
        return kernels.scale(np.asarray(v), e.of(slope))


ONE = np.float64(1)


class Routing:
    """A tangent is passed on by a function that selects, and does not multiply; `passed`: what becomes of ones."""

    __slots__ = ("route", "passed")

    def __init__(self, route: Callable[[Any], Any], passed: Any = None):
        self.route, self.passed = route, passed

    def __call__(self, t: Any) -> Any:
        return self.route(t)

    def weights(self, v: Any, e: Entries, shape: Shape) -> Any:
        """The weights of entries times what the route makes of one; where either is 0, 0."""
        if self.passed is None:
            self.passed = self.route(ONE)
        passed = e.of(np.broadcast_to(np.asarray(self.passed), shape).reshape(-1))
        if v.__class__ is float and v == 1:
            return passed
        product = v * passed
        return product if kernels.all_finite(product) else kernels.scale_either(np.asarray(v), passed)


def sloped(v: Any, d: Any, e: Entries, shape: Shape) -> Any:
    """The weights of entries of a value of this shape times a slope (a number, an array, or one of the above)."""
    if d.__class__ is float or d.__class__ is int:
        return v if d == 1 else -v if d == -1 else v * d
    if callable(d):
        return d.weights(v, e, shape)
    if np.iscomplexobj(d):
        raise Declined
    d = e.of((d if d.shape == shape else np.broadcast_to(d, shape)).reshape(-1))
    return d if v.__class__ is float and v == 1 else v * d


class Placement:
    """Where the terms of a whole derivative go in the data of its CSR array.

    A term writes a column of a table of rows with one slot for each entry that a row may have, in the order of the
    columns; what is not there in a row is left out in the end. Where no such order exists, terms go to their places
    one by one.
    """

    __slots__ = ("size", "places", "apart", "slots", "kept", "rows")

    def __init__(self, pattern: Any, terms: Sequence[Entries]):
        m, n = pattern.shape
        self.size, self.rows = pattern.nnz, m
        every = np.repeat(np.arange(m) * n, np.diff(pattern.indptr)) + pattern.indices  # in increasing order
        #: For each term which weights count (None: all) and where they go.
        self.places: list[tuple[Any, Any]] = []
        count = np.zeros(self.size, np.int64)
        for e in terms:
            wanted = e.rows.astype(np.int64) * n + e.columns
            place = np.minimum(np.searchsorted(every, wanted), self.size - 1)
            kept = np.flatnonzero(every[place] == wanted) if self.size else np.zeros(0, np.int64)
            count += np.bincount(place[kept], minlength=self.size)
            self.places.append((None if len(kept) == len(e) else kept, place[kept]))
        self.apart = bool((count == 1).all())
        self.kept: Any = None
        self.slots = self.table(pattern, terms)

    def table(self, pattern: Any, terms: Sequence[Entries]) -> list[tuple[int, bool]] | None:
        """For each term its slot and whether it is the first there, or None if there is no such table."""
        widths = np.diff(pattern.indptr)
        if not terms or not all([len(e) and not repeats(e.rows) for e in terms]):
            return None
        order = sorted(range(len(terms)), key=lambda i: float(np.mean(terms[i].columns - terms[i].rows)))
        # terms of the same distance from the diagonal share a slot
        slots: list[int] = [0] * len(terms)
        shift: list[Any] = []
        for i in order:
            e = terms[i]
            distances = e.columns.astype(np.int64) - e.rows
            distance = int(distances[0]) if (distances == distances[0]).all() else None
            if not shift or distance is None or distance != shift[-1]:
                shift.append(distance)
            slots[i] = len(shift) - 1
        width = len(shift)
        if width > 2 * max(int(widths.max(initial=0)), 1):
            return None
        place = np.full((self.rows, width), -1, np.int64)
        for i, e in enumerate(terms):
            kept, where = self.places[i]
            rows = e.rows if kept is None else e.rows[kept]
            old = place[rows, slots[i]]
            if not ((old == -1) | (old == where)).all():
                return None
            place[rows, slots[i]] = where
        flat = place.reshape(-1)
        found = np.flatnonzero(flat >= 0)
        if not np.array_equal(flat[found], np.arange(self.size)):  # not in order, or not all
            return None
        self.kept = pieces(found)
        first: set[int] = set()
        result = []
        for i in range(len(terms)):
            result.append((slots[i], slots[i] not in first))
            first.add(slots[i])
        return result

    def data(self, terms: Terms) -> ndarray:
        """The entries in CSR order."""
        if self.slots is not None:
            return self.from_table(terms)
        data = np.empty(self.size) if self.apart else np.zeros(self.size)
        for (kept, place), v in zip(self.places, terms.values(), strict=True):
            part = v[kept] if kept is not None and v.__class__ is ndarray else v
            if self.apart:
                data[place] = part
            else:
                part = np.broadcast_to(part, place.shape)
                data += np.bincount(place, weights=part, minlength=self.size)
        return data

    def from_table(self, terms: Terms) -> ndarray:
        """The same by way of the table."""
        assert self.slots is not None
        width = max([slot for slot, _ in self.slots]) + 1
        table = np.empty((self.rows, width))
        shared = len(self.slots) > width
        for (slot, first), (e, v) in zip(self.slots, terms.items(), strict=True):
            column, rows = table[:, slot], e.rows if e.span is None else e.span
            if not first:
                column[rows] += v
            elif v.__class__ is float and not shared:
                column[:] = v  # where the term has no entry, none is kept
            else:
                if shared and len(e) < self.rows:
                    column[:] = 0
                column[rows] = v
        flat = table.reshape(-1)
        if self.kept.__class__ is ndarray:
            return flat[self.kept]
        return flat[self.kept[0]] if len(self.kept) == 1 else np.concatenate([flat[s] for s in self.kept])


def pieces(index: ndarray) -> Any:
    """An increasing array of indices as slices, if these are few; else itself."""
    starts = np.flatnonzero(np.diff(index, prepend=-2) != 1)
    if len(starts) * 50 > len(index):
        return index
    ends = np.append(starts[1:], len(index))
    return [slice(int(index[a]), int(index[b - 1]) + 1) for a, b in zip(starts, ends, strict=True)] or index
