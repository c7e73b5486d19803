"""What layers keep from call to call while a model predicts: states of RNNs, seeds, counters."""

from __future__ import annotations

import copy
import threading
from typing import Any

import numpy as np
import pytest

import triceras
from triceras import layers, ops
from triceras.backends.registry import Backend

SERIES = np.random.default_rng(0).normal(size=(12, 5, 2)).astype("float32")
ROWS = SERIES[:, 0]
MODES = pytest.mark.parametrize("eagerly", [False, True], ids=["compiled", "eagerly"])


class Counter(layers.Layer):
    """Counts its calls in a variable, and short batches in another one; gives both counts."""

    def __init__(self, trainable_count: bool = False) -> None:
        super().__init__()
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=trainable_count)
        self.short = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x: Any) -> Any:
        self.calls.assign_add(1.0)
        if x.shape[0] is not None and x.shape[0] < 4:
            self.short.assign_add(1.0)
        return x[:, :1] * 0.0 + ops.stack([self.calls.value, self.short.value])


class Noisy(layers.Layer):
    """Adds noise at inference too."""

    def __init__(self, seeded: bool) -> None:
        super().__init__()
        self.seed_generator = triceras.random.SeedGenerator(3) if seeded else None

    def call(self, x: Any) -> Any:
        return x + triceras.random.normal(ops.shape(x), seed=self.seed_generator)


def _array(x: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(x))


def _model(layer: Any, shape: tuple[int | None, ...], eagerly: bool, batch: int | None = None) -> Any:
    model = triceras.Sequential([triceras.Input(batch_shape=(batch, *shape)), layer])
    model.compile(run_eagerly=eagerly)
    return model


@MODES
@pytest.mark.parametrize("cls", [layers.LSTM, layers.GRU, layers.SimpleRNN])
def test_states_go_on(backend: Backend, cls: Any, eagerly: bool) -> None:
    model = _model(cls(3, stateful=True), (5, 2), eagerly, batch=4)
    wanted = [_array(model(SERIES[i : i + 4])) for i in (0, 4, 8, 0)]
    assert not np.allclose(wanted[0], wanted[3], atol=1e-3)
    model.layers[0].reset_state()
    got = model.predict(SERIES, batch_size=4, verbose=0)
    np.testing.assert_allclose(got, np.concatenate(wanted[:3]), atol=1e-6)
    np.testing.assert_allclose(model.predict_on_batch(SERIES[:4]), wanted[3], atol=1e-6)
    twin = copy.deepcopy(model)
    for one in (model, twin):
        one.layers[0].reset_state()
        np.testing.assert_allclose(one.predict(SERIES, batch_size=4, verbose=0), got, atol=1e-6)


@MODES
@pytest.mark.parametrize("seeded", [True, False])
def test_draws_differ(backend: Backend, seeded: bool, eagerly: bool) -> None:
    model = _model(Noisy(seeded), (2,), eagerly)
    got = model.predict(np.zeros((12, 2)), batch_size=4, verbose=0)
    again = model.predict(np.zeros((12, 2)), batch_size=4, verbose=0)
    assert len(np.unique(np.concatenate([got, again]).round(5))) == 48
    triceras.utils.set_random_seed(0)
    model = _model(Noisy(seeded), (2,), eagerly)
    first = [_array(model(np.zeros((4, 2), "float32"))) for _ in range(3)]
    triceras.utils.set_random_seed(0)
    model = _model(Noisy(seeded), (2,), eagerly)
    np.testing.assert_allclose(
        model.predict(np.zeros((12, 2)), batch_size=4, verbose=0), np.concatenate(first), atol=1e-6
    )


@MODES
@pytest.mark.parametrize("trainable", [False, True])
def test_each_batch_counts_once(backend: Backend, trainable: bool, eagerly: bool) -> None:
    """Whatever is found to change, and however late: the second counter moves in the last, shorter batch."""
    layer = Counter(trainable)
    model = _model(layer, (2,), eagerly)
    got = model.predict(ROWS[:10], batch_size=4, verbose=0)
    assert got[:, 0].tolist() == [1.0] * 4 + [2.0] * 4 + [3.0] * 2
    model.predict_on_batch(ROWS[:4])
    model.predict(ROWS[:10], batch_size=4, verbose=0)
    assert _array(layer.calls).tolist() == 7.0
    if eagerly or backend.name in ("jax", "torch", "numpy"):  # where a step knows how many rows it gets
        assert _array(layer.short).tolist() == 2.0


def test_a_step_that_is_called_by_hand(backend: Backend) -> None:
    layer = Counter()
    model = _model(layer, (2,), False)
    model(ROWS[:4])
    x = ops.convert_to_tensor(ROWS[:4])
    if backend.functional_steps:
        state = tuple([v.value for v in vs] for vs in (model.trainable_variables, model.non_trainable_variables))
        outputs, after = model.predict_step(state, x)
        assert _array(layer.calls) == 1.0
        outputs, _ = model.predict_step(after, x)
    else:
        model.predict_step(x)
        outputs = model.predict_step(x)
        assert _array(layer.calls) == 3.0
    assert _array(outputs)[0].tolist() == [3.0, 0.0]


def test_threads_predict_at_once(backend: Backend) -> None:
    model = triceras.Sequential([triceras.Input((2,)), layers.Dense(8), layers.BatchNormalization(), layers.Dense(1)])
    wanted = model.predict(ROWS, verbose=0)
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.extend(model.predict_on_batch(ROWS) for _ in range(20))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 80
    for got in found:
        np.testing.assert_allclose(got, wanted, atol=1e-6)
