"""A module of Flax as a layer."""

from __future__ import annotations

from typing import Any

from triceras.backends import registry
from triceras.core import objects
from triceras.layers.core.foreign_layer import ModuleLayer


class FlaxLayer(ModuleLayer):
    """Runs a module of Flax, of ``flax.linen`` or of ``flax.nnx``.

    In a model of jax its parameters are trained, its other variables (running statistics …) follow, and draws come from the
    layer's seed. In a model of another backend it infers only. The module is told those of ``training``, ``train`` and
    ``deterministic`` that it takes; one of nnx is put into its mode too. The layer's weights begin with the values of an nnx
    module, which itself stays as it is.

    Files hold the name of the module's class with its ``get_config()`` or, of linen, its fields. To read one, register the
    class or pass ``custom_objects={name: class}``, or in place of the class a module, or a function that makes one.

    Args:
        module: the module.
        method: what is called: a function ``(module, inputs, ...)`` or a method's name; ``__call__`` by default.
        variables: collections of values to begin with: for linen by their names, of which ``"params"`` is one.
        kwargs: as for any layer; ``seed`` is what draws and first values come from.

    Raises:
        TypeError: ``module`` isn't one of Flax.

    Input shape:
        what the module takes
    Output shape:
        what it gives

    Example:
        >>> from flax import linen
        >>> layer = layers.FlaxLayer(linen.Dense(2))
        >>> layer(np.ones((4, 3), "float32")).shape, [(v.name, v.shape) for v in layer.weights]
        ((4, 2), [('bias', (2,)), ('kernel', (3, 2))])
    """

    def __init__(self, module: Any, method: Any = None, variables: Any = None, **kwargs: Any) -> None:
        part = registry.get_backend("jax").foreign_part("flax", module, method, variables)
        super().__init__(part, module, **kwargs)
        self.method = method

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        return self._run((inputs,), {}, bool(training))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "method": objects.serialize_keras_object(self.method)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make one from ``get_config``'s result and the module or class that the caller of the load passes or registered."""
        return super().from_config({**config, "method": objects.deserialize_keras_object(config.get("method"))})
