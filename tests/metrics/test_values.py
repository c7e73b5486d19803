"""Every metric against keras on each backend, eagerly and as a pure function."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests import black_box
from triceras import metrics, ops
from triceras.core import masks
from triceras.metrics.metric import Metric

_draw = np.random.default_rng(0)
REAL, OTHER, SHARE, PREDICTED = (_draw.random((2, 8, 3)).astype("float32") for _ in range(4))
BINARY = _draw.integers(0, 2, (2, 8, 3)).astype("float32")
CLASSES, SAID = (_draw.integers(0, 3, (2, 8)).astype("int32") for _ in range(2))
HOT = np.eye(3, dtype="float32")[CLASSES]
SORTED = np.argsort(-PREDICTED, axis=-1).astype("int32")
FLAT_BINARY, FLAT_PREDICTED = BINARY[..., 0], PREDICTED[..., 0]
WEIGHT = _draw.random((2, 8)).astype("float32")

#: (class, its arguments, two batches of targets, two of predictions)
ROWS: list[tuple[str, dict[str, Any], Any, Any]] = [
    ("Accuracy", {}, CLASSES[..., None], SAID[..., None]),
    ("BinaryAccuracy", {"threshold": 0.4}, BINARY, PREDICTED),
    ("BinaryAccuracy", {}, FLAT_BINARY[..., None], FLAT_PREDICTED[..., None]),
    ("CategoricalAccuracy", {}, HOT, PREDICTED),
    ("SparseCategoricalAccuracy", {}, CLASSES, PREDICTED),
    ("SparseCategoricalAccuracy", {}, CLASSES[..., None], PREDICTED),
    ("TopKCategoricalAccuracy", {"k": 2}, HOT, PREDICTED),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, CLASSES, PREDICTED),
    ("SparseTopKCategoricalAccuracy", {"k": 2, "from_sorted_ids": True}, CLASSES, SORTED),
    ("MeanSquaredError", {}, REAL, OTHER),
    ("MeanAbsoluteError", {}, REAL, OTHER),
    ("MeanAbsolutePercentageError", {}, REAL, OTHER),
    ("MeanSquaredLogarithmicError", {}, REAL, OTHER),
    ("RootMeanSquaredError", {}, REAL, OTHER),
    ("CosineSimilarity", {}, REAL, OTHER),
    ("LogCoshError", {}, REAL, OTHER),
    ("Hinge", {}, BINARY, OTHER),
    ("SquaredHinge", {}, BINARY, OTHER),
    ("CategoricalHinge", {}, HOT, OTHER),
    ("KLDivergence", {}, SHARE, PREDICTED),
    ("Poisson", {}, SHARE, PREDICTED),
    ("BinaryCrossentropy", {"label_smoothing": 0.1}, BINARY, PREDICTED),
    ("CategoricalCrossentropy", {"from_logits": True}, HOT, PREDICTED),
    ("SparseCategoricalCrossentropy", {}, CLASSES, PREDICTED),
    ("PearsonCorrelation", {}, REAL, OTHER),
    ("ConcordanceCorrelation", {}, REAL, OTHER),
    ("R2Score", {}, REAL, OTHER),
    ("R2Score", {"class_aggregation": None}, REAL, OTHER),
    ("R2Score", {"class_aggregation": "variance_weighted_average", "num_regressors": 1}, REAL[..., :1], OTHER[..., :1]),
    *((name, {}, BINARY, PREDICTED) for name in ("TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives")),
    ("TruePositives", {"thresholds": [0.6, 0.3]}, BINARY, PREDICTED),
    *(
        (name, options, BINARY, PREDICTED)
        for name in ("Precision", "Recall")
        for options in ({}, {"thresholds": [0.3, 0.6]}, {"top_k": 1}, {"class_id": 1}, {"top_k": 2, "class_id": 1})
    ),
    ("AUC", {}, BINARY, PREDICTED),
    ("AUC", {"curve": "PR"}, BINARY, PREDICTED),
    ("AUC", {"curve": "PR", "summation_method": "majoring"}, BINARY, PREDICTED),
    ("AUC", {"summation_method": "minoring", "num_thresholds": 7}, BINARY, PREDICTED),
    ("AUC", {"curve": "PRGAIN"}, BINARY, PREDICTED),
    ("AUC", {"thresholds": [0.2, 0.5, 0.8]}, BINARY, PREDICTED),
    ("AUC", {"multi_label": True, "num_labels": 3}, BINARY, PREDICTED),
    ("AUC", {"multi_label": True, "num_labels": 3, "label_weights": [1.0, 2.0, 3.0]}, BINARY, PREDICTED),
    ("AUC", {"from_logits": True}, BINARY, 10 * OTHER - 5),
    ("SensitivityAtSpecificity", {"specificity": 0.4}, BINARY, PREDICTED),
    ("SpecificityAtSensitivity", {"sensitivity": 0.6, "num_thresholds": 20}, BINARY, PREDICTED),
    ("PrecisionAtRecall", {"recall": 0.6, "class_id": 1}, BINARY, PREDICTED),
    ("RecallAtPrecision", {"precision": 0.4}, BINARY, PREDICTED),
    ("F1Score", {}, HOT, PREDICTED),
    ("F1Score", {"average": "weighted", "threshold": 0.4}, BINARY, PREDICTED),
    ("FBetaScore", {"beta": 2.0, "average": "micro"}, HOT, PREDICTED),
    ("FBetaScore", {"beta": 0.5, "average": "macro"}, HOT, PREDICTED),
    ("IoU", {"num_classes": 3, "target_class_ids": [0, 2], "dtype": "float32"}, CLASSES, SAID),
    ("IoU", {"num_classes": 3, "target_class_ids": [0, 1], "ignore_class": 2, "dtype": "float32"}, CLASSES, SAID),
    ("MeanIoU", {"num_classes": 3, "dtype": "float32"}, CLASSES, SAID),
    ("BinaryIoU", {"threshold": 0.4, "dtype": "float32"}, FLAT_BINARY, FLAT_PREDICTED),
    ("OneHotIoU", {"num_classes": 3, "target_class_ids": [1], "dtype": "float32"}, HOT, PREDICTED),
    ("OneHotMeanIoU", {"num_classes": 3, "dtype": "float32"}, HOT, PREDICTED),
]
CASES = [(row, weighted) for row in ROWS for weighted in (False, True)]


@pytest.fixture(scope="module")
def expected() -> list[Any]:
    code = """
def answer(row):
    name, options, targets, predictions, types, weights = row
    metric = getattr(keras.metrics, name)(**options)
    for i in range(2):
        y_true, y_pred = np.array(targets[i], types[0]), np.array(predictions[i], types[1])
        metric.update_state(y_true, y_pred, None if weights is None else np.array(weights[i], "float32"))
    return plain(metric.result())
"""
    rows = [
        (name, options, t.tolist(), p.tolist(), [str(t.dtype), str(p.dtype)], WEIGHT.tolist() if weighted else None)
        for (name, options, t, p), weighted in CASES
    ]
    return black_box.run(code, rows)


def _make(row: Any) -> Metric:
    return getattr(metrics, row[0])(**row[1])


def _batches(row: Any, weighted: bool, backend: Any) -> list[Any]:
    return [(row[2][i], backend.convert_to_tensor(row[3][i]), WEIGHT[i] if weighted else None) for i in range(2)]


def _same(result: Any, expected: Any) -> None:
    np.testing.assert_allclose(ops.convert_to_numpy(result), expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("case", range(len(CASES)), ids=lambda i: f"{CASES[i][0][0]}-{i}")
def test_value_is_that_of_keras(backend: Any, expected: list[Any], case: int) -> None:
    row, weighted = CASES[case]
    assert not isinstance(expected[case], str), expected[case]
    metric = _make(row)
    for batch in _batches(row, weighted, backend):
        metric.update_state(*batch)
    _same(metric.result(), expected[case])
    metric.reset_state()
    assert all(not np.any(v.numpy()) for v in metric.variables)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_compiled_pure_form(backend: Any, row: Any) -> None:
    """The state goes in and out as values, with nothing that depends on them decided in Python."""
    eager, pure = _make(row), _make(row)
    pure.build(row[2][0].shape, row[3][0].shape)

    def step(state: list[Any], y_true: Any, y_pred: Any, weight: Any) -> list[Any]:
        return pure.stateless_update_state(state, y_true, y_pred, weight)

    compiled = backend.compile(step)
    state = pure.stateless_reset_state()
    for y_true, y_pred, weight in _batches(row, True, backend):
        eager.update_state(y_true, y_pred, weight)
        state = compiled(state, backend.convert_to_tensor(y_true), y_pred, backend.convert_to_tensor(weight))
    _same(backend.compile(pure.stateless_result)(state), ops.convert_to_numpy(eager.result()))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_masked_samples_do_not_count(backend: Any, row: Any) -> None:
    """A mask is a weight of zero, in every metric."""
    kept = np.array([True, False, True, True, False, True, False, True])
    masked, weighted = _make(row), _make(row)
    for y_true, y_pred, weight in _batches(row, True, backend):
        weighted.update_state(y_true, y_pred, weight * kept)
        with masks.table():
            masks.set_mask(y_pred, backend.convert_to_tensor(kept))
            masked.update_state(y_true, y_pred, weight)
    _same(masked.result(), ops.convert_to_numpy(weighted.result()))


def test_variance_of_targets_far_from_zero(backend: Any) -> None:
    """Where the sum of squares has no digit left for it."""
    y_true = (2000 + np.arange(60) % 7).astype("float32")[:, None]
    y_pred = y_true + np.cos(np.arange(60)).astype("float32")[:, None]
    metric = metrics.R2Score()
    for i in range(0, 60, 16):
        metric.update_state(y_true[i : i + 16], backend.convert_to_tensor(y_pred[i : i + 16]))
    wide = y_true.astype("float64")
    expected = 1 - ((wide - y_pred) ** 2).sum() / ((wide - wide.mean()) ** 2).sum()
    np.testing.assert_allclose(ops.convert_to_numpy(metric.result()), expected, rtol=1e-6)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_config_makes_it_again(row: Any) -> None:
    metric = _make((row[0], {**row[1], "name": "mine"}))
    again = metrics.deserialize(metrics.serialize(metric))
    assert type(again) is type(metric)
    assert again.get_config() == metric.get_config()
    assert metrics.serialize(metric)["module"] == "keras.metrics"


def test_every_metric_has_a_row() -> None:
    tested = {row[0] for row in ROWS} | {"Mean", "Sum", "Metric", "MeanMetricWrapper"}
    assert {cls.__name__ for cls in metrics.CLASSES} == tested
