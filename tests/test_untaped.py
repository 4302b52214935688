"""Where no one looks on, functions are NumPy's own call: the same values as through their full text, and its errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradtape as gt
from gradtape.functions.untaped import UNTAPED, with_data

random = np.random.default_rng(8)
X = random.normal(size=(3, 4))
SQUARE = random.normal(size=(3, 3))
POSITIVE = SQUARE @ SQUARE.T + np.eye(3)
VECTOR = random.normal(size=5)
CUBE = random.normal(size=(2, 3, 3))

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


def call(*arguments: Any, **keywords: Any) -> Arguments:
    return arguments, keywords


#: Calls that the head of each function answers by itself.
CALLS: dict[str, list[Arguments]] = {
    "cumulative.diff": [call(X), call(X, axis=0, n=2)],
    "cumulative.cumprod": [call(X), call(X, axis=1)],
    "cumulative.cumsum": [call(X), call(X, axis=0), call(X.astype(np.int8))],
    "cumulative.cumulative_prod": [call(VECTOR), call(X, axis=1)],
    "cumulative.cumulative_sum": [call(VECTOR), call(X, axis=-1), call(X.astype(np.int8), axis=0)],
    "decompositions.cholesky": [
        call(POSITIVE + 0.1j * (SQUARE - SQUARE.T)), call((POSITIVE + POSITIVE.T) / 2),
        call(POSITIVE), call(np.stack([POSITIVE, POSITIVE + 1])),
    ],
    "decompositions.eigh": [call(POSITIVE), call(SQUARE)],
    "decompositions.eigvalsh": [call(POSITIVE), call(SQUARE)],
    "decompositions.qr": [call(SQUARE), call(X.T), call(CUBE)],
    "decompositions.svd": [call(SQUARE), call(X), call(X, full_matrices=False)],
    "decompositions.svdvals": [call(SQUARE), call(X)],
    "elementwise.angle": [call(X), call(VECTOR + 1j)],
    "elementwise.float_power": [call(np.abs(X), 2 * X), call(np.abs(VECTOR), VECTOR)],
    "elementwise.nan_to_num": [call(X), call(np.array([np.nan, np.inf, -np.inf]), 1.0, posinf=9.0)],
    "elementwise.conj": [call(X), call(VECTOR + 1j)],
    "elementwise.exp2": [call(X), call(X.astype(np.float32))],
    "elementwise.imag": [call(VECTOR + 1j), call(X)],
    "elementwise.real": [call(X), call(VECTOR + 1j)],
    "elementwise.round": [call(X), call(X, 1)],
    "fft.fft": [call(VECTOR), call(X, n=6, axis=0), call(X.astype(np.float32), norm="ortho"), call(VECTOR + 1j)],
    "fft.fft2": [call(X), call(X + 1j, axes=(1, 0)), call(X.astype(np.float32), norm="ortho")],
    "fft.fftn": [call(X), call(CUBE, axes=(0, 2)), call(VECTOR + 1j)],
    "fft.fftshift": [call(VECTOR), call(X), call(CUBE, axes=(0, 2))],
    "fft.ifftshift": [call(VECTOR), call(X, axes=1)],
    "fft.ifft2": [call(X), call(CUBE)],
    "fft.ifftn": [call(X), call(CUBE, axes=(2,), norm="forward")],
    "fft.ifft": [call(VECTOR), call(X, n=3, norm="forward"), call(VECTOR + 1j)],
    "fft.irfft": [call(VECTOR + 1j), call(X, n=5, axis=0)],
    "fft.rfft": [call(VECTOR), call(X, axis=0), call(X.astype(np.float32), n=3)],
    "elementwise.clip": [call(X, -0.5, 0.5), call(X, 0, 1), call(X.astype(np.float32), -0.5, 0.5)],
    "positions.nonzero": [call(X > 0), call(VECTOR), call(np.array([0, 2, 0]))],
    "indexing.take": [call(VECTOR, np.array([2, 0])), call(X, np.array([[1, 0]]), axis=1), call(X, 1, axis=0)],
    "indexing.take_along_axis": [call(X, np.argsort(X, axis=1), axis=1)],
    "determinants.det": [call(SQUARE), call(CUBE)],
    "linalg.diagonal": [call(CUBE), call(X, offset=1)],
    "linalg.inv": [call(SQUARE), call(CUBE)],
    "linalg.matrix_power": [call(SQUARE, n) for n in range(1, 9)] + [call(CUBE, 3)],
    "linalg.matrix_rank": [call(SQUARE), call(X), call(X[:, :1] @ X[:1], rtol=1e-8)],
    "linalg.pinv": [call(SQUARE), call(X), call(CUBE), call(X, rtol=1e-3)],
    "determinants.slogdet": [call(SQUARE), call(CUBE)],
    "linalg.solve": [call(SQUARE, SQUARE.T), call(CUBE, SQUARE), call(SQUARE, SQUARE[0])],
    "linalg.trace": [call(CUBE), call(X, offset=-1), call(SQUARE)],
    "manipulation.astype": [call(X, np.float32), call(X, np.int64), call(X, bool)],
    "manipulation.broadcast_to": [call(VECTOR, (2, 5))],
    "manipulation.concat": [call([X, X]), call([X, X[:, :1]], axis=1), call([X, VECTOR], axis=None)],
    "manipulation.expand_dims": [call(X), call(X, axis=(0, -1))],
    "manipulation.hstack": [call([X, X]), call([VECTOR, VECTOR])],
    "manipulation.vstack": [call([X, X]), call([VECTOR, VECTOR]), call((X, VECTOR[:4]))],
    "manipulation.moveaxis": [call(CUBE, 0, -1), call(CUBE, (0, 1), (1, 0))],
    "manipulation.permute_dims": [call(CUBE, (2, 0, 1)), call(X, axes=(1, 0))],
    "manipulation.ravel": [call(CUBE), call(X.T)],
    "manipulation.squeeze": [call(X[None]), call(X[None, :, None], axis=2), call(np.ones((1, 1)))],
    "manipulation.split": [call(X, 3), call(X, [1], 1), call(X, 2, axis=-1)],
    "manipulation.unstack": [call(X), call(CUBE, axis=-1), call(VECTOR)],
    "manipulation.stack": [call([X, X]), call((X, X), axis=1), call([VECTOR, VECTOR], axis=-1)],
    "manipulation.swapaxes": [call(CUBE, 0, 2)],
    "manipulation.transpose": [call(CUBE), call(CUBE, (1, 0, 2))],
    "norms.norm": [
        call(VECTOR), call(X, axis=1), call(X, axis=0), call(1e200 * X, axis=-1), call(X * 0, axis=1),
        call(VECTOR.astype(np.float32)), call(VECTOR + 1j), call(1e200 * VECTOR),
        call(X), call(X + 1j), call(CUBE, axis=1),
    ],
    "norms.matrix_norm": [call(X), call(X + 1j), call(1e200 * X)],
    "norms.vector_norm": [call(VECTOR), call(CUBE), call(1e-200 * VECTOR)],
    "products.cross": [call(SQUARE, SQUARE.T), call(CUBE, SQUARE)],
    "products.contract": [call(X, SQUARE, "ab,ac->bc"), call(CUBE, CUBE, "abc,abc->a")],
    "products.dot": [call(X, VECTOR[:4]), call(SQUARE, X)],
    "products.inner": [call(VECTOR, VECTOR)],
    "products.outer": [call(VECTOR, X)],
    "products.vdot": [call(VECTOR, VECTOR)],
    "products.vecdot": [call(VECTOR, VECTOR)],
    "rearranging.diag": [call(VECTOR), call(VECTOR, -1), call(X, 1)],
    "rearranging.diagflat": [call(X)],
    "rearranging.flip": [call(X), call(X, axis=1), call(CUBE, axis=(0, 2))],
    "rearranging.pad": [call(X, 1), call(X, ((1, 0), (0, 2)), mode="edge"), call(VECTOR, (0, 2))],
    "rearranging.repeat": [call(X, 2), call(X, np.array([1, 0, 2]), axis=0)],
    "rearranging.roll": [call(X, 1), call(X, (1, 2), axis=(0, 1)), call(X, -1, axis=1)],
    "rearranging.tile": [call(VECTOR, 2), call(X, (2, 1, 2))],
    "rearranging.tril": [call(CUBE), call(X, k=1)],
    "rearranging.triu": [call(CUBE), call(X, k=-1)],
    "reductions.all": [call(X > 0), call(X, axis=0), call(X, keepdims=True)],
    "reductions.any": [call(X > 0), call(X, axis=(0, 1))],
    "reductions.count_nonzero": [call(X > 0), call(X, axis=1, keepdims=True)],
    "reductions.max": [call(X), call(X, axis=1), call(X, axis=0, keepdims=True)],
    "reductions.mean": [call(X), call(X, axis=1), call((X * 9).astype(int)), call(X.astype(np.float16), axis=0)],
    "reductions.min": [call(X), call(CUBE, axis=(0, 2)), call(X, axis=-1, keepdims=True)],
    "reductions.prod": [call(X), call(X, axis=1), call((X * 9).astype(np.int8))],
    "reductions.std": [call(X), call(X, axis=1, correction=1)],
    "reductions.sum": [call(X), call(X, axis=1, keepdims=True), call(X > 0), call(X, dtype=np.float32)],
    "reductions.var": [call(X), call(CUBE, axis=(0, 1), keepdims=True)],
    "sorting.argmax": [call(X), call(X, axis=1), call(X, axis=0, keepdims=True)],
    "sorting.argmin": [call(X), call(X, axis=-1)],
    "sorting.argsort": [call(X), call(X, axis=0), call(X, axis=None)],
    "sorting.median": [call(X), call(X, axis=1, keepdims=True), call(VECTOR), call((X * 9).astype(int), axis=0)],
    "sorting.percentile": [call(VECTOR, 30), call(X, [10.0, 50.0], axis=0, method="hazen", keepdims=True)],
    "sorting.quantile": [call(X, 0.3), call(X, [0.0, 0.5, 1.0], axis=1), call(VECTOR, 0.7, method="nearest")],
    "sorting.searchsorted": [call(np.sort(VECTOR), VECTOR), call(np.sort(VECTOR), VECTOR, side="right")],
    "sorting.sort": [call(X), call(X, axis=0), call(X, axis=None)],
}  # fmt: skip


def short(name: str) -> str:
    return name.removeprefix("gradtape.functions.")


def as_tensors(node: Any) -> Any:
    if isinstance(node, np.ndarray | np.generic):
        return gt.asarray(node)
    if hasattr(node, "_fields"):
        return type(node)(*map(as_tensors, node))
    return type(node)(map(as_tensors, node)) if isinstance(node, list | tuple) else node


def test_every_head_has_calls() -> None:
    assert {short(name) for name in UNTAPED} == set(CALLS)


def refuse(*_: Any, **__: Any) -> Any:
    raise AssertionError("the full function was called")


@pytest.mark.parametrize("name", sorted(CALLS))
def test_the_head_says_what_the_function_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    quick, full = UNTAPED[f"gradtape.functions.{name}"]
    for arguments, keywords in CALLS[name]:
        # An index array stays as it is: only what is differentiated has to be a Tensor.
        tensors = arguments if name.startswith("indexing.take") else as_tensors(arguments)
        tensors = (as_tensors(arguments[0]), *tensors[1:])
        expected = full(*tensors, **keywords)
        with monkeypatch.context() as patch:
            patch.setitem(quick.__globals__, "full", refuse)  # type: ignore[attr-defined]
            got = quick(*tensors, **keywords)
            check_same(got, expected)
            if not isinstance(arguments[0], list | tuple):
                raw = quick(*arguments, **keywords)
                assert not isinstance(raw, gt.Tensor)
                check_same(as_tensors(raw) if isinstance(raw, tuple | list) else gt.asarray(raw), expected)


def check_same(got: Any, expected: Any) -> None:
    """The same Tensor, or the same tuple of them, to the last bit."""
    assert type(got) is type(expected)
    if isinstance(expected, tuple | list):
        for part, other in zip(got, expected, strict=True):
            check_same(part, other)
        return
    np.testing.assert_array_equal(got.data, expected.data)
    assert (got.dtype, got.shape) == (expected.dtype, expected.shape)


@pytest.mark.parametrize(
    "function,arguments,error,text",
    [
        (gt.sum, (X, 5), ValueError, "gradtape.sum"),
        (gt.permute_dims, (X, (0,)), ValueError, "permute_dims"),
        (gt.concat, ([X, CUBE],), ValueError, "gradtape.concat"),
        (gt.stack, ([X, VECTOR],), ValueError, "gradtape.stack"),
        (gt.squeeze, (X, 0), ValueError, "gradtape.squeeze"),
        (gt.tril, (VECTOR,), ValueError, "gradtape.tril"),
        (gt.linalg.inv, (X,), ValueError, "gradtape.linalg.inv"),
        (gt.take, (X, np.array([0.5])), IndexError, "gradtape.take"),
    ],
)  # fmt: skip
def test_errors_are_the_functions_own(function: Callable[..., Any], arguments: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        function(*as_tensors(arguments[:1]), *arguments[1:])


def test_a_tape_sees_everything() -> None:
    x = gt.asarray(VECTOR)
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = gt.sum(gt.sort(gt.flip(x)) * gt.cumulative_sum(x))
    assert tape.gradient(y, x) is not None


def test_inside_a_transform_nothing_is_cut() -> None:
    gt.check_grads(lambda x: gt.vmap(lambda row: gt.max(row) * gt.concat([row, row]).sum())(x), (X,), order=2)


def test_arguments_keep_their_names_in_keywords() -> None:
    assert with_data("f(x, axis=axis, x=x)", ("x",)) == "f(x._data, axis=axis, x=x._data)"
    assert with_data("max(ax, x.ndim)", ("x",)) == "max(ax, x._data.ndim)"
