"""Convolution of each channel by itself."""

from __future__ import annotations

from typing import Any

from triceras import activations, constraints, initializers, ops, regularizers
from triceras.backends.base import Tensor
from triceras.core import settings
from triceras.layers.arguments import given, serialized
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer
from triceras.layers.windows import per_axis, window_shape
from triceras.ops.affine import add_bias

#: What a config holds beside the rank.
_ARGUMENTS = (
    "depth_multiplier kernel_size strides padding data_format dilation_rate "
    "activation use_bias depthwise_initializer bias_initializer depthwise_regularizer "
    "bias_regularizer activity_regularizer depthwise_constraint bias_constraint"
).split()


class BaseDepthwiseConv(Layer):
    """A convolution that keeps channels apart: each gives ``depth_multiplier`` outputs of its own.

    Args:
        rank: the number of spatial axes.
        depth_multiplier: outputs for each channel.
        kernel_size, strides, dilation_rate: a number or one for each axis.
        padding, data_format, activation, use_bias and the others: as for a convolution.
    """

    def __init__(
        self,
        rank: int,
        depth_multiplier: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
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
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        if not isinstance(depth_multiplier, int) or depth_multiplier < 1:
            raise ValueError(
                f"Layer {self.name!r}: depth_multiplier is a positive integer, received {depth_multiplier!r}."
            )
        self.rank = rank
        self.depth_multiplier = depth_multiplier
        self.kernel_size = per_axis("kernel_size", kernel_size, rank)
        self.strides = per_axis("strides", strides, rank)
        self.dilation_rate = per_axis("dilation_rate", dilation_rate, rank)
        self.padding = padding.lower()
        if self.padding not in ("valid", "same"):
            raise ValueError(f"Layer {self.name!r}: padding is 'valid' or 'same', received {padding!r}.")
        self.data_format = settings.standardize_data_format(data_format)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(ndim=rank + 2)

    def build(self, input_shape: Any) -> None:
        axis = -1 if self.data_format == "channels_last" else 1
        channels = input_shape[axis]
        if channels is None:
            raise ValueError(f"Layer {self.path!r}: the inputs' channels must be known, received {tuple(input_shape)}.")
        self.compute_output_shape(input_shape)
        self.kernel = self.add_weight(
            shape=(*self.kernel_size, channels, self.depth_multiplier),
            initializer=self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
            name="kernel",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(channels * self.depth_multiplier,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        self.input_spec = InputSpec(min_ndim=self.rank + 2, axes={axis: channels})

    def call(self, inputs: Tensor) -> Tensor:
        outputs = ops.depthwise_conv(
            inputs,
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        if self.bias is not None:
            if self.data_format == "channels_first":
                outputs = ops.add(outputs, ops.reshape(self.bias, (1, -1, *(1,) * self.rank)))
            else:
                outputs = add_bias(outputs, self.bias)
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        channels = input_shape[-1 if self.data_format == "channels_last" else 1]
        return window_shape(
            input_shape,
            self.kernel_size,
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
            channels=None if channels is None else channels * self.depth_multiplier,
            where=self.path,
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **serialized(self, _ARGUMENTS)}


class DepthwiseConv2D(BaseDepthwiseConv):
    """A convolution over images that keeps channels apart (Sifre & Mallat 2013).

    Args:
        kernel_size, strides, dilation_rate: a number or two.
        padding: ``"valid"`` or ``"same"``.
        depth_multiplier: outputs for each channel.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.
        activation: what is applied to the outputs.
        use_bias: whether a bias is added.
        depthwise_initializer, bias_initializer: first values of the weights.
        depthwise_regularizer, bias_regularizer, activity_regularizer: penalties.
        depthwise_constraint, bias_constraint: projections after each update.

    Input shape:
        ``(batch, height, width, channels)``, or ``(batch, channels, height, width)``
    Output shape:
        the same with ``channels * depth_multiplier`` channels

    Example:
        >>> shape(DepthwiseConv2D(3)(ones((1, 8, 8, 2))))
        (1, 6, 6, 2)
    """

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
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
        super().__init__(2, **given(locals()))
