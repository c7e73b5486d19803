"""One step of a long short-term memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from triceras import activations, ops
from triceras.backends.base import Tensor
from triceras.layers.arguments import given
from triceras.layers.rnn.cell import RecurrentCell
from triceras.ops import recurrent

#: What makes a sigmoid 0 or 1 in every dtype, whatever else is added to it.
_SATURATING = 1e4


class LSTMCell(RecurrentCell):
    """Long short-term memory (Hochreiter & Schmidhuber, 1997) with forget gates (Gers et al., 2000).

    With ``i, f, g, o`` the parts of ``x @ kernel + h @ recurrent_kernel + bias``, all through the recurrent activation but g
    through the activation: ``c = f * c + i * g`` and ``h = o * activation(c)``.

    Args:
        units: the size of the state and of the output.
        activation: of the candidate and the cell's state.
        recurrent_activation: of the gates.
        use_bias: whether a bias is added.
        kernel_initializer, recurrent_initializer, bias_initializer: first values of the weights.
        unit_forget_bias: whether the forget gate's bias starts at one (Jozefowicz et al., 2015).
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties on them.
        kernel_constraint, recurrent_constraint, bias_constraint: projections of them after each update.
        dropout, recurrent_dropout: the share of inputs and state dropped in training.
        seed: of the dropout.

    Example:
        >>> output, (h, c) = LSTMCell(4)(ones((2, 3)), [zeros((2, 4)), zeros((2, 4))])
        >>> shape(c)
        (2, 4)
    """

    gates = 4

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
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**given(locals(), "unit_forget_bias"))
        self.unit_forget_bias = unit_forget_bias
        self.state_size = [units, units]

    def _weight(self, name: str, shape: tuple[int, ...], initializer: Any = None) -> Any:
        if name == "bias" and self.unit_forget_bias:
            initializer = self._forget_bias
        return super()._weight(name, shape, initializer)

    def _forget_bias(self, shape: Any, dtype: Any = None) -> Tensor:
        """The bias initializer's values with ones for the forget gate."""
        parts = [self.bias_initializer((self.units,), dtype=dtype), ops.ones((self.units,), dtype=dtype)]
        return ops.concatenate([*parts, self.bias_initializer((2 * self.units,), dtype=dtype)])

    def step(self, projected: Tensor, states: Any, recurrent_mask: Any = None) -> tuple[Tensor, Any]:
        h, c = states
        h = h if recurrent_mask is None else h * recurrent_mask
        i, f, g, o = ops.split(ops.add(projected, ops.matmul(h, self.recurrent_kernel)), 4, axis=-1)
        gate, activation = self.recurrent_activation, self.activation
        c = gate(f) * c + gate(i) * activation(g)
        h = gate(o) * activation(c)
        return h, [h, c]

    @property
    def fuses(self) -> bool:
        return self.activation is activations.tanh and self.recurrent_activation is activations.sigmoid

    def fused(self, sequence: Tensor, states: list[Tensor], padding: Any = None) -> tuple[Tensor, list[Tensor]]:
        (h, c), kernel = states, self.kernel
        if padding is not None:
            # One more feature shuts the input gate and opens the forget gate, to the last bit, so that c stays.
            gates = np.repeat([-_SATURATING, _SATURATING, 0.0, 0.0], self.units)[None]
            kernel = ops.concatenate([kernel, ops.convert_to_tensor(gates, dtype=sequence.dtype)])
            sequence = ops.concatenate([sequence, padding], axis=-1)
        outputs, c = recurrent.lstm(sequence, h, c, kernel, self.recurrent_kernel, self.bias)
        return outputs, [outputs[-1], c]

    def arguments(self) -> dict[str, Any]:
        return {**super().arguments(), "unit_forget_bias": self.unit_forget_bias}
