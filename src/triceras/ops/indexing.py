"""Ops that read and write elements by position."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

from triceras.backends.base import Spec, Tensor
from triceras.core.shapes import broadcast_shapes, normalize_axes
from triceras.ops import core
from triceras.ops.dispatch import Index, TensorLike, composite, primitive
from triceras.ops.failures import within_bounds
from triceras.ops.specs import same


def _take_spec(x: Spec, indices: Spec, axis: int | None = None) -> Spec:
    if axis is None:
        return Spec(indices.shape, x.dtype)
    axis = normalize_axes(axis, len(x.shape))[0]
    return Spec((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype)


@within_bounds
@primitive(spec=_take_spec)
def take(x: Index, indices: Index, axis: int | None = None) -> Tensor:
    """The slices of a tensor at integer positions along an axis; negative ones count from the end.

    Args:
        x: any tensor.
        indices: an integer tensor of any shape.
        axis: the axis; None takes from the flat tensor.

    Raises:
        OpError: a position given as a number, list or array is out of range; those in tensors may be looked at by nobody.

    Returns:
        A tensor with the indices' shape in place of the axis.

    Example:
        >>> convert_to_numpy(take([10, 20, 30], [2, 0], axis=0)).tolist()
        [30, 10]
    """


def _take_along_axis_spec(x: Spec, indices: Spec, axis: int | None = None) -> Spec:
    if axis is None:
        return Spec(indices.shape, x.dtype)
    axis = normalize_axes(axis, len(x.shape))[0]
    others = broadcast_shapes(
        *(tuple(1 if i == axis else d for i, d in enumerate(shape)) for shape in (x.shape, indices.shape))
    )
    return Spec((*others[:axis], indices.shape[axis], *others[axis + 1 :]), x.dtype)


@within_bounds
@primitive(spec=_take_along_axis_spec)
def take_along_axis(x: Index, indices: Index, axis: int | None = None) -> Tensor:
    """The elements of a tensor at the position that ``indices`` gives for each place along an axis.

    Args:
        x: any tensor.
        indices: an integer tensor of as many axes; the sizes of the others broadcast.
        axis: the axis; None takes from the flat tensor.

    Example:
        >>> convert_to_numpy(take_along_axis([[1, 2], [3, 4]], [[1], [0]], axis=1)).tolist()
        [[2], [3]]
    """


def _get_item_spec(x: Spec, key: Any) -> Spec:
    keys = list(key) if isinstance(key, tuple) else [key]
    used = sum(_axes_used(k) for k in keys)
    at = next((i for i, k in enumerate(keys) if k is Ellipsis), len(keys))
    keys[at : at + 1] = [builtins.slice(None)] * (len(x.shape) - used)
    sizes: list[int | None] = []
    arrays: list[tuple[int, tuple[int | None, ...]]] = []
    axis = 0
    for place, k in enumerate(keys):
        if k is None:
            sizes.append(1)
        elif isinstance(k, builtins.slice):
            sizes.append(_slice_size(x.shape[axis], k))
        elif not isinstance(k, int):
            arrays.append((place, (None,) if _is_mask(k) else tuple(core.shape(k))))
            sizes += [-1] if len(arrays) == 1 else []
        axis += _axes_used(k)
    if arrays:
        shape = broadcast_shapes(*(s for _, s in arrays))
        places = [place for place, _ in arrays]
        adjacent = places[-1] - places[0] == len(places) - 1
        at = sizes.index(-1)
        del sizes[at]
        at = at if adjacent else 0
        sizes[at:at] = shape
    return Spec(tuple(sizes), x.dtype)


def _is_mask(key: Any) -> bool:
    return hasattr(key, "shape") and core.dtype(key) == "bool"


def _axes_used(key: Any) -> int:
    """How many axes of the tensor an element of a key stands for."""
    if key is None or key is Ellipsis:
        return 0
    return len(key.shape) if _is_mask(key) else 1


def _slice_size(size: int | None, key: builtins.slice) -> int | None:
    if key == builtins.slice(None):
        return size
    if size is not None:
        return len(range(*key.indices(size)))
    return None


@within_bounds
@primitive(spec=_get_item_spec)
def get_item(x: Index, key: Any) -> Tensor:
    """``x[key]`` for integers, slices, None, Ellipsis, and integer or boolean tensors, by NumPy's rules.

    A boolean tensor gives as many elements as it has true ones, which compiled functions can't know.

    Example:
        >>> convert_to_numpy(get_item([[1, 2], [3, 4]], (Ellipsis, 1))).tolist()
        [2, 4]
    """


def _scatter_spec(inputs: Spec, indices: Spec, updates: Spec, reduction: str | None = None) -> Spec:
    return inputs


_REDUCTIONS = (None, "add", "max", "min", "mul")


@within_bounds
@primitive(spec=_scatter_spec)
def scatter_into(inputs: Index, indices: Index, updates: Index, reduction: str | None = None) -> Tensor:
    """``scatter_update`` with its arguments checked and the updates in the dtype of the inputs."""


@within_bounds
@composite(spec=_scatter_spec)
def scatter_update(inputs: Index, indices: Index, updates: Index, reduction: str | None = None) -> Tensor:
    """A tensor with some of its slices replaced or combined with others.

    Args:
        inputs: any tensor.
        indices: ``(..., k)`` integers: each row names a slice of the first ``k`` axes.
        updates: ``(..., *inputs.shape[k:])``, what goes there.
        reduction: None replaces (of updates to one place any may stay), ``"add"``, ``"max"``, ``"min"`` and
            ``"mul"`` combine.

    Raises:
        ValueError: an unknown reduction.

    Example:
        >>> convert_to_numpy(scatter_update([1, 2, 3], [[0], [2]], [7, 9])).tolist()
        [7, 2, 9]
    """
    if reduction not in _REDUCTIONS:
        raise ValueError(f"scatter_update() has no reduction {reduction!r}. Expected one of: {_REDUCTIONS}.")
    return scatter_into(inputs, indices, core.cast(updates, core.dtype(inputs)), reduction)


def _from_zeros_spec(indices: Spec, values: Spec, shape: Sequence[int]) -> Spec:
    return Spec(tuple(shape), values.dtype)


@within_bounds
@composite(spec=_from_zeros_spec)
def scatter(indices: Index, values: Index, shape: Sequence[int]) -> Tensor:
    """Zeros with values added at some places.

    Args:
        indices: ``(..., k)`` integers: each row names a slice of the first ``k`` axes; repeated ones add up.
        values: ``(..., *shape[k:])``.
        shape: the result's shape.

    Example:
        >>> convert_to_numpy(scatter([[0], [2], [2]], [1, 2, 3], (4,))).tolist()
        [1, 0, 5, 0]
    """
    from triceras.ops.creation import zeros

    return scatter_into(zeros(shape, core.dtype(values)), indices, values, "add")


def _slice_spec(inputs: Spec, start_indices: Any, shape: Sequence[int]) -> Spec:
    sizes = [d if s == -1 else s for s, d in zip(shape, inputs.shape, strict=True)]
    if -1 in shape:
        starts = [s if isinstance(s, int) else None for s in start_indices]
        sizes = [
            (None if d is None or start is None else d - start) if s == -1 else s
            for s, d, start in zip(shape, inputs.shape, starts, strict=True)
        ]
    return Spec(tuple(sizes), inputs.dtype)


@within_bounds
@primitive(spec=_slice_spec)
def slice(inputs: Index, start_indices: Any, shape: Sequence[int]) -> Tensor:
    """A block of a tensor.

    Args:
        inputs: any tensor.
        start_indices: where it begins, an integer for each axis; a tensor or a sequence. What tensors say is moved inwards
            so that the block fits.
        shape: its sizes; -1 for all that is left.

    Raises:
        OpError: a beginning given as a number or array lets the block stick out.

    Example:
        >>> convert_to_numpy(slice([[1, 2, 3], [4, 5, 6]], (0, 1), (2, 2))).tolist()
        [[2, 3], [5, 6]]
    """


def _slice_update_spec(inputs: Spec, start_indices: Any, updates: Spec) -> Spec:
    return inputs


@within_bounds
@primitive(spec=_slice_update_spec)
def slice_update(inputs: Index, start_indices: Any, updates: Index) -> Tensor:
    """A tensor with a block of it replaced.

    Args:
        inputs: any tensor.
        start_indices: where the block begins, an integer for each axis; a tensor or a sequence.
            What tensors say is moved inwards so that the block fits.
        updates: the block, of as many axes.

    Raises:
        OpError: a beginning given as a number or array lets the block stick out.

    Example:
        >>> convert_to_numpy(slice_update([1, 2, 3, 4], [1], [8, 9])).tolist()
        [1, 8, 9, 4]
    """


@primitive("join", spec=same)
def sort(x: TensorLike, axis: int = -1) -> Tensor:
    """The elements in ascending order along an axis.

    Args:
        x: a real tensor.
        axis: the axis; None sorts the flat tensor.

    Example:
        >>> convert_to_numpy(sort([3, 1, 2])).tolist()
        [1, 2, 3]
    """


def _argsort_spec(x: Spec, axis: int | None = -1) -> Spec:
    if axis is None:
        from triceras.ops.shape import ravel

        return Spec(ravel.op.spec(x).shape, "int32")  # type: ignore[attr-defined]
    return Spec(x.shape, "int32")


@primitive("join", spec=_argsort_spec)
def argsort(x: TensorLike, axis: int = -1) -> Tensor:
    """The positions that sort a tensor along an axis, int32; equal elements keep their order.

    Args:
        x: a real tensor.
        axis: the axis; None sorts the flat tensor.

    Example:
        >>> convert_to_numpy(argsort([3, 1, 2])).tolist()
        [1, 2, 0]
    """


def _top_k_spec(x: Spec, k: int, sorted: bool = True) -> tuple[Spec, Spec]:
    shape = (*x.shape[:-1], k)
    return Spec(shape, x.dtype), Spec(shape, "int32")


@primitive("join", spec=_top_k_spec)
def top_k(x: TensorLike, k: int, sorted: bool = True) -> Any:
    """The ``k`` largest elements along the last axis, and where they stand.

    Args:
        x: a real tensor ``(..., n)``.
        k: how many.
        sorted: whether they come in descending order.

    Returns:
        ``(values, indices)`` of shape ``(..., k)``, the indices int32.

    Example:
        >>> [convert_to_numpy(t).tolist() for t in top_k([1, 5, 3], 2)]
        [[5, 3], [1, 2]]
    """


def _searchsorted_spec(sorted_sequence: Spec, values: Spec, side: str = "left") -> Spec:
    return Spec(values.shape, "int32")


@primitive("join", spec=_searchsorted_spec)
def searchsorted(sorted_sequence: TensorLike, values: TensorLike, side: str = "left") -> Tensor:
    """Where values would have to stand in a sorted vector to keep it sorted.

    Args:
        sorted_sequence: an ascending vector.
        values: a tensor of any shape.
        side: among equal elements ``"left"`` of them all or ``"right"``.

    Returns:
        An int32 tensor of the values' shape.

    Example:
        >>> convert_to_numpy(searchsorted([1, 3, 5], [3, 4])).tolist()
        [1, 2]
    """
