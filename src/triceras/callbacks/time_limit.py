"""Ending training when its time is over."""

from __future__ import annotations

import datetime
import re
import time
from collections.abc import Callable
from typing import Any

from triceras.callbacks.callback import Callback

#: Seconds, and calls of steps, after which the device is waited for: a host that runs ahead would look at its clock too early.
_SETTLE_SECONDS, _SETTLE_CALLS = 0.1, 8


class TimeLimit(Callback):
    """Ends training when its time is over: after the steps that run then, or after the epoch.

    The time of a training that was cut off and goes on by ``BackupAndRestore`` counts as a whole. Validation that has begun is
    done to its end.

    Args:
        limit: seconds, a ``datetime.timedelta``, or a text ``"DD:HH:MM:SS"``.
        interval: ``"step"``, or ``"epoch"`` to end after whole epochs only.
        verbose: 1 to say so.

    Raises:
        ValueError: another form of time, one that isn't positive, or another interval.

    Example:
        >>> from triceras import callbacks
        >>> callbacks.TimeLimit("01:12:00:00", interval="epoch").seconds / 3600
        36.0
    """

    state_names = ("elapsed",)
    #: Gives the time in seconds.
    clock: Callable[[], float] = staticmethod(time.monotonic)

    def __init__(self, limit: float | str | datetime.timedelta, interval: str = "step", verbose: int = 0) -> None:
        super().__init__()
        if interval not in ("step", "epoch"):
            raise ValueError(f"TimeLimit: interval is 'step' or 'epoch', received {interval!r}.")
        self.seconds = _seconds(limit)
        self.interval = interval
        self.verbose = verbose
        self._earlier = 0.0
        self._started: float | None = None
        self._epoch = 0
        self._settled = 0.0
        self._calls = 0

    @property
    def elapsed(self) -> float:
        """Seconds of training so far, those before it was cut off among them."""
        return self._earlier + (0.0 if self._started is None else self.clock() - self._started)

    @elapsed.setter
    def elapsed(self, seconds: float) -> None:
        self._earlier = seconds
        self._started = None if self._started is None else self.clock()

    @property
    def remaining(self) -> float:
        """Seconds left, 0 when the time is over."""
        return max(0.0, self.seconds - self.elapsed)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._earlier, self._started, self._calls = 0.0, self.clock(), 0
        self._settled = self._started

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch

    def on_steps_end(self, kind: str, batch: int) -> None:
        if kind == "train" and self.interval == "step":
            self._settle()
            self._check(f"batch {batch + 1} of epoch {self._epoch + 1}")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._check(f"epoch {epoch + 1}")

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._earlier, self._started = self.elapsed, None

    def _settle(self) -> None:
        """Now and then, wait until the device has done what it was told to."""
        self._calls += 1
        if self.model is not None and (
            self._calls % _SETTLE_CALLS == 0 or self.clock() - self._settled >= _SETTLE_SECONDS
        ):
            self.model.backend.block([v.stored_value for v in self.model.metrics_variables[:1]])
            self._settled = self.clock()

    def _check(self, place: str) -> None:
        if self.remaining or (self.model is not None and self.model.stop_training):
            return
        self._stop_training()
        if self.verbose:
            limit, elapsed = (datetime.timedelta(seconds=round(s)) for s in (self.seconds, self.elapsed))
            print(f"\nTimeLimit: the time of {limit} is over ({elapsed}) after {place}; training ends.")


def _seconds(limit: Any) -> float:
    """A time in seconds."""
    wanted = "a positive number of seconds, a timedelta or 'DD:HH:MM:SS'"
    if isinstance(limit, str):
        parts = re.fullmatch(r"(\d+):(\d{1,2}):(\d{1,2}):(\d{1,2})", limit)
        if parts is None:
            raise ValueError(f"TimeLimit: limit is {wanted}, received {limit!r}.")
        days, hours, minutes, seconds = map(int, parts.groups())
        limit = datetime.timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if isinstance(limit, datetime.timedelta):
        limit = limit.total_seconds()
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not limit > 0:
        raise ValueError(f"TimeLimit: limit is {wanted}, received {limit!r}.")
    return float(limit)
