"""Kernels of functions of Hermitian matrices and of all their derivatives, by divided differences.

With A = V diag(w) V^H the derivative of f(A) in directions X1 ... Xm is V R V^H, where, with Y = V^H X V,
R[i, j] is the sum over permutations s and indices k of f[w_i, w_k1, ..., w_j] Y_s1[i, k1] ... Y_sm[k(m-1), j]
(Daleckii and Krein 1965; Higham, Functions of Matrices, 2008, chapter 3). Nothing is divided by a gap that may vanish.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from string import ascii_lowercase
from typing import Any

import numpy as np

#: The Taylor coefficients of f at points, by order: (points, highest) -> list of arrays.
Coefficients = Callable[[Any, int], list[Any]]

#: Terms beyond the first by which close nodes are summed up.
TERMS = 12


#: Elements of a table from which on einsum's choice of an order of products pays.
LARGE = 100_000


def divided_difference(nodes: Any, coefficients: Coefficients) -> Any:
    """f[x0, ..., xm] for nodes (..., m + 1), ascending along the last axis.

    Where the nodes are close, sum over k of a[m+k] h[k], with a the Taylor coefficients in the middle and h the
    complete homogeneous polynomials of the distances from it; elsewhere the quotient that defines it. So it is where
    f's values at the nodes are others than the series says: f may have a jump or a kink between them (sign, relu).
    """
    m = nodes.shape[-1] - 1
    if m == 0:
        return coefficients(nodes[..., 0], 0)[0]
    spread = nodes[..., -1] - nodes[..., 0]
    middle = 0.5 * (nodes[..., -1] + nodes[..., 0])
    with np.errstate(all="ignore"):
        a = coefficients(middle, m + TERMS)
        h = [np.ones_like(middle), *[np.zeros_like(middle) for _ in range(TERMS)]]
        for i in range(m + 1):
            t = nodes[..., i] - middle
            for k in range(1, TERMS + 1):
                h[k] = h[k] + t * h[k - 1]
        terms = [a[m + k] * h[k] for k in range(TERMS + 1)]
        series = sum(terms[1:], start=terms[0])
        size = np.max(np.abs(np.stack(terms)), axis=0)
        last = [np.abs(spread) ** k * np.abs(a[m + k]) for k in (TERMS - 1, TERMS)]
        close = (last[0] + last[1] <= 1e-15 * size) & is_value_of(nodes, middle, a, coefficients) | (spread == 0)
    if close.all():
        return series
    apart = np.where(close, 1.0, spread)
    upper, lower = (divided_difference(part, coefficients) for part in (nodes[..., 1:], nodes[..., :-1]))
    with np.errstate(all="ignore"):
        return np.where(close, series, (upper - lower) / apart)


def is_value_of(nodes: Any, middle: Any, a: list[Any], coefficients: Coefficients) -> Any:
    """Whether the series with coefficients a about the middle gives f at the nodes, to rounding."""
    eps = np.finfo(middle.dtype).eps
    same: Any = True
    for i in range(nodes.shape[-1]):
        t = nodes[..., i] - middle
        series = np.zeros_like(middle)
        for c in reversed(a):
            series = series * t + c
        y = coefficients(nodes[..., i], 0)[0]
        rounding = 500 * eps * np.maximum(np.abs(y), np.abs(a[0])) + 50 * eps * np.abs(middle * a[1])
        same = same & (np.abs(series - y) <= rounding)
    return same


def matrix_function(a: Any, *xs: Any, coefficients: Coefficients) -> Any:
    """The derivative of f(a) in the directions xs (none: f(a) itself) at Hermitian matrices a."""
    w, v = np.linalg.eigh(a)
    vh = np.conj(v.mT)
    m = len(xs)
    if m == 0:
        return (v * coefficients(w, 0)[0][..., None, :]) @ vh
    n = w.shape[-1]
    axes = [w.reshape(*w.shape[:-1], *[n if j == i else 1 for j in range(m + 1)]) for i in range(m + 1)]
    nodes = np.sort(np.stack(np.broadcast_arrays(*axes), axis=-1), axis=-1)
    table = divided_difference(nodes, coefficients)
    ys = [vh @ x @ v for x in xs]
    parts = [path_sum(table, [ys[i] for i in order]) for order in permutations(range(m))]
    return v @ sum(parts[1:], start=parts[0]) @ vh


def path_sum(table: Any, ys: list[Any]) -> Any:
    """The sum over k1 ... k(m-1) of table[i, k1, ..., j] y1[i, k1] ... ym[k(m-1), j]."""
    m = len(ys)
    if table.size > LARGE:
        letters = ascii_lowercase[: m + 1]
        pairs = ",".join([f"...{letters[i]}{letters[i + 1]}" for i in range(m)])
        return np.einsum(f"...{letters},{pairs}->...{letters[0]}{letters[-1]}", table, *ys, optimize=True)
    product = table
    for i, y in enumerate(ys):
        n = y.shape[-1]
        product = product * y.reshape(*y.shape[:-2], *[n if k in (i, i + 1) else 1 for k in range(m + 1)])
    return np.add.reduce(product, axis=tuple(range(-m, -1))) if m > 1 else product

