"""Sparsity patterns of Jacobians and Hessians, read from the program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...arrays.dtypes import kind_of
from ...arrays.index_sets import IndexSets, empty, identity
from ...context import active, new_level, observed_by
from ...functions.sparse_products import is_sparse
from ...nest import flatten
from ...tensor import Tensor, Variable, VirtualTensor, tensor
from ...virtual.pattern import Pattern, Scan
from ..arguments import Selected, as_output, asarray, differentiable, zeros_like
from ..dense import recorded_gradient
from ..outside import closed, nothing_flows
from .premises import FullTrace, Premises, may_vary, typical

#: What errors call the result.
WHAT = "a sparse derivative"


def the_vector(x: Any, function: str) -> Tensor:
    """x as a Tensor of one axis of real floating numbers. Raises TypeError or ValueError, saying what to do."""
    leaves, structure = flatten(x)
    if structure.parts is not None:
        raise TypeError(
            f"gradtape.{function}: with sparse=True the argument must be one vector, not a container of arrays: "
            "ravel its arrays and concat them, and take them apart in f"
        )
    if isinstance(leaves[0], Tensor) and (type(leaves[0]) is VirtualTensor or is_followed(leaves[0])):
        raise nothing_flows(function, WHAT, "x")
    v = differentiable(leaves[0], function, "x")
    if kind_of(v.dtype) == "c":
        raise TypeError(f"gradtape.{function}: with sparse=True x must be real, not {v.dtype}: stack real and imag")
    if v.ndim != 1:
        raise ValueError(
            f"gradtape.{function}: with sparse=True the argument must be a vector; its shape is {v.shape}: pass "
            "gradtape.ravel(x), and reshape it in f"
        )
    return v


def is_followed(x: Tensor) -> bool:
    """Whether a tape looks on that follows x."""
    return any([x._key in observer.slots for observer in active()])


def the_output(y: Any, function: str) -> Tensor:
    """f's value, which must be one array of one axis. Raises TypeError or ValueError otherwise."""
    _, structure = flatten(y)
    if structure.parts is not None:
        raise TypeError(
            f"gradtape.{function}: with sparse=True f must give one vector, not a container: concat its parts"
        )
    output = as_output(y, function)
    if len(output.shape) != 1:
        raise ValueError(
            f"gradtape.{function}: with sparse=True f must give a vector; it gave an array of shape {output.shape}: "
            "return gradtape.ravel(y)" + (", or use gradtape.grad for a scalar f" if not output.shape else "")
        )
    the_real(output, function)
    return output


def the_real(y: Any, function: str) -> Any:
    """f's value. Raises TypeError for a complex one, whose derivative by real numbers would lose its imaginary part."""
    if kind_of(getattr(y, "dtype", np.dtype(float))) == "c":
        raise TypeError(
            f"gradtape.{function}: with sparse=True f must be real; it gave {y.dtype}: take its real and its imaginary "
            "part"
        )
    return y


def sets_of(y: Any, level: int, width: int) -> IndexSets:
    """The index sets that an output has at this level."""
    if type(y) is VirtualTensor and y._data.level == level and y._data.sets is not None:
        return y._data.sets  # type: ignore[no-any-return]
    return empty(y.size, width)


def scanned(
    g: Callable[..., Any],
    x: Tensor,
    others: Sequence[Any],
    local: bool,
    premises: Premises | None,
    name: str,
    read: Callable[[Any], Any],
) -> Any:
    """The boolean CSR pattern of the derivative of x -> g(x, *others) at x; `read` checks g's value.

    Numbers and arrays among the others may have other values later on, so that a global pattern does not go by them;
    `premises` notes what else it goes by.
    """
    n = x.size
    scan = Scan(n, local)
    trace = FullTrace()
    with closed(name, WHAT), observed_by((*active(), trace)), new_level() as level:
        value = tensor(x._data)
        rest = []
        for other in others:
            leaves, structure = flatten(other)
            rest.append(structure.unflatten([varying(leaf, scan, level) for leaf in leaves]))
        y = read(g(tensor(Pattern(value, identity(n), False, scan, level)), *rest))
        if premises is not None:
            premises.note(trace.read)
        return sets_of(y, level, n).matrix


def varying(leaf: Any, scan: Scan, level: int) -> Any:
    """An argument that is not differentiated, as one whose values may change."""
    if is_sparse(leaf):
        return leaf if scan.local else typical(leaf)
    if not may_vary(leaf):
        return leaf
    t = asarray(leaf)
    if type(t) is VirtualTensor:
        return t
    return tensor(Pattern(tensor(t._data) if isinstance(t, Variable) else t, None, True, scan, level))


def jacobian_pattern(
    f: Callable[..., Any],
    x: Tensor,
    others: Sequence[Any] = (),
    local: bool = False,
    premises: Premises | None = None,
) -> Any:
    """The pattern of f's Jacobian at x."""
    return scanned(f, x, others, local, premises, "jacobian", lambda y: the_output(y, "jacobian"))


def hessian_pattern(
    f: Callable[..., Any],
    x: Tensor,
    others: Sequence[Any] = (),
    local: bool = False,
    premises: Premises | None = None,
) -> Any:
    """The pattern of f's Hessian at x: that of its gradient's Jacobian, where the transpose agrees.

    A local one is made symmetric by the union: at special points the program may have derivatives by one order of
    differentiation only.
    """

    def slope(x: Any, *others: Any) -> Any:
        return scalar_gradient(f, x, others)

    pattern = scanned(slope, x, others, local, premises, "hessian", lambda y: y)
    both = (pattern + pattern.T if local else pattern.multiply(pattern.T)).tocsr()
    both.sort_indices()
    return both


def real_valued(f: Callable[..., Any]) -> Callable[..., Any]:
    """f, whose value must be real."""
    return lambda *arguments: the_real(f(*arguments), "hessian")


def scalar_gradient(f: Callable[..., Any], x: Any, others: Sequence[Any]) -> Any:
    """The gradient of a scalar f, as a Tensor. Raises ValueError if f's value is no scalar."""
    trace, (gradient,) = recorded_gradient(real_valued(f), Selected((x, *others), 0, "hessian"), {}, "hessian")
    return zeros_like(x) if gradient is None else gradient
