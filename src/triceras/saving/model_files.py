"""``.keras`` archives and ``.weights.h5`` files."""

from __future__ import annotations

import datetime
import json
import os
import pathlib
import tempfile
import warnings
import zipfile
from typing import Any

from triceras.core import objects
from triceras.saving.atomic import replacing
from triceras.saving.orbax_files import checkpoint_in, load_orbax_model, load_orbax_weights
from triceras.saving.weights import open_hdf5, read_variables, write_variables

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
#: The version of Keras whose format is written.
KERAS_VERSION = "3.15.1"
#: The greatest size of the text members, in bytes.
MAX_TEXT = 256 * 2**20


def _path(filepath: Any) -> pathlib.Path:
    return pathlib.Path(os.fspath(filepath))


def _check_target(path: pathlib.Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists. Pass overwrite=True to replace it.")
    if not path.parent.exists():
        raise FileNotFoundError(f"The folder {path.parent} doesn't exist. Make it first.")


def save_model(model: Any, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
    """Write a model to a ``.keras`` archive: configuration, weights, compile arguments and optimizer state.

    The file is there as a whole or not at all; Keras 3 opens it.

    Args:
        model: the model.
        filepath: the file, which ends in ``.keras``.
        overwrite: whether a file of that name may be replaced.
        zipped: whether to write an archive (the default) or a folder.

    Raises:
        ValueError: the name ends otherwise, or something in the model can't be written.
    """
    include_optimizer = kwargs.pop("include_optimizer", True)
    if kwargs:
        raise ValueError(f"save_model() received arguments it doesn't know: {', '.join(kwargs)}.")
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
    optimizer = getattr(model, "optimizer", None)
    config = json.dumps(objects.serialize_keras_object(model))
    metadata = {"keras_version": KERAS_VERSION, "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")}
    if not include_optimizer:
        model.optimizer = None
    try:
        with tempfile.TemporaryDirectory(prefix="triceras-", dir=path.parent) as folder:
            weights = pathlib.Path(folder) / WEIGHTS
            with open_hdf5(weights, "w") as file:
                write_variables(file, model)
            members = {METADATA: json.dumps(metadata), CONFIG: config}
            if zipped is False:
                _write_folder(path, members, weights)
            else:
                _write_archive(path, members, weights)
    finally:
        model.optimizer = optimizer


def _write_archive(path: pathlib.Path, members: dict[str, str], weights: pathlib.Path) -> None:
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
        archive.write(weights, WEIGHTS)


def _write_folder(path: pathlib.Path, members: dict[str, str], weights: pathlib.Path) -> None:
    path.mkdir(exist_ok=True)
    for name, text in members.items():
        with replacing(path / name) as temporary:
            temporary.write_text(text)
    with replacing(path / WEIGHTS) as temporary:
        temporary.write_bytes(weights.read_bytes())


def load_model(
    filepath: Any, custom_objects: dict[str, Any] | None = None, compile: bool = True, safe_mode: bool = True
) -> Any:
    """Read a model from a ``.keras`` file or an Orbax checkpoint, onto the active backend.

    Args:
        filepath: the file; or the folder of a checkpoint, or that of several, whose last one is read.
        custom_objects: name -> class or function, for what the file names and nobody registered.
        compile: whether to compile it as it was when saved.
        safe_mode: whether code in the file is refused.

    Returns:
        The model.

    Raises:
        ValueError: the file is damaged, or names something that isn't registered.
    """
    path = _path(filepath)
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    if path.is_file() and not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is no .keras archive. Files of weights are read with model.load_weights().")
    checkpoint = checkpoint_in(path)
    if checkpoint is not None:
        return load_orbax_model(checkpoint, custom_objects, compile, safe_mode)
    config = json.loads(_read_text(path, CONFIG))
    if not compile:
        config.pop("compile_config", None)
    model = objects.deserialize_keras_object(config, custom_objects, safe_mode)
    _load_weights_of(path, model, skip_mismatch=False)
    return model


def _read_text(path: pathlib.Path, name: str) -> str:
    if path.is_dir():
        return (path / name).read_text()
    with zipfile.ZipFile(path) as archive:
        try:
            info = archive.getinfo(name)
        except KeyError as error:
            raise ValueError(f"{path} has no {name}; it isn't a model file, or is damaged.") from error
        if info.file_size > MAX_TEXT:
            raise ValueError(f"{path}: {name} claims {info.file_size} bytes, more than {MAX_TEXT}.")
        return archive.read(info).decode()


def _load_weights_of(path: pathlib.Path, model: Any, skip_mismatch: bool) -> None:
    if path.is_dir():
        with open_hdf5(path / WEIGHTS, "r") as file:
            read_variables(file, model, skip_mismatch)
        return
    with zipfile.ZipFile(path) as archive:
        if WEIGHTS not in archive.namelist():
            raise ValueError(f"{path} has no {WEIGHTS}; it isn't a model file, or is damaged.")
        info = archive.getinfo(WEIGHTS)
        if info.compress_type != zipfile.ZIP_STORED and info.file_size > 1000 * max(info.compress_size, 1):
            raise ValueError(f"{path}: {WEIGHTS} claims to unpack to {info.file_size} bytes from {info.compress_size}.")
        with archive.open(info) as member, open_hdf5(member, "r") as file:
            read_variables(file, model, skip_mismatch)


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
    path = _path(filepath)
    if not path.name.endswith(".weights.h5"):
        raise ValueError(f"A file of weights ends in '.weights.h5', received {str(path)!r}.")
    if max_shard_size is not None:
        raise ValueError(f"Sharded weights aren't there yet; pass max_shard_size=None, received {max_shard_size!r}.")
    if not model.built:
        raise ValueError(f"Model {model.name!r} isn't built, so it has no weights to save. Call it on data first.")
    _check_target(path, overwrite)
    with replacing(path) as temporary, open_hdf5(temporary, "w") as file:
        write_variables(file, model)


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> None:
    """Read a model's variables from a ``.weights.h5`` or ``.keras`` file, or its weights from an Orbax checkpoint.

    Args:
        model: the model, built.
        filepath: the file; or the folder of a checkpoint, or that of several, whose last one is read.
        skip_mismatch: whether parts that don't fit are left as they are, with a warning.

    Raises:
        ValueError: a part's variables are missing or have other shapes.
    """
    path = _path(filepath)
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    if path.suffix == ".keras":
        _load_weights_of(path, model, skip_mismatch)
        return
    checkpoint = checkpoint_in(path)
    if checkpoint is not None:
        load_orbax_weights(model, checkpoint, skip_mismatch)
        return
    if not path.name.endswith(".weights.h5"):
        raise ValueError(
            f"Weights are read from '.weights.h5' and '.keras' files and Orbax checkpoints, received {str(path)!r}."
        )
    with open_hdf5(path, "r") as file:
        read_variables(file, model, skip_mismatch)
