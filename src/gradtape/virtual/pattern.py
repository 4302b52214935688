"""Pattern: a value with, for each of its elements, the set of inputs that the element's derivative depends on.

What sparsity detection does to each kind of primitive. A pattern never has a false zero. It is global (valid for
every input) or local (at this point): a global one may use constants, a local one all values. The pattern of a
Hessian is that of the gradient's own program, so there is nothing here about second order.

- elementwise: the union of the arguments' sets, where the slope is not known to be 0
- linear: the function's matrix, read off by applying it to numbers (see linear_maps.py)
- bilinear: the sum over pairs that its subscripts say, where the other factor is not known to be 0
- general: everything that its axes mix; each example of a batch by itself
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..arrays.dtypes import kind_of, numpy_dtype
from ..arrays.index_sets import IndexSets, identity, through
from ..arrays.libraries import to_numpy
from ..context import new_level
from ..errors import users_line
from ..functions.declare import shape_of
from ..functions.static import innermost, zeros
from ..primitive import Alike, Axes, Bilinear, Core, Elementwise, General, Linear, Primitive, Route, Rule, Zero, apply
from ..sweep import fit
from ..tensor import Tensor, Virtual, VirtualTensor, concrete, tensor
from .linear_maps import Mixing, bilinear_sets, linear_sets, mixed_sets, positions_in

ndarray = np.ndarray


class Scan:
    """One detection: how many inputs there are, and whether the pattern is to hold at this point only."""

    __slots__ = ("width", "local")

    def __init__(self, width: int, local: bool):
        self.width, self.local = width, local


class Pattern(Virtual):
    """A value and its index sets (None: all empty); a Tensor of a lower level. `varies`: whether also elements
    with an empty set may change with the input, in jumps."""

    __slots__ = ("value", "sets", "varies", "scan", "level", "shape", "dtype")

    def __init__(self, value: Tensor, sets: IndexSets | None, varies: bool, scan: Scan, level: int):
        self.value, self.sets, self.varies, self.scan, self.level = value, sets, varies, scan, level
        self.shape, self.dtype = value.shape, value.dtype

    def __repr__(self) -> str:
        return f"Pattern{self.level}({self.value!r})"

    def inside(self) -> Tensor:
        """The value."""
        return self.value

    def concrete(self) -> Any:
        """The value of a local pattern; a global one has no value to look at: raises TypeError."""
        if self.scan.local:
            return concrete(self.value)
        line = users_line()
        raise TypeError(
            "a sparsity pattern that holds for every input cannot be read from a program that looks at values"
            + (f" (at {line})" if line else "")
            + ": use gradtape.where instead of `if`, or local=True for the pattern at this point (of the branch taken)"
        )

    @classmethod
    def apply(cls, primitive: Primitive, level: int, arguments: tuple[Any, ...], parameters: dict[str, Any]) -> Any:
        """The primitive on the values, and the index sets of its results."""
        patterns = [a._data if type(a) is VirtualTensor and a._data.level == level else None for a in arguments]
        scan = next(p for p in patterns if p is not None).scan
        values = [a if p is None else p.value for a, p in zip(arguments, patterns, strict=True)]
        varies = any([p is not None and p.varies for p in patterns])
        several = primitive.outputs != 1
        if isinstance(primitive, Zero):
            y = apply(primitive, *values, **parameters)
            if scan.local:
                return y
            parts = y if several else (y,)
            wrapped = [cls(as_tensor(part), None, True, scan, level) for part in parts]
            return tuple(wrapped) if several else wrapped[0]
        application = Application(primitive, scan, patterns, values, parameters)
        y, sets = application.run()
        if several:
            return tuple([cls(as_tensor(part), s, varies, scan, level) for part, s in zip(y, sets, strict=True)])
        return cls(as_tensor(y), sets[0], varies, scan, level)


def as_tensor(x: Any) -> Tensor:
    """A handle on what a primitive gave."""
    return x if isinstance(x, Tensor) else tensor(x)


class Application:
    """One application of a primitive to values some of which have patterns."""

    __slots__ = ("primitive", "scan", "patterns", "values", "parameters", "shapes")

    def __init__(self, primitive: Primitive, scan: Scan, patterns: Any, values: Any, parameters: dict[str, Any]):
        self.primitive, self.scan, self.patterns, self.values = primitive, scan, patterns, values
        self.parameters = parameters
        self.shapes = [shape_of(v) for v in values]

    def run(self) -> tuple[Any, list[IndexSets | None]]:
        """The value, and the sets of each output."""
        primitive = self.primitive
        known = [self.known(i) for i in range(len(self.values))]
        y = apply(primitive, *self.values, **self.parameters)
        parts = y if primitive.outputs != 1 else (y,)
        if all([p is None or p.sets is None for p in self.patterns]):
            return y, [None] * len(parts)
        with np.errstate(all="ignore"):
            return y, SETS[type(primitive)](self, known, [shape_of(part) for part in parts], y)

    def sets(self, i: int) -> IndexSets | None:
        """The index sets of argument i."""
        pattern = self.patterns[i]
        return None if pattern is None else pattern.sets

    def known(self, i: int) -> Any:
        """Argument i as a plain array, if the pattern may depend on its value; else None."""
        pattern = self.patterns[i]
        if pattern is not None and not self.scan.local:
            return None
        return plain(self.values[i])

    def factor(self, i: int, known: Any) -> Any:
        """Which elements of argument i may be other than 0, or None if any may."""
        if known is not None:
            return np.asarray(known) != 0
        pattern = self.patterns[i]
        if pattern is None or pattern.varies:
            return None
        value = plain(pattern.value)
        if value is None:
            return None
        fixed = np.ones(np.shape(value), bool)
        if pattern.sets is not None:
            fixed = (np.diff(pattern.sets.matrix.indptr) == 0).reshape(np.shape(value))
        return ~fixed | (np.asarray(value) != 0)

    def mixing(self, i: int, shape_out: tuple[int, ...]) -> Mixing | None:
        """Along which axes of argument i elements come together in a result of this shape; None: along all of them."""
        rule, shape = self.primitive.mixes, self.shapes[i]
        count, rank = len(self.values), len(shape)
        if rule == "align":
            rule = Core((0,) * count)
        if isinstance(rule, Core):
            core = rule.axes if len(rule.axes) == count else rule.axes[:1] * count
            axes = tuple(range(rank - core[i], rank))
            return Mixing(axes, axes, max([len(s) - c for s, c in zip(self.shapes, core, strict=True)]))
        if isinstance(rule, Axes | Alike):
            named = self.named_axes()
            if rank < max(map(len, self.shapes)):
                return None  # one that lacks the axes: see `mixed`
            also = [rank + a for a in rule.also]
            gone = named + also if len(shape_out) == rank - len(named) - len(also) else also
            return Mixing(tuple(named + also), tuple(gone), None)
        return None

    def named_axes(self) -> list[int]:
        """The axes that parameters name."""
        named: list[int] = []
        for name in self.primitive.mixes.names:
            value = self.parameters[name]
            named += value if isinstance(value, tuple) else (value,)
        return named

    def mixed(self, which: Sequence[int], shape: tuple[int, ...]) -> IndexSets | None:
        """Everything in these arguments that comes together in an element of the result."""
        total: IndexSets | None = None
        for i in which:
            sets = self.sets(i)
            if sets is not None:
                own, mixing = self.shapes[i], self.mixing(i, shape)
                if isinstance(self.primitive.mixes, Alike):
                    axes, most = tuple(self.named_axes()), max(map(len, self.shapes))
                    if len(own) < most:  # a result of a reduction: as if it had kept its axes
                        lengths = iter(own)
                        own = tuple([1 if a in axes else next(lengths) for a in range(most)])
                    mixing = Mixing(axes, axes if len(shape) < most else (), None)
                total = joined(total, mixed_sets(sets, own, mixing, shape))
        return total


def plain(x: Any) -> Any:
    """A value of level 0 as a NumPy array or a number; None for one that is inside another transform."""
    if isinstance(x, Tensor):
        if type(x) is VirtualTensor:
            return None
        x = x._data
    return to_numpy(x) if hasattr(x, "dtype") else x


def joined(a: IndexSets | None, b: IndexSets | None) -> IndexSets | None:
    """The union, where None is empty."""
    return b if a is None else a if b is None else a.union(b)


def by_pullback(
    pull: Callable[[list[Any], list[Any]], list[Any]],
    patterns: Sequence[Pattern | None],
    values: Sequence[Any],
    outputs: Sequence[Tensor],
    level: int,
) -> list[Pattern]:
    """The results of a function of values with patterns that is known by its pullback alone, in their patterns.

    `pull`: from the arguments and cotangents of the outputs to cotangents of the arguments (None: zero). It is linear
    in cotangents, so that its pattern is found by giving it those of all elements of the outputs.
    """
    scan = next(p for p in patterns if p is not None).scan
    ends = np.cumsum([0, *[y.size for y in outputs]])
    total: IndexSets | None = None
    own = Scan(int(ends[-1]), scan.local)
    with new_level() as inner:
        given = [
            v if p is None else tensor(Pattern(v, None, True, own, inner))
            for p, v in zip(patterns, values, strict=True)
        ]
        seeds = []
        for y, start, end in zip(outputs, ends, ends[1:], strict=False):
            zero = as_tensor(zeros(y.shape, y.dtype, y))
            seeds.append(tensor(Pattern(zero, identity(own.width).take(np.arange(start, end)), False, own, inner)))
        with np.errstate(all="ignore"):
            for pattern, g in zip(patterns, pull(given, seeds), strict=True):
                if pattern is None or pattern.sets is None or g is None:
                    continue
                g = fit(g, (pattern.shape, pattern.dtype))
                if type(g) is VirtualTensor and g._data.level == inner and g._data.sets is not None:
                    total = joined(total, through(g._data.sets.matrix.T.tocsr(), pattern.sets))
    varies = any([p is not None and p.varies for p in patterns])
    made = []
    for y, start, end in zip(outputs, ends, ends[1:], strict=False):
        sets = None if total is None else total.take(np.arange(start, end))
        made.append(Pattern(as_tensor(y), sets, varies, scan, level))
    return made


# -- what each kind does -------------------------------------------------------------------------------------------
def elementwise_sets(do: Application, known: Any, shapes: Any, y: Any) -> list[IndexSets | None]:
    """The union of the arguments' sets, where the slope is not known to be 0."""
    primitive = do.primitive
    assert isinstance(primitive, Elementwise)
    (shape,) = shapes
    env = primitive.environment(plain(y) if do.scan.local else None, known, do.parameters)
    total: IndexSets | None = None
    for i, slope in enumerate(primitive.slopes):
        sets = do.sets(i)
        if sets is None or slope is None or (not isinstance(slope, Rule) and slope == 0):
            continue
        part = sets if do.shapes[i] == shape else sets.take(positions_in(do.shapes[i], shape))
        if isinstance(slope, Rule) and all([env[name] is not None for name in slope.names]):
            values = slope(np.ones(shape), env=env) if isinstance(slope, Route) else slope(env=env)
            part = part.where(np.broadcast_to(np.asarray(values) != 0, shape))
        total = joined(total, part)
    return [total]


def sets_of_linear(do: Application, known: Any, shapes: Any, y: Any) -> list[IndexSets | None]:
    """Through the function's matrix; where its constants (indices, masks) may change, all they may choose."""
    primitive = do.primitive
    assert isinstance(primitive, Linear)
    (shape,) = shapes
    moving = [i for i in range(len(known)) if primitive.is_linear_in(i)]
    fixed = [i for i in range(len(known)) if not primitive.is_linear_in(i)]
    if any([known[i] is None for i in fixed]):
        return [do.mixed(moving, shape)]
    sets = [do.sets(i) for i in moving]
    shapes_in = [do.shapes[i] for i in moving]
    mixing = [do.mixing(i, shape) for i in moving]
    kinds = [np.dtype(np.complex128 if is_complex(do.values[i]) else np.float64) for i in moving]
    parameters = do.parameters
    if parameters.get("dtype") is not None:  # NumPy's kernel is asked, whatever library the arrays are of
        parameters = parameters | {"dtype": numpy_dtype(parameters["dtype"])}
    found = linear_sets(
        primitive, moving, known, parameters, shapes_in, kinds, sets, do.scan.width, shape, mixing
    )
    return [do.mixed(moving, shape) if found is None else found]


def is_complex(x: Any) -> bool:
    """Whether a value has complex elements."""
    x = innermost(x)
    return kind_of(x.dtype) == "c" if hasattr(x, "dtype") else isinstance(x, complex)


def sets_of_bilinear(do: Application, known: Any, shapes: Any, y: Any) -> list[IndexSets | None]:
    """Each factor's sets, over the pairs in which the other is not known to be 0."""
    primitive = do.primitive
    assert isinstance(primitive, Bilinear)
    (shape,) = shapes
    if primitive.subscripts is None:
        return [do.mixed((0, 1), shape)]
    subscripts = primitive.subscripts(len(do.shapes[0]), len(do.shapes[1]), **do.parameters)
    total: IndexSets | None = None
    for i in (0, 1):
        sets = do.sets(i)
        if sets is not None:
            other = do.factor(1 - i, known[1 - i])
            total = joined(total, bilinear_sets(subscripts, i, sets, do.shapes, other, shape))
    return [total]


def sets_of_general(do: Application, known: Any, shapes: Any, y: Any) -> list[IndexSets | None]:
    """Everything that comes together, in each output."""
    return [do.mixed(range(len(known)), shape) for shape in shapes]


SETS: dict[type[Primitive], Any] = {
    Elementwise: elementwise_sets,
    Linear: sets_of_linear,
    Bilinear: sets_of_bilinear,
    General: sets_of_general,
}

__all__ = ["Pattern", "Scan", "by_pullback"]
