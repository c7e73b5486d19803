"""Looking into a file of weights and changing it, without the model, its code or a framework."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from triceras.core.errors import FileFormatError
from triceras.saving.atomic import write
from triceras.saving.contents import Contents
from triceras.saving.hdf5 import Writer
from triceras.saving.shards import KERAS_INDEX
from triceras.saving.stored import StoredTensor
from triceras.saving.walk import walk


class KerasFileEditor:
    """The weights in a ``.keras`` or ``.weights.h5`` file, or in the files of a ``.weights.json``: shown, compared and changed.

    Objects are layers, optimizers and whatever else has weights. They are named by path, such as ``layers/dense``, or by the
    last part of it where that is unique. The file itself stays as it is; ``save`` writes another one.

    Args:
        filepath: the file.

    Raises:
        ValueError: its name ends otherwise, or it is damaged.

    Example:
        >>> import tempfile
        >>> from triceras import Input, Sequential, layers
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Sequential([Input((3,)), layers.Dense(2)]).save(f"{folder}/model.keras")
        ...     editor = KerasFileEditor(f"{folder}/model.keras")
        ...     editor.rename_object("dense", "head")
        ...     editor.save(f"{folder}/renamed.weights.h5")
        ...     sorted(KerasFileEditor(f"{folder}/renamed.weights.h5").weights_dict["layers"])
        Keras model in ...
        saved by Keras 3.15.1, ...
        Keras weights in ...
        ['head']
    """

    def __init__(self, filepath: Any) -> None:
        self.filepath = filepath
        if not str(filepath).endswith((".keras", ".weights.h5", KERAS_INDEX)):
            raise ValueError(
                f"Expected a file that ends in '.keras', '.weights.h5' or '{KERAS_INDEX}', received {filepath!r}."
            )
        from rich.console import Console

        self._contents = Contents(filepath)
        self.metadata: dict[str, Any] | None = self._contents.metadata or None
        self.config = self._contents.config
        self.console = Console(highlight=False, soft_wrap=True)
        #: Nested dictionaries of objects by name; the weights in them, by name, are read when they are asked for.
        self.weights_dict: dict[str, Any] = {}
        tensors, self._contents.tensors = self._contents.tensors, {}
        for path, tensor in tensors.items():
            tensor.source = self._contents
            *above, name = path.split("/")
            node: Any = self.weights_dict
            for part in above:
                node = node.setdefault(part, {})
                if not isinstance(node, dict):
                    raise FileFormatError(f"{filepath}: {path!r} lies in what is a weight itself.")
            node[name] = tensor
        version = (self.metadata or {}).get("keras_version")
        self.console.print(f"{self._contents.kind} in {filepath}", markup=False)
        if version:
            self.console.print(f"saved by Keras {version}, {self._contents.metadata.get('date_saved')}", markup=False)

    # ---- looking ----------------------------------------------------------------------------------------------------

    def summary(self) -> None:
        """Print the objects and the shapes and dtypes of their weights, as a tree."""
        from rich.tree import Tree

        tree = Tree("weights")
        _grow(tree, self.weights_dict)
        self.console.print(tree)

    def compare(self, reference_model: Any) -> dict[str, Any]:
        """Compare names and shapes with those that a model has.

        Args:
            reference_model: the model, built.

        Returns:
            ``status``, ``"success"`` or ``"error"``; ``error_count``, the number of weights that aren't in both or have
            another shape there; ``match_count``, the number of others.
        """
        wanted: dict[str, tuple[int, ...]] = {}
        for path, part in walk(reference_model):
            store: dict[str, Any] = {}
            part.save_own_variables(store)
            wanted |= {f"{path}/{name}".lstrip("/"): tuple(np.shape(value)) for name, value in store.items()}
        found = {path: tuple(np.shape(value)) for path, value in _flat(self.weights_dict)}
        for path in sorted({**found, **wanted}):
            if found.get(path) != wanted.get(path):
                shapes = (f"{shapes[path]}" if path in shapes else "nothing" for shapes in (wanted, found))
                self.console.print("{}: the model has {}, the file {}".format(path, *shapes), markup=False)
        matches = sum(found.get(path) == shape for path, shape in wanted.items())
        errors = len({**found, **wanted}) - matches
        self.console.print(f"{matches} weights fit the model, {errors} don't.")
        return {"status": "error" if errors else "success", "error_count": errors, "match_count": matches}

    # ---- changing ---------------------------------------------------------------------------------------------------

    def rename_object(self, object_name: str, new_name: str) -> None:
        """Give an object another name.

        Args:
            object_name: its path, or its name where that is unique.
            new_name: the last part of its new path.

        Raises:
            ValueError: there is no such object, or one of the new name.
        """
        if "/" in new_name:
            raise ValueError(f"new_name is a name and not a path, received {new_name!r}.")
        parent, name = self._find(object_name)
        if new_name in parent:
            raise ValueError(
                f"There is an object {new_name!r} beside {object_name!r}. Delete it or choose another name."
            )
        entries = [(new_name if key == name else key, value) for key, value in parent.items()]
        parent.clear()
        parent.update(entries)

    def delete_object(self, object_name: str) -> None:
        """Delete an object and all in it."""
        parent, name = self._find(object_name)
        del parent[name]

    def add_object(self, object_path: str, weights: Mapping[str, Any]) -> None:
        """Add an object.

        Args:
            object_path: where it will be; the objects above it are there.
            weights: name of a weight, usually a number from ``"0"``, -> array; or a name -> such a dictionary, an object in it.
        """
        above, _, name = object_path.rpartition("/")
        if above:
            parent, key = self._find(above, is_path=True)
            parent = parent[key]
        else:
            parent = self.weights_dict
        parent[name] = _as_weights(weights)

    def delete_weight(self, object_name: str, weight_name: str) -> None:
        """Delete a weight of an object."""
        parent, name = self._find(object_name)
        if isinstance(parent[name].get(weight_name), dict | None):
            raise ValueError(f"{object_name!r} has no weight {weight_name!r}; it has {sorted(parent[name])}.")
        del parent[name][weight_name]

    def add_weights(self, object_name: str, weights: Mapping[str, Any]) -> None:
        """Add weights to an object, in place of those of the same names.

        Args:
            object_name: its path, or its name where that is unique.
            weights: name -> array.
        """
        parent, name = self._find(object_name)
        parent[name].update(_as_weights(weights))

    def save(self, filepath: Any) -> None:
        """Write the weights as they are now to a ``.weights.h5`` file."""
        path = pathlib.Path(filepath)
        if not path.name.endswith(".weights.h5"):
            raise ValueError(f"Expected a file that ends in '.weights.h5', received {filepath!r}.")
        writer = Writer()
        groups: dict[str, Any] = {}
        for place, value in _flat(self.weights_dict):
            above, _, name = place.rpartition("/")
            if above not in groups:
                groups[above] = writer.group(f"{above}/vars" if above else "vars")
            groups[above][name] = value
        write(path, writer.chunks())

    def resave_weights(self, filepath: Any) -> None:
        """The same as ``save``."""
        self.save(filepath)

    def _find(self, object_name: str, is_path: bool = False) -> tuple[dict[str, Any], str]:
        """The dictionary that an object is in, and its name there."""
        found = [
            (parent, name, path)
            for path, parent, name in _objects(self.weights_dict)
            if path == object_name or (not is_path and name == object_name)
        ]
        found = [row for row in found if row[2] == object_name] or found
        if len(found) == 1:
            return found[0][:2]
        if found:
            paths = ", ".join(path for *_, path in found)
            raise ValueError(f"{object_name!r} is the name of several objects: pass a path, one of {paths}.")
        raise ValueError(f"There is no object {object_name!r}; editor.summary() shows those that there are.")


def _as_weights(weights: Any) -> dict[str, Any]:
    if not isinstance(weights, Mapping) or not all(isinstance(name, str) and "/" not in name for name in weights):
        raise ValueError(
            f"weights is a dictionary from names, strings like '0', to arrays, received {type(weights).__name__}: "
            f"{list(weights)[:5]}."
        )
    return {
        name: _as_weights(value)
        if isinstance(value, Mapping)
        else value
        if hasattr(value, "shape")
        else np.asarray(value)
        for name, value in weights.items()
    }


def _objects(node: dict[str, Any], above: str = "") -> Iterator[tuple[str, dict[str, Any], str]]:
    """Every object: its path, the dictionary it is in, and its name there."""
    for name, value in node.items():
        if isinstance(value, dict):
            yield above + name, node, name
            yield from _objects(value, f"{above}{name}/")


def _flat(node: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Every weight with its path."""
    for name, value in node.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}/")
        else:
            yield above + name, value


def _grow(tree: Any, node: dict[str, Any]) -> None:
    from rich.markup import escape

    for name, value in node.items():
        if isinstance(value, dict):
            _grow(tree.add(escape(name)), value)
        else:
            dtype = value.dtype if isinstance(value, StoredTensor) else np.asarray(value).dtype
            tree.add(f"{escape(name)}: shape={tuple(np.shape(value))}, dtype={dtype}")
