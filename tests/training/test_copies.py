"""A model copied or pickled after training goes on like the one it was made of, and neither changes the other."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import triceras
from triceras import layers, optimizers
from triceras.backends import registry
from triceras.backends.registry import backend_scope

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 4)).astype("float32")
Y = RNG.normal(size=(12, 2)).astype("float32")
TRAINING = [name for name in registry.available_backends() if name != "numpy"]
WAYS: dict[str, Callable[[Any], Any]] = {"copy": copy.deepcopy, "pickle": lambda x: pickle.loads(pickle.dumps(x))}
OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "adam": lambda: optimizers.Adam(0.01, use_ema=True, global_clipnorm=1.0),
    "schedule": lambda: optimizers.SGD(optimizers.schedules.CosineDecay(0.1, 10), momentum=0.9),
    "scaled": lambda: optimizers.LossScaleOptimizer(optimizers.RMSprop(0.01)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", TRAINING)
def test_copies_train_on(name: str, optimizer: str, way: str) -> None:
    with backend_scope(name):
        model = triceras.Sequential(
            [
                triceras.Input((4,)),
                layers.Dense(5, "relu"),
                layers.BatchNormalization(),
                layers.Dropout(0.5),
                layers.Dense(2),
            ]
        )
        model.compile(OPTIMIZERS[optimizer](), "mse", metrics=["mae"])
        model.fit(X, Y, epochs=2, verbose=0, shuffle=False)
        again = WAYS[way](model)
        before = [np.array(w) for w in model.get_weights()]
        figures = again.fit(X, Y, epochs=2, verbose=0, shuffle=False).history
        for a, b in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(a, b)
        assert model.fit(X, Y, epochs=2, verbose=0, shuffle=False).history == figures
        assert int(again.optimizer.iterations) == int(model.optimizer.iterations) == 4
