"""Volumes without their edges."""

from __future__ import annotations

from typing import Any

from triceras.layers.reshaping.base_cropping import BaseCropping


class Cropping3D(BaseCropping):
    """Cuts off the edges of volumes.

    Args:
        cropping: a number for all sides, one for each axis, or a pair for each.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.

    Input shape:
        ``(batch, depth, height, width, channels)``, or ``(batch, channels, depth, height, width)``
    Output shape:
        the same with depth, height and width shrunk

    Example:
        >>> shape(Cropping3D(1)(ones((1, 4, 4, 4, 3))))
        (1, 2, 2, 2, 3)
    """

    rank = 3

    def __init__(self, cropping: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(cropping, data_format, **kwargs)
