"""What the functions of linear algebra have in common: operands, adjoints, diagonals, systems of equations."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import linalg_kernels as kernels
from ..arrays.dtypes import is_floating, numpy_dtype
from ..primitive import Core, General, Linear, apply
from ..taylor_rules import Solves
from ..tensor import RAW, Tensor
from .declare import as_dtype, default_float, dtype_of, is_complex, operand, shape_of
from .elementwise import conj
from .manipulation import astype, concat, reshape
from .products import column, matrix_transpose


def toeplitz(parts: list[Any], zero: Any) -> Any:
    """The block triangular Toeplitz matrix with these matrices in its first row: as it multiplies, so do series."""
    n = len(parts)
    return concat([concat([*[zero] * i, *parts[: n - i]], axis=-1) for i in range(n)], axis=-2)


def matrices(x: Any, function: str, name: str = "x", square: bool = True) -> Any:
    """A floating array of (square) matrices."""
    x = operand(x, function, name)
    shape = shape_of(x)
    if len(shape) < 2 or (square and shape[-1] != shape[-2]):
        raise ValueError(
            f"gradtape.linalg.{function}: {name} must be a {'square ' if square else ''}matrix or a stack of them; "
            f"its shape is {tuple(shape)}"
        )
    return floating(x)


def floating(x: Any) -> Any:
    """x as floating numbers."""
    dtype = dtype_of(x)
    return x if is_floating(dtype) else astype(x, default_float(x))


def conjugate(x: Any) -> Any:
    """The complex conjugate; a real x itself, untouched."""
    return conj(x) if is_complex(x) else x


def adjoint(x: Any) -> Any:
    """The conjugate transpose."""
    y = x.mT if type(x) in RAW or isinstance(x, Tensor) else matrix_transpose(x)
    return conj(y) if is_complex(y) else y


def hermitian_part(x: Any) -> Any:
    """(x + x^H) / 2."""
    return 0.5 * (x + adjoint(x))


def skew_part(x: Any) -> Any:
    """(x - x^H) / 2."""
    return 0.5 * (x - adjoint(x))


def per_matrix(g: Any) -> Any:
    """One number per matrix, shaped to multiply matrices."""
    return column(column(g)) if g.shape else g


def real_dtype(x: Any) -> Any:
    """The dtype of x's real parts."""
    return as_dtype(real_numpy_dtype(x), x)


def real_numpy_dtype(x: Any) -> np.dtype[Any]:
    """NumPy's dtype of x's real parts."""
    return np.finfo(numpy_dtype(dtype_of(x))).dtype


def plus(a: Any, b: Any) -> Any:
    """The sum, where None is zero."""
    return b if a is None else a if b is None else a + b


# -- diagonals ---------------------------------------------------------------------------------------------------
_DIAGONAL = Linear(
    "diagonal",
    kernels.diagonal,
    lambda g, x, offset: apply(_ONTO_DIAGONAL, g, offset=offset, shape=tuple(x.shape[-2:])),
    batch=Core((2,)),
)
_ONTO_DIAGONAL: Linear = Linear(
    "onto_diagonal", kernels.onto_diagonal, lambda g, x, offset, shape: get_diagonal(g, offset), batch=Core((1,))
)


def get_diagonal(x: Any, offset: int = 0) -> Any:
    """The diagonals of the last two axes."""
    return apply(_DIAGONAL, x, offset=offset)


# -- systems of equations ----------------------------------------------------------------------------------------
def _solve_batch(size: int, values: list[Any], flags: list[bool], **triangle: Any) -> Any:
    """One factorisation for all examples where the matrix is not batched."""
    solve = solve_triangular if triangle else solve_matrices
    (a, b), (fa, fb) = values, flags
    if not fa and len(a.shape) == 2 and len(b.shape) == 3:
        n, k = b.shape[1:]
        rows = reshape(matrix_transpose(b), (size * k, n))
        y = matrix_transpose(solve(a, matrix_transpose(rows), **triangle))
        return matrix_transpose(reshape(y, (size, k, n)))
    most = max(len(a.shape) - fa, len(b.shape) - fb)
    a, b = [
        reshape(v, (size, *(1,) * (most + 1 - len(v.shape)), *v.shape[1:])) if f else v
        for v, f in ((a, fa), (b, fb))
    ]
    return solve(a, b, **triangle)


_SOLVE = General(
    "solve",
    np.linalg.solve,
    ("a", "b"),
    vjp=(lambda g, a, y: -(solve_matrices(a.mT, g) @ y.mT), lambda g, a: solve_matrices(a.mT, g)),
    jvp=(lambda da, a, y: -solve_matrices(a, da @ y), lambda db, a: solve_matrices(a, db)),
    batch=_solve_batch,
    series=Solves(a=0, b=1, product=lambda a, y: a @ y),
    mixes=Core((2, 2)),
)


def solve_matrices(a: Any, b: Any) -> Any:
    """a^-1 b for (stacks of) matrices."""
    return apply(_SOLVE, a, b)


_INV = General(
    "inv", np.linalg.inv, vjp=lambda g, y: -(y.mT @ g @ y.mT), jvp=lambda dx, y: -(y @ dx @ y), batch=Core((2,))
)


def inverse(x: Any) -> Any:
    """x^-1 for (stacks of) matrices."""
    return apply(_INV, x)


_SOLVE_TRIANGULAR = General(
    "solve_triangular",
    kernels.solve_triangular,
    ("a", "b"),
    vjp=(
        lambda g, a, y, lower: -(solve_triangular(a.mT, g, not lower) @ y.mT),
        lambda g, a, lower: solve_triangular(a.mT, g, not lower),
    ),
    jvp=(
        lambda da, a, y, lower: -solve_triangular(a, da @ y, lower),
        lambda db, a, lower: solve_triangular(a, db, lower),
    ),
    batch=_solve_batch,
    series=Solves(a=0, b=1, product=lambda a, y, lower: a @ y),
    mixes=Core((2, 2)),
)


def solve_triangular(a: Any, b: Any, lower: bool) -> Any:
    """a^-1 b for triangular a, by substitution: a small pivot does harm to its own row, and to those that need it."""
    return apply(_SOLVE_TRIANGULAR, a, b, lower=lower)
