"""Models and weights in files: which format a name means, and ``.keras`` archives."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import pathlib
import warnings
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

from triceras.core import dtypes, objects
from triceras.core.blanks import Blanks
from triceras.core.errors import FileFormatError, UnsafeFileError
from triceras.saving.archive import CONFIG, METADATA, WEIGHTS, ModelArchive
from triceras.saving.assets import assets_of, load_assets
from triceras.saving.atomic import replacing, replacing_folder
from triceras.saving.hdf5 import reading
from triceras.saving.limits import Budget
from triceras.saving.orbax_files import checkpoint_in, load_orbax_model, load_orbax_weights
from triceras.saving.weights import read_variables, variables_file

#: The version of Keras whose format is written.
KERAS_VERSION = "3.15.1"


def save_model(model: Any, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
    """Write a model to a ``.keras`` archive: configuration, weights, compile arguments and optimizer state.

    The file is there as a whole or not at all; Keras 3 opens it.

    Args:
        model: the model.
        filepath: the file, which ends in ``.keras``.
        overwrite: whether a file of that name may be replaced.
        zipped: whether to write an archive (the default) or a folder.
        kwargs: ``include_optimizer=False`` leaves out the optimizer's state.

    Raises:
        ValueError: the name ends otherwise, or something in the model can't be written.
    """
    include_optimizer = kwargs.pop("include_optimizer", True)
    _check_no_more("save_model", kwargs)
    path = _path(filepath)
    if path.suffix != ".keras" and zipped is not False:
        raise ValueError(
            f"A model file ends in '.keras', received {str(path)!r}. For weights alone use save_weights() and '.weights.h5'."
        )
    if not model.built:
        warnings.warn(
            f"Model {model.name!r} isn't built, so the file will hold no weights. Call it on data before saving.",
            stacklevel=3,
        )
    _check_target(path, overwrite)
    config = json.dumps(objects.serialize_keras_object(model))
    metadata = {"keras_version": KERAS_VERSION, "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")}
    members = {METADATA: json.dumps(metadata), CONFIG: config}
    with _without_optimizer(model) if not include_optimizer else contextlib.nullcontext():
        weights = variables_file(model).chunks()
    write = _write_folder if zipped is False else _write_archive
    write(path, members, weights, assets_of(model))


@contextlib.contextmanager
def _without_optimizer(model: Any) -> Iterator[None]:
    optimizer, model.optimizer = model.optimizer, None
    try:
        yield
    finally:
        model.optimizer = optimizer


def _write_archive(
    path: pathlib.Path, members: dict[str, str], weights: Iterator[Any], assets: dict[str, bytes]
) -> None:
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
        with archive.open(WEIGHTS, "w", force_zip64=True) as member:
            member.writelines(weights)
        for name, data in assets.items():
            archive.writestr(name, data)


def _write_folder(
    path: pathlib.Path, members: dict[str, str], weights: Iterator[Any], assets: dict[str, bytes]
) -> None:
    others = {p.name for p in path.iterdir()} - {*members, WEIGHTS, "assets"} if path.exists() else ()
    if others:
        raise FileExistsError(f"The folder {path} holds more than a model: {sorted(others)[:5]}. Choose another one.")
    with replacing_folder(path) as temporary:
        for name, text in members.items():
            (temporary / name).write_text(text)
        with (temporary / WEIGHTS).open("wb") as file:
            file.writelines(weights)
        for name, data in assets.items():
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            (temporary / name).write_bytes(data)


def _write_file(path: pathlib.Path, chunks: Iterator[Any]) -> None:
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.writelines(chunks)


def load_model(
    filepath: Any,
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
    *,
    dtype: Any = None,
) -> Any:
    """Read a model from a ``.keras`` file or an Orbax checkpoint, onto the active backend.

    Args:
        filepath: the file; or the folder of a checkpoint, or that of several, whose last one is read.
        custom_objects: name -> class or function, for what the file names and nobody registered.
        compile: whether to compile it as it was when saved.
        safe_mode: whether to refuse what a file from elsewhere could do harm with: code, other files, and sizes out of
            proportion. Pass False only if you trust who made the file.
        dtype: a dtype or policy for all layers that compute in floats, in place of their own; weights are read straight into
            it.

    Returns:
        The model.

    Raises:
        FileFormatError: the file is damaged, or is no model file.
        UnsafeFileError: it holds what is refused in safe mode.
        ValueError: it names something that isn't registered.
    """
    path = _existing(filepath)
    with _reading(path):
        checkpoint = checkpoint_in(path)
        if checkpoint is not None:
            return load_orbax_model(checkpoint, custom_objects, compile, safe_mode)
        with ModelArchive(path, trusted=not safe_mode) as archive:
            config = archive.json(CONFIG)
            if not compile and isinstance(config, dict):
                config.pop("compile_config", None)
            if dtype is not None:
                config = _with_dtype(config, dtype if isinstance(dtype, str) else objects.serialize_keras_object(dtype))
            with Blanks(_counted(archive.budget)):
                model = objects.deserialize_keras_object(config, custom_objects, safe_mode)
                if not hasattr(model, "load_weights"):
                    raise FileFormatError(f"{path} holds no model but {type(model).__name__}.")
                _read_weights(archive, model, skip_mismatch=False)
                load_assets(archive, model)
            return model


def _with_dtype(config: Any, dtype: Any) -> Any:
    """A model's configuration whose layers have another policy where theirs was of floats."""
    if isinstance(config, list):
        return [_with_dtype(part, dtype) for part in config]
    if not isinstance(config, dict):
        return config
    changed = {key: part if key == "compile_config" else _with_dtype(part, dtype) for key, part in config.items()}
    own = changed.get("config")
    if (
        changed.get("class_name") != "InputLayer"
        and isinstance(own, dict)
        and _is_of_floats(config["config"].get("dtype"))
    ):
        own["dtype"] = dtype
    return changed


def _is_of_floats(policy: Any) -> bool:
    name = policy.get("config", {}).get("name") if isinstance(policy, dict) else policy
    return isinstance(name, str) and (name in dtypes.FLOATS or name.startswith("mixed_"))


def _counted(budget: Budget) -> Callable[[str, int], None]:
    return lambda name, size: budget.take(size, f"the variable {name!r}, for which it has no value,")


def _read_weights(archive: ModelArchive, model: Any, skip_mismatch: bool) -> None:
    source = f"{archive.path}: {WEIGHTS}"
    with archive.open(WEIGHTS) as member, reading(member, source) as file:
        read_variables(file, model, source, archive.budget, skip_mismatch)


@contextlib.contextmanager
def _reading(path: pathlib.Path) -> Iterator[None]:
    """Whatever goes wrong inside has one kind of error, which names the file."""
    try:
        yield
    except (ValueError, ImportError, FileNotFoundError, PermissionError):
        raise
    except MemoryError as error:
        raise UnsafeFileError(f"{path} asks for more memory than there is: {error}") from error
    except Exception as error:
        raise FileFormatError(f"{path} can't be read as a model: {type(error).__name__}: {error}") from error


def save_weights(model: Any, filepath: Any, overwrite: bool = True, max_shard_size: Any = None, **kwargs: Any) -> None:
    """Write a model's variables to a ``.weights.h5`` file, which is there as a whole or not at all.

    Args:
        model: the model, built.
        filepath: the file, which ends in ``.weights.h5``.
        overwrite: whether a file of that name may be replaced.
        max_shard_size: not there yet; must be None.

    Raises:
        ValueError: the name ends otherwise, or the model isn't built.
    """
    _check_no_more("save_weights", kwargs)
    path = _path(filepath)
    if not path.name.endswith(".weights.h5"):
        raise ValueError(f"A file of weights ends in '.weights.h5', received {str(path)!r}.")
    if max_shard_size is not None:
        raise ValueError(f"Sharded weights aren't there yet; pass max_shard_size=None, received {max_shard_size!r}.")
    if not model.built:
        raise ValueError(f"Model {model.name!r} isn't built, so it has no weights to save. Call it on data first.")
    _check_target(path, overwrite)
    _write_file(path, variables_file(model).chunks())


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> None:
    """Read a model's variables from a ``.weights.h5`` or ``.keras`` file, or its weights from an Orbax checkpoint.

    Args:
        model: the model, built.
        filepath: the file; or the folder of a checkpoint, or that of several, whose last one is read.
        skip_mismatch: whether parts that don't fit are left as they are, with a warning.
        kwargs: ``safe_mode=False`` takes sizes out of proportion, for files of people you trust.

    Raises:
        FileFormatError: a part's variables are missing or have other shapes, or the file is damaged.
        UnsafeFileError: it is a file no honest program writes.
    """
    trusted = not kwargs.pop("safe_mode", True)
    _check_no_more("load_weights", kwargs)
    path = _existing(filepath)
    with _reading(path):
        checkpoint = checkpoint_in(path)
        if checkpoint is not None:
            load_orbax_weights(model, checkpoint, skip_mismatch)
        elif path.suffix == ".keras" or path.is_dir():
            with ModelArchive(path, trusted) as archive:
                _read_weights(archive, model, skip_mismatch)
        elif path.name.endswith(".weights.h5"):
            budget = Budget(str(path), path.stat().st_size, trusted)
            with reading(path, str(path)) as file:
                read_variables(file, model, str(path), budget, skip_mismatch)
        else:
            raise ValueError(
                f"Weights are read from '.weights.h5' and '.keras' files and Orbax checkpoints, received {str(path)!r}."
            )


def _path(filepath: Any) -> pathlib.Path:
    return pathlib.Path(os.fspath(filepath))


def _existing(filepath: Any) -> pathlib.Path:
    path = _path(filepath)
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    return path


def _check_target(path: pathlib.Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists. Pass overwrite=True to replace it.")
    if not path.parent.exists():
        raise FileNotFoundError(f"The folder {path.parent} doesn't exist. Make it first.")


def _check_no_more(function: str, kwargs: dict[str, Any]) -> None:
    if kwargs:
        raise ValueError(f"{function}() received arguments it doesn't know: {', '.join(kwargs)}.")
