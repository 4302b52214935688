"""Products of arrays: matmul and what is made of it. Bilinear, given by their kernels and their two transposes."""

from __future__ import annotations

import operator
import string
from functools import lru_cache
from typing import Any

import numpy as np

from ..arrays import linalg_kernels as kernels
from ..arrays.numpy_kernels import EINSUM, OuterSum
from ..context import active
from ..primitive import Bilinear, Core, Linear, apply, apply_linear, apply_virtual
from ..tensor import Tensor, VirtualTensor, tensor
from .declare import all_arrays, bilinear_function, fitting, is_complex, normalized_axes, operand, operators, shape_of
from .elementwise import conj, multiply
from .manipulation import reshape
from .sparse_products import is_sparse, sparse_matmul
from .untaped import untaped

ndarray = np.ndarray
ARRAYS = frozenset([Tensor, ndarray])

_MATRIX_TRANSPOSE = Linear(
    "matrix_transpose", lambda x: x.mT, lambda g, x: matrix_transpose(g), batch=Core((2,))
)


def matrix_transpose(x: Any, /) -> Any:
    """The last two axes exchanged. Raises ValueError for fewer than two.

    >>> import gradtape as gt
    >>> gt.matrix_transpose(gt.asarray([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[1.0, 3.0], [2.0, 4.0]]
    """
    if type(x) is not Tensor:
        x = operand(x, "matrix_transpose", "x")
    if len(shape_of(x)) < 2:
        raise ValueError(f"gradtape.matrix_transpose: x needs two axes or more; its shape is {shape_of(x)}")
    return apply_linear(_MATRIX_TRANSPOSE, x)


def column(x: Any) -> Any:
    """x with an axis of length 1 at the end: vectors as columns."""
    return x[..., None] if type(x) is ndarray else reshape(x, (*x.shape, 1))


def row(x: Any) -> Any:
    """x with an axis of length 1 before the last: vectors as rows."""
    return x[..., None, :] if type(x) is ndarray else reshape(x, (*x.shape[:-1], 1, x.shape[-1]))


# -- matmul ------------------------------------------------------------------------------------------------------
# Which case it was shows in the ranks: a vector operand leaves its product one axis short. What an operand of
# lower rank was broadcast along, the sweep sums.
def _matmul_transpose_a(g: Any, b: Any) -> Any:
    if b.ndim == 1:
        return column(g) * b
    if g.ndim == 1 and b.ndim == 2:
        return g @ b.mT  # a vector a
    if g.ndim == b.ndim - 1:
        return vector_of_column(b @ column(g))
    return g @ b.mT if type(g) is ndarray else matmul_nt(g, b)


def _matmul_transpose_b(g: Any, a: Any) -> Any:
    if a.ndim == 1:
        return a * g if not g.ndim else column(a) * row(g)
    if g.ndim == a.ndim - 1:
        return g @ a if a.ndim == 2 else vector_of_row(row(g) @ a)
    return a.mT @ g if type(g) is ndarray else matmul_tn(a, g)


def vector_of_column(x: Any) -> Any:
    """x without its last axis, which has length 1."""
    return reshape(x, x.shape[:-1])


def vector_of_row(x: Any) -> Any:
    """x without its last axis but one, which has length 1."""
    return reshape(x, (*x.shape[:-2], x.shape[-1]))


#: Columns of a batched right-hand side below which one product over all of them beats one per example.
FEW_COLUMNS = 16


def _matmul_batch(size: int, values: list[Any], flags: list[bool]) -> Any:
    """All examples in one matrix product wherever one operand is not batched."""
    (a, b), (fa, fb) = values, flags
    if a.__class__ is ndarray and b.__class__ is ndarray and a.ndim == b.ndim == 2 and not fb:
        return a @ b
    rank_a, rank_b = len(a.shape) - fa, len(b.shape) - fb
    if not fb and rank_b <= 2:
        return matmul(a, b)
    if not fa and rank_a == 1:
        return matmul(b, a) if rank_b == 1 else matmul(a, b)
    if not fa and rank_a == 2 and rank_b == 1:
        return matmul(b, matrix_transpose(a))
    if not fa and rank_a == 2 and rank_b == 2 and b.shape[-1] <= FEW_COLUMNS:
        return matrix_transpose(matmul(matrix_transpose(b), matrix_transpose(a)))
    if rank_a == 1:
        a = row(a)
    if rank_b == 1:
        b = column(b)
    most = max(len(a.shape) - fa, len(b.shape) - fb)
    if fa:
        a = reshape(a, (size, *(1,) * (most + 1 - len(a.shape)), *a.shape[1:]))
    if fb:
        b = reshape(b, (size, *(1,) * (most + 1 - len(b.shape)), *b.shape[1:]))
    y = matmul(a, b)
    if rank_b == 1:
        y = vector_of_column(y)
        return vector_of_column(y) if rank_a == 1 else y
    return vector_of_row(y) if rank_a == 1 else y


DIRECT = "da.ndim < 3 and db.ndim < 3 and da.dtype is db.dtype"
_MATMUL = Bilinear(
    "matmul",
    operator.matmul,
    _matmul_transpose_a,
    _matmul_transpose_b,
    _matmul_batch,
    direct=DIRECT,
    raw_transposes=(
        lambda g, b: OuterSum(g, b) if b.ndim == 1 == g.ndim else _matmul_transpose_a(g, b),
        lambda g, a: OuterSum(a, g) if a.ndim == 1 == g.ndim else _matmul_transpose_b(g, a),
    ),
    subscripts=lambda a, b: matrix_subscripts(a, b, "IK", "KJ"),
)


def matrix_subscripts(rank_a: int, rank_b: int, a: str, b: str) -> str:
    """A product of matrices with these labels as einsum writes it; a vector has the inner one, K, alone."""
    lead = string.ascii_lowercase[: max(rank_a, rank_b, 2) - 2]
    terms = [
        lead[len(lead) + 2 - rank :] + labels if rank > 1 else "K" for rank, labels in ((rank_a, a), (rank_b, b))
    ]
    free = "".join([labels.replace("K", "") for rank, labels in ((rank_a, a), (rank_b, b)) if rank > 1])
    return f"{terms[0]},{terms[1]}->{lead}{free}"


#: A stack of matrices times one matrix is one tall matrix times it: one call of BLAS, and no stack of gradients.
_TALL = "db.ndim == 2 and da.ndim > 2"


def _matmul_slow(a: Any, b: Any) -> Any:
    kind = type(a)
    plain = type(b) is ndarray and (kind is ndarray or kind is VirtualTensor)
    if plain and b.ndim == 2 and len(a.shape) < 3 and a.shape[-1:] == b.shape[:1]:
        return a @ b if kind is ndarray else apply_virtual(_MATMUL, (a, b), {})
    if not all_arrays((a, b)):
        if is_sparse(a) or is_sparse(b):
            return sparse_matmul(a, b)
        a, b = fitting((a, b), [operand(a, "matmul", "a"), operand(b, "matmul", "b")])
    shape_a, shape_b = shape_of(a), shape_of(b)
    if not shape_a or not shape_b:
        raise ValueError(
            f"gradtape.matmul: both operands need an axis or more, not shapes {shape_a} and {shape_b}; "
            "use multiply for a product with a number"
        )
    if shape_a[-1] != shape_b[-2 if len(shape_b) > 1 else 0]:
        raise ValueError(f"gradtape.matmul: shapes {shape_a} and {shape_b} do not fit: the inner lengths differ")
    if len(shape_b) == 2 and len(shape_a) > 2:
        rows = 1
        for n in shape_a[:-1]:
            rows *= n
        return reshape(matmul(reshape(a, (rows, shape_a[-1])), b), (*shape_a[:-1], shape_b[-1]))
    return apply(_MATMUL, a, b)


matmul = bilinear_function(
    _MATMUL,
    _matmul_slow,
    "matmul",
    """The matrix product of a and b; vectors at the ends are contracted, leading axes broadcast.

    As numpy.matmul: a vector a is a row and a vector b a column whose axis is dropped from the result. One of the two
    may be a constant matrix of scipy.sparse, the other then a vector or a matrix. Raises
    ValueError for numbers and for shapes that do not fit, TypeError for what is no array.

    >>> import gradtape as gt
    >>> gt.matmul(gt.asarray([[1.0, 2.0], [3.0, 4.0]]), gt.asarray([1.0, 1.0])).tolist()
    [3.0, 7.0]
    """,
    unless=_TALL,
)



def _with_one_transposed(
    name: str, kernel: Any, transposes: Any, raw: Any, batch: Any, labels: tuple[str, str], doc: str
) -> Any:
    """A matrix product with one operand transposed: with matmul they are each other's transposes, so that a
    recorded gradient is made of whole products, and no weight's cotangent comes out in the other memory order."""
    primitive = Bilinear(
        name, kernel, *transposes, batch, direct=DIRECT, raw_transposes=raw,
        subscripts=lambda rank_a, rank_b: matrix_subscripts(rank_a, rank_b, *labels),
    )  # fmt: skip
    slow = lambda a, b: apply(primitive, operand(a, name, "a"), operand(b, name, "b"))
    return bilinear_function(primitive, slow, name, doc)


matmul_nt = _with_one_transposed(
    "matmul_nt",
    lambda a, b: a @ b.mT,
    (lambda g, b: matmul(g, b), lambda g, a: matmul_tn(g, a)),
    (lambda g, b: g @ b, lambda g, a: g.mT @ a),
    lambda size, values, flags: _matmul_batch(size, [values[0], matrix_transpose(values[1])], flags),
    ("IK", "JK"),
    "a times the transpose of b, for matrices; leading axes broadcast.",
)
matmul_tn = _with_one_transposed(
    "matmul_tn",
    lambda a, b: a.mT @ b,
    (lambda g, b: matmul_nt(b, g), lambda g, a: matmul(a, g)),
    (lambda g, b: b @ g.mT, lambda g, a: a @ g),
    lambda size, values, flags: _matmul_batch(size, [matrix_transpose(values[0]), values[1]], flags),
    ("KI", "KJ"),
    "The transpose of a times b, for matrices; leading axes broadcast.",
)


# -- einsum ------------------------------------------------------------------------------------------------------
# Two primitives: one operand (diagonals, sums, permutations), and a pair, whose labels each appear in at least two of
# a, b and the result, and once in each. Their transposes and batch rules are einsums again.
def _split(subscripts: str) -> list[str]:
    return subscripts.replace("->", ",").split(",")


def _unused(subscripts: str) -> str:
    """A letter for one more axis."""
    return next(letter for letter in reversed(LETTERS) if letter not in subscripts)


def _batched_subscripts(subscripts: str, flags: list[bool]) -> str:
    *terms, out = _split(subscripts)
    z = _unused(subscripts)
    return ",".join([z * f + t for t, f in zip(terms, flags, strict=True)]) + f"->{z}{out}"


LETTERS = string.ascii_letters

_EINSUM_ONE: Linear = Linear(
    "einsum_one",
    kernels.einsum_one,
    lambda g, x, subscripts: apply(_EINSUM_SPREAD, g, subscripts=subscripts, shape=x.shape),
    batch=lambda size, values, flags, subscripts: apply(
        _EINSUM_ONE, values[0], subscripts=_batched_subscripts(subscripts, flags)
    ),
)
_EINSUM_SPREAD: Linear = Linear(
    "einsum_spread",
    kernels.einsum_spread,
    lambda g, x, subscripts, shape: apply(_EINSUM_ONE, g, subscripts=subscripts),
    batch=lambda size, values, flags, subscripts, shape: apply(
        _EINSUM_SPREAD, values[0], subscripts=_batched_subscripts(subscripts, flags), shape=(size, *shape)
    ),
)


def _contract_transpose_a(g: Any, b: Any, subscripts: str) -> Any:
    a_labels, b_labels, out = _split(subscripts)
    return contract(g, b, f"{out},{b_labels}->{a_labels}")


def _contract_transpose_b(g: Any, a: Any, subscripts: str) -> Any:
    a_labels, b_labels, out = _split(subscripts)
    return contract(a, g, f"{a_labels},{out}->{b_labels}")


_CONTRACT = Bilinear(
    "einsum",
    kernels.contract,
    _contract_transpose_a,
    _contract_transpose_b,
    lambda size, values, flags, subscripts: contract(values[0], values[1], _batched_subscripts(subscripts, flags)),
    subscripts=lambda rank_a, rank_b, subscripts: subscripts,
)


@untaped("contract(a, b, subscripts)", arrays="a b", contract=kernels.contract)
def contract(a: Any, b: Any, subscripts: str) -> Any:
    """einsum of two arrays with distinct labels in each, none of which belongs to one array alone."""
    return apply(_CONTRACT, a, b, subscripts=subscripts)


@lru_cache(maxsize=1024)
def _parse(subscripts: str, ranks: tuple[int, ...]) -> tuple[tuple[str, ...], str]:
    """The labels of each operand and of the result, ellipses spelled out."""
    wrong = f"gradtape.einsum: subscripts {subscripts!r}: "
    text = subscripts.replace(" ", "")
    left, arrow, out = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        raise ValueError(wrong + f"{len(terms)} terms for {len(ranks)} operands")
    free = [letter for letter in LETTERS if letter not in text]
    hidden = [rank - len(t.replace("...", "")) if "..." in t else 0 for t, rank in zip(terms, ranks, strict=True)]
    for t, rank, more in zip(terms, ranks, hidden, strict=True):
        plain = t.replace("...", "", 1)
        if not (plain.isascii() and (plain.isalpha() or not plain)):
            raise ValueError(wrong + f"term {t!r} is not made of letters and one ellipsis")
        if more < 0 or len(plain) + more != rank:
            raise ValueError(wrong + f"term {t!r} does not fit an operand with {rank} axes")
    dots = "".join(free[: max(hidden, default=0)])
    full = tuple([t.replace("...", dots[len(dots) - n :]) for t, n in zip(terms, hidden, strict=True)])
    if not arrow:
        plain = left.replace("...", "").replace(",", "")
        return full, dots + "".join(sorted([c for c in set(plain) if plain.count(c) == 1]))
    if dots and "..." not in out:
        raise ValueError(wrong + "the result needs the ellipsis too")
    out = out.replace("...", dots)
    if len(set(out)) != len(out) or not set(out) <= set("".join(full)):
        raise ValueError(wrong + "the result's labels have to be distinct and among the operands'")
    return full, out


@lru_cache(maxsize=1024)
def _path(subscripts: str, shapes: tuple[tuple[int, ...], ...]) -> list[Any]:
    """The order of contraction, found from the shapes."""
    dummies = [np.broadcast_to(np.float64(0), shape) for shape in shapes]
    return np.einsum_path(subscripts, *dummies, optimize="greedy")[0][1:]


@lru_cache(maxsize=1024)
def _single(subscripts: str, shape_a: tuple[int, ...], shape_b: tuple[int, ...]) -> str | None:
    """The subscripts spelled out, if one contraction is all there is to the product of two arrays of these shapes."""
    if 1 in shape_a or 1 in shape_b:
        return None
    try:
        (a, b), out = _parse(subscripts, (len(shape_a), len(shape_b)))
    except ValueError:  # said again where it is not remembered
        return None
    sizes = dict(zip(a, shape_a, strict=True)) | dict(zip(b, shape_b, strict=True))
    fits = all(sizes[c] == n for c, n in [*zip(a, shape_a, strict=True), *zip(b, shape_b, strict=True)])
    alone = set(a + b) - set(out) - (set(a) & set(b))
    return f"{a},{b}->{out}" if fits and not alone and len(set(a)) == len(a) and len(set(b)) == len(b) else None


def _reduced(x: Any, labels: str, keep: str) -> tuple[Any, str]:
    """x without repeated labels and without those that nobody keeps."""
    kept = "".join([c for c in dict.fromkeys(labels) if c in keep])
    return (x, labels) if kept == labels else (apply(_EINSUM_ONE, x, subscripts=f"{labels}->{kept}"), kept)


def _pair(a: Any, a_labels: str, b: Any, b_labels: str, out: str) -> Any:
    a, a_labels = _reduced(a, a_labels, b_labels + out)
    b, b_labels = _reduced(b, b_labels, a_labels + out)
    return contract(a, b, f"{a_labels},{b_labels}->{out}")


def einsum(subscripts: Any, /, *operands: Any, optimize: Any = True) -> Any:
    """Einstein's summation: the product of the operands, summed over the labels that the result lacks.

    As numpy.einsum: ellipses, implicit results, repeated labels, the form einsum(a, [0, 1], b, [1, 2], [0, 2]).
    Several operands are contracted pairwise in a cheap order (`optimize` changes nothing). Raises ValueError for
    subscripts that do not fit, TypeError for what is no array.

    >>> import gradtape as gt
    >>> float(gt.einsum("i,ij,j", [1.0, 2.0], gt.asarray([[1.0, 0.0], [0.0, 3.0]]), [1.0, 2.0]))
    13.0
    """
    if len(operands) == 2 and subscripts.__class__ is str:
        a, b = operands
        if a.__class__ is Tensor and b.__class__ is Tensor and not active() and kernels.are_small(a._data, b._data):
            try:
                return tensor(EINSUM(subscripts, a._data, b._data))
            except ValueError:  # said below what is wrong
                pass
        if a.__class__ in ARRAYS and b.__class__ in ARRAYS and (spelled := _single(subscripts, a.shape, b.shape)):
            return contract(a, b, spelled)
    if not isinstance(subscripts, str):
        subscripts, operands = _spelled(subscripts, *operands)
    arrays = [operand(x, "einsum", f"operand {i}") for i, x in enumerate(operands)]
    shapes = tuple([tuple(shape_of(x)) for x in arrays])
    terms, out = _parse(subscripts, tuple([len(shape) for shape in shapes]))
    sizes: dict[str, int] = {}
    for labels, shape in zip(terms, shapes, strict=True):
        for label, n in zip(labels, shape, strict=True):
            if n != 1 and sizes.setdefault(label, n) != n:
                raise ValueError(
                    f"gradtape.einsum: subscripts {subscripts!r}: shapes {shapes} disagree on {label!r}: "
                    f"{sizes[label]} and {n}"
                )
    work = [
        _reduced(x, labels, "".join([c for c, n in zip(labels, shape, strict=True) if n == sizes.get(c, 1)]))
        if len(arrays) > 1 and 1 in shape else (x, labels)
        for x, labels, shape in zip(arrays, terms, shapes, strict=True)
    ]  # an axis of length 1 that is broadcast against a longer one is none
    if len(work) == 1:
        x, labels = work[0]
        return apply(_EINSUM_ONE, x, subscripts=f"{labels}->{out}")
    steps = [(0, 1)] if len(work) == 2 else _path(",".join(terms) + "->" + out, shapes)
    for step in steps:
        chosen = [work.pop(i) for i in sorted(step, reverse=True)][::-1]
        while len(chosen) > 1:
            (a, a_labels), (b, b_labels), *rest = chosen
            others = out + "".join([labels for _, labels in rest + work])
            final = not rest and not work
            new = out if final else "".join([c for c in dict.fromkeys(a_labels + b_labels) if c in others])
            chosen = [(_pair(a, a_labels, b, b_labels, new), new), *rest]
        work.append(chosen[0])
    y, labels = work[0]
    return y if labels == out else apply(_EINSUM_ONE, y, subscripts=f"{labels}->{out}")


def _spelled(*given: Any) -> tuple[str, tuple[Any, ...]]:
    """einsum(a, [0, 1], b, [1, 2], [0, 2]) in letters."""
    arrays, lists, rest = given[0::2], given[1::2], ""
    if len(given) % 2:
        arrays, rest = given[:-1:2], "->" + _letters(given[-1])
    return ",".join([_letters(labels) for labels in lists]) + rest, arrays


def _letters(labels: Any) -> str:
    return "".join(["..." if i is Ellipsis else LETTERS[int(i)] for i in labels])


# -- made of these -----------------------------------------------------------------------------------------------
@lru_cache(maxsize=1024)
def _dotted(ranks: tuple[int, int], axes: Any) -> tuple[tuple[int, ...], tuple[int, ...], str]:
    """The axes summed over, of each of the two, and what it is in einsum's letters ("" for a matrix product)."""
    if isinstance(axes, int):
        if not 0 <= axes <= min(ranks):
            raise ValueError(f"gradtape.tensordot: axes={axes} is not between 0 and {min(ranks)}")
        axes = (tuple(range(ranks[0] - axes, ranks[0])), tuple(range(axes)))
    first, second = [normalized_axes(a, rank, "tensordot") for a, rank in zip(axes, ranks, strict=True)]
    if len(first) != len(second):
        raise ValueError(f"gradtape.tensordot: axes {axes} are of different number")
    if first == (ranks[0] - 1,) and second == (0,) and ranks[1] <= 2:
        return first, second, ""
    labels_a = LETTERS[: ranks[0]]
    free = iter(LETTERS[ranks[0] :])
    labels_b = "".join([labels_a[first[second.index(i)]] if i in second else next(free) for i in range(ranks[1])])
    out = "".join([c for c in labels_a if c not in labels_b] + [c for c in labels_b if c not in labels_a])
    return first, second, f"{labels_a},{labels_b}->{out}"


def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    """The sum of products over the axes given: the last n of x1 and the first n of x2, or a pair of lists of axes.

    Raises ValueError where the lengths of the axes differ.

    >>> import gradtape as gt
    >>> float(gt.tensordot(gt.asarray([1.0, 2.0]), gt.asarray([3.0, 4.0]), axes=1))
    11.0
    """
    if axes == 1 and x1.__class__ in ARRAYS and x2.__class__ in ARRAYS and 0 < x1.ndim <= 2 and 0 < x2.ndim <= 2:
        return matmul(x1, x2)
    a, b = operand(x1, "tensordot", "x1"), operand(x2, "tensordot", "x2")
    shape_a, shape_b = shape_of(a), shape_of(b)
    if isinstance(axes, int | np.integer):
        axes = int(axes)
    else:
        axes = tuple([tuple([int(i) for i in n]) if np.iterable(n) else int(n) for n in axes])
    first, second, subscripts = _dotted((len(shape_a), len(shape_b)), axes)
    for i, j in zip(first, second):
        if shape_a[i] != shape_b[j]:
            raise ValueError(f"gradtape.tensordot: shapes {shape_a} and {shape_b} differ along the axes {axes}")
    return contract(a, b, subscripts) if subscripts else matmul(a, b)


@untaped("x1.dot(x2)", arrays="x1 x2", when="x1.ndim == 1 == x2.ndim and x1.dtype.kind == 'f'")
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """The dot product of vectors along an axis; x1 is conjugated if complex. Other axes broadcast.

    Raises ValueError where the lengths of the axis differ.

    >>> import gradtape as gt
    >>> gt.vecdot(gt.asarray([[1.0, 2.0], [3.0, 4.0]]), gt.asarray([1.0, 1.0])).tolist()
    [3.0, 7.0]
    """
    a, b = _conjugated(operand(x1, "vecdot", "x1")), operand(x2, "vecdot", "x2")
    shape_a, shape_b = shape_of(a), shape_of(b)
    if not shape_a or not shape_b or shape_a[axis] != shape_b[axis]:
        raise ValueError(f"gradtape.vecdot: x1 and x2 of shapes {shape_a} and {shape_b} differ along axis {axis}")
    if len(shape_a) == len(shape_b) == 1:
        return matmul(a, b)
    if axis % len(shape_a) != len(shape_a) - 1:
        a, b = moveaxis(a, axis, -1), moveaxis(b, axis, -1)
    return einsum("...i,...i->...", a, b)


def _conjugated(x: Any) -> Any:
    return conj(x) if is_complex(x) else x


@untaped("a.dot(b)", arrays="a b", when="a.ndim <= 2 >= b.ndim")
def dot(a: Any, b: Any, /) -> Any:
    """NumPy's dot: the sum of products over the last axis of a and the last but one of b (its only one for a vector).

    >>> import gradtape as gt
    >>> float(gt.dot(gt.asarray([1.0, 2.0]), gt.asarray([3.0, 4.0])))
    11.0
    """
    a, b = operand(a, "dot", "a"), operand(b, "dot", "b")
    ranks = len(shape_of(a)), len(shape_of(b))
    if not min(ranks):
        return multiply(a, b)
    return matmul(a, b) if ranks[1] <= 2 else tensordot(a, b, axes=([-1], [-2]))


@untaped("a.dot(b)", arrays="a b", when="a.ndim == 1 == b.ndim")
def inner(a: Any, b: Any, /) -> Any:
    """The sum of products over the last axes of a and b, nothing conjugated."""
    a, b = operand(a, "inner", "a"), operand(b, "inner", "b")
    if not shape_of(a) or not shape_of(b):
        return multiply(a, b)
    return tensordot(a, b, axes=([-1], [-1]))


@untaped("a.dot(b)", arrays="a b", when="a.ndim == 1 == b.ndim and a.dtype.kind == 'f'")
def vdot(a: Any, b: Any, /) -> Any:
    """The dot product of all elements; a is conjugated if complex."""
    a, b = operand(a, "vdot", "a"), operand(b, "vdot", "b")
    return matmul(reshape(_conjugated(a), (-1,)), reshape(b, (-1,)))


def matvec(x1: Any, x2: Any, /) -> Any:
    """Matrices x1 times vectors x2 along their last axis; leading axes broadcast."""
    a, b = operand(x1, "matvec", "x1"), operand(x2, "matvec", "x2")
    return matmul(a, b) if len(shape_of(b)) == 1 else vector_of_column(matmul(a, column(b)))


def vecmat(x1: Any, x2: Any, /) -> Any:
    """Vectors x1 along their last axis (conjugated if complex) times matrices x2; leading axes broadcast."""
    a, b = _conjugated(operand(x1, "vecmat", "x1")), operand(x2, "vecmat", "x2")
    return matmul(a, b) if len(shape_of(a)) == 1 else vector_of_row(matmul(row(a), b))


@untaped("np.multiply(x1.reshape(-1, 1), x2.reshape(1, -1))", arrays="x1 x2")
def outer(x1: Any, x2: Any, /) -> Any:
    """The products of every element of x1 with every element of x2, one row for each of x1 (both are flattened).

    >>> import gradtape as gt
    >>> gt.outer(gt.asarray([1.0, 2.0]), gt.asarray([3.0, 4.0])).tolist()
    [[3.0, 4.0], [6.0, 8.0]]
    """
    a, b = operand(x1, "outer", "x1"), operand(x2, "outer", "x2")
    return multiply(reshape(a, (-1, 1)), reshape(b, (1, -1)))


def kron(a: Any, b: Any, /) -> Any:
    """Kronecker's product: every element of a times the whole of b, as blocks. Missing axes come in front."""
    a, b = operand(a, "kron", "a"), operand(b, "kron", "b")
    shape_a, shape_b = shape_of(a), shape_of(b)
    rank = max(len(shape_a), len(shape_b))
    shape_a = (1,) * (rank - len(shape_a)) + tuple(shape_a)
    shape_b = (1,) * (rank - len(shape_b)) + tuple(shape_b)
    a = reshape(a, tuple([n for pair in zip(shape_a, (1,) * rank, strict=True) for n in pair]))
    b = reshape(b, tuple([n for pair in zip((1,) * rank, shape_b, strict=True) for n in pair]))
    return reshape(multiply(a, b), tuple([m * n for m, n in zip(shape_a, shape_b, strict=True)]))


# The triple product g . (a x b) is cyclic, and that is all of its derivatives.
_CROSS = Bilinear("cross", kernels.cross, lambda g, b: _cross(b, g), lambda g, a: _cross(g, a), Core((1, 1)))


def _cross(a: Any, b: Any) -> Any:
    return apply(_CROSS, a, b)


@untaped("k(x1, x2)", arrays="x1 x2", when="axis == -1 and x1.shape[-1] == 3 == x2.shape[-1]", k=kernels.cross)
def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """The cross product of vectors of length 3 along an axis; other axes broadcast. Raises ValueError otherwise.

    >>> import gradtape as gt
    >>> gt.cross(gt.asarray([1.0, 0.0, 0.0]), gt.asarray([0.0, 1.0, 0.0])).tolist()
    [0.0, 0.0, 1.0]
    """
    a, b = operand(x1, "cross", "x1"), operand(x2, "cross", "x2")
    shape_a, shape_b = shape_of(a), shape_of(b)
    if not shape_a or not shape_b or shape_a[axis] != 3 or shape_b[axis] != 3:
        raise ValueError(f"gradtape.cross: x1 and x2 of shapes {shape_a} and {shape_b} need length 3 on axis {axis}")
    if axis == -1 or axis == len(shape_a) - 1 == len(shape_b) - 1:
        return _cross(a, b)
    return moveaxis(_cross(moveaxis(a, axis, -1), moveaxis(b, axis, -1)), -1, axis)


def moveaxis(x: Any, source: int, destination: int) -> Any:
    """x with one axis moved."""
    from .manipulation import moveaxis

    return moveaxis(x, source, destination)


def install() -> None:
    """Give Tensor its operator @ and its transposes."""
    both = operators(_MATMUL, _matmul_slow, unless=_TALL, takes=is_sparse)
    Tensor.__matmul__, Tensor.__rmatmul__ = both  # type: ignore[attr-defined]
    Tensor.mT = property(matrix_transpose, doc="The last two axes exchanged.")  # type: ignore[attr-defined]


__all__ = [
    "cross", "dot", "einsum", "inner", "kron", "matmul", "matrix_transpose", "matvec", "outer", "tensordot", "vdot",
    "vecdot", "vecmat",
]  # fmt: skip
