"""Models made again: with new weights, from another model or from its configuration as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triceras import tree
from triceras.core import objects
from triceras.graph.operation import OpCall
from triceras.graph.symbol import KerasTensor
from triceras.layers.core.input_layer import InputLayer
from triceras.models.functional import Functional
from triceras.models.model import Model
from triceras.models.sequential import Sequential
from triceras.saving.archive import parse_json
from triceras.saving.legacy_configs import is_of_keras_2, modern_model


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Callable[[Any], Any] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
    **kwargs: Any,
) -> Any:
    """A model with the same layers and new weights, on the active backend.

    Args:
        model: a model of any kind.
        input_tensors: symbolic tensors to build it on, in the model's structure; new inputs by default.
        clone_function: makes a layer's copy; by default from the layer's configuration.
        call_function: ``(layer, *args, **kwargs) -> outputs`` calls a copy, for functional models; by default a plain call.
        recursive: whether models inside are cloned in the same way rather than as one layer.

    Returns:
        The new model. Of a subclassed model it is made from ``get_config``'s result.

    Raises:
        ValueError: the arguments don't fit the kind of model.

    Example:
        >>> model = Sequential([InputLayer((3,)), Dense(2)])
        >>> clone_model(model).output_shape
        (None, 2)
    """
    if kwargs:
        raise ValueError(f"clone_model() received arguments it doesn't know: {', '.join(kwargs)}.")
    if not isinstance(model, Model):
        raise ValueError(f"clone_model() clones models, received {model!r} of type {type(model).__name__}.")
    copier = _Copier(clone_function or _from_config, call_function, recursive)
    if isinstance(model, Sequential):
        if call_function is not None:
            raise ValueError(f"call_function is for functional models; {model.name!r} is a Sequential one.")
        return _clone_sequential(model, input_tensors, copier)
    if isinstance(model, Functional) and (type(model)._origin is Functional or clone_function or input_tensors):
        return _clone_functional(model, input_tensors, copier)
    if clone_function is not None or call_function is not None or input_tensors is not None:
        raise ValueError(
            f"Model {model.name!r} is a subclass of Model: it is cloned from its configuration, so clone_function, "
            "call_function and input_tensors can't be used. Override get_config() and from_config() instead."
        )
    return _from_config(model)


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """A model, with new weights, from ``Model.to_json``'s result, or that of Keras 3 or 2.

    Args:
        json_string: the configuration.
        custom_objects: name -> class or function, for what it names and nobody registered.

    Example:
        >>> model = Sequential([InputLayer((3,)), Dense(2)])
        >>> model_from_json(model.to_json()).output_shape
        (None, 2)
    """
    config = parse_json(json_string, "The text")
    if is_of_keras_2(config):
        with objects.CustomObjectScope(custom_objects or {}):
            config = modern_model(config)
    return objects.deserialize_keras_object(config, custom_objects)


def _from_config(layer: Any) -> Any:
    return type(layer)._origin.from_config(layer.get_config())


class _Copier:
    """Copies operations, each once, so that shared layers stay shared."""

    def __init__(self, clone: Callable[[Any], Any], call: Callable[..., Any] | None, recursive: bool) -> None:
        self._clone = clone
        self._call = call
        self._recursive = recursive
        self._copies: dict[int, Any] = {}

    def copy(self, operation: Any) -> Any:
        """The copy of an operation."""
        made = self._copies.get(id(operation))
        if made is None:
            made = self._copies[id(operation)] = self._copy(operation)
        return made

    def _copy(self, operation: Any) -> Any:
        if isinstance(operation, OpCall):
            return OpCall(operation.op, operation.name)
        if self._recursive and isinstance(operation, Functional | Sequential):
            call = self._call if isinstance(operation, Functional) else None
            return clone_model(operation, clone_function=self._clone, call_function=call, recursive=True)
        return self._clone(operation)

    def call(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The outputs of an operation's copy."""
        copy = self.copy(operation)
        if isinstance(copy, OpCall):
            return copy.symbolic_call(*args, **kwargs)
        return copy(*args, **kwargs) if self._call is None else self._call(copy, *args, **kwargs)


def _clone_sequential(model: Sequential, input_tensors: Any, copier: _Copier) -> Any:
    given = tree.flatten(input_tensors) if input_tensors is not None else []
    if len(given) > 1:
        raise ValueError(f"Sequential model {model.name!r} has one input, received {len(given)} input_tensors.")
    first: list[Any] = [_as_symbol(x) for x in given]
    if not first and model._input_layer is not None:
        first = [InputLayer.from_config(model._input_layer.get_config())]
    if first and isinstance(first[0], KerasTensor) and not _is_input(first[0]):
        first = [InputLayer(input_tensor=KerasTensor(first[0].shape, first[0].dtype))]
    return Sequential([*first, *map(copier.copy, model.layers)], name=model.name, trainable=model.trainable)


def _clone_functional(model: Functional, input_tensors: Any, copier: _Copier) -> Any:
    if input_tensors is None:
        inputs = [InputLayer.from_config(_input_config(x)).output for x in model.inputs]
    else:
        inputs = [_as_symbol(x) for x in tree.flatten(input_tensors)]
    if len(inputs) != len(model.inputs):
        raise ValueError(f"Model {model.name!r} has {len(model.inputs)} inputs, received {len(inputs)} input_tensors.")
    values: dict[int, Any] = {id(old): new for old, new in zip(model.inputs, inputs, strict=True)}

    def new(x: Any) -> Any:
        return values[id(x)] if isinstance(x, KerasTensor) else x

    for node in model._nodes:
        if node.is_input:
            continue
        outputs = copier.call(node.operation, *tree.map_structure(new, (node.args, node.kwargs)))
        made = [x for x in tree.flatten(outputs) if isinstance(x, KerasTensor)]
        values.update({id(old): x for old, x in zip(node.output_tensors, made, strict=True)})
    outputs = tree.map_structure(new, model.output)
    clone = Functional(tree.pack_sequence_as(model.input, inputs), outputs, name=model.name)
    if not model.trainable:
        clone.trainable = False
    return clone


def _input_config(x: KerasTensor) -> dict[str, Any]:
    operation = x._keras_history[0] if x._keras_history else None
    if isinstance(operation, InputLayer):
        return operation.get_config()
    return {"batch_shape": x.shape, "dtype": x.dtype, "name": x.name}


def _as_symbol(x: Any) -> KerasTensor:
    if isinstance(x, InputLayer):
        return x.output
    if not isinstance(x, KerasTensor):
        raise ValueError(f"input_tensors are symbolic tensors made by Input(), received {x!r}.")
    return x


def _is_input(x: KerasTensor) -> bool:
    return x._keras_history is not None and isinstance(x._keras_history[0], InputLayer)
