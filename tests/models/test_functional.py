"""Functional models: graphs of layers and ops."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import triceras
from triceras import layers, ops
from triceras.backends import registry
from triceras.backends.registry import Backend, backend_scope

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 3)).astype("float32")
Y = RNG.normal(size=(4, 3)).astype("float32")
IMAGES = RNG.normal(size=(2, 8, 8, 1)).astype("float32")


def host(x: object) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(x))


def chain() -> triceras.Model:
    x = triceras.Input((3,))
    return triceras.Model(x, layers.Dense(2)(layers.Dense(5, activation="relu")(x)))


def shared() -> triceras.Model:
    a, b = triceras.Input((3,), name="a"), triceras.Input((3,), name="b")
    dense = layers.Dense(4)
    return triceras.Model([a, b], layers.Add()([dense(a), dense(b)]))


def nested() -> triceras.Model:
    inner = chain()
    x = triceras.Input((3,))
    y = inner(x)
    return triceras.Model(x, layers.Concatenate()([y, inner(x * 2.0), triceras.Sequential([layers.Dense(2)])(y)]))


def dictionaries() -> triceras.Model:
    a, b = triceras.Input((3,), name="a"), triceras.Input((3,), name="b")
    return triceras.Model({"a": a, "b": b}, {"difference": layers.Subtract()([a, b]), "head": layers.Dense(1)(a)})


def symbols() -> triceras.Model:
    x = triceras.Input((3,))
    y = ops.softmax(ops.matmul(x, ops.ones((3, 3))) - 1.0, axis=-1)
    return triceras.Model(x, [y[:, 0] * 2, ops.where(x > 0, x, ops.zeros_like(x)), ops.reshape(x, (-1, 1, 3))])


def residual() -> triceras.Model:
    image = triceras.Input((None, None, 1))
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    x = layers.Add()([x, layers.Conv2D(4, 3, padding="same")(x)])
    return triceras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))


def hidden() -> triceras.Model:
    """Ops that record a primitive of another name."""
    x = triceras.Input((3,))
    y = ops.pad(x, [[0, 0], [1, 1]]) + ops.einsum("ab,b->a", x, np.ones(3, np.float32))[:, None]
    z = ops.max_pool(ops.reshape(x, (-1, 3, 1)), 2, strides=1, padding="valid")
    return triceras.Model(x, [y, z, ops.full_like(x, 2.0) * ops.relu(x)])


MODELS: dict[str, tuple[Callable[[], triceras.Model], object]] = {
    "chain": (chain, X),
    "shared": (shared, [X, Y]),
    "nested": (nested, X),
    "dictionaries": (dictionaries, {"a": X, "b": Y}),
    "symbols": (symbols, X),
    "hidden": (hidden, X),
    "residual": (residual, IMAGES),
}


@pytest.mark.parametrize("name", MODELS)
def test_same_results_on_all_backends_called_predicted_and_reloaded(name: str) -> None:
    make, data = MODELS[name]
    reference = None
    for backend in registry.available_backends():
        with backend_scope(backend):
            triceras.utils.clear_session()
            triceras.utils.set_random_seed(1)
            model = make()
            outputs = triceras.tree.flatten(model(data))
            predicted = triceras.tree.flatten(model.predict(data, batch_size=3, verbose=0))
            again = type(model).from_config(model.get_config())
            again.set_weights(model.get_weights())
            reread = triceras.tree.flatten(again(data))
            reference = reference or [host(x) for x in outputs]
            for expected, *others in zip(reference, outputs, predicted, reread, strict=True):
                for other in others:
                    np.testing.assert_allclose(host(other), expected, rtol=1e-5, atol=1e-5, err_msg=backend)


def test_a_shared_layer_has_one_set_of_weights(backend: Backend) -> None:
    model = shared()
    assert (len(model.weights), model.count_params()) == (2, 16)
    dense = next(layer for layer in model.layers if isinstance(layer, layers.Dense))
    assert len(dense._inbound_nodes) == 2


def test_what_it_is(backend: Backend) -> None:
    triceras.utils.clear_session()
    model = dictionaries()
    assert (model.input_names, model.output_names) == (["a", "b"], ["difference", "head"])
    assert (model.input_shape, model.output_shape) == (
        {"a": (None, 3), "b": (None, 3)},
        {"difference": (None, 3), "head": (None, 1)},
    )
    assert model.built
    assert [layer.name for layer in model.layers] == ["a", "b", "subtract", "dense"]
    assert model.get_layer("dense") is model.get_layer(index=3)
    with pytest.raises(ValueError, match=r"has no layer 'conv'\. Its layers: "):
        model.get_layer("conv")
    with pytest.raises(ValueError, match="Pass name or index, one of them"):
        model.get_layer()
    part = triceras.Model(model.input["a"], model.get_layer("dense").output)
    np.testing.assert_allclose(host(part(X)), host(model({"a": X, "b": Y})["head"]), rtol=1e-6)


def test_inputs_by_name_position_and_with_more_than_needed(backend: Backend) -> None:
    model = shared()
    expected = host(model([X, Y]))
    np.testing.assert_array_equal(host(model({"b": Y, "a": X})), expected)
    np.testing.assert_array_equal(host(model((X, Y))), expected)
    np.testing.assert_allclose(
        model.predict({"b": Y, "a": X}, verbose=0), expected, rtol=1e-6
    )  # compiled: other kernels
    named = dictionaries()
    assert set(named({"a": X, "b": Y, "unused": X})) == {"difference", "head"}


@pytest.mark.parametrize(
    "make, data, message",
    [
        (shared, [X], r"takes 2 inputs, received 1"),
        (shared, {"a": X}, r"misses the inputs \['b'\]. Received inputs named \['a'\]"),
        (dictionaries, {"a": X}, r"misses the inputs \['b'\]"),
        (chain, X[:, :2], r"has another shape: expected \(None, 3\), received \(4, 2\)"),
        (chain, X[None, None], r"expected \(None, 3\), received \(1, 1, 4, 3\)"),
        (shared, [X, None], r"The input 'b' of model '.*' isn't optional, received None"),
    ],
)
def test_wrong_inputs(backend: Backend, make: Callable[[], triceras.Model], data: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()(data)


def test_a_missing_or_extra_last_axis_of_one_is_mended(backend: Backend) -> None:
    x = triceras.Input((1,))
    model = triceras.Model(x, x * 2.0)
    assert host(model(np.ones((4,), np.float32))).shape == (4, 1)
    flat = triceras.Input((3,))
    assert host(triceras.Model(flat, flat * 2.0)(X[..., None])).shape == (4, 3)


def test_optional_inputs(backend: Backend) -> None:
    class Maybe(layers.Layer):
        def call(self, x: object, bias: object = None) -> object:
            return x if bias is None else x + bias  # type: ignore[operator]

        def compute_output_shape(self, x_shape: object) -> object:
            return x_shape

    a, b = triceras.Input((3,), name="a"), triceras.Input((3,), name="b", optional=True)
    model = triceras.Model({"a": a, "b": b}, Maybe()(a, b))
    np.testing.assert_allclose(host(model({"a": X, "b": None})), X)
    np.testing.assert_allclose(host(model({"a": X, "b": Y})), X + Y)
    np.testing.assert_allclose(model.predict({"a": X, "b": None}, verbose=0), X)


def test_unknown_batch_and_time(backend: Backend) -> None:
    x = triceras.Input((None, 3))
    y = layers.TimeDistributed(layers.Dense(4))(x) if hasattr(layers, "TimeDistributed") else layers.Dense(4)(x)
    y = ops.cumsum(y, axis=1)
    model = triceras.Model(x, [y, ops.mean(y, axis=1), ops.reshape(y, (-1, 4))])
    assert [o.shape for o in model.outputs] == [(None, None, 4), (None, 4), (None, 4)]
    for batch, time in ((2, 5), (3, 7)):
        data = RNG.normal(size=(batch, time, 3)).astype("float32")
        shapes = [host(o).shape for o in model(data)]
        assert shapes == [(batch, time, 4), (batch, 4), (batch * time, 4)]
        assert [o.shape for o in model.predict(data, verbose=0)] == shapes


def test_fixed_batch(backend: Backend) -> None:
    x = triceras.Input((3,), batch_size=4)
    assert triceras.Model(x, layers.Dense(2)(x)).output_shape == (4, 2)


def test_masks_and_training_reach_the_layers(backend: Backend) -> None:
    seen: dict[str, object] = {}

    class Spy(layers.Layer):
        def call(self, x: object, training: bool = False, mask: object = None) -> object:
            seen.update(training=training, mask=None if mask is None else host(mask).tolist())
            return x

        def compute_output_shape(self, x_shape: object) -> object:
            return x_shape

    tokens = triceras.Input((3,), dtype="int32")
    model = triceras.Model(tokens, Spy()(layers.Embedding(5, 2, mask_zero=True)(tokens)))
    data = np.array([[1, 2, 0], [3, 0, 0]])
    model(data, training=True)
    assert seen == {"training": True, "mask": [[True, True, False], [True, False, False]]}
    model(data)
    assert seen["training"] is False


def test_integer_inputs_are_not_cast(backend: Backend) -> None:
    tokens = triceras.Input((3,), dtype="int32")
    assert triceras.Model(tokens, tokens + 1).output.dtype == "int32"


def test_a_functional_subclass(backend: Backend) -> None:
    class Twice(triceras.Model):
        def __init__(self, units: int = 2) -> None:
            x = triceras.Input((3,))
            super().__init__(x, layers.Dense(units)(x))
            self.units = units

        def extra(self) -> int:
            return self.units

    model = Twice(5)
    assert isinstance(model, triceras.models.Functional)
    assert (model.extra(), model.output_shape, len(model.weights)) == (5, (None, 5), 2)
    assert host(model(X)).shape == (4, 5)


def test_graph_mistakes(backend: Backend) -> None:
    a, b = triceras.Input((3,), name="a"), triceras.Input((3,), name="b")
    with pytest.raises(ValueError, match="The outputs depend on the input 'b', which is not among the inputs"):
        triceras.Model(a, layers.Add()([a, b]))
    with pytest.raises(ValueError, match="symbolic tensors made by Input"):
        triceras.Model(X, layers.Dense(2)(a))
    with pytest.raises(ValueError, match=r"is incompatible|doesn't fit|expected"):
        layers.Conv2D(2, 3)(a)


def test_state_tree(backend: Backend) -> None:
    model = chain()
    model.compile("sgd", "mse")
    state = model.get_state_tree("numpy_array")
    assert set(state) == {"trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables"}
    before = model.predict(X, verbose=0)
    model.set_weights([w + 1 for w in model.get_weights()])
    model.set_state_tree(state)
    np.testing.assert_array_equal(model.predict(X, verbose=0), before)
    with pytest.raises(ValueError, match="value_format is one of"):
        model.get_state_tree("list")
