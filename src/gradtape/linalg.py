"""Linear algebra, with the names of the array API standard and of NumPy; see functions/linalg.py."""

from .functions.linalg import *
from .functions.linalg import __all__ as __all__
