"""Activations and losses of neural networks; see functions/nn.py."""

from .functions.nn import *
from .functions.nn import __all__ as __all__
