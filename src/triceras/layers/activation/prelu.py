"""The rectified linear unit with slopes that are learnt."""

from __future__ import annotations

from typing import Any

from triceras import constraints, initializers, ops, regularizers
from triceras.backends.base import Tensor
from triceras.layers.arguments import serialized
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer


class PReLU(Layer):
    """``x`` above zero, ``alpha * x`` below, alpha being learnt for each place of a sample (He et al. 2015).

    Args:
        alpha_initializer: first values of alpha.
        alpha_regularizer: a penalty on alpha.
        alpha_constraint: a projection of alpha after each update.
        shared_axes: axes along which there is one alpha: ``[1, 2]`` for one a channel of images.

    Input shape:
        ``(batch, ...)``; sizes of axes that aren't shared must be known
    Output shape:
        that of the input

    Example:
        >>> convert_to_numpy(PReLU("ones")(convert_to_tensor([[-1.0, 2.0]]))).tolist()
        [[-1.0, 2.0]]
    """

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        self.shared_axes = [shared_axes] if isinstance(shared_axes, int) else shared_axes and list(shared_axes)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        rank, shared = len(input_shape), self.shared_axes or ()
        if any(not -rank < axis < rank or axis == 0 for axis in shared):
            raise ValueError(
                f"Layer {self.path!r}: shared_axes are axes behind the batch of the inputs' {rank}, received {list(shared)}."
            )
        shared = {axis % rank for axis in shared}
        sizes = tuple(1 if axis in shared else size for axis, size in enumerate(input_shape))[1:]
        if None in sizes:
            raise ValueError(
                f"Layer {self.path!r}: sizes must be known but along shared_axes={self.shared_axes}, received the shape "
                f"{tuple(input_shape)}."
            )
        self.alpha = self.add_weight(
            shape=sizes,
            initializer=self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
            name="alpha",
        )
        axes = {axis: input_shape[axis] for axis in range(1, rank) if axis not in shared}
        self.input_spec = InputSpec(ndim=rank, axes=axes)

    def call(self, inputs: Tensor) -> Tensor:
        return ops.relu(inputs) - self.alpha * ops.relu(-inputs)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        names = ("alpha_initializer", "alpha_regularizer", "alpha_constraint", "shared_axes")
        return {**super().get_config(), **serialized(self, names)}
