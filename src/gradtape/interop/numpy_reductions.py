"""Rules of NumPy's reductions: with `where`, `initial`, `dtype`, with NaN left out, with weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import gradtape as gt

from ..arrays.dtypes import is_floating, numpy_dtype
from ..errors import NoRuleError
from ..functions.declare import shape_of
from .numpy_protocols import plain

Rule = Callable[..., Any]

#: What masked elements count as, and how `initial` comes in.
NEUTRAL: dict[str, tuple[Any, str]] = {
    "sum": (0, "add"), "prod": (1, "multiply"), "max": (None, "maximum"), "min": (None, "minimum"),
    "any": (False, "logical_or"), "all": (True, "logical_and"), "logsumexp": (-np.inf, "logaddexp"),
}  # fmt: skip


def reducing(name: str) -> Rule:
    """A reduction with every keyword that NumPy's reductions know."""
    neutral, combine = NEUTRAL[name]
    function = getattr(gt, name)

    def reduced(
        x: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, initial: Any = None, where: Any = True
    ) -> Any:
        into = {}
        if dtype is not None:
            x = gt.astype(gt.asarray(x), dtype)
            if name in ("sum", "prod"):  # which widen small integers otherwise
                into["dtype"] = dtype
        axis = axis_of(x, axis)
        if initial is not None and neutral is None and 0 in gt.asarray(x).shape:  # of nothing there is no extreme
            shape = gt.sum(x, axis=axis, keepdims=keepdims).shape
            return gt.broadcast_to(gt.astype(gt.asarray(initial), x.dtype), shape)
        if where is not True:
            fill = initial if neutral is None else neutral
            if fill is None:
                raise ValueError(f"numpy.{name}: where= needs initial=, which masked elements count as")
            x = gt.where(where, x, fill)
        y = function(x, axis=axis, keepdims=keepdims, **into)
        return y if initial is None else getattr(gt, combine)(y, initial)

    return reduced


def axis_of(x: Any, axis: Any) -> Any:
    """The axis; None for the first or last of a number, which NumPy's universal functions let pass."""
    return None if axis in (0, -1) and not shape_of(x) else axis


REDUCE = {name: reducing(name) for name in NEUTRAL}


def summing(name: str) -> Rule:
    """The rule of sum and prod."""
    function, reduced = getattr(gt, name), REDUCE[name]

    def rule(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, **more: Any) -> Any:
        if more or dtype is not None or not getattr(a, "shape", a):
            return reduced(a, axis, dtype, keepdims, **more)
        return function(a, axis=axis, keepdims=keepdims)

    return rule


def extreme(name: str) -> Rule:
    """The rule of max, min, any, all: NumPy gives them no dtype."""
    reduced = REDUCE[name]
    return lambda a, axis=None, out=None, keepdims=False, initial=None, where=True: reduced(
        a, axis, None, keepdims, initial, where
    )


def counted(mask: Any, a: Any, axis: Any, keepdims: Any) -> Any:
    """How many elements of a the mask selects along the axis, in a dtype that leaves a's as it is."""
    n = gt.count_nonzero(gt.broadcast_to(mask, a.shape), axis=axis_of(a, axis), keepdims=keepdims)
    return gt.astype(n, gt.real(a).dtype) if is_floating(a.dtype) else n


def summed_in(a: Any, dtype: Any, casting: Any, name: str) -> Any:
    """a in the dtype in which its elements are added up: a floating one, or the gradient would be cut."""
    a = gt.asarray(a)
    if dtype is None:
        return a
    if not is_floating(np.dtype(dtype)) or not np.can_cast(numpy_dtype(a.dtype), dtype, casting):
        what = f"numpy.{name} of {a.dtype} with dtype={np.dtype(dtype)}"
        raise NoRuleError(f"{what} has no rule in gradtape; leave it out")
    return gt.astype(a, dtype)


def _mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, where: Any = True
) -> Any:
    a = summed_in(a, dtype, "unsafe", "mean")
    if where is True:
        return gt.mean(a, axis=axis, keepdims=keepdims)
    return REDUCE["sum"](a, axis, None, keepdims, None, where) / counted(where, a, axis, keepdims)


def moment(name: str) -> Rule:
    """The rule of var and std."""
    function = getattr(gt, name)

    def rule(
        a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False, *,
        where: Any = True, mean: Any = None, correction: Any = None,
    ) -> Any:  # fmt: skip
        if mean is not None:
            raise NoRuleError(f"numpy.{name} with mean= has no rule in gradtape; leave it out")
        a, correction = summed_in(a, dtype, "same_kind", name), ddof if correction is None else correction
        if where is True:
            y = function(a, axis=axis, correction=correction, keepdims=keepdims)
        else:
            deviation = a - _mean(a, axis, keepdims=True, where=where)
            square = gt.real(deviation * gt.conj(deviation))
            total = REDUCE["sum"](square, axis, None, keepdims, None, where)
            y = total / gt.maximum(counted(where, a, axis, keepdims) - correction, 0)
            y = gt.sqrt(y) if name == "std" else y
        return y if dtype is None else gt.astype(y, dtype)

    return rule


def extreme_of_some(name: str, fill: Any) -> Rule:
    """The rule of nanmax and nanmin: what has no number among its elements is NaN, with NumPy's warning."""
    given = extreme(name)

    def rule(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, **more: Any) -> Any:
        a = gt.asarray(a)
        if not is_floating(a.dtype):
            return given(a, axis, keepdims=keepdims, **more)
        missing = gt.isnan(a)
        y = given(gt.where(missing, fill, a), axis, keepdims=keepdims, **more)
        none = gt.all(missing, axis=axis_of(a, axis), keepdims=keepdims)
        if more or not np.any(plain(none)):
            return y
        warnings.warn("All-NaN slice encountered", RuntimeWarning, stacklevel=4)
        return gt.where(none, np.nan, y)

    return rule


def without_nan(given: Rule, fill: Any) -> Rule:
    """The same reduction where NaN counts as `fill`."""
    return lambda a, *more, **keywords: given(gt.where(gt.isnan(a), fill, a), *more, **keywords)


def skipping_nan(given: Rule) -> Rule:
    """The same reduction where NaN is masked."""

    def skipping(a: Any, *more: Any, where: Any = True, **keywords: Any) -> Any:
        present = ~gt.isnan(a)
        clean = gt.where(present, a, 0)
        return given(clean, *more, where=present if where is True else present & where, **keywords)

    return skipping


TABLE: dict[str, Rule] = {
    **{name: summing(name) for name in ("sum", "prod")},
    **{name: extreme(name) for name in ("max", "min", "any", "all")},
    "amax": extreme("max"),
    "amin": extreme("min"),
    **{name: moment(name) for name in ("var", "std")},
    "mean": _mean,
    "count_nonzero": lambda a, axis=None, *, keepdims=False: gt.count_nonzero(
        a, axis=axis_of(a, axis), keepdims=keepdims
    ),
    "nansum": without_nan(summing("sum"), 0),
    "nanprod": without_nan(summing("prod"), 1),
    "nanmax": extreme_of_some("max", -np.inf),
    "nanmin": extreme_of_some("min", np.inf),
    "nanmean": skipping_nan(_mean),
    "nanvar": skipping_nan(moment("var")),
    "nanstd": skipping_nan(moment("std")),
    "nancumsum": without_nan(gt.cumsum, 0),
    "nancumprod": without_nan(gt.cumprod, 1),
    "argmax": lambda a, axis=None, out=None, *, keepdims=False: gt.argmax(a, axis=axis_of(a, axis), keepdims=keepdims),
    "argmin": lambda a, axis=None, out=None, *, keepdims=False: gt.argmin(a, axis=axis_of(a, axis), keepdims=keepdims),
}  # fmt: skip
