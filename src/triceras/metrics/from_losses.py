"""Loss functions as metrics, and the root mean squared error."""

from __future__ import annotations

from typing import Any

from triceras import losses, ops
from triceras.backends.base import Tensor
from triceras.core.masks import get_mask
from triceras.losses.loss import as_pair, as_tensor
from triceras.losses.regression import unit_vectors
from triceras.metrics.reduction import Mean, MeanMetricWrapper, masked_weight


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """The cosine of the angle between targets and predictions: the loss of that name without its minus."""
    y_true, y_pred = as_pair(y_true, y_pred)
    return ops.sum(unit_vectors(y_true, axis) * unit_vectors(y_pred, axis), axis=axis)


class MeanSquaredError(MeanMetricWrapper):
    """The mean of ``losses.mean_squared_error``.

    Args:
        name, dtype: as for ``Metric``.
    """

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_squared_error, name, dtype)


class MeanAbsoluteError(MeanMetricWrapper):
    """The mean of ``losses.mean_absolute_error``.

    Args:
        name, dtype: as for ``Metric``.
    """

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_absolute_error, name, dtype)


class MeanAbsolutePercentageError(MeanMetricWrapper):
    """The mean of ``losses.mean_absolute_percentage_error``.

    Args:
        name, dtype: as for ``Metric``.
    """

    def __init__(self, name: str | None = "mean_absolute_percentage_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """The mean of ``losses.mean_squared_logarithmic_error``.

    Args:
        name, dtype: as for ``Metric``.
    """

    def __init__(self, name: str | None = "mean_squared_logarithmic_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_squared_logarithmic_error, name, dtype)


class LogCoshError(MeanMetricWrapper):
    """The mean of ``losses.log_cosh``.

    Args:
        name, dtype: as for ``Metric``.
    """

    def __init__(self, name: str | None = "logcosh", dtype: Any = None) -> None:
        super().__init__(losses.log_cosh, name, dtype)


class Hinge(MeanMetricWrapper):
    """The mean of ``losses.hinge``.

    Args:
        name, dtype: as for ``Metric``.
    """

    def __init__(self, name: str | None = "hinge", dtype: Any = None) -> None:
        super().__init__(losses.hinge, name, dtype)


class SquaredHinge(MeanMetricWrapper):
    """The mean of ``losses.squared_hinge``.

    Args:
        name, dtype: as for ``Metric``.
    """

    def __init__(self, name: str | None = "squared_hinge", dtype: Any = None) -> None:
        super().__init__(losses.squared_hinge, name, dtype)


class CategoricalHinge(MeanMetricWrapper):
    """The mean of ``losses.categorical_hinge``.

    Args:
        name, dtype: as for ``Metric``.
    """

    def __init__(self, name: str | None = "categorical_hinge", dtype: Any = None) -> None:
        super().__init__(losses.categorical_hinge, name, dtype)


class KLDivergence(MeanMetricWrapper):
    """The mean of ``losses.kl_divergence``.

    Args:
        name, dtype: as for ``Metric``.
    """

    def __init__(self, name: str | None = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(losses.kl_divergence, name, dtype)


class Poisson(MeanMetricWrapper):
    """The mean of ``losses.poisson``.

    Args:
        name, dtype: as for ``Metric``.
    """

    def __init__(self, name: str | None = "poisson", dtype: Any = None) -> None:
        super().__init__(losses.poisson, name, dtype)


class CosineSimilarity(MeanMetricWrapper):
    """The mean cosine of the angle between targets and predictions.

    Args:
        name, dtype: as for ``Metric``.
        axis: the axis of the vectors' components.
    """

    def __init__(self, name: str | None = "cosine_similarity", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(cosine_similarity, name, dtype, axis=axis)


class BinaryCrossentropy(MeanMetricWrapper):
    """The mean of ``losses.binary_crossentropy``.

    Args:
        name, dtype: as for ``Metric``.
        from_logits, label_smoothing: as for the function.
    """

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing}
        super().__init__(losses.binary_crossentropy, name, dtype, **options)


class CategoricalCrossentropy(MeanMetricWrapper):
    """The mean of ``losses.categorical_crossentropy``.

    Args:
        name, dtype: as for ``Metric``.
        from_logits, label_smoothing, axis: as for the function.
    """

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(losses.categorical_crossentropy, name, dtype, **options)


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """The mean of ``losses.sparse_categorical_crossentropy``.

    Args:
        name, dtype: as for ``Metric``.
        from_logits, ignore_class, axis: as for the function.
    """

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        options = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(losses.sparse_categorical_crossentropy, name, dtype, **options)


class RootMeanSquaredError(Mean):
    """The root of the mean of ``(y_true - y_pred)**2``.

    Args:
        name, dtype: as for ``Metric``.

    Example:
        >>> float(RootMeanSquaredError()([[0.0, 1.0]], [[2.0, 3.0]]))
        2.0
    """

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        weight = masked_weight(get_mask(y_pred), sample_weight, self.dtype)
        y_true, y_pred = as_pair(y_true, as_tensor(y_pred, self.dtype))
        super().update_state(ops.square(y_pred - y_true), weight)

    def result(self) -> Tensor:
        return ops.sqrt(super().result())
