"""Softmax as a layer."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.core import dtypes
from triceras.layers.layer import Layer


class Softmax(Layer):
    """``exp(x) / sum(exp(x))`` over an axis; where a mask is False the result is zero.

    Args:
        axis: the axis or axes.

    Input shape:
        any
    Output shape:
        that of the input

    Example:
        >>> convert_to_numpy(Softmax()(convert_to_tensor([[0.0, 0.0]]))).tolist()
        [[0.5, 0.5]]
    """

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Tensor, mask: Any = None) -> Tensor:
        if mask is not None:
            # Half the least number: adding it to any logit can't overflow to minus infinity, and exp() of it is zero.
            least = -3e4 if dtypes.standardize_dtype(inputs.dtype) == "float16" else -1e9
            inputs = ops.where(mask, inputs, least)
        axes = tuple(self.axis) if isinstance(self.axis, list | tuple) else self.axis
        outputs = ops.softmax(inputs, axis=axes[0] if isinstance(axes, tuple) and len(axes) == 1 else axes)
        return outputs if mask is None else outputs * ops.cast(mask, outputs.dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}
