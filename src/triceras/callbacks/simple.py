"""Small callbacks: functions as callbacks, learning-rate schedules by epoch, ending on NaN."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from triceras.callbacks.callback import Callback


class LambdaCallback(Callback):
    """Functions in the place of methods.

    Args:
        on_epoch_begin, on_epoch_end, on_train_begin, on_train_end, on_train_batch_begin, on_train_batch_end: the functions,
            each with the arguments of the method it stands for.
        kwargs: functions for other methods, by name.
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self._functions = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        for name, function in self._functions.items():
            if function is not None:
                setattr(self, name, function)

    def wants_batches(self, kind: str) -> bool:
        return any(self._functions.get(f"on_{kind}_batch_{when}") is not None for when in ("begin", "end"))


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of each epoch.

    Args:
        schedule: ``(epoch, learning_rate) -> learning_rate``, or a function of the epoch alone.
        verbose: 1 to say what it is set to.
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        optimizer = self._needed_model("set the learning rate of").optimizer
        current = float(optimizer.learning_rate)
        try:
            rate = self.schedule(epoch, current)
        except TypeError:  # a schedule of the epoch alone
            rate = self.schedule(epoch)
        if not isinstance(rate, int | float) and not hasattr(rate, "__float__"):
            raise ValueError(f"The schedule must return a number, received {rate!r} for epoch {epoch}.")
        optimizer.learning_rate = float(rate)
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: LearningRateScheduler sets the learning rate to {float(rate)}.")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self._needed_model("read the learning rate of").optimizer.learning_rate)


class TerminateOnNaN(Callback):
    """Ends training when the loss is NaN or infinite.

    Args:
        raise_error: whether to raise a ``RuntimeError`` rather than end quietly.
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def wants_batches(self, kind: str) -> bool:
        return kind == "train"

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        of = "" if self.model is None else f" of model {self.model.name!r}"
        message = f"Batch {batch}: the loss{of} is {loss}; training ends."
        if self.raise_error:
            raise RuntimeError(f"{message} Lower the learning rate, clip gradients, or look for NaN in the data.")
        print(message)
        self._stop_training()
