"""The namespaces that the array API standard's test suite is run on, by `make conformance`.

`plain()` is gradtape itself. `recording()` is gradtape while a tape records: every floating array that a creation
function makes is watched. `over(module)` is gradtape on the arrays of another library.
"""

from __future__ import annotations

import functools
from importlib import import_module
from types import ModuleType
from typing import Any

import gradtape as gt
from gradtape.functions.declare import contains_tensor

#: The functions that make arrays of something else; all others get what these have made.
CREATION = [
    "arange", "asarray", "empty", "empty_like", "eye", "from_dlpack", "full", "full_like", "linspace", "ones",
    "ones_like", "zeros", "zeros_like",
]  # fmt: skip

DTYPES = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64",
    "complex64", "complex128",
]  # fmt: skip

#: Records after which the tape forgets: arrays of earlier examples are not met again.
MANY = 10_000


def copied(name: str) -> ModuleType:
    """A module with the public names of gradtape."""
    module = ModuleType(name, gt.__doc__)
    module.__dict__.update({key: value for key, value in vars(gt).items() if key not in ("__name__", "__spec__")})
    return module


def recording() -> ModuleType:
    """gradtape with a tape that records everything from now on, and is asked for a gradient now and then."""
    module = copied("gradtape_recording")
    tape = gt.GradientTape(persistent=True)
    tape.__enter__()

    def watching(function: Any) -> Any:
        @functools.wraps(function)
        def create(*arguments: Any, **keywords: Any) -> Any:
            x = function(*arguments, **keywords)
            trace = tape._trace
            assert trace is not None and trace.state == "recording"
            if len(trace.slots) > MANY:
                tape.reset()
            if isinstance(x, gt.Tensor) and gt.isdtype(x.dtype, ("real floating", "complex floating")):
                tape.watch(x)
            return x

        return create

    for name in CREATION:
        setattr(module, name, watching(getattr(gt, name)))
    module.__dict__["tape"] = tape
    return module


def over(library: str) -> ModuleType:
    """gradtape whose creation functions make arrays of another library (named by its array API module)."""
    module = copied("gradtape_over_" + library.replace(".", "_"))
    inner = import_module(library)

    def making(ours: Any, theirs: Any) -> Any:
        @functools.wraps(ours)
        def create(*arguments: Any, **keywords: Any) -> Any:
            if contains_tensor(arguments):
                return ours(*arguments, **keywords)
            return gt.asarray(theirs(*arguments, **keywords))

        return create

    for name in CREATION:
        setattr(module, name, making(getattr(gt, name), getattr(inner, name)))
    fft = ModuleType("fft")
    fft.__dict__.update(vars(gt.fft))
    for name in ("fftfreq", "rfftfreq"):
        setattr(fft, name, making(getattr(gt.fft, name), getattr(inner.fft, name)))
    module.__dict__["fft"] = fft
    for name in DTYPES:
        setattr(module, name, getattr(inner, name))
    for name in ("finfo", "iinfo", "isdtype", "can_cast", "result_type", "__array_namespace_info__"):
        setattr(module, name, unwrapping(getattr(inner, name)))
    return module


def unwrapping(function: Any) -> Any:
    """A function of dtypes and arrays, for Tensors."""

    @functools.wraps(function)
    def unwrapped(*arguments: Any, **keywords: Any) -> Any:
        return function(*[a.data if isinstance(a, gt.Tensor) else a for a in arguments], **keywords)

    return unwrapped
