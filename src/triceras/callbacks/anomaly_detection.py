"""Finding out where numbers stop being finite."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

from triceras.callbacks.observing import ObservingCallback
from triceras.training.anomaly import FirstAnomaly, Place
from triceras.training.observer import Observer, detach


@dataclasses.dataclass(frozen=True)
class Anomaly:
    """The first place in a training where a number was NaN or infinite.

    Args:
        epoch, batch: when, both from 0.
        place: where.
    """

    epoch: int
    batch: int
    place: Place

    def __str__(self) -> str:
        place = self.place
        call = f", call {place.call}" if place.call > 1 else ""
        part = f"output {place.part}" if place.part else "output"
        where = {
            "data": f"the data hold it, in {place.path}",
            "weight": f"the weight {place.path!r} held it before the step",
            "output": f"of finite inputs and weights, the {part} of layer {place.path!r} ({place.layer}{call}) has it",
            "loss": "the outputs of all layers are finite, the loss isn't",
            "gradient": f"the loss is finite; going backwards, the gradient of {place.path!r} is the first that isn't",
        }
        return f"NaN or infinity in epoch {self.epoch + 1}, batch {self.batch + 1}: {where[place.kind]}."


#: What may be done about it.
_REMEDIES = {
    "data": "Clean the data, or mask what is missing.",
    "weight": "Look at what was loaded or assigned to it, or lower the learning rate.",
    "output": "Look at what the layer computes (a division, logarithm or root of 0, an exponential of large numbers).",
    "loss": "Look at the loss for targets like these, and at penalties on weights.",
    "gradient": "Look at functions without a finite derivative there (roots and norms of 0), clip gradients or lower the rate.",
}


class AnomalyDetection(ObservingCallback):
    """Names the place where the first NaN or infinity of a training arose.

    Compiled steps look at data, weights, outputs of layers, the loss and gradients, and keep the first place and its step on
    the device: both are exact whenever they are read, which is after each epoch and every so many seconds. Of layers inside
    of layers the innermost is named; inside of loops, and of what is computed again for gradients, the layer around. Data
    that aren't finite count only once something behind them isn't either. Where losses are scaled for float16, gradients
    that overflow are the scaler's business and don't count.

    Args:
        action: ``"raise"`` to raise a ``FloatingPointError``, ``"stop"`` to print and end training.
        ignore: names or paths of layers whose outputs may be infinite, like those that mask by minus infinity.
        interval: seconds between two looks inside of an epoch.

    Raises:
        ValueError: another action; or, when training begins, the model has a ``train_step`` of its own.

    Example:
        >>> from triceras import callbacks
        >>> model = Sequential([Input((1,)), Lambda(lambda x: ops.log(x), name="logarithm"), Dense(1)], name="net")
        >>> model.compile("sgd", "mse")
        >>> watcher = callbacks.AnomalyDetection(action="stop")
        >>> history = model.fit(np.zeros((4, 1)), np.zeros((4, 1)), verbose=0, callbacks=[watcher])
        NaN or infinity in epoch 1, batch 1: of finite inputs and weights, the output of layer 'net/logarithm' (Lambda) has it.
        Look at what the layer computes (a division, logarithm or root of 0, an exponential of large numbers).
        >>> watcher.anomaly.place.kind, watcher.anomaly.batch
        ('output', 0)
    """

    #: Gives the time in seconds.
    clock: Callable[[], float] = staticmethod(time.monotonic)

    def __init__(self, action: str = "raise", ignore: Sequence[str] = (), interval: float = 1.0) -> None:
        super().__init__()
        if action not in ("raise", "stop"):
            raise ValueError(f"AnomalyDetection: action is 'raise' or 'stop', received {action!r}.")
        self.action = action
        self.ignore = (ignore,) if isinstance(ignore, str) else tuple(ignore)
        self.interval = interval
        #: What was found in the last training, or None.
        self.anomaly: Anomaly | None = None
        self._epoch = 0
        self._looked = 0.0

    def make_observer(self, model: Any) -> Observer:
        return FirstAnomaly(model, self.ignore)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        super().on_train_begin(logs)
        self.anomaly, self._looked = None, self.clock()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch

    def on_steps_end(self, kind: str, batch: int) -> None:
        if kind == "train" and self.clock() - self._looked >= self.interval:
            self._look()

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._look()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._look()
        super().on_epoch_end(epoch, logs)

    def _look(self) -> None:
        """See whether there was one, once."""
        observer, self._looked = self.observer, self.clock()
        if not isinstance(observer, FirstAnomaly) or self.anomaly is not None:
            return
        found = observer.found()
        if found is None:
            return
        model = self._needed_model("observe")
        self.anomaly = Anomaly(self._epoch, found[1], found[0])
        message = f"{self.anomaly} {_REMEDIES[found[0].kind]}"
        if self.action == "raise":
            detach(model, observer)
            raise FloatingPointError(f"Training of model {model.name!r} ends: {message}")
        print(message)
        self._stop_training()
