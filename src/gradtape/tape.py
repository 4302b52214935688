"""GradientTape: records operations in the forward pass, and answers for their derivatives.

It behaves as TensorFlow's, and better where that is hostile: see docs/tensorflow.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any, NoReturn

import numpy as np

from .arrays.dtypes import is_floating, kind_of, numpy_dtype
from .budgets import (
    INSTEAD,
    all_rows,
    bytes_in,
    checked_batch_size,
    held_by,
    in_host_memory,
    of_sizes,
    refuse_result,
    slopes_in,
)  # fmt: skip
from .context import ACTIVE, LEVEL, active, enter, leave, move, new_level, observed_by
from .errors import warn
from .functions import static
from .functions.creation import asarray
from .functions.declare import result_type, shape_of
from .functions.elementwise import conj, positive
from .functions.manipulation import broadcast_to, reshape
from .functions.static import zeros_like
from .nest import check_keys, flatten
from .sweep import Trace, fit, reaches, run
from .tensor import Tensor, Variable, ndarray, new, tensor, tracked
from .virtual.batched import Batched, unbatched

PLAIN = frozenset([Tensor, Variable])
#: States of a trace in which it cannot be asked.
UNUSABLE = frozenset(["new", "used"])
float64 = np.float64
ONE = np.float64(1.0)


class UnconnectedGradients(Enum):
    """What `gradient` gives where no path leads from the source to the target: None, or zeros."""

    NONE = "none"
    ZERO = "zero"


def wants_zeros(unconnected_gradients: Any) -> bool:
    """Whether unconnected gradients are to be zeros. Raises ValueError for an unknown choice."""
    try:
        return UnconnectedGradients(unconnected_gradients) is UnconnectedGradients.ZERO
    except ValueError:
        raise ValueError(
            f"unconnected_gradients must be 'none' or 'zero' (gradtape.UnconnectedGradients), "
            f"not {unconnected_gradients!r}"
        ) from None


class TapeTrace(Trace):
    """The trace of a GradientTape: it also begins to watch variables that are read."""

    __slots__ = ("watch_accessed", "variables", "state")

    def __init__(self, watch_accessed: bool):
        Trace.__init__(self)
        self.watch_accessed = watch_accessed
        self.state = "new"  # then: recording, closed, used; kept here, for copies of a tape share their record
        self.variables: dict[int, Variable] = {}

    def accessed(self, variable: Variable) -> None:
        """Begin to watch a trainable variable."""
        if self.watch_accessed and variable.trainable:
            self.variables[variable.order] = variable
            if variable.floating:
                key = variable._key
                self.slots[key] = None
                self.roots.add(key)

    def follow_variable(self, variable: Variable) -> None:
        """Watch this variable."""
        self.variables[variable.order] = variable
        if variable.floating:
            self.follow(variable)


def numbers_taken(trace: TapeTrace, keys: list[int]) -> dict[int, tuple[str, str]]:
    """For each source of which a dependent value was made a number: by what, and at which line."""
    taken = {}
    records = list(trace.slots.values())
    for source in keys:
        reached = reaches(records, {source})
        for key, kind, line in trace.numbers:
            if key in reached:
                taken[source] = (kind, line)
                break
    return taken


class GradientTape:
    """Records operations on watched Tensors and Variables for differentiation.

    `persistent`: whether `gradient` may be called more than once, also inside the context for higher orders;
    `watch_accessed_variables`: whether trainable Variables are watched when they are read.

    >>> import gradtape as gt
    >>> x = gt.constant(3.0)
    >>> with gt.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = x * x
    >>> float(tape.gradient(y, x))
    6.0
    """

    __slots__ = ("_persistent", "_watch_accessed", "_trace", "__weakref__")

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True):
        self._persistent, self._watch_accessed = bool(persistent), bool(watch_accessed_variables)
        self._trace: TapeTrace | None = None

    # -- recording
    def __enter__(self) -> GradientTape:
        trace = self._trace
        if trace is None or trace.state == "used":
            trace = self._trace = TapeTrace(self._watch_accessed)
        elif trace.state == "recording":
            raise ValueError("this tape is recording already; it cannot be entered again before it is left")
        elif trace.state == "new":  # watched something before its first entry
            trace.level = LEVEL.get()
        elif trace.level != LEVEL.get():
            raise ValueError("a tape must be entered again at the depth of transforms (vmap, jvp) where it began")
        trace.state = "recording"
        enter(trace)
        return self

    def __exit__(self, *exception: Any) -> None:
        trace = self._trace
        if trace is not None:
            if trace.state == "recording":
                trace.state = "closed"
            leave(trace)

    def watch(self, tensor: Any) -> None:
        """Follow these Tensors (any nesting of containers) from now on, also before the tape is entered.

        Raises ValueError for anything that is no Tensor, RuntimeError on a used tape.
        """
        trace = self._trace
        if trace is None:
            trace = self._trace = TapeTrace(self._watch_accessed)
        elif trace.state == "used":
            raise RuntimeError("GradientTape.watch: this tape was used up by its gradient; enter it again first")
        if type(tensor) is Tensor and tensor._data.dtype.kind in "fc":
            trace.follow(tensor)
            return
        leaves, _ = flatten(tensor, none_is_leaf=True)
        for leaf in leaves:
            if not isinstance(leaf, Tensor):
                raise ValueError(
                    f"GradientTape.watch: tensor holds a {type(leaf).__name__}; only Tensors and Variables can be "
                    "watched: make one with gradtape.asarray(value)"
                )
        for leaf in leaves:
            if isinstance(leaf, Variable):
                trace.follow_variable(leaf)
            elif is_floating(leaf.dtype):
                trace.follow(leaf)
            if not is_floating(leaf.dtype):
                warn(f"watching a Tensor of dtype {leaf.dtype}: only floating numbers have gradients, it will be None")

    def watched_variables(self) -> tuple[Variable, ...]:
        """The Variables watched, each once, in order of creation."""
        if self._trace is None:
            return ()
        return tuple([self._trace.variables[order] for order in sorted(self._trace.variables)])

    def reset(self) -> None:
        """Forget all records and watches and go on recording. Raises ValueError outside the context."""
        trace = self._recording("reset")
        trace.slots.clear()
        trace.roots.clear()
        trace.variables.clear()
        trace.numbers.clear()
        trace.fallible = trace.virtual = False

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Pause this tape (and no other) inside a with block. Raises ValueError if it is not recording."""
        trace = self._recording("stop_recording")
        place = active().index(trace) if trace in active() else None
        trace.state = "closed"
        leave(trace)
        try:
            yield
        finally:
            self.__enter__()
            if self._trace is trace and place is not None:
                move(trace, place)  # who sees whose work goes by the order of entry

    def _recording(self, method: str) -> TapeTrace:
        if self._trace is None or self._trace.state != "recording":
            raise ValueError(f"GradientTape.{method}: the tape is not recording; call it inside its with block")
        return self._trace

    # -- asking
    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
    ) -> Any:
        """The derivative of the sum of all elements of `target` with respect to each source, in sources' structure.

        `output_gradients`: cotangents, one per target of its shape (ones by default). An unconnected source gives
        None, or zeros on request. For complex values: the steepest-ascent convention of TensorFlow. May be called
        inside the context, where a persistent tape records its work. Raises RuntimeError on a used tape.
        """
        if output_gradients is None and unconnected_gradients is UnconnectedGradients.NONE:
            simple = self._simple_gradient(target, sources)
            if simple is not NotImplemented:
                return simple
        zeros = wants_zeros(unconnected_gradients)
        trace = self._usable("gradient")
        if target is None:
            raise TypeError("GradientTape.gradient: target is None; there is nothing to differentiate")
        targets, _ = flatten(target, none_is_leaf=True)
        leaves, structure = flatten(sources, none_is_leaf=True)
        for name, group in (("target", targets), ("sources", leaves)):
            for leaf in group:
                if not isinstance(leaf, Tensor):
                    raise TypeError(
                        f"GradientTape.gradient: {name} holds a {type(leaf).__name__}; Tensors and Variables are "
                        "expected" + (" (a gradient that is None leads nowhere)" if leaf is None else "")
                    )
        cotangents = seeds_of(target, targets, output_gradients)
        seeds: dict[int, Any] = {}
        direct: list[tuple[Tensor, Any]] = []
        slots = trace.slots
        for t, g in zip(targets, cotangents, strict=True):
            if t._key in slots:
                seeds[t._key] = seeds[t._key] + g if t._key in seeds else g
            else:
                direct.append((t, g))
        results = self._sweep(trace, seeds, [leaf._key for leaf in leaves])
        if direct:
            results = [_plus_direct(leaf, r, direct) for leaf, r in zip(leaves, results, strict=True)]
        final = []
        for leaf, g in zip(leaves, results, strict=True):
            if g is None:
                final.append(self._unconnected(leaf, zeros))
                continue
            if kind_of(g.dtype) == "c":
                g = conj(g)
            final.append(g if isinstance(g, Tensor) else tensor(g))
        return structure.unflatten(final)

    def _simple_gradient(self, target: Any, sources: Any) -> Any:
        """The common case in few steps: a recorded target, a tracked source or a list of them; else NotImplemented."""
        trace = self._trace
        if type(target) is not Tensor or trace is None or trace.state in UNUSABLE:
            return NotImplemented
        slots = trace.slots
        if target._key not in slots:
            return NotImplemented
        many = type(sources) is list
        keys = []
        for leaf in sources if many else (sources,):
            if type(leaf) not in PLAIN or leaf._key not in slots:
                return NotImplemented
            keys.append(leaf._key)
        data = target._data
        seed: Any
        if data.__class__ is float64:
            seed = ONE
        elif data.dtype.kind != "f":
            return NotImplemented
        else:
            seed = data.dtype.type(1) if not data.shape else np.ones(data.shape, data.dtype)
        results = self._sweep(trace, {target._key: seed}, keys)
        for i, g in enumerate(results):
            if g.__class__ is ndarray and g.dtype.kind == "f":
                results[i] = handle = new(Tensor)
                handle._data = g
                handle._key = 0
            elif g is not None:
                if g.dtype.kind == "c":
                    g = conj(g)
                results[i] = g if isinstance(g, Tensor) else tensor(g)
        return results if many else results[0]

    def _usable(self, method: str) -> TapeTrace:
        trace = self._trace
        if trace is None or trace.state == "new":
            raise RuntimeError(f"GradientTape.{method}: the tape has recorded nothing; use it as `with tape:` first")
        if trace.state == "used":
            raise RuntimeError(
                f"GradientTape.{method}: a non-persistent tape answers once; "
                "make it GradientTape(persistent=True) to ask it again"
            )
        return trace

    def _sweep(self, trace: TapeTrace, seeds: dict[int, Any], keys: list[int], last: bool = True) -> list[Any]:
        """Run the reverse sweep; a non-persistent tape ends its recording and is used up by success of the last."""
        if not trace.numbers:
            return self._swept(trace, seeds, keys, last)
        taken = numbers_taken(trace, keys)
        results = self._swept(trace, seeds, keys, last)
        for key, g in zip(keys, results, strict=True):
            if g is None and key in taken:
                kind, line = taken[key]
                warn(
                    f"the gradient with respect to a source is None: {kind}() made a number of a value that depends on "
                    + (f"it, at {line}" if line else "it")
                    + "; from there on it is a constant. Compute with the Tensor itself, by gradtape's or NumPy's "
                    "functions"
                )
        return results

    def _swept(self, trace: TapeTrace, seeds: dict[int, Any], keys: list[int], last: bool) -> list[Any]:
        if self._persistent:
            return run(trace, seeds, keys, consume=False)
        observers = active()
        if trace.state == "recording":
            leave(trace)
        try:
            results = run(trace, seeds, keys, consume=last)
        except BaseException:
            ACTIVE.set(observers)  # as it was, for another try
            raise
        if last:
            trace.state = "used"
        else:
            ACTIVE.set(observers)
        return results

    def _unconnected(self, source: Tensor, zeros: bool) -> Any:
        if zeros:
            return zeros_like(source)
        if not is_floating(source.dtype):
            warn(f"the gradient with respect to a source of dtype {source.dtype} is None: only floats have gradients")
        return None

    def jacobian(
        self,
        target: Any,
        sources: Any,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
        *,
        batch_size: int | None = None,
        memory: Any = None,
    ) -> Any:
        """The derivative of every element of `target` with respect to every element of each source.

        Shape: target.shape + source.shape. All rows go through the sweep at once, or at most `batch_size`, or as many
        as keep the computation, its result included, below `memory` (bytes, or "200 MB"). parallel_iterations and
        experimental_use_pfor are TensorFlow's and change nothing. May be called inside the context. Raises RuntimeError
        on a used tape, NotEnoughMemoryError where the budget, or the memory available, is too little.
        """
        zeros = wants_zeros(unconnected_gradients)
        checked_batch_size(batch_size, "GradientTape.jacobian")
        trace = self._usable("jacobian")
        if not isinstance(target, Tensor):
            raise TypeError(f"GradientTape.jacobian: target must be one Tensor, not a {type(target).__name__}")
        leaves, structure = flatten(sources, none_is_leaf=True)
        for leaf in leaves:
            if not isinstance(leaf, Tensor):
                raise TypeError(f"GradientTape.jacobian: sources holds a {type(leaf).__name__}; Tensors are expected")
        if isinstance(target, Variable):
            trace.accessed(target)  # asking for it is a read
        rows = self._rows(trace, target, leaves, "jacobian", batch_size, memory)
        final = []
        for leaf, row in zip(leaves, rows, strict=True):
            if row is None:
                shape = (*target.shape, *leaf.shape)
                final.append(static.zeros(shape, leaf.dtype, leaf) if zeros else self._unconnected(leaf, False))
            else:
                final.append(reshape(row, (*target.shape, *leaf.shape)))
        return structure.unflatten(final)

    def _rows(
        self,
        trace: TapeTrace,
        target: Tensor,
        leaves: list[Tensor],
        function: str,
        batch_size: int | None,
        memory: Any,
        fixed: int = 0,
    ) -> list[Any]:
        """The Jacobian's rows (n, *source.shape) for each source; None where no path leads there.

        `fixed`: bytes that a budget has to include besides.
        """
        keys = [leaf._key for leaf in leaves]
        if target._key not in trace.slots:
            self._sweep(trace, {}, keys)
            return [None] * len(leaves)
        sweep = lambda seeds, last: self._sweep(trace, seeds, keys, last)
        held = lambda: fixed or slopes_in(trace)
        name = f"GradientTape.{function}"
        return all_rows(name, function, trace, [target], leaves, sweep, batch_size, memory, held)

    def batch_jacobian(
        self,
        target: Any,
        source: Any,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """Per example b: the derivative of target[b] with respect to source[b], of shape (batch, *y, *x).

        Exact where examples do not influence each other (else their influences are summed, as in TensorFlow).
        Raises ValueError unless both have two axes or more and equally many examples. Unconnected: zeros.
        """
        wants_zeros(unconnected_gradients)
        trace = self._usable("batch_jacobian")
        for name, x in (("target", target), ("source", source)):
            if not isinstance(x, Tensor):
                raise TypeError(f"GradientTape.batch_jacobian: {name} must be one Tensor, not {type(x).__name__}")
            if x.ndim < 2:
                raise ValueError(f"GradientTape.batch_jacobian: {name} needs two axes or more; its shape is {x.shape}")
        if target.shape[0] != source.shape[0]:
            raise ValueError(
                f"GradientTape.batch_jacobian: target has {target.shape[0]} examples and source {source.shape[0]}"
            )
        if isinstance(target, Variable):
            trace.accessed(target)
        examples, inner = target.shape[0], target.shape[1:]
        n = int(np.prod(inner))
        g = None
        if target._key in trace.slots:
            eye = np.eye(n, dtype=numpy_dtype(target.dtype)).reshape(n, 1, *inner)
            eye = static.static(eye, target, dtype=target.dtype)
            one_hot = broadcast_to(eye if isinstance(eye, Tensor) else tensor(eye), (n, examples, *inner))
            with new_level() as level:
                seeds = {target._key: tensor(Batched(one_hot, level))}
                (g,) = self._sweep(trace, seeds, [source._key])
                g = None if g is None else unbatched(g, level, n)
        else:
            self._sweep(trace, {}, [source._key])
        if g is None:
            return static.zeros((examples, *inner, *source.shape[1:]), target.dtype, target)
        from .functions.manipulation import moveaxis

        g = conj(g) if kind_of(g.dtype) == "c" else g
        return reshape(moveaxis(g, 0, 1), (examples, *inner, *source.shape[1:]))

    def hessian(self, target: Any, sources: Any, *, batch_size: int | None = None, memory: Any = None) -> Any:
        """The second derivatives of a scalar target: for one source its matrix target-wise, of shape x.shape * 2;
        for a container of sources the container of containers of blocks. Needs no nested tapes. `batch_size`, `memory`:
        as for jacobian. Raises ValueError if target has more than one element, RuntimeError on a used tape,
        NotEnoughMemoryError where the budget, or the memory available, is too little.

        >>> import gradtape as gt
        >>> x = gt.constant([1.0, 2.0])
        >>> with gt.GradientTape() as tape:
        ...     tape.watch(x)
        ...     y = gt.sum(x**3)
        >>> tape.hessian(y, x).tolist()
        [[6.0, 0.0], [0.0, 12.0]]
        """
        checked_batch_size(batch_size, "GradientTape.hessian")
        trace = self._usable("hessian")
        if not isinstance(target, Tensor):
            raise TypeError(f"GradientTape.hessian: target must be one Tensor, not a {type(target).__name__}")
        if target.size != 1:
            raise ValueError(f"GradientTape.hessian: target must be a scalar; its shape is {target.shape}")
        leaves, structure = flatten(sources, none_is_leaf=True)
        for leaf in leaves:
            if not isinstance(leaf, Tensor):
                raise TypeError(f"GradientTape.hessian: sources holds a {type(leaf).__name__}; Tensors are expected")
        if all([in_host_memory(leaf) for leaf in leaves]):
            subject = of_sizes(leaves, leaves, "hessian")
            refuse_result("GradientTape.hessian", subject, bytes_in(leaves, leaves), INSTEAD["hessian"])
        twin = GradientTape(persistent=True)
        twin._trace = copied = TapeTrace(False)
        base = trace.copy()
        copied.slots, copied.roots, copied.level = base.slots, base.roots, base.level
        copied.fallible, copied.virtual = base.fallible, base.virtual
        copied.state = "closed"
        others = tuple([o for o in active() if o is not trace or self._persistent])
        with observed_by((*others, copied)):
            first = twin.gradient(target, leaves)
        held = 0 if memory is None else held_by(copied, leaves, trace)
        blocks = []
        with observed_by(others):
            for a, g in zip(leaves, first, strict=True):
                rows = [None] * len(leaves)
                if g is not None:
                    rows = twin._rows(copied, g, leaves, "hessian", batch_size, memory, held)
                blocks.append([_block(row, a, b) for row, b in zip(rows, leaves, strict=True)])
                held += bytes_in([a], leaves)
        if not self._persistent:
            self._sweep(trace, {}, [])
        return structure.unflatten([structure.unflatten(row) for row in blocks])

    # -- copying
    def __copy__(self) -> GradientTape:
        other = GradientTape(self._persistent, self._watch_accessed)
        other._trace = self._trace
        return other

    def __deepcopy__(self, memo: dict[int, Any]) -> GradientTape:
        make, arguments = self.__reduce__()
        return make(*arguments)  # type: ignore[no-any-return]

    def __reduce__(self) -> Any:
        if self._trace is not None:
            self._refuse_copy()
        return GradientTape, (self._persistent, self._watch_accessed)

    def _refuse_copy(self) -> NoReturn:
        raise TypeError("a tape that has been used cannot be copied deeply or pickled; its record belongs to this run")


def _block(rows: Any, a: Tensor, b: Tensor) -> Tensor:
    """One block of a Hessian: how the gradient with respect to a changes with b; zeros where it does not."""
    shape = (*a.shape, *b.shape)
    return static.zeros(shape, result_type(a, b), a, b) if rows is None else reshape(rows, shape)


def seeds_of(target: Any, targets: list[Tensor], output_gradients: Any) -> list[Any]:
    """The cotangent of each target: ones, or what the user gave, checked; in the sweep's own convention."""
    if output_gradients is None:
        seeds: list[Any] = []
        for t in targets:
            data = t._data
            if type(t) not in PLAIN:
                seeds.append(static.ones_like(t))
            else:
                seeds.append(data.dtype.type(1) if not data.shape else np.ones(data.shape, data.dtype))
        return seeds
    given = cotangents_given(target, output_gradients)
    if len(given) != len(targets):
        raise ValueError(
            f"output_gradients: {len(given)} cotangents for {len(targets)} targets; give one for each target"
        )
    seeds = []
    for i, (t, g) in enumerate(zip(targets, given, strict=True)):
        if g is None:
            raise ValueError(f"output_gradients: entry {i} is None; give zeros of the target's shape instead")
        g = asarray(g)
        if isinstance(g, Variable):
            g = positive(g)  # a read, which an outer tape may watch
        if g.shape != t.shape:
            try:
                g = broadcast_to(g, t.shape)
            except ValueError:
                raise ValueError(
                    f"output_gradients: entry {i} has shape {g.shape}; its target has {t.shape}"
                ) from None
        g = fit(g, (t.shape, t.dtype))
        if kind_of(g.dtype) == "c":
            g = conj(g)
        looked_on = type(g) is not Tensor or any([g._key in o.slots for o in active()])
        seeds.append(tracked(g._data, g._key) if looked_on else g._data)
    return seeds


def cotangents_given(target: Any, output_gradients: Any) -> list[Any]:
    """One entry per target. For a single Tensor a list is an array; [g] with one g of its shape is accepted too."""
    if isinstance(output_gradients, Tensor):
        return [output_gradients]
    if not isinstance(target, Tensor):
        given, structure = flatten(output_gradients, none_is_leaf=True)
        check_keys(flatten(target)[1], structure, "GradientTape.gradient", "output_gradients")
        return given
    if isinstance(output_gradients, list | tuple) and len(output_gradients) == 1:
        (only,) = output_gradients
        if only is None or len(shape_of(only)) == target.ndim:
            return [only]
    return [output_gradients]


def _plus_direct(source: Tensor, g: Any, direct: list[tuple[Tensor, Any]]) -> Any:
    """Add the cotangents of targets that are the source itself, though the tape never saw it."""
    for t, seed in direct:
        if t is source:
            g = seed if g is None else g + seed
    return g
