"""Prepared sparse derivatives: the pattern once, afterwards the products or terms only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from threading import RLock
from typing import Any, Self

import numpy as np

from ...arrays.dtypes import numpy_dtype
from ...arrays.index_sets import scipy_sparse
from ...arrays.libraries import to_numpy
from ...budgets import chunks
from ...context import active, new_level, observed_by
from ...errors import PatternError
from ...functions.static import static
from ...nest import flatten
from ...sweep import Trace, run
from ...tensor import Tensor, tensor, to_array
from ...virtual.batched import Batched, unbatched
from ..arguments import Selected, again
from ..dense import recorded_gradient
from ..forward import pushed
from ..outside import check_plain, closed
from .colouring import bicolour
from .decompression import (
    Reading,
    Substitution,
    alone_in_row,
    column_readings,
    readings,
    rows_and_columns,
    star_readings,
)
from .detection import WHAT, hessian_pattern, jacobian_pattern, real_valued, the_output, the_vector
from .entries import ABSORB, Declined, Memo
from .orders import best_colouring
from .picture import braille, spy
from .placement import Placement
from .premises import FullTrace, Premises
from .replay import Linearised, steps_of

ndarray = np.ndarray
FORMATS = ("csr", "coo")
#: Held while a pattern is read again.
READING = RLock()
#: What is worked out from a pattern when it is first asked for.
DERIVED = ("stored", "colouring", "colors", "reading")
#: Entries for each element of an intermediate value above which products are made instead.
MOST_ENTRIES = 64


#: From directions (rows) to products (rows).
Products = Callable[[ndarray], Any]


def precision(x: Any) -> Any:
    """The dtype of the entries: single for half and single precision, else double."""
    return np.float32 if numpy_dtype(x.dtype).itemsize <= 4 else np.float64


def spacing(x: Any) -> float:
    """The distance of 1 to the next number of x's dtype."""
    return float(np.spacing(np.ones((), numpy_dtype(x.dtype))))


class Recorded:
    """A function recorded at a point: what products are made with. `output` is None if it does not depend on x."""

    __slots__ = ("trace", "source", "output", "raw")

    def __init__(self, trace: Trace, source: Tensor, output: Tensor | None):
        self.trace, self.source = trace, source
        self.output = output if output is not None and output._key in trace.slots else None
        self.raw = type(source) is Tensor and not trace.virtual

    def linearised(self) -> Linearised:
        """The steps from x to the output, for plain arrays."""
        assert self.output is not None
        keys = self.source._key, self.output._key
        return Linearised(steps_of(self.trace, *keys), *keys, self.source.shape)

    def pusher(self) -> Products:
        """How to make products of plain arrays: each direction by itself through the linear steps."""
        linearised = self.linearised()
        zeros = np.zeros(self.output.shape) if self.output is not None else None

        def push(seeds: ndarray) -> list[Any]:
            products = [linearised.push(seed) for seed in seeds]
            return [zeros if t is None else t for t in products]

        return push


class Prepared:
    """A sparse derivative whose pattern is known: P(x, *others) is a scipy.sparse array and costs the products only.

    `pattern`: the boolean CSR array of what may be other than 0; `colors`: for each column (or row) the number of the
    product that it is in, found when they are first asked for.
    """

    name = "derivative"
    kinds: tuple[str, ...] = ()

    def __init__(
        self,
        f: Callable[..., Any],
        pattern: Any,
        kind: str,
        order: str,
        format: str,
        batch_size: int | None,
        premises: Premises | None = None,
    ):
        """`premises`: with what a global pattern was read; None for one that is taken as it is."""
        self.f, self.pattern, self.kind, self.order = f, pattern, kind, order
        self.format, self.batch_size, self.premises = format, batch_size, premises
        self.memo: Memo | None = Memo()

    # -- what subclasses say
    @property
    def colors(self) -> Any:
        """For each column or row, the number of its product."""
        raise NotImplementedError

    @property
    def n_colors(self) -> int:
        """How many products an evaluation by colours takes."""
        raise NotImplementedError

    def recorded(self, x: Tensor, others: Sequence[Any], trace: Trace) -> Recorded:
        """The function whose Jacobian this is, recorded at x."""
        raise NotImplementedError

    def detected(self, x: Tensor, others: Sequence[Any]) -> Any:
        """The global pattern, read anew."""
        raise NotImplementedError

    def restore(self, colors: list[ndarray]) -> None:
        """Take colours that were saved."""
        raise NotImplementedError

    by_columns: Any = True

    def by_products(self, recorded: Recorded, x: Tensor, others: Sequence[Any]) -> ndarray:
        """The entries in CSR order, by products with colours."""
        raise NotImplementedError

    def product(self, x: Tensor, others: Sequence[Any], v: ndarray) -> ndarray:
        """The product of the derivative with v, not by way of the pattern."""
        raise NotImplementedError

    # -- evaluation
    def __call__(self, x: Any, *others: Any) -> Any:
        x = the_vector(x, self.name)
        if x.shape != self.pattern.shape[1:]:
            raise ValueError(
                f"gradtape.{self.name}: prepared for vectors of length {self.pattern.shape[1]}, and given one of "
                f"length {x.shape[0]}: prepare it for that length"
            )
        if self.premises is not None:
            self.premises.check(others, self.name)
        with closed(self.name, WHAT):
            recorded, current = self.current(x, others)
            data = current.evaluated(recorded, x, others)
            if data.size and np.isnan(data.max()) and not ABSORB.get():
                token = ABSORB.set(True)
                try:
                    data = current.evaluated(recorded, x, others)
                finally:
                    ABSORB.reset(token)
        return current.assembled(np.asarray(data, precision(x)))

    def current(self, x: Tensor, others: Sequence[Any]) -> tuple[Recorded, Self]:
        """The function recorded at x, and what holds for it: this, or, where Variables have been assigned, this with a
        pattern that holds for their present values, too."""
        while True:
            trace = FullTrace()
            recorded = self.recorded(x, others, trace)
            if self.premises is None or not trace.read:
                return recorded, self
            with READING:  # in one thread at a time
                if self.premises.hold(trace.read, others):
                    kept = object.__new__(type(self))  # another thread may read the pattern again
                    kept.__dict__ = self.__dict__
                    return recorded, kept
                self.read_again(x, others)

    def read_again(self, x: Tensor, others: Sequence[Any]) -> None:
        """Let the pattern hold for the present values of Variables, too."""
        pattern = (self.pattern + self.detected(x, others)).tocsr()
        if pattern.nnz > self.pattern.nnz:
            pattern.sort_indices()
            self.__dict__ = {k: v for k, v in self.__dict__.items() if k not in DERIVED}  # that of before stays whole
            self.pattern, self.memo = pattern, Memo()

    def evaluated(self, recorded: Recorded, x: Tensor, others: Sequence[Any]) -> ndarray:
        """The entries in CSR order."""
        data, memo = None, self.memo  # which another thread may replace
        if recorded.output is None:
            data = np.zeros(self.pattern.nnz)
        elif memo is not None and recorded.raw:
            data = self.by_terms(recorded, memo)
        return self.by_products(recorded, x, others) if data is None else data

    def by_terms(self, recorded: Recorded, memo: Memo) -> ndarray | None:
        """The entries as lists of terms, or None where products take less."""
        try:
            terms, cost = recorded.linearised().terms(memo, MOST_ENTRIES)
        except Declined:
            self.memo = None
            return None
        if not memo.placements and cost > self.least_products():
            self.memo = None
            return None
        if memo.is_stale:
            self.memo = Memo()
        key = tuple(terms)
        placement = memo.placements.get(key)
        if placement is None:
            placement = memo.placements[key] = Placement(self.pattern, key)
        return placement.data(terms)

    def least_products(self) -> int:
        """A lower bound for the number of products by colours."""
        return int(np.diff(self.pattern.indptr).max(initial=0))

    def assembled(self, data: ndarray) -> Any:
        """The sparse array with these entries."""
        pattern = self.pattern
        sparse = scipy_sparse()
        if self.format == "coo":
            rows, columns = rows_and_columns(pattern)
            return sparse.coo_array((data, (rows, columns.copy())), shape=pattern.shape)
        matrix = sparse.csr_array((data, pattern.indices.copy(), pattern.indptr.copy()), shape=pattern.shape)
        matrix.has_sorted_indices = matrix.has_canonical_format = True
        return matrix

    def read(self, colors: ndarray, parts: list[Reading], data: ndarray, x: Tensor, products: Products) -> None:
        """Put into `data` what is read off the products with all colours: those with plain arrays one by one, others
        batch by batch."""
        size = self.batch_size or (1 if type(x) is Tensor else None)
        for start, stop in chunks(len(parts), size, self.name):
            seeds = (np.arange(start, stop)[:, None] == colors[None, :]).astype(precision(x))
            for part, row in zip(parts[start:stop], products(seeds), strict=True):
                data[part.entries] = row[part.places]

    # -- checks, files, pictures
    def verify(self, x: Any, *others: Any, products: int = 2, rng: Any = None) -> None:
        """Compare the matrix with products that do not go by the pattern, in random directions.

        `rng`: a numpy.random.Generator. Raises PatternError where they differ: the pattern misses an entry (it was
        given by hand, or is local and x is another point).
        """
        rng = np.random.default_rng(0) if rng is None else rng
        point = the_vector(x, self.name)
        eps = spacing(point)
        tolerance = 1e3 * eps if eps < 1e-5 else 16 * eps
        for _ in range(products):
            v = rng.standard_normal(point.shape[0])
            got, want, size = self.both_ways(point, others, v)
            error = np.abs(got - want)
            wrong = ~(error <= tolerance * size) & np.isfinite(want)
            if wrong.any():
                wrong &= ~(error <= 10 * self.rounding(point, others, v, got - want, rng))
            if wrong.any():
                (rows,) = np.nonzero(wrong)
                raise PatternError(
                    f"gradtape.{self.name}: the pattern is wrong: {len(rows)} rows of a product differ from those "
                    f"without it, row {rows[0]} the first: {got[rows[0]]:.6g}, not {want[rows[0]]:.6g}. A local "
                    "pattern holds at its own point only; one given by hand must cover every entry"
                )

    def both_ways(self, x: Tensor, others: Sequence[Any], v: ndarray) -> tuple[ndarray, ndarray, ndarray]:
        """The product with v by way of the pattern, and not by it; and sizes to compare their difference with."""
        matrix = self(x, *others)
        got, want = matrix @ v, self.product(x, others, v)
        return got, want, abs(matrix) @ np.abs(v) + np.abs(want).max(initial=0)

    def rounding(self, x: Tensor, others: Sequence[Any], v: ndarray, difference: ndarray, rng: Any) -> ndarray:
        """How much the difference of the two products varies where x does by its last digits: what is due to a missing
        entry stays. For derivatives that are what much larger terms leave of each other, or 0 in this way."""
        values, most = to_numpy(to_array(x)), np.zeros(len(difference))
        for _ in range(5):
            nearby = values * (1 + 4 * spacing(x) * rng.uniform(-1, 1, values.shape))
            got, want, _ = self.both_ways(static(nearby.astype(values.dtype), x), others, v)
            most = np.maximum(most, np.abs(got - want - difference))
        return most

    def save(self, path: Any) -> None:
        """Write pattern, colours and settings to an .npz file, for gradtape.load_prepared(path, f).

        Raises FileNotFoundError where there is no such folder.
        """
        colors = self.colors if isinstance(self.colors, tuple) else (self.colors,)
        contents = {f"colors{i}": c for i, c in enumerate(colors)} | {
            "indices": self.pattern.indices,
            "indptr": self.pattern.indptr,
            "shape": self.pattern.shape,
            "settings": np.array([type(self).__name__, self.kind, self.order, self.format, str(self.batch_size or 0)]),
        }
        try:
            np.savez_compressed(path, **contents)
        except FileNotFoundError as error:
            raise FileNotFoundError(f"gradtape.{self.name}: cannot save to {path}: there is no such folder") from error

    def spy(self, ax: Any = None) -> Any:
        """Draw the pattern with Matplotlib, each entry in the colour of its product; returns the axes."""
        return spy(self, ax)

    def __repr__(self) -> str:
        m, n = self.pattern.shape
        return f"<{type(self).__name__} {m} x {n}, {self.pattern.nnz} non-zeros, {self.n_colors} colours, {self.kind}>"

    def __str__(self) -> str:
        return f"{self!r}\n{braille(self.pattern)}"


class PreparedJacobian(Prepared):
    """f's Jacobian, by products with columns ("forward"), rows ("reverse"), or both ("bidirectional")."""

    name = "jacobian"
    stored: tuple[ndarray | None, ndarray | None] | None = None
    kinds = ("auto", "forward", "reverse", "bidirectional")

    def restore(self, colors: list[ndarray]) -> None:
        first = colors[0] if self.kind != "reverse" else None
        self.stored = first, colors[-1] if self.kind != "forward" else None

    @property
    def by_columns(self) -> bool:
        """Whether `colors` are those of columns."""
        return self.colouring[0] is not None

    @cached_property
    def colouring(self) -> tuple[ndarray | None, ndarray | None, list[Reading], list[Reading]]:
        """Colours of columns and of rows (None: not used), and what is read off their products."""
        pattern = self.pattern
        columns, rows = self.stored or self.chosen()
        if rows is None:
            assert columns is not None
            return columns, None, column_readings(pattern, columns), []
        i, j = rows_and_columns(pattern)
        if columns is None:
            return None, rows, [], readings(rows[i], j, int(rows.max(initial=-1)) + 1)
        by_columns = alone_in_row(i, j, columns)
        mine, others = np.flatnonzero(by_columns), np.flatnonzero(~by_columns)
        first = readings(columns[j[mine]], i[mine], int(columns.max(initial=-1)) + 1)
        second = readings(rows[i[others]], j[others], int(rows.max(initial=-1)) + 1)
        return columns, rows, within(first, mine), within(second, others)

    def chosen(self) -> tuple[ndarray | None, ndarray | None]:
        """Colours of columns and of rows by the mode, which is no longer "auto" afterwards."""
        pattern, kind = self.pattern, self.kind
        if kind == "bidirectional":
            return bicolour(pattern)
        columns = best_colouring(pattern, "columns", self.order) if kind != "reverse" else None
        count = np.inf if columns is None else columns.max(initial=-1) + 1
        tallest = np.bincount(pattern.indices, minlength=1).max()
        rows = None
        if kind == "reverse" or (kind == "auto" and count > tallest):
            rows = best_colouring(pattern.T.tocsr(), "columns", self.order)
            if columns is not None and rows.max(initial=-1) + 1 >= count:
                rows = None
            else:
                columns, count = None, rows.max(initial=-1) + 1
        if kind == "auto":
            self.kind = "forward" if rows is None else "reverse"
            if count > MANY and min(tallest, np.diff(pattern.indptr).max(initial=0)) > MANY:
                both = bicolour(pattern)
                if both[0].max(initial=-1) + both[1].max(initial=-1) + 2 < count / 2:
                    self.kind = "bidirectional"
                    return both
        return columns, rows

    @property
    def colors(self) -> Any:
        """For each column (mode "forward") or row ("reverse") the number of its product; a pair for both."""
        columns, rows, _, _ = self.colouring
        return columns if rows is None else rows if columns is None else (columns, rows)

    @property
    def n_colors(self) -> int:
        """How many products an evaluation by colours takes."""
        return len(self.colouring[2]) + len(self.colouring[3])

    def recorded(self, x: Tensor, others: Sequence[Any], trace: Trace) -> Recorded:
        trace.follow(x)
        with observed_by((*active(), trace)):
            y = the_output(self.f(again(x), *others), self.name)
        check_plain([y], self.name, WHAT)
        if y.shape[0] != self.pattern.shape[0]:
            raise ValueError(
                f"gradtape.jacobian: prepared for {self.pattern.shape[0]} outputs, and f gave {y.shape[0]} at this "
                "point: prepare it again"
            )
        return Recorded(trace, x, y)

    def detected(self, x: Tensor, others: Sequence[Any]) -> Any:
        return jacobian_pattern(self.f, x, others, False, self.premises)

    def by_products(self, recorded: Recorded, x: Tensor, others: Sequence[Any]) -> ndarray:
        data = np.zeros(self.pattern.nnz)
        columns, rows, by_columns, by_rows = self.colouring
        if columns is not None:
            self.read(columns, by_columns, data, x, self.columns_of(recorded, x, others))
        if rows is not None:
            self.read(rows, by_rows, data, x, lambda seeds: swept(recorded, seeds))
        return data

    def columns_of(self, recorded: Recorded, x: Tensor, others: Sequence[Any]) -> Products:
        """How to make a batch of products with directions."""
        if recorded.raw:
            return recorded.pusher()

        def push(seeds: ndarray) -> ndarray:
            _, structure = flatten((x,))
            with new_level() as level:
                _, t = pushed(lambda x: self.f(x, *others), [x], [batch(seeds, x, level)], structure)
                return plain_rows(t, level, len(seeds))

        return push

    def product(self, x: Tensor, others: Sequence[Any], v: ndarray) -> ndarray:
        from ..forward import jvp

        _, t = jvp(lambda x: self.f(x, *others), (x,), (static(v.astype(numpy_dtype(x.dtype)), x),))
        return np.asarray(to_numpy(to_array(t)), float)


def within(parts: list[Reading], entries: ndarray) -> list[Reading]:
    """Readings of a part of the entries, numbered among all."""
    return [Reading(entries[part.entries], part.places) for part in parts]


class PreparedHessian(Prepared):
    """A scalar f's Hessian, by products with directions ("star": entries are read off; "acyclic": they are solved for,
    from fewer products)."""

    name = "hessian"
    kinds = ("star", "acyclic")

    def restore(self, colors: list[ndarray]) -> None:
        (self.colors,) = colors

    @cached_property
    def colors(self) -> Any:
        """For each column the number of its product."""
        return best_colouring(self.pattern, self.kind, self.order)

    @property
    def n_colors(self) -> int:
        """How many products an evaluation by colours takes."""
        return int(self.colors.max(initial=-1)) + 1

    @cached_property
    def reading(self) -> Any:
        """How entries come from products."""
        if self.kind == "acyclic":
            return Substitution(self.pattern, self.colors)
        return star_readings(self.pattern, self.colors)

    def recorded(self, x: Tensor, others: Sequence[Any], trace: Trace) -> Recorded:
        selected = Selected((x, *others), 0, self.name)
        _, (gradient,) = recorded_gradient(real_valued(self.f), selected, {}, self.name, trace)
        check_plain([gradient], self.name, WHAT)
        return Recorded(trace, selected.leaves[0], gradient)

    def detected(self, x: Tensor, others: Sequence[Any]) -> Any:
        return hessian_pattern(self.f, x, others, False, self.premises)

    def by_products(self, recorded: Recorded, x: Tensor, others: Sequence[Any]) -> ndarray:
        push = recorded.pusher() if recorded.raw else lambda seeds: swept(recorded, seeds)
        if isinstance(self.reading, Substitution):
            n, count = x.shape[0], self.n_colors
            products = np.zeros(count * n)
            self.read(self.colors, [Reading(slice(c * n, c * n + n), ALL) for c in range(count)], products, x, push)
            return self.reading.entries(products)
        data = np.zeros(self.pattern.nnz)
        self.read(self.colors, self.reading, data, x, push)
        return data

    def product(self, x: Tensor, others: Sequence[Any], v: ndarray) -> ndarray:
        from ..dense import hvp

        t = hvp(lambda x: self.f(x, *others), x, static(v.astype(numpy_dtype(x.dtype)), x))
        return np.asarray(to_numpy(to_array(t)), float)


ALL: Any = slice(None)
#: Number of colours above which both rows and columns are tried.
MANY = 8


# -- products ------------------------------------------------------------------------------------------------------
def batch(rows: ndarray, x: Tensor, level: int) -> Tensor:
    """Rows as a batch in x's library."""
    values = static(rows.astype(numpy_dtype(x.dtype)), x)
    return tensor(Batched(values if isinstance(values, Tensor) else tensor(values), level))


def plain_rows(t: Any, level: int, size: int) -> ndarray:
    """A batch of results as rows of plain numbers."""
    return np.asarray(to_numpy(to_array(unbatched(t, level, size))))


def swept(recorded: Recorded, seeds: ndarray) -> Any:
    """Products with cotangents, by sweeps of the recorded program; on other libraries' arrays all at once."""
    trace, output, x = recorded.trace, recorded.output, recorded.source
    assert output is not None
    if recorded.raw:
        rows = [run(trace, {output._key: seed}, [x._key], consume=False)[0] for seed in seeds]
        return [np.zeros(x.shape) if g is None else g for g in rows]
    with new_level() as level:
        (g,) = run(trace, {output._key: batch(seeds, x, level)}, [x._key], consume=False)
        return np.zeros((len(seeds), x.size)) if g is None else plain_rows(g, level, len(seeds))
