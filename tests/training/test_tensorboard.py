"""The TensorBoard callback: what it writes, as TensorBoard's own package reads it, against Keras."""

from __future__ import annotations

import functools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from google.protobuf import text_format
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.graph.keras_util import keras_model_to_graph_def
from tensorboard.plugins.histogram.summary_v2 import histogram_pb
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig
from tensorboard.util import tensor_util

import triceras
from tests import black_box
from triceras import callbacks, layers
from triceras.backends import registry
from triceras.backends.registry import Backend, backend_scope
from triceras.callbacks.event_file import buckets, pictures
from triceras.core.errors import UnsupportedError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3)).astype("float32")
Y = (X @ RNG.normal(size=(3, 1))).astype("float32")
WEIGHTS = [RNG.normal(size=shape).astype("float32") for shape in [(3, 2), (2,), (2, 1), (1,)]]


@pytest.fixture(params=[name for name in registry.available_backends() if name != "numpy"])
def training_backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with backend_scope(request.param) as current:
        yield current


@functools.cache
def compiled(backend: str) -> triceras.Model:
    """A model of a backend, whose steps are compiled once for all tests."""
    with backend_scope(backend):
        made = triceras.Sequential(
            [triceras.Input((3,)), layers.Dense(2, name="a"), layers.Dense(1, name="b")], name="net"
        )
        made.compile(triceras.optimizers.SGD(0.1), "mse", metrics=["mae"])
        return made


def fit(folder: pathlib.Path, options: dict[str, Any], others: Any = (), **how: Any) -> Any:
    """Train the active backend's model from the same weights on, five batches an epoch."""
    net = compiled(registry.active().name)
    net.set_weights(WEIGHTS)
    board = callbacks.TensorBoard(folder, **options)
    given = {"batch_size": 4, "shuffle": False, "verbose": 0} | how
    net.fit(X, Y, callbacks=[board, *others], **given)
    return net


def values(folder: pathlib.Path) -> dict[str, list[Any]]:
    """What the event files of each folder hold: a list of ``[tag, step, plugin, array]``."""
    found: dict[str, list[Any]] = {}
    for path in sorted(folder.rglob("*tfevents*")):
        rows = found.setdefault(path.parent.name, [])
        events = list(EventFileLoader(os.fspath(path)).Load())
        assert events[0].file_version == "brain.Event:2"
        for event in events:
            for v in event.summary.value:
                rows.append([v.tag, event.step, v.metadata.plugin_data.plugin_name, tensor_util.make_ndarray(v.tensor)])
    return found


# ---- against Keras ---------------------------------------------------------------------------------------------------

#: Options, and how it is trained. The rates of steps have other values, and are compared by their tags.
TRAININGS: list[list[Any]] = [
    [{}, {"epochs": 2}],
    [{"update_freq": "batch", "write_steps_per_second": True}, {"epochs": 2, "validated": True}],
    [{"update_freq": 5}, {"epochs": 3, "initial_epoch": 1, "validated": True}],
    [{"write_graph": False, "histogram_freq": 2, "write_images": True}, {"epochs": 3}],
]
KERAS_VALUES = (
    f"""
import pathlib, tempfile
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util import tensor_util

X, Y = (np.array(x, "float32") for x in {[X.tolist(), Y.tolist()]})
WEIGHTS = [np.array(w, "float32") for w in {[w.tolist() for w in WEIGHTS]}]
"""
    + """
def answer(row):
    options, how = row
    if how.pop("validated", False):
        how["validation_data"] = (X, Y)
    net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="a"), keras.layers.Dense(1, name="b")], name="net")
    net.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])
    net.set_weights(WEIGHTS)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        board = keras.callbacks.TensorBoard(folder, **options)
        net.fit(X, Y, batch_size=4, shuffle=False, verbose=0, callbacks=[board], **how)
        for path in pathlib.Path(folder).rglob("*tfevents*"):
            for event in EventFileLoader(str(path)).Load():
                for v in event.summary.value:
                    array = tensor_util.make_ndarray(v.tensor)
                    kind = v.metadata.plugin_data.plugin_name
                    value = array.tolist() if kind in ("scalars", "histograms") else len(array) if array.ndim else None
                    found.setdefault(path.parent.name, []).append([v.tag, event.step, kind, value])
    return found
"""
)


@functools.cache
def of_keras() -> list[Any]:
    return black_box.run(KERAS_VALUES, TRAININGS)


@pytest.mark.parametrize("number", range(len(TRAININGS)))
def test_keras_writes_the_same(training_backend: Backend, number: int, tmp_path: pathlib.Path) -> None:
    """Folders, tags, steps, plugins, and the figures themselves."""
    options, how = TRAININGS[number]
    how = dict(how)
    if how.pop("validated", False):
        how["validation_data"] = (X, Y)
    before = int(compiled(training_backend.name).optimizer.iterations)
    fit(tmp_path, options, **how)
    ours, theirs = values(tmp_path), of_keras()[number]
    assert set(ours) == set(theirs)
    for folder, expected in theirs.items():
        rows = [[tag, step - before * tag.startswith("evaluation"), *rest] for tag, step, *rest in ours[folder]]
        place = lambda row: (row[0], row[1])
        for row, (tag, step, kind, value) in zip(sorted(rows, key=place), sorted(expected, key=place), strict=True):
            assert row[:3] == [tag, step, kind]
            if kind == "scalars" and "per_second" not in tag:
                assert row[3] == pytest.approx(value, rel=1e-4, abs=1e-6), f"{folder} {tag} {step}"
            elif kind == "histograms":  # a value on an edge may fall to either side
                np.testing.assert_allclose(row[3][:, :2], np.array(value)[:, :2], rtol=1e-3, atol=1e-5)
                assert row[3][:, 2].sum() == np.array(value)[:, 2].sum()
            elif kind == "images":
                assert len(row[3]) == value


# ---- scalars ---------------------------------------------------------------------------------------------------------


def test_figures_are_read_only_when_they_are_written(
    training_backend: Backend, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the epoch no batch is waited for, and by N batches only each N-th."""
    net = compiled(training_backend.name)
    read, reads = net.read_logs, []
    monkeypatch.setattr(net, "read_logs", lambda *a, **k: reads.append(1) or read(*a, **k))
    assert not callbacks.TensorBoard(tmp_path, histogram_freq=1, write_steps_per_second=True).wants_batches("train")
    fit(tmp_path / "epoch", {}, epochs=2)
    assert len(reads) == 2
    fit(tmp_path / "batches", {"update_freq": 4}, epochs=2)
    assert len(reads) == 2 + 2 + 2  # after batches 4 and 8, and after each epoch
    steps = [step for tag, step, *_ in values(tmp_path / "batches")["train"] if tag == "batch_loss"]
    assert steps == [4, 8]


def test_epochs_have_figures_whatever_batches_have(training_backend: Backend, tmp_path: pathlib.Path) -> None:
    """Keras leaves them out of epochs that end between two batches with figures."""
    fit(tmp_path, {"update_freq": 3}, epochs=2, validation_data=(X, Y))
    for rows in values(tmp_path).values():
        assert [step for tag, step, *_ in rows if tag == "epoch_loss"] == [0, 1]


def test_evaluation_alone(training_backend: Backend, tmp_path: pathlib.Path) -> None:
    net, board = compiled(training_backend.name), callbacks.TensorBoard(tmp_path)
    loss, _ = net.evaluate(X, Y, verbose=0, callbacks=[board])
    (first, second) = values(tmp_path)["validation"]
    assert first[:2] == ["evaluation_loss_vs_iterations", int(net.optimizer.iterations)]
    assert first[3] == pytest.approx(loss)
    assert second[0] == "evaluation_mae_vs_iterations"
    assert set(values(tmp_path)) == {"validation"}


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


@pytest.mark.parametrize("save_freq", ["epoch", 1])
def test_steps_go_on(save_freq: Any, tmp_path: pathlib.Path) -> None:
    """A training that BackupAndRestore takes up again counts its batches on, in an epoch too."""
    with backend_scope("jax"):
        for others in ([CutAfter(7)], []):
            backup = callbacks.BackupAndRestore(tmp_path / "backup", save_freq=save_freq)
            try:
                fit(tmp_path / "logs", {"update_freq": 2}, [backup, *others], epochs=2)
            except CutError:
                continue
    steps = [step for tag, step, *_ in values(tmp_path / "logs")["train"] if tag == "batch_loss"]
    assert steps == ([2, 4, 6, 6, 8, 10] if save_freq == "epoch" else [2, 4, 6, 8, 10])


# ---- weights, graphs, embeddings, traces -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "array", [RNG.normal(size=(40, 5)), np.full((3, 2), 0.25), np.arange(31.0), np.array([True, False]), np.zeros(0)]
)
def test_buckets(array: np.ndarray) -> None:
    """They are those of TensorBoard's own package."""
    (expected,) = histogram_pb("tag", array).value
    np.testing.assert_allclose(buckets(array), tensor_util.make_ndarray(expected.tensor), rtol=1e-12)


def test_buckets_of_what_is_not_finite_or_real() -> None:
    assert buckets(np.array([np.nan, np.inf, 1.0]))[-1].tolist() == [1.0, 1.0, 1.0]
    assert buckets(np.array([3 + 4j]))[-1].tolist() == [5.0, 5.0, 1.0]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((5,), (5, 1)),
        ((5, 2), (2, 5)),
        ((2, 5), (2, 5)),
        ((1, 5, 1), (5, 1)),
        ((3, 2, 8), (3, 2)),
        ((4, 2, 1, 2), (4, 2)),
        ((4, 5, 3, 8), (4, 5, 3)),
        ((4, 5, 2, 8), (4, 5)),
    ],
)
def test_pictures(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    made = pictures(RNG.normal(size=shape))
    assert {picture.shape for picture in made} == {expected}
    assert len(made) == (1 if max(shape[2:], default=1) == 1 else min(3, shape[-1]))


def test_pictures_have_all_greys() -> None:
    """From the least value to the greatest; of what isn't finite, the nearest."""
    assert pictures(np.array([-1.0, 0.0, 1.0]))[0].ravel().tolist() == [0, 127, 255]
    assert pictures(np.array([np.nan, -np.inf, 2.0, np.inf, 1.0]))[0].ravel().tolist() == [0, 0, 255, 255, 0]
    assert pictures(np.full(2, 7.0))[0].ravel().tolist() == [0, 0]
    assert pictures(np.zeros((0, 2))) == pictures(np.array([[1.0]])) == []


def graph_in(folder: pathlib.Path) -> dict[str, list[str]]:
    """The nodes of the graph that TensorBoard draws, with what goes into them."""
    (text,) = [
        array for tag, _, kind, array in values(folder)["train"] if (tag, kind) == ("keras", "graph_keras_model")
    ]
    return {node.name: list(node.input) for node in keras_model_to_graph_def(json.loads(text.item())).node}


def graph_of(model: triceras.Model, folder: pathlib.Path) -> None:
    board = callbacks.TensorBoard(folder)
    board.set_model(model)
    board.on_train_begin()


def test_graph(tmp_path: pathlib.Path) -> None:
    with backend_scope("jax"):
        inputs = triceras.Input((3,), name="in")
        left = layers.Dense(2, name="left")(inputs)
        inner = triceras.Sequential([triceras.Input((3,)), layers.Dense(2, name="deep")], name="inner")
        outputs = layers.Add(name="sum")([left, inner(inputs)])
        graph_of(triceras.Model(inputs, outputs, name="net"), tmp_path)
    nodes = graph_in(tmp_path)
    assert nodes["net/left"] == ["net/in"]
    assert nodes["net/sum"] == ["net/left", "net/inner/deep"]
    assert nodes["net/inner/deep"]


def test_no_graph(tmp_path: pathlib.Path) -> None:
    """A subclassed model has none, one that can't be written says so; both train."""

    class Own(triceras.Model):
        def __init__(self) -> None:
            super().__init__(name="own")
            self.dense = layers.Dense(1)

        def call(self, x: Any) -> Any:
            return self.dense(x)

    with backend_scope("jax"):
        graph_of(Own(), tmp_path)
        secret = triceras.Sequential([triceras.Input((3,)), layers.Lambda(lambda x: x)], name="secret")
        with pytest.warns(UserWarning, match="gets no graph of model 'secret', which has no configuration"):
            graph_of(secret, tmp_path)
    assert not any(tmp_path.iterdir())


def test_embeddings(training_backend: Backend, tmp_path: pathlib.Path) -> None:
    """The projector's settings name a table of each layer and its labels."""
    net = triceras.Sequential(
        [triceras.Input((2,)), layers.Embedding(5, 4, name="words"), layers.Flatten(), layers.Dense(1)], name="net"
    )
    net.compile("sgd", "mse")
    board = callbacks.TensorBoard(tmp_path, embeddings_freq=2, embeddings_metadata={"words": "labels.tsv"})
    board.set_model(net)
    board.on_train_begin()
    board.on_epoch_end(0, {})
    first = net.get_weights()[0]
    net.set_weights([w + 1 for w in net.get_weights()])
    board.on_epoch_end(1, {})
    config = text_format.Parse((tmp_path / "projector_config.pbtxt").read_text(), ProjectorConfig())
    (embedding,) = config.embeddings
    assert (embedding.tensor_name, embedding.metadata_path) == ("net/words/embeddings", "labels.tsv")
    np.testing.assert_array_equal(np.loadtxt(tmp_path / embedding.tensor_path, np.float32), first)
    board.on_epoch_end(2, {})
    np.testing.assert_array_equal(np.loadtxt(tmp_path / embedding.tensor_path, np.float32), net.get_weights()[0])


def test_labels_of_a_layer_that_is_not_there(tmp_path: pathlib.Path) -> None:
    with (
        backend_scope("jax"),
        pytest.raises(ValueError, match=r"aren't embeddings of model 'net'.*received \['words'\]"),
    ):
        fit(tmp_path / "logs", {"embeddings_freq": 1, "embeddings_metadata": {"words": "w.tsv"}})
    assert not (tmp_path / "logs").exists()


#: Backend -> the files its profiler leaves in the folder of training.
TRACES = {
    "jax": "plugins/profile/*/*.xplane.pb",
    "tensorflow": "plugins/profile/*/*.xplane.pb",
    "torch": "*.pt.trace.json",
}


@pytest.mark.parametrize("batches", [2, (4, 7)])
def test_traces(training_backend: Backend, batches: Any, tmp_path: pathlib.Path) -> None:
    fit(tmp_path, {"profile_batch": batches}, epochs=2)
    (trace,) = (tmp_path / "train").glob(TRACES[training_backend.name])
    assert trace.stat().st_size > 0
    if trace.suffix == ".json":
        assert json.loads(trace.read_text())["traceEvents"]
    assert set(values(tmp_path)) == {"train"}


def test_a_trace_of_a_training_that_ends_early(training_backend: Backend, tmp_path: pathlib.Path) -> None:
    """It is there after the last batch, and one that an error cut off is ended before the next training."""
    fit(tmp_path / "short", {"profile_batch": (3, 100)})
    assert len(list((tmp_path / "short" / "train").glob(TRACES[training_backend.name]))) == 1
    net, board = compiled(training_backend.name), callbacks.TensorBoard(tmp_path / "cut", profile_batch=(1, 3))
    with pytest.raises(CutError):
        net.fit(X, Y, verbose=0, callbacks=[board, CutAfter(1)])
    net.fit(X, Y, batch_size=4, verbose=0, callbacks=[board])
    assert list((tmp_path / "cut" / "train").glob(TRACES[training_backend.name]))


def test_a_backend_without_a_profiler() -> None:
    with backend_scope("numpy") as backend, pytest.raises(UnsupportedError, match="numpy backend has no profiler"):
        backend.profile("logs")


# ---- the package, and arguments --------------------------------------------------------------------------------------

ALONE = """
import sys, tempfile
import numpy as np
import triceras
from triceras import callbacks, layers

with tempfile.TemporaryDirectory() as folder:
    net = triceras.Sequential([triceras.Input((2,)), layers.Embedding(5, 4), layers.Flatten(), layers.Dense(1)])
    net.compile("sgd", "mse")
    board = callbacks.TensorBoard(folder, 1, write_images=True, update_freq=1, embeddings_freq=1)
    net.fit(np.zeros((4, 2), "int32"), np.zeros((4, 1)), verbose=0, validation_split=0.5, callbacks=[board])
print(*{m.partition(".")[0] for m in sys.modules} & {"jax", "torch", "tensorflow", "keras", "tensorboard"})
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_no_other_framework_is_loaded(backend: str) -> None:
    environment = os.environ | {"TRICERAS_BACKEND": backend}
    code = f"import triceras\ntriceras.config.set_backend({backend!r})\n{ALONE}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=tempfile.gettempdir(),
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == {backend, "tensorboard"}


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ImportError, match=r"'tensorboard', which isn't installed.*pip install triceras\[tensorboard\]"):
        callbacks.TensorBoard()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"log_dir": ""}, "log_dir names a folder, received ''"),
        ({"log_dir": None}, "log_dir names a folder, received None"),
        ({"histogram_freq": -1}, "histogram_freq is a number of epochs, or 0 for never; received -1"),
        ({"embeddings_freq": True}, "embeddings_freq is a number of epochs.*received True"),
        ({"update_freq": 0}, "update_freq is 'epoch', 'batch' or a positive number of batches, received 0"),
        ({"update_freq": "step"}, "received 'step'"),
        ({"profile_batch": -1}, "profile_batch is a batch counted from 1.*received -1"),
        ({"profile_batch": (3, 2)}, r"received \(3, 2\)"),
        ({"profile_batch": (0, 2)}, r"received \(0, 2\)"),
        ({"profile_batch": "a,b"}, "received 'a,b'"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        callbacks.TensorBoard(**options)


def test_a_pair_of_batches_as_text() -> None:
    """Keras takes one, too."""
    assert callbacks.TensorBoard(profile_batch="2,4")._traced == (2, 4)
