"""``to()``: the same model on another backend, which predicts the same and trains on from where it stood."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import triceras
from tests.interop.twelve import MODELS
from triceras import layers, ops, tree
from triceras.backends import registry
from triceras.backends.registry import backend_scope

TRAINING = [name for name in registry.available_backends() if name != "numpy"]
PAIRS = [(a, b) for a in TRAINING for b in registry.available_backends() if a != b]


def _close(got: Any, wanted: Any, tolerance: float = 1e-5) -> None:
    for a, b in zip(tree.flatten(got), tree.flatten(wanted), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("source", TRAINING)
def test_models_predict_the_same_everywhere(source: str, name: str) -> None:
    row = MODELS[name]
    data = row.data(3, 5)
    with backend_scope(source):
        model = row.make()
        wanted = model.predict(data, verbose=0)
    for target in registry.available_backends():
        moved = model.to(target)
        assert moved.backend.name == target
        assert {v.backend.name for v in moved.variables} <= {target}
        assert (moved is model) == (target == source)
        _close(moved.predict(data, verbose=0), wanted)


@pytest.mark.parametrize(("source", "target"), [pair for pair in PAIRS if pair[1] != "numpy"])
def test_training_goes_on(source: str, target: str) -> None:
    x, y = MODELS["mlp"].data(12, 0), np.eye(3, dtype="float32")[np.arange(12) % 3]
    with backend_scope(source):
        model = MODELS["mlp"].make()
        model.compile(triceras.optimizers.Adam(0.01, use_ema=True), "categorical_crossentropy", metrics=["accuracy"])
        model.fit(x, y, batch_size=5, epochs=2, verbose=0)
        before = [np.array(w) for w in model.get_weights()]
    moved = model.to(target)
    assert int(moved.optimizer.iterations) == int(model.optimizer.iterations) == 6
    there = moved.fit(x, y, batch_size=5, epochs=2, verbose=0, shuffle=False).history
    _close(model.get_weights(), before, 0)
    here = copy.deepcopy(model).fit(x, y, batch_size=5, epochs=2, verbose=0, shuffle=False).history
    for key, figures in here.items():
        np.testing.assert_allclose(there[key], figures, rtol=1e-5)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_weights_of_the_copy_are_its_own(source: str, target: str) -> None:
    with backend_scope(source):
        layer = layers.Dense(2)
        layer.build((None, 3))
    moved = layer.to(target)
    wanted = layer.kernel.numpy()
    moved.kernel.assign(np.zeros((3, 2)))
    np.testing.assert_array_equal(layer.kernel.numpy(), wanted)
    layer.kernel.assign(np.ones((3, 2)))
    np.testing.assert_array_equal(moved.kernel.numpy(), 0)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_what_a_layer_holds_moves_too(source: str, target: str) -> None:
    """Tensors as attributes, layers in lists, seeds, dtypes, frozen and 16-bit weights."""

    class Holder(layers.Layer):
        def __init__(self) -> None:
            super().__init__(dtype="mixed_bfloat16")
            self.table = {"shift": [ops.convert_to_tensor([1.0, 2.0])]}
            self.parts = [layers.Dense(2, trainable=False), layers.Dropout(0.5, seed=7)]

        def call(self, x: Any, training: bool = False) -> Any:
            for part in self.parts:
                x = part(x, training=training) if isinstance(part, layers.Dropout) else part(x)
            return ops.cast(x, "float32") + self.table["shift"][0]

    x = np.ones((4, 3), "float32")
    with backend_scope(source):
        layer = Holder()
        layer(x)
    moved = layer.to(target)
    assert moved.parts[0].trainable is False
    assert moved.compute_dtype == "bfloat16"
    assert [v.path for v in moved.variables] == [v.path for v in layer.variables]
    assert isinstance(moved.table["shift"][0], registry.get_backend(target).tensor_types)
    for training in (False, True, True):
        _close(ops.convert_to_numpy(moved(x, training=training)), ops.convert_to_numpy(layer(x, training=training)))


def test_modules_of_torch_have_the_same_state() -> None:
    row = MODELS["resnet"]
    with backend_scope("jax"):
        moved = row.make().to("torch")
    with backend_scope("torch"):
        made = row.make()
    assert [key.split(".")[-1] for key in moved.state_dict()] == [key.split(".")[-1] for key in made.state_dict()]
    assert [tuple(p.shape) for p in moved.parameters()] == [tuple(p.shape) for p in made.parameters()]
    assert moved.to("cpu") is moved
    assert {p.dtype for p in moved.to(dtype=next(made.parameters()).double().dtype).parameters()} == {
        next(made.parameters()).double().dtype
    }


@pytest.mark.parametrize("name", registry.available_backends())
def test_bad_names(name: str) -> None:
    with backend_scope(name):
        layer = layers.Dense(2)
    if name == "torch":
        with pytest.raises(RuntimeError, match="device"):
            layer.to("nowhere")
        return
    with pytest.raises(ValueError, match=r"Unknown backend 'nowhere'. Expected one of: jax, torch"):
        layer.to("nowhere")
    with pytest.raises(TypeError, match=r"to\(\) takes the name of a backend, received \('jax', 1\)"):
        layer.to("jax", 1)


@pytest.mark.parametrize("start", ["jax", "torch"])
def test_parts_of_torch_are_trained_at_home(start: str) -> None:
    """Moved home from elsewhere, or away and back, with the weights that the model has and not the module."""
    torch = pytest.importorskip("torch")
    with backend_scope(start):
        model = triceras.Sequential([triceras.Input((4,)), layers.TorchModuleWrapper(torch.nn.Linear(4, 2))])
        model.set_weights([np.full((2, 4), 0.5), np.zeros(2)])
        model.compile("sgd", "mse")
    away = model if start == "jax" else model.to("jax")
    assert (len(away.trainable_variables), len(away.variables)) == (0, 2)
    home = away.to("torch")
    assert [v.trainable for v in home.variables] == [True, True]
    np.testing.assert_array_equal(home.layers[0].module.weight.detach().cpu().numpy(), 0.5)
    home.fit(np.ones((4, 4)), np.zeros((4, 2)), verbose=0)
    assert not np.array_equal(home.get_weights()[0], model.get_weights()[0])


@pytest.mark.parametrize("name", registry.available_backends())
def test_weights_of_one_name_stay_apart(name: str) -> None:
    with backend_scope(name):
        layer = layers.Dense(1)
        made = [layer.add_weight(shape=(size,), name="w") for size in (1, 2, 3, 4)]
        layer.build((None, 1))
    assert [v.stored_value.shape[0] for v in made] == [1, 2, 3, 4]
    assert len({id(v.state) for v in layer.weights}) == 6
