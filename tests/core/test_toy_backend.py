"""A backend of another package, found by its entry point, trains a model: the protocol is all that one needs."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Iterator

import numpy as np
import pytest

import triceras
from triceras import layers
from triceras.backends import registry

#: NumPy arrays of a class of their own, differentiated by central differences.
SOURCE = '''
import numpy as np

from triceras import tree
from triceras.backends.numpy.backend import NumpyBackend


class ToyArray(np.ndarray):
    """An array that belongs to the toy."""


def toy(x):
    return np.asarray(x).view(ToyArray) if isinstance(x, np.ndarray | np.generic) else x


def giving_toys(function):
    return lambda *args, **kwargs: tree.map_structure(toy, function(*args, **kwargs))


class ToyBackend(NumpyBackend):
    name = "toy"
    tensor_types = (ToyArray,)
    trains = True

    def __init__(self):
        super().__init__()
        self.table = {name: giving_toys(body) for name, body in self.table.items()}

    def convert_to_tensor(self, x, dtype=None):
        return toy(super().convert_to_tensor(x, dtype))

    def cast(self, x, dtype):
        return toy(super().cast(x, dtype))

    def new_state(self, value, dtype, trainable, *replicas):
        return toy(super().new_state(value, dtype, trainable, *replicas))

    def write_state(self, state, value):
        return toy(super().write_state(state, value))

    def value_and_grad(self, function, parameters):
        value, auxiliary = function(parameters)
        gradients = []
        for i, parameter in enumerate(parameters):
            gradient = np.zeros_like(parameter)
            for where in np.ndindex(parameter.shape):
                ends = []
                for step in (1e-2, -1e-2):
                    moved = [p.copy() for p in parameters]
                    moved[i][where] += step
                    ends.append(function(moved)[0])
                gradient[where] = (ends[0] - ends[1]) / 2e-2
            gradients.append(gradient)
        return value, auxiliary, gradients
'''


@pytest.fixture
def toy(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a backend that an installed package brings."""
    (tmp_path / "toy_backend.py").write_text(SOURCE)
    metadata = tmp_path / "toy_backend-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-backend\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[triceras.backends]\ntoy = toy_backend:ToyBackend\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "toy"
    registry._loaded.pop("toy", None)
    sys.modules.pop("toy_backend", None)


def test_it_is_found(toy: str) -> None:
    assert "toy" in triceras.available_backends()
    with triceras.backend_scope(toy) as current:
        assert (current.name, triceras.config.backend()) == ("toy", "toy")
        x = triceras.ops.ones((2,))
        assert type(x).__name__ == "ToyArray"
    assert registry.owner_of(x) is current
    assert type(triceras.ops.exp(x)).__name__ == "ToyArray"


def train() -> tuple[list[float], np.ndarray]:
    triceras.utils.set_random_seed(3)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 3)).astype("float32")
    y = x @ np.array([[1.0], [-2.0], [0.5]], np.float32)
    model = triceras.Sequential([triceras.Input((3,)), layers.Dense(4, activation="tanh"), layers.Dense(1)])
    model.compile(triceras.optimizers.SGD(0.1), "mse", metrics=["mae"])
    history = model.fit(x, y, batch_size=8, epochs=5, verbose=0).history
    return history["loss"], model.predict(x, verbose=0)


def test_it_trains_a_model_as_the_others_do(toy: str) -> None:
    with triceras.backend_scope(toy):
        losses, predictions = train()
    assert losses[-1] < 0.1 * losses[0]
    with triceras.backend_scope("torch"):
        expected_losses, expected = train()
    np.testing.assert_allclose(losses, expected_losses, rtol=2e-2)
    np.testing.assert_allclose(predictions, expected, atol=5e-2)


def test_its_models_are_saved_and_read_elsewhere(toy: str, tmp_path: pathlib.Path) -> None:
    x = np.ones((2, 3), np.float32)
    with triceras.backend_scope(toy):
        model = triceras.Sequential([triceras.Input((3,)), layers.Dense(2)])
        model.save(tmp_path / "toy.keras")
    with triceras.backend_scope("numpy"):
        again = triceras.models.load_model(tmp_path / "toy.keras")
    np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-6)
