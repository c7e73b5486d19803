"""The record of a run."""

from __future__ import annotations

from typing import Any

from triceras.callbacks.callback import Callback


class History(Callback):
    """Keeps the figures of every epoch in ``history``, a dictionary of lists, and the epochs' numbers in ``epoch``."""

    state_names = ("history", "epoch")

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        if self.model is not None:
            self.model.history = self
