"""What triceras adds: to an op, to a layer's call, to the start of a process.

    python benchmarks/overhead.py [BACKEND ...]

An op's overhead is the time of the op less that of the backend's body called directly; a layer's, that of the layer less
that of its ``call``. Each is the least of many repetitions, in microseconds of this thread's own time. The import is the
median of fresh processes with the bytecode cached, as an installed package has it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
CALLS, REPETITIONS = 2000, 15


def microseconds(function: Callable[[], Any]) -> float:
    """The least time of a call over many repetitions."""
    function()
    best = float("inf")
    for _ in range(REPETITIONS):
        start = time.thread_time()
        for _ in range(CALLS):
            function()
        best = min(best, time.thread_time() - start)
    return best / CALLS * 1e6


def ops_and_layers(name: str) -> None:
    """Print the figures of one backend."""
    import triceras
    from triceras import layers, ops
    from triceras.backends import registry

    class Same(layers.Layer):
        def call(self, x: Any) -> Any:
            return x

    with triceras.backend_scope(name):
        backend = registry.get_backend(name)
        x = ops.ones((4, 4))
        calls: dict[str, tuple[Any, ...]] = {
            "exp": (x,),
            "add": (x, x),
            "matmul": (x, x),
            "sum": (x, -1),
            "softmax": (x,),
            "clip": (x, 0.0, 1.0),
            "concatenate": ([x, x],),
        }
        for op, args in calls.items():
            function, body = getattr(ops, op), getattr(ops, op).op.body(backend)
            added = microseconds(lambda f=function, a=args: f(*a)) - microseconds(lambda f=body, a=args: f(*a))
            print(f"{name:12}{op:20}{added:8.2f}")
        for layer in (Same(), layers.Dense(4), layers.LayerNormalization()):
            layer(x)
            added = microseconds(lambda f=layer: f(x)) - microseconds(lambda f=layer: f.call(x))
            print(f"{name:12}{type(layer).__name__:20}{added:8.2f}")


def import_seconds(package: str) -> float:
    """The median time of importing a package in a fresh process."""
    code = f"import time; t = time.perf_counter(); import {package}; print(time.perf_counter() - t)"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    runs = [subprocess.check_output([sys.executable, "-c", code], text=True, env=environment) for _ in range(10)]
    return statistics.median(float(run) for run in runs[1:])


def main() -> None:
    """Run what the command line asks for."""
    for package in ("numpy", "triceras"):
        print(f"import {package:17}{import_seconds(package) * 1e3:8.0f} ms")
    for name in sys.argv[1:] or ("jax", "torch", "tensorflow"):
        ops_and_layers(name)


if __name__ == "__main__":
    main()
