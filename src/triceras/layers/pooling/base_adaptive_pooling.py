"""What adaptive pooling layers have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triceras.backends.base import Tensor
from triceras.layers.spatial import SpatialLayer
from triceras.layers.windows import check_rank, per_axis


class BaseAdaptivePooling(SpatialLayer):
    """One number for each of a given number of windows of each channel.

    Of n windows over a size s, the i-th goes from ``floor(i * s / n)`` up to ``ceil((i + 1) * s / n)``.

    Args:
        output_size: the number of windows, for all axes or each.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.
    """

    _arguments = ("output_size", "data_format")
    #: The op that does it.
    pool: Callable[..., Tensor]

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.output_size = per_axis("output_size", output_size, self.rank, where=self.path)

    def call(self, inputs: Tensor) -> Tensor:
        return type(self).pool(self._averageable(inputs), self.output_size, data_format=self.data_format)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        check_rank(input_shape, self.rank, self.path)
        sizes = list(input_shape)
        for axis, size in zip(self._spatial_axes, self.output_size, strict=True):
            sizes[axis] = size
        return tuple(sizes)
