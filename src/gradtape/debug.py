"""A switch that shows where derivatives are undefined, and where a zero hides it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .arrays.numpy_kernels import REPORT
from .errors import AbsorbedNaNWarning, users_line, warn


@contextmanager
def debug_nans(error: bool = False) -> Iterator[None]:
    """Inside, every undefined product of a derivative is shown: 0 times an infinite slope, or NaN.

    A zero cotangent or tangent absorbs an infinite or undefined slope (0 * inf = 0), so that branches which are not
    taken do no harm; this shows where that happened, as an AbsorbedNaNWarning that names the function, how many
    elements and the first of them, and the line that asked for the derivative. With `error`, a FloatingPointError is
    raised instead.
    Holds in this thread or async task, for all arrays whose elements are known (those of Dask are not, nor those in a
    program that JAX compiles), and costs nothing outside.

    >>> import gradtape as gt, warnings
    >>> with warnings.catch_warnings(record=True) as caught, gt.debug_nans():
    ...     warnings.simplefilter("always")
    ...     g = gt.grad(lambda x: gt.where(x > 0, gt.sqrt(x), 0.0))(0.0)
    >>> float(g), "sqrt" in str(caught[0].message)
    (0.0, True)
    """

    def report(absorbs: Any, undefined: Any) -> None:
        hidden = absorbs & undefined
        which = hidden if hidden.any() else undefined
        index = tuple([int(i) for i in np.argwhere(which)[0]]) if which.ndim else ()
        where = f"at {int(which.sum())} of {which.size} elements, the first at index {index}" if which.ndim else "there"
        what = "a zero absorbed an infinite or undefined slope" if hidden.any() else "the product is NaN"
        text = f"in the derivative of {differentiated_function()}, {what} {where}"
        if line := users_line():
            text += f" (asked for at {line})"
        if error:
            raise FloatingPointError(text)
        warn(text, AbsorbedNaNWarning)

    token = REPORT.set(report)
    try:
        yield
    finally:
        REPORT.reset(token)


#: Products that derivatives are made of; the function they are of stands further up.
PRODUCTS = ("scale", "scale_either", "multiply", "divide_absorbing")


def differentiated_function() -> str:
    """The name of the primitive whose rule is at work, from the frames of the sweep or the transform."""
    frame = sys._getframe(1)
    found = ""
    while frame is not None:
        name = getattr(frame.f_locals.get("primitive"), "name", None)
        if name is not None:
            found = name
            if name not in PRODUCTS:
                break
        frame = frame.f_back  # type: ignore[assignment]
    return found or "a product"
