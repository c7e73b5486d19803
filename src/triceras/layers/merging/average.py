"""The mean of several tensors."""

from __future__ import annotations

from triceras import ops
from triceras.backends.base import Tensor
from triceras.layers.merging.base_merge import Merge


class Average(Merge):
    """The mean of its inputs, element by element.

    Input shape:
        a list of tensors whose shapes broadcast
    Output shape:
        the broadcast shape

    Example:
        >>> convert_to_numpy(Average()([convert_to_tensor([[3.0]]), convert_to_tensor([[1.0]])])).tolist()
        [[2.0]]
    """

    def merge(self, inputs: list[Tensor]) -> Tensor:
        result = inputs[0]
        for x in inputs[1:]:
            result = ops.add(result, x)
        return ops.multiply(result, 1.0 / len(inputs))


def average(inputs: list[Tensor], **kwargs: object) -> Tensor:
    """The mean of several tensors.

    Args:
        inputs: a list of tensors whose shapes broadcast.
        kwargs: as the layer takes them.
    """
    return Average(**kwargs)(inputs)
