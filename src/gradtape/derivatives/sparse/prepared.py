"""Prepared sparse derivatives: pattern and colours once, afterwards the products only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...arrays.index_sets import scipy_sparse
from ...arrays.libraries import to_numpy
from ...context import new_level
from ...functions.static import static
from ...nest import flatten
from ...sweep import run
from ...tensor import Tensor, tensor, to_array
from ...virtual.batched import Batched, unbatched
from ..arguments import Selected, check_callable, named
from ..dense import chunks, recorded_gradient
from ..forward import pushed
from .colouring import colour_columns, star_colouring
from .detection import hessian_pattern, jacobian_pattern, the_output, the_vector

FORMATS = ("csr", "coo")


class Prepared:
    """A sparse derivative of f whose pattern and colours are known; calling it costs the products only.

    `pattern`: the boolean CSR array of what may be non-zero; `colors`: a number for each column (or row), those of one
    number going into one product.
    """

    def __init__(self, f: Callable[..., Any], pattern: Any, colors: np.ndarray, format: str, batch_size: int | None):
        self.f, self.pattern, self.colors, self.format, self.batch_size = f, pattern, colors, format, batch_size

    @property
    def n_colors(self) -> int:
        """How many products an evaluation takes."""
        return int(self.colors.max(initial=-1)) + 1

    def seeds(self, start: int, stop: int) -> np.ndarray:
        """The directions of the colours start..stop: 1 where the colour is."""
        return np.asarray(self.colors[None, :] == np.arange(start, stop)[:, None]).astype(float)

    def assembled(self, products: np.ndarray) -> Any:
        """The sparse array from all products, one row each."""
        sparse = scipy_sparse()
        data = products.reshape(-1)[self.places]
        matrix = sparse.csr_array(
            (data, self.pattern.indices.copy(), self.pattern.indptr.copy()), shape=self.pattern.shape
        )
        return matrix if self.format == "csr" else matrix.tocoo()

    places: np.ndarray

    def __call__(self, x: Any, *others: Any) -> Any:
        raise NotImplementedError


def rows_and_columns(pattern: Any) -> tuple[np.ndarray, np.ndarray]:
    """The row and the column of each non-zero, in CSR order."""
    return np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr)), pattern.indices


class PreparedJacobian(Prepared):
    """f's Jacobian by products with directions: columns of one colour at a time."""

    def __init__(self, f: Any, pattern: Any, colors: Any, format: str, batch_size: int | None):
        super().__init__(f, pattern, colors, format, batch_size)
        rows, columns = rows_and_columns(pattern)
        self.places = colors[columns].astype(np.int64) * pattern.shape[0] + rows

    def __call__(self, x: Any, *others: Any) -> Any:
        x = the_vector(x, "jacobian")
        products = []
        _, structure = flatten((x,))
        for start, stop in chunks(self.n_colors, self.batch_size, "jacobian"):
            with new_level() as level:
                seeds = static(self.seeds(start, stop).astype(x.dtype), x)
                seed = tensor(Batched(seeds if isinstance(seeds, Tensor) else tensor(seeds), level))
                out, tangent = pushed(lambda x: the_output(self.f(x, *others), "jacobian"), [x], [seed], structure)
            products.append(np.asarray(to_numpy(to_array(unbatched(tangent, level, stop - start)))))
        return self.assembled(np.concatenate(products))


class PreparedHessian(Prepared):
    """f's Hessian by products with directions, each entry read where it stands alone."""

    def __init__(self, f: Any, pattern: Any, colors: Any, format: str, batch_size: int | None):
        super().__init__(f, pattern, colors, format, batch_size)
        n = pattern.shape[0]
        rows, columns = rows_and_columns(pattern)
        colors = colors.astype(np.int64)
        key = rows * self.n_colors + colors[columns]
        alone = np.bincount(key, minlength=n * self.n_colors)[key] == 1
        self.places = np.where(alone, colors[columns] * n + rows, colors[rows] * n + columns)

    def __call__(self, x: Any, *others: Any) -> Any:
        x = the_vector(x, "hessian")
        selected = Selected((x, *others), 0, "hessian")
        trace, (gradient,) = recorded_gradient(self.f, selected, {}, "hessian")
        (x,) = selected.leaves
        products = []
        for start, stop in chunks(self.n_colors, self.batch_size, "hessian"):
            if gradient is None or gradient._key not in trace.slots:
                products.append(np.zeros((stop - start, x.size)))
                continue
            with new_level() as level:
                seeds = static(self.seeds(start, stop).astype(x.dtype), x)
                seed = tensor(Batched(seeds if isinstance(seeds, Tensor) else tensor(seeds), level))
                (row,) = run(trace, {gradient._key: seed}, [x._key], consume=False)
            products.append(np.asarray(to_numpy(to_array(unbatched(row, level, stop - start)))))
        return self.assembled(np.concatenate(products))


def prepare_jacobian(
    f: Callable[..., Any],
    x: Any,
    *others: Any,
    local: bool = False,
    batch_size: int | None = None,
    format: str = "csr",
) -> PreparedJacobian:
    """The sparse Jacobian of f at points like x, prepared: P(x) then costs a few products.

    >>> import gradtape as gt
    >>> P = gt.prepare_jacobian(lambda x: x[1:] * x[:-1], gt.asarray([1.0, 2.0, 3.0]))
    >>> P(gt.asarray([1.0, 2.0, 3.0])).toarray().tolist()
    [[2.0, 1.0, 0.0], [0.0, 3.0, 2.0]]
    """
    check_callable(f, "prepare_jacobian")
    pattern = jacobian_pattern(f, the_vector(x, "prepare_jacobian"), others, local)
    return PreparedJacobian(f, pattern, colour_columns(pattern), format, batch_size)


def prepare_hessian(
    f: Callable[..., Any],
    x: Any,
    *others: Any,
    local: bool = False,
    batch_size: int | None = None,
    format: str = "csr",
) -> PreparedHessian:
    """The sparse Hessian of a scalar f at points like x, prepared: P(x) then costs a few products.

    >>> import gradtape as gt
    >>> P = gt.prepare_hessian(lambda x: x[0] * x[1] + x[2] ** 2, gt.asarray([1.0, 2.0, 3.0]))
    >>> P(gt.asarray([1.0, 2.0, 3.0])).toarray().tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 2.0]]
    """
    check_callable(f, "prepare_hessian")
    pattern = hessian_pattern(f, the_vector(x, "prepare_hessian"), others, local)
    return PreparedHessian(f, pattern, star_colouring(pattern), format, batch_size)


def format_of(sparse: Any, function: str) -> str:
    """The scipy.sparse format that `sparse` names. Raises ValueError for another."""
    if sparse is True:
        return "csr"
    if sparse not in FORMATS:
        raise ValueError(f"gradtape.{function}: sparse must be False, True, 'csr' or 'coo', not {sparse!r}")
    return str(sparse)


def moved(f: Callable[..., Any], argnums: Any, arguments: tuple[Any, ...], kwargs: Any, function: str) -> Any:
    """f with its argument number `argnums` first, and that argument and the others. Raises TypeError for several."""
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

    def sparse_jacobian_function(*arguments: Any, **kwargs: Any) -> Any:
        g, x = moved(f, argnums, arguments, kwargs, "jacobian")
        return prepare_jacobian(g, x, local=local, batch_size=batch_size, format=form)(x)

    return named(sparse_jacobian_function, f, "sparse_jacobian")


def sparse_hessian(f: Any, argnums: Any, sparse: Any, batch_size: int | None, local: bool) -> Any:
    """The function that gives f's Hessian as a scipy.sparse array."""
    form = format_of(sparse, "hessian")

    def sparse_hessian_function(*arguments: Any, **kwargs: Any) -> Any:
        g, x = moved(f, argnums, arguments, kwargs, "hessian")
        return prepare_hessian(g, x, local=local, batch_size=batch_size, format=form)(x)

    return named(sparse_hessian_function, f, "sparse_hessian")


__all__ = ["prepare_hessian", "prepare_jacobian"]
