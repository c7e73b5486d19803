"""Accuracies: how often predictions are right."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.losses.loss import as_pair, as_tensor
from triceras.metrics.reduction import MeanMetricWrapper


def accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1.0 where predictions equal targets, as a mean over the last axis.

    Args:
        y_true: targets.
        y_pred: predictions of the same shape.

    Returns:
        The shape without its last axis; values per sample where there is only one axis.
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    return _mean_over_last(ops.cast(ops.equal(y_true, y_pred), ops.dtype(y_pred)))


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Tensor:
    """1.0 where predictions lie on their targets' side of a threshold, as a mean over the last axis.

    Args:
        y_true: targets, 0 or 1.
        y_pred: predictions of the same shape.
        threshold: what predictions of 1 exceed.

    Returns:
        The shape without its last axis; values per sample where there is only one axis.

    Example:
        >>> convert_to_numpy(binary_accuracy([[1, 0]], [[0.9, 0.8]])).tolist()
        [0.5]
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    dtype = ops.dtype(y_pred)
    return _mean_over_last(ops.cast(ops.equal(y_true, ops.cast(y_pred > threshold, dtype)), dtype))


def _mean_over_last(values: Tensor) -> Tensor:
    return ops.mean(values, axis=-1) if len(values.shape) > 1 else values


def categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1.0 where the greatest prediction is that of the true class, of one-hot targets.

    Args:
        y_true: one-hot targets.
        y_pred: predictions of the same shape.

    Returns:
        The shape without its last axis.
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    hits = ops.equal(ops.argmax(y_true, axis=-1), ops.argmax(y_pred, axis=-1))
    return ops.cast(hits, ops.dtype(y_pred))


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1.0 where the greatest prediction is that of the true class, of class indices.

    Args:
        y_true: class indices in the shape of ``y_pred`` without its last axis, or with size one there.
        y_pred: predictions.

    Returns:
        The shape of ``y_pred`` without its last axis.

    Example:
        >>> convert_to_numpy(sparse_categorical_accuracy([1, 0], [[0.2, 0.8], [0.3, 0.7]])).tolist()
        [1.0, 0.0]
    """
    y_true, y_pred = _indices_and_scores(y_true, y_pred)
    return ops.cast(ops.equal(y_true, ops.cast(ops.argmax(y_pred, axis=-1), "int32")), ops.dtype(y_pred))


def _indices_and_scores(y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    y_true, y_pred = as_tensor(y_true, "int32"), as_tensor(y_pred, None)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    return y_true, y_pred


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Tensor:
    """1.0 where the true class is among the k greatest predictions, of one-hot targets.

    Args:
        y_true: one-hot targets.
        y_pred: predictions of the same shape.
        k: how many predictions count.

    Returns:
        The shape without its last axis.
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    return sparse_top_k_categorical_accuracy(ops.argmax(y_true, axis=-1), y_pred, k=k)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False) -> Tensor:
    """1.0 where the true class is among the k greatest predictions, of class indices.

    Args:
        y_true: class indices in the shape of ``y_pred`` without its last axis.
        y_pred: predictions, or with ``from_sorted_ids`` class indices from the likeliest on.
        k: how many predictions count.
        from_sorted_ids: whether ``y_pred`` holds sorted class indices.

    Returns:
        The shape of ``y_pred`` without its last axis.

    Example:
        >>> convert_to_numpy(sparse_top_k_categorical_accuracy([2], [[0.5, 0.2, 0.3]], k=2)).tolist()
        [1.0]
    """
    y_true, y_pred = _indices_and_scores(y_true, y_pred)
    dtype = ops.dtype(y_pred)
    if from_sorted_ids:
        hits = ops.any(ops.equal(ops.cast(y_pred[..., :k], "int32"), ops.expand_dims(y_true, -1)), axis=-1)
        return ops.cast(hits, dtype if "float" in dtype else "float32")
    # The place of the true class needs no sorting: it is the number of greater predictions, ties going by index.
    index = ops.expand_dims(y_true, -1)
    score = ops.take_along_axis(y_pred, index, axis=-1)
    before = ops.arange(y_pred.shape[-1], dtype="int32") < index
    ahead = ops.logical_or(y_pred > score, ops.logical_and(ops.equal(y_pred, score), before))
    place = ops.sum(ops.cast(ahead, "int32"), axis=-1)
    return ops.cast(ops.logical_and(place < k, ops.isfinite(ops.squeeze(score, -1))), dtype)


for _function in (sparse_categorical_accuracy, sparse_top_k_categorical_accuracy):
    _function.takes_indices = True  # type: ignore[attr-defined]


class Accuracy(MeanMetricWrapper):
    """How often predictions equal targets.

    Args:
        name, dtype: as for ``Metric``.
    """

    def __init__(self, name: str | None = "accuracy", dtype: Any = None) -> None:
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """How often predictions lie on their targets' side of a threshold.

    Args:
        name, dtype: as for ``Metric``.
        threshold: what predictions of 1 exceed, between 0 and 1.

    Example:
        >>> float(BinaryAccuracy()([[1.0], [0.0]], [[0.9], [0.8]]))
        0.5
    """

    def __init__(self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5) -> None:
        if threshold is not None and not 0 < threshold < 1:
            raise ValueError(f"BinaryAccuracy: threshold lies between 0 and 1, received {threshold!r}.")
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


class CategoricalAccuracy(MeanMetricWrapper):
    """How often the greatest prediction is that of the true class, of one-hot targets.

    Args:
        name, dtype: as for ``Metric``.
    """

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the greatest prediction is that of the true class, of class indices.

    Args:
        name, dtype: as for ``Metric``.
    """

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the true class is among the k greatest predictions, of one-hot targets.

    Args:
        k: how many predictions count.
        name, dtype: as for ``Metric``.
    """

    def __init__(self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the true class is among the k greatest predictions, of class indices.

    Args:
        k: how many predictions count.
        name, dtype: as for ``Metric``.
        from_sorted_ids: whether predictions are class indices from the likeliest on.
    """

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, k=k, from_sorted_ids=from_sorted_ids)
