"""Functions of models, gathered and written for another runtime."""

from __future__ import annotations

import importlib
import inspect
import os
import pathlib
from collections.abc import Callable
from typing import Any

from triceras import tree
from triceras.backends import registry
from triceras.core.errors import ExportError
from triceras.export.endpoint import Endpoint, describe
from triceras.export.formats import FORMATS
from triceras.export.signatures import signature_of, signature_of_resource
from triceras.graph.function import Function
from triceras.graph.symbol import KerasTensor
from triceras.layers.layer import Layer


class ExportArchive:
    """Gathers functions of models and writes them for another runtime, whatever backend the models are on.

    A model of another backend than the format's is copied there as it is tracked.

    Args:
        format: ``"tf_saved_model"``, ``"litert"``, ``"tfjs"``, ``"torch"``, ``"onnx"``, ``"openvino"`` or ``"stablehlo"``.

    Raises:
        ExportError: the format isn't known.
        ImportError: a package is missing that the format needs.

    Example:
        >>> import tempfile, os
        >>> model = Sequential([Input((3,)), Dense(2)])
        >>> archive = ExportArchive(format="stablehlo")
        >>> _ = archive.track_and_add_endpoint("serve", model)
        >>> path = os.path.join(tempfile.mkdtemp(), "model.stablehlo")
        >>> archive.write_out(path, verbose=False)
        >>> os.path.exists(path)
        True
    """

    def __init__(self, format: str = "tf_saved_model") -> None:
        if format not in FORMATS:
            raise ExportError(f"Unknown export format {format!r}. Expected one of: {', '.join(FORMATS)}.")
        self.format = format
        self._format = FORMATS[format]
        self._format.check_installed(format)
        self.backend = registry.get_backend(self._format.backend)
        self.endpoints: dict[str, Endpoint] = {}
        #: Tracked things and what stands for them on the format's backend.
        self._resources: list[tuple[Any, Any]] = []
        self.collections: dict[str, list[Any]] = {}

    # ---- what is tracked --------------------------------------------------------------------------------------------

    @property
    def resources(self) -> list[Any]:
        """What is tracked, on the format's backend."""
        return [there for _, there in self._resources]

    @property
    def layers(self) -> list[Any]:
        """The models and layers among it."""
        return [there for there in self.resources if isinstance(there, Layer)]

    @property
    def variables(self) -> list[Any]:
        """The variables of the models and layers."""
        return list({id(v): v for layer in self.layers for v in layer.variables}.values())

    @property
    def trainable_variables(self) -> list[Any]:
        """Those that training changes."""
        return [v for v in self.variables if v.trainable]

    @property
    def non_trainable_variables(self) -> list[Any]:
        """Those that training doesn't change."""
        return [v for v in self.variables if not v.trainable]

    def track(self, resource: Any) -> Any:
        """Let endpoints use a model or layer, or something of the framework's own, as a lookup table.

        Returns:
            What stands for it in the archive: itself, or a copy on the format's backend.
        """
        for known, there in self._resources:
            if known is resource or there is resource:
                return there
        there = resource
        if isinstance(resource, Layer):
            if not resource.built:
                raise ExportError(
                    f"{resource.name!r} isn't built, so it has no weights to export. Call it or build it first."
                )
            there = self._format.copied(resource)
            for layer in there._flatten_layers():
                why = (
                    "runs a part of another framework than the format's" if getattr(layer, "is_bridged", False) else ""
                )
                if getattr(layer, "stateful", False) and not self._format.keeps_state:
                    why = "keeps its state from one call to the next"
                if why:
                    raise ExportError(
                        f"{resource.name!r} can't be exported to {self.format!r}: {describe(layer)} {why}."
                    )
        self._resources.append((resource, there))
        return there

    def add_variable_collection(self, name: str, variables: Any) -> None:
        """Let the exported object list some tracked variables as an attribute of a name."""
        known = {id(v) for v in self.variables}
        own = {id(v): there for mine, copy in self._resources for v, there in _pairs(mine, copy)}
        found = [own.get(id(v), v) for v in variables]
        if any(id(v) not in known for v in found):
            raise ExportError(
                f"Collection {name!r} has variables of models that aren't tracked. Call track(model) first."
            )
        self.collections[name] = found

    # ---- endpoints --------------------------------------------------------------------------------------------------

    def track_and_add_endpoint(self, name: str, resource: Any, input_signature: Any = None, **kwargs: Any) -> Any:
        """Track a model or layer and make its call, for inference, an endpoint.

        Args:
            name: the endpoint's name.
            resource: the model or layer.
            input_signature: a structure of shapes and dtypes for each argument; by default what it was built for.

        Returns:
            The function on the format's backend.
        """
        there = self.track(resource)
        signature = (
            signature_of_resource(name, resource) if input_signature is None else signature_of(name, input_signature)
        )
        return self._add(name, lambda *args: there(*args, training=False), signature)

    def add_endpoint(self, name: str, fn: Callable[..., Any], input_signature: Any = None, **kwargs: Any) -> Any:
        """Make a function an endpoint.

        Args:
            name: the endpoint's name.
            fn: a function over tensors that may call what is tracked. Where a model was copied for the format, it is called on
                symbolic tensors and the graph of it is copied too, so it holds ops and layers only.
            input_signature: a list with a structure of shapes and dtypes for each argument. A ``tf.function`` that has one, or
                was called, needs none.

        Returns:
            The function on the format's backend.

        Raises:
            ExportError: the name is taken, the signature is missing, or the function can't be copied to the format's backend.
        """
        owner = getattr(fn, "__self__", None)
        if isinstance(fn, Layer):
            return self.track_and_add_endpoint(name, fn, input_signature)
        if input_signature is None and not hasattr(fn, "get_concrete_function"):
            if not isinstance(owner, Layer):
                raise ExportError(f"Endpoint {name!r} needs an input_signature: shapes and dtypes for each argument.")
            signature = signature_of_resource(name, owner)
        else:
            signature = None if input_signature is None else signature_of(name, input_signature)
        copied = any(mine is not there for mine, there in self._resources)
        if isinstance(owner, Layer) and any(mine is owner for mine, _ in self._resources):
            fn = getattr(self.track(owner), fn.__name__)
        elif copied and not hasattr(fn, "get_concrete_function"):
            fn = self._copied(name, fn, signature)
        return self._add(name, fn, signature)

    def _copied(self, name: str, fn: Callable[..., Any], signature: Any) -> Callable[..., Any]:
        """A function over models of another backend, as a graph over the copies."""
        source = next(mine._backend for mine, there in self._resources if mine is not there)
        symbols = tree.map_structure(lambda s: KerasTensor(s.shape, s.dtype, name=s.name), signature)
        try:
            with registry.use(source):
                graph = Function(symbols, fn(*symbols), name=name)
        except Exception as error:
            raise ExportError(
                f"Endpoint {name!r} calls a model of {source.name}, so its function is recorded on symbolic tensors for "
                f"{self._format.backend}, which failed: {type(error).__name__}: {error}. Use ops and layers in it only, or "
                f"move the model first: model.to({self._format.backend!r})."
            ) from error
        moved = registry.moved(graph, source, self.backend, dict(self._resources_by_id()))
        return lambda *args: moved(list(args))

    def _resources_by_id(self) -> list[tuple[int, Any]]:
        """What a deep copy finds done already: tracked layers and all inside them."""
        found = []
        for mine, there in self._resources:
            if isinstance(mine, Layer) and mine is not there:
                found += [(id(a), b) for a, b in zip(mine._flatten_layers(), there._flatten_layers(), strict=True)]
                found += [(id(a), b) for a, b in _pairs(mine, there)]
        return found

    def _add(self, name: str, fn: Callable[..., Any], signature: Any) -> Any:
        if not isinstance(name, str) or not name.isidentifier():
            raise ExportError(f"An endpoint's name is an identifier, received {name!r}.")
        if name in self.endpoints:
            raise ExportError(f"There is an endpoint {name!r} already. Give this one another name.")
        endpoint = Endpoint(name, fn, signature, self.layers, self.backend, self.format)
        endpoint.made = self._module().function(endpoint)
        self.endpoints[name] = endpoint
        return endpoint.made

    def _module(self) -> Any:
        return importlib.import_module(self._format.module)

    # ---- writing ----------------------------------------------------------------------------------------------------

    def write_out(self, filepath: Any, options: Any = None, verbose: Any = True, **kwargs: Any) -> None:
        """Write the endpoints.

        Args:
            filepath: the file or folder. A format whose files hold one function makes it a folder of files where there are
                several endpoints.
            options: for ``tf_saved_model``, ``tf.saved_model.SaveOptions``.
            verbose: whether what was written is printed.
            kwargs: for the format's converter.

        Raises:
            ExportError: there are no endpoints, or the format can't express what one does: the layer is named.
        """
        if not self.endpoints:
            raise ExportError("There is nothing to write: add_endpoint() or track_and_add_endpoint() come first.")
        for mine, there in self._resources:
            for variable, copy in _pairs(mine, there):  # it may have trained on since it was copied
                copy.assign(variable.numpy())
        path = pathlib.Path(os.fspath(filepath))
        path.parent.mkdir(parents=True, exist_ok=True)
        kwargs = kwargs if options is None else {"options": options, **kwargs}
        write = self._module().write
        try:
            inspect.signature(write).bind(self, path, **kwargs)
        except TypeError as error:
            raise ExportError(f"Exporting to {self.format!r} doesn't take these options: {error}.") from error
        write(self, path, **kwargs)
        if verbose:
            print(f"Saved {self.format} to {path}.", *map(_line, self.endpoints.values()), sep="\n")


def _pairs(mine: Any, there: Any) -> list[tuple[Any, Any]]:
    """The variables of something tracked and those of its copy."""
    if mine is there or not isinstance(mine, Layer):
        return []
    return list(zip(mine.variables, there.variables, strict=True))


def _line(endpoint: Endpoint) -> str:
    inputs = ", ".join(f"{one.name}: {one.dtype}{list(one.shape)}" for one in endpoint.inputs)
    return f"  {endpoint.name}({inputs})"


def export_model(model: Any, filepath: Any, format: str, verbose: Any, input_signature: Any, **kwargs: Any) -> None:
    """Write a model's call, for inference, as the endpoint ``serve``."""
    archive = ExportArchive(format=format)
    archive.track_and_add_endpoint("serve", model, input_signature)
    options = {key: value for key, value in kwargs.items() if key not in ("is_static", "jax2tf_kwargs")}
    archive.write_out(filepath, verbose=bool(verbose), **options)
