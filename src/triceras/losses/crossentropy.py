"""Cross-entropies: binary, categorical, of class indices, and their focal and generalized forms."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.core import settings
from triceras.core.masks import set_mask
from triceras.losses.loss import LossFunctionWrapper, as_pair, as_tensor


def _smooth_binary(y_true: Tensor, label_smoothing: float) -> Tensor:
    return y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing if label_smoothing else y_true


def _smooth_classes(y_true: Tensor, label_smoothing: float, axis: int) -> Tensor:
    return y_true * (1.0 - label_smoothing) + label_smoothing / y_true.shape[axis] if label_smoothing else y_true


def _check_smoothing(where: str, label_smoothing: Any) -> None:
    if not isinstance(label_smoothing, int | float) or not 0 <= label_smoothing <= 1:
        raise ValueError(f"{where}: label_smoothing is a number from 0 to 1, received {label_smoothing!r}.")


def _check_axis(where: str, axis: Any) -> None:
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise ValueError(f"{where}: axis is an integer, received {axis!r}.")


def _check_classes(where: str, y_pred: Tensor, axis: int) -> None:
    if y_pred.shape[axis] == 1:
        raise ValueError(
            f"{where}() needs at least two classes along axis {axis}, received predictions of shape "
            f"{tuple(y_pred.shape)}. For a single probability use binary_crossentropy."
        )


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """The mean over an axis of ``-y * log(p) - (1 - y) * log(1 - p)``.

    Args:
        y_true: labels, 0 … 1, in the shape of ``y_pred``.
        y_pred: probabilities, or logits.
        from_logits: whether ``y_pred`` is logits.
        label_smoothing: how far labels are moved towards 0.5, 0 … 1.
        axis: the axis that the mean is taken over.

    Returns:
        The predictions' shape without the axis.

    Example:
        >>> round(float(binary_crossentropy([1.0, 0.0], [0.5, 0.5])), 4)
        0.6931
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    y_true = _smooth_binary(y_true, label_smoothing)
    return ops.mean(ops.binary_crossentropy(y_true, y_pred, from_logits=from_logits), axis=axis)


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Binary cross-entropy times ``(1 - p_t)**gamma``, so that easy examples count less (Lin et al. 2017, equation 5).

    Args:
        y_true, y_pred, from_logits, label_smoothing, axis: as for ``binary_crossentropy``.
        apply_class_balancing: whether the classes are weighted by ``alpha`` (1) and ``1 - alpha`` (0).
        alpha: the weight of class 1.
        gamma: the focusing exponent.

    Returns:
        The predictions' shape without the axis.

    Example:
        >>> round(float(binary_focal_crossentropy([1.0], [0.5])), 4)
        0.1733
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    y_true = _smooth_binary(y_true, label_smoothing)
    probability = ops.sigmoid(y_pred) if from_logits else y_pred
    of_target = y_true * probability + (1.0 - y_true) * (1.0 - probability)
    values = ops.power(1.0 - of_target, gamma) * ops.binary_crossentropy(y_true, y_pred, from_logits=from_logits)
    if apply_class_balancing:
        values = (y_true * alpha + (1.0 - y_true) * (1.0 - alpha)) * values
    return ops.mean(values, axis=axis)


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """``-sum(y * log(p))`` over the classes.

    Args:
        y_true: the probability of each class, in the shape of ``y_pred``.
        y_pred: probabilities, which are scaled to sum to one, or logits.
        from_logits: whether ``y_pred`` is logits.
        label_smoothing: the share of probability spread evenly over the classes, 0 … 1.
        axis: the axis of the classes.

    Returns:
        The predictions' shape without the axis.

    Raises:
        ValueError: there is only one class, or the axis isn't an integer.

    Example:
        >>> convert_to_numpy(categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])).round(4).tolist()
        [0.6930999755859375]
    """
    _check_axis("categorical_crossentropy()", axis)
    y_true, y_pred = as_pair(y_true, y_pred)
    _check_classes("categorical_crossentropy", y_pred, axis)
    y_true = _smooth_classes(y_true, label_smoothing, axis)
    return ops.categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """``-sum(alpha * (1 - p)**gamma * y * log(p))`` over the classes (Lin et al. 2017).

    Args:
        y_true, y_pred, from_logits, label_smoothing, axis: as for ``categorical_crossentropy``.
        alpha: a weight, or one for each class.
        gamma: the focusing exponent.

    Returns:
        The predictions' shape without the axis.
    """
    _check_axis("categorical_focal_crossentropy()", axis)
    y_true, y_pred = as_pair(y_true, y_pred)
    _check_classes("categorical_focal_crossentropy", y_pred, axis)
    y_true = _smooth_classes(y_true, label_smoothing, axis)
    if from_logits:
        y_pred = ops.softmax(y_pred, axis=axis)
    y_pred = y_pred / ops.sum(y_pred, axis=axis, keepdims=True)
    y_pred = ops.clip(y_pred, settings.epsilon(), 1.0 - settings.epsilon())
    weight = alpha if isinstance(alpha, int | float) else ops.convert_to_tensor(alpha, ops.dtype(y_pred))
    return ops.sum(-weight * ops.power(1.0 - y_pred, gamma) * y_true * ops.log(y_pred), axis=axis)


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Tensor:
    """``-log(p[y])`` for class indices.

    Args:
        y_true: class indices in the shape of ``y_pred`` without its classes, or with a last axis of size one.
        y_pred: probabilities, which are scaled to sum to one, or logits.
        from_logits: whether ``y_pred`` is logits.
        ignore_class: an index whose samples have no loss.
        axis: the axis of the classes.

    Returns:
        The predictions' shape without the axis.

    Raises:
        ValueError: the shapes of labels and predictions don't belong together.

    Example:
        >>> convert_to_numpy(sparse_categorical_crossentropy([1], [[0.5, 0.5]])).round(4).tolist()
        [0.6930999755859375]
    """
    _check_axis("sparse_categorical_crossentropy()", axis)
    y_pred = as_tensor(y_pred, None)
    y_true = as_tensor(y_true, None)
    if ops.dtype(y_true) not in ("int32", "int64"):
        y_true = ops.cast(y_true, "int32")
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)
    counts = ops.not_equal(y_true, ignore_class)
    labels = ops.where(counts, y_true, 0)
    values = ops.sparse_categorical_crossentropy(labels, y_pred, from_logits=from_logits, axis=axis)
    values = ops.where(counts, values, 0.0)
    set_mask(values, counts)
    return values


# Class indices aren't cast to the loss's dtype, which might not hold large ones.
sparse_categorical_crossentropy.takes_indices = True  # type: ignore[attr-defined]


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Tensor:
    """``(1 - p[y]**q) / q``, between cross-entropy (q near 0) and absolute error (q = 1) (Zhang & Sabuncu 2018).

    Args:
        y_true: class indices, one axis less than ``y_pred`` or with a last axis of size one.
        y_pred: probabilities, classes last.
        q: the exponent, above 0 and at most 1.

    Returns:
        The predictions' shape without its last axis.

    Example:
        >>> convert_to_numpy(categorical_generalized_cross_entropy([1], [[0.75, 0.25]], 0.5)).tolist()
        [1.0]
    """
    y_pred = as_tensor(y_pred, None)
    y_true = ops.cast(as_tensor(y_true, None), "int32")
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    hot = ops.one_hot(y_true, y_pred.shape[-1], dtype=ops.dtype(y_pred))
    return (1.0 - ops.power(ops.sum(hot * y_pred, axis=-1), q)) / q


class BinaryCrossentropy(LossFunctionWrapper):
    """``binary_crossentropy`` as a loss.

    Args:
        from_logits, label_smoothing, axis: as for the function.
        reduction, name, dtype: as for ``Loss``.

    Example:
        >>> round(float(BinaryCrossentropy()([[1.0], [0.0]], [[0.5], [0.5]])), 4)
        0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        _check_smoothing("BinaryCrossentropy", label_smoothing)
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(binary_crossentropy, reduction, name, dtype, **options)


class BinaryFocalCrossentropy(LossFunctionWrapper):
    """``binary_focal_crossentropy`` as a loss.

    Args:
        apply_class_balancing, alpha, gamma, from_logits, label_smoothing, axis: as for the function.
        reduction, name, dtype: as for ``Loss``.
    """

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        _check_smoothing("BinaryFocalCrossentropy", label_smoothing)
        super().__init__(
            binary_focal_crossentropy,
            reduction,
            name,
            dtype,
            apply_class_balancing=apply_class_balancing,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class CategoricalCrossentropy(LossFunctionWrapper):
    """``categorical_crossentropy`` as a loss.

    Args:
        from_logits, label_smoothing, axis: as for the function.
        reduction, name, dtype: as for ``Loss``.

    Example:
        >>> round(float(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])), 4)
        0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        _check_smoothing("CategoricalCrossentropy", label_smoothing)
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(categorical_crossentropy, reduction, name, dtype, **options)


class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """``categorical_focal_crossentropy`` as a loss.

    Args:
        alpha, gamma, from_logits, label_smoothing, axis: as for the function.
        reduction, name, dtype: as for ``Loss``.
    """

    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        _check_smoothing("CategoricalFocalCrossentropy", label_smoothing)
        super().__init__(
            categorical_focal_crossentropy,
            reduction,
            name,
            dtype,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """``sparse_categorical_crossentropy`` as a loss.

    Args:
        from_logits, ignore_class, axis: as for the function; ignored samples count neither above nor below the mean.
        reduction, name, dtype: as for ``Loss``.

    Example:
        >>> round(float(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])), 4)
        0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        options = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(sparse_categorical_crossentropy, reduction, name, dtype, **options)


class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """``categorical_generalized_cross_entropy`` as a loss, for noisy labels.

    Args:
        q: the exponent, above 0 and below 1.
        reduction, name, dtype: as for ``Loss``.

    Raises:
        ValueError: q is out of range.
    """

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ) -> None:
        if not 0 < q < 1:
            raise ValueError(f"CategoricalGeneralizedCrossEntropy: q lies between 0 and 1, received {q!r}.")
        super().__init__(categorical_generalized_cross_entropy, reduction, name, dtype, q=q)
