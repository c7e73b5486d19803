"""Arithmetic on shapes: tuples of sizes, None where one isn't known."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

Shape = tuple[int | None, ...]


def known_size(size: Any) -> int | None:
    """A size as a number; None where it is a symbol of a framework's tracer, or isn't known at all."""
    return int(size) if isinstance(size, int | np.integer) else None


def broadcast_shapes(*shapes: Shape) -> Shape:
    """The shape that NumPy's rules give; an unknown size meets any other.

    Raises:
        ValueError: two sizes of an axis differ and neither is 1.
    """
    rank = max((len(shape) for shape in shapes), default=0)
    result: list[int | None] = []
    for axis in range(-rank, 0):
        sizes = {shape[axis] for shape in shapes if len(shape) >= -axis} - {1}
        known = sizes - {None}
        if len(known) > 1:
            raise ValueError(f"The shapes {', '.join(map(str, shapes))} cannot be broadcast together.")
        result.append(known.pop() if known else (None if sizes else 1))
    return tuple(result)


def normalize_axes(axis: int | Sequence[int] | None, rank: int) -> tuple[int, ...]:
    """Axes as sorted non-negative integers; None is all of them.

    Raises:
        ValueError: an axis is out of range or named twice.
    """
    if axis is None:
        return tuple(range(rank))
    return _normalized((axis,) if isinstance(axis, int) else tuple(axis), rank)


@functools.lru_cache(maxsize=512)
def _normalized(axes: tuple[int, ...], rank: int) -> tuple[int, ...]:
    for a in axes:
        if not -rank <= a < rank:
            raise ValueError(f"axis {a} is out of range for a tensor of rank {rank}.")
    normal = sorted(a % rank for a in axes)
    if len(set(normal)) != len(normal):
        raise ValueError(f"The axes {axes} name one twice.")
    return tuple(normal)


def reduced_shape(shape: Shape, axis: int | Sequence[int] | None, keepdims: bool) -> Shape:
    """A shape with axes removed, or of size 1 with ``keepdims``."""
    axes = normalize_axes(axis, len(shape))
    if keepdims:
        return tuple(1 if i in axes else d for i, d in enumerate(shape))
    return tuple(d for i, d in enumerate(shape) if i not in axes)


def parameter_shape(shape: Shape, axes: Sequence[int], given: Shape) -> Any:
    """The shape in which a parameter over some axes of a tensor broadcasts with it.

    Args:
        shape: the tensor's shape.
        axes: the axes, non-negative and sorted.
        given: the parameter's shape: one size for each of the axes, or one that broadcasts already.
    """
    if len(given) == len(shape):
        return given
    sizes = iter(given)
    return tuple(next(sizes) if i in axes else 1 for i in range(len(shape))) if len(given) == len(axes) else given


def check_attention(query: Shape, key: Shape, value: Shape) -> None:
    """Raise ``ValueError`` where shapes of a query, key and value can't belong together."""
    fits = all(len(s) == 4 for s in (query, key, value))
    if fits and None not in (query[2], key[2], value[2]):
        fits = query[2] % key[2] == 0 and key[2] == value[2]  # type: ignore[operator]
    if not fits:
        raise ValueError(
            "dot_product_attention() needs a query (batch, length, heads, size) and a key and value (batch, other length, "
            f"heads or a divisor of them, size), received {query}, {key} and {value}."
        )
