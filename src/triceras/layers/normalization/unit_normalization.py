"""Normalization to length one."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.layers.layer import Layer


class UnitNormalization(Layer):
    """Divides by the Euclidean norm over some axes, so that it becomes one; zeros stay.

    Args:
        axis: the axis, or several.

    Input shape:
        any
    Output shape:
        that of the input

    Example:
        >>> convert_to_numpy(UnitNormalization()(convert_to_tensor([[3.0, 4.0]]))).round(3).tolist()
        [[0.6..., 0.8...]]
    """

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(axis, int | list | tuple):
            raise TypeError(f"Layer {self.name!r}: axis is an integer or several, received {axis!r}.")
        self.axis = list(axis) if isinstance(axis, list | tuple) else axis
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        return ops.normalize(inputs, axis=self.axis, order=2, epsilon=1e-12)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}
