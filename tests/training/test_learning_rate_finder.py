"""The range test of learning rates: what it tries, what it suggests, and that nothing of it stays."""

from __future__ import annotations

import builtins
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import triceras
from triceras import callbacks, layers
from triceras.backends import registry
from triceras.backends.registry import Backend, backend_scope
from triceras.random.seed import global_seed_generator

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 3)).astype("float32")
Y = (X @ RNG.normal(size=(3, 1))).astype("float32")


@pytest.fixture(params=[name for name in registry.available_backends() if name != "numpy"])
def training_backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with backend_scope(request.param) as current:
        yield current


def linear(optimizer: Any = None) -> triceras.Model:
    triceras.utils.set_random_seed(1)
    made = triceras.Sequential([triceras.Input((3,)), layers.Dense(1)], name="net")
    made.compile(triceras.optimizers.SGD(0.05) if optimizer is None else optimizer, "mse")
    return made


def stateful() -> triceras.Model:
    """A model with all kinds of state."""
    triceras.utils.set_random_seed(1)
    made = triceras.Sequential(
        [
            triceras.Input((3,)),
            layers.Dense(4, activation="tanh"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(1),
        ]
    )
    made.compile(triceras.optimizers.Adam(0.01, use_ema=True), "mse", metrics=["mae"])
    return made


def state(net: triceras.Model) -> list[np.ndarray]:
    variables = [*net.variables, *net.optimizer.variables, *net.metrics_variables, global_seed_generator().state]
    return [v.numpy().copy() for v in variables]


class Batches:
    def __iter__(self) -> Iterator[Any]:
        for start in range(0, 48, 8):
            yield X[start : start + 8], Y[start : start + 8]


def test_the_model_is_as_before(training_backend: Backend) -> None:
    """All state, to the last bit; and so are the figures of the training that follows, alone and in the same call."""
    plain = stateful()
    figures = plain.fit(X, Y, batch_size=8, epochs=2, verbose=0).history
    before = state(plain)
    callbacks.LearningRateFinder(1e-3, 100.0, steps=20, divergence=None).find(plain, X, Y, batch_size=8)
    for one, other in zip(before, state(plain), strict=True):
        np.testing.assert_array_equal(one, other)

    finder = callbacks.LearningRateFinder(1e-3, 100.0, steps=20)
    net = stateful()
    assert net.fit(X, Y, batch_size=8, epochs=2, verbose=0, callbacks=[finder]).history == figures
    assert len(finder.losses) > 5
    assert len([key for key in net._runners if key[0] == "train"]) == 1, "test and training share their compiled steps"
    for one, other in zip(before, state(net), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("schedule", ["exponential", "linear"])
def test_rates_and_losses(training_backend: Backend, schedule: str) -> None:
    """Those of gradient descent by hand, on whole batches in an order of their own."""
    net = linear()
    finder = callbacks.LearningRateFinder(1e-3, 0.3, steps=8, schedule=schedule, divergence=None, seed=3)
    finder.find(net, X, Y, batch_size=20)
    rates = 1e-3 * 300 ** (np.arange(8) / 7) if schedule == "exponential" else np.linspace(1e-3, 0.3, 8)
    np.testing.assert_allclose(finder.rates, rates, rtol=1e-6)
    order = np.random.Generator(np.random.Philox(3)).permutation(48)
    kernel, bias = net.get_weights()
    losses = []
    for number, rate in enumerate(rates):
        rows = order[20 * (number % 2) :][:20]
        error = X[rows] @ kernel + bias - Y[rows]
        losses.append(np.mean(error**2))
        kernel, bias = kernel - rate * 2 * X[rows].T @ error / 20, bias - rate * 2 * error.mean(0)
    np.testing.assert_allclose(finder.losses, losses, rtol=1e-4)


def test_the_suggestion(training_backend: Backend, capsys: pytest.CaptureFixture[str]) -> None:
    """Between rates that do nothing and those that diverge; the test ends where losses explode."""
    finder = callbacks.LearningRateFinder(1e-6, 1e4, verbose=1)
    rate = finder.find(linear(), X, Y, batch_size=16)
    assert rate is not None
    assert 1e-3 < rate < 1.0
    assert len(finder.losses) < 100
    assert capsys.readouterr().out == f"LearningRateFinder: of {len(finder.rates)} rates it suggests {rate}.\n"
    net = linear()
    net.fit(X, Y, verbose=0, callbacks=[applied := callbacks.LearningRateFinder(1e-6, 1e4, apply=True)])
    assert float(net.optimizer.learning_rate) == pytest.approx(applied.suggestion, rel=1e-6)


def test_a_loss_that_is_not_finite_ends_it() -> None:
    with backend_scope("torch"):
        finder = callbacks.LearningRateFinder(1e30, 1e38, steps=50, divergence=None)
        finder.find(linear(), X, Y)
    assert len(finder.losses) < 10
    assert not np.isfinite(finder.losses[-1])
    assert np.isfinite(finder.losses[:-1]).all()


def test_nothing_to_suggest() -> None:
    """A model that is perfect already, and too short a test."""
    with backend_scope("torch"):
        net = linear()
        assert callbacks.LearningRateFinder(steps=20).find(net, X, net.predict(X, verbose=0)) is None
        assert callbacks.LearningRateFinder(steps=2).find(net, X, Y) is None
    assert callbacks.LearningRateFinder().suggestion is None


def test_batches(training_backend: Backend) -> None:
    """Those of an iterable, again where there are fewer than steps; it begins anew for training."""
    finder = callbacks.LearningRateFinder(1e-3, 1e-1, steps=15)
    plain = linear().fit(Batches(), epochs=2, verbose=0).history
    assert linear().fit(Batches(), epochs=2, verbose=0, callbacks=[finder]).history == plain
    assert len(finder.losses) == 15
    net = linear()
    np.testing.assert_allclose(finder.losses[0], np.mean((net.predict(X[:8], verbose=0) - Y[:8]) ** 2), rtol=1e-4)


def test_data_that_is_read_once_is_refused() -> None:
    with backend_scope("torch"), pytest.raises(ValueError, match=r"needs again: .*received an iterator. Call find\(\)"):
        linear().fit(iter(Batches()), verbose=0, callbacks=[callbacks.LearningRateFinder()])


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: triceras.optimizers.SGD(triceras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)),
        lambda: triceras.optimizers.MultiOptimizer(triceras.optimizers.OptimizerMap(triceras.optimizers.SGD(0.1))),
    ],
)
def test_rates_that_cannot_be_set(optimizer: Any) -> None:
    with backend_scope("torch"):
        net = linear(optimizer())
        with pytest.raises(
            ValueError, match=r"can't set the learning rate of \w+ in model 'net': expected one that was"
        ):
            callbacks.LearningRateFinder().find(net, X, Y)


def test_a_training_that_goes_on_is_not_tested_again(tmp_path: pathlib.Path) -> None:
    class CutError(Exception):
        pass

    class Cut(callbacks.Callback):
        runs_last = True

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            raise CutError

    with backend_scope("torch"):
        finder = callbacks.LearningRateFinder(1e-3, 1e-1, steps=10)
        with pytest.raises(CutError):
            linear().fit(X, Y, verbose=0, callbacks=[finder, callbacks.BackupAndRestore(tmp_path), Cut()])
        again = callbacks.LearningRateFinder(1e-3, 1e-1, steps=10, verbose=1)
        linear().fit(X, Y, epochs=2, verbose=0, callbacks=[again, callbacks.BackupAndRestore(tmp_path)])
    assert again.losses == finder.losses


def test_plots(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = pytest.importorskip("matplotlib.figure").Figure
    with backend_scope("torch"):
        finder = callbacks.LearningRateFinder(1e-6, 1e4)
        with pytest.raises(ValueError, match=r"nothing to plot: call find\(\)"):
            finder.plot()
        finder.find(linear(), X, Y, batch_size=16)
    axes = finder.plot(tmp_path / "rates.png")
    assert (tmp_path / "rates.png").read_bytes().startswith(b"\x89PNG")
    assert axes.get_xscale() == "log"
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), finder.rates)
    np.testing.assert_array_equal(axes.lines[1].get_xdata(), [finder.suggestion])
    own = figure().subplots()
    assert finder.plot(own) is own
    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install 'triceras\[plot\]'"):
        finder.plot()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"min_rate": 0.0}, r"0 < min_rate < max_rate, received min_rate=0.0, max_rate=1.0"),
        ({"min_rate": 2.0}, "received min_rate=2.0"),
        ({"steps": 1}, "steps is an integer of at least 2, received 1"),
        ({"schedule": "cosine"}, "schedule is 'exponential' or 'linear', received 'cosine'"),
        ({"smoothing": 1.0}, "smoothing is at least 0 and under 1, received 1.0"),
        ({"divergence": 0.5}, "divergence is over 1 or None, received 0.5"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        callbacks.LearningRateFinder(**arguments)
