"""Samples of reductions, and of running sums and products."""

from __future__ import annotations

import numpy as np
import scipy.special as sc

from gradtape.functions import cumulative as c
from gradtape.functions import reductions as r
from gradtape.primitive import REGISTRY, apply

from . import beside, sample

random = np.random.default_rng(7)
NUMBER = np.float64(1.3)
VECTOR = random.normal(size=5)
MATRIX = random.normal(size=(3, 4))
CUBE = random.normal(size=(2, 3, 2))
EMPTY = np.zeros((0, 3))
COMPLEX = random.normal(size=(2, 3)) + 1j * random.normal(size=(2, 3))
inf, nan = np.inf, np.nan

for name, reference in [
    ("sum", np.sum),
    ("mean", np.mean),
    ("var", np.var),
    ("std", np.std),
    ("prod", np.prod),
    ("max", np.max),
    ("min", np.min),
    ("logsumexp", sc.logsumexp),
    ("any", np.any),
    ("all", np.all),
    ("count_nonzero", np.count_nonzero),
]:
    f = getattr(r, name)
    sample(name, f, VECTOR, numpy=reference)
    sample(name, f, NUMBER, numpy=reference)
    sample(name, f, MATRIX[:1, :1], numpy=reference)
    for axis in (0, -1, (0, 2), (2, 1), ()):
        if axis == () and name == "logsumexp":
            continue
        sample(name, lambda x, f=f, a=axis: f(x, axis=a), CUBE, numpy=lambda x, f=reference, a=axis: f(x, axis=a),
               label=f"axis {axis}")  # fmt: skip
    for axis in (None, 1):
        sample(name, lambda x, f=f, a=axis: f(x, a, keepdims=True), MATRIX,
               numpy=lambda x, f=reference, a=axis: f(x, axis=a, keepdims=True), label=f"keepdims {axis}")  # fmt: skip
    if name not in ("max", "min"):
        sample(name, lambda x, f=f: f(x, axis=1), EMPTY, numpy=lambda x, f=reference: f(x, axis=1), label="empty")
for name in ("sum", "mean", "prod", "var", "std"):
    sample(name, getattr(r, name), COMPLEX, numpy=getattr(np, name), order=2, label="complex")
for name in ("var", "std"):
    f, reference = getattr(r, name), getattr(np, name)
    sample(name, lambda x, f=f: f(x, axis=0, correction=1.5), MATRIX,
           numpy=lambda x, f=reference: f(x, axis=0, ddof=1.5), label="correction")  # fmt: skip
    sample(name, f, np.full(3, 5.0), numpy=reference, smooth=False, label="constant")
sample("var", lambda x: r.var(x + 1e8), np.array([1.0, 2.0, 3.0]), numpy=lambda x: np.var(x), smooth=False,
       label="far from 0")  # fmt: skip
sample("sum", lambda x: r.sum(x, dtype=np.float64), MATRIX, numpy=np.sum, label="dtype", tags={"double"})
sample("max", lambda x: r.ptp(x, axis=0), MATRIX, numpy=lambda x: np.ptp(x, axis=0), label="ptp")
sample("max", r.max, np.array([1.0, 3.0, 3.0]), numpy=np.max, smooth=False, label="tie")
sample("min", r.min, np.array([1.0, 1.0, 3.0]), numpy=np.min, smooth=False, label="tie")

# -- products with zeros -----------------------------------------------------------------------------------------
for zeros in range(1, 5):
    x = np.array([0.7, -1.2, 1.5, 0.8])
    x[:zeros] = 0
    sample("prod", r.prod, x, numpy=np.prod, label=f"{zeros} zeros")
    sample("cumulative_prod", c.cumulative_prod, x, numpy=np.cumprod, label=f"{zeros} zeros")
    sample("cumulative_prod", c.cumulative_prod, x[::-1].copy(), numpy=np.cumprod, label=f"{zeros} zeros at the end")
sample("prod", lambda x: r.prod(x, axis=(0, 1)), np.where(CUBE > 0.5, 0.0, CUBE),
       numpy=lambda x: np.prod(x, axis=(0, 1)), label="zeros along two axes")  # fmt: skip
for m in range(3):
    sample("leave_one_out", lambda rows: apply(REGISTRY["leave_one_out"], rows, axis=(0,)),
           random.normal(size=(3, m + 1)), order=2, label=f"{m} directions")  # fmt: skip
sample("leave_one_out", lambda x: r.others(x, (0, 2)), CUBE, label="along two axes")
sample("leave_one_out", lambda x: r.others(x * 1e-200, (0,)) * 1e200, np.array([1.0, 2.0]), numpy=lambda x: x[::-1],
       label="beyond the range of floats", tags={"double"})  # fmt: skip
sample("leave_one_out", lambda x: r.others(beside([1e-200, 1e-200, 1e200, 1e200], x) * x, (0,)),
       np.array([1.0, 2.0, 3.0, 1.0]), numpy=lambda x: np.array([6e200, 3e200, 2e-200, 6e-200]), smooth=False,
       label="out of range between", tags={"double"})  # fmt: skip

sample("sum_of_products", lambda a, b: r.sum_of_products(a, b, 0), [[1.0, 2.0], [3.0, -4.0]], [[0.5, 2.0], [1.0, 3.0]],
       numpy=lambda a, b: (a * b).sum(0))  # fmt: skip
sample("sum_of_products", lambda a, b: r.sum_of_products(a, b, 1), [[1.0, 2.0], [3.0, -4.0]], [[0.5, 2.0]],
       numpy=lambda a, b: (a * b).sum(1))  # fmt: skip

# -- pieces of rules ---------------------------------------------------------------------------------------------
sample("spread", lambda g: r.spread(g, (2, 3, 2), (0, 2)), VECTOR[:3], numpy=lambda g: np.tile(g[:, None], (2, 1, 2)))
sample("spread", lambda g: r.spread(g, (2, 3), (0, 1)), NUMBER, numpy=lambda g: np.full((2, 3), g))
sample("spread", lambda g: r.spread(g, (2, 3), (1,), True), MATRIX[:2, :1], numpy=lambda g: np.tile(g, (1, 3)))
WON = MATRIX > 0
WON[0] = [True, False, False, False]
sample("deal", lambda g: apply(REGISTRY["deal"], g, beside(WON, g), axis=(1,), keepdims=False), VECTOR[:3])
sample("collect", lambda x: apply(REGISTRY["collect"], x, beside(WON, x), axis=(1,), keepdims=False), MATRIX)
sample("tied", lambda x: apply(REGISTRY["tied"], x, r.max(x, 0), axis=(0,), keepdims=False), MATRIX,
       numpy=lambda x: x == x.max(0))  # fmt: skip
sample("foremost", lambda x: apply(REGISTRY["foremost"], x, axis=(0, 1)), CUBE,
       numpy=lambda x: x == x.max((0, 1), keepdims=True))  # fmt: skip
for axis in ((0,), (1,), (0, 2), (0, 1, 2)):
    sample("exponential_shares", lambda x, a=axis: r.exponential_shares(x, a), CUBE,
           numpy=lambda x, a=axis: sc.softmax(x, axis=a), label=f"axis {axis}")  # fmt: skip
for special in ([1000.0, 1000.0], [-1000.0, 0.0], [-inf, 1.0, 2.0], [1e50, 1e50], [40.0, 0.0]):
    x = np.array(special)
    sample("logsumexp", r.logsumexp, x, numpy=sc.logsumexp, smooth=False, label=str(special))
    sample("exponential_shares", lambda x: r.exponential_shares(x, (0,)), x, numpy=sc.softmax, smooth=False,
           label=str(special))  # fmt: skip
sample("logsumexp", r.logsumexp, np.array([-inf, -inf]), numpy=sc.logsumexp, smooth=False, label="all -inf")

# -- running sums and products -----------------------------------------------------------------------------------
for name, reference in [("cumulative_sum", np.cumsum), ("cumulative_prod", np.cumprod)]:
    f, short = getattr(c, name), getattr(c, reference.__name__)
    sample(name, f, VECTOR, numpy=reference)
    sample(name, f, NUMBER, numpy=reference)
    sample(name, f, VECTOR[:1], numpy=reference)
    sample(name, lambda x, f=f: f(x, axis=0), EMPTY, numpy=lambda x, f=reference: f(x, axis=0))
    sample(name, lambda x, f=f: f(x, axis=1), EMPTY, numpy=lambda x, f=reference: f(x, axis=1), label="empty")
    sample(name, short, MATRIX, numpy=reference, label="flat")
    for axis in (0, 1, -1):
        sample(name, lambda x, f=f, a=axis: f(x, axis=a), CUBE, numpy=lambda x, f=reference, a=axis: f(x, axis=a),
               label=f"axis {axis}")  # fmt: skip
    sample(name, lambda x, f=f: f(x, axis=1, include_initial=True), MATRIX,
           numpy=lambda x, f=reference, s=name == "cumulative_prod": np.insert(f(x, axis=1), 0, s, axis=1),
           label="include_initial")  # fmt: skip
    sample(name, f, COMPLEX[0], numpy=reference, order=2, label="complex")
sample("cumulative_prod", c.cumulative_prod, 1 + 0.1 * random.normal(size=20), numpy=np.cumprod, label="long")


def recurrence(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
    """The definition."""
    a, b = np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0)
    s = [b[0]]
    for p, q in zip(a[1:], b[1:], strict=True):
        s.append(p * s[-1] + q)
    return np.moveaxis(np.array(s), 0, axis)


for reverse in (False, True):
    turn = (lambda x, axis: np.flip(x, axis)) if reverse else (lambda x, axis: x)
    for axis in (0, 1):
        sample("recurrence", lambda a, b, k=axis, v=reverse: c.recurrence(a, b, k, v), MATRIX, MATRIX[::-1].copy(),
               numpy=lambda a, b, k=axis, t=turn: t(recurrence(t(a, k), t(b, k), k), k),
               label=f"axis {axis}, reverse {reverse}")  # fmt: skip
        sample("shift", lambda x, k=axis, v=reverse: c.shift(x, k, v), MATRIX, label=f"axis {axis}, reverse {reverse}")
sample("recurrence", lambda a, b: c.recurrence(a, b, 0, False), 0.5 * random.normal(size=12), random.normal(size=12),
       numpy=lambda a, b: recurrence(a, b, 0), label="long")  # fmt: skip
