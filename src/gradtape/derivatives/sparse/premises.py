"""What a pattern that holds for every input was read with: further arguments, and the Variables that f reads.

Numbers and arrays among the arguments may have other values later on, and the pattern does not go by them. All else is
constant: a later call is to have the same. Variables are constants of the time at which the pattern is read; where one
has been assigned since, the pattern is read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...arrays.libraries import library_of
from ...context import next_key
from ...errors import plural
from ...functions.declare import shape_of
from ...functions.sparse_products import is_sparse
from ...nest import flatten
from ...sweep import Trace
from ...tensor import Tensor, Variable

ndarray = np.ndarray


class FullTrace(Trace):
    """A Wengert list that keeps what pushforwards need, too, and which Variables from outside are read, with their
    values."""

    __slots__ = ("start", "read")
    wants_everything = True

    def __init__(self) -> None:
        super().__init__()
        self.start = next_key()
        self.read: dict[int, tuple[Variable, Any]] = {}

    def accessed(self, variable: Variable) -> None:
        """Note a Variable that was there before."""
        if variable._key < self.start:
            self.read.setdefault(id(variable), (variable, variable._data))


def may_vary(leaf: Any) -> bool:
    """Whether an argument is a number or an array, whose values may be others in the next call."""
    if isinstance(leaf, bool | np.bool_):
        return False
    return isinstance(leaf, Tensor | ndarray | np.number | int | float | complex) or library_of(leaf) is not None


def typical(matrix: Any) -> Any:
    """A sparse matrix with entries in the same places none of which, and few sums of which, are 0."""
    made = matrix.tocsr(copy=True)
    made.data = np.where(made.data == 0, 1, made.data).astype(made.dtype)
    if made.dtype.kind in "fc":
        made.data *= np.random.default_rng(0).uniform(1, 2, made.data.shape).astype(made.data.real.dtype)
    return made.asformat(matrix.format)


def structure_of(matrix: Any) -> Any:
    """Ones where a sparse matrix has entries, be they 0."""
    ones = matrix.tocsr(copy=True)
    ones.data = np.ones(len(ones.data), np.int8)
    ones.sum_duplicates()
    ones.data[:] = 1
    return ones


class Premises:
    """The further arguments with which a pattern was read, and the values that Variables had."""

    def __init__(self, others: Sequence[Any]):
        leaves, self.structure = flatten(tuple(others))
        #: Of arrays the shape, of sparse matrices where entries are, else the constant itself.
        self.leaves = [
            shape_of(leaf) if may_vary(leaf) else structure_of(leaf) if is_sparse(leaf) else leaf for leaf in leaves
        ]
        self.count = len(others)
        self.values: dict[int, tuple[Variable, Any]] = {}

    def note(self, read: dict[int, tuple[Variable, Any]]) -> None:
        """Remember these values of Variables."""
        self.values.update(read)

    def hold(self, read: dict[int, tuple[Variable, Any]], others: Sequence[Any]) -> bool:
        """Whether these values of Variables are those of before, Variables among the arguments aside."""
        if not read:
            return True
        passed, known = {id(leaf) for leaf in flatten(tuple(others))[0]}, self.values
        return all([i in passed or (i in known and known[i][1] is data) for i, (_, data) in read.items()])

    def check(self, others: Sequence[Any], function: str) -> None:
        """Raise TypeError for another number of arguments, ValueError for others of which the pattern says nothing."""
        if len(others) != self.count:
            raise TypeError(
                f"gradtape.{function}: prepared with {plural(self.count, 'argument')} after x, and called with "
                f"{len(others)}"
            )
        if not others:
            return
        leaves, structure = flatten(tuple(others))
        if structure != self.structure:
            raise ValueError(
                f"gradtape.{function}: the arguments after x are other containers than those it was prepared with"
            )
        numbers = [i for i, part in enumerate(structure.parts or (), 1) for _ in range(part.size)]
        for number, leaf, before in zip(numbers, leaves, self.leaves, strict=True):
            if problem := difference(leaf, before):
                raise ValueError(
                    f"gradtape.{function}: argument {number} {problem}, of which the pattern says nothing: prepare it "
                    "again with this one"
                )


def difference(leaf: Any, before: Any) -> str:
    """What is said of an argument for which the pattern might not hold; empty where it does."""
    if may_vary(leaf):
        shape = shape_of(leaf)
        if not isinstance(before, tuple):
            return f"was {describe(before)}, and is an array of shape {shape}"
        return "" if shape == before else f"had the shape {before}, and has {shape}"
    if is_sparse(leaf) and is_sparse(before):
        if leaf.shape != before.shape:
            return f"had the shape {before.shape}, and has {leaf.shape}"
        now = structure_of(leaf)
        new = now.nnz - int(before.multiply(now).nnz)
        return f"has {new} entries in new places" if new else ""
    return "" if alike(leaf, before) else f"was {describe(before)}, and is {describe(leaf)}"


def alike(a: Any, b: Any) -> bool:
    """Whether two constants are the same."""
    if a is b:
        return True
    try:
        return bool(a == b)
    except Exception:  # of the object's own comparison, or of the truth of what it gives
        return False


def describe(x: Any) -> str:
    """A constant in an error message."""
    if isinstance(x, tuple):
        return f"an array of shape {x}"
    return repr(x) if isinstance(x, bool | np.bool_ | str | bytes) else f"a {type(x).__name__}"
