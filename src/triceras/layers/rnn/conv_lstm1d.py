"""A convolutional long short-term memory over sequences of one-dimensional signals."""

from __future__ import annotations

from typing import Any

from triceras.layers.arguments import given
from triceras.layers.rnn.base_conv_lstm import BaseConvLSTM


class ConvLSTM1D(BaseConvLSTM):
    """A long short-term memory over sequences of one-dimensional signals whose products are convolutions (Shi et al. 2015).

    Args:
        filters: the number of channels of the state and of the output.
        kernel_size, strides, dilation_rate: of the inputs' convolution, a number.
        padding: ``"valid"`` or ``"same"``.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.
        activation and the others: as for an ``LSTM``.

    Input shape:
        ``(batch, time, length, channels)``, or ``(batch, time, channels, length)``
    Output shape:
        ``(batch, new_length, filters)``; ``time`` is behind the batch where sequences are returned,
        and the states are in a tuple with it where they are

    Example:
        >>> shape(ConvLSTM1D(5, 3)(ones((1, 2, 6, 3))))
        (1, 4, 5)
    """

    def __init__(
        self,
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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Any = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(1, given(locals()))
