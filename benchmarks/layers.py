"""Layers against the framework's own and against Keras, forward and forward with backward, at three sizes.

    python benchmarks/layers.py [--backends torch …] [--layers LSTM …] [--sizes small …]

Each layer on each backend has a fresh process, in which triceras, the framework's own layer and Keras take turns in short
rounds: torch eagerly, JAX under ``jit``, TensorFlow under ``tf.function``. ``forward`` is inference, ``backward`` a training
call and the gradients of the weights and the inputs. A figure is the least time of a call, a ratio the median of the rounds'
ratios. Prints layer | backend | size | mode | ours us | native us | keras us | /native | /keras.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import os
import pathlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

BACKENDS = ("torch", "jax", "tensorflow")
SIZES = ("small", "medium", "large")
MODES = ("forward", "backward")
ROUNDS, ROUND_SECONDS, MOST_SECONDS = 15, 0.005, 2.0


@dataclasses.dataclass(frozen=True)
class Case:
    """A layer at a size: its arguments, the shape of its inputs and, where these are whole numbers, their bound."""

    layer: str
    arguments: dict[str, Any]
    shape: tuple[int, ...]
    below: int | None = None

    def inputs(self) -> np.ndarray:
        """Inputs on the host."""
        rng = np.random.default_rng(0)
        if self.below is not None:
            return rng.integers(0, self.below, self.shape).astype("int32")
        return rng.normal(size=self.shape).astype("float32")


def _sized(layer: str, *sizes: tuple[dict[str, Any], tuple[int, ...]]) -> dict[str, Case]:
    return {
        size: Case(layer, arguments, shape, arguments.get("input_dim"))
        for size, (arguments, shape) in zip(SIZES, sizes, strict=True)
    }


def _recurrent(layer: str) -> dict[str, Case]:
    def size(units: int, *shape: int) -> tuple[dict[str, Any], tuple[int, ...]]:
        return {"units": units, "return_sequences": True}, shape

    return _sized(layer, size(32, 8, 16, 32), size(64, 32, 48, 64), size(256, 64, 100, 128))


def _convolution(layer: str, *sizes: tuple[int, tuple[int, ...]]) -> dict[str, Case]:
    return _sized(layer, *(({"filters": filters, "kernel_size": 3}, shape) for filters, shape in sizes))


def _attention(heads: int, size: int, *shape: int) -> tuple[dict[str, Any], tuple[int, ...]]:
    return {"num_heads": heads, "key_dim": size}, shape


CASES: dict[str, dict[str, Case]] = {
    "LSTM": _recurrent("LSTM"),
    "GRU": _recurrent("GRU"),
    "Conv2D": _convolution("Conv2D", (16, (4, 16, 16, 8)), (64, (8, 32, 32, 32)), (64, (8, 56, 56, 64))),
    "Conv1D": _convolution("Conv1D", (32, (4, 64, 16)), (64, (16, 256, 64)), (128, (16, 1024, 128))),
    "DepthwiseConv2D": _sized(
        "DepthwiseConv2D",
        *(({"kernel_size": 3}, shape) for shape in ((4, 16, 16, 8), (8, 56, 56, 64), (8, 112, 112, 64))),
    ),
    "MultiHeadAttention": _sized(
        "MultiHeadAttention",
        _attention(2, 16, 4, 16, 32),
        _attention(4, 32, 16, 64, 128),
        _attention(8, 64, 8, 256, 512),
    ),
    "BatchNormalization": _sized(
        "BatchNormalization", ({}, (4, 16, 16, 8)), ({}, (8, 32, 32, 32)), ({}, (16, 56, 56, 64))
    ),
    "Embedding": _sized(
        "Embedding",
        ({"input_dim": 100, "output_dim": 16}, (8, 16)),
        ({"input_dim": 1000, "output_dim": 128}, (32, 64)),
        ({"input_dim": 20000, "output_dim": 256}, (64, 128)),
    ),
}


def made(implementation: str, backend: str, case: Case) -> Callable[..., Any]:
    """A layer of a package with the interface of Keras, built, as a function of its inputs and ``training``."""
    os.environ["KERAS_BACKEND" if implementation == "keras" else "TRICERAS_BACKEND"] = backend
    package = importlib.import_module(implementation)
    layer = getattr(package.layers, case.layer)(**case.arguments)
    inputs = [package.ops.convert_to_tensor(case.inputs())] * (2 if case.layer == "MultiHeadAttention" else 1)
    layer(*inputs)
    return layer


def _seconds(call: Callable[[], Any], count: int) -> float:
    started = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - started) / count


def compare(calls: list[Callable[[], Any]]) -> str:
    """The least microseconds of a call of each, and the medians of the first one's ratios to the others."""
    for call in calls:
        call()
        call()
    count = max(1, round(ROUND_SECONDS / max(min(_seconds(calls[0], 1) for _ in range(3)), 1e-7)))
    rounds: list[list[float]] = []
    started = time.perf_counter()
    while len(rounds) < ROUNDS and (len(rounds) < 5 or time.perf_counter() - started < MOST_SECONDS):
        rounds.append([_seconds(call, count) for call in calls])
    least = [f"{min(times) * 1e6:.1f}" for times in zip(*rounds, strict=True)]
    ratios = [f"{statistics.median(r[0] / r[i] for r in rounds):.2f}" for i in range(1, len(calls))]
    return " | ".join([*least, *ratios])


def measure(backend: str, name: str, sizes: list[str]) -> None:
    """Print the lines of a layer."""
    module = importlib.import_module(f"layers_{backend}")
    twice = name == "MultiHeadAttention"
    for size in sizes:
        case = CASES[name][size]
        ours, keras = (made(package, backend, case) for package in ("triceras", "keras"))
        layers = (ours, twice), (module.native(case), False), (keras, twice)
        for mode in MODES:
            calls = [getattr(module, mode)(layer, case.inputs(), both) for layer, both in layers]
            print(f"{name} | {backend} | {size} | {mode} | {compare(calls)}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--backends", nargs="+", default=BACKENDS)
    parser.add_argument("--layers", nargs="+", default=list(CASES))
    parser.add_argument("--sizes", nargs="+", default=list(SIZES))
    parser.add_argument("--here", action="store_true", help="in this process, without a heading")
    arguments = parser.parse_args()
    if arguments.here:
        measure(arguments.backends[0], arguments.layers[0], arguments.sizes)
        return
    print("layer | backend | size | mode | ours us | native us | keras us | /native | /keras", flush=True)
    for backend in arguments.backends:
        for name in arguments.layers:
            command = [sys.executable, __file__, "--here", "--backends", backend, "--layers", name, "--sizes"]
            subprocess.run([*command, *arguments.sizes], stderr=subprocess.DEVNULL, timeout=1800, check=True)


if __name__ == "__main__":
    main()
