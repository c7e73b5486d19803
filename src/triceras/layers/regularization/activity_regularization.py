"""A penalty on activations."""

from __future__ import annotations

from typing import Any

from triceras import regularizers
from triceras.backends.base import Tensor
from triceras.layers.layer import Layer


class ActivityRegularization(Layer):
    """Its inputs as they are; ``l1 * sum(abs(x)) + l2 * sum(x**2)``, divided by the batch's size, is added to the losses.

    Args:
        l1, l2: the factors.

    Input shape:
        any
    Output shape:
        that of the input

    Example:
        >>> layer = ActivityRegularization(l1=0.5)
        >>> _ = layer(ones((1, 4)))
        >>> float(layer.losses[0])
        2.0
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.l1 = l1
        self.l2 = l2
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        return inputs

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        config = {key: value for key, value in super().get_config().items() if key != "activity_regularizer"}
        return config | {"l1": self.l1, "l2": self.l2}
