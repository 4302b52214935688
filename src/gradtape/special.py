"""Special functions under scipy.special's names; see functions/special.py."""

from .functions.special import *
from .functions.special import __all__ as __all__
