"""Images seen through maps of the plane: every pixel of the result is looked up somewhere in the image."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from triceras.backends.base import Spec, Tensor
from triceras.ops import core
from triceras.ops.core import dtype as dtype_of
from triceras.ops.creation import arange
from triceras.ops.dispatch import Index, composite
from triceras.ops.image.filters import gaussian_kernel, smoothed
from triceras.ops.image.layout import (
    as_dtype,
    channel_axis,
    check_choice,
    fill_number,
    from_batch,
    in_full,
    to_batch,
)
from triceras.ops.image.sampling import FILL_MODES, INTERPOLATIONS, sample
from triceras.ops.products import cross, matmul
from triceras.ops.reduce import sum as total
from triceras.ops.shape import concatenate, expand_dims, reshape, stack, unstack

#: What draws: ``"normal"`` -> a function ``(shape, seed=...)``. The room of random numbers lies above this one and
#: puts it here.
DRAWS: dict[str, Callable[..., Tensor]] = {}


def _looked_up(images: Any, y: Any, x: Any, order: int, fill_mode: str, fill_value: Any) -> Tensor:
    """A batch of images at ``(batch, height, width)`` coordinates."""
    count = core.shape(images)[0]
    _, height, width, channels = images.shape
    base = reshape(arange(count, dtype="int32"), (-1, 1, 1)) * (height * width)
    rows = reshape(images, (-1, channels))
    values = sample(rows, (height, width), (y, x), order, fill_mode, fill_value, base)
    return as_dtype(values, dtype_of(images))


@composite(fused=True)
def displaced(images: Index, displacements: Index, interpolation: str, fill_mode: str, fill_value: float) -> Tensor:
    """A batch of images looked up beside each pixel: ``displacements`` are ``(2, batch, height, width)``, y and x."""
    _, height, width, _ = images.shape
    dy, dx = unstack(in_full(displacements), 2, 0)
    y = expand_dims(arange(height, dtype=dtype_of(dy)), 1) + dy
    x = arange(width, dtype=dtype_of(dx)) + dx
    return _looked_up(images, y, x, INTERPOLATIONS[interpolation], fill_mode, fill_value)


@composite(fused=True)
def projected(images: Index, transform: Index, interpolation: str, fill_mode: str, fill_value: float) -> Tensor:
    """A batch of images through a projective map each: ``transform`` is ``(batch or 1, 8)``."""
    _, height, width, _ = images.shape
    a0, a1, a2, b0, b1, b2, c0, c1 = (reshape(t, (-1, 1, 1)) for t in unstack(in_full(transform), 8, 1))
    y = expand_dims(arange(height, dtype=dtype_of(a0)), 1)
    x = arange(width, dtype=dtype_of(a0))
    k = c0 * x + c1 * y + 1.0
    return _looked_up(
        images,
        (b0 * x + b1 * y + b2) / k,
        (a0 * x + a1 * y + a2) / k,
        INTERPOLATIONS[interpolation],
        fill_mode,
        fill_value,
    )


def _warp_spec(op: str, images: Spec, *given: Any, **named: Any) -> Spec:
    channel_axis(op, images, named.get("data_format"))
    return images


def _prepared(
    op: str, images: Any, interpolation: str, fill_mode: str, fill_value: Any, data_format: str | None
) -> tuple[Tensor, int, Any]:
    """The images as a batch with the channels last, the axis where these were, and the fill value."""
    check_choice(op, "interpolation", interpolation, INTERPOLATIONS)
    check_choice(op, "fill_mode", fill_mode, FILL_MODES)
    channels = channel_axis(op, images, data_format)
    return to_batch(images, channels), channels, fill_number(fill_value, dtype_of(images))


@composite(spec=functools.partial(_warp_spec, "affine_transform"))
def affine_transform(
    images: Index,
    transform: Index,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Tensor:
    """Images turned, scaled, sheared, moved or seen in perspective.

    The pixel ``(x, y)`` of the result is taken from ``((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k)`` of the image, with
    ``k = c0 x + c1 y + 1``.

    Args:
        images: ``([batch,] height, width, channels)``, or with the channels before for ``channels_first``; any dtype.
        transform: ``[a0, a1, a2, b0, b1, b2, c0, c1]`` for all images, or ``(batch, 8)``. ``c0`` and ``c1`` are 0
            for affine maps.
        interpolation: ``"bilinear"`` or ``"nearest"``.
        fill_mode: how images go on outside, as in ``map_coordinates``.
        fill_value: a number, for the fill mode ``"constant"``.
        data_format: ``"channels_last"``, ``"channels_first"``, or None for ``config.image_data_format()``.

    Returns:
        Images of the same shape and dtype; integers are rounded. Differentiable with respect to both.

    Raises:
        ValueError: another interpolation or fill mode, or shapes that don't fit.

    Example:
        >>> image = reshape(arange(6.0), (2, 3, 1))
        >>> convert_to_numpy(affine_transform(image, [1, 0, 1, 0, 1, 0, 0, 0]))[..., 0].tolist()
        [[1.0, 2.0, 0.0], [4.0, 5.0, 0.0]]
    """
    batch, channels, fill_value = _prepared(
        "affine_transform", images, interpolation, fill_mode, fill_value, data_format
    )
    if len(transform.shape) not in (1, 2) or transform.shape[-1] != 8:
        raise ValueError(
            f"affine_transform() needs a transform of 8 numbers, or (batch, 8), received the shape {tuple(transform.shape)}."
        )
    transform = transform if len(transform.shape) == 2 else expand_dims(transform, 0)
    warped = projected(batch, transform, interpolation, fill_mode, fill_value)
    return from_batch(warped, channels, len(images.shape))


def _homography(start: Any, end: Any) -> Tensor:
    """The projective maps ``(batch, 8)`` that take four points to four others, ``(batch, 4, 2)`` each.

    Three of the points, as homogeneous vectors, are a basis in which the fourth has coordinates ``l``: the map takes the points
    of one side, each times its ``l``, to those of the other (Hartley & Zisserman, "Multiple View Geometry", 2.4; Cramer's
    rule gives the inverse and ``l`` as cross products).
    """

    def frame(points: Any) -> tuple[list[Any], list[Any], list[Any]]:
        homogeneous = concatenate([points, points[..., :1] * 0 + 1], -1)
        *basis, last = unstack(homogeneous, 4, -2)
        dual = [cross(basis[i - 2], basis[i - 1]) for i in range(3)]
        shares = [total(d * last, -1, keepdims=True) for d in dual]
        largest = functools.reduce(lambda a, b: a + b, (abs(s) for s in shares))
        return basis, dual, [s / largest for s in shares]

    _, dual, e = frame(start)
    basis, _, s = frame(end)
    factors = [s[i] * e[i - 2] * e[i - 1] for i in range(3)]
    columns = stack([b * f for b, f in zip(basis, factors, strict=True)], -1)
    matrix = reshape(matmul(columns, stack(dual, -2)), (-1, 9))
    return matrix[:, :8] / matrix[:, 8:]


@composite(spec=functools.partial(_warp_spec, "perspective_transform"))
def perspective_transform(
    images: Index,
    start_points: Index,
    end_points: Index,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Tensor:
    """Images drawn so that four points of each come to lie at four others.

    Args:
        images: ``([batch,] height, width, channels)``, or with the channels before for ``channels_first``; any dtype.
        start_points: four points ``(x, y)`` of the images, of which no three lie on a line: ``(4, 2)`` for all images, or
            ``(batch, 4, 2)``.
        end_points: where they lie in the result, of the same shape.
        interpolation: ``"bilinear"`` or ``"nearest"``.
        fill_value: what stands where nothing of the image comes to lie; a number.
        data_format: ``"channels_last"``, ``"channels_first"``, or None for ``config.image_data_format()``.

    Returns:
        Images of the same shape and dtype; integers are rounded. Differentiable with respect to all three.

    Raises:
        ValueError: another interpolation, or shapes that don't fit.

    Example:
        >>> image = reshape(arange(6.0), (2, 3, 1))
        >>> corners = [[0.0, 0.0], [2.0, 0.0], [0.0, 1.0], [2.0, 1.0]]
        >>> moved = [[1.0, 0.0], [3.0, 0.0], [1.0, 1.0], [3.0, 1.0]]
        >>> convert_to_numpy(perspective_transform(image, corners, moved))[..., 0].round(3).tolist()
        [[0.0, 0.0, 1.0], [0.0, 3.0, 4.0]]
    """
    batch, channels, fill_value = _prepared(
        "perspective_transform", images, interpolation, "constant", fill_value, data_format
    )
    for name, points in (("start_points", start_points), ("end_points", end_points)):
        if len(points.shape) not in (2, 3) or tuple(points.shape[-2:]) != (4, 2):
            raise ValueError(
                f"perspective_transform() needs {name} of shape (4, 2) or (batch, 4, 2), received {tuple(points.shape)}."
            )
    start, end = (p if len(p.shape) == 3 else expand_dims(p, 0) for p in (in_full(start_points), in_full(end_points)))
    warped = projected(batch, _homography(end, start), interpolation, "constant", fill_value)
    return from_batch(warped, channels, len(images.shape))


@composite(spec=functools.partial(_warp_spec, "elastic_transform"))
def elastic_transform(
    images: Index,
    alpha: float = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    seed: Any = None,
    data_format: str | None = None,
) -> Tensor:
    """Images pulled about at random, each in its own way (Simard, Steinkraus & Platt, "Best Practices for CNNs", 2003).

    Each pixel is looked up at a distance along x and y that is Gaussian noise of standard deviation ``sigma``, smoothed by a
    Gaussian of ``sigma`` pixels and multiplied by ``alpha``: in the inside of large images, ``0.28 * alpha`` on average for a
    ``sigma`` of 1 and above.

    Args:
        images: ``([batch,] height, width, channels)``, or with the channels before for ``channels_first``; any dtype.
        alpha: how far pixels move, in pixels.
        sigma: how smoothly, in pixels.
        interpolation: ``"bilinear"`` or ``"nearest"``.
        fill_mode: how images go on outside, as in ``map_coordinates``.
        fill_value: a number, for the fill mode ``"constant"``.
        seed: an integer, a ``SeedGenerator``, or None for the process's stream.
        data_format: ``"channels_last"``, ``"channels_first"``, or None for ``config.image_data_format()``.

    Returns:
        Images of the same shape and dtype; integers are rounded.

    Raises:
        ValueError: another interpolation or fill mode, a sigma that isn't positive, or shapes that don't fit.

    Example:
        >>> shape(elastic_transform(ones((1, 8, 8, 3)), alpha=2.0, sigma=1.0, seed=1))
        (1, 8, 8, 3)
    """
    batch, channels, fill_value = _prepared(
        "elastic_transform", images, interpolation, fill_mode, fill_value, data_format
    )
    if not sigma > 0:
        raise ValueError(f"elastic_transform() needs a positive sigma, received sigma={sigma}.")
    dtype = dtype_of(in_full(batch))
    noise = DRAWS["normal"]((2, *core.shape(batch)[:3]), 0.0, sigma, dtype=dtype, seed=seed)
    kernel = gaussian_kernel(int(6 * sigma) | 1, sigma, dtype)  # three standard deviations to either side
    field = smoothed(noise, kernel, kernel, (2, 3), True) * alpha
    warped = displaced(batch, field, interpolation, fill_mode, fill_value)
    return from_batch(warped, channels, len(images.shape))
