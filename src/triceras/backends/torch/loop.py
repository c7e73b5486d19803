"""A pure step under torch: forward, backward and update captured once as one flat graph of kernels.

``make_fx`` runs the step on real tensors and records every kernel. What is left of it is a list of calls without Python
in between: no modules, no autograd bookkeeping. It refuses steps that look at their values (an ``if`` on a tensor, a
``.item()``), and those run eagerly, with the reason kept in ``fallback``.
"""

from __future__ import annotations

import collections
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch

from triceras.backends.base import Backend, StepLoop, why
from triceras.backends.torch.kernels import for_inductor

#: Calls that do nothing once autograd is out of the picture.
_IDENTITIES = (torch.ops.aten.detach.default, torch.ops.aten.alias.default, torch.ops.aten.lift_fresh.default)
#: Steps of one signature that run eagerly before it is captured: recording a step takes as long as hundreds of small ones.
EAGER_STEPS = 3
#: The tracer changes torch's functions while it runs, so that threads record one after the other.
_CAPTURING = threading.RLock()


class TorchLoop(StepLoop):
    """One captured graph for each signature of batches."""

    def __init__(
        self,
        backend: Backend,
        step: Callable[..., Any],
        variables: Sequence[Any],
        constants: Sequence[Any] = (),
        jit: bool | None = None,
    ) -> None:
        super().__init__(backend, step, variables, constants)
        self._capture = jit is not False
        self._inductor = jit is True
        self._graphs: dict[Any, Callable[..., Any]] = {}
        self._seen: collections.Counter[Any] = collections.Counter()

    def values(self) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        return [v.state.detach() for v in self.variables], [v.state.detach() for v in self.constants]

    def _write_back(self, values: list[torch.Tensor], constants: list[torch.Tensor], batch: list[torch.Tensor]) -> Any:
        """The step with its new values written into the old ones' memory; what changed in place already is left."""
        with torch.no_grad():
            new_values, output = self.step(values, constants, batch)
            for old, new in zip(values, new_values, strict=True):
                if new is not old:
                    old.copy_(new)
        return output

    def run(self, batch: list[torch.Tensor]) -> Any:
        values, constants = self.values()
        with torch.no_grad():
            return self._step_for(values, constants, batch)(values, constants, batch)

    def run_many(self, data: list[torch.Tensor], index: torch.Tensor, start: int, stop: int) -> None:
        values, constants = self.values()
        with torch.no_grad():
            for rows in index[start:stop]:
                batch = [torch.index_select(array, 0, rows) for array in data]
                self._step_for(values, constants, batch)(values, constants, batch)

    def _step_for(self, values: list[Any], constants: list[Any], batch: list[Any]) -> Callable[..., Any]:
        if not self._capture or any(x.is_sparse for x in batch):  # how many elements are stored would be recorded
            return self._write_back
        key = tuple((x.shape, x.dtype, x.device) for x in batch)
        graph = self._graphs.get(key)
        if graph is None:
            self._seen[key] += 1
            if self._seen[key] <= EAGER_STEPS:
                return self._write_back
            with _CAPTURING:
                graph = self._graphs[key] = self._graphs.get(key) or self._captured(values, constants, batch)
        return graph

    def _captured(self, values: list[Any], constants: list[Any], batch: list[Any]) -> Callable[..., Any]:
        """Capture without running: the values are cloned, so that recording the step doesn't take it."""
        from torch.fx.experimental.proxy_tensor import make_fx  # loads half a second of symbolic algebra

        copies = [value.clone() for value in values]

        def step(values: list[Any], constants: list[Any], batch: list[Any]) -> Any:
            return self._write_back(values, constants, batch)

        token = for_inductor.set(self._inductor)
        try:
            module = make_fx(step)(copies, constants, batch)
        except Exception as error:  # noqa: BLE001 - whatever stops the tracer, the step still runs eagerly
            self.fallback = why(error)
            warnings.warn(f"The step can't be captured as one graph and runs eagerly: {self.fallback}", stacklevel=2)
            self._capture = False
            return self._write_back
        finally:
            for_inductor.reset(token)
        _simplify(module.graph)
        module.recompile()
        return self._with_inductor(module) if self._inductor else module.forward

    def _with_inductor(self, module: torch.fx.GraphModule) -> Callable[..., Any]:
        """The graph compiled by inductor, which takes a C++ compiler and seconds to minutes; as it is where that fails."""
        from torch._dynamo.exc import TorchDynamoException  # loads dynamo

        run: Callable[..., Any] = torch.compile(module)

        def step(*args: Any) -> Any:
            nonlocal run
            try:
                return run(*args)
            except TorchDynamoException as error:  # raised before anything ran
                self.fallback = why(error)
            warnings.warn(
                f"inductor can't compile the step, which runs kernel by kernel: {self.fallback}", stacklevel=2
            )
            run = module.forward
            return run(*args)

        return step


def _simplify(graph: torch.fx.Graph) -> None:
    for node in list(graph.nodes):
        if node.op == "call_function" and node.target in _IDENTITIES:
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
    graph.eliminate_dead_code()
