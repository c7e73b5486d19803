"""The configuration of a functional model: its layers, and how each was called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triceras import tree
from triceras.core import objects
from triceras.graph.operation import OpCall, Operation
from triceras.graph.symbol import KerasTensor
from triceras.models.op_nodes import call_from_file, op_function, serialize_op


def functional_config(model: Any) -> dict[str, Any]:
    """The parts of ``Functional.get_config`` that tell the graph."""
    kept = {id(node) for node in model._nodes}
    positions: dict[int, int] = {}  # a node's number among those of its operation inside this model
    for operation in model.operations:
        inside = [node for node in operation._inbound_nodes if id(node) in kept]
        positions.update({id(node): i for i, node in enumerate(inside)})

    def reference(x: KerasTensor) -> list[Any]:
        assert x._keras_history is not None
        operation, index, tensor_index = x._keras_history
        return [operation.name, positions[id(operation._inbound_nodes[index])], tensor_index]

    def output_reference(x: KerasTensor) -> list[Any]:
        name, index, tensor_index = reference(x)
        # Where a functional model was made counts as its first call in this one place.
        return [name, index + _is_functional(operations[name]), tensor_index]

    operations = {operation.name: operation for operation in model.operations}
    layers = []
    for operation in operations.values():
        nodes = [node for node in operation._inbound_nodes if id(node) in kept and not node.is_input]
        if isinstance(operation, OpCall):
            entry, calls = serialize_op(operation, nodes)
        else:
            entry, calls = objects.serialize_keras_object(operation), [(node.args, node.kwargs) for node in nodes]
        entry["name"] = operation.name
        entry["inbound_nodes"] = [
            {"args": _encode(list(args), reference), "kwargs": _encode(kwargs, reference)} for args, kwargs in calls
        ]
        layers.append(entry)
    return {
        "layers": layers,
        "input_layers": _references(model._inputs_struct, reference),
        "output_layers": _references(model._outputs_struct, output_reference),
    }


def _is_functional(operation: Operation) -> bool:
    return hasattr(operation, "_outputs_struct")


def _references(structure: Any, reference: Any) -> Any:
    if isinstance(structure, KerasTensor):
        return reference(structure)
    if isinstance(structure, dict):
        return {key: _references(value, reference) for key, value in structure.items()}
    return [_references(value, reference) for value in structure]


def _encode(value: Any, reference: Any) -> Any:
    """A call's arguments as JSON holds them, symbolic tensors as references."""
    if isinstance(value, KerasTensor):
        config = {"shape": list(value.shape), "dtype": value.dtype, "keras_history": reference(value)}
        return {"class_name": "__keras_tensor__", "config": config}
    if isinstance(value, dict):
        return {key: _encode(v, reference) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_encode(v, reference) for v in value]
    return objects.serialize_keras_object(value)


# ---- back ------------------------------------------------------------------------------------------------------------


Made = dict[tuple[str, int], list[KerasTensor]]


def rebuild_graph(config: dict[str, Any]) -> tuple[Any, Any, list[Operation]]:
    """Make the layers and call them as the configuration tells.

    Returns:
        The inputs, the outputs and the layers in the file's order.

    Raises:
        ValueError: a call refers to a tensor that no call makes.
    """
    made: Made = {}
    pending: list[tuple[Callable[..., Any], str, int, dict[str, Any]]] = []
    layers = []
    for entry in config["layers"]:
        name, function = entry["name"], op_function(entry)
        if function is None:
            call = objects.deserialize_keras_object(entry)
            layers.append(call)
            if call._inbound_nodes:  # an input layer makes its tensor by itself
                made[name, 0] = call._inbound_nodes[0].output_tensors
        else:
            call = _op_caller(function, entry)
        pending += [(call, name, i, node) for i, node in enumerate(entry["inbound_nodes"])]
    while pending:
        waiting = []
        for call, name, index, node in pending:
            if not _ready(node, made):
                waiting.append((call, name, index, node))
                continue
            args, kwargs = _decode(node.get("args", []), made), _decode(node.get("kwargs", {}), made)
            made[name, index] = tree.flatten(call(*args, **kwargs))
        if len(waiting) == len(pending):
            _, name, index, _ = waiting[0]
            raise ValueError(
                f"The file's graph can't be rebuilt: call {index} of {name!r} uses a tensor that nothing makes."
            )
        pending = waiting
    functional = {layer.name for layer in layers if _is_functional(layer)}
    calls = {(name, index + (name in functional)): tensors for (name, index), tensors in made.items()}
    return _tensors(config["input_layers"], made), _tensors(config["output_layers"], made | calls), layers


def _op_caller(function: Callable[..., Any], entry: dict[str, Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: call_from_file(function, entry, list(args), kwargs)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def _ready(value: Any, made: Made) -> bool:
    if _is_tensor(value):
        name, index, _ = value["config"]["keras_history"]
        return (name, index) in made
    if isinstance(value, dict):
        return all(_ready(v, made) for v in value.values())
    return all(_ready(v, made) for v in value) if isinstance(value, list) else True


def _decode(value: Any, made: Made) -> Any:
    if _is_tensor(value):
        name, index, tensor_index = value["config"]["keras_history"]
        return made[name, index][tensor_index]
    if isinstance(value, dict):
        if "class_name" in value and "config" in value:
            return objects.deserialize_keras_object(value)
        return {key: _decode(v, made) for key, v in value.items()}
    return [_decode(v, made) for v in value] if isinstance(value, list) else value


def _tensors(structure: Any, made: Made) -> Any:
    if isinstance(structure, dict):
        return {key: _tensors(value, made) for key, value in structure.items()}
    if len(structure) == 3 and isinstance(structure[0], str) and isinstance(structure[1], int):
        name, index, tensor_index = structure
        return made[name, index][tensor_index]
    return [_tensors(value, made) for value in structure]
