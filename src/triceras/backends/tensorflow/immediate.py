"""Whether values can be looked at: some bodies are quicker where a look settles what they'd have to allow for."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

_EAGER: type = type(tf.constant(0))


def immediate(x: Any) -> bool:
    """Whether a tensor's values lie on the host, so that looking at them is free and may save operations."""
    return isinstance(x, _EAGER) and "CPU" in x.device and tf.executing_eagerly()
