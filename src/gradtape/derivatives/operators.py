"""Differential operators of first and second order, at a point or a batch of points: laplacian, divergence, curl."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..arrays.dtypes import kind_of, numpy_dtype
from ..budgets import INSTEAD, Demand, batches, checked_batch_size, examples_in, in_host_memory, is_small
from ..context import new_level, observed_by
from ..functions.creation import asarray
from ..functions.manipulation import broadcast_to, concat, reshape, stack
from ..functions.static import static, zeros
from ..tensor import Tensor, VirtualTensor, tensor
from ..virtual.forward_laplacian import Directions, ForwardLaplacian
from ..virtual.metered import Meter
from ..virtual.series import as_tensors, lowered
from .arguments import again, as_output, check_callable, differentiable, named
from .dense import jacobian
from .vectorize import vmap


def points(x: Any, function: str) -> Tensor:
    """The point (d,) or the batch (n, d) as a Tensor. Raises TypeError or ValueError for anything else."""
    x = differentiable(asarray(x), function, "x")
    if kind_of(x.dtype) == "c":
        raise TypeError(f"gradtape.{function}: x is complex; the operator is defined at real points")
    if len(x.shape) not in (1, 2) or 0 in x.shape[-1:]:
        raise ValueError(
            f"gradtape.{function}: x has shape {tuple(x.shape)}; a point has shape (d,), a batch of points (n, d)"
        )
    return x  # type: ignore[no-any-return]


def laplacian(f: Callable[..., Any], batch_size: int | None = None, memory: Any = None) -> Callable[..., Any]:
    """The function that gives the sum of f's second derivatives along all axes, the trace of its Hessian.

    f takes a point (d,) and gives a number or an array; g(x) takes a point (d,) or a batch (n, d), and gives the
    operator in the shape of f's value, behind an axis of n for a batch. Further arguments are passed to f as they are.
    One forward pass carries the value, d first derivatives and the Laplacian (Li et al., 2024). `batch_size`: at most
    so many first derivatives, of all points together, at once; `memory`: a budget of bytes (or "200 MB") for the whole
    computation. Raises TypeError for integer or complex x, ValueError for another shape, NotEnoughMemoryError where
    the budget, or the memory available, is too little.

    >>> import gradtape as gt
    >>> g = gt.laplacian(lambda x: x[0] ** 3 + x[0] * x[1] ** 2)
    >>> float(g([1.0, 2.0])), g([[1.0, 2.0], [2.0, 0.0]]).tolist()
    (8.0, [8.0, 16.0])
    """
    check_callable(f, "laplacian")
    checked_batch_size(batch_size, "laplacian")

    def laplacian_function(x: Any, *arguments: Any, **kwargs: Any) -> Any:
        x = points(x, "laplacian")
        return in_batches(lambda point: f(point, *arguments, **kwargs), x, batch_size, memory)

    return named(laplacian_function, f, "laplacian")


def axes(x: Tensor, start: int, stop: int) -> Any:
    """The unit vectors of so many of x's last axis' coordinates."""
    d = x.shape[-1]
    return (unit_rows if d <= FEW else unit_rows.__wrapped__)(stop - start, d, start, numpy_dtype(x.dtype))


#: Coordinates up to which their unit vectors are kept.
FEW = 16


@lru_cache(64)
def unit_rows(count: int, size: int, start: int, dtype: Any) -> Any:
    """Rows of an identity matrix, not to be written to."""
    rows = np.eye(count, size, k=start, dtype=dtype)
    rows.flags.writeable = False
    return rows


class Needs(NamedTuple):
    """What a Laplacian at a point takes at its peak: bytes for the `first` axis and for `each` further one, the
    `largest` value of an axis, the `elements` computed for each, and a meter of what f takes itself."""

    first: int
    each: int
    largest: int
    elements: int
    values: Meter


def needs_of_laplacian(f: Callable[..., Any], x: Any) -> Needs:
    """What a pass takes, from passes along one axis and along a few."""

    def tried(count: int) -> tuple[Meter, Meter]:
        column, values = Meter(rank=1), Meter()
        with observed_by(()), new_level() as level:
            point = values.metered(again(x), level)
            second_order(f, point, axes(x, 0, count), None, "laplacian", lambda v: column.metered(v, level))
        return column, values

    few, values = tried(1)
    count = min(x.shape[-1], 4)
    if count == 1:
        return Needs(few.peak, few.peak, few.largest, few.elements, values)
    many, _ = tried(count)
    each, elements = (many.peak - few.peak) // (count - 1), (many.elements - few.elements) // (count - 1)
    return Needs(few.peak, each, many.largest // count, elements, values)


def in_batches(f: Callable[..., Any], x: Any, batch_size: int | None, memory: Any) -> Tensor:
    """The Laplacian, at so many points and along so many axes at once as the batch size and the budget allow."""
    single = len(x.shape) == 1
    n, d = 1 if single else x.shape[0], x.shape[-1]
    if not n or (batch_size is None and memory is None and is_small(n * d * d * x.itemsize)):
        return second_order(f, x, axes(x, 0, d), None, "laplacian")

    def along(some: Any, start: int, stop: int, within: Any = None) -> Tensor:
        return second_order(f, some, axes(x, start, stop), None, "laplacian", within)

    @cache
    def tried() -> tuple[int, int]:
        """What one axis takes, a share of what all axes of a point share included, and what a point takes."""
        need = needs_of_laplacian(f, x if single else x[0])
        shared = (need.values.need + need.first) * examples_in(x)
        return (need.each + need.largest) * examples_in(x) + shared // d + 1, shared

    demand = Demand(
        "laplacian",
        f"the Laplacian along {d} axes" + ("" if single else f" at {n} points"),
        n * d,
        0,
        d * x.itemsize,
        lambda: tried()[0],
        lambda: tried()[1],
        INSTEAD["laplacian"],
        in_host_memory(x),
    )
    ranges = batches(demand, batch_size, memory)
    if len(ranges) <= 1:
        return along(x, 0, d)
    size = ranges[0][1]
    if size >= d:
        return concat([along(x[i : i + size // d], 0, d) for i in range(0, n, size // d)], axis=0)  # type: ignore
    if not single:
        return stack([in_batches(f, x[i], size, None) for i in range(n)])  # type: ignore[no-any-return]
    total: Any = 0
    for i in range(0, d, size):
        total = total + along(x, i, min(i + size, d))
    return total  # type: ignore[no-any-return]


def second_order(
    f: Callable[..., Any], x: Tensor, basis: Any, weights: Any, function: str, within: Any = None
) -> Tensor:
    """The weighted sum of f's second derivatives along the rows of `basis`, at a point or a batch.

    `within`: makes another value of the directions.
    """
    single = len(x.shape) == 1
    rows = reshape(x, (1, *x.shape)) if single else again(x)
    n, d = rows.shape
    basis = static(basis.reshape(len(basis), 1, d), rows, dtype=x.dtype)
    directions = as_tensors(basis) if within is None else within(as_tensors(basis))
    with new_level() as level:
        along = Directions(n, len(basis), weights)
        point = tensor(ForwardLaplacian(lowered(rows), lowered(directions), None, 0, along, level))
        y = as_output(f(point), function)
        if type(y) is not VirtualTensor or y._data.level != level:
            result = zeros((n, *y.shape), y.dtype, y)
        else:
            half = y._data.half
            result = zeros((n, *y.shape), y.dtype, as_tensors(y._data.value)) if half is None else 2 * as_tensors(half)
            if result.shape[0] != n:
                result = broadcast_to(result, (n, *y.shape))
    return reshape(result, result.shape[1:]) if single else result


def matrix_of_derivatives(f: Callable[..., Any], x: Any, function: str, arguments: Any, kwargs: Any) -> Tensor:
    """The Jacobian (..., d, d) of a vector field at a point or a batch."""
    x = points(x, function)
    d = x.shape[-1]

    def checked(point: Any) -> Any:
        y = as_output(f(point, *arguments, **kwargs), function)
        if y.shape != (d,):
            raise ValueError(
                f"gradtape.{function}: f must give a vector of {d} components at a point of {d}; it gave an array of "
                f"shape {tuple(y.shape)}"
            )
        return y

    at_point = jacobian(checked, mode="forward")
    return at_point(x) if len(x.shape) == 1 else vmap(at_point)(x)  # type: ignore[no-any-return]


def divergence(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function that gives the sum of df_i/dx_i of a vector field, the trace of its Jacobian.

    f takes a point (d,) and gives a vector (d,); g(x) takes a point or a batch (n, d). Further arguments are passed to
    f as they are. Raises ValueError for a value of another shape, TypeError for integer or complex x.

    >>> import gradtape as gt
    >>> float(gt.divergence(lambda x: x**2)([1.0, 3.0]))
    8.0
    """
    check_callable(f, "divergence")

    def divergence_function(x: Any, *arguments: Any, **kwargs: Any) -> Any:
        from ..functions.linalg import trace

        return trace(matrix_of_derivatives(f, x, "divergence", arguments, kwargs))

    return named(divergence_function, f, "divergence")


def curl(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function that gives the curl of a vector field in space, a vector, or in the plane, a number.

    f takes a point of 3 (or 2) coordinates and gives as many components; g(x) takes a point or a batch. Further
    arguments are passed to f as they are. Raises ValueError for other dimensions, TypeError for integer or complex x.

    >>> import gradtape as gt
    >>> gt.curl(lambda x: gt.stack([-x[1], x[0], x[0]]))([1.0, 2.0, 3.0]).tolist()
    [0.0, -1.0, 2.0]
    """
    check_callable(f, "curl")

    def curl_function(x: Any, *arguments: Any, **kwargs: Any) -> Any:
        d = points(x, "curl").shape[-1]
        if d not in (2, 3):
            raise ValueError(f"gradtape.curl: x has {d} coordinates; the curl is defined in space, 3, and the plane, 2")
        j: Any = matrix_of_derivatives(f, x, "curl", arguments, kwargs)
        turn: Callable[[int, int], Any] = lambda a, b: j[..., b, a] - j[..., a, b]
        return turn(0, 1) if d == 2 else stack([turn(1, 2), turn(2, 0), turn(0, 1)], axis=-1)

    return named(curl_function, f, "curl")


__all__ = ["curl", "divergence", "laplacian"]
