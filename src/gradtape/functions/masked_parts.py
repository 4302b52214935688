"""x[mask] inside vmap where the mask differs between the examples: no array, but `x[mask] *= 2` needs none."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..tensor import Tensor, underlying
from .elementwise import where
from .manipulation import astype, reshape

RAGGED = (
    "inside vmap, a mask that differs between examples would pick differently many elements of each: use "
    "gradtape.where(mask, x, 0) instead of x[mask]"
)


class RaggedError(TypeError):
    """A mask would pick differently many elements of each example of a batch."""

    def __init__(self) -> None:
        super().__init__(RAGGED)


class MaskedPart:
    """What is computed of x[mask], at all places of x: those within the mask count, in each example its own.

    Operators go on with it, beside numbers, arrays of the axes that the mask leaves, and parts under the same mask;
    then it is written back under that mask. Anything else is a RaggedError.
    """

    __slots__ = ("values", "mask")
    is_no_array = RAGGED

    def __init__(self, values: Any, mask: Any):
        self.values, self.mask = values, mask

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{name!r}: {RAGGED}")

    def beside(self, other: Any) -> Any:
        """The other operand at all places."""
        if isinstance(other, MaskedPart):
            if is_same(other.mask, self.mask):
                return other.values
        elif np.ndim(other) <= len(self.values.shape) - len(self.mask.shape):
            return other
        raise RaggedError

    def written_into(self, x: Tensor, mask: Any) -> Tensor:
        """x with these values under the mask."""
        if not is_same(mask, self.mask) or self.values.shape != x.shape:
            raise RaggedError
        y = where(reshape(mask, (*mask.shape, *(1,) * (len(x.shape) - len(mask.shape)))), self.values, x)
        return astype(y, x.dtype)  # type: ignore[no-any-return]

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> MaskedPart:
        if method != "__call__" or keywords:
            raise RaggedError
        with np.errstate(all="ignore"):  # of the places outside the mask
            return MaskedPart(ufunc(*[self.beside(x) for x in inputs]), self.mask)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise RaggedError

    def __len__(self) -> int:
        raise RaggedError

    def __iter__(self) -> Any:
        raise RaggedError


def is_same(a: Any, b: Any) -> bool:
    """Whether two masks pick the same elements of every example."""
    if a is b:
        return True
    a, b = underlying(a), underlying(b)
    return a is not None and b is not None and np.array_equal(a, b)


def operators(function: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The methods of an operator, from the left and from the right."""

    @np.errstate(all="ignore")
    def left(part: MaskedPart, *x: Any) -> MaskedPart:
        return MaskedPart(function(part.values, *map(part.beside, x)), part.mask)

    @np.errstate(all="ignore")
    def right(part: MaskedPart, x: Any) -> MaskedPart:
        return MaskedPart(function(part.beside(x), part.values), part.mask)

    return left, right


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    _left, _right = operators(getattr(operator, _name))
    setattr(MaskedPart, f"__{_name}__", _left)
    setattr(MaskedPart, f"__r{_name}__", _right)
for _name in ("neg", "pos", "abs"):
    setattr(MaskedPart, f"__{_name}__", operators(getattr(operator, _name))[0])
