"""One short run through every part of a training."""

from __future__ import annotations

from triceras.callbacks.callback import Callback
from triceras.callbacks.run import Run, at_most, checked_count


class FastDevRun(Callback):
    """Runs every part of a training once: one epoch of a few batches, validation on as many, all callbacks that write no files.

    The model is trained and validated as ever, so mistakes in any of its parts, in data and in callbacks show at once. The
    callbacks whose ``writes_files`` is True are left out: no checkpoint, backup or log is begun, gone on with or deleted.

    Args:
        batches: how many batches of training and of validation.
        verbose: 1 to say what is left out.

    Raises:
        ValueError: ``batches`` isn't a positive integer.

    Example:
        >>> from triceras import callbacks
        >>> model = Sequential([Input((2,)), Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x, y = np.ones((640, 2)), np.ones((640, 1))
        >>> history = model.fit(x, y, epochs=100, verbose=0, callbacks=[callbacks.FastDevRun()])
        >>> history.epoch, int(model.optimizer.iterations.numpy())
        ([0], 1)
    """

    def __init__(self, batches: int = 1, verbose: int = 0) -> None:
        super().__init__()
        self.batches = checked_count("FastDevRun", batches)
        self.verbose = verbose

    def adjust(self, run: Run) -> None:
        run.epochs = min(run.epochs, run.initial_epoch + 1)
        run.steps_per_epoch = at_most(self.batches, run.steps)
        if run.validation is not None:
            run.validation_steps = at_most(self.batches, run.validation_steps, run.validation.steps)
            run.validation_freq = 1
        left_out = [c for c in run.listeners.callbacks if c.writes_files]
        run.listeners = run.listeners.without(lambda callback: callback.writes_files)
        if self.verbose:
            names = ", ".join(type(c).__name__ for c in left_out) or "no callback"
            print(f"FastDevRun: one epoch, {self.batches} batches of training and of validation; {names} left out.")
