"""An external table of derivative traps (inputs on which differentiation systems are known to fail) under gradtape.

The table lives outside this repository: name its file in GRADTAPE_TRAPS, or have it at ../shared/traps/traps.py.
The repository's own regression tests of the same kind are in test_known_traps.py.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .traps_adapter import adapters

PLACE = Path(os.environ.get("GRADTAPE_TRAPS") or Path(__file__).resolve().parents[2] / "shared" / "traps" / "traps.py")

#: Cases which only Taylor mode can finish (20 nestings).
TAYLOR_ONLY = {"recip_d20"}

#: (case, mode) whose answer is lost between operations: repeated eigenvalues, where the eigenvectors have no
#: derivative. NaN says so; a finite number would be wrong. (Forward mode cannot see that a projector forgets a gauge.)
LOST = {("eigh_matfun_rep_d1", mode) for mode in ("reverse", "tape", "forward", "taylor")} | {
    ("eigh_projector_rep", mode) for mode in ("forward", "taylor")
}


def load() -> Any:
    """The table's module, or None."""
    if not PLACE.is_file():
        return None
    before = dict(os.environ)
    spec = importlib.util.spec_from_file_location("derivative_traps", PLACE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    finally:  # it sets variables for other libraries
        os.environ.clear()
        os.environ.update(before)
    return module


pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
TRAPS = load()
CASES = TRAPS.CASES if TRAPS is not None else []


@pytest.mark.skipif(TRAPS is None, reason=f"the table of traps is not at {PLACE} (set GRADTAPE_TRAPS to its path)")
def test_the_table_is_there() -> None:
    assert len(CASES) > 100


@pytest.mark.parametrize("mode", ["reverse", "tape", "forward", "taylor"])
@pytest.mark.parametrize("case", CASES, ids=lambda c: c["id"])
def test_trap(case: dict[str, Any], mode: str) -> None:
    assert TRAPS is not None
    if case["id"] in TAYLOR_ONLY and mode != "taylor":
        pytest.skip("only Taylor mode finishes this")
    status, text, _ = TRAPS.run_case(adapters(TRAPS)[mode](), case)
    if status == "nofn":
        pytest.skip(f"not a function of gradtape: {text}")
    if (case["id"], mode) in LOST:
        assert "nan" in text, f"a number where there is none: {text}"
        return
    wanted = np.array2string(TRAPS.wanted(case), separator=", ")
    assert status == "pass", f"{case['desc']}: got {text}, want {wanted} or {case['alts']}"
