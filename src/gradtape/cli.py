"""The `gradtape` command: the value, gradient, Hessian and higher derivatives of an expression at a point."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from itertools import combinations_with_replacement, product
from typing import Any, NamedTuple

import numpy as np

from . import __version__
from .expressions import Expression, ExpressionError, assignment
from .tape import GradientTape
from .tensor import Tensor, tensor

#: What bounds the time of a request: numbers printed, numbers computed, and derivatives taken of recorded operations.
MAX_ORDER, MAX_ENTRIES, MAX_WORK, MAX_SWEPT = 20, 10_000, 20_000_000, 150_000

EPILOG = """\
examples:
  gradtape diff "2*x**3 + 5*y**2 + 11*x*y + 5" x=5 y=2 --order 2
  gradtape diff "exp(sin(x))" x=pi/4 --order 5
  gradtape diff "sum(100*(x[1:] - x[:-1]**2)**2 + (1 - x[:-1])**2)" x=[1,2,3] --order 2 --json
"""


class Report(NamedTuple):
    """Derivatives of an expression: `orders[k]` maps a tuple of k variable names to the array of partials."""

    expression: Expression
    point: dict[str, Any]
    value: Any
    orders: list[dict[tuple[str, ...], Any]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code: 0, or 2 for a request that cannot be answered."""
    parser = make_parser()
    given = [protected(a) for a in (sys.argv[1:] if arguments is None else arguments)]
    options = parser.parse_args(given)
    if options.command is None:
        parser.print_help()
        return 0
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            report = differentiate(options.expression, options.variables, options.order)
        text = as_json(report) if options.json else as_table(report)
    except ExpressionError as error:
        print(f"gradtape: {error.marked()}", file=sys.stderr)
        return 2
    try:
        print(text, flush=True)
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        sys.stderr.close()
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The command's options."""
    shown: Any = {"formatter_class": argparse.RawDescriptionHelpFormatter, "epilog": EPILOG, "allow_abbrev": False}
    parser = argparse.ArgumentParser(prog="gradtape", description=__doc__, **shown)
    parser.add_argument("--version", action="version", version=f"gradtape {__version__}")
    commands = parser.add_subparsers(dest="command", title="commands")
    diff = commands.add_parser("diff", help="differentiate an expression at a point", **shown)
    diff.add_argument("expression", help='such as "x*sin(y)"; functions and operators as in gradtape and NumPy')
    diff.add_argument("variables", nargs="*", metavar="NAME=VALUE", help="the point: x=5, x=pi/4 or x=[1,2,3]")
    diff.add_argument("--order", type=int, default=1, metavar="N", help="highest order of derivatives (default: 1)")
    diff.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


def protected(argument: str) -> str:
    """An expression that begins with a minus sign is no option: with a space before it argparse sees that, too."""
    if argument.startswith("-") and argument not in ("-h", "--help", "--version", "--json", "--order"):
        return argument if argument.startswith("--order=") else f" {argument}"
    return argument


# -- the mathematics ---------------------------------------------------------------------------------------------
def differentiate(text: str, assignments: Sequence[str], order: int) -> Report:
    """All derivatives up to that order, from one tape that records its own sweeps. Raises ExpressionError."""
    expression = Expression(text)
    text = expression.text
    point = point_of(assignments)
    value = expression(point | {})
    if not isinstance(value, float) and value.dtype.kind != "f":
        raise ExpressionError(f"the value is of type {value.dtype}, and has no derivatives", text)
    total = sum([np.size(v) for v in point.values()])
    check_size(expression, np.size(plain(value)), total, order)
    sources = {name: tensor(v) for name, v in point.items()}
    orders: list[dict[tuple[str, ...], Any]] = [{}]
    with GradientTape(persistent=True) as tape:
        tape.watch(sources)
        value = expression(sources)
        level: dict[tuple[str, ...], Any] = {(): value}
        for k in range(order):
            if k > 1 and len(tape._trace.slots) * len(level) > MAX_SWEPT:  # type: ignore[union-attr]
                raise ExpressionError(f"derivatives of this expression beyond order {k} take too long", text)
            try:
                level = next_order(tape, level, sources)
            except (ArithmeticError, ValueError, TypeError, NotImplementedError, MemoryError) as error:
                raise ExpressionError(f"order {k + 1} cannot be computed: {error}", text) from None
            orders.append(level)
    return Report(expression, point, plain(value), [{key: plain(d) for key, d in part.items()} for part in orders])


def point_of(assignments: Sequence[str]) -> dict[str, Any]:
    """The variables' values, each given once."""
    point: dict[str, Any] = {}
    for text in assignments:
        name, value = assignment(text)
        if name in point:
            raise ExpressionError(f"{name} is given twice", text)
        point[name] = value
    return point


def check_size(expression: Expression, outputs: int, total: int, order: int) -> None:
    """Refuse what would print or compute too much."""
    if not 0 <= order <= MAX_ORDER:
        raise ExpressionError(f"--order must be between 0 and {MAX_ORDER}, not {order}", expression.text)
    entries = outputs * total**order
    if entries > MAX_ENTRIES and total > 1:
        raise ExpressionError(
            f"{total} variables have {entries} derivatives of order {order}; at most {MAX_ENTRIES} are computed",
            expression.text,
        )
    if expression.work * outputs * total ** max(order - 1, 0) > MAX_WORK:
        raise ExpressionError("the derivatives of this expression take too long", expression.text)


def next_order(
    tape: GradientTape, level: dict[tuple[str, ...], Any], sources: dict[str, Tensor]
) -> dict[tuple[str, ...], Any]:
    """The partial derivatives of these by each variable. Of mixed ones with scalars, each is computed once."""
    result = {}
    names = list(sources)
    scalars = not any(x.shape for x in sources.values())
    for key, y in level.items():
        wanted = names[names.index(key[-1]) :] if scalars and key else names
        chosen = {name: sources[name] for name in wanted}
        if not isinstance(y, Tensor):  # a number: the expression does not depend on any variable
            y = tensor(np.float64(y))
        ask = tape.jacobian if y.shape else tape.gradient
        for name, d in ask(y, chosen, unconnected_gradients="zero").items():
            result[*key, name] = d
    return result


def plain(x: Any) -> Any:
    """The value as a NumPy array or number."""
    return x.numpy()[()] if isinstance(x, Tensor) else x


# -- how it is shown ---------------------------------------------------------------------------------------------
def number(x: Any) -> str:
    """A number as a person writes it."""
    text = f"{float(x):.12g}"
    return "0" if text == "-0" else text


def elements(name: str, array: Any) -> list[tuple[str, tuple[int, ...]]]:
    """The names of a variable's elements, such as x[0], with their positions."""
    shape = np.shape(array)
    return [(name + (f"[{','.join(map(str, i))}]" if i else ""), i) for i in product(*[range(n) for n in shape])]


class Section(NamedTuple):
    """Part of the answer: a title, perhaps a header, and rows of text and numbers."""

    title: str
    header: list[str]
    rows: list[list[str]]


def sections(report: Report) -> list[Section]:
    """The answer in parts, the same for plain and for coloured tables."""
    outputs = elements("f", report.value)
    parts = [Section("value", [], [[name, number(np.asarray(report.value)[i])] for name, i in outputs])]
    variables = [(name, label, i) for name, v in report.point.items() for label, i in elements(name, v)]
    for k, derivatives in enumerate(report.orders[1:] if variables else [], 1):
        rows = []
        if k == 2:
            for out, o in outputs:
                title = "Hessian" if not o else f"Hessian of {out}"
                rows = [
                    [label] + [number(entry(derivatives, o, [(name, i), (other, j)])) for other, _, j in variables]
                    for name, label, i in variables
                ]
                parts.append(Section(title, ["", *[label for _, label, _ in variables]], rows))
            continue
        for out, o in outputs:
            for chosen in combinations_with_replacement(variables, k):
                rows.append(
                    [partial(out, [label for _, label, _ in chosen])]
                    + [number(entry(derivatives, o, [(name, i) for name, _, i in chosen]))]
                )
        title = ("gradient" if not outputs[0][1] else "Jacobian") if k == 1 else f"order {k}"
        parts.append(Section(title, [], rows))
    return parts


def entry(derivatives: dict[tuple[str, ...], Any], output: tuple[int, ...], by: list[tuple[str, Any]]) -> Any:
    """One partial derivative: of one element of the value, by these elements of variables."""
    key = tuple([name for name, _ in by])
    if key not in derivatives:  # scalars: only the sorted key is kept, and their order is that of the point
        order = {name: n for n, name in enumerate(dict.fromkeys([name for key in derivatives for name in key]))}
        by = sorted(by, key=lambda pair: order[pair[0]])
        key = tuple([name for name, _ in by])
    index = output
    for _, i in by:
        index += i
    return np.asarray(derivatives[key])[index]


def partial(output: str, labels: list[str]) -> str:
    """How a partial derivative is written: ∂³f/∂x²∂y."""
    powers = "".join([f"∂{label}{superscript(labels.count(label))}" for label in dict.fromkeys(labels)])
    return f"∂{superscript(len(labels))}{output}/{powers}"


def superscript(n: int) -> str:
    """A raised number; nothing for 1."""
    return "" if n == 1 else str(n).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def as_table(report: Report) -> str:
    """Tables: with colours on a terminal that has them (and rich installed), plain text else."""
    head = [f"f({', '.join(report.point)}) = {report.expression.text}"]
    if report.point:
        head.append("at " + ", ".join([f"{name} = {as_text(v)}" for name, v in report.point.items()]))
    if sys.stdout.isatty():
        try:
            return coloured(head, sections(report))
        except ImportError:
            pass  # plain, then
    lines = head
    for title, header, rows in sections(report):
        table = [header, *rows] if header else rows
        widths = [max([len(row[i]) for row in table]) for i in range(len(table[0]))] if table else []
        lines += ["", title]
        for row in table:
            cells = [row[0].ljust(widths[0]), *[cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True)]]
            lines.append(f"  {'  '.join(cells)}".rstrip())
    return "\n".join(lines)


def as_text(value: Any) -> str:
    """A variable's value, as it could be given."""
    if not np.shape(value):
        return number(value)
    return "[" + ", ".join([as_text(part) for part in value]) + "]"


def coloured(head: list[str], parts: list[Section]) -> str:
    """The tables by rich. Raises ImportError where it is not installed."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    with console.capture() as captured:
        console.print(Text(head[0], style="bold"))
        for line in head[1:]:
            console.print(Text(line))
        for title, header, rows in parts:
            table = Table(title=Text(title, style="bold cyan"), title_justify="left", show_header=bool(header))
            for i in range(len(rows[0]) if rows else 0):
                table.add_column(Text(header[i] if header else ""), justify="right" if i else "left", no_wrap=True)
            for row in rows:
                table.add_row(*[Text(cell) for cell in row])
            console.print(table)
    return captured.get().rstrip("\n")


def as_json(report: Report) -> str:
    """JSON of full precision; what JSON has no number for is "NaN", "Infinity" or "-Infinity"."""
    import json

    answer: dict[str, Any] = {
        "expression": report.expression.text,
        "variables": {name: number_list(v) for name, v in report.point.items()},
        "value": number_list(report.value),
    }
    for k, derivatives in enumerate(report.orders[1:], 1):
        if k == 1:
            answer["gradient"] = {name: number_list(d) for (name,), d in derivatives.items()}
        elif k == 2:
            answer["hessian"] = {
                a: {b: number_list(derivatives.get((a, b), derivatives.get((b, a)))) for b in report.point}
                for a in report.point
            }
        else:
            answer.setdefault("derivatives", []).extend(
                [{"order": k, "by": list(key), "value": number_list(d)} for key, d in derivatives.items()]
            )
    return json.dumps(answer, indent=2, ensure_ascii=False, allow_nan=False)


def number_list(x: Any) -> Any:
    """Nested lists of Python floats."""
    if np.shape(x):
        return [number_list(part) for part in x]
    x = float(x)
    return x if np.isfinite(x) else {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(x)]
