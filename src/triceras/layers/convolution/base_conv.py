"""What convolutions of every rank have in common."""

from __future__ import annotations

import functools
from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.layers.arguments import given
from triceras.layers.convolution.conv_layer import ConvLayer
from triceras.layers.lora import Factored, LowRank


class BaseConv(ConvLayer, LowRank):
    """A convolution: each output is a weighted sum of the inputs in a window, plus a bias, activated.

    Args:
        filters: the number of output channels.
        kernel_size, strides, dilation_rate: a number or one for each axis.
        padding: ``"valid"``, ``"same"`` or, with one axis, ``"causal"``.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.
        groups: into how many groups the channels are divided.
        activation: what is applied to the outputs.
        use_bias: whether a bias is added.
        kernel_initializer, bias_initializer: first values of the weights.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties.
        kernel_constraint, bias_constraint: projections after each update.
        lora_rank, lora_alpha: the rank and scale of a low-rank update that is trained in place of the kernel.
    """

    _arguments = (
        *("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "groups", "activation"),
        *("use_bias", "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer"),
        *("activity_regularizer", "kernel_constraint", "bias_constraint"),
    )
    _counts = ("filters", "groups")
    _steps_or_gaps = True
    groups: int
    kernel = Factored()

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**given(locals(), "lora_rank", "lora_alpha"))
        self.lora_rank = lora_rank
        self.lora_alpha = lora_alpha if lora_alpha is not None else lora_rank

    def _paddings(self) -> tuple[str, ...]:
        return ("valid", "same", "causal") if self.rank == 1 else ("valid", "same")

    def _check_arguments(self) -> None:
        super()._check_arguments()
        if self.filters % self.groups:
            raise ValueError(
                f"Layer {self.path!r}: filters must be a multiple of groups, received filters={self.filters}, "
                f"groups={self.groups}."
            )

    def _check_channels(self, channels: int | None, input_shape: Any) -> None:
        if channels is None or channels % self.groups:
            raise ValueError(
                f"Layer {self.path!r}: the inputs' channels must be known and a multiple of groups={self.groups}, received "
                f"{channels} in the shape {input_shape}."
            )

    def _make_kernels(self, channels: int) -> None:
        self.kernel = self._weight("kernel", (*self.kernel_size, channels // self.groups, self.filters))

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.factor_if_asked()

    def call(self, inputs: Tensor) -> Tensor:
        self._check_fit(inputs)
        window = self._window
        if self.padding == "causal":
            before = self.dilation_rate[0] * (self.kernel_size[0] - 1)
            time = 1 if self.data_format == "channels_last" else 2
            inputs = ops.pad(inputs, [(before, 0) if axis == time else (0, 0) for axis in range(3)])
            window["padding"] = "valid"
        convolve = functools.partial(ops.conv, inputs, **window)
        return self._finished(self.through_weight(convolve, splits=self.groups == 1 and self._channel_axis == -1))
