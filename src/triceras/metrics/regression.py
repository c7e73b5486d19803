"""Figures of regressions: explained variance and correlations."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.core import settings
from triceras.core.masks import get_mask
from triceras.losses.loss import as_pair, as_tensor
from triceras.losses.regression import unit_vectors
from triceras.metrics.metric import Metric
from triceras.metrics.reduction import MeanMetricWrapper, front_aligned, masked_weight

_AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")


class R2Score(Metric):
    """The coefficient of determination, ``1 - sum((y_true - y_pred)**2) / sum((y_true - mean(y_true))**2)``.

    Args:
        class_aggregation: how outputs come together: ``"uniform_average"``, ``"variance_weighted_average"`` or None for
            not at all.
        num_regressors: the number of independent variables, by which the score is adjusted; 0 for not.
        name, dtype: as for ``Metric``.

    Example:
        >>> round(float(R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]])), 4)
        0.5714
    """

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if class_aggregation not in _AGGREGATIONS:
            known = ", ".join(map(repr, _AGGREGATIONS))
            raise ValueError(f"Unknown class_aggregation {class_aggregation!r}. Expected one of: {known}.")
        if num_regressors < 0:
            raise ValueError(f"num_regressors is at least 0, received {num_regressors!r}.")
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_variable((), "zeros", name="num_samples")

    def build(self, y_true_shape: Any, y_pred_shape: Any) -> None:
        """Make the state, once the number of outputs is known."""
        if len(y_pred_shape) != 2 or y_pred_shape[1] is None:
            raise ValueError(
                f"The metric {self.name!r} takes predictions (batch, outputs), received the shape "
                f"{tuple(y_pred_shape)}."
            )
        shape = (y_pred_shape[1],)
        #: Of the targets' deviations from their mean.
        self.squared_sum = self.add_variable(shape, "zeros", name="squared_sum")
        self.sum = self.add_variable(shape, "zeros", name="sum")
        self.total_mse = self.add_variable(shape, "zeros", name="residual")
        self.count = self.add_variable(shape, "zeros", name="count")
        self.built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        given = masked_weight(get_mask(y_pred), sample_weight, self.dtype)
        y_true, y_pred = as_pair(y_true, as_tensor(y_pred, self.dtype))
        if not self.built:
            self.build(y_true.shape, y_pred.shape)
        weight = ops.ones_like(y_true)
        if given is not None:
            weight = weight * front_aligned(given, y_true)
        count, total = ops.sum(weight, axis=0), ops.sum(weight * y_true, axis=0)
        mean = ops.divide_no_nan(total, count)
        spread = ops.sum(weight * ops.square(y_true - mean), axis=0)
        # Deviations from the mean so far and from this batch's, joined as by Chan, Golub & LeVeque (1983): of targets far from
        # zero, the sum of squares less the square of the sum keeps no digit of the variance.
        distance = ops.square(mean - ops.divide_no_nan(self.sum.value, self.count.value))
        between = distance * ops.divide_no_nan(self.count.value * count, self.count.value + count)
        for variable, value in (
            (self.squared_sum, spread + between),
            (self.sum, total),
            (self.total_mse, ops.sum(weight * ops.square(y_true - y_pred), axis=0)),
            (self.count, count),
        ):
            variable.assign(variable.value + value)
        rows = ops.sum(ops.ones_like(y_true[:, 0]))
        self.num_samples.assign(self.num_samples.value + rows)

    def result(self) -> Tensor:
        variance = self.squared_sum.value
        score = ops.where(variance > 0, 1.0 - ops.divide_no_nan(self.total_mse.value, variance), 0.0)
        if self.class_aggregation == "uniform_average":
            score = ops.mean(score)
        elif self.class_aggregation == "variance_weighted_average":
            score = ops.divide_no_nan(ops.sum(score * variance), ops.sum(variance))
        if self.num_regressors:
            samples = self.num_samples.value
            score = 1.0 - ops.divide_no_nan((1.0 - score) * (samples - 1.0), samples - self.num_regressors - 1.0)
        return score

    def get_config(self) -> dict[str, Any]:
        own = {"class_aggregation": self.class_aggregation, "num_regressors": self.num_regressors}
        return {**super().get_config(), **own}


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """``cov(y_true, y_pred) / (std(y_true) * std(y_pred))`` along an axis.

    Args:
        y_true: targets.
        y_pred: predictions of the same shape.
        axis: what varies.

    Returns:
        The shape without the axis, values -1 … 1.

    Example:
        >>> convert_to_numpy(pearson_correlation([[0.0, 1.0, 2.0]], [[1.0, 2.0, 3.0]])).round(4).tolist()
        [1.0]
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    centered = [unit_vectors(y - ops.mean(y, axis=axis, keepdims=True), axis) for y in (y_true, y_pred)]
    return ops.sum(centered[0] * centered[1], axis=axis)


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """``2 * cov(y_true, y_pred) / (var(y_true) + var(y_pred) + (mean(y_true) - mean(y_pred))**2)`` (Lin 1989).

    Args:
        y_true, y_pred, axis: as for ``pearson_correlation``.

    Returns:
        The shape without the axis, values -1 … 1.
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    means = [ops.mean(y, axis=axis, keepdims=True) for y in (y_true, y_pred)]
    covariance = ops.mean((y_true - means[0]) * (y_pred - means[1]), axis=axis)
    variances = ops.var(y_true, axis=axis) + ops.var(y_pred, axis=axis)
    distance = ops.square(ops.squeeze(means[0] - means[1], axis))
    return 2.0 * covariance / (variances + distance + settings.epsilon())


class PearsonCorrelation(MeanMetricWrapper):
    """The mean of ``pearson_correlation``.

    Args:
        name, dtype: as for ``Metric``.
        axis: what varies.
    """

    def __init__(self, name: str | None = "pearson_correlation", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(pearson_correlation, name, dtype, axis=axis)


class ConcordanceCorrelation(MeanMetricWrapper):
    """The mean of ``concordance_correlation``.

    Args:
        name, dtype: as for ``Metric``.
        axis: what varies.
    """

    def __init__(self, name: str | None = "concordance_correlation", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(concordance_correlation, name, dtype, axis=axis)
