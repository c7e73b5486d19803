"""Clones: the same layers, new weights."""

from __future__ import annotations

import numpy as np
import pytest

import triceras
from triceras import layers, ops
from triceras.backends.registry import Backend, backend_scope
from triceras.models import clone_model, model_from_json


def shared_model() -> triceras.Model:
    """Two inputs through one shared layer, a model inside, ops on symbols."""
    first, second = triceras.Input((3,), name="first"), triceras.Input((3,), name="second")
    shared = layers.Dense(4, activation="tanh", name="shared")
    inner = triceras.Sequential([triceras.Input((4,)), layers.Dense(4, name="inside")], name="inner")
    joined = ops.concatenate([inner(shared(first)), shared(second) * 2.0], axis=-1)
    return triceras.Model({"first": first, "second": second}, {"out": layers.Dense(2, name="head")(joined)}, name="two")


def data() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {key: rng.normal(size=(5, 3)).astype("float32") for key in ("first", "second")}


@pytest.mark.parametrize("recursive", [False, True])
def test_functional_clone_computes_the_same_with_the_same_weights(backend: Backend, recursive: bool) -> None:
    model = shared_model()
    clone = clone_model(model, recursive=recursive)
    assert type(clone).__name__ == "Functional"
    assert clone.name == "two"
    assert [layer.name for layer in clone.layers] == [layer.name for layer in model.layers]
    assert not {id(v) for v in clone.variables} & {id(v) for v in model.variables}
    clone.set_weights(model.get_weights())
    x = data()
    assert np.allclose(clone.predict(x, verbose=0)["out"], model.predict(x, verbose=0)["out"], atol=1e-6)
    assert len(clone.get_layer("shared")._inbound_nodes) == 2


def test_sequential_clone(backend: Backend) -> None:
    model = triceras.Sequential([triceras.Input((3,)), layers.Dense(4), layers.Dropout(0.5), layers.Dense(2)], name="s")
    model.trainable = False
    clone = clone_model(model)
    assert isinstance(clone, triceras.Sequential)
    assert (clone.name, clone.output_shape, clone.trainable) == ("s", (None, 2), False)
    assert not np.array_equal(clone.get_weights()[0], model.get_weights()[0])
    assert clone_model(triceras.Sequential([layers.Dense(2)])).built is False
    wide = clone_model(triceras.Sequential([layers.Dense(2)]), input_tensors=triceras.Input((7,)))
    assert wide.input_shape == (None, 7)


def test_clone_and_call_functions(backend: Backend) -> None:
    def renamed(layer: layers.Layer) -> layers.Layer:
        return type(layer).from_config(layer.get_config() | {"name": f"{layer.name}_copy"})

    called = []

    def noted(layer: layers.Layer, *args: object, **kwargs: object) -> object:
        called.append(layer.name)
        return layer(*args, **kwargs)

    clone = clone_model(shared_model(), clone_function=renamed, call_function=noted)
    assert clone.get_layer("head_copy").units == 2
    assert called.count("shared_copy") == 2
    plain = clone_model(shared_model(), clone_function=renamed)
    assert plain.get_layer("inner_copy").layers[0].name == "inside"
    deep = clone_model(shared_model(), clone_function=renamed, recursive=True)
    assert deep.get_layer("inner").layers[0].name == "inside_copy"


def test_clone_on_given_tensors(backend: Backend) -> None:
    x = triceras.Input((3,))
    model = triceras.Model(x, layers.Dense(2)(x))
    fresh = triceras.Input((3,), batch_size=4)
    assert clone_model(model, input_tensors=fresh).output_shape == (4, 2)


class Doubling(triceras.Model):
    def __init__(self, units: int = 2, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.dense = layers.Dense(units)

    def call(self, x: object) -> object:
        return self.dense(x) * 2

    def get_config(self) -> dict[str, object]:
        return super().get_config() | {"units": self.units}


def test_subclassed_clone(backend: Backend) -> None:
    clone = clone_model(Doubling(5))
    assert isinstance(clone, Doubling)
    assert clone.units == 5
    with pytest.raises(ValueError, match="is a subclass of Model"):
        clone_model(Doubling(5), clone_function=lambda layer: layer)


def test_misuse(backend: Backend) -> None:
    model = triceras.Sequential([triceras.Input((3,)), layers.Dense(2)])
    with pytest.raises(ValueError, match="call_function is for functional models"):
        clone_model(model, call_function=lambda layer, x: layer(x))
    with pytest.raises(ValueError, match=r"clones models, received"):
        clone_model(layers.Dense(2))
    with pytest.raises(ValueError, match="has 2 inputs, received 1"):
        clone_model(shared_model(), input_tensors=triceras.Input((3,)))
    with pytest.raises(ValueError, match="doesn't know: depth"):
        clone_model(model, depth=3)


def test_a_clone_moves_to_the_active_backend(backend: Backend) -> None:
    model = shared_model()
    with backend_scope("numpy"):
        clone = clone_model(model)
        clone.set_weights(model.get_weights())
        assert clone.backend.name == "numpy"
        difference = clone.predict(data(), verbose=0)["out"] - model.predict(data(), verbose=0)["out"]
    assert np.abs(difference).max() < 1e-5


@pytest.mark.parametrize("make", [shared_model, lambda: triceras.Sequential([triceras.Input((3,)), layers.Dense(2)])])
def test_json_round_trip(backend: Backend, make: object) -> None:
    model = make()  # type: ignore[operator]
    again = model_from_json(model.to_json())
    assert again.get_config() == model.get_config()
    again.set_weights(model.get_weights())


def test_json_with_custom_objects(backend: Backend) -> None:
    again = model_from_json(Doubling(3).to_json(), custom_objects={"Doubling": Doubling})
    assert again.units == 3
    with pytest.raises(
        ValueError, match=r"names 'Doubling' of module 'tests.models.test_clone', which isn't registered"
    ):
        model_from_json(Doubling(3).to_json())
