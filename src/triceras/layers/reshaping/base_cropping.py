"""What cropping layers have in common."""

from __future__ import annotations

from typing import Any

from triceras.backends.base import Tensor
from triceras.layers.spatial import SpatialLayer
from triceras.layers.windows import pairs_per_axis


class BaseCropping(SpatialLayer):
    """Cuts off both ends of each spatial axis.

    Args:
        cropping: how much, a number for all ends, one for each axis, or a pair for each; of one axis, also as one pair.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.
    """

    _arguments = ("cropping", "data_format")

    def __init__(self, cropping: Any, data_format: str | None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self._pairs = pairs_per_axis("cropping", cropping, self.rank, self.path)
        self.cropping = self._pairs[0] if self.rank == 1 else self._pairs

    def call(self, inputs: Tensor) -> Tensor:
        self.compute_output_shape(inputs.shape)  # raises where nothing would be left
        kept = tuple(slice(start, -end or None) for start, end in self._pairs)
        return inputs[(slice(None),) * self._spatial_axes[0] + kept]

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        def left(place: int, size: int) -> int:
            cut = sum(self._pairs[place])
            if cut and size <= cut:
                raise ValueError(
                    f"Layer {self.path!r}: cropping={self.cropping} leaves nothing of the inputs of shape "
                    f"{tuple(input_shape)}: spatial axis {place} has the size {size}, of which {cut} would go."
                )
            return size - cut

        return self._with_sizes(input_shape, left)
