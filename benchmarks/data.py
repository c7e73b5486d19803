"""Milliseconds a step of ``fit`` by where its data comes from, ours and Keras's in turn, each in a fresh process.

    python benchmarks/data.py [--backends jax …] [--workloads tiny mlp] [--rounds 3] [--folder DIR] [--map-gb 4]

Sources: arrays in memory, a generator, a ``PyDataset``, ``tf.data``, a ``DataLoader`` with two workers, and a memory map of
4 GB in ``--folder``, of which each epoch reads as many random rows as the others have. Prints for each the time over the
in-memory time and over Keras's.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

SOURCES = ("arrays", "generator", "PyDataset", "tf.data", "DataLoader", "memory map")
EPOCHS = 5


class Loaded:
    """Batches for ``DataLoader``'s workers."""

    def __init__(self, batches: list[Any]) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> Any:
        return self.batches[index]


def source(k: Any, name: str, x: np.ndarray, y: np.ndarray, batch: int, folder: pathlib.Path, gigabytes: float) -> Any:
    """``fit``'s arguments."""
    batches = [(x[i : i + batch], y[i : i + batch]) for i in range(0, len(x), batch)]

    def forever() -> Iterator[Any]:
        while True:
            yield from batches

    class Numbered(k.utils.PyDataset):
        def __len__(self) -> int:
            return len(batches)

        def __getitem__(self, index: int) -> Any:
            return batches[index]

    if name == "generator":
        return {"x": forever(), "steps_per_epoch": len(batches)}
    if name == "PyDataset":
        return {"x": Numbered()}
    if name == "tf.data":
        import tensorflow as tf

        return {"x": tf.data.Dataset.from_tensor_slices((x, y)).batch(batch).prefetch(2)}
    if name == "DataLoader":
        import torch

        return {
            "x": torch.utils.data.DataLoader(Loaded(batches), batch_size=None, num_workers=2, persistent_workers=True)
        }
    if name == "memory map":
        rows = max(int(gigabytes * 2**30 / x[0].nbytes), len(x))
        path = folder / f"rows-{rows}-{'x'.join(map(str, x.shape[1:]))}.npy"
        if not path.exists():
            made = np.lib.format.open_memmap(path, "w+", x.dtype, (rows, *x.shape[1:]))
            for start in range(0, rows, len(x)):
                made[start : start + len(x)] = x[: rows - start]
            made.flush()
        return {"x": np.load(path, mmap_mode="r"), "y": np.resize(y, (rows, *y.shape[1:])), "batch_size": batch}
    return {"x": x, "y": y, "batch_size": batch}


def measure(
    implementation: str, backend: str, workload: Any, name: str, folder: pathlib.Path, gigabytes: float
) -> float:
    """Milliseconds a step."""
    keras = implementation == "keras"
    os.environ["KERAS_BACKEND" if keras else "TRICERAS_BACKEND"] = backend
    k: Any = __import__("keras" if keras else "triceras")
    x, y = workload.data(workload.batch * workload.steps)
    data = source(k, name, x, y, workload.batch, folder, gigabytes)
    model = workload.build(k)
    model.compile(k.optimizers.Adam(1e-3), k.losses.SparseCategoricalCrossentropy(from_logits=True))
    steps = data.setdefault("steps_per_epoch", workload.steps)
    model.fit(**data, epochs=2, verbose=0)
    times = []
    for _ in range(EPOCHS):
        started = time.perf_counter()
        model.fit(**data, verbose=0)
        times.append(time.perf_counter() - started)
    return statistics.median(times) / steps * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backends", nargs="+", default=["jax", "torch", "tensorflow"])
    parser.add_argument("--workloads", nargs="+", default=["tiny", "mlp"])
    parser.add_argument("--sources", nargs="+", default=list(SOURCES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()))
    parser.add_argument("--map-gb", type=float, default=4.0)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        from workloads import WORKLOADS

        (backend,), (workload,), (name,) = arguments.backends, arguments.workloads, arguments.sources
        found = measure(arguments.one, backend, WORKLOADS[workload], name, arguments.folder, arguments.map_gb)
        print(json.dumps(found))
        return
    print(
        "| backend | workload | source | ours, ms | of the arrays' time | of Keras's time |\n|---|---|---|---|---|---|"
    )
    for backend in arguments.backends:
        for workload in arguments.workloads:
            in_memory = None
            for name in arguments.sources:
                times = collections.defaultdict(list)
                for _ in range(arguments.rounds):
                    for implementation in ("triceras", "keras"):
                        command = [sys.executable, __file__, "--one", implementation, "--backends", backend]
                        command += ["--workloads", workload, "--sources", name, "--folder", str(arguments.folder)]
                        command += ["--map-gb", str(arguments.map_gb)]
                        done = subprocess.run(command, capture_output=True, text=True, check=True)
                        times[implementation].append(json.loads(done.stdout.strip().splitlines()[-1]))
                ours, keras = (statistics.median(times[i]) for i in ("triceras", "keras"))
                in_memory = ours if name == "arrays" else in_memory
                share = f"{ours / in_memory:.2f}" if in_memory else "-"
                print(f"| {backend} | {workload} | {name} | {ours:.3f} | {share} | {ours / keras:.2f} |", flush=True)


if __name__ == "__main__":
    main()
