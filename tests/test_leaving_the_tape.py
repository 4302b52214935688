"""A recorded Tensor never becomes a plain array unnoticed; one that nobody follows becomes one freely.

Every way in which NumPy and its neighbours take values out of objects is a case here. Recorded: it raises, and the
text says what to write, or it is one of the conversions that are allowed and noted. Not recorded: it works.
"""

import copy
import math
import operator
import pickle
import random
import re
import warnings

import numpy as np
import pytest

import gradtape as gt
from gradtape.tensor import Tensor

V = np.array([0.5, 0.25, 0.75])


def recorded(f, value=V):
    """What f gives for a Tensor that a tape follows."""
    x = gt.asarray(np.array(value))
    with gt.GradientTape() as tape:
        tape.watch(x)
        return f(x * 1.0)


def iadd(x):
    n = np.zeros(3)
    n += x
    return n


def stored(x):
    n = np.zeros(3)
    n[0] = x[0]
    return n


def stored_slice(x):
    n = np.zeros(3)
    n[0:2] = x[:2]
    return n


def stored_mask(x):
    n = np.zeros(3)
    n[n == 0] = x
    return n


def added_out(x):
    n = np.zeros(3)
    return np.add(x, x, out=n)


def added_at(x):
    n = np.zeros(3)
    np.add.at(n, [0, 0, 1], x)
    return n


def summed_out(x):
    n = np.zeros(())
    np.sum(x, out=n)
    return n


def copied(x):
    n = np.zeros(3)
    np.copyto(n, x)
    return n


def put(x):
    n = np.zeros(3)
    np.put(n, [0], x[0])
    return n


def put_method(x):
    n = np.zeros(3)
    n.put([0, 1, 2], x)
    return n


def filled_diagonal(x):
    n = np.zeros((3, 3))
    n[np.diag_indices(3)] = x
    return n


def filled(x):
    n = np.zeros(2)
    n.fill(x)
    return n


SILENT = {
    "numpy.asarray": np.asarray,
    "numpy.array": np.array,
    "numpy.array of Tensors": lambda x: np.array([x[0], x[1]]),
    "numpy.array of a mixture": lambda x: np.array([1.0, x[1]]),
    "numpy.array with dtype": lambda x: np.array([x[0], 1.0], dtype=float),
    "numpy.asarray of rows": lambda x: np.asarray([[x[0]], [x[1]]]),
    "numpy.ascontiguousarray": np.ascontiguousarray,
    "numpy.full": lambda x: np.full(3, x[0]),
    "numpy.arange": lambda x: np.arange(x[0]),
    "numpy.float32": lambda x: np.float32(x[0]),
    "numpy.vectorize": lambda x: np.vectorize(abs)(x),
    "numpy.fromiter of an array": lambda x: np.r_[x],
    "ndarray.dot": lambda x: np.ones(3).dot(x),
    "ndarray.searchsorted": lambda x: np.arange(3.0).searchsorted(x),
    "ndarray.take out": lambda x: np.ones(3).put([0, 1, 2], x),
    "ndarray += x": iadd,
    "ndarray[0] = x": stored,
    "ndarray[slice] = x": stored_slice,
    "ndarray[mask] = x": stored_mask,
    "ndarray[indices] = x": filled_diagonal,
    "ndarray.put": put_method,
    "numpy.add out": added_out,
    "numpy.add.at": added_at,
    "numpy.sum out": summed_out,
    "numpy.copyto": copied,
    "numpy.put": put,
    "numpy.random.normal": lambda x: np.random.normal(x, 1.0),
    "Generator.normal": lambda x: np.random.default_rng(0).normal(x),
    "numpy.testing": lambda x: np.testing.assert_allclose(x, V),
}
HELP = r"cut its gradient.*gradtape\.(stop_gradient|asarray|stack).*x\.numpy\(\)"


@pytest.mark.parametrize("name", SILENT)
def test_recorded_it_raises_and_says_what_to_write(name):
    with pytest.raises((gt.LostGradientError, ValueError)) as caught:
        recorded(SILENT[name])
    error = caught.value
    if type(error) is ValueError:  # NumPy's own around it: "setting an array element with a sequence"
        assert name == "ndarray[0] = x"
        error = error.__cause__
    assert isinstance(error, gt.LostGradientError) and isinstance(error, TypeError)
    assert re.search(HELP, str(error))
    assert "test_leaving_the_tape.py" in str(error), "it must name the user's line"


@pytest.mark.parametrize("name", SILENT)
def test_not_recorded_it_converts(name):
    x = gt.asarray(V)
    expected = None if name == "numpy.testing" else SILENT[name](V)
    if "random" in name or "Generator" in name:
        assert SILENT[name](x).shape == (3,)
    elif expected is None:
        SILENT[name](x)
    else:
        result = SILENT[name](x)
        assert not isinstance(result, Tensor)
        np.testing.assert_array_equal(result, expected)


def test_after_the_tape_is_left_it_converts():
    x = gt.asarray(V)
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    np.testing.assert_array_equal(np.asarray(y), V * V)
    assert float(tape.gradient(y, x)[0]) == 1.0


def test_another_tape_does_not_mind():
    x = gt.asarray(V)
    with gt.GradientTape():
        np.testing.assert_array_equal(np.asarray(x), V)


def test_a_variable_raises_too():
    v = gt.Variable(V)
    with gt.GradientTape(), pytest.raises(gt.LostGradientError):
        np.asarray(v)
    with gt.GradientTape(watch_accessed_variables=False):
        np.testing.assert_array_equal(np.asarray(v), V)
    np.testing.assert_array_equal(np.asarray(v), V)


def test_inside_transforms_it_raises():
    with pytest.raises(gt.LostGradientError):
        gt.jvp(lambda x: gt.asarray(np.asarray(x)), (V,), (V,))
    with pytest.raises(gt.LostGradientError):
        gt.vmap(lambda x: gt.asarray(np.asarray(x)))(V)
    with pytest.raises(ValueError, match="sequence") as caught:
        gt.jvp(lambda x: gt.asarray(stored(x)), (V,), (V,))
    assert isinstance(caught.value.__cause__, gt.LostGradientError)


def test_what_was_converted_cannot_change_a_record():
    x = gt.asarray(V)
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = gt.exp(x)  # its rule keeps y
    array = np.asarray(y)
    with pytest.raises(ValueError, match="read-only"):
        array *= 2
    np.array(y)[0] = 7.0  # a copy is the user's own
    y.numpy()[0] = 7.0
    np.testing.assert_array_equal(tape.gradient(y, x).numpy(), np.exp(V))


def test_conversion_arguments():
    x = gt.asarray(V)
    assert np.asarray(x, dtype=np.float32).dtype == np.float32
    assert np.array(x, copy=True).flags.writeable
    assert np.shares_memory(np.asarray(x, copy=False), x.data)
    assert np.asarray(gt.asarray(2.0)).shape == ()
    with pytest.raises(ValueError, match="copy"):
        np.asarray(x, dtype=np.float32, copy=False)


# -- what is allowed -----------------------------------------------------------------------------------------------
FREE = {
    "bool": lambda x: bool(x[0] > 0.1),
    "if": lambda x: "yes" if x[0] > 0.1 else "no",
    "numpy": lambda x: x.numpy().tolist() if isinstance(x, Tensor) else x.tolist(),
    "item": lambda x: x[0].item(),
    "tolist": lambda x: x.tolist(),
    "str": str,
    "print": lambda x: print(x),
    "format": lambda x: f"{x[0]:.3f} {x}",
    "percent": lambda x: "%.3f %s" % (x[0], x[1]),  # noqa: UP031
    "html": lambda x: x._repr_html_() if isinstance(x, Tensor) else None,
    "len": len,
    "shape": np.shape,
}


@pytest.mark.parametrize("name", FREE)
@pytest.mark.filterwarnings("error")
def test_free(name):
    f = FREE[name]
    given = recorded(f)
    assert name == "html" or given == f(V), "as for an array"


NUMBERS = {
    "float": lambda x: float(x[0]),
    "int": lambda x: int(x[0] * 10),
    "complex": lambda x: complex(x[0]),
    "math.sin": lambda x: math.sin(x[0]),
    "math.hypot": lambda x: math.hypot(x[0], x[1]),
    "percent": lambda x: "%f" % x[0],  # noqa: UP031
    "round to int": lambda x: round(float(x[0])),
    "statistics": lambda x: math.fsum(x),
    "numpy.fromiter": lambda x: np.fromiter([x[0], x[1]], float).tolist(),
    "ndarray.fill": lambda x: filled(x[0]).tolist(),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_taken_and_noted(name):
    x = gt.asarray(V)
    with gt.GradientTape() as tape:
        tape.watch(x)
        assert NUMBERS[name](x) == NUMBERS[name](V)
        notes = list(tape._trace.numbers)
    assert notes and notes[0][1] in ("float", "int", "complex") and "test_leaving_the_tape.py" in notes[0][2]


def test_a_number_of_a_forward_value_warns():
    with pytest.warns(gt.UnconnectedGradientWarning, match="tangent is dropped"):
        gt.jvp(lambda x: x * float(x), (2.0,), (1.0,))


def test_a_number_of_many_elements_is_refused():
    with pytest.raises(TypeError, match=r"one element converts to float, not one of shape \(3,\)"):
        float(gt.asarray(V))


def test_storing_a_number_on_purpose_is_allowed():
    def f(x):
        n = np.zeros(3)
        n[0] = float(x[0])
        n[1] = x[1].item()
        n[2] = gt.stop_gradient(x[2])
        return n

    assert recorded(f).tolist() == V.tolist()


def test_an_integer_tensor_is_an_index():
    i = gt.asarray(2)
    assert [10, 11, 12][i] == 12 and np.arange(3)[i] == 2 and operator.index(i) == 2 and list(range(i)) == [0, 1]
    with pytest.raises(TypeError, match="only a 0-d integer Tensor"):
        [1, 2][gt.asarray(1.0)]


# -- text, copies, iteration ---------------------------------------------------------------------------------------
def test_format():
    x = gt.asarray(2.5)
    assert (f"{x:.2f}", f"{x}", f"{x:>8}", f"{x:e}") == ("2.50", "2.5", "     2.5", "2.500000e+00")
    assert f"{gt.asarray(3):03d}" == "003" and format(gt.asarray(V)) == str(V)
    with pytest.raises(TypeError):
        f"{gt.asarray(V):.2f}"


def test_repr_and_html():
    x = gt.asarray([[1.0, 2.0]])
    assert repr(x) == "Tensor([[1., 2.]], shape=(1, 2), dtype=float64)"
    html = x._repr_html_()
    assert "shape (1, 2)" in html and "float64" in html and "[[1. 2.]]" in html
    text = repr(gt.Variable(1.0, name="w"))
    assert text.startswith("Variable(1.") and "name='w'" in text


def test_pickling_and_copying():
    x = recorded(lambda x: x)
    y = pickle.loads(pickle.dumps(x))
    assert isinstance(y, Tensor) and y.tolist() == V.tolist() and y._key == 0  # tracking does not travel
    v = gt.Variable(V, trainable=False, name="v")
    w = pickle.loads(pickle.dumps(v))
    assert type(w) is gt.Variable and w.name == "v" and not w.trainable and w.tolist() == V.tolist()
    model = {"a": v, "b": [v]}
    other = copy.deepcopy(model)
    assert other["a"] is other["b"][0] and other["a"] is not v
    other["a"].assign(V * 2)
    assert v.tolist() == V.tolist()
    with pytest.raises(TypeError, match="cannot be pickled"):
        gt.jvp(lambda x: pickle.dumps(x), (1.0,), (1.0,))


def test_a_deep_copy_of_a_tensor_has_a_life_of_its_own():
    x = gt.asarray(np.array(V))
    for other in (copy.copy(x), copy.deepcopy(x)):
        other[0] = 9.0
        assert x.tolist() == V.tolist()


def test_a_deep_copy_keeps_the_gradient():
    x = gt.asarray(V)
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = copy.deepcopy(x * 2.0) * 3.0
    assert tape.gradient(y, x).tolist() == [6.0] * 3


def test_iteration_and_len():
    x = gt.asarray(V)
    assert len(x) == 3 and [float(e) for e in x] == V.tolist() and len(list(gt.zeros((0, 2)))) == 0
    *_, c = x
    assert float(c) == 0.75 and 0.25 in x and 7.0 not in x
    with pytest.raises(TypeError, match="len"):
        len(gt.asarray(1.0))
    with pytest.raises(TypeError, match="iteration over a 0-d"):
        iter(gt.asarray(1.0))
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = sum([w * e for w, e in zip((1.0, 2.0, 3.0), x, strict=True)])
    assert tape.gradient(y, x).tolist() == [1.0, 2.0, 3.0]
    assert float(max(x)) == 0.75 and [float(e) for e in sorted(x)] == sorted(V) and float(random.choice(list(x))) in V


def test_tensors_are_not_hashable_and_never_confused():
    with pytest.raises(TypeError, match="unhashable"):
        hash(gt.asarray(1.0))
    x, y = gt.asarray(1.0), gt.asarray(1.0)
    assert x.ref() == x.ref() and x.ref() != y.ref() and x.ref().deref() is x and len({x.ref(), y.ref()}) == 2


# -- neighbours ----------------------------------------------------------------------------------------------------
def test_pandas():
    pd = pytest.importorskip("pandas")
    series = pd.Series(V)
    for f in (lambda x: x * series, lambda x: series * x, lambda x: pd.Series(x), lambda x: pd.DataFrame({"a": x})):
        with pytest.raises(gt.LostGradientError, match=HELP):
            recorded(f)
    x = gt.asarray(V)
    assert (x * series).tolist() == (V * V).tolist() and isinstance(x * series, pd.Series)
    assert (series * x).tolist() == (V * V).tolist() and isinstance(series * x, pd.Series)
    assert pd.Series(x).dtype == float and pd.DataFrame({"a": x})["a"].tolist() == V.tolist()
    assert np.multiply(x, series).tolist() == (V * V).tolist()


def test_matplotlib():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from matplotlib import pyplot as plt
    x = gt.asarray(V)
    figure, axes = plt.subplots()
    (line,) = axes.plot(x, x * x)
    assert np.asarray(line.get_ydata(), float).tolist() == (V * V).tolist()
    axes.scatter(x, x)
    axes.hist(x)
    axes.imshow(gt.asarray(np.eye(3)))
    with pytest.raises(gt.LostGradientError, match=HELP):
        recorded(lambda x: axes.plot(x))
    plt.close(figure)


def test_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    X, y = np.random.default_rng(0).normal(size=(20, 2)), np.arange(20.0)
    expected = linear_model.LinearRegression().fit(X, y).coef_
    assert np.allclose(linear_model.LinearRegression().fit(gt.asarray(X), gt.asarray(y)).coef_, expected)
    with pytest.raises(gt.LostGradientError, match=HELP):
        recorded(lambda X: linear_model.LinearRegression().fit(X, y), X)


def test_scipy_takes_values():
    integrate = pytest.importorskip("scipy.integrate")
    optimize = pytest.importorskip("scipy.optimize")
    x = gt.asarray(V)
    assert integrate.simpson(x) == integrate.simpson(V)
    with pytest.raises((gt.LostGradientError, gt.NoRuleError)):
        recorded(integrate.simpson)
    # An optimiser gets a number and an array of every evaluation: the way to train with SciPy.
    f = gt.value_and_grad(lambda x: gt.sum((x - 1.0) ** 2))
    result = optimize.minimize(lambda x: [np.asarray(part) for part in f(x)], V, jac=True)
    assert np.allclose(result.x, 1.0)
