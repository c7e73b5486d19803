"""Modules of TensorFlow in models of tensorflow: trained as TensorFlow trains them, their own variables, files."""

from __future__ import annotations

import copy
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import triceras
from tests.layers import foreign_parts as parts
from triceras import layers, saving
from triceras.backends.registry import backend_scope

tf = pytest.importorskip("tensorflow")
X = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
Y = X[:, :2] * 2.0


@pytest.fixture(autouse=True)
def _on_tensorflow() -> Iterator[None]:
    with backend_scope("tensorflow"):
        yield


def _model(layer: Any) -> triceras.Model:
    model = triceras.Sequential([triceras.Input((3,)), layer])
    model.compile(triceras.optimizers.SGD(0.05), "mse")
    return model


@pytest.mark.parametrize("compiled", [False, True])
def test_it_trains_as_tensorflow_does(compiled: bool) -> None:
    module, reference = parts.tf_net(), parts.tf_net()
    if compiled:
        type(module).__call__ = tf.function(type(module).__call__, autograph=False)
    layer = layers.TFModuleWrapper(module, takes_training=True)
    model = _model(layer)
    losses = model.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0).history["loss"]
    for start in list(range(0, len(X), 8)) * 3:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((reference(X[start : start + 8]) - Y[start : start + 8]) ** 2)
        reference.kernel.assign_sub(0.05 * tape.gradient(loss, reference.kernel))
    assert losses[-1] < losses[0]
    np.testing.assert_allclose(module.kernel, reference.kernel, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.predict(X, verbose=0), X @ reference.kernel.numpy(), rtol=1e-5, atol=1e-6)
    assert layer.weights[0].state is module.kernel
    assert [(v.name, v.trainable) for v in layer.weights] == [("kernel", True), ("calls", False)]
    assert int(module.calls) == 12
    assert all(runner.loop.fallback is None for runner in model._runners.values())


def test_a_pure_call_leaves_the_module_alone() -> None:
    module = parts.tf_net()
    layer = layers.TFModuleWrapper(module, takes_training=True)
    out, after = layer.stateless_call([tf.zeros((3, 2))], [tf.constant(5)], X, training=True)
    assert not np.any(out)
    assert int(after[0]) == 6
    assert int(module.calls) == 0
    np.testing.assert_array_equal(module.kernel, parts.values(3, 2))
    again = copy.deepcopy(layer)
    assert again.weights[0].state is again.module.kernel is not module.kernel
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(X))
    np.testing.assert_allclose(tape.gradient(loss, module.kernel), X.sum(0)[:, None].repeat(2, 1), rtol=1e-4)


def test_files_and_policies(tmp_path: pathlib.Path) -> None:
    model = _model(layers.TFModuleWrapper(parts.tf_net(), name="net"))
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "m.keras")
    for known in ({"net": parts.tf_net}, {"TFNet": type(parts.tf_net())}, {"TFNet": parts.tf_net()}):
        again = saving.load_model(tmp_path / "m.keras", custom_objects=known)
        np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)
    with pytest.raises(ValueError, match=r"names 'TFNet' of module .*Pass custom_objects=\{'TFNet'"):
        saving.load_model(tmp_path / "m.keras")
    mixed = layers.TFModuleWrapper(parts.tf_net(), dtype="mixed_float16")
    assert mixed(tf.cast(X, tf.float16)).dtype == tf.float32
    frozen = layers.TFModuleWrapper(parts.tf_net(), trainable=False)
    assert not frozen.trainable_weights


def test_errors() -> None:
    with pytest.raises(TypeError, match=r"Expected a tf.Module with __call__, received 3 of type int"):
        layers.TFModuleWrapper(3)
