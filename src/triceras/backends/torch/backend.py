"""PyTorch as a backend."""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from torch._C._functorch import get_dynamic_layer_stack_depth  # nothing public tells (torch 2.13)
from torch.utils._python_dispatch import _len_torch_dispatch_stack

from triceras import tree
from triceras.backends import registry, sparse, tables
from triceras.backends.base import Backend, Spec, StepLoop, known_sizes
from triceras.backends.torch import sparse as native_sparse
from triceras.backends.torch.immediate import immediate
from triceras.backends.torch.kernels import OPTIMIZER_KERNELS
from triceras.backends.torch.loop import TorchLoop
from triceras.backends.torch.native import LayerMixin, VariableMixin
from triceras.backends.torch.unsigned import widened
from triceras.core import dtypes, scopes, settings
from triceras.core.errors import UnsupportedError

DTYPES = {name: getattr(torch, name) for name in dtypes.ALLOWED - {"string"}}
NAMES = {native: name for name, native in DTYPES.items()}
DEFAULT_DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def device() -> str:
    """The device of new tensors."""
    name = scopes.device_name.get()
    return DEFAULT_DEVICE if name is None else name.replace("gpu", "cuda")


class TorchBackend(Backend):
    """Tensors of torch, differentiated by autograd; steps captured as one flat graph."""

    name = "torch"
    tensor_types = (torch.Tensor,)
    variable_mixin = VariableMixin
    layer_mixin = LayerMixin
    _copies: Any = None
    seed_dtype = "int64"
    optimizer_kernels = OPTIMIZER_KERNELS
    updates_in_place = True
    traces_loops = False
    declines = frozenset(
        (
            "adaptive_average_pool adaptive_max_pool contract ctc_loss displaced extract_sequences grid_values projected "
            "random_below random_unit resized segment_sum unit_at"
        ).split()
    )
    takes_scalars = frozenset(
        "add subtract multiply divide power clip equal not_equal greater greater_equal less less_equal".split()
    )

    def __init__(self) -> None:
        self.table = self._with_cast(tables.gather("triceras.backends.torch"))

    @functools.cached_property
    def sparse_table(self) -> Mapping[str, Callable[..., Any]]:
        return sparse.bodies(native_sparse.KIT, self.table)

    @property
    def hides_sparse(self) -> bool:
        return True

    def guarded(self, name: str, body: Callable[..., Any]) -> Callable[..., Any]:
        return native_sparse.refusing(body) if name in native_sparse.REFUSING else body

    def suited(self, name: str, body: Callable[..., Any], dtype: str | None) -> Callable[..., Any]:
        return widened(name, body, dtype)

    def is_sparse(self, x: Any) -> bool:
        return native_sparse.is_sparse(x)

    def immediate(self, x: torch.Tensor) -> bool:
        return immediate(x)

    def to_dense(self, x: torch.Tensor) -> torch.Tensor:
        return x.to_dense()

    def sparse_parts(self, x: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
        indices, values = native_sparse.parts(x)
        return indices, self.to_numpy(values)

    def new_sparse(
        self, indices: np.ndarray, values: np.ndarray, shape: tuple[int, ...], capacity: int | None = None
    ) -> torch.Tensor:
        places = torch.from_numpy(np.ascontiguousarray(indices.T)).to(device())
        return native_sparse.new(places, self.convert_to_tensor(values), shape)

    def convert_to_tensor(self, x: Any, dtype: str | None = None) -> torch.Tensor:
        if isinstance(x, torch.Tensor):
            return x if dtype is None else x.to(DTYPES[dtype])
        if isinstance(x, list | tuple) and _holds_tensors(x):
            stacked = torch.stack([self.convert_to_tensor(v) for v in x])
            return stacked if dtype is None else stacked.to(DTYPES[dtype])
        if isinstance(x, bool | int | float | complex) or (isinstance(x, list | tuple) and _is_plain(x)):
            if dtype is None:
                dtype = _default_dtype(x)
            return torch.tensor(x, dtype=DTYPES[dtype], device=device())
        x = registry.adopt(x, self, torch.from_dlpack)
        if isinstance(x, np.ndarray):
            x = _from_numpy(x)
        return x.to(device=device(), dtype=None if dtype is None else DTYPES[dtype])

    def to_device(self, x: Any, copy: bool = False) -> torch.Tensor:
        tensor = x if isinstance(x, torch.Tensor) else registry.adopt(x, self, torch.from_dlpack)
        tensor = _from_numpy(tensor) if isinstance(tensor, np.ndarray) else tensor
        target = torch.device(device())
        if tensor.device.type == target.type:
            return self._cloned(tensor) if copy else tensor
        if target.type != "cuda" or self.is_sparse(tensor):
            return tensor.to(target)
        return self._copied_beside(tensor, target)

    def _cloned(self, tensor: torch.Tensor) -> torch.Tensor:
        """A copy; on a CPU by NumPy, for threads read data ahead: once torch has computed in a second thread, those of OpenMP
        are more than the cores and sleep between ops instead of waiting, and a step of an LSTM takes 40 ms in place of 6."""
        if tensor.device.type != "cpu" or self.is_sparse(tensor):
            return tensor.clone()
        return _from_numpy(np.array(self.to_numpy(tensor.detach())))

    def _copied_beside(self, tensor: torch.Tensor, target: torch.device) -> torch.Tensor:
        """A copy on the GPU made while its steps run, from memory that the GPU reads by itself."""
        if self._copies is None:
            self._copies = torch.cuda.Stream(target)
        with torch.cuda.stream(self._copies):
            copied = tensor.pin_memory().to(target, non_blocking=True)
        self._copies.synchronize()
        copied.record_stream(torch.cuda.default_stream(target))
        return copied

    def handover_bytes(self) -> int:
        return 1 << 24 if device().startswith("cuda") else super().handover_bytes()

    def free_memory(self) -> int:
        return torch.cuda.mem_get_info()[0] if device().startswith("cuda") else super().free_memory()

    def to_numpy(self, x: torch.Tensor) -> np.ndarray:
        x = (x.to_dense() if self.is_sparse(x) else x).detach().cpu().resolve_conj().resolve_neg()
        if x.dtype == torch.bfloat16:
            return x.contiguous().view(torch.int16).numpy().view(dtypes.numpy_dtype("bfloat16"))
        if x.dtype in (torch.float8_e4m3fn, torch.float8_e5m2):
            return x.contiguous().view(torch.uint8).numpy().view(dtypes.numpy_dtype(NAMES[x.dtype]))
        return x.numpy(force=True)  # what a zero gradient needs that torch never made

    def cast(self, x: torch.Tensor, dtype: str) -> torch.Tensor:
        if x.is_complex() and not dtypes.is_complex_dtype(dtype):
            x = x.real
        return x.to(DTYPES[dtype])

    def dtype_of(self, x: torch.Tensor) -> str:
        return NAMES[x.dtype]

    def new_state(
        self, value: Any, dtype: str, trainable: bool, aggregation: str = "none", synchronization: str = "auto"
    ) -> torch.Tensor:
        value = self.convert_to_tensor(value, dtype).detach().clone(memory_format=torch.contiguous_format)
        is_parameter = trainable and (value.is_floating_point() or value.is_complex())
        return torch.nn.Parameter(value) if is_parameter else value

    def write_state(self, state: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            state.copy_(value)
        return state

    def device_scope(self, name: str) -> AbstractContextManager[Any]:
        return torch.device(name.replace("gpu", "cuda"))  # type: ignore[return-value]

    def list_devices(self, device_type: str | None = None) -> list[str]:
        names = ["cpu:0", *(f"gpu:{i}" for i in range(torch.cuda.device_count()))]
        return [name for name in names if device_type in (None, name.partition(":")[0])]

    def profile(self, folder: str) -> AbstractContextManager[Any]:
        return torch.profiler.profile(on_trace_ready=torch.profiler.tensorboard_trace_handler(folder))

    def eval_shape(self, function: Callable[..., Any], specs: Sequence[Spec]) -> Any:
        # The fake mode rather than the meta device: an op that mixes in a constant from the CPU is no error there.
        from torch._subclasses.fake_tensor import FakeTensorMode

        # There are no fake sparse tensors; real ones without elements take their place.
        mode = contextlib.nullcontext() if any(s.sparse for s in specs) else FakeTensorMode(allow_non_fake_inputs=True)
        with mode, torch.no_grad():
            result = function(*map(self._stand_in, specs))
        return tree.map_structure(
            lambda x: Spec(tuple(x.shape), NAMES[x.dtype], self.is_sparse(x)) if isinstance(x, torch.Tensor) else x,
            result,
        )

    def _stand_in(self, spec: Spec) -> torch.Tensor:
        dtype, sizes = DTYPES[spec.dtype], known_sizes(spec)
        if not spec.sparse:
            return torch.empty(sizes, dtype=dtype, device=device())
        places = torch.zeros((len(sizes), 0), dtype=torch.int64, device=device())
        return native_sparse.new(places, torch.zeros(0, dtype=dtype, device=device()), sizes)

    def foreign_part(self, kind: str, *args: Any) -> Any:
        from triceras.backends.torch.foreign import TorchModule

        return {"module": TorchModule}[kind](*args)

    def wrapper_of(self, value: Any) -> str | None:
        is_plain = isinstance(value, torch.nn.Module) and not isinstance(value, LayerMixin)
        return "TorchModuleWrapper" if is_plain else None

    def host_call(self, function: Callable[..., list[Any]], specs: Callable[[], list[Spec]], tensors: list[Any]) -> Any:
        if scopes.symbolic.get():
            return [self._stand_in(spec) for spec in specs()]
        if _len_torch_dispatch_stack() or torch.compiler.is_compiling():  # what it gives now would be recorded for good
            raise UnsupportedError("A part of another framework can't be recorded with torch's kernels.")
        return super().host_call(function, specs, tensors)

    def outside_trace(self) -> AbstractContextManager[Any]:
        from torch.utils._python_dispatch import _disable_current_modes

        return _disable_current_modes()

    def value_and_grad(self, function: Callable[..., Any], parameters: list[Any]) -> tuple[Any, Any, list[Any]]:
        leaves = [p.detach().requires_grad_() for p in parameters]
        with torch.enable_grad():
            value, auxiliary = function(leaves)
            gradients = torch.autograd.grad(value, leaves, allow_unused=True, materialize_grads=True)
        return value.detach(), tree.map_structure(_detach, auxiliary), list(gradients)

    def rematerialize(self, function: Callable[..., Any], tensors: list[Any]) -> list[Any]:
        from torch.utils.checkpoint import checkpoint, set_checkpoint_early_stop

        # Draws come from counters that the function is given: there is no state of torch's generator to keep. The early stop
        # is an exception in the middle of an op, which would be reported as that op's.
        with set_checkpoint_early_stop(False):
            return checkpoint(function, tensors, use_reentrant=False, preserve_rng_state=False)

    def trace(self) -> Any:
        return get_dynamic_layer_stack_depth()

    def norms(self, tensors: Sequence[Any], order: float) -> Any:
        return torch.stack(torch._foreach_norm(list(tensors), order, dtype=torch.float32))

    def finite(self, tensors: Sequence[Any]) -> Any:
        # Extremes are NaN where an element is, and take one kernel where `isfinite` takes five.
        plain = [torch.view_as_real(x) if x.is_complex() else x for x in tensors]
        widest = functools.reduce(torch.promote_types, (x.dtype for x in plain))
        ends = torch.stack([end.to(widest) for x in plain for end in torch.aminmax(x)])
        return torch.amax(ends.abs().view(-1, 2), 1) < math.inf

    def no_grad(self) -> AbstractContextManager[Any]:
        return torch.no_grad()

    def eager_loop(self, step: Callable[..., Any], variables: Sequence[Any], constants: Sequence[Any] = ()) -> StepLoop:
        return TorchLoop(self, step, variables, constants, jit=False)

    def step_loop(
        self,
        step: Callable[..., Any],
        variables: Sequence[Any],
        constants: Sequence[Any] = (),
        *,
        jit: bool | None = None,
    ) -> StepLoop:
        return TorchLoop(self, step, variables, constants, jit=jit)


def _detach(x: Any) -> Any:
    return x.detach() if isinstance(x, torch.Tensor) else x


def _holds_tensors(x: Any) -> bool:
    if isinstance(x, list | tuple):
        return any(map(_holds_tensors, x))
    return isinstance(x, torch.Tensor | registry.StateHolder)


def _is_plain(x: Any) -> bool:
    return all(_is_plain(v) if isinstance(v, list | tuple) else isinstance(v, bool | int | float | complex) for v in x)


def _default_dtype(x: Any) -> str:
    kind = np.asarray(x).dtype.kind
    return {"f": settings.floatx(), "i": "int32", "c": "complex64", "b": "bool"}[kind]


def _from_numpy(x: np.ndarray) -> torch.Tensor:
    """Shares memory where torch allows it; its own bytes for dtypes that NumPy knows through ml_dtypes only."""
    name = dtypes.standardize_dtype(x.dtype)
    if name == "string":
        raise ValueError(f"torch has no string tensors; received an array of strings: {dtypes.STRINGS_AS_NUMBERS}.")
    x = np.array(x) if not x.flags.writeable or any(s < 0 for s in x.strides) else x
    if name == "bfloat16":
        return torch.from_numpy(x.view(np.int16)).view(torch.bfloat16)
    if name in dtypes.FLOAT8:
        return torch.from_numpy(x.view(np.uint8)).view(DTYPES[name])
    return torch.from_numpy(x)


BACKEND = TorchBackend()
