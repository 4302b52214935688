"""NumPy's methods and attributes on Tensors: x.sum(axis=0), x.T, `for row in x` ... each a public function of gradtape.

They take NumPy's arguments, also by position, where the function's own follow the array API standard.
"""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from ..arrays.libraries import to_numpy
from ..context import active
from ..hotpath import compile_function
from ..tensor import Tensor, concrete, ndarray, note_exit, tensor, to_array
from . import indexing, manipulation, positions
from .devices import to_device
from .elementwise import clip, conj, imag, positive, real
from .linalg import diagonal, trace
from .namespaces import namespace_of
from .products import dot

#: method: (module, function, parameters as NumPy has them). The function is called with those that it knows.
METHODS = {
    "all": ("reductions", "all", "axis=None, out=None, keepdims=False"),
    "any": ("reductions", "any", "axis=None, out=None, keepdims=False"),
    "argmax": ("sorting", "argmax", "axis=None, out=None, keepdims=False"),
    "argmin": ("sorting", "argmin", "axis=None, out=None, keepdims=False"),
    "argsort": ("sorting", "argsort", "axis=-1, kind=None, order=None, stable=True"),
    "cumprod": ("cumulative", "cumprod", "axis=None, dtype=None, out=None"),
    "cumsum": ("cumulative", "cumsum", "axis=None, dtype=None, out=None"),
    "max": ("reductions", "max", "axis=None, out=None, keepdims=False"),
    "mean": ("reductions", "mean", "axis=None, dtype=None, out=None, keepdims=False"),
    "min": ("reductions", "min", "axis=None, out=None, keepdims=False"),
    "prod": ("reductions", "prod", "axis=None, dtype=None, out=None, keepdims=False"),
    "ptp": ("reductions", "ptp", "axis=None, out=None, keepdims=False"),
    "repeat": ("rearranging", "repeat", "repeats, axis=None"),
    "round": ("elementwise", "round", "decimals=0, out=None"),
    "squeeze": ("manipulation", "squeeze", "axis=None"),
    "std": ("reductions", "std", "axis=None, dtype=None, out=None, ddof=0, keepdims=False"),
    "sum": ("reductions", "sum", "axis=None, dtype=None, out=None, keepdims=False"),
    "take": ("indexing", "take", "indices, axis=None, out=None, mode='raise'"),
    "var": ("reductions", "var", "axis=None, dtype=None, out=None, ddof=0, keepdims=False"),
}

#: NumPy's names of arguments that the functions call otherwise, and those that they take by position.
RENAMED = {"ddof": "correction"}
POSITIONAL = ("repeats", "indices")

#: Arguments about NumPy's memory and algorithms, which have no say in the result; dropped.
IGNORED = ("out", "kind", "order")

VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12", "2025.12")

METHOD = """\
def function(self, {parameters}):
{check}\
    return target(self, {arguments})
"""


def _method(name: str, module: str, function: str, parameters: str) -> Callable[..., Any]:
    """The method that calls functions.`module`.`function` with NumPy's arguments by name."""
    names = [part.split("=")[0].strip() for part in parameters.split(",")]
    given = [n if n in POSITIONAL else f"{RENAMED.get(n, n)}={n}" for n in names if n not in IGNORED]
    check = f'    if out is not None:\n        refuse_out("{name}")\n' if "out" in names else ""
    method = compile_function(
        METHOD.format(parameters=parameters, check=check, arguments=", ".join(given)),
        name,
        {"target": getattr(import_module("." + module, __package__), function), "refuse_out": refuse_out},
    )
    method.__defaults__ = tuple([literal_eval(p.split("=")[1]) for p in parameters.split(",") if "=" in p])  # type: ignore[attr-defined]
    method.__qualname__ = f"Tensor.{name}"
    method.__doc__ = f"gradtape.{function} of this Tensor, with the arguments of numpy.ndarray.{name}."
    return method


def refuse_out(name: str) -> None:
    """Raise TypeError: the value of a Tensor is made, never written into."""
    raise TypeError(f"Tensor.{name}: Tensors have no out=; write y = x.{name}(...)")


# -- methods with arguments of their own -------------------------------------------------------------------------
def _lengths(numbers: tuple[Any, ...]) -> Any:
    """x.f((2, 3)) and x.f(2, 3) are the same."""
    return numbers[0] if len(numbers) == 1 and (numbers[0] is None or isinstance(numbers[0], tuple | list)) else numbers


def _reshape(self: Tensor, *shape: Any, order: str = "C", copy: bool | None = None) -> Any:
    """The same elements in another shape: x.reshape(2, -1) or x.reshape((2, -1))."""
    if type(self) is Tensor and order == "C" and not active():
        try:
            y = self._data.reshape(*shape)
        except (TypeError, ValueError):  # what is wrong is said below
            y = None
        if y.__class__ is ndarray:
            return tensor(y)
    _c_order(order, "reshape")
    return manipulation.reshape(self, _lengths(shape))


def _transpose(self: Tensor, *axes: Any) -> Any:
    """x with its axes reversed, or in the order given: x.transpose(1, 0) or x.transpose((1, 0))."""
    return manipulation.transpose(self, _lengths(axes) if axes else None)


def _flatten(self: Tensor, order: str = "C") -> Any:
    """The elements as one axis."""
    _c_order(order, "flatten")
    return manipulation.ravel(self)


def _c_order(order: str, method: str) -> None:
    if order not in ("C", "K", "A"):
        raise ValueError(f"Tensor.{method}: elements are in C order only; transpose first for order={order!r}")


def _swapaxes(self: Tensor, axis1: int, axis2: int) -> Any:
    """x with two axes exchanged."""
    return manipulation.swapaxes(self, axis1, axis2)


def _diagonal(self: Tensor, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonals of the matrices in two axes, along a new last axis."""
    return diagonal(manipulation.matrices_in(self, axis1, axis2), offset=offset)


def _trace(self: Tensor, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: None = None) -> Any:
    """The sum of the diagonals of the matrices in two axes."""
    if out is not None:
        refuse_out("trace")
    return trace(manipulation.matrices_in(self, axis1, axis2), offset=offset, dtype=dtype)


def _dot(self: Tensor, other: Any) -> Any:
    """numpy.dot: a product with a number, of vectors, or of matrices (last axis with last but one)."""
    if type(self) is Tensor and type(other) is Tensor and not active() and self._data.ndim == 1 == other._data.ndim:
        return tensor(self._data.dot(other._data))
    return dot(self, other)


def _astype(self: Tensor, dtype: Any, **ignored: Any) -> Any:
    """x with its elements converted; to integers and booleans nothing flows back."""
    return manipulation.astype(self, dtype)


def _copy(self: Tensor, order: str = "C") -> Any:
    """A Tensor of its own with the same value; gradients flow through."""
    return positive(self)


def _clip(self: Tensor, min: Any = None, max: Any = None, out: None = None) -> Any:
    """x limited to the interval [min, max]."""
    return clip(self, min, max)


def _conj(self: Tensor) -> Any:
    """The complex conjugate."""
    return conj(self)


def _nonzero(self: Tensor) -> Any:
    """Per axis, the indices of the elements that are not 0."""
    return positions.nonzero(self)


def _compress(self: Tensor, condition: Any, axis: int | None = None) -> Any:
    """The slices along `axis` (elements of the flattened x) where the condition holds."""
    return positions.compress(condition, self, axis=axis)


def _searchsorted(self: Tensor, v: Any, side: str = "left", sorter: Any = None) -> Any:
    """Where the elements of v belong in this sorted Tensor."""
    from .sorting import searchsorted

    return searchsorted(self, v, side=side, **({} if sorter is None else {"sorter": sorter}))


def _sort(self: Tensor, axis: int = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> None:
    """Sort along the axis in place: the handle takes the sorted value, as in `x[:] = gradtape.sort(x)`."""
    from .sorting import sort

    indexing.rebind(self, sort(self, axis=axis))


def _fill(self: Tensor, value: Any) -> None:
    """Give every element this value, as in `x[...] = value`."""
    self[...] = value


def _dlpack(
    self: Tensor, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None
) -> Any:
    """The value for another library, as numpy.ndarray.__dlpack__ has it: a constant for every derivative.

    As x.numpy() it is asked for, not implied; tapes note it, to explain a missing gradient by it. A consumer that
    cannot be told to leave the memory alone gets a copy, unless it asks for none.
    """
    note_exit(self, "__dlpack__")
    array = data = self.data
    if copy is None and isinstance(data, ndarray):
        array = data.view()
        array.flags.writeable = False
        if max_version is None or max_version[0] < 1:
            array = data.copy()
    asked = {"stream": stream, "max_version": max_version, "dl_device": dl_device, "copy": copy}
    return array.__dlpack__(**{name: it for name, it in asked.items() if it is not None})  # not all know all of them


def _dlpack_device(self: Tensor) -> Any:
    """DLPack's name of the device."""
    return self.data.__dlpack_device__()


def _namespace(self: Tensor, api_version: str | None = None) -> Any:
    """gradtape as a namespace of the array API standard; one that makes arrays of another library, for its arrays.

    Raises ValueError for an unknown version of the standard.
    """
    if api_version is not None and api_version not in VERSIONS:
        raise ValueError(f"gradtape follows the array API standard of {VERSIONS}, not {api_version!r}")
    return namespace_of(self)


def _iter(self: Tensor) -> Iterator[Any]:
    """The slices along the first axis."""
    if not self.shape:
        raise TypeError("iteration over a 0-d Tensor")
    return (self[i] for i in range(self.shape[0]))


def _contains(self: Tensor, value: Any) -> bool:
    """Whether an element equals the value."""
    return bool((to_numpy(concrete(self)) == to_numpy(to_array(value))).any())


def install() -> None:
    """Give Tensor its methods, attributes and indexing."""
    indexing.install()
    for name, (module, function, parameters) in METHODS.items():
        setattr(Tensor, name, _method(name, module, function, parameters))
    for name, method in {
        "astype": _astype, "clip": _clip, "compress": _compress, "conj": _conj, "conjugate": _conj, "copy": _copy,
        "diagonal": _diagonal, "dot": _dot, "fill": _fill, "flatten": _flatten, "nonzero": _nonzero, "ravel": _flatten,
        "reshape": _reshape, "searchsorted": _searchsorted, "sort": _sort, "swapaxes": _swapaxes, "trace": _trace,
        "to_device": to_device, "transpose": _transpose, "__array_namespace__": _namespace,
        "__dlpack__": _dlpack, "__dlpack_device__": _dlpack_device, "__contains__": _contains, "__iter__": _iter,
    }.items():  # fmt: skip
        setattr(Tensor, name, method)
    attributes = {"T": _reversed_axes, "mT": _matrix_transpose, "real": real, "imag": imag}
    for name, attribute in attributes.items():
        setattr(Tensor, name, property(attribute, doc=attribute.__doc__))


def _matrix_transpose(self: Tensor) -> Any:
    """The last two axes exchanged."""
    if type(self) is Tensor and not active():
        return tensor(self._data.mT)
    from .products import matrix_transpose

    return matrix_transpose(self)


def _reversed_axes(self: Tensor) -> Any:
    """The axes in reverse order."""
    if type(self) is Tensor and not active():
        return tensor(self._data.T)
    return manipulation.transpose(self)
