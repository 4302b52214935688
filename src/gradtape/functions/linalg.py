"""gradtape.linalg: linear algebra, with the names of the array API standard and of NumPy.

Derivations: M. Giles, "Collected matrix derivative results" (2008); for complex matrices S. Walter, "Structured
higher-order algorithmic differentiation in the forward and reverse mode" (2012). In the comments and names `bar` is
the conjugate of a rule's cotangent g, because the formulas in the literature are for <bar, d> = Re sum(conj(bar) d).
Stacks of matrices stand in leading axes everywhere.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..arrays import linalg_kernels as kernels
from ..errors import NoDerivativeError
from ..primitive import Axes, Core, Elementwise, General, Linear, Rule, Zero, apply, scale
from ..tensor import Tensor, is_observed
from .declare import dtype_of, is_complex, normalized_axes, operand, route, shape_of
from .elementwise import abs, conj, imag, real, sign, where
from .manipulation import astype, concat, moveaxis, reshape
from .products import column, cross, matmul, matrix_transpose, outer, row, tensordot, vecdot
from .reductions import expand_reduced, max, min, sum

inf = math.inf


class EighResult(NamedTuple):
    """Eigenvalues, ascending, and eigenvectors, one in each column."""

    eigenvalues: Any
    eigenvectors: Any


class QRResult(NamedTuple):
    """Q with orthonormal columns and upper triangular R."""

    Q: Any
    R: Any


class SlogdetResult(NamedTuple):
    """A determinant as sign times exp(logabsdet)."""

    sign: Any
    logabsdet: Any


class SVDResult(NamedTuple):
    """U diag(S) Vh, with S descending."""

    U: Any
    S: Any
    Vh: Any


# -- helpers -----------------------------------------------------------------------------------------------------
def _matrix(x: Any, function: str, name: str = "x", square: bool = True) -> Any:
    """A floating array of (square) matrices."""
    x = operand(x, function, name)
    shape = shape_of(x)
    if len(shape) < 2 or (square and shape[-1] != shape[-2]):
        raise ValueError(
            f"gradtape.linalg.{function}: {name} must be a {'square ' if square else ''}matrix or a stack of them; "
            f"its shape is {tuple(shape)}"
        )
    return _floating(x)


def _floating(x: Any) -> Any:
    dtype = dtype_of(x)
    return x if dtype.kind in "fc" else astype(x, np.float64)


def _conj(x: Any) -> Any:
    return conj(x) if is_complex(x) else x


def _adjoint(x: Any) -> Any:
    return conj(x.mT) if is_complex(x) else x.mT


def _hermitian(x: Any) -> Any:
    return 0.5 * (x + _adjoint(x))


def _skew(x: Any) -> Any:
    return 0.5 * (x - _adjoint(x))


def _scalar(g: Any) -> Any:
    """One number per matrix, shaped to multiply matrices."""
    return column(column(g)) if g.shape else g


def _real_dtype(x: Any) -> Any:
    return np.finfo(x.dtype).dtype


def _plus(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else a + b


# -- diagonals ---------------------------------------------------------------------------------------------------
_DIAGONAL = Linear(
    "diagonal",
    kernels.diagonal,
    lambda g, x, offset: apply(_ONTO_DIAGONAL, g, offset=offset, shape=tuple(x.shape[-2:])),
    batch=Core((2,)),
)
_ONTO_DIAGONAL = Linear(
    "onto_diagonal", kernels.onto_diagonal, lambda g, x, offset, shape: _diagonal(g, offset), batch=Core((1,))
)


def _diagonal(x: Any, offset: int = 0) -> Any:
    return apply(_DIAGONAL, x, offset=offset)


def _onto_diagonal(d: Any) -> Any:
    n = d.shape[-1]
    return apply(_ONTO_DIAGONAL, d, offset=0, shape=(n, n))


def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """The diagonals of the last two axes; `offset` > 0 is above the main one.

    >>> import gradtape as gt
    >>> gt.linalg.diagonal(gt.asarray([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [1.0, 4.0]
    """
    x = operand(x, "linalg.diagonal", "x")
    if len(shape_of(x)) < 2:
        raise ValueError(f"gradtape.linalg.diagonal: x needs two axes or more; its shape is {tuple(shape_of(x))}")
    return _diagonal(x, int(offset))


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """The sum of the diagonal of the last two axes."""
    return sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)


# -- solving -----------------------------------------------------------------------------------------------------
def _solve_batch(size: int, values: list[Any], flags: list[bool]) -> Any:
    """One factorisation for all examples where the matrix is not batched."""
    (a, b), (fa, fb) = values, flags
    if not fa and len(a.shape) == 2 and len(b.shape) == 3:
        n, k = b.shape[1:]
        rows = reshape(matrix_transpose(b), (size * k, n))
        y = matrix_transpose(_solve(a, matrix_transpose(rows)))
        return matrix_transpose(reshape(y, (size, k, n)))
    most = np.max([len(a.shape) - fa, len(b.shape) - fb])
    a, b = [
        reshape(v, (size, *(1,) * (most + 1 - len(v.shape)), *v.shape[1:])) if f else v
        for v, f in ((a, fa), (b, fb))
    ]
    return _solve(a, b)


_SOLVE = General(
    "solve",
    np.linalg.solve,
    ("a", "b"),
    vjp=(lambda g, a, y: -(_solve(a.mT, g) @ y.mT), lambda g, a: _solve(a.mT, g)),
    jvp=(lambda da, a, y: -_solve(a, da @ y), lambda db, a: _solve(a, db)),
    batch=_solve_batch,
)
_INV = General(
    "inv", np.linalg.inv, vjp=lambda g, y: -(y.mT @ g @ y.mT), jvp=lambda dx, y: -(y @ dx @ y), batch=Core((2,))
)


def _solve(a: Any, b: Any) -> Any:
    return apply(_SOLVE, a, b)


def solve(x1: Any, x2: Any, /) -> Any:
    """The x with x1 x = x2; x2 is a vector if it has one axis, else a stack of matrices.

    Raises LinAlgError for a singular x1, ValueError for shapes that do not fit.

    >>> import gradtape as gt
    >>> gt.linalg.solve(gt.asarray([[2.0, 0.0], [0.0, 4.0]]), gt.asarray([2.0, 2.0])).tolist()
    [1.0, 0.5]
    """
    a = _matrix(x1, "solve", "x1")
    b = _floating(operand(x2, "linalg.solve", "x2"))
    vector = len(shape_of(b)) == 1
    if not shape_of(b) or shape_of(b)[-1 if vector else -2] != shape_of(a)[-1]:
        raise ValueError(f"gradtape.linalg.solve: shapes {tuple(shape_of(a))} and {tuple(shape_of(b))} do not fit")
    if not vector:
        return _solve(a, b)
    y = _solve(a, column(b))
    return reshape(y, y.shape[:-1])


def inv(x: Any, /) -> Any:
    """The inverse. Raises LinAlgError for a singular x.

    >>> import gradtape as gt
    >>> gt.linalg.inv(gt.asarray([[2.0, 0.0], [0.0, 4.0]])).tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    return apply(_INV, _matrix(x, "inv"))


_PINV = General(
    "pinv",
    lambda x, rtol: np.linalg.pinv(x, rtol=rtol),
    vjp=lambda g, x, y: _pinv_vjp(_conj(g), x, y),
    jvp=lambda dx, x, y: _pinv_jvp(dx, x, y),
    batch=Core((2,)),
)


def _pinv_jvp(dx: Any, x: Any, y: Any) -> Any:
    """-Y dX Y + Y Y^H dX^H (1 - X Y) + (1 - Y X) dX^H Y^H Y (Golub and Pereyra 1973), at constant rank."""
    e, yh = _adjoint(dx), _adjoint(y)
    a, b = e @ yh @ y, y @ yh @ e
    return a - y @ (x @ a) + b - (b @ x) @ y - y @ dx @ y


def _pinv_vjp(bar: Any, x: Any, y: Any) -> Any:
    e, yh = _adjoint(bar), _adjoint(y)
    a, b = e @ y @ yh, yh @ y @ e
    return _conj(a - x @ (y @ a) + b - (b @ y) @ x - yh @ bar @ yh)


def pinv(x: Any, /, *, rtol: float | None = None) -> Any:
    """The Moore-Penrose pseudo-inverse; singular values up to rtol times the largest count as 0.

    Derivatives hold while the rank stays what it is.
    """
    return apply(_PINV, _matrix(x, "pinv", square=False), rtol=rtol)


def lstsq(a: Any, b: Any, rcond: float | None = None) -> tuple[Any, Any, Any, Any]:
    """The x of least norm that minimises |a x - b|, with the sums of squared residuals, the rank and the singular
    values of a, as numpy.linalg.lstsq."""
    a = _matrix(a, "lstsq", "a", square=False)
    b = _floating(operand(b, "linalg.lstsq", "b"))
    m, n = shape_of(a)[-2:]
    rtol = float(np.finfo(dtype_of(a)).eps) * np.max([m, n]) if rcond is None else rcond
    x = matmul(pinv(a, rtol=rtol), b)
    rank = matrix_rank(a, rtol=rtol)
    left = abs(matmul(a, x) - b) ** 2
    residuals = sum(left, axis=0) if m > n and int(rank) == n else np.zeros(0, left.dtype)
    if len(shape_of(b)) == 1 and m > n and int(rank) == n:
        residuals = reshape(residuals, (1,))
    return x, residuals, rank, svdvals(a)


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
    vjp=lambda g, x: _scalar(g) * det_derivative(x),
    jvp=lambda dx, x: _trace_of_product(det_derivative(x), dx),
    batch=Core((2,)),
)
_SLOGDET = General(
    "slogdet",
    lambda x: tuple(np.linalg.slogdet(x)),
    vjp=lambda g, x, y: _slogdet_vjp(*g, x, y[0]),
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
        g = _plus(g, real(gs * s * 1j) * -1j)
    return None if g is None else _scalar(g) * inv(x).mT


def det(x: Any, /) -> Any:
    """The determinant; its derivatives are exact at singular matrices too.

    >>> import gradtape as gt
    >>> float(gt.linalg.det(gt.asarray([[2.0, 0.0], [0.0, 4.0]])))
    8.0
    """
    return apply(_DET, _matrix(x, "det"))


def slogdet(x: Any, /) -> SlogdetResult:
    """Sign and logarithm of the absolute value of the determinant, as (sign, logabsdet)."""
    return SlogdetResult(*apply(_SLOGDET, _matrix(x, "slogdet")))


# -- Cholesky and QR ---------------------------------------------------------------------------------------------
def _phi(x: Any) -> Any:
    """The lower triangle with half of the diagonal."""
    n = x.shape[-1]
    return x * (np.tril(np.ones((n, n), _real_dtype(x))) - 0.5 * np.eye(n, dtype=_real_dtype(x)))


def _cholesky_vjp(bar: Any, y: Any) -> Any:
    yh = _adjoint(y)
    z = _solve(yh, _hermitian(_phi(yh @ bar)))
    return _conj(_adjoint(_solve(yh, _adjoint(z))))


def _cholesky_jvp(dx: Any, y: Any) -> Any:
    z = _solve(y, _hermitian(dx))
    return y @ _phi(_adjoint(_solve(y, _adjoint(z))))


_CHOLESKY = General(
    "cholesky",
    kernels.cholesky,
    vjp=lambda g, y: _cholesky_vjp(_conj(g), y),
    jvp=lambda dx, y: _cholesky_jvp(dx, y),
    batch=Core((2,)),
)


def cholesky(x: Any, /, *, upper: bool = False) -> Any:
    """The lower triangular L with positive diagonal and L L^H = x (or the upper one, L^H).

    x stands for its Hermitian part (x + x^H) / 2, so that its gradient is Hermitian. Raises LinAlgError unless that
    is positive definite.

    >>> import gradtape as gt
    >>> gt.linalg.cholesky(gt.asarray([[4.0, 0.0], [0.0, 9.0]])).tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    y = apply(_CHOLESKY, _matrix(x, "cholesky"))
    return _adjoint(y if isinstance(y, Tensor) else np.asarray(y)) if upper else y


def _qr_jvp(dx: Any, y: Any) -> Any:
    """With C = Q^H dX R^-1: dQ = Q (S - C) + dX R^-1, dR = (C - S) R, S the skew matrix with C's lower triangle."""
    q, r = y
    n = r.shape[-1]
    dx_rinv = _solve(r.mT, dx.mT).mT
    c = _adjoint(q) @ dx_rinv
    dtype = _real_dtype(c)
    lower = c * np.tril(np.ones((n, n), dtype), -1)
    s = lower - _adjoint(lower)
    if is_complex(c):
        s = s + _skew(c) * np.eye(n, dtype=dtype)
    return q @ (s - c) + dx_rinv, (c - s) @ r


_QR = General(
    "qr", lambda x: tuple(np.linalg.qr(x)), jvp=lambda dx, y: _qr_jvp(dx, y), batch=Core((2,)), outputs=2
)


def _underivable(name: str) -> Any:
    def rule(d: Any) -> Any:
        raise NoDerivativeError(
            f"{name} completes the basis in a way that has no derivative; ask for the reduced form instead"
        )

    return rule


_QR_COMPLETE = General(
    "qr_complete",
    lambda x: tuple(np.linalg.qr(x, mode="complete")),
    vjp=_underivable("linalg.qr(mode='complete')"),
    jvp=_underivable("linalg.qr(mode='complete')"),
    batch=Core((2,)),
    outputs=2,
)


def qr(x: Any, /, *, mode: str = "reduced") -> Any:
    """Q with orthonormal columns and upper triangular R with Q R = x, as (Q, R); mode "r" gives R alone.

    Mode "complete" of a tall x has no derivative (NoDerivativeError if one is asked for). Derivatives need the
    leading columns of x to be independent.
    """
    x = _matrix(x, "qr", square=False)
    m, n = shape_of(x)[-2:]
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"gradtape.linalg.qr: mode must be 'reduced', 'complete' or 'r', not {mode!r}")
    if mode == "complete" and m > n:
        return QRResult(*apply(_QR_COMPLETE, x))
    if m >= n:
        q, r = apply(_QR, x)
    else:
        q, r = apply(_QR, x[..., :m])
        r = concat([r, matmul(_adjoint(q), x[..., m:])], axis=-1)
    return r if mode == "r" else QRResult(q, r)


# -- eigenvalues and singular values -----------------------------------------------------------------------------
# Where two eigenvalues coincide, the rotation of their vectors into each other is undetermined: a quotient n / 0. It
# is taken as 0 where n is negligible and nothing else could depend on it, and as NaN otherwise, never as a number.
_GAP_QUOTIENT = Elementwise(
    "gap_quotient",
    kernels.gap_quotient,
    (
        route(lambda g, gap: _gap_quotient(g, gap, g == 0)),
        route(lambda g, gap, y: -_gap_quotient(g * y, gap, g * y == 0)),
        None,
    ),
    arguments=("n", "gap", "negligible"),
)
_CLOSED_GAPS = Zero("closed_gaps", kernels.closed_gaps, ("w",), Core((1,)))
_CLOSED_SUMS = Zero("closed_sums", kernels.closed_sums, ("s",), Core((1,)))
_NEGLIGIBLE = Zero("negligible", kernels.negligible, ("n", "m", "g", "lost"), Core((2, 2, 1, 2)))


def _gap_quotient(n: Any, gap: Any, negligible: Any) -> Any:
    return apply(_GAP_QUOTIENT, n, gap, negligible)


def _negligible(n: Any, m: Any, g: Any, lost: Any = None) -> Any:
    """Which n are rounding beside m, and 0 / 0 a 0 for certain, given the cotangents g of the values."""
    k = n.shape[-1]
    return apply(
        _NEGLIGIBLE, n, m, np.zeros(k) if g is None else g, np.zeros((k, k), bool) if lost is None else lost
    )


def _gaps(w: Any) -> Any:
    """w_j - w_i off the diagonal, exactly 0 where that is rounding; 1 on the diagonal."""
    gap = where(apply(_CLOSED_GAPS, w), 0.0, row(w) - column(w))
    return gap + np.eye(w.shape[-1], dtype=w.dtype)


def _off_diagonal(x: Any) -> Any:
    n = x.shape[-1]
    return x * (1 - np.eye(n, dtype=_real_dtype(x)))


def _eigh_vjp(gw: Any, gv: Any, w: Any, v: Any) -> Any:
    """V (diag(gw) + skew(V^H bar) / gaps) V^H."""
    inner = None
    if gv is not None:
        m = _adjoint(v) @ _conj(gv)
        n = _off_diagonal(_skew(m))
        inner = v @ _gap_quotient(n, _gaps(w), _negligible(n, m, gw))
    if gw is not None:
        inner = _plus(inner, v * row(gw))
    return _conj(inner @ _adjoint(v))


def _eigh_jvp(dx: Any, w: Any, v: Any) -> Any:
    m = _adjoint(v) @ _hermitian(dx) @ v
    n = _off_diagonal(m)
    return real(_diagonal(m)), v @ _gap_quotient(n, _gaps(w), _negligible(n, m, None))


_EIGH = General(
    "eigh",
    kernels.eigh,
    vjp=lambda g, y: _eigh_vjp(*g, *y),
    jvp=lambda dx, y: _eigh_jvp(dx, *y),
    batch=Core((2,)),
    outputs=2,
)
_EIGVALSH = Zero("eigvalsh", kernels.eigvalsh, ("x",), Core((2,)))


def eigh(x: Any, /) -> EighResult:
    """Eigenvalues, ascending, and eigenvectors (columns) of a Hermitian matrix, as (eigenvalues, eigenvectors).

    x stands for its Hermitian part, so that its gradient is Hermitian. Where eigenvalues coincide, derivatives are
    right for functions of the eigenvalues alone and of the eigenvectors alone; what the vectors cannot tell is NaN.
    """
    return EighResult(*apply(_EIGH, _matrix(x, "eigh")))


def eigvalsh(x: Any, /) -> Any:
    """Eigenvalues, ascending, of a Hermitian matrix; see eigh.

    >>> import gradtape as gt
    >>> gt.linalg.eigvalsh(gt.asarray([[2.0, 0.0], [0.0, 1.0]])).tolist()
    [1.0, 2.0]
    """
    x = _matrix(x, "eigvalsh")
    if isinstance(x, Tensor) and is_observed(x):
        return apply(_EIGH, x)[0]
    return apply(_EIGVALSH, x)


def _svd_frame(s: Any, complex: bool) -> tuple[Any, Any, Any, Any]:
    """The gaps, the sums s_i + s_j, which of the sums are 0 (off the diagonal), and s, exactly 0 where that is
    rounding."""
    closed = apply(_CLOSED_SUMS, s)
    clean = where(_diagonal(closed), 0.0, s)
    n = s.shape[-1]
    eye = np.eye(n, dtype=bool)
    total = where(closed, 0.0, row(s) + column(s))
    if not complex:
        total = where(eye, 1.0, total)
    return _gaps(s), total, closed & ~eye, clean


def _svd_vjp(gu: Any, gs: Any, gvh: Any, u: Any, s: Any, vh: Any) -> Any:
    """U (diag(gs) + skew(Mu + Mv) / gaps + skew(Mu - Mv) / sums) V^H + the parts outside of U and V, where
    Mu = U^H bar(U), Mv = V^H bar(V): with dP = U^H dA V the Hermitian part of dP rotates U and V alike, the skew
    part rotates them oppositely."""
    inner = outside = None
    if gu is not None or gvh is not None:
        mu = None if gu is None else _adjoint(u) @ _conj(gu)
        mv = None if gvh is None else vh @ gvh.mT
        gap, total, lost, clean = _svd_frame(s, is_complex(u))
        x = _plus(mu, mv)
        y = x if mv is None else -mv if mu is None else mu - mv
        nx, ny = _off_diagonal(_skew(x)), _skew(y)
        inner = _gap_quotient(nx, gap, _negligible(nx, x, gs, lost)) + _gap_quotient(
            ny, total, _negligible(ny, y, gs, lost)
        )
        if gu is not None and u.shape[-2] > s.shape[-1]:
            rest = _conj(gu) - u @ mu
            outside = _gap_quotient(rest, row(clean), _faint(rest, gu)) @ vh
        if gvh is not None and vh.shape[-1] > s.shape[-1]:
            rest = _conj(gvh) - _adjoint(mv) @ vh
            outside = _plus(outside, u @ _gap_quotient(rest, column(clean), _faint(rest, gvh)))
    left = None if inner is None else u @ inner
    if gs is not None:
        left = _plus(left, u * row(gs))
    return _conj(_plus(left @ vh, outside))


def _svd_jvp(dx: Any, u: Any, s: Any, vh: Any) -> Any:
    uh, v = _adjoint(u), _adjoint(vh)
    dxv = dx @ v
    p = uh @ dxv
    h, k = _off_diagonal(_hermitian(p)), _skew(p)
    gap, total, _, clean = _svd_frame(s, is_complex(u))
    alike = _gap_quotient(h, gap, _negligible(h, p, None))
    opposite = _gap_quotient(k, total, _negligible(k, p, None))
    du, dvh = u @ (alike + opposite), _adjoint(alike - opposite) @ vh
    if u.shape[-2] > s.shape[-1]:
        rest = dxv - u @ p
        du = du + _gap_quotient(rest, row(clean), _faint(rest, dxv))
    if vh.shape[-1] > s.shape[-1]:
        uhdx = uh @ dx
        rest = uhdx - p @ vh
        dvh = dvh + _gap_quotient(rest, column(clean), _faint(rest, uhdx))
    return du, real(_diagonal(p)), dvh


def _faint(x: Any, beside: Any) -> Any:
    return apply(_FAINT, x, beside)


_FAINT = Zero("faint", kernels.faint, ("x", "beside"), Core((2, 2)))
_SVD = General(
    "svd",
    kernels.svd,
    vjp=lambda g, y: _svd_vjp(*g, *y),
    jvp=lambda dx, y: _svd_jvp(dx, *y),
    batch=Core((2,)),
    outputs=3,
)
_SVD_FULL = General(
    "svd_full",
    lambda x: tuple(np.linalg.svd(x)),
    vjp=_underivable("linalg.svd(full_matrices=True)"),
    jvp=_underivable("linalg.svd(full_matrices=True)"),
    batch=Core((2,)),
    outputs=3,
)
_SVDVALS = Zero("svdvals", kernels.svdvals, ("x",), Core((2,)))


def svd(x: Any, /, *, full_matrices: bool = True) -> SVDResult:
    """The singular value decomposition x = U diag(S) Vh, S descending, as (U, S, Vh).

    With full_matrices U and Vh are square, which has no derivative unless x is square (NoDerivativeError if one is
    asked for). Where singular values coincide: as for eigh.
    """
    x = _matrix(x, "svd", square=False)
    m, n = shape_of(x)[-2:]
    return SVDResult(*apply(_SVD_FULL if full_matrices and m != n else _SVD, x))


def svdvals(x: Any, /) -> Any:
    """The singular values, descending."""
    x = _matrix(x, "svdvals", square=False)
    if isinstance(x, Tensor) and is_observed(x):
        return apply(_SVD, x)[1]
    return apply(_SVDVALS, x)


def matrix_rank(x: Any, /, *, rtol: float | None = None) -> Any:
    """How many singular values exceed rtol times the largest; no derivative flows through it."""
    return apply(_RANK, _floating(operand(x, "linalg.matrix_rank", "x")), rtol=rtol)


_RANK = Zero(
    "matrix_rank", lambda x, rtol: np.asarray(np.linalg.matrix_rank(x, rtol=rtol))[()], ("x",), Core((2,))
)

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


def _expm_derivative(dx: Any, x: Any, blocks: int) -> Any:
    """exp([[x, dx], [0, x]]) has the derivative of exp at x along dx as its upper right block."""
    n = x.shape[-1]
    y = apply(_EXPM, apply(_BLOCK_TRIANGLE, x, dx), blocks=2 * blocks)
    return y[..., :n, n:]


_EXPM = General(
    "expm",
    kernels.expm,
    vjp=lambda g, x, blocks: _expm_derivative(g, x.mT, blocks),
    jvp=lambda dx, x, blocks: _expm_derivative(dx, x, blocks),
    batch=Core((2,)),
)


def expm(x: Any, /) -> Any:
    """The matrix exponential.

    >>> import gradtape as gt
    >>> gt.linalg.expm(gt.asarray([[0.0, 1.0], [0.0, 0.0]])).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    return apply(_EXPM, _matrix(x, "expm"), blocks=1)


def matrix_power(x: Any, n: int, /) -> Any:
    """x multiplied n times with itself; the inverse |n| times for negative n, the identity for 0.

    >>> import gradtape as gt
    >>> gt.linalg.matrix_power(gt.asarray([[1.0, 1.0], [0.0, 1.0]]), 3).tolist()
    [[1.0, 3.0], [0.0, 1.0]]
    """
    x = _matrix(x, "matrix_power")
    n = int(n)
    if n < 0:
        return matrix_power(inv(x), -n)
    if n == 0:
        return x * 0 + np.eye(shape_of(x)[-1], dtype=dtype_of(x))
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


# -- norms -------------------------------------------------------------------------------------------------------
def _unit(x: Any, y: Any, axis: tuple[int, ...]) -> Any:
    """conj(x) / y, and 0 where the norm y is 0: the least of the subgradients."""
    y = where(y == 0, inf, y)
    return _conj(x) / expand_reduced(y, x.shape, axis)


def _spread_over(g: Any, x: Any, axis: tuple[int, ...]) -> Any:
    return expand_reduced(g, x.shape, axis)


def _p_slope(x: Any, y: Any, p: float, axis: tuple[int, ...]) -> Any:
    """sign(x) (|x| / y)^(p - 1)."""
    y = where(y == 0, inf, y)
    return scale(sign(x), (abs(x) / expand_reduced(y, x.shape, axis)) ** (p - 1))


_NORM2 = General(
    "norm2",
    kernels.norm2,
    vjp=lambda g, x, y, axis: _spread_over(g, x, axis) * _unit(x, y, axis),
    jvp=lambda dx, x, y, axis: sum(dx * _unit(x, y, axis), axis=axis),
    batch=Axes(("axis",)),
)
_P_NORM = General(
    "p_norm",
    kernels.p_norm,
    vjp=lambda g, x, y, p, axis: _spread_over(g, x, axis) * _p_slope(x, y, p, axis),
    jvp=lambda dx, x, y, p, axis: sum(dx * _p_slope(x, y, p, axis), axis=axis),
    batch=Axes(("axis",)),
)


def _vector_norm(x: Any, axes: tuple[int, ...], ord: Any, keepdims: bool) -> Any:
    shape = shape_of(x)
    if ord == 2 or ord == "fro":
        y = apply(_NORM2, x, axis=axes)
    elif ord == inf:
        y = max(abs(x), axis=axes)
    elif ord == -inf:
        y = min(abs(x), axis=axes)
    elif ord == 1:
        y = sum(abs(x), axis=axes)
    elif ord == 0:
        y = sum(astype(x != 0, np.finfo(dtype_of(x)).dtype), axis=axes)
    elif isinstance(ord, int | float):
        y = apply(_P_NORM, abs(x) if is_complex(x) else x, p=float(ord), axis=axes)
    else:
        raise ValueError(f"gradtape.linalg: there is no vector norm of order {ord!r}")
    return reshape(y, tuple([1 if i in axes else n for i, n in enumerate(shape)])) if keepdims else y


def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """The norm of order `ord` of the elements along the axes (all by default); its slope at 0 is taken as 0.

    `ord`: any number; inf and -inf give the largest and the smallest absolute value, 0 counts what is not 0.

    >>> import gradtape as gt
    >>> float(gt.linalg.vector_norm(gt.asarray([3.0, 4.0])))
    5.0
    """
    x = _floating(operand(x, "linalg.vector_norm", "x"))
    return _vector_norm(x, normalized_axes(axis, len(shape_of(x)), "linalg.vector_norm"), ord, keepdims)


def _matrix_norm(x: Any, ord: Any) -> Any:
    """The norm of matrices in the last two axes."""
    rank = len(shape_of(x))
    if ord == "fro" or ord is None:
        return apply(_NORM2, x, axis=(rank - 2, rank - 1))
    if ord == "nuc":
        return sum(svdvals(x), axis=-1)
    if ord in (1, -1, inf, -inf):
        sums = sum(abs(x), axis=-2 if ord in (1, -1) else -1)
        return (max if ord > 0 else min)(sums, axis=-1)
    if ord in (2, -2):
        return (max if ord > 0 else min)(svdvals(x), axis=-1)
    raise ValueError(f"gradtape.linalg: there is no matrix norm of order {ord!r}")


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """The norm of matrices: "fro" (Frobenius), "nuc" (nuclear), 1, -1, inf, -inf, 2 or -2, as numpy.linalg.norm.

    >>> import gradtape as gt
    >>> float(gt.linalg.matrix_norm(gt.asarray([[3.0, 0.0], [0.0, 4.0]])))
    5.0
    """
    x = _matrix(x, "matrix_norm", square=False)
    y = _matrix_norm(x, ord)
    return reshape(y, (*shape_of(x)[:-2], 1, 1)) if keepdims else y


def norm(x: Any, /, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """NumPy's norm: of all elements by default, of vectors for one axis, of matrices for two.

    >>> import gradtape as gt
    >>> float(gt.linalg.norm(gt.asarray([3.0, 4.0])))
    5.0
    """
    x = _floating(operand(x, "linalg.norm", "x"))
    rank = len(shape_of(x))
    if axis is None and ord is not None and rank not in (1, 2):
        raise ValueError(f"gradtape.linalg.norm: axis is needed for order {ord!r} of an array with {rank} axes")
    axes = normalized_axes(axis, rank, "linalg.norm")
    if ord is None or len(axes) == 1:
        return _vector_norm(x, axes, 2 if ord is None else ord, keepdims)
    if len(axes) != 2:
        raise ValueError(f"gradtape.linalg.norm: one or two axes are expected, not {axis!r}")
    shape = shape_of(x)
    y = _matrix_norm(moveaxis(x, axes, (-2, -1)), ord)
    return reshape(y, tuple([1 if i in axes else n for i, n in enumerate(shape)])) if keepdims else y


def cond(x: Any, /, p: Any = None) -> Any:
    """The condition number: the largest singular value over the smallest, or norm(x, p) norm(inv(x), p)."""
    x = _matrix(x, "cond", square=p not in (None, 2, -2))
    if p in (None, 2, -2):
        s = svdvals(x)
        return s[..., 0] / s[..., -1] if p != -2 else s[..., -1] / s[..., 0]
    return _matrix_norm(x, p) * _matrix_norm(inv(x), p)


__all__ = [
    "EighResult", "QRResult", "SVDResult", "SlogdetResult", "cholesky", "cond", "cross", "det", "diagonal", "eigh",
    "eigvalsh", "expm", "inv", "lstsq", "matmul", "matrix_norm", "matrix_power", "matrix_rank", "matrix_transpose",
    "multi_dot", "norm", "outer", "pinv", "qr", "slogdet", "solve", "svd", "svdvals", "tensordot", "trace", "vecdot",
    "vector_norm",
]  # fmt: skip
