"""The workloads as a TensorFlow user writes them without Keras: variables, ``tf.nn``, a tape in a ``tf.function``."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from measure import median_seconds


class Parameters:
    """Makes variables in the order of a model's first run and hands them out again in later ones."""

    def __init__(self) -> None:
        self.variables: list[tf.Variable] = []
        self.statistics: list[tf.Variable] = []
        self._cursors = [0, 0]

    def begin(self) -> None:
        self._cursors = [0, 0]

    def _next(self, store: list[tf.Variable], kind: int, make: Callable[[], Any], trainable: bool) -> tf.Variable:
        if self._cursors[kind] == len(store):
            with tf.init_scope():
                store.append(tf.Variable(make(), trainable=trainable))
        self._cursors[kind] += 1
        return store[self._cursors[kind] - 1]

    def weight(self, *shape: int) -> tf.Variable:
        fan = np.prod(shape[:-1])
        make = lambda: np.random.normal(size=shape, scale=fan**-0.5).astype("float32")  # noqa: E731
        return self._next(self.variables, 0, make, True)

    def filled(self, value: float, size: int) -> tf.Variable:
        return self._next(self.variables, 0, lambda: np.full(size, value, "float32"), True)

    def statistic(self, value: float, size: int) -> tf.Variable:
        return self._next(self.statistics, 1, lambda: np.full(size, value, "float32"), False)

    def dense(self, x: Any, width: int) -> Any:
        flat = tf.reshape(x, [-1, x.shape[-1]]) if len(x.shape) > 2 else x
        y = tf.nn.bias_add(tf.matmul(flat, self.weight(x.shape[-1], width)), self.filled(0, width))
        return tf.reshape(y, [-1, *x.shape[1:-1], width]) if len(x.shape) > 2 else y

    def layer_norm(self, x: Any) -> Any:
        mean, variance = tf.nn.moments(x, -1, keepdims=True)
        scale, offset = self.filled(1, x.shape[-1]), self.filled(0, x.shape[-1])
        return tf.nn.batch_normalization(x, mean, variance, offset, scale, 1e-3)

    def conv(self, x: Any, width: int, size: int = 3, stride: int = 1, padding: str = "SAME") -> Any:
        return tf.nn.conv2d(x, self.weight(size, size, x.shape[-1], width), stride, padding)

    def batch_norm(self, x: Any) -> Any:
        width = x.shape[-1]
        scale, offset = self.filled(1, width), self.filled(0, width)
        y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x, scale=scale, offset=offset, mean=tf.zeros([0]), variance=tf.zeros([0]), epsilon=1e-3, is_training=True
        )
        for value, name in ((mean, 0.0), (variance, 1.0)):
            moving = self.statistic(name, width)
            moving.assign(moving * 0.99 + value * 0.01)
        return y

    def lstm(self, x: Any, width: int) -> Any:
        kernel, recurrent, bias = (
            self.weight(x.shape[-1], 4 * width),
            self.weight(width, 4 * width),
            self.filled(0, 4 * width),
        )
        steps = tf.unstack(tf.transpose(tf.tensordot(x, kernel, 1) + bias, [1, 0, 2]))
        h = c = tf.zeros([tf.shape(x)[0], width])
        outputs = []
        for projected in steps:
            i, f, g, o = tf.split(projected + tf.matmul(h, recurrent), 4, 1)
            c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
            h = tf.sigmoid(o) * tf.tanh(c)
            outputs.append(h)
        return tf.stack(outputs, 1)


def mlp(p: Parameters, x: Any, widths: tuple[int, ...], rate: float = 0.0) -> Any:
    for width in widths[:-1]:
        x = tf.nn.relu(p.dense(x, width))
        x = tf.nn.dropout(x, rate) if rate else x
    return p.dense(x, widths[-1])


def cnn(p: Parameters, x: Any) -> Any:
    for width in (32, 64):
        x = tf.nn.max_pool2d(
            tf.nn.relu(tf.nn.bias_add(p.conv(x, width, padding="VALID"), p.filled(0, width))), 2, 2, "VALID"
        )
    return p.dense(tf.nn.dropout(tf.reshape(x, [-1, 1600]), 0.5), 10)


def transformer(p: Parameters, x: Any) -> Any:
    x = tf.gather(p.weight(1000, 128), x)
    for _ in range(4):
        y = p.layer_norm(x)
        q, k, v = (tf.transpose(tf.reshape(p.dense(y, 128), [-1, 64, 4, 32]), [0, 2, 1, 3]) for _ in range(3))
        attended = tf.matmul(tf.nn.softmax(tf.matmul(q, k, transpose_b=True) * 32**-0.5), v)
        x = x + p.dense(tf.reshape(tf.transpose(attended, [0, 2, 1, 3]), [-1, 64, 128]), 128)
        x = x + p.dense(tf.nn.gelu(p.dense(p.layer_norm(x), 512)), 128)
    return p.dense(tf.reduce_mean(x, 1), 10)


def lstm(p: Parameters, x: Any) -> Any:
    return p.dense(p.lstm(p.lstm(x, 64), 64)[:, -1], 10)


def blocks(p: Parameters, x: Any) -> Any:
    for _ in range(50):
        x = x + tf.nn.relu(p.dense(p.layer_norm(x), 32))
    return p.dense(x, 2)


def resnet(p: Parameters, x: Any) -> Any:
    x = tf.nn.relu(p.batch_norm(p.conv(x, 16)))
    for stage, width in enumerate((16, 32, 64)):
        for block in range(2):
            stride = 2 if stage and not block else 1
            y = p.batch_norm(p.conv(tf.nn.relu(p.batch_norm(p.conv(x, width, stride=stride))), width))
            if stride == 2:
                x = p.batch_norm(p.conv(x, width, 1, 2))
            x = tf.nn.relu(x + y)
    return p.dense(tf.reduce_mean(x, [1, 2]), 10)


MODELS = {
    "tiny": lambda p, x: mlp(p, x, (32, 32, 2)),
    "mlp": lambda p, x: mlp(p, x, (512, 512, 10), 0.2),
    "cnn": cnn,
    "transformer": transformer,
    "lstm": lstm,
    "blocks": blocks,
    "resnet": resnet,
}


def fit(workload: Any, compiled: bool) -> dict[str, float]:
    """Figures of training by hand; ``compiled`` asks for XLA."""
    x, y = (tf.constant(a) for a in workload.data(workload.batch * workload.steps))
    p = Parameters()
    model = MODELS[workload.name]
    model(p, x[: workload.batch])
    moments = [[tf.Variable(tf.zeros_like(v)) for v in p.variables] for _ in range(2)]
    count = tf.Variable(0.0)

    @tf.function(jit_compile=compiled, autograph=False)
    def step(xb: tf.Tensor, yb: tf.Tensor) -> None:
        p.begin()
        with tf.GradientTape() as tape:
            logits = model(p, xb)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(yb, logits))
        gradients = tape.gradient(loss, p.variables)
        count.assign_add(1.0)
        rate = 1e-3 * tf.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        for v, m, s, g in zip(p.variables, *moments, gradients):
            g = tf.convert_to_tensor(g)
            m.assign(m * 0.9 + g * 0.1)
            s.assign(s * 0.999 + g * g * 0.001)
            v.assign_sub(rate * m / (tf.sqrt(s) + 1e-7))

    started = time.perf_counter()
    step(x[: workload.batch], y[: workload.batch])
    first = time.perf_counter() - started

    def epoch() -> None:
        order = np.random.permutation(len(x)).astype("int32").reshape(workload.steps, workload.batch)
        for rows in order:
            step(tf.gather(x, rows), tf.gather(y, rows))
        count.numpy()

    epoch()
    epoch()
    seconds = median_seconds(epoch, 3)
    return {"step_ms": seconds / workload.steps * 1e3, "first_s": first}
