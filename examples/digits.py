"""One ConvNet on real handwritten digits, on every installed framework, from one seed.

    python examples/digits.py [--backends jax torch tensorflow] [--epochs 12] [--output demo-output]

It trains the same model on each framework in one process, draws the loss curves over one another, saves the model once and
reads it on each other framework, and at last steps it by hand in the way of each framework's own users.
"""

from __future__ import annotations

import argparse
import itertools
import os
import pathlib
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import triceras
from triceras import layers

FRAMEWORKS = ("jax", "torch", "tensorflow")
SEED = 7


def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The 1,797 digits that scikit-learn ships: 8x8 images in [0, 1] and labels, three quarters of them to train on."""
    data = load_digits()
    images = (data.images / 16.0).astype("float32")[..., None]
    x, x_test, y, y_test = train_test_split(
        images, data.target.astype("int32"), test_size=0.25, random_state=0, stratify=data.target
    )
    return x, y, x_test, y_test


def convnet() -> triceras.Model:
    """A small ConvNet, on the active backend."""
    return triceras.Sequential(
        [
            triceras.Input((8, 8, 1)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


def loss() -> triceras.losses.Loss:
    """Cross-entropy of integer labels and probabilities."""
    return triceras.losses.SparseCategoricalCrossentropy()


def train(backend: str, epochs: int) -> tuple[triceras.Model, list[float], float, float]:
    """Train on one framework; returns the model, its loss curve, its test accuracy and the seconds it took."""
    x, y, x_test, y_test = digits()
    with triceras.backend_scope(backend):
        triceras.utils.set_random_seed(SEED)
        model = convnet()
        model.compile("adam", loss(), metrics=["accuracy"])
        started = time.perf_counter()
        history = model.fit(x, y, batch_size=32, epochs=epochs)
        seconds = time.perf_counter() - started
        _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    return model, history.history["loss"], accuracy, seconds


def draw(curves: dict[str, list[float]], path: pathlib.Path) -> None:
    """Save a picture of the loss curves over one another."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5), layout="constrained")
    for (backend, curve), width, style in zip(curves.items(), (6, 3.5, 1.5), ("-", "--", ":"), strict=False):
        axes.plot(range(1, len(curve) + 1), curve, style, linewidth=width, label=backend, alpha=0.8)
    axes.set(xlabel="epoch", ylabel="training loss", title="One model, one seed", yscale="log")
    axes.legend()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def compare_files(models: dict[str, triceras.Model], folder: pathlib.Path) -> float:
    """Save the first model, read it on every framework, and return the largest difference of predictions."""
    _, _, x_test, _ = digits()
    first, model = next(iter(models.items()))
    path = folder / "digits.keras"
    model.save(path)
    expected = model.predict(x_test, verbose=0)
    worst = 0.0
    for backend in [*models, "numpy"]:
        if backend == first:
            continue
        with triceras.backend_scope(backend):
            predictions = triceras.models.load_model(path).predict(x_test, verbose=0)
        difference = float(np.abs(predictions - expected).max())
        print(f"  saved on {first}, read on {backend:<10}  largest difference of predictions {difference:.1e}")
        worst = max(worst, difference)
    return worst


def batches(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """A few batches of 32."""
    x, y, _, _ = digits()
    return [(x[i * 32 : i * 32 + 32], y[i * 32 : i * 32 + 32]) for i in range(count)]


def loop_in_jax(steps: int) -> list[float]:
    """A hand-written JAX loop: the stateless call, ``jax.value_and_grad`` and optax."""
    import jax
    import optax

    model, criterion = convnet(), loss()
    optimizer = optax.adam(1e-3)

    def forward(trainable: Any, other: Any, x: Any, y: Any) -> Any:
        probabilities, other = model.stateless_call(trainable, other, x, training=True)
        return criterion(y, probabilities), other

    @jax.jit
    def step(trainable: Any, other: Any, state: Any, x: Any, y: Any) -> Any:
        (value, other), gradients = jax.value_and_grad(forward, has_aux=True)(trainable, other, x, y)
        updates, state = optimizer.update(gradients, state)
        return optax.apply_updates(trainable, updates), other, state, value

    trainable = [v.value for v in model.trainable_variables]
    other = [v.value for v in model.non_trainable_variables]
    state = optimizer.init(trainable)
    losses = []
    for x, y in batches(steps):
        trainable, other, state, value = step(trainable, other, state, x, y)
        losses.append(float(value))
    return losses


def loop_in_torch(steps: int) -> list[float]:
    """A hand-written torch loop: the model inside an ``nn.Module``, autograd and ``torch.optim``."""
    import torch

    class Classifier(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = convnet()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.body(x, training=True)

    module = Classifier()
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3, eps=1e-7)
    losses = []
    for x, y in batches(steps):
        optimizer.zero_grad()
        value = torch.nn.functional.nll_loss(module(torch.from_numpy(x)).log(), torch.from_numpy(y).long())
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return losses


def loop_in_tensorflow(steps: int) -> list[float]:
    """A hand-written TensorFlow loop: ``tf.GradientTape``."""
    import tensorflow as tf

    model, criterion = convnet(), loss()
    optimizer = triceras.optimizers.Adam()
    losses = []
    for x, y in batches(steps):
        with tf.GradientTape() as tape:
            value = criterion(y, model(x, training=True))
        gradients = tape.gradient(value, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        losses.append(float(value))
    return losses


LOOPS = {"jax": loop_in_jax, "torch": loop_in_torch, "tensorflow": loop_in_tensorflow}


def main() -> None:
    """Run the demonstration."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backends", nargs="+", choices=FRAMEWORKS)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("demo-output"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    installed = [name for name in FRAMEWORKS if name in triceras.available_backends()]
    models, curves = {}, {}
    rows = []
    for backend in arguments.backends or installed:
        print(f"\n{backend}")
        model, curve, accuracy, seconds = train(backend, arguments.epochs)
        models[backend], curves[backend] = model, curve
        rows.append(f"  {backend:<11} test accuracy {accuracy:.4f}   {seconds:5.1f} s   last loss {curve[-1]:.6f}")
    print("\nresults", *rows, sep="\n")
    for a, b in itertools.combinations(curves, 2):
        apart = max(abs(p - q) / abs(q) for p, q in zip(curves[a], curves[b], strict=True))
        print(f"  loss curves of {a} and {b} differ by at most {apart:.1e} of their value")
    draw(curves, arguments.output / "digits.png")
    print("\nfiles")
    compare_files(models, arguments.output)
    print(f"  wrote {arguments.output / 'digits.keras'} and {arguments.output / 'digits.png'}")
    print("\nhand-written loops, five steps each")
    for backend in models:
        with triceras.backend_scope(backend):
            triceras.utils.set_random_seed(SEED)
            print(f"  {backend:<11}", " ".join(f"{value:.4f}" for value in LOOPS[backend](5)))


if __name__ == "__main__":
    main()
