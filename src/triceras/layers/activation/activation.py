"""An activation as a layer."""

from __future__ import annotations

from typing import Any

from triceras import activations
from triceras.backends.base import Tensor
from triceras.layers.layer import Layer


class Activation(Layer):
    """Applies a function to its inputs.

    Args:
        activation: a function or its name.

    Input shape:
        any
    Output shape:
        that of the input

    Example:
        >>> convert_to_numpy(Activation("relu")(convert_to_tensor([-1.0, 2.0]))).tolist()
        [0.0, 2.0]
    """

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        return inputs if self.activation is None else self.activation(inputs)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": activations.serialize(self.activation)}
