"""Progress of training, evaluation and prediction."""

from __future__ import annotations

from typing import Any

from triceras.callbacks.callback import Callback
from triceras.callbacks.progress import Display, display_for


class ProgbarLogger(Callback):
    """Shows how far each epoch is, at which pace, and its figures.

    With ``verbose=1`` a bar, drawn in place in a terminal or a notebook; where standard output is a file or a pipe a line at
    the end of each epoch, and one a minute in a long one. With ``verbose=2`` that line alone. The rate of a bar is that of the
    last half minute; that of a line, and of a bar at its end, is of the whole epoch. Evaluation inside of ``fit`` shows
    nothing of its own. It costs training no pace: figures are read four times a second at most.
    """

    def __init__(self) -> None:
        super().__init__()
        self._display: Display | None = None
        self._epochs = 1
        #: What is shown: "train", also while it evaluates, "test" or "predict".
        self._kind = "train"
        self._in_training = False
        self._done = 0
        #: Kind -> the steps of a pass that ended, where nobody knew before.
        self._counted: dict[str, int] = {}

    def wants_batches(self, kind: str) -> bool:
        """No: what it overrides is called with each call of steps, however many are in it."""
        return False

    # ---- what the list of callbacks asks ----------------------------------------------------------------------------

    def passed(self, kind: str, batch: int) -> bool:
        """Take note that steps up to a batch are done; whether it is time to show them."""
        if self._display is None or kind != self._kind:
            return False
        self._done = batch + 1
        return self._display.passed()

    def advance(self, kind: str, batch: int, logs: dict[str, Any]) -> None:
        """Show how far it is, and the figures."""
        if self._display is not None and kind == self._kind:
            self._display.show(batch + 1, logs.items())

    def close(self) -> None:
        """Leave the terminal as it was, whatever ended the run."""
        if self._display is not None:
            self._display.close()
            self._display = None
        self._in_training = False

    # ---- what is called ---------------------------------------------------------------------------------------------

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._epochs = self.params.get("epochs", 1)
        self._counted = {}

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epochs = self.params.get("epochs", 1)
        self._in_training = True
        self._begin("train", f"Epoch {epoch + 1}/{self._epochs}" if self._epochs > 1 else "")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._end(logs)
        self._in_training = False

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._go_on_from("train", batch)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        if not self._in_training:
            self._begin("test")

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        if not self._in_training:
            self._end(logs)

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._begin("predict")

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        self._end(logs)

    def _begin(self, kind: str, title: str = "") -> None:
        if self._display is not None:
            self._display.close()
        total = self.params.get("steps")
        self._kind, self._done = kind, 0
        self._display = display_for(
            title, self._counted.get(kind) if total is None else total, self.params.get("verbose", 1)
        )
        self._display.begin()

    def _go_on_from(self, kind: str, batch: int) -> None:
        """Take note of steps that were done before this run."""
        if batch and not self._done and self._display is not None and kind == self._kind:
            self._done = batch
            self._display.start_at(batch)

    def _end(self, logs: dict[str, Any] | None) -> None:
        if self._display is None:
            return
        self._counted[self._kind] = self._done
        self._display.end(self._done, (logs or {}).items())
        self._display = None
