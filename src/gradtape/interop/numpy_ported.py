"""Further rules of NumPy's functions: polynomials, sets, quantiles without NaN, insertion, the rest of numpy.linalg.

Each is composed of gradtape's functions, so that it has every mode; what decides about positions is a constant.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

import gradtape as gt

from ..arrays.dtypes import is_floating, numpy_dtype
from ..arrays.quantile_methods import CHOOSING, places
from ..functions import linalg
from ..functions.declare import normalized_axes
from ..functions.indexing import scatter
from ..tensor import concrete, underlying
from .numpy_composites import along, doubled
from .numpy_protocols import converted, plain

Rule = Callable[..., Any]


def value(x: Any) -> Any:
    """The plain array behind x: a constant for every derivative. Raises TypeError inside vmap."""
    return np.asarray(concrete(x) if isinstance(x, gt.Tensor) else x)


# -- counting and inserting -----------------------------------------------------------------------------------------
def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    """numpy.bincount; the weights are differentiated."""
    at = value(x)
    if weights is None or not at.size:
        return gt.asarray(np.bincount(at, minlength=minlength))
    n = max(int(at.max()) + 1, minlength)
    return scatter(converted(weights, np.float64, "safe", "numpy.bincount"), (at,), (n,))


def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """numpy.insert."""
    arr = gt.asarray(arr)
    if axis is None:
        arr, axis = gt.reshape(arr, (-1,)), 0
    (axis,) = normalized_axes(axis, max(arr.ndim, 1), "insert")
    n = arr.shape[axis]
    values = gt.asarray(values, dtype=arr.dtype)
    at = np.arange(n)[obj] if isinstance(obj, slice) else value(obj)
    if at.ndim:
        count = at.size
    else:  # all at one place: they come along their first axis
        values = gt.moveaxis(gt.reshape(values, (*(1,) * (arr.ndim - values.ndim), *values.shape)), 0, axis)
        count = values.shape[axis]
    order = np.insert(np.arange(n), at if at.ndim else int(at), n + np.arange(count))
    shape = (*arr.shape[:axis], count, *arr.shape[axis + 1 :])
    return gt.take(gt.concat([arr, gt.broadcast_to(values, shape)], axis=axis), order, axis=axis)


def resize(a: Any, new_shape: Any) -> Any:
    """numpy.resize: repeated, or cut, to another shape."""
    a = gt.reshape(gt.asarray(a), (-1,))
    shape = (new_shape,) if isinstance(new_shape, int) else tuple(new_shape)
    if not a.size:
        return gt.zeros(shape, dtype=a.dtype)
    return gt.reshape(gt.take(a, np.arange(prod(shape)) % a.size, axis=0), shape)


def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    """numpy.trim_zeros: to the smallest block with all that is not zero, along the axes (all by default)."""
    filt, sides = gt.asarray(filt), set(trim.lower())
    if not sides <= {"f", "b"}:
        raise ValueError(f"numpy.trim_zeros: trim must be made of 'f' and 'b', not {trim!r}")
    at = np.argwhere(value(filt))
    key = [slice(None)] * filt.ndim
    for a in normalized_axes(axis, filt.ndim, "trim_zeros"):
        first, last = (at[:, a].min(), at[:, a].max() + 1) if at.size else (filt.shape[a], 0)
        key[a] = slice(int(first) if "f" in sides else 0, int(last) if "b" in sides else None)
    return filt[tuple(key)]


def sort_complex(a: Any) -> Any:
    """numpy.sort_complex: along the last axis, by real parts, then imaginary ones."""
    a = gt.asarray(a)
    parts = value(a)
    order = np.lexsort((parts.imag, parts.real), axis=-1)
    kind = parts.dtype
    kind = kind if kind.kind == "c" else np.dtype(np.complex64 if kind.char in "bhBH" else np.complex128)
    return gt.astype(gt.take_along_axis(a, order, axis=-1), kind)


def partition(a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None) -> Any:
    """numpy.partition: any order within the parts will do, and that of the sorted array does."""
    no_fields(order, "partition")
    if kind != "introselect":
        raise ValueError(f"numpy.partition: kind must be 'introselect', not {kind!r}")
    return gt.sort(a, axis=axis)


def no_fields(order: Any, name: str) -> None:
    """Refuse to sort by fields, which no Tensor has."""
    if order is not None:
        raise ValueError(f"numpy.{name}: order= names the fields of structured arrays; Tensors have none")


def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: float = 2 * np.pi) -> Any:
    """numpy.unwrap: p and whole periods, which are constants."""
    p = gt.asarray(p)
    dd = gt.diff(p, axis=axis)
    half = period / 2
    wrapped = gt.remainder(dd + half, period) - half
    wrapped = gt.where((wrapped == -half) & (dd > 0), half, wrapped)
    small = half if discont is None else max(discont, half)
    correction = gt.stop_gradient(gt.where(gt.abs(dd) < small, 0.0, wrapped - dd))
    steps = gt.cumulative_sum(correction, axis=axis % p.ndim)
    before = [(1, 0) if a == axis % p.ndim else (0, 0) for a in range(p.ndim)]
    return p + gt.pad(steps, before)


def ldexp(x: Any, n: Any) -> Any:
    """x 2^n, by halves: 2^n alone may overflow."""
    x, n = gt.asarray(x), gt.asarray(n)
    if not gt.isdtype(n.dtype, ("bool", "integral")):
        raise TypeError(f"numpy.ldexp: the exponents must be integers, not {n.dtype}")
    n = gt.astype(n, np.int64) if gt.isdtype(n.dtype, "bool") else n
    x = gt.astype(x, np.ldexp.resolve_dtypes((numpy_dtype(x.dtype), np.dtype(np.intc), None))[0])
    half = gt.astype(gt.clip(n // 2, -1074, 1023), x.dtype)
    return x * gt.exp2(half) * gt.exp2(gt.astype(gt.clip(n, -2148, 2046), x.dtype) - half)


def modf(x: Any) -> tuple[Any, Any]:
    """numpy.modf: what x is beyond its integer part, and that."""
    x = gt.asarray(x)
    x = gt.astype(x, np.modf.resolve_dtypes((numpy_dtype(x.dtype), None, None))[0])
    whole = gt.trunc(x)
    return gt.where(gt.isinf(x), 0.0, x) - gt.where(gt.isinf(x), 0.0, whole), whole


def frexp(x: Any) -> tuple[Any, Any]:
    """numpy.frexp: the exponent is a constant."""
    fraction, exponent = np.frexp(value(x))
    return ldexp(gt.astype(gt.asarray(x), fraction.dtype), -exponent), gt.asarray(exponent)


def apply_over_axes(func: Rule, a: Any, axes: Any) -> Any:
    """numpy.apply_over_axes."""
    a = gt.asarray(a)
    for axis in axes if isinstance(axes, tuple | list) else (axes,):
        y = func(a, axis)
        a = y if y.ndim == a.ndim else gt.expand_dims(y, axis=axis)
    return a


# -- quantiles without NaN ------------------------------------------------------------------------------------------
def nanquantiles(name: str, whole: int) -> Rule:
    """The rule of nanquantile and nanpercentile: NaN are sorted last, and left out of the count."""

    def rule(
        a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, method: str = "linear",
        keepdims: bool = False, *, weights: Any = None,
    ) -> Any:  # fmt: skip
        if weights is not None:
            raise gt.NoRuleError(f"numpy.{name} with weights= has no rule in gradtape; leave it out")
        return among(real_numbers(a, q, method, name), fractions(q, whole, name), axis, method, keepdims)

    return rule


def among(a: Any, q: Any, axis: Any, method: str, keepdims: bool) -> Any:
    """Quantiles of what is not NaN."""
    axes = normalized_axes(axis, a.ndim, "nanquantile")
    rest = [i for i in range(a.ndim) if i not in axes]
    rows = gt.permute_dims(a, (*rest, *axes))
    rows = gt.sort(gt.reshape(rows, (*[a.shape[i] for i in rest], prod([a.shape[i] for i in axes]))), axis=-1)
    count = gt.count_nonzero(~gt.isnan(rows), axis=-1, keepdims=True)
    if not rows.shape[-1]:
        shape = [1 if i in axes else n for i, n in enumerate(a.shape)] if keepdims else rows.shape[:-1]
        return of_nothing(rows, q, shape)
    low, high, part = places(count, q.reshape(-1), method, "nanquantile")
    part = gt.astype(part, rows.dtype) if is_floating(rows.dtype) else part
    below, above = (gt.take_along_axis(rows, i, axis=-1) for i in (low, high))
    y = gt.moveaxis(below + part * (above - below), -1, 0)
    if keepdims:
        y = gt.reshape(y, (y.shape[0], *[1 if i in axes else n for i, n in enumerate(a.shape)]))
    return gt.reshape(y, (*q.shape, *y.shape[1:]))


def quantiles(name: str) -> Rule:
    """The rule of quantile and percentile."""
    function = getattr(gt, name)

    def rule(
        a: Any, q: Any, axis: Any = None, out: Any = None, *, method: str = "linear", keepdims: bool = False
    ) -> Any:  # fmt: skip
        return function(real_numbers(a, q, method, name), value(q), axis, method=method, keepdims=keepdims)

    return rule


def real_numbers(a: Any, q: Any, method: str, name: str) -> Any:
    """a, which must be real, in the dtype of its quantiles, which is that of NumPy's."""
    a = gt.asarray(a)
    if gt.isdtype(a.dtype, "complex floating"):
        raise TypeError(f"numpy.{name}: a must be an array of real numbers")
    if method in CHOOSING:
        return a
    q = value(q) if isinstance(q, gt.Tensor) else q
    probe = getattr(np, name)(np.zeros(1, numpy_dtype(a.dtype)), q)  # versions of NumPy differ
    return a if probe.dtype == a.dtype else gt.astype(a, probe.dtype)


def fractions(q: Any, whole: int, name: str) -> Any:
    """The quantiles that are asked for, of a whole of 1 or 100, as numbers in [0, 1]."""
    q = np.asarray(value(q), float)
    if not np.logical_and(q >= 0, q <= whole).all():
        raise ValueError(f"numpy.{name}: q must be in the range [0, {whole}]")
    return q / whole


def of_nothing(rows: Any, q: Any, shape: Any) -> Any:
    """Quantiles of no elements: NaN, with NumPy's warning of the mean of an empty slice."""
    return gt.broadcast_to(gt.reshape(gt.mean(rows, axis=-1), tuple(shape)), (*q.shape, *shape))


def nanmedian(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    """numpy.nanmedian."""
    half = np.asarray(0.5)
    return among(gt.asarray(a), half, axis, "linear", keepdims=bool(keepdims) if keepdims is not np._NoValue else False)


def median(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    """numpy.median: of no elements it is NaN, with the warning of their mean."""
    a = gt.asarray(a)
    if 0 in [a.shape[i] for i in normalized_axes(axis, a.ndim, "median")]:
        return gt.mean(a, axis=axis, keepdims=keepdims)
    return gt.median(a, axis=axis, keepdims=keepdims)


def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False) -> Any:
    """numpy.average."""
    a = gt.asarray(a)
    given = gt.ones_like(a) if weights is None else gt.asarray(weights)
    if given.shape != a.shape:
        if not isinstance(axis, int):
            raise TypeError("numpy.average: weights must have a's shape, or the length of a's one axis")
        if given.shape != (a.shape[axis],):
            raise ValueError(f"numpy.average: weights of shape {given.shape} for axis {axis} of the shape {a.shape}")
        given = gt.broadcast_to(along(given, axis, a.ndim), a.shape)
    total = gt.sum(given, axis=axis, keepdims=keepdims)
    if weights is not None and np.any(underlying(total) == 0):
        raise ZeroDivisionError("numpy.average: the weights sum to 0")
    y = gt.sum(a * given, axis=axis, keepdims=keepdims) / total
    return (y, gt.broadcast_to(gt.astype(total, y.dtype), y.shape)) if returned else y


# -- sets -----------------------------------------------------------------------------------------------------------
def unique(
    ar: Any, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False, axis: Any = None,
    *, equal_nan: bool = True, sorted: bool = True,
) -> Any:  # fmt: skip
    """numpy.unique: the values are picked from where each is first."""
    data = value(ar)
    _, first, inverse, counts = np.unique(data, True, True, True, axis=axis, equal_nan=equal_nan)
    ar = gt.asarray(ar)
    y = gt.take(gt.reshape(ar, (-1,)) if axis is None else ar, first, axis=0 if axis is None else axis)
    asked = ((first, return_index), (inverse, return_inverse), (counts, return_counts))
    wanted = [part for part, wished in asked if wished]
    return (y, *wanted) if wanted else y


def picked(x: Any, keep: Any) -> Any:
    """Those of the distinct elements of x that a test of them keeps."""
    y = unique(x)
    return y[np.flatnonzero(keep(value(y)))]


SETS: dict[str, Rule] = {
    "union1d": lambda a, b: unique(gt.concat([gt.ravel(gt.asarray(a)), gt.ravel(gt.asarray(b))])),
    "intersect1d": lambda a, b: gt.astype(
        picked(a, lambda y: np.isin(y, value(b))), np.result_type(value(a), value(b))
    ),
    "setdiff1d": lambda a, b: picked(a, lambda y: ~np.isin(y, value(b))),
    "in1d": lambda ar1, ar2, assume_unique=False, invert=False: gt.isin(gt.ravel(gt.asarray(ar1)), ar2, invert=invert),
    "setxor1d": lambda a, b: unique(gt.concat([
        picked(a, lambda y: ~np.isin(y, value(b))), picked(b, lambda y: ~np.isin(y, value(a))),
    ])),
}  # fmt: skip


# -- polynomials: coefficients from the highest power ---------------------------------------------------------------
def added(a: Any, b: Any, sign: int = 1) -> Any:
    """numpy.polyadd, polysub."""
    a, b = gt.atleast_1d(gt.asarray(a)), gt.atleast_1d(gt.asarray(b))
    n = max(len(a), len(b))
    a, b = gt.pad(a, (n - len(a), 0)), gt.pad(b, (n - len(b), 0))
    return a + b if sign > 0 else a - b


def without_zeros(p: Any) -> Any:
    """The coefficients from the first that is not 0, as numpy.poly1d has them; of none, a 0."""
    p = gt.atleast_1d(gt.asarray(p))
    known = underlying(p)
    if known is None or known.shape != p.shape:
        return p
    y = trim_zeros(p, "f")
    return y if y.size else gt.zeros(1, dtype=p.dtype)


def multiplied(a: Any, b: Any) -> Any:
    """numpy.polymul."""
    return np.convolve(without_zeros(a), without_zeros(b))


def derived(p: Any, m: int = 1) -> Any:
    """numpy.polyder."""
    p = gt.asarray(p)
    if m < 0 or (p.ndim != 1 and (m or not p.ndim)):
        raise ValueError(f"numpy.polyder: m must not be negative and p a vector; they are {m} and of shape {p.shape}")
    for _ in range(m):
        n = len(p) - 1
        p = p[:-1] * np.arange(n, 0, -1, dtype=float)
    return p


def integrated(p: Any, m: int = 1, k: Any = None) -> Any:
    """numpy.polyint."""
    p = gt.asarray(p)
    constants = np.zeros(m) if k is None else gt.broadcast_to(gt.asarray(k) * 1.0, (m,))
    for i in range(m):
        p = gt.concat([p / np.arange(len(p), 0, -1, dtype=float), gt.reshape(gt.asarray(constants[i]), (1,))])
    return p


def divided(u: Any, v: Any) -> tuple[Any, Any]:
    """numpy.polydiv: quotient and remainder (which keeps leading zeros that NumPy trims by their size)."""
    u, v = gt.atleast_1d(gt.asarray(u)) * 1.0, gt.atleast_1d(gt.asarray(v)) * 1.0
    terms, nothing = [], gt.zeros(1, dtype=gt.result_type(u, v))
    for _ in range(max(len(u) - len(v) + 1, 0)):
        factor = u[0] / v[0]
        terms.append(factor)
        u = (u - gt.pad(factor * v, (0, len(u) - len(v))))[1:]
    return (gt.stack(terms) if terms else nothing), (gt.astype(u, nothing.dtype) if len(u) else nothing)


def from_roots(seq_of_zeros: Any) -> Any:
    """numpy.poly of roots (of a matrix: of its eigenvalues)."""
    zeros = gt.asarray(seq_of_zeros)
    if zeros.ndim == 2:
        zeros = eigvals(zeros)
    y = gt.ones(1, dtype=zeros.dtype)
    for i in range(len(zeros)):
        y = gt.pad(y, (0, 1)) - zeros[i] * gt.pad(y, (1, 0))
    return y


def roots(p: Any) -> Any:
    """numpy.roots: eigenvalues of the companion matrix, and a 0 for each 0 at the end."""
    p = gt.atleast_1d(gt.asarray(p)) * 1.0
    if p.ndim != 1:
        raise ValueError(f"numpy.roots: a vector of coefficients is needed, not the shape {p.shape}")
    p = trim_zeros(p, "f")
    whole, p = len(p), trim_zeros(p, "b")
    n = len(p) - 1
    if n < 1:
        return gt.zeros(max(whole - 1, 0), dtype=p.dtype if p.size else None)
    y = eigvals(gt.concat([gt.reshape(-p[1:] / p[0], (1, n)), np.eye(n - 1, n, dtype=numpy_dtype(p.dtype))], axis=0))
    return gt.pad(y, (0, whole - n - 1))


def polyfit(x: Any, y: Any, deg: int, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False) -> Any:
    """numpy.polyfit: the coefficients; by the normal equations of scaled columns."""
    if full or cov:
        raise gt.NoRuleError("numpy.polyfit with full= or cov= has no rule in gradtape; leave it out")
    x, y = doubled(x), doubled(y)
    columns = gt.stack([x**k for k in range(deg, -1, -1)], axis=-1)
    if w is not None:
        w = gt.asarray(w)
        columns, y = columns * gt.reshape(w, (-1, 1)), y * gt.reshape(w, (-1, *(1,) * (y.ndim - 1)))
    scale = gt.sqrt(gt.sum(columns * columns, axis=0))
    q, r = linalg.qr(columns / scale)
    c = linalg.solve(r, gt.conj(q.mT) @ y)
    return c / (scale if y.ndim == 1 else gt.reshape(scale, (-1, 1)))


# -- numpy.linalg ---------------------------------------------------------------------------------------------------
def real_if_real(x: Any) -> Any:
    """Complex numbers without imaginary part as real ones, as numpy.linalg.eig gives them."""
    return gt.real(x) if not np.any(np.imag(value(x))) else x


def eig(a: Any) -> Any:
    """numpy.linalg.eig."""
    a = gt.asarray(a)
    w, v = linalg.eig(a)
    return (w, v) if gt.isdtype(a.dtype, "complex floating") or np.any(np.imag(value(w))) else (gt.real(w), gt.real(v))


def eigvals(a: Any) -> Any:
    """numpy.linalg.eigvals."""
    return eig(a)[0]


def tensorinv(a: Any, ind: int = 2) -> Any:
    """numpy.linalg.tensorinv."""
    a = gt.asarray(a)
    if ind <= 0:
        raise ValueError("numpy.linalg.tensorinv: ind must be positive")
    shape = a.shape[ind:] + a.shape[:ind]
    return gt.reshape(linalg.inv(gt.reshape(a, (prod(a.shape[:ind]), -1))), shape)


def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """numpy.linalg.tensorsolve."""
    a, b = gt.asarray(a), gt.asarray(b)
    if axes is not None:
        a = gt.permute_dims(a, (*[i for i in range(a.ndim) if i not in axes], *axes))
    shape = a.shape[b.ndim :]
    return gt.reshape(linalg.solve(gt.reshape(a, (b.size, -1)), gt.reshape(b, (-1,))), shape)


def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """numpy.linalg.lstsq."""
    x, residuals, rank, values = linalg.lstsq(a, b, rcond)
    return x, residuals, gt.astype(gt.asarray(rank), np.int32), values


LINALG: dict[str, Rule] = {
    "cond": lambda x, p=None: linalg.cond(x, p), "eig": eig, "eigvals": eigvals, "tensorinv": tensorinv,
    "tensorsolve": tensorsolve, "lstsq": lstsq,
}  # fmt: skip

TABLE: dict[str, Rule] = SETS | {
    "apply_over_axes": apply_over_axes, "average": average, "bincount": bincount,
    "insert": insert, "median": median, "nanmedian": nanmedian, "nanpercentile": nanquantiles("nanpercentile", 100),
    "nanquantile": nanquantiles("nanquantile", 1), "poly": from_roots, "polyadd": added, "polyder": derived,
    "polydiv": divided,
    "polyfit": polyfit, "polyint": integrated, "percentile": quantiles("percentile"), "quantile": quantiles("quantile"),
    "polymul": multiplied, "polysub": lambda a, b: added(a, b, -1), "resize": resize, "roots": roots,
    "trim_zeros": trim_zeros, "unique": unique, "unwrap": unwrap,
    "partition": partition,
    "sort_complex": sort_complex,
    "real_if_close": lambda a, tol=100: a if np.iscomplexobj(np.real_if_close(value(a), tol)) else gt.real(a),
    "unique_all": gt.unique_all, "unique_counts": gt.unique_counts, "unique_inverse": gt.unique_inverse,
    "unique_values": gt.unique_values,
    "einsum_path": lambda *arguments, **keywords: np.einsum_path(*plain(arguments), **keywords),
}  # fmt: skip

#: Universal functions.
UFUNCS: dict[str, Rule] = {"frexp": frexp, "ldexp": ldexp, "modf": modf}
