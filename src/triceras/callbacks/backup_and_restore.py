"""Going on with a training that was cut off, as if it had not been."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from triceras import ops
from triceras.callbacks.callback import Callback
from triceras.core.errors import FileFormatError
from triceras.random.seed import global_seed_generator
from triceras.saving.atomic import replacing
from triceras.saving.hdf5 import StoredVariables, Writer, reading
from triceras.saving.limits import Budget

#: How the description of a backup says that an array stands in one of its datasets.
_ARRAY = "array in dataset"


class BackupAndRestore(Callback):
    """Keeps the state of a training in a file, so that the same call of ``fit`` goes on where it was cut off.

    The file holds weights, the optimizer's state, metrics, seeds, the order of the data, the place in the epoch and what
    other callbacks know (``Callback.get_state``). It is replaced as a whole: a process killed at any moment leaves the one
    before. A run that goes on from it ends with the same bits as one never cut off, where the data are arrays, or batches
    that come in the same order when they are read again.

    Args:
        backup_dir: the folder of the file; no other training may use it.
        save_freq: ``"epoch"``, or a number of batches, after each of which training stops to save.
        double_checkpoint: whether to keep the file before the last too, should the disk damage the last.
        delete_checkpoint: whether to delete what was kept when training ends as planned.

    Raises:
        ValueError: an argument is wrong; or, when training begins, the file is damaged or of another model.

    Example:
        >>> from triceras import callbacks
        >>> callbacks.BackupAndRestore("backup", save_freq=100).path.name
        'latest.h5'
    """

    runs_last = True
    writes_files = True
    state_names = ("_batches",)

    def __init__(
        self,
        backup_dir: Any,
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if not os.fspath(backup_dir):
            raise ValueError(f"backup_dir names a folder, received {backup_dir!r}.")
        whole = isinstance(save_freq, int) and not isinstance(save_freq, bool) and save_freq > 0
        if save_freq != "epoch" and not whole:
            raise ValueError(f"save_freq is 'epoch' or a positive number of batches, received {save_freq!r}.")
        self.backup_dir = pathlib.Path(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self.path = self.backup_dir / "latest.h5"
        self.previous = self.backup_dir / "previous.h5"
        self._batches = 0
        self._epoch = 0
        self._source: Any = None
        self._source_state: dict[str, int] = {}
        self._listeners: Sequence[Callback] = ()

    def wants_batches(self, kind: str) -> bool:
        return kind == "train" and self.save_freq != "epoch"

    def resume(self, source: Any, listeners: Sequence[Callback]) -> tuple[int, int] | None:
        self._source, self._listeners, self._batches = source, listeners, 0
        for unfinished in self.backup_dir.glob(f".{self.path.name}.*.tmp"):  # of a process killed while it saved
            unfinished.unlink()
        for path in (self.path, self.previous):
            if path.exists():
                return self._restore(path)
        return None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch
        self._source_state = {} if self._source is None else self._source.get_state()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._batches += 1
        if self.save_freq != "epoch" and self._batches % int(self.save_freq) == 0:
            self._save(self._epoch, batch + 1, self._source_state)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.save_freq == "epoch" and self._source is not None:
            stopped = self._needed_model("back up").stop_training
            self._save(self.params["epochs"] if stopped else epoch + 1, 0, self._source.get_state())

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self.delete_checkpoint:
            self.path.unlink(missing_ok=True)
            self.previous.unlink(missing_ok=True)
            if self.backup_dir.is_dir() and not any(self.backup_dir.iterdir()):
                self.backup_dir.rmdir()

    # ---- the file ---------------------------------------------------------------------------------------------------

    def _variables(self) -> list[Any]:
        model = self._needed_model("back up")
        optimizer = model.optimizer.variables if model.optimizer is not None else []
        every = [*model.variables, *optimizer, *model.metrics_variables, global_seed_generator().state]
        return list({id(v): v for v in every}.values())

    def _save(self, epoch: int, batch: int, source_state: dict[str, int]) -> None:
        self.backup_dir.mkdir(parents=True, exist_ok=True)
        arrays = [ops.convert_to_numpy(v.value) for v in self._variables()]
        count = len(arrays)
        states = [[type(c).__name__, _described(c.get_state(), arrays)] for c in self._listeners]
        description = {"epoch": epoch, "batch": batch, "variables": count, "source": source_state, "callbacks": states}
        with replacing(self.path) as temporary:
            writer = Writer()
            store = writer.group("")
            store["description"] = np.frombuffer(json.dumps(description).encode(), np.uint8)
            for number, array in enumerate(arrays):
                store[str(number)] = array
            with temporary.open("wb") as file:
                file.writelines(writer.chunks())
            if self.double_checkpoint and self.path.exists():
                self.path.replace(self.previous)

    def _restore(self, path: pathlib.Path) -> tuple[int, int]:
        try:
            with reading(path, str(path)) as file:
                store = StoredVariables(file, str(path), Budget(str(path), path.stat().st_size))
                description = json.loads(store["description"].tobytes())
                variables = self._variables()
                shapes = [store.shape(str(n)) for n in range(description["variables"])]
                if shapes != [v.shape for v in variables]:
                    raise ValueError(
                        f"The backup {path} is of another model: expected {len(variables)} variables like those of "
                        f"{self.model.name!r}, received {len(shapes)}; the first difference is "
                        f"{_first_difference(variables, shapes)}. Delete it, or choose another backup_dir."
                    )
                if set(description["source"]) != set(self._source.get_state()):
                    raise ValueError(
                        f"The backup {path} was made on another kind of data: expected arrays or batches as now, received the "
                        f"place {description['source']}. Pass data of that kind, or delete it."
                    )
                for number, variable in enumerate(variables):
                    variable.assign(store[str(number)])
                self._restore_callbacks(description["callbacks"], store)
        except (OSError, KeyError, json.JSONDecodeError, FileFormatError) as error:
            raise ValueError(
                f"The backup {path} is damaged: {error}. Delete it to begin anew"
                + (f" or, to go on from {self.previous}, the backup before." if self.previous.exists() else ".")
            ) from error
        self._source.set_state(description["source"])
        return description["epoch"], description["batch"]

    def _restore_callbacks(self, saved: list[list[Any]], store: StoredVariables) -> None:
        """Give each callback the state of the one of its class that stood in its place."""
        for callback in self._listeners:
            place = next((n for n, (name, _) in enumerate(saved) if name == type(callback).__name__), None)
            if place is not None:
                callback.set_state(_undescribed(saved.pop(place)[1], store))


def _first_difference(variables: list[Any], shapes: list[Any]) -> str:
    for number, (variable, shape) in enumerate(zip(variables, shapes, strict=False)):
        if variable.shape != shape:
            return f"variable {number}, {variable.path!r} with the shape {variable.shape}, {shape} in the file"
    return f"variable {min(len(variables), len(shapes))}, which only one of them has"


def _described(value: Any, arrays: list[Any]) -> Any:
    """A state as JSON takes it; its arrays join a list."""
    if isinstance(value, dict):
        return {name: _described(part, arrays) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_described(part, arrays) for part in value]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {_ARRAY: len(arrays) - 1}
    return value


def _undescribed(value: Any, store: StoredVariables) -> Any:
    if isinstance(value, dict):
        if set(value) == {_ARRAY}:
            return store[str(value[_ARRAY])]
        return {name: _undescribed(part, store) for name, part in value.items()}
    return [_undescribed(part, store) for part in value] if isinstance(value, list) else value
