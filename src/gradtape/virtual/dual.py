"""Dual: a value with its tangent. What forward mode does to each kind of primitive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..arrays.dtypes import kind_of
from ..errors import NoDerivativeError
from ..functions.declare import shape_of
from ..functions.elementwise import real
from ..functions.manipulation import astype, broadcast_to
from ..functions.static import zeros
from ..primitive import Bilinear, Elementwise, General, Linear, Primitive, Route, Rule, Zero, apply, scale
from ..sweep import transposed
from ..tensor import Tensor, Virtual, VirtualTensor, concrete

Tangents = Sequence[Any]


class Dual(Virtual):
    """primal + tangent·ε at some level; both are Tensors of a lower level, and a tangent None is zero."""

    __slots__ = ("primal", "tangent", "level", "shape", "dtype")
    differentiates = True

    def __init__(self, primal: Tensor, tangent: Any, level: int):
        self.primal, self.tangent, self.level = primal, tangent, level
        self.shape, self.dtype = primal.shape, primal.dtype

    def __repr__(self) -> str:
        return f"Dual{self.level}({self.primal!r}, tangent={self.tangent!r})"

    def inside(self) -> Tensor:
        """The primal."""
        return self.primal

    def concrete(self) -> Any:
        """The primal's value."""
        return concrete(self.primal)

    def parts(self) -> list[Any]:
        """Primal and tangent."""
        return [self.primal, self.tangent]

    def made_of(self, parts: list[Any]) -> Dual:
        """Another primal and tangent."""
        return Dual(parts[0], parts[1], self.level)

    @classmethod
    def apply(cls, primitive: Primitive, level: int, arguments: tuple[Any, ...], parameters: dict[str, Any]) -> Any:
        """The primitive on the primals, and its pushforward of the tangents."""
        primals = []
        tangents = []
        for a in arguments:
            if type(a) is VirtualTensor and a._data.level == level:
                primals.append(a._data.primal)
                tangents.append(a._data.tangent)
            else:
                primals.append(a)
                tangents.append(None)
        y = apply(primitive, *primals, **parameters)
        if isinstance(primitive, Zero):
            return y
        with np.errstate(all="ignore"):
            dy = push_forward(primitive, y, primals, tangents, parameters)
        if primitive.outputs != 1:
            if dy is None:
                dy = [None] * primitive.outputs
            return tuple([Dual(part, d, level) for part, d in zip(y, dy, strict=True)])
        return Dual(y, dy, level)


def push_forward(
    primitive: Primitive, y: Any, primals: Sequence[Any], tangents: Tangents, parameters: dict[str, Any]
) -> Any:
    """The tangent of y = primitive(*primals) (a tuple for several outputs); None is zero, for tangents too."""
    if all([t is None for t in tangents]):
        return None
    dy = PUSH[type(primitive)](primitive, y, primals, tangents, parameters)
    if dy is None:
        return None
    if primitive.outputs != 1:
        return tuple([None if d is None else fit_tangent(d, part) for d, part in zip(dy, y, strict=True)])
    return fit_tangent(dy, y)


def fit_tangent(t: Any, y: Any) -> Any:
    """A tangent in the space of its primal: same shape, dtype, and real for a real primal."""
    if t.shape != y.shape:
        t = broadcast_to(t, y.shape)
    if t.dtype != y.dtype:
        if kind_of(t.dtype) == "c" and kind_of(y.dtype) != "c":
            t = real(t)
        if t.dtype != y.dtype:
            t = astype(t, y.dtype)
    return t


def plus(a: Any, b: Any) -> Any:
    """The sum, where None is zero."""
    return b if a is None else a if b is None else a + b


def push_elementwise(primitive: Elementwise, y: Any, primals: Any, tangents: Tangents, parameters: Any) -> Any:
    """Sum of the tangents carried along the slopes."""
    env = primitive.environment(y, primals, parameters)
    dy = None
    for slope, t in zip(primitive.slopes, tangents, strict=True):
        if t is not None:
            dy = plus(dy, push_slope(slope, t, env, primitive.singular))
    return dy


def push_slope(slope: Any, t: Any, env: dict[str, Any], singular: bool) -> Any:
    """Tangent times slope; where it is routed, the same route (selecting is its own transpose)."""
    if slope is None:
        return None
    if isinstance(slope, Route):
        return slope(t, env=env)
    if isinstance(slope, Rule):
        return scale(t, slope(env=env)) if singular else t * slope(env=env)
    return t if slope == 1 else t * slope


def push_linear(primitive: Linear, y: Any, primals: Any, tangents: Tangents, parameters: Any) -> Any:
    """The function itself, on the tangents."""
    inputs = []
    for i, (x, t) in enumerate(zip(primals, tangents, strict=True)):
        if not primitive.is_linear_in(i):
            inputs.append(x)
        elif t is None:
            inputs.append(zeros(shape_of(x), y.dtype, y))
        else:
            inputs.append(t)
    return apply(primitive, *inputs, **parameters)


def push_bilinear(primitive: Bilinear, y: Any, primals: Any, tangents: Tangents, parameters: Any) -> Any:
    """The product rule."""
    (a, b), (da, db) = primals, tangents
    left = None if da is None else apply(primitive, da, b, **parameters)
    right = None if db is None else apply(primitive, a, db, **parameters)
    return plus(left, right)


def push_general(primitive: General, y: Any, primals: Any, tangents: Tangents, parameters: Any) -> Any:
    """Sum of the declared jvps, or of the transposes of the declared vjps."""
    if primitive.joint_jvp is not None:
        return primitive.joint_jvp(tangents, y, *primals, **parameters)
    if primitive.joint_vjp is not None:
        return push_jointly(primitive, y, primals, tangents, parameters)
    env = primitive.environment(y, primals, parameters)
    total: Any = None
    for i, t in enumerate(tangents):
        if t is None or i >= len(primitive.jvps):
            continue
        push, pull = primitive.jvps[i], primitive.vjps[i]
        if push is not None:
            part = push(t, env=env)
        elif pull is not None:
            part = transposed_vjp(pull, env, y, t)
        else:
            raise NoDerivativeError(f"{primitive.name} has no derivative in its argument {primitive.arguments[i]!r}")
        if primitive.outputs == 1:
            total = plus(total, part)
        else:
            total = part if total is None else [plus(a, b) for a, b in zip(total, part, strict=True)]
    return total


def transposed_vjp(pull: Callable[..., Any], env: dict[str, Any], y: Any, t: Any) -> Any:
    """The pushforward that belongs to a vjp: g -> vjp(g) is linear, and its transpose carries t forward."""
    if isinstance(y, tuple):

        def alone(i: int) -> Callable[[Any], Any]:
            return lambda g: pull(tuple([g if j == i else None for j in range(len(y))]), env=env)

        return [transposed(alone(i), part, t) for i, part in enumerate(y)]
    return transposed(lambda g: pull(g, env=env), y, t)


def push_jointly(primitive: General, y: Any, primals: Any, tangents: Tangents, parameters: Any) -> Any:
    """The transpose of a joint vjp, one moving argument after the other."""
    total: Any = None
    for i, t in enumerate(tangents):
        if t is None:
            continue

        def pull(g: Any, i: int = i) -> Any:
            assert primitive.joint_vjp is not None
            parts = primitive.joint_vjp(g, y, *primals, **parameters)
            return parts[i] if isinstance(parts, tuple | list) else parts

        part = transposed_vjp(lambda g, env, pull=pull: pull(g), {}, y, t)
        if primitive.outputs == 1:
            total = plus(total, part)
        else:
            total = part if total is None else [plus(a, b) for a, b in zip(total, part, strict=True)]
    return total


PUSH: dict[type[Primitive], Callable[..., Any]] = {
    Elementwise: push_elementwise,
    Linear: push_linear,
    Bilinear: push_bilinear,
    General: push_general,
}
