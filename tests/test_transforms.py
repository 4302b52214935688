"""The functions of functions, one by one: containers, argnums, modes, batches, and what they refuse."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

import gradtape as gt

RNG = np.random.default_rng(3)
A = RNG.normal(size=(4, 3))
X = RNG.normal(size=3)
V = RNG.normal(size=3)


def same(got: Any, want: Any, rtol: float = 1e-11) -> None:
    """Equal up to rounding, and of equal shape."""
    got = got.numpy() if isinstance(got, gt.Tensor) else np.asarray(got)
    assert got.shape == np.shape(want), (got.shape, np.shape(want))
    np.testing.assert_allclose(got, want, rtol=rtol, atol=1e-13)


# -- grad, value_and_grad ------------------------------------------------------------------------------------------
class Pair(NamedTuple):
    w: Any
    b: Any


@dataclass
class Layer:
    w: Any
    b: Any


def affine(layer: Any, x: Any) -> Any:
    return gt.sum((layer.w * x + layer.b) ** 2)


@pytest.mark.parametrize("kind", [Pair, Layer])
def test_gradient_has_the_structure_of_the_argument(kind: Any) -> None:
    g = gt.grad(affine)(kind(X, 2.0), V)
    assert type(g) is kind
    same(g.w, 2 * (X * V + 2.0) * V)
    same(g.b, 2 * (X * V + 2.0).sum())



def test_the_gradient_of_a_list_is_that_of_its_sum() -> None:
    assert gt.grad(lambda x: [x[0] ** 2, x[0] * x[1]])(np.array([2.0, 3.0])).tolist() == [7.0, 2.0]
    second = gt.grad(lambda p: gt.grad(lambda q: q[0] ** 3 * q[1])(p))([2.0, 5.0])  # of 3 a^2 b + a^3
    assert [float(g) for g in second] == [72.0, 12.0]
    np.testing.assert_allclose([float(g) for g in gt.derivative(gt.exp, 3)([0.0, 1.0])], [1.0, np.e], rtol=1e-15)


def test_gradient_of_nested_containers() -> None:
    tree = {"a": [X, (V, 1.5)], "b": None, "c": ()}
    f = lambda t: gt.sum(t["a"][0] * t["a"][1][0]) * t["a"][1][1] ** 2
    g = gt.grad(f)(tree)
    assert list(g) == ["a", "b", "c"]
    assert g["b"] is None
    assert g["c"] == ()
    same(g["a"][0], V * 2.25)
    same(g["a"][1][0], X * 2.25)
    same(g["a"][1][1], (X * V).sum() * 3.0)


def test_argnums() -> None:
    f = lambda x, y, z: x**2 * y + gt.exp(z) * y
    same(gt.grad(f)(2.0, 3.0, 0.0), 12.0)
    same(gt.grad(f, argnums=1)(2.0, 3.0, 0.0), 5.0)
    same(gt.grad(f, argnums=-1)(2.0, 3.0, 0.0), 3.0)
    gx, gz = gt.grad(f, argnums=(0, 2))(2.0, 3.0, 0.0)
    same(gx, 12.0), same(gz, 3.0)
    (only,) = gt.grad(f, argnums=(1,))(2.0, 3.0, 0.0)
    same(only, 5.0)
    same(gt.grad(f, argnums=1)(2.0, 3.0, z=0.0), 5.0)


def test_an_argument_that_is_not_differentiated_may_be_anything() -> None:
    f = lambda x, name, n: x ** len(name) * n
    same(gt.grad(f)(2.0, "abc", 5), 60.0)


def test_unused_arguments_have_zero_gradients() -> None:
    gx, gy = gt.grad(lambda x, y: gt.sum(x), argnums=(0, 1))(X, {"v": V})
    same(gx, np.ones(3)), same(gy["v"], np.zeros(3))


def test_value_and_grad() -> None:
    value, (gx, gy) = gt.value_and_grad(lambda x, y: x * y**2, argnums=(0, 1))(3.0, 2.0)
    same(value, 12.0), same(gx, 4.0), same(gy, 12.0)


def test_auxiliary_output() -> None:
    f = lambda x: (gt.sum(x**2), {"double": x * 2, "note": "kept"})
    (value, aux), g = gt.value_and_grad(f, has_aux=True)(X)
    same(value, (X**2).sum()), same(g, 2 * X), same(aux["double"], 2 * X)
    assert aux["note"] == "kept"
    g, aux = gt.grad(f, has_aux=True)(X)
    same(g, 2 * X), same(aux["double"], 2 * X)


def test_a_value_that_is_no_scalar_is_summed() -> None:
    same(gt.grad(lambda x: x**2)(X), 2 * X)


def test_derived_functions_have_telling_names() -> None:
    def energy(x: Any) -> Any:
        """Energy of x."""
        return x**2

    assert gt.grad(energy).__name__ == "grad_energy"
    assert "Energy of x." in (gt.grad(energy).__doc__ or "")
    assert gt.vmap(energy).__name__ == "vmap_energy"


@pytest.mark.parametrize("transform", [gt.grad, gt.jacobian, lambda f: lambda x: gt.jvp(f, (x,), (1.0,))])
def test_a_number_taken_on_the_way_is_warned_of(transform: Any) -> None:
    """math.sin(x) asks for float(x), and its value is a constant; where nothing else leads to x, that is said."""
    with pytest.warns(gt.UnconnectedGradientWarning, match=r"float\(.*constant"):
        transform(lambda x: math.sin(x))(1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gt.grad(lambda x: x**2 if float(x) > 0 else x)(1.0)


def test_single_precision_stays_single() -> None:
    x = X.astype(np.float32)
    f = lambda x: gt.sum(gt.sin(x) * 2.0) / 3
    for g in (gt.grad(f)(x), gt.jvp(f, (x,), (x,))[1], gt.hessian(f)(x), gt.jacobian(f)(x), gt.hvp(f, x, x)):
        assert g.dtype == np.float32
    assert gt.vmap(gt.grad(f))(np.stack([x, x])).dtype == np.float32


TRANSFORMED: dict[str, Callable[[Any], Any]] = {
    "grad": lambda f: gt.grad(f)(X),
    "vjp": lambda f: gt.vjp(f, X)[1](1.0)[0],
    "linearize": lambda f: gt.stack([gt.linearize(f, X)[1](e) for e in np.eye(3)]),
    "jvp": lambda f: gt.stack([gt.jvp(f, (X,), (e,))[1] for e in np.eye(3)]),
    "vmap": lambda f: gt.vmap(gt.grad(f))(np.stack([X, X]))[1],
    "forward": lambda f: gt.jacobian(f, mode="forward")(X),
    "reverse": lambda f: gt.jacobian(f, mode="reverse")(X),
    "auto": lambda f: gt.jacobian(lambda x: gt.stack([f(x)] * 5))(X)[0],
    "hessian": lambda f: gt.hessian(lambda x: f(x) ** 2 / 2)(X) @ np.ones(3),
    "hvp": lambda f: gt.hvp(lambda x: f(x) ** 2 / 2, X, np.ones(3)),
    "diagonal": lambda f: gt.hessian_diagonal(lambda x: f(x) ** 2 / 2, X),
}


@pytest.mark.parametrize("how", TRANSFORMED)
def test_a_function_may_assign_into_its_argument(how: str) -> None:
    """The derivative is with respect to what came in; and the caller's array stays as it was."""

    def f(x: Any) -> Any:
        x[0] = x[1] * 3.0
        x *= 2.0
        return gt.sum(x * np.array([1.0, 10.0, 100.0]))

    before, slope = X.copy(), np.array([0.0, 26.0, 200.0])
    if how in ("hessian", "hvp"):
        slope = slope * slope.sum()
    elif how == "diagonal":
        slope = slope**2
    same(TRANSFORMED[how](f), slope)
    np.testing.assert_array_equal(X, before)
    t = gt.constant(X)
    gt.grad(f)(t), gt.vmap(lambda s, x: f(x) * s, in_axes=(0, None))(X, t)
    same(t, before)


# -- vjp, jvp, linearize -------------------------------------------------------------------------------------------
def test_pullback_of_containers() -> None:
    f = lambda p, y: {"s": p["a"] * y, "t": (gt.sum(p["a"]), y**2)}
    value, pullback = gt.vjp(f, {"a": X}, 2.0)
    same(value["s"], 2 * X), same(value["t"][1], 4.0)
    gp, gy = pullback({"s": V, "t": (1.0, 3.0)})
    same(gp["a"], 2 * V + 1.0), same(gy, (V * X).sum() + 12.0)
    again = pullback({"s": V, "t": (1.0, 3.0)})
    same(again[1], (V * X).sum() + 12.0)


def test_pullback_is_differentiable_in_its_cotangent() -> None:
    _, pullback = gt.vjp(lambda x: gt.sin(x), X)
    same(gt.jacobian(lambda g: pullback(g)[0])(V), np.diag(np.cos(X)))
    same(gt.vmap(lambda g: pullback(g)[0])(A), A * np.cos(X))


def test_pushforward_of_containers() -> None:
    f = lambda p, y: [p["a"] * y, y]
    value, tangent = gt.jvp(f, ({"a": X}, 2.0), ({"a": V}, 0.5))
    same(value[0], 2 * X), same(tangent[0], 2 * V + 0.5 * X), same(tangent[1], 0.5)


def test_pushforward_of_a_constant_is_zero() -> None:
    value, tangent = gt.jvp(lambda x: (gt.constant(X), 3.0), (1.0,), (1.0,))
    same(tangent[0], np.zeros(3)), same(tangent[1], 0.0), same(value[1], 3.0)


def test_linearize() -> None:
    calls = []

    def f(x: Any, y: Any) -> Any:
        calls.append(1)
        return gt.sin(x) * y, gt.sum(x**2)

    value, push = gt.linearize(f, X, 2.0)
    same(value[0], np.sin(X) * 2.0)
    for t, s in ((V, 0.0), (X, 1.0), (0 * X, -1.0)):
        first, second = push(t, s)
        same(first, np.cos(X) * 2.0 * t + np.sin(X) * s), same(second, 2 * (X * t).sum())
    assert len(calls) == 1
    same(gt.jacobian(lambda t: push(t, 0.0)[1])(V), 2 * X)


# -- jacobian, hessian ---------------------------------------------------------------------------------------------
MODES = ["auto", "forward", "reverse"]


@pytest.mark.parametrize("batch_size", [None, 1, 2, 100])
@pytest.mark.parametrize("mode", MODES)
def test_jacobian(mode: str, batch_size: int | None) -> None:
    tall = lambda x: gt.sin(gt.matmul(A, x))
    wide = lambda m: gt.sum(m**2, axis=1)
    same(gt.jacobian(tall, mode=mode, batch_size=batch_size)(X), np.cos(A @ X)[:, None] * A)
    want = np.zeros((4, 4, 3))
    want[np.arange(4), np.arange(4)] = 2 * A
    same(gt.jacobian(wide, mode=mode, batch_size=batch_size)(A), want)
    same(gt.jacobian(lambda x: x**3, mode=mode, batch_size=batch_size)(2.0), 12.0)


@pytest.mark.parametrize("batch_size", [None, 2])
@pytest.mark.parametrize("mode", MODES)
def test_jacobian_of_containers(mode: str, batch_size: int | None) -> None:
    f = lambda p, s: {"u": gt.matmul(p["w"], p["x"]) * s, "v": (gt.sum(p["x"]), s**2)}
    jacobian = gt.jacobian(f, argnums=(0, 1), mode=mode, batch_size=batch_size)({"w": A, "x": X}, 3.0)
    (by_p, by_s) = jacobian["u"]
    same(by_p["x"], 3 * A), same(by_s, A @ X)
    same(by_p["w"], 3 * np.einsum("ij,k->ijk", np.eye(4), X))
    (by_p, by_s) = jacobian["v"][0]
    same(by_p["x"], np.ones(3)), same(by_p["w"], np.zeros((4, 3))), same(by_s, 0.0)
    (by_p, by_s) = jacobian["v"][1]
    same(by_p["x"], np.zeros(3)), same(by_s, 6.0)


@pytest.mark.parametrize("mode", MODES)
def test_jacobian_of_empty_arrays(mode: str) -> None:
    assert gt.jacobian(lambda x: x**2, mode=mode)(np.zeros(0)).shape == (0, 0)
    assert gt.jacobian(lambda x: gt.sum(x), mode=mode)(np.zeros((0, 2))).shape == (0, 2)
    assert gt.jacobian(lambda x: x[:0], mode=mode)(X).shape == (0, 3)


@pytest.mark.parametrize(
    "f",
    [
        lambda z: z**2 * (1 + 2j),
        lambda z: gt.real(z * gt.conj(z)),
        lambda z: gt.conj(z),
        gt.abs,
        lambda z: gt.stack([z * 1j, z]),
    ],
)
def test_jacobian_of_complex_numbers_is_the_same_in_every_mode(f: Any) -> None:
    z = X + 1j * V
    tape_says = [gt.grad(lambda z, i=i: gt.reshape(f(z), (-1,))[i])(z).numpy() for i in range(f(z).size)]
    want = np.reshape(tape_says, (*f(z).shape, 3))
    for mode in MODES:
        for batch_size in (None, 2):
            same(gt.jacobian(f, mode=mode, batch_size=batch_size)(z), want)


@pytest.mark.parametrize("mode", MODES)
def test_jacobian_of_mixed_dtypes(mode: str) -> None:
    """A block has the dtype of the argument, in every mode."""
    f = lambda x, z, s: gt.exp(1j * x[0]) * z * s
    blocks = gt.jacobian(f, argnums=(0, 1, 2), mode=mode)(X, X + 1j, np.float32(2.0))
    assert [b.dtype for b in blocks] == [np.float64, np.complex128, np.float32]
    e = np.exp(1j * X[0])
    same(blocks[0][:, 0], (1j * e * (X + 1j) * 2).real), same(blocks[1], np.diag(np.full(3, np.conj(2 * e))))
    same(blocks[2], (e * (X + 1j)).real.astype(np.float32), 1e-6)


def test_jacobian_runs_the_function_a_bounded_number_of_times() -> None:
    """No loop over rows or columns."""
    calls = []

    def f(x: Any) -> Any:
        calls.append(1)
        return gt.sin(x)

    for mode in MODES:
        calls.clear()
        gt.jacobian(f, mode=mode)(np.linspace(0.0, 1.0, 50))
        assert len(calls) <= 2, mode


def test_hessian_of_containers() -> None:
    f = lambda p, y: p["a"] ** 2 * gt.sum(p["b"] ** 2) * y
    p = {"a": 2.0, "b": X}
    h = gt.hessian(f)(p, 3.0)
    same(h["a"]["a"], 6 * (X**2).sum())
    same(h["a"]["b"], 24 * X), same(h["b"]["a"], 24 * X)
    same(h["b"]["b"], 24 * np.eye(3))
    (aa, ab), (ba, bb) = gt.hessian(lambda x, y: x**2 * y**3, argnums=(0, 1))(2.0, 3.0)
    assert [float(t) for t in (aa, ab, ba, bb)] == [54.0, 108.0, 108.0, 72.0]


@pytest.mark.parametrize("batch_size", [None, 1, 2])
def test_hessian_batches(batch_size: int | None) -> None:
    f = lambda x: gt.sum(gt.exp(gt.matmul(A, x)))
    same(gt.hessian(f, batch_size=batch_size)(X), A.T @ np.diag(np.exp(A @ X)) @ A)
    same(gt.hessian_diagonal(f, X, batch_size=batch_size), np.diag(A.T @ np.diag(np.exp(A @ X)) @ A))


@pytest.mark.parametrize("f", [lambda x: 3.0 * gt.sum(x), lambda x: gt.constant(1.0), lambda x: x[0] * 2.0])
def test_second_derivatives_of_linear_functions_are_zero(f: Callable[[Any], Any]) -> None:
    same(gt.hessian(f)(X), np.zeros((3, 3)))
    same(gt.hvp(f, X, V), np.zeros(3))
    same(gt.hessian_diagonal(f, X), np.zeros(3))


def test_hvp_of_containers() -> None:
    f = lambda p: gt.sum(p["a"] ** 3) * p["b"]
    got = gt.hvp(f, {"a": X, "b": 2.0}, {"a": V, "b": 1.0})
    same(got["a"], 12 * X * V + 3 * X**2), same(got["b"], (3 * X**2 * V).sum())


def test_hvp_agrees_with_the_hessian_in_every_way() -> None:
    f = lambda x: gt.sum(gt.tanh(gt.matmul(A, x)) ** 2)
    h = gt.hessian(f)(X).numpy()
    same(h, h.T)
    same(gt.hvp(f, X, V), h @ V)
    same(gt.jvp(gt.grad(f), (X,), (V,))[1], h @ V)
    same(gt.grad(lambda x: gt.sum(gt.grad(f)(x) * V))(X), h @ V)
    same(gt.grad(lambda x: gt.jvp(f, (x,), (V,))[1])(X), h @ V)
    same(gt.hessian_diagonal(f, X), np.diag(h))
    same(gt.vmap(lambda v: gt.hvp(f, X, v))(np.eye(3)), h)
    same(gt.vmap(lambda x: gt.hvp(f, x, V))(np.stack([X, X])), np.stack([h @ V] * 2))
    for a in MODES:
        for b in MODES:
            same(gt.jacobian(gt.jacobian(f, mode=b), mode=a)(X), h)


def test_hessian_diagonal_of_a_matrix() -> None:
    same(gt.hessian_diagonal(lambda m: gt.sum(m**4), A), 12 * A**2)


def test_second_derivatives_inside_other_transforms() -> None:
    f = lambda x: gt.sum(x**4)
    same(gt.grad(lambda x: gt.sum(gt.hessian(f)(x)))(X), 24 * X)
    same(gt.vmap(gt.hessian(f))(A), np.einsum("ij,jk->ijk", 12 * A**2, np.eye(3)))
    same(gt.jvp(lambda x: gt.hessian_diagonal(f, x), (X,), (V,))[1], 24 * X * V)
    same(gt.jacobian(lambda x: gt.hvp(f, x, V))(X), np.diag(24 * X * V))


def test_derivative() -> None:
    for n, want in enumerate([np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x), np.sin], 1):
        same(gt.derivative(gt.sin, n)(X), want(X))
    same(gt.derivative(lambda x: x**5, order=5)(2.0), 120.0)
    same(gt.derivative(lambda x: x**5, 6)(2.0), 0.0)
    same(gt.grad(gt.derivative(gt.exp, 2))(0.5), math.exp(0.5))


# -- what is refused -----------------------------------------------------------------------------------------------
square = lambda x: x**2
total = lambda x: gt.sum(x**2)
REFUSED: dict[str, tuple[type[Exception], str, Callable[[], Any]]] = {
    "argnums too large": (
        ValueError,
        r"gradtape\.grad: argnums=2, but the function is called with 1 positional",
        lambda: gt.grad(square, argnums=2)(1.0),
    ),
    "argnums of another type": (
        TypeError,
        r"argnums must be an int or a tuple of ints, not 'x'",
        lambda: gt.grad(square, argnums="x")(1.0),
    ),
    "argnums a bool": (TypeError, "argnums must be an int", lambda: gt.grad(square, argnums=True)(1.0)),
    "an int": (
        TypeError,
        r"gradtape\.grad: argument 0 has dtype int64.*pass 3\.0 instead of 3",
        lambda: gt.grad(square)(3),
    ),
    "an int array": (
        TypeError,
        "argument 1 has dtype int64",
        lambda: gt.grad(lambda a, b: a * b, 1)(1.0, np.arange(3)),
    ),
    "a bool to jvp": (TypeError, r"gradtape\.jvp: a primal has dtype bool", lambda: gt.jvp(square, (True,), (1.0,))),
    "an int to vjp": (TypeError, r"gradtape\.vjp: a primal has dtype int64", lambda: gt.vjp(square, 3)),
    "an int to jacobian": (TypeError, r"gradtape\.jacobian: argument 0", lambda: gt.jacobian(square)(3)),
    "an int to hessian": (TypeError, r"gradtape\.hessian: argument 0", lambda: gt.hessian(square)(3)),
    "no function": (TypeError, r"gradtape\.grad: f must be a function, not a float", lambda: gt.grad(3.0)),
    "no function to vmap": (TypeError, r"gradtape\.vmap: f must be a function", lambda: gt.vmap(X)),
    "no array returned": (TypeError, "returned a NoneType, which is no array", lambda: gt.grad(lambda x: None)(1.0)),
    "text returned": (TypeError, "returned a str, which is no array", lambda: gt.grad(lambda x: "y")(1.0)),
    "no pair with has_aux": (
        TypeError,
        r"has_aux=True the function must return a pair",
        lambda: gt.grad(square, has_aux=True)(1.0),
    ),
    "tangent shape": (
        ValueError,
        r"the tangent has shape \(2,\), the primal has \(3,\)",
        lambda: gt.jvp(total, (X,), (X[:2],)),
    ),
    "tangent count": (ValueError, "the tangent has 2 arrays, the primal has 1", lambda: gt.jvp(total, (X,), (X, X))),
    "bare primals": (TypeError, r"jvp\(f, \(x,\), \(v,\)\)", lambda: gt.jvp(total, X, V)),
    "cotangent shape": (ValueError, r"has shape \(3,\), the output has \(\)", lambda: gt.vjp(total, X)[1](X)),
    "cotangent count": (ValueError, "has 2 arrays, the output has 1", lambda: gt.vjp(total, X)[1]((1.0, 2.0))),
    "pushforward shape": (ValueError, r"the tangent has shape \(2,\)", lambda: gt.linearize(total, X)[1](X[:2])),
    "mode": (
        ValueError,
        r"mode must be 'auto', 'forward' or 'reverse', not 'sideways'",
        lambda: gt.jacobian(total, mode="sideways"),
    ),
    "batch_size": (
        ValueError,
        "batch_size must be a positive int, not 0",
        lambda: gt.jacobian(square, batch_size=0)(X),
    ),
    "Hessian of a vector function": (
        ValueError,
        r"hessian: f must give a scalar; it gave an array of shape \(3,\)",
        lambda: gt.hessian(square)(X),
    ),
    "hvp of a vector function": (ValueError, r"hvp: f must give a scalar", lambda: gt.hvp(square, X, V)),
    "hvp shape": (ValueError, r"v has shape \(2,\), x has \(3,\)", lambda: gt.hvp(total, X, V[:2])),
    "hvp count": (ValueError, "v has 2 arrays, x has 1", lambda: gt.hvp(total, X, [V, V])),
    "diagonal of a vector function": (ValueError, "must give a scalar", lambda: gt.hessian_diagonal(square, X)),
    "order 0": (ValueError, "order must be a positive int, not 0", lambda: gt.derivative(square, 0)),
    "order 1.5": (ValueError, "order must be a positive int, not 1.5", lambda: gt.derivative(square, 1.5)),
    "vmap lengths": (ValueError, "batches of 4 and of 3 examples in one call", lambda: gt.vmap(gt.add)(A, X)),
    "vmap axis": (
        ValueError,
        r"in_axes names axis 1 of an argument of shape \(3,\)",
        lambda: gt.vmap(square, in_axes=1)(X),
    ),
    "vmap of a number": (
        ValueError,
        r"in_axes names axis 0 of an argument of shape \(\)",
        lambda: gt.vmap(square)(1.0),
    ),
    "vmap over nothing": (ValueError, "nothing to map over", lambda: gt.vmap(square, in_axes=None)(X)),
    "vmap structure": (ValueError, r"in_axes=\(0, 0\) does not fit", lambda: gt.vmap(square, in_axes=(0, 0))(X)),
    "if on a batch": (
        TypeError,
        r"Use gradtape\.where instead of `if`",
        lambda: gt.vmap(lambda x: x if x > 0 else -x)(X),
    ),
    "custom without rules": (ValueError, "give vjp or jvp, or both", lambda: gt.custom(square)),
    "custom with a wrong count": (
        ValueError,
        "gave 1 cotangents for 2 arguments",
        lambda: gt.grad(gt.custom(lambda a, b: a * b, vjp=lambda g, y, a, b: (g,)))(1.0, 2.0),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_say_what_is_wrong(name: str) -> None:
    kind, text, call = REFUSED[name]
    with pytest.raises(kind, match=text):
        call()
