"""Callbacks that change the learning rate or the weights, and those that report: against Keras and closed forms."""

from __future__ import annotations

import csv
import http.server
import json
import math
import pathlib
import threading
import urllib.parse
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import triceras
from tests import black_box
from triceras import callbacks, layers
from triceras.backends import registry
from triceras.backends.registry import Backend, backend_scope

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3)).astype("float32")
Y = (X @ RNG.normal(size=(3, 1))).astype("float32")


@pytest.fixture(params=[name for name in registry.available_backends() if name != "numpy"])
def training_backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with backend_scope(request.param) as current:
        yield current


def model(**options: Any) -> triceras.Model:
    triceras.utils.set_random_seed(1)
    made = triceras.Sequential([triceras.Input((3,)), layers.Dense(1)], name="net")
    made.compile(triceras.optimizers.SGD(**({"learning_rate": 1.0} | options)), "mse")
    return made


# ---- ReduceLROnPlateau -----------------------------------------------------------------------------------------------

#: Options and the losses of the epochs.
PLATEAUS: list[list[Any]] = [
    [{"patience": 2, "factor": 0.5}, [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.5]],
    [{"patience": 2, "factor": 0.5, "cooldown": 2, "min_lr": 0.3}, [1] * 10],
    [{"patience": 1}, [1, 0.99995, 0.9998, 0.9997, 0.99]],
    [{"patience": 1, "min_delta": 0.05}, [1, 0.98, 0.94, 0.9, 0.88]],
    [{"patience": 1, "mode": "max"}, [1, 2, 3, 3, 3]],
    [{"patience": 0}, [1] * 4],
    [{"patience": 1, "factor": 0, "cooldown": 1}, [1, 2, math.inf, 1, 0.5, 1]],
]
KERAS_RATES = """
def answer(row):
    options, losses = row
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    callback = keras.callbacks.ReduceLROnPlateau(monitor="loss", **options)
    callback.set_model(model)
    callback.on_train_begin()
    found = []
    for epoch, loss in enumerate(losses):
        logs = {"loss": loss}
        callback.on_epoch_end(epoch, logs)
        found.append([float(model.optimizer.learning_rate), float(logs["learning_rate"])])
    return found
"""


def test_plateaus(training_backend: Backend) -> None:
    """The rate after each epoch and the one in its logs, as Keras has them."""
    for (options, losses), expected in zip(PLATEAUS, black_box.run(KERAS_RATES, PLATEAUS), strict=True):
        net = model()
        callback = callbacks.ReduceLROnPlateau(monitor="loss", **options)
        callback.set_model(net)
        callback.on_train_begin()
        for epoch, (loss, (rate, logged)) in enumerate(zip(losses, expected, strict=True)):
            logs = {"loss": loss}
            callback.on_epoch_end(epoch, logs)
            what = f"{options} after epoch {epoch}"
            assert float(net.optimizer.learning_rate) == pytest.approx(rate, rel=1e-6), what
            assert logs["learning_rate"] == pytest.approx(logged, rel=1e-6), what


def test_a_reduced_rate_trains(training_backend: Backend, capsys: pytest.CaptureFixture[str]) -> None:
    """The compiled step uses the rate that was set between epochs."""
    net = model(learning_rate=0.1)
    callback = callbacks.ReduceLROnPlateau(monitor="loss", factor=0.0, patience=1, min_delta=100.0, verbose=1)
    history = net.fit(X, Y, batch_size=24, epochs=4, verbose=0, callbacks=[callback])
    losses = history.history["loss"]
    assert history.history["learning_rate"] == pytest.approx([0.1, 0.1, 0.0, 0.0])
    assert losses[0] > losses[1] > losses[2] == pytest.approx(losses[3], rel=1e-5)
    assert "Epoch 2: ReduceLROnPlateau sets the learning rate to 0.0." in capsys.readouterr().out


def test_plateau_errors() -> None:
    with pytest.raises(ValueError, match=r"at least 0 and under 1.*received 1.0"):
        callbacks.ReduceLROnPlateau(factor=1.0)
    with pytest.raises(TypeError, match="takes no beta"):
        callbacks.ReduceLROnPlateau(beta=1.0)
    assert callbacks.ReduceLROnPlateau(epsilon=0.5).min_delta == 0.5
    with backend_scope("torch"):
        callback = callbacks.ReduceLROnPlateau("nothing")
        callback.set_model(model())
        with pytest.warns(UserWarning, match="follows 'nothing', which isn't among the figures: loss"):
            callback.on_epoch_end(0, {"loss": 1.0})


# ---- CSVLogger -------------------------------------------------------------------------------------------------------

LOGS: list[list[Any]] = [
    [{}, [{"loss": 1.0, "mae": 2.5, "val_loss": 3.0}, {"loss": 0.5, "mae": 1, "val_loss": 1e-9}]],
    [{"separator": ";"}, [{"mae": 0.1, "loss": 2.0}, {"mae": 1.0, "loss": 2.0, "val_mae": 5.0, "new": 1}]],
    [{}, [{"loss": [1.0, 2.0], "name": "a,b"}, {}]],
]
KERAS_LINES = """
import os, tempfile

def answer(row):
    options, logs = row
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "log.csv")
        callback = keras.callbacks.CSVLogger(path, **options)
        callback.set_model(keras.Sequential())
        callback.on_train_begin()
        for epoch, values in enumerate(logs):
            values = {k: np.asarray(v) if isinstance(v, list) else v for k, v in values.items()}
            callback.on_epoch_end(epoch, values)
        callback.on_train_end()
        with open(path, newline="") as file:
            return file.read()
"""


def test_lines(tmp_path: pathlib.Path) -> None:
    """The files are those of Keras, but that arrays aren't quoted three times."""
    for i, ((options, logs), expected) in enumerate(zip(LOGS, black_box.run(KERAS_LINES, LOGS), strict=True)):
        path = tmp_path / f"{i}.csv"
        callback = callbacks.CSVLogger(path, **options)
        callback.on_train_begin()
        for epoch, values in enumerate(logs):
            callback.on_epoch_end(epoch, {k: np.asarray(v) if isinstance(v, list) else v for k, v in values.items()})
        callback.on_train_end()
        assert path.read_bytes().decode() == expected.replace('"""', '"'), str(options)


def test_a_log_goes_on(training_backend: Backend, tmp_path: pathlib.Path) -> None:
    """Lines are there when an epoch ends; appending keeps the header and its columns."""
    path, seen = tmp_path / "log.csv", []
    watcher = callbacks.LambdaCallback(on_epoch_end=lambda *_: seen.append(len(path.read_text().splitlines())))
    net = model(learning_rate=0.01)
    first = net.fit(X, Y, epochs=2, verbose=0, callbacks=[callbacks.CSVLogger(path), watcher])
    second = net.fit(
        X,
        Y,
        epochs=3,
        initial_epoch=2,
        verbose=0,
        validation_split=0.5,
        callbacks=[callbacks.CSVLogger(path, append=True)],
    )
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert seen == [2, 3]
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert [float(row["loss"]) for row in rows] == [*first.history["loss"], *second.history["loss"]]
    assert [row["val_loss"] for row in rows] == ["NA", "NA", str(second.history["val_loss"][0])]
    net.fit(X, Y, verbose=0, callbacks=[callbacks.CSVLogger(path)])
    assert len(path.read_text().splitlines()) == 2
    with pytest.raises(ValueError, match="has no open file"):
        callbacks.CSVLogger(path).on_epoch_end(0, {})


# ---- RemoteMonitor ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_json", [True, False])
def test_a_server_is_told(as_json: bool) -> None:
    """A server on this machine receives the figures as JSON or as a form's field."""
    received: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            received.append((self.path, self.headers["Content-Type"], self.headers["X-Run"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        root = f"http://127.0.0.1:{server.server_port}"
        monitor = callbacks.RemoteMonitor(root, "/here", "f", {"X-Run": "7"}, as_json)
        monitor.on_epoch_end(3, {"loss": np.float32(0.5), "a": np.array([1.0, 2.0])})
        server.shutdown()
        thread.join()
    (path, kind, header, body), *more = received
    assert not more
    assert (path, header) == ("/here", "7")
    assert kind == ("application/json" if as_json else "application/x-www-form-urlencoded")
    text = body if as_json else urllib.parse.parse_qs(body)["f"][0]
    assert json.loads(text) == {"epoch": 3, "loss": 0.5, "a": [1.0, 2.0]}


def test_no_server() -> None:
    """Nobody there is a warning, another kind of address an error."""
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        port = server.server_port
    with pytest.warns(UserWarning, match=f"couldn't send epoch 0 to http://127.0.0.1:{port}"):
        callbacks.RemoteMonitor(f"http://127.0.0.1:{port}").on_epoch_end(0, {"loss": 1.0})
    with pytest.raises(ValueError, match="received 'file:///etc'"):
        callbacks.RemoteMonitor("file:///etc")


# ---- SwapEMAWeights --------------------------------------------------------------------------------------------------


def _kernels(net: Any) -> tuple[float, float]:
    """The first weight, and its average."""
    average = net.optimizer.moving_average(net.trainable_variables[0])
    return float(net.get_weights()[0][0, 0]), float(average.numpy()[0, 0])


@pytest.mark.parametrize("on_epoch", [False, True])
def test_averages_are_evaluated(training_backend: Backend, on_epoch: bool) -> None:
    """Evaluation sees the averages, training the weights: those of a run without the callback."""
    plain = model(learning_rate=0.1, use_ema=True, ema_momentum=0.5)
    weights: list[tuple[float, float]] = []
    keep = callbacks.LambdaCallback(on_epoch_end=lambda *_: weights.append(_kernels(plain)))
    plain.fit(X, Y, batch_size=8, epochs=3, verbose=0, callbacks=[keep])

    net = model(learning_rate=0.1, use_ema=True, ema_momentum=0.5)
    seen: dict[str, list[Any]] = {"test": [], "after": [], "end": [], "begin": []}
    recorder = callbacks.LambdaCallback(
        on_epoch_begin=lambda *_: seen["begin"].append(_kernels(net)[0] if net.optimizer.built else None),
        on_epoch_end=lambda *_: seen["end"].append(_kernels(net)),
        on_test_begin=lambda *_: seen["test"].append(_kernels(net)),
        on_test_end=lambda *_: seen["after"].append(_kernels(net)),
    )
    swap = callbacks.SwapEMAWeights(on_epoch)
    history = net.fit(
        X, Y, batch_size=8, epochs=3, verbose=0, validation_data=(X, Y), shuffle=True, callbacks=[swap, recorder]
    )
    averages = [(average, average) for _, average in weights]
    assert seen["test"] == averages
    assert seen["after"] == weights
    assert seen["end"] == (averages if on_epoch else weights)
    assert seen["begin"][1:] == [w for w, _ in weights[:-1]]
    for a, b in zip(net.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert net.evaluate(X, Y, batch_size=8, verbose=0) == pytest.approx(history.history["val_loss"][-1], rel=1e-6)
    net.fit(X, Y, batch_size=8, verbose=0, callbacks=[swap])
    before = net.get_weights()[0]
    net.predict(X, verbose=0, callbacks=[swap])
    np.testing.assert_array_equal(net.get_weights()[0], before)


def test_no_averages(training_backend: Backend) -> None:
    with pytest.raises(ValueError, match=r"needs an optimizer made with use_ema=True that has trained.*in model 'net'"):
        model().evaluate(X, Y, verbose=0, callbacks=[callbacks.SwapEMAWeights()])
