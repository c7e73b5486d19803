"""Zeros around images."""

from __future__ import annotations

from typing import Any

from triceras.layers.reshaping.base_zero_padding import BaseZeroPadding


class ZeroPadding2D(BaseZeroPadding):
    """Adds zeros around images.

    Args:
        padding: a number for all sides, ``(height, width)``, or ``((top, bottom), (left, right))``.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.

    Input shape:
        ``(batch, height, width, channels)``, or ``(batch, channels, height, width)``
    Output shape:
        the same with height and width grown

    Example:
        >>> shape(ZeroPadding2D(1)(ones((1, 2, 2, 3))))
        (1, 4, 4, 3)
    """

    rank = 2

    def __init__(self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(padding, data_format, **kwargs)
