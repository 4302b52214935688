"""How the cost of a gradient over rows grows, and where it runs: figures for docs/scaling.md.

    python benchmarks/scaling.py

Mean logistic loss of tanh(X w), X of n × 50 doubles; milliseconds, the best of five. On NumPy's arrays, on Dask arrays
(threads of this process): one task for each operation and chunk, and one for each chunk; on JAX's,
eager and compiled. What is not installed is left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

import gradtape as gt

COLUMNS = 50


def loss(w, x, y):
    """Mean over the rows."""
    return gt.mean(gt.nn.softplus(-y * gt.tanh(x @ w)))


def total(w, x, y):
    """Sum over the rows."""
    return gt.sum(gt.nn.softplus(-y * gt.tanh(x @ w)))


def on_numpy(w, x, y):
    return lambda: gt.grad(loss)(w, x, y).numpy()


def on_dask(w, x, y):
    import dask.array as da

    x, y = (gt.asarray(da.from_array(a, chunks=(len(a) // 8, *a.shape[1:]))) for a in (x, y))
    at = gt.asarray(da.from_array(w))
    return lambda: gt.grad(loss)(at, x, y).data.compute()


def on_dask_per_chunk(w, x, y):
    import dask.array as da

    from gradtape import distributed

    x, y = (da.from_array(a, chunks=(len(a) // 8, *a.shape[1:])) for a in (x, y))
    return lambda: distributed.value_and_grad(total)(w, x, y).compute()[1] / len(x)


def on_jax(w, x, y):
    import jax.numpy as jnp

    w, x, y = (gt.asarray(jnp.asarray(a)) for a in (w, x, y))
    return lambda: gt.grad(loss)(w, x, y).data.block_until_ready()


def on_jax_jit(w, x, y):
    import jax
    import jax.numpy as jnp

    w, x, y = (gt.asarray(jnp.asarray(a)) for a in (w, x, y))
    step = jax.jit(lambda w, x, y: gt.grad(loss)(w, x, y))
    return lambda: step(w, x, y).data.block_until_ready()


WAYS: dict[str, Callable] = {
    "NumPy": on_numpy, "Dask, per operation": on_dask, "Dask, per chunk": on_dask_per_chunk, "JAX, eager": on_jax,
    "JAX, compiled": on_jax_jit,
}  # fmt: skip


def milliseconds(run: Callable[[], object]) -> float:
    """The best of five, after one that is not counted."""
    run()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times) * 1e3


def main() -> None:
    """Print the table."""
    try:
        import jax

        jax.config.update("jax_enable_x64", True)
    except ImportError:
        pass
    sizes = [20_000, 80_000, 320_000]
    print("| rows | " + " | ".join(f"{n:,}" for n in sizes) + " |")
    print("| --- |" + " ---: |" * len(sizes))
    random = np.random.default_rng(0)
    data = [(random.normal(size=(n, COLUMNS)), np.sign(random.normal(size=n))) for n in sizes]
    w = 0.1 * random.normal(size=COLUMNS)
    for name, way in WAYS.items():
        try:
            figures = []
            for x, y in data:
                run = way(w, x, y)
                np.testing.assert_allclose(run(), gt.grad(loss)(w, x, y).numpy(), rtol=1e-9, atol=1e-14)
                figures.append(milliseconds(run))
        except ImportError as error:
            print(f"{name}: absent ({error})")
            continue
        print(f"| {name} | " + " | ".join(f"{t:.1f}" for t in figures) + " |", flush=True)


if __name__ == "__main__":
    main()
