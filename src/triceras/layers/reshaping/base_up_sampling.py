"""What layers that repeat elements have in common."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.layers.spatial import SpatialLayer


class BaseUpSampling(SpatialLayer):
    """Repeats each element along each spatial axis."""

    _arguments = ("size", "data_format")
    #: How often, along each axis.
    _factors: tuple[int, ...]

    def call(self, inputs: Tensor) -> Tensor:
        for axis, factor in zip(self._spatial_axes, self._factors, strict=True):
            if factor > 1:
                inputs = ops.repeat(inputs, factor, axis=axis)
        return inputs

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return self._with_sizes(input_shape, lambda place, size: size * self._factors[place])
