"""A training that tests run in a process of its own, kill, and run again: prints a digest of all it ended with.

    python tests/training/resumable.py '{"backend": "torch", "folder": "…", "data": "arrays", "save_freq": 1, "die": null}'

``die`` is None, or ``["save", n]`` to be killed inside the n-th `fsync`, or ``["batch", n]`` after n batches.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

import triceras
from triceras import callbacks, layers

ROWS, BATCH, EPOCHS = 44, 8, 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(ROWS, 6)).astype("float32")
Y = (X @ RNG.normal(size=(6, 2)) > 0).astype("float32")


class Batches:
    """Batches that come again from their beginning in each epoch, the last one ragged."""

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, ROWS, BATCH):
            yield X[start : start + BATCH], Y[start : start + BATCH]


def endless() -> Iterator[Any]:
    """Batches without an end, each one different."""
    number = 0
    while True:
        yield X[number % 5 :][:BATCH] + np.float32(number), Y[number % 5 :][:BATCH]
        number += 1


DATA: dict[str, Any] = {
    "arrays": lambda: ({"x": X, "y": Y, "batch_size": BATCH}, 6),
    "batches": lambda: ({"x": Batches()}, 6),
    "endless": lambda: ({"x": endless(), "steps_per_epoch": 5}, 5),
}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_in_save(count: int) -> None:
    """Be killed inside the ``count``-th call of ``fsync``."""
    left = [count]
    fsync = os.fsync

    def fatal(handle: int) -> None:
        left[0] -= 1
        if not left[0]:
            die()
        fsync(handle)

    os.fsync = fatal


class DieAfterBatch(callbacks.Callback):
    runs_last = True

    def __init__(self, count: int) -> None:
        super().__init__()
        self.left = count

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.left -= 1
        if not self.left:
            die()


def main(backend: str, folder: str, data: str, save_freq: Any, die: Any) -> str:
    triceras.config.set_backend(backend)
    triceras.utils.set_random_seed(3)
    model = triceras.Sequential(
        [
            triceras.Input((6,)),
            layers.Dense(8, activation="tanh"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(2, activation="sigmoid"),
        ]
    )
    model.compile(triceras.optimizers.Adam(0.01, use_ema=True), "binary_crossentropy", metrics=["accuracy", "mae"])
    plateau = callbacks.ReduceLROnPlateau(monitor="loss", patience=1, min_delta=10.0)
    early = callbacks.EarlyStopping(monitor="loss", patience=50, restore_best_weights=True)
    watchers: list[Any] = [callbacks.BackupAndRestore(folder, save_freq=save_freq), plateau, early]
    kind, count = die or (None, 0)
    if kind == "save":
        die_in_save(count)
    elif kind == "batch":
        watchers.append(DieAfterBatch(count))
    print("begins", flush=True)
    history = model.fit(**DATA[data]()[0], epochs=EPOCHS, verbose=0, callbacks=watchers)
    ended = [
        *model.get_weights(),
        *(v.numpy() for v in model.optimizer.variables),
        *(v.numpy() for v in model.variables),
    ]
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in ended)).hexdigest()
    return json.dumps([digest, history.history, history.epoch, early.best, plateau.wait, os.path.exists(folder)])


if __name__ == "__main__":
    print(main(**json.loads(sys.argv[1])))
