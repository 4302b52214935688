"""Taylor mode: all derivatives up to an order along a direction, in one pass of truncated power series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import factorial, log
from typing import Any

import numpy as np

from ..arrays.dtypes import is_floating, kind_of, numpy_dtype
from ..context import new_level
from ..nest import flatten, map_leaves
from ..tensor import Tensor, VirtualTensor, tensor
from ..virtual.dual import fit_tangent
from ..virtual.series import Series, as_tensors, lowered
from ..virtual.terms import Collapse
from .arguments import again, as_output, check_callable, counterparts, differentiable, zeros_like


@dataclass(frozen=True)
class TaylorSeries:
    """f(x + t v) as a polynomial in t: the sum of coefficients[k] t^k, each in the structure of f's value.

    Calling it evaluates the polynomial. `derivatives[k]` is the kth derivative of f along v, k! coefficients[k].

    >>> import gradtape as gt
    >>> s = gt.taylor(lambda x: x**3, 2.0, 1.0, order=3)
    >>> [float(c) for c in s.coefficients], [float(d) for d in s.derivatives], float(s(1.0))
    ([8.0, 12.0, 6.0, 1.0], [8.0, 12.0, 12.0, 6.0], 27.0)
    """

    coefficients: tuple[Any, ...]
    #: The derivatives where they do not follow from the coefficients, which leave the range of floating numbers first.
    beyond: tuple[Any, ...] = field(default=(), repr=False)

    @property
    def order(self) -> int:
        """The highest power of t."""
        return len(self.coefficients) - 1

    @property
    def derivatives(self) -> tuple[Any, ...]:
        """The derivatives of orders 0, 1, ..., each in the structure of f's value."""
        if self.beyond:
            return self.beyond
        leaves, structure = flatten(self.coefficients)
        each = max(1, len(leaves) // len(self.coefficients))
        return structure.unflatten([times_factorial(c, i // each) for i, c in enumerate(leaves)])  # type: ignore

    def __call__(self, t: Any) -> Any:
        """The polynomial's value at t, a number or an array that broadcasts with the coefficients."""
        *lower, value = self.coefficients
        for c in reversed(lower):
            value = map_leaves(lambda v, c: v * t + c, value, c)
        return value


def times_factorial(c: Any, k: int, exponent: int = 0) -> Any:
    """k! c / 2^(exponent k)."""
    for factor in factors(k, -exponent * k, getattr(c, "dtype", float)):
        c = c * factor
    return c


def times_power(c: Any, power: int) -> Any:
    """2^power c."""
    for factor in factors(0, power, c.dtype):
        c = c * factor
    return c


@lru_cache(4096, typed=True)
def factors(k: int, power: int, dtype: Any) -> list[float]:
    """Numbers whose product is k! 2^power; several where it leaves the range of the dtype."""
    n = factorial(k)
    bits = n.bit_length() - 1
    power += bits
    most, steps = min(-numeric_range(dtype).minexp, 1022), []  # the factors are Python's own numbers
    while abs(power) > most:
        steps.append(2.0**most if power > 0 else 2.0**-most)
        power -= most if power > 0 else -most
    last = n / (1 << bits) * 2.0**power
    return steps if last == 1 else [*steps, last]


def numeric_range(dtype: Any) -> Any:
    """The limits of a dtype's floating numbers; of double ones for other dtypes."""
    return np.finfo(numpy_dtype(dtype) if is_floating(dtype) else float)


@lru_cache(256, typed=True)
def exponent_for(order: int, dtype: Any, function: str) -> int:
    """The j for a series in t / 2^j whose highest coefficient is about the derivative: 2^(j order) is at most order!.

    So it is in the range of numbers if the derivative is, where f^(k)/k! would be 0 or lose digits; one more where
    even order! / 2^(j order) leaves that range. Raises ValueError where the series of exp(t) would overflow.
    """
    limits = numeric_range(dtype)
    bits = factorial(order).bit_length() - 1
    exponent = bits // order
    exponent += int(bits - exponent * order > -limits.minexp)
    if 2**exponent / log(2) >= limits.maxexp:
        raise ValueError(
            f"gradtape.{function}: order={order} is beyond the range of {dtype}: coefficients of the series would "
            "overflow; pass a wider dtype"
        )
    return exponent


def exponent_of(order: int, points: Sequence[Tensor], function: str) -> int:
    """The same for several arrays."""
    return max([exponent_for(order, x.dtype, function) for x in points], default=0)


@lru_cache(256, typed=True)
def is_low(order: int, dtype: Any) -> bool:
    """Whether coefficients differ from derivatives by no more than a sixteenth of the exponents there are."""
    return factorial(order) <= 2 ** (numeric_range(dtype).maxexp // 16)  # type: ignore[no-any-return]


def checked_order(order: Any, function: str) -> int:
    """The order as an int. Raises TypeError for what is none, ValueError unless it is positive."""
    if not isinstance(order, int | np.integer) or isinstance(order, bool) or order < 1:
        raise ValueError(f"gradtape.{function}: order must be a positive int, not {order!r}")
    return int(order)


def taylor(f: Callable[..., Any], x: Any, direction: Any, order: int) -> TaylorSeries:
    """The Taylor polynomial of t -> f(x + t direction) at t = 0, with all coefficients up to t^order.

    `x`, `direction`: floating arrays, or nested containers of them, of equal structure and shapes; `order`: a positive
    int. One forward pass at a cost quadratic in the order. Raises TypeError for an x of integers, ValueError for
    another order or a direction of another shape.

    >>> import gradtape as gt
    >>> [float(d) for d in gt.taylor(gt.exp, 0.0, 2.0, order=3).derivatives]
    [1.0, 2.0, 4.0, 8.0]
    """
    check_callable(f, "taylor")
    order = checked_order(order, "taylor")
    leaves, structure = flatten(x)
    points = [differentiable(leaf, "taylor", "x") for leaf in leaves]
    directions = counterparts(direction, points, structure, "taylor", "direction", "x")
    moving = []
    for point, v in zip(points, directions, strict=True):
        if kind_of(v.dtype) == "c" and kind_of(point.dtype) != "c":
            raise TypeError("gradtape.taylor: direction is complex and x is real; make x complex, too")
        moving.append(fit_tangent(v, point))
    exponent = 0 if all([is_low(order, x.dtype) for x in points]) else exponent_of(order, points, "taylor")
    outputs, out_structure = expanded(f, points, moving, structure, order, exponent)

    def each(made_of: Callable[[Any, int], Any]) -> tuple[Any, ...]:
        return tuple([out_structure.unflatten([made_of(y[k], k) for y in outputs]) for k in range(order + 1)])

    if not exponent:
        return TaylorSeries(each(lambda c, k: c))
    coefficients = each(lambda c, k: times_power(c, -exponent * k))
    return TaylorSeries(coefficients, each(lambda c, k: times_factorial(c, k, exponent)))


def highest(
    f: Callable[..., Any],
    points: list[Tensor],
    directions: list[Any],
    structure: Any,
    order: int,
    function: str,
    collapse: Collapse | None = None,
) -> tuple[list[Any], Any]:
    """For each output of f its derivative of this order, and the structure of the outputs."""
    exponent = exponent_of(order, points, function)
    outputs, out_structure = expanded(f, points, directions, structure, order, exponent, collapse)
    return [times_factorial(terms[order], order, exponent) for terms in outputs], out_structure


def expanded(
    f: Callable[..., Any],
    points: list[Tensor],
    directions: list[Any],
    structure: Any,
    order: int,
    exponent: int,
    collapse: Collapse | None = None,
) -> tuple[list[list[Any]], Any]:
    """For each output of f its coefficients in t / 2^exponent, and the structure of the outputs; `collapse`: of the
    highest ones."""
    with new_level() as level:
        inputs = []
        for x, v in zip(points, directions, strict=True):
            v = v * 2.0**exponent if exponent else v
            v = collapse.total(v) if collapse is not None and order == 1 else v
            s = Series([lowered(again(x)), lowered(v), *[None] * (order - 1)], None, order, level)
            s.collapse = collapse
            inputs.append(tensor(s))
        out = f(structure.unflatten(inputs))
    outputs, out_structure = flatten(out)
    found = []
    for y in outputs:
        y = as_output(y, "taylor")
        if type(y) is VirtualTensor and y._data.level == level:
            terms = y._data.terms
        else:
            terms = [y, *[None] * order]
        like = terms[0]
        found.append([zeros_like(like) if term is None else as_tensors(term) for term in terms])
    return found, out_structure


__all__ = ["TaylorSeries", "taylor"]
