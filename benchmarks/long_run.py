"""Memory over 100,000 tiny steps: ``python benchmarks/long_run.py BACKEND [arrays|iterable|callback] [--steps 100000]``.

Prints the resident memory after a tenth of the steps, when everything is compiled and loaded, and at the end, in MiB, and by
how much it grew. ``arrays`` runs many steps in a call, ``iterable`` reads a generator, ``callback`` wants to see every batch.
"""

from __future__ import annotations

import argparse
import gc
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

BATCH = 4


def resident() -> float:
    """The memory that this process holds now, in MiB."""
    gc.collect()
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("backend", choices=["jax", "torch", "tensorflow"])
    parser.add_argument("way", nargs="?", default="arrays", choices=["arrays", "iterable", "callback"])
    parser.add_argument("--steps", type=int, default=100_000)
    arguments = parser.parse_args()
    os.environ["TRICERAS_BACKEND"] = arguments.backend
    import triceras

    class Watches(triceras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            pass

    x, y = np.ones((4000, 3), "float32"), np.ones((4000, 1), "float32")
    per_epoch = len(x) // BATCH

    def batches() -> Iterator[Any]:
        while True:
            yield x[:BATCH], y[:BATCH]

    data: dict[str, Any] = {"x": x, "y": y, "batch_size": BATCH}
    if arguments.way == "iterable":
        data = {"x": batches(), "steps_per_epoch": per_epoch}
    model = triceras.Sequential([triceras.Input((3,)), triceras.layers.Dense(1)])
    model.compile("adam", "mse")
    callbacks = [Watches()] if arguments.way == "callback" else []
    epochs = arguments.steps // per_epoch
    model.fit(**data, epochs=max(epochs // 10, 1), verbose=0, callbacks=callbacks)
    before = resident()
    model.fit(**data, epochs=epochs, verbose=0, callbacks=callbacks)
    after = resident()
    print(
        f"{arguments.backend} {arguments.way}: {before:.1f} MiB, {after:.1f} MiB, {100 * (after / before - 1):+.2f} %"
    )


if __name__ == "__main__":
    main()
