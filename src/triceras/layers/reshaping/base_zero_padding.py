"""What layers that add zeros have in common."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.layers.spatial import SpatialLayer
from triceras.layers.windows import pairs_per_axis


class BaseZeroPadding(SpatialLayer):
    """Adds zeros at both ends of each spatial axis.

    Args:
        padding: how many, a number for all ends, one for each axis, or a pair for each; of one axis, also as one pair.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.
    """

    _arguments = ("padding", "data_format")

    def __init__(self, padding: Any, data_format: str | None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self._pairs = pairs_per_axis("padding", padding, self.rank, self.path)
        self.padding = self._pairs[0] if self.rank == 1 else self._pairs

    def call(self, inputs: Tensor) -> Tensor:
        none = ((0, 0),)
        last = self.data_format == "channels_last"
        return ops.pad(inputs, (none + self._pairs + none) if last else (none + none + self._pairs))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return self._with_sizes(input_shape, lambda place, size: size + sum(self._pairs[place]))
