"""Root mean square normalization."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.layers.arguments import written_axis
from triceras.layers.layer import Layer


class RMSNormalization(Layer):
    """``scale * x / sqrt(mean(x**2) + epsilon)``, the mean that of each sample (Zhang & Sennrich 2019).

    Args:
        axis: the axis or axes that the mean is taken over, also those of the scale.
        epsilon: added to the mean.

    Input shape:
        any
    Output shape:
        that of the input

    Example:
        >>> convert_to_numpy(RMSNormalization()(ones((1, 2)) * 3)).round(3).tolist()
        [[1.0, 1.0]]
    """

    def __init__(self, axis: Any = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(axis, int | list | tuple):
            raise TypeError(f"Layer {self.name!r}: axis is an integer or several, received {axis!r}.")
        self.axis = list(axis) if isinstance(axis, list | tuple) else axis
        self.epsilon = epsilon
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        axes, rank = [self.axis] if isinstance(self.axis, int) else self.axis, len(input_shape)
        sizes = tuple(input_shape[axis] if -rank <= axis < rank else None for axis in axes)
        if None in sizes:
            raise ValueError(
                f"Layer {self.path!r}: the size of axis {self.axis} must be known, received the shape {tuple(input_shape)}."
            )
        self.scale = self.add_weight(shape=sizes, initializer="ones", autocast=False, name="scale")

    def call(self, inputs: Tensor) -> Tensor:
        outputs = ops.rms_normalization(inputs, self.scale.value, axis=self.axis, epsilon=self.epsilon)
        return outputs if outputs.dtype == inputs.dtype else ops.cast(outputs, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": written_axis(self), "epsilon": self.epsilon}
