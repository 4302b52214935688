"""Functions whose gradient is the user's: custom_gradient, grad_pass_through, as in TensorFlow.

The function's body runs as ordinary operations, seen by the tapes: what its grad_fn captures stays connected for
higher orders. Its outputs are then given new handles, and one record leads from those straight to the arguments.
Under forward mode, vmap and other virtual values the same call is made on what the virtual arguments are made of, so
that the user's rule holds in every mode; there the body is run again when the rule is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import update_wrapper
from inspect import Parameter, signature
from typing import Any

import numpy as np

from ..arrays.dtypes import is_floating, kind_of
from ..context import LEVEL, Moment, active, observed_by, resumed
from ..errors import warn
from ..functions.creation import asarray
from ..functions.elementwise import conj, stop_gradient
from ..functions.static import zeros
from ..nest import Structure, check_keys, flatten
from ..primitive import General, leave_records
from ..sweep import fit, transposed
from ..tensor import Tensor, Variable, VirtualTensor, is_differentiated, tensor, touch
from ..virtual.batched import Batched, unbatched
from ..virtual.dual import Dual
from ..virtual.forward_laplacian import ForwardLaplacian, by_series
from ..virtual.kept import Kept, bare, wrapped
from ..virtual.metered import Metered
from ..virtual.pattern import Pattern, by_pullback
from ..virtual.series import Series, as_tensors, integrated
from .hidden import no_kernel, own_handle

#: From one cotangent (or None) per output to one (or None) per leaf of the arguments and per variable.
Pull = Callable[[Sequence[Any]], list[Any]]
#: From the leaves to the outputs, their pullback, and the variables that were read.
Body = Callable[[list[Any]], tuple[list[Any], Pull, list[Variable]]]
#: perform() one level down.
Call = Callable[[Body, list[Any]], tuple[list[Tensor], Pull, list[Variable]]]


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
def perform(
    body: Body, leaves: list[Any], name: str, below: float = np.inf, batch: Any = None
) -> tuple[list[Tensor], Pull, list[Variable]]:
    """Run the body on the leaves and leave one record of it all, whatever kind of value the leaves are.

    `below`: the lowest level that has been taken off the leaves; no result may be of it. `batch`: a value of a vmap
    that the body is known to close over. Raises TypeError.
    """
    values = leaves if batch is None else [batch]
    level = deepest(values)
    top = next((type(x._data) for x in values if type(x) is VirtualTensor and x._data.level == level), None)
    if top is None or top is Metered:  # what is metered is computed as ever
        return perform_plainly(body, leaves, name, level, below)
    if top not in ON:
        raise NotImplementedError(f"{name}: a custom gradient is not implemented for {top.__name__} values")
    observers, deeper = active(), None
    with observed_by(tuple([o for o in observers if o.level < level])):
        call = lambda body, leaves: perform(body, leaves, name, min(below, level))
        try:
            handles, variables = ON[top](call, body, leaves, level)
        except ClosesOverError as error:
            if error.batch is None or error.level <= level or below != np.inf:
                raise
            deeper = error.batch
    if deeper is not None:
        return perform(body, leaves, name, batch=deeper)

    def pull_again(cotangents: Sequence[Any]) -> list[Any]:
        return pull_of(body, leaves)(cotangents)

    for variable in variables:
        touch(variable)
    watching = tuple([o for o in observers if o.level >= level])
    for observer in watching:
        observer.virtual = True
    record(watching, handles, [*leaves, *variables], pull_again, name)
    return handles, pull_again, variables


class ClosesOverError(TypeError):
    """A body closes over a value of this level: a batch, or what else there is no way to follow."""

    def __init__(self, message: str, level: float, batch: Any):
        super().__init__(message)
        self.level, self.batch = level, batch


def perform_plainly(
    body: Body, leaves: list[Any], name: str, level: int, below: float
) -> tuple[list[Tensor], Pull, list[Variable]]:
    """The same where nothing is to be taken off the leaves. A result of a higher level is due to a value that the body
    closes over, of which the rule says nothing, and where the observers beneath would see the body and not its rule."""
    outputs, pull, variables = body(leaves)
    for variable in variables:  # a body that nobody saw has read them all the same
        touch(variable)
    deep = deepest(outputs)
    keys = [x._key for x in (*leaves, *variables) if isinstance(x, Tensor)]
    if deep >= below or (deep > level and any([key in o.slots for o in active() if o.level < deep for key in keys])):
        found = next(y for y in outputs if type(y) is VirtualTensor and y._data.level == deep)
        batch = found if type(found._data) is Batched else None
        if batch is not None and deep < below:
            return perform(body, leaves, name, below, batch)
        raise ClosesOverError(
            f"custom_gradient: {name} uses a value from outside its arguments that belongs to a transform around it "
            "(jvp, vmap, ...), in which its rule cannot be followed: pass it as an argument",
            deep,
            batch,
        )
    if deep > level:
        if any([is_differentiated(y._data) for y in outputs]):
            warn(
                f"custom_gradient: {name} uses a value from outside its arguments that is being differentiated; its "
                "rule says nothing of that value, whose derivative is dropped. Pass it as an argument"
            )
        outputs = [stop_gradient(y) for y in outputs]
    handles = [tensor(y._data) for y in outputs]
    deep = deepest(handles)
    record(tuple([o for o in active() if o.level >= deep]), handles, [*leaves, *variables], pull, name)
    return handles, pull, variables


def deepest(values: Sequence[Any]) -> Any:
    """The highest level among values."""
    return max([x._data.level for x in values if type(x) is VirtualTensor], default=0)


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


def on_duals(call: Call, body: Body, leaves: list[Any], level: int) -> tuple[list[Tensor], list[Variable]]:
    """Forward mode: the call on the primals, and the transposed pullback on the tangents."""
    primals, tangents = [], []
    for leaf in leaves:
        moves = type(leaf) is VirtualTensor and leaf._data.level == level
        primals.append(leaf._data.primal if moves else leaf)
        tangents.append(leaf._data.tangent if moves else None)
    outputs, pull, variables = call(body, primals)
    handles = []
    for i, y in enumerate(outputs):

        def backwards(g: Any, i: int = i) -> list[Any]:
            return pull([g if j == i else None for j in range(len(outputs))])[: len(leaves)]

        differentiable = is_floating(y.dtype) and any([t is not None for t in tangents])
        with np.errstate(all="ignore"):
            dy = transposed(backwards, y, tangents) if differentiable else None
        handles.append(tensor(Dual(y, dy if dy is None or isinstance(dy, Tensor) else tensor(dy), level)))
    return handles, variables


def on_series(call: Call, body: Body, leaves: list[Any], level: int) -> tuple[list[Tensor], list[Variable]]:
    """Taylor mode: the call at t = 0, and from there on the transposed pullback of the leaves' derivatives."""
    moving = [type(leaf) is VirtualTensor and leaf._data.level == level for leaf in leaves]
    zeroth = [as_tensors(leaf._data.terms[0]) if moves else leaf for leaf, moves in zip(leaves, moving, strict=True)]
    outputs, _, variables = call(body, zeroth)

    def rates(values: list[Any], tangents: list[Any]) -> list[Any]:
        pull = pull_of(body, values)

        def alone(i: int) -> Callable[[Any], list[Any]]:
            return lambda g: pull([g if j == i else None for j in range(len(outputs))])[: len(leaves)]

        return [transposed(alone(i), y, tangents) if is_floating(y.dtype) else None for i, y in enumerate(outputs)]

    return [tensor(y) for y in integrated(outputs, rates, leaves, level)], variables


def on_laplacians(call: Call, body: Body, leaves: list[Any], level: int) -> tuple[list[Tensor], list[Variable]]:
    """Forward Laplacian: the call on series along all directions at once."""
    read: list[Variable] = []

    def on_all(*series: Any) -> Any:
        handles, _, read[:] = call(body, list(series))
        return tuple(handles) if len(handles) != 1 else handles[0]

    ys = by_series(on_all, leaves, level)
    return [tensor(y) for y in (ys if isinstance(ys, tuple) else (ys,))], read


def on_batches(call: Call, body: Body, leaves: list[Any], level: int) -> tuple[list[Tensor], list[Variable]]:
    """vmap: the call, of all examples at once, on the batches."""
    flags = [type(leaf) is VirtualTensor and leaf._data.level == level for leaf in leaves]
    batches = [leaf._data.values if flag else leaf for leaf, flag in zip(leaves, flags, strict=True)]
    sizes = [b.shape[0] for b, flag in zip(batches, flags, strict=True) if flag]

    def examples(values: Sequence[Any]) -> list[Any]:
        return [tensor(Batched(v, level)) if flag else v for v, flag in zip(values, flags, strict=True)]

    def seeds(cotangents: Sequence[Any]) -> list[Any]:
        handles = [g if g is None or isinstance(g, Tensor) else tensor(g) for g in cotangents]
        return [None if g is None else tensor(Batched(g, level)) for g in handles]

    def values_of(examples: Sequence[Any]) -> list[Any]:
        sizes.extend([x._data.values.shape[0] for x in examples if deepest([x]) == level])
        return [None if x is None else unbatched(x, level, sizes[0]) for x in examples]

    outputs, variables = one_level_down(call, body, batches, level, examples, seeds, values_of)
    return [tensor(Batched(y, level)) for y in outputs], variables


def on_kept(call: Call, body: Body, leaves: list[Any], level: int) -> tuple[list[Tensor], list[Variable]]:
    """A checkpoint's policy: the call on the plain values, whose body keeps and finds what is chosen."""
    store = next(leaf._data.store for leaf in leaves if type(leaf) is VirtualTensor and leaf._data.level == level)
    inside: Callable[[Sequence[Any]], list[Any]] = lambda values: [wrapped(x, store) for x in values]
    outside: Callable[[Sequence[Any]], list[Any]] = lambda values: [bare(x) for x in values]
    outputs, variables = one_level_down(call, body, outside(leaves), level, inside, inside, outside)
    return [tensor(Kept(y, store)) for y in outputs], variables


def one_level_down(
    call: Call, body: Body, leaves: list[Any], level: float, inside: Any, seeds: Any, outside: Any
) -> tuple[list[Tensor], list[Variable]]:
    """The call on values beneath a level, whose body runs at that level, so that it may close over others of it.

    `inside`, `seeds`: make values and cotangents ones of the level; `outside`: takes them off again.
    """
    there = Moment()

    def lowered(values: list[Any]) -> tuple[list[Any], Pull, list[Variable]]:
        with there.again():
            outputs, _, variables = body(inside(values))
            return outside(outputs), pull_at(values), variables

    def pull_at(values: list[Any]) -> Pull:
        def pull(cotangents: Sequence[Any]) -> list[Any]:
            with there.again():
                given = inside(values)
                back = outside(fitted(pull_of(body, given)(seeds(cotangents)), given))
            return fitted(back, values)

        return pull

    lowered.pull = pull_at  # type: ignore[attr-defined]
    with resumed(max([other for other in there.surrounding if other < level], default=0), frozenset()):
        outputs, _, variables = call(lowered, leaves)
    return outputs, variables


def fitted(cotangents: list[Any], leaves: list[Any]) -> list[Any]:
    """Cotangents in the shapes of the leaves that come first: of an example's within, and of all examples'."""
    pairs = zip(cotangents, leaves, strict=False)
    return [
        g if g is None or not isinstance(x, Tensor) or not is_floating(x.dtype) else fit(g, (x.shape, x.dtype))
        for g, x in pairs
    ] + cotangents[len(leaves) :]


def on_patterns(call: Call, body: Body, leaves: list[Any], level: int) -> tuple[list[Tensor], list[Variable]]:
    """Sparsity detection: the call on the values, and the pattern of the pullback, which is read off its program."""
    patterns = [leaf._data if type(leaf) is VirtualTensor and leaf._data.level == level else None for leaf in leaves]
    values = [leaf if p is None else p.value for leaf, p in zip(leaves, patterns, strict=True)]
    outputs, _, variables = call(body, values)
    pull = lambda inside, cotangents: pull_of(body, inside)(cotangents)[: len(leaves)]
    return [tensor(y) for y in by_pullback(pull, patterns, values, outputs, level)], variables


#: What becomes of a call by the kind of its virtual arguments.
ON: dict[Any, Callable[..., tuple[list[Tensor], list[Variable]]]] = {
    Dual: on_duals,
    Batched: on_batches,
    Series: on_series,
    ForwardLaplacian: on_laplacians,
    Kept: on_kept,
    Pattern: on_patterns,
}


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
    returns (gradients, variable_gradients). Of other values that f closes over the rule says nothing: they are
    constants to it. Second derivatives are those of grad_fn, also through what it captured from f's body. Raises
    ValueError where the counts do not match, TypeError if f does not return such a pair, or closes over a value of a
    transform in which the rule cannot be followed.

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
