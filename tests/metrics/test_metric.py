"""Sums, means, names and what users write themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from triceras import losses, metrics, ops
from triceras.backends import registry


@pytest.mark.parametrize(
    ("name", "weight", "expected"),
    [
        ("Sum", None, 10.0),
        ("Sum", [1.0, 0.0], 3.0),
        ("Mean", None, 2.5),
        ("Mean", [1.0, 0.0], 1.5),
        ("Mean", [[1.0, 0.0], [0.0, 3.0]], 13 / 4),
        ("Mean", 2.0, 2.5),
    ],
)
def test_reductions(backend: Any, name: str, weight: Any, expected: float) -> None:
    metric = getattr(metrics, name)()
    assert float(metric([[1.0, 2.0], [3.0, 4.0]], weight)) == pytest.approx(expected)


def test_mean_of_nothing_is_zero(backend: Any) -> None:
    assert float(metrics.Mean().result()) == 0.0


def test_wrapper(backend: Any) -> None:
    metric = metrics.MeanMetricWrapper(losses.mean_squared_error, name="error")
    assert float(metric([[1.0], [2.0]], [[1.0], [4.0]])) == pytest.approx(2.0)
    again = metrics.deserialize(metrics.serialize(metric))
    assert again._fn is losses.mean_squared_error


def test_state_is_float32_under_mixed_precision(backend: Any) -> None:
    from triceras import dtype_policies

    before = dtype_policies.dtype_policy()
    dtype_policies.set_dtype_policy("mixed_float16")
    try:
        metric = metrics.BinaryAccuracy()
        metric.update_state(np.ones((4000, 1)), backend.convert_to_tensor(np.ones((4000, 1), "float16")))
    finally:
        dtype_policies.set_dtype_policy(before)
    assert {v.dtype for v in metric.variables} == {"float32"}
    assert float(metric.count) == 4000


def test_metric_keeps_its_backend() -> None:
    first, *_, last = registry.available_backends()
    with registry.backend_scope(first):
        metric = metrics.Mean()
    with registry.backend_scope(last):
        metric.update_state([1.0, 3.0])
        assert registry.owner_of(metric.result()) is registry.get_backend(first)


class Largest(metrics.Metric):
    """The largest prediction."""

    def __init__(self, name: str = "largest") -> None:
        super().__init__(name=name)
        self.largest = self.add_weight(shape=(), initializer="zeros", name="largest")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.largest.assign(ops.maximum(self.largest, ops.max(y_pred)))

    def result(self) -> Any:
        return self.largest


def test_own_metric(backend: Any) -> None:
    metric = Largest()
    metric.update_state(None, ops.convert_to_tensor([1.0, 5.0]))
    metric.update_state(None, ops.convert_to_tensor([2.0]))
    assert float(metric.result()) == 5.0
    assert [v.path for v in metric.variables] == ["largest/largest"]


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("accuracy", "Accuracy"),
        ("mse", "MeanSquaredError"),
        ("MAE", "MeanAbsoluteError"),
        ("bce", "BinaryCrossentropy"),
        ("auc", "AUC"),
        ("AUC", "AUC"),
        ("precision", "Precision"),
        ("f1_score", "F1Score"),
        ("r2_score", "R2Score"),
        ("hinge", "Hinge"),
        ("TopKCategoricalAccuracy", "TopKCategoricalAccuracy"),
        ("true_positives", "TruePositives"),
    ],
)
def test_names(name: str, cls: str) -> None:
    assert type(metrics.get(name)).__name__ == cls


def test_get() -> None:
    assert metrics.get(None) is None
    assert metrics.get("huber") is losses.huber
    with pytest.raises(ValueError, match=r"Unknown metric: 'acuracy'. Expected an instance"):
        metrics.get("acuracy")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: metrics.Precision(thresholds=[0.5, 2.0]), r"between 0 and 1, received \[2.0\]"),
        (lambda: metrics.AUC(curve="XY"), "unknown curve 'XY'. Expected one of: ROC, PR, PRGAIN"),
        (lambda: metrics.AUC(num_thresholds=1), "num_thresholds is at least 2, received 1"),
        (lambda: metrics.AUC(multi_label=True), "needs num_labels"),
        (lambda: metrics.RecallAtPrecision(1.5), "precision lies between 0 and 1, received 1.5"),
        (lambda: metrics.FBetaScore(average="mean"), "Unknown average 'mean'"),
        (lambda: metrics.F1Score(threshold=2.0), "threshold is a float above 0 and at most 1"),
        (lambda: metrics.F1Score()([1.0], [1.0]), r"takes predictions \(batch, classes\), received the shape \(1,\)"),
        (lambda: metrics.R2Score(class_aggregation="sum"), "Unknown class_aggregation 'sum'"),
        (lambda: metrics.IoU(2, [3]), r"target_class_ids lie between 0 and 1, received \[3\]"),
        (lambda: metrics.MeanIoU(2)([0], [1], [0.5]), "Make it with dtype='float32'"),
        (lambda: metrics.BinaryAccuracy(threshold=1.5), "threshold lies between 0 and 1, received 1.5"),
        (lambda: metrics.Mean().stateless_result([1.0]), "has 2 variables, received 1 values"),
        (lambda: metrics.Metric().result(), r"Metric doesn't define result\(\)"),
    ],
)
def test_bad_input(make: Any, message: str) -> None:
    with pytest.raises((ValueError, NotImplementedError), match=message):
        make()
