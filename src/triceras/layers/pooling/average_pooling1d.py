"""The mean of each window over one axis."""

from __future__ import annotations

from triceras import ops
from triceras.layers.pooling.base_pooling import BasePooling


class AveragePooling1D(BasePooling):
    """The mean of each window over sequences.

    Args:
        pool_size: the window, a number.
        strides: the step, the window by default.
        padding: ``"valid"`` or ``"same"``, where the padding doesn't count.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.

    Input shape:
        ``(batch, steps, channels)``, or ``(batch, channels, steps)``
    Output shape:
        ``(batch, new_steps, channels)``, or ``(batch, channels, new_steps)``

    Example:
        >>> shape(AveragePooling1D(2)(ones((1, 4, 3))))
        (1, 2, 3)
    """

    rank = 1
    pool = staticmethod(ops.average_pool)
    keeps_integers = False
