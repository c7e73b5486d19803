"""Triangles, diagonals, grids and stacks, in terms of other ops."""

from __future__ import annotations

from collections.abc import Sequence

from triceras.backends.base import Spec, Tensor
from triceras.ops import core
from triceras.ops.creation import arange, eye, tri, zeros_like
from triceras.ops.dispatch import Index, TensorLike, Tensors, composite, recorded
from triceras.ops.indexing import take
from triceras.ops.logic import where
from triceras.ops.shape import (
    broadcast_to,
    concatenate,
    expand_dims,
    flip,
    moveaxis,
    pad,
    ravel,
    reshape,
    split,
    swapaxes,
)
from triceras.ops.specs import same


def _triangle_spec(x: Spec, k: int = 0) -> Spec:
    size = x.shape[-1]
    return x if len(x.shape) > 1 else Spec((size, size), x.dtype)


@composite(spec=_triangle_spec)
def tril(x: Index, k: int = 0) -> Tensor:
    """The elements on and below a diagonal of the last two axes, zeros above.

    Args:
        x: a tensor ``(..., m, n)``.
        k: which diagonal, positive ones above the main one.

    Example:
        >>> convert_to_numpy(tril([[1, 2], [3, 4]])).tolist()
        [[1, 0], [3, 4]]
    """
    sizes = core.shape(x)
    return where(tri(sizes[-2:][0], sizes[-1], k, "bool"), x, zeros_like(x))


@composite(spec=_triangle_spec)
def triu(x: Index, k: int = 0) -> Tensor:
    """The elements on and above a diagonal of the last two axes, zeros below; arguments as for ``tril``.

    Example:
        >>> convert_to_numpy(triu([[1, 2], [3, 4]])).tolist()
        [[1, 2], [0, 4]]
    """
    sizes = core.shape(x)
    return where(tri(sizes[-2:][0], sizes[-1], k - 1, "bool"), zeros_like(x), x)


@composite()
def diagonal(x: Index, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """A diagonal of the matrices in two axes, which one axis at the end replaces.

    Args:
        x: a tensor of at least two axes.
        offset: which diagonal, positive ones above the main one.
        axis1, axis2: the rows and the columns.

    Example:
        >>> convert_to_numpy(diagonal([[1, 2], [3, 4]])).tolist()
        [1, 4]
    """
    x = moveaxis(x, (axis1, axis2), (-2, -1))
    *batch, rows, columns = core.shape(x)
    start = offset if offset >= 0 else -offset * columns
    length = max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)
    flat = reshape(x, (*batch, rows * columns))
    return take(flat, arange(length) * (columns + 1) + start, axis=-1)


@composite()
def diag(x: Index, k: int = 0) -> Tensor:
    """A matrix with a vector on a diagonal, or the diagonal of a matrix.

    Args:
        x: a vector or a matrix.
        k: which diagonal, positive ones above the main one.

    Example:
        >>> convert_to_numpy(diag([1, 2])).tolist()
        [[1, 0], [0, 2]]
    """
    if len(x.shape) == 2:
        return diagonal(x, k)
    if len(x.shape) != 1:
        raise ValueError(f"diag() takes a vector or a matrix, received the shape {tuple(x.shape)}.")
    size = core.shape(x)[0] + abs(k)
    column = expand_dims(pad(x, ((max(-k, 0), max(k, 0)),)), 1)
    return where(eye(size, k=k, dtype="bool"), column, zeros_like(column))


@composite()
def diagflat(x: Index, k: int = 0) -> Tensor:
    """A matrix with all elements of a tensor on a diagonal.

    Example:
        >>> convert_to_numpy(diagflat([[1, 2]])).tolist()
        [[1, 0], [0, 2]]
    """
    return diag(ravel(x), k)


@composite()
def meshgrid_of(xs: Tensors, indexing: str = "xy") -> list[Tensor]:
    """``meshgrid`` of a sequence."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid() takes indexing='xy' or 'ij', received {indexing!r}.")
    rank = len(xs)
    sizes = [core.shape(ravel(x))[0] for x in xs]
    grids = []
    for i, x in enumerate(xs):
        line = reshape(x, tuple(-1 if i == j else 1 for j in range(rank)))
        grids.append(broadcast_to(line, tuple(sizes)))
    return [swapaxes(grid, 0, 1) for grid in grids] if indexing == "xy" and rank > 1 else grids


@recorded()
def meshgrid(*x: TensorLike, indexing: str = "xy") -> list[Tensor]:
    """The coordinates of every point of a grid, from those along its axes.

    Args:
        x: vectors.
        indexing: ``"ij"`` gives axes in the order of the vectors, ``"xy"`` exchanges the first two.

    Returns:
        A tensor for each vector, all of the grid's shape.

    Example:
        >>> [convert_to_numpy(g).tolist() for g in meshgrid([1, 2], [3])]
        [[[1, 2]], [[3, 3]]]
    """
    return meshgrid_of(x, indexing)


def _at_least(x: Tensor, rank: int) -> Tensor:
    """A tensor with axes of size one: rows for ``vstack``, depth for ``dstack``."""
    if len(x.shape) == 0:
        x = reshape(x, (1,))
    if rank > 1 and len(x.shape) == 1:
        x = expand_dims(x, 0)
    return expand_dims(x, -1) if rank > 2 and len(x.shape) == 2 else x


@composite("join")
def hstack(xs: Tensors) -> Tensor:
    """Tensors side by side: joined along the second axis, vectors along their only one.

    Example:
        >>> convert_to_numpy(hstack([[1], [2, 3]])).tolist()
        [1, 2, 3]
    """
    xs = [_at_least(x, 1) for x in xs]
    return concatenate(xs, axis=0 if len(xs[0].shape) == 1 else 1)


@composite("join")
def vstack(xs: Tensors) -> Tensor:
    """Tensors one above the other: joined along the first axis, vectors as rows.

    Example:
        >>> convert_to_numpy(vstack([[1, 2], [3, 4]])).tolist()
        [[1, 2], [3, 4]]
    """
    return concatenate([_at_least(x, 2) for x in xs], axis=0)


@composite("join")
def dstack(xs: Tensors) -> Tensor:
    """Tensors one behind the other: joined along the third axis.

    Example:
        >>> convert_to_numpy(dstack([[1, 2], [3, 4]])).tolist()
        [[[1, 3], [2, 4]]]
    """
    return concatenate([_at_least(x, 3) for x in xs], axis=2)


@composite()
def append(x1: Index, x2: Index, axis: int | None = None) -> Tensor:
    """Two tensors joined along an axis; flat by default.

    Example:
        >>> convert_to_numpy(append([1, 2], [3])).tolist()
        [1, 2, 3]
    """
    return concatenate([ravel(x1), ravel(x2)]) if axis is None else concatenate([x1, x2], axis)


@composite(spec=same)
def fliplr(x: Index) -> Tensor:
    """The columns in reverse order.

    Example:
        >>> convert_to_numpy(fliplr([[1, 2]])).tolist()
        [[2, 1]]
    """
    return flip(x, 1)


@composite(spec=same)
def flipud(x: Index) -> Tensor:
    """The rows in reverse order.

    Example:
        >>> convert_to_numpy(flipud([[1], [2]])).tolist()
        [[2], [1]]
    """
    return flip(x, 0)


@composite()
def rot90(array: Index, k: int = 1, axes: Sequence[int] = (0, 1)) -> Tensor:
    """The plane of two axes turned by right angles, from the first axis towards the second.

    Args:
        array: a tensor of at least two axes.
        k: how many right angles.
        axes: the two axes.

    Example:
        >>> convert_to_numpy(rot90([[1, 2], [3, 4]])).tolist()
        [[2, 4], [1, 3]]
    """
    first, second = (a % len(array.shape) for a in axes)
    if first == second:
        raise ValueError(f"rot90() needs two different axes, received {tuple(axes)}.")
    if k % 4 == 0:
        return array
    if k % 4 == 2:
        return flip(array, (first, second))
    return swapaxes(flip(array, second), first, second) if k % 4 == 1 else flip(swapaxes(array, first, second), second)


@composite()
def array_split(x: Index, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """The parts of a tensor along an axis, the first ones longer by one where it can't be divided equally.

    Example:
        >>> [convert_to_numpy(part).tolist() for part in array_split([1, 2, 3], 2)]
        [[1, 2], [3]]
    """
    if not isinstance(indices_or_sections, int):
        return split(x, indices_or_sections, axis)
    size, rest = divmod(x.shape[axis], indices_or_sections)
    lengths = [size + (i < rest) for i in range(indices_or_sections)]
    return split(x, [sum(lengths[: i + 1]) for i in range(indices_or_sections - 1)], axis)


@composite()
def hsplit(x: Index, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """The parts of a tensor along the second axis; of a vector along its only one.

    Example:
        >>> [convert_to_numpy(part).tolist() for part in hsplit([1, 2], 2)]
        [[1], [2]]
    """
    return split(x, indices_or_sections, 0 if len(x.shape) == 1 else 1)


@composite()
def vsplit(x: Index, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """The parts of a tensor along the first axis.

    Example:
        >>> [convert_to_numpy(part).tolist() for part in vsplit([[1], [2]], 2)]
        [[[1]], [[2]]]
    """
    return split(x, indices_or_sections, 0)


@composite()
def dsplit(x: Index, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """The parts of a tensor along the third axis.

    Example:
        >>> [convert_to_numpy(part).tolist() for part in dsplit([[[1, 2]]], 2)]
        [[[[1]]], [[[2]]]]
    """
    return split(x, indices_or_sections, 2)
