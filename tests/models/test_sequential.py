"""Sequential models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import triceras
from triceras import layers, ops
from triceras.backends.registry import Backend

X = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)


def host(x: object) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(x))


def test_built_by_an_input_by_data_and_by_build(backend: Backend) -> None:
    by_input = triceras.Sequential([triceras.Input((3,)), layers.Dense(2)])
    by_argument = triceras.Sequential([layers.Dense(2, input_shape=(3,))])
    by_build = triceras.Sequential([layers.Dense(2)])
    by_build.build((None, 3))
    by_data = triceras.Sequential([layers.Dense(2)])
    assert not by_data.built
    by_data(X)
    for model in (by_input, by_argument, by_build, by_data):
        assert model.built
        assert [w.shape for w in model.weights] == [(3, 2), (2,)]
        assert (model.input_shape[1:], model.output_shape[1:]) == ((3,), (2,))
        assert len(model.layers) == 1


def test_add_and_pop(backend: Backend) -> None:
    model = triceras.Sequential([triceras.Input((3,))], name="stack")
    model.add(layers.Dense(4, name="one"))
    model.add(layers.Dense(2, name="two"))
    assert model.output_shape == (None, 2)
    assert model.pop().name == "two"
    assert model.output_shape == (None, 4)
    assert len(model.weights) == 2
    model.add(triceras.Sequential([layers.Dense(5), layers.Dense(6)]))
    assert (model.output_shape, len(model.weights)) == ((None, 6), 6)
    assert host(model(X)).shape == (4, 6)
    with pytest.raises(ValueError, match="'stack' has a layer named 'one' already"):
        model.add(layers.Dense(1, name="one"))
    with pytest.raises(ValueError, match="takes layers, received 'dense' of type str"):
        model.add("dense")
    with pytest.raises(ValueError, match="an Input comes first and once"):
        model.add(triceras.Input((3,)))
    with pytest.raises(ValueError, match="has no layers to take off"):
        triceras.Sequential().pop()


def test_unbuilt_models_say_so(backend: Backend) -> None:
    model = triceras.Sequential([layers.Dense(2)], name="blank")
    with pytest.raises(AttributeError, match="'blank' isn't built, so it has no inputs and outputs yet"):
        model.output_shape
    with pytest.raises(ValueError, match="'blank' isn't built, so its weights can't be counted"):
        model.count_params()
    with pytest.raises(ValueError, match="'blank' isn't built, so it has no weights to save"):
        model.save_weights("never.weights.h5")


def test_config_round_trip(backend: Backend) -> None:
    model = triceras.Sequential([triceras.Input((3,)), layers.Dense(4, "relu"), layers.Dropout(0.1), layers.Dense(2)])
    again = triceras.Sequential.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(host(again(X)), host(model(X)), rtol=1e-6)
    assert again.get_config() == model.get_config()
    unbuilt = triceras.Sequential.from_config(triceras.Sequential([layers.Dense(2)]).get_config())
    assert not unbuilt.built


def test_training_and_masks_are_passed_down(backend: Backend) -> None:
    model = triceras.Sequential([triceras.Input((100,)), layers.Dropout(0.5)])
    ones = np.ones((1, 100), np.float32)
    assert (host(model(ones, training=True)) == 0).any()
    assert (host(model(ones, training=False)) == 1).all()

    class Last(layers.Layer):
        def call(self, x: object, mask: object = None) -> object:
            return ops.sum(ops.cast(mask, "float32"), axis=-1, keepdims=True) if mask is not None else x

        def compute_output_shape(self, x_shape: object) -> object:
            return (x_shape[0], 1)  # type: ignore[index]

    masked = triceras.Sequential([layers.Embedding(4, 2, mask_zero=True), Last()])
    assert host(masked(np.array([[1, 2, 0], [1, 0, 0]]))).tolist() == [[2.0], [1.0]]


def test_a_sequential_model_in_a_functional_one(backend: Backend) -> None:
    block = triceras.Sequential([layers.Dense(4), layers.Dense(3)])
    x = triceras.Input((3,))
    model = triceras.Model(x, block(block(x)))
    assert (len(model.weights), model.output_shape) == (4, (None, 3))
    assert host(model(X)).shape == (4, 3)


def test_trainable_reaches_all_layers(backend: Backend) -> None:
    model = triceras.Sequential([triceras.Input((3,)), layers.Dense(4), layers.BatchNormalization()])
    assert (len(model.trainable_weights), len(model.non_trainable_weights)) == (4, 2)
    model.trainable = False
    assert (len(model.trainable_weights), len(model.non_trainable_weights)) == (0, 6)
    model.layers[0].trainable = True
    assert len(model.trainable_weights) == 2


@pytest.mark.parametrize(
    "packed", [lambda x: [x], lambda x: (x,), lambda x: {"given": x}, lambda x: {"given": x, "more": x}]
)
def test_the_input_alone_in_a_list_or_by_name(backend: Backend, packed: Any) -> None:
    model = triceras.Sequential([triceras.Input((3,), name="given"), layers.Dense(2)])
    wanted = np.asarray(model.predict(X, verbose=0))
    tensor = ops.convert_to_tensor(X)
    assert wanted.shape == (4, 2)
    for got in (model.predict(packed(X), verbose=0), model(packed(tensor)), model(packed(X))):
        np.testing.assert_array_equal(ops.convert_to_numpy(got), wanted)
    symbol = triceras.Input((3,))
    outer = triceras.Model(symbol, model(packed(symbol)))
    np.testing.assert_allclose(outer.predict(X, verbose=0), wanted, rtol=1e-6)
    if backend.name != "numpy":
        model.compile("sgd", "mse")
        model.fit(packed(X), np.zeros((4, 2)), epochs=2, verbose=0)
        assert np.abs(model.predict(X, verbose=0)).sum() < np.abs(wanted).sum()


@pytest.mark.parametrize("declared, given", [((1,), (4,)), ((3,), (4, 3, 1)), ((2, 1), (4, 2)), ((3,), (4, 3))])
def test_a_last_axis_of_one_more_or_less(backend: Backend, declared: tuple[int], given: tuple[int]) -> None:
    x = np.arange(np.prod(given), dtype="float32").reshape(given)
    whole = x.reshape((4, *declared))
    model = triceras.Sequential([triceras.Input(declared), layers.Rescaling(2.0), layers.Dense(1)])
    wanted = model.predict(whole, verbose=0)
    assert wanted.shape == (4, *declared[:-1], 1)
    np.testing.assert_array_equal(model.predict(x, verbose=0), wanted)
    np.testing.assert_allclose(ops.convert_to_numpy(model(x)), wanted, rtol=1e-6)
    symbol = triceras.Input(given[1:])
    np.testing.assert_allclose(triceras.Model(symbol, model(symbol)).predict(x, verbose=0), wanted, rtol=1e-6)
    if backend.name != "numpy":
        model.compile("sgd", "mse")
        losses = [
            model.train_on_batch(x, wanted),
            model.test_on_batch(whole, wanted),
            model.evaluate(x, wanted, verbose=0),
        ]
        np.testing.assert_allclose(losses, 0, atol=1e-9)


def test_inputs_of_other_names(backend: Backend) -> None:
    model = triceras.Sequential([triceras.Input((3,), name="given"), layers.Dense(2)])
    with pytest.raises(ValueError, match=r"misses the inputs \['given'\]. Received inputs named \['other'\]"):
        model({"other": X})


def test_weights_that_do_not_fit(backend: Backend) -> None:
    model = triceras.Sequential([triceras.Input((3,)), layers.Dense(2, name="d")], name="m")
    with pytest.raises(ValueError, match="'m' has 2 weights, received 1 arrays"):
        model.set_weights([np.ones((3, 2))])
    with pytest.raises(ValueError, match=r"kernel.*has the shape \(3, 2\), received an array of shape \(2, 3\)"):
        model.set_weights([np.ones((2, 3)), np.ones(2)])
