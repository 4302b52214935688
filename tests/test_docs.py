"""The programs in the documents run, and links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from . import samples
from .array_libraries import LibraryCase, maker
from .checks import Case, check_batch, check_orders, check_shapes_and_dtypes

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
PROGRAM = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def programs(page: Path) -> list[str]:
    """The Python blocks of a page."""
    return PROGRAM.findall(page.read_text(encoding="utf-8"))


#: Pages whose programs are run by tests of their own.
ELSEWHERE = ("README.md", "CONTRIBUTING.md", "scipy.md")


@pytest.mark.parametrize(
    "page", [p for p in PAGES if programs(p) and p.name not in ELSEWHERE], ids=lambda p: p.name
)
def test_programs_run(page: Path) -> None:
    """The blocks of a page, one after the other, as one program."""
    scope: dict[str, object] = {"__name__": page.stem}
    for program in programs(page):
        exec(compile(program, str(page), "exec"), scope)


def test_the_worked_example_of_contributing() -> None:
    """Declared and sampled as the text says, the new function passes all checks."""
    from gradtape.arrays.standard_kernels import KERNELS
    from gradtape.functions import declare, elementwise
    from gradtape.primitive import REGISTRY

    rule, example, kernel = programs(ROOT / "CONTRIBUTING.md")
    scope = dict(vars(elementwise))
    known = len(samples.SAMPLES)
    try:
        exec(rule, scope)
        scope |= {"sample": samples.sample, "np": np}
        exec(example, scope)
        (s,) = samples.SAMPLES[known:]
        assert s.primitive in REGISTRY
        assert s.numpy is not None
        np.testing.assert_allclose(s.function(*s.arguments), s.numpy(*s.arguments))
        case = Case(s.function, s.arguments, (0,))
        check_orders(case, s.order)
        check_shapes_and_dtypes(case)
        check_batch(case, 1e-9)
        exec(kernel, scope)
        KERNELS[s.primitive] = scope[s.primitive]
        wanted, found = [
            LibraryCase(s.function, s.arguments, (0,), array).ask("gradient")[0].numpy()
            for array in (np.asarray, maker("array_api_strict"))
        ]
        np.testing.assert_allclose(found, wanted)
    finally:
        KERNELS.pop("gudermannian", None)
        del samples.SAMPLES[known:]
        REGISTRY.pop("gudermannian", None)
        declare.PRIMITIVE_OF.pop("gudermannian", None)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    broken = [
        target
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
        if not target.startswith(("http://", "https://", "mailto:")) and not (page.parent / target).exists()
    ]
    assert not broken
