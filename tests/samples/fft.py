"""Samples of Fourier transforms."""

from __future__ import annotations

import numpy as np

import gradtape as gt

from . import sample

random = np.random.default_rng(12)
real = lambda *shape: random.normal(size=shape)
complex_ = lambda *shape: random.normal(size=shape) + 1j * random.normal(size=shape)

for name, primitive in {
    "fft": "fftn", "ifft": "ifftn", "rfft": "rfft", "irfft": "irfft", "hfft": "irfft", "ihfft": "rfft",
}.items():  # fmt: skip
    function, reference = getattr(gt.fft, name), getattr(np.fft, name)
    x = real(2, 6) if name in ("rfft", "ihfft") else complex_(2, 6)
    for options in (
        {}, {"n": 5}, {"n": 9}, {"n": 10}, {"axis": 0}, {"n": 3, "axis": 0, "norm": "ortho"}, {"norm": "forward"}
    ):  # fmt: skip
        sample(primitive, lambda x, f=function, o=options: f(x, **o), x,
               numpy=lambda x, f=reference, o=options: f(x, **o), order=2, label=f"{name} {options}")  # fmt: skip
sample("fftn", gt.fft.fft, real(5), numpy=np.fft.fft, order=2, label="fft of real numbers")
sample("rfft", gt.fft.rfft, real(1), numpy=np.fft.rfft, order=2, label="one element")
sample("irfft", lambda x: gt.fft.irfft(x, n=1), complex_(1), numpy=lambda x: np.fft.irfft(x, 1), order=2, label="one")

for name, primitive in {"fftn": "fftn", "ifftn": "ifftn", "rfftn": "rfft", "irfftn": "irfft"}.items():
    function, reference = getattr(gt.fft, name), getattr(np.fft, name)
    x = real(2, 3, 4) if name == "rfftn" else complex_(2, 3, 4)
    for options in (
        {"axes": (0, 1, 2)}, {"axes": (0, 2)}, {"s": (3, 5), "axes": (-1, 0)}, {"axes": (1,), "norm": "ortho"}
    ):  # fmt: skip
        sample(primitive, lambda x, f=function, o=options: f(x, **o), x,
               numpy=lambda x, f=reference, o=options: f(x, **o), order=2, label=f"{name} {options}")  # fmt: skip
for name, primitive in {"fft2": "fftn", "ifft2": "ifftn", "rfft2": "rfft", "irfft2": "irfft"}.items():
    x = real(3, 4) if name == "rfft2" else complex_(3, 4)
    sample(primitive, getattr(gt.fft, name), x, numpy=getattr(np.fft, name), order=2, label=name)
for name in ("fftshift", "ifftshift"):
    sample("roll", getattr(gt.fft, name), real(3, 4), numpy=getattr(np.fft, name), order=2, label=name)
    sample("roll", lambda x, f=name: getattr(gt.fft, f)(x, axes=(1,)), real(3, 5),
           numpy=lambda x, f=name: getattr(np.fft, f)(x, axes=1), order=2, label=name + " of an axis")  # fmt: skip
