"""The array libraries that the tests run on: how to make an array of each, and how arrays of each are compared."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import gradtape as gt
from gradtape.arrays.dtypes import is_floating, kind_of, numpy_dtype
from gradtape.nest import flatten

#: Most of JAX's time here is compiling, which is quicker without optimisation; read when JAX is first used.
os.environ.setdefault(
    "XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
)

#: Those that are installed, with the module that makes their arrays. (For PyTorch: `make test-torch`.)
LIBRARIES = {
    library: module
    for library, module in {
        "array_api_strict": "array_api_strict", "jax": "jax.numpy", "dask": "dask.array", "torch": "torch"
    }.items()
    if importlib.util.find_spec(library)
}  # fmt: skip

#: What has no business without a GPU: `make test-gpu` asks for it. ("cuda": PyTorch's tensors on the GPU.)
if os.environ.get("GRADTAPE_GPU"):
    LIBRARIES |= {"cupy": "cupy", "cuda": "torch"}

#: Which library's arrays these are.
SAME = {"cuda": "torch"}

TITLES = {"jax": "JAX", "torch": "PyTorch", "cuda": "PyTorch", "dask": "Dask", "cupy": "CuPy"}


def maker(library: str) -> Callable[[Any], Any]:
    """The function that makes an array of this library from NumPy's."""
    namespace = importlib.import_module(LIBRARIES[library])
    if library == "cuda":
        return lambda x: namespace.asarray(np.array(x), device="cuda")
    if library == "jax":
        import jax

        jax.config.update("jax_enable_x64", True)
    return lambda x: namespace.asarray(np.array(x))


class LibraryCase:
    """A sample's function of arrays that `array` makes, as a scalar loss of its differentiated arguments."""

    def __init__(
        self, function: Callable[..., Any], arguments: Sequence[Any], wrt: Sequence[int], array: Callable[[Any], Any]
    ):
        self.function, self.wrt, self.array = function, list(wrt), array
        self.arguments = [array(a) for a in arguments]
        self.points = tuple([self.arguments[i] for i in self.wrt])
        self.directions = tuple([array(direction(arguments[i], i)) for i in self.wrt])
        self.batches = tuple(
            [array(np.stack([arguments[i], arguments[i] + 1e-2 * direction(arguments[i], i)])) for i in self.wrt]
        )

    def of(self, *xs: Any) -> Any:
        """The function, with these in the differentiated places."""
        arguments = [gt.asarray(a) for a in self.arguments]
        for i, x in zip(self.wrt, xs, strict=True):
            arguments[i] = x
        return self.function(*arguments)

    def loss(self, *xs: Any) -> Any:
        """A weighted sum of the real parts of all that the function gives."""
        total: Any = 0.0
        for k, y in enumerate(flatten(self.of(*xs))[0]):
            if is_floating(y.dtype):
                weights = np.abs(direction(np.zeros(y.shape, numpy_dtype(y.dtype)), k))
                total = total + gt.sum(gt.asarray(self.array(weights)) * (gt.real(y) if kind_of(y.dtype) == "c" else y))
        return total

    def ask(self, what: str) -> list[Any]:
        """The value, or a derivative, as a list of Tensors."""
        numbers = tuple(range(len(self.points)))
        if what == "value":
            result = self.of(*[gt.asarray(x) for x in self.points])
        elif what == "gradient":
            result = gt.grad(self.loss, argnums=numbers)(*self.points)
        elif what == "pushforward":
            result = gt.jvp(self.of, self.points, self.directions)[1]
        elif what == "second order":
            gradient = lambda *xs: gt.grad(self.loss, argnums=numbers)(*xs)
            result = gt.jvp(gradient, self.points, self.directions)[1]
        else:
            result = gt.vmap(gt.grad(self.loss, argnums=numbers))(*self.batches)
        return flatten(result)[0]


def direction(x: Any, seed: int) -> Any:
    """Random numbers of the shape and dtype of x."""
    x = np.asarray(x)
    d = np.random.default_rng(seed).uniform(0.3, 1.0, x.shape)
    return (d + 1j * d[::-1] if x.dtype.kind == "c" and x.ndim else d).astype(x.dtype)
