"""The mean of each channel."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.layers.pooling.base_pooling import BaseGlobalPooling


class GlobalAveragePooling2D(BaseGlobalPooling):
    """The mean of each channel.

    Args:
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.
        keepdims: whether the axes stay, with size one.

    Input shape:
        ``(batch, height, width, channels)``, or ``(batch, channels, height, width)``
    Output shape:
        ``(batch, channels)``, or with both axes of size one

    Example:
        >>> shape(GlobalAveragePooling2D()(ones((1, 4, 4, 3))))
        (1, 3)
    """

    reduce = staticmethod(ops.mean)

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(2, data_format, keepdims, **kwargs)
