"""Samples of gradtape.special."""

from __future__ import annotations

import numpy as np
import scipy.special as sc

from gradtape.functions import special as s

from . import sample

X = np.array([[0.3, 1.2, 0.7], [2.5, 0.9, 1.6]])  # positive
R = np.array([[0.3, -1.2, 0.7], [-2.5, 0.9, 1.6]])  # of both signs
U = np.array([[0.3, 0.2, 0.7], [0.8, 0.5, 0.51]])  # in (0, 1)
ROW = np.array([0.4, 1.1, 2.3])
EMPTY = np.zeros((0, 3))

# -- one argument: name, points, special points ------------------------------------------------------------------
for name, points, special in [
    ("erf", R, [0.0, 6.0, -np.inf]),
    ("erfc", R, [0.0, 10.0, -10.0, 27.0]),
    ("erfinv", 2 * U - 1, [0.0, 1.0, -1.0]),
    ("erfcinv", 2 * U, [1.0, 1e-300]),
    ("ndtr", R, [0.0, -30.0, 30.0]),
    ("ndtri", U, [0.5, 1e-300]),
    ("log_ndtr", 3 * R, [-40.0, -10.0, 40.0, -1e8]),
    ("gammaln", X, [1.0, 2.0, 1e15, -0.5]),
    ("gamma", X, [1.0, 30.0, -0.5]),
    ("digamma", X, [0.1, 1e15, -0.5]),
    ("logit", U, [0.5, 1e-300, 0.0, 1.0]),
    ("entr", X, [1e-300, 1.0]),
    ("i0", R, [0.0, 40.0, -40.0]),
    ("i1", R, [0.0, 40.0, -40.0]),
    ("i0e", R, [29.0, 31.0, -800.0]),
    ("i1e", R, [29.0, 31.0, -800.0]),
    ("log_expit", R, [0.0, 40.0, -800.0]),
]:
    function, reference = getattr(s, name), getattr(sc, name)
    primitive = {"i0": "bessel_i", "i1": "bessel_i", "i0e": "scaled_bessel_i", "i1e": "scaled_bessel_i"}.get(name, name)
    sample(primitive, function, points, numpy=reference)
    sample(primitive, function, points[1, 2], numpy=reference)
    sample(primitive, function, EMPTY, numpy=reference, label=f"{name} empty")
    sample(primitive, function, np.array(special), numpy=reference, smooth=False, label=f"{name} special")

sample("softplus", s.softplus, R, numpy=lambda x: np.logaddexp(x, 0))
sample("softplus", s.softplus, R[0, 1], numpy=lambda x: np.logaddexp(x, 0))
FAR = np.array([30.0, -30.0, 1000.0, -1000.0])
sample("softplus", s.softplus, FAR, numpy=lambda x: np.logaddexp(x, 0), smooth=False)
sample("softplus", s.softplus, EMPTY, numpy=lambda x: np.logaddexp(x, 0))
sample("gaussian", s.gaussian, R, numpy=lambda x: np.exp(-x * x))
sample("gaussian", s.gaussian, np.array([0.0, 40.0, np.inf]), numpy=lambda x: np.exp(-x * x), smooth=False)
sample("polygamma", lambda x: s.polygamma(1, x), X, numpy=lambda x: sc.polygamma(1, x))
sample("polygamma", lambda x: s.polygamma(3, x), X[0, 0], numpy=lambda x: sc.polygamma(3, x))

# -- two arguments -----------------------------------------------------------------------------------------------
for name, a, b in [("betaln", X, ROW), ("xlogy", R, ROW), ("xlog1py", R, ROW), ("rel_entr", X, ROW)]:
    function, reference = getattr(s, name), getattr(sc, name)
    sample(name, function, a, b, numpy=reference)
    sample(name, function, a[0, 0], b, numpy=reference)
    sample(name, function, a[:, :1], 1.5, numpy=reference)
    sample(name, lambda b, f=function: f(2.0, b), b, numpy=lambda b, f=reference: f(2.0, b), label="constant first")
    sample(name, function, EMPTY, ROW, numpy=reference)
sample("xlogy", s.xlogy, np.zeros(3), np.array([0.0, 2.0, 1e-310]), numpy=sc.xlogy, smooth=False)
sample("xlog1py", s.xlog1py, np.zeros(3), np.array([-1.0, 2.0, 1e-310]), numpy=sc.xlog1py, smooth=False)
sample("rel_entr", s.rel_entr, np.zeros(2), np.array([0.0, 2.0]), numpy=sc.rel_entr, smooth=False)
sample("divide_absorbing", s.divide_absorbing, R, ROW, numpy=np.divide)
sample("divide_absorbing", s.divide_absorbing, 0.0, 0.0, numpy=lambda a, b: 0.0, smooth=False)
sample("divide_absorbing", s.divide_absorbing, EMPTY, ROW, numpy=np.divide)

DENSITY = lambda a, x: x ** (a - 1) * np.exp(-x) / sc.gamma(a)
sample("gamma_density", s.gamma_density, X + 1, ROW, numpy=DENSITY)
sample("gamma_density", s.gamma_density, np.array([1.0, 2.0, 0.0]), np.zeros(3), wrt=(1,), smooth=False)
sample("gammainc", s.gammainc, X, ROW, numpy=sc.gammainc, wrt=(1,))
sample("gammainc", s.gammainc, 2.0, 1.5, numpy=sc.gammainc, wrt=(1,))
sample("gammainc", s.gammainc, np.array([1.0, 2.0]), np.zeros(2), numpy=sc.gammainc, wrt=(1,), smooth=False)
sample("gammaincc", s.gammaincc, X, ROW, numpy=sc.gammaincc, wrt=(1,))

# -- softmax -----------------------------------------------------------------------------------------------------
for name in ("softmax", "log_softmax"):
    function, reference = getattr(s, name), getattr(sc, name)
    sample(name, function, R, numpy=reference, label="all axes")
    for axis in (0, 1, -1, (0, 1)):
        sample(
            name, lambda x, f=function, axis=axis: f(x, axis=axis), R,
            numpy=lambda x, f=reference, axis=axis: f(x, axis=axis), label=f"axis={axis}",
        )  # fmt: skip
    for axis in (1, (0, 2)):
        sample(
            name, lambda x, f=function, axis=axis: f(x, axis=axis), np.sin(np.arange(24.0)).reshape(2, 3, 4),
            numpy=lambda x, f=reference, axis=axis: f(x, axis=axis), label=f"3 axes, {axis}",
        )  # fmt: skip
    sample(name, function, ROW, numpy=reference)
    sample(name, function, 1.5, numpy=reference)
    sample(name, lambda x, f=function: f(x, axis=1), EMPTY, numpy=lambda x: x, label="empty")
    sample(name, function, np.array([1e50, 1e50, -1e50]), smooth=False, label="ties")
sample("softmax", s.softmax, np.array([-np.inf, 0.0, 1.0]), numpy=sc.softmax, smooth=False, label="-inf")
V = np.cos(np.arange(6.0)).reshape(2, 3)
for name, function in [("softmax_centered", s.centered), ("softmax_uncentered", s.uncentered)]:
    # p is a distribution, so it is differentiated through softmax
    sample(name, lambda x, v, f=function: f(s.softmax(x, axis=-1), v), R, V)
    sample(name, lambda x, v, f=function: f(s.softmax(x, axis=-1), v), ROW, V, label="broadcast p")
    sample(name, lambda x, v, f=function: f(s.softmax(x, axis=-1), v), R, ROW, label="broadcast v")
    sample(name, lambda x, v, f=function: f(s.softmax(x, axis=-1), v), EMPTY, EMPTY, label="empty")
