"""Layers against the framework's own and against Keras, forward and forward with backward, at three sizes.

    python benchmarks/layers.py [--backends torch …] [--layers LSTM …] [--sizes small …] [--rounds 3]

Round after round triceras, the framework's own layer and Keras take turns, each in a fresh process: torch eagerly, JAX
under ``jit``, TensorFlow under ``tf.function``. ``forward`` is inference, ``backward`` a training call and the gradients of
the weights and the inputs. A process reports the least time of a call, the table the medians of the rounds, and the medians
of the rounds' ratios. Prints layer | backend | size | mode | ours us | native us | keras us | /native | /keras.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import importlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

BACKENDS = ("torch", "jax", "tensorflow")
IMPLEMENTATIONS = ("triceras", "native", "keras")
SIZES = ("small", "medium", "large")
MODES = ("forward", "backward")
REPETITIONS, REPETITION_SECONDS, MOST_SECONDS = 12, 0.01, 1.0


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

# ---- one process -----------------------------------------------------------------------------------------------------


def made(implementation: str, backend: str, case: Case) -> Callable[..., Any]:
    """A layer of a package with the interface of Keras, built, as a function of its inputs and ``training``."""
    os.environ["KERAS_BACKEND" if implementation == "keras" else "TRICERAS_BACKEND"] = backend
    package = importlib.import_module(implementation)
    layer = getattr(package.layers, case.layer)(**case.arguments)
    inputs = [package.ops.convert_to_tensor(case.inputs())] * (2 if case.layer == "MultiHeadAttention" else 1)
    layer(*inputs)
    return layer


def microseconds(call: Callable[[], Any]) -> float:
    """The least time of a call."""
    call()
    call()

    def seconds(count: int) -> float:
        started = time.perf_counter()
        for _ in range(count):
            call()
        return (time.perf_counter() - started) / count

    count = max(1, round(REPETITION_SECONDS / max(seconds(1), 1e-7)))
    times: list[float] = []
    started = time.perf_counter()
    while len(times) < REPETITIONS and (len(times) < 3 or time.perf_counter() - started < MOST_SECONDS):
        times.append(seconds(count))
    return min(times) * 1e6


def figures(implementation: str, backend: str, layers: list[str], sizes: list[str]) -> Iterator[dict[str, Any]]:
    """Microseconds of each case in this process."""
    module = importlib.import_module(f"layers_{backend}")
    for name in layers:
        for size in sizes:
            case = CASES[name][size]
            layer = module.native(case) if implementation == "native" else made(implementation, backend, case)
            twice = name == "MultiHeadAttention" and implementation != "native"
            for mode in MODES:
                run = getattr(module, mode)(layer, case.inputs(), twice)
                yield {"key": (name, backend, size, mode), "us": microseconds(run)}


# ---- all of them in turn ---------------------------------------------------------------------------------------------


def measured(implementation: str, backend: str, layers: list[str], sizes: list[str]) -> dict[tuple[str, ...], float]:
    """The figures of a fresh process."""
    command = [sys.executable, __file__, "--one", implementation, "--backends", backend]
    command += ["--layers", *layers, "--sizes", *sizes]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    if done.returncode:
        print(f"{implementation} on {backend} failed: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {tuple(line["key"]): line["us"] for line in lines}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--backends", nargs="+", default=BACKENDS)
    parser.add_argument("--layers", nargs="+", default=list(CASES))
    parser.add_argument("--sizes", nargs="+", default=list(SIZES))
    parser.add_argument("--implementations", nargs="+", default=IMPLEMENTATIONS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", help="measure this implementation in this process and print lines of JSON")
    arguments = parser.parse_args()
    if arguments.one:
        for line in figures(arguments.one, arguments.backends[0], arguments.layers, arguments.sizes):
            print(json.dumps(line), flush=True)
        return
    print("layer | backend | size | mode | ours us | native us | keras us | /native | /keras")
    for backend in arguments.backends:
        rounds: dict[tuple[str, ...], dict[str, list[float]]] = collections.defaultdict(
            lambda: collections.defaultdict(list)
        )
        for _ in range(arguments.rounds):
            for implementation in arguments.implementations:
                for key, us in measured(implementation, backend, arguments.layers, arguments.sizes).items():
                    rounds[key][implementation].append(us)
        for key, of in rounds.items():
            print(" | ".join([*key, *_cells(of)]), flush=True)


def _cells(of: dict[str, list[float]]) -> Iterator[str]:
    for implementation in IMPLEMENTATIONS:
        yield f"{statistics.median(of[implementation]):.1f}" if of[implementation] else "-"
    for other in IMPLEMENTATIONS[1:]:
        ratios = [a / b for a, b in zip(of["triceras"], of[other], strict=False)]
        yield f"{statistics.median(ratios):.2f}" if ratios else "-"


if __name__ == "__main__":
    main()
