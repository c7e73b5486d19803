"""What callbacks have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from triceras.callbacks.run import Run


class Callback:
    """Called at the beginning and end of training, epochs and batches; a subclass overrides what it needs.

    ``self.model`` is the model, ``self.params`` holds ``epochs``, ``steps`` and ``verbose``. Overriding a batch's methods
    makes training stop after every batch to call them; without that, as many steps as fit run in one call on the device.
    """

    #: The attributes that a training which was cut off needs again: numbers, strings, arrays, lists and dictionaries.
    state_names: tuple[str, ...] = ()
    #: Whether it is called after those that don't.
    runs_last = False
    #: Whether it leaves files, or sends figures elsewhere; ``FastDevRun`` runs without those that do.
    writes_files = False

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self._model: Any = None
        self.validation_data: Any = None

    @property
    def model(self) -> Any:
        """The model that is trained; None where the callback is used by itself."""
        return self._model

    def _needed_model(self, purpose: str) -> Any:
        """The model, where a callback can't do its work without one.

        Raises:
            ValueError: there is none.
        """
        if self._model is None:
            raise ValueError(
                f"{type(self).__name__} has no model to {purpose}: expected one from fit(callbacks=[...]) or set_model(model), "
                "received None. Pass the callback to fit(), or call set_model() first."
            )
        return self._model

    def _stop_training(self) -> None:
        """Let training end after the batch or epoch that runs; nothing where there is no model."""
        if self._model is not None:
            self._model.stop_training = True

    def set_params(self, params: dict[str, Any]) -> None:
        """Take in the parameters of the run."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Take in the model."""
        self._model = model

    def on_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """The same as ``on_train_batch_begin``, an older name."""

    def on_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """The same as ``on_train_batch_end``, an older name."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Before an epoch of training."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """After an epoch of training and its validation, with their figures."""

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Before a batch of training."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """After a batch of training, with the epoch's figures so far."""
        self.on_batch_end(batch, logs)

    def on_test_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Before a batch of evaluation."""

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """After a batch of evaluation."""

    def on_predict_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Before a batch of prediction."""

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """After a batch of prediction."""

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Before training."""

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """After training."""

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Before evaluation."""

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """After evaluation."""

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Before prediction."""

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        """After prediction."""

    def on_steps_end(self, kind: str, batch: int) -> None:
        """After a call of steps of ``"train"`` or ``"test"``, of which ``batch`` was the last.

        Overriding it costs no pace: as many steps as fit in 0.1 s stay one call, and no figures are read for it.
        """

    # ---- what a backup keeps ----------------------------------------------------------------------------------------

    def get_state(self) -> dict[str, Any]:
        """What it learned in this training: the attributes of ``state_names``; ``BackupAndRestore`` keeps it."""
        return {name: getattr(self, name) for name in self.state_names}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take in what ``get_state`` returned, after ``on_train_begin``."""
        for name in self.state_names:
            setattr(self, name, state[name])

    def resume(self, source: Any, listeners: Sequence[Callback]) -> tuple[int, int] | None:
        """The epoch and the batch to go on from, once everything is as it was then; None to begin as planned."""
        return None

    # ---- what training asks -----------------------------------------------------------------------------------------

    def adjust(self, run: Run) -> None:
        """Change what ``fit`` is about to do: its data, how much of it, its callbacks. Called before training begins."""

    def wants_batches(self, kind: str) -> bool:
        """Whether it must be called for every batch of ``"train"``, ``"test"`` or ``"predict"``."""
        names = [f"on_{kind}_batch_begin", f"on_{kind}_batch_end"]
        if kind == "train":
            names += ["on_batch_begin", "on_batch_end"]
        return any(getattr(type(self), name) is not getattr(Callback, name) for name in names)
