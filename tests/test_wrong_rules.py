"""The checks catch rules that are wrong on purpose: what finds nothing here would find nothing anywhere."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import gradtape as gt
from gradtape.primitive import Bilinear, Elementwise, General, Linear, apply

from .checks import Case, check_batch, check_orders, check_shapes_and_dtypes

X = np.array([0.3, -0.7, 1.1])


def everything(function: Callable[..., object], *arguments: np.ndarray) -> None:
    """All checks that a sample goes through."""
    case = Case(function, arguments, range(len(arguments)))
    check_orders(case, 3)
    check_shapes_and_dtypes(case)
    check_batch(case, 1e-9)


def elementwise(slope: Callable[..., object], kernel: Callable[..., object] = np.sin) -> Callable[..., object]:
    primitive = Elementwise("wrong", kernel, (slope,), register=False)
    return lambda x: apply(primitive, x)


def test_a_right_rule_passes() -> None:
    everything(elementwise(lambda x: gt.cos(x)), X)


@pytest.mark.parametrize(
    "slope",
    [
        lambda x: 1.0005 * gt.cos(x),
        lambda x: gt.sin(x),
        lambda x: -gt.cos(x),
        lambda x: gt.cos(x) + 0.0005,
        lambda x: gt.stop_gradient(gt.cos(x)),  # right at first order only
        lambda x: gt.cos(x) + 0 * x if x.ndim == 0 else gt.flip(gt.cos(x)),
    ],
)
def test_a_wrong_slope_is_caught(slope: Callable[..., object]) -> None:
    with pytest.raises(AssertionError):
        everything(elementwise(slope), X)


def test_a_wrong_transpose_is_caught() -> None:
    primitive = Linear(
        "wrong_cumsum",
        np.cumsum,
        lambda g, x: gt.cumulative_sum(g),
        batch=lambda size, v, f: gt.cumulative_sum(v[0], axis=1),
        register=False,
    )
    with pytest.raises(AssertionError):
        everything(lambda x: apply(primitive, x), X)


def test_a_wrong_batch_rule_is_caught() -> None:
    primitive = Linear(
        "wrong_flip", np.flip, lambda g, x: gt.flip(g), batch=lambda size, v, f: gt.flip(v[0]), register=False
    )
    with pytest.raises(AssertionError):
        everything(lambda x: apply(primitive, x), X)


def test_a_rule_wrong_in_forward_mode_only_is_caught() -> None:
    primitive = General(
        "wrong_forward", np.exp, vjp=lambda g, y: g * y, jvp=lambda dx, y: 1.001 * dx * y, batch="align", register=False
    )
    with pytest.raises(AssertionError):
        everything(lambda x: apply(primitive, x), X)


def test_a_rule_wrong_in_one_argument_is_caught() -> None:
    primitive = Bilinear(
        "wrong_product", np.multiply, lambda g, b: g * b, lambda g, a: g * (a * a), batch="align", register=False
    )
    with pytest.raises(AssertionError):
        everything(lambda a, b: apply(primitive, a, b), X, X + 2)


def test_a_cotangent_of_wrong_shape_is_caught() -> None:
    primitive = Linear("wrong_shape", lambda x: x * 2, lambda g, x: g[:1] * 2, batch="align", register=False)
    with pytest.raises(ValueError, match="shape"):  # the sweep cannot put it into its primal's space
        everything(lambda x: apply(primitive, x), X)
