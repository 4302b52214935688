"""Rules of NumPy's functions that are small programs: differences, interpolation, convolution, statistics of pairs."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce as fold
from typing import Any

import numpy as np

import gradtape as gt

from ..arrays.dtypes import is_floating, numpy_dtype
from ..errors import NoRuleError
from ..functions import special
from ..functions.declare import NUMBERS, normalized_axes, one_axis
from ..tensor import underlying
from .numpy_protocols import converted, plain

Rule = Callable[..., Any]


def along(x: Any, axis: int, ndim: int) -> Any:
    """A vector laid along one of ndim axes, to broadcast."""
    return gt.reshape(x, tuple([-1 if i == axis % ndim else 1 for i in range(ndim)]))


def numbers(a: Any) -> Any:
    """Integers and booleans as doubles, as NumPy takes them."""
    a = gt.asarray(a)
    return gt.astype(a, np.float64) if gt.isdtype(a.dtype, ("bool", "integral")) else a


def doubled(x: Any) -> Any:
    """x in double precision at least, as NumPy computes statistics and polynomials."""
    x = gt.asarray(x)
    return gt.astype(x, np.result_type(numpy_dtype(x.dtype), np.float64))


def cut(x: Any, axis: int, *slices: slice) -> list[Any]:
    """x with each of the slices taken along one axis."""
    before = (slice(None),) * one_axis(axis, x.ndim, "slices")
    return [x[(*before, s)] for s in slices]


# -- differences and integrals --------------------------------------------------------------------------------------
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = np._NoValue, append: Any = np._NoValue) -> Any:
    """numpy.diff."""
    ends = {name: None if x is np._NoValue else x for name, x in (("prepend", prepend), ("append", append))}
    return gt.diff(a, axis=axis, n=n, **ends)


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """numpy.ediff1d."""
    steps = diff(gt.reshape(ary, (-1,)))

    def end(x: Any) -> list[Any]:
        return [] if x is None else [converted(gt.ravel(gt.asarray(x)), steps.dtype, "same_kind", "numpy.ediff1d")]

    return gt.concat([*end(to_begin), steps, *end(to_end)], axis=0)


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """numpy.gradient, for equal spacing and one-sided differences of first order at the ends."""
    f = gt.asarray(f)
    axes = normalized_axes(axis, f.ndim, "gradient")
    if min([f.shape[i] for i in axes], default=2) < 2:
        raise ValueError("numpy.gradient: two elements or more are needed along each axis")
    steps = list(varargs) * len(axes) if len(varargs) == 1 else list(varargs) or [1.0] * len(axes)
    if edge_order != 1 or any(np.ndim(plain(h)) for h in varargs):
        raise NoRuleError("numpy.gradient has a rule in gradtape for equal spacing and edge_order=1 only")
    if len(steps) != len(axes):
        raise TypeError(f"numpy.gradient: {len(varargs)} spacings for {len(axes)} axes")
    parts = []
    for a, h in zip(axes, steps, strict=True):
        ends = [slice(1, 2), slice(0, 1), slice(2, None), slice(None, -2), slice(-1, None), slice(-2, -1)]
        second, first, after, before, last, last_but_one = cut(f, a, *ends)
        parts.append(gt.concat([(second - first) / h, (after - before) / (2.0 * h), (last - last_but_one) / h], axis=a))
    return parts[0] if len(parts) == 1 else tuple(parts)


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """numpy.trapezoid."""
    y = gt.asarray(y)
    if x is not None:
        x = gt.asarray(x)
        dx = diff(x, axis=axis) if x.ndim > 1 else along(diff(x), axis, y.ndim)
    upper, lower = cut(y, axis, slice(1, None), slice(None, -1))
    return gt.sum(dx * (upper + lower) / 2.0, axis=axis)


# -- functions by pieces, interpolation --------------------------------------------------------------------------------
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """numpy.interp: the line through the two nearest points; constant outside."""
    if period is not None:
        raise NoRuleError("numpy.interp with period= has no rule in gradtape; reduce x by % first")
    x, xp = [converted(x, np.float64, "safe", "numpy.interp") for x in (x, xp)]
    fp = doubled(fp)
    if xp.shape != fp.shape or xp.ndim != 1 or not xp.size:
        raise ValueError(f"numpy.interp: xp and fp must be vectors of one length, not of shapes {xp.shape}, {fp.shape}")
    low = gt.clip(gt.searchsorted(xp, x, side="right") - 1, 0, xp.size - 2)
    at, start, step = xp[low], fp[low], xp[low + 1] - xp[low]
    y = start + (x - at) / step * (fp[low + 1] - start)
    y = gt.where(x < xp[0], fp[0] if left is None else left, y)
    return gt.where(x > xp[-1], fp[-1] if right is None else right, y)


def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """numpy.select."""
    pairs = list(zip(condlist, choicelist, strict=True))
    return fold(lambda rest, pair: gt.where(pair[0], pair[1], rest), reversed(pairs), default)


def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    """numpy.choose."""
    parts, a = list(choices), converted(a, np.intp, "same_kind", "numpy.choose")
    known = underlying(a)
    if mode == "clip":
        a = gt.clip(a, 0, len(parts) - 1)
    elif mode == "wrap":
        a = a % len(parts)
    elif mode != "raise" or (known is not None and np.any((known < 0) | (known >= len(parts)))):
        raise ValueError(f"numpy.choose: mode={mode!r}, or an entry of a is no number of one of {len(parts)} choices")
    return fold(lambda rest, i: gt.where(gt.equal(a, i), parts[i], rest), range(1, len(parts)), parts[0])


def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """numpy.piecewise: each function is given only the elements where its condition holds."""
    x = gt.asarray(x)
    conditions = [gt.asarray(c) for c in (condlist if isinstance(condlist, list | tuple) else [condlist])]
    if len(funclist) == len(conditions) + 1:
        conditions.append(gt.logical_not(fold(gt.logical_or, conditions)))
    y: Any = gt.zeros_like(x)
    for condition, f in zip(conditions, funclist, strict=True):
        y[condition] = f(x[condition], *args, **kw) if callable(f) else f
    return y


def apply_along_axis(func1d: Rule, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """numpy.apply_along_axis: one call for each vector."""
    arr = gt.moveaxis(arr, axis, -1)
    rows = gt.reshape(arr, (-1, arr.shape[-1]))
    results = [gt.asarray(func1d(row, *args, **kwargs)) for row in rows]
    y = gt.reshape(gt.stack(results), (*arr.shape[:-1], *results[0].shape))
    axis = axis % arr.ndim
    inner = range(axis, axis + results[0].ndim)
    return gt.moveaxis(y, tuple(range(arr.ndim - 1, y.ndim)), tuple(inner))


# -- products ---------------------------------------------------------------------------------------------------------
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """numpy.convolve: the sum of the longer one times each element of the shorter one, each a place further right."""
    a, v = gt.atleast_1d(gt.asarray(a)), gt.atleast_1d(gt.asarray(v))
    if a.ndim > 1 or v.ndim > 1 or not a.size or not v.size:
        raise ValueError(f"numpy.convolve: vectors of an element or more are needed, not shapes {a.shape}, {v.shape}")
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"numpy.convolve: mode must be 'full', 'same' or 'valid', not {mode!r}")
    if v.size > a.size:
        a, v = v, a
    n, m = a.size, v.size
    # m zeros after each row, and one row is one place longer than those it is cut into
    rows = gt.pad(gt.reshape(v, (m, 1)) * a, ((0, 0), (0, m)))
    full = gt.sum(gt.reshape(gt.reshape(rows, (-1,))[: m * (n + m - 1)], (m, n + m - 1)), axis=0, dtype=rows.dtype)
    if mode == "valid":
        return full[m - 1 : n]
    return full if mode == "full" else full[(m - 1) // 2 : (m - 1) // 2 + n]


def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """numpy.correlate."""
    a, v = gt.asarray(a), gt.asarray(v)
    if mode == "same" and v.size > a.size:
        raise NoRuleError("numpy.correlate with mode='same' has a rule in gradtape where v is the shorter one only")
    v = gt.flip(v)
    return convolve(a, gt.conj(v) if gt.isdtype(v.dtype, "complex floating") else v, mode)


def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None, fweights: Any = None,
    aweights: Any = None, *, dtype: Any = None,
) -> Any:  # fmt: skip
    """numpy.cov, without weights."""
    if fweights is not None or aweights is not None:
        raise NoRuleError("numpy.cov with weights has no rule in gradtape")

    def rows(x: Any) -> Any:
        x = doubled(x) if dtype is None else gt.astype(gt.asarray(x), dtype)
        if x.ndim > 2:
            raise ValueError(f"numpy.cov: a matrix or a vector is needed, not the shape {x.shape}")
        x = gt.reshape(x, (1, -1)) if x.ndim < 2 else x
        return x if rowvar or x.shape[0] == 1 else gt.matrix_transpose(x)

    x = rows(m)
    if not x.shape[0]:
        return gt.zeros((0, 0))
    if not is_floating(x.dtype):
        raise TypeError(f"numpy.cov: dtype must be floating, not {x.dtype}")
    x = x if y is None else gt.concat([x, rows(y)], axis=0)
    x = x - gt.mean(x, axis=1, keepdims=True)
    freedom = max(x.shape[1] - ((0 if bias else 1) if ddof is None else ddof), 0)
    return gt.squeeze(x @ gt.conj(gt.matrix_transpose(x)) / float(freedom))


def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    """numpy.corrcoef."""
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    scale = gt.sqrt(gt.real(gt.diag(c)))
    return c / scale[:, None] / scale


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """numpy.vander."""
    x = gt.asarray(x)
    if x.ndim != 1:
        raise ValueError(f"numpy.vander: a vector is needed, not the shape {x.shape}")
    powers = np.arange(x.size if N is None else N)
    return gt.reshape(x, (-1, 1)) ** (powers if increasing else powers[::-1])


# -- triangles and margins ------------------------------------------------------------------------------------------
def triangle(name: str) -> Rule:
    """The rule of triu and tril: a vector is each row of a square matrix."""
    function = getattr(gt, name)
    return lambda m, k=0: function(gt.broadcast_to(m, (len(m),) * 2) if np.ndim(m) == 1 else m, k=k)


def pad(
    array: Any, pad_width: Any, mode: Any = "constant", *, constant_values: Any = 0, reflect_type: str = "even"
) -> Any:
    """numpy.pad, in the modes that gradtape.pad has."""
    if mode in ("empty", "linear_ramp", "maximum", "mean", "median", "minimum") or callable(mode):
        raise NoRuleError(f"numpy.pad with mode={mode!r} has no rule in gradtape; join the margins by concatenate")
    if reflect_type != "even":
        raise NoRuleError(f"numpy.pad with reflect_type={reflect_type!r} has no rule in gradtape; 'even' has")
    return gt.pad(array, pad_width, mode, constant_values=constant_values)


# -- rearranging ------------------------------------------------------------------------------------------------------
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """numpy.rollaxis."""
    n = len(a.shape)
    (axis,), start = normalized_axes(axis, n, "rollaxis"), start + n if start < 0 else start
    return gt.moveaxis(a, axis, start - (axis < start))


def delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    """numpy.delete."""
    arr = gt.asarray(arr)
    if axis is None:
        arr, axis = gt.reshape(arr, (-1,)), 0
    kept = np.delete(np.arange(arr.shape[axis]), obj if isinstance(obj, slice) else plain(obj))
    return gt.take(arr, kept, axis=axis)


# -- ranges -----------------------------------------------------------------------------------------------------------
def linspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None,
    axis: Any = 0, *, device: Any = None,
) -> Any:  # fmt: skip
    """numpy.linspace."""
    start, stop = ends = [x if x.__class__ in NUMBERS else gt.asarray(x) for x in (start, stop)]
    if num < 0:
        raise ValueError(f"numpy.linspace: num must not be negative, and is {num}")
    steps, rank = num - 1 if endpoint else num, max(np.ndim(x) for x in ends)
    alike = [x if x.__class__ in NUMBERS else np.zeros((), numpy_dtype(x.dtype)) for x in ends]
    own = np.linspace(*alike, 0).dtype
    weights = (np.arange(num) / max(steps, 1)).reshape(-1, *(1,) * rank).astype(np.finfo(own).dtype)
    y = gt.astype(start * (1 - weights) + stop * weights, own)
    if axis != 0:
        y = gt.moveaxis(y, 0, axis)
    if dtype is not None:
        y = gt.astype(gt.floor(y) if np.issubdtype(dtype, np.integer) else y, dtype)
    return (y, (stop - start) / steps if steps > 0 else np.nan) if retstep else y


def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: Any = 0
) -> Any:
    """numpy.logspace."""
    if not isinstance(base, int | float):
        base = gt.asarray(base)
        base = gt.expand_dims(base, axis=axis) if base.ndim else base
    y = gt.power(base, linspace(start, stop, num, endpoint, axis=axis))
    return y if dtype is None else gt.astype(y, dtype)


def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: Any = 0) -> Any:
    """numpy.geomspace of numbers of one sign."""
    start, stop = doubled(start), doubled(stop)
    known = underlying(start * stop)
    if known is not None and not np.all(known):
        raise ValueError("numpy.geomspace: start and stop must not be 0")
    if dtype is not None and not is_floating(np.dtype(dtype)):  # exact ends: a last bit would choose another integer
        return gt.asarray(np.geomspace(plain(start), plain(stop), num, endpoint, dtype, axis))
    sign = gt.sign(start)
    y = sign * gt.exp(linspace(gt.log(start / sign), gt.log(stop / sign), num, endpoint))
    y = gt.moveaxis(y, 0, axis) if axis != 0 else y
    return y if dtype is None else gt.astype(y, dtype)


TABLE: dict[str, Rule] = {
    function.__name__: function
    for function in (
        apply_along_axis, choose, convolve, corrcoef, correlate, cov, delete, diff, ediff1d, geomspace, gradient,
        interp, linspace, logspace, pad, piecewise, rollaxis, select, trapezoid, vander,
    )
} | {
    "i0": special.i0, "tril": triangle("tril"), "triu": triangle("triu"),
    "polyval": lambda p, x: fold(lambda y, c: y * x + c, list(p), gt.zeros_like(gt.asarray(x))),
}  # fmt: skip
