"""What the cells of the LSTM, the GRU and the simple recurrent network have in common."""

from __future__ import annotations

from typing import Any

from triceras import ops, random
from triceras.backends.base import Tensor
from triceras.layers.arguments import serialized, take_objects
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer
from triceras.ops.affine import affine
from triceras.random.seed import SeedGenerator


def zero_states(state_size: Any, batch_size: Any, dtype: str) -> Any:
    """Zeros ``(batch, *size)`` for each size in a structure; a shape is a tuple."""
    if isinstance(state_size, list):
        return [zero_states(size, batch_size, dtype) for size in state_size]
    sizes = state_size if isinstance(state_size, tuple) else (state_size,)
    return ops.zeros((batch_size, *sizes), dtype=dtype)


class RecurrentCell(Layer):
    """One step of a recurrence: ``project`` is what depends on the input alone, ``step`` the rest.

    A layer around it projects a whole sequence at once; a cell that is called by itself does both for one step.

    Args:
        units: the size of the state and of the output.
        use_bias: whether biases are added.
        dropout, recurrent_dropout: the share of the inputs' and the state's units dropped in training, the same ones at each
            step of a sequence (Gal & Ghahramani, 2016).
        seed: of the dropout.
        arguments: the activations, initializers, regularizers and constraints by name, and what every layer takes.
    """

    #: The columns of the kernels in units.
    gates = 1
    activation: Any
    recurrent_activation: Any
    bias_initializer: Any

    def __init__(
        self,
        *,
        units: int,
        use_bias: bool,
        dropout: float,
        recurrent_dropout: float,
        seed: Any,
        **arguments: Any,
    ) -> None:
        objects = take_objects(arguments)
        super().__init__(**arguments)
        if not isinstance(units, int) or units <= 0:
            raise ValueError(f"units is a positive integer, received {units!r} for layer {self.name!r}.")
        self.units = units
        self.use_bias = use_bias
        for name, value in objects.items():
            setattr(self, name, value)
        self._object_names = tuple(objects)
        self.dropout = min(1.0, max(0.0, dropout))
        self.recurrent_dropout = min(1.0, max(0.0, recurrent_dropout))
        self.seed = seed
        self.seed_generator = SeedGenerator(seed) if self.dropout > 0 or self.recurrent_dropout > 0 else None
        self._dropout_mask: Any = None
        self._recurrent_dropout_mask: Any = None
        self.state_size: Any = units
        self.output_size: Any = units
        self.input_spec = InputSpec(ndim=2)

    def build(self, input_shape: Any) -> None:
        self.input_spec = InputSpec(ndim=2, axes={-1: input_shape[-1]})
        self.kernel = self._weight("kernel", (input_shape[-1], self.gates * self.units))
        self.recurrent_kernel = self._weight("recurrent_kernel", (self.units, self.gates * self.units))
        self.bias = self._weight("bias", self._bias_shape()) if self.use_bias else None

    def _weight(self, name: str, shape: tuple[int, ...], initializer: Any = None) -> Any:
        kind = name.removesuffix("_kernel")
        return self.add_weight(
            shape=shape,
            initializer=initializer or getattr(self, f"{kind}_initializer"),
            regularizer=getattr(self, f"{kind}_regularizer"),
            constraint=getattr(self, f"{kind}_constraint"),
            name=name,
        )

    def _bias_shape(self) -> tuple[int, ...]:
        return (self.gates * self.units,)

    # ---- one step ---------------------------------------------------------------------------------------------------

    def project(self, inputs: Tensor) -> Tensor:
        """The inputs' share of all gates, of one step or of many."""
        return ops.matmul(inputs, self.kernel) if self.bias is None else affine(inputs, self.kernel, self.bias)

    def step(self, projected: Tensor, states: Any, recurrent_mask: Any = None) -> tuple[Tensor, Any]:
        """The output and the next states from projected inputs."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define step().")

    def call(self, inputs: Tensor, states: Any, training: bool | None = False) -> tuple[Tensor, Any]:
        several = isinstance(states, list | tuple)
        states = list(states) if several else [states]
        expected = len(self.state_size) if isinstance(self.state_size, list) else 1
        if len(states) != expected:
            raise ValueError(f"Layer {self.path!r} takes {expected} states, received {len(states)}.")
        recurrent_mask = None
        if training and self.dropout > 0:
            inputs = inputs * self.get_dropout_mask(inputs)
        if training and self.recurrent_dropout > 0:
            recurrent_mask = self.get_recurrent_dropout_mask(states[0])
        output, states = self.step(self.project(inputs), states, recurrent_mask)
        return output, states if several else states[0]

    @property
    def fuses(self) -> bool:
        """Whether ``fused`` computes what ``step`` would."""
        return False

    def fused(self, sequence: Tensor, states: list[Tensor], padding: Any = None) -> tuple[Tensor, list[Tensor]]:
        """All outputs and the last states of a time-major sequence by one op.

        Args:
            sequence: ``(time, batch, features)``.
            states: the first states. The first one is the output.
            padding: ``(time, batch, 1)``, one in steps behind the end of a row, through which the other states stay as
                they are; or None.
        """
        raise NotImplementedError(f"{type(self).__name__} has no op for whole sequences.")

    def get_initial_state(self, batch_size: Any = None) -> list[Tensor]:
        """Zeros."""
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return zero_states(sizes, batch_size, self.compute_dtype)

    # ---- dropout ----------------------------------------------------------------------------------------------------

    def get_dropout_mask(self, step_input: Tensor) -> Tensor:
        """What the inputs are multiplied with, the same until ``reset_dropout_mask``."""
        if self._dropout_mask is None:
            self._dropout_mask = self._drawn(step_input, self.dropout)
        return self._dropout_mask

    def get_recurrent_dropout_mask(self, step_input: Tensor) -> Tensor:
        """What the state is multiplied with, the same until ``reset_recurrent_dropout_mask``."""
        if self._recurrent_dropout_mask is None:
            self._recurrent_dropout_mask = self._drawn(step_input, self.recurrent_dropout)
        return self._recurrent_dropout_mask

    def _drawn(self, like: Tensor, rate: float) -> Tensor:
        return random.dropout(ops.ones_like(like), rate, seed=self.seed_generator)

    def reset_dropout_mask(self) -> None:
        """Draw anew next time."""
        self._dropout_mask = None

    def reset_recurrent_dropout_mask(self) -> None:
        """Draw anew next time."""
        self._recurrent_dropout_mask = None

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.arguments()}

    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments but those of every layer."""
        names = ("units", "use_bias", "dropout", "recurrent_dropout", "seed", *self._object_names)
        return serialized(self, names)
