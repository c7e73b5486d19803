"""Whole models and weights in ``.h5`` files, as Keras 2 wrote them and Keras 3 still does.

A layer has a group, whose attribute ``weight_names`` tells the order of its arrays: those that are trained, then the others.
"""

from __future__ import annotations

import json
import mmap
import pathlib
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from triceras.core import objects
from triceras.core.blanks import Blanks
from triceras.core.errors import FileFormatError, UnsafeFileError
from triceras.saving import legacy_configs
from triceras.saving.archive import parse_json
from triceras.saving.atomic import write
from triceras.saving.hdf5 import StoredVariables, Writer, attribute, group_at, probe, reading
from triceras.saving.limits import Budget
from triceras.saving.weights import read_variables

if TYPE_CHECKING:
    import h5py

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_WEIGHTS, _TOP, _OPTIMIZER = "model_weights", "top_level_model_weights", "optimizer_weights"
#: The longest attribute that HDF5 keeps beside a group; longer lists of names come in numbered parts.
_ATTRIBUTE_BYTES = 64512
#: What an optimizer of Keras 2 called its slots, and what they are called now; and the same where classes differ.
_SLOTS = {
    "m": "momentum",
    "v": "velocity",
    "vhat": "velocity_hat",
    "u": "norm",
    "r": "row",
    "c": "column",
    "rms": "velocity",
    "mg": "average_gradient",
    "accum_grad": "accumulated_grad",
    "accum_var": "accumulated_delta_var",
    "iter": "iteration",
    "momentum_cache": "momentum_product",
}
_SLOTS_OF = {"Adamax": {"v": "norm"}}


def is_h5(path: pathlib.Path) -> bool:
    """Whether a file is HDF5, whatever its name: up to version 2.12, Keras called such files ``.keras`` too."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_SIGNATURE)) == _SIGNATURE


class _File:
    """An ``.h5`` file that is being read.

    Args:
        path: where it is.
        file: the file, opened.
        trusted: whether whoever reads it vouches for it.
    """

    def __init__(self, path: pathlib.Path, file: h5py.File, trusted: bool) -> None:
        self.path, self.file = path, file
        self.source = str(path)
        self.budget = Budget(self.source, path.stat().st_size, trusted)
        self._longest: int | None = None

    def group(self, name: str, inside: Any = None) -> Any:
        """A group, or None."""
        return group_at(self.file if inside is None else inside, name, self.source)

    def json(self, name: str) -> Any:
        """What an attribute of the file says in JSON, or None where it lacks."""
        text = attribute(self.file, name, self.source, self.budget)
        if text is None:
            return None
        if not isinstance(text, str | bytes):
            raise FileFormatError(f"{self.source}: the attribute {name!r} is no text.")
        return parse_json(text, f"{self.source}: {name}")

    def names(self, group: Any, name: str) -> list[str]:
        """An attribute that lists names; long lists come in numbered parts.

        Raises:
            FileFormatError: it lacks, or isn't such a list.
            UnsafeFileError: its strings could be far longer than the file.
        """
        keys = (
            [name]
            if name in group.attrs
            else [f"{name}{i}" for i in range(len(group.attrs)) if f"{name}{i}" in group.attrs]
        )
        if not keys:
            raise FileFormatError(f"{self.source}: {group.name} has no {name!r}; it isn't an .h5 file of weights.")
        found: list[str] = []
        for key in keys:
            count = int(np.prod(group.attrs.get_id(key).shape or ()))
            limit = self.budget.limit
            if limit is not None and count * self._longest_string() > limit:
                raise UnsafeFileError(
                    f"{self.source}: the {count} strings of {group.name}@{key} could have {self._longest_string():,} bytes "
                    "each. If you trust who made it, pass safe_mode=False."
                )
            value = attribute(group, key, self.source, self.budget, texts=True)
            found += [n.decode() if isinstance(n, bytes) else str(n) for n in np.ravel(value)]
        return found

    def _longest_string(self) -> int:
        """A bound for the strings in the file: the size of its largest heap, where HDF5 keeps them.

        A list may name one string any number of times, so what it unfolds to can't be told by its own size.
        """
        if self._longest is None:
            self._longest = 4096
            with self.path.open("rb") as raw, mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as data:
                at = data.find(b"GCOL\1\0\0\0")
                while at >= 0:
                    self._longest = max(self._longest, int.from_bytes(data[at + 8 : at + 16], "little"))
                    at = data.find(b"GCOL\1\0\0\0", at + 8)
        return self._longest

    def arrays(self, group: Any) -> list[tuple[str, Callable[[], np.ndarray], tuple[int, ...]]]:
        """The arrays of a layer's group in order: their names, what reads them, and their shapes."""
        found = []
        for path in self.names(group, "weight_names"):
            folder, _, name = path.rpartition("/")
            inside = self.group(folder, group)
            if inside is None:
                raise FileFormatError(f"{self.source}: {group.name} names {path!r}, which isn't there.")
            store = StoredVariables(inside, self.source, self.budget)
            found.append((path, lambda s=store, n=name: s[n], store.shape(name)))
        return found


def _weights(layer: Any) -> list[Any]:
    return [*layer.trainable_weights, *layer.non_trainable_weights]


# ---- reading ---------------------------------------------------------------------------------------------------------


def load_h5_model(
    path: pathlib.Path,
    custom_objects: dict[str, Any] | None,
    compile: bool,
    safe_mode: bool,
    changed: Callable[[dict[str, Any]], dict[str, Any]],
) -> Any:
    """The model of an ``.h5`` file; the arguments are those of ``load_model``, and what changes its configuration.

    Raises:
        FileFormatError: it is damaged, or holds weights only, or what has no counterpart.
        UnsafeFileError: it holds what is refused in safe mode.
    """
    if safe_mode:
        probe(path)
    with reading(path, str(path)) as opened:
        file = _File(path, opened, trusted=not safe_mode)
        config = file.json("model_config")
        if config is None:
            raise FileFormatError(
                f"{path} holds no model, for it has no model_config; weights alone are read with model.load_weights()."
            )
        training = file.json("training_config") if compile else None
        with objects.CustomObjectScope(custom_objects or {}):
            entry = changed(legacy_configs.modern_model(config, str(path)))
            if training is not None:
                entry["compile_config"] = legacy_configs.modern_compile_config(training)
        with Blanks(file.budget.take_drawn):
            model = objects.deserialize_keras_object(entry, custom_objects, safe_mode)
            if not hasattr(model, "load_weights"):
                raise FileFormatError(f"{path} holds no model but {type(model).__name__}.")
            _read_layers(file, _weights_group(file), model)
            state = file.group(_OPTIMIZER)
            if training is not None and state is not None and getattr(model, "optimizer", None) is not None:
                _read_optimizer(file, state, model.optimizer)
        return model


def load_h5_weights(model: Any, path: pathlib.Path, skip_mismatch: bool, trusted: bool, by_name: bool = False) -> None:
    """Set a model's weights from an ``.h5`` file of any kind.

    Args:
        model: the model, built.
        path: the file.
        skip_mismatch: whether layers that don't fit are left as they are, with a warning.
        trusted: whether whoever reads it vouches for it.
        by_name: whether layers are found by their names, rather than by their order; those that lack stay as they are.

    Raises:
        FileFormatError: a layer's arrays don't fit.
    """
    with reading(path, str(path)) as opened:
        file = _File(path, opened, trusted)
        group = _weights_group(file)
        is_older = "layer_names" in group.attrs or "layer_names0" in group.attrs
        if not is_older:
            if by_name:
                raise ValueError(f"{path} finds weights by the model's structure; by_name is for older .h5 files.")
            read_variables(opened, model, str(path), file.budget, skip_mismatch)
            return
        if not trusted:
            probe(path)
        read = _read_by_name if by_name else _read_layers
        read(file, group, model, skip_mismatch)


def _weights_group(file: _File) -> Any:
    return file.group(_WEIGHTS) or file.file


def _layer_groups(file: _File, group: Any) -> Iterator[tuple[str, Any]]:
    for name in file.names(group, "layer_names"):
        found = file.group(name, group)
        if found is None:
            raise FileFormatError(f"{file.source}: {group.name} names the layer {name!r}, which isn't there.")
        yield name, found


def _read_layers(file: _File, group: Any, model: Any, skip_mismatch: bool = False) -> None:
    groups = [(name, found) for name, found in _layer_groups(file, group) if file.names(found, "weight_names")]
    layers = [layer for layer in model.layers if _weights(layer)]
    by_name = {layer.name: layer for layer in layers}
    if set(by_name) == {name for name, _ in groups}:
        layers = [by_name[name] for name, _ in groups]  # a model made from the file, in whose order it may not be
    if len(groups) != len(layers):
        raise FileFormatError(
            f"{file.source} has weights of {len(groups)} layers, model {model.name!r} has {len(layers)} layers with weights. "
            "Pass by_name=True to load those of the same names."
        )
    for layer, (_, found) in zip(layers, groups, strict=True):
        _set(file, found, layer.name, _weights(layer), skip_mismatch)
    _read_top(file, group, model, skip_mismatch)


def _read_by_name(file: _File, group: Any, model: Any, skip_mismatch: bool) -> None:
    layers: dict[str, list[Any]] = {}
    for layer in model.layers:
        layers.setdefault(layer.name, []).append(layer)
    for name, found in _layer_groups(file, group):
        for layer in layers.get(name, []):
            _set(file, found, layer.name, _weights(layer), skip_mismatch)
    _read_top(file, group, model, skip_mismatch)


def _read_top(file: _File, group: Any, model: Any, skip_mismatch: bool) -> None:
    """Set the weights that a model holds itself, outside of layers."""
    found = file.group(_TOP, group)
    if found is not None and file.names(found, "weight_names"):
        _set(file, found, model.name, model._own_variables(), skip_mismatch)


def _set(file: _File, group: Any, name: str, variables: list[Any], skip_mismatch: bool) -> None:
    arrays = file.arrays(group)
    shapes, expected = [shape for _, _, shape in arrays], [v.shape for v in variables]
    if shapes == expected:
        for variable, (_, read, _) in zip(variables, arrays, strict=True):
            variable.assign(read())
        return
    message = (
        f"{file.source}: {group.name} has arrays of the shapes {shapes}, the layer {name!r} has weights of {expected}."
    )
    if not skip_mismatch:
        raise FileFormatError(f"{message} Pass skip_mismatch=True to leave it as it is.")
    warnings.warn(message, stacklevel=2)


# ---- optimizers ------------------------------------------------------------------------------------------------------


def _read_optimizer(file: _File, group: Any, optimizer: Any) -> None:
    arrays = file.arrays(group)
    variables = optimizer.variables
    if any(name.endswith(":0") for name, _, _ in arrays):
        slots: dict[str, list[Any]] = {}
        for array in arrays:
            slots.setdefault(_slot(array[0], type(optimizer).__name__), []).append(array)
        ours = {slot: _of_slot(variables, slot, len(found)) for slot, found in slots.items()}
        pairs = [pair for slot, found in slots.items() if ours[slot] for pair in zip(ours[slot], found, strict=False)]
        fits = all(len(ours[slot]) in (0, len(found)) for slot, found in slots.items())
    else:
        pairs, fits = list(zip(variables, arrays, strict=False)), len(variables) == len(arrays)
    if not fits or any(variable.shape != shape for variable, (_, _, shape) in pairs):
        warnings.warn(
            f"{file.source}: the state of the optimizer wasn't loaded: it is that of another one.", stacklevel=4
        )
        return
    for variable, (_, read, _) in pairs:
        variable.assign(read())


def _slot(name: str, optimizer: str) -> str:
    """What a variable of an optimizer of Keras 2 is called now.

    Those of Keras 2.11 and later are called ``Adam/m/dense/kernel:0``, or without the first part; older ones
    ``Adam/dense/kernel/m:0``.
    """
    parts = name.removesuffix(":0").split("/")
    slot = next((part for part in parts[:2] if part in _FIRST and len(parts) > 2), parts[-1])
    return (_SLOTS | ({} if slot in parts[:2] else _SLOTS_OF.get(optimizer, {}))).get(slot, slot)


#: The slots whose names may come first.
_FIRST = frozenset(
    "m v vhat u r c average average_gradient accumulator linear accumulated_grad accumulated_delta_var velocity "
    "momentum".split()
)


def _of_slot(variables: list[Any], slot: str, count: int) -> list[Any]:
    found = [v for v in variables if v.name == slot or v.name.endswith(f"_{slot}")]
    # Adafactor keeps no rows and columns of vectors there.
    return found if len(found) <= count or slot == "iteration" else [v for v in found if v.ndim]


# ---- writing ---------------------------------------------------------------------------------------------------------


def save_h5_model(model: Any, path: pathlib.Path, include_optimizer: bool, keras_version: str) -> None:
    """Write a model to an ``.h5`` file, as Keras 3 does.

    Args:
        model: the model.
        path: the file.
        include_optimizer: whether to write how it was compiled and the optimizer's state.
        keras_version: what the file says it is of.

    Raises:
        ValueError: something in the model can't be written.
    """
    config = _short(objects.serialize_keras_object(model))
    compiled = config.pop("compile_config", None)
    about = {"keras_version": keras_version, "backend": model._backend.name}
    writer = Writer()
    training = {"training_config": json.dumps(_training_config(compiled))} if compiled and include_optimizer else {}
    writer.group("", **about, model_config=json.dumps(config), **training)
    writer.group(_WEIGHTS, **about, **_listed("layer_names", [layer.name for layer in model.layers]))
    for layer in model.layers:
        _write_arrays(writer, f"{_WEIGHTS}/{layer.name}", _weights(layer))
    _write_arrays(writer, f"{_WEIGHTS}/{_TOP}", model._own_variables())
    if training and model.optimizer is not None and model.optimizer.built:
        _write_arrays(writer, _OPTIMIZER, model.optimizer.variables)
    write(path, writer.chunks())


def _short(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key in ("class_name", "config", "compile_config")}


def _training_config(compiled: dict[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in compiled.items() if key != "optimizer"}
    return found | {"optimizer_config": compiled["optimizer"]}


def _listed(name: str, values: list[str]) -> dict[str, Any]:
    """An attribute that lists names, in as many parts as are needed."""
    array = np.array([value.encode() for value in values]) if values else np.zeros(0)
    if array.nbytes <= _ATTRIBUTE_BYTES:
        return {name: array}
    count = _ATTRIBUTE_BYTES // array.itemsize
    return {f"{name}{i}": array[start : start + count] for i, start in enumerate(range(0, len(array), count))}


def _write_arrays(writer: Writer, path: str, variables: list[Any]) -> None:
    names: list[str] = []
    for variable in variables:
        name = variable.path
        while name in names:
            name += "_"
        names.append(name)
    groups: dict[str, Any] = {"": writer.group(path, **_listed("weight_names", names))}
    for name, variable in zip(names, variables, strict=True):
        folder, _, last = name.rpartition("/")
        if folder not in groups:
            groups[folder] = writer.group(f"{path}/{folder}")
        groups[folder][last] = variable
