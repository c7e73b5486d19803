"""Counts of right and wrong decisions at thresholds, and precision and recall from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.core.masks import get_mask
from triceras.losses.loss import as_pair, as_tensor
from triceras.metrics.metric import Metric
from triceras.metrics.reduction import front_aligned, masked_weight
from triceras.state.variable import Variable

#: What the predictions left out by ``top_k`` become: below every threshold.
BELOW_ALL = -1e10


def as_thresholds(thresholds: Any, default: float = 0.5) -> list[float]:
    """Thresholds as a list, checked.

    Raises:
        ValueError: one lies outside 0 … 1.
    """
    if thresholds is None:
        return [default]
    listed = [float(t) for t in thresholds] if isinstance(thresholds, Sequence) else [float(thresholds)]
    if wrong := [t for t in listed if not 0 <= t <= 1]:
        raise ValueError(f"Thresholds lie between 0 and 1, received {wrong} in {thresholds!r}.")
    return listed


def as_decisions(
    y_true: Any, y_pred: Any, sample_weight: Any, dtype: str, top_k: int | None = None, class_id: int | None = None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Labels, predictions and weights of one shape; with ``top_k`` all predictions but the k greatest lie below all."""
    weight = masked_weight(get_mask(y_pred), sample_weight, dtype)
    y_true, y_pred = as_pair(y_true, as_tensor(y_pred, dtype))
    if top_k is not None:
        _, indices = ops.top_k(y_pred, k=top_k, sorted=False)
        among = ops.any(ops.one_hot(indices, y_pred.shape[-1], dtype="bool"), axis=-2)
        y_pred = ops.where(among, y_pred, BELOW_ALL)
    if class_id is not None:
        y_true, y_pred = y_true[..., class_id], y_pred[..., class_id]
    if weight is None:
        return y_true, y_pred, None
    if len(weight.shape) == len(y_pred.shape) + 1 and weight.shape[-1] == 1:
        weight = ops.squeeze(weight, -1)
    return y_true, y_pred, ops.broadcast_to(front_aligned(weight, y_pred), ops.shape(y_pred))


def count(
    y_true: Tensor, y_pred: Tensor, weight: Tensor | None, thresholds: list[float], positive: bool, right: bool
) -> Tensor:
    """The weight of the decisions that say ``positive`` and are ``right``, at each threshold: ``(thresholds,)``."""
    of_label = y_true if positive == right else 1.0 - y_true
    if weight is not None:
        of_label = of_label * weight
    sums = []
    for threshold in thresholds:
        said = ops.cast(y_pred > threshold, ops.dtype(y_pred))
        sums.append(ops.sum(of_label * (said if positive else 1.0 - said)))
    return ops.stack(sums)


def _scalar_if_one(values: Tensor) -> Tensor:
    return values[0] if values.shape[0] == 1 else values


class _Count(Metric):
    """How many decisions of one kind there are.

    Args:
        thresholds: what a prediction of 1 exceeds, a number or several between 0 and 1; 0.5 by default.
        name, dtype: as for ``Metric``.
    """

    positive: bool
    right: bool

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.thresholds = as_thresholds(thresholds)
        self.accumulator = self.add_variable((len(self.thresholds),), "zeros", name="accumulator")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred, weight = as_decisions(y_true, y_pred, sample_weight, self.dtype)
        found = count(y_true, y_pred, weight, self.thresholds, self.positive, self.right)
        self.accumulator.assign(self.accumulator.value + found)

    def result(self) -> Tensor:
        return _scalar_if_one(self.accumulator.value)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "thresholds": self.init_thresholds}


class TruePositives(_Count):
    """How many labels of 1 are predicted as 1.

    Args:
        thresholds: what a prediction of 1 exceeds, a number or several between 0 and 1; 0.5 by default.
        name, dtype: as for ``Metric``.

    Example:
        >>> float(TruePositives()([0, 1, 1, 1], [1.0, 0.0, 1.0, 1.0]))
        2.0
    """

    positive, right = True, True


class FalsePositives(_Count):
    """How many labels of 0 are predicted as 1; arguments as for ``TruePositives``."""

    positive, right = True, False


class TrueNegatives(_Count):
    """How many labels of 0 are predicted as 0; arguments as for ``TruePositives``."""

    positive, right = False, True


class FalseNegatives(_Count):
    """How many labels of 1 are predicted as 0; arguments as for ``TruePositives``."""

    positive, right = False, False


class _Ratio(Metric):
    """True positives as a share of themselves and one kind of error."""

    #: The name of the error's variable, and whether its decisions say 1.
    error: str
    error_is_positive: bool

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.thresholds = as_thresholds(thresholds, 0.5 if top_k is None else BELOW_ALL)
        self.top_k = top_k
        self.class_id = class_id
        self.true_positives = self.add_variable((len(self.thresholds),), "zeros", name="true_positives")
        self._errors: Variable = self.add_variable((len(self.thresholds),), "zeros", name=self.error)
        setattr(self, self.error, self._errors)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred, weight = as_decisions(y_true, y_pred, sample_weight, self.dtype, self.top_k, self.class_id)
        hits = count(y_true, y_pred, weight, self.thresholds, True, True)
        errors = count(y_true, y_pred, weight, self.thresholds, self.error_is_positive, False)
        self.true_positives.assign(self.true_positives.value + hits)
        self._errors.assign(self._errors.value + errors)

    def result(self) -> Tensor:
        hits = self.true_positives.value
        return _scalar_if_one(ops.divide_no_nan(hits, hits + self._errors.value))

    def get_config(self) -> dict[str, Any]:
        own = {"thresholds": self.init_thresholds, "top_k": self.top_k, "class_id": self.class_id}
        return {**super().get_config(), **own}


class Precision(_Ratio):
    """The share of predictions of 1 that are right.

    Args:
        thresholds: what a prediction of 1 exceeds, a number or several between 0 and 1; 0.5 by default.
        top_k: how many of a sample's greatest predictions count as 1, in place of a threshold.
        class_id: the class along the last axis that is measured alone.
        name, dtype: as for ``Metric``.

    Example:
        >>> round(float(Precision()([0, 1, 1, 1], [1.0, 0.0, 1.0, 1.0])), 4)
        0.6667
    """

    error, error_is_positive = "false_positives", True


class Recall(_Ratio):
    """The share of labels of 1 that are predicted; arguments as for ``Precision``.

    Example:
        >>> round(float(Recall()([0, 1, 1, 1], [1.0, 0.0, 1.0, 1.0])), 4)
        0.6667
    """

    error, error_is_positive = "false_negatives", False
