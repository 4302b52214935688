"""Primitive: a function that gradtape knows how to differentiate, and apply(), the door every operation goes through.

A primitive is one short declaration; its kind gives every mode of differentiation. Here is only what a
declaration says; what follows from it for a mode is written where the mode is: sweep.py (reverse),
virtual/dual.py (forward), virtual/batched.py (vmap).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .arrays import numpy_kernels as kernels
from .arrays.libraries import Library, library_of, number, title_of
from .context import ACTIVE, OPEN, active, next_key
from .errors import NoKernelError
from .tensor import RAW, Tensor, Variable, Virtual, VirtualTensor, tensor, touch, tracked

ndarray = np.ndarray
new = object.__new__


class Spec(NamedTuple):
    """What is known of an argument whose value is not kept: a linear function's transpose needs no more."""

    shape: tuple[int, ...]
    dtype: Any

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)


new_spec = tuple.__new__  # of (Spec, (shape, dtype)): without the constructor's detour


class Rule:
    """A rule and the names it wants: its parameters are what the tape saves."""

    __slots__ = ("function", "names")

    def __init__(self, function: Callable[..., Any], skip: int = 0, names: tuple[str, ...] = ()):
        self.function = function
        code = function.__code__  # inspect.signature says the same, and would make half of the time of importing
        self.names = names or code.co_varnames[skip : code.co_argcount]

    def __call__(self, *given: Any, env: dict[str, Any]) -> Any:
        return self.function(*given, *[env[name] for name in self.names])


class Route(Rule):
    """A rule of a selecting function: how it passes a cotangent (or a tangent) on, without multiplying."""

    def __init__(self, function: Callable[..., Any]):
        super().__init__(function, skip=1)


#: The Taylor rule of a function of two arguments that is a product of them; others are in taylor_rules.py.
PRODUCT = "product"

REGISTRY: dict[str, Primitive] = {}


class Primitive:
    """A declared function: `name`, `kernel`, the names of its array `arguments`, and how it is batched.

    `batch`: "align" (elementwise), a `Core`, an `Axes`, an `Alike`, or a function (size, values, flags, **parameters).
    `saves[i]`: names of what argument i's pullback needs, out of the arguments and y. `series`: a Taylor rule of its
    own (PRODUCT, or one of those in taylor_rules.py); None: the one of its kind. `mixes`: along which axes elements
    come together, where `batch` is a function and does not say.
    """

    __slots__ = ("name", "kernel", "arguments", "batch", "saves", "outputs", "fallible", "bits", "series", "mixes")

    def __init__(
        self,
        name: str,
        kernel: Callable[..., Any],
        arguments: Sequence[str],
        batch: Any = None,
        saves: Sequence[Sequence[str]] = (),
        register: bool = True,
    ):
        self.name, self.kernel, self.arguments, self.batch = name, kernel, tuple(arguments), batch
        self.saves = tuple(frozenset(names) for names in saves)
        self.outputs, self.fallible = 1, False
        self.series: Any = None
        self.mixes = batch
        self.bits: dict[int, list[int]] = {}
        if register:
            assert name not in REGISTRY, f"two primitives are called {name}"
            REGISTRY[name] = self

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()} primitive {self.name}>"

    def needed(self, index: int) -> frozenset[str]:
        """Names of what the pullback to argument `index` needs."""
        return self.saves[index] if index < len(self.saves) else frozenset()

    def saved_bits(self, count: int) -> list[int]:
        """What `needed` says of each of `count` arguments, as bits: bit j for argument j, bit `count` for y."""
        bits = self.bits.get(count)
        if bits is None:
            names = [*self.arguments[:count], *self.arguments[-1:] * (count - len(self.arguments)), "y"]
            bits = self.bits[count] = []
            for i in range(count):
                wanted = self.needed(i)
                bits.append(sum([1 << j for j, name in enumerate(names) if name in wanted]) if wanted else 0)
        return bits

    def environment(self, y: Any, arguments: Sequence[Any], parameters: dict[str, Any]) -> dict[str, Any]:
        """The names that rules may mention."""
        env = dict(zip(self.arguments, arguments, strict=False))
        env["y"] = y
        env.update(parameters)
        return env


class Zero(Primitive):
    """A piecewise constant function: nothing flows through it."""

    __slots__ = ()


class Elementwise(Primitive):
    """A function of each element, with one slope per argument: a constant, a Rule, or a Route.

    `singular`: slopes may be infinite or NaN where the function is finite or unselected, so that a zero
    cotangent has to absorb them. `raw_pulls`: kernels (g, saved) that say the same as the slopes on plain arrays,
    where they take fewer passes than slope and product. `recurrence`: a kernel for the Taylor coefficients of
    plain numbers (see arrays/series_kernels.py).
    """

    __slots__ = ("slopes", "names", "singular", "pulls", "raw_pulls", "lifts", "recurrence")
    pulls: Any
    raw_pulls: Any
    lifts: Any

    def __init__(
        self,
        name: str,
        kernel: Callable[..., Any],
        slopes: Sequence[Any],
        arguments: Sequence[str] | None = None,
        singular: bool = False,
        register: bool = True,
        raw_pulls: tuple[Callable[..., Any], ...] | None = None,
        series: Any = None,
        recurrence: Callable[..., Any] | None = None,
    ):
        if arguments is None:
            arguments = ("x",) if len(slopes) == 1 else ("a", "b", "c")[: len(slopes)]
        self.singular, self.raw_pulls = singular, raw_pulls
        self.slopes = tuple(Rule(s) if callable(s) and not isinstance(s, Rule) else s for s in slopes)
        saves = [s.names if isinstance(s, Rule) else () for s in self.slopes]
        super().__init__(name, kernel, arguments, "align", saves, register)
        self.names, self.series, self.recurrence = tuple(saves), series, recurrence


class Linear(Primitive):
    """A function linear in its arguments taken together (those in `linear`, all by default).

    `transpose(g, x, **parameters)` with x the argument's Spec; for several arguments
    `transpose(g, index, specs, arguments, **parameters)`, where constant arguments (indices, masks) are values.
    `accumulate(total, g, **parameters)` adds the transpose into an array in place (reindexing functions).
    `overwrite(g, index, *saved, **parameters)` gives a transpose by writing over a cotangent that the sweep alone
    holds, or None (functional updates).
    `matrix(shape, **parameters)`: its scipy.sparse matrix on the elements of its one argument, where it is made of one.
    `sum_of_transposes(*gs, keys, shape)`: the sum of transposes that differ in the parameter `key` only.
    """

    __slots__ = ("transpose", "linear", "accumulate", "overwrite", "variadic", "plain", "matrix", "sum_of_transposes")

    def __init__(
        self,
        name: str,
        kernel: Callable[..., Any],
        transpose: Callable[..., Any],
        batch: Any,
        arguments: Sequence[str] = ("x",),
        linear: Sequence[int] | None = None,
        accumulate: Callable[..., Any] | None = None,
        register: bool = True,
        overwrite: Callable[..., Any] | None = None,
        matrix: Callable[..., Any] | None = None,
    ):
        super().__init__(name, kernel, arguments, batch, register=register)
        self.transpose, self.accumulate, self.overwrite = transpose, accumulate, overwrite
        self.linear, self.matrix = None if linear is None else tuple(linear), matrix
        self.sum_of_transposes: Linear | None = None  # given afterwards: it refers to this one
        self.variadic = len(self.arguments) != 1 or self.arguments == ("*",)
        #: Whether the transpose of its one argument is all there is to its pullback.
        self.plain = not self.variadic and linear is None and accumulate is None and overwrite is None

    def is_linear_in(self, index: int) -> bool:
        """Whether argument `index` is one of those it is linear in."""
        return self.linear is None or index in self.linear

    def needed(self, index: int) -> frozenset[str]:
        return self.constants if self.is_linear_in(index) else frozenset()

    @property
    def constants(self) -> frozenset[str]:
        """The arguments that are no subject of linearity: indices, masks."""
        if self.linear is None:
            return frozenset()
        return frozenset(name for i, name in enumerate(self.arguments) if i not in self.linear)


class Bilinear(Primitive):
    """A function linear in each of a and b, with its two transposes (g, b, **parameters), (g, a, **parameters).

    `subscripts(rank of a, rank of b, **parameters)`: which elements are multiplied, as einsum writes it.
    A transpose with an argument `spec` is given the Spec of its own argument too (as a keyword).
    For functions with a fast path: `direct`, a condition on the arrays da and db under which cotangents come out of
    the transposes in their operands' own shape and dtype; `raw_transposes`, on plain arrays, where a sum of outer
    products may stay factored (numpy_kernels.OuterSum).
    """

    __slots__ = (
        "transposes", "raw_transposes", "names", "takes_spec", "direct", "pulls", "raw_pulls", "lifts", "subscripts",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        kernel: Callable[..., Any],
        transpose_a: Callable[..., Any],
        transpose_b: Callable[..., Any],
        batch: Any,
        register: bool = True,
        direct: str = "False",
        raw_transposes: tuple[Callable[..., Any], Callable[..., Any]] | None = None,
        subscripts: Callable[..., str] | None = None,
    ):
        super().__init__(name, kernel, ("a", "b"), batch, (("b",), ("a",)), register)
        self.transposes = (transpose_a, transpose_b)
        self.raw_transposes = raw_transposes or self.transposes
        self.direct, self.subscripts = direct, subscripts
        self.takes_spec = tuple(["spec" in t.__code__.co_varnames for t in self.transposes])
        self.names = (("b",), ("a",))


class General(Primitive):
    """Everything else: per argument a vjp (g, names...) and/or a jvp (dx, names...); what is missing is derived.

    A rule names what it needs of the arguments, y (a tuple where there are several `outputs`) and parameters.
    A joint rule serves all arguments at once: joint_vjp(g, y, *arguments) gives a cotangent (or None) for each,
    joint_jvp(tangents, y, *arguments) the tangent of y; a tangent None is zero. Both save everything.
    """

    __slots__ = ("vjps", "jvps", "joint_vjp", "joint_jvp", "pullbacks", "names", "pulls", "raw_pulls", "lifts")
    #: Where the hot path has a function of its own for the primitive (hotpath.first_of_two).
    names: Any
    pulls: Any
    raw_pulls: Any
    lifts: Any

    def __init__(
        self,
        name: str,
        kernel: Callable[..., Any],
        arguments: Sequence[str] = ("x",),
        vjp: Any = (),
        jvp: Any = (),
        batch: Any = None,
        outputs: int = 1,
        register: bool = True,
        joint_vjp: Callable[..., Any] | None = None,
        joint_jvp: Callable[..., Any] | None = None,
        series: Any = None,
        mixes: Any = None,
    ):
        self.joint_vjp, self.joint_jvp = joint_vjp, joint_jvp
        vjps, jvps = as_rules(vjp), as_rules(jvp)
        count = max(len(vjps), len(jvps))
        self.vjps = (*vjps, *[None] * (count - len(vjps)))
        self.jvps = (*jvps, *[None] * (count - len(jvps)))
        known = [*arguments, "y"]
        if joint_vjp is not None or joint_jvp is not None:
            saves = [known] * len(arguments)
        else:
            rules = [v or j for v, j in zip(self.vjps, self.jvps, strict=True)]
            saves = [[name for name in rule.names if name in known] if rule else [] for rule in rules]
        super().__init__(name, kernel, arguments, batch, saves, register)
        self.outputs, self.fallible, self.series = outputs, True, series
        self.mixes = mixes or batch
        #: The vjps as functions (g, saved arguments, y, parameters), for the sweep.
        self.pullbacks = [None if rule is None else with_positions(rule, self.arguments) for rule in self.vjps]


def with_positions(rule: Rule, arguments: Sequence[str]) -> Callable[..., Any]:
    """The rule as a function (g, saved arguments, y, parameters): its names are looked up once, here."""
    function = rule.function
    plan = [(name, arguments.index(name) if name in arguments else -1) for name in rule.names]
    places = [i for _, i in plan]
    if rule.names[:1] == ("y",) and min(places[1:], default=0) >= 0:  # no parameters: without a look at names
        rest = places[1:]
        return lambda g, saved, y, parameters: function(g, y, *[saved[i] for i in rest])

    def pullback(g: Any, saved: Sequence[Any], y: Any, parameters: dict[str, Any]) -> Any:
        return function(g, *[saved[i] if i >= 0 else y if name == "y" else parameters[name] for name, i in plan])

    return pullback


def as_rules(rules: Any) -> tuple[Rule | None, ...]:
    """Rules of one argument or of several, as Rules that are given g (or dx) first."""
    several = rules if isinstance(rules, tuple | list) else (rules,)
    return tuple([r if r is None or isinstance(r, Rule) else Rule(r, skip=1) for r in several])


class Core(NamedTuple):
    """Batching of functions whose kernels take leading batch axes: how many trailing axes each argument's core has."""

    axes: tuple[int, ...]


class Axes(NamedTuple):
    """Batching of one-argument functions by shifting axis parameters (non-negative ints or tuples of them).

    What comes together in an element of the result is what lies along those axes, which the result keeps unless a
    parameter `keepdims` is False; and along the axes `also` (negative ints), which it lacks.
    """

    names: tuple[str, ...]
    also: tuple[int, ...] = ()


class Alike(NamedTuple):
    """The same for functions whose array arguments all have the same axes: each is given the batch axis."""

    names: tuple[str, ...] = ("axis",)
    also: tuple[int, ...] = ()


def scale(g: Any, d: Any) -> Any:
    """Cotangent times slope, where a zero cotangent absorbs an infinite or undefined slope (0 * inf = 0)."""
    if type(g) in RAW and type(d) in RAW:
        return kernels.scale(g, d)
    return FAST.scale(g, d)


def scale_either(a: Any, b: Any) -> Any:
    """a * b, where a zero of either absorbs: the derivative of scale(g, d) in d is still 0 wherever g is."""
    if type(a) in RAW and type(b) in RAW:
        return kernels.scale_either(a, b)
    return FAST.scale_either(a, b)


class FAST:
    """The fast functions of products, put here by hotpath when they have been made."""

    scale: Callable[[Any, Any], Any]
    scale_either: Callable[[Any, Any], Any]
    multiply: Callable[[Any, Any], Any]


# -- the door ----------------------------------------------------------------------------------------------------
def apply(primitive: Primitive, *arguments: Any, **parameters: Any) -> Any:
    """The primitive's value: a Tensor (or a tuple of them) if any argument is one, else what the kernel gives.

    Decides the level, finds the kernel, leaves a record with every observer that follows an argument.
    """
    if RAW.issuperset(map(type, arguments)):
        y = primitive.kernel(*arguments, **parameters)
        return np.complex128(y) if y.__class__ is complex else y
    data = []
    keys = []
    any_tensor = False
    for argument in arguments:
        kind = type(argument)
        if kind is Tensor:
            any_tensor = True
        elif kind is Variable:
            touch(argument)
            any_tensor = True
        elif kind is VirtualTensor:
            return apply_virtual(primitive, arguments, parameters)
        elif kind not in RAW and (isinstance(argument, Tensor) or library_of(argument) is not None):
            return apply_foreign(primitive, arguments, parameters)
        else:
            data.append(argument)
            keys.append(0)
            continue
        data.append(argument._data)
        keys.append(argument._key)
    y = primitive.kernel(*data, **parameters)
    if y.__class__ is complex:  # Python's own product of a complex number and a np.float64, which is a float to it
        y = np.complex128(y)
    if not any_tensor:
        return y
    if primitive.outputs != 1:
        handles = tuple([tensor(part) for part in y])
        observers = active()
        if observers:
            leave_records(primitive, observers, handles, y, data, keys, parameters)
        return handles
    handle = new(Tensor)
    handle._data = y
    handle._key = 0
    observers = active()
    if observers and not isinstance(primitive, Zero):
        leave_records(primitive, observers, handle, y, data, keys, parameters)
    return handle


def apply_foreign(primitive: Primitive, arguments: tuple[Any, ...], parameters: dict[str, Any]) -> Any:
    """The same where an argument is an array of another library than NumPy: the kernel is that library's."""
    data: list[Any] = []
    keys = []
    any_tensor = False
    library: Library | None = None
    for argument in arguments:
        value, key = argument, 0
        if isinstance(argument, Tensor):
            if type(argument) is VirtualTensor:
                return apply_virtual(primitive, arguments, parameters)
            if isinstance(argument, Variable):
                touch(argument)
            any_tensor = True
            value, key = argument._data, argument._key
        own = library_of(value)
        if own is not library and own is not None:
            if library is not None:
                raise mixed(primitive, arguments)
            library = own
        data.append(value)
        keys.append(key)
    assert library is not None
    observers = active()
    for i, value in enumerate(data):
        if isinstance(value, ndarray | np.generic):  # a NumPy number is a number to every library
            if value.ndim or any([keys[i] in observer.slots for observer in observers]):
                raise mixed(primitive, arguments)
            data[i] = number(value)
    try:
        y = library.kernel(primitive)(*data, **parameters)
    except NoKernelError as error:
        raise NoKernelError(f"gradtape.{primitive.name} of {library.title} arrays: {error}") from error
    if not any_tensor:
        return y
    handles: Any = tensor(y) if primitive.outputs == 1 else tuple([tensor(part) for part in y])
    if observers and not isinstance(primitive, Zero):
        for observer in observers:
            observer.virtual = True  # what it records are no NumPy arrays
        leave_records(primitive, observers, handles, y, data, keys, parameters)
    return handles


def mixed(primitive: Primitive, arguments: tuple[Any, ...]) -> TypeError:
    """The error for arrays of two libraries in one operation."""
    data = [a._data if isinstance(a, Tensor) else a for a in arguments]
    titles = dict.fromkeys([title_of(d) for d in data if hasattr(d, "shape")])
    return TypeError(
        f"gradtape.{primitive.name}: arrays of {' and of '.join(titles)} in one operation: convert one of them to the "
        "other's library first"
    )


def apply_linear(primitive: Linear, x: Any, **parameters: Any) -> Any:
    """apply() for a linear function of one array, without its loops: slices, reshapes, sums are everywhere."""
    if type(x) is not Tensor:
        return primitive.kernel(x, **parameters) if type(x) in RAW else apply(primitive, x, **parameters)
    data = x._data
    handle = new(Tensor)
    handle._data = y = primitive.kernel(data, **parameters)
    key = 0
    observers = active()
    if observers:
        k = x._key
        for observer in observers:
            slots = observer.slots
            if k in slots:
                key = key or next_key()
                saved, kept = ([data], y) if observer.wants_everything else ((), None)
                slots[key] = (primitive, key, (k,), [Spec(data.shape, data.dtype)], saved, kept, parameters)
    handle._key = key
    return handle


def apply_virtual(primitive: Primitive, arguments: tuple[Any, ...], parameters: dict[str, Any]) -> Any:
    """Let the outermost virtual array among the arguments say what the primitive means for it."""
    level, top = 0, None
    for argument in arguments:
        if type(argument) is VirtualTensor and argument._data.level > level:
            level, top = argument._data.level, type(argument._data)
    assert top is not None
    if level not in OPEN.get():
        raise TypeError(
            f"{primitive.name} was given a value from inside a transform (vmap, jvp, ...) that has ended: it was kept "
            "in a variable, or written into a Tensor from outside. Return it from the function instead"
        )
    observers = active()
    if not observers:
        y = top.apply(primitive, level, arguments, parameters)
        if primitive.outputs == 1:
            return y if isinstance(y, Tensor) else tensor(y)
    else:
        for argument in arguments:
            if type(argument) is Variable:
                touch(argument)
        # An observer of this level or a deeper one records the call itself, those outside what it is made of.
        ACTIVE.set(tuple([o for o in observers if o.level < level]))
        try:
            y = top.apply(primitive, level, arguments, parameters)
        finally:
            ACTIVE.set(observers)
    if isinstance(y, Tensor):  # nothing of this level flowed through: an ordinary value of a lower one
        return y
    many = primitive.outputs != 1
    handles: Any = tuple([x if isinstance(x, Tensor) else tensor(x) for x in y]) if many else tensor(y)
    y = tuple([part._data for part in handles]) if many else y
    watching = tuple([o for o in observers if o.level >= level])
    if watching and not isinstance(primitive, Zero):
        data = [a._data if isinstance(a, Tensor) else a for a in arguments]
        keys = [a._key if isinstance(a, Tensor) else 0 for a in arguments]
        for observer in watching:
            observer.virtual = True
        leave_records(primitive, watching, handles, y, data, keys, parameters)
    return handles


def leave_records(
    primitive: Primitive,
    observers: tuple[Any, ...],
    handles: Any,
    y: Any,
    data: list[Any],
    keys: list[int],
    parameters: dict[str, Any],
) -> None:
    """Record an application: (primitive, key, keys, specs of tracked arguments, saved arguments, saved y, parameters).

    A record of several outputs stands under a key of its own; each output refers to it by a record (key, index).
    """
    key = 0
    count = len(data)
    bits = primitive.saved_bits(count)
    for observer in observers:
        slots = observer.slots
        wanted = -1  # nobody follows
        specs: list[Spec | None] = [None] * count
        for i in range(count):
            if keys[i] in slots:
                wanted = bits[i] if wanted < 0 else wanted | bits[i]
                d = data[i]
                specs[i] = new_spec(Spec, (d.shape, d.dtype))
        if wanted < 0:
            continue
        if observer.wants_everything:
            wanted = (2 << count) - 1
        if not key:
            key = next_key()
        saved: Any = ()
        if wanted & ((1 << count) - 1):
            saved = [d if wanted >> i & 1 else None for i, d in enumerate(data)]
        keeps_y = wanted >> count
        kept_y = None
        if primitive.outputs == 1:
            if keeps_y:
                kept_y = y
            output_specs = None
        else:
            for handle in handles:
                if not handle._key:
                    handle._key = next_key()
            if keeps_y:
                kept_y = tuple([(handle._data, handle._key) for handle in handles])
            output_specs = [new_spec(Spec, (part.shape, part.dtype)) for part in y]
        if primitive.fallible:
            observer.fallible = True
        slots[key] = (primitive, key, tuple(keys), specs, saved, kept_y, parameters)
        if output_specs is not None:
            for i, handle in enumerate(handles):
                slots[handle._key] = (primitive, handle._key, key, i, output_specs, None)
    if key and primitive.outputs == 1:
        handles._key = key


SCALE = Elementwise(
    "scale",
    kernels.scale,
    (lambda b: b, Route(lambda g, a: scale_either(g, a))),
    singular=True,
    series=PRODUCT,
)
SCALE_EITHER = Elementwise(
    "scale_either",
    kernels.scale_either,
    (Route(lambda g, b: scale_either(g, b)), Route(lambda g, a: scale_either(g, a))),
    series=PRODUCT,
)

__all__ = ["REGISTRY", "Alike", "Axes", "Bilinear", "Core", "Elementwise", "General", "Linear", "Primitive"]
__all__ += ["Route", "Rule", "Spec", "Virtual", "Zero", "apply", "apply_linear", "scale", "tracked"]
