"""What global pooling layers have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triceras.backends.base import Tensor
from triceras.layers.spatial import SpatialLayer
from triceras.layers.windows import check_rank


class BaseGlobalPooling(SpatialLayer):
    """One number for each channel.

    Args:
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.
        keepdims: whether the spatial axes stay, with size one.
    """

    _arguments = ("data_format", "keepdims")
    #: The reduction that does it.
    reduce: Callable[..., Tensor]

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.keepdims = keepdims

    def call(self, inputs: Tensor) -> Tensor:
        return type(self).reduce(self._averageable(inputs), axis=self._spatial_axes, keepdims=self.keepdims)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        if self.keepdims:
            return self._with_sizes(input_shape, lambda place, size: 1)
        check_rank(input_shape, self.rank, self.path)
        return tuple(d for i, d in enumerate(input_shape) if i not in self._spatial_axes)
