"""check_grads: derivatives against numbers, to any order, in reverse and forward mode and all their mixes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .derivatives.forward import jvp
from .derivatives.reverse import vjp
from .functions.creation import asarray
from .nest import flatten
from .tensor import Tensor, concrete

#: Steps tried for the five-point differences, in units of an entry's own size (at most 1). The first that agrees will
#: do: a wrong derivative agrees with none.
STEPS = (1e-3, 1e-2, 1e-4, 1e-5)
COARSE_STEPS = (1e-2, 3e-2, 1e-1)
#: Relative tolerances by the bytes of one real number; the second where even the differences are single precision.
TOLERANCE = {2: 3e-2, 4: 1e-4, 8: 1e-6, 16: 1e-6}
COARSE_TOLERANCE = 1e-2
#: Entries of an argument that are looked through for the worst one.
SEARCHED = 1000


class Case(NamedTuple):
    """A function of flat leaves to a tuple of flat leaves, where it is checked, and the names for a message."""

    function: Callable[..., tuple[Any, ...]]
    points: list[Any]
    arguments: list[str]
    outputs: list[str]
    path: str


def check_grads(
    f: Callable[..., Any],
    args: Any,
    order: int = 2,
    modes: Sequence[str] = ("reverse", "forward"),
    rtol: float | None = None,
    atol: float | None = None,
    eps: float | None = None,
    seed: int = 0,
) -> None:
    """Compare f's derivatives up to `order` with five-point central differences; silent if they agree.

    `args`: the tuple of f's positional arguments (or the one argument), nested containers of real or complex floating
    arrays, which are differentiated, and of anything else, which is not. f may return a container too. Order n
    checks the derivative functions of order n - 1 in the same way, so that all mixes of the `modes` ("reverse",
    "forward") occur. Differences are taken in double precision whatever the arguments' dtype. `rtol`, `atol`: how
    far they may be apart (by default 1e-6 relative for doubles, 1e-4 for singles); `eps`: the step, instead of
    several that are tried. Choose points where f is smooth. Raises AssertionError naming mode, order, argument, the
    worst entry and both numbers; ValueError for an unknown mode.

    >>> import gradtape as gt
    >>> gt.check_grads(gt.sin, (0.5,), order=3)
    """
    for mode in modes:
        if mode not in ("reverse", "forward"):
            raise ValueError(f"gradtape.check_grads: modes are 'reverse' and 'forward', not {mode!r}")
    arguments = tuple(args) if isinstance(args, tuple) else (args,)
    leaves, structure = flatten(arguments)
    moving = [i for i, leaf in enumerate(leaves) if is_floating(leaf)]
    if not moving:
        raise ValueError("gradtape.check_grads: no argument is made of floating numbers; there is nothing to check")
    labels = label(arguments)

    def flat(*points: Any) -> tuple[Any, ...]:
        filled = list(leaves)
        for i, x in zip(moving, points, strict=True):
            filled[i] = x
        outputs, _ = flatten(f(*structure.unflatten(filled)))
        return tuple([y for y in outputs if is_floating(y)])

    case = Case(flat, [plain(leaves[i]) for i in moving], [labels[i] for i in moving], [], "")
    Checker(tuple(modes), rtol, atol, eps, np.random.default_rng(seed)).check(case, 1, order)


class Checker:
    """The settings of one check, and the check itself, which calls itself on its own derivative functions."""

    def __init__(
        self,
        modes: tuple[str, ...],
        rtol: float | None,
        atol: float | None,
        eps: float | None,
        rng: np.random.Generator,
    ):
        self.modes, self.rtol, self.atol, self.eps, self.rng = modes, rtol, atol, eps, rng

    def check(self, case: Case, order: int, last: int) -> None:
        """All modes at this order, then at the next on the derivative functions."""
        if order > last:
            return
        values = [plain(y) for y in case.function(*[asarray(x) for x in case.points])]
        if not values:
            raise ValueError("gradtape.check_grads: the function returns no floating numbers")
        if not case.outputs:
            case = case._replace(outputs=[f"output {i}" if len(values) > 1 else "" for i in range(len(values))])
        cotangents = [self.direction(y, 1.0) for y in values]
        tangents = [self.direction(x) for x in case.points]
        gradient = self.gradient(case, cotangents, order) if "reverse" in self.modes else None
        for i in range(len(case.points)):
            for _ in range(2):
                v = self.direction(case.points[i])
                numbers = Differences(self, case, i, v)
                if "forward" in self.modes:
                    self.compare_forward(case, i, v, numbers, order)
                if gradient is not None:
                    self.compare_reverse(case, i, v, numbers, cotangents, gradient[i], order)
        names = case.arguments
        if "forward" in self.modes:
            count = len(case.points)
            self.check(
                Case(
                    lambda *xs: tuple(jvp(case.function, xs[:count], xs[count:])[1]),
                    case.points + tangents,
                    names + [f"tangent of {name}" for name in names],
                    [f"tangent of {name}" if name else "" for name in case.outputs],
                    f"{case.path} of forward",
                ),
                order + 1,
                last,
            )
        if "reverse" in self.modes:
            count = len(case.points)
            self.check(
                Case(
                    lambda *xs: tuple(vjp(case.function, *xs[:count])[1](tuple(xs[count:]))),
                    case.points + cotangents,
                    names + [f"cotangent of {name}" if name else "cotangent" for name in case.outputs],
                    [f"gradient for {name}" for name in names],
                    f"{case.path} of reverse",
                ),
                order + 1,
                last,
            )

    # -- the two modes
    def gradient(self, case: Case, cotangents: list[Any], order: int) -> list[Any]:
        """The pullback of the cotangents; each must have its argument's shape and dtype."""
        _, pullback = vjp(case.function, *case.points)
        result = [plain(g) for g in pullback(tuple(cotangents))]
        for g, x, name in zip(result, case.points, case.arguments, strict=True):
            if g.shape != x.shape or g.dtype != x.dtype:
                raise AssertionError(
                    f"check_grads: {self.place('reverse', case, order)}, {name}: the gradient has shape {g.shape} and "
                    f"dtype {g.dtype}; the argument has {x.shape} and {x.dtype}"
                )
        return result

    def compare_forward(self, case: Case, i: int, v: Any, numbers: Differences, order: int) -> None:
        """The tangents of all outputs in the direction v of argument i."""
        still = [np.zeros_like(x) for x in case.points]
        still[i] = v
        found = [plain(t) for t in jvp(case.function, tuple(case.points), tuple(still))[1]]
        for k, t in enumerate(found):
            if numbers.shape(k) != t.shape:
                raise AssertionError(
                    f"check_grads: {self.place('forward', case, order)}, {case.arguments[i]}: the tangent has shape "
                    f"{t.shape}; the value has {numbers.shape(k)}"
                )
            failure = numbers.disagreement(t, lambda d, k=k: d[k], k)
            if failure is not None:
                worst, got, want, tolerance = failure
                self.fail("forward", case, order, i, worst, got, want, tolerance, case.outputs[k] or "the tangent")

    def compare_reverse(
        self, case: Case, i: int, v: Any, numbers: Differences, cotangents: list[Any], g: Any, order: int
    ) -> None:
        """The gradient g for argument i, in the direction v."""
        pair = lambda d: sum(inner(u, part) for u, part in zip(cotangents, d, strict=True))
        if numbers.disagreement(inner(g, v), pair, None, self.size_of(g, v, cotangents)) is None:
            return
        worst = None
        for entry in list(np.ndindex(g.shape))[:SEARCHED]:
            for unit in (1.0, 1j)[: 2 if g.dtype.kind == "c" else 1]:
                e = np.zeros(g.shape, g.dtype)
                e[entry] = unit
                one = Differences(self, case, i, e)
                failure = one.disagreement(inner(g, e), pair, None)
                if failure is not None:
                    _, got, want, tolerance = failure
                    error = abs(got - want)
                    if worst is None or not error <= worst[0]:
                        worst = (error, entry, got, want, tolerance)
        if worst is not None:
            _, entry, got, want, tolerance = worst
            self.fail("reverse", case, order, i, entry, got, want, tolerance, "the gradient")
        failure = numbers.disagreement(inner(g, v), pair, None)
        if failure is not None:
            _, got, want, tolerance = failure
            self.fail("reverse", case, order, i, None, got, want, tolerance, "the gradient in a random direction")

    # -- helpers
    def direction(self, x: Any, least: float = 0.05) -> Any:
        """Random numbers in x's space, none small, of each entry's own size (between `least` and 1)."""
        size = np.clip(np.abs(x), least, 1.0)
        draw = lambda: self.rng.uniform(0.5, 1.0, x.shape) * self.rng.choice([-1.0, 1.0], x.shape)
        v = draw() + 1j * draw() if x.dtype.kind == "c" else draw()
        return np.asarray(v * size, x.dtype)

    def size_of(self, g: Any, v: Any, cotangents: list[Any]) -> float:
        """The size of the terms of the inner product, which may cancel."""
        return float(np.max(np.abs(g * v), initial=0.0)) if np.all(np.isfinite(g)) else 0.0

    def place(self, mode: str, case: Case, order: int) -> str:
        """Mode and order, in words."""
        return f"{mode}{case.path} mode, order {order}"

    def fail(
        self, mode: str, case: Case, order: int, i: int, entry: Any, got: Any, want: Any, tolerance: float, what: str
    ) -> None:
        """Raise the error that says where the worst entry is."""
        where = "" if entry is None or entry == () else f" at entry {tuple(int(n) for n in entry)}"
        raise AssertionError(
            f"check_grads: {self.place(mode, case, order)}, {case.arguments[i]}: {what}{where} is {got}, differences "
            f"say {want} (apart by {abs(got - want):.2e}, tolerance {tolerance:.2e})"
        )


class Differences:
    """Five-point differences of a case's outputs as argument i moves in the direction v, for several steps."""

    def __init__(self, checker: Checker, case: Case, i: int, v: Any):
        self.checker, self.case, self.i = checker, case, i
        self.points = [in_double(x) for x in case.points]
        self.v = in_double(v)
        self.bytes = min(real_bytes(x) for x in case.points)
        self.values = self.at(0.0)
        self.coarse = min(real_bytes(y) for y in self.values) < 8
        self.steps = (checker.eps,) if checker.eps else COARSE_STEPS if self.coarse else STEPS
        self.cache: dict[float, list[Any]] = {}

    def at(self, t: float) -> list[Any]:
        """The outputs with argument i moved by t v."""
        points = list(self.points)
        points[self.i] = points[self.i] + t * self.v
        with np.errstate(all="ignore"):
            return [plain(y) for y in self.case.function(*[asarray(x) for x in points])]

    def derivative(self, h: float) -> list[Any]:
        """The derivative by steps of h."""
        if h not in self.cache:
            near, far = (self.at(h), self.at(-h)), (self.at(2 * h), self.at(-2 * h))
            self.cache[h] = [
                (8 * (a - b) - (c - d)) / (12 * h) for a, b, c, d in zip(*near, *far, strict=True)
            ]
        return self.cache[h]

    def shape(self, k: int) -> tuple[int, ...]:
        """The shape of output k."""
        return self.values[k].shape  # type: ignore[no-any-return]

    def disagreement(
        self, got: Any, select: Callable[[list[Any]], Any], k: int | None, size: float = 0.0
    ) -> tuple[Any, Any, Any, float] | None:
        """None if `got` is the selected derivative for one of the steps; else (entry, got, want, tolerance)."""
        c = self.checker
        rtol = c.rtol if c.rtol is not None else COARSE_TOLERANCE if self.coarse else TOLERANCE[self.bytes]
        best = None
        for h in self.steps:
            want = np.asarray(select(self.derivative(h)))
            if c.atol is not None:
                atol = c.atol
            else:
                values = self.values if k is None else [self.values[k]]
                noise = max([float(np.max(np.abs(y), initial=0.0)) for y in values])
                rounding = 1e-6 if self.coarse else 1e-14
                finite = want[np.isfinite(want)]
                size_here = max(size, float(np.max(np.abs(finite), initial=0.0)))
                atol = 0.01 * rtol * size_here + noise * rounding / h
            tolerance = atol + rtol * np.abs(want)
            with np.errstate(invalid="ignore"):
                error = np.abs(got - want)
            excess = np.where((got == want) | (error <= tolerance), 0.0, np.where(np.isnan(error), np.inf, error))
            if not excess.any():
                return None
            if best is None or excess.max() < best[0]:
                entry = np.unravel_index(int(excess.argmax()), excess.shape)
                allowed = float(np.broadcast_to(tolerance, want.shape)[entry])
                best = (excess.max(), entry, np.asarray(got)[entry], want[entry], allowed)
        assert best is not None
        return best[1:]


def inner(u: Any, v: Any) -> float:
    """The real inner product of two arrays, complex numbers being planes."""
    return float(np.sum((np.conj(in_double(u)) * in_double(v)).real))


def plain(x: Any) -> Any:
    """The NumPy array of a leaf."""
    return np.asarray(concrete(x) if isinstance(x, Tensor) else x)


def is_floating(x: Any) -> bool:
    """Whether a leaf is made of floating numbers."""
    if isinstance(x, Tensor | np.ndarray | np.generic):
        return x.dtype.kind in "fc"
    return isinstance(x, float | complex) or (not isinstance(x, str) and np.asarray(x).dtype.kind in "fc")


def in_double(x: Any) -> Any:
    """x in double precision (or better)."""
    x = np.asarray(x)
    return x.astype(np.result_type(x.dtype, np.float64))


def real_bytes(x: Any) -> int:
    """Bytes of a real number of x's precision."""
    return min(16, int(x.dtype.itemsize) // (2 if x.dtype.kind == "c" else 1))


def label(arguments: Iterable[Any]) -> list[str]:
    """A name for each leaf: `argument 0`, `argument 1['w'][0]`."""
    from .nest import children

    def names(node: Any, name: str) -> list[str]:
        if node is None:
            return []
        found = children(node)
        if found is None:
            return [name]
        if found[2] is not None:
            keys: Iterable[str] = [f"[{key!r}]" for key in found[2]]
        elif isinstance(node, list | tuple) and not hasattr(node, "_fields"):
            keys = [f"[{i}]" for i in range(len(node))]
        elif hasattr(node, "_fields"):
            keys = [f".{key}" for key in node._fields]
        else:
            keys = [f".{key}" for key, field in node.__dataclass_fields__.items() if field.init]
        return [leaf for key, child in zip(keys, found[0], strict=True) for leaf in names(child, name + key)]

    return [leaf for i, argument in enumerate(arguments) for leaf in names(argument, f"argument {i}")]
