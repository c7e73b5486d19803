"""The difference of two tensors."""

from __future__ import annotations

from triceras import ops
from triceras.backends.base import Tensor
from triceras.layers.merging.base_merge import Merge


class Subtract(Merge):
    """The first of its two inputs less the second.

    Input shape:
        a list of tensors whose shapes broadcast
    Output shape:
        the broadcast shape

    Example:
        >>> convert_to_numpy(Subtract()([convert_to_tensor([[3.0]]), convert_to_tensor([[1.0]])])).tolist()
        [[2.0]]
    """

    def merge(self, inputs: list[Tensor]) -> Tensor:
        if len(inputs) != 2:
            raise ValueError(f"Layer {self.path!r} takes two inputs, received {len(inputs)}.")
        return ops.subtract(inputs[0], inputs[1])


def subtract(inputs: list[Tensor], **kwargs: object) -> Tensor:
    """The difference of two tensors.

    Args:
        inputs: a list of tensors whose shapes broadcast.
        kwargs: as the layer takes them.
    """
    return Subtract(**kwargs)(inputs)
