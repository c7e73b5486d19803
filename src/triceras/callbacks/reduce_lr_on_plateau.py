"""Lowering the learning rate when a figure no longer improves."""

from __future__ import annotations

from typing import Any

from triceras.callbacks.monitor import MonitorCallback


class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate by a factor when a figure hasn't improved for some epochs.

    The rate goes into the logs as ``learning_rate``.

    Args:
        monitor: the figure's name.
        factor: what the learning rate is multiplied by, in [0, 1).
        patience: epochs without improvement before that.
        verbose: 1 to say so.
        mode: ``"min"``, ``"max"`` or ``"auto"``.
        min_delta: the least change that counts.
        cooldown: epochs after a reduction in which nothing is counted.
        min_lr: the least learning rate.
        kwargs: ``epsilon``, the older name of ``min_delta``.

    Raises:
        ValueError: a factor of 1 or more, or another mode.

    Example:
        >>> from triceras import callbacks
        >>> callbacks.ReduceLROnPlateau(monitor="loss", factor=0.5, patience=3).factor
        0.5
    """

    state_names = ("cooldown_counter", "wait", "best")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        **kwargs: Any,
    ) -> None:
        min_delta = kwargs.pop("epsilon", min_delta)
        if kwargs:
            raise TypeError(f"ReduceLROnPlateau() takes no {', '.join(kwargs)}.")
        if not 0 <= factor < 1:
            raise ValueError(f"factor is at least 0 and under 1, so that the learning rate falls; received {factor}.")
        super().__init__(monitor, mode, min_delta=min_delta)
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self.cooldown_counter = 0
        self.wait = 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.best = None
        self.cooldown_counter = 0
        self.wait = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        optimizer = self._needed_model("lower the learning rate of").optimizer
        value = self.figure(logs)
        rate = float(optimizer.learning_rate)
        if logs is not None:
            logs["learning_rate"] = rate
        if value is None:
            return
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.improves(value, self.best):
            self.best = value
            self.wait = 0
        elif not self.cooldown_counter:
            self.wait += 1
            if self.wait >= self.patience and rate > self.min_lr:
                self._reduce(optimizer, max(rate * self.factor, self.min_lr), epoch)

    def _reduce(self, optimizer: Any, rate: float, epoch: int) -> None:
        optimizer.learning_rate = rate
        self.cooldown_counter = self.cooldown
        self.wait = 0
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: ReduceLROnPlateau sets the learning rate to {rate}.")
