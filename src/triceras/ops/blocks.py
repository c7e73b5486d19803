"""Rearrangements of images and signals: blocks and patches; and two small measures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triceras.backends.base import Tensor
from triceras.core import settings, windows
from triceras.ops.core import cast
from triceras.ops.core import dtype as dtype_of
from triceras.ops.dispatch import Index, TensorLike, composite
from triceras.ops.elementwise import divide, multiply, square
from triceras.ops.reduce import mean
from triceras.ops.shape import pad, reshape, stack, transpose
from triceras.ops.transcendental import cos, log10, sin

Sizes = int | Sequence[int]


def _blocks(name: str, x: Any, block_size: int, data_format: str) -> tuple[int, int, int]:
    """Height, width and channels of images."""
    settings.standardize_data_format(data_format)
    if len(x.shape) != 4 or block_size < 2:
        raise ValueError(
            f"{name}() needs images of 4 axes and a block_size of at least 2, received {tuple(x.shape)} and {block_size}."
        )
    return windows.channels_moved(tuple(x.shape), data_format)[1:]  # type: ignore[return-value]


@composite()
def depth_to_space(x: Index, block_size: int, data_format: str = "channels_last") -> Tensor:
    """Channels rearranged to blocks of pixels: ``(batch, h, w, c * b * b)`` to ``(batch, h * b, w * b, c)``.

    Example:
        >>> shape(depth_to_space(ones((1, 2, 2, 8)), 2))
        (1, 4, 4, 2)
    """
    h, w, c = _blocks("depth_to_space", x, block_size, data_format)
    b = block_size
    if c % (b * b):
        raise ValueError(f"depth_to_space() needs channels divisible by {b * b}, received {c}.")
    if data_format == "channels_last":
        x = transpose(reshape(x, (-1, h, w, b, b, c // (b * b))), (0, 1, 3, 2, 4, 5))
        return reshape(x, (-1, h * b, w * b, c // (b * b)))
    x = transpose(reshape(x, (-1, c // (b * b), b, b, h, w)), (0, 1, 4, 2, 5, 3))
    return reshape(x, (-1, c // (b * b), h * b, w * b))


@composite()
def space_to_depth(x: Index, block_size: int, data_format: str = "channels_last") -> Tensor:
    """Blocks of pixels rearranged to channels: ``(batch, h * b, w * b, c)`` to ``(batch, h, w, c * b * b)``.

    Example:
        >>> shape(space_to_depth(ones((1, 4, 4, 2)), 2))
        (1, 2, 2, 8)
    """
    h, w, c = _blocks("space_to_depth", x, block_size, data_format)
    b = block_size
    if h % b or w % b:
        raise ValueError(f"space_to_depth() needs a height and width divisible by {b}, received {h} and {w}.")
    if data_format == "channels_last":
        x = transpose(reshape(x, (-1, h // b, b, w // b, b, c)), (0, 1, 3, 2, 4, 5))
        return reshape(x, (-1, h // b, w // b, c * b * b))
    x = transpose(reshape(x, (-1, c, h // b, b, w // b, b)), (0, 1, 3, 5, 2, 4))
    return reshape(x, (-1, c * b * b, h // b, w // b))


def _pair(value: Sizes, name: str, least: int = 1) -> tuple[int, int]:
    pair: tuple[Any, ...] = tuple(value) if isinstance(value, list | tuple) else (value, value)
    if len(pair) != 2 or min(pair) < least:
        raise ValueError(f"{name} must be an integer of at least {least} or two of them, received {name}={value}.")
    return pair  # type: ignore[return-value]


def _offsets(kernel: tuple[int, int], dilation: tuple[int, int]) -> list[tuple[int, int]]:
    return [(i * dilation[0], j * dilation[1]) for i in range(kernel[0]) for j in range(kernel[1])]


@composite()
def unfold(x: Index, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1) -> Tensor:
    """The patches under a sliding window, as columns.

    Args:
        x: ``(batch, channels, height, width)``.
        kernel_size, dilation, padding, stride: one integer for both axes or two.

    Returns:
        ``(batch, channels * window, places)``.

    Example:
        >>> shape(unfold(ones((1, 2, 4, 4)), 3))
        (1, 18, 4)
    """
    kernel, gaps = _pair(kernel_size, "kernel_size"), _pair(dilation, "dilation")
    (top, left), (down, right) = _pair(padding, "padding", 0), _pair(stride, "stride")
    x = pad(x, ((0, 0), (0, 0), (top, top), (left, left)))
    _, channels, height, width = x.shape
    rows = windows.output_size(height, kernel[0], down, gaps[0], "valid")
    columns = windows.output_size(width, kernel[1], right, gaps[1], "valid")
    patches = [
        x[:, :, i : i + (rows - 1) * down + 1 : down, j : j + (columns - 1) * right + 1 : right]  # type: ignore[operator]
        for i, j in _offsets(kernel, gaps)
    ]
    return reshape(stack(patches, 2), (-1, channels * len(patches), rows * columns))  # type: ignore[operator]


@composite()
def fold(
    x: Index, output_size: Sizes, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
) -> Tensor:
    """The transpose of ``unfold``: columns put back in their places and summed where they overlap.

    Args:
        x: ``(batch, channels * window, places)``.
        output_size: height and width of the result.
        kernel_size, dilation, padding, stride: as in ``unfold``.

    Returns:
        ``(batch, channels, height, width)``.

    Example:
        >>> shape(fold(ones((1, 18, 4)), 4, 3))
        (1, 2, 4, 4)
    """
    kernel, gaps, size = (
        _pair(kernel_size, "kernel_size"),
        _pair(dilation, "dilation"),
        _pair(output_size, "output_size"),
    )
    pads, steps = _pair(padding, "padding", 0), _pair(stride, "stride")
    whole = [s + 2 * p for s, p in zip(size, pads, strict=True)]
    rows, columns = (windows.output_size(*a, "valid") for a in zip(whole, kernel, steps, gaps, strict=True))
    offsets = _offsets(kernel, gaps)
    channels = x.shape[1] // len(offsets)
    if x.shape[1] % len(offsets) or x.shape[2] != rows * columns:  # type: ignore[operator]
        raise ValueError(
            f"fold() needs (batch, a multiple of {len(offsets)}, {rows * columns}) for output_size={size} and "  # type: ignore[operator]
            f"kernel_size={kernel}, received {tuple(x.shape)}."
        )
    columns_of = reshape(x, (-1, channels, len(offsets), rows, columns))
    total: Any = 0
    for k, offset in enumerate(offsets):
        patch = columns_of[:, :, k]
        for axis, (start, step, full) in enumerate(zip(offset, steps, whole, strict=True), 2):
            patch = _spread(patch, axis, start, step, full)
        total = patch + total
    return total[:, :, pads[0] : pads[0] + size[0], pads[1] : pads[1] + size[1]]


def _spread(x: Any, axis: int, start: int, step: int, full: int) -> Any:
    """An axis put at ``start``, ``start + step`` … of one of ``full`` zeros."""
    count = x.shape[axis]
    shape = list(x.shape)
    if step > 1:
        widths = [(0, 0)] * (len(shape) + 1)
        widths[axis + 1] = (0, step - 1)
        spread = pad(reshape(x, (-1, *shape[1 : axis + 1], 1, *shape[axis + 1 :])), widths)
        x = reshape(spread, (-1, *shape[1:axis], count * step, *shape[axis + 1 :]))
        x = x[(slice(None),) * axis + (slice(0, (count - 1) * step + 1),)]
    widths = [(0, 0)] * len(shape)
    widths[axis] = (start, full - start - (count - 1) * step - 1)
    return pad(x, widths)


@composite("float")
def polar(abs_: TensorLike, angle: TensorLike) -> Tensor:
    """Complex numbers from magnitudes and angles in radians: ``abs_ * exp(i * angle)``.

    Example:
        >>> convert_to_numpy(polar([2.0], [0.0])).tolist()
        [(2+0j)]
    """
    dtype = "complex128" if dtype_of(angle) == "float64" else "complex64"
    return cast(abs_ * cos(angle), dtype) + cast(abs_ * sin(angle), dtype) * 1j


@composite("float")
def psnr(x1: TensorLike, x2: TensorLike, max_val: float) -> Tensor:
    """The peak signal-to-noise ratio of two tensors in decibels, ``20 log10(max_val) - 10 log10(mean((x1 - x2)**2))``.

    Args:
        x1, x2: tensors of one shape.
        max_val: the largest value there can be.

    Example:
        >>> convert_to_numpy(psnr([1.0], [0.0], 10.0)).round(2).item()
        20.0
    """
    if tuple(x1.shape) != tuple(x2.shape):
        raise ValueError(f"psnr() needs tensors of one shape, received {tuple(x1.shape)} and {tuple(x2.shape)}.")
    return multiply(log10(divide(mean(square(x1 - x2)), max_val**2)), -10)
