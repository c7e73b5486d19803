"""Sequences without their edges."""

from __future__ import annotations

from typing import Any

from triceras.layers.reshaping.base_cropping import BaseCropping


class Cropping1D(BaseCropping):
    """Cuts off the ends of sequences.

    Args:
        cropping: a number for both ends, or ``(start, end)``.

    Input shape:
        ``(batch, steps, channels)``
    Output shape:
        the same with another number of steps

    Example:
        >>> shape(Cropping1D(1)(ones((1, 4, 3))))
        (1, 2, 3)
    """

    rank = 1
    _arguments = ("cropping",)

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any) -> None:
        super().__init__(cropping, "channels_last", **kwargs)
