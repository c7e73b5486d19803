"""Callbacks that limit runs and say what their time goes to."""

from __future__ import annotations

import datetime
import itertools
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import triceras
from triceras import callbacks, layers
from triceras.backends import registry
from triceras.backends.registry import Backend, backend_scope
from triceras.callbacks.timeline import Stopwatch, Timeline

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3)).astype("float32")
Y = (X @ RNG.normal(size=(3, 1))).astype("float32")


@pytest.fixture(params=[name for name in registry.available_backends() if name != "numpy"])
def training_backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with backend_scope(request.param) as current:
        yield current


def model(rate: float = 0.05, **options: Any) -> triceras.Model:
    triceras.utils.set_random_seed(1)
    made = triceras.Sequential([triceras.Input((3,)), layers.Dense(1)], name="net")
    made.compile(triceras.optimizers.SGD(rate), "mse", **options)
    return made


class Batches:
    """The rows in six batches of four, as a data set that isn't arrays."""

    def __init__(self, count: int = 6) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, 4 * self.count, 4):
            yield X[start : start + 4], Y[start : start + 4]


class Clock:
    """A clock that moves on by one second with each batch of training."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Ticks(callbacks.Callback):
    """Moves a clock on after each call of steps, and counts them; ``single`` makes each batch a call."""

    def __init__(self, clock: Clock, single: bool = False) -> None:
        super().__init__()
        self.clock = clock
        self.single = single
        self.seen: list[tuple[str, int]] = []

    def wants_batches(self, kind: str) -> bool:
        return self.single

    def on_steps_end(self, kind: str, batch: int) -> None:
        self.seen.append((kind, batch))
        self.clock.now += 1


# ---- after a call of steps -------------------------------------------------------------------------------------------


def test_calls_of_steps_are_told_without_a_look_at_each(training_backend: Backend) -> None:
    """A callback that wants calls of steps doesn't cut them up, as one that wants batches does."""
    ticks = Ticks(Clock())
    model(steps_per_execution=3).fit(X, Y, batch_size=4, verbose=0, callbacks=[ticks], validation_data=(X, Y))
    assert [batch for kind, batch in ticks.seen if kind == "train"] == [2, 5]
    assert ticks.seen[-1] == ("test", 5)
    seen: list[int] = []
    watcher = callbacks.LambdaCallback(on_steps_end=lambda kind, batch: seen.append(batch))
    model(steps_per_execution=2).fit(Batches(), verbose=0, callbacks=watcher)
    assert seen[-1] == 5
    assert set(np.diff([-1, *seen])) <= {1, 2}


# ---- TimeLimit -------------------------------------------------------------------------------------------------------


def limited(limit: Any, **options: Any) -> tuple[callbacks.TimeLimit, Ticks]:
    clock = Clock()
    made = callbacks.TimeLimit(limit, **options)
    made.clock = clock
    return made, Ticks(clock, single=True)


def test_time_is_over_after_a_step(training_backend: Backend, capsys: pytest.CaptureFixture[str]) -> None:
    limit, ticks = limited(8.5, verbose=1)
    history = model().fit(Batches(), epochs=5, verbose=0, callbacks=[ticks, limit])
    assert history.epoch == [0, 1]
    assert [batch for _, batch in ticks.seen] == [0, 1, 2, 3, 4, 5, 0, 1, 2]
    assert capsys.readouterr().out == (
        "\nTimeLimit: the time of 0:00:08 is over (0:00:09) after batch 3 of epoch 2; training ends.\n"
    )
    assert (limit.elapsed, limit.remaining) == (9.0, 0.0)
    ticks.clock.now += 100
    assert limit.elapsed == 9.0, "after training no time passes"


def test_validation_is_done_to_its_end(training_backend: Backend) -> None:
    """The figures of the epoch that was cut short are those of all the validation data."""
    limit, ticks = limited(2)
    ticks.single = False
    net = model(steps_per_execution=2)
    history = net.fit(
        X, Y, batch_size=4, epochs=5, verbose=0, callbacks=[ticks, limit], validation_data=(X, Y), shuffle=False
    )
    assert ticks.seen[:2] == [("train", 1), ("train", 3)]
    assert [kind for kind, _ in ticks.seen].count("train") == 2
    assert history.epoch == [0]
    expected = np.mean((X @ net.get_weights()[0] + net.get_weights()[1] - Y) ** 2)
    np.testing.assert_allclose(history.history["val_loss"], [expected], rtol=1e-5)
    history = model().fit(
        Batches(), epochs=5, verbose=0, callbacks=[*reversed(limited(2))], validation_data=Batches(), shuffle=False
    )
    assert len(history.history["val_loss"]) == 1
    assert history.history["val_loss"][0] > 0


def test_time_is_over_after_an_epoch(training_backend: Backend) -> None:
    limit, ticks = limited(datetime.timedelta(seconds=7), interval="epoch")
    history = model().fit(Batches(), epochs=5, verbose=0, callbacks=[ticks, limit])
    assert history.epoch == [0, 1]
    assert len(ticks.seen) == 12


def test_no_figures_are_read_for_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    with backend_scope("torch"):
        net = model()
        reads: list[Any] = []
        read = net.read_logs
        monkeypatch.setattr(net, "read_logs", lambda *args: reads.append(args) or read(*args))
        net.fit(Batches(), epochs=2, verbose=0, callbacks=[callbacks.TimeLimit(1000)])
    assert len(reads) == 2, "once an epoch"


class CutError(Exception):
    """What cuts a training off here."""


class CutAt(callbacks.Callback):
    runs_last = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch == 1:
            raise CutError


def test_the_time_before_a_cut_counts(tmp_path: pathlib.Path) -> None:
    with backend_scope("torch"):
        limit, ticks = limited(20.0)
        with pytest.raises(CutError):
            model().fit(
                Batches(),
                epochs=9,
                verbose=0,
                callbacks=[ticks, limit, callbacks.BackupAndRestore(tmp_path / "b"), CutAt()],
            )
        limit, ticks = limited(20.0)
        watchers = [ticks, limit, callbacks.BackupAndRestore(tmp_path / "b")]
        history = model().fit(Batches(), epochs=9, verbose=0, callbacks=watchers)
        assert history.epoch == [0, 1, 2, 3]
        assert len(ticks.seen) == 8, "12 of the 20 seconds were over"
        assert limit.elapsed == 20.0


@pytest.mark.parametrize(
    "limit, seconds", [(3, 3.0), (0.5, 0.5), ("01:02:03:04", 93784.0), (datetime.timedelta(minutes=2), 120.0)]
)
def test_forms_of_time(limit: Any, seconds: float) -> None:
    assert callbacks.TimeLimit(limit).seconds == seconds


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"limit": 0}, r"limit is a positive number of seconds, a timedelta or 'DD:HH:MM:SS', received 0"),
        ({"limit": "1:30"}, "received '1:30'"),
        ({"limit": True}, "received True"),
        ({"limit": 5, "interval": "batch"}, "interval is 'step' or 'epoch', received 'batch'"),
    ],
)
def test_wrong_times(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        callbacks.TimeLimit(**arguments)


# ---- EpochTimer ------------------------------------------------------------------------------------------------------


def test_the_parts_of_an_epoch(training_backend: Backend) -> None:
    """With a clock that only callbacks, the data and validation move on, each second is found where it was spent."""
    clock = Clock()
    timer = callbacks.EpochTimer()
    timer.clock = clock

    class Busy(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            clock.now += 10

        def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
            clock.now += 1000

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            clock.now += 0.5

    watchers = [Busy(), timer]
    history = model().fit(Batches(), epochs=2, verbose=0, callbacks=watchers, validation_data=Batches(2)).history
    assert history["time_callbacks"] == [60.5, 60.5]
    assert history["time_validation"] == [2000.0, 2000.0]
    assert history["time_data"] == [0.0, 0.0]
    assert history["time_step"] == [0.0, 0.0]


def test_the_device_is_waited_for_inside_a_step(training_backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    timer = callbacks.EpochTimer()
    timer.clock = clock
    block = training_backend.block

    def slow(values: Any) -> None:
        clock.now += 1
        block(values)

    monkeypatch.setattr(type(training_backend), "block", lambda self, values: slow(values))
    history = model().fit(Batches(), verbose=0, callbacks=[timer, Ticks(Clock(), single=True)]).history
    assert history["time_step"] == [6.0]
    assert history["time_callbacks"] == [0.0]


def test_waiting_for_data_is_told_apart() -> None:
    ticks = itertools.count()
    watch = Stopwatch(lambda: float(next(ticks)))
    assert list(watch.over("data", "ab")) == ["a", "b"]
    assert watch.read() == {"data": 3.0}, "twice for an item, and once to see that there are no more"
    with pytest.raises(KeyError), watch.part("step"):
        raise KeyError
    assert set(watch.read()) == {"data", "step"}
    watch.set({})
    assert watch.read() == {}
    items = [1, 2]
    assert Timeline().over("data", items) is items


# ---- FastDevRun ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", ["arrays", "batches"])
def test_a_fast_run_leaves_nothing_behind(
    training_backend: Backend, data: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[str] = []
    recorder = callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: calls.append("batch"),
        on_test_batch_end=lambda batch, logs: calls.append("test"),
        on_epoch_end=lambda epoch, logs: calls.append(f"epoch {sorted(logs)}"),
        on_train_end=lambda logs: calls.append("end"),
    )
    watchers = [
        callbacks.FastDevRun(2, verbose=1),
        callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras"),
        callbacks.CSVLogger(tmp_path / "log.csv"),
        callbacks.BackupAndRestore(tmp_path / "backup"),
        callbacks.RemoteMonitor("http://localhost:1"),
        callbacks.EarlyStopping("val_loss", restore_best_weights=True),
        recorder,
    ]
    given: dict[str, Any] = {"x": X, "y": Y, "batch_size": 4} if data == "arrays" else {"x": Batches()}
    history = model().fit(
        **given, epochs=50, verbose=0, callbacks=watchers, validation_data=(X, Y), validation_freq=10, initial_epoch=3
    )
    assert history.epoch == [3]
    assert calls == ["batch", "batch", *["test"] * (1 if data == "batches" else 2), "epoch ['loss', 'val_loss']", "end"]
    assert list(tmp_path.iterdir()) == []
    assert recorder.params["epochs"] == 4
    assert recorder.params["steps"] == 2
    assert capsys.readouterr().out == (
        "FastDevRun: one epoch, 2 batches of training and of validation; ModelCheckpoint, CSVLogger, RemoteMonitor, "
        "BackupAndRestore left out.\n"
    )
    assert len(watchers) == 7


def test_a_fast_run_of_a_list_and_of_less_data_than_asked_for(tmp_path: pathlib.Path) -> None:
    with backend_scope("torch"):
        net = model()
        listing = callbacks.CallbackList(
            [callbacks.FastDevRun(9), callbacks.CSVLogger(tmp_path / "log.csv")], add_history=True, model=net, epochs=5
        )
        history = net.fit(Batches(), epochs=5, verbose=0, callbacks=listing)
        assert history.epoch == [0]
        assert int(net.optimizer.iterations.numpy()) == 6
        assert any(isinstance(c, callbacks.CSVLogger) for c in listing.callbacks), "the user's own list stays"
        net = model()
        net.fit(X, Y, batch_size=4, steps_per_epoch=1, verbose=0, callbacks=[callbacks.FastDevRun(2)])
        assert int(net.optimizer.iterations.numpy()) == 1, "it takes no more than fit would"


# ---- OverfitBatches --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", ["arrays", "batches", "generator"])
def test_the_same_batches_each_epoch(training_backend: Backend, data: str) -> None:
    """As many steps of gradient descent on the first eight rows, in their order."""
    given: dict[str, Any] = {
        "arrays": lambda: {"x": X, "y": Y, "batch_size": 4},
        "batches": lambda: {"x": Batches()},
        "generator": lambda: {"x": iter(Batches()), "steps_per_epoch": 6},
    }[data]()
    net = model()
    kernel, bias = net.get_weights()
    history = net.fit(
        **given, epochs=3, verbose=0, callbacks=[callbacks.OverfitBatches(2)], validation_data=(X[8:], Y[8:])
    )
    for _ in range(3):
        for x, y in Batches(2):
            error = x @ kernel + bias - y
            kernel, bias = kernel - 0.05 * 2 * x.T @ error / 4, bias - 0.05 * 2 * error.mean(0)
    for found, expected in zip(net.get_weights(), (kernel, bias), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    expected = np.mean((X[:8] @ kernel + bias - Y[:8]) ** 2)
    np.testing.assert_allclose(history.history["val_loss"][-1], expected, rtol=1e-4)
    assert history.params["steps"] == 2


@pytest.mark.parametrize("kind", [callbacks.FastDevRun, callbacks.OverfitBatches])
@pytest.mark.parametrize("batches", [0, 1.5, True])
def test_wrong_numbers_of_batches(kind: Any, batches: Any) -> None:
    with pytest.raises(ValueError, match=rf"{kind.__name__}: batches is a positive integer, received {batches}"):
        kind(batches)
