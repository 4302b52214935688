"""The same program on every array library: derivatives of each kind, where results live, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import gradtape as gt
from gradtape.arrays.libraries import Library

from .array_libraries import LIBRARIES, TITLES, maker

every_library = pytest.mark.parametrize("library", LIBRARIES)


def elementwise(x: Any) -> Any:
    """Smooth functions, a power, and a branch whose derivative is infinite where it is not taken."""
    smooth = gt.sin(x) * gt.exp(-x * x) + x**3 / (1 + x * x) + gt.tanh(x) - gt.logaddexp(x, 0.5)
    return gt.sum(smooth) + gt.sum(gt.where(x > 0, gt.sqrt(x), 0.0))


def reducing(x: Any) -> Any:
    """Reductions of every kind, a product with a zero among them."""
    return (
        gt.mean(x) * gt.max(x) + gt.var(x, axis=1)[0] + gt.logsumexp(x) + gt.sum(gt.prod(x - x[0, 0], axis=1))
        + gt.sum(gt.cumsum(x, axis=0) ** 2) + gt.sum(gt.sort(x, axis=1)[:, 0] ** 3)
    )  # fmt: skip


def indexing(x: Any) -> Any:
    """Reading at slices, lists and masks, writing at slices and at places named twice."""
    y = gt.concat([x, 2 * x], axis=0)
    y[0] = x[1] ** 2
    y[[1, 1], [0, 0]] = x[0, 1:]
    z = gt.reshape(y, (-1,))[1:11:2]
    return gt.sum(y[:, ::-1] @ x[0]) ** 2 + gt.sum(z**2) + gt.sum(x[[0, 1, 0]] ** 3) + gt.sum(x[..., None, 1] ** 2)


def rearranging(x: Any) -> Any:
    """The order of axes and elements."""
    y = gt.stack([gt.roll(x, 1, axis=1), gt.flip(x)], axis=1)
    z = gt.tril(x) * gt.triu(x) * x
    return gt.sum(gt.permute_dims(y, (2, 0, 1)) ** 3) + gt.sum(z) + gt.sum(gt.pad(x, 1)[1] ** 3)


PROGRAMS = [elementwise, reducing, indexing, rearranging]
X = np.array([[0.3, -1.2, 2.0], [0.7, 0.4, -0.6]])
V = np.array([[0.5, 1.5, 2.5], [0.25, 2.0, 3.0]])


def asks(f: Any, x: Any, direction: Any, batch: Any) -> dict[str, Any]:
    """f's value and derivatives in every mode."""
    return {
        "value": f(gt.asarray(x)),
        "gradient": gt.grad(f)(x),
        "hessian": gt.hessian(f)(x),
        "jvp": gt.jvp(f, (x,), (direction,))[1],
        "taylor": gt.taylor(f, x, direction, 3).derivatives[3],
        "forward over reverse": gt.jvp(gt.grad(f), (x,), (direction,))[1],
        "vmap": gt.vmap(gt.grad(f))(batch),
    }


@every_library
@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_programs(library: str, f: Any) -> None:
    """Values and derivatives in every mode are NumPy's, and stay in the library."""
    array = maker(library)
    direction, batch = np.cos(X), np.stack([X, X + 0.1])
    with np.errstate(all="ignore"):
        wanted = asks(f, X, direction, batch)
        found = asks(f, array(X), array(direction), array(batch))
    kind = type(array(X))
    for name, y in found.items():
        assert type(y.data) is kind, name
        np.testing.assert_allclose(y.numpy(), wanted[name].numpy(), rtol=1e-10, atol=1e-12, err_msg=name)


@every_library
def test_differential_operators(library: str) -> None:
    array = maker(library)
    f = lambda x, n: gt.tanh(x @ n) @ n[0] * gt.sum(x**2)
    n = np.array([[0.3, 0.5, -1.0], [0.2, 1.0, 0.7], [1.0, -0.4, 0.1]])
    for operator in (gt.laplacian, gt.bilaplacian):
        found = operator(f)(array(X), gt.asarray(array(n)))
        assert type(found.data) is type(array(X))
        np.testing.assert_allclose(found.numpy(), operator(f)(X, n).numpy(), rtol=1e-10)


@every_library
def test_the_dtype_stays(library: str) -> None:
    array = maker(library)
    x = array(X.astype(np.float32))
    for f in (elementwise, rearranging):
        with np.errstate(all="ignore"):
            for derivative in (gt.grad(f)(x), gt.hessian(f)(x)):
                assert derivative.dtype == x.dtype, f


@every_library
def test_contractions_have_the_dtype_of_products(library: str) -> None:
    """As in NumPy, whatever the library's own sum of small integers has."""
    array = maker(library)
    for first, second in ((np.int16, np.int16), (np.int8, np.int32), (np.float32, np.float32)):
        a, b = np.arange(6).reshape(2, 3).astype(first), np.arange(3, 9).reshape(2, 3).astype(second)
        x, y = gt.asarray(array(a)), gt.asarray(array(b))
        for f in (
            gt.vecdot, gt.inner, lambda x, y: gt.einsum("ij,ij->i", x, y), lambda x, y: gt.einsum("ij->", x),
            lambda x, y: gt.tensordot(x, y, axes=2), lambda x, y: gt.tensordot(x, y, axes=([1], [1])),
        ):  # fmt: skip
            found, want = f(x, y).numpy(), f(a, b)
            assert found.dtype == want.dtype
            np.testing.assert_array_equal(found, want)


@every_library
def test_a_tolerance_for_each_matrix_and_numbers_to_search_for(library: str) -> None:
    array = maker(library)
    stack, tolerances = np.stack([np.diag([1.0, 0.3, 0.1]), np.diag([1.0, 0.5, 0.2])]), np.array([0.2, 0.4])
    x = gt.asarray(array(stack))
    for f in (gt.linalg.pinv, gt.linalg.matrix_rank):
        np.testing.assert_allclose(f(x, rtol=tolerances).numpy(), f(stack, rtol=tolerances), atol=1e-12)
    f = lambda x: gt.sum(gt.linalg.pinv(x, rtol=tolerances) ** 2)
    np.testing.assert_allclose(gt.grad(f)(x).numpy(), gt.grad(f)(stack).numpy(), atol=1e-9)
    assert int(gt.searchsorted(gt.asarray(array(np.array([1.0, 2.0, 4.0]))), 3.0)) == 2


@every_library
def test_plain_arrays_in_plain_arrays_out(library: str) -> None:
    """As with NumPy: what is given no Tensor gives none."""
    array = maker(library)
    x = array(X)
    for y in (gt.sin(x), gt.sum(x, axis=0), gt.matmul(x, gt.matrix_transpose(x)), gt.where(x > 0, x, 0), gt.var(x)):
        assert type(y) is type(x)


@every_library
def test_tapes_and_variables(library: str) -> None:
    array = maker(library)
    w, x = gt.Variable(array(X[0])), gt.asarray(array(X[1]))
    for step in range(2):
        with gt.GradientTape(persistent=True) as tape:
            loss = gt.sum((w * x - 1) ** 2)
            g = tape.gradient(loss, w)
        second = tape.gradient(g, w)
        np.testing.assert_allclose(second.numpy(), 2 * X[1] ** 2)
        np.testing.assert_allclose(g.numpy(), 2 * X[1] * (w.numpy() * X[1] - 1))
        assert type(g.data) is type(x.data)
        w.assign_sub(0.1 * g)
        assert type(w.data) is type(x.data), step
    with gt.ForwardAccumulator(w, gt.ones_like(w)) as accumulator:
        y = gt.sum(w**3)
    np.testing.assert_allclose(accumulator.jvp(y).numpy(), np.sum(3 * w.numpy() ** 2))
    with pytest.raises(TypeError, match=r"holds an array of .* and cannot be assigned one of NumPy"):
        w.assign(X[0])


@every_library
def test_arrays_of_two_libraries_are_refused(library: str) -> None:
    """The error names both; numbers are of no library."""
    array = maker(library)
    x = gt.asarray(array(X))
    title = TITLES.get(library, "array-api-strict")
    for other in (X, gt.asarray(X)):
        with pytest.raises(TypeError, match=rf"gradtape.multiply: arrays of {title} and of NumPy in one operation"):
            x * other
        with pytest.raises(TypeError, match=rf"gradtape.matmul: arrays of NumPy and of {title} in one operation"):
            gt.matmul(gt.permute_dims(other, (1, 0)), x)
    np.testing.assert_allclose((np.float64(2.0) * x + np.asarray(1.0) - [[1.0], [0.0]]).numpy(), 2 * X + [[0], [1]])
    with gt.GradientTape() as tape:
        tape.watch(s := gt.constant(2.0))
        with pytest.raises(TypeError, match="in one operation"):
            s * x


def test_three_libraries_are_told_apart() -> None:
    """Two libraries other than NumPy are refused like one and NumPy."""
    x, y = [gt.asarray(maker(library)(X)) for library in list(LIBRARIES)[:2]]
    with pytest.raises(TypeError, match=r"gradtape.add: arrays of .* and of .* in one operation: convert one of them"):
        x + y


@pytest.mark.parametrize("library", [library for library in LIBRARIES if library != "array_api_strict"])
def test_plain_arrays_meet_tensors_on_either_side(library: str) -> None:
    """(array-api-strict raises TypeError for whatever is no array of its own on the right.)"""
    array = maker(library)
    x, plain = gt.asarray(array(X)), array(V)
    for y in (x * plain, plain * x, plain - x, x / plain, plain**x, plain @ gt.matrix_transpose(x), plain < x):
        assert type(y) is type(x)
    g = gt.grad(lambda x: gt.sum(plain * x))(array(X))
    np.testing.assert_allclose(g.numpy(), V)


def test_what_a_library_lacks_is_named() -> None:
    strict = pytest.importorskip("array_api_strict")
    message = "gradtape.erf of array-api-strict arrays: array-api-strict has no function special.erf"
    with pytest.raises(gt.NoKernelError, match=message):
        gt.special.erf(strict.asarray(X))


@every_library
def test_masks_have_to_fit(library: str) -> None:
    """As NumPy's, in reading and writing; an empty one fits as it does there, and picks nothing."""
    array = maker(library)
    x = gt.asarray(array(np.ones((2, 3, 4))))
    for lengths, key, axis in (
        ((3,), lambda m: m, 0),
        ((2, 2), lambda m: m, 1),
        ((3,), lambda m: (..., m), 2),
        ((2,), lambda m: (slice(None), None, m), 1),
        ((2, 4), lambda m: (..., m), 1),
    ):
        ones = np.ones(lengths, bool)
        for y, mask in ((x, gt.asarray(array(ones))), (gt.asarray(np.ones((2, 3, 4))), ones)):
            words = f"boolean index did not match indexed array along axis {axis}; size of axis is"
            with pytest.raises(IndexError, match=words):
                y[key(mask)]
            with pytest.raises(IndexError, match=words):
                y[key(mask)] = 0.0
    assert x[..., gt.asarray(array(np.ones(4))) > 0].shape == (2, 3, 4)
    assert x[:, gt.asarray(array(np.ones((3, 4)))) > 0, None].shape == (2, 12, 1)
    assert x[gt.asarray(array(np.zeros(0))) > 0].shape == (0, 3, 4)


@pytest.mark.parametrize("library", [library for library in ("jax", "torch", "cuda") if library in LIBRARIES])
def test_half_precision(library: str) -> None:
    """Numbers of 16 bits stay what they are, the kind that NumPy has not among them."""
    array = maker(library)
    if library == "jax":
        import jax.numpy as namespace
    else:
        import torch as namespace
    f = lambda x: gt.sum(gt.sin(x) * x) + gt.mean(x[:1] ** 2) + gt.max(x)
    for dtype in (namespace.float16, namespace.bfloat16):
        x = gt.astype(array(X), dtype)
        assert x.dtype == dtype
        assert (gt.Variable(x) + 0).dtype == dtype
        for derivative, want in ((gt.grad(f)(x), gt.grad(f)(X)), (gt.hessian(f)(x), gt.hessian(f)(X))):
            assert derivative.dtype == x.dtype
            np.testing.assert_allclose(derivative.numpy().astype(float), want.numpy(), rtol=0.05, atol=0.02)


def test_cupys_kernels_on_numpys_functions_of_the_same_names() -> None:
    """No GPU is needed to see that what CuPy's table adds to the standard is right."""
    compat = pytest.importorskip("array_api_compat.numpy")
    xp = Library("cupy", compat)
    positions, rows = np.array([2, 0, 2]), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    np.testing.assert_array_equal(xp.helper("add_at")(4, positions, rows), [[3, 4], [0, 0], [6, 8], [0, 0]])
    np.testing.assert_array_equal(xp.helper("max_at")(4, positions, np.arange(3)), [1, -1, 2, -1])
    np.testing.assert_allclose(xp.helper("einsum")(X, V, subscripts="ij,kj->ik"), X @ V.T)


def test_results_stay_on_the_device() -> None:
    """array-api-strict has devices that are told apart, and refuses to mix them."""
    strict = pytest.importorskip("array_api_strict")
    device = strict.Device("device1")
    x = strict.asarray(X, device=device)
    for f in PROGRAMS:
        for name, y in asks(f, x, strict.asarray(np.cos(X), device=device), strict.stack([x, x])).items():
            assert y.data.device == device, (f, name)
            assert y.device == device
    assert gt.Variable(x).device == device


def test_values_move_between_devices() -> None:
    """And their cotangents back, in every mode."""
    strict = pytest.importorskip("array_api_strict")
    here, there = strict.Device("CPU_DEVICE"), strict.Device("device1")
    x = strict.asarray(X, device=here)
    f = lambda x: gt.sum(gt.sin(x.to_device(there)) ** 2).to_device(here) * gt.sum(x)
    wanted = asks(lambda x: gt.sum(gt.sin(x) ** 2) * gt.sum(x), X, np.cos(X), np.stack([X, X + 0.1]))
    found = asks(f, x, strict.asarray(np.cos(X)), strict.asarray(np.stack([X, X + 0.1])))
    for name, y in found.items():
        assert y.device == here, name
        np.testing.assert_allclose(y.numpy(), wanted[name].numpy(), err_msg=name)
    assert gt.asarray(x, device=there).device == there
    assert gt.asarray(X).to_device("cpu").device == "cpu"
    with pytest.raises(ValueError, match="NumPy arrays live on the device 'cpu', not 'cuda'"):
        gt.asarray(X).to_device("cuda")


@every_library
def test_the_namespace_of_tensors_makes_arrays_of_their_library(library: str) -> None:
    """Code written to the array API standard runs as it is, and is differentiated."""
    array = maker(library)

    def penalised(x: Any) -> Any:
        xp = x.__array_namespace__()
        places = xp.arange(x.shape[-1], dtype=x.dtype)
        weights = xp.ones((3, 3), dtype=x.dtype) + xp.eye(3, dtype=xp.float64) + xp.asarray([0.0, 1.0, 2.0])
        return xp.sum(xp.linspace(0.0, 1.0, 3) * places * x @ weights) ** 2 + xp.sum(xp.zeros_like(x) + x)

    x = gt.asarray(array(X))
    assert type(x.__array_namespace__().zeros(3).data) is type(array(1.0))
    assert x.__array_namespace__().float64 == x.dtype
    np.testing.assert_allclose(gt.grad(penalised)(array(X)).numpy(), gt.grad(penalised)(X).numpy())
    np.testing.assert_allclose(gt.hessian(penalised)(array(X)).numpy(), gt.hessian(penalised)(X).numpy())


def test_nothing_is_imported_that_the_user_has_not_imported() -> None:
    """Neither by importing gradtape nor by using it on NumPy's arrays, and for JAX not even array_api_compat."""
    pytest.importorskip("jax")
    code = """
import sys
import numpy as np
import gradtape as gt
gt.hessian(lambda x: gt.sum(gt.sin(x) @ x[[0, 1]]))(np.ones((2, 2)))
assert not {"array_api_compat", "array_api_strict", "jax", "torch", "dask", "cupy"} & set(sys.modules)
import jax.numpy
gt.hessian(lambda x: gt.sum(gt.sin(x) @ x[[0, 1]]))(jax.numpy.ones((2, 2)))
assert not {"array_api_compat", "array_api_strict", "torch", "dask", "cupy"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_jax_as_it_comes() -> None:
    """With numbers of 32 bits and no warning of any that are not to be had; and inside JAX's own transforms."""
    pytest.importorskip("jax")
    code = """
import warnings
warnings.simplefilter("error")
import jax
import jax.numpy as jnp
import numpy as np
import gradtape as gt
from tests.test_array_libraries import X, elementwise, indexing
x = jnp.asarray(X)
assert x.dtype == np.float32
with np.errstate(all="ignore"):
    for f in (elementwise, indexing):
        want = gt.grad(f)(X).numpy()
        gradient = lambda x: gt.grad(f)(x).data
        for found in (gradient(x), jax.jit(gradient)(x)):
            assert found.dtype == np.float32
            np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-4)
    by_jax = jax.grad(lambda x: indexing(gt.asarray(x)).data)(x)
    np.testing.assert_allclose(by_jax, want, rtol=1e-4, atol=1e-4)
    batch = jax.vmap(lambda x: gt.grad(elementwise)(x).data)(x)
    np.testing.assert_allclose(batch, gt.grad(elementwise)(X).numpy(), rtol=1e-4, atol=1e-4)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
