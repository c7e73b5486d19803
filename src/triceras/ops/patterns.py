"""Axes split, joined and reordered as a pattern says (Rogozhnikov 2022, "Einops: Clear and Reliable Tensor Manipulations")."""

from __future__ import annotations

import math
import re
from typing import Any

from triceras.backends.base import Tensor
from triceras.ops import core
from triceras.ops.dispatch import TensorLike, recorded
from triceras.ops.shape import reshape, transpose

_TOKEN = re.compile(r"\s*(\(|\)|\.\.\.|[A-Za-z_]\w*|1\b)")


def _groups(side: str, pattern: str) -> list[list[str]]:
    """The names of each axis of a side: several where they stand in parentheses, none for ``1``."""
    groups: list[list[str]] = []
    inside, at = False, 0
    side = side.rstrip()
    while at < len(side):
        token = _TOKEN.match(side, at)
        if token is None:
            raise ValueError(f"rearrange() can't read {side[at:].strip()!r} in the pattern {pattern!r}.")
        at, word = token.end(), token[1]
        if word in "()":
            if inside == (word == "("):
                raise ValueError(f"rearrange() found parentheses that don't match in the pattern {pattern!r}.")
            inside = word == "("
            groups += [[]] if inside else []
        elif inside:
            groups[-1] += [] if word == "1" else [word]
        else:
            groups.append([] if word == "1" else [word])
    if inside:
        raise ValueError(f"rearrange() found parentheses that don't match in the pattern {pattern!r}.")
    names = [name for group in groups for name in group]
    if len(set(names)) != len(names):
        raise ValueError(f"rearrange() found a name twice on one side of the pattern {pattern!r}.")
    return groups


def _parsed(pattern: str, rank: int) -> tuple[list[list[str]], list[list[str]]]:
    """Both sides of a pattern, with names in place of the dots."""
    sides = pattern.split("->")
    if len(sides) != 2:
        raise ValueError(f'rearrange() needs a pattern like "a b -> b a", received {pattern!r}.')
    left, right = (_groups(side, pattern) for side in sides)
    before, after = ({name for group in side for name in group} for side in (left, right))
    if before != after:
        raise ValueError(
            f"rearrange() needs each name on both sides of the pattern, received {pattern!r}, where "
            f"{', '.join(sorted(before ^ after))} stands on one side only."
        )
    covered = rank - len(left) + 1 if ["..."] in left else 0
    if "..." in before and (["..."] not in left or covered < 0):
        raise ValueError(f"rearrange() can't place the ... of the pattern {pattern!r} in a tensor of {rank} axes.")
    dots = [f"...{i}" for i in range(covered)]
    left = [group for g in left for group in ([[d] for d in dots] if g == ["..."] else [g])]
    split = [group for g in right for group in ([[d] for d in dots] if g == ["..."] else [g])]
    right = [[name for part in g for name in (dots if part == "..." else [part])] for g in split]
    if len(left) != rank:
        raise ValueError(
            f"rearrange() needs a tensor of {len(left)} axes for the pattern {pattern!r}, received {rank}."
        )
    return left, right


def _split_sizes(group: list[str], size: Any, lengths: dict[str, int], pattern: str) -> dict[str, Any]:
    """The size of each name of an axis; at most one isn't given and is worked out."""
    missing = [name for name in group if name not in lengths]
    given = math.prod(lengths[name] for name in group if name in lengths)
    fits = given == size if not missing else given > 0 and size % given == 0
    if isinstance(size, int) and (len(missing) > 1 or not fits):
        raise ValueError(
            f"rearrange() can't divide an axis of size {size} into ({' '.join(group) or 1}) of the pattern {pattern!r} "
            f"with the lengths { {name: lengths[name] for name in group if name in lengths} }."
        )
    if len(missing) > 1:
        raise ValueError(f"rearrange() needs the lengths of all but one of {missing} in the pattern {pattern!r}.")
    return {name: lengths[name] if name in lengths else size // given for name in group}


@recorded()
def rearrange(tensor: TensorLike, pattern: str, **axes_lengths: int) -> Tensor:
    """The axes of a tensor split, joined and reordered as a pattern says.

    Args:
        tensor: any tensor.
        pattern: the names of its axes, ``->``, and those of the result's. Names in parentheses share one axis, the last
            varying fastest; ``1`` is an axis of size one; ``...`` stands for any number of axes.
        axes_lengths: the sizes of names that share an axis; one of them may be left out.

    Raises:
        ValueError: the pattern can't be read, or the tensor doesn't fit it.

    Example:
        >>> shape(rearrange(ones((2, 6, 4)), "b (h w) c -> b c h w", h=2))
        (2, 4, 2, 3)
    """
    left, right = _parsed(pattern, len(core.shape(tensor)))
    names = [name for group in left for name in group]
    if unknown := axes_lengths.keys() - set(names):
        raise ValueError(
            f"rearrange() received lengths of {sorted(unknown)}, which the pattern {pattern!r} doesn't name."
        )
    sizes: dict[str, Any] = {}
    for group, size in zip(left, core.shape(tensor), strict=True):
        if size is None:  # of a symbolic tensor: what isn't given stays unknown
            sizes |= {name: axes_lengths.get(name) for name in group}
        else:
            sizes |= _split_sizes(group, size, axes_lengths, pattern)
    order = [names.index(name) for group in right for name in group]
    if any(len(group) != 1 for group in left):
        tensor = reshape(tensor, _known([sizes[name] for name in names]))
    if order != list(range(len(order))):
        tensor = transpose(tensor, order)
    if any(len(group) != 1 for group in right):
        joined = [None if None in (g := [sizes[n] for n in group]) else math.prod(g) for group in right]
        tensor = reshape(tensor, _known(joined))
    return tensor


def _known(sizes: list[Any]) -> list[Any]:
    """A single unknown size as -1, which is worked out; of several, each stays as it is."""
    return [-1 if d is None else d for d in sizes] if sizes.count(None) == 1 else sizes
