"""Which elements of a linear function's result depend on which of its arguments, read off by applying it to numbers.

Most linear functions move elements: y_k = c_k x_p(k) (reshapes, slices, masks, updates, real parts), or their
transpose does (sums, scatters). Applied to the positions themselves, and to ones, such a function says what p and c
are; applied to random numbers, whether that is all it does. What is neither is applied to the unit vectors of the
axes that it mixes. Nothing has to be declared, and nothing can be forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..arrays.index_sets import IndexSets, empty, matrix_of, refuse_if_too_large, stacked, through
from ..primitive import Linear, Spec
from ..sweep import fit

ndarray = np.ndarray
Shape = tuple[int, ...]
#: What a complex argument is multiplied with, so that neither its real nor its imaginary part is missing.
UNIT = 1 + 0.7321j
DIGITS = 128
#: Largest number of elements that unit vectors are worth trying on.
UNITS_LIMIT = 20_000_000


class Mixing(NamedTuple):
    """Along which `axes` of an argument elements come together in a result, which lacks those of them in `gone`.

    With `lead`, the axes are the last ones, and the result has so many axes of examples and any number after them.
    """

    axes: tuple[int, ...]
    gone: tuple[int, ...]
    lead: int | None

    def kept(self, shape: Shape) -> Shape:
        """The shape with ones at those axes."""
        return tuple([1 if a in self.axes else n for a, n in enumerate(shape)])

    def examples(self, shape: Shape, shape_out: Shape) -> ndarray | None:
        """For each element of the result, from which element of an array of shape kept(shape) it comes, or None."""
        kept = self.kept(shape)
        left = tuple([n for a, n in enumerate(kept) if a not in self.gone])
        if self.lead is not None:
            left += (1,) * (len(shape_out) - self.lead)
        elif len(left) != len(shape_out):
            return None
        if len(left) > len(shape_out) or any([n not in (1, m) for n, m in zip(left[::-1], shape_out[::-1])]):
            return None
        return spread_positions(kept, left, shape_out)


def spread_positions(kept: Shape, aligned: Shape, larger: Shape) -> ndarray:
    """The positions in an array of shape `kept`, as one of shape `aligned`, broadcast."""
    return np.broadcast_to(np.arange(prod(kept)).reshape(aligned), larger).reshape(-1)


def positions_in(shape: Shape, larger: Shape) -> ndarray:
    """For each element of an array of the larger shape, which element of one of `shape` is broadcast there."""
    return spread_positions(shape, shape, larger)


def selection(run: Callable[[list[ndarray]], Any], shapes: Sequence[Shape], kinds: Sequence[Any]) -> ndarray | None:
    """The p, -1 where c is 0, if run(parts) is y_k = c_k x_p(k) with x all the parts in a row; else None."""
    sizes = [prod(s) for s in shapes]
    ends = np.cumsum(sizes).tolist()
    total = ends[-1]

    def at(x: ndarray) -> ndarray:
        parts = [
            x[end - size : end].reshape(shape).astype(kind) * (UNIT if kind.kind == "c" else 1)
            for end, size, shape, kind in zip(ends, sizes, shapes, kinds, strict=True)
        ]
        return np.asarray(run(parts)).reshape(-1)

    rng = np.random.default_rng(total)
    trials = [1 + rng.random(total) for _ in range(2)]
    positions = at(np.arange(1.0, total + 1))
    if positions.dtype == np.float64 and not any([kind.kind == "c" for kind in kinds]):
        found = plain_selection(positions, total)
        if found is not None and all([np.array_equal(at(t), np.append(t, 0.0)[found]) for t in trials]):
            return found
    return weighted_selection(at, trials, total)


def plain_selection(positions: ndarray, total: int) -> ndarray | None:
    """The positions less one as integers, if that is what they are."""
    if not np.isfinite(positions).all():
        return None
    found = positions.astype(np.int64)
    if not np.array_equal(found, positions) or (len(found) and (found.min() < 0 or found.max() > total)):
        return None
    return found - 1


def weighted_selection(at: Callable[[ndarray], ndarray], trials: list[ndarray], total: int) -> ndarray | None:
    """The same where elements are multiplied with numbers; positions are read digit by digit, for low precision."""
    c = at(np.ones(total))
    if not np.isfinite(c).all():
        return None
    zero = c == 0
    safe = np.where(zero, 1, c)
    found = np.zeros(len(c), np.int64)
    index, place = np.arange(total), 1
    while place < max(total, 1):
        digits = np.where(zero, 0, at((index // place % DIGITS).astype(float)) / safe)
        rounded = np.rint(digits.real)
        if not (np.abs(digits - rounded) < 0.25).all():
            return None
        found += rounded.astype(np.int64) * place
        place *= DIGITS
    if len(found) and (found.min() < 0 or found.max() >= max(total, 1)):
        return None
    tolerance = 8 * np.finfo(c.dtype).eps if c.dtype.kind in "fc" else 0
    for t in trials:
        y = at(t)
        if not (np.abs(y - c * t[found] if total else y) <= tolerance * np.abs(c)).all():
            return None
    found[zero] = -1
    return found


def linear_sets(
    primitive: Linear,
    moving: list[int],
    known: list[Any],
    parameters: dict[str, Any],
    shapes: list[Shape],
    kinds: list[Any],
    sets: list[IndexSets | None],
    width: int,
    shape: Shape,
    mixing: list[Mixing | None],
) -> IndexSets | None:
    """The sets of a linear function's result, or None if its matrix could not be read.

    `moving`: the positions of the arguments that it is linear in, with their `shapes`, number `kinds` and `sets`
    (None: they are constant); `known`: the values of the others.
    """

    if primitive.matrix is not None and sets[0] is not None:
        return through(primitive.matrix(shapes[0], **parameters).astype(bool), sets[0])

    def run(parts: list[ndarray]) -> Any:
        arguments = list(known)
        for i, part in zip(moving, parts, strict=True):
            arguments[i] = part
        return primitive.kernel(*arguments, **parameters)

    found = selection(run, shapes, kinds)
    if found is not None:
        pieces = [empty(prod(s), width) if x is None else x for s, x in zip(shapes, sets, strict=True)]
        return stacked(pieces).take(found)
    total: IndexSets | None = None
    specs = [Spec(np.shape(k) if k is not None else (), np.dtype(float)) for k in known]
    for i, s, kind in zip(moving, shapes, kinds, strict=True):
        specs[i] = Spec(s, kind)
    saved = [None if i in moving else k for i, k in enumerate(known)]
    y_kind = np.asarray(run([np.zeros(s, kind) for s, kind in zip(shapes, kinds, strict=True)])).dtype
    y_kind = np.dtype(np.complex128 if y_kind.kind == "c" else np.float64)
    for place, i in enumerate(moving):
        part = sets[place]
        if part is None:
            continue

        def back(gs: list[ndarray], i: int = i) -> Any:
            if primitive.variadic:
                g = primitive.transpose(gs[0], i, specs, saved, **parameters)
            else:
                g = primitive.transpose(gs[0], specs[i], **parameters)
            return fit(g, specs[i])

        labels = selection(back, [shape], [y_kind])
        if labels is not None:
            part = part.grouped(labels, prod(shape))
        else:

            def alone(x: ndarray, place: int = place) -> Any:
                parts = [np.zeros(s, kind) for s, kind in zip(shapes, kinds, strict=True)]
                parts[place] = x
                return run(parts)

            matrix = by_unit_vectors(alone, shapes[place], kinds[place], shape, mixing[place])
            if matrix is None:
                return None
            part = through(matrix, part)
        total = part if total is None else total.union(part)
    return total


def by_unit_vectors(
    run: Callable[[ndarray], Any],
    shape: Shape,
    kind: Any,
    shape_out: Shape,
    mixing: Mixing | None,
    limit: int = UNITS_LIMIT,
) -> Any:
    """The boolean matrix of a linear function, or None if it is too large.

    Each unit vector of the axes that are mixed (None: all) is given to all examples at once.
    """
    mixing = mixing or Mixing(tuple(range(len(shape))), tuple(range(len(shape))), 0)
    axes = mixing.axes
    core = tuple([shape[a] for a in axes])
    example = mixing.examples(shape, shape_out)
    if example is None or prod(core) * (prod(shape) + prod(shape_out)) > limit:
        return None
    index = np.arange(prod(shape)).reshape(shape)
    rows, columns = [], []
    for unit in np.ndindex(*core):
        key: list[Any] = [slice(None)] * len(shape)
        for a, u in zip(axes, unit, strict=True):
            key[a] = u
        x = np.zeros(shape, kind)
        x[tuple(key)] = UNIT if kind.kind == "c" else 1
        y = np.asarray(run(x)).reshape(-1)
        (k,) = np.nonzero(y)
        rows.append(k)
        columns.append(index[tuple(key)].reshape(-1)[example[k]])
    return matrix_of(np.concatenate(rows), np.concatenate(columns), (prod(shape_out), prod(shape)))


def mixed_sets(sets: IndexSets, shape: Shape, mixing: Mixing | None, shape_out: Shape) -> IndexSets:
    """The sets of a result whose elements depend on everything that comes together (None: on everything)."""
    example = None if mixing is None else mixing.examples(shape, shape_out)
    if mixing is None or example is None:
        return sets.grouped(np.zeros(prod(shape), np.int64), 1).take(np.zeros(prod(shape_out), np.int64))
    kept = mixing.kept(shape)
    return (sets if kept == shape else sets.grouped(positions_in(kept, shape), prod(kept))).take(example)


def bilinear_sets(
    subscripts: str, own: int, sets: IndexSets, shapes: Sequence[Shape], other: ndarray | None, shape_out: Shape
) -> IndexSets:
    """The sets of y = sum a b over the labels that the result lacks, from those of factor number `own`.

    `other`: which elements of the other factor may be other than 0 (None: all). Axes of length 1 broadcast.
    """
    left, out = subscripts.split("->")
    labels = left.split(",")
    mine, others = labels[own], labels[1 - own]
    sizes: dict[str, int] = {}
    for term, shape in zip([*labels, out], [*shapes, shape_out], strict=True):
        for label, n in zip(term, shape, strict=True):
            sizes[label] = max(sizes.get(label, 1), n) if n else 0
    shape = shapes[own]
    if other is None or other.all():  # then it does not matter which: all of mine along what is summed
        axes = tuple([i for i, label in enumerate(mine) if label not in out])
        kept = tuple([1 if i in axes else n for i, n in enumerate(shape)])
        together = sets if kept == shape else sets.grouped(positions_in(kept, shape), prod(kept))
        index = np.arange(prod(kept)).reshape([n for i, n in enumerate(kept) if i not in axes])
        order = [label for label in mine if label in out]
        places = [order.index(label) for label in out if label in order]
        aligned = index.transpose(places)[tuple([slice(None) if label in order else None for label in out])]
        return together.take(np.broadcast_to(aligned, shape_out))
    free = "".join(dict.fromkeys([label for label in mine + out if label not in others]))
    whole = np.broadcast_to(other, tuple([sizes[label] for label in others]))
    grid = np.nonzero(whole) if others else ()
    many, count = int(np.count_nonzero(whole)), prod([sizes[label] for label in free])
    refuse_if_too_large(many * count)
    at: dict[str, Any] = {label: g[:, None] for label, g in zip(others, grid, strict=True)}
    combinations = np.indices([sizes[label] for label in free]).reshape(len(free), count)
    at |= {label: g[None, :] for label, g in zip(free, combinations, strict=True)}

    def flat(term: str, shape: Shape) -> ndarray:
        total = np.zeros((many, count), np.int64)
        for label, n in zip(term, shape, strict=True):
            total = total * n + (at[label] if n > 1 else 0)
        return total

    matrix = matrix_of(flat(out, shape_out), flat(mine, shape), (prod(shape_out), prod(shape)))
    return through(matrix, sets)
