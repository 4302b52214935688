"""Forward mode: jvp, linearize."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..context import new_level
from ..nest import flatten
from ..tensor import Tensor, VirtualTensor, tensor
from ..virtual.dual import Dual, fit_tangent
from .arguments import as_output, check_callable, counterparts, differentiable, zeros_like


def jvp(f: Callable[..., Any], primals: Any, tangents: Any) -> tuple[Any, Any]:
    """f's value and its derivative in the direction of the tangents (the pushforward), in one forward pass.

    `primals`, `tangents`: tuples of arguments of equal structure and shapes. Raises TypeError for integers,
    ValueError for a tangent of another shape.

    >>> import gradtape as gt
    >>> value, tangent = gt.jvp(lambda x: x**3, (2.0,), (1.0,))
    >>> float(value), float(tangent)
    (8.0, 12.0)
    """
    check_callable(f, "jvp")
    if not isinstance(primals, tuple | list) or not isinstance(tangents, tuple | list):
        raise TypeError("gradtape.jvp: primals and tangents are tuples of arguments: jvp(f, (x,), (v,))")
    leaves, structure = flatten(tuple(primals))
    points = [differentiable(leaf, "jvp", "a primal") for leaf in leaves]
    directions = counterparts(tuple(tangents), points, structure, "jvp", "the tangent", "the primal")
    moving = [fit_tangent(t, x) for x, t in zip(points, directions, strict=True)]
    return pushed(f, points, moving, structure)


def pushed(f: Callable[..., Any], points: list[Tensor], directions: list[Any], structure: Any) -> tuple[Any, Any]:
    """Value and tangent of f, called with the points in this structure."""
    with new_level() as level:
        duals = [tensor(Dual(x, t, level)) for x, t in zip(points, directions, strict=True)]
        out = f(*structure.unflatten(duals))
    outputs, out_structure = flatten(out)
    values, tangents = [], []
    for y in outputs:
        y = as_output(y, "jvp")
        if type(y) is VirtualTensor and y._data.level == level:
            tangents.append(zeros_like(y) if y._data.tangent is None else y._data.tangent)
            y = y._data.primal
        else:
            tangents.append(zeros_like(y))
        values.append(y)
    return out_structure.unflatten(values), out_structure.unflatten(tangents)


def linearize(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """f's value, and its pushforward at the primals, which can be applied to many tangents without f running again.

    >>> import gradtape as gt
    >>> value, push = gt.linearize(lambda x: x**3, 2.0)
    >>> float(push(1.0)), float(push(10.0))
    (12.0, 120.0)
    """
    from ..sweep import Trace, run
    from .reverse import finished, vjp

    value, pullback = vjp(f, *primals)
    outputs, out_structure = flatten(value)
    leaves, structure = flatten(primals)

    def pushforward(*tangents: Any) -> Any:
        """Carry tangents of the primals forward."""
        from ..arrays.dtypes import kind_of
        from ..context import active, observed_by
        from ..functions.elementwise import conj

        directions = counterparts(tangents, leaves, structure, "linearize", "the tangent", "the primal")
        trace = Trace()
        start = [trace.watch(zeros_like(y)) for y in outputs]
        with observed_by((*active(), trace)):
            back, _ = flatten(pullback(out_structure.unflatten(start)))
        seeds: dict[int, Any] = {}
        for g, t in zip(back, directions, strict=True):
            if g._key in trace.slots:
                t = conj(t) if kind_of(t.dtype) == "c" else t
                seeds[g._key] = seeds[g._key] + t if g._key in seeds else t
        results = run(trace, seeds, [s._key for s in start], consume=True)
        return out_structure.unflatten([finished(r, s) for r, s in zip(results, start, strict=True)])

    return value, pushforward
