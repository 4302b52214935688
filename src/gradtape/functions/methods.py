"""NumPy's methods and attributes on Tensors: x.sum(axis=0), x.T, `for row in x` ... each a public function of gradtape.

They take NumPy's arguments, also by position, where the function's own follow the array API standard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from ..context import active
from ..tensor import Tensor, concrete, tensor, to_array
from . import indexing, manipulation
from .elementwise import clip, conj, imag, positive, real

#: method: (module, function, names of NumPy's positional arguments). The module is imported when first called.
METHODS = {
    "all": ("reductions", "all", "axis out keepdims"),
    "any": ("reductions", "any", "axis out keepdims"),
    "argmax": ("sorting", "argmax", "axis out keepdims"),
    "argmin": ("sorting", "argmin", "axis out keepdims"),
    "argsort": ("sorting", "argsort", "axis kind order stable"),
    "cumprod": ("cumulative", "cumprod", "axis dtype out"),
    "cumsum": ("cumulative", "cumsum", "axis dtype out"),
    "diagonal": ("linalg", "diagonal", "offset axis1 axis2"),
    "max": ("reductions", "max", "axis out keepdims"),
    "mean": ("reductions", "mean", "axis dtype out keepdims"),
    "min": ("reductions", "min", "axis out keepdims"),
    "prod": ("reductions", "prod", "axis dtype out keepdims"),
    "ptp": ("reductions", "ptp", "axis out keepdims"),
    "repeat": ("rearranging", "repeat", "repeats axis"),
    "round": ("elementwise", "round", "decimals out"),
    "squeeze": ("manipulation", "squeeze", "axis"),
    "std": ("reductions", "std", "axis dtype out ddof keepdims"),
    "sum": ("reductions", "sum", "axis dtype out keepdims"),
    "take": ("indexing", "take", "indices axis out mode"),
    "trace": ("linalg", "trace", "offset axis1 axis2 dtype out"),
    "var": ("reductions", "var", "axis dtype out ddof keepdims"),
}

#: NumPy's names of arguments that the functions call otherwise.
RENAMED = {"ddof": "correction"}

#: Arguments about NumPy's memory and algorithms, which have no say in the result; dropped.
IGNORED = ("out", "kind", "order")

VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12", "2025.12")


def _method(name: str, module: str, function: str, names: tuple[str, ...]) -> Callable[..., Any]:
    """The method that calls functions.`module`.`function` with NumPy's arguments by name."""
    target: Any = None

    def method(self: Tensor, *arguments: Any, **keywords: Any) -> Any:
        nonlocal target
        if target is None:
            target = getattr(import_module("." + module, __package__), function)
        if not (arguments or keywords):
            return target(self)
        if arguments:
            if len(arguments) > len(names):
                raise TypeError(f"Tensor.{name} takes at most {len(names)} arguments, {len(arguments)} were given")
            keywords = {**dict(zip(names, arguments)), **keywords}
        if keywords.get("out") is not None:
            raise TypeError(f"Tensor.{name}: Tensors have no out=; write y = x.{name}(...)")
        keywords = {RENAMED.get(key, key): value for key, value in keywords.items() if key not in IGNORED}
        if "repeats" in keywords:
            return target(self, keywords.pop("repeats"), **keywords)
        if "indices" in keywords:
            return target(self, keywords.pop("indices"), **keywords)
        return target(self, **keywords)

    method.__name__, method.__qualname__ = name, f"Tensor.{name}"
    method.__doc__ = f"gradtape.{function} of this Tensor, with the arguments of numpy.ndarray.{name}."
    return method


# -- methods with arguments of their own -------------------------------------------------------------------------
def _lengths(numbers: tuple[Any, ...]) -> Any:
    """x.f((2, 3)) and x.f(2, 3) are the same."""
    return numbers[0] if len(numbers) == 1 and (numbers[0] is None or isinstance(numbers[0], tuple | list)) else numbers


def _reshape(self: Tensor, *shape: Any, order: str = "C", copy: bool | None = None) -> Any:
    """The same elements in another shape: x.reshape(2, -1) or x.reshape((2, -1))."""
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


def _dot(self: Tensor, other: Any) -> Any:
    """numpy.dot: a product with a number, of vectors, or of matrices (last axis with last but one)."""
    other, shape = manipulation.array_and_shape(other, "Tensor.dot")
    if not shape or not self.shape:
        return self * other
    if len(shape) <= 2:
        return self @ other
    from .products import tensordot

    return tensordot(self, other, axes=((self.ndim - 1,), (len(shape) - 2,)))


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
    return indexing.nonzero(self)


def _compress(self: Tensor, condition: Any, axis: int | None = None) -> Any:
    """The slices along `axis` (elements of the flattened x) where the condition holds."""
    return indexing.compress(condition, self, axis=axis)


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


def _to_device(self: Tensor, device: Any, /, *, stream: Any = None) -> Tensor:
    """This Tensor, if the device is "cpu"; else ValueError."""
    if device != "cpu":
        raise ValueError(f"Tensor.to_device: NumPy arrays live on the device 'cpu', not {device!r}")
    return self


def _namespace(self: Tensor, api_version: str | None = None) -> Any:
    """The gradtape module, which follows the array API standard. Raises ValueError for an unknown version of it."""
    if api_version is not None and api_version not in VERSIONS:
        raise ValueError(f"gradtape follows the array API standard of {VERSIONS}, not {api_version!r}")
    return import_module("gradtape")


def _iter(self: Tensor) -> Iterator[Any]:
    """The slices along the first axis."""
    if not self.shape:
        raise TypeError("iteration over a 0-d Tensor")
    return (self[i] for i in range(self.shape[0]))


def _contains(self: Tensor, value: Any) -> bool:
    """Whether an element equals the value."""
    return bool((concrete(self) == to_array(value)).any())


def install() -> None:
    """Give Tensor its methods, attributes and indexing."""
    indexing.install()
    for name, (module, function, names) in METHODS.items():
        setattr(Tensor, name, _method(name, module, function, tuple(names.split())))
    for name, method in {
        "astype": _astype, "clip": _clip, "compress": _compress, "conj": _conj, "conjugate": _conj, "copy": _copy,
        "dot": _dot, "fill": _fill, "flatten": _flatten, "nonzero": _nonzero, "ravel": _flatten, "reshape": _reshape,
        "searchsorted": _searchsorted, "sort": _sort, "swapaxes": _swapaxes, "to_device": _to_device,
        "transpose": _transpose, "__array_namespace__": _namespace, "__contains__": _contains, "__iter__": _iter,
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
