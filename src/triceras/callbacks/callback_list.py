"""Several callbacks as one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from triceras import tree
from triceras.callbacks.callback import Callback
from triceras.callbacks.history import History
from triceras.callbacks.progbar_logger import ProgbarLogger

#: Seconds between two looks at the figures while a progress bar is drawn.
REFRESH_SECONDS = 0.25


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
        self._paces: dict[str, Any] = {}
        self._last_look = 0.0
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
        return cls(
            given, add_history, bool(level), model, verbose=level, epochs=epochs, steps=steps
        )

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

    def on_batch_begin(self, kind: Any, batch: Any = None) -> None:  # type: ignore[override]
        """Before a call of steps of a kind."""
        for callback in self.callbacks:
            getattr(callback, f"on_{kind}_batch_begin")(batch, {})

    def on_batch_end(self, kind: Any, batch: Any = None, read: Callable[[], dict[str, Any]] = dict) -> None:  # type: ignore[override]
        """After a call of steps of a kind; the figures are read only if a callback needs them now."""
        if kind == "predict":
            for callback in self.callbacks:
                getattr(callback, "on_predict_batch_end")(batch, {})
            return
        eager = [c for c in self.callbacks if wants_batches(c, kind)]
        watching = [c for c in self.callbacks if isinstance(c, ProgbarLogger) and c.draws]
        logs: dict[str, Any] | None = None
        if eager:
            logs = read()
            for callback in eager:
                getattr(callback, f"on_{kind}_batch_end")(batch, logs)
        now = time.monotonic()
        if watching and now - self._last_look >= REFRESH_SECONDS:
            self._last_look = now
            logs = read() if logs is None else logs
            for callback in watching:
                callback.advance(kind, batch, logs)


def wants_batches(callback: Any, kind: str) -> bool:
    """Whether a callback must be called for every batch."""
    return callback.wants_batches(kind)


def _passed_on(name: str, takes_number: bool) -> Callable[..., None]:
    def with_number(self: CallbackList, number: int, logs: dict[str, Any] | None = None) -> None:
        for callback in self.callbacks:
            getattr(callback, name)(number, logs or {})

    def without(self: CallbackList, logs: dict[str, Any] | None = None) -> None:
        for callback in self.callbacks:
            getattr(callback, name)(logs or {})

    method = with_number if takes_number else without
    method.__name__ = name
    method.__doc__ = getattr(Callback, name).__doc__
    return method


for _name, _takes_number in {
    "on_epoch_begin": True,
    "on_epoch_end": True,
    "on_train_begin": False,
    "on_train_end": False,
    "on_test_begin": False,
    "on_test_end": False,
    "on_predict_begin": False,
    "on_predict_end": False,
}.items():
    setattr(CallbackList, _name, _passed_on(_name, _takes_number))
