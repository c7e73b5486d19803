"""Images smoothed, and their edges: separable filters, a sum of shifted images along each axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from triceras.backends import registry
from triceras.backends.base import Spec, Tensor
from triceras.core import dtypes, windows
from triceras.ops.core import cast
from triceras.ops.core import dtype as dtype_of
from triceras.ops.dispatch import Index, TensorLike, composite
from triceras.ops.elementwise import divide, square
from triceras.ops.image.layout import as_dtype, channel_axis, in_full, spatial_axis
from triceras.ops.reduce import sum as total
from triceras.ops.shape import pad, stack, unstack
from triceras.ops.transcendental import exp

_NUMBERS = (int, float, np.floating, np.integer)


def gaussian_kernel(size: int, sigma: Any, dtype: str) -> Tensor:
    """The weights of a Gaussian at ``size`` places around its centre, their sum one, in a floating dtype."""
    places = np.arange(size) - (size - 1) / 2
    if isinstance(sigma, _NUMBERS):
        weights = np.exp(-0.5 * np.square(places / sigma))
        return registry.active().convert_to_tensor(weights / weights.sum(), dtype)
    weights = exp(-0.5 * square(divide(registry.active().convert_to_tensor(places, dtype), cast(sigma, dtype))))
    return weights / total(weights)


def _along(x: Any, kernel: Any, axis: int, same: bool) -> Tensor:
    count = kernel.shape[0]
    widths = [(0, 0)] * len(x.shape)
    if same:
        widths[axis] = ((count - 1) // 2, count // 2)
        x = pad(x, widths)
    size = x.shape[axis] - count + 1
    result: Any = 0
    for i, weight in enumerate(unstack(kernel, count, 0)):
        result = x[(slice(None),) * axis + (slice(i, i + size),)] * weight + result
    return result


@composite(fused=True)
def smoothed(x: Index, rows: Index, columns: Index, axes: tuple[int, int], same: bool) -> Tensor:
    """A tensor filtered by one kernel along the first of two axes and by another along the second.

    Args:
        x: a floating tensor.
        rows, columns: the kernels, vectors in its dtype.
        axes: the axes, non-negative.
        same: whether zeros around keep the sizes; else these shrink by the kernels' less one.
    """
    return _along(_along(x, rows, axes[0], same), columns, axes[1], same)


def _pair(op: str, name: str, value: Any) -> tuple[Any, Any]:
    """One for the height and one for the width, from a pair or one for both."""
    if isinstance(value, list | tuple) and len(value) == 2:
        return tuple(value)
    if isinstance(value, list | tuple) or getattr(value, "shape", ()) not in ((), (2,)):
        raise ValueError(f"{op}() needs one {name} or a pair of them, for height and width, received {name}={value}.")
    return (value[0], value[1]) if getattr(value, "shape", ()) == (2,) else (value, value)


def _blur_spec(images: Spec, *given: Any, **named: Any) -> Spec:
    return images


@composite(spec=_blur_spec)
def gaussian_blur(
    images: Index,
    kernel_size: Sequence[int] = (3, 3),
    sigma: Sequence[float] = (1.0, 1.0),
    data_format: str | None = None,
) -> Tensor:
    """Images convolved with a Gaussian, the pixels around them counting as zeros.

    Args:
        images: ``([batch,] height, width, channels)``, or with the channels before for ``channels_first``; any dtype.
        kernel_size: how many pixels the Gaussian covers along height and width; its weights over them add up to one.
        sigma: its standard deviations along height and width, in pixels; numbers or a tensor.
        data_format: ``"channels_last"``, ``"channels_first"``, or None for ``config.image_data_format()``.

    Returns:
        Images of the same shape and dtype; integers are rounded.

    Raises:
        ValueError: other shapes, or sizes or deviations that aren't positive.

    Example:
        >>> convert_to_numpy(gaussian_blur([[[0.0], [1.0], [0.0]]], (1, 3)))[0, :, 0].round(3).tolist()
        [0.27399998903274536, 0.4519999921321869, 0.27399998903274536]
    """
    first = spatial_axis("gaussian_blur", images, data_format)
    sizes = windows.per_axis(_pair("gaussian_blur", "kernel_size", kernel_size), 2, "kernel_size")
    deviations = _pair("gaussian_blur", "sigma", sigma)
    if any(isinstance(s, _NUMBERS) and s <= 0 for s in deviations):
        raise ValueError(f"gaussian_blur() needs positive deviations, received sigma={sigma}.")
    x = in_full(images)
    rows, columns = (gaussian_kernel(k, s, dtype_of(x)) for k, s in zip(sizes, deviations, strict=True))
    return as_dtype(smoothed(x, rows, columns, (first, first + 1), True), dtype_of(images))


def _signed(types: Sequence[Any]) -> str:
    """Floats as they are; integers, whose differences may be negative, in 32 bits."""
    joined = dtypes.result_type(*types)
    return joined if joined in dtypes.FLOATS or joined == "int64" else "int32"


def _sobel_spec(images: Spec, data_format: str | None = None) -> Spec:
    _check_sobel(images, data_format)
    return Spec((*images.shape, 2), images.dtype)


def _check_sobel(images: Any, data_format: str | None) -> None:
    channel_axis("sobel_edges", images, data_format)
    if len(images.shape) != 4:
        raise ValueError(f"sobel_edges() needs a batch of images, 4 axes, received the shape {tuple(images.shape)}.")


@composite(_signed, spec=_sobel_spec)
def sobel_edges(images: TensorLike, data_format: str | None = None) -> Tensor:
    """How steeply images rise along height and width (Sobel & Feldman 1968); they are mirrored at their borders.

    Args:
        images: ``(batch, height, width, channels)``, or with the channels before for ``channels_first``; at least 2
            by 2 pixels.
        data_format: ``"channels_last"``, ``"channels_first"``, or None for ``config.image_data_format()``.

    Returns:
        ``(*images.shape, 2)``: along the last axis first the slope along the height, then that along the width, each
        eight times the difference of neighbours for an even slope. In the images' dtype; of integers in int32.

    Raises:
        ValueError: other numbers of axes.

    Example:
        >>> image = reshape(arange(9.0), (1, 3, 3, 1))
        >>> convert_to_numpy(sobel_edges(image))[0, 1, 1, 0].tolist()
        [24.0, 8.0]
    """
    _check_sobel(images, data_format)
    first = spatial_axis("sobel_edges", images, data_format)
    widths = [(1, 1) if axis in (first, first + 1) else (0, 0) for axis in range(4)]
    mirrored = pad(images, widths, mode="reflect")

    def sides(x: Any, axis: int) -> tuple[Any, Any, Any]:
        cut = (slice(None),) * axis
        return x[(*cut, slice(None, -2))], x[(*cut, slice(1, -1))], x[(*cut, slice(2, None))]

    def slope(along: int, across: int) -> Any:
        before, _, after = sides(mirrored, along)
        left, middle, right = sides(after - before, across)
        return left + middle + middle + right

    return stack([slope(first, first + 1), slope(first + 1, first)], -1)
