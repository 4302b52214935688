"""Samples of indexing: reading and writing at keys of every kind."""

from __future__ import annotations

from typing import Any

import numpy as np

import gradtape as gt
from gradtape.functions.indexing import _SCATTER_SUM, scatter, updated
from gradtape.primitive import apply

from . import beside, sample

random = np.random.default_rng(3)
vector = random.normal(size=5)
matrix = random.normal(size=(3, 4))
cube = random.normal(size=(2, 3, 4))
complex_vector = random.normal(size=4) + 1j * random.normal(size=4)
mask = matrix > 0
rows, columns = np.array([2, 0, 2, 1]), np.array([1, 3, 1, -1])


def get(key: Any) -> Any:
    """x[key] as a function of x."""
    return lambda x: x[key]


def get_any(key: Any) -> Any:
    """The same, where x may be a plain array and the key hold Tensors."""
    return lambda x: gt.asarray(x)[key]


def put(key: Any) -> Any:
    """x with x[key] = v, as a function of v and x."""
    return lambda v, x: updated(x, key, v)


def numpy_put(key: Any) -> Any:
    """The same by NumPy."""

    def function(v: Any, x: Any) -> Any:
        y = np.array(x)
        y[key] = v
        return y[()] if y.ndim == 0 else y

    return function


def numpy_scatter(key: Any, shape: tuple[int, ...]) -> Any:
    """Zeros with g added at the key, by NumPy."""

    def function(g: Any) -> Any:
        z = np.zeros(shape, g.dtype)
        np.add.at(z, key, g)
        return z

    return function


BASIC = {
    "int": (vector, 2), "negative": (vector, -1), "row": (matrix, 1), "slice": (vector, slice(1, 4)),
    "step": (vector, slice(None, None, -2)), "element": (matrix, (2, 1)), "column": (matrix, (slice(None), -2)),
    "None": (matrix, (None, 1, None)), "ellipsis": (cube, (..., 0)), "ellipsis in the middle": (cube, (1, ..., 2)),
    "empty": (vector, slice(3, 3)), "all": (matrix, ()), "0-d": (np.float64(1.5), ()),
    "0-d None": (np.float64(2), None),
    "0-d ellipsis": (np.float64(2), ...), "complex": (complex_vector, slice(1, None)),
    "small": (random.normal(size=(8, 2)), 3),
}  # fmt: skip
for label, (x, key) in BASIC.items():
    sample("getitem", get(key), x, numpy=get(key), label=label)
    shape = x[key].shape
    sample("scatter", lambda g, key=key, s=x.shape: scatter(g, key, s), random.normal(size=shape),
           numpy=numpy_scatter(key, x.shape), label=label)  # fmt: skip
    sample("setitem", put(key), random.normal(size=shape), x, numpy=numpy_put(key), label=label)

def sums(*keys: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """The sum of arrays added at keys into zeros, and the same by NumPy."""

    def by_numpy(*gs: Any) -> Any:
        return sum([numpy_scatter(key, shape)(g) for g, key in zip(gs, keys, strict=True)])

    return lambda *gs: apply(_SCATTER_SUM, *gs, keys=keys, shape=shape), by_numpy


for label, gs, (function, by_numpy) in (
    ("slices", (vector[:4], vector[1:4]), sums((slice(0, 4),), (slice(1, 4),), shape=(5,))),
    ("elements", (vector[0], vector[1], vector[2]), sums((0,), (-1,), (0,), shape=(5,))),
    ("rows", (matrix, matrix[0], matrix[:, :1]), sums((), (1,), (slice(None), slice(2, 3)), shape=matrix.shape)),
    ("None", (matrix[None, 1], matrix[:, 2]), sums((None, 1), (slice(None, None, -1), 0), shape=matrix.shape)),
    ("complex", (complex_vector, complex_vector[0]), sums((slice(None),), (2,), shape=complex_vector.shape)),
):
    sample("scatter_sum", function, *gs, numpy=by_numpy, label=label)

ARRAYS = {
    "list": (vector, [3, 0, 3]), "2-d index": (vector, np.array([[0, 4], [4, 4]])), "rows": (matrix, rows % 3),
    "pairs": (matrix, (rows, columns)), "mask": (matrix, mask), "mask of rows": (matrix, mask[:, 0]),
    "mask and int": (cube, (0, mask)), "slice first": (cube, (slice(None), rows)),
    "apart": (cube, (rows % 2, slice(None), columns)), "together": (cube, (slice(None), rows, columns)),
    "apart by None": (matrix, (rows, None, columns)), "int apart": (cube, (0, slice(None), columns)),
    "int together": (cube, (slice(None), 1, columns)), "outer": (matrix, (rows[:, None], columns)),
    "mask and integers": (matrix, (np.array([True, False, True]), np.array([1, 1]))),
    "ellipsis apart": (cube, (slice(None), rows, ..., columns)), "true": (matrix, True), "false": (vector, False),
    "true inside": (matrix, (slice(None), True, columns)), "empty list": (matrix, []),
    "None before": (matrix, (None, rows)), "complex": (complex_vector, [0, 0, 3]), "last": (cube, (..., columns)),
    "ellipsis in the middle": (random.normal(size=(2, 2, 3)), ([0, 1], ..., [2, 0])),
}  # fmt: skip
for label, (x, key) in ARRAYS.items():
    sample("gather", get_any(key), x, numpy=get(key), label=label)
    shape = x[key].shape
    sample("scatter_add", lambda g, key=key, s=x.shape: scatter(g, key, s), random.normal(size=shape),
           numpy=numpy_scatter(key, x.shape), label=label)  # fmt: skip
    sample("setitem", put(key), random.normal(size=shape), x, numpy=numpy_put(key), label=label)

sample("setitem", put((slice(None), 1)), 2.5, matrix, numpy=numpy_put((slice(None), 1)), label="number")
sample("setitem", put(slice(1, 3)), vector[:4], matrix, numpy=numpy_put(slice(1, 3)), label="broadcast")
sample("setitem", put((slice(None), rows)), vector[:1], cube, numpy=numpy_put((slice(None), rows)), label="one")
sample("setitem", put(0), matrix[None, :1], cube, numpy=numpy_put(0), label="leading ones")
sample("setitem", put(mask), 1.5, matrix, numpy=numpy_put(mask), label="number at a mask")
apart = (rows % 2, slice(None), columns)
sample("setitem", put(apart), vector[:3], cube, numpy=numpy_put(apart), label="broadcast apart")

sample("gather", lambda x, i: gt.take(x, i, axis=1), cube, rows, numpy=lambda x, i: np.take(x, i, axis=1), label="take")
sample("gather", lambda x, i: gt.take(x, i), cube, rows, numpy=np.take, label="take flat")
sample("gather", lambda x: gt.take(x, [5, -7], axis=0, mode="clip"), matrix,
       numpy=lambda x: np.take(x, [5, -7], axis=0, mode="clip"), label="take clip")  # fmt: skip
sample("gather", lambda x: gt.take(x, [5, -7], axis=0, mode="wrap"), matrix,
       numpy=lambda x: np.take(x, [5, -7], axis=0, mode="wrap"), label="take wrap")  # fmt: skip
order = np.argsort(matrix, axis=1)
sample("gather", lambda x, i: gt.take_along_axis(x, i, axis=1), matrix, order,
       numpy=lambda x, i: np.take_along_axis(x, i, axis=1), label="take_along_axis")  # fmt: skip
sample("gather", lambda x: gt.take_along_axis(x, [[1]], axis=0), matrix,
       numpy=lambda x: np.take_along_axis(x, np.array([[1]]), axis=0), label="take_along_axis broadcast")  # fmt: skip
sample("gather", lambda x: gt.compress([True, False, True], x, axis=0), matrix,
       numpy=lambda x: np.compress([True, False, True], x, axis=0), label="compress")  # fmt: skip
sample("gather", lambda x: gt.extract(mask, x), matrix, numpy=lambda x: np.extract(mask, x), label="extract")
sample("last_writers", lambda i: updated(beside(np.zeros(3), i), i, beside(np.arange(4.0), i)), rows,
       label="last one wins")  # fmt: skip
