"""The model: a layer that can be trained, saved and looked into."""

from __future__ import annotations

import json
import re
from typing import Any

from triceras import saving
from triceras.core import objects
from triceras.core.naming import auto_name
from triceras.layers.layer import Layer, native_class
from triceras.models.summary import print_summary
from triceras.training.trainer import Trainer


class Model(Trainer, Layer):
    """A layer with ``fit``, ``evaluate``, ``predict``, ``save`` and ``summary``.

    Made from symbolic inputs and outputs (``Model(inputs, outputs)``), it is a functional model; a subclass defines ``call``.

    Args:
        inputs: a structure of symbolic inputs.
        outputs: a structure of symbolic outputs.
        name: its name.

    Example:
        >>> inputs = Input((3,))
        >>> model = Model(inputs, Dense(2)(inputs))
        >>> model.count_params()
        8
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if _is_functional_call(args, kwargs) and cls.__dict__.get("_origin", cls) is Model:
            from triceras.models.functional import Functional

            return Layer.__new__(Functional, *args, **kwargs)
        return Layer.__new__(cls, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if _is_functional_call(args, kwargs):
            from triceras.models.functional import Functional, functional_arguments

            self.__class__ = native_class(_with_base(type(self)._origin, Functional), self._backend)
            graph, options = functional_arguments(args, kwargs)
            Functional.__init__(self, *graph, **options)  # pyright: ignore[reportArgumentType]  # its class is one now
            return
        self._start_training_state()
        Layer.__init__(self, *args, **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(
            f"Model {self.name!r} ({type(self).__name__}) doesn't define call(). Define it, or make the model from inputs and "
            "outputs."
        )

    # ---- what is inside ---------------------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers directly inside, in the order in which they were made or run."""
        return [layer for layer in self._layers if isinstance(layer, Layer)]

    @layers.setter
    def layers(self, value: Any) -> None:
        raise AttributeError("layers can't be set: it lists the layers that the model holds under other names.")

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by its name or its position.

        Raises:
            ValueError: there is no such layer.
        """
        if (name is None) == (index is None):
            raise ValueError(f"Pass name or index, one of them; received name={name!r}, index={index!r}.")
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(f"Model {self.name!r} has {len(self.layers)} layers, received index={index}.")
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(
            f"Model {self.name!r} has no layer {name!r}. Its layers: {[layer.name for layer in self.layers]}."
        )

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Any = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Print a table of the layers: output shapes, numbers of parameters, connections.

        Args:
            line_length: its width in characters.
            positions: where columns end, as shares or characters.
            print_fn: takes the text; by default it goes to the terminal, and as HTML into notebooks.
            expand_nested: whether models inside are opened.
            show_trainable: whether to say which layers are trained.
            layer_range: the names of the first and the last layer to show.
        """
        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

    # ---- files ------------------------------------------------------------------------------------------------------

    def save(self, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
        """Write the model to a ``.keras`` file: its configuration, weights, compile arguments and optimizer state."""
        saving.save_model(self, filepath, overwrite=overwrite, zipped=zipped, **kwargs)

    def save_weights(self, filepath: Any, overwrite: bool = True, max_shard_size: Any = None, **kwargs: Any) -> None:
        """Write the weights to a ``.weights.h5`` or ``.safetensors`` file, or to several, as ``saving.save_weights``."""
        saving.save_weights(self, filepath, overwrite=overwrite, max_shard_size=max_shard_size, **kwargs)

    def load_weights(self, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> None:
        """Read the weights from a ``.weights.h5``, ``.keras`` or ``.safetensors`` file, as ``saving.load_weights``."""
        saving.load_weights(self, filepath, skip_mismatch=skip_mismatch, **kwargs)

    def to_json(self, **kwargs: Any) -> str:
        """The configuration as JSON."""
        return json.dumps(objects.serialize_keras_object(self), **kwargs)

    def get_state_tree(self, value_format: str = "backend_tensor") -> dict[str, Any]:
        """The values of all variables in four nested dictionaries, by path.

        Args:
            value_format: ``"backend_tensor"`` or ``"numpy_array"``.
        """
        read = {"backend_tensor": lambda v: v.value, "numpy_array": lambda v: v.numpy()}
        if value_format not in read:
            raise ValueError(f"value_format is one of {', '.join(read)}, received {value_format!r}.")
        groups = self._state_tree_groups()
        return {name: _nested_by_path(variables, read[value_format]) for name, variables in groups.items()}

    def set_state_tree(self, state_tree: dict[str, Any]) -> None:
        """Set variables from ``get_state_tree``'s result."""
        groups = self._state_tree_groups()
        unknown = set(state_tree) - set(groups)
        if unknown:
            raise ValueError(
                f"Unknown groups in the state tree: {sorted(unknown)}. Expected some of: {', '.join(groups)}."
            )
        for name, values in state_tree.items():
            for variable in groups[name]:
                node = values
                for part in variable.path.split("/"):
                    node = node[part]
                variable.assign(node)

    def _state_tree_groups(self) -> dict[str, list[Any]]:
        optimizer = [] if self.optimizer is None else list(self.optimizer.variables)
        return {
            "trainable_variables": self.trainable_variables,
            "non_trainable_variables": self.non_trainable_variables,
            "optimizer_variables": optimizer,
            "metrics_variables": self.metrics_variables,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """Make one from ``get_config``'s result."""
        from triceras.models.functional import functional_from_config, takes_graph

        with objects.CustomObjectScope(custom_objects or {}):
            if {"layers", "input_layers", "output_layers"} <= set(config) and takes_graph(cls):
                return functional_from_config(cls, config)
            return cls(**config)

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build from ``get_build_config``'s result."""
        if (config and not self.built and config.get("input_shape") is not None) or (config or {}).get("shapes_dict"):
            super().build_from_config(config)

    def get_quantization_layer_structure(self, mode: str | None = None) -> Any:
        """What calibrating quantizers need to know of the order of blocks; None unless a subclass tells."""
        return None

    def quantize(self, mode: str | None = None, config: Any = None, filters: Any = None, **kwargs: Any) -> None:
        """Quantize the layers inside.

        Args:
            mode: the quantized form.
            config: how to quantize; given to the layers.
            filters: which layers: a regular expression for their names, a list of those, or ``layer -> bool``.
            kwargs: given to the layers, as ``type_check``.

        Raises:
            NotImplementedError: no quantization is registered for a layer.
        """
        patterns = [filters] if isinstance(filters, str) else filters
        for layer in self._flatten_layers(include_self=False):
            if not layer._own_variables():
                continue
            if patterns is None:
                chosen = True
            elif callable(patterns):
                chosen = patterns(layer)
            else:
                chosen = any(re.search(pattern, layer.name) for pattern in patterns)
            if chosen:
                layer.quantize(mode, config=config, **kwargs)

    def export(
        self,
        filepath: Any,
        format: str = "tf_saved_model",
        verbose: Any = None,
        input_signature: Any = None,
        **kwargs: Any,
    ) -> None:
        """Write the model's call, for inference, for another runtime; whatever backend the model is on.

        Args:
            filepath: the file or folder.
            format: ``"tf_saved_model"``, ``"litert"``, ``"tfjs"``, ``"torch"``, ``"onnx"``, ``"openvino"`` or
                ``"stablehlo"``.
            verbose: whether what was written is printed.
            input_signature: a list with a structure of shapes and dtypes for each argument; by default what the model was
                built for.
            kwargs: for the format's converter.

        Raises:
            ExportError: the format can't express what a layer does, which is named; or what goes in isn't known.
            ImportError: a package is missing that the format needs.
        """
        from triceras.export.archive import export_model

        export_model(self, filepath, format, verbose, input_signature, **kwargs)

    def jax_state_sync(self) -> None:
        """Nothing to do: variables always hold the current state."""


def _is_functional_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    return len(args) == 2 or (len(args) == 1 and "outputs" in kwargs) or ("inputs" in kwargs and "outputs" in kwargs)


_joined: dict[tuple[type, type], type] = {}


def _with_base(cls: type, base: type) -> type:
    """A subclass of a user's class that is functional besides."""
    made = _joined.get((cls, base))
    if made is None:
        names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "_user_class": cls}
        made = _joined[cls, base] = type(cls.__name__, (cls, base), names)
    return made


def _nested_by_path(variables: list[Any], read: Any) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for variable in variables:
        node = result
        *folders, name = variable.path.split("/")
        for folder in folders:
            node = node.setdefault(folder, {})
        node[name if name not in node else auto_name(name)] = read(variable)
    return result
