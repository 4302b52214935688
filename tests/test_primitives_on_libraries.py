"""Every primitive's samples on every array library: values and derivatives are those of the NumPy backend.

They stay in the library and in the dtype. What a library lacks is in a table with the reason; nothing else may be left
out. JAX compiles each shape of each operation anew, so that most of its samples have the marker `slow`.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from gradtape.arrays.dtypes import numpy_dtype
from gradtape.errors import NoKernelError

from .array_libraries import LIBRARIES, SAME, LibraryCase, maker
from .samples import SAMPLES, Sample
from .test_primitives import FLOWING, differentiated

#: SciPy's functions that hardly any other library has.
RARE = [
    "betaincc", "binom", "dawsn", "ellipe", "ellipk", "erfcx", "exprel", "iv", "j0", "j1", "jv", "k0", "k1", "kv",
    "lambertw", "stdtr", "y0", "y1", "yv",
]  # fmt: skip
#: What a library has not: the function that the error names begins like this.
LACKS = {
    "array_api_strict": {"special.": "the standard has no special functions"},
    "cupy": {f"special.{name}": "CuPy has no such function" for name in RARE},
    "jax": {f"special.{name}": "JAX has no such function" for name in RARE},
    "torch": {f"special.{name}": "PyTorch has no such function" for name in [*RARE, "beta", "betainc", "exp1", "expi"]},
}

#: What a library computes otherwise, and why that is right.
OTHERWISE = {
    ("torch", "svd[2x4]"): "the signs of singular vectors are the library's choice",
    ("jax", "xlogy[3,3]"): "XLA takes numbers below 1e-308 for 0",
    ("cupy", "floor_divide[floor_divide special]"): "CuPy rounds the quotient before it takes the floor",
    ("cupy", "remainder[remainder special]"): "CuPy rounds the quotient before it takes the floor",
} | {
    (library, name): "the signs of vectors are the library's choice"
    for library in ("cupy", "cuda") for name in ("svd", "svd_full", "eigh", "eig")
}  # fmt: skip

#: Derivatives looked at beside the gradient: where they are cheap, for rules are the same on all libraries.
CHEAP = ["pushforward", "batch", "second order"]
MODES = {"array_api_strict": CHEAP, "torch": CHEAP, "cuda": CHEAP, "cupy": CHEAP}

#: Samples of each primitive on JAX that are not marked slow.
FEW = 2


def pairs() -> Any:
    """(library, sample) for each."""
    seen: Counter[str] = Counter()
    for library in LIBRARIES:
        for s in SAMPLES:
            seen[library + s.primitive] += 1
            slow = library == "jax" and seen[library + s.primitive] > FEW
            yield pytest.param(library, s, id=f"{library}-{s}", marks=[pytest.mark.slow] * slow)


def pushed_and_batched() -> Any:
    """(library, sample) for each where the other modes are not looked at every time."""
    for library in LIBRARIES:
        seen: Counter[str] = Counter()
        for s in FLOWING if library not in MODES else []:
            seen[s.primitive] += 1
            if library != "jax" or seen[s.primitive] <= FEW:
                yield pytest.param(library, s, id=f"{library}-{s}")


@pytest.mark.parametrize(("library", "s"), list(pairs()))
def test_sample(library: str, s: Sample) -> None:
    """Value and gradient, and more where it is cheap."""
    look(library, s, ["value", *(["gradient", *MODES.get(library, [])] if s in FLOWING else [])])


@pytest.mark.slow
@pytest.mark.parametrize(("library", "s"), list(pushed_and_batched()))
def test_other_modes(library: str, s: Sample) -> None:
    """Forward mode, batches and second order where they take long."""
    look(library, s, CHEAP)


def look(library: str, s: Sample, modes: list[str]) -> None:
    """Compare the sample on a library with the same on NumPy."""
    same = SAME.get(library, library)
    for which in ((same, str(s)), (library, s.primitive)):
        if which in OTHERWISE:
            pytest.skip(OTHERWISE[which])
    array, wrt = maker(library), differentiated(s)
    left_out = ["batch"] * (not s.batched) + ["second order"] * (not s.smooth or s.order < 2)
    ours = LibraryCase(s.function, s.arguments, wrt, np.asarray)
    with np.errstate(all="ignore"):
        theirs = LibraryCase(s.function, s.arguments, wrt, array)
        kind, place = type(array(1.0)), getattr(array(1.0), "device", None)
        for what in [mode for mode in modes if mode not in left_out]:
            try:
                found = theirs.ask(what)
            except NoKernelError as error:
                name = str(error).rpartition("has no function ")[2]
                reasons = [reason for start, reason in LACKS.get(same, {}).items() if name.startswith(start)]
                if not reasons:
                    raise
                pytest.skip(reasons[0])
            for y, want in zip(found, ours.ask(what), strict=True):
                assert type(y.data) is kind, what
                assert getattr(y.data, "device", None) == place, what
                assert numpy_dtype(y.dtype) == want.dtype, what
                assert y.shape == want.shape, what
                close(y.numpy(), want.numpy(), s.tolerance * (100 if what == "second order" else 1), what)


def close(found: Any, wanted: Any, tolerance: float, what: str) -> None:
    """Raise AssertionError unless the two agree."""
    np.testing.assert_allclose(found, wanted, rtol=1e-9 * tolerance, atol=1e-10 * tolerance, err_msg=what)
