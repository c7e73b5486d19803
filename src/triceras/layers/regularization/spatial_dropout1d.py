"""Dropout of whole channels of sequences."""

from __future__ import annotations

from typing import Any

from triceras.layers.regularization.base_spatial_dropout import BaseSpatialDropout


class SpatialDropout1D(BaseSpatialDropout):
    """Drops whole channels of sequences in training, and scales the others by ``1 / (1 - rate)`` (Tompson et al. 2015).

    Args:
        rate: the share dropped, from 0 to 1.
        seed: an integer, or None for one of its own.

    Input shape:
        ``(batch, time, channels)``
    Output shape:
        that of the input

    Example:
        >>> shape(SpatialDropout1D(0.5)(ones((2, 3, 4)), training=True))
        (2, 3, 4)
    """

    def __init__(
        self, rate: float, seed: Any = None, name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(1, rate, "channels_last", seed, name=name, dtype=dtype, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {key: value for key, value in super().get_config().items() if key != "data_format"}
