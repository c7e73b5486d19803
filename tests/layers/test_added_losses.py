"""What layers add to the loss: that of the last call from outside, whichever way a loop calls."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import numpy as np
import pytest

import triceras
from triceras import layers, ops
from triceras.backends import registry
from triceras.layers.layer_state import KEEPING_LOSSES

TRAINING = [name for name in registry.available_backends() if name != "numpy"]
X = np.ones((4, 3), "float32")


class Adds(layers.Layer):
    """Adds the mean of its input, in training only, and one more from a layer inside."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = layers.ActivityRegularization(l1=1.0)

    def call(self, x: Any, training: bool = False) -> Any:
        if training:
            self.add_loss(ops.mean(x))
        return self.inside(x)


def floats(losses: list[Any]) -> list[float]:
    return [float(ops.convert_to_numpy(loss)) for loss in losses]


def test_losses_are_those_of_the_last_call(backend: registry.Backend) -> None:
    layer = Adds()
    layer(X, training=True)
    assert floats(layer.losses) == [1.0, 3.0]
    layer(2 * X, training=True)
    assert floats(layer.losses) == [2.0, 6.0]
    layer(3 * X)
    assert floats(layer.losses) == [9.0]


def test_a_layer_called_inside_another_begins_with_it(backend: registry.Backend) -> None:
    layer = Adds()
    model = triceras.Sequential([triceras.Input((3,)), layer, layers.Dense(1, kernel_regularizer="l2")])
    model(X, training=True)
    assert len(model.losses) == 3
    layer(X)  # from outside: what it added in the model's call is over
    assert len(layer.losses) == 1
    model(X)
    assert len(model.losses) == 2
    assert floats(model.losses)[0] == 3.0


def test_layers_that_keep_losses_are_known_while_they_live(backend: registry.Backend) -> None:
    layer = Adds()
    layer(X, training=True)
    assert {weakref.ref(layer), weakref.ref(layer.inside)} <= KEEPING_LOSSES
    layer(X)
    assert weakref.ref(layer) not in KEEPING_LOSSES
    del layer
    gc.collect()
    assert all(known() is not None for known in KEEPING_LOSSES)


def test_copies_do_not_hold_the_losses_of_a_call(backend: registry.Backend) -> None:
    layer = layers.ActivityRegularization(l1=1.0)
    dense = layers.Dense(2, activity_regularizer="l2")
    layer(dense(X))
    assert len(dense.losses) == 1
    assert copy.deepcopy(dense).losses == []
    assert pickle.loads(pickle.dumps(layer)).losses == []


def test_a_torch_loop_adds_them_at_each_step() -> None:
    """They would belong to a graph that is gone, were they those of an earlier step."""
    torch = pytest.importorskip("torch")
    with registry.backend_scope("torch"):
        model = triceras.Sequential([triceras.Input((3,)), layers.Dense(2, activity_regularizer="l2"), layers.Dense(1)])
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        for _ in range(3):
            optimizer.zero_grad()
            loss = model(X).square().mean() + sum(model.losses)
            loss.backward()
            optimizer.step()
            assert len(model.losses) == 1


@pytest.mark.skipif("jax" not in TRAINING, reason="jax isn't installed")
@pytest.mark.parametrize("eager", [False, True])
def test_a_jax_step_adds_them_and_the_penalties_on_the_weights_given(eager: bool) -> None:
    import jax

    class Own(triceras.Model):
        def train_step(self, state: Any, data: Any) -> Any:
            trainable, other, optimizer_variables, metrics = state
            x, y = data

            def forward(trainable: Any, other: Any, metrics: Any) -> Any:
                y_pred, other = self.stateless_call(trainable, other, x, training=True)
                loss, (_, other, metrics) = self.stateless_compute_loss(
                    trainable, other, metrics, x=x, y=y, y_pred=y_pred
                )
                return loss, (other, metrics)

            (loss, (other, metrics)), gradients = jax.value_and_grad(forward, has_aux=True)(trainable, other, metrics)
            trainable, optimizer_variables = self.optimizer.stateless_apply(optimizer_variables, gradients, trainable)
            return {"loss": loss}, (trainable, other, optimizer_variables, metrics)

    results = []
    for cls in (Own, triceras.Model):
        with registry.backend_scope("jax"):
            triceras.utils.set_random_seed(0)
            inputs = triceras.Input((3,))
            hidden = layers.Dense(4, "tanh", kernel_regularizer="l2", activity_regularizer="l2")(inputs)
            model = cls(inputs, layers.Dense(1)(hidden))
            model.compile(triceras.optimizers.SGD(0.1), "mse", run_eagerly=eager)
            model.fit(X, X[:, :1], batch_size=4, epochs=3, verbose=0)
            results.append(model.get_weights())
    for own, expected in zip(*results, strict=True):
        np.testing.assert_allclose(own, expected, rtol=1e-5, atol=1e-6)
