"""Steps written anew under torch: ``data -> logs``, with autograd and ``backward()``; ``fit`` runs them eagerly.

The same model is trained by the steps below and by those that ``Model`` has, and must come out the same.
"""

from __future__ import annotations

import numpy as np
import torch
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
        self.zero_grad()  # the model is a torch.nn.Module
        y_pred = self(x, training=True)
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred)
        loss.backward()
        weights = self.trainable_weights
        with torch.no_grad():
            self.optimizer.apply([weight.value.grad for weight in weights], weights)
        return self.logs_after(loss.detach(), y, y_pred.detach())

    def test_step(self, data):  # runs under torch.no_grad()
        x, y = data
        y_pred = self(x, training=False)
        return self.logs_after(self.compute_loss(x=x, y=y, y_pred=y_pred, training=False), y, y_pred)

    def predict_step(self, data):  # runs under torch.no_grad()
        return torch.softmax(self(data, training=False), dim=-1)


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
    with triceras.backend_scope("torch"):
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
