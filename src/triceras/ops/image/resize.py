"""Images in other sizes.

Resizing is linear and separable: each axis is multiplied by a matrix of weights that depends on the sizes alone, most of
them zero as a rule. Pixels are squares whose centres lie at half-integers, on every backend.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from triceras.backends import registry
from triceras.backends.base import Spec, Tensor
from triceras.core import settings
from triceras.core.windows import nearest
from triceras.ops.core import cast
from triceras.ops.core import dtype as dtype_of
from triceras.ops.dispatch import Index, composite
from triceras.ops.image.kernels import KERNELS
from triceras.ops.image.layout import as_dtype, check_choice, fill_number, in_full
from triceras.ops.indexing import take
from triceras.ops.products import tensordot
from triceras.ops.shape import moveaxis, pad

INTERPOLATIONS = ("nearest", *KERNELS)


@functools.lru_cache(maxsize=256)
def weights(old: int, new: int, interpolation: str, antialias: bool) -> np.ndarray:
    """The matrix ``(new, old)`` that resizes an axis; each row sums to one."""
    scale = old / new
    centers = (np.arange(new) + 0.5) * scale - 0.5
    spread = max(scale, 1.0) if antialias else 1.0
    matrix = KERNELS[interpolation](np, (centers[:, None] - np.arange(old)) / spread)
    total = matrix.sum(1, keepdims=True)
    return np.where(np.abs(total) > 1e-8, matrix / np.where(total == 0, 1, total), 0)


def _resize_spec(images: Spec, size: Any, interpolation: str = "bilinear", *args: Any, **kwargs: Any) -> Spec:
    data_format = settings.standardize_data_format(kwargs.get("data_format") or (args[5] if len(args) > 5 else None))
    shape, first = list(images.shape), len(images.shape) - (3 if data_format == "channels_last" else 2)
    shape[first : first + 2] = size
    return Spec(tuple(shape), images.dtype)


@composite(spec=_resize_spec)
def resize(
    images: Index,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Tensor:
    """Images in another size.

    Args:
        images: ``([batch,] height, width, channels)``, or with the channels before for ``channels_first``.
        size: the new height and width.
        interpolation: nearest, bilinear, bicubic, lanczos3 or lanczos5.
        antialias: whether all old pixels count when the size shrinks, rather than those around the new ones alone.
        crop_to_aspect_ratio: whether images are cut, evenly on both sides, rather than distorted.
        pad_to_aspect_ratio: whether they are padded, evenly on both sides, rather than distorted.
        fill_mode: how they are padded: ``"constant"``.
        fill_value: with what.
        data_format: ``"channels_last"``, ``"channels_first"``, or None for ``config.image_data_format()``.

    Returns:
        The images in the new size, in their dtype; integers are rounded.

    Example:
        >>> shape(resize(ones((1, 4, 4, 3)), (8, 6)))
        (1, 8, 6, 3)
    """
    data_format = settings.standardize_data_format(data_format)
    _check(images, size, interpolation, crop_to_aspect_ratio, pad_to_aspect_ratio, fill_mode)
    first = len(images.shape) - (3 if data_format == "channels_last" else 2)
    axes = (first, first + 1)
    old = [images.shape[a] for a in axes]
    if crop_to_aspect_ratio:
        kept = (
            max(1, min(old[0], int(old[1] * size[0] / size[1]))),
            max(1, min(old[1], int(old[0] * size[1] / size[0]))),
        )
        starts = [int((o - k) / 2) for o, k in zip(old, kept, strict=True)]
        cuts = tuple(slice(s, s + k) for s, k in zip(starts, kept, strict=True))
        images = images[(slice(None),) * first + cuts]
    elif pad_to_aspect_ratio:
        grown = (max(old[0], int(old[1] * size[0] / size[1])), max(old[1], int(old[0] * size[1] / size[0])))
        pads = [((g - o) // 2, (g - o) // 2) for o, g in zip(old, grown, strict=True)]  # of an odd rest one is left out
        widths = [(0, 0)] * first + pads + [(0, 0)] * (len(images.shape) - first - 2)
        dtype = dtype_of(images)
        images = cast(pad(images, widths, constant_values=fill_number(fill_value, dtype)), dtype)
    return resized(images, (int(size[0]), int(size[1])), first, interpolation, antialias)


def _check(images: Any, size: Any, interpolation: str, crop: bool, grow: bool, fill_mode: str) -> None:
    if len(images.shape) not in (3, 4) or np.shape(size) != (2,) or min(size) < 1:
        raise ValueError(
            f"resize() needs images of 3 or 4 axes and a positive height and width, received images of shape "
            f"{tuple(images.shape)} and size={size}."
        )
    check_choice("resize", "interpolation", interpolation, INTERPOLATIONS)
    if crop and grow:
        raise ValueError("resize() can crop or pad to the aspect ratio, not both.")
    if fill_mode != "constant":
        raise ValueError(f"resize() pads with fill_mode='constant' alone, received {fill_mode!r}.")


@composite(fused=True)
def resized(images: Index, size: tuple[int, int], first: int, interpolation: str, antialias: bool) -> Tensor:
    """``resize`` without its aspect ratio: the two axes from ``first`` on get their new sizes."""
    result = images
    for axis, new in zip((first, first + 1), size, strict=True):
        result = _resize_axis(result, axis, new, interpolation, antialias)
    return as_dtype(result, dtype_of(images))


def _resize_axis(x: Any, axis: int, new: int, interpolation: str, antialias: bool) -> Any:
    old = x.shape[axis]
    if old == new:
        return x
    backend = registry.active()
    if interpolation == "nearest":
        return take(x, backend.convert_to_tensor(nearest(old, new)), axis)
    return weighted(in_full(x), axis, weights(old, new, interpolation, antialias))


@composite()
def weighted(x: Index, axis: int, matrix: np.ndarray) -> Tensor:
    """An axis multiplied by a matrix on the host."""
    tensor = registry.active().convert_to_tensor(matrix, dtype_of(x))
    return moveaxis(tensordot(x, tensor, ([axis], [1])), -1, axis)
