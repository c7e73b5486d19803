"""The functions of ``triceras.tree``. None is a leaf; dictionaries are read in the order of their sorted keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import optree

NAMESPACE = "triceras"


class MAP_TO_NONE:  # noqa: N801
    """What ``traverse``'s function returns to put None in place of a node."""


def register(cls: type, flatten_function: Callable, unflatten_function: Callable) -> None:
    """Let instances of a class be nodes: how to take one apart and how to put it together."""
    optree.register_pytree_node(cls, flatten_function, unflatten_function, namespace=NAMESPACE)


def is_nested(structure: Any) -> bool:
    """Whether a value is a node rather than a leaf."""
    return not optree.tree_is_leaf(structure, none_is_leaf=True, namespace=NAMESPACE)


def flatten(structure: Any) -> list[Any]:
    """The leaves, in order."""
    return optree.tree_leaves(structure, none_is_leaf=True, namespace=NAMESPACE)


def flatten_with_structure(structure: Any) -> tuple[list[Any], optree.PyTreeSpec]:
    """The leaves, in order, and what puts others in their places: specs are equal if structures are."""
    leaves, spec = optree.tree_flatten(structure, none_is_leaf=True, namespace=NAMESPACE)
    return leaves, spec


def flatten_with_path(structure: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """The leaves, each with the keys and indices that lead to it."""
    paths, leaves, _ = optree.tree_flatten_with_path(structure, none_is_leaf=True, namespace=NAMESPACE)
    return list(zip(paths, leaves, strict=True))


def map_structure(func: Callable, *structures: Any, none_is_leaf: bool = True) -> Any:
    """The structure of results of a function over the leaves of one or more structures that match.

    Args:
        func: called with one leaf of each structure.
        structures: the structures; they must be alike.
        none_is_leaf: whether None is passed to the function.

    Returns:
        A structure like the first one.

    Raises:
        ValueError: the structures differ, or none was given.
    """
    if not structures:
        raise ValueError("map_structure() needs at least one structure.")
    if not callable(func):
        raise TypeError(f"map_structure() needs a callable, received {func!r}.")
    return optree.tree_map(func, *structures, none_is_leaf=none_is_leaf, namespace=NAMESPACE)


def map_structure_up_to(shallow_structure: Any, func: Callable, *structures: Any) -> Any:
    """Like ``map_structure``, down to the leaves of the shallow structure only."""
    if not structures:
        raise ValueError("map_structure_up_to() needs at least one structure.")
    return optree.tree_map(
        lambda _, *branches: func(*branches), shallow_structure, *structures, none_is_leaf=True, namespace=NAMESPACE
    )


def assert_same_structure(a: Any, b: Any, check_types: bool | None = None) -> None:
    """Raise a ValueError that names the difference unless two structures are alike."""
    _, treedef = optree.tree_flatten(a, none_is_leaf=True, namespace=NAMESPACE)
    _, other = optree.tree_flatten(b, none_is_leaf=True, namespace=NAMESPACE)
    if treedef != other:
        raise ValueError(f"The structures differ: {treedef} against {other}.")


def assert_same_paths(a: Any, b: Any) -> None:
    """Raise a ValueError unless two structures have the same leaf paths, whatever their containers' types."""
    ours, theirs = ({path for path, _ in flatten_with_path(s)} for s in (a, b))
    if ours != theirs:
        raise ValueError(f"The paths differ: only in a {sorted(ours - theirs)}, only in b {sorted(theirs - ours)}.")


def pack_sequence_as(structure: Any, flat_sequence: Iterable[Any]) -> Any:
    """A structure like the given one with other leaves.

    Raises:
        ValueError: the number of leaves differs.
    """
    treedef = optree.tree_structure(structure, none_is_leaf=True, namespace=NAMESPACE)
    leaves = list(flat_sequence)
    if len(leaves) != treedef.num_leaves:
        raise ValueError(f"The structure has {treedef.num_leaves} leaves, the flat sequence {len(leaves)}.")
    return optree.tree_unflatten(treedef, leaves)


def lists_to_tuples(structure: Any) -> Any:
    """The same structure with every list a tuple."""
    return traverse(lambda x: tuple(x) if isinstance(x, list) else None, structure, top_down=False)


def map_shape_structure(func: Callable, structure: Any) -> Any:
    """Map a function over shapes, tuples or lists of integers and None being the leaves."""
    return optree.tree_map(func, structure, is_leaf=is_shape, none_is_leaf=True, namespace=NAMESPACE)


def is_shape(value: Any) -> bool:
    """Whether a value is a tuple or list of integers and None."""
    return isinstance(value, tuple | list) and all(d is None or isinstance(d, int) for d in value)


def traverse(func: Callable, structure: Any, top_down: bool = True) -> Any:
    """Apply a function to every node, leaves included.

    Args:
        func: returns a replacement, None to go on inside, or ``MAP_TO_NONE`` to put None.
        structure: what to walk through.
        top_down: whether a node is offered before its children.

    Returns:
        The structure with its replacements.
    """
    if top_down:
        replaced = func(structure)
        if replaced is None:
            return _with_children(structure, lambda child: traverse(func, child, True))
    else:
        rebuilt = _with_children(structure, lambda child: traverse(func, child, False))
        replaced = func(rebuilt)
        if replaced is None:
            return rebuilt
    return None if replaced is MAP_TO_NONE else replaced


def _with_children(node: Any, function: Callable) -> Any:
    if not is_nested(node):
        return node
    children, treedef = optree.tree_flatten(
        node, is_leaf=lambda child: child is not node, none_is_leaf=True, namespace=NAMESPACE
    )
    return optree.tree_unflatten(treedef, [function(child) for child in children])
