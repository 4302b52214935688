"""Mixed partial derivatives of any order, and weighted sums of them, from univariate Taylor series."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import lru_cache
from itertools import product as all_of
from math import comb, factorial
from typing import Any

import numpy as np

from ..arrays.dtypes import numpy_dtype
from ..context import new_level
from ..functions.static import static
from ..nest import flatten
from ..tensor import Tensor, tensor
from ..virtual.batched import Batched
from ..virtual.series import as_tensors
from ..virtual.terms import Collapse
from .arguments import as_output, check_callable, named
from .operators import laplacian, points, second_order
from .taylor import highest, times_power
from .vectorize import vmap

Index = tuple[int, ...]


def directional(f: Callable[..., Any], directions: Any, weights: Any = None) -> Callable[..., Any]:
    """The function that gives the mixed derivative of f along v_1, ..., v_k, or a weighted sum of such derivatives.

    `directions`: an array (k, d) of k vectors, repeated where f is differentiated several times: (e_x, e_x, e_y) gives
    the third derivative in x, x and y. With `weights` (m,) an array (m, k, d), and the sum of w_i times the derivative
    along directions[i]. f takes a point (d,); g(x) takes a point or a batch (n, d); further arguments are passed to f
    as they are. By interpolation from Taylor series along sums of the directions (Griewank, Utke, Walther, 2000), of
    which only the weighted sum of the highest coefficients is carried. Raises ValueError for directions of another
    shape, TypeError for integer or complex x.

    >>> import gradtape as gt
    >>> x, y = [1.0, 0.0], [0.0, 1.0]
    >>> round(float(gt.directional(lambda p: p[0] ** 3 * p[1] ** 2, [x, x, y])([1.0, 2.0])), 9)  # 12 x y
    24.0
    """
    check_callable(f, "directional")
    vectors, factors = checked_directions(directions, weights, "directional")
    order = vectors.shape[1]
    basis, factors = combined(vectors, factors)

    def directional_function(x: Any, *arguments: Any, **kwargs: Any) -> Any:
        x = points(x, "directional")
        if x.shape[-1] != basis.shape[1]:
            raise ValueError(
                f"gradtape.directional: directions are of {basis.shape[1]} dimensions, x is of {x.shape[-1]}"
            )
        return along(lambda point: f(point, *arguments, **kwargs), x, basis, factors, order, "directional")

    return named(directional_function, f, "directional")


def checked_directions(directions: Any, weights: Any, function: str) -> tuple[Any, Any]:
    """Directions (m, k, d) and weights (m,). Raises TypeError or ValueError for others."""
    for name, given in (("directions", directions), ("weights", weights)):
        if np.iscomplexobj(given):
            raise TypeError(f"gradtape.{function}: {name} are complex; the operator is defined for real ones")
    vectors = np.asarray(directions, dtype=np.float64)
    if weights is None:
        vectors, factors = vectors[None], np.ones(1)
    else:
        factors = np.asarray(weights, dtype=np.float64)
    if vectors.ndim != 3 or 0 in vectors.shape or factors.shape != vectors.shape[:1]:
        raise ValueError(
            f"gradtape.{function}: directions has shape {np.shape(directions)}; it must be (k, d), k vectors of the "
            "length of a point, or (m, k, d) where weights has m elements"
        )
    return vectors, factors


def fourth_order(d: int) -> tuple[Any, Any]:
    """Directions and weights whose fourth derivatives add up to the bilaplacian in d dimensions.

    12 times the derivative twice along each of u and v is D(u+v) + D(u-v) - 2 D(u) - 2 D(v), D being the fourth.
    """
    axes = np.eye(d)
    rows, weights = list(axes), [1 - (d - 1) / 3] * d
    for i in range(d):
        for j in range(i):
            rows += [axes[i] + axes[j], axes[i] - axes[j]]
            weights += [1 / 6, 1 / 6]
    kept = np.array(weights) != 0
    return np.array(rows)[kept], np.array(weights)[kept]


#: Dimensions up to which one series of fourth order is quicker than a Laplacian of the Laplacian.
FEW_DIMENSIONS = 4


def bilaplacian(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function that gives the Laplacian of f's Laplacian; arguments, shapes and errors as for laplacian.

    >>> import gradtape as gt
    >>> float(gt.bilaplacian(lambda x: x[0] ** 4 + x[0] ** 2 * x[1] ** 2)([1.0, 2.0]))
    32.0
    """
    check_callable(f, "bilaplacian")

    def bilaplacian_function(x: Any, *arguments: Any, **kwargs: Any) -> Any:
        x = points(x, "bilaplacian")
        if x.shape[-1] > FEW_DIMENSIONS:
            return laplacian(laplacian(f))(x, *arguments, **kwargs)
        basis, weights = fourth_order(x.shape[-1])
        return along(lambda point: f(point, *arguments, **kwargs), x, basis, weights, 4, "bilaplacian")

    return named(bilaplacian_function, f, "bilaplacian")


def along(f: Callable[..., Any], x: Tensor, basis: Any, weights: Any, order: int, function: str) -> Any:
    """The weighted sum of the derivatives of this order along the rows of `basis`, at a point or a batch."""
    power = int(np.frexp(np.abs(weights).max())[1]) - 1  # weights about 1 are in the range of any dtype
    weights = np.ldexp(weights, -power)
    if order == 2:
        return times_power(second_order(f, x, basis.astype(numpy_dtype(x.dtype)), weights, function), power)

    def at_point(point: Any) -> Any:
        with new_level() as level:
            rows = static(basis.astype(numpy_dtype(point.dtype)), point, dtype=point.dtype)
            v = tensor(Batched(as_tensors(rows), level))
            collapse = Collapse(level, weights)
            value = lambda p: as_output(f(p), function)
            _, leaf = flatten(point)
            (found,), _ = highest(value, [point], [v], leaf, order, function, collapse)
            return times_power(found, power)

    return at_point(x) if len(x.shape) == 1 else vmap(at_point)(x)


# -- interpolation -------------------------------------------------------------------------------------------------
def combined(vectors: Any, weights: Any) -> tuple[Any, Any]:
    """Directions and weights such that the weighted sum of derivatives along single directions is what is asked for."""
    total: dict[tuple[float, ...], float] = {}
    order = vectors.shape[1]
    for group, weight in zip(*at_one_scale(vectors, weights), strict=True):
        distinct: dict[tuple[float, ...], int] = {}
        for v in group:
            distinct[tuple(v)] = distinct.get(tuple(v), 0) + 1
        bases = np.array(list(distinct))
        for j, gamma in interpolation(tuple(distinct.values())):
            direction = np.asarray(j) @ bases / order
            sign = 1.0
            nonzero = direction[direction != 0]
            if nonzero.size and nonzero[0] < 0:  # along -v: the same, times (-1)^order
                direction, sign = -direction, (-1.0) ** order
            key = tuple(direction + 0.0)
            total[key] = total.get(key, 0.0) + weight * sign * gamma
    kept = {v: w for v, w in total.items() if w}
    if not kept:
        return np.zeros((1, vectors.shape[2])), np.zeros(1)
    return np.array(list(kept)), np.array(list(kept.values()))


def at_one_scale(vectors: Any, weights: Any) -> tuple[Any, Any]:
    """The same derivatives, along vectors of about one length in each group: of 1e-6, 1e6 and 1 the sums would be the
    second. By powers of two, whose product the weights make up for; no derivative is taken along zeros."""
    moving = vectors.any(axis=2).all(axis=1)
    vectors, weights = vectors[moving], weights[moving]
    exponents = np.frexp(np.abs(vectors).max(axis=2))[1]
    common, rest = np.divmod(exponents.sum(axis=1), vectors.shape[1])
    return np.ldexp(vectors, (common[:, None] - exponents)[..., None]), np.ldexp(weights, rest)


@lru_cache(maxsize=256)
def interpolation(i: Index) -> list[tuple[Index, float]]:
    """(j, g) such that the derivative i_1 times along v_1, i_2 times along v_2, ... is the sum of g times that of order
    k = |i| along (j_1 v_1 + j_2 v_2 + ...) / k, over all |j| = k.

    Griewank, Utke and Walther, Evaluating higher derivative tensors by forward propagation of univariate Taylor series
    (2000), with g = gamma_ij k^k / k! for directions divided by k and derivatives instead of coefficients.
    """
    k = sum(i)
    result = []
    for j in compositions(k, len(i)):
        gamma = Fraction(0)
        for m in all_of(*[range(n + 1) for n in i]):
            size = sum(m)
            if size:
                term = Fraction((-1) ** (k - size)) * Fraction(size, k) ** k
                for n, part, q in zip(i, m, j, strict=True):
                    term *= comb(n, part) * binomial(Fraction(k * part, size), q)
                gamma += term
        if gamma:
            result.append((j, float(gamma * k**k / factorial(k))))
    return result


def compositions(total: int, parts: int) -> Iterator[Index]:
    """The tuples of so many non-negative integers with this sum."""
    if parts == 1:
        yield (total,)
        return
    for first in range(total + 1):
        for rest in compositions(total - first, parts - 1):
            yield (first, *rest)


def binomial(x: Fraction, n: int) -> Fraction:
    """x (x - 1) ... (x - n + 1) / n!, for any x."""
    result = Fraction(1)
    for q in range(n):
        result *= (x - q) / Fraction(q + 1)
    return result


__all__ = ["bilaplacian", "directional"]
