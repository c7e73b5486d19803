"""Rearrangements, in TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from triceras.backends.base import Tensor
from triceras.core.shapes import normalize_axes


def _expand_dims(x: Tensor, axis: Any) -> Tensor:
    if isinstance(axis, int):
        return tf.expand_dims(x, axis)
    for a in normalize_axes(axis, x.shape.rank + len(axis)):
        x = tf.expand_dims(x, a)
    return x


def _transpose(x: Tensor, axes: Any = None) -> Tensor:
    return tf.transpose(x, None if axes is None else [a + x.shape.rank if a < 0 else a for a in axes])


def _split(x: Tensor, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    if isinstance(indices_or_sections, int):
        return tf.split(x, indices_or_sections, axis)
    size = x.shape[axis]
    cuts = [int(i) for i in indices_or_sections]
    if size is not None:
        cuts = [min(c if c >= 0 else c + size, size) for c in cuts]
    last = -1 if size is None else size - (cuts[-1] if cuts else 0)
    sizes = [max(b - a, 0) for a, b in zip([0, *cuts], cuts, strict=False)]
    return tf.split(x, [*sizes, last], axis)


def _without_uint16(body: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A body for which TensorFlow (2.21) has no kernel of that dtype."""

    def run(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if x.dtype == tf.uint16:
            return tf.cast(body(tf.cast(x, tf.int32), *args, **kwargs), tf.uint16)
        return body(x, *args, **kwargs)

    return run


@_without_uint16
def _repeat(x: Tensor, repeats: Any, axis: int | None = None) -> Tensor:
    if axis is None:
        x, axis = tf.reshape(x, [-1]), 0
    if isinstance(repeats, int):
        return tf.repeat(x, repeats, axis)
    counts = [int(r) for r in repeats]
    if len(counts) == 1:
        return tf.repeat(x, counts[0], axis)
    # The positions are known: tf.repeat would hide the result's size, which XLA needs.
    places = [i for i, count in enumerate(counts) for _ in range(count)]
    return tf.gather(x, tf.constant(places, tf.int32), axis=axis)


@_without_uint16
def _tile(x: Tensor, repeats: Any) -> Tensor:
    counts = [repeats] if isinstance(repeats, int) else list(repeats)
    rank = x.shape.rank
    if len(counts) > rank:
        x = _expand_dims(x, tuple(range(len(counts) - rank)))
    return tf.tile(x, [1] * (rank - len(counts)) + counts)


def _padded(x: Tensor, pad_width: Any, mode: Any = "constant", constant_values: Any = None) -> Tensor:
    if mode == "constant":
        padded = tf.pad(x, pad_width)
        if constant_values is None or (isinstance(constant_values, int | float) and constant_values == 0):
            return padded
        # Not the op's own constant, which TensorFlow (2.21) takes for zero inside vectorized_map.
        inside = tf.pad(tf.ones(tf.shape(x), tf.bool), pad_width)
        return tf.where(inside, padded, tf.cast(constant_values, x.dtype))
    while any(before or after for before, after in pad_width):
        # TensorFlow mirrors an axis at most once: longer paddings go in several rounds.
        # An axis of unknown size is taken to be long enough; TensorFlow says so where it isn't.
        limits = [math.inf if d is None else d - 1 if mode == "reflect" else d for d in x.shape]
        step = [(min(a, n), min(b, n)) for (a, b), n in zip(pad_width, limits, strict=True)]
        x = tf.pad(x, step, mode.upper())  # pyright: ignore[reportArgumentType]  # annotated as a literal
        pad_width = [(a - c, b - d) for (a, b), (c, d) in zip(pad_width, step, strict=True)]
    return x


def _flip(x: Tensor, axis: Any = None) -> Tensor:
    return tf.reverse(x, list(normalize_axes(axis, x.shape.rank)))


def _roll(x: Tensor, shift: Any, axis: Any = None) -> Tensor:
    if axis is None:
        return tf.reshape(tf.roll(tf.reshape(x, [-1]), shift, 0), tf.shape(x))
    if not isinstance(axis, int) and isinstance(shift, int):
        shift = [shift] * len(axis)
    # Counted from the front: vectorized_map takes a negative axis for the one before (TensorFlow 2.21).
    return tf.roll(x, shift, axis % x.shape.rank if isinstance(axis, int) else [i % x.shape.rank for i in axis])


def _bits_as(x: Tensor, dtype: str) -> Tensor:
    if x.dtype == tf.bool:
        x = tf.cast(x, tf.uint8)
    if dtype == "bool":
        return tf.cast(_bits_as(x, "uint8"), tf.bool)
    old, new = x.dtype.size, tf.as_dtype(dtype).size
    if old < new:  # TensorFlow takes the small ones from an axis of their own
        x = tf.reshape(x, [*tf.unstack(tf.shape(x))[:-1], -1, new // old])
    sizes = x.shape[:-1] if old < new else x.shape
    result = tf.bitcast(x, dtype)
    if old > new:
        result = tf.reshape(result, [*tf.unstack(tf.shape(x))[:-1], x.shape[-1] * (old // new) if x.shape[-1] else -1])
        sizes = [*x.shape[:-1], result.shape[-1]]
    return tf.ensure_shape(result, sizes)


def _extract_sequences(x: tf.Tensor, sequence_length: int, sequence_stride: int) -> Any:
    size: Any = x.shape[-1]
    if size is None or not 0 < sequence_length <= size or sequence_stride < 1:
        return NotImplemented
    return tf.signal.frame(x, sequence_length, sequence_stride)


TABLE = {
    "extract_sequences": _extract_sequences,
    "reshape": lambda x, newshape: tf.reshape(x, [newshape] if isinstance(newshape, int) else newshape),
    "squeeze": tf.squeeze,
    "concatenate": lambda xs, axis=0: tf.concat(xs, axis),
    "transpose": _transpose,
    "expand_dims": _expand_dims,
    "stack": lambda x, axis=0: tf.stack(x, axis),
    "unstack": tf.unstack,
    "split": _split,
    "repeat": _repeat,
    "tile": _tile,
    "padded": _padded,
    "flip": _flip,
    "roll": _roll,
    "broadcast_to": lambda x, shape: tf.broadcast_to(x, shape),
    "bits_as": _bits_as,
}
