"""Derivatives of any order of functions of one variable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..functions.static import ones_like
from ..nest import flatten
from .arguments import check_callable, differentiable, named
from .reverse import grad
from .taylor import checked_order, highest


def derivative(f: Callable[..., Any], order: int = 1) -> Callable[..., Any]:
    """The nth derivative of a function of one variable: of its value, whatever its shape, at a number x; elementwise
    for an array x.

    `order`: a positive int. In Taylor mode, at a cost quadratic in the order; of a holomorphic f at a complex x it is
    the complex derivative. Of a number the value may be an array, or a container of arrays (a curve, a matrix): so is
    the result. Where x is an array and the value's shape is another, f is no elementwise function of one variable,
    and the result is the gradient of the gradient's ... of its sum, by nested reverse mode. Raises ValueError for
    another order, TypeError for an x of integers.

    >>> import gradtape as gt
    >>> float(gt.derivative(lambda x: x**4, order=3)(2.0))
    48.0
    >>> gt.derivative(lambda t: gt.stack([t**2, t**3]), order=2)(2.0).tolist()
    [2.0, 12.0]
    >>> float(gt.derivative(lambda x: 1 / (1 - x), order=20)(0.5)) / 2.0**21
    2.43290200817664e+18
    """
    check_callable(f, "derivative")
    order = checked_order(order, "derivative")

    def nth_derivative(x: Any) -> Any:
        leaves, structure = flatten(x)
        if structure.parts is None:
            point = differentiable(x, "derivative", "x")
            found, out_structure = highest(f, [point], [ones_like(point)], structure, order, "derivative")
            if not point.shape:
                return out_structure.unflatten(found)
            if out_structure.parts is None and found[0].shape == point.shape:
                return found[0]
        result = f
        for _ in range(order):
            result = grad(result)
        return result(x)

    return named(nth_derivative, f, f"derivative_{order}")
