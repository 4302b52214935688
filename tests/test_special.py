"""gradtape.special: against mpmath at 50 digits to the fourth order, tails, special points, errors."""

from __future__ import annotations

import math
import subprocess
import sys

import mpmath as mp
import numpy as np
import pytest
import scipy.special

import gradtape as gt
from gradtape import special as s
from gradtape.functions.special import centered, uncentered
from gradtape.testing import check_grads


def reverse(f):
    return gt.grad(f)


def forward(f):
    return lambda x: gt.jvp(f, (x,), (1.0,))[1]


def nth(f, n, mode=reverse):
    """The nth derivative as a function of a number."""
    for _ in range(n):
        f = mode(f)
    return lambda x: float(f(gt.asarray(float(x))))


def logistic(t):
    return 1 / (1 + mp.exp(-t))


def log1pexp(t):
    return mp.log1p(mp.exp(t))


def normal(t):
    return mp.erfc(-t / mp.sqrt(2)) / 2


REFERENCES = {
    "erf": (s.erf, mp.erf, [-3, 0, 0.5, 2, 6]),
    "erfc": (s.erfc, mp.erfc, [-2, 0, 0.5, 10, 20]),
    "erfinv": (s.erfinv, mp.erfinv, [-0.9, 0, 0.3, 0.99999]),
    "erfcinv": (s.erfcinv, lambda t: mp.erfinv(1 - t), [0.1, 1, 1.7, 1e-5]),
    "ndtr": (s.ndtr, normal, [-20, -1, 0, 3]),
    "ndtri": (s.ndtri, lambda t: mp.sqrt(2) * mp.erfinv(2 * t - 1), [0.01, 0.5, 0.9]),
    "log_ndtr": (s.log_ndtr, lambda t: mp.log(normal(t)), [-1000, -40, -10.01, -9.99, -3, 0, 3, 20]),
    "gammaln": (s.gammaln, mp.loggamma, [0.1, 1, 2, 7.3, 1e4]),
    "gamma": (s.gamma, mp.gamma, [0.1, 1, 2, 7.3, -1.5]),
    "digamma": (s.digamma, mp.digamma, [0.1, 1, 7.3, -1.5, 1e5]),
    "polygamma": (lambda x: s.polygamma(2, x), lambda t: mp.polygamma(2, t), [0.1, 1, 7.3]),
    "betaln": (lambda a: s.betaln(a, 1.5), lambda t: mp.log(mp.beta(t, 1.5)), [0.3, 1, 5]),
    "gammainc": (lambda x: s.gammainc(2.5, x), lambda t: mp.gammainc(2.5, 0, t, regularized=True), [0.5, 2, 10]),
    "gammaincc": (lambda x: s.gammaincc(3.0, x), lambda t: mp.gammainc(3, t, mp.inf, regularized=True), [0.5, 2, 10]),
    "i0": (s.i0, lambda t: mp.besseli(0, t), [-2, 0, 1, 50]),
    "i1": (s.i1, lambda t: mp.besseli(1, t), [-2, 0, 1, 50]),
    "i0e": (s.i0e, lambda t: mp.exp(-abs(t)) * mp.besseli(0, t), [-2, 1, 29.9, 30.1, 800, 1e6]),
    "i1e": (s.i1e, lambda t: mp.exp(-abs(t)) * mp.besseli(1, t), [-2, 1, 29.9, 30.1, 800, -40]),
    "expit": (s.expit, logistic, [-700, -40, 0, 1, 40]),
    "logit": (s.logit, lambda t: mp.log(t / (1 - t)), [1e-30, 0.2, 0.5, 0.5000001, 0.9]),
    "softplus": (s.softplus, log1pexp, [-700, -30, 0, 2, 30, 37]),
    "log_expit": (s.log_expit, lambda t: -log1pexp(-t), [-700, -30, 0, 2, 30, 40]),
    "entr": (s.entr, lambda t: -t * mp.log(t), [1e-3, 0.4, 2]),
    "xlogy": (lambda y: s.xlogy(2.0, y), lambda t: 2 * mp.log(t), [0.1, 3]),
    "xlog1py": (lambda y: s.xlog1py(2.0, y), lambda t: 2 * mp.log1p(t), [-0.9, 3, 1e-20]),
    "rel_entr first": (lambda a: s.rel_entr(a, 2.0), lambda t: t * mp.log(t / 2), [0.1, 3]),
    "rel_entr second": (lambda b: s.rel_entr(2.0, b), lambda t: 2 * mp.log(2 / t), [0.1, 3]),
}


def exact(f, x, n):
    """The nth derivative at x, by differences at high precision."""
    with mp.workdps(80):
        x = mp.mpf(x)
        step = mp.mpf(10) ** -12 * (abs(x) if 0 < abs(x) < 1e-10 else 1)
        return float(mp.re(mp.diff(f, x, n, h=step) if n else f(x)))


@pytest.mark.parametrize("mode", [reverse, forward])
@pytest.mark.parametrize("name", REFERENCES)
def test_against_mpmath_to_fourth_order(name, mode):
    f, reference, points = REFERENCES[name]
    for x in points:
        for n in range(5):
            got, want = nth(f, n, mode)(x), exact(reference, x, n)
            # next to the switch to a series, the closed form has lost digits of the higher derivatives
            near_switch = (name == "log_ndtr" and x == -9.99) or x == 29.9
            assert got == pytest.approx(want, rel=2e-8 if near_switch else 2e-11, abs=3e-16), (x, n)


@pytest.mark.parametrize(
    "f, x, n, want",
    [
        (s.erfc, 10.0, 2, 8.395312462708834e-43),
        (s.erf, 1e200, 2, 0.0),
        (s.erf, math.inf, 2, 0.0),
        (s.log_ndtr, -1e8, 2, -1.0),
        (s.log_ndtr, -1e8, 3, 2e-24),
        (s.log_ndtr, 100.0, 2, 0.0),
        (s.gammaln, 1e15, 2, 1e-15),
        (s.digamma, 0.1, 2, -2001.8614573783436),
        (s.logit, 1e-300, 1, 1e300),
        (s.i0, 0.0, 1, 0.0),
        (s.i0, 0.0, 2, 0.5),
        (s.i0, 0.0, 3, 0.0),
        (s.i0, 0.0, 4, 0.375),
        (s.i1, 0.0, 1, 0.5),
        (s.i1, 0.0, 3, 0.375),
        (s.i0e, 0.0, 1, 0.0),
        (s.expit, 40.0, 1, math.exp(-40)),
        (s.expit, -800.0, 2, 0.0),
        (s.softplus, 30.0, 2, 9.357622968838423e-14),
        (s.softplus, 1000.0, 1, 1.0),
        (s.softplus, -1000.0, 2, 0.0),
        (s.log_expit, 40.0, 1, 4.248354255291589e-18),
        (s.log_expit, 40.0, 2, -4.248354255291589e-18),
        (s.entr, 0.0, 1, math.inf),
        (lambda x: s.gammainc(1.0, x), 0.0, 1, 1.0),
        (lambda x: s.gammainc(2.0, x), 0.0, 2, 1.0),
        (lambda x: s.gammainc(3.0, x), 0.0, 3, 1.0),
        (lambda a: s.betaln(a, 1.0), 1.0, 2, 1.0),
    ],
)
@pytest.mark.parametrize("mode", [reverse, forward])
def test_tails_and_special_points(f, x, n, want, mode):
    assert nth(f, n, mode)(x) == pytest.approx(want, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("mode", [reverse, forward])
@pytest.mark.parametrize("f", [s.xlogy, s.xlog1py])
def test_products_with_a_logarithm_where_the_factor_is_zero(f, mode):
    shift = 1.0 if f is s.xlog1py else 0.0
    both = lambda x, y: f(x, y)
    dx = lambda x, y: mode(lambda a: both(a, y))(x)
    dy = lambda x, y: mode(lambda b: both(x, b))(y)
    zero, two, edge = gt.asarray(0.0), gt.asarray(2.0 - shift), gt.asarray(0.0 - shift)
    assert float(both(zero, edge)) == 0.0
    assert float(dx(zero, two)) == pytest.approx(math.log(2))
    assert float(dy(zero, two)) == 0.0
    assert float(mode(lambda y: dx(zero, y))(two)) == pytest.approx(0.5)
    assert float(mode(lambda x: dy(x, two))(zero)) == pytest.approx(0.5)
    assert float(mode(lambda x: mode(lambda y: dy(x, y))(two))(zero)) == pytest.approx(-0.25)
    # 0 log(0): constant 0 in y, to every order
    assert float(dy(zero, edge)) == 0.0
    assert float(mode(lambda y: dy(zero, y))(edge)) == 0.0
    assert float(dx(zero, edge)) == -math.inf


def test_quotients_of_tiny_numbers():
    assert float(gt.grad(lambda y: s.xlogy(1e-300, y))(1e-310)) == pytest.approx(1e10)
    assert np.isnan(s.xlogy(0.0, np.nan)) and s.xlogy(0.0, 0.0) == 0.0


def test_rel_entr_domain():
    a, b = np.array([0.0, 0.0, 1.0, -1.0, 1.0, 1e-300]), np.array([0.0, 1.0, 0.0, 1.0, -1.0, 1e300])
    np.testing.assert_allclose(s.rel_entr(a, b), scipy.special.rel_entr(a, b))
    assert float(gt.grad(lambda b: s.rel_entr(0.0, b))(0.0)) == 0.0


def test_gammainc_says_that_the_derivative_in_the_parameter_is_missing():
    with pytest.raises(gt.NoDerivativeError, match=r"special\.gammainc.*'a' is not implemented.*stop_gradient"):
        gt.grad(lambda a: s.gammainc(a, 1.0))(2.0)
    with pytest.raises(gt.NoDerivativeError, match="gammaincc"):
        gt.jvp(lambda a: s.gammaincc(a, 1.0), (2.0,), (1.0,))
    a = gt.Variable(2.0)
    with gt.GradientTape() as tape:
        x = gt.asarray(1.0)
        tape.watch([x])
        y = s.gammainc(a, x)
    with pytest.raises(gt.NoDerivativeError):
        tape.gradient(y, [a, x])
    assert float(tape.gradient(y, x)) == pytest.approx(math.exp(-1))  # the failed question did not use the tape up


def test_polygamma_takes_a_static_order():
    assert float(s.polygamma(np.int64(2), 1.0)) == pytest.approx(-2.4041138063191885)
    assert float(s.polygamma(1.0, 1.0)) == pytest.approx(math.pi**2 / 6)
    for bad in (1.5, math.inf, math.nan, "1", None, [1, 2]):
        with pytest.raises(TypeError, match="n must be an int"):
            s.polygamma(bad, 1.0)
    with pytest.raises(ValueError, match="negative"):
        s.polygamma(-1, 1.0)


def test_logit_near_one_half_and_ends():
    for x in (0.5 + 1e-12, 0.26, 0.74, 1e-300, 1 - 1e-16, 0.3):
        assert float(s.logit(x)) == pytest.approx(float(mp.log(mp.mpf(x) / (1 - mp.mpf(x)))), rel=1e-14)
    assert s.logit(0.0) == -math.inf and s.logit(1.0) == math.inf


TWO = [
    "beta", "betaln", "binom", "boxcox", "boxcox1p", "chdtr", "chdtrc", "gammainc", "gammaincc", "iv", "jn", "jv",
    "kl_div", "kv", "rel_entr", "stdtr", "xlog1py", "xlogy", "yv",
]  # fmt: skip
BY_THEMSELVES = {"kl_div", "polygamma", "lambertw", "multigammaln", "zeta"}


@pytest.mark.parametrize("name", sorted(set(s.__all__) & set(dir(scipy.special)) - BY_THEMSELVES))
def test_single_precision_and_numpy_scalars(name):
    f, reference = getattr(s, name), getattr(scipy.special, name)
    count = 2 if name in TWO else 3 if name.startswith(("betainc", "fdtr")) else 1
    arguments = [np.float32(0.3), np.float32(0.4), np.float32(0.6)][:count]
    y = f(*[gt.asarray(a) for a in arguments])
    assert y.dtype == np.float32 and y.shape == ()
    assert y.numpy() == pytest.approx(reference(*arguments), rel=1e-6)
    assert f(*[float(a) for a in arguments]) == pytest.approx(reference(*[float(a) for a in arguments]), rel=1e-13)


@pytest.mark.parametrize("f", [s.xlogy, s.xlog1py, s.rel_entr, s.betaln, lambda a, b: s.gammainc(3.0, a * b)])
def test_python_numbers_are_weak(f):
    x = np.array([0.5, 2.0], np.float32)
    for call in (lambda x: f(x, 2.0), lambda x: f(2.0, x), lambda x: f(x, 2)):
        value, gradient = gt.value_and_grad(lambda x, call=call: gt.sum(call(x)))(x)
        assert value.dtype == gradient.dtype == np.float32
    assert f(1, 2).dtype == np.float64


@pytest.mark.parametrize(
    "call,text",
    [
        (lambda v: s.jv(v, 2.0), "jv: the derivative with respect to 'v'"),
        (lambda v: s.kv(v, 2.0), "kv: the derivative with respect to 'v'"),
        (lambda a: s.betainc(a, 2.0, 0.5), "betainc: the derivative with respect to 'a'"),
        (lambda b: s.betaincc(2.0, b, 0.5), "betaincc: the derivative with respect to 'b'"),
        (lambda x: s.zeta(x + 2.0, 1.5), "zeta: the derivative with respect to 'x'"),
    ],
)
def test_derivatives_without_a_formula_are_refused(call, text):
    x = gt.asarray(1.5)
    float(call(x))  # the value is to be had
    with pytest.raises(gt.NoDerivativeError, match=text):
        gt.grad(call)(x)
    with pytest.raises(gt.NoDerivativeError, match=text):
        gt.jvp(call, (x,), (x,))


def test_scipys_own_functions_take_tensors():
    x = np.array([0.3, 1.5])
    for call in (
        lambda x: scipy.special.jv(2, x), lambda x: scipy.special.betainc(2.0, 3.0, x / 2), scipy.special.erfcx,
        lambda x: scipy.special.lambertw(x).real, lambda x: scipy.special.zeta(3.0, x), scipy.special.dawsn,
        lambda x: scipy.special.binom(x + 3, 2.0), scipy.special.ellipe,
    ):  # fmt: skip
        y = call(gt.asarray(x / 2))
        assert isinstance(y, gt.Tensor)
        np.testing.assert_allclose(y.numpy(), call(x / 2), rtol=1e-14)
        gt.check_grads(call, (x / 2,), order=2)


def test_removable_singularities_at_every_order():
    """Series at 0: (exp(x) - 1) / x = sum x^n / (n + 1)!, W = x - x^2 + 3/2 x^3 ..., K = pi/2 (1 + m/4 ...)."""
    for f, wanted in (
        (s.exprel, [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5]),
        (lambda x: gt.real(s.lambertw(x)), [0, 1, -2, 9, -64]),
        (s.ellipk, [math.pi / 2 * c for c in (1, 1 / 4, 9 / 32, 75 / 128)]),
        (lambda t: s.boxcox(math.e, t), [1, 1 / 2, 1 / 3, 1 / 4]),
        (lambda x: s.betainc(2.0, 2.0, x), [0, 0, 6, -12]),
    ):
        for want in wanted:
            assert float(f(0.0)) == pytest.approx(want, rel=1e-13, abs=1e-15)
            f = gt.grad(f)


# -- softmax ----------------------------------------------------------------------------------------------------------
X = np.array([[0.3, -1.2, 0.7], [-2.5, 0.9, 1.6]])


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1), (1, 0)])
def test_softmax_along_axes(axis):
    np.testing.assert_allclose(s.softmax(X, axis=axis), scipy.special.softmax(X, axis=axis), rtol=1e-14)
    np.testing.assert_allclose(s.log_softmax(X, axis=axis), scipy.special.log_softmax(X, axis=axis), rtol=1e-14)
    check_grads(lambda x: (s.softmax(x, axis=axis), s.log_softmax(x, axis=axis)), (X,), order=3)


def test_softmax_keeps_the_precision_of_what_is_nearly_certain():
    x = gt.asarray([0.0, -40.0, -50.0])
    with mp.workdps(50):
        e = [mp.exp(t) for t in (0, -40, -50)]
        p = [t / mp.fsum(e) for t in e]
        want = [[float(p[i] * ((i == j) - p[j])) for j in range(3)] for i in range(3)]
        log_want = [[float((i == j) - p[j]) for j in range(3)] for i in range(3)]
        second = [[float(-p[i] * ((i == j) - p[j])) for j in range(3)] for i in range(3)]
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(gt.jacobian(s.softmax, mode=mode)(x).numpy(), want, rtol=1e-12)
        np.testing.assert_allclose(gt.jacobian(s.log_softmax, mode=mode)(x).numpy(), log_want, rtol=1e-12)
    for i in range(3):
        np.testing.assert_allclose(gt.hessian(lambda x, i=i: s.log_softmax(x)[i])(x).numpy(), second, rtol=1e-12)
    assert s.log_softmax(x).numpy()[0] == pytest.approx(-float(e[1] + e[2]), rel=1e-12)


def test_softmax_at_ties_of_any_size_and_at_minus_infinity():
    tie = gt.asarray([1e50, 1e50])
    assert s.softmax(tie).tolist() == [0.5, 0.5]
    assert s.log_softmax(tie).tolist() == pytest.approx([1e50 - 1e50 - math.log(2)] * 2)
    np.testing.assert_array_equal(gt.jacobian(s.softmax)(tie).numpy(), [[0.25, -0.25], [-0.25, 0.25]])
    masked = gt.asarray([-np.inf, 0.0, 0.0])
    assert s.softmax(masked).tolist() == [0.0, 0.5, 0.5]
    assert gt.grad(lambda x: s.log_softmax(x)[1])(masked).tolist() == [0.0, 0.5, -0.5]
    np.testing.assert_array_equal(
        gt.hessian(lambda x: s.log_softmax(x)[1])(masked).numpy(), [[0, 0, 0], [0, -0.25, 0.25], [0, 0.25, -0.25]]
    )


def test_softmax_of_integers_lists_memory_orders_and_complex():
    assert s.softmax([[1, 1], [1, 1]]).tolist() == [[0.25] * 2] * 2
    strided = np.asfortranarray(np.arange(24.0).reshape(2, 3, 4) % 5)
    np.testing.assert_allclose(s.softmax(strided, axis=2), scipy.special.softmax(strided, axis=2))
    np.testing.assert_allclose(s.softmax(strided[:, ::-2], axis=1), scipy.special.softmax(strided[:, ::-2], axis=1))
    with pytest.raises(TypeError, match="complex"):
        s.softmax(np.array([1j]))


def test_softmax_does_not_change_its_argument():
    x = X.copy()
    s.softmax(x), s.log_softmax(x), centered(x, x), uncentered(x, x)
    np.testing.assert_array_equal(x, X)


# -- SciPy is optional ------------------------------------------------------------------------------------------------
def test_scipy_is_not_imported_and_what_needs_it_says_so():
    program = """
import sys
import gradtape as gt
assert "scipy" not in sys.modules
sys.modules["scipy"] = None
s, nn = gt.special, gt.nn
for f in (s.expit, s.logit, s.softplus, s.entr, s.log_expit, s.softmax, nn.relu, nn.selu, nn.silu, nn.log_softmax):
    gt.grad(lambda x: gt.sum(f(x)))(gt.asarray([0.25, 0.5]))
gt.grad(lambda x: s.xlogy(x, 2.0))(1.0), nn.gelu(1.0, approximate=True)
for f in (s.erf, s.erfc, s.gammaln, s.digamma, s.log_ndtr, s.i0, s.i0e, nn.gelu, lambda x: s.polygamma(1, x)):
    try:
        f(0.5)
    except ImportError as error:
        assert "pip install 'gradtape[special]'" in str(error), error
    else:
        raise AssertionError(f)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
