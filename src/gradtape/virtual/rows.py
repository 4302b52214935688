"""Terms of plain NumPy arrays, kept one below the other, so that a term of Cauchy's product is one call of NumPy.

`rows[k]` is the kth term, zeros where it is None: an array of one axis more for arrays, a list of Python's own floats
for a float64 scalar. `last` is the highest term that is not None. The steps multiply without looking for 0 times
infinity; whoever finds a NaN among their results computes them again by the steps of terms.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import mul
from typing import Any

import numpy as np

from ..taylor_rules import Solves
from ..tensor import Tensor, underlying

ndarray = np.ndarray
float64 = np.float64
Step = Callable[[int], Any]

#: What a step returns that has written its term into the row itself.
WRITTEN = object()


def fit_for_rows(x: Any) -> bool:
    """Whether terms like this are kept in rows."""
    return x.__class__ is float64 or (x.__class__ is ndarray and x.ndim > 0 and x.dtype.kind in "fc")


def all_fit(terms: Sequence[Any]) -> bool:
    """Whether these terms are kept in rows."""
    return fit_for_rows(terms[0]) and not any([isinstance(term, Tensor) for term in terms])


def new_rows(first: Any, order: int) -> Any:
    """Rows with the first term in place."""
    if first.__class__ is float64:
        return [float(first)]
    rows = np.empty((order + 1, *first.shape), first.dtype)
    rows[0] = first
    return rows


def tail_of(terms: Sequence[Any], last: int) -> Any:
    """Rows 1.. of known terms, up to the last that is not None."""
    first = terms[0]
    if first.__class__ is float64:
        return [0.0 if term is None else float(term) for term in terms[1 : last + 1]]
    tail = np.zeros((last, *first.shape), first.dtype)
    for k in range(1, last + 1):
        if terms[k] is not None:
            tail[k - 1] = terms[k]
    return tail


def with_first(first: Any, tail: Any) -> Any:
    """All rows."""
    if tail.__class__ is list:
        return [float(first), *tail]
    rows = np.empty((len(tail) + 1, *first.shape), first.dtype)
    rows[0], rows[1:] = first, tail
    return rows


def last_of(terms: Sequence[Any]) -> int:
    """The index of the last term that is not None."""
    k = len(terms) - 1
    while terms[k] is None:
        k -= 1
    return k


def enter(s: Any, term: Any) -> None:
    """Put the next term into a series' terms and rows."""
    terms, rows = s.terms, s.rows
    k = len(terms)
    if rows.__class__ is list:
        if term is not None:
            term = float64(term.real)
            s.last = k
        terms.append(term)
        rows.append(0.0 if term is None else float(term))
    elif term is None:
        rows[k] = 0
        terms.append(None)
    else:
        if term is not WRITTEN:
            rows[k] = term.real if rows.dtype.kind != "c" and np.iscomplexobj(term) else term
        terms.append(rows[k])
        s.last = k


def has_nan(tail: Any) -> bool:
    """Whether there is a NaN in it."""
    if tail.__class__ is list:
        return any([x != x for x in tail])
    if not tail.size:
        return False
    probe = np.maximum.reduce(tail, axis=None)
    return bool(probe != probe)


def is_sound(y: Any) -> bool:
    """Whether no term but the 0th has a NaN in it, as far as that can be seen."""
    for term in y.terms[1:]:
        if term is not None:
            data = underlying(term)
            if data is None or has_nan(np.asarray(data)):
                return False
    return True


def factors(n: int, rank: int, dtype: Any) -> Any:
    """1, 2, ..., n along the first of so many axes."""
    return np.arange(1, n + 1).astype(dtype).reshape(n, *(1,) * (rank - 1))


def aligned(rows: Any, rank: int) -> Any:
    """Rows whose terms have this many axes, ones in front."""
    return rows.reshape(len(rows), *(1,) * (rank + 1 - rows.ndim), *rows.shape[1:])


def convolved(a: Any, b: Any, lo: int, hi: int, k: int, out: Any) -> None:
    """The sum of a_j b_(k-j), j = lo..hi, into `out`."""
    left, right = a[lo : hi + 1], b[k - hi : k - lo + 1][::-1]
    if left.shape == right.shape and out.shape == left.shape[1:]:
        n = hi + 1 - lo
        np.einsum("jn,jn->n", left.reshape(n, -1), right.reshape(n, -1), out=out.reshape(-1))
    else:
        np.einsum("j...,j...->...", aligned(left, out.ndim), aligned(right, out.ndim), out=out)


def product(a: Any, b: Any, a0: Any, b0: Any, y: Any) -> Step:
    """Cauchy's product of two series, or of one and a constant."""
    if a is None or b is None:
        s, c = (a, b0) if b is None else (b, a0)

        def scaled(k: int) -> Any:
            term = s[k]
            if term is None:
                return None
            if y.rows.__class__ is list:
                return term * c
            np.multiply(term, c, out=y.rows[k])
            return WRITTEN

        return scaled
    if a.rows.__class__ is list and b.rows.__class__ is list:

        def of_numbers(k: int) -> Any:
            a[k], b[k]
            lo = k - b.last if k > b.last else 0
            hi = a.last if k > a.last else k
            return sum(map(mul, a.rows[lo : hi + 1], b.rows[k - hi : k - lo + 1][::-1])) if lo <= hi else None

        return of_numbers
    if a.terms is b.terms:
        return squared(a, y)

    def of_arrays(k: int) -> Any:
        a[k], b[k]
        lo, hi = max(0, k - b.last), min(k, a.last)
        if lo > hi:
            return None
        convolved(np.asarray(a.rows), np.asarray(b.rows), lo, hi, k, y.rows[k])
        return WRITTEN

    return of_arrays


def squared(a: Any, y: Any) -> Step:
    """The product of a series with itself, of which half is computed."""

    def step(k: int) -> Any:
        a[k]
        lo, half = max(0, k - a.last), (k + 1) // 2
        if 2 * lo > k:
            return None
        out, rows = y.rows[k], a.rows
        if lo < half:
            convolved(rows, rows, lo, half - 1, k, out)
            np.multiply(out, 2, out=out)
            if k % 2 == 0:
                out += rows[half] * rows[half]
        else:
            np.multiply(rows[half], rows[half], out=out)
        return WRITTEN

    return step


def weighted_sum(slopes: Sequence[Any], series: Sequence[Any], y: Any) -> Step:
    """Terms times constant slopes."""
    moving = [(c, s) for c, s in zip(slopes, series, strict=True) if s is not None]

    def step(k: int) -> Any:
        parts = [(c, s[k]) for c, s in moving]
        parts = [(c, term) for c, term in parts if term is not None]
        if not parts:
            return None
        (c, term), *more = parts
        if y.rows.__class__ is list:
            return sum([c * term for c, term in more], c * term)
        out = y.rows[k]
        np.multiply(term, c, out=out) if c != 1 else np.copyto(out, term)
        for c, term in more:
            np.add(out, term, out=out) if c == 1 else np.subtract(out, term if c == -1 else -c * term, out=out)
        return WRITTEN

    return step


def solution(rule: Solves, y: Any, series: Sequence[Any], zeroth: Sequence[Any]) -> Step | None:
    """The y with a y = b, elementwise; None if the rule has no plain quotient."""
    a, b, a0 = series[rule.a], series[rule.b], zeroth[rule.a]
    quotient = rule.plain
    if quotient is None:
        return None
    if y.rows.__class__ is list:
        a0 = float64(a0)  # Python's numbers raise where NumPy's give infinity

    def step(k: int) -> Any:
        rest = None if b is None else b[k]
        lo, hi = (1, 0) if a is None else (max(1, k - y.last), (a[k], min(k, a.last))[1])
        if y.rows.__class__ is list:
            if lo <= hi:
                known = sum(map(mul, a.rows[lo : hi + 1], y.rows[k - hi : k - lo + 1][::-1]))
                rest = -known if rest is None else rest - known
            return None if rest is None else quotient(rest, a0)
        out = y.rows[k]
        if lo <= hi:
            convolved(np.asarray(a.rows), y.rows, lo, hi, k, out)
            np.negative(out, out=out) if rest is None else np.subtract(rest, out, out=out)
            rest = out
        if rest is None:
            return None
        np.divide(rest, a0, out=out)
        return WRITTEN

    return step


def integral(rate: Step, y: Any) -> Step:
    """The terms of y, from those of dy/dt."""

    def step(k: int) -> Any:
        term = rate(k - 1)
        if term is None or k == 1:
            return term
        if y.rows.__class__ is list:
            return term / k
        np.divide(term, k, out=y.rows[k])
        return WRITTEN

    return step
