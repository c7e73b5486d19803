"""A pure step under TensorFlow: one ``tf.function`` that reads its variables, steps once or many times, writes them."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from triceras.backends.base import Backend, StepLoop

#: What XLA computes slower than TensorFlow's own kernels on a CPU, by a factor of 2 to 4 (tensorflow 2.21).
SLOW_UNDER_XLA = frozenset(
    ("Conv2D", "Conv3D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "Conv3DBackpropInputV2")
)

#: What runs Python on the host, which XLA can't.
HOST_CALLS = frozenset(("PyFunc", "PyFuncStateless", "EagerPyFunc"))


class TensorFlowLoop(StepLoop):
    """The variables are captured, not passed: passing two hundred tensors costs more than a small step."""

    def __init__(
        self,
        backend: Backend,
        step: Callable[..., Any],
        variables: Sequence[Any],
        constants: Sequence[Any] = (),
        jit: bool | None = None,
    ) -> None:
        super().__init__(backend, step, variables, constants)
        states = [variable.state for variable in self.variables]
        fixed = [variable.state for variable in self.constants]

        def read(states: list[tf.Variable]) -> list[tf.Tensor]:
            return [state.read_value() for state in states]

        def write(old: list[tf.Tensor], new: list[tf.Tensor]) -> None:
            for state, before, after in zip(states, old, new, strict=True):
                if after is not before:
                    state.assign(after, read_value=False)

        def one(batch: list[tf.Tensor]) -> Any:
            values = read(states)
            new_values, output = step(values, read(fixed), batch)
            write(values, new_values)
            return output

        def next_values(values: list[tf.Tensor], constants: list[tf.Tensor], batch: list[tf.Tensor]) -> Any:
            return step(values, constants, batch)[0]

        # Without XLA the step is a function of its own: in the cyclic graph of a loop oneDNN's rewrite visits nodes in an
        # order that changes from graph to graph and leaves out pooling gradients in most, which are then 9 times slower.
        apart = tf.function(next_values, autograph=False, experimental_attributes={"_noinline": True})

        def many(data: list[tf.Tensor], index: tf.Tensor, start: tf.Tensor, stop: tf.Tensor) -> None:
            values, constants = read(states), read(fixed)
            advance = apart if self._jit is False else next_values

            def body(i: tf.Tensor, values: list[tf.Tensor]) -> Any:
                rows = index[i]
                return i + 1, advance(values, constants, [tf.gather(array, rows) for array in data])

            write(values, tf.while_loop(lambda i, _: i < stop, body, (start, values))[1])

        self._functions = {"one": one, "many": many}
        self._jit = False if self._is_mirrored(states) else jit
        self._compiled: dict[str, Any] = {}

    def run(self, batch: list[Any]) -> Any:
        return self._call("one", batch)

    def run_many(self, data: list[Any], index: Any, start: int, stop: int) -> None:
        self._call("many", data, index, tf.constant(start), tf.constant(stop))

    def _call(self, name: str, *args: Any) -> Any:
        function = self._compiled.get(name)
        if function is None:
            function = self._compiled[name] = self._compile(self._functions[name], args)
        return function(*args)

    @staticmethod
    def _is_mirrored(states: Sequence[Any]) -> bool:
        """Whether variables lie on several devices, which a program of XLA can't reach; a step here runs on the first."""
        mirrored = any(isinstance(state, tf.distribute.DistributedValues) for state in states)
        if mirrored:
            warnings.warn(
                "The model's variables are mirrored over the devices of a tf.distribute strategy. Its steps run on the first "
                "one and write all copies; to divide the work, run a step of your own by strategy.run().",
                stacklevel=2,
            )
        return mirrored

    def _warn_if_asked_for_xla(self, why: str) -> None:
        if self._jit:
            self.fallback = why
            warnings.warn(f"The step runs as a graph without XLA: {self.fallback}", stacklevel=2)

    def _compile(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """The function with XLA or without; where nobody said, without it if it is slow at what the graph holds."""
        if any(isinstance(x, tf.SparseTensor) for x in args[0]):
            self._warn_if_asked_for_xla("XLA has no kernels for products of sparse tensors.")
            return tf.function(function, autograph=False)
        compiled = tf.function(function, jit_compile=self._jit is not False, autograph=False)
        if self._jit is not False:
            graph = compiled.get_concrete_function(*args).graph.as_graph_def()
            nodes = itertools.chain(graph.node, *(f.node_def for f in graph.library.function))
            found = {n.op for n in nodes}
            if not found.isdisjoint(HOST_CALLS):
                self._warn_if_asked_for_xla("XLA can't call a part of another framework.")
                self._jit = False
            elif self._jit is None:
                self._jit = bool(tf.config.list_physical_devices("GPU")) or found.isdisjoint(SLOW_UNDER_XLA)
            if not self._jit:
                return tf.function(function, autograph=False)
        return compiled
