"""Group normalization."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.layers.arguments import given
from triceras.layers.input_spec import InputSpec
from triceras.layers.normalization.scale_and_offset import ScaleAndOffset


class GroupNormalization(ScaleAndOffset):
    """``gamma * (x - mean) / sqrt(variance + epsilon) + beta``, the statistics those of a sample's group of channels.

    Wu & He (2018). One group is layer normalization over all but the batch, a group for each channel instance normalization.

    Args:
        groups: into how many groups the channels are divided; -1 for one each.
        axis: the axis of channels.
        epsilon: added to the variance.
        center, scale: whether there are a beta and a gamma.
        beta_initializer, gamma_initializer: first values.
        beta_regularizer, gamma_regularizer: penalties.
        beta_constraint, gamma_constraint: projections after each update.

    Input shape:
        ``(batch, ..., channels)``, or the channels at ``axis``
    Output shape:
        that of the input

    Example:
        >>> shape(GroupNormalization(2)(ones((2, 3, 4))))
        (2, 3, 4)
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**given(locals(), "groups", "axis"))
        if not isinstance(groups, int) or (groups <= 0 and groups != -1):
            raise ValueError(f"Layer {self.name!r}: groups is a positive integer or -1, received {groups!r}.")
        self.groups = groups
        self.axis = axis

    def build(self, input_shape: Any) -> None:
        rank, channels = len(input_shape), self.known_size(input_shape, self.axis)
        if self.groups == -1:
            self.groups = channels
        if channels % self.groups:
            raise ValueError(
                f"Layer {self.path!r}: the channels must be a multiple of groups={self.groups}, received {channels} of them "
                f"at axis {self.axis} of the shape {tuple(input_shape)}."
            )
        self.add_scale_and_offset((channels,))
        self.input_spec = InputSpec(ndim=rank, axes={self.axis: channels})

    def call(self, inputs: Tensor) -> Tensor:
        rank, sizes = len(inputs.shape), ops.shape(inputs)
        axis = self.axis % rank
        wide = "float32" if self.compute_dtype in ("float16", "bfloat16") else self.compute_dtype
        # The channels' axis becomes two, of which the first counts groups; the others stay, so no size need be known.
        x = ops.reshape(inputs, (*sizes[:axis], self.groups, sizes[axis] // self.groups, *sizes[axis + 1 :]))
        others = tuple(i for i in range(1, rank + 1) if i != axis)
        x = ops.layer_normalization(ops.cast(x, wide), axis=others, epsilon=self.epsilon)
        x = ops.reshape(x, sizes)
        shape = [1] * rank
        shape[axis] = -1
        if self.gamma is not None:
            x = x * ops.reshape(ops.cast(self.gamma, wide), shape)
        if self.beta is not None:
            x = x + ops.reshape(ops.cast(self.beta, wide), shape)
        return ops.cast(x, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "groups": self.groups, "axis": self.axis}
