"""Vectors as sequences."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.graph.symbol import KerasTensor
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer


class RepeatVector(Layer):
    """A sequence whose steps are all the input.

    Args:
        n: the number of steps, a positive integer.

    Input shape:
        ``(batch, features)``
    Output shape:
        ``(batch, n, features)``

    Example:
        >>> shape(RepeatVector(3)(ones((2, 4))))
        (2, 3, 4)
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ValueError(f"Layer {self.path!r}: n is a positive integer, received {n!r}.")
        self.n = n
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs: Tensor) -> Tensor:
        batch, features = ops.shape(inputs)
        return ops.broadcast_to(ops.expand_dims(inputs, 1), (batch, self.n, features))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        batch, features = input_shape
        return (batch, self.n, features)

    def compute_output_spec(self, inputs: KerasTensor) -> KerasTensor:
        return KerasTensor(self.compute_output_shape(inputs.shape), self._dtype_of(inputs))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "n": self.n}
