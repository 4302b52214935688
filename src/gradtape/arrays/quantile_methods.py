"""Where a quantile lies among n sorted elements: the nine methods of Hyndman and Fan (1996), and four more of NumPy's.

Each method is a real position, counted from 0, and how far to go from the element below it to the one above. The
positions are rounded as NumPy rounds them: a last bit would choose another element.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def continuous(alpha: float, beta: float) -> Callable[[Any, Any], Any]:
    """The position by which the k-th of n elements is the quantile (k - alpha) / (n + 1 - alpha - beta)."""
    return lambda n, q: n * q + (alpha + q * (1 - alpha - beta)) - 1


POSITIONS: dict[str, Callable[[Any, Any], Any]] = {
    "linear": lambda n, q: (n - 1) * q,
    "lower": lambda n, q: np.floor((n - 1) * q),
    "higher": lambda n, q: np.ceil((n - 1) * q),
    "nearest": lambda n, q: np.around((n - 1) * q),
    "midpoint": lambda n, q: 0.5 * (np.floor((n - 1) * q) + np.ceil((n - 1) * q)),
    "inverted_cdf": lambda n, q: n * q - 1,
    "averaged_inverted_cdf": lambda n, q: n * q - 1,
    "closest_observation": lambda n, q: n * q - 1 - 0.5,
    "interpolated_inverted_cdf": continuous(0, 1),
    "hazen": continuous(0.5, 0.5),
    "weibull": continuous(0, 0),
    "median_unbiased": continuous(1 / 3.0, 1 / 3.0),
    "normal_unbiased": continuous(3 / 8.0, 3 / 8.0),
}
#: How far the way is, of a position's fraction t beyond its floor; t itself for the others.
WAYS: dict[str, Callable[[Any, Any], Any]] = {
    "inverted_cdf": lambda t, floor: np.where(t > 0, 1.0, 0.0),
    "averaged_inverted_cdf": lambda t, floor: np.where(t > 0, 1.0, 0.5),
    "closest_observation": lambda t, floor: np.where((t > 0) | (floor % 2 == 0), 1.0, 0.0),
}
#: Methods that choose an element; the others go between two.
CHOOSING = frozenset(["lower", "higher", "nearest", "inverted_cdf", "closest_observation"])


def places(n: Any, q: Any, method: str, function: str) -> tuple[Any, Any, Any]:
    """The elements below and above the quantile q of n elements, and how far between them it lies.

    n may be an array, to which q broadcasts; of 0 elements it is the last. Raises ValueError for an unknown method.
    """
    if method not in POSITIONS:
        raise ValueError(f"gradtape.{function}: method is one of {', '.join(POSITIONS)}, not {method!r}")
    position = POSITIONS[method](n, q)
    floor = np.floor(position)
    way = position - floor
    if method in WAYS:
        way = WAYS[method](way, floor)
    below, above = [np.minimum(np.maximum(i, 0), n - 1).astype(np.intp) for i in (floor, floor + 1)]
    return (np.where(way > 0, above, below),) * 2 + (0.0 * way,) if method in CHOOSING else (below, above, way)
