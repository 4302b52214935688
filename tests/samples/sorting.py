"""Samples of sorting, positions, medians and quantiles."""

from __future__ import annotations

import numpy as np

from gradtape.arrays.quantile_methods import POSITIONS
from gradtape.functions import sorting as s
from gradtape.primitive import REGISTRY, apply

from . import beside, sample

random = np.random.default_rng(8)
VECTOR = random.permutation(6) + random.uniform(0.0, 0.5, 6)  # no ties
MATRIX = (random.permutation(12) + random.uniform(0.0, 0.5, 12)).reshape(3, 4)
CUBE = (random.permutation(12) + random.uniform(0.0, 0.5, 12)).reshape(2, 3, 2)
EMPTY = np.zeros((3, 0))
TIES = np.array([2.0, 1.0, 1.0, 2.0])

for name, reference in [("sort", np.sort), ("argsort", lambda x, axis=-1: np.argsort(x, axis=axis, stable=True))]:
    f = getattr(s, name)
    for axis in (0, 1, -1, None):
        sample(name, lambda x, f=f, a=axis: f(x, axis=a), CUBE, numpy=lambda x, f=reference, a=axis: f(x, axis=a),
               label=f"axis {axis}")  # fmt: skip
    sample(name, f, VECTOR, numpy=reference)
    sample(name, f, EMPTY, numpy=reference)
    sample(name, f, TIES, numpy=reference, smooth=False, label="ties")
sample("sort", lambda x: s.sort(x, descending=True), MATRIX, numpy=lambda x: np.sort(x)[:, ::-1], label="descending")
sample("sort", lambda x: s.sort(x, descending=True), TIES, numpy=lambda x: np.sort(x)[::-1], smooth=False,
       label="descending ties")  # fmt: skip
sample("argsort", lambda x: s.argsort(x, descending=True), TIES, numpy=lambda x: np.array([0, 3, 1, 2]),
       label="descending ties")  # fmt: skip
sample("reorder", lambda x: apply(REGISTRY["reorder"], x, beside(np.argsort(MATRIX, axis=0), x), axis=0), MATRIX,
       numpy=lambda x: np.sort(x, axis=0))  # fmt: skip
sample("inverse_order", lambda x: apply(REGISTRY["inverse_order"], x, axis=0), np.array([2, 0, 1]),
       numpy=lambda x: np.argsort(x))  # fmt: skip

for name, reference in [("argmax", np.argmax), ("argmin", np.argmin)]:
    f = getattr(s, name)
    sample(name, f, VECTOR, numpy=reference)
    sample(name, f, np.float64(2.0), numpy=reference)
    for axis in (0, -1, None):
        sample(name, lambda x, f=f, a=axis: f(x, axis=a), CUBE, numpy=lambda x, f=reference, a=axis: f(x, axis=a),
               label=f"axis {axis}")  # fmt: skip
        sample(name, lambda x, f=f, a=axis: f(x, axis=a, keepdims=True), MATRIX,
               numpy=lambda x, f=reference, a=axis: f(x, axis=a, keepdims=True), label=f"keepdims {axis}")  # fmt: skip

GRID = np.array([0.5, 1.5, 2.5])
for side in ("left", "right"):
    for x in (MATRIX, np.float64(1.5), EMPTY):
        sample("searchsorted", lambda a, b, side=side: s.searchsorted(a, b, side=side), GRID, x,
               numpy=lambda a, b, side=side: np.searchsorted(a, b, side=side), label=f"{side} {x.shape}")  # fmt: skip
sample("searchsorted", lambda a, b: s.searchsorted(a, b, sorter=[2, 0, 1]), np.array([1.5, 2.5, 0.5]), VECTOR,
       numpy=lambda a, b: np.searchsorted(a, b, sorter=[2, 0, 1]), label="sorter")  # fmt: skip

for x in (VECTOR, VECTOR[:5], VECTOR[:1], MATRIX, np.float64(2.0)):
    sample("sort", s.median, x, numpy=np.median, label=f"median of {x.shape}")
for axis in (0, -1, (0, 2)):
    for keepdims in (False, True):
        sample("sort", lambda x, a=axis, k=keepdims: s.median(x, a, keepdims=k), CUBE,
               numpy=lambda x, a=axis, k=keepdims: np.median(x, axis=a, keepdims=k),
               label=f"median along {axis} {keepdims}")  # fmt: skip
        sample("sort", lambda x, a=axis, k=keepdims: s.quantile(x, [[0.0, 0.3], [0.75, 1.0]], a, keepdims=k), CUBE,
               numpy=lambda x, a=axis, k=keepdims: np.quantile(x, [[0.0, 0.3], [0.75, 1.0]], axis=a, keepdims=k),
               label=f"quantile along {axis} {keepdims}")  # fmt: skip
for method in POSITIONS:
    sample("sort", lambda x, m=method: s.percentile(x, 40, axis=0, method=m), MATRIX,
           numpy=lambda x, m=method: np.percentile(x, 40, axis=0, method=m), label=f"percentile {method}")  # fmt: skip
sample("sort", s.median, np.array([1.0, np.nan, 2.0]), numpy=np.median, smooth=False, label="median of NaN")
