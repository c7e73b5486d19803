"""The heavy ops as a TensorFlow user calls them: ``tf.nn``, ``tf.signal``, ``tf.image``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

Native = Callable[..., Any]


def einsum(subscripts: str) -> Native:
    return lambda *operands: tf.einsum(subscripts, *operands)


def conv(strides: int = 1, padding: str = "VALID") -> Native:
    layouts = {3: "NWC", 4: "NHWC", 5: "NDHWC"}
    return lambda x, k: tf.nn.convolution(x, k, strides, padding, layouts[x.shape.rank])


def grouped(x: Any, k: Any) -> Any:
    parts = zip(tf.split(x, 4, -1), tf.split(k, 4, -1), strict=True)
    return tf.concat([tf.nn.conv2d(a, b, 1, "SAME") for a, b in parts], -1)


def transposed(x: Any, k: Any) -> Any:
    n, h, w, _ = x.shape
    return tf.nn.conv2d_transpose(x, k, (n, 2 * h, 2 * w, k.shape[2]), 2, "SAME")


def attend(q: Any, k: Any, v: Any, mask: Any = None) -> Any:
    q, k, v = (tf.transpose(x, [0, 2, 1, 3]) for x in (q, k, v))
    logits = tf.matmul(q * q.shape[-1] ** -0.5, k, transpose_b=True)
    logits = logits if mask is None else tf.where(mask, logits, -1e30)
    return tf.transpose(tf.matmul(tf.nn.softmax(logits), v), [0, 2, 1, 3])


def causal(q: Any, k: Any, v: Any) -> Any:
    steps = tf.range(q.shape[1])
    return attend(q, k, v, steps[:, None] >= steps)


def adaptive(reduction: Any) -> Native:
    def call(x: Any) -> Any:
        n, h, w, c = x.shape
        return reduction(tf.reshape(x, (n, 7, h // 7, 7, w // 7, c)), (2, 4))

    return call


def stft(x: Any) -> Any:
    x = tf.pad(x, ((0, 0), (128, 128)), "REFLECT")
    y = tf.signal.stft(x, 256, 128)
    return tf.math.real(y), tf.math.imag(y)


def rfft(x: Any) -> Any:
    y = tf.signal.rfft(x)
    return tf.math.real(y), tf.math.imag(y)


def layer_norm(x: Any, gamma: Any, beta: Any) -> Any:
    mean, variance = tf.nn.moments(x, -1, keepdims=True)
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-3)


def slice_update(x: Any, y: Any) -> Any:
    rows, columns = y.shape
    places = tf.stack(tf.meshgrid(tf.range(4, 4 + rows), tf.range(4, 4 + columns), indexing="ij"), -1)
    return tf.tensor_scatter_nd_update(x, places, y)


NATIVE: dict[str, Native] = {
    "conv1d": conv(),
    "conv2d": conv(),
    "conv2d same": conv(1, "SAME"),
    "conv2d strided": conv(2, "SAME"),
    "conv2d grouped": grouped,
    "conv2d rgb": conv(1, "SAME"),
    "conv2d 1x1": conv(),
    "conv3d": conv(),
    "conv_transpose": transposed,
    "depthwise_conv": lambda x, k: tf.nn.depthwise_conv2d(x, k, [1, 1, 1, 1], "SAME"),
    "separable_conv": lambda x, k, p: tf.nn.separable_conv2d(x, k, p, [1, 1, 1, 1], "SAME"),
    "matmul": tf.matmul,
    "matmul batched": tf.matmul,
    "einsum scores": einsum("bqhd,bkhd->bhqk"),
    "einsum heads": einsum("bld,dhk->blhk"),
    "einsum chain": einsum("ab,bc,cd->ad"),
    "attention": attend,
    "attention mask": attend,
    "attention causal": causal,
    "max_pool": lambda x: tf.nn.max_pool2d(x, 2, 2, "VALID"),
    "max_pool same": lambda x: tf.nn.max_pool2d(x, 3, 2, "SAME"),
    "average_pool": lambda x: tf.nn.avg_pool2d(x, 2, 2, "VALID"),
    "adaptive_average_pool": adaptive(tf.reduce_mean),
    "adaptive_max_pool": adaptive(tf.reduce_max),
    "sort": tf.sort,
    "argsort": lambda x: tf.argsort(x, stable=True),
    "top_k": lambda x: tuple(tf.math.top_k(x, 10)),
    "scatter": lambda i, x: tf.scatter_nd(i, x, (2 * x.shape[0], x.shape[1])),
    "scatter_update": tf.tensor_scatter_nd_update,
    "slice_update": slice_update,
    "segment_sum": lambda x, i: tf.math.unsorted_segment_sum(x, i, 16),
    "take": lambda x, i: tf.gather(x, i),
    "stft": stft,
    "rfft": rfft,
    "resize bilinear": lambda x: tf.image.resize(x, (224, 224)),
    "resize nearest": lambda x: tf.image.resize(x, (224, 224), "nearest"),
    "softmax": tf.nn.softmax,
    "layer_normalization": layer_norm,
    "batch_normalization": lambda x, m, v, o, s: tf.nn.batch_normalization(x, m, v, o, s, 1e-3),
    "cumsum": lambda x: tf.cumsum(x, -1),
    "logsumexp": lambda x: tf.reduce_logsumexp(x, -1),
}


def prepare(name: str, values: list[np.ndarray]) -> list[Any]:
    """The inputs in the layout that a TensorFlow user keeps them in."""
    return [tf.constant(v) for v in values]


def sync(result: Any) -> None:
    """Nothing to wait for on a CPU."""


def gradient(function: Native, inputs: list[Any], floating: list[int]) -> Callable[[], Any]:
    """Forward and backward, with respect to the floating inputs, of the sum of what is returned."""
    wanted = [inputs[i] for i in floating]

    def run() -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(wanted)
            parts = [p for p in tf.nest.flatten(function(*inputs)) if p.dtype.is_floating]
        return tape.gradient(parts, wanted)

    return run


def compiled(function: Native) -> Native | None:
    return tf.function(function, autograph=False)


def compiled_gradient(function: Native, inputs: list[Any], floating: list[int]) -> Callable[[], Any] | None:
    def run(*inputs: Any) -> Any:
        return gradient(function, list(inputs), floating)()

    whole = tf.function(run, autograph=False)
    return lambda: whole(*inputs)
