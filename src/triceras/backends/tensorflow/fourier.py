"""Fourier transforms, in TensorFlow."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

_FUNCTIONS = {
    (1, False): tf.signal.fft,
    (1, True): tf.signal.ifft,
    (2, False): tf.signal.fft2d,
    (2, True): tf.signal.ifft2d,
}


def _transform(real: tf.Tensor, imaginary: tf.Tensor, axes: int, inverse: bool) -> tuple[tf.Tensor, tf.Tensor]:
    result = _FUNCTIONS[axes, inverse](tf.complex(real, imaginary))
    return tf.math.real(result), tf.math.imag(result)


def _fitted(x: tf.Tensor, size: Any) -> tf.Tensor:
    """The last axis cut or padded with zeros: the gradients of TensorFlow's own transforms forget that they do so."""
    if x.shape[-1] is not None and isinstance(size, int) and x.shape[-1] == size:
        return x
    own: Any = tf.shape(x)[-1] if x.shape[-1] is None else x.shape[-1]
    kept: Any = (..., slice(None, size))
    widths: Any = [(0, 0)] * (len(x.shape) - 1) + [(0, tf.maximum(size - own, 0))]
    return tf.pad(x[kept], widths)


def _of_real(x: tf.Tensor, length: Any) -> tuple[tf.Tensor, tf.Tensor]:
    result = tf.signal.rfft(_fitted(x, length), [length])
    return tf.math.real(result), tf.math.imag(result)


def _to_real(real: tf.Tensor, imaginary: tf.Tensor, length: Any) -> tf.Tensor:
    return tf.signal.irfft(_fitted(tf.complex(real, imaginary), length // 2 + 1), [length])


TABLE = {"fourier_transform": _transform, "half_spectrum": _of_real, "from_half_spectrum": _to_real}
