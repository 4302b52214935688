"""Tensor and Variable: handles on values. What can be done with them is attached by functions/ and interop/.

The class of a handle says where its value lives, so that an operation needs one look at `type(x)`:

- Tensor: a NumPy array or scalar
- Variable: the same, assigned in place by training code; tapes watch it when it is read
- ForeignTensor, ForeignVariable: the same two for the array of another library (see arrays/libraries.py)
- VirtualTensor: a virtual array, whose components are Tensors of a lower level (see virtual/)
"""

from __future__ import annotations

import math
import sys
from itertools import count
from opcode import opmap
from typing import Any, ClassVar

import numpy as np

from .arrays.dtypes import is_floating, kind_of, numpy_dtype
from .arrays.libraries import library_of, title_of, to_numpy
from .context import ASSIGNING, active, assign, next_key
from .errors import LostGradientError, users_line, warn

new = object.__new__
ndarray = np.ndarray
STORE_SUBSCR = opmap["STORE_SUBSCR"]

#: Types of values which kernels take as they are.
SCALARS: frozenset[type] = frozenset(
    [float, int, np.float64, np.float32, np.float16, np.complex64, np.complex128, np.longdouble, np.clongdouble]
    + [np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]
)
RAW: frozenset[type] = SCALARS | {ndarray, bool, complex}


class Virtual:
    """A value that is not an array but behaves as one. Subclasses say how primitives apply to them."""

    __slots__ = ()
    level: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def inside(self) -> Any:
        """A Tensor that it is made of: one level nearer to the library and the device of its arrays."""
        raise NotImplementedError

    @classmethod
    def apply(cls, primitive: Any, level: int, arguments: tuple[Any, ...], parameters: dict[str, Any]) -> Any:
        """What the primitive gives when this kind of value is the outermost among its arguments."""
        raise NotImplementedError

    def concrete(self) -> Any:
        """The level-0 value for control flow and printing."""
        raise NotImplementedError

    def parts(self) -> list[Any]:
        """The Tensors of a lower level that it is made of; what is no Tensor there is a constant."""
        raise NotImplementedError(f"a {type(self).__name__} does not tell its parts")

    def made_of(self, parts: list[Any]) -> Virtual:
        """The same with other parts in place of its own."""
        raise NotImplementedError(f"a {type(self).__name__} cannot be made of parts")


class Tensor:
    """A handle on an array value; the value is immutable, the handle is not (`x[i] = v` gives it a new value).

    >>> import gradtape as gt
    >>> x = gt.asarray([1.0, 2.0])
    >>> x.shape, x.ndim, x.size
    ((2,), 1, 2)
    """

    __slots__ = ("_data", "_key", "__weakref__")
    __array_priority__ = 1000.0
    __hash__: ClassVar[None]  # type: ignore[assignment]
    _data: Any
    _key: int

    def __init__(self, value: Any, dtype: Any = None):
        raise TypeError("a Tensor is made by gradtape.asarray(value) or gradtape.constant(value)")

    # -- attributes
    @property
    def data(self) -> Any:
        """The library's own array (a NumPy array here; 0-d values too). Not a copy: do not write into it."""
        data = self._data
        return np.asarray(data) if type(data) in SCALARS else data

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return self._data.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        return self._data.dtype  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._data.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        size = 1
        for length in self._data.shape:
            size *= length
        return size

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self._data.dtype.itemsize  # type: ignore[no-any-return]

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.size * self.itemsize

    @property
    def device(self) -> str:
        """Where the value lives: "cpu" for NumPy arrays."""
        return "cpu"

    # -- leaving the tape
    def numpy(self) -> Any:
        """A NumPy array with a copy of the value, outside every tape."""
        return np.array(to_numpy(concrete(self)))

    def item(self) -> Any:
        """The value of a one-element Tensor as a Python number; a constant for every derivative."""
        return to_numpy(concrete(self)).item()

    def tolist(self) -> Any:
        """The value as nested Python lists; constants for every derivative."""
        return to_numpy(concrete(self)).tolist()

    def ref(self) -> Reference:
        """A hashable reference, equal for the same handle (Tensors themselves compare elementwise)."""
        return Reference(self)

    def __bool__(self) -> bool:
        return bool(concrete(self))

    def __float__(self) -> float:
        return float(_number(self, "float"))

    def __int__(self) -> int:
        return int(_number(self, "int"))

    def __complex__(self) -> complex:
        return complex(_number(self, "complex"))

    def __index__(self) -> int:
        data = concrete(self)
        if kind_of(data.dtype) not in ("i", "u") or len(data.shape):
            raise TypeError(f"only a 0-d integer Tensor can be an index, not one of shape {self.shape}, {self.dtype}")
        return int(data)

    def __len__(self) -> int:
        shape = self._data.shape
        if not shape:
            raise TypeError("len() of a 0-d Tensor")
        return shape[0]  # type: ignore[no-any-return]

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if sys._getframe(1).f_code.co_name in SPARSE_PRODUCTS:
            return unreadable(self)
        if is_observed(self):
            raise lost("numpy.asarray(x), or a function that calls it,")
        array = np.array(to_numpy(concrete(self)), dtype=dtype, copy=copy)
        if array is self._data or array.base is not None:  # records may keep this memory: let nobody write there
            array = array.view()
            array.flags.writeable = False
        return array

    # -- text
    def __repr__(self) -> str:
        if type(self._data).__base__ is Virtual:
            return f"Tensor({self._data!r})"
        if self._data.__class__ not in RAW:
            return f"Tensor({concrete(self)!r})"
        text = np.array2string(np.asarray(concrete(self)), separator=", ", prefix="Tensor(")
        return f"Tensor({text}, shape={tuple(self.shape)}, dtype={self.dtype})"

    def __str__(self) -> str:
        return str(concrete(self))

    def __format__(self, spec: str) -> str:
        return format(to_numpy(concrete(self))[()], spec) if spec else str(self)

    def _repr_html_(self) -> str:
        import html

        head = f"{type(self).__name__} &middot; shape {tuple(self.shape)} &middot; {self.dtype}"
        return f"<div><small>{head}</small><pre>{html.escape(str(self))}</pre></div>"

    # -- copying; tracking never travels with a copy to another process
    def __reduce__(self) -> Any:
        return tensor, (concrete(self),)

    def __copy__(self) -> Tensor:
        # A handle of its own, for x[i] = v changes one of them; until then the same source to every tape.
        if not self._key:
            self._key = next_key()
        return tracked(self._data, self._key)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        memo[id(self)] = result = self.__copy__()
        return result


#: scipy.sparse's functions behind A @ x. They make an array of x, and let x answer where none can be made.
SPARSE_PRODUCTS = frozenset({"_matmul_dispatch", "_rmatmul_dispatch"})


def unreadable(x: Tensor) -> Any:
    """What NumPy makes of an object that is no array."""
    array = np.empty((), object)
    array[()] = Reference(x)
    return array


class ForeignTensor(Tensor):
    """A Tensor whose value is an array of another library than NumPy."""

    __slots__ = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return tuple(self._data.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self._data.shape)

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return numpy_dtype(self._data.dtype).itemsize

    @property
    def device(self) -> Any:
        """Where the value lives, as its library says it."""
        library = library_of(self._data)
        assert library is not None
        return library.device(self._data)


class VirtualTensor(Tensor):
    """A Tensor whose value is a virtual array: the inside of a jvp, a vmap, ..."""

    __slots__ = ()

    @property
    def device(self) -> Any:
        """Where the arrays inside live."""
        return self._data.inside().device

    def __reduce__(self) -> Any:
        raise TypeError("a value inside a transform (jvp, vmap, ...) cannot be pickled; return it first")


class Variable(Tensor):
    """A Tensor whose value is assigned by training code; a tape watches it when it is read.

    `initial_value`: anything array-like; `trainable`: whether tapes watch it by themselves; `dtype`: of the
    value, kept for life. Raises ValueError if a value of another shape is assigned.

    >>> import gradtape as gt
    >>> v = gt.Variable(3.0)
    >>> with gt.GradientTape() as tape:
    ...     y = v * v
    >>> float(tape.gradient(y, v))
    6.0
    """

    __slots__ = ("name", "trainable", "order", "floating")
    _made = count()
    name: str
    trainable: bool
    order: int
    floating: bool

    def __init__(self, initial_value: Any, trainable: bool = True, name: str | None = None, dtype: Any = None):
        if callable(initial_value) and not isinstance(initial_value, Tensor):
            initial_value = initial_value()
        if type(initial_value) is VirtualTensor:
            raise TypeError("a Variable holds a plain array; this value is inside a transform (jvp, vmap, ...)")
        data = to_array(initial_value)
        library = library_of(data)
        if library is None:
            self._data = np.array(data, dtype=dtype)[()]
        else:
            self._data = library.copied(data, dtype)
            self.__class__ = ForeignVariable
        self._key = next_key()
        self.trainable, self.order = bool(trainable), next(Variable._made)
        self.name = "Variable" if name is None else name
        #: Whether a tape watches it: its dtype is floating or complex, and stays what it is.
        self.floating = is_floating(self._data.dtype)

    # A trained model is copied with its Variables: each copy is a Variable of its own.
    def __reduce__(self) -> Any:
        return Variable, (self._data, self.trainable, self.name, self.dtype)

    def __copy__(self) -> Variable:
        return Variable(self._data, self.trainable, self.name)

    def __deepcopy__(self, memo: dict[int, Any]) -> Variable:
        memo[id(self)] = result = self.__copy__()
        return result

    def __repr__(self) -> str:
        if type(self) is ForeignVariable:
            return f"Variable({self._data!r}, name={self.name!r})"
        text = np.array2string(np.asarray(concrete(self)), separator=", ", prefix="Variable(")
        return f"Variable({text}, shape={tuple(self.shape)}, dtype={self.dtype}, name={self.name!r})"

    def _assign(self, value: Any) -> Variable:
        touch(self)
        if type(value) is VirtualTensor:
            raise TypeError("a Variable cannot be assigned a value that is inside a transform (jvp, vmap, ...)")
        if isinstance(value, Tensor) and value.dtype != self.dtype:
            raise ValueError(
                f"Variable {self.name!r} has dtype {self.dtype}; the Tensor assigned has {value.dtype}: "
                "use gradtape.astype(value, dtype) first"
            )
        if isinstance(value, Variable):
            touch(value)
        data = self._converted(to_array(value))
        if tuple(data.shape) != self.shape:
            raise ValueError(f"Variable {self.name!r} has shape {self.shape}; the value assigned has {data.shape}")
        assign(self, data)
        return self

    def _converted(self, data: Any) -> Any:
        """A copy of a value in this variable's library, on its device, in its dtype."""
        library, other = library_of(self._data), library_of(data)
        if library is None and other is None:
            return np.array(data, dtype=self.dtype)[()]
        if library is None or (library is not other and isinstance(data, ndarray) and data.ndim):
            raise TypeError(
                f"Variable {self.name!r} holds an array of {title_of(self._data)} and cannot be assigned one of "
                f"{title_of(data)}: convert it first"
            )
        own = data if other is library else library.from_numpy(np.asarray(data), self._data)
        return library.copied(own, self.dtype)

    def read_value(self) -> Tensor:
        """Its present value as a Tensor; the reading is recorded."""
        return +self  # type: ignore[no-any-return, operator]

    def value(self) -> Tensor:
        """Its present value as a Tensor; the reading is recorded."""
        return self.read_value()

    def assign(self, value: Any) -> Variable:
        """Give it a new value of the same shape (nothing is recorded). Raises ValueError otherwise."""
        return self._assign(value)

    def assign_add(self, delta: Any) -> Variable:
        """Add to its value (nothing is recorded)."""
        return self._assign_change(delta, 1)

    def assign_sub(self, delta: Any) -> Variable:
        """Subtract from its value (nothing is recorded)."""
        return self._assign_change(delta, -1)

    def _assign_change(self, delta: Any, sign: int) -> Variable:
        if isinstance(delta, Tensor) and delta.dtype != self.dtype:
            return self._assign(delta)  # says what is wrong
        delta = self._converted(to_array(delta))
        if tuple(delta.shape) != self.shape:
            raise ValueError(f"Variable {self.name!r} has shape {self.shape}; the change has {delta.shape}")
        with ASSIGNING:
            return self._assign(self._data + delta if sign > 0 else self._data - delta)


class ForeignVariable(Variable):
    """A Variable whose value is an array of another library than NumPy."""

    __slots__ = ()
    shape, size, itemsize = ForeignTensor.shape, ForeignTensor.size, ForeignTensor.itemsize
    device = ForeignTensor.device


def _refuse_in_place(self: Variable, other: Any) -> Any:
    raise RuntimeError(
        f"Variable {self.name!r} is not changed by operators such as +=: write v.assign_add(x), v.assign_sub(x) or "
        "v.assign(v * x)"
    )


for _operator in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor"):
    setattr(Variable, f"__i{_operator}__", _refuse_in_place)


class Reference:
    """A hashable stand-in for a Tensor in sets and dicts; `.deref()` gives it back."""

    __slots__ = ("_tensor",)

    def __init__(self, tensor: Tensor):
        self._tensor = tensor

    def deref(self) -> Tensor:
        """The Tensor itself."""
        return self._tensor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and self._tensor is other._tensor

    def __hash__(self) -> int:
        return id(self._tensor)


#: The class of handle by the class of value, as far as it was asked for.
HANDLES: dict[type, type[Tensor]] = dict.fromkeys(RAW, Tensor)
handle_of = HANDLES.get


def tensor(data: Any) -> Tensor:
    """A new handle on an array, a NumPy scalar or a virtual array; tracked by nobody."""
    handle = new(handle_of(data.__class__) or handle_class(data.__class__))
    handle._data = data
    handle._key = 0
    return handle


def tracked(data: Any, key: int) -> Tensor:
    """A handle on an earlier value under its key: how a rule gets to see what a record saved."""
    handle = new(handle_of(data.__class__) or handle_class(data.__class__))
    handle._data = data
    handle._key = key
    return handle


def handle_class(kind: type) -> type[Tensor]:
    """The class of the handle on a value of this class."""
    found = HANDLES.get(kind)
    if found is None:
        if issubclass(kind, Virtual):
            found = VirtualTensor
        else:
            found = Tensor if issubclass(kind, ndarray | np.generic | int | float | complex) else ForeignTensor
        HANDLES[kind] = found
    return found


def touch(variable: Variable) -> None:
    """Tell the tapes that the variable is read; those that watch accessed variables begin to."""
    for observer in active():
        if variable._key not in observer.slots:
            observer.accessed(variable)


def concrete(x: Any) -> Any:
    """The level-0 array behind a Tensor (inside jvp: of its primal)."""
    if isinstance(x, Variable):
        touch(x)
    data = x._data
    while isinstance(data, Virtual):
        data = data.concrete()
    return data


def to_array(value: Any) -> Any:
    """The plain array behind a Tensor, or the value itself."""
    return concrete(value) if isinstance(value, Tensor) else value


def underlying(x: Any) -> Any:
    """The NumPy array behind a value, of all examples of a batch: for a choice between formulas that agree.

    None for arrays of other libraries, whose values may be unknown as yet.
    """
    while isinstance(x, Tensor):
        x = x._data
        if isinstance(x, Virtual):
            x = x.inside()
    return x if type(x) in RAW else None


def is_observed(x: Tensor) -> bool:
    """Whether an active tape or transform follows this value."""
    if type(x) is VirtualTensor:
        return True
    if isinstance(x, Variable):
        touch(x)
    key = x._key
    return any([key in observer.slots for observer in active()])


REMEDY = (
    "use gradtape.stack or gradtape.asarray to put Tensors together, and gradtape's or NumPy's own functions on the "
    "Tensor to compute with it"
)


def lost(where: str, remedy: str = REMEDY) -> LostGradientError:
    """The error for a recorded value about to become a plain array; `remedy`: what to write to keep the gradient."""
    return LostGradientError(
        f"{where} would make a plain array of a Tensor that is being differentiated, and cut its gradient"
        + (f" (at {line})" if (line := users_line()) else "")
        + f". To keep it, {remedy}. To cut it on purpose, use gradtape.stop_gradient(x) for a constant, "
        "or x.numpy() for the value."
    )


def _number(x: Tensor, kind: str) -> Any:
    """The single element of x for float() and its like, noted by every tape that follows x."""
    data = concrete(x)
    if is_observed(x):
        if is_stored():
            raise lost("`array[index] = x`", "make the array a Tensor first: array = gradtape.asarray(array)")
        note_exit(x, kind)
    if math.prod(data.shape) != 1:
        raise TypeError(f"only a Tensor of one element converts to {kind}, not one of shape {x.shape}")
    return to_numpy(data).item()


def note_exit(x: Tensor, kind: str) -> None:
    """Let every tape that follows x remember that its value was taken, which may explain a missing gradient."""
    if type(x) is VirtualTensor:
        if is_differentiated(x._data):
            warn(f"{kind}() of a value that is being differentiated forward is a constant: its tangent is dropped")
        return
    for observer in active():
        if x._key in observer.slots:
            observer.note_number(x, kind, users_line())


def is_stored() -> bool:
    """Whether the number that the user's code asks for is for `array[index] = x`: NumPy takes float(x) there."""
    frame = sys._getframe(3)  # of whoever calls float(x)
    return frame.f_lasti >= 0 and frame.f_code.co_code[frame.f_lasti] == STORE_SUBSCR


def is_differentiated(data: Any) -> bool:
    """Whether a forward-mode value is anywhere inside this virtual array."""
    return getattr(data, "differentiates", False)
