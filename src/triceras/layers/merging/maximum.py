"""The greatest of several tensors."""

from __future__ import annotations

from triceras import ops
from triceras.backends.base import Tensor
from triceras.layers.merging.base_merge import Merge


class Maximum(Merge):
    """The greatest of its inputs, element by element.

    Input shape:
        a list of tensors whose shapes broadcast
    Output shape:
        the broadcast shape

    Example:
        >>> convert_to_numpy(Maximum()([convert_to_tensor([[3.0]]), convert_to_tensor([[1.0]])])).tolist()
        [[3.0]]
    """

    def merge(self, inputs: list[Tensor]) -> Tensor:
        result = inputs[0]
        for x in inputs[1:]:
            result = ops.maximum(result, x)
        return result


def maximum(inputs: list[Tensor], **kwargs: object) -> Tensor:
    """The greatest of several tensors.

    Args:
        inputs: a list of tensors whose shapes broadcast.
        kwargs: as the layer takes them.
    """
    return Maximum(**kwargs)(inputs)
