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
