"""Rules of NumPy's functions for Tensors: each says in NumPy's own signature what it is in gradtape's functions.

To add one is one line here, for a function that is composed of others; a function with a derivative of its own is
declared in functions/ first (see CONTRIBUTING.md). `out=` is dealt with for all rules alike in numpy_protocols.py.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from functools import reduce as fold
from operator import index
from typing import Any

import numpy as np

import gradtape as gt

from ..arrays.numpy_kernels import own_code
from ..errors import NoRuleError
from ..functions import decompositions, linalg
from ..functions.declare import NUMBERS, normalized_axes
from ..functions.manipulation import matrices_in
from ..functions.matrices import hermitian_part
from ..tensor import Tensor, lost, underlying
from . import numpy_joining, numpy_ported, numpy_reductions
from .numpy_composites import TABLE, along, numbers
from .numpy_protocols import INTO, NAMED, OWN, RULES, UFUNCS, before_out, is_followed, parameters_of, plain, store

Rule = Callable[..., Any]


def rules(module: Any, table: dict[str, Rule]) -> None:
    """Add rules by name; a NumPy that lacks a function needs no rule for it."""
    for name, given in table.items():
        if hasattr(module, name):
            RULES[getattr(module, name)] = given


# -- functions that gradtape has under the same name, with NumPy's arguments in NumPy's order ----------------------
SAME = """
    array_split column_stack cumprod cumsum cumulative_prod
    cumulative_sum diag diagflat dsplit dstack einsum expand_dims fliplr flipud hsplit imag kron
    matrix_transpose outer ptp real rot90 searchsorted sinc split squeeze tile vdot
    vsplit unstack
"""
LINALG = "det inv matmul matrix_norm matrix_power slogdet solve svdvals vecdot vector_norm"
rules(np, {name: getattr(gt, name) for name in SAME.split()})
rules(np, TABLE)
rules(np, numpy_reductions.TABLE)
rules(np, numpy_joining.TABLE)
rules(np, numpy_ported.TABLE)
rules(np.linalg, numpy_ported.LINALG)
UFUNCS.update({getattr(np, name): rule for name, rule in numpy_ported.UFUNCS.items()})


def converting(name: str) -> Rule:
    """Code written for NumPy (SciPy's optimisers) makes sure by this function that it holds arrays: like
    numpy.asarray it converts a Tensor that nobody follows."""
    of_tensors, of_arrays = getattr(gt, name), getattr(np, name)

    def converted(*arrays: Any) -> Any:
        if is_followed(arrays):
            return of_tensors(*arrays)
        return of_arrays(*[np.array(a) if isinstance(a, gt.Tensor) else a for a in arrays])

    return converted


rules(np, {name: converting(name) for name in ("atleast_1d", "atleast_2d", "atleast_3d")})
rules(np.linalg, {name: getattr(linalg, name) for name in LINALG.split()})


def places(a: Any, axes: Any) -> Any:
    """The axes of a, or those given."""
    return range(gt.asarray(a).ndim) if axes is None else axes


def transform(name: str, several: bool) -> Rule:
    """The rule of a Fourier transform: what the standard takes by keyword only, NumPy takes in order."""
    function = getattr(gt.fft, name)
    if several:
        return lambda a, s=None, axes=None, norm=None, out=None: (
            gt.positive(a)
            if name in ("fftn", "ifftn") and s is None and not places(a, axes)
            else function(numbers(a), s=s, axes=range(-len(s), 0) if axes is None is not s else axes, norm=norm)
        )  # of no axis NumPy gives the array itself
    return lambda a, n=None, axis=-1, norm=None, out=None: function(numbers(a), n=n, axis=index(axis), norm=norm)


rules(np.fft, {name: transform(name, several=False) for name in ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"]})
rules(np.fft, {name: transform(name, several=True) for name in ["fftn", "ifftn", "rfftn", "irfftn"]})
rules(np.fft, {name: getattr(gt.fft, name) for name in ["fft2", "ifft2", "rfft2", "irfft2"]})
rules(np.fft, {
    "fftshift": lambda x, axes=None: gt.fft.fftshift(x, axes=axes),
    "ifftshift": lambda x, axes=None: gt.fft.ifftshift(x, axes=axes),
})  # fmt: skip


# -- shapes --------------------------------------------------------------------------------------------------------
def known_order(order: Any) -> None:
    """Refuse what is no memory order; Tensors have none, and so any will do."""
    if order not in ("C", "F", "A", "K", None):
        raise ValueError(f"order must be one of 'C', 'F', 'A' and 'K', not {order!r}")


def c_order(order: str, name: str) -> None:
    """Tensors have no memory order: only the order of elements in C is known."""
    if order not in ("C", "K", "A", None):
        raise NoRuleError(f"numpy.{name} with order={order!r} has no rule in gradtape; permute the axes instead")


def _reshape(a: Any, /, shape: Any = None, order: str = "C", *, newshape: Any = None, copy: Any = None) -> Any:
    c_order(order, "reshape")
    return gt.reshape(a, newshape if shape is None else shape)


def _ravel(a: Any, order: str = "C") -> Any:
    c_order(order, "ravel")
    return gt.reshape(a, (-1,))


def _block(arrays: Any) -> Any:
    def depth(node: Any) -> int:
        return 1 + depth(node[0]) if isinstance(node, list) else 0

    def wide(node: Any, rank: int) -> Any:
        node = gt.asarray(node)
        return gt.reshape(node, (*(1,) * (rank - node.ndim), *node.shape)) if node.ndim < rank else node

    def join(node: Any, axis: int) -> Any:
        return (
            gt.concat([join(part, axis + 1) for part in node], axis=axis)
            if isinstance(node, list)
            else (wide(node, levels))
        )

    levels = depth(arrays)
    return join(arrays, -levels)


def _meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    if not sparse:
        return gt.meshgrid(*xi, indexing=indexing)
    n = len(xi)
    order = [1, 0, *range(2, n)] if indexing == "xy" and n > 1 else list(range(n))
    return tuple([along(x, axis, n) for x, axis in zip(xi, order, strict=True)])


rules(np, {
    "reshape": _reshape,
    "ravel": _ravel,
    "transpose": lambda a, axes=None: gt.transpose(a, axes),
    "permute_dims": lambda a, axes=None: gt.transpose(a, axes),
    "moveaxis": lambda a, source, destination: gt.moveaxis(a, source, destination),
    "swapaxes": lambda a, axis1, axis2: gt.swapaxes(a, axis1, axis2),
    "broadcast_to": lambda array, shape, subok=False: gt.broadcast_to(array, shape),
    "block": _block,
    "flip": lambda m, axis=None: gt.flip(m, axis=axis),
    "roll": lambda a, shift, axis=None: gt.roll(a, shift, axis=axis),
    "repeat": lambda a, repeats, axis=None: gt.repeat(a, repeats, axis=axis),
    "diagonal": lambda a, offset=0, axis1=0, axis2=1: linalg.diagonal(
        matrices_in(gt.asarray(a), axis1, axis2), offset=offset
    ),
    "trace": lambda a, offset=0, axis1=0, axis2=1, dtype=None, out=None: linalg.trace(
        matrices_in(gt.asarray(a), axis1, axis2), offset=offset, dtype=dtype
    ),
    "copy": lambda a, order="K", subok=False: (known_order(order), gt.positive(gt.asarray(a)))[1],
    "broadcast_arrays": lambda *args, subok=False: gt.broadcast_arrays(*args),
    "astype": lambda x, dtype, /, *, copy=True, device=None: gt.astype(x, dtype),
    "meshgrid": _meshgrid,
})  # fmt: skip


# -- choosing elements --------------------------------------------------------------------------------
def _where(condition: Any, *choices: Any) -> Any:
    return gt.where(condition, *choices) if choices else RULES[np.nonzero](condition)


def _clip(
    a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None,
    dtype: Any = None,
) -> Any:  # fmt: skip
    if dtype is not None:
        a = gt.asarray(a, dtype=dtype)
    if (min is not None or max is not None) and (a_min is not None or a_max is not None):
        raise ValueError("numpy.clip: min= and max= are other names of a_min and a_max; give one of each")
    return gt.clip(a, a_min if min is None else min, a_max if max is None else max)


def sorting(name: str) -> Rule:
    """The rule of sort and argsort: which algorithm sorts makes no difference."""
    function = getattr(gt, name)

    def rule(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
        numpy_ported.no_fields(order, name)
        return function(a, axis=axis)

    return rule


def _nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    return gt.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


rules(np, {
    "where": _where,
    "clip": _clip,
    "take": lambda a, indices, axis=None, out=None, mode="raise": gt.take(a, indices, axis=axis, mode=mode),
    "take_along_axis": lambda arr, indices, axis=-1: gt.take_along_axis(arr, indices, axis=axis),
    "compress": lambda condition, a, axis=None, out=None: gt.compress(condition, a, axis=axis),
    "extract": lambda condition, arr: gt.extract(condition, arr),
    "sort": sorting("sort"),
    "argsort": sorting("argsort"),
    "nan_to_num": _nan_to_num,
    "round": lambda a, decimals=0, out=None: gt.round(a, decimals),
    "around": lambda a, decimals=0, out=None: gt.round(a, decimals),
    "fix": lambda x, out=None: gt.trunc(x),
    "angle": lambda z, deg=False: gt.angle(z) * (180 / np.pi) if deg else gt.angle(z),
})  # fmt: skip


# -- products and linear algebra -----------------------------------------------------------------------------------
def _cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    if axis is not None:
        axisa = axisb = axisc = axis
    return gt.moveaxis(gt.cross(gt.moveaxis(a, axisa, -1), gt.moveaxis(b, axisb, -1)), -1, axisc)


def _qr(a: Any, mode: str = "reduced") -> Any:
    if mode == "raw":
        raise NoRuleError("numpy.linalg.qr with mode='raw' has no rule in gradtape; 'reduced', 'complete', 'r' have")
    return linalg.qr(a)[1] if mode == "r" else linalg.qr(a, mode=mode)


def as_read(a: Any, triangle: str, name: str) -> Any:
    """The Hermitian matrix of which NumPy reads one triangle, "L" or "U". One that is Hermitian stays as it is, so that
    its gradient is Hermitian."""
    if triangle not in ("L", "U"):
        raise ValueError(f"numpy.linalg.{name}: UPLO must be 'L' or 'U', not {triangle!r}")
    a = gt.asarray(a)
    known = underlying(a)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ValueError(f"numpy.linalg.{name}: a square matrix or a stack of them is needed, not the shape {a.shape}")
    if known is None:
        return a
    if np.array_equal(known, np.conj(known.mT)):
        return a
    beside = gt.tril(a, k=-1) if triangle == "L" else gt.triu(a, k=1)
    diagonal = gt.astype(gt.real(gt.tril(gt.triu(a))), a.dtype)
    return beside + gt.conj(gt.matrix_transpose(beside)) + diagonal


def symmetric(name: str) -> Rule:
    """The rule of a function of Hermitian matrices."""
    function = getattr(linalg, name)
    return lambda a, UPLO="L": function(as_read(a, UPLO.upper(), name))


def _pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    rtol = rcond if rtol is None else rtol
    a = hermitian_part(as_read(a, "L", "pinv")) if hermitian else a
    return linalg.pinv(a) if rtol is None else linalg.pinv(a, rtol=rtol)


def _svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    a = hermitian_part(as_read(a, "L", "svd")) if hermitian else a
    return linalg.svd(a, full_matrices=full_matrices) if compute_uv else linalg.svdvals(a)


def _outer(x1: Any, x2: Any, /) -> Any:
    x1, x2 = gt.asarray(x1), gt.asarray(x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(f"numpy.linalg.outer: two vectors are needed, not the shapes {x1.shape}, {x2.shape}")
    return gt.outer(x1, x2)


def _multi_dot(arrays: Any, *, out: Any = None) -> Any:
    if len(arrays) < 2:
        raise ValueError("numpy.linalg.multi_dot: two arrays or more are needed")
    return fold(gt.dot, arrays)


def of_arrays(function: Rule) -> Rule:
    """A product to which a number is an array of no axes, of double precision."""

    def rule(a: Any, b: Any, out: Any = None) -> Any:
        if a.__class__ in NUMBERS or b.__class__ in NUMBERS:
            a, b = gt.asarray(a), gt.asarray(b)
        return function(a, b)

    return rule


rules(np, {
    "cross": _cross, "dot": of_arrays(gt.dot), "inner": of_arrays(gt.inner),
    "tensordot": lambda a, b, axes=2: gt.tensordot(a, b, axes=axes),
})  # fmt: skip
rules(np.linalg, {
    "cholesky": lambda a, /, *, upper=False: linalg.cholesky(as_read(a, "LU"[upper], "cholesky"), upper=upper),
    "norm": linalg.norm,
    "trace": lambda x, /, *, offset=0, dtype=None: linalg.trace(x, offset=offset, dtype=dtype),
    "diagonal": lambda x, /, *, offset=0: linalg.diagonal(x, offset=offset),
    "eigh": symmetric("eigh"),
    "eigvalsh": symmetric("eigvalsh"),
    "svd": _svd,
    "qr": _qr,
    "pinv": _pinv,
    "tensordot": lambda x1, x2, /, *, axes=2: gt.tensordot(x1, x2, axes=axes),
    "outer": _outer,
    "cross": lambda x1, x2, /, *, axis=-1: gt.cross(x1, x2, axis=axis),
    "matrix_transpose": gt.matrix_transpose,
    "multi_dot": _multi_dot,
})  # fmt: skip


# -- arrays like another -------------------------------------------------------------------------------------------
def _full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, **_: Any
) -> Any:
    known_order(order)
    a = gt.asarray(a)
    if dtype is None is shape and fill_value.__class__ in NUMBERS:
        return gt.full_like(a, fill_value)
    fill_value = gt.astype(gt.asarray(fill_value), a.dtype if dtype is None else dtype)
    return gt.broadcast_to(fill_value, a.shape if shape is None else shape)


def like(value: int) -> Rule:
    """The rule of zeros_like, ones_like, empty_like."""
    own = (gt.zeros_like, gt.ones_like)[value]

    def rule(a: Any, dtype: Any = None, order: Any = "K", subok: Any = True, shape: Any = None, **_: Any) -> Any:
        known_order(order)
        return own(a) if dtype is None is shape else _full_like(a, value, dtype, shape=shape)

    return rule


rules(np, {
    "zeros_like": like(0), "ones_like": like(1), "empty_like": like(0), "full_like": _full_like,
})  # fmt: skip


# `like=x` comes here, too: numpy.asarray([x0, x1], like=x0) is a Tensor.
rules(np, {
    "array": lambda object, dtype=None, **_: gt.asarray(object, dtype=dtype, copy=True),
    "asarray": lambda a, dtype=None, **_: gt.asarray(a, dtype=dtype),
    "zeros": lambda shape, dtype=None, **_: gt.zeros(shape, dtype=dtype),
    "ones": lambda shape, dtype=None, **_: gt.ones(shape, dtype=dtype),
    "empty": lambda shape, dtype=None, **_: gt.zeros(shape, dtype=dtype),
    "full": lambda shape, fill_value, dtype=None, **_: gt.broadcast_to(gt.asarray(fill_value, dtype=dtype), shape),
})  # fmt: skip


# -- questions about shapes, types and values: the answers are no Tensors ------------------------------------------
def of_type(function: Rule) -> Rule:
    """A question that the dtypes of arrays answer."""
    return lambda *arrays, **keywords: function(*[a.dtype if isinstance(a, Tensor) else a for a in arrays], **keywords)


def on_values(function: Rule) -> Rule:
    """A function whose answer is no part of a derivative: it is given the values. Inside vmap it raises TypeError."""
    own = own_code(function)

    def rule(*arguments: Any, **keywords: Any) -> Any:
        x = arguments[0]
        if len(arguments) == 1 and not keywords and x.__class__ is Tensor and x._data.__class__ is np.ndarray:
            return own(x._data)
        return own(*plain(arguments), **plain(keywords))

    return rule


ON_VALUES = """
    allclose argpartition argwhere array2string array_equal array_equiv array_repr array_str common_type
    diag_indices_from digitize flatnonzero format_float_positional format_float_scientific isclose iscomplex isin
    isneginf isposinf isreal ix_ lexsort may_share_memory min_scalar_type nanargmax nanargmin nonzero
    ravel_multi_index save savetxt savez savez_compressed shares_memory tril_indices_from triu_indices_from
    unravel_index
"""


def _size(a: Any, axis: Any = None) -> int:
    a = gt.asarray(a)
    return math.prod([a.shape[i] for i in normalized_axes(axis, a.ndim, "size")])


rules(np, {
    **{name: on_values(getattr(np, name)) for name in ON_VALUES.split() if hasattr(np, name)},
    "shape": lambda a: gt.asarray(a).shape,
    "ndim": lambda a: gt.asarray(a).ndim,
    "size": _size,
    "iscomplexobj": lambda x: x.dtype.kind == "c",
    "isrealobj": lambda x: x.dtype.kind != "c",
    "result_type": of_type(np.result_type),
    "can_cast": of_type(np.can_cast),
})  # fmt: skip
rules(np.linalg, {"matrix_rank": on_values(np.linalg.matrix_rank)})


# -- functions that write into their first argument ----------------------------------------------------------------
AS_TENSOR = "make the array a Tensor first: a = gradtape.asarray(a)"

#: NumPy's functions in Python that make a plain array and write by copyto: what they are called, what else to write.
FILLED = {
    own_code(np.full_like).__code__: ("numpy.full_like of a plain array", "write gradtape.broadcast_to(x, a.shape)"),
    own_code(np.full).__code__: ("numpy.full", "write gradtape.broadcast_to(x, shape)"),
}


def writing(function: Any, update: Rule | None = None) -> Rule:
    """The rule of a function that writes into its first argument: a plain array cannot take a recorded Tensor."""
    name = f"numpy.{function.__name__}"

    def write(target: Any, *arguments: Any, **keywords: Any) -> None:
        if not isinstance(target, Tensor):
            if is_followed((arguments, keywords)):
                plainly = f"writing into a plain array by {name}", AS_TENSOR
                raise lost(*FILLED.get(sys._getframe(2).f_code, plainly))
            function(target, *plain(arguments), **plain(keywords))
        elif update is None:
            raise NoRuleError(f"{name} into a Tensor has no rule in gradtape; write x[index] = value")
        else:
            update(target, *arguments, **keywords)

    return write


def _copyto(dst: Tensor, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    src = gt.asarray(src)
    if not np.can_cast(src.dtype, dst.dtype, casting):
        raise TypeError(f"numpy.copyto: cannot cast from {src.dtype} to {dst.dtype} by rule {casting!r}")
    src = gt.astype(src, dst.dtype)
    store(dst, src if where is True else gt.where(where, src, dst), "numpy.copyto")


def _fill_diagonal(a: Tensor, val: Any, wrap: bool = False) -> None:
    diagonal = np.zeros(a.shape, bool)
    np.fill_diagonal(diagonal, True, wrap=wrap)
    store(a, gt.where(diagonal, gt.astype(gt.asarray(val), a.dtype), a), "numpy.fill_diagonal")


def _put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    places = np.ravel(np.take(np.arange(a.size), plain(ind), mode=mode))
    a[np.unravel_index(places, a.shape)] = np.resize(v, places.shape)


def _putmask(a: Any, mask: Any, values: Any) -> None:
    store(a, gt.where(mask, gt.astype(np.resize(values, a.shape), a.dtype), a), "numpy.putmask")


def _place(arr: Any, mask: Any, vals: Any) -> None:
    mask = np.reshape(plain(mask), arr.shape).astype(bool)
    arr[mask] = np.resize(vals, int(mask.sum()))


rules(np, {
    "copyto": writing(np.copyto, _copyto),
    "fill_diagonal": writing(np.fill_diagonal, _fill_diagonal),
    "put": writing(np.put, _put),
    "put_along_axis": writing(np.put_along_axis, gt.put_along_axis),
    "putmask": writing(np.putmask, _putmask),
    "place": writing(np.place, _place),
})  # fmt: skip


# -- where nobody follows the arguments ----------------------------------------------------------------------------
#: Functions that are not NumPy's own code on the arrays then: those that write, call what they are given, share memory
#: with an argument that may be a plain array, ask for no Tensor, or answer otherwise than NumPy on purpose (empty_like
#: is zeros, a norm does not overflow, a mask is no index of take); and a few whose rules say the same much sooner.
BY_RULE = f"""
    {ON_VALUES} apply_along_axis apply_over_axes array asarray atleast_1d atleast_2d atleast_3d broadcast_arrays
    can_cast copyto count_nonzero einsum_path empty empty_like fill_diagonal full iscomplexobj isrealobj kron
    matrix_norm matrix_rank meshgrid nan_to_num ndim norm ones piecewise place put put_along_axis putmask result_type
    shape size split stack take vector_norm zeros
"""


def most_of(function: Any) -> float:
    """How many arguments in order a function takes as it is; 99 where a keyword may tell it to write."""
    place: float = before_out(function)[0]
    return 99 if place == math.inf and not INTO.isdisjoint(parameters_of(function)) else place


OWN.update({f: (own_code(f), most_of(f)) for f in RULES if f.__name__ not in BY_RULE.split()})
chosen = own_code(np.where)
OWN[np.where] = lambda condition, *choices: chosen(condition, *choices) if choices else None, math.inf
for function in (np.linalg.matrix_norm, np.linalg.norm, np.linalg.vector_norm, np.count_nonzero):
    OWN[function] = RULES[function], most_of(function)  # they give arrays of arrays, and quickly
NAMED.update({
    type(getattr(np.linalg, name)(np.eye(1))): result
    for name, result in (
        ("eigh", decompositions.EighResult), ("qr", decompositions.QRResult), ("slogdet", linalg.SlogdetResult),
        ("svd", decompositions.SVDResult),
    )
})  # fmt: skip
