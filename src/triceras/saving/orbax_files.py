"""Orbax checkpoints of models, laid out as Keras 3 does: a folder a step, and in it all variables as a tree by their paths.

Checkpoints of this project also tell in which order the variables come. So a model whose names have other numbers, or that was
made from its configuration, is filled too; Keras passes over that, and its checkpoints are matched by paths alone.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from triceras.core import objects
from triceras.core.blanks import Blanks
from triceras.saving.limits import Budget

TREE, CONFIG, METADATA = "pytree", "model_config", "_CHECKPOINT_METADATA"
WEIGHTS = ("trainable_variables", "non_trainable_variables")
OPTIMIZER = "optimizer_variables"
#: Where a checkpoint's own metadata tell the order of variables.
_ORDER = "variables"


def orbax() -> Any:
    """The module of Orbax that reads and writes checkpoints.

    Raises:
        ImportError: it isn't installed.
    """
    try:
        from orbax.checkpoint.experimental import v1
    except ImportError as error:
        raise ImportError(
            "Orbax checkpoints need the package 'orbax-checkpoint', which isn't installed or is too old. Install it with "
            "`pip install triceras[orbax]`."
        ) from error
    return v1


def writing() -> Any:
    """Orbax's settings for writing: a model's configuration is a file of JSON, rather than a tree of strings."""
    v1 = orbax()
    handlers = v1.handlers.local_registry()
    handlers.add(v1.handlers.JsonHandler, checkpointable_name=CONFIG)
    settings = v1.Context()
    settings.checkpointables.registry = handlers
    return settings


def _reading() -> Any:
    """Its settings for reading: only what is asked for, as weights without the optimizer's state."""
    settings = orbax().Context()
    settings.pytree.loading.partial_load = True
    return settings


def steps_in(directory: pathlib.Path) -> list[int]:
    """The steps that a directory has finished checkpoints of, in order."""
    if not directory.is_dir():
        return []
    return sorted(int(p.name) for p in directory.iterdir() if p.name.isdecimal() and (p / METADATA).exists())


def checkpoint_in(path: pathlib.Path) -> pathlib.Path | None:
    """The checkpoint that a path means: the folder of a step, or of the last one in a directory of them; None for neither."""
    if (path / METADATA).exists():
        return path
    steps = steps_in(path)
    return path / str(steps[-1]) if steps else None


# ---- writing ------------------------------------------------------------------------------------------------------------


def contents(model: Any, weights_only: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a checkpoint of a model holds, copied so that training may go on, and its metadata.

    Args:
        model: the model, built.
        weights_only: whether to leave out the configuration, the optimizer's state and the metrics.

    Raises:
        ValueError: a variable has no elements, which Orbax can't store.
    """
    groups = {name: found for name, found in model._state_tree_groups().items() if name in WEIGHTS or not weights_only}
    names = {group: unique_paths(variables) for group, variables in groups.items()}
    arrays: dict[str, Any] = {}
    for group, variables in groups.items():
        for name, variable in zip(names[group], variables, strict=True):
            if 0 in variable.shape:
                raise ValueError(
                    f"Orbax stores no arrays without elements, and the variable {variable.path!r} of model {model.name!r} has "
                    f"the shape {variable.shape}. Save the model with model.save() instead."
                )
            _put(arrays, f"{group}/{name}", np.array(variable.numpy()))
    items: dict[str, Any] = {TREE: arrays}
    if not weights_only:
        items[CONFIG] = {"config": model.to_json()}
    return items, {_ORDER: names}


def unique_paths(variables: Sequence[Any]) -> list[str]:
    """The paths of variables, each once: a second one of the same path has a number."""
    counts: dict[str, int] = {}
    names = []
    for variable in variables:
        counts[variable.path] = counts.get(variable.path, 0) + 1
        names.append(variable.path + (f"_{counts[variable.path] - 1}" if counts[variable.path] > 1 else ""))
    return names


def _put(node: dict[str, Any], path: str, value: Any) -> None:
    *folders, name = path.split("/")
    for folder in folders:
        node = node.setdefault(folder, {})
    node[name] = value


# ---- reading ------------------------------------------------------------------------------------------------------------


class Checkpoint:
    """A checkpoint that is there.

    Args:
        path: the folder of its step.

    Raises:
        ValueError: it is damaged.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path.absolute()
        with self._reading():
            found = orbax().checkpointables_metadata(self.path)
            self._items: dict[str, Any] = dict(found.metadata)
            if not self._items[TREE]:  # where Orbax can't read it, it says so to a log and nothing here
                raise ValueError(f"the tree of variables in {TREE!r} can't be read.")
            self.leaves = dict(_flat(self._items[TREE]))
            self._order: dict[str, list[str]] = (found.custom_metadata or {}).get(_ORDER, {})

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            with _reading():
                yield
        except (ValueError, OSError, KeyError, TypeError) as error:
            raise ValueError(f"The checkpoint {self.path} is damaged, or none of a model: {error}") from error

    def configuration(self) -> dict[str, Any]:
        """The model's configuration.

        Raises:
            ValueError: there is none.
        """
        if CONFIG not in self._items:
            raise ValueError(
                f"The checkpoint {self.path} holds weights alone: it was saved with save_weights_only=True. Make the model and "
                "read them with model.load_weights()."
            )
        with self._reading():
            loaded = orbax().load_checkpointables(self.path, {CONFIG: self._items[CONFIG]})
            return json.loads(loaded[CONFIG]["config"])

    def restore(self, model: Any, group: str, skip_mismatch: bool = False) -> None:
        """Set the variables of a group; their shapes are compared before anything is read.

        Raises:
            ValueError: a variable isn't there or has another shape; with ``skip_mismatch`` a warning.
        """
        variables = model._state_tree_groups()[group]
        leaves = {name.partition("/")[2]: leaf for name, leaf in self.leaves.items() if name.startswith(f"{group}/")}
        sources = matching_names(model.name, variables, leaves, self._order.get(group))
        fitting = []
        for variable, source in zip(variables, sources, strict=True):
            problem = self._problem(variable, source, leaves)
            if problem is None:
                fitting.append((variable, source))
            elif not skip_mismatch:
                raise ValueError(problem)
            else:
                warnings.warn(f"The variable {variable.path!r} wasn't loaded: {problem}", stacklevel=4)
        wanted: dict[str, Any] = {}
        for _, source in fitting:
            leaf = leaves[str(source)]
            _put(wanted, f"{group}/{source}", np.broadcast_to(np.zeros((), leaf.dtype), leaf.shape))  # takes no memory
        if not wanted:
            return
        with self._reading():
            arrays = dict(_flat(orbax().load_checkpointables(self.path, {TREE: wanted})[TREE]))
        for variable, source in fitting:
            variable.assign(arrays[f"{group}/{source}"])

    def _problem(self, variable: Any, source: str | None, leaves: Mapping[str, Any]) -> str | None:
        """Why a variable can't be set, or None."""
        if source is None:
            return (
                f"The checkpoint {self.path} has nothing for the variable {variable.path!r} with the shape {variable.shape}: "
                f"expected it among {', '.join(sorted(leaves)) or 'no variables'}. Was it saved from another model?"
            )
        if tuple(leaves[source].shape) != variable.shape:
            return (
                f"The variable {variable.path!r} has the shape {variable.shape}, the checkpoint {self.path} has "
                f"{tuple(leaves[source].shape)} for it at {source!r}."
            )
        return None


def _flat(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested dictionaries, by path."""
    if not isinstance(node, Mapping):
        yield path, node
        return
    for name, value in node.items():
        yield from _flat(value, f"{path}/{name}" if path else str(name))


def matching_names(
    model_name: str, variables: Sequence[Any], leaves: Mapping[str, Any], order: list[str] | None
) -> list[str | None]:
    """For each variable the name in the file: its own, that in its place, or one alike but for numbers and the model's name."""
    names = unique_paths(variables)
    if all(name in leaves for name in names):
        return list(names)
    if order is not None and len(order) == len(names) and all(map(_is_alike, names, order)):
        return [name if name in leaves else None for name in order]
    there = _by_key(model_name, leaves)
    found: dict[str, str] = {}
    for key, alike in _by_key(model_name, names).items():
        if len(there.get(key, [])) == len(alike):
            found |= dict(zip(alike, there[key], strict=True))
    return [found.get(name) for name in names]


def _by_key(model_name: str, names: Any) -> dict[str, list[str]]:
    """Names by what they are without numbers and the model's name, those of one key in the order of their numbers."""
    model_name = _bare(model_name)
    result: dict[str, list[str]] = {}
    for name in sorted(names, key=lambda n: [int(p) if p.isdecimal() else p for p in re.split(r"(\d+)", n)]):
        first, _, rest = _bare(name).partition("/")
        key = rest if first == model_name and rest else f"{first}/{rest.removeprefix(f'{model_name}_')}"
        result.setdefault(key, []).append(name)
    return result


def _bare(name: str) -> str:
    """A name without the numbers that tell it from others of its kind."""
    return re.sub(r"_\d+(?=_|/|$)", "", name)


def _is_alike(one: str, other: str) -> bool:
    """Whether two variables have the same name of their own, be it with other layers' names before it."""
    one, other = (_bare(name).rpartition("/")[2] for name in (one, other))
    return one.endswith(other) or other.endswith(one)


def load_orbax_weights(model: Any, path: pathlib.Path, skip_mismatch: bool) -> None:
    """Set a model's weights from a checkpoint; the optimizer keeps its state."""
    checkpoint = Checkpoint(path)
    for group in WEIGHTS:
        checkpoint.restore(model, group, skip_mismatch)


def load_orbax_model(path: pathlib.Path, custom_objects: dict[str, Any] | None, compile: bool, safe_mode: bool) -> Any:
    """A model from a checkpoint: its configuration, weights and the optimizer's state."""
    checkpoint = Checkpoint(path)
    config = checkpoint.configuration()
    if not compile:
        config.pop("compile_config", None)
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    with Blanks(Budget(str(path), size, trusted=not safe_mode).take_drawn):
        model = objects.deserialize_keras_object(config, custom_objects, safe_mode)
        for group in WEIGHTS:
            checkpoint.restore(model, group)
        if model.optimizer is not None and model.optimizer.built:
            checkpoint.restore(model, OPTIMIZER, skip_mismatch=True)
    return model
