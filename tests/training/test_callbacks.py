"""Callbacks: when they are called, with what, and what each does."""

from __future__ import annotations

import copy
import json
import operator
import pathlib
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import triceras
from triceras import callbacks, layers
from triceras.backends import registry
from triceras.backends.registry import Backend, backend_scope
from triceras.callbacks.lazy_logs import LazyLogs

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3)).astype("float32")
Y = (X @ RNG.normal(size=(3, 1))).astype("float32")


@pytest.fixture(params=[name for name in registry.available_backends() if name != "numpy"])
def training_backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with backend_scope(request.param) as current:
        yield current


def model(rate: float = 0.05) -> triceras.Model:
    triceras.utils.set_random_seed(1)
    made = triceras.Sequential([triceras.Input((3,)), layers.Dense(1)], name="net")
    made.compile(triceras.optimizers.SGD(rate), "mse", metrics=["mae"])
    return made


class Recorder(callbacks.Callback):
    """Writes down every call."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.logs: dict[str, object] = {}


def _recording(name: str) -> object:
    def method(self: Recorder, *args: object) -> None:
        self.calls.append(name.removeprefix("on_"))
        self.logs[name] = args[-1]

    return method


KINDS = [
    f"{kind}{batch}_{when}"
    for kind in ("train", "test", "predict")
    for batch in ("", "_batch")
    for when in ("begin", "end")
]
for _name in (*(f"on_{kind}" for kind in KINDS), "on_epoch_begin", "on_epoch_end"):
    setattr(Recorder, _name, _recording(_name))


def test_the_order_of_calls(training_backend: Backend) -> None:
    recorder = Recorder()
    model().fit(X, Y, batch_size=12, verbose=0, callbacks=[recorder], validation_data=(X[:5], Y[:5]))
    batch = ["train_batch_begin", "train_batch_end"]
    test = ["test_begin", "test_batch_begin", "test_batch_end", "test_end"]
    assert recorder.calls == ["train_begin", "epoch_begin", *batch, *batch, *test, "epoch_end", "train_end"]
    assert set(recorder.logs["on_epoch_end"]) == {"loss", "mae", "val_loss", "val_mae"}  # type: ignore[call-overload]
    assert set(recorder.logs["on_train_batch_end"]) == {"loss", "mae"}  # type: ignore[call-overload]
    assert all(isinstance(v, float) for v in recorder.logs["on_epoch_end"].values())  # type: ignore[attr-defined]
    assert recorder.params == {"verbose": 0, "epochs": 1, "steps": 2}
    assert recorder.model.name == "net"


def test_evaluate_and_predict_call_too(training_backend: Backend) -> None:
    recorder = Recorder()
    net = model()
    net.evaluate(X, Y, batch_size=12, verbose=0, callbacks=[recorder])
    net.predict(X, batch_size=24, verbose=0, callbacks=[recorder])
    test = ["test_begin", *["test_batch_begin", "test_batch_end"] * 2, "test_end"]
    assert recorder.calls == [*test, "predict_begin", "predict_batch_begin", "predict_batch_end", "predict_end"]


def test_history_and_lambda(training_backend: Backend) -> None:
    seen: list[tuple[object, ...]] = []
    watcher = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append((epoch, logs["loss"])),
        on_train_batch_end=lambda batch, logs: seen.append((batch,)),
        on_train_end=lambda logs: seen.append(("end",)),
    )
    history = model().fit(X, Y, batch_size=12, epochs=2, verbose=0, callbacks=watcher)
    losses = history.history["loss"]
    assert seen == [(0,), (1,), (0, losses[0]), (0,), (1,), (1, losses[1]), ("end",)]


def test_own_history_is_used(training_backend: Backend) -> None:
    own = callbacks.History()
    assert model().fit(X, Y, verbose=0, callbacks=[own]) is own


def test_early_stopping_restores_the_best_weights(training_backend: Backend) -> None:
    net = model(rate=0.3)
    figures = iter([3.0, 1.0, 2.0, 2.5, 0.1])
    kept: list[np.ndarray] = []

    class Feeds(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            (logs or {})["figure"] = next(figures)
            kept.append(self.model.get_weights()[0])

    stopper = callbacks.EarlyStopping("figure", patience=2, restore_best_weights=True, mode="min")
    history = net.fit(X, Y, epochs=10, verbose=0, callbacks=[Feeds(), stopper])
    assert history.epoch == [0, 1, 2, 3]
    assert stopper.stopped_epoch == 3
    np.testing.assert_array_equal(net.get_weights()[0], kept[1])
    assert not np.array_equal(kept[1], kept[3])


@pytest.mark.parametrize(
    "options, epochs",
    [
        ({"patience": 0}, 2),
        ({"patience": 0, "mode": "max"}, 3),
        ({"patience": 0, "start_from_epoch": 2}, 4),
        ({"patience": 0, "baseline": 0.5}, 2),
        ({"patience": 0, "min_delta": 10.0}, 2),
    ],
)
def test_early_stopping_options(options: dict[str, object], epochs: int) -> None:
    figures = [1.0, 2.0, 1.5, 1.7, 1.6, 1.65]

    class Feeds(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            (logs or {})["figure"] = figures[epoch]

    with backend_scope("torch"):
        stopper = callbacks.EarlyStopping("figure", **options)
        history = model().fit(X, Y, epochs=6, verbose=0, callbacks=[Feeds(), stopper])
    assert len(history.epoch) == epochs


def test_a_figure_that_is_not_there(training_backend: Backend) -> None:
    with pytest.warns(UserWarning, match="val_loss.*loss"):
        model().fit(X, Y, verbose=0, callbacks=[callbacks.EarlyStopping()])


def test_schedules_by_epoch(training_backend: Backend, capsys: pytest.CaptureFixture[str]) -> None:
    scheduler = callbacks.LearningRateScheduler(lambda epoch, rate: 0.1 if epoch == 0 else rate / 2, verbose=1)
    net = model()
    history = net.fit(X, Y, epochs=3, verbose=0, callbacks=[scheduler])
    np.testing.assert_allclose(history.history["learning_rate"], [0.1, 0.05, 0.025], rtol=1e-6)
    assert float(net.optimizer.learning_rate) == pytest.approx(0.025)
    assert "Epoch 3: LearningRateScheduler sets the learning rate to" in capsys.readouterr().out
    assert model().fit(X, Y, verbose=0, callbacks=[callbacks.LearningRateScheduler(lambda epoch: 0.3)]).history[
        "learning_rate"
    ] == pytest.approx([0.3])
    with pytest.raises(ValueError, match="must return a number, received 'fast'"):
        model().fit(X, Y, verbose=0, callbacks=[callbacks.LearningRateScheduler(lambda epoch: "fast")])


def test_checkpoints(training_backend: Backend, tmp_path: pathlib.Path) -> None:
    net = model()
    every = callbacks.ModelCheckpoint(tmp_path / "all" / "{epoch:02d}-{loss:.3f}.keras")
    weights = callbacks.ModelCheckpoint(tmp_path / "last.weights.h5", save_weights_only=True)
    best = callbacks.ModelCheckpoint(tmp_path / "best.keras", monitor="loss", save_best_only=True, mode="max")
    batches = callbacks.ModelCheckpoint(tmp_path / "{epoch}-{batch}.keras", save_freq=2)
    history = net.fit(X, Y, batch_size=6, epochs=2, verbose=0, callbacks=[every, weights, best, batches])
    names = sorted(p.name for p in (tmp_path / "all").iterdir())
    assert names == [f"{i + 1:02d}-{loss:.3f}.keras" for i, loss in enumerate(history.history["loss"])]
    assert sorted(p.name for p in tmp_path.glob("?-?.keras")) == ["1-2.keras", "1-4.keras", "2-2.keras", "2-4.keras"]
    again = triceras.models.load_model(tmp_path / "all" / names[-1])
    np.testing.assert_allclose(again.predict(X, verbose=0), net.predict(X, verbose=0), rtol=1e-6)
    first = triceras.models.load_model(tmp_path / "best.keras")
    assert not np.allclose(first.predict(X, verbose=0), net.predict(X, verbose=0), rtol=1e-6)
    other = model()
    other.load_weights(tmp_path / "last.weights.h5")
    np.testing.assert_array_equal(other.get_weights()[0], net.get_weights()[0])


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"filepath": "x.txt"}, r"must end in '.keras', received filepath='x.txt'"),
        ({"filepath": "x.keras", "save_weights_only": True}, r"must end in '.weights.h5'"),
        ({"filepath": "x.keras", "save_freq": "batch"}, "'epoch' or a number of batches, received 'batch'"),
    ],
)
def test_checkpoint_misuse(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        callbacks.ModelCheckpoint(**arguments)


def test_stop_training_ends_at_once(training_backend: Backend) -> None:
    class Stops(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            self.model.stop_training = batch == 1

    recorder = Recorder()
    history = model().fit(X, Y, batch_size=6, epochs=4, verbose=0, callbacks=[recorder, Stops()])
    assert history.epoch == [0]
    assert recorder.calls.count("train_batch_end") == 2


def test_progress(training_backend: Backend, capsys: pytest.CaptureFixture[str]) -> None:
    model().fit(X, Y, epochs=2, batch_size=12, verbose=1)
    shown = capsys.readouterr().out
    assert "Epoch 1/2" in shown
    assert "2/2" in shown
    assert "loss" in shown
    model().fit(X, Y, epochs=2, batch_size=12, verbose=2)
    assert "Epoch 2/2" in capsys.readouterr().out
    model().evaluate(X, Y, verbose=1)
    assert "loss" in capsys.readouterr().out
    model().fit(X, Y, verbose=0)
    assert capsys.readouterr().out == ""


def test_callback_list_by_itself() -> None:
    recorder = Recorder()
    listing = callbacks.CallbackList([recorder], add_progbar=True)
    listing.append(callbacks.LambdaCallback())
    listing.on_epoch_begin(0)
    listing.on_epoch_end(0, {"loss": 1.0})
    assert recorder.calls == ["epoch_begin", "epoch_end"]
    assert len(listing.callbacks) == 3


def test_callbacks_without_a_model() -> None:
    """What needs none works by itself."""
    history = callbacks.History()
    history.on_train_begin()
    history.on_epoch_end(0, {"loss": 2.0})
    history.on_epoch_end(1, {"loss": 1.0, "val_loss": 3.0})
    assert history.history == {"loss": [2.0, 1.0], "val_loss": [3.0]}
    assert history.epoch == [0, 1]
    assert history.model is None
    stopper = callbacks.EarlyStopping("loss", patience=1)
    stopper.on_train_begin()
    for epoch, loss in enumerate([1.0, 2.0]):
        stopper.on_epoch_end(epoch, {"loss": loss})
    stopper.on_train_end()
    assert stopper.stopped_epoch == 1
    seen: list[int] = []
    callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch)).on_epoch_end(3, {})
    assert seen == [3]


def test_ending_on_nan_without_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    callbacks.TerminateOnNaN().on_train_batch_end(2, {"loss": float("nan")})
    assert "Batch 2: the loss is nan; training ends." in capsys.readouterr().out


@pytest.mark.parametrize(
    "act, purpose",
    [
        (lambda: callbacks.ModelCheckpoint("x.keras").on_epoch_end(0, {}), "ModelCheckpoint has no model to save"),
        (
            lambda: callbacks.LearningRateScheduler(lambda epoch: 0.1).on_epoch_begin(0),
            "LearningRateScheduler has no model to set the learning rate of",
        ),
        (
            lambda: callbacks.EarlyStopping("loss", restore_best_weights=True).on_epoch_end(0, {"loss": 1.0}),
            "EarlyStopping has no model to keep the best weights of",
        ),
    ],
)
def test_callbacks_that_need_a_model_say_so(act: Callable[[], object], purpose: str) -> None:
    with pytest.raises(
        ValueError, match=rf"{purpose}: expected one from fit\(.*, received None\. Pass the callback to fit"
    ):
        act()


# ---- figures that are read when they are looked at -------------------------------------------------------------------

#: What a callback may do with its figures.
LOOKS: dict[str, Callable[[Any], object]] = {
    "item": lambda logs: logs["loss"] == 2.0,
    "get": lambda logs: logs.get("loss") == 2.0,
    "missing": lambda logs: logs.get("accuracy", 7) == 7,
    "in": lambda logs: "loss" in logs,
    "bool": bool,
    "length": lambda logs: len(logs) == 1,
    "list": lambda logs: list(logs) == ["loss"],
    "items": lambda logs: list(logs.items()) == [("loss", 2.0)],
    "equal": lambda logs: logs == {"loss": 2.0},
    "equal from the left": lambda logs: operator.eq({"loss": 2.0}, logs),
    "unequal": lambda logs: not operator.ne(logs, {"loss": 2.0}),
    "or": lambda logs: logs | {"a": 1} == {"loss": 2.0, "a": 1},
    "or from the left": lambda logs: {"a": 1} | logs == {"loss": 2.0, "a": 1},
    "copy": lambda logs: dict(logs) == {"loss": 2.0} == logs.copy() == copy.copy(logs) == copy.deepcopy(logs),
    "unpacked": lambda logs: {**logs} == {"loss": 2.0},
    "keywords": lambda logs: dict(**logs) == {"loss": 2.0},
    "updated": lambda logs: {}.__or__(logs) == {"loss": 2.0},
    "json": lambda logs: json.loads(json.dumps(logs)) == {"loss": 2.0},
    "pickle": lambda logs: pickle.loads(pickle.dumps(dict(logs))) == {"loss": 2.0},
    "format": lambda logs: "{loss:.1f}".format(**logs) == "2.0" == "{loss:.1f}".format_map(logs),
    "text": lambda logs: str(logs) == "{'loss': 2.0}",
    "written": lambda logs: logs.update(a=1) is None and logs == {"loss": 2.0, "a": 1},
    "set": lambda logs: logs.__setitem__("a", 1) is None and list(logs) == ["loss", "a"],
    "removed": lambda logs: logs.pop("loss") == 2.0 and not logs,
}


@pytest.mark.parametrize("name", LOOKS)
def test_figures_are_read_when_they_are_looked_at(name: str) -> None:
    reads = []
    logs = LazyLogs(lambda: reads.append(1) or {"loss": 2.0})
    assert isinstance(logs, dict)
    assert not logs.was_read
    assert LOOKS[name](logs)
    assert logs.was_read
    assert reads == [1]


def test_nothing_waits_for_the_device(training_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """A callback that looks at nothing: no figure is read and the device isn't waited for in between."""
    waits: list[str] = []

    class Silent(callbacks.Callback):
        batches = 0

        def on_train_batch_end(self, batch: int, logs: dict[str, object] | None = None) -> None:
            self.batches += 1

    net = model()
    net.fit(X, Y, epochs=2, batch_size=2, verbose=0)
    for method in ("block", "to_numpy"):
        original = getattr(training_backend, method)

        def counted(*args: Any, method: str = method, original: Any = original) -> Any:
            waits.append(method)
            return original(*args)

        monkeypatch.setattr(training_backend, method, counted)
    silent = Silent()
    net.fit(X, Y, epochs=1, batch_size=2, verbose=0, callbacks=[silent])
    steps, at_the_end = silent.batches, len(waits)
    assert steps == -(-len(X) // 2)
    waits.clear()
    silent.batches = 0
    net.fit(np.concatenate([X] * 3), np.concatenate([Y] * 3), epochs=1, batch_size=2, verbose=0, callbacks=[silent])
    assert silent.batches > 2 * steps
    assert len(waits) == at_the_end, "the epoch's own figures are all that is read"
