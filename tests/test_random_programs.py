"""A few of the random programs that `make test-full` goes on with, and what is found where rules are wrong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import gradtape as gt
from gradtape.primitive import Elementwise, apply

from . import random_programs
from .random_programs import FORMS, Program, Step, program, report, smallest, stacks, wrong

#: Programs looked at here, in groups, which run side by side.
GROUPS, EACH = 8, 30


@pytest.mark.parametrize("group", range(GROUPS))
def test_all_modes_agree_on_random_programs(group: int) -> None:
    found = [text for text in [report(seed) for seed in range(group * EACH, (group + 1) * EACH)] if text]
    assert not found, "\n".join(found)


def test_a_seed_gives_the_same_program_always() -> None:
    assert program(12) == program(12)
    assert program(12) != program(13)


@pytest.mark.parametrize(
    "slope",
    [
        lambda x: 1.0001 * gt.cos(x),
        lambda x: gt.stop_gradient(gt.cos(x)),  # right at first order only
        lambda x: gt.cos(x) + 1e-4 * (gt.sin(x) - gt.stop_gradient(gt.sin(x))),  # wrong at second order
    ],
    ids=["first order", "stopped", "second order"],
)
def test_a_wrong_rule_is_found_and_the_rest_left_out(
    slope: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    primitive = Elementwise("wrong", np.sin, (slope,), register=False)
    monkeypatch.setitem(FORMS, "wrong", lambda p, q: apply(primitive, p) * q[0])
    f = Program(0, (Step("outer", (0, 0), 0), Step("wrong", (1, 0), 0), Step("looped", (2, 1), 0)))
    every = stacks(0, 4)
    assert wrong(f, every)
    assert [step.what for step in smallest(f, every).steps] == ["wrong"]


def test_a_mode_that_forgets_a_path_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Second order through a value that only nested tapes lose."""
    cut = gt.custom(gt.sin, vjp=lambda g, y, x: g * gt.stop_gradient(gt.cos(x)))
    monkeypatch.setitem(FORMS, "cut", lambda p, q: cut(p))
    assert wrong(Program(0, (Step("cut", (0, 0), 0),)), stacks(0, 4))


def test_the_command_prints_seeds_of_failures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(random_programs, "report", lambda seed: f"seed {seed}" if seed % 2 else "")
    report_of = random_programs.report
    programs = lambda start, seconds: ((k, report_of(k)) for k in range(start, 6))
    monkeypatch.setattr(random_programs, "looked_at", programs)
    assert random_programs.worker((0, 1.0)) == (6, ["seed 1", "seed 3", "seed 5"])
    assert capsys.readouterr().out.split("\n")[:3] == ["seed 1", "seed 3", "seed 5"]
