"""A layer around another one."""

from __future__ import annotations

from typing import Any

from triceras.core import objects
from triceras.layers.layer import Layer


class Wrapper(Layer):
    """The base of layers that do something with another layer; by itself it does what that one does.

    Args:
        layer: the layer inside.

    Example:
        >>> shape(Wrapper(Dense(4))(ones((2, 3))))
        (2, 4)
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            raise TypeError(f"{type(self).__name__} {self.name!r} wraps a Layer, received layer={layer!r}.")
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True

    def call(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        return self.layer(inputs, *args, **kwargs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "layer": objects.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        config = dict(config)
        layer = objects.deserialize_keras_object(config.pop("layer"), custom_objects)
        return cls(layer, **config)
