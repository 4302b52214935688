"""checkpoint: the derivatives of the function itself in every mode and nesting, what tapes keep, errors."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradtape as gt
from gradtape import context
from gradtape.virtual import kept

from .programs import POINT, TRANSFORMS, by_mpmath, stacked
from .test_laws import ONE, check_stacks, feasible

STACKS = feasible(
    [
        *[(name,) for name in TRANSFORMS],
        *itertools.product(TRANSFORMS, repeat=2),
        *itertools.product(["grad", "jvp", "vmap", "tape"], repeat=3),
    ]
)


def derivatives(f: Callable[[Any], Any], x: Any, variables: list[gt.Variable]) -> list[Any]:
    """Value and gradients with respect to x and the Variables."""
    x = gt.asarray(x)
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    return [np.asarray(v.numpy()) for v in (y, *tape.gradient(y, [x, *variables]))]


# -- checkpoint: the same derivatives as the function itself
def with_closures(n: Any, x: Any) -> Any:
    """sin(u x) v with u, v made of x, then more of x."""
    y = n.exp(x * 0.5)
    z = n.sin(y * x) * x
    return n.tanh(z + y) * z


def in_checkpoints(x: Any) -> Any:
    """The same in nested checkpoints, each of which closes over values of the outer ones."""
    inner = gt.checkpoint(lambda u, v: gt.sin(u * x) * v)

    def middle(v: Any) -> Any:
        y = gt.exp(v * 0.5)
        return {"pair": (inner(y, v), y), "name": "z"}

    z, y = gt.checkpoint(middle)(x)["pair"]
    return gt.checkpoint(lambda: gt.tanh(z + y) * z)()


@pytest.mark.parametrize("outermost", TRANSFORMS)
def test_checkpoints_nest_with_every_transform(outermost: str) -> None:
    stacks = [s for s in STACKS if s[0] == outermost]
    check_stacks(in_checkpoints, POINT, ONE, stacks, by_mpmath(with_closures, 4), 1e-10)


def layer(x: Any, w: Any, b: Any) -> Any:
    return gt.tanh(x @ w + b)


@pytest.fixture
def weights() -> list[gt.Variable]:
    rng = np.random.default_rng(1)
    return [gt.Variable(rng.normal(size=s) / 2) for s in ((4, 4), (4,), (4, 4), (4,))]


def test_gradients_of_variables_arguments_and_closures(weights: list[gt.Variable]) -> None:
    w, b, w2, b2 = weights
    x = np.random.default_rng(2).normal(size=(3, 4))

    def plain(x: Any) -> Any:
        return gt.sum(layer(layer(x, w, b) * x, w2, b2) ** 2)

    def saving(x: Any) -> Any:
        h = gt.checkpoint(lambda h: layer(h, w, b) * x)(x)
        return gt.sum(gt.checkpoint(layer)(h, w2, b=b2) ** 2)

    for one, other in zip(derivatives(plain, x, weights), derivatives(saving, x, weights), strict=True):
        assert np.allclose(one, other, rtol=1e-13)


@pytest.mark.parametrize(
    "mode",
    [
        lambda f, x: gt.grad(f)(x),
        lambda f, x: gt.hessian(f)(x),
        lambda f, x: gt.hvp(f, x, x + 1),
        lambda f, x: gt.grad(lambda x: gt.sum(gt.grad(f)(x) ** 2))(x),
        lambda f, x: gt.jvp(gt.grad(f), (x,), (x,))[1],
        lambda f, x: gt.vmap(gt.grad(f))(gt.stack([x, 2 * x])),
        lambda f, x: gt.taylor(f, x, x, 4).derivatives[4],
        lambda f, x: gt.grad(lambda x: gt.taylor(f, x, x, 3).derivatives[3])(x),
        lambda f, x: gt.grad(lambda x: gt.laplacian(f)(x))(x),
        lambda f, x: gt.grad(lambda x: gt.sum(gt.vmap(f)(gt.stack([x, x * x]))))(x),
    ],
)  # fmt: skip
def test_modes_on_arrays(mode: Any, weights: list[gt.Variable]) -> None:
    w, b, *_ = [v.read_value() for v in weights]
    x = np.array([0.3, -0.2, 0.5, 0.1])
    plain = lambda x: gt.sum(layer(layer(x, w, b), w, b) ** 2)
    saving = gt.checkpoint(lambda x: gt.sum(gt.checkpoint(layer)(layer(x, w, b), w, b) ** 2))
    assert np.allclose(mode(plain, x).numpy(), mode(saving, x).numpy(), rtol=1e-12)


def records(tape: gt.GradientTape) -> int:
    """How many applications the tape keeps."""
    return sum(record is not None for record in tape._trace.slots.values())


def long(x: Any) -> Any:
    for _ in range(50):
        x = gt.sin(x) + 0.1
    return x


@pytest.mark.parametrize(
    "call",
    [
        lambda f, x: f(x),
        lambda f, x: gt.jvp(f, (x,), (x,))[1],
        lambda f, x: gt.vmap(f)(x),
        lambda f, x: gt.taylor(f, x, x, 2).derivatives[2],
        lambda f, x: gt.vmap(lambda x: gt.jvp(f, (x,), (x,))[1])(x),
    ],
)
def test_a_tape_keeps_one_record_also_outside_of_other_transforms(call: Any) -> None:
    x = gt.asarray([0.1, 0.2])
    with gt.GradientTape() as tape, gt.GradientTape() as inner:
        tape.watch(x)
        inner.watch(x)
        y = call(gt.checkpoint(long), x)
    assert records(tape) < 30 and records(inner) < 30
    g = tape.gradient(y, x)
    with gt.GradientTape() as plain:
        plain.watch(x)
        y = call(long, x)
    assert records(plain) > 50
    assert np.allclose(g.numpy(), plain.gradient(y, x).numpy(), rtol=1e-12)


def test_the_sweep_of_a_checkpoint_is_one_record_for_an_outer_tape() -> None:
    x = gt.asarray(0.3)
    with gt.GradientTape() as outer:
        outer.watch(x)
        with gt.GradientTape() as inner:
            inner.watch(x)
            y = gt.checkpoint(long)(x)
        g = inner.gradient(y, x)
    assert records(outer) <= 4
    want = gt.grad(gt.grad(long))(0.3)
    assert float(outer.gradient(g, x)) == pytest.approx(float(want), rel=1e-12)


def test_what_nothing_followed_leads_to_is_not_recorded() -> None:
    x, c = gt.asarray(2.0), gt.asarray(3.0)
    with gt.GradientTape() as tape:
        tape.watch(x)
        y, k, n = gt.checkpoint(lambda c: (c * x, c * c, 7))(c)
    assert n == 7 and k._key not in tape._trace.slots
    assert float(tape.gradient(y, x)) == 3.0


def test_results_that_are_arguments_and_arguments_given_twice() -> None:
    x, v = gt.asarray(3.0), gt.Variable(2.0)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        a, b, c = gt.checkpoint(lambda p, q: (p, p * q * x, v))(x, x)
    assert float(tape.gradient(a, x)) == 1.0
    assert float(tape.gradient(b, x)) == 27.0
    assert float(tape.gradient(c, v)) == 1.0 and tape.gradient(c, x) is None


def test_complex_values_integers_and_float32() -> None:
    z = gt.asarray(np.array([1.0 + 2.0j, -0.5j], np.complex64))
    f = lambda z, n: gt.abs(z) ** n * gt.real(z)
    with gt.GradientTape() as one, gt.GradientTape() as other:
        one.watch(z)
        other.watch(z)
        a, b = f(z, 3), gt.checkpoint(f)(z, 3)
    g, h = one.gradient(a, z), other.gradient(b, z)
    assert h.dtype == np.complex64 and np.array_equal(g.numpy(), h.numpy())


def test_methods_and_decorators() -> None:
    class Model:
        def __init__(self) -> None:
            self.w = gt.Variable(2.0)

        @gt.checkpoint
        def __call__(self, x: Any) -> Any:
            return x * self.w

    model = Model()
    with gt.GradientTape() as tape:
        y = model(gt.asarray(3.0))
    assert float(tape.gradient(y, model.w)) == 3.0
    assert gt.checkpoint(long).__wrapped__ is long and "long" in repr(gt.checkpoint(long))


def test_the_callers_assignment_afterwards_changes_nothing() -> None:
    x = gt.asarray([1.0, 2.0])
    with gt.GradientTape() as tape:
        tape.watch(x)
        source = +x
        y = gt.checkpoint(lambda a: a**2)(source)
        source[0] = 10.0
    assert tape.gradient(y, x).numpy().tolist() == [2.0, 4.0]


def test_an_error_inside_leaves_the_tape_as_it_was() -> None:
    x = gt.asarray(2.0)
    fail = True

    def f(x: Any) -> Any:
        y = x * x
        if fail:
            raise RuntimeError("on purpose")
        return y

    with gt.GradientTape() as tape:
        tape.watch(x)
        with pytest.raises(RuntimeError, match="on purpose"):
            gt.checkpoint(f)(x)
        fail = False
        y = gt.checkpoint(f)(x) + x
        z = x * 3
    fail = True
    with pytest.raises(RuntimeError, match="on purpose"):
        tape.gradient([y, z], x)
    fail = False
    assert float(tape.gradient([y, z], x)) == 8.0


def test_a_number_taken_inside_explains_a_missing_gradient() -> None:
    x = gt.asarray(2.0)
    with gt.GradientTape() as tape:
        tape.watch(x)
        y, _ = gt.checkpoint(lambda x: (float(x * 2) * gt.ones(()), x * x))(x)
    with pytest.warns(gt.UnconnectedGradientWarning, match="float.*test_checkpointing"):
        assert tape.gradient(y, x) is None


def test_an_array_made_of_a_followed_value_inside_is_refused_at_once() -> None:
    x = gt.asarray(2.0)
    with gt.GradientTape() as tape:
        tape.watch(x)
        with pytest.raises(gt.LostGradientError, match="test_checkpointing"):
            gt.checkpoint(lambda x: np.asarray(x * 2))(x)


def test_bad_input_is_refused() -> None:
    for function in (gt.checkpoint, gt.recompute_grad):
        with pytest.raises(TypeError, match=f"{function.__name__}: f must be a function"):
            function(3.0)
    for policy in ("everything", ["matmul", "einsums"]):
        with pytest.raises(ValueError, match=r"policy names '(everything|einsums)'"):
            gt.checkpoint(long, policy=policy)


# -- policies
@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often kernels have run, by their primitive's name, among those of the products and of tanh and inv."""
    counts: Counter[str] = Counter()
    original = kept.apply

    def counting(primitive: Any, *values: Any, **parameters: Any) -> Any:
        counts[primitive.name] += 1
        return original(primitive, *values, **parameters)

    monkeypatch.setattr(kept, "apply", counting)
    return counts


def block(x: Any, w: Any) -> Any:
    return gt.tanh(x @ w) @ gt.linalg.inv(w @ w.mT + gt.eye(4)) + gt.sin(x)


POLICIES = [None, "products", "inv", {"matmul", "tanh", "svd"}, ["reshape", "add", "sin", "cos", "multiply"]]


@pytest.mark.parametrize("policy", POLICIES)
def test_derivatives_are_the_same_under_every_policy(policy: Any, weights: list[gt.Variable]) -> None:
    w = weights[0]
    x = np.random.default_rng(5).normal(size=(3, 4))
    plain = lambda x: gt.sum(block(block(x, w), w.read_value()) ** 2)
    inner = gt.checkpoint(block, policy={"matmul"})
    saving = gt.checkpoint(lambda x: gt.sum(gt.checkpoint(inner)(inner(x, w), w.read_value()) ** 2), policy=policy)
    for one, other in zip(derivatives(plain, x, [w]), derivatives(saving, x, [w]), strict=True):
        assert np.allclose(one, other, rtol=1e-12)
    for mode in (
        lambda f: gt.hvp(f, x, x + 1),
        lambda f: gt.grad(lambda x: gt.sum(gt.grad(f)(x) ** 2))(x),
        lambda f: gt.grad(lambda x: gt.jvp(f, (x,), (x,))[1])(x),
        lambda f: gt.grad(lambda x: gt.sum(gt.vmap(f)(gt.stack([x, x * x]))))(x),
        lambda f: gt.grad(gt.checkpoint(lambda x: gt.sum(gt.grad(f)(x) * x), policy=policy))(x),
        lambda f: gt.grad(gt.checkpoint(lambda x: gt.jvp(f, (x,), (x,))[1], policy=policy))(x),
    ):
        assert np.allclose(mode(plain).numpy(), mode(saving).numpy(), rtol=1e-10)


@pytest.mark.parametrize("policy", ["products", "inv", {"matmul", "tanh", "sin"}, {"svd", "qr"}])
def test_what_is_kept_is_not_computed_again(policy: Any, runs: Counter[str], weights: list[gt.Variable]) -> None:
    x = gt.asarray(np.ones((3, 4)))
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = gt.checkpoint(block, policy=policy)(x, weights[0])
    first = runs.copy()
    assert first["matmul"] == 2 and first["tanh"] == first["sin"] == 1  # w @ w.mT and inv are of a Variable alone
    tape.gradient(y, x)
    chosen = {"matmul"} if policy == "products" else {policy} if isinstance(policy, str) else policy
    assert runs - first == Counter({name: n for name, n in first.items() if name not in chosen})


def test_a_function_that_does_something_else_is_found_out() -> None:
    x, first = gt.asarray(np.eye(2)), True
    f = gt.checkpoint(lambda x: gt.exp(x) if first else x @ x, policy={"matmul", "exp"})
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    first = False
    with pytest.raises(RuntimeError, match="must do the same each time"):
        tape.gradient(y, x)
    first = True
    assert np.allclose(tape.gradient(y, x).numpy(), np.exp(np.eye(2)))


def test_a_policy_by_decorator() -> None:
    @gt.checkpoint(policy="products")
    def f(x: Any) -> Any:
        return x @ x

    assert float(gt.grad(f)(np.array([1.0, 2.0]))[1]) == 4.0


@pytest.mark.parametrize("outer", ["grad", "tape", "jvp", "taylor"])
@pytest.mark.parametrize("inner", ["taylor", "jvp", "grad"])
def test_what_a_rule_hides_is_not_remembered_in_the_open(outer: str, inner: str) -> None:
    """Under Taylor mode a rule that pulls two checkpointed functions back may not hand what it computed for the one,
    hidden from the tape, to the other."""
    sine, exponential = gt.checkpoint(gt.sin), gt.checkpoint(gt.exp)
    x, v = np.array([0.31, -0.47, 0.83]), np.array([0.6, 0.9, -0.5])
    s, c, e = np.sin(x), np.cos(x), np.exp(x)
    for f, second in (
        (lambda x: sine(x) + exponential(x), e - s),
        (lambda x: exponential(x) + sine(x), e - s),
        (lambda x: sine(x) * exponential(x), 2 * c * e),
        (lambda x: sine(x) * sine(x), 2 * c * c - 2 * s * s),
        (lambda x: sine(x) * exponential(x) + exponential(x) * x, (2 * c + 2 + x) * e),
    ):
        got = stacked(lambda x, f=f: gt.sum(f(x)), (outer, inner, "custom vjp"), v)(gt.asarray(x))
        np.testing.assert_allclose(float(got), np.sum(second * v * v), rtol=1e-13)


# -- Variables that are assigned before the gradient is asked for
W2 = lambda w, x: w**2 * x**2
KINDS: dict[str, Any] = {
    "checkpoint": lambda w: gt.checkpoint(lambda x: W2(w, x)),
    "with a policy": lambda w: gt.checkpoint(lambda x: W2(w, x), policy="products"),
    "nested": lambda w: gt.checkpoint(lambda x: x * gt.checkpoint(lambda x: w**2 * x)(x)),
    "chain": lambda w: lambda x: gt.checkpoint_chain(lambda i, s: s * w * x if i else s * w, x, 2, slots=1),
    "longer chain": lambda w: lambda x: gt.checkpoint_chain(lambda i, s: s * (w if i < 2 else 1), x, 5, slots=2) * x,
    "while": lambda w: lambda x: gt.checkpoint_while(
        lambda s: s[1] < 4, lambda s: (s[0] * (w if s[1] < 2 else 1), s[1] + 1.0), (x, gt.asarray(0.0)), slots=1
    )[0] * x,
    "vmap": lambda w: lambda x: gt.sum(gt.vmap(gt.checkpoint(lambda x: W2(w, x)))(gt.stack([x]))),
    "looked at": lambda w: gt.checkpoint(lambda x: W2(w, x) if float(w) < 3 else x),
}


@pytest.mark.parametrize("kind", KINDS)
def test_variables_are_what_they_were_in_the_forward_pass(kind: str) -> None:
    """y = w**2 x**2 at w = 2, x = 3, with w assigned after the value and again after the gradient."""
    w, x = gt.Variable(2.0), gt.asarray(3.0)
    with gt.GradientTape(persistent=True) as outer:
        outer.watch(x)
        with gt.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = KINDS[kind](w)(x)
        w.assign(5.0)
        slope = tape.gradient(y, x)
        assert float(slope) == 24
        assert float(tape.gradient(y, w)) == 36
    w.assign_add(2.0)
    assert float(outer.gradient(y, x)) == 24
    assert float(outer.gradient(slope, x)) == 8
    assert float(outer.gradient(slope, w)) == 24
    assert float(w) == 7


def test_variables_that_are_arguments_or_assigned_inside() -> None:
    w, x = gt.Variable(2.0), gt.asarray(3.0)
    with gt.GradientTape() as tape:
        y = gt.checkpoint(lambda a: a**2)(w)
        w.assign(4.0)
        y = y + gt.checkpoint(lambda a: a**3)(w)
    w.assign(100.0)
    assert float(tape.gradient(y, w)) == 4 + 48
    w.assign(2.0)

    def counting(x: Any) -> Any:
        y = x * w
        w.assign_add(1.0)
        return y * w

    with gt.GradientTape() as tape:
        tape.watch(x)
        y = gt.checkpoint(counting)(x)
    assert float(tape.gradient(y, x)) == 6
    assert float(w) == 3  # counted once


def test_variables_are_restored_when_what_runs_again_raises() -> None:
    w, x, runs = gt.Variable(2.0), gt.asarray(3.0), []

    def once(x: Any) -> Any:
        runs.append(float(w))
        if len(runs) == 2:
            raise RuntimeError("no")
        return w * x

    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = gt.checkpoint(once)(x)
    w.assign(9.0)
    with pytest.raises(RuntimeError, match="no"):
        tape.gradient(y, x)
    assert float(w) == 9
    assert float(tape.gradient(y, x)) == 2
    assert runs == [2, 2, 2]


def test_threads_that_assign_a_variable_while_others_run_again() -> None:
    v, wrong = gt.Variable(0.0), []

    def work() -> None:
        for _ in range(100):
            x = gt.asarray(3.0)
            with gt.GradientTape() as tape:
                tape.watch(x)
                y = gt.checkpoint(lambda x: (v * 0 + 1) * x**2)(x)
            v.assign_add(1.0)
            if float(tape.gradient(y, x)) != 6:
                wrong.append(x)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert float(v) == 400


def test_nothing_is_kept_of_variables_when_the_tape_is_gone() -> None:
    w, before = gt.Variable(np.ones(3)), list(context.MOMENTS)
    with gt.GradientTape() as tape:
        y = gt.sum(gt.checkpoint(lambda: w**2)())
    w.assign(np.zeros(3))
    assert tape.gradient(y, w).tolist() == [2.0, 2.0, 2.0]
    del tape, y
    assert all(number in before for number in context.MOMENTS)
