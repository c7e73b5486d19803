"""One measurement in a process of its own: ``python benchmarks/measure.py IMPLEMENTATION BACKEND WORKLOAD [FIGURE]``.

IMPLEMENTATION is ``triceras``, ``inductor`` (triceras with ``jit_compile=True``), ``keras``, ``native`` (the framework's own
hand-written loop) or ``compiled`` (that loop under ``torch.compile``). FIGURE is ``fit`` (milliseconds a step, seconds from
compile to the end of the first step), ``memory`` (the peak of a process that fits once), ``predict`` (milliseconds for one row)
or ``call`` (microseconds for ``model(x)`` of one row). Prints one line of JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import pathlib
import resource
import statistics
import sys
import time
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def peak_memory() -> float:
    """The most memory this process has held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def median_seconds(function: Any, repeats: int) -> float:
    """The median time of a call."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def package(implementation: str, backend: str) -> Any:
    """``triceras`` or ``keras`` on a backend."""
    keras = implementation == "keras"
    os.environ["KERAS_BACKEND" if keras else "TRICERAS_BACKEND"] = backend
    return importlib.import_module("keras" if keras else "triceras")


def fit(k: Any, workload: Any, jit_compile: Any = "auto") -> dict[str, float]:
    """Figures of training with ``fit``."""
    x, y = workload.data(workload.batch * workload.steps)
    model = workload.build(k)
    started = time.perf_counter()
    loss = k.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(k.optimizers.Adam(1e-3), loss, jit_compile=jit_compile)
    model.fit(x[: workload.batch], y[: workload.batch], batch_size=workload.batch, verbose=0)
    first = time.perf_counter() - started

    def epoch() -> None:
        model.fit(x, y, batch_size=workload.batch, verbose=0)

    epoch()
    epoch()
    seconds = median_seconds(epoch, 3)
    return {"step_ms": seconds / workload.steps * 1e3, "first_s": first}


def memory(k: Any, workload: Any) -> dict[str, float]:
    """The most memory that a process holds which makes a model and trains it for three epochs."""
    x, y = workload.data(workload.batch * workload.steps)
    model = workload.build(k)
    model.compile(k.optimizers.Adam(1e-3), k.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x, y, batch_size=workload.batch, epochs=3, verbose=0)
    return {"peak_mb": peak_memory()}


def predict(k: Any, workload: Any) -> dict[str, float]:
    """The time of ``predict`` for one row."""
    x, _ = workload.data(1)
    model = workload.build(k)
    for _ in range(5):
        model.predict(x, verbose=0)
    return {"predict_ms": median_seconds(lambda: model.predict(x, verbose=0), 100) * 1e3}


def call(k: Any, workload: Any) -> dict[str, float]:
    """The time of an eager call for one row."""
    x, _ = workload.data(1)
    model = workload.build(k)
    x = k.ops.convert_to_tensor(x)
    for _ in range(20):
        model(x)
    return {"call_us": median_seconds(lambda: model(x), 300) * 1e6}


def main() -> None:
    """Measure what the arguments name."""
    from workloads import WORKLOADS

    implementation, backend, name = sys.argv[1:4]
    figure = sys.argv[4] if len(sys.argv) > 4 else "fit"
    if implementation in ("native", "compiled"):
        module = importlib.import_module(f"native_{backend}")
        figures = getattr(module, figure)(WORKLOADS[name], implementation == "compiled")
    elif implementation == "inductor":
        figures = fit(package(implementation, backend), WORKLOADS[name], jit_compile=True)
    else:
        figures = {"fit": fit, "memory": memory, "predict": predict, "call": call}[figure](
            package(implementation, backend), WORKLOADS[name]
        )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
