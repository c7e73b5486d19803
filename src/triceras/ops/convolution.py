"""Convolutions and pooling over one, two or three axes.

``"same"`` padding is TensorFlow's on every backend (see ``core/windows.py``). Bodies get what the user gave but the data
format, which is never None there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triceras.backends.base import Spec, Tensor
from triceras.core import settings, windows
from triceras.ops.core import convert_to_tensor
from triceras.ops.core import shape as sizes_of
from triceras.ops.dispatch import TensorLike, composite, primitive, recorded
from triceras.ops.reduce import max as reduce_max
from triceras.ops.reduce import mean
from triceras.ops.shape import moveaxis, reshape, stack

Sizes = int | Sequence[int]


def _format(data_format: str | None) -> str:
    return settings.standardize_data_format(data_format)


def _checked(op: str, inputs: Any, kernel: Any, data_format: str) -> tuple[Any, int]:
    """The channels-last shape of the inputs and the number of axes convolved over; raises where shapes don't fit."""
    rank = len(inputs.shape) - 2
    if rank not in (1, 2, 3) or (kernel is not None and len(kernel.shape) != rank + 2):
        kernel_shape = "" if kernel is None else f" and a kernel of shape {tuple(kernel.shape)}"
        raise ValueError(
            f"{op}() needs inputs of 3 to 5 axes (batch, 1 to 3 spatial axes, channels) and a kernel of as many, "
            f"received inputs of shape {tuple(inputs.shape)}{kernel_shape}."
        )
    return windows.channels_moved(tuple(inputs.shape), data_format), rank


def _tensor(x: Any) -> Any:
    return x if hasattr(x, "shape") else convert_to_tensor(x)


def _fitting(op: str, inputs: Any, kernel: Any, data_format: str) -> Any:
    """The channels-last shape of the inputs; raises where the kernel can't take it."""
    shape, _ = _checked(op, inputs, kernel, data_format)
    given, wanted = shape[-1], kernel.shape[-2]
    if given is not None and wanted is not None and given % wanted:
        raise ValueError(
            f"{op}() received {given} input channels (inputs {tuple(inputs.shape)}, {data_format}), which the kernel "
            f"{tuple(kernel.shape)} can't take: it needs {wanted}, or a multiple for groups."
        )
    return shape


# ---- convolutions ----------------------------------------------------------------------------------------------------


def _windowed(
    shape: Any, window: Any, strides: Any, padding: Any, dilation: Any, channels: Any, data_format: str
) -> Any:
    rank = len(shape) - 2
    strides, padding, dilation = windows.conv_arguments(rank, strides, padding, dilation)
    sizes = [
        windows.output_size(*arguments, padding)
        for arguments in zip(shape[1:-1], window, strides, dilation, strict=True)
    ]
    return windows.channels_restored((shape[0], *sizes, channels), data_format)


def _conv_spec(inputs: Spec, kernel: Spec, strides: Any, padding: str, data_format: str, dilation_rate: Any) -> Spec:
    shape = _fitting("conv", inputs, kernel, data_format)
    return Spec(
        _windowed(shape, kernel.shape[:-2], strides, padding, dilation_rate, kernel.shape[-1], data_format),
        inputs.dtype,
    )


@primitive("float", spec=_conv_spec)
def convolve(
    inputs: TensorLike, kernel: TensorLike, strides: Sizes, padding: str, data_format: str, dilation_rate: Sizes
) -> Tensor:
    """``conv`` with every argument given."""


@recorded()
def conv(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Tensor:
    """A convolution (a cross-correlation, as in all of deep learning) over one, two or three axes.

    Args:
        inputs: ``(batch, *spatial, channels)``, or ``(batch, channels, *spatial)`` for ``channels_first``.
        kernel: ``(*window, input_channels, output_channels)``. With fewer input channels than the inputs have, the
            channels are convolved in groups.
        strides: the step of the window, for all axes or each.
        padding: ``"valid"`` for none, ``"same"`` for zeros around, so that the result has ``ceil(size / stride)`` places.
        data_format: ``"channels_last"``, ``"channels_first"``, or None for ``config.image_data_format()``.
        dilation_rate: the distance between the elements of the window.

    Returns:
        A tensor in the data format, with the kernel's output channels.

    Example:
        >>> shape(conv(ones((1, 5, 5, 3)), ones((3, 3, 3, 8)), padding="same"))
        (1, 5, 5, 8)
    """
    inputs, kernel, data_format = _tensor(inputs), _tensor(kernel), _format(data_format)
    _fitting("conv", inputs, kernel, data_format)
    return convolve(inputs, kernel, strides, padding, data_format, dilation_rate)


def _depthwise_spec(
    inputs: Spec, kernel: Spec, strides: Any, padding: str, data_format: str, dilation_rate: Any
) -> Spec:
    shape, _ = _checked("depthwise_conv", inputs, kernel, data_format)
    if None not in (shape[-1], kernel.shape[-2]) and shape[-1] != kernel.shape[-2]:
        raise ValueError(
            f"depthwise_conv() received {shape[-1]} input channels and the kernel {kernel.shape} for {kernel.shape[-2]}."
        )
    channels = kernel.shape[-2] * kernel.shape[-1]  # type: ignore[operator]
    return Spec(
        _windowed(shape, kernel.shape[:-2], strides, padding, dilation_rate, channels, data_format), inputs.dtype
    )


@composite("float", spec=_depthwise_spec)
def convolve_depthwise(
    inputs: TensorLike, kernel: TensorLike, strides: Sizes, padding: str, data_format: str, dilation_rate: Sizes
) -> Tensor:
    """``depthwise_conv`` with every argument given: a convolution with as many groups as channels."""
    _checked("depthwise_conv", inputs, kernel, data_format)
    kernel = reshape(kernel, (*kernel.shape[:-2], 1, kernel.shape[-2] * kernel.shape[-1]))
    return convolve(inputs, kernel, strides, padding, data_format, dilation_rate)


@recorded()
def depthwise_conv(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Tensor:
    """A convolution of each channel by itself.

    Args:
        inputs, strides, padding, data_format, dilation_rate: as in ``conv``.
        kernel: ``(*window, channels, multiplier)``.

    Returns:
        A tensor in the data format with ``channels * multiplier`` channels.

    Example:
        >>> shape(depthwise_conv(ones((1, 5, 5, 3)), ones((3, 3, 3, 2))))
        (1, 3, 3, 6)
    """
    inputs, kernel, data_format = _tensor(inputs), _tensor(kernel), _format(data_format)
    _checked("depthwise_conv", inputs, kernel, data_format)
    return convolve_depthwise(inputs, kernel, strides, padding, data_format, dilation_rate)


@recorded()
def separable_conv(
    inputs: TensorLike,
    depthwise_kernel: TensorLike,
    pointwise_kernel: TensorLike,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Tensor:
    """A depthwise convolution, then one with a window of size 1 that mixes the channels.

    Args:
        inputs, strides, padding, data_format, dilation_rate: as in ``conv``.
        depthwise_kernel: ``(*window, channels, multiplier)``.
        pointwise_kernel: ``(*ones, channels * multiplier, output_channels)``.

    Example:
        >>> shape(separable_conv(ones((1, 5, 5, 3)), ones((3, 3, 3, 2)), ones((1, 1, 6, 4))))
        (1, 3, 3, 4)
    """
    data_format = _format(data_format)
    mixed = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(mixed, pointwise_kernel, 1, "valid", data_format)


def _transpose_spec(
    inputs: Spec,
    kernel: Spec,
    strides: Any,
    padding: str,
    output_padding: Any,
    data_format: str,
    dilation_rate: Any,
) -> Spec:
    shape, rank = _checked("conv_transpose", inputs, kernel, data_format)
    strides, padding, dilation = windows.conv_arguments(rank, strides, padding, dilation_rate)
    extra = output_paddings(output_padding, rank)
    sizes = [
        windows.transposed_size(*arguments[:-1], padding, arguments[-1])
        for arguments in zip(shape[1:-1], kernel.shape[:-2], strides, dilation, extra, strict=True)
    ]
    return Spec(windows.channels_restored((shape[0], *sizes, kernel.shape[-2]), data_format), inputs.dtype)


def output_paddings(output_padding: Any, rank: int) -> tuple[int | None, ...]:
    """One an axis, None where it follows from the other arguments."""
    return tuple(output_padding) if isinstance(output_padding, list | tuple) else (output_padding,) * rank


@primitive("float", spec=_transpose_spec)
def convolve_transposed(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: Sizes,
    padding: str,
    output_padding: Any,
    data_format: str,
    dilation_rate: Sizes,
) -> Tensor:
    """``conv_transpose`` with every argument given; output padding is an integer or None for each axis."""


@recorded()
def conv_transpose(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: Sizes = 1,
    padding: str = "valid",
    output_padding: Sizes | None = None,
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Tensor:
    """The transpose of a convolution: what its gradient does, often used to enlarge.

    Args:
        inputs, strides, data_format, dilation_rate: as in ``conv``.
        kernel: ``(*window, output_channels, input_channels)``.
        padding: ``"same"`` multiplies the sizes by the strides, ``"valid"`` gives every place a window reaches.
        output_padding: how much the result grows at the end over the least size; None for sizes as said.

    Example:
        >>> shape(conv_transpose(ones((1, 4, 4, 3)), ones((3, 3, 8, 3)), 2, "same"))
        (1, 8, 8, 8)
    """
    inputs, kernel, data_format = _tensor(inputs), _tensor(kernel), _format(data_format)
    _, rank = _checked("conv_transpose", inputs, kernel, data_format)
    extra = output_paddings(output_padding, rank)
    return convolve_transposed(inputs, kernel, strides, padding, extra, data_format, dilation_rate)


# ---- pooling ---------------------------------------------------------------------------------------------------------


def _pool_spec(inputs: Spec, pool_size: Any, strides: Any, padding: str, data_format: str) -> Spec:
    shape, rank = _checked("pool", inputs, None, data_format)
    window = windows.per_axis(pool_size, rank, "pool_size")
    return Spec(_windowed(shape, window, strides, padding, 1, shape[-1], data_format), inputs.dtype)


@primitive("join", spec=_pool_spec)
def pool_max(inputs: TensorLike, pool_size: Sizes, strides: Sizes, padding: str, data_format: str) -> Tensor:
    """``max_pool`` with every argument given."""


@primitive("float", spec=_pool_spec)
def pool_average(inputs: TensorLike, pool_size: Sizes, strides: Sizes, padding: str, data_format: str) -> Tensor:
    """``average_pool`` with every argument given."""


def _pool_arguments(op: str, inputs: Any, pool_size: Sizes, strides: Sizes | None, data_format: str | None) -> Any:
    inputs, layout = _tensor(inputs), _format(data_format)
    _, rank = _checked(op, inputs, None, layout)
    window = windows.per_axis(pool_size, rank, "pool_size")
    return inputs, window, window if strides is None else windows.per_axis(strides, rank, "strides"), layout


@recorded()
def max_pool(
    inputs: TensorLike,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """The largest value in each window.

    Args:
        inputs: ``(batch, *spatial, channels)``, or ``(batch, channels, *spatial)`` for ``channels_first``.
        pool_size: the size of the window, for all axes or each.
        strides: its step, ``pool_size`` by default.
        padding: ``"valid"`` or ``"same"``, as in ``conv``; what is padded never wins.
        data_format: as in ``conv``.

    Example:
        >>> convert_to_numpy(max_pool([[[1.0], [3.0], [2.0], [0.0]]], 2)).ravel().tolist()
        [3.0, 2.0]
    """
    inputs, window, steps, layout = _pool_arguments("max_pool", inputs, pool_size, strides, data_format)
    return pool_max(inputs, window, steps, padding, layout)


@recorded()
def average_pool(
    inputs: TensorLike,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """The mean of each window; what is padded doesn't count. Arguments as for ``max_pool``.

    Example:
        >>> convert_to_numpy(average_pool([[[1.0], [3.0], [2.0]]], 2, padding="same")).ravel().tolist()
        [2.0, 2.0]
    """
    inputs, window, steps, layout = _pool_arguments("average_pool", inputs, pool_size, strides, data_format)
    return pool_average(inputs, window, steps, padding, layout)


def _adaptive_sizes(shape: Any, output_size: Any) -> tuple[Any, ...]:
    rank = len(shape) - 2
    wanted = tuple(output_size) if isinstance(output_size, list | tuple) else (output_size,) * rank
    if len(wanted) != rank:
        raise ValueError(f"output_size must be an integer or {rank} of them, received output_size={output_size}.")
    return tuple(old if new is None else new for old, new in zip(shape[1:-1], wanted, strict=True))


def _adaptive_spec(inputs: Spec, output_size: Any, data_format: str | None = None) -> Spec:
    data_format = _format(data_format)
    shape, _ = _checked("adaptive_pool", inputs, None, data_format)
    sizes = (shape[0], *_adaptive_sizes(shape, output_size), shape[-1])
    return Spec(windows.channels_restored(sizes, data_format), inputs.dtype)


def _adaptive(inputs: Any, output_size: Any, data_format: str | None) -> tuple[Any, tuple[Any, ...], int]:
    """The arguments of ``adaptive_mean`` and ``adaptive_largest``."""
    data_format = _format(data_format)
    shape, _ = _checked("adaptive_pool", inputs, None, data_format)
    return inputs, _adaptive_sizes(shape, output_size), 1 if data_format == "channels_last" else 2


@composite("float", fused=True)
def adaptive_mean(inputs: TensorLike, sizes: tuple[int, ...], first: int) -> Tensor:
    """``adaptive_average_pool`` with every argument given, over the axes from ``first`` on."""
    return _divided(inputs, sizes, first, mean)


@composite("join", fused=True)
def adaptive_largest(inputs: TensorLike, sizes: tuple[int, ...], first: int) -> Tensor:
    """``adaptive_max_pool`` with every argument given, over the axes from ``first`` on."""
    return _divided(inputs, sizes, first, reduce_max)


def _divided(x: Any, sizes: tuple[int, ...], first: int, reduction: Any) -> Tensor:
    for axis, count in enumerate(sizes, first):
        lengths = sizes_of(x)
        size = lengths[axis]
        known = isinstance(size, int)
        if count is None or (known and size == count):
            continue
        if known and size % count == 0:
            x = reduction(reshape(x, (*lengths[:axis], count, size // count, *lengths[axis + 1 :])), axis + 1)
            continue
        moved = moveaxis(x, axis, 0)
        pieces = [reduction(moved[start:end], 0) for start, end in windows.adaptive_windows(size, count)]
        x = moveaxis(stack(pieces, 0), 0, axis)
    return x


@composite("float", spec=_adaptive_spec)
def adaptive_average_pool(inputs: TensorLike, output_size: Any, data_format: str | None = None) -> Tensor:
    """The means of windows that divide each axis into a given number, as equally as they can.

    Args:
        inputs: ``(batch, *spatial, channels)``, or ``(batch, channels, *spatial)`` for ``channels_first``.
        output_size: the number of windows, for all axes or each; None keeps an axis.
        data_format: as in ``conv``.

    Example:
        >>> shape(adaptive_average_pool(ones((1, 7, 5, 2)), (3, 2)))
        (1, 3, 2, 2)
    """
    return adaptive_mean(*_adaptive(inputs, output_size, data_format))


@composite("join", spec=_adaptive_spec)
def adaptive_max_pool(inputs: TensorLike, output_size: Any, data_format: str | None = None) -> Tensor:
    """The largest values in windows that divide each axis into a given number; arguments as ``adaptive_average_pool``.

    Example:
        >>> shape(adaptive_max_pool(ones((1, 7, 5, 2)), 3))
        (1, 3, 3, 2)
    """
    return adaptive_largest(*_adaptive(inputs, output_size, data_format))
