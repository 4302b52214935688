"""Array libraries other than NumPy: which one an array is of, its functions, its dtypes and devices.

A Library is a namespace of the array API standard (its own, or array_api_compat's where it has none) that kernels
are written against, and the table of kernels by primitive. Nothing here is imported before such an array shows up.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cached_property, partial
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import NoKernelError, missing_extra
from .dtypes import kind_of, numpy_dtype

#: Array classes of libraries that do not give their arrays a namespace: array_api_compat has one for them.
COMPATIBLE = {"torch": "torch:Tensor", "dask": "dask.array:Array", "cupy": "cupy:ndarray"}

#: Names by which a library's classes show that they belong to it.
ALIASES = {"jaxlib": "jax"}

#: Modules with a table KERNELS of kernels for one library.
TABLES = {
    "jax": "jax_kernels", "torch": "torch_kernels", "dask": "dask_kernels", "cupy": "cupy_kernels",
    "array_api_strict": "strict_kernels",
}  # fmt: skip

#: How a library is called in errors.
TITLES = {
    "jax": "JAX", "torch": "PyTorch", "dask": "Dask", "cupy": "CuPy", "array_api_strict": "array-api-strict"
}  # fmt: skip

#: The functions of the array API standard (2025.12) whose kernels are the library's own, with the same parameters.
NAMES = """
abs acos acosh add all any argmax argmin asin asinh atan atan2 atanh bitwise_and bitwise_invert bitwise_left_shift
bitwise_or bitwise_right_shift bitwise_xor broadcast_to ceil conj copysign cos cosh cumulative_prod diff divide equal
exp expand_dims expm1 flip floor floor_divide greater greater_equal hypot imag isfinite isin isinf isnan less less_equal
log log10 log1p log2 logaddexp logical_and logical_not logical_or logical_xor matmul matrix_transpose max maximum min
minimum multiply negative nextafter not_equal permute_dims positive prod real reciprocal remainder repeat reshape roll
sign signbit sin sinh sqrt square squeeze subtract sum take take_along_axis tan tanh tensordot tile tril triu trunc
vecdot
"""
LINALG = """
cholesky det eig eigh eigvals eigvalsh inv matrix_norm matrix_rank pinv qr slogdet solve svd svdvals vector_norm
"""
FFT = "fft ifft fftn ifftn rfft irfft rfftn irfftn hfft ihfft fftshift ifftshift"
STANDARD = frozenset(NAMES.split())
EXTENSIONS = {"linalg": frozenset(LINALG.split()), "fft": frozenset(FFT.split())}

#: Libraries without devices, or with arrays that go where those go that they meet.
PLACELESS = frozenset(["jax", "dask"])

MISSING: Any = object()


class Namespace:
    """A module's functions, with an error that names the library and the function where there is none."""

    def __init__(self, title: str, module: Any, prefix: str = ""):
        self._title, self._module, self._prefix = title, module, prefix

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self._module, name, MISSING)
        if found is MISSING:
            raise NoKernelError(f"{self._title} has no function {self._prefix}{name}")
        if isinstance(found, ModuleType):
            found = Namespace(self._title, found, f"{self._prefix}{name}.")
        setattr(self, name, found)  # found at once from now on
        return found

    def has(self, name: str) -> bool:
        """Whether the library has this function."""
        return getattr(self._module, name, MISSING) is not MISSING

    def own(self, name: str) -> Any:
        """The module's own attribute, of any name; None if there is none."""
        return getattr(self._module, name, None)


class Library(Namespace):
    """One array library: `xp.sin` is its function; `xp.kernel(primitive)` what computes a primitive on its arrays."""

    def __init__(self, name: str, module: Any):
        super().__init__(TITLES.get(name, name), module)
        self.name = name
        table = self.table = import_module(f".{TABLES[name]}", __package__) if name in TABLES else None
        self.overrides: dict[str, Callable[..., Any]] = dict(getattr(table, "KERNELS", {}))
        #: What gives a kernel for a primitive that the table does not have, or None.
        self.derive: Callable[..., Any] = getattr(table, "derive", lambda xp, primitive: None)
        #: What a kernel of ours is turned into before it is kept.
        self.compiled: Callable[..., Any] = getattr(table, "compiled", lambda kernel, name: kernel)
        self.kernels: dict[Any, Callable[..., Any]] = {}
        self.has_own_dtypes = not isinstance(module.zeros(()).dtype, np.dtype)

    def __repr__(self) -> str:
        return f"<array library {self._title}>"

    @property
    def index_dtype(self) -> Any:
        """The dtype of positions."""
        return self.available(np.int64)

    def available(self, dtype: Any) -> Any:
        """The library's dtype of the same name, or what it has in its place (JAX: 32 bits, unless told otherwise)."""
        return self._module.asarray(np.zeros((), numpy_dtype(dtype))).dtype

    @property
    def float_dtype(self) -> Any:
        """The dtype that integers are converted to where floating numbers are needed."""
        return self.available(np.float64)

    @cached_property
    def special(self) -> Namespace:
        """The library's functions under scipy.special's names."""
        found = getattr(self.table, "SPECIAL", None)
        module = import_module(found) if found else ModuleType("special")
        return Namespace(self._title, module, "special.")

    @property
    def title(self) -> str:
        """How the library is called in errors."""
        return self._title

    # -- kernels
    def helper(self, name: str) -> Callable[..., Any]:
        """A function of ours that kernels share, as this library has it or in the standard's terms."""
        return partial(self.overrides.get(name) or standard_kernels()[name], self)

    def kernel(self, primitive: Any) -> Callable[..., Any]:
        """The primitive's kernel for this library's arrays. Raises NoKernelError if there is none."""
        found = self.kernels.get(primitive)
        if found is None:
            found = self.find(primitive)
            if not hasattr(primitive.kernel, "any_library"):  # those of single calls are not worth keeping
                self.kernels[primitive] = found
        return found

    def find(self, primitive: Any) -> Callable[..., Any]:
        """What `kernel` keeps: an override, else one in the standard's terms, else the function of the same name."""
        name, kernel = primitive.name, primitive.kernel
        if hasattr(kernel, "any_library"):
            return kernel
        written = self.overrides.get(name) or self.derive(self, primitive) or standard_kernels().get(name)
        if written is not None:
            return self.compiled(partial(written, self), name)
        module = getattr(kernel, "__module__", None) or type(kernel).__module__
        if module == "_operator":
            return kernel
        scipy_name = getattr(kernel, "scipy_name", None)
        if scipy_name is not None:
            from .standard_operands import arrays

            function = getattr(self.special, scipy_name)
            return lambda *data: function(*arrays(self, *data))
        for extension, names in EXTENSIONS.items():
            if name in names and self.has(extension):
                return getattr(getattr(self, extension), name)  # type: ignore[no-any-return]
        if name in STANDARD or module.partition(".")[0] == "numpy":
            return getattr(self, name)  # type: ignore[no-any-return]
        lacking = getattr(kernel, "lacking", None)
        if lacking is not None:  # ours, made of NumPy's and SciPy's functions
            raise NoKernelError(f"{self._title} has no function {lacking}")
        raise NoKernelError(f"{self._title} arrays have no kernel for it")

    # -- dtypes, devices, conversion
    def dtype(self, dtype: Any) -> Any:
        """The library's dtype of the same name; its own dtypes as they are, which NumPy need not have."""
        if self.has_own_dtypes and isinstance(dtype, type(self.float32)):
            return dtype
        wanted = numpy_dtype(dtype)
        if not self.has_own_dtypes:
            return wanted
        return getattr(self, wanted.name)

    def device(self, x: Any) -> Any:
        """Where the array lives."""
        device = getattr(x, "device", MISSING)
        return "cpu" if device is MISSING else device

    def placed(self, x: Any) -> dict[str, Any]:
        """Arguments by which a function that makes an array puts it beside x."""
        return {} if self.name in PLACELESS else {"device": self.device(x)}

    def from_numpy(self, x: Any, like: Any = None, dtype: Any = None) -> Any:
        """A NumPy array as one of this library, on the device of `like`, converted to this library's dtype."""
        if self.has_own_dtypes and x.dtype.kind == "V":  # another package's bfloat16
            x = x.astype(np.float32)
        made = self._module.asarray(np.array(x), **({} if like is None else self.placed(like)))
        return made if dtype is None or made.dtype == dtype else self._module.astype(made, dtype)

    def filled(self, shape: tuple[int, ...], value: Any, dtype: Any, like: Any) -> Any:
        """That value everywhere, on the device of `like`."""
        return self._module.full(shape, number(value), dtype=dtype, **self.placed(like))

    def copied(self, x: Any, dtype: Any = None) -> Any:
        """A copy of an array of this library, converted."""
        return self._module.asarray(x, dtype=None if dtype is None else self.dtype(dtype), copy=True)

    def is_known(self, x: Any) -> bool:
        """Whether the elements can be looked at: not those of a lazy array, or in a program that is being compiled."""
        if self.name == "jax":
            return not isinstance(x, sys.modules["jax"].core.Tracer)
        return self.title != "Dask"

    def to_numpy(self, x: Any) -> Any:
        """The array's elements as a NumPy array."""
        if self.name == "torch":
            x = x.detach().cpu().resolve_conj()
            try:
                return x.numpy()
            except TypeError:  # bfloat16
                return x.float().numpy()
        if self.name == "cupy":
            return x.get()
        return np.asarray(x)


LIBRARIES: dict[str, Library] = {}
#: What is to be done when the first array of a library is met, by its name.
WHEN_FOUND: dict[str, Callable[[], None]] = {}
#: The library of an array by its class; None for NumPy's own and for what is no array.
BY_CLASS: dict[type, Library | None] = {}


def library_of(x: Any) -> Library | None:
    """The library that an array belongs to; None for NumPy's, for numbers, and for what is no array."""
    kind = type(x)
    if kind in BY_CLASS:
        return BY_CLASS[kind]
    found = BY_CLASS[kind] = _find(x, kind)
    return found


def _find(x: Any, kind: type) -> Library | None:
    if isinstance(x, np.ndarray | np.generic | int | float | complex | str | list | tuple | dict | type(None)):
        return None
    for cls in kind.__mro__:
        root = cls.__module__.partition(".")[0]
        if root in COMPATIBLE:
            module, _, name = COMPATIBLE[root].partition(":")
            array_class = getattr(sys.modules.get(module), name, None)
            if array_class is None or not isinstance(x, array_class):
                continue
            return _library(root, lambda root=root: _compatible(root, x))  # type: ignore[misc]
    ask = getattr(x, "__array_namespace__", None)
    if ask is None or isinstance(x, type):
        return None
    namespace = ask()
    root = namespace.__name__.partition(".")[0]
    if root == __name__.partition(".")[0]:
        return None  # a Tensor
    return _library(ALIASES.get(root, root), lambda: namespace)


def _library(name: str, namespace: Callable[[], Any]) -> Library:
    if name not in LIBRARIES:
        LIBRARIES[name] = Library(name, namespace())
        WHEN_FOUND.get(name, lambda: None)()
    return LIBRARIES[name]


def _compatible(name: str, x: Any) -> Any:
    try:
        import array_api_compat
    except ImportError:
        raise missing_extra("array-api-compat", "arrays", f"gradtape on {TITLES[name]} arrays") from None
    return array_api_compat.array_namespace(x)


def standard_kernels() -> dict[str, Callable[..., Any]]:
    """The kernels written in the standard's terms, by the primitive's name."""
    from .standard_kernels import KERNELS

    return KERNELS


def to_numpy(x: Any) -> Any:
    """Any library's array as a NumPy array (NumPy's own: itself)."""
    library = library_of(x)
    return np.asarray(x) if library is None else library.to_numpy(x)


def title_of(x: Any) -> str:
    """How the library of an array is called in errors."""
    library = library_of(x)
    return "NumPy" if library is None else library.title


def number(x: Any) -> Any:
    """A NumPy scalar or 0-d array as the Python number that any library takes, without a say in the dtype."""
    return x.item() if isinstance(x, np.generic | np.ndarray) else x


__all__ = ["Library", "kind_of", "library_of", "number", "numpy_dtype", "title_of", "to_numpy"]
