"""Reverse mode: grad, value_and_grad, vjp."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays.dtypes import kind_of
from ..context import active, observed_by
from ..errors import warn
from ..functions import static
from ..functions.elementwise import conj
from ..nest import flatten
from ..sweep import Trace, fit, run
from ..tensor import RAW, Tensor, Variable, tensor
from .arguments import (
    Selected,
    again,
    as_output,
    check_callable,
    counterparts,
    differentiable,
    named,
    zeros_like,
)


def ones_like(y: Tensor) -> Any:
    """The seed of a sweep: ones of y's shape and dtype, raw where y is."""
    if type(y) is not Tensor and type(y) is not Variable:
        return static.ones_like(y)
    data = y._data
    return data.dtype.type(1) if not data.shape else np.ones(data.shape, data.dtype)


def finished(g: Any, like: Tensor) -> Tensor:
    """A sweep's result as the user gets it: a Tensor, in TensorFlow's convention; zeros where nothing arrived."""
    if g is None:
        return zeros_like(like)
    if (g.dtype.kind if type(g) in RAW else kind_of(g.dtype)) == "c":
        g = conj(g)
    return g if isinstance(g, Tensor) else tensor(g)


def warn_of_numbers(trace: Trace, results: list[Any]) -> None:
    """Say so where a gradient is 0 for want of a path, and a number was taken of a value that was followed."""
    if trace.numbers and any([g is None for g in results]):
        _, kind, line = trace.numbers[-1]
        warn(
            f"a gradient is 0 because no path leads to it; {kind}(x) at {line or 'some place'} made a constant of a "
            "value that is being differentiated. Compute with gradtape's or NumPy's functions on the Tensor instead"
        )


def value_and_grad(f: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Any:
    """The function that gives f's value and the gradient of (the sum of) it, in the arguments' structure.

    `argnums`: which positional arguments (nested containers of floating arrays) to differentiate;
    `has_aux`: f returns (value, anything), and so does the first part of the result. Raises TypeError for
    integer arguments.

    >>> import gradtape as gt
    >>> value, slope = gt.value_and_grad(lambda x: x**3)(2.0)
    >>> float(value), float(slope)
    (8.0, 12.0)
    """
    check_callable(f, "value_and_grad")

    def value_and_gradient(*arguments: Any, **kwargs: Any) -> Any:
        selected = Selected(arguments, argnums, "grad")
        trace = Trace()
        for leaf in selected.leaves:
            trace.follow(leaf)
        with observed_by((*active(), trace)):
            out = selected.call(f, selected.leaves, kwargs)
            aux = None
            if has_aux:
                if not (isinstance(out, tuple) and len(out) == 2):
                    raise TypeError("gradtape.grad: with has_aux=True the function must return a pair (value, aux)")
                out, aux = out
            value = as_output(out, "grad")
        results: list[Any] = [None] * len(selected.leaves)
        if value._key in trace.slots:
            results = run(trace, {value._key: ones_like(value)}, [leaf._key for leaf in selected.leaves], True)
        warn_of_numbers(trace, results)
        gradient = selected.pack([finished(g, leaf) for g, leaf in zip(results, selected.leaves, strict=True)])
        return ((value, aux) if has_aux else value), gradient

    return named(value_and_gradient, f, "value_and_grad")


def grad(f: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Any:
    """The gradient function of (the sum of) f; see value_and_grad.

    >>> import gradtape as gt
    >>> float(gt.grad(gt.grad(lambda x: x**3))(2.0))
    12.0
    """
    check_callable(f, "grad")
    both = value_and_grad(f, argnums, has_aux)

    def gradient(*arguments: Any, **kwargs: Any) -> Any:
        value, result = both(*arguments, **kwargs)
        return (result, value[1]) if has_aux else result

    return named(gradient, f, "grad")


def vjp(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """f's value, and its pullback: cotangent of the value -> a cotangent for each primal.

    The pullback may be called again, and inside other transforms. Raises ValueError for a cotangent of
    another structure or shape.

    >>> import gradtape as gt
    >>> value, pullback = gt.vjp(lambda x, y: x * y, 3.0, 4.0)
    >>> [float(g) for g in pullback(1.0)]
    [4.0, 3.0]
    """
    check_callable(f, "vjp")
    leaves, structure = flatten(primals)
    inputs = [differentiable(leaf, "vjp", "a primal") for leaf in leaves]
    trace = Trace()
    for leaf in inputs:
        trace.follow(leaf)
    with observed_by((*active(), trace)):
        out = f(*structure.unflatten([again(x) for x in inputs]))
    outputs, out_structure = flatten(out)
    outputs = [as_output(y, "vjp") for y in outputs]

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        """Carry a cotangent of the value back to the primals."""
        given = counterparts(cotangent, outputs, out_structure, "vjp", "the cotangent", "the output")
        seeds: dict[int, Any] = {}
        for y, g in zip(outputs, given, strict=True):
            if y._key not in trace.slots:
                continue
            g = fit(g, (y.shape, y.dtype))
            g = conj(g) if kind_of(g.dtype) == "c" else g
            g = g if active() or type(g) is not Tensor else g._data
            seeds[y._key] = seeds[y._key] + g if y._key in seeds else g
        results = run(trace, seeds, [leaf._key for leaf in inputs], consume=False)
        return structure.unflatten(  # type: ignore[no-any-return]
            [finished(g, leaf) for g, leaf in zip(results, inputs, strict=True)]
        )

    return out_structure.unflatten(outputs), pullback
