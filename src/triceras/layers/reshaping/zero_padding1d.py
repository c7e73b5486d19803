"""Zeros around sequences."""

from __future__ import annotations

from typing import Any

from triceras.layers.reshaping.base_zero_padding import BaseZeroPadding


class ZeroPadding1D(BaseZeroPadding):
    """Adds zeros before and after sequences.

    Args:
        padding: a number for both ends, or ``(start, end)``.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.

    Input shape:
        ``(batch, steps, channels)``, or ``(batch, channels, steps)``
    Output shape:
        the same with another number of steps

    Example:
        >>> shape(ZeroPadding1D(1)(ones((1, 2, 3))))
        (1, 4, 3)
    """

    rank = 1

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(padding, data_format, **kwargs)
