"""Longer sequences."""

from __future__ import annotations

from typing import Any

from triceras.layers.reshaping.base_up_sampling import BaseUpSampling
from triceras.layers.windows import per_axis


class UpSampling1D(BaseUpSampling):
    """Repeats each step.

    Args:
        size: how often.

    Input shape:
        ``(batch, steps, channels)``
    Output shape:
        ``(batch, steps * size, channels)``

    Example:
        >>> shape(UpSampling1D(2)(ones((1, 4, 3))))
        (1, 8, 3)
    """

    rank = 1
    _arguments = ("size",)

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__("channels_last", **kwargs)
        self._factors = per_axis("size", (size,), 1, where=self.path)
        self.size = size
