"""Trainings that are killed and run again end with the bits of one that never was."""

from __future__ import annotations

import json
import os
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
from tests.training import resumable
from triceras import callbacks, layers
from triceras.backends import registry
from triceras.backends.registry import backend_scope

BACKENDS = [name for name in registry.available_backends() if name != "numpy"]
ROOT = pathlib.Path(__file__).parents[2]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3)).astype("float32")
Y = (X @ RNG.normal(size=(3, 1))).astype("float32")

#: The data, how often it is saved, and what each of four processes is killed in: a save (two calls of `fsync` each: before
#: the new file replaces the old one, and after), a batch, or at a moment from outside. A number is the largest to draw.
SCENARIOS: dict[str, list[Any]] = {
    "arrays": [1, ("save", 13), ("batch", 6), ("time", 3.0), ("save", 6)],
    "batches": [3, ("batch", 7), ("save", 3), ("time", 3.0)],
    "endless": ["epoch", ("batch", 9), ("save", 2), ("time", 3.0)],
}


def start(**arguments: Any) -> subprocess.Popen[str]:
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)}
    environment |= {"JAX_ENABLE_COMPILATION_CACHE": "0"}  # or programs half written stay behind one that is killed
    command = [sys.executable, resumable.__file__, json.dumps(arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    )


def result(process: subprocess.Popen[str]) -> list[Any]:
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return json.loads(output.splitlines()[-1])


def kill(draw: random.Random, arguments: dict[str, Any], how: str, most: float) -> None:
    """Let a training run until it is killed."""
    if how == "time":
        process = start(**arguments, die=None)
        assert process.stdout is not None
        assert process.stdout.readline() == "begins\n"
        time.sleep(draw.uniform(0, most))
        process.kill()
        process.communicate(timeout=300)
        return
    process = start(**arguments, die=[how, draw.randint(1, int(most))])
    _, errors = process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL, errors


@pytest.mark.slow
@pytest.mark.parametrize("data", SCENARIOS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_killed_training_ends_with_the_bits_of_one_that_was_not(
    backend: str, data: str, tmp_path: pathlib.Path
) -> None:
    save_freq, *kills = SCENARIOS[data]
    common = {"backend": backend, "data": data, "save_freq": save_freq}
    expected = result(start(**common, folder=str(tmp_path / "whole"), die=None))
    draw = random.Random(f"{backend} {data}")
    killed = common | {"folder": str(tmp_path / "killed")}
    for how, most in kills:
        kill(draw, killed, how, most)
    assert result(start(**killed, die=None)) == expected
    assert not expected[-1], "the backup of a training that ended is deleted"


# ---- in this process -------------------------------------------------------------------------------------------------


class CutError(Exception):
    """What cuts a training off here."""


class CutAt(callbacks.Callback):
    runs_last = True

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch == self.epoch:
            raise CutError


def model(units: int = 1, **options: Any) -> triceras.Model:
    triceras.utils.set_random_seed(1)
    made = triceras.Sequential([triceras.Input((3,)), layers.Dense(units)], name="net")
    made.compile(triceras.optimizers.Adam(0.1, **options), "mse")
    return made


def cut_off(folder: pathlib.Path, made: triceras.Model, *watchers: callbacks.Callback, **options: Any) -> None:
    backup = callbacks.BackupAndRestore(folder, **options)
    with pytest.raises(CutError):
        made.fit(X, Y, epochs=4, batch_size=8, verbose=0, callbacks=[backup, *watchers, CutAt(1)])


@pytest.mark.parametrize("backend", BACKENDS)
def test_averages_in_place_of_weights_are_kept_with_the_weights(backend: str, tmp_path: pathlib.Path) -> None:
    with backend_scope(backend):
        averaging = {"use_ema": True, "ema_momentum": 0.5}
        whole = model(**averaging)
        whole.fit(X, Y, epochs=4, batch_size=8, verbose=0, callbacks=[callbacks.SwapEMAWeights(swap_on_epoch=True)])
        cut_off(tmp_path / "b", model(**averaging), callbacks.SwapEMAWeights(swap_on_epoch=True))
        again = [callbacks.BackupAndRestore(tmp_path / "b"), callbacks.SwapEMAWeights(swap_on_epoch=True)]
        resumed = model(**averaging)
        history = resumed.fit(X, Y, epochs=4, batch_size=8, verbose=0, callbacks=again)
        assert history.epoch == [0, 1, 2, 3]
        for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_training_that_stopped_early_is_not_taken_up_again(tmp_path: pathlib.Path) -> None:
    def stopping() -> list[callbacks.Callback]:
        early = callbacks.EarlyStopping(monitor="loss", patience=0, min_delta=1000.0)
        return [callbacks.BackupAndRestore(tmp_path / "b", delete_checkpoint=False), early]

    first = model().fit(X, Y, epochs=9, verbose=0, callbacks=stopping())
    again = model().fit(X, Y, epochs=9, verbose=0, callbacks=stopping())
    assert first.epoch == again.epoch == [0, 1]


def test_the_backup_before_serves_when_the_last_is_gone(tmp_path: pathlib.Path) -> None:
    backup = callbacks.BackupAndRestore(tmp_path, double_checkpoint=True)
    cut_off(tmp_path, made := model(), double_checkpoint=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest.h5", "previous.h5"]
    (tmp_path / "latest.h5").unlink()
    whole = model().fit(X, Y, epochs=4, batch_size=8, verbose=0)
    assert made.fit(X, Y, epochs=4, batch_size=8, verbose=0, callbacks=[backup]).history == whole.history
    assert not tmp_path.exists()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:300]), r"The backup .*latest\.h5 is damaged: .*Delete it"),
        (lambda path: path.write_bytes(b""), r"is damaged"),
    ],
)
def test_a_damaged_backup_is_named(spoil: Any, message: str, tmp_path: pathlib.Path) -> None:
    cut_off(tmp_path, model())
    spoil(tmp_path / "latest.h5")
    with pytest.raises(ValueError, match=message):
        model().fit(X, Y, verbose=0, callbacks=[callbacks.BackupAndRestore(tmp_path)])


def test_a_backup_of_another_model_is_refused(tmp_path: pathlib.Path) -> None:
    cut_off(tmp_path, model())
    with pytest.raises(
        ValueError, match=r"of another model: .*'net/dense\w*/kernel' with the shape \(3, 2\), \(3, 1\)"
    ):
        model(2).fit(X, np.repeat(Y, 2, 1), verbose=0, callbacks=[callbacks.BackupAndRestore(tmp_path)])


def test_a_backup_made_on_another_kind_of_data_is_refused(tmp_path: pathlib.Path) -> None:
    cut_off(tmp_path, model())
    with pytest.raises(
        ValueError, match=r"made on another kind of data: .*'seed'.* Pass data of that kind, or delete it"
    ):
        model().fit(((X, Y) for _ in range(4)), epochs=4, verbose=0, callbacks=[callbacks.BackupAndRestore(tmp_path)])


def test_less_data_than_before_is_an_error(tmp_path: pathlib.Path) -> None:
    def endless(count: int) -> Any:
        return ((X[:8], Y[:8]) for _ in range(count))

    backup = callbacks.BackupAndRestore(tmp_path)
    with pytest.raises(CutError):
        model().fit(endless(40), steps_per_epoch=4, epochs=4, verbose=0, callbacks=[backup, CutAt(2)])
    backup = callbacks.BackupAndRestore(tmp_path)
    with pytest.raises(ValueError, match=r"expected the \d+ batches that were trained on before, received 3"):
        model().fit(endless(3), steps_per_epoch=4, epochs=4, verbose=0, callbacks=[backup])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"backup_dir": ""}, "backup_dir names a folder"),
        ({"backup_dir": "b", "save_freq": 0}, "save_freq is 'epoch' or a positive number of batches"),
        ({"backup_dir": "b", "save_freq": "batch"}, "received 'batch'"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        callbacks.BackupAndRestore(**arguments)
