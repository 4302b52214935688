"""Every mode of a function against numbers: what tests/test_primitives.py does with each sample.

The numbers are 5-point differences of directional derivatives: for order n the analytical derivative of order n - 1
is differenced once more, so that rounding stays near 1e-11 at every order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import gradtape as gt
from gradtape.nest import flatten

Arrays = tuple[np.ndarray, ...]


def directional(f: Callable[[Any], Any], step: float = 1e-3) -> Any:
    """d/dt f(t) at 0 by 5-point differences, truncation error O(step^4)."""
    return (8 * (f(step) - f(-step)) - (f(2 * step) - f(-2 * step))) / (12 * step)


class Case:
    """A sample as a scalar function L(x) = Re <w, f(x)> of its differentiated arguments, w random and fixed."""

    def __init__(self, function: Callable[..., Any], arguments: Sequence[Any], wrt: Sequence[int], seed: int = 0):
        self.function, self.arguments, self.wrt = function, list(arguments), list(wrt)
        self.random, self.batched = np.random.default_rng(seed), True
        self.points = [np.asarray(arguments[i]) for i in self.wrt]
        outputs, _ = flatten(self.plain(*self.points))
        self.weights = [self.direction(np.asarray(y)) for y in outputs if np.asarray(y).dtype.kind in "fc"]

    def direction(self, x: np.ndarray) -> np.ndarray:
        """A random array like x."""
        d = self.random.uniform(0.3, 1.0, x.shape) * self.random.choice([-1.0, 1.0], x.shape)
        if x.dtype.kind == "c":
            d = d + 1j * self.random.uniform(-1.0, 1.0, x.shape)
        return d.astype(x.dtype)

    def directions(self) -> list[np.ndarray]:
        """One for each differentiated argument."""
        return [self.direction(x) for x in self.points]

    def full(self, xs: Sequence[Any]) -> list[Any]:
        """All arguments, with these in the differentiated places."""
        arguments = list(self.arguments)
        for i, x in zip(self.wrt, xs, strict=True):
            arguments[i] = x
        return arguments

    def plain(self, *xs: Any) -> Any:
        """The function's value on plain arrays."""
        out = self.function(*self.full(xs))
        leaves, structure = flatten(out)
        return structure.unflatten([y.numpy() if isinstance(y, gt.Tensor) else y for y in leaves])

    def loss(self, *xs: Any) -> Any:
        """Re <w, f(x)>, by gradtape's functions."""
        leaves, _ = flatten(self.function(*self.full(xs)))
        leaves = [y for y in leaves if y.dtype.kind in "fc"]
        total: Any = 0.0
        for w, y in zip(self.weights, leaves, strict=True):
            total = total + gt.sum(gt.real(np.conj(w) * y) if w.dtype.kind == "c" else w * y)
        return total

    def plain_loss(self, *xs: Any) -> float:
        """The same number from plain arrays only."""
        leaves, _ = flatten(self.plain(*xs))
        leaves = [np.asarray(y) for y in leaves if np.asarray(y).dtype.kind in "fc"]
        return float(sum(np.sum(np.real(np.conj(w) * y)) for w, y in zip(self.weights, leaves, strict=True)))

    def moved(self, v: Sequence[np.ndarray], t: float) -> list[np.ndarray]:
        """The point x + t v."""
        return [x + t * d for x, d in zip(self.points, v, strict=True)]


def along(f: Callable[..., Any], v: Sequence[np.ndarray], mode: str) -> Callable[..., Any]:
    """x -> d/dt f(x + t v) at 0, by forward or reverse mode."""
    if mode == "forward":
        return lambda *xs: gt.jvp(f, tuple(xs), tuple(v))[1]

    def by_reverse(*xs: Any) -> Any:
        gradients = gt.grad(f, argnums=tuple(range(len(xs))))(*xs)
        total: Any = 0.0
        for g, d in zip(gradients, v, strict=True):
            total = total + gt.sum(gt.real(gt.conj(g) * d) if d.dtype.kind == "c" else g * d)
        return total

    return by_reverse


def number(x: Any) -> float:
    """A one-element result as a float."""
    return float(np.real(x.numpy() if isinstance(x, gt.Tensor) else x))


def close(got: float, want: float, tolerance: float, what: str) -> None:
    """Raise AssertionError unless both agree."""
    assert np.isfinite(got), f"{what}: got {got}, want {want}"
    assert abs(got - want) <= tolerance * max(1.0, abs(want)), f"{what}: got {got!r}, want {want!r}"


MODES = {
    1: ["reverse", "forward"],
    2: ["reverse reverse", "forward reverse", "reverse forward", "forward forward"],
    3: ["reverse reverse reverse", "forward reverse reverse", "reverse forward reverse", "forward forward forward"],
}


TOLERANCE = {1: 1e-8, 2: 1e-7, 3: 1e-6}


def check_orders(case: Case, orders: int, tolerance: float = 1.0) -> None:
    """All modes at orders 1..orders: each against differences of the analytical derivative of one order less."""
    lower: Callable[..., float] = case.plain_loss
    vs: list[list[np.ndarray]] = []
    for order in range(1, orders + 1):
        v = case.directions()
        vs.append(v)
        want = directional(lambda t, lower=lower, v=v: lower(*case.moved(v, t)))
        reference: Callable[..., Any] | None = None
        for mode in MODES[order]:
            f = case.loss
            for d, m in zip(vs, reversed(mode.split()), strict=True):
                f = along(f, d, m)
            close(number(f(*case.points)), want, TOLERANCE[order] * tolerance, f"order {order}, {mode}")
            reference = reference or f
        lower = lambda *xs, f=reference: number(f(*xs))


def check_shapes_and_dtypes(case: Case) -> None:
    """A gradient has its argument's shape and dtype; a tangent its value's."""
    numbers = tuple(range(len(case.points)))
    for g, x in zip(gt.grad(case.loss, argnums=numbers)(*case.points), case.points, strict=True):
        assert g.shape == x.shape, (g.shape, x.shape)
        assert g.dtype == x.dtype, (g.dtype, x.dtype)
    value, tangent = gt.jvp(lambda *xs: case.function(*case.full(xs)), tuple(case.points), tuple(case.directions()))
    for y, t in zip(flatten(value)[0], flatten(tangent)[0], strict=True):
        assert t.shape == y.shape
        assert t.dtype == y.dtype


def check_batch(case: Case, tolerance: float) -> None:
    """vmap of the function, of its gradient and of its pushforward against a loop, batching all or one argument."""
    size = 3
    n = len(case.points)
    v = case.directions()
    f = lambda *xs: case.function(*case.full(xs))
    subsets = [tuple(range(n))] + ([(i,) for i in range(n)] if n > 1 else [])
    for batched in subsets:
        axes = tuple(0 if i in batched else None for i in range(n))
        stacks = [
            np.stack([x + 1e-2 * k * d for k in range(size)]) if i in batched else x
            for i, (x, d) in enumerate(zip(case.points, v, strict=True))
        ]
        rows = [[s[k] if i in batched else s for i, s in enumerate(stacks)] for k in range(size)]
        gradient = gt.grad(case.loss, argnums=tuple(range(n)))
        push = lambda *xs: gt.jvp(f, xs, tuple(v))[1]
        for what, g in (("value", f), ("gradient", gradient), ("pushforward", push)):
            together = flatten(gt.vmap(g, in_axes=axes)(*stacks))[0]
            alone = [flatten(g(*[gt.asarray(x) for x in row]))[0] for row in rows]
            for i, whole in enumerate(together):
                want = np.stack([one[i].numpy() for one in alone])
                assert whole.shape == want.shape, (what, axes, whole.shape, want.shape)
                name = f"{what} {axes}"
                np.testing.assert_allclose(whole.numpy(), want, rtol=tolerance, atol=tolerance, err_msg=name)


def plain(x: Any) -> np.ndarray:
    """A leaf of a result as an array."""
    return np.asarray(x.numpy() if isinstance(x, gt.Tensor) else x)


def check_series(case: Case, orders: int, tolerance: float) -> None:
    """Taylor coefficients against nested forward mode, in all arguments at once and in one; the 0th is the value."""
    n = len(case.points)
    v = case.directions()
    value = flatten(case.function(*case.full(case.points)))[0]
    for moving in [tuple(range(n))] + ([(i,) for i in range(n)] if n > 1 else []):
        check_along(case, moving, tuple(v[i] for i in moving), value, orders, tolerance)


def check_sums_of_derivatives(case: Case, tolerance: float) -> None:
    """Sums over two directions against Taylor's derivatives along each: the forward Laplacian, at a point and a batch,
    and third derivatives, of which only the sum is carried."""
    directions = [case.directions(), case.directions()]
    f = lambda t: case.function(*case.full([curved(x, v, w, t) for x, v, w in zip(case.points, *directions)]))
    zeros = np.zeros(2, case.points[0].real.dtype)
    axes = np.eye(2, dtype=zeros.dtype)
    series = [[flatten(c)[0] for c in gt.taylor(f, zeros, e, 3).derivatives] for e in axes]
    for i, y in enumerate(series[0][0]):
        if plain(y).dtype.kind not in "fc":
            continue
        output = lambda t, i=i: flatten(f(t))[0][i]
        second, third = [plain(series[0][k][i]) + w * plain(series[1][k][i]) for k, w in ((2, 1.0), (3, -0.5))]
        agree(gt.laplacian(output)(zeros), second, tolerance, "the Laplacian")
        if case.batched:
            both = gt.laplacian(output)(np.stack([zeros, zeros]))
            agree(both, np.stack([second, second]), tolerance, "the Laplacian of a batch")
        cubes = gt.directional(output, np.stack([axes] * 3, axis=1), [1.0, -0.5])
        agree(cubes(zeros), third, 10 * tolerance, "third derivatives")


def curved(x: Any, v: Any, w: Any, t: Any) -> Any:
    """A point of a curved surface through x with these tangents."""
    return x + t[0] * v + t[1] * w + (t[0] ** 2 * t[1] - t[1] ** 2 + t[0] ** 3) * (v - 0.5 * w)


def agree(got: Any, want: np.ndarray, tolerance: float, what: str) -> None:
    """Raise AssertionError unless both are the same, where the numbers are finite."""
    got = plain(got)
    size = np.max(np.abs(want), initial=1.0, where=np.isfinite(want))
    assert got.shape == want.shape, what
    got = np.where(~np.isfinite(want) & ~np.isfinite(got), want, got)
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * size, err_msg=what)


def check_along(
    case: Case, moving: tuple[int, ...], along: Arrays, value: list[Any], orders: int, tolerance: float
) -> None:
    """The same with these arguments moving in this direction."""

    def f(xs: Any) -> Any:
        points = list(case.points)
        for i, x in zip(moving, xs, strict=True):
            points[i] = x
        return case.function(*case.full(points))

    points = tuple(case.points[i] for i in moving)
    series = gt.taylor(f, points, along, orders)
    for c, y in zip(flatten(series.coefficients[0])[0], value, strict=True):
        np.testing.assert_array_equal(plain(c), plain(y), err_msg=f"0th coefficient {moving}")
        assert c.dtype == plain(y).dtype
    nested = f
    for order in range(1, orders + 1):
        nested = lambda xs, g=nested: gt.jvp(g, (xs,), (along,))[1]
        for d, w in zip(flatten(series.derivatives[order])[0], flatten(nested(points))[0], strict=True):
            if w.dtype.kind not in "fc":
                continue
            d, w = plain(d), plain(w)
            assert d.shape == w.shape
            assert d.dtype == w.dtype
            size = np.max(np.abs(w), initial=1.0, where=np.isfinite(w))
            d = np.where(np.isnan(w) & np.isinf(d), w, d)  # at a pole the one or the other
            what = f"order {order}, arguments {moving}"
            np.testing.assert_allclose(d, w, rtol=tolerance, atol=tolerance * size, err_msg=what)
