"""Where the time of one recorded operation goes: sin of a scalar and of ten doubles, forward and backward.

    python benchmarks/anatomy.py

Prints microseconds, each the best of several runs. Parts are measured by themselves, so they add up only roughly.
"""

from __future__ import annotations

import timeit
from collections.abc import Callable

import numpy as np

import gradtape as gt
from gradtape.context import active, next_key
from gradtape.tensor import Tensor, new


def microseconds(statement: Callable[[], object], number: int = 20_000) -> float:
    """Best time of one call."""
    loop = timeit.repeat(statement, number=number, repeat=7)
    empty = timeit.repeat(lambda: None, number=number, repeat=7)
    return (min(loop) - min(empty)) / number * 1e6


def make_handle(data: object) -> object:
    """What an operation does to hand out its result."""
    handle = new(Tensor)
    handle._data = data
    handle._key = 0
    return handle


def chain(x: gt.Tensor, length: int) -> gt.Tensor:
    """sin(sin(...(x)))."""
    for _ in range(length):
        x = gt.sin(x)
    return x


def report(label: str, value: object, length: int = 1000) -> None:
    """One table, for this kind of value."""
    x = gt.asarray(value)
    data = x._data
    slots: dict[int, object] = {}
    primitive = object()

    def record() -> None:
        key = next_key()
        slots[key] = (primitive, key, 1, data, None)

    def forward() -> None:
        with gt.GradientTape() as tape:
            tape.watch(x)
            chain(x, length)

    def both() -> None:
        with gt.GradientTape() as tape:
            tape.watch(x)
            y = chain(x, length)
        tape.gradient(y, x)

    rows = {
        "numpy.sin": microseconds(lambda: np.sin(data)),
        "gradtape.sin, no tape": microseconds(lambda: gt.sin(x)),
        "numpy.sin on the Tensor, no tape": microseconds(lambda: np.sin(x)),
        "  asking who looks on": microseconds(active),
        "  making the handle": microseconds(lambda: make_handle(data)),
        "  a key and a record in the tape's table": microseconds(record),
    }
    slots.clear()
    rows["forward, recorded"] = microseconds(forward, 5) / length
    rows["forward and backward"] = microseconds(both, 5) / length
    rows["  the backward step's arithmetic: g * cos(x)"] = microseconds(lambda: data * np.cos(data))
    print(f"sin of {label}")
    for name, time in rows.items():
        print(f"  {name:<48}{time:8.3f}")
    tape_only = microseconds(empty_tape)
    print(f"  {'a tape that is entered and left':<48}{tape_only:8.3f}\n")


def empty_tape() -> None:
    """A tape that records nothing."""
    with gt.GradientTape():
        pass


if __name__ == "__main__":
    report("a scalar", 0.5)
    report("ten doubles", np.linspace(0.1, 1.0, 10))
