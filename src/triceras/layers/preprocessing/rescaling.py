"""Another scale for inputs."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.layers.layer import Layer


class Rescaling(Layer):
    """``inputs * scale + offset``.

    Args:
        scale: the factor, a number or one for each channel.
        offset: what is added, a number or one for each channel.

    Input shape:
        any
    Output shape:
        that of the input

    Example:
        >>> convert_to_numpy(Rescaling(0.5, offset=1.0)(convert_to_tensor([2.0]))).tolist()
        [2.0]
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        inputs = ops.cast(inputs, self.compute_dtype)
        return ops.add(ops.multiply(inputs, self._constant(self.scale)), self._constant(self.offset))

    def _constant(self, value: Any) -> Any:
        if isinstance(value, int | float):
            return value
        return ops.convert_to_tensor(value, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": _plain(self.scale), "offset": _plain(self.offset)}


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float) else ops.convert_to_numpy(value).tolist()
