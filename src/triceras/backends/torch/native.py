"""What makes variables and layers at home in torch."""

from __future__ import annotations

import functools
from typing import Any

import torch

from triceras import tree
from triceras.backends.torch import compiled


class VariableMixin:
    """Lets a variable stand wherever torch takes a tensor."""

    value: Any
    #: The parameters or buffers of the module that it belongs to, and its name there.
    _home: tuple[dict[str, Any], str] | None = None

    @property
    def state(self) -> torch.Tensor:
        """The tensor it holds: the module's, so that what torch puts into its place there is what the layer computes with."""
        home = self._home
        if home is not None:
            return home[0][home[1]]
        return self.__dict__["state"] if "state" in self.__dict__ else self._drawn_state()  # type: ignore[attr-defined]

    @state.setter
    def state(self, tensor: torch.Tensor) -> None:
        home = self._home
        if home is None:
            self.__dict__["state"] = tensor
        else:
            home[0][home[1]] = tensor

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        def unwrap(x: Any) -> Any:
            if isinstance(x, VariableMixin):
                return x.value
            if isinstance(x, list | tuple):
                return type(x)(map(unwrap, x))
            return x

        return func(*map(unwrap, args), **{key: unwrap(value) for key, value in (kwargs or {}).items()})


@functools.cache
def _with_hooks(cls: Any) -> type:
    """A layer's class whose calls go the way of a module's, around which hooks run; others don't pay for looking for some."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        is_symbolic = any(hasattr(x, "record_history") for x in tree.flatten((args, kwargs)))
        return (cls.__call__ if is_symbolic else torch.nn.Module.__call__)(self, *args, **kwargs)

    ways = {"__call__": call, "forward": cls.__call__, "_origin": cls._origin, "runs_hooks": True}
    names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
    return type(cls.__name__, (cls,), names | ways)


def _hooking(name: str) -> Any:
    register = getattr(torch.nn.Module, name)

    @functools.wraps(register)
    def registered(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not self.runs_hooks:
            self.__class__ = _with_hooks(type(self))
        return register(self, *args, **kwargs)

    return registered


class LayerMixin(torch.nn.Module):
    """Makes a layer a ``torch.nn.Module``: its variables are parameters and buffers, its sublayers modules."""

    def __init__(self) -> None:
        super().__init__()
        number = self.__dict__["_self_number"] = next(compiled.NUMBERS)
        compiled.LAYERS[number] = self

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._origin.__call__._torchdynamo_inline = compiled.call_in_graph  # type: ignore[attr-defined]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._origin.__call__(self, *args, **kwargs)  # type: ignore[attr-defined]  # by which dynamo finds the other one

    def native_state(self) -> list[torch.Tensor]:
        """The parameters, the buffers and the seeds of this layer and those inside it."""
        seeds = [g.state.state for layer in self._flatten_layers() for g in layer._seed_generators]  # type: ignore[attr-defined]
        return [*self.parameters(), *self.buffers(), *seeds]

    def _native_track(self, name: str, value: Any) -> None:
        """Register a tracked attribute with the module."""
        if isinstance(value, VariableMixin):
            value.when_stored(functools.partial(self._register_variable, name, value))  # type: ignore[attr-defined]
        elif isinstance(value, torch.nn.Module):
            self._modules[name] = value

    def _register_variable(self, name: str, variable: VariableMixin) -> None:
        state = variable.state
        registry: dict[str, Any] = self._parameters if isinstance(state, torch.nn.Parameter) else self._buffers
        registry[name] = state
        if variable._home is None:  # one variable may belong to several layers
            variable._home = registry, name
        if registry is self._buffers:
            self._non_persistent_buffers_set.discard(name)

    def __getattr__(self, name: str) -> Any:
        found = getattr(type(self), name, None)
        if isinstance(found, property) and found.fget is not None:
            return found.fget(self)  # it raised an AttributeError, which says more than "no attribute" would
        return super().__getattr__(name)

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        """What ``to()``, ``double()``, ``cpu()`` and the like come to: variables follow in dtype, seeds to the device."""
        super()._apply(fn, recurse)
        for variable in self._own_variables():  # type: ignore[attr-defined]
            variable._dtype = str(variable.state.dtype).removeprefix("torch.")
        for generator in self._seed_generators:  # type: ignore[attr-defined]
            generator.state.state = fn(generator.state.state)
        getattr(self, "_runners", {}).clear()  # a model's steps were captured for the tensors of before
        return self

    register_forward_pre_hook = _hooking("register_forward_pre_hook")
    register_forward_hook = _hooking("register_forward_hook")
    register_full_backward_pre_hook = _hooking("register_full_backward_pre_hook")
    register_full_backward_hook = _hooking("register_full_backward_hook")

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the layer."""
        return self(*args, **kwargs)  # type: ignore[misc]
