"""The mean of each channel of volumes."""

from __future__ import annotations

from triceras import ops
from triceras.layers.pooling.base_global_pooling import BaseGlobalPooling


class GlobalAveragePooling3D(BaseGlobalPooling):
    """The mean of each channel of volumes.

    Args:
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.
        keepdims: whether the axes stay, with size one.

    Input shape:
        ``(batch, depth, height, width, channels)``, or ``(batch, channels, depth, height, width)``
    Output shape:
        ``(batch, channels)``, or with three axes of size one

    Example:
        >>> shape(GlobalAveragePooling3D()(ones((1, 4, 4, 4, 3))))
        (1, 3)
    """

    rank = 3
    reduce = staticmethod(ops.mean)
    keeps_integers = False
