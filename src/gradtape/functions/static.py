"""Constants that rules and transforms need, in the library and on the device of the values they meet.

NumPy makes them; for NumPy's arrays that is all, for another library's they are converted. So no rule has to know
which library it works on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays.libraries import Library, library_of
from ..tensor import RAW, Tensor, Virtual, tensor


def innermost(x: Any) -> Any:
    """The array (or one of those) that a Tensor's value is made of; x itself if it is no Tensor."""
    if isinstance(x, Tensor):
        x = x._data
        while isinstance(x, Virtual):
            x = x.inside()._data
    return x


def library_like(*references: Any) -> tuple[Library | None, Any]:
    """The library of the first of these that is an array of another library than NumPy, and that array."""
    for x in references:
        if type(x) is Tensor or type(x) in RAW:
            continue
        x = innermost(x)
        library = library_of(x)
        if library is not None:
            return library, x
    return None, None


def static(array: Any, *references: Any, dtype: Any = None) -> Any:
    """A NumPy array as a constant to be used with the references: of this dtype, and converted to their library."""
    if isinstance(array, Tensor) or library_of(array) is not None:
        return array
    library, x = (None, None) if len(references) == 1 and type(references[0]) is Tensor else library_like(*references)
    if library is None:
        return array if dtype is None or array.dtype == dtype else array.astype(dtype)
    made = library.from_numpy(array, x, dtype)
    return tensor(made) if any(isinstance(r, Tensor) for r in references) else made


def full(shape: tuple[int, ...], value: Any, dtype: Any, *references: Any) -> Any:
    """That value everywhere, as a constant to be used with the references; dtype is their library's own."""
    library, x = library_like(*references)
    if library is None:
        made = np.full(shape, value, dtype)
        return made if shape else made[()]
    made = library.filled(shape, value, dtype, x)
    return tensor(made) if any(isinstance(r, Tensor) for r in references) else made


def zeros(shape: tuple[int, ...], dtype: Any, *references: Any) -> Tensor:
    """A Tensor of zeros in the references' library."""
    z = full(shape, 0, dtype, *references)
    return z if isinstance(z, Tensor) else tensor(z)


def zeros_like(x: Any) -> Tensor:
    """A Tensor of zeros of x's shape, dtype and library: a constant."""
    return zeros(x.shape, x.dtype, x)


def ones_like(x: Any) -> Tensor:
    """A Tensor of ones of x's shape, dtype and library: a constant."""
    z = full(x.shape, 1, x.dtype, x)
    return z if isinstance(z, Tensor) else tensor(z)
