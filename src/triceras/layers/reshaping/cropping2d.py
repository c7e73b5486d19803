"""Images without their edges."""

from __future__ import annotations

from typing import Any

from triceras.layers.reshaping.base_cropping import BaseCropping


class Cropping2D(BaseCropping):
    """Cuts off the edges of images.

    Args:
        cropping: a number for all sides, ``(height, width)``, or ``((top, bottom), (left, right))``.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.

    Input shape:
        ``(batch, height, width, channels)``, or ``(batch, channels, height, width)``
    Output shape:
        the same with height and width shrunk

    Example:
        >>> shape(Cropping2D(1)(ones((1, 4, 4, 3))))
        (1, 2, 2, 3)
    """

    rank = 2

    def __init__(self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(cropping, data_format, **kwargs)
