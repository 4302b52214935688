"""SciPy's functions on Tensors: derivatives against numbers, and no function that silently cuts them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import scipy
from table import CALLS, CONSTANT, M, R, X, Y

import gradtape as gt

pytestmark = [
    pytest.mark.filterwarnings("ignore::RuntimeWarning"), pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]  # fmt: skip


def weights(y):
    """Fixed weights of a result's elements."""
    return np.cos(np.arange(np.size(y), dtype=float)).reshape(np.shape(y))


def differences(function, arrays, direction):
    """d/dt of the weighted sum of the function's result at arrays + t direction, on plain arrays, by 5 points."""

    def value(t):
        y = np.asarray(function(*[a + t * d for a, d in zip(arrays, direction, strict=True)]))
        return float(np.sum(y * weights(y)))

    h = 1e-4
    return (8 * (value(h) - value(-h)) - (value(2 * h) - value(-2 * h))) / (12 * h)


@pytest.mark.parametrize("name", CALLS)
def test_derivative(name):
    function, arrays = CALLS[name]
    tensors = [gt.asarray(a) for a in arrays]
    with gt.GradientTape() as tape:
        tape.watch(tensors)
        y = function(*tensors)
        loss = gt.sum(y * weights(y))
    np.testing.assert_allclose(y.numpy(), function(*arrays), rtol=1e-9, atol=1e-12)
    gradients = tape.gradient(loss, tensors, unconnected_gradients="zero" if name in CONSTANT else "none")
    assert all(g is not None for g in gradients)
    random = np.random.default_rng(7)
    for _ in range(2):
        direction = [random.uniform(-1, 1, np.shape(a)) for a in arrays]
        got = sum(float(np.sum(g.numpy() * d)) for g, d in zip(gradients, direction, strict=True))
        want = differences(function, arrays, direction)
        assert got == pytest.approx(want, rel=1e-6, abs=1e-7), name


@pytest.mark.parametrize(
    "name", ["special.logsumexp", "stats.zscore", "signal.hilbert", "optimize.rosen", "stats.kurtosis"]
)
def test_forward_mode_and_second_order(name):
    function, arrays = CALLS[name]
    gt.check_grads(function, arrays, order=2)


S = M[:4, :4] @ M[:4, :4].T + 4 * np.eye(4)
GRID = np.linspace(0.0, 1.0, 8)

#: Functions that go through C code or plain arrays: they have to say so. (Those that would lose the derivative without
#: a word, were Tensors to convert: quad, multivariate_normal, wasserstein_distance, solve_ivp, convolve ...)
REFUSED = {
    "linalg.solve": lambda x: scipy.linalg.solve(S, x[:4]), "linalg.inv": lambda x: scipy.linalg.inv(S * x[0]),
    "linalg.det": lambda x: scipy.linalg.det(S * x[0]), "linalg.svd": lambda x: scipy.linalg.svdvals(S * x[0]),
    "linalg.norm": lambda x: scipy.linalg.norm(x), "linalg.expm": lambda x: scipy.linalg.expm(S * x[0]),
    "linalg.cho_factor": lambda x: scipy.linalg.cho_factor(S * x[0]),
    "linalg.toeplitz": lambda x: scipy.linalg.toeplitz(x),
    "linalg.khatri_rao": lambda x: scipy.linalg.khatri_rao(S * x[0], S),
    "linalg.eigh": lambda x: scipy.linalg.eigh(S * x[0]),
    "ndimage.gaussian_filter": lambda x: scipy.ndimage.gaussian_filter(x, 1.0),
    "interpolate.CubicSpline": lambda x: scipy.interpolate.CubicSpline(GRID, x)(0.5),
    "interpolate.make_interp_spline": lambda x: scipy.interpolate.make_interp_spline(GRID, x)(0.5),
    "interpolate.PchipInterpolator": lambda x: scipy.interpolate.PchipInterpolator(GRID, x)(0.5),
    "interpolate.RBFInterpolator": lambda x: scipy.interpolate.RBFInterpolator(GRID[:, None], x)(GRID[:2, None]),
    "interpolate.RegularGridInterpolator": lambda x: scipy.interpolate.RegularGridInterpolator((GRID,), x)([0.5]),
    "fft.dct": lambda x: scipy.fft.dct(x), "signal.convolve": lambda x: scipy.signal.convolve(x, Y),
    "signal.correlate": lambda x: scipy.signal.correlate(x, Y),
    "signal.lfilter": lambda x: scipy.signal.lfilter([1.0], [1, 0.5], x),
    "signal.sosfilt": lambda x: scipy.signal.sosfilt(np.ones((1, 6)), x),
    "signal.detrend": lambda x: scipy.signal.detrend(x),
    "signal.welch": lambda x: scipy.signal.welch(x, nperseg=4), "signal.medfilt": lambda x: scipy.signal.medfilt(x),
    "signal.savgol_filter": lambda x: scipy.signal.savgol_filter(x, 3, 1),
    "signal.decimate": lambda x: scipy.signal.decimate(x, 2),
    "cluster.vq.vq": lambda x: scipy.cluster.vq.vq(x[:, None], Y[:2, None]),
    "cluster.hierarchy.linkage": lambda x: scipy.cluster.hierarchy.linkage(x[:, None]),
    "spatial.distance.pdist": lambda x: scipy.spatial.distance.pdist(x[:, None]),
    "spatial.distance.cdist": lambda x: scipy.spatial.distance.cdist(x[:, None], x[:, None]),
    "stats.norm.logpdf": lambda x: scipy.stats.norm.logpdf(x),
    "stats.multivariate_normal": lambda x: scipy.stats.multivariate_normal.logpdf(x, np.zeros(8), np.eye(8)),
    "stats.gaussian_kde": lambda x: scipy.stats.gaussian_kde(x)(0.5),
    "stats.linregress": lambda x: scipy.stats.linregress(x, Y),
    "stats.wasserstein_distance": lambda x: scipy.stats.wasserstein_distance(x, Y),
    "stats.expectile": lambda x: scipy.stats.expectile(x, 0.4),
    "integrate.simpson": lambda x: scipy.integrate.simpson(x),
    "integrate.quad_vec": lambda x: scipy.integrate.quad_vec(lambda t: x * t, 0.0, 1.0),
    "integrate.solve_ivp": lambda x: scipy.integrate.solve_ivp(lambda t, y: -y, (0, 1), x),
    "integrate.odeint": lambda x: scipy.integrate.odeint(lambda y, t: -y, x, [0, 1]),
    "optimize.least_squares": lambda x: scipy.optimize.least_squares(lambda p: p - x, np.zeros(8)),
    "optimize.linear_sum_assignment": lambda x: scipy.optimize.linear_sum_assignment(x[:, None] - Y),
    "special.ellipj": lambda x: scipy.special.ellipj(x, 0.3), "special.airy": lambda x: scipy.special.airy(x),
    "special.hyp2f1": lambda x: scipy.special.hyp2f1(1.0, 2.0, 3.0, x / 9),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_no_derivative_is_lost_silently(name):
    """It raises while x is differentiated, and computes when it is not."""

    x = gt.asarray(X)
    with gt.GradientTape() as tape:
        tape.watch(x)
        with pytest.raises((gt.GradtapeError, TypeError, ValueError, AttributeError)) as caught:
            y = REFUSED[name](x)
            # A few come out right, as they use nothing but the standard's functions: then they have to be connected.
            y = y[0] if isinstance(y, tuple) else y
            assert isinstance(y, gt.Tensor) and tape.gradient(gt.sum(y), x) is not None
            raise gt.GradtapeError("connected")
    assert str(caught.value)


def test_numbers_are_explained():
    """quad asks for float(x): the missing gradient is explained by it, with the line."""
    c = gt.Variable(2.0)
    with gt.GradientTape() as tape:
        y = gt.asarray(scipy.integrate.quad(lambda t: c * t, 0.0, 1.0)[0]) * 1.0
    with pytest.warns(gt.UnconnectedGradientWarning, match=r"float\(\) made a number .* at .*\.py:\d+"):
        assert tape.gradient(y, c) is None
    with gt.GradientTape() as tape:
        root = scipy.optimize.brentq(lambda t: float(c * t - 1.0), 0.0, 3.0)
        y = gt.asarray(root) * 1.0
    with pytest.warns(gt.UnconnectedGradientWarning, match=r"float\(\) made a number .*test_scipy\.py:\d+"):
        assert tape.gradient(y, c) is None


def test_mixed_arrays_are_refused_by_scipy():
    with pytest.raises(TypeError, match=r"[Mm]ultiple namespaces"):
        scipy.stats.pearsonr(gt.asarray(X), Y)
    assert R.shape == X.shape


def test_the_page_of_the_documentation(capsys):
    page = (Path(__file__).parents[2] / "docs" / "scipy.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    exec(compile(program, "scipy.md", "exec"), {"__name__": "scipy_page"})
    lines = capsys.readouterr().out.splitlines()
    got, want = map(float, lines[0].split())
    assert got == pytest.approx(want, rel=1e-10)
    h = 1e-5
    mass = [scipy.special.erf(np.sqrt(c)) ** 2 * np.pi / (4 * c) for c in (1.5 - h, 1.5 + h)]
    assert float(lines[1]) == pytest.approx((mass[1] - mass[0]) / (2 * h), rel=1e-8)
    assert lines[-1] == "(20, 3) (20, 3)"
