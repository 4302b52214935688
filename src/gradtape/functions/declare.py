"""How a function is declared: one line gives the public function and all its derivatives.

    sin = elementwise("sin", lambda x: cos(x), doc="Sine of x, in radians.")

A rule's parameters are what the tape saves: y the result, x (or a, b) the arguments, or a parameter's name.
Rules are written with gradtape's own functions only, so that they are differentiable again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import index
from typing import Any

import numpy as np

from .. import hotpath
from ..arrays.dtypes import kind_of, numpy_dtype
from ..arrays.libraries import library_of
from ..primitive import Bilinear, Elementwise, Route, Zero, apply
from ..tensor import RAW, Tensor, Virtual, VirtualTensor, concrete, tensor
from .static import library_like, static

Function = Callable[..., Any]

#: The primitive behind a public function, by name (operators and NumPy's protocols look here).
PRIMITIVE_OF: dict[str, Any] = {}


#: The kernel of each public function that is nothing else where nobody looks on.
KERNEL_OF = hotpath.KERNEL_OF


def operand(x: Any, function: str = "this function", argument: str = "argument") -> Any:
    """A Tensor, or what NumPy makes of the value; lists may contain Tensors. Raises TypeError for other objects."""
    if isinstance(x, Tensor) or type(x) in RAW:
        return x
    if isinstance(x, np.generic):
        return x
    if isinstance(x, list | tuple):
        if contains_tensor(x):
            from .creation import asarray

            return asarray(x)
        return np.asarray(x)
    if isinstance(x, np.ndarray) and not isinstance(x, np.ma.MaskedArray):
        return np.asarray(x)
    if isinstance(x, range):
        return np.asarray(x)
    if library_of(x) is None:
        reason = getattr(type(x), "is_no_array", "pass a Tensor, an array, a number, or (nested) lists of them")
        raise TypeError(f"gradtape.{function}: {argument} is of type {type(x).__name__}, and no array: {reason}")
    return x


def all_arrays(arguments: Sequence[Any]) -> bool:
    """Whether all are Tensors, or arrays or numbers of NumPy's or Python's own."""
    return all([type(a) in RAW or isinstance(a, Tensor) for a in arguments])


def fitting(given: Sequence[Any], operands: list[Any]) -> list[Any]:
    """The operands, where lists become arrays of the others' library: a list is of none itself."""
    for g in given:
        if g.__class__ is list or g.__class__ is tuple or (g.__class__ not in RAW and isinstance(g, list | tuple)):
            break
    else:
        return operands
    if library_like(*operands)[0] is None:
        return operands
    return [static(x, *operands) if isinstance(g, list | tuple) else x for g, x in zip(given, operands, strict=True)]


def contains_tensor(x: Any) -> bool:
    """Whether a (nested) list or tuple holds a Tensor, or an array of another library than NumPy."""
    return any(
        contains_tensor(part) if isinstance(part, list | tuple) else isinstance(part, Tensor) or library_of(part)
        for part in x
    )


def _slow(primitive: Any) -> Function:
    def slow(*arguments: Any) -> Any:
        if all_arrays(arguments):
            return apply(primitive, *arguments)
        names = primitive.arguments
        return apply(
            primitive, *fitting(arguments, [operand(a, primitive.name, names[i]) for i, a in enumerate(arguments)])
        )

    return slow


#: What needs no look at its class' ancestors.
KNOWN = RAW | {Tensor, VirtualTensor}


def _slow_operator(slow: Function, takes: Function, repeats: bool) -> Function:
    """The slow path of an operator: unknown types get NotImplemented, so that they may answer themselves."""

    def slow_operator(a: Any, b: Any) -> Any:
        if a.__class__ in KNOWN and b.__class__ in KNOWN:
            return slow(a, b)
        for x in (a, b):
            if x.__class__ in KNOWN or isinstance(x, Tensor):
                continue
            if repeats and isinstance(x, str | bytes):  # Python would ask the Tensor for a number of times
                raise TypeError(f"unsupported operand types for *: a Tensor and {x!r}, which is no array")
            known = isinstance(x, np.ndarray | np.generic | list | tuple) or library_of(x)
            if not known and not takes(x):
                return NotImplemented
        return slow(a, b)

    return slow_operator


def finish(function: Function, name: str, doc: str, module: str = "gradtape") -> Function:
    """Give a generated function its public name and docstring."""
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    function.__module__ = module
    return function


DETAILS = (
    "\n\n    Elementwise; shapes broadcast, NumPy 2 promotion. Given Tensors it returns a Tensor, given plain arrays a "
    "plain\n    array. Raises TypeError for what is no array."
)


def elementwise(
    name: str,
    *slopes: Any,
    kernel: Function | None = None,
    singular: bool = False,
    raw_pulls: tuple[Function, ...] | None = None,
    series: Any = None,
    recurrence: Function | None = None,
    doc: str = "",
) -> Function:
    """A function of each element, from one slope per argument: a number, a function of (x or a, b; y), or a route.

    `kernel`: NumPy's function of that name by default. `singular`, `raw_pulls`, `series`, `recurrence`: see
    primitive.Elementwise.
    """
    kernel = kernel or getattr(np, name)
    primitive = PRIMITIVE_OF[name] = Elementwise(
        name, kernel, slopes, singular=singular, raw_pulls=raw_pulls, series=series, recurrence=recurrence
    )
    return _public(primitive, doc)


def piecewise_constant(name: str, arguments: int = 1, kernel: Function | None = None, doc: str = "") -> Function:
    """An elementwise function through which no derivative flows."""
    kernel = kernel or getattr(np, name)
    names = ("x",) if arguments == 1 else ("a", "b")
    primitive = PRIMITIVE_OF[name] = Zero(name, kernel, names, batch="align")
    return _public(primitive, doc)


def _public(primitive: Any, doc: str) -> Function:
    make = hotpath.unary if len(primitive.arguments) == 1 else hotpath.binary
    return finish(make(primitive, _slow(primitive)), primitive.name, doc + DETAILS)


def bilinear_function(primitive: Bilinear, slow: Function, name: str, doc: str, unless: str = "") -> Function:
    """The fast public function of a two-argument bilinear primitive without parameters (`unless`: see hotpath)."""
    PRIMITIVE_OF[name] = primitive
    return finish(hotpath.binary(primitive, slow, name, unless=unless), name, doc)


def operators(
    primitive: Any, slow: Function | None = None, unless: str = "", takes: Function = lambda x: False
) -> tuple[Function, Function]:
    """The two methods of a binary operator: `a + b` and, with b the Tensor, the reflected one.

    `takes`: which objects that are no arrays the slow path knows what to do with.
    """
    slow = _slow_operator(slow or _slow(primitive), takes, primitive.name == "multiply")
    name = "operator_" + primitive.name
    return (
        hotpath.binary(primitive, slow, name, unless=unless),
        hotpath.binary(primitive, slow, "reflected_" + name, reflected=True, unless=unless),
    )


def route(function: Function) -> Route:
    """Mark a slope that passes cotangents on by selecting, not by multiplying: (g, names...) -> contribution."""
    return Route(function)


def normalized_axes(axis: Any, ndim: int, function: str = "") -> tuple[int, ...]:
    """Axes as non-negative ints; None means all. Raises ValueError (AxisError) for one out of range."""
    if axis is None:
        return tuple(range(ndim))
    axes = tuple(axis) if isinstance(axis, tuple | list) else (axis,)
    result = []
    for a in axes:
        a = index(a)
        if not -ndim <= a < ndim:
            raise np.exceptions.AxisError(a, ndim, f"gradtape.{function}" if function else None)
        result.append(a % ndim)
    if len(set(result)) != len(result):
        raise ValueError(f"gradtape.{function}: the same axis is named twice in {axis}")
    return tuple(result)


def one_axis(axis: Any, ndim: int, function: str) -> int:
    """One axis as a non-negative int. Raises TypeError for what is no integer, AxisError for one out of range."""
    return normalized_axes((axis,), ndim, function)[0]


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of a Tensor, an array or a number."""
    shape = getattr(x, "shape", None)
    return np.shape(x) if shape is None else shape


def dtype_of(x: Any) -> Any:
    """The dtype of a Tensor, an array or a number."""
    dtype = getattr(x, "dtype", None)
    return np.asarray(x).dtype if dtype is None else dtype


def is_complex(x: Any) -> bool:
    """Whether the elements are complex numbers."""
    data = x._data if x.__class__ is Tensor else x
    if data.__class__ is np.ndarray:  # as most are
        return bool(data.dtype.kind == "c")
    dtype = getattr(x, "dtype", None)
    return isinstance(x, complex) if dtype is None else kind_of(dtype) == "c"


def result_type(*values: Any) -> Any:
    """The dtype of a result of these arrays and numbers by NumPy's rules, as their library's own."""
    library, _ = library_like(*values)
    types = [v if type(v) in NUMBERS or isinstance(v, np.dtype) else dtype_of(v) for v in values]
    if library is None:
        return np.result_type(*types)
    if len(types) == 1 and type(types[0]) not in NUMBERS:
        return types[0]
    return library.available(np.result_type(*[t if type(t) in NUMBERS else numpy_dtype(t) for t in types]))


def default_float(*references: Any) -> Any:
    """The dtype that integers become where floating numbers are needed: float64, if the references' library has it."""
    library, _ = library_like(*references)
    return np.dtype(np.float64) if library is None else library.float_dtype


def as_dtype(dtype: Any, *references: Any) -> Any:
    """A dtype that somebody named, as the references' library has it."""
    library, _ = library_like(*references)
    return np.dtype(dtype) if library is None else library.dtype(dtype)


NUMBERS = frozenset([bool, int, float, complex])


__all__ = [
    "Virtual", "bilinear_function", "concrete", "dtype_of", "elementwise", "finish", "is_complex", "normalized_axes",
    "operand", "operators", "piecewise_constant", "route", "shape_of", "tensor",
]  # fmt: skip
