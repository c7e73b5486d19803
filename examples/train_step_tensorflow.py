"""Steps written anew under TensorFlow: ``data -> logs``, with a gradient tape; ``fit`` makes a ``tf.function`` of each.

The same model is trained by the steps below and by those that ``Model`` has, and must come out the same.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

import triceras
from triceras import layers


class Classifier(triceras.Model):
    """A model of logits whose training, evaluation and prediction steps are written out."""

    def logs_after(self, loss, y, y_pred):
        """Take a batch into all metrics; the figures so far."""
        for metric in self.metrics:
            metric.update_state(*((loss,) if metric.name == "loss" else (y, y_pred)))
        return {metric.name: metric.result() for metric in self.metrics}

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x=x, y=y, y_pred=y_pred)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return self.logs_after(loss, y, y_pred)

    def test_step(self, data):
        x, y = data
        y_pred = self(x, training=False)
        return self.logs_after(self.compute_loss(x=x, y=y, y_pred=y_pred, training=False), y, y_pred)

    def predict_step(self, data):
        return tf.nn.softmax(self(data, training=False))


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
    with triceras.backend_scope("tensorflow"):
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
