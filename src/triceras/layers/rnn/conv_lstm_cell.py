"""One step of a long short-term memory whose products are convolutions."""

from __future__ import annotations

import math
from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.core import settings
from triceras.layers.arguments import given, serialized
from triceras.layers.rnn.lstm_cell import LSTMCell
from triceras.layers.windows import per_axis, window_shape

_WINDOW = ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate")


class ConvLSTMCell(LSTMCell):
    """``LSTMCell`` with convolutions in place of its products (Shi et al. 2015): gates, states and outputs are images.

    Args:
        rank: the number of spatial axes.
        filters: the number of channels of the state and of the output.
        kernel_size, strides, dilation_rate: of the inputs' convolution, a number or one for each axis; the states' has the
            same size.
        padding: ``"valid"`` or ``"same"``; the states' convolution keeps their size.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.
        activation, recurrent_activation and the others: as for an ``LSTMCell``.
    """

    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(filters, int) or filters <= 0:
            raise ValueError(f"ConvLSTMCell: filters is a positive integer, received {filters!r}.")
        super().__init__(filters, **given(locals(), "rank", *_WINDOW))
        self.rank = rank
        self.filters = filters
        self.kernel_size = per_axis("kernel_size", kernel_size, rank)
        self.strides = per_axis("strides", strides, rank)
        self.dilation_rate = per_axis("dilation_rate", dilation_rate, rank)
        self.padding = padding.lower()
        if self.padding not in ("valid", "same"):
            raise ValueError(f"Layer {self.name!r}: padding is 'valid' or 'same', received {padding!r}.")
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"Layer {self.name!r}: strides and dilation_rate can't both exceed 1, received {self.strides} and "
                f"{self.dilation_rate}."
            )
        self.data_format = settings.standardize_data_format(data_format)

    @property
    def channel_axis(self) -> int:
        """Where the channels of a step stand."""
        return -1 if self.data_format == "channels_last" else 1

    def build(self, input_shape: Any) -> None:
        channels = input_shape[self.channel_axis]
        if channels is None:
            raise ValueError(f"Layer {self.path!r}: the inputs' channels must be known, received {tuple(input_shape)}.")
        self.kernel = self._weight("kernel", (*self.kernel_size, channels, 4 * self.filters))
        self.recurrent_kernel = self._weight("recurrent_kernel", (*self.kernel_size, self.filters, 4 * self.filters))
        self.bias = self._weight("bias", self._bias_shape()) if self.use_bias else None

    def state_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """The shape of the states and of the output for a step's inputs."""
        sizes = (self.kernel_size, self.strides, self.padding, self.data_format, self.dilation_rate)
        return window_shape(input_shape, *sizes, channels=self.filters, where=self.path)

    def project(self, inputs: Tensor) -> Tensor:
        """The inputs' share of all gates, of one step or of many."""
        leading = ops.shape(inputs)[: -self.rank - 1]
        several = len(leading) > 1
        if several:
            inputs = ops.reshape(inputs, (_product(leading), *ops.shape(inputs)[len(leading) :]))
        gates = ops.conv(
            inputs,
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        if self.bias is not None:
            shape = [1] * (self.rank + 2)
            shape[self.channel_axis] = -1
            gates = ops.add(gates, ops.reshape(self.bias, shape))
        return ops.reshape(gates, (*leading, *ops.shape(gates)[1:])) if several else gates

    def step(self, projected: Tensor, states: Any, recurrent_mask: Any = None) -> tuple[Tensor, Any]:
        h, c = states
        h = h if recurrent_mask is None else h * recurrent_mask
        recurrent = ops.conv(h, self.recurrent_kernel, padding="same", data_format=self.data_format)
        i, f, g, o = ops.split(ops.add(projected, recurrent), 4, axis=self.channel_axis)
        gate, activation = self.recurrent_activation, self.activation
        c = gate(f) * c + gate(i) * activation(g)
        h = gate(o) * activation(c)
        return h, [h, c]

    @property
    def fuses(self) -> bool:
        return False

    def arguments(self) -> dict[str, Any]:
        config = {name: value for name, value in super().arguments().items() if name != "units"}
        return config | serialized(self, _WINDOW)


def _product(sizes: Any) -> Any:
    return math.prod(sizes) if all(isinstance(size, int) for size in sizes) else -1
