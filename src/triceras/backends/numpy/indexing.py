"""Positions, in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

_SCATTER: dict[str | None, Callable[..., Any]] = {
    "add": np.add.at,
    "max": np.maximum.at,
    "min": np.minimum.at,
    "mul": np.multiply.at,
}


def _scatter_into(
    inputs: np.ndarray, indices: np.ndarray, updates: np.ndarray, reduction: str | None = None
) -> np.ndarray:
    result = np.array(inputs)
    at = tuple(np.moveaxis(indices, -1, 0))
    if reduction is None:
        result[at] = updates
    else:
        _SCATTER[reduction](result, at, updates)
    return result


def _block(inputs: np.ndarray, start_indices: Any, shape: Any) -> tuple[slice, ...]:
    """The block as slices, moved inwards where it would stick out."""
    starts = [int(s) for s in start_indices]
    sizes = [d - s if n == -1 else n for d, s, n in zip(inputs.shape, starts, shape, strict=True)]
    if any(n > d for n, d in zip(sizes, inputs.shape, strict=True)):
        raise ValueError(f"A block of shape {tuple(sizes)} doesn't fit into the shape {inputs.shape}.")
    starts = [min(max(s, 0), d - n) for s, d, n in zip(starts, inputs.shape, sizes, strict=True)]
    return tuple(slice(s, s + n) for s, n in zip(starts, sizes, strict=True))


def _slice_update(inputs: np.ndarray, start_indices: Any, updates: np.ndarray) -> np.ndarray:
    result = np.array(inputs)
    result[_block(inputs, start_indices, updates.shape)] = updates
    return result


def _ordered(x: np.ndarray) -> np.ndarray:
    """NumPy puts NaN last only in the dtypes of its own: bfloat16 (ml_dtypes) is compared as float32."""
    return x if x.dtype.isbuiltin == 1 else x.astype(np.float32)


def _sort(x: np.ndarray, axis: int | None = -1) -> np.ndarray:
    return np.sort(_ordered(x), axis).astype(x.dtype)


def _argsort(x: np.ndarray, axis: int | None = -1) -> np.ndarray:
    return np.argsort(_ordered(x), axis, kind="stable").astype(np.int32)


def _top_k(x: np.ndarray, k: int, sorted: bool = True) -> tuple[np.ndarray, np.ndarray]:
    ascending = np.argsort(x[..., ::-1], -1, kind="stable")[..., ::-1][..., :k]
    indices = x.shape[-1] - 1 - ascending
    return np.take_along_axis(x, indices, -1), indices.astype(np.int32)


def _take_along_axis(x: np.ndarray, indices: np.ndarray, axis: int | None = None) -> np.ndarray:
    return np.take_along_axis(x, indices, axis)


def _searchsorted(sorted_sequence: np.ndarray, values: np.ndarray, side: Any = "left") -> np.ndarray:
    return np.asarray(np.searchsorted(sorted_sequence, values, side)).astype(np.int32)


TABLE = {
    "take": np.take,
    "take_along_axis": _take_along_axis,
    "get_item": lambda x, key: x[key],
    "scatter_into": _scatter_into,
    "slice": lambda inputs, start_indices, shape: inputs[_block(inputs, start_indices, shape)],
    "slice_update": _slice_update,
    "sort": _sort,
    "argsort": _argsort,
    "top_k": _top_k,
    "searchsorted": _searchsorted,
}
