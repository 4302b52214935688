"""Random sparse matrices, by what every SciPy has: `random_array` calls its generator otherwise before SciPy 1.15."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp


def random_sparse(rng: np.random.Generator, rows: int, columns: int, density: float) -> Any:
    """A matrix in which this part of the entries is not 0, but in [0, 1)."""
    places = rng.choice(rows * columns, round(density * rows * columns), replace=False)
    return sp.csr_array((rng.random(len(places)), divmod(places, columns)), shape=(rows, columns))
