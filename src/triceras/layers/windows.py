"""Arithmetic of sliding windows: sizes along axes, shapes that come out."""

from __future__ import annotations

from typing import Any

from triceras.core.shapes import known_size


def _of_layer(where: str) -> str:
    return f"Layer {where!r}: " if where else ""


def per_axis(name: str, value: Any, rank: int, least: int = 1, where: str = "") -> tuple[int, ...]:
    """A number, or one for each axis, as a tuple.

    Args:
        name: the argument's, for errors.
        value: what was given.
        rank: how many axes there are.
        least: the smallest number allowed.
        where: the layer's path, for errors.

    Raises:
        ValueError: there are too many or too few, or one is below the least.
    """
    values = (value,) * rank if isinstance(value, int) else tuple(value) if hasattr(value, "__iter__") else ()
    if len(values) != rank or any(not isinstance(v, int) or v < least for v in values):
        raise ValueError(
            f"{_of_layer(where)}{name} is an integer of at least {least}, or {rank} of them, received {value!r}."
        )
    return values


def pairs_per_axis(name: str, value: Any, rank: int, where: str = "") -> tuple[tuple[int, int], ...]:
    """Numbers for both ends of each axis, given as one, one for each axis, or a pair for each; of one axis, as the pair.

    Raises:
        ValueError: it is none of these.
    """
    if rank == 1:
        return (per_axis(name, value, 2, 0, where),)  # type: ignore[return-value]
    values = (value,) * rank if isinstance(value, int) else tuple(value) if hasattr(value, "__iter__") else ()
    pairs: tuple[Any, ...] = tuple(
        (v, v) if isinstance(v, int) else tuple(v) if hasattr(v, "__iter__") else () for v in values
    )
    if len(pairs) != rank or any(len(p) != 2 or any(not isinstance(n, int) or n < 0 for n in p) for p in pairs):
        raise ValueError(
            f"{_of_layer(where)}{name} is an integer of at least 0, {rank} of them, or {rank} pairs of them, received "
            f"{value!r}."
        )
    return pairs


def check_rank(input_shape: Any, rank: int, where: str) -> None:
    """Raise a ValueError unless a shape has a batch axis, as many spatial ones as ``rank`` says, and channels."""
    if len(input_shape) != rank + 2:
        raise ValueError(
            f"{_of_layer(where)}inputs have {rank + 2} axes: the batch, {rank} spatial and the channels; received the "
            f"shape {tuple(input_shape)}."
        )


def least_sizes(
    size: tuple[int, ...], padding: str, data_format: str, dilation: tuple[int, ...] | None = None
) -> tuple[tuple[int, int], ...]:
    """The axes in which windows must fit, each with the least size that takes one; none where padding makes room."""
    if padding != "valid":
        return ()
    first = 1 if data_format == "channels_last" else 2
    rates = dilation or (1,) * len(size)
    return tuple((first + i, (window - 1) * rates[i] + 1) for i, window in enumerate(size))


def fits(shape: Any, least: tuple[tuple[int, int], ...]) -> bool:
    """Whether windows fit, as far as the sizes are known. Asked at every call: what backends do with nothing differs."""
    return all((size := known_size(shape[axis])) is None or size >= needed for axis, needed in least)


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
        ValueError: the window doesn't fit, or the shape has another number of axes.
    """
    check_rank(input_shape, len(size), where)
    last = data_format == "channels_last"
    spatial = input_shape[1:-1] if last else input_shape[2:]
    sizes: list[int | None] = []
    for length, window, stride, rate in zip(spatial, size, strides, dilation or (1,) * len(size), strict=True):
        if length is None:
            sizes.append(None)
            continue
        reach = (window - 1) * rate + 1
        if padding == "valid" and reach > length:
            raise ValueError(
                f"{_of_layer(where)}a window of {reach} doesn't fit an axis of {length}; the input has the shape "
                f"{tuple(input_shape)}. Use padding='same', or a smaller window."
            )
        sizes.append((length - reach) // stride + 1 if padding == "valid" else -(-length // stride))
    depth = channels if channels is not None else (input_shape[-1] if last else input_shape[1])
    return (input_shape[0], *sizes, depth) if last else (input_shape[0], depth, *sizes)
