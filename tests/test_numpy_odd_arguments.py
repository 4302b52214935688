"""Odd and wrong arguments of NumPy's functions: what NumPy makes of them, with a tape that looks on and without."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import gradtape as gt

X = np.array([-2.0, 0.5, 3.0])
M = np.arange(6.0).reshape(2, 3)
A = np.array([[2.0, 1.0], [0.5, 3.0]])
B = X > 0
NUMBER = np.array(1.5)
ZEROS = np.zeros((2, 2))
SINGULAR = np.stack([A, ZEROS])
NONE, NO_ROWS, NO_COLUMNS = X[:0], M[:0], M[:, :0]

VALUES = {
    "broadcast_to a length": (lambda x: np.broadcast_to(x[0], 3), X),
    "convolve with a number": (lambda x: np.convolve(x, 2.0), X),
    "convolve a number": (lambda x: np.convolve(2.0, x), X),
    "convolve with inf": (lambda x: np.convolve(x, [np.inf, 1.0]), X),
    "convolve of inf": (lambda x: np.convolve(x, [1.0, 2.0], "same"), np.array([np.inf, 1.0, 0.0])),
    "convolve of integers": (lambda x: np.convolve(np.array([1, 2, 3, 4]), x, "valid"), X),
    "triu of a vector": (np.triu, X), "tril of a vector": (lambda x: np.tril(x, -1), X),
    "conj of bools": (lambda x: np.conj(x > 0), X), "conjugate of bools": (lambda x: np.conjugate(x > 0), X),
    "correlate with bools": (lambda x: np.correlate(x, B, "full"), X),
    "correlate of bools": (lambda x: np.correlate(x > 0, x > 0), X),
    **{f"cond of zeros, {p}": (lambda x, p=p: np.linalg.cond(x, p), ZEROS)
       for p in (None, 1, -1, 2, -2, np.inf, -np.inf, "fro")},
    **{f"cond of a stack, {p}": (lambda x, p=p: np.linalg.cond(x, p), SINGULAR) for p in (None, 1, "fro")},
    "fftn of a number": (np.fft.fftn, NUMBER), "ifftn of a number": (np.fft.ifftn, NUMBER),
    "fftn along no axis": (lambda x: np.fft.fftn(x, axes=()), M),
    "median of nothing": (np.median, NONE), "nanmedian of nothing": (np.nanmedian, NONE),
    "median of no rows": (lambda x: np.median(x, axis=0, keepdims=True), NO_ROWS),
    "median along rows, of none": (lambda x: np.median(x, axis=1), NO_ROWS),
    "nanmedian of no rows": (lambda x: np.nanmedian(x, axis=0, keepdims=True), NO_ROWS),
    "nanquantile of nothing": (lambda x: np.nanquantile(x, [0.1, 0.5]), NONE),
    **{f"{u.__name__}.reduce of a number": (u.reduce, NUMBER)
       for u in (np.add, np.multiply, np.maximum, np.logical_or, np.subtract, np.divide, np.hypot, np.power)},
    "add.reduce of a number, keepdims": (lambda x: np.add.reduce(x, axis=-1, keepdims=True), NUMBER),
    "hypot.reduce of a number, keepdims": (lambda x: np.hypot.reduce(x, keepdims=True), NUMBER),
    "sum of a number along an axis": (lambda x: np.sum(x, axis=0), NUMBER),
    "max of a number along an axis": (lambda x: np.max(x, axis=-1), NUMBER),
    "hypot.reduce of nothing, from 1": (lambda x: np.hypot.reduce(x, initial=1.0), NONE),
    "hypot.reduce of nothing": (np.hypot.reduce, NONE), "hypot.reduce of no rows": (np.hypot.reduce, NO_ROWS),
    "isfinite in bools": (lambda x: np.isfinite(x, dtype=bool), X),
    **{f"norm {order} of no rows": (lambda x, order=order: np.linalg.norm(x, order), NO_ROWS)
       for order in (None, "fro", "nuc", 2, np.inf)},
    "norm 1 of no columns": (lambda x: np.linalg.norm(x, 1), NO_COLUMNS),
    **{f"norm {order} of nothing": (lambda x, order=order: np.linalg.norm(x, order), NONE)
       for order in (0, 1, 2, 3, np.inf, -1, -0.5)},
    "vector_norm of the order None": (lambda x: np.linalg.vector_norm(x, ord=None, axis=0), M),
    "vector_norm -1 of no rows": (lambda x: np.linalg.vector_norm(x, axis=0, ord=-1), NO_ROWS),
    "polymul with nothing": (lambda x: np.polymul(x, x[:0]), X),
    "polymul of nothing": (lambda x: np.polymul(x, X), NONE),
    "polymul of leading zeros": (lambda x: np.polymul([0.0, 1.0, 2.0], x), X),
    "polymul with leading zeros": (lambda x: np.polymul(x * [0, 1, 1], [0.0, 1.0]), X),
    "polymul of zeros": (lambda x: np.polymul(x, X), 0 * X),
    "split at places": (lambda x: np.split(x, np.array([1, 2])), X),
    "split into floats": (lambda x: np.split(x, 3.0), X),
    "matrix_power of NumPy's integer": (lambda x: np.linalg.matrix_power(x, np.int64(2)), A),
    "concatenate unsafely": (lambda x: np.concatenate([x, x], dtype=int, casting="unsafe"), X),
    "concatenate in single precision": (lambda x: np.concatenate([x, x], dtype=np.float32), X),
    "stack in single precision": (lambda x: np.stack([x, x], dtype=np.float32), X),
    "vstack in single precision": (lambda x: np.vstack([x, [1, 2, 3]], dtype=np.float32), X),
    "average with weights of rows": (lambda x: np.average(x, axis=0, weights=[1.0, 2.0], returned=True), M),
    "average of nothing": (np.average, NONE),
    "sum along NumPy's integer": (lambda x: np.sum(x, axis=np.int64(1)), M),
}  # fmt: skip

ERRORS = {
    "convolve of a matrix": (lambda x: np.convolve(x, X), M),
    "convolve of nothing": (lambda x: np.convolve(x, X), NONE),
    "convolve in an unknown mode": (lambda x: np.convolve(x, x, "some"), X),
    "full_like of another length": (lambda x: np.full_like(x, [1.0, 2.0]), X),
    "subtract.reduce of nothing": (np.subtract.reduce, NONE), "fmax.reduce of nothing": (np.fmax.reduce, NONE),
    "subtract.accumulate of a number": (np.subtract.accumulate, NUMBER),
    "nanmedian along axis 5": (lambda x: np.nanmedian(x, axis=5), M),
    "insert along axis 5": (lambda x: np.insert(x, 0, 1.0, axis=5), M),
    "rollaxis of axis 5": (lambda x: np.rollaxis(x, 5), M),
    "gradient along axis 5": (lambda x: np.gradient(x, axis=5), M),
    "nanquantile along axis -3": (lambda x: np.nanquantile(x, 0.5, axis=-3), M),
    "nanmedian along an axis twice": (lambda x: np.nanmedian(x, axis=(0, 0)), M),
    "nanquantile -1": (lambda x: np.nanquantile(x, -1), M),
    "nanpercentile 101": (lambda x: np.nanpercentile(x, 101, axis=1), M),
    "nanpercentiles": (lambda x: np.nanpercentile(x, [10, -3]), X),
    "split at floats": (lambda x: np.split(x, [0.5, 1.2], axis=1), M),
    "array_split at floats": (lambda x: np.array_split(x, [0.5]), X),
    "split into -1": (lambda x: np.split(x, -1), X), "array_split into -1": (lambda x: np.array_split(x, -1), X),
    "array_split into 0": (lambda x: np.array_split(x, 0), X), "vsplit of a vector": (lambda x: np.vsplit(x, 1), X),
    "dsplit of a matrix": (lambda x: np.dsplit(x, 1), M),
    "matrix_power 2.7": (lambda x: np.linalg.matrix_power(x, 2.7), A),
    "matrix_power of text": (lambda x: np.linalg.matrix_power(x, "2"), A),
    **{f"{f.__name__} in integers": (lambda x, f=f: f([x, x], dtype=int), X)
       for f in (np.concatenate, np.stack, np.hstack, np.vstack)},
    "concatenate safely": (lambda x: np.concatenate([x, x], dtype=np.float32, casting="safe"), X),
    "concatenate of two types": (lambda x: np.concatenate([x, np.array([1])], casting="no"), X),
    "concatenate by an unknown rule": (lambda x: np.concatenate([x, x], casting="some"), X),
    "average without weight": (lambda x: np.average(x, weights=[0, 0, 0]), X),
    "average of rows without weight": (lambda x: np.average(x, axis=0, weights=[1.0, -1.0]), M),
    "average with too many weights": (lambda x: np.average(x, axis=0, weights=[1.0, 2.0, 3.0]), M),
    "average with too few weights": (lambda x: np.average(x, weights=[1.0, 2.0]), M),
    "Frobenius norm of columns": (lambda x: np.linalg.norm(x, "fro", axis=0), M),
    "Frobenius norm of a vector": (lambda x: np.linalg.norm(x, "fro"), X),
    "vector_norm fro": (lambda x: np.linalg.vector_norm(x, ord="fro"), X),
    "norm along three axes": (lambda x: np.linalg.norm(x, axis=(0, 1, 2)), SINGULAR),
    "norm -inf of nothing": (lambda x: np.linalg.norm(x, -np.inf), NONE),
    "vander of a matrix": (np.vander, M), "cov of a stack": (np.cov, M[None]),
    "corrcoef of a stack": (np.corrcoef, M[None]),
    "cov with a stack": (lambda x: np.cov(M, x), M[None]), "gradient of nothing": (np.gradient, NONE),
    "gradient of one": (np.gradient, X[:1]), "gradient with two spacings": (lambda x: np.gradient(x, 1.0, 2.0), X),
    "isnan in floats": (lambda x: np.isnan(x, dtype=np.float32), X),
    "signbit in floats": (lambda x: np.signbit(x, dtype=np.float32), X),
    **{f"{f.__name__} along axis 1.0": (lambda x, f=f: f(x, axis=1.0), M)
       for f in (np.sum, np.prod, np.max, np.mean, np.std, np.any, np.argmax, np.cumsum, np.sort, np.median, np.flip)},
}  # fmt: skip

if np.lib.NumpyVersion(np.__version__) < "2.3.0":  # which has no norm of nothing, and goes by a mode's first letter
    for name in ("norm 2 of no rows", "norm inf of no rows", "norm 1 of no columns", "norm inf of nothing"):
        del VALUES[name]
    del ERRORS["convolve in an unknown mode"]

NO_RULE = {
    "einsum dtype=": (lambda x: np.einsum("i,i->", x, x, dtype=np.float64), X),
    "einsum order=": (lambda x: np.einsum("i,i->", x, x, order="C"), X),
    "quantile weights=": (lambda x: np.quantile(x, 0.5, weights=[1, 1, 1], method="inverted_cdf"), X),
    "percentile weights=": (lambda x: np.percentile(x, 50, weights=[1, 1, 1], method="inverted_cdf"), X),
    "pad end_values=": (lambda x: np.pad(x, 2, mode="linear_ramp", end_values=(1, 1)), X),
    "pad mode='mean'": (lambda x: np.pad(x, 2, mode="mean"), X),
    "pad mode='maximum'": (lambda x: np.pad(x, 2, mode="maximum"), X),
    "pad reflect_type='odd'": (lambda x: np.pad(x, 2, mode="reflect", reflect_type="odd"), X),
    "qr mode='raw'": (lambda x: np.linalg.qr(x, mode="raw"), A),
    "reduce axis=int": (lambda x: np.fmax.reduce(x, axis=None), M),
    "reduces axis=int": (lambda x: np.hypot.reduce(x, axis=(0, 1)), M),
}  # fmt: skip

INDICES = {"a float": 1.7, "floats": [0.9, 1.2], "bools": B, "a list of bools": [True, False, True], "a bool": True}


def outcome(function, x):
    """The arrays that a call gives, or the error that it raises. Of nothing NumPy warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            y = function(x)
        except Exception as error:  # which one is the question
            return error
    return [np.asarray(part.numpy() if isinstance(part, gt.Tensor) else part) for part in parts(y)]


def parts(y):
    return y if isinstance(y, tuple | list) else [y]


def outcomes(function, array):
    """What comes of NumPy's array, of a Tensor, and of a Tensor that is watched."""
    x = gt.asarray(array)
    with gt.GradientTape() as tape:
        tape.watch(x)
        watched = outcome(function, x)
    return outcome(function, array), outcome(function, x), watched


def assert_same(given, expected):
    assert isinstance(given, list), given
    assert len(given) == len(expected)
    for y, wanted in zip(given, expected, strict=True):
        assert y.dtype == wanted.dtype
        np.testing.assert_allclose(y, wanted, rtol=1e-12)


@pytest.mark.parametrize("name", VALUES)
def test_values_of_numpy(name):
    expected, *given = outcomes(*VALUES[name])
    for y in given:
        assert_same(y, expected)


@pytest.mark.parametrize("name", ERRORS)
def test_errors_of_numpy(name):
    expected, *given = outcomes(*ERRORS[name])
    for error in given:
        assert isinstance(error, kind_of(expected)), error


def kind_of(error):
    """The kind of error that anybody can catch: NumPy's TypeErrors of universal functions have a private class."""
    return TypeError if isinstance(error, TypeError) else type(error)


@pytest.mark.parametrize("name", NO_RULE)
def test_what_has_no_rule(name):
    expected, plain, watched = outcomes(*NO_RULE[name])
    assert_same(plain, expected)
    assert isinstance(watched, gt.NoRuleError)
    function, keyword = name.split()
    assert function.rstrip("s") in str(watched)
    assert keyword in str(watched)


@pytest.mark.parametrize("name", INDICES)
def test_take_rounds_no_index(name):
    """NumPy rounds numbers in lists down, and takes bools as 0 and 1; a mask or a float is an oversight."""
    for function in (np.take, gt.take, lambda x, i: x.take(i)):
        for error in outcomes(lambda x, f=function: f(gt.asarray(x), INDICES[name]), X):
            assert isinstance(error, IndexError)


def test_take_of_lists():
    for indices in ([2, 0], [], [[1], [2]], np.array([2, 0], np.uint8), np.int64(1), 1):
        for y in outcomes(lambda x, i=indices: np.take(x, i), X)[1:]:
            assert_same(y, [np.take(X, indices)])


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_convolve_has_all_derivatives(mode):
    for v in (X[:2], np.append(X, X)):
        gt.check_grads(lambda x, v: np.convolve(x, v, mode), (X, v), order=2)


def test_gradient_beside_infinity():
    with gt.GradientTape() as tape:
        x = gt.asarray(X)
        tape.watch(x)
        y = np.convolve(x, [np.inf, 1.0])[3]
    assert tape.gradient(y, x).tolist() == [0, 0, 1]


def test_cond_of_singular_matrices_has_no_finite_slope():
    for p in (2, 1):
        with gt.GradientTape() as tape:
            a = gt.asarray([[1.0, 0.0], [0.0, 0.0]])
            tape.watch(a)
            y = np.linalg.cond(a, p)
        assert float(y) == np.inf
        assert not np.isfinite(tape.gradient(y, a)[1, 1])


@pytest.mark.parametrize(("call", "name"), [
    (lambda v: np.full_like(np.zeros(3), v), "full_like"),
    (lambda v: np.full(3, v, dtype=np.float32), "full"),
    (lambda v: np.copyto(np.zeros(3), v), "copyto"),
])  # fmt: skip
def test_a_plain_array_is_not_filled(call, name):
    with gt.GradientTape() as tape:
        v = gt.asarray(1.5)
        tape.watch(v)
        with pytest.raises(gt.LostGradientError, match=rf"numpy.{name}\b"):
            call(v)


def test_text_is_no_operand():
    x = gt.asarray(X)
    for call in (lambda: x * "a", lambda: "a" * x, lambda: x * b"a"):
        with pytest.raises(TypeError, match="unsupported operand types for \\*"):
            call()


def test_own_functions_ask_for_integers():
    a, x = gt.asarray(A), gt.asarray(X)
    for call in (
        lambda: gt.linalg.matrix_power(a, 2.0), lambda: gt.sum(x, axis=0.0), lambda: gt.split(x, [0.5]),
        lambda: gt.linalg.norm(a, "fro", axis=0), lambda: gt.array_split(x, 0), lambda: gt.vsplit(x, 1),
    ):  # fmt: skip
        with pytest.raises((TypeError, ValueError)):
            call()
    assert gt.broadcast_to(x[0], 3).shape == (3,)
