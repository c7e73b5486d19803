"""Twelve models of the kinds people deploy, small, each with inputs of a number of rows and, where it has one, a length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import triceras
from triceras import Input, Model, Sequential, layers, ops


class Row(NamedTuple):
    """A model, its inputs for a number of rows and a length, and how many of each input's leading axes are unknown."""

    make: Callable[[], Any]
    data: Callable[[int, int], Any]
    unknown: int = 1


def _reals(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype("float32")


def _tokens(below: int, *shape: int) -> np.ndarray:
    tokens = np.random.default_rng(sum(shape)).integers(1, below, shape).astype("int32")
    tokens[0, -1] = 0  # padding, where zeros are masked
    return tokens


def _mlp() -> Any:
    hidden = [layers.Dense(16, "relu"), layers.BatchNormalization(), layers.Dropout(0.3)]
    return Sequential([Input((8,)), *hidden, layers.Dense(3, "softmax")])


def _cnn() -> Any:
    body = [layers.Conv2D(8, 3, activation="relu"), layers.MaxPooling2D(), layers.SeparableConv2D(8, 3, padding="same")]
    return Sequential([Input((12, 12, 3)), layers.Rescaling(2.0, -1.0), *body, layers.Flatten(), layers.Dense(4)])


def _resnet() -> Any:
    inputs = Input((16, 16, 3))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same", use_bias=False)(inputs)))
    for stride in (1, 2):
        y = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3, strides=stride, padding="same")(x)))
        y = layers.Conv2D(8, 3, padding="same")(y)
        x = layers.ReLU()(layers.Add()([y, x if stride == 1 else layers.Conv2D(8, 1, strides=stride)(x)]))
    return Model(inputs, layers.Dense(5)(layers.GlobalAveragePooling2D()(x)))


def _encoder() -> Any:
    x = inputs = Input((None, 16))
    for _ in range(2):
        x = layers.LayerNormalization()(x + layers.MultiHeadAttention(4, 4)(x, x))
        x = layers.LayerNormalization()(x + layers.Dense(16)(layers.Dense(32, "gelu")(x)))
    return Model(inputs, layers.GlobalAveragePooling1D()(x))


def _decoder() -> Any:
    inputs = Input((None,), dtype="int32")
    x = layers.Embedding(20, 16, mask_zero=True)(inputs)
    for _ in range(2):
        x = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(2, 8)(x, x, use_causal_mask=True)]))
        x = layers.LayerNormalization()(layers.Add()([x, layers.Dense(16, "silu")(x)]))
    return Model(inputs, layers.Dense(20)(x))


def _lstm() -> Any:
    return Sequential([Input((None, 6)), layers.LSTM(8, return_sequences=True), layers.LSTM(5), layers.Dense(2)])


def _bidirectional_gru() -> Any:
    inputs = Input((None,), dtype="int32")
    x = layers.Embedding(20, 8, mask_zero=True)(inputs)
    return Model(inputs, layers.Dense(3)(layers.Bidirectional(layers.GRU(6))(x)))


def _unet() -> Any:
    inputs = Input((16, 16, 1))
    outer = layers.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    inner = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.MaxPooling2D()(outer))
    up = layers.Conv2DTranspose(4, 2, strides=2)(inner)
    smooth = layers.UpSampling2D(interpolation="bilinear")(inner)
    joined = layers.Concatenate()([outer, up, smooth])
    return Model(inputs, layers.Conv2D(1, 1, activation="sigmoid")(joined))


def _autoencoder() -> Any:
    return Sequential([Input((10,)), layers.GaussianNoise(0.1), layers.Dense(4, "tanh"), layers.Dense(10)])


def _several() -> Any:
    left, right = Input((4,), name="left"), Input((6,), name="right")
    a, b = layers.Dense(5, "relu")(left), layers.Dense(5)(right)
    product = layers.Dense(2, name="product")(layers.Multiply()([a, b]))
    chance = layers.Dense(1, "sigmoid", name="chance")(layers.Concatenate()([a, b]))
    return Model({"left": left, "right": right}, {"product": product, "chance": chance})


def _embedding_attention() -> Any:
    query, value = Input((None,), dtype="int32", name="query"), Input((None,), dtype="int32", name="value")
    embedding = layers.Embedding(15, 8)
    attended = layers.Attention()([embedding(query), embedding(value)])
    return Model([query, value], layers.GlobalMaxPooling1D()(attended))


class Residual(triceras.Model):
    """A subclass without an ``__init__`` of the functional kind."""

    def __init__(self, width: int = 8, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.first = layers.Dense(width, "relu")
        self.blocks = [layers.Dense(width) for _ in range(2)]
        self.last = layers.Dense(2)

    def call(self, x: Any) -> Any:
        x = self.first(x)
        for block in self.blocks:
            x = x + ops.tanh(block(x))
        return self.last(x)


def _subclassed() -> Any:
    model = Residual()
    model(np.zeros((1, 7), "float32"))
    return model


MODELS = {
    "mlp": Row(_mlp, lambda n, _: _reals(n, 8)),
    "cnn": Row(_cnn, lambda n, _: _reals(n, 12, 12, 3)),
    "resnet": Row(_resnet, lambda n, _: _reals(n, 16, 16, 3)),
    "encoder": Row(_encoder, lambda n, t: _reals(n, t, 16), 2),
    "decoder": Row(_decoder, lambda n, t: _tokens(20, n, t), 2),
    "lstm": Row(_lstm, lambda n, t: _reals(n, t, 6), 2),
    "bidirectional_gru": Row(_bidirectional_gru, lambda n, t: _tokens(20, n, t), 2),
    "unet": Row(_unet, lambda n, _: _reals(n, 16, 16, 1)),
    "autoencoder": Row(_autoencoder, lambda n, _: _reals(n, 10)),
    "several": Row(_several, lambda n, _: {"left": _reals(n, 4), "right": _reals(n, 6)}),
    "embedding_attention": Row(_embedding_attention, lambda n, t: [_tokens(15, n, t), _tokens(15, n, t + 2)], 2),
    "subclassed": Row(_subclassed, lambda n, _: _reals(n, 7)),
}
