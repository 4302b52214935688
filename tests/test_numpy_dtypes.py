"""Values and dtypes of NumPy's functions on Tensors are NumPy's, whether a tape looks on or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradtape as gt

nan, inf = np.nan, np.inf
M = np.arange(6.0).reshape(2, 3) - 2
M32 = M.astype(np.float32)
HOLES = np.where(M == 0, nan, M).astype(np.float32)
INTS = np.arange(12).reshape(3, 4)
Z = np.array([[3.0, 1.0, 2.0], [1.0, 1.0, 0.0]]) + 1j * np.array([[0.0, 2.0, 1.0], [1.0, -1.0, 0.0]])
MASK = np.array([[True, False, True], [True, True, False]])

CASES: dict[str, tuple[Callable[[Any], Any], Any]] = {
    **{f"{name} {x.dtype}": (getattr(np, name), x) for name in (
        "nanmean", "nanvar", "nanstd", "nanmedian", "nanmax", "nanmin", "nansum",
    ) for x in (HOLES, HOLES.astype(np.float64), HOLES.astype(np.float16), M32, INTS)},
    "nanmean complex64": (np.nanmean, Z.astype(np.complex64)),
    "nanmedian axis": (lambda x: np.nanmedian(x, axis=1, keepdims=True), HOLES),
    "nanpercentile": (lambda x: np.nanpercentile(x, 30), HOLES),
    "nanquantile": (lambda x: np.nanquantile(x, 0.3, axis=0), HOLES),
    "nanmax of bools": (np.nanmax, MASK),
    "nanmax of nothing but NaN": (lambda x: np.nanmax(x, axis=1), np.array([[nan, nan], [1.0, nan]])),
    "nanmin of nothing but NaN": (lambda x: np.nanmin(x, axis=1, keepdims=True), np.array([[nan, nan], [1.0, nan]])),
    "mean where": (lambda x: np.mean(x, where=MASK), M32),
    "var where": (lambda x: np.var(x, where=MASK, axis=1), M32),
    "std where": (lambda x: np.std(x, where=MASK), M),
    "mean of ints where": (lambda x: np.mean(x, where=INTS > 3), INTS),
    "sum in int8": (lambda x: np.sum(x, dtype=np.int8), INTS * 9),
    "prod in int8": (lambda x: np.prod(x, axis=0, dtype=np.int8), INTS + 1),
    "add.reduce in int32": (lambda x: np.add.reduce(x, dtype=np.int32), INTS),
    "sum of bools": (lambda x: np.sum(x, dtype=np.int16), MASK),
    "sum in float32": (lambda x: np.sum(x, dtype=np.float32, axis=0), M),
    "trace in float32": (lambda x: np.trace(x, dtype=np.float32), np.eye(3)),
    "median of bools": (np.median, np.array([True, False, True, True])),
    "fft of int8": (np.fft.fft, np.arange(4, dtype=np.int8)),
    "rfft2 of bools": (np.fft.rfft2, MASK),
    "logical_and.accumulate": (np.logical_and.accumulate, np.array([-2.0, 0.5, 0.0, 3.0])),
    "logical_or.accumulate": (np.logical_or.accumulate, np.array([0.0, 0.5, 0.0, 3.0])),
    "modf of ints": (lambda x: np.modf(x)[1], INTS),
    "average of ints": (lambda x: np.average(x, returned=True)[1], INTS),
    "intersect1d": (lambda x: np.intersect1d(x, M.ravel()), M32.ravel()),
    "sort_complex": (np.sort_complex, Z),
    "sort_complex of reals": (np.sort_complex, M[::-1]),
    "sort_complex, single": (np.sort_complex, Z.astype(np.complex64)),
    "ldexp": (lambda x: np.ldexp(x, [2000, -2000, 2]), np.array([1e-300, 1e300, 1.0])),
    "trim_zeros": (np.trim_zeros, np.array([0.0, 1.0, 0.0, 2.0, 0.0])),
    "trim_zeros in front": (lambda x: np.trim_zeros(x, "f"), np.array([0.0, 1.0, 0.0, 2.0, 0.0])),
    "tril of a vector": (np.tril, np.array([1.0, 2.0, 3.0])),
    "triu of a vector": (lambda x: np.triu(x, 1), np.array([1.0, 2.0, 3.0])),
    "broadcast_to a length": (lambda x: np.broadcast_to(x, 3), np.array(2.0)),
    "convolve with a number": (lambda x: np.convolve(x, 2.0), np.array([1.0, 2.0, 3.0])),
    "polymul": (lambda x: np.polymul([0.0, 1.0, 2.0], x), np.array([0.0, 3.0, 1.0])),
    "polymul of zeros": (lambda x: np.polymul(x, [1.0, 2.0]), np.zeros(2)),
    "norm along an axis": (lambda x: np.linalg.norm(x, None, axis=0), M),
    "fmax.reduce": (lambda x: np.fmax.reduce(x, axis=0), M),
}  # fmt: skip
if np.lib.NumpyVersion(np.__version__) >= "2.2.0":
    CASES["trim_zeros of a matrix"] = (np.trim_zeros, np.array([[0.0, 0.0, 0.0], [0.0, 5.0, 0.0]]))
    CASES["trim_zeros along an axis"] = (lambda x: np.trim_zeros(x, axis=0), np.array([[0.0, 0.0], [0.0, 5.0]]))


def same(got: Any, want: Any) -> None:
    got = got.numpy() if isinstance(got, gt.Tensor) else got
    assert np.asarray(got).dtype == np.asarray(want).dtype and np.shape(got) == np.shape(want)
    np.testing.assert_allclose(got, want, rtol=2e-3 if want.dtype == np.float16 else 1e-6)


@pytest.mark.filterwarnings("ignore:.*NaN slice.*", "ignore:.*of type.*have no gradient.*")
@pytest.mark.parametrize("name", CASES)
def test_as_numpy(name: str) -> None:
    f, x = CASES[name]
    with np.errstate(over="ignore"):
        want = f(x)
        same(f(gt.asarray(x)), want)
        with gt.GradientTape(persistent=True) as tape:
            t = gt.asarray(x)
            if np.asarray(x).dtype.kind in "fc":
                tape.watch(t)
            same(f(t), want)


@pytest.mark.parametrize("method", ["linear", "lower", "higher", "nearest", "midpoint"])
def test_quantiles_between_two_elements(method: str) -> None:
    q = np.array([0.0, 10, 30, 37.5, 50, 62.5, 75, 83.4, 100])
    for x in (np.array([1.0, 2, 3, 4]), np.arange(7.0), np.arange(6.0) ** 2):
        t = gt.constant(x)
        with gt.GradientTape() as tape:
            tape.watch(t)
            got = np.percentile(t, q, method=method)
        np.testing.assert_allclose(got, np.percentile(x, q, method=method), rtol=1e-15)


REFUSED: dict[str, tuple[Callable[[Any], Any], type[Exception]]] = {
    "nanmedian of an axis too many": (lambda x: np.nanmedian(x, axis=5), np.exceptions.AxisError),
    "nanquantile below 0": (lambda x: np.nanquantile(x, -1), ValueError),
    "nanpercentile above 100": (lambda x: np.nanpercentile(x, 101, axis=1), ValueError),
    "an axis that is no integer": (lambda x: np.sum(x, axis=1.0), TypeError),
    "cuts that are no integers": (lambda x: np.split(x, [0.5, 1.2], axis=1), TypeError),
    "less than one part": (lambda x: np.array_split(x, -1), ValueError),
    "floats put together as integers": (lambda x: np.concatenate([x, x], dtype=int), TypeError),
    "stacked as integers": (lambda x: np.stack([x, x], dtype=int), TypeError),
    "weights of 0": (lambda x: np.average(x, axis=0, weights=[0.0, 0.0]), ZeroDivisionError),
    "a matrix norm of vectors": (lambda x: np.linalg.norm(x, "fro", axis=0), ValueError),
    "ldexp of no integer": (lambda x: np.ldexp(x, 1.5), TypeError),
    "a fraction of a matrix' power": (lambda x: np.linalg.matrix_power(x[:, :2], 2.7), TypeError),
    "a triangle of no matrix": (lambda x: np.vander(x), ValueError),
}
if np.lib.NumpyVersion(np.__version__) >= "2.2.0":
    REFUSED["trim_zeros of an axis too many"] = (lambda x: np.trim_zeros(x[0], axis=5), np.exceptions.AxisError)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_by_numpy(name: str) -> None:
    f, error = REFUSED[name]
    t = gt.constant(M)
    with pytest.raises(error):
        f(t)
    with gt.GradientTape() as tape:
        tape.watch(t)
        with pytest.raises(error):
            f(t)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.einsum("ij->i", x, order="F"), lambda x: np.quantile(x, 0.5, weights=np.ones(3)),
        lambda x: np.pad(x, 1, end_values=3.0),
    ],
)  # fmt: skip
def test_a_keyword_without_a_rule_is_named(call: Callable[[Any], Any]) -> None:
    t = gt.constant(M)
    with gt.GradientTape() as tape:
        tape.watch(t)
        with pytest.raises(gt.NoRuleError, match=r"with (order|weights|end_values)= has no rule in gradtape"):
            call(t)


def test_folds_that_nobody_follows_are_numpys() -> None:
    t = gt.constant(M)
    assert np.fmax.reduce(t, axis=None) == 3.0
    np.testing.assert_allclose(np.hypot.reduce(t, axis=(0, 1)), np.hypot.reduce(M, axis=(0, 1)))
    with gt.GradientTape() as tape:
        tape.watch(t)
        with pytest.raises(gt.NoRuleError, match="along one axis"):
            np.fmax.reduce(t, axis=None)
