"""Jacobians and Hessians that are never formed: scipy.sparse.linalg.LinearOperators on raveled vectors.

What they need is recorded once, when they are made; a product is then one sweep over that record, and a matrix of
columns goes through it as one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ..arrays.dtypes import kind_of, numpy_dtype
from ..arrays.libraries import to_numpy
from ..context import active, new_level, observed_by
from ..errors import missing_extra
from ..functions.creation import asarray
from ..functions.static import static
from ..nest import Structure, check_keys, flatten
from ..sweep import Trace, run
from ..tensor import Tensor, VirtualTensor, tensor
from ..virtual.batched import Batched, unbatched
from .arguments import Selected, as_output, check_callable
from .dense import recorded_gradient
from .outside import check_plain, closed

ndarray = np.ndarray
#: From rows of cotangents or tangents, one after the other, to rows of results.
Rows = Callable[[ndarray], ndarray]

#: What errors call the result.
WHAT = "a LinearOperator"


class Vectors:
    """Arrays in a container, and the vectors of all their elements one after the other."""

    def __init__(self, leaves: Sequence[Tensor], structure: Structure, function: str):
        for leaf in leaves:
            if type(leaf) is VirtualTensor:
                raise TypeError(f"gradtape.{function}: a LinearOperator needs plain arrays; inside vmap or jvp use hvp")
            if kind_of(leaf.dtype) == "c":
                raise TypeError(f"gradtape.{function}: a LinearOperator is of real numbers, not of {leaf.dtype}")
        self.leaves, self.structure = list(leaves), structure
        self.ends = np.cumsum([leaf.size for leaf in leaves]).tolist()
        self.size = self.ends[-1] if self.ends else 0
        self.dtype = np.result_type(*[numpy_dtype(leaf.dtype) for leaf in leaves]) if leaves else np.dtype(float)

    def split(self, rows: ndarray) -> list[ndarray]:
        """Vectors (k, size) as arrays (k, *shape), one for each leaf."""
        parts = np.split(rows, self.ends[:-1], axis=1) if len(self.ends) > 1 else [rows]
        return [part.reshape(len(rows), *leaf.shape) for part, leaf in zip(parts, self.leaves, strict=True)]

    def unravel(self, v: Any) -> Any:
        """The vector in the container's structure."""
        v = np.asarray(v)
        if v.shape != (self.size,):
            raise ValueError(f"a vector of {self.size} elements is expected, not an array of shape {v.shape}")
        return self.structure.unflatten([part[0] for part in self.split(v[None])])

    def ravel(self, x: Any) -> ndarray:
        """All elements of a container of this structure as one vector."""
        leaves, structure = flatten(x)
        check_keys(self.structure, structure, "LinearOperator.ravel", "the container")
        parts = [to_numpy(asarray(leaf)._data).reshape(-1) for leaf in leaves]
        v = np.concatenate(parts) if parts else np.zeros(0)
        if v.shape != (self.size,):
            raise ValueError(f"{self.size} elements are expected, not {v.size}")
        return v

    def seeds(self, rows: ndarray, level: int) -> list[Any]:
        """The vectors as a batch for each leaf; a single one as an array for each, without a batch (level 0)."""
        made = []
        for part, leaf in zip(self.split(rows), self.leaves, strict=True):
            values = np.asarray(part if level else part[0], numpy_dtype(leaf.dtype), order="C")
            values = static(values, leaf, dtype=leaf.dtype)
            if level:
                made.append(tensor(Batched(values if isinstance(values, Tensor) else tensor(values), level)))
            else:
                made.append(values._data if isinstance(values, Tensor) else values)
        return made

    def rows(self, parts: Sequence[Any], level: int, count: int) -> ndarray:
        """The other way; None is zero."""
        flat = []
        for part, leaf in zip(parts, self.leaves, strict=True):
            if part is None:
                flat.append(np.zeros((count, leaf.size), self.dtype))
            else:
                part = part if isinstance(part, Tensor) else tensor(part)
                part = unbatched(part, level, count) if level else part
                flat.append(to_numpy(part._data).reshape(count, leaf.size))
        return np.concatenate(flat, axis=1) if flat else np.zeros((count, 0))


def swept(trace: Trace, targets: Sequence[Any], given: Vectors, sources: Sequence[int], wanted: Vectors) -> Rows:
    """Products with what the trace recorded: from cotangents of the targets to those of the sources, many at once."""

    def at(level: int, rows: ndarray) -> ndarray:
        seeds: dict[int, Any] = {}
        for target, seed in zip(targets, given.seeds(rows, level), strict=True):
            if target is not None and target._key in trace.slots:
                seeds[target._key] = seeds[target._key] + seed if target._key in seeds else seed
        found = run(trace, seeds, list(sources), consume=False) if seeds else [None] * len(sources)
        return wanted.rows(found, level, len(rows))

    def products(rows: ndarray) -> ndarray:
        with observed_by(()):
            if len(rows) == 1:
                return at(0, rows)
            with new_level() as level:
                return at(level, rows)

    return products


def by_parts(product: Rows, dtype: Any) -> Rows:
    """The products with rows; with complex ones, where the matrix is real, those with real and imaginary parts."""

    def products(rows: ndarray) -> ndarray:
        if dtype.kind != "c" and np.iscomplexobj(rows):
            made: ndarray = product(rows.real) + 1j * product(rows.imag)
            return made
        return product(rows)

    return products


# -- the operator --------------------------------------------------------------------------------------------------
@cache
def operator_class() -> Any:
    """The class of the operators; SciPy is imported when the first one is made."""
    try:
        from scipy.sparse.linalg import LinearOperator  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        raise missing_extra("scipy", "sparse", "a LinearOperator") from None

    class Operator(LinearOperator):  # type: ignore[misc]
        """A matrix known by its products. `ravel` and `unravel` go between its vectors and containers of arrays."""

        def __init__(self, name: str, outputs: Vectors, inputs: Vectors, forward: Rows, backward: Rows | None):
            self.name, self.inputs, self.outputs = name, inputs, outputs
            dtype = np.result_type(outputs.dtype, inputs.dtype)
            self.forward = by_parts(forward, dtype)
            self.backward = self.forward if backward is None else by_parts(backward, dtype)
            self.is_symmetric = backward is None
            super().__init__(dtype, (outputs.size, inputs.size))

        def ravel(self, x: Any) -> ndarray:
            """All elements of a container like the operator's argument as one vector."""
            made: ndarray = self.inputs.ravel(x)
            return made

        def unravel(self, v: Any) -> Any:
            """A vector in the structure of the operator's argument."""
            return self.inputs.unravel(v)

        def __repr__(self) -> str:
            return f"<{self.shape[0]} x {self.shape[1]} {self.name} operator of {self.dtype}>"

        def _matvec(self, v: Any) -> ndarray:
            return self.forward(np.asarray(v).reshape(1, -1)).reshape(-1)

        def _rmatvec(self, v: Any) -> ndarray:
            return self.backward(np.asarray(v).reshape(1, -1)).reshape(-1)

        def _matmat(self, V: Any) -> ndarray:
            return self.forward(np.asarray(V).T).T

        def _rmatmat(self, V: Any) -> ndarray:
            return self.backward(np.asarray(V).T).T

        def _adjoint(self) -> Any:
            return self if self.is_symmetric else super()._adjoint()

        def _transpose(self) -> Any:
            return self if self.is_symmetric else super()._transpose()

    return Operator


def chosen(x: Any, function: str) -> tuple[Selected, Vectors]:
    """The argument, and its vectors: a copy, for what is recorded of it outlives changes of the caller's array."""
    selected = Selected((x,), 0, function)
    vectors = Vectors(selected.leaves, selected.structures[0], function)
    selected.leaves = vectors.leaves = [asarray(leaf, copy=True) for leaf in selected.leaves]
    return selected, vectors


def recorded(f: Callable[..., Any], x: Any, function: str) -> tuple[Trace, Selected, list[Tensor], Vectors, Vectors]:
    """f recorded at x: the trace, the arguments, the outputs, and the vectors of both."""
    check_callable(f, function)
    selected, inputs = chosen(x, function)
    trace = Trace()
    for leaf in selected.leaves:
        trace.follow(leaf)
    with closed(function, WHAT), observed_by((*active(), trace)):
        outputs, structure = flatten(selected.call(f, selected.leaves, {}))
    outputs = [as_output(y, function) for y in outputs]
    return trace, selected, outputs, inputs, Vectors(outputs, structure, function)


def closed_gradient(f: Callable[..., Any], selected: Selected, function: str, name: str = "f") -> Any:
    """A trace of f and its gradient, and the gradient's leaves. Raises TypeError where f uses what is followed."""
    with closed(function, WHAT):
        trace, gradient = recorded_gradient(f, selected, {}, function, name=name)
    check_plain(gradient, function, WHAT)
    return trace, gradient


def backwards(trace: Trace, outputs: list[Tensor], values: Vectors, selected: Selected, inputs: Vectors) -> Rows:
    """Cotangents times the Jacobian."""
    return swept(trace, outputs, values, [x._key for x in selected.leaves], inputs)


def forwards(trace: Trace, outputs: list[Tensor], values: Vectors, selected: Selected, inputs: Vectors) -> Rows:
    """The Jacobian times tangents: the transpose of the pullback, which is recorded once."""
    from .arguments import zeros_like

    second = Trace()
    start = [second.watch(zeros_like(y)) for y in outputs]
    with observed_by((second,)):
        seeds: dict[int, Any] = {}
        for y, g in zip(outputs, start, strict=True):
            if y._key in trace.slots:
                seeds[y._key] = seeds[y._key] + g if y._key in seeds else g
        keys = [x._key for x in selected.leaves]
        back = run(trace, seeds, keys, consume=False) if seeds else [None] * len(keys)
    back = [g if isinstance(g, Tensor) else None for g in back]
    return swept(second, back, inputs, [g._key for g in start], values)


def hessian_operator(f: Callable[..., Any], x: Any) -> Any:
    """The Hessian of a scalar f at x as a symmetric scipy.sparse.linalg.LinearOperator, of x's elements raveled.

    `x`: real floating arrays in any container. f runs once, here; a product is one sweep, a product with a matrix one
    sweep of a batch. eigsh, cg and minres of scipy.sparse.linalg work on it. Raises TypeError for complex arrays,
    ValueError if f's value is no scalar, ImportError without SciPy.

    >>> import gradtape as gt, numpy as np
    >>> H = gt.hessian_operator(lambda x: gt.sum(x**3) + x[0] * x[1], np.array([1.0, 2.0]))
    >>> (H @ np.array([1.0, 0.0])).tolist()
    [6.0, 1.0]
    """
    check_callable(f, "hessian_operator")
    selected, vectors = chosen(x, "hessian_operator")
    trace, gradient = closed_gradient(f, selected, "hessian_operator")
    products = swept(trace, gradient, vectors, [leaf._key for leaf in selected.leaves], vectors)
    return operator_class()("Hessian", vectors, vectors, products, None)


def jacobian_operator(f: Callable[..., Any], x: Any) -> Any:
    """The Jacobian of f at x as a scipy.sparse.linalg.LinearOperator: raveled outputs by raveled elements of x.

    `x`, outputs: real floating arrays in any container. f runs once; products with it and with its transpose are
    sweeps. svds, lsqr and lsmr of scipy.sparse.linalg work on it. Raises as hessian_operator.

    >>> import gradtape as gt, numpy as np
    >>> J = gt.jacobian_operator(lambda x: gt.stack([x[0] * x[1], gt.sin(x[0])]), np.array([0.0, 3.0]))
    >>> (J @ np.array([1.0, 1.0])).tolist(), (J.T @ np.array([1.0, 0.0])).tolist()
    ([3.0, 1.0], [3.0, 0.0])
    """
    trace, selected, outputs, inputs, values = recorded(f, x, "jacobian_operator")
    forward = forwards(trace, outputs, values, selected, inputs)
    return operator_class()("Jacobian", values, inputs, forward, backwards(trace, outputs, values, selected, inputs))


def gauss_newton(f: Callable[..., Any], loss: Callable[..., Any], x: Any) -> Any:
    """The Gauss-Newton matrix J^T H J at x as a LinearOperator: J the Jacobian of f at x, H the Hessian of the scalar
    `loss` at f(x).

    It is the Hessian of loss(f(x)) without the curvature of f, and positive semidefinite where loss is convex
    (Schraudolph, 2002; for a loss that is a negative log-likelihood of f's values it is the Fisher information:
    Martens, 2014). Raises as hessian_operator.

    >>> import gradtape as gt, numpy as np
    >>> G = gt.gauss_newton(lambda x: x[0] * x, lambda y: gt.sum(y**2) / 2, np.array([1.0, 2.0]))
    >>> (G @ np.array([0.0, 1.0])).tolist()
    [2.0, 1.0]
    """
    check_callable(loss, "gauss_newton")
    trace, selected, outputs, inputs, values = recorded(f, x, "gauss_newton")
    points = Selected((values.structure.unflatten([tensor(y._data) for y in outputs]),), 0, "gauss_newton")
    second, gradient = closed_gradient(loss, points, "gauss_newton", "loss")
    forward = forwards(trace, outputs, values, selected, inputs)
    curved = swept(second, gradient, values, [y._key for y in points.leaves], values)
    backward = backwards(trace, outputs, values, selected, inputs)
    products: Rows = lambda rows: backward(curved(forward(rows)))
    return operator_class()("Gauss-Newton", inputs, inputs, products, None)


def fisher(f: Callable[..., Any], x: Any) -> Any:
    """The empirical Fisher information at x as a LinearOperator: the mean over examples of s s^T, s being the gradient
    of one example's log-likelihood.

    `f`: from the parameters x to the log-likelihoods of n examples, shape (n,). (The Fisher information itself is the
    mean over the model's own distribution: gauss_newton, or f on labels drawn from it.) Raises ValueError for another
    shape, the rest as hessian_operator.

    >>> import gradtape as gt, numpy as np
    >>> data = np.array([1.0, 2.0, 6.0])
    >>> F = gt.fisher(lambda m: -((data - m[0]) ** 2) / 2, np.array([3.0]))
    >>> round(float((F @ np.ones(1))[0]), 10)  # the mean of (data - 3)**2
    4.6666666667
    """
    trace, selected, outputs, inputs, values = recorded(f, x, "fisher")
    if len(outputs) != 1 or len(outputs[0].shape) != 1:
        raise ValueError(
            "gradtape.fisher: f must give one vector, the log-likelihoods of the examples; it gave "
            f"{[tuple(y.shape) for y in outputs]}"
        )
    forward = forwards(trace, outputs, values, selected, inputs)
    backward = backwards(trace, outputs, values, selected, inputs)
    products: Rows = lambda rows: backward(forward(rows) / max(values.size, 1))
    return operator_class()("Fisher information", inputs, inputs, products, None)


def hessian_blocks(f: Callable[..., Any], x: Any, batch_size: int | None = 256) -> Any:
    """The diagonal blocks of a scalar f's Hessian at x, one for each array of the container: leaf.shape + leaf.shape.

    `batch_size`: how many rows of a block go through at once. What couples two arrays is left out, and never computed
    whole. Raises as hessian.

    >>> import gradtape as gt, numpy as np
    >>> blocks = gt.hessian_blocks(lambda p: p["a"] ** 2 * gt.sum(p["b"] ** 2), {"a": 2.0, "b": np.array([1.0, 3.0])})
    >>> float(blocks["a"]), blocks["b"].tolist()
    (20.0, [[8.0, 0.0], [0.0, 8.0]])
    """
    from .arguments import zeros_like
    from .dense import reverse_rows, split_rows

    check_callable(f, "hessian_blocks")
    selected = Selected((x,), 0, "hessian_blocks")
    trace, gradient = recorded_gradient(f, selected, {}, "hessian_blocks")
    blocks = []
    for g, leaf in zip(gradient, selected.leaves, strict=True):
        known = zeros_like(leaf) if g is None else g
        (rows,) = reverse_rows(trace, [known], [leaf], batch_size, "hessian_blocks")
        blocks.append(split_rows(rows, [leaf], leaf)[0])
    return selected.pack(blocks)


__all__ = ["fisher", "gauss_newton", "hessian_blocks", "hessian_operator", "jacobian_operator"]
