"""Norms of vectors and matrices. Public in gradtape.linalg."""

from __future__ import annotations

import math
from typing import Any

from ..arrays import linalg_kernels as kernels
from ..primitive import Axes, General, apply, scale
from .declare import is_complex, normalized_axes, operand, shape_of
from .decompositions import svdvals
from .elementwise import abs, sign, where
from .manipulation import astype, moveaxis, reshape
from .matrices import conjugate, floating, matrices, real_dtype
from .reductions import expand_reduced, max, min, sum
from .untaped import untaped

inf = math.inf

#: Where it is the norm of all elements, or along one axis.
PLAIN = "not keepdims and (axis is None or axis.__class__ is int)"


def _unit(x: Any, y: Any, axis: tuple[int, ...]) -> Any:
    """conj(x) / y, and 0 where the norm y is 0: the least of the subgradients."""
    y = where(y == 0, inf, y)
    return conjugate(x) / expand_reduced(y, x.shape, axis)


def _spread_over(g: Any, x: Any, axis: tuple[int, ...]) -> Any:
    return expand_reduced(g, x.shape, axis)


def _p_slope(x: Any, y: Any, p: float, axis: tuple[int, ...]) -> Any:
    """sign(x) (|x| / y)^(p - 1)."""
    y = where(y == 0, inf, y)
    return scale(sign(x), (abs(x) / expand_reduced(y, x.shape, axis)) ** (p - 1))


_NORM2 = General(
    "norm2",
    kernels.norm2,
    vjp=lambda g, x, y, axis: _spread_over(g, x, axis) * _unit(x, y, axis),
    jvp=lambda dx, x, y, axis: sum(dx * _unit(x, y, axis), axis=axis),
    batch=Axes(("axis",)),
)
_P_NORM = General(
    "p_norm",
    kernels.p_norm,
    vjp=lambda g, x, y, p, axis: _spread_over(g, x, axis) * _p_slope(x, y, p, axis),
    jvp=lambda dx, x, y, p, axis: sum(dx * _p_slope(x, y, p, axis), axis=axis),
    batch=Axes(("axis",)),
)


def largest(x: Any, axis: Any) -> Any:
    """The largest of numbers that are not negative: 0 where there are none."""
    return sum(x, axis=axis) if 0 in shape_of(x) else max(x, axis=axis)


def _vector_norm(x: Any, axes: tuple[int, ...], ord: Any, keepdims: bool) -> Any:
    shape = shape_of(x)
    if ord == 2 or ord is None:
        y = apply(_NORM2, x, axis=axes)
    elif ord == inf:
        y = largest(abs(x), axes)
    elif ord == -inf:
        y = min(abs(x), axis=axes)
    elif ord == 1:
        y = sum(abs(x), axis=axes)
    elif ord == 0:
        y = sum(astype(x != 0, real_dtype(x)), axis=axes)
    elif isinstance(ord, int | float) and ord < 0 and 0 in shape:
        y = sum(abs(x), axis=axes) ** float(ord)
    elif isinstance(ord, int | float):
        y = apply(_P_NORM, abs(x) if is_complex(x) else x, p=float(ord), axis=axes)
    else:
        raise ValueError(f"gradtape.linalg: there is no vector norm of order {ord!r}")
    return reshape(y, tuple([1 if i in axes else n for i, n in enumerate(shape)])) if keepdims else y


@untaped("norm_along(x, axis)", when=f"ord == 2 and {PLAIN}", norm_along=kernels.norm_along)
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """The norm of order `ord` of the elements along the axes (all by default); its slope at 0 is taken as 0.

    `ord`: any number; inf and -inf give the largest and the smallest absolute value, 0 counts what is not 0, and None
    is 2.

    >>> import gradtape as gt
    >>> float(gt.linalg.vector_norm(gt.asarray([3.0, 4.0])))
    5.0
    """
    x = floating(operand(x, "linalg.vector_norm", "x"))
    axes = normalized_axes(axis, len(shape_of(x)), "linalg.vector_norm")
    return _vector_norm(x, axes, 2 if ord is None else ord, keepdims)


def norm_of_matrices(x: Any, ord: Any) -> Any:
    """The norm of matrices in the last two axes."""
    rank = len(shape_of(x))
    if ord == "fro" or ord is None:
        return apply(_NORM2, x, axis=(rank - 2, rank - 1))
    if ord == "nuc":
        return sum(svdvals(x), axis=-1)
    if ord in (1, -1, inf, -inf):
        sums = sum(abs(x), axis=-2 if ord in (1, -1) else -1)
        return (largest if ord > 0 else min)(sums, axis=-1)
    if ord in (2, -2):
        return (largest if ord > 0 else min)(svdvals(x), axis=-1)
    raise ValueError(f"gradtape.linalg: there is no matrix norm of order {ord!r}")


@untaped(
    "norm_along(x, None)", when="ord == 'fro' and not keepdims and x.ndim == 2", norm_along=kernels.norm_along
)  # fmt: skip
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """The norm of matrices: "fro" (Frobenius), "nuc" (nuclear), 1, -1, inf, -inf, 2 or -2, as numpy.linalg.norm.

    >>> import gradtape as gt
    >>> float(gt.linalg.matrix_norm(gt.asarray([[3.0, 0.0], [0.0, 4.0]])))
    5.0
    """
    x = matrices(x, "matrix_norm", square=False)
    y = norm_of_matrices(x, ord)
    return reshape(y, (*shape_of(x)[:-2], 1, 1)) if keepdims else y


@untaped("norm_along(x, axis)", when=f"ord is None and {PLAIN}", norm_along=kernels.norm_along)
def norm(x: Any, /, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """NumPy's norm: of all elements by default, of vectors for one axis, of matrices for two.

    >>> import gradtape as gt
    >>> float(gt.linalg.norm(gt.asarray([3.0, 4.0])))
    5.0
    """
    x = floating(operand(x, "linalg.norm", "x"))
    rank = len(shape_of(x))
    if axis is None and ord is not None and rank not in (1, 2):
        raise ValueError(f"gradtape.linalg.norm: axis is needed for order {ord!r} of an array with {rank} axes")
    axes = normalized_axes(axis, rank, "linalg.norm")
    if (axis is None and ord is None) or len(axes) == 1:
        return _vector_norm(x, axes, 2 if ord is None else ord, keepdims)
    if len(axes) != 2:
        raise ValueError(f"gradtape.linalg.norm: one or two axes are expected, not {axis!r}")
    shape = shape_of(x)
    y = norm_of_matrices(moveaxis(x, axes, (-2, -1)), ord)
    return reshape(y, tuple([1 if i in axes else n for i, n in enumerate(shape)])) if keepdims else y
