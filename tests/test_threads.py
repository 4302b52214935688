"""Threads and async tasks: each has its own tapes and levels; and nothing is left behind after an exception."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import gradtape as gt
from gradtape.context import ACTIVE, LEVEL, OPEN

THREADS, ROUNDS = 8, 1000


def own_function(k: int) -> tuple[Callable[[Any], Any], Callable[[float], float]]:
    """A function that only one thread or task has, and its derivative."""
    return (
        lambda x: gt.sin(x * (k + 1)) * gt.exp(-x / (k + 1)),
        lambda x: (
            (k + 1) * math.cos(x * (k + 1)) * math.exp(-x / (k + 1))
            - math.sin(x * (k + 1)) * math.exp(-x / (k + 1)) / (k + 1)
        ),
    )


def in_threads(work: Callable[[int], Any], number: int = THREADS) -> list[Any]:
    """work(0), work(1) ... at the same time, each in a thread of its own."""
    start = threading.Barrier(number)

    def begin(k: int) -> Any:
        start.wait()
        return work(k)

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(begin, range(number)))


def test_threads_differentiate_their_own_functions() -> None:
    def work(k: int) -> int:
        f, slope = own_function(k)
        wrong = 0
        for i in range(ROUNDS):
            x = 0.3 + i / ROUNDS
            if i % 3 == 0:
                v = gt.constant(x)
                with gt.GradientTape() as tape:
                    tape.watch(v)
                    y = f(v)
                got = tape.gradient(y, v)
            elif i % 3 == 1:
                got = gt.grad(f)(x)
            else:
                got = gt.jvp(f, (x,), (1.0,))[1]
            wrong += not math.isclose(float(got), slope(x), rel_tol=1e-12)
        assert ACTIVE.get() == ()
        assert LEVEL.get() == 0
        return wrong

    assert in_threads(work) == [0] * THREADS


def test_threads_share_a_variable() -> None:
    """Each thread's tape sees its own thread's reads of one Variable, and all of them."""
    w = gt.Variable(2.0)

    def work(k: int) -> float:
        total = 0.0
        for _ in range(200):
            with gt.GradientTape() as tape:
                y = w ** (k + 1)
            total += float(tape.gradient(y, w))
        return total / 200

    assert in_threads(work) == [(k + 1) * 2.0**k for k in range(THREADS)]


def test_higher_orders_and_batches_in_threads() -> None:
    x = np.linspace(0.1, 1.0, 7)

    def work(k: int) -> float:
        f = lambda x: gt.sum(gt.sin((k + 1) * x) ** 2)
        error = 0.0
        for _ in range(20):
            h = gt.hessian(f)(x).numpy()
            error = max(error, np.abs(h - np.diag(2 * (k + 1) ** 2 * np.cos(2 * (k + 1) * x))).max())
        return error

    assert max(in_threads(work)) < 1e-10


def test_a_tape_records_nothing_of_another_thread() -> None:
    x = gt.Variable(3.0)
    made: list[Any] = []
    with gt.GradientTape() as tape:
        thread = threading.Thread(target=lambda: made.append((x * x, ACTIVE.get())))
        thread.start()
        thread.join()
        y = x * 5.0
    (elsewhere, observers) = made[0]
    assert observers == ()
    assert tape.watched_variables() == (x,)
    assert tape.gradient([y, elsewhere], x) == 5.0


def test_a_tape_may_be_asked_in_another_thread() -> None:
    x = gt.Variable(3.0)
    with gt.GradientTape() as tape:
        y = x**2
    with ThreadPoolExecutor(1) as pool:
        assert float(pool.submit(tape.gradient, y, x).result()) == 6.0


def test_a_tape_may_move_to_another_thread() -> None:
    """Entered in one thread, then in another: both parts are one record."""
    x = gt.constant(3.0)
    tape = gt.GradientTape()
    with tape:
        tape.watch(x)
        y = x * x

    def more() -> Any:
        with tape:
            return y * x

    with ThreadPoolExecutor(1) as pool:
        z = pool.submit(more).result()
    assert float(tape.gradient(z, x)) == 27.0


def test_async_tasks_interleaved_at_awaits() -> None:
    """100 tasks, each with its tape open across awaits, some of them second order."""

    async def work(k: int) -> tuple[float, float]:
        x = gt.constant(1.0 + k / 100)
        with gt.GradientTape() as outer:
            outer.watch(x)
            with gt.GradientTape() as inner:
                inner.watch(x)
                y = x
                for i in range(5):
                    await asyncio.sleep(0.001 * ((k * 7 + i) % 3))
                    y = y * x
            g = inner.gradient(y, x)
            await asyncio.sleep(0)
            h = gt.vmap(gt.grad(lambda t: t**3))(gt.stack([x, x]))
        await asyncio.sleep(0)
        second = outer.gradient([g, h], x)
        return float(g), float(second)

    async def everything() -> list[tuple[float, float]]:
        return await asyncio.gather(*[work(k) for k in range(100)])

    for k, (g, second) in enumerate(asyncio.run(everything())):
        x = 1.0 + k / 100
        assert math.isclose(g, 6 * x**5, rel_tol=1e-12)
        assert math.isclose(second, 30 * x**4 + 12 * x, rel_tol=1e-12)
    assert ACTIVE.get() == ()


def test_a_task_started_inside_a_tape_does_not_disturb_it() -> None:
    """A task inherits the tapes of its maker, as context variables do; what it opens and closes is its own."""

    async def child(x: Any) -> Any:
        with gt.GradientTape() as tape:
            tape.watch(x)
            await asyncio.sleep(0)
            y = x * x
        return tape.gradient(y, x)

    async def main() -> Any:
        x = gt.constant(3.0)
        with gt.GradientTape() as tape:
            tape.watch(x)
            g = await asyncio.gather(child(x), child(x))
            assert len(ACTIVE.get()) == 1
            y = x**3
        return float(tape.gradient(y, x)), [float(part) for part in g]

    assert asyncio.run(main()) == (27.0, [6.0, 6.0])


# -- exceptions ----------------------------------------------------------------------------------------------------
class Broken(Exception):
    """Raised by the user's code."""


def fails(*arguments: Any) -> Any:
    """Some work, and then an exception."""
    gt.sum(arguments[0] * 2.0)
    raise Broken


def open_tape() -> None:
    with gt.GradientTape() as tape:
        x = gt.constant(1.0)
        tape.watch(x)
        fails(x)


def paused_tape() -> None:
    with gt.GradientTape() as tape, tape.stop_recording():
        fails(gt.constant(1.0))


def two_tapes() -> None:
    with gt.GradientTape(), gt.GradientTape(persistent=True):
        fails(gt.constant(1.0))


def accumulator() -> None:
    x = gt.constant(1.0)
    with gt.ForwardAccumulator(x, gt.constant(1.0)):
        fails(x)


def rule_that_fails_in_the_sweep() -> None:
    f = gt.custom(lambda x: x * 1.0, vjp=lambda g, y, x: fails(g))
    x = gt.constant(1.0)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = f(x)
        tape.gradient(y, x)


def rule_that_fails_in_forward_mode() -> None:
    f = gt.custom(lambda x: x * 1.0, jvp=lambda t, y, x: fails(y))
    gt.jvp(f, (1.0,), (1.0,))


def rule_that_fails_in_an_accumulator() -> None:
    f = gt.custom(lambda x: x * 1.0, jvp=lambda t, y, x: fails(y))
    x = gt.constant(1.0)
    with gt.ForwardAccumulator(x, gt.constant(1.0)):
        f(x)


def body_that_fails_in_custom() -> None:
    gt.grad(gt.custom(fails, vjp=lambda g, y, x: g))(1.0)


ONES = np.ones((2, 3))
PLACES: dict[str, Callable[[], Any]] = {
    "tape": open_tape,
    "paused tape": paused_tape,
    "two tapes": two_tapes,
    "accumulator": accumulator,
    "grad": lambda: gt.grad(fails)(1.0),
    "vjp": lambda: gt.vjp(fails, 1.0),
    "jvp": lambda: gt.jvp(fails, (1.0,), (1.0,)),
    "vmap": lambda: gt.vmap(fails)(ONES),
    "linearize": lambda: gt.linearize(fails, 1.0),
    "jacobian reverse": lambda: gt.jacobian(fails, mode="reverse")(ONES),
    "jacobian forward": lambda: gt.jacobian(fails, mode="forward")(ONES),
    "hessian": lambda: gt.hessian(fails)(ONES),
    "hvp": lambda: gt.hvp(fails, ONES, ONES),
    "deep inside": lambda: gt.vmap(gt.grad(lambda r: gt.sum(gt.jvp(lambda x: gt.vmap(fails)(x), (r,), (r,))[1])))(ONES),
    "vjp rule": rule_that_fails_in_the_sweep,
    "jvp rule": rule_that_fails_in_forward_mode,
    "jvp rule in an accumulator": rule_that_fails_in_an_accumulator,
    "custom body": body_that_fails_in_custom,
    "custom rule under vmap": lambda: gt.vmap(gt.grad(gt.custom(gt.sum, vjp=lambda g, y, x: fails(g))))(ONES),
}


@pytest.mark.parametrize("place", PLACES)
def test_an_exception_leaves_no_state_behind(place: str) -> None:
    with pytest.raises(Broken):
        PLACES[place]()
    assert ACTIVE.get() == ()
    assert LEVEL.get() == 0
    assert not OPEN.get()
    assert float(gt.grad(lambda x: x**2)(3.0)) == 6.0


@pytest.mark.parametrize("place", PLACES)
def test_an_exception_leaves_the_outer_tape_recording(place: str) -> None:
    x = gt.constant(2.0)
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        before = ACTIVE.get()
        with pytest.raises(Broken):
            PLACES[place]()
        assert ACTIVE.get() == before
        assert LEVEL.get() == 0
        z = y * x
    assert float(tape.gradient(z, x)) == 12.0


def test_a_kernel_that_fails_leaves_no_state_behind() -> None:
    with pytest.raises(ValueError):
        gt.vmap(lambda r: gt.reshape(r, (7,)))(ONES)
    with pytest.raises(ValueError), gt.GradientTape():
        gt.Variable(ONES) + gt.Variable(np.ones(4))
    assert ACTIVE.get() == ()
    assert LEVEL.get() == 0
