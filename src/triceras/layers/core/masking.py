"""Masking steps by their values."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.layers.layer import Layer


class Masking(Layer):
    """Masks the steps of a sequence whose features all have one value, and sets them to zero.

    Args:
        mask_value: the value.

    Input shape:
        ``(batch, steps, features)``
    Output shape:
        that of the input

    Example:
        >>> convert_to_numpy(Masking()(convert_to_tensor([[[0.0], [2.0]]]))).tolist()
        [[[0.0], [2.0]]]
    """

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = mask_value
        self.supports_masking = True
        self.built = True

    def compute_mask(self, inputs: Tensor, previous_mask: Any = None) -> Tensor:
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs: Tensor) -> Tensor:
        kept = ops.any(ops.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return inputs * ops.cast(kept, inputs.dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mask_value": self.mask_value}
