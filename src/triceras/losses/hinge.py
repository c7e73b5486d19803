"""Hinge losses: a margin between right and wrong."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.losses.loss import LossFunctionWrapper, as_pair


def signed_labels(y_true: Tensor) -> Tensor:
    """Labels of -1 and 1; where all given ones are 0 or 1, zeros become -1."""
    are_binary = ops.all(ops.logical_or(ops.equal(y_true, 0), ops.equal(y_true, 1)))
    return ops.where(are_binary, 2.0 * y_true - 1.0, y_true)


def hinge(y_true: Any, y_pred: Any) -> Tensor:
    """The mean over the last axis of ``max(1 - y_true * y_pred, 0)``.

    Args:
        y_true: labels, -1 and 1, or 0 and 1.
        y_pred: predictions of the same shape.

    Returns:
        The shape without its last axis.

    Example:
        >>> convert_to_numpy(hinge([[-1.0, 1.0]], [[0.5, 0.5]])).tolist()
        [1.0]
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    return ops.mean(ops.maximum(1.0 - signed_labels(y_true) * y_pred, 0.0), axis=-1)


def squared_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """The mean over the last axis of ``max(1 - y_true * y_pred, 0)**2``; arguments as for ``hinge``."""
    y_true, y_pred = as_pair(y_true, y_pred)
    return ops.mean(ops.square(ops.maximum(1.0 - signed_labels(y_true) * y_pred, 0.0)), axis=-1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """``max(wrong - right + 1, 0)``, right being the prediction for the true class, wrong the greatest other one.

    Args:
        y_true: one-hot labels.
        y_pred: predictions of the same shape.

    Returns:
        The shape without its last axis.
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    right = ops.sum(y_true * y_pred, axis=-1)
    wrong = ops.max((1.0 - y_true) * y_pred, axis=-1)
    return ops.maximum(wrong - right + 1.0, 0.0)


class Hinge(LossFunctionWrapper):
    """``hinge`` as a loss; arguments as for ``Loss``."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "hinge", dtype: Any = None
    ) -> None:
        super().__init__(hinge, reduction, name, dtype)


class SquaredHinge(LossFunctionWrapper):
    """``squared_hinge`` as a loss; arguments as for ``Loss``."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "squared_hinge", dtype: Any = None
    ) -> None:
        super().__init__(squared_hinge, reduction, name, dtype)


class CategoricalHinge(LossFunctionWrapper):
    """``categorical_hinge`` as a loss; arguments as for ``Loss``."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "categorical_hinge", dtype: Any = None
    ) -> None:
        super().__init__(categorical_hinge, reduction, name, dtype)
