"""Zeros around volumes."""

from __future__ import annotations

from typing import Any

from triceras.layers.reshaping.base_zero_padding import BaseZeroPadding


class ZeroPadding3D(BaseZeroPadding):
    """Adds zeros around volumes.

    Args:
        padding: a number for all sides, one for each axis, or a pair for each.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.

    Input shape:
        ``(batch, depth, height, width, channels)``, or ``(batch, channels, depth, height, width)``
    Output shape:
        the same with depth, height and width grown

    Example:
        >>> shape(ZeroPadding3D(1)(ones((1, 2, 2, 2, 3))))
        (1, 4, 4, 4, 3)
    """

    rank = 3

    def __init__(self, padding: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(padding, data_format, **kwargs)
