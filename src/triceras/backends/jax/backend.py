"""JAX as a backend."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jax.extend.core import get_opaque_trace_state

from triceras.backends import registry, sparse, tables
from triceras.backends.base import Backend, Spec, StepLoop, known_sizes
from triceras.backends.jax.loop import JaxLoop
from triceras.core import dtypes, settings

_SHORT = {"int64": "int32", "uint64": "uint32", "float64": "float32", "complex128": "complex64"}

_DENSE_TYPES = (jax.Array, jax.core.Tracer, type(jnp.zeros(())))

_VALUE_ERRORS = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.NonConcreteBooleanIndexError,
)


class VariableMixin:
    """Lets a variable stand wherever JAX takes an array.

    It is a tree of one leaf that is put together again as an array: transformed functions see a tracer in its place. JAX's
    own functions are transformed ones, and no longer ask for ``__jax_array__`` before they trace.
    """

    value: Any

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        jax.tree_util.register_pytree_node(cls, lambda v: ((v.value,), None), lambda _, leaves: leaves[0])

    def __jax_array__(self) -> jax.Array:
        return self.value


class JaxBackend(Backend):
    """Arrays of jax, transformed and compiled by it."""

    name = "jax"
    variable_mixin = VariableMixin
    functional_steps = True
    declines = frozenset(("contract", "dot_product_attention", "weighted"))
    takes_scalars = frozenset(
        "add subtract multiply divide power maximum minimum clip equal not_equal greater greater_equal less less_equal".split()
    )

    def __init__(self) -> None:
        self.table = self._with_cast(tables.gather("triceras.backends.jax"))

    @property
    def tensor_types(self) -> tuple[type, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return (*_DENSE_TYPES, *self.sparse_types)

    def canonical(self, dtype: str) -> str:
        # The settings are attributes that jax adds as it starts, which its annotations don't show.
        return dtype if jax.config.jax_enable_x64 else _SHORT.get(dtype, dtype)  # pyright: ignore[reportAttributeAccessIssue]

    @property
    def sparse_types(self) -> tuple[type, ...]:
        # Importing JAX's sparse tensors takes 0.2 s; there are none before somebody has.
        module = sys.modules.get("jax.experimental.sparse")
        return () if module is None else (module.JAXSparse,)

    @functools.cached_property
    def sparse_table(self) -> Mapping[str, Callable[..., Any]]:
        from triceras.backends.jax.sparse import KIT

        return sparse.bodies(KIT, self.table)

    def to_dense(self, x: Any) -> jax.Array:
        from triceras.backends.jax.sparse import to_dense

        return to_dense(x)

    def sparse_parts(self, x: Any) -> tuple[np.ndarray, np.ndarray]:
        from triceras.backends.jax.sparse import parts

        return parts(x)

    def new_sparse(
        self, indices: np.ndarray, values: np.ndarray, shape: tuple[int, ...], capacity: int | None = None
    ) -> Any:
        from triceras.backends.jax.sparse import new

        return new(indices, values, shape, capacity)

    def convert_to_tensor(self, x: Any, dtype: str | None = None) -> jax.Array:
        if isinstance(x, jax.Array) or self.is_sparse(x):
            return x if dtype is None or x.dtype == dtype else self.cast(x, dtype)
        if dtype is None:
            dtype = _default_dtype(x)
        if dtype == "string":
            raise ValueError(f"jax has no string tensors; received an array of strings: {dtypes.STRINGS_AS_NUMBERS}.")
        return jnp.asarray(_host(x), None if dtype is None else dtypes.numpy_dtype(self.canonical(dtype)))

    def to_device(self, x: Any, copy: bool = False) -> jax.Array:
        if isinstance(x, np.ndarray) and x.dtype.kind in "biufc":
            return jax.device_put(np.array(x) if copy else x)  # which may go on using the array's memory
        tensor = self.convert_to_tensor(x)
        if self.is_sparse(tensor):
            return tensor
        if copy and not isinstance(x, jax.Array | np.ndarray):  # those of other frameworks come without a copy
            tensor = jnp.array(tensor)
        default = jax.config.jax_default_device or jax.local_devices()[0]  # pyright: ignore[reportAttributeAccessIssue]
        return tensor if len(tensor.devices()) > 1 or tensor.devices() == {default} else jax.device_put(tensor, default)

    def handover_bytes(self) -> int:
        return super().handover_bytes() if jax.default_backend() == "cpu" else 1 << 24

    def free_memory(self) -> int:
        statistics = jax.local_devices()[0].memory_stats() or {}
        if "bytes_limit" in statistics:
            return statistics["bytes_limit"] - statistics["bytes_in_use"]
        return super().free_memory()

    def to_numpy(self, x: jax.Array) -> np.ndarray:
        return np.asarray(self.to_dense(x) if self.is_sparse(x) else x)

    def cast(self, x: jax.Array, dtype: str) -> jax.Array:
        if self.is_sparse(x):
            return self.sparse_table["cast"](x, dtype)
        native = dtypes.numpy_dtype(self.canonical(dtype))
        if isinstance(x, jax.Array) and x.dtype == native:
            return x
        x = jnp.asarray(x)
        if jnp.iscomplexobj(x) and not dtypes.is_complex_dtype(dtype):
            x = x.real
        return x.astype(native)

    def dtype_of(self, x: jax.Array) -> str:
        return dtypes.standardize_dtype(x.dtype)

    def block(self, x: Any) -> None:
        jax.block_until_ready(x)

    def new_state(
        self, value: Any, dtype: str, trainable: bool, aggregation: str = "none", synchronization: str = "auto"
    ) -> jax.Array:
        # A copy: JAX may alias host memory, and a compiled step gives its inputs' memory away.
        native, value = dtypes.numpy_dtype(self.canonical(dtype)), _host(value)
        if isinstance(value, jax.Array):
            return jnp.array(value, native)
        return jax.device_put(np.array(value, native))

    def write_state(self, state: jax.Array, value: jax.Array) -> jax.Array:
        return value

    def outside_trace(self) -> AbstractContextManager[Any]:
        return jax.ensure_compile_time_eval()

    def device_scope(self, name: str) -> AbstractContextManager[Any]:
        kind, _, number = name.partition(":")
        return jax.default_device(jax.devices(kind)[int(number)])

    def list_devices(self, device_type: str | None = None) -> list[str]:
        devices = [*jax.devices("cpu")] if jax.default_backend() == "cpu" else [*jax.devices("cpu"), *jax.devices()]
        names = [f"{device.platform}:{device.id}" for device in devices]
        return [name for name in names if device_type in (None, name.partition(":")[0])]

    def profile(self, folder: str) -> AbstractContextManager[Any]:
        return jax.profiler.trace(folder)

    def foreign_part(self, kind: str, *args: Any) -> Any:
        from triceras.backends.jax.foreign import PARTS

        return PARTS[kind](*args)

    def host_call(self, function: Callable[..., list[Any]], specs: Callable[[], list[Spec]], tensors: list[Any]) -> Any:
        if not any(isinstance(x, jax.core.Tracer) for x in tensors):
            return super().host_call(function, specs, tensors)

        def on_host(*arrays: Any) -> list[np.ndarray]:
            return [registry.adopt(x, self).astype(s.dtype) for x, s in zip(function(*arrays), shapes)]

        shapes = [self._stand_in(spec) for spec in specs()]
        return jax.pure_callback(on_host, shapes, *tensors)

    def eval_shape(self, function: Callable[..., Any], specs: Sequence[Spec]) -> Any:
        shapes = [self._stand_in(s) for s in specs]
        result = jax.eval_shape(function, *shapes)
        return jax.tree.map(
            lambda x: Spec(tuple(x.shape), self.dtype_of(x), self.is_sparse(x)), result, is_leaf=self.is_sparse
        )

    def _stand_in(self, spec: Spec) -> Any:
        """A tensor without values for abstract evaluation; a sparse one has room for one element."""
        dtype = dtypes.numpy_dtype(self.canonical(spec.dtype))
        if not spec.sparse:
            return jax.ShapeDtypeStruct(spec.shape, dtype)
        empty = self.new_sparse(
            np.zeros((0, len(spec.shape)), np.int64), np.zeros(0, dtype), known_sizes(spec), capacity=1
        )
        return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), empty)

    def value_and_grad(self, function: Callable[..., Any], parameters: list[Any]) -> tuple[Any, Any, list[Any]]:
        (value, auxiliary), gradients = jax.value_and_grad(function, has_aux=True)(parameters)
        return value, auxiliary, gradients

    def rematerialize(self, function: Callable[..., Any], tensors: list[Any]) -> list[Any]:
        return jax.checkpoint(function)(tensors)

    def trace(self) -> Any:
        return get_opaque_trace_state()

    def compile(self, function: Callable[..., Any], *, jit: bool = True) -> Callable[..., Any]:
        return jax.jit(function) if jit else function

    def fuse(self, function: Callable[..., Any], static: Sequence[str]) -> Callable[..., Any]:
        return jax.jit(function, static_argnames=tuple(static))

    def refuses(self, error: Exception) -> bool:
        return isinstance(error, _VALUE_ERRORS)

    def step_loop(
        self,
        step: Callable[..., Any],
        variables: Sequence[Any],
        constants: Sequence[Any] = (),
        *,
        jit: bool | None = None,
    ) -> StepLoop:
        return (StepLoop if jit is False else JaxLoop)(self, step, variables, constants)


def _host(x: Any) -> Any:
    """Something ``jnp.asarray`` takes."""
    if isinstance(x, jax.Array | np.ndarray | bool | int | float | complex):
        return x
    if isinstance(x, list | tuple) and _holds_tensors(x):
        return jnp.stack([jnp.asarray(_host(v)) for v in x])
    return registry.adopt(x, BACKEND, jax.dlpack.from_dlpack)


def _default_dtype(x: Any) -> str | None:
    if hasattr(x, "dtype"):
        return dtypes.standardize_dtype(x.dtype)
    kind = np.asarray(x).dtype.kind if not isinstance(x, list | tuple) or not _holds_tensors(x) else ""
    return {"f": settings.floatx(), "i": "int32", "c": "complex64", "b": "bool"}.get(kind)


def _holds_tensors(x: Any) -> bool:
    return isinstance(x, jax.Array) or (isinstance(x, list | tuple) and any(map(_holds_tensors, x)))


BACKEND = JaxBackend()
