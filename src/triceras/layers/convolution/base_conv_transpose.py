"""What transposed convolutions of every rank have in common."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.core.windows import channels_moved, channels_restored, transposed_size
from triceras.layers.arguments import given
from triceras.layers.convolution.conv_layer import ConvLayer
from triceras.layers.windows import check_rank, per_axis


class BaseConvTranspose(ConvLayer):
    """The transpose of a convolution: each input is spread over a window, times the kernel; plus a bias, activated.

    Args:
        filters: the number of output channels.
        kernel_size, strides, dilation_rate: a number or one for each axis.
        padding: ``"same"`` multiplies the sizes by the strides, ``"valid"`` gives every place that a window reaches.
        output_padding: how much more than the least size comes out at the end; None for sizes as said.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.
        activation: what is applied to the outputs.
        use_bias: whether a bias is added.
        kernel_initializer, bias_initializer: first values of the weights.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties.
        kernel_constraint, bias_constraint: projections after each update.
    """

    _arguments = (
        *("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "activation", "use_bias"),
        *("kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer", "activity_regularizer"),
        *("kernel_constraint", "bias_constraint", "output_padding"),
    )
    _counts = ("filters",)
    _steps_or_gaps = True
    output_padding: tuple[int, ...] | None

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**given(locals()))

    def _check_arguments(self) -> None:
        super()._check_arguments()
        if self.output_padding is None:
            return
        self.output_padding = per_axis("output_padding", self.output_padding, self.rank, 0, self.path)
        if any(more >= stride for more, stride in zip(self.output_padding, self.strides, strict=True)):
            raise ValueError(
                f"Layer {self.path!r}: output_padding is less than strides on each axis, received {self.output_padding} and "
                f"{self.strides}."
            )

    def _make_kernels(self, channels: int) -> None:
        self.kernel = self._weight("kernel", (*self.kernel_size, self.filters, channels))

    def call(self, inputs: Tensor) -> Tensor:
        outputs = ops.conv_transpose(inputs, self.kernel, output_padding=self.output_padding, **self._window)
        return self._finished(outputs)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        check_rank(input_shape, self.rank, self.path)
        spatial = channels_moved(input_shape, self.data_format)[1:-1]
        extra = self.output_padding or (None,) * self.rank
        axes = zip(spatial, self.kernel_size, self.strides, self.dilation_rate, extra, strict=True)
        sizes = [transposed_size(size, window, step, gap, self.padding, more) for size, window, step, gap, more in axes]
        return channels_restored((input_shape[0], *sizes, self.filters), self.data_format)
