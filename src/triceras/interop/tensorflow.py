"""A model as a ``tf.Module``."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


class ModelModule(tf.Module):
    """Holds a model of the tensorflow backend.

    Args:
        model: the model, which is built.
    """

    def __init__(self, model: Any) -> None:
        super().__init__(name="".join(c if c.isalnum() else "_" for c in model.name))
        self.model = model
        self._states = [variable.state for variable in model.variables]

    @tf.function(autograph=False)
    def __call__(self, *args: Any, training: bool = False, **kwargs: Any) -> Any:
        return self.model(*args, training=training, **kwargs)
