"""What convolutions that keep channels apart have in common."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.layers.arguments import given
from triceras.layers.convolution.conv_layer import ConvLayer


class BaseDepthwiseConv(ConvLayer):
    """A convolution that keeps channels apart: each gives ``depth_multiplier`` outputs of its own.

    Args:
        kernel_size, strides, dilation_rate: a number or one for each axis.
        padding: ``"valid"`` or ``"same"``.
        depth_multiplier: outputs for each channel.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.
        activation: what is applied to the outputs.
        use_bias: whether a bias is added.
        depthwise_initializer, bias_initializer: first values of the weights.
        depthwise_regularizer, bias_regularizer, activity_regularizer: penalties.
        depthwise_constraint, bias_constraint: projections after each update.
    """

    _arguments = (
        *("depth_multiplier", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "activation"),
        *("use_bias", "depthwise_initializer", "bias_initializer", "depthwise_regularizer", "bias_regularizer"),
        *("activity_regularizer", "depthwise_constraint", "bias_constraint"),
    )
    _counts = ("depth_multiplier",)
    depth_multiplier: int

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**given(locals()))

    def _make_kernels(self, channels: int) -> None:
        self.kernel = self._weight("kernel", (*self.kernel_size, channels, self.depth_multiplier), "depthwise")

    def call(self, inputs: Tensor) -> Tensor:
        self._check_fit(inputs)
        return self._finished(ops.depthwise_conv(inputs, self.kernel, **self._window))

    def _output_channels(self, channels: int | None) -> int | None:
        return None if channels is None else channels * self.depth_multiplier
