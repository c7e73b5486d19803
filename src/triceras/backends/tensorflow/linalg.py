"""Linear algebra, in TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

#: What matrix products have no kernels for.
_WIDE = {tf.bool: tf.int32, tf.int8: tf.int32, tf.uint8: tf.int32, tf.int16: tf.int32, tf.uint16: tf.int32}
_WIDE |= {tf.uint32: tf.int64, tf.uint64: tf.int64}


def _narrowed(y: tf.Tensor, dtype: Any) -> tf.Tensor:
    return y != 0 if dtype == tf.bool else tf.cast(y, dtype)


def _matmul(x1: tf.Tensor, x2: tf.Tensor) -> tf.Tensor:
    if x1.dtype in _WIDE:
        wide = _WIDE[x1.dtype]
        y = _matmul(tf.cast(x1, wide), tf.cast(x2, wide))
        return y if x1.dtype == tf.int8 else _narrowed(y, x1.dtype)
    if x1.shape.rank == 1 or x2.shape.rank == 1:
        return tf.tensordot(x1, x2, [[-1], [-2 if x2.shape.rank > 1 else -1]])
    return tf.matmul(x1, x2)


def _add_bias(x: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """A kernel whose gradient sums over rows in parallel, as that of a broadcast sum does not."""
    if x.dtype == tf.bool:
        return tf.logical_or(x, bias)
    if x.shape.rank is None or x.shape.rank < 2 or bias.shape.rank != 1:
        return tf.add(x, bias)
    return tf.raw_ops.BiasAdd(value=x, bias=bias)


def _affine(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    y = _matmul(x, kernel)
    return _add_bias(y, bias if bias.dtype == y.dtype else tf.cast(bias, y.dtype))


def _tensordot(x1: tf.Tensor, x2: tf.Tensor, axes: Any = 2) -> tf.Tensor:
    if not isinstance(axes, int):
        axes = [[a] if isinstance(a, int) else list(a) for a in axes]
    if x1.dtype in _WIDE:
        wide = _WIDE[x1.dtype]
        return _narrowed(tf.tensordot(tf.cast(x1, wide), tf.cast(x2, wide), axes), x1.dtype)
    return tf.tensordot(x1, x2, axes)


def _einsum(operands: Sequence[tf.Tensor], subscripts: str) -> tf.Tensor:
    dtype = operands[0].dtype
    if dtype in _WIDE:
        return _narrowed(tf.einsum(subscripts, *(tf.cast(x, _WIDE[dtype]) for x in operands)), dtype)
    return tf.einsum(subscripts, *operands)


TABLE = {
    "matmul": _matmul,
    "affine": _affine,
    "add_bias": _add_bias,
    "tensordot": _tensordot,
    "einsum_of": _einsum,
}
