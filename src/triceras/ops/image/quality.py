"""How alike two images are."""

from __future__ import annotations

from typing import Any

from triceras.backends.base import Spec, Tensor
from triceras.ops.core import cast
from triceras.ops.core import dtype as dtype_of
from triceras.ops.dispatch import Index, TensorLike, composite
from triceras.ops.image.filters import gaussian_kernel, smoothed
from triceras.ops.image.layout import in_full, spatial_axis
from triceras.ops.reduce import mean
from triceras.ops.shape import stack, unstack


@composite(fused=True)
def similarity(x: Index, y: Index, kernel: Index, first: int, c1: float, c2: float) -> Tensor:
    """``ssim`` with its arguments checked, of floats of at least 32 bits."""
    moments = stack([x, y, x * x, y * y, x * y], 0)
    local = smoothed(moments, kernel, kernel, (first + 1, first + 2), False)
    mean_x, mean_y, xx, yy, xy = unstack(local, 5, 0)
    products = mean_x * mean_y
    squares = mean_x * mean_x + mean_y * mean_y
    luminance = (2.0 * products + c1) / (squares + c1)
    structure = (2.0 * (xy - products) + c2) / (xx + yy - squares + c2)
    return mean(luminance * structure, tuple(range(-3, 0)))


def _ssim_spec(image1: Spec, image2: Spec, *given: Any, **named: Any) -> Spec:
    spatial_axis("ssim", image1, None)
    return Spec(image1.shape[:-3], image1.dtype)


@composite("float", spec=_ssim_spec)
def ssim(
    image1: TensorLike,
    image2: TensorLike,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Tensor:
    """The structural similarity of images (Wang, Bovik, Sheikh & Simoncelli, "Image Quality Assessment", 2004).

    In each window, weighted by a Gaussian, means ``m``, variances ``v`` and the covariance ``c`` of two images
    ``x``, ``y`` give ``(2 m_x m_y + c1) (2 c + c2) / ((m_x^2 + m_y^2 + c1) (v_x + v_y + c2))``, with ``c1 = (k1
    max_val)^2`` and ``c2 = (k2 max_val)^2``; the result is the mean over windows and channels.

    Args:
        image1, image2: ``([batch,] height, width, channels)``, or with the channels before for ``channels_first``;
            of one shape.
        max_val: the largest value there can be: 1 for floats as usual, 255 for integers of 8 bits.
        filter_size: how many pixels a window is high and wide.
        filter_sigma: the standard deviation of the Gaussian, in pixels.
        k1, k2: the constants above, which keep the quotient stable.
        data_format: ``"channels_last"``, ``"channels_first"``, or None for ``config.image_data_format()``.

    Returns:
        One number an image, ``(batch,)`` or a scalar, 1 for equal images; floating, of integers in float32.

    Raises:
        ValueError: the shapes differ, or a window doesn't fit into the images.

    Example:
        >>> convert_to_numpy(ssim(ones((1, 12, 12, 3)), ones((1, 12, 12, 3)))).tolist()
        [1.0]
    """
    first = spatial_axis("ssim", image1, data_format)
    if tuple(image1.shape) != tuple(image2.shape):
        raise ValueError(f"ssim() needs images of one shape, received {tuple(image1.shape)} and {tuple(image2.shape)}.")
    sizes = image1.shape[first : first + 2]
    if filter_size < 1 or any(d is not None and d < filter_size for d in sizes):
        raise ValueError(
            f"ssim() needs images of at least filter_size={filter_size} by {filter_size} pixels, received {tuple(sizes)}. "
            "Give a smaller filter_size."
        )
    x, y = in_full(image1), in_full(image2)
    kernel = gaussian_kernel(filter_size, filter_sigma, dtype_of(x))
    constants = (float((k1 * max_val) ** 2), float((k2 * max_val) ** 2))
    return cast(similarity(x, y, kernel, first, *constants), dtype_of(image1))
