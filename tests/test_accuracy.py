"""docs/accuracy.md speaks of every function, and what it says of errors holds."""

from __future__ import annotations

import pytest

import gradtape as gt
from gradtape.functions import elementwise

from .accuracy import ELSEWHERE, FUNCTIONS, PAGE, names, row, within, worst

ELEMENTARY = [name for name, f in FUNCTIONS.items() if not f.special]
#: Special functions that are looked at every time; the others are slow.
QUICK = ["erf", "erfcx", "j0", "gammaln", "expi", "ellipk", "lambertw", "xlogy(2, x)", "kl_div(x, 2)"]
SLOW = [name for name, f in FUNCTIONS.items() if f.special and name not in QUICK]


@pytest.mark.parametrize("name", [*ELEMENTARY, *QUICK, *[pytest.param(n, marks=pytest.mark.slow) for n in SLOW]])
def test_errors_are_within_the_bounds(name: str) -> None:
    found = worst(FUNCTIONS[name])
    assert within(FUNCTIONS[name], found), row(name)[0]


def test_a_function_that_loses_digits_is_found() -> None:
    """The product of both tails, which cancels near 0 when it is differentiated."""
    slope = lambda x: gt.special.expit(x) * gt.special.expit(-x)
    ours = gt.custom(gt.special.expit, jvp=lambda d, y, x: d[0] * slope(x))
    f = FUNCTIONS["expit"]._replace(ours=ours, points=[1e-20])
    assert not within(f, worst(f))


def test_every_function_is_on_the_page() -> None:
    every = {*elementwise.__all__, *gt.special.__all__}
    assert sorted(every - names() - set(ELSEWHERE)) == []
    text = PAGE.read_text()
    assert [name for name in FUNCTIONS if f"| `{name}` |" not in text] == []
    assert "beyond" not in text
