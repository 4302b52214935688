"""What the rule costs that a zero cotangent absorbs an infinite slope: gradients with it and with plain products.

One column for each size, the median over pairs measured in turn, one call before each. A function whose slope is finite
everywhere makes no use of the rule: there the two are the same code.
"""

import statistics
import time

import numpy as np

import gradtape as gt
from gradtape.hotpath import make_raw_pull
from gradtape.primitive import REGISTRY

FUNCTIONS = {
    "sqrt": lambda x: gt.sqrt(x), "log": lambda x: gt.log(x), "reciprocal": lambda x: gt.reciprocal(x),
    "power": lambda x: x**1.7, "asin": lambda x: gt.asin(x), "atanh": lambda x: gt.atanh(x),
    "divide": lambda x: 1.5 / x, "multiply": lambda x: x * x[::-1], "exp": lambda x: gt.exp(x),
    "sin (always finite)": lambda x: gt.sin(x), "tanh (always finite)": lambda x: gt.tanh(x),
}  # fmt: skip
SIZES = (100, 10_000, 1_000_000)
PAIRS = 41


def once(f, x: np.ndarray, g: np.ndarray, repeat: int) -> float:
    """Seconds that value and gradient take: forward, and back from the cotangent g."""
    start = time.perf_counter()
    for _ in range(repeat):
        gt.vjp(f, x)[1](g)
    return (time.perf_counter() - start) / repeat


def without() -> dict:
    """Every elementwise primitive's pulls; those of plain products in their place."""
    before = {}
    for primitive in REGISTRY.values():
        if getattr(primitive, "singular", False) and primitive.raw_pulls is not None:
            before[primitive] = primitive.raw_pulls
            primitive.raw_pulls = tuple([make_raw_pull(slope, False) for slope in primitive.slopes])
    return before


def ratio(f, n: int) -> float:
    """Time of a gradient with the rule over that without."""
    x = np.random.default_rng(0).uniform(0.2, 0.8, n)
    g = gt.asarray(np.random.default_rng(1).normal(size=n))
    repeat = max(1, 60_000 // n)
    ratios = []
    for pair in range(PAIRS):
        seconds = {}
        for ruled in (True, False) if pair % 2 else (False, True):  # what ran before leaves its mark on the memory
            before = {} if ruled else without()
            once(f, x, g, 1)
            seconds[ruled] = once(f, x, g, repeat)
            for primitive, pulls in before.items():
                primitive.raw_pulls = pulls
        ratios.append(seconds[True] / seconds[False])
    return statistics.median(ratios)


if __name__ == "__main__":
    print(f"{'value and gradient':24s}" + "".join([f"{n:>12,}" for n in SIZES]))
    for name, f in FUNCTIONS.items():
        print(f"{name:24s}" + "".join([f"{ratio(f, n):12.3f}" for n in SIZES]), flush=True)
