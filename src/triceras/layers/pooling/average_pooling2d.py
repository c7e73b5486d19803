"""The mean of each window over two axes."""

from __future__ import annotations

from triceras import ops
from triceras.layers.pooling.base_pooling import BasePooling


class AveragePooling2D(BasePooling):
    """The mean of each window over images.

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

    rank = 2
    pool = staticmethod(ops.average_pool)
    keeps_integers = False
