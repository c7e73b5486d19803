"""Larger volumes."""

from __future__ import annotations

from typing import Any

from triceras.layers.reshaping.base_up_sampling import BaseUpSampling
from triceras.layers.windows import per_axis


class UpSampling3D(BaseUpSampling):
    """Repeats elements along depth, height and width.

    Args:
        size: the factors, a number or three.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.

    Input shape:
        ``(batch, depth, height, width, channels)``, or ``(batch, channels, depth, height, width)``
    Output shape:
        the same with depth, height and width multiplied

    Example:
        >>> shape(UpSampling3D((1, 2, 3))(ones((1, 2, 2, 2, 3))))
        (1, 2, 4, 6, 3)
    """

    rank = 3

    def __init__(self, size: Any = (2, 2, 2), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.size = self._factors = per_axis("size", size, 3, where=self.path)
