"""How accurate values and derivatives are: every elementwise and special function on a grid over its domain.

    python -m tests.accuracy                    docs/accuracy.md: the worst point of each, and what is beyond the bounds
    python -m tests.accuracy asin expit         prints those

The reference is mpmath with 50 digits. An error is relative to the exact derivative at the floating point: in units of
the last place (ulp, 2.2e-16) for elementary functions. Near a zero of a derivative no composition of rounded operations
can keep that; there it is relative to what a rounding of the point changes: the next derivative times the point.
"""

from __future__ import annotations

import multiprocessing
import pathlib
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath as mp
import numpy as np

import gradtape as gt

EPS = 2.0**-52
ORDERS = 4
#: Bounds on the error of the value and of the first, second and third derivative: elementary in ulp, special relative.
ELEMENTARY = (4.0, 8.0, 32.0, 32.0)
SPECIAL = 1e-10


class Function(NamedTuple):
    """A function, its reference, and where it is looked at."""

    ours: Callable[[Any], Any]
    exact: Callable[[Any], Any]
    points: list[float]
    special: bool = False
    #: The reference's derivatives are central differences of 10^-step, relative; fewer digits where mpmath is slow.
    step: int = 25


def signed(points: list[float]) -> list[float]:
    """With both signs, and 0."""
    return [-p for p in reversed(points)] + [0.0] + points


WIDE = [1e-20, 1e-8, 1e-3, 0.1, 0.4, 0.7, 1.0, 1.3, 1.9, 2.6, 3.7, 5.2, 8.1, 12.6, 20.3, 37.0]
FAR = [*WIDE, 85.0, 300.0, 700.0]
LARGE = [*FAR, 1e5, 1e10, 1e20, 1e100]
UNIT = [1e-20, 1e-8, 1e-3, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 1 - 1e-8]
REAL, HALF = signed(WIDE), FAR

FUNCTIONS: dict[str, Function] = {
    "sin": Function(gt.sin, mp.sin, REAL), "cos": Function(gt.cos, mp.cos, REAL), "tan": Function(gt.tan, mp.tan, REAL),
    "exp": Function(gt.exp, mp.exp, signed(FAR)), "expm1": Function(gt.expm1, mp.expm1, signed(WIDE)),
    "exp2": Function(gt.exp2, lambda x: mp.mpf(2) ** x, REAL), "log": Function(gt.log, mp.log, LARGE),
    "log1p": Function(gt.log1p, mp.log1p, [-0.999, -0.9, -0.5, -1e-3, -1e-20, *LARGE]),
    "log2": Function(gt.log2, lambda x: mp.log(x) / mp.log(2), LARGE), "log10": Function(gt.log10, mp.log10, LARGE),
    "sqrt": Function(gt.sqrt, mp.sqrt, [p for p in LARGE if p > 1e-100]),
    "cbrt": Function(gt.cbrt, mp.cbrt, [p for p in LARGE if p > 1e-100]),
    "reciprocal": Function(gt.reciprocal, lambda x: 1 / x, [p for p in LARGE if 1e-50 < p < 1e50]),
    "square": Function(gt.square, lambda x: x * x, REAL),
    "x**2.5": Function(lambda x: x**2.5, lambda x: x ** mp.mpf(2.5), FAR[3:]),
    "x**3": Function(lambda x: x**3, lambda x: x**3, REAL),
    "2**x": Function(lambda x: 2.0**x, lambda x: mp.mpf(2) ** x, REAL),
    "sinh": Function(gt.sinh, mp.sinh, signed(FAR)), "cosh": Function(gt.cosh, mp.cosh, signed(FAR)),
    "tanh": Function(gt.tanh, mp.tanh, REAL), "asin": Function(gt.asin, mp.asin, signed(UNIT)),
    "acos": Function(gt.acos, mp.acos, signed(UNIT)),
    "atan": Function(gt.atan, mp.atan, signed([p for p in LARGE if p < 1e50])),
    "asinh": Function(gt.asinh, mp.asinh, signed([p for p in LARGE if p < 1e50])),
    "acosh": Function(gt.acosh, mp.acosh, [1 + 1e-8, 1.01, 1.5, 3.0, 50.0, 1e10, 1e40]),
    "atanh": Function(gt.atanh, mp.atanh, signed(UNIT)),
    "expit": Function(gt.special.expit, lambda x: 1 / (1 + mp.exp(-x)), signed(FAR)),
    "softplus": Function(gt.nn.softplus, lambda x: mp.log1p(mp.exp(x)), signed(FAR)),
    "log_expit": Function(gt.special.log_expit, lambda x: -mp.log1p(mp.exp(-x)), signed(FAR)),
    "logit": Function(gt.special.logit, lambda x: mp.log(x / (1 - x)), UNIT),
    "hypot(x, 2)": Function(lambda x: gt.hypot(x, 2.0), lambda x: mp.sqrt(x * x + 4), REAL),
    "atan2(x, 2)": Function(lambda x: gt.atan2(x, 2.0), lambda x: mp.atan(x / 2), REAL),
    "logaddexp(x, 1)": Function(lambda x: gt.logaddexp(x, 1.0), lambda x: mp.log(mp.exp(x) + mp.e), signed(FAR)),
    "sinc": Function(gt.sinc, lambda x: mp.sincpi(x), REAL, True),
    "erf": Function(gt.special.erf, mp.erf, signed([p for p in WIDE if p < 8]), True),
    "erfc": Function(gt.special.erfc, mp.erfc, signed([p for p in WIDE if p < 21]), True),
    "erfcx": Function(gt.special.erfcx, lambda x: mp.exp(x * x) * mp.erfc(x), [-5.0, -1.0, *LARGE[2:-3]], True),
    "erfinv": Function(gt.special.erfinv, mp.erfinv, signed(UNIT[1:-1]), True),
    "dawsn": Function(gt.special.dawsn, lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x), signed(WIDE), True),
    "ndtr": Function(gt.special.ndtr, mp.ncdf, signed([p for p in WIDE if p < 21]), True),
    "log_ndtr": Function(
        gt.special.log_ndtr, lambda x: mp.log(mp.ncdf(x)), [-300.0, *signed([p for p in WIDE if p < 21])], True
    ),
    "gammaln": Function(gt.special.gammaln, mp.loggamma, LARGE[4:-1], True),
    "digamma": Function(gt.special.digamma, mp.digamma, LARGE[4:-1], True),
    "gamma": Function(gt.special.gamma, mp.gamma, [p for p in WIDE[4:] if p < 100], True),
    "i0": Function(gt.special.i0, lambda x: mp.besseli(0, x), REAL, True),
    "i1": Function(gt.special.i1, lambda x: mp.besseli(1, x), REAL, True),
    "i0e": Function(gt.special.i0e, lambda x: mp.exp(-x) * mp.besseli(0, x), FAR, True),
    "j0": Function(gt.special.j0, mp.j0, REAL, True), "j1": Function(gt.special.j1, mp.j1, REAL, True),
    "y0": Function(gt.special.y0, lambda x: mp.bessely(0, x), WIDE[4:], True),
    "k0": Function(gt.special.k0, lambda x: mp.besselk(0, x), [0.4, 1.0, 2.6, 8.1, 12.6], True),
    "expi": Function(gt.special.expi, mp.ei, WIDE[4:], True), "exp1": Function(gt.special.exp1, mp.e1, WIDE[4:], True),
    "exprel": Function(gt.special.exprel, lambda x: mp.expm1(x) / x if x else mp.mpf(1), REAL, True),
    "ellipk": Function(gt.special.ellipk, mp.ellipk, [-100.0, -5.0, -0.5, *UNIT[1:-1]], True),
    "ellipe": Function(gt.special.ellipe, mp.ellipe, [-100.0, -5.0, -0.5, *UNIT[1:-1]], True),
    "lambertw": Function(lambda x: gt.real(gt.special.lambertw(x)), lambda x: mp.lambertw(x).real, LARGE[1:-2], True),
    "entr": Function(gt.special.entr, lambda x: -x * mp.log(x), [p for p in LARGE if 1e-50 < p < 1e50], True),
    "logaddexp2(x, 1)": Function(
        lambda x: gt.logaddexp2(x, 1.0), lambda x: mp.log(mp.mpf(2) ** x + 2) / mp.log(2), signed(WIDE)
    ),
    "logsumexp([x, 1])": Function(
        lambda x: gt.logsumexp(gt.stack([x, 1.0])), lambda x: mp.log(mp.exp(x) + mp.e), signed(WIDE), True
    ),
    "softmax([x, 1])[0]": Function(
        lambda x: gt.special.softmax(gt.stack([x, 1.0]))[0], lambda x: 1 / (1 + mp.exp(1 - x)), signed(WIDE), True
    ),
    "log_softmax([x, 1])[0]": Function(
        lambda x: gt.special.log_softmax(gt.stack([x, 1.0]))[0], lambda x: -mp.log1p(mp.exp(1 - x)), signed(WIDE), True
    ),
    "erfcinv": Function(gt.special.erfcinv, lambda x: mp.erfinv(1 - x), [1e-8, *UNIT[2:-1], 1.1, 1.7, 1.99], True),
    "ndtri": Function(gt.special.ndtri, lambda x: mp.sqrt(2) * mp.erfinv(2 * x - 1), [1e-8, *UNIT[2:-1]], True),
    "i1e": Function(gt.special.i1e, lambda x: mp.exp(-x) * mp.besseli(1, x), FAR[2:], True),
    "k1": Function(gt.special.k1, lambda x: mp.besselk(1, x), [0.4, 1.0, 2.6, 8.1, 12.6], True),
    "y1": Function(gt.special.y1, lambda x: mp.bessely(1, x), WIDE[4:], True),
    "jn(2, x)": Function(lambda x: gt.special.jn(2, x), lambda x: mp.besselj(2, x), WIDE[3:], True),
    "jv(1.5, x)": Function(lambda x: gt.special.jv(1.5, x), lambda x: mp.besselj(1.5, x), WIDE[3:], True),
    "yv(1.5, x)": Function(lambda x: gt.special.yv(1.5, x), lambda x: mp.bessely(1.5, x), WIDE[4:], True),
    "iv(1.5, x)": Function(lambda x: gt.special.iv(1.5, x), lambda x: mp.besseli(1.5, x), WIDE[3:], True),
    "kv(1.5, x)": Function(lambda x: gt.special.kv(1.5, x), lambda x: mp.besselk(1.5, x), WIDE[4:], True),
    "beta(x, 2.5)": Function(lambda x: gt.special.beta(x, 2.5), lambda x: mp.beta(x, 2.5), WIDE[3:], True),
    "betaln(x, 2.5)": Function(lambda x: gt.special.betaln(x, 2.5), lambda x: mp.log(mp.beta(x, 2.5)), WIDE[3:], True),
    "betainc(2, 3.5, x)": Function(
        lambda x: gt.special.betainc(2.0, 3.5, x), lambda x: mp.betainc(2, 3.5, 0, x, True), UNIT[2:-1], True
    ),
    "betaincc(2, 3.5, x)": Function(
        lambda x: gt.special.betaincc(2.0, 3.5, x), lambda x: mp.betainc(2, 3.5, x, 1, True), UNIT[2:-1], True
    ),
    "gammainc(2.5, x)": Function(
        lambda x: gt.special.gammainc(2.5, x), lambda x: mp.gammainc(2.5, 0, x, True), WIDE[2:], True
    ),
    "gammaincc(2.5, x)": Function(
        lambda x: gt.special.gammaincc(2.5, x), lambda x: mp.gammainc(2.5, x, mp.inf, True), WIDE[2:], True
    ),
    "chdtr(3, x)": Function(
        lambda x: gt.special.chdtr(3.0, x), lambda x: mp.gammainc(1.5, 0, x / 2, True), WIDE[2:], True
    ),
    "chdtrc(3, x)": Function(
        lambda x: gt.special.chdtrc(3.0, x), lambda x: mp.gammainc(1.5, x / 2, mp.inf, True), WIDE[2:], True
    ),
    "fdtr(3, 4, x)": Function(
        lambda x: gt.special.fdtr(3.0, 4.0, x), lambda x: mp.betainc(1.5, 2, 0, 3 * x / (3 * x + 4), True),
        WIDE[2:], True
    ),
    "fdtrc(3, 4, x)": Function(
        lambda x: gt.special.fdtrc(3.0, 4.0, x), lambda x: mp.betainc(2, 1.5, 0, 4 / (3 * x + 4), True), WIDE[2:], True
    ),
    "stdtr(3, x)": Function(
        lambda x: gt.special.stdtr(3.0, x),
        lambda x: mp.mpf(1) / 2 + (x / mp.sqrt(3) / (1 + x * x / 3) + mp.atan(x / mp.sqrt(3))) / mp.pi, REAL, True
    ),
    "polygamma(1, x)": Function(lambda x: gt.special.polygamma(1, x), lambda x: mp.psi(1, x), WIDE[3:], True),
    "polygamma(3, x)": Function(lambda x: gt.special.polygamma(3, x), lambda x: mp.psi(3, x), WIDE[3:], True),
    "zeta(2.5, x)": Function(lambda x: gt.special.zeta(2.5, x), lambda x: mp.zeta(2.5, x), WIDE[4:], True),
    "binom(x, 2.5)": Function(lambda x: gt.special.binom(x, 2.5), lambda x: mp.binomial(x, 2.5), WIDE[7:], True),
    "multigammaln(x, 2)": Function(
        lambda x: gt.special.multigammaln(x, 2),
        lambda x: mp.log(mp.pi) / 2 + mp.loggamma(x) + mp.loggamma(x - mp.mpf(1) / 2), WIDE[5:], True
    ),
    "rel_entr(x, 2)": Function(lambda x: gt.special.rel_entr(x, 2.0), lambda x: x * mp.log(x / 2), LARGE[1:-2], True),
    "kl_div(x, 2)": Function(
        lambda x: gt.special.kl_div(x, 2.0), lambda x: x * mp.log(x / 2) - x + 2, LARGE[1:-2], True
    ),
    "xlogy(2, x)": Function(lambda x: gt.special.xlogy(2.0, x), lambda x: 2 * mp.log(x), LARGE, True),
    "xlog1py(2, x)": Function(lambda x: gt.special.xlog1py(2.0, x), lambda x: 2 * mp.log1p(x), [-0.9, *LARGE], True),
    "boxcox(x, 0.5)": Function(lambda x: gt.special.boxcox(x, 0.5), lambda x: 2 * (mp.sqrt(x) - 1), LARGE[1:-1], True),
    "boxcox1p(x, 0.5)": Function(
        lambda x: gt.special.boxcox1p(x, 0.5), lambda x: 2 * (mp.sqrt(1 + x) - 1), LARGE[1:-1], True
    ),
}  # fmt: skip

SLOW = [
    "digamma", "gamma", "i0", "i1", "i0e", "i1e", "j0", "j1", "y0", "y1", "k0", "k1", "jn", "jv", "yv", "iv", "kv",
    "expi", "exp1", "ellipk", "ellipe", "beta", "betaln", "betainc", "betaincc", "gammainc", "gammaincc", "chdtr",
    "chdtrc", "fdtr", "fdtrc", "polygamma", "zeta", "binom", "multigammaln",
]  # fmt: skip
for _name, _f in FUNCTIONS.items():
    if _name.partition("(")[0] in SLOW:
        FUNCTIONS[_name] = _f._replace(step=11)

#: Functions of the two namespaces that the table has not, and why.
LINEAR = """abs add angle clip complex conj copysign degrees deg2rad divide fabs fmax fmin fmod imag maximum minimum
multiply nan_to_num negative positive rad2deg radians real remainder stop_gradient subtract where"""
CONSTANT = """bitwise_and bitwise_invert bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor ceil equal floor
floor_divide greater greater_equal heaviside isfinite isinf isnan less less_equal logical_and logical_not logical_or
logical_xor nextafter not_equal rint round sign signbit trunc"""
ELSEWHERE = {
    **dict.fromkeys(LINEAR.split(), "linear, or a product, quotient or choice: slopes without a function of their own"),
    **dict.fromkeys(CONSTANT.split(), "piecewise constant"),
    "pow": "as x**2.5, x**3 and 2**x", "power": "as pow", "float_power": "as pow", "lgamma": "gammaln",
    "psi": "digamma",
}  # fmt: skip


def names() -> set[str]:
    """The functions that the table speaks of: their names without arguments."""
    return {name.partition("(")[0] for name in FUNCTIONS}


def derivatives(f: Function, point: float) -> list[float]:
    """Value and derivatives by nested reverse mode."""
    results, g = [], f.ours
    for _ in range(ORDERS):
        with np.errstate(all="ignore"):
            results.append(float(g(np.float64(point))))
        g = gt.grad(g)
    return results


def exact(f: Function, point: float) -> list[Any]:
    """The same and one more, to 50 digits: by differences of a step so small, and of numbers so long, that it is so."""
    exponent = f.step - (int(np.log10(abs(point))) if point and abs(point) < 1 else 0)
    with mp.workdps(4 * f.step + 5 * exponent):
        x = mp.mpf(point)
        h = (abs(x) if x else mp.mpf(1)) * mp.mpf(10) ** -f.step
        found = [mp.diff(f.exact, x, n, h=h) if n else f.exact(x) for n in range(ORDERS + 1)]
        return found if x else [mp.mpf(0) if abs(d) < mp.mpf(10) ** -20 else d for d in found]  # differences' error


def errors(f: Function, point: float) -> list[float]:
    """Relative errors, by order; against the terms of Taylor's series near a zero of a derivative."""
    want = exact(f, point)
    result = []
    for n, got in enumerate(derivatives(f, point)):
        size = abs(want[n])
        # a derivative near its zero is as good as its change over a rounding of the point allows
        scale = max(size, abs(want[n + 1]) * abs(mp.mpf(point)))
        if scale == 0 or scale < mp.mpf(10) ** -290:
            result.append(0.0 if abs(got) < 1e-290 else float("inf"))
        elif scale > mp.mpf(10) ** 300:
            result.append(0.0)
        else:
            result.append(float(abs(mp.mpf(got) - want[n]) / scale) if np.isfinite(got) else float("inf"))
    return result


def worst(f: Function) -> list[tuple[float, float]]:
    """For each order the largest error and the point where it is."""
    found = [(0.0, f.points[0])] * ORDERS
    for point in f.points:
        for n, error in enumerate(errors(f, point)):
            if not error <= found[n][0]:
                found[n] = (error, point)
    return found


def within(f: Function, found: list[tuple[float, float]]) -> bool:
    """Whether the errors are."""
    return all([e <= (SPECIAL if f.special else ELEMENTARY[n] * EPS) for n, (e, _) in enumerate(found)])


# -- the page ------------------------------------------------------------------------------------------------------
PAGE = pathlib.Path(__file__).parents[1] / "docs" / "accuracy.md"
HEAD = """# Accuracy

The error of values and of first, second and third derivatives (nested reverse mode) against mpmath with 50 digits and
more, at the worst point of a grid over each function's domain with its edges. `python -m tests.accuracy` makes this
page.

Errors of elementary functions are in units of the last place (2.2e-16), those of special functions relative. They are
relative to the exact derivative at the floating point; near a zero of a derivative, to what a rounding of the point
changes.
Bounds: {elementary} ulp of value and derivatives of elementary functions, {special} relative for special ones.
"""


def row(name: str) -> tuple[str, bool, bool]:
    """A line of the table, whether the function is a special one, and whether all is within the bounds."""
    f = FUNCTIONS[name]
    found = worst(f)
    unit = 1.0 if f.special else EPS
    cells = [f"{e / unit:.2g} at {p:.3g}" for e, p in found]
    right = within(f, found)
    return f"| `{name}` | " + " | ".join(cells) + f" | {'' if right else 'beyond'} |", f.special, right


def page() -> int:
    """Write it; the number of functions beyond the bounds."""
    with multiprocessing.get_context("spawn").Pool(2) as processes:
        rows = []
        for found in processes.imap(row, list(FUNCTIONS)):
            print(found[0], flush=True)
            rows.append(found)
    elementary = ", ".join([f"{b:g}" for b in ELEMENTARY])
    lines = [HEAD.format(elementary=elementary, special=f"{SPECIAL:g}")]
    for title, special in (("Elementary functions, in ulp", False), ("Special functions, relative", True)):
        lines += [f"## {title}", "", "| function | value | first | second | third | |", "| --- " * 6 + "|"]
        lines += [text for text, kind, _ in rows if kind is special] + [""]
    lines += ["Not in the tables:", ""]
    for reason in dict.fromkeys(ELSEWHERE.values()):
        lines.append(f"- {', '.join([f'`{n}`' for n, r in ELSEWHERE.items() if r == reason])}: {reason}")
    PAGE.write_text("\n".join(lines) + "\n")
    return sum([not right for *_, right in rows])


if __name__ == "__main__":
    if sys.argv[1:]:
        print("\n".join([row(name)[0] for name in sys.argv[1:]]))
    else:
        sys.exit(page() and 1)
