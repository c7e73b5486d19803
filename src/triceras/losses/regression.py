"""Losses between real values, and between probability distributions."""

from __future__ import annotations

import math
from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.core import settings
from triceras.losses.loss import LossFunctionWrapper, as_pair


def mean_squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean over the last axis of ``(y_true - y_pred)**2``.

    Args:
        y_true: targets.
        y_pred: predictions of the same shape.

    Returns:
        The shape without its last axis.

    Example:
        >>> convert_to_numpy(mean_squared_error([[0.0, 2.0]], [[1.0, 1.0]])).tolist()
        [1.0]
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean over the last axis of ``abs(y_true - y_pred)``; arguments as for ``mean_squared_error``."""
    y_true, y_pred = as_pair(y_true, y_pred)
    return ops.mean(ops.abs(y_true - y_pred), axis=-1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Tensor:
    """``100 * mean(abs((y_true - y_pred) / y_true))`` over the last axis, the divisor at least ``config.epsilon()``."""
    y_true, y_pred = as_pair(y_true, y_pred)
    share = ops.abs((y_true - y_pred) / ops.maximum(ops.abs(y_true), settings.epsilon()))
    return 100.0 * ops.mean(share, axis=-1)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean over the last axis of ``(log(y_true + 1) - log(y_pred + 1))**2``, both at least ``config.epsilon()``."""
    y_true, y_pred = as_pair(y_true, y_pred)
    logarithms = [ops.log(ops.maximum(y, settings.epsilon()) + 1.0) for y in (y_true, y_pred)]
    return ops.mean(ops.square(logarithms[1] - logarithms[0]), axis=-1)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Tensor:
    """Squared up to an error of delta, linear beyond (Huber 1964), as a mean over the last axis.

    Args:
        y_true, y_pred: as for ``mean_squared_error``.
        delta: where the two meet.

    Example:
        >>> convert_to_numpy(huber([[0.0, 0.0]], [[1.0, 3.0]])).tolist()
        [1.5]
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    error = ops.abs(y_pred - y_true)
    return ops.mean(ops.where(error <= delta, 0.5 * ops.square(error), delta * error - 0.5 * delta * delta), axis=-1)


def log_cosh(y_true: Any, y_pred: Any) -> Tensor:
    """The mean over the last axis of ``log(cosh(y_pred - y_true))``, without overflow.

    Example:
        >>> round(float(log_cosh([[0.0]], [[1.0]])[0]), 4)
        0.4338
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    error = y_pred - y_true
    return ops.mean(error + ops.softplus(error * -2.0) - math.log(2.0), axis=-1)


def kl_divergence(y_true: Any, y_pred: Any) -> Tensor:
    """``sum(y_true * log(y_true / y_pred))`` over the last axis, both clipped to ``config.epsilon()`` … 1."""
    y_true, y_pred = as_pair(y_true, y_pred)
    y_true, y_pred = (ops.clip(y, settings.epsilon(), 1.0) for y in (y_true, y_pred))
    return ops.sum(y_true * ops.log(y_true / y_pred), axis=-1)


def poisson(y_true: Any, y_pred: Any) -> Tensor:
    """The mean over the last axis of ``y_pred - y_true * log(y_pred + config.epsilon())``."""
    y_true, y_pred = as_pair(y_true, y_pred)
    return ops.mean(y_pred - y_true * ops.log(y_pred + settings.epsilon()), axis=-1)


def unit_vectors(x: Tensor, axis: int) -> Tensor:
    """Vectors along an axis divided by their length; a vector of zeros stays one."""
    squares = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return x * ops.rsqrt(ops.maximum(squares, 1e-12))


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """Minus the cosine of the angle between targets and predictions.

    Args:
        y_true, y_pred: vectors of the same shape.
        axis: the axis of their components.

    Returns:
        The shape without that axis, values -1 (same direction) … 1.

    Example:
        >>> convert_to_numpy(cosine_similarity([[0.0, 2.0]], [[0.0, 1.0]])).tolist()
        [-1.0]
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    return -ops.sum(unit_vectors(y_true, axis) * unit_vectors(y_pred, axis), axis=axis)


class MeanSquaredError(LossFunctionWrapper):
    """``mean_squared_error`` as a loss; arguments as for ``Loss``.

    Example:
        >>> float(MeanSquaredError()([[0.0, 2.0]], [[1.0, 1.0]]))
        1.0
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "mean_squared_error", dtype: Any = None
    ) -> None:
        super().__init__(mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(LossFunctionWrapper):
    """``mean_absolute_error`` as a loss; arguments as for ``Loss``."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "mean_absolute_error", dtype: Any = None
    ) -> None:
        super().__init__(mean_absolute_error, reduction, name, dtype)


class MeanAbsolutePercentageError(LossFunctionWrapper):
    """``mean_absolute_percentage_error`` as a loss; arguments as for ``Loss``."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_percentage_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_absolute_percentage_error, reduction, name, dtype)


class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """``mean_squared_logarithmic_error`` as a loss; arguments as for ``Loss``."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_squared_logarithmic_error, reduction, name, dtype)


class Huber(LossFunctionWrapper):
    """``huber`` as a loss.

    Args:
        delta: where squared becomes linear.
        reduction, name, dtype: as for ``Loss``.
    """

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(huber, reduction, name, dtype, delta=delta)


class LogCosh(LossFunctionWrapper):
    """``log_cosh`` as a loss; arguments as for ``Loss``."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "log_cosh", dtype: Any = None
    ) -> None:
        super().__init__(log_cosh, reduction, name, dtype)


class KLDivergence(LossFunctionWrapper):
    """``kl_divergence`` as a loss; arguments as for ``Loss``."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "kl_divergence", dtype: Any = None
    ) -> None:
        super().__init__(kl_divergence, reduction, name, dtype)


class Poisson(LossFunctionWrapper):
    """``poisson`` as a loss; arguments as for ``Loss``."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "poisson", dtype: Any = None
    ) -> None:
        super().__init__(poisson, reduction, name, dtype)


class CosineSimilarity(LossFunctionWrapper):
    """``cosine_similarity`` as a loss.

    Args:
        axis: the axis of the vectors' components.
        reduction, name, dtype: as for ``Loss``.
    """

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: Any = None,
    ) -> None:
        super().__init__(cosine_similarity, reduction, name, dtype, axis=axis)
