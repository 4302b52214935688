"""SciPy's functions that are differentiated as they are: each a call of arrays, all of which it is given as Tensors.

A line: the name, a function of floating arrays (differentiated in all of them), and the arrays. Where a result is no
array (a named tuple, an object with fields), the function picks what is compared. `CONSTANT`: the result is counted or
ranked, so that its derivative is None or zeros.
"""

from __future__ import annotations

import numpy as np
import scipy
import scipy.optimize.elementwise
from scipy import cluster, differentiate, fft, integrate, linalg, optimize, signal, special, stats
from scipy.spatial.transform import Rotation

random = np.random.default_rng(3)
X = np.array([0.3, 1.2, 0.7, 2.5, 0.9, 1.6, 0.45, 1.9])
Y = np.array([1.1, 0.2, 1.7, 0.6, 2.2, 0.35, 1.4, 0.8])
Z = np.array([0.15, 0.9, 1.3, 2.1, 0.5, 1.75, 1.05, 0.65])
R = X - 1.1
U = X / 3
M = random.normal(size=(6, 4))
GRID = np.linspace(0.0, 2.0, 8)
TAPS = np.array([0.2, 0.5, 0.3])

CALLS: dict[str, tuple] = {}
CONSTANT = set()


def xp_of(x):
    """The namespace of an array."""
    return x.__array_namespace__()


def call(name, function, *arrays, constant=False):
    CALLS[name] = (function, arrays)
    if constant:
        CONSTANT.add(name)


# -- special ------------------------------------------------------------------------------------------------------
for name in [
    "erf",
    "erfc",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "expit",
    "log_ndtr",
    "ndtr",
    "erfcx",
    "dawsn",
    "exprel",
    "log_expit",
    "expi",
    "j0",
    "j1",
    "sinc",
    "exp2",
    "expm1",
    "cbrt",
]:
    call(f"special.{name}", getattr(special, name), R)
for name in ["gammaln", "digamma", "entr", "exp1", "gamma", "y0", "y1", "k0", "k1", "log1p"]:
    call(f"special.{name}", getattr(special, name), X)
for name in ["logit", "ndtri", "erfinv", "ellipk", "ellipe"]:
    call(f"special.{name}", getattr(special, name), U)
for name in ["betaln", "xlogy", "xlog1py", "rel_entr", "kl_div", "beta"]:
    call(f"special.{name}", getattr(special, name), X, Y)
call("special.binom", special.binom, X + 3, Y)
call("special.gammainc", lambda x: special.gammainc(2.0, x), X)
call("special.gammaincc", lambda x: special.gammaincc(2.0, x), X)
call("special.betainc", lambda x: special.betainc(2.0, 1.5, x), U)
call("special.stdtr", lambda x: special.stdtr(4.0, x), R)
call("special.chdtr", lambda x: special.chdtr(3.0, x), X)
call("special.chdtrc", lambda x: special.chdtrc(3.0, x), X)
call("special.polygamma", lambda x: special.polygamma(1, x), X)
call("special.logsumexp", special.logsumexp, R)
call("special.softmax", lambda x: special.softmax(x) ** 2, R)
call("special.log_softmax", special.log_softmax, R)

# -- stats --------------------------------------------------------------------------------------------------------
for name in [
    "zscore",
    "gmean",
    "hmean",
    "skew",
    "kurtosis",
    "variation",
    "sem",
    "circmean",
    "circvar",
    "circstd",
    "gstd",
    "tmean",
    "tvar",
    "tstd",
    "entropy",
    "differential_entropy",
    "kstat",
    "kstatvar",
    "lmoment",
]:
    call(f"stats.{name}", getattr(stats, name), X)
call("stats.pmean", lambda x: stats.pmean(x, 1.5), X)
call("stats.entropy of two", stats.entropy, X, Y)
call("stats.describe", lambda x: stats.describe(x).variance, X)
call("stats.iqr", stats.iqr, X)
call("stats.trim_mean", lambda x: stats.trim_mean(x, 0.2), X)
call("stats.moment", lambda x: stats.moment(x, 3), X)
call("stats.quantile", lambda x: stats.quantile(x, 0.3), X)
call("stats.boxcox_llf", lambda x: stats.boxcox_llf(0.7, x), X)
call("stats.directional_stats", lambda x: stats.directional_stats(x).mean_direction, M)
call("stats.rankdata", stats.rankdata, X, constant=True)
call("stats.mode", lambda x: stats.mode(x).mode, X)
BIG = np.concatenate([X, Y, Z])
for test in (stats.skewtest, stats.kurtosistest, stats.normaltest, stats.jarque_bera):
    call(f"stats.{test.__name__} statistic", lambda x, f=test: f(x).statistic, BIG)
    call(f"stats.{test.__name__} p-value", lambda x, f=test: f(x).pvalue, BIG)
call("stats.ttest_1samp statistic", lambda x: stats.ttest_1samp(x, 1.0).statistic, X)
call("stats.ttest_1samp p-value", lambda x: stats.ttest_1samp(x, 1.0).pvalue, X)
call("stats.ttest_ind", lambda x, y: stats.ttest_ind(x, y).pvalue, X, Y)
call("stats.ttest_rel", lambda x, y: stats.ttest_rel(x, y).pvalue, X, Y)
call("stats.pearsonr", lambda x, y: stats.pearsonr(x, y).statistic, X, Y)
call("stats.pearsonr p-value", lambda x, y: stats.pearsonr(x, y).pvalue, X, Y)
call("stats.f_oneway", lambda x, y: stats.f_oneway(x, y).statistic, X, Y)
call("stats.bartlett", lambda x, y: stats.bartlett(x, y).statistic, X, Y)
call("stats.mannwhitneyu", lambda x, y: stats.mannwhitneyu(x, y, method="asymptotic").statistic, X, Y, constant=True)
call("stats.chisquare", lambda x: stats.chisquare(x).statistic, X)
call("stats.power_divergence", lambda x: stats.power_divergence(x, lambda_=0.6).statistic, X)
call("stats.combine_pvalues", lambda x: stats.combine_pvalues(x).statistic, U)

# -- integrate, optimize, differentiate ---------------------------------------------------------------------------
call("integrate.trapezoid", integrate.trapezoid, X)
call("integrate.cumulative_trapezoid", integrate.cumulative_trapezoid, X)
call("integrate.cumulative_simpson", lambda y: integrate.cumulative_simpson(y, dx=0.5), X)
call("integrate.tanhsinh", lambda c: integrate.tanhsinh(
    lambda x, c: x**2 * c, c * 0, c * 0 + 1, args=(c,)).integral, np.array([1.5, 2.0]))  # fmt: skip
call("integrate.cubature", lambda c: integrate.cubature(
    lambda x, c: x[:, 0] ** 2 * c * x[:, 1], xp_of(c).zeros(2), xp_of(c).ones(2), args=(c,)
).estimate, np.array(1.5))  # fmt: skip
call("optimize.rosen", optimize.rosen, X)
call("optimize.rosen_der", optimize.rosen_der, X)
ROOT = np.array([2.0, 3.0])
call("optimize.elementwise.find_root", lambda c: optimize.elementwise.find_root(
    lambda x, c: x**3 - c, (c * 0, c * 0 + 4), args=(c,)).x, ROOT)  # fmt: skip
call("optimize.elementwise.bracket_root", lambda c: optimize.elementwise.bracket_root(
    lambda x, c: x**3 - c, c * 0 + 0.5, args=(c,)).bracket[0], ROOT)  # fmt: skip
call("differentiate.derivative", lambda x: differentiate.derivative(lambda t: t**3, x).df, np.array([0.5, 1.5]))
call("differentiate.jacobian", lambda x: differentiate.jacobian(lambda t: t**3, x).df, np.array([0.5, 1.5]))

# -- signal, fft --------------------------------------------------------------------------------------------------
call("signal.fftconvolve", signal.fftconvolve, X, TAPS)
call("signal.oaconvolve", signal.oaconvolve, X, TAPS)
call("signal.hilbert", lambda x: abs(signal.hilbert(x)), X)
call("signal.resample", lambda x: signal.resample(x, 5), X)
call("signal.freqz", lambda b: abs(signal.freqz(b, worN=4)[1]), TAPS)
call("signal.vectorstrength", lambda x, p: signal.vectorstrength(x, p)[0], X, np.array([0.7]))
call("signal.envelope", lambda x: signal.envelope(x), X)
call("fft.fft", lambda x: abs(fft.fft(x)), X)
call("fft.rfft", lambda x: abs(fft.rfft(x)), X)
call("fft.irfft", lambda x: fft.irfft(fft.rfft(x) * 2), X)
call("fft.fftn", lambda x: abs(fft.fftn(x)), M)

# -- linalg, cluster, spatial -------------------------------------------------------------------------------------
call("linalg.block_diag", linalg.block_diag, M[:2, :2], M[2:4, :3])
call("cluster.vq.whiten", cluster.vq.whiten, M)
VECTOR = np.array([0.3, -0.2, 0.5])
call("Rotation.from_rotvec", lambda v, x: Rotation.from_rotvec(v).apply(x), VECTOR, np.array([1.0, 2.0, -1.0]))
call("Rotation.from_euler", lambda a: Rotation.from_euler("xyz", a).as_matrix(), VECTOR)
call("Rotation.from_matrix", lambda v: Rotation.from_matrix(Rotation.from_rotvec(v).as_matrix()).as_quat(), VECTOR)

__all__ = ["CALLS", "CONSTANT", "scipy"]
