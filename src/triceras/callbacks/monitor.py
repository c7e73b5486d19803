"""Watching one figure: which way is better, and whether it got better."""

from __future__ import annotations

import math
import warnings
from typing import Any

from triceras.callbacks.callback import Callback

_UPWARD = ("acc", "auc", "precision", "recall", "f1", "iou", "score")


class MonitorCallback(Callback):
    """A callback that follows one figure.

    Args:
        monitor: the figure's name.
        mode: ``"min"``, ``"max"``, or ``"auto"`` to tell by the name.
        best: the value to beat first.
        min_delta: the least change that counts.
    """

    def __init__(self, monitor: str, mode: str, best: float | None = None, min_delta: float = 0.0) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"mode is 'auto', 'min' or 'max', received {mode!r}.")
        self.monitor = monitor
        self.mode = mode
        self.best = best
        self.min_delta = abs(min_delta)

    def figure(self, logs: dict[str, Any] | None) -> float | None:
        """The figure's value, or None with a warning where there is none."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            warnings.warn(
                f"{type(self).__name__} follows {self.monitor!r}, which isn't among the figures: {', '.join(logs or {})}.",
                stacklevel=3,
            )
            return None
        return float(value)

    def _upward(self) -> bool:
        if self.mode != "auto":
            return self.mode == "max"
        for metric in getattr(self.model, "metrics", []):
            if self.monitor.removeprefix("val_") == metric.name and hasattr(metric, "_direction"):
                return metric._direction == "up"
        name = self.monitor.removeprefix("val_").lower()
        return any(part in name for part in _UPWARD)

    def improves(self, value: float, best: float | None) -> bool:
        """Whether a value beats another by more than the least change."""
        if best is None or math.isnan(best):
            return not math.isnan(value)
        return value - self.min_delta > best if self._upward() else value + self.min_delta < best
