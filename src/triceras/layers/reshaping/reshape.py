"""Another shape for samples."""

from __future__ import annotations

import math
from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.graph.symbol import KerasTensor
from triceras.layers.layer import Layer


class Reshape(Layer):
    """The elements of each sample in another shape.

    Args:
        target_shape: the shape without the batch axis; one size may be -1 and is worked out.

    Input shape:
        ``(batch, ...)``
    Output shape:
        ``(batch, *target_shape)``

    Example:
        >>> shape(Reshape((2, -1))(ones((3, 6))))
        (3, 2, 3)
    """

    def __init__(self, target_shape: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        shape = (target_shape,) if isinstance(target_shape, int) else tuple(target_shape)
        if shape.count(-1) > 1 or any(not isinstance(d, int) or d < -1 for d in shape):
            raise ValueError(
                f"Layer {self.name!r}: target_shape has sizes and at most one -1, received {target_shape!r}."
            )
        self.target_shape = shape
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        sizes = self.compute_output_shape(inputs.shape)[1:]
        return ops.reshape(inputs, (ops.shape(inputs)[0], *(-1 if d is None else d for d in sizes)))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        rest = tuple(input_shape[1:])
        known = math.prod(d for d in self.target_shape if d != -1)
        if None in rest:
            return (input_shape[0], *(None if d == -1 else d for d in self.target_shape))
        total = math.prod(rest)
        fits = total % known == 0 if -1 in self.target_shape and known else total == known
        if not fits:
            raise ValueError(
                f"Layer {self.path!r}: samples of shape {rest} have {total} elements, which don't fit target_shape="
                f"{self.target_shape}."
            )
        return (input_shape[0], *(total // known if d == -1 else d for d in self.target_shape))

    def compute_output_spec(self, inputs: KerasTensor) -> KerasTensor:
        return KerasTensor(self.compute_output_shape(inputs.shape), self._dtype_of(inputs), sparse=inputs.sparse)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "target_shape": self.target_shape}
