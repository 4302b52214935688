"""Numbers of colours that papers report, on the matrices on which they report them.

The matrices are those of linear programs of the Netlib collection as the SuiteSparse collection has them (group
LPnetlib): a column for the slack of each inequality comes first, all else is in the order of the program's file.
Each of tests/data/lp_*.xz holds one: how many rows and columns, the lengths of its rows, and the differences of
successive column indices.
"""

from __future__ import annotations

import lzma
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gradtape.derivatives.sparse.orders import best_colouring, fewest

DATA = Path(__file__).parent / "data"

#: Gebremedhin, Manne, Pothen, What color is your Jacobian? Graph coloring for computing derivatives, SIAM Review 47
#: (2005), tables 3.1 and 3.2: rows, columns, non-zeros, most and fewest in a column, most and fewest in a row, colours
#: of columns in natural order.
REVIEW = {
    "lp_cre_a": (3516, 7248, 18168, 14, 1, 360, 0, 360),
    "lp_dfl001": (6071, 12230, 35632, 14, 1, 228, 2, 228),
    "lp_ken_11": (14694, 21349, 49058, 3, 1, 122, 1, 130),
    "lp_ken_13": (28632, 42659, 97246, 3, 1, 170, 1, 176),
    "lp_pds_10": (16558, 49932, 107605, 3, 1, 96, 1, 96),
    "lp_maros_r7": (3136, 9408, 144848, 46, 1, 48, 5, 74),
    "lp_pds_20": (33874, 108175, 232647, 3, 1, 96, 0, 96),
    "lp_cre_d": (8926, 73948, 246614, 13, 1, 808, 0, 813),
    "lp_cre_b": (9648, 77137, 260785, 14, 1, 844, 0, 845),
    "lp_ken_18": (105127, 154699, 358171, 3, 1, 325, 1, 330),
    "lp_osa_07": (1118, 25067, 144812, 6, 1, 17613, 18, 17613),
    "lp_fit2d": (25, 10524, 129042, 17, 1, 10500, 1427, 10501),
}
#: Gebremedhin, Nguyen, Patwary, Pothen, ColPack: software for graph coloring and related problems in scientific
#: computing, ACM Transactions on Mathematical Software 40 (2013), tables VI and VII: colours of columns, and of rows.
COLPACK = {
    "natural": {
        "lp_cre_a": (360, 16),
        "lp_ken_11": (130, 5),
        "lp_ken_13": (176, 4),
        "lp_maros_r7": (74, 72),
        "lp_cre_d": (813, 15),
        "lp_ken_18": (330, 5),
    },
    "largest first": {
        "lp_cre_a": (360, 14),
        "lp_ken_11": (128, 4),
        "lp_ken_13": (174, 5),
        "lp_maros_r7": (70, 100),
        "lp_cre_d": (808, 13),
        "lp_ken_18": (328, 5),
    },
    "smallest last": {
        "lp_cre_a": (360, 14),
        "lp_ken_11": (125, 4),
        "lp_ken_13": (171, 4),
        "lp_maros_r7": (83, 80),
    },
    "incidence degree": {
        "lp_cre_a": (360, 14),
        "lp_ken_11": (124, 4),
        "lp_ken_13": (171, 5),
        "lp_maros_r7": (90, 88),
    },
}
#: These orders leave open which of several equal vertices comes first, so that counts differ between programs.
WITH_TIES = ("smallest last", "incidence degree")
#: Those whose columns have many neighbours, ordered: seconds each.
LARGE = {("largest first", "lp_cre_d"), ("largest first", "lp_ken_18"), *[(order, "lp_ken_13") for order in WITH_TIES]}
CASES = [
    pytest.param(order, name, marks=[pytest.mark.slow] if (order, name) in LARGE else [])
    for order, counts in COLPACK.items()
    for name in counts
]


@cache
def matrix(name: str) -> Any:
    """The pattern of one of the matrices, CSR."""
    planes = np.frombuffer(lzma.decompress((DATA / f"{name}.xz").read_bytes()), np.uint8)
    numbers = planes.reshape(4, -1).T.copy().view("<i4").reshape(-1)  # the first bytes of all of them, then the second
    m, n = numbers[:2].tolist()
    starts = np.concatenate([[0], np.cumsum(numbers[2 : 2 + m])])
    indices = np.cumsum(numbers[2 + m :], dtype=np.int32)
    return sp.csr_array((np.ones(len(indices), bool), indices, starts), shape=(m, n))


@cache
def transposed(name: str) -> Any:
    """The same for its rows."""
    return matrix(name).T.tocsr()


@cache
def counts(name: str, order: str) -> tuple[int, int]:
    """How many colours its columns and its rows take, each checked to be a colouring."""
    return coloured(matrix(name), order), coloured(transposed(name), order)


def coloured(p: Any, order: str) -> int:
    colours = best_colouring(p, "columns", order)
    count = int(colours.max()) + 1
    rows = np.repeat(np.arange(p.shape[0]), np.diff(p.indptr))
    assert len(np.unique(rows * count + colours[p.indices])) == p.nnz  # no row has a colour twice
    return count


@pytest.mark.parametrize("name", REVIEW)
def test_what_color_is_your_jacobian(name: str) -> None:
    p = matrix(name)
    rows, columns = np.diff(p.indptr), np.diff(transposed(name).indptr)
    sizes = (*p.shape, p.nnz, columns.max(), columns.min(), rows.max(), rows.min())
    assert (*sizes, counts(name, "natural")[0]) == REVIEW[name]


@pytest.mark.parametrize(("order", "name"), CASES)
def test_colpack(order: str, name: str) -> None:
    published, found = COLPACK[order][name], counts(name, order)
    if order not in WITH_TIES:
        assert found == published
        return
    for p, a, b in zip((matrix(name), transposed(name)), found, published, strict=True):
        assert fewest(p, "columns") <= a
        assert abs(a - b) <= max(1, 0.1 * b)
