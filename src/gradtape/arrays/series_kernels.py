"""Recurrences of Taylor coefficients, for the functions that occur most.

A kernel gets x at t = 0 and the `tail` of its coefficients, from the first to the last that is not zero, and fills
the rows y[1], y[2], ... of the value's coefficients, y[0] being there. Rows are lists of Python's floats, NumPy arrays
with a row for each coefficient, or, where x is t itself, an Orders of separate arrays. The formulas are Griewank and
Walther's (Evaluating Derivatives, 2008, table 13.2); they follow from the slopes, too, but here they take fewer steps.
No product is looked through for 0 times infinity: whoever finds a NaN among the results takes the long way.
"""

from __future__ import annotations

from operator import mul
from typing import Any

import numpy as np

from .numpy_kernels import sech_squared


class Orders(list[Any]):
    """The coefficients of f(x + t) for each element of an array x, up to t^2: arrays, which may be the same twice, and
    numbers that they are to be multiplied with. The product of two arrays may stand as a pair of them."""

    __slots__ = ("numbers",)

    def __init__(self, first: Any):
        super().__init__((first, None, None))
        self.numbers = [1.0, 1.0, 1.0]

    def enter(self, k: int, array: Any, number: float) -> None:
        """The kth coefficient."""
        self[k] = array
        self.numbers[k] = number

    def array(self, k: int) -> Any:
        """The kth coefficient but for its number."""
        found = self[k]
        if found.__class__ is tuple:
            found = self[k] = found[0] * found[1]
        return found

    def term(self, k: int) -> Any:
        """The kth coefficient as an array."""
        number = self.numbers[k]
        return self.array(k) if number == 1 else self.array(k) * number


def term(y: Any, k: int) -> Any:
    """The kth coefficient."""
    return y.term(k) if type(y) is Orders else y[k]


#: The tail of x + t.
UNIT = (1.0,)


def beside(y: Any, first: Any) -> Any:
    """Rows for another series, with the first in place."""
    if type(y) is list:
        return [float(first), *[0.0] * (len(y) - 1)]
    if type(y) is Orders:
        return Orders(first)
    rows = np.empty(y.shape, y.dtype)
    rows[0] = first
    return rows


def derivative(tail: Any) -> Any:
    """Rows of dx/dt."""
    if len(tail) == 1:
        return tail
    if type(tail) is list:
        return [k * x for k, x in enumerate(tail, 1)]
    return tail * np.arange(1, len(tail) + 1).astype(tail.dtype).reshape(-1, *(1,) * (tail.ndim - 1))


def put(y: Any, k: int, a: Any, b: Any, n: int, by: float, start: int = 0) -> None:
    """y_k = (sum of a_j b_(n-j), j from `start`) / by, over the rows that a has."""
    if type(y) is Orders:  # of which a is the tail, or its derivative: 1
        y.enter(k, b[n], b.numbers[n] / by)
        return
    stop = min(n + 1, len(a))
    right = b[n + 1 - stop : n + 1 - start][::-1]
    if type(y) is list:
        y[k] = sum(map(mul, a[start:stop], right)) / by
    else:
        into(y[k], a[start:stop], right)
        if by != 1:
            np.multiply(y[k], 1 / by, out=y[k])


def into(row: Any, a: Any, b: Any) -> None:
    """The sum of the products of the rows of a and b."""
    if len(a) == 1:
        np.multiply(a[0], b[0], out=row)
    elif not len(a):
        row[...] = 0
    else:
        np.einsum("jn,jn->n", a, b, out=row)


def put_square(s: Any, k: int, y: Any, by: float, start: int = 0) -> None:
    """s_k = (sum of y_j y_(k-j), j from `start` to k - `start`) / by, of which half is computed."""
    half = (k + 1) // 2
    if type(y) is list:
        total = 2 * sum(map(mul, y[start:half], y[k + 1 - half : k + 1 - start][::-1]))
        s[k] = (total + y[half] * y[half] if k % 2 == 0 else total) / by
        return
    if type(y) is Orders:
        i, j = (0, 1) if k == 1 else (1, 1)
        if k == 1 and start:  # an empty sum
            s.enter(k, 0, 1)
        else:
            s.enter(k, (y.array(i), y.array(j)), (1 + (i != j)) * y.numbers[i] * y.numbers[j] / by)
        return
    row = s[k]
    into(row, y[start:half], y[k + 1 - half : k + 1 - start][::-1])
    np.multiply(row, 2 / by, out=row)
    if k % 2 == 0:
        middle = y[half] * y[half]
        np.add(row, middle, out=row) if by == 1 else np.subtract(row, middle, out=row)


def exp(x0: Any, tail: Any, y: Any) -> None:
    """y' = y x'."""
    d = derivative(tail)
    for k in range(1, len(y)):
        put(y, k, d, y, k - 1, k)


def sine_and_cosine(tail: Any, s: Any, c: Any) -> None:
    """s' = c x', c' = -s x'."""
    d = derivative(tail)
    for k in range(1, len(s)):
        put(s, k, d, c, k - 1, k)
        put(c, k, d, s, k - 1, -k)


def sin(x0: Any, tail: Any, y: Any) -> None:
    """The sine, with the cosine."""
    sine_and_cosine(tail, y, beside(y, np.cos(x0)))


def cos(x0: Any, tail: Any, y: Any) -> None:
    """The cosine, with the sine."""
    sine_and_cosine(tail, beside(y, np.sin(x0)), y)


def tanh(x0: Any, tail: Any, y: Any) -> None:
    """y' = s x' with s = 1 - y^2, whose own value is computed without a difference."""
    d, s = derivative(tail), beside(y, sech_squared(x0))
    for k in range(1, len(y)):
        put(y, k, d, s, k - 1, k)
        if k + 1 < len(y):
            put_square(s, k, y, -1)


def store(y: Any, k: int, value: Any) -> None:
    """y_k = value."""
    if type(y) is Orders:
        y.enter(k, value, 1)
    elif type(y) is list:
        y[k] = value
    else:
        np.copyto(y[k], value)


def log(x0: Any, tail: Any, y: Any) -> None:
    """x y' = x': with z = y', z_n = ((n+1) x_(n+1) - sum of x_j z_(n-j), j = 1..n) / x_0."""
    z = beside(y, 0 * y[0])
    for n in range(len(y) - 1):
        if n:
            put(z, n, tail, z, n - 1, -1)
        rest = term(z, n) if n else 0 * z[n]
        store(z, n, (rest + (n + 1) * tail[n] if n < len(tail) else rest) / x0)
        store(y, n + 1, term(z, n) / (n + 1))


def sqrt(x0: Any, tail: Any, y: Any) -> None:
    """y y = x: 2 y_0 y_k = x_k - sum of y_j y_(k-j), 0 < j < k."""
    twice = 2 * y[0] if type(y) is not list else np.float64(2 * y[0])
    for k in range(1, len(y)):
        put_square(y, k, y, -1, 1)
        rest = term(y, k)
        store(y, k, (rest + tail[k - 1] if k <= len(tail) else rest) / twice)
