"""How the terms of a series follow from those of others, kind by kind: steps k -> kth term, on values of any sort.

A series here is whatever gives its kth term as s[k], None being zero; an argument that does not move is None and has
its value in `zeroth`. Where all values are plain NumPy arrays, rows.py has the same steps at fewer calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..functions.declare import dtype_of, shape_of
from ..functions.manipulation import concat
from ..functions.static import full
from ..primitive import Elementwise, Linear, Primitive, Rule, apply
from ..taylor_rules import MatrixFunction, Solves
from .dual import fit_tangent, plus

Step = Callable[[int], Any]


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


def quotient_of(rule: Solves, primitive: Primitive) -> Callable[..., Any]:
    """The function (b, a) -> y of an equation a y = b."""
    if rule.quotient is not None:
        return rule.quotient
    if rule.a < rule.b:
        return lambda b, a, **parameters: apply(primitive, a, b, **parameters)
    return lambda b, a, **parameters: apply(primitive, b, a, **parameters)


def solution(
    rule: Solves, primitive: Primitive, y: Any, series: Sequence[Any], zeroth: Sequence[Any], parameters: Any
) -> Step:
    """The y with a y = b: y_k solves the equation with b_k less the sum of a_j y_(k-j), j = 1..k."""
    a, b, a0 = series[rule.a], series[rule.b], zeroth[rule.a]
    quotient = quotient_of(rule, primitive)

    def step(k: int) -> Any:
        rest = None if b is None else b[k]
        for j in range(1, k + 1) if a is not None else ():
            if a[j] is not None and y[k - j] is not None:
                part = rule.product(a[j], y[k - j], **parameters)
                rest = -part if rest is None else rest - part
        return None if rest is None else quotient(rest, a0, **parameters)

    return step


def toeplitz(rule: MatrixFunction, s: Any, parameters: dict[str, Any]) -> Step:
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


def integral(rate: Step) -> Step:
    """The terms of y, from those of dy/dt."""

    def step(k: int) -> Any:
        term = rate(k - 1)
        return term if term is None or k == 1 else term / k

    return step
