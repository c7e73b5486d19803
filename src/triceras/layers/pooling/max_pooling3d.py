"""The greatest number of each window over three axes."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.layers.pooling.base_pooling import BasePooling


class MaxPooling3D(BasePooling):
    """The greatest number of each window over volumes.

    Args:
        pool_size: the window, a number or three.
        strides: the step, the window by default.
        padding: ``"valid"`` or ``"same"``.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.

    Input shape:
        ``(batch, depth, height, width, channels)``, or ``(batch, channels, depth, height, width)``
    Output shape:
        ``(batch, new_depth, new_height, new_width, channels)``, or ``(batch, channels, new_depth, new_height, new_width)``

    Example:
        >>> shape(MaxPooling3D(2)(ones((1, 4, 4, 4, 3))))
        (1, 2, 2, 2, 3)
    """

    rank = 3
    pool = staticmethod(ops.max_pool)

    def __init__(
        self,
        pool_size: Any = (2, 2, 2),
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)
