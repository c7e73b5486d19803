"""Whatever happens while a file is written, the one before is still there and whole."""

from __future__ import annotations

import pathlib
import random
import signal
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest

import triceras
from triceras import layers, saving
from triceras.backends.registry import backend_scope
from triceras.core.errors import FileFormatError

SAVER = pathlib.Path(__file__).parent / "crash_saver.py"
NAMES = (
    "model.keras",
    "folder",
    "model.weights.h5",
    "model.h5",
    "model.safetensors",
    "m.weights.json",
    "m.safetensors.index.json",
)
KILLS = 12


def weighted(value: float) -> triceras.Model:
    """A model of about a megabyte, all of whose weights are one number."""
    with backend_scope("numpy"):
        model = triceras.Sequential([triceras.Input((200,)), *(layers.Dense(200) for _ in range(6))])
    for variable in model.weights:
        variable.assign(np.full(variable.shape, value, "float32"))
    return model


def save(model: triceras.Model, path: pathlib.Path) -> None:
    """Write it as its name says."""
    if path.suffix == ".json":
        model.save_weights(path, max_shard_size=0.0004)
    elif "weights" in path.name or path.suffix == ".safetensors":
        model.save_weights(path)
    else:
        model.save(path, zipped=path.suffix != "")


def values(path: pathlib.Path) -> set[float]:
    """All numbers in a file's weights."""
    with backend_scope("numpy"):
        if path.name in ("model.keras", "model.h5") or path.is_dir():
            model: Any = saving.load_model(path)
        else:
            model = weighted(0)
            model.load_weights(path)
        return {float(x) for variable in model.weights for x in np.unique(variable.numpy())}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_killed_while_saving(name: str, tmp_path: pathlib.Path) -> None:
    path, rng = tmp_path / name, random.Random(7)
    save(weighted(1), path)
    for _ in range(KILLS):
        with subprocess.Popen([sys.executable, str(SAVER), str(path)], stdout=subprocess.PIPE) as saver:
            assert saver.stdout is not None
            assert saver.stdout.readline() == b"ready\n"
            time.sleep(rng.uniform(0.0, 0.08))
            saver.send_signal(signal.SIGKILL)
        whole = path if path.exists() else next(tmp_path.glob(".folder.*.old"))  # it had just stepped aside
        assert values(whole) in ({1.0}, {2.0})


@pytest.mark.parametrize("name", NAMES)
def test_full_disk(name: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / name
    save(weighted(1), path)
    before = sorted(p.name for p in tmp_path.iterdir())
    command = [sys.executable, str(SAVER), str(path), "300000"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "OSError\n"
    assert values(path) == {1.0}
    assert sorted(p.name for p in tmp_path.iterdir()) == before


@pytest.mark.parametrize("name", NAMES)
def test_read_only_target(name: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / name
    save(weighted(1), path)

    def refuses(*args: object, **kwargs: object) -> None:
        raise PermissionError("read-only file system")

    monkeypatch.setattr("tempfile.mkstemp", refuses)
    monkeypatch.setattr("tempfile.mkdtemp", refuses)
    with pytest.raises(PermissionError, match="read-only file system"):
        save(weighted(2), path)
    monkeypatch.undo()
    assert values(path) == {1.0}


@pytest.mark.parametrize("name", [name for name in NAMES if name != "folder" and not name.endswith(".json")])
def test_truncated_files_say_so(name: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / name
    save(weighted(1), path)
    data = path.read_bytes()
    for share in (0.0, 0.001, 0.3, 0.9, 0.999):
        path.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(FileFormatError, match=r"cut off|damaged"):
            values(path)


def test_changed_bytes_are_noticed(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "model.keras"
    save(weighted(1), path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match=r"checksum"):
        values(path)
