"""Section 9: jacobian, batch_jacobian, and hessian."""

import numpy as np
import pytest

import gradtape as gt


@pytest.mark.parametrize("y_shape", [(), (2,), (2, 3)], ids=str)
@pytest.mark.parametrize("x_shape", [(), (3,), (1, 2)], ids=str)
def test_shape_is_target_plus_source(y_shape, x_shape):
    x = gt.asarray(np.full(x_shape, 2.0))
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = gt.sum(x * x) * gt.asarray(np.arange(1.0, 1 + np.prod(y_shape, dtype=int)).reshape(y_shape))
    j = tape.jacobian(y, x)
    assert j.shape == y_shape + x_shape
    weights = np.arange(1.0, 1 + np.prod(y_shape, dtype=int)).reshape(y_shape)
    assert np.array_equal(j.numpy(), np.multiply.outer(weights, np.full(x_shape, 4.0)))


def test_sources_may_be_nested_the_target_is_one():
    x, v = gt.asarray([1.0, 2.0]), gt.Variable(3.0)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x * v
    found = tape.jacobian(y, {"x": x, "v": [v]})
    assert found["x"].tolist() == [[6.0, 0.0], [0.0, 12.0]] and found["v"][0].tolist() == [1.0, 4.0]
    for target in ([y], None, 1.0):
        with pytest.raises(TypeError, match="target"):
            tape.jacobian(target, x)
    with pytest.raises(TypeError, match="sources"):
        tape.jacobian(y, [x, None])


def test_dense_through_take():
    x = gt.asarray([1.0, 2.0, 3.0])
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = gt.take(x * x, gt.asarray([2, 0, 2]))
    assert tape.jacobian(y, x).tolist() == [[0, 0, 6], [2, 0, 0], [0, 0, 6]]


def test_unconnected_integer_and_empty():
    x, other, n = gt.asarray([1.0, 2.0]), gt.asarray([[1.0, 2.0, 3.0]]), gt.asarray([1, 2])
    empty = gt.asarray(np.zeros((0,)))
    with gt.GradientTape(persistent=True) as tape:
        tape.watch([x, empty])
        y, e = x * x, empty * 2
        outside = n * 2
    assert tape.jacobian(y, other) is None
    zeros = tape.jacobian(y, [other, n], unconnected_gradients="zero")
    assert zeros[0].shape == (2, 1, 3) and not zeros[0].numpy().any() and zeros[1].shape == (2, 2)
    with pytest.warns(gt.UnconnectedGradientWarning):
        assert tape.jacobian(y, n) is None
    assert tape.jacobian(outside, x) is None
    assert tape.jacobian(e, empty).shape == (0, 0)


def test_of_a_source_by_itself():
    x, v = gt.asarray([1.0, 2.0]), gt.Variable([1.0, 2.0])
    with gt.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        pass
    assert tape.jacobian(v, v) is None
    with gt.GradientTape(persistent=True) as tape:
        pass
    assert tape.jacobian(v, v).tolist() == [[1.0, 0.0], [0.0, 1.0]]  # asking for it is a read
    assert tape.jacobian(x, x) is None
    tape.watch(x)
    assert tape.jacobian(x, x).tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_through_a_custom_gradient_and_complex_numbers():
    @gt.custom_gradient
    def f(x):
        return x * x, lambda g: g * x * 10

    x = gt.asarray([1.0, 2.0])
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    assert tape.jacobian(y, x).tolist() == [[10.0, 0.0], [0.0, 20.0]]
    z = gt.asarray([1 + 2j, 3 - 1j])
    with gt.GradientTape() as tape:
        tape.watch(z)
        y = z * z
    assert np.allclose(tape.jacobian(y, z).numpy(), np.diag(np.conj(2 * z.numpy())))


def test_inside_an_active_persistent_tape_it_is_recorded():  # TensorFlow refused for years
    x = gt.asarray([1.0, 2.0])
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        j = tape.jacobian(x**3, x)
    assert j.tolist() == [[3.0, 0.0], [0.0, 12.0]]
    assert tape.gradient(j, x).tolist() == [6.0, 12.0]
    assert tape.jacobian(j, x).shape == (2, 2, 2)


def test_parallel_iterations_and_pfor_change_nothing():
    x = gt.asarray([1.0, 2.0])
    for options in ({"parallel_iterations": 1}, {"experimental_use_pfor": False}):
        with gt.GradientTape() as tape:
            tape.watch(x)
            y = x * x
        assert tape.jacobian(y, x, **options).tolist() == [[2.0, 0.0], [0.0, 4.0]]


def test_nesting_gives_hessians_and_third_order():
    x = gt.asarray([0.3, 0.7])

    def third(f):
        with gt.GradientTape() as t3:
            t3.watch(x)
            with gt.GradientTape() as t2:
                t2.watch(x)
                with gt.GradientTape() as t1:
                    t1.watch(x)
                    y = f(x)
                g = t1.jacobian(y, x)
            h = t2.jacobian(g, x)
        return h, t3.jacobian(h, x)

    h, t = third(lambda x: x[0] ** 2 * x[1] ** 3)
    a, b = 0.3, 0.7
    assert np.allclose(h.numpy(), [[2 * b**3, 6 * a * b**2], [6 * a * b**2, 6 * a**2 * b]])
    expected = [[[0, 6 * b**2], [6 * b**2, 12 * a * b]], [[6 * b**2, 12 * a * b], [12 * a * b, 6 * a**2]]]
    assert np.allclose(t.numpy(), expected)


def test_cross_blocks_and_structural_zeros():
    a, b, c = gt.Variable([1.0, 2.0]), gt.Variable(3.0), gt.Variable(4.0)
    with gt.GradientTape(persistent=True) as outer:
        with gt.GradientTape() as inner:
            y = gt.sum(a * a) * b + c * c
        ga, gb, gc = inner.gradient(y, [a, b, c])
    blocks = outer.jacobian(ga, [a, b, c])
    assert blocks[0].tolist() == [[6.0, 0.0], [0.0, 6.0]] and blocks[1].tolist() == [2.0, 4.0] and blocks[2] is None
    assert float(outer.jacobian(gc, c)) == 2.0 and outer.jacobian(gc, a) is None
    assert outer.jacobian(gb, a).tolist() == [2.0, 4.0]


# -- batch_jacobian
def test_batch_jacobian_is_the_diagonal_of_the_jacobian():
    x = gt.asarray(np.arange(1.0, 7.0).reshape(3, 2))
    w = np.arange(8.0).reshape(2, 4)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = gt.tanh(gt.matmul(x, w) / 20)
    full = tape.jacobian(y, x).numpy()
    found = tape.batch_jacobian(y, x)
    assert found.shape == (3, 4, 2)
    assert np.allclose(found.numpy(), np.stack([full[b, :, b] for b in range(3)]))


def test_batch_jacobian_sums_over_coupled_rows():
    x = gt.asarray([[1.0, 2.0], [3.0, 4.0]])
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * gt.sum(x)
    full = tape.jacobian(y, x).numpy()
    assert np.allclose(tape.batch_jacobian(y, x).numpy(), np.moveaxis(full.sum(0), 0, 1))


def test_batch_jacobian_needs_two_axes_and_equal_batches():
    x = gt.asarray(np.ones((3, 2)))
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y, flat, other = x * x, x[:, 0], x[:2]
    for target, source in ((flat, x), (y, flat)):
        with pytest.raises(ValueError, match="two axes"):
            tape.batch_jacobian(target, source)
    with pytest.raises(ValueError, match="examples"):
        tape.batch_jacobian(other, x)
    with pytest.raises(TypeError):
        tape.batch_jacobian(y, [x])


def test_batch_jacobian_unconnected_empty_and_of_variables():
    x = gt.asarray(np.ones((3, 2), np.float32))
    v = gt.Variable(np.arange(4.0).reshape(2, 2))
    empty = gt.asarray(np.ones((0, 2)))
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(empty)
        y, e = v * v, empty * empty
    zeros = tape.batch_jacobian(x, gt.asarray(np.ones((3, 4))))
    assert zeros.shape == (3, 2, 4) and zeros.dtype == np.float32 and not zeros.numpy().any()
    assert tape.batch_jacobian(y, v).tolist() == [[[0, 0], [0, 2]], [[4, 0], [0, 6]]]
    assert tape.batch_jacobian(e, empty).shape == (0, 2, 2)


def test_batch_jacobian_inside_the_context_is_recorded():
    x = gt.asarray([[1.0, 2.0], [3.0, 4.0]])
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        j = tape.batch_jacobian(x**3, x)
    assert np.allclose(tape.gradient(j, x).numpy(), 6 * x.numpy())


# -- hessian, which TensorFlow has not
def test_hessian_needs_no_nesting():
    x, v = gt.asarray([1.0, 2.0]), gt.Variable(3.0)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = gt.sum(x**3) * v
    assert tape.hessian(y, x).tolist() == [[18.0, 0.0], [0.0, 36.0]]
    blocks = tape.hessian(y, {"x": x, "v": v})
    assert blocks["x"]["v"].tolist() == blocks["v"]["x"].tolist() == [3.0, 12.0] and blocks["v"]["v"].item() == 0.0
    with pytest.raises(ValueError, match="scalar"):
        tape.hessian(x * x, x)


def test_hessian_inside_the_context_is_recorded():
    x = gt.asarray([1.0, 2.0])
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        h = tape.hessian(gt.sum(x**4), x)
    assert h.tolist() == [[12.0, 0.0], [0.0, 48.0]]
    assert tape.gradient(h, x).tolist() == [24.0, 48.0]


def test_hessian_uses_a_non_persistent_tape_up_and_an_outer_tape_sees_it():
    x = gt.asarray([1.0, 2.0])
    with gt.GradientTape() as outer:
        outer.watch(x)
        with gt.GradientTape() as tape:
            tape.watch(x)
            y = gt.sum(x**4)
        h = tape.hessian(y, x)
        with pytest.raises(RuntimeError):
            tape.gradient(y, x)
    assert outer.gradient(h, x).tolist() == [24.0, 48.0]
