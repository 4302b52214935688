"""Kept: a value whose applications of chosen primitives are computed once, and looked up when they are run again.

It lies around plain arrays, beneath the virtual arrays of transforms inside, so that it sees what kernels compute.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..context import active, next_level
from ..primitive import Primitive, apply, leave_records
from ..tensor import Tensor, Variable, Virtual, VirtualTensor, tensor, touch

#: Of a chosen application: the primitive, and its results.
Entry = tuple[Primitive, tuple[Any, ...]]


class Store:
    """The results of one run, in order. `level`: above plain arrays, beneath those of transforms."""

    __slots__ = ("chosen", "entries", "level", "position", "running")

    def __init__(self, chosen: Callable[[Primitive], bool], entries: list[Entry] | None = None):
        self.chosen = chosen
        self.position = -1 if entries is None else 0
        self.entries = [] if entries is None else entries
        self.level: Any = 1 / (1 + next_level())
        self.running = True

    def applied(self, primitive: Primitive, values: list[Any], parameters: dict[str, Any]) -> Any:
        """The primitive of these values: computed, kept or looked up. Raises RuntimeError if the run is another one."""
        if not self.running or not self.chosen(primitive):
            return apply(primitive, *values, **parameters)
        if self.position < 0:
            y = apply(primitive, *values, **parameters)
            self.entries.append((primitive, tuple([part._data for part in (y if isinstance(y, tuple) else (y,))])))
            return y
        if self.position == len(self.entries) or self.entries[self.position][0] is not primitive:
            raise RuntimeError(
                f"gradtape.checkpoint: {primitive.name} was not applied here when the function ran before. It must do "
                "the same each time: draw random numbers and read what changes outside, and pass them in"
            )
        for x in values:
            if isinstance(x, Variable):
                touch(x)
        data = [x._data if isinstance(x, Tensor) else x for x in values]
        keys = [x._key if isinstance(x, Tensor) else 0 for x in values]
        results = self.entries[self.position][1]
        self.position += 1
        handles = tuple([tensor(d) for d in results])
        single = primitive.outputs == 1
        leave_records(
            primitive,
            active(),
            handles[0] if single else handles,
            results[0] if single else results,
            data,
            keys,
            parameters,
        )
        return handles[0] if single else handles


class Kept(Virtual):
    """A plain value, the applications to which are looked up in a store."""

    __slots__ = ("value", "store", "level", "shape", "dtype")

    def __init__(self, value: Tensor, store: Store):
        self.value, self.store, self.level = value, store, store.level
        self.shape, self.dtype = value.shape, value.dtype

    def __repr__(self) -> str:
        return f"Kept({self.value!r})"

    def inside(self) -> Tensor:
        """The value."""
        return self.value

    def concrete(self) -> Any:
        """The value's array."""
        return self.value._data

    def parts(self) -> list[Any]:
        """The value."""
        return [self.value]

    def made_of(self, parts: list[Any]) -> Kept:
        """Another value."""
        return Kept(parts[0], self.store)

    @classmethod
    def apply(cls, primitive: Primitive, level: int, arguments: tuple[Any, ...], parameters: dict[str, Any]) -> Any:
        """The primitive of the values, by the store."""
        store = next(a._data.store for a in arguments if type(a) is VirtualTensor and a._data.level == level)
        values = [a._data.value if type(a) is VirtualTensor and a._data.level == level else a for a in arguments]
        y = store.applied(primitive, values, parameters)
        return tuple([cls(part, store) for part in y]) if isinstance(y, tuple) else cls(y, store)


def wrapped(x: Any, store: Store) -> Any:
    """A plain value in the store's keeping."""
    return tensor(Kept(x, store)) if isinstance(x, Tensor) and not isinstance(x, Variable) else x


def bare(x: Any) -> Any:
    """The plain value itself."""
    return x._data.value if type(x) is VirtualTensor and type(x._data) is Kept else x


__all__ = ["Kept", "Store", "bare", "wrapped"]
