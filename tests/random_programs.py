"""Random programs over all primitives: every mode against every other and against numbers, at orders 1 to 3.

A program is a list of steps over a pool of vectors; most steps are samples of the table, whose arguments are moved a
little by values of the pool, others are assignments, loops, dead branches and derivatives inside. A seed gives the
same program always.

    python -m tests.random_programs --seconds 600           new programs for ten minutes, two processes
    python -m tests.random_programs --seed 1234             that one, with its text
"""

from __future__ import annotations

import argparse
import functools
import itertools
import multiprocessing
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import gradtape as gt
from gradtape.nest import flatten

from .programs import SHIFT, TRANSFORMS, by_differences, combined, stacked
from .test_primitives import FLOWING, SAMPLES, differentiated

HIGHEST = 3
#: Largest share of the way to where a sample stops being smooth that its arguments are moved.
REACHES = (0.3, 0.1, 0.03, 0.01, 3e-3)
#: Most elements that a step takes over from a sample's result.
WIDTH = 5
#: Agreement of two modes; of a mode with numbers, whose own error is added.
BETWEEN_MODES, WITH_NUMBERS = 1e-9, 1e-6

SMOOTH = [s for s in FLOWING if s.smooth and s.batched and s.order == 3]
CONSTANT = [s for s in SAMPLES if s not in FLOWING and s.batched and differentiated(s)]
BY_NAME = {str(s): s for s in [*SMOOTH, *CONSTANT]}


# -- steps ---------------------------------------------------------------------------------------------------------
def resized(p: Any, shape: tuple[int, ...]) -> Any:
    """An array of this shape filled with the elements of the vector p, again and again."""
    index = np.arange(int(np.prod(shape))) % p.shape[0]
    return gt.reshape(gt.take(p, index, axis=0), shape)


def moved(argument: np.ndarray, p: Any, reach: float, seed: int) -> Any:
    """The argument, its elements moved by at most the reach as the values of p say."""
    weights = np.random.default_rng(seed).uniform(0.5, 1.0, argument.shape)
    if argument.dtype.kind == "c":
        return argument + reach * (weights * resized(gt.tanh(p), argument.shape) * (0.6 + 0.8j))
    return argument + reach * weights * resized(gt.tanh(p), argument.shape)


def leaves_of(result: Any) -> list[Any]:
    """What a sample's function gives, as floating vectors of a few elements."""
    parts = []
    for y in flatten(result)[0]:
        if y.dtype.kind in "fc" and all(y.shape):
            y = gt.reshape(y, (-1,))[:WIDTH]
            parts.append(gt.real(y) if y.dtype.kind == "c" else y)
    return parts


@functools.cache
def reach_of(name: str) -> float:
    """How far the sample's arguments may be moved so that it is smooth there: a polynomial of degree 12 fits it."""
    s = BY_NAME[name]
    nodes = np.cos(np.pi * (np.arange(13) + 0.5) / 13)
    for reach in REACHES:
        values = []
        for t in nodes:
            arguments = list(s.arguments)
            for i in differentiated(s):
                a = arguments[i]
                u = np.full(1, np.arctanh(0.999 * t))  # moved as far as it can be, and not as a user would
                arguments[i] = moved(a, u, 1.2 * reach, 1)
            parts = leaves_of(s.function(*arguments))
            if not parts:
                return 0.0  # empty arrays
            values.append(np.concatenate([p.numpy() if isinstance(p, gt.Tensor) else p for p in parts]))
        table = np.array(values)
        if not np.isfinite(table).all():
            continue
        coefficients = np.polynomial.chebyshev.chebfit(nodes, table - table.mean(axis=0), 12)
        scale = np.abs(coefficients).max(axis=0) + 1e-14 * np.abs(table).max()
        if (np.abs(coefficients[-2:]).max(axis=0) <= 1e-9 * scale + 1e-14 * np.abs(table).max()).all():
            return reach
    return 0.0


@dataclass(frozen=True)
class Step:
    """`what`: a sample's name or one of FORMS; `inputs`: which values of the pool; `seed`: of its weights."""

    what: str
    inputs: tuple[int, ...]
    seed: int

    def run(self, pool: Sequence[Any]) -> Any:
        """The value that it adds to the pool."""
        values = [pool[i] for i in self.inputs]
        if self.what in FORMS:
            return FORMS[self.what](*values)
        s, wrt = BY_NAME[self.what], differentiated(BY_NAME[self.what])
        arguments: list[Any] = list(s.arguments)
        if s in CONSTANT:
            for i in wrt:
                arguments[i] = arguments[i] + 0.0 * resized(values[0], arguments[i].shape).astype(arguments[i].dtype)
            given = [gt.asarray(y) for y in flatten(s.function(*arguments))[0] if y.size]
            given = [gt.astype(gt.real(y), gt.float64) for y in given]
            weight = sum([gt.mean(gt.where(gt.isfinite(y), y, 0.0)) for y in given])
            return values[1] * gt.cos(gt.asarray(weight) * 1.0)
        reach = reach_of(self.what)
        for k, i in enumerate(wrt):
            arguments[i] = moved(s.arguments[i], values[k % len(values)], reach, self.seed + k)
        middle = leaves_of(s.function(*s.arguments))
        result = []
        for y, y0 in zip(leaves_of(s.function(*arguments)), middle, strict=True):
            y0 = y0.numpy() if isinstance(y0, gt.Tensor) else y0
            result.append((y - y0) / (reach * max(1.0, float(np.abs(y0).max()))))
        return gt.concat(result)

    def text(self, number: int) -> str:
        """A line of the program."""
        return f"v{number} = {self.what}({', '.join(f'v{i}' for i in self.inputs)})" + f"    # seed {self.seed}"


def assigned(p: Any, q: Any) -> Any:
    """Writing into a value of one's own, at places named twice too."""
    y = +gt.asarray(p)
    y[0] = q[0] * y[-1]
    y[-1:] *= 2.0
    y[[0, 0]] = gt.sin(q[:1]) + y[0]
    return y


def looped(p: Any, q: Any) -> Any:
    """A recurrence."""
    state = 0.1 * q[0]
    for i in range(p.shape[0]):
        state = gt.tanh(state + p[i]) * 0.9
    return gt.stack([state, p[0] * q[-1]])


FORMS: dict[str, Callable[[Any, Any], Any]] = {
    "product": lambda p, q: gt.sin(p) * resized(q, p.shape) - q[0] / (2 + p * p),
    "dead branch": lambda p, q: gt.where(p > -1e6, gt.cos(p) * q[0], gt.sqrt(p - 1e9) / (p - p)),
    "assigned": assigned,
    "looped": looped,
    "gradient inside": lambda p, q: gt.grad(lambda u: gt.sum(gt.sin(u) * u) * gt.tanh(q[0]))(p),
    "tangent inside": lambda p, q: gt.jvp(lambda u: gt.exp(-u * u) * q[0], (p,), (gt.cos(p),))[1],
    "mapped": lambda p, q: gt.vmap(lambda u: gt.tanh(u * q[0]) + u**2)(p),
    "outer": lambda p, q: gt.reshape(gt.tanh(gt.tensordot(p, q, axes=0)), (-1,))[:WIDTH],
    "sorted": lambda p, q: gt.sort(p)[::-1] * gt.max(q),
    "recomputed": lambda p, q: gt.recompute_grad(lambda u, w: gt.sin(u) * gt.sum(w * w))(p, q),
}


# -- programs ------------------------------------------------------------------------------------------------------
X, V = np.array([0.31, -0.47, 0.83]), np.array([0.6, 0.9, -0.5])


@dataclass(frozen=True)
class Program:
    """A scalar function of a vector of three elements."""

    seed: int
    steps: tuple[Step, ...]

    def __call__(self, x: Any) -> Any:
        pool = [x]
        for step in self.steps:
            pool.append(step.run(pool))
        total: Any = 0.0
        for k, value in enumerate(pool):
            total = total + gt.sum(gt.sin(value * 0.7 + 0.1 * k)) / value.shape[0]
        return total

    def text(self) -> str:
        """What it does, line by line."""
        return "\n".join(["v0 = x", *[step.text(k + 1) for k, step in enumerate(self.steps)]])

    def without(self, k: int) -> Program:
        """The program without a step; what used its value uses the one before."""
        rest = (*self.steps[:k], *self.steps[k + 1 :])
        steps = [Step(s.what, tuple([i - (i > k) for i in s.inputs]), s.seed) for s in rest]
        return Program(self.seed, tuple(steps))


def program(seed: int) -> Program:
    """The random program of this seed."""
    random = np.random.default_rng(seed)
    steps = []
    forms, names, constants = list(FORMS), [str(s) for s in SMOOTH], [str(s) for s in CONSTANT]
    for k in range(int(random.integers(2, 6))):
        dice = random.uniform()
        kind = forms if dice < 0.3 else constants if dice < 0.36 else names
        what = kind[int(random.integers(len(kind)))]
        while what in BY_NAME and BY_NAME[what] in SMOOTH and not reach_of(what):
            what = names[int(random.integers(len(names)))]
        inputs = tuple([int(i) for i in random.integers(0, k + 1, 2)])
        steps.append(Step(what, inputs, int(random.integers(1000))))
    return Program(seed, tuple(steps))


def stacks(seed: int, count: int) -> list[tuple[str, ...]]:
    """Random stacks of transforms of order 1 to 3: of each order the first is nested reverse mode."""
    random = np.random.default_rng(seed + 7919)
    result: list[tuple[str, ...]] = [("grad",), ("grad", "grad"), ("grad", "grad", "grad")]
    names = [*TRANSFORMS]
    while len(result) < count + 3:
        stack = tuple([names[int(i)] for i in random.integers(0, len(names), int(random.integers(1, 4)))])
        if 1 <= sum([TRANSFORMS[name].order for name in stack]) <= HIGHEST:
            result.append(stack)
    return result


def wrong(f: Program, every: Sequence[tuple[str, ...]]) -> list[str]:
    """What disagrees: a line for each stack."""
    result = []
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wide, narrow, narrowest = [by_differences(f, X, V, HIGHEST, radius) for radius in (0.12, 0.06, 0.02)]
        tolerance = max([1.0, *[BY_NAME[s.what].tolerance for s in f.steps if s.what in BY_NAME]])
        found: dict[tuple[str, int], float] = {}
        for names in every:
            order, maps = sum([TRANSFORMS[name].order for name in names]), names.count("vmap")
            try:
                got = float(stacked(f, names, V)(X))
            except Exception as error:  # an answer too
                result.append(f"{' of '.join(names)}: {type(error).__name__}: {error}"[:300])
                continue
            want = combined(wide, names)
            doubt = abs(want - combined(narrow, names))
            size = max(1.0, abs(want))
            slopes = [(d(k * SHIFT)[1] for d in (wide, narrow, narrowest)) for k in range(maps + 1)]
            smooth = all([abs(a - c) + abs(b - c) <= 1e-7 * max(1.0, abs(c)) for a, b, c in slopes])
            kink = not (smooth and doubt <= 1e-5 * size)  # near by: the modes have to agree all the same
            if not kink and not abs(got - want) <= tolerance * WITH_NUMBERS * size + 20 * doubt:
                result.append(f"{' of '.join(names)}: got {got!r}, numbers say {want!r} ± {doubt:.1e}")
            if maps == 0:
                first = found.setdefault(("order", order), got)
                if not abs(got - first) <= tolerance * BETWEEN_MODES * max(1.0, abs(first)):
                    result.append(f"{' of '.join(names)}: got {got!r}, nested reverse mode {first!r}")
    return result


def smallest(f: Program, every: Sequence[tuple[str, ...]]) -> Program:
    """The program with all steps left out that the failure does not need."""
    k = len(f.steps) - 1
    while k >= 0:
        shorter = f.without(k)
        try:
            if wrong(shorter, every):
                f = shorter
        except Exception:  # values of other shapes do not fit what comes after
            pass
        k -= 1
    return f


def report(seed: int, count: int = 8) -> str:
    """Empty if all agree; else what to run, the smallest program and what disagrees."""
    f, every = program(seed), stacks(seed, count)
    if not wrong(f, every):
        return ""
    f = smallest(f, every)
    lines = [f"python -m tests.random_programs --seed {seed}", *f.text().split("\n"), *wrong(f, every)[:4]]
    return "\n    ".join(lines)


# -- the command ---------------------------------------------------------------------------------------------------
def looked_at(start: int, seconds: float) -> Iterator[tuple[int, str]]:
    """(seed, report) of the programs from this seed on until the time is over."""
    end = time.monotonic() + seconds
    for seed in itertools.count(start):
        if time.monotonic() > end:
            return
        yield seed, report(seed)


def worker(arguments: tuple[int, float]) -> tuple[int, list[str]]:
    """How many programs were looked at, and the reports of those that failed, each printed as it comes."""
    count, failures = 0, []
    for _, text in looked_at(*arguments):
        count += 1
        if text:
            print(text, flush=True)
            failures.append(text)
    return count, failures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long (default 60)")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--start", type=int, help="the first seed (default: another one each day)")
    parser.add_argument("--seed", type=int, help="only this program")
    chosen = parser.parse_args()
    if chosen.seed is not None:
        print(program(chosen.seed).text())
        text = report(chosen.seed)
        print(text or "all agree")
        return 1 if text else 0
    start = chosen.start if chosen.start is not None else int(time.time() // 86400) * 1_000_000
    print(f"random programs for {chosen.seconds:.0f} s from seed {start} on", flush=True)
    jobs = [(start + 500_000 * k, chosen.seconds) for k in range(chosen.processes)]
    with multiprocessing.get_context("spawn").Pool(chosen.processes) as processes:
        results = processes.map(worker, jobs)
    failed = sum([len(failures) for _, failures in results])
    print(f"{sum([count for count, _ in results])} programs, {failed} with a disagreement")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
