"""Arithmetic of sliding windows: sizes along axes, shapes that come out."""

from __future__ import annotations

from typing import Any


def per_axis(name: str, value: Any, rank: int, least: int = 1) -> tuple[int, ...]:
    """A number, or one for each axis, as a tuple.

    Raises:
        ValueError: there are too many or too few, or one is below the least.
    """
    values = (value,) * rank if isinstance(value, int) else tuple(value) if hasattr(value, "__iter__") else ()
    if len(values) != rank or any(not isinstance(v, int) or v < least for v in values):
        raise ValueError(f"{name} is an integer of at least {least}, or {rank} of them, received {value!r}.")
    return values


def window_shape(
    input_shape: Any,
    size: tuple[int, ...],
    strides: tuple[int, ...],
    padding: str,
    data_format: str,
    dilation: tuple[int, ...] | None = None,
    channels: int | None = None,
    where: str = "",
) -> tuple[int | None, ...]:
    """The shape after sliding windows over the spatial axes.

    Args:
        input_shape: with batch and channels.
        size, strides, dilation: for each spatial axis.
        padding: ``"valid"``, ``"same"`` or ``"causal"``.
        data_format: where the channels stand.
        channels: the new number of channels; None keeps it.
        where: the layer's path, for errors.

    Raises:
        ValueError: the window doesn't fit.
    """
    last = data_format == "channels_last"
    spatial = input_shape[1:-1] if last else input_shape[2:]
    sizes: list[int | None] = []
    for length, window, stride, rate in zip(spatial, size, strides, dilation or (1,) * len(size), strict=True):
        if length is None:
            sizes.append(None)
            continue
        reach = (window - 1) * rate + 1
        out = -(-length // stride) if padding in ("same", "causal") else (length - reach) // stride + 1
        if out <= 0 and length > 0:
            raise ValueError(
                f"Layer {where!r}: a window of {reach} doesn't fit an axis of {length}; the input has the shape "
                f"{tuple(input_shape)}. Use padding='same', or a smaller window."
            )
        sizes.append(out)
    depth = channels if channels is not None else (input_shape[-1] if last else input_shape[1])
    return (input_shape[0], *sizes, depth) if last else (input_shape[0], depth, *sizes)
