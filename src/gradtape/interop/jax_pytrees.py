"""Tensors as pytrees of JAX: arguments and results of the user's jax.jit, jax.vmap, jax.grad and jax.lax functions.

The one leaf is the array; inside JAX's transformations it is a tracer, and gradtape computes on it as on any JAX array.
Registered when the first JAX array is met, or at once if JAX has been imported before gradtape.
"""

from __future__ import annotations

import sys
from typing import Any

from ..arrays.libraries import WHEN_FOUND
from ..tensor import ForeignTensor, ForeignVariable, Tensor, Variable, concrete, is_observed, lost, tensor

registered = False


def register() -> None:
    """Make the classes of Tensors known to JAX, once."""
    global registered
    if registered:
        return
    registered = True
    from jax.tree_util import register_pytree_node

    for kind in (Tensor, ForeignTensor, Variable, ForeignVariable):
        register_pytree_node(kind, flatten, unflatten)


def flatten(x: Tensor) -> tuple[tuple[Any], None]:
    """The array. Raises LostGradientError while a tape follows it: JAX's transformations would cut its gradient."""
    if is_observed(x):
        raise lost(
            "a function transformed by JAX (jax.jit, jax.vmap ...)",
            "open the tape inside the transformed function, or use gradtape.vmap and gradtape.grad",
        )
    return (concrete(x),), None


def unflatten(_: None, children: tuple[Any]) -> Tensor:
    """A Tensor of whatever JAX puts in the array's place."""
    return tensor(children[0])


def install() -> None:
    """Register now, or when there is a JAX array."""
    if "jax" in sys.modules:
        register()
    else:
        WHEN_FOUND["jax"] = register
