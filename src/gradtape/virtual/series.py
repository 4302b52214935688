"""Series: a value as a truncated power series in one variable t. What Taylor mode does to each kind of primitive.

Coefficients are unscaled, f^(k)/k!. The 0th comes from the real kernel. For y = p(x), the derivative in t is the
pushforward of x' = dx/dt, evaluated in series arithmetic: y_k = [jvp_p(x; x')]_(k-1) / k. A rule may mention y itself,
or a function whose rule mentions y (sin and cos): coefficients are computed when they are asked for and remembered,
so is what was applied to the same series, and each needs one order less. Linear functions work coefficient by
coefficient, bilinear ones by Cauchy's product (Griewank and Walther, Evaluating Derivatives, 2008, chapter 13).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ..context import active
from ..functions.declare import dtype_of, shape_of
from ..functions.manipulation import concat
from ..functions.static import full
from ..primitive import (
    PRODUCT,
    Bilinear,
    Chosen,
    Elementwise,
    Equal,
    Flow,
    Linear,
    MatrixFunction,
    Primitive,
    Rule,
    Solves,
    Zero,
    apply,
    scale_either,
)
from ..tensor import Tensor, Variable, Virtual, VirtualTensor, concrete, tensor
from .dual import fit_tangent, plus, push_forward

Step = Callable[[int], Any]


class Scope(list["Series"]):
    """The series that serve to compute one application: they are computed as far as asked, and forgotten with it."""


class Series(Virtual):
    """Sum of terms[k] t^k, k = 0..order, at some level; the terms are values of a lower level, and None is zero.

    `step(k)` computes the kth term, when it is asked for. `known`: what has been applied to this series within the
    scope. A series with a scope is a means to an end; one without has all its terms.
    """

    __slots__ = ("terms", "step", "known", "scope", "order", "level", "shape", "dtype")
    differentiates = True

    def __init__(self, terms: list[Any], step: Step | None, order: int, level: int, scope: Scope | None = None):
        self.terms, self.step, self.order, self.level, self.scope = terms, step, order, level, scope
        self.known: dict[Any, Any] | None = None
        self.shape, self.dtype = terms[0].shape, terms[0].dtype
        if scope is not None:
            scope.append(self)

    def __repr__(self) -> str:
        return f"Series{self.level}({self.terms[0]!r}, order={self.order})"

    def __getitem__(self, k: int) -> Any:
        terms = self.terms
        while len(terms) <= k:
            assert self.step is not None
            terms.append(self.step(len(terms)))
        return terms[k]

    def concrete(self) -> Any:
        """The value at t = 0."""
        return concrete(self.terms[0]) if isinstance(self.terms[0], Tensor) else self.terms[0]

    def within(self, scope: Scope) -> Series:
        """The same series as a means to an end."""
        return Series(self.terms, self.step, self.order, self.level, scope)

    def inside(self) -> Tensor:
        """The value at t = 0."""
        return as_tensors(self.terms[0])  # type: ignore[no-any-return]

    @classmethod
    def apply(cls, primitive: Primitive, level: int, arguments: tuple[Any, ...], parameters: dict[str, Any]) -> Any:
        """The primitive on series: all terms at once, or as they are asked for where this is part of another rule."""
        series, zeroth = [], []
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
                zeroth.append(a._data if raw and (kind is Tensor or kind is Variable) else a)
        if isinstance(primitive, Zero):
            return as_tensors(apply(primitive, *zeroth, **parameters))
        if scope is not None:
            return applied_before(primitive, level, order, series, zeroth, parameters, scope)
        scope = Scope()
        inputs = [s if s is None or s.scope is not None else s.within(scope) for s in series]
        done = completed(nodes(primitive, level, order, inputs, zeroth, parameters, scope), scope)
        return done[0] if primitive.outputs == 1 else tuple(done)


def completed(ys: Sequence[Series], scope: Scope) -> list[Series]:
    """The series with all their terms; what served to compute them is let go of."""
    with np.errstate(all="ignore"):
        for y in ys:
            y[y.order]
    for helper in scope:
        helper.step = helper.known = None  # a rule and its series refer to each other
    return [Series(y.terms, None, y.order, y.level) for y in ys]


def as_tensors(y: Any) -> Any:
    """Values of a lower level, as whoever applies a primitive to virtual arrays wants them."""
    if isinstance(y, tuple):
        return tuple([as_tensors(part) for part in y])
    return y if isinstance(y, Tensor) else tensor(y)


def applied_before(
    primitive: Primitive,
    level: int,
    order: int,
    series: Sequence[Any],
    zeroth: Sequence[Any],
    parameters: dict[str, Any],
    scope: Scope,
) -> Any:
    """The application within a scope, or what it gave when it was made before on the same series."""
    first = next(s for s in series if s is not None)
    if first.known is None:
        first.known = {}
    key = (
        primitive,
        *[identity(z) if s is None else id(s.terms) for s, z in zip(series, zeroth, strict=True)],
        *[(name, identity(value)) for name, value in parameters.items()],
    )
    found = first.known.get(key)
    if found is None:
        inputs = [s if s is None or s.scope is not None else s.within(scope) for s in series]
        ys = nodes(primitive, level, order, inputs, zeroth, parameters, scope)
        first.known[key] = found = (ys, series, zeroth, parameters)  # kept alive, so that no id is used again
    ys = found[0]
    return ys[0] if primitive.outputs == 1 else tuple(ys)


SMALL = frozenset([int, float, bool, str, type(None)])


def identity(x: Any) -> Any:
    """What tells x from all other arguments or parameters: its value if it is small, else which object it is."""
    kind = type(x)
    if kind in SMALL:
        return kind, x
    if kind is tuple:
        return tuple([identity(part) for part in x])
    return id(x)


# -- what each kind does -------------------------------------------------------------------------------------------
def nodes(
    primitive: Primitive,
    level: int,
    order: int,
    series: Sequence[Any],
    zeroth: Sequence[Any],
    parameters: dict[str, Any],
    scope: Scope,
) -> list[Series]:
    """The results of an application (one, or one for each output), with the steps that compute their terms."""
    y0 = apply(primitive, *zeroth, **parameters)
    parts = y0 if primitive.outputs != 1 else (y0,)
    ys = [Series([part], None, order, level, scope) for part in parts]
    rule = primitive.series
    if isinstance(rule, Chosen):
        rule = rule(env=primitive.environment(y0, zeroth, parameters))
    if rule is PRODUCT:
        ys[0].step = product(scale_either, *series, *zeroth)
    elif isinstance(rule, Solves):
        ys[0].step = solution(rule, primitive, ys[0], series, zeroth, parameters)
    elif isinstance(rule, Equal):
        expression = cache(
            lambda: rule(env=primitive.environment(None, [handle(s, z) for s, z in zip(series, zeroth)], parameters))
        )
        ys[0].step = lambda k: term_of(expression(), level, k)
    elif isinstance(rule, MatrixFunction):
        ys[0].step = toeplitz(rule, series[0], parameters)
    elif isinstance(primitive, Linear):
        ys[0].step = linear(primitive, series, zeroth, parameters)
    elif isinstance(primitive, Bilinear):
        ys[0].step = product(lambda a, b: apply(primitive, a, b, **parameters), *series, *zeroth)
    elif isinstance(primitive, Elementwise) and is_sum(primitive, series):
        ys[0].step = weighted_sum(primitive.slopes, series)
    else:
        dys = cache(lambda: differential(rule, primitive, ys, series, zeroth, parameters))
        for i, y in enumerate(ys):
            y.step = integral(lambda i=i: dys()[i], level)  # type: ignore[misc]
    for y in ys:
        assert y.step is not None
        y.step = fitted(y.step, y.terms[0])
    return ys


def fitted(step: Step, like: Any) -> Step:
    """The terms in the space of the 0th: same shape, dtype, and real where that is."""

    def fitted_step(k: int) -> Any:
        term = step(k)
        if term.__class__ is complex:  # Python's own product of a complex number and a np.float64
            term = np.complex128(term)
        if term is not None and (term.shape != like.shape or term.dtype != like.dtype):
            term = fit_tangent(term, like)
        return term

    return fitted_step


def linear(primitive: Linear, series: Sequence[Any], zeroth: Sequence[Any], parameters: dict[str, Any]) -> Step:
    """The function itself on the terms; what it is not linear in (indices, masks) stays what it is at t = 0."""

    def step(k: int) -> Any:
        terms = [s[k] if s is not None and primitive.is_linear_in(i) else None for i, s in enumerate(series)]
        if all([term is None for term in terms]):
            return None
        return apply(
            primitive,
            *[
                z if not primitive.is_linear_in(i) else zeros_like(z) if term is None else term
                for i, (term, z) in enumerate(zip(terms, zeroth, strict=True))
            ],
            **parameters,
        )

    return step


def zeros_like(x: Any) -> Any:
    """Zeros of x's shape, dtype and library; a plain array for one."""
    return full(shape_of(x), 0, dtype_of(x), x)


def is_sum(primitive: Elementwise, series: Sequence[Any]) -> bool:
    """Whether the slopes in all arguments that move are numbers."""
    return all(
        [s is None or (slope is not None and not isinstance(slope, Rule)) for slope, s in zip(primitive.slopes, series)]
    )


def weighted_sum(slopes: Sequence[Any], series: Sequence[Any]) -> Step:
    """Terms times constant slopes."""
    moving = [(c, s) for c, s in zip(slopes, series, strict=True) if s is not None]

    def step(k: int) -> Any:
        total = None
        for c, s in moving:
            term = s[k]
            if term is not None:
                total = plus(total, term if c == 1 else -term if c == -1 else c * term)
        return total

    return step


def product(times: Callable[[Any, Any], Any], a: Any, b: Any, a0: Any, b0: Any) -> Step:
    """Cauchy's product: the sum of a_j b_(k-j)."""

    def step(k: int) -> Any:
        if b is None:
            return None if a[k] is None else times(a[k], b0)
        if a is None:
            return None if b[k] is None else times(a0, b[k])
        total = None
        for j in range(k + 1):
            left = a[j]
            if left is not None:
                right = b[k - j]
                if right is not None:
                    total = plus(total, times(left, right))
        return total

    return step


def solution(
    rule: Solves, primitive: Primitive, y: Series, series: Sequence[Any], zeroth: Sequence[Any], parameters: Any
) -> Step:
    """The y with a y = b: y_k solves the equation with b_k less the sum of a_j y_(k-j), j = 1..k."""
    (a, b), (a0, b0) = [(part[rule.a], part[rule.b]) for part in (series, zeroth)]
    quotient = rule.quotient or (lambda b, a, **_: apply(primitive, *((a, b) if rule.a < rule.b else (b, a)), **_))

    def step(k: int) -> Any:
        rest = None if b is None else b[k]
        for j in range(1, k + 1) if a is not None else ():
            if a[j] is not None and y[k - j] is not None:
                part = rule.product(a[j], y[k - j], **parameters)
                rest = -part if rest is None else rest - part
        return None if rest is None else quotient(rest, a0, **parameters)

    return step


def toeplitz(rule: MatrixFunction, s: Series, parameters: dict[str, Any]) -> Step:
    """Terms of a function of matrices: with as many at once as are known of its argument."""
    row: list[Any] = []

    def step(k: int) -> Any:
        if len(row) <= k:
            n = s.shape[-1]
            known = max(k, len(s.terms) - 1)
            zero = zeros_like(s.terms[0])
            parts = [zero if s[j] is None else s[j] for j in range(known + 1)]
            rows = [concat([*[zero] * i, *parts[: known + 1 - i]], axis=-1) for i in range(known + 1)]
            y = rule.on_blocks(concat(rows, axis=-2), known + 1, **parameters)
            row[:] = [y[..., :n, j * n : (j + 1) * n] for j in range(known + 1)]
        return row[k]

    return step


def handle(s: Any, otherwise: Any) -> Any:
    """A Tensor on a series; what stands in its place if there is none."""
    return otherwise if s is None else tensor(s)


def derivative(s: Series) -> Series:
    """ds/dt."""
    if s.known is None:
        s.known = {}
    found = s.known.get("derivative")
    if found is None:
        first = s[1]

        def step(k: int) -> Any:
            term = s[k + 1]
            return None if term is None else (k + 1) * term

        start = zeros_like(s.terms[0]) if first is None else first
        found = s.known["derivative"] = Series([start], step, s.order, s.level, s.scope)
    return found


def differential(
    rule: Any,
    primitive: Primitive,
    ys: Sequence[Series],
    series: Sequence[Any],
    zeroth: Sequence[Any],
    parameters: dict[str, Any],
) -> Sequence[Any]:
    """dy/dt of each output, as a Tensor of series or of a constant; None is zero."""
    primals = [handle(s, z) for s, z in zip(series, zeroth, strict=True)]
    tangents = [None if s is None else tensor(derivative(s)) for s in series]
    y = tensor(ys[0]) if primitive.outputs == 1 else tuple([tensor(part) for part in ys])
    if isinstance(rule, Flow):
        env = primitive.environment(y, primals, parameters)
        env |= {f"d{name}": t for name, t in zip(primitive.arguments, tangents, strict=False)}
        dy = rule(env=env)
    else:
        dy = push_forward(primitive, y, primals, tangents, parameters)
    return dy if primitive.outputs != 1 and dy is not None else [dy] * primitive.outputs


def integral(dy: Callable[[], Any], level: int) -> Step:
    """The terms of y, from the series of dy/dt."""

    def step(k: int) -> Any:
        term = term_of(dy(), level, k - 1)
        return term if term is None or k == 1 else term / k

    return step


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
    scope = Scope() if outer is None else outer
    series = [s if s is None or s.scope is not None else s.within(scope) for s in found]
    order = next(s.order for s in series if s is not None)
    dys = cache(
        lambda: rates(
            [handle(s, a) for s, a in zip(series, arguments, strict=True)],
            [None if s is None else tensor(derivative(s)) for s in series],
        )
    )
    ys = []
    for i, value in enumerate(values):
        value = lowered(value)
        y = Series([value], None, order, level, scope)
        y.step = fitted(integral(lambda i=i: dys()[i], level), value)  # type: ignore[misc]
        ys.append(y)
    return ys if outer is not None else completed(ys, scope)


def lowered(x: Any) -> Any:
    """The array itself where nobody looks on: its series is then computed at NumPy's own cost."""
    return x._data if type(x) is Tensor and not active() else x
