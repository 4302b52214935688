"""The house rules: who imports whom, how long files are, what `import gradtape` brings, what is documented."""

from __future__ import annotations

import ast
import doctest
import importlib
import importlib.util
import inspect
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import gradtape as gt

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "gradtape"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 600

#: Packages that a module's doctests need beyond NumPy, by the module's name.
EXTRAS = {
    "gradtape.functions.special": "scipy",
    "gradtape.functions.nn": "scipy",
    "gradtape.derivatives.sparse.prepare": "scipy",
}


# -- who imports whom ----------------------------------------------------------------------------------------------
def stated() -> dict[str, set[str]]:
    """The table of docs/architecture.md: unit -> units it may import."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.split("## Who may import whom")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    table: dict[str, set[str]] = {}
    for units, allowed, *_ in rows[2:]:
        for unit in re.findall(r"`(\w+)`", units):
            table[unit] = set(re.findall(r"`(\w+)`", allowed))
            if allowed == "everything":
                table[unit] = {"*"}
    return table


def unit_of(path: Path) -> str:
    """The folder directly below the package that a file belongs to, or its own name."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """(unit, line) of every import from gradtape in a file, those inside functions too."""
    package = ("gradtape", *path.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        targets: list[tuple[str, ...]] = []
        if isinstance(node, ast.Import):
            targets = [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            base += tuple(node.module.split(".")) if node.module else ()
            targets = [(*base, alias.name) for alias in node.names] if len(base) == 1 else [base]
        for target in targets:
            if target[0] == "gradtape" and len(target) > 1:
                yield target[1], node.lineno


def is_unit(name: str) -> bool:
    """Whether this is a module or a folder of the package (and no name in it)."""
    return (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()


def test_every_unit_is_in_the_table() -> None:
    units = {unit_of(path) for path in MODULES}
    assert units == set(stated()), "docs/architecture.md, Who may import whom"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_follow_the_table(path: Path) -> None:
    unit = unit_of(path)
    allowed = stated()[unit]
    wrong = [
        f"line {line}: {unit} imports {other}"
        for other, line in imports(path)
        if is_unit(other) and other != unit and other not in allowed and "*" not in allowed
    ]
    assert not wrong, "not in docs/architecture.md, Who may import whom: " + "; ".join(wrong)


def test_the_table_has_no_cycle() -> None:
    """Units are built upon one another."""
    table = stated()
    done: set[str] = set()
    while len(done) < len(table):
        ready = {unit for unit in table if unit not in done and (table[unit] <= done or table[unit] == {"*"})}
        assert ready, f"a cycle among {sorted(set(table) - done)}"
        done |= ready


def test_kernels_are_the_only_place_that_knows_optional_array_packages() -> None:
    """SciPy is imported where it is used, inside functions, by kernels and the interoperability layer."""
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            for name in names:
                top = name.split(".")[0]
                assert top in sys.stdlib_module_names or top in ("numpy", "gradtape"), f"{path.name} imports {name}"


def test_no_user_text_is_evaluated() -> None:
    """exec serves the templates of the hot path, and nothing else does."""
    found = set()
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec"):
                found.add((unit_of(path), node.func.id))
    assert found <= {("hotpath", "exec")}


@pytest.mark.parametrize("folder", ["src", "tests", "examples", "benchmarks"])
def test_files_are_short(folder: str) -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST
    }
    assert not long


# -- what importing brings -----------------------------------------------------------------------------------------
def loaded_by(statement: str) -> set[str]:
    """Modules in sys.modules after a statement in a fresh interpreter."""
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


def test_importing_gradtape_brings_numpy_and_nothing_heavier() -> None:
    extra = loaded_by("import gradtape") - loaded_by("import numpy")
    tops = {name.split(".")[0] for name in extra}
    foreign = {t for t in tops if t not in sys.stdlib_module_names and t not in ("gradtape", "numpy")}
    assert not foreign
    heavy = {
        "asyncio",
        "doctest",
        "unittest",
        "http",
        "urllib",
        "xml",
        "email",
        "multiprocessing",
        "sqlite3",
        "tkinter",
    }
    assert not heavy & tops, "slow parts of the standard library"
    assert not {"gradtape.tf", "gradtape.cli", "gradtape.testing"} & extra, "imported on demand only"


# -- documentation -------------------------------------------------------------------------------------------------
NAMESPACES = [gt] + [getattr(gt, name) for name in ("linalg", "nn", "special") if hasattr(gt, name)]


def public(namespace: ModuleType) -> dict[str, Any]:
    """The names that users see: those in __all__, or all without an underscore that are no modules."""
    names = getattr(namespace, "__all__", None) or [n for n in vars(namespace) if not n.startswith("_")]
    return {name: getattr(namespace, name) for name in names if not inspect.ismodule(getattr(namespace, name))}


def callables() -> Iterator[tuple[str, Any]]:
    """Every public function and class, and the public methods of classes."""
    for namespace in NAMESPACES:
        for name, value in public(namespace).items():
            if not callable(value) or (isinstance(value, type) and issubclass(value, np.generic)):
                continue
            yield f"{namespace.__name__}.{name}", value
            if inspect.isclass(value) and value.__module__.startswith("gradtape"):
                for attribute, member in vars(value).items():
                    if not attribute.startswith("_") and (callable(member) or isinstance(member, property)):
                        yield f"{namespace.__name__}.{name}.{attribute}", member


def test_every_public_name_has_a_docstring() -> None:
    missing = [name for name, value in callables() if not (getattr(value, "__doc__", None) or "").strip()]
    assert not missing


def test_docstrings_begin_with_a_sentence() -> None:
    odd = []
    for name, value in callables():
        text = (getattr(value, "__doc__", None) or "").strip()
        head = text.split("\n\n")[0]
        if text and not head.endswith((".", ":")) and ". " not in head:
            odd.append(f"{name}: {head[:60]!r}")
    assert not odd


@pytest.mark.parametrize("namespace", NAMESPACES, ids=lambda m: m.__name__)
def test_namespaces_show_no_internals(namespace: ModuleType) -> None:
    """Only names of the field: no typing helpers, no imported packages, no rules."""
    shown = {name for name in dir(namespace) if not name.startswith("_")}
    leaked = shown & {
        "Any",
        "Callable",
        "Sequence",
        "annotations",
        "np",
        "numpy",
        "math",
        "apply",
        "kernels",
        "elementwise",
    }
    assert not leaked


NAMES = ["gradtape"] + [
    m.name for m in pkgutil.walk_packages([str(PACKAGE)], "gradtape.") if m.name != "gradtape.__main__"
]


@pytest.mark.parametrize("name", NAMES)
def test_every_module_says_what_it_is(name: str) -> None:
    assert (importlib.import_module(name).__doc__ or "").strip()


def examples(module: ModuleType) -> Iterator[doctest.DocTest]:
    """The doctests of a module; also those of functions written out by the hot path, which doctest overlooks."""
    parser = doctest.DocTestParser()
    objects = {module.__name__: module} | {
        f"{module.__name__}.{key}": value
        for key, value in vars(module).items()
        if (inspect.isfunction(value) or inspect.isclass(value)) and getattr(value, "__module__", "") == module.__name__
    }
    for key, value in list(objects.items()):
        if inspect.isclass(value):
            objects |= {
                f"{key}.{a}": m for a, m in vars(value).items() if inspect.isfunction(m) or isinstance(m, property)
            }
    for key, value in objects.items():
        text = getattr(value, "__doc__", None) or ""
        if ">>>" in text:
            globs = {} if inspect.isfunction(value) and value.__module__ == "gradtape" else dict(vars(module))
            yield parser.get_doctest(text, globs, key, getattr(module, "__file__", None), 0)


@pytest.mark.parametrize("name", NAMES)
def test_examples_in_docstrings(name: str) -> None:
    extra = EXTRAS.get(name)
    if extra and importlib.util.find_spec(extra) is None:
        pytest.skip(f"needs {extra}")
    module = importlib.import_module(name)
    failures: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    with np.errstate(all="ignore"):
        for test in examples(module):
            runner.run(test, out=failures.append)
    assert not failures, "".join(failures)
