"""Discrete Fourier transforms, with the names of the array API standard and of NumPy; see functions/fft.py."""

from .functions.fft import *
from .functions.fft import __all__ as __all__
