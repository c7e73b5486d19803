"""A training loop in TensorFlow's own terms: ``tf.GradientTape`` in a ``tf.function``, over a ``tf.data.Dataset``.

Three trainings from one seed are compared: one whose update is written out and needs no optimizer, one by our optimizer's
``apply_gradients``, and one by ``fit``.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

import triceras
from triceras import layers

RATE, MOMENTUM, PENALTY, BATCH, EPOCHS = 0.1, 0.9, 1e-3, 64, 6


def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """1,280 digits to train on, 512 to test with."""
    x, y = load_digits(return_X_y=True)
    x, y = (x / 16.0).astype("float32"), y.astype("int32")
    return x[:1280], y[:1280], x[1280:1792], y[1280:1792]


def make() -> triceras.Model:
    """The same initial weights each time."""
    triceras.utils.set_random_seed(0)
    return triceras.Sequential(
        [
            triceras.Input((64,)),
            layers.Dense(64, "tanh", kernel_regularizer=triceras.regularizers.L2(PENALTY)),
            layers.BatchNormalization(momentum=0.9),
            layers.Dropout(0.2),
            layers.Dense(10),
        ]
    )


def loop(model: triceras.Model, update: Callable[[list[Any], list[Any]], Any]) -> list[float]:
    """Train; ``update(gradients, variables)`` changes the variables."""
    mean = triceras.metrics.Mean()
    accuracy = triceras.metrics.SparseCategoricalAccuracy()

    @tf.function
    def step(x: tf.Tensor, y: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            errors = tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
            value = tf.reduce_mean(errors) + tf.add_n(model.losses)  # the penalty on a kernel
        variables = model.trainable_variables
        update(tape.gradient(value, variables), variables)
        mean.update_state(value)
        accuracy.update_state(y, logits)

    x, y, _, _ = digits()
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH)
    losses = []
    for _ in range(EPOCHS):
        mean.reset_state()
        accuracy.reset_state()
        for x, y in batches:
            step(x, y)
        losses.append(float(mean.result()))
    print("   last epoch's accuracy", f"{float(accuracy.result()):.4f}")
    return losses


def written_out(model: triceras.Model) -> list[float]:
    """Gradient descent with momentum in two lines; a variable of a model stands where a ``tf.Variable`` does."""
    velocities = [tf.Variable(tf.zeros(v.shape), trainable=False) for v in model.trainable_variables]

    def update(gradients: list[Any], variables: list[Any]) -> None:
        for gradient, variable, velocity in zip(gradients, variables, velocities, strict=True):
            variable.assign_add(velocity.assign(MOMENTUM * velocity - RATE * gradient))

    return loop(model, update)


def with_ours(model: triceras.Model) -> list[float]:
    """Our optimizer."""
    optimizer = triceras.optimizers.SGD(RATE, momentum=MOMENTUM)

    def update(gradients: list[Any], variables: list[Any]) -> None:
        optimizer.apply_gradients(zip(gradients, variables, strict=True))

    return loop(model, update)


def with_fit(model: triceras.Model) -> list[float]:
    """What ``fit`` makes of the same."""
    x, y, _, _ = digits()
    loss = triceras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(triceras.optimizers.SGD(RATE, momentum=MOMENTUM), loss)
    return model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, shuffle=False, verbose=0).history["loss"]


def main() -> None:
    """Train three times, compare."""
    triceras.config.set_backend("tensorflow")
    _, _, x, y = digits()
    weights = []
    for train in (written_out, with_ours, with_fit):
        print(train.__name__)
        model = make()
        losses = train(model)
        accuracy = float((model.predict(x, verbose=0).argmax(-1) == y).mean())
        print("   loss by epoch", " ".join(f"{value:.4f}" for value in losses), f"  test accuracy {accuracy:.4f}")
        if losses[-1] > losses[0] / 4 or accuracy < 0.85:
            raise SystemExit(f"{train.__name__} didn't learn: {losses}, accuracy {accuracy}")
        weights.append(model.get_weights())
    for arrays in zip(*weights, strict=True):
        np.testing.assert_allclose(arrays[1], arrays[0], rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(arrays[2], arrays[0], rtol=1e-3, atol=1e-3)
    print("All three came to the same weights.")


if __name__ == "__main__":
    main()
