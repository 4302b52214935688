"""Calls of NumPy's functions, made of their signatures: required arguments, and each optional one by name and in order.

What stands for a number is a float64 array here, and is given in every dtype in turn; all else stays as it is.
"""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

X = np.array([3.0, 1.0, 2.0, 1.0])
V = np.array([1.0, 0.0, 2.0])
M = np.array([[3.0, 1.0, 0.0], [1.0, 2.0, 4.0]])
#: Symmetric, positive definite.
S = np.array([[4.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 5.0]])
T = np.arange(24.0).reshape(2, 3, 4) * 5 % 24
NUMBER = np.array(2.0)
NONE = np.zeros(0)
NO_ROWS = np.zeros((0, 3))
HOLES = np.array([[3.0, np.nan, 0.0], [1.0, 2.0, np.nan]])
MASK = np.array([[True, False, True], [True, True, False]])

#: What a function of one array is given.
FORMS = {"matrix": M, "vector": X, "stack": T, "number": NUMBER, "nothing": NONE, "no rows": NO_ROWS}
SQUARES = {"square": S, "stack of squares": np.stack([S, S + S.T]), "matrix": M, "vector": X, "number": NUMBER}
VECTORS = {"vector": X, "matrix": M, "number": NUMBER, "nothing": NONE, "integers": np.array([0.0, 2.0, 3.0])}

Forms = dict[str, tuple[Any, ...]]


def each(forms: dict[str, Any], *rest: Any) -> Forms:
    """Each of the arrays, with the same further arguments."""
    return {name: (form, *rest) for name, form in forms.items()}


def pair(*arguments: Any) -> Forms:
    """These required arguments alone."""
    return {"": arguments}


INDICES = np.array([1, 0, 1])
#: The required arguments of functions that need others than FORMS.
ARGUMENTS: dict[str, Forms] = {
    "allclose": {"": (M, M), "not": (M, V)}, "append": {"": (M, V), "alike": (M, M[:1])},
    "apply_along_axis": {"": (lambda v: v * v[0], 1, M), "to numbers": (lambda v: v[0] * v[-1], 0, M)},
    "apply_over_axes": {"": (np.sum, T, [0, 2]), "one": (np.sum, T, 1)},
    "argpartition": each(FORMS, 0), "array": each(FORMS) | pair([M, M]), "array_equal": {"": (M, M), "not": (M, V)},
    "array_equiv": {"": (M, M), "not": (M, V)}, "array_split": each(FORMS, 2) | {"at": (X, [1, 3])},
    "astype": each(FORMS, np.float32), "asarray": each(FORMS) | pair([M, M]),
    "atleast_1d": each(FORMS) | pair(M, NUMBER), "atleast_2d": each(FORMS) | pair(M, X),
    "atleast_3d": each(FORMS) | pair(M, X),
    "bincount": {"": (np.array([0, 3, 1, 1]),), "nothing": (np.zeros(0, int),), "matrix": (np.array([[1]]),)},
    "block": {"": ([[M, M], [M, M]],), "vectors": ([X, V, NUMBER],), "alone": (M,), "deeper": ([[T], [T]],)},
    "broadcast_arrays": {"": (M, V, NUMBER), "not": (M, X), "one": (M,)},
    "broadcast_to": {"": (V, (2, 3)), "not": (X, (2, 3)), "number": (NUMBER, 3), "nothing": (NONE, (2, 0))},
    "can_cast": {"": (np.float32, np.float64), "not": (np.float64, np.float32)},
    "choose": {"": (np.array([0, 1, 0]), [V, 2 * V]), "rows": (np.array([[0], [1]]), [M, 2 * M]),
               "too far": (np.array([0, 2]), [X[:2], X[2:]])},
    "clip": each(FORMS, 1.0, 2.0) | {"arrays": (M, V, V + 1)},
    "column_stack": {"": ([X, X],), "mixed": ([M, M[:, 0]],)},
    "common_type": {"": (M, V)}, "compress": {"": ([True, False, True], V), "rows": ([False, True], M)},
    "concatenate": {"": ([M, M],), "vectors": ([X, V],), "not": ([M, X],), "number": ([NUMBER],), "none": ([],)},
    "convolve": {"": (X, V), "other": (V, X), "number": (NUMBER, X), "not": (M, V)},
    "copyto": {"": (M, V), "not": (V, M)}, "correlate": {"": (X, V), "other": (V, X), "not": (M, V)},
    "cov": each(FORMS), "cross": {"": (M, V), "stack": (np.stack([M, M]), V), "not": (X, X)},
    "delete": {"": (X, 1), "several": (X, [0, 2]), "slice": (X, slice(1, 3)), "rows": (M, 1), "mask": (X, X > 1),
               "too far": (X, 9)},
    "diag": each(FORMS), "digitize": {"": (X, V[[1, 0, 2]]), "not": (X, M)}, "dot": {
        "": (M, V), "matrices": (M, S), "vectors": (V, V), "number": (M, NUMBER), "not": (M, X), "none": (NONE, NONE)},
    "dsplit": {"": (T, 2), "at": (T, [1, 2]), "not": (M, 1)}, "dstack": {"": ([M, M],), "vectors": ([V, V],)},
    "einsum": {"": ("ij,j->i", M, V), "trace": ("ii", S), "implicit": ("ij,kj", M, M), "ellipsis": ("...i->...", T),
               "not": ("ij,j", M, X), "lists": (M, [0, 1], V, [1], [0]), "three": ("ij,jk,k", M, S, V)},
    "einsum_path": {"": ("ij,j->i", M, V)}, "expand_dims": each(FORMS, 0) | {"two": (M, (0, 2)), "not": (M, 5)},
    "extract": {"": (MASK, M), "numbers": (M, M)}, "fill_diagonal": {"": (S, 7.0), "wide": (M, 7.0), "not": (X, 7.0)},
    "full_like": each(FORMS, 2.0) | {"row": (M, V)}, "full": {"": ((2, 3), NUMBER), "row": ((2, 3), V)},
    "geomspace": {"": (np.array(1.0), np.array(16.0)), "rows": (np.array([1.0, 2.0]), np.array([8.0, 4.0])),
                  "negative": (np.array(-1.0), np.array(-8.0)), "zero": (np.array(0.0), np.array(2.0))},
    "gradient": each(FORMS) | {"spacing": (X, 2.0), "spacings": (M, 2.0, 0.5), "places": (X, np.array([0.0, 1, 3, 4]))},
    "hsplit": {"": (M, 3), "at": (M, [1]), "vector": (X, 2), "not": (M, 2)},
    "hstack": {"": ([M, M],), "vectors": ([X, V],), "numbers": ([NUMBER, NUMBER],)},
    "inner": {"": (M, V), "matrices": (M, M), "number": (M, NUMBER), "not": (M, X)},
    "insert": {"": (X, 1, V), "row": (M, 1, V), "places": (X, [0, 2], V[:2]), "slice": (X, slice(0, 2), V[:2]),
               "number": (X, 2, 5.0), "too far": (X, 9, 1.0)},
    "interp": {"": (M, V[[1, 0, 2]], X[:3]), "number": (NUMBER, V[[1, 0, 2]], X[:3]), "not": (X, X, V)},
    "intersect1d": {"": (X, V), "matrix": (M, X)}, "isclose": {"": (M, V), "not": (M, X)},
    "isin": {"": (M, V), "number": (M, 1.0)}, "ix_": {"": ([0, 1], [2]), "not": (M,)},
    "kron": {"": (M, V), "matrices": (M, S), "number": (M, NUMBER)}, "lexsort": {"": ((X, X[::-1]),), "matrix": (M,)},
    "linspace": {"": (np.array(1.0), np.array(4.0)), "rows": (V, V + 3), "mixed": (np.array(1.0), V)},
    "logspace": {"": (np.array(1.0), np.array(2.0)), "rows": (V, V + 1)},
    "may_share_memory": pair(M, M), "meshgrid": {"": (X, V), "one": (X,), "three": (X, V, V), "number": (NUMBER, V)},
    "moveaxis": each(FORMS, 0, -1) | {"several": (T, [0, 1], [1, 2]), "not": (M, 0, 5), "twice": (M, [0, 0], [0, 1])},
    "outer": {"": (X, V), "matrices": (M, S)}, "pad": each(FORMS, 1) | {"sides": (M, ((1, 0), (0, 2)))},
    "partition": each(FORMS, 0) | {"several": (X, [1, 2])},
    "percentile": each(FORMS, 30) | {"several": (M, [10, 50.0]), "not": (M, 101), "nan": (HOLES, 30)},
    "piecewise": {"": (M, [M < 1, M > 2], [lambda v: v * v, 1.0]),
                  "else": (M, [M < 1], [lambda v: -v, lambda v: v + 1])},
    "place": {"": (M, MASK, V)}, "poly": each(VECTORS) | {"square": (S,)},
    "polyadd": {"": (X, V), "number": (X, NUMBER)}, "polyder": each(VECTORS),
    "polydiv": {"": (X, V), "shorter": (V, X), "number": (X, 2.0)}, "polyfit": {"": (X[:3] + V, V, 1), "not": (X, V, 1),
               "rows": (np.array([0.0, 1.0, 3.0]), S, 1)}, "polyint": each(VECTORS),
    "polymul": {"": (X, V), "number": (X, NUMBER)}, "polysub": {"": (X, V)},
    "polyval": {"": (X, V), "matrix": (X, M), "number": (X, NUMBER), "nothing": (NONE, V)},
    "nanpercentile": each(FORMS, 30) | {"several": (HOLES, [10, 50.0]), "not": (M, 101), "nan": (HOLES, 30)},
    "nanquantile": each(FORMS, 0.3) | {"several": (HOLES, [0.1, 0.5]), "not": (M, 1.1), "nan": (HOLES, 0.3)},
    "put": {"": (X, [0, 2], V[:2]), "number": (X, 1, 5.0), "repeated": (X, [0, 1, 2], V[:2]), "too far": (X, 9, 1.0)},
    "put_along_axis": {"": (M, np.array([[0], [2]]), NUMBER, 1)}, "putmask": {"": (M, MASK, V)},
    "quantile": each(FORMS, 0.3) | {"several": (M, [0.1, 0.5]), "not": (M, 1.1), "nan": (HOLES, 0.3)},
    "ravel_multi_index": pair(np.array([[1, 0], [2, 1]]), (3, 4)),
    "repeat": each(FORMS, 2) | {"counts": (X, [0, 1, 2, 1]), "not": (X, [1, 2])}, "reshape": each(FORMS, -1) | {
        "shape": (M, (3, 2)), "open": (T, (4, -1)), "not": (M, (4, 2))},
    "resize": each(FORMS, (2, 2)) | {"length": (M, 9)}, "result_type": {"": (M, np.float32), "number": (M, 1)},
    "roll": each(FORMS, 1) | {"axes": (M, (1, 1), (0, 1)), "not": (M, 1.5)},
    "rollaxis": each({"matrix": M, "stack": T}, 1) | {"last": (T, 2), "not": (M, 5)},
    "roots": each(VECTORS) | {"leading zero": (V[[1, 0, 2]],), "trailing zero": (V[[2, 0, 1]],)},
    "save": {"": (None, M)}, "savetxt": {"": (None, M)}, "savez": {"": (None, M)}, "savez_compressed": {"": (None, M)},
    "searchsorted": {"": (V[[1, 0, 2]], X), "number": (V[[1, 0, 2]], 1.0), "not": (M, X)},
    "select": {"": ([M < 1, M > 2], [M, 2 * M]), "not": ([M < 1], [M, M]), "none": ([], [])},
    "setdiff1d": {"": (X, V), "matrix": (M, X)}, "setxor1d": {"": (X, V), "matrix": (M, X)},
    "shares_memory": pair(M, M), "split": each(FORMS, 1) | {"two": (X, 2), "at": (X, [1]), "not": (X, 3)},
    "stack": {"": ([M, M],), "vectors": ([X, X],), "not": ([X, V],), "numbers": ([NUMBER, NUMBER],), "none": ([],)},
    "swapaxes": each(FORMS, 0, -1) | {"not": (M, 0, 2)}, "take": each(FORMS, 0) | {
        "several": (M, INDICES), "too far": (X, 9), "negative": (X, [-1])},
    "take_along_axis": {"": (M, np.array([[0], [2]])), "not": (M, INDICES)},
    "tensordot": {"": (T, T.T), "axes": (M, M, ([0, 1], [0, 1])), "one": (M, S, 1), "not": (M, M, 1)},
    "tile": each(FORMS, 2) | {"several": (M, (2, 1, 2))}, "trapezoid": each(FORMS),
    "trim_zeros": {"": (np.array([0.0, 1.0, 0.0, 2.0, 0.0]),), "zeros": (np.zeros(3),), "nothing": (NONE,)},
    "union1d": {"": (X, V), "matrix": (M, X)}, "unravel_index": pair(np.array([1, 5]), (3, 4)),
    "vdot": {"": (V, V), "matrices": (M, M), "not": (M, X)}, "vsplit": {"": (M, 2), "at": (M, [1]), "not": (M, 3)},
    "vstack": {"": ([M, M],), "vectors": ([V, V],), "mixed": ([M, V],)},
    "where": {"": (MASK, M, V), "alone": (M,), "numbers": (M, M, 0.0)}, "zeros": pair((2, 3)), "ones": pair((2, 3)),
    "empty": pair((0, 3)), "format_float_positional": pair(np.array(1.5)[()]),
    "format_float_scientific": pair(np.array(1.5)[()]), "vander": each(VECTORS), "vecdot": {"": (M, V), "not": (M, X)},
    "tensorsolve": {"": (S, V), "axes": (S.reshape(3, 1, 3), V[:, None])}, "tensorinv": {
        "": (S.reshape(3, 1, 3, 1),), "square": (S,)},
    "solve": {"": (S, V), "matrices": (S, M.T), "stack": (np.stack([S, S]), np.stack([M.T, M.T])), "not": (S, X),
              "wide": (M, V)},
    "lstsq": {"": (M.T, V), "matrices": (M.T, S), "not": (M, V)}, "matrix_power": each(SQUARES, 3) | {
        "zeroth": (S, 0), "inverse": (S, -2)}, "matmul": {"": (M, V), "matrices": (M, S), "number": (M, NUMBER)},
    "multi_dot": {"": ([M, S, V],), "two": ([M, S],), "one": ([M],), "four": ([V, S, S, V],)},
    "matrix_norm": each(SQUARES | {"no rows": NO_ROWS}),
    "norm": each(SQUARES | {"no rows": NO_ROWS, "nothing": NONE, "stack": T}),
    "vector_norm": each(FORMS), "cond": each(SQUARES), "linalg.diagonal": each(SQUARES), "linalg.trace": each(SQUARES),
    "linalg.outer": {"": (X, V), "not": (M, V)}, "linalg.cross": {"": (M, V), "not": (X, X)},
}  # fmt: skip
#: Numbers and lists of Python's beside an array: which dtype comes of them?
BESIDE: dict[str, tuple[Any, ...]] = {
    "append": (X, 5.0), "concatenate": ([X, [5.0]],), "convolve": (X, [1.0, 2.0]), "correlate": (X, [1.0, 2.0]),
    "cross": (M, [1.0, 2.0, 3.0]), "dot": (M, 2.0), "geomspace": (1, np.array(4.0)), "hstack": ([X, [1.0]],),
    "inner": (X, 2.0), "interp": (1.5, V[[1, 0, 2]], X[:3]), "intersect1d": (X, [1.0]), "isclose": (M, 1.0),
    "kron": (M, 2.0), "linspace": (0, np.array(4.0)), "logspace": (0, np.array(2.0)), "outer": (X, [1.0, 2.0]),
    "polyadd": (X, 2.0), "polymul": (X, [1.0, 2.0]), "polyval": (X, 2.0), "polysub": (X, [1]), "select": ([M < 1], [M]),
    "setdiff1d": (X, [1.0]), "setxor1d": (X, [1.0, 7.0]), "solve": (S, [1.0, 2.0, 3.0]), "stack": ([V, [1, 2, 3]],),
    "tensordot": (M, [[1.0, 2.0]] * 3, 1), "trapezoid": (X, [0.0, 1.0, 2.0, 4.0]), "union1d": (X, [1.0]),
    "vdot": (X, [1.0, 2.0, 3.0, 4.0]), "vecdot": (M, [1.0, 2.0, 3.0]), "vstack": ([V, [1.0, 2.0, 3.0]],),
    "where": (MASK, M, 1),
}  # fmt: skip
for name, given in BESIDE.items():
    ARGUMENTS[name]["beside"] = given
OF_SQUARES = "det inv slogdet svdvals eigh eigvalsh svd qr pinv cholesky eig eigvals matrix_rank"
ARGUMENTS.update({name: each(SQUARES) for name in OF_SQUARES.split()})

AXES = [1, 0, -1, None, (0, 1), (1,), (), (0, 1, 2), 7, 1.0]
DTYPES = [np.float32, np.complex128, np.int64, bool]
#: Values of optional arguments by their names; a function's own under "function.name".
KEYWORDS: dict[str, list[Any]] = {
    "axis": AXES, "dtype": DTYPES, "keepdims": [True, False], "where": [MASK, np.True_], "initial": [2.0, 1],
    "k": [1, -1],
    "axes": [(0,), (1, 0), None, (0, 7)], "norm": ["ortho", "forward", "wrong"], "s": [(2, 4), (2,)], "n": [5, 2, 0],
    "order": ["C", "F", "A", "wrong"], "subok": [True, False], "shape": [(2, 2), 3], "device": ["cpu"],
    "mode": ["clip", "wrap", "raise", "wrong"], "overwrite_input": [True],
    "weights": [np.array([1.0, 2.0, 1.0]), M + 1], "casting": ["unsafe", "safe", "no", "wrong"], "ddof": [1, 2],
    "correction": [1], "kind": ["stable", "heapsort", None],
    "method": [
        "lower", "higher", "midpoint", "nearest", "inverted_cdf", "averaged_inverted_cdf", "closest_observation",
        "interpolated_inverted_cdf", "hazen", "weibull", "median_unbiased", "normal_unbiased", "wrong",
    ],
    "assume_unique": [True], "equal_nan": [True], "offset": [1, -1], "rtol": [0.1], "atol": [3.0], "num": [4, 1, 0, -1],
    "endpoint": [False], "copy": [True], "trim": ["f", "b", "wrong"], "hermitian": [True], "include_initial": [True],
    "optimize": [True], "rowvar": [False], "right": [True], "axis1": [1, 5], "axis2": [0, 5], "stable": [True],
    "decimals": [1, -1], "UPLO": ["U", "L", "X"], "side": ["right", "wrong"], "sorter": [np.array([0, 1, 2])],
    "bias": [True], "prepend": [np.array([[1.0]]), 5.0], "append": [np.array([[1.0]]), 5.0], "to_end": [9.0, V],
    "to_begin": [9.0, V], "edge_order": [2, 1], "left": [-1.0], "period": [3.0], "base": [2.0], "start": [1, 2, 5],
    "default": [7.0], "dx": [0.5], "N": [2, 0], "increasing": [True], "return_indices": [True], "returned": [True],
    "minlength": [6], "full": [True], "cov": [True], "return_index": [True], "return_inverse": [True],
    "return_counts": [True], "sorted": [True], "discont": [4.0], "ind": [1, 0], "sparse": [True],
    "indexing": ["ij", "wrong"],
    "a_min": [1.0], "a_max": [2.0], "min": [1.0], "max": [2.0], "nan": [9.0], "posinf": [5.0], "neginf": [-5.0],
    "deg": [True], "axisa": [0], "axisb": [0], "axisc": [0], "upper": [True], "full_matrices": [False],
    "compute_uv": [False], "retstep": [True], "ndmin": [4], "wrap": [True], "invert": [True], "max_work": [1],
    "ord": [1, 2, np.inf, -np.inf, -1, 0, 3, "fro", "nuc", "wrong", None], "p": [1, 2, -2, np.inf, "fro", "wrong"],
    "fweights": [np.array([1, 2, 1])], "aweights": [np.array([1.0, 2.0, 1.0])], "tol": [0.5], "rcond": [0.1],
    "precision": [2], "max_line_width": [20], "suppress_small": [True], "unique": [False], "sign": [True],
    "pad_left": [3], "pad_right": [3], "exp_digits": [3], "min_digits": [4], "fractional": [False], "threshold": [2],
    "separator": ["; "], "prefix": ["p"], "suffix": ["s"], "edgeitems": [1], "floatmode": ["fixed"],
    "formatter": [{"all": str}], "legacy": [False], "einsum_call": [False], "delimiter": [","],
    "newline": ["\n"], "header": ["h"], "footer": ["f"], "comments": ["%"], "encoding": ["utf-8"], "fmt": ["%.3e"],
    "allow_pickle": [False], "mean": [np.array(2.0)], "m": [2, 0, -1],
    "argmax.axis": AXES, "corrcoef.y": [M], "cov.y": [M], "trapezoid.x": [np.array([0.0, 1.0, 3.0])],
    "polyint.k": [[3.0], 2.0],
    "polyfit.w": [np.array([1.0, 2.0, 1.0])], "qr.mode": ["complete", "r", "raw", "wrong"],
    "convolve.mode": ["same", "valid", "wrong"], "correlate.mode": ["same", "full", "wrong"],
    "pad.mode": ["edge", "reflect", "symmetric", "wrap", "mean", "wrong"], "array2string.sign": ["+"],
    "rot90.k": [1, 2, 3, 4, -1], "diff.n": [2, 0, 5, -1], "nanvar.mean": [np.array(2.0)],
    "tensordot.axes": [1, ([0, 1], [0, 1])], "tensorsolve.axes": [(0,)], "array.copy": [True], "asarray.copy": [True],
    "astype.copy": [True, False], "interp.right": [-2.0], "matrix_rank.tol": [2.0], "rot90.axes": [(1, 0), (0, 0)],
    "transpose.axes": [(1, 0), (0,), (0, 0), (2, 0, 1)], "fft2.axes": [(0, 1), (1,)], "copyto.where": [MASK],
    "array_equal.equal_nan": [True], "average.weights": [np.array([1.0, 2.0, 1.0]), M + 1, np.array([1.0, 2.0])],
    "bincount.weights": [np.array([1.0, 2.0, 1.0, 0.5])], "clip.dtype": [np.float32],
    "fftshift.axes": [0, (0, 1), 7], "ifftshift.axes": [0, (0, 1), 7],
    "insert.axis": [0, 1, 7], "where.x": [],
}  # fmt: skip
#: Parameters that no call is made of, and why.
LEFT_OUT = {
    "out": "tests/test_numpy_out.py", "like": "tests/test_numpy_protocols.py",
}  # fmt: skip
#: What universal functions are given, by how many arguments they take.
OPERANDS = {1: each({"matrix": M, "number": NUMBER, "nothing": NONE}),
            2: {"": (M, V), "not": (M, X), "number": (X, NUMBER)}}  # fmt: skip
#: The parameters of their methods, which no signature tells.
METHODS: dict[str, tuple[str, ...]] = {
    "__call__": (), "reduce": ("axis", "dtype", "out", "keepdims", "initial", "where"),
    "accumulate": ("axis", "dtype"), "outer": (),
}  # fmt: skip
IN_ORDER = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass
class Call:
    """A function and what it is given."""

    function: Callable[..., Any]
    label: str
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]


WRITERS = {"copyto", "fill_diagonal", "put", "put_along_axis", "putmask", "place"}
FILES = {"save", "savetxt", "savez", "savez_compressed"}


def path(function: Any) -> str:
    """The function's name, with the namespace if it is not numpy itself."""
    module = (getattr(function, "__module__", None) or "numpy").removeprefix("numpy").strip(".")
    return f"{module}.{function.__name__}" if module else function.__name__


def looked_up(table: dict[str, Any], function: Any, default: Any) -> Any:
    """A function's own entry: under its full name, or its short one."""
    return table.get(path(function), table.get(function.__name__, default))


def parameters(function: Any) -> dict[str, inspect.Parameter]:
    """Its parameters; none where NumPy does not say (compiled functions, before 2.4)."""
    try:
        return dict(inspect.signature(function).parameters)
    except ValueError:
        return {}


def values_of(function: Any, name: str) -> list[Any] | None:
    """The values of an optional argument."""
    for key in (f"{path(function)}.{name}", f"{function.__name__}.{name}", name):
        if key in KEYWORDS:
            return KEYWORDS[key]
    return None


def calls_of_ufunc(ufunc: np.ufunc) -> Iterator[Call]:
    """All calls of a universal function and its methods."""
    for method, names in METHODS.items():
        if method != "__call__" and (ufunc.nin != 2 or ufunc.nout != 1 or ufunc.signature):
            continue
        function = getattr(ufunc, method) if names else ufunc if method == "__call__" else ufunc.outer
        name = ufunc.__name__ + ("" if method == "__call__" else f".{method}")
        for form, given in (each(FORMS) if names else OPERANDS[ufunc.nin]).items():
            label = f"{name} {form}".strip()
            yield Call(function, label, given, {})
            if method == "outer":
                continue
            before: list[Any] = list(given)
            for option in names:
                for value in () if option == "out" else KEYWORDS[option]:
                    yield Call(function, f"{label} {option}={shown(value)}", given, {option: value})
                    if option in ("axis", "dtype"):
                        yield Call(function, f"{label} {option}={shown(value)} in order", (*before, value), {})
                before.append(0 if option == "axis" else None)
            for dtype in DTYPES if not names else ():
                for casting in ("same_kind", "unsafe", "safe", "wrong"):
                    more = {"dtype": dtype, "casting": casting}
                    yield Call(function, f"{label} dtype={shown(dtype)} {casting}", given, more)


def calls(function: Any) -> Iterator[Call]:
    """All calls of a function."""
    if isinstance(function, np.ufunc):
        yield from calls_of_ufunc(function)
        return
    forms = looked_up(ARGUMENTS, function, None) or each(FORMS)
    taken = parameters(function)
    ordered = [p for p in taken.values() if p.kind in IN_ORDER]
    for form, given in forms.items():
        label = f"{path(function)} {form}".strip()
        yield Call(function, label, given, {})
        before: list[Any] = list(given)
        for i, p in enumerate(ordered):
            if i < len(given) or p.name in LEFT_OUT:
                if i >= len(given):
                    before.append(p.default)
                continue
            for value in values_of(function, p.name) or ():
                if p.kind is not inspect.Parameter.POSITIONAL_ONLY:
                    yield Call(function, f"{label} {p.name}={shown(value)}", given, {p.name: value})
                if len(before) == i:
                    yield Call(function, f"{label} {p.name}={shown(value)} in order", (*before, value), {})
            before.append(p.default)
        for p in taken.values():
            if p.kind is inspect.Parameter.KEYWORD_ONLY and p.name not in LEFT_OUT:
                for value in values_of(function, p.name) or ():
                    yield Call(function, f"{label} {p.name}={shown(value)}", given, {p.name: value})


def shown(value: Any) -> str:
    """A value in a label."""
    if isinstance(value, type):
        return value.__name__
    return f"array{value.shape}" if isinstance(value, np.ndarray) else repr(value)


def in_dtype(node: Any, dtype: Any) -> Any:
    """The same arguments with new arrays of that dtype in place of those of float64."""
    if isinstance(node, np.ndarray) and node.dtype == np.float64:
        dtype = np.dtype(dtype)
        if dtype.kind == "c":
            return (node + 0.5j * node[::-1] if node.ndim else node + 0.5j).astype(dtype)
        return np.where(np.isnan(node), 0, node).astype(dtype) if dtype.kind in "iub" else node.astype(dtype)
    if isinstance(node, np.ndarray):
        return node.copy()
    if type(node) in (list, tuple):
        return type(node)([in_dtype(part, dtype) for part in node])
    if type(node) is dict:
        return {key: in_dtype(part, dtype) for key, part in node.items()}
    return node


def perform(call: Call, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """The result of a call: of functions that write, what is written into; of those that save, what they save."""
    name = call.function.__name__
    if name in FILES:
        file = io.BytesIO()
        call.function(file, *arguments[1:], **keywords)
        return len(file.getvalue())
    result = call.function(*arguments, **keywords)
    return arguments[0] if name in WRITERS else result
