"""Models exported, read back by their runtimes in another process, and compared; also a program that prints the whole matrix.

python -m tests.export.matrix
"""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from tests.export.readers import READERS
from tests.interop.twelve import MODELS
from triceras import ops, tree
from triceras.backends.registry import backend_scope
from triceras.export.formats import FORMATS
from triceras.export.signatures import signature_of_resource

#: Rows and lengths of the runs.
SIZES = ((1, 4), (3, 5), (7, 9))
SOURCES = ("jax", "torch", "tensorflow")


def export_all(kind: str, folder: pathlib.Path, cases: Iterable[tuple[str, str]]) -> dict[str, list[Any]]:
    """Export models from backends; returns what each gives itself, by ``<backend>_<model>``."""
    wanted = {}
    for source, name in cases:
        row = MODELS[name]
        with backend_scope(source):
            model = row.make()
        label = f"{source}_{name}{FORMATS[kind].suffix}"
        model.export(folder / label, format=kind)
        batches = [row.data(*sizes) for sizes in SIZES]
        wanted[label] = [[ops.convert_to_numpy(x) for x in tree.flatten(model(batch))] for batch in batches]
        names = [one.name for one in tree.flatten(signature_of_resource("serve", model))]
        arrays = {f"{n}/{i}": x for n, batch in enumerate(batches) for i, x in enumerate(tree.flatten(batch))}
        np.savez(folder / f"{label}.npz", names=names, **arrays)
    return wanted


def read_back(kind: str, folder: pathlib.Path, wanted: dict[str, list[Any]]) -> dict[str, float]:
    """The largest relative difference of each model, as its runtime computes it."""
    program = pathlib.Path(__file__).with_name("readers.py")
    result = subprocess.run([sys.executable, program, kind, folder], capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr[-3000:]
    found = {}
    for label, runs in wanted.items():
        data = np.load(folder / f"{label}.out.npz")
        assert len(data.files) == sum(map(len, runs))
        pairs = [(data[f"{n}/{i}"], x) for n, outputs in enumerate(runs) for i, x in enumerate(outputs)]
        assert all(got.shape == x.shape and got.dtype == x.dtype for got, x in pairs), label
        found[label] = max(float((abs(got - x) / (1 + abs(x))).max()) for got, x in pairs)
    return found


def main() -> None:
    """Print the matrix: the largest difference of each model from each backend in each format."""
    print("| model | " + " | ".join(READERS) + " |")
    differences: dict[tuple[str, str], list[float]] = {}
    for kind in READERS:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder)
            cases = [(source, name) for source in SOURCES for name in MODELS]
            found = read_back(kind, path, export_all(kind, path, cases))
        for (_, name), value in zip(cases, found.values(), strict=True):
            differences.setdefault((name, kind), []).append(value)
        print(f"{kind}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    for name in MODELS:
        cells = [" / ".join(f"{value:.0e}" for value in differences[name, kind]) for kind in READERS]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
