"""New tensors, in TensorFlow."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from triceras.core import settings
from triceras.core.dtypes import standardize_dtype


def _filled(fill_value: tf.Tensor, shape: Any, dtype: Any = None) -> tf.Tensor:
    return tf.broadcast_to(tf.cast(fill_value, standardize_dtype(dtype)), _sizes(shape))


def _sizes(shape: Any) -> Any:
    return [shape] if isinstance(shape, int) else list(shape)


def _like(x: tf.Tensor, dtype: Any) -> Any:
    return x.dtype if dtype is None else standardize_dtype(dtype)


def _full_like(x: tf.Tensor, fill_value: tf.Tensor, dtype: Any = None) -> tf.Tensor:
    return tf.broadcast_to(tf.cast(fill_value, _like(x, dtype)), tf.shape(x))


def _arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> tf.Tensor:
    start, stop, step = 0 if stop is None else start, start if stop is None else stop, 1 if step is None else step
    given = (start, stop, step)
    tensors = [v for v in given if hasattr(v, "dtype")]
    natural = (
        tensors[0].dtype if tensors else settings.floatx() if any(isinstance(v, float) for v in given) else "int32"
    )
    wanted = natural if dtype is None else standardize_dtype(dtype)
    # TensorFlow's ranges know 32 and 64 bits.
    computed = wanted if wanted in ("int32", "int64", "float32", "float64") else None
    computed = computed or ("float32" if any(isinstance(v, float) for v in given) else "int32")
    numbers = tf.range(*(tf.cast(v, computed) for v in given))
    return numbers if numbers.dtype == wanted else tf.cast(numbers, wanted)


TABLE = {
    "zeros": lambda shape, dtype=None: tf.zeros(_sizes(shape), standardize_dtype(dtype)),
    "ones": lambda shape, dtype=None: tf.ones(_sizes(shape), standardize_dtype(dtype)),
    "empty": lambda shape, dtype=None: tf.zeros(_sizes(shape), standardize_dtype(dtype)),
    "filled": _filled,
    "zeros_like": lambda x, dtype=None: tf.zeros_like(x, _like(x, dtype)),
    "ones_like": lambda x, dtype=None: tf.ones_like(x, _like(x, dtype)),
    "full_like": _full_like,
    "arange": _arange,
}
