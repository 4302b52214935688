"""What NumPy's functions do on Tensors where no tape is active: NumPy's own code, told apart by nothing."""

import numpy as np

import gradtape as gt
from gradtape.interop import numpy_protocols

from .test_numpy_protocols import FUNCTIONS, LINALG, V, X


def shapes_and_values(result):
    if isinstance(result, tuple | list):
        return type(result), [shapes_and_values(part) for part in result]
    assert isinstance(result, gt.Tensor | np.ndarray | bool)
    return type(result), np.shape(result), np.asarray(result).dtype


def leaves(result):
    return [leaf for part in result for leaf in leaves(part)] if isinstance(result, tuple | list) else [result]


MORE = {
    "questions": [lambda x: np.allclose(x, x), lambda x: np.array_equal(x, X), lambda x: np.array_equiv(x, X[0])],
    "nan": [np.nancumprod, np.nanmedian, lambda x: np.nanpercentile(x, 30), lambda x: np.nanquantile(x, 0.4, axis=1)],
    "choosing": [lambda x: np.extract(X > 0.3, x), lambda x: np.insert(x, 1, 2.0), lambda x: np.resize(x, (2, 4))],
    "linalg": [
        lambda x: np.linalg.cond(x[:, :2]), lambda x: np.linalg.cross(x, V), lambda x: np.linalg.qr(x[:, :2]),
        lambda x: np.linalg.slogdet(x[:, :2]), lambda x: np.linalg.svd(x), lambda x: np.linalg.svdvals(x),
    ],
    "fft": [
        lambda x, name=kind + several: getattr(np.fft, name)(x, norm="ortho")
        for kind in ("fft", "ifft", "rfft", "irfft")
        for several in ("", "2", "n")
    ],
    "shifted": [np.fft.fftshift, lambda x: np.fft.ifftshift(x, axes=1), np.fft.hfft, np.fft.ihfft],
    "like": [np.zeros_like, lambda x: np.ones_like(x, dtype=np.float32), lambda x: np.full_like(x, 2.0)],
}  # fmt: skip


def test_without_a_tape_numpy_itself_says_what_the_rules_say(monkeypatch):
    """And each of NumPy's own functions that are called then has been tried."""
    seen = set()
    x = gt.asarray(X)
    np.linalg.norm(x)  # the rules are loaded
    own = dict(numpy_protocols.OWN)
    assert len(own) > 70
    cases = [f for fs in [*FUNCTIONS.values(), *MORE.values()] for f in fs if f is not np.empty_like]
    cases += [lambda x, f=f: f(x[:, :2]) for f in LINALG.values()]
    for f in cases:
        monkeypatch.setattr(numpy_protocols, "own_of", lambda function: seen.add(function) or own.get(function))
        got = f(x)
        monkeypatch.setattr(numpy_protocols, "own_of", lambda function: None)
        expected = f(x)
        assert shapes_and_values(got) == shapes_and_values(expected)
        for a, b in zip(leaves(got), leaves(expected), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
    assert not {function.__name__ for function in own if function not in seen}
