"""A SavedModel's functions, called with values for their variables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from triceras.backends.tensorflow.foreign import TensorFlowPart


class SavedModel(TensorFlowPart):
    """A TensorFlow SavedModel as functions of their inputs and of the values of their variables.

    A call names the function by the argument ``endpoint``.

    Args:
        path: its folder.
        endpoints: the functions that are used: methods of the saved object, or signatures.

    Raises:
        ValueError: there is no such function.
    """

    def __init__(self, path: str, endpoints: Sequence[str]) -> None:
        self._path = path
        self._loaded: Any = tf.saved_model.load(path)
        self._functions = {name: self._endpoint(path, name) for name in endpoints}
        found = {id(v): v for f in self._functions.values() for v in _variables(f)}
        self.states = sorted(found.values(), key=lambda v: not v.trainable)

    def _endpoint(self, path: str, name: str) -> Callable[..., Any]:
        found = getattr(self._loaded, name, None)
        found = self._loaded.signatures.get(name) if found is None else found
        if found is None:
            raise ValueError(
                f"The SavedModel {path} has no endpoint {name!r}: neither a method of that name nor a signature. Its "
                f"signatures: {sorted(self._loaded.signatures)}."
            )
        return found

    def __reduce__(self) -> Any:
        return SavedModel, (self._path, list(self._functions))

    def function(self, kwargs: dict[str, Any]) -> tuple[Callable[..., Any], dict[str, Any]]:
        endpoint = kwargs["endpoint"]
        return self._functions[endpoint], {name: value for name, value in kwargs.items() if name != "endpoint"}


def _variables(function: Any) -> list[tf.Variable]:
    concrete = getattr(function, "concrete_functions", None) or [function]
    return [v for f in concrete for v in f.variables]
