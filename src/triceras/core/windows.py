"""Arithmetic of windows that slide over axes: convolutions and pooling.

``"same"`` follows TensorFlow everywhere: as many outputs as ``ceil(size / stride)``, the odd one of the padding at the end.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from triceras.core.shapes import Shape

Pads = list[tuple[int, int]]


def per_axis(value: Any, rank: int, name: str) -> tuple[int, ...]:
    """One positive integer an axis, from one for all of them or a sequence.

    Raises:
        ValueError: there are too many or too few of them, or one isn't positive.
    """
    return _per_axis(tuple(value) if hasattr(value, "__iter__") else value, rank, name)


@functools.lru_cache(maxsize=512)
def _per_axis(value: Any, rank: int, name: str) -> tuple[int, ...]:
    values = value if isinstance(value, tuple) else (value,) * rank
    if len(values) != rank or any(v < 1 for v in values):
        raise ValueError(f"{name} must be a positive integer or {rank} of them, received {name}={value}.")
    return tuple(int(v) for v in values)


def checked_padding(padding: str) -> str:
    """``"valid"`` or ``"same"``, in lower case.

    Raises:
        ValueError: it is neither.
    """
    lower = str(padding).lower()
    if lower not in ("valid", "same"):
        raise ValueError(f"padding must be 'valid' or 'same', received padding={padding!r}.")
    return lower


def extent(window: int, dilation: int) -> int:
    """How much a window with gaps spans."""
    return (window - 1) * dilation + 1


def output_size(size: int | None, window: int | None, stride: int, dilation: int, padding: str) -> Any:
    """How many windows an axis has; None where that isn't known."""
    if size is None:
        return None
    if padding == "same":
        return (size + stride - 1) // stride
    if window is None:
        return None
    count = (size - extent(window, dilation)) // stride + 1
    return max(count, 0) if isinstance(count, int) else count  # a symbol of a tracer's is taken to be large enough


def window_pads(
    sizes: Sequence[int], window: Sequence[int], strides: Sequence[int], dilation: Sequence[int], padding: str
) -> Pads:
    """How much is padded before and after each axis."""
    if padding == "valid":
        return [(0, 0)] * len(window)
    pads = []
    for size, w, stride, d in zip(sizes, window, strides, dilation, strict=True):
        total = ((size + stride - 1) // stride - 1) * stride + extent(w, d) - size
        if extent(w, d) < stride:  # else it can't be negative, which symbols don't tell
            total = max(total, 0)
        pads.append((total // 2, total - total // 2))
    return pads


def transposed_size(
    size: int | None, window: int | None, stride: int, dilation: int, padding: str, output_padding: int | None
) -> int | None:
    """The size of the axis that a convolution with these arguments brings to ``size``; None where it isn't known."""
    if size is None or window is None:
        return None
    span = extent(window, dilation)
    if output_padding is None:
        return size * stride + (max(span - stride, 0) if padding == "valid" else 0)
    pad = 0 if padding == "valid" else span // 2
    return (size - 1) * stride + span - 2 * pad + output_padding


def transposed_crop(
    size: int, window: int, stride: int, dilation: int, padding: str, output_padding: int | None
) -> tuple[int, int]:
    """What is cut from both ends of the whole transposed convolution, of ``(size - 1) * stride + span`` sizes.

    The second is negative where zeros come after it.
    """
    whole = (size - 1) * stride + extent(window, dilation)
    result = transposed_size(size, window, stride, dilation, padding, output_padding)
    excess = whole - result  # type: ignore[operator]
    before = max(excess, 0) // 2 if padding == "same" else 0
    return before, excess - before


def adaptive_windows(size: int, count: int) -> list[tuple[int, int]]:
    """Start and end of ``count`` windows that cover an axis, as equal as they can be."""
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


def nearest(size: int, count: int) -> np.ndarray:
    """The pixel nearest to each of ``count`` that take the place of ``size``, int32."""
    return np.minimum(np.floor((np.arange(count) + 0.5) * size / count), size - 1).astype(np.int32)


#: With more weights to a row, XLA and TensorFlow's kernels are quicker at a product (measured on CPUs).
_MOST_TAPS = 8


def taps(matrix: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]] | None:
    """What rows take of an axis that a matrix multiplies: places, int32, and weights, a vector of each for every summand.

    None where rows or columns hold so many weights that a product is quicker, forward or backward.
    """
    if max(np.count_nonzero(matrix, axis).max() for axis in (0, 1)) > _MOST_TAPS:
        return None
    count = np.count_nonzero(matrix, 1).max()
    places = np.argsort(matrix == 0, 1, kind="stable")[:, :count].astype(np.int32)
    return list(zip(places.T, np.take_along_axis(matrix, places, 1).T, strict=True))


def channels_moved(shape: Shape, data_format: str) -> Any:
    """A shape with the channels last."""
    return shape if data_format == "channels_last" else (shape[0], *shape[2:], shape[1])


def channels_restored(shape: Shape, data_format: str) -> Shape:
    """A shape with the channels last as it is in a data format."""
    return shape if data_format == "channels_last" else (shape[0], shape[-1], *shape[1:-1])


def conv_arguments(
    rank: int, strides: Any, padding: Any, dilation_rate: Any = 1
) -> tuple[tuple[int, ...], str, tuple[int, ...]]:
    """The arguments of a convolution over ``rank`` axes, checked."""
    strides, dilation = (tuple(v) if isinstance(v, list) else v for v in (strides, dilation_rate))
    return _conv_arguments(rank, strides, padding, dilation)


@functools.lru_cache(maxsize=512)
def _conv_arguments(rank: int, strides: Any, padding: Any, dilation: Any) -> Any:
    """The same for hashable ones: an eager call looks them up in a tenth of the time that checking them takes."""
    return per_axis(strides, rank, "strides"), checked_padding(padding), per_axis(dilation, rank, "dilation_rate")
