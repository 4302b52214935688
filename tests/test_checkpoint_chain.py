"""checkpoint_chain, checkpoint_while: counts of stages run against the theory, derivatives, memory, errors."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradtape as gt
from gradtape.derivatives.schedules import Replacement, fewest_steps, reach, repeats_needed, split

from .programs import CORE, POINT, by_mpmath
from .test_checkpointing import derivatives, layer, weights
from .test_laws import ONE, check_stacks, feasible

__all__ = ["weights"]  # a fixture

PAIRS = feasible([*itertools.product(CORE, repeat=2), ("grad", "grad", "grad"), ("grad", "laplacian")])


# -- the schedules against the theory
def fewest_by_search(longest: int, most: int) -> dict[tuple[int, int], int]:
    """t(l, s) by dynamic programming over where the next state is kept."""
    t = {(l, 1): l * (l - 1) // 2 for l in range(1, longest + 1)}
    for s in range(2, most + 1):
        t[1, s] = 0
        for l in range(2, longest + 1):
            t[l, s] = min(m + t[l - m, s - 1] + t[m, s] for m in range(1, l))
    return t


def test_the_formula_is_the_least_of_all_schedules_and_split_reaches_it() -> None:
    for (l, s), least in fewest_by_search(90, 7).items():
        r = repeats_needed(l, s)
        assert reach(s, r - 1) < l <= reach(s, r)
        assert fewest_steps(l, s) == r * l - reach(s + 1, r - 1) == least
        if l > 1 and s > 1:
            m = split(l, s)
            assert 1 <= m < l and m + fewest_steps(l - m, s - 1) + fewest_steps(m, s) == least


def test_values_published_by_griewank_and_walther() -> None:
    assert [reach(s, r) for s, r in ((1, 1), (2, 2), (3, 3), (4, 4), (5, 5))] == [2, 6, 20, 70, 252]
    assert fewest_steps(10, 3) == 15  # their example: 10 steps, 3 checkpoints


TABLE = [(l, s) for l in (1, 2, 3, 4, 6, 10, 11, 20, 35, 56, 84) for s in (1, 2, 3, 5, 8, 100)]


def counted(slots: int, length: int, online: bool) -> tuple[int, int, int]:
    """Stages run for the value, for the gradient, and again when a persistent tape is asked once more."""
    calls = 0

    def step(x: Any) -> Any:
        nonlocal calls
        calls += 1
        return x * 0.9 + 0.1

    x = gt.asarray(1.0)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        if online:
            _, y = gt.checkpoint_while(lambda s: s[0] < length, lambda s: (s[0] + 1, step(s[1])), (0, x), slots=slots)
        else:
            y = gt.checkpoint_chain(lambda i, x: step(x), x, length, slots=slots)
    counts = []
    for _ in range(2):
        counts.append(calls)
        assert float(tape.gradient(y, x)) == pytest.approx(0.9**length)
    counts.append(calls)
    return counts[0], counts[1] - counts[0], counts[2] - counts[1]


@pytest.mark.parametrize(("length", "slots"), TABLE)
def test_stages_run_as_often_as_the_theory_says(length: int, slots: int) -> None:
    value, gradient, again = counted(slots, length, online=False)
    assert value == length
    assert gradient == fewest_steps(length, slots)
    assert again == length + fewest_steps(length, slots)  # nothing is kept any more, and the value is not made again


@pytest.mark.parametrize(("length", "slots"), [t for t in TABLE if t[0] <= reach(t[1], 2)])
def test_online_counts_are_the_offline_ones_up_to_two_repeats(length: int, slots: int) -> None:
    value, gradient, _ = counted(slots, length, online=True)
    assert value == length and gradient == fewest_steps(length, slots)


def test_online_counts_beyond() -> None:
    for length, slots in [(20, 3), (60, 3), (84, 5), (300, 8)]:
        value, gradient, _ = counted(slots, length, online=True)
        least = length + fewest_steps(length, slots)
        assert least <= value + gradient <= 1.06 * least


@pytest.mark.parametrize("slots", [1, 2, 3, 4, 7, 12])
def test_replacement_is_optimal_at_every_length_up_to_two_repeats_and_close_beyond(slots: int) -> None:
    kept = Replacement(slots)
    for length in range(2, reach(slots, 4)):
        if length > 2:
            kept.offer(length - 2, length)
        assert len(kept.positions) <= slots and kept.positions == sorted(set(kept.positions))
        gaps = [b - a for a, b in itertools.pairwise([*kept.positions, length])]
        extra = sum(fewest_steps(gap, slots - j) for j, gap in enumerate(gaps)) - (gaps[-1] - 1)
        total, least = length - 1 + extra, fewest_steps(length, slots)
        if length <= reach(slots, 2):
            assert total == least
        assert least <= total <= (1.0 if slots == 1 else 1.15 if slots == 2 else 1.06) * least


# -- chains: derivatives
LENGTH = 7


def recurrence(n: Any, x: Any) -> Any:
    a, b = x, x * 0.5
    for i in range(LENGTH):
        a, b = n.sin(a * x) + 0.1 * i * b, n.exp(-b * b) + 0.0 * b
    return a * b


def chained(slots: int) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        def step(i: int, state: Any) -> Any:
            a, b = state["a"], state["b"]
            return {"a": gt.sin(a * x) + 0.1 * i * b, "b": gt.exp(-b * b) + 0.0 * b}

        state = gt.checkpoint_chain(step, {"a": x, "b": x * 0.5}, LENGTH, slots=slots)
        return state["a"] * state["b"]

    return f


def looped(slots: int) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        def step(state: Any) -> Any:
            a, b, i = state
            return gt.sin(a * x) + 0.1 * i * b, gt.exp(-b * b) + 0.0 * b, i + 1

        a, b, _ = gt.checkpoint_while(lambda state: state[2] < LENGTH, step, (x, x * 0.5, 0), slots=slots)
        return a * b

    return f


@pytest.mark.parametrize("slots", [1, 3])
@pytest.mark.parametrize("make", [chained, looped])
def test_chains_nest_with_transforms(make: Any, slots: int) -> None:
    check_stacks(make(slots), POINT, ONE, PAIRS, by_mpmath(recurrence, 4), 1e-9)


@pytest.mark.parametrize("slots", [1, 2, 4, 50])
def test_gradients_of_shared_parameters(slots: int, weights: list[gt.Variable]) -> None:
    w, b, *_ = weights
    x = np.random.default_rng(3).normal(size=(3, 4))

    def plain(x: Any) -> Any:
        for i in range(12):
            x = layer(x, w, b) + i * 0.01
        return gt.sum(x**2)

    def saving(x: Any) -> Any:
        return gt.sum(gt.checkpoint_chain(lambda i, x: layer(x, w, b) + i * 0.01, x, 12, slots=slots) ** 2)

    for one, other in zip(derivatives(plain, x, [w, b]), derivatives(saving, x, [w, b]), strict=True):
        assert np.allclose(one, other, rtol=1e-12)


def test_second_derivatives_with_respect_to_shared_parameters(weights: list[gt.Variable]) -> None:
    w, x = weights[0].read_value(), np.array([0.3, -0.2, 0.5, 0.1])

    def loss(w: Any, run: Any) -> Any:
        return gt.sum(run(lambda i, x: gt.tanh(x @ w), x) ** 2)

    def by_chain(step: Any, x: Any) -> Any:
        return gt.checkpoint_chain(step, x, 9, slots=2)

    def by_loop(step: Any, x: Any) -> Any:
        x = gt.asarray(x)
        for i in range(9):
            x = step(i, x)
        return x

    v = np.random.default_rng(4).normal(size=(4, 4))
    for product in (
        lambda f: gt.hvp(f, w, v),
        lambda f: gt.grad(lambda w: gt.sum(gt.grad(f)(w) * v))(w),
        lambda f: gt.jvp(gt.grad(f), (w,), (gt.asarray(v),))[1],
    ):
        one, other = [product(lambda w, run=run: loss(w, run)).numpy() for run in (by_loop, by_chain)]
        assert np.allclose(one, other, rtol=1e-11)


def test_a_list_of_stages() -> None:
    w = gt.Variable(2.0)
    stages = [lambda x: x * w, gt.sin, lambda x: x**2 + w]
    one = derivatives(lambda x: gt.checkpoint_chain(stages, x, slots=2), 0.4, [w])
    other = derivatives(lambda x: gt.sin(x * w) ** 2 + w, 0.4, [w])
    assert np.allclose(one, other, rtol=1e-14)


def test_no_stage_at_all() -> None:
    x = gt.asarray(2.0)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = gt.checkpoint_chain(lambda i, x: 1 / 0, x, 0, slots=3)
        z = gt.checkpoint_while(lambda x: x < 0, lambda x: 1 / 0, x, slots=3)
    assert float(y) == float(z) == 2.0
    assert float(tape.gradient(y, x)) == float(tape.gradient(z, x)) == 1.0


def test_assignment_in_a_stage_changes_no_kept_state() -> None:
    def step(i: int, x: Any) -> Any:
        x[i % 3] = x[i % 3] * x[(i + 1) % 3]
        return x

    def plain(x: Any) -> Any:
        x = +x
        for i in range(8):
            x = step(i, x)
        return gt.sum(x)

    x = np.array([1.1, 0.9, 1.3])
    for slots in (1, 2, 5):
        saving = lambda x, slots=slots: gt.sum(gt.checkpoint_chain(step, x, 8, slots=slots))
        assert np.allclose(gt.grad(saving)(x).numpy(), gt.grad(plain)(x).numpy(), rtol=1e-13)


def test_the_condition_of_a_loop_sees_forward_values_and_no_batches() -> None:
    double = lambda x: gt.checkpoint_while(lambda s: s < 10.0, lambda s: s * x, x, slots=2)
    assert float(gt.jvp(double, (2.0,), (1.0,))[1]) == 4 * 2.0**3
    with pytest.raises(TypeError, match="inside vmap"):
        gt.vmap(double)(np.array([2.0, 3.0]))
    assert float(gt.grad(double)(2.0)) == 4 * 2.0**3  # nothing of the error is left


# -- memory
MEASURE = """
import resource, sys
import numpy as np
import gradtape as gt

length, slots, order = [int(a) for a in sys.argv[1:]]
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
c = gt.Variable(0.5)
calls = 0

def step(i, x):
    global calls
    calls += 1
    return x * c + 0.25

def gradients(x, length):
    with gt.GradientTape() as outer:
        outer.watch(x)
        with gt.GradientTape() as tape:
            tape.watch(x)
            y = gt.sum(gt.checkpoint_chain(step, x, length, slots=slots) ** 2)
        g = tape.gradient(y, [x, c])
    return g[1] if order == 1 else outer.gradient(g[1], c)

if order == 1:
    def gradients(x, length):
        with gt.GradientTape() as tape:
            tape.watch(x)
            y = gt.sum(gt.checkpoint_chain(step, x, length, slots=slots))
        return tape.gradient(y, [x, c])[1]

x = gt.asarray(np.linspace(0, 1, 131072))
gradients(x, 3)
before, calls = peak(), 0
gradients(x, length)
print(peak() - before, calls)
"""


def measured(length: int, slots: int, order: int = 1) -> tuple[float, int]:
    """Megabytes above the baseline, and stages run, of a chain of stages of 1 MB."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(length), str(slots), str(order)], capture_output=True, text=True, check=True
    )
    megabytes, calls = done.stdout.split()
    return float(megabytes), int(calls)


def test_memory_of_a_chain_is_that_of_its_slots() -> None:
    megabytes, calls = measured(800, 20)
    assert megabytes < 20 + 12
    assert calls == 800 + fewest_steps(800, 20)


@pytest.mark.slow
def test_ten_thousand_stages_of_a_megabyte_in_under_200_megabytes() -> None:
    megabytes, calls = measured(10_000, 100)
    assert megabytes < 200
    assert calls == 10_000 + fewest_steps(10_000, 100) == 34_747


def test_memory_of_a_second_derivative_grows_with_the_depth_and_not_the_length() -> None:
    megabytes, _ = measured(240, 5, order=2)  # 4 levels of up to 5 states, and a cotangent for each
    assert megabytes < 75


# -- bad input
@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda s: gt.checkpoint_chain(s, 1.0, 3, slots=0), ValueError, "slots must be at least 1"),
        (lambda s: gt.checkpoint_chain(s, 1.0, 3, slots=2.5), TypeError, "slots must be an integer"),
        (lambda s: gt.checkpoint_chain(s, 1.0, 3, slots=True), TypeError, "slots must be an integer"),
        (lambda s: gt.checkpoint_chain(s, 1.0, -1, slots=2), ValueError, "length must not be negative"),
        (lambda s: gt.checkpoint_chain(s, 1.0, 2.0, slots=2), TypeError, "length must be an integer"),
        (lambda s: gt.checkpoint_chain(s, 1.0, slots=2), TypeError, "checkpoint_while"),
        (lambda s: gt.checkpoint_chain(3, 1.0, 4, slots=2), TypeError, "step must be a function"),
        (lambda s: gt.checkpoint_chain([gt.sin, 3], 1.0, slots=2), TypeError, "stage 1 is a int"),
        (lambda s: gt.checkpoint_chain([gt.sin], 1.0, 2, slots=2), ValueError, "1 stages, but length=2"),
        (lambda s: gt.checkpoint_chain(s, "abc", 2, slots=2), TypeError, "the state holds a str"),
        (lambda s: gt.checkpoint_chain(s, {"a": None}, 2, slots=2), TypeError, "the state holds a NoneType"),
        (lambda s: gt.checkpoint_chain(lambda i, x: (x, x), 1.0, 2, slots=2), ValueError, "another structure"),
        (lambda s: gt.checkpoint_chain(lambda i, x: gt.stack([x, x]), 1.0, 2, slots=2), ValueError, "stage 0 made an"),
        (lambda s: gt.checkpoint_chain(lambda i, x: x * 0.5, 1, 2, slots=2), ValueError, "float64 .* int64"),
        (lambda s: gt.checkpoint_while(lambda x: x < 3, s, 1.0, slots=0), ValueError, "checkpoint_while: slots"),
        (lambda s: gt.checkpoint_while(3, s, 1.0, slots=2), TypeError, "condition must be a function"),
        (lambda s: gt.checkpoint_while(lambda x: x < 3, 4, 1.0, slots=2), TypeError, "step must be a function"),
        (lambda s: gt.checkpoint_while(lambda x: x < 3, lambda x: (x,), 1.0, slots=2), ValueError, "structure"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(call: Any, error: type[Exception], text: str) -> None:
    x = gt.asarray(1.0)
    with gt.GradientTape() as tape:
        tape.watch(x)
        with pytest.raises(error, match=text):
            call(lambda i, x: x)
        y = x * x
    assert float(tape.gradient(y, x)) == 2.0


def test_a_stage_that_fails_on_the_way_back_leaves_the_tape_usable() -> None:
    x = gt.asarray(0.5)
    broken = False

    def step(i: int, x: Any) -> Any:
        if broken and i == 3:
            raise RuntimeError("on purpose")
        return gt.sin(x)

    with gt.GradientTape() as tape:
        tape.watch(x)
        y = gt.checkpoint_chain(step, x, 9, slots=2)
    broken = True
    with pytest.raises(RuntimeError, match="on purpose"):
        tape.gradient(y, x)
    broken = False
    plain = gt.grad(lambda x: gt.checkpoint_chain(step, x, 9, slots=20))(0.5)
    assert float(tape.gradient(y, x)) == pytest.approx(float(plain), rel=1e-14)
