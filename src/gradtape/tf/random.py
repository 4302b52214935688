"""tf.random: reproducible from seeds, with other numbers than TensorFlow's."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from .. import take
from ..functions.creation import asarray
from ..tensor import Tensor, to_array
from .convert import as_shape, convert_to_tensor, float32, int64

_GLOBAL: dict[Any, Any] = {"seed": None, "streams": {}}


def set_seed(seed: int) -> None:
    """Begin all random numbers anew from this seed.

    >>> import gradtape.tf as tf
    >>> tf.random.set_seed(1)
    >>> a = tf.random.normal([2])
    >>> tf.random.set_seed(1)
    >>> bool((a == tf.random.normal([2])).all())
    True
    """
    _GLOBAL["seed"], _GLOBAL["streams"] = int(seed), {}


def generator(seed: Any = None) -> np.random.Generator:
    """The stream of random numbers of an operation's own seed (None: the common one)."""
    streams = _GLOBAL["streams"]
    if seed not in streams:
        entropy = [n for n in (_GLOBAL["seed"], seed) if n is not None]
        streams[seed] = np.random.default_rng([abs(int(n)) for n in entropy] or None)
    return streams[seed]  # type: ignore[no-any-return]


def stateless(seed: Any) -> np.random.Generator:
    """A stream that depends on this pair of integers only."""
    numbers = np.asarray(to_array(seed)).ravel()
    if numbers.size != 2:
        raise ValueError(f"tf.random.stateless_*: seed must be a pair of integers, not {seed!r}")
    digest = hashlib.sha256(numbers.astype(np.int64).tobytes()).digest()
    return np.random.default_rng(np.frombuffer(digest, np.uint32))


def _moved(noise: Any, scale: Any, shift: Any, dtype: Any) -> Any:
    """noise * scale + shift, connected to both."""
    x: Any = asarray(np.asarray(noise, dtype)[()])
    if not (isinstance(scale, float | int) and scale == 1):
        x = x * (convert_to_tensor(scale, dtype) if not isinstance(scale, Tensor) else scale)
    if not (isinstance(shift, float | int) and shift == 0):
        x = x + (convert_to_tensor(shift, dtype) if not isinstance(shift, Tensor) else shift)
    return x


def _normal(rng: Any, shape: Any, mean: Any, stddev: Any, dtype: Any) -> Any:
    return _moved(rng.standard_normal(as_shape(shape)), stddev, mean, dtype)


def _truncated(rng: Any, shape: Any, mean: Any, stddev: Any, dtype: Any) -> Any:
    noise = rng.standard_normal(as_shape(shape))
    while (wrong := np.abs(noise) > 2).any():
        noise = np.where(wrong, rng.standard_normal(noise.shape), noise)
    return _moved(noise, stddev, mean, dtype)


def _uniform(rng: Any, shape: Any, minval: Any, maxval: Any, dtype: Any) -> Any:
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        if maxval is None:
            raise ValueError("tf.random.uniform: maxval is needed for integers")
        numbers = rng.integers(to_array(minval), to_array(maxval), as_shape(shape), dtype)
        return asarray(np.asarray(numbers, dtype)[()])
    maxval = 1 if maxval is None else maxval
    noise = rng.random(as_shape(shape), dtype if dtype == float32 else np.float64)
    width = maxval - minval if isinstance(maxval, Tensor) or isinstance(minval, Tensor) else np.subtract(maxval, minval)
    if not isinstance(width, Tensor) and np.ndim(width) == 0:
        width, minval = float(width), minval if isinstance(minval, Tensor) else float(minval)
    return _moved(noise, width, minval, dtype)


def normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32, seed: Any = None, name: Any = None
) -> Any:
    """Normally distributed numbers, differentiable by mean and stddev."""
    return _normal(generator(seed), shape, mean, stddev, dtype)


def truncated_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32, seed: Any = None, name: Any = None
) -> Any:
    """Normally distributed numbers, those beyond two standard deviations drawn again."""
    return _truncated(generator(seed), shape, mean, stddev, dtype)


def uniform(
    shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = float32, seed: Any = None, name: Any = None
) -> Any:
    """Uniformly distributed numbers from minval up to maxval (exclusive; 1 by default)."""
    return _uniform(generator(seed), shape, minval, maxval, dtype)


def shuffle(value: Any, seed: Any = None, name: Any = None) -> Tensor:
    """The slices along axis 0 in random order."""
    x = convert_to_tensor(value)
    return take(x, generator(seed).permutation(x.shape[0]), axis=0)  # type: ignore[no-any-return]


def categorical(logits: Any, num_samples: Any, dtype: Any = int64, seed: Any = None, name: Any = None) -> Tensor:
    """Indices drawn from each row's unnormalised log probabilities."""
    x = np.asarray(to_array(convert_to_tensor(logits)))
    noise = generator(seed).gumbel(size=(x.shape[0], int(num_samples), x.shape[1]))
    return asarray(np.argmax(x[:, None, :] + noise, axis=-1).astype(dtype))


def stateless_normal(
    shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32, name: Any = None, alg: Any = None
) -> Any:
    """Normally distributed numbers that depend on the seed only."""
    return _normal(stateless(seed), shape, mean, stddev, dtype)


def stateless_truncated_normal(
    shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32, name: Any = None, alg: Any = None
) -> Any:
    """Truncated normally distributed numbers that depend on the seed only."""
    return _truncated(stateless(seed), shape, mean, stddev, dtype)


def stateless_uniform(
    shape: Any, seed: Any, minval: Any = 0, maxval: Any = None, dtype: Any = float32, name: Any = None, alg: Any = None
) -> Any:
    """Uniformly distributed numbers that depend on the seed only."""
    return _uniform(stateless(seed), shape, minval, maxval, dtype)


__all__ = [
    "categorical", "normal", "set_seed", "shuffle", "stateless_normal", "stateless_truncated_normal",
    "stateless_uniform", "truncated_normal", "uniform",
]  # fmt: skip
