"""Models and weights in files: which format a name means, and ``.keras`` archives."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import pathlib
import warnings
import zipfile
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

from triceras.core import dtypes, objects
from triceras.core.blanks import Blanks
from triceras.core.errors import FileFormatError, UnsafeFileError
from triceras.saving.archive import CONFIG, METADATA, WEIGHTS, ModelArchive
from triceras.saving.assets import assets_of, load_assets
from triceras.saving.atomic import replacing, replacing_folder, write
from triceras.saving.hdf5 import reading
from triceras.saving.legacy_configs import is_of_keras_2, modern_model
from triceras.saving.legacy_h5 import is_h5, load_h5_model, load_h5_weights, save_h5_model
from triceras.saving.orbax_files import checkpoint_in, load_orbax_model, load_orbax_weights
from triceras.saving.safetensors_files import INDEX, load_safetensors, save_safetensors, save_safetensors_shards
from triceras.saving.shards import KERAS_INDEX, load_shards, save_shards
from triceras.saving.weights import read_variables, variables_file

#: The version of Keras whose format is written.
KERAS_VERSION = "3.15.1"
#: The endings of the older kind of model files.
H5 = (".h5", ".hdf5")


def save_model(model: Any, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
    """Write a model to a ``.keras`` archive: configuration, weights, compile arguments and optimizer state.

    The file is there as a whole or not at all; Keras 3 opens it.

    Args:
        model: the model.
        filepath: the file, which ends in ``.keras``; or in ``.h5`` or ``.hdf5`` for the format before that.
        overwrite: whether a file of that name may be replaced.
        zipped: whether to write an archive (the default) or a folder.
        kwargs: ``include_optimizer=False`` leaves out the optimizer's state.

    Raises:
        ValueError: the name ends otherwise, or something in the model can't be written.
    """
    include_optimizer = kwargs.pop("include_optimizer", True)
    _check_no_more("save_model", kwargs)
    path = _path(filepath)
    if path.suffix not in (".keras", *H5) and zipped is not False:
        raise ValueError(
            f"A model file ends in '.keras', received {str(path)!r}. For weights alone use save_weights() and '.weights.h5'."
        )
    if not model.built:
        warnings.warn(
            f"Model {model.name!r} isn't built, so the file will hold no weights. Call it on data before saving.",
            stacklevel=3,
        )
    _check_target(path, overwrite)
    if path.suffix in H5:
        save_h5_model(model, path, include_optimizer, KERAS_VERSION)
        return
    config = json.dumps(objects.serialize_keras_object(model))
    metadata = {"keras_version": KERAS_VERSION, "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")}
    members = {METADATA: json.dumps(metadata), CONFIG: config}
    with _without_optimizer(model) if not include_optimizer else contextlib.nullcontext():
        weights = variables_file(model).chunks()
    write_members = _write_folder if zipped is False else _write_archive
    write_members(path, members, weights, assets_of(model))


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


def load_model(
    filepath: Any,
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
    *,
    dtype: Any = None,
) -> Any:
    """Read a model from a ``.keras`` or ``.h5`` file of Keras 3 or 2, or an Orbax checkpoint, onto the active backend.

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
        policy = dtype if isinstance(dtype, str | None) else objects.serialize_keras_object(dtype)
        if path.suffix in H5 or is_h5(path):
            return load_h5_model(path, custom_objects, compile, safe_mode, lambda config: _with_dtype(config, policy))
        with ModelArchive(path, trusted=not safe_mode) as archive:
            config = archive.json(CONFIG)
            if not compile and isinstance(config, dict):
                config.pop("compile_config", None)
            if METADATA in archive and is_of_keras_2(archive.json(METADATA)):
                with objects.CustomObjectScope(custom_objects or {}):
                    config = modern_model(config, str(path))
            config = _with_dtype(config, policy)
            with Blanks(archive.budget.take_drawn):
                model = objects.deserialize_keras_object(config, custom_objects, safe_mode)
                if not hasattr(model, "load_weights"):
                    raise FileFormatError(f"{path} holds no model but {type(model).__name__}.")
                _read_weights(archive, model, skip_mismatch=False)
                load_assets(archive, model)
            return model


def _with_dtype(config: Any, dtype: Any) -> Any:
    """A model's configuration whose layers have another policy where theirs was of floats; itself for None."""
    if dtype is None:
        return config
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


def _read_weights(archive: ModelArchive, model: Any, skip_mismatch: bool) -> None:
    source = f"{archive.path}: {WEIGHTS}"
    with archive.open(WEIGHTS) as member, reading(member, source) as file:
        read_variables(file, model, source, archive.budget, skip_mismatch)
    archive.check()


@contextlib.contextmanager
def _reading(path: pathlib.Path) -> Iterator[None]:
    """Whatever goes wrong inside has one kind of error, which names the file."""
    try:
        yield
    except UnicodeError as error:
        raise FileFormatError(f"{path} is damaged: {error}") from error
    except (ValueError, ImportError, FileNotFoundError, PermissionError):
        raise
    except MemoryError as error:
        raise UnsafeFileError(f"{path} asks for more memory than there is: {error}") from error
    except Exception as error:
        raise FileFormatError(f"{path} can't be read as a model: {type(error).__name__}: {error}") from error


def _save_h5(model: Any, path: pathlib.Path) -> None:
    write(path, variables_file(model).chunks())


def _refuse_h5(model: Any, path: pathlib.Path) -> None:
    raise ValueError(f"A file of weights ends in '.weights.h5', received {str(path)!r}.")


class WeightsFormat(NamedTuple):
    """How weights are written to a path and read from it, and which further arguments these take.

    ``shards`` is the ending of the index that is written where the size of a file has a limit.
    """

    save: Callable[..., None]
    load: Callable[..., None]
    options: tuple[str, ...] = ()
    shards: str | None = None


#: The ending of a file's name -> its format; the first that fits.
WEIGHTS_FORMATS = {
    ".weights.h5": WeightsFormat(_save_h5, load_h5_weights, ("by_name",), shards=KERAS_INDEX),
    KERAS_INDEX: WeightsFormat(save_shards, load_shards, shards=KERAS_INDEX),
    ".safetensors": WeightsFormat(save_safetensors, load_safetensors, ("names",), shards=INDEX),
    INDEX: WeightsFormat(save_safetensors_shards, load_safetensors, ("names",), shards=INDEX),
} | dict.fromkeys(H5, WeightsFormat(_refuse_h5, load_h5_weights, ("by_name",)))


def _weights_format(path: pathlib.Path, others: str = "") -> tuple[str, WeightsFormat]:
    for ending, found in WEIGHTS_FORMATS.items():
        if path.name.endswith(ending):
            return ending, found
    known = ", ".join(map(repr, WEIGHTS_FORMATS))
    raise ValueError(f"A file of weights ends in one of {known}{others}, received {str(path)!r}.")


def save_weights(model: Any, filepath: Any, overwrite: bool = True, max_shard_size: Any = None, **kwargs: Any) -> None:
    """Write a model's variables to a file, which is there as a whole or not at all.

    Args:
        model: the model, built.
        filepath: the file, which ends in ``.weights.h5``, or in ``.safetensors`` for the weights alone, under readable names.
        overwrite: whether a file of that name may be replaced.
        max_shard_size: the most bytes of arrays in a file, in gigabytes of 2**30. Then several are written, and an index,
            ``<name>.weights.json`` or ``<name>.safetensors.index.json``, by which they are loaded.
        kwargs: ``names`` of a ``.safetensors`` file: path of a variable -> its name there, or that and the order of its axes
            there; a dictionary or a function, such as ``saving.torch_names(model)``.

    Raises:
        ValueError: the name ends otherwise, the model isn't built, or a variable is larger than a shard.
    """
    path = _path(filepath)
    ending, found = _weights_format(path)
    if max_shard_size is not None:
        if found.shards is None:
            raise ValueError(
                f"Weights in '{ending}' can't be sharded; pass max_shard_size=None, received {max_shard_size!r}."
            )
        path = path.with_name(path.name.removesuffix(ending) + found.shards)
        found = WEIGHTS_FORMATS[found.shards]
    _check_no_more("save_weights", set(kwargs) - {*found.options})
    if not model.built:
        raise ValueError(f"Model {model.name!r} isn't built, so it has no weights to save. Call it on data first.")
    _check_target(path, overwrite)
    if path.name.endswith((KERAS_INDEX, INDEX)):
        kwargs["max_shard_size"] = max_shard_size
    found.save(model, path, **kwargs)


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> None:
    """Read a model's variables from a file of weights or of a model, or its weights from an Orbax checkpoint.

    Args:
        model: the model, built.
        filepath: the file, which ends in ``.weights.h5``, ``.keras`` or ``.safetensors``; the index of several; or the folder
            of a checkpoint, or that of several, whose last one is read.
        skip_mismatch: whether parts that don't fit are left as they are, with a warning.
        kwargs: ``safe_mode=False`` takes sizes out of proportion and shards that are links, for files of people you trust;
            ``names`` of a ``.safetensors`` file are those it was saved with; ``by_name=True`` finds the layers of an older
            ``.h5`` file by their names, rather than by their order.

    Raises:
        FileFormatError: a part's variables are missing or have other shapes, or the file is damaged.
        UnsafeFileError: it is a file no honest program writes.
    """
    trusted = not kwargs.pop("safe_mode", True)
    path = _existing(filepath)
    with _reading(path):
        checkpoint = checkpoint_in(path)
        if checkpoint is not None:
            _check_no_more("load_weights", kwargs)
            load_orbax_weights(model, checkpoint, skip_mismatch)
        elif (path.suffix == ".keras" and not is_h5(path)) or (path / CONFIG).exists():
            _check_no_more("load_weights", kwargs)
            with ModelArchive(path, trusted) as archive:
                _read_weights(archive, model, skip_mismatch)
        else:
            by_ending = path.with_suffix(".h5") if path.suffix == ".keras" else path
            found = _weights_format(by_ending, " and '.keras', or is an Orbax checkpoint")[1]
            _check_no_more("load_weights", set(kwargs) - {*found.options})
            found.load(model, path, skip_mismatch=skip_mismatch, trusted=trusted, **kwargs)


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


def _check_no_more(function: str, kwargs: Collection[str]) -> None:
    if kwargs:
        raise ValueError(f"{function}() received arguments it doesn't know: {', '.join(kwargs)}.")
