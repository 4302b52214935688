"""gradtape.linalg: linear algebra, with the names of the array API standard and of NumPy.

Stacks of matrices stand in leading axes everywhere. The derivations are named in decompositions.py.
"""

from __future__ import annotations

from operator import index
from typing import Any, NamedTuple

import numpy as np

from ..arrays import linalg_kernels as kernels
from ..arrays.dtypes import numpy_dtype
from ..primitive import Core, General, Linear, Rule, Zero, apply
from ..taylor_rules import AtOnce, Chosen, Equal, Flow
from ..tensor import to_array, underlying
from .declare import dtype_of, is_complex, operand, shape_of
from .decompositions import (
    EighResult,
    EigResult,
    QRResult,
    SVDResult,
    cholesky,
    eig,
    eigh,
    eigvals,
    eigvalsh,
    qr,
    svd,
    svdvals,
)
from .elementwise import abs, exp, imag, real, round, stop_gradient, where
from .manipulation import reshape
from .matrices import (
    adjoint,
    conjugate,
    floating,
    get_diagonal,
    matrices,
    per_matrix,
    plus,
    solve_matrices,
    toeplitz,
)
from .norms import matrix_norm, norm, norm_of_matrices, vector_norm
from .products import column, cross, matmul, matrix_transpose, outer, row, tensordot, vecdot
from .reductions import sum
from .static import full, static
from .untaped import untaped


class SlogdetResult(NamedTuple):
    """A determinant as sign times exp(logabsdet)."""

    sign: Any
    logabsdet: Any


@untaped("x.diagonal(offset, -2, -1)")
def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """The diagonals of the last two axes; `offset` > 0 is above the main one.

    >>> import gradtape as gt
    >>> gt.linalg.diagonal(gt.asarray([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [1.0, 4.0]
    """
    x = operand(x, "linalg.diagonal", "x")
    if len(shape_of(x)) < 2:
        raise ValueError(f"gradtape.linalg.diagonal: x needs two axes or more; its shape is {tuple(shape_of(x))}")
    return get_diagonal(x, int(offset))


@untaped("x.trace(offset, -2, -1, dtype)")
def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """The sum of the diagonal of the last two axes."""
    return sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)


# -- solving -----------------------------------------------------------------------------------------------------
_INV = General(
    "inv", np.linalg.inv, vjp=lambda g, y: -(y.mT @ g @ y.mT), jvp=lambda dx, y: -(y @ dx @ y), batch=Core((2,))
)


@untaped("np.linalg.solve(x1, x2)", arrays="x1 x2")
def solve(x1: Any, x2: Any, /) -> Any:
    """The x with x1 x = x2; x2 is a vector if it has one axis, else a stack of matrices.

    Raises LinAlgError for a singular x1, ValueError for shapes that do not fit.

    >>> import gradtape as gt
    >>> gt.linalg.solve(gt.asarray([[2.0, 0.0], [0.0, 4.0]]), gt.asarray([2.0, 2.0])).tolist()
    [1.0, 0.5]
    """
    return solution(solve_matrices, x1, x2)


def solution(solver: Any, x1: Any, x2: Any) -> Any:
    """What the solver gives for a stack of matrices, of a vector too."""
    a = matrices(x1, "solve", "x1")
    b = floating(operand(x2, "linalg.solve", "x2"))
    vector = len(shape_of(b)) == 1
    if not shape_of(b) or shape_of(b)[-1 if vector else -2] != shape_of(a)[-1]:
        raise ValueError(f"gradtape.linalg.solve: shapes {tuple(shape_of(a))} and {tuple(shape_of(b))} do not fit")
    if not vector:
        return solver(a, b)
    y = solver(a, column(b))
    return reshape(y, y.shape[:-1])


@untaped("np.linalg.inv(x)")
def inv(x: Any, /) -> Any:
    """The inverse. Raises LinAlgError for a singular x.

    >>> import gradtape as gt
    >>> gt.linalg.inv(gt.asarray([[2.0, 0.0], [0.0, 4.0]])).tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    return apply(_INV, matrices(x, "inv"))


_PINV = General(
    "pinv",
    kernels.pinv,
    vjp=lambda g, x, y: _pinv_vjp(conjugate(g), x, y),
    jvp=lambda dx, x, y: _pinv_jvp(dx, x, y),
    batch=Core((2,)),
)


def _pinv_jvp(dx: Any, x: Any, y: Any) -> Any:
    """-Y dX Y + Y Y^H dX^H (1 - X Y) + (1 - Y X) dX^H Y^H Y (Golub and Pereyra 1973), at constant rank."""
    e, yh = adjoint(dx), adjoint(y)
    rows, columns = _dependent(x, y)
    of_rows = where(rows, y @ yh @ (e - (e @ x) @ y), 0.0)
    return of_rows + where(columns, (e - y @ (x @ e)) @ yh @ y, 0.0) - y @ dx @ y


def _pinv_vjp(bar: Any, x: Any, y: Any) -> Any:
    e, yh = adjoint(bar), adjoint(y)
    a, b = e @ y @ yh, yh @ y @ e
    rows, columns = _dependent(x, y)
    return conjugate(where(rows, a - x @ (y @ a), 0.0) + where(columns, b - (b @ y) @ x, 0.0) - yh @ bar @ yh)


def _dependent(x: Any, y: Any) -> tuple[Any, Any]:
    """Whether rows, and columns, of x are linearly dependent: else 1 - x y, or 1 - y x, is 0, and rounding in its place
    would be multiplied by the square of y."""
    rank = per_matrix(round(real(_trace_of_product(x, y.mT))))
    return rank < x.shape[-2], rank < x.shape[-1]


@untaped("invert(x, rtol)", invert=kernels.pinv)
def pinv(x: Any, /, *, rtol: float | None = None) -> Any:
    """The Moore-Penrose pseudo-inverse; singular values up to rtol times the largest count as 0.

    Derivatives hold while the rank stays what it is.
    """
    return apply(_PINV, matrices(x, "pinv", square=False), rtol=to_array(rtol))


def lstsq(a: Any, b: Any, rcond: float | None = None) -> tuple[Any, Any, Any, Any]:
    """The x of least norm that minimises |a x - b|, with the sums of squared residuals, the rank and the singular
    values of a, as numpy.linalg.lstsq."""
    a = matrices(a, "lstsq", "a", square=False)
    b = floating(operand(b, "linalg.lstsq", "b"))
    m, n = shape_of(a)[-2:]
    rtol = float(np.finfo(numpy_dtype(dtype_of(a))).eps) * max(m, n) if rcond is None else rcond
    x = matmul(pinv(a, rtol=rtol), b)
    rank = matrix_rank(a, rtol=rtol)
    left = abs(matmul(a, x) - b) ** 2
    residuals = sum(left, axis=0) if m > n and int(rank) == n else full((0,), 0, left.dtype, left)
    if len(shape_of(b)) == 1 and m > n and int(rank) == n:
        residuals = reshape(residuals, (1,))
    return x, residuals, rank, svdvals(a)


@untaped("np.linalg.matrix_rank(x, rtol=rtol)")
def matrix_rank(x: Any, /, *, rtol: float | None = None) -> Any:
    """How many singular values exceed rtol times the largest; no derivative flows through it."""
    return apply(_RANK, floating(operand(x, "linalg.matrix_rank", "x")), rtol=to_array(rtol))


_RANK = Zero(
    "matrix_rank", lambda x, rtol: np.asarray(np.linalg.matrix_rank(x, rtol=rtol))[()], ("x",), Core((2,))
)


def cond(x: Any, /, p: Any = None) -> Any:
    """The condition number: the largest singular value over the smallest, or norm(x, p) norm(inv(x), p).

    It is infinite for a singular matrix (the zero matrix for p = -2: of others it is 0).
    """
    x = matrices(x, "cond", square=p not in (None, 2, -2))
    if p in (None, 2, -2):
        s = svdvals(x)
        most, least = (s[..., 0], s[..., -1]) if p != -2 else (s[..., -1], s[..., 0])
        with np.errstate(divide="ignore"):
            return where((most == 0) & (least == 0), 1.0, most) / least
    try:
        return norm_of_matrices(x, p) * norm_of_matrices(inv(x), p)
    except np.linalg.LinAlgError:  # one is singular: of that, 1 over its determinant is infinite as well
        size = det(x)
        singular = size == 0
        x = where(per_matrix(singular), static(np.eye(shape_of(x)[-1], dtype=numpy_dtype(dtype_of(x))), x), x)
        with np.errstate(divide="ignore"):
            return norm_of_matrices(x, p) * norm_of_matrices(inv(x), p) / where(singular, size + 0.0, 1.0)


# -- determinants ------------------------------------------------------------------------------------------------
# The m-th derivative of the determinant is a form symmetric in its m arguments. With C_m(A; X1..Xm) the matrix of
# the form with one argument free, C_0 the cofactors, dC_m = C_(m+1)(A; X.., dA) + sum of C_m(A; X.. with dXi for Xi),
# and by symmetry the pullback of a cotangent G is the same with G for dA, dXi. No inverse, so exact where det is 0.
def _det_derivative_primitive(m: int) -> General:
    xs = tuple([f"x{i + 1}" for i in range(m)])

    def in_a(d: Any, a: Any, *others: Any) -> Any:
        return det_derivative(a, *others, d)

    rules = [_rule(in_a, "a", *xs)]
    for i in range(m):
        rules.append(_rule(in_a, "a", *xs[:i], *xs[i + 1 :]))
    return General(
        f"det_derivative_{m + 1}", kernels.det_derivative, ("a", *xs), rules, rules, Core((2,) * (m + 1)),
        register=m < ORDERS_OF_DET,
        series=None if m else Chosen(lambda a: COFACTOR_SERIES[state_of(a)]),
    )  # fmt: skip


def _rule(function: Any, *names: str) -> Rule:
    rule = Rule.__new__(Rule)
    rule.function, rule.names = function, names
    return rule


ORDERS_OF_DET = 4
_DET_DERIVATIVES = [_det_derivative_primitive(m) for m in range(ORDERS_OF_DET)]


def det_derivative(a: Any, *xs: Any) -> Any:
    """The gradient with respect to Y of the derivative of det at a in the directions xs and Y."""
    while len(_DET_DERIVATIVES) <= len(xs):
        _DET_DERIVATIVES.append(_det_derivative_primitive(len(_DET_DERIVATIVES)))
    return apply(_DET_DERIVATIVES[len(xs)], a, *xs)


_DET = General(
    "det",
    np.linalg.det,
    vjp=lambda g, x: per_matrix(g) * det_derivative(x),
    jvp=lambda dx, x: _trace_of_product(det_derivative(x), dx),
    batch=Core((2,)),
    series=Chosen(lambda x: DET_SERIES[state_of(x)]),
)
#: Taylor rules of polynomial cost in the order, by what may be divided by (see state_of); without one it is 2^order.
DET_SERIES = {
    "all": Flow(lambda dx, x, y: y * trace(solve_matrices(x, dx))),  # Jacobi's formula
    "all but two": Equal(lambda x: _deflated(x)[1]),
    "nothing": Equal(lambda x: _powers(x)[1]),
    "nothing, and large": None,
}
COFACTOR_SERIES = {
    "all": Equal(lambda a: per_matrix(det(a)) * inv(a).mT),
    "all but two": Equal(lambda a: _deflated(a)[0].mT),
    "nothing": Equal(lambda a: _powers(a)[0].mT),
    "nothing, and large": None,
}
#: Up to that size powers of a matrix lose no digits.
MOST_ROWS = 8


def _powers(x: Any) -> tuple[Any, Any]:
    """Adjugate and determinant by Faddeev and Leverrier: M_1 = 1, c_k = -tr(x M_k) / k, M_(k+1) = x M_k + c_k."""
    n = x.shape[-1]
    eye = static(np.eye(n, dtype=numpy_dtype(x.dtype)), x, dtype=x.dtype)
    m, c = 0 * x + eye, 1 + 0 * sum(x, axis=(-2, -1))
    for k in range(1, n + 1):
        adjugate = m
        y = x @ m
        c = trace(y) / -k
        m = y + per_matrix(c) * eye
    sign = -1 if n % 2 else 1
    return -sign * adjugate if n else x, sign * c


def _deflated(x: Any) -> tuple[Any, Any]:
    """Adjugate and determinant from those of f = x + u v, which raises the two smallest singular values to the third:
    det x = det f det s with s = 1 - v f^-1 u."""
    u, values, v = svd(stop_gradient(x))
    u, v = u[..., -2:] * row(values[..., -3:-2] - values[..., -2:]), v[..., -2:, :]
    f = x + u @ v
    y = inv(f)
    left, right = y @ u, v @ y
    adjugate, c = _powers(static(np.eye(2, dtype=numpy_dtype(x.dtype)), x) - right @ u)
    sign, size = slogdet(f)
    d = sign * exp(size)
    return per_matrix(d) * (per_matrix(c) * y + left @ adjugate @ right), d * c


def state_of(x: Any) -> str:
    """Which singular values of x may be divided by, for Taylor series of its determinant. A small one does no harm to
    the derivatives, but what is divided by it cancels."""
    small = x.shape[-1] <= MOST_ROWS
    x = underlying(x)
    if x is not None and x.size and np.all(np.isfinite(x)):
        s = np.linalg.svd(x, compute_uv=False)
        third = s[..., -min(s.shape[-1], 3)]
        with np.errstate(all="ignore"):
            cond, without_two = np.max(s[..., 0] / s[..., -1]), np.max(s[..., 0] / third)
            logarithm = np.sum(np.log(np.maximum(s, third[..., None])), axis=-1)
        if np.all(np.abs(logarithm) < 600):  # far from where numbers end
            if cond < 30:
                return "all"
            if without_two < 1e6 and not (small and without_two < 30):
                return "all but two"
    return "nothing" if small else "nothing, and large"


_SLOGDET = General(
    "slogdet",
    lambda x: tuple(np.linalg.slogdet(x)),
    vjp=lambda g, x, y: _slogdet_vjp(g[0], g[1], x, y[0]),
    jvp=lambda dx, x, y: _slogdet_jvp(_trace_of_product(inv(x).mT, dx), y[0]),
    batch=Core((2,)),
    outputs=2,
)


def _trace_of_product(a: Any, b: Any) -> Any:
    return sum(a * b, axis=(-2, -1))


def _slogdet_jvp(t: Any, s: Any) -> Any:
    return (s * (1j * imag(t)), real(t)) if is_complex(s) else (None, t)


def _slogdet_vjp(gs: Any, gl: Any, x: Any, s: Any) -> Any:
    g = gl
    if gs is not None and is_complex(s):
        g = plus(g, real(gs * s * 1j) * -1j)
    return None if g is None else per_matrix(g) * inv(x).mT


@untaped("np.linalg.det(x)")
def det(x: Any, /) -> Any:
    """The determinant; its derivatives are exact at singular matrices too.

    >>> import gradtape as gt
    >>> float(gt.linalg.det(gt.asarray([[2.0, 0.0], [0.0, 3.0]])))
    6.0
    """
    return apply(_DET, matrices(x, "det"))


@untaped("np.linalg.slogdet(x)", named=SlogdetResult)
def slogdet(x: Any, /) -> SlogdetResult:
    """Sign and logarithm of the absolute value of the determinant, as (sign, logabsdet)."""
    return SlogdetResult(*apply(_SLOGDET, matrices(x, "slogdet")))


# -- powers and the exponential ----------------------------------------------------------------------------------
_BLOCK_TRIANGLE = Linear(
    "block_triangle",
    kernels.block_triangle,
    lambda g, i, specs, saved: _block_transpose(g, i),
    batch=Core((2, 2)),
    arguments=("x", "e"),
)


def _block_transpose(g: Any, i: int) -> Any:
    n = g.shape[-1] // 2
    return g[..., :n, n:] if i else g[..., :n, :n] + g[..., n:, n:]


def block_triangle(x: Any, e: Any) -> Any:
    """[[x, e], [0, x]]."""
    return apply(_BLOCK_TRIANGLE, x, e)


def _expm_derivative(dx: Any, x: Any, blocks: int) -> Any:
    """exp([[x, dx], [0, x]]) has the derivative of exp at x along dx as its upper right block."""
    n = x.shape[-1]
    y = apply(_EXPM, block_triangle(x, dx), blocks=2 * blocks)
    return y[..., :n, n:]


def expm_of_series(parts: list[Any], blocks: int) -> list[Any]:
    """Terms 0..k: the first row of the exponential of the block triangular Toeplitz matrix of those of x."""
    size, n = len(parts), parts[0].shape[-1]
    zero = full(shape_of(parts[0]), 0, parts[0].dtype, parts[0])
    y = apply(_EXPM, toeplitz(parts, zero), blocks=blocks * size)
    return [y[..., :n, j * n : (j + 1) * n] for j in range(size)]


_EXPM = General(
    "expm",
    kernels.expm,
    vjp=lambda g, x, blocks: _expm_derivative(g, x.mT, blocks),
    jvp=lambda dx, x, blocks: _expm_derivative(dx, x, blocks),
    batch=Core((2,)),
    series=AtOnce(lambda parts, blocks: expm_of_series(parts, blocks)),
)


def expm(x: Any, /) -> Any:
    """The matrix exponential.

    >>> import gradtape as gt
    >>> gt.linalg.expm(gt.asarray([[0.0, 1.0], [0.0, 0.0]])).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    return apply(_EXPM, matrices(x, "expm"), blocks=1)


@untaped("np.linalg.matrix_power(x, n)", when="x.dtype.kind in 'fc' and n.__class__ is int and n > 0")
def matrix_power(x: Any, n: int, /) -> Any:
    """x multiplied n times with itself; the inverse |n| times for negative n, the identity for 0.

    >>> import gradtape as gt
    >>> gt.linalg.matrix_power(gt.asarray([[1.0, 1.0], [0.0, 1.0]]), 3).tolist()
    [[1.0, 3.0], [0.0, 1.0]]
    """
    x = matrices(x, "matrix_power")
    n = index(n)
    if n < 0:
        return matrix_power(inv(x), -n)
    if n == 0:
        return x * 0 + static(np.eye(shape_of(x)[-1], dtype=numpy_dtype(dtype_of(x))), x)
    if n == 3:
        return matmul(matmul(x, x), x)  # in NumPy's order
    result = None
    while n:
        if n & 1:
            result = x if result is None else matmul(result, x)
        n >>= 1
        if n:
            x = matmul(x, x)
    return result


def multi_dot(arrays: Any, /) -> Any:
    """The matrix product of several arrays in the cheapest order; the first and the last may be vectors."""
    work = [operand(x, "linalg.multi_dot", f"array {i}") for i, x in enumerate(arrays)]
    if len(work) < 2:
        raise ValueError("gradtape.linalg.multi_dot: two arrays or more are needed")
    shapes = [shape_of(x) for x in work]
    first, last = len(shapes[0]) == 1, len(shapes[-1]) == 1
    sizes = [1 if first else shapes[0][0], *[s[-2] if len(s) > 1 else s[0] for s in shapes[1:]]]
    sizes.append(1 if last else shapes[-1][-1])
    order = kernels.cheapest_order(sizes)

    def product(i: int, j: int) -> Any:
        return work[i] if i == j else matmul(product(i, order[i][j]), product(order[i][j] + 1, j))

    return product(0, len(work) - 1)


__all__ = [
    "EigResult", "EighResult", "QRResult", "SVDResult", "SlogdetResult", "cholesky", "cond", "cross", "det",
    "diagonal", "eig", "eigh", "eigvals", "eigvalsh", "expm", "inv", "lstsq", "matmul", "matrix_norm", "matrix_power",
    "matrix_rank", "matrix_transpose", "multi_dot", "norm", "outer", "pinv", "qr", "slogdet", "solve", "svd", "svdvals",
    "tensordot", "trace", "vecdot", "vector_norm",
]  # fmt: skip
