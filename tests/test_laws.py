"""The laws of nesting: transforms compose in any order, at any depth, and never confuse each other's perturbations."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest

import gradtape as gt

from .programs import (
    ARRAY,
    CORE,
    DIRECTION,
    POINT,
    SCALAR,
    TRANSFORMS,
    VECTOR,
    available,
    by_differences,
    by_mpmath,
    combined,
    stacked,
)

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of branches that are not taken
HIGHEST = 4


def feasible(stacks: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Those for which the references reach far enough."""
    return [s for s in stacks if sum(TRANSFORMS[name].order for name in s) <= HIGHEST]


def stacks(outermost: str) -> list[tuple[str, ...]]:
    """All stacks under this transform: up to three deep of the core transforms, pairs of all."""
    result: list[tuple[str, ...]] = [(outermost,)]
    result += [(outermost, inner) for inner in TRANSFORMS]
    if outermost in CORE:
        result += [(outermost, *rest) for rest in itertools.product(CORE, repeat=2)]
    return feasible(result)


def check_stacks(
    f: Callable[[Any], Any], x: Any, v: Any, every: list[tuple[str, ...]], reference: Any, tolerance: float
) -> None:
    """A program under each of these stacks."""
    wrong = []
    for names in every:
        want = combined(reference, names)
        try:
            got = float(stacked(f, names, v)(x))
        except Exception as error:  # collected, so that one broken pair does not hide the others
            wrong.append(f"{' of '.join(names)}: {type(error).__name__}: {error}")
            continue
        if not abs(got - want) <= tolerance * max(1.0, abs(want)):
            wrong.append(f"{' of '.join(names)}: got {got!r}, want {want!r}")
    assert not wrong, f"{len(wrong)} of {len(every)} stacks are wrong:\n" + "\n".join(wrong[:12])


REFERENCES: dict[str, Any] = {}
ONE = np.float64(1.0)


@pytest.mark.parametrize("outermost", TRANSFORMS)
@pytest.mark.parametrize("program", SCALAR)
def test_scalar_programs_nest(program: str, outermost: str) -> None:
    reference = REFERENCES.setdefault(program, by_mpmath(SCALAR[program], HIGHEST))
    check_stacks(lambda x: SCALAR[program](gt, x), POINT, ONE, stacks(outermost), reference, 1e-10)


@pytest.mark.parametrize("outermost", TRANSFORMS)
@pytest.mark.parametrize("program", ARRAY)
def test_array_programs_nest(program: str, outermost: str) -> None:
    f, needs = ARRAY[program]
    if not available(needs):
        pytest.skip(f"needs {needs}")
    reference = REFERENCES.setdefault(program, by_differences(f, VECTOR, DIRECTION, HIGHEST))
    check_stacks(f, VECTOR, DIRECTION, stacks(outermost), reference, 2e-6)


@pytest.mark.slow
@pytest.mark.parametrize("outermost", TRANSFORMS)
@pytest.mark.parametrize("program", ["reused", "branches", "recurrence", "indexing", "assignment", "watched weights"])
def test_everything_nests_three_deep(program: str, outermost: str) -> None:
    every = feasible([(outermost, *rest) for rest in itertools.product(TRANSFORMS, repeat=2)])
    if program in SCALAR:
        reference = by_mpmath(SCALAR[program], HIGHEST)
        check_stacks(lambda x: SCALAR[program](gt, x), POINT, ONE, every, reference, 1e-10)
    else:
        f, _ = ARRAY[program]
        check_stacks(f, VECTOR, DIRECTION, every, by_differences(f, VECTOR, DIRECTION, HIGHEST), 2e-6)


def test_there_are_enough_programs() -> None:
    assert len(SCALAR) + len(ARRAY) >= 20


# -- perturbation confusion ----------------------------------------------------------------------------------------
DERIVATIVES = ["grad", "jvp", "tape", "accumulator", "tape.jacobian", "jacobian forward", "linearize", "taylor"]


def d(mode: str, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The derivative of a scalar function by a mode."""
    return TRANSFORMS[mode].apply(f, ONE)


@pytest.mark.parametrize(("outer", "inner"), list(itertools.product(DERIVATIVES, repeat=2)))
def test_perturbations_are_not_confused(outer: str, inner: str) -> None:
    """d/dx [x · d/dy (x + y)] = 1."""
    assert float(d(outer, lambda x: x * d(inner, lambda y: x + y)(2.0))(3.0)) == 1.0
    assert float(d(outer, lambda x: x * d(inner, lambda y: x * y)(2.0))(3.0)) == 6.0
    # the inner derivative is taken at the outer variable itself
    assert float(d(outer, lambda x: d(inner, lambda y: x * y**2)(x))(3.0)) == 12.0
    assert float(d(outer, lambda x: d(inner, lambda y: x**2)(x))(3.0)) == 0.0


@pytest.mark.parametrize(("first", "second", "third"), list(itertools.product(DERIVATIVES[:5], repeat=3)))
def test_three_levels_with_closures_over_all_variables(first: str, second: str, third: str) -> None:
    f = d(first, lambda x: x * d(second, lambda y: y * d(third, lambda z: x * y * z)(2.0))(3.0))
    assert float(f(5.0)) == 60.0
    g = d(first, lambda x: d(second, lambda y: d(third, lambda z: gt.sin(x * y) * z**2 * y)(x * y))(x))
    x = 0.7
    # d/dz = 2 sin(xy) y z at z = xy: h(x, y) with z held fixed in the derivative in y
    # d/dy [2 x y^2 sin(xy)] at y = x, then d/dx of 4 x^2 sin(x^2) + 2 x^4 cos(x^2)
    want = 8 * x * np.sin(x**2) + 8 * x**3 * np.cos(x**2) + 8 * x**3 * np.cos(x**2) - 4 * x**5 * np.sin(x**2)
    np.testing.assert_allclose(float(g(x)), want, rtol=1e-13)


@pytest.mark.parametrize("mode", DERIVATIVES)
def test_a_variable_carried_out_of_an_inner_derivative_by_mutation(mode: str) -> None:
    """A value that leaks from one derivative into the next is a constant there."""

    def outer(x: Any) -> Any:
        box = [x]

        def f(y: Any) -> Any:
            result = box[0] * y
            box[0] = x * 2
            return result

        return d(mode, f)(1.0) + d(mode, f)(1.0)

    assert float(d(mode, outer)(1.5)) == 3.0


@pytest.mark.parametrize("mode", DERIVATIVES)
def test_vmap_between_two_derivatives(mode: str) -> None:
    """d/dx of a batch of inner derivatives at points that depend on x."""
    offsets = np.array([0.0, 1.0, 2.0])
    f = lambda x: gt.sum(gt.vmap(lambda o: d(mode, lambda y: x * (y + o) ** 3)(x))(offsets))
    x = 0.5
    want = sum(3 * (x + o) ** 2 + 6 * x * (x + o) for o in offsets)
    np.testing.assert_allclose(float(d(mode, f)(x)), want, rtol=1e-14)


@pytest.mark.parametrize("first", ["jvp", "vmap"])
@pytest.mark.parametrize("second", ["jvp", "vmap", "outside"])
def test_a_value_kept_from_a_transform_that_has_ended_is_refused(first: str, second: str) -> None:
    """It is not taken for a value of the next transform, which would be silently wrong."""
    kept: list[Any] = []
    begin = {"jvp": lambda f: gt.jvp(f, (X,), (X,)), "vmap": lambda f: gt.vmap(f)(X), "outside": lambda f: f(X)}
    begin[first](lambda x: (kept.append(x), x)[1])
    with pytest.raises(TypeError, match=r"multiply was given a value from inside a transform .* that has ended"):
        begin[second](lambda y: y * kept[0])


def test_a_pullback_made_inside_vmap_serves_there() -> None:
    f = lambda x: gt.vjp(lambda t: t**3, x)[1](2.0)[0] + gt.linearize(lambda t: t**2, x)[1](1.0)
    np.testing.assert_allclose(gt.vmap(f)(X[:, 0]).numpy(), 6 * X[:, 0] ** 2 + 2 * X[:, 0], rtol=1e-13)


# -- vmap and gradients --------------------------------------------------------------------------------------------
X = np.random.default_rng(0).normal(size=(5, 3))
W = np.random.default_rng(1).normal(size=(3,))


def loss(w: Any, x: Any) -> Any:
    """One example's loss."""
    return gt.tanh(gt.sum(w * x)) ** 2 + gt.sum((w - x) ** 2)


def per_example_reference(w: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The gradient with respect to w, by hand."""
    t = np.tanh(rows @ w)[:, None]
    return 2 * t * (1 - t**2) * rows + 2 * (w - rows)


@pytest.mark.parametrize("how", ["variable", "watched tensor", "argument"])
def test_vmap_of_a_gradient_is_per_example(how: str) -> None:
    """Also for a weight closed over and watched inside."""
    w: Any = gt.Variable(W) if how == "variable" else gt.constant(W)

    def gradient(x: Any) -> Any:
        if how == "argument":
            return gt.grad(loss)(w, x)
        with gt.GradientTape() as tape:
            if how == "watched tensor":
                tape.watch(w)
            y = loss(w, x)
        return tape.gradient(y, w)

    result = gt.vmap(gradient)(X)
    assert result.shape == (5, 3)
    np.testing.assert_allclose(result.numpy(), per_example_reference(W, X), rtol=1e-12)


def test_gradient_of_a_vmap_sums() -> None:
    w = gt.Variable(W)
    with gt.GradientTape(persistent=True) as tape:
        values = gt.vmap(lambda x: loss(w, x))(X)
        total = gt.sum(values)
    want = per_example_reference(W, X).sum(0)
    np.testing.assert_allclose(tape.gradient(total, w).numpy(), want, rtol=1e-12)
    np.testing.assert_allclose(tape.gradient(values, w).numpy(), want, rtol=1e-12)
    np.testing.assert_allclose(tape.jacobian(values, w).numpy(), per_example_reference(W, X), rtol=1e-12)
    np.testing.assert_allclose(gt.grad(lambda w: gt.sum(gt.vmap(lambda x: loss(w, x))(X)))(W).numpy(), want, rtol=1e-12)


def test_a_tape_around_vmap_around_a_tape() -> None:
    """The outer tape differentiates the inner per-example gradients, for each example and for the shared weight."""
    w = gt.Variable(W)
    with gt.GradientTape() as outer:

        def gradient(x: Any) -> Any:
            with gt.GradientTape() as inner:
                y = gt.sum(w**3 * x**2)
            return inner.gradient(y, w)

        g = gt.vmap(gradient)(X)
        norm = gt.sum(g**2)
    want = (2 * (3 * W**2 * X**2) * 6 * W * X**2).sum(0)
    np.testing.assert_allclose(outer.gradient(norm, w).numpy(), want, rtol=1e-12)


def test_a_tape_opened_before_vmap_asked_inside() -> None:
    """A tape of a lower level records what the inner calls are made of."""
    x = gt.asarray(X)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = gt.vmap(lambda row: gt.sum(row**2) * row[0])(x)
    want = 2 * X * X[:, :1]
    want[:, 0] += (X**2).sum(1)
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), want, rtol=1e-12)
    np.testing.assert_allclose(gt.vmap(lambda row: gt.grad(lambda r: gt.sum(r**2) * r[0])(row))(x).numpy(), want)


def test_assignment_inside_vmap_and_tape() -> None:
    def f(x: Any) -> Any:
        y = x * 1.0
        y[0] = x[1] * x[2]
        y[1:] += y[0]
        return gt.sum(y**2)

    got = gt.vmap(gt.grad(f))(X)
    want = np.stack([gt.grad(f)(row).numpy() for row in X])
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-13)
    a, b, c = X.T
    np.testing.assert_allclose(want[:, 0], 0 * a, atol=0)
    np.testing.assert_allclose(want[:, 1], 2 * b * c**2 + 2 * (b + b * c) * (1 + c) + 2 * (c + b * c) * c, rtol=1e-12)


def test_vmap_of_vmap() -> None:
    """All pairs: in_axes on either side, out_axes, and gradients of them."""
    a, b = X, X[:4] + 1
    dot = lambda x, y: gt.sum(x * gt.sin(y))
    pairs = gt.vmap(gt.vmap(dot, in_axes=(None, 0)), in_axes=(0, None))(a, b)
    np.testing.assert_allclose(pairs.numpy(), a @ np.sin(b).T, rtol=1e-13)
    swapped = gt.vmap(gt.vmap(dot, in_axes=(0, None)), in_axes=(None, 0), out_axes=1)(a, b)
    np.testing.assert_allclose(swapped.numpy(), pairs.numpy(), rtol=1e-13)
    slopes = gt.vmap(gt.vmap(gt.grad(dot), in_axes=(None, 0)), in_axes=(0, None))(a, b)
    np.testing.assert_allclose(slopes.numpy(), np.broadcast_to(np.sin(b), (5, 4, 3)), rtol=1e-13)
    second = gt.vmap(gt.vmap(gt.hessian(dot, argnums=1), in_axes=(None, 0)), in_axes=(0, None))(a, b)
    want = -(a[:, None, :] * np.sin(b))[..., None] * np.eye(3)
    np.testing.assert_allclose(second.numpy(), want, rtol=1e-13, atol=1e-15)


def test_vmap_in_axes_and_out_axes_of_containers() -> None:
    tree = {"w": np.arange(12.0).reshape(3, 4), "b": (np.arange(4.0), 2.0)}

    def f(tree: Any, x: Any) -> Any:
        return {"sum": tree["w"] + x, "scaled": (tree["b"][0] * x, tree["b"][1] * x)}

    out = gt.vmap(f, in_axes=({"w": 1, "b": (0, None)}, 0), out_axes={"sum": 1, "scaled": (0, 0)})(tree, np.ones(4))
    assert out["sum"].shape == (3, 4)
    np.testing.assert_array_equal(out["sum"].numpy(), tree["w"] + 1)
    np.testing.assert_array_equal(out["scaled"][0].numpy(), tree["b"][0])
    np.testing.assert_array_equal(out["scaled"][1].numpy(), np.full(4, 2.0))
    negative = gt.vmap(lambda row: row * 2, in_axes=-1, out_axes=-1)(tree["w"])
    np.testing.assert_array_equal(negative.numpy(), tree["w"] * 2)


def test_vmap_results_that_all_examples_share() -> None:
    shared, own = gt.vmap(lambda x: (gt.constant(W) * 2.0, x), out_axes=(None, 0))(X)
    assert shared.shape == (3,)
    assert own.shape == X.shape
    with pytest.raises(ValueError, match="out_axes is None for a result that differs between the examples"):
        gt.vmap(lambda x: x, out_axes=None)(X)


def test_vmap_over_one_example_and_none() -> None:
    assert gt.vmap(gt.grad(lambda x: x**3))(np.array([2.0])).tolist() == [12.0]
    assert gt.vmap(gt.grad(lambda x: x**3))(np.zeros(0)).shape == (0,)
    assert gt.vmap(gt.grad(lambda x: gt.sum(x**3)))(np.zeros((0, 2))).shape == (0, 2)


# -- nested forward mode -------------------------------------------------------------------------------------------
def reused(x: Any) -> Any:
    """sin(x) exp(x), with intermediates used twice: what other systems' nested forward mode gets wrong."""
    s, e = gt.sin(x), gt.exp(x)
    product = s * e
    return product + s * e - product


REUSED = [lambda x, k=k: np.exp(x) * np.sqrt(2.0) ** k * np.sin(x + k * np.pi / 4) for k in range(5)]


@pytest.mark.parametrize(
    "modes", [*itertools.product(["jvp", "accumulator"], repeat=3), ("tape", "accumulator", "jvp")]
)
def test_nested_forward_mode_with_reused_intermediates(modes: tuple[str, ...]) -> None:
    f: Callable[[Any], Any] = reused
    for k, mode in enumerate(modes, 1):
        f = d(mode, f)
        np.testing.assert_allclose(float(f(1.1)), REUSED[k](1.1), rtol=1e-13)
    np.testing.assert_allclose(gt.vmap(f)(np.array([0.1, 1.1])).numpy(), REUSED[3](np.array([0.1, 1.1])), rtol=1e-12)


@pytest.mark.parametrize("inside_a_tape", [False, True])
def test_nested_accumulators_nest_strictly(inside_a_tape: bool) -> None:
    """The outer one differentiates the inner one's tangents; the inner one knows nothing of the outer's."""
    x, one = gt.Variable(1.1), gt.constant(1.0)
    with ExitStack() as stack:
        tape = stack.enter_context(gt.GradientTape(persistent=True)) if inside_a_tape else None
        outer = stack.enter_context(gt.ForwardAccumulator(x, one))
        inner = stack.enter_context(gt.ForwardAccumulator(x, one))
        y = reused(x)
        first, second = inner.jvp(y), outer.jvp(inner.jvp(y))
    np.testing.assert_allclose(float(first), REUSED[1](1.1), rtol=1e-13)
    np.testing.assert_allclose(float(outer.jvp(y)), REUSED[1](1.1), rtol=1e-13)
    np.testing.assert_allclose(float(second), REUSED[2](1.1), rtol=1e-13)
    assert inner.jvp(outer.jvp(y)) is None
    if tape is not None:
        np.testing.assert_allclose(float(tape.gradient(first, x)), REUSED[2](1.1), rtol=1e-13)
        np.testing.assert_allclose(float(tape.gradient(second, x)), REUSED[3](1.1), rtol=1e-13)


def test_accumulator_over_tape_and_tape_over_accumulator() -> None:
    x, v = gt.Variable([0.3, 0.8]), gt.constant([1.0, -2.0])
    f = lambda x: gt.sum(gt.exp(x) * x[::-1])
    want = gt.hvp(f, x, v).numpy()
    with gt.ForwardAccumulator(x, v) as forward:
        with gt.GradientTape() as tape:
            y = f(x)
        g = tape.gradient(y, x)
    np.testing.assert_allclose(forward.jvp(g).numpy(), want, rtol=1e-13)
    with gt.GradientTape() as tape:
        with gt.ForwardAccumulator(x, v) as forward:
            y = f(x)
        slope = forward.jvp(y)
    np.testing.assert_allclose(tape.gradient(slope, x).numpy(), want, rtol=1e-13)


# -- a nest of everything ------------------------------------------------------------------------------------------
def test_third_derivatives_through_all_three_modes() -> None:
    """vmap of forward of reverse of a tape, with a closed-over weight."""
    w = gt.Variable(0.7)

    def f(x: Any) -> Any:
        def by_weight(x: Any) -> Any:
            with gt.GradientTape() as tape:
                y = gt.sin(w * x) * x
            return tape.gradient(y, w)  # x^2 cos(w x)

        return gt.jvp(gt.grad(by_weight), (x,), (1.0,))[1]

    xs = np.array([0.2, 0.9, 1.7])
    c, s = np.cos(0.7 * xs), np.sin(0.7 * xs)
    want = 2 * c - 4 * xs * 0.7 * s - xs**2 * 0.49 * c
    np.testing.assert_allclose(gt.vmap(f)(xs).numpy(), want, rtol=1e-12)
    with gt.GradientTape() as tape:
        total = gt.sum(gt.vmap(f)(xs))
    slope = (-2 * xs * s - 4 * xs * s - 4 * xs**2 * 0.7 * c - 2 * xs**2 * 0.7 * c + xs**3 * 0.49 * s).sum()
    np.testing.assert_allclose(float(tape.gradient(total, w)), slope, rtol=1e-12)
