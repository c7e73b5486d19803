"""A cell applied step by step."""

from __future__ import annotations

import functools
import inspect
from typing import Any

from triceras import ops, regularizers, tree
from triceras.backends.base import Tensor
from triceras.core import objects, scopes
from triceras.core.naming import to_snake_case
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer
from triceras.layers.rnn.cell import RecurrentCell, zero_states
from triceras.layers.rnn.stacked_rnn_cells import (
    StackedRNNCells,
    call_cell,
    check_cell,
    initial_state_of,
    output_size_of,
)
from triceras.ops.packed import Packed
from triceras.ops.recurrent import recurrence
from triceras.state.variable import Variable


class _Carried:
    """A variable that steps carry along like a seed's state: part of ``variables``, not of the weights or files."""

    def __init__(self, state: Variable) -> None:
        self.state = state


class RNN(Layer):
    """A cell applied to each step of a sequence in turn, its state carried from one to the next.

    Args:
        cell: has ``call(inputs, states) -> (output, new_states)`` and ``state_size`` (a size or a list of them), and may have
            ``output_size`` and ``get_initial_state(batch_size)``; or a list of cells, which are stacked.
        return_sequences: whether all outputs are returned, not only the last one.
        return_state: whether the last states are returned too.
        go_backwards: whether the sequence is gone through from its end; the outputs are in that order.
        stateful: whether a batch starts with the states that the one before ended with.
        unroll: whether the steps are written out rather than run as a loop.
        zero_output_for_mask: whether masked outputs are zero rather than the one before.

    Input shape:
        ``(batch, time, ...)``
    Output shape:
        ``(batch, ...)``, or ``(batch, time, ...)``; a tuple with the states where they are returned

    Example:
        >>> shape(RNN([GRUCell(4), GRUCell(5)], return_sequences=True)(ones((2, 6, 3))))
        (2, 6, 5)
    """

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(cell, list | tuple):
            cell = StackedRNNCells(cell, dtype=kwargs.get("dtype"))
        check_cell(cell, self.name)
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.supports_masking = True
        self.input_spec = InputSpec(min_ndim=3)
        self.states: Any = None

    @property
    def state_size(self) -> Any:
        """The state sizes of the cell, in a list."""
        size = self.cell.state_size
        return list(size) if isinstance(size, list | tuple) else [size]

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build((sequences_shape[0], *sequences_shape[2:]))
            self.cell.built = True
        if self.stateful:
            if sequences_shape[0] is None:
                raise ValueError(
                    f"Layer {self.path!r} is stateful and needs inputs with a known batch size, received the shape "
                    f"{tuple(sequences_shape)}. Give the model's input a batch_size."
                )
            self._make_states(sequences_shape[0])

    def _make_states(self, batch_size: int) -> None:
        def variable(value: Any) -> Variable:
            state = Variable(value, trainable=False, autocast=False, name="state")
            self._seed_generators.append(_Carried(state))
            return state

        object.__setattr__(self, "states", tree.map_structure(variable, self.get_initial_state(batch_size)))

    def get_initial_state(self, batch_size: Any) -> list[Any]:
        """The states that a sequence starts with, a list."""
        states = initial_state_of(self.cell, batch_size, self.compute_dtype)
        return states if isinstance(states, list) else list(states) if isinstance(states, tuple) else [states]

    # ---- the call ---------------------------------------------------------------------------------------------------

    def call(
        self, sequences: Tensor, initial_state: Any = None, mask: Any = None, training: bool | None = False
    ) -> Any:
        if self.unroll and sequences.shape[1] is None:
            raise ValueError(
                f"Layer {self.path!r} can't unroll a sequence of unknown length: its shape is {sequences.shape}."
            )
        if sequences.shape[1] == 0:
            raise ValueError(
                f"Layer {self.path!r} needs at least one step: the shape of its sequences is {tuple(sequences.shape)}."
            )
        if isinstance(mask, list | tuple):
            mask = mask[0]
        states = self._first_states(sequences, initial_state)
        last, outputs, states = self.inner_loop(sequences, states, mask, training)
        if self.stateful:
            for variable, value in zip(tree.flatten(self.states), tree.flatten(states), strict=True):
                variable.assign(value)
        result = outputs if self.return_sequences else last
        return (result, *states) if self.return_state else result

    def _first_states(self, sequences: Tensor, given: Any) -> list[Any]:
        if given is None and self.stateful:
            # Copies: the assignment behind the loop may change the variable in place.
            return tree.map_structure(lambda v: ops.copy(v.value), self.states)
        if given is None:
            given = self.get_initial_state(ops.shape(sequences)[0])
        given = list(given) if isinstance(given, list | tuple) else [given]
        expected = self.state_size
        if len(given) != len(expected):
            raise ValueError(f"Layer {self.path!r} has {len(expected)} states, received {len(given)} in initial_state.")
        return tree.map_structure(lambda x: ops.cast(x, self.compute_dtype), given)

    def inner_loop(
        self, sequences: Tensor, initial_state: Any, mask: Any, training: bool | None = False
    ) -> tuple[Tensor, Tensor, Any]:
        """The last output, all outputs and the last states."""
        rank = len(sequences.shape)
        sequence = ops.transpose(sequences, (1, 0, *range(2, rank)))
        if mask is not None:
            mask = ops.cast(mask, "bool")
            mask = ops.transpose(mask[..., 0] if len(mask.shape) == 3 else mask, (1, 0))
        if self.go_backwards:
            sequence, mask = ops.flip(sequence, 0), None if mask is None else ops.flip(mask, 0)
        last, outputs, states = self._run(sequence, initial_state, mask, bool(training))
        if self.return_sequences:
            outputs = ops.transpose(outputs, (1, 0, *range(2, len(outputs.shape))))
        return last, outputs, states

    def _run(self, sequence: Tensor, states: Any, mask: Any, training: bool) -> tuple[Tensor, Tensor, Any]:
        """The last output, all outputs with time first (where sequences are returned) and the last states."""
        cell = self.cell
        if isinstance(cell, RecurrentCell) and type(cell).call is RecurrentCell.call:
            return self._run_projected(cell, sequence, states, mask, training)
        single = not isinstance(cell.state_size, list | tuple)

        def step(x: Tensor, states: Any) -> tuple[Tensor, Any]:
            output, new = call_cell(cell, x, states, training)
            return output, [new] if single and not isinstance(new, list | tuple) else new

        if training:
            _draw_masks(cell, sequence[0], states)
        try:
            return self._steps(step, sequence, states, mask)
        finally:
            _forget_masks(cell)

    @property
    def _holds_output(self) -> bool:
        """Whether a masked step has the output of the one before; the last output alone is of the last one that counts."""
        return not (self.zero_output_for_mask and self.return_sequences)

    def _steps(self, step: Any, sequence: Tensor, states: Any, mask: Any) -> tuple[Tensor, Tensor, Any]:
        first = None
        if mask is not None and self._holds_output:
            first = self._zero_output(sequence, states)
        outputs, states = recurrence(step, sequence, states, mask, first, self.unroll)
        return outputs[-1], outputs, states

    def _zero_output(self, sequence: Tensor, states: Any) -> Any:
        """What comes out before the first step that counts."""
        return zero_states(output_size_of(self.cell), ops.shape(sequence)[1], self.compute_dtype)

    def _run_projected(
        self, cell: RecurrentCell, sequence: Tensor, states: Any, mask: Any, training: bool
    ) -> tuple[Tensor, Tensor, Any]:
        """With a cell of our own: what depends on the inputs alone comes before the loop."""
        recurrent_mask = None
        if training and cell.dropout > 0:
            sequence = sequence * cell.get_dropout_mask(sequence[0])
        if training and cell.recurrent_dropout > 0:
            recurrent_mask = cell.get_recurrent_dropout_mask(states[0])
        _forget_masks(cell)
        # TensorFlow.js runs loops over whole sequences, and waits for ever in those of single steps (4.22).
        by_op = scopes.portable.get() in (None, "tfjs")
        if cell.fuses and recurrent_mask is None and not self.unroll and by_op:
            return self._run_fused(cell, sequence, states, mask)

        def step(x: Tensor, states: Any) -> tuple[Tensor, Any]:
            return cell.step(x, states, recurrent_mask)

        return self._steps(step, cell.project(sequence), states, mask)

    def _run_fused(self, cell: RecurrentCell, sequence: Tensor, states: Any, mask: Any) -> tuple[Tensor, Tensor, Any]:
        """With the cell's op for whole sequences, which knows no mask."""
        if mask is None:
            outputs, states = cell.fused(sequence, states)
            return outputs[-1], outputs, states
        packed = Packed(sequence, mask)
        found, (_, *others) = cell.fused(packed.sequence, states, packed.padding)
        outputs = packed.restored(found, self._holds_output) if self.return_sequences else found
        last = outputs[-1] if self.return_sequences else packed.last(found)
        return last, outputs, [packed.last(found, states[0]), *others]

    # ---- what comes out ---------------------------------------------------------------------------------------------

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        batch, time = sequences_shape[:2]
        size = output_size_of(self.cell)
        sizes = size if isinstance(size, tuple) else (size,)
        output = (batch, time, *sizes) if self.return_sequences else (batch, *sizes)
        return (output, *_state_shapes(self.state_size, batch)) if self.return_state else output

    def compute_mask(self, _: Any, mask: Any) -> Any:
        mask = mask[0] if isinstance(mask, list | tuple) else mask
        output = mask if self.return_sequences else None
        return [output, *(None for _ in tree.flatten(self.state_size))] if self.return_state else output

    def reset_state(self) -> None:
        """Start anew with the next batch."""
        for variable in tree.flatten(self.states) if self.stateful and self.states is not None else ():
            variable.assign(ops.zeros_like(variable.value))

    def reset_states(self) -> None:
        """Start anew with the next batch."""
        self.reset_state()

    # ---- files ------------------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._loop_arguments(), "cell": objects.serialize_keras_object(self.cell)}

    def _loop_arguments(self) -> dict[str, Any]:
        names = "return_sequences return_state go_backwards stateful unroll zero_output_for_mask".split()
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        config = dict(config)
        if "cell" in config:
            config["cell"] = objects.deserialize_keras_object(config["cell"], custom_objects)
        return cls(**config)


class CellRNN(RNN):
    """An ``RNN`` around one cell of ours, whose arguments are this layer's own.

    Args:
        cell_class: the cell's class.
        arguments: by name, the cell's and the layer's; both have ``dtype`` and ``trainable``.
    """

    cell: RecurrentCell

    def __init__(self, cell_class: type[RecurrentCell], arguments: dict[str, Any]) -> None:
        of_cell = {name: arguments.pop(name) for name in _arguments_of(cell_class) if name in arguments}
        both = {name: arguments[name] for name in ("dtype", "trainable") if name in arguments}
        super().__init__(cell_class(name=to_snake_case(cell_class.__name__), **of_cell, **both), **arguments)

    def __getattr__(self, name: str) -> Any:
        """The cell's arguments and weights can be read from the layer."""
        cell = self.__dict__.get("cell") or self.__dict__.get("_modules", {}).get("cell")
        if cell is not None and (name in cell.arguments() or name in ("kernel", "recurrent_kernel", "bias")):
            return getattr(cell, name)
        base = getattr(super(), "__getattr__", None)
        if base is not None:
            return base(name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def get_config(self) -> dict[str, Any]:
        config = {key: value for key, value in super().get_config().items() if key != "cell"}
        config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return config | self.cell.arguments()

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        return cls(**config)


@functools.cache
def _arguments_of(cell_class: type[RecurrentCell]) -> tuple[str, ...]:
    parameters = inspect.signature(cell_class.__init__).parameters
    return tuple(name for name in parameters if name not in ("self", "kwargs"))


def _state_shapes(sizes: Any, batch: Any) -> list[Any]:
    def shape(size: Any) -> Any:
        if isinstance(size, list):
            return _state_shapes(size, batch)
        return (batch, *(size if isinstance(size, tuple) else (size,)))

    return [shape(size) for size in sizes]


def _draw_masks(cell: Any, x: Tensor, states: Any) -> None:
    """Let cells draw their dropout before the loop, for all of its steps."""
    if isinstance(cell, StackedRNNCells):
        for inner, state in zip(cell.cells, states, strict=True):
            _draw_masks(inner, x, state)
            x = tree.flatten(state)[0]
    elif isinstance(cell, RecurrentCell):
        if cell.dropout > 0:
            cell.get_dropout_mask(x)
        if cell.recurrent_dropout > 0:
            cell.get_recurrent_dropout_mask(tree.flatten(states)[0])


def _forget_masks(cell: Any) -> None:
    for inner in cell.cells if isinstance(cell, StackedRNNCells) else (cell,):
        if isinstance(inner, StackedRNNCells):
            _forget_masks(inner)
        elif isinstance(inner, RecurrentCell):
            inner.reset_dropout_mask()
            inner.reset_recurrent_dropout_mask()
