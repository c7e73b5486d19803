"""The OrbaxCheckpoint callback: its checkpoints read here, on other backends and by Keras, and Keras's read here."""

from __future__ import annotations

import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import triceras
from tests import black_box
from triceras import callbacks, layers
from triceras.backends import registry
from triceras.backends.registry import Backend, backend_scope
from triceras.saving import load_model, orbax_files

BACKENDS = [name for name in registry.available_backends() if name != "numpy"]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3)).astype("float32")
Y = (X @ RNG.normal(size=(3, 1))).astype("float32")


@pytest.fixture(params=BACKENDS)
def training_backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with backend_scope(request.param) as current:
        yield current


def model(units: int = 2, **names: str | None) -> triceras.Model:
    """A model whose names are fixed unless given as None."""
    a, b, net = (names.get(name, name) for name in ("a", "b", "net"))
    parts = [
        triceras.Input((3,)),
        layers.Dense(units, name=a),
        layers.BatchNormalization(name="n"),
        layers.Dropout(0.1),
    ]
    made = triceras.Sequential([*parts, layers.Dense(1, name=b)], name=net)
    made.compile(triceras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    return made


@functools.cache
def compiled(backend: str) -> triceras.Model:
    """A model of a backend, whose steps are compiled once for all tests."""
    with backend_scope(backend):
        return model()


def fit(folder: pathlib.Path, others: Any = (), net: Any = None, how: Any = None, **options: Any) -> Any:
    """Train the active backend's model, five batches an epoch."""
    net = compiled(registry.active().name) if net is None else net
    checkpoint = callbacks.OrbaxCheckpoint(folder, **options)
    net.fit(X, Y, callbacks=[checkpoint, *others], **({"batch_size": 4, "verbose": 0} | (how or {})))
    return net


def same(one: Any, other: Any) -> None:
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def names(folder: pathlib.Path) -> list[str]:
    return sorted((path.name for path in folder.iterdir()), key=lambda name: (len(name), name))


# ---- with Keras ------------------------------------------------------------------------------------------------------

KERAS = """
def made():
    net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="a"), keras.layers.BatchNormalization(name="n"),
                            keras.layers.Dropout(0.1), keras.layers.Dense(1, name="b")], name="net")
    net.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    return net

def answer(row):
    ours, theirs, options = row
    if ours is not None:
        net = made()
        net.load_weights(ours)
        whole = options["save_weights_only"] or keras.saving.load_model(ours)
        return plain(net.get_weights()), None if whole is True else int(whole.optimizer.iterations)
    net, x = made(), np.linspace(-1, 1, 60).reshape(20, 3)
    net.fit(x, x[:, :1], batch_size=4, epochs=2, verbose=0,
            callbacks=[keras.callbacks.OrbaxCheckpoint(directory=theirs, **options)])
    return plain(net.get_weights()), plain(net.optimizer.variables)
"""
KINDS = [{"save_weights_only": False}, {"save_weights_only": True, "save_freq": 3, "max_to_keep": 2}]


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Any, Any]]:
    """(whose, backend, kind of checkpoint) -> its folder, what was saved, and what Keras says to it."""
    folder = tmp_path_factory.mktemp("exchange")
    rows, found = [], {}
    for number, kind in enumerate(KINDS):
        for backend in BACKENDS:
            path = folder / f"{backend}{number}"
            with backend_scope(backend):
                net = fit(path, **{**kind, "save_freq": "epoch"})
            rows.append([str(path), None, kind])
            found["ours", backend, number] = [path, net.get_weights(), int(net.optimizer.iterations)]
        path = folder / f"keras{number}"
        rows.append([None, str(path), kind])
        found["theirs", "keras", number] = [path]
    for key, answer in zip(list(found), black_box.run(KERAS, rows), strict=True):
        found[key].append(answer)
    yield found
    shutil.rmtree(folder)


@pytest.mark.parametrize("number", range(len(KINDS)))
@pytest.mark.parametrize("backend", BACKENDS)
def test_keras_reads_ours(backend: str, number: int, exchange: dict[Any, Any]) -> None:
    _, weights, iterations, (read, steps) = exchange["ours", backend, number]
    for ours, theirs in zip(weights, read, strict=True):
        np.testing.assert_array_equal(ours, np.array(theirs, ours.dtype))
    assert steps == (None if KINDS[number]["save_weights_only"] else iterations)


def test_we_read_those_of_keras(training_backend: Backend, exchange: dict[Any, Any]) -> None:
    """Its weights by name; a whole model, the optimizer's state too, by what the names have in common."""
    path, (weights, optimizer) = exchange["theirs", "keras", 0]
    net, loaded = model(), load_model(path)
    net.load_weights(path)
    for read in (net, loaded):
        for ours, theirs in zip(read.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(ours, np.array(theirs, ours.dtype))
    for ours, theirs in zip(loaded.optimizer.variables, optimizer, strict=True):
        np.testing.assert_array_equal(ours.numpy(), np.array(theirs, ours.dtype))
    path, _ = exchange["theirs", "keras", 1]
    assert names(path) == ["6", "9"]
    net.load_weights(path / "6")


# ---- what is kept ----------------------------------------------------------------------------------------------------


def test_each_epoch_is_kept_as_it_was(training_backend: Backend, tmp_path: pathlib.Path) -> None:
    """Training goes on while a checkpoint is written, which has the values from before; models of all backends read it."""
    seen: list[Any] = []
    watcher = callbacks.LambdaCallback(on_epoch_end=lambda *_: seen.append(net.get_weights()))
    net = compiled(training_backend.name)
    fit(tmp_path, [watcher], how={"epochs": 3}, max_to_keep=None)
    assert names(tmp_path) == ["0", "1", "2"]
    for epoch, weights in enumerate(seen):
        for backend in registry.available_backends():
            with backend_scope(backend):
                read = model()
                read.load_weights(tmp_path / str(epoch))
            for a, b in zip(read.get_weights(), weights, strict=True):
                np.testing.assert_array_equal(a, b)


def test_a_whole_model_goes_on(training_backend: Backend, tmp_path: pathlib.Path) -> None:
    """Configuration, weights, the optimizer's state: training goes on from them as it would have."""
    net = fit(tmp_path)
    loaded = load_model(tmp_path)
    assert loaded.optimizer.get_config() == net.optimizer.get_config()
    for a, b in zip(loaded.optimizer.variables, net.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    for one in (net, loaded):
        one.fit(X, Y, batch_size=20, shuffle=False, verbose=0)
    for a, b in zip(loaded.get_weights(), net.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert load_model(tmp_path, compile=False).compiled is False


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"save_freq": 4, "max_to_keep": None}, ["4", "8", "12"]),
        ({"save_freq": 4, "max_to_keep": 2, "save_on_background": False}, ["8", "12"]),
        ({"max_to_keep": 2}, ["1", "2"]),
    ],
)
def test_which_are_kept(options: Any, expected: list[str], tmp_path: pathlib.Path) -> None:
    with backend_scope("jax"):
        fit(tmp_path, how={"epochs": 3}, **options)
    assert names(tmp_path) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["0", "2"]),
        ({"max_to_keep": 1}, ["2"]),
        ({"mode": "max"}, ["0", "1"]),
        ({"initial_value_threshold": 0.6}, ["2"]),
        ({"initial_value_threshold": 0.1}, []),
    ],
)
def test_the_best_are_kept(options: Any, expected: list[str], tmp_path: pathlib.Path, capsys: Any) -> None:
    given = {"monitor": "loss", "save_best_only": True, "max_to_keep": None, "verbose": 1} | options
    checkpoint = callbacks.OrbaxCheckpoint(tmp_path, **given)
    checkpoint.set_model(compiled("jax"))
    checkpoint.on_train_begin()
    for epoch, loss in enumerate([0.7, 0.8, 0.5]):
        checkpoint.on_epoch_begin(epoch)
        checkpoint.on_epoch_end(epoch, {"loss": loss})
    checkpoint.on_train_end()
    assert names(tmp_path) == expected
    printed = capsys.readouterr().out
    assert ("Epoch 3: loss improved from" in printed) == ("2" in expected)
    assert (f"saving to {tmp_path}" in printed) == bool(expected)


def test_figures_of_batches_are_not_read(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with backend_scope("jax"):
        net = compiled("jax")
        read, reads = net.read_logs, []
        monkeypatch.setattr(net, "read_logs", lambda *a, **k: reads.append(1) or read(*a, **k))
        fit(tmp_path, save_freq=4, how={"epochs": 2})
        assert not callbacks.OrbaxCheckpoint(tmp_path).wants_batches("train")
    assert len(reads) == 2  # after each epoch


# ---- what goes wrong -------------------------------------------------------------------------------------------------


def test_a_directory_with_newer_checkpoints_is_refused(tmp_path: pathlib.Path) -> None:
    """Before anything is trained; going on after the last one is fine."""
    with backend_scope("jax"):
        net = fit(tmp_path, how={"epochs": 2})
        before = net.get_weights()
        with pytest.raises(ValueError, match=r"begins with step 0, and .* has checkpoints of the steps \[1\] already"):
            fit(tmp_path)
        for a, b in zip(net.get_weights(), before, strict=True):
            np.testing.assert_array_equal(a, b)
        fit(tmp_path, how={"initial_epoch": 2, "epochs": 3})
    assert names(tmp_path) == ["2"]


class CutError(Exception):
    """What ends a training before its time."""


class CutAfter(callbacks.Callback):
    """Raises an error after some batches."""

    runs_last = True

    def __init__(self, count: int) -> None:
        super().__init__()
        self.left = count

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.left -= 1
        if not self.left:
            raise CutError


def test_a_training_that_was_cut_off(tmp_path: pathlib.Path) -> None:
    """Taken up from before its last checkpoints, it writes them again; batches count on."""
    options = {"save_freq": 2, "max_to_keep": None}
    with backend_scope("jax"):
        for others in ([CutAfter(9)], []):
            backup = callbacks.BackupAndRestore(tmp_path / "backup")
            try:
                fit(tmp_path / "c", [backup, *others], how={"epochs": 3}, save_on_background=False, **options)
            except CutError:
                assert names(tmp_path / "c") == ["2", "4", "6", "8"]
        net = compiled("jax")
        assert names(tmp_path / "c") == ["2", "4", "6", "8", "10", "12", "14"]
        read = model()
        read.load_weights(tmp_path / "c")
    assert not np.array_equal(read.get_weights()[0], net.get_weights()[0])  # there was a batch after it


class Failing:
    """A writer whose disk is full."""

    checkpoints = ()

    def save_checkpointables_async(self, *_: Any, **__: Any) -> Failing:
        return self

    def result(self) -> None:
        raise OSError("No space left on device")

    def close(self) -> None:
        """Nothing."""


@pytest.mark.parametrize("background", [True, False])
def test_errors_of_writing_are_raised(
    background: bool, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the next checkpoint, or at once in the foreground."""
    ended: list[int] = []
    watcher = callbacks.LambdaCallback(on_epoch_end=lambda epoch, _: ended.append(epoch))
    monkeypatch.setattr(callbacks.OrbaxCheckpoint, "_open", lambda _: Failing())
    with backend_scope("jax"), pytest.raises(OSError, match="No space left"):
        fit(tmp_path, [watcher], how={"epochs": 3}, save_on_background=background)
    assert ended == ([0] if background else [])


def test_what_is_not_finished_is_passed_over(tmp_path: pathlib.Path) -> None:
    with backend_scope("jax"):
        net = fit(tmp_path)
        for name in ("7.orbax-checkpoint-tmp", "8", "notes"):
            (tmp_path / name).mkdir()
        assert orbax_files.steps_in(tmp_path) == [0]
        read = model()
        read.load_weights(tmp_path)
        same(read, net)
        with pytest.raises(ValueError, match=r"and '\.keras', or is an Orbax checkpoint, received '.*8'"):
            read.load_weights(tmp_path / "8")


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("pytree/_METADATA", lambda path: path.write_bytes(path.read_bytes()[:9])),
        ("pytree/_METADATA", lambda path: path.unlink()),
        ("model_config/data.json", lambda path: path.write_bytes(path.read_bytes()[:9])),
        ("model_config/data.json", lambda path: path.unlink()),
    ],
)
def test_a_damaged_checkpoint_is_named(name: str, spoil: Any, tmp_path: pathlib.Path) -> None:
    with backend_scope("jax"):
        fit(tmp_path)
        spoil(tmp_path / "0" / name)
        with pytest.raises(ValueError, match=r"The checkpoint .*0 is damaged, or none of a model"):
            load_model(tmp_path)


def test_weights_alone_are_no_model(tmp_path: pathlib.Path) -> None:
    with backend_scope("jax"):
        fit(tmp_path, save_weights_only=True)
        with pytest.raises(ValueError, match=r"holds weights alone.*model.load_weights\(\)"):
            load_model(tmp_path)


def test_another_model_is_refused(tmp_path: pathlib.Path) -> None:
    """By the shape or the name of a variable; what fits can be read alone."""
    with backend_scope("jax"):
        net = fit(tmp_path)
        wide = model(3)
        before = wide.get_weights()
        with pytest.raises(ValueError, match=r"'net/a/kernel' has the shape \(3, 3\), the checkpoint .* has \(3, 2\)"):
            wide.load_weights(tmp_path)
        for a, b in zip(wide.get_weights(), before, strict=True):
            np.testing.assert_array_equal(a, b)
        with pytest.warns(UserWarning, match="wasn't loaded"):
            wide.load_weights(tmp_path, skip_mismatch=True)
        np.testing.assert_array_equal(wide.get_weights()[-1], net.get_weights()[-1])
        less = triceras.Sequential([triceras.Input((3,)), layers.Dense(2, name="other")], name="net")
        with pytest.raises(
            ValueError, match=r"nothing for the variable 'net/other/kernel'.*expected it among .*net/a/kernel"
        ):
            less.load_weights(tmp_path)


def test_names_with_other_numbers(tmp_path: pathlib.Path) -> None:
    """Models that were named by the process are read by others made like them."""
    with backend_scope("jax"):
        unnamed = {"a": None, "b": None, "net": None}
        first, second = model(**unnamed), model(**unnamed)
        assert [v.path for v in first.weights] != [v.path for v in second.weights]
        fit(tmp_path, net=first)
        second.load_weights(tmp_path)
        same(first, second)
        # One of Keras tells no order.
        metadata = tmp_path / "0" / "_CHECKPOINT_METADATA"
        metadata.write_text(json.dumps(json.loads(metadata.read_text()) | {"custom_metadata": {}}))
        third = model(**unnamed)
        third.load_weights(tmp_path)
        same(first, third)


def test_arrays_without_elements(tmp_path: pathlib.Path) -> None:
    with backend_scope("jax"):
        net = triceras.Sequential([triceras.Input((3,)), layers.Dense(1, name="a")], name="net")
        net.layers[-1].add_weight(shape=(0, 2), name="nothing", trainable=False)
        net.compile("sgd", "mse")
        with pytest.raises(
            ValueError, match=r"no arrays without elements.*nothing' of model 'net' has the shape \(0, 2\)"
        ):
            fit(tmp_path, net=net)
    assert not any(tmp_path.iterdir())


# ---- the package, and arguments --------------------------------------------------------------------------------------

ALONE = """
import sys, tempfile
import numpy as np
import triceras
from triceras import callbacks, layers

triceras.config.set_backend("jax")
with tempfile.TemporaryDirectory() as folder:
    net = triceras.Sequential([triceras.Input((2,)), layers.Dense(1)])
    net.compile("sgd", "mse")
    net.fit(np.zeros((4, 2)), np.zeros((4, 1)), verbose=0, callbacks=[callbacks.OrbaxCheckpoint(folder)])
    triceras.saving.load_model(folder)
print(*{m.partition(".")[0] for m in sys.modules} & {"jax", "torch", "tensorflow", "keras", "flax"})
"""


def test_no_other_framework_is_loaded() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ALONE],
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
        cwd=tempfile.gettempdir(),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["jax"]


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "orbax.checkpoint.experimental", None)
    with pytest.raises(ImportError, match=r"'orbax-checkpoint', which isn't installed.*pip install triceras\[orbax\]"):
        callbacks.OrbaxCheckpoint("checkpoints")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"directory": ""}, "directory names a folder, received ''"),
        ({"save_freq": 0}, "save_freq is 'epoch' or a positive number of batches, received 0"),
        ({"save_freq": "batch"}, "received 'batch'"),
        ({"max_to_keep": 0}, "max_to_keep is a positive number of checkpoints, or None for all; received 0"),
        ({"mode": "best"}, "mode is 'auto', 'min' or 'max', received 'best'"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        callbacks.OrbaxCheckpoint(**({"directory": "checkpoints"} | options))


def test_a_checkpoint_that_claims_to_be_huge(tmp_path: pathlib.Path) -> None:
    """The shapes of its arrays are compared before memory is taken for what its configuration claims."""
    with backend_scope("jax"):
        fit(tmp_path)
        found = [path for path in (tmp_path / "0" / orbax_files.CONFIG).rglob("*") if path.is_file()]
        changed = [path for path in found if b"units" in path.read_bytes()]
        for path in changed:
            data = path.read_bytes()
            path.write_bytes(re.sub(rb'(units\\*": )1\b', rb"\g<1>1000000000000", data))
            assert path.read_bytes() != data
        assert changed
        with pytest.raises(ValueError, match=r"has the shape \(2, 1000000000000\), the checkpoint"):
            load_model(tmp_path)
