"""checkpoint_chain, checkpoint_while: chains of stages swept backward with a given number of states in memory.

The value is computed with the states of a schedule kept on the way, and the last stage recorded. Pulling back goes from
there: the last state kept is run ahead to the next stage to be swept, keeping others on the way in the slots that have
become free (see schedules.py).

Where somebody looks on while it is pulled back, for a derivative of higher order, the reversal is one hidden
application in its turn. Pulled back itself, it is taken apart into reversals of slots + 1 shorter chains, each of which
is hidden, and so on down to single stages: some slots states for each level of this are in memory, at every order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from ..arrays.dtypes import is_floating
from ..context import active, observed_by
from ..functions.creation import asarray
from ..nest import flatten
from ..sweep import Trace
from ..tensor import Tensor, Variable
from .hidden import Inside, Watch, as_one, carried, hidden_pull, may_hide, own_handle, parts_of_all, swept
from .schedules import Replacement, split

State = list[Any]
Stage = Callable[[int, State], State]


class Tape:
    """The last stage as it was recorded: the keys of its arguments and results beside the trace."""

    __slots__ = ("trace", "inputs", "outputs")

    def __init__(self, watch: Watch, state: State, results: State):
        self.trace: Trace = watch.trace()
        self.inputs = [part._key for part in parts_of_all(state, watch.level)]
        self.outputs = [part._key for part in parts_of_all(results, watch.level)]


class Chain:
    """Stages first..last - 1 of a chain, applied to lists of leaves. `last` is None while it is unknown."""

    __slots__ = ("stage", "slots", "name", "more")

    def __init__(self, stage: Stage, slots: int, name: str, more: Callable[[State], bool] | None = None):
        self.stage, self.slots, self.name, self.more = stage, slots, name, more

    def run(self, first: int, last: int | None, state: State, lean: bool = False) -> State:
        """The chain's value: as one record for each of those who look on. `lean`: no other state than the first is kept
        until it is pulled back."""
        if last == first:
            return state
        if not may_hide(state):
            i = first
            while i < last if last is not None else self.goes_on(state):
                state = self.stage(i, state)
                i += 1
            return state

        def hide(watches: list[Watch], inputs: State) -> tuple[State, Callable[[Watch, Inside], Any]]:
            if lean:
                assert last is not None
                end, kept, tapes, results = last, None, {}, self.forward_lean(watches, first, last, inputs)
            elif last is None:
                end, kept, tapes, results = self.forward_online(watches, inputs)
            else:
                end, kept, tapes, results = self.forward(watches, first, last, inputs)

            def pull_for(watch: Watch, inside: Inside) -> Any:
                return self.pull_for(first, end, kept, tapes.pop(watch.level, None), inside)

            return results, pull_for

        return as_one(None, state, self.name, hide)

    def goes_on(self, state: State) -> bool:
        """Whether there is another stage."""
        assert self.more is not None
        with observed_by(()):
            return self.more(state)

    # -- forward
    def forward(self, watches: list[Watch], first: int, last: int, state: State) -> Any:
        """Run the stages, keeping the states of the binomial schedule, and record the last."""
        kept = [(first, state)]
        due = self.next_kept(first, last, 1)
        for i in range(first, last - 1):
            state = carried(self.stage(i, state), watches)
            if i + 1 == due:
                kept.append((due, state))
                due = self.next_kept(due, last, len(kept))
        results, tapes = self.recorded(watches, last - 1, state)
        return last, kept, tapes, results

    def forward_lean(self, watches: list[Watch], first: int, last: int, state: State) -> State:
        """Run the stages and keep nothing."""
        for i in range(first, last):
            state = carried(self.stage(i, state), watches)
        return state

    def next_kept(self, first: int, last: int, kept: int) -> int:
        """The next state to keep, with so many in slots, that of `first` the last of them; `last` if there is none."""
        free = self.slots - kept + 1
        return first + split(last - first, free) if free > 1 and last - first > 1 else last

    def forward_online(self, watches: list[Watch], state: State) -> Any:
        """The same from stage 0 until the condition fails. Each stage is recorded, for it may be the last."""
        replacement = Replacement(self.slots)
        kept = {0: state}
        before = results = state
        tapes: dict[int, Tape] = {}
        i = 0
        while self.goes_on(results):
            if i:
                tapes = {}
                state = carried(results, watches)
            if i > 1:
                replacement.offer(i - 1, i + 1)
                kept[i - 1] = before
                kept = {p: kept[p] for p in replacement.positions}
            results, tapes = self.recorded(watches, i, state)
            before = state
            i += 1
        return i, list(kept.items()), tapes, results

    def recorded(self, watches: list[Watch], i: int, state: State) -> tuple[State, dict[int, Tape]]:
        """Run one stage and record it for each level."""
        for watch in watches:
            watch.slots.records = True
        results = self.stage(i, state)
        tapes = {watch.level: Tape(watch, state, results) for watch in watches}
        for watch in watches:
            watch.slots.records = False
        return results, tapes

    # -- backward
    def pull_for(self, first: int, last: int, kept: Any, tape: Tape | None, inside: Inside) -> Any:
        """The pullback for the observers of one level."""
        available = [kept, tape]
        del kept, tape

        def pull(cotangents: list[Any]) -> list[Any]:
            if active():
                return self.reversed(first, last, inside, cotangents)
            kept, tape = available
            available[:] = [None, None]  # what is kept serves once; it is run again for the next time
            return self.by_schedule(first, last, inside, cotangents, kept, tape)

        return pull

    def by_schedule(
        self,
        first: int,
        last: int,
        inside: Inside,
        cotangents: Sequence[Any],
        kept: list[tuple[int, State]] | None = None,
        tape: Tape | None = None,
    ) -> list[Any]:
        """Sweep the stages backward, at the least number of stages run ahead."""
        kept = [(first, inside.leaves)] if kept is None else kept
        count = len(inside.met)
        met = inside.met
        totals: list[Any] = [None] * count
        g = list(cotangents)
        if tape is not None:
            back = swept(tape.trace, tape.outputs, g, tape.inputs, met)
            g, totals = back[: len(tape.inputs)], back[len(tape.inputs) :]
            last -= 1
            tape = None
        while last > first and any([c is not None for c in g]):
            while kept[-1][0] >= last:
                kept.pop()
            i, state = kept[-1]
            with inside.moment.again():
                while i < last - 1:
                    due = self.next_kept(i, last, len(kept))
                    while i < min(due, last - 1):
                        state = self.stage(i, state)
                        i += 1
                    if i == due:
                        kept.append((i, state))
            last = i
            if kept[-1][0] == i:
                kept.pop()
            here = Inside(state, floating(state, inside.level), met, inside.level, inside.moment)
            del state
            back = here.pulled(lambda x, i=i: self.stage(i, x), g, totals)  # type: ignore[misc]
            g, totals = back[: len(back) - count], back[len(back) - count :]
        if last > first:
            g = [None] * len(inside.flags)
        return [c if flag else None for c, flag in zip(g, inside.flags, strict=True)] + totals

    def reversed(self, first: int, last: int, inside: Inside, cotangents: Sequence[Any]) -> list[Any]:
        """The same, as one application where somebody looks on."""
        return hidden_pull(
            lambda g: self.by_schedule(first, last, inside, g),
            cotangents,
            self.name,
            lambda g: self.in_pieces(first, last, inside, g),
        )

    def in_pieces(self, first: int, last: int, inside: Inside, cotangents: Sequence[Any]) -> list[Any]:
        """The same, as reversals of shorter chains that are recorded one by one."""
        if last - first == 1:
            return inside.pulled(lambda x: self.stage(first, x), cotangents)
        pieces = min(self.slots + 1, last - first)
        bounds = [first + (last - first) * j // pieces for j in range(pieces + 1)]
        states = [inside.leaves]
        with inside.moment.again():
            for a, b in pairwise(bounds[:-1]):
                states.append(self.run(a, b, states[-1], lean=True))
        count = len(inside.met)
        totals: list[Any] = [None] * count
        g = list(cotangents)
        while states:
            state, a, b = states.pop(), bounds[len(states)], bounds[len(states) + 1]
            flags = inside.flags if a == first else floating(state, inside.level)
            here = Inside(state, flags, inside.met, inside.level, inside.moment)
            back = self.reversed(a, b, here, g)
            g, new = back[: len(flags)], back[len(flags) :]
            totals = [n if t is None else t if n is None else t + n for t, n in zip(totals, new, strict=True)]
        return [*g, *totals]


def floating(state: State, level: int) -> list[bool]:
    """Which parts have derivatives."""
    return [is_floating(part.dtype) for part in parts_of_all(state, level)]


# -- the two functions -------------------------------------------------------------------------------------------------
def leaves_of(state: Any, function: str) -> tuple[State, Any]:
    """A state's leaves as Tensors. Raises TypeError for what is no array."""
    leaves, structure = flatten(state, none_is_leaf=True)
    values = []
    for leaf in leaves:
        try:
            x = leaf if isinstance(leaf, Tensor) else asarray(leaf)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"gradtape.{function}: the state holds a {type(leaf).__name__}, which is no array: keep constants in "
                "the stages instead"
            ) from error
        values.append(x.read_value() if isinstance(x, Variable) else x)
    return values, structure


def stages(step: Callable[[int, Any], Any], state: Any, function: str) -> tuple[Stage, State, Any]:
    """The stage on lists of leaves, which keeps the state's structure, shapes and dtypes."""
    leaves, structure = leaves_of(state, function)
    specs = [(x.shape, x.dtype) for x in leaves]

    def stage(i: int, values: State) -> State:
        new, other = leaves_of(step(i, structure.unflatten([own_handle(x) for x in values])), function)
        if other != structure:
            raise ValueError(
                f"gradtape.{function}: stage {i} returned another structure than it was given "
                f"({len(new)} arrays for {len(values)}): a stage returns a state like its argument"
            )
        for place, (x, (shape, dtype)) in enumerate(zip(new, specs, strict=True)):
            if x.shape != shape or x.dtype != dtype:
                raise ValueError(
                    f"gradtape.{function}: stage {i} made an array of shape {x.shape}, {x.dtype} of the state's array "
                    f"{place} of shape {shape}, {dtype}: a stage returns a state like its argument"
                )
        return new

    return stage, leaves, structure


def checked_slots(slots: Any, function: str) -> int:
    """The number of slots. Raises TypeError or ValueError."""
    number = checked_integer(slots, "slots", function)
    if number < 1:
        raise ValueError(f"gradtape.{function}: slots must be at least 1, for the first state is kept; not {number}")
    return number


def checked_integer(value: Any, argument: str, function: str) -> int:
    """An integer. Raises TypeError for anything else."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"gradtape.{function}: {argument} must be an integer, not {value!r}")
    return int(value)


def checkpoint_chain(step: Any, state: Any, length: int | None = None, *, slots: int) -> Any:
    """step(length - 1, ... step(1, step(0, state))): differentiated in reverse with `slots` states in memory.

    `step(i, state)` gives the next state, of the same structure, shapes and dtypes (any nesting of containers of
    arrays); or `step` is a list of stages, functions of the state alone, and there is no `length`. Stages may use
    Variables and other values that are differentiated. The initial state takes one of the slots; beside them, one
    stage's own record is in memory. For the gradient the stages run, beside once for the value and once to be recorded,

        t(l, s) = r l - beta(s + 1, r - 1),   beta(s, r) = (s + r)! / (s! r!),   beta(s, r - 1) < l <= beta(s, r)

    times: the least there is (Griewank and Walther, Algorithm 799: revolve, 2000). Forward, Taylor and batched modes
    keep nothing anyway. Reverse over reverse keeps some 2 slots states for each of log(length) / log(slots + 1) levels.
    Stages must give the same values when they run again. Raises TypeError for what is no function, integer or array;
    ValueError for a negative length, slots < 1, or a stage that changes the state's structure, shapes or dtypes.

    >>> import gradtape as gt
    >>> power = lambda x: gt.checkpoint_chain(lambda i, x: x * x, x, 10, slots=3)  # x ** 1024
    >>> float(gt.grad(power)(1.0))
    1024.0
    """
    if isinstance(step, list | tuple):
        functions = list(step)
        for i, f in enumerate(functions):
            if not callable(f):
                raise TypeError(f"gradtape.checkpoint_chain: stage {i} is a {type(f).__name__}, which is no function")
        if length is not None and checked_integer(length, "length", "checkpoint_chain") != len(functions):
            raise ValueError(f"gradtape.checkpoint_chain: {len(functions)} stages, but length={length}: leave it out")
        length, step = len(functions), lambda i, x: functions[i](x)
    elif not callable(step):
        raise TypeError(
            f"gradtape.checkpoint_chain: step must be a function of (i, state) or a list of functions of the state, "
            f"not a {type(step).__name__}"
        )
    elif length is None:
        raise TypeError("gradtape.checkpoint_chain: how many steps? Give length, or use gradtape.checkpoint_while")
    length = checked_integer(length, "length", "checkpoint_chain")
    if length < 0:
        raise ValueError(f"gradtape.checkpoint_chain: length must not be negative, but is {length}")
    slots = checked_slots(slots, "checkpoint_chain")
    stage, leaves, structure = stages(step, state, "checkpoint_chain")
    return structure.unflatten(Chain(stage, slots, "checkpoint_chain").run(0, length, leaves))


def checkpoint_while(condition: Callable[[Any], Any], step: Callable[[Any], Any], state: Any, *, slots: int) -> Any:
    """`while condition(state): state = step(state)`: differentiated in reverse with `slots` states in memory.

    Like checkpoint_chain, for a loop of which nobody knows the length: which states are kept is decided as it runs, so
    that reversing what has run so far is cheapest. Up to (slots + 1) (slots + 2) / 2 stages no schedule made with
    knowledge of the length runs fewer of them (Stumm and Walther, New algorithms for optimal online checkpointing,
    2010); beyond, there is no limit, and it runs a few percent more. Derivatives are those of the stages that ran: the
    condition has none. Raises TypeError and ValueError as checkpoint_chain does, and TypeError for a condition that has
    no single truth value, as inside vmap.

    >>> import gradtape as gt
    >>> power = lambda x: gt.checkpoint_while(lambda s: s[1] < 100.0, lambda s: (s[0], s[1] * s[0]), (x, x), slots=3)[1]
    >>> float(power(3.0)), float(gt.grad(power)(3.0))
    (243.0, 405.0)
    """
    for name, f in (("condition", condition), ("step", step)):
        if not callable(f):
            raise TypeError(
                f"gradtape.checkpoint_while: {name} must be a function of the state, not a {type(f).__name__}"
            )
    slots = checked_slots(slots, "checkpoint_while")
    stage, leaves, structure = stages(lambda i, x: step(x), state, "checkpoint_while")
    chain = Chain(stage, slots, "checkpoint_while", lambda values: bool(condition(structure.unflatten(values))))
    return structure.unflatten(chain.run(0, None, leaves))


__all__ = ["checkpoint_chain", "checkpoint_while"]
