"""Portable random words, in TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from triceras.backends.numpy import random as on_host
from triceras.backends.tensorflow.immediate import immediate
from triceras.core.counter_hash import M1, M2, TINY, A, B, C


def _word(value: Any) -> tf.Tensor:
    return tf.constant(value, tf.uint32)


def _shift(h: tf.Tensor, by: int) -> tf.Tensor:
    return tf.bitwise.right_shift(h, _word(by))


def _xor(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    return tf.bitwise.bitwise_xor(a, b)


def _finalise(h: tf.Tensor, inner: tf.Tensor) -> tf.Tensor:
    h = _xor(h, _shift(h, 16)) * _word(M1) + inner
    h = _xor(h, _shift(h, 15)) * _word(M2)
    return _xor(h, _shift(h, 16))


def random_words(key: tf.Tensor, shape: Sequence[Any]) -> tf.Tensor:
    """See ``triceras.random.words``."""
    static = all(isinstance(d, int) for d in shape)
    if static and immediate(key):
        # One core that works block by block in its cache is faster than 16 passes over memory.
        return tf.convert_to_tensor(on_host.random_words(key.numpy(), shape))
    count = math.prod(shape) if static else tf.reduce_prod(tf.stack([tf.cast(d, tf.int32) for d in shape]))
    return tf.reshape(words_at(tf.range(count), key), shape)


def words_at(positions: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
    """See ``triceras.random.words``."""
    key = tf.cast(key, tf.uint32)
    a, b, c = _word(A), _word(B), _word(C)
    p, q = tf.unstack(_finalise(key[0] * a + key[1] * b + c, _word(0)))
    x = tf.bitcast(positions, tf.uint32) * tf.bitwise.bitwise_or(p + q, _word(1)) + q
    return tf.bitcast(x + _finalise(x, p), tf.int32)


def _random_unit(key: tf.Tensor, shape: Sequence[Any]) -> Any:
    if not immediate(key) or not all(isinstance(d, int) for d in shape):
        return NotImplemented
    return tf.convert_to_tensor(on_host.random_unit(key.numpy(), shape))


def _unit_at(positions: tf.Tensor, key: tf.Tensor) -> Any:
    if not immediate(key) or not immediate(positions):
        return NotImplemented
    return tf.convert_to_tensor(on_host.unit_at(positions.numpy(), key.numpy()))


def _random_below(key: tf.Tensor, shape: Sequence[Any], span: int) -> Any:
    if not immediate(key) or not all(isinstance(d, int) for d in shape):
        return NotImplemented
    return tf.convert_to_tensor(on_host.random_below(key.numpy(), shape, span))


def _log_gamma_slope(alpha: tf.Tensor, log_sample: tf.Tensor) -> tf.Tensor:
    """See ``triceras.random.gamma_family``."""
    sample = tf.exp(log_sample)
    tiny = sample < TINY
    near_zero = (tf.math.digamma(alpha + 1) - log_sample) / alpha
    safe = tf.where(tiny, 1.0, sample)
    return tf.where(tiny, near_zero, tf.raw_ops.RandomGammaGrad(alpha=alpha, sample=safe) / safe)


TABLE = {
    "random_words": random_words,
    "random_unit": _random_unit,
    "random_below": _random_below,
    "unit_at": _unit_at,
    "words_at": words_at,
    "log_gamma_slope": _log_gamma_slope,
}
