"""The rectified linear unit as a layer."""

from __future__ import annotations

from typing import Any

from triceras import activations
from triceras.backends.base import Tensor
from triceras.layers.layer import Layer


class ReLU(Layer):
    """``max(x, 0)``, with an upper bound, a slope below and a threshold where wanted.

    Args:
        max_value: the greatest value; None for none.
        negative_slope: the slope below the threshold.
        threshold: where the function begins.

    Input shape:
        any
    Output shape:
        that of the input

    Example:
        >>> convert_to_numpy(ReLU()(convert_to_tensor([-1.0, 2.0]))).tolist()
        [0.0, 2.0]
    """

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        for name, value in (("max_value", max_value), ("negative_slope", negative_slope), ("threshold", threshold)):
            if (value is None and name != "max_value") or (value is not None and value < 0):
                raise ValueError(f"Layer {self.name!r}: {name} is at least 0, received {value!r}.")
        self.max_value = max_value
        self.negative_slope = negative_slope
        self.threshold = threshold
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }
