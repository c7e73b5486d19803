"""Several callbacks as one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from triceras import tree
from triceras.callbacks.callback import Callback
from triceras.callbacks.history import History
from triceras.callbacks.lazy_logs import LazyLogs
from triceras.callbacks.progbar_logger import ProgbarLogger
from triceras.callbacks.run import Run
from triceras.callbacks.timeline import Timeline, timed


class CallbackList(Callback):
    """Passes every call on to a list of callbacks.

    Args:
        callbacks: callbacks, in lists or not.
        add_history: whether to add a ``History`` unless there is one.
        add_progbar: whether to add a ``ProgbarLogger`` unless there is one.
        model: the model.
        params: ``epochs``, ``steps``, ``verbose``.
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        super().__init__()
        self.callbacks: list[Callback] = [c for c in tree.flatten(callbacks or []) if c is not None]
        for callback in self.callbacks:
            if not hasattr(callback, "on_epoch_end"):
                raise ValueError(f"A callback is an instance of Callback, received {callback!r}.")
        self.history = next((c for c in self.callbacks if isinstance(c, History)), None)
        if add_history and self.history is None:
            self.history = History()
            self.callbacks.append(self.history)
        if add_progbar and not any(isinstance(c, ProgbarLogger) for c in self.callbacks):
            self.callbacks.append(ProgbarLogger())
        self.callbacks.sort(key=lambda callback: callback.runs_last)
        self._paces: dict[str, Any] = {}
        #: Where training notes what its time goes to.
        self.timeline = Timeline()
        if model is not None:
            self.set_model(model)
        self.set_params(params)

    @classmethod
    def of(
        cls, given: Any, model: Any, *, verbose: Any, epochs: int, steps: int | None, add_history: bool = False
    ) -> CallbackList:
        """The list for a run: the one given, or a new one of those given."""
        if isinstance(given, CallbackList):
            return given
        level = 1 if verbose == "auto" else int(verbose)
        return cls(given, add_history, bool(level), model, verbose=level, epochs=epochs, steps=steps)

    def append(self, callback: Callback) -> None:
        """Add a callback."""
        self.callbacks.append(callback)

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        if self.history is not None:
            model.history = self.history
        for callback in self.callbacks:
            callback.set_model(model)

    # ---- what training asks -----------------------------------------------------------------------------------------

    def adjust(self, run: Run) -> None:
        for callback in self.callbacks:
            callback.adjust(run)

    def adjusted(self, run: Run) -> Run:
        """What ``fit`` is to do once the callbacks have changed it, its numbers told to those that stay."""
        planned = run.epochs, run.steps
        self.adjust(run)
        if (run.epochs, run.steps) != planned:
            run.listeners.set_params(run.listeners.params | {"epochs": run.epochs, "steps": run.steps})
        return run

    def without(self, unwanted: Callable[[Callback], bool]) -> CallbackList:
        """The same list without some callbacks."""
        other = copy.copy(self)
        other.callbacks = [callback for callback in self.callbacks if not unwanted(callback)]
        return other

    def begin_or_resume(self, source: Any, epoch: int) -> tuple[int, int]:
        """Begin training; returns its first epoch, and how many batches of that are done already."""
        self.on_train_begin()
        resumed = [callback.resume(source, self.callbacks) for callback in self.callbacks]
        return next((place for place in resumed if place is not None), (epoch, 0))

    def needs_batches(self, kind: str) -> bool:
        """Whether any callback must be called for every batch."""
        return any(wants_batches(c, kind) for c in self.callbacks)

    def pace(self, kind: str) -> Any:
        """What was learned about the length of steps in this run, or None."""
        return self._paces.get(kind)

    def set_pace(self, kind: str, pace: Any) -> Any:
        """Remember it."""
        self._paces[kind] = pace
        return pace

    @timed
    def begin_steps(self, kind: str, batch: int) -> None:
        """Before a call of steps of a kind."""
        for callback in self.callbacks:
            getattr(callback, f"on_{kind}_batch_begin")(batch, {})

    @timed
    def end_steps(self, kind: str, batch: int, read: Callable[[], dict[str, Any]] = dict) -> None:
        """After a call of steps of a kind; the figures are read only if a callback needs them now."""
        logs = LazyLogs(read)
        for callback in [c for c in self.callbacks if wants_batches(c, kind)]:
            getattr(callback, f"on_{kind}_batch_end")(batch, logs)
        for callback in self.callbacks:
            if isinstance(callback, ProgbarLogger) and callback.passed(kind, batch):
                callback.advance(kind, batch, logs)
        if kind != "predict":
            self.on_steps_end(kind, batch)

    def close(self) -> None:
        """Leave the terminal as it was, whatever ended the run."""
        for callback in self.callbacks:
            if isinstance(callback, ProgbarLogger):
                callback.close()

    def on_steps_end(self, kind: str, batch: int) -> None:
        for callback in self.callbacks:
            callback.on_steps_end(kind, batch)

    # ---- the calls themselves ---------------------------------------------------------------------------------------

    @timed
    def _pass_on(self, method: str, *args: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, method)(*args)

    def on_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._pass_on("on_batch_begin", batch, logs or {})

    def on_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._pass_on("on_batch_end", batch, logs or {})

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._pass_on("on_epoch_begin", epoch, logs or {})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._pass_on("on_epoch_end", epoch, logs or {})

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._pass_on("on_train_batch_begin", batch, logs or {})

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._pass_on("on_train_batch_end", batch, logs or {})

    def on_test_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._pass_on("on_test_batch_begin", batch, logs or {})

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._pass_on("on_test_batch_end", batch, logs or {})

    def on_predict_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._pass_on("on_predict_batch_begin", batch, logs or {})

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._pass_on("on_predict_batch_end", batch, logs or {})

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._pass_on("on_train_begin", logs or {})

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._pass_on("on_train_end", logs or {})

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._pass_on("on_test_begin", logs or {})

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        self._pass_on("on_test_end", logs or {})

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._pass_on("on_predict_begin", logs or {})

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        self._pass_on("on_predict_end", logs or {})


def wants_batches(callback: Any, kind: str) -> bool:
    """Whether a callback must be called for every batch."""
    return callback.wants_batches(kind)
