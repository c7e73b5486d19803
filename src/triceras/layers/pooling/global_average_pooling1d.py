"""The mean of each channel over time."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.layers.pooling.base_global_pooling import BaseGlobalPooling


class GlobalAveragePooling1D(BaseGlobalPooling):
    """The mean of each channel over time, over the steps that aren't masked.

    Args:
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.
        keepdims: whether the axis stays, with size one.

    Input shape:
        ``(batch, time, channels)``, or ``(batch, channels, time)``
    Output shape:
        ``(batch, channels)``, or with an axis of size one

    Example:
        >>> shape(GlobalAveragePooling1D()(ones((2, 6, 3))))
        (2, 3)
    """

    rank = 1
    reduce = staticmethod(ops.mean)
    keeps_integers = False
    supports_masking = True

    def call(self, inputs: Tensor, mask: Any = None) -> Tensor:
        if mask is None:
            return super().call(inputs)
        inputs = self._averageable(inputs)
        axis = self._spatial_axes[0]
        kept = ops.expand_dims(ops.cast(mask, inputs.dtype), 2 if axis == 1 else 1)
        counts = ops.sum(kept, axis=axis, keepdims=self.keepdims)
        return ops.divide(ops.sum(inputs * kept, axis=axis, keepdims=self.keepdims), counts)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return None
