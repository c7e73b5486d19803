"""Layer normalization."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.layers.arguments import given, written_axis
from triceras.layers.normalization.scale_and_offset import ScaleAndOffset


class LayerNormalization(ScaleAndOffset):
    """``gamma * (x - mean) / sqrt(variance + epsilon) + beta``, the statistics those of each sample (Ba et al. 2016).

    Args:
        axis: the axis or axes that statistics are taken over, also those of gamma and beta.
        epsilon: added to the variance.
        center, scale: whether there are a beta and a gamma.
        beta_initializer, gamma_initializer: first values.
        beta_regularizer, gamma_regularizer: penalties.
        beta_constraint, gamma_constraint: projections after each update.
        rms_scaling: from older files, whether neither a mean is taken off nor a beta added; the scale stays the standard
            deviation. For the root mean square use ``RMSNormalization``.

    Input shape:
        any
    Output shape:
        that of the input

    Example:
        >>> shape(LayerNormalization()(ones((2, 3))))
        (2, 3)
    """

    def __init__(
        self,
        axis: Any = -1,
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
        self.rms_scaling = kwargs.pop("rms_scaling", False)
        super().__init__(**given(locals(), "axis"))
        if not isinstance(axis, int | list | tuple):
            raise TypeError(f"Layer {self.name!r}: axis is an integer or several, received {axis!r}.")
        self.axis = list(axis) if isinstance(axis, list | tuple) else axis

    def build(self, input_shape: Any) -> None:
        axes = [self.axis] if isinstance(self.axis, int) else self.axis
        self.center = self.center and not self.rms_scaling
        self.add_scale_and_offset(tuple(self.known_size(input_shape, axis) for axis in axes), autocast=False)

    def call(self, inputs: Tensor) -> Tensor:
        if self.rms_scaling:
            return self._without_mean(inputs)
        outputs = ops.layer_normalization(
            inputs,
            None if self.gamma is None else self.gamma.value,
            None if self.beta is None else self.beta.value,
            axis=self.axis,
            epsilon=self.epsilon,
        )
        return outputs if outputs.dtype == inputs.dtype else ops.cast(outputs, self.compute_dtype)

    def _without_mean(self, inputs: Tensor) -> Tensor:
        outputs = inputs * ops.rsqrt(ops.var(inputs, axis=self.axis, keepdims=True) + self.epsilon)
        if self.gamma is None:
            return outputs
        rank = len(inputs.shape)
        axes = {axis % rank for axis in ([self.axis] if isinstance(self.axis, int) else self.axis)}
        return outputs * ops.reshape(self.gamma, [inputs.shape[i] if i in axes else 1 for i in range(rank)])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": written_axis(self), "rms_scaling": self.rms_scaling}
