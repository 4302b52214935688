"""Functions whose gradient is the user's: custom_gradient, grad_pass_through, as in TensorFlow.

The function's body runs as ordinary operations, seen by the tapes: what its grad_fn captures stays connected for
higher orders. Its outputs are then given new handles, and one record leads from those straight to the arguments.
Under forward mode and vmap the same call is made on what the virtual arguments are made of, so that the user's rule
holds in every mode; there the body is run again when the rule is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import update_wrapper
from inspect import Parameter, signature
from typing import Any

import numpy as np

from ..arrays.dtypes import is_floating, kind_of
from ..context import LEVEL, active, new_level, observed_by
from ..errors import warn
from ..functions.creation import asarray
from ..functions.elementwise import conj
from ..functions.static import zeros
from ..nest import Structure, check_keys, flatten
from ..primitive import General, leave_records
from ..sweep import transposed
from ..tensor import Tensor, Variable, VirtualTensor, tensor, touch
from ..virtual.batched import Batched, unbatched
from ..virtual.dual import Dual
from ..virtual.forward_laplacian import ForwardLaplacian, by_series
from ..virtual.series import Series, as_tensors, integrated
from .hidden import no_kernel, own_handle

#: From one cotangent (or None) per output to one (or None) per leaf of the arguments and per variable.
Pull = Callable[[Sequence[Any]], list[Any]]
#: From the leaves to the outputs, their pullback, and the variables that were read.
Body = Callable[[list[Any]], tuple[list[Any], Pull, list[Variable]]]


class VariableWatcher:
    """An observer that records nothing; it only notes which trainable Variables are read."""

    wants_everything = False

    def __init__(self) -> None:
        self.slots: dict[int, Any] = {}
        self.level = LEVEL.get()
        self.found: dict[int, Variable] = {}

    def accessed(self, variable: Variable) -> None:
        """Note a Variable."""
        if variable.trainable and is_floating(variable._data.dtype):
            self.found[variable.order] = variable

    def note_number(self, x: Tensor, kind: str, line: str) -> None:
        """A number was taken of x: no concern of this."""

    def variables(self, passed: list[Any]) -> list[Variable]:
        """Those read, in order of creation, without those passed as arguments."""
        known = {id(leaf) for leaf in passed}
        return [self.found[order] for order in sorted(self.found) if id(self.found[order]) not in known]


# -- the call --------------------------------------------------------------------------------------------------
def perform(body: Body, leaves: list[Any], name: str) -> tuple[list[Tensor], Pull, list[Variable]]:
    """Run the body on the leaves and leave one record of it all, whatever kind of value the leaves are."""
    level = max([leaf._data.level for leaf in leaves if type(leaf) is VirtualTensor], default=0)
    if not level:
        outputs, pull, variables = body(leaves)
        for variable in variables:  # a body that nobody saw has read them all the same
            touch(variable)
        handles = [tensor(output._data) for output in outputs]
        deep = max([h._data.level for h in handles if type(h) is VirtualTensor], default=0)
        record(tuple([o for o in active() if o.level >= deep]), handles, [*leaves, *variables], pull, name)
        return handles, pull, variables
    observers = active()
    with observed_by(tuple([o for o in observers if o.level < level])):
        top = next(type(x._data) for x in leaves if type(x) is VirtualTensor and x._data.level == level)
        if top is Dual:
            handles, variables = on_duals(body, leaves, level, name)
        elif top is Batched:
            handles, variables = on_batches(body, leaves, level, name)
        elif top is Series:
            handles, variables = on_series(body, leaves, level, name)
        elif top is ForwardLaplacian:
            handles, variables = on_laplacians(body, leaves, level, name)
        else:
            raise NotImplementedError(f"{name}: a custom gradient is not implemented for {top.__name__} values")

    def pull_again(cotangents: Sequence[Any]) -> list[Any]:
        return pull_of(body, leaves)(cotangents)

    for variable in variables:
        touch(variable)
    watching = tuple([o for o in observers if o.level >= level])
    for observer in watching:
        observer.virtual = True
    record(watching, handles, [*leaves, *variables], pull_again, name)
    return handles, pull_again, variables


def pull_of(body: Body, leaves: list[Any]) -> Pull:
    """The body's pullback at these leaves, where it is all that is wanted: a body may know one without being run."""
    alone = getattr(body, "pull", None)
    return body(leaves)[1] if alone is None else alone(leaves)


def record(observers: tuple[Any, ...], handles: list[Tensor], leaves: list[Any], pull: Pull, name: str) -> None:
    """Let the observers know of one application with this pullback."""
    if not observers or not handles:
        return

    def joint(g: Any, *_: Any) -> list[Any]:
        parts = pull(list(g) if isinstance(g, list | tuple) else [g])
        if active():
            return parts
        return [p._data if type(p) is Tensor else p for p in parts]

    primitive = General(name, no_kernel, outputs=len(handles), register=False, joint_vjp=joint)
    primitive.saves = ()  # the pullback keeps what it needs
    data = [leaf._data if isinstance(leaf, Tensor) else leaf for leaf in leaves]
    keys = [leaf._key if isinstance(leaf, Tensor) else 0 for leaf in leaves]
    if any([type(handle) is not Tensor for handle in handles]):
        for observer in observers:
            observer.virtual = True
    if len(handles) == 1:
        leave_records(primitive, observers, handles[0], handles[0]._data, data, keys, {})
    else:
        leave_records(primitive, observers, tuple(handles), tuple([h._data for h in handles]), data, keys, {})


def on_duals(body: Body, leaves: list[Any], level: int, name: str) -> tuple[list[Tensor], list[Variable]]:
    """Forward mode: the call on the primals, and the transposed pullback on the tangents."""
    primals, tangents = [], []
    for leaf in leaves:
        moves = type(leaf) is VirtualTensor and leaf._data.level == level
        primals.append(leaf._data.primal if moves else leaf)
        tangents.append(leaf._data.tangent if moves else None)
    outputs, pull, variables = perform(body, primals, name)
    handles = []
    for i, y in enumerate(outputs):

        def backwards(g: Any, i: int = i) -> list[Any]:
            return pull([g if j == i else None for j in range(len(outputs))])[: len(leaves)]

        differentiable = is_floating(y.dtype) and any([t is not None for t in tangents])
        with np.errstate(all="ignore"):
            dy = transposed(backwards, y, tangents) if differentiable else None
        handles.append(tensor(Dual(y, dy if dy is None or isinstance(dy, Tensor) else tensor(dy), level)))
    return handles, variables


def on_series(body: Body, leaves: list[Any], level: int, name: str) -> tuple[list[Tensor], list[Variable]]:
    """Taylor mode: the call at t = 0, and from there on the transposed pullback of the leaves' derivatives."""
    moving = [type(leaf) is VirtualTensor and leaf._data.level == level for leaf in leaves]
    zeroth = [as_tensors(leaf._data.terms[0]) if moves else leaf for leaf, moves in zip(leaves, moving, strict=True)]
    outputs, _, variables = perform(body, zeroth, name)

    def rates(values: list[Any], tangents: list[Any]) -> list[Any]:
        pull = pull_of(body, values)

        def alone(i: int) -> Callable[[Any], list[Any]]:
            return lambda g: pull([g if j == i else None for j in range(len(outputs))])[: len(leaves)]

        return [transposed(alone(i), y, tangents) if is_floating(y.dtype) else None for i, y in enumerate(outputs)]

    return [tensor(y) for y in integrated(outputs, rates, leaves, level)], variables


def on_laplacians(body: Body, leaves: list[Any], level: int, name: str) -> tuple[list[Tensor], list[Variable]]:
    """Forward Laplacian: the call on series along all directions at once."""
    read: list[Variable] = []

    def call(*series: Any) -> Any:
        handles, _, read[:] = perform(body, list(series), name)
        return tuple(handles) if len(handles) != 1 else handles[0]

    ys = by_series(call, leaves, level)
    return [tensor(y) for y in (ys if isinstance(ys, tuple) else (ys,))], read


def on_batches(body: Body, leaves: list[Any], level: int, name: str) -> tuple[list[Tensor], list[Variable]]:
    """vmap: the call, of all examples at once, on the batches."""
    flags = [type(leaf) is VirtualTensor and leaf._data.level == level for leaf in leaves]
    batches = [leaf._data.values if flag else leaf for leaf, flag in zip(leaves, flags, strict=True)]
    size = next(b.shape[0] for b, flag in zip(batches, flags, strict=True) if flag)

    def examples(values: list[Any], inner: int) -> list[Any]:
        return [tensor(Batched(v, inner)) if flag else v for v, flag in zip(values, flags, strict=True)]

    def batched_body(values: list[Any]) -> tuple[list[Any], Pull, list[Variable]]:
        with new_level() as inner:
            outputs, _, variables = body(examples(values, inner))
            outputs = [unbatched(y, inner, size) for y in outputs]

        return outputs, pull_at(values), variables

    def pull_at(values: list[Any]) -> Pull:
        def pull(cotangents: Sequence[Any]) -> list[Any]:
            with new_level() as inner:
                back = pull_of(body, examples(values, inner))
                seeds = [
                    None if g is None else tensor(Batched(g if isinstance(g, Tensor) else tensor(g), inner))
                    for g in cotangents
                ]
                return [None if d is None else unbatched(d, inner, size) for d in back(seeds)]

        return pull

    batched_body.pull = pull_at  # type: ignore[attr-defined]
    outputs, _, variables = perform(batched_body, batches, name)
    return [tensor(Batched(y, level)) for y in outputs], variables


# -- custom_gradient ----------------------------------------------------------------------------------------------
class CustomGradient:
    """A function with its own gradient; as a method it is bound like one."""

    def __init__(self, f: Callable[..., Any]):
        update_wrapper(self, f)
        self.f = f  # after the wrapper has taken over f's attributes, among which may be one of this name

    def __get__(self, instance: Any, owner: Any = None) -> CustomGradient:
        return CustomGradient(self.f.__get__(instance, owner))

    def __repr__(self) -> str:
        return f"<function {getattr(self.f, '__qualname__', self.f)} with a custom gradient>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        f = self.f
        name = getattr(f, "__name__", "custom_gradient")
        positional = len(flatten(args, none_is_leaf=True)[0])
        named = in_order(f, kwargs)
        leaves, structure = flatten((*args, *named.values()), none_is_leaf=True)
        shapes: list[Any] = []

        def body(leaves: list[Any]) -> tuple[list[Any], Pull, list[Variable]]:
            given = structure.unflatten(leaves)
            watcher = VariableWatcher()
            with observed_by((*active(), watcher)):
                result = f(*given[: len(args)], **dict(zip(named, given[len(args) :], strict=True)))
            if not isinstance(result, tuple) or len(result) != 2 or not callable(result[1]):
                raise TypeError(f"custom_gradient: {name} must return (outputs, grad_fn)")
            outputs, shape = flatten(result[0], none_is_leaf=True)
            shapes[:] = [shape]
            outputs = [asarray(y) for y in outputs]
            variables = watcher.variables(leaves)
            if variables and not takes_variables(result[1]):
                raise TypeError(
                    f"custom_gradient: {name} reads the Variable {variables[0].name!r}, so its grad_fn must take a "
                    "keyword argument `variables` and return (gradients, variable_gradients)"
                )
            specs = [(y.shape, y.dtype) for y in outputs]
            pull = pullback(name, result[1], specs, leaves, structure, positional, variables)
            return outputs, pull, variables

        handles, _, _ = perform(body, [own_handle(leaf) for leaf in leaves], name)
        return shapes[0].unflatten(handles)


def in_order(f: Callable[..., Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Keyword arguments in the order in which f names them."""
    if len(kwargs) < 2:
        return kwargs
    names = list(signature(f).parameters)
    place = {name: i for i, name in enumerate(names)}
    return dict(sorted(kwargs.items(), key=lambda item: place.get(item[0], len(names))))


def takes_variables(grad_fn: Callable[..., Any]) -> bool:
    """Whether grad_fn can be given `variables=`."""
    parameters = signature(grad_fn).parameters
    return "variables" in parameters or any([p.kind is Parameter.VAR_KEYWORD for p in parameters.values()])


def pullback(
    name: str,
    grad_fn: Callable[..., Any],
    specs: list[Any],
    leaves: list[Any],
    structure: Structure,
    positional: int,
    variables: list[Variable],
) -> Pull:
    """grad_fn as the sweep wants it: plain transposes, one cotangent or None per leaf and variable."""
    count = len(leaves)
    by_keyword = range(positional, count)
    followed = any([is_followed(leaves[i]) for i in by_keyword])
    tensors = [i for i in by_keyword if isinstance(leaves[i], Tensor)]
    del leaves  # grad_fn keeps what it captured, and nothing else is kept

    def pull(cotangents: Sequence[Any]) -> list[Any]:
        upstream = []
        for g, (shape, dtype) in zip(cotangents, specs, strict=True):
            g = zeros(shape, dtype, *cotangents) if g is None else g if isinstance(g, Tensor) else tensor(g)
            upstream.append(conj(g) if kind_of(g.dtype) == "c" else g)
        of_variables: list[Any] = []
        if variables:
            answer = grad_fn(*upstream, variables=variables)
            if not isinstance(answer, tuple) or len(answer) != 2:
                raise ValueError(f"the grad_fn of {name} must return (gradients, variable_gradients)")
            of_arguments, of_variables = answer[0], flatten(answer[1], none_is_leaf=True)[0]
            if len(of_variables) != len(variables):
                raise ValueError(
                    f"the grad_fn of {name} gave {len(of_variables)} variable gradients for {len(variables)} Variables"
                )
        else:
            of_arguments = grad_fn(*upstream)
        parts, given = flatten(of_arguments, none_is_leaf=True)
        each = structure.parts or ()
        whole = each[0] if len(each) == 1 and not isinstance(of_arguments, tuple) else structure
        check_keys(whole, given, "custom_gradient", f"a gradient of {name}")
        return [as_cotangent(p) for p in [*matched(parts), *of_variables]]

    def matched(parts: list[Any]) -> list[Any]:
        """One gradient per leaf; those of keyword arguments may be left out, or given for the Tensors only."""
        if len(parts) == count:
            return parts
        if len(parts) == positional:
            if followed:
                warn(
                    f"a keyword argument of {name} is a Tensor that is differentiated, but its grad_fn gives no "
                    "gradient for it: pass it by position, or return its gradient after the others"
                )
            return parts + [None] * (count - positional)
        if len(parts) == positional + len(tensors):
            rest = dict(zip(tensors, parts[positional:], strict=True))
            return [parts[i] if i < positional else rest.get(i) for i in range(count)]
        raise ValueError(f"the grad_fn of {name} gave {len(parts)} gradients for {positional} arguments")

    return pull


def is_followed(leaf: Any) -> bool:
    """Whether some observer follows this value now."""
    return isinstance(leaf, Tensor) and any([leaf._key in observer.slots for observer in active()])


def as_cotangent(p: Any) -> Any:
    """What a grad_fn gave for one argument, as a Tensor in the sweep's convention for complex numbers."""
    if p is None:
        return None
    p = asarray(p)
    return conj(p) if kind_of(p.dtype) == "c" else p


def custom_gradient(f: Callable[..., Any] | None = None) -> Any:
    """A decorator: f(*args) returns (outputs, grad_fn), and grad_fn(*upstream) is used for its gradient.

    grad_fn gets one cotangent per output (zeros for those not used) and returns one gradient, or None, per
    argument. If f reads trainable Variables that are not arguments, grad_fn is given them as `variables=` and
    returns (gradients, variable_gradients). Second derivatives are those of grad_fn, also through what it captured
    from f's body. Raises ValueError where the counts do not match, TypeError if f does not return such a pair.

    >>> import gradtape as gt
    >>> @gt.custom_gradient
    ... def log1pexp(x):
    ...     e = gt.exp(x)
    ...     return gt.log(1 + e), lambda upstream: upstream * (1 - 1 / (1 + e))
    >>> float(gt.grad(log1pexp)(100.0))
    1.0
    """
    return custom_gradient if f is None else CustomGradient(f)


# -- grad_pass_through ------------------------------------------------------------------------------------------
def grad_pass_through(f: Callable[..., Any]) -> Any:
    """f forward, and the identity for its gradient (one output per argument): rounding, clipping, assigning.

    >>> import gradtape as gt
    >>> from gradtape.derivatives.custom_gradient import grad_pass_through
    >>> float(gt.grad(grad_pass_through(gt.round))(2.4))
    1.0
    """

    def with_identity(*args: Any, **kwargs: Any) -> Any:
        def backward(*upstream: Any, variables: Any = None) -> Any:
            return (upstream, [None] * len(variables)) if variables else upstream

        return f(*args, **kwargs), backward

    return update_wrapper(CustomGradient(with_identity), f)


__all__ = ["custom_gradient", "grad_pass_through"]
