"""Figures of whole curves: areas, and the best of one rate where another is at least some value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from triceras import ops
from triceras.backends.base import Tensor
from triceras.core import objects, settings
from triceras.metrics.confusion import as_decisions
from triceras.metrics.metric import Metric


def even_thresholds(number: int) -> list[float]:
    """Thresholds spread evenly over 0 … 1, the first just below and the last just above."""
    inner = [i / (number - 1) for i in range(1, number - 1)]
    return [-settings.epsilon(), *inner, 1.0 + settings.epsilon()]


class _Curve(Metric):
    """The four counts at each of many thresholds.

    Each prediction is filed between its two thresholds; sums from either end then give the counts, so that a batch costs
    its size and not its size times the thresholds.
    """

    def __init__(self, thresholds: list[float], labels: int | None, name: str | None, dtype: Any) -> None:
        super().__init__(name=name, dtype=dtype)
        self._thresholds = np.array(thresholds, "float32")
        self._make_counts(labels)

    def _make_counts(self, labels: int | None) -> None:
        shape = (len(self._thresholds),) if labels is None else (len(self._thresholds), labels)
        self.true_positives = self.add_variable(shape, "zeros", name="true_positives")
        self.false_positives = self.add_variable(shape, "zeros", name="false_positives")
        self.true_negatives = self.add_variable(shape, "zeros", name="true_negatives")
        self.false_negatives = self.add_variable(shape, "zeros", name="false_negatives")

    def _count(self, y_true: Tensor, y_pred: Tensor, weight: Tensor | None) -> None:
        """Take in labels and predictions of shape ``(n,)``, or ``(n, labels)`` with a curve each."""
        number = len(self._thresholds)
        labels = 1 if len(self.true_positives.shape) == 1 else self.true_positives.shape[1]
        place = ops.searchsorted(ops.convert_to_tensor(self._thresholds), ops.reshape(y_pred, (-1,)), side="left")
        place = ops.reshape(ops.cast(place, "int32"), (-1, labels))
        place = ops.reshape(place * labels + ops.arange(labels, dtype="int32"), (-1,))
        weights = ops.ones_like(y_true) if weight is None else weight
        for label, hit, miss in (
            (y_true, self.true_positives, self.false_negatives),
            (1.0 - y_true, self.false_positives, self.true_negatives),
        ):
            sums = ops.segment_sum(ops.reshape(label * weights, (-1,)), place, num_segments=(number + 1) * labels)
            below = ops.cumsum(ops.reshape(sums, (number + 1, labels)), axis=0)
            not_above = ops.reshape(below[:-1], hit.shape)
            total = below[-1] if len(hit.shape) == 2 else below[-1, 0]
            hit.assign(hit.value + total - not_above)
            miss.assign(miss.value + not_above)


_CURVES = ("ROC", "PR", "PRGAIN")
_SUMMATIONS = ("interpolation", "minoring", "majoring")


class AUC(_Curve):
    """The area under the ROC curve or the precision-recall curve, by sums over thresholds.

    Args:
        num_thresholds: how many, at least 2.
        curve: ``"ROC"``, ``"PR"`` or ``"PRGAIN"``.
        summation_method: ``"interpolation"`` (trapezoids; for PR the interpolation of Davis & Goadrich 2006),
            ``"minoring"`` (the lower end of each interval) or ``"majoring"`` (the upper).
        name, dtype: as for ``Metric``.
        thresholds: thresholds between 0 and 1 in place of even ones.
        multi_label: whether each label has a curve of its own, whose areas are averaged.
        num_labels: how many labels there are, with ``multi_label``.
        label_weights: their weights in the average.
        from_logits: whether predictions are logits.

    Example:
        >>> float(AUC(num_thresholds=3)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9]))
        0.75
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        for what, value, known in (
            ("curve", curve.upper(), _CURVES),
            ("summation_method", summation_method.lower(), _SUMMATIONS),
        ):
            if value not in known:
                raise ValueError(f"AUC: unknown {what} {value!r}. Expected one of: {', '.join(known)}.")
        if thresholds is None and num_thresholds < 2:
            raise ValueError(f"AUC: num_thresholds is at least 2, received {num_thresholds!r}.")
        self.init_thresholds = None if thresholds is None else sorted(thresholds)
        ends = (-settings.epsilon(), 1.0 + settings.epsilon())
        listed = even_thresholds(num_thresholds) if thresholds is None else [ends[0], *sorted(thresholds), ends[1]]
        self.num_thresholds = len(listed)
        self.curve = curve.upper()
        self.summation_method = summation_method.lower()
        self.multi_label = multi_label
        if isinstance(label_weights, dict):  # from a file, as a tensor
            label_weights = ops.convert_to_numpy(objects.deserialize_keras_object(label_weights))
        self.label_weights = None if label_weights is None else [float(w) for w in label_weights]
        self.num_labels = num_labels
        self.from_logits = from_logits
        labels = num_labels if num_labels is not None else len(label_weights) if label_weights is not None else None
        if multi_label and labels is None:
            raise ValueError("AUC: multi_label=True needs num_labels, the size of the predictions' last axis.")
        super().__init__(listed, labels if multi_label else None, name, dtype)

    @property
    def thresholds(self) -> list[float]:
        """The thresholds, those just outside 0 … 1 included."""
        return self._thresholds.tolist()

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred, weight = as_decisions(y_true, y_pred, sample_weight, self.dtype)
        y_pred = ops.sigmoid(y_pred) if self.from_logits else y_pred
        if not self.multi_label and self.label_weights is not None:
            weights = ops.convert_to_tensor(self.label_weights, ops.dtype(y_pred))
            weight = (ops.ones_like(y_pred) if weight is None else weight) * weights
        self._count(y_true, y_pred, weight)

    def result(self) -> Tensor:
        hits, false_alarms = self.true_positives.value, self.false_positives.value
        misses = self.false_negatives.value
        if self.curve == "PR" and self.summation_method == "interpolation":
            areas = self._interpolated_pr(hits, false_alarms, misses)
        else:
            x, y = self._axes(hits, false_alarms, misses)
            heights = {"interpolation": lambda a, b: (a + b) / 2.0, "minoring": ops.minimum, "majoring": ops.maximum}
            areas = ops.sum((x[:-1] - x[1:]) * heights[self.summation_method](y[:-1], y[1:]), axis=0)
        if not self.multi_label:
            return areas
        if self.label_weights is None:
            return ops.mean(areas)
        weights = ops.convert_to_tensor(self.label_weights, ops.dtype(areas))
        return ops.divide_no_nan(ops.sum(areas * weights), ops.sum(weights))

    def _axes(self, hits: Tensor, false_alarms: Tensor, misses: Tensor) -> tuple[Tensor, Tensor]:
        """The coordinates of the curve's points."""
        recall = ops.divide_no_nan(hits, hits + misses)
        if self.curve == "ROC":
            return ops.divide_no_nan(false_alarms, false_alarms + self.true_negatives.value), recall
        precision = ops.divide_no_nan(hits, hits + false_alarms)
        if self.curve == "PR":
            return recall, precision
        # Flach & Kull 2015: both axes on the scale of harmonic means, with the share of positives as the origin. Points
        # worse than saying 1 always have no recall gain.
        positives, negatives = hits + misses, false_alarms + self.true_negatives.value
        odds = ops.divide_no_nan(positives, negatives)
        gain_precision = 1.0 - odds * ops.divide_no_nan(false_alarms, hits)
        gain_recall = 1.0 - odds * ops.divide_no_nan(misses, hits)
        return ops.where(hits > 0, ops.maximum(gain_recall, 0.0), 0.0), gain_precision

    def _interpolated_pr(self, hits: Tensor, false_alarms: Tensor, misses: Tensor) -> Tensor:
        """The area where true and false positives, not precision, go linearly from point to point."""
        positives = hits + false_alarms
        step = hits[:-1] - hits[1:]
        slope = ops.divide_no_nan(step, ops.maximum(positives[:-1] - positives[1:], 0.0))
        intercept = hits[1:] - slope * positives[1:]
        both = ops.logical_and(positives[:-1] > 0, positives[1:] > 0)
        ratio = ops.where(both, ops.divide_no_nan(positives[:-1], ops.maximum(positives[1:], 0.0)), 1.0)
        area = slope * (step + intercept * ops.log(ratio))
        return ops.sum(ops.divide_no_nan(area, ops.maximum(hits[1:] + misses[1:], 0.0)), axis=0)

    def get_config(self) -> dict[str, Any]:
        config = {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": self.label_weights,
            "from_logits": self.from_logits,
        }
        return config if self.init_thresholds is None else {**config, "thresholds": list(self.init_thresholds)}


class _BestWhere(_Curve):
    """The best of one rate among the thresholds at which another is at least some value."""

    #: The argument that holds that value.
    bound: str

    def __init__(self, value: float, num_thresholds: int, class_id: int | None, name: str | None, dtype: Any) -> None:
        if not 0 <= value <= 1:
            raise ValueError(f"{type(self).__name__}: {self.bound} lies between 0 and 1, received {value!r}.")
        if num_thresholds < 1:
            raise ValueError(f"{type(self).__name__}: num_thresholds is at least 1, received {num_thresholds!r}.")
        super().__init__([0.5] if num_thresholds == 1 else even_thresholds(num_thresholds), None, name, dtype)
        self.value = value
        self.num_thresholds = num_thresholds
        self.class_id = class_id
        setattr(self, self.bound, value)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self._count(*as_decisions(y_true, y_pred, sample_weight, self.dtype, class_id=self.class_id))

    def rates(self) -> tuple[Tensor, Tensor]:
        """The rate that is bounded, and the one that is wanted, at each threshold."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define rates().")

    def result(self) -> Tensor:
        bounded, wanted = self.rates()
        return ops.max(ops.where(bounded >= self.value, wanted, 0.0))

    def _share(self, count: str, rest: str) -> Tensor:
        part = getattr(self, count).value
        return ops.divide_no_nan(part, part + getattr(self, rest).value)

    def get_config(self) -> dict[str, Any]:
        own = {"class_id": self.class_id, "num_thresholds": self.num_thresholds, self.bound: self.value}
        return {**super().get_config(), **own}


class SensitivityAtSpecificity(_BestWhere):
    """The greatest sensitivity among the thresholds whose specificity is at least some value.

    Args:
        specificity: that value, between 0 and 1.
        num_thresholds: how many thresholds are tried.
        class_id: the class along the last axis that is measured alone.
        name, dtype: as for ``Metric``.
    """

    bound = "specificity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name, dtype)

    def rates(self) -> tuple[Tensor, Tensor]:
        return self._share("true_negatives", "false_positives"), self._share("true_positives", "false_negatives")


class SpecificityAtSensitivity(_BestWhere):
    """The greatest specificity among the thresholds whose sensitivity is at least some value.

    Args:
        sensitivity: that value, between 0 and 1.
        num_thresholds: how many thresholds are tried.
        class_id: the class along the last axis that is measured alone.
        name, dtype: as for ``Metric``.
    """

    bound = "sensitivity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)

    def rates(self) -> tuple[Tensor, Tensor]:
        return self._share("true_positives", "false_negatives"), self._share("true_negatives", "false_positives")


class PrecisionAtRecall(_BestWhere):
    """The greatest precision among the thresholds whose recall is at least some value.

    Args:
        recall: that value, between 0 and 1.
        num_thresholds: how many thresholds are tried.
        class_id: the class along the last axis that is measured alone.
        name, dtype: as for ``Metric``.
    """

    bound = "recall"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name, dtype)

    def rates(self) -> tuple[Tensor, Tensor]:
        return self._share("true_positives", "false_negatives"), self._share("true_positives", "false_positives")


class RecallAtPrecision(_BestWhere):
    """The greatest recall among the thresholds whose precision is at least some value.

    Args:
        precision: that value, between 0 and 1.
        num_thresholds: how many thresholds are tried.
        class_id: the class along the last axis that is measured alone.
        name, dtype: as for ``Metric``.
    """

    bound = "precision"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name, dtype)

    def rates(self) -> tuple[Tensor, Tensor]:
        return self._share("true_positives", "false_positives"), self._share("true_positives", "false_negatives")
