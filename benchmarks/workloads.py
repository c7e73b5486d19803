"""The models that are measured, written once for any package with the interface of Keras, and their data."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Workload:
    """A model, its data and how much of it makes an epoch."""

    name: str
    build: Callable[[Any], Any]
    data: Callable[[int], tuple[np.ndarray, np.ndarray]]
    batch: int
    steps: int


def _features(*shape: int, classes: int) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
    def make(rows: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(0)
        return rng.normal(size=(rows, *shape)).astype("float32"), rng.integers(0, classes, rows).astype("int32")

    return make


def _tokens(length: int, vocabulary: int, classes: int) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
    def make(rows: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(0)
        return rng.integers(0, vocabulary, (rows, length)).astype("int32"), rng.integers(0, classes, rows).astype(
            "int32"
        )

    return make


def tiny(k: Any) -> Any:
    """Three dense layers of width 32."""
    d = k.layers.Dense
    return k.Sequential([k.Input((16,)), d(32, activation="relu"), d(32, activation="relu"), d(2)])


def mlp(k: Any) -> Any:
    """An MNIST-size MLP with dropout."""
    d = k.layers.Dense
    layers = [k.Input((784,)), d(512, activation="relu"), k.layers.Dropout(0.2), d(512, activation="relu")]
    return k.Sequential([*layers, k.layers.Dropout(0.2), d(10)])


def cnn(k: Any) -> Any:
    """A small ConvNet on 28x28 images."""
    n = k.layers
    return k.Sequential(
        [
            k.Input((28, 28, 1)),
            n.Conv2D(32, 3, activation="relu"),
            n.MaxPooling2D(2),
            n.Conv2D(64, 3, activation="relu"),
            n.MaxPooling2D(2),
            n.Flatten(),
            n.Dropout(0.5),
            n.Dense(10),
        ]
    )


def transformer(k: Any) -> Any:
    """Four pre-norm blocks of width 128 over 64 tokens."""
    n = k.layers
    inputs = k.Input((64,), dtype="int32")
    x = n.Embedding(1000, 128)(inputs)
    for _ in range(4):
        y = n.LayerNormalization()(x)
        x = n.Add()([x, n.MultiHeadAttention(4, 32)(y, y)])
        y = n.LayerNormalization()(x)
        y = n.Dense(512, activation="gelu")(y)
        x = n.Add()([x, n.Dense(128)(y)])
    x = n.GlobalAveragePooling1D()(x)
    return k.Model(inputs, n.Dense(10)(x))


def lstm(k: Any) -> Any:
    """Two LSTM layers of width 64 over 48 steps."""
    n = k.layers
    return k.Sequential([k.Input((48, 32)), n.LSTM(64, return_sequences=True), n.LSTM(64), n.Dense(10)])


def blocks(k: Any) -> Any:
    """Fifty residual blocks of LayerNormalization and Dense 32."""
    n = k.layers
    inputs = k.Input((32,))
    x = inputs
    for _ in range(50):
        x = n.Add()([x, n.Dense(32, activation="relu")(n.LayerNormalization()(x))])
    return k.Model(inputs, n.Dense(2)(x))


def resnet(k: Any) -> Any:
    """A small residual network with BatchNormalization on 32x32 images."""
    n = k.layers
    inputs = k.Input((32, 32, 3))
    x = n.Conv2D(16, 3, padding="same", use_bias=False)(inputs)
    x = n.ReLU()(n.BatchNormalization()(x))
    for stage, width in enumerate((16, 32, 64)):
        for block in range(2):
            strides = 2 if stage and not block else 1
            y = n.Conv2D(width, 3, strides=strides, padding="same", use_bias=False)(x)
            y = n.ReLU()(n.BatchNormalization()(y))
            y = n.Conv2D(width, 3, padding="same", use_bias=False)(y)
            y = n.BatchNormalization()(y)
            if strides == 2:
                x = n.BatchNormalization()(n.Conv2D(width, 1, strides=2, use_bias=False)(x))
            x = n.ReLU()(n.Add()([x, y]))
    x = n.GlobalAveragePooling2D()(x)
    return k.Model(inputs, n.Dense(10)(x))


WORKLOADS = {
    w.name: w
    for w in (
        Workload("tiny", tiny, _features(16, classes=2), 32, 500),
        Workload("mlp", mlp, _features(784, classes=10), 128, 60),
        Workload("cnn", cnn, _features(28, 28, 1, classes=10), 64, 20),
        Workload("transformer", transformer, _tokens(64, 1000, 10), 32, 8),
        Workload("lstm", lstm, _features(48, 32, classes=10), 32, 30),
        Workload("blocks", blocks, _features(32, classes=2), 32, 100),
        Workload("resnet", resnet, _features(32, 32, 3, classes=10), 32, 8),
    )
}
