"""gradtape code inside JAX's own transformations, on sharded arrays, and over two processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gradtape as gt

jax = pytest.importorskip("jax")
jnp = jax.numpy
HERE = Path(__file__).parent
random = np.random.default_rng(0)
X = random.normal(size=(6, 4))
W = random.normal(size=4)


@pytest.fixture(autouse=True)
def doubles():
    with jax.enable_x64(True):
        yield


def loss(w, x):
    """Mean of softplus(x w), in gradtape's functions."""
    return gt.mean(gt.nn.softplus(x @ w) - gt.tanh(w).sum() * x[:, 0])


WANT = gt.grad(loss)(W, X).numpy()
HESSIAN = gt.hessian(loss)(W, X).numpy()


def test_tensors_go_into_jit_and_come_out():
    step = jax.jit(lambda w, x: w - 0.1 * gt.grad(loss)(w, x))
    w, x = gt.asarray(jnp.asarray(W)), gt.asarray(jnp.asarray(X))
    for _ in range(2):  # the second call runs what the first has compiled
        new = step(w, x)
        assert isinstance(new, gt.Tensor) and isinstance(new.data, jax.Array)
        np.testing.assert_allclose(new.numpy(), W - 0.1 * WANT, rtol=1e-12)


def test_plain_arrays_in_jit():
    y = jax.jit(lambda w, x: gt.hessian(loss)(w, x).data)(jnp.asarray(W), jnp.asarray(X))
    np.testing.assert_allclose(y, HESSIAN, rtol=1e-10, atol=1e-14)


def test_a_tape_inside_jit():
    def f(w, x):
        with gt.GradientTape() as tape:
            tape.watch(w)
            y = loss(w, x)
        return y, tape.gradient(y, w)

    value, gradient = jax.jit(f)(gt.asarray(jnp.asarray(W)), gt.asarray(jnp.asarray(X)))
    np.testing.assert_allclose(gradient.numpy(), WANT, rtol=1e-12)
    np.testing.assert_allclose(value.numpy(), loss(W, X), rtol=1e-12)


def test_jax_vmap_over_tensors():
    rows = gt.asarray(jnp.asarray(random.normal(size=(3, 4))))
    got = jax.vmap(lambda w: gt.grad(loss)(w, jnp.asarray(X)))(rows)
    want = np.stack([gt.grad(loss)(w, X).numpy() for w in rows.numpy()])
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-11)


def test_jax_grad_through_gradtape():
    got = jax.grad(lambda w: loss(gt.asarray(w), jnp.asarray(X)).data)(jnp.asarray(W))
    np.testing.assert_allclose(got, WANT, rtol=1e-12)
    # a gradient of ours, differentiated by JAX: a row of the Hessian
    got = jax.grad(lambda w: gt.grad(loss)(gt.asarray(w), jnp.asarray(X)).data[0])(jnp.asarray(W))
    np.testing.assert_allclose(got, HESSIAN[0], rtol=1e-10, atol=1e-14)


def test_pytrees_keep_variables_values():
    leaves, structure = jax.tree.flatten({"w": gt.Variable(jnp.asarray(W)), "x": gt.asarray(X)})
    assert len(leaves) == 2
    back = jax.tree.unflatten(structure, leaves)
    np.testing.assert_array_equal(back["w"].numpy(), W)


def test_a_recorded_tensor_is_not_cut():
    x = gt.asarray(jnp.asarray(W))
    with gt.GradientTape() as tape, pytest.raises(gt.LostGradientError, match=r"jax\.jit.*open the tape inside"):
        tape.watch(x)
        jax.jit(lambda t: t * 2.0)(x)


def test_control_flow_under_jit_says_so():
    with pytest.raises(jax.errors.TracerBoolConversionError):
        jax.jit(lambda t: t if t.sum() > 0 else -t)(gt.asarray(jnp.asarray(W)))


def run(script: str, *arguments: str, **environment: str) -> subprocess.Popen:
    settings = {"JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu", **environment}
    return subprocess.Popen(
        [sys.executable, str(HERE / "distributed" / script), *arguments],
        env=os.environ | settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finished(process: subprocess.Popen, seconds: int = 180) -> str:
    """What it printed; stopped, if it takes too long."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    assert process.returncode == 0, err[-3000:]
    return out


def test_four_devices_in_one_process():
    out = finished(run("jax_devices.py", XLA_FLAGS="--xla_force_host_platform_device_count=4"))
    assert out.startswith("4 devices, error")
    assert float(out.split()[-1]) < 1e-12, out


def test_two_processes_over_loopback():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = str(s.getsockname()[1])
    both = [run("jax_processes.py", str(i), port) for i in range(2)]
    try:
        for out in [finished(process) for process in both]:
            assert float(out.split()[-1]) < 1e-12, out
    finally:
        for process in both:
            if process.poll() is None:
                process.kill()
                process.wait()
