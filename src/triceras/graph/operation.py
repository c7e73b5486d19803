"""What can be called on symbolic tensors and recorded: ops here, layers in ``layers/``."""

from __future__ import annotations

from typing import Any

from triceras import tree
from triceras.core import naming
from triceras.core.autograph import left_alone
from triceras.graph import infer
from triceras.graph.node import Node
from triceras.graph.symbol import KerasTensor, any_symbolic
from triceras.ops import dispatch
from triceras.ops.calls import SYMBOLIC


@left_alone
class Operation:
    """A callable with a name that is recorded when it is called on symbolic tensors.

    Subclasses define ``call`` and, where abstract evaluation isn't enough, ``compute_output_spec``.

    Args:
        name: its name; made from the class's where left out.
    """

    def __init__(self, name: str | None = None) -> None:
        name = name or naming.auto_name(type(self).__name__)
        if not isinstance(name, str) or "/" in name:
            raise ValueError(f"A name is a string without slashes, received name={name!r} for {type(self).__name__}.")
        self.name = name
        self._inbound_nodes: list[Node] = []
        self._outbound_nodes: list[Node] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if any_symbolic(args, kwargs):
            return self.symbolic_call(*args, **kwargs)
        return self.call(*args, **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the result from tensors."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define call().")

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """Record a call and return its symbolic results."""
        outputs = self.compute_output_spec(*args, **kwargs)
        Node(self, args, kwargs, outputs)
        return outputs

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """The symbolic results of a call, by abstract evaluation of ``call``."""
        return infer.to_symbols(infer.abstract(self.call, args, kwargs))

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """What runs in place of ``call`` once quantized."""
        raise NotImplementedError(f"{type(self).__name__} has no quantized form.")

    def rematerialized_call(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        """A function whose intermediate results are computed again for its gradient."""
        return fn

    @property
    def input(self) -> Any:
        """The symbolic inputs of its only call."""
        return (
            self._only_node("input").args[0]
            if len(self._only_node("input").args) == 1
            else [*self._only_node("input").input_tensors]
        )

    @property
    def output(self) -> Any:
        """The symbolic results of its only call."""
        return self._only_node("output").outputs

    def _only_node(self, what: str) -> Node:
        if len(self._inbound_nodes) != 1:
            times = "never" if not self._inbound_nodes else f"{len(self._inbound_nodes)} times"
            raise AttributeError(
                f"{self.name!r} has no single {what}: it was called {times} on symbolic tensors, expected once."
            )
        return self._inbound_nodes[0]

    def get_config(self) -> dict[str, Any]:
        """The arguments that make it again."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make one from ``get_config``'s result."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class OpCall(Operation):
    """An op in a graph: the op, under a name of its own.

    Args:
        op: the op, as ``dispatch.OPS`` has it.
        name: its name in the graph.
    """

    def __init__(self, op: dispatch.Op, name: str | None = None) -> None:
        super().__init__(name or naming.auto_name(op.name))
        self.op = op

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.op.call(*args, **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        return self.op.call(*args, **kwargs)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        return infer.to_symbols(infer.op_spec(self.op, args, kwargs))


def record_op(op: dispatch.Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call an op on symbolic tensors: a node in the graph, or only a spec where no tensor keeps history."""
    symbols = [x for x in tree.flatten((args, kwargs)) if isinstance(x, KerasTensor)]
    if not any(x.record_history for x in symbols):
        return infer.to_symbols(infer.op_spec(op, args, kwargs), record_history=False)
    return OpCall(op).symbolic_call(*args, **kwargs)


SYMBOLIC[KerasTensor] = record_op
