"""The array libraries that the tests run on: how to make an array of each, and how arrays of each are compared."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

#: library: (package that must be installed, module, array function).
LIBRARIES = {
    "array_api_strict": ("array_api_strict", "array_api_strict"),
    "jax": ("jax", "jax.numpy"),
    "dask": ("dask", "dask.array"),
    "torch": ("torch", "torch"),
}


def maker(library: str) -> Callable[[Any], Any]:
    """The function that makes an array of this library from NumPy's; skips the test where it is not installed."""
    package, module = LIBRARIES[library]
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    if library == "jax":
        import jax

        jax.config.update("jax_enable_x64", True)
    namespace = importlib.import_module(module)
    return lambda x: namespace.asarray(np.array(x))
