"""Saving the model while it trains, in the background, with Orbax."""

from __future__ import annotations

import os
import pathlib
from typing import Any

from triceras.callbacks.batch_counting import BatchCounting
from triceras.callbacks.monitor import MonitorCallback
from triceras.saving import orbax_files


class OrbaxCheckpoint(MonitorCallback, BatchCounting):
    """Saves the model to an Orbax checkpoint after epochs or every so many batches, while training goes on.

    Each checkpoint is a folder of the directory, named after the epoch, from 0, or after the batches in all. It appears when
    it is written as a whole, on whatever backend, and is read on any: by ``triceras.saving.load_model(directory)`` and
    ``model.load_weights(directory)``, which take the last one or the folder of one, and by those of Keras 3. Values are copied
    before they are written. Errors of writing are raised when the next checkpoint is due or training ends.

    Args:
        directory: the folder of the checkpoints.
        monitor: the figure that decides which is best.
        verbose: 1 to say what is saved.
        save_best_only: whether to save only when the figure improves.
        mode: ``"min"``, ``"max"`` or ``"auto"``.
        save_freq: ``"epoch"``, or a number of batches.
        initial_value_threshold: the value to beat first.
        max_to_keep: how many checkpoints, the last ones, are kept; None for all.
        save_on_background: whether training goes on while one is written.
        save_weights_only: whether to leave out the configuration, the optimizer's state and the metrics.

    Raises:
        ImportError: the package ``orbax-checkpoint`` isn't installed.
        ValueError: an argument is wrong; or, when training begins, the directory has checkpoints that would count as newer.

    Example:
        >>> from triceras import callbacks
        >>> callbacks.OrbaxCheckpoint("checkpoints", save_freq=100, max_to_keep=3).directory.name
        'checkpoints'
    """

    writes_files = True
    state_names = ("best", "_batches")

    def __init__(
        self,
        directory: Any,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        mode: str = "auto",
        save_freq: int | str = "epoch",
        initial_value_threshold: float | None = None,
        max_to_keep: int | None = 1,
        save_on_background: bool = True,
        save_weights_only: bool = False,
    ) -> None:
        super().__init__(monitor, mode, best=initial_value_threshold)
        orbax_files.orbax()
        if not directory or not os.fspath(directory):
            raise ValueError(f"directory names a folder, received {directory!r}.")
        if save_freq != "epoch" and not _is_positive(save_freq):
            raise ValueError(f"save_freq is 'epoch' or a positive number of batches, received {save_freq!r}.")
        if max_to_keep is not None and not _is_positive(max_to_keep):
            raise ValueError(
                f"max_to_keep is a positive number of checkpoints, or None for all; received {max_to_keep!r}."
            )
        self.directory = pathlib.Path(directory).absolute()
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_freq = save_freq
        self.max_to_keep = max_to_keep
        self.save_on_background = save_on_background
        self.save_weights_only = save_weights_only
        self._writer: Any = None
        self._writing: Any = None
        self._resumed = self._begun = False
        self._epoch = 0

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state(state)
        self._resumed = True

    def wants_batches(self, kind: str) -> bool:
        return kind == "train" and self.save_freq != "epoch"

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._close()  # what a training that an error ended left
        self._resumed = self._begun = False

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_epoch_begin(epoch, logs)
        self._epoch = epoch
        if not self._begun and not self._resumed:
            self._check_directory(epoch if self.save_freq == "epoch" else self._batches + 1)
        self._begun = True

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.save_freq != "epoch" and self._batches % int(self.save_freq) == 0:
            self._save(self._batches, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch, logs)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._close()

    # ---- the checkpoints --------------------------------------------------------------------------------------------

    def _check_directory(self, first: int) -> None:
        """Refuse checkpoints of another training, which would be kept in the place of this one's."""
        newer = [step for step in orbax_files.steps_in(self.directory) if step >= first]
        if newer:
            raise ValueError(
                f"OrbaxCheckpoint begins with step {first}, and {self.directory} has checkpoints of the steps {newer} already, "
                "which would count as newer. Choose another directory, delete them or, to go on from the last epoch, pass "
                "initial_epoch to fit()."
            )

    def _save(self, step: int, logs: dict[str, Any] | None) -> None:
        model = self._needed_model("save")
        path = self.directory / str(step)
        if self.save_best_only:
            value = self.figure(logs)
            if value is None or not self.improves(value, self.best):
                return
            if self.verbose:
                print(
                    f"\nEpoch {self._epoch + 1}: {self.monitor} improved from {self.best} to {value:.5f}, saving to {path}"
                )
            self.best = value
        elif self.verbose:
            print(f"\nEpoch {self._epoch + 1}: saving to {path}")
        items, metadata = orbax_files.contents(model, self.save_weights_only)
        self._wait()
        writer = self._open()
        for known in writer.checkpoints:
            if known.step >= step:  # of this training, which was cut off and is taken up from before it
                writer.delete(known.step)
        self._writing = writer.save_checkpointables_async(step, items, force=True, custom_metadata=metadata)
        if not self.save_on_background:
            self._wait()

    def _open(self) -> Any:
        if self._writer is None:
            training = orbax_files.orbax().training
            policies = training.preservation_policies
            keep = policies.PreserveAll() if self.max_to_keep is None else policies.LatestN(self.max_to_keep)
            self._writer = training.Checkpointer(
                self.directory, context=orbax_files.writing(), preservation_policy=keep
            )
        return self._writer

    def _wait(self) -> None:
        """Wait until what was begun is written, and raise its error."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def _close(self) -> None:
        writer, self._writer = self._writer, None
        try:
            self._wait()
        finally:
            if writer is not None:
                writer.close()


def _is_positive(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
