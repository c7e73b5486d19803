"""Convolutions and pooling, in torch.

Torch wants the channels second. Channels-last inputs get there as a view, which is torch's own channels-last memory
format: its CPU and GPU kernels run over it, and their results come back as views in turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from triceras.backends.torch.control import is_mapped
from triceras.core import scopes, settings, windows
from triceras.core.shapes import known_size

_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_CONV_TRANSPOSE = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
_MAX = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
_AVERAGE = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
_ADAPTIVE_AVERAGE = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}
_ADAPTIVE_MAX = {1: F.adaptive_max_pool1d, 2: F.adaptive_max_pool2d, 3: F.adaptive_max_pool3d}


def _second(x: torch.Tensor, data_format: str) -> torch.Tensor:
    return x if data_format == "channels_first" else x.movedim(-1, 1)


def _restored(x: torch.Tensor, data_format: str) -> torch.Tensor:
    if data_format == "channels_first":
        return x
    x = x.movedim(1, -1)
    # Where a program is recorded, what lies how in memory is its runtime's affair: a view of it may not be one there.
    return x.clone(memory_format=torch.contiguous_format) if scopes.portable.get() else x


def _flat(pads: Sequence[tuple[int, int]]) -> list[int]:
    """As ``F.pad`` wants them: the last axis first."""
    return [size for pair in reversed(pads) for size in pair]


def _are_free(x: torch.Tensor) -> bool:
    """Whether the sizes of images aren't known, as in programs recorded for other runtimes: nothing may be chosen by them."""
    return scopes.portable.get() is not None and None in map(known_size, x.shape[2:])


def _split(x: torch.Tensor, pads: windows.Pads, value: float = 0.0) -> tuple[torch.Tensor, list[int]]:
    """The part of the padding that kernels do themselves; the rest is done here, and all where it depends on free sizes."""
    if _are_free(x):
        return F.pad(x, _flat(pads), value=value), [0] * len(pads)
    even = [min(pair) for pair in pads]
    rest = [(before - e, after - e) for (before, after), e in zip(pads, even, strict=True)]
    if all(pair == (0, 0) for pair in rest):
        return x, even
    return F.pad(x, _flat(pads), value=value), [0] * len(pads)


def _convolve(
    x: torch.Tensor, kernel: torch.Tensor, strides: Any, padding: str, data_format: str, dilation_rate: Any
) -> torch.Tensor:
    rank = x.ndim - 2
    strides, padding, dilation = windows.conv_arguments(rank, strides, padding, dilation_rate)
    x = _second(x, data_format)
    pads = windows.window_pads(x.shape[2:], kernel.shape[:-2], strides, dilation, padding)
    x, even = _split(x, pads)
    if max(kernel.shape[:-2]) == 1 and max(strides) > 1:
        # A gradient with respect to such a window writes past its memory (oneDNN issue 6035, torch 2.13): strides go first.
        x, strides = x[(..., *(slice(None, None, s) for s in strides))], (1,) * rank
    weight = kernel.permute(rank + 1, rank, *range(rank))
    groups = x.shape[1] // weight.shape[1]
    if rank > 1 or data_format == "channels_first":
        return _restored(_CONV[rank](x, weight, None, strides, even, dilation, groups), data_format)
    # As an image of one row: of one axis alone torch takes no channels-last memory, and copies it.
    x, weight = x.unsqueeze(2), weight.contiguous().unsqueeze(2)
    y = F.conv2d(x, weight, None, (1, *strides), (0, *even), (1, *dilation), groups)
    return _restored(y.squeeze(2), data_format)


def _convolve_transposed(
    x: torch.Tensor,
    kernel: torch.Tensor,
    strides: Any,
    padding: str,
    output_padding: Sequence[int | None],
    data_format: str,
    dilation_rate: Any,
) -> torch.Tensor:
    rank = x.ndim - 2
    strides, padding, dilation = windows.conv_arguments(rank, strides, padding, dilation_rate)
    x = _second(x, data_format)
    crops = [
        windows.transposed_crop(*arguments[:-1], padding, arguments[-1])
        for arguments in zip(x.shape[2:], kernel.shape[:-2], strides, dilation, output_padding, strict=True)
    ]
    weight = kernel.permute(rank + 1, rank, *range(rank))
    inner = [max(min(before, after), 0) for before, after in crops]
    y = _CONV_TRANSPOSE[rank](x, weight, None, strides, inner, 0, 1, dilation)
    rest = [(i - before, i - after) for (before, after), i in zip(crops, inner, strict=True)]
    if any(pair != (0, 0) for pair in rest):
        y = F.pad(y, _flat(rest))
    return _restored(y, data_format)


def _pooled(
    x: torch.Tensor, pool_size: Any, strides: Any, padding: str, data_format: str, average: bool
) -> torch.Tensor:
    rank = x.ndim - 2
    strides, padding, ones = windows.conv_arguments(rank, strides, padding)
    window = windows.per_axis(pool_size, rank, "pool_size")
    x = _second(x, data_format)
    pads = windows.window_pads(x.shape[2:], window, strides, ones, padding)
    odd = [] if _are_free(x) else [before != after for before, after in pads]
    # Where one more place is padded after than before, rounding the number of windows up has the same effect without a
    # copy; with a stride of 1 it hasn't, and means over volumes refuse windows larger than what is padded so.
    copied = not odd or any(o and s == 1 for o, s in zip(odd, strides, strict=True))
    if average and rank == 3:
        copied |= any(size + 2 * pair[0] < w for size, pair, w in zip(x.shape[2:], pads, window, strict=True))
    if not copied:
        before = [pair[0] for pair in pads]
        if average and x.is_cuda and any(before):
            x = x.contiguous()  # with its channels last and padding, CUDA's kernel gives a wrong gradient (torch 2.11)
        y = (
            _AVERAGE[rank](x, window, strides, before, any(odd), count_include_pad=False)
            if average
            else _MAX[rank](x, window, strides, before, ceil_mode=any(odd))
        )
        return _restored(y, data_format)
    if not average:
        lowest = -float("inf") if x.is_floating_point() else torch.iinfo(x.dtype).min
        return _restored(_MAX[rank](F.pad(x, _flat(pads), value=lowest), window, strides), data_format)
    inside = F.pad(torch.ones((1, 1, *x.shape[2:]), dtype=x.dtype, device=x.device), _flat(pads))
    sums = _AVERAGE[rank](F.pad(x, _flat(pads)), window, strides)
    return _restored(sums / _AVERAGE[rank](inside, window, strides), data_format)


def _pool_max(x: torch.Tensor, pool_size: Any, strides: Any, padding: str, data_format: str) -> torch.Tensor:
    if x.is_floating_point():
        return _pooled(x, pool_size, strides, padding, data_format, average=False)
    return _pooled(x.double(), pool_size, strides, padding, data_format, average=False).to(x.dtype)


def _pool_average(x: torch.Tensor, pool_size: Any, strides: Any, padding: str, data_format: str) -> torch.Tensor:
    if x.ndim == 5 and x.dtype in (torch.bfloat16, torch.float16) and x.device.type == "cpu":  # no such kernels in 2.13
        return _pooled(x.float(), pool_size, strides, padding, data_format, average=True).to(x.dtype)
    return _pooled(x, pool_size, strides, padding, data_format, average=True)


def _adaptive(kernels: dict[int, Any], inputs: torch.Tensor, output_size: Any, data_format: str | None) -> torch.Tensor:
    data_format = settings.standardize_data_format(data_format)
    rank = inputs.ndim - 2
    wanted = tuple(output_size) if isinstance(output_size, list | tuple) else (output_size,) * rank
    return _restored(kernels[rank](_second(inputs, data_format), wanted), data_format)


def _adaptive_average_pool(inputs: torch.Tensor, output_size: Any, data_format: str | None = None) -> Any:
    if is_mapped(inputs):
        return NotImplemented
    if inputs.ndim == 5 and inputs.dtype == torch.float16:  # torch's sums overflow there where the mean doesn't
        return _adaptive(_ADAPTIVE_AVERAGE, inputs.float(), output_size, data_format).to(inputs.dtype)
    return _adaptive(_ADAPTIVE_AVERAGE, inputs, output_size, data_format)


def _adaptive_max_pool(inputs: torch.Tensor, output_size: Any, data_format: str | None = None) -> Any:
    # Of equal values torch gives the gradient to one; the definition divides it among them.
    if not inputs.is_floating_point() or (inputs.requires_grad and torch.is_grad_enabled()):
        return NotImplemented
    return _adaptive(_ADAPTIVE_MAX, inputs, output_size, data_format)


TABLE = {
    "adaptive_average_pool": _adaptive_average_pool,
    "adaptive_max_pool": _adaptive_max_pool,
    "convolve": _convolve,
    "convolve_transposed": _convolve_transposed,
    "pool_max": _pool_max,
    "pool_average": _pool_average,
}
