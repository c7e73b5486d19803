"""Evaluating with the moving averages of the weights."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.callbacks.callback import Callback


class SwapEMAWeights(Callback):
    """Evaluates and predicts with the weights' moving averages, and trains on with the weights themselves.

    Put it before callbacks that save the model, with ``swap_on_epoch``, for files that hold the averages.

    Args:
        swap_on_epoch: whether the averages are in place at the end of each epoch too, until the next one begins.

    Raises:
        ValueError: when it is used, the optimizer keeps no averages (``use_ema=True`` makes it).

    Example:
        >>> from triceras import callbacks
        >>> callbacks.SwapEMAWeights(swap_on_epoch=True).swap_on_epoch
        True
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._kept: list[tuple[Any, Any]] = []

    def get_state(self) -> dict[str, Any]:
        return {"kept": [ops.convert_to_numpy(value) for _, value in self._kept]}

    def set_state(self, state: dict[str, Any]) -> None:
        self._kept = list(zip((v for v, _ in self._averages()), state["kept"], strict=False))

    def _averages(self) -> list[tuple[Any, Any]]:
        """The weights that have an average, with it."""
        model = self._needed_model("swap the weights of")
        if model.optimizer is None:
            return []
        pairs = [(v, model.optimizer.moving_average(v)) for v in model.trainable_variables]
        return [(variable, average) for variable, average in pairs if average is not None]

    def _swap(self) -> None:
        """Put the averages in place of the weights, which are kept."""
        if self._kept:
            return
        model = self._needed_model("swap the weights of")
        pairs = self._averages()
        if not pairs:
            raise ValueError(
                f"SwapEMAWeights needs an optimizer made with use_ema=True that has trained, received {model.optimizer!r} "
                f"in model {model.name!r}."
            )
        self._kept = [(variable, ops.copy(variable.value)) for variable, _ in pairs]
        for variable, average in pairs:
            variable.assign(ops.copy(average.value))

    def _swap_back(self) -> None:
        for variable, value in self._kept:
            variable.assign(value)
        self._kept = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._swap_back()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.swap_on_epoch:
            self._swap()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._kept = []

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._kept = []  # by now the optimizer has put its averages in place for good

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._swap()

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        self._swap_back()

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._swap()

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        self._swap_back()
