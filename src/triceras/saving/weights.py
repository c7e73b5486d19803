"""The HDF5 file of a model's variables: ``<path of the part>/vars/<number>``."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from triceras.core.errors import FileFormatError, UnsafeFileError
from triceras.saving.hdf5 import StoredVariables, Writer, group_at
from triceras.saving.limits import Budget
from triceras.saving.walk import walk

if TYPE_CHECKING:
    import h5py


def variables_file(model: Any) -> Writer:
    """A file of the variables of every part of a model, to be written."""
    writer = Writer()
    for path, part in walk(model):
        part.save_own_variables(writer.group(f"{path}/vars" if path else "vars", name=getattr(part, "name", "")))
    return writer


def read_variables(file: h5py.File, model: Any, source: str, budget: Budget, skip_mismatch: bool = False) -> None:
    """Set the variables of every part of a model.

    Args:
        file: the file.
        model: the model.
        source: what the file is called.
        budget: counts what is read.
        skip_mismatch: whether parts that don't fit are left as they are, with a warning.

    Raises:
        FileFormatError: the file lacks a part's variables, or their shapes differ; with ``skip_mismatch`` a warning.
    """
    for path, part in walk(model):
        group = group_at(file, f"{path}/vars" if path else "vars", source)
        is_optimizer = path.endswith("optimizer")
        if group is None and is_optimizer:
            continue  # it had made no step yet
        try:
            if group is None:
                _check_needs_none(path, part)
                continue
            store = StoredVariables(group, source, budget)
            _check_shapes(store, path, part)
            part.load_own_variables(store)
        except UnsafeFileError:
            raise
        except (ValueError, KeyError) as error:
            if not skip_mismatch and not is_optimizer:
                raise
            warnings.warn(f"The variables of {path or model.name!r} weren't loaded: {error}", stacklevel=3)


def _own_variables(part: Any) -> list[Any]:
    return part._variables_in_files() if hasattr(part, "_variables_in_files") else list(getattr(part, "variables", []))


def _check_needs_none(path: str, part: Any) -> None:
    count = len(_own_variables(part))
    if count:
        raise FileFormatError(
            f"The file has no variables for {path!r} ({type(part).__name__}), which has {count}. Was it saved from another "
            "model?"
        )
    if not getattr(part, "built", True) and part._is_overridden("build"):
        raise FileFormatError(
            f"Layer {path!r} isn't built, so its variables can't be loaded. Build the model or call it first."
        )


def _check_shapes(store: StoredVariables, path: str, part: Any) -> None:
    """Compare shapes before anything is read, so that a file's claims cost nothing."""
    if not type(part).load_own_variables.__module__.startswith("triceras."):
        return  # its file may be laid out in another way
    for position, variable in enumerate(_own_variables(part)):
        if str(position) in store and store.shape(str(position)) != variable.shape:
            raise FileFormatError(
                f"The variable {variable.path!r} has the shape {variable.shape}, the file has {store.shape(str(position))} "
                f"for it at {path}/vars/{position}."
            )
