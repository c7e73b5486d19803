"""A graph of operations as a function, run as a flat list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triceras import tree
from triceras.graph.node import Node
from triceras.graph.operation import Operation
from triceras.graph.symbol import KerasTensor


class Function(Operation):
    """The computation from some symbolic tensors to others.

    Args:
        inputs: a structure of symbolic tensors.
        outputs: a structure of symbolic tensors computed from them.
        name: its name.

    Example:
        >>> x = KerasTensor((None, 2))
        >>> double = Function(x, x * 2)
        >>> convert_to_numpy(double(ones((1, 2)))).tolist()
        [[2.0, 2.0]]
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None) -> None:
        super().__init__(name=name)
        self._set_graph(inputs, outputs)

    def _set_graph(self, inputs: Any, outputs: Any) -> None:
        self._inputs_struct = tree.map_structure(lambda x: x, inputs)
        self._outputs_struct = tree.map_structure(lambda x: x, outputs)
        self._inputs: list[KerasTensor] = tree.flatten(inputs)
        self._outputs: list[KerasTensor] = tree.flatten(outputs)
        for role, tensors in (("inputs", self._inputs), ("outputs", self._outputs)):
            for x in tensors:
                if not isinstance(x, KerasTensor):
                    raise ValueError(f"The {role} of a functional model are symbolic tensors, received {x!r}.")
        self._nodes = _nodes_between(self._inputs, self._outputs)
        self._program = _Program(self._inputs, self._outputs, self._nodes)

    @property
    def inputs(self) -> list[KerasTensor]:
        """The input tensors, flat."""
        return self._inputs

    @property
    def outputs(self) -> list[KerasTensor]:
        """The output tensors, flat."""
        return self._outputs

    @property
    def operations(self) -> list[Operation]:
        """The operations, each once: the farther from the outputs, the earlier, which is how files number layers."""
        first, depths, of_nodes = _first_met(self._outputs, self._nodes), {}, {}
        for node in reversed(self._nodes):
            depth = max(of_nodes.get(id(node), 0), depths.get(node.operation, 0))
            depths[node.operation] = depth
            for operation, index, _ in (x._keras_history for x in node.input_tensors if x._keras_history):
                below = id(operation._inbound_nodes[index])
                of_nodes[below] = max(of_nodes.get(below, 0), depth + 1)
        return sorted(depths, key=lambda operation: (-depths[operation], first[operation]))

    def call(self, inputs: Any) -> Any:
        """Run the graph on a structure of tensors like the inputs."""
        return self._run(inputs, _call_operation)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Run the graph's shape rules on a structure of symbolic tensors."""
        if self._same_shapes(inputs):
            return tree.map_structure(lambda x: KerasTensor(x.shape, x.dtype, sparse=x.sparse), self._outputs_struct)
        return self._run(inputs, _spec_operation)

    def _same_shapes(self, inputs: Any) -> bool:
        given = tree.flatten(inputs)
        return len(given) == len(self._inputs) and all(
            x is not None and x.shape == y.shape and x.dtype == y.dtype
            for x, y in zip(given, self._inputs, strict=True)
        )

    def _run(self, inputs: Any, operation_fn: Callable[..., Any]) -> Any:
        given = tree.flatten(inputs)
        if len(given) != len(self._inputs):
            raise ValueError(f"{self.name!r} takes {len(self._inputs)} inputs, received {len(given)}.")
        outputs = self._program.run(given, operation_fn)
        if self._outputs_struct is self._outputs[0]:
            return outputs[0]
        return tree.pack_sequence_as(self._outputs_struct, outputs)


def _call_operation(operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return operation(*args, **kwargs)


def _spec_operation(operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return operation.compute_output_spec(*args, **kwargs)


def _nodes_between(inputs: list[KerasTensor], outputs: list[KerasTensor]) -> list[Node]:
    """The nodes that the outputs need, in an order in which they can run."""
    ready = {id(x) for x in inputs}
    order: list[Node] = []
    done: set[int] = set()
    stack: list[tuple[KerasTensor, bool]] = [(x, False) for x in reversed(outputs)]
    while stack:
        tensor, expanded = stack.pop()
        if id(tensor) in ready and not _is_model_input(tensor):
            continue
        if tensor._keras_history is None:
            if id(tensor) in ready:
                continue
            raise ValueError(
                f"The outputs depend on {tensor!r}, which comes from no operation and is not among the inputs "
                f"{[x.name for x in inputs]}. Add it to the inputs."
            )
        operation, index, _ = tensor._keras_history
        node = operation._inbound_nodes[index]
        if id(node) in done:
            continue
        if node.is_input and id(tensor) not in ready:
            raise ValueError(
                f"The outputs depend on the input {tensor.name!r}, which is not among the inputs "
                f"{[x.name for x in inputs]}. Add it to the inputs."
            )
        if expanded or node.is_input:
            done.add(id(node))
            order.append(node)
            continue
        stack.append((tensor, True))
        stack.extend((x, False) for x in reversed(node.input_tensors))
    return order


def _first_met(outputs: list[KerasTensor], nodes: list[Node]) -> dict[Operation, int]:
    """Each operation's number in the order in which they are met on the way from the outputs."""
    left = {id(node) for node in nodes}
    found: dict[Operation, int] = {}
    stack = list(reversed(outputs))
    while stack:
        history = stack.pop()._keras_history
        node = history and history[0]._inbound_nodes[history[1]]
        if node and id(node) in left:
            left.remove(id(node))
            found.setdefault(node.operation, len(found))
            stack.extend(reversed(node.input_tensors))
    return found


def _is_model_input(tensor: KerasTensor) -> bool:
    history = tensor._keras_history
    return history is not None and history[0]._inbound_nodes[history[1]].is_input


class _Program:
    """A graph as a list of instructions over numbered slots."""

    def __init__(self, inputs: list[KerasTensor], outputs: list[KerasTensor], nodes: list[Node]) -> None:
        self._made_of = inputs, outputs, nodes
        slots: dict[int, int] = {}
        for tensor in inputs:
            slots.setdefault(id(tensor), len(slots))
        self.input_slots = [slots[id(x)] for x in inputs]
        self.instructions: list[tuple[Operation, Callable[[list[Any]], Any], list[int]]] = []
        for node in nodes:
            if node.is_input:
                continue
            fill = _filler(node.args, node.kwargs, slots)
            for x in node.output_tensors:
                slots.setdefault(id(x), len(slots))
            self.instructions.append((node.operation, fill, [slots[id(x)] for x in node.output_tensors]))
        self.output_slots = [slots[id(x)] for x in outputs]
        self.size = len(slots)
        self.operations = {id(operation): operation for operation, _, _ in self.instructions}

    def __getstate__(self) -> Any:  # what it is made of holds no functions that only this process has
        return self._made_of

    def __setstate__(self, made_of: Any) -> None:
        self.__init__(*made_of)

    def run(self, inputs: list[Any], operation_fn: Callable[..., Any]) -> list[Any]:
        values: list[Any] = [None] * self.size
        for slot, value in zip(self.input_slots, inputs, strict=True):
            values[slot] = value
        for operation, fill, outputs in self.instructions:
            args, kwargs = fill(values)
            result = operation_fn(operation, args, kwargs)
            if len(outputs) == 1 and not isinstance(result, list | tuple | dict):
                values[outputs[0]] = result
            else:
                leaves = [x for x in tree.flatten(result) if x is not None] if result is not None else [None]
                for slot, leaf in zip(outputs, leaves, strict=True):
                    values[slot] = leaf
        return [values[slot] for slot in self.output_slots]


def _filler(args: tuple[Any, ...], kwargs: dict[str, Any], slots: dict[int, int]) -> Callable[[list[Any]], Any]:
    """A function that puts values in the places of a recorded call's symbolic tensors."""
    in_kwargs = any(isinstance(x, KerasTensor) for x in tree.flatten(kwargs))
    if not in_kwargs and all(isinstance(x, KerasTensor) for x in args):
        positions = [slots[id(x)] for x in args]
        if len(positions) == 1:
            only = positions[0]
            return lambda values: ((values[only],), kwargs)
        return lambda values: (tuple(values[i] for i in positions), kwargs)
    if not in_kwargs and len(args) == 1 and type(args[0]) is list and all(type(x) is KerasTensor for x in args[0]):
        listed = [slots[id(x)] for x in args[0]]
        return lambda values: (([values[i] for i in listed],), kwargs)
    leaves = tree.flatten((args, kwargs))
    template = [(slots[id(x)], None) if isinstance(x, KerasTensor) else (None, x) for x in leaves]

    def fill(values: list[Any]) -> Any:
        filled = [constant if slot is None else values[slot] for slot, constant in template]
        return tree.pack_sequence_as((args, kwargs), filled)

    return fill
