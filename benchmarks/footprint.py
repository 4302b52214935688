"""What gradtape costs beside the arithmetic: its import, an operation that nobody records, the memory of a gradient."""

import os
import statistics
import subprocess
import sys
import timeit
import tracemalloc

import numpy as np

MODULES = {
    "by_hand": "numpy",
    "gradtape": "gradtape",
    "torch": "torch",
    "tensorflow": "tensorflow",
    "jax": "jax",
    "autograd": "autograd",
}


def import_seconds(systems, repetitions=7) -> dict[str, float]:
    """Least seconds of an import in a fresh interpreter. Least, since a disk or another process can only add to it."""
    program = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode: so shall a checkout
    least: dict[str, float] = {}
    for _ in range(repetitions):
        for system in [s for s in systems if s in MODULES]:
            if least.get(system, 0.0) > 1.0 and _ >= 3:
                continue                                    # seconds each: three will do
            command = [sys.executable, "-c", program.format(MODULES[system])]
            answer = subprocess.run(command, capture_output=True, text=True, env=environment)
            if answer.returncode == 0:
                least[system] = min(least.get(system, np.inf), float(answer.stdout.split()[-1]))
    return least


def overheads(repetitions=41, calls=2000) -> dict[str, float]:
    """Seconds by which an operation on Tensors exceeds NumPy's on their arrays, with no tape active: medians."""
    import gradtape as gt

    a, b = np.linspace(0.1, 1, 10), np.linspace(1, 2, 10)
    names = {"np": np, "gt": gt, "a": a, "b": b, "A": gt.asarray(a), "B": gt.asarray(b)}
    pairs = {
        "gt.sin(T)": ("gt.sin(A)", "np.sin(a)"),
        "np.sin(T)": ("np.sin(A)", "np.sin(a)"),
        "T + T": ("A + B", "a + b"),
        "gt.add(T, T)": ("gt.add(A, B)", "np.add(a, b)"),
        "np.add(T, T)": ("np.add(A, B)", "np.add(a, b)"),
        "gt.sum(T)": ("gt.sum(A)", "np.sum(a)"),
        "np.sum(T)": ("np.sum(A)", "np.sum(a)"),
        "T[2:5]": ("A[2:5]", "a[2:5]"),
    }
    timers = {s: timeit.Timer(s, globals=names) for pair in pairs.values() for s in pair}
    seconds: dict[str, list[float]] = {s: [] for s in timers}
    for _ in range(repetitions):
        for statement, timer in timers.items():
            seconds[statement].append(timer.timeit(calls) / calls)
    median = {s: statistics.median(times) for s, times in seconds.items()}
    return {label: median[ours] - median[theirs] for label, (ours, theirs) in pairs.items()}


def peak(run) -> int:
    """Bytes by which memory rises above what is there before, at the highest point of run()."""
    run()                                                   # what is made once does not count
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    result = run()
    _, highest = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del result
    return highest - before


def memory() -> list[dict]:
    """Peak memory of three gradients, beside what the mathematics must keep, both in arrays of x's size.

    What must be kept: the values that derivatives need and that are not inputs, and the cotangents that are alive at
    the same moment as all of these. tanh(x)·exp(-x²): both factors, and one cotangent (the other can be written over
    a factor that nothing needs any more): 3. A chain of n sin: the n - 1 arguments that are not the input, and one
    cotangent: n. A chain of n exp: exp needs its result, so n, and one cotangent: n + 1.
    """
    import gradtape as gt

    x = gt.asarray(np.linspace(0.1, 1, 1_000_000))
    small = gt.asarray(np.linspace(0.1, 1, 100_000))

    def gradient_of(f, x):
        def run():
            with gt.GradientTape() as tape:
                tape.watch(x)
                y = gt.sum(f(x))
            return tape.gradient(y, x)

        return run

    def chain(function, n):
        def f(x):
            for _ in range(n):
                x = function(x)
            return x

        return f

    cases = [
        ("Σ tanh(x) exp(-x²), a million doubles", lambda x: gt.tanh(x) * gt.exp(-(x**2)), x, 3),
        ("Σ of 50 sin in a chain, 100,000 doubles", chain(gt.sin, 50), small, 50),
        ("Σ of 50 exp(-x) in a chain, 100,000 doubles", chain(lambda x: gt.exp(-x), 50), small, 51),
    ]
    return [
        {"title": title, "peak": peak(gradient_of(f, x)) / x.numpy().nbytes, "must_keep": must_keep}
        for title, f, x, must_keep in cases
    ]


if __name__ == "__main__":                                  # a fresh process, so that no peer is loaded in it
    import json

    print(json.dumps({"overheads": overheads(), "memory": memory()}))
