"""The greatest number in each of a given number of windows over three axes."""

from __future__ import annotations

from triceras import ops
from triceras.layers.pooling.base_adaptive_pooling import BaseAdaptivePooling


class AdaptiveMaxPooling3D(BaseAdaptivePooling):
    """The greatest number in each of a given number of windows over volumes, which divide them as equally as they can.

    Args:
        output_size: the number of windows, a number or three.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.

    Input shape:
        ``(batch, depth, height, width, channels)``, or ``(batch, channels, depth, height, width)``
    Output shape:
        the same with ``output_size`` for the spatial sizes

    Example:
        >>> shape(AdaptiveMaxPooling3D((3, 2, 1))(ones((1, 7, 5, 4, 2))))
        (1, 3, 2, 1, 2)
    """

    rank = 3
    pool = staticmethod(ops.adaptive_max_pool)
