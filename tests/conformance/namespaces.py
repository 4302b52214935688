"""The namespaces that the array API standard's test suite is run on, by `make conformance`.

`recording()` is gradtape while a tape records: every floating array that a creation function makes is watched.
`over(module)` is gradtape on the arrays of another library, and `alone(module)` is that library.
"""

from __future__ import annotations

import functools
from importlib import import_module
from types import ModuleType
from typing import Any

import gradtape as gt

#: The functions that make arrays of something else; all others get what these have made.
CREATION = [
    "arange", "asarray", "empty", "empty_like", "eye", "from_dlpack", "full", "full_like", "linspace", "ones",
    "ones_like", "zeros", "zeros_like",
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
    """gradtape on the arrays of another library (named by its array API module), as those arrays' Tensors give it."""
    inner = import_module(library)
    return gt.asarray(inner.zeros(1)).__array_namespace__()


def alone(library: str) -> ModuleType:
    """The library itself, with gradtape imported as above: Hypothesis draws the constants of all modules there are."""
    return import_module(library)
