"""Kernels of Dask arrays: NumPy's kernels on blocks, or on whole arrays as one task, where Dask has none of its own.

All is lazy, but for masks: how many elements they pick is not known before they are computed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from . import indexing_kernels as kernels
from . import reduction_kernels
from .standard_linalg import contracted


def derive(xp: Any, primitive: Any) -> Callable[..., Any] | None:
    """NumPy's kernel on each block, for functions of each element, of rows and of matrices."""
    kernel = primitive.kernel
    if primitive.name in BLOCKED:
        return partial(BLOCKED[primitive.name], numpy_kernel=kernel)
    signature = signature_of(primitive.name, len(primitive.arguments))
    if signature is not None:
        return lambda xp, *data, **parameters: by_rows(kernel, signature, *data, **parameters)
    if primitive.name in ALONG:
        return lambda xp, *data, **parameters: along(kernel, *data, **parameters)
    module = getattr(kernel, "__module__", None) or type(kernel).__module__
    if primitive.batch != "align" or module == "_operator" or isinstance(kernel, np.ufunc):
        return None

    def by_blocks(xp: Any, *data: Any, **parameters: Any) -> Any:
        from dask.array.core import elemwise

        return elemwise(partial(kernel, **parameters), *data)

    return by_blocks


def as_one_task(kernel: Callable[..., Any], shape: Any, dtype: Any, *arrays: Any) -> Any:
    """A kernel of whole arrays, as one task whose result has this shape."""
    import dask
    import dask.array as da

    task = dask.delayed(kernel, pure=True)(*arrays)
    return da.from_delayed(task, shape, dtype)


def gather(xp: Any, x: Any, *indices: Any, key: Any) -> Any:
    """x[key] with index arrays."""
    if any(i.dtype.kind == "b" for i in indices):
        indices = tuple([np.asarray(i) for i in indices])  # how many elements there are depends on the values
    shape = np.broadcast_to(np.False_, x.shape)[kernels.filled(key, example_indices(indices))].shape
    return as_one_task(partial(kernels.get_arrays, key=key), shape, x.dtype, x, *indices)


def example_indices(indices: tuple[Any, ...]) -> tuple[Any, ...]:
    """Indices of the same shapes."""
    return tuple([i if i.dtype.kind == "b" else np.zeros(i.shape, np.intp) for i in indices])


def scatter_add(xp: Any, g: Any, *indices: Any, key: Any, shape: Any) -> Any:
    """Zeros of that shape with g added at a key."""
    return as_one_task(partial(kernels.scatter_arrays, key=key, shape=shape), shape, g.dtype, g, *indices)


def setitem(xp: Any, v: Any, x: Any, *indices: Any, key: Any) -> Any:
    """A copy of x with v at the key."""
    return as_one_task(partial(kernels.put, key=key), x.shape, x.dtype, v, x, *indices)


def last_writers(xp: Any, *indices: Any, key: Any, shape: Any) -> Any:
    """Of the elements written at a key: whether each is what stays there."""
    picked = np.broadcast_to(np.False_, shape)[kernels.filled(key, example_indices(indices))].shape
    return as_one_task(partial(kernels.last_writers, key=key, shape=shape), picked, np.bool_, *indices)


def put_slices(xp: Any, x: Any, slices: Any, v: Any) -> Any:
    """A copy of x with v at slices."""
    y = x.copy()
    y[slices if slices else ...] = v
    return y


# -- functions of whole rows or matrices ----------------------------------------------------------------------------
#: Their axes, in the notation of numpy.vectorize: NumPy's kernel is applied to each block of the leading axes.
SIGNATURES = {
    "cholesky": "(n,n)->(n,n)", "circles_of_det": "(t,n,n)->(t,t)", "det": "(n,n)->()",
    "eig": "(n,n)->(n),(n,n)", "eigenvalue_conditions": "(n,n)->(n)", "eigh": "(n,n)->(n),(n,n)",
    "eigvalsh": "(n,n)->(n)", "expm": "(n,n)->(n,n)", "inv": "(n,n)->(n,n)", "matrix_rank": "(m,n)->()",
    "pinv": "(m,n)->(n,m)", "qr": "(m,n)->(m,k),(k,n)", "qr_complete": "(m,n)->(m,m),(m,n)",
    "slogdet": "(n,n)->(),()", "solve": "(n,n),(n,r)->(n,r)", "solve_triangular": "(n,n),(n,r)->(n,r)",
    "svd": "(m,n)->(m,k),(k),(k,n)", "svd_full": "(m,n)->(m,m),(k),(n,n)",
    "svdvals": "(m,n)->(k)", "softmax": "(n)->(n)", "log_softmax": "(n)->(n)", "softmax_centered": "(n),(n)->(n)",
    "softmax_uncentered": "(n),(n)->(n)", "softmax_cross_entropy": "(n),(n)->(),(n)",
    "sparse_softmax_cross_entropy": "(),(n)->(),(n)",
}  # fmt: skip


def by_rows(kernel: Callable[..., Any], signature: str, *data: Any, **parameters: Any) -> Any:
    """A kernel of the last axes; those become one chunk, the leading ones keep theirs.

    An array among the parameters has a number for each matrix.
    """
    import dask.array as da

    names = [name for name, value in parameters.items() if getattr(value, "ndim", 0)]
    if names:

        def of_blocks(*blocks: Any) -> Any:
            return kernel(*blocks[: len(data)], **parameters | dict(zip(names, blocks[len(data) :], strict=True)))

        spread = [da.asarray(parameters[name]) for name in names]
        return by_rows(of_blocks, signature.replace("->", ",()" * len(names) + "->"), *data, *spread)
    inputs, outputs = [
        [re.findall(r"\w+", part) for part in re.findall(r"\(([^)]*)\)", side)] for side in signature.split("->")
    ]
    sizes: dict[str, int] = {}
    for axes, x in zip(inputs, data, strict=True):
        sizes |= dict(zip(axes, x.shape[len(x.shape) - len(axes) :], strict=True))
    sizes["k"] = min(sizes.get("m", 0), sizes["n"])
    if any(0 in x.shape for x in data):  # nothing depends on any value
        y = kernel(*[np.zeros(x.shape, x.dtype) for x in data], **parameters)
        return tuple([da.asarray(part) for part in y]) if len(outputs) > 1 else da.asarray(y)
    shapes = [([2] * len(axes), x.dtype) for axes, x in zip(inputs, data, strict=True)]
    example = kernel(*[np.eye(2, dtype=t) if len(s) == 2 else np.ones(s, t) for s, t in shapes], **parameters)
    types = [np.asarray(y).dtype for y in (example if isinstance(example, tuple) else (example,))]
    y = da.apply_gufunc(
        partial(kernel, **parameters), signature, *data, output_dtypes=types if len(outputs) > 1 else types[0],
        output_sizes={"k": sizes["k"]} if "k" in signature.split("->")[1] else None, allow_rechunk=True,
    )  # fmt: skip
    return tuple(y) if len(outputs) > 1 else y


def signature_of(name: str, arguments: int) -> str | None:
    """The axes of a function of rows or matrices, if it is one."""
    if name.startswith(("det_derivative", "matrix_function")):
        return ",".join(["(n,n)"] * arguments) + "->(n,n)"
    return SIGNATURES.get(name)


def blocked(name: str) -> Callable[..., Any]:
    """Dask's own algorithm for one matrix of several blocks, else NumPy's kernel for stacks of matrices."""

    def kernel(xp: Any, *data: Any, numpy_kernel: Any, **parameters: Any) -> Any:
        import dask.array as da

        a = data[0]
        if a.ndim > 2 or a.npartitions == 1 or len(set(a.chunks[0])) > 1 or a.chunks[0] != a.chunks[1]:
            return by_rows(numpy_kernel, SIGNATURES[name], *data, **parameters)
        if name == "cholesky":
            return da.linalg.cholesky(0.5 * (a + a.conj().T), lower=True)
        return getattr(da.linalg, name)(*data, **parameters)

    return kernel


BLOCKED = {name: blocked(name) for name in ("cholesky", "inv", "solve", "solve_triangular")}


#: Functions along an axis (or axes) whose result has their arguments' shape.
ALONG = frozenset(
    ["argsort", "exponential_shares", "foremost", "inverse_order", "recurrence", "reorder", "shift", "sort"]
)


def along(kernel: Callable[..., Any], *data: Any, axis: Any, **parameters: Any) -> Any:
    """A kernel along axes, each of which becomes one chunk; the others keep theirs."""
    import dask.array as da

    axes = axis if isinstance(axis, tuple) else (axis,)
    arrays = [x.rechunk(dict.fromkeys(axes, -1)) for x in da.broadcast_arrays(*data)]
    dtype = np.asarray(kernel(*[np.zeros([1] * x.ndim, x.dtype) for x in arrays], axis=axis, **parameters)).dtype
    return da.map_blocks(partial(kernel, axis=axis, **parameters), *arrays, dtype=dtype)


def leave_one_out(xp: Any, rows: Any, axis: tuple[int, ...]) -> Any:
    """For each element the product of all others along the axes."""
    rows = rows.rechunk(dict.fromkeys((*axis, rows.ndim - 1), -1))
    kernel = partial(reduction_kernels.leave_one_out, axis=axis)
    return rows.map_blocks(kernel, dtype=rows.dtype, drop_axis=rows.ndim - 1)


def searchsorted(xp: Any, x1: Any, x2: Any, side: str, lead: int) -> Any:
    """Where to insert x2 into the sorted x1."""
    return as_one_task(partial(reduction_kernels.searchsorted, side=side, lead=lead), np.shape(x2), np.intp, x1, x2)


KERNELS: dict[str, Any] = {
    function.__name__: function
    for function in (gather, last_writers, leave_one_out, put_slices, scatter_add, searchsorted, setitem)
} | {"einsum": contracted, "einsum_one": contracted}
