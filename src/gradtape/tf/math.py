"""tf.math, and the mathematics at the top of tf: elementwise functions, reductions, sorting, cumulative sums."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import astype, expand_dims, flip, stack, take_along_axis
from ..functions import cumulative, norms, reductions, sorting
from ..functions import elementwise as e
from ..functions import nn as n
from ..functions import special as s
from ..functions.products import tensordot as _tensordot
from ..tensor import Tensor, to_array
from .convert import as_axis, binary, convert_to_tensor, int32, int64, pair, planned, unary, values

# -- elementwise -------------------------------------------------------------------------------------------------
ELEMENTWISE = {
    "abs": e.abs, "acos": e.acos, "acosh": e.acosh, "asin": e.asin, "asinh": e.asinh, "atan": e.atan, "atanh": e.atanh,
    "angle": e.angle, "ceil": e.ceil, "conj": e.conj, "cos": e.cos, "cosh": e.cosh, "exp": e.exp, "expm1": e.expm1,
    "floor": e.floor, "imag": e.imag, "is_finite": e.isfinite, "is_inf": e.isinf, "is_nan": e.isnan, "log": e.log,
    "log1p": e.log1p, "logical_not": e.logical_not, "negative": e.negative, "real": e.real, "reciprocal": e.reciprocal,
    "rint": e.rint, "round": e.rint, "sigmoid": e.logistic, "sign": e.sign, "sin": e.sin, "sinh": e.sinh,
    "sqrt": e.sqrt, "square": e.square, "tan": e.tan, "tanh": e.tanh, "digamma": s.digamma, "erf": s.erf,
    "erfc": s.erfc, "erfinv": s.erfinv, "lgamma": s.gammaln, "ndtri": s.ndtri, "log_sigmoid": n.log_sigmoid,
    "softplus": n.softplus, "softsign": n.softsign, "bessel_i0": s.i0, "bessel_i1": s.i1, "bessel_i0e": s.i0e,
    "bessel_i1e": s.i1e,
}  # fmt: skip
BINARY = {
    "add": e.add, "atan2": e.atan2, "divide": e.divide, "truediv": e.divide, "equal": e.equal,
    "floordiv": e.floor_divide, "floormod": e.remainder, "mod": e.remainder, "greater": e.greater,
    "greater_equal": e.greater_equal, "less": e.less, "less_equal": e.less_equal, "logical_and": e.logical_and,
    "logical_or": e.logical_or, "logical_xor": e.logical_xor, "maximum": e.maximum, "minimum": e.minimum,
    "multiply": e.multiply, "not_equal": e.not_equal, "pow": e.power, "subtract": e.subtract, "xlogy": s.xlogy,
    "xlog1py": s.xlog1py, "igamma": s.gammainc, "igammac": s.gammaincc,
}  # fmt: skip
_table = {name: unary(f, name) for name, f in ELEMENTWISE.items()}
_table |= {name: binary(f, name) for name, f in BINARY.items()}
globals().update(_table)
rsqrt = unary(lambda x: e.reciprocal(e.sqrt(x)), "rsqrt")
rsqrt.__doc__ = "1 / sqrt(x)."
reciprocal_no_nan = unary(lambda x: e.where(x == 0, 0.0, e.reciprocal(e.where(x == 0, 1.0, x))), "reciprocal_no_nan")
reciprocal_no_nan.__doc__ = "1 / x, and 0 where x is 0."
squared_difference = binary(lambda a, b: e.square(a - b), "squared_difference")
squared_difference.__doc__ = "(a - b)^2."
divide_no_nan = binary(lambda a, b: e.where(b == 0, 0.0, a / e.where(b == 0, 1.0, b)), "divide_no_nan")
divide_no_nan.__doc__ = "a / b, and 0 where b is 0."
multiply_no_nan = binary(lambda a, b: e.where(b == 0, 0.0, a * b), "multiply_no_nan")
multiply_no_nan.__doc__ = "a b, and 0 where b is 0 whatever a is."


def scalar_mul(scalar: Any, x: Any, name: Any = None) -> Any:
    """scalar * x."""
    a, b = pair(scalar, x)
    return a * b


def add_n(inputs: Any, name: Any = None) -> Any:
    """The sum of a list of Tensors."""
    total, *rest = values(inputs)
    if not rest:
        return e.positive(total)
    for x in rest:
        total = total + x
    return total


def accumulate_n(inputs: Any, *_: Any, **__: Any) -> Any:
    """The sum of a list of Tensors."""
    return add_n(inputs)


def polygamma(a: Any, x: Any, name: Any = None) -> Any:
    """The derivative of digamma at x, of the order a."""
    return s.polygamma(int(to_array(a)), convert_to_tensor(x))


def complex(real: Any, imag: Any, name: Any = None) -> Any:
    """The complex numbers real + i imag."""
    return e.complex(*pair(real, imag))


def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any, name: Any = None) -> Any:
    """t limited to the interval; at the bounds the gradient still passes."""
    t = convert_to_tensor(t)
    return e.clip(t, pair(t, clip_value_min)[1], pair(t, clip_value_max)[1])


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: Any = None) -> Any:
    """t, scaled down where its norm (along the axes) is greater than clip_norm.

    >>> import gradtape.tf as tf
    >>> tf.clip_by_norm([3.0, 4.0], 1.0).tolist() == tf.constant([0.6, 0.8]).tolist()
    True
    """
    t = convert_to_tensor(t)
    size = norms.vector_norm(t, axis=as_axis(axes), keepdims=axes is not None)
    longer = size > clip_norm
    return e.where(longer, t * (clip_norm / e.where(longer, size, 1)), t)


def global_norm(t_list: Any, name: Any = None) -> Any:
    """The norm of all elements of all Tensors of the list together; None entries are left out."""
    return norms.vector_norm(stack([norms.vector_norm(convert_to_tensor(t)) for t in t_list if t is not None]))


def clip_by_global_norm(t_list: Any, clip_norm: Any, use_norm: Any = None, name: Any = None) -> Any:
    """The Tensors scaled down together so that their global norm is at most clip_norm, and that norm."""
    total = global_norm(t_list) if use_norm is None else use_norm
    factor = clip_norm / e.maximum(total, clip_norm)
    return [None if t is None else convert_to_tensor(t) * factor for t in t_list], total


def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, name: Any = None) -> Any:
    """x divided by its norm along the axis."""
    x = convert_to_tensor(x)
    squares = reductions.sum(e.square(e.abs(x)), axis=as_axis(axis), keepdims=True)
    return x / e.sqrt(e.maximum(squares, epsilon))


# -- reductions ----------------------------------------------------------------------------------------------------
def _reduction(function: Any, name: str) -> Any:
    def reduced(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: Any = None) -> Any:
        x = convert_to_tensor(input_tensor)
        y = function(x, axis=as_axis(axis), keepdims=keepdims)
        return astype(y, x.dtype) if x.dtype.kind in "iu" and y.dtype.kind in "iu" and y.dtype != x.dtype else y

    reduced.__name__ = reduced.__qualname__ = name
    reduced.__doc__ = f"As gradtape.{function.__name__}, along the axis or axes (all of them by default)."
    return reduced


reduce_sum = _reduction(reductions.sum, "reduce_sum")
reduce_mean = _reduction(reductions.mean, "reduce_mean")
reduce_max = _reduction(reductions.max, "reduce_max")
reduce_min = _reduction(reductions.min, "reduce_min")
reduce_prod = _reduction(reductions.prod, "reduce_prod")
reduce_all = _reduction(reductions.all, "reduce_all")
reduce_any = _reduction(reductions.any, "reduce_any")
reduce_logsumexp = _reduction(reductions.logsumexp, "reduce_logsumexp")
reduce_std = _reduction(reductions.std, "reduce_std")
reduce_variance = _reduction(reductions.var, "reduce_variance")
reduce_euclidean_norm = _reduction(norms.vector_norm, "reduce_euclidean_norm")


def count_nonzero(input: Any, axis: Any = None, keepdims: bool = False, dtype: Any = int64, name: Any = None) -> Any:
    """How many elements are not zero."""
    return astype(reductions.count_nonzero(convert_to_tensor(input), axis=as_axis(axis), keepdims=keepdims), dtype)


# -- order ----------------------------------------------------------------------------------------------------------
def argmax(input: Any, axis: Any = None, output_type: Any = int64, name: Any = None) -> Any:
    """The index of the greatest element along an axis (0 by default)."""
    return astype(sorting.argmax(convert_to_tensor(input), 0 if axis is None else int(to_array(axis))), output_type)


def argmin(input: Any, axis: Any = None, output_type: Any = int64, name: Any = None) -> Any:
    """The index of the smallest element along an axis (0 by default)."""
    return astype(sorting.argmin(convert_to_tensor(input), 0 if axis is None else int(to_array(axis))), output_type)


def _descending(direction: str) -> bool:
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(f"direction must be 'ASCENDING' or 'DESCENDING', not {direction!r}")
    return direction == "DESCENDING"


def sort(values: Any, axis: int = -1, direction: str = "ASCENDING", name: Any = None) -> Any:
    """The elements in order along an axis."""
    return sorting.sort(convert_to_tensor(values), axis=axis, descending=_descending(direction))


def argsort(values: Any, axis: int = -1, direction: str = "ASCENDING", stable: bool = False, name: Any = None) -> Any:
    """The indices that put the elements in order along an axis, as int32."""
    return astype(sorting.argsort(convert_to_tensor(values), axis=axis, descending=_descending(direction)), int32)


class TopK(NamedTuple):
    """The greatest elements, and where they are."""

    values: Any
    indices: Any


def top_k(input: Any, k: Any = 1, sorted: bool = True, index_type: Any = int32, name: Any = None) -> TopK:
    """The k greatest elements along the last axis, in order, and their indices."""
    x = convert_to_tensor(input)
    indices = sorting.argsort(x, axis=-1, descending=True)[..., : int(to_array(k))]
    return TopK(take_along_axis(x, indices, axis=-1), astype(indices, index_type))


def in_top_k(targets: Any, predictions: Any, k: int, name: Any = None) -> Any:
    """Whether each target is among the k greatest predictions of its row."""
    indices = top_k(predictions, k).indices
    return reductions.any(indices == expand_dims(convert_to_tensor(targets), axis=-1), axis=-1)


# -- cumulative ---------------------------------------------------------------------------------------------------
def _cumulative(function: Any, name: str) -> Any:
    def cumulated(x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: Any = None) -> Any:
        x = convert_to_tensor(x)
        dtype, axis = x.dtype, int(to_array(axis)) % max(x.ndim, 1)
        if reverse:
            x = flip(x, axis=axis)
        y = function(x, axis=axis, include_initial=exclusive)
        if exclusive:
            y = y[(slice(None),) * axis + (slice(0, -1),)]
        y = flip(y, axis=axis) if reverse else y
        return y if y.dtype == dtype else astype(y, dtype)

    cumulated.__name__ = cumulated.__qualname__ = name
    cumulated.__doc__ = "Along an axis; `exclusive` leaves each element's own out, `reverse` begins at the end."
    return cumulated


cumsum = _cumulative(cumulative.cumulative_sum, "cumsum")
cumprod = _cumulative(cumulative.cumulative_prod, "cumprod")


# -- products -----------------------------------------------------------------------------------------------------
def tensordot(a: Any, b: Any, axes: Any, name: Any = None) -> Any:
    """The sum of products over the axes: a number of them, or a pair of lists."""
    if isinstance(axes, Tensor | np.ndarray):
        axes = to_array(axes).tolist()
    return _tensordot(*pair(a, b), axes=axes)




cumulative_logsumexp = planned("math.cumulative_logsumexp")
segment_sum, segment_mean, segment_max, segment_min, segment_prod, unsorted_segment_sum = [
    planned(f"math.{name}")
    for name in ("segment_sum", "segment_mean", "segment_max", "segment_min", "segment_prod", "unsorted_segment_sum")
]
bincount, confusion_matrix, betainc, zeta = [
    planned(f"math.{name}") for name in ("bincount", "confusion_matrix", "betainc", "zeta")
]


def lbeta(x: Any, name: Any = None) -> Any:
    """log of the Beta function of the vectors along the last axis."""
    x = convert_to_tensor(x)
    return reductions.sum(s.gammaln(x), axis=-1) - s.gammaln(reductions.sum(x, axis=-1))


def is_strictly_increasing(x: Any, name: Any = None) -> Any:
    """Whether each element is greater than the one before."""
    x = convert_to_tensor(x).reshape((-1,))
    return reductions.all(x[1:] > x[:-1])




#: What is at the top of tf as well as in tf.math.
TOP = [
    "abs", "acos", "acosh", "add", "add_n", "argmax", "argmin", "argsort", "asin", "asinh", "atan", "atan2", "atanh",
    "clip_by_global_norm", "clip_by_norm", "clip_by_value", "complex", "cos", "cosh", "cumprod", "cumsum", "divide",
    "equal", "exp", "floor", "greater", "greater_equal", "less", "less_equal", "log", "logical_and", "logical_not",
    "logical_or", "maximum", "minimum", "multiply", "negative", "not_equal", "pow", "reduce_all", "reduce_any",
    "reduce_logsumexp", "reduce_max", "reduce_mean", "reduce_min", "reduce_prod", "reduce_sum", "round", "scalar_mul",
    "sigmoid", "sign", "sin", "sinh", "sort", "sqrt", "square", "subtract", "tan", "tanh", "tensordot", "truediv",
]  # fmt: skip
__all__ = sorted(
    {
        *_table, *TOP, "accumulate_n", "bincount", "betainc", "confusion_matrix", "count_nonzero",
        "cumulative_logsumexp", "divide_no_nan", "in_top_k", "is_strictly_increasing", "l2_normalize", "lbeta",
        "multiply_no_nan", "polygamma", "reciprocal_no_nan", "reduce_euclidean_norm", "reduce_std", "reduce_variance",
        "rsqrt", "segment_max", "segment_mean", "segment_min", "segment_prod", "segment_sum", "squared_difference",
        "top_k", "unsorted_segment_sum", "zeta",
    }
)  # fmt: skip
