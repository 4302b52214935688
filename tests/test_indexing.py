"""Indexing as NumPy's, and its gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradtape as gt
from gradtape.functions.indexing import scatter, updated

Key = tuple[Any, ...]


# -- random keys -------------------------------------------------------------------------------------------------
@st.composite
def shapes_and_keys(draw: Any, arrays: bool = True) -> tuple[tuple[int, ...], Key]:
    """A shape and a key for it: ints, slices, None, one ellipsis, integer arrays that broadcast, masks, booleans."""
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    index_shape = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    kinds = ["int", "slice", "slice", "none"] + ["array", "array", "mask", "bool"] * arrays
    key: list[Any] = []
    axis = 0
    ellipsis = False
    masked = 0
    while axis < len(shape) and draw(st.integers(0, 5)):
        kind = draw(st.sampled_from(kinds))
        n = shape[axis]
        if kind == "none":
            key.append(None)
            continue
        if kind == "bool":
            if draw(st.booleans()):
                key.append(True)
            continue
        if kind == "int":
            key.append(draw(st.integers(-n, n - 1)))
        elif kind == "slice":
            bound = st.none() | st.integers(-n - 1, n + 1)
            key.append(slice(draw(bound), draw(bound), draw(st.sampled_from([None, 1, 2, -1, -2]))))
        elif kind == "array":
            own = tuple([draw(st.sampled_from([1, m])) for m in index_shape[draw(st.integers(0, len(index_shape))) :]])
            count = int(np.prod(own))
            key.append(np.array(draw(st.lists(st.integers(-n, n - 1), min_size=count, max_size=count))).reshape(own))
        elif not masked and not index_shape:
            masked = 1
            key.append(np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n))))
        else:
            key.append(slice(None))
        axis += 1
        if not ellipsis and not draw(st.integers(0, 6)):
            ellipsis = True
            key.append(...)
            axis = draw(st.integers(axis, len(shape)))  # what the ellipsis may cover, or part of it
    return shape, tuple(key)


def is_allowed(x: np.ndarray, key: Key) -> bool:
    """Whether NumPy takes the key."""
    try:
        x[key]
    except IndexError:
        return False
    return True


def values_for(shape: tuple[int, ...]) -> np.ndarray:
    """An array of that shape with distinct elements."""
    return np.arange(1.0, np.prod(shape) + 1).reshape(shape)


@settings(max_examples=300, deadline=None)
@given(shapes_and_keys())
def test_getitem_is_numpys(case: tuple[tuple[int, ...], Key]) -> None:
    shape, key = case
    x = values_for(shape)
    if not is_allowed(x, key):
        with pytest.raises(IndexError):
            gt.asarray(x)[key]
        return
    want = np.asarray(x[key])
    t = gt.asarray(x)
    with gt.GradientTape() as tape:
        tape.watch(t)
        y = t[key]
    np.testing.assert_array_equal(y.numpy(), want)
    assert y.shape == want.shape
    g = np.cos(np.arange(want.size)).reshape(want.shape)
    grad = np.zeros(shape)
    np.add.at(grad, key, g)
    np.testing.assert_allclose(tape.gradient(y, t, gt.asarray(g)).numpy(), grad, atol=1e-12)
    np.testing.assert_allclose(gt.asarray(scatter(g, key, shape)).numpy(), grad, atol=1e-12)


@settings(max_examples=300, deadline=None)
@given(shapes_and_keys(), st.booleans())
def test_setitem_is_numpys(case: tuple[tuple[int, ...], Key], one: bool) -> None:
    """Values, and gradients of old and new elements: each element's gradient goes to where it came from."""
    shape, key = case
    x = values_for(shape)
    if not is_allowed(x, key):
        return
    v = np.array(-3.5) if one else -100.0 - np.arange(np.asarray(x[key]).size).reshape(np.shape(x[key]))
    want = x.copy()
    want[key] = v
    t, new = gt.asarray(x.copy()), gt.asarray(v)
    g = np.cos(np.arange(x.size)).reshape(shape)
    with gt.GradientTape() as tape:
        tape.watch([t, new])
        y = t.copy()
        y[key] = new
    np.testing.assert_array_equal(y.numpy(), want)
    np.testing.assert_array_equal(t.numpy(), x)
    old, to_new = tape.gradient(y, [t, new], gt.asarray(g))
    np.testing.assert_array_equal(old.numpy(), np.where(want == x, g, 0))
    by_value = np.array([g[want == e].sum() for e in v.ravel()]).reshape(v.shape)
    np.testing.assert_allclose(to_new.numpy(), by_value, atol=1e-12)


def is_index(k: Any) -> bool:
    """Whether this entry of a key is an integer array."""
    return isinstance(k, np.ndarray) and k.dtype.kind == "i"


@settings(max_examples=300, deadline=None)
@given(shapes_and_keys(), st.integers(0, 2**31))
def test_keys_inside_vmap(case: tuple[tuple[int, ...], Key], seed: int) -> None:
    """Batched arrays, batched indices and batched new elements, in all mixtures, against a loop."""
    shape, key = case
    random = np.random.default_rng(seed)
    size = 3
    if not is_allowed(values_for(shape), key):
        return
    x = random.normal(size=(size, *shape))
    places = [p for p, k in enumerate(key) if is_index(k)]
    shuffled = lambda i: random.permutation(i.ravel()).reshape(i.shape)
    stacked = [np.stack([shuffled(key[p]) for _ in range(size)]) for p in places]
    flags = [bool(random.integers(2)) for _ in range(len(places) + 1)]
    whole = flags.pop() or not any(flags)

    def full(indices: Any) -> Key:
        arrays = iter(indices)
        return tuple([next(arrays) if p in places else k for p, k in enumerate(key)])

    examples = [full([s[b if f else 0] for s, f in zip(stacked, flags)]) for b in range(size)]

    arguments = [x if whole else x[0], *[s if f else s[0] for s, f in zip(stacked, flags)]]
    axes = (0 if whole else None, *[0 if f else None for f in flags])
    y = gt.vmap(lambda a, *i: a[full(i)], in_axes=axes)(*[gt.asarray(a) for a in arguments])
    want = np.stack([np.asarray((x[b] if whole else x[0])[examples[b]]) for b in range(size)])
    np.testing.assert_array_equal(y.numpy(), want)

    # Its transpose, with a batched cotangent.
    g = random.normal(size=want.shape)

    def gradient(a: Any, h: Any, *i: Any) -> Any:
        return gt.vjp(lambda a: a[full(i)], a)[1](h)

    z = gt.vmap(gradient, in_axes=(axes[0], 0, *axes[1:]))(gt.asarray(arguments[0]), gt.asarray(g), *arguments[1:])
    z = z[0] if isinstance(z, tuple) else z
    for b in range(size):
        expected = np.zeros(shape)
        np.add.at(expected, examples[b], g[b])
        np.testing.assert_allclose(z.numpy()[b], expected, atol=1e-12)

    # Writing new elements: batched or not, of full shape or one number.
    for new in (want, want[0], np.array(7.0), random.normal(size=size)):
        new_axis = None if new is not want and new.ndim != 1 else 0
        if new.shape == want[0].shape and new is not want:
            new_axis = None

        def write(a: Any, v: Any, *i: Any) -> Any:
            a = a.copy()
            a[full(i)] = v
            return a

        if (size if whole or new_axis == 0 or any(flags) else 0) == 0:
            continue
        y = gt.vmap(write, in_axes=(axes[0], new_axis, *axes[1:]))(
            gt.asarray(arguments[0]), gt.asarray(new), *[gt.asarray(a) for a in arguments[1:]]
        )
        for b in range(size):
            expected = (x[b] if whole else x[0]).copy()
            expected[examples[b]] = new[b] if new_axis == 0 else new
            np.testing.assert_array_equal(y.numpy()[b], expected)


def test_indices_of_all_kinds() -> None:
    x = gt.asarray(values_for((3, 4)))
    i = gt.asarray(1)
    assert x[i].tolist() == x[1].tolist() == x[np.int8(1)].tolist() == x[np.array(1)].tolist()
    assert x[i:, i].tolist() == [6.0, 10.0]
    assert x[[i, 0], 0].tolist() == [5.0, 1.0]
    assert x[x > 10].tolist() == [11.0, 12.0]
    assert x[gt.asarray([True, False, True])].shape == (2, 4)
    assert x[range(2)].shape == (2, 4)
    assert x[gt.asarray(True)].shape == (1, 3, 4)
    assert np.arange(5.0)[gt.asarray(2)] == 2.0


@pytest.mark.parametrize("key", [1.0, "a", [0.5], (0, 0, 0), 3, np.zeros(3, bool), [7]])
def test_a_wrong_index_raises(key: Any) -> None:
    with pytest.raises(IndexError):
        gt.asarray(values_for((2, 3)))[key]


def test_a_mask_per_example_raises() -> None:
    with pytest.raises(TypeError, match=r"where\(mask, x, 0\)"):
        gt.vmap(lambda x: x[x > 0])(gt.asarray([[1.0, -1.0]]))


# -- orders ------------------------------------------------------------------------------------------------------
def test_third_order_by_nested_tapes() -> None:
    """y = sum x[i]^4 over i = 0, 0, 2: duplicates count twice at every order."""
    x = gt.asarray([1.0, 2.0, 3.0])
    with gt.GradientTape() as t3:
        t3.watch(x)
        with gt.GradientTape() as t2:
            t2.watch(x)
            with gt.GradientTape() as t1:
                t1.watch(x)
                y = (x[[0, 0, 2]] ** 4).sum()
            g1 = t1.gradient(y, x)
        g2 = t2.gradient(g1, x)
    g3 = t3.gradient(g2, x)
    assert g1.tolist() == [8.0, 0.0, 108.0]
    assert g2.tolist() == [24.0, 0.0, 108.0]
    assert g3.tolist() == [48.0, 0.0, 72.0]


def test_written_elements_to_third_order() -> None:
    """z = (x0^2, x1^2, 3), y = sum z^2 with z filled by writing."""

    def f(x: Any) -> Any:
        z = gt.zeros(3)
        for i in range(2):
            z[i] = x[i] ** 2
        z[2] = 3.0
        return (z * z).sum()

    x = gt.asarray([1.0, 2.0])
    g = gt.grad(f)
    assert g(x).tolist() == [4.0, 32.0]
    assert gt.hessian(f)(x).tolist() == [[12.0, 0.0], [0.0, 48.0]]
    assert gt.grad(lambda x: gt.grad(lambda x: g(x).sum())(x).sum())(x).tolist() == [24.0, 48.0]
    value, tangent = gt.jvp(f, (x,), (gt.asarray([1.0, 1.0]),))
    assert (float(value), float(tangent)) == (26.0, 36.0)


# -- cost --------------------------------------------------------------------------------------------------------
def test_slices_share_one_gradient() -> None:
    """n slices of one array cost one array, in the sweep: nothing of its size is made for each."""
    n = 200_000
    x = gt.asarray(np.ones(n))
    with gt.GradientTape() as tape:
        tape.watch(x)
        total: Any = 0.0
        for i in range(2000):
            total = total + x[i] * 2.0
        for i in range(0, n, 1000):
            total = total + x[i : i + 1000].sum()
    g = tape.gradient(total, x).numpy()
    assert g[0] == 3.0 and g[-1] == 1.0 and g.sum() == n + 4000.0


@pytest.mark.parametrize("first", [False, True])
def test_a_slice_of_a_recurrent_weight(first: bool) -> None:
    """A weight's cotangent may be kept as a sum of outer products when a slice's is added to it."""
    w, x = gt.asarray(0.1 * np.cos(np.arange(4096.0)).reshape(64, 64)), np.ones(64)

    def f(w: Any) -> Any:
        s = w[0].sum() if first else 0.0
        h = gt.tanh(w @ gt.tanh(w @ x))
        return s + h.sum() + (0.0 if first else w[[0, 0]].sum())

    with gt.GradientTape() as tape:
        tape.watch(w)
        y = f(w)
    tangent = gt.jvp(f, (w,), (gt.ones((64, 64)),))[1]
    assert float(tape.gradient(y, w).sum()) == pytest.approx(float(tangent), rel=1e-12)


def test_a_small_slice_does_not_keep_the_array() -> None:
    x = gt.asarray(np.ones((1000, 3)))
    assert x[3].data.base is None
    assert x[1:].data.base is x.data


# -- picking -----------------------------------------------------------------------------------------------------
def test_put_along_axis() -> None:
    x = gt.asarray(values_for((2, 3)))
    a = x.numpy()
    gt.put_along_axis(x, [[0], [2]], 9.0, axis=1)
    np.put_along_axis(a, np.array([[0], [2]]), 9.0, axis=1)
    assert x.tolist() == a.tolist()


def test_positions() -> None:
    x = gt.asarray([[0.0, 5.0], [7.0, 0.0]])
    assert [i.tolist() for i in gt.nonzero(x)] == [[0, 1], [1, 0]]
    assert gt.argwhere(x).tolist() == [[0, 1], [1, 0]] and gt.flatnonzero(x).tolist() == [1, 2]
    assert x[gt.nonzero(x)].tolist() == [5.0, 7.0]
    assert gt.one_hot([[1], [5]], 3, axis=0).shape == (3, 2, 1)
    with pytest.raises(TypeError, match="inside vmap"):
        gt.vmap(gt.nonzero)(x)


def test_updated_leaves_the_old() -> None:
    x = gt.asarray([1.0, 2.0])
    assert updated(x, 0, 5.0).tolist() == [5.0, 2.0] and x.tolist() == [1.0, 2.0]
