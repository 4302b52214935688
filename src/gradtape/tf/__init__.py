"""TensorFlow's names: a TensorFlow program about gradients runs with `import gradtape.tf as tf`.

Python's floats become float32 here, as there. Otherwise gradtape's conventions hold: dtypes promote as NumPy's do,
`x.shape` is a tuple, a gradient is always dense, and ties of maximum share evenly. docs/tensorflow.md lists all
differences.
"""

from typing import Any as _Any

from ..derivatives.checkpoint import recompute_grad
from ..derivatives.custom_gradient import custom_gradient, grad_pass_through
from ..functions.elementwise import stop_gradient as _stop_gradient
from ..tape import GradientTape, UnconnectedGradients
from ..tensor import Tensor
from . import autodiff, linalg, math, nn, random
from . import convert as _convert
from .arrays import *
from .arrays import print_values as print
from .convert import as_dtype, cast, constant, convert_to_tensor
from .convert import planned as _planned
from .functions import TensorSpec, function, gradients, hessians
from .linalg import matmul, norm
from .math import TOP as _TOP
from .variables import Module, Variable, identity, name_scope

globals().update({name: getattr(_convert, name) for name in _convert.DTYPES})
globals().update({name: getattr(math, name) for name in _TOP})


class IndexedSlices:
    """Never made: gradients of gathers are dense. Here for isinstance."""


def stop_gradient(input: _Any, name: _Any = None) -> _Any:
    """The value as a constant: every derivative takes it as fixed."""
    return _stop_gradient(convert_to_tensor(input))


def executing_eagerly() -> bool:
    """True: programs always run eagerly."""
    return True


cond, while_loop, scan, foldl, foldr, switch_case, case = [
    _planned(name) for name in ("cond", "while_loop", "scan", "foldl", "foldr", "switch_case", "case")
]
tensor_scatter_nd_update, tensor_scatter_nd_add, scatter_nd, dynamic_partition, dynamic_stitch, unique = [
    _planned(name)
    for name in (
        "tensor_scatter_nd_update", "tensor_scatter_nd_add", "scatter_nd", "dynamic_partition", "dynamic_stitch",
        "unique",
    )
]  # fmt: skip

_ABSENT = {
    "keras": "write layers with tf.Variable, tf.matmul and tf.Module, and train with assign_sub or SciPy's optimisers",
    "data": "iterate over NumPy arrays",
    "saved_model": "pickle the Variables or their values",
    "train": "train with assign_sub or SciPy's optimisers",
    "image": "only functions with gradients are here",
    "raw_ops": "use the function of that name in tf or tf.math",
    "RegisterGradient": "use tf.custom_gradient, or gradtape.custom",
}


def __getattr__(name: str) -> _Any:
    if name in _ABSENT:
        raise AttributeError(f"gradtape.tf has no {name}: {_ABSENT[name]}")
    raise AttributeError(f"gradtape.tf has no {name!r}")
