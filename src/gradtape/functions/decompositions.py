"""Decompositions of matrices: Cholesky, QR, eigenvalues and singular values. Public in gradtape.linalg.

Derivations: M. Giles, "Collected matrix derivative results" (2008); for complex matrices S. Walter, "Structured
higher-order algorithmic differentiation in the forward and reverse mode" (2012). In comments and names `bar` is the
conjugate of a rule's cotangent g, because the formulas in the literature are for <bar, d> = Re sum(conj(bar) d).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..arrays import linalg_kernels as kernels
from ..arrays.dtypes import numpy_dtype
from ..arrays.numpy_kernels import DOUBLE
from ..errors import NoDerivativeError
from ..primitive import Core, Elementwise, General, Zero, apply, scale_either
from ..taylor_rules import Solves
from ..tensor import Tensor, is_observed
from .declare import is_complex, result_type, route, shape_of
from .elementwise import abs, conj, isinf, minimum, real, where
from .manipulation import astype, concat
from .matrices import (
    adjoint,
    conjugate,
    get_diagonal,
    hermitian_part,
    matrices,
    per_matrix,
    plus,
    real_numpy_dtype,
    skew_part,
    solve_matrices,
    solve_triangular,
)
from .products import column, matmul, row
from .reductions import any, max, min, sum
from .static import static
from .untaped import untaped


class EighResult(NamedTuple):
    """Eigenvalues, ascending, and eigenvectors, one in each column."""

    eigenvalues: Any
    eigenvectors: Any


class EigResult(NamedTuple):
    """Eigenvalues in no particular order, and eigenvectors of length 1, one in each column."""

    eigenvalues: Any
    eigenvectors: Any


class QRResult(NamedTuple):
    """Q with orthonormal columns and upper triangular R."""

    Q: Any
    R: Any


class SVDResult(NamedTuple):
    """U diag(S) Vh, with S descending."""

    U: Any
    S: Any
    Vh: Any


#: In an untaped head: the Hermitian part of x, which is x where it is symmetric to the bit; an error for integers.
SYMMETRIC = "x if x.dtype is DOUBLE and x.ndim == 2 and x.tobytes() == x.tobytes('F') else hermitian(x, 'fc')"
SCOPE = {"DOUBLE": DOUBLE, "hermitian": kernels.hermitian}


# -- Cholesky and QR ---------------------------------------------------------------------------------------------
def _phi(x: Any) -> Any:
    """The lower triangle with half of the diagonal."""
    n, dtype = x.shape[-1], real_numpy_dtype(x)
    return x * static(np.tri(n, dtype=dtype) - 0.5 * np.eye(n, dtype=dtype), x)


def _below_and_diagonal(x: Any) -> tuple[Any, Any]:
    """Factors that leave what is below the diagonal, and the diagonal."""
    n, dtype = x.shape[-1], real_numpy_dtype(x)
    return static(np.tri(n, k=-1, dtype=dtype), x), static(np.eye(n, dtype=dtype), x)


# With W = dX L^-H and N the lower triangle of L^-1 W with half of the diagonal, dL = W - L N^H below the diagonal, and
# N L on it: column by column like L itself, so that columns lose nothing, at any order, where a later pivot is near 0.
def _cholesky_jvp(dx: Any, y: Any) -> Any:
    below, diagonal = _below_and_diagonal(y)
    w = adjoint(solve_triangular(y, hermitian_part(dx), lower=True))
    n = _phi(solve_triangular(y, w, lower=True))
    return (w - y @ adjoint(n)) * below + n * y * diagonal


def _cholesky_vjp(bar: Any, y: Any) -> Any:
    below, diagonal = _below_and_diagonal(y)
    yh, b = adjoint(y), bar * below
    w = b + solve_triangular(yh, _phi(bar * y * diagonal - adjoint(b) @ y), lower=False)
    return conjugate(hermitian_part(solve_triangular(yh, adjoint(w), lower=False)))


_CHOLESKY = General(
    "cholesky",
    kernels.cholesky,
    vjp=lambda g, y: _cholesky_vjp(conjugate(g), y),
    jvp=lambda dx, y: _cholesky_jvp(dx, y),
    batch=Core((2,)),
)


@untaped(f"np.linalg.cholesky({SYMMETRIC})", when="not upper", **SCOPE)
def cholesky(x: Any, /, *, upper: bool = False) -> Any:
    """The lower triangular L with positive diagonal and L L^H = x (or the upper one, L^H).

    x stands for its Hermitian part (x + x^H) / 2, so that its gradient is Hermitian. Raises LinAlgError unless that
    is positive definite.

    >>> import gradtape as gt
    >>> gt.linalg.cholesky(gt.asarray([[4.0, 0.0], [0.0, 9.0]])).tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    y = apply(_CHOLESKY, matrices(x, "cholesky"))
    return adjoint(y) if upper else y


# With W = dX R^-1, C = Q^H W and N the lower triangle of C + C^H with half of its diagonal: dQ = W - Q N^H, and by the
# product rule dR = dQ^H X + Q^H dX, which has N R's diagonal.
#
# Columns of Q and rows of R up to the kth are made of such columns and rows alone, at every order: they lose nothing
# where a later column of X is nearly dependent. A real square X lacks the last column of W, for the last column of Q
# is what is orthogonal to the others; so nothing is divided by the last pivot, which may be 0.
def _qr_frame(x: Any, r: Any) -> tuple[Any, Any]:
    """What is divided by, and which columns of W there are (None: all)."""
    m, n = x.shape[-2:]
    if m > n or is_complex(x):
        return r, None
    there = np.arange(n) < n - 1
    return where(static(np.diag(~there), r), 1.0, r), static(there.astype(real_numpy_dtype(r)), r)


def _qr_jvp(dx: Any, x: Any, q: Any, r: Any) -> tuple[Any, Any]:
    a, there = _qr_frame(x, r)
    below, diagonal = _below_and_diagonal(r)
    w = solve_triangular(a.mT, dx.mT, lower=True).mT
    c = adjoint(q) @ w
    pivots = real(c) * a * diagonal
    if there is not None:
        c, w = c * there, w * there
    dq = w - q @ adjoint(_phi(c + adjoint(c)))
    return dq, (adjoint(dq) @ x + adjoint(q) @ dx) * below.mT + pivots


def _qr_vjp(bq: Any, br: Any, x: Any, q: Any, r: Any) -> Any:
    a, there = _qr_frame(x, r)
    below, diagonal = _below_and_diagonal(r)
    pivots = outside = None
    if br is not None:
        b = br * below.mT
        bq, outside = plus(bq, x @ adjoint(b)), q @ b
        pivots = real(br) * a * diagonal
    p = _phi(adjoint(bq) @ q)
    c = -(p + adjoint(p))
    if there is not None:
        c, bq = c * there, bq * there
    w = bq + q @ plus(c, pivots)
    return plus(adjoint(solve_triangular(a, adjoint(w), lower=False)), outside)


_QR = General(
    "qr",
    lambda x: tuple(np.linalg.qr(x)),
    vjp=lambda g, x, y: conjugate(_qr_vjp(*[None if part is None else conjugate(part) for part in g], x, *y)),
    jvp=lambda dx, x, y: _qr_jvp(dx, x, *y),
    batch=Core((2,)),
    outputs=2,
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


@untaped("np.linalg.qr(x)", when="mode == 'reduced' and x.shape[-2] >= x.shape[-1]", named=QRResult)
def qr(x: Any, /, *, mode: str = "reduced") -> Any:
    """Q with orthonormal columns and upper triangular R with Q R = x, as (Q, R); mode "r" gives R alone.

    Mode "complete" of a tall x has no derivative (NoDerivativeError if one is asked for). Derivatives need the
    first min(m, n) columns of an m x n x to be independent, but for the last of them where x is real and m <= n.
    Columns of Q and rows of R lose no digits where a later column is nearly dependent.
    """
    x = matrices(x, "qr", square=False)
    m, n = shape_of(x)[-2:]
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"gradtape.linalg.qr: mode must be 'reduced', 'complete' or 'r', not {mode!r}")
    if mode == "complete" and m > n:
        return QRResult(*apply(_QR_COMPLETE, x))
    if m >= n:
        q, r = apply(_QR, x)
    else:
        q, r = apply(_QR, x[..., :m])
        r = concat([r, matmul(adjoint(q), x[..., m:])], axis=-1)
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
    series=Solves(a=1, b=0, product=scale_either, quotient=lambda n, gap: _gap_quotient(n, gap, n == 0)),
)
_CLOSED_GAPS = Zero("closed_gaps", kernels.closed_gaps, ("w",), Core((1,)))
_CLOSED_SUMS = Zero("closed_sums", kernels.closed_sums, ("s",), Core((1,)))
_NEGLIGIBLE = Zero("negligible", kernels.negligible, ("n", "m", "lost"), Core((2, 2, 2)))


def _gap_quotient(n: Any, gap: Any, negligible: Any) -> Any:
    return apply(_GAP_QUOTIENT, n, gap, negligible)


def _negligible(n: Any, m: Any, doubt: bool, lost: Any = None) -> Any:
    """Which n are rounding beside m, and 0 / 0 a 0 for certain; `doubt`: there are cotangents of the values, too."""
    k = n.shape[-1]
    return apply(_NEGLIGIBLE, n, m, static(np.zeros((k, k), bool), n, m) if lost is None else lost, doubt=doubt)


def _gaps(w: Any, closed: Any = None) -> Any:
    """w_j - w_i off the diagonal, exactly 0 where that is rounding (`closed`); 1 on the diagonal."""
    gap = where(apply(_CLOSED_GAPS, w) if closed is None else closed, 0.0, row(w) - column(w))
    return gap + static(np.eye(w.shape[-1], dtype=numpy_dtype(w.dtype)), w)


def _off_diagonal(x: Any) -> Any:
    n = x.shape[-1]
    return x * static(1 - np.eye(n, dtype=real_numpy_dtype(x)), x)


def _eigh_vjp(gw: Any, gv: Any, w: Any, v: Any) -> Any:
    """V (diag(gw) + skew(V^H bar) / gaps) V^H."""
    inner = None
    if gv is not None:
        m = adjoint(v) @ conjugate(gv)
        n = _off_diagonal(skew_part(m))
        inner = v @ _gap_quotient(n, _gaps(w), _negligible(n, m, gw is not None))
    if gw is not None:
        inner = plus(inner, v * row(gw))
    return conjugate(inner @ adjoint(v))


def _eigh_jvp(dx: Any, w: Any, v: Any) -> Any:
    m = adjoint(v) @ hermitian_part(dx) @ v
    n = _off_diagonal(m)
    return real(get_diagonal(m)), v @ _gap_quotient(n, _gaps(w), _negligible(n, m, False))


_EIGH = General(
    "eigh",
    kernels.eigh,
    vjp=lambda g, y: _eigh_vjp(*g, *y),
    jvp=lambda dx, y: _eigh_jvp(dx, *y),
    batch=Core((2,)),
    outputs=2,
)
_EIGVALSH = Zero("eigvalsh", kernels.eigvalsh, ("x",), Core((2,)))


_EIGENVALUE_CONDITIONS = Zero("eigenvalue_conditions", kernels.eigenvalue_conditions, ("v",), Core((2,)))


def _eig_frame(x: Any, w: Any, v: Any) -> tuple[Any, Any, Any]:
    """The gaps, 0 where a rounding of x closes them, for each value 1, or 0 in a Jordan block, and V, or NaNs in place
    of one that is singular.

    A change of x by eps moves w_i by up to eps times its condition. Eigenvalues of a Jordan block fall together with
    their vectors and so have a large one, both; where vectors are independent, coinciding ones have a moderate one.
    """
    n, dtype = w.shape[-1], numpy_dtype(w.dtype)
    condition = apply(_EIGENVALUE_CONDITIONS, v)
    both = minimum(row(condition), column(condition))
    eps, beside = float(np.finfo(dtype).eps), static(~np.eye(n, dtype=bool), w)
    size = 4 * n * eps * max(abs(x), axis=(-2, -1), keepdims=True)
    closed = (abs(row(w) - column(w)) <= size * both) & beside
    defective = any(closed & (both > eps**-0.2), axis=-1)
    closed = closed | ((row(defective) | column(defective)) & beside)
    singular = per_matrix(isinf(min(condition, axis=-1)))  # a solve with NaNs gives NaNs, and is no error
    return _gaps(w, closed), where(defective, 0.0, static(np.ones(n, dtype), w)), where(singular, np.nan, v)


def _eig_jvp(dx: Any, x: Any, w: Any, v: Any) -> Any:
    """dw = diag(P), dV = V (P / gaps) with P = V^-1 dX V, along V so that lengths stay 1 and phases as they are."""
    gap, simple, frame = _eig_frame(x, w, v)
    p = solve_matrices(frame, dx @ v)
    dw, n = get_diagonal(p), _off_diagonal(p)
    dv = v @ _gap_quotient(n, gap, _negligible(n, p, False))
    return _gap_quotient(dw, simple, dw == 0), dv - v * row(sum(conj(v) * dv, axis=-2))


def _eig_vjp(gw: Any, gv: Any, x: Any, w: Any, v: Any) -> Any:
    """V^-T (diag(gw) + V^T (gv - conj(V) diag(V^T gv)) / gaps) V^T."""
    gap, simple, frame = _eig_frame(x, w, v)
    vt, inner = v.mT, None
    if gv is not None:
        m = vt @ gv
        n = _off_diagonal(m - vt @ conj(v) * row(get_diagonal(m)))
        # V and V^-1 take part with opposite signs: a function of values and vectors may leave no trace in m
        negligible = _negligible(n, m, False) if gw is None else static(np.zeros(n.shape[-2:], bool), n)
        inner = _gap_quotient(n, gap, negligible) @ vt
    if gw is not None:
        inner = plus(inner, column(_gap_quotient(gw, simple, gw == 0)) * vt)
    return solve_matrices(frame.mT, inner)


_EIG = General(
    "eig",
    kernels.eig,
    vjp=lambda g, x, y: _eig_vjp(*g, x, *y),
    jvp=lambda dx, x, y: _eig_jvp(dx, x, *y),
    batch=Core((2,)),
    outputs=2,
)


def eig(x: Any, /) -> EigResult:
    """Eigenvalues and eigenvectors (columns of length 1) of a square matrix, complex: (eigenvalues, eigenvectors).

    Derivatives (Giles 2008) keep the vectors' phases, on which nothing differentiated should depend. Where
    eigenvalues coincide, those of vectors are NaN or infinite. Raises LinAlgError if the iteration fails.

    >>> import gradtape as gt
    >>> gt.linalg.eig(gt.asarray([[2.0, 0.0], [1.0, 3.0]])).eigenvalues.real.tolist()
    [3.0, 2.0]
    """
    x = matrices(x, "eig")
    if not is_complex(x):
        x = astype(x, result_type(x, np.dtype(np.complex64)))
    return EigResult(*apply(_EIG, x))


def eigvals(x: Any, /) -> Any:
    """The eigenvalues of a square matrix, complex, in no particular order; see eig.

    >>> import gradtape as gt
    >>> gt.linalg.eigvals(gt.asarray([[0.0, 1.0], [-1.0, 0.0]])).imag.round(12).tolist()
    [1.0, -1.0]
    """
    return eig(x).eigenvalues


@untaped(f"np.linalg.eigh({SYMMETRIC})", named=EighResult, **SCOPE)
def eigh(x: Any, /) -> EighResult:
    """Eigenvalues, ascending, and eigenvectors (columns) of a Hermitian matrix, as (eigenvalues, eigenvectors).

    x stands for its Hermitian part, so that its gradient is Hermitian. Where eigenvalues coincide, derivatives are
    right for functions of the eigenvalues alone and of the eigenvectors alone; what the vectors cannot tell is NaN.
    """
    return EighResult(*apply(_EIGH, matrices(x, "eigh"), values_of="eigh"))


@untaped(f"np.linalg.eigvalsh({SYMMETRIC})", **SCOPE)
def eigvalsh(x: Any, /) -> Any:
    """Eigenvalues, ascending, of a Hermitian matrix; see eigh.

    >>> import gradtape as gt
    >>> gt.linalg.eigvalsh(gt.asarray([[2.0, 0.0], [0.0, 1.0]])).tolist()
    [1.0, 2.0]
    """
    x = matrices(x, "eigvalsh")
    if isinstance(x, Tensor) and is_observed(x):
        return apply(_EIGH, x, values_of="eigvalsh")[0]
    return apply(_EIGVALSH, x)


def _svd_frame(s: Any, complex: bool) -> tuple[Any, Any, Any, Any]:
    """The gaps, the sums s_i + s_j, which of the sums are 0 (off the diagonal), and s, exactly 0 where that is
    rounding."""
    closed = apply(_CLOSED_SUMS, s)
    clean = where(get_diagonal(closed), 0.0, s)
    n = s.shape[-1]
    eye = static(np.eye(n, dtype=bool), s)
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
        mu = None if gu is None else adjoint(u) @ conjugate(gu)
        mv = None if gvh is None else vh @ gvh.mT
        gap, total, lost, clean = _svd_frame(s, is_complex(u))
        x = plus(mu, mv)
        y = x if mv is None else -mv if mu is None else mu - mv
        nx, ny = _off_diagonal(skew_part(x)), skew_part(y)
        inner = _gap_quotient(nx, gap, _negligible(nx, x, gs is not None, lost)) + _gap_quotient(
            ny, total, _negligible(ny, y, gs is not None, lost)
        )
        if gu is not None and u.shape[-2] > s.shape[-1]:
            rest = conjugate(gu) - u @ mu
            outside = _gap_quotient(rest, row(clean), _faint(rest, gu)) @ vh
        if gvh is not None and vh.shape[-1] > s.shape[-1]:
            rest = conjugate(gvh) - adjoint(mv) @ vh
            outside = plus(outside, u @ _gap_quotient(rest, column(clean), _faint(rest, gvh)))
    left = None if inner is None else u @ inner
    if gs is not None:
        left = plus(left, u * row(gs))
    return conjugate(plus(left @ vh, outside))


def _svd_jvp(dx: Any, u: Any, s: Any, vh: Any) -> Any:
    uh, v = adjoint(u), adjoint(vh)
    dxv = dx @ v
    p = uh @ dxv
    h, k = _off_diagonal(hermitian_part(p)), skew_part(p)
    gap, total, _, clean = _svd_frame(s, is_complex(u))
    alike = _gap_quotient(h, gap, _negligible(h, p, False))
    opposite = _gap_quotient(k, total, _negligible(k, p, False))
    du, dvh = u @ (alike + opposite), adjoint(alike - opposite) @ vh
    if u.shape[-2] > s.shape[-1]:
        rest = dxv - u @ p
        du = du + _gap_quotient(rest, row(clean), _faint(rest, dxv))
    if vh.shape[-1] > s.shape[-1]:
        uhdx = uh @ dx
        rest = uhdx - p @ vh
        dvh = dvh + _gap_quotient(rest, column(clean), _faint(rest, uhdx))
    return du, real(get_diagonal(p)), dvh


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


@untaped("np.linalg.svd(x, full_matrices)", named=SVDResult)
def svd(x: Any, /, *, full_matrices: bool = True) -> SVDResult:
    """The singular value decomposition x = U diag(S) Vh, S descending, as (U, S, Vh).

    With full_matrices U and Vh are square, which has no derivative unless x is square (NoDerivativeError if one is
    asked for). Where singular values coincide: as for eigh.
    """
    x = matrices(x, "svd", square=False)
    m, n = shape_of(x)[-2:]
    if full_matrices and m != n:
        return SVDResult(*apply(_SVD_FULL, x))
    return SVDResult(*apply(_SVD, x, values_of="svd"))


@untaped("np.linalg.svd(x, compute_uv=False)")
def svdvals(x: Any, /) -> Any:
    """The singular values, descending."""
    x = matrices(x, "svdvals", square=False)
    if isinstance(x, Tensor) and is_observed(x):
        return apply(_SVD, x, values_of="svdvals")[1]
    return apply(_SVDVALS, x)
