"""Functions of TensorFlow with variables inside, as functions of the variables' values; ``tf.Module`` as one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from triceras.backends.foreign import Part, PartVariable
from triceras.backends.tensorflow.backend import BACKEND


class TensorFlowPart(Part):
    """What has ``states``, and a function that reads and assigns them."""

    backend = BACKEND
    follows_dtypes = False
    states: list[tf.Variable]

    def function(self, kwargs: dict[str, Any]) -> tuple[Callable[..., Any], dict[str, Any]]:
        """What a call runs, and its arguments by name."""
        raise NotImplementedError

    def names(self) -> list[str]:
        """The names of the variables."""
        return [v.name.partition(":")[0] for v in self.states]

    def variables(self) -> list[PartVariable]:
        return [
            PartVariable(name.replace("/", "_"), state.value(), state.trainable, autocast=False)
            for name, state in zip(self.names(), self.states, strict=True)
        ]

    def call(self, args: Any, kwargs: Any, values: Any, training: bool, key: Any) -> tuple[Any, list[Any]]:
        function, kwargs = self.function(kwargs)
        if values is None:
            return function(*args, **kwargs), []
        flat = tf.nest.flatten(args)
        structure: list[Any] = []
        states = self.states

        @tf.custom_gradient
        def run(*arguments: Any) -> Any:
            before = [state.read_value() for state in states]
            for state, value in zip(states, arguments[len(flat) :]):
                state.assign(value, read_value=False)
            sources = [*arguments[: len(flat)], *states]
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch([source for source in sources if source.dtype.is_floating])
                given = tf.nest.pack_sequence_as(args, list(arguments[: len(flat)]))
                structure[:] = [function(*given, **kwargs)]
                outputs = tf.nest.flatten(structure[0])

            def gradient(*upstream: Any, variables: Any = None) -> Any:
                given = list(upstream[: len(outputs)])
                found = tape.gradient(outputs, sources, given, unconnected_gradients=tf.UnconnectedGradients.ZERO)
                return found if variables is None else (found, [None] * len(variables))

            after = [state.read_value() for state in states]
            for state, value in zip(states, before):
                state.assign(value, read_value=False)
            return [*map(tf.identity, outputs), *after], gradient

        results = run(*flat, *values)
        count = len(results) - len(states)
        after = [v if state.trainable else new for v, state, new in zip(values, states, results[count:])]
        return tf.nest.pack_sequence_as(structure[0], results[:count]), after


class TensorFlowModule(TensorFlowPart):
    """A ``tf.Module`` with ``__call__``; its variables are named by their attributes and are its own."""

    def __init__(self, module: Any) -> None:
        if not isinstance(module, tf.Module) or not callable(module):
            raise TypeError(f"Expected a tf.Module with __call__, received {module!r} of type {type(module).__name__}.")
        self.module: Any = module
        self.states = sorted(module.variables, key=lambda v: not v.trainable)
        if not self.states and not getattr(module, "built", True):
            raise ValueError(f"{module!r} has no variables yet: call it once before it is wrapped.")

    def function(self, kwargs: dict[str, Any]) -> tuple[Callable[..., Any], dict[str, Any]]:
        return self.module, kwargs

    def names(self) -> list[str]:
        paths = self.module._flatten(predicate=lambda x: isinstance(x, tf.Variable), with_path=True)
        names = {id(variable): ".".join(map(str, path)) for path, variable in paths}
        return [names[id(state)] for state in self.states]

    def hold(self, position: int, variable: Any) -> bool:
        variable.state = self.states[position]
        return True
