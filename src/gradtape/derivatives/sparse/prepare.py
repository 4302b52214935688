"""The public side of sparse derivatives: jacobian and hessian with sparse=True, and their prepared forms."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike, fspath
from os.path import exists
from typing import Any

import numpy as np

from ...arrays.index_sets import scipy_sparse
from ...budgets import checked_batch_size
from ..arguments import check_callable, named
from .detection import hessian_pattern, jacobian_pattern, the_vector
from .orders import ORDERS
from .premises import Premises
from .prepared import FORMATS, Prepared, PreparedHessian, PreparedJacobian


def prepare_jacobian(
    f: Callable[..., Any],
    x: Any,
    *others: Any,
    mode: str = "auto",
    order: str = "auto",
    local: bool = False,
    pattern: Any = None,
    batch_size: int | None = None,
    format: str = "csr",
    verify: bool = False,
) -> PreparedJacobian:
    """The sparse Jacobian of a vector in a vector, prepared at x: P(x, *others) is then cheap at any other point.

    The pattern holds for every x and every value of numbers and arrays among the `others` (with `local`, at this point
    only), or is the one given. `mode`: products with columns ("forward"), rows ("reverse"), some of both
    ("bidirectional"), or "auto"; `order` in which colours are given: "natural", "largest first", "smallest last",
    "incidence degree", or "auto"; `batch_size`: at most so many products at once; `format`: "csr" or "coo"; `verify`:
    compare random products at x.

    Raises TypeError or ValueError for what is no real vector, and for a program that branches on values (unless
    `local`), PatternError if `verify` fails; P raises ValueError for others of another shape or kind.

    >>> import gradtape as gt
    >>> P = gt.prepare_jacobian(lambda x: x[1:] * x[:-1], gt.asarray([1.0, 2.0, 3.0]))
    >>> P(gt.asarray([1.0, 2.0, 3.0])).toarray().tolist()
    [[2.0, 1.0, 0.0], [0.0, 3.0, 2.0]]
    """
    check_callable(f, "prepare_jacobian")
    check_choices("prepare_jacobian", format, batch_size, order, mode, PreparedJacobian.kinds)
    point = the_vector(x, "prepare_jacobian")
    premises = None if local or pattern is not None else Premises(others)
    if pattern is None:
        pattern = jacobian_pattern(f, point, others, local, premises)
    else:
        pattern = given(pattern, point.shape[0], "prepare_jacobian")
    prepared = PreparedJacobian(f, pattern, mode, order, format, batch_size, premises)
    if verify:
        prepared.verify(x, *others)
    return prepared


def prepare_hessian(
    f: Callable[..., Any],
    x: Any,
    *others: Any,
    constraints: Callable[..., Any] | None = None,
    colouring: str = "star",
    order: str = "auto",
    local: bool = False,
    pattern: Any = None,
    batch_size: int | None = None,
    format: str = "csr",
    verify: bool = False,
) -> PreparedHessian:
    """The sparse Hessian of a scalar in a vector, prepared at x: P(x, *others) is then cheap at any other point.

    With `constraints` c, a function of x, of the Lagrangian f(x) + v c(x): P(x, v), v being one number for each
    constraint. `colouring`: "star" reads entries off products, "acyclic" takes fewer products and solves for entries.
    The rest, and what is raised, as for prepare_jacobian.

    >>> import gradtape as gt
    >>> P = gt.prepare_hessian(lambda x: x[0] * x[1] + x[2] ** 2, gt.asarray([1.0, 2.0, 3.0]))
    >>> P(gt.asarray([1.0, 2.0, 3.0])).toarray().tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 2.0]]
    """
    check_callable(f, "prepare_hessian")
    check_choices("prepare_hessian", format, batch_size, order, colouring, PreparedHessian.kinds)
    point = the_vector(x, "prepare_hessian")
    if constraints is not None:
        check_callable(constraints, "prepare_hessian")
        if len(others) > 1:
            raise TypeError("gradtape.prepare_hessian: with constraints f takes x alone; the one other argument is v")
        f, others = lagrangian(f, constraints), others or (np.ones(np.shape(constraints(point))),)
    premises = None if local or pattern is not None else Premises(others)
    if pattern is None:
        pattern = hessian_pattern(f, point, others, local, premises)
    else:
        pattern = given(pattern, point.shape[0], "prepare_hessian")
        if pattern.shape[0] != pattern.shape[1]:
            raise ValueError(f"gradtape.prepare_hessian: pattern has shape {pattern.shape}, and a Hessian is square")
        pattern = (pattern + pattern.T).tocsr()
        pattern.sort_indices()
    prepared = PreparedHessian(f, pattern, colouring, order, format, batch_size, premises)
    if verify:
        prepared.verify(x, *others)
    return prepared


def lagrangian(f: Callable[..., Any], c: Callable[..., Any]) -> Callable[..., Any]:
    """(x, v) -> f(x) + v c(x); it raises ValueError unless v has a number for each constraint."""
    from ...functions.reductions import sum

    def of_both(x: Any, v: Any) -> Any:
        values = c(x)
        if np.shape(v) != np.shape(values):
            raise ValueError(
                f"gradtape: v has shape {np.shape(v)}, and the constraints give {np.shape(values)}: one number each"
            )
        return f(x) + sum(v * values)

    return of_both


def load_prepared(path: Any, f: Callable[..., Any], constraints: Callable[..., Any] | None = None) -> Prepared:
    """The prepared derivative of f that P.save(path) wrote, with its pattern and colours; f is not in the file.

    `constraints`: those of a Hessian that was prepared with them. Raises FileNotFoundError where there is no such file,
    ValueError for another or a damaged one, and for `constraints` with a Jacobian.

    >>> import gradtape as gt, tempfile, os
    >>> f = lambda x: gt.sum(x**3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "hessian.npz")
    ...     gt.prepare_hessian(f, gt.zeros(2)).save(path)
    ...     P = gt.load_prepared(path, f)
    >>> P(gt.asarray([1.0, 2.0])).toarray().tolist()
    [[6.0, 0.0], [0.0, 12.0]]
    """
    import zlib  # with zipfile: not needed by who loads nothing
    from zipfile import BadZipFile

    foreign = (ValueError, LookupError, TypeError, AttributeError, EOFError, IsADirectoryError, BadZipFile, zlib.error)
    check_callable(f, "load_prepared")
    unnamed = isinstance(path, str | PathLike) and not exists(path)
    try:
        with np.load(f"{fspath(path)}.npz" if unnamed else path, allow_pickle=False) as file:
            name, kind, order, form, size = file["settings"].tolist()
            indices, indptr, shape = file["indices"], file["indptr"], tuple(file["shape"].tolist())
            colors = [file[key] for key in ("colors0", "colors1") if key in file]
        pattern = scipy_sparse().csr_array((np.ones(len(indices), bool), indices, indptr), shape=shape)
        pattern.check_format()
        cls = {cls.__name__: cls for cls in (PreparedJacobian, PreparedHessian)}[name]
        lengths = shape[:1] if kind == "reverse" else shape[::-1] if kind == "bidirectional" else shape[1:]
        if [len(c) for c in colors] != list(lengths):
            raise ValueError("colours of another size than the pattern's")
    except FileNotFoundError:
        raise FileNotFoundError(f"gradtape.load_prepared: there is no file {path}") from None
    except foreign as error:
        raise ValueError(f"gradtape.load_prepared: {path} holds no prepared derivative, or is damaged") from error
    if constraints is not None:
        check_callable(constraints, "load_prepared")
        if cls is PreparedJacobian:
            raise ValueError(f"gradtape.load_prepared: constraints belong to a Hessian, and {path} holds a Jacobian")
        f = lagrangian(f, constraints)
    prepared: Prepared = cls(f, pattern, kind, order, form, int(size) or None)
    prepared.restore(colors)
    return prepared


def check_choices(
    function: str, format: str, batch_size: Any, order: str, kind: str, kinds: tuple[str, ...]
) -> None:
    """Raise ValueError for a choice that is none, TypeError for a batch size that is no int."""
    for name, value, choices in (
        ("format", format, FORMATS),
        ("order", order, ("auto", *ORDERS)),
        ("mode" if "auto" in kinds else "colouring", kind, kinds),
    ):
        if value not in choices:
            raise ValueError(f"gradtape.{function}: {name} must be one of {', '.join(choices)}, not {value!r}")
    checked_batch_size(batch_size, function)


def given(pattern: Any, columns: int, function: str) -> Any:
    """A pattern that the user gives, as a boolean CSR array. Raises ValueError unless it has so many columns."""
    sparse = scipy_sparse()
    matrix = sparse.csr_array(pattern)
    if len(matrix.shape) != 2 or matrix.shape[1] != columns:
        raise ValueError(f"gradtape.{function}: pattern has shape {matrix.shape}, and x has {columns} elements")
    matrix = matrix.astype(bool)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix


# -- in one call -------------------------------------------------------------------------------------------------
def format_of(sparse: Any, function: str) -> str:
    """The scipy.sparse format that `sparse` names. Raises ValueError for another."""
    if sparse is True:
        return "csr"
    if sparse not in FORMATS:
        raise ValueError(f"gradtape.{function}: sparse must be False, True, 'csr' or 'coo', not {sparse!r}")
    return str(sparse)


def moved(f: Callable[..., Any], argnums: Any, arguments: tuple[Any, ...], kwargs: Any, function: str) -> Any:
    """f as a function of its argument number `argnums` alone, and that argument. Raises TypeError for several."""
    if isinstance(argnums, tuple | list):
        raise TypeError(f"gradtape.{function}: with sparse=True argnums must be one int: concat the arguments to one")
    if not isinstance(argnums, int) or isinstance(argnums, bool):
        raise TypeError(f"gradtape.{function}: argnums must be an int, not {argnums!r}")
    if not -len(arguments) <= argnums < len(arguments):
        raise ValueError(
            f"gradtape.{function}: argnums={argnums}, but the function is called with {len(arguments)} arguments"
        )
    number = argnums % len(arguments)
    return lambda x: f(*arguments[:number], x, *arguments[number + 1 :], **kwargs), arguments[number]


def sparse_jacobian(f: Any, argnums: Any, mode: str, sparse: Any, batch_size: int | None, local: bool) -> Any:
    """The function that gives f's Jacobian as a scipy.sparse array."""
    form = format_of(sparse, "jacobian")
    check_choices("jacobian", form, batch_size, "auto", mode, PreparedJacobian.kinds)

    def sparse_jacobian_function(*arguments: Any, **kwargs: Any) -> Any:
        g, x = moved(f, argnums, arguments, kwargs, "jacobian")
        return prepare_jacobian(g, x, mode=mode, local=local, batch_size=batch_size, format=form)(x)

    return named(sparse_jacobian_function, f, "sparse_jacobian")


def sparse_hessian(f: Any, argnums: Any, sparse: Any, batch_size: int | None, local: bool) -> Any:
    """The function that gives f's Hessian as a scipy.sparse array."""
    form = format_of(sparse, "hessian")
    check_choices("hessian", form, batch_size, "auto", "star", PreparedHessian.kinds)

    def sparse_hessian_function(*arguments: Any, **kwargs: Any) -> Any:
        g, x = moved(f, argnums, arguments, kwargs, "hessian")
        return prepare_hessian(g, x, local=local, batch_size=batch_size, format=form)(x)

    return named(sparse_hessian_function, f, "sparse_hessian")


__all__ = ["load_prepared", "prepare_hessian", "prepare_jacobian"]
