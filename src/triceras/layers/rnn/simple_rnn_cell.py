"""One step of a simple recurrent network."""

from __future__ import annotations

from typing import Any

from triceras import activations, ops
from triceras.backends.base import Tensor
from triceras.layers.arguments import given
from triceras.layers.rnn.cell import RecurrentCell
from triceras.ops import recurrent


class SimpleRNNCell(RecurrentCell):
    """``h = activation(x @ kernel + h @ recurrent_kernel + bias)`` (Elman, 1990).

    Args:
        units: the size of the state and of the output.
        activation: what is applied to the new state.
        use_bias: whether a bias is added.
        kernel_initializer, recurrent_initializer, bias_initializer: first values of the weights.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties on them.
        kernel_constraint, recurrent_constraint, bias_constraint: projections of them after each update.
        dropout, recurrent_dropout: the share of inputs and state dropped in training.
        seed: of the dropout.

    Example:
        >>> output, states = SimpleRNNCell(4)(ones((2, 3)), zeros((2, 4)))
        >>> shape(output)
        (2, 4)
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
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**given(locals()))

    def step(self, projected: Tensor, states: Any, recurrent_mask: Any = None) -> tuple[Tensor, Any]:
        h = states[0] if recurrent_mask is None else states[0] * recurrent_mask
        h = ops.add(projected, ops.matmul(h, self.recurrent_kernel))
        h = h if self.activation is None else self.activation(h)
        return h, [h]

    @property
    def fuses(self) -> bool:
        return self.activation is activations.tanh

    def fused(self, sequence: Tensor, states: list[Tensor], padding: Any = None) -> tuple[Tensor, list[Tensor]]:
        outputs = recurrent.simple_rnn(sequence, states[0], self.kernel, self.recurrent_kernel, self.bias)
        return outputs, [outputs[-1]]
