"""Samples of the elementwise functions, with the reference in NumPy."""

from __future__ import annotations

import numpy as np

import gradtape as gt
from gradtape.functions import elementwise as e
from gradtape.primitive import REGISTRY, apply

from . import beside, sample

R = np.array([[0.3, -1.2, 0.7], [-2.5, 0.9, 1.6]])  # of both signs, no ties, no integers
X = np.abs(R)  # positive
U = R / 3  # in (-1, 1)
ROW = np.array([0.45, 1.15, -2.35])
EMPTY = np.zeros((0, 3))
Z = R[0] + 1j * ROW
N = np.array([1.0, 2.0, 3.0])
inf, nan = np.inf, np.nan

# -- one argument: primitive, NumPy's name, points, special points -------------------------------------------------
for name, reference, points, special in [
    ("positive", np.positive, R, [0.0, -0.0, inf]),
    ("negative", np.negative, R, [0.0, -0.0, inf]),
    ("square", np.square, R, [0.0, 1e-200, 1e200]),
    ("sqrt", np.sqrt, X, [1e-300, 1e300]),
    ("cbrt", np.cbrt, R, [1e-300, -8.0, 1e300]),
    ("reciprocal", np.reciprocal, R, [1e-200, 1e200]),
    ("fabs", np.fabs, R, [0.0, -0.0, 1e-300]),
    ("abs", np.abs, R, [0.0, -0.0, 1e-300]),
    ("exp", np.exp, R, [-800.0, 0.0, -inf]),
    ("expm1", np.expm1, R, [1e-20, -50.0, -inf]),
    ("log", np.log, X, [1e-300, 1.0, 1e300]),
    ("log1p", np.log1p, X, [-1 + 2.0**-40, 0.0, 1e-20]),
    ("log2", np.log2, X, [1e-300, 1.0]),
    ("log10", np.log10, X, [1e-300, 1.0]),
    ("exp2", np.exp2, R, [0.0, -1080.0, 1000.0]),
    ("sin", np.sin, R, [0.0, 1e-300, 1e5]),
    ("cos", np.cos, R, [0.0, 1e-300, 1e5]),
    ("tan", np.tan, U, [0.0, 1.5]),
    ("asin", np.arcsin, U, [0.0, 1 - 1e-13]),
    ("acos", np.arccos, U, [0.0, 1 - 1e-13]),
    ("atan", np.arctan, R, [0.0, 1e200, -inf]),
    ("sinh", np.sinh, R, [0.0, 1e-300, 700.0]),
    ("cosh", np.cosh, R, [0.0, 1e-300, 700.0]),
    ("tanh", np.tanh, R, [0.0, 20.0, -800.0, inf]),
    ("logistic_slope", lambda x: 1 / (4 * np.cosh(x / 2) ** 2), R, [0.0, 20.0, -800.0]),
    ("one_minus_square", lambda x: 1 - x * x, R, [0.0, 1.0, -1.0]),
    ("sech_squared", lambda x: 1 / np.cosh(x) ** 2, R, [0.0, 20.0, -800.0]),
    ("asinh", np.arcsinh, R, [0.0, 1e200, -1e200]),
    ("acosh", np.arccosh, 1 + X, [1 + 1e-13, 1e200]),
    ("atanh", np.arctanh, U, [0.0, 1 - 1e-13]),
    ("logistic", lambda x: 1 / (1 + np.exp(-x)), R, [0.0, 40.0, -700.0, inf]),
    ("deg2rad", np.deg2rad, R, [0.0, 180.0]),
    ("rad2deg", np.rad2deg, R, [0.0, np.pi]),
    ("sinc", np.sinc, R, [0.0, 1e-8, 1e-300, 40.25]),
    ("nan_to_num", np.nan_to_num, R, [nan, inf, -inf, 2.0]),
    ("floor", np.floor, R, [-0.5, 2.0, inf]),
    ("ceil", np.ceil, R, [-0.5, 2.0, inf]),
    ("trunc", np.trunc, R, [-0.5, 2.0, inf]),
    ("rint", np.rint, R, [0.5, 1.5, inf]),
    ("round", np.round, R, [0.5, 1.5, inf]),
    ("sign", np.sign, R, [0.0, -0.0, nan]),
    ("signbit", np.signbit, R, [0.0, -0.0, nan]),
    ("isfinite", np.isfinite, R, [0.0, inf, nan]),
    ("isinf", np.isinf, R, [0.0, inf, nan]),
    ("isnan", np.isnan, R, [0.0, inf, nan]),
    ("logical_not", np.logical_not, R, [0.0, inf, nan]),
    ("stop_gradient", lambda x: x, R, [0.0, inf, nan]),
]:
    function = getattr(e, name)
    sample(name, function, points, numpy=reference)
    sample(name, function, points[0, 2], numpy=reference)
    sample(name, function, EMPTY, numpy=reference)
    sample(name, function, np.array(special), numpy=reference, smooth=False, label=f"{name} special")

for name in (
    "sin", "cos", "exp", "log", "sqrt", "tanh", "sinh", "cosh", "asin", "acos", "atan", "asinh", "square", "reciprocal",
):  # fmt: skip
    numpy_name = "arc" + name[1:] if name in ("asin", "acos", "atan", "asinh") else name
    sample(name, getattr(e, name), Z, numpy=getattr(np, numpy_name), order=2, label="complex")
for order in (1, 2, 3):
    sample("sinc", lambda x, n=order: e.sinc_derivative(x, n), R, order=2, label=f"derivative {order}")
    sample("sinc", lambda x, n=order: e.sinc_derivative(x, n), np.array(0.0), label=f"derivative {order} at 0")
sample("sinc", e.sinc, np.array(0.0), numpy=np.sinc, label="at 0")
sample("exp2", lambda x: e.exp2_derivative(x, 2), R, order=2, label="second derivative")
sample("round", lambda x: e.round(x, decimals=1), R, numpy=lambda x: np.round(x, 1), label="decimals")
sample("nan_to_num", lambda x: e.nan_to_num(x, nan=1.0, posinf=2.0, neginf=-2.0), np.array([nan, inf, -inf, 0.3]),
       numpy=lambda x: np.nan_to_num(x, nan=1.0, posinf=2.0, neginf=-2.0), smooth=False, label="keywords")  # fmt: skip

# -- two arguments: primitive, NumPy's function, points, special points ------------------------------------------
for name, reference, a, b, special in [
    ("add", np.add, R, ROW, ([0.0, inf], [-0.0, 1.0])),
    ("subtract", np.subtract, R, ROW, ([0.0, inf], [-0.0, 1.0])),
    ("multiply", np.multiply, R, ROW, ([0.0, 1e200], [0.0, 1e-200])),
    ("divide", np.divide, R, ROW, ([1e-250, 0.0], [1e-200, 3.0])),
    ("power", np.power, X, ROW, ([0.0, 0.0, 0.0, -2.0, 1e-200], [1.0, 2.0, 3.0, 3.0, 2.0])),
    ("remainder", np.remainder, R, ROW, ([-7.5, 1.0], [3.0, 0.1])),
    ("fmod", np.fmod, R, ROW, ([-7.5, 1.0], [3.0, 0.1])),
    ("hypot", np.hypot, R, ROW, ([0.0, 3e200, 0.0], [0.0, 4e200, 3.0])),
    ("cosine", lambda a, b: a / np.hypot(a, b), R, ROW, ([3e200, 0.0], [4e200, 3.0])),
    ("copysign", np.copysign, R, ROW, ([0.0, -2.0], [-0.0, 1.0])),
    ("logaddexp", np.logaddexp, R, ROW, ([3.0, 1e50, -inf, 800.0, -inf], [3.0, 1e50, 2.0, -800.0, -inf])),
    ("logaddexp2", np.logaddexp2, R, ROW, ([3.0, 1e50, -inf], [3.0, 1e50, 2.0])),
    ("atan2", np.arctan2, R, ROW, ([0.0, 1e200, 0.0], [0.0, 1e200, 1.0])),
    ("maximum", np.maximum, R, ROW, ([2.0, nan, 1.0, inf], [2.0, 1.0, nan, 3.0])),
    ("minimum", np.minimum, R, ROW, ([2.0, nan, 1.0, inf], [2.0, 1.0, nan, 3.0])),
    ("fmax", np.fmax, R, ROW, ([2.0, nan, 1.0, inf], [2.0, 1.0, nan, 3.0])),
    ("fmin", np.fmin, R, ROW, ([2.0, nan, 1.0, inf], [2.0, 1.0, nan, 3.0])),
    ("floor_divide", np.floor_divide, R, ROW, ([-7.5, 1.0], [3.0, 0.1])),
    ("nextafter", np.nextafter, R, ROW, ([0.0, 1.0], [1.0, inf])),
    ("heaviside", np.heaviside, R, ROW, ([0.0, -1.0], [0.5, 0.5])),
    ("equal", np.equal, R, ROW, ([2.0, nan], [2.0, nan])),
    ("not_equal", np.not_equal, R, ROW, ([2.0, nan], [2.0, nan])),
    ("less", np.less, R, ROW, ([2.0, nan], [2.0, nan])),
    ("less_equal", np.less_equal, R, ROW, ([2.0, nan], [2.0, nan])),
    ("greater", np.greater, R, ROW, ([2.0, nan], [2.0, nan])),
    ("greater_equal", np.greater_equal, R, ROW, ([2.0, nan], [2.0, nan])),
    ("logical_and", np.logical_and, R, ROW, ([2.0, nan], [0.0, nan])),
    ("logical_or", np.logical_or, R, ROW, ([2.0, nan], [0.0, nan])),
    ("logical_xor", np.logical_xor, R, ROW, ([2.0, nan], [0.0, nan])),
]:
    function = getattr(e, name)
    sample(name, function, a, b, numpy=reference)
    sample(name, function, a[:, :1], b, numpy=reference)
    sample(name, function, a[0, 0], b[1], numpy=reference)
    sample(name, lambda a, f=function: f(a, 1.3), a, numpy=lambda a, f=reference: f(a, 1.3), label="constant second")
    sample(name, lambda b, f=function: f(1.3, b), b, numpy=lambda b, f=reference: f(1.3, b), label="constant first")
    sample(name, function, EMPTY, b, numpy=reference)
    first, second = np.array(special[0]), np.array(special[1])
    sample(name, function, first, second, numpy=reference, smooth=False, label=f"{name} special")

for name in ("add", "subtract", "multiply", "divide", "power"):
    sample(name, getattr(e, name), Z, Z[::-1] + 1, numpy=getattr(np, name), order=2, label="complex")
    sample(name, getattr(e, name), X[0], Z, numpy=getattr(np, name), order=2, label="real and complex")
for exponent in (0, 1, 2, 3, 4, 2.0, 3.0):
    sample("power", lambda x, n=exponent: x**n, np.array([-1.5, 0.0, 0.7]), numpy=lambda x, n=exponent: x**n,
           label=f"to the {exponent!r}")  # fmt: skip
sample("power", lambda x: x**-2, R, numpy=lambda x: x**-2, label="to the -2", tolerance=10)
sample("power", lambda x: e.power(x, beside(N, x)), np.zeros(3), numpy=lambda x: x**N, label="powers of zero")
sample("power", lambda x: e.float_power(x, 2), R, numpy=lambda x: np.float_power(x, 2), label="float_power",
       tags={"double"})  # fmt: skip
sample("maximum", lambda x: e.maximum(x, 0.0), R, numpy=lambda x: np.maximum(x, 0.0), label="of x and 0")
for name in ("scale", "scale_either"):
    scale = lambda g, d, p=REGISTRY[name]: apply(p, g, d)
    sample(name, scale, R, ROW, numpy=np.multiply)
    sample(name, scale, R[0, 0], ROW[1], numpy=np.multiply)
    sample(name, lambda g, f=scale: f(g, beside([inf, nan, 1.0], g)), np.array([0.0, 0.0, 2.0]),
           numpy=lambda g: np.array([0.0, 0.0, 2.0]), smooth=False, label="zero absorbs")  # fmt: skip

# -- selecting, and what takes more than two ---------------------------------------------------------------------
CONDITION = R > 0.5
choice = lambda a, b: e.where(beside(CONDITION, a), a, b)
sample("where", choice, R, ROW, numpy=lambda a, b: np.where(CONDITION, a, b))
sample("where", choice, R[0, 0], ROW, numpy=lambda a, b: np.where(CONDITION, a, b))
sample("where", lambda a, b: e.where(a > b, a, b), R[0, 0], ROW[0], numpy=lambda a, b: np.where(a > b, a, b))
sample("where", lambda c, a: e.where(c, a, 0.0), CONDITION, R, numpy=lambda c, a: np.where(c, a, 0.0))
sample("where", lambda x: e.where(x > 0, e.sqrt(x), x * x), R, numpy=lambda x: np.where(x > 0, np.sqrt(X), x * x),
       label="a dead branch")  # fmt: skip
sample("where", lambda a: e.where(a > 0, a, 1j * a), Z.real, numpy=lambda a: np.where(a > 0, a, 1j * a),
       label="complex")  # fmt: skip
clip = lambda x, low, high: np.clip(x, low, high)
sample("clip", e.clip, R, np.array([-1.0, -0.5, 0.0]), np.array(1.0), numpy=clip)
sample("clip", e.clip, R[0, 0], np.array(-1.0), np.array(1.0), numpy=clip)
sample("clip", lambda x: e.clip(x, -1, 1), R, numpy=lambda x: np.clip(x, -1, 1), label="numbers")
sample("clip", lambda x: e.clip(x, max=1), R, numpy=lambda x: np.minimum(x, 1), label="from above")
sample("clip", lambda x: e.clip(x, 0.0), EMPTY, numpy=lambda x: x, label="empty")
sample("clip", e.clip, np.array([0.0, 1.0, nan]), np.array(0.0), np.array(1.0), numpy=clip, smooth=False,
       label="bounds")  # fmt: skip
sample("clip", e.clip, np.array([1.0, 4.0, 9.0]), np.array(5.0), np.array(3.0), numpy=clip, label="crossed bounds")

# -- complex numbers ---------------------------------------------------------------------------------------------
for name, primitive, reference in [
    ("real", "real", np.real),
    ("imag", "imag", np.imag),
    ("conj", "conj", np.conj),
    ("abs", "hypot", np.abs),
    ("angle", "atan2", np.angle),
    ("sign", "where", np.sign),
]:
    sample(primitive, getattr(e, name), Z, numpy=reference, label=f"{name} of complex")
    sample(primitive, getattr(e, name), Z[1], numpy=reference, label=f"{name} of one complex")
    on_reals = {"imag": "imag_of_real", "angle": "angle_of_real", "abs": "abs", "sign": "sign"}.get(name, "positive")
    sample(on_reals, getattr(e, name), R, numpy=reference, label=f"{name} of real")
    sample(on_reals, getattr(e, name), R[0, 0], numpy=reference, label=f"{name} of one real")
sample("complex", e.complex, R, ROW, numpy=lambda a, b: a + 1j * b)
sample("complex", e.complex, R[0, 0], ROW[0], numpy=lambda a, b: a + 1j * b)

# -- integers ----------------------------------------------------------------------------------------------------
A, B = np.array([[5, -3, 12], [7, 0, 1]]), np.array([3, 1, 2])
for name, reference in [
    ("bitwise_and", np.bitwise_and),
    ("bitwise_or", np.bitwise_or),
    ("bitwise_xor", np.bitwise_xor),
    ("bitwise_left_shift", np.left_shift),
    ("bitwise_right_shift", np.right_shift),
]:
    sample(name, getattr(e, name), A, B, numpy=reference)
    sample(name, getattr(e, name), A[0, 0], B[0], numpy=reference)
sample("bitwise_invert", e.bitwise_invert, A, numpy=np.invert)
sample("bitwise_invert", e.bitwise_invert, A[0, 0], numpy=np.invert)
sample("clip", lambda x: e.clip(x, 0), A, numpy=lambda x: np.maximum(x, 0), label="integers")
sample("identity", lambda x: gt.asarray(x), R, numpy=lambda x: x)
for when in (False, True):
    for mask in (CONDITION, CONDITION * 2.0):
        sample("select", lambda g, w=when, c=mask: e.select(g, beside(c, g), w), R,
               numpy=lambda g, w=when: g * (w == CONDITION), label=f"when {when} {mask.dtype}")  # fmt: skip
    sample("select", lambda g, w=when: e.select(g, beside(CONDITION, g), w), np.float64(2.0),
           numpy=lambda g, w=when: g * (w == CONDITION), label=f"0-d when {when}")  # fmt: skip
sample("select", lambda g: e.select(g, beside(np.arange(9000) % 2 == 0, g)), np.arange(9000.0), order=1, batched=False,
       numpy=lambda g: np.where(np.arange(9000) % 2 == 0, g, 0), label="large")  # fmt: skip
sample("select", lambda g: e.select(g, beside(np.arange(9000) > 0, g)), np.full(9000, inf), smooth=False, batched=False,
       numpy=lambda g: np.where(np.arange(9000) > 0, g, 0), label="large, infinite")  # fmt: skip
for larger in (False, True):
    share = lambda g, a, b, **how: apply(REGISTRY["share"], g, beside(a, g), beside(b, g), **how)
    sample("share", lambda g, p=larger, f=share: f(g, R, ROW, larger=p, with_nan=True), X,
           numpy=lambda g, p=larger: g * ((R > ROW) if p else (R < ROW)), label=f"larger {larger}")  # fmt: skip
    sample("share", lambda g, p=larger, f=share: f(g, N, N, larger=p, with_nan=False), R,
           numpy=lambda g: g / 2, label=f"ties, larger {larger}")  # fmt: skip
sample("anchored", lambda x: e.anchored(gt.sin(x), gt.sin(x)), [0.3, -2.0])
