"""Loads files with random damage: ``python fuzz.py FOLDER --cases 2000 --first 0``.

Every outcome is a model or a ValueError; anything else, a crash, a case of over 40 s or memory that grows is a fault. Case n is
the same file on every machine: ``--first n --cases 1 --keep`` makes it again and leaves it in the folder.
"""

from __future__ import annotations

import argparse
import copy
import faulthandler
import io
import json
import os
import pathlib
import random
import resource
import struct
import sys
import traceback
import warnings
import zipfile
from collections.abc import Callable
from typing import Any, NamedTuple

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
os.environ.setdefault("TRICERAS_BACKEND", "numpy")

import h5py
import numpy as np

import triceras
from triceras import layers, ops, saving
from triceras.core import objects

SECONDS = 40
#: How much the process may grow over a run, in MB.
GROWTH = 400
#: Values that break what was written with others in mind.
ODD = (
    None, True, False, 0, 1, -1, 2, 3, 255, 2**31, 2**63, 2**70, -(2**31), 0.5, -0.0, 1e308, float("nan"), float("inf"), "",
    "x", "keras", "relu", "float32", "int4", "same", "../x", "/etc/passwd", "\0", "é" * 50, [], [None], [0], [[]],
    [None, None, 4], {}, {"class_name": "__tuple__", "config": {"value": [1]}},
    {"class_name": "function", "config": "relu", "module": "builtins"},
    {"module": "keras.layers", "class_name": "Dense", "config": {"units": 2}}, {"class_name": "__numpy__", "config": {}},
)  # fmt: skip
MEMBERS = ("metadata.json", "config.json", "model.weights.h5")


# ---- the files to damage ---------------------------------------------------------------------------------------------


def models() -> list[Any]:
    """Small models that use much of what files hold."""
    triceras.utils.set_random_seed(0)
    a, b = triceras.Input((4,), name="a"), triceras.Input((4,), name="b")
    shared = layers.Dense(3, kernel_regularizer="l2", kernel_initializer=triceras.initializers.Constant(0.5))
    y = ops.where(shared(a) > 0, shared(b), ops.exp(shared(a)) - 1.0)
    graph = triceras.Model({"a": a, "b": b}, {"y": y, "sum": ops.sum(y, axis=-1, keepdims=True)})
    stack = triceras.Sequential(
        [triceras.Input((6, 6, 1)), layers.Conv2D(2, 3), layers.BatchNormalization(), layers.Flatten(), layers.Dense(2)]
    )
    words = triceras.Sequential([triceras.Input((5,)), layers.Embedding(9, 4, mask_zero=True), layers.LSTM(3)])
    wrapped = triceras.Sequential(
        [
            triceras.Input((5, 4)),
            layers.Bidirectional(layers.GRU(2)),
            layers.Dropout(0.5),
            layers.Dense(2, dtype="bfloat16"),
        ]
    )
    return [graph, stack, words, wrapped]


class Source(NamedTuple):
    """A whole file, what damages it, and what loads it."""

    path: pathlib.Path
    damage: Callable[[pathlib.Path, random.Random, pathlib.Path], None]
    load: Callable[[pathlib.Path], Any]


def sources(folder: pathlib.Path) -> list[Source]:
    """Whole files of all kinds; archives most often."""
    made = []
    for i, model in enumerate(models()):
        archive = folder / f"seed{i}.keras"
        model.save(archive)
        text = json.loads(zipfile.ZipFile(archive).read("config.json"))
        text["compile_config"] = {"optimizer": "adam", "loss": "mse", "metrics": ["mae"], "run_eagerly": False}
        _rewritten(archive, {"config.json": json.dumps(text).encode()})
        made += [Source(archive, damage_archive, saving.load_model)] * 4
        for name, damage in WEIGHTS.items():
            path = folder / f"seed{i}{name}"
            model.save_weights(path, **({"max_shard_size": 1e-6 if i else 2e-7} if name.endswith(".json") else {}))
            made.append(Source(path, damage, model.load_weights))
    for i, model in enumerate(models()[:1]):  # few, for each costs a process
        model.save(folder / f"seed{i}.h5")
        made.append(Source(folder / f"seed{i}.h5", damage_legacy, saving.load_model))
    return made


def _members(path: pathlib.Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _rewritten(path: pathlib.Path, changes: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    members = _members(path) | changes
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


# ---- damage ----------------------------------------------------------------------------------------------------------


def damaged_bytes(data: bytes, rng: random.Random) -> bytes:
    """Bytes flipped, cut out, doubled, overwritten with odd numbers."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        if not found:
            break
        at, length = rng.randrange(len(found)), rng.choice((1, 2, 4, 8, 64))
        kind = rng.randrange(6)
        if kind == 0:
            found[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            found[at] = rng.randrange(256)
        elif kind == 2:
            del found[at : at + length]
        elif kind == 3:
            found[at:at] = found[at : at + length]
        elif kind == 4:
            number = rng.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000, 2**63, 2**64 - 1, len(found)))
            found[at : at + 8] = struct.pack("<Q", number)
        else:
            del found[rng.randrange(len(found)) :]
    return bytes(found)


def _nodes(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """All places in JSON: a container, and a key or position."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        found.append((value, key))
        if isinstance(value[key], dict | list):
            _nodes(value[key], found)
    return found


def damaged_json(value: Any, rng: random.Random) -> Any:
    """Values replaced, moved, removed, and classes given other names."""
    value = copy.deepcopy(value)
    names = sorted(name for _, name in objects._builtin)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        places = _nodes(value, [])
        if not places:
            break
        container, key = rng.choice(places)
        kind = rng.randrange(7)
        if kind <= 2:
            container[key] = copy.deepcopy(rng.choice(ODD))
        elif kind == 3:
            del container[key]
        elif kind == 4:
            other, place = rng.choice(places)
            container[key] = copy.deepcopy(other[place])
        elif kind == 5 and isinstance(container, dict):
            container[rng.choice(("name", "units", "dtype", "x", "__class__", "layers", "module"))] = copy.deepcopy(
                rng.choice(ODD)
            )
        else:
            classes = [(c, k) for c, k in places if k == "class_name"]
            if classes:
                container, key = rng.choice(classes)
                container[key] = rng.choice(names)
    return value


def damaged_hdf5(data: bytes, rng: random.Random) -> bytes:
    """A valid file whose arrays have other shapes, dtypes, places or filters."""
    memory = io.BytesIO(data)
    with h5py.File(memory, "r+") as file:
        paths: list[str] = []
        file.visit(paths.append)
        path = rng.choice(paths)
        kind = rng.randrange(6)
        found = file[path]
        is_dataset = isinstance(found, h5py.Dataset)
        shape = found.shape if isinstance(found, h5py.Dataset) else (2,)
        if kind == 0:
            del file[path]
        elif kind == 1 and is_dataset:
            del file[path]
            odd = rng.choice(((), (0,), (1,), shape[::-1], (*shape, 1), (10**6, 10**6), (2**40,)))
            file.create_dataset(path, odd, "f4", chunks=tuple(min(d, 8) for d in odd) if all(odd) and odd else None)
        elif kind == 2 and is_dataset:
            del file[path]
            file.create_dataset(
                path, shape, rng.choice(("i1", "u8", "f8", "f2", "c8", "?", "S5", "V3", h5py.string_dtype()))
            )
        elif kind == 3:
            file.move(path, f"moved{rng.randrange(9)}")
        elif kind == 4:
            file[path].attrs[rng.choice(("dtype", "name", "x"))] = rng.choice(
                ("bfloat16", "object", 5, np.zeros(9), "")
            )
        else:
            del file[path]
            link = rng.choice((h5py.SoftLink("/"), h5py.SoftLink("/vars"), h5py.ExternalLink("/etc/hostname", "/")))
            file[path] = link
    return memory.getvalue()


def damage_archive(source: pathlib.Path, rng: random.Random, target: pathlib.Path) -> None:
    """A ``.keras`` file: its bytes, its configuration, the bytes or the structure of its weights, a member gone."""
    members = _members(source)
    kind = rng.randrange(8)
    if kind == 0:
        damage_plain(source, rng, target)
        return
    if kind <= 3:
        text = damaged_json(json.loads(members["config.json"]), rng)
        members["config.json"] = json.dumps(text).encode()
    elif kind == 4:
        members["config.json"] = damaged_bytes(members["config.json"], rng)
    elif kind <= 6:
        members["model.weights.h5"] = damaged_bytes(members["model.weights.h5"], rng)
    else:
        members["model.weights.h5"] = damaged_hdf5(members["model.weights.h5"], rng)
    if rng.random() < 0.02:
        members.pop(rng.choice(MEMBERS))
    compression = zipfile.ZIP_DEFLATED if rng.random() < 0.1 else zipfile.ZIP_STORED
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def damage_plain(source: pathlib.Path, rng: random.Random, target: pathlib.Path) -> None:
    """Any file: its bytes."""
    target.write_bytes(damaged_bytes(source.read_bytes(), rng))


def damage_hdf5(source: pathlib.Path, rng: random.Random, target: pathlib.Path) -> None:
    """An HDF5 file: its bytes or its structure."""
    damaged = rng.choice((damaged_bytes, damaged_hdf5))
    target.write_bytes(damaged(source.read_bytes(), rng))


def damage_json(source: pathlib.Path, rng: random.Random, target: pathlib.Path) -> None:
    """A file of JSON, beside those that it names: its values or its bytes."""
    if rng.random() < 0.7:
        target.write_text(json.dumps(damaged_json(json.loads(source.read_text()), rng)))
    else:
        damage_plain(source, rng, target)


def damage_legacy(source: pathlib.Path, rng: random.Random, target: pathlib.Path) -> None:
    """A model in ``.h5``: its configuration, or as any HDF5 file."""
    if rng.random() < 0.4:
        damage_hdf5(source, rng, target)
        return
    memory = io.BytesIO(source.read_bytes())
    with h5py.File(memory, "r+") as file:
        text = json.loads(str(file.attrs["model_config"]))
        file.attrs["model_config"] = json.dumps(damaged_json(text, rng))
    target.write_bytes(memory.getvalue())


WEIGHTS = {
    ".weights.h5": damage_hdf5,
    ".safetensors": damage_plain,
    ".weights.json": damage_json,
    ".safetensors.index.json": damage_json,
}


def load(source: Source, path: pathlib.Path) -> str:
    """What becomes of a file: the name of the error's class, or "loaded"."""
    try:
        source.load(path)
    except ValueError as error:
        return type(error).__name__
    return "loaded"


def run(folder: pathlib.Path, first: int, count: int) -> dict[str, Any]:
    """Load many cases; the outcomes by number, the faults with their traceback."""
    with triceras.backend_scope(os.environ["TRICERAS_BACKEND"]):
        every = sources(folder)
        for source in every:
            assert load(source, source.path) == "loaded", source.path
        outcomes: dict[str, int] = {}
        faults = []
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for number in range(first, first + count):
            rng = random.Random(number)
            source = rng.choice(every)
            path = folder / f"case{number if count == 1 else ''}{source.path.name[len('seed0') :]}"
            source.damage(source.path, rng, path)
            (folder / "now").write_text(str(number))
            faulthandler.dump_traceback_later(SECONDS, exit=True)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    outcome = load(source, path)
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is a fault to be reported
                outcome = f"FAULT {type(error).__name__}"
                faults.append({"case": number, "traceback": traceback.format_exc()[-3000:]})
            faulthandler.cancel_dump_traceback_later()
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return {"outcomes": outcomes, "faults": faults, "megabytes": grown}


def main() -> None:
    parser = argparse.ArgumentParser(description="Load files with random damage.")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--cases", type=int, default=2000)
    arguments = parser.parse_args()
    faulthandler.enable()
    arguments.folder.mkdir(exist_ok=True)
    print(json.dumps(run(arguments.folder, arguments.first, arguments.cases)))


if __name__ == "__main__":
    main()
