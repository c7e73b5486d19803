"""Colours in other spaces."""

from __future__ import annotations

from typing import Any

from triceras.backends.base import Spec, Tensor
from triceras.core.dtypes import is_float_dtype
from triceras.ops.core import cast
from triceras.ops.core import dtype as dtype_of
from triceras.ops.dispatch import Index, composite
from triceras.ops.elementwise import clip, minimum, mod
from triceras.ops.image.layout import channel_axis, in_full
from triceras.ops.logic import where
from triceras.ops.shape import stack, unstack
from triceras.ops.specs import same

#: Shares of red, green and blue in the brightness: ITU-R Recommendation BT.601.
_LUMA = (0.2989, 0.5870, 0.1140)


def _channels(op: str, images: Any, data_format: str | None) -> tuple[int, list[Tensor]]:
    """The axis of the channels, and red, green and blue (or hue, saturation and value) in 32 bits at least."""
    axis = channel_axis(op, images, data_format)
    if images.shape[axis] != 3:
        raise ValueError(
            f"{op}() needs images of 3 channels along axis {axis}, received {images.shape[axis]} in the shape "
            f"{tuple(images.shape)}."
        )
    return axis, unstack(in_full(images), 3, axis)


def _gray_spec(images: Spec, data_format: str | None = None) -> Spec:
    axis = channel_axis("rgb_to_grayscale", images, data_format)
    shape = list(images.shape)
    shape[axis] = 1
    return Spec(tuple(shape), images.dtype)


@composite(spec=_gray_spec)
def rgb_to_grayscale(images: Index, data_format: str | None = None) -> Tensor:
    """The brightness of pixels, ``0.2989 red + 0.5870 green + 0.1140 blue`` (ITU-R BT.601).

    Args:
        images: ``([batch,] height, width, 3)``, or with the channels before for ``channels_first``; those of one channel
            are returned as they are.
        data_format: ``"channels_last"``, ``"channels_first"``, or None for ``config.image_data_format()``.

    Returns:
        Images of one channel in the same dtype; integers lose their fraction.

    Raises:
        ValueError: other numbers of axes or channels.

    Example:
        >>> convert_to_numpy(rgb_to_grayscale([[[100, 50, 0]]])).tolist()
        [[[59]]]
    """
    if images.shape[channel_axis("rgb_to_grayscale", images, data_format)] == 1:
        return images
    axis, colours = _channels("rgb_to_grayscale", images, data_format)
    red, green, blue = (colour * share for colour, share in zip(colours, _LUMA, strict=True))
    return cast(stack([red + green + blue], axis), dtype_of(images))


def _check_float(op: str, dtype: str) -> None:
    if not is_float_dtype(dtype):
        raise ValueError(
            f"{op}() needs floating images with values from 0 to 1, received images of {dtype}. Cast them, and "
            "divide by 255 what has 8 bits."
        )


def _colour_spec(op: str) -> Any:
    def spec(images: Spec, data_format: str | None = None) -> Spec:
        _check_float(op, images.dtype)
        channel_axis(op, images, data_format)
        return same(images)

    return spec


@composite(spec=_colour_spec("rgb_to_hsv"))
def rgb_to_hsv(images: Index, data_format: str | None = None) -> Tensor:
    """Hue, saturation and value of red, green and blue (Smith, "Color Gamut Transform Pairs", 1978).

    Args:
        images: ``([batch,] height, width, 3)``, or with the channels before for ``channels_first``; floats from 0 to 1.
        data_format: ``"channels_last"``, ``"channels_first"``, or None for ``config.image_data_format()``.

    Returns:
        Images of the same shape and dtype. The hue goes round once from 0 to 1, and is 0 for grays.

    Raises:
        ValueError: integers, or other numbers of axes or channels.

    Example:
        >>> convert_to_numpy(rgb_to_hsv([[[0.0, 0.5, 0.0]]])).round(3).tolist()
        [[[0.3330000042915344, 1.0, 0.5]]]
    """
    _check_float("rgb_to_hsv", dtype_of(images))
    axis, (red, green, blue) = _channels("rgb_to_hsv", images, data_format)
    value = where(red > green, red, green)
    value = where(blue > value, blue, value)
    span = value - minimum(minimum(red, green), blue)
    safe = where(span > 0, span, 1.0)
    # Which of the six sectors of the colour wheel: by the greatest colour, and the difference of the other two.
    sector = where(
        value == red,
        (green - blue) / safe,
        where(value == green, (blue - red) / safe + 2.0, (red - green) / safe + 4.0),
    )
    hue = where(span > 0, mod(sector / 6.0, 1.0), 0.0)
    saturation = where(value > 0, span / where(value > 0, value, 1.0), 0.0)
    return cast(stack([hue, saturation, value], axis), dtype_of(images))


@composite(spec=_colour_spec("hsv_to_rgb"))
def hsv_to_rgb(images: Index, data_format: str | None = None) -> Tensor:
    """Red, green and blue of hue, saturation and value: the inverse of ``rgb_to_hsv``.

    Args:
        images: ``([batch,] height, width, 3)``, or with the channels before for ``channels_first``; floats. Hues go
            round, those below 0 and above 1 too.
        data_format: ``"channels_last"``, ``"channels_first"``, or None for ``config.image_data_format()``.

    Returns:
        Images of the same shape and dtype.

    Raises:
        ValueError: integers, or other numbers of axes or channels.

    Example:
        >>> convert_to_numpy(hsv_to_rgb([[[0.5, 1.0, 0.8]]])).round(3).tolist()
        [[[0.0, 0.800000011920929, 0.800000011920929]]]
    """
    _check_float("hsv_to_rgb", dtype_of(images))
    axis, (hue, saturation, value) = _channels("hsv_to_rgb", images, data_format)
    colours = []
    for turn in (5.0, 3.0, 1.0):  # how far red, green and blue are from where each falls off, in sixths of the wheel
        distance = mod(hue * 6.0 + turn, 6.0)
        colours.append(value - value * saturation * clip(minimum(distance, 4.0 - distance), 0.0, 1.0))
    return cast(stack(colours, axis), dtype_of(images))
