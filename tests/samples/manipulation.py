"""Samples of functions that move elements about."""

from __future__ import annotations

from typing import Any

import numpy as np

import gradtape as gt
from gradtape.primitive import REGISTRY, apply

from . import sample

random = np.random.default_rng(4)
number = np.float64(1.5)
vector = random.normal(size=4)
matrix = random.normal(size=(3, 4))
square = random.normal(size=(3, 3))
cube = random.normal(size=(2, 3, 4))
empty = np.zeros((0, 3))
complex_vector = random.normal(size=3) + 1j * random.normal(size=3)

sample("reshape", lambda x: gt.reshape(x, (4, -1)), matrix, numpy=lambda x: np.reshape(x, (4, -1)))
sample("reshape", lambda x: gt.reshape(x, (1, 1)), number, numpy=lambda x: np.reshape(x, (1, 1)))
sample("reshape", lambda x: gt.reshape(x, (3, 0)), empty, numpy=lambda x: np.reshape(x, (3, 0)))
sample("reshape", gt.ravel, cube, numpy=np.ravel, label="ravel")
sample("reshape", lambda x: gt.expand_dims(x, axis=(0, -1)), matrix, numpy=lambda x: np.expand_dims(x, (0, -1)),
       label="expand_dims")  # fmt: skip
sample("reshape", lambda x: gt.squeeze(x), matrix[:1], numpy=np.squeeze, label="squeeze")
sample("reshape", lambda x: gt.squeeze(x, axis=-1), matrix[:1, :1], numpy=lambda x: np.squeeze(x, -1), label="axis")
for n in ("1d", "2d", "3d"):
    for x in (number, vector, matrix):
        sample("reshape", lambda x, f="atleast_" + n: getattr(gt, f)(x), x, numpy=getattr(np, "atleast_" + n),
               label=f"atleast_{n} of {x.ndim}-d")  # fmt: skip
sample("broadcast_to", lambda x: gt.broadcast_to(x, (2, 3, 4)), matrix[:, :1],
       numpy=lambda x: np.broadcast_to(x, (2, 3, 4)))  # fmt: skip
sample("broadcast_to", lambda x: gt.broadcast_to(x, (2,)), number, numpy=lambda x: np.broadcast_to(x, (2,)))
sample("broadcast_to", lambda a, b: gt.broadcast_arrays(a, b), vector, matrix[:, :1],
       numpy=lambda a, b: tuple(np.broadcast_arrays(a, b)), label="broadcast_arrays")  # fmt: skip
for indexing in ("ij", "xy"):
    sample("broadcast_to", lambda a, b, c, i=indexing: gt.meshgrid(a, b, c, indexing=i), vector, vector[:2], number,
           numpy=lambda a, b, c, i=indexing: tuple(np.meshgrid(a, b, c, indexing=i)), label=f"meshgrid {indexing}",
           )  # fmt: skip
sample("broadcast_to", lambda x: gt.repeat(x, 3, axis=1), matrix, numpy=lambda x: np.repeat(x, 3, axis=1),
       label="repeat")  # fmt: skip
sample("broadcast_to", lambda x: gt.repeat(x, 2), matrix, numpy=lambda x: np.repeat(x, 2), label="repeat flat")
sample("broadcast_to", lambda x: gt.tile(x, (2, 1, 2)), matrix, numpy=lambda x: np.tile(x, (2, 1, 2)), label="tile")
sample("broadcast_to", lambda x: gt.tile(x, 2), cube, numpy=lambda x: np.tile(x, 2), label="tile last")
sample("gather", lambda x: gt.repeat(x, [2, 0, 1], axis=0), matrix, numpy=lambda x: np.repeat(x, [2, 0, 1], axis=0),
       label="repeat each")  # fmt: skip
sample("astype", lambda x: gt.astype(x, np.complex128), vector, numpy=lambda x: x.astype(complex), tags={"double"})
sample("astype", lambda x: gt.astype(x, np.float64), np.float64(2), numpy=lambda x: x, tags={"double"})
sample("astype_exact", lambda x: gt.astype(x, np.int64), vector, numpy=lambda x: x.astype(np.int64))

sample("permute_dims", lambda x: gt.permute_dims(x, (2, 0, 1)), cube, numpy=lambda x: np.transpose(x, (2, 0, 1)))
sample("permute_dims", gt.transpose, cube, numpy=np.transpose, label="transpose")
sample("permute_dims", gt.transpose, number, numpy=np.transpose, label="transpose 0-d")
sample("permute_dims", gt.transpose, empty, numpy=np.transpose, label="transpose empty")
sample("permute_dims", lambda x: gt.moveaxis(x, 0, -1), cube, numpy=lambda x: np.moveaxis(x, 0, -1), label="moveaxis")
sample("permute_dims", lambda x: gt.moveaxis(x, (0, 1), (1, 2)), cube,
       numpy=lambda x: np.moveaxis(x, (0, 1), (1, 2)), label="moveaxis of two")  # fmt: skip
sample("permute_dims", lambda x: gt.swapaxes(x, 0, -1), cube, numpy=lambda x: np.swapaxes(x, 0, -1), label="swapaxes")

sample("concat", lambda a, b: gt.concat([a, b, a]), matrix, square[:, [0, 1, 2, 0]],
       numpy=lambda a, b: np.concatenate([a, b, a]))  # fmt: skip
sample("concat", lambda a, b: gt.concat([a, [[1.0], [2], [3]], b], axis=-1), matrix, square,
       numpy=lambda a, b: np.concatenate([a, [[1.0], [2], [3]], b], axis=-1), label="mixed")  # fmt: skip
sample("concat", lambda a, b: gt.concat([a, b], axis=None), matrix, number,
       numpy=lambda a, b: np.concatenate([a, b], axis=None), label="flat")  # fmt: skip
sample("concat", lambda a, b: gt.concat([a, b]), empty, square, numpy=lambda a, b: np.concatenate([a, b]),
       label="empty")  # fmt: skip
sample("concat", lambda a, b: gt.concat([a, b]), vector, complex_vector, numpy=lambda a, b: np.concatenate([a, b]),
       label="real and complex")  # fmt: skip
for name in ("hstack", "vstack", "dstack", "column_stack"):
    for x in (vector, matrix):
        sample("concat", lambda a, b, name=name: getattr(gt, name)([a, b]), x, x[::-1],
               numpy=lambda a, b, name=name: getattr(np, name)([a, b]), label=f"{name} of {x.ndim}-d")  # fmt: skip
sample("stack", lambda a, b: gt.stack([a, b]), vector, vector[::-1], numpy=lambda a, b: np.stack([a, b]))
sample("stack", lambda a, b: gt.stack([a, b], axis=-1), matrix, 2 * matrix,
       numpy=lambda a, b: np.stack([a, b], axis=-1))  # fmt: skip
sample("stack", lambda a, b: gt.stack([a, 2, b, a]), number, np.float64(0.5), numpy=lambda a, b: np.stack([a, 2, b, a]),
       label="numbers")  # fmt: skip
sample("stack", lambda a, b: gt.asarray([[a, 2.0], [3.0, b]]), number, np.float64(0.5),
       numpy=lambda a, b: np.array([[a, 2.0], [3.0, b]]), label="asarray")  # fmt: skip

sample("getitem", gt.unstack, matrix, numpy=lambda x: tuple(x), label="unstack")
sample("getitem", lambda x: gt.unstack(x, axis=-1), cube, numpy=lambda x: tuple(np.moveaxis(x, -1, 0)),
       label="unstack last")  # fmt: skip
sample("getitem", lambda x: gt.split(x, 2, axis=1), matrix, numpy=lambda x: np.split(x, 2, axis=1), label="split")
sample("getitem", lambda x: gt.split(x, [1, 3]), vector, numpy=lambda x: np.split(x, [1, 3]), label="split at")
sample("getitem", lambda x: gt.array_split(x, 3), vector, numpy=lambda x: np.array_split(x, 3), label="array_split")
sample("getitem", lambda x: gt.diag(x), matrix, numpy=np.diag, label="diag of a matrix")
for k in (-2, -1, 1, 3, 4):
    sample("getitem", lambda x, k=k: gt.diag(x, k), matrix, numpy=lambda x, k=k: np.diag(x, k), label=f"diag {k}")
    sample("scatter", lambda x, k=k: gt.diag(x, k), vector, numpy=lambda x, k=k: np.diag(x, k), label=f"diag {k}")
sample("scatter", gt.diagflat, matrix, numpy=np.diagflat, label="diagflat")

sample("flip", lambda x: gt.flip(x), matrix, numpy=np.flip)
sample("flip", lambda x: gt.flip(x, axis=(0, -1)), cube, numpy=lambda x: np.flip(x, (0, -1)))
sample("flip", lambda x: gt.flip(x), number, numpy=np.flip)
sample("flip", gt.fliplr, matrix, numpy=np.fliplr, label="fliplr")
sample("flip", gt.flipud, matrix, numpy=np.flipud, label="flipud")
for k in range(-1, 4):
    sample("flip", lambda x, k=k: gt.rot90(x, k), matrix, numpy=lambda x, k=k: np.rot90(x, k), label=f"rot90 {k}")
sample("roll", lambda x: gt.roll(x, 2), matrix, numpy=lambda x: np.roll(x, 2), label="flat")
sample("roll", lambda x: gt.roll(x, (1, -2), axis=(0, 1)), matrix, numpy=lambda x: np.roll(x, (1, -2), axis=(0, 1)))
sample("roll", lambda x: gt.roll(x, 1, axis=(0, -1)), cube, numpy=lambda x: np.roll(x, 1, axis=(0, -1)))

sample("scatter", lambda x: gt.pad(x, 1), matrix, numpy=lambda x: np.pad(x, 1), label="pad")
sample("scatter", lambda x: gt.pad(x, ((0, 2), (1, 0))), matrix, numpy=lambda x: np.pad(x, ((0, 2), (1, 0))),
       label="pad each")  # fmt: skip
sample("setitem", lambda x, c: gt.pad(x, (1, 2), constant_values=c), vector, number,
       numpy=lambda x, c: np.pad(x, (1, 2), constant_values=c), label="pad with a value")  # fmt: skip
sample("concat", lambda x: gt.pad(x, 1, constant_values=((1, 2), (3, 4))), matrix,
       numpy=lambda x: np.pad(x, 1, constant_values=((1, 2), (3, 4))), label="pad with values")  # fmt: skip
for mode in ("edge", "reflect", "symmetric", "wrap"):
    sample("gather", lambda x, m=mode: gt.pad(x, (2, 3), mode=m), matrix,
           numpy=lambda x, m=mode: np.pad(x, (2, 3), mode=m), label=f"pad {mode}")  # fmt: skip

for name in ("tril", "triu"):
    for k in (-1, 0, 2):
        sample(name, lambda x, name=name, k=k: getattr(gt, name)(x, k=k), cube,
               numpy=lambda x, name=name, k=k: getattr(np, name)(x, k), label=f"k={k}")  # fmt: skip
sample("gather", lambda x: gt.linspace(x, x[::-1], 3)[gt.asarray([0, 2, 1])], vector, label="linspace",
       numpy=lambda x: np.linspace(x, x[::-1], 3)[[0, 2, 1]])  # fmt: skip


def moved(x: Any) -> Any:
    """x moved to where it is."""
    here = gt.asarray(x).device
    return apply(REGISTRY["to_device"], x, device=here, source=here)


sample("to_device", moved, matrix, numpy=lambda x: x)
sample("add", lambda a, b: gt.arange(a, a + 1.8, b), number, np.float64(0.5), label="arange", batched=False,
       numpy=lambda a, b: np.arange(a, a + 1.8, b))  # fmt: skip
