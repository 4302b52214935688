"""The same over two processes joined by jax.distributed on loopback: python jax_processes.py RANK PORT."""

import sys

import jax

rank, port = int(sys.argv[1]), sys.argv[2]
address = f"127.0.0.1:{port}"
jax.config.update("jax_cpu_collectives_implementation", "gloo")
jax.distributed.initialize(
    address, num_processes=2, process_id=rank, coordinator_bind_address=address if rank == 0 else None,
    initialization_timeout=60,
)  # fmt: skip

import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from problem import V, W, X, Y, loss, single

import gradtape as gt

mesh = Mesh(np.array(jax.devices()), ("rows",))
rows, everywhere = NamedSharding(mesh, PartitionSpec("rows")), NamedSharding(mesh, PartitionSpec())
put = lambda a, place: gt.asarray(jax.make_array_from_callback(a.shape, place, lambda index: a[index]))
x, y, w, v = put(X, rows), put(Y, rows), put(W, everywhere), put(V, everywhere)
held = sum(shard.data.shape[0] for shard in x.data.addressable_shards)
assert held == len(X) // 2, f"this process holds {held} rows"


@jax.jit
def derivatives(w, v, x, y):
    f = lambda w: loss(w, x, y)
    return gt.grad(f)(w), gt.hvp(f, w, v)


results = [np.asarray(r.data.addressable_data(0)) for r in derivatives(w, v, x, y)]
print("error", max(np.max(np.abs(r - s)) for r, s in zip(results, single(), strict=True)))
jax.distributed.shutdown()
