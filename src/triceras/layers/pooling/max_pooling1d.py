"""The greatest number of each window over one axis."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.layers.pooling.base_pooling import BasePooling


class MaxPooling1D(BasePooling):
    """The greatest number of each window over sequences.

    Args:
        pool_size: the window, a number.
        strides: the step, the window by default.
        padding: ``"valid"`` or ``"same"``.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.

    Input shape:
        ``(batch, steps, channels)``, or ``(batch, channels, steps)``
    Output shape:
        ``(batch, new_steps, channels)``, or ``(batch, channels, new_steps)``

    Example:
        >>> shape(MaxPooling1D(2)(ones((1, 4, 3))))
        (1, 2, 3)
    """

    rank = 1
    pool = staticmethod(ops.max_pool)

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)
