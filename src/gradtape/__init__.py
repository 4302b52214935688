"""gradtape: exact derivatives of ordinary array programs, of first, second and nth order.

    import gradtape as gt

    x = gt.Variable(3.0)
    with gt.GradientTape() as tape:
        y = x**2
    tape.gradient(y, x)  # 6.0

The namespace follows the Python array API standard; beyond it gradtape.special, gradtape.nn, gradtape.linalg, and
gradtape.tf, TensorFlow's names (imported on demand).
"""

from importlib import import_module as _import_module
from typing import Any as _Any

from . import fft as fft
from . import linalg as linalg
from . import nn as nn
from . import special as special
from .arrays.memory import keep_freed_memory as _keep_freed_memory
from .arrays.memory import memory_limit
from .debug import debug_nans
from .derivatives.checkpoint import checkpoint, recompute_grad
from .derivatives.checkpoint_chain import checkpoint_chain, checkpoint_while
from .derivatives.cost import Cost, cost
from .derivatives.custom import custom
from .derivatives.custom_gradient import custom_gradient, grad_pass_through
from .derivatives.dense import hessian, hvp, jacobian
from .derivatives.diagonal import hessian_diagonal
from .derivatives.directional import bilaplacian, directional
from .derivatives.forward import jvp, linearize
from .derivatives.linear_operators import fisher, gauss_newton, hessian_blocks, hessian_operator, jacobian_operator
from .derivatives.nth import derivative
from .derivatives.operators import curl, divergence, laplacian
from .derivatives.reverse import grad, value_and_grad, vjp
from .derivatives.sparse.prepare import load_prepared, prepare_hessian, prepare_jacobian
from .derivatives.spectrum import (
    Lanczos,
    SpectralDensity,
    diagonal_estimate,
    lanczos,
    spectral_density,
    trace_estimate,
)
from .derivatives.stochastic import Estimate, bilaplacian_estimate, directional_estimate, laplacian_estimate
from .derivatives.taylor import TaylorSeries, taylor
from .derivatives.vectorize import vmap
from .errors import (
    AbsorbedNaNWarning,
    GradtapeError,
    LostGradientError,
    NoDerivativeError,
    NoKernelError,
    NoRuleError,
    NotEnoughMemoryError,
    PatternError,
    UnconnectedGradientWarning,
)
from .forward import ForwardAccumulator
from .functions import install as _install
from .functions.creation import *
from .functions.cumulative import *
from .functions.datatypes import *
from .functions.datatypes import bool_ as bool
from .functions.elementwise import *
from .functions.indexing import *
from .functions.manipulation import *
from .functions.positions import *
from .functions.products import *
from .functions.rearranging import *
from .functions.reductions import *
from .functions.sets import *
from .functions.sorting import *
from .interop.jax_pytrees import install as _install_pytrees
from .interop.numpy_protocols import install as _install_protocols
from .optimize import minimize
from .tape import GradientTape, UnconnectedGradients
from .tensor import Tensor, Variable

_keep_freed_memory()
_install()
_install_protocols()
_install_pytrees()

#: Modules that are imported when they are first used.
_ON_DEMAND = frozenset({"distributed", "tf", "testing"})


def __getattr__(name: str) -> _Any:
    if name in _ON_DEMAND:
        return _import_module(f"{__name__}.{name}")
    if name == "check_grads":
        return _import_module(f"{__name__}.testing").check_grads
    raise AttributeError(f"module 'gradtape' has no attribute {name!r}")


__version__ = "0.1.0"
