"""Positions, in torch."""

from __future__ import annotations

import math
from typing import Any

import torch

from triceras.backends.torch.control import is_mapped
from triceras.backends.torch.immediate import immediate

#: What is summed by segments as it is.
_SUMMED = (torch.float32, torch.float64, torch.int32, torch.int64)
#: The dtypes of positions that torch's embedding takes.
_PLACES = (torch.int32, torch.int64)
_SCATTER = {"add": "sum", "max": "amax", "min": "amin", "mul": "prod"}


def _none_negative(indices: torch.Tensor) -> bool:
    """Whether positions are known to count from the start."""
    return immediate(indices) and not (indices.numel() and indices.numpy().min() < 0)


def _wrapped(indices: torch.Tensor, size: int) -> torch.Tensor:
    indices = indices.long()
    if _none_negative(indices):
        return indices
    return torch.where(indices < 0, indices + size, indices)


def _take(x: torch.Tensor, indices: torch.Tensor, axis: Any = None) -> torch.Tensor:
    if axis is None:
        x, axis = x.reshape(-1), 0
    axis = axis % x.ndim
    if x.ndim == 2 and not axis and x.is_floating_point() and indices.dtype in _PLACES and _none_negative(indices):
        return torch.embedding(x, indices)
    flat = _wrapped(indices.reshape(-1), x.shape[axis])
    taken = torch.index_select(x, axis, flat)
    return taken.reshape((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))


def _take_along_axis(x: torch.Tensor, indices: torch.Tensor, axis: int | None = None) -> torch.Tensor:
    if axis is None:
        x, indices, axis = x.reshape(-1), indices.reshape(-1), 0
    return torch.take_along_dim(x, _wrapped(indices, x.shape[axis]), axis)


def _get_item(x: torch.Tensor, key: Any) -> torch.Tensor:
    keys = key if isinstance(key, tuple) else (key,)
    if all(k is None or k is Ellipsis or isinstance(k, int) for k in keys):
        return x[key]
    if any(isinstance(k, slice) and k.step is not None and k.step < 0 for k in keys):
        return _reversed(x, list(keys))
    return x[tuple(_index(k) for k in keys)]


def _index(key: Any) -> Any:
    """Integer tensors in the dtype that torch indexes by."""
    if isinstance(key, torch.Tensor) and key.dtype != torch.bool:
        return key.long()
    return torch.as_tensor(key) if hasattr(key, "__array__") and not isinstance(key, torch.Tensor) else key


def _reversed(x: torch.Tensor, keys: list[Any]) -> torch.Tensor:
    """torch has no slices with negative steps: the axis is flipped first."""
    used = sum(1 for k in keys if k is not None and k is not Ellipsis)
    at = next((i for i, k in enumerate(keys) if k is Ellipsis), len(keys))
    keys[at : at + 1] = [slice(None)] * (x.ndim - used)
    axis = 0
    for place, k in enumerate(keys):
        if isinstance(k, slice) and k.step is not None and k.step < 0:
            rows = range(*k.indices(x.shape[axis]))
            x = torch.flip(x, (axis,))
            start = x.shape[axis] - 1 - rows.start
            keys[place] = slice(start, start + len(rows) * -k.step, -k.step) if len(rows) else slice(0, 0)
        axis += k is not None
    return x[tuple(_index(k) for k in keys)]


def _flat_rows(indices: torch.Tensor, sizes: Any) -> torch.Tensor:
    """Rows of positions as positions in the flattened leading axes."""
    if len(sizes) == 1:
        return _wrapped(indices.reshape(-1), sizes[0])
    row = torch.zeros(indices.shape[:-1], dtype=torch.int64, device=indices.device)
    for i, size in enumerate(sizes):
        row = row * size + _wrapped(indices[..., i], size)
    return row.reshape(-1)


def _scatter_into(
    inputs: torch.Tensor, indices: torch.Tensor, updates: torch.Tensor, reduction: str | None = None
) -> torch.Tensor:
    if inputs.dtype == torch.uint64 and reduction not in ("max", "min"):  # wrapping makes no difference to the others
        signed = _scatter_into(inputs.view(torch.int64), indices, updates.view(torch.int64), reduction)
        return signed.view(torch.uint64)
    depth = indices.shape[-1]
    rows = _flat_rows(indices, inputs.shape[:depth])
    if depth == 1 and indices.ndim == 2 and updates.shape[1:] == inputs.shape[1:] and reduction in (None, "add"):
        # Rows as they are, the usual case, without bringing everything into shape.
        return inputs.index_put((rows,), updates) if reduction is None else inputs.index_add(0, rows, updates)
    flat = inputs.reshape(math.prod(inputs.shape[:depth]), math.prod(inputs.shape[depth:]))
    updates = torch.broadcast_to(updates, (*indices.shape[:-1], *inputs.shape[depth:]))
    updates = updates.reshape(rows.shape[0], flat.shape[-1])
    if reduction is None:
        result = flat.index_put((rows,), updates)
    elif reduction == "add":
        result = flat.index_add(0, rows, updates)
    else:
        where = rows[:, None].expand_as(updates)
        result = flat.scatter_reduce(0, where, updates, _SCATTER[reduction])
    return result.reshape(inputs.shape)


def _segment_sum(
    data: torch.Tensor, segment_ids: torch.Tensor, num_segments: int | None = None, sorted: bool = False
) -> Any:
    """Without the definition's steps, which take longer than the sum where there are few rows."""
    if num_segments is None or data.dtype not in _SUMMED:
        return NotImplemented
    zeros = torch.zeros((num_segments, *data.shape[1:]), dtype=data.dtype, device=data.device)
    return zeros.index_add(0, _wrapped(segment_ids, num_segments), data)


def _starts(inputs: torch.Tensor, start_indices: Any, sizes: Any) -> list[Any]:
    """Starts moved inwards so that the block fits, numbers where they are known."""
    starts = list(start_indices)
    return [
        torch.clamp(s.long(), 0, d - n) if isinstance(s, torch.Tensor) else min(max(int(s), 0), d - n)
        for s, d, n in zip(starts, inputs.shape, sizes, strict=True)
    ]


def _slice(inputs: torch.Tensor, start_indices: Any, shape: Any) -> torch.Tensor:
    sizes = [d - int(s) if n == -1 else n for d, s, n in zip(inputs.shape, start_indices, shape, strict=True)]
    for axis, (start, size) in enumerate(zip(_starts(inputs, start_indices, sizes), sizes, strict=True)):
        if isinstance(start, int):
            inputs = torch.narrow(inputs, axis, start, size)
        else:
            inputs = torch.index_select(inputs, axis, start + torch.arange(size, device=inputs.device))
    return inputs


def _slice_update(inputs: torch.Tensor, start_indices: Any, updates: torch.Tensor) -> torch.Tensor:
    starts = _starts(inputs, start_indices, updates.shape)
    if all(isinstance(start, int) for start in starts):
        written = _written(inputs, starts, updates.to(inputs.dtype))
        return written.clone() if written is updates else written
    places = []
    for axis, (start, size) in enumerate(zip(starts, updates.shape, strict=True)):
        shape = [1] * updates.ndim
        shape[axis] = size
        places.append((start + torch.arange(size, device=inputs.device)).reshape(shape))
    return torch.index_put(inputs, tuple(places), updates.to(inputs.dtype))


def _written(x: torch.Tensor, starts: list[int], block: torch.Tensor, axis: int = 0) -> torch.Tensor:
    """A block at a place known beforehand; of the axes that it fills nothing is copied twice."""
    while axis < x.ndim and x.shape[axis] == block.shape[axis]:
        axis += 1
    if axis == x.ndim:
        return block
    start, stop = starts[axis], starts[axis] + block.shape[axis]
    inner = _written(x.narrow(axis, start, stop - start), starts, block, axis + 1)
    return torch.slice_scatter(x, inner, axis, start, stop)


def _sortable(x: torch.Tensor) -> torch.Tensor:
    """The same numbers; on a GPU, where a NaN that is negative would come first, each NaN a positive one."""
    return torch.where(x.isnan(), torch.nan, x) if x.is_cuda and x.is_floating_point() else x


def _sort(x: torch.Tensor, axis: int | None = -1) -> torch.Tensor:
    x = _sortable(x)
    return torch.sort(x.reshape(-1) if axis is None else x, dim=-1 if axis is None else axis)[0]


def _argsort(x: torch.Tensor, axis: int | None = -1) -> torch.Tensor:
    x, axis = (x.reshape(-1), 0) if axis is None else (x, axis)
    return torch.argsort(_sortable(x), dim=axis, stable=True).to(torch.int32)


def _top_k(x: torch.Tensor, k: int, sorted: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
    if immediate(x) and 0 < k < x.shape[-1] and x.is_floating_point():
        # torch picks any of equal elements. Where there are none among the largest, there is nothing to choose.
        values, indices = torch.topk(x, k + 1)
        if bool((values[..., :-1] > values[..., 1:]).all()):
            return values[..., :-1], indices[..., :-1].to(torch.int32)
    values, indices = torch.sort(x, dim=-1, descending=True, stable=True)
    return values[..., :k], indices[..., :k].to(torch.int32)


def _searchsorted(sorted_sequence: torch.Tensor, values: torch.Tensor, side: str = "left") -> torch.Tensor:
    if is_mapped(sorted_sequence) and not is_mapped(values):
        # vmap would expand the values without copying them, which torch warns of.
        values = torch.where(sorted_sequence.isnan().any(), values, values)
    return torch.searchsorted(sorted_sequence, values.contiguous(), side=side, out_int32=True)


TABLE = {
    "take": _take,
    "take_along_axis": _take_along_axis,
    "get_item": _get_item,
    "scatter_into": _scatter_into,
    "segment_sum": _segment_sum,
    "slice": _slice,
    "slice_update": _slice_update,
    "sort": _sort,
    "argsort": _argsort,
    "top_k": _top_k,
    "searchsorted": _searchsorted,
}
