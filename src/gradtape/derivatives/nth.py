"""Derivatives of any order of functions of one variable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..functions.static import ones_like
from ..nest import flatten
from .arguments import check_callable, differentiable, named
from .reverse import grad
from .taylor import checked_order, expanded, times_factorial


def derivative(f: Callable[..., Any], order: int = 1) -> Callable[..., Any]:
    """The nth derivative of a function of one variable; elementwise for an array x.

    `order`: a positive int. In Taylor mode, at a cost quadratic in the order; of a holomorphic f at a complex x it is
    the complex derivative. Where the value's shape is not x's, f is no elementwise function of one variable, and the
    result is the gradient of the gradient's ... of its sum, by nested reverse mode. Raises ValueError for another
    order, TypeError for an x of integers.

    >>> import gradtape as gt
    >>> float(gt.derivative(lambda x: x**4, order=3)(2.0))
    48.0
    >>> float(gt.derivative(lambda x: 1 / (1 - x), order=20)(0.5)) / 2.0**21
    2.43290200817664e+18
    """
    check_callable(f, "derivative")
    order = checked_order(order, "derivative")

    def nth_derivative(x: Any) -> Any:
        leaves, structure = flatten(x)
        if structure.parts is None:
            point = differentiable(x, "derivative", "x")
            outputs, out_structure = expanded(f, [point], [ones_like(point)], structure, order)
            if out_structure.parts is None and outputs[0][0].shape == point.shape:
                return times_factorial(outputs[0][order], order)
        result = f
        for _ in range(order):
            result = grad(result)
        return result(x)

    return named(nth_derivative, f, f"derivative_{order}")
