"""Where the terms of a whole derivative go in the data of its CSR array.

What does not depend on the point is placed once. The rest is written either into the data, each weight to its place, or
into the columns of a table of rows with one slot for each entry that a row may have, in the order of the columns; what
is not there in a row is left out in the end. That is faster where most entries change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .entries import Entries, Terms, Weight, repeats, written_out

ndarray = np.ndarray
#: Rows of a slot that are added up at a time, in memory that stays in the cache.
BLOCK = 1 << 14


class Place(NamedTuple):
    """Where the weights of one term go: those `kept` (None: all) to the entries numbered `where`, each once?"""

    kept: Any
    where: ndarray
    once: bool

    def of(self, w: Weight) -> Any:
        """What goes there: an array, or a number."""
        v = written_out(w)
        return v if self.kept is None or w[1] is None else v[self.kept]

    def add(self, data: ndarray, w: Weight) -> None:
        """Add the weights to the entries."""
        if self.once:
            data[self.where] += self.of(w)
        else:
            part = np.broadcast_to(self.of(w), self.where.shape)
            data += np.bincount(self.where, weights=part, minlength=len(data))


class Placement:
    """The places of terms of these entries."""

    __slots__ = ("size", "places", "apart", "table", "fixed")

    def __init__(self, pattern: Any, terms: Sequence[Entries]):
        m, n = pattern.shape
        self.size = pattern.nnz
        every = np.repeat(np.arange(m) * n, np.diff(pattern.indptr)) + pattern.indices  # in increasing order
        self.places: list[Place] = []
        count = np.zeros(self.size, np.int64)
        for e in terms:
            wanted = e.rows.astype(np.int64) * n + e.columns
            place = np.minimum(np.searchsorted(every, wanted), self.size - 1)
            kept = np.flatnonzero(every[place] == wanted) if self.size else np.zeros(0, np.int64)
            where = place[kept]
            count += np.bincount(where, minlength=self.size)
            self.places.append(Place(None if len(kept) == len(e) else kept, where, not repeats(where)))
        #: Whether every entry is that of exactly one term.
        self.apart = bool((count == 1).all())
        self.table = Table.of(pattern, terms, self.places)
        #: Numbers of the terms that do not depend on the point, and with them the data so far, or the table.
        self.fixed: tuple[Any, bool, ndarray] | None = None

    def data(self, terms: Terms) -> ndarray:
        """The entries in CSR order."""
        weights = list(terms.values())
        numbers = tuple([c if v is None else None for c, v in weights])
        moving = numbers.count(None)
        table = self.table
        if table is not None and len(table.pieces) > 1 and 2 * moving <= table.width:
            table = None
        fixed = self.fixed
        if fixed is None or fixed[0] != numbers or fixed[1] != (table is not None):
            start = np.zeros(self.size) if table is None else np.zeros((table.rows, table.width))
            for i, w in enumerate(weights):
                if w[1] is None and table is None:
                    self.places[i].add(start, w)
                elif w[1] is None and table is not None:
                    table.add(start, i, w)
            self.fixed = fixed = numbers, table is not None, start
        if table is not None:
            return table.data(fixed[2], weights)
        data = fixed[2].copy()
        for place, w in zip(self.places, weights, strict=True):
            if w[1] is not None:
                if self.apart:
                    data[place.where] = place.of(w)
                else:
                    place.add(data, w)
        return data


class Table:
    """Slots for each row."""

    __slots__ = ("rows", "width", "spans", "slots", "pieces")

    def __init__(self, rows: int, width: int, terms: Sequence[Entries], slots: list[int], pieces: Any):
        self.rows, self.width, self.slots, self.pieces = rows, width, slots, pieces
        self.spans: list[Any] = [e.rows if e.span is None else e.span for e in terms]

    @classmethod
    def of(cls, pattern: Any, terms: Sequence[Entries], places: list[Place]) -> Table | None:
        """The table for terms, or None where there is none."""
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
        rows, width = pattern.shape[0], len(shift)
        if width > 2 * max(int(widths.max(initial=0)), 1):
            return None
        place = np.full((rows, width), -1, np.int64)
        for i, e in enumerate(terms):
            mine = e.rows if places[i].kept is None else e.rows[places[i].kept]
            old = place[mine, slots[i]]
            if not ((old == -1) | (old == places[i].where)).all():
                return None
            place[mine, slots[i]] = places[i].where
        flat = place.reshape(-1)
        found = np.flatnonzero(flat >= 0)
        if not np.array_equal(flat[found], np.arange(pattern.nnz)):  # not in order, or not all
            return None
        return cls(rows, width, terms, slots, pieces(found))

    def add(self, table: ndarray, i: int, w: Weight) -> None:
        """Add the weights of term i."""
        table[self.spans[i], self.slots[i]] += written_out(w)

    def data(self, start: ndarray, weights: list[Weight]) -> ndarray:
        """The entries in CSR order, from the table with what is fixed."""
        table = np.empty_like(start)
        column, part = np.empty(BLOCK, start.dtype), np.empty(BLOCK, start.dtype)
        moving = [i for i, (_, v) in enumerate(weights) if v is not None]
        spans = [i for i in moving if self.spans[i].__class__ is slice and self.spans[i].step == 1]
        fixed = {slot for slot, (_, v) in zip(self.slots, weights) if v is None}
        for slot in range(self.width):
            mine = [(self.spans[i].start, self.spans[i].stop, *weights[i]) for i in spans if self.slots[i] == slot]
            if len(mine) == 1 and slot not in fixed:
                ((first, last, c, v),) = mine
                np.multiply(v, c, out=table[first:last, slot])
                table[:first, slot] = table[last:, slot] = 0
                continue
            for low in range(0, self.rows, BLOCK):
                high = min(low + BLOCK, self.rows)
                here = column[: high - low]
                fresh = slot not in fixed
                if not fresh:
                    here[...] = start[low:high, slot]
                for first, last, c, v in mine:
                    a, b = max(low, first), min(high, last)
                    if a < b:
                        v = v[a - first : b - first]
                        if not fresh:
                            here[a - low : b - low] += v if c == 1 else np.multiply(v, c, out=part[: b - a])
                            continue
                        np.multiply(v, c, out=here[a - low : b - low])
                        here[: a - low], here[b - low :], fresh = 0, 0, False
                table[low:high, slot] = 0 if fresh else here
        for i in moving:
            if i not in spans:
                self.add(table, i, weights[i])
        flat = table.reshape(-1)
        if self.pieces.__class__ is ndarray:
            return flat[self.pieces]
        return flat[self.pieces[0]] if len(self.pieces) == 1 else np.concatenate([flat[s] for s in self.pieces])


def pieces(index: ndarray) -> Any:
    """An increasing array of indices as slices, if these are few; else itself."""
    if not len(index):
        return [slice(0, 0)]
    starts = np.flatnonzero(np.diff(index, prepend=-2) != 1)
    if len(starts) * 50 > len(index):
        return index
    ends = np.append(starts[1:], len(index))
    return [slice(int(index[a]), int(index[b - 1]) + 1) for a, b in zip(starts, ends, strict=True)]
