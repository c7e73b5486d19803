"""The leaky rectified linear unit as a layer."""

from __future__ import annotations

from typing import Any

from triceras import activations
from triceras.backends.base import Tensor
from triceras.layers.layer import Layer


class LeakyReLU(Layer):
    """``x`` above zero, ``negative_slope * x`` below (Maas et al. 2013).

    Args:
        negative_slope: the slope below zero, at least 0; ``alpha`` is an older name of it.

    Input shape:
        any
    Output shape:
        that of the input

    Example:
        >>> convert_to_numpy(LeakyReLU(0.5)(convert_to_tensor([-1.0, 2.0]))).tolist()
        [-0.5, 2.0]
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        negative_slope = kwargs.pop("alpha", negative_slope)
        super().__init__(**kwargs)
        if negative_slope is None or negative_slope < 0:
            raise ValueError(f"Layer {self.name!r}: negative_slope is at least 0, received {negative_slope!r}.")
        self.negative_slope = negative_slope
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        return activations.leaky_relu(inputs, negative_slope=self.negative_slope)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "negative_slope": self.negative_slope}
