"""Counting the batches of a training."""

from __future__ import annotations

from typing import Any

from triceras.callbacks.callback import Callback


class BatchCounting(Callback):
    """A callback that counts batches across epochs, and on from there where ``BackupAndRestore`` takes a training up again."""

    state_names = ("_batches",)

    def __init__(self) -> None:
        super().__init__()
        #: How many batches have begun.
        self._batches = 0
        self._before_epoch: int | None = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._before_epoch = None

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._before_epoch is None:
            self._before_epoch = self._batches - batch  # an epoch that is taken up again doesn't begin with batch 0
        self._batches = self._before_epoch + batch + 1

    def on_steps_end(self, kind: str, batch: int) -> None:
        if kind == "train" and self._before_epoch is not None:  # many of them may have been one call
            self._batches = self._before_epoch + batch + 1
