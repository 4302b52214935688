"""How the functions of functions look at arguments: which are differentiated, and as what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..arrays import numpy_kernels as kernels
from ..arrays.dtypes import is_floating
from ..context import active
from ..functions.creation import asarray
from ..functions.declare import shape_of
from ..functions.static import zeros_like
from ..nest import Structure, check_keys, flatten
from ..primitive import Linear, apply
from ..tensor import Tensor, Variable, VirtualTensor, tensor, tracked

_IDENTITY = Linear("identity", kernels.identity, lambda g, x: g, batch="align")


def same(x: Any) -> Tensor:
    """A new Tensor of equal value, connected to x for whoever looks on."""
    if isinstance(x, Tensor):
        if type(x) is VirtualTensor or isinstance(x, Variable) or active():
            return apply(_IDENTITY, x)  # type: ignore[no-any-return]
        return tensor(x._data)
    return asarray(x)


def again(x: Tensor) -> Tensor:
    """Another handle on the same value."""
    return tracked(x._data, x._key)


def differentiable(x: Any, function: str, argument: str) -> Tensor:
    """`same(x)`, if x is made of floating numbers. Raises TypeError otherwise."""
    y = same(x)
    if not is_floating(y.dtype):
        raise TypeError(
            f"gradtape.{function}: {argument} has dtype {y.dtype}, and only floating numbers have derivatives: "
            "pass 3.0 instead of 3, or an array of floats"
        )
    return y


class Selected:
    """The differentiated arguments of a call: their leaves, and how to call the function with others in place."""

    __slots__ = ("leaves", "structures", "arguments", "positions", "single")

    def __init__(self, arguments: Sequence[Any], argnums: Any, function: str):
        self.single = not isinstance(argnums, tuple | list)
        numbers = [argnums] if self.single else list(argnums)
        self.arguments = list(arguments)
        self.positions = []
        for number in numbers:
            if not isinstance(number, int) or isinstance(number, bool):
                raise TypeError(f"gradtape.{function}: argnums must be an int or a tuple of ints, not {argnums!r}")
            if not -len(arguments) <= number < len(arguments):
                raise ValueError(
                    f"gradtape.{function}: argnums={argnums!r}, but the function is called with "
                    f"{len(arguments)} positional arguments"
                )
            self.positions.append(number % len(arguments))
        self.leaves: list[Tensor] = []
        self.structures: list[Structure] = []
        for position in self.positions:
            leaves, structure = flatten(arguments[position])
            self.leaves += [differentiable(leaf, function, f"argument {position}") for leaf in leaves]
            self.structures.append(structure)

    def call(self, f: Callable[..., Any], leaves: Sequence[Tensor], kwargs: dict[str, Any]) -> Any:
        """f with these leaves in the selected arguments, on handles of its own: `x[i] = v` in f moves none of ours."""
        arguments = list(self.arguments)
        for position, part in zip(self.positions, self.groups([again(leaf) for leaf in leaves]), strict=True):
            arguments[position] = part
        return f(*arguments, **kwargs)

    def groups(self, leaves: Sequence[Any]) -> list[Any]:
        """The leaves in the containers of the selected arguments."""
        groups, start = [], 0
        for structure in self.structures:
            groups.append(structure.unflatten(leaves[start : start + structure.size]))
            start += structure.size
        return groups

    def pack(self, leaves: Sequence[Any]) -> Any:
        """The leaves in the selected arguments' structure: bare for an int argnums, a tuple for a tuple."""
        groups = self.groups(leaves)
        return groups[0] if self.single else tuple(groups)


def as_output(value: Any, function: str) -> Tensor:
    """A function's output as a Tensor. Raises TypeError for what is no number or array."""
    if isinstance(value, Tensor):
        return value
    try:
        return asarray(value)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"gradtape.{function}: the function returned a {type(value).__name__}, which is no array"
            + (f": {reason}" if (reason := getattr(type(value), "is_no_array", "")) else "")
        ) from error


def counterparts(
    given: Any, leaves: Sequence[Any], structure: Structure, function: str, what: str, of: str
) -> list[Tensor]:
    """The arrays of a container, each of the shape of its counterpart among the leaves of one of this structure.

    Raises ValueError for another container, saying what the two are.
    """
    parts, other = flatten(given)
    check_keys(structure, other, function, what)
    if len(parts) != len(leaves):
        raise ValueError(
            f"gradtape.{function}: {what} has {len(parts)} arrays, {of} has {len(leaves)} (a list is a container of "
            "arrays; for a vector pass a NumPy array or a Tensor)"
        )
    arrays = [asarray(part) for part in parts]
    for array, leaf in zip(arrays, leaves, strict=True):
        if array.shape != shape_of(leaf):
            raise ValueError(f"gradtape.{function}: {what} has shape {array.shape}, {of} has {shape_of(leaf)}")
    return arrays


def named(wrapper: Callable[..., Any], f: Callable[..., Any], prefix: str) -> Callable[..., Any]:
    """Give a derived function a telling name."""
    name = getattr(f, "__name__", "function")
    wrapper.__name__ = wrapper.__qualname__ = f"{prefix}_{name}"
    wrapper.__doc__ = f"{prefix} of {name}.\n\n{getattr(f, '__doc__', None) or ''}".rstrip()
    return wrapper


def check_callable(f: Any, function: str) -> None:
    """Raise TypeError unless f can be called."""
    if not callable(f):
        raise TypeError(f"gradtape.{function}: f must be a function, not a {type(f).__name__}")


__all__ = [
    "Selected", "as_output", "asarray", "check_callable", "counterparts", "differentiable", "named", "same",
    "zeros_like",
]  # fmt: skip
