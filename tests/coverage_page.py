"""What each primitive can do, by its declaration and its samples: writes docs/coverage.md.

    python -m tests.coverage_page

A cell is what tests/test_primitives.py and tests/test_primitives_on_libraries.py check. There is no empty cell: there
is a word that says why nothing is there, or the page's test fails.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from gradtape.arrays.libraries import library_of
from gradtape.errors import NoKernelError
from gradtape.primitive import REGISTRY, Zero

from . import samples
from .samples import SAMPLES, Sample

PAGE = Path(__file__).resolve().parents[1] / "docs" / "coverage.md"

#: The libraries of the page, with what makes their arrays (PyTorch's samples run in a target of their own).
LIBRARIES = {"array-api-strict": "array_api_strict", "JAX": "jax.numpy", "Dask": "dask.array"}

HEAD = """\
# Coverage

Every primitive of gradtape, in every mode: generated from the registry and the samples by
`python -m tests.coverage_page`, and a test compares it with what they say. All else is composed of these, and has every
mode by that.

- **reverse**, **forward**, **Taylor**: *yes*; *constant* where nothing flows through the function.
- **batch**: how vmap does it: *whole* batches at once, or *one by one*.
- **order**: up to which order all mixes of modes are compared with numeric differences; *modes only*: where some
  derivatives do not exist (they raise), the others are compared with each other.
- **dtypes**: of the samples: f8, f4 are doubles and singles, c16, c8 complex; all samples are computed in single
  precision too.
- **NumPy and others**: *yes*, or *lacks* where the library has no such function (the reasons are in
  tests/test_primitives_on_libraries.py).

"""


def load() -> None:
    """Fill the table of samples."""
    for module in pkgutil.iter_modules(samples.__path__):
        importlib.import_module(f"{samples.__name__}.{module.name}")


def table() -> str:
    """The page's table."""
    load()
    by_primitive: dict[str, list[Sample]] = defaultdict(list)
    for s in SAMPLES:
        by_primitive[s.primitive].append(s)
    made = {title: library_of(importlib.import_module(module).asarray(1.0)) for title, module in LIBRARIES.items()}
    columns = ["primitive", "kind", "reverse", "forward", "Taylor", "batch", "order", "dtypes", *made]
    rows = [columns, ["---"] * len(columns)]
    for name in sorted(REGISTRY):
        rows.append([f"`{name}`", *cells(REGISTRY[name], by_primitive[name]), *[on(made[t], name) for t in made]])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def cells(primitive: Any, its: list[Sample]) -> list[str]:
    """What a primitive does in each mode."""
    constant = isinstance(primitive, Zero)
    flows = "constant" if constant else "yes"
    order = max([s.order for s in its if s.smooth], default=0)
    kinds = sorted({np.asarray(a).dtype.str[1:] for s in its for a in s.arguments if np.asarray(a).dtype.kind in "fc"})
    return [
        type(primitive).__name__.lower(), flows, flows, flows,
        "one by one" if primitive.batch is None else "whole",
        "constant" if constant else str(order) if order else "modes only",
        " ".join(kinds) or "exact",
    ]  # fmt: skip


def on(library: Any, name: str) -> str:
    """Whether a library has a kernel."""
    try:
        library.kernel(REGISTRY[name])
    except NoKernelError:
        return "lacks"
    return "yes"


def page() -> str:
    """The whole page."""
    return HEAD + table()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"written: {PAGE}")
