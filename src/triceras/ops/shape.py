"""Ops that rearrange elements without computing: reshape, transpose, join, split, repeat, pad."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from triceras.backends.base import Spec, Tensor
from triceras.core.shapes import broadcast_shapes, normalize_axes
from triceras.ops.dispatch import Index, Tensors, composite, primitive
from triceras.ops.specs import same


def _reshape_spec(x: Spec, newshape: Any) -> Spec:
    sizes = (newshape,) if isinstance(newshape, int) else tuple(newshape)
    sizes = tuple(None if d is None else int(d) for d in sizes)
    if -1 in sizes and None not in x.shape and None not in sizes:
        known = math.prod(d for d in sizes if d is not None and d != -1)
        total = math.prod(x.shape)  # type: ignore[arg-type]
        if known == 0 or total % known:
            raise ValueError(f"A tensor of shape {x.shape} cannot be reshaped to {newshape}.")
        return Spec(tuple(total // known if d == -1 else d for d in sizes), x.dtype)
    return Spec(tuple(None if d == -1 else d for d in sizes), x.dtype)


@primitive(spec=_reshape_spec)
def reshape(x: Index, newshape: int | Sequence[int]) -> Tensor:
    """The same elements, row by row, in another shape.

    Args:
        x: any tensor.
        newshape: the shape; one size may be -1 and is worked out.

    Example:
        >>> shape(reshape(zeros((2, 3)), (3, -1)))
        (3, 2)
    """


def _squeeze_spec(x: Spec, axis: Any = None) -> Spec:
    axes = [i for i, d in enumerate(x.shape) if d == 1] if axis is None else normalize_axes(axis, len(x.shape))
    return Spec(tuple(d for i, d in enumerate(x.shape) if i not in axes), x.dtype)


@primitive(spec=_squeeze_spec)
def squeeze(x: Index, axis: int | Sequence[int] | None = None) -> Tensor:
    """The same elements without axes of size one.

    Args:
        x: a tensor.
        axis: the axes to remove, by default all of size one.

    Raises:
        ValueError: a named axis has another size.

    Example:
        >>> shape(squeeze(zeros((1, 3, 1)), axis=0))
        (3, 1)
    """


def _concatenate_spec(xs: Sequence[Spec], axis: int = 0) -> Spec:
    axis = normalize_axes(axis, len(xs[0].shape))[0]
    for x in xs[1:]:
        others = [(d, e) for i, (d, e) in enumerate(zip(x.shape, xs[0].shape, strict=True)) if i != axis]
        if any(d != e for d, e in others if d is not None and e is not None):
            raise ValueError(f"concatenate() needs equal shapes but for axis {axis}, received {[s.shape for s in xs]}.")
    along = [x.shape[axis] for x in xs]
    total = None if None in along else sum(along)  # type: ignore[arg-type]
    sizes = [
        total if i == axis else next((x.shape[i] for x in xs if x.shape[i] is not None), None)
        for i in range(len(xs[0].shape))
    ]
    return Spec(tuple(sizes), xs[0].dtype)


@primitive("join", spec=_concatenate_spec)
def concatenate(xs: Tensors, axis: int = 0) -> Tensor:
    """Tensors joined along an axis that exists.

    Args:
        xs: tensors of one rank whose sizes are equal but for that axis.
        axis: the axis.

    Returns:
        A tensor of the joined dtype, as long along the axis as all together.

    Raises:
        ValueError: other sizes differ.

    Example:
        >>> convert_to_numpy(concatenate([[[1, 2]], [[3, 4]]], axis=1)).tolist()
        [[1, 2, 3, 4]]
    """


def _transpose_spec(x: Spec, axes: Sequence[int] | None = None) -> Spec:
    order = tuple(reversed(range(len(x.shape)))) if axes is None else [a % len(x.shape) for a in axes]
    if sorted(order) != list(range(len(x.shape))):
        raise ValueError(f"transpose() needs each axis of {x.shape} once, received axes={axes}.")
    return Spec(tuple(x.shape[a] for a in order), x.dtype)


@primitive(spec=_transpose_spec)
def transpose(x: Index, axes: Sequence[int] | None = None) -> Tensor:
    """The axes in another order, reversed by default.

    Example:
        >>> shape(transpose(zeros((2, 3, 4)), (0, 2, 1)))
        (2, 4, 3)
    """


def _expand_dims_spec(x: Spec, axis: int | Sequence[int]) -> Spec:
    rank = len(x.shape) + (1 if isinstance(axis, int) else len(axis))
    axes = normalize_axes(axis, rank)
    sizes = iter(x.shape)
    return Spec(tuple(1 if i in axes else next(sizes) for i in range(rank)), x.dtype)


@primitive(spec=_expand_dims_spec)
def expand_dims(x: Index, axis: int | Sequence[int]) -> Tensor:
    """New axes of size one, at these positions of the result.

    Example:
        >>> shape(expand_dims(zeros((2, 3)), -1))
        (2, 3, 1)
    """


def _stack_spec(x: Sequence[Spec], axis: int = 0) -> Spec:
    axis = normalize_axes(axis, len(x[0].shape) + 1)[0]
    for other in x[1:]:
        if len(other.shape) != len(x[0].shape) or any(
            d != e for d, e in zip(other.shape, x[0].shape, strict=True) if d is not None and e is not None
        ):
            raise ValueError(f"stack() needs equal shapes, received {[s.shape for s in x]}.")
    sizes = [next((s.shape[i] for s in x if s.shape[i] is not None), None) for i in range(len(x[0].shape))]
    return Spec((*sizes[:axis], len(x), *sizes[axis:]), x[0].dtype)


@primitive("join", spec=_stack_spec)
def stack(x: Tensors, axis: int = 0) -> Tensor:
    """Tensors of one shape joined along a new axis.

    Example:
        >>> convert_to_numpy(stack([[1, 2], [3, 4]], axis=1)).tolist()
        [[1, 3], [2, 4]]
    """


def _unstack_spec(x: Spec, num: int | None = None, axis: int = 0) -> list[Spec]:
    axis = normalize_axes(axis, len(x.shape))[0]
    count = x.shape[axis] if num is None else num
    if count is None:
        raise ValueError(f"unstack() needs to know the size of axis {axis} of {x.shape}: give num.")
    return [Spec(x.shape[:axis] + x.shape[axis + 1 :], x.dtype)] * count


@primitive(spec=_unstack_spec)
def unstack(x: Index, num: int | None = None, axis: int = 0) -> Any:
    """The slices of a tensor along an axis, a list.

    Args:
        x: any tensor.
        num: how many there are, where the size isn't known.
        axis: the axis, which the slices don't have.

    Example:
        >>> [convert_to_numpy(row).tolist() for row in unstack([[1, 2], [3, 4]])]
        [[1, 2], [3, 4]]
    """


def split_sizes(size: int | None, indices_or_sections: Any, axis: int) -> list[int | None]:
    """The sizes of the parts that ``split`` makes of an axis.

    Raises:
        ValueError: it can't be divided equally.
    """
    if isinstance(indices_or_sections, int):
        if size is None:
            return [None] * indices_or_sections
        if size % indices_or_sections:
            raise ValueError(f"split() can't divide axis {axis} of size {size} into {indices_or_sections} equal parts.")
        return [size // indices_or_sections] * indices_or_sections
    cuts = [0, *(int(i) for i in indices_or_sections)]
    return [None if b is None else max(b - a, 0) for a, b in zip(cuts, [*cuts[1:], size], strict=True)]


def _split_spec(x: Spec, indices_or_sections: Any, axis: int = 0) -> list[Spec]:
    axis = normalize_axes(axis, len(x.shape))[0]
    sizes = split_sizes(x.shape[axis], indices_or_sections, axis)
    return [Spec((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype) for size in sizes]


@primitive(spec=_split_spec)
def split(x: Index, indices_or_sections: int | Sequence[int], axis: int = 0) -> Any:
    """The parts of a tensor along an axis.

    Args:
        x: any tensor.
        indices_or_sections: the number of equal parts, or the positions to cut at.
        axis: the axis.

    Returns:
        A list of tensors.

    Example:
        >>> [convert_to_numpy(part).tolist() for part in split([1, 2, 3, 4], [1, 3])]
        [[1], [2, 3], [4]]
    """


def _repeat_spec(x: Spec, repeats: Any, axis: int | None = None) -> Spec:
    shape = x.shape if axis is not None else (None if None in x.shape else math.prod(x.shape),)  # type: ignore[arg-type]
    axis = 0 if axis is None else normalize_axes(axis, len(x.shape))[0]
    counts = [repeats] if isinstance(repeats, int) else [int(r) for r in repeats]
    size = shape[axis]
    if len(counts) != 1:
        total = sum(counts)
    else:
        total = None if size is None else size * counts[0]
    return Spec((*shape[:axis], total, *shape[axis + 1 :]), x.dtype)


@primitive(spec=_repeat_spec)
def repeat(x: Index, repeats: int | Sequence[int], axis: int | None = None) -> Tensor:
    """Each element repeated in place.

    Args:
        x: any tensor.
        repeats: how often, one number or one for each position.
        axis: along which axis; None takes the flat tensor.

    Example:
        >>> convert_to_numpy(repeat([1, 2], 2)).tolist()
        [1, 1, 2, 2]
    """


def _tile_spec(x: Spec, repeats: Any) -> Spec:
    counts = [repeats] if isinstance(repeats, int) else [int(r) for r in repeats]
    rank = max(len(counts), len(x.shape))
    counts = [1] * (rank - len(counts)) + counts
    shape = (1,) * (rank - len(x.shape)) + x.shape
    return Spec(tuple(None if d is None else d * c for d, c in zip(shape, counts, strict=True)), x.dtype)


@primitive(spec=_tile_spec)
def tile(x: Index, repeats: int | Sequence[int]) -> Tensor:
    """The whole tensor repeated along its axes; missing counts are 1 and stand in front.

    Example:
        >>> convert_to_numpy(tile([1, 2], 2)).tolist()
        [1, 2, 1, 2]
    """


def pad_widths(pad_width: Any, rank: int) -> list[tuple[int, int]]:
    """``(before, after)`` for each axis, from one number, one pair, or a pair an axis."""
    if isinstance(pad_width, int):
        return [(pad_width, pad_width)] * rank
    pairs = [(p, p) if isinstance(p, int) else tuple(p) for p in pad_width]
    if all(isinstance(p, int) for p in pad_width):
        pairs = [tuple(pad_width)] if len(pad_width) == 2 else [(pad_width[0],) * 2]
    pairs = [p * 2 if len(p) == 1 else p for p in pairs]
    if len(pairs) not in (1, rank):
        raise ValueError(f"pad() needs one pair of widths or one for each of {rank} axes, received {pad_width}.")
    return [(int(a), int(b)) for a, b in (pairs * rank if len(pairs) == 1 else pairs)]


def _pad_spec(x: Spec, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Spec:
    widths = pad_widths(pad_width, len(x.shape))
    return Spec(tuple(None if d is None else d + a + b for d, (a, b) in zip(x.shape, widths, strict=True)), x.dtype)


@primitive(spec=_pad_spec)
def padded(x: Index, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Tensor:
    """``pad`` with its arguments checked and one pair of widths an axis."""


@composite(spec=_pad_spec)
def pad(x: Index, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Tensor:
    """A tensor with elements added around it.

    Args:
        x: any tensor.
        pad_width: ``(before, after)`` for each axis, one pair for all of them, or one number.
        mode: ``"constant"``; ``"reflect"`` mirrors without the edge, ``"symmetric"`` with it.
        constant_values: the value added in the mode ``"constant"``, 0 by default.

    Raises:
        ValueError: an unknown mode, or a value given in another mode than ``"constant"``.

    Example:
        >>> convert_to_numpy(pad([1, 2], (1, 2))).tolist()
        [0, 1, 2, 0, 0]
    """
    if mode not in ("constant", "reflect", "symmetric"):
        raise ValueError(f"pad() has no mode {mode!r}. Expected: constant, reflect or symmetric.")
    if constant_values is not None and mode != "constant":
        raise ValueError(f"pad() takes constant_values in the mode 'constant' only, received mode={mode!r}.")
    return padded(x, pad_widths(pad_width, len(x.shape)), mode, constant_values)


@primitive(spec=same)
def flip(x: Index, axis: int | Sequence[int] | None = None) -> Tensor:
    """The elements in reverse order along axes, all of them by default.

    Example:
        >>> convert_to_numpy(flip([1, 2, 3])).tolist()
        [3, 2, 1]
    """


@primitive(spec=same)
def roll(x: Index, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Tensor:
    """The elements moved along axes; what leaves at one end enters at the other.

    Args:
        x: any tensor.
        shift: by how many positions, one number an axis.
        axis: the axis or axes; None rolls the flat tensor.

    Example:
        >>> convert_to_numpy(roll([1, 2, 3], 1)).tolist()
        [3, 1, 2]
    """


def _broadcast_to_spec(x: Spec, shape: Sequence[int]) -> Spec:
    return Spec(broadcast_shapes(x.shape, tuple(shape)), x.dtype)


@primitive(spec=_broadcast_to_spec)
def broadcast_to(x: Index, shape: Sequence[int]) -> Tensor:
    """A tensor repeated along axes of size one, and new ones in front, to a shape.

    Example:
        >>> convert_to_numpy(broadcast_to([1, 2], (2, 2))).tolist()
        [[1, 2], [1, 2]]
    """


@composite()
def moveaxis(x: Index, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Axes brought to other positions, the rest in order.

    Example:
        >>> shape(moveaxis(zeros((2, 3, 4)), 0, -1))
        (3, 4, 2)
    """
    rank = len(x.shape)
    sources = [source] if isinstance(source, int) else list(source)
    places = [destination] if isinstance(destination, int) else list(destination)
    moved = {d % rank: s % rank for s, d in zip(sources, places, strict=True)}
    rest = iter(i for i in range(rank) if i not in moved.values())
    return transpose(x, [moved[i] if i in moved else next(rest) for i in range(rank)])


@composite()
def swapaxes(x: Index, axis1: int, axis2: int) -> Tensor:
    """Two axes exchanged.

    Example:
        >>> shape(swapaxes(zeros((2, 3, 4)), 0, 2))
        (4, 3, 2)
    """
    order = list(range(len(x.shape)))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return transpose(x, order)


def _ravel_spec(x: Spec) -> Spec:
    return _reshape_spec(x, -1)


@composite(spec=_ravel_spec)
def ravel(x: Index) -> Tensor:
    """The elements, row by row, along one axis.

    Example:
        >>> convert_to_numpy(ravel([[1, 2], [3, 4]])).tolist()
        [1, 2, 3, 4]
    """
    return reshape(x, (-1,))
