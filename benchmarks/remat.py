"""What gradient checkpointing saves, and what it costs.

    python benchmarks/remat.py [BACKEND …]

Twelve residual blocks that are sixteen times as wide inside, trained for a few steps, each way in a fresh process. Prints
backend | mode | peak MiB over the imports and the model | ms a step.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
import sys
import time
from typing import Any

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
BLOCKS, WIDTH, INNER, ROWS, STEPS = 12, 64, 1024, 4096, 6


def measure(backend: str, mode: str) -> None:
    """Print one line."""
    from measure import peak_memory

    os.environ["TRICERAS_BACKEND"] = backend
    import triceras
    from triceras import layers

    class Block(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.up, self.down = layers.Dense(INNER, "gelu"), layers.Dense(WIDTH)

        def call(self, x: Any) -> Any:
            return x + self.down(self.up(x))

    with contextlib.nullcontext() if mode == "none" else triceras.RematScope(mode):
        model = triceras.Sequential([triceras.Input((WIDTH,)), *(Block() for _ in range(BLOCKS)), layers.Dense(1)])
    model.compile("sgd", "mse", steps_per_execution=1)
    x = np.random.default_rng(0).normal(size=(ROWS * STEPS, WIDTH)).astype("float32")
    model.fit(x[:32], x[:32, :1], batch_size=8, verbose=0)
    before = peak_memory()
    model.fit(x, x[:, :1], batch_size=ROWS, verbose=0)
    started = time.perf_counter()
    model.fit(x, x[:, :1], batch_size=ROWS, verbose=0)
    spent = (time.perf_counter() - started) / STEPS * 1e3
    print(f"{backend} | {mode} | {peak_memory() - before:.0f} | {spent:.0f}", flush=True)


def main() -> None:
    """Each way in a process of its own."""
    if "--one" in sys.argv:
        measure(*sys.argv[2:4])
        return
    print("backend | mode | MiB | ms", flush=True)
    for backend in sys.argv[1:] or ("jax", "torch", "tensorflow"):
        for mode in ("none", "full"):
            command = [sys.executable, __file__, "--one", backend, mode]
            # glibc gives large blocks back when they are freed, so that the peak is what was held at once.
            environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL, env=environment)


if __name__ == "__main__":
    main()
