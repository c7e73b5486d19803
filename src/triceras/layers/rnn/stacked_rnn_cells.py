"""Several cells as one."""

from __future__ import annotations

from typing import Any

from triceras.backends.base import Tensor
from triceras.core import objects
from triceras.layers.call_plan import call_plan
from triceras.layers.layer import Layer
from triceras.layers.rnn.cell import zero_states


class StackedRNNCells(Layer):
    """Cells one on the other: each one's output is the next one's input.

    Args:
        cells: the cells, the first one first.

    Example:
        >>> shape(RNN(StackedRNNCells([LSTMCell(4), GRUCell(5)]))(ones((2, 6, 3))))
        (2, 5)
    """

    def __init__(self, cells: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not len(cells):
            raise ValueError(f"Layer {self.name!r} needs at least one cell, received cells={cells!r}.")
        for cell in cells:
            check_cell(cell, self.name)
        self.cells = list(cells)

    @property
    def state_size(self) -> list[Any]:
        """The state sizes of the cells."""
        return [
            cell.state_size if not isinstance(cell.state_size, list) else list(cell.state_size) for cell in self.cells
        ]

    @property
    def output_size(self) -> Any:
        """The size of the last cell's output."""
        return output_size_of(self.cells[-1])

    def build(self, input_shape: Any) -> None:
        batch = input_shape[0]
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
                cell.built = True
            size = output_size_of(cell)
            input_shape = (batch, *(size if isinstance(size, tuple) else (size,)))

    def call(self, inputs: Tensor, states: Any, training: bool | None = False, **kwargs: Any) -> tuple[Tensor, Any]:
        new = []
        for cell, state in zip(self.cells, states, strict=True):
            inputs, state = call_cell(cell, inputs, state, training, **kwargs)
            new.append(state)
        return inputs, new

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """The first states of the cells."""
        return [initial_state_of(cell, batch_size, self.compute_dtype) for cell in self.cells]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "cells": [objects.serialize_keras_object(cell) for cell in self.cells]}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        config = dict(config)
        cells = [objects.deserialize_keras_object(cell, custom_objects) for cell in config.pop("cells")]
        return cls(cells, **config)


# ---- what is asked of any cell ---------------------------------------------------------------------------------------


def check_cell(cell: Any, where: str) -> None:
    """Raise a ValueError unless a cell can be called and says how large its state is."""
    for needed in ("call", "state_size"):
        if not hasattr(cell, needed):
            raise ValueError(f"A cell of layer {where!r} needs {needed!r}, which {cell!r} hasn't.")


def output_size_of(cell: Any) -> Any:
    """The size of a cell's output: what it says, else that of its first state."""
    size = getattr(cell, "output_size", None)
    if size is not None:
        return size
    return cell.state_size[0] if isinstance(cell.state_size, list | tuple) else cell.state_size


def initial_state_of(cell: Any, batch_size: Any, dtype: str) -> Any:
    """What a cell's ``get_initial_state`` says, else zeros."""
    if hasattr(cell, "get_initial_state"):
        return cell.get_initial_state(batch_size=batch_size)
    size = cell.state_size
    return zero_states(list(size) if isinstance(size, list | tuple) else size, batch_size, dtype)


def call_cell(cell: Any, inputs: Any, states: Any, training: Any, **kwargs: Any) -> tuple[Any, Any]:
    """Call a cell, with ``training`` if it takes it; some take one state bare, not in a list."""
    if call_plan(type(cell).call).takes_training:
        kwargs["training"] = training
    call = cell if isinstance(cell, Layer) else cell.call
    return call(inputs, states, **kwargs)
