"""custom: functions with derivative rules of the user's own, in every mode and order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradtape as gt

from .test_transforms import A, V, X, same


def softclip(x: Any, s: Any) -> Any:
    return gt.tanh(x / s) * s


def slopes(x: Any, s: Any) -> tuple[Any, Any]:
    t = gt.tanh(x / s)
    return 1 - t * t, t - (x / s) * (1 - t * t)


def by_hand_vjp(g: Any, y: Any, x: Any, s: Any) -> tuple[Any, Any]:
    a, b = slopes(x, s)
    return g * a, g * b


def by_hand_jvp(tangents: Any, y: Any, x: Any, s: Any) -> Any:
    a, b = slopes(x, s)
    return tangents[0] * a + tangents[1] * b


RULES = {
    "vjp only": {"vjp": by_hand_vjp},
    "jvp only": {"jvp": by_hand_jvp},
    "both": {"vjp": by_hand_vjp, "jvp": by_hand_jvp},
}


@pytest.mark.parametrize("rules", RULES)
def test_custom_rules_serve_every_mode_and_order(rules: str) -> None:
    f = gt.custom(softclip, **RULES[rules])
    points = [(0.3, 1.5), (-1.2, 0.7)]
    for x, s in points:
        for n in (0, 1):
            same(gt.grad(f, argnums=n)(x, s), float(gt.grad(softclip, argnums=n)(x, s)))
        same(gt.jvp(f, (x, s), (2.0, -1.0))[1], float(gt.jvp(softclip, (x, s), (2.0, -1.0))[1]))
        for outer in (0, 1):
            for inner in (0, 1):
                want = float(gt.grad(gt.grad(softclip, inner), outer)(x, s))
                same(gt.grad(gt.grad(f, inner), outer)(x, s), want, 1e-9)
                same(gt.jacobian(gt.jacobian(f, inner, mode="forward"), outer, mode="forward")(x, s), want, 1e-9)
                same(gt.jacobian(gt.grad(f, inner), outer, mode="forward")(x, s), want, 1e-9)
        third = float(gt.derivative(lambda x, s=s: softclip(x, s), 3)(x))
        same(gt.derivative(lambda x, s=s: f(x, s), 3)(x), third, 1e-8)
    xs, ss = np.array(points).T
    for n in (0, 1):
        want = gt.vmap(gt.grad(softclip, argnums=n))(xs, ss).numpy()
        same(gt.vmap(gt.grad(f, argnums=n))(xs, ss), want)
        same(
            gt.vmap(gt.grad(f, argnums=n), in_axes=(0, None))(xs, 1.5),
            gt.vmap(gt.grad(softclip, n), (0, None))(xs, 1.5).numpy(),
        )
        same(gt.grad(lambda x, s: gt.sum(gt.vmap(f)(x, s)), argnums=n)(xs, ss), want)
    x = gt.Variable(0.3)
    with gt.GradientTape() as tape:
        y = f(x, 1.5) ** 2
    same(tape.gradient(y, x), float(gt.grad(lambda x: softclip(x, 1.5) ** 2)(0.3)))


def test_custom_rule_overrides_the_body() -> None:
    """The body's own derivative is not used, in any mode."""
    f = gt.custom(lambda x: gt.sin(x), vjp=lambda g, y, x: 10.0 * g)
    same(gt.grad(f)(1.0), 10.0), same(gt.jvp(f, (1.0,), (1.0,))[1], 10.0)
    same(gt.vmap(gt.grad(f))(X), np.full(3, 10.0))
    same(gt.jacobian(f, mode="forward")(X), 10 * np.eye(3))
    same(gt.grad(gt.grad(f))(1.0), 0.0)


def parts(x: Any, y: Any) -> tuple[Any, Any]:
    return gt.sum(x * y), x**2


TUPLE_RULES = {
    "vjp only": {"vjp": lambda g, out, x, y: (g[0] * y + g[1] * 2 * x, g[0] * x)},
    "jvp only": {"jvp": lambda t, out, x, y: (gt.sum(t[0] * y + x * t[1]), 2 * x * t[0])},
}


@pytest.mark.parametrize("rules", TUPLE_RULES)
def test_custom_rules_with_several_outputs(rules: str) -> None:
    f = gt.custom(parts, **TUPLE_RULES[rules])
    value = f(X, V)
    assert isinstance(value, tuple)
    same(value[0], (X * V).sum()), same(value[1], X**2)
    both = lambda x, y: (lambda u: u[0] ** 2 + gt.sum(u[1] * V))(f(x, y))
    plain = lambda x, y: (lambda u: u[0] ** 2 + gt.sum(u[1] * V))(parts(x, y))
    only_first, only_second = lambda x, y: f(x, y)[0], lambda x, y: gt.sum(f(x, y)[1] ** 2)
    for n in (0, 1):
        same(gt.grad(both, n)(X, V), gt.grad(plain, n)(X, V).numpy())
        same(gt.jacobian(both, n, mode="forward")(X, V), gt.grad(plain, n)(X, V).numpy())
        same(gt.hessian(both, n)(X, V), gt.hessian(plain, n)(X, V).numpy())
        same(gt.vmap(gt.grad(both, n), (0, None))(A, V), gt.vmap(gt.grad(plain, n), (0, None))(A, V).numpy())
    same(gt.grad(only_first)(X, V), V), same(gt.grad(only_second)(X, V), 4 * X**3)
    same(gt.grad(only_second, 1)(X, V), np.zeros(3))


def test_custom_with_a_numpy_body() -> None:
    """A body outside gradtape, made differentiable by its rule."""
    f = gt.custom(lambda x: np.interp(x.numpy(), [0.0, 1.0], [0.0, 5.0]), vjp=lambda g, y, x: 5.0 * g)
    same(f(0.5), 2.5), same(gt.grad(f)(0.5), 5.0), same(gt.jvp(f, (0.5,), (2.0,))[1], 10.0)


def scaled_by(w: Any) -> Any:
    """A custom function that uses w without being told of it."""
    return gt.custom(lambda x: x * w, vjp=lambda g, y, x: g * w)


@pytest.mark.filterwarnings("ignore::gradtape.errors.UnconnectedGradientWarning")
@pytest.mark.parametrize(
    "x", [lambda b: 2.0, lambda b: b + 1.0, lambda b: b], ids=["constant", "moving", "the value itself"]
)
@pytest.mark.parametrize("transform", [
    lambda f: gt.vmap(f)(X), lambda f: gt.jvp(f, (3.0,), (1.0,)), lambda f: gt.vmap(gt.grad(f))(X),
])  # fmt: skip
def test_custom_refuses_an_outer_value_of_a_transform(transform: Any, x: Any) -> None:
    """What its rules say nothing of must be an argument."""
    with pytest.raises(
        TypeError, match="uses a value from outside its arguments that belongs to a transform around it"
    ):
        transform(lambda b: scaled_by(b)(x(b)))


@pytest.mark.parametrize(
    "x", [lambda b: 2.0, lambda b: b + 1.0, lambda b: b], ids=["constant", "moving", "the value itself"]
)
def test_custom_warns_of_an_outer_value_that_is_differentiated(x: Any) -> None:
    with pytest.warns(gt.UnconnectedGradientWarning, match="Pass it as an argument"):
        gt.grad(lambda b: scaled_by(b)(x(b)))(3.0)
    w = gt.Variable(3.0)
    with pytest.warns(gt.UnconnectedGradientWarning, match="from outside its arguments"), gt.GradientTape() as tape:
        y = scaled_by(w)(2.0)
    assert tape.gradient(y, w) is None
    with gt.GradientTape():  # nobody differentiates these
        scaled_by(gt.Variable(3.0, trainable=False))(gt.Variable(2.0)), scaled_by(gt.constant(1.0))(2.0)


def test_custom_as_a_decorator_with_keywords() -> None:
    @gt.custom(vjp=lambda g, y, x: g * 2.0)
    def twice(x: Any, *, times: int = 1) -> Any:
        """Doc of twice."""
        return x * times

    assert twice.__name__ == "twice"
    assert twice.__doc__ == "Doc of twice."
    same(twice(3.0, times=4), 12.0), same(gt.grad(lambda x: twice(x, times=4))(3.0), 2.0)


def test_custom_cotangent_none_is_unconnected() -> None:
    f = gt.custom(lambda x, y: x * y, vjp=lambda g, out, x, y: (g * y, None))
    x, y = gt.Variable(3.0), gt.Variable(4.0)
    with gt.GradientTape() as tape:
        z = f(x, y)
    gx, gy = tape.gradient(z, [x, y])
    same(gx, 4.0)
    assert gy is None
