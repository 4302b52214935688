"""A pytest plugin that spares time and memory: no failing example is made small, and JAX forgets what it compiled.

Hypothesis would spend longer on making one small than on finding it; which tests fail is all that is asked. JAX
compiles each function for each shape, and would fill the memory with that.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import hypothesis
import pytest

#: Bytes of memory in use after which JAX forgets.
MANY = 3_000_000_000


@pytest.hookimpl(trylast=True)
def pytest_configure() -> None:
    """Set what the suite's own configuration, which comes first, leaves open."""
    phases = set(hypothesis.settings().phases) - {hypothesis.Phase.shrink, hypothesis.Phase.explain}
    hypothesis.settings.register_profile("sparing", hypothesis.settings(), phases=phases, report_multiple_bugs=False)
    hypothesis.settings.load_profile("sparing")


def in_use() -> int:
    """The bytes of memory that this process has in use; 0 where the system does not say."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def pytest_runtest_teardown() -> None:
    """Forget what was compiled, if it is much."""
    jax: Any = sys.modules.get("jax")
    if jax is not None and in_use() > MANY:
        jax.clear_caches()
