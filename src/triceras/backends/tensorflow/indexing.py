"""Positions, in TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from triceras.backends.base import Tensor
from triceras.backends.tensorflow.elementwise import via
from triceras.backends.tensorflow.immediate import immediate

_SMALL: dict[Any, Any] = {
    tf.bool: tf.int32,
    tf.int8: tf.int32,
    tf.uint8: tf.int32,
    tf.int16: tf.int32,
    tf.uint16: tf.int32,
}


#: What TensorFlow sums by segments.
_SUMMED = (tf.float32, tf.float64, tf.int32, tf.int64)


def _sizes(x: Tensor) -> list[Any]:
    """The sizes, tensors where they aren't known."""
    dynamic: Any = None if None not in x.shape.as_list() else tf.shape(x)
    return [dynamic[i] if d is None else d for i, d in enumerate(x.shape.as_list())]


def _none_negative(indices: Tensor) -> bool:
    """Whether positions are known to count from the start."""
    return immediate(indices) and indices.numpy().min(initial=0) >= 0


def _wrapped(indices: Tensor, size: Any) -> Tensor:
    """Negative positions counted from the end."""
    if indices.dtype not in (tf.int32, tf.int64):
        indices = tf.cast(indices, tf.int32)
    if _none_negative(indices):
        return indices
    return tf.where(indices < 0, indices + tf.cast(size, indices.dtype), indices)


def _take(x: Tensor, indices: Tensor, axis: Any = None) -> Tensor:
    if axis is None:
        x, axis = tf.reshape(x, [-1]), 0
    return tf.gather(x, _wrapped(indices, _sizes(x)[axis]), axis=axis)


def _take_along_axis(x: Tensor, indices: Tensor, axis: Any = None) -> Tensor:
    if axis is None:
        x, indices, axis = tf.reshape(x, [-1]), tf.reshape(indices, [-1]), 0
    rank = x.shape.rank
    axis = axis % rank
    indices = _wrapped(indices, _sizes(x)[axis])
    order = [*(i for i in range(rank) if i != axis), axis]
    back = [order.index(i) for i in range(rank)]
    x, indices = tf.transpose(x, order), tf.transpose(indices, order)
    batch = tf.broadcast_static_shape(x.shape[:-1], indices.shape[:-1])
    x_sizes, i_sizes = _sizes(x), _sizes(indices)
    leading = [
        d if d is not None else tf.maximum(a, b)
        for d, a, b in zip(batch.as_list(), x_sizes[:-1], i_sizes[:-1], strict=True)
    ]
    x = tf.broadcast_to(x, [*leading, x_sizes[-1]])
    indices = tf.broadcast_to(indices, [*leading, i_sizes[-1]])
    return tf.transpose(tf.gather(x, indices, axis=-1, batch_dims=rank - 1), back)


def _get_item(x: Tensor, key: Any) -> Tensor:
    keys: list[Any] = list(key) if isinstance(key, tuple) else [key]
    if all(k is None or k is Ellipsis or isinstance(k, int | slice) for k in keys):
        return x[key]
    keys = [tf.convert_to_tensor(k) if not (k is None or isinstance(k, int | slice | type(...))) else k for k in keys]
    used = sum(0 if k is None or k is Ellipsis else k.shape.rank if _is_mask(k) else 1 for k in keys)
    at = next((i for i, k in enumerate(keys) if k is Ellipsis), len(keys))
    keys[at : at + 1] = [slice(None)] * (x.shape.rank - used)
    return _gather(x, keys)


def _is_mask(key: Any) -> bool:
    return isinstance(key, tf.Tensor) and key.dtype == tf.bool


def _gather(x: Tensor, keys: list[Any]) -> Tensor:
    """Slices first, then all tensors at once, in front; then their axes go where NumPy puts them."""
    positions: list[Any] = []
    for k in keys:
        positions += tf.unstack(tf.where(k), k.shape.rank, axis=1) if _is_mask(k) else [k]
    x = x[tuple(k if k is None or isinstance(k, slice) else slice(None) for k in positions)]
    places = [i for i, k in enumerate(positions) if isinstance(k, int | tf.Tensor)]
    sizes = _sizes(x)
    tensors = [_wrapped(tf.convert_to_tensor(positions[i]), sizes[i]) for i in places]
    tensors = [tf.cast(t, tf.int32) for t in tensors]
    zero = sum(tf.zeros_like(t) for t in tensors)
    index = tf.stack([t + zero for t in tensors], -1)
    rest = [i for i in range(x.shape.rank) if i not in places]
    y = tf.gather_nd(tf.transpose(x, [*places, *rest]), index)
    rank = index.shape.rank - 1
    if places[-1] - places[0] != len(places) - 1:
        return y
    front = places[0]
    order = [*range(rank, rank + front), *range(rank), *range(rank + front, rank + len(rest))]
    return tf.transpose(y, order)


def _wrapped_rows(indices: Tensor, sizes: list[Any]) -> Tensor:
    return indices if _none_negative(indices) else _wrapped(indices, tf.stack(sizes))


def _segment_sum(data: Tensor, segment_ids: Tensor, num_segments: int | None = None, sorted: bool = False) -> Any:
    """TensorFlow's own leaves negative positions out where the definition counts them from the end."""
    if num_segments is None or data.dtype not in _SUMMED or not _none_negative(segment_ids):
        return NotImplemented
    return tf.math.unsorted_segment_sum(data, segment_ids, num_segments)


def _product(inputs: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
    """TensorFlow scatters no products: they are taken per place and multiplied in."""
    depth = indices.shape[-1]
    sizes = inputs.shape.as_list()
    row = tf.zeros(indices.shape[:-1], indices.dtype)
    for i in range(depth):
        row = row * sizes[i] + indices[..., i]
    tail = sizes[depth:]
    count = math.prod(sizes[:depth])
    factors = tf.math.unsorted_segment_prod(tf.reshape(updates, [-1, *tail]), tf.reshape(row, [-1]), count)
    return inputs * tf.reshape(factors, sizes)


_SCATTER: dict[str | None, Callable[..., Any]] = {
    None: tf.tensor_scatter_nd_update,
    "add": tf.tensor_scatter_nd_add,
    "max": tf.tensor_scatter_nd_max,
    "min": tf.tensor_scatter_nd_min,
    "mul": _product,
}


def _scatter_into(inputs: Tensor, indices: Tensor, updates: Tensor, reduction: str | None = None) -> Tensor:
    if 0 in inputs.shape.as_list():  # TensorFlow refuses updates of nothing
        return inputs
    indices = _wrapped_rows(indices, _sizes(inputs)[: indices.shape[-1]])
    return _SCATTER[reduction](inputs, indices, updates)


def _scatter(indices: Tensor, values: Tensor, shape: Any) -> Any:
    if values.dtype not in _SUMMED or 0 in shape:
        return NotImplemented
    rows = _wrapped_rows(indices, list(shape)[: indices.shape[-1]])
    return tf.scatter_nd(rows, values, tf.constant(shape, rows.dtype))


def _starts(inputs: Tensor, start_indices: Any, sizes: Any) -> Tensor:
    """Starts moved inwards so that the block fits."""
    starts = tf.cast(
        tf.stack(list(start_indices)) if isinstance(start_indices, list | tuple) else start_indices, tf.int32
    )
    return tf.clip_by_value(starts, 0, tf.stack(_sizes(inputs)) - tf.stack(sizes))


def _slice(inputs: Tensor, start_indices: Any, shape: Any) -> Tensor:
    sizes = (
        [d - s if n == -1 else n for d, s, n in zip(_sizes(inputs), start_indices, shape, strict=True)]
        if -1 in shape
        else list(shape)
    )
    return tf.slice(inputs, _starts(inputs, start_indices, sizes), sizes)


def _slice_update(inputs: Tensor, start_indices: Any, updates: Tensor) -> Tensor:
    sizes = _sizes(updates)
    if isinstance(start_indices, list | tuple) and all(isinstance(n, int) for n in (*start_indices, *sizes)):
        low = [min(max(s, 0), d - n) for s, d, n in zip(start_indices, inputs.shape, sizes, strict=True)]
        high = [s + n for s, n in zip(low, sizes, strict=True)]
        return tf.raw_ops.TensorStridedSliceUpdate(
            input=inputs, begin=low, end=high, strides=[1] * len(low), value=tf.cast(updates, inputs.dtype)
        )
    starts = _starts(inputs, start_indices, sizes)
    ranges = [starts[i] + tf.range(size) for i, size in enumerate(sizes)]
    places = tf.stack(tf.meshgrid(*ranges, indexing="ij"), -1)
    return tf.tensor_scatter_nd_update(inputs, places, tf.cast(updates, inputs.dtype))


def _sort(x: Tensor, axis: int | None = -1) -> Tensor:
    x, axis = (tf.reshape(x, [-1]), 0) if axis is None else (x, axis)
    if not x.dtype.is_floating or _all_numbers(x):
        return tf.sort(x, axis)
    # TensorFlow's order is arbitrary where there is a NaN: they are counted, and put behind the others.
    missing = tf.math.is_nan(x)
    numbers = tf.sort(tf.where(missing, tf.cast(float("inf"), x.dtype), x), axis)
    place = tf.cumsum(tf.ones_like(x, tf.int32), axis)
    count = tf.reduce_sum(tf.cast(~missing, tf.int32), axis, keepdims=True)
    return tf.where(place > count, tf.cast(float("nan"), x.dtype), numbers)


def _all_numbers(x: Tensor) -> bool:
    """Whether there is known to be no NaN."""
    return immediate(x) and not np.isnan(x.numpy()).any()


def _argsort(x: Tensor, axis: int | None = -1) -> Tensor:
    x, axis = (tf.reshape(x, [-1]), 0) if axis is None else (x, axis)
    if x.dtype in (tf.float32, tf.float64) and _all_numbers(x):
        return tf.argsort(x, axis, stable=True)
    x = tf.cast(x, _SMALL.get(x.dtype, x.dtype))
    if x.dtype == tf.int32 and immediate(x) and axis in (-1, x.shape.rank - 1):
        return tf.convert_to_tensor(_positions_in_order(x.numpy()))
    return tf.argsort(_ranked(x) if x.dtype.is_floating else x, axis, stable=True)


def _positions_in_order(x: np.ndarray) -> np.ndarray:
    """A stable ``argsort`` over the last axis: numbers with their places below them, of which none are equal, so that
    NumPy's quickest sorting will do. TensorFlow's takes ten times as long.
    """
    keys = x.astype(np.int64)
    keys <<= 32
    keys |= np.arange(x.shape[-1])
    keys.sort(-1)
    return keys.astype(np.int32)


def _ranked(x: Tensor) -> Tensor:
    """Integers in the order of floats, NaN last: the bits are in that order already but for negative numbers."""
    x = x if x.dtype == tf.float64 else tf.cast(x, tf.float32)
    whole = tf.int64 if x.dtype == tf.float64 else tf.int32
    x = tf.where(tf.math.is_nan(x), tf.cast(float("nan"), x.dtype), x + 0)  # one NaN, one zero
    bits = tf.bitcast(x, whole)
    return tf.where(bits < 0, tf.bitwise.bitwise_xor(bits, whole.max), bits)


def _top_k(x: Tensor, k: int, sorted: bool = True) -> tuple[Tensor, Tensor]:
    if x.dtype == tf.bool:
        values, indices = tf.math.top_k(tf.cast(x, tf.int32), k)
        return tf.cast(values, tf.bool), indices
    return tuple(tf.math.top_k(x, k))


def _searchsorted(sorted_sequence: Tensor, values: Tensor, side: str = "left") -> Tensor:
    found = tf.searchsorted(sorted_sequence, tf.reshape(values, [-1]), side)
    return tf.reshape(found, tf.shape(values))


TABLE = {
    "take": _take,
    "take_along_axis": _take_along_axis,
    "get_item": _get_item,
    "scatter": _scatter,
    "scatter_into": _scatter_into,
    "segment_sum": _segment_sum,
    "slice": _slice,
    "slice_update": _slice_update,
    "sort": via(_sort, _SMALL),
    "argsort": _argsort,
    "top_k": _top_k,
    "searchsorted": _searchsorted,
}
