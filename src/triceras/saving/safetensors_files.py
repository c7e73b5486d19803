"""Weights as safetensors (https://github.com/huggingface/safetensors): a header of JSON, then the arrays as they are.

Read and written here, array by array: its own library has no float8 for NumPy, and writes only what is all in memory at once.
"""

from __future__ import annotations

import json
import math
import pathlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from triceras.core import dtypes
from triceras.core.errors import FileFormatError
from triceras.saving.archive import parse_json
from triceras.saving.atomic import write
from triceras.saving.hdf5 import array_of
from triceras.saving.orbax_files import matching_names, unique_paths
from triceras.saving.shards import in_shards, limit_of, new_names, read_index, size_of, write_index
from triceras.saving.stored import StoredTensor
from triceras.saving.walk import walk

INDEX = ".safetensors.index.json"
_LENGTH_BYTES, _HEADER_LIMIT = 8, 100_000_000
_DTYPES = {
    "BOOL": "bool",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "C64": "complex64",
    **{f"U{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
    **{f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"F{bits}": f"float{bits}" for bits in (16, 32, 64)},
}
_CODES = {name: code for code, name in _DTYPES.items()}
#: The entry of a file's metadata that tells the variables' order.
ORDER = "variables"
#: What ``names`` may be: our path -> the name in the file, or that and the order of axes it has there.
Names = Mapping[str, Any] | Callable[[str], Any] | None


class _Entry(NamedTuple):
    """A variable and what it is in a file."""

    variable: Any
    name: str
    axes: tuple[int, ...] | None

    @property
    def shape(self) -> tuple[int, ...]:
        shape = tuple(self.variable.shape)
        return shape if self.axes is None else tuple(shape[axis] for axis in self.axes)


def file_paths(model: Any) -> list[str]:
    """The paths of a model's weights less its own name, each once."""
    paths = unique_paths(model.weights)
    short = [path.removeprefix(f"{model.name}/") for path in paths]
    return short if len(set(short)) == len(short) else paths


def _entries(model: Any, names: Names) -> list[_Entry]:
    """The weights of a model under their names in a file.

    Raises:
        ValueError: two have one name, or an order of axes isn't one.
    """
    paths = file_paths(model)
    found = names if callable(names) else (names or {}).get
    unknown = set() if callable(names) else set(names or ()) - set(paths)
    if unknown:
        raise ValueError(f"names has {sorted(unknown)}, which model {model.name!r} hasn't. It has: {', '.join(paths)}.")
    entries: list[_Entry] = []
    for variable, path in zip(model.weights, paths, strict=True):
        value = found(path) or path
        name, axes = (value, None) if isinstance(value, str) else value
        if axes is not None and sorted(axes) != list(range(len(variable.shape))):
            raise ValueError(f"The axes {axes!r} for {path!r} aren't an order of those of its shape {variable.shape}.")
        entries.append(_Entry(variable, name, axes))
    twice = {entry.name for entry in entries if sum(other.name == entry.name for other in entries) > 1}
    if twice:
        raise ValueError(f"Several variables of model {model.name!r} have one name in the file: {sorted(twice)}.")
    return entries


# ---- writing -----------------------------------------------------------------------------------------------------------


def save_safetensors(model: Any, path: pathlib.Path, names: Names = None) -> None:
    """Write a model's weights to a ``.safetensors`` file."""
    write(path, _chunks(_entries(model, names)))


def save_safetensors_shards(model: Any, path: pathlib.Path, max_shard_size: Any = None, names: Names = None) -> None:
    """Write a model's weights to ``<name>-00001-of-00002.safetensors`` and so on, then the index."""
    entries = _entries(model, names)
    sizes = [size_of(entry.variable) for entry in entries]
    shards = in_shards(zip(entries, sizes), limit_of(max_shard_size), lambda entry: entry.name)
    numbers = [f"{number:05}-of-{len(shards):05}.safetensors" for number in range(1, len(shards) + 1)]
    files = new_names(path.parent, path.name.removesuffix(INDEX), lambda stem: [f"{stem}-{n}" for n in numbers])
    weight_map = {}
    for file, shard in zip(files, shards, strict=True):
        write(path.with_name(file), _chunks(shard))
        weight_map |= {entry.name: file for entry in shard}
    write_index(path, sum(sizes), weight_map)


def _chunks(entries: list[_Entry]) -> Iterator[Any]:
    """The bytes of a file: its header, then one array after the other."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt", ORDER: json.dumps([entry.name for entry in entries])}}
    end = 0
    # Larger elements first, so that each array begins at a multiple of its element's size.
    entries = sorted(entries, key=lambda e: (-dtypes.numpy_dtype(e.variable.stored_dtype).itemsize, e.name))
    for entry in entries:
        dtype = entry.variable.stored_dtype
        if dtype not in _CODES:
            raise ValueError(f"safetensors has no {dtype}, the dtype of {entry.name!r}. Use '.weights.h5'.")
        begin, end = end, end + size_of(entry.variable)
        header[entry.name] = {"dtype": _CODES[dtype], "shape": entry.shape, "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _LENGTH_BYTES)
    yield len(text).to_bytes(_LENGTH_BYTES, "little") + text
    for entry in entries:
        array = array_of(entry.variable)
        array = np.ascontiguousarray(array if entry.axes is None else array.transpose(entry.axes))
        yield array.reshape(-1).view(np.uint8).data


# ---- reading -----------------------------------------------------------------------------------------------------------


class SafeTensors(dict[str, StoredTensor]):
    """The arrays of a file by name; they fill it without gaps, and are read when they are asked for.

    Args:
        path: the file.

    Raises:
        FileFormatError: its header isn't one, or doesn't fit its size.
    """

    def __init__(self, path: pathlib.Path) -> None:
        super().__init__()
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
            self._start = _LENGTH_BYTES + length
            if size < _LENGTH_BYTES or length > _HEADER_LIMIT or self._start > size:
                raise FileFormatError(f"{path} is no safetensors file, or is cut off: a header of {length:,} bytes.")
            header = parse_json(file.read(length), f"{path}: the header")
        self.path = path
        if not isinstance(header, dict) or not isinstance(header.get("__metadata__", {}), dict):
            raise FileFormatError(f"{path}: the header isn't a dictionary.")
        #: What the file says of itself.
        self.metadata: dict[str, Any] = header.pop("__metadata__", {})
        end = 0
        for begin, stop, name in sorted(self._checked(name, entry) for name, entry in header.items()):
            if begin != end:
                raise FileFormatError(f"{path}: {name!r} begins at {begin:,}, where the one before ends at {end:,}.")
            end = stop
        if self._start + end != size:
            raise FileFormatError(
                f"{path} has {size:,} bytes, its header tells of {self._start + end:,}; it is damaged."
            )

    @property
    def order(self) -> list[str] | None:
        """Its names in the order in which the model has them, if it tells."""
        found = parse_json(str(self.metadata.get(ORDER, "null")), f"{self.path}: the order of variables")
        return found if isinstance(found, list) and set(map(str, found)) == set(self) else None

    def _checked(self, name: str, entry: Any) -> tuple[int, int, str]:
        try:
            dtype, shape, (begin, stop) = _DTYPES[entry["dtype"]], entry["shape"], entry["data_offsets"]
        except (TypeError, KeyError, ValueError) as error:
            raise FileFormatError(f"{self.path}: {name!r} is {str(entry)[:200]}, which tells no array.") from error
        numbers = [*shape, begin, stop] if isinstance(shape, list) else [None]
        if not all(type(number) is int and number >= 0 for number in numbers) or len(shape) > 32:
            raise FileFormatError(f"{self.path}: {name!r} has the shape {shape} from {begin} to {stop}: no sizes.")
        self[name] = StoredTensor(tuple(shape), dtype, lambda: self._read(name, dtype, shape, begin))
        if self[name].nbytes != stop - begin:
            raise FileFormatError(f"{self.path}: {name!r} takes {self[name].nbytes:,} bytes, has {stop - begin:,}.")
        return begin, stop, name

    def _read(self, name: str, dtype: str, shape: list[int], begin: int) -> np.ndarray:
        raw = np.empty(math.prod(shape) * dtypes.numpy_dtype(dtype).itemsize, np.uint8)
        with self.path.open("rb") as file:
            file.seek(self._start + begin)
            if file.readinto(raw.data) != raw.nbytes:
                raise FileFormatError(f"{self.path} was cut off while it was read, in {name!r}.")
        return (raw != 0 if dtype == "bool" else raw.view(dtypes.numpy_dtype(dtype))).reshape(shape)


def open_safetensors(path: pathlib.Path, trusted: bool) -> tuple[dict[str, StoredTensor], list[str] | None]:
    """The arrays of a file or of those of an index, and their order in the model where the files tell it."""
    if not path.name.endswith(INDEX):
        return (found := SafeTensors(path)), found.order
    index = read_index(path, trusted)
    files = {file: SafeTensors(file) for file in dict.fromkeys(file for places in index.values() for file in places)}
    missing = [name for name, (file, *_) in index.items() if name not in files[file]]
    if missing:
        raise FileFormatError(f"{path} names {missing[:5]}, which aren't in the files where it says they are.")
    orders = [file.order for file in files.values()]
    order = None if None in orders else [name for names in orders for name in names or ()]
    return {name: files[file][name] for name, (file, *_) in index.items()}, order


def load_safetensors(model: Any, path: pathlib.Path, skip_mismatch: bool, trusted: bool, names: Names = None) -> None:
    """Set a model's weights from a file or an index; their shapes are compared before anything is read.

    Raises:
        FileFormatError: a weight isn't there or has another shape; with ``skip_mismatch`` a warning.
    """
    stored, order = open_safetensors(path, trusted)
    entries = _entries(model, names)
    found: list[str | None] = [entry.name if entry.name in stored else None for entry in entries]
    if names is None and None in found:
        found = matching_names(model.name, model.weights, stored, order)
    fitting = []
    for entry, name in zip(entries, found, strict=True):
        problem = _problem(entry, name, stored, path)
        if problem is None:
            fitting.append((entry, stored[str(name)]))
        elif not skip_mismatch:
            raise FileFormatError(problem)
        else:
            warnings.warn(f"The variable {entry.variable.path!r} wasn't loaded: {problem}", stacklevel=4)
    for entry, tensor in fitting:
        array = tensor.numpy()
        entry.variable.assign(array if entry.axes is None else array.transpose(np.argsort(entry.axes)))


def _problem(entry: _Entry, name: str | None, stored: Mapping[str, StoredTensor], path: pathlib.Path) -> str | None:
    """Why a variable can't be set, or None."""
    if name is None:
        return (
            f"{path} has no {entry.name!r} for the variable {entry.variable.path!r}: it has {', '.join(sorted(stored)[:50])}. "
            "Pass names={path: name in the file}."
        )
    if stored[name].shape != entry.shape:
        return (
            f"The variable {entry.variable.path!r} takes the shape {entry.shape} from the file, {path} has "
            f"{stored[name].shape} for it at {name!r}."
        )
    return None


# ---- names of torch ----------------------------------------------------------------------------------------------------

_NORMALIZED = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
_KERNEL = {"kernel": "weight", "bias": "bias"}
#: Class -> what torch calls its variables.
_TORCH = {
    **dict.fromkeys(("Dense", "BaseConv", "BaseConvTranspose"), _KERNEL),
    "Embedding": {"embeddings": "weight"},
    **dict.fromkeys(("BatchNormalization", "LayerNormalization", "GroupNormalization"), _NORMALIZED),
    "RMSNormalization": {"scale": "weight"},
}


def torch_names(model: Any, modules: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The names and layouts of weights in a torch module's ``state_dict``: ``names`` for ``save_weights`` and ``load_weights``.

    Knows dense layers, convolutions and their transposes, embeddings, batch, layer, group and RMS normalization; other weights
    keep their paths. Kernels have their inputs behind their outputs and before the window's axes there. Behind a ``Flatten`` of
    images torch has their numbers in another order, channels first, which no order of axes of a dense kernel makes up for.

    Args:
        model: the model.
        modules: name of a layer -> name of the module, such as ``"features.0"``, where they differ.

    Returns:
        Path of a variable -> its name, or that and its axes in the order in which torch has them.

    Example:
        >>> from triceras import Input, Sequential, layers
        >>> model = Sequential([Input((4,)), layers.Dense(2, name="dense")])
        >>> torch_names(model, {"dense": "fc"})
        {'dense/kernel': ('fc.weight', (1, 0)), 'dense/bias': 'fc.bias'}
    """
    paths = {id(variable): path for variable, path in zip(model.weights, file_paths(model), strict=True)}
    result: dict[str, Any] = {}
    for _, part in walk(model):
        table = next((_TORCH[base.__name__] for base in type(part).__mro__ if base.__name__ in _TORCH), {})
        for variable in getattr(part, "weights", ()):
            if id(variable) not in paths or variable.name not in table:
                continue
            path, rank = paths[id(variable)], len(variable.shape)
            module = (modules or {}).get(part.name, path.rpartition("/")[0].replace("/", "."))
            name = f"{module}.{table[variable.name]}"
            is_kernel = variable.name == "kernel"
            result[path] = (name, (rank - 1, rank - 2, *range(rank - 2))) if is_kernel else name
    return result
