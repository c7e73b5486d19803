"""Convolutions and pooling, in NumPy: windows as a view, then one product or reduction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np

from triceras.backends.numpy.elementwise import in_float32
from triceras.core import windows


def _last(x: np.ndarray, data_format: str) -> np.ndarray:
    return x if data_format == "channels_last" else np.moveaxis(x, 1, -1)


def _restored(x: np.ndarray, data_format: str) -> np.ndarray:
    return x if data_format == "channels_last" else np.moveaxis(x, -1, 1)


def _view(x: np.ndarray, window: Sequence[int], strides: Sequence[int], dilation: Sequence[int]) -> np.ndarray:
    """The windows of a padded channels-last array: ``(batch, *places, channels, *window)``."""
    rank = len(window)
    axes = tuple(range(1, rank + 1))
    spans = [windows.extent(w, d) for w, d in zip(window, dilation, strict=True)]
    if any(size < span for size, span in zip(x.shape[1:-1], spans, strict=True)):
        places = [max(s - span + 1, 0) for s, span in zip(x.shape[1:-1], spans, strict=True)]
        view = np.zeros((x.shape[0], *places, x.shape[-1], *spans), x.dtype)
    else:
        view = np.lib.stride_tricks.sliding_window_view(x, spans, axes)
    steps = [slice(None, None, s) for s in strides]
    gaps = [slice(None, None, d) for d in dilation]
    return view[(slice(None), *steps, slice(None), *gaps)]


def _padded(x: np.ndarray, pads: windows.Pads, value: Any = 0) -> np.ndarray:
    if all(p == (0, 0) for p in pads):
        return x
    return np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=np.asarray(value, x.dtype))


def _product(x: np.ndarray, kernel: np.ndarray, strides: Sequence[int], dilation: Sequence[int]) -> np.ndarray:
    """The convolution of a padded channels-last array, in groups where the kernel has fewer input channels."""
    rank = kernel.ndim - 2
    view = _view(x, kernel.shape[:rank], strides, dilation)
    groups = x.shape[-1] // kernel.shape[-2]
    contracted = ([rank + 1, *range(rank + 2, 2 * rank + 2)], [rank, *range(rank)])
    views = np.split(view, groups, rank + 1)
    kernels = np.split(kernel, groups, -1)
    return np.concatenate([np.tensordot(v, k, contracted) for v, k in zip(views, kernels, strict=True)], -1)


def _convolve(
    x: np.ndarray, kernel: np.ndarray, strides: Any, padding: str, data_format: str, dilation_rate: Any
) -> np.ndarray:
    strides, padding, dilation = windows.conv_arguments(x.ndim - 2, strides, padding, dilation_rate)
    x = _last(x, data_format)
    pads = windows.window_pads(x.shape[1:-1], kernel.shape[:-2], strides, dilation, padding)
    return _restored(_product(_padded(x, pads), kernel, strides, dilation), data_format)


def _convolve_transposed(
    x: np.ndarray,
    kernel: np.ndarray,
    strides: Any,
    padding: str,
    output_padding: Sequence[int | None],
    data_format: str,
    dilation_rate: Any,
) -> np.ndarray:
    rank = x.ndim - 2
    strides, padding, dilation = windows.conv_arguments(rank, strides, padding, dilation_rate)
    x = _last(x, data_format)
    sizes = [(n - 1) * s + 1 for n, s in zip(x.shape[1:-1], strides, strict=True)]
    spread = np.zeros((x.shape[0], *sizes, x.shape[-1]), x.dtype)
    spread[(slice(None), *(slice(None, None, s) for s in strides))] = x
    pads = []
    for arguments in zip(x.shape[1:-1], kernel.shape[:-2], strides, dilation, output_padding, strict=True):
        before, after = windows.transposed_crop(*arguments[:-1], padding, arguments[-1])
        reach = windows.extent(arguments[1], arguments[3]) - 1
        pads.append((reach - before, reach - after))
    cut = [slice(max(-b, 0), -a if a < 0 else None) for b, a in pads]
    spread = _padded(spread, [(max(b, 0), max(a, 0)) for b, a in pads])[(slice(None), *cut)]
    flipped = np.flip(kernel, tuple(range(rank))).swapaxes(-1, -2)
    return _restored(_product(spread, flipped, (1,) * rank, dilation), data_format)


def _lowest(dtype: np.dtype) -> Any:
    if dtype.kind in "iu":
        return np.iinfo(dtype).min
    return False if dtype.kind == "b" else ml_dtypes.finfo(dtype).min if dtype.kind == "V" else -math.inf


def _pool_max(x: np.ndarray, pool_size: Any, strides: Any, padding: str, data_format: str) -> np.ndarray:
    rank = x.ndim - 2
    strides, padding, ones = windows.conv_arguments(rank, strides, padding)
    window = windows.per_axis(pool_size, rank, "pool_size")
    x = _last(x, data_format)
    x = _padded(x, windows.window_pads(x.shape[1:-1], window, strides, ones, padding), _lowest(x.dtype))
    return _restored(_view(x, window, strides, ones).max(tuple(range(-rank, 0))), data_format)


def _pool_average(x: np.ndarray, pool_size: Any, strides: Any, padding: str, data_format: str) -> np.ndarray:
    rank = x.ndim - 2
    strides, padding, ones = windows.conv_arguments(rank, strides, padding)
    window = windows.per_axis(pool_size, rank, "pool_size")
    x = _last(x, data_format)
    pads = windows.window_pads(x.shape[1:-1], window, strides, ones, padding)
    axes = tuple(range(-rank, 0))
    sums = _view(_padded(x, pads), window, strides, ones).sum(axes)
    inside = _padded(np.ones((1, *x.shape[1:-1], 1), x.dtype), pads)
    return _restored(sums / _view(inside, window, strides, ones).sum(axes), data_format)


TABLE = {
    "convolve": in_float32(_convolve),
    "convolve_transposed": in_float32(_convolve_transposed),
    "pool_max": _pool_max,
    "pool_average": in_float32(_pool_average),
}
