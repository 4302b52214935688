"""ForwardAccumulator: carries tangents along with the operations of a program, as they happen.

It looks on like a tape, but keeps tangents instead of records: what a record says of an operation is enough to
push the tangents through it at once. That work is seen by the observers entered before it and by no others, so that
accumulators and tapes nest strictly: an outer one differentiates the tangents of an inner one, never the other way.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays.dtypes import is_floating, numpy_dtype
from .arrays.libraries import library_of
from .context import ACTIVE, LEVEL, active, enter, leave, next_key
from .errors import warn
from .functions.static import static, zeros_like
from .hotpath import SKIP, lift
from .nest import flatten
from .primitive import Bilinear, Spec, apply
from .tape import wants_zeros
from .tensor import Tensor, Variable, tensor, touch, tracked
from .virtual.dual import fit_tangent, plus, push_forward, push_slope


class Tangents(dict[int, Any]):
    """Tangent by key: the observer of a ForwardAccumulator, which is its own table of slots.

    A tangent has the shape and dtype of its primal. It is a raw array while no outer observer looks on.
    """

    __slots__ = ("level", "fallible", "virtual", "parts")
    wants_everything = True  # of a record: a pushforward may need other arguments than a pullback
    __eq__ = object.__eq__
    __hash__ = object.__hash__  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.level = LEVEL.get()
        self.fallible = self.virtual = False
        self.parts: dict[int, Any] = {}  # of applications with several outputs: their tangents, until all are told

    @property
    def slots(self) -> Tangents:
        """Itself: the keys followed are those with a tangent."""
        return self

    def accessed(self, variable: Variable) -> None:
        """A variable was read: no concern of an accumulator."""

    def note_number(self, x: Tensor, kind: str, line: str) -> None:
        """A number was taken of x: no concern of an accumulator."""

    def __setitem__(self, key: int, record: Any) -> None:
        """Take the record of an application, and keep the tangent of its result instead."""
        observers = active()
        place = 0
        while observers[place] is not self:
            place += 1
        ACTIVE.set(observers[:place])
        try:
            with np.errstate(all="ignore"):
                t = self.pushed(record, place > 0)
        finally:
            ACTIVE.set(observers)
        if t is not None:
            super().__setitem__(key, t)

    def pushed(self, record: Any, looked_on: bool) -> Any:
        """The tangent of the recorded result (None: zero). `looked_on`: whether outer observers may know values."""

        def lifted(data: Any, key: int) -> Any:
            return lift(data, key if looked_on else 0)

        size = len(record)
        if size == 5:
            primitive, key, k, s, _ = record
            t = self[k]
            env = named(primitive.names[0], s, {"x": k, "y": key}, lifted)
            return fitted(push_slope(primitive.slopes[0], t, env, primitive.singular), t.shape, t.dtype)
        if size == 8:
            return self.pushed_binary(record, lifted)
        if size == 6:
            _, _, key, index, specs, _ = record
            parts = self.parts[key] if index + 1 < len(specs) else self.parts.pop(key)
            return None if parts is None else parts[index]
        primitive, key, keys, specs, saved, y, parameters = record
        tangents = [None if spec is None else self[k] for spec, k in zip(specs, keys, strict=True)]
        primals = [lifted(d, k) for d, k in zip(saved, keys, strict=True)]
        if primitive.outputs == 1:
            return push_forward(primitive, lifted(y, key), primals, tangents, parameters)
        self.parts[key] = push_forward(
            primitive, tuple([lifted(d, k) for d, k in y]), primals, tangents, parameters
        )
        return None

    def pushed_binary(self, record: Any, lifted: Any) -> Any:
        """The same for a record of two arguments."""
        primitive, key, ka, sa, spec_a, kb, sb, spec_b = record
        ta = None if spec_a is SKIP else self[ka]
        tb = None if spec_b is SKIP else self[kb]
        if isinstance(primitive, Bilinear):
            left = None if ta is None else apply(primitive, ta, lifted(sa, kb))
            return plus(left, None if tb is None else apply(primitive, lifted(sb, ka), tb))
        dy = None
        for i, (t, s, spec) in enumerate(((ta, sa, spec_a), (tb, sb, spec_b))):
            if t is None:
                continue
            env = named(primitive.names[i], s, {"a": ka, "b": kb, "y": key}, lifted)
            shape, dtype = (t.shape, t.dtype) if spec is None else spec[2:]
            dy = plus(dy, fitted(push_slope(primitive.slopes[i], t, env, primitive.singular), shape, dtype))
        return dy


def named(names: Any, saved: Any, keys: dict[str, int], lifted: Any) -> dict[str, Any]:
    """What a record saved under these names, as a rule's environment."""
    if len(names) == 1:
        saved = (saved,)
    return {name: lifted(value, keys[name]) for name, value in zip(names, saved or (), strict=True)}


def fitted(t: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """The tangent in the space of its primal."""
    return None if t is None else fit_tangent(t, Spec(shape, dtype))


class ForwardAccumulator:
    """Computes Jacobian-vector products by forward mode, while the program runs inside its `with` block.

    `primals`: Tensors or Variables (any nesting of containers); `tangents`: the direction, of the same structure,
    shapes and dtypes. Raises ValueError where they do not match, or where a primal is given twice.

    >>> import gradtape as gt
    >>> x = gt.constant([1.0, 2.0])
    >>> with gt.ForwardAccumulator(x, gt.constant([1.0, 0.0])) as acc:
    ...     y = gt.sum(x * x)
    >>> float(acc.jvp(y))
    2.0
    """

    __slots__ = ("_tangents", "_recording", "__weakref__")

    def __init__(self, primals: Any, tangents: Any):
        sources, structure = flatten(primals, none_is_leaf=True)
        directions, other = flatten(tangents, none_is_leaf=True)
        if structure != other and not (len(sources) == 1 and isinstance(primals, Tensor)):
            raise ValueError("ForwardAccumulator: tangents must have the structure of primals")
        if isinstance(primals, Tensor):
            directions = [tangents]
        self._tangents = Tangents()
        self._recording = False
        seen: set[int] = set()
        for x, t in zip(sources, directions, strict=True):
            if not isinstance(x, Tensor):
                raise TypeError(f"ForwardAccumulator: primals holds a {type(x).__name__}; Tensors are expected")
            if not x._key:
                x._key = next_key()
            if x._key in seen:
                raise ValueError("ForwardAccumulator: the same primal is given twice; add up its tangents instead")
            seen.add(x._key)
            if not is_floating(x.dtype):
                warn(f"a primal of dtype {x.dtype} has no tangent: only floating numbers are differentiated")
                continue
            dict.__setitem__(self._tangents, x._key, tangent_for(x, t))

    def __enter__(self) -> ForwardAccumulator:
        if self._recording:
            raise ValueError("this accumulator is recording already; it cannot be entered again before it is left")
        self._recording = True
        self._tangents.level = LEVEL.get()
        enter(self._tangents)
        return self

    def __exit__(self, *exception: Any) -> None:
        self._recording = False
        leave(self._tangents)

    def jvp(self, primals: Any, unconnected_gradients: Any = "none") -> Any:
        """The tangent of each Tensor: the derivative of its value in the direction given, in the same structure.

        None (or zeros on request) where nothing that was followed leads to it. Raises ValueError for an unknown
        choice, TypeError for what is no Tensor.
        """
        zeros = wants_zeros(unconnected_gradients)
        leaves, structure = flatten(primals, none_is_leaf=True)
        results = []
        for x in leaves:
            if not isinstance(x, Tensor):
                raise TypeError(f"ForwardAccumulator.jvp: primals holds a {type(x).__name__}; Tensors are expected")
            t = self._tangents.get(x._key)
            if t is None:
                results.append(zeros_like(x) if zeros else None)
            else:
                results.append(tracked(t._data, t._key) if isinstance(t, Tensor) else tensor(t))
        return structure.unflatten(results)


def tangent_for(x: Tensor, t: Any) -> Tensor:
    """The user's tangent of x, checked; a number or an array takes x's dtype."""
    if t is None:
        raise ValueError("ForwardAccumulator: a tangent is None; give zeros of the primal's shape instead")
    if not isinstance(t, Tensor):
        t = static(np.array(t, dtype=numpy_dtype(x.dtype))[()], x) if library_of(t) is None else t
        t = t if isinstance(t, Tensor) else tensor(t)
    if t.dtype != x.dtype:
        raise ValueError(f"ForwardAccumulator: a tangent has dtype {t.dtype}; its primal has {x.dtype}")
    if t.shape != x.shape:
        raise ValueError(f"ForwardAccumulator: a tangent has shape {t.shape}; its primal has {x.shape}")
    if isinstance(t, Variable):
        touch(t)
    if not t._key:
        t._key = next_key()  # whoever watches t from now on finds it here
    return tracked(t._data, t._key)
