"""Low-rank updates: what is trained and what is computed, on all backends, in files, and against Keras."""

from __future__ import annotations

import copy
import functools
import pathlib
import pickle
from typing import Any

import numpy as np
import pytest

from tests import black_box
from tests.layers.table import integers, normal
from triceras import dtype_policies, layers, models, ops
from triceras.backends import registry
from triceras.core import objects
from triceras.utils import set_random_seed

TRAINING = [name for name in registry.available_backends() if name != "numpy"]
#: Name -> class, arguments, input.
CASES: dict[str, tuple[str, dict[str, Any], np.ndarray]] = {
    "dense": ("Dense", {"units": 4, "kernel_regularizer": "l2"}, normal(2, 5, 3)),
    "dense-no-bias": ("Dense", {"units": 4, "use_bias": False, "activation": "tanh"}, normal(2, 3)),
    "embedding": ("Embedding", {"input_dim": 7, "output_dim": 4}, integers(0, 7, 2, 5)),
    "conv": ("Conv2D", {"filters": 4, "kernel_size": 3, "padding": "same"}, normal(2, 6, 6, 2)),
    "conv-strided": ("Conv2D", {"filters": 4, "kernel_size": (3, 2), "strides": 2}, normal(2, 7, 6, 2)),
    "conv-grouped": ("Conv2D", {"filters": 4, "kernel_size": 3, "groups": 2}, normal(2, 6, 6, 4)),
}
EVERY_CASE = pytest.mark.parametrize("case", CASES)


def _adapted(case: str, rank: int = 2, alpha: float | None = 3.0, **more: Any) -> Any:
    """A layer of a case with LoRA, whose variables have values of the test's."""
    name, kwargs, inputs = CASES[case]
    layer = getattr(layers, name)(**kwargs, **more)
    layer(inputs)
    layer.enable_lora(rank, lora_alpha=alpha)
    layer.set_weights([normal(*w.shape, seed=i) * 0.5 for i, w in enumerate(layer.weights)])
    return layer


def _merged(layer: Any) -> np.ndarray:
    weight = next(w for w in layer.weights if not w.name.startswith("lora") and w.name != "bias")
    a, b = (w.numpy() for w in layer.weights if w.name.startswith("lora"))
    return weight.numpy() + layer.lora_alpha / layer.lora_rank * (a @ b)


def _host(x: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(x))


# ---- computing -------------------------------------------------------------------------------------------------------


@EVERY_CASE
def test_computes_with_the_merged_weight(backend: registry.Backend, case: str) -> None:
    """It gives what a layer without LoRA gives with the merged weight; reading the weight gives that as well."""
    name, kwargs, inputs = CASES[case]
    layer = _adapted(case)
    plain = getattr(layers, name)(**kwargs)
    plain(inputs)
    merged = _merged(layer)
    plain.set_weights([merged, *(w.numpy() for w in layer.weights if w.name == "bias")])
    np.testing.assert_allclose(_host(layer(inputs)), _host(plain(inputs)), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(_host(getattr(layer, layer.factored_weight)), merged, rtol=1e-6, atol=1e-6)


def test_nothing_changes_at_first(backend: registry.Backend) -> None:
    """B starts as zeros."""
    for name, kwargs, inputs in CASES.values():
        layer = getattr(layers, name)(**kwargs)
        before = _host(layer(inputs))
        layer.enable_lora(3)
        assert layer.lora_enabled
        np.testing.assert_array_equal(_host(layer(inputs)), before)


@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
def test_data_formats(layout: str) -> None:
    """A convolution computes the same with channels first."""
    x, results = normal(2, 6, 6, 2), {}
    for name in ("torch", "numpy"):
        if name not in registry.available_backends():
            continue
        with registry.backend_scope(name):
            layer = layers.Conv2D(4, 3, data_format=layout)
            inputs = x if layout == "channels_last" else x.transpose(0, 3, 1, 2)
            layer(inputs)
            layer.enable_lora(2)
            layer.set_weights([normal(*w.shape, seed=i) for i, w in enumerate(layer.weights)])
            results[name] = _host(layer(inputs))
            expected = _host(ops.conv(inputs, _merged(layer), data_format=layout))
            bias = layer.bias.numpy() if layout == "channels_last" else layer.bias.numpy()[:, None, None]
            np.testing.assert_allclose(results[name], expected + bias, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", TRAINING)
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_fit_trains_the_factors_alone(name: str, policy: str) -> None:
    """Training leaves the frozen weights as they are, changes the factors, and the loss falls."""
    with registry.backend_scope(name):
        before = dtype_policies.dtype_policy()
        dtype_policies.set_dtype_policy(policy)
        try:
            model = models.Sequential(
                [
                    layers.Input((5,), dtype="int32"),
                    layers.Embedding(7, 6),
                    layers.Reshape((5, 6, 1)),
                    layers.Conv2D(3, 3),
                    layers.Flatten(),
                    layers.Dense(2),
                ]
            )
        finally:
            dtype_policies.set_dtype_policy(before)
        adapted = [model.layers[i] for i in (0, 2, 4)]
        for layer in adapted:
            layer.enable_lora(2)
        frozen = [w for w in model.weights if not w.trainable]
        assert [w.name for w in frozen] == ["embeddings", "kernel", "kernel"]
        first = [w.numpy() for w in frozen]
        factors = [w.numpy() for w in model.trainable_weights]
        model.compile("adam", "mse")
        x, y = integers(0, 7, 64, 5), normal(64, 2)
        model.optimizer.learning_rate = 0.02
        losses = model.fit(x, y, batch_size=16, epochs=8, verbose=0).history["loss"]
        assert losses[-1] < losses[0]
        assert all(np.array_equal(w.numpy(), value) for w, value in zip(frozen, first, strict=True))
        assert not any(np.array_equal(w.numpy(), v) for w, v in zip(model.trainable_weights, factors, strict=True))
        assert {w.dtype for w in model.weights} == {"float32"}


def test_the_same_everywhere() -> None:
    """From one seed the same losses on all backends."""

    @functools.cache
    def losses(name: str) -> list[float]:
        set_random_seed(3)
        with registry.backend_scope(name):
            model = models.Sequential([layers.Input((3,)), layers.Dense(8, "relu", lora_rank=2), layers.Dense(1)])
            model.compile("sgd", "mse")
            return model.fit(normal(32, 3), normal(32, 1), batch_size=8, epochs=3, verbose=0).history["loss"]

    for name in TRAINING[1:]:
        np.testing.assert_allclose(losses(name), losses(TRAINING[0]), rtol=1e-4)


# ---- state -----------------------------------------------------------------------------------------------------------


def test_training_the_layer_again_leaves_the_weight_frozen(backend: registry.Backend) -> None:
    """``trainable`` says nothing about a weight that LoRA froze."""
    layer = _adapted("dense")
    layer.trainable = False
    assert not layer.trainable_weights
    layer.trainable = True
    assert [w.name for w in layer.trainable_weights] == ["bias", "lora_kernel_a", "lora_kernel_b"]
    fixed = layers.Dense(4, trainable=False, lora_rank=2)
    fixed.build((None, 3))
    assert len(fixed.weights) == 4
    assert not fixed.trainable_weights


@pytest.mark.parametrize("made", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_copies(backend: registry.Backend, made: Any) -> None:
    """A copy has factors of its own."""
    layer = _adapted("dense")
    inputs = CASES["dense"][2]
    again = made(layer)
    np.testing.assert_array_equal(_host(again(inputs)), _host(layer(inputs)))
    again.lora_kernel_b.assign(np.zeros((2, 4)))
    assert np.abs(_host(again(inputs)) - _host(layer(inputs))).max() > 0.1


def test_config(backend: registry.Backend) -> None:
    """Rank and scale are in the config where there are some, and a layer made from it has them."""
    plain = layers.Dense(4)
    assert not any("lora" in key for key in plain.get_config())
    layer = layers.Dense(4, lora_rank=2, lora_alpha=6)
    layer.build((None, 3))
    assert layer.lora_alpha == 6
    again = objects.deserialize_keras_object(objects.serialize_keras_object(layer))
    assert (again.lora_rank, again.lora_alpha) == (2, 6)
    assert [(w.name, w.shape) for w in again.weights] == [(w.name, w.shape) for w in layer.weights]


def test_files(backend: registry.Backend, tmp_path: pathlib.Path) -> None:
    """A file holds the merged weight: a model without LoRA reads it, one with LoRA starts from it with no update."""

    def model(rank: int | None) -> Any:
        stack = [
            layers.Input((5,), dtype="int32"),
            layers.Embedding(7, 4, lora_rank=rank),
            layers.Dense(3, lora_rank=rank),
        ]
        return models.Sequential(stack, name="stack")

    x = integers(0, 7, 2, 5)
    adapted, plain = model(2), model(None)
    adapted.set_weights([normal(*w.shape, seed=i) for i, w in enumerate(adapted.weights)])
    adapted.save_weights(tmp_path / "a.weights.h5")
    plain.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_allclose(_host(plain(x)), _host(adapted(x)), rtol=1e-5, atol=1e-5)
    adapted.save(tmp_path / "a.keras")
    again = models.load_model(tmp_path / "a.keras")
    np.testing.assert_allclose(_host(again(x)), _host(adapted(x)), rtol=1e-5, atol=1e-5)
    assert not again.layers[1].lora_kernel_b.numpy().any()
    assert again.layers[1].lora_kernel_a.numpy().any(), "with both factors zero, nothing could be trained"
    other = models.Sequential(
        [layers.Input((5,), dtype="int32"), layers.Embedding(7, 4), layers.Dense(3, use_bias=False)]
    )
    other.layers[1].enable_lora(2)
    with pytest.raises(ValueError, match="has 1 variables, the file has 2"):
        other.load_weights(tmp_path / "a.weights.h5")


def test_before_and_twice(backend: registry.Backend) -> None:
    """It needs a weight, and comes once."""
    layer = layers.Dense(4)
    with pytest.raises(ValueError, match="isn't built, so there is no weight to factor"):
        layer.enable_lora(2)
    with pytest.raises(AttributeError, match="has no 'kernel' yet"):
        layer.kernel
    layer.build((None, 3))
    for rank in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match="rank of LoRA is a positive integer, received"):
            layer.enable_lora(rank)
    assert len(layer.weights) == 2, "a call that failed left factors behind"
    layer.enable_lora(2)
    with pytest.raises(ValueError, match="has LoRA of rank 2 already"):
        layer.enable_lora(2)
    constrained = layers.Embedding(3, 4, embeddings_constraint="non_neg")
    constrained.build()
    with pytest.raises(ValueError, match="Leave embeddings_constraint out"):
        constrained.enable_lora(2)


# ---- Keras -----------------------------------------------------------------------------------------------------------

_KERAS = """
def answer(row):
    name, kwargs, inputs, weights = row
    layer = getattr(keras.layers, name)(**kwargs)
    inputs = np.asarray(inputs, "int32" if name == "Embedding" else "float32")
    layer(inputs)
    layer.enable_lora(2, lora_alpha=3.0)
    layer.set_weights([np.asarray(w, "float32") for w in weights])
    store = {}
    layer.save_own_variables(store)
    return {
        "variables": [[v.name, list(v.shape), v.trainable] for v in layer.variables],
        "regularized": [v.name for v in layer.variables if v.regularizer is not None],
        "outputs": plain(layer(inputs)),
        "stored": [plain(store[key]) for key in sorted(store)],
        "config": {key: value for key, value in layer.get_config().items() if "lora" in key},
        "losses": plain(sum(layer.losses)) if layer.losses else 0,
    }
"""


def test_keras() -> None:
    """Variables, outputs, what is stored and the config are those of Keras."""
    with registry.backend_scope("numpy"):
        made = {case: _adapted(case) for case in CASES}
        rows = [
            [*CASES[case][:2], CASES[case][2].tolist(), [w.numpy().tolist() for w in layer.weights]]
            for case, layer in made.items()
        ]
        for (case, layer), found in zip(made.items(), black_box.run(_KERAS, rows), strict=True):
            assert isinstance(found, dict), f"{case}: {found}"
            assert [[v.name, list(v.shape), v.trainable] for v in layer.variables] == found["variables"]
            assert [v.name for v in layer.variables if v.regularizer is not None] == found["regularized"]
            np.testing.assert_allclose(_host(layer(CASES[case][2])), found["outputs"], rtol=1e-5, atol=1e-5)
            store: dict[str, Any] = {}
            layer.save_own_variables(store)
            for ours, theirs in zip(store.values(), found["stored"], strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6, err_msg=case)
            assert {key: value for key, value in layer.get_config().items() if "lora" in key} == found["config"]
            np.testing.assert_allclose(float(sum(layer.losses)), found["losses"], rtol=1e-5)


_KERAS_FILES = """
def answer(path):
    model = keras.models.load_model(path + "/ours.keras")
    x = np.arange(6, dtype="float32").reshape(2, 3) / 6
    found = plain(model(x))
    for layer in model.layers:
        layer.lora_kernel_a.assign(np.full(layer.lora_kernel_a.shape, 0.1))
        layer.lora_kernel_b.assign(np.full(layer.lora_kernel_b.shape, 0.2))
    model.save(path + "/theirs.keras")
    return [found, plain(model(x)), [layer.lora_enabled for layer in model.layers]]
"""


def test_files_of_keras(tmp_path: pathlib.Path) -> None:
    """Keras reads our file and we read its."""
    x = np.arange(6, dtype="float32").reshape(2, 3) / 6
    with registry.backend_scope("numpy"):
        model = models.Sequential([layers.Input((3,)), layers.Dense(4, lora_rank=2), layers.Dense(2, lora_rank=1)])
        model.set_weights([normal(*w.shape, seed=i) for i, w in enumerate(model.weights)])
        model.save(tmp_path / "ours.keras")
        ((read, written, enabled),) = black_box.run(_KERAS_FILES, [str(tmp_path)])
        assert enabled == [True, True]
        np.testing.assert_allclose(_host(model(x)), read, rtol=1e-5, atol=1e-5)
        theirs = models.load_model(tmp_path / "theirs.keras")
        np.testing.assert_allclose(_host(theirs(x)), written, rtol=1e-5, atol=1e-5)
