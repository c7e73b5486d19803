"""A module of TensorFlow for tests; apart, for it can't be defined without it."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tests.layers.foreign_parts import values


class TFNet(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.kernel = tf.Variable(values(3, 2), name="kernel")
        self.calls = tf.Variable(0, trainable=False, name="calls")

    def __call__(self, x: Any, training: bool = False) -> Any:
        if training:
            self.calls.assign_add(1)
        return x @ self.kernel
