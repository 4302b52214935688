"""NumPy's methods and attributes on Tensors, against NumPy's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradtape as gt

random = np.random.default_rng(5)
MATRIX = random.normal(size=(3, 4))
CUBE = random.normal(size=(2, 3, 4))
COMPLEX = random.normal(size=(3, 2)) + 1j * random.normal(size=(3, 2))

CALLS = {
    "all": lambda x: x.all(axis=0), "any": lambda x: (x > 5).any(), "argmax": lambda x: x.argmax(0),
    "argmin": lambda x: x.argmin(axis=1, keepdims=True), "argsort": lambda x: x.argsort(axis=0),
    "astype": lambda x: x.astype(np.float32), "clip": lambda x: x.clip(-0.5, 0.5), "clip max": lambda x: x.clip(max=0),
    "compress": lambda x: x.compress([True, False, True], axis=0), "conj": lambda x: x.conj(),
    "conjugate": lambda x: x.conjugate(), "copy": lambda x: x.copy(), "cumprod": lambda x: x.cumprod(axis=1),
    "cumsum": lambda x: x.cumsum(0), "cumsum flat": lambda x: x.cumsum(), "diagonal": lambda x: x.diagonal(1),
    "dot": lambda x: x.dot(np.arange(4.0)), "dot number": lambda x: x.dot(2.0), "dot matrix": lambda x: x.dot(x.T),
    "flatten": lambda x: x.flatten(), "imag": lambda x: x.imag, "mT": lambda x: x.mT,
    "max": lambda x: x.max(axis=(0, 1)),
    "mean": lambda x: x.mean(0), "mean kept": lambda x: x.mean(axis=1, keepdims=True), "min": lambda x: x.min(-1),
    "prod": lambda x: x.prod(1), "ravel": lambda x: x.ravel(), "real": lambda x: x.real,
    "repeat": lambda x: x.repeat(2, axis=1), "repeat flat": lambda x: x.repeat(2),
    "reshape": lambda x: x.reshape(4, -1),
    "reshape to a tuple": lambda x: x.reshape((2, 6)), "reshape to an int": lambda x: x.reshape(-1),
    "round": lambda x: x.round(1), "squeeze": lambda x: x[None].squeeze(0), "std": lambda x: x.std(axis=0, ddof=1),
    "sum": lambda x: x.sum(), "sum of axis": lambda x: x.sum(0), "sum dtype": lambda x: x.sum(0, np.float32),
    "sum out": lambda x: x.sum(0, None, None, True),
    "swapaxes": lambda x: x.swapaxes(0, 1), "T": lambda x: x.T, "take": lambda x: x.take([0, 5]),
    "take axis": lambda x: x.take([2, 0], 1), "take mode": lambda x: x.take([9], mode="clip"),
    "trace": lambda x: x.trace(1), "transpose": lambda x: x.transpose(),
    "transpose axes": lambda x: x[None].transpose(2, 0, 1), "transpose tuple": lambda x: x[None].transpose((1, 2, 0)),
    "transpose None": lambda x: x.transpose(None), "var": lambda x: x.var(1), "nbytes": lambda x: x.nbytes,
    "itemsize": lambda x: x.itemsize, "size": lambda x: x.size, "ndim": lambda x: x.ndim,
    "item": lambda x: x[0, 0].item(), "tolist": lambda x: x.tolist(), "matmul": lambda x: x @ x.T,
    "rmatmul": lambda x: np.ones(3) @ x, "iter": lambda x: [row.sum() for row in x], "len": lambda x: len(x),
    "contains": lambda x: (MATRIX[1, 2] in x, 17.0 in x), "nonzero": lambda x: (x > 0).nonzero(),
    "searchsorted": lambda x: np.arange(3.0).searchsorted(1.5) if isinstance(x, np.ndarray) else
    gt.asarray(np.arange(3.0)).searchsorted(1.5),
}  # fmt: skip


def plain(y: Any) -> Any:
    """Without Tensors."""
    if isinstance(y, list | tuple):
        return [plain(part) for part in y]
    return y.numpy() if isinstance(y, gt.Tensor) else y


@pytest.mark.parametrize("name", CALLS)
def test_as_numpys(name: str) -> None:
    call = CALLS[name]
    for x in (MATRIX, COMPLEX) if name in ("conj", "conjugate", "real", "imag", "copy", "T") else (MATRIX,):
        want, got = call(x), plain(call(gt.asarray(x)))
        np.testing.assert_allclose(got, want, rtol=1e-6 if "float32" in str(getattr(want, "dtype", "")) else 1e-12)
        assert np.asarray(got).dtype == np.asarray(want).dtype


def test_methods_are_recorded() -> None:
    x = gt.asarray(MATRIX)
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = x.T.reshape(-1).copy().flatten().astype(np.float64).take([0, 0, 1]).sum()
    want = np.zeros((3, 4))
    want[0, 0], want[1, 0] = 2, 1
    np.testing.assert_array_equal(tape.gradient(y, x).numpy(), want)


def test_methods_inside_transforms() -> None:
    x = gt.asarray(CUBE)
    y = gt.vmap(lambda x: x.T.ravel().clip(0.0, 1.0).std(ddof=1))(x)
    np.testing.assert_allclose(y.numpy(), [c.T.ravel().clip(0, 1).std(ddof=1) for c in CUBE])


def test_sort_and_fill_write() -> None:
    x = gt.asarray([3.0, 1.0, 2.0])
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = x.copy()
        assert y.sort() is None
        s = (y * np.array([1.0, 10.0, 100.0])).sum()
    assert y.tolist() == [1.0, 2.0, 3.0] and x.tolist() == [3.0, 1.0, 2.0]
    assert tape.gradient(s, x).tolist() == [100.0, 1.0, 10.0]
    y.fill(4.0)
    assert y.tolist() == [4.0] * 3
    with pytest.raises(TypeError, match="assign"):
        gt.Variable([2.0, 1.0]).sort()


def test_iteration() -> None:
    x = gt.asarray([1.0, 2.0, 3.0])
    with gt.GradientTape() as tape:
        tape.watch(x)
        a, b, c = x
        y = a * b * c
    assert tape.gradient(y, x).tolist() == [6.0, 3.0, 2.0]
    with pytest.raises(TypeError, match="0-d"):
        iter(gt.asarray(1.0))


def test_namespace_and_device() -> None:
    x = gt.asarray([1.0])
    assert x.__array_namespace__() is gt and x.__array_namespace__(api_version="2023.12") is gt
    assert x.to_device("cpu") is x
    with pytest.raises(ValueError, match="standard"):
        x.__array_namespace__(api_version="1999.01")
    with pytest.raises(ValueError, match="cpu"):
        x.to_device("gpu")


def test_errors_name_the_method() -> None:
    x = gt.asarray(MATRIX)
    with pytest.raises(TypeError, match=r"Tensor\.sum: Tensors have no out="):
        x.sum(out=np.zeros(()))
    with pytest.raises(TypeError, match=r"Tensor\.max\(\) takes from 1 to 4 positional arguments but 5 were given"):
        x.max(0, None, False, 1)
    with pytest.raises(ValueError, match="order='F'"):
        x.flatten("F")


# -- creation ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name,arguments,keywords",
    [
        ("arange", (5,), {}), ("arange", (1.0, 2.0, 0.25), {}), ("arange", (3,), {"dtype": np.float32}),
        ("empty_like", (np.zeros((0, 2)),), {}), ("eye", (2, 3), {"k": 1}), ("full", ((2,), 3), {}),
        ("full", (2, 1.5), {"dtype": np.float32}), ("full_like", (np.ones(2, np.float32), 2), {}),
        ("identity", (2,), {}), ("linspace", (0.0, 1.0, 5), {}), ("linspace", (0.0, 1.0, 5), {"endpoint": False}),
        ("linspace", (0.0, 1.0, 1), {}),
        ("linspace", (0, 10, 3), {"dtype": np.int64}), ("ones", ((2, 3),), {}), ("ones_like", (np.arange(3),), {}),
        ("tri", (3,), {}), ("zeros", (3,), {"dtype": np.int32}), ("zeros_like", (np.ones((2, 2), np.float32),), {}),
    ],
)  # fmt: skip
def test_creation(name: str, arguments: Any, keywords: Any) -> None:
    got, want = getattr(gt, name)(*arguments, **keywords), getattr(np, name)(*arguments, **keywords)
    assert type(got) is gt.Tensor and got.dtype == want.dtype
    np.testing.assert_array_equal(got.numpy(), want)


def test_created_from_tensors() -> None:
    """full, linspace, arange and nested lists keep the gradients of the Tensors in them."""
    a, b = gt.asarray(1.0), gt.asarray(3.0)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch([a, b])
        line = gt.linspace(a, b, 3)
        steps = gt.arange(a, 9.0, b)
        table = gt.asarray([[a, 2], [b, a]])
        same = gt.full((2, 2), a)
    assert line.tolist() == [1.0, 2.0, 3.0] and steps.tolist() == [1.0, 4.0, 7.0]
    assert [float(g) for g in tape.gradient(line, [a, b])] == [1.5, 1.5]
    assert [float(g) for g in tape.gradient(steps, [a, b])] == [3.0, 3.0]
    assert [float(g) for g in tape.gradient(table, [a, b])] == [2.0, 1.0]
    assert float(tape.gradient(same, a)) == 4.0


def test_lists_with_numbers_keep_single_precision() -> None:
    x = gt.asarray(np.float32(1.0))
    assert gt.asarray([x, 2.0]).dtype == gt.stack([x, 1]).dtype == gt.concat([gt.ones(2, dtype=np.float32), [x]]).dtype
    assert gt.asarray([x, 2.0]).dtype == np.float32


def test_asarray_copies_when_asked() -> None:
    a = np.ones(2)
    assert gt.asarray(a).data is a and gt.asarray(a, copy=True).data is not a
    with pytest.raises(ValueError):
        gt.asarray([1.0, 2.0], copy=False)
    with pytest.raises(ValueError):
        gt.asarray(gt.ones(2), dtype=np.float32, copy=False)
    with pytest.raises(ValueError, match="cpu"):
        gt.zeros(2, device="gpu")
    with pytest.raises(TypeError, match="masked"):
        gt.asarray(np.ma.masked_array([1.0]))
    with pytest.raises(TypeError):
        gt.asarray("text")
    assert gt.from_dlpack(a).tolist() == [1.0, 1.0]


# -- manipulation: what the samples leave --------------------------------------------------------------------------
@pytest.mark.parametrize(
    "call,text",
    [
        (lambda: gt.permute_dims(MATRIX, (0,)), "axes must name each of the 2 axes once"),
        (lambda: gt.squeeze(MATRIX, axis=0), "axis 0 has length 3, not 1"),
        (lambda: gt.concat([MATRIX, CUBE]), "differ off axis 0"),
        (lambda: gt.stack([MATRIX, CUBE]), "differ"),
        (lambda: gt.stack([]), "at least one array"),
        (lambda: gt.split(MATRIX, 2), "no 2 equal parts"),
        (lambda: gt.pad(MATRIX, 1, mode="mean"), "unknown mode 'mean'"),
        (lambda: gt.tril(np.ones(2)), "two axes or more"),
        (lambda: gt.diag(CUBE), "one axis or two"),
        (lambda: gt.meshgrid([1.0], indexing="ab"), "'xy' or 'ij'"),
        (lambda: gt.moveaxis(MATRIX, (0, 1), 0), "differ in length"),
        (lambda: gt.roll(MATRIX, (1, 2, 3), axis=(0, 1)), "differ in length"),
        (lambda: gt.flip(MATRIX, axis=2), "out of bounds"),
    ],
)  # fmt: skip
def test_errors_of_manipulation(call: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        call()


def test_a_concatenation_of_many_parts_is_linear() -> None:
    """The sweep hands each part a slice; nothing of the whole's size is made for each."""
    n = 20_000
    parts = [gt.asarray(np.ones(10)) for _ in range(n)]
    with gt.GradientTape() as tape:
        tape.watch(parts)
        y = (gt.concat(parts) * 2.0).sum()
    grads = tape.gradient(y, parts)
    assert grads[0].tolist() == grads[-1].tolist() == [2.0] * 10
