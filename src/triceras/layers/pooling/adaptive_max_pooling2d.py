"""The greatest number in each of a given number of windows over two axes."""

from __future__ import annotations

from triceras import ops
from triceras.layers.pooling.base_adaptive_pooling import BaseAdaptivePooling


class AdaptiveMaxPooling2D(BaseAdaptivePooling):
    """The greatest number in each of a given number of windows over images, which divide them as equally as they can.

    Args:
        output_size: the number of windows, a number or two.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.

    Input shape:
        ``(batch, height, width, channels)``, or ``(batch, channels, height, width)``
    Output shape:
        the same with ``output_size`` for the spatial sizes

    Example:
        >>> shape(AdaptiveMaxPooling2D((3, 2))(ones((1, 7, 5, 2))))
        (1, 3, 2, 2)
    """

    rank = 2
    pool = staticmethod(ops.adaptive_max_pool)
