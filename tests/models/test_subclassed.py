"""Subclassed models and layers: tracking, losses, training and masks passed down, and each framework's own view of them."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import triceras
from triceras import layers, ops
from triceras.backends import registry
from triceras.backends.registry import Backend, backend_scope

X = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)


def host(x: object) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(x))


@triceras.saving.register_keras_serializable("tests")
class Net(triceras.Model):
    """Layers under attributes, in lists and dictionaries of lists; a weight and a seed of its own."""

    def __init__(self, units: int = 4, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.first = layers.Dense(units)
        self.blocks = [layers.Dense(units), layers.LayerNormalization()]
        self.named = {"a": layers.Dense(2), "more": [layers.Dense(3)]}
        self.pair = (layers.Dense(units), "not a layer")
        self.drop = layers.Dropout(0.5)
        self.own = self.add_weight(shape=(units,), initializer="ones", name="own")

    def call(self, x: object, training: bool = False) -> object:
        x = self.pair[0](self.first(x) * self.own)
        for block in self.blocks:
            x = block(x)
        x = self.drop(x)
        return {"a": self.named["a"](x), "b": self.named["more"][0](x)}

    def get_config(self) -> dict[str, object]:
        return super().get_config() | {"units": self.units}


def test_state_in_containers_is_tracked(backend: Backend) -> None:
    model = Net()
    model(X)
    assert len(model.layers) == 7
    assert len(model.weights) == 13
    assert len(model.trainable_variables) == 13
    assert len(model.variables) == 14
    assert len({v.path for v in model.weights}) == len(model.weights)
    assert model.own.path == "net/own" or model.own.path.endswith("/own")
    model.blocks.append(layers.Dense(4))
    model.named["c"] = layers.Dense(1)
    assert len(model.layers) == 9
    assert model.blocks[0] in model.layers
    del model.first
    assert len(model.layers) == 8


def test_same_results_on_all_backends() -> None:
    results = []
    for name in registry.available_backends():
        with backend_scope(name):
            triceras.utils.set_random_seed(2)
            model = Net()
            results.append([host(v) for v in (*model(X).values(), *model(X, training=True).values())])
    for result in results[1:]:
        for a, b in zip(result, results[0], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("make", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
def test_copies(backend: Backend, make: object) -> None:
    model = Net()
    expected = host(model(X)["a"])
    other = make(model)  # type: ignore[operator]
    np.testing.assert_array_equal(host(other(X)["a"]), expected)
    model.set_weights([w * 0 for w in model.get_weights()])
    np.testing.assert_array_equal(host(other(X)["a"]), expected)
    assert len(other.layers) == len(model.layers)
    assert not {id(v) for v in other.variables} & {id(v) for v in model.variables}
    other.compile("sgd", {"a": "mse", "b": "mse"})
    if backend.trains:
        other.fit(X, {"a": np.ones((4, 2)), "b": np.ones((4, 3))}, verbose=0)
        assert not np.array_equal(host(other(X)["a"]), expected)


def test_losses_of_layers(backend: Backend) -> None:
    class Penalised(layers.Layer):
        def call(self, x: object) -> object:
            self.add_loss(ops.sum(ops.square(x)) * 0.1)
            return x

    model = triceras.Sequential(
        [
            triceras.Input((3,)),
            layers.Dense(2, kernel_regularizer="l2"),
            Penalised(),
            layers.Dense(1, activity_regularizer="l1"),
        ]
    )
    model(X)
    assert len(model.losses) >= 3
    kernel = model.layers[0].kernel.numpy()
    assert any(np.isclose(host(loss), 0.01 * (kernel**2).sum()) for loss in model.losses)
    if backend.trains:
        model.compile("sgd")
        assert model.train_on_batch(X) > 0


def test_training_is_passed_down_and_may_be_overridden(backend: Backend) -> None:
    seen: list[object] = []

    class Spy(layers.Layer):
        def call(self, x: object, training: bool | None = None) -> object:
            seen.append(training)
            return x

    class Outer(triceras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.deep = triceras.Sequential([Spy()])
            self.fixed = Spy()

        def call(self, x: object) -> object:
            return self.fixed(self.deep(x), training=False)

    model = Outer()
    model(X, training=True) if False else None
    model(X)
    seen.clear()
    with_training = Outer()

    class Takes(Outer):
        def call(self, x: object, training: bool = False) -> object:
            return super().call(x)

    takes = Takes()
    takes(X)
    seen.clear()
    takes(X, training=True)
    takes(X)
    assert seen == [True, False, False, False]
    seen.clear()
    with_training(X)
    assert seen[-2:] == [False, False]
    if backend.trains:
        takes.compile("sgd", "mse")
        takes(X)
        seen.clear()
        model = triceras.Sequential([triceras.Input((3,)), layers.Dense(3), Takes()])
        model.compile("sgd", "mse", run_eagerly=True)
        model.train_on_batch(X, X)
        assert seen[-2:] == [True, False]


def test_masks_pass_through_layers_that_support_them(backend: Backend) -> None:
    class Doubles(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.supports_masking = True

        def call(self, x: object) -> object:
            return x * 2  # type: ignore[operator]

    class Counts(layers.Layer):
        def call(self, x: object, mask: object = None) -> object:
            return ops.sum(ops.cast(mask, "int32"), axis=-1)

    class Tagger(triceras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.parts = [layers.Embedding(5, 2, mask_zero=True), Doubles(), Counts()]

        def call(self, x: object) -> object:
            for part in self.parts:
                x = part(x)
            return x

    assert host(Tagger()(np.array([[1, 0, 0], [2, 3, 0]]))).tolist() == [1, 2]
    masking = layers.Masking(0.0)
    data = np.array([[[1.0, 2.0], [0.0, 0.0]]], np.float32)
    assert host(masking.compute_mask(ops.convert_to_tensor(data), None)).tolist() == [[True, False]]


def test_stateless_call(backend: Backend) -> None:
    model = triceras.Sequential(
        [triceras.Input((3,)), layers.Dense(2), layers.BatchNormalization(), layers.Dropout(0.3)]
    )
    trainable = [v.value for v in model.trainable_variables]
    other = [v.value for v in model.non_trainable_variables]
    before = [host(v) for v in model.variables]
    _, new = model.stateless_call(trainable, other, X, training=True)
    assert len(new) == len(other)
    assert any(not np.array_equal(host(a), host(b)) for a, b in zip(new, other, strict=True))
    for old, v in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(host(v), old)
    doubled, _ = model.stateless_call([t * 0 for t in trainable], other, X, training=False)
    assert np.allclose(host(doubled), 0)
    *_, losses = model.stateless_call(trainable, other, X, return_losses=True)
    assert losses == []
    with pytest.raises(ValueError, match="has 4 trainable variables, received 3 values"):
        model.stateless_call(trainable[:3], other, X)
    with pytest.raises(ValueError, match="isn't built, so it has no variables yet"):
        layers.Dense(2).stateless_call([], [], X)


def test_what_is_forgotten_is_named(backend: Backend) -> None:
    class NoSuper(layers.Layer):
        def __init__(self) -> None:
            self.w = self.add_weight(shape=(2,))

    with pytest.raises(
        RuntimeError, match=r"NoSuper.__init__\(\) used the layer before calling super\(\).__init__\(\)"
    ):
        NoSuper()

    class NoCall(triceras.Model):
        pass

    with pytest.raises(NotImplementedError, match=r"\(NoCall\) doesn't define call\(\)"):
        NoCall()(X)
    with pytest.raises(ValueError, match="received arguments it doesn't know: unitz"):
        layers.Layer(unitz=3)


def test_an_error_inside_names_the_layer(backend: Backend) -> None:
    class Fails(layers.Layer):
        def call(self, x: object) -> object:
            raise ZeroDivisionError("inside")

    class Outer(triceras.Model):
        def __init__(self) -> None:
            super().__init__(name="outer")
            self.inner = Fails(name="culprit")

        def build(self, input_shape: object) -> None:
            self.built = True

        def call(self, x: object) -> object:
            return self.inner(x)

    with pytest.raises(ZeroDivisionError) as caught:
        Outer()(X)
    assert any(
        "In the call of layer 'outer/culprit' (Fails) with inputs of shape [(4, 3)]" in n
        for n in caught.value.__notes__
    )


# ---- each framework's own view ---------------------------------------------------------------------------------------


def test_under_torch_a_model_is_a_module() -> None:
    import torch

    with backend_scope("torch"):
        model = Net()
    model(X)
    assert isinstance(model, torch.nn.Module)
    assert len(list(model.parameters())) == 13
    names = [name for name, _ in model.named_parameters()]
    assert "own" in names
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = model.own.numpy()
    torch.sum(model(torch.from_numpy(X))["a"] ** 2).backward()
    optimizer.step()
    assert not np.array_equal(model.own.numpy(), before)
    state = {k: v.clone() for k, v in model.state_dict().items()}
    model.set_weights([w * 0 for w in model.get_weights()])
    model.load_state_dict(state)
    assert model.own.numpy().any()
    model.train()
    assert model.training is True
    assert (host(model(X)["a"]) != host(model.eval()(X)["a"])).any()


def test_under_tensorflow_a_model_is_trackable() -> None:
    import tensorflow as tf

    with backend_scope("tensorflow"):
        model = Net()
    model(X)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(tf.constant(X))["a"] ** 2)
    gradients = tape.gradient(loss, model.trainable_variables)
    assert sum(g is not None for g in gradients) == 11
    assert len(tf.train.Checkpoint(model=model).model.trainable_variables) == 13
    traced = tf.function(lambda x: model(x)["a"], autograph=False)
    np.testing.assert_allclose(traced(tf.constant(X)).numpy(), host(model(X)["a"]), rtol=1e-5, atol=1e-6)


def test_under_jax_a_model_is_a_pure_function() -> None:
    import jax

    with backend_scope("jax"):
        model = Net()
    model(X)
    trainable = [v.value for v in model.trainable_variables]
    other = [v.value for v in model.non_trainable_variables]

    @jax.jit
    def loss(trainable: list[object]) -> object:
        outputs, _ = model.stateless_call(trainable, other, X)
        return (outputs["a"] ** 2).sum()

    gradients = jax.grad(loss)(trainable)
    assert len(gradients) == 13
    assert float(np.abs(gradients[0]).sum()) > 0
