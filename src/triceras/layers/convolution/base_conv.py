"""What convolutions of every rank have in common."""

from __future__ import annotations

import functools
from typing import Any

from triceras import activations, constraints, initializers, ops, regularizers
from triceras.backends.base import Tensor
from triceras.core import settings
from triceras.layers.arguments import serialized
from triceras.layers.input_spec import InputSpec
from triceras.layers.lora import Factored, LowRank
from triceras.layers.windows import per_axis, window_shape
from triceras.ops.affine import add_bias

#: What a config holds beside the rank.
_ARGUMENTS = (
    "filters kernel_size strides padding data_format dilation_rate groups activation "
    "use_bias kernel_initializer bias_initializer kernel_regularizer bias_regularizer "
    "activity_regularizer kernel_constraint bias_constraint"
).split()


class BaseConv(LowRank):
    """A convolution: each output is a weighted sum of the inputs in a window, plus a bias, activated.

    Args:
        rank: the number of spatial axes.
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

    kernel = Factored()

    def __init__(
        self,
        rank: int,
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
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.rank = rank
        self.filters = filters
        self.groups = groups
        self.kernel_size = per_axis("kernel_size", kernel_size, rank)
        self.strides = per_axis("strides", strides, rank)
        self.dilation_rate = per_axis("dilation_rate", dilation_rate, rank)
        self.padding = padding.lower()
        self.data_format = settings.standardize_data_format(data_format)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.lora_rank = lora_rank
        self.lora_alpha = lora_alpha if lora_alpha is not None else lora_rank
        self.input_spec = InputSpec(ndim=rank + 2)
        self._check_arguments()

    def _check_arguments(self) -> None:
        if not isinstance(self.filters, int) or self.filters <= 0:
            raise ValueError(f"Layer {self.name!r}: filters is a positive integer, received {self.filters!r}.")
        if self.groups <= 0 or self.filters % self.groups:
            raise ValueError(
                f"Layer {self.name!r}: filters must be a multiple of groups, received filters={self.filters}, "
                f"groups={self.groups}."
            )
        allowed = ("valid", "same", "causal") if self.rank == 1 else ("valid", "same")
        if self.padding not in allowed:
            raise ValueError(f"Layer {self.name!r}: padding is one of {', '.join(allowed)}, received {self.padding!r}.")
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"Layer {self.name!r}: strides and dilation_rate can't both exceed 1, received {self.strides} and "
                f"{self.dilation_rate}."
            )

    @property
    def _channel_axis(self) -> int:
        return -1 if self.data_format == "channels_last" else 1

    def build(self, input_shape: Any) -> None:
        channels = input_shape[self._channel_axis]
        if channels is None or channels % self.groups:
            raise ValueError(
                f"Layer {self.path!r}: the inputs' channels must be known and a multiple of groups={self.groups}, received "
                f"{channels} in the shape {input_shape}."
            )
        self.compute_output_shape(input_shape)
        self.kernel = self.add_weight(
            shape=(*self.kernel_size, channels // self.groups, self.filters),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(self.filters,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        self.factor_if_asked()
        self.input_spec = InputSpec(min_ndim=self.rank + 2, axes={self._channel_axis: channels})

    def call(self, inputs: Tensor) -> Tensor:
        if self.padding == "causal":
            before = self.dilation_rate[0] * (self.kernel_size[0] - 1)
            time = 1 if self.data_format == "channels_last" else 2
            inputs = ops.pad(inputs, [(before, 0) if axis == time else (0, 0) for axis in range(3)])
        convolve = functools.partial(
            ops.conv,
            inputs,
            strides=self.strides,
            padding="valid" if self.padding == "causal" else self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        outputs = self.through_weight(convolve, splits=self.groups == 1 and self._channel_axis == -1)
        if self.bias is not None:
            if self.data_format == "channels_first":
                outputs = ops.add(outputs, ops.reshape(self.bias, (1, self.filters, *(1,) * self.rank)))
            else:
                outputs = add_bias(outputs, self.bias)
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return window_shape(
            input_shape,
            self.kernel_size,
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
            channels=self.filters,
            where=self.path,
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **serialized(self, _ARGUMENTS)}
