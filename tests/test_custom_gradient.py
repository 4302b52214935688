"""custom_gradient in every mode: its rule holds, and never the body's own derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradtape as gt

from .test_transforms import same

X = np.array([1.0, 2.0, 3.0])
W = gt.Variable(2.0)


@gt.custom_gradient
def cube(x: Any) -> Any:
    return x**3, lambda g: g * 10 * x**2


@gt.custom_gradient
def two(a: Any, b: Any) -> Any:
    return (a * b, gt.sin(a)), lambda g, h: (g * b * 5 + h * 7 * a, g * a * 5)


@gt.custom_gradient
def with_variable(x: Any) -> Any:
    return W * x**3, lambda g, variables=None: (g * 10 * W * x**2, [gt.sum(g * x) * 100])


@gt.custom_gradient
def of_dict(p: Any) -> Any:
    return p["a"] * p["b"] ** 2, lambda g: {"a": g * 4 * p["b"] ** 2, "b": g * 9 * p["a"] * p["b"]}


@gt.custom_gradient
def twice(x: Any) -> Any:
    slope = gt.custom_gradient(lambda x: (10 * x**2, lambda g: g * 33 * x))
    return x**3, lambda g: g * slope(x)


def of_two(x: Any) -> Any:
    first, second = two(x, x * x)
    return first + second


#: A function of each element, its slope and the slope of that, by the rules.
RULES: dict[str, tuple[Callable[..., Any], Any, Any]] = {
    "one": (cube, 10 * X**2, 20 * X),
    "several": (of_two, 15 * X**2 + 7 * X, 30 * X + 7),
    "variable": (with_variable, 20 * X**2, 40 * X),
    "dict": (lambda x: of_dict({"a": x, "b": 2 * x}), 52 * X**2, 104 * X),
    "second order": (twice, 10 * X**2, 33 * X),
}


@pytest.mark.parametrize("name", RULES)
def test_the_rule_holds_in_every_mode(name: str) -> None:
    f, slope, curve = RULES[name]
    total = lambda x: gt.sum(f(x))
    J, H = np.diag(slope), np.diag(curve)
    eye = np.eye(3)
    for mode in ("forward", "reverse"):
        same(gt.jacobian(f, mode=mode)(X), J)
        same(gt.jacobian(f, mode=mode, memory="2 MB")(X), J)
        same(gt.jacobian(f, sparse=True, mode=mode)(X).toarray(), J)
    prepared = gt.prepare_jacobian(f, 2 * X, verify=True)
    assert prepared.pattern.nnz == 3
    same(prepared(X).toarray(), J)
    same(gt.prepare_jacobian(f, X, local=True)(X).toarray(), J)
    same(gt.jacobian_operator(f, X) @ eye, J)
    same(gt.gauss_newton(f, lambda y: gt.sum(y**2) / 2, X) @ eye, J @ J)
    same(gt.hessian(total)(X), H)
    same(gt.hessian(total, memory="2 MB")(X), H)
    same(gt.hessian(total, sparse=True)(X).toarray(), H)
    same(gt.prepare_hessian(total, 2 * X, verify=True)(X).toarray(), H)
    same(gt.hessian_operator(total, X) @ eye, H)
    same(gt.hessian_blocks(total, X), H)
    same(gt.hessian_diagonal(total, X), curve)
    same(gt.laplacian(total)(X), curve.sum())
    same(gt.laplacian(total, memory="2 MB")(X), curve.sum())
    same(gt.bilaplacian(total)(X), 0.0)
    same(gt.taylor(total, X, np.ones(3), 2).derivatives[2], curve.sum())
    same(gt.derivative(lambda t: total(X + t), 2)(0.0), curve.sum())
    same(gt.vmap(gt.hessian(total))(np.stack([X, X])), np.stack([H, H]))
    costs = gt.cost(total, X, sparse=True)
    assert costs["laplacian"].memory is not None
    assert costs["hessian, sparse"].directions == 1
    for policy in (None, "products", ["multiply"]):
        kept = gt.checkpoint(total, policy=policy)
        same(gt.grad(kept)(X), slope)
        same(gt.hessian(kept)(X), H)
        same(gt.grad(gt.checkpoint(lambda x: gt.sum(gt.grad(total)(x)), policy=policy))(X), curve)


def test_patterns_are_those_of_the_rule() -> None:
    """The body mixes elements that the rule does not, and the other way round."""
    through = gt.custom_gradient(lambda x: (gt.cumulative_sum(gt.round(x)), lambda g: g))
    same(gt.jacobian(through, sparse=True)(X).toarray(), np.eye(3))
    mixed = gt.custom_gradient(lambda x: (gt.round(x), lambda g: gt.cumulative_sum(g) * x[::-1]))
    same(gt.jacobian(mixed, sparse=True)(X).toarray(), np.triu(np.ones((3, 3))) * X[::-1])
    assert gt.prepare_jacobian(lambda x: mixed(x**2), X).pattern.nnz == 6


def scaled(w: Any, t: Any) -> Any:
    """Closed over t."""
    return gt.custom_gradient(lambda w: (w * t, lambda g: g * 10 * t))(w)


def test_values_of_a_vmap_may_be_closed_over() -> None:
    t = np.array([4.0, 5.0, 6.0])
    same(gt.vmap(scaled)(X, t), X * t)
    same(gt.grad(lambda w: gt.sum(gt.vmap(scaled)(w, t)))(X), 10 * t)
    same(gt.grad(lambda w: gt.sum(gt.vmap(lambda t: scaled(w, t))(t)))(2.0), 10 * t.sum())
    same(gt.vmap(lambda t: gt.grad(lambda w: scaled(w, t))(2.0))(t), 10 * t)
    for nested in (
        lambda w: gt.vmap(lambda w: gt.vmap(lambda t: scaled(w, t))(t))(w),
        lambda w: gt.vmap(lambda t: gt.vmap(lambda w: scaled(w, t))(w))(t),
    ):
        same(gt.grad(lambda w, f=nested: gt.sum(f(w)))(np.array([5.0, 7.0])), 10 * t.sum() * np.ones(2))
    same(gt.vmap(lambda w, t: gt.jvp(lambda w: scaled(w, t), (w,), (1.0,))[1])(X, t), 10 * t)
    same(gt.grad(gt.checkpoint(lambda x: scaled(x[0], x[1]), policy="products"))(X), [20.0, 0.0, 0.0])
    v = gt.Variable(3.0)
    with gt.GradientTape() as tape:
        rule = lambda t: lambda g, variables=None: ((), [g * 10 * t])
        y = gt.sum(gt.vmap(lambda t: gt.custom_gradient(lambda: (v * t, rule(t)))())(t))
    same(tape.gradient(y, v), 10 * t.sum())


@pytest.mark.parametrize(
    "call",
    [
        lambda: gt.jvp(scaled, (1.0, 4.0), (1.0, 1.0)),
        lambda: gt.taylor(lambda t: scaled(t, t), 1.0, 1.0, 2),
        lambda: gt.hessian(lambda x: scaled(x[0], x[1]), sparse=True)(X),
        lambda: gt.laplacian(lambda x: scaled(x[0], x[1]))(X),
        lambda: gt.grad(lambda w: gt.jvp(lambda t: scaled(w, t), (1.5,), (1.0,))[1])(2.0),
    ],
)
def test_other_values_of_transforms_are_refused(call: Any) -> None:
    with pytest.raises(TypeError, match=r"custom_gradient: .* uses a value from outside .*: pass it as an argument"):
        call()


def test_what_is_closed_over_is_constant_to_the_rule_in_all_modes() -> None:
    same(gt.grad(lambda t: scaled(gt.asarray(2.0), t))(1.5), 0.0)
    with pytest.warns(gt.UnconnectedGradientWarning, match=r"custom_gradient: .* whose derivative is dropped"):
        same(gt.jvp(lambda t: scaled(gt.asarray(2.0), t), (1.5,), (1.0,))[1], 0.0)


@pytest.mark.parametrize("kind", ["custom_gradient", "custom"])
def test_cotangents_that_are_to_be_summed_under_vmap(kind: str) -> None:
    """A rule may give a cotangent of the result's shape: what is summed belongs to one example."""
    if kind == "custom":
        scale = gt.custom(lambda s, x: s * x, vjp=lambda g, y, s, x: (g * x, g * s))
    else:
        scale = gt.custom_gradient(lambda s, x: (s * x, lambda g: (g * x, g * s)))
    m = np.arange(9.0).reshape(3, 3)
    same(gt.grad(lambda s: gt.sum(gt.vmap(scale)(s, m)))(X), m.sum(1))
    same(gt.vmap(gt.grad(lambda s, x: gt.sum(scale(s, x))))(X, m), m.sum(1))
    same(gt.grad(lambda s: gt.sum(gt.vmap(lambda x: scale(s, x))(m)))(2.0), m.sum())
    for f in (lambda a, b: scale(a, b), lambda a, b: scale(b, a)):
        nested = lambda a, f=f: gt.sum(gt.vmap(lambda a: gt.vmap(lambda b: f(a, b))(X))(a))
        same(gt.grad(nested)(np.array([5.0, 7.0])), [6.0, 6.0])
    H = gt.hessian(lambda x: gt.sum(scale(x[0], x)), sparse=True)(X)
    same(H.toarray(), [[2, 1, 1], [1, 0, 0], [1, 0, 0]])
