"""The switch that shows where a zero absorbs an infinite or undefined slope."""

from __future__ import annotations

import threading
import warnings

import numpy as np
import pytest

import gradtape as gt
from gradtape.arrays.numpy_kernels import REPORT

from .array_libraries import LIBRARIES, maker

pytestmark = pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # of the functions themselves
X = np.array([4.0, -1.0, 0.0, 9.0])


def dead_branch(x):
    return gt.sum(gt.where(x > 0, gt.sqrt(x), 0.0))


def test_a_dead_branch_is_shown_with_function_index_and_line():
    with gt.debug_nans(), pytest.warns(gt.AbsorbedNaNWarning) as caught:
        g = gt.grad(dead_branch)(X)
    np.testing.assert_allclose(g, [0.25, 0, 0, 1 / 6])
    caught = [w for w in caught if w.category is gt.AbsorbedNaNWarning]
    text = str(caught[0].message)
    assert "derivative of sqrt" in text and "2 of 4 elements, the first at index (1,)" in text
    assert "test_debug_nans.py:" in text and caught[0].filename == __file__


def test_forward_mode_too():
    with gt.debug_nans(), pytest.warns(gt.AbsorbedNaNWarning, match="derivative of log"):
        gt.jvp(lambda x: gt.log(x), (np.array([0.0, 1.0]),), (np.array([0.0, 1.0]),))


def test_scalars_and_quotients():
    with gt.debug_nans(), pytest.warns(gt.AbsorbedNaNWarning, match="derivative of sqrt, a zero absorbed .* there"):
        gt.grad(lambda x: gt.where(x > 0, gt.sqrt(x), 0.0))(0.0)
    with gt.debug_nans(), pytest.warns(gt.AbsorbedNaNWarning):
        gt.grad(lambda x: gt.cbrt(x**3))(0.0)  # its derivative is 1: the rule that a zero absorbs makes 0 of it


def test_a_nan_is_named_where_it_arises():
    with gt.debug_nans(), pytest.warns(gt.AbsorbedNaNWarning, match="derivative of sqrt, the product is NaN"):
        assert np.isnan(gt.grad(gt.sqrt)(-1.0))


def test_as_an_error_it_leaves_all_as_before():
    x = gt.Variable(X)
    with gt.debug_nans(error=True):
        with gt.GradientTape(persistent=True) as tape:
            y = dead_branch(x)
        with pytest.raises(FloatingPointError, match="sqrt"):
            tape.gradient(y, x)
    assert REPORT.get() is None
    np.testing.assert_allclose(tape.gradient(y, x), [0.25, 0, 0, 1 / 6])


def test_nothing_is_said_outside_or_elsewhere():
    said = []

    def other():
        with warnings.catch_warnings():
            warnings.simplefilter("error", gt.AbsorbedNaNWarning)
            gt.grad(dead_branch)(X)
            said.append("nothing")

    with gt.debug_nans():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    other()
    assert said == ["nothing"] * 2
    with gt.debug_nans(), warnings.catch_warnings():
        warnings.simplefilter("error")
        gt.grad(lambda x: gt.sum(gt.sqrt(x)))(np.abs(X) + 1)  # nothing undefined in it


@pytest.mark.parametrize("library", [library for library in LIBRARIES if library != "dask"])
def test_arrays_of_other_libraries(library):
    x = maker(library)(X)
    with gt.debug_nans(), pytest.warns(gt.AbsorbedNaNWarning, match=r"of sqrt, a zero .* at 2 of 4 elements.*\(1,\)"):
        g = gt.grad(dead_branch)(x)
    np.testing.assert_allclose(g.numpy(), [0.25, 0, 0, 1 / 6])
    with gt.debug_nans(error=True), pytest.raises(FloatingPointError, match="the product is NaN"):
        gt.grad(lambda x: gt.sum(gt.sqrt(x)))(x)


def test_elements_that_cannot_be_looked_at_are_let_pass():
    jax = pytest.importorskip("jax")
    with gt.debug_nans(error=True):
        g = jax.jit(lambda x: gt.grad(dead_branch)(x).data)(X)
    np.testing.assert_allclose(g, [0.25, 0, 0, 1 / 6], rtol=1e-6)
    array = pytest.importorskip("dask.array")
    with gt.debug_nans(error=True):
        g = gt.grad(dead_branch)(array.asarray(X))
    np.testing.assert_allclose(g.numpy(), [0.25, 0, 0, 1 / 6])
