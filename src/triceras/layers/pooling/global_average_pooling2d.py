"""The mean of each channel of images."""

from __future__ import annotations

from triceras import ops
from triceras.layers.pooling.base_global_pooling import BaseGlobalPooling


class GlobalAveragePooling2D(BaseGlobalPooling):
    """The mean of each channel of images.

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

    rank = 2
    reduce = staticmethod(ops.mean)
    keeps_integers = False
