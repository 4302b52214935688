"""Expressions as text: read by Python's parser, checked against lists of names and operators, carried out by gradtape.

Nothing is ever eval'd. Limits on text, nesting, and the size of every value keep a hostile expression from taking the
machine: numbers are doubles, so that 9**9**9 is inf at once, and no value may have more than MAX_SIZE elements.
"""

from __future__ import annotations

import ast
import math
import operator
import warnings
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, NoReturn

import numpy as np

import gradtape as gt

MAX_TEXT, MAX_NODES, MAX_DEPTH, MAX_SIZE = 4000, 1000, 150, 4096
MAX_VALUE_TEXT, MAX_VALUE_NODES = 100_000, 10_000  # in x=[...]

CONSTANTS = {"pi": math.pi, "e": math.e, "tau": math.tau, "inf": math.inf, "nan": math.nan}

OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow, ast.Mod: operator.mod, ast.FloorDiv: operator.floordiv, ast.MatMult: operator.matmul,
    ast.UAdd: operator.pos, ast.USub: operator.neg,
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip

#: By number of arguments: the names that may be called. A name with a dot is found in that namespace of gradtape.
FUNCTIONS = {
    1: """
        abs sign floor ceil trunc sqrt cbrt square reciprocal exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos
        atan sinh cosh tanh asinh acosh atanh deg2rad rad2deg sinc sum mean prod max min var std logsumexp
        cumulative_sum matrix_transpose linalg.norm linalg.det linalg.inv linalg.trace special.erf special.erfc
        special.gammaln special.digamma special.expit special.logit nn.relu nn.elu nn.selu nn.gelu nn.silu nn.sigmoid
        nn.log_sigmoid nn.softplus nn.softmax nn.log_softmax
    """,
    2: """
        atan2 hypot maximum minimum logaddexp fmod copysign matmul vecdot outer cross linalg.solve special.xlogy
    """,
    3: "where clip",
}

#: Other names for them.
ALIASES = {
    "ln": "log", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2", "arcsinh": "asinh",
    "arccosh": "acosh", "arctanh": "atanh", "dot": "matmul", "lgamma": "gammaln", "cumsum": "cumulative_sum",
}  # fmt: skip
CALLABLE = {path.rpartition(".")[2]: (path, count) for count, names in FUNCTIONS.items() for path in names.split()}
CALLABLE |= {alias: CALLABLE[name] for alias, name in ALIASES.items()}


class ExpressionError(ValueError):
    """An expression that cannot be read or carried out; `marked()` shows the place."""

    def __init__(self, message: str, text: str, start: int = 0, stop: int | None = None):
        super().__init__(message)
        self.text, self.start, self.stop = text, start, len(text) if stop is None else max(stop, start + 1)

    def marked(self, width: int = 100) -> str:
        """The message, and under it the text with the place underlined."""
        first = max(0, min(self.start - width // 2, len(self.text) - width))
        shown = "".join([c if c.isprintable() else " " for c in self.text[first : first + width]])
        length = max(1, min(self.stop - self.start, len(shown) - (self.start - first)))
        return f"{self}\n  {shown}\n  {' ' * (self.start - first)}{'^' * length}"


class Expression:
    """A checked expression. `names`: its variables, in order of appearance. Raises ExpressionError for a bad text.

    >>> Expression("2*x + sin(y)").names
    ['x', 'y']
    >>> float(Expression("2*x + 1")({"x": 3.0}))
    7.0
    """

    def __init__(self, text: str, max_text: int = MAX_TEXT, max_nodes: int = MAX_NODES):
        self.text = text = " ".join(text[: max_text + 1].split())
        if len(text) > max_text:
            raise ExpressionError(f"this is longer than {max_text} characters", text, max_text)
        self.tree = self._parsed(text)
        self.names: list[str] = []
        called = {id(node.func) for node in ast.walk(self.tree) if isinstance(node, ast.Call)}
        for nodes, (node, depth) in enumerate(walk(self.tree), 1):
            if nodes > max_nodes or depth > MAX_DEPTH:
                self.refuse(node, "the expression is too long or nested too deeply")
            if not isinstance(node, READ + PARTS):
                self.refuse(node, UNREADABLE.get(type(node), "this is no part of an expression here"))
            if isinstance(node, ast.Name) and id(node) not in called and node.id not in self.names:
                self.names.append(node.id)
        self.work = 0

    def _parsed(self, text: str) -> ast.AST:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(text, mode="eval").body
        except SyntaxError as error:
            start = min(max((error.offset or 1) - 1, 0), len(text))
            message = "the expression is empty" if not text else f"this cannot be read: {error.msg}"
            raise ExpressionError(message, text, start, start + 1) from None
        except (RecursionError, MemoryError, ValueError):
            raise ExpressionError("the expression is nested too deeply, or a number in it is too long", text) from None

    def refuse(self, node: Any, message: str) -> NoReturn:
        """Raise ExpressionError at the place of this node."""
        if not hasattr(node, "col_offset"):
            raise ExpressionError(message, self.text)
        bytes_before = self.text.encode()
        start, stop = [len(bytes_before[:n].decode()) for n in (node.col_offset, node.end_col_offset)]
        raise ExpressionError(message, self.text, start, stop)

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """The expression's value: a float or a Tensor. `work` then says how many numbers were computed."""
        self.work = 0
        try:
            return self._value(self.tree, values)
        except RecursionError:
            self.refuse(self.tree, "the expression is nested too deeply")

    # Each method below reads one kind of node. They call each other no deeper than MAX_DEPTH.
    def _value(self, node: Any, values: Mapping[str, Any]) -> Any:
        try:
            with np.errstate(all="ignore"):
                value = READERS[type(node)](self, node, values)
        except ExpressionError:
            raise
        except MemoryError:
            self.refuse(node, "this needs too much memory")
        except (ArithmeticError, ValueError, TypeError, IndexError, NotImplementedError) as error:
            self.refuse(node, f"this cannot be computed: {str(error) or type(error).__name__}")
        size = 1 if isinstance(value, float) else value.size
        self.work += size
        if size > MAX_SIZE:
            self.refuse(node, f"this has {size} elements; at most {MAX_SIZE} are allowed")
        return value

    def _constant(self, node: ast.Constant, values: Mapping[str, Any]) -> Any:
        if type(node.value) is complex:
            self.refuse(node, "complex numbers are not accepted")
        if type(node.value) is not int and type(node.value) is not float:
            self.refuse(node, "only numbers are values; this is none")
        return float(node.value)  # never an int: a power of integers could fill the memory

    def _name(self, node: ast.Name, values: Mapping[str, Any]) -> Any:
        if node.id in values:
            return values[node.id]
        if node.id in CONSTANTS:
            return CONSTANTS[node.id]
        if node.id in CALLABLE:
            self.refuse(node, f"{node.id} is a function: write {node.id}(...)")
        self.refuse(node, f"no value is given for {node.id!r}; add {node.id}=NUMBER")

    def _operation(self, node: Any, values: Mapping[str, Any]) -> Any:
        if isinstance(node, ast.Compare):
            if len(node.ops) != 1:
                self.refuse(node, "compare two values at a time")
            kind: Any = type(node.ops[0])
            operands = [node.left, node.comparators[0]]
        else:
            kind, operands = type(node.op), [node.operand] if isinstance(node, ast.UnaryOp) else [node.left, node.right]
        if kind not in OPERATORS:
            self.refuse(node, "for a power write **, not ^" if kind is ast.BitXor else "this operator is not accepted")
        parts = [self._value(operand, values) for operand in operands]
        if all(type(part) is float for part in parts):  # without variables: NumPy's doubles never raise or grow
            value = OPERATORS[kind](*[np.float64(part) for part in parts])
            return gt.asarray(value) if value.dtype == bool else float(value)
        return OPERATORS[kind](*parts)

    def _call(self, node: ast.Call, values: Mapping[str, Any]) -> Any:
        if not isinstance(node.func, ast.Name):
            self.refuse(node.func, "only functions called by name are accepted")
        name = node.func.id
        if name not in CALLABLE:
            near = get_close_matches(name, CALLABLE, 1)
            self.refuse(node.func, f"no function is called {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        path, count = CALLABLE[name]
        if len(node.args) != count:
            self.refuse(node, f"{name} takes {count} argument{'s' * (count > 1)}, not {len(node.args)}")
        keywords = {}
        for keyword in node.keywords:
            if keyword.arg != "axis":
                self.refuse(keyword, f"{name} takes no {keyword.arg!r} here; axis=INT is the one keyword accepted")
            keywords["axis"] = self._integer(keyword.value)
        function = operator.attrgetter(path)(gt)
        parts = [gt.asarray(self._value(part, values)) for part in node.args]
        return gt.asarray(function(*parts, **keywords))

    def _array(self, node: Any, values: Mapping[str, Any]) -> Any:
        parts = [self._value(part, values) for part in node.elts]
        return gt.asarray(np.array(parts, float) if all(type(part) is float for part in parts) else parts)

    def _item(self, node: ast.Subscript, values: Mapping[str, Any]) -> Any:
        indices = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        index = tuple([self._slice(part) for part in indices])
        x: Any = gt.asarray(self._value(node.value, values))
        return x[index]

    def _slice(self, node: Any) -> Any:
        if isinstance(node, ast.Slice):
            return slice(*[None if p is None else self._integer(p) for p in (node.lower, node.upper, node.step)])
        return self._integer(node)

    def _integer(self, node: Any) -> int:
        sign = 1
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            sign, node = -1, node.operand
        if not isinstance(node, ast.Constant) or type(node.value) is not int or node.value > MAX_SIZE:
            self.refuse(node, "a small integer is expected here")
        return sign * node.value


READERS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Constant: Expression._constant, ast.Name: Expression._name, ast.BinOp: Expression._operation,
    ast.UnaryOp: Expression._operation, ast.Compare: Expression._operation, ast.Call: Expression._call,
    ast.List: Expression._array, ast.Tuple: Expression._array, ast.Subscript: Expression._item,
}  # fmt: skip
READ = tuple(READERS)
PARTS = (ast.operator, ast.unaryop, ast.cmpop, ast.expr_context, ast.keyword, ast.Slice)
UNREADABLE = {
    ast.Attribute: "names with a dot are not accepted",
    ast.Lambda: "an expression defines no functions",
    ast.IfExp: "write where(condition, a, b) for a choice",
    ast.BoolOp: "`and`, `or` are not accepted: nest where(condition, a, b)",
    ast.JoinedStr: "only numbers are values",
}


def walk(root: ast.AST) -> Iterator[tuple[ast.AST, int]]:
    """All nodes with their depth, parents first; a loop, since the text decides how deep they nest."""
    waiting = [(root, 1)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        waiting += [(child, depth + 1) for child in reversed(list(ast.iter_child_nodes(node)))]


def assignment(text: str) -> tuple[str, Any]:
    """The name and the array in `x=2` or `x=[1, 2, 3]`; the value may be an expression of numbers, such as pi/4."""
    name, equals, value = text.partition("=")
    name = name.strip()
    if not equals or not name.isidentifier():
        raise ExpressionError("a variable is given as NAME=VALUE, for example x=5 or x=[1,2,3]", text.strip() or "''")
    expression = Expression(value, MAX_VALUE_TEXT, MAX_VALUE_NODES)
    try:
        array = np.asarray(gt.asarray(expression({})).numpy(), float)[()]
    except ExpressionError as error:
        offset = len(name) + 1
        raise ExpressionError(
            str(error), f"{name}={expression.text}", error.start + offset, error.stop + offset
        ) from None
    return name, array
