"""Derivatives of a sharded program on several devices of one process; prints how far they are from NumPy's."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from problem import V, W, X, Y, loss, single

import gradtape as gt

devices = jax.devices()
mesh = Mesh(np.array(devices), ("rows",))
rows, everywhere = NamedSharding(mesh, PartitionSpec("rows")), NamedSharding(mesh, PartitionSpec())
x, y = (gt.asarray(jax.device_put(a, rows)) for a in (X, Y))
w, v = (gt.asarray(jax.device_put(a, everywhere)) for a in (W, V))


@jax.jit
def derivatives(w, v, x, y):
    f = lambda w: loss(w, x, y)
    return gt.grad(f)(w), gt.hvp(f, w, v)


want = single()
results = [derivatives(w, v, x, y), (gt.grad(lambda w: loss(w, x, y))(w), gt.hvp(lambda w: loss(w, x, y), w, v))]
assert len(x.data.sharding.device_set) == len(devices)
sharded = gt.vmap(lambda row: gt.tanh(row @ w))(x)  # stays where its rows are
assert len(sharded.data.sharding.device_set) == len(devices)


def summed(w, x, y):
    return jax.lax.psum(gt.grad(lambda w: loss(w, x, y))(gt.asarray(w)).data, "rows") / len(devices)


specs = (PartitionSpec(), PartitionSpec("rows"), PartitionSpec("rows"))
mapped = jax.jit(jax.shard_map(summed, mesh=mesh, in_specs=specs, out_specs=PartitionSpec(), check_vma=False))
errors = [np.max(np.abs(mapped(jnp.asarray(W), x.data, y.data) - want[0]))]
errors += [np.max(np.abs(g.numpy() - r)) for pair in results for g, r in zip(pair, want, strict=True)]
print(len(devices), "devices, error", max(errors))
