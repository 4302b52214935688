"""The reverse sweep: carry cotangents from outputs to sources, newest record first.

Everything that is true of all functions is here, once: un-broadcasting, casting and projecting a cotangent to its
primal's space, skipping what is zero, unconnected or unwanted, accumulating. No function is named.

The sweep runs on raw arrays when nobody looks on, and on Tensors when its own work has to be recorded (an outer
tape, a persistent tape inside its own context) or when values are virtual. Inside, cotangents are plain transposes;
TensorFlow's convention for complex numbers is a conjugation of seeds and results (see gradient()).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from sys import getrefcount
from typing import Any

import numpy as np

from .arrays.dtypes import kind_of
from .arrays.numpy_kernels import HELD_ONCE, LARGE, OuterSum, add_into, doubled
from .context import LEVEL, active, next_key, observed_by
from .errors import NoDerivativeError
from .functions.elementwise import add, real
from .functions.manipulation import astype, broadcast_to
from .functions.reductions import sum_to
from .functions.static import zeros
from .hotpath import SKIP, lift
from .primitive import Bilinear, Elementwise, General, Linear, Primitive, Route, Rule, Spec, apply, scale
from .tensor import Tensor, Variable, tensor, tracked

ndarray = np.ndarray
HAND_ON = (None,)  # pullbacks of one argument that hand the cotangent on as it is


def fit(g: Any, spec: Any) -> Any:
    """Put a cotangent back into its primal's space (spec: shape, dtype, ...), on the real line for a real primal."""
    shape, dtype = spec[0], spec[1]
    if g.__class__ is OuterSum:
        g = g.dense()
    if g.shape != shape:
        g = sum_to(g, shape)
        if g.shape != shape:
            g = broadcast_to(g, shape)
    if g.dtype is not dtype and g.dtype != dtype:
        if kind_of(g.dtype) == "c" and kind_of(dtype) != "c":
            g = real(g)
        if g.dtype != dtype:
            g = astype(g, dtype)
    return g


class ScatterSum:
    """The transposes of slices of one array, in a sweep that is recorded: added up in one go when they are asked for.

    One by one each would be an array of full size, and a loop over the elements of an array quadratic.
    """

    __slots__ = ("primitive", "spec", "cotangents", "keys")

    def __init__(self, primitive: Linear, spec: Spec, g: Tensor, key: Any):
        self.primitive, self.spec, self.cotangents, self.keys = primitive, spec, [g], [key]

    @staticmethod
    def suits(primitive: Primitive, g: Any, spec: Spec) -> bool:
        """Whether this is such a transpose, of plain arrays."""
        return (
            primitive.__class__ is Linear and primitive.sum_of_transposes is not None
            and g.__class__ is Tensor and spec.shape != () and g.dtype == spec.dtype
        )  # fmt: skip

    def __add__(self, other: Any) -> Any:
        if other.__class__ is ScatterSum:
            self.cotangents += other.cotangents
            self.keys += other.keys
            return self
        return add(self.dense(), other)

    def dense(self) -> Any:
        """The array."""
        if len(self.keys) == 1:
            return self.primitive.transpose(self.cotangents[0], self.spec, key=self.keys[0])
        together = self.primitive.sum_of_transposes
        assert together is not None
        return apply(together, *self.cotangents, keys=tuple(self.keys), shape=self.spec.shape)


def reaches(records: Iterable[Any], sources: set[int]) -> set[int]:
    """Keys of all values that depend on the sources."""
    needed = set(sources)
    reach = needed.add
    for record in records:
        if record is None:  # a watched source, or the end
            continue
        size = len(record)
        if size == 8:
            if record[2] in needed or record[5] in needed:
                reach(record[1])
        elif size == 7:
            if not needed.isdisjoint(record[2]):
                reach(record[1])
        elif record[2] in needed:
            reach(record[1])
    return needed


@np.errstate(all="ignore")
def pull_back(
    records: list[Any], cotangents: dict[int, Any], inner: set[int], needed: set[int] | None, raw: bool
) -> None:
    """Carry cotangents (by key, each of its primal's shape) through the records, which are consumed: None, records.

    What is left in `cotangents` are those of the sources, and of the `inner` keys, which have records.
    `needed`: keys worth carrying to (None: all).
    """
    take = cotangents.pop
    get = cotangents.get
    kept: dict[int, Any] = {}
    for record in iter(records.pop, None):  # so that each is let go of when its turn has come
        g = take(record[1], None)
        if g is None:  # nothing downstream needed this
            continue
        if g.__class__ is OuterSum or g.__class__ is ScatterSum:
            g = g.dense()
        if inner and record[1] in inner:
            kept[record[1]] = g
        size = len(record)
        twice = False
        if size == 5:  # one argument: the last of them
            primitive, key, ka, s, spec = record
            pulls = primitive.raw_pulls if raw else primitive.pulls
            last, k, kb = 0, ka, 0
        elif size == 8:  # two arguments: the first here, the last below
            primitive, key, ka, s, spec, kb, last_s, last_spec = record
            pulls = primitive.raw_pulls if raw else primitive.pulls
            twice = ka == kb and s is last_s and pulls[0] is pulls[1] and s is not None  # x * x
            if spec is not SKIP and not twice and (needed is None or ka in needed):
                _kept = g if last_spec is not SKIP else None  # while it is kept, no pullback writes over g
                pull = pulls[0]
                if pull is None:
                    part = g
                else:
                    part = pull(g, s) if raw else pull(g, primitive.lifts[0](s, ka, kb, key))
                _kept = None
                if spec is not None:
                    part = fit(part, spec)
                total = get(ka)
                if total is None:
                    cotangents[ka] = part
                elif raw:
                    cotangents[ka] = None
                    cotangents[ka] = add_into(total, part)
                else:
                    cotangents[ka] = total + part if total.__class__ is ScatterSum else add(total, part)
                part = total = None  # what only the table holds may be written over
            last, k, s, spec = 1, kb, last_s, last_spec
        elif size == 7:
            if not (raw and record[0].__class__ is Linear and record[0].plain):
                pull_general(record, g, cotangents, needed, raw)
                continue
            primitive, key, keys, specs, _, _, parameters = record  # one argument, and nothing but its transpose
            k, spec, s, last, pulls = keys[0], specs[0], None, 0, HAND_ON
            if needed is None or k in needed:
                g = primitive.transpose(g, spec, **parameters)
        else:  # one of several outputs: collect under the key of the application
            _, _, key, index, specs, _ = record
            parts = cotangents.setdefault(key, [None] * len(specs))
            parts[index] = plus(parts[index], g)
            continue
        if spec is SKIP or (needed is not None and k not in needed):
            continue
        if twice:
            g = doubled(g) if raw else add(g, g)
        pull = pulls[last]
        if pull is None:
            part = g
        else:
            part = pull(g, s) if raw else pull(g, primitive.lifts[last](s, ka, kb, key))
        g = None
        if spec is not None:
            part = fit(part, spec)
        total = get(k)
        if total is None:
            cotangents[k] = part
        elif raw:
            cotangents[k] = None
            cotangents[k] = add_into(total, part)
        else:
            cotangents[k] = total + part if total.__class__ is ScatterSum else add(total, part)
        part = total = None
    cotangents.update(kept)


def pull_general(
    record: Any, g: Any, cotangents: dict[int, Any], needed: set[int] | None, raw: bool
) -> None:
    """One step of the sweep for a primitive with parameters, with several outputs, or of a kind of its own."""
    primitive, key, keys, specs, saved, y, parameters = record
    if not raw:
        if not isinstance(g, Tensor) and type(g) is not list:
            g = tensor(g)
        if saved:
            saved = [d if d is None else lift(d, k) for d, k in zip(saved, keys, strict=True)]
        if y is not None:
            if primitive.outputs != 1:
                y = tuple([lift(d, k) for d, k in y])
            else:
                y = lift(y, key)
    elif primitive.outputs != 1 and y is not None:
        y = tuple([d for d, _ in y])
    pull = PULL[type(primitive)]
    if type(primitive) is General and (primitive.joint_vjp is not None or primitive.joint_jvp is not None):
        parts = pull_jointly(primitive, g, specs, saved, y, parameters)
        pull = lambda primitive, g, i, *rest: parts[i]
    for i, spec in enumerate(specs):
        if spec is None or (needed is not None and keys[i] not in needed):
            continue
        k = keys[i]
        total = cotangents.get(k)
        if raw and type(primitive) is Linear and primitive.accumulate is not None and spec.shape:
            # A slice's transpose writes into one array, however many slices were taken.
            if total is None:
                total = np.zeros(spec.shape, spec.dtype)
            elif type(total) is not ndarray or not add_into_is_safe(cotangents, k):
                total = np.array(total.dense() if total.__class__ is OuterSum else total)
            primitive.accumulate(total, g, *saved[1:], **parameters)
            cotangents[k] = total
            continue
        if not raw and ScatterSum.suits(primitive, g, spec):
            slices = ScatterSum(primitive, spec, g, parameters["key"])
            if total is None or total.__class__ is ScatterSum:
                cotangents[k] = slices if total is None else total + slices
            else:
                cotangents[k] = add(total, slices.dense())
            continue
        part = None
        if raw and type(primitive) is Linear and primitive.overwrite is not None and is_held_once(g):
            # An update of a few elements costs no copy of the rest.
            part = primitive.overwrite(g, i, *saved, **parameters)
        if part is None:
            part = pull(primitive, g, i, specs, saved, y, parameters)
        if part is None:
            continue
        part = fit(part, spec)
        if raw and total is not None:
            cotangents[k] = None
            cotangents[k] = add_into(total, part)
        else:
            cotangents[k] = plus(total, part)


def plus(total: Any, part: Any) -> Any:
    """The sum of two cotangents, where None is zero."""
    if total is None:
        return part
    return total + part if total.__class__ is ScatterSum else add(total, part)


def is_held_once(g: Any) -> bool:
    """Whether the cotangent that pull_back hands to pull_general is an array of the sweep's alone."""
    # pull_back's name for it, pull_general's, this one, and getrefcount's argument
    return type(g) is ndarray and g.base is None and g.flags.writeable and getrefcount(g) <= HELD_ONCE


def add_into_is_safe(cotangents: dict[int, Any], key: int) -> bool:
    """Whether the array under this key belongs to the sweep alone."""
    total = cotangents[key]
    # the dictionary, this name, the caller's `total`, and getrefcount's argument
    # (where calls count fewer references than the calibration did, this errs on the side of a copy)
    return total.base is None and total.flags.writeable and getrefcount(total) <= HELD_ONCE


# -- what each kind does ----------------------------------------------------------------------------------------
def pull_elementwise(
    primitive: Elementwise, g: Any, i: int, specs: Any, saved: Any, y: Any, parameters: dict[str, Any]
) -> Any:
    """g times the slope, or routed by it."""
    slope = primitive.slopes[i]
    if slope is None:
        return None
    if not isinstance(slope, Rule):
        return g if slope == 1 else g * slope
    env = primitive.environment(y, saved, parameters)
    if isinstance(slope, Route):
        return slope(g, env=env)
    d = slope(env=env)
    return scale(g, d) if primitive.singular else g * d


def pull_linear(primitive: Linear, g: Any, i: int, specs: Any, saved: Any, y: Any, parameters: dict[str, Any]) -> Any:
    """The transpose."""
    if not primitive.is_linear_in(i):
        return None
    if primitive.variadic:
        return primitive.transpose(g, i, specs, saved, **parameters)
    return primitive.transpose(g, specs[0], **parameters)


def pull_bilinear(
    primitive: Bilinear, g: Any, i: int, specs: Any, saved: Any, y: Any, parameters: dict[str, Any]
) -> Any:
    """The transpose in one argument, given the other."""
    if primitive.takes_spec[i]:
        return primitive.transposes[i](g, saved[1 - i], spec=specs[i], **parameters)
    return primitive.transposes[i](g, saved[1 - i], **parameters)


def pull_custom(
    primitive: General, g: Any, i: int, specs: Any, saved: Any, y: Any, parameters: dict[str, Any]
) -> Any:
    """The declared vjp, or the transpose of the declared jvp."""
    if i >= len(primitive.vjps):
        return None
    pullback = primitive.pullbacks[i]
    if pullback is not None:
        return pullback(g, saved, y, parameters)
    push = primitive.jvps[i]
    if push is None:
        raise NoDerivativeError(f"{primitive.name} has no derivative in its argument {primitive.arguments[i]!r}")
    env = primitive.environment(y, saved, parameters)
    return transposed(lambda dx: push(dx, env=env), specs[i], g)


def pull_jointly(
    primitive: General, g: Any, specs: Any, saved: Any, y: Any, parameters: dict[str, Any]
) -> Sequence[Any]:
    """One rule for all arguments: the joint vjp, or the transposes of the joint jvp."""
    if primitive.joint_vjp is not None:
        parts = primitive.joint_vjp(g, y, *saved, **parameters)
        return parts if isinstance(parts, tuple | list) else (parts,)
    push = primitive.joint_jvp
    assert push is not None

    def alone(i: int) -> Callable[[Any], Any]:
        return lambda t: push([t if j == i else None for j in range(len(saved))], y, *saved, **parameters)

    return [None if spec is None else transposed(alone(i), spec, g) for i, spec in enumerate(specs)]


PULL: dict[type[Primitive], Callable[..., Any]] = {
    Elementwise: pull_elementwise,
    Linear: pull_linear,
    Bilinear: pull_bilinear,
    General: pull_custom,
}


class Trace:
    """A Wengert list: what observes operations, for a tape or for one transposition.

    `slots`: key -> record, in the order of recording (None for a watched source); `roots`: keys watched;
    `virtual`: whether a record was made of other values than NumPy arrays, so that rules run on Tensors;
    `fallible`: whether a rule in it may raise;
    `numbers`: where float(x) or the like was taken (key, kind, line), which explains a missing gradient.
    """

    __slots__ = ("slots", "roots", "level", "fallible", "virtual", "numbers")
    wants_everything = False  # of a record: what pullbacks need is enough

    def __init__(self) -> None:
        self.slots: dict[int, Any] = {}
        self.roots: set[int] = set()
        self.level = LEVEL.get()
        self.fallible = self.virtual = False
        self.numbers: list[tuple[int, str, str]] = []

    def watch(self, x: Tensor) -> Tensor:
        """A new handle on x's value that is followed from now on, under a key of its own."""
        handle = tracked(x._data, next_key())
        self.follow(handle)
        return handle

    def follow(self, x: Tensor) -> None:
        """Follow x itself from now on."""
        if not x._key:
            x._key = next_key()
        self.slots.setdefault(x._key, None)
        self.roots.add(x._key)
        if type(x) is not Tensor and type(x) is not Variable:
            self.virtual = True

    def copy(self) -> Trace:
        """A trace of its own with the same records."""
        other = Trace()
        other.slots, other.roots, other.level = dict(self.slots), set(self.roots), self.level
        other.fallible, other.virtual = self.fallible, self.virtual
        return other

    def accessed(self, variable: Any) -> None:
        """A variable was read: no concern of a bare trace."""

    def note_number(self, x: Tensor, kind: str, line: str) -> None:
        """Remember that a number was taken of x."""
        self.numbers.append((x._key, kind, line))


def transposed(linear: Callable[[Any], Any], spec: Any, g: Any) -> Any:
    """Pull g back through a linear function of an argument of this spec (g: one cotangent, or one per output)."""
    trace = Trace()
    with observed_by((*active(), trace)):
        start = trace.watch(zeros(spec.shape, spec.dtype, *(g if isinstance(g, tuple | list) else (g,))))
        out = linear(start)
    seeds: dict[int, Any] = {}
    many = isinstance(out, tuple | list)
    for part, cotangent in zip(out if many else [out], g if many else [g], strict=True):
        if cotangent is None or not isinstance(part, Tensor) or part._key not in trace.slots:
            continue
        cotangent = fit(cotangent, (part.shape, part.dtype))
        seeds[part._key] = seeds[part._key] + cotangent if part._key in seeds else cotangent
    return run(trace, seeds, [start._key], consume=True)[0] if seeds else None


def run(trace: Trace, seeds: dict[int, Any], sources: list[int], consume: bool) -> list[Any]:
    """Sweep a trace's records from the seeds (by key) to the sources' keys: a cotangent each, or None.

    `consume`: let go of each record as it is used (after success, where a rule may raise).
    Results are raw arrays if the seeds are and nobody looks on, else Tensors.
    """
    slots = trace.slots
    records: list[Any] = [None]  # where the sweep ends
    records += filter(None, slots.values())  # without those of watched sources, which are None
    wanted = set(sources)
    needed = None if wanted >= trace.roots else reaches(records, wanted)
    inner = set(filter(slots.get, sources))
    if consume and not trace.fallible:
        slots.clear()
    raw = not trace.virtual and not active() and not any([isinstance(g, Tensor) for g in seeds.values()])
    pull_back(records, seeds, inner, needed, raw)
    if consume:
        slots.clear()
    results = list(map(seeds.get, sources))
    for i in range(len(results)):  # enumerate would hold on to g
        g = results[i]
        if g.__class__ is OuterSum or g.__class__ is ScatterSum:
            results[i] = g.dense()
        elif raw and g.__class__ is ndarray and g.nbytes > LARGE and g.base is None and getrefcount(g) > HELD_ONCE:
            # More than the table, the list, this name and getrefcount's argument refer to it: a large slope
            # was handed on as it is. A result shares no memory with what the user holds.
            results[i] = g.copy()
    return results
