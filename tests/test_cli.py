"""The command line: what it prints, and that no expression can do harm."""

import importlib.util
import json
import math
import os
import subprocess
import sys
import time

import numpy as np
import pytest

import gradtape as gt
from gradtape import cli
from gradtape.expressions import Expression, ExpressionError

ARTICLE = "2*x**3 + 5*y**2 + 11*x*y + 5"

TABLE = """\
f(x, y) = 2*x**3 + 5*y**2 + 11*x*y + 5
at x = 5, y = 2

value
  f  385

gradient
  ∂f/∂x  172
  ∂f/∂y   75

Hessian
      x   y
  x  60  11
  y  11  10
"""


@pytest.fixture
def run(capsys):
    """Run `gradtape diff` with these arguments: its exit code, output and error output."""

    def run(*arguments):
        code = cli.main(["diff", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def answer(run):
    """The JSON answer."""

    def answer(*arguments):
        code, out, err = run(*arguments, "--json")
        assert (code, err) == (0, "")
        return json.loads(out)

    return answer


def test_the_article(run):
    assert run(ARTICLE, "x=5", "y=2", "--order", "2") == (0, TABLE, "")


def test_as_a_command_when_piped():
    done = subprocess.run(
        [sys.executable, "-m", "gradtape", "diff", ARTICLE, "x=5", "y=2", "--order=2"],
        capture_output=True, text=True, encoding="utf-8", env=os.environ | {"PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, TABLE, "")


def test_on_a_terminal_it_has_colours_if_rich_is_there(run, monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    code, out, _ = run(ARTICLE, "x=5", "y=2", "--order", "2")
    assert code == 0 and "Hessian" in out and "172" in out and ("━" in out or "─" in out)
    monkeypatch.setitem(sys.modules, "rich.console", None)  # not installed
    assert run(ARTICLE, "x=5", "y=2", "--order", "2")[1] == TABLE


def test_json(answer):
    assert answer(ARTICLE, "x=5", "y=2", "--order", "3") == {
        "expression": ARTICLE,
        "variables": {"x": 5.0, "y": 2.0},
        "value": 385.0,
        "gradient": {"x": 172.0, "y": 75.0},
        "hessian": {"x": {"x": 60.0, "y": 11.0}, "y": {"x": 11.0, "y": 10.0}},
        "derivatives": [
            {"order": 3, "by": ["x", "x", "x"], "value": 12.0},
            {"order": 3, "by": ["x", "x", "y"], "value": 0.0},
            {"order": 3, "by": ["x", "y", "y"], "value": 0.0},
            {"order": 3, "by": ["y", "y", "y"], "value": 0.0},
        ],
    }


def test_numbers_that_json_lacks(answer):
    given = answer("log(x)", "x=0")
    assert given["value"] == "-Infinity" and given["gradient"]["x"] == "Infinity"
    assert answer("sqrt(x)", "x=-1")["value"] == "NaN"


def test_high_orders(answer):
    given = answer("exp(2*x)", "x=0.5", "--order", "8")
    assert [d["value"] for d in given["derivatives"]] == pytest.approx([math.e * 2.0**k for k in range(3, 9)])
    mixed = answer("x**2*y**3*z", "x=2", "y=3", "z=5", "--order", "6")["derivatives"]
    by_key = {"".join(d["by"]): d["value"] for d in mixed}
    assert by_key["xxyyyz"] == 12 and by_key["xxyyy"] == 60 and by_key["xyz"] == 2 * 2 * 3 * 9


def test_order_0_and_no_variables(run, answer):
    assert "gradient" not in answer("x", "x=1", "--order", "0")
    assert run("2+3")[1] == "f() = 2+3\n\nvalue\n  f  5\n"
    assert answer("x**2", "x=3", "y=1")["gradient"] == {"x": 6.0, "y": 0.0}


def test_a_variable_given_twice(run):
    code, out, err = run("x**2", "x=1", "x=2")
    assert code == 2 and out == "" and "x is given twice" in err


def test_arrays(run, answer):
    given = answer("sum(x**2) + sum(y)", "x=[1, 2, 3]", "y=[[1,2],[3,4]]", "--order", "2")
    assert given["gradient"] == {"x": [2.0, 4.0, 6.0], "y": [[1.0, 1.0], [1.0, 1.0]]}
    assert given["hessian"]["x"]["x"] == [[2.0, 0, 0], [0, 2.0, 0], [0, 0, 2.0]]
    rosenbrock = "sum(100*(x[1:] - x[:-1]**2)**2 + (1 - x[:-1])**2)"
    given = answer(rosenbrock, "x=[1,2,3]", "--order", "2")
    assert given["gradient"]["x"] == [-400.0, 1002.0, -200.0]
    assert given["hessian"]["x"]["x"] == [[402.0, -400.0, 0.0], [-400.0, 3802.0, -800.0], [0.0, -800.0, 200.0]]
    assert answer("x*[1,2]", "x=3")["gradient"] == {"x": [1.0, 2.0]}
    assert answer("a@b", "a=[1,2]", "b=[3,4]")["gradient"] == {"a": [3.0, 4.0], "b": [1.0, 2.0]}
    out = run("x*y", "x=[1,2]", "y=3", "--order", "2")[1]
    assert "∂f[1]/∂x[1]" in out and "Hessian of f[0]" in out and "at x = [1, 2], y = 3" in out
    assert "∂³f/∂x[0]²∂x[1]" in run(rosenbrock, "x=[1,2]", "--order", "3")[1]


def test_what_an_expression_may_say(answer):
    for text, value in {
        "-x**2": -4.0, "+x - -x": 4.0, "x%1.5 + x//1.5": 1.5, "pi*e*tau*0 + x": 2.0, "where(x > 1, x, 0)": 2.0,
        "clip(x, 0, 1)": 1.0, "norm([3*x, 4*x])": 10.0, "max([x, 1])": 2.0, "sum([[x,1],[2,3]], axis=0)": [4.0, 4.0],
        "ln(exp(x))": 2.0, "erf(0*x)": 0.0, "relu(-x)": 0.0, "dot([x, 1], [1, x])": 4.0, "atan2(0, x)": 0.0,
        "[x, 2*x][1]": 4.0, "9**9**9*0*x": "NaN", "x/0": "Infinity", "0/0 + x": "NaN",
        "logsumexp([x, x])": 2 + math.log(2),
    }.items():  # fmt: skip
        assert answer(text, "x=2")["value"] == value, text
    assert answer("sin(t)", "t=pi/6")["value"] == pytest.approx(0.5)
    assert answer("x", "x=-1e-3")["value"] == -1e-3


def test_every_function_can_be_called():
    from gradtape.expressions import CALLABLE

    for name, (_, count) in CALLABLE.items():
        matrix, vector = "[[0.5, 0.1], [0.2, 0.6]]", "[1.5, 1.3, 1.2]" if "cosh" in name else "[0.5, 0.3, 0.2]"
        argument = matrix if name in ("det", "inv", "trace", "matrix_transpose") else vector
        arguments = [matrix, "[1, 2]"] if name == "solve" else [argument] * count
        value = Expression(f"{name}({', '.join(arguments)})")({})
        assert np.isfinite(value.numpy()).all(), name


BAD = {
    "2*x + sine(x)": ("no function is called 'sine'; did you mean 'sin'?", "        ^^^^"),
    "x + yy*2": ("no value is given for 'yy'; add yy=NUMBER", "      ^^"),
    "x^2": ("for a power write **, not ^", "  ^^^"),
    "sin(x": ("this cannot be read: '(' was never closed", "     ^"),
    "": ("the expression is empty", "  ^"),
    "x.__class__": ("names with a dot are not accepted", "  ^^^^^^^^^^^"),
    "__import__('os')": ("no function is called '__import__'", "  ^^^^^^^^^^"),
    "(lambda: x)()": ("an expression defines no functions", "   ^^^^^^^^^"),
    "x if x else 1": ("write where(condition, a, b) for a choice", "  ^^^^^^^^^^^^^"),
    "x and x": ("nest where(condition, a, b)", "  ^^^^^^^"),
    "[x for x in x]": ("this is no part of an expression here", "  ^^^^^^^^^^^^^^"),
    "2j*x": ("complex numbers are not accepted", "  ^^"),
    "'a'*x": ("only numbers are values", "  ^^^"),
    "sin(x, x)": ("sin takes 1 argument, not 2", "  ^^^^^^^^^"),
    "sin(*x)": ("this is no part of an expression here", "      ^^"),
    "sum(x, out=x)": ("the one keyword accepted", "         ^^^^^"),
    "sin + x": ("sin is a function: write sin(...)", "  ^^^"),
    "1 < x < 2": ("compare two values at a time", "  ^^^^^^^^^"),
    "x > 1": ("of type bool, and has no derivatives", "  ^^^^^"),
    "x[5]": ("this cannot be computed", "  ^^^^"),
    "é*2 + x": ("no value is given for 'é'", "  ^"),
    "x + [1,2] + [1,2,3]": ("this cannot be computed", "  ^^^^^^^^^^^^^^^^^^^"),
}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_expression_is_answered_with_the_place_marked(run, text):
    message, marks = BAD[text]
    code, out, err = run(text, "x=1")
    assert code == 2 and out == ""
    lines = err.splitlines()
    assert lines[0].startswith("gradtape: ") and message in lines[0]
    assert lines[1].strip() == text and lines[2] == marks


@pytest.mark.parametrize("given", ["x", "1x=2", "x=", "x=y", "x=1;2", "=3", "x=[1,[2]]", "x=__import__('os')"])
def test_a_bad_value(run, given):
    code, out, err = run("x", given)
    assert code == 2 and out == "" and "^" in err


def test_a_bad_option():
    with pytest.raises(SystemExit) as caught:
        cli.main(["diff", "x", "x=1", "--order", "many"])
    assert caught.value.code == 2


HOSTILE = {
    "power tower": ["9**9**9**9*x", "x=1"],
    "negative tower": ["(-9.5)**9**9 + x", "x=1"],
    "factorial growth": ["*".join(["sin(x)"] * 100), "x=0.5", "--order", "20"],
    "deep composition": ["sin(" * 140 + "x" + ")" * 140, "x=0.5", "--order", "20"],
    "order": ["exp(x)", "x=1", "--order", "1000000000"],
    "negative order": ["exp(x)", "x=1", "--order", "-1"],
    "brackets": ["(" * 10_000 + "x" + ")" * 10_000, "x=1"],
    "nested lists": ["[" * 150 + "x" + "]" * 150, "x=1"],
    "minus signs": ["-" * 3900 + "x", "x=1"],
    "long sum": ["+".join(["x"] * 1900), "x=1"],
    "long text": ["x+" * 10_000_000 + "x", "x=1"],
    "long number": ["9" * 3990 + "*x", "x=1"],
    "outer products": ["outer(outer(x,x),outer(x,x))", f"x={[1] * 64}"],
    "broadcasting": ["matrix_transpose([x])*x*matrix_transpose([x])", f"x={[1] * 2000}"],
    "many variables": ["sum(x)", f"x={[1] * 4000}", "--order", "2"],
    "many elements": ["sum(x)", "x=[" + "1," * 40_000 + "]"],
    "many mixed": ["x*y*z*w", "x=1", "y=1", "z=1", "w=1", "--order", "20"],
    "strings": ["'x'*10**9", "x=1"],
    "null": ["x\0", "x=1"],
    "index": ["x[99999999999999999999]", "x=[1,2]"],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_expression_ends_soon(run, name):
    began = time.perf_counter()
    code, out, err = run(*HOSTILE[name])
    assert code in (0, 2) and len(out) + len(err) < 1_000_000
    assert code == 0 or "^" in err
    assert time.perf_counter() - began < 60


def test_nothing_is_evaluated(run, monkeypatch):
    monkeypatch.setattr("builtins.eval", None)
    assert run("x + x", "x=1")[0] == 0


def test_marks_stay_in_view():
    with pytest.raises(ExpressionError) as caught:
        Expression("x + " * 100 + "sine(x)")({"x": 1.0})
    _, text, marks = caught.value.marked().splitlines()
    assert len(text) <= 102 and "sine" in text and text[marks.index("^") :].startswith("sine")


def test_an_expression_in_a_program():
    f = Expression("a*x**2")
    assert f.names == ["a", "x"]
    assert float(gt.grad(lambda x: f({"a": 3.0, "x": x}))(2.0)) == 12.0


def test_help_and_version(capsys):
    assert cli.main([]) == 0
    assert "gradtape diff" in capsys.readouterr().out
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == 0 and gt.__version__ in capsys.readouterr().out


def test_importing_gradtape_does_not_import_the_command():
    code = "import sys, gradtape; print([m for m in ('gradtape.cli', 'argparse', 'rich', 'scipy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert importlib.util.find_spec("gradtape.__main__")
