"""Seconds and peak memory of saving and loading, ours, Keras's and those of safetensors, each in a fresh process.

    python benchmarks/saving.py [--backends torch …] [--megabytes 10 200 2000] [--rounds 3] [--folder DIR]

For each size and kind of file: the time over Keras's for ``.keras`` and ``.weights.h5``, over that of safetensors for weights
alone; and the greatest resident memory while it ran, less what the process held before, over the size of the weights.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

KINDS = (".keras", ".weights.h5", ".safetensors")


def layout(megabytes: int) -> tuple[int, int]:
    """The width and number of Dense layers that are about so large."""
    width = 512 if megabytes < 50 else 2048
    return width, max(1, round(megabytes * 2**20 / (width * width * 4)))


def build(k: Any, megabytes: int) -> Any:
    """A stack of Dense layers with zeros for weights, so that building takes no time."""
    width, count = layout(megabytes)
    dense = [k.layers.Dense(width, kernel_initializer="zeros") for _ in range(count)]
    return k.Sequential([k.Input((width,)), *dense])


class Peak:
    """The greatest resident memory while it is open, over that before, in bytes."""

    def __enter__(self) -> Peak:
        self._before = self._resident()
        self.bytes, self._open = 0, True
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._open = False
        self._thread.join()

    def _watch(self) -> None:
        while self._open:
            self.bytes = max(self.bytes, self._resident() - self._before)
            time.sleep(0.002)

    def _resident(self) -> int:
        pages = pathlib.Path("/proc/self/statm").read_text().split()
        return (int(pages[1]) - int(pages[2])) * resource.getpagesize()  # file pages that are mapped aside


def measure(implementation: str, backend: str, kind: str, megabytes: int, folder: pathlib.Path, action: str) -> Any:
    """``[seconds, peak bytes]`` of one action."""
    path = folder / f"{implementation}-{backend}-{megabytes}{kind}"
    if implementation == "safetensors":
        from safetensors.numpy import load_file, save_file

        width, count = layout(megabytes)
        tensors = {f"{i}": np.ones((width, width), "float32") for i in range(count)} if action == "save" else {}
        with Peak() as peak:
            started = time.perf_counter()
            if action == "save":
                save_file(tensors, path)
            else:
                total = sum(float(tensor[0, 0]) for tensor in load_file(path).values())
                assert total > 0
            return [time.perf_counter() - started, peak.bytes]
    os.environ["KERAS_BACKEND" if implementation == "keras" else "TRICERAS_BACKEND"] = backend
    k: Any = __import__(implementation)
    warm = build(k, 1)
    warm.save(folder / f"warm-{implementation}-{backend}.keras")
    k.models.load_model(folder / f"warm-{implementation}-{backend}.keras")
    model = None if kind == ".keras" and action == "load" else build(k, megabytes)
    if action == "save":
        for variable in model.weights:
            variable.assign(np.ones(variable.shape, "float32"))
    with Peak() as peak:
        started = time.perf_counter()
        if kind == ".keras":
            found = model.save(path) if action == "save" else k.models.load_model(path)
        else:
            found = model.save_weights(path) if action == "save" else model.load_weights(path)
        seconds = time.perf_counter() - started
        del found
    return [seconds, peak.bytes]


def main() -> None:
    parser = argparse.ArgumentParser(description="Time saving and loading.")
    parser.add_argument("--backends", nargs="+", default=["jax", "torch", "tensorflow"])
    parser.add_argument("--megabytes", nargs="+", type=int, default=[10, 200, 2000])
    parser.add_argument("--kinds", nargs="+", default=list(KINDS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "saving")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.folder.mkdir(exist_ok=True)
    if arguments.one:
        implementation, action = arguments.one
        kind, megabytes, backend = arguments.kinds[0], arguments.megabytes[0], arguments.backends[0]
        print(json.dumps(measure(implementation, backend, kind, megabytes, arguments.folder, action)))
        return
    print("| backend | MB | file | save, s | of the other's | load, s | of the other's | memory to save, to load |")
    print("|---|---|---|---|---|---|---|---|")
    for backend in arguments.backends:
        for megabytes in arguments.megabytes:
            for kind in arguments.kinds:
                row(backend, megabytes, kind, arguments)


def row(backend: str, megabytes: int, kind: str, arguments: Any) -> None:
    """Measure and print one row."""
    other = "safetensors" if kind == ".safetensors" else "keras"
    cells, memory = [], []
    for action in ("save", "load"):
        times: dict[str, list[float]] = {"triceras": [], other: []}
        for _ in range(arguments.rounds):
            for implementation in times:
                command = [
                    sys.executable,
                    "-W",
                    "ignore",
                    __file__,
                    "--one",
                    implementation,
                    action,
                    "--backends",
                    backend,
                ]
                command += ["--kinds", kind, "--megabytes", str(megabytes), "--folder", str(arguments.folder)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                seconds, peak = json.loads(done.stdout.splitlines()[-1])
                times[implementation].append(seconds)
                if implementation == "triceras":
                    memory.append(peak / (megabytes * 2**20))
        ours, theirs = (statistics.median(times[name]) for name in ("triceras", other))
        cells += [f"{ours:.3f}", f"{ours / theirs:.2f}"]
    half = len(memory) // 2
    shares = f"{max(memory[:half]):.2f}, {max(memory[half:]):.2f}"
    print(f"| {backend} | {megabytes} | {kind} | {' | '.join(cells)} | {shares} |", flush=True)


if __name__ == "__main__":
    main()
