"""One call of an operation on symbolic tensors."""

from __future__ import annotations

from typing import Any

from triceras import tree
from triceras.backends import registry
from triceras.graph.symbol import KerasTensor


class Node:
    """The arguments and results of one call.

    Args:
        operation: what was called.
        args, kwargs: what with; symbolic tensors anywhere inside.
        outputs: what came out, a structure of symbolic tensors.
    """

    def __init__(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any) -> None:
        self.operation = operation
        self.args = args
        self.kwargs = kwargs
        self.input_tensors: list[KerasTensor] = [x for x in tree.flatten((args, kwargs)) if isinstance(x, KerasTensor)]
        self.output_tensors: list[KerasTensor] = [x for x in tree.flatten(outputs) if isinstance(x, KerasTensor)]
        self.outputs = outputs
        index = len(operation._inbound_nodes)
        for position, tensor in enumerate(self.output_tensors):
            tensor._keras_history = (operation, index, position)
        operation._inbound_nodes.append(self)
        for parent in self.parent_nodes:
            parent.operation._outbound_nodes.append(self)

    def __getstate__(self) -> dict[str, Any]:  # a copy for another backend has its tensors there
        return {key: tree.map_structure(registry.moved_tensor, value) for key, value in vars(self).items()}

    @property
    def is_input(self) -> bool:
        """Whether it stands for an input of a model."""
        return not self.input_tensors

    @property
    def parent_nodes(self) -> list[Node]:
        """The nodes that its inputs come from, each once."""
        found: dict[int, Node] = {}
        for tensor in self.input_tensors:
            if tensor._keras_history is not None:
                operation, index, _ = tensor._keras_history
                node = operation._inbound_nodes[index]
                found[id(node)] = node
        return list(found.values())

    def __repr__(self) -> str:
        return f"<Node of {self.operation.name}>"
