"""Norms of gradients, computed inside of compiled steps, against closed forms."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import triceras
from triceras import callbacks, layers
from triceras.backends import registry
from triceras.backends.registry import Backend, backend_scope

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3)).astype("float32")
Y = (X @ RNG.normal(size=(3, 1))).astype("float32")
RATE = 0.05


@pytest.fixture(params=[name for name in registry.available_backends() if name != "numpy"])
def training_backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with backend_scope(request.param) as current:
        yield current


def model(optimizer: Any = None, dtype: Any = None, **options: Any) -> triceras.Model:
    """Two dense layers without anything between them, so that their gradients are products of matrices."""
    triceras.utils.set_random_seed(1)
    made = triceras.Sequential(
        [triceras.Input((3,)), layers.Dense(2, name="first", dtype=dtype), layers.Dense(1, name="second", dtype=dtype)],
        name="net",
    )
    made.compile(triceras.optimizers.SGD(RATE) if optimizer is None else optimizer, "mse", **options)
    return made


def gradients(weights: list[np.ndarray], x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """Those of the mean squared error, by hand."""
    a, b, c, d = weights
    hidden = x @ a + b
    error = 2 * (hidden @ c + d - y) / len(x)
    below = error @ c.T
    return [x.T @ below, below.sum(0), hidden.T @ error, error.sum(0)]


def norm(arrays: list[np.ndarray], order: float) -> float:
    return float(np.linalg.norm(np.concatenate([a.ravel() for a in arrays]), order))


def expected(net: triceras.Model, order: float, epochs: int, size: int = 4) -> dict[str, list[float]]:
    """The figures of each epoch of plain gradient descent on rows in their order."""
    weights = [w.astype("float64") for w in net.get_weights()]
    figures: dict[str, list[float]] = {}
    for _ in range(epochs):
        rows: list[list[float]] = []
        for start in range(0, len(X), size):
            found = gradients(weights, X[start : start + size], Y[start : start + size])
            rows.append([norm(found, order), norm(found[:2], order), norm(found[2:], order)])
            weights = [w - RATE * g for w, g in zip(weights, found, strict=True)]
        total, first, second = np.mean(rows, axis=0)
        values = {"gradient_norm": total, "gradient_norm_max": max(row[0] for row in rows)}
        for name, value in (values | {"gradient_norm/net/first": first, "gradient_norm/net/second": second}).items():
            figures.setdefault(name, []).append(value)
    return figures


@pytest.mark.parametrize("order, eagerly", [(2, False), (2, True), (1, False), (3, False), (np.inf, False)])
def test_norms_are_those_of_the_closed_form(training_backend: Backend, order: float, eagerly: bool) -> None:
    net = model(run_eagerly=eagerly)
    wanted = expected(net, order, epochs=2)
    watcher = callbacks.GradientNorm(by_layer=True, ord=order)
    history = net.fit(
        X, Y, batch_size=4, epochs=2, verbose=0, shuffle=False, callbacks=[watcher], validation_data=(X, Y)
    )
    assert set(history.history) == {"loss", "val_loss", *wanted}
    for name, values in wanted.items():
        np.testing.assert_allclose(history.history[name], values, rtol=1e-4, err_msg=name)


def test_figures_of_batches(training_backend: Backend) -> None:
    """What a callback sees after a batch is the mean so far; ragged batches count as steps like others."""
    seen: list[dict[str, float]] = []
    net = model()
    wanted = expected(net, 2, epochs=1, size=10)
    watchers = [
        callbacks.GradientNorm(),
        callbacks.LambdaCallback(on_train_batch_end=lambda _, logs: seen.append(dict(logs))),
    ]
    history = net.fit(X, Y, batch_size=10, verbose=0, shuffle=False, callbacks=watchers)
    assert len(seen) == 3
    assert list(seen[0]) == ["loss", "gradient_norm", "gradient_norm_max"]
    assert seen[0]["gradient_norm"] == pytest.approx(seen[0]["gradient_norm_max"])
    np.testing.assert_allclose(seen[-1]["gradient_norm"], wanted["gradient_norm"][0], rtol=1e-4)
    assert history.history["gradient_norm"] == [seen[-1]["gradient_norm"]]


def test_gradients_are_neither_clipped_nor_scaled(training_backend: Backend) -> None:
    wanted = expected(model(), 2, epochs=1, size=24)["gradient_norm"]
    for options in ({"global_clipnorm": 1e-3}, {"loss_scale_factor": 64.0}, {"gradient_accumulation_steps": 2}):
        net = model(triceras.optimizers.SGD(RATE, **options))
        history = net.fit(X, Y, batch_size=24, verbose=0, shuffle=False, callbacks=[callbacks.GradientNorm()])
        np.testing.assert_allclose(history.history["gradient_norm"], wanted, rtol=1e-4, err_msg=str(options))


def test_mixed_precision(training_backend: Backend) -> None:
    """Steps whose gradients overflow aren't taken and don't count; the others' are divided by the scale of the loss."""
    scaler = triceras.optimizers.LossScaleOptimizer(triceras.optimizers.SGD(0.0), initial_scale=2.0**20)
    net = model(scaler, dtype="mixed_float16")
    wanted = norm(gradients([w.astype("float64") for w in net.get_weights()], X, Y), 2)
    history = net.fit(X, Y, batch_size=24, epochs=12, verbose=0, shuffle=False, callbacks=[callbacks.GradientNorm()])
    figures = history.history["gradient_norm"]
    assert figures[0] == 0.0, "the first step overflowed"
    np.testing.assert_allclose(figures[-1], wanted, rtol=1e-2)
    assert all(np.isfinite(figures))


@pytest.mark.parametrize("order", [2, np.inf])
def test_infinite_gradients_are_shown(training_backend: Backend, order: float) -> None:
    net = model()
    broken = X.copy()
    broken[3, 1] = np.nan
    history = net.fit(broken, Y, batch_size=4, verbose=0, callbacks=[callbacks.GradientNorm(ord=order)])
    assert np.isnan(history.history["gradient_norm"][0])
    assert np.isnan(history.history["gradient_norm_max"][0])


def test_nothing_stays_behind(training_backend: Backend) -> None:
    """Weights are those of a training without it; other calls have no such figure; a second training compiles nothing."""
    watcher = callbacks.GradientNorm()
    (plain := model()).fit(X, Y, batch_size=4, epochs=2, verbose=0, validation_data=(X, Y))
    (net := model()).fit(X, Y, batch_size=4, epochs=2, verbose=0, callbacks=[watcher], validation_data=(X, Y))
    for one, other in zip(plain.get_weights(), net.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert net._observers == []
    assert list(net.evaluate(X, Y, verbose=0, return_dict=True)) == ["loss"]
    assert list(net.train_on_batch(X, Y, return_dict=True)) == ["loss"]
    compiled = len(net._runners)
    net.fit(X, Y, batch_size=4, verbose=0, callbacks=[watcher])
    assert len(net._runners) == compiled


def test_evaluation_inside_of_training_has_no_norms() -> None:
    seen: list[Any] = []
    with backend_scope("torch"):
        net = model()
        look = callbacks.LambdaCallback(
            on_epoch_end=lambda *_: seen.append(net.evaluate(X, Y, verbose=0, return_dict=True))
        )
        net.fit(X, Y, verbose=0, callbacks=[callbacks.GradientNorm(), look])
    assert list(seen[0]) == ["loss"]


def test_a_mean_goes_on_where_it_was_cut_off(tmp_path: pathlib.Path) -> None:
    class CutError(Exception):
        pass

    class Cut(callbacks.Callback):
        runs_last = True

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if batch == 3:
                raise CutError

    def watchers() -> list[callbacks.Callback]:
        return [callbacks.BackupAndRestore(tmp_path / "b", save_freq=1), callbacks.GradientNorm(by_layer=True)]

    with backend_scope("torch"):
        whole = model().fit(X, Y, batch_size=4, epochs=2, verbose=0, callbacks=[callbacks.GradientNorm(by_layer=True)])
        with pytest.raises(CutError):
            model().fit(X, Y, batch_size=4, epochs=2, verbose=0, callbacks=[*watchers(), Cut()])
        again = model().fit(X, Y, batch_size=4, epochs=2, verbose=0, callbacks=watchers())
    assert again.history == whole.history


def test_a_step_of_its_own_is_refused() -> None:
    class Own(triceras.Model):
        def __init__(self) -> None:
            super().__init__(name="own")
            self.dense = layers.Dense(1)

        def call(self, x: Any) -> Any:
            return self.dense(x)

        def train_step(self, data: Any) -> Any:
            return {}

    with backend_scope("torch"):
        net = Own()
        net.compile("sgd", "mse")
        with pytest.raises(
            ValueError, match=r"GradientNorm can't look into the steps of model 'own', whose train_step"
        ):
            net.fit(X, Y, verbose=0, callbacks=[callbacks.GradientNorm()])


@pytest.mark.parametrize("order", [1, 2, 2.5, np.inf])
def test_norms_of_tensors(backend: Backend, order: float) -> None:
    arrays = [RNG.normal(size=shape) for shape in ((), (3,), (2, 4), (1, 2, 3))]
    kinds = ["float32", "float16", "bfloat16", "float32"]
    found = backend.norms([backend.convert_to_tensor(a, kind) for a, kind in zip(arrays, kinds, strict=True)], order)
    assert backend.dtype_of(found) == "float32"
    wanted = [np.linalg.norm(a.ravel(), order) for a in arrays]
    np.testing.assert_allclose(backend.to_numpy(found), wanted, rtol=1e-2)


@pytest.mark.parametrize("order", [0, -1, "fro", True, float("nan")])
def test_wrong_orders(order: Any) -> None:
    with pytest.raises(ValueError, match="ord is a positive number, received"):
        callbacks.GradientNorm(ord=order)
