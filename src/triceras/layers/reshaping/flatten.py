"""Flattening samples."""

from __future__ import annotations

import math
from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.core import settings
from triceras.graph.symbol import KerasTensor
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer


class Flatten(Layer):
    """All axes but the first as one.

    Args:
        data_format: ``"channels_first"`` moves the channels last before flattening, so that weights fit both formats.

    Input shape:
        ``(batch, ...)``
    Output shape:
        ``(batch, features)``

    Example:
        >>> shape(Flatten()(ones((2, 3, 4))))
        (2, 12)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = settings.standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: Tensor) -> Tensor:
        rank = len(inputs.shape)
        if self.data_format == "channels_first" and rank > 2:
            inputs = ops.transpose(inputs, (0, *range(2, rank), 1))
        return ops.reshape(inputs, (ops.shape(inputs)[0], *self._features(inputs.shape)))

    def _features(self, shape: Any) -> tuple[int, ...]:
        rest = shape[1:]
        return (-1,) if any(d is None for d in rest) else (math.prod(rest),)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        features = self._features(input_shape)[0]
        return (input_shape[0], None if features == -1 else features)

    def compute_output_spec(self, inputs: KerasTensor) -> KerasTensor:
        return KerasTensor(self.compute_output_shape(inputs.shape), self._dtype_of(inputs), sparse=inputs.sparse)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}
