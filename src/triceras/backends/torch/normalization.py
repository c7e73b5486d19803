"""Normalizations, in torch's fused kernels where their layout fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from triceras.core import settings
from triceras.core.shapes import normalize_axes, parameter_shape


def _along(x: torch.Tensor, parameter: torch.Tensor, axes: Sequence[int]) -> torch.Tensor:
    return parameter.reshape(parameter_shape(tuple(x.shape), axes, tuple(parameter.shape)))


def _fits(parameter: torch.Tensor | None, sizes: Sequence[int]) -> bool:
    return parameter is None or tuple(parameter.shape) == tuple(sizes)


def _layer_normalization(
    x: torch.Tensor, gamma: Any = None, beta: Any = None, axis: int | Sequence[int] = -1, epsilon: float | None = None
) -> torch.Tensor:
    epsilon = settings.epsilon() if epsilon is None else epsilon
    last = x.shape[-1:]
    if axis == -1 and (gamma is None or gamma.shape == last) and (beta is None or beta.shape == last):
        return F.layer_norm(x, last, gamma, beta, epsilon)  # the usual case, without looking at axes one by one
    axes = normalize_axes(axis, x.ndim)
    trailing = tuple(range(x.ndim - len(axes), x.ndim))
    sizes = [x.shape[i] for i in axes]
    if axes == trailing and _fits(gamma, sizes) and _fits(beta, sizes):
        return F.layer_norm(x, sizes, gamma, beta, epsilon)
    y = x if axes == trailing else x.movedim(axes, trailing)
    y = F.layer_norm(y, sizes, None, None, epsilon)
    y = y if axes == trailing else y.movedim(trailing, axes)
    y = y if gamma is None else y * _along(x, gamma, axes)
    return y if beta is None else y + _along(x, beta, axes)


def _rms_normalization(
    x: torch.Tensor, scale: Any = None, axis: int | Sequence[int] = -1, epsilon: float | None = None
) -> torch.Tensor:
    epsilon = settings.epsilon() if epsilon is None else epsilon
    axes = normalize_axes(axis, x.ndim)
    sizes = [x.shape[i] for i in axes]
    if axes == tuple(range(x.ndim - len(axes), x.ndim)) and _fits(scale, sizes):
        return F.rms_norm(x, sizes, scale, epsilon)
    wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    y = wide * torch.rsqrt(wide.square().mean(axes, keepdim=True) + epsilon)
    y = y if scale is None else y * _along(x, scale, axes)
    return y.to(x.dtype)


def _channels_second(x: torch.Tensor, axis: int) -> tuple[torch.Tensor, Any]:
    """A view of ``x`` with the channels second that torch's kernels run over well, and the way back."""
    axis %= x.ndim
    if axis == 1:
        return x, lambda y: y
    moved = x.movedim(axis, 1)
    if axis != x.ndim - 1 or moved.is_contiguous():
        return moved, lambda y: y.movedim(1, axis)
    # Rows of channels: as a matrix they take the kernel for channels-last memory whatever the rank.
    return x.reshape(-1, x.shape[-1]), lambda y: y.reshape(x.shape)


def _batch_normalization(
    x: torch.Tensor, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 0.001
) -> torch.Tensor:
    channels = (x.shape[axis],)
    if all(_fits(p, channels) for p in (mean, variance, offset, scale)) and not (
        mean.requires_grad or variance.requires_grad
    ):
        view, back = _channels_second(x, axis)
        return back(F.batch_norm(view, mean, variance, scale, offset, False, 0.0, epsilon))
    axes = (axis % x.ndim,)
    factor = torch.rsqrt(variance + epsilon)
    factor = factor if scale is None else factor * scale
    y = (x - _along(x, mean, axes)) * _along(x, factor, axes)
    return y if offset is None else y + _along(x, offset, axes)


def _batch_norm(x: torch.Tensor, gamma: Any, beta: Any, axis: int, epsilon: float) -> Any:
    count = x.numel() // max(x.shape[axis], 1)
    if count > 1:
        view, back = _channels_second(x, axis)
        # The running statistics with momentum 1 are those of the batch; there the variance is the unbiased one.
        wide = torch.float32 if x.dtype in (torch.float16, torch.bfloat16) else x.dtype
        mean = torch.zeros(x.shape[axis], dtype=wide, device=x.device)
        variance = torch.ones(x.shape[axis], dtype=wide, device=x.device)
        weight, bias = (p if p is None else p.to(wide) for p in (gamma, beta))
        y = torch.batch_norm(view, weight, bias, mean, variance, True, 1.0, epsilon, True)
        return back(y), mean.to(x.dtype), (variance * ((count - 1) / count)).to(x.dtype)
    axes = tuple(i for i in range(x.ndim) if i != axis % x.ndim)
    mean = x.mean(axes, keepdim=True)
    variance = (x - mean).square().mean(axes, keepdim=True)
    y = (x - mean) * torch.rsqrt(variance + epsilon)
    y = y if gamma is None else y * _along(x, gamma, (axis % x.ndim,))
    y = y if beta is None else y + _along(x, beta, (axis % x.ndim,))
    return y, mean.flatten(), variance.flatten()


TABLE = {
    "layer_normalization": _layer_normalization,
    "rms_normalization": _rms_normalization,
    "batch_normalization": _batch_normalization,
    "batch_norm": _batch_norm,
}
