"""Functions of Tensors when nobody looks on: NumPy's own call, written out from one line at the function's head.

    @untaped("np.flip(x, axis)")
    def flip(x, /, *, axis=None): ...

Where no tape and no transform is active, and for plain arrays, the function then is that expression, and costs little
more than NumPy. Whatever the expression cannot do (it raises, or gives no array) is left to the function itself, which
knows better and says what is wrong. tests/test_untaped.py compares the two on every sample.
"""

from __future__ import annotations

import functools
import re
import types
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import numpy as np

from ..arrays.numpy_kernels import own_code
from ..context import active
from ..hotpath import compile_function
from ..tensor import RAW, Tensor, new

Function = Callable[..., Any]

#: The functions with such a head, by name: (the quick function, the full one).
UNTAPED: dict[str, tuple[Function, Function]] = {}

ONE = """\
    kind = type({x})
    if kind is Tensor:
        if not active(){when_data}:
            try:
                y = {on_tensor}
                if y.__class__ in RAW:
{wrapped}
            except Exception:
                pass
    elif kind is ndarray{when}:
        try:
            y = {on_array}
            if y.__class__ in RAW:
                return y
        except Exception:
            pass
    return full({call})
"""

SEVERAL = """\
    if {tensors}:
        if not active(){when_data}:
            try:
                y = {on_tensor}
                if y.__class__ in RAW:
{wrapped}
            except Exception:
                pass
    elif {arrays}{when}:
        try:
            y = {on_array}
            if y.__class__ in RAW:
                return y
        except Exception:
            pass
    return full({call})
"""

LIST = """\
    if {x}.__class__ is list or {x}.__class__ is tuple:
        if not active(){when}:
            try:
                data = [part._data for part in {x} if part.__class__ is Tensor]
                if data and len(data) == len({x}):
                    y = {on_tensor}
                    if y.__class__ in RAW:
    {wrapped}
            except Exception:
                pass
    return full({call})
"""

WRAPPED = """\
                    t = new(Tensor)
                    t._data = y
                    t._key = 0
                    return t"""


PARTS_WRAPPED = """\
parts = []
                for part in y:
                    t = new(Tensor)
                    t._data = part
                    t._key = 0
                    parts.append(t)
                return make(named, parts)"""


def parts_wrapped(named: Any) -> str:
    """The same, written out for a class that says how many arrays there are."""
    names = [f"t{i}" for i in range(len(getattr(named, "_fields", ())))]
    if not names:
        return PARTS_WRAPPED
    each = [f"{t} = new(Tensor)\n{t}._data = d{t}\n{t}._key = 0\n" for t in names]
    text = f"{', '.join(['d' + t for t in names])} = y\n{''.join(each)}return make(named, ({', '.join(names)}))"
    return text.replace("\n", "\n" + 16 * " ")


def untaped(
    expression: str, arrays: str = "x", when: str = "", named: Any = None, **names: Any
) -> Callable[[Function], Function]:
    """Compute the function by this expression where no one looks on.

    `arrays`: its array arguments, separated by spaces, all of them Tensors or all plain arrays, or "*name" for a list
    of Tensors; `when`: a condition on the others under which the expression holds; `named`: the class of the result
    where that is several arrays; `names`: what it mentions besides np and the arguments.
    """

    def decorate(full: Function) -> Function:
        scope = {"np": np, "Tensor": Tensor, "ndarray": np.ndarray, "RAW": RAW, "active": active, "new": new}
        scope |= {"named": named, "make": list_of if named is list else tuple.__new__}
        quick = types.FunctionType(unwritten.__code__, scope, full.__name__)
        functools.update_wrapper(quick, full)

        def written() -> Function:
            text, functions = with_own_code(expression)
            scope.update(functions)
            compiled = compile_function(source(full, text, arrays, when, named), full.__name__, {})
            quick.__code__ = compiled.__code__  # type: ignore[attr-defined]
            quick.__defaults__, quick.__kwdefaults__ = full.__defaults__, full.__kwdefaults__
            return quick

        scope |= {"full": full, "written": written, **names}
        UNTAPED[f"{full.__module__}.{full.__name__}"] = (quick, full)
        return quick

    return decorate


def with_own_code(expression: str) -> tuple[str, dict[str, Any]]:
    """The expression with names in place of NumPy's functions, and what they stand for."""
    functions = {}

    def name_of(match: re.Match[str]) -> str:
        name = "own_" + match[1].replace(".", "_")
        functions[name] = own_code(attrgetter(match[1])(np))
        return f"{name}("

    return re.sub(r"\bnp\.([\w.]+)\(", name_of, expression), functions


def list_of(_: type, parts: Any) -> list[Any]:
    """What `tuple.__new__` is for lists."""
    return list(parts)


def unwritten(*arguments: Any, **keywords: Any) -> Any:
    """A function as imported: its text is compiled when it is first called, for importing has to be quick."""
    return written()(*arguments, **keywords)  # type: ignore[name-defined]  # noqa: F821  (of the function made so)


def source(full: Function, expression: str, arrays: str, when: str, named: Any) -> str:
    """The text of the function with its head."""
    code = full.__code__
    given = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    condition = f" and {when}" if when else ""
    call = ", ".join([n if i < code.co_argcount else f"{n}={n}" for i, n in enumerate(given)])
    parts: dict[str, str] = {"when": condition, "call": call, "wrapped": WRAPPED, "on_array": expression}
    subjects = arrays.split()
    if not arrays.startswith("*"):
        parts["when_data"] = with_data(condition, subjects)
    if arrays.startswith("*"):
        x = arrays[1:]
        body = LIST.format(x=x, **parts, on_tensor=with_data(expression, (x,), "data"))
    elif len(subjects) == 1:
        body = ONE.format(x=arrays, **parts, on_tensor=with_data(expression, subjects))
    else:
        body = SEVERAL.format(
            **parts,
            on_tensor=with_data(expression, subjects),
            tensors=" and ".join([f"{x}.__class__ is Tensor" for x in subjects]),
            arrays=" and ".join([f"{x}.__class__ is ndarray" for x in subjects]),
        )
    if named:
        body = body.replace(f"if y.__class__ in RAW:\n{WRAPPED}", parts_wrapped(named))
        body = body.replace("if y.__class__ in RAW:\n                return y", "return make(named, y)")
    return f"def function({signature(full)}):\n{body}"


def with_data(expression: str, arrays: Any, data: str = r"\g<0>._data") -> str:
    """The expression, of the arrays behind the Tensors."""
    return re.sub(rf"(?<![\w.])({'|'.join(arrays)})(?!\w|=[^=])", data, expression)


def signature(function: Function) -> str:
    """The function's parameters as source; the values of defaults are put in afterwards."""
    code = function.__code__
    names = code.co_varnames
    count, positional = code.co_argcount, code.co_posonlyargcount
    defaults = len(function.__defaults__ or ())
    parts = []
    for i, name in enumerate(names[:count]):
        parts.append(name if i < count - defaults else f"{name}=None")
        if i + 1 == positional:
            parts.append("/")
    keywords = names[count : count + code.co_kwonlyargcount]
    if keywords:
        parts.append("*")
    has_default = function.__kwdefaults__ or {}
    parts += [f"{name}=None" if name in has_default else name for name in keywords]
    return ", ".join(parts)


__all__ = ["UNTAPED", "untaped"]
