"""gradtape as the namespace of another library's arrays: what makes arrays from nothing makes them in that library.

`x.__array_namespace__()` of a Tensor gives it, so that code written to the array API standard, which makes its arrays
by `xp.zeros(...)` and `xp.arange(...)`, runs on every library as it is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

from ..arrays.libraries import Library, library_of
from ..tensor import Tensor, tensor
from .declare import contains_tensor
from .static import library_like

#: The functions that make arrays of something else; all others get what these have made.
CREATION = ("arange", "asarray", "empty", "eye", "from_dlpack", "full", "linspace", "ones", "zeros")
FREQUENCIES = ("fftfreq", "rfftfreq")

#: What is said and asked of dtypes.
DTYPES = """
bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128
"""
OF_DTYPES = ("finfo", "iinfo", "isdtype", "can_cast", "result_type", "__array_namespace_info__")

#: By library and device.
NAMESPACES: dict[tuple[str, str], ModuleType] = {}


def namespace_of(x: Any) -> ModuleType:
    """gradtape, for arrays of the library of x, on its device."""
    library, array = library_like(x)
    if library is None:
        return import_module("gradtape")
    place = library.placed(array)
    which = library.name, str(place)
    if which not in NAMESPACES:
        NAMESPACES[which] = over(library, place)
    return NAMESPACES[which]


def over(library: Library, place: dict[str, Any]) -> ModuleType:
    """gradtape, whose creation functions make arrays of this library, at this place unless another is asked for, and
    whose dtypes are that library's."""
    gradtape = import_module("gradtape")
    module = ModuleType("gradtape", f"gradtape on {library.title} arrays.")
    module.__dict__.update({k: v for k, v in vars(gradtape).items() if k not in ("__name__", "__doc__", "__spec__")})
    for name in [name for name in CREATION if library.has(name)]:
        where = {} if name == "from_dlpack" else place
        setattr(module, name, making(getattr(gradtape, name), getattr(library, name), where))
    fft = ModuleType("gradtape.fft", gradtape.fft.__doc__)
    fft.__dict__.update({k: v for k, v in vars(gradtape.fft).items() if k not in ("__name__", "__doc__", "__spec__")})
    for name in FREQUENCIES:
        if library.fft.has(name):
            setattr(fft, name, making(getattr(gradtape.fft, name), getattr(library.fft, name), place))
    setattr(module, "fft", fft)  # noqa: B010
    for name in DTYPES.split():
        if library.has(name):
            setattr(module, name, getattr(library, name))
    for name in OF_DTYPES:
        if library.own(name) is not None:
            setattr(module, name, on_arrays(library.own(name)))
    return module


def making(ours: Callable[..., Any], theirs: Callable[..., Any], place: dict[str, Any]) -> Callable[..., Any]:
    """The library's creation function, giving a Tensor; ours where Tensors are among the arguments.

    An array of the library stays where it is.
    """

    @functools.wraps(ours)
    def create(*arguments: Any, **keywords: Any) -> Any:
        if contains_tensor(arguments):
            return ours(*arguments, **keywords)
        if place and not any([library_of(a) is not None for a in arguments]):
            keywords = place | keywords
        return tensor(theirs(*arguments, **keywords))

    return create


def on_arrays(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of dtypes and arrays, for Tensors."""

    @functools.wraps(function)
    def unwrapped(*arguments: Any, **keywords: Any) -> Any:
        return function(*[a.data if isinstance(a, Tensor) else a for a in arguments], **keywords)

    return unwrapped


__all__ = ["namespace_of", "over"]
