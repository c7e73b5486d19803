"""Data parallelism by ``tf.distribute``: variables mirrored on several devices, each of which takes its part of a batch.

It runs on two devices that the CPU is divided into. What is made in the strategy's scope is mirrored; in ``strategy.run`` an
optimizer sums gradients over the replicas, and a metric is read as the sum of theirs. The same steps on one device with
whole batches must end with the same weights.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

import triceras
from triceras import layers

BATCH, EPOCHS = 64, 6


def make() -> tuple[triceras.Model, triceras.optimizers.Optimizer, triceras.metrics.Metric]:
    """A model, its optimizer and a metric; all variables are made here, so that a scope around this mirrors them."""
    triceras.utils.set_random_seed(0)
    model = triceras.Sequential(
        [
            triceras.Input((64,)),
            layers.Dense(64, "tanh"),
            layers.LayerNormalization(),
            layers.Dense(10),
        ]
    )
    optimizer = triceras.optimizers.Adam(3e-3)
    optimizer.build(model.trainable_variables)
    return model, optimizer, triceras.metrics.SparseCategoricalAccuracy()


def train(strategy: tf.distribute.Strategy, x: np.ndarray, y: np.ndarray) -> tuple[list[float], float, triceras.Model]:
    """Losses by epoch, the last epoch's accuracy, and the model."""
    with strategy.scope():
        model, optimizer, accuracy = make()
    loss = triceras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")

    def on_replica(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        """A step on one replica's rows; divided by the whole batch's size, the replicas' losses add up to its mean."""
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            part = loss(y, logits) / BATCH
        gradients = tape.gradient(part, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))  # sums them over the replicas
        accuracy.update_state(y, logits)
        return part

    @tf.function
    def step(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        return strategy.reduce("SUM", strategy.run(on_replica, args=(x, y)), axis=None)

    batches = strategy.experimental_distribute_dataset(
        tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH, drop_remainder=True)
    )
    losses = []
    for _ in range(EPOCHS):
        accuracy.reset_state()
        losses.append(float(np.mean([step(x, y) for x, y in batches])))
    return losses, float(accuracy.result()), model


def main() -> None:
    """Train on one device and on two, compare."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    triceras.config.set_backend("tensorflow")
    x, y = load_digits(return_X_y=True)
    x, y = (x / 16.0).astype("float32"), y.astype("int32")
    strategies = {
        "one device": tf.distribute.OneDeviceStrategy("CPU:0"),
        "two replicas": tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]),
    }
    results = {}
    for name, strategy in strategies.items():
        results[name] = losses, accuracy, _ = train(strategy, x[:1280], y[:1280])
        print(f"{name:<13}", " ".join(f"{value:.4f}" for value in losses), f"  accuracy {accuracy:.4f}")
    losses, accuracy, single = results["one device"]
    others, same, mirrored = results["two replicas"]
    if losses[-1] > losses[0] / 4 or accuracy < 0.85:
        raise SystemExit(f"It didn't learn: {losses}, accuracy {accuracy}")
    np.testing.assert_allclose(others, losses, rtol=1e-3)
    np.testing.assert_allclose(same, accuracy, atol=2e-3)
    for ours, theirs in zip(mirrored.trainable_variables, single.trainable_variables, strict=True):
        copies = [copy.numpy() for copy in ours.state.values]  # the native variable: one copy on each device
        np.testing.assert_array_equal(copies[0], copies[1])
        np.testing.assert_allclose(copies[0], theirs.numpy(), rtol=1e-3, atol=1e-3)
    predicted = mirrored.predict(x[1280:], verbose=0).argmax(-1)  # outside of run(): an ordinary model
    print(f"test accuracy of the mirrored model {float((predicted == y[1280:]).mean()):.4f}")
    print("Two replicas came to the weights of one device.")


if __name__ == "__main__":
    main()
