"""Applications whose inside no tape sees: one record each, and a pullback that runs the function again.

The function runs once with a Watch in the place of the tapes. It records nothing; it notes which of the values that
the tapes follow are used inside, be they arguments, Variables or values that the function closes over. One record then
leads from the results to all of those. When it is pulled back, the function runs again on a trace of its own.

Tapes of several levels may look on (a tape outside of a jvp, another inside of it). Each sees what it would see of the
function's own operations: of a virtual value of a higher level the parts it is made of. So forward mode, Taylor mode
and vmap pass through as if nothing were hidden, at their own cost, and what a tape outside of them keeps is hidden all
the same. Pulling back while a tape looks on is hidden in turn, so that second and higher orders recompute, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..arrays.dtypes import is_floating
from ..context import Moment, active, next_key, observed_by
from ..primitive import General, Spec
from ..sweep import Trace, run
from ..tensor import Tensor, Variable, VirtualTensor, tensor
from .arguments import same

#: From values to values, those that are no Tensors being constants.
Compute = Callable[[list[Any]], list[Any]]
#: From a cotangent (or None) per part of the results to one per part of the arguments and per value met inside.
Pull = Callable[[list[Any]], list[Any]]


class Followed(dict[int, Any]):
    """The keys that a Watch follows: those of its observers, and of what is computed from them.

    `met`: keys of the observers that were used; `records`: whether records are kept, as on a trace.
    """

    __slots__ = ("observers", "met", "records", "blind")

    def __init__(self, observers: Sequence[Any]):
        super().__init__()
        self.observers = observers
        self.met: set[int] = set()
        self.records = self.blind = False

    def __contains__(self, key: object) -> bool:
        if dict.__contains__(self, key):
            return True
        for observer in self.observers:
            if key in observer.slots:
                self.met.add(key)  # type: ignore[arg-type]
                return True
        return False

    def __setitem__(self, key: int, record: Any) -> None:
        if not self.blind:
            super().__setitem__(key, record if self.records else None)


class Watch:
    """An observer in the place of those of one level. `blind`: follows nothing that is computed inside."""

    __slots__ = ("level", "slots", "start", "virtual", "fallible", "numbers")
    wants_everything = False

    def __init__(self, level: int, observers: Sequence[Any], blind: bool = False):
        self.level, self.slots = level, Followed(observers)
        self.slots.blind = blind
        self.start = next_key()
        self.virtual = self.fallible = False
        self.numbers: list[tuple[str, str]] = []

    def follows(self, key: int) -> bool:
        """Whether the value under this key is followed, which does not count as a use of it."""
        return dict.__contains__(self.slots, key) or any([key in observer.slots for observer in self.slots.observers])

    def restart(self, keys: Sequence[int]) -> None:
        """Follow these, and no longer what was computed before."""
        self.slots.clear()
        self.slots.update(dict.fromkeys(keys))

    def trace(self) -> Trace:
        """A trace of what was recorded since the last start."""
        trace = Trace()
        trace.level = self.level
        trace.slots = dict.fromkeys(self.slots.met)
        trace.slots.update(self.slots)
        trace.roots = {key for key, record in trace.slots.items() if record is None}
        trace.virtual, trace.fallible = self.virtual, self.fallible
        return trace

    def accessed(self, variable: Variable) -> None:
        """A Variable is read: the observers may want to follow it from now on, unless it was made inside."""
        if variable._key < self.start:
            for observer in self.slots.observers:
                observer.accessed(variable)

    def note_number(self, x: Tensor, kind: str, line: str) -> None:
        """A number was taken of x."""
        if dict.__contains__(self.slots, x._key):
            self.numbers.append((kind, line))
            return
        for observer in self.slots.observers:
            if x._key in observer.slots:
                observer.note_number(x, kind, line)


class Late:
    """The spec of a value met inside, of which only the key is known until its cotangent gives shape and dtype."""

    __slots__ = ("shape", "dtype")

    def __init__(self) -> None:
        self.shape: tuple[int, ...] = ()
        self.dtype: Any = None

    def __getitem__(self, i: int) -> Any:
        return (self.shape, self.dtype)[i]


# -- values and their parts ----------------------------------------------------------------------------------------
def parts_of(x: Any, level: int) -> list[Tensor]:
    """What observers of this level see of a value: the value itself, or the parts of a virtual one above."""
    if not isinstance(x, Tensor):
        return []
    if type(x) is VirtualTensor and x._data.level > level:
        return [part for p in x._data.parts() for part in parts_of(p, level)]
    return [x]


def parts_of_all(values: Sequence[Any], level: int) -> list[Tensor]:
    """The parts of all these values but the Variables, which are met inside."""
    return [part for x in values if not isinstance(x, Variable) for part in parts_of(x, level)]


def fresh(x: Any, lowest: int) -> Any:
    """A new handle on a value, and on its parts down to this level, under keys that nobody knows."""
    if not isinstance(x, Tensor):
        return x
    data = x._data
    if type(x) is VirtualTensor and data.level > lowest:
        data = data.made_of([fresh(part, lowest) for part in data.parts()])
    y = tensor(data)
    if is_floating(y.dtype):
        y._key = next_key()
    return y


def linked(x: Any, level: int) -> Any:
    """A new handle on a value, with parts under new keys, connected to x for whoever looks on."""
    if not isinstance(x, Tensor) or isinstance(x, Variable):
        return x
    y = same(x)
    for part in parts_of(y, level):
        if not part._key and is_floating(part.dtype):
            part._key = next_key()
    return y


def is_whole(x: Any) -> bool:
    """Whether a value has all its parts: a derivative of a series, met inside another rule, lacks the last term."""
    if type(x) is not VirtualTensor:
        return True
    parts = x._data.parts()
    return len(parts) > getattr(x._data, "order", -1) and all([is_whole(part) for part in parts])


def carried(values: Sequence[Any], watches: Sequence[Watch]) -> list[Any]:
    """New handles in place of the values, followed by each watch where the values are. It forgets all else."""
    lowest = min([watch.level for watch in watches])
    new = [x if isinstance(x, Variable) else fresh(x, lowest) for x in values]
    for watch in watches:
        pairs = zip(parts_of_all(values, watch.level), parts_of_all(new, watch.level), strict=True)
        watch.restart([q._key for p, q in pairs if q is not p and watch.follows(p._key)])
    return new


# -- the call --------------------------------------------------------------------------------------------------
def may_hide(values: Sequence[Any]) -> bool:
    """Whether there is somebody to hide from, and all that look on can do with one record."""
    observers = active()
    if not observers or any([observer.wants_everything for observer in observers]):
        return False
    lowest = min([observer.level for observer in observers])
    try:
        parts_of_all(values, lowest)
        return all([is_whole(x) for x in values])
    except NotImplementedError:
        return False


def watches_for(observers: Sequence[Any], blind: bool = False) -> list[Watch]:
    """A Watch for each level."""
    levels = sorted({observer.level for observer in observers})
    return [Watch(level, tuple([o for o in observers if o.level == level]), blind) for level in levels]


class Inside:
    """How to run something again where and when it ran before, for the observers of one level.

    `leaves`: the arguments; `flags`: which of their parts are followed; `met`: keys of what else it uses.
    """

    __slots__ = ("leaves", "flags", "met", "level", "moment")

    def __init__(self, leaves: list[Any], flags: list[bool], met: list[int], level: int, moment: Moment):
        self.leaves, self.flags, self.met, self.level, self.moment = leaves, flags, met, level, moment

    def pulled(self, compute: Compute, cotangents: Sequence[Any], totals: list[Any] | None = None) -> list[Any]:
        """Run `compute` on a trace and sweep that: a cotangent per part of the leaves, and per key met.

        `totals`: what has been added up for the keys met so far; it is used up.
        """
        trace = Trace()
        trace.level = self.level
        with self.moment.again():
            inputs = [linked(leaf, self.level) for leaf in self.leaves]
            parts = parts_of_all(inputs, self.level)
            keys = [part._key if flag else 0 for part, flag in zip(parts, self.flags, strict=True)]
            for part, flag in zip(parts, self.flags, strict=True):
                if flag:
                    trace.follow(part)
            follow_keys(trace, self.met)
            with observed_by((*active(), trace)):
                outputs = parts_of_all(compute(inputs), self.level)
        return swept(trace, [y._key for y in outputs], cotangents, keys, self.met, totals)


def follow_keys(trace: Trace, keys: Sequence[int]) -> None:
    """Follow the values under these keys."""
    for key in keys:
        trace.slots.setdefault(key, None)
        trace.roots.add(key)


def swept(
    trace: Trace,
    outputs: Sequence[int],
    cotangents: Sequence[Any],
    inputs: Sequence[int],
    met: Sequence[int],
    totals: list[Any] | None = None,
) -> list[Any]:
    """Sweep a trace from outputs to inputs and to what was met, by their keys, adding to the totals of the latter."""
    seeds: dict[int, Any] = {}
    for key, g in zip(outputs, cotangents, strict=True):
        if g is not None and key in trace.slots:
            g = raw(g)
            seeds[key] = seeds[key] + g if key in seeds else g
    if not seeds:
        return [None] * len(inputs) + (totals or [None] * len(met))
    if totals:
        for key in reversed(met):
            g = raw(totals.pop())
            if g is not None:
                seeds[key] = seeds[key] + g if key in seeds else g
    found = run(trace, seeds, [*inputs, *met], consume=True)
    return [None if g is None else g if isinstance(g, Tensor) else tensor(g) for g in found]


def raw(g: Any) -> Any:
    """A cotangent as the sweep wants it: the array where nobody looks on."""
    return g._data if type(g) is Tensor and not active() else g


def as_one(
    compute: Compute | None,
    leaves: Sequence[Any],
    name: str,
    hide: Callable[[list[Watch], list[Any]], tuple[list[Any], Callable[[Watch, Inside], Pull]]] | None = None,
    again: Compute | None = None,
    blind: bool = False,
) -> list[Any]:
    """compute(leaves), as one record for each of those who look on (see may_hide).

    `hide`: runs it in place of compute, and says how it is pulled back; `again`: what is run and recorded when it is
    pulled back, if not `compute`; `blind`: all results are taken to depend on what is followed.
    """
    moment = Moment()
    watches = watches_for(active(), blind)
    own = [own_handle(leaf) for leaf in leaves]
    with observed_by(tuple(watches)):
        inputs = carried(own, watches)
        pull_for: Callable[[Watch, Inside], Pull]
        if hide is not None:
            outputs, pull_for = hide(watches, inputs)
        else:
            assert compute is not None
            outputs, pull_for = compute(inputs), again_for(again or compute, name)
        handles = [fresh(y, watches[0].level) for y in outputs]
        depends = [[blind or watch.follows(p._key) for p in parts_of_all(outputs, watch.level)] for watch in watches]
    for watch, flags in zip(watches, depends, strict=True):
        leave(watch, own, handles, flags, pull_for, moment, name)
    return handles


def own_handle(leaf: Any) -> Any:
    """A handle of the callee's own, so that `x[i] = v` by the caller changes nothing that is run again."""
    if not isinstance(leaf, Tensor) or isinstance(leaf, Variable):
        return leaf
    y = tensor(leaf._data)
    y._key = leaf._key
    return y


def leave(
    watch: Watch,
    leaves: list[Any],
    handles: list[Any],
    depends: list[bool],
    pull_for: Callable[[Watch, Inside], Pull],
    moment: Moment,
    name: str,
) -> None:
    """Leave a record with the observers of one level."""
    observers = watch.slots.observers
    parts = parts_of_all(leaves, watch.level)
    followed = [any([part._key in o.slots for o in observers]) for part in parts]
    met = sorted(watch.slots.met)
    results = parts_of_all(handles, watch.level)
    if not any(depends) or not (met or any(followed)):
        return
    pull = pull_for(watch, Inside(leaves, followed, met, watch.level, moment))
    lates = [Late() for _ in met]

    def joint(g: Any, *_: Any) -> list[Any]:
        back = pull(list(g) if isinstance(g, list | tuple) else [g])
        for late, part in zip(lates, back[len(followed) :], strict=True):
            if part is not None:
                late.shape, late.dtype = part.shape, part.dtype
        return back if active() else [raw(part) for part in back]

    primitive = General(name, no_kernel, outputs=len(results), register=False, joint_vjp=joint)
    single = len(results) == 1
    key = results[0]._key if single else next_key()
    keys = (*[part._key for part in parts], *met)
    specs = [*[Spec(part.shape, part.dtype) for part in parts], *lates]
    of_results = [Spec(y.shape, y.dtype) for y in results]
    virtual = any([type(x) is not Tensor for x in (*parts, *results)])
    for observer in observers:
        slots = observer.slots
        own = [spec if k in slots else None for k, spec in zip(keys, specs, strict=True)]
        if not any([spec is not None for spec in own]):
            continue
        observer.fallible = True
        if virtual:
            observer.virtual = True
        slots[key] = (primitive, key, keys, own, (), None, {})
        for i, (y, flag) in enumerate(zip(results, depends, strict=True)):
            if flag and y._key and not single:
                slots[y._key] = (primitive, y._key, key, i, of_results, None)
        for kind, line in watch.numbers:
            observer.note_number(results[depends.index(True)], kind, line)


def again_for(compute: Compute, name: str) -> Callable[[Watch, Inside], Pull]:
    """Pulling back by running `compute` again; hidden in turn where somebody looks on."""

    def pull_for(watch: Watch, inside: Inside) -> Pull:
        return lambda cotangents: hidden_pull(lambda g: inside.pulled(compute, g), cotangents, name)

    return pull_for


def hidden_pull(pull: Compute, cotangents: Sequence[Any], name: str, again: Compute | None = None) -> list[Any]:
    """A pullback of these cotangents, as one application where somebody looks on.

    `again`: the same pullback in a form that is to be recorded.
    """
    values = [g if g is None or isinstance(g, Tensor) else tensor(g) for g in cotangents]
    if not may_hide(values):
        return (pull if not active() or again is None else again)(values)
    return as_one(pull, values, name, again=again, blind=True)


def no_kernel(*_: Any) -> Any:
    """In place of a kernel: the application has taken place already."""
    raise NotImplementedError("an application that is computed again cannot be replayed")
