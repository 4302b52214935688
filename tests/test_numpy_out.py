"""`out` of NumPy's functions, given in order: as by keyword, it takes the result, or an error says why it cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradtape as gt

X = np.array([-2.0, 0.5, 3.0])
M = np.arange(6.0).reshape(2, 3) - 2

CALLS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "clip": lambda x, m, out: np.clip(x, -1, 1, out),
    "sum": lambda x, m, out: np.sum(m, 0, None, out),
    "prod": lambda x, m, out: np.prod(m, 0, None, out),
    "mean": lambda x, m, out: np.mean(m, 0, None, out),
    "std": lambda x, m, out: np.std(m, 0, None, out),
    "max": lambda x, m, out: np.max(m, 0, out),
    "min, kept": lambda x, m, out: np.min(m[:1], 0, out, False),
    "round": lambda x, m, out: np.round(x, 1, out),
    "fix": lambda x, m, out: np.fix(x, out),
    "take": lambda x, m, out: np.take(x, [0, 2, 1], 0, out),
    "take, clipped": lambda x, m, out: np.take(x, [0, 5, 1], 0, out, "clip"),
    "concatenate": lambda x, m, out: np.concatenate((x[:1], x[1:]), 0, out),
    "stack": lambda x, m, out: np.stack((x[0], x[1], x[2]), 0, out),
    "compress": lambda x, m, out: np.compress([True, True, True], x, 0, out),
    "choose": lambda x, m, out: np.choose([0, 1, 0], [x, 2 * x], out),
    "median": lambda x, m, out: np.median(m, 0, out),
    "quantile": lambda x, m, out: np.quantile(m, 0.3, 0, out),
    "percentile": lambda x, m, out: np.percentile(m, 30, 0, out),
    "nansum": lambda x, m, out: np.nansum(m, 0, None, out),
    "nanmax": lambda x, m, out: np.nanmax(m, 0, out),
    "nanmean": lambda x, m, out: np.nanmean(m, 0, None, out),
    "ptp": lambda x, m, out: np.ptp(m, 0, out),
    "dot": lambda x, m, out: np.dot(x, np.eye(3), out),
    "cumsum": lambda x, m, out: np.cumsum(x, 0, None, out),
    "irfft": lambda x, m, out: np.fft.irfft(x[:2], 3, -1, None, out),
}
FLAT = {"round", "fix"}


@pytest.mark.parametrize("name", CALLS)
def test_in_order(name: str) -> None:
    call = CALLS[name]
    want = np.zeros(3)
    call(X, M, want)
    array, handle = np.zeros(3), gt.asarray(np.zeros(3))
    x, m = gt.constant(X), gt.constant(M)
    assert call(x, m, array) is array
    assert call(x, m, handle) is handle
    np.testing.assert_allclose(array, want, atol=1e-15)
    np.testing.assert_allclose(handle, want, atol=1e-15)
    assert isinstance(call(x, m, None), gt.Tensor)


@pytest.mark.parametrize("name", CALLS)
def test_in_order_under_a_tape(name: str) -> None:
    call = CALLS[name]
    want = np.zeros(3)
    call(X, M, want)
    with gt.GradientTape() as tape:
        x, m = gt.constant(X), gt.constant(M)
        tape.watch([x, m])
        untouched = np.zeros(3)
        with pytest.raises(gt.LostGradientError, match="out="):
            call(x, m, untouched)
        assert not untouched.any()
        handle = gt.asarray(np.zeros(3))
        assert call(x, m, handle) is handle
        y = gt.sum(handle * handle)
    np.testing.assert_allclose(handle, want, atol=1e-15)
    slopes = [g for g in tape.gradient(y, [x, m]) if g is not None]
    assert name in FLAT or any([np.any(g.numpy()) for g in slopes])


def test_clipping_in_place_is_recorded() -> None:
    with gt.GradientTape() as tape:
        x = gt.constant(X)
        tape.watch(x)
        z = gt.positive(x)
        np.clip(z, -1, 1, z)
        y = gt.sum(z**2)
    assert z.tolist() == [-1.0, 0.5, 1.0] and tape.gradient(y, x).tolist() == [0.0, 1.0, 0.0]
