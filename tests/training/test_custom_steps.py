"""Steps that users write: each backend's own signature, own losses and metrics, and steps that can't be compiled."""

from __future__ import annotations

import contextlib
import re

import numpy as np
import pytest

import triceras
from triceras import layers, ops
from triceras.backends import registry
from triceras.backends.registry import backend_scope

TRAINING = [name for name in registry.available_backends() if name != "numpy"]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 4)).astype("float32")
Y = (X @ RNG.normal(size=(4, 1))).astype("float32")


def build(cls: type, **compiled: object) -> triceras.Model:
    triceras.utils.clear_session()
    triceras.utils.set_random_seed(5)
    x = triceras.Input((4,))
    model = cls(x, layers.Dense(1)(layers.Dense(8, "tanh")(x)))
    model.compile(**({"optimizer": triceras.optimizers.SGD(0.05), "loss": "mse", "metrics": ["mae"]} | compiled))
    return model


class JaxModel(triceras.Model):
    """Functional steps: ``(state, data) -> (logs, state)``."""

    def train_step(self, state: object, data: object) -> object:
        import jax

        trainable, other, optimizer_variables, metrics_variables = state  # type: ignore[misc]
        x, y = data  # type: ignore[misc]
        gradient = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
        (loss, (_, y_pred, other, metrics_variables)), gradients = gradient(
            trainable, other, metrics_variables, x, y, None, training=True, optimizer_variables=optimizer_variables
        )
        trainable, optimizer_variables = self.optimizer.stateless_apply(optimizer_variables, gradients, trainable)
        logs, new = {}, []
        position = 0
        for metric in self.metrics:
            own = metrics_variables[position : position + len(metric.variables)]
            position += len(own)
            own = (
                metric.stateless_update_state(own, loss)
                if metric.name == "loss"
                else metric.stateless_update_state(own, y, y_pred)
            )
            logs[metric.name] = metric.stateless_result(own)
            new += own
        return logs, (trainable, other, optimizer_variables, new)


class TorchModel(triceras.Model):
    """``loss.backward()``."""

    def train_step(self, data: object) -> object:
        import torch

        x, y = data  # type: ignore[misc]
        self.zero_grad()
        y_pred = self(x, training=True)
        loss = self.compute_loss(y=y, y_pred=y_pred)
        loss.backward()
        trainable = list(self.trainable_weights)
        gradients = [v.value.grad for v in trainable]
        with torch.no_grad():
            self.optimizer.apply(gradients, trainable)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}


class TensorFlowModel(triceras.Model):
    """``tf.GradientTape``."""

    def train_step(self, data: object) -> object:
        import tensorflow as tf

        x, y = data  # type: ignore[misc]
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}


OWN = {"jax": JaxModel, "torch": TorchModel, "tensorflow": TensorFlowModel}


@pytest.mark.parametrize("name", TRAINING)
@pytest.mark.parametrize("eager", [False, True])
def test_a_hand_written_train_step_does_what_the_default_does(name: str, eager: bool) -> None:
    with backend_scope(name):
        own = build(OWN[name], run_eagerly=eager).fit(X, Y, epochs=3, batch_size=8, verbose=0).history
        plain = build(triceras.Model).fit(X, Y, epochs=3, batch_size=8, verbose=0).history
    assert set(own) == set(plain)
    for key, values in plain.items():
        np.testing.assert_allclose(own[key], values, rtol=1e-4)


@pytest.mark.parametrize("name", TRAINING)
def test_super_train_step_and_test_and_predict_steps(name: str) -> None:
    class Functional(triceras.Model):
        def train_step(self, state: object, data: object) -> object:
            logs, state = super().train_step(state, data)
            return logs | {"extra": ops.sum(data[0])}, state  # type: ignore[index]

        def test_step(self, state: object, data: object) -> object:
            logs, state = super().test_step(state, data)
            return logs | {"tested": ops.sum(data[1])}, state  # type: ignore[index]

        def predict_step(self, state: object, data: object) -> object:
            outputs, state = super().predict_step(state, data)
            return outputs * 2, state

    class Stateful(triceras.Model):
        def train_step(self, data: object) -> object:
            return super().train_step(data) | {"extra": ops.sum(data[0])}  # type: ignore[index]

        def test_step(self, data: object) -> object:
            return super().test_step(data) | {"tested": ops.sum(data[1])}  # type: ignore[index]

        def predict_step(self, data: object) -> object:
            return super().predict_step(data) * 2

    with backend_scope(name) as backend:
        model = build(Functional if backend.functional_steps else Stateful)
        plain = build(triceras.Model)
        history = model.fit(X, Y, batch_size=40, verbose=0).history
        expected = plain.fit(X, Y, batch_size=40, verbose=0).history
        np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-5)
        np.testing.assert_allclose(history["extra"], [X.sum()], rtol=1e-4, atol=1e-4)
        figures = model.evaluate(X, Y, batch_size=40, verbose=0, return_dict=True)
        np.testing.assert_allclose(figures["tested"], Y.sum(), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(model.predict(X, verbose=0), 2 * plain.predict(X, verbose=0), rtol=1e-4, atol=1e-5)


def test_own_losses_and_metrics() -> None:
    class Own(triceras.Model):
        def compute_loss(
            self,
            x: object = None,
            y: object = None,
            y_pred: object = None,
            sample_weight: object = None,
            training: bool = True,
        ) -> object:
            return super().compute_loss(x, y, y_pred, sample_weight, training) + 0.5 * ops.mean(ops.abs(y_pred))

        def compute_metrics(self, x: object, y: object, y_pred: object, sample_weight: object = None) -> object:
            return super().compute_metrics(x, y, y_pred, sample_weight) | {"peak": ops.max(y_pred)}

    results = []
    for name in TRAINING:
        with backend_scope(name):
            model = build(Own)
            history = model.fit(X, Y, epochs=3, batch_size=16, verbose=0).history
            assert set(history) == {"loss", "mae", "peak"}
            figures = model.evaluate(X, Y, batch_size=40, verbose=0, return_dict=True)
            predicted = model.predict(X, verbose=0)
            expected = np.mean((predicted - Y) ** 2) + 0.5 * np.abs(predicted).mean()
            np.testing.assert_allclose(figures["loss"], expected, rtol=1e-4)
            np.testing.assert_allclose(figures["peak"], predicted.max(), rtol=1e-4)
            results.append(history["loss"])
    for result in results[1:]:
        np.testing.assert_allclose(result, results[0], rtol=1e-4)


@pytest.mark.parametrize("name", TRAINING)
def test_a_model_may_minimise_only_what_its_layers_add(name: str) -> None:
    class Pull(layers.Layer):
        def call(self, x: object) -> object:
            self.add_loss(ops.mean(ops.square(x)))
            return x

    with backend_scope(name):
        triceras.utils.set_random_seed(0)
        model = triceras.Sequential([triceras.Input((4,)), layers.Dense(2), Pull()])
        model.compile(triceras.optimizers.SGD(0.1))
        losses = model.fit(X, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


class LooksAtValues(layers.Layer):
    """Branches on what it computes."""

    def call(self, x: object) -> object:
        return x * 2 if float(ops.stop_gradient(ops.sum(x))) > 0 else x * 3  # type: ignore[operator]

    def compute_output_shape(self, input_shape: object) -> object:
        return input_shape


def test_a_step_that_looks_at_values_runs_eagerly_under_torch_and_says_why() -> None:
    with backend_scope("torch"):
        model = triceras.Sequential([triceras.Input((4,)), layers.Dense(1), LooksAtValues()])
        model.compile("sgd", "mse")
        with pytest.warns(
            UserWarning,
            match=r"can't be captured as one graph and runs eagerly: .*In the call of layer 'sequential\w*/looks_at_values",
        ):
            history = model.fit(X, Y, epochs=3, batch_size=4, verbose=0).history
        assert history["loss"][-1] < history["loss"][0]
        model.fit(X, Y, batch_size=4, verbose=0)


@pytest.mark.parametrize("name", ["jax", "tensorflow"])
def test_a_step_that_looks_at_values_runs_eagerly_elsewhere(name: str) -> None:
    with backend_scope(name):
        model = triceras.Sequential([triceras.Input((4,)), layers.Dense(1), LooksAtValues()])
        model.compile("sgd", "mse")
        with pytest.warns(
            UserWarning,
            match=r"can't be compiled and runs eagerly: .*In the call of layer 'sequential\w*/looks_at_values",
        ):
            history = model.fit(X, Y, epochs=2, batch_size=4, verbose=0).history
        assert np.isfinite(history["loss"]).all()


@pytest.mark.parametrize("name", TRAINING)
def test_run_eagerly_lets_a_step_look_at_values(name: str) -> None:
    with backend_scope(name):
        model = triceras.Sequential([triceras.Input((4,)), layers.Dense(1), LooksAtValues()])
        model.compile("sgd", "mse", run_eagerly=True)
        assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"][0])


class FunctionalLooks(triceras.Model):
    """Steps that branch on a figure, in the form of functional backends."""

    def train_step(self, state: object, data: object) -> object:
        logs, state = super().train_step(state, data)
        return logs | {"seen": 1.0 if float(logs["loss"]) > 0 else 0.0}, state  # type: ignore[index]

    def test_step(self, state: object, data: object) -> object:
        logs, state = super().test_step(state, data)
        return logs | {"seen": 1.0 if logs["loss"] > 0 else 0.0}, state  # type: ignore[index]

    def predict_step(self, state: object, data: object) -> object:
        outputs, state = super().predict_step(state, data)
        return (outputs if float(ops.sum(outputs * 0)) == 0 else None), state


class StatefulLooks(triceras.Model):
    """The same in the form of the others."""

    def train_step(self, data: object) -> object:
        logs = super().train_step(data)
        return logs | {"seen": 1.0 if float(logs["loss"]) > 0 else 0.0}  # type: ignore[index]

    def test_step(self, data: object) -> object:
        logs = super().test_step(data)
        return logs | {"seen": 1.0 if logs["loss"] > 0 else 0.0}  # type: ignore[index]

    def predict_step(self, data: object) -> object:
        outputs = super().predict_step(data)
        return outputs if float(ops.sum(outputs * 0)) == 0 else None


@pytest.mark.parametrize("name", TRAINING)
def test_own_steps_that_look_at_values_run_eagerly(name: str) -> None:
    """Where steps are compiled a warning names the step, the model, the reason and the line; torch runs own steps eagerly."""

    def caught(method: str) -> contextlib.AbstractContextManager[object]:
        message = (
            rf"^{method}\(\) of model '\w+' can't be compiled and runs eagerly: (?s:.*) In {method}\(\), "
            rf"{re.escape(__file__)}, line \d+\. Compute with ops rather than Python's own branches"
        )
        return contextlib.nullcontext() if name == "torch" else pytest.warns(UserWarning, match=message)

    with backend_scope(name) as backend:
        model = build(FunctionalLooks if backend.functional_steps else StatefulLooks)
        plain = build(triceras.Model)
        with caught("train_step"):
            history = model.fit(X, Y, batch_size=16, epochs=2, shuffle=False, verbose=0).history
        assert history["seen"] == [1.0, 1.0]
        expected = plain.fit(X, Y, batch_size=16, epochs=2, shuffle=False, verbose=0).history
        np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-4)
        with caught("test_step"):
            figures = model.evaluate(X, Y, batch_size=40, verbose=0, return_dict=True)
        assert figures["seen"] == 1.0
        np.testing.assert_allclose(figures["loss"], plain.evaluate(X, Y, verbose=0)[0], rtol=1e-4)
        with caught("predict_step"):
            outputs = model.predict(X, verbose=0)
        np.testing.assert_allclose(outputs, plain.predict(X, verbose=0), rtol=1e-4, atol=1e-5)
        model.fit(X, Y, verbose=0)  # the warning came once


@pytest.mark.parametrize("name", TRAINING)
def test_errors_of_own_steps_are_not_taken_for_refusals(name: str) -> None:
    class Broken(triceras.Model):
        def train_step(self, *args: object) -> object:
            raise ZeroDivisionError("in the step")

    with backend_scope(name), pytest.raises(ZeroDivisionError, match="in the step"):
        build(Broken).fit(X, Y, verbose=0)


def test_own_steps_are_compiled_under_jax() -> None:
    """They run once, to be traced, for each shape of batch."""
    calls = []

    class Counts(triceras.Model):
        def train_step(self, state: object, data: object) -> object:
            calls.append(1)
            return super().train_step(state, data)

    with backend_scope("jax"):
        build(Counts).fit(X, Y, batch_size=10, epochs=3, verbose=0)
    assert len(calls) == 1
