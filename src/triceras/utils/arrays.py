"""Small things to do with arrays before training."""

from __future__ import annotations

from typing import Any

import numpy as np

from triceras import ops
from triceras.backends import registry


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """Class indices as one-hot rows.

    Args:
        x: integers from 0, of any shape; a last axis of size one is dropped.
        num_classes: the number of classes, one more than the largest index by default.

    Returns:
        A floating array (a tensor for a tensor) with an axis of classes behind.

    Example:
        >>> to_categorical([0, 2], 3).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    if registry.owner_of(x) is not None:
        x = ops.squeeze(x, -1) if len(x.shape) > 1 and x.shape[-1] == 1 else x
        return ops.one_hot(x, num_classes or int(ops.max(x)) + 1)
    labels = np.asarray(x, np.int64)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    classes = num_classes or int(labels.max()) + 1
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(
            f"The labels lie outside 0 to {classes - 1}: received labels from {labels.min()} to {labels.max()}."
        )
    return np.eye(classes)[labels]


def normalize(x: Any, axis: int = -1, order: int = 2) -> Any:
    """An array divided by its norms along an axis; rows of zeros stay zeros.

    Args:
        x: an array or tensor.
        axis: the axis.
        order: of the norm.
    """
    if registry.owner_of(x) is not None:
        return ops.normalize(x, axis=axis, order=order)
    norms = np.atleast_1d(np.linalg.norm(x, order, axis))
    norms[norms == 0] = 1
    return np.asarray(x) / np.expand_dims(norms, axis)
