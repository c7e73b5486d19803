"""A loss and metrics of one's own, written once: ``compute_loss`` and ``compute_metrics`` are the same on every backend.

The model learns from labels of which a tenth is wrong. Its loss is a mixture of the labels' and of its own best guess's
(bootstrapping, Reed et al. 2015), and it logs how sure it is.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from sklearn.datasets import load_digits

import triceras
from triceras import layers, ops


class Bootstrapped(triceras.Model):
    """Trusts its labels in part only. ``fit`` and ``evaluate`` stay the compiled ones."""

    trust = 0.8

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The scalar to minimise; what the compiled loss and the layers give is ``super()``'s."""
        given = super().compute_loss(x, y, y_pred, sample_weight, training)
        if not training:
            return given
        guess = ops.stop_gradient(ops.argmax(y_pred, axis=-1))
        guessed = triceras.losses.sparse_categorical_crossentropy(guess, y_pred, from_logits=True)
        return self.trust * given + (1 - self.trust) * ops.mean(guessed)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Everything that a step logs: the loss's mean, the compiled metrics, and what is added here."""
        logs = super().compute_metrics(x, y, y_pred, sample_weight)
        return logs | {"sureness": ops.mean(ops.max(ops.softmax(y_pred), axis=-1))}


def train(backend: str, x: np.ndarray, y: np.ndarray) -> tuple[dict[str, list[float]], triceras.Model]:
    """The history of a training on one backend, and the model."""
    with triceras.backend_scope(backend):
        triceras.utils.set_random_seed(0)
        inputs = triceras.Input((64,))
        hidden = layers.Dropout(0.2)(layers.Dense(64, "relu")(inputs))
        model = Bootstrapped(inputs, layers.Dense(10)(hidden))
        model.compile(
            triceras.optimizers.SGD(0.1, momentum=0.9),
            triceras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        return model.fit(x, y, batch_size=64, epochs=6, verbose=0).history, model


def main() -> None:
    """Train on each installed backend, compare the figures."""
    x, y = load_digits(return_X_y=True)
    x, y = (x / 16.0).astype("float32"), y.astype("int32")
    generator = np.random.default_rng(0)
    noisy = np.where(generator.random(1280) < 0.1, generator.integers(0, 10, 1280), y[:1280]).astype("int32")
    histories = {}
    for backend in (name for name in triceras.available_backends() if name != "numpy"):
        history, model = train(backend, x[:1280], noisy)
        histories[backend] = history
        figures = model.evaluate(x[1280:], y[1280:], batch_size=517, verbose=0, return_dict=True)
        print(f"{backend:<11}", "  ".join(f"{name} {values[-1]:.4f}" for name, values in history.items()))
        print(f"{'':<11} test accuracy {figures['accuracy']:.4f}, sureness {figures['sureness']:.4f}")
        if figures["accuracy"] < 0.85:
            raise SystemExit(f"It didn't learn on {backend}: {figures}")
    first = next(iter(histories.values()))
    for history in histories.values():
        np.testing.assert_allclose(history["loss"], first["loss"], rtol=1e-3)
    print("One loss, written once, with the same figures on", ", ".join(histories))


if __name__ == "__main__":
    main()
