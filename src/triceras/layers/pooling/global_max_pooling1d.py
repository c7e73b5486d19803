"""The greatest number of each channel of sequences."""

from __future__ import annotations

from triceras import ops
from triceras.layers.pooling.base_global_pooling import BaseGlobalPooling


class GlobalMaxPooling1D(BaseGlobalPooling):
    """The greatest number of each channel of sequences.

    Args:
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.
        keepdims: whether the axis stays, with size one.

    Input shape:
        ``(batch, steps, channels)``, or ``(batch, channels, steps)``
    Output shape:
        ``(batch, channels)``, or with an axis of size one

    Example:
        >>> shape(GlobalMaxPooling1D()(ones((1, 4, 3))))
        (1, 3)
    """

    rank = 1
    reduce = staticmethod(ops.max)
