"""The HDF5 file of a model's variables: ``<path of the part>/vars/<number>``."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
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

    def store_at(path: str) -> StoredVariables | None:
        groups = (group_at(file, name, source) for name in (path, *_older_paths(path)))
        group = next((found for found in groups if found is not None), None)
        return None if group is None else StoredVariables(group, source, budget)

    read_stores(store_at, model, skip_mismatch)


def read_stores(store_at: Callable[[str], Any], model: Any, skip_mismatch: bool) -> None:
    """Set the variables of every part of a model from what a function finds for a group's path, None where there is none.

    Raises:
        FileFormatError: as for ``read_variables``.
    """
    for path, part in walk(model):
        store = store_at(f"{path}/vars" if path else "vars")
        is_optimizer = path.endswith("optimizer")
        if store is None and is_optimizer:
            continue  # it had made no step yet
        try:
            if store is None:
                _check_needs_none(path, part)
                continue
            if is_optimizer and len(store) != len(part.variables):
                store = _optimizer_of_keras_2(store, part)
            else:
                _check_shapes(store, path, part)
            part.load_own_variables(store)
        except UnsafeFileError:
            raise
        except (ValueError, KeyError) as error:
            if not skip_mismatch and not is_optimizer:
                raise
            warnings.warn(f"The variables of {path or model.name!r} weren't loaded: {error}", stacklevel=3)


def _older_paths(path: str) -> Iterator[str]:
    """Where Keras 2 had a part: layers, up to version 2.12, under another name, and some parts weren't public."""
    for known in (path, "/".join("_layer_checkpoint_dependencies" if p == "layers" else p for p in path.split("/"))):
        folder, _, name = known.removesuffix("/vars").rpartition("/")
        yield known
        yield f"{folder}/_{name}/vars"


#: What optimizers keep and those of Keras 2 didn't.
_NEW = ("learning_rate", "momentum_product", "step_counter", "dynamic_scale")


def _optimizer_of_keras_2(store: Any, optimizer: Any) -> Any:
    """An optimizer's state by the positions of its variables now; what Keras 2 kept nothing of stays as it is."""
    variables = list(optimizer.variables)
    known = [i for i, v in enumerate(variables) if v.name not in _NEW and (v.ndim or v.name == "iteration")]
    if len(known) != len(store):
        return store
    values = {i: store[str(position)] for position, i in enumerate(known)}
    return {str(i): values.get(i, v) for i, v in enumerate(variables)}


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
