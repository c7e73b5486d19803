"""A ``torch.nn.Module`` as a function of its parameters' and buffers' values."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import _len_torch_dispatch_stack

from triceras import tree
from triceras.backends.foreign import Part, PartVariable
from triceras.backends.torch.backend import BACKEND, DTYPES, device
from triceras.core import scopes


@dataclasses.dataclass
class _Tensor:
    """Where a module keeps one tensor: the dictionaries of the modules that have it, which may be several."""

    name: str
    kind: str
    saved: bool
    places: list[tuple[torch.nn.Module, str]]

    @property
    def now(self) -> torch.Tensor:
        module, key = self.places[0]
        return module.__dict__[self.kind][key]

    @now.setter
    def now(self, value: torch.Tensor) -> None:
        for module, key in self.places:
            module.__dict__[self.kind][key] = value

    @property
    def is_trained(self) -> bool:
        return self.kind == "_parameters" and self.now.requires_grad


class TorchModule(Part):
    """A module; its variables are named as in its ``state_dict()`` and are its own tensors."""

    backend = BACKEND

    def __init__(self, module: Any) -> None:
        if not isinstance(module, torch.nn.Module):
            raise TypeError(f"Expected a torch.nn.Module, received {module!r} of type {type(module).__name__}.")
        self.module = module.to(device())
        tensors = itertools.chain(module.parameters(), module.buffers())
        self.ready = not any(torch.nn.parameter.is_lazy(x) for x in tensors)
        self._tensors = _tensors_of(module) if self.ready else []

    def initialise(self, shapes: Any, dtype: str, key: np.ndarray) -> None:
        zeros = tree.map_shape_structure(lambda s: torch.zeros(s, dtype=getattr(torch, dtype), device=device()), shapes)
        with torch.no_grad():
            self.module.eval()(zeros)
        self._tensors, self.ready = _tensors_of(self.module), True

    def variables(self) -> list[PartVariable]:
        return [PartVariable(t.name, t.now, t.is_trained, t.saved, autocast=False) for t in self._tensors]

    def hold(self, position: int, variable: Any) -> bool:
        tensor = self._tensors[position]
        module, key = tensor.places[0]
        variable.__dict__.pop("state", None)
        variable._home = module.__dict__[tensor.kind], key
        return True

    def call(self, args: Any, kwargs: Any, values: Any, training: bool, key: Any) -> tuple[Any, list[Any]]:
        if self.module.training != training:
            self.module.train(training)
        if values is None:
            return self._run(args, kwargs), []
        stored = [tensor.now for tensor in self._tensors]
        # Modules change buffers in place, and the values are the caller's.
        given = [v.clone() if t.kind == "_buffers" else v for t, v in zip(self._tensors, values, strict=True)]
        versions = [x._version for x in given]
        self._put(given)
        try:
            outputs = self._run(args, kwargs)
            after = [tensor.now for tensor in self._tensors]
        finally:
            self._put(stored)
        for i, tensor in enumerate(self._tensors):
            is_same = after[i] is given[i] and after[i]._version == versions[i]
            # The kernel of batch normalization changes running statistics without counting a version (torch 2.13).
            if tensor.kind == "_parameters" or (is_same and not training):
                after[i] = values[i] if after[i] is given[i] else after[i]
        return outputs, after

    def _run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The module's outputs, in a policy of 16 bits as torch's own autocasting has them."""
        cast = scopes.autocast.get()
        with contextlib.ExitStack() as stack:
            if cast in ("float16", "bfloat16"):
                kind = device().partition(":")[0]
                stack.enter_context(torch.autocast(kind, DTYPES[cast], cache_enabled=False))
            if _len_torch_dispatch_stack():
                stack.enter_context(_recordable())
            return self.module(*args, **kwargs)

    def _put(self, values: list[torch.Tensor]) -> None:
        for tensor, value in zip(self._tensors, values, strict=True):
            tensor.now = value


@contextlib.contextmanager
def _recordable() -> Iterator[None]:
    """While a call is recorded: LSTMs of oneDNN and cuDNN lack what their gradients need when they run again (torch 2.13)."""
    enabled = torch._C._get_mkldnn_enabled(), torch._C._get_cudnn_enabled()  # the public ways set more and warn
    torch._C._set_mkldnn_enabled(False)
    torch._C._set_cudnn_enabled(False)
    try:
        yield
    finally:
        torch._C._set_mkldnn_enabled(enabled[0])
        torch._C._set_cudnn_enabled(enabled[1])


def _tensors_of(module: torch.nn.Module) -> list[_Tensor]:
    """The parameters and buffers, each once, in the order of ``state_dict()`` but those that are trained first."""
    found: dict[int, _Tensor] = {}
    for path, inner in module.named_modules():
        for kind in ("_parameters", "_buffers"):
            for key, value in inner.__dict__[kind].items():
                if value is None:
                    continue
                name = f"{path}.{key}" if path else key
                saved = kind == "_parameters" or key not in inner._non_persistent_buffers_set
                tensor = found.setdefault(id(value), _Tensor(name, kind, saved, []))
                tensor.places.append((inner, key))
    return sorted(found.values(), key=lambda tensor: not tensor.is_trained)
