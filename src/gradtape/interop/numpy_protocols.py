"""NumPy's own functions on Tensors: np.sin(x), np.add.reduce(x), np.linalg.solve(a, b), scipy.special.erf(x).

NumPy hands a call over by two protocols. Universal functions come to `__array_ufunc__` and are looked up here by
object; all others come to `__array_function__` and have their rules in numpy_functions.py. What has no rule is
computed on plain arrays if nobody differentiates the arguments, and raises NoRuleError if somebody does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from inspect import Parameter, signature
from math import inf
from typing import Any

import numpy as np

import gradtape as gt

from ..arrays.dtypes import numpy_dtype
from ..context import active
from ..errors import NoRuleError
from ..functions import elementwise, indexing
from ..functions.declare import KERNEL_OF, NUMBERS
from ..tensor import RAW, Tensor, Variable, concrete, is_observed, lost, new, tensor

#: NumPy's names of universal functions that the array API standard, and so gradtape, calls otherwise.
RENAMED = {
    "absolute": "abs", "arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh", "arctan": "atan",
    "arctan2": "atan2", "arctanh": "atanh", "conjugate": "conj", "degrees": "rad2deg", "invert": "bitwise_invert",
    "left_shift": "bitwise_left_shift", "radians": "deg2rad", "right_shift": "bitwise_right_shift",
}  # fmt: skip

#: Names of SciPy's universal functions behind its Python functions.
SCIPY_NAMES = {"_lambertw": "lambertw", "_riemann_zeta": "zeta", "_zeta": "zeta"}

#: The reduction that a universal function's `reduce` is, and the accumulation. Others are folded one by one.
REDUCTIONS = {
    np.add: "sum", np.multiply: "prod", np.maximum: "max", np.minimum: "min", np.logical_and: "all",
    np.logical_or: "any", np.logaddexp: "logsumexp",
}  # fmt: skip
LOGICAL = frozenset([np.logical_and, np.logical_or, np.logical_xor])
ACCUMULATIONS = {np.add: "cumulative_sum", np.multiply: "cumulative_prod"}

#: gradtape's function for each universal function of NumPy that comes with a rule; others are found when first met.
UFUNCS: dict[Any, Callable[..., Any]] = {}
lookup = UFUNCS.get

#: What computes such a function where nobody looks on, on arrays and numbers of these types.
KERNELS: dict[Any, Callable[..., Any]] = {}
kernel_of = KERNELS.get
OPERANDS = RAW - {complex}
ndarray = np.ndarray

#: The rule of each of NumPy's other functions, by function: filled by numpy_functions.py.
RULES: dict[Any, Callable[..., Any]] = {}
rule_of = RULES.get

#: NumPy's own code of functions whose rules are for derivatives alone: what is called where nobody follows the
#: arguments. Beside it, how many arguments in order it takes before one may tell it to write, into an array or over its
#: argument (that is for its rule): infinitely many if none does. Filled by numpy_functions.py.
OWN: dict[Any, tuple[Callable[..., Any], float]] = {}
own_of = OWN.get

#: What becomes a Tensor.
ARRAYS = RAW - {bool}

#: Keywords that take no array: with them a function's own code can be called as it is.
NO_ARRAYS = frozenset(["axis", "axes", "ddof", "dtype", "k", "keepdims", "method", "mode", "norm", "offset", "ord"])
are_no_arrays = NO_ARRAYS.issuperset

#: The keywords by which a function is told to write.
INTO = frozenset(["out", "overwrite_input"])

#: gradtape's class for each of NumPy's with several named arrays.
NAMED: dict[type, Any] = {}
named_of = NAMED.get
new_tuple = tuple.__new__

#: Types that take part in a call to which such a function can be applied as it is.
TENSORS = (Tensor,)
PLAIN = frozenset([(Tensor,), (Tensor, np.ndarray), (np.ndarray, Tensor)])

ABSENT = object()
WITHOUT_OUT = "write `a = a + x` and the like, or make the array a Tensor first: a = gradtape.asarray(a)"


def install() -> None:
    """Give Tensor NumPy's two protocols."""
    for ufunc in vars(np).values():
        if isinstance(ufunc, np.ufunc):
            function = getattr(elementwise, RENAMED.get(ufunc.__name__, ufunc.__name__), None)
            if function is not None:
                UFUNCS[ufunc] = function
    KERNELS.update({ufunc: KERNEL_OF[function] for ufunc, function in UFUNCS.items() if function in KERNEL_OF})
    KERNELS.update({np.exp2: np.exp2, np.conjugate: np.conjugate})
    UFUNCS[np.divmod] = lambda a, b: (a // b, a % b)
    Tensor.__array_ufunc__ = array_ufunc  # type: ignore[attr-defined]
    Tensor.__array_function__ = array_function  # type: ignore[attr-defined]


def array_ufunc(self: Any, ufunc: Any, method: str, a: Any, b: Any = ABSENT, /, *more: Any, **keywords: Any) -> Any:
    """What NumPy calls for `ufunc(a, b)`, or for one of its methods, when a Tensor is among the inputs."""
    kernel = kernel_of(ufunc)
    if kernel is not None and method == "__call__" and not keywords and not more and not active():
        try:
            if b.__class__ is Tensor:
                if a.__class__ is Tensor:
                    y = kernel(a._data, b._data)
                else:
                    y = kernel(a, b._data) if a.__class__ is ndarray or a.__class__ in OPERANDS else None
            elif b is ABSENT:
                y = kernel(a._data) if a.__class__ is Tensor else None
            else:
                y = kernel(a._data, b) if b.__class__ in OPERANDS and a.__class__ is Tensor else None
            if y is not None:
                handle = new(Tensor)
                handle._data = y
                handle._key = 0
                return handle
        except Exception:  # the function knows better what is wrong
            pass
    if method == "__call__" and not keywords and not more:
        function = lookup(ufunc)
        if function is not None:
            try:
                return function(a) if b is ABSENT else function(a, b)
            except TypeError:
                if is_foreign(a) or is_foreign(b):
                    return NotImplemented
                raise
    return full_ufunc(ufunc, method, (a,) if b is ABSENT else (a, b, *more), keywords)


def array_function(self: Any, function: Any, types: Any, arguments: Any, keywords: Any) -> Any:
    """What NumPy calls for any other function of its own when a Tensor is among the arguments."""
    own = own_of(function)
    if own is not None and not active():
        compute, most = own
        n = len(arguments)
        try:
            if (
                n > most
                or (types != TENSORS and types not in PLAIN)
                or (keywords and not are_no_arrays(keywords))
            ):
                y = None
            elif n == 1:  # and so on: a loop over the arguments takes as long as NumPy to get here
                (a,) = arguments
                if a.__class__ is Tensor:
                    a = a._data
                elif a.__class__ in LISTS:
                    parts = []
                    for x in a:
                        parts.append(x._data if x.__class__ is Tensor else x)
                    a = parts
                y = compute(a, **keywords) if keywords else compute(a)
            elif n == 2:
                a, b = arguments
                if a.__class__ is Tensor:
                    a = a._data
                elif a.__class__ in LISTS:
                    a = bare(a)
                if b.__class__ is Tensor:
                    b = b._data
                y = compute(a, b, **keywords) if keywords else compute(a, b)
            elif n == 3:
                a, b, c = arguments
                if a.__class__ is Tensor:
                    a = a._data
                if b.__class__ is Tensor:
                    b = b._data
                if c.__class__ is Tensor:
                    c = c._data
                y = compute(a, b, c, **keywords) if keywords else compute(a, b, c)
            else:
                y = compute(*map(bare, arguments), **keywords)
            kind = y.__class__
            if kind in ARRAYS:
                handle = new(Tensor)
                handle._data = y
                handle._key = 0
                return handle
            named = named_of(kind)
            if named is not None:
                return new_tuple(named, all_handles(y))
            if y is not None:
                return handles(y)
        except Exception:  # told below
            pass
    rule = rule_of(function)
    if rule is None:
        from . import numpy_functions  # noqa: F401  (loaded when first needed: `import gradtape` stays light)

        rule = rule_of(function)
        if rule is None:
            return without_rule(function, f"{function.__module__}.{function.__name__}", (arguments, keywords))
    if len(types) > 1 and not all(issubclass(kind, Tensor | np.ndarray) for kind in types):
        return NotImplemented
    if len(arguments) > 1 and len(arguments) > (place := before_out(function)[0]):
        given = dict(zip(before_out(function)[1], arguments[place:], strict=False))
        keywords = {**keywords, **{name: x for name, x in given.items() if x is not np._NoValue}}
        arguments = arguments[:place]
    if "out" in keywords:
        out = keywords.pop("out")
        if out is not None:
            return into(rule, out, function, arguments, keywords)
    keywords.pop("overwrite_input", None)  # it may, and need not
    own = own_of(function)
    if own is not None and is_constant(arguments, keywords):
        y = own[0](*plain(arguments), **plain(keywords))
        if y is not None:
            return handles(y)
    try:
        return rule(*arguments, **keywords) if keywords else rule(*arguments)
    except TypeError as error:  # NoRuleError is one, too
        unknown = unknown_arguments(rule, function, arguments, keywords)
        if not unknown or isinstance(error, NoRuleError):
            raise
        name = f"{function.__module__}.{function.__name__}"
        raise NoRuleError(f"{name} with {unknown} has no rule in gradtape; leave it out") from None


def handles(y: Any) -> Any:
    """The result of NumPy's own function, with Tensors in place of arrays and numbers."""
    kind = y.__class__
    if kind in ARRAYS:
        return tensor(y)
    if kind is not list and (kind is bool or not isinstance(y, tuple)):
        return y
    parts = all_handles(y)
    return parts if kind is list else new_tuple(NAMED.get(kind, kind), parts)


def all_handles(parts: Any) -> list[Any]:
    """The same for each of these, most often arrays."""
    made = []
    for part in parts:
        if part.__class__ in ARRAYS:
            handle = new(Tensor)
            handle._data = part
            handle._key = 0
            made.append(handle)
        else:
            made.append(handles(part))
    return made


def unknown_arguments(rule: Callable[..., Any], function: Any, arguments: Any, keywords: Any) -> str:
    """Those of the arguments, which NumPy has let pass, that the rule does not take."""
    taken = signature(rule).parameters
    kinds = [p.kind for p in taken.values()]
    most = len(arguments) if Parameter.VAR_POSITIONAL in kinds else len([kind for kind in kinds if kind in IN_ORDER])
    unknown = list(parameters_of(function))[most : len(arguments)]
    if Parameter.VAR_KEYWORD not in kinds:
        unknown += [name for name in keywords if name not in taken]
    return ", ".join([f"{name}=" for name in unknown])


LISTS = frozenset([list, tuple])


def bare(x: Any) -> Any:
    """The array behind a Tensor, also in a list or tuple."""
    if x.__class__ in LISTS:
        return x.__class__([part._data if part.__class__ is Tensor else part for part in x])
    return x._data if x.__class__ is Tensor else x


@cache
def parameters_of(function: Any) -> dict[str, Any]:
    """The kinds of a function's parameters by name."""
    try:
        return {name: it.kind for name, it in signature(function).parameters.items()}
    except ValueError:  # NumPy before 2.2 does not say what its compiled functions take
        return dict.fromkeys(COMPILED.get(function.__name__, ()), Parameter.POSITIONAL_OR_KEYWORD)


#: The parameters of those of them that take `out`.
COMPILED = {"dot": ("a", "b", "out"), "concatenate": ("arrays", "axis", "out")}
IN_ORDER = frozenset([Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD])


@cache
def before_out(function: Any) -> tuple[Any, tuple[str, ...]]:
    """How many arguments in order a function takes before one that tells it to write (infinitely many if none does),
    and the names of those from there on."""
    names = [name for name, kind in parameters_of(function).items() if kind in IN_ORDER]
    place = min([names.index(name) for name in INTO.intersection(names)], default=inf)
    return place, () if place == inf else tuple(names[int(place) :])


def into(rule: Callable[..., Any], out: Any, function: Any, arguments: Any, keywords: Any) -> Any:
    """A function with `out=`: a Tensor's handle takes the result; a plain array can if nobody follows it."""
    name = f"{function.__module__}.{function.__name__}"
    if isinstance(out, Tensor):
        return store(out, rule(*arguments, **keywords), name)
    if is_followed((arguments, keywords)):
        raise lost(f"writing into a plain array by {name} (out=)", WITHOUT_OUT)
    return function(*plain(arguments), out=out, **plain(keywords))


# -- Tensors among arguments --------------------------------------------------------------------------------------
def is_foreign(x: Any) -> bool:
    """Whether x is of another library that takes part in NumPy's protocols itself."""
    return hasattr(x, "__array_ufunc__") and not isinstance(x, Tensor | np.ndarray | np.generic)


def tensors(node: Any) -> Iterator[Tensor]:
    """All Tensors in nested tuples, lists and dicts."""
    if isinstance(node, Tensor):
        yield node
    elif isinstance(node, tuple | list):
        for part in node:
            yield from tensors(part)
    elif isinstance(node, dict):
        yield from tensors(list(node.values()))


def is_constant(arguments: Any, keywords: Any) -> bool:
    """Whether all Tensors in there hold arrays of NumPy, and nobody follows them."""
    observers = active()
    for x in arguments:  # most often it is one of these
        if x.__class__ is Tensor:
            for observer in observers:
                if x._key in observer.slots:
                    return False
    return all(x._data.__class__ in RAW and not is_observed(x) for x in tensors((arguments, keywords)))


def is_followed(node: Any) -> bool:
    """Whether an active tape or transform follows any Tensor in there."""
    return any(is_observed(x) for x in tensors(node))


def plain(node: Any) -> Any:
    """The same containers with plain arrays in place of Tensors, into which nobody may write."""
    if isinstance(node, Tensor):
        array = concrete(node)
        if array.__class__ in RAW:
            array = np.asarray(array).view()
            array.flags.writeable = False
        return array
    if isinstance(node, tuple):
        parts = [plain(part) for part in node]
        return type(node)(*parts) if hasattr(node, "_fields") else tuple(parts)
    if isinstance(node, list):
        return [plain(part) for part in node]
    if isinstance(node, dict):
        return {key: plain(part) for key, part in node.items()}
    return node


def without_rule(function: Callable[..., Any], name: str, call: tuple[Any, Any]) -> Any:
    """Call a function that has no rule on plain arrays, if nobody differentiates its arguments."""
    if is_followed(call):
        raise NoRuleError(
            f"{name} has no rule in gradtape, and its argument is being differentiated (or inside a transform). "
            f"Write it with functions that have one, give it a derivative with gradtape.custom, or add a rule in three "
            f"edits (see CONTRIBUTING.md). For the value alone: {name}(x.numpy())"
        )
    arguments, keywords = plain(call)
    return function(*arguments, **keywords)


def fits(shape: tuple[int, ...], into: tuple[int, ...]) -> bool:
    """Whether an array of this shape broadcasts to that one."""
    return len(shape) <= len(into) and all(n in (1, m) for n, m in zip(shape[::-1], into[::-1], strict=False))


def store(out: Tensor, value: Any, name: str) -> Tensor:
    """Give the handle `out` a new value (`out=`); earlier records keep the old one. Shapes and kinds must fit."""
    value = gt.asarray(value)
    if not fits(value.shape, out.shape):
        raise ValueError(f"{name}: the result of shape {value.shape} does not fit into out of shape {out.shape}")
    if not np.can_cast(value.dtype, out.dtype, "same_kind"):
        raise TypeError(f"{name}: cannot cast the result from {value.dtype} to out's {out.dtype} by rule 'same_kind'")
    if isinstance(out, Variable):
        if is_observed(value):
            raise lost(f"{name} with a Variable as out", "a Variable is assigned, not recorded: use a Tensor for out")
        out.assign(gt.astype(gt.broadcast_to(value, out.shape), out.dtype))
        return out
    if value.shape != out.shape:
        value = gt.broadcast_to(value, out.shape)
    if value.dtype != out.dtype:
        value = gt.astype(value, out.dtype)
    indexing.rebind(out, gt.positive(value) if isinstance(value, Variable) else value)
    return out


# -- universal functions with keywords, and their methods ------------------------------------------------------------
def full_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """A universal function with `out`, `where`, `dtype`, or a method of it."""
    name = f"numpy.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
    out: Any = keywords.get("out")
    targets = [x for x in (out if isinstance(out, tuple) else (out,)) if x is not None]
    if method == "at":
        targets = [inputs[0]]
    if any(x is not None and not isinstance(x, Tensor) for x in targets):
        if is_followed((inputs, keywords)):
            raise lost(f"writing into a plain array by {name} (out=, or an operator such as +=)", WITHOUT_OUT)
        getattr(ufunc, method)(*plain(inputs), **plain(keywords))
        return None if method == "at" else out[0] if len(out) == 1 else out
    if targets and method == "__call__" and keywords.get("where", True) is not True:
        return masked_ufunc(ufunc, name, inputs, {**keywords, "out": None, "where": True}, targets, keywords["where"])
    rule = METHODS.get(method)
    if rule is None:
        return without_rule(getattr(ufunc, method), name, (inputs, keywords))
    keywords = {key: value for key, value in keywords.items() if key not in IGNORED and value is not np._NoValue}
    keywords.pop("out", None)
    alone = method == "__call__" and (not keywords or keywords.get("where", True) is not True)
    if method != "at" and not alone and is_constant(inputs, keywords):
        value = handles(getattr(ufunc, method)(*plain(inputs), **plain(keywords)))
    else:
        value = rule(ufunc, name, inputs, keywords)
    if method == "at" or not targets or value is NotImplemented:
        return value
    if isinstance(value, tuple):
        return tuple([v if o is None else store(o, v, name) for o, v in zip(out, value, strict=True)])
    return store(targets[0], value, name)


def masked_ufunc(ufunc: Any, name: str, inputs: Any, keywords: Any, targets: list[Tensor], mask: Any) -> Any:
    """A universal function with `where` and `out`: what the mask leaves out keeps out's value."""
    value = full_ufunc(ufunc, "__call__", inputs, keywords)
    values = value if isinstance(value, tuple) else (value,)
    results = tuple([store(out, gt.where(mask, v, out), name) for out, v in zip(targets, values, strict=True)])
    return results if isinstance(value, tuple) else results[0]


#: Keywords that say nothing about values: memory layout and subclasses.
IGNORED = {"order", "subok"}


def find(ufunc: Any) -> Callable[..., Any] | None:
    """gradtape's function for a universal function, NumPy's or scipy.special's."""
    function = UFUNCS.get(ufunc)
    if function is None:
        from . import numpy_functions  # noqa: F401  (loaded when first needed)

        function = UFUNCS.get(ufunc)
    if function is None:
        name = RENAMED.get(ufunc.__name__, ufunc.__name__)
        if getattr(np, ufunc.__name__, None) is ufunc:
            function = getattr(gt, name, None)
        else:
            name = SCIPY_NAMES.get(name, name)
            if name in gt.special.__all__:
                function = getattr(gt.special, name)
        if function is not None:
            UFUNCS[ufunc] = function
    return function


def call(ufunc: Any, name: str, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """`ufunc(*inputs, dtype=..., where=...)`."""
    function = find(ufunc)
    if function is None:
        return without_rule(ufunc, name, (inputs, keywords))
    mask = keywords.pop("where", True)
    dtype, casting = keywords.pop("dtype", None), keywords.pop("casting", "same_kind")
    if mask is not True:
        raise ValueError(
            f"{name}: where= without out= leaves the other elements undefined, and so their derivatives. "
            "Write gradtape.where(mask, f(x), otherwise)"
        )
    if dtype is not None or casting != "same_kind":
        given = [x.__class__ if x.__class__ in NUMBERS else numpy_dtype(gt.asarray(x).dtype) for x in inputs]
        signature = *[None] * ufunc.nin, *[None if dtype is None else np.dtype(dtype)] * ufunc.nout
        loop = ufunc.resolve_dtypes((*given, *[None] * ufunc.nout), signature=signature, casting=casting)
        inputs = tuple([gt.astype(gt.asarray(x), into) for x, into in zip(inputs, loop, strict=False)])
    if keywords:
        raise NoRuleError(f"{name} with {', '.join(keywords)}= has no rule in gradtape; leave it out")
    try:
        return function(*inputs)
    except TypeError:
        if any(is_foreign(x) for x in inputs):
            return NotImplemented
        raise


def folded_in(ufunc: Any, x: Any, dtype: Any) -> Any:
    """x in the dtype in which NumPy folds its elements by a universal function."""
    x = gt.asarray(x)
    own, signature = numpy_dtype(x.dtype), (None if dtype is None else np.dtype(dtype), None, None)
    into = ufunc.resolve_dtypes((None, own, None), signature=signature, casting="unsafe", reduction=True)[1]
    return x if into == own else gt.astype(x, into)


def converted(x: Any, dtype: Any, casting: str, name: str) -> Any:
    """x in the dtype in which the function shall be computed."""
    x = gt.asarray(x)
    if not np.can_cast(numpy_dtype(x.dtype), dtype, casting):  # type: ignore[arg-type]
        raise TypeError(f"{name}: cannot cast from {x.dtype} to {np.dtype(dtype)} by rule {casting!r}")
    return gt.astype(x, dtype)


def reduce(ufunc: Any, name: str, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """`ufunc.reduce(x, axis=0, dtype=None, out=None, keepdims=False, initial=..., where=True)`."""
    x, axis, dtype, _, keepdims, initial, mask = filled(
        inputs, keywords, axis=0, dtype=None, out=None, keepdims=False, initial=None, where=True
    )
    folded = folded_in(ufunc, x, dtype)
    if ufunc in REDUCTIONS:
        from .numpy_reductions import REDUCE

        return REDUCE[REDUCTIONS[ufunc]](x, axis=axis, dtype=dtype, keepdims=keepdims, initial=initial, where=mask)
    function = find(ufunc)
    if function is None or mask is not True or ufunc.nin != 2:
        return without_rule(ufunc.reduce, name, (inputs, keywords))
    x, axis = folded, single(axis, folded.ndim)
    try:
        parts = along(x, axis) if x.ndim or axis not in (0, -1, None) else [x]
    except NoRuleError:
        if is_followed((inputs, keywords)):
            raise
        parts = []
    if not parts and not is_followed([initial]):  # of nothing, and along several axes, NumPy knows
        return gt.asarray(ufunc.reduce(*plain(inputs), **plain(keywords)))
    if initial is not None:
        shape = parts[0].shape if parts else gt.sum(x, axis=axis).shape
        parts = [gt.broadcast_to(gt.astype(gt.asarray(initial), x.dtype), shape), *parts]
    y = parts[0]
    for part in parts[1:]:
        y = function(y, part)
    return gt.expand_dims(y, axis=axis) if keepdims and x.ndim and axis != () else y


def accumulate(ufunc: Any, name: str, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """`ufunc.accumulate(x, axis=0, dtype=None)`."""
    x, axis, dtype, _ = filled(inputs, keywords, axis=0, dtype=None, out=None)
    function = find(ufunc)
    if function is None or ufunc.nin != 2:
        return without_rule(ufunc.accumulate, name, (inputs, keywords))
    if not gt.asarray(x).ndim:
        raise TypeError(f"{name}: cannot accumulate along an axis of a number")
    axis = single(axis, gt.asarray(x).ndim)
    if ufunc in ACCUMULATIONS:
        return getattr(gt, ACCUMULATIONS[ufunc])(gt.asarray(x), axis=axis, dtype=dtype)
    x = folded_in(ufunc, x, dtype)
    parts = along(x, axis)
    if ufunc in LOGICAL:
        parts = [part != 0 for part in parts]
    results = parts[:1]
    for part in parts[1:]:
        results.append(function(results[-1], part))
    return gt.stack(results, axis=axis) if results else x


def outer(ufunc: Any, name: str, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """`ufunc.outer(a, b)`: the function of each pair of elements."""
    a, b = [gt.asarray(x) for x in inputs]
    return call(ufunc, name, (gt.reshape(a, (*a.shape, *(1,) * b.ndim)), b), keywords)


def at(ufunc: Any, name: str, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """`np.add.at(x, index, b)` on a Tensor x: the handle takes the new value; repeated indices accumulate."""
    x, index, *b = inputs
    if ufunc not in (np.add, np.subtract):
        raise NoRuleError(f"{name} on a Tensor has no rule in gradtape; numpy.add.at and numpy.subtract.at have")
    part = gt.broadcast_to(b[0], indexing.getitem(gt.zeros_like(x), index).shape)
    store(x, ufunc(x, indexing.scatter(part, index, x.shape)), name)


METHODS: dict[str, Callable[..., Any]] = {
    "__call__": call, "reduce": reduce, "accumulate": accumulate, "outer": outer, "at": at,
}  # fmt: skip


def filled(inputs: tuple[Any, ...], keywords: dict[str, Any], **defaults: Any) -> list[Any]:
    """The first input, then the parameters in order: by position, by keyword, or as they are by default."""
    given = dict(zip(defaults, inputs[1:], strict=False)) | keywords
    return [inputs[0], *[given.get(name, default) for name, default in defaults.items()]]


def single(axis: Any, ndim: int) -> Any:
    """The one axis that is meant; several stay as they are."""
    if isinstance(axis, tuple) and len(axis) == 1:
        (axis,) = axis
    return 0 if axis is None and ndim == 1 else axis


def along(x: Any, axis: Any) -> list[Any]:
    """The slices of x along one axis; along none, x."""
    if axis == ():
        return [x]
    if not isinstance(axis, int):
        raise NoRuleError("a universal function without a reduction of its own reduces along one axis: give axis=int")
    return list(gt.unstack(x, axis=axis))
