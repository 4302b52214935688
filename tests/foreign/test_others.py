"""scikit-learn's estimators, einops and array_api_extra on Tensors: derivatives against numbers."""

from __future__ import annotations

import array_api_extra as xpx
import einops.array_api as einops
import numpy as np
import pytest
import sklearn
from sklearn import decomposition, discriminant_analysis, linear_model, metrics, mixture, naive_bayes, preprocessing
from test_scipy import differences, weights

import gradtape as gt

pytestmark = [pytest.mark.filterwarnings("ignore::RuntimeWarning"), pytest.mark.filterwarnings("ignore::UserWarning")]

random = np.random.default_rng(5)
X = random.normal(size=(12, 3)) + 0.2
V = random.normal(size=(5, 3))
Y = X @ np.array([1.0, -2.0, 0.5]) + 0.1 * random.normal(size=12)
LABELS = np.array([0, 1] * 6)


def labels(x):
    """The labels in the namespace of x."""
    return gt.asarray(LABELS) if isinstance(x, gt.Tensor) else LABELS


CALLS = {
    "rbf_kernel": (lambda x, v: metrics.pairwise.rbf_kernel(x, v, gamma=0.4), X, V),
    "euclidean_distances": (lambda x, v: metrics.pairwise.euclidean_distances(x, v), X, V),
    "cosine_similarity": (lambda x, v: metrics.pairwise.cosine_similarity(x, v), X, V),
    "Ridge coefficients": (lambda x, y: linear_model.Ridge(alpha=0.7, solver="svd").fit(x, y).coef_, X, Y),
    "Ridge predictions": (lambda x, y, v: linear_model.Ridge(alpha=0.7, solver="svd").fit(x, y).predict(v), X, Y, V),
    "PCA variance": (lambda x: decomposition.PCA(2, svd_solver="full").fit(x).explained_variance_, X),
    "PCA by covariance": (lambda x: decomposition.PCA(2, svd_solver="covariance_eigh").fit(x).explained_variance_, X),
    "LDA": (lambda x, v: discriminant_analysis.LinearDiscriminantAnalysis(solver="svd").fit(
        x, labels(x)).decision_function(v), X, V),
    "StandardScaler": (lambda x, v: preprocessing.StandardScaler().fit(x).transform(v), X, V),
    "MinMaxScaler": (lambda x, v: preprocessing.MinMaxScaler().fit(x).transform(v), X, V),
    "MaxAbsScaler": (lambda x, v: preprocessing.MaxAbsScaler().fit(x).transform(v), X, V),
    "PolynomialFeatures": (lambda x: preprocessing.PolynomialFeatures(2).fit_transform(x), X),
    "Normalizer": (lambda x: preprocessing.Normalizer().fit_transform(x), X),
    "GaussianNB": (lambda x, v: naive_bayes.GaussianNB().fit(x, labels(x)).predict_joint_log_proba(v), X, V),
    "KernelCenterer": (lambda x: preprocessing.KernelCenterer().fit_transform(x @ x.T), X),
    "GaussianMixture": (
        lambda x: mixture.GaussianMixture(1, init_params="random", random_state=0).fit(x).covariances_, X
    ),
    "einops.rearrange": (lambda x: einops.rearrange(x, "(a b) c -> a c b", a=3), X),
    "einops.reduce": (lambda x: einops.reduce(x, "(a b) c -> a c", "mean", a=4), X),
    "einops.repeat": (lambda x: einops.repeat(x, "a b -> a (b n)", n=2), X),
    "einops.pack": (lambda x, v: einops.pack([x, v], "* c")[0], X, V),
    "xpx.cov": (lambda x: xpx.cov(x.T), X), "xpx.kron": (lambda x, v: xpx.kron(x, v), X, V),
    "xpx.at": (lambda x: xpx.at(x)[1, :].add(x[0, :], copy=True), X), "xpx.sinc": (lambda x: xpx.sinc(x), X),
    "xpx.pad": (lambda x: xpx.pad(x, 1), X), "xpx.create_diagonal": (lambda x: xpx.create_diagonal(x[0, :]), X),
    "xpx.nan_to_num": (lambda x: xpx.nan_to_num(x), X), "xpx.expand_dims": (lambda x: xpx.expand_dims(x, axis=1), X),
    "xpx.apply_where": (lambda x: xpx.apply_where(x > 0, x, lambda t: t**2, lambda t: -t), X),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_derivative(name):
    function, *arrays = CALLS[name]
    with sklearn.config_context(array_api_dispatch=True):
        tensors = [gt.asarray(a) for a in arrays]
        with gt.GradientTape() as tape:
            tape.watch(tensors)
            y = function(*tensors)
            loss = gt.sum(y * weights(y))
        gradients = tape.gradient(loss, tensors)
    assert all(g is not None for g in gradients)
    for seed in range(2):
        directions = np.random.default_rng(seed)
        direction = [directions.uniform(-1, 1, np.shape(a)) for a in arrays]
        got = sum(float(np.sum(g.numpy() * d)) for g, d in zip(gradients, direction, strict=True))
        assert got == pytest.approx(differences(function, arrays, direction), rel=1e-6, abs=1e-7)


def test_the_gradient_of_a_standard_scaler_with_a_constant_column():
    """scikit-learn divides 0 by 0 there and mends the value afterwards."""
    x = np.concatenate([X, np.ones((12, 1))], axis=1)
    with sklearn.config_context(array_api_dispatch=True):
        g = gt.grad(lambda x: gt.sum(preprocessing.StandardScaler().fit(x).transform(x) ** 3))(gt.asarray(x))
    assert np.isfinite(g.numpy()).all()


def test_metrics_end_in_numbers_and_say_so():
    y = gt.Variable(Y)
    with sklearn.config_context(array_api_dispatch=True), gt.GradientTape() as tape:
        loss = gt.asarray(metrics.mean_squared_error(gt.asarray(Y) * 1.1, y * 1.0)) * 1.0
    with pytest.warns(gt.UnconnectedGradientWarning, match=r"float\(\) made a number"):
        assert tape.gradient(loss, y) is None
