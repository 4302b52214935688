"""Derivatives of any order of functions of one variable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .arguments import check_callable, named
from .reverse import grad


def derivative(f: Callable[..., Any], order: int = 1) -> Callable[..., Any]:
    """The nth derivative of a function of one variable; elementwise for an array x.

    `order`: a positive int. By nested reverse mode. Raises ValueError for another order.

    >>> import gradtape as gt
    >>> float(gt.derivative(lambda x: x**4, order=3)(2.0))
    48.0
    """
    check_callable(f, "derivative")
    if not isinstance(order, int) or isinstance(order, bool) or order < 1:
        raise ValueError(f"gradtape.derivative: order must be a positive int, not {order!r}")
    result = f
    for _ in range(order):
        result = grad(result)
    return named(lambda x: result(x), f, f"derivative_{order}")
