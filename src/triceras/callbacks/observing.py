"""What callbacks have in common that look at training steps from inside."""

from __future__ import annotations

from typing import Any

import numpy as np

from triceras import ops
from triceras.callbacks.callback import Callback
from triceras.training.observer import Observer, attach, detach


class ObservingCallback(Callback):
    """Has an observer compiled into the steps of a training; a subclass defines ``make_observer``."""

    def __init__(self) -> None:
        super().__init__()
        self.observer: Observer | None = None
        self._observes: list[Any] = []

    def make_observer(self, model: Any) -> Observer:
        """The observer for the steps of a built model."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define make_observer().")

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        model = self._needed_model("observe")
        if model.overrides("train_step"):
            raise ValueError(
                f"{type(self).__name__} can't look into the steps of model {model.name!r}, whose train_step() is its own: "
                "expected the trainer's. Override compute_loss() instead, or leave the callback out."
            )
        variables = [model, *model.trainable_variables]
        # One observer as long as it fits: with another one the steps are compiled anew.
        if self.observer is None or [id(v) for v in variables] != [id(v) for v in self._observes]:
            self.observer, self._observes = self.make_observer(model), variables
        self.observer.reset_state()
        attach(model, self.observer)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.observer is not None:
            self.observer.reset_state()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self.observer is not None:
            detach(self._needed_model("observe"), self.observer)

    def get_state(self) -> dict[str, Any]:
        variables = [] if self.observer is None else self.observer.variables
        return {"observed": [ops.convert_to_numpy(v.stored_value) for v in variables]}

    def set_state(self, state: dict[str, Any]) -> None:
        for variable, value in zip([] if self.observer is None else self.observer.variables, state["observed"]):
            variable.assign(np.asarray(value))
