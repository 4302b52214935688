"""What an operation on Tensors costs above NumPy's on the arrays where no tape is active, function by function.

    python benchmarks/operations.py [--above 0.0] [--only REGEX]

Every expression runs three ways: with NumPy on arrays, with gradtape on Tensors (`xp` is gradtape) and with NumPy's own
functions on Tensors (`xp` is numpy). Prints microseconds, each the best of several interleaved runs, those above the
goals (0.4 and 0.6 more than NumPy) marked. Arrays are small, so that the difference is what a call costs.
"""

from __future__ import annotations

import argparse
import re
import timeit
from typing import Any

import numpy as np

import gradtape as gt

#: Microseconds above NumPy's that an operation, and one through NumPy's functions, may cost.
GOALS = (0.4, 0.6)

ELEMENTWISE = (
    "abs acos acosh asin asinh atan atanh ceil cos cosh exp exp2 expm1 fabs floor isfinite isinf isnan log log10 log1p "
    "log2 logical_not negative positive reciprocal rint sign signbit sin sinh sqrt square tan tanh trunc conj cbrt "
    "deg2rad rad2deg real imag round"
)
OF_TWO = (
    "add atan2 divide equal float_power floor_divide fmax fmin fmod greater greater_equal heaviside hypot less "
    "less_equal logaddexp logaddexp2 logical_and logical_or logical_xor maximum minimum multiply nextafter not_equal "
    "pow remainder subtract copysign"
)
REDUCING = "all any argmax argmin count_nonzero max mean min prod std sum var median"

PLAIN = """
    x + y | x - y | x * y | x / y | x ** 2 | x ** y | x // y | x % y | x < y | -x | abs(x) | m @ n | 2.0 * x | x + 1.0
    1.0 - x | 1.0 / x | x == y | divmod(x, y) | x[2] | x[1:5] | x[::-1] | m[1, 2] | m[1:3, 0:2] | m[:, 1] | m[..., None]
    x[i] | x[b] | m[0] | x[None] | x.sum() | x.mean() | m.T | m.reshape(16) | x.dot(y) | m.sum(axis=0) | x.max()
    x.copy() | m.ravel() | x.astype('float32') | x.std() | x.clip(0.2, 0.5) | x.cumsum() | m.transpose() | len(x)
    x.shape
"""
CALLED = """
    reshape(m, (2, 8)) | permute_dims(t, (2, 0, 1)) | moveaxis(t, 0, 2) | swapaxes(t, 0, 1) | expand_dims(x, axis=0)
    squeeze(k, axis=0) | broadcast_to(x, (3, 10)) | concat([x, y]) | concatenate([x, y]) | stack([x, y]) | unstack(m)
    split(x, 2) | flip(x) | roll(x, 2) | repeat(x, 2) | tile(x, 2) | pad(x, 1) | tril(m) | triu(m) | diag(x)
    diagonal(m) | take(x, i) | take_along_axis(x, i, axis=0) | where(b, x, y) | clip(x, 0.2, 0.5) | sort(x) | argsort(x)
    searchsorted(x, y) | matmul(m, n) | vecdot(x, y) | tensordot(m, n, axes=1) | einsum('ij,jk->ik', m, n) | outer(x, y)
    kron(v, v) | cross(v, v) | dot(x, y) | trace(m) | cumulative_sum(x) | cumulative_prod(x) | diff(x) | nonzero(x)
    matrix_transpose(m) | zeros_like(x) | ones_like(x) | full_like(x, 2.0) | angle(z) | ravel(m)
    linalg.solve(s, n) | linalg.inv(s) | linalg.det(s) | linalg.slogdet(s) | linalg.cholesky(s) | linalg.norm(x)
    linalg.norm(m) | linalg.vector_norm(x) | linalg.vector_norm(m, axis=0) | linalg.norm(m, axis=0)
    linalg.matrix_norm(m) | linalg.trace(m) | linalg.diagonal(m) | linalg.eigh(s) | linalg.eigvalsh(s) | linalg.svd(m)
    linalg.svdvals(m) | linalg.qr(m) | linalg.pinv(m) | linalg.matrix_power(m, 3) | linalg.matrix_rank(m)
    linalg.outer(x, y) | fft.fft(x) | fft.ifft(z) | fft.rfft(x) | fft.irfft(z) | fft.fft2(m) | fft.fftshift(x)
    interp(x, y, u) | convolve(x, v) | trapezoid(x) | nansum(x) | percentile(x, 30) | cov(x) | polyval(v, x)
    quantile(x, 0.3) | nan_to_num(x) | vstack([x, y]) | hstack([x, y])
"""


def listed(text: str) -> list[str]:
    """The expressions in a text, separated by bars and line ends."""
    return [part.strip() for line in text.strip().splitlines() for part in line.split("|")]


#: x, y: ten numbers; u: ten within (0, 1); w: ten above 1; m, n: 4 x 4; s: symmetric positive definite; t: 2 x 3 x 4;
#: v: three numbers; k: 1 x 10; z: ten complex numbers; i: indices and b: a mask, as arrays.
EXPRESSIONS = [
    *[f"xp.{name}({'w' if name == 'acosh' else 'u'})" for name in ELEMENTWISE.split()],
    *[f"xp.{name}(x, y)" for name in OF_TWO.split()],
    *[f"xp.{name}({argument})" for name in REDUCING.split() for argument in ("x", "m, axis=0")],
    *listed(PLAIN),
    *[f"xp.{call}" for call in listed(CALLED)],
]

#: Only through NumPy's functions, or with an array from the left.
MIXED = ["a * x", "a + x", "f * x", "a @ x", "a < x"]


def values() -> dict[str, Any]:
    """The arrays by name."""
    rng = np.random.default_rng(0)
    m, n = rng.standard_normal((2, 4, 4))
    x, y = np.linspace(0.1, 1.0, 10), np.linspace(0.2, 0.9, 10)
    return {
        "x": x, "y": y, "u": np.linspace(0.05, 0.95, 10), "w": x + 1, "m": m, "n": n, "s": m @ m.T + 4 * np.eye(4),
        "t": rng.standard_normal((2, 3, 4)), "v": np.array([1.0, 2.0, 3.0]), "k": x[None], "z": x + 1j * y,
    }  # fmt: skip


def best(timers: list[timeit.Timer | None], repeat: int = 15) -> list[float]:
    """Microseconds of one call of each, the best of interleaved runs."""
    times = [float("inf")] * len(timers)
    numbers = []
    for timer in timers:
        if timer is not None:
            timer.timeit(3)
            numbers.append(max(20, int(2e-3 / max(timer.timeit(20) / 20, 1e-8))))
        else:
            numbers.append(0)
    for _ in range(repeat):
        for k, (timer, number) in enumerate(zip(timers, numbers, strict=True)):
            if timer is not None:
                times[k] = min(times[k], timer.timeit(number) / number * 1e6)
    return times


def timer(expression: str, names: dict[str, Any]) -> timeit.Timer | None:
    """A timer of the expression, or None where it is not to be had there."""
    try:
        eval(expression, names)
    except (AttributeError, TypeError, NotImplementedError):
        return None
    return timeit.Timer(expression, globals=names)


def shown(time: float) -> str:
    """Microseconds, or a dash where there are none."""
    return f"{time:.2f}" if time < float("inf") else "-"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--above", type=float, default=0.0, help="print only those that cost this much more")
    parser.add_argument("--only", default="", help="only expressions in which this is found")
    options = parser.parse_args()
    arrays = values()
    tensors: dict[str, Any] = {name: gt.asarray(value) for name, value in arrays.items()}
    common = {"i": np.array([3, 1, 2]), "b": arrays["x"] > 0.5, "a": arrays["y"], "f": np.float64(2.0)}
    missed = [0, 0]
    print(f"{'expression':40}{'NumPy':>9}{'gradtape':>10}{'np.f(t)':>9}   above NumPy's")
    for expression in EXPRESSIONS + MIXED:
        if not re.search(options.only, expression):
            continue
        mixed = "xp" not in expression and expression in MIXED
        base, own, by_numpy = best([
            timer(expression, {"xp": np, **arrays, **common}),
            None if mixed else timer(expression, {"xp": gt, **tensors, **common}),
            timer(expression, {"xp": np, **tensors, **common}) if mixed or "xp" in expression else None,
        ])  # fmt: skip
        above = [own - base, by_numpy - base]
        for k in range(2):
            missed[k] += GOALS[k] < above[k] < float("inf")
        if max([a for a in above if a < float("inf")], default=0) >= options.above:
            marks = [
                f"{a:+8.2f}{'!' if a > goal else ' '}" if a < float("inf") else 9 * " "
                for a, goal in zip(above, GOALS, strict=True)
            ]
            print(f"{expression:40}{base:9.2f}{shown(own):>10}{shown(by_numpy):>9}{''.join(marks)}")
    print(f"above the goals: {missed[0]} of gradtape's functions, {missed[1]} through NumPy's")


if __name__ == "__main__":
    main()
