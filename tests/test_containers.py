"""Dicts go together key by key, whatever order their keys were given in; other keys are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradtape as gt
from gradtape.testing import label

P = {"b": np.array(3.0), "a": np.array(2.0)}
V = {"a": np.array(1.0), "b": np.array(0.0)}


def f(d: Any) -> Any:
    return d["a"] * d["b"] ** 2


def test_tangents_and_directions() -> None:
    assert gt.jvp(f, (P,), (V,))[1] == 9.0
    assert gt.linearize(f, P)[1](V) == 9.0
    assert gt.taylor(f, P, V, 2).derivatives[1] == 9.0
    assert gt.hvp(f, P, V) == {"b": 6.0, "a": 0.0}
    assert list(gt.grad(f)(P)) == ["b", "a"] and gt.grad(f)(P) == {"a": 9.0, "b": 12.0}
    assert gt.hessian(f)(P)["b"]["a"] == 6.0


def test_cotangents() -> None:
    _, pull = gt.vjp(lambda x: {"u": 2.0 * x, "t": 3.0 * x}, 1.0)
    assert pull({"t": 0.0, "u": 1.0})[0] == 2.0
    with gt.GradientTape() as tape:
        x = gt.constant(1.0)
        tape.watch(x)
        y = {"u": 2.0 * x, "t": 3.0 * x}
    assert tape.gradient(y, x, output_gradients={"t": gt.constant(0.0), "u": gt.constant(1.0)}) == 2.0


def test_states_of_chains() -> None:
    def step(i: Any, s: Any) -> Any:
        return {"b": s["b"] + 10.0, "a": s["a"]}

    start = {"a": gt.constant(1.0), "b": gt.constant(2.0)}
    end = gt.checkpoint_chain(step, start, 3, slots=2)
    assert end["a"] == 1.0 and end["b"] == 32.0
    slopes = gt.grad(lambda s: gt.checkpoint_chain(step, s, 3, slots=2)["b"])(start)
    assert slopes["a"] == 0.0 and slopes["b"] == 1.0


def test_operators() -> None:
    operator = gt.hessian_operator(f, P)
    np.testing.assert_allclose(operator @ operator.ravel(V), operator.ravel({"b": 6.0, "a": 0.0}))


@pytest.mark.parametrize("other", [{"a": 1.0, "c": 0.0}, {"a": 1.0}, {"a": 1.0, "b": 0.0, "c": 0.0}])
def test_other_keys_are_refused(other: Any) -> None:
    for call in (lambda: gt.jvp(f, (P,), (other,)), lambda: gt.hvp(f, P, other), lambda: gt.taylor(f, P, other, 2)):
        with pytest.raises((TypeError, ValueError)):
            call()


MIXED = {"a": np.array(3.0), 1: np.array(2.0)}
OTHER = {"c": np.array(3.0), 1: np.array(2.0)}


def with_output_gradients(seeds: Any) -> Any:
    with gt.GradientTape() as tape:
        x = gt.constant(1.0)
        tape.watch(x)
        y = {1: 10.0 * x, "a": x}
    return tape.gradient(y, x, output_gradients=seeds)


def with_custom_gradient(slopes: Any) -> Any:
    @gt.custom_gradient
    def f(d: Any) -> Any:
        return {"a": d[1] * d["a"], 1: d[1]}, lambda of_1, of_a: slopes

    return gt.grad(lambda d: f(d)["a"])(MIXED)


def with_bounds(least: Any) -> Any:
    start = {1: np.array(9.0), "a": np.array(9.0)}
    return gt.minimize(lambda d: d[1] ** 2 + d["a"] ** 2, start, bounds=(least, None)).x


def test_keys_of_several_types_in_cotangents_custom_gradients_and_bounds() -> None:
    assert with_output_gradients(MIXED) == 23.0
    assert with_custom_gradient(MIXED) == MIXED
    assert with_bounds(MIXED) == MIXED


@pytest.mark.parametrize("call", [with_output_gradients, with_custom_gradient, with_bounds])
def test_other_keys_are_named(call: Any) -> None:
    with pytest.raises(ValueError, match=r"has the keys \[1, 'c'\], where \[1, 'a'\] belong"):
        call(OTHER)


def test_gradients_of_keyword_arguments_come_in_the_order_of_the_function() -> None:
    @gt.custom_gradient
    def f(x: Any, b: Any, a: Any) -> Any:
        return x * b**2 * a, lambda g: (g * b**2 * a, 2.0 * g * x * b * a, g * x * b**2)

    assert gt.grad(lambda v: f(v[0], a=v[2], b=v[1]))([2.0, 3.0, 5.0]) == [45.0, 60.0, 18.0]


def test_errors_name_the_leaf_that_is_meant() -> None:
    assert label([{"b": 1.0, "a": (2.0, 3.0)}]) == ["argument 0['a'][0]", "argument 0['a'][1]", "argument 0['b']"]


def test_keys_of_several_types() -> None:
    mixed = {1: np.array(2.0), "a": np.array(3.0)}
    assert gt.grad(lambda d: d[1] * d["a"])(mixed) == {1: 3.0, "a": 2.0}


@pytest.mark.parametrize("name", ["jax", "torch", "array_api_strict"])
def test_weights_of_directions_on_other_libraries(name: str) -> None:
    xp = pytest.importorskip({"jax": "jax.numpy"}.get(name, name))
    w = [[[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]]
    g = gt.directional(lambda x: gt.sum(gt.tanh(x) * x), w, weights=[1.0, 2.0])
    at = np.array([0.3, 0.7], np.float32)
    np.testing.assert_allclose(np.asarray(g(xp.asarray(at)).data), g(at), rtol=1e-5)


@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_laplacians_keep_the_dtype(kind: Any) -> None:
    for f in (lambda x: x[0] / x[1], gt.max, gt.prod, gt.logsumexp, gt.linalg.norm, lambda x: x[0] ** x[1]):
        assert gt.laplacian(f)(np.array([1.0, 2.0], kind)).dtype == kind


def test_operators_of_complex_vectors() -> None:
    hessian = gt.hessian_operator(lambda x: gt.sum(x**4), np.ones(2))
    np.testing.assert_allclose(hessian @ np.array([1 + 1j, 2j]), [12 + 12j, 24j])
    jacobian = gt.jacobian_operator(lambda x: x**2, np.ones(2))
    np.testing.assert_allclose(jacobian.rmatvec(np.array([1j, 2j])), [2j, 4j])
    np.testing.assert_allclose(jacobian @ np.eye(2), 2 * np.eye(2))


def test_an_order_may_be_numpys_integer() -> None:
    assert gt.derivative(lambda x: x**3, order=np.int64(2))(2.0) == 12.0
