"""What layers that join several inputs element by element have in common."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.core.shapes import broadcast_shapes
from triceras.graph.symbol import KerasTensor
from triceras.layers.layer import Layer


class Merge(Layer):
    """Joins a list of tensors; those of lower rank get axes of size one behind the batch axis.

    A step of the result counts where it does in any of the inputs, as long as all of them have masks.
    """

    masks_need_masks = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def merge(self, inputs: list[Tensor]) -> Tensor:
        """The result for inputs of one rank."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define merge().")

    def build(self, input_shape: Any) -> None:
        shapes = self._checked(input_shape)
        batches = {s[0] for s in shapes if s} - {None}
        if len(batches) > 1:
            raise ValueError(f"Layer {self.path!r}: the inputs have different batch sizes: {shapes}.")
        self.compute_output_shape(shapes)

    def _checked(self, input_shape: Any) -> list[Any]:
        if not isinstance(input_shape, list | tuple) or not input_shape or not isinstance(input_shape[0], list | tuple):
            raise ValueError(
                f"Layer {self.path!r} is called on a list of tensors, received one of shape {input_shape}."
            )
        return [tuple(s) for s in input_shape]

    def call(self, inputs: Any) -> Tensor:
        if not isinstance(inputs, list | tuple):
            raise ValueError(f"Layer {self.path!r} is called on a list of tensors, received {type(inputs).__name__}.")
        rank = max(len(x.shape) for x in inputs)
        aligned = []
        for x in inputs:
            missing = rank - len(x.shape)
            aligned.append(ops.expand_dims(x, tuple(range(1, 1 + missing))) if missing else x)
        return self.merge(aligned)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        shapes = self._checked(input_shape)
        rank = max(map(len, shapes))
        aligned = [(*s[:1], *(1,) * (rank - len(s)), *s[1:]) for s in shapes]
        batches = {s[0] for s in shapes if s}
        batch = next(iter(batches)) if len(batches) == 1 else None
        try:
            return (batch, *broadcast_shapes(*(s[1:] for s in aligned)))
        except ValueError as error:
            raise ValueError(f"Layer {self.path!r}: {error}") from error

    def compute_output_spec(self, inputs: Any) -> KerasTensor:
        if not isinstance(inputs, list | tuple):
            raise ValueError(f"Layer {self.path!r} is called on a list of tensors, received {inputs!r}.")
        if any(x.sparse for x in inputs):
            return self._abstract_spec((inputs,), {})
        return KerasTensor(self.compute_output_shape([x.shape for x in inputs]), self.compute_dtype)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        if previous_mask is None or not isinstance(previous_mask, list | tuple):
            return None
        if any(mask is None for mask in previous_mask):
            return None
        joined = previous_mask[0]
        for mask in previous_mask[1:]:
            joined = ops.logical_or(joined, mask)
        return joined
