"""Steps written anew under JAX: ``(state, data) -> (logs, state)``, pure functions that ``fit`` compiles and runs.

The same model is trained by the steps below and by those that ``Model`` has, and must come out the same.
"""

from __future__ import annotations

import jax
import numpy as np
from sklearn.datasets import load_digits

import triceras
from triceras import layers


class Classifier(triceras.Model):
    """A model of logits whose training, evaluation and prediction steps are written out."""

    def loss_and_updates(self, trainable, other, metrics, x, y, training):
        """The loss, and what else the forward pass changes: a pure function that JAX can differentiate."""
        y_pred, other = self.stateless_call(trainable, other, x, training=training)
        # Not compute_loss(): penalties on weights are to be computed from the values given, not from those stored.
        loss, (_, other, metrics) = self.stateless_compute_loss(
            trainable, other, metrics, x=x, y=y, y_pred=y_pred, training=training
        )
        return loss, (y_pred, other, metrics)

    def with_metrics(self, values, loss, y, y_pred):
        """The figures of all metrics after a batch, and the new values of their variables."""
        logs, updated = {}, []
        for metric in self.metrics:
            own, values = values[: len(metric.variables)], values[len(metric.variables) :]
            batch = (loss,) if metric.name == "loss" else (y, y_pred)
            own = metric.stateless_update_state(own, *batch)
            logs[metric.name] = metric.stateless_result(own)
            updated += own
        return logs, updated

    def train_step(self, state, data):
        trainable, other, optimizer_variables, metrics = state
        x, y = data
        gradient_of = jax.value_and_grad(self.loss_and_updates, has_aux=True)
        (loss, (y_pred, other, metrics)), gradients = gradient_of(trainable, other, metrics, x, y, training=True)
        trainable, optimizer_variables = self.optimizer.stateless_apply(optimizer_variables, gradients, trainable)
        logs, metrics = self.with_metrics(metrics, loss, y, y_pred)
        return logs, (trainable, other, optimizer_variables, metrics)

    def test_step(self, state, data):
        trainable, other, metrics = state
        x, y = data
        loss, (y_pred, other, metrics) = self.loss_and_updates(trainable, other, metrics, x, y, training=False)
        logs, metrics = self.with_metrics(metrics, loss, y, y_pred)
        return logs, (trainable, other, metrics)

    def predict_step(self, state, data):
        trainable, other = state
        logits, other = self.stateless_call(trainable, other, data, training=False)
        return jax.nn.softmax(logits), (trainable, other)


def trained(cls: type[triceras.Model], x: np.ndarray, y: np.ndarray) -> tuple[triceras.Model, list[float]]:
    """A model and its losses by epoch: one seed gives the same weights, batches and dropout, whatever the class."""
    triceras.utils.set_random_seed(0)
    inputs = triceras.Input((64,))
    hidden = layers.Dense(64, "tanh", kernel_regularizer=triceras.regularizers.L2(1e-3))(inputs)
    hidden = layers.Dropout(0.2)(layers.BatchNormalization()(hidden))
    model = cls(inputs, layers.Dense(10)(hidden))
    model.compile(
        triceras.optimizers.SGD(0.1, momentum=0.9),
        triceras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model, model.fit(x, y, batch_size=64, epochs=8, verbose=0).history["loss"]


def main() -> None:
    """Train both, compare them."""
    x, y = load_digits(return_X_y=True)
    x, y = (x / 16.0).astype("float32"), y.astype("int32")
    train, test = (x[:1280], y[:1280]), (x[1280:1792], y[1280:1792])  # whole batches: a loss here is a mean over them
    with triceras.backend_scope("jax"):
        own, losses = trained(Classifier, *train)
        plain, expected = trained(triceras.Model, *train)
        figures = own.evaluate(*test, batch_size=64, verbose=0, return_dict=True)
        print("loss by epoch     ", " ".join(f"{value:.4f}" for value in losses))
        print("test              ", figures)
        np.testing.assert_allclose(losses, expected, rtol=1e-4)
        for ours, theirs in zip(own.get_weights(), plain.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)
        same = plain.evaluate(*test, batch_size=64, verbose=0, return_dict=True)
        np.testing.assert_allclose(list(figures.values()), [same[name] for name in figures], rtol=1e-4)
        probabilities = own.predict(test[0], verbose=0)
        np.testing.assert_allclose(probabilities.sum(-1), 1.0, rtol=1e-5)
    if losses[-1] > losses[0] / 4 or figures["accuracy"] < 0.85:
        raise SystemExit(f"It didn't learn: loss {losses[0]:.3f} -> {losses[-1]:.3f}, {figures}")
    print("The steps written here and those of Model trained to the same weights.")


if __name__ == "__main__":
    main()
