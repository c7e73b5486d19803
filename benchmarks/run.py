"""All measurements in turn, each in a fresh process, and their medians and ratios as a table.

    python benchmarks/run.py [--backends jax …] [--workloads tiny …] [--rounds 3] [--figures fit memory …] [--json FILE]

Round after round the implementations take turns (A B C, A B C …), so that a slow moment of the machine hits all of them.
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
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
BACKENDS = ("jax", "torch", "tensorflow")
WORKLOADS = ("tiny", "mlp", "cnn", "transformer", "lstm", "blocks", "resnet")
IMPLEMENTATIONS = {
    "fit": ("triceras", "inductor", "keras", "native", "compiled"),
    "memory": ("triceras", "keras"),
    "predict": ("triceras", "keras"),
    "call": ("triceras", "keras", "native"),
}


def applies(figure: str, implementation: str, backend: str) -> bool:
    """Whether there is such a measurement: plain JAX is compiled already, and only torch has modules to call eagerly."""
    if implementation == "inductor":
        return backend == "torch"
    if implementation == "compiled":
        return backend != "jax"
    return not (figure == "call" and implementation == "native" and backend != "torch")


def measure(implementation: str, backend: str, workload: str, figure: str) -> dict[str, float] | None:
    """One measurement; None, with the error printed, where it failed."""
    command = [sys.executable, str(HERE / "measure.py"), implementation, backend, workload, figure]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), timeout=900, check=False)
    if done.returncode:
        print(f"{' '.join(command[2:])} failed: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def medians(samples: list[dict[str, float]]) -> dict[str, float]:
    """The median of each figure."""
    return {key: statistics.median(sample[key] for sample in samples) for key in samples[0]} if samples else {}


def row(figure: str, results: dict[str, dict[str, float]]) -> str:
    """A line of the table: the figures of each implementation and the ratios to them."""
    key = {"fit": "step_ms", "memory": "peak_mb", "predict": "predict_ms", "call": "call_us"}[figure]
    ours = results.get("triceras", {}).get(key)
    cells = [f"{results[i][key]:.3f}" if results.get(i) else "-" for i in IMPLEMENTATIONS[figure]]
    natives = [results[i][key] for i in ("native", "compiled") if results.get(i)]
    references = results.get("keras", {}).get(key), min(natives) if natives else None
    ratios = [f"{ours / reference:.2f}" if ours and reference else "-" for reference in references]
    if figure == "fit" and results.get("triceras") and results.get("keras"):
        ratios.append(f"{results['triceras']['first_s']:.2f}/{results['keras']['first_s']:.2f} s")
        ratios.append(f"{results['triceras']['first_s'] / results['keras']['first_s']:.2f}")
    return " | ".join([*cells, *ratios])


HEADERS = {
    "fit": "triceras ms | with inductor | keras | native | native compiled | /keras | /best native | first step | /keras",
    "memory": "triceras MB | keras | /keras | -",
    "predict": "triceras ms | keras | /keras | -",
    "call": "triceras us | keras | native | /keras | /native",
}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backends", nargs="+", default=BACKENDS)
    parser.add_argument("--workloads", nargs="+", default=WORKLOADS)
    parser.add_argument("--figures", nargs="+", default=("fit", "memory", "predict", "call"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--implementations", nargs="+", default=("triceras", "inductor", "keras", "native", "compiled"))
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    samples: dict[tuple[str, ...], list[dict[str, float]]] = collections.defaultdict(list)
    for figure in arguments.figures:
        print(f"\n{figure}\nbackend | workload | {HEADERS[figure]}", flush=True)
        for backend in arguments.backends:
            for workload in arguments.workloads:
                for _ in range(arguments.rounds):
                    for implementation in IMPLEMENTATIONS[figure]:
                        if implementation in arguments.implementations and applies(figure, implementation, backend):
                            sample = measure(implementation, backend, workload, figure)
                            if sample is not None:
                                samples[figure, backend, workload, implementation].append(sample)
                results: dict[str, Any] = {
                    i: medians(samples[figure, backend, workload, i]) for i in IMPLEMENTATIONS[figure]
                }
                print(f"{backend} | {workload} | {row(figure, results)}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps({" ".join(key): value for key, value in samples.items()}, indent=1))


if __name__ == "__main__":
    main()
