"""ForwardLaplacian: a value with its derivatives along directions and the sum of its second derivatives along them.

One pass carries all three ("forward Laplacian": Li et al., A computational framework for neural network-based
variational Monte Carlo with forward Laplacian, 2024). With J the first derivatives and H half of the (weighted) sum of
the second, a linear function maps each of them, and y = f(x) elementwise has J_y = f' J and
H_y = f' H + f''/2 sum(J J): the second derivatives along single directions are never held. Whole batches go through at
once: each value has an axis of examples in front, of which functions know nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod
from operator import mul
from typing import Any, NamedTuple

import numpy as np

from ..arrays import reduction_kernels
from ..arrays.dtypes import numpy_dtype
from ..context import active, new_level
from ..functions.elementwise import multiply
from ..functions.manipulation import broadcast_to, concat, moveaxis, reshape
from ..functions.reductions import sum, sum_of_products
from ..functions.static import full, static
from ..primitive import (
    PRODUCT,
    SCALE_EITHER,
    Bilinear,
    Elementwise,
    Linear,
    Primitive,
    Route,
    Zero,
    apply,
    scale,
    scale_either,
)
from ..taylor_rules import Solves
from ..tensor import Tensor, Variable, Virtual, VirtualTensor, concrete, tensor, underlying
from . import rows, terms
from .batched import Batched, aligned, over_examples, unbatched
from .dual import plus
from .series import Series, as_tensors, is_linear, lowered, unit_series

ndarray = np.ndarray
#: How many functions may wait for their first derivatives to be asked for.
PATIENCE = 16


quietly = np.errstate(all="ignore")  # for derivatives: what becomes of them shows in the end


class Directions:
    """What all values of one pass share: how many examples and directions there are, and the directions' weights."""

    __slots__ = ("examples", "count", "weights")

    def __init__(self, examples: int, count: int, weights: Any = None):
        self.examples, self.count, self.weights = examples, count, weights

    def summed(self, a: Any, b: Any) -> Any:
        """The weighted sum over the directions of a b.

        Where it is not finite, of products that zeros absorb: in its derivatives, too, if anybody looks on.
        """
        squares = a is b and self.weights is None  # among which is no 0 times infinity
        if self.weights is not None:
            w = self.weights.reshape(self.count, *(1,) * (len(a.shape) - 1))
            a = a * (w.astype(a.dtype) if a.__class__ is ndarray else static(w, a, dtype=a.dtype))
        if a.__class__ is ndarray and b.__class__ is ndarray:
            y = reduction_kernels.sum_of_products(a, b, 0)
            if squares or not rows.has_nan(np.asarray(y)):
                return y
        else:
            y = sum_of_products(a, b, 0)
            data = underlying(y)
            if data is not None and np.isfinite(data).all():
                return y
        return sum(scale_either(a, b), axis=0)


class ForwardLaplacian(Virtual):
    """value (examples, ...), first derivatives (directions, examples or 1, ...), half of the sum of the second
    (examples or 1, ...).

    The components are values of a lower level; derivatives None are zero. First derivatives may be a function that
    computes them, which is called when they are needed.
    """

    __slots__ = ("value", "pending", "half", "depth", "level", "shape", "dtype", "along")

    def __init__(self, value: Any, first: Any, half: Any, depth: int, along: Directions, level: int):
        self.value = value
        self.pending = first
        self.half = half
        self.along = along
        self.level = level
        self.depth = depth
        self.shape = value.shape[1:]
        self.dtype = value.dtype
        if depth > PATIENCE:
            _ = self.first

    @property
    def differentiates(self) -> bool:
        """Whether the value depends on the variables."""
        return self.pending is not None

    @property
    def first(self) -> Any:
        """The derivatives along each direction."""
        if callable(self.pending):
            self.pending = self.pending()
            self.depth = 0
        return self.pending

    def __repr__(self) -> str:
        return f"ForwardLaplacian{self.level}({self.value!r})"

    def inside(self) -> Tensor:
        """The values."""
        return as_tensors(self.value)  # type: ignore[no-any-return]

    def concrete(self) -> Any:
        """The value, where there is one example. Raises TypeError for a batch."""
        if self.along.examples != 1:
            raise TypeError(
                "a differential operator at a batch of points runs the function on all of them at once: there is no "
                "single bool, number or array. Use gradtape.where instead of `if`, or give one point at a time"
            )
        return concrete(as_tensors(self.value))[0]

    def parts(self) -> list[Any]:
        """Value, first derivatives, half of the sum of the second."""
        return [self.value, self.first, self.half]

    def made_of(self, parts: list[Any]) -> ForwardLaplacian:
        """Other values and derivatives."""
        value, first, half = parts
        return ForwardLaplacian(value, first, half, 0, self.along, self.level)

    @classmethod
    def apply(cls, primitive: Primitive, level: int, arguments: tuple[Any, ...], parameters: dict[str, Any]) -> Any:
        """The primitive on all examples, with first and second derivatives."""
        raw = not active()
        values: list[Any] = []
        flags: list[bool] = []
        moving: list[Any] = []
        pattern = 0  # which arguments move, as bits
        bit = 1
        for a in arguments:
            kind = a.__class__
            if kind is VirtualTensor and a._data.level == level:
                j = a._data
                along = j.along
                still = j.pending is None
                if still and along.examples == 1:  # a mask, say, which needs no axis of examples and picks as it is
                    flags.append(False)
                    values.append(j.value[0])
                else:
                    flags.append(True)
                    values.append(j.value)
                if still:
                    j = None
                else:
                    pattern += bit
            else:
                j = None
                flags.append(False)
                values.append(a._data if raw and (kind is Tensor or kind is Variable) else a)
            moving.append(j)
            bit += bit
        rule = rule_of((primitive, pattern))
        if rule is None:
            rule = RULES[primitive, pattern] = rule_for(primitive, moving)
        if rule is by_series:
            return by_series(lambda *series: apply(primitive, *series, **parameters), arguments, level)
        app = new_tuple(Jets, (primitive, values, flags, moving, parameters, raw))
        value, first, half, depth = rule(app, along)
        return cls(value, first, half, depth, along, level)


class Jets(NamedTuple):
    """One application: the values of the arguments, which of them have an axis of examples, and which move."""

    primitive: Any
    values: list[Any]
    flags: list[bool]
    moving: list[Any]
    parameters: dict[str, Any]
    raw: bool

    def value(self, along: Directions) -> Any:
        """The primitive on all examples."""
        if self.raw and self.primitive.batch == "align" and are_level(self.values, self.flags):
            return self.primitive.kernel(*self.values, **self.parameters)
        return over_examples(self.primitive, along.examples, self.values, self.flags, self.parameters)


def are_level(values: list[Any], flags: list[bool]) -> bool:
    """Whether they are plain arrays, those of all examples of one rank, the others of one less at most: then they
    broadcast as they are."""
    rank = most = 0
    for value, flag in zip(values, flags):
        if value.__class__ is not ndarray:
            return False
        if not flag:
            most = max(most, value.ndim)
        elif rank and value.ndim != rank:
            return False
        else:
            rank = value.ndim
    return most < rank


#: What to do by primitive and which arguments move.
RULES: dict[tuple[Any, ...], Callable[..., Any]] = {}
rule_of = RULES.get
new_tuple = tuple.__new__


def rule_for(primitive: Primitive, moving: list[Any]) -> Callable[..., Any]:
    """The rule of a primitive's kind where these arguments move."""
    count = len([j for j in moving if j is not None])
    if primitive.outputs != 1:
        return by_series
    if isinstance(primitive, Zero) or not count:
        return constant
    if is_linear(primitive, moving) and not (isinstance(primitive.series, Solves) and primitive.series.quotient):
        return linearly
    if isinstance(primitive, Elementwise):
        if terms.is_sum(primitive, moving):
            return weighted_sum
        if count == 1:
            return elementwise
        if primitive.series is PRODUCT:
            return product
    return by_series


def constant(app: Jets, along: Directions) -> tuple[Any, ...]:
    """What does not move may differ between the examples, where there are several."""
    if True in app.flags:
        return app.value(along), None, None, 0
    y = apply(app.primitive, *app.values, **app.parameters)
    return lowered(reshape(y, (1, *y.shape))), None, None, 0


def linearly(app: Jets, along: Directions) -> tuple[Any, ...]:
    """A function linear in what moves, on each component."""
    primitive, values, flags, moving, parameters, raw = app
    on_derivatives = SCALE_EITHER if primitive.series is PRODUCT else primitive  # whose zeros absorb
    if flags.count(True) == 1:
        return linearly_in_one(app, along, on_derivatives)

    def on(parts: list[Any], lead: tuple[int, ...]) -> Any:
        """The function on parts of the arguments that move, which have these leading axes."""
        size = prod(lead)
        inputs = []
        for i, (part, value, flag) in enumerate(zip(parts, values, flags)):
            if part is not None:
                if part.shape[: len(lead)] != lead:
                    part = broadcast_to(part, (*lead, *part.shape[len(lead) :]))
                value = part if len(lead) == 1 else reshape(part, (size, *part.shape[len(lead) :]))
            elif moving[i] is not None:
                value = full((size, *value.shape[1:]), 0, value.dtype, value)
            else:
                if isinstance(primitive, Linear) and primitive.is_linear_in(i):
                    value = terms.zeros_like(value)
                if flag:
                    value = example_rows(value, lead)
            inputs.append(value)
        out = over_examples(on_derivatives, size, inputs, flags, parameters)
        return out if len(lead) == 1 else reshape(out, (*lead, *out.shape[1:]))

    def first() -> Any:
        parts = [None if j is None else j.first for j in moving]
        return on(parts, (along.count, common([p.shape[1] for p in parts if p is not None], flags, moving, along)))

    halves = [None if j is None else j.half for j in moving]
    lengths = [h.shape[0] for h in halves if h is not None]
    half = on(halves, (common(lengths, flags, moving, along),)) if lengths else None
    depth = 1 + max([j.depth for j in moving if j is not None])
    return app.value(along), (first if raw else first()), half, depth


def linearly_in_one(app: Jets, along: Directions, on_derivatives: Any) -> tuple[Any, ...]:
    """The same for one argument beside constants, which is most of a network."""
    primitive, values, flags, moving, parameters, raw = app
    index = flags.index(True)
    x = moving[index]
    others = list(values)
    if isinstance(primitive, Linear) and len(values) > 1:
        for i, value in enumerate(values):
            if i != index and primitive.is_linear_in(i):
                others[i] = terms.zeros_like(value)

    def on(part: Any) -> Any:
        others[index] = part
        return over_examples(on_derivatives, part.shape[0], others, flags, parameters)

    def first() -> Any:
        if x.pending.__class__ is Scaled and x.pending.suits(primitive, index, others, parameters):
            return x.pending.product(others[1])
        j = x.first
        r, n, *shape = j.shape
        y = on(reshaped(j, (r * n, *shape)))
        return reshaped(y, (r, n, *y.shape[1:]))

    half = None if x.half is None else on(x.half)
    return app.value(along), (first if raw else first()), half, x.depth + 1


class Scaled:
    """First derivatives that are the same at every example, times a slope: not multiplied before somebody asks.

    A product with a matrix scales its rows instead, which are fewer than the examples: (s j) W = s (j^T W).
    """

    __slots__ = ("slope", "first")

    def __init__(self, slope: Any, first: Any):
        self.slope, self.first = slope, first

    @staticmethod
    def can_be(slope: Any, first: Any) -> bool:
        """Whether these are vectors of plain numbers, one of first derivatives and one of slopes for each example."""
        return (
            first.__class__ is ndarray and slope.__class__ is ndarray and first.ndim == 3 and slope.ndim == 2
            and first.shape[1] == 1 < len(slope) and first.shape[2] == slope.shape[1]
        )  # fmt: skip

    def __call__(self) -> Any:
        return self.first * self.slope

    def suits(self, primitive: Any, index: int, arguments: Sequence[Any], parameters: dict[str, Any]) -> bool:
        """Whether the function is such a product, and it pays."""
        if primitive.__class__ is not Bilinear or primitive.subscripts is None or index:
            return False
        matrix = arguments[1]
        if matrix.__class__ is not ndarray or matrix.ndim != 2 or len(self.slope) <= matrix.shape[1]:
            return False
        return is_row_by_matrix(primitive, *parameters.values())

    def product(self, matrix: Any) -> Any:
        """The product for each direction."""
        return self.slope @ (self.first.mT * matrix)


@lru_cache(64)
def is_row_by_matrix(primitive: Any, *parameters: Any) -> bool:
    """Whether a product of a vector and a matrix sums over the matrix' first axis."""
    factors, _, out = primitive.subscripts(1, 2, *parameters).partition("->")
    vector, _, matrix = factors.partition(",")
    return len(vector) == 1 and matrix == vector + out


def reshaped(x: Any, shape: tuple[int, ...]) -> Any:
    """reshape, for arrays by NumPy itself."""
    return x.reshape(shape) if x.__class__ is ndarray else reshape(x, shape)


def common(lengths: list[int], flags: list[bool], moving: list[Any], along: Directions) -> int:
    """How many examples derivatives differ between: 1 if between none."""
    if any([flag and j is None for flag, j in zip(flags, moving, strict=True)]) or any([n != 1 for n in lengths]):
        return along.examples
    return 1


def example_rows(value: Any, lead: tuple[int, ...]) -> Any:
    """Values of the examples, repeated for each direction, in rows."""
    shape = tuple(value.shape[1:])
    if len(lead) > 1:
        value = broadcast_to(reshape(value, (1, *value.shape)), (*lead, *shape))
    return reshape(value, (prod(lead), *shape))


def weighted_sum(app: Jets, along: Directions) -> tuple[Any, ...]:
    """Sums and differences, elementwise: of each component alike."""
    j, (a, *others) = app.moving[0], app.values
    if j is not None and app.raw and len(others) == 1 and app.moving[1] is None and app.primitive.slopes[0] == 1:
        b = others[0]  # a constant that changes no shape: a bias
        both = a.__class__ is b.__class__ is ndarray and not app.flags[1]
        if both and b.ndim < a.ndim and b.shape == a.shape[-b.ndim :]:
            return app.primitive.kernel(a, b), (lambda: j.first), j.half, j.depth + 1
    y = app.value(along)
    shape = y.shape[1:]
    parts = [(c, j) for c, j in zip(app.primitive.slopes, app.moving) if j is not None]
    if len(parts) == 1 and parts[0][0] == 1 and parts[0][1].shape == shape:
        j = parts[0][1]
        return y, (lambda: j.first) if app.raw else j.first, j.half, j.depth + 1

    def total(derivatives: list[Any], lead: int) -> Any:
        result = None
        for (c, _), x in zip(parts, derivatives):
            if x is not None:
                x = spread(x, len(shape), lead)
                result = plus(result, x if c == 1 else -x if c == -1 else c * x)
        if result is None or result.shape[lead:] == shape:
            return result
        return broadcast_to(result, (*result.shape[:lead], *shape))

    first: Callable[[], Any] = lambda: total([j.first for _, j in parts], 2)
    depth = 1 + max([j.depth for _, j in parts])
    return y, (first if app.raw else first()), total([j.half for _, j in parts], 1), depth


@quietly
def elementwise(app: Jets, along: Directions) -> tuple[Any, ...]:
    """f(x): J' = f' J, H' = f' H + f''/2 sum(J J)."""
    primitive, values, flags, moving, parameters, raw = app
    index = 0
    if len(values) > 1:
        index = next(i for i, j in enumerate(moving) if j is not None)
        values = aligned(values, flags, (0,) * len(values))
    x = moving[index]
    y, slope, curvature, number = unit_series(primitive, values, index, parameters)
    if slope is None:  # nothing flows through this argument
        return y, None, None, 0
    rank = len(y.shape) - 1
    times = scale if primitive.singular else mul if raw else multiply
    route = primitive.slopes[index]
    routed = route.__class__ is Route
    env = primitive.environment(y, values, parameters) if routed else {}

    def push(t: Any) -> Any:
        return route(t, env=env) if routed else times(t, slope)

    first, half = x.first, x.half
    if half is not None:
        half = spread(half, rank, 1)
    if curvature is not None:
        squares = spread(along.summed(first, first), rank, 1)  # of the fewest elements: numbers are for these
        less = half is not None and number == -1
        if not less and number != 1:
            squares = squares * number
        if curvature.__class__ is tuple:
            a, b = curvature
            if b is slope and half is not None and times is mul and not routed:  # f' (H + a sum(J J))
                half, curvature = half - squares * a if less else half + squares * a, None
            else:
                curvature = a * b
    if half is not None:
        half = push(half)
    if curvature is not None:
        more = times(squares, curvature)
        half = half - more if less else plus(half, more)

    if times is mul and not routed and Scaled.can_be(slope, first):
        return y, Scaled(slope, first), half, 0

    def moved() -> Any:
        with np.errstate(all="ignore"):
            return push(spread(first, rank, 2))

    return y, (moved if raw else moved()), half, 0


def spread(x: Any, rank: int, lead: int) -> Any:
    """x with axes of length 1 after its leading ones, to this rank behind them."""
    missing = rank + lead - len(x.shape)
    if not missing:
        return x
    return reshape(x, (*x.shape[:lead], *(1,) * missing, *x.shape[lead:]))


@quietly
def product(app: Jets, along: Directions) -> tuple[Any, ...]:
    """a b: J = a J_b + b J_a, H = a H_b + b H_a + sum(J_a J_b)."""
    a, b = app.moving
    y = app.value(along)
    rank = len(y.shape) - 1
    of_a, of_b = [[spread(x, rank, lead) for x, lead in ((j.value, 1), (j.first, 2))] for j in (a, b)]
    first = scale_either(of_b[1], of_a[0]) + scale_either(of_a[1], of_b[0])
    half = along.summed(of_a[1], of_b[1])
    for derivative, factor in ((b.half, of_a[0]), (a.half, of_b[0])):
        if derivative is not None:
            half = half + scale_either(spread(derivative, rank, 1), factor)
    return y, first, half, 0


@quietly
def by_series(call: Callable[..., Any], given: Sequence[Any], level: int) -> Any:
    """Any function: by series to order 2 along all directions, and along one more, whose second term is H."""
    jets = [a._data if type(a) is VirtualTensor and a._data.level == level else None for a in given]
    along = next(j.along for j in jets if j is not None)
    n, count = along.examples, along.count
    with new_level() as examples, new_level() as directions, new_level() as inner:
        arguments: list[Any] = []
        for j, a in zip(jets, given, strict=True):
            if j is None:
                arguments.append(a)
                continue
            x0 = tensor(Batched(as_tensors(j.value), examples))
            if j.pending is not None:
                lead = (count, n)
                first = broadcast_to(j.first, (*lead, *j.shape))
                zero = terms.zeros_like(first[:1])
                half = zero if j.half is None else reshape(broadcast_to(j.half, j.value.shape), zero.shape)
                parts = [concat([first, zero]), concat([terms.zeros_like(first), half])]
                x1, x2 = [batch_of_batches(part, examples, directions) for part in parts]
                x0 = tensor(Series([x0, x1, x2], None, 2, inner))
            arguments.append(x0)
        out = call(*arguments)
        results = []
        several = isinstance(out, tuple)
        for y in out if several else (out,):
            known = y._data.terms if type(y) is VirtualTensor and y._data.level == inner else [y, None, None]
            value = unbatched(as_tensors(known[0]), examples, n)
            first, second = [
                None if term is None else unbatched(unbatched(as_tensors(term), directions, count + 1), examples, n)
                for term in known[1:]
            ]
            half = None
            if second is not None:
                weights = np.ones(count) if along.weights is None else along.weights
                weights = np.append(weights, 1.0).reshape(1, count + 1, *(1,) * (len(second.shape) - 2))
                weights = weights.astype(numpy_dtype(second.dtype), copy=False)
                half = sum(second * static(weights, second, dtype=second.dtype), axis=1)
            first = None if first is None else moveaxis(first, 1, 0)[:count]
            results.append([None if part is None else lowered(part) for part in (value, first, half)])
    made = [ForwardLaplacian(value, first, half, 0, along, level) for value, first, half in results]
    return tuple(made) if several else made[0]


def batch_of_batches(x: Any, examples: int, directions: int) -> Tensor:
    """Rows for each direction of rows for each example, as a value at both levels."""
    values = tensor(Batched(as_tensors(moveaxis(x, 0, 1)), examples))
    return tensor(Batched(values, directions))
