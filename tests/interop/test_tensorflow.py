"""Models as modules of TensorFlow, whatever backend they were made on."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest

import triceras
from triceras import interop, layers, ops
from triceras.backends.registry import backend_scope

tf = pytest.importorskip("tensorflow")
X = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
SOURCES = ("jax", "torch", "tensorflow")


def _model(source: str) -> Any:
    with backend_scope(source):
        return triceras.Sequential(
            [triceras.Input((4,)), layers.Dense(5, "tanh"), layers.BatchNormalization(), layers.Dense(2)]
        )


@pytest.mark.parametrize("source", SOURCES)
def test_it_computes_what_the_model_does(source: str) -> None:
    model = _model(source)
    module = interop.tf_module(model)
    assert isinstance(module, tf.Module)
    assert [v.shape for v in module.trainable_variables] == [v.shape for v in model.trainable_variables]
    assert len(module.variables) == len(model.variables)
    np.testing.assert_allclose(module(X), ops.convert_to_numpy(model(X)), rtol=1e-5, atol=1e-6)
    mean = module.model.layers[1].moving_mean
    before = mean.numpy()
    module(X, training=True)
    assert not np.array_equal(mean.numpy(), before)


def test_it_trains_in_functions() -> None:
    module = interop.tf_module(_model("jax"))

    @tf.function
    def step(x: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(module(x, training=True) ** 2)
        for variable, gradient in zip(module.trainable_variables, tape.gradient(loss, module.trainable_variables)):
            variable.assign_sub(0.1 * gradient)
        return loss

    values = [float(step(tf.constant(X))) for _ in range(30)]
    assert values[-1] < values[0] / 2


def test_it_is_saved_by_tensorflow(tmp_path: pathlib.Path) -> None:
    module = interop.tf_module(_model("torch"))
    wanted = module(X).numpy()
    tf.saved_model.save(module, str(tmp_path / "model"))
    np.testing.assert_allclose(tf.saved_model.load(str(tmp_path / "model"))(X), wanted, rtol=1e-6)
    path = tf.train.Checkpoint(module=module).save(str(tmp_path / "checkpoint"))
    other = interop.tf_module(_model("torch"))
    assert not np.allclose(other(X), wanted)
    tf.train.Checkpoint(module=other).restore(path).assert_consumed()
    np.testing.assert_allclose(other(X), wanted, rtol=1e-6)


def test_it_runs_in_pipelines_of_data() -> None:
    module = interop.tf_module(_model("jax"))
    found = [row.numpy() for row in tf.data.Dataset.from_tensor_slices(X).batch(4).map(module)]
    np.testing.assert_allclose(np.concatenate(found), module(X), rtol=1e-5, atol=1e-6)


def test_it_runs_under_strategies() -> None:
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    model = _model("jax")
    with strategy.scope():
        module = interop.tf_module(model)
    got = strategy.run(module, (tf.constant(X),))
    np.testing.assert_allclose(got, ops.convert_to_numpy(model(X)), rtol=1e-5, atol=1e-6)
