"""The mean of each window."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.layers.pooling.base_pooling import BasePooling


class AveragePooling2D(BasePooling):
    """The mean of each window.

    Args:
        pool_size: the window, a number or two.
        strides: the step, the window by default.
        padding: ``"valid"`` or ``"same"``, where the padding doesn't count.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.

    Input shape:
        ``(batch, height, width, channels)``, or ``(batch, channels, height, width)``
    Output shape:
        ``(batch, new_height, new_width, channels)``, or ``(batch, channels, new_height, new_width)``

    Example:
        >>> shape(AveragePooling2D(2)(ones((1, 4, 4, 3))))
        (1, 2, 2, 3)
    """

    pool = staticmethod(ops.average_pool)

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(2, pool_size, strides, padding, data_format, name=name, **kwargs)
