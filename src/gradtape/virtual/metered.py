"""Metered: a value whose bytes are counted while it lives, and so are those of all that is computed from it.

So a mode of differentiation can be tried along one direction, and what all directions will take is known before they
run. Kernels compute as ever; temporary arrays inside them are not seen.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from ..arrays.dtypes import numpy_dtype
from ..primitive import Primitive, apply
from ..tensor import Tensor, Virtual, VirtualTensor, concrete, tensor

ndarray = np.ndarray


class Meter:
    """Counts values: bytes alive now (`live`), the most there were (`peak`), the `largest` value, `calls` of
    primitives and the `elements` that they computed. What is computed from values of two meters is counted by the one
    of higher `rank`."""

    __slots__ = ("rank", "live", "peak", "largest", "calls", "elements", "known")

    def __init__(self, rank: int = 0):
        self.rank = rank
        self.live = self.peak = self.largest = self.calls = self.elements = 0
        self.known: dict[int, weakref.ref[Any]] = {}

    def count(self, value: Metered, data: Any) -> None:
        """Count the memory behind the value until it is freed: once, however many views share it."""
        if isinstance(data, ndarray):
            while isinstance(data.base, ndarray):
                data = data.base
            nbytes, owner = data.nbytes, data
        elif isinstance(data, np.generic):
            return
        else:
            size = int(np.prod(value.shape))
            nbytes, owner = size * numpy_dtype(value.dtype).itemsize, value
        number = id(owner)
        if number in self.known:
            return
        known = self.known

        def freed(_: Any) -> None:
            del known[number]
            self.live -= nbytes

        known[number] = weakref.ref(owner, freed)
        self.live += nbytes
        self.peak = max(self.peak, self.live)
        self.largest = max(self.largest, nbytes)

    @property
    def need(self) -> int:
        """The peak, and a temporary array as large as any value: what kernels may take unseen."""
        return self.peak + self.largest

    def metered(self, x: Any, level: int) -> Tensor:
        """x as a value that this meter counts."""
        return tensor(Metered(x if isinstance(x, Tensor) else tensor(x), self, level))


class Metered(Virtual):
    """A Tensor of a lower level, and the meter that counts it."""

    __slots__ = ("value", "meter", "level", "shape", "dtype", "__weakref__")

    def __init__(self, value: Tensor, meter: Meter, level: int):
        self.value, self.meter, self.level = value, meter, level
        self.shape, self.dtype = tuple(value.shape), value.dtype
        meter.count(self, value._data)

    @property
    def differentiates(self) -> bool:
        """Whether a Dual is inside."""
        return getattr(self.value._data, "differentiates", False)

    def __repr__(self) -> str:
        return f"Metered{self.level}({self.value!r})"

    def inside(self) -> Tensor:
        """The value."""
        return self.value

    def concrete(self) -> Any:
        """The value's own."""
        return concrete(self.value)

    @classmethod
    def apply(cls, primitive: Primitive, level: int, arguments: tuple[Any, ...], parameters: dict[str, Any]) -> Any:
        """The primitive on the values."""
        meter: Meter | None = None
        values = []
        for a in arguments:
            if type(a) is VirtualTensor and a._data.level == level:
                own = a._data.meter
                if meter is None or own.rank > meter.rank:
                    meter = own
                a = a._data.value
            values.append(a)
        assert meter is not None
        y = apply(primitive, *values, **parameters)
        meter.calls += 1
        if primitive.outputs != 1:
            meter.elements += sum([part.size for part in y])
            return tuple([cls(part, meter, level) for part in y])
        meter.elements += y.size
        return cls(y, meter, level)
