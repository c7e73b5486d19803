"""Intersection over union, from a confusion matrix of classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.core import masks
from triceras.core.masks import get_mask
from triceras.losses.loss import as_tensor
from triceras.metrics.metric import Metric
from triceras.metrics.reduction import masked_weight


class IoU(Metric):
    """``hits / (hits + false positives + false negatives)``, the mean over those of some classes that occur.

    Args:
        num_classes: how many classes there are.
        target_class_ids: those that count.
        name: its name.
        dtype: the dtype of the confusion matrix; int32 by default, which takes whole weights only.
        ignore_class: a label whose places don't count.
        sparse_y_true: whether targets are class indices rather than one-hot.
        sparse_y_pred: whether predictions are class indices rather than scores.
        axis: the axis of the classes, where there is one.

    Raises:
        ValueError: a class to count is out of range.

    Example:
        >>> round(float(IoU(2, [0])([0, 0, 1, 1], [0, 1, 0, 1])), 4)
        0.3333
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(name=name, dtype=dtype or "int32")
        if target_class_ids and max(target_class_ids) >= num_classes:
            raise ValueError(
                f"{type(self).__name__}: target_class_ids lie between 0 and {num_classes - 1}, received "
                f"{target_class_ids}."
            )
        self.num_classes = num_classes
        self.target_class_ids = list(target_class_ids)
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis
        self.total_cm = self.add_variable((num_classes, num_classes), "zeros", name="total_confusion_matrix")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        labels = self._indices(y_true, self.sparse_y_true)
        said = self._indices(y_pred, self.sparse_y_pred)
        weight = self._weights(get_mask(y_pred), sample_weight, y_true)
        weight = ops.cast(ops.ones_like(said) if weight is None else weight, self.dtype)
        if self.ignore_class is not None:
            counts = ops.not_equal(labels, self.ignore_class)
            labels = ops.where(counts, labels, 0)
            weight = weight * ops.cast(counts, self.dtype)
        cells = ops.segment_sum(weight, labels * self.num_classes + said, num_segments=self.num_classes**2)
        matrix = ops.reshape(ops.cast(cells, self.dtype), (self.num_classes, self.num_classes))
        self.total_cm.assign(self.total_cm.value + matrix)

    def _indices(self, y: Any, sparse: bool) -> Tensor:
        y = as_tensor(y, None)
        y = y if sparse else ops.argmax(y, axis=self.axis)
        return ops.reshape(ops.cast(y, "int32"), (-1,))

    def _weights(self, mask: Any, sample_weight: Any, y_true: Any) -> Tensor | None:
        """A weight for each label, or None where all count alike."""
        given = None if sample_weight is None else as_tensor(sample_weight, None)
        if given is not None and "float" in ops.dtype(given) and "int" in self.dtype:
            raise ValueError(
                f"The metric {self.name!r} counts in {self.dtype} and received fractional sample weights. Make it with "
                "dtype='float32'."
            )
        weight = masked_weight(mask, given, self.dtype)
        if weight is None:
            return None
        shape = ops.shape(as_tensor(y_true, None))
        if not self.sparse_y_true:
            shape = tuple(d for i, d in enumerate(shape) if i != self.axis % len(shape))
        while len(weight.shape) < len(shape):
            weight = ops.expand_dims(weight, -1)
        return ops.reshape(ops.broadcast_to(weight, shape), (-1,))

    def result(self) -> Tensor:
        matrix = ops.cast(self.total_cm.value, "float32")
        hits = ops.diagonal(matrix)
        union = ops.sum(matrix, axis=0) + ops.sum(matrix, axis=1) - hits
        chosen = ops.convert_to_tensor(self.target_class_ids, "int32")
        hits, union = ops.take(hits, chosen, axis=0), ops.take(union, chosen, axis=0)
        return ops.divide_no_nan(ops.sum(ops.divide_no_nan(hits, union)), ops.sum(ops.cast(union > 0, "float32")))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "target_class_ids": self.target_class_ids,
            "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }

    def _config_without(self, *keys: str) -> dict[str, Any]:
        return {key: value for key, value in IoU.get_config(self).items() if key not in keys}


class BinaryIoU(IoU):
    """Intersection over union of predictions on two sides of a threshold.

    Args:
        target_class_ids: the classes that count, of 0 and 1.
        threshold: where predictions become 1.
        name, dtype: as for ``IoU``.

    Example:
        >>> round(float(BinaryIoU()([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])), 4)
        0.5833
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        decisions = as_tensor(y_pred, None) >= self.threshold
        with masks.table():
            masks.set_masks([decisions], masks.get_masks([y_pred]))
            super().update_state(y_true, decisions, sample_weight)

    def get_config(self) -> dict[str, Any]:
        left_out = ("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")
        return {**self._config_without(*left_out), "threshold": self.threshold}


class MeanIoU(IoU):
    """Intersection over union, the mean over all classes.

    Args:
        num_classes: how many classes there are.
        name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis: as for ``IoU``.

    Example:
        >>> round(float(MeanIoU(2)([0, 0, 1, 1], [0, 1, 0, 1])), 4)
        0.3333
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        classes = range(num_classes)
        super().__init__(num_classes, classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        return self._config_without("target_class_ids")


class OneHotIoU(IoU):
    """Intersection over union of one-hot targets.

    Args:
        num_classes, target_class_ids, name, dtype, ignore_class, sparse_y_pred, axis: as for ``IoU``.
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        return self._config_without("sparse_y_true")


class OneHotMeanIoU(MeanIoU):
    """Intersection over union of one-hot targets, the mean over all classes.

    Args:
        num_classes, name, dtype, ignore_class, sparse_y_pred, axis: as for ``IoU``.
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        return self._config_without("target_class_ids", "sparse_y_true")
