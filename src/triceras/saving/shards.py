"""Weights in several files of limited size, and the index that tells which variables are in which."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import pathlib
from collections import ChainMap
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from triceras.core import dtypes
from triceras.core.errors import FileFormatError, UnsafeFileError
from triceras.saving.archive import leads_out, parse_json
from triceras.saving.atomic import replacing, write
from triceras.saving.hdf5 import StoredVariables, Writer, group_at, reading
from triceras.saving.limits import Budget
from triceras.saving.walk import walk
from triceras.saving.weights import read_stores

if TYPE_CHECKING:
    import h5py

GIGABYTE = 2**30
#: What indexes are called.
KERAS_INDEX = ".weights.json"
_Item = TypeVar("_Item")


# ---- indexes, whatever the shards are ----------------------------------------------------------------------------------


def limit_of(max_shard_size: Any) -> int:
    """The size of a shard in bytes, given in gigabytes of 2**30.

    Raises:
        ValueError: it isn't a positive number.
    """
    if isinstance(max_shard_size, bool) or not isinstance(max_shard_size, int | float) or not max_shard_size > 0:
        raise ValueError(f"Shards need max_shard_size, a positive number of gigabytes, received {max_shard_size!r}.")
    return int(max_shard_size * GIGABYTE)


def in_shards(items: Iterable[tuple[_Item, int]], limit: int, name: Callable[[_Item], str]) -> list[list[_Item]]:
    """Items with their sizes in bytes, in order, in as many lists as needed so that none is over a limit.

    Raises:
        ValueError: one alone is over it.

    Example:
        >>> in_shards([("a", 3), ("b", 4), ("c", 4), ("d", 0)], limit=7, name=str)
        [['a', 'b'], ['c', 'd']]
    """
    shards: list[list[_Item]] = [[]]
    left = limit
    for item, size in items:
        if size > limit:
            raise ValueError(
                f"The variable {name(item)!r} takes {size:,} bytes, more than a shard of {limit:,}. Pass a larger "
                f"max_shard_size, at least {size / GIGABYTE:.3g}."
            )
        if size > left:
            shards.append([])
            left = limit
        shards[-1].append(item)
        left -= size
    return shards


def size_of(value: Any) -> int:
    """The size of a variable or an array in bytes, as stored."""
    if not hasattr(value, "stored_dtype"):
        return np.asarray(value).nbytes
    return math.prod(value.shape) * dtypes.numpy_dtype(value.stored_dtype).itemsize


def new_names(folder: pathlib.Path, stem: str, name: Callable[[str], list[str]]) -> list[str]:
    """Names of shards that no file has yet, so that those of the index that is there stay until it is replaced.

    Args:
        folder: where they will be.
        stem: what they begin with; a number is added where such files are there.
        name: stem -> the names of all shards.
    """
    stems = (stem if number == 0 else f"{stem}-{number}" for number in itertools.count())
    return next(names for names in map(name, stems) if not any((folder / file).exists() for file in names))


def write_index(path: pathlib.Path, total: float, weight_map: dict[str, Any]) -> None:
    """Write an index; the shards of the one that was there are removed once it is."""
    old = _shards_of(path) if path.exists() else set()
    with replacing(path) as temporary:
        temporary.write_text(json.dumps({"metadata": {"total_size": total}, "weight_map": weight_map}, indent=4))
    for file in old - _shards_of(path):
        file.unlink(missing_ok=True)


def _shards_of(path: pathlib.Path) -> set[pathlib.Path]:
    try:
        return {file for files in read_index(path, trusted=False).values() for file in files}
    except FileFormatError:  # whatever it names isn't ours to remove
        return set()


def read_index(path: pathlib.Path, trusted: bool) -> dict[str, list[pathlib.Path]]:
    """The files that an index names, for each of its variables or groups; all of them beside it, and there.

    Raises:
        FileFormatError: it is no index, or a file isn't there.
        UnsafeFileError: a name leads to another folder.
    """
    found = parse_json(path.read_bytes(), str(path))
    weight_map = found.get("weight_map") if isinstance(found, dict) else None
    if not isinstance(weight_map, dict):
        raise FileFormatError(f"{path} is no index of weights: it has no 'weight_map'.")
    known: dict[str, pathlib.Path] = {}
    result = {}
    for name, files in weight_map.items():
        files = files if isinstance(files, list) else [files]
        result[name] = [
            known[file] if file in known else _shard(path, file, known, trusted) for file in map(str, files)
        ]
    return result


def _shard(index: pathlib.Path, name: str, known: dict[str, pathlib.Path], trusted: bool) -> pathlib.Path:
    shard = index.parent / name
    if leads_out(name) or "\0" in name or (not trusted and shard.resolve() != index.parent.resolve() / name):
        raise UnsafeFileError(
            f"{index} names the file {name!r}, which lies elsewhere or is a link. If you trust who made it and it is a link, "
            "pass safe_mode=False."
        )
    if not shard.is_file():
        raise FileFormatError(f"{index} names the file {name!r}, which isn't there. Put it into {index.parent}.")
    known[name] = shard
    return shard


# ---- Keras's -----------------------------------------------------------------------------------------------------------


def save_shards(model: Any, path: pathlib.Path, max_shard_size: Any) -> None:
    """Write a model's variables to ``<name>_00000.weights.h5`` and so on, then the index ``<name>.weights.json``.

    Args:
        model: the model.
        path: ``<name>.weights.json`` or ``<name>.weights.h5``.
        max_shard_size: the size of arrays in one file, in gigabytes of 2**30.

    Raises:
        ValueError: a variable alone is larger.
    """
    stem = path.name.removesuffix(KERAS_INDEX).removesuffix(".weights.h5")
    names: dict[str, str] = {}
    items: list[tuple[tuple[str, str, Any], int]] = []
    for place, part in walk(model):
        group = f"{place}/vars" if place else "vars"
        store: dict[str, Any] = {}
        part.save_own_variables(store)
        names[group] = getattr(part, "name", "")
        items.append(((group, "", None), 0))
        items += [((group, key, value), size_of(value)) for key, value in store.items()]
    weight_map: dict[str, list[str]] = {}
    shards = in_shards(items, limit_of(max_shard_size), lambda item: f"{item[0]}/{item[1]}")
    files = new_names(path.parent, stem, lambda stem: [f"{stem}_{i:05}.weights.h5" for i in range(len(shards))])
    for file, shard in zip(files, shards, strict=True):
        writer = Writer()
        groups: dict[str, Any] = {}
        for group, key, value in shard:
            if group not in groups:
                groups[group] = writer.group(group, **({} if key else {"name": names[group]}))
            if key:
                groups[group][key] = value
                if file not in weight_map.setdefault(f"/{group}", []):
                    weight_map[f"/{group}"].append(file)
        write(path.parent / file, writer.chunks())
    write_index(path.with_name(stem + KERAS_INDEX), float(sum(size for _, size in items)), weight_map)


class _Joined(ChainMap[str, Any]):
    """The variables of one group that stand in several files."""

    def shape(self, key: str) -> tuple[int, ...]:
        """The shape of an array, without reading it."""
        return next(store.shape(key) for store in self.maps if key in store)  # type: ignore[attr-defined]


class Shards:
    """The files of an index of Keras's, opened one by one when they are needed; a context.

    Args:
        path: the index.
        trusted: whether whoever reads it vouches for it.
    """

    def __init__(self, path: pathlib.Path, trusted: bool) -> None:
        self._closing = contextlib.ExitStack()
        self.places = {name.strip("/"): files for name, files in read_index(path, trusted).items()}
        files = {file for files in self.places.values() for file in files}
        self.budget = Budget(str(path), sum(file.stat().st_size for file in files), trusted)
        self._opened: dict[pathlib.Path, h5py.File] = {}

    def __enter__(self) -> Shards:
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.close()

    def store(self, group: str) -> Any:
        """The variables of a group, or None."""
        files = self.places.get(group, ())
        stores: list[Any] = [StoredVariables(self.group(file, group), str(file), self.budget) for file in files]
        return _Joined(*stores) if stores else None

    def group(self, file: pathlib.Path, path: str) -> h5py.Group:
        """The group of a path in one of the files, which the index says is there."""
        if file not in self._opened:
            self._opened[file] = self._closing.enter_context(reading(file, str(file)))
        found = group_at(self._opened[file], path, str(file))
        if found is None:
            raise FileFormatError(f"The shard {file} has no group {path!r}, which its index says it has.")
        return found


def load_shards(model: Any, path: pathlib.Path, skip_mismatch: bool, trusted: bool) -> None:
    """Set a model's variables from the files of an index."""
    with Shards(path, trusted) as shards:
        read_stores(shards.store, model, skip_mismatch)
