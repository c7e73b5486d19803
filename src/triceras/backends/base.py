"""What a backend provides.

A backend is one object. It holds a table of op bodies (``table``: op name -> function over native tensors of equal dtype)
and the methods below. Only ops marked ``@primitive`` need a body; a body for a ``@composite`` replaces its definition.
Everything outside ``backends/``, ``interop/`` and ``export/`` asks for a capability and never for a name.

To add a backend: subclass ``Backend``, and point an entry point of the group ``triceras.backends`` at an instance.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from triceras.core import dtypes
from triceras.core.errors import UnsupportedError

Tensor = Any


@dataclasses.dataclass(frozen=True, slots=True)
class Spec:
    """The shape and dtype of a tensor that needn't exist; None is a size not known yet."""

    shape: tuple[int | None, ...]
    dtype: str
    sparse: bool = False


def known_sizes(spec: Spec) -> Any:
    """The shape of a spec whose sizes are all known."""
    return spec.shape


class Backend:
    """The protocol, with generic bodies where one exists."""

    #: The name users choose it by.
    name: str = ""
    #: The classes whose instances are this backend's tensors, tracers included.
    tensor_types: tuple[type, ...] = ()
    #: Whether it can differentiate and so train.
    trains: bool = True
    #: Op name -> function over native tensors.
    table: Mapping[str, Callable[..., Any]] = {}
    #: The ops whose bodies take Python numbers beside tensors.
    takes_scalars: frozenset[str] = frozenset()
    #: The composites whose bodies here may return ``NotImplemented``, which leaves that call to the definition.
    declines: frozenset[str] = frozenset()
    #: Mixed into ``Variable`` and ``Layer`` so that they are at home in the framework; None where nothing is needed.
    variable_mixin: type | None = None
    layer_mixin: type | None = None
    #: The dtype of a seed generator's state: two words.
    seed_dtype: str = "uint32"
    #: Rule name -> a kernel ``(optimizer, gradients, variables, learning_rate)`` that updates all variables and returns True,
    #: or False where it can't take these.
    optimizer_kernels: Mapping[str, Callable[..., Any]] = {}
    #: Whether those kernels and assignments change tensors in place.
    updates_in_place: bool = False
    #: Whether loops are traced, so that they may end by values that aren't there yet; unrolled where not.
    traces_loops: bool = True
    #: How many elements many operations in a row take at once quickest, where nothing is compiled.
    piece: int = 1 << 15
    #: Whether a ``train_step`` override takes ``(state, data)`` and returns ``(logs, state)``.
    functional_steps: bool = False

    def __reduce__(self) -> Any:  # there is one of each, whatever is copied
        from triceras.backends import registry

        return registry.get_backend, (registry.destination(self).name,)

    def _with_cast(self, table: dict[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
        """A table with the op ``cast``, which is this class's method."""

        def cast(x: Tensor, dtype: Any) -> Tensor:
            return self.cast(x, self.canonical(dtypes.standardize_dtype(dtype)))

        return table | {"cast": cast}

    # ---- tensors ----------------------------------------------------------------------------------------------------

    def convert_to_tensor(self, x: Any, dtype: str | None = None) -> Tensor:
        """A native tensor from an array, number, nested list or tensor; without a copy where possible.

        With no dtype, Python floats become ``config.floatx()``, Python integers int32, arrays keep theirs.
        """
        raise NotImplementedError

    def to_device(self, x: Any, copy: bool = False) -> Tensor:
        """A tensor on the device where steps run, of an array or of any framework's tensor; it isn't waited for.

        Args:
            x: an array or a tensor, wherever it lies.
            copy: whether the tensor stays as it is when the memory of ``x`` is written to later.
        """
        return self.convert_to_tensor(x)

    def to_numpy(self, x: Tensor) -> np.ndarray:
        """The values on the host."""
        raise NotImplementedError

    def cast(self, x: Tensor, dtype: str) -> Tensor:
        """A native tensor in another dtype; complex to real keeps the real part."""
        raise NotImplementedError

    def dtype_of(self, x: Tensor) -> str:
        """The name of a tensor's dtype."""
        raise NotImplementedError

    def shape_of(self, x: Tensor) -> tuple[int | None, ...]:
        """The static shape; None where a tracer doesn't know a size."""
        return tuple(x.shape)

    def dynamic_shape(self, x: Tensor) -> tuple[Any, ...]:
        """The shape with scalar tensors for the sizes that a tracer doesn't know."""
        return tuple(x.shape)

    def canonical(self, dtype: str) -> str:
        """The dtype this framework, as it is set up, gives for one that was asked for."""
        return dtype

    # ---- sparse tensors ---------------------------------------------------------------------------------------------

    @property
    def sparse_types(self) -> tuple[type, ...]:
        """The classes whose instances are sparse tensors, among ``tensor_types``; where only a layout says so, none."""
        return ()

    @functools.cached_property
    def sparse_table(self) -> Mapping[str, Callable[..., Any]]:
        """Op name -> function over native tensors of which one at least is sparse."""
        return {}

    @property
    def hides_sparse(self) -> bool:
        """Whether a sparse tensor has the class of a dense one, so that only its layout tells them apart."""
        return False

    def guarded(self, name: str, body: Callable[..., Any]) -> Callable[..., Any]:
        """An op's dense body, which refuses sparse tensors that it would take although the op doesn't."""
        return body

    def suited(self, name: str, body: Callable[..., Any], dtype: str | None) -> Callable[..., Any]:
        """An op's body for tensors of a dtype that the framework may lack a kernel for."""
        return body

    def is_sparse(self, x: Any) -> bool:
        """Whether a value is a sparse tensor of this backend."""
        return isinstance(x, self.sparse_types)

    def to_dense(self, x: Tensor) -> Tensor:
        """The dense tensor of a sparse one."""
        raise UnsupportedError(f"The {self.name} backend has no sparse tensors.")

    def sparse_parts(self, x: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """What a sparse tensor holds, on the host: indices ``(count, axes)``, int64, and values ``(count,)``."""
        raise UnsupportedError(f"The {self.name} backend has no sparse tensors.")

    def new_sparse(
        self, indices: np.ndarray, values: np.ndarray, shape: tuple[int, ...], capacity: int | None = None
    ) -> Tensor:
        """A sparse tensor of values on the host at places in ascending order, none twice.

        Args:
            indices: ``(count, axes)``.
            values: ``(count,)``.
            shape: the shape.
            capacity: how many elements it has room for, where programs are compiled for a number of them.
        """
        raise UnsupportedError(
            f"The {self.name} backend has no sparse tensors; received one of shape {tuple(shape)}. Make it dense with "
            "`.toarray()`, or run on jax, torch or tensorflow."
        )

    def immediate(self, x: Tensor) -> bool:
        """Whether a tensor's values can be looked at for nothing and shapes may depend on them."""
        return False

    def block(self, x: Any) -> None:
        """Wait until the values of a nested structure are computed."""

    # ---- state ------------------------------------------------------------------------------------------------------

    def new_state(
        self, value: Any, dtype: str, trainable: bool, aggregation: str = "none", synchronization: str = "auto"
    ) -> Any:
        """The native thing that holds a variable's value, from an array on the host or a tensor.

        ``aggregation`` and ``synchronization`` are as for ``Variable``, for a framework that replicates state by itself.
        """
        raise NotImplementedError

    def read_state(self, state: Any) -> Tensor:
        """The value that a native holder holds."""
        return state

    def write_state(self, state: Any, value: Tensor) -> Any:
        """Store a value; returns the holder, the same one or a new one."""
        raise NotImplementedError

    def outside_trace(self) -> AbstractContextManager[Any]:
        """A scope in which operations compute values even while a function is being traced."""
        return contextlib.nullcontext()

    # ---- devices ----------------------------------------------------------------------------------------------------

    def device_scope(self, name: str) -> AbstractContextManager[Any]:
        """A scope whose new tensors lie on a device named like ``"cpu:0"`` or ``"gpu:1"``."""
        raise NotImplementedError

    def handover_bytes(self) -> int:
        """Up to which size batches go to the device together: there, handing over takes longer than copying."""
        return 1 << 18

    def free_memory(self) -> int:
        """Bytes that are free on the device where steps run."""
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else sys.maxsize

    def list_devices(self, device_type: str | None = None) -> list[str]:
        """The devices there are, as ``"cpu:0"``, ``"gpu:0"`` …"""
        raise NotImplementedError

    def profile(self, folder: str) -> AbstractContextManager[Any]:
        """A scope whose work the framework's profiler traces, into files under a folder where TensorBoard finds them."""
        raise UnsupportedError(
            f"The {self.name} backend has no profiler, so it can't trace to {folder!r}. Profile on jax, torch or tensorflow."
        )

    # ---- functions --------------------------------------------------------------------------------------------------

    def foreign_part(self, kind: str, *args: Any) -> Any:
        """What was written for this framework, as a ``Part`` (``backends/foreign.py``): a function of its variables' values."""
        raise UnsupportedError(f"The {self.name} backend has no parts of the kind {kind!r}.")

    def wrapper_of(self, value: Any) -> str | None:
        """The name of the layer that an attribute of a layer is wrapped in, so as to be trained and saved with it, or None."""
        return None

    def host_call(
        self, function: Callable[..., list[Any]], specs: Callable[[], list[Spec]], tensors: list[Tensor]
    ) -> list[Tensor]:
        """``function(*tensors)``, which takes any framework's tensors or arrays and gives those of another one.

        Args:
            function: runs where the values are, each time.
            specs: what it returns, for where that has to be known before.
            tensors: of this backend.
        """
        return [self.convert_to_tensor(x) for x in function(*tensors)]

    def eval_shape(self, function: Callable[..., Any], specs: Sequence[Spec]) -> Any:
        """The result of a function with a ``Spec`` for each tensor, without computing; all sizes given are known."""
        raise NotImplementedError

    def run_update(self, update: Callable[[list[Any]], None], gradients: list[Any]) -> None:
        """Run an optimizer's update of variables, as one kernel where the backend can make one of what a user's code runs."""
        update(gradients)

    def rematerialize(self, function: Callable[[list[Tensor]], list[Tensor]], tensors: list[Tensor]) -> list[Tensor]:
        """``function(tensors)``, computed again for its gradient rather than with its intermediate results kept."""
        return function(tensors)

    def value_and_grad(self, function: Callable[..., Any], parameters: list[Tensor]) -> tuple[Any, Any, list[Tensor]]:
        """For ``function(parameters) -> (scalar, auxiliary)``: the scalar, the auxiliary value and the gradients."""
        raise UnsupportedError(f"The {self.name} backend does not differentiate; train on jax, torch or tensorflow.")

    def gradients(self, given: Sequence[Any]) -> list[Any]:
        """What an optimizer was given for gradients, as it takes them.

        Dense tensors of this backend, or None; and where it is called by one of several replicas that the framework runs, their
        sums over all of them.
        """
        return [g if g is None or isinstance(g, self.tensor_types) else self.convert_to_tensor(g) for g in given]

    def no_grad(self) -> AbstractContextManager[Any]:
        """A scope in which nothing is recorded for differentiation."""
        return contextlib.nullcontext()

    def trace(self) -> Any:
        """What tells where operations run: a tensor made while it had one value can't be used where it isn't equal to that.

        Inside of loops that are traced, of mapped functions and of what is computed again for gradients it is another one.
        """
        return None

    def norms(self, tensors: Sequence[Tensor], order: float) -> Tensor:
        """``(Σ |x|^order)^(1/order)`` over the elements of each of some tensors, or the largest ``|x|`` for infinity.

        Returns:
            A vector of float32.
        """
        total, largest, stack = self.table["sum"], self.table["max"], self.table["stack"]
        sizes = [self.cast(self.table["abs"](x), "float32") for x in tensors]
        if order == math.inf:
            # Maxima pass over NaN under XLA as TensorFlow sets it up (2.21), where 0 / 0 doesn't.
            lacks = [1 - self.cast(self.table["any"](self.table["isnan"](x)), "float32") for x in sizes]
            return stack([largest(x) * without_nan / without_nan for x, without_nan in zip(sizes, lacks)])
        return stack([total(x if order == 1 else x**order) for x in sizes]) ** (1 / order)

    def finite(self, tensors: Sequence[Tensor]) -> Tensor:
        """Whether each of some floating tensors holds neither NaN nor infinity, a vector of booleans."""
        every, finite, stack = self.table["all"], self.table["isfinite"], self.table["stack"]
        return stack([every(finite(x)) for x in tensors])

    def compile(self, function: Callable[..., Any], *, jit: bool = True) -> Callable[..., Any]:
        """A compiled version of a pure function over nested structures of tensors."""
        return function

    def fuse(self, function: Callable[..., Any], static: Sequence[str]) -> Callable[..., Any]:
        """A composite as one compiled function, where calling its ops one by one costs more; itself elsewhere.

        Args:
            function: of tensors and of the parameters named in ``static``, which are hashable.
            static: their names.
        """
        return function

    def step_loop(
        self,
        step: Callable[..., Any],
        variables: Sequence[Any],
        constants: Sequence[Any] = (),
        *,
        jit: bool | None = None,
    ) -> StepLoop:
        """A pure step over the values of some variables, to be run once or many times in one call.

        ``jit`` says whether it is compiled; None leaves that to the backend, which may look at what the step holds.
        """
        return StepLoop(self, step, variables, constants)

    def eager_loop(self, step: Callable[..., Any], variables: Sequence[Any], constants: Sequence[Any] = ()) -> StepLoop:
        """The same without compiling anything."""
        return StepLoop(self, step, variables, constants)

    def refuses(self, error: Exception) -> bool:
        """Whether an error means that a step looks at its values, so that it can't be compiled but can run eagerly."""
        return False

    def stateful_step(self, function: Callable[..., Any], *, jit: bool | None = None) -> Callable[..., Any]:
        """A function over a flat list of tensors that reads and assigns variables, compiled where the framework can."""
        return function


def why(error: Exception) -> str:
    """An error in one line, and the layer it came from."""
    where = [note for note in getattr(error, "__notes__", []) if note.startswith("In the call of layer")]
    return " ".join([f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}", *where])


class StepLoop:
    """Runs a pure step again and again over variables; this one is plain Python, backends bring compiled ones.

    ``step(values, constants, batch) -> (new_values, output)``: the values of the variables that it changes, of those that it
    only reads, a flat list of tensors, and any structure of tensors.
    """

    def __init__(
        self, backend: Backend, step: Callable[..., Any], variables: Sequence[Any], constants: Sequence[Any] = ()
    ) -> None:
        self.backend = backend
        self.step = step
        self.variables = list(variables)
        self.constants = list(constants)
        #: Why the step isn't compiled although it was to be; None where it is or needn't be.
        self.fallback: str | None = None

    def values(self) -> tuple[list[Tensor], list[Tensor]]:
        """The stored values of both kinds of variables."""
        return [v.stored_value for v in self.variables], [v.stored_value for v in self.constants]

    def store(self, values: list[Tensor]) -> None:
        """Give the variables new values."""
        for variable, value in zip(self.variables, values, strict=True):
            variable.store(value)

    def run(self, batch: list[Tensor]) -> Any:
        """One step over a batch at hand; returns its output."""
        values, output = self.step(*self.values(), batch)
        self.store(values)
        return output

    def run_many(self, data: list[Tensor], index: Tensor, start: int, stop: int) -> None:
        """Steps ``start`` to ``stop``: step i takes the rows ``index[i]`` of each array of the data."""
        take = self.backend.table["take"]
        for i in range(start, stop):
            self.run([take(array, index[i], axis=0) for array in data])
