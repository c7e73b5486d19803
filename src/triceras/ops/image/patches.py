"""Images and volumes as the patches under a sliding window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from triceras.backends import registry
from triceras.backends.base import Spec, Tensor
from triceras.core import settings, windows
from triceras.ops.dispatch import Index, composite
from triceras.ops.image.layout import spatial_axis
from triceras.ops.indexing import take
from triceras.ops.shape import expand_dims, moveaxis, pad, reshape, squeeze, transpose

Sizes = int | Sequence[int]


def _arguments(images: Any, rank: int, given: tuple[Any, ...]) -> tuple[Any, ...]:
    """The first spatial axis, window, strides, dilation rates and padding."""
    size, strides, dilation_rate, padding, data_format = given
    first = spatial_axis("extract_patches" if rank == 2 else "extract_patches_3d", images, data_format, rank)
    window = windows.per_axis(size, rank, "size")
    steps = window if strides is None else strides
    strides, padding, dilation = windows.conv_arguments(rank, steps, padding, dilation_rate)
    return first, window, strides, dilation, padding


def _spec(images: Spec, *given: Any, **named: Any) -> Spec:
    values = {"strides": None, "dilation_rate": 1, "padding": "valid", "data_format": None}
    values |= dict(zip(("size", *values), given, strict=False)) | named
    size = values.pop("size")
    rank = 3 if _is_volume(size) else 2
    data_format = settings.standardize_data_format(values["data_format"])
    first, window, strides, dilation, padding = _arguments(images, rank, (size, *values.values()))
    spatial = images.shape[first : first + rank]
    counts = [windows.output_size(*one, padding) for one in zip(spatial, window, strides, dilation, strict=True)]
    channels = images.shape[-1 if data_format == "channels_last" else first - 1]
    depth = None if channels is None else channels * int(np.prod(window))
    batch = images.shape[: len(images.shape) - rank - 1]
    sizes = (*counts, depth) if data_format == "channels_last" else (depth, *counts)
    return Spec((*batch, *sizes), images.dtype)


def _is_volume(size: Any) -> bool:
    return isinstance(size, list | tuple) and len(size) == 3


def _split(x: Any, axis: int, count: int, size: int, stride: int, dilation: int) -> Tensor:
    """An axis as two: ``count`` windows, and the ``size`` places in each."""
    if stride == size and dilation == 1:
        x = x[(slice(None),) * axis + (slice(0, count * size),)]
    else:
        places = np.arange(count)[:, None] * stride + np.arange(size) * dilation
        x = take(x, registry.active().convert_to_tensor(places.ravel().astype(np.int32)), axis)
    return reshape(x, (-1, *x.shape[1:axis], count, size, *x.shape[axis + 1 :]))


@composite(fused=True)
def patches(
    x: Index, window: tuple[int, ...], strides: tuple[int, ...], dilation: tuple[int, ...], padding: str
) -> Tensor:
    """The patches of a batch with the channels last; its spatial axes are as many as the window's sizes."""
    rank = len(window)
    spatial = x.shape[1:-1]
    pads = windows.window_pads(spatial, window, strides, dilation, padding)
    if any(pair != (0, 0) for pair in pads):
        x = pad(x, [(0, 0), *pads, (0, 0)])
    counts = [windows.output_size(*one, padding) for one in zip(spatial, window, strides, dilation, strict=True)]
    for i in reversed(range(rank)):  # the later axes first: those before them keep their places
        x = _split(x, i + 1, counts[i], window[i], strides[i], dilation[i])
    order = (0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1)
    x = transpose(x, order)
    return reshape(x, (-1, *counts, int(np.prod(window)) * x.shape[-1]))


@composite(spec=_spec)
def extract_patches(
    images: Index,
    size: Sizes,
    strides: Sizes | None = None,
    dilation_rate: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """The patches of images under a sliding window.

    Args:
        images: ``([batch,] height, width, channels)``, or with the channels before for ``channels_first``; any dtype.
        size: height and width of the window, or one number for both; of three numbers the images are volumes, as in
            ``extract_patches_3d``.
        strides: the step of the window, its size by default.
        dilation_rate: the distance between the pixels of a window.
        padding: ``"valid"`` for none, ``"same"`` for zeros around, so that there are ``ceil(size / stride)`` windows an axis.
        data_format: ``"channels_last"``, ``"channels_first"``, or None for ``config.image_data_format()``.

    Returns:
        ``([batch,] rows, columns, height * width * channels)`` in the images' dtype: a patch's numbers stand row by
        row, pixel by pixel, where the channels stand in the data format.

    Raises:
        ValueError: shapes, sizes or a padding that don't fit.

    Example:
        >>> shape(extract_patches(ones((1, 8, 8, 3)), 4))
        (1, 2, 2, 48)
    """
    rank = 3 if _is_volume(size) else 2
    first, *arguments = _arguments(images, rank, (size, strides, dilation_rate, padding, data_format))
    channels = -1 if first + rank < len(images.shape) else first - 1
    batched = len(images.shape) == rank + 2
    x = images if channels == -1 else moveaxis(images, channels, -1)
    x = patches(x if batched else expand_dims(x, 0), *arguments)
    x = x if batched else squeeze(x, 0)
    return x if channels == -1 else moveaxis(x, -1, channels)


def extract_patches_3d(
    volumes: Index,
    size: Sizes,
    strides: Sizes | None = None,
    dilation_rate: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """The patches of volumes under a sliding window.

    Args:
        volumes: ``([batch,] depth, height, width, channels)``, or with the channels before for ``channels_first``; any dtype.
        size: of the window, a number for each of the three axes or one for all.
        strides, dilation_rate, padding, data_format: as in ``extract_patches``.

    Returns:
        ``([batch,] planes, rows, columns, depth * height * width * channels)`` in the volumes' dtype.

    Raises:
        ValueError: shapes, sizes or a padding that don't fit.

    Example:
        >>> shape(extract_patches_3d(ones((1, 4, 4, 4, 2)), 2))
        (1, 2, 2, 2, 16)
    """
    # Not an op of its own: files know patches of volumes as `extract_patches` with a size of three.
    return extract_patches(volumes, windows.per_axis(size, 3, "size"), strides, dilation_rate, padding, data_format)
