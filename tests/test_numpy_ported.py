"""NumPy's polynomials, sets, quantiles without NaN, insertion and the rest: values of NumPy, derivatives of numbers."""

from __future__ import annotations

import numpy as np
import pytest

import gradtape as gt
from gradtape.arrays.quantile_methods import POSITIONS

X = np.array([[0.3, -1.2, 0.7, 2.0], [1.5, 0.9, -0.4, 0.1]])
V = np.array([1.5, -0.5, 2.0, 0.25])
N = np.array([[0.3, np.nan, 0.7, 2.0], [1.5, 0.9, -0.4, np.nan]])
PLACES = np.array([0, 2, 0, 1])
MATRIX = np.array([[2.0, 0.3, 0.1], [0.2, -1.0, 0.4], [0.5, 0.1, 3.0]])

CALLS = {
    "bincount": (lambda w: np.bincount(PLACES, w, minlength=5), V),
    "insert at a place": (lambda x, v: np.insert(x, 1, v, axis=1), X, np.array([5.0, 6.0])),
    "insert at places": (lambda x, v: np.insert(x, [0, 3], v), V, np.array([5.0, 6.0])),
    "insert a number": (lambda x: np.insert(x, 2, 9.0), V),
    "resize": (lambda x: np.resize(x, (3, 2)), V),
    "trim_zeros": (lambda x: np.trim_zeros(x * np.array([0, 1, 1, 0])), V),
    "unwrap": (lambda x: np.unwrap(4 * x), V), "unwrap of rows": (lambda x: np.unwrap(4 * x, axis=0), X),
    "frexp": (lambda x: np.frexp(x)[0], 1.1 * V), "geomspace": (lambda a, b: np.geomspace(a, b, 5), 1.0, 16.0),
    "apply_over_axes": (lambda x: np.apply_over_axes(np.sum, x, [0, 1]), X),
    "union1d": (np.union1d, V, X + 0.01), "setdiff1d": (lambda x: np.setdiff1d(x, X), V + 0.01),
    "setxor1d": (np.setxor1d, V, X + 0.01), "unique": (np.unique, X),
    "unique of rows": (lambda x: np.unique(x, axis=0), X), "polyadd": (np.polyadd, V, V[:2]),
    "polysub": (np.polysub, V[:2], V),
    "polymul": (np.polymul, V, V[:2]), "polyder": (lambda p: np.polyder(p, 2), V), "polyint": (np.polyint, V),
    "polydiv": (lambda u: np.polydiv(u, [1.0, 2.0])[0], V), "poly": (np.poly, V),
    "polyfit": (lambda y: np.polyfit(X[0], y, 2), V),
    "polyfit in x": (lambda x: np.polyfit(x, V, 1), X[0]), "roots": (lambda p: np.sort(np.abs(np.roots(p))), V),
    "partition": (lambda x: np.partition(x, 2).sum(), V), "cond": (np.linalg.cond, MATRIX),
    "eigvals": (lambda x: np.sort(np.linalg.eigvals(x)), MATRIX),
    "eig": (lambda x: np.abs(np.linalg.eig(x)[1]), MATRIX),
    "tensorinv": (lambda x: np.linalg.tensorinv(x.reshape(3, 1, 3), ind=1), MATRIX),
    "tensorsolve": (np.linalg.tensorsolve, MATRIX, V[:3]), "lstsq": (lambda a, b: np.linalg.lstsq(a, b)[0], X.T, V),
    "logspace along an axis": (lambda a, b: np.logspace(a, b, 3, axis=1), V, V[::-1].copy()),
    "linspace along an axis": (lambda a, b: np.linspace(a, b, 3, axis=-1), V, V[::-1].copy()),
    "geomspace along an axis": (lambda a, b: np.geomspace(a, b, 4, axis=1), V, 3 * V),
    "roots at 0": (lambda p: np.sort(np.abs(np.roots([0.0, p[0], p[1], p[2], 0.0]))), V),
    "choose": (lambda x: np.choose([0, 3, -1, 1], [x, 2 * x], mode="wrap"), V),
    "svd of a Hermitian matrix": (lambda x: np.linalg.svd(x + x.T, hermitian=True)[1], MATRIX),
    "pinv of a Hermitian matrix": (lambda x: np.linalg.pinv(x + x.T, hermitian=True), MATRIX),
    "maximum of nothing": (lambda x: np.max(x[:0], initial=x[0]), V),
    "folded from an initial value": (lambda x: np.subtract.reduce(x, initial=x[0] ** 2), V),
    **{
        f"{f.__name__} {method}": (lambda x, f=f, method=method: f(x, [30.0, 62.0], axis=1, method=method), X)
        for f in (np.percentile, np.nanpercentile) for method in POSITIONS
    },
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_value_and_derivatives(name):
    function, *arrays = CALLS[name]
    with gt.GradientTape() as tape:
        tensors = [gt.asarray(a) for a in arrays]
        tape.watch(tensors)
        y = function(*tensors)
    assert isinstance(y, gt.Tensor)
    np.testing.assert_allclose(y.numpy(), function(*arrays), rtol=1e-10, atol=1e-12)
    gt.check_grads(function, tuple(arrays), order=2)


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_quantiles_without_nan(axis, keepdims):
    for call in (
        lambda x: np.nanmedian(x, axis=axis, keepdims=keepdims),
        lambda x: np.nanquantile(x, [0.1, 0.6], axis=axis, keepdims=keepdims),
        lambda x: np.nanpercentile(x, 30, axis=axis, keepdims=keepdims),
    ):
        np.testing.assert_allclose(call(gt.asarray(N)).numpy(), call(N), rtol=1e-13)
        g = gt.grad(lambda x, call=call: gt.sum(call(x)))(N)
        filled = np.where(np.isnan(N), 0, N)
        numbers = [
            (np.sum(call(N + 1e-6 * e)) - np.sum(call(N - 1e-6 * e))) / 2e-6
            for e in np.eye(N.size).reshape(N.size, *N.shape) if np.isfinite(np.sum(N * e, where=e > 0))
        ]  # fmt: skip
        np.testing.assert_allclose(g.numpy()[~np.isnan(N)], numbers, atol=1e-8)
        assert not g.numpy()[np.isnan(N)].any() and filled.shape == g.shape


def test_counts_and_positions_are_constants():
    x = gt.asarray(V)
    values, first, inverse, counts = np.unique(x, True, True, True)
    assert values.tolist() == sorted(V) and counts.tolist() == [1] * 4 and first.tolist() == [1, 3, 0, 2]
    assert inverse.tolist() == [2, 0, 3, 1]
    assert np.bincount(gt.asarray(PLACES)).tolist() == [2, 1, 1]
    common = gt.grad(lambda x: gt.sum(np.intersect1d(x, V[:2]) * np.array([1.0, 2.0])))(V)
    assert common.tolist() == [2.0, 1.0, 0.0, 0.0]
    with gt.GradientTape() as tape, pytest.raises(gt.NoRuleError, match="weights="):
        tape.watch(x)
        np.nanquantile(x, 0.5, method="inverted_cdf", weights=V)


#: Functions about files, text, memory, dates, indices or NumPy itself: what they give is no number to differentiate.
NOT_OF_NUMBERS = {
    "apply_along_axis", "array2string", "array_equal", "array_equiv", "array_repr", "array_str",
    "asarray_chkfinite", "base_repr", "binary_repr", "block", "broadcast_shapes", "busday_count", "busday_offset",
    "can_cast", "copyto", "datetime_as_string", "fill_diagonal", "from_dlpack", "get_include", "info", "is_busday",
    "iterable", "mask_indices", "may_share_memory", "place", "printoptions", "put", "put_along_axis", "putmask",
    "require", "save", "savetxt", "savez", "savez_compressed", "shares_memory", "show_config", "show_runtime",
    "typename",
}  # fmt: skip
#: Functions of numbers that have no rule: they raise while an argument is differentiated, and say why here.
WITHOUT_RULE = {
    "histogram": "counts", "histogram2d": "counts", "histogram_bin_edges": "edges of counts", "histogramdd": "counts",
    "packbits": "bits", "unpackbits": "bits", "spacing": "a property of the representation", "gcd": "integers",
    "lcm": "integers", "bitwise_count": "integers", "isnat": "dates", "bitwise_not": "an alias of invert",
}  # fmt: skip


def squared(w, v):
    return (v * w[..., None, :] ** 2) @ np.conj(v.mT)


TRIANGLES = {
    "eigvalsh": lambda a: np.linalg.eigvalsh(a),
    "eigvalsh U": lambda a: np.linalg.eigvalsh(a, UPLO="U"),
    "eigh": lambda a: squared(*np.linalg.eigh(a)),
    "eigh U": lambda a: squared(*np.linalg.eigh(a, "U")),
    "cholesky": lambda a: np.linalg.cholesky(a),
    "cholesky U": lambda a: np.linalg.cholesky(a, upper=True),
}  # fmt: skip


@pytest.mark.parametrize("name", TRIANGLES)
@pytest.mark.parametrize("kind", ["real", "complex", "stack"])
def test_one_triangle_is_read_as_numpy_reads_it(name, kind):
    f, rng = TRIANGLES[name], np.random.default_rng(5)
    a = rng.normal(size=(2, 3, 3) if kind == "stack" else (3, 3)) + 6 * np.eye(3)
    if kind == "complex":
        a = a + 1j * rng.normal(size=a.shape)
    np.testing.assert_allclose(f(gt.asarray(a)), f(a), rtol=1e-13, atol=1e-14)
    value, t = gt.jvp(f, (a,), (b := rng.normal(size=a.shape) * (1 + 1j if kind == "complex" else 1),))
    np.testing.assert_allclose(value, f(a), rtol=1e-13, atol=1e-14)
    h = 1e-5
    np.testing.assert_allclose(t, (f(a + h * b) - f(a - h * b)) / (2 * h), rtol=1e-7, atol=1e-8)
    if kind == "real":
        gt.check_grads(f, (a,), order=2)


def test_the_gradient_of_a_symmetric_matrix_is_symmetric():
    a = np.array([[2.0, 0.5], [0.5, 3.0]])
    w, v = np.linalg.eigh(a)
    np.testing.assert_allclose(gt.grad(lambda a: np.linalg.eigvalsh(a)[0])(a), np.outer(v[:, 0], v[:, 0]), rtol=1e-14)
    with pytest.raises(ValueError, match="UPLO"):
        np.linalg.eigh(gt.asarray(a), UPLO="x")


def test_every_function_of_numpy_is_classified():
    """Each function of NumPy's namespace has a rule, is not one of numbers, or is in a table with the reason."""
    from gradtape.interop import numpy_functions, numpy_protocols

    assert numpy_functions.RULES is numpy_protocols.RULES
    unknown = []
    for name, function in vars(np).items():
        if name.startswith("_") or name in NOT_OF_NUMBERS or name in WITHOUT_RULE:
            continue
        if isinstance(function, np.ufunc):
            if numpy_protocols.find(function) is None:
                unknown.append(name)
        elif hasattr(function, "__wrapped__") and function not in numpy_protocols.RULES:
            unknown.append(name)
    assert not unknown


@pytest.mark.parametrize("name", ["quantile", "percentile", "nanquantile", "nanpercentile"])
@pytest.mark.parametrize(
    "q", [0.3, np.float32(0.3), np.float64(0.3), np.float32([0.3]), np.array([0.3]), [0.3], np.array(0.3), 1], ids=repr
)
def test_quantiles_have_numpy_s_dtype(name: str, q: object) -> None:
    for dtype in (np.float32, np.float64, np.int64):
        a = np.array([1, 3, 2, 5], dtype)
        want = getattr(np, name)(a, q)
        with gt.GradientTape() as tape:
            t = gt.asarray(a)
            tape.watch(t) if dtype is not np.int64 else None
            got = getattr(np, name)(t, q)
        assert got.dtype == want.dtype and got.shape == np.shape(want)
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-6)


def test_the_gradient_of_a_pseudo_inverse_of_a_hermitian_matrix_is_hermitian() -> None:
    s, g = np.array([[2.0, 1.0], [1.0, 1.0]]), np.array([[1.0, 2.0], [3.0, 4.0]])
    got = gt.grad(lambda a: gt.sum(g * np.linalg.pinv(a, hermitian=True)))(s).numpy()
    x = np.linalg.inv(s)
    np.testing.assert_allclose(got, -x @ (g + g.T) @ x / 2, rtol=1e-12, atol=1e-14)
