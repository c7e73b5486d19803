"""What the time of an epoch goes to."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from triceras.callbacks.callback import Callback
from triceras.callbacks.timeline import Stopwatch

if TYPE_CHECKING:
    from triceras.callbacks.run import Run


class EpochTimer(Callback):
    """Logs where the seconds of each epoch went, so that what is slow can be found.

    The figures of an epoch are ``time_data`` (waiting for batches), ``time_step`` (the steps on the device), ``time_callbacks``
    (callbacks, and the figures they read) and, where it is validated, ``time_validation``. What callbacks behind this one do
    when an epoch ends counts to the next. To tell them apart the host waits for the device after each call of steps, of
    which there are as many or as few as without this callback.

    Example:
        >>> from triceras import callbacks
        >>> model = Sequential([Input((2,)), Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x, y = np.ones((8, 2)), np.ones((8, 1))
        >>> history = model.fit(x, y, verbose=0, callbacks=[callbacks.EpochTimer()])
        >>> [name for name in history.history if name.startswith("time_")]
        ['time_data', 'time_step', 'time_callbacks']
    """

    #: Gives the time in seconds.
    clock: Callable[[], float] = staticmethod(time.perf_counter)

    def __init__(self) -> None:
        super().__init__()
        self._watch = Stopwatch(self.clock)
        self._before_validation: dict[str, float] = {}
        self._validation_began = 0.0
        self._validation: float | None = None

    def adjust(self, run: Run) -> None:
        model = self._needed_model("time")

        def settle() -> None:
            model.backend.block([v.stored_value for v in model.metrics_variables[:1]])

        self._watch = run.listeners.timeline = Stopwatch(self.clock, settle)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._validation = None

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._before_validation, self._validation_began = self._watch.read(), self.clock()

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        self._validation = (self._validation or 0.0) + self.clock() - self._validation_began
        self._watch.set(self._before_validation)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        seconds = self._watch.read()
        self._watch.set({})
        validation, self._validation = self._validation, None
        if logs is None:
            return
        for part in ("data", "step", "callbacks"):
            logs[f"time_{part}"] = seconds.get(part, 0.0)
        if validation is not None:
            logs["time_validation"] = validation
