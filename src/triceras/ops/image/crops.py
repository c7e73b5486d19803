"""Images cut at their sides, or with zeros added there."""

from __future__ import annotations

import functools
from typing import Any

from triceras.backends.base import Spec, Tensor
from triceras.ops.dispatch import Index, composite
from triceras.ops.image.layout import spatial_axis
from triceras.ops.shape import pad

_AXES = ("height", "width")
_SIDES = (("top", "bottom"), ("left", "right"))


def _two_of_three(op: str, what: str, axis: int, before: Any, after: Any, target: Any) -> None:
    """Raise ``ValueError`` unless exactly two say what happens to an axis, and none is negative."""
    names = (*(f"{side}_{what}" for side in _SIDES[axis]), f"target_{_AXES[axis]}")
    given = {name: value for name, value in zip(names, (before, after, target), strict=True) if value is not None}
    if len(given) != 2 or min(given.values()) < 0:
        raise ValueError(
            f"{op}() needs exactly two of {', '.join(names)}, none of them negative, received {given or 'none'}."
        )


def _cut(axis: int, size: int | None, before: Any, after: Any, target: Any) -> slice:
    """The part of an axis that stays."""
    _two_of_three("crop_images", "cropping", axis, before, after, target)
    asked = sum(v for v in (before, after, target) if v is not None)
    if size is not None and asked > size:
        raise ValueError(
            f"crop_images() cannot crop a {_AXES[axis]} of {size}: received {_SIDES[axis][0]}_cropping={before}, "
            f"{_SIDES[axis][1]}_cropping={after}, target_{_AXES[axis]}={target}, together {asked}."
        )
    if after is None:
        return slice(before, before + target)
    end = -after or None
    if target is None:
        return slice(before, end)
    return slice(-(after + target), end) if after + target else slice(0, 0)


def _grown(axis: int, size: int | None, before: Any, after: Any, target: Any) -> tuple[Any, Any]:
    """How much is added before and after an axis; None where it depends on a size that isn't known."""
    _two_of_three("pad_images", "padding", axis, before, after, target)
    if target is None:
        return before, after
    if size is None:
        return None, None
    rest = target - size - (before if after is None else after)
    if rest < 0:
        raise ValueError(
            f"pad_images() cannot bring a {_AXES[axis]} of {size} to target_{_AXES[axis]}={target} with "
            f"{_SIDES[axis][0]}_padding={before} and {_SIDES[axis][1]}_padding={after}: too small by {-rest}."
        )
    return (before, rest) if after is None else (rest, after)


def _per_axis(images: Any, arguments: tuple[Any, ...], data_format: str | None, op: str) -> tuple[int, list[Any]]:
    """The first spatial axis, and ``(axis, size, before, after, target)`` for each of the two."""
    first = spatial_axis(op, images, data_format)
    top, left, bottom, right, height, width = arguments
    return first, [(0, images.shape[first], top, bottom, height), (1, images.shape[first + 1], left, right, width)]


def _new_size(shift: Any, axis: int, size: int | None, before: Any, after: Any, target: Any) -> int | None:
    shift(axis, size, before, after, target)  # checks
    if target is not None or size is None:
        return target
    change = before + after
    return size - change if shift is _cut else size + change


def _spec(op: str, shift: Any, images: Spec, *given: Any, **named: Any) -> Spec:
    names = (*(f"{s}_{'cropping' if shift is _cut else 'padding'}" for s in ("top", "left", "bottom", "right")),)
    names += ("target_height", "target_width", "data_format")
    values = dict.fromkeys(names) | dict(zip(names, given, strict=False)) | named
    data_format = values.pop("data_format")
    first, axes = _per_axis(images, tuple(values.values()), data_format, op)
    shape = list(images.shape)
    shape[first : first + 2] = [_new_size(shift, *arguments) for arguments in axes]
    return Spec(tuple(shape), images.dtype)


@composite(spec=functools.partial(_spec, "crop_images", _cut))
def crop_images(
    images: Index,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """A part of images. Two of top, bottom and target height are given, and two of left, right and target width.

    Args:
        images: ``([batch,] height, width, channels)``, or with the channels before for ``channels_first``; any dtype.
        top_cropping, left_cropping, bottom_cropping, right_cropping: how many rows or columns are cut at each side.
        target_height, target_width: how many are left.
        data_format: ``"channels_last"``, ``"channels_first"``, or None for ``config.image_data_format()``.

    Returns:
        The images in their dtype, ``height - top - bottom`` high and ``width - left - right`` wide.

    Raises:
        ValueError: not two of three are given, one is negative, or more is asked for than there is.

    Example:
        >>> shape(crop_images(ones((1, 6, 5, 3)), 1, 2, target_height=3, right_cropping=1))
        (1, 3, 2, 3)
    """
    arguments = (top_cropping, left_cropping, bottom_cropping, right_cropping, target_height, target_width)
    first, axes = _per_axis(images, arguments, data_format, "crop_images")
    return images[(slice(None),) * first + tuple(_cut(*one) for one in axes)]


@composite(spec=functools.partial(_spec, "pad_images", _grown))
def pad_images(
    images: Index,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Images with zeros around. Two of top, bottom and target height are given, and two of left, right and target width.

    Args:
        images: ``([batch,] height, width, channels)``, or with the channels before for ``channels_first``; any dtype.
        top_padding, left_padding, bottom_padding, right_padding: how many rows or columns are added at each side.
        target_height, target_width: how many there are then.
        data_format: ``"channels_last"``, ``"channels_first"``, or None for ``config.image_data_format()``.

    Returns:
        The images in their dtype, ``height + top + bottom`` high and ``width + left + right`` wide.

    Raises:
        ValueError: not two of three are given, one is negative, or the images are larger than the target.

    Example:
        >>> shape(pad_images(ones((1, 6, 5, 3)), 1, 2, target_height=9, right_padding=1))
        (1, 9, 8, 3)
    """
    arguments = (top_padding, left_padding, bottom_padding, right_padding, target_height, target_width)
    first, axes = _per_axis(images, arguments, data_format, "pad_images")
    grown = [_grown(*one) for one in axes]
    if (None, None) in grown:
        raise ValueError(
            f"pad_images() needs to know the size of images whose target is given, received {tuple(images.shape)}."
        )
    widths = [(0, 0)] * first + grown
    return pad(images, widths + [(0, 0)] * (len(images.shape) - len(widths)))
