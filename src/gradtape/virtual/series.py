"""Series: a value as a truncated power series in one variable t. What Taylor mode does to each kind of primitive.

Coefficients are unscaled, f^(k)/k!. The 0th comes from the real kernel. For y = p(x), the derivative in t is the
pushforward of x' = dx/dt, evaluated in series arithmetic: y_k = [jvp_p(x; x')]_(k-1) / k. A rule may mention y itself,
or a function whose rule mentions y (sin and cos): coefficients are computed when they are asked for and remembered,
so is what was applied to the same series, and each needs one order less. Linear functions work coefficient by
coefficient, bilinear ones by Cauchy's product (Griewank and Walther, Evaluating Derivatives, 2008, chapter 13).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..arrays.series_kernels import UNIT, Orders
from ..context import active, new_level, observed_by
from ..functions.elementwise import multiply
from ..functions.static import full
from ..primitive import PRODUCT, Bilinear, Elementwise, Linear, Primitive, Zero, apply, scale_either
from ..taylor_rules import AtOnce, Chosen, Equal, Flow, Solves
from ..tensor import RAW, Tensor, Variable, Virtual, VirtualTensor, concrete, is_differentiated, tensor, underlying
from . import rows, terms
from .batched import over_examples
from .dual import plus, push_forward

ndarray = np.ndarray
Step = Callable[[int], Any]


class Scope(list["Series"]):
    """The series that serve to compute one application: they are computed as far as asked, and forgotten with it.

    `quick`: products are taken without a look for 0 times infinity, and terms of plain arrays in rows (see rows.py).
    """

    __slots__ = ("quick",)

    def __init__(self, quick: bool):
        self.quick = quick


class Series(Virtual):
    """Sum of terms[k] t^k, k = 0..order, at some level; the terms are values of a lower level, and None is zero.

    `step(k)` computes the kth term when it is asked for, for the `observers` of when the series was made: whoever asks
    first may be hidden from them. `known`: what has been applied to this series within the scope, and for whom. A
    series with a scope is a means to an end; one without has all its terms. Of plain arrays the former has `rows` and
    the latter their `tail`, from the first to the `last` that is not None (see rows.py). `collapse`: how the highest
    term is summed over directions (see terms.py).
    """

    __slots__ = ("terms", "step", "known", "scope", "order", "level", "shape", "dtype", "rows", "tail", "last",
                 "collapse", "observers")  # fmt: skip
    differentiates = True

    def __init__(self, known: list[Any], step: Step | None, order: int, level: int, scope: Scope | None = None):
        self.terms, self.step, self.order, self.level, self.scope = known, step, order, level, scope
        self.known: dict[Any, Any] | None = None
        self.observers = active()
        self.rows: Any = None
        self.tail: Any = None
        self.last = 0
        self.collapse: terms.Collapse | None = None
        self.shape, self.dtype = known[0].shape, known[0].dtype
        if scope is not None:
            scope.append(self)

    def __repr__(self) -> str:
        return f"Series{self.level}({self.terms[0]!r}, order={self.order})"

    def __getitem__(self, k: int) -> Any:
        known = self.terms
        while len(known) <= k:
            if self.step is None:
                raise terms.NoTermError(k)
            if self.observers == active():
                term = self.step(len(known))
            else:
                with observed_by(self.observers):
                    term = self.step(len(known))
            if self.rows is None:
                known.append(term)
            else:
                rows.enter(self, term)
        return known[k]

    def concrete(self) -> Any:
        """The value at t = 0."""
        return concrete(self.terms[0]) if isinstance(self.terms[0], Tensor) else self.terms[0]

    def inside(self) -> Tensor:
        """The value at t = 0."""
        return as_tensors(self.terms[0])  # type: ignore[no-any-return]

    def parts(self) -> list[Any]:
        """The terms that there are: of a derivative one less."""
        with suppress(terms.NoTermError):
            self[self.order]
        return self.terms[: self.order + 1]

    def made_of(self, parts: list[Any]) -> Series:
        """Other terms."""
        s = Series([*parts], None, self.order, self.level, self.scope)
        s.collapse = self.collapse
        return s

    def within(self, scope: Scope) -> Series:
        """The same series as a means to an end."""
        if self.scope is not None:
            return self
        s = Series(self.terms, self.step, self.order, self.level, scope)
        if scope.quick and self.keep_tail():
            s.rows, s.last = rows.with_first(self.terms[0], self.tail), self.last
        return s

    def without_highest(self) -> Series:
        """The same series without its highest term."""
        return Series([*self.terms[: self.order], None], None, self.order, self.level)

    def is_constant(self) -> bool:
        """Whether no term is being differentiated (or of another library, whose values may be unknown)."""
        if underlying(self.terms[0]) is None:
            return False
        return not any([type(t) is VirtualTensor and is_differentiated(t._data) for t in self.terms])

    def keep_tail(self) -> bool:
        """Have the terms of a finished series in rows, if they can be."""
        if self.tail is None and rows.all_fit(self.terms):
            self.last = rows.last_of(self.terms)
            self.tail = rows.tail_of(self.terms, self.last)
        return self.tail is not None

    @classmethod
    def apply(cls, primitive: Primitive, level: int, arguments: tuple[Any, ...], parameters: dict[str, Any]) -> Any:
        """The primitive on series: all terms at once, or as they are asked for where this is part of another rule."""
        series: list[Any] = []
        zeroth: list[Any] = []
        scope = None
        order = 0
        raw = not active()
        for a in arguments:
            kind = type(a)
            if kind is VirtualTensor and a._data.level == level:
                s = a._data
                series.append(s)
                zeroth.append(s.terms[0])
                order = s.order
                scope = s.scope if scope is None else scope
            else:
                series.append(None)
                if raw and (kind is Tensor or kind is Variable):
                    a = a._data
                zeroth.append(a)
                raw = raw and type(a) in RAW
        if isinstance(primitive, Zero):
            return as_tensors(apply(primitive, *zeroth, **parameters))
        app = Application(primitive, level, order, series, zeroth, parameters)
        if scope is not None:
            ys = applied_before(app, scope)
        elif raw and all([s is None or s.keep_tail() for s in series]):
            ys = quickly(app)
        else:
            ys = collapsing(visibly, app)
        return ys[0] if primitive.outputs == 1 else tuple(ys)


class Application(NamedTuple):
    """One application of a primitive: for each argument its series, None if it does not move, and its value at t=0."""

    primitive: Primitive
    level: int
    order: int
    series: list[Any]
    zeroth: list[Any]
    parameters: dict[str, Any]

    def environment(self, y: Any) -> dict[str, Any]:
        """What rules may mention: series stand for arguments that move."""
        return self.primitive.environment(y, [on(s, z) for s, z in zip(self.series, self.zeroth)], self.parameters)


def on(s: Series | None, otherwise: Any) -> Any:
    """A Tensor on a series; what stands in its place if there is none."""
    return otherwise if s is None else tensor(s)


def as_tensors(y: Any) -> Any:
    """Values of a lower level, as whoever applies a primitive to virtual arrays wants them."""
    if isinstance(y, tuple):
        return tuple([as_tensors(part) for part in y])
    return y if isinstance(y, Tensor) else tensor(y)


def lowered(x: Any) -> Any:
    """The array itself where nobody looks on: its series is then computed at NumPy's own cost."""
    return x._data if type(x) is Tensor and not active() else x


# -- applications ----------------------------------------------------------------------------------------------------
def applied(app: Application, quick: bool, y0: Any = None) -> list[Series]:
    """An application that the user sees: all terms."""
    scope = Scope(quick)
    inputs = [None if s is None else s.within(scope) for s in app.series]
    return completed(nodes(app._replace(series=inputs), scope, y0), scope)


def visibly(app: Application) -> list[Series]:
    """The same. Where nobody differentiates the terms, 0 times infinity is looked for only where there is a NaN."""
    quick = not active() and all([s is None or s.is_constant() for s in app.series])
    ys = applied(app, quick)
    return ys if not quick or all([rows.is_sound(y) for y in ys]) else applied(app, quick=False)


def collapsing(compute: Callable[[Application], list[Series]], app: Application) -> list[Series]:
    """The application; where highest terms are collapsed, these apart from the lower ones."""
    primitive, _, order, series, zeroth, parameters = app
    collapse = next(s.collapse for s in series if s is not None)
    if collapse is None:
        return compute(app)
    ys = compute(app._replace(series=[None if s is None else s.without_highest() for s in series]))
    values = [y.terms[0] for y in ys]
    with np.errstate(all="ignore"):
        tops = [None if s is None else s[order] for s in series]
        y0 = values[0] if primitive.outputs == 1 else tuple(values)
        pushed = push_forward(primitive, y0, zeroth, tops, parameters)
    add_highest(ys, pushed if primitive.outputs != 1 and pushed is not None else [pushed] * len(ys), collapse)
    return ys


def add_highest(ys: Sequence[Series], pushed: Sequence[Any], collapse: terms.Collapse) -> None:
    """Give the series their collapsed highest terms: the sum of what is there, and what was pushed forward."""
    for y, top in zip(ys, pushed, strict=True):
        y.terms[y.order] = plus(collapse.total(y.terms[y.order]), top)
        y.collapse = collapse


def completed(ys: Sequence[Series], scope: Scope) -> list[Series]:
    """The series with all their terms; what served to compute them is let go of."""
    with np.errstate(all="ignore"):
        for y in ys:
            y[y.order]
    for helper in scope:
        helper.step = helper.known = helper.scope = None  # a rule, its series and their scope refer to each other
    return [finished(y) for y in ys]


def finished(y: Series) -> Series:
    """A series of its own with all terms of y."""
    if y.rows is None:
        return Series(y.terms, None, y.order, y.level)
    return from_tail(y.terms[0], y.rows[1 : y.last + 1], y.order, y.level)


def from_tail(y0: Any, tail: Any, order: int, level: int) -> Series:
    """The finished series with these terms."""
    known = map(np.float64, tail) if tail.__class__ is list else tail
    s = Series([y0, *known, *[None] * (order - len(tail))], None, order, level)
    s.tail, s.last = tail, len(tail)
    return s


def applied_before(app: Application, scope: Scope) -> list[Series]:
    """The application within a scope, or what it gave when it was made before on the same series."""
    first = next(s for s in app.series if s is not None)
    if first.known is None:
        first.known = {}
    key = (
        app.primitive,
        active(),
        *[identity(z) if s is None else id(s.terms) for s, z in zip(app.series, app.zeroth, strict=True)],
        *[(name, identity(value)) for name, value in app.parameters.items()],
    )
    found = first.known.get(key)
    if found is None:
        inputs = [None if s is None else s.within(scope) for s in app.series]
        ys = nodes(app._replace(series=inputs), scope)
        first.known[key] = found = (ys, app)  # kept alive, so that no id is used again
    return found[0]  # type: ignore[no-any-return]


SMALL = frozenset([int, float, bool, str, type(None), np.float64, np.float32])
#: Elements of an array that is told by its value.
FEW = 64


def identity(x: Any) -> Any:
    """What tells x from all other arguments or parameters: its value if it is small, else which object it is.

    By value, so that a rule which goes from one parameter to the next and back again (n to n + 1, n - 1) finds where it
    has been.
    """
    kind = type(x)
    if kind in SMALL:
        return kind, x
    if kind is ndarray and x.size <= FEW and x.dtype.kind in "biufc":
        return x.shape, x.dtype, x.tobytes()
    if kind is tuple:
        return tuple([identity(part) for part in x])
    return id(x)


def unit_series(primitive: Elementwise, inputs: Sequence[Any], index: int, parameters: dict[str, Any]) -> list[Any]:
    """The value of an elementwise function, its derivative in one argument, and half of its second derivative, as an
    array, or a pair to be multiplied, and a number to multiply it with."""
    x = inputs[index]
    if primitive.recurrence is not None and x.__class__ is ndarray and x.dtype.kind in "fc":
        y = Orders(primitive.kernel(x))
        primitive.recurrence(x, UNIT, y)
        return [y[0], y.term(1), y[2], y.numbers[2]]
    with new_level() as level:
        arguments = list(inputs)
        one = full(x.shape, 1, x.dtype, x)
        arguments[index] = tensor(Series([x, one, None], None, 2, level))
        return [*apply(primitive, *arguments, **parameters)._data.terms, 1]


# -- plain arrays ----------------------------------------------------------------------------------------------------
#: Elements of an array that go through an elementwise function together: their terms stay in the processor's cache.
BLOCK = 8192


def quickly(app: Application) -> list[Series]:
    """An application to plain arrays that the user sees."""
    ys = None if app.primitive.outputs != 1 else all_rows_at_once(app)
    if ys is None:
        if isinstance(app.primitive, Elementwise) and max([np.size(z) for z in app.zeroth]) >= 2 * BLOCK:
            return [in_blocks(app)]
        ys = in_rows(app)
    elif not isinstance(app.primitive, Elementwise):
        return ys
    if any([y.tail is not None and rows.has_nan(y.tail) for y in ys]):
        return applied(app, quick=False)
    return ys


def is_linear(primitive: Primitive, series: Sequence[Any]) -> bool:
    """Whether the value is linear in the arguments that move (are not None), and others add nothing to its terms."""
    rule = primitive.series
    moving = [i for i, s in enumerate(series) if s is not None]
    if isinstance(primitive, Linear):
        return all([primitive.is_linear_in(i) for i in moving])
    if isinstance(rule, Solves):
        return moving == [rule.b] and (rule.quotient is None or rule.plain is not None)
    return len(moving) == 1 and (isinstance(primitive, Bilinear) or rule is PRODUCT)


def all_rows_at_once(app: Application) -> list[Series] | None:
    """A function linear in what moves, on all terms as one batch; None where this does not apply."""
    primitive, level, order, series, zeroth, parameters = app
    if not any([s is not None and len(s.shape) for s in series]):
        return None
    last = max([s.last for s in series if s is not None])
    tails = [None if s is None else padded(s, last) for s in series]
    if terms.is_sum(primitive, series):
        y0 = apply(primitive, *zeroth, **parameters)
        tail = summed(primitive.slopes, tails, y0.shape)  # type: ignore[attr-defined]
    elif primitive.batch is not None and is_linear(primitive, series):
        y0 = apply(primitive, *zeroth, **parameters)
        values = [
            tail if tail is not None
            else terms.zeros_like(z) if isinstance(primitive, Linear) and primitive.is_linear_in(i) else z
            for i, (tail, z) in enumerate(zip(tails, zeroth, strict=True))
        ]  # fmt: skip
        with np.errstate(all="ignore"):
            tail = over_examples(primitive, last, values, [t is not None for t in tails], parameters) if last else None
    else:
        return None
    if tail.__class__ is not ndarray or tail.shape[1:] != y0.shape or tail.dtype != y0.dtype:
        return None
    if not rows.fit_for_rows(y0):
        return None
    return [from_tail(y0, tail if len(y0.shape) else tail.tolist(), order, level)]


def padded(s: Series, last: int) -> Any:
    """The tail of a finished series up to this term."""
    tail = np.asarray(s.tail, s.dtype).reshape(s.last, *s.shape)
    return tail if s.last == last else np.concatenate([tail, np.zeros((last - s.last, *s.shape), s.dtype)])


def summed(slopes: Sequence[Any], tails: Sequence[Any], shape: tuple[int, ...]) -> Any:
    """Rows times constant slopes, of terms of this shape; the rows themselves where nothing is to be done."""
    total = None
    for c, tail in zip(slopes, tails, strict=True):
        if tail is not None:
            tail = rows.aligned(tail, len(shape))
            part = tail if c == 1 else -tail if c == -1 else c * tail
            total = part if total is None else total + part
    assert total is not None
    return np.broadcast_to(total, (len(total), *shape)) if total.shape[1:] != shape else total


def in_rows(app: Application) -> list[Series]:
    """An application on rows, by a recurrence that the function brings, or by the steps of its kind."""
    primitive, level, order, series, zeroth, _ = app
    if not isinstance(primitive, Elementwise) or primitive.recurrence is None:
        return applied(app, quick=True)
    tail = series[0].tail
    y0 = primitive.kernel(*zeroth)
    table = rows.new_rows(y0, order)
    with np.errstate(all="ignore"):
        if tail.__class__ is list:
            table += [0.0] * order
            primitive.recurrence(zeroth[0], tail, table)
        else:
            flat = table.reshape(order + 1, -1)
            primitive.recurrence(zeroth[0].reshape(-1), tail.reshape(len(tail), flat.shape[1]), flat)
    return [from_tail(y0, table[1:], order, level)]


def in_blocks(app: Application) -> Series:
    """An elementwise function of large arrays, block by block."""
    primitive, level, order, series, zeroth, _ = app
    assert isinstance(primitive, Elementwise)
    y0 = apply(primitive, *zeroth, **app.parameters)
    shape, size = y0.shape, y0.size
    table = np.empty((order + 1, size), y0.dtype)
    table[0] = y0.reshape(-1)
    tails = [None if s is None else flattened(padded(s, s.last), shape, 1) for s in series]
    firsts = [
        z if s is None and np.ndim(z) == 0 else flattened(np.asarray(z), shape, 0) for s, z in zip(series, zeroth)
    ]
    last = order if primitive.recurrence is not None else 0
    for start in range(0, size, BLOCK):
        part = slice(start, start + BLOCK)
        block = table[:, part]
        values = [z if np.ndim(z) == 0 else z[part] for z in firsts]
        if primitive.recurrence is not None:
            with np.errstate(all="ignore"):
                primitive.recurrence(values[0], tails[0][:, part], block)  # type: ignore[index]
            if not rows.has_nan(block[-2:]):  # to which a NaN in any other row would have come
                continue
        pieces = [None if t is None else from_tail(z, t[:, part], order, level) for z, t in zip(values, tails)]
        piece = app._replace(series=pieces, zeroth=values)
        (y,) = applied(piece, primitive.recurrence is None, block[0])
        if y.tail is None or rows.has_nan(y.tail):
            (y,) = applied(piece, False, block[0])
            y.keep_tail()
        block[1 : y.last + 1] = y.tail
        block[y.last + 1 :] = 0
        last = max(last, y.last)
    return from_tail(y0, table[1 : last + 1].reshape(last, *shape), order, level)


def flattened(x: Any, shape: tuple[int, ...], leading: int) -> Any:
    """An array broadcast to this shape behind its leading axes, which is then one axis."""
    lead = x.shape[:leading]
    if x.shape[leading:] != shape:
        x = np.broadcast_to(x.reshape(*lead, *(1,) * (len(shape) + leading - x.ndim), *x.shape[leading:]), lead + shape)
    return x.reshape(*lead, -1)


# -- what each kind does -------------------------------------------------------------------------------------------
def nodes(app: Application, scope: Scope, y0: Any = None) -> list[Series]:
    """The results of an application (one, or one for each output), with the steps that compute their terms."""
    primitive, level, order, series, zeroth, parameters = app
    if y0 is None:
        y0 = apply(primitive, *zeroth, **parameters)
    values = y0 if primitive.outputs != 1 else (y0,)
    ys = [Series([value], None, order, level, scope) for value in values]
    quick = scope.quick and all([s is None or s.rows is not None for s in series])
    for y in ys:
        if quick and rows.fit_for_rows(y.terms[0]):
            y.rows = rows.new_rows(y.terms[0], order)
    for y, step in zip(ys, steps(app, y0, ys, scope.quick), strict=True):
        y.step = step if y.rows is not None else terms.fitted(step, y.terms[0])
    return ys


def steps(app: Application, y0: Any, ys: list[Series], plain: bool) -> Iterator[Step]:
    """How the terms of each result follow from those of the arguments."""
    primitive, level, _, series, zeroth, parameters = app
    rule, y = primitive.series, ys[0]
    quick = y.rows is not None
    if isinstance(rule, Chosen):
        rule = rule(env=primitive.environment(y0, zeroth, parameters))
    if rule is PRODUCT:
        (a, b), (a0, b0) = series, zeroth
        times = multiply if plain else scale_either
        if quick:
            yield rows.product(a, b, a0, b0, y)
        elif a is not None and b is not None and a.terms is b.terms:
            yield terms.square(times, a)
        else:
            yield terms.product(times, a, b, a0, b0)
    elif isinstance(rule, Solves):
        short = rows.solution(rule, y, series, zeroth) if quick else None
        times, quotient = terms.solution_rules(rule, primitive, plain, parameters)
        yield short or terms.solution(rule, times, quotient, y, series, zeroth)
    elif isinstance(rule, Equal):
        other = cache(lambda: rule(env=app.environment(None)))
        yield lambda k: term_of(other(), level, k)
    elif isinstance(rule, AtOnce):
        yield terms.at_once(rule, series, zeroth, parameters)
    elif isinstance(primitive, Linear):
        yield terms.linear(primitive, series, zeroth, parameters)
    elif isinstance(primitive, Bilinear):
        yield terms.product(lambda a, b: apply(primitive, a, b, **parameters), *series, *zeroth)
    elif terms.is_sum(primitive, series):
        assert isinstance(primitive, Elementwise)
        slopes = primitive.slopes
        yield rows.weighted_sum(slopes, series, y) if quick else terms.weighted_sum(slopes, series)
    else:
        rates = cache(lambda: differential(rule, app, ys))
        for i, part in enumerate(ys):
            rate: Step = lambda k, i=i: term_of(rates()[i], level, k)  # type: ignore[misc]
            yield terms.integral(rate) if part.rows is None else rows.integral(rate, part)


def derivative(s: Series) -> Series:
    """ds/dt."""
    if s.known is None:
        s.known = {}
    found = s.known.get("derivative")
    if found is None:
        first = s[1]
        start = terms.zeros_like(s.terms[0]) if first is None else first
        found = s.known["derivative"] = Series([start], None, s.order, s.level, s.scope)
        found.observers = s.observers

        def step(k: int) -> Any:
            term = s[k + 1]
            return None if term is None else (k + 1) * term

        found.step = step
        if s.rows is not None:
            if s.step is None and s.rows.__class__ is ndarray and s.last:
                found.rows, found.last = s.rows[1:] * rows.factors(s.last, s.rows.ndim, s.rows.dtype), s.last - 1
                found.terms += [*found.rows[1:], *[None] * (s.order - s.last)]
            else:
                found.rows = rows.new_rows(start, s.order)
    return found


def differential(rule: Any, app: Application, ys: Sequence[Series]) -> Sequence[Any]:
    """dy/dt of each output, as a Tensor of series or of a constant; None is zero."""
    primitive = app.primitive
    tangents = [None if s is None else tensor(derivative(s)) for s in app.series]
    y = tensor(ys[0]) if primitive.outputs == 1 else tuple([tensor(part) for part in ys])
    if isinstance(rule, Flow):
        env = app.environment(y)
        env |= {f"d{name}": t for name, t in zip(primitive.arguments, tangents, strict=False)}
        dy = rule(env=env)
    else:
        primals = [on(s, z) for s, z in zip(app.series, app.zeroth, strict=True)]
        dy = push_forward(primitive, y, primals, tangents, app.parameters)
    return dy if primitive.outputs != 1 and dy is not None else [dy] * primitive.outputs


def term_of(x: Any, level: int, k: int) -> Any:
    """The kth term of a Tensor, which may be constant in t, or None."""
    if type(x) is VirtualTensor and x._data.level == level:
        return x._data[k]
    return None if k else lowered(x)


def integrated(
    values: Sequence[Any], rates: Callable[[list[Any], list[Any]], Sequence[Any]], arguments: Sequence[Any], level: int
) -> list[Series]:
    """The series with these values at t = 0 and the derivatives rates(arguments, their derivatives)."""
    found = [a._data if type(a) is VirtualTensor and a._data.level == level else None for a in arguments]
    outer = next((s.scope for s in found if s is not None and s.scope is not None), None)
    scope = Scope(False) if outer is None else outer
    collapse = next(s.collapse for s in found if s is not None)
    lower = [s if s is None or collapse is None else s.without_highest() for s in found]
    series = [None if s is None else s.within(scope) for s in lower]
    order = next(s.order for s in series if s is not None)
    dys = cache(
        lambda: rates(
            [on(s, a) for s, a in zip(series, arguments, strict=True)],
            [None if s is None else tensor(derivative(s)) for s in series],
        )
    )
    ys = []
    for i, value in enumerate(values):
        value = lowered(value)
        y = Series([value], None, order, level, scope)
        rate: Step = lambda k, i=i: term_of(dys()[i], level, k)  # type: ignore[misc]
        y.step = terms.fitted(terms.integral(rate), value)
        ys.append(y)
    if outer is not None:
        return ys
    done = completed(ys, scope)
    if collapse is not None:
        zeroth = [a if s is None else as_tensors(s.terms[0]) for s, a in zip(found, arguments, strict=True)]
        tops = [None if s is None or s[order] is None else as_tensors(s[order]) for s in found]
        moved = rates(zeroth, tops) if any([top is not None for top in tops]) else [None] * len(done)
        add_highest(done, [None if m is None else lowered(m) for m in moved], collapse)
    return done
