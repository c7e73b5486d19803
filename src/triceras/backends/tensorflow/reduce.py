"""Reductions, in TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from triceras.core.dtypes import standardize_dtype


def _prod(x: tf.Tensor, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> tf.Tensor:
    x = x if dtype is None else tf.cast(x, standardize_dtype(dtype))
    return tf.reduce_prod(x, axis, keepdims)


def _mean(x: tf.Tensor, axis: Any = None, keepdims: bool = False) -> tf.Tensor:
    if x.dtype == tf.float16:  # whose sums overflow where the mean doesn't
        return tf.cast(tf.reduce_mean(tf.cast(x, tf.float32), axis, keepdims), x.dtype)
    return tf.reduce_mean(x, axis, keepdims)


def _extreme(function: Callable[..., Any], pair: Callable[..., Any]) -> Callable[..., Any]:
    def body(x: tf.Tensor, axis: Any = None, keepdims: bool = False, initial: Any = None) -> tf.Tensor:
        if x.dtype == tf.bool:
            return tf.cast(body(tf.cast(x, tf.int32), axis, keepdims, initial), tf.bool)
        y = function(x, axis, keepdims)
        return y if initial is None else pair(y, tf.cast(initial, x.dtype))

    return body


def _position(function: Callable[..., Any]) -> Callable[..., Any]:
    def body(x: tf.Tensor, axis: int | None = None, keepdims: bool = False) -> tf.Tensor:
        x = tf.cast(x, tf.int32) if x.dtype == tf.bool else x
        if axis is None:
            y = function(tf.reshape(x, [-1]), 0, tf.int32)
            return tf.reshape(y, [1] * x.shape.rank) if keepdims else y
        y = function(x, axis, tf.int32)
        return tf.expand_dims(y, axis) if keepdims else y

    return body


def _cumulative(function: Callable[..., Any]) -> Callable[..., Any]:
    def body(x: tf.Tensor, axis: int | None = None, dtype: Any = None) -> tf.Tensor:
        x = x if dtype is None else tf.cast(x, standardize_dtype(dtype))
        return function(tf.reshape(x, [-1]), 0) if axis is None else function(x, axis)

    return body


TABLE = {
    "sum": tf.reduce_sum,
    "mean": _mean,
    "prod": _prod,
    "max": _extreme(tf.reduce_max, tf.maximum),
    "min": _extreme(tf.reduce_min, tf.minimum),
    "any": tf.reduce_any,
    "all": tf.reduce_all,
    "argmax": _position(tf.argmax),
    "argmin": _position(tf.argmin),
    "logsumexp": tf.reduce_logsumexp,
    "cumsum": _cumulative(tf.cumsum),
    "cumprod": _cumulative(tf.math.cumprod),
}
