"""Images, in TensorFlow: its own kernels where they compute what the definitions say.

They run eagerly only: in a graph the definition does, which XLA can compile and these kernels it can't.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import record  # nothing public tells whether a tape is listening (TensorFlow 2.21)

from triceras.core import windows

_MODES = ("constant", "nearest")


def _projected(images: tf.Tensor, transform: tf.Tensor, interpolation: str, fill_mode: str, fill_value: float) -> Any:
    # The kernel has no gradient with respect to the transform.
    plain = tf.executing_eagerly() and not record.could_possibly_record()
    if not plain or interpolation != "bilinear" or fill_mode not in _MODES or images.dtype != tf.float32:
        return NotImplemented
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.cast(transform, tf.float32),
        output_shape=tf.shape(images)[1:3],
        fill_value=fill_value,
        interpolation="BILINEAR",
        fill_mode=fill_mode.upper(),
    )


@functools.lru_cache(maxsize=256)
def _same_nearest(old: int, new: int) -> bool:
    """Whether TensorFlow, which multiplies in float32, takes the pixels that the definition takes."""
    pixels = tf.reshape(tf.range(float(old)), (1, old, 1, 1))
    taken = tf.raw_ops.ResizeNearestNeighbor(images=pixels, size=(new, 1), half_pixel_centers=True)
    return taken.numpy().ravel().tolist() == windows.nearest(old, new).tolist()


def _resized(images: tf.Tensor, size: tuple[int, int], first: int, interpolation: str, antialias: bool) -> Any:
    plain = tf.executing_eagerly() and images.dtype == tf.float32 and images.shape.rank == 4 and first == 1
    if plain and interpolation == "nearest" and all(map(_same_nearest, images.shape[1:3], size)):
        return tf.raw_ops.ResizeNearestNeighbor(images=images, size=size, half_pixel_centers=True)
    if not plain or interpolation != "bilinear" or antialias:
        return NotImplemented
    return tf.raw_ops.ResizeBilinear(images=images, size=size, half_pixel_centers=True)


def _weighted(x: tf.Tensor, axis: int, matrix: np.ndarray) -> Any:
    found = windows.taps(matrix)
    if found is None:
        return NotImplemented
    lengths = [-1 if i == axis else 1 for i in range(x.shape.rank)]

    # The automatic gradient of what is gathered is scattered, which is slow everywhere.
    @tf.custom_gradient
    def summed(x: tf.Tensor) -> Any:
        terms = [tf.gather(x, place, axis=axis) * tf.cast(weight.reshape(lengths), x.dtype) for place, weight in found]
        return functools.reduce(tf.add, terms), lambda y: _weighted(y, axis, matrix.T)

    return summed(x)


TABLE = {"projected": _projected, "resized": _resized, "weighted": _weighted}
