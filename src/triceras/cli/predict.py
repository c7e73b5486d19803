"""Compute a model's outputs for data; without -o a row of JSON is printed for each row of the data.

examples:
  triceras predict model.keras data.csv
  triceras predict model.keras data.npy -o outputs.npy
  triceras predict model.keras data.npz -o outputs.npz --backend torch
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
from typing import Any

import numpy as np

from triceras import tree
from triceras.cli.convert import MODEL, load
from triceras.saving import atomic

ARGUMENTS = MODEL | {
    "data": {"type": pathlib.Path, "help": "a .npy or .csv file, or a .npz file with inputs' names for keys"},
    "-o --output": {"type": pathlib.Path, "metavar": "OUT", "help": "a .npy file; .npz for several outputs"},
    "--batch-size": {"type": int, "default": 32, "metavar": "N", "help": "rows computed at a time, by default 32"},
}


def run(given: argparse.Namespace) -> int:
    """Run ``triceras predict``."""
    path = given.output
    if path is not None and path.suffix not in (".npy", ".npz"):
        raise ValueError(f"What -o names ends in '.npy' or '.npz', received {str(path)!r}.")
    arrays = _read(given.data)
    outputs = _predicted(load(given), given, arrays)
    if path is None:
        for row in zip(*outputs.values()):
            values = [x.tolist() for x in row]
            print(json.dumps(values[0] if len(values) == 1 else dict(zip(outputs, values))))
        return 0
    path = path if len(outputs) == 1 else path.with_suffix(".npz")
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic.replacing(path) as temporary, temporary.open("wb") as file:
        if path.suffix == ".npz":
            np.savez(file, allow_pickle=False, **outputs)
        else:
            np.save(file, *outputs.values(), allow_pickle=False)
    print(f"Saved {_described(outputs)} to {path}.")
    return 0


def _read(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Name -> array; a file without names has one array, named ``""``. A table may begin with a line of titles."""
    try:
        with path.open("rb") as file:
            start = file.readline()
        if path.suffix == ".csv" and start:
            titles = not start.decode("utf-8-sig").lstrip(" +-.")[:1].isdigit()
            return {"": np.loadtxt(path, delimiter=",", skiprows=int(titles), ndmin=2, encoding="utf-8-sig")}
        if not start.startswith((b"\x93NUMPY", b"PK")):
            raise ValueError("it begins otherwise.")
        loaded = np.load(path, allow_pickle=False)
        found = {"": loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
        if not found or not all(isinstance(x, np.ndarray) for x in found.values()):
            raise ValueError("it isn't one of arrays.")
        return found
    except Exception as error:  # what isn't such a file gives errors of all kinds
        raise ValueError(f"{path} can't be read as numbers in .npy, .npz or .csv format: {error}") from error


def _predicted(model: Any, given: argparse.Namespace, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The outputs by their keys or numbers, in dtypes that files and JSON know; a bar is shown on a terminal."""
    wanted = [x.name for x in getattr(model, "inputs", ())]
    if wanted and arrays.keys() >= set(wanted):  # there may be labels beside them
        arrays = {name: arrays[name] for name in wanted}
    x = arrays if len(arrays) > 1 else next(iter(arrays.values()))
    try:
        outputs = model.predict(x, batch_size=given.batch_size, verbose=int(sys.stdout.isatty()))
    except Exception as error:  # frameworks raise what they like
        raise ValueError(f"Model {model.name!r} doesn't take {_described(arrays)} of {given.data}: {error}") from error
    start = () if isinstance(outputs, dict) else ("output",)
    named = {"_".join(map(str, (*start, *path))): y for path, y in tree.flatten_with_path(outputs)}
    return {name: y.astype("float32") if y.dtype.kind == "V" else y for name, y in named.items()}


def _described(arrays: dict[str, np.ndarray]) -> str:
    return ", ".join(f"{name or 'the array'} {x.dtype}{list(x.shape)}" for name, x in arrays.items())
