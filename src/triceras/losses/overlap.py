"""Losses of sets and sequences: overlaps for segmentation, circle loss for embeddings, CTC for transcripts."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.core import settings
from triceras.core.masks import set_mask
from triceras.losses.loss import LossFunctionWrapper, as_pair, as_tensor


def dice(y_true: Any, y_pred: Any, axis: Any = None) -> Tensor:
    """``1 - 2 * sum(y_true * y_pred) / (sum(y_true) + sum(y_pred))``.

    Args:
        y_true: targets, 0 … 1.
        y_pred: predictions of the same shape, 0 … 1.
        axis: the axes summed over; None for all.

    Returns:
        The shape without those axes.

    Example:
        >>> round(float(dice([[1.0, 0.0]], [[1.0, 0.0]])), 4)
        0.0
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    common = ops.sum(y_true * y_pred, axis=axis)
    total = ops.sum(y_true, axis=axis) + ops.sum(y_pred, axis=axis)
    return 1.0 - ops.divide(2.0 * common, total + settings.epsilon())


def tversky(y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None) -> Tensor:
    """Dice with false positives and false negatives weighted apart (Salehi et al. 2017).

    Args:
        y_true, y_pred, axis: as for ``dice``.
        alpha: the weight of false negatives. (Keras documents it as that of false positives, and computes this.)
        beta: the weight of false positives.

    Returns:
        The shape without those axes.
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    common = ops.sum(y_true * y_pred, axis=axis)
    false_positives = ops.sum((1.0 - y_true) * y_pred, axis=axis)
    false_negatives = ops.sum(y_true * (1.0 - y_pred), axis=axis)
    total = common + alpha * false_negatives + beta * false_positives
    return 1.0 - ops.divide(common, total + settings.epsilon())


def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Tensor:
    """Circle loss over pairs of embeddings (Sun et al. 2020, equation 6).

    Args:
        y_true: class indices, ``(batch,)`` or ``(batch, 1)``.
        y_pred: embeddings of unit length, ``(batch, dim)``.
        ref_labels, ref_embeddings: what to compare with; the batch itself by default.
        remove_diagonal: whether an embedding isn't compared with itself.
        gamma: the scale.
        margin: the relaxation of the decision boundary.

    Returns:
        ``(batch,)``.
    """
    y_pred = as_tensor(y_pred, None)
    dtype = ops.dtype(y_pred)
    labels = ops.reshape(ops.cast(as_tensor(y_true, None), "int32"), (-1, 1))
    others = y_pred if ref_embeddings is None else as_tensor(ref_embeddings, dtype)
    other_labels = (
        labels if ref_labels is None else ops.reshape(ops.cast(as_tensor(ref_labels, None), "int32"), (-1, 1))
    )
    similar = ops.matmul(y_pred, ops.transpose(others))
    same = ops.equal(labels, ops.transpose(other_labels))
    if remove_diagonal:
        itself = ops.eye(labels.shape[0], other_labels.shape[0], dtype="bool")
        positive = ops.logical_and(same, ops.logical_not(itself))
    else:
        positive = same
    negative = ops.logical_not(same)
    weight_positive = ops.relu(1.0 + margin - ops.stop_gradient(similar))
    weight_negative = ops.relu(ops.stop_gradient(similar) + margin)
    of_positive = -gamma * weight_positive * (similar - (1.0 - margin))
    of_negative = gamma * weight_negative * (similar - margin)
    none = ops.full_like(similar, -1e9)
    values = ops.softplus(
        ops.logsumexp(ops.where(positive, of_positive, none), axis=1)
        + ops.logsumexp(ops.where(negative, of_negative, none), axis=1)
    )
    # A sample that is alone in its class has nothing to be near to, and counts nowhere.
    set_mask(values, ops.any(positive, axis=1))
    return values


def ctc(y_true: Any, y_pred: Any) -> Tensor:
    """Connectionist temporal classification (Graves et al. 2006); class 0 is the blank and pads the labels.

    Args:
        y_true: class indices, ``(batch, longest label)``.
        y_pred: logits, ``(batch, steps, classes)``.

    Returns:
        ``(batch,)``.

    Raises:
        ValueError: the ranks aren't 2 and 3.
    """
    y_true, y_pred = as_tensor(y_true, None), as_tensor(y_pred, None)
    if len(y_true.shape) != 2 or len(y_pred.shape) != 3:
        raise ValueError(
            "ctc() takes labels (batch, length) and logits (batch, steps, classes), received "
            f"{tuple(y_true.shape)} and {tuple(y_pred.shape)}."
        )
    labels = ops.cast(y_true, "int32")
    label_lengths = ops.sum(ops.cast(ops.not_equal(labels, 0), "int32"), axis=-1)
    steps = ops.ones_like(label_lengths) * ops.shape(y_pred)[1]
    return ops.ctc_loss(labels, y_pred, label_lengths, steps, mask_index=0)


ctc.takes_indices = True  # type: ignore[attr-defined]
circle.takes_indices = True  # type: ignore[attr-defined]


class Dice(LossFunctionWrapper):
    """``dice`` as a loss.

    Args:
        reduction, name, dtype: as for ``Loss``.
        axis: as for the function.
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dice",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dice, reduction, name, dtype, axis=axis)


class Tversky(LossFunctionWrapper):
    """``tversky`` as a loss.

    Args:
        alpha, beta, axis: as for the function.
        reduction, name, dtype: as for ``Loss``.
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)


class Circle(LossFunctionWrapper):
    """``circle`` over the pairs of a batch as a loss.

    Args:
        gamma, margin, remove_diagonal: as for the function.
        reduction, name, dtype: as for ``Loss``.
    """

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "circle",
        dtype: Any = None,
    ) -> None:
        options = {"gamma": gamma, "margin": margin, "remove_diagonal": remove_diagonal}
        super().__init__(circle, reduction, name, dtype, **options)


class CTC(LossFunctionWrapper):
    """``ctc`` as a loss; arguments as for ``Loss``."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "ctc", dtype: Any = None
    ) -> None:
        super().__init__(ctc, reduction, name, dtype)
