"""A module of torch as a layer."""

from __future__ import annotations

from typing import Any

from triceras.backends import registry
from triceras.graph.symbol import KerasTensor
from triceras.layers.core.foreign_layer import ModuleLayer


class TorchModuleWrapper(ModuleLayer):
    """Runs a ``torch.nn.Module``.

    In a model of torch the module's parameters and buffers are the layer's weights, the same tensors under the same names, and
    ``training`` sets its mode; its hooks run. In a model of another backend it infers only. A lazy module is initialised when
    the layer is built.

    Model files hold the weights by name, and of the module its class's name and ``get_config()``, where it has one. To read
    one, register the class or pass ``custom_objects={name: module}``: the name is the class's or the layer's, the module one
    that is copied, or a function that makes one.

    Args:
        module: the module.
        name: the layer's name.
        output_shape: the shape of its output with None for the batch; found by evaluating the module where left out.
        kwargs: as for any layer.

    Raises:
        TypeError: ``module`` isn't a ``torch.nn.Module``.

    Input shape:
        what the module takes
    Output shape:
        what it gives

    Example:
        >>> import torch
        >>> with backend_scope("torch"):
        ...     layer = layers.TorchModuleWrapper(torch.nn.Linear(3, 2))
        ...     [(v.name, v.shape) for v in layer.weights]
        [('weight', (2, 3)), ('bias', (2,))]
    """

    def __init__(self, module: Any, name: str | None = None, output_shape: Any = None, **kwargs: Any) -> None:
        super().__init__(registry.get_backend("torch").foreign_part("module", module), module, name=name, **kwargs)
        self.output_shape = None if output_shape is None else tuple(output_shape)

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        """The shape that was given, or that which evaluating the module finds."""
        return self.output_shape or super().compute_output_shape(*args, **kwargs)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """A symbol of the shape that was given, or what evaluating the module finds."""
        if self.output_shape is None:
            return self._abstract_spec(args, kwargs)
        return KerasTensor(self.output_shape, self.compute_dtype)

    def save_own_variables(self, store: Any) -> None:
        """Put the weights into a mapping by their names."""
        for variable in self._variables_in_files():
            store[variable.name] = variable

    def load_own_variables(self, store: Any) -> None:
        """Set the weights by their names."""
        for variable in self._variables_in_files():
            if variable.name not in store:
                raise ValueError(
                    f"Layer {self.path!r}: the file has no {variable.name!r}; it has {sorted(store.keys())}."
                )
            variable.assign(store[variable.name])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "output_shape": self.output_shape}
