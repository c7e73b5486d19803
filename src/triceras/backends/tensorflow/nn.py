"""Activations, losses, encodings and attention, in TensorFlow."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from triceras.backends.tensorflow import sparse as native_sparse
from triceras.core import dtypes, scopes


def _leaky_relu(x: tf.Tensor, negative_slope: float = 0.2) -> tf.Tensor:
    if x.dtype == tf.float64:  # whose kernel takes a slope of 32 bits
        return tf.where(x > 0, x, x * negative_slope)
    return tf.nn.leaky_relu(x, negative_slope)


def _gelu(x: tf.Tensor, approximate: bool = True) -> tf.Tensor:
    # With 64 bits tf.nn's constants are rounded to 32; and not all runtimes know its erfc.
    if x.dtype == tf.float64 or scopes.portable.get():
        cubic = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
        return 0.5 * x * (1 + (tf.tanh(cubic) if approximate else tf.math.erf(x / math.sqrt(2))))
    return tf.nn.gelu(x, approximate)


def _elu(x: tf.Tensor, alpha: float = 1.0) -> tf.Tensor:
    return tf.nn.elu(x) if alpha == 1 else tf.where(x > 0, x, alpha * tf.nn.elu(x))


def _softmax(x: tf.Tensor, axis: Any = -1) -> tf.Tensor:
    return tf.nn.softmax(x, axis) if isinstance(axis, int) else tf.exp(_log_softmax(x, axis))


def _log_softmax(x: tf.Tensor, axis: Any = -1) -> tf.Tensor:
    return tf.nn.log_softmax(x, axis) if isinstance(axis, int) else x - tf.reduce_logsumexp(x, axis, keepdims=True)


def _one_hot(x: tf.Tensor, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Any:
    x = x if x.dtype in (tf.int32, tf.int64, tf.uint8) else tf.cast(x, tf.int32)
    dtype = dtypes.standardize_dtype(dtype)
    if sparse:
        return native_sparse.one_hot(x, num_classes, axis, dtype)
    if dtype == "bool":
        return tf.one_hot(x, num_classes, True, False, axis, tf.bool)
    return tf.one_hot(x, num_classes, axis=-1 if axis == x.shape.rank else axis, dtype=dtype)


def _sigmoid_crossentropy(target: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.nn.sigmoid_cross_entropy_with_logits(tf.broadcast_to(target, tf.shape(logits)), logits)


def _softmax_crossentropy(target: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.nn.softmax_cross_entropy_with_logits(target, logits)


def _sparse_softmax_crossentropy(target: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    target = target if target.dtype in (tf.int32, tf.int64) else tf.cast(target, tf.int32)
    valid = (target >= 0) & (target < tf.cast(tf.shape(logits)[-1], target.dtype))
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.where(valid, target, 0), logits)
    return tf.where(valid, loss, 0)


TABLE = {
    "relu": tf.nn.relu,
    "relu6": tf.nn.relu6,
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "selu": tf.nn.selu,
    "gelu": _gelu,
    "sigmoid": tf.sigmoid,
    "log_sigmoid": tf.math.log_sigmoid,
    "silu": tf.nn.silu,
    "softplus": tf.math.softplus,
    "softsign": tf.nn.softsign,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "one_hot": _one_hot,
    "sigmoid_crossentropy": _sigmoid_crossentropy,
    "softmax_crossentropy": _softmax_crossentropy,
    "sparse_softmax_crossentropy": _sparse_softmax_crossentropy,
}
