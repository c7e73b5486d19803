"""Normalizations with written-out gradients, in TensorFlow: automatic ones compile slowly under XLA."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import record  # nothing public tells whether a tape is listening (TensorFlow 2.21)

from triceras.core import settings
from triceras.core.shapes import normalize_axes, parameter_shape


def _sum_like(x: tf.Tensor, parameter: tf.Tensor) -> tf.Tensor:
    """A gradient summed over the axes along which a parameter was broadcast."""
    axes = [i for i, (a, b) in enumerate(zip(x.shape, parameter.shape, strict=True)) if b == 1 and a != 1]
    return tf.cast(tf.reduce_sum(x, axes, keepdims=True), parameter.dtype)


def _standardize(
    x: tf.Tensor, gamma: Any, beta: Any, axes: tuple[int, ...], epsilon: float, centered: bool
) -> tuple[tf.Tensor, Any, tf.Tensor]:
    """The scaled unit tensor, mean and variance; those over ``axes``, with sizes 1 there."""
    wide_dtype = tf.float32 if x.dtype in (tf.float16, tf.bfloat16) else x.dtype
    given = [p for p in (gamma, beta) if p is not None]

    def function(x: tf.Tensor, *parameters: tf.Tensor) -> Any:
        wide = tf.cast(x, wide_dtype)
        mean = tf.reduce_mean(wide, axes, keepdims=True) if centered else tf.zeros((), wide_dtype)
        offset = wide - mean if centered else wide
        variance = tf.reduce_mean(tf.square(offset), axes, keepdims=True)
        factor = tf.math.rsqrt(variance + tf.constant(epsilon, wide_dtype))
        unit = offset * factor
        remaining = [tf.cast(p, wide_dtype) for p in parameters]
        scale = remaining.pop(0) if gamma is not None else None
        y = unit if scale is None else unit * scale
        y = y + remaining[0] if remaining else y

        def backward(d_y: tf.Tensor, d_mean: tf.Tensor, d_variance: tf.Tensor) -> Any:
            d_y = tf.cast(d_y, wide_dtype)
            d_unit = d_y if scale is None else d_y * scale
            d_x = d_unit - unit * tf.reduce_mean(d_unit * unit, axes, keepdims=True)
            d_x = d_x - tf.reduce_mean(d_unit, axes, keepdims=True) if centered else d_x
            count = tf.cast(tf.size(unit) // tf.size(factor), wide_dtype)
            d_x = d_x * factor + unit / factor * (d_variance * (2 / count))
            d_x = d_x + d_mean / count if centered else d_x
            grads = [tf.cast(d_x, x.dtype)]
            grads += [] if gamma is None else [_sum_like(d_y * unit, gamma)]
            grads += [] if beta is None else [_sum_like(d_y, beta)]
            return grads

        return (tf.cast(y, x.dtype), mean, variance), backward

    if tf.executing_eagerly() and not record.could_possibly_record():
        return function(x, *given)[0]  # making a gradient known takes half of an eager call's time
    return tf.custom_gradient(function)(x, *given)


def _over(x: tf.Tensor, gamma: Any, beta: Any, axis: Any, epsilon: float | None, centered: bool) -> tf.Tensor:
    epsilon = settings.epsilon() if epsilon is None else epsilon
    axes = normalize_axes(axis, x.shape.rank)
    shape = tuple(x.shape.as_list())
    gamma, beta = (
        None if p is None else tf.reshape(p, parameter_shape(shape, axes, tuple(p.shape))) for p in (gamma, beta)
    )
    return _standardize(x, gamma, beta, axes, epsilon, centered)[0]


def _layer_normalization(
    x: tf.Tensor, gamma: Any = None, beta: Any = None, axis: int | Sequence[int] = -1, epsilon: float | None = None
) -> tf.Tensor:
    return _over(x, gamma, beta, axis, epsilon, True)


def _rms_normalization(
    x: tf.Tensor, scale: Any = None, axis: int | Sequence[int] = -1, epsilon: float | None = None
) -> tf.Tensor:
    return _over(x, scale, None, axis, epsilon, False)


def _fused_batch_norm(x: tf.Tensor, gamma: Any, beta: Any, epsilon: float) -> Any:
    """TensorFlow's own kernel for images with channels last; its variance is the unbiased one."""
    channels: Any = x.shape[-1]
    y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=tf.ones(channels) if gamma is None else gamma,
        offset=tf.zeros(channels) if beta is None else beta,
        mean=tf.zeros([0]),
        variance=tf.zeros([0]),
        epsilon=epsilon,
        is_training=True,
    )
    count = tf.cast(tf.size(x) // channels, x.dtype)
    return y, mean, variance * ((count - 1.0) / count)


def _batch_norm(x: tf.Tensor, gamma: Any, beta: Any, axis: int, epsilon: float) -> Any:
    axis %= x.shape.rank
    # Without XLA, which convolutions on a CPU do without, the formula's passes over memory cost more than the rest.
    if x.shape.rank == 4 and axis == 3 and x.dtype == tf.float32 and x.shape[-1]:
        return _fused_batch_norm(x, gamma, beta, epsilon)
    others = tuple(i for i in range(x.shape.rank) if i != axis)
    shape = [-1 if i == axis else 1 for i in range(x.shape.rank)]
    gamma, beta = (None if p is None else tf.reshape(p, shape) for p in (gamma, beta))
    y, mean, variance = _standardize(x, gamma, beta, others, epsilon, True)
    return y, *(tf.cast(tf.squeeze(v, others), x.dtype) for v in (mean, variance))


def _batch_normalization(
    x: tf.Tensor, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 0.001
) -> Any:
    """The kernel for images, with its gradient for the statistics, which it has none for."""
    channels = x.shape[-1]
    given = [p for p in (mean, variance, offset, scale) if p is not None]
    last = x.shape.rank is not None and axis in (-1, x.shape.rank - 1) and all(p.shape == (channels,) for p in given)
    if not last or not channels or x.dtype != tf.float32 or any(p.dtype != tf.float32 for p in given):
        return NotImplemented
    offset = tf.zeros_like(mean) if offset is None else offset
    scale = tf.ones_like(mean) if scale is None else scale
    return _normalized(x, mean, variance, offset, scale, epsilon)


def _normalized(x: Any, mean: Any, variance: Any, offset: Any, scale: Any, epsilon: float) -> tf.Tensor:
    axes = tuple(range(x.shape.rank - 1))

    @tf.custom_gradient
    def function(x: Any, mean: Any, variance: Any, offset: Any, scale: Any) -> Any:
        images = x if x.shape.rank == 4 else tf.reshape(x, (-1, 1, 1, x.shape[-1]))
        y, *_ = tf.raw_ops.FusedBatchNormV3(
            x=images, scale=scale, offset=offset, mean=mean, variance=variance, epsilon=epsilon, is_training=False
        )

        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, ...]:
            spread = tf.math.rsqrt(variance + epsilon)
            factor = scale * spread
            total = tf.reduce_sum(upstream, axes)
            along = tf.reduce_sum(upstream * (x - mean), axes) * spread
            return upstream * factor, -total * factor, -0.5 * along * factor * spread, total, along

        return y if images is x else tf.reshape(y, tf.shape(x)), gradient

    return function(x, mean, variance, offset, scale)


TABLE = {
    "batch_normalization": _batch_normalization,
    "layer_normalization": _layer_normalization,
    "rms_normalization": _rms_normalization,
    "batch_norm": _batch_norm,
}
