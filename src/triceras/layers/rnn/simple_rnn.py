"""A simple recurrent network."""

from __future__ import annotations

from typing import Any

from triceras.layers.arguments import given
from triceras.layers.rnn.rnn import CellRNN
from triceras.layers.rnn.simple_rnn_cell import SimpleRNNCell


class SimpleRNN(CellRNN):
    """``h = activation(x @ kernel + h @ recurrent_kernel + bias)`` at each step (Elman, 1990).

    Args:
        units: the size of the state and of the output.
        activation: what is applied to the new state.
        use_bias: whether biases are added.
        kernel_initializer, recurrent_initializer, bias_initializer: first values of the weights.
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

    Input shape:
        ``(batch, time, features)``
    Output shape:
        ``(batch, units)``, or ``(batch, time, units)``; a tuple with the states where they are returned

    Example:
        >>> shape(SimpleRNN(4, return_sequences=True)(ones((2, 6, 3))))
        (2, 6, 4)
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(SimpleRNNCell, given(locals()))
