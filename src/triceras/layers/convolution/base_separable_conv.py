"""What separable convolutions have in common."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.layers.arguments import given
from triceras.layers.convolution.conv_layer import ConvLayer


class BaseSeparableConv(ConvLayer):
    """A convolution that keeps channels apart, then one of window 1 that mixes them, plus a bias, activated.

    Args:
        filters: the number of output channels.
        kernel_size, strides, dilation_rate: a number or one for each axis.
        padding: ``"valid"`` or ``"same"``.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.
        depth_multiplier: how many outputs each channel has before they are mixed.
        activation: what is applied to the outputs.
        use_bias: whether a bias is added.
        depthwise_initializer, pointwise_initializer, bias_initializer: first values of the weights.
        depthwise_regularizer, pointwise_regularizer, bias_regularizer, activity_regularizer: penalties.
        depthwise_constraint, pointwise_constraint, bias_constraint: projections after each update.
    """

    _arguments = (
        *("depth_multiplier", "filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate"),
        *("activation", "use_bias", "depthwise_initializer", "pointwise_initializer", "bias_initializer"),
        *("depthwise_regularizer", "pointwise_regularizer", "bias_regularizer", "activity_regularizer"),
        *("depthwise_constraint", "pointwise_constraint", "bias_constraint"),
    )
    _counts = ("filters", "depth_multiplier")
    depth_multiplier: int

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**given(locals()))

    def _make_kernels(self, channels: int) -> None:
        between = channels * self.depth_multiplier
        self.depthwise_kernel = self._weight(
            "depthwise_kernel", (*self.kernel_size, channels, self.depth_multiplier), "depthwise"
        )
        self.pointwise_kernel = self._weight(
            "pointwise_kernel", (*(1,) * self.rank, between, self.filters), "pointwise"
        )

    def call(self, inputs: Tensor) -> Tensor:
        self._check_fit(inputs)
        return self._finished(ops.separable_conv(inputs, self.depthwise_kernel, self.pointwise_kernel, **self._window))
