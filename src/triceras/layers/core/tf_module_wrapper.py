"""A module of TensorFlow as a layer."""

from __future__ import annotations

from typing import Any

from triceras.backends import registry
from triceras.layers.core.foreign_layer import ModuleLayer


class TFModuleWrapper(ModuleLayer):
    """Runs a ``tf.Module`` that has ``__call__`` and its variables.

    In a model of tensorflow the module's variables are the layer's weights, the same ones, named by their attributes. In a
    model of another backend it infers only. It computes in the dtype of its variables in any policy. Files are as for
    ``TorchModuleWrapper``.

    Args:
        module: the module.
        takes_training: whether its ``__call__`` is told ``training``.
        kwargs: as for any layer.

    Raises:
        TypeError: ``module`` isn't a ``tf.Module`` with ``__call__``.

    Input shape:
        what the module takes
    Output shape:
        what it gives

    Example:
        >>> import tensorflow as tf
        >>> class Scale(tf.Module):
        ...     def __init__(self):
        ...         self.factor = tf.Variable(3.0)
        ...
        ...     def __call__(self, x):
        ...         return self.factor * x
        >>> with backend_scope("tensorflow"):
        ...     layers.TFModuleWrapper(Scale())(np.ones((1, 2), "float32")).numpy().tolist()
        [[3.0, 3.0]]
    """

    def __init__(self, module: Any, takes_training: bool = False, **kwargs: Any) -> None:
        super().__init__(registry.get_backend("tensorflow").foreign_part("module", module), module, **kwargs)
        self.takes_training = takes_training

    def call(self, inputs: Any = None, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        told = {"training": bool(training)} if self.takes_training else {}
        return self._run(args if inputs is None else (inputs, *args), {**kwargs, **told}, bool(training))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "takes_training": self.takes_training}
