"""Distinct elements."""

from __future__ import annotations

from typing import Any

from triceras.backends.base import Spec, Tensor
from triceras.ops import core
from triceras.ops.control import scan
from triceras.ops.creation import arange, ones
from triceras.ops.dispatch import Index, composite
from triceras.ops.elementwise import minimum
from triceras.ops.indexing import argsort, scatter_into, searchsorted, take
from triceras.ops.logic import less, not_equal, where
from triceras.ops.reduce import any, cumsum
from triceras.ops.shape import concatenate, expand_dims, flip, moveaxis, ravel, reshape, transpose


def _unique_spec(
    x: Spec,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    values = (size,) if axis is None else _replaced(x.shape, axis, size)
    inverse = x.shape if axis is None else (x.shape[axis],)
    shapes = {"index": (size,), "inverse": inverse, "counts": (size,)}
    asked = {"index": return_index, "inverse": return_inverse, "counts": return_counts}
    results = (Spec(tuple(values), x.dtype), *(Spec(shapes[name], "int32") for name in shapes if asked[name]))
    return results if len(results) > 1 else results[0]


def _replaced(shape: Any, axis: int, size: int | None) -> list[int | None]:
    sizes = list(shape)
    sizes[axis] = size
    return sizes


@composite(spec=_unique_spec)
def unique(
    x: Index,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """The distinct elements of a tensor, in ascending order. Every NaN is one of its own.

    Args:
        x: a real tensor.
        sorted: accepted; the result is always sorted.
        return_index: whether to return where each first occurs, in the flat tensor or along the axis.
        return_inverse: whether to return which of the distinct elements stands in each place.
        return_counts: whether to return how often each occurs.
        axis: the axis whose slices are compared, in lexicographic order; None compares single elements.
        size: how many results there are: more are cut off, fewer are filled up. Compiled functions need it, as else the
            number depends on the values.
        fill_value: what fills the results up, zero by default; the counts are 0 there, the index is that of the first.

    Returns:
        The distinct elements, ``(size,)`` or the tensor's shape with the axis of that size, and, as asked for, a tuple of them
        and of the int32 tensors: index ``(size,)``; inverse, of the tensor's shape or the axis's size; counts ``(size,)``.

    Example:
        >>> values, counts = unique([3, 1, 3], return_counts=True)
        >>> convert_to_numpy(values).tolist(), convert_to_numpy(counts).tolist()
        ([1, 3], [1, 2])
    """
    rows = ravel(x) if axis is None else moveaxis(x, axis, 0)
    count = core.shape(rows)[0]
    order = argsort(_sortable(rows)) if axis is None else _lexicographic(rows)
    ordered = take(rows, order, 0)
    differs = not_equal(ordered[1:], ordered[:-1])
    if axis is not None:
        differs = any(reshape(differs, (count - 1, -1)), -1)
    # Which of the distinct ones each sorted element is; they begin where that number first occurs.
    rank = cumsum(concatenate([ones((1,), "int32") * 0, core.cast(differs, "int32")]))[:count]
    found = size if size is not None else int(core.convert_to_numpy(rank[-1])) + 1 if count else 0
    starts = searchsorted(rank, arange(found), "left")
    filled = less(starts, count)
    starts = minimum(starts, count - 1)
    index = where(filled, take(order, starts, 0), order[0])
    values = take(rows, index, 0)
    if size is not None:
        places = reshape(filled, (-1, *(1,) * (len(values.shape) - 1)))
        values = where(places, values, core.cast(0 if fill_value is None else fill_value, core.dtype(x)))
    results = [values if axis is None else moveaxis(values, 0, axis)]
    if return_index:
        results.append(index)
    if return_inverse:
        inverse = scatter_into(rank * 0, expand_dims(order, -1), rank)
        results.append(reshape(inverse, core.shape(x)) if axis is None else inverse)
    if return_counts:
        ends = searchsorted(rank, arange(found), "right")
        results.append(where(filled, ends - starts, 0))
    return tuple(results) if len(results) > 1 else results[0]


def _sortable(x: Tensor) -> Tensor:
    return core.cast(x, "int32") if core.dtype(x) == "bool" else x


def _lexicographic(rows: Tensor) -> Tensor:
    """The positions that sort the slices of the first axis: by stable sorts, the last column first."""
    count = core.shape(rows)[0]
    columns = flip(transpose(reshape(_sortable(rows), (count, -1))), 0)

    def step(order: Any, column: Any) -> Any:
        return take(order, argsort(take(column, order, 0)), 0), ()

    return scan(step, arange(count), columns)[0]
