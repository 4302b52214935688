"""Dask arrays: lazy until asked, on a cluster of two processes within their memory, and when a worker dies."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import gradtape as gt
from gradtape import distributed

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
sys.path.insert(0, str(Path(__file__).parent / "distributed"))
from problem import V, W, X, Y, loss, single

WANT = single()
LIMIT = 700_000_000  # bytes a worker may use


def chunked(a, rows=100):
    return da.from_array(a, chunks=(rows, *a.shape[1:]))


def total(w, x, y):
    """The same loss as a sum over rows."""
    return gt.sum(gt.nn.softplus(-y * gt.tanh(x @ w)))


def refuse(*_, **__):
    raise AssertionError("something was computed")


def test_lazy_until_compute():
    x, y, w = gt.asarray(chunked(X)), gt.asarray(chunked(Y)), gt.asarray(da.from_array(W))
    with dask.config.set(scheduler=refuse):
        gradient = gt.grad(lambda w: loss(w, x, y))(w)
        product = gt.hvp(lambda w: loss(w, x, y), w, gt.asarray(da.from_array(V)))
        assert isinstance(gradient.data, da.Array) and gradient.shape == W.shape
    np.testing.assert_allclose(gradient.data.compute(), WANT[0], rtol=1e-12)
    np.testing.assert_allclose(product.data.compute(), WANT[1], rtol=1e-10, atol=1e-14)


def test_derivatives_per_chunk():
    x, y = chunked(X), chunked(Y)
    with dask.config.set(scheduler=refuse):
        lazy = distributed.value_and_grad(total)(gt.asarray(W), x, gt.asarray(y))
        product = distributed.hvp(total, W, V, x, y)
    value, gradient = lazy.compute()
    np.testing.assert_allclose(value, float(total(W, X, Y)), rtol=1e-12)
    np.testing.assert_allclose(gradient / len(X), WANT[0], rtol=1e-12)
    np.testing.assert_allclose(product.compute() / len(X), WANT[1], rtol=1e-10, atol=1e-14)


def test_containers_and_several_arguments():
    f = lambda p, x, s: gt.sum((x @ p["w"]) * s) + p["b"] * x.shape[0]
    lazy = distributed.value_and_grad(f, argnums=(0, 2))({"w": W, "b": 2.0}, chunked(X), 3.0)
    value, (gradient, slope) = lazy.compute()
    assert gradient["b"] == len(X) and float(value) == pytest.approx(3 * (X @ W).sum() + 2 * len(X))
    np.testing.assert_allclose(gradient["w"], 3 * X.sum(0))
    np.testing.assert_allclose(slope, (X @ W).sum())


@pytest.mark.parametrize(
    "call,error,text",
    [
        (lambda: distributed.chunk_sum(np.sum, X), TypeError, "array 0 is a ndarray; Dask arrays"),
        (lambda: distributed.chunk_sum(np.sum), TypeError, "at least one Dask array"),
        (lambda: distributed.chunk_sum(np.sum, chunked(X), chunked(Y, 50)), ValueError, "rechunk"),
        (lambda: distributed.chunk_sum(np.sum, da.ones((4, 4), chunks=2)), ValueError, "than its first axis"),
    ],
)  # fmt: skip
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()


# -- a cluster -----------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def client():
    parts = pytest.importorskip("distributed")
    with (
        dask.config.set({"distributed.worker.memory.terminate": 0.98}),
        parts.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None,
            memory_limit=LIMIT,
        ) as cluster,
        parts.Client(cluster, timeout=60) as client,
    ):  # fmt: skip
        yield client


def peak():
    """The most memory that this process has used, in bytes (ru_maxrss counts what its parent had, too)."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


COLUMNS, ROWS, CHUNK = 100, 2_400_000, 40_000  # 1.9 GB in chunks of 32 MB


def large():
    """Rows that no worker could hold, made where they are needed: row i is a function of i alone."""
    i = da.arange(ROWS, chunks=CHUNK, dtype=float)[:, None]
    return da.cos(i * 0.37 + da.arange(COLUMNS, chunks=COLUMNS)[None, :] ** 2)


def closed(w, v):
    """Gradient and Hessian times v of mean(log(cosh(x w))), in NumPy, chunk by chunk."""
    g = h = 0
    for start in range(0, ROWS, CHUNK):
        x = np.cos(np.arange(start, start + CHUNK)[:, None] * 0.37 + np.arange(COLUMNS)[None, :] ** 2)
        t = np.tanh(x @ w)
        g = g + x.T @ t
        h = h + x.T @ ((1 - t * t) * (x @ v))
    return g / ROWS, h / ROWS


def log_cosh(w, x):
    return gt.mean(gt.log(gt.cosh(x @ w)))


def test_more_data_than_the_workers_have_memory(client):
    assert ROWS * COLUMNS * 8 > 2 * LIMIT
    w, v = 0.05 * np.sin(np.arange(COLUMNS)), np.cos(np.arange(COLUMNS))
    x = gt.asarray(large())
    f = lambda w: log_cosh(w, x)
    at = lambda a: gt.asarray(da.from_array(a, chunks=COLUMNS))
    gradient, product = gt.grad(f)(at(w)), gt.hvp(f, at(w), at(v))
    want = closed(w, v)
    got = dask.compute(gradient.data, product.data)
    np.testing.assert_allclose(got[0], want[0], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(got[1], want[1], rtol=1e-9, atol=1e-12)
    assert max(client.run(peak).values()) < LIMIT
    per_chunk = distributed.value_and_grad(lambda w, x: gt.sum(gt.log(gt.cosh(x @ w))))(w, large()).compute()
    np.testing.assert_allclose(per_chunk[1] / ROWS, want[0], rtol=1e-9, atol=1e-12)
    assert max(client.run(peak).values()) < LIMIT


def slowly(w, x):
    time.sleep(0.05)
    return total(w, x, np.ones(len(x)))


def test_a_worker_killed_on_the_way(client):
    victims = client.run(os.getpid)
    future = client.compute(distributed.value_and_grad(slowly)(W, chunked(X, rows=5)))
    time.sleep(0.8)
    os.kill(next(iter(victims.values())), signal.SIGKILL)
    value, gradient = future.result(timeout=120)
    want = gt.value_and_grad(total)(W, X, np.ones(len(X)))
    np.testing.assert_allclose(value, want[0].numpy(), rtol=1e-12)
    np.testing.assert_allclose(gradient, want[1].numpy(), rtol=1e-12)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not set(client.run(os.getpid).values()) - set(victims.values()):
        time.sleep(0.2)
    assert set(client.run(os.getpid).values()) - set(victims.values()), "no worker has taken its place"
