"""gradtape.fft: discrete Fourier transforms, with the names of the array API standard and of NumPy.

Four linear primitives, one transform of complex numbers for each direction and the two between real numbers and half
a spectrum, and what is made of them. A transform's matrix is symmetric, so it is its own transpose; what lengthens or
shortens an axis is a slice or a padding before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ..arrays.dtypes import kind_of
from ..primitive import Axes, Linear, apply_linear
from ..tensor import Tensor, tensor
from .declare import default_float, dtype_of, normalized_axes, operand, result_type, shape_of
from .elementwise import conj, multiply
from .manipulation import FULL, astype
from .matrices import real_numpy_dtype
from .rearranging import pad, roll
from .static import static
from .untaped import untaped

#: The normalisation under which the inverse transform has the factor that the forward one has under this one.
SWAPPED = {"backward": "forward", "ortho": "ortho", "forward": "backward"}


def _complex_transform(name: str) -> Linear:
    kernel = getattr(np.fft, name)
    primitive: Linear = Linear(
        name,
        lambda x, axes, norm: kernel(x, axes=axes, norm=norm),
        lambda g, x, axes, norm: apply_linear(primitive, g, axes=axes, norm=norm),
        batch=Axes(("axes",)),
    )
    return primitive


_FFTN, _IFFTN = _complex_transform("fftn"), _complex_transform("ifftn")
# y[k] = sum(x[j] w^(jk)) for k up to n/2. Of its transpose the real part counts; with each frequency between the ends
# halved, for irfft counts it twice, that is a transform from half a spectrum.
_RFFT: Linear = Linear(
    "rfft",
    lambda x, n, axis, norm: np.fft.rfft(x, axis=axis, norm=norm),
    lambda g, x, n, axis, norm: apply_linear(
        _IRFFT, weighted(conj(g), n, axis, 0.5), n=n, axis=axis, norm=SWAPPED[norm]
    ),
    batch=Axes(("axis",)),
)
_IRFFT: Linear = Linear(
    "irfft",
    lambda x, n, axis, norm: np.fft.irfft(x, n, axis=axis, norm=norm),
    lambda g, x, n, axis, norm: weighted(
        conj(apply_linear(_RFFT, g, n=n, axis=axis, norm=SWAPPED[norm])), n, axis, 2.0
    ),
    batch=Axes(("axis",)),
)


def weighted(x: Any, n: int, axis: int, weight: float) -> Any:
    """Half a spectrum x of n numbers, where the frequencies that it holds once for two are multiplied by `weight`."""
    weights = np.full(n // 2 + 1, weight, real_numpy_dtype(x))
    weights[0] = 1
    if n % 2 == 0:
        weights[-1] = 1
    return multiply(x, static(weights.reshape([-1 if a == axis else 1 for a in range(len(x.shape))]), x))


# -- arguments ---------------------------------------------------------------------------------------------------
def _norm(norm: str | None, name: str) -> str:
    norm = norm or "backward"
    if norm not in SWAPPED:
        raise ValueError(f'gradtape.fft.{name}: norm must be "backward", "ortho" or "forward", not {norm!r}')
    return norm


def _array(x: Any, name: str, real: bool = False) -> Any:
    """The operand in floating numbers, complex unless `real`."""
    x = operand(x, f"fft.{name}", "x")
    kind = kind_of(dtype_of(x))
    if not shape_of(x):
        raise ValueError(f"gradtape.fft.{name}: x needs an axis or more")
    if real:
        if kind == "c":
            raise TypeError(f"gradtape.fft.{name}: x must be real, not of dtype {dtype_of(x)}")
        return x if kind == "f" else astype(x, default_float(x))
    return x if kind == "c" else astype(x, result_type(x, np.dtype(np.complex64)))


def resized(x: Any, n: int, axis: int) -> Any:
    """x cut to n elements along the axis, or filled up with zeros."""
    shape = shape_of(x)
    if shape[axis] == n:
        return x
    if shape[axis] > n:
        return x[(FULL,) * axis + (slice(0, n),)]
    return pad(x, [(0, n - m if a == axis else 0) for a, m in enumerate(shape)])


def _length(n: Any, name: str) -> int:
    n = int(n)
    if n < 1:
        raise ValueError(f"gradtape.fft.{name}: a transform needs one element or more, not {n}")
    return n


def _lengths(x: Any, s: Sequence[int] | None, axes: Sequence[int] | None, name: str) -> tuple[list[int], list[int]]:
    """How long each axis shall be, and the axes, in the order given."""
    shape = shape_of(x)
    if axes is None:
        places = list(range(len(shape)) if s is None else range(len(shape) - len(s), len(shape)))
    else:
        places = [normalized_axes(a, len(shape), f"fft.{name}")[0] for a in axes]
    lengths = [shape[a] for a in places] if s is None else [shape[a] if n == -1 else n for n, a in zip(s, places)]
    if s is not None and len(s) != len(places):
        raise ValueError(f"gradtape.fft.{name}: s {tuple(s)} and axes {axes} differ in length")
    return [_length(n, name) for n in lengths], places


# -- several axes ------------------------------------------------------------------------------------------------
def _transformed(primitive: Linear, x: Any, lengths: list[int], places: list[int], norm: str) -> Any:
    for n, axis in zip(lengths, places, strict=True):
        x = resized(x, n, axis)
    return apply_linear(primitive, x, axes=tuple(places), norm=norm) if places else x


def _several(primitive: Linear, x: Any, s: Any, axes: Any, norm: str | None) -> Any:
    x = _array(x, primitive.name)
    return _transformed(primitive, x, *_lengths(x, s, axes, primitive.name), _norm(norm, primitive.name))


#: Precisions that NumPy's transforms keep.
SINGLE_OR_DOUBLE = "x.dtype.char in 'fdFD'"
SINGLE_OR_DOUBLE_A = SINGLE_OR_DOUBLE.replace("x.", "a.")
#: As the primitive has it: NumPy's transform of real numbers differs in the last bit.
COMPLEX = "x.astype(x.dtype.char.upper(), copy=False)"
COMPLEX_A = COMPLEX.replace("x.", "a.")


@untaped(f"np.fft.fftn({COMPLEX}, None, axes, norm)", when=f"s is None and {SINGLE_OR_DOUBLE}")
def fftn(x: Any, /, *, s: Any = None, axes: Any = None, norm: str | None = "backward") -> Any:
    """The discrete Fourier transform over the axes (all by default), each cut or zero-filled to the length in `s`.

    A complex array; float32 gives complex64. Raises ValueError for an unknown norm and lengths below 1.

    >>> import gradtape as gt
    >>> gt.fft.fftn(gt.asarray([[1.0, 1.0], [1.0, 1.0]])).tolist()
    [[(4+0j), 0j], [0j, 0j]]
    """
    return _several(_FFTN, x, s, axes, norm)


@untaped(f"np.fft.ifftn({COMPLEX}, None, axes, norm)", when=f"s is None and {SINGLE_OR_DOUBLE}")
def ifftn(x: Any, /, *, s: Any = None, axes: Any = None, norm: str | None = "backward") -> Any:
    """The inverse of fftn."""
    return _several(_IFFTN, x, s, axes, norm)


def rfftn(x: Any, /, *, s: Any = None, axes: Any = None, norm: str | None = "backward") -> Any:
    """fftn of a real array: of the last of the axes only the frequencies that are not negative."""
    x = _array(x, "rfftn", real=True)
    lengths, places = _lengths(x, s, axes, "rfftn")
    norm = _norm(norm, "rfftn")
    if not places:
        raise ValueError("gradtape.fft.rfftn: at least one axis is needed")
    for n, axis in zip(lengths, places, strict=True):
        x = resized(x, n, axis)
    y = apply_linear(_RFFT, x, n=lengths[-1], axis=places[-1], norm=norm)
    return apply_linear(_FFTN, y, axes=tuple(places[:-1]), norm=norm) if places[1:] else y


def irfftn(x: Any, /, *, s: Any = None, axes: Any = None, norm: str | None = "backward") -> Any:
    """The inverse of rfftn; how long the last of the axes shall be says `s` (by default twice its length less two)."""
    x = _array(x, "irfftn")
    lengths, places = _lengths(x, s, axes, "irfftn")
    norm = _norm(norm, "irfftn")
    if not places:
        raise ValueError("gradtape.fft.irfftn: at least one axis is needed")
    if s is None or s[-1] == -1:
        lengths[-1] = _length(2 * (shape_of(x)[places[-1]] - 1), "irfftn")
    x = _transformed(_IFFTN, x, lengths[:-1], places[:-1], norm)
    return _from_half(x, lengths[-1], places[-1], norm)


def _from_half(x: Any, n: int, axis: int, norm: str) -> Any:
    return apply_linear(_IRFFT, resized(x, n // 2 + 1, axis), n=n, axis=axis, norm=norm)


@untaped(f"np.fft.fft2({COMPLEX_A}, None, axes, norm)", arrays="a", when=f"s is None and {SINGLE_OR_DOUBLE_A}")
def fft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: str | None = None) -> Any:
    """fftn over the last two axes, as numpy.fft.fft2."""
    return fftn(a, s=s, axes=axes, norm=norm)


@untaped(f"np.fft.ifft2({COMPLEX_A}, None, axes, norm)", arrays="a", when=f"s is None and {SINGLE_OR_DOUBLE_A}")
def ifft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: str | None = None) -> Any:
    """The inverse of fft2."""
    return ifftn(a, s=s, axes=axes, norm=norm)


def rfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: str | None = None) -> Any:
    """rfftn over the last two axes."""
    return rfftn(a, s=s, axes=axes, norm=norm)


def irfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: str | None = None) -> Any:
    """The inverse of rfft2."""
    return irfftn(a, s=s, axes=axes, norm=norm)


# -- one axis ----------------------------------------------------------------------------------------------------
def _one(function: Any, x: Any, n: int | None, axis: int, norm: str | None) -> Any:
    return function(x, s=None if n is None else (n,), axes=(axis,), norm=norm)


@untaped(f"np.fft.fft({COMPLEX}, n, axis, norm)", when=SINGLE_OR_DOUBLE)
def fft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str | None = "backward") -> Any:
    """The discrete Fourier transform sum(x[j] exp(-2 pi i j k / n)) along the axis, cut or zero-filled to n elements.

    `norm` says which direction is divided by n: "backward", "forward", or both by its root, "ortho". A complex array;
    float32 gives complex64. Raises ValueError for an unknown norm or n below 1.

    >>> import gradtape as gt
    >>> gt.fft.fft(gt.asarray([1.0, 0.0, 0.0, 0.0])).tolist()
    [(1+0j), (1+0j), (1+0j), (1+0j)]
    """
    return _one(fftn, x, n, axis, norm)


@untaped(f"np.fft.ifft({COMPLEX}, n, axis, norm)", when=SINGLE_OR_DOUBLE)
def ifft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str | None = "backward") -> Any:
    """The inverse of fft."""
    return _one(ifftn, x, n, axis, norm)


@untaped("np.fft.rfft(x, n, axis, norm)", when=SINGLE_OR_DOUBLE)
def rfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str | None = "backward") -> Any:
    """fft of real numbers: the n // 2 + 1 frequencies that are not negative. Raises TypeError for complex x."""
    return _one(rfftn, x, n, axis, norm)


@untaped("np.fft.irfft(x, n, axis, norm)", when=SINGLE_OR_DOUBLE)
def irfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str | None = "backward") -> Any:
    """The inverse of rfft: n real numbers (by default twice x's length less two).

    >>> import gradtape as gt
    >>> gt.fft.irfft(gt.fft.rfft(gt.asarray([1.0, 2.0, 4.0])), n=3).tolist()
    [1.0, 2.0, 4.0]
    """
    return _one(irfftn, x, n, axis, norm)


def hfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str | None = "backward") -> Any:
    """fft of a signal of which x is the first half and whose other half is its conjugate: n real numbers."""
    return irfft(conj(_array(x, "hfft")), n=n, axis=axis, norm=SWAPPED[_norm(norm, "hfft")])


def ihfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str | None = "backward") -> Any:
    """The inverse of hfft."""
    return conj(rfft(x, n=n, axis=axis, norm=SWAPPED[_norm(norm, "ihfft")]))


# -- frequencies -------------------------------------------------------------------------------------------------
def fftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
    """The frequencies of fft's elements in cycles per unit, for samples `d` units apart: a constant."""
    return _frequencies(np.fft.fftfreq(n, float(d)), dtype, device)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
    """The frequencies of rfft's elements in cycles per unit, for samples `d` units apart: a constant."""
    return _frequencies(np.fft.rfftfreq(n, float(d)), dtype, device)


def _frequencies(values: Any, dtype: Any, device: Any) -> Tensor:
    from .creation import asarray

    return asarray(tensor(values), dtype=dtype, device=device)


@untaped("np.fft.fftshift(x, axes)")
def fftshift(x: Any, /, *, axes: Any = None) -> Any:
    """x with the zero frequency in the middle of the axes (all by default).

    >>> import gradtape as gt
    >>> gt.fft.fftshift(gt.asarray([0.0, 1.0, -1.0])).tolist()
    [-1.0, 0.0, 1.0]
    """
    return _shifted(x, axes, 1, "fftshift")


@untaped("np.fft.ifftshift(x, axes)")
def ifftshift(x: Any, /, *, axes: Any = None) -> Any:
    """The inverse of fftshift."""
    return _shifted(x, axes, -1, "ifftshift")


def _shifted(x: Any, axes: Any, sign: int, name: str) -> Any:
    x = operand(x, f"fft.{name}", "x")
    shape = shape_of(x)
    places = normalized_axes(axes, len(shape), f"fft.{name}")
    if not places or not prod(shape):
        return x
    return roll(x, tuple([sign * (shape[a] // 2) for a in places]), axis=places)


__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifft2", "ifftn", "ifftshift", "ihfft", "irfft",
    "irfft2", "irfftn", "rfft", "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip
