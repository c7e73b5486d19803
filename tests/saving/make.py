"""The files of ``files/``, written by the real Keras 3.15.1 with its JAX backend: ``KERAS_BACKEND=jax python make.py``.

Beside each NAME.keras stands NAME.npz with its inputs (x0, x1 …) and Keras's predictions (y0, y1 …).
"""

from __future__ import annotations

import pathlib
from typing import Any

import keras
import numpy as np
from keras import layers, ops

OUT = pathlib.Path(__file__).parent / "files"
rng = np.random.default_rng(0)


def done(name: str, model: Any, inputs: Any) -> None:
    """Save a model, its inputs and its predictions."""
    arrays = inputs if isinstance(inputs, list) else [inputs]
    outputs = keras.tree.flatten(model.predict(inputs, verbose=0))
    model.save(OUT / f"{name}.keras")
    np.savez(
        OUT / f"{name}.npz",
        **{f"x{i}": a for i, a in enumerate(arrays)},
        **{f"y{i}": a for i, a in enumerate(outputs)},
    )


def begin(seed: int) -> None:
    """A new session."""
    keras.utils.set_random_seed(seed)
    keras.backend.clear_session()


def normal(*shape: int) -> np.ndarray:
    """Gaussian data."""
    return rng.normal(size=shape).astype("float32")


def sequential_cnn() -> None:
    """A trained stack; further losses of three steps without dropout stand in its own archive."""
    begin(1)
    model = keras.Sequential(
        [
            layers.Input((8, 8, 3)),
            layers.Conv2D(4, 3, activation="relu", padding="same"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(5, kernel_regularizer="l2"),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    x, y = normal(16, 8, 8, 3), rng.integers(0, 5, 16)
    model.fit(x, y, epochs=2, batch_size=8, verbose=0)
    done("sequential_cnn", model, x[:4])
    model.layers[3].rate = 0.0
    losses = [model.train_on_batch(x, y)[0] for _ in range(3)]
    np.savez(OUT / "sequential_cnn.train.npz", x=x, y=y, loss=np.array(losses))


def functional_list() -> None:
    """Two inputs as a list, default names, ops on symbols, an output in a dictionary."""
    begin(3)
    a, b = keras.Input((4,)), keras.Input((4,))
    dense = layers.Dense(4)
    u, v = ops.split(layers.Add()([dense(a), dense(b)]), 2, axis=-1)
    w = 2.0 / (ops.exp(u * v - 1.5) + 1.0)
    w = ops.where(w > 0.5, w, -w)[:, :1]
    w = ops.reshape(ops.clip(keras.activations.gelu(w), x_min=-1.0, x_max=1.0), (-1, 1))
    done("functional_list", keras.Model([a, b], {"out": w}), [normal(4, 4), normal(4, 4)])


def mixed() -> None:
    """Layers with dtype policies of their own."""
    begin(9)
    x = keras.Input((4,))
    h = layers.Dense(3, dtype="mixed_float16")(x)
    h = layers.Dense(2, dtype=keras.DTypePolicy("mixed_bfloat16"))(h)
    model = keras.Model(x, layers.Dense(2, dtype="float32")(h))
    model.compile(keras.optimizers.AdamW(1e-3, weight_decay=0.01, global_clipnorm=1.0), keras.losses.Huber(delta=0.5))
    data = normal(4, 4)
    model.fit(data, normal(4, 2), verbose=0)
    done("mixed", model, data)


def bfloat() -> None:
    """Weights in 16 bits."""
    begin(10)
    model = keras.Sequential([layers.Input((4,)), layers.Dense(3, dtype="bfloat16"), layers.Dense(3, dtype="float16")])
    done("bfloat", model, normal(4, 4))


def loss_scaled() -> None:
    """A model in float16 whose optimizer scales the loss."""
    begin(15)
    keras.config.set_dtype_policy("mixed_float16")
    model = keras.Sequential([layers.Input((4,)), layers.Dense(3)])
    metrics = ["mae", keras.metrics.MeanSquaredError(name="q")]
    model.compile("adam", keras.losses.MeanSquaredError(), metrics=metrics)
    data = normal(4, 4)
    model.fit(data, normal(4, 3), verbose=0)
    done("loss_scaled", model, data)
    keras.config.set_dtype_policy("float32")


def nested() -> None:
    """A stack in a stack."""
    begin(13)
    inner = keras.Sequential(
        [layers.Dense(3), layers.Dense(3, name="foo"), layers.BatchNormalization(name="bnx")], name="inner_seq"
    )
    model = keras.Sequential([layers.Input((4,)), layers.Dense(4, name="zzz"), inner, layers.Dense(2, name="aaa")])
    done("nested", model, normal(4, 4))


def normalized() -> None:
    """An adapted normalization and a constrained kernel."""
    begin(5)
    norm, data = layers.Normalization(), rng.normal(3, 2, size=(20, 3)).astype("float32")
    norm.adapt(data)
    model = keras.Sequential(
        [
            norm,
            layers.Dense(4, "swish"),
            layers.Dense(2, use_bias=False, kernel_constraint=keras.constraints.MaxNorm(2.0)),
        ]
    )
    model.compile("rmsprop", "mse")
    model.fit(data, normal(20, 2), verbose=0)
    done("normalized", model, data)


def embedded() -> None:
    """Masks, a shared model with two outputs, a layer that was also called outside the model."""
    begin(14)
    tokens, state = keras.Input((5,), dtype="int32", name="tok"), keras.Input((4,), name="state")
    embedding = layers.Embedding(9, 4, mask_zero=True)
    embedding(keras.Input((5,), dtype="int32"))
    pooled = layers.GlobalAveragePooling1D()(embedding(tokens))
    i = keras.Input((4,))
    head = keras.Model(i, [layers.Dense(3)(i), layers.Dense(2)(i)])
    a1, _ = head(pooled)
    _, b2 = head(state)
    out = layers.Concatenate()([a1, b2, ops.where(ops.equal(tokens, 0), 0.0, 1.0)])
    x = rng.integers(1, 9, (4, 5)).astype("int32")
    x[0, 3:] = 0
    done("embedded", keras.Model([tokens, state], out), [x, normal(4, 4)])


def unbuilt() -> None:
    """A model without weights yet."""
    begin(6)
    keras.Sequential([layers.Dense(3), layers.Dense(2)]).save(OUT / "unbuilt.keras")


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    for make in (sequential_cnn, functional_list, mixed, bfloat, loss_scaled, nested, normalized, embedded, unbuilt):
        make()
