"""Linear algebra, with the names of the array API standard and of NumPy; see functions/linalg.py."""

from .derivatives import matrix_function as _functions_of_matrices
from .derivatives.matrix_function import *
from .functions import linalg as _linalg
from .functions.linalg import *

__all__ = [*_linalg.__all__, *_functions_of_matrices.__all__]
