"""A SavedModel's functions, called with values for their variables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf


class SavedModel:
    """A TensorFlow SavedModel as functions of their inputs and of the values of their variables.

    Args:
        path: its folder.
        endpoints: the functions that are used: methods of the saved object, or signatures.

    Raises:
        ValueError: there is no such function.
    """

    def __init__(self, path: str, endpoints: Sequence[str]) -> None:
        self._loaded: Any = tf.saved_model.load(path)
        self._functions = {name: self._endpoint(path, name) for name in endpoints}
        found = {id(v): v for f in self._functions.values() for v in _variables(f)}
        ordered = sorted(found.values(), key=lambda v: not v.trainable)
        self._states: list[tf.Variable] = ordered

    def _endpoint(self, path: str, name: str) -> Callable[..., Any]:
        found = getattr(self._loaded, name, None)
        found = self._loaded.signatures.get(name) if found is None else found
        if found is None:
            raise ValueError(
                f"The SavedModel {path} has no endpoint {name!r}: neither a method of that name nor a signature. Its "
                f"signatures: {sorted(self._loaded.signatures)}."
            )
        return found

    def variables(self) -> list[tuple[str, np.ndarray, bool]]:
        """The name, the value and whether it is trained, of each variable; those that are trained come first."""
        return [(v.name.partition(":")[0].replace("/", "_"), v.numpy(), v.trainable) for v in self._states]

    def call(self, endpoint: str, inputs: Any, values: Sequence[Any], options: dict[str, Any]) -> tuple[Any, list[Any]]:
        """The outputs of a function, and the values of the variables after it.

        Args:
            endpoint: its name.
            inputs: what it is called on.
            values: those of the variables, with respect to which it is differentiated.
            options: further arguments by name.
        """
        flat = tf.nest.flatten(inputs)
        structure: list[Any] = []
        states = self._states

        @tf.custom_gradient
        def run(*arguments: Any) -> Any:
            for state, value in zip(states, arguments[len(flat) :]):
                state.assign(value, read_value=False)
            sources = [*arguments[: len(flat)], *states]
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch([source for source in sources if source.dtype.is_floating])
                given = tf.nest.pack_sequence_as(inputs, list(arguments[: len(flat)]))
                structure[:] = [self._functions[endpoint](given, **options)]
                outputs = tf.nest.flatten(structure[0])

            def gradient(*upstream: Any, variables: Any = None) -> Any:
                given = list(upstream[: len(outputs)])
                found = tape.gradient(outputs, sources, given, unconnected_gradients=tf.UnconnectedGradients.ZERO)
                return found if variables is None else (found, [None] * len(variables))

            return [*map(tf.identity, outputs), *(state.read_value() for state in states)], gradient

        results = run(*flat, *values)
        count = len(results) - len(states)
        return tf.nest.pack_sequence_as(structure[0], results[:count]), results[count:]


def _variables(function: Any) -> list[tf.Variable]:
    concrete = getattr(function, "concrete_functions", None) or [function]
    return [v for f in concrete for v in f.variables]
