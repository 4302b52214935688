"""Section 18: where TensorFlow gives IndexedSlices, a dense gradient."""

import numpy as np
import pytest

import gradtape as gt

INDICES = np.array([2, 0, 2])


@pytest.mark.parametrize(
    "gather", [lambda p: gt.take(p, INDICES, axis=0), lambda p: p[INDICES]], ids=["take", "indexing"]
)
def test_the_gradient_of_a_gather_is_dense_and_duplicates_are_summed(gather):
    for params in (gt.asarray(np.arange(8.0).reshape(4, 2)), gt.Variable(np.arange(8.0).reshape(4, 2))):
        with gt.GradientTape() as tape:
            tape.watch(params)
            y = gather(params)
            loss = gt.sum(y * y)
        g = tape.gradient(loss, params)
        assert type(g) is gt.Tensor and g.shape == (4, 2)
        assert g.tolist() == [[0.0, 2.0], [0.0, 0.0], [16.0, 20.0], [0.0, 0.0]]


def test_it_can_be_a_target_and_has_higher_orders():
    params = gt.Variable([1.0, 2.0, 3.0])
    with gt.GradientTape(persistent=True) as tape:
        y = gt.sum(gt.take(params, INDICES) ** 3)
        g = tape.gradient(y, params)
        h = tape.gradient(g, params)
    assert g.tolist() == [3.0, 0.0, 54.0] and h.tolist() == [6.0, 0.0, 36.0]
    assert tape.jacobian(g, params).tolist() == [[6.0, 0, 0], [0, 0, 0], [0, 0, 36.0]]


def test_assign_sub_accepts_it():
    params = gt.Variable([1.0, 2.0, 3.0])
    with gt.GradientTape() as tape:
        y = gt.sum(gt.take(params, INDICES))
    params.assign_sub(0.5 * tape.gradient(y, params))
    assert params.tolist() == [0.5, 2.0, 2.0]


def test_a_recorded_sweep_adds_up_the_slices_of_an_array_in_one_go():
    """Not an array of full size for each: the gradient of a loop over elements stays linear, also when recorded."""
    x = gt.asarray(np.linspace(0.1, 1.0, 40))
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = gt.sum(x**3) + sum([x[i] ** 2 * x[i - 1] for i in range(1, 40)])
        g = tape.gradient(y, x)
        names = [record[0].name for record in tape._trace.slots.values() if record is not None]
        h = tape.gradient(gt.sum(g * x), x)  # Hx + g
    assert names.count("scatter_sum") == 1 and names.count("scatter") == 0
    v = x.numpy()
    want = 3 * v**2
    want[1:] += 2 * v[1:] * v[:-1]
    want[:-1] += v[1:] ** 2
    np.testing.assert_allclose(g, want, rtol=1e-14)
    np.testing.assert_allclose(h, 3 * want, rtol=1e-14)  # y is of degree 3 in x, so Hx = 2g
