"""Where arrays live: moving them to another device, through which cotangents move back."""

from __future__ import annotations

from typing import Any

from ..arrays import numpy_kernels as kernels
from ..primitive import Linear, apply_linear
from ..tensor import Tensor

_TO_DEVICE: Linear = Linear(
    "to_device",
    kernels.to_device,
    lambda g, x, device, source: apply_linear(_TO_DEVICE, g, device=source, source=device),
    batch=lambda size, values, flags, device, source: apply_linear(_TO_DEVICE, values[0], device=device, source=source),
)


def to_device(x: Tensor, device: Any, /, *, stream: Any = None) -> Tensor:
    """This Tensor on another device of its library (x itself if it is there); its gradient comes back to where x is.

    Raises ValueError for a device that there is not: of NumPy's arrays for any but "cpu".
    """
    source = x.device
    if device == source:
        return x
    return apply_linear(_TO_DEVICE, x, device=device, source=source)  # type: ignore[no-any-return]


__all__ = ["to_device"]
