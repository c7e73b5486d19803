"""Progress on the terminal."""

from __future__ import annotations

from typing import Any

from triceras.callbacks.callback import Callback
from triceras.callbacks.progbar import Progbar


class ProgbarLogger(Callback):
    """Draws a progress bar for each epoch (``verbose=1``), or prints a line after it (``verbose=2``)."""

    def __init__(self) -> None:
        super().__init__()
        self._bar: Progbar | None = None
        self._epochs = 1
        self._in_epoch = False

    @property
    def draws(self) -> bool:
        """Whether it shows an epoch while it runs."""
        return self.params.get("verbose", 1) == 1

    def _begin(self) -> None:
        self._bar = Progbar(self.params.get("steps"), verbose=self.params.get("verbose", 1), unit_name="step")

    def advance(self, kind: str, batch: int, logs: dict[str, Any]) -> None:
        """Show how far the epoch is, and its figures."""
        if self._bar is not None and (kind == "train" or not self._in_epoch):
            self._bar.update(batch + 1, list(logs.items()), finalize=False)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._epochs = self.params.get("epochs", 1)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._in_epoch = True
        self._begin()
        if self.params.get("verbose", 1) and self._epochs > 1 and self._bar is not None:
            self._bar.title(f"Epoch {epoch + 1}/{self._epochs}")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._end(logs)
        self._in_epoch = False

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        if not self._in_epoch:
            self._begin()

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        if not self._in_epoch:
            self._end(logs)

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._begin()

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        self._end(logs)

    def _end(self, logs: dict[str, Any] | None) -> None:
        if self._bar is not None:
            self._bar.update(self._bar.target, list((logs or {}).items()), finalize=True)
            self._bar = None
