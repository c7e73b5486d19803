"""A TensorFlow SavedModel as a layer."""

from __future__ import annotations

import os
from typing import Any

from triceras.backends import registry
from triceras.core import objects
from triceras.layers.core.foreign_layer import ForeignLayer


class TFSMLayer(ForeignLayer):
    """Runs a function of a TensorFlow SavedModel.

    In a model of tensorflow its variables are the layer's, so it can be trained further where the function has a gradient; in
    one of another backend it infers only, by TensorFlow, which has to be installed. The layer is written to model files with
    the path of its SavedModel, and read from files of people you trust only (``safe_mode=False``): a SavedModel is a program.

    Args:
        filepath: the folder of the SavedModel.
        call_endpoint: the function that is run: a method of the saved object, or a signature.
        call_training_endpoint: the one that is run in training; the same by default.
        trainable: whether training changes its variables.

    Raises:
        MissingBackendError: TensorFlow isn't installed.
        ValueError: the SavedModel has no such function.

    Input shape:
        what the function takes
    Output shape:
        what it gives
    """

    def __init__(
        self,
        filepath: Any,
        call_endpoint: str = "serve",
        call_training_endpoint: str | None = None,
        trainable: bool = True,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        endpoints = [e for e in (call_endpoint, call_training_endpoint) if e is not None]
        part = registry.get_backend("tensorflow").foreign_part("saved_model", os.fspath(filepath), endpoints)
        super().__init__(part, trainable=trainable, name=name, dtype=dtype)
        self.filepath = os.fspath(filepath)
        self.call_endpoint = call_endpoint
        self.call_training_endpoint = call_training_endpoint

    def call(self, inputs: Any, training: bool | None = None, **kwargs: Any) -> Any:
        endpoint = (self.call_training_endpoint if training else None) or self.call_endpoint
        return self._run((inputs,), {**kwargs, "endpoint": endpoint}, bool(training))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filepath": self.filepath,
            "call_endpoint": self.call_endpoint,
            "call_training_endpoint": self.call_training_endpoint,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        objects.require_trust(f"a TFSMLayer, which runs the SavedModel at {config.get('filepath')!r}")
        return cls(**config)
