"""Normalizations: layer, root mean square, batch, and to unit norm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from triceras.backends.base import Spec, Tensor
from triceras.core import settings
from triceras.core.shapes import normalize_axes, parameter_shape
from triceras.ops.core import cast
from triceras.ops.core import dtype as dtype_of
from triceras.ops.dispatch import Index, TensorLike, composite
from triceras.ops.elementwise import maximum, rsqrt, square
from triceras.ops.products import norm
from triceras.ops.reduce import mean
from triceras.ops.reduce import sum as reduce_sum
from triceras.ops.shape import expand_dims, reshape, squeeze
from triceras.ops.specs import same

_HALF = ("float16", "bfloat16")


def _along(x: Any, parameter: Any, axes: Sequence[int]) -> Any:
    """A parameter over some axes of ``x``, in its dtype, shaped so that it broadcasts with it."""
    parameter = cast(parameter, dtype_of(x)) if dtype_of(parameter) != dtype_of(x) else parameter
    shape = parameter_shape(tuple(x.shape), axes, tuple(parameter.shape))
    return parameter if shape == tuple(parameter.shape) else reshape(parameter, shape)


def _scaled(x: Tensor, gamma: Any, beta: Any, axes: Sequence[int]) -> Tensor:
    x = x if gamma is None else x * _along(x, gamma, axes)
    return x if beta is None else x + _along(x, beta, axes)


@composite("float", spec=same)
def layer_normalization(
    x: TensorLike,
    gamma: TensorLike | None = None,
    beta: TensorLike | None = None,
    axis: int | Sequence[int] = -1,
    epsilon: float | None = None,
    **kwargs: Any,
) -> Tensor:
    """``(x - mean) / sqrt(variance + epsilon) * gamma + beta``, the statistics taken over some axes (Ba et al., 2016).

    Args:
        x: any tensor.
        gamma, beta: scale and offset, with a size for each of the axes; left out, 1 and 0.
        axis: the axes.
        epsilon: added to the variance, ``config.epsilon()`` by default.

    Example:
        >>> convert_to_numpy(layer_normalization([1.0, 3.0])).round(3).tolist()
        [-1.0, 1.0]
    """
    if kwargs:
        raise TypeError(
            f"layer_normalization() has no arguments {sorted(kwargs)}; for rms_scaling use rms_normalization()."
        )
    axes = normalize_axes(axis, len(x.shape))
    epsilon = settings.epsilon() if epsilon is None else epsilon
    wide = cast(x, "float32") if dtype_of(x) in _HALF else x
    centered = wide - mean(wide, axes, keepdims=True)
    y = centered * rsqrt(mean(square(centered), axes, keepdims=True) + epsilon)
    return cast(_scaled(y, gamma, beta, axes), dtype_of(x))


@composite("float", spec=same)
def rms_normalization(
    x: TensorLike, scale: TensorLike | None = None, axis: int | Sequence[int] = -1, epsilon: float | None = None
) -> Tensor:
    """``x / sqrt(mean(x**2) + epsilon) * scale``, the mean taken over some axes (Zhang & Sennrich, 2019).

    Args:
        x: any tensor.
        scale: with a size for each of the axes; left out, 1.
        axis: the axes.
        epsilon: added to the mean, ``config.epsilon()`` by default.

    Example:
        >>> convert_to_numpy(rms_normalization([3.0, 3.0])).round(3).tolist()
        [1.0, 1.0]
    """
    axes = normalize_axes(axis, len(x.shape))
    epsilon = settings.epsilon() if epsilon is None else epsilon
    wide = cast(x, "float32") if dtype_of(x) in _HALF else x
    y = wide * rsqrt(mean(square(wide), axes, keepdims=True) + epsilon)
    return cast(_scaled(y, scale, None, axes), dtype_of(x))


@composite("float", spec=same, fused=True)
def batch_normalization(
    x: TensorLike,
    mean: TensorLike,
    variance: TensorLike,
    axis: int,
    offset: TensorLike | None = None,
    scale: TensorLike | None = None,
    epsilon: float = 0.001,
) -> Tensor:
    """``(x - mean) / sqrt(variance + epsilon) * scale + offset`` with statistics that are given (Ioffe & Szegedy, 2015).

    Args:
        x: any tensor.
        mean, variance: the statistics of each channel, ``(channels,)``.
        axis: the axis of the channels.
        offset, scale: of each channel; left out, 0 and 1.
        epsilon: added to the variance.

    Example:
        >>> convert_to_numpy(batch_normalization([[3.0]], [1.0], [4.0], -1, epsilon=0.0)).tolist()
        [[1.0]]
    """
    axes = normalize_axes(axis, len(x.shape))
    wide = cast(x, "float32") if dtype_of(x) in _HALF else x
    factor = rsqrt(cast(variance, dtype_of(wide)) + epsilon)
    factor = factor if scale is None else factor * cast(scale, dtype_of(wide))
    return cast(_scaled(wide - _along(wide, mean, axes), factor, offset, axes), dtype_of(x))


def _batch_norm_train_spec(x: Spec, gamma: Any, beta: Any, axis: int, epsilon: float, mask: Any = None) -> Any:
    channels = Spec((x.shape[axis],), x.dtype)
    return x, channels, channels


@composite("float", spec=_batch_norm_train_spec)
def batch_norm_train(
    x: TensorLike,
    gamma: TensorLike | None,
    beta: TensorLike | None,
    axis: int,
    epsilon: float,
    mask: Index | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Batch normalization with the statistics of the batch itself.

    Args:
        x: any tensor.
        gamma, beta: scale and offset of each channel, ``(channels,)``; None for 1 and 0.
        axis: the axis of the channels.
        epsilon: added to the variance.
        mask: which positions count, in the shape of the first axes of ``x``; None for all.

    Returns:
        The normalized tensor, and mean and (biased) variance of each channel.
    """
    if mask is None:
        return batch_norm(x, gamma, beta, axis, epsilon)
    rank = len(x.shape)
    channel = normalize_axes(axis, rank)
    others = tuple(i for i in range(rank) if i not in channel)
    wide = cast(x, "float32") if dtype_of(x) in _HALF else x
    weights = cast(mask, dtype_of(wide))
    weights = expand_dims(weights, tuple(range(len(mask.shape), rank))) if len(mask.shape) < rank else weights
    weights = weights + wide * 0
    count = maximum(reduce_sum(weights, others, keepdims=True), 1)
    center = reduce_sum(wide * weights, others, keepdims=True) / count
    centered = wide - center
    variance = reduce_sum(square(centered) * weights, others, keepdims=True) / count
    return _finish(x, centered, center, variance, gamma, beta, channel, epsilon)


def _finish(
    x: Tensor, centered: Tensor, center: Tensor, variance: Tensor, gamma: Any, beta: Any, channel: Any, epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    others = tuple(i for i in range(len(x.shape)) if i not in channel)
    y = _scaled(centered * rsqrt(variance + epsilon), gamma, beta, channel)
    center, variance = (cast(squeeze(v, others), dtype_of(x)) for v in (center, variance))
    return cast(y, dtype_of(x)), center, variance


@composite("float", spec=_batch_norm_train_spec)
def batch_norm(
    x: TensorLike, gamma: TensorLike | None, beta: TensorLike | None, axis: int, epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    """``batch_norm_train`` without a mask."""
    channel = normalize_axes(axis, len(x.shape))
    others = tuple(i for i in range(len(x.shape)) if i not in channel)
    wide = cast(x, "float32") if dtype_of(x) in _HALF else x
    center = mean(wide, others, keepdims=True)
    centered = wide - center
    variance = mean(square(centered), others, keepdims=True)
    return _finish(x, centered, center, variance, gamma, beta, channel, epsilon)


@composite("float", spec=same)
def normalize(
    x: TensorLike, axis: int | Sequence[int] | None = -1, order: float = 2, epsilon: float | None = None
) -> Tensor:
    """``x`` divided by its norm over an axis, the norm being at least ``epsilon``.

    Args:
        x: any tensor.
        axis: the axis, or several.
        order: the order of the norm, a positive number or infinity.
        epsilon: ``config.epsilon()`` by default.

    Example:
        >>> convert_to_numpy(normalize([3.0, 4.0])).round(4).tolist()
        [0.6000000238418579, 0.800000011920929]
    """
    if not order > 0:
        raise ValueError(f"normalize() needs a positive order, received order={order}.")
    epsilon = settings.epsilon() if epsilon is None else epsilon
    wide = cast(x, "float32") if dtype_of(x) in _HALF else x  # squares overflow in float16, and epsilon is 0 there
    if order == 2:
        y = wide * rsqrt(maximum(reduce_sum(square(wide), axis, keepdims=True), epsilon**2))
    else:
        y = wide / maximum(norm(wide, math.inf if order == math.inf else order, axis, keepdims=True), epsilon)
    return cast(y, dtype_of(x))
