"""The HDF5 file of a model's variables: ``<path of the part>/vars/<number>``."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

import numpy as np

from triceras.core import dtypes
from triceras.saving.walk import walk

if TYPE_CHECKING:
    import h5py


def open_hdf5(file: Any, mode: str) -> h5py.File:
    """An HDF5 file; its library is loaded when the first one is opened."""
    import h5py

    return h5py.File(file, mode)


class VariableStore(MutableMapping[str, np.ndarray]):
    """A group's datasets as a mapping of arrays; dtypes that HDF5 lacks are stored as bytes with their name beside."""

    def __init__(self, group: h5py.Group) -> None:
        self._group = group

    def __setitem__(self, key: str, value: Any) -> None:
        array = np.asarray(value)
        name = dtypes.standardize_dtype(array.dtype)
        if array.dtype.kind == "V" or name in ("bfloat16", *dtypes.FLOAT8):
            dataset = self._group.create_dataset(key, data=array.view(f"V{array.dtype.itemsize}"))
            dataset.attrs["dtype"] = name
        else:
            self._group.create_dataset(key, data=array)

    def __getitem__(self, key: str) -> np.ndarray:
        dataset = checked_dataset(self._group, key)
        array = dataset[()]
        name = dataset.attrs.get("dtype")
        return np.asarray(array).view(dtypes.numpy_dtype(name)) if isinstance(name, str) else np.asarray(array)

    def __delitem__(self, key: str) -> None:
        del self._group[key]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(map(str, self._group), key=lambda name: (len(name), name)))

    def __len__(self) -> int:
        return len(self._group)


def checked_dataset(group: h5py.Group, key: str) -> h5py.Dataset:
    """A dataset whose bytes are in this file.

    Raises:
        ValueError: it is a link to somewhere else, or no dataset.
        KeyError: there is none.
    """
    import h5py

    link = group.get(key, getlink=True)
    if link is None:
        raise KeyError(f"The file has no dataset {group.name}/{key}.")
    if not isinstance(link, h5py.HardLink):
        raise ValueError(
            f"The file's {group.name}/{key} is a link ({type(link).__name__}), which model files can't hold."
        )
    dataset = group[key]
    if not isinstance(dataset, h5py.Dataset) or dataset.external is not None or dataset.is_virtual:
        raise ValueError(f"The file's {group.name}/{key} isn't a plain dataset: its bytes lie elsewhere.")
    return dataset


def _group_at(file: h5py.Group, path: str) -> h5py.Group | None:
    """A group reached by hard links only, or None."""
    import h5py

    group = file
    for part in filter(None, path.split("/")):
        link = group.get(part, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise ValueError(
                f"The file's {group.name}/{part} is a link ({type(link).__name__}), which model files can't hold."
            )
        group = group[part]
        if not isinstance(group, h5py.Group):
            return None
    return group


def write_variables(file: h5py.File, model: Any) -> None:
    """Write the variables of every part of a model."""
    for path, part in walk(model):
        group = file.create_group(f"{path}/vars" if path else "vars")
        group.attrs["name"] = getattr(part, "name", "")
        part.save_own_variables(VariableStore(group))


def read_variables(file: h5py.File, model: Any, skip_mismatch: bool = False) -> None:
    """Set the variables of every part of a model.

    Raises:
        ValueError: the file lacks a part's variables, or their shapes differ; with ``skip_mismatch`` a warning.
    """
    for path, part in walk(model):
        group = _group_at(file, f"{path}/vars" if path else "vars")
        try:
            if group is None:
                _check_needs_none(path, part)
                continue
            _check_shapes(group, path, part)
            part.load_own_variables(VariableStore(group))
        except (ValueError, KeyError) as error:
            is_optimizer = path.endswith("optimizer")
            if not skip_mismatch and not is_optimizer:
                raise
            warnings.warn(f"The variables of {path or model.name!r} weren't loaded: {error}", stacklevel=3)


def _own_variables(part: Any) -> list[Any]:
    return part._variables_in_files() if hasattr(part, "_variables_in_files") else list(getattr(part, "variables", []))


def _check_needs_none(path: str, part: Any) -> None:
    count = len(_own_variables(part))
    if count:
        raise ValueError(
            f"The file has no variables for {path!r} ({type(part).__name__}), which has {count}. Was it saved from another "
            "model?"
        )
    if not getattr(part, "built", True) and part._is_overridden("build"):
        raise ValueError(
            f"Layer {path!r} isn't built, so its variables can't be loaded. Build the model or call it first."
        )


def _check_shapes(group: h5py.Group, path: str, part: Any) -> None:
    """Compare shapes before anything is read, so that a file's claims cost nothing."""
    for position, variable in enumerate(_own_variables(part)):
        if str(position) in group and not hasattr(type(part), "_own_file_layout"):
            shape = checked_dataset(group, str(position)).shape
            if tuple(shape) != variable.shape:
                raise ValueError(
                    f"The variable {variable.path!r} has the shape {variable.shape}, the file has {tuple(shape)} for it at "
                    f"{path}/vars/{position}."
                )
