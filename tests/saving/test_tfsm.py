"""TFSMLayer: a TensorFlow SavedModel run, trained and saved as a layer."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import triceras
from triceras import layers
from triceras.backends import registry
from triceras.backends.registry import backend_scope
from triceras.core.errors import UnsupportedError

pytestmark = pytest.mark.skipif("tensorflow" not in registry.available_backends(), reason="tensorflow isn't installed")
X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
FIRST = np.linspace(-1.0, 1.0, 8, dtype="float32").reshape(4, 2)


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A linear map that counts the calls of its other form, which is for training."""
    import tensorflow as tf

    signature = [tf.TensorSpec((None, 4), tf.float32)]

    class Linear(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = tf.Variable(FIRST, name="w")
            self.calls = tf.Variable(0.0, trainable=False, name="calls")

        @tf.function(input_signature=signature)
        def serve(self, x: Any) -> Any:
            return x @ self.w

        @tf.function(input_signature=signature)
        def train(self, x: Any) -> Any:
            self.calls.assign_add(1.0)
            return x @ self.w * 2.0

    path = str(tmp_path_factory.mktemp("model"))
    module = Linear()
    tf.saved_model.save(module, path, signatures={"named": module.serve})
    return path


@pytest.fixture(autouse=True)
def _on_tensorflow() -> Iterator[None]:
    with backend_scope("tensorflow"):
        yield


@pytest.mark.parametrize("endpoint", ["serve", "named"])
def test_it_runs_endpoints(saved_model: str, endpoint: str) -> None:
    layer = layers.TFSMLayer(saved_model, call_endpoint=endpoint, call_training_endpoint="train")
    out = layer(X)
    np.testing.assert_allclose(out["output_0"] if endpoint == "named" else out, X @ FIRST, rtol=1e-6)
    np.testing.assert_allclose(layer(X, training=True), X @ FIRST * 2, rtol=1e-6)
    assert [(v.name, v.shape, v.trainable) for v in layer.weights] == [("w", (4, 2), True), ("calls", (), False)]
    assert float(layer.weights[1]) == 1.0


@pytest.mark.parametrize("trainable", [True, False])
def test_it_trains_inside_a_model(saved_model: str, trainable: bool) -> None:
    def linear() -> triceras.Model:
        model = triceras.Sequential(
            [triceras.Input((4,)), layers.Dense(2, use_bias=False), layers.Dense(2, name="out")]
        )
        model.layers[0].set_weights([FIRST])
        return model

    inputs = triceras.Input((4,))
    layer = layers.TFSMLayer(saved_model, trainable=trainable)
    wrapped = triceras.Model(inputs, layers.Dense(2, name="out")(layer(inputs)))
    reference = linear()
    reference.layers[0].trainable = trainable
    wrapped.get_layer("out").set_weights(reference.get_layer("out").get_weights())
    losses = []
    for model in (wrapped, reference):
        model.compile(triceras.optimizers.SGD(0.1), "mse")
        losses.append(model.fit(X, X[:, :2], epochs=3, batch_size=4, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    np.testing.assert_allclose(layer.weights[0], reference.layers[0].get_weights()[0], rtol=1e-5)
    assert trainable != bool(np.array_equal(layer.weights[0], FIRST))


def test_its_own_variables_follow_training(saved_model: str) -> None:
    inputs = triceras.Input((4,))
    layer = layers.TFSMLayer(saved_model, call_training_endpoint="train")
    model = triceras.Model(inputs, layer(inputs))
    model.compile("sgd", "mse")
    model.fit(X, X[:, :2], epochs=2, batch_size=4, verbose=0)
    assert float(layer.weights[1]) == 4.0


def test_files_need_trust(saved_model: str, tmp_path: pathlib.Path) -> None:
    inputs = triceras.Input((4,))
    layer = layers.TFSMLayer(saved_model)
    model = triceras.Model(inputs, layer(inputs))
    layer.set_weights([w + 1.0 for w in layer.get_weights()])
    model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=r"a TFSMLayer, which runs the SavedModel at .*: that is refused in safe mode"):
        triceras.models.load_model(tmp_path / "model.keras")
    again = triceras.models.load_model(tmp_path / "model.keras", safe_mode=False)
    np.testing.assert_allclose(again.predict(X, verbose=0), X @ (FIRST + 1.0), rtol=1e-6)


def test_errors(saved_model: str) -> None:
    with pytest.raises(ValueError, match=r"has no endpoint 'other'.*Its signatures: \['named'\]"):
        layers.TFSMLayer(saved_model, call_endpoint="other")


@pytest.mark.parametrize("name", [name for name in registry.available_backends() if name != "tensorflow"])
def test_models_of_other_backends_infer_with_it(saved_model: str, name: str) -> None:
    with backend_scope(name):
        layer = layers.TFSMLayer(saved_model, call_training_endpoint="train")
        with pytest.warns(UserWarning, match="runs a part of tensorflow inside a model of"):
            out = layer(X)
        np.testing.assert_allclose(out, X @ FIRST, rtol=1e-5, atol=1e-6)
        with pytest.raises(UnsupportedError, match="which can't train it"):
            layer(X, training=True)
