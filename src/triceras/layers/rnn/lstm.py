"""Long short-term memory."""

from __future__ import annotations

from typing import Any

from triceras.layers.arguments import given
from triceras.layers.rnn.lstm_cell import LSTMCell
from triceras.layers.rnn.rnn import CellRNN


class LSTM(CellRNN):
    """Long short-term memory (Hochreiter & Schmidhuber, 1997; forget gates: Gers et al., 2000); ``LSTMCell`` has the formula.

    Args:
        units: the size of the state and of the output.
        activation: of the candidate and the cell's state.
        recurrent_activation: of the gates.
        use_bias: whether biases are added.
        kernel_initializer, recurrent_initializer, bias_initializer: first values of the weights.
        unit_forget_bias: whether the forget gate's bias starts at one.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: penalties on the weights and the
            outputs.
        kernel_constraint, recurrent_constraint, bias_constraint: projections of the weights after each update.
        dropout, recurrent_dropout: the share of inputs and state dropped in training, the same units at each step.
        seed: of the dropout.
        return_sequences: whether all outputs are returned, not only the last one.
        return_state: whether the last states are returned too.
        go_backwards: whether the sequence is gone through from its end.
        stateful: whether a batch starts with the states that the one before ended with.
        unroll: whether the steps are written out rather than run as a loop.
        use_cudnn: kept for compatibility; the fastest kernel that fits is used anyway.

    Input shape:
        ``(batch, time, features)``
    Output shape:
        ``(batch, units)``, or ``(batch, time, units)``; a tuple with the states where they are returned

    Example:
        >>> shape(LSTM(4, return_sequences=True)(ones((2, 6, 3))))
        (2, 6, 4)
    """

    def __init__(
        self,
        units: int,
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
        unroll: bool = False,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(LSTMCell, given(locals(), "use_cudnn"))
        self.use_cudnn = use_cudnn
