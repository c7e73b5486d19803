"""What a file of a model or of weights holds, without making anything of it: configuration, names and shapes.

Nothing here needs a framework or runs what is in the file. Arrays are read when they are asked for.
"""

from __future__ import annotations

import contextlib
import pathlib
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from triceras.core.errors import FileFormatError, UnsafeFileError
from triceras.saving import safetensors_files
from triceras.saving.archive import CONFIG, METADATA, WEIGHTS, ModelArchive, parse_json
from triceras.saving.hdf5 import attribute, group_at, member, probe, reading, stored_tensor
from triceras.saving.legacy_h5 import is_h5
from triceras.saving.limits import Budget
from triceras.saving.shards import KERAS_INDEX, Shards
from triceras.saving.stored import StoredTensor

if TYPE_CHECKING:
    import h5py

#: The attributes of HDF5 files of Keras 2 and ``model.save("….h5")``, which hold JSON, and what it is here.
_LEGACY = {"model_config": "config", "training_config": "compile_config"}
_VERSION = "keras_version"
#: The groups of such a file -> what stands before the paths of what is in them.
_GROUPS = {"model_weights": "", "optimizer_weights": "optimizer/"}
#: How many groups may be inside each other.
_DEPTH = 100


class Contents:
    """What a file holds; a context, or to be closed.

    Args:
        path: a ``.keras`` file or folder, ``.weights.h5``, ``.h5``, ``.safetensors``, or an index of several.
        trusted: whether whoever reads it vouches for it.

    Raises:
        FileFormatError: it is none of these, or damaged.
        UnsafeFileError: it has links to elsewhere, or claims more than its size warrants.
    """

    def __init__(self, path: Any, trusted: bool = False) -> None:
        self.path = pathlib.Path(path)
        #: What the file is, in words.
        self.kind = ""
        #: What it says of itself: ``keras_version``, ``date_saved`` and the like.
        self.metadata: dict[str, Any] = {}
        #: The model's configuration; None where there are weights alone.
        self.config: Any = None
        #: Whether it is an HDF5 file of Keras 2 or ``model.save("….h5")``.
        self.is_legacy = False
        #: Path of an array -> the array; in the files of Keras, ``vars`` is left out.
        self.tensors: dict[str, StoredTensor] = {}
        self._closing = contextlib.ExitStack()
        self.close = weakref.finalize(self, self._closing.close)
        if not self.path.exists():
            raise FileNotFoundError(f"There is no file {self.path}.")
        self.kind, read = self._format()
        try:
            read(self, trusted)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Contents:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _format(self) -> tuple[str, Callable[[Contents, bool], None]]:
        if self.path.suffix == ".keras" and is_h5(self.path):
            return _FORMATS[".h5"]
        for ending, found in _FORMATS.items():
            if self.path.name.endswith(ending) or (ending == ".keras" and self.path.is_dir()):
                return found
        raise FileFormatError(f"{self.path}: expected a name that ends in one of {', '.join(_FORMATS)}.")

    def _read_model(self, trusted: bool) -> None:
        archive = self._closing.enter_context(ModelArchive(self.path, trusted))
        self.config = archive.json(CONFIG) if CONFIG in archive else None
        metadata = archive.json(METADATA) if METADATA in archive else {}
        self.metadata = metadata if isinstance(metadata, dict) else {}
        if WEIGHTS in archive:
            source = f"{self.path}: {WEIGHTS}"
            file = self._closing.enter_context(reading(archive.open(WEIGHTS, checked=False), source))
            self._add(file, source, archive.budget)

    def _read_weights(self, trusted: bool) -> None:
        file, budget = self._hdf5(trusted)
        self._add(file, str(self.path), budget)

    def _read_legacy(self, trusted: bool) -> None:
        self.is_legacy = True
        if not trusted:
            probe(self.path)
        file, budget = self._hdf5(trusted)
        found = {name: attribute(file, name, str(self.path), budget) for name in (*_LEGACY, _VERSION, "backend")}
        self.metadata = {name: _text(found[name]) for name in (_VERSION, "backend") if found[name] is not None}
        parsed = {
            key: parse_json(_text(found[name]), f"{self.path}@{name}")
            for name, key in _LEGACY.items()
            if found[name] is not None
        }
        self.config = parsed.pop("config", None)
        if isinstance(self.config, dict):
            self.config |= parsed
        groups = {prefix: group_at(file, name, str(self.path)) for name, prefix in _GROUPS.items()}
        for prefix, group in groups.items() if groups[""] is not None else [("", file)]:
            if group is not None:
                self._add(group, str(self.path), budget, prefix)

    def _read_shards(self, trusted: bool) -> None:
        shards = self._closing.enter_context(Shards(self.path, trusted))
        for group, files in shards.places.items():
            for file in files:
                self._add(shards.group(file, group), str(file), shards.budget, f"{group}/".removesuffix("vars/"))

    def _read_safetensors(self, trusted: bool) -> None:
        self.tensors, _ = safetensors_files.open_safetensors(self.path, trusted)
        if isinstance(self.tensors, safetensors_files.SafeTensors):
            self.metadata = {k: v for k, v in self.tensors.metadata.items() if k != safetensors_files.ORDER}

    def _hdf5(self, trusted: bool) -> tuple[h5py.File, Budget]:
        file = self._closing.enter_context(reading(self.path, str(self.path)))
        return file, Budget(str(self.path), self.path.stat().st_size, trusted)

    def _add(self, group: h5py.Group, source: str, budget: Budget, prefix: str = "") -> None:
        for path, tensor in _tensors(group, source, budget):
            self.tensors[prefix + path] = tensor


#: The ending of a file's name -> what it is, and how it is read.
_FORMATS: dict[str, tuple[str, Callable[[Contents, bool], None]]] = {
    ".keras": ("Keras model", Contents._read_model),
    ".weights.h5": ("Keras weights", Contents._read_weights),
    KERAS_INDEX: ("Keras weights in several files", Contents._read_shards),
    ".h5": ("legacy Keras model or weights", Contents._read_legacy),
    ".hdf5": ("legacy Keras model or weights", Contents._read_legacy),
    ".safetensors": ("safetensors", Contents._read_safetensors),
    safetensors_files.INDEX: ("safetensors in several files", Contents._read_safetensors),
}


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _tensors(top: h5py.Group, source: str, budget: Budget) -> Iterator[tuple[str, StoredTensor]]:
    """All arrays under a group, each with its path less ``vars``; a group that is in itself is refused."""
    import h5py

    seen = set()
    left: list[tuple[str, h5py.Group]] = [("", top)]
    while left:
        path, group = left.pop()
        address = h5py.h5o.get_info(group.id).addr  # type: ignore[attr-defined]
        if address in seen or path.count("/") > _DEPTH:
            raise UnsafeFileError(
                f"{source}: the group {group.name} is in the file twice or too deep, as in no model's."
            )
        seen.add(address)
        inner = []
        for name in sorted(map(str, group), key=lambda name: (len(name) if name.isdecimal() else 0, name)):
            found = member(group, name, source)
            if isinstance(found, h5py.Group):
                inner.append((path if name == "vars" else f"{path}{name}/", found))
            else:
                yield path + name, stored_tensor(group, name, source, budget)
        left += reversed(inner)
