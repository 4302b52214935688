"""Batched: a value with a hidden leading axis. What vmap does to a primitive, by its declared batch rule."""

from __future__ import annotations

from typing import Any

from ..functions.declare import shape_of
from ..functions.manipulation import broadcast_to, reshape
from ..primitive import Alike, Axes, Core, Primitive, apply
from ..tensor import Tensor, Virtual, VirtualTensor


class Batched(Virtual):
    """Values along axis 0 of `values`, a Tensor of a lower level; the shape is that of one of them."""

    __slots__ = ("values", "level", "shape", "dtype")

    def __init__(self, values: Tensor, level: int):
        self.values, self.level = values, level
        self.shape, self.dtype = values.shape[1:], values.dtype

    @property
    def differentiates(self) -> bool:
        """Whether a Dual is inside."""
        return getattr(self.values._data, "differentiates", False)

    def __repr__(self) -> str:
        return f"Batched{self.level}({self.values!r})"

    def inside(self) -> Tensor:
        """The values."""
        return self.values

    def concrete(self) -> Any:
        """There is no single value: raises TypeError."""
        raise TypeError(
            "inside vmap a value stands for a whole batch: it has no single bool, number or array. Use gradtape.where "
            "instead of `if`, and return the value from vmap before it is printed or converted"
        )

    def parts(self) -> list[Any]:
        """The values."""
        return [self.values]

    def made_of(self, parts: list[Any]) -> Batched:
        """Other values."""
        return Batched(parts[0], self.level)

    @classmethod
    def apply(cls, primitive: Primitive, level: int, arguments: tuple[Any, ...], parameters: dict[str, Any]) -> Any:
        """The primitive on all examples at once."""
        flags = [type(a) is VirtualTensor and a._data.level == level for a in arguments]
        values = [a._data.values if f else a for a, f in zip(arguments, flags, strict=True)]
        size = next(v.shape[0] for v, f in zip(values, flags, strict=True) if f)
        y = over_examples(primitive, size, values, flags, parameters)
        if primitive.outputs != 1:
            return tuple([cls(part, level) for part in y])
        return cls(y, level)


def over_examples(
    primitive: Primitive, size: int, values: list[Any], flags: list[bool], parameters: dict[str, Any]
) -> Any:
    """The primitive on all examples: those values whose flag is set have one each along axis 0."""
    rule = primitive.batch
    if rule == "align":
        if len(values) > 1:
            values = aligned(values, flags, (0,) * len(values))
        return apply(primitive, *values, **parameters)
    if callable(rule):
        return rule(size, values, flags, **parameters)
    if isinstance(rule, Core):
        return apply(primitive, *aligned(values, flags, rule.axes), **parameters)
    if isinstance(rule, Axes):
        return apply(primitive, values[0], *values[1:], **{**parameters, **shifted(rule, parameters)})
    if isinstance(rule, Alike):
        values = [v if f else broadcast_to(v, (size, *shape_of(v))) for v, f in zip(values, flags, strict=True)]
        return apply(primitive, *values, **{**parameters, **shifted(rule, parameters)})
    return one_by_one(primitive, size, values, flags, parameters)


def aligned(values: list[Any], flags: list[bool], core: tuple[int, ...]) -> list[Any]:
    """Batched values with ones after the batch axis, so that the examples' own leading axes broadcast."""
    core = core if len(core) == len(values) else core[:1] * len(values)
    ranks, most, least = [], 0, 64  # `least`: of those that have examples
    for v, f, c in zip(values, flags, core):
        rank = len(shape_of(v)) - f - c
        ranks.append(rank)
        if rank > most:
            most = rank
        if f and rank < least:
            least = rank
    if least == most:
        return values
    return [
        reshape(v, (v.shape[0], *(1,) * (most - r), *v.shape[1:])) if f and r < most else v
        for v, f, r in zip(values, flags, ranks, strict=True)
    ]


def shifted(rule: Axes | Alike, parameters: dict[str, Any]) -> dict[str, Any]:
    """Axis parameters one further."""
    return {
        name: tuple([a + 1 for a in parameters[name]]) if isinstance(parameters[name], tuple) else parameters[name] + 1
        for name in rule.names
    }


def one_by_one(
    primitive: Primitive, size: int, values: list[Any], flags: list[bool], parameters: dict[str, Any]
) -> Any:
    """The examples in a loop, for primitives without a batch rule."""
    from ..functions.manipulation import stack

    results = [
        apply(primitive, *[v[i] if f else v for v, f in zip(values, flags, strict=True)], **parameters)
        for i in range(size)
    ]
    if primitive.outputs != 1:
        return tuple([stack(list(parts)) for parts in zip(*results, strict=True)])
    return stack(results)


def unbatched(x: Any, level: int, size: int) -> Any:
    """The values with the batch axis in front again; what does not depend on the example is repeated."""
    if type(x) is VirtualTensor and x._data.level == level:
        return x._data.values
    return broadcast_to(x, (size, *x.shape))
