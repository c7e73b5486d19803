"""Training on a few batches only."""

from __future__ import annotations

from triceras.callbacks.callback import Callback
from triceras.callbacks.run import Run, checked_count


class OverfitBatches(Callback):
    """Trains on the same first batches in every epoch, in their order, and validates on them too.

    A model that can't bring its loss near zero on a few batches has a mistake, or too few weights.

    Args:
        batches: how many batches.

    Raises:
        ValueError: ``batches`` isn't a positive integer.

    Example:
        >>> from triceras import callbacks
        >>> model = Sequential([Input((2,)), Dense(1, kernel_initializer="zeros")])
        >>> model.compile(optimizers.SGD(0.1), "mse")
        >>> x, y = np.random.default_rng(0).normal(size=(64, 2)), np.ones((64, 1))
        >>> history = model.fit(x, y, batch_size=2, epochs=500, verbose=0, callbacks=[callbacks.OverfitBatches(1)])
        >>> history.history["loss"][-1] < 1e-3
        True
    """

    def __init__(self, batches: int = 1) -> None:
        super().__init__()
        self.batches = checked_count("OverfitBatches", batches)

    def adjust(self, run: Run) -> None:
        run.source = run.source.head(self.batches)
        run.steps_per_epoch = None
        if run.validation is not None:
            run.validation = run.source.head(self.batches)
            run.validation_steps = None
