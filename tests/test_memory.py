"""What tapes hold, and when they let go of it; and that the sweep is linear and never recurses."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import gradtape as gt


@pytest.fixture
def without_collector() -> Iterator[None]:
    """No help from the cyclic collector: what is not freed by reference counts stays."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def handle(array: Any) -> Any:
    """A Tensor on this very array, which a weak reference can follow into a record."""
    from gradtape.tensor import tensor

    return tensor(array)


def traced(work: Callable[[], Any]) -> tuple[int, int]:
    """Bytes that work() leaves behind, and its peak, over the level before."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        work()
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return after - before, peak - before


# -- letting go ----------------------------------------------------------------------------------------------------
def program(x: Any) -> Any:
    """A bit of everything."""
    y = gt.sin(x) * gt.exp(-x) + x**2
    y = gt.sum(gt.stack([y, y * x])[0] * x[::-1])
    return y + gt.sum(gt.matmul(x, x))


ways: dict[str, Callable[[Any], Any]] = {}


def way(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Add a use of tapes to the table."""
    ways[f.__name__.replace("_", " ")] = f
    return f


@way
def never_asked(x: Any) -> None:
    with gt.GradientTape() as tape:
        tape.watch(x)
        program(x)


@way
def asked(x: Any) -> None:
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = program(x)
    tape.gradient(y, x)


@way
def persistent_second_order(x: Any) -> None:
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        g = tape.gradient(program(x), x)
        h = tape.gradient(g, x)
    tape.gradient(h, x)


@way
def nested(x: Any) -> None:
    with gt.GradientTape() as outer:
        outer.watch(x)
        with gt.GradientTape() as inner:
            inner.watch(x)
            y = program(x)
        g = inner.gradient(y, x)
    outer.jacobian(g, x)


@way
def hessian(x: Any) -> None:
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = program(x)
    tape.hessian(y, x)


@way
def accumulator(x: Any) -> None:
    with gt.ForwardAccumulator(x, gt.ones(x.shape)) as forward:
        y = program(x)
    forward.jvp(y)


@way
def transforms(x: Any) -> None:
    gt.vmap(gt.grad(lambda t: gt.jvp(program, (x * t,), (x,))[1]))(x)
    gt.hessian(program)(x)


@way
def a_closure_on_the_tape(x: Any) -> None:
    pull = gt.vjp(program, x)[1]
    pull(1.0)
    gt.linearize(program, x)[1](x)


@way
def custom_rules(x: Any) -> None:
    f = gt.custom(program, jvp=lambda t, y, x: gt.jvp(program, (x,), t)[1])
    gt.grad(f)(x)


@way
def an_error(x: Any) -> None:
    try:
        with gt.GradientTape() as tape:
            tape.watch(x)
            gt.reshape(program(x), (7, 7))
    except ValueError:
        pass


@pytest.mark.parametrize("use", ways)
def test_no_cycle_keeps_a_tape(use: str, without_collector: None) -> None:
    """Nothing is left for the cyclic collector to find."""
    x = gt.constant(np.linspace(0.5, 1.5, 4))
    ways[use](x)  # caches, once
    gc.collect()
    ways[use](x)
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        left = [type(o).__name__ for o in gc.garbage if type(o).__module__.startswith("gradtape")]
        left += [f"array {o.shape}" for o in gc.garbage if isinstance(o, np.ndarray)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    assert not left


def test_deleting_a_tape_frees_its_records_at_once(without_collector: None) -> None:
    x = handle(np.ones(5))
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = gt.sin(x)
        intermediate = weakref.ref(y.data)
        z = gt.sum(y * y)
        tape.gradient(z, x)
    del y
    assert intermediate() is not None, "the record of y * y keeps y"
    trace = weakref.ref(tape)
    del tape
    assert trace() is None
    assert intermediate() is None


def test_a_used_tape_has_let_go(without_collector: None) -> None:
    x = handle(np.ones(5))
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = gt.exp(x)
        intermediate = weakref.ref(y.data)
        z = gt.sum(y * y)
    del y
    tape.gradient(z, x)
    assert intermediate() is None


def test_an_operation_on_untracked_values_keeps_nothing(without_collector: None) -> None:
    x, w = gt.constant(np.ones(3)), handle(np.ones(3))
    with gt.GradientTape() as tape:
        tape.watch(x)
        unrelated = gt.sin(w) * w
        seen = weakref.ref(unrelated.data)
        gone = weakref.ref(w.data)
        y = gt.sum(x * x)
        del unrelated, w
        assert seen() is None
        assert gone() is None
    assert tape.gradient(y, x).tolist() == [2.0, 2.0, 2.0]


def test_ten_thousand_tapes_leave_nothing(without_collector: None) -> None:
    x = gt.constant(np.linspace(0.5, 1.5, 4))
    w = gt.Variable(2.0)

    def many(n: int) -> None:
        for _ in range(n):
            with gt.GradientTape(persistent=True) as tape:
                tape.watch(x)
                y = gt.sum(gt.sin(x) * x * w)
                g = tape.gradient(y, x)
            tape.gradient(g, x)
            del tape, y, g

    many(50)
    left, peak = traced(lambda: many(10_000))
    assert left < 20_000, f"{left} bytes are left of 10,000 tapes"
    assert peak < 200_000, f"a peak of {peak} bytes"


def test_a_sweep_frees_records_as_it_goes(without_collector: None) -> None:
    """The peak of a gradient is what recording holds, plus a few arrays: not twice."""
    n, size = 40, 100_000
    x = gt.constant(np.full(size, 0.5))
    one = size * 8

    def forward(tape: Any) -> Any:
        with tape:
            tape.watch(x)
            y = x
            for _ in range(n):
                y = gt.sin(y)
            return gt.sum(y)

    def record_only() -> None:
        forward(gt.GradientTape())

    def gradient() -> None:
        tape = gt.GradientTape()
        tape.gradient(forward(tape), x)

    record_only(), gradient()
    _, recording = traced(record_only)
    _, whole = traced(gradient)
    assert n * one < recording < (n + 4) * one
    assert whole < recording + 4 * one


def test_arrays_die_during_the_sweep(without_collector: None) -> None:
    """Seen from a rule in the middle: what was recorded after it is gone already."""
    seen: list[bool] = []
    later: list[Any] = []
    from gradtape.primitive import Elementwise, apply

    def slope(x: Any) -> Any:
        seen.append(later[0]() is None)
        return x * 0.0 + 3.0

    spy = Elementwise("spy", lambda x: 3.0 * x, (slope,), register=False)
    x = gt.constant(np.ones(4))
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = apply(spy, x)
        late = handle(np.full(4, 2.0))
        z = gt.sum(y * 1.0 * late)  # the sweep still holds what it used last, and nothing before
        later.append(weakref.ref(late.data))
        del late
    assert later[0]() is not None
    assert tape.gradient(z, x).tolist() == [6.0] * 4
    assert seen == [True]


def test_a_dropped_result_of_a_recorded_operation_costs_only_its_record(without_collector: None) -> None:
    """A branch that leads nowhere is freed with the tape, and carries no cotangent."""
    x = gt.constant(np.ones(1000))
    with gt.GradientTape() as tape:
        tape.watch(x)
        gt.sum(gt.exp(x))
        y = gt.sum(x * 2.0)
    assert tape.gradient(y, x).tolist() == [2.0] * 1000


# -- what a record saves -------------------------------------------------------------------------------------------
def saved_arrays(f: Callable[..., Any], *arrays: Any) -> list[str]:
    """Which arrays the record of the last operation of f(*arrays) holds: x0, x1 ... its inputs, y its output."""
    xs = [gt.constant(a) for a in arrays]
    with gt.GradientTape() as tape:
        tape.watch(xs)
        y = f(*xs)
    names = {id(x._data): f"x{i}" for i, x in enumerate(xs)} | {id(y._data): "y"}
    held: list[str] = []

    def look(part: Any) -> None:
        if isinstance(part, np.ndarray):
            held.append(names.get(id(part), "another"))
        elif isinstance(part, tuple | list) and not hasattr(part, "_fields"):
            for p in part:
                look(p)
        elif isinstance(part, dict):
            look(list(part.values()))

    assert tape._trace is not None
    look(list(tape._trace.slots.values())[-1])
    return sorted(set(held))


@pytest.mark.parametrize(
    ("name", "f", "count", "want"),
    [
        ("add", lambda a, b: a + b, 2, []),
        ("subtract", lambda a, b: a - b, 2, []),
        ("add a number", lambda a: a + 3.0, 1, []),
        ("negative", lambda a: -a, 1, []),
        ("exp", gt.exp, 1, ["y"]),
        ("sqrt", gt.sqrt, 1, ["y"]),
        ("sin", gt.sin, 1, ["x0"]),
        ("log", gt.log, 1, ["x0"]),
        ("multiply", lambda a, b: a * b, 2, ["x0", "x1"]),
        ("multiply by a number", lambda a: a * 3.0, 1, []),
        ("sum", gt.sum, 1, []),
        ("mean", gt.mean, 1, []),
        ("reshape", lambda a: gt.reshape(a, (3, 1)), 1, []),
        ("getitem", lambda a: a[1:], 1, []),
        ("concat", lambda a, b: gt.concat([a, b]), 2, []),
        ("astype", lambda a: gt.astype(a, np.float32), 1, []),
        ("broadcast_to", lambda a: gt.broadcast_to(a, (2, 3)), 1, []),
        ("matmul", gt.matmul, 2, ["x0", "x1"]),
        ("maximum", gt.maximum, 2, ["x0", "x1"]),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_a_record_saves_what_its_rules_name(name: str, f: Callable[..., Any], count: int, want: list[str]) -> None:
    arrays = [np.array([0.3, 0.6, 0.9]) + i for i in range(count)]
    assert saved_arrays(f, *arrays) == want


def test_a_product_saves_only_what_the_watched_factor_needs() -> None:
    """With one factor watched, the other is kept, and no more."""
    w = handle(np.ones(3))
    x = gt.constant([1.0, 2.0, 3.0])
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = w * x
        kept = weakref.ref(w.data)
        del w
        assert kept() is not None
    assert tape.gradient(y, x).tolist() == [1.0] * 3


# -- size ----------------------------------------------------------------------------------------------------------
def loop(n: int) -> tuple[float, float]:
    """Seconds for the gradient of n operations, freed included; and the gradient."""
    x = gt.constant(1.0)
    start = time.perf_counter()
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = x
        for _ in range(n):
            y = y * 1.0000001
    g = float(tape.gradient(y, x))
    del tape, y
    return time.perf_counter() - start, g


def test_a_million_operations_in_linear_time() -> None:
    gc.collect()
    gc.disable()  # its passes over a growing heap are no part of the tape
    try:
        small = min(loop(100_000)[0] for _ in range(2))
        large, g = loop(1_000_000)
    finally:
        gc.enable()
    assert g == pytest.approx(1.0000001**1_000_000, rel=1e-9)
    assert large / small < 20, f"10 times the operations took {large / small:.1f} times the time"


def test_memory_of_a_loop_is_linear() -> None:
    def peak(n: int) -> int:
        return traced(lambda: loop(n))[1]

    peak(100)
    assert peak(50_000) / peak(5_000) < 20  # tables grow in steps


def test_no_recursion_also_when_freed() -> None:
    """With a small C stack and a low recursion limit, recording, sweeping and freeing 200,000 operations work."""
    code = """
import sys, threading
import gradtape as gt
def work():
    x = gt.Variable(1.0)
    with gt.GradientTape(persistent=True) as tape:
        y = x
        for _ in range(200_000):
            y = y * 1.00001
    g = tape.gradient(y, x)
    del tape, y
    with gt.GradientTape() as unasked:
        y = x
        for _ in range(200_000):
            y = gt.sin(y)
    del unasked, y
    print(float(g))
threading.stack_size(512 * 1024)
sys.setrecursionlimit(120)
t = threading.Thread(target=work)
t.start()
t.join()
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 0, result.stderr
    assert float(result.stdout) == pytest.approx(1.00001**200_000, rel=1e-9)


def test_one_variable_used_100_000_times() -> None:
    x = gt.Variable(2.0)
    with gt.GradientTape() as tape:
        y = 0.0
        for _ in range(100_000):
            y = y + x
    assert float(tape.gradient(y, x)) == 100_000.0


def test_one_array_sliced_many_times_is_not_quadratic() -> None:
    """The transpose of a slice writes into one array, however many slices were taken."""
    n = 20_000
    x = gt.Variable(np.ones(n))
    start = time.perf_counter()
    with gt.GradientTape() as tape:
        y = 0.0
        for i in range(n):
            y = y + x[i] * 2.0
    g = tape.gradient(y, x)
    assert time.perf_counter() - start < 5
    assert g.tolist() == [2.0] * n


def test_filling_a_large_array_element_by_element_is_not_quadratic() -> None:
    """`x[i] = v` copies the memory where a record needs the old value, and only there."""
    n = 50_000
    v = gt.Variable(3.0)
    filled = gt.zeros(n)
    start = time.perf_counter()
    with gt.GradientTape() as tape:
        for i in range(n):
            filled[i] = v * 1.0
        y = gt.sum(filled)
    assert float(tape.gradient(y, v)) == n
    assert time.perf_counter() - start < 20


def test_assignment_keeps_earlier_values() -> None:
    """Records made before an assignment keep the values of then."""
    x = gt.constant([1.0, 2.0, 3.0])
    source = np.zeros(3)
    with gt.GradientTape() as tape:
        tape.watch(x)
        a = gt.asarray(source) + x
        before = a * a
        a[0] = 10.0 * x[1]
        y = gt.sum(before) + gt.sum(a * a)
    assert tape.gradient(y, x).tolist() == [2.0, 4.0 + 400.0 + 4.0, 12.0]
    assert source.tolist() == [0.0] * 3
