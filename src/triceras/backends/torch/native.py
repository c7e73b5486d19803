"""What makes variables and layers at home in torch."""

from __future__ import annotations

from typing import Any

import torch


class VariableMixin:
    """Lets a variable stand wherever torch takes a tensor."""

    value: Any

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        def unwrap(x: Any) -> Any:
            if isinstance(x, VariableMixin):
                return x.value
            if isinstance(x, list | tuple):
                return type(x)(map(unwrap, x))
            return x

        return func(*map(unwrap, args), **{key: unwrap(value) for key, value in (kwargs or {}).items()})


class LayerMixin(torch.nn.Module):
    """Makes a layer a ``torch.nn.Module``: its variables are parameters and buffers, its sublayers modules."""

    def _native_track(self, name: str, value: Any) -> None:
        """Register a tracked attribute with the module."""
        if isinstance(value, VariableMixin):
            state = value.state  # type: ignore[attr-defined]
            registry = self._parameters if isinstance(state, torch.nn.Parameter) else self._buffers
            registry[name] = state
            if registry is self._buffers:
                self._non_persistent_buffers_set.discard(name)
        elif isinstance(value, torch.nn.Module):
            self._modules[name] = value

    def __getattr__(self, name: str) -> Any:
        found = getattr(type(self), name, None)
        if isinstance(found, property) and found.fget is not None:
            return found.fget(self)  # it raised an AttributeError, which says more than "no attribute" would
        return super().__getattr__(name)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the layer."""
        return self(*args, **kwargs)  # type: ignore[misc]
