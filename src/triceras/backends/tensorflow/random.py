"""Portable random words, in TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from triceras.core.counter_hash import M1, M2, A, B, C


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
    key = tf.cast(key, tf.uint32)
    a, b, c = _word(A), _word(B), _word(C)
    p, q = tf.unstack(_finalise(key[0] * a + key[1] * b + c, _word(0)))
    static = all(isinstance(d, int) for d in shape)
    count = math.prod(shape) if static else tf.reduce_prod(tf.stack([tf.cast(d, tf.int32) for d in shape]))
    x = tf.cast(tf.range(count), tf.uint32) * tf.bitwise.bitwise_or(p + q, _word(1)) + q
    return tf.reshape(tf.bitcast(x + _finalise(x, p), tf.int32), shape)


TABLE = {"random_words": random_words}
