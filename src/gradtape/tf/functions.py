"""function, gradients, hessians: what TensorFlow does on graphs, on the tape.

Programs run eagerly, so `tf.function` has nothing to do. Only a function whose own text asks for `tf.gradients` or
`tf.hessians` is recorded while it runs, for those need no watching.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from types import CodeType
from typing import Any

from ..functions.elementwise import positive
from ..nest import flatten, map_leaves
from ..tape import GradientTape, TapeTrace, UnconnectedGradients
from ..tensor import Tensor, Variable
from .convert import convert_to_tensor

#: The tape behind the innermost function that asks for tf.gradients.
GRAPH: ContextVar[GraphTape | None] = ContextVar("gradtape_tf_graph", default=None)


class GraphTrace(TapeTrace):
    """A trace that follows every Variable that is read, trainable or not."""

    __slots__ = ()

    def accessed(self, variable: Variable) -> None:
        """Begin to watch it."""
        self.follow_variable(variable)


class GraphTape(GradientTape):
    """A persistent tape that watches arguments, Variables and constants by itself."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(persistent=True)
        self._trace = GraphTrace(True)


def constants_made(x: Tensor) -> Tensor:
    """A constant, which may be a source of tf.gradients in the function that makes it."""
    tape = GRAPH.get()
    if tape is not None and x.dtype.kind in "fc" and x._key == 0:
        tape.watch(x)
    return x


def asks_for_gradients(code: CodeType) -> bool:
    """Whether a function's text mentions gradients or hessians."""
    if "gradients" in code.co_names or "hessians" in code.co_names:
        return True
    return any([asks_for_gradients(part) for part in code.co_consts if isinstance(part, CodeType)])


def function(func: Callable[..., Any] | None = None, *_: Any, **__: Any) -> Any:
    """func itself: programs run eagerly. Options (input_signature, jit_compile ...) are accepted and change nothing.

    >>> import gradtape.tf as tf
    >>> @tf.function
    ... def f(x):
    ...     return tf.gradients(x**3, x)[0]
    >>> float(f(tf.constant(2.0)))
    12.0
    """
    if func is None:
        return function
    code = getattr(func, "__code__", None)
    if code is None or not asks_for_gradients(code):
        return func

    @wraps(func)
    def recorded(*args: Any, **kwargs: Any) -> Any:
        tape = GraphTape()
        token = GRAPH.set(tape)
        try:
            with tape:
                args, kwargs = map_leaves(_symbolic, (args, kwargs))
                return func(*args, **kwargs)
        finally:
            GRAPH.reset(token)

    return recorded


def _symbolic(x: Any) -> Any:
    """An argument as the function sees it: numbers and arrays as Tensors, which are sources."""
    if isinstance(x, Variable) or not isinstance(x, Tensor | float):
        return x
    return constants_made(positive(x) if isinstance(x, Tensor) else convert_to_tensor(x))


def _graph(name: str) -> GraphTape:
    tape = GRAPH.get()
    if tape is None:
        raise RuntimeError(
            f"tf.{name} works inside a tf.function only, and must be called in that function's own text; "
            "elsewhere use tf.GradientTape"
        )
    return tape


def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: Any = None,
    gate_gradients: bool = False,
    aggregation_method: Any = None,
    stop_gradients: Any = None,
    unconnected_gradients: Any = UnconnectedGradients.NONE,
) -> list[Any]:
    """The derivative of the sum of all ys with respect to each of xs, as a list; `stop_gradients` are constants.

    Inside a tf.function; needs no watching. Raises RuntimeError elsewhere.
    """
    tape = _graph("gradients")
    targets = flatten(ys)[0]
    weights: Any = None
    if grad_ys is not None:
        given = flatten(grad_ys, none_is_leaf=True)[0]
        weights = [_ones(y) if g is None else g for y, g in zip(targets, given, strict=True)]
    sources = flatten(xs)[0]
    stops = flatten(stop_gradients)[0]
    if not stops:
        return tape.gradient(targets, sources, weights, unconnected_gradients)  # type: ignore[no-any-return]
    whole = tape._trace
    assert isinstance(whole, TapeTrace)
    cut = GraphTape()
    copied = cut._trace
    assert copied is not None
    copied.slots.update(whole.slots)
    copied.roots.update(whole.roots)
    copied.level, copied.fallible, copied.virtual, copied.state = whole.level, whole.fallible, whole.virtual, "closed"
    for stop in stops:  # nothing leads further back than to them
        if stop._key in copied.slots:
            copied.slots[stop._key] = None
    return cut.gradient(targets, sources, weights, unconnected_gradients)  # type: ignore[no-any-return]


def _ones(y: Tensor) -> Any:
    from ..functions.creation import ones_like

    return ones_like(y)


def hessians(ys: Any, xs: Any, name: Any = None, *_: Any, **__: Any) -> list[Any]:
    """The Hessian of the sum of all ys with respect to each of xs, of shape x.shape + x.shape, as a list.

    Inside a tf.function. Raises RuntimeError elsewhere.
    """
    tape = _graph("hessians")
    found = []
    for x in flatten(xs)[0]:
        g = tape.gradient(flatten(ys)[0], x, unconnected_gradients="zero")
        h = tape.jacobian(g, x, unconnected_gradients="zero")
        found.append(h)
    return found


class TensorSpec:
    """A description of a Tensor, for input_signature, which changes nothing here."""

    def __init__(self, shape: Any = None, dtype: Any = "float32", name: Any = None):
        self.shape, self.dtype, self.name = shape, dtype, name


__all__ = ["TensorSpec", "function", "gradients", "hessians"]
