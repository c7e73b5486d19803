"""The axes of samples in another order."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.graph.symbol import KerasTensor
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer


class Permute(Layer):
    """Reorders the axes of each sample.

    Args:
        dims: the axes in their new order, counted from 1; the batch axis stays first.

    Input shape:
        ``(batch, ...)``
    Output shape:
        ``(batch, ...)`` with the axes in the new order

    Example:
        >>> shape(Permute((2, 1))(ones((3, 4, 5))))
        (3, 5, 4)
    """

    def __init__(self, dims: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(f"Layer {self.name!r}: dims names each axis from 1 once, received {dims!r}.")
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: Tensor) -> Tensor:
        return ops.transpose(inputs, axes=(0, *self.dims))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (input_shape[0], *(input_shape[d] for d in self.dims))

    def compute_output_spec(self, inputs: KerasTensor) -> KerasTensor:
        return KerasTensor(self.compute_output_shape(inputs.shape), self._dtype_of(inputs), sparse=inputs.sparse)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dims": self.dims}
