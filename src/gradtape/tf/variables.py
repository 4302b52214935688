"""Variable with TensorFlow's defaults, and Module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import tensor as core
from ..functions import elementwise as e
from ..nest import flatten
from ..tensor import Tensor
from .convert import convert_to_tensor


class _VariableType(type):
    """Lets isinstance(v, tf.Variable) mean gradtape's own Variables."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, core.Variable)


class Variable(metaclass=_VariableType):
    """A gradtape.Variable with TensorFlow's default dtypes: float32 for Python's floats, int32 for its integers.

    >>> import gradtape.tf as tf
    >>> v = tf.Variable(3.0, name="v")
    >>> v.dtype, v.name, isinstance(v, tf.Variable)
    (dtype('float32'), 'v:0', True)
    """

    def __new__(
        cls,
        initial_value: Any = None,
        trainable: bool | None = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        *_: Any,
        **__: Any,
    ) -> Any:
        if initial_value is None:
            raise ValueError("tf.Variable: initial_value is needed")
        if callable(initial_value) and not isinstance(initial_value, Tensor):
            initial_value = initial_value()
        if isinstance(initial_value, Tensor):
            if dtype is not None and initial_value.dtype != np.dtype(dtype):
                raise ValueError(
                    f"tf.Variable: the initial value has dtype {initial_value.dtype}, not {np.dtype(dtype)}: "
                    "use tf.cast"
                )
        else:
            initial_value = convert_to_tensor(initial_value, dtype)
        name = f"{name or 'Variable'}:0"
        return core.Variable(initial_value, trainable is None or bool(trainable), name)


class Module:
    """A container of Variables and other Modules, found by themselves in its attributes.

    >>> import gradtape.tf as tf
    >>> class Linear(tf.Module):
    ...     def __init__(self):
    ...         super().__init__(name="linear")
    ...         self.w, self.b = tf.Variable(2.0, name="w"), tf.Variable(0.0, name="b")
    >>> [v.name for v in Linear().trainable_variables]
    ['b:0', 'w:0']
    """

    def __init__(self, name: str | None = None):
        self._name = name or _snake_case(type(self).__name__)

    @property
    def name(self) -> str:
        """Its name: the class's by default."""
        return getattr(self, "_name", None) or _snake_case(type(self).__name__)

    @property
    def name_scope(self) -> Any:
        """A context that changes nothing: names have no scopes here."""
        return _no_scope()

    @property
    def variables(self) -> tuple[Any, ...]:
        """All Variables, each once: its own in order of attribute names, then those of its Modules."""
        return tuple([x for x in _found(self, set()) if isinstance(x, core.Variable)])

    @property
    def trainable_variables(self) -> tuple[Any, ...]:
        """The Variables that are trainable."""
        return tuple([v for v in self.variables if v.trainable])

    @property
    def non_trainable_variables(self) -> tuple[Any, ...]:
        """The Variables that are not."""
        return tuple([v for v in self.variables if not v.trainable])

    @property
    def submodules(self) -> tuple[Any, ...]:
        """All Modules inside it."""
        return tuple([x for x in _found(self, set()) if isinstance(x, Module)])

    @staticmethod
    def with_name_scope(method: Any) -> Any:
        """The method itself: names have no scopes here."""
        return method


def _found(module: Module, seen: set[int]) -> Iterator[Any]:
    seen.add(id(module))
    inside = []
    for name in sorted(vars(module)):
        for leaf in flatten(vars(module)[name])[0]:
            if isinstance(leaf, core.Variable | Module) and id(leaf) not in seen:
                seen.add(id(leaf))
                yield leaf
                if isinstance(leaf, Module):
                    inside.append(leaf)
    for module in inside:
        yield from _found(module, seen)


def _snake_case(name: str) -> str:
    return "".join([f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name)])


@contextmanager
def _no_scope(*_: Any, **__: Any) -> Iterator[None]:
    yield


name_scope = _no_scope


def identity(input: Any, name: Any = None) -> Any:
    """A new Tensor of the same value, connected to it; containers are mapped over."""
    leaves, structure = flatten(input) if not isinstance(input, Tensor) else ([input], flatten(input)[1])
    if any([isinstance(leaf, Tensor) for leaf in leaves]) and len(leaves) > 1:
        return structure.unflatten([e.positive(leaf) for leaf in leaves])
    return e.positive(convert_to_tensor(input))


__all__ = ["Module", "Variable", "identity", "name_scope"]
