"""Section 12: custom_gradient."""

import math

import numpy as np
import pytest

import gradtape as gt


@gt.custom_gradient
def log1pexp(x):
    """log(1 + exp(x)), whose derivative does not overflow."""
    e = gt.exp(x)
    return gt.log(1 + e), lambda upstream: upstream * (1 - 1 / (1 + e))


@gt.custom_gradient
def fake_square(x):
    return x * x, lambda g: g * 10 * x


def gradient(f, *at):
    xs = [gt.constant(a) for a in at]
    with gt.GradientTape() as tape:
        tape.watch(xs)
        y = f(*xs)
    found = tape.gradient(y, xs)
    return found if len(xs) > 1 else found[0]


def test_the_rule_given_is_used_and_the_body_s_own_is_not():
    assert float(gradient(fake_square, 3.0)) == 30.0
    assert float(gradient(lambda x: fake_square(x) * x, 3.0)) == 9.0 + 90.0


def test_the_stable_derivative():
    assert float(gradient(log1pexp, 100.0)) == 1.0
    with np.errstate(over="ignore"):
        assert float(gradient(log1pexp, 1000.0)) == 1.0


def test_with_and_without_parentheses_on_methods_and_with_its_name_kept():
    @gt.custom_gradient()
    def f(x):
        """Of f."""
        return x * 2, lambda g: g * 7

    class Model:
        def __init__(self):
            self.factor = 3.0

        @gt.custom_gradient
        def call(self, x):
            """Of call."""
            return x * self.factor, lambda g: g * self.factor * 100

    assert (f.__name__, f.__doc__, log1pexp.__wrapped__.__name__) == ("f", "Of f.", "log1pexp")
    assert Model.call.__doc__ == Model().call.__doc__ == "Of call."
    assert float(gradient(f, 1.0)) == 7.0
    assert float(gradient(Model().call, 1.0)) == 300.0
    assert float(f(2.0)) == 4.0  # no tape, no Tensor


def test_outputs_may_be_nested_and_numpy():
    @gt.custom_gradient
    def f(x):
        return {"a": x * 2, "b": [x * 3, np.ones(2)]}, lambda ga, gb, gc: ga * 100 + gb * 10 + gt.sum(gc)

    x = gt.constant(1.0)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        out = f(x)
    assert float(out["a"]) == 2.0 and isinstance(out["b"][1], gt.Tensor)
    assert float(tape.gradient(out["a"], x)) == 100.0
    assert float(tape.gradient(out["b"][0], x)) == 10.0
    assert float(tape.gradient(out["b"][1], x)) == 2.0
    assert float(tape.gradient(out, x)) == 112.0


def test_zeros_come_for_outputs_not_used():
    seen = []

    @gt.custom_gradient
    def f(x):
        def backward(*upstream):
            seen.append([g.tolist() for g in upstream])
            return upstream[0]

        return (x * 1, gt.stack([x, x])), backward

    assert float(gradient(lambda x: f(x)[0], 1.0)) == 1.0
    assert seen == [[1.0, [0.0, 0.0]]]


def test_one_gradient_per_flattened_argument():
    @gt.custom_gradient
    def f(pair, z):
        x, y = pair
        return x * y * z, lambda g: ([g * 1, g * 2], g * 3)

    found = gradient(lambda x, y, z: f([x, y], z), 1.0, 1.0, 1.0)
    assert [float(g) for g in found] == [1.0, 2.0, 3.0]


def test_none_is_allowed():
    @gt.custom_gradient
    def f(x, y):
        return x * y, lambda g: (None, g * 5)

    assert [g if g is None else float(g) for g in gradient(f, 1.0, 1.0)] == [None, 5.0]


@pytest.mark.parametrize("answer", [(1.0,), (1.0, 2.0, 3.0), [], 1.0], ids=str)
def test_a_wrong_count_raises_when_the_gradient_is_asked_for(answer):
    @gt.custom_gradient
    def f(x, y):
        return x * y, lambda g: answer

    with pytest.raises(ValueError, match="gradients for 2 arguments"):
        gradient(f, 1.0, 1.0)


def test_arguments_that_are_no_tensors_count_and_get_none():
    @gt.custom_gradient
    def f(x, factor, name):
        return x * factor, lambda g: (g * factor, None, None)

    assert float(gradient(lambda x: f(x, 4.0, "name"), 1.0)) == 4.0


def test_the_same_tensor_twice_adds_up():
    @gt.custom_gradient
    def f(x, y):
        return x * y, lambda g: (g * 1, g * 10)

    assert float(gradient(lambda x: f(x, x), 1.0)) == 11.0


def test_a_variable_passed_counts_as_that_argument():
    v = gt.Variable(2.0)

    @gt.custom_gradient
    def f(x):
        return x * v, lambda g: g * 42

    with gt.GradientTape() as tape:
        y = f(v)
    assert float(tape.gradient(y, v)) == 42.0


def test_keyword_arguments_are_passed_and_not_counted():
    @gt.custom_gradient
    def f(x, factor=1.0, *, extra=0.0):
        return x * factor + extra, lambda g: g * factor

    assert float(gradient(lambda x: f(x, factor=6.0, extra=1.0), 1.0)) == 6.0


def test_a_call_by_keywords_only_uses_the_rule():  # TensorFlow: silently ignored
    @gt.custom_gradient
    def f(x, y):
        return x * y, lambda g: (g * 1, g * 10)

    assert [float(g) for g in gradient(lambda x, y: f(y=y, x=x), 1.0, 1.0)] == [1.0, 10.0]
    assert float(gradient(lambda x: fake_square(x=x), 3.0)) == 30.0
    assert [float(g) for g in gradient(lambda x, y: f(x, y=y), 1.0, 1.0)] == [1.0, 10.0]


def test_a_tensor_by_keyword_without_gradient_is_warned_of():  # TensorFlow: silently None
    @gt.custom_gradient
    def f(x, y):
        return x * y, lambda g: g * 5

    with pytest.warns(gt.UnconnectedGradientWarning, match="keyword argument"):
        found = gradient(lambda x, y: f(x, y=y), 1.0, 1.0)
    assert float(found[0]) == 5.0 and found[1] is None


def test_variables_read_in_the_body_need_a_parameter_for_them():
    v = gt.Variable(2.0)

    @gt.custom_gradient
    def f(x):
        return x * v, lambda g: g

    with pytest.raises(TypeError, match="variables"):
        f(gt.constant(1.0))  # even without a tape


@pytest.mark.parametrize("keywords", [False, True])
def test_variables_come_once_trainable_only_and_get_their_gradients(keywords):
    v, w, fixed = gt.Variable(2.0), gt.Variable(3.0), gt.Variable(5.0, trainable=False)
    seen = []

    @gt.custom_gradient
    def f(x):
        def backward(g, variables=None):
            seen.append(variables)
            return g * 10, [g * 100, g * 1000]

        def backward_by_keywords(g, **kw):
            return backward(g, **kw)

        return x * w * v * v * fixed, backward_by_keywords if keywords else backward

    x = gt.constant(1.0)
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    assert [float(g) for g in tape.gradient(y, [x, v, w])] == [10.0, 100.0, 1000.0]
    assert len(seen) == 1 and [a is b for a, b in zip(seen[0], [v, w])] == [True, True]


def test_a_wrong_number_of_variable_gradients_raises():
    v = gt.Variable(2.0)

    @gt.custom_gradient
    def f(x):
        return x * v, lambda g, variables=None: (g, [g, g])

    with gt.GradientTape() as tape:
        y = f(gt.constant(1.0))
    with pytest.raises(ValueError, match="variable gradients"):
        tape.gradient(y, v)


def test_without_variables_the_parameter_is_not_passed():
    seen = []

    @gt.custom_gradient
    def f(x):
        def backward(g, variables="default"):
            seen.append(variables)
            return g

        return x * 1, backward

    gradient(f, 1.0)
    assert seen == ["default"]


# -- higher orders
def nested(f, at, order):
    x = gt.constant(at)

    def derivative(n):
        if n == 0:
            return f(x)
        with gt.GradientTape() as tape:
            tape.watch(x)
            y = derivative(n - 1)
        return tape.gradient(y, x)

    return float(derivative(order))


def persistent(f, at, order):
    x = gt.constant(at)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        d = f(x)
        for _ in range(order):
            d = tape.gradient(d, x)
    return float(d)


@pytest.mark.parametrize("way", [nested, persistent, lambda f, at, n: float(gt.derivative(f, n)(at))])
def test_higher_orders_go_through_what_was_captured_from_the_body(way):
    s = 1 / (1 + math.exp(-0.3))
    expected = [s, s * (1 - s), s * (1 - s) * (1 - 2 * s)]
    assert [way(log1pexp, 0.3, n) for n in (1, 2, 3)] == pytest.approx(expected)


@pytest.mark.parametrize("way", [nested, persistent])
def test_and_through_the_captured_argument(way):
    assert [way(fake_square, 3.0, n) for n in (1, 2)] == [30.0, 10.0]


def test_a_custom_gradient_inside_grad_fn_overrides_its_derivative():
    @gt.custom_gradient
    def slope(x):
        return 2 * x, lambda g: g * 1000

    @gt.custom_gradient
    def square(x):
        return x * x, lambda g: g * slope(x)

    assert nested(square, 3.0, 1) == 6.0 and nested(square, 3.0, 2) == 1000.0


def test_later_writing_into_the_argument_does_not_change_what_was_captured():
    x = gt.asarray([1.0, 2.0])
    with gt.GradientTape() as tape:
        tape.watch(x)
        z = x * 1
        y = fake_square(z)
        z[0] = 100.0
        total = gt.sum(y) + gt.sum(z)
    assert tape.gradient(total, x).tolist() == [10.0 + 0.0, 20.0 + 1.0]


def test_exceptions_in_grad_fn_reach_the_caller_unchanged():
    @gt.custom_gradient
    def f(x):
        def backward(g):
            raise ZeroDivisionError("mine")

        return x * 1, backward

    with pytest.raises(ZeroDivisionError, match="mine"):
        gradient(f, 1.0)


def test_a_python_number_is_converted():  # TensorFlow: handed on as it is
    @gt.custom_gradient
    def f(x):
        return x * 1, lambda g: 2.5

    g = gradient(f, 1.0)
    assert isinstance(g, gt.Tensor) and float(g) == 2.5


def test_a_function_that_gives_no_pair_is_told_so():
    with pytest.raises(TypeError, match="outputs, grad_fn"):
        gt.custom_gradient(lambda x: x)(1.0)


# -- other modes use the user's rule
def test_forward_mode_uses_the_transposed_rule():  # TensorFlow: the body's own
    x, one = gt.constant(3.0), gt.constant(1.0)
    with gt.ForwardAccumulator(x, one) as acc:
        y = fake_square(x) * 2
    assert float(acc.jvp(y)) == 60.0
    assert float(gt.jvp(fake_square, (x,), (one,))[1]) == 30.0
    assert float(gt.jvp(gt.grad(fake_square), (x,), (one,))[1]) == 10.0
    assert float(gt.grad(lambda x: gt.jvp(fake_square, (x,), (one,))[1])(x)) == 10.0


def test_a_body_of_numpy():
    @gt.custom_gradient
    def f(x):
        values = np.sin(x.numpy())
        slope = np.cos(x.numpy())
        return values, lambda g: g * slope

    x = gt.asarray([0.1, 0.2])
    assert np.allclose(gradient(f, [0.1, 0.2]).numpy(), np.cos([0.1, 0.2]))
    with gt.ForwardAccumulator(x, gt.asarray([1.0, 2.0])) as acc:
        y = f(x)
    assert np.allclose(acc.jvp(y).numpy(), np.cos([0.1, 0.2]) * [1.0, 2.0])


def test_vmap_both_ways():
    xs = gt.asarray([1.0, 2.0, 3.0])
    assert gt.vmap(gt.grad(fake_square))(xs).tolist() == [10.0, 20.0, 30.0]
    assert gt.grad(lambda xs: gt.sum(gt.vmap(fake_square)(xs)))(xs).tolist() == [10.0, 20.0, 30.0]
    assert gt.vmap(gt.grad(gt.grad(log1pexp)))(xs).tolist() == pytest.approx(
        [nested(log1pexp, x, 2) for x in (1.0, 2.0, 3.0)]
    )
    assert gt.jvp(gt.vmap(fake_square), (xs,), (xs,))[1].tolist() == [10.0, 40.0, 90.0]
    assert gt.vmap(lambda x: gt.jvp(fake_square, (x,), (x,))[1])(xs).tolist() == [10.0, 40.0, 90.0]


def test_vmap_with_a_shared_argument_and_a_variable():
    v = gt.Variable(2.0)

    @gt.custom_gradient
    def f(x, shared):
        def backward(g, variables):
            return (g * shared, g * x), [g * 100]

        return x * shared * v, backward

    xs, s = gt.asarray([1.0, 2.0, 3.0]), gt.constant(5.0)
    with gt.GradientTape() as tape:
        tape.watch([xs, s])
        y = gt.vmap(f, in_axes=(0, None))(xs, s)
    gx, gs, gv = tape.gradient(y, [xs, s, v])
    assert y.tolist() == [10.0, 20.0, 30.0]
    assert gx.tolist() == [5.0] * 3 and float(gs) == 6.0 and float(gv) == 300.0


def test_a_rule_for_complex_numbers_follows_the_tape_s_convention():
    @gt.custom_gradient
    def square(z):
        return z * z, lambda g: g * gt.conj(2 * z)

    z = gt.constant(1 + 2j)
    with gt.GradientTape() as tape:
        tape.watch(z)
        y = square(z)
    assert complex(tape.gradient(y, z)) == 2 - 4j


def test_a_gradient_may_be_clipped_on_its_way():
    @gt.custom_gradient
    def clip(x):
        return x, lambda g: gt.clip(g, -0.5, 0.5)

    assert float(gradient(lambda x: clip(x * x) * 10, 3.0)) == 3.0
