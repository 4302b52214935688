"""Samples of Bessel functions, integrals and their kin."""

from __future__ import annotations

import numpy as np
import scipy.special as sc

import gradtape as gt
from gradtape.functions import integrals as s
from gradtape.primitive import REGISTRY

from . import sample

X = np.array([[0.3, 1.2, 0.7], [2.5, 0.9, 1.6]])  # positive
R = np.array([[0.3, -1.2, 0.7], [-2.5, 0.9, 1.6]])  # of both signs
U = np.array([[0.3, 0.2, 0.7], [0.8, 0.5, 0.51]])  # in (0, 1)
ROW = np.array([0.4, 1.1, 2.3])
SIGNED = np.array([[2.0, -1.0, 1.0], [1.5, 0.5, 1.0]])
EMPTY = np.zeros((0, 3))

for name, points, special in [
    ("j0", R, [0.0, 50.0]), ("j1", R, [0.0, -50.0]), ("y0", X, [50.0]), ("y1", X, [50.0]), ("k0", X, [500.0]),
    ("k1", X, [1e-3]), ("expi", R, [30.0, -30.0]), ("exp1", X, [30.0]), ("erfcx", R, [0.0, 1.19, 1.21, 50.0, 1e8]),
    ("dawsn", R, [0.0, 1.49, 1.51, 6.9, 7.1, -300.0]), ("exprel", R, [0.0, -14.0, 14.0, -700.0, 1e-9]),
    ("ellipk", U - 0.4, [0.0, 0.34, 0.36, -10.0]), ("ellipe", U - 0.4, [0.0, 0.34, 0.36, -10.0]),
]:  # fmt: skip
    function, reference = getattr(s, name), getattr(sc, name)
    primitive = name if name in REGISTRY else f"{name}_derivative"
    sample(primitive, function, points, numpy=reference)
    sample(primitive, function, points[1, 2], numpy=reference)
    sample(primitive, function, EMPTY, numpy=reference, label=f"{name} empty")
    sample(primitive, function, np.array(special), numpy=reference, smooth=False, label=f"{name} special")

for name in ("jv", "yv", "iv", "kv"):
    function, reference = getattr(s, name), getattr(sc, name)
    sample(name, function, np.array([[0.0], [2.5]]), ROW, numpy=reference, wrt=(1,))
    sample(name, lambda x, f=function: f(3, x), X, numpy=lambda x, f=reference: f(3, x), label=f"{name} of order 3")
for name, a, b in [("beta", X, ROW), ("binom", X + 3, ROW)]:
    function, reference = getattr(s, name), getattr(sc, name)
    sample(name, function, a, b, numpy=reference)
    sample(name, lambda b, f=function: f(4.0, b), b, numpy=lambda b, f=reference: f(4.0, b))
    sample(name, function, EMPTY, ROW, numpy=reference, label="empty")
sample("beta_density", s.beta_density, X, ROW, U, 0.5, numpy=lambda p, q, x, c: x**p * (1 - x) ** q * np.exp(-c))
sample("beta_density", lambda x: s.beta_density(2.0, 1.0, x, 0.0), np.array([0.0, 1.0]), smooth=False, label="ends")
for name in ("betainc", "betaincc"):
    function, reference = getattr(s, name), getattr(sc, name)
    sample(name, function, X, ROW, U, numpy=reference, wrt=(2,))
    sample(name, lambda x, f=function: f(2.0, 3.0, x), np.array([0.0, 0.5, 1.0]),
           numpy=lambda x, f=reference: f(2.0, 3.0, x), smooth=False, label=name + " at the ends")  # fmt: skip
sample("zeta", s.zeta, np.array([[2.0], [3.5]]), ROW, numpy=sc.zeta, wrt=(1,))
sample("zeta", s.zeta, 3.0, numpy=sc.zeta, wrt=(), label="Riemann's")
sample("gammaln", lambda x: s.multigammaln(x, 3), X + 2, numpy=lambda x: sc.multigammaln(x, 3).reshape(x.shape),
       label="multigammaln")  # fmt: skip
sample("lambertw", lambda x: gt.real(s.lambertw(x)), X, numpy=lambda x: sc.lambertw(x).real)
sample("lambertw", s.lambertw, R + 0.5j, numpy=sc.lambertw, order=2, label="complex")
sample("lambertw", lambda x: gt.real(s.lambertw(x, -1)), -0.3 * U, numpy=lambda x: sc.lambertw(x, -1).real,
       label="k=-1", tolerance=100, order=2)  # fmt: skip
sample("lambertw", lambda x: gt.real(s.lambertw(x)), np.array([0.0, 1e-300]), smooth=False, label="at 0")
sample("rel_entr", s.kl_div, X, ROW, numpy=sc.kl_div, label="kl_div")
sample("exprel_derivative", s.boxcox, X, ROW - 1.1, numpy=sc.boxcox, label="boxcox")
sample("exprel_derivative", s.boxcox1p, X, np.array([0.0, 0.5, -1.0]), numpy=sc.boxcox1p, label="boxcox1p")
sample("logsumexp", lambda a, b: s.logsumexp(a, b=b, axis=1), R, X, numpy=lambda a, b: sc.logsumexp(a, b=b, axis=1),
       label="with weights")  # fmt: skip
sample("logsumexp", lambda a, b: s.logsumexp(a, b=b, return_sign=True), R, SIGNED,
       numpy=lambda a, b: sc.logsumexp(a, b=b, return_sign=True), label="signed weights")  # fmt: skip
sample("stdtr", lambda t: s.stdtr(3.0, t), R, numpy=lambda t: sc.stdtr(3.0, t))
sample("stdtr", s.stdtr, np.array([1.5, 4.0, 30.0]), R, numpy=sc.stdtr, wrt=(1,))
sample("stdtr", lambda t: s.stdtr(3.0, t), np.array([0.0, 1e3, -1e3]), numpy=lambda t: sc.stdtr(3.0, t), smooth=False)
for name in ("chdtr", "chdtrc"):
    function, reference = getattr(s, name), getattr(sc, name)
    sample("gammainc" if name == "chdtr" else "gammaincc", lambda x, f=function: f(3.0, x), X,
           numpy=lambda x, f=reference: f(3.0, x), label=name)  # fmt: skip
for name in ("fdtr", "fdtrc"):
    function, reference = getattr(s, name), getattr(sc, name)
    sample("betainc", lambda x, f=function: f(3.0, 5.0, x), X, numpy=lambda x, f=reference: f(3.0, 5.0, x), label=name)
