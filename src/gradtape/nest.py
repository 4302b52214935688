"""Nested containers: tuples, lists, dicts, named tuples and dataclasses of leaves.

A structure is flattened once into its leaves and a `Structure`, which rebuilds it from other leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

Rebuild = Callable[[list[Any]], Any]


def children(node: Any) -> tuple[Sequence[Any], Rebuild, list[Any] | None] | None:
    """The parts of a container, how to put others in their place, and the keys of a dict; None for a leaf."""
    kind = type(node)
    if kind is list:
        return node, list, None
    if isinstance(node, tuple):
        if hasattr(node, "_fields"):
            return node, lambda parts: kind(*parts), None
        return node, tuple, None
    if isinstance(node, dict) and not hasattr(node, "tocsr"):  # a sparse matrix may be a dict of its elements
        keys, given = in_order(node), list(node)

        def items(parts: list[Any]) -> list[tuple[Any, Any]]:
            by_key = dict(zip(keys, parts, strict=True))
            return [(key, by_key[key]) for key in given]

        values = [node[key] for key in keys]
        if hasattr(node, "default_factory"):
            return values, lambda parts: kind(node.default_factory, items(parts)), keys
        return values, lambda parts: kind(items(parts)), keys
    if isinstance(node, list):
        return node, lambda parts: kind(parts), None
    if hasattr(kind, "__dataclass_fields__") and not isinstance(node, type):
        import dataclasses

        names = [field.name for field in dataclasses.fields(node) if field.init]
        parts_of = [getattr(node, name) for name in names]
        return parts_of, lambda parts: dataclasses.replace(node, **dict(zip(names, parts, strict=True))), None
    return None


def in_order(node: dict[Any, Any]) -> list[Any]:
    """The keys of a dict, whatever came first: sorted, so that dicts with equal keys go together key by key."""
    if len(node) < 2:
        return list(node)
    try:
        return sorted(node)
    except TypeError:  # of several types
        return sorted(node, key=lambda key: (type(key).__name__, repr(key)))


class Structure:
    """The shape of a container without its leaves. `None` counts as an empty container, as in JAX."""

    __slots__ = ("parts", "rebuild", "size", "keys")

    def __init__(
        self, parts: tuple[Structure, ...] | None, rebuild: Rebuild | None, size: int, keys: list[Any] | None = None
    ):
        self.parts, self.rebuild, self.size, self.keys = parts, rebuild, size, keys

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """The container with these leaves in order."""
        return self._build(iter(leaves))

    def _build(self, leaves: Iterator[Any]) -> Any:
        if self.parts is None:
            return next(leaves)
        assert self.rebuild is not None
        return self.rebuild([part._build(leaves) for part in self.parts])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Structure) and self.parts == other.parts and self.keys == other.keys

    __hash__ = None  # type: ignore[assignment]


LEAF = Structure(None, None, 1)


def check_keys(one: Structure, other: Structure, function: str, what: str) -> None:
    """Raise ValueError where dicts of the two have other keys."""
    if one is other:  # leaves
        return
    if one.keys is not None and other.keys is not None and one.keys != other.keys:
        raise ValueError(f"gradtape.{function}: {what} has the keys {other.keys}, where {one.keys} belong")
    for part, counterpart in zip(one.parts or (), other.parts or (), strict=False):
        check_keys(part, counterpart, function, what)


def flatten(node: Any, none_is_leaf: bool = False) -> tuple[list[Any], Structure]:
    """Leaves in order, and the structure that rebuilds the container from leaves.

    >>> leaves, structure = flatten({"a": (1, 2), "b": [3]})
    >>> leaves, structure.unflatten([x * 10 for x in leaves])
    ([1, 2, 3], {'a': (10, 20), 'b': [30]})
    """
    if node is None and not none_is_leaf:
        return [], Structure((), lambda parts: None, 0)
    found = children(node)
    if found is None:
        return [node], LEAF
    leaves: list[Any] = []
    structures = []
    parts, rebuild, keys = found
    for child in parts:
        below, structure = flatten(child, none_is_leaf)
        leaves += below
        structures.append(structure)
    return leaves, Structure(tuple(structures), rebuild, len(leaves), keys)


def map_leaves(function: Callable[..., Any], node: Any, *others: Any) -> Any:
    """The container with `function` applied to every leaf (and the leaves of the others, of equal structure)."""
    leaves, structure = flatten(node)
    rest = [flatten(other)[0] for other in others]
    return structure.unflatten([function(*group) for group in zip(leaves, *rest, strict=True)])
