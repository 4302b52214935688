"""Writing into Tensors: x[i] = v as a functional update, in place where nobody can tell."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import gradtape as gt


# -- in place ----------------------------------------------------------------------------------------------------
def address(x: Any) -> int:
    """Where the elements lie in memory."""
    return int(x._data.ctypes.data)


@pytest.mark.parametrize("recorded", [False, True])
def test_a_filling_loop_writes_in_place(recorded: bool) -> None:
    z = gt.zeros((1000, 10))
    w = gt.asarray(np.full(10, 0.5))
    before = address(z)
    with gt.GradientTape() as tape:
        if recorded:
            tape.watch(w)
        z[0] = w
        for i in range(1, 1000):
            z[i] = 0.5 * z[i - 1] + w
        y = z.sum()
    assert address(z) == before
    np.testing.assert_allclose(z.numpy()[-1], 1.0)
    if recorded:
        g = tape.gradient(y, w).numpy()
        np.testing.assert_allclose(g, sum(2 - 0.5**i for i in range(1000)))


def test_the_sweep_of_a_filling_loop_copies_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cotangent of the array under the writes is erased in place, not copied for each of them."""
    from gradtape.arrays import indexing_kernels

    copies = []
    original = indexing_kernels.put
    monkeypatch.setattr(indexing_kernels, "put", lambda *a, **k: copies.append(1) or original(*a, **k))
    x = gt.asarray(np.arange(100.0))
    z = gt.zeros(100)
    with gt.GradientTape() as tape:
        tape.watch(x)
        for i in range(100):
            z[i] = x[i] ** 2
        y = (z * z).sum()
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), 4 * np.arange(100.0) ** 3)
    assert len(copies) <= 1


# -- what may not be written over ---------------------------------------------------------------------------------
def test_records_keep_the_old_value() -> None:
    x = gt.asarray([1.0, 2.0, 3.0])
    with gt.GradientTape() as tape:
        z = x.copy()
        tape.watch(z)
        source = gt.positive(z)
        y = (source * source).sum()
        source[0] = 100.0
        y = y + source.sum()
    assert tape.gradient(y, z).tolist() == [2.0, 5.0, 7.0]
    assert z.tolist() == [1.0, 2.0, 3.0]


def test_a_saved_result_is_kept() -> None:
    x = gt.asarray([0.0, 1.0])
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = gt.exp(x)
        s = y.sum()
        y[:] = 7.0
    np.testing.assert_allclose(tape.gradient(s, x).numpy(), np.exp([0.0, 1.0]))


def test_numpys_memory_is_not_written() -> None:
    a = np.ones(3)
    x = gt.asarray(a)
    x[0] = 5.0
    assert a.tolist() == [1.0, 1.0, 1.0] and x.tolist() == [5.0, 1.0, 1.0]
    seen = x.data
    x[1] = 6.0
    assert seen.tolist() == [5.0, 1.0, 1.0]
    memory = memoryview(x.data)
    x[2] = 7.0
    assert memory[2] == 1.0


def test_views_are_not_written() -> None:
    x = gt.asarray(np.arange(4.0))
    left, whole = x[:3], gt.reshape(x, (2, 2))
    x[0] = 9.0
    assert left.tolist() == [0.0, 1.0, 2.0] and whole.tolist() == [[0.0, 1.0], [2.0, 3.0]]
    left[1] = 8.0
    assert x.tolist() == [9.0, 1.0, 2.0, 3.0]
    x[1:] = x[:-1]
    assert x.tolist() == [9.0, 9.0, 1.0, 2.0]
    x[:] = x
    assert x.tolist() == [9.0, 9.0, 1.0, 2.0]


def test_copies_are_handles_of_their_own() -> None:
    x = gt.asarray([1.0, 2.0])
    others = [x.copy(), copy.copy(x), copy.deepcopy(x), gt.stop_gradient(x), gt.asarray(x, copy=True)]
    x[0] = 5.0
    assert all(o.tolist() == [1.0, 2.0] for o in others)


def test_cotangents_of_the_user_are_not_written() -> None:
    """Neither the seed nor a gradient asked for on the way is erased under the user's hands."""
    x, v = gt.asarray(np.ones(3)), gt.asarray(2.0)
    seed = gt.asarray(np.array([1.0, 2.0, 3.0]))
    with gt.GradientTape() as tape:
        tape.watch([x, v])
        z = x * 2.0
        first = gt.positive(z)
        z[1] = v
        second = gt.positive(z)
        z[2] = v
        last = gt.positive(z)
    grads = tape.gradient(last, [x, v, first, second, last], seed)
    assert [g.tolist() if g is not None else None for g in grads] == [[2.0, 0.0, 0.0], 5.0, None, None, [1.0, 2.0, 3.0]]
    assert seed.tolist() == [1.0, 2.0, 3.0]


def test_every_intermediate_gradient_survives_the_sweep() -> None:
    v = gt.asarray(2.0)
    with gt.GradientTape() as tape:
        tape.watch(v)
        z = gt.zeros(3)
        z[0] = v
        handles = [copy.copy(z)]
        for i in (1, 2):
            z[i] = v * i
            handles.append(copy.copy(z))
        y = (z * np.array([1.0, 10.0, 100.0])).sum()
    grads = tape.gradient(y, [*handles, v])
    assert [g.tolist() for g in grads] == [[1.0, 0.0, 0.0], [1.0, 10.0, 0.0], [1.0, 10.0, 100.0], 211.0]


def test_augmented_assignment() -> None:
    x = gt.asarray([1.0, -2.0, 3.0])
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = x
        y += 1.0
        assert x.tolist() == [1.0, -2.0, 3.0]
        y[y > 0] *= 2
        y[[0, 0]] += 1.0
        s = (y * y).sum()
    assert y.tolist() == [5.0, -1.0, 8.0]
    assert tape.gradient(s, x).tolist() == [20.0, -2.0, 32.0]


def test_a_handle_shared_is_a_handle_shared() -> None:
    """x[i] = v changes the handle, whatever names it has, as in NumPy."""
    x = gt.asarray([1.0, 2.0])
    y = x
    x[0] = 5.0
    assert y.tolist() == [5.0, 2.0]


def test_duplicates_the_last_one_wins() -> None:
    v = gt.asarray([1.0, 2.0, 3.0])
    with gt.GradientTape() as tape:
        tape.watch(v)
        z = gt.zeros(3)
        z[[1, 1, 2]] = v
        y = (z * z).sum()
    assert tape.gradient(y, v).tolist() == [0.0, 4.0, 6.0]


# -- inside transforms -------------------------------------------------------------------------------------------
def test_writing_inside_vmap() -> None:
    def unbatched_array(v: Any) -> Any:
        z = gt.zeros(3)
        z[1] = v
        return z * v

    def unbatched_value(x: Any) -> Any:
        x = x.copy()
        x[0] = 7.0
        return x

    def own_place(x: Any, i: Any) -> Any:
        x = x.copy()
        x[i] = 0.0
        return x

    v = gt.asarray([2.0, 3.0])
    assert gt.vmap(unbatched_array)(v).tolist() == [[0.0, 4.0, 0.0], [0.0, 9.0, 0.0]]
    rows = gt.asarray([[1.0, 2.0], [3.0, 4.0]])
    assert gt.vmap(unbatched_value)(rows).tolist() == [[7.0, 2.0], [7.0, 4.0]]
    assert gt.vmap(own_place)(rows, gt.asarray([0, 1])).tolist() == [[0.0, 2.0], [3.0, 0.0]]
    assert gt.vmap(gt.grad(lambda v: unbatched_array(v).sum()))(v).tolist() == [4.0, 6.0]
    assert gt.grad(lambda v: gt.vmap(unbatched_array)(v).sum())(v).tolist() == [4.0, 6.0]


@pytest.mark.parametrize("with_tape", [False, True])
def test_a_filling_loop_writes_in_place_inside_transforms(with_tape: bool) -> None:
    addresses = []

    def f(v: Any) -> Any:
        z = gt.zeros(20)
        for i in range(20):
            z[i] = v * i
            inside = z._data
            while not isinstance(inside, np.ndarray):
                inside = getattr(inside, "values", None) if hasattr(inside, "values") else inside.tangent
                inside = inside._data
            addresses.append(inside.ctypes.data)
            del inside
        return z.sum()

    run = gt.value_and_grad(f) if with_tape else f
    v = gt.asarray([1.0, 2.0])
    gt.vmap(run)(v)
    assert len(set(addresses)) == 1
    addresses.clear()
    assert float(gt.jvp(f, (gt.asarray(2.0),), (gt.asarray(1.0),))[1]) == 190.0
    assert len(set(addresses)) == 1
    assert gt.vmap(lambda v: gt.jvp(f, (v,), (v,))[1])(v).tolist() == [190.0, 380.0]


def test_shared_parts_of_virtual_arrays_are_not_written_over() -> None:
    def f(v: Any) -> Any:
        z = gt.zeros(2)
        z[0] = v
        other, view = z.copy(), copy.copy(z)
        squares = z * z
        z[1] = v
        z[0] = 5.0
        return gt.stack([z, other, view, squares])

    want = [[5.0, 3.0], [3.0, 0.0], [3.0, 0.0], [9.0, 0.0]]
    assert gt.vmap(f)(gt.asarray([3.0])).tolist() == [want]
    y, dy = gt.jvp(f, (gt.asarray(3.0),), (gt.asarray(1.0),))
    assert y.tolist() == want and dy.tolist() == [[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [6.0, 0.0]]
    assert gt.vmap(gt.grad(lambda v: f(v).sum()))(gt.asarray([3.0])).tolist() == [9.0]
    assert float(gt.grad(gt.grad(lambda v: f(v).sum()))(gt.asarray(3.0))) == 2.0


def test_a_mask_for_each_example_takes_one_value() -> None:
    def positive_part(x: Any, v: Any) -> Any:
        x = x.copy()
        x[x < 0] = v
        return x

    x, v = gt.asarray([[1.0, -1.0], [-2.0, 3.0]]), gt.asarray([0.0, 9.0])
    assert gt.vmap(positive_part)(x, v).tolist() == [[1.0, 0.0], [9.0, 3.0]]
    _, pull = gt.vjp(gt.vmap(positive_part), x, v)
    assert [g.tolist() for g in pull(gt.ones((2, 2)))] == [[[1.0, 0.0], [0.0, 1.0]], [1.0, 1.0]]


def test_writing_inside_a_tape_inside_vmap() -> None:
    def f(x: Any) -> Any:
        with gt.GradientTape() as tape:
            tape.watch(x)
            z = gt.zeros(2)
            z[0] = x * x
            z[1] = z[0] * x
            y = z.sum()
        return tape.gradient(y, x)

    assert gt.vmap(f)(gt.asarray([1.0, 2.0])).tolist() == [5.0, 16.0]


def test_writing_inside_jvp() -> None:
    def f(v: Any) -> Any:
        z = gt.ones(2)
        z[0] = v * v
        z *= v
        return z

    y, dy = gt.jvp(f, (gt.asarray(3.0),), (gt.asarray(1.0),))
    assert y.tolist() == [27.0, 3.0] and dy.tolist() == [27.0, 1.0]


# -- errors ------------------------------------------------------------------------------------------------------
def test_a_variable_is_assigned_as_a_whole() -> None:
    v = gt.Variable([1.0, 2.0])
    with pytest.raises(TypeError, match=r"v\.assign\(value\)"):
        v[0] = 1.0


def test_writing_must_not_lose() -> None:
    with pytest.raises(TypeError, match="complex values"):
        gt.zeros(2)[0] = 1j
    n, v = gt.zeros(2, dtype=np.int64), gt.asarray(1.5)
    n[0] = v
    assert n.tolist() == [1, 0]
    with gt.GradientTape() as tape:
        tape.watch(v)
        with pytest.raises(TypeError, match="would cut its gradient"):
            n[0] = v
    with pytest.raises(ValueError):
        gt.zeros(2)[:] = np.zeros(3)
    with pytest.raises(IndexError):
        gt.zeros(2)[5] = 1.0


def test_writing_keeps_the_dtype() -> None:
    x = gt.zeros(3, dtype=np.float32)
    v = gt.asarray(np.float64(2.0))
    with gt.GradientTape() as tape:
        tape.watch(v)
        x[0] = v
        y = x.sum()
    assert x.dtype == np.float32 and tape.gradient(y, v).dtype == np.float64


def _halved(x):
    y = gt.positive(x)
    y[y > 2] *= 0.5
    return gt.sum(y**2)


def _several(x):
    y = gt.positive(x)
    y[y > 2] = y[y > 2] ** 2 + 1.5 / y[y > 2] - np.sqrt(y[y > 2])
    y[y < 1.5] += x[0]
    y[y < 0] = -y[y < 0]
    return gt.sum(y * y)


def _rows(x):
    y = gt.reshape(gt.concat([x, 2 * x]), (2, 3))
    y[y[:, 0] > 2] *= np.array([2.0, 3.0, 4.0])
    return gt.sum(y**2)


@pytest.mark.parametrize("f", [_halved, _several, _rows])
def test_a_mask_of_its_own_for_each_example(f):
    """`x[mask] *= 2` inside vmap, where no array has the shape of x[mask]."""
    xs = np.array([[1.0, 2.0, 3.0], [4.0, -5.0, 6.0]])

    def by_tape(x):
        with gt.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        return tape.gradient(y, x)

    for g in (f, gt.grad(f), by_tape, gt.hessian(f), lambda x: gt.jvp(f, (x,), (x * x,))[1]):
        for got, x in zip(gt.vmap(g)(xs), xs, strict=True):
            np.testing.assert_allclose(got, g(gt.constant(x)), rtol=1e-14)
    np.testing.assert_allclose(gt.laplacian(f)(xs), [gt.laplacian(f)(x) for x in xs], rtol=1e-14)


@pytest.mark.parametrize(
    "use",
    [
        lambda part, x: gt.sum(part), lambda part, x: np.sum(part), lambda part, x: part * x, lambda part, x: len(part),
        lambda part, x: gt.exp(part), lambda part, x: list(part), lambda part, x: part + x[x > 3],
        lambda part, x: x.__setitem__(x > 3, part), lambda part, x: np.asarray(part),
    ],
)  # fmt: skip
def test_what_such_a_part_is_no_good_for(use):
    with pytest.raises(TypeError, match=r"use gradtape\.where"):
        gt.vmap(lambda x: use(x[x > 2], gt.positive(x)))(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    with pytest.raises(AttributeError, match=r"use gradtape\.where"):
        gt.vmap(lambda x: x[x > 2].shape)(np.ones((2, 3)))
