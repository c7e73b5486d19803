"""A pure step under TensorFlow: one ``tf.function`` that reads its variables, steps once or many times, writes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from triceras.backends.base import Backend, StepLoop


class TensorFlowLoop(StepLoop):
    """The variables are captured, not passed: passing two hundred tensors costs more than a small step."""

    def __init__(
        self,
        backend: Backend,
        step: Callable[..., Any],
        variables: Sequence[Any],
        constants: Sequence[Any] = (),
        jit: bool = True,
    ) -> None:
        super().__init__(backend, step, variables, constants)
        states = [variable.state for variable in self.variables]
        fixed = [variable.state for variable in self.constants]

        def read(states: list[tf.Variable]) -> list[tf.Tensor]:
            return [state.read_value() for state in states]

        def write(old: list[tf.Tensor], new: list[tf.Tensor]) -> None:
            for state, before, after in zip(states, old, new, strict=True):
                if after is not before:
                    state.assign(after, read_value=False)

        def one(batch: list[tf.Tensor]) -> Any:
            values = read(states)
            new_values, output = step(values, read(fixed), batch)
            write(values, new_values)
            return output

        def many(data: list[tf.Tensor], index: tf.Tensor, start: tf.Tensor, stop: tf.Tensor) -> None:
            values, constants = read(states), read(fixed)

            def body(i: tf.Tensor, values: list[tf.Tensor]) -> Any:
                rows = index[i]
                return i + 1, step(values, constants, [tf.gather(array, rows) for array in data])[0]

            write(values, tf.while_loop(lambda i, _: i < stop, body, (start, values))[1])

        self._one = tf.function(one, jit_compile=jit, autograph=False)
        self._many = tf.function(many, jit_compile=jit, autograph=False)

    def run(self, batch: list[Any]) -> Any:
        return self._one(batch)

    def run_many(self, data: list[Any], index: Any, start: int, stop: int) -> None:
        self._many(data, index, tf.constant(start), tf.constant(stop))
