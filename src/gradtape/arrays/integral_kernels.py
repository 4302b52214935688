"""Kernels of Dawson's integral, erfcx, elliptic integrals and their kin, for every order of derivative.

Each takes the order as a number and keeps its relative precision where the formula that defines the derivative
cancels: there it sums a series, a continued fraction, or a sum of Gaussians. SciPy has the functions themselves.
"""

from __future__ import annotations

from math import factorial, pi, sqrt
from typing import Any

import numpy as np

from .special_kernels import floating_pair, in_double, no_wider, scipy_special

# -- erfcx ------------------------------------------------------------------------------------------------------
#: From here on, derivatives of erfcx come from the continued fraction of the repeated integrals of erfc.
FRACTION = 1.2
LEVELS = 130


@in_double
def erfcx(x: Any, order: int) -> Any:
    """The derivative of that order of exp(x^2) erfc(x).

    It is (-2)^n n! exp(x^2) i^n erfc(x), and ratios of neighbouring repeated integrals are a continued fraction for
    positive x (Abramowitz and Stegun 7.2.5); elsewhere y[n+1] = 2 x y[n] + 2 n y[n-1] from y' = 2 x y - 2/sqrt(pi).
    """
    y = scipy_special("special.erfcx").erfcx(x)
    if order == 0:
        return y
    right = x > FRACTION
    z = np.where(right, x, 1.0)
    ratio = np.zeros_like(z)
    product = np.where(right, y, 0.0)
    for n in range(order + LEVELS, 0, -1):
        ratio = 1 / (2 * z + 2 * (n + 1) * ratio)
        if n <= order:
            product = product * (-2 * n * ratio)
    left = np.where(right, 0.0, x)
    before, now = np.where(right, 0.0, y), 2 * left * np.where(right, 0.0, y) - 2 / sqrt(pi)
    for n in range(1, order):
        before, now = now, 2 * left * now + 2 * n * before
    return np.where(right, product, now)


# -- Dawson's integral --------------------------------------------------------------------------------------------
#: Between these, derivatives of Dawson's integral are sums of Gaussians; below, a recurrence; above, a series.
NEAR, FAR = 1.5, 7.0
STEP = 0.2


@in_double
def dawsn(x: Any, order: int) -> Any:
    """The derivative of that order of exp(-x^2) times the integral of exp(t^2) from 0 to x.

    F[n+1] = -2 x F[n] - 2 n F[n-1] cancels far out. There: Rybicki's sampling, F(x) = sum over odd n of
    exp(-(x - n h)^2) / (n sqrt(pi)), differentiated term by term, and further out the asymptotic series.
    """
    y = scipy_special("special.dawsn").dawsn(x)
    if order == 0:
        return y
    t = np.abs(x)
    near, far = t < NEAR, t > FAR
    z = np.where(near, x, 0.0)
    before, now = np.where(near, y, 0.0), 1 - 2 * z * np.where(near, y, 0.0)
    for n in range(1, order):
        before, now = now, -2 * z * now - 2 * n * before
    sign = np.where(x < 0, -1.0, 1.0) ** (order + 1)
    middle = np.where(near | far, NEAR, t)
    center = 2 * np.rint(middle / (2 * STEP))
    total = np.zeros_like(t)
    for k in range(-39, 41, 2):
        n = center + k
        u = middle - n * STEP
        total += hermite(u, order) * np.exp(-u * u) / n
    out = np.where(near, now, sign * (-1.0) ** order * total / sqrt(pi))
    if far.any():
        u = np.where(far, t, FAR)
        series = np.zeros_like(t)
        coefficient = 0.5
        for k in range(40):
            power = -(2 * k + 1)
            factor = coefficient
            for i in range(order):
                factor *= power - i
            series += factor * u ** float(power - order)
            coefficient *= (2 * k + 1) / 2
        out = np.where(far, sign * series, out)
    return out


def hermite(u: Any, order: int) -> Any:
    """Hermite's polynomial of that order: (-1)^n exp(u^2) times the nth derivative of exp(-u^2)."""
    before, now = np.zeros_like(u), np.ones_like(u)
    for n in range(order):
        before, now = now, 2 * u * now - 2 * n * before
    return now


# -- (exp(x) - 1) / x ---------------------------------------------------------------------------------------------
@in_double
def exprel(x: Any, order: int) -> Any:
    """The derivative of that order of (exp(x) - 1) / x: the integral of t^n exp(x t) from 0 to 1.

    For small |x| its power series, for negative x times exp(-|x|) so that all terms have one sign; beyond,
    y[n] = (exp(x) - n y[n-1]) / x.
    """
    if order == 0:
        return scipy_special("special.exprel").exprel(x)
    limit = order + 12.0
    small = np.abs(x) <= limit
    z = np.where(small, x, 0.0)
    size = np.abs(z)
    rising = term = np.full_like(z, 1.0)
    kummer = np.zeros_like(z)
    power = np.zeros_like(z)
    for k in range(int(limit) + 80):
        power += term / (k + order + 1)
        term = term * size / (k + 1)
        kummer += rising
        rising = rising * size / (order + 2 + k)
    y = np.where(z >= 0, power, np.exp(-size) * kummer / (order + 1))
    large = np.where(small, limit, x)
    grown = np.exp(large)
    beyond = np.expm1(large) / large
    for n in range(1, order + 1):
        beyond = np.where(np.isinf(grown) & (large > 0), grown, (grown - n * beyond) / large)
    return np.where(small, y, beyond)


# -- complete elliptic integrals ----------------------------------------------------------------------------------
#: Up to here the power series, beyond the differential equation.
SERIES = 0.35


@in_double
def ellipk(m: Any, order: int) -> Any:
    """The derivative of that order of K(m)."""
    return elliptic(m, order)[0]


@in_double
def ellipe(m: Any, order: int) -> Any:
    """The derivative of that order of E(m)."""
    return elliptic(m, order)[1]


def elliptic(m: Any, order: int) -> tuple[Any, Any]:
    """Derivatives of K and E: power series near 0, else m (1 - m) y'' = ... of either (DLMF 19.4)."""
    special = scipy_special("special.ellipk")
    k, e = special.ellipk(m), special.ellipe(m)
    if order == 0:
        return k, e
    near = np.abs(m) <= SERIES
    z = np.where(near, m, 0.0)
    ks, es = np.zeros_like(z), np.zeros_like(z)
    c, power = 1.0, np.ones_like(z)
    for n in range(70 + order):
        if n >= order:
            falling = factorial(n) / factorial(n - order)
            ks += c * falling * power
            es += c / (1 - 2 * n) * falling * power
            power = power * z
        c *= ((2 * n + 1) / (2 * n + 2)) ** 2
    m = np.where(near, 0.5, m)
    k, e = np.where(near, 1.0, k), np.where(near, 1.0, e)
    with np.errstate(all="ignore"):
        rest = m * (1 - m)
        k_before, k_now = k, (e - (1 - m) * k) / (2 * rest)
        e_before, e_now = e, (e - k) / (2 * m)
        for n in range(order - 1):
            k_next = ((n + 0.5) ** 2 * k_before - (n + 1) * (1 - 2 * m) * k_now) / rest
            e_next = -((n + 1 - (2 * n + 1) * m) * e_now + (0.25 - n * n) * e_before) / rest
            k_before, k_now, e_before, e_now = k_now, k_next, e_now, e_next
    return np.where(near, pi / 2 * ks, k_now), np.where(near, pi / 2 * es, e_now)


# -- the beta distribution ----------------------------------------------------------------------------------------
@no_wider
def beta_density(p: Any, q: Any, x: Any, c: Any) -> Any:
    """x^p (1 - x)^q exp(-c), where x^p alone may underflow."""
    special = scipy_special("special.betainc")
    p, q = floating_pair(p, q)
    p, x = floating_pair(p, x)
    with np.errstate(all="ignore"):
        return np.exp(special.xlogy(p, x) + special.xlog1py(np.asarray(q, p.dtype), -x) - np.asarray(c, p.dtype))[()]


# -- Lambert's function -------------------------------------------------------------------------------------------
@no_wider
def lambertw(x: Any, k: int) -> Any:
    """A solution w of w exp(w) = x, complex."""
    x = np.asarray(x)
    y = scipy_special("special.lambertw").lambertw(x, k)
    return (y.astype(x.dtype) if x.dtype.kind == "c" else y)[()]


for _name in ("erfcx", "dawsn", "exprel", "ellipk", "ellipe", "lambertw"):
    globals()[_name].lacking = f"special.{_name}"
