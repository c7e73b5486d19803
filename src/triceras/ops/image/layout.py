"""Where the axes of images are, and how results come back in their dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from triceras.backends.base import Tensor
from triceras.core import settings
from triceras.core.dtypes import is_int_dtype
from triceras.ops.core import cast
from triceras.ops.core import dtype as dtype_of
from triceras.ops.elementwise import clip
from triceras.ops.elementwise import round as rounded
from triceras.ops.shape import expand_dims, moveaxis, squeeze


def spatial_axis(op: str, images: Any, data_format: str | None, spatial: int = 2) -> int:
    """The first of the spatial axes of an image or a batch of them.

    Raises:
        ValueError: there are too few or too many axes.
    """
    data_format = settings.standardize_data_format(data_format)
    rank = len(images.shape)
    if rank not in (spatial + 1, spatial + 2):
        what = "images" if spatial == 2 else "volumes"
        raise ValueError(
            f"{op}() needs {what} of {spatial + 1} axes, or of {spatial + 2} with a batch, received the shape "
            f"{tuple(images.shape)}."
        )
    return rank - spatial - (1 if data_format == "channels_last" else 0)


def channel_axis(op: str, images: Any, data_format: str | None) -> int:
    """The axis of the channels, counted from the end."""
    spatial_axis(op, images, data_format)
    return -1 if settings.standardize_data_format(data_format) == "channels_last" else -3


def check_choice(op: str, name: str, value: Any, choices: Any) -> None:
    """Raise ``ValueError`` for an argument that isn't one of those there are."""
    if value not in choices:
        raise ValueError(f"{op}() has no {name} {value!r}. Expected one of: {', '.join(map(str, choices))}.")


def to_batch(images: Any, channels: int) -> Tensor:
    """``(batch, height, width, channels)``, whatever the channels' axis and with a batch of one where there is none."""
    images = images if channels == -1 else moveaxis(images, channels, -1)
    return images if len(images.shape) == 4 else expand_dims(images, 0)


def from_batch(images: Any, channels: int, rank: int) -> Tensor:
    """The inverse of ``to_batch``."""
    images = images if rank == 4 else squeeze(images, 0)
    return images if channels == -1 else moveaxis(images, -1, channels)


def in_full(x: Any) -> Tensor:
    """Floats of at least 32 bits: what sums and coordinates are computed in."""
    return x if dtype_of(x) in ("float32", "float64") else cast(x, "float32")


def as_dtype(x: Any, dtype: str) -> Tensor:
    """Floats in a dtype; as integers they are rounded to the nearest and clipped to the range."""
    if dtype_of(x) == dtype:
        return x
    if is_int_dtype(dtype):
        info = np.iinfo(dtype)
        x = clip(rounded(x), info.min, info.max)
    return cast(x, dtype)


def fill_number(value: Any, dtype: str) -> Any:
    """The number that stands outside of images: in their dtype, so for integers without its fraction, within the range."""
    if is_int_dtype(dtype):
        info = np.iinfo(dtype)
        return min(max(int(value), info.min), info.max)
    return float(value)
