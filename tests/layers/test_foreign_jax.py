"""Functions of JAX in models of jax: trained as JAX trains them, with state and draws, saved by their names."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import triceras
from tests.layers import foreign_parts as parts
from triceras import layers, saving
from triceras.backends.registry import backend_scope

jax = pytest.importorskip("jax")
X = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
Y = X[:, :2] * 2.0


@pytest.fixture(autouse=True)
def _on_jax() -> Iterator[None]:
    with backend_scope("jax"):
        yield


def _model(layer: Any, rate: float = 0.05) -> triceras.Model:
    model = triceras.Sequential([triceras.Input((3,)), layer])
    model.compile(triceras.optimizers.SGD(rate), "mse")
    return model


def counting(params: Any, state: Any, rng: Any, inputs: Any, training: bool) -> Any:
    """Noise in training, and how often that was."""
    if training:
        state = {"count": state["count"] + 1, "last": inputs.sum()}
        inputs = inputs + jax.random.normal(rng, inputs.shape)
    return inputs @ params, state


def counting_init(rng: Any, inputs: Any, training: bool) -> Any:
    """A matrix, a count and a number."""
    return jax.random.normal(rng, (inputs.shape[-1], 2)), {"count": np.int32(0), "last": jax.numpy.zeros(())}


def test_it_trains_as_jax_does() -> None:
    params = {"kernel": parts.values(3, 2), "biases": [np.zeros(2, "float32")]}
    model = _model(layers.JaxLayer(parts.linear_map, params=params))
    losses = model.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0).history["loss"]

    def loss(params: Any, x: Any, y: Any) -> Any:
        return ((parts.linear_map(params, x) - y) ** 2).mean()

    for _ in range(3):
        for start in range(0, len(X), 8):
            gradients = jax.grad(loss)(params, X[start : start + 8], Y[start : start + 8])
            params = jax.tree.map(lambda p, g: p - 0.05 * g, params, gradients)
    assert losses[-1] < losses[0]
    assert [v.name for v in model.trainable_weights] == ["biases.0", "kernel"]
    for ours, theirs in zip(model.get_weights(), jax.tree.leaves(params), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.predict(X, verbose=0), parts.linear_map(params, X), rtol=1e-5, atol=1e-6)


def test_state_and_draws() -> None:
    def trained() -> tuple[Any, list[float]]:
        model = _model(layers.JaxLayer(counting, counting_init, seed=5), rate=0.0)
        return model, model.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0).history["loss"]

    model, losses = trained()
    weights = model.layers[0].weights
    assert [(v.name, v.dtype, v.trainable) for v in weights] == [
        ("params", "float32", True),
        ("count", "int32", False),
        ("last", "float32", False),
    ]
    assert int(weights[1]) == 12
    np.testing.assert_allclose(float(weights[2]), X[24:].sum(), rtol=1e-4)
    assert len(set(losses)) == 3
    assert losses == trained()[1]


@pytest.mark.parametrize("init", [True, False])
def test_files(tmp_path: pathlib.Path, init: bool) -> None:
    model = _model(layers.JaxLayer(counting, counting_init, seed=5))
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "m.keras")
    known = {"counting": counting, "counting_init": counting_init} if init else {"counting": counting}
    if not init:
        with pytest.raises(ValueError, match="'counting_init' of module 'builtins', which isn't registered"):
            saving.load_model(tmp_path / "m.keras", custom_objects=known)
        return
    again = saving.load_model(tmp_path / "m.keras", custom_objects=known)
    np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)
    for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert list(model.layers[0].get_config()) == [
        "name",
        "trainable",
        "dtype",
        "call_fn",
        "init_fn",
        "native_serialization_platforms",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"call_fn": lambda x: x}, "call_fn takes the argument 'x'; it may take params, state, rng"),
        ({"call_fn": lambda params: params}, "call_fn needs an argument 'inputs'; it takes params"),
        ({"call_fn": parts.linear_map}, "call_fn takes params, and neither init_fn nor params is given"),
        (
            {"call_fn": parts.linear_map, "init_fn": lambda a: a},
            "init_fn takes the argument 'a'; it may take rng, inputs",
        ),
    ],
)
def test_what_the_functions_may_take(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layers.JaxLayer(**arguments)


def test_the_state_keeps_its_structure() -> None:
    def call(state: Any, inputs: Any) -> Any:
        return inputs, {"other": state["count"]}

    with pytest.raises(ValueError, match=r"The state after the call has the structure .*'other'.*expected .*'count'"):
        layers.JaxLayer(call, state={"count": np.zeros(())})(X)
    with pytest.raises(ValueError, match=r"so it returns \(outputs, state\); received"):
        layers.JaxLayer(lambda state, inputs: inputs, state={"count": np.zeros(())})(X)


def test_frozen_and_in_half_precision() -> None:
    layer = layers.JaxLayer(parts.linear_map, parts.linear_map_init, trainable=False, dtype="mixed_bfloat16")
    assert layer(X).dtype == "bfloat16"
    assert not layer.trainable_weights
    assert layer.weights[0].stored_dtype == "float32"
    assert layers.JaxLayer(lambda inputs: inputs * 2)(X).shape == (32, 3)
