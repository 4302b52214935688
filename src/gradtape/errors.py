"""The errors and warnings of gradtape, and how they name the user's own line."""

from __future__ import annotations

import contextlib
import os.path
import sys
import warnings

import numpy as np

PACKAGE = os.path.dirname(os.path.abspath(__file__))

#: Where a user's own line is not: in gradtape, in NumPy (which calls back), in a decorator of theirs.
NUMPY = os.path.dirname(np.__file__)
SCIPY = os.path.join(os.path.dirname(NUMPY), "scipy")
INSIDE = (PACKAGE + os.sep, NUMPY + os.sep, SCIPY + os.sep, contextlib.__file__, "<gradtape")


class GradtapeError(Exception):
    """What all errors of gradtape have in common; each is also one of Python's own kinds."""


class LostGradientError(GradtapeError, TypeError):
    """A recorded Tensor would have become a plain array, and its gradient would have been cut."""


class NoRuleError(GradtapeError, TypeError):
    """A function for which gradtape has no rule was given a Tensor."""


class NoDerivativeError(GradtapeError, NotImplementedError):
    """A derivative that is not implemented, or has no closed form, was asked for."""


class NoKernelError(GradtapeError, NotImplementedError):
    """A function that an array library lacks was asked for on its arrays."""


class PatternError(GradtapeError, ValueError):
    """A sparsity pattern misses an entry of the matrix that it is said to be of."""


class NotEnoughMemoryError(GradtapeError, MemoryError):
    """A dense derivative would take more memory than is available, or than its budget; nothing large has run."""


class UnconnectedGradientWarning(UserWarning):
    """A gradient is None for a reason that looks like an oversight."""


class AbsorbedNaNWarning(UserWarning):
    """In a derivative a zero met an infinite or undefined slope; shown inside gradtape.debug_nans."""


def users_line() -> str:
    """`file:line` of the innermost frame outside gradtape and NumPy, or '' if there is none."""
    frame = sys._getframe(1)
    while frame is not None:
        filename = frame.f_code.co_filename
        if not filename.startswith(INSIDE):
            return f"{filename}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return ""


def users_depth() -> int:
    """The `stacklevel` that makes a warning raised in the caller point at the user's own line."""
    depth, frame = 1, sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(INSIDE):
        depth, frame = depth + 1, frame.f_back  # type: ignore[assignment]
    return depth


def warn(message: str, category: type[Warning] = UnconnectedGradientWarning) -> None:
    """Warn at the user's line."""
    warnings.warn(message, category, stacklevel=users_depth())


def plural(count: int, noun: str) -> str:
    """A count of things."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


def missing_extra(package: str, extra: str, purpose: str) -> ImportError:
    """The error for an optional dependency that is not installed."""
    return ImportError(f"{purpose} needs {package}: pip install 'gradtape[{extra}]'")
