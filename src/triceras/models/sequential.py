"""A stack of layers, each fed by the one before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triceras import dtype_policies
from triceras.core import objects
from triceras.core.masks import set_mask
from triceras.graph.symbol import KerasTensor
from triceras.layers.core.input_layer import InputLayer
from triceras.layers.inner_call import call_inside
from triceras.layers.layer import Layer
from triceras.models.functional import by_name, of_rank
from triceras.models.model import Model


class Sequential(Model):
    """A stack of layers with one input and one output.

    It is built as soon as the shape of its input is known: from an ``Input``, a first layer with ``input_shape``, ``build()``
    or the first data.

    Args:
        layers: the layers, from first to last.
        trainable: whether training changes its weights.
        name: its name.

    Example:
        >>> model = Sequential([Input((3,)), Dense(2)])
        >>> model.output_shape
        (None, 2)
    """

    def __init__(self, layers: Any = None, trainable: bool = True, name: str | None = None) -> None:
        super().__init__(trainable=trainable, name=name)
        self._chain: list[Layer] = []
        self._input_layer: Any = None
        self._symbols: tuple[KerasTensor, KerasTensor] | None = None
        for layer in layers or []:
            self.add(layer, rebuild=False)
        self._maybe_rebuild()

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Put a layer on top.

        Raises:
            ValueError: it isn't a layer, or one of that name is there already.
        """
        if isinstance(layer, KerasTensor):
            operation = layer._keras_history[0] if layer._keras_history else None
            if not isinstance(operation, InputLayer):
                raise ValueError(f"A Sequential model takes layers and Input(), received {layer!r}.")
            layer = operation
        if not isinstance(layer, Layer):
            raise ValueError(f"A Sequential model takes layers, received {layer!r} of type {type(layer).__name__}.")
        if isinstance(layer, InputLayer):
            if self._chain or self._input_layer is not None:
                raise ValueError(f"Model {self.name!r} has layers already; an Input comes first and once.")
            self._input_layer = layer
        else:
            if any(known.name == layer.name for known in self._chain):
                raise ValueError(
                    f"Model {self.name!r} has a layer named {layer.name!r} already. Give the new one another name."
                )
            if not self._chain and self._input_layer is None and layer._given_input_shape is not None:
                self._input_layer = InputLayer(batch_shape=layer._given_input_shape)
            self._chain.append(layer)
            self._note(layer.name, layer)
        if rebuild:
            self._maybe_rebuild()

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the top layer off and return it."""
        if not self._chain:
            raise ValueError(f"Model {self.name!r} has no layers to take off.")
        layer = self._chain.pop()
        self._layers[:] = [known for known in self._layers if known is not layer]
        self._symbols = None
        self.built = False
        if rebuild:
            self._maybe_rebuild()
        return layer

    def _maybe_rebuild(self) -> None:
        self._symbols = None
        self._runners.clear()
        self.built = False
        if self._input_layer is not None and self._chain:
            self.build(self._input_layer.batch_shape)

    def build(self, input_shape: Any = None) -> None:
        """Build the layers for inputs of a shape, batch axis included."""
        if input_shape is None or not self._chain:
            raise ValueError(f"Model {self.name!r} is built for a shape once it has layers; received {input_shape}.")
        if self._input_layer is None:
            self._input_layer = InputLayer(batch_shape=input_shape)
        source: Any = self._input_layer.output
        x: Any = source
        for layer in self._chain:
            x = layer(x)
        self._symbols = (source, x)
        self.built = True

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        x = self._matched(inputs)
        if mask is not None:
            set_mask(x, mask)
        for layer in self._chain:
            x = call_inside(layer, x)
        return x

    def compute_output_spec(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        given = self._matched(inputs)
        x = KerasTensor(given.shape, given.dtype, record_history=False)
        for layer in self._chain:
            x = layer(x)
        return KerasTensor(x.shape, x.dtype)

    def _matched(self, inputs: Any) -> Any:
        """The input, which may come alone in a list or in a dictionary under its name, of the rank that was declared."""
        if isinstance(inputs, dict):
            inputs = by_name(self, inputs, [self.input.name])[self.input.name]
        elif isinstance(inputs, list | tuple) and len(inputs) == 1:
            inputs = inputs[0]
        return inputs if self._symbols is None or not hasattr(inputs, "shape") else of_rank(inputs, self.input_shape)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.compute_output_spec(KerasTensor(input_shape, self.compute_dtype)).shape

    @property
    def layers(self) -> list[Layer]:
        """The layers, from first to last, without the input."""
        return list(self._chain)

    @layers.setter
    def layers(self, value: Any) -> None:
        raise AttributeError("layers can't be set; use add() and pop().")

    def _built_symbols(self) -> tuple[KerasTensor, KerasTensor]:
        if self._symbols is None:
            raise AttributeError(
                f"Model {self.name!r} isn't built, so it has no inputs and outputs yet. Call it or build() it."
            )
        return self._symbols

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic input, in a list."""
        return [self._built_symbols()[0]]

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic output, in a list."""
        return [self._built_symbols()[1]]

    @property
    def input(self) -> KerasTensor:
        """The symbolic input."""
        return self._built_symbols()[0]

    @property
    def output(self) -> KerasTensor:
        """The symbolic output."""
        return self._built_symbols()[1]

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """The shape of the input."""
        return self._built_symbols()[0].shape

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """The shape of the output."""
        return self._built_symbols()[1].shape

    def get_config(self) -> dict[str, Any]:
        layers: Sequence[Layer] = [*([self._input_layer] if self._input_layer else []), *self._chain]
        config: dict[str, Any] = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": dtype_policies.serialize(self._dtype_policy),
            "layers": [objects.serialize_keras_object(layer) for layer in layers],
        }
        if self._symbols is not None:
            config["build_input_shape"] = self.input_shape
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        with objects.CustomObjectScope(custom_objects or {}):
            layers = [objects.deserialize_keras_object(layer) for layer in config["layers"]]
            options = {key: config[key] for key in ("name", "trainable") if key in config}
            model = cls(layers, **options)
            if config.get("dtype") is not None:
                model.dtype_policy = config["dtype"]
        shape = config.get("build_input_shape")
        if not model.built and shape is not None and isinstance(shape, list | tuple):
            model.build(tuple(shape))
        return model


objects.register_builtin("models", [Sequential])
