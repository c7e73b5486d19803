"""What convolutional long short-term memories of every rank have in common."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.layers.input_spec import InputSpec
from triceras.layers.rnn.conv_lstm_cell import ConvLSTMCell
from triceras.layers.rnn.rnn import CellRNN


class BaseConvLSTM(CellRNN):
    """A ``ConvLSTMCell`` applied to each step of a sequence in turn.

    Args:
        rank: the number of spatial axes.
        arguments: by name, the cell's and the layer's.
    """

    cell: ConvLSTMCell

    def __init__(self, rank: int, arguments: dict[str, Any]) -> None:
        super().__init__(ConvLSTMCell, {"rank": rank} | arguments)
        self.input_spec = InputSpec(ndim=rank + 3)

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        size = self.cell.state_shape((sequences_shape[0], *sequences_shape[2:]))[1:]
        self.cell.state_size, self.cell.output_size = [size, size], size
        if self.stateful and None in size:
            raise ValueError(
                f"Layer {self.path!r} is stateful and needs inputs of a known size, received the shape "
                f"{tuple(sequences_shape)}."
            )
        super().build(sequences_shape, initial_state_shape)

    def _first_states(self, sequences: Tensor, given: Any) -> list[Any]:
        if given is None and not self.stateful:
            # Of sequences at hand, whose size may be another one than that it was built with.
            shape: Any = self.cell.state_shape((sequences.shape[0], *sequences.shape[2:]))
            if None in shape:  # in a graph: the shape of a step's gates is at hand once it runs
                gates = self.cell.project(sequences[:, 0])
                given = [ops.zeros_like(ops.split(gates, 4, axis=self.cell.channel_axis)[0])] * 2
            else:
                given = [ops.zeros(shape, dtype=self.compute_dtype)] * 2
        return super()._first_states(sequences, given)

    def _zero_output(self, sequence: Tensor, states: Any) -> Tensor:
        return ops.zeros_like(states[0])

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        batch, time, *step = sequences_shape
        state = self.cell.state_shape((batch, *step))
        output = (batch, time, *state[1:]) if self.return_sequences else state
        return (output, state, state) if self.return_state else output
