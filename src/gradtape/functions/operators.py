"""Operators of Tensors, each the fast function of its primitive."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from . import elementwise as e
from .declare import PRIMITIVE_OF, operators

BINARY = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "power", "mod": "remainder",
    "floordiv": "floor_divide", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
    "lshift": "bitwise_left_shift", "rshift": "bitwise_right_shift",
}  # fmt: skip
COMPARISONS = {
    "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
}  # fmt: skip


def install() -> None:
    """Give Tensor its operators."""
    for method, name in BINARY.items():
        forward, reflected = operators(PRIMITIVE_OF[name])
        setattr(Tensor, f"__{method}__", forward)
        setattr(Tensor, f"__r{method}__", reflected)
    for method, name in COMPARISONS.items():
        setattr(Tensor, f"__{method}__", operators(PRIMITIVE_OF[name])[0])
    Tensor.__hash__ = None  # comparisons are elementwise
    for method, function in {
        "__neg__": e.negative, "__pos__": e.positive, "__abs__": e.abs, "__invert__": e.bitwise_invert,
    }.items():  # fmt: skip
        setattr(Tensor, method, _method(function))
    Tensor.__divmod__ = lambda a, b: (a // b, a % b)
    Tensor.__round__ = lambda x, digits=0: e.round(x, digits or 0)
    for kind in ("trunc", "floor", "ceil"):
        setattr(Tensor, f"__{kind}__", _method(getattr(e, kind)))


def _method(function: Any) -> Any:
    return function
