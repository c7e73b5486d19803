"""One step of a gated recurrent unit."""

from __future__ import annotations

from typing import Any

from triceras import activations, ops
from triceras.backends.base import Tensor
from triceras.layers.arguments import given
from triceras.layers.rnn.cell import RecurrentCell
from triceras.ops import recurrent
from triceras.ops.affine import affine


class GRUCell(RecurrentCell):
    """Gated recurrent unit (Cho et al., 2014).

    With ``z`` and ``r`` the update and reset gates, ``h = z * h + (1 - z) * n``, where n is the activation of
    ``x_n + r * (h @ u_n + b)`` with ``reset_after``, which is how cuDNN computes it, else of ``x_n + (r * h) @ u_n``.

    Args:
        units: the size of the state and of the output.
        activation: of the candidate.
        recurrent_activation: of the gates.
        use_bias: whether biases are added; with ``reset_after`` there are two, ``(2, 3 * units)``.
        kernel_initializer, recurrent_initializer, bias_initializer: first values of the weights.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties on them.
        kernel_constraint, recurrent_constraint, bias_constraint: projections of them after each update.
        dropout, recurrent_dropout: the share of inputs and state dropped in training.
        reset_after: whether the reset gate is applied behind the product.
        seed: of the dropout.

    Example:
        >>> output, states = GRUCell(4)(ones((2, 3)), zeros((2, 4)))
        >>> shape(output)
        (2, 4)
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
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
        reset_after: bool = True,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**given(locals(), "reset_after"))
        self.reset_after = reset_after

    def _bias_shape(self) -> tuple[int, ...]:
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def _biases(self) -> tuple[Any, Any]:
        """What is added to the inputs' share and to the state's."""
        if self.bias is None or not self.reset_after:
            return self.bias, None
        return self.bias[0], self.bias[1]

    def project(self, inputs: Tensor) -> Tensor:
        bias = self._biases()[0]
        return ops.matmul(inputs, self.kernel) if bias is None else affine(inputs, self.kernel, bias)

    def step(self, projected: Tensor, states: Any, recurrent_mask: Any = None) -> tuple[Tensor, Any]:
        before, gate, u = states[0], self.recurrent_activation, self.recurrent_kernel
        h = before if recurrent_mask is None else before * recurrent_mask
        x_z, x_r, x_n = ops.split(projected, 3, axis=-1)
        if self.reset_after:
            product, bias = ops.matmul(h, u), self._biases()[1]
            h_z, h_r, h_n = ops.split(product if bias is None else ops.add(product, bias), 3, axis=-1)
            z, r = gate(x_z + h_z), gate(x_r + h_r)
            h_n = r * h_n
        else:
            h_z, h_r = ops.split(ops.matmul(h, u[:, : 2 * self.units]), 2, axis=-1)
            z, r = gate(x_z + h_z), gate(x_r + h_r)
            h_n = ops.matmul(r * h, u[:, 2 * self.units :])
        n = x_n + h_n
        n = n if self.activation is None else self.activation(n)
        h = n + z * (before - n)
        return h, [h]

    @property
    def fuses(self) -> bool:
        default = self.activation is activations.tanh and self.recurrent_activation is activations.sigmoid
        return default and self.reset_after

    def fused(self, sequence: Tensor, states: list[Tensor], padding: Any = None) -> tuple[Tensor, list[Tensor]]:
        bias, recurrent_bias = self._biases()
        if bias is None:
            bias = recurrent_bias = ops.zeros((3 * self.units,), dtype=sequence.dtype)
        outputs = recurrent.gru(sequence, states[0], self.kernel, self.recurrent_kernel, bias, recurrent_bias)
        return outputs, [outputs[-1]]

    def arguments(self) -> dict[str, Any]:
        return {**super().arguments(), "reset_after": self.reset_after}
