"""The mean in each of a given number of windows over one axis."""

from __future__ import annotations

from triceras import ops
from triceras.layers.pooling.base_adaptive_pooling import BaseAdaptivePooling


class AdaptiveAveragePooling1D(BaseAdaptivePooling):
    """The mean in each of a given number of windows over sequences, which divide them as equally as they can.

    Args:
        output_size: the number of windows, a number.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.

    Input shape:
        ``(batch, steps, channels)``, or ``(batch, channels, steps)``
    Output shape:
        the same with ``output_size`` for the spatial sizes

    Example:
        >>> shape(AdaptiveAveragePooling1D(3)(ones((1, 7, 2))))
        (1, 3, 2)
    """

    rank = 1
    pool = staticmethod(ops.adaptive_average_pool)
    keeps_integers = False
