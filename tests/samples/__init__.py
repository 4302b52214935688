"""One table of samples per primitive; it drives every check in tests/test_primitives.py.

A sample is a function of arrays, everything else closed over, and the arrays to call it on. A primitive without a
sample fails the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradtape.functions.static import static


@dataclass(eq=False)
class Sample:
    """`primitive`: name in the registry; `function` of `arguments` (floating arrays are differentiated, unless
    `wrt` picks some); `numpy`: the same with NumPy's functions on plain arrays (None: the value has no such
    reference here); `order`: highest order checked against numbers; `tolerance`: factor on the usual ones;
    `smooth`: False at kinks and special points, where only the modes are compared with each other."""

    primitive: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    numpy: Callable[..., Any] | None = None
    order: int = 3
    wrt: tuple[int, ...] | None = None
    tolerance: float = 1.0
    smooth: bool = True
    label: str = ""
    batched: bool = True
    tags: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        shapes = ",".join("x".join(map(str, np.shape(a))) or "()" for a in self.arguments)
        return f"{self.primitive}[{self.label or shapes}]"


SAMPLES: list[Sample] = []


def beside(array: Any, x: Any) -> Any:
    """A constant that a sample's function is closed over, in the library of its argument x."""
    return static(np.asarray(array), x)


def sample(primitive: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    """Add a sample to the table; arguments become NumPy arrays."""
    arrays = tuple(np.asarray(a) if not isinstance(a, np.generic) else a for a in arguments)
    SAMPLES.append(Sample(primitive, function, arrays, **options))
