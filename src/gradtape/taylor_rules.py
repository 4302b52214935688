"""Taylor rules that a function may declare, where its kind gives a longer way (see virtual/series.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .primitive import Rule


class Flow(Rule):
    """dy/dt in terms of the arguments, y, and the arguments' derivatives in t (dx, or da and db; None is zero)."""


class Equal(Rule):
    """Another expression for the function, in terms of its arguments, whose Taylor rules are shorter."""


class Chosen(Rule):
    """Which of these rules (None: what follows from the kind) serves at given arguments, from their values at t = 0."""


class Solves(NamedTuple):
    """The function is the y with a y = b: `product(a, y)`, linear in both, `a` and `b` being positions of arguments.

    `quotient(b, a)`: the y for an a that does not move; the function itself by default. `plain`: for elementwise
    products and quotients the quotient of plain arrays, where no zero has to absorb.
    """

    a: int
    b: int
    product: Callable[..., Any]
    quotient: Callable[..., Any] | None = None
    plain: Callable[[Any, Any], Any] | None = None


class AtOnce(NamedTuple):
    """Terms 0..k of y all at once, from the list of terms 0..k of each argument: `terms(*parts, **parameters)`."""

    terms: Callable[..., list[Any]]
