"""Special functions under scipy.special's names; see functions/special.py and functions/integrals.py."""

from .functions import integrals as _integrals
from .functions import special as _special
from .functions.elementwise import cbrt, exp2, expm1, log1p, sinc
from .functions.integrals import *
from .functions.special import *

__all__ = [*_special.__all__, *_integrals.__all__, "cbrt", "exp2", "expm1", "log1p", "sinc"]
