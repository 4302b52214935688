"""Derivatives that differentiation systems are known to get wrong, in every mode (the table: known_traps.py)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradtape as gt

from .known_traps import TRAPS, Trap

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def by_tape(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The gradient by a tape."""

    def gradient(x: Any) -> Any:
        x = +gt.asarray(x)
        with gt.GradientTape() as tape:
            tape.watch(x)
            y = gt.asarray(f(x))
        return tape.gradient(y, x, unconnected_gradients="zero")

    return gradient


def by_vmap(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The gradient of an example in a batch of two."""
    return lambda x: gt.vmap(gt.grad(f))(gt.stack([gt.asarray(x), gt.asarray(x)]))[1]


MODES: dict[str, Callable[[Callable[[Any], Any]], Callable[[Any], Any]]] = {
    "reverse": gt.grad,
    "forward": lambda f: gt.jacobian(f, mode="forward"),
    "tape": by_tape,
    "batch": by_vmap,
}


def answers(t: Trap) -> dict[str, Any]:
    """What gradtape says, by mode."""
    if t.ask == "hessian":
        (x,) = t.at
        x = np.asarray(x)
        n = np.arange(x.size)
        return {"hessian": gt.hessian(t.function)(x)} | {
            f"{outer} over {inner}": gt.stack(
                [MODES[outer](lambda v, i=i, inner=inner: MODES[inner](t.function)(v)[i])(gt.asarray(x)) for i in n]
            )
            for outer, inner in itertools.product(["reverse", "forward"], repeat=2)
        }
    if t.ask == "gradient":
        at = [np.asarray(x, float) for x in t.at]
        numbers = tuple(range(len(at)))
        by_pushing = gt.jacobian(t.function, argnums=numbers, mode="forward")
        found = {"reverse": gt.grad(t.function, argnums=numbers)(*at), "forward": by_pushing(*at)}
        return {mode: g[0] if len(at) == 1 else gt.stack(list(g)) for mode, g in found.items()}
    order = int(t.ask[1:])
    (x,) = t.at
    if order == 1:
        chains: Any = [("reverse",), ("forward",), ("tape",), ("batch",)]
    elif order == 2:
        chains = itertools.product(["reverse", "forward"], repeat=2)
    else:
        chains = [("reverse",) * order, ("forward",) * order, ("forward",) + ("reverse",) * (order - 1),
                  ("reverse",) * (order - 1) + ("forward",)]  # fmt: skip
    result = {}
    for chain in chains:
        f = t.function
        for mode in reversed(chain):
            f = MODES[mode](f)
        result[" over ".join(chain)] = f(gt.asarray(x))
    return result


def agrees(got: Any, want: Any, t: Trap) -> bool:
    """Whether the answer is this one."""
    got, want = np.asarray(got), np.asarray(want, dtype=float)
    if got.shape != want.shape or got.dtype.kind != "f":
        return False
    with np.errstate(all="ignore"):
        near = np.abs(got - want) <= t.atol + t.rtol * np.abs(want)
    return bool(np.all((got == want) | near))


@pytest.mark.parametrize("t", TRAPS, ids=lambda t: t.name)
def test_trap(t: Trap) -> None:
    if t.needs and not hasattr(gt, t.needs):
        pytest.skip(f"gradtape.{t.needs} is not there")
    wrong = []
    with np.errstate(all="ignore"):
        for mode, got in answers(t).items():
            if not any(agrees(got.numpy(), want, t) for want in (t.want, *t.also)):
                wrong.append(f"{mode}: {np.array2string(got.numpy(), precision=12)}")
    assert not wrong, f"want {t.want!r}; " + "; ".join(wrong)


def test_there_are_enough_traps() -> None:
    assert len(TRAPS) >= 120
    assert len({t.name for t in TRAPS}) == len(TRAPS)


def test_high_orders_by_nesting() -> None:
    """The tenth derivative of exp(sin x), and the twelfth of sin."""
    import mpmath

    with mpmath.workdps(60):
        want = float(mpmath.diff(lambda t: mpmath.exp(mpmath.sin(t)), mpmath.mpf(0.5), 8))
    np.testing.assert_allclose(float(gt.derivative(lambda x: gt.exp(gt.sin(x)), 8)(0.5)), want, rtol=1e-9)
    np.testing.assert_allclose(float(gt.derivative(gt.sin, 12)(1.0)), math.sin(1.0), rtol=1e-12)


def test_a_long_chain_and_a_wide_fan() -> None:
    def chain(x: Any) -> Any:
        for _ in range(100_000):
            x = x * 1.00001
        return x

    def fan(x: Any) -> Any:
        total = 0.0 * x
        for _ in range(100_000):
            total = total + x
        return total

    np.testing.assert_allclose(float(gt.grad(chain)(1.0)), 1.00001**100_000, rtol=1e-9)
    assert float(gt.grad(fan)(1.0)) == 100_000.0


def test_wide_fan_at_second_order() -> None:
    def fan(x: Any) -> Any:
        total = 0.0 * x
        for _ in range(10_000):
            total = total + x * x
        return total

    assert float(gt.grad(gt.grad(fan))(3.0)) == 20_000.0
