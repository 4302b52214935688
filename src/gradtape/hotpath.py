"""The fast functions of one- and two-argument primitives, written out for each primitive when it is declared.

Every operation of a user's program passes through one of these. They do what primitive.apply does, without
loops, lists and dictionaries: the class of an argument is looked at once, what the rules save is written
into the record directly. docs/performance.md says where each part of a microsecond goes.
"""

from __future__ import annotations

import linecache
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .arrays import numpy_kernels as kernels
from .context import active, next_key
from .primitive import (
    FAST,
    SCALE,
    SCALE_EITHER,
    Bilinear,
    Elementwise,
    General,
    Primitive,
    Route,
    Rule,
    Zero,
    apply,
    apply_virtual,
    leave_records,
)
from .tensor import RAW, Tensor, Variable, VirtualTensor, handle_class, ndarray, new, tensor, touch

#: Argument of a record that is not tracked; None means tracked and of the result's own shape and dtype.
SKIP = False
ARRAYS = frozenset([ndarray])
VIRTUAL = frozenset([VirtualTensor])
#: What may stand beside a virtual value without a look at it.
BESIDE = RAW | {Tensor, Variable, VirtualTensor}
float64 = np.float64

HANDLE = """\
    t = new(Tensor)
    t._data = y
"""

UNARY = """\
def function(x, /):
    kind = type(x)
    if kind is not Tensor and kind is not Variable:
{others}\
    d = x._data
{divert}\
    y = kernel(d)
{handle}\
    observers = active()
    if observers:
        k = x._key
        key = 0
        for observer in observers:
            slots = observer.slots
            if kind is Variable and k not in slots:
                observer.accessed(x)
            if k in slots:
                if not key:
                    key = next_key()
                slots[key] = (primitive, key, k, {save}, {spec})
        t._key = key
    else:
        t._key = 0
    return t
"""

OTHERS = """\
        if kind is VirtualTensor:
            return apply_virtual(primitive, (x,), {})
        return kernel(x) if kind in RAW else slow(x)
"""

BINARY_HEAD = """\
def function({first}, {second}, /):
    kind_a = type(a)
    kind_b = type(b)
    if kind_a is Tensor or kind_a is Variable:
        da = a._data
        ka = a._key
        if kind_b is Tensor or kind_b is Variable:
            db = b._data
            kb = b._key
        elif kind_b in RAW:
            db = b
            kb = 0
        elif kind_b in VIRTUAL:
            return apply_virtual(primitive, (a, b), {{}})
        else:
            return slow(a, b)
    elif (kind_b is Tensor or kind_b is Variable) and kind_a in RAW:
        da = a
        ka = 0
        db = b._data
        kb = b._key
    elif kind_a in VIRTUAL and kind_b in BESIDE or kind_b in VIRTUAL and kind_a in BESIDE:
        return apply_virtual(primitive, (a, b), {{}})
    else:
        return slow(a, b)
{divert}\
    y = kernel(da, db)
{handle}\
"""

BINARY_RECORD = """\
    observers = active()
    if observers:
{direct}\
        key = 0
        for observer in observers:
            slots = observer.slots
            if kind_a is Variable and ka not in slots:
                observer.accessed(a)
            if kind_b is Variable and kb not in slots:
                observer.accessed(b)
            if ka in slots:
                if not key:
                    key = next_key()
                if kb in slots:
                    slots[key] = (primitive, key, ka, {save_a}, {spec_a}, kb, {save_b}, {spec_b})
                else:
                    slots[key] = (primitive, key, ka, {save_a}, {spec_a}, kb, None, SKIP)
            elif kb in slots:
                if not key:
                    key = next_key()
                slots[key] = (primitive, key, ka, None, SKIP, kb, {save_b}, {spec_b})
        t._key = key
    else:
        t._key = 0
    return t
"""

READ = """\
    if type({0}) is Variable:
        touch({0})
"""

#: The spec of an argument: None if the result has its shape and dtype, so that its cotangent needs no fitting.
SAME = (
    "None if d{0}.__class__ is y.__class__ is float64 or d{0}.shape == y.shape and d{0}.dtype is y.dtype "
    "else (d{0}.shape, d{0}.dtype, y.shape, y.dtype)"
)


CODE: dict[str, types.CodeType] = {}


def compile_function(source: str, name: str, bindings: dict[str, Any]) -> Callable[..., Any]:
    """The function that the template defines; its source shows in tracebacks as <gradtape N>.

    Functions that save the same things have the same text, which is compiled once: importing stays fast.
    """
    code = CODE.get(source)
    if code is None:
        filename = f"<gradtape {len(CODE)}>"
        linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
        scope: dict[str, Any] = {}
        exec(compile(source, filename, "exec"), scope)  # our own template, never a user's text
        code = CODE[source] = scope["function"].__code__
    return types.FunctionType(code.replace(co_name=name, co_qualname=name), bindings, name)


def saved(names: Sequence[str], where: dict[str, str]) -> str:
    """The expression for what a record keeps: nothing, one value, or a tuple of values in the rule's order."""
    parts = [where[name] for name in names]
    if not parts:
        return "None"
    return parts[0] if len(parts) == 1 else f"({', '.join(parts)})"


def bindings(primitive: Primitive, slow: Callable[..., Any]) -> dict[str, Any]:
    """What the templates mention."""
    return {
        "primitive": primitive,
        "kernel": primitive.kernel,
        "slow": slow,
        "active": active,
        "next_key": next_key,
        "touch": touch,
        "new": new,
        "Tensor": Tensor,
        "Variable": Variable,
        "VirtualTensor": VirtualTensor,
        "apply_virtual": apply_virtual,
        "VIRTUAL": VIRTUAL,
        "BESIDE": BESIDE,
        "RAW": RAW - {complex},  # complex numbers go the slow way: see apply()
        "SKIP": SKIP,
        "float64": float64,
        "DOUBLE": kernels.DOUBLE,
    }


# -- what the sweep needs of such a primitive -----------------------------------------------------------------------
Pull = Callable[[Any, Any], Any]


def link(primitive: Any) -> None:
    """Make the closures by which the sweep pulls back through records of this primitive.

    `raw_pulls[i](g, saved)` on raw arrays, `pulls[i](g, saved)` on Tensors; None hands g on as it is.
    `lifts[i](saved, ka, kb, key)` makes Tensors of what was saved (for one argument: ka its key).
    """
    if isinstance(primitive, Elementwise):
        primitive.pulls = tuple([make_pull(slope, primitive.singular) for slope in primitive.slopes])
        if primitive.raw_pulls is None:
            primitive.raw_pulls = tuple([make_raw_pull(slope, primitive.singular) for slope in primitive.slopes])
    else:
        primitive.raw_pulls = primitive.raw_transposes
        primitive.pulls = tuple([_on_tensors(transpose) for transpose in primitive.transposes])
    primitive.lifts = tuple([make_lift(names) for names in primitive.names])


def _on_tensors(transpose: Pull) -> Pull:
    return lambda g, s: transpose(g if isinstance(g, Tensor) else tensor(g), s)


def make_pull(slope: Any, singular: bool) -> Pull | None:
    """The pullback (cotangent, saved) -> contribution of one slope, on Tensors."""
    if slope is None:
        return lambda g, s: None
    multiply = scaled if singular else multiplied
    if not isinstance(slope, Rule):
        return None if slope == 1 else (lambda g, s: -g) if slope == -1 else (lambda g, s: multiply(g, slope))
    function, names = slope.function, slope.names
    if isinstance(slope, Route):
        return function if len(names) == 1 else lambda g, s: function(g, *s)
    if len(names) == 1:
        return multiply if is_identity(function) else lambda g, s: multiply(g, function(s))
    return lambda g, s: multiply(g, function(*(s or ())))


def scaled(g: Any, d: Any) -> Any:
    """The absorbing product of a cotangent and a slope, one of which may be raw; a cotangent 1 is not multiplied."""
    if g.__class__ is float64:
        if g == 1.0 and d.__class__ is Tensor:
            return d
        if d.__class__ in RAW:
            return kernels.scale(g, d)
    return FAST.scale(g, d)


def multiplied(g: Any, d: Any) -> Any:
    """The plain product of a cotangent and a slope."""
    if g.__class__ is float64 and (d.__class__ is float64 or d.__class__ is float):
        return g * d
    return FAST.multiply(g, d)


def make_raw_pull(slope: Any, singular: bool) -> Pull | None:
    """The same on raw arrays, where large arrays that nobody else holds are written over."""
    if slope is None or isinstance(slope, Route):
        return make_pull(slope, singular)
    if not isinstance(slope, Rule):
        return None if slope == 1 else kernels.negate if slope == -1 else (lambda g, s: g * slope)
    function, names = slope.function, slope.names
    if len(names) == 1:
        if is_identity(function):
            return kernels.scale_over if singular else kernels.times_over
        if singular:
            return lambda g, s: kernels.scale(g, function(s))
        return lambda g, s: kernels.times(g, function(s))
    multiply = kernels.scale if singular else kernels.times
    return lambda g, s: multiply(g, function(*(s or ())))


def is_identity(function: Callable[[Any], Any]) -> bool:
    """Whether a slope is just the thing saved (`lambda y: y`)."""
    code = getattr(function, "__code__", None)
    return code is not None and code.co_code == (lambda y: y).__code__.co_code


def make_lift(names: Sequence[str]) -> Callable[[Any, int, int, int], Any]:
    """How what a record saved under these names becomes Tensors under their keys."""
    if not names:
        return lambda s, ka, kb, key: None
    if len(names) == 1:
        (name,) = names
        if name == "y":
            return lambda s, ka, kb, key: lift(s, key)
        if name == "b":
            return lambda s, ka, kb, key: lift(s, kb)
        return lambda s, ka, kb, key: lift(s, ka)
    which = [{"x": 0, "a": 0, "b": 1, "y": 2}[name] for name in names]

    def lift_all(s: Any, ka: int, kb: int, key: int) -> Any:
        keys = (ka, kb, key)
        return tuple([lift(value, keys[i]) for value, i in zip(s, which, strict=True)])

    return lift_all


def lift(data: Any, key: int) -> Any:
    """A saved value as a Tensor under its key, so that observers recognise it; a constant array stays as it is."""
    if data.__class__ in RAW:
        if not key:
            return data
        handle = new(Tensor)
    else:
        handle = new(handle_class(data.__class__))
    handle._data = data
    handle._key = key
    return handle


# -- the functions -------------------------------------------------------------------------------------------------
#: The kernel of each such function that, where nobody looks on, is the kernel's value as it is.
KERNEL_OF: dict[Callable[..., Any], Callable[..., Any]] = {}


def unary(
    primitive: Primitive, slow: Callable[[Any], Any], name: str | None = None, unless: str = ""
) -> Callable[[Any], Any]:
    """The fast function of a one-argument elementwise primitive; `slow` serves all but Tensors and raw arrays.

    `unless`: a condition on the array d under which `slow` serves after all; it then serves plain arrays, too.
    """
    name = name or primitive.name
    parts = {"handle": HANDLE, "spec": "None", "others": OTHERS, "divert": ""}
    if unless:
        parts |= {"others": "        return slow(x)\n", "divert": f"    if {unless}:\n        return slow(x)\n"}
    if isinstance(primitive, Zero):
        head = UNARY.format(**parts, save="").split("    observers =")[0]
        source = head + READ.format("x") + "    t._key = 0\n    return t\n"
    else:
        assert isinstance(primitive, Elementwise)
        link(primitive)
        source = UNARY.format(**parts, save=saved(primitive.names[0], {"x": "d", "y": "y"}))
    function = compile_function(source, name, bindings(primitive, slow))
    if not unless:
        KERNEL_OF[function] = primitive.kernel
    return function


def binary(
    primitive: Primitive,
    slow: Callable[[Any, Any], Any],
    name: str | None = None,
    reflected: bool = False,
    unless: str = "",
) -> Callable[[Any, Any], Any]:
    """The fast function of a two-argument primitive without parameters; `reflected`: called as (b, a).

    `unless`: a condition on the arrays da and db under which the slow path serves after all.
    """
    name = name or primitive.name
    first, second = ("b", "a") if reflected else ("a", "b")
    divert = f"    if {unless}:\n        return slow(a, b)\n" if unless else ""
    head = BINARY_HEAD.format(first=first, second=second, handle=HANDLE, divert=divert)
    if isinstance(primitive, Zero):
        source = head + READ.format("a") + READ.format("b") + "    t._key = 0\n    return t\n"
    else:
        assert isinstance(primitive, Elementwise | Bilinear)
        link(primitive)
        where = {"a": "da", "b": "db", "y": "y"}
        spec, direct = SAME, ""
        if isinstance(primitive, Bilinear):
            direct = f"        direct = {primitive.direct}\n"
            spec = "None if direct else (d{0}.shape, d{0}.dtype, y.shape, y.dtype)"
        flows = [slope is not None for slope in getattr(primitive, "slopes", (1, 1))]
        source = head + BINARY_RECORD.format(
            direct=direct,
            save_a=saved(primitive.names[0], where),
            save_b=saved(primitive.names[1], where),
            spec_a=spec.format("a") if flows[0] else "SKIP",
            spec_b=spec.format("b") if flows[1] else "SKIP",
        )
    scope = bindings(primitive, slow)
    if isinstance(primitive, Bilinear):  # products of arrays take no bare numbers, and look at shapes
        scope |= {"RAW": ARRAYS, "VIRTUAL": frozenset(), "BESIDE": frozenset()}
    function = compile_function(source, name, scope)
    if not (unless or reflected or isinstance(primitive, Bilinear)):
        KERNEL_OF[function] = primitive.kernel
    return function


#: Who wants to know all of an application gets the record that apply() leaves.
IN_FULL = """\
        if any([observer.wants_everything for observer in observers]):
            return slow(a, b)
"""


def first_of_two(
    primitive: General, slow: Callable[[Any, Any], Any], unless: str, raw_pulls: Sequence[Pull | None] = (None, None)
) -> Callable[[Any, Any], Any]:
    """The fast function of a primitive of two arguments that computes beside its value what its pullbacks need.

    To apply() these are two outputs, of which the function gives the first; here the rest is kept in the record. A
    sweep that is recorded computes it again, so that it is connected. `unless`: as in binary(). `raw_pulls`:
    kernels (g, (a, b, rest)) that say on plain arrays what the vjps say; None for those themselves.
    """
    link_rest(primitive, raw_pulls)
    divert = f"    if {unless}:\n        return slow(a, b)\n"
    head = BINARY_HEAD.format(first="a", second="b", handle=HANDLE, divert=divert)
    head = head.replace("y = kernel(da, db)", "y, rest = kernel(da, db)")
    spec = "(d{0}.shape, d{0}.dtype)"
    source = head + BINARY_RECORD.format(
        direct=IN_FULL,
        save_a="(da, db, rest)",
        save_b="(da, db, rest)",
        spec_a=spec.format("a"),
        spec_b=spec.format("b"),
    )
    scope = bindings(primitive, slow) | {"RAW": ARRAYS, "VIRTUAL": frozenset(), "BESIDE": frozenset()}
    return compile_function(source, primitive.name, scope)


def link_rest(primitive: General, raw_pulls: Sequence[Pull | None]) -> None:
    """link() for such a primitive."""

    def pull_with_rest(pullback: Any) -> Pull:
        return lambda g, s: pullback((g, None), s, (None, s[2]), {})

    def lift_all(s: Any, ka: int, kb: int, key: int) -> Any:
        a, b = lift(s[0], ka), lift(s[1], kb)
        rest = apply(primitive, a, b)[1] if isinstance(a, Tensor) or isinstance(b, Tensor) else s[2]
        return a, b, rest

    primitive.names = (("a", "b", "rest"), ("a", "b", "rest"))
    pulls = [pull_with_rest(pullback) for pullback in primitive.pullbacks]
    primitive.pulls = tuple([_on_tensors(pull) for pull in pulls])
    primitive.raw_pulls = tuple([raw or pull for raw, pull in zip(raw_pulls, pulls, strict=True)])
    primitive.lifts = (lift_all, lift_all)


SEVERAL_ARGUMENT = """\
    kind = type({0})
    if kind is Tensor or kind is Variable:
        d_{0} = {0}._data
        k_{0} = {0}._key
        any_tensor = True
    elif kind in RAW:
        d_{0} = {0}
        k_{0} = 0
    else:
        return slow({names})
"""

SEVERAL_RECORD = """\
    if not any_tensor:
        return y
{handle}\
    t._key = 0
    observers = active()
    if observers:
        touch_all(({names},))
        leave_records(primitive, observers, t, y, [{data}], [{keys}], {{}})
    return t
"""


def touch_all(arguments: tuple[Any, ...]) -> None:
    """Tell the tapes of all Variables among the arguments that they are read."""
    for x in arguments:
        if type(x) is Variable:
            touch(x)


def several(primitive: Primitive, slow: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a primitive of any number of arguments without parameters: apply() without its loops."""
    names = primitive.arguments
    joined = ", ".join(names)
    data = ", ".join([f"d_{name}" for name in names])
    source = f"def function({joined}, /):\n    any_tensor = False\n"
    source += "".join([SEVERAL_ARGUMENT.format(name, names=joined) for name in names])
    source += f"    y = kernel({data})\n"
    source += SEVERAL_RECORD.format(
        handle=HANDLE, names=joined, data=data, keys=", ".join([f"k_{name}" for name in names])
    )
    scope = bindings(primitive, slow)
    scope |= {"leave_records": leave_records, "touch_all": touch_all}
    return compile_function(source, primitive.name, scope)


FAST.scale = binary(SCALE, lambda g, d: apply(SCALE, g, d))
FAST.scale_either = binary(SCALE_EITHER, lambda a, b: apply(SCALE_EITHER, a, b))

__all__ = ["SKIP", "apply", "binary", "first_of_two", "several", "unary"]
