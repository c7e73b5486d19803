"""Models made from a graph of layers."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from triceras import ops, tree
from triceras.core import objects
from triceras.graph.function import Function
from triceras.graph.symbol import KerasTensor
from triceras.layers.core.input_layer import InputLayer
from triceras.layers.inner_call import call_inside
from triceras.layers.layer import Layer
from triceras.models.functional_config import functional_config, rebuild_graph
from triceras.models.model import Model


class Functional(Function, Model):
    """A model from symbolic inputs to symbolic outputs; made by ``Model(inputs, outputs)``.

    Args:
        inputs: a structure of symbolic inputs: one, a list, a tuple or a dictionary.
        outputs: a structure of symbolic outputs.
        name: its name.
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, **kwargs: Any) -> None:
        self._start_training_state()
        Layer.__init__(self, name=name, **kwargs)
        inputs = _as_inputs(inputs)
        self._set_graph(inputs, outputs)
        for operation in self.operations:
            if isinstance(operation, Layer):
                self._note(operation.name, operation)
        self.built = True

    @property
    def input(self) -> Any:
        """The symbolic inputs."""
        return self._inputs_struct

    @property
    def output(self) -> Any:
        """The symbolic outputs."""
        return self._outputs_struct

    @property
    def input_shape(self) -> Any:
        """The shapes of the inputs."""
        return tree.map_structure(lambda x: x.shape, self._inputs_struct)

    @property
    def output_shape(self) -> Any:
        """The shapes of the outputs."""
        return tree.map_structure(lambda x: x.shape, self._outputs_struct)

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs."""
        return [x.name for x in self._inputs]

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs: the keys of a dictionary, else those of the layers they come from."""
        if isinstance(self._outputs_struct, dict):
            return sorted(self._outputs_struct)
        return [x._keras_history[0].name if x._keras_history else x.name for x in self._outputs]

    @property
    def operations_by_name(self) -> dict[str, Any]:
        """The operations by their names."""
        return {operation.name: operation for operation in self.operations}

    def build(self, input_shape: Any) -> None:
        """Nothing to do: its layers were built when it was made."""
        self.built = True

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        given = self._matched(inputs)
        if mask is not None:
            _attach_masks(given, mask)
        outputs = self._program.run(given, _call)
        if self._outputs_struct is self._outputs[0]:
            return outputs[0]
        return tree.pack_sequence_as(self._outputs_struct, outputs)

    def compute_output_spec(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        given = self._matched(inputs)
        return Function.compute_output_spec(self, tree.pack_sequence_as(self._inputs_struct, given))

    def compute_output_shape(self, input_shape: Any) -> Any:
        shapes = input_shape if not tree.is_shape(input_shape) else [input_shape]
        leaves = shapes.values() if isinstance(shapes, dict) else shapes
        symbols = [KerasTensor(s, x.dtype, record_history=False) for s, x in zip(leaves, self._inputs, strict=True)]
        outputs = self.compute_output_spec(tree.pack_sequence_as(self._inputs_struct, symbols))
        return tree.map_structure(lambda x: x.shape, outputs)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        return None

    def _matched(self, inputs: Any) -> list[Any]:
        """The inputs as a flat list in the model's order, each of the rank that was declared.

        Raises:
            ValueError: inputs are missing, too many, or of another shape.
        """
        if isinstance(inputs, dict):
            is_named = isinstance(self._inputs_struct, dict)
            found = by_name(self, inputs, self._inputs_struct if is_named else self.input_names)
            leaves = tree.flatten(found if is_named else list(found.values()))
        else:
            leaves = tree.flatten(inputs)
        if len(leaves) != len(self._inputs):
            raise ValueError(f"Model {self.name!r} takes {len(self._inputs)} inputs, received {len(leaves)}.")
        return [self._fitted(x, expected) for x, expected in zip(leaves, self._inputs, strict=True)]

    def _fitted(self, x: Any, expected: KerasTensor) -> Any:
        if x is None:
            if getattr(expected, "_optional", False):
                return None
            raise ValueError(f"The input {expected.name!r} of model {self.name!r} isn't optional, received None.")
        x = of_rank(x, expected.shape)
        if len(x.shape) != len(expected.shape):
            raise self._misfit(x, expected)
        for size, want in zip(x.shape[1:], expected.shape[1:], strict=True):
            if want is not None and size is not None and size != want:
                raise self._misfit(x, expected)
        return x

    def _misfit(self, x: Any, expected: KerasTensor) -> ValueError:
        return ValueError(
            f"The input {expected.name!r} of model {self.name!r} has another shape: expected {expected.shape}, received "
            f"{tuple(x.shape)}."
        )

    def get_config(self) -> dict[str, Any]:
        if not takes_graph(type(self)):
            return Layer.get_config(self) | self._arguments_by_name()
        return {"name": self.name, "trainable": self.trainable} | functional_config(self)

    def get_build_config(self) -> dict[str, Any] | None:
        return {"input_shape": None}


def by_name(model: Any, inputs: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The inputs of those names, in their order; a ValueError names those that are missing."""
    missing = sorted({*names} - inputs.keys())
    if missing:
        raise ValueError(f"Model {model.name!r} misses the inputs {missing}. Received inputs named {sorted(inputs)}.")
    return {name: inputs[name] for name in names}


def of_rank(x: Any, shape: tuple[int | None, ...]) -> Any:
    """A tensor with a last axis of size 1 more or less, where that gives it the rank of a shape."""
    more = len(shape) - len(x.shape)
    if more == 1 and shape[-1] == 1:
        return ops.expand_dims(x, -1)
    return ops.squeeze(x, -1) if more == -1 and x.shape[-1] == 1 else x


def _call(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if kwargs or len(args) != 1 or not isinstance(operation, Layer):
        return operation(*args, **kwargs)
    return call_inside(operation, args[0])


def _attach_masks(inputs: list[Any], mask: Any) -> None:
    from triceras.core.masks import set_mask

    for x, m in zip(inputs, tree.flatten(mask) if tree.is_nested(mask) else [mask], strict=True):
        if m is not None and x is not None:
            set_mask(x, m)


def _as_inputs(inputs: Any) -> Any:
    """The inputs, each the output of an input layer; a tensor from the middle of a graph gets one of its own."""
    for x in tree.flatten(inputs):
        if not isinstance(x, KerasTensor):
            raise ValueError(f"The inputs of a functional model are symbolic tensors made by Input(), received {x!r}.")
        if x._keras_history is None:
            InputLayer(input_tensor=x, name=x.name)
    return inputs


def takes_graph(cls: type) -> bool:
    """Whether a class of models is made from inputs and outputs, as far as its constructor tells."""
    parameters = inspect.signature(cls.__init__).parameters
    kinds = {parameter.kind for parameter in parameters.values()}
    takes_all = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD} <= kinds
    return takes_all or {"inputs", "outputs"} <= set(parameters)


def functional_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """``(inputs, outputs)`` and the other arguments of ``Model(...)``."""
    options = dict(kwargs)
    given = list(args)
    inputs = given.pop(0) if given else options.pop("inputs")
    outputs = given.pop(0) if given else options.pop("outputs")
    return [inputs, outputs], options


def functional_from_config(cls: type, config: dict[str, Any]) -> Any:
    """The model of a configuration; of a subclass whose ``__init__`` takes inputs and outputs, an instance of it."""
    inputs, outputs, layers = rebuild_graph(config)
    target = Model if cls.__dict__.get("_origin", cls) in (Model, Functional) else cls
    model = target(inputs=inputs, outputs=outputs, name=config.get("name"))
    order = {id(layer): i for i, layer in enumerate(layers)}
    model._layers.sort(key=lambda layer: order.get(id(layer), len(order)))
    if config.get("trainable") is False:
        model.trainable = False
    return model


objects.register_builtin("models", [Model, Functional])
