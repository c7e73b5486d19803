"""Dropout of whole channels of images."""

from __future__ import annotations

from typing import Any

from triceras.layers.regularization.base_spatial_dropout import BaseSpatialDropout


class SpatialDropout2D(BaseSpatialDropout):
    """Drops whole channels of images in training, and scales the others by ``1 / (1 - rate)`` (Tompson et al. 2015).

    Args:
        rate: the share dropped, from 0 to 1.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.
        seed: an integer, or None for one of its own.

    Input shape:
        ``(batch, height, width, channels)``, or the channels behind the batch
    Output shape:
        that of the input

    Example:
        >>> shape(SpatialDropout2D(0.5)(ones((2, 3, 3, 4)), training=True))
        (2, 3, 3, 4)
    """

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: Any = None,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(2, rate, data_format, seed, name=name, dtype=dtype, **kwargs)
