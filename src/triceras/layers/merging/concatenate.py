"""Tensors side by side."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.layers.merging.base_merge import Merge


class Concatenate(Merge):
    """Its inputs joined along an axis.

    Args:
        axis: the axis.

    Input shape:
        a list of tensors that differ in the size of that axis at most
    Output shape:
        the same with the sizes of the axis added up

    Example:
        >>> shape(Concatenate()([ones((2, 3)), ones((2, 4))]))
        (2, 7)
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any) -> Tensor:
        if not isinstance(inputs, list | tuple):
            raise ValueError(f"Layer {self.path!r} is called on a list of tensors, received {type(inputs).__name__}.")
        return ops.concatenate(list(inputs), axis=self.axis)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        shapes = self._checked(input_shape)
        rank = len(shapes[0])
        axis = self.axis % rank
        for shape in shapes[1:]:
            fits = len(shape) == rank and all(
                a == b or a is None or b is None
                for i, (a, b) in enumerate(zip(shape, shapes[0], strict=True))
                if i != axis
            )
            if not fits:
                raise ValueError(
                    f"Layer {self.path!r} joins tensors that differ in axis {self.axis} only, received the shapes {shapes}."
                )
        along = [shape[axis] for shape in shapes]
        sizes = [next((s[i] for s in shapes if s[i] is not None), None) for i in range(rank)]
        sizes[axis] = None if None in along else sum(along)
        if any(shape[0] is None for shape in shapes):
            sizes[0] = None
        return tuple(sizes)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        if not isinstance(previous_mask, list | tuple) or all(mask is None for mask in previous_mask):
            return None
        masks = []
        for x, mask in zip(inputs, previous_mask, strict=True):
            full = ops.ones_like(x, dtype="bool")
            if mask is not None:
                spare = tuple(range(len(mask.shape), len(x.shape)))
                full = ops.logical_and(full, ops.expand_dims(mask, spare) if spare else mask)
            masks.append(full)
        return ops.any(ops.concatenate(masks, axis=self.axis), axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


def concatenate(inputs: list[Tensor], axis: int = -1, **kwargs: Any) -> Tensor:
    """Tensors joined along an axis.

    Args:
        inputs: a list of tensors that differ in the size of that axis at most.
        axis: the axis.
        kwargs: as the layer takes them.
    """
    return Concatenate(axis=axis, **kwargs)(inputs)
