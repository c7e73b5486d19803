"""Saving the model while it trains."""

from __future__ import annotations

import os
from typing import Any

from triceras.callbacks.monitor import MonitorCallback


class ModelCheckpoint(MonitorCallback):
    """Saves the model, or its weights, after epochs or every so many batches.

    Args:
        filepath: the file, which may hold ``{epoch:02d}`` and figures like ``{val_loss:.2f}``; ``.keras`` for whole models,
            ``.weights.h5`` for weights.
        monitor: the figure that decides which is best.
        verbose: 1 to say what is saved.
        save_best_only: whether to save only when the figure improves.
        save_weights_only: whether to save only weights.
        mode: ``"min"``, ``"max"`` or ``"auto"``.
        save_freq: ``"epoch"``, or a number of batches.
        initial_value_threshold: the value to beat first.
    """

    state_names = ("best", "_batches")
    writes_files = True

    def __init__(
        self,
        filepath: Any,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: Any = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, best=initial_value_threshold)
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        if save_freq != "epoch" and not (isinstance(save_freq, int) and save_freq > 0):
            raise ValueError(f"save_freq is 'epoch' or a number of batches, received {save_freq!r}.")
        ending = ".weights.h5" if save_weights_only else ".keras"
        if not self.filepath.endswith((ending, ".h5")):
            raise ValueError(f"The file's name must end in {ending!r}, received filepath={self.filepath!r}.")
        self._epoch = 0
        self._batches = 0

    def wants_batches(self, kind: str) -> bool:
        return kind == "train" and self.save_freq != "epoch"

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.save_freq == "epoch":
            return
        self._batches += 1
        if self._batches % self.save_freq == 0:
            self._save(self._epoch, batch, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch, None, logs)

    def _save(self, epoch: int, batch: int | None, logs: dict[str, Any] | None) -> None:
        path = self._path(epoch, batch, logs)
        if self.save_best_only:
            value = self.figure(logs)
            if value is None or not self.improves(value, self.best):
                return
            if self.verbose:
                print(f"\nEpoch {epoch + 1}: {self.monitor} improved from {self.best} to {value:.5f}, saving to {path}")
            self.best = value
        elif self.verbose:
            print(f"\nEpoch {epoch + 1}: saving to {path}")
        folder = os.path.dirname(path)
        if folder:
            os.makedirs(folder, exist_ok=True)
        model = self._needed_model("save")
        if self.save_weights_only:
            model.save_weights(path, overwrite=True)
        else:
            model.save(path, overwrite=True)

    def _path(self, epoch: int, batch: int | None, logs: dict[str, Any] | None) -> str:
        figures = dict(logs or {}) | ({} if batch is None else {"batch": batch + 1})
        try:
            return self.filepath.format(epoch=epoch + 1, **figures)
        except KeyError as error:
            raise KeyError(
                f"filepath={self.filepath!r} uses {error}, which isn't among the figures: {', '.join(figures)}."
            ) from error
