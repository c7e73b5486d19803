"""A function as a layer."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from triceras import tree
from triceras.core import objects
from triceras.layers.layer import Layer


class Lambda(Layer):
    """Applies a function to its inputs.

    A named function that is registered (``register_keras_serializable``) can be saved; a lambda can't: files hold no code.

    Args:
        function: ``function(inputs, **arguments)``; it may also take ``mask`` and ``training``.
        output_shape: the shape of the output without the batch axis, or a function of the input's shape; by default abstract
            evaluation tells.
        mask: the mask of the output, or a function ``(inputs, mask)``.
        arguments: further arguments of the function.

    Example:
        >>> convert_to_numpy(Lambda(lambda x: x * 2)(convert_to_tensor([1.0]))).tolist()
        [2.0]
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise ValueError(f"Layer {self.name!r}: function is a callable, received {function!r}.")
        self.function = function
        self.arguments = dict(arguments or {})
        self.mask = mask
        self._output_shape = output_shape
        self.supports_masking = mask is not None
        self._takes = frozenset(inspect.signature(function).parameters) & {"mask", "training"}
        self.built = True

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        given = {"mask": mask, "training": training}
        return self.function(inputs, **self.arguments, **{name: given[name] for name in self._takes})

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return self.mask(inputs, previous_mask) if callable(self.mask) else self.mask

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self._output_shape is None:
            return super().compute_output_shape(input_shape)
        if callable(self._output_shape):
            return self._output_shape(input_shape)
        batch = input_shape[0] if tree.is_shape(input_shape) else input_shape[0][0]
        return (batch, *self._output_shape)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        if self._output_shape is None:
            return self._abstract_spec(args, kwargs)
        return super().compute_output_spec(*args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "function": objects.serialize_keras_object(self.function)}
        if self._output_shape is not None:
            config["output_shape"] = objects.serialize_keras_object(self._output_shape)
        if self.mask is not None:
            config["mask"] = objects.serialize_keras_object(self.mask)
        return config | {"arguments": objects.serialize_keras_object(self.arguments)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        with objects.CustomObjectScope(custom_objects or {}):
            named = {
                key: objects.deserialize_keras_object(config[key])
                for key in ("function", "output_shape", "mask", "arguments")
                if key in config
            }
        return cls(**(config | named))
