"""TensorFlow as a backend."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import tensorflow as tf

from triceras.backends import registry, sparse, tables
from triceras.backends.base import Backend, Spec, StepLoop
from triceras.backends.tensorflow import sparse as native_sparse
from triceras.backends.tensorflow.immediate import immediate
from triceras.backends.tensorflow.loop import TensorFlowLoop
from triceras.backends.tensorflow.native import LayerMixin, VariableMixin
from triceras.core import dtypes, settings

DTYPES = {name: getattr(tf, name) for name in dtypes.ALLOWED if hasattr(tf, name)}
DTYPES |= {
    "float8_e4m3fn": tf.dtypes.experimental.float8_e4m3fn,
    "float8_e5m2": tf.dtypes.experimental.float8_e5m2,
}


#: The composites that are run as graphs when called eagerly.
_LOOPS = frozenset(("beam_search",))
_TENSORS: Any = tf.Tensor | tf.SparseTensor | tf.IndexedSlices


class TensorFlowBackend(Backend):
    """Tensors of tensorflow, differentiated by tapes, compiled by ``tf.function``."""

    name = "tensorflow"
    tensor_types = (tf.Tensor, tf.Variable, tf.IndexedSlices, tf.SparseTensor)
    variable_mixin = VariableMixin
    layer_mixin = LayerMixin
    piece = 1 << 18  # each of its eager operations takes 20 microseconds
    declines = frozenset(
        (
            "batch_normalization extract_sequences projected random_below random_unit resized scatter segment_sum unit_at "
            "weighted"
        ).split()
    )
    takes_scalars = frozenset(
        "add subtract multiply divide power maximum minimum clip equal not_equal greater greater_equal less less_equal".split()
    )

    def __init__(self) -> None:
        self.table = self._with_cast(tables.gather("triceras.backends.tensorflow"))

    @functools.cached_property
    def sparse_table(self) -> Mapping[str, Callable[..., Any]]:
        return sparse.bodies(native_sparse.KIT, self.table)

    @property
    def sparse_types(self) -> tuple[type, ...]:
        return (tf.SparseTensor,)

    def immediate(self, x: Any) -> bool:
        return immediate(x)

    def to_dense(self, x: tf.SparseTensor) -> tf.Tensor:
        return native_sparse.to_dense(x)

    def sparse_parts(self, x: tf.SparseTensor) -> tuple[np.ndarray, np.ndarray]:
        return x.indices.numpy(), self.to_numpy(x.values)

    def new_sparse(
        self, indices: np.ndarray, values: np.ndarray, shape: tuple[int, ...], capacity: int | None = None
    ) -> tf.SparseTensor:
        return native_sparse.new(indices, values, shape)

    def convert_to_tensor(self, x: Any, dtype: str | None = None) -> Any:
        if isinstance(x, _TENSORS):
            return x if dtype is None or x.dtype.name == dtype else self.cast(x, dtype)
        if isinstance(x, tf.Variable):
            return x.value() if dtype is None or x.dtype.name == dtype else tf.cast(x, dtype)
        if isinstance(x, bool | int | float | complex):
            # By way of NumPy, which casts: TensorFlow refuses True as a number and 2.5 as an integer.
            x = np.asarray(x)
            return tf.constant(x.astype(dtypes.numpy_dtype(dtype or _default_dtype(x))))
        if isinstance(x, list | tuple) and _holds_tensors(x):
            stacked = tf.stack([self.convert_to_tensor(v) for v in x])
            return stacked if dtype is None else tf.cast(stacked, dtype)
        if isinstance(x, list | tuple):
            x = np.asarray(x)
            dtype = dtype or _default_dtype(x)
        else:
            x = registry.adopt(x, self)
        if dtype is not None and dtype != "string":
            x = x.astype(dtypes.numpy_dtype(dtype), copy=False)
        return tf.convert_to_tensor(x)

    def to_numpy(self, x: Any) -> np.ndarray:
        if isinstance(x, tf.SparseTensor):
            x = self.to_dense(x)
        # Through numpy(): a bfloat16 scalar's __array__ gives no array.
        return np.asarray(tf.convert_to_tensor(x).numpy())

    def cast(self, x: Any, dtype: str) -> Any:
        if isinstance(x, tf.SparseTensor):
            return self.sparse_table["cast"](x, dtype)
        if x.dtype.is_complex and not dtypes.is_complex_dtype(dtype):
            x = tf.math.real(x)
        if dtype in dtypes.FLOAT8 and not x.dtype.is_floating:
            x = tf.cast(x, tf.float32)  # there is no kernel from integers and booleans to 8-bit floats
        return tf.cast(x, dtype)

    def dtype_of(self, x: Any) -> str:
        return x.dtype.name

    def shape_of(self, x: Any) -> tuple[int | None, ...]:
        return tuple(x.shape.as_list())

    def dynamic_shape(self, x: Any) -> tuple[Any, ...]:
        static = x.shape.as_list()
        if None not in static:
            return tuple(static)
        if isinstance(x, tf.SparseTensor):
            return native_sparse.sizes_of(x)
        sizes = tf.shape(x)
        return tuple(sizes[i] if d is None else d for i, d in enumerate(static))

    def new_state(
        self, value: Any, dtype: str, trainable: bool, aggregation: str = "none", synchronization: str = "auto"
    ) -> tf.Variable:
        # Both say what the replicas of a ``tf.distribute`` strategy do, in whose scope this is a variable of each of them.
        with tf.init_scope():
            return tf.Variable(
                self.convert_to_tensor(value, dtype),
                trainable=trainable,
                dtype=DTYPES[dtype],
                aggregation=getattr(tf.VariableAggregation, aggregation.upper()),
                synchronization=getattr(tf.VariableSynchronization, synchronization.upper()),
            )

    def read_state(self, state: tf.Variable) -> tf.Tensor:
        return state.value()

    def write_state(self, state: tf.Variable, value: Any) -> tf.Variable:
        state.assign(value)
        return state

    def outside_trace(self) -> AbstractContextManager[Any]:
        return tf.init_scope()

    def device_scope(self, name: str) -> AbstractContextManager[Any]:
        return tf.device(name)

    def list_devices(self, device_type: str | None = None) -> list[str]:
        names = [":".join(d.name.rsplit(":", 2)[-2:]).lower() for d in tf.config.list_logical_devices()]
        return [name for name in names if device_type in (None, name.partition(":")[0])]

    def profile(self, folder: str) -> AbstractContextManager[Any]:
        return tf.profiler.experimental.Profile(folder)

    def foreign_part(self, kind: str, *args: Any) -> Any:
        from triceras.backends.tensorflow.foreign import TensorFlowModule
        from triceras.backends.tensorflow.saved_model import SavedModel

        return {"module": TensorFlowModule, "saved_model": SavedModel}[kind](*args)

    def host_call(self, function: Callable[..., list[Any]], specs: Callable[[], list[Spec]], tensors: list[Any]) -> Any:
        if tf.executing_eagerly():
            return super().host_call(function, specs, tensors)

        def on_host(*arrays: Any) -> list[np.ndarray]:
            return [
                registry.adopt(x, self).astype(dtypes.numpy_dtype(s.dtype)) for x, s in zip(function(*arrays), known)
            ]

        known = specs()
        results = tf.numpy_function(on_host, tensors, [DTYPES[s.dtype] for s in known], stateful=False)
        for x, s in zip(results, known):
            x.set_shape(s.shape)
        return results

    def eval_shape(self, function: Callable[..., Any], specs: Sequence[Spec]) -> Any:
        inside: list[Any] = []

        def noted(*args: Any) -> Any:
            inside[:] = [function(*args)]
            return inside[0]

        traced = tf.function(noted, autograph=False).get_concrete_function(
            *((tf.SparseTensorSpec if s.sparse else tf.TensorSpec)(s.shape, DTYPES[s.dtype]) for s in specs)
        )

        def spec(outside: Any, inside: Any) -> Spec:
            # A sparse tensor forgets its static shape on the way out of a trace.
            is_sparse = self.is_sparse(inside)
            return Spec(tuple((inside if is_sparse else outside).shape.as_list()), outside.dtype.name, is_sparse)

        return tf.nest.map_structure(spec, traced.structured_outputs, inside[0])

    def value_and_grad(self, function: Callable[..., Any], parameters: list[Any]) -> tuple[Any, Any, list[Any]]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(parameters)
            value, auxiliary = function(parameters)
        gradients = tape.gradient(value, parameters, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return value, auxiliary, [tf.convert_to_tensor(g) for g in gradients]

    def gradients(self, given: Sequence[Any]) -> list[Any]:
        gradients = [g if g is None else tf.convert_to_tensor(g) for g in super().gradients(given)]
        replica = tf.distribute.get_replica_context()
        if replica is None or replica.num_replicas_in_sync == 1:
            return gradients
        summed = iter(replica.all_reduce(tf.distribute.ReduceOp.SUM, [g for g in gradients if g is not None]))
        return [g if g is None else next(summed) for g in gradients]

    def run_update(self, update: Callable[[list[Any]], None], gradients: list[Any]) -> None:
        if tf.executing_eagerly() or tf.distribute.has_strategy():
            update(gradients)
        else:  # an island of XLA in the user's graph, where an update takes a sixth of the time of its single ops
            tf.function(update, jit_compile=True, autograph=False)(gradients)

    def rematerialize(self, function: Callable[..., Any], tensors: list[Any]) -> list[Any]:
        return list(tf.recompute_grad(lambda *given: function(list(given)))(*tensors))

    def trace(self) -> Any:
        return None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()

    def compile(self, function: Callable[..., Any], *, jit: bool = True) -> Callable[..., Any]:
        return tf.function(function, jit_compile=jit, autograph=False, reduce_retracing=True)

    def fuse(self, function: Callable[..., Any], static: Sequence[str]) -> Callable[..., Any]:
        # Tracing takes as long as hundreds of eager operations, so that only loops of many are worth it. What isn't a tensor
        # is static in a graph anyway.
        return tf.function(function, autograph=False) if function.__name__ in _LOOPS else function

    def step_loop(
        self,
        step: Callable[..., Any],
        variables: Sequence[Any],
        constants: Sequence[Any] = (),
        *,
        jit: bool | None = None,
    ) -> StepLoop:
        return TensorFlowLoop(self, step, variables, constants, jit)

    def refuses(self, error: Exception) -> bool:
        # Python's own conversions fail with errors of their own, which name the symbolic tensor.
        known = isinstance(error, tf.errors.OperatorNotAllowedInGraphError)
        return known or "symbolictensor" in str(error).lower().replace(" tf.", "")

    def stateful_step(self, function: Callable[..., Any], *, jit: bool | None = None) -> Callable[..., Any]:
        return function if jit is False else tf.function(function, jit_compile=bool(jit), autograph=False)


def _holds_tensors(x: Any) -> bool:
    if isinstance(x, list | tuple):
        return any(map(_holds_tensors, x))
    return isinstance(x, tf.Tensor | tf.Variable | registry.StateHolder)


def _default_dtype(x: np.ndarray) -> str:
    return {"f": settings.floatx(), "i": "int32", "c": "complex64", "b": "bool"}.get(x.dtype.kind, "string")


BACKEND = TensorFlowBackend()
