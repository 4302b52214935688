"""What users ask for beyond gradients of functions, on every array library: results are those of the NumPy backend."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradtape as gt
from gradtape.nest import flatten

from .array_libraries import LIBRARIES, maker

X = np.array([[0.3, -1.2, 2.0], [0.7, 0.4, -0.6]])
V = np.cos(X)
A = X @ X.T + np.eye(2)

Array = Callable[[Any], Any]
#: Functions of `array`, which makes an array of some library from NumPy's; by name.
FEATURES: dict[str, Callable[[Array], Any]] = {}


def feature(f: Callable[[Array], Any]) -> Callable[[Array], Any]:
    """Look at this on every library."""
    FEATURES[f.__name__] = f
    return f


def product(x: Any) -> Any:
    """A scalar with a full Hessian."""
    return gt.sum(gt.sin(x) * x**2) * gt.mean(x)


def each(x: Any) -> Any:
    """A function of arrays with a full Jacobian."""
    return gt.sin(x) * x[0]


# -- functions of functions ----------------------------------------------------------------------------------------
@feature
def pullbacks_and_pushforwards(array: Array) -> Any:
    value, pullback = gt.vjp(each, array(X))
    other, pushforward = gt.linearize(each, array(X))
    return value, pullback(array(V)), other, pushforward(array(V))


@feature
def hessian_products(array: Array) -> Any:
    return gt.hvp(product, array(X), array(V)), gt.hessian_diagonal(product, array(X), batch_size=4)


@feature
def jacobians(array: Array) -> Any:
    results = []
    for mode in ("forward", "reverse"):
        results.append(gt.jacobian(each, mode=mode)(array(X)))
        results.append(gt.jacobian(lambda z: gt.real(z * z[0]), mode=mode)(array(X + 1j * V)))
    return results


@feature
def higher_orders(array: Array) -> Any:
    return gt.derivative(lambda x: gt.sin(x) * x, order=3)(array(X))


@feature
def batches(array: Array) -> Any:
    picked = gt.vmap(lambda x, i: x[i] * 2)(array(X), array(np.array([0, 2])))
    shared = gt.vmap(lambda w, x: gt.matmul(w, x), in_axes=(None, 0))(array(A), array(X.T))
    return picked, shared, gt.vmap(gt.vmap(gt.grad(gt.sin)))(array(X))


# -- tapes ---------------------------------------------------------------------------------------------------------
@feature
def tapes(array: Array) -> Any:
    x, z = gt.asarray(array(X)), gt.asarray(array(V))
    with gt.GradientTape(persistent=True) as tape:
        tape.watch([x, z])
        y = gt.sin(x) * x
    seeded = tape.gradient(y, x, output_gradients=z)
    nothing = tape.gradient(y, z, unconnected_gradients="zero"), tape.jacobian(y, z, unconnected_gradients="zero")
    return tape.jacobian(y, x), tape.batch_jacobian(y, x), tape.batch_jacobian(y, z), seeded, nothing


@feature
def hessians_of_a_tape(array: Array) -> Any:
    x, z = gt.asarray(array(X)), gt.asarray(array(V))
    with gt.GradientTape() as tape:
        tape.watch([x, z])
        y = gt.sum(gt.sin(x) * z)
    return tape.hessian(y, [x, z])


@feature
def an_accumulator_around_a_tape(array: Array) -> Any:
    x = gt.asarray(array(X))
    with gt.ForwardAccumulator(x, gt.asarray(array(V))) as accumulator:
        with gt.GradientTape() as tape:
            tape.watch(x)
            y = gt.sum(gt.sin(x) * x)
        slope = tape.gradient(y, x)
    return accumulator.jvp(slope), accumulator.jvp(x * 2)


# -- rules of the user's own -----------------------------------------------------------------------------------------
def all_modes(f: Any, array: Array) -> Any:
    """Derivatives of f in every mode."""
    loss = lambda x: gt.sum(f(x))
    forward = gt.jvp(f, (array(X),), (array(V),))[1]
    return gt.grad(loss)(array(X)), forward, gt.vmap(gt.grad(loss))(array(X)), gt.hessian(loss)(array(X))


@feature
def custom_pullbacks(array: Array) -> Any:
    return all_modes(gt.custom(lambda x: gt.sin(x), vjp=lambda g, y, x: 2 * g * gt.cos(x)), array)


@feature
def custom_pushforwards(array: Array) -> Any:
    f = gt.custom(lambda a, b: (a * b, a + b), jvp=lambda t, y, a, b: (t[0] * b + a * t[1], t[0] + t[1]))
    return gt.grad(lambda a, b: gt.sum(f(a, b)[0] ** 2), argnums=(0, 1))(array(X), array(V))


@feature
def custom_gradients(array: Array) -> Any:
    @gt.custom_gradient
    def f(x: Any) -> Any:
        return gt.sin(x), lambda upstream: 3 * upstream * gt.cos(x)

    again = gt.recompute_grad(lambda x: gt.sin(x) * x)
    return all_modes(f, array), gt.grad(lambda x: gt.sum(again(x)))(array(X))


@feature
def constants(array: Array) -> Any:
    half, none = lambda x: gt.sum(x * gt.stop_gradient(x)), lambda x: gt.sum(gt.ones_like(x))
    return gt.grad(half)(array(X)), gt.grad(none)(array(X))


# -- functions that look at values or make arrays ----------------------------------------------------------------------
@feature
def statistics(array: Array) -> Any:
    x = gt.asarray(array(X))
    fractions = gt.quantile(x, [0.2, 0.7], axis=1), gt.grad(lambda x: gt.quantile(x, 0.3))(x), gt.median(x)
    places = gt.argsort(x, axis=1), gt.argmax(x), gt.searchsorted(gt.sort(x[0]), x[1])
    picked = gt.take_along_axis(x, places[0], axis=1), gt.take(x, [2, 0], axis=1), gt.nonzero(x > 0), gt.argwhere(x > 0)
    return fractions, places, picked, gt.unique_all(gt.concat([x, x])), gt.isin(gt.astype(x, "int64"), [0, 5])


@feature
def making_arrays(array: Array) -> Any:
    x = gt.asarray(array(X))
    alike = gt.zeros_like(x), gt.ones_like(x, dtype="float32"), gt.full_like(x, 3.0), gt.full((2, 2), x[0, 0])
    ranges = gt.linspace(x[0, 0], x[0, 1], 4), gt.arange(x[0, 0], 3.0, x[1, 0]), gt.meshgrid(x[0], x[1])
    return alike, ranges, gt.diag(x[0]), gt.astype(x, "int64"), gt.astype(x, "complex128"), gt.tril(x)


@feature
def lists_of_tensors(array: Array) -> Any:
    x, y = gt.asarray(array(X)), gt.asarray(array(np.array(2.0)))
    return gt.stack([x, 2 * x]), gt.concat([x, [[1.0, 2.0, 3.0]]]), gt.asarray([[y, 1.0], [0.0, y]]), x + [1.0, 2, 3]


@feature
def linear_algebra(array: Array) -> Any:
    def f(a: Any) -> Any:
        values = gt.linalg.eigvalsh(a)
        return gt.linalg.det(a) * gt.linalg.norm(a) + gt.sum(values**3) + gt.sum(gt.linalg.cholesky(a @ a.mT))

    a = array(A)
    return gt.grad(f)(a), gt.hessian(gt.linalg.det)(a), gt.linalg.matrix_power(gt.asarray(a), -2)


@feature
def networks(array: Array) -> Any:
    labels = gt.asarray(array(np.eye(2, 3)))
    loss = lambda x: gt.sum(gt.nn.softmax_cross_entropy_with_logits(labels, x) + gt.sum(gt.nn.silu(gt.nn.relu(x))))
    dropped = gt.grad(lambda x: gt.sum(gt.nn.dropout(x, 0.5, np.random.default_rng(0)) ** 2))(array(X))
    return gt.grad(loss)(array(X)), dropped, gt.nn.one_hot(gt.asarray(array(np.array([0, 2]))), 3)


@feature
def writing(array: Array) -> Any:
    def f(x: Any) -> Any:
        y = gt.zeros_like(x)
        for i in range(2):
            y[i] = x[1 - i] * (i + 1.0)
        y[y > 1] = 0.0
        y[:, 1] += x[0, 0]
        return gt.sum(y**2)

    return gt.grad(f)(array(X)), gt.hessian(f)(array(X))


# -- the handle -----------------------------------------------------------------------------------------------------
@feature
def numpys_functions_and_methods(array: Array) -> Any:
    x = gt.asarray(array(X))
    functions = np.sin(x), np.sum(x, axis=0), np.concatenate([x, x]), np.where(x > 0, x, 0.0), np.einsum("ij,kj", x, x)
    return functions, x.sum(), x.T, x.mean(axis=0), x.reshape(3, 2), x.std(), x.clip(0, 1), x.astype("float32")


@feature
def sparse_derivatives(array: Array) -> Any:
    def of_fft(x: Any) -> Any:
        return gt.real(gt.fft.ifft(gt.fft.fft(x) * gt.fft.fft(gt.astype(x, gt.float64))))

    x = array(X.ravel())
    jacobian = gt.jacobian(of_fft, sparse=True)(x)
    hessian = gt.hessian(lambda x: gt.sum(gt.abs(gt.fft.rfft(x)) ** 2) + gt.prod(x[:2]), sparse=True)(x)
    return [[round(v, 9) + 0.0 for v in m.toarray().ravel().tolist()] for m in (jacobian, hessian)]


@feature
def copies(array: Array) -> Any:
    x, v = gt.asarray(array(X)), gt.Variable(array(X))
    return copy.copy(x), copy.deepcopy(x), copy.deepcopy(v) + 0, pickle.loads(pickle.dumps(x))


@feature
def memory_of_their_own(array: Array) -> Any:
    results = []
    for given in (X, np.arange(3), X > 0):
        x = array(given)
        made = gt.asarray(x, copy=True), gt.asarray(gt.asarray(x), copy=True), gt.constant(x)
        if hasattr(x, "fill_") or isinstance(x, np.ndarray):  # an array that can be written to
            x[...] = 0
        results.append(made)
    return results


@feature
def numbers_and_text(array: Array) -> Any:
    x = gt.asarray(array(X))
    numbers = float(x[0, 0]), bool(x[0, 0] > 0), int(gt.astype(x[0, 2], "int64")), x.tolist(), x[1, 1].item()
    index = ["a", "b"][gt.asarray(array(np.array(1)))]
    return numbers, len(x), x.ndim, x.size, x.itemsize, x.nbytes, f"{x[0, 0]:.2f}", index, 2.0 in x, 7.0 in x


def pairs() -> Any:
    """(library, feature) for each; JAX compiles, so that most of its own are marked slow."""
    few = ("tapes", "batches", "custom_gradients", "writing", "lists_of_tensors", "numbers_and_text")
    for library in LIBRARIES:
        for name in FEATURES:
            slow = library == "jax" and name not in few
            yield pytest.param(library, name, marks=[pytest.mark.slow] * slow)


@pytest.mark.parametrize(("library", "name"), list(pairs()))
def test_feature(library: str, name: str) -> None:
    """Arrays come out in the library, with NumPy's values; what is no array is the same."""
    array = maker(library)
    kind = type(array(1.0))
    with np.errstate(all="ignore"):
        wanted, found = [flatten(FEATURES[name](make))[0] for make in (np.array, array)]
    for want, got in zip(wanted, found, strict=True):
        if isinstance(want, gt.Tensor):
            assert type(got.data) is kind
            assert got.shape == want.shape
            np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-9, atol=1e-10)
        else:
            assert got == want
