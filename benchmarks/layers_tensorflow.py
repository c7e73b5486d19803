"""Layers as a TensorFlow user writes them without Keras: ``tf.nn`` and ``tf.raw_ops`` under ``tf.function``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf


def _variable(*shape: int) -> tf.Variable:
    return tf.Variable(np.random.default_rng(0).normal(size=shape, scale=0.05).astype("float32"))


class LSTM(tf.Module):
    """The fused kernel for a whole sequence."""

    def __init__(self, options: dict[str, Any], channels: int) -> None:
        super().__init__()
        self.units = options["units"]
        self.kernel = _variable(channels + self.units, 4 * self.units)
        self.bias = _variable(4 * self.units)

    def __call__(self, x: Any, training: bool) -> Any:
        zeros = tf.zeros((x.shape[0], self.units))
        peephole = tf.zeros(self.units)
        y = tf.raw_ops.BlockLSTMV2(
            seq_len_max=tf.constant(x.shape[1], tf.int64),
            x=tf.transpose(x, (1, 0, 2)),
            cs_prev=zeros,
            h_prev=zeros,
            w=self.kernel,
            wci=peephole,
            wcf=peephole,
            wco=peephole,
            b=self.bias,
        )
        return tf.transpose(y.h, (1, 0, 2))


class GRU(tf.Module):
    """One product for all inputs, then a loop of the cell."""

    def __init__(self, options: dict[str, Any], channels: int) -> None:
        super().__init__()
        self.units = options["units"]
        self.kernel, self.recurrent = _variable(channels, 3 * self.units), _variable(self.units, 3 * self.units)
        self.bias, self.recurrent_bias = _variable(3 * self.units), _variable(3 * self.units)

    def __call__(self, x: Any, training: bool) -> Any:
        inputs = tf.transpose(tf.matmul(x, self.kernel) + self.bias, (1, 0, 2))

        def step(h: Any, x: Any) -> Any:
            xz, xr, xh = tf.split(x, 3, -1)
            hz, hr, hh = tf.split(tf.matmul(h, self.recurrent) + self.recurrent_bias, 3, -1)
            z = tf.sigmoid(xz + hz)
            return z * h + (1 - z) * tf.tanh(xh + tf.sigmoid(xr + hr) * hh)

        return tf.transpose(tf.scan(step, inputs, tf.zeros((x.shape[0], self.units))), (1, 0, 2))


class Convolution(tf.Module):
    """``tf.nn.conv1d`` or ``tf.nn.conv2d``."""

    def __init__(self, options: dict[str, Any], channels: int, rank: int) -> None:
        super().__init__()
        self.kernel = _variable(*(3,) * rank, channels, options["filters"])
        self.bias = _variable(options["filters"])
        self.convolution = tf.nn.conv1d if rank == 1 else tf.nn.conv2d

    def __call__(self, x: Any, training: bool) -> Any:
        return tf.nn.bias_add(self.convolution(x, self.kernel, 1, "VALID"), self.bias)


class Depthwise(tf.Module):
    """``tf.nn.depthwise_conv2d``."""

    def __init__(self, options: dict[str, Any], channels: int) -> None:
        super().__init__()
        self.kernel, self.bias = _variable(3, 3, channels, 1), _variable(channels)

    def __call__(self, x: Any, training: bool) -> Any:
        return tf.nn.bias_add(tf.nn.depthwise_conv2d(x, self.kernel, (1, 1, 1, 1), "VALID"), self.bias)


class Attention(tf.Module):
    """Self-attention by matrix products."""

    def __init__(self, options: dict[str, Any], channels: int) -> None:
        super().__init__()
        self.heads, self.size = options["num_heads"], options["key_dim"]
        wide = self.heads * self.size
        self.kernels = [_variable(channels, wide) for _ in range(3)]
        self.biases = [_variable(wide) for _ in range(3)]
        self.kernel, self.bias = _variable(wide, channels), _variable(channels)

    def __call__(self, x: Any, training: bool) -> Any:
        batch, length, _ = x.shape

        def heads(kernel: Any, bias: Any) -> Any:
            y = tf.reshape(tf.matmul(x, kernel) + bias, (batch, length, self.heads, self.size))
            return tf.transpose(y, (0, 2, 1, 3))

        q, k, v = (heads(*pair) for pair in zip(self.kernels, self.biases, strict=True))
        scores = tf.nn.softmax(tf.matmul(q * self.size**-0.5, k, transpose_b=True))
        y = tf.reshape(tf.transpose(tf.matmul(scores, v), (0, 2, 1, 3)), (batch, length, -1))
        return tf.matmul(y, self.kernel) + self.bias


class Normalization(tf.Module):
    """The fused kernel."""

    def __init__(self, options: dict[str, Any], channels: int) -> None:
        super().__init__()
        self.gamma, self.beta = tf.Variable(tf.ones(channels)), tf.Variable(tf.zeros(channels))
        self.mean = tf.Variable(tf.zeros(channels), trainable=False)
        self.variance = tf.Variable(tf.ones(channels), trainable=False)

    def __call__(self, x: Any, training: bool) -> Any:
        options = {"epsilon": 1e-3, "is_training": training}
        if not training:
            return tf.compat.v1.nn.fused_batch_norm(x, self.gamma, self.beta, self.mean, self.variance, **options)[0]
        y, mean, variance = tf.compat.v1.nn.fused_batch_norm(x, self.gamma, self.beta, **options)
        self.mean.assign(0.99 * self.mean + 0.01 * mean)
        self.variance.assign(0.99 * self.variance + 0.01 * variance)
        return y


class Embedding(tf.Module):
    """``tf.nn.embedding_lookup``."""

    def __init__(self, options: dict[str, Any], channels: int) -> None:
        super().__init__()
        self.table = _variable(options["input_dim"], options["output_dim"])

    def __call__(self, x: Any, training: bool) -> Any:
        return tf.nn.embedding_lookup(self.table, x)


NATIVE: dict[str, Callable[..., Any]] = {
    "LSTM": LSTM,
    "GRU": GRU,
    "Conv2D": lambda *a: Convolution(*a, rank=2),
    "Conv1D": lambda *a: Convolution(*a, rank=1),
    "DepthwiseConv2D": Depthwise,
    "MultiHeadAttention": Attention,
    "BatchNormalization": Normalization,
    "Embedding": Embedding,
}


def native(case: Any) -> Any:
    """The layer of plain TensorFlow for a case."""
    return NATIVE[case.layer](case.arguments, case.shape[-1])


def _called(layer: Any, twice: bool, training: bool) -> Callable[[Any], Any]:
    if type(layer).__module__ == __name__:
        return lambda x: layer(x, training)
    if twice:
        return lambda x: layer(x, x, training=training)
    if "training" in layer.call.__code__.co_varnames[: layer.call.__code__.co_argcount]:
        return lambda x: layer(x, training=training)
    return layer


def forward(layer: Any, inputs: np.ndarray, twice: bool) -> Callable[[], Any]:
    """Inference."""
    call, x = _called(layer, twice, False), tf.constant(inputs)
    run = tf.function(call, autograph=False)
    return lambda: run(x)


def backward(layer: Any, inputs: np.ndarray, twice: bool) -> Callable[[], Any]:
    """A training call and the gradients of the weights and the inputs."""
    call, x = _called(layer, twice, True), tf.constant(inputs)
    weights = list(layer.trainable_variables)

    def gradients(x: Any, upstream: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = call(x)
        found = tape.gradient(y, [*weights, *([x] if x.dtype.is_floating else [])], upstream)
        return [tf.convert_to_tensor(g) for g in found]

    upstream = tf.random.normal(call(x).shape)
    run = tf.function(gradients, autograph=False)
    return lambda: run(x, upstream)
