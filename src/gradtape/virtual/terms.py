"""How the terms of a series follow from those of others, kind by kind: steps k -> kth term, on values of any sort.

A series here is whatever gives its kth term as s[k], None being zero; an argument that does not move is None and has
its value in `zeroth`. Where all values are plain NumPy arrays, rows.py has the same steps at fewer calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..functions.declare import dtype_of, shape_of
from ..functions.elementwise import multiply
from ..functions.reductions import sum
from ..functions.static import full, static
from ..primitive import Elementwise, Linear, Primitive, Rule, apply
from ..taylor_rules import AtOnce, Solves
from ..tensor import VirtualTensor
from .dual import fit_tangent, plus

Step = Callable[[int], Any]


class NoTermError(LookupError):
    """A term was asked for that a series does not have."""


class Collapse(NamedTuple):
    """How the highest terms are collapsed: to their weighted sum over the directions, a batch at `level`.

    Nothing but that sum is wanted of them, and they are linear in each other: the highest term of a value is the
    pushforward of those of the arguments, which are sums already, and the sum of what the lower ones contribute
    ("Collapsing Taylor Mode Automatic Differentiation", 2025).
    """

    level: int
    weights: Any

    def total(self, x: Any) -> Any:
        """The sum over the directions of a value that may differ between them."""
        if x is None:
            return None
        if type(x) is VirtualTensor and x._data.level == self.level:
            values = x._data.values
            w = self.weights.reshape(-1, *(1,) * (len(values.shape) - 1))
            return sum(values * static(w, values, dtype=values.dtype), axis=0)
        return x * float(np.sum(self.weights))


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


def is_sum(primitive: Primitive, series: Sequence[Any]) -> bool:
    """Whether this is an elementwise function whose slopes in all arguments that move are numbers."""
    return isinstance(primitive, Elementwise) and all(
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
    """Cauchy's product: the sum of a_j b_(k-j); `times` need not commute."""
    if a is None or b is None:
        return lambda k: None if (term := (a or b)[k]) is None else times(term, b0) if b is None else times(a0, term)
    def step(k: int) -> Any:
        total = None
        for j in range(k + 1):
            left = a[j]
            right = None if left is None else b[k - j]
            if right is not None:
                total = plus(total, times(left, right))
        return total

    return step


def square(times: Callable[[Any, Any], Any], a: Any) -> Step:
    """The product of a series with itself, of which half is computed."""

    def step(k: int) -> Any:
        total = None
        for j in range((k + 1) // 2):
            if a[j] is not None and a[k - j] is not None:
                total = plus(total, times(a[j], a[k - j]))
        total = None if total is None else total + total
        middle = a[k // 2] if k % 2 == 0 else None
        return total if middle is None else plus(total, times(middle, middle))

    return step


def solution_rules(rule: Solves, primitive: Primitive, plain: bool, parameters: dict[str, Any]) -> tuple[Any, Any]:
    """The product and the quotient of an equation a y = b; `plain`: where no zero has to absorb."""
    if plain and rule.plain is not None:
        return multiply, rule.plain
    if rule.quotient is not None:
        quotient = rule.quotient
    elif rule.a < rule.b:
        quotient = lambda b, a: apply(primitive, a, b, **parameters)
    else:
        quotient = lambda b, a: apply(primitive, b, a, **parameters)
    return (lambda a, y: rule.product(a, y, **parameters)), quotient


def solution(
    rule: Solves,
    times: Callable[[Any, Any], Any],
    quotient: Callable[[Any, Any], Any],
    y: Any,
    series: Sequence[Any],
    zeroth: Sequence[Any],
) -> Step:
    """The y with a y = b: y_k solves the equation with b_k less the sum of a_j y_(k-j), j = 1..k."""
    a, b, a0 = series[rule.a], series[rule.b], zeroth[rule.a]

    def step(k: int) -> Any:
        rest = None if b is None else b[k]
        for j in range(1, k + 1) if a is not None else ():
            if a[j] is not None and y[k - j] is not None:
                part = times(a[j], y[k - j])
                rest = -part if rest is None else rest - part
        return None if rest is None else quotient(rest, a0)

    return step


def at_once(rule: AtOnce, series: Sequence[Any], zeroth: Sequence[Any], parameters: dict[str, Any]) -> Step:
    """Terms of a function that gives as many at once as are known of its arguments."""
    found: list[Any] = []
    moving = [s for s in series if s is not None]

    def all_terms(s: Any, first: Any, count: int) -> list[Any]:
        zero = zeros_like(first)
        terms = [None] * (count - 1) if s is None else [s[j] for j in range(1, count)]
        return [first, *[zero if term is None else term for term in terms]]

    def step(k: int) -> Any:
        if len(found) <= k:
            count = max(k + 1, min([len(s.terms) for s in moving]))
            found[:] = rule.terms(*[all_terms(s, x, count) for s, x in zip(series, zeroth, strict=True)], **parameters)
        return found[k]

    return step


def integral(rate: Step) -> Step:
    """The terms of y, from those of dy/dt."""

    def step(k: int) -> Any:
        term = rate(k - 1)
        return term if term is None or k == 1 else term / k

    return step
